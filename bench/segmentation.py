"""Segmentation with a known truth: lesions and their volume, tissues by an atlas, distances between surfaces.

**Lesions** in twelve synthetic FLAIR scans (MNI152 template, 1 mm): four to eight of the lesions that `regseg.synth`
makes, under a shading that takes 95 % of the brain to within ±20 to ±40 %, with noise, on a scale of their own. The
lesson's recipe is that of episode 06, from the point that a note names; its Gaussian of 0.8 mm was chosen on
DEVELOPMENT, scans made with other seeds. Beside it stand the same without N4, and the steps of two
notebooks (github.com/InsightSoftwareConsortium/SimpleITK-Notebooks), written anew: "30_Segmentation_Region_Growing" is
the nearest, for it also finds an object in an MR image of the brain; "33_Segmentation_Thresholding_Edge_Detection" has
Otsu's threshold. There a person sets the seed, or draws the box around the object, so here they get both for every
lesion from the truth, and the recipe only the middle of one lesion.

**Their volume** is stated as episode 06 does it: counted, filled, and from where to where.

**Tissues** by one atlas and one registration, both as in episode 07: an affine transform, then Demons. The heads are
T1-like scans at 2 mm, made from real label maps; each of the twelve pairs relates two of six heads, which the
episode does not use. CSF is the fluid in the ventricles.

**Surfaces** of fifty random shapes in voxels of 1 x 1 x 5 mm: `regseg.evaluate` and DeepMind's surface-distance against
the meshes of pymeshmetrics.

Each method runs alone in a fresh process, with one thread; its CPU-seconds are user and system, without the import of
libraries.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk

from measure import Cases, alone, by_measure, write_results
from regseg import data, evaluate
from regseg.data import recipes
from regseg.grid import Grid
from regseg.synth import heads, lesions, looks

DEVELOPMENT = tuple(range(5000, 5080, 10))
REPORTING = tuple(range(6000, 6120, 10))
HEADS = (7, 9, 11, 12, 13, 14)
PAIRS = [(HEADS[n], HEADS[(n + step) % 6]) for step in (1, 2) for n in range(6)]  # a head, and its atlas
SHAPES = 50
TISSUES = {"CSF": (1,), "grey matter": (2, 4), "white matter": (3,)}  # of the structures that `heads.anatomy` names


# --- lesions ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Scan:
    """A scan (int16, 1 mm), its brain and its true lesions (uint8): labels from 1, the largest."""

    image: sitk.Image
    brain: sitk.Image
    labels: sitk.Image

    @property
    def truth(self) -> sitk.Image:
        """All lesions as 1."""
        return sitk.Cast(self.labels > 0, sitk.sitkUInt8)

    def places(self) -> list[tuple[tuple[float, ...], tuple[int, ...]]]:
        """The centre of each lesion in mm, and the box around it in voxels: where it begins, and its size."""
        shapes = sitk.LabelShapeStatisticsImageFilter()
        shapes.Execute(self.labels)
        return [(shapes.GetCentroid(label), shapes.GetBoundingBox(label)) for label in shapes.GetLabels()]


def make_scan(seed: int) -> Scan:
    """A scan made with this seed and the three after it."""
    random = np.random.default_rng(seed)
    reach, sigma, scale = random.uniform(0.2, 0.4), random.uniform(25, 55), random.uniform(0.6, 1.6)
    brain, tissue = data.load("brain_mask"), recipes.tissue_fractions()
    grid = Grid.of(brain)
    every = lesions.filled(brain, tissue, seed=seed, apart=random.uniform(11.5, 20))
    some = every[np.sort(random.permutation(len(every))[: random.integers(4, len(every) + 1)])]
    clean = lesions.flair(tissue, some, grid) * shading(brain, reach, seed + 2) * scale
    return Scan(looks.noise(clean, sigma * scale, seed + 3, brain), brain, lesions.labels(some, grid))


def shading(brain: sitk.Image, reach: float, seed: int) -> sitk.Image:
    """A bias field whose logarithm has 95 % of the brain within a band as wide as from 1 / (1 + reach) to 1 + reach."""
    inside = sitk.GetArrayFromImage(brain) > 0
    low, high = np.percentile(np.log(sitk.GetArrayFromImage(looks.bias(brain, 1.0, seed))[inside]), [2.5, 97.5])
    return looks.bias(brain, float(2 * np.log1p(reach) / (high - low)), seed)


@dataclass(frozen=True)
class Found:
    """What the lesson's recipe finds: the mask, the corrected scan, and how bright a lesion is in it."""

    mask: sitk.Image
    corrected: sitk.Image
    bright: float


def lesson(scan: sitk.Image, brain: sitk.Image, note: tuple[float, ...], correct: bool = True) -> Found:
    """The recipe of episode 06: correct, smooth, go halfway, throw out specks. `note` lies in a lesion, in mm."""
    grey = sitk.Cast(scan, sitk.sitkFloat32)
    if correct:
        small = sitk.BinShrink(grey, [4, 4, 4])
        n4 = sitk.N4BiasFieldCorrectionImageFilter()
        n4.SetMaximumNumberOfIterations([30, 30, 30])
        n4.Execute(small, sitk.Resample(brain, small, sitk.Transform(), sitk.sitkNearestNeighbor))
        grey = grey / sitk.Exp(sitk.Cast(n4.GetLogBiasFieldAsImage(scan), sitk.sitkFloat32))
    grey = sitk.Mask(grey, brain)
    smooth = sitk.Mask(sitk.DiscreteGaussian(grey, 0.8**2), brain)
    i, j, k = scan.TransformPhysicalPointToIndex(note)
    values = sitk.GetArrayFromImage(smooth)
    bright = float(values[k - 2 : k + 3, j - 2 : j + 3, i - 2 : i + 3].mean())
    healthy = float(np.median(values[sitk.GetArrayFromImage(brain) > 0]))
    pieces = sitk.ConnectedComponent(smooth > (healthy + bright) / 2, True)
    return Found(sitk.RelabelComponent(pieces, minimumObjectSize=20) > 0, grey, bright)


def lesson_mask(scan: Scan) -> sitk.Image:
    """What the recipe finds from the middle of the largest lesion."""
    return lesson(scan.image, scan.brain, scan.places()[0][0]).mask


def lesson_without_n4(scan: Scan) -> sitk.Image:
    """The same on the scan as it is."""
    return lesson(scan.image, scan.brain, scan.places()[0][0], correct=False).mask


def notebook_30(scan: Scan) -> sitk.Image:
    """Notebook 30 at its settings: grow from the seeds by their mean and spread, close by a voxel; a seed a lesion.

    Each lesion grows by itself, which serves the method better than one interval for all seeds.
    """
    grown = sitk.Image(scan.image.GetSize(), sitk.sitkUInt8)
    grown.CopyInformation(scan.image)
    for centre, _ in scan.places():
        seed = scan.image.TransformPhysicalPointToIndex(centre)
        grown |= sitk.ConfidenceConnected(
            scan.image, [seed], numberOfIterations=0, multiplier=2, initialNeighborhoodRadius=1, replaceValue=1
        )
    return sitk.BinaryMorphologicalClosing(grown, (1, 1, 1), sitk.sitkBall)


def notebook_33(scan: Scan) -> sitk.Image:
    """Notebook 33 at its settings: Otsu's threshold in a box that is drawn around the object; 5 mm wider a side."""
    found = sitk.Image(scan.image.GetSize(), sitk.sitkUInt8)
    found.CopyInformation(scan.image)
    for _, box in scan.places():
        drawn = sitk.Image(scan.image.GetSize(), sitk.sitkUInt8)
        drawn.CopyInformation(scan.image)
        drawn[tuple(slice(i - 5, i + n + 5) for i, n in zip(box[:3], box[3:], strict=True))] = 255
        found |= sitk.OtsuThreshold(scan.image, drawn, 0, 1, 100, True, 255)
    return found


LESIONS: dict[str, Callable[[Scan], sitk.Image]] = {
    "the lesson's recipe": lesson_mask,
    "the same without N4": lesson_without_n4,
    "SimpleITK's notebook 30": notebook_30,
    "SimpleITK's notebook 33": notebook_33,
}


def measure_lesions(name: str, scan: Scan) -> dict[str, float]:
    """Run one method on one scan; a mask without a voxel has a Dice coefficient of 0."""
    began = time.process_time()
    found = LESIONS[name](scan)
    spent = time.process_time() - began
    nothing = not sitk.GetArrayViewFromImage(found).any()
    return {"Dice coefficient": 0.0 if nothing else evaluate.overlap(scan.truth, found).dice, "CPU (s)": spent}


def millilitres(mask: sitk.Image) -> float:
    """The volume of all voxels that are not 0."""
    return float(np.count_nonzero(sitk.GetArrayViewFromImage(mask)) * np.prod(mask.GetSpacing()) / 1000)


def counted_and_filled(found: Found) -> tuple[float, float]:
    """The volume in ml as episode 06 states it: voxels counted, and how full each one is, up to 2 mm around."""
    near, wider = (sitk.GetArrayFromImage(sitk.BinaryDilate(found.mask, [reach] * 3)) > 0 for reach in (2, 4))
    grey = sitk.GetArrayFromImage(found.corrected)
    around = np.median(grey[wider & ~near])
    fullness = (grey[near] - around) / (found.bright - around)
    return millilitres(found.mask), float(fullness.sum() * np.prod(found.mask.GetSpacing()) / 1000)


def measure_volume(scan: Scan) -> dict[str, dict[str, float]]:
    """How far each statement about the volume is from the truth, in per cent of it, and whether it holds the truth."""
    counted, filled = counted_and_filled(lesson(scan.image, scan.brain, scan.places()[0][0]))
    truth = millilitres(scan.labels)
    return {
        "counted": {"error (%)": 100 * (counted / truth - 1)},
        "filled": {"error (%)": 100 * (filled / truth - 1)},
        "from counted to filled": stated(*sorted((counted, filled)), truth),
        "filled, give or take the distance to counted": stated(*sorted((counted, 2 * filled - counted)), truth),
    }


def stated(low: float, high: float, truth: float) -> dict[str, float]:
    """Whether an interval holds the truth, and half of its width in per cent of its middle."""
    return {
        "holds the truth (share of scans)": float(low <= truth <= high),
        "half width (%)": 100 * (high - low) / (high + low),
    }


# --- tissues by an atlas ----------------------------------------------------------------------------------------------


def make_head(number: int, seed: int) -> tuple[sitk.Image, sitk.Image]:
    """A T1-like scan (2 mm, grey levels bent as by another scanner) and its tissues: 1 CSF, 2 grey, 3 white matter."""
    scan, structures = heads.anatomy(data.load(f"head_labels_{number:02d}"), seed)
    numbers = sitk.GetArrayViewFromImage(structures)
    tissues = np.zeros(numbers.shape, np.uint8)
    for label, parts in enumerate(TISSUES.values(), 1):
        tissues[np.isin(numbers, parts)] = label
    exponent = np.random.default_rng(seed).uniform(0.8, 1.25)
    return looks.grey_levels(scan, exponent, 255), Grid.of(structures).image(tissues)


def register(fixed: sitk.Image, moving: sitk.Image) -> tuple[sitk.Transform, sitk.Transform]:
    """The registration of episode 07: an affine transform, and one that Demons has bent further."""
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsCorrelation()
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsRegularStepGradientDescent(learningRate=2.0, minStep=0.01, numberOfIterations=60)
    method.SetOptimizerScalesFromPhysicalShift()
    moments = sitk.CenteredTransformInitializerFilter.MOMENTS
    start = sitk.CenteredTransformInitializer(fixed, moving, sitk.AffineTransform(3), moments)
    method.SetInitialTransform(start, inPlace=False)
    affine = method.Execute(sitk.BinShrink(fixed, [3, 3, 3]), sitk.BinShrink(moving, [3, 3, 3]))

    alike = sitk.Resample(sitk.HistogramMatching(moving, fixed, 256, 15, True), fixed, affine)
    field = sitk.Image(fixed.GetSize(), sitk.sitkVectorFloat64)
    field.CopyInformation(fixed)
    demons = sitk.FastSymmetricForcesDemonsRegistrationFilter()
    demons.SetStandardDeviations(1.0)
    for shrink, iterations in ((4, 60), (2, 60), (1, 20)):
        coarse_fixed, coarse_moving = (sitk.BinShrink(image, [shrink] * 3) for image in (fixed, alike))
        demons.SetNumberOfIterations(iterations)
        field = demons.Execute(coarse_fixed, coarse_moving, sitk.Resample(field, coarse_fixed))
    return affine, sitk.CompositeTransform([affine, sitk.DisplacementFieldTransform(field)])


def measure_tissues(target: int, atlas: int) -> dict[str, dict[str, float]]:
    """Segment one head by the other: by the affine transform only, and by Demons after it."""
    fixed, truth = make_head(target, 100 * target)
    moving, labels = make_head(atlas, 100 * atlas + 50)
    began = time.process_time()
    affine, bent = register(fixed, moving)
    spent = time.process_time() - began
    return {
        "affine only": shared(truth, labels, affine),
        "affine and Demons": shared(truth, labels, bent) | {"CPU (s)": spent},
    }


def shared(truth: sitk.Image, labels: sitk.Image, transform: sitk.Transform) -> dict[str, float]:
    """The Dice coefficient of each tissue that a transform carries over, and their mean."""
    carried = sitk.Resample(labels, truth, transform, sitk.sitkNearestNeighbor)
    dice = {f"Dice, {name}": evaluate.overlap(truth, carried, n).dice for n, name in enumerate(TISSUES, 1)}
    return {"mean Dice": float(np.mean(list(dice.values())))} | dice


# --- surfaces ---------------------------------------------------------------------------------------------------------


def shape_pair(seed: int) -> tuple[sitk.Image, sitk.Image]:
    """A random shape of 16 to 40 mm, and another one near it, in voxels of 1 x 1 x 5 mm."""
    random = np.random.default_rng(seed)
    grid = Grid((72, 72, 15), (1.0, 1.0, 5.0), (0.0,) * 3, tuple(np.eye(3).ravel()))
    places = grid.points(np.moveaxis(np.indices(grid.size[::-1])[::-1], 0, -1)) - grid.middle
    radii, shift = random.uniform(10, 20, 3), random.uniform(-4, 4, 3)

    def shape(radii: np.ndarray, shift: np.ndarray, seed: int) -> sitk.Image:
        # The bumps are waves of some 12 voxels of 1 mm, of which every fifth slice is taken.
        bumps = looks.smooth_noise((75, 72, 72), wavelength=12, seed=seed)[2::5]
        return grid.image((np.linalg.norm((places - shift) / radii, axis=-1) + 0.08 * bumps < 1).astype(np.uint8))

    return shape(radii, shift * 0, 2 * seed), shape(radii * random.uniform(0.85, 1.15, 3), shift, 2 * seed + 1)


# Each measurement returns mm: the mean over both surfaces, and the 95th percentile from the reference and back to it.


def by_regseg(reference: sitk.Image, segmentation: sitk.Image) -> list[float]:
    """The course's own."""
    found = evaluate.surface_distance(reference, segmentation)
    return [found.mean, found.from_reference.percentile_95, found.from_segmentation.percentile_95]


def by_meshes(reference: sitk.Image, segmentation: sitk.Image) -> list[float]:
    """pymeshmetrics: meshes of triangles, and distances to the triangles themselves."""
    from meshmetrics import DistanceMetrics

    meshes = DistanceMetrics(verbose=False)
    meshes.set_input(reference, segmentation)
    there, our_areas, back, their_areas = meshes.distances
    there, back = abs(there), abs(back)
    directed = [meshes.perc_surface_dist(there, our_areas, 95), meshes.perc_surface_dist(back, their_areas, 95)]
    return [meshes.assd(), *map(float, directed)]


def by_deepmind(reference: sitk.Image, segmentation: sitk.Image) -> list[float]:
    """surface-distance: areas by marching cubes, distances from a map on the voxels' corners."""
    import surface_distance

    masks = (sitk.GetArrayFromImage(image) > 0 for image in (reference, segmentation))
    found = surface_distance.compute_surface_distances(*masks, reference.GetSpacing()[::-1])
    sides = [(found[f"distances_{a}_to_{b}"], found[f"surfel_areas_{a}"]) for a, b in (("gt", "pred"), ("pred", "gt"))]
    distances, areas = map(np.concatenate, zip(*sides, strict=True))
    directed = [d[np.searchsorted(np.cumsum(a) / a.sum(), 0.95)] for d, a in sides]
    return [float(np.average(distances, weights=areas)), *map(float, directed)]


SURFACES: dict[str, Callable[[sitk.Image, sitk.Image], list[float]]] = {
    "regseg.evaluate": by_regseg,
    "pymeshmetrics": by_meshes,
    "DeepMind's surface-distance": by_deepmind,
}


def measure_surfaces(name: str) -> tuple[list[list[float]], float]:
    """The distances of one package on all shapes, and its CPU-time in ms a shape."""
    shapes = [shape_pair(seed) for seed in range(SHAPES)]
    SURFACES[name](*shapes[0])  # what it imports and builds only once does not count
    began = time.process_time()
    found = [SURFACES[name](*pair) for pair in shapes]
    return found, 1000 * (time.process_time() - began) / SHAPES


def worst(found: list[list[float]], reference: list[list[float]]) -> dict[str, float]:
    """The largest difference from the reference over all shapes, in per cent of it."""
    apart = 100 * np.abs(np.divide(found, reference) - 1).max(axis=0)
    return {
        "mean, worst difference (%)": float(apart[0]),
        "directed 95th percentile, worst difference (%)": float(apart[1:].max()),
    }


# --- all of it --------------------------------------------------------------------------------------------------------


def by_method(rows: list[dict[str, dict[str, float]]]) -> dict[str, dict[str, list[float]]]:
    """What was found on each case, method by method."""
    return {method: by_measure([row[method] for row in rows]) for method in rows[0]}


def say(case: str, row: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
    """Tell the figures of one case while the bench goes on."""
    for method, figures in row.items():
        said = ", ".join(f"{what} {value:.3g}" for what, value in figures.items())
        print(f"{case}, {method}: {said}", file=sys.stderr, flush=True)
    return row


def main() -> None:
    dice, volume = [], []
    for seed in REPORTING:
        scan = alone(make_scan, seed)
        dice.append(say(f"scan {seed}", {name: alone(measure_lesions, name, scan) for name in LESIONS}))
        volume.append(say(f"scan {seed}", alone(measure_volume, scan)))
    tissue = [say(f"head {a} by head {b}", alone(measure_tissues, a, b)) for a, b in PAIRS]
    cases: Cases = {"lesions": by_method(dice), "volume": by_method(volume), "tissues": by_method(tissue)}

    measured = {name: alone(measure_surfaces, name) for name in SURFACES}
    meshes, _ = measured["pymeshmetrics"]
    cases["surfaces"] = {}
    for name, (found, spent) in measured.items():
        apart = worst(found, meshes) if found is not meshes else {}
        row = {what: float(f"{value:.4g}") for what, value in (apart | {"CPU (ms per shape)": spent}).items()}
        cases["surfaces"][name] = say("shapes", {name: row})[name]
    pairs = {"tissues": [f"head {a} by head {b}" for a, b in PAIRS]}
    print(write_results("segmentation", cases, pairs))


if __name__ == "__main__":
    main()
