"""How far apart do the surfaces of two segmentations lie?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from scipy import ndimage
from scipy.spatial import KDTree

from regseg.evaluate.inputs import both_with_label
from regseg.grid import Grid


@dataclass(frozen=True)
class DirectedDistance:
    """Distances in mm from one surface to the nearest point of another; each piece of surface counts by its area.

    Attributes
    ----------
    mean : float
        The average distance.
    percentile_95 : float
        Nineteen twentieths of the surface lie closer than this.
    maximum : float
        The largest distance of all.
    """

    mean: float
    percentile_95: float
    maximum: float


@dataclass(frozen=True)
class SurfaceDistance:
    """Distances between two surfaces in mm; each piece of surface counts by its area.

    Attributes
    ----------
    mean : float
        The average distance from a point of either surface to the other surface. Both surfaces are taken together
        (average symmetric surface distance, ASSD): the larger one counts more.
    percentile_95 : float
        The larger of the two directed 95th percentiles (HD95), as Metrics Reloaded, MeshMetrics and DeepMind's package
        have it. Other programs take the percentile of both surfaces together, which is smaller.
    hausdorff : float
        The largest distance of all: one stray voxel decides it.
    from_reference : DirectedDistance
        From the surface of the reference to that of the segmentation: large where something is missing.
    from_segmentation : DirectedDistance
        From the surface of the segmentation to that of the reference: large where something was invented.
    """

    mean: float
    percentile_95: float
    hausdorff: float
    from_reference: DirectedDistance
    from_segmentation: DirectedDistance


@dataclass(frozen=True)
class Margin:
    """How far the segmentation sticks out of the reference's surface (above 0), or is missing there (below 0), in mm.

    Attributes
    ----------
    mean : float
        The average over the surface of the reference.
    percentile_5, median, percentile_95 : float
        One twentieth, a half, and nineteen twentieths of the reference's surface have a smaller margin than this.
    """

    mean: float
    percentile_5: float
    median: float
    percentile_95: float


def surface_distance(reference: sitk.Image, segmentation: sitk.Image, label: int = 1) -> SurfaceDistance:
    """Distances in mm between the surfaces of one label in two label images.

    A surface is made of the faces between voxels that have the label and others; beyond the edge of the image nothing
    has it, so an object that ends there has a surface there. A face that both objects have is 0 mm away. From the
    centre of any other the distance runs to the nearest centre of the other surface, and counts by the area of the
    face: in slices of 1 × 1 × 5 mm a face on the side is five times as large as one on top. Faces of long voxels are
    cut into pieces before, so that the centres lie dense.

    Parameters
    ----------
    reference, segmentation : sitk.Image
        Label images on the same grid, 2-D (surfaces are contours) or 3-D.
    label : int
        The label to look at; everything else counts as background.

    Returns
    -------
    SurfaceDistance
        All in mm.

    Raises
    ------
    TypeError
        One of the two is no SimpleITK image.
    ValueError
        One of the two does not contain the label: there is no distance to nothing, and `detection` counts such cases.
        Also when the images lie on different grids, or hold NaN, fractions of a label or several numbers per voxel.

    Notes
    -----
    MeshMetrics (`pymeshmetrics`) lays triangles through the middles between voxel centres. In slices of 1 × 1 × 5 mm
    its mean is within 10 % of this one, and its 95th percentile within 15 %, about as far as its own moves when its
    triangles are cut smaller. In cubic voxels a mean below one voxel is up to 15 % larger here. DeepMind's
    `surface-distance` measures between the corners of voxels, where surfaces one voxel apart often touch: its mean is
    smaller, by less than half the short side of a voxel. `sitk.HausdorffDistanceImageFilter` is another measure: its
    average runs over all voxels of an object, most of which lie inside and count as 0, so that it is several times
    smaller.

    References
    ----------
    Reinke et al.: Understanding metric-related pitfalls in image analysis validation. Nature Methods 21, 2024.
    Podobnik, Vrtovec: Understanding implementation pitfalls of distance-based metrics for image segmentation.
    arXiv:2410.02630, 2024.
    """
    surfaces = [(np.abs(distances), areas) for distances, areas in _signed_distances(reference, segmentation, label)]
    there, back = (
        DirectedDistance(
            float(np.average(distances, weights=areas)), _quantile(distances, areas, 0.95), float(distances.max())
        )
        for distances, areas in surfaces
    )
    distances, areas = map(np.concatenate, zip(*surfaces, strict=True))
    return SurfaceDistance(
        mean=float(np.average(distances, weights=areas)),
        percentile_95=max(there.percentile_95, back.percentile_95),
        hausdorff=max(there.maximum, back.maximum),
        from_reference=there,
        from_segmentation=back,
    )


def surface_dice(reference: sitk.Image, segmentation: sitk.Image, tolerance: float, label: int = 1) -> float:
    """The part of both surfaces that lies within a tolerance of the other one (normalised surface Dice, NSD).

    Parameters
    ----------
    reference, segmentation : sitk.Image
        Label images on the same grid, 2-D or 3-D.
    tolerance : float
        The distance in mm up to which a surface is right; as far apart as two raters are, for example.
    label : int
        The label to look at; everything else counts as background.

    Returns
    -------
    float
        From 0 to 1. Surfaces and their areas are those of `surface_distance`.

    Raises
    ------
    ValueError
        `tolerance` is below 0 or not finite, or as `surface_distance` does.

    References
    ----------
    Nikolov et al.: Clinically applicable segmentation of head and neck anatomy for radiotherapy: deep learning
    algorithm development and validation study. JMIR 23(7), 2021.
    """
    if not (np.isfinite(tolerance) and tolerance >= 0):
        raise ValueError(f"a tolerance is a distance in mm, 0 or more, and this one is {tolerance}")
    surfaces = _signed_distances(reference, segmentation, label)
    distances, areas = map(np.concatenate, zip(*surfaces, strict=True))
    within = np.abs(distances) <= tolerance + 1e-6  # on an oblique grid 2 mm may be 2.0000000004
    return float(areas[within].sum() / areas.sum())


def margin(reference: sitk.Image, segmentation: sitk.Image, label: int = 1) -> Margin:
    """How far the segmentation sticks out of the reference's surface, or is missing there, in mm.

    Each piece of the reference's surface has the distance to the surface of the segmentation: above 0 where it lies in
    the segmentation, below 0 where it lies outside, 0 where both surfaces are one. A distance without a sign cannot
    tell a margin that is too wide from one that is too narrow.

    Parameters
    ----------
    reference, segmentation : sitk.Image
        Label images on the same grid, 2-D or 3-D.
    label : int
        The label to look at; everything else counts as background.

    Returns
    -------
    Margin
        All in mm. Surfaces and their areas are those of `surface_distance`.

    Raises
    ------
    ValueError
        As `surface_distance` does.
    """
    distances, areas = _signed_distances(reference, segmentation, label)[0]
    return Margin(
        mean=float(np.average(distances, weights=areas)),
        percentile_5=_quantile(distances, areas, 0.05),
        median=_quantile(distances, areas, 0.5),
        percentile_95=_quantile(distances, areas, 0.95),
    )


def _signed_distances(
    reference: sitk.Image, segmentation: sitk.Image, label: int
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Of each piece of the reference's surface, and of each piece of the segmentation's: the distance in mm to the
    other surface, above 0 inside the other object and below 0 outside of it, and the area.
    """
    ours, theirs = both_with_label(reference, segmentation, label)
    grid = Grid.of(reference)
    lengths = np.minimum(np.divide(grid.spacing, min(grid.spacing)), 30)  # whatever a wrong header says
    coarse = np.ceil(lengths / 3 - 1e-6).astype(int)  # into how many pieces a voxel is cut along x, y, z
    fine = np.where(lengths < 1.5, 1, 3 * coarse)  # an odd multiple: where surfaces are one, centres lie on centres
    box = ndimage.find_objects((ours | theirs).view(np.uint8))[0]
    faces = [_faces(ours[box], theirs[box], grid.matrix), _faces(theirs[box], ours[box], grid.matrix)]
    measured = []
    for here, there in (faces, faces[::-1]):
        centres, sides, areas = _pieces(here, coarse, grid.matrix)
        others, _, _ = _pieces(there, fine, grid.matrix)
        apart = sides != 0
        tree = KDTree(others, leafsize=32, compact_nodes=False, balanced_tree=False)  # soon built, and asked only once
        sides[apart] *= tree.query(centres[apart])[0]
        measured.append((sides, areas))
    return measured


def _faces(mask: np.ndarray, other: np.ndarray, matrix: np.ndarray) -> list[tuple[np.ndarray, np.ndarray, float]]:
    """The faces between the voxels of a binary array (z, y, x) and what is around it; those across x, y and z apart.

    Their centres (n, d) in mm; 1.0 where the face lies in the other object, −1.0 where it lies outside, 0.0 where it is
    a face of both; and the area of each.
    """
    mask, other, last = np.pad(mask, 1), np.pad(other, 1), mask.ndim - 1
    areas = abs(np.linalg.det(matrix)) * np.linalg.norm(np.linalg.inv(matrix), axis=1)  # volume over height
    faces = []
    for axis, area in enumerate(areas):
        before = np.nonzero(np.diff(mask, axis=last - axis))
        behind = tuple(along + (number == last - axis) for number, along in enumerate(before))
        indices = np.stack(before[::-1], axis=-1).astype(float)
        indices[:, axis] += 0.5
        faces.append((indices @ matrix.T, other[before].astype(float) + other[behind] - 1, float(area)))
    return faces


def _pieces(
    faces: list[tuple[np.ndarray, np.ndarray, float]], cuts: np.ndarray, matrix: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The same for all faces together, each cut into so many pieces along x, y, z: centres, sides and areas."""
    centres, sides, areas = [], [], []
    for axis, (middles, side, area) in enumerate(faces):
        across = np.where(np.arange(len(cuts)) == axis, 1, cuts)
        steps = ((np.argwhere(np.ones(across)) + 0.5) / across - 0.5) @ matrix.T
        centres.append((middles[:, None] + steps).reshape(-1, len(cuts)))
        sides.append(side.repeat(len(steps)))
        areas.append(np.full(len(sides[-1]), area / len(steps)))
    return np.concatenate(centres), np.concatenate(sides), np.concatenate(areas)


def _quantile(distances: np.ndarray, areas: np.ndarray, part: float) -> float:
    return float(np.quantile(distances, part, weights=areas, method="inverted_cdf"))
