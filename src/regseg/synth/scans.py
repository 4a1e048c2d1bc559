"""Random scans of a known anatomy: no two alike in contrast, shape, resolution and noise, each with its truth.

    head = scans.head(labels)
    scan, truth = scans.draw(head, head.grid(2.0), seed=1, variety=scans.Variety(contrasts=("T1", "T2")))

The idea is SynthSeg's (B. Billot et al., SynthSeg: Segmentation of brain MRI scans of any contrast and resolution
without retraining, Medical Image Analysis 86, 2023): a network that has seen every contrast asks for none.
The thickness of the cortex varies too, after SIAM (arXiv 2605.02737, 2026): who has seen few anatomies must not learn
their shape by heart.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import SimpleITK as sitk

from regseg.grid import Box, Grid

NAMES = ("background", "ventricles", "cortex", "deep grey", "white matter", "cerebellum and stem")


class Tissue(NamedTuple):
    """What looks alike in a scan.

    Attributes
    ----------
    numbers : tuple of int
        FreeSurfer's.
    structure : int
        Which of `NAMES` it belongs to.
    share : (float, float), optional
        Where its brightness lies between that of grey matter, 0, and of white matter, 1.
    t1 : float
        How bright what has no share is in a T1-weighted scan, give or take a fifth; elsewhere it is anything.
    """

    numbers: tuple[int, ...]
    structure: int = 0
    share: tuple[float, float] | None = None
    t1: float = 0.0


TISSUES = (
    Tissue(()),  # air, and all numbers that stand nowhere below
    Tissue((4, 5, 14, 15, 43, 44, 72), 1),
    Tissue((3, 42), 2, (0, 0)),
    Tissue((2, 41, 25, 57, 77, 78, 79, 85, 251, 252, 253, 254, 255), 4, (1, 1)),
    Tissue((10, 49), 3, (0.1, 0.9)),  # thalamus
    Tissue((11, 50, 26, 58), 3, (-0.1, 0.3)),  # caudate, accumbens
    Tissue((12, 51), 3, (0.1, 0.7)),  # putamen
    Tissue((13, 52), 3, (0.4, 1.3)),  # pallidum
    Tissue((17, 18, 53, 54), 3, (-0.15, 0.2)),  # hippocampus, amygdala
    Tissue((28, 60), 3, (0.4, 1.0)),  # ventral diencephalon
    Tissue((8, 47), 5, (-0.25, 0.2)),  # cerebellum: its cortex, its white matter
    Tissue((7, 46), 5, (0.7, 1.15)),
    Tissue((16,), 5, (0.5, 1.1)),  # brain stem
    Tissue((24, 31, 63)),  # fluid around the brain, and the plexus
    Tissue((30, 62), t1=0.43),  # vessels
    Tissue((136, 137, 163, 164), t1=0.3),
    Tissue((502,), t1=0.6),  # skull, skin, muscles, eyes: the means are those of SynthSeg's prior for T1, rounded
    Tissue((506,), t1=0.1),
    Tissue((507,), t1=0.47),
    Tissue((508,), t1=0.6),
    Tissue((509,), t1=0.35),
    Tissue((511,), t1=0.57),
    Tissue((512,), t1=0.34),
    Tissue((514,), t1=0.24),
    Tissue((515,), t1=0.15),
    Tissue((516,), t1=0.47),
    Tissue((530,), t1=0.72),
)
VENTRICLES, CORTEX, WHITE, FLUID = 1, 2, 3, 13  # where these stand there
_TISSUE = np.zeros(1000, np.uint8)
for _number, _tissue in enumerate(TISSUES):
    _TISSUE[list(_tissue.numbers)] = _number
_STRUCTURE = np.array([tissue.structure for tissue in TISSUES], np.uint8)
# Six counts in one whole number, ten bits each: one array is summed faster than six.
_COUNTS = np.uint64(1) << 10 * _STRUCTURE.astype(np.uint64)

# How bright fluid, grey and white matter may be in each family of contrasts.
Range = tuple[float, float]
CONTRASTS: dict[str, tuple[Range, Range, Range]] = {
    "T1": ((0.15, 0.3), (0.45, 0.6), (0.75, 0.95)),
    "T2": ((0.75, 1.0), (0.4, 0.75), (0.2, 0.5)),
    "FLAIR": ((0.05, 0.3), (0.55, 0.95), (0.4, 0.65)),
    "PD": ((0.5, 0.9), (0.75, 1.0), (0.5, 0.85)),
    "any": ((0.0, 1.0), (0.0, 1.0), (0.0, 1.0)),
}


@dataclass(frozen=True)
class Variety:
    """How much the scans of `draw` may differ; lengths in mm. Each scan draws its own, up to these.

    Attributes
    ----------
    contrasts : tuple of str
        The families that it may belong to, of `CONTRASTS`; one that is named twice comes twice as often.
    gap : float
        By how much fluid, grey and white matter differ in brightness at least, where the whole range is 1.
    degrees, scale, shear, shift : float
        Of the affine part of the deformation: rotation about each axis, change of size and skew (as a share), and how
        far the head lies from where it was.
    warp : float
        Standard deviation of the displacements at control points, which lie 20 to 50 mm apart.
    thickness : float
        How far the inner and the outer border of the cortex move, each outwards or inwards.
    bias : float
        Standard deviation of the logarithm of the coil's shading.
    noise : float
        Standard deviation of the scanner's noise, where the brightest tissue is about 1.
    texture : float
        Standard deviation of the brightness within one tissue.
    blur : float
        Standard deviation of the blur that every scanner adds.
    slices : float
        How thick the slices of a scan may be; a third of the scans have thick ones.
    stripped : float
        The share of scans without a skull; the cut runs up to 5 mm outside of the brain.
    """

    contrasts: tuple[str, ...] = tuple(CONTRASTS)
    gap: float = 0.12
    degrees: float = 15
    scale: float = 0.12
    shear: float = 0.04
    shift: float = 10
    warp: float = 4
    thickness: float = 0.4
    bias: float = 0.2
    noise: float = 0.05
    texture: float = 0.06
    blur: float = 0.9
    slices: float = 6
    stripped: float = 0.5


@dataclass(frozen=True)
class Head:
    """An anatomy from which scans can be drawn, made by `head`: arrays (z, y, x) on an axis-aligned grid of 1 mm.

    Attributes
    ----------
    place : Grid
        Where the voxels lie.
    tissue : array of uint8
        The number of each voxel in `TISSUES`.
    inward, outward : array of uint8
        Distances in 1/50 mm, 5 mm at most. `inward`: from white matter inside the cortex, else from the cortex.
        `outward`: from the fluid inside the cortex, elsewhere in the brain 0, else from the brain.
    brain : Box
        What holds the brain.
    """

    place: Grid
    tissue: np.ndarray
    inward: np.ndarray
    outward: np.ndarray
    brain: Box

    def grid(self, spacing: float, size: tuple[int, ...] | None = None) -> Grid:
        """An axis-aligned grid of so many voxels around the middle of the brain; without a size it holds the brain."""
        size = size or tuple(round(n / spacing) + 8 for n in self.brain.size)
        return Grid.around(self.place.crop(self.brain).middle, size, (spacing,) * 3, self.place.direction)


def head(labels: sitk.Image) -> Head:
    """Make an anatomy of a label map with FreeSurfer's numbers, of any direction, in voxels of about 1 mm.

    Raises
    ------
    ValueError
        The map shows no cortex (3 and 42) or no white matter (2 and 41).
    """
    labels = sitk.DICOMOrient(labels, "LPS")
    numbers = np.clip(sitk.GetArrayViewFromImage(labels), 0, 999).astype(int)
    tissue = _TISSUE[numbers]
    if not {CORTEX, WHITE} <= set(np.unique(tissue).tolist()):
        raise ValueError("no head with FreeSurfer's numbers: 3 and 42 are its cortex, 2 and 41 its white matter")
    place, inside = Grid.of(labels), _STRUCTURE[tissue] > 0
    cortex = tissue == CORTEX

    def distance(mask: np.ndarray) -> np.ndarray:
        from_mask = sitk.SignedMaurerDistanceMap(place.image(mask.astype(np.uint8)), False, False, True)
        return np.clip(50 * sitk.GetArrayViewFromImage(from_mask), 0, 250).astype(np.uint8)

    found = np.argwhere(inside)
    first, last = found.min(axis=0)[::-1], found.max(axis=0)[::-1] + 1
    return Head(
        place=place,
        tissue=tissue,
        inward=np.where(cortex, distance(tissue == WHITE), distance(cortex)),
        outward=np.where(cortex, distance(~inside), distance(inside)),
        brain=Box(tuple(first.tolist()), tuple(last.tolist())),
    )


def draw(
    head: Head, grid: Grid, seed: int | np.random.Generator, variety: Variety | None = None
) -> tuple[sitk.Image, sitk.Image]:
    """Draw a scan of a head, and what it shows.

    Parameters
    ----------
    head : Head
        Whose scan it is.
    grid : Grid
        Where the voxels of the scan lie; it must be axis-aligned, like the head's own.
    seed : int or numpy.random.Generator
        Of all that is drawn.
    variety : Variety, optional
        How much the scans may differ.

    Returns
    -------
    scan : sitk.Image
        Float32; the brightest tissue is about 1, and nothing is below 0.
    truth : sitk.Image
        How much of each voxel is which structure: a vector image (uint8) with a component for each of `NAMES`, whose
        sum is 240.
    """
    variety, random = variety or Variety(), np.random.default_rng(seed)
    finer = tuple(max(1, round(step)) for step in grid.spacing)  # parts of a voxel along each axis, of about 1 mm
    tissue, outward = _deformed(head, grid, finer, random, variety)

    count = _total(_COUNTS[tissue], finer)
    counts = [(count >> np.uint64(10 * number)) & np.uint64(1023) for number in range(len(NAMES))]
    truth = np.rint(np.stack(counts, axis=-1) * (240 / np.prod(finer))).astype(np.uint8)
    levels = _levels(random, variety)
    spread = random.uniform(0.1, 1, len(TISSUES)).astype(np.float32) * np.float32(variety.texture)
    spread[0] = 0
    values = levels[tissue]
    if stripped := random.random() < variety.stripped:
        values *= outward <= 50 * random.uniform(0, 4.9)
    scan = _total(values, finer) / np.float32(np.prod(finer))
    seen = scan > 0

    middle = tissue[tuple(slice(n // 2, None, n) for n in finer[::-1])]
    grain = random.standard_normal(scan.shape, np.float32)
    if random.random() < 0.5:
        grain = _blurred(grain, 1.0)
        grain /= grain.std()
    scan += spread[middle] * grain * (seen if stripped else 1)

    scan = _blurred(scan, random.uniform(0, variety.blur) / float(np.mean(grid.spacing)))
    scan *= np.exp(
        _spline(random.uniform(0, variety.bias) * random.standard_normal((1, 6, 6, 6), np.float32), scan.shape)[0]
    )
    sigma = random.uniform(0, variety.noise)
    real, imaginary = (sigma * random.standard_normal(scan.shape, np.float32) for _ in range(2))
    noisy = np.hypot(scan + real, imaginary)
    scan = noisy * (scan > 0.01) if stripped else noisy
    if random.random() < 1 / 3:
        axis = int(random.integers(3))
        spacing = grid.spacing[2 - axis]
        thick = _slices(scan.shape[axis], random.uniform(spacing, max(spacing, variety.slices)) / spacing, random)
        scan = _along(axis, thick, scan)
    scan = np.maximum(scan, 0) ** np.float32(np.exp(random.uniform(-0.3, 0.3)))
    return grid.image(scan.astype(np.float32)), grid.image(truth)


def still(head: Head, contrast: str, seed: int, *, stripped: bool = True) -> tuple[sitk.Image, sitk.Image]:
    """Draw a scan of a head as it is, neither moved nor bent, and its labels: something to judge a network on.

    Parameters
    ----------
    head : Head
        Whose scan it is.
    contrast : str
        Its family, of `CONTRASTS`.
    seed : int
        Of its brightness, shading and noise, and of whether left and right are as they were.
    stripped : bool
        Whether it is without a skull.

    Returns
    -------
    scan : sitk.Image
        Float32; 96 x 112 x 96 voxels of 2 mm around the middle of the brain.
    labels : sitk.Image
        The number in `NAMES` of what most of each voxel is (uint8).
    """
    variety = Variety(
        (contrast,), degrees=0, scale=0, shear=0, shift=0, warp=0, thickness=0, slices=0, stripped=float(stripped)
    )
    scan, truth = draw(head, head.grid(2.0, (96, 112, 96)), seed, variety)
    return scan, Grid.of(scan).image(sitk.GetArrayViewFromImage(truth).argmax(axis=-1).astype(np.uint8))


def _levels(random: np.random.Generator, variety: Variety) -> np.ndarray:
    """How bright each tissue is."""
    family = str(random.choice(variety.contrasts))
    low, high = np.transpose(CONTRASTS[family])
    while True:
        fluid, grey, white = random.uniform(low, high)
        if min(abs(fluid - grey), abs(grey - white), 2 * abs(fluid - white)) >= variety.gap:
            break
    found = random.uniform(0, 1, len(TISSUES))
    found[0] = 0 if random.random() < 0.8 else random.uniform(0, 0.1)
    for number, tissue in enumerate(TISSUES):
        if tissue.share:
            found[number] = grey + (white - grey) * random.uniform(*tissue.share)
        elif number and family == "T1":
            found[number] = tissue.t1 * random.uniform(0.8, 1.2)
    found[VENTRICLES], found[FLUID] = fluid, fluid + random.uniform(-0.2, 0.2) * abs(grey - fluid)
    return np.maximum(found, 0).astype(np.float32)


def _deformed(
    head: Head, grid: Grid, finer: tuple[int, ...], random: np.random.Generator, variety: Variety
) -> tuple[np.ndarray, np.ndarray]:
    """The tissue and `outward` of the deformed head at each part of a voxel."""
    turn = sitk.Euler3DTransform()
    turn.SetRotation(*np.deg2rad(random.uniform(-variety.degrees, variety.degrees, 3)).tolist())
    skew = random.uniform(-variety.shear, variety.shear, (3, 3))
    np.fill_diagonal(skew, 1 + random.uniform(-variety.scale, variety.scale, 3))
    skew[0] *= random.choice([-1, 1])  # left becomes right
    matrix = np.reshape(turn.GetMatrix(), (3, 3)) @ skew
    middle = np.array(head.place.crop(head.brain).middle)
    shift = random.uniform(-variety.shift, variety.shift, 3)

    # A spline through control points that lie on a plane is that plane: so they carry the affine part too.
    shape = tuple(n * parts for n, parts in zip(grid.size[::-1], finer[::-1], strict=True))
    apart, extent = random.uniform(20, 50), np.multiply(grid.size, grid.spacing)[::-1]
    spans = tuple(max(2, round(mm / apart)) for mm in extent.tolist())
    control = np.indices([n + 3 for n in spans]) - 1.0
    ends = [mm / n for mm, n in zip(extent, spans, strict=True)]
    corner = grid.points([-0.5] * 3)[::-1]
    there = np.stack([first + mm * at for first, mm, at in zip(corner, ends, control, strict=True)][::-1], axis=-1)
    there = (there - middle) @ matrix.T + middle + shift
    there += random.uniform(0, variety.warp) * random.standard_normal(there.shape)
    places = _spline(np.moveaxis(head.place.indices(there), -1, 0).astype(np.float32), shape)
    flat = np.zeros(shape, np.intp)
    for place, size in zip(places[::-1], head.place.size[::-1], strict=True):
        place += 0.5
        flat *= size
        flat += np.clip(place, 0, size - 1, out=place).astype(np.int32)

    tissue, inward, outward = (np.take(each, flat) for each in (head.tissue, head.inward, head.outward))
    inner, outer = np.rint(50 * random.uniform(-variety.thickness, variety.thickness, 2)).astype(int).tolist()
    # Neighbours are 1 mm apart; where a border moves by half of that, half of its voxels change, at random.
    reach = random.integers(1, 51, shape, np.uint8)
    near_inner, near_outer = (
        inward < reach + np.uint8(abs(inner)),
        (inward if outer > 0 else outward) < reach + np.uint8(abs(outer)),
    )
    cortex = tissue == CORTEX
    tissue[near_inner & (tissue == WHITE if inner > 0 else cortex)] = CORTEX if inner > 0 else WHITE
    tissue[near_outer & (tissue == FLUID if outer > 0 else cortex)] = CORTEX if outer > 0 else FLUID
    outward[cortex] = 0
    return tissue, outward


def _total(values: np.ndarray, finer: tuple[int, ...]) -> np.ndarray:
    """The sum over the parts of each voxel."""
    for axis, parts in enumerate(finer[::-1]):
        pieces = [values[(slice(None),) * axis + (slice(part, None, parts),)] for part in range(parts)]
        values = sum(pieces[1:], pieces[0])
    return values


def _spline(control: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Fields (component, *shape) from the control points of cubic B-splines: 3 more than spans along each axis."""
    for axis, n in enumerate(shape):
        spans = control.shape[axis + 1] - 3
        at = (np.arange(n) + 0.5) / n * spans
        span = np.floor(at).astype(int)
        t = at - span
        weights = np.stack([(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3]) / 6
        matrix = np.zeros((n, spans + 3), np.float32)
        for number, weight in enumerate(weights):
            matrix[np.arange(n), span + number] = weight
        control = _along(axis + 1, matrix, control)
    return control


def _blurred(values: np.ndarray, sigma: float) -> np.ndarray:
    """Blurred by a Gaussian of so many voxels."""
    if sigma < 0.2:
        return values
    for axis, n in enumerate(values.shape):
        at = np.arange(n)
        weights = np.exp(-(((at[:, None] - at) / sigma) ** 2) / 2).astype(np.float32)
        values = _along(axis, weights / weights.sum(axis=1, keepdims=True), values)
    return values


def _along(axis: int, matrix: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The matrix times each line of values along an axis."""
    before, after = values.shape[:axis], values.shape[axis + 1 :]
    lines = values.reshape(int(np.prod(before)), -1, int(np.prod(after)))
    product = matrix @ lines if after else lines[..., 0] @ matrix.T  # as one product, and not line by line
    return product.reshape(*before, len(matrix), *after)


def _slices(n: int, thickness: float, random: np.random.Generator) -> np.ndarray:
    """The matrix (n, n) that replaces n voxels by slices of so many voxels, and draws lines between their middles."""
    centres = np.arange(random.uniform(0, thickness), n, thickness)
    at = np.arange(n)
    taken = np.exp(-(((centres[:, None] - at) / (thickness / 2.355)) ** 2) / 2)
    taken /= taken.sum(axis=1, keepdims=True)
    return np.stack([np.interp(at, centres, column) for column in taken.T], axis=1).astype(np.float32)
