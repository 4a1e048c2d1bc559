"""How much do two segmentations share, and how far apart do their surfaces lie?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from scipy.spatial import KDTree

from regseg.evaluate.registration import require_same_grid, require_scalar
from regseg.grid import Grid


@dataclass(frozen=True)
class Overlap:
    """How much two segmentations share.

    Attributes
    ----------
    dice : float
        Twice the common volume over the sum of the volumes, 0 to 1.
    jaccard : float
        The common volume over the volume of the union, 0 to 1.
    volume_ratio : float
        Volume of the segmentation over that of the reference; 1 is the same volume, anywhere.
    """

    dice: float
    jaccard: float
    volume_ratio: float


@dataclass(frozen=True)
class SurfaceDistance:
    """Distances between two surfaces in mm, gathered from both sides; each piece of surface counts by its area.

    Attributes
    ----------
    mean : float
        The average distance from a point of one surface to the other surface.
    percentile_95 : float
        Nineteen twentieths of both surfaces lie closer than this.
    hausdorff : float
        The largest distance of all: one stray voxel decides it.
    """

    mean: float
    percentile_95: float
    hausdorff: float


def overlap(reference: sitk.Image, segmentation: sitk.Image, label: int = 1) -> Overlap:
    """Volume overlap of one label in two label images.

    Raises
    ------
    ValueError
        The images lie on different grids, or one of them does not contain the label or has no single number per voxel.
    """
    ours, theirs = _binary(reference, segmentation, label)
    common, one, other = (int(np.count_nonzero(part)) for part in (ours & theirs, ours, theirs))
    return Overlap(2 * common / (one + other), common / (one + other - common), other / one)


def surface_distance(reference: sitk.Image, segmentation: sitk.Image, label: int = 1) -> SurfaceDistance:
    """Distances in mm between the surfaces of one label in two label images.

    A surface is made of the faces between voxels that have the label and others; beyond the edge of the image nothing
    has it, so an object that ends there has a surface there. Distances run from the centre of each face to the nearest
    centre of the other surface, and count by the area of the face: in slices of 1 × 1 × 5 mm a face on the side is five
    times as large as one on top. Long voxels are cut into nearly cubic ones before, so that the centres lie dense.

    Raises
    ------
    ValueError
        The images lie on different grids, or one of them does not contain the label or has no single number per voxel.

    References
    ----------
    Reinke et al.: Understanding metric-related pitfalls in image analysis validation. Nature Methods 21, 2024.
    """
    grid = Grid.of(reference)
    surfaces = [_surface(mask, grid) for mask in _binary(reference, segmentation, label)]
    (ours, our_areas), (theirs, their_areas) = surfaces
    distances = np.concatenate([KDTree(theirs).query(ours)[0], KDTree(ours).query(theirs)[0]])
    areas = np.concatenate([our_areas, their_areas])
    return SurfaceDistance(
        float(np.average(distances, weights=areas)),
        float(np.quantile(distances, 0.95, weights=areas, method="inverted_cdf")),
        float(distances.max()),
    )


def _surface(mask: np.ndarray, grid: Grid) -> tuple[np.ndarray, np.ndarray]:
    """The centres (n, d) in mm of the faces between a binary array (z, y, x) and what is around it, and their areas."""
    cuts = np.rint(np.divide(grid.spacing, min(grid.spacing))).astype(int)  # of a voxel along x, y, z
    places = np.nonzero(mask)
    first = np.array([along.min() for along in places[::-1]])
    mask = mask[tuple(slice(along.min(), along.max() + 1) for along in places)]
    for axis, count in enumerate(cuts[::-1]):
        mask = mask.repeat(count, axis)
    mask = np.pad(mask, 1)

    matrix = grid.matrix / cuts
    areas = abs(np.linalg.det(matrix)) * np.linalg.norm(np.linalg.inv(matrix), axis=1)  # volume over height
    centres, sizes = [], []
    for axis, area in enumerate(areas):
        faces = np.argwhere(np.diff(mask, axis=grid.dimension - 1 - axis))[:, ::-1].astype(float)
        faces[:, axis] += 0.5  # a face lies between this voxel and the next
        centres.append(grid.points(first + (faces - 0.5) / cuts - 0.5))  # the padding's voxel taken off
        sizes.append(np.full(len(faces), area))
    return np.concatenate(centres), np.concatenate(sizes)


def _binary(reference: sitk.Image, segmentation: sitk.Image, label: int) -> tuple[np.ndarray, np.ndarray]:
    """Where the label is, in both images; compared as NumPy does, so that 257 is not 1 in eight bits."""
    require_same_grid(reference, segmentation, "the reference", "the segmentation")
    require_scalar(reference, "the reference")
    require_scalar(segmentation, "the segmentation")
    ours, theirs = (sitk.GetArrayViewFromImage(image) == label for image in (reference, segmentation))
    for found, name in ((ours, "reference"), (theirs, "segmentation")):
        if not found.any():
            raise ValueError(f"the {name} has no voxel of label {label}: overlap with nothing is not defined")
    return ours, theirs
