"""A head made of formulas: nobody's, and so free for every use.

Its brain has two unlike halves with folded cortex, ventricles, deep nuclei, cerebellum and stem, at about the places
and sizes of an adult's. It is a drawing and no anatomy: no number of it was measured on a person, and none was taken
from an atlas. The places are in mm, LPS, with (0, 0, 0) in the middle of the brain.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import SimpleITK as sitk

from regseg.grid import Grid
from regseg.synth.looks import smooth_noise

GRID = Grid.around((0, 8, -8), (160, 200, 176), (1.0, 1.0, 1.0), (1, 0, 0, 0, 1, 0, 0, 0, 1))
CORTEX, FLUID = 2.8, 24  # mm of thickness; FreeSurfer's number
FOLDS, DEPTH, CLEFT = 21, 18, 1.0  # mm: the shortest folds, how deep and half how wide they cut in
ROUND = 4  # mm; where two lobes meet, so round is the edge

Place = tuple[float, float, float]

# (middle, half axes) on the left side, x > 0; FreeSurfer's numbers of the left and of the right one.
LOBES: tuple[tuple[Place, Place], ...] = (
    ((29, -26, 18), (35, 50, 40)),  # frontal
    ((31, 28, 22), (35, 46, 40)),  # parietal
    ((24, 60, 4), (27, 32, 28)),  # occipital
    ((45, -2, -20), (19, 44, 21)),  # temporal
    ((24, 10, 4), (30, 56, 28)),  # what lies between them
)
NUCLEI: dict[tuple[int, int], tuple[Place, Place]] = {
    (10, 49): ((11, 10, 6), (9, 15, 9)),  # thalamus
    (11, 50): ((15, -20, 11), (5, 13, 9)),  # caudate
    (12, 51): ((27, -4, 3), (5, 16, 10)),  # putamen
    (13, 52): ((20, 0, 1), (4, 9, 7)),  # pallidum
    (17, 53): ((28, 18, -16), (6, 19, 5)),  # hippocampus
    (18, 54): ((24, -5, -18), (7, 7, 7)),  # amygdala
}
FLUIDS, WHITE = (4, 14, 15, FLUID, 43), (2, 7, 16, 41, 46)  # all that is neither is grey
GREY = (3, 8, 42, 47, *(number for pair in NUCLEI for number in pair))
# (place, radius) along the middle line of each tube.
LATERAL: tuple[tuple[Place, float], ...] = (
    ((9, -36, 8), 4), ((10, -20, 17), 5), ((12, 4, 22), 5), ((18, 28, 18), 6), ((26, 40, 6), 7),
    ((32, 30, -8), 4), ((34, 10, -15), 2.5), ((33, -2, -17), 2),
)  # fmt: skip
HORN: tuple[tuple[Place, float], ...] = (((26, 40, 6), 6), ((23, 60, 5), 2))
STEM: tuple[tuple[Place, float], ...] = (
    ((0, 8, -6), 13), ((0, 12, -22), 13), ((0, 17, -36), 15), ((0, 24, -56), 10), ((0, 32, -90), 7),
)  # fmt: skip


def labels() -> sitk.Image:
    """The label map, with FreeSurfer's numbers (uint8), on `GRID`: 24 is the fluid around the brain, 0 the rest."""
    there = _points()
    mirrored = (np.abs(there[0]), there[1], there[2])
    bend = 1.5 * smooth_noise(GRID.size[::-1], wavelength=60, seed=1)  # mm, unlike on either side
    cerebrum, cortex = _cerebrum(there, mirrored, bend)
    cerebellum = _ellipsoid(mirrored, (22, 52, -44), (29, 23, 20))
    stem = _tube(there, STEM) < 0
    brain = cerebrum | (cerebellum < 0) | stem

    numbers = np.zeros(GRID.size[::-1], np.uint8)
    around = _distance(brain) < 10  # going out and back in fills the clefts
    numbers[_distance(around) < -7] = FLUID
    # The leaves of the cerebellum stand around a line in its front; only their inner part is white.
    leaf = np.sin(np.arctan2(there[2] + 42, there[1] - 30) * 18 + bend) > 0.2
    white = (cerebellum < -9) | (cerebellum < -3) & leaf
    left, right = there[0] >= 0, there[0] < 0
    for side, inner, outer in ((left, 7, 8), (right, 46, 47)):
        numbers[side & (cerebellum < 0)] = outer
        numbers[side & white] = inner
    for side, inner, outer in ((left, 2, 3), (right, 41, 42)):
        numbers[side & cerebrum] = inner
        numbers[side & cortex] = outer
    numbers[stem] = 16
    for (first, second), (middle, half) in NUCLEI.items():
        nucleus = (_ellipsoid(mirrored, middle, half) < 0) & brain
        numbers[nucleus & left], numbers[nucleus & right] = first, second
    tubes = np.minimum(_tube(mirrored, LATERAL), _tube(mirrored, HORN))
    for side, number, wider in ((left, 4, 1.0), (right, 43, -0.5)):  # so that a flip can be seen
        numbers[side & (tubes < wider) & (mirrored[0] > 1.5)] = number
    numbers[_ellipsoid(there, (0, 6, 3), (2.5, 16, 9)) < 0] = 14
    numbers[_ellipsoid(there, (0, 36, -38), (7, 5, 9)) < 0] = 15
    return GRID.image(numbers)


def _cerebrum(
    there: Sequence[np.ndarray], mirrored: Sequence[np.ndarray], bend: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Where the two halves of the cerebrum lie with the bridge between them, and where its cortex."""
    hull = -ROUND * np.log(sum(np.exp(-_ellipsoid(mirrored, *lobe) / ROUND) for lobe in LOBES)) + bend
    halves = (hull < 0) & (mirrored[0] > 0.8)
    # Clefts run where a random field is 0; divided by its slope it is about the distance from there.
    fold = smooth_noise(GRID.size[::-1], wavelength=FOLDS, seed=2, waves=24)
    slope = np.sqrt(sum(each**2 for each in np.gradient(fold)))
    cleft = np.abs(fold) < CLEFT * slope * np.clip(1.2 + _distance(halves) / DEPTH, 0, 1)
    bridge = (_ellipsoid(there, (0, 2, 18), (14, 38, 12)) < 0) & (_ellipsoid(there, (0, 2, 12), (60, 34, 13)) > 0)
    cerebrum = halves & ~cleft | bridge
    return cerebrum, (_distance(cerebrum) > -CORTEX) & cerebrum & ~bridge


def fractions(numbers: sitk.Image) -> np.ndarray:
    """How much of each voxel is fluid, grey and white matter: float32 (3, z, y, x), blurred by 0.7 mm."""
    values = sitk.GetArrayViewFromImage(numbers)
    parts = [np.isin(values, each) for each in (FLUIDS, GREY, WHITE)]
    grid = Grid.of(numbers)
    blurred = [sitk.SmoothingRecursiveGaussian(grid.image(part.astype(np.float32)), [0.7] * 3) for part in parts]
    return np.stack([np.clip(sitk.GetArrayViewFromImage(image), 0, 1) for image in blurred])


def _points() -> tuple[np.ndarray, ...]:
    """x, y and z of the voxels in mm, as arrays that broadcast to (z, y, x)."""
    x, y, z = (first + np.arange(n, dtype=np.float32) for first, n in zip(GRID.origin, GRID.size, strict=True))
    return x, y[:, None], z[:, None, None]


def _ellipsoid(there: Sequence[np.ndarray], middle: Place, half: Place) -> np.ndarray:
    """About how far each voxel lies outside of an ellipsoid, in mm; less than 0 inside."""
    square = sum(((at - m) / h) ** 2 for at, m, h in zip(there, middle, half, strict=True))
    return ((np.sqrt(square) - 1) * np.float32(min(half))).astype(np.float32)


def _tube(there: Sequence[np.ndarray], line: Sequence[tuple[Place, float]]) -> np.ndarray:
    """How far each voxel lies outside of a tube along a line of places, each with its radius, in mm."""
    found = np.full(GRID.size[::-1], np.inf, np.float32)
    for (begin, first), (end, last) in zip(line, line[1:], strict=False):
        along = np.subtract(end, begin)
        share = sum((at - b) * a for at, b, a in zip(there, begin, along, strict=True)) / np.float32(along @ along)
        share = np.clip(share, 0, 1)
        off = np.sqrt(sum((at - b - share * a) ** 2 for at, b, a in zip(there, begin, along, strict=True)))
        found = np.minimum(found, off - (first + share * (last - first)))
    return found.astype(np.float32)


def _distance(mask: np.ndarray) -> np.ndarray:
    """How far each voxel lies outside of a mask, in mm; less than 0 inside."""
    image = GRID.image(mask.astype(np.uint8))
    return sitk.GetArrayFromImage(sitk.SignedMaurerDistanceMap(image, squaredDistance=False, useImageSpacing=True))
