"""One block of the fixed image, and what the moving image shows there as the registration stands."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from scipy.ndimage import distance_transform_edt, map_coordinates

from regseg.blocks import Block
from regseg.distributed.field import Field
from regseg.grid import Box, Grid
from regseg.volumes import Volume, exact

Linear = tuple[np.ndarray, np.ndarray]  # a matrix and a shift in mm: a point x goes to matrix @ x + shift

Ranges = tuple[tuple[float, float], tuple[float, float]]  # (low, high) of the fixed image, and of the moving one

_REACH = 4  # voxels that the spline interpolation looks at around a position


class BlockError(Exception):
    """A block that cannot be registered; the message says why. The other blocks bridge it."""


@dataclass(frozen=True)
class BlockPair:
    """What a block method looks at: two images on the same voxels, those of the block with its halo.

    Attributes
    ----------
    fixed : Image
        The fixed image, float32.
    moving : Image
        The moving image, seen through the transform as it stands: where it is perfect, the two are alike.
    mask : Image
        1 where there is something to compare: inside the moving image, and inside the mask where one is given.
    cells : Block
        The cells of the lattice: `cells.core` are the ones this block answers for, `cells.padded` fill it.
    factors : tuple[int, ...]
        How many voxels a cell has along x, y, z.
    ranges : Ranges
        The (low, high) grey range of the whole fixed and of the whole moving image, without outliers.
    field : Field
        The field as it stands.
    shared : array, optional
        What all blocks together have put into `Votes.shared` in the iteration before; None in the first one.
    """

    fixed: sitk.Image
    moving: sitk.Image
    mask: sitk.Image
    cells: Block
    factors: tuple[int, ...]
    ranges: Ranges
    field: Field
    shared: np.ndarray | None

    @property
    def core(self) -> tuple[slice, ...]:
        """What cuts the block without its halo out of an array (z, y, x) of the block."""
        return self.cells.inner.scale(self.factors).slices


def cut(
    fixed: Volume,
    moving: Volume,
    mask: Volume | None,
    cells: Block,
    field: Field,
    initial: Linear,
    ranges: Ranges,
    shared: np.ndarray | None,
) -> BlockPair:
    """Read one block of the fixed image and the part of the moving image that belongs to it, and nothing else.

    Raises
    ------
    BlockError
        No part of the block is inside the moving image and the mask, all there is NaN or infinite, or one of the two
        images is constant.
    """
    factors = field.lattice.factors(fixed.grid)
    box = cells.padded.scale(factors).clip(fixed.grid.box)
    values, inside = pull(moving, fixed.grid, box, field, initial, order=2)
    values = values.astype(np.float32, copy=False)
    if mask is not None:
        inside &= mask.array[box.slices] > 0.5
    image = fixed.array[box.slices].astype(np.float32)
    if not inside.any():
        raise BlockError("no overlap: the block lies outside the moving image or the mask")
    inside &= np.isfinite(image) & np.isfinite(values)
    if not inside.any():
        raise BlockError("NaN or infinite values only, in one image or the other")
    image, values = _known(image), _known(values)
    for name, each in (("fixed", image), ("moving", values)):
        if np.ptp(each[inside]) == 0:
            raise BlockError(f"the {name} image is constant here")
    place = fixed.grid.crop(box)
    mask_image = place.image(inside.astype(np.uint8))
    return BlockPair(place.image(image), place.image(values), mask_image, cells, factors, ranges, field, shared)


def pull(
    moving: Volume, grid: Grid, box: Box, field: Field, initial: Linear, order: int
) -> tuple[np.ndarray, np.ndarray]:
    """The moving image on a box of a grid, through the field and then the initial transform.

    A voxel i of the grid lies at p(i), and shows the moving image at T(p(i) + u(p(i))), with T linear. Counted in
    voxels of the moving image that is B i + C u + e: two small matrices and a shift, for all voxels at once.

    Returns
    -------
    tuple[array, array]
        The values (z, y, x), floating, or the image's own type for order 0, and 0 outside the moving image; and which
        voxels are inside. Where the moving image is NaN or infinite, so are they.
    """
    matrix, shift = initial
    dimension = grid.dimension
    to_index = np.linalg.inv(moving.grid.matrix)
    b = to_index @ matrix @ grid.matrix
    c = (to_index @ matrix).astype(np.float32)
    e = to_index @ (matrix @ grid.points(box.start) + shift - np.array(moving.grid.origin))
    # Whole voxels are counted apart: float32 has too few digits for a position in a large volume.
    first = np.floor(e).astype(int)
    u = displacements(field, grid, box)
    where = np.empty_like(u)
    for axis in range(dimension):
        out = where[dimension - 1 - axis]  # map_coordinates wants the axes in the array's order
        np.multiply(u[0], c[axis, 0], out=out)
        for other in range(1, dimension):
            out += c[axis, other] * u[other]
        for other, size in enumerate(box.size):
            line = b[axis, other] * np.arange(size) + (e[axis] - first[axis]) * (other == 0)
            out += line.astype(np.float32).reshape([-1] + [1] * other)
    low = first + [int(np.floor(each.min())) for each in where[::-1]]
    high = first + [int(np.ceil(each.max())) + 1 for each in where[::-1]]
    source = Box(tuple(low.tolist()), tuple(high.tolist())).grow((_REACH,) * dimension).clip(moving.grid.box)
    if source.empty:
        return np.zeros(box.size[::-1], np.float32), np.zeros(box.size[::-1], bool)
    inside = np.ones(box.size[::-1], bool)
    for axis, each in enumerate(where[::-1]):
        each += first[axis] - source.start[axis]
        # As in SimpleITK, half a voxel around the outermost centres still belongs to the image.
        inside &= (each >= -0.5 - source.start[axis]) & (each < moving.grid.size[axis] - 0.5 - source.start[axis])
    # The nearest voxel keeps its type: the numbers of labels may be too large for float32.
    kind = exact(moving.array.dtype) if order else moving.array.dtype
    values = moving.array[source.slices].astype(kind, copy=False)
    # A spline would spread one NaN over all the box; with the other orders it stays where it is.
    unknown = ~np.isfinite(values) if order > 1 else np.zeros((), bool)
    values = map_coordinates(_known(values) if order > 1 else values, where, order=order, mode="nearest", output=kind)
    if unknown.any():
        values[map_coordinates(unknown.astype(np.float32), where, order=1, mode="nearest") > 0] = np.nan
    values[~inside] = 0
    return values, inside


def _known(values: np.ndarray) -> np.ndarray:
    """The values, with those that are NaN or infinite replaced by the nearest that are not: so no edge is made up."""
    unknown = ~np.isfinite(values)
    if not unknown.any() or unknown.all():
        return values
    nearest = distance_transform_edt(unknown, return_distances=False, return_indices=True)
    return values[tuple(nearest)]


def displacements(field: Field, grid: Grid, box: Box) -> np.ndarray:
    """The field at the voxels of a box of a grid that lies on the lattice's, shape (dimension, z, y, x), in mm."""
    ratios = [voxel / cell for voxel, cell in zip(grid.spacing, field.lattice.spacing, strict=True)]
    along = zip(box.start, box.stop, ratios, strict=True)
    return field.sample([(np.arange(start, stop) + 0.5) * ratio - 0.5 for start, stop, ratio in along][::-1])


def linear(transform: sitk.Transform) -> Linear:
    """The matrix and the shift of a linear SimpleITK transform: a point x goes to matrix @ x + shift.

    Raises
    ------
    ValueError
        The transform is not linear, or its matrix is singular.
    """
    if not transform.IsLinear():
        raise ValueError(
            f"The initial transform (initial, --initial) must be linear, and {transform.GetName()} is not: give its "
            "linear part alone, such as 0GenericAffine.mat of ANTs, for what bends is found anew."
        )
    dimension = transform.GetDimension()
    shift = np.array(transform.TransformPoint([0.0] * dimension))
    matrix = np.stack([np.array(transform.TransformPoint(row)) - shift for row in np.eye(dimension)], axis=1)
    if not np.isfinite(matrix).all() or abs(np.linalg.det(matrix)) < 1e-9:
        raise ValueError(
            "The matrix of the initial transform is singular: it flattens the image. Check how it was made."
        )
    return matrix, shift
