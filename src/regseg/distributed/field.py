"""A smooth displacement field, held by a few numbers: its values on a coarse lattice, and a cubic spline between them.

The cells of the lattice are boxes of so many voxels of the fixed image, about 4 mm wide; a value belongs to the centre
of its cell. The lattice keeps its size in mm however fine the voxels are, so the field of a volume larger than memory
still fits. Between the centres the field is the cubic spline through the values (M. Unser, "Splines: a perfect fit for
signal and image processing", IEEE Signal Processing Magazine 16(6), 1999). SimpleITK's BSplineTransform is the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import SimpleITK as sitk
from scipy.ndimage import map_coordinates, spline_filter1d

from regseg.grid import Grid

_MARGIN = 2  # coefficients that the spline needs on each side, beyond the outermost cells


@dataclass(frozen=True)
class Field:
    """Displacements on a lattice: `values` of shape (dimension, z, y, x), components x, y, z, in mm (LPS)."""

    lattice: Grid
    values: np.ndarray

    @classmethod
    def zero(cls, lattice: Grid) -> Field:
        """The field that moves nothing."""
        return cls(lattice, np.zeros((lattice.dimension, *lattice.size[::-1]), np.float32))

    @classmethod
    def known(cls, lattice: Grid, values: np.ndarray, coefficients: np.ndarray) -> Field:
        """A field whose coefficients have been computed before; in files they are read as far as is asked for."""
        field = cls(lattice, values)
        vars(field)["coefficients"] = coefficients  # where cached_property keeps them
        return field

    @classmethod
    def of(cls, transform: sitk.BSplineTransform) -> Field:
        """The field whose `transform` this is."""
        images = transform.GetCoefficientImages()
        wider = Grid.of(images[0])
        lattice = wider.crop(wider.box.grow((-_MARGIN,) * wider.dimension))
        coefficients = np.stack([sitk.GetArrayFromImage(each) for each in images]).astype(np.float32)
        centres = [np.arange(n) for n in lattice.size[::-1]]
        return cls.known(lattice, cls.known(lattice, coefficients, coefficients).sample(centres), coefficients)

    @cached_property
    def coefficients(self) -> np.ndarray:
        """The coefficients of the spline through the values, mirrored at the border, with a margin on each side."""
        out = self.values
        for axis in range(1, out.ndim):
            out = spline_filter1d(out, order=3, axis=axis, output=np.float32, mode="mirror")
        return np.pad(out, [(0, 0)] + [(_MARGIN, _MARGIN)] * (out.ndim - 1), mode="reflect")

    def sample(self, positions: Sequence[np.ndarray]) -> np.ndarray:
        """The displacements on a grid of positions, as float32 of shape (dimension, z, y, x).

        Parameters
        ----------
        positions : Sequence[array]
            For each axis of the array (z, y, x), ascending positions counted in cells of the lattice: 0 is
            the centre of the first one.
        """
        reach = [(int(np.floor(where[0])) - 1 + _MARGIN, int(np.floor(where[-1])) + 3 + _MARGIN) for where in positions]
        out = np.asarray(self.coefficients[(slice(None), *(slice(*each) for each in reach))])  # no more than is needed
        for where, (first, stop) in zip(positions, reach, strict=True):
            weights = cubic(np.asarray(where)[:, None] + _MARGIN - np.arange(first, stop))
            # The axis in work is always the second; done, it becomes the last. After all of them the order is right.
            out = np.tensordot(out, weights, axes=(1, 1))
        return out

    def at(self, points: np.ndarray) -> np.ndarray:
        """The displacements at points, both of shape (n, dimension), in mm; beyond the lattice those of its border."""
        indices = self.lattice.indices(points)
        where = np.clip(indices, -0.5, np.array(self.lattice.size) - 0.5).T[::-1] + _MARGIN
        moves = [map_coordinates(each, where, float, order=3, prefilter=False) for each in self.coefficients]
        return np.stack(moves, axis=-1)

    @property
    def transform(self) -> sitk.BSplineTransform:
        """The same field as a SimpleITK transform. Beyond the lattice it moves nothing."""
        grid = self.lattice
        wider = grid.crop(grid.box.grow((_MARGIN,) * grid.dimension))
        return sitk.BSplineTransform([wider.image(each.astype(np.float64)) for each in self.coefficients], 3)


def cubic(distance: np.ndarray) -> np.ndarray:
    """The weight of a cubic B-spline's coefficient at a distance counted in coefficients, as float32."""
    d = np.abs(distance)
    return np.where(d < 1, 2 / 3 - d**2 + d**3 / 2, np.where(d < 2, (2 - d) ** 3 / 6, 0)).astype(np.float32)
