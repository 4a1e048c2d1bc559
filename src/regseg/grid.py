"""Where the voxels of an image lie, and which of them are meant: the ground floor of the package.

Everything counts in SimpleITK's order, x, y, z; only `Box.slices` is in numpy's, z, y, x. Millimetres are millimetres,
or whatever unit the image's spacing has.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import SimpleITK as sitk
from numpy.typing import ArrayLike


@dataclass(frozen=True)
class Box:
    """The voxels from `start` (included) to `stop` (excluded), one number for each axis."""

    start: tuple[int, ...]
    stop: tuple[int, ...]

    @property
    def size(self) -> tuple[int, ...]:
        """How many voxels along each axis; zero where the box is empty."""
        return tuple(max(stop - start, 0) for start, stop in zip(self.start, self.stop, strict=True))

    @property
    def empty(self) -> bool:
        """Whether there is no voxel in it."""
        return 0 in self.size

    @property
    def slices(self) -> tuple[slice, ...]:
        """What cuts the box out of an array, in the array's order."""
        return tuple(slice(start, stop) for start, stop in zip(self.start[::-1], self.stop[::-1], strict=True))

    def grow(self, margin: Sequence[int]) -> Box:
        """The box with a margin of so many voxels on both sides of each axis."""
        return Box(
            tuple(start - more for start, more in zip(self.start, margin, strict=True)),
            tuple(stop + more for stop, more in zip(self.stop, margin, strict=True)),
        )

    def clip(self, within: Box) -> Box:
        """The part of the box that lies in another one."""
        start = tuple(max(a, b) for a, b in zip(self.start, within.start, strict=True))
        stop = tuple(min(a, b) for a, b in zip(self.stop, within.stop, strict=True))
        return Box(start, tuple(max(a, b) for a, b in zip(start, stop, strict=True)))

    def move(self, origin: Sequence[int]) -> Box:
        """The same box, counted from another voxel."""
        return Box(
            tuple(start - first for start, first in zip(self.start, origin, strict=True)),
            tuple(stop - first for stop, first in zip(self.stop, origin, strict=True)),
        )

    def scale(self, factors: Sequence[int]) -> Box:
        """The same box, counted in voxels that are so many times smaller."""
        return Box(
            tuple(start * factor for start, factor in zip(self.start, factors, strict=True)),
            tuple(stop * factor for stop, factor in zip(self.stop, factors, strict=True)),
        )


@dataclass(frozen=True)
class Grid:
    """Where the voxels of an image lie: size, spacing and origin in mm, direction as SimpleITK's row of numbers."""

    size: tuple[int, ...]
    spacing: tuple[float, ...]
    origin: tuple[float, ...]
    direction: tuple[float, ...]

    @classmethod
    def of(cls, image: sitk.Image | sitk.ImageFileReader) -> Grid:
        """The grid of an image, or of a file whose header a reader has read."""
        return cls(image.GetSize(), image.GetSpacing(), image.GetOrigin(), image.GetDirection())

    @classmethod
    def around(
        cls, middle: Sequence[float], size: Sequence[int], spacing: Sequence[float], direction: Sequence[float]
    ) -> Grid:
        """The grid whose middle lies at a point (mm)."""
        at_zero = cls(tuple(size), tuple(spacing), (0.0,) * len(size), tuple(direction))
        return replace(at_zero, origin=tuple(np.subtract(middle, at_zero.middle).tolist()))

    @property
    def dimension(self) -> int:
        """2 or 3."""
        return len(self.size)

    @property
    def box(self) -> Box:
        """All its voxels."""
        return Box((0,) * self.dimension, self.size)

    @property
    def axes(self) -> np.ndarray:
        """The direction matrix: one column for each axis of the image."""
        return np.reshape(self.direction, (self.dimension, self.dimension))

    @property
    def matrix(self) -> np.ndarray:
        """What turns an index into a position, once the origin is added."""
        return self.axes * np.array(self.spacing)

    @property
    def middle(self) -> tuple[float, ...]:
        """The middle of the image in mm: the centre of the middle voxel, or between two where their number is even."""
        # Summed term by term, as ITK does, and not by BLAS, whose last digit depends on the processor.
        steps = self.matrix * ((np.array(self.size) - 1) / 2)
        return tuple((steps.sum(axis=1) + self.origin).tolist())

    def points(self, indices: ArrayLike) -> np.ndarray:
        """The positions, in mm, of indices of shape (..., dimension); fractions of a voxel are welcome."""
        return np.asarray(indices) @ self.matrix.T + self.origin

    def indices(self, points: ArrayLike) -> np.ndarray:
        """The indices, with fractions, of positions of shape (..., dimension) in mm."""
        return (np.asarray(points) - self.origin) @ np.linalg.inv(self.matrix).T

    def factors(self, finer: Grid) -> tuple[int, ...]:
        """How many voxels of a finer grid one of these has along each axis; the undoing of `shrink`."""
        return tuple(round(large / small) for large, small in zip(self.spacing, finer.spacing, strict=True))

    def matches(self, other: Grid) -> bool:
        """Whether the voxels of two grids are the same, to a thousandth of a voxel: files round what they hold.

        This is the one rule for "on the same grid"; each caller says in its own words what to do when it is broken.
        """
        if self.size != other.size:
            return False
        corners = np.vstack([np.zeros(self.dimension), np.diag(self.size)])
        return bool(np.abs(other.indices(self.points(corners)) - corners).max() < 1e-3)

    def crop(self, box: Box) -> Grid:
        """The grid of a part of the image: the same voxels, at the same places."""
        return Grid(box.size, self.spacing, tuple(self.points(box.start).tolist()), self.direction)

    def shrink(self, factors: Sequence[int]) -> Grid:
        """The grid whose voxels are so many times larger and fill the same space.

        The first large voxel has its centre in the middle of the small ones that it replaces. Where the size is no
        multiple of the factor, the last large voxel reaches over the border.
        """
        return Grid(
            tuple(-(-n // factor) for n, factor in zip(self.size, factors, strict=True)),
            tuple(step * factor for step, factor in zip(self.spacing, factors, strict=True)),
            tuple(self.points((np.array(factors) - 1) / 2).tolist()),
            self.direction,
        )

    def sample(self, transform: sitk.Transform) -> sitk.Image:
        """The displacements of a transform at the voxels: a vector image (64-bit floats) in mm on this grid.

        Raises ValueError when the transform has another dimension.
        """
        if transform.GetDimension() != self.dimension:
            raise ValueError(f"a {transform.GetDimension()}-D transform has no place on a {self.dimension}-D grid")
        return sitk.TransformToDisplacementField(
            transform, sitk.sitkVectorFloat64, self.size, self.origin, self.spacing, self.direction
        )

    def image(self, array: np.ndarray, box: Box | None = None) -> sitk.Image:
        """A copy of an array (z, y, x[, component]) as an image on this grid, or on the part of it in the box."""
        grid = self.crop(box) if box else self
        image = sitk.GetImageFromArray(array, isVector=array.ndim > self.dimension)
        image.SetSpacing(grid.spacing)
        image.SetOrigin(grid.origin)
        image.SetDirection(grid.direction)
        return image


def perpendicular(direction: np.ndarray) -> bool:
    """Whether a direction matrix has perpendicular columns of length 1, up to the rounding of files."""
    return bool(np.abs(direction.T @ direction - np.eye(len(direction))).max() < 1e-3)
