"""White-matter lesions with a known outline, and raters who each draw them in their own way."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import SimpleITK as sitk

from regseg.grid import Box, Grid
from regseg.synth import looks
from regseg.synth.looks import smooth_noise

RADII = (7.5, 6.5, 5.5, 5.0, 4.5, 4.0, 3.5, 3.0)  # mm, of the lesions with labels 1 to 8

# What each simulated rater does: (outline moved outwards in mm, shift in mm along L, P, S,
# raggedness in mm, label of a lesion that is overlooked or 0).
RATERS = {
    1: (0.8, (0.0, 0.0, 0.0), 0.4, 0),  # generous
    2: (-0.7, (0.0, 0.0, 0.0), 0.4, 0),  # strict
    3: (0.0, (1.6, -1.2, 0.8), 0.4, 0),  # shifted
    4: (0.0, (0.0, 0.0, 0.0), 1.5, 0),  # unsteady hand
    5: (0.0, (0.0, 0.0, 0.0), 0.6, 3),  # overlooks one lesion
}


def filled(mask: sitk.Image, tissue: np.ndarray, *, seed: int = 51, apart: float = 20) -> np.ndarray:
    """How much of each voxel each lesion fills: float32 (8, z, y, x), soft over about 1.5 mm.

    The lesions are bent spheres in deep white matter, 4 to 25 mm from the ventricles.

    Parameters
    ----------
    mask : sitk.Image
        The brain: 1, else 0, in voxels of 1 mm.
    tissue : array (3, z, y, x)
        How much of each voxel is CSF, grey and white matter.
    seed : int
        Of where the lesions lie; `seed` + 1 bends them.
    apart : float
        So many mm or more from centre to centre; lesions closer than 20 mm may touch.
    """
    csf, _, white = tissue
    inside = sitk.GetArrayFromImage(sitk.SignedMaurerDistanceMap(mask, True, False, True))
    ventricles = Grid.of(mask).image(((csf > 0.7) & (inside > 25)).astype(np.uint8))
    to_ventricle = sitk.GetArrayFromImage(sitk.SignedMaurerDistanceMap(ventricles, False, False, True))
    candidates = np.argwhere((white > 0.95) & (to_ventricle > 4) & (to_ventricle < 25) & (inside > 12))
    candidates = candidates[candidates[:, 0] > 75]  # above the brain stem
    order = np.random.default_rng(seed).permutation(len(candidates))

    centres: list[np.ndarray] = []
    for centre in candidates[order]:
        if all(np.linalg.norm(centre - other) > apart for other in centres):
            centres.append(centre)
        if len(centres) == len(RADII):
            break
    bend = smooth_noise(csf.shape, wavelength=9, seed=seed + 1)
    grid = np.ogrid[tuple(slice(n) for n in csf.shape)]
    fractions = np.empty((len(RADII), *csf.shape), np.float32)
    for lesion, (z, y, x), radius in zip(fractions, centres, RADII, strict=True):
        # a little longer front to back, as lesions along the fibres are
        distance = np.sqrt((grid[0] - z) ** 2 + ((grid[1] - y) / 1.4) ** 2 + (grid[2] - x) ** 2)
        lesion[:] = np.clip((radius + 0.2 * radius * bend - distance) / 1.5 + 0.5, 0, 1) * (white > 0.4)
    return fractions


def flair(tissue: np.ndarray, fractions: np.ndarray, grid: Grid) -> sitk.Image:
    """A FLAIR image (float32, without noise) of a brain with the lesions of `filled`."""
    lesion = fractions.max(axis=0)
    return looks.contrast(np.concatenate([tissue * (1 - lesion), lesion[None]]), looks.FLAIR_MEANS, grid)


def labels(fractions: np.ndarray, grid: Grid) -> sitk.Image:
    """The lesions of `filled` as labels 1 to 8 (uint8), 1 the largest; a voxel counts when half full."""
    numbers = np.where(fractions.max(axis=0) > 0.5, fractions.argmax(axis=0) + 1, 0)
    return grid.image(numbers.astype(np.uint8))


def magnified(
    flair: sitk.Image, labels: sitk.Image, grid: Grid, sigma: float, seed: Sequence[int]
) -> tuple[np.ndarray, np.ndarray]:
    """What a scanner with finer voxels sees of a part of a brain with lesions.

    Parameters
    ----------
    flair, labels : sitk.Image
        A brain without lesions, 0 outside it, and the lesions, both on one grid.
    grid : Grid
        The part, in finer voxels.
    sigma : float
        The noise inside the brain: a small voxel gives a scanner little signal.
    seed : sequence of int
        Of the noise.

    Returns
    -------
    values : array (z, y, x), float32
        Grey values; a lesion has 1000.
    lesion : array (z, y, x), bool
        Where more than half of a voxel is lesion.
    """

    def seen(image: sitk.Image) -> np.ndarray:
        place = (grid.size, sitk.Transform(), sitk.sitkLinear, grid.origin, grid.spacing, grid.direction)
        return sitk.GetArrayFromImage(sitk.Resample(image, *place, 0.0, sitk.sitkFloat32))

    coarse = Grid.of(labels)
    ends = coarse.indices(grid.points(np.stack([np.zeros(grid.dimension), np.subtract(grid.size, 1)])))
    box = Box(*(tuple(each) for each in (np.floor(ends.min(0)).astype(int), np.ceil(ends.max(0)).astype(int) + 1)))
    values = seen(flair)
    inside, share = values > 0, np.zeros_like(values)
    if sitk.GetArrayViewFromImage(labels)[box.clip(coarse.box).slices].any():  # few parts have any
        share = seen(sitk.Cast(labels > 0, sitk.sitkFloat32))
    values += share * (1000 - values)
    values += sigma * np.random.default_rng(seed).standard_normal(values.shape, np.float32)
    return values * inside, share > 0.5


def rater(labels: sitk.Image, number: int) -> sitk.Image:
    """The binary segmentation (uint8) by simulated rater `number` (1 to 5; see RATERS)."""
    outwards, shift, ragged, overlooked = RATERS[number]
    seen = (labels != overlooked) & (labels > 0) if overlooked else labels > 0
    distance = sitk.SignedMaurerDistanceMap(seen, squaredDistance=False, useImageSpacing=True)
    # Resampling maps output points to input points, so the outline moves by `shift` when they move back.
    back = sitk.TranslationTransform(3, [-mm for mm in shift])
    moved = sitk.GetArrayFromImage(sitk.Resample(distance, distance, back, sitk.sitkLinear, 100.0))
    hand = ragged * smooth_noise(moved.shape, wavelength=5, seed=60 + number)
    # The map is 0 at the centres of the outermost voxels of a lesion, half a voxel inside its outline.
    return Grid.of(labels).image((moved + hand < outwards + 0.5).astype(np.uint8))
