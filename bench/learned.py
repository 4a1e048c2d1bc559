"""How far can images lie apart? RegNet, the streamed solve, both, and their peers, on pairs with a known field.

    python bench/learned.py                # 20 pairs in each row, all methods that take seconds
    python bench/learned.py --slow 5       # and on the first 5 of each row the methods that take minutes
    python bench/learned.py --pairs 5 --rows "16 mm" "20 mm"    # fewer; what is there already is not done again

The fixed image of a pair is the moving one warped by the way along a random velocity (noise, smoothed by a Gaussian of
25 mm), followed until the points of the brain have gone 4 to 24 mm on average. The brain is the MNI152 template at 2 mm
(T1-weighted MR), which no weights of the course have been trained on, with other grey levels and noise in the moving
image; in some rows these are inverted, or like T2. Two rows are images of label maps of other people than those of the
training, and in the last two rows two of these people are registered, whose truth are the labels.

The warps have no rigid part of their own, and all methods start from the identity, with one thread. CPU-seconds are
those of the method alone, the reading of its weights and files included, and the import of its libraries not. Errors
are against the truth, at the voxels of a grid of 4 mm in the brain; folding too. Each result is written whole under
build/learned as soon as it is there, so that a bench which was stopped goes on: remove the folder after a change.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from statistics import median

import numpy as np
import SimpleITK as sitk
import torch

from carrying import solved
from lessonkit.lesson import replace_file
from measure import ROOT, alone, write_results
from regseg import data, evaluate
from regseg import elastix as door
from regseg.data import recipes
from regseg.grid import Grid
from regseg.learn import regnet, train
from regseg.synth import heads, looks, pairs, warps

FOLDER = ROOT / "build" / "learned"
PEOPLE = (*data.anatomies("correcting"), *data.anatomies("testing"))  # none of them was trained on
SMOOTH = 25.0  # mm


@dataclass(frozen=True)
class Row:
    """Pairs of one kind: how far points go on average (mm), and what the two images show."""

    name: str
    mean: float
    look: str = "other grey levels"


ROWS = (
    *(Row(f"{mean} mm", mean) for mean in (4, 8, 12, 16, 20, 24)),
    *(Row(f"{look}, {mean} mm", mean, look) for look in ("inverted", "like T2") for mean in (8, 16)),
    *(Row(f"other people, {mean} mm", mean, "label map") for mean in (8, 16)),
)
TWO_HEADS = Row("two heads", 0, "two heads")


# --- pairs ------------------------------------------------------------------------------------------------------------


def along(grid: Grid, brain: sitk.Image, seed: int, mean: float) -> sitk.DisplacementFieldTransform:
    """The way along a random velocity on voxels of 8 mm, after which the brain has moved so far on average."""
    random = np.random.default_rng((4711, seed))
    cells = grid.shrink((4,) * 3)
    wide = cells.crop(cells.box.grow((12,) * 3))
    components = [
        sitk.SmoothingRecursiveGaussian(wide.image(random.standard_normal(wide.size[::-1])), SMOOTH) for _ in range(3)
    ]
    velocity = sitk.Compose([each / float(sitk.GetArrayViewFromImage(each).std()) for each in components])
    where = sitk.GetArrayFromImage(sitk.Resample(brain, wide.image(np.zeros(wide.size[::-1], np.uint8)))) > 0
    vectors, time_needed = sitk.GetArrayFromImage(velocity), float(mean)
    while True:
        found = warps.exponential(wide.image(vectors * time_needed))
        gone = np.linalg.norm(sitk.GetArrayFromImage(found.GetDisplacementField())[where], axis=-1).mean()
        if abs(gone - mean) < 0.01 * mean:
            return found
        time_needed *= mean / gone


def at_2_mm(image: sitk.Image) -> sitk.Image:
    return sitk.BinShrink(sitk.Cast(image, sitk.sitkFloat32), [2] * 3)


def anatomy(row: Row, index: int) -> tuple[sitk.Image, sitk.Image, sitk.Image]:
    """What the fixed image is made of, what the moving one shows, and the brain, at 2 mm."""
    if row.look == "label map":
        scan, structures = heads.anatomy(data.load(PEOPLE[index % len(PEOPLE)]), seed=index)
        brain = sitk.BinaryFillhole(sitk.Cast(structures > 0, sitk.sitkUInt8))
        pad = [10] * 3
        scan, brain = (
            sitk.ConstantPad(image, pad, pad, 0.0) for image in (scan * sitk.Cast(brain, scan.GetPixelID()), brain)
        )
        return scan, scan, brain
    t1, brain = data.load("brain_t1"), data.load("brain_mask")
    moving = {
        "other grey levels": recipes.other_t1,
        "inverted": lambda image: (
            looks.grey_levels(image, 1.0, 255, inverted=True) * sitk.Cast(brain, sitk.sitkFloat32)
        ),
        "like T2": lambda _: data.load("brain_t2"),
    }[row.look](t1)
    return at_2_mm(t1), at_2_mm(moving), sitk.Cast(at_2_mm(brain) >= 0.5, sitk.sitkUInt8)


def make_pair(row: Row, index: int) -> pairs.Pair:
    """The pair of this number: fresh noise and a fresh field."""
    fixed, moving, brain = anatomy(row, index)
    seed = 100 * (1 + [each.name for each in ROWS].index(row.name)) + index
    truth = along(Grid.of(fixed), brain, seed, row.mean)
    return pairs.make(fixed, brain, truth, moving=moving, seed=seed, shrink=1, interpolator=sitk.sitkBSpline)


# --- methods: from a fixed and a moving image to a transform ----------------------------------------------------------


def start(fixed: sitk.Image, _moving: sitk.Image) -> sitk.Transform:
    return sitk.Transform(fixed.GetDimension(), sitk.sitkIdentity)


def solve(fixed: sitk.Image, moving: sitk.Image) -> sitk.Transform:
    """The streamed solve of episode 11, from the identity."""
    return solved(fixed, moving, None)


def affine_solve(fixed: sitk.Image, moving: sitk.Image) -> sitk.Transform:
    """The same after an affine registration by mutual information."""
    from registration import start as affine

    return solved(fixed, moving, affine(fixed, moving))


def untrained_network() -> regnet.RegNet:
    torch.manual_seed(1)
    return regnet.RegNet(3).eval()


def untrained(fixed: sitk.Image, moving: sitk.Image) -> sitk.Transform:
    """Arithmetic alone, all passes."""
    return regnet.predict(untrained_network(), fixed, moving)


def trained_live(fixed: sitk.Image, moving: sitk.Image) -> sitk.Transform:
    """All passes of a network that has learned for as long as a class can wait: less than five minutes of one core."""
    weights = FOLDER / "live.safetensors"
    if not weights.exists():
        torch.manual_seed(1)
        network = regnet.RegNet(3)
        heads_of_training = [regnet.Anatomy.of(data.load(name)) for name in data.anatomies("training")[:6]]
        train.train(network, regnet.pairs(heads_of_training), regnet.loss, steps=300, seed=2, learning_rate=1.5e-3)
        train.save_weights(weights, network, half=True)
    return regnet.predict(regnet.load(3, weights), fixed, moving)


def without_network(fixed: sitk.Image, moving: sitk.Image) -> sitk.Transform:
    """The stages that follow the network in the hybrid, from the identity: what of its success is not the network's?"""
    return regnet.register(fixed, moving, passes=()).transform


def untrained_hybrid(fixed: sitk.Image, moving: sitk.Image) -> sitk.Transform:
    return regnet.register(fixed, moving, network=untrained_network()).transform


def one_shot(fixed: sitk.Image, moving: sitk.Image) -> sitk.Transform:
    """The trained network, one pass of each stage."""
    return regnet.predict(regnet.load(3), fixed, moving, passes=("far", "near"))


def refined(fixed: sitk.Image, moving: sitk.Image) -> sitk.Transform:
    return regnet.predict(regnet.load(3), fixed, moving)


def hybrid(fixed: sitk.Image, moving: sitk.Image) -> sitk.Transform:
    return regnet.register(fixed, moving).transform


def greedy(fixed: sitk.Image, moving: sitk.Image) -> sitk.Transform:
    """The program greedy, by local correlation (radius 4 mm), coarse to fine."""
    from picsl_greedy import Greedy3D

    # By name and not by file: once elastix is loaded, the ITK in greedy can read and write no files any more.
    program = Greedy3D()
    program.execute(
        "-d 3 -i fixed moving -o warp -m NCC 2x2x2 -n 100x60x30 -ia-identity -threads 1",
        fixed=fixed,
        moving=moving,
        warp=None,
        out=StringIO(),
        err=StringIO(),
    )
    found = sitk.Cast(program["warp"], sitk.sitkVectorFloat64)
    return sitk.DisplacementFieldTransform(found)


def ffd(fixed: sitk.Image, moving: sitk.Image) -> sitk.Transform:
    """SimpleITK's B-spline with meshes of 40 and 20 mm, by mutual information, until it has converged."""
    mesh = [max(1, round(n * mm / 40)) for n, mm in zip(fixed.GetSize(), fixed.GetSpacing(), strict=True)]
    bspline = sitk.BSplineTransformInitializer(fixed, mesh)
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(numberOfHistogramBins=32)
    method.SetMetricSamplingStrategy(method.RANDOM)
    method.SetMetricSamplingPercentage(0.2, seed=1)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsLBFGS2(solutionAccuracy=1e-9, numberOfIterations=60)
    method.SetShrinkFactorsPerLevel([4, 2])
    method.SetSmoothingSigmasPerLevel([4, 2])
    method.SetInitialTransformAsBSpline(bspline, inPlace=True, scaleFactors=[1, 2])
    method.Execute(fixed, moving)
    return bspline


def elastix(fixed: sitk.Image, moving: sitk.Image) -> sitk.Transform:
    """elastix in native code: five resolutions, knots of 16 mm, 500 iterations each."""
    wanted = door.default_map("bspline", resolutions=5, knots=16.0, MaximumNumberOfIterations=500)
    return door.register(fixed, moving, wanted, engine="native").transform


def convex_adam(fixed: sitk.Image, moving: sitk.Image) -> sitk.Transform:
    """ConvexAdam with MIND, near its defaults: correlation, coupled convex optimisation, then Adam."""
    from convexAdam.convex_adam_MIND import convex_adam_pt

    field = convex_adam_pt(
        sitk.GetArrayFromImage(fixed), sitk.GetArrayFromImage(moving), device=torch.device("cpu"), dtype=torch.float32,
        disp_hw=6, grid_sp=4,
    )  # fmt: skip
    grid = Grid.of(fixed)
    vectors = np.ascontiguousarray(field[..., ::-1]).astype(float) * grid.spacing @ grid.axes.T
    return sitk.DisplacementFieldTransform(grid.image(vectors))


Method = Callable[[sitk.Image, sitk.Image], sitk.Transform]
FAST: dict[str, Method] = {
    "start": start,
    "streamed solve": solve,
    "untrained network": untrained,
    "RegNet": refined,
    "RegNet, then the solve": hybrid,
    "that solve, no network": without_network,
}
SLOW: dict[str, Method] = {
    "RegNet, one shot": one_shot,
    "RegNet, trained live": trained_live,
    "greedy": greedy,
    "untrained network, then the solve": untrained_hybrid,
    "affine, then the solve": affine_solve,
    "SimpleITK's B-spline": ffd,
    "elastix": elastix,
    "ConvexAdam": convex_adam,
}


# --- measures ---------------------------------------------------------------------------------------------------------


def figures(method: Method, pair: pairs.Pair) -> dict[str, float]:
    """One method on one pair."""
    fixed, moving = (sitk.Cast(image, sitk.sitkFloat32) for image in (pair.fixed, pair.moving))
    began = time.process_time()
    found = method(fixed, moving)
    spent = time.process_time() - began
    mask = sitk.Cast(at_2_mm(pair.mask) >= 0.5, sitk.sitkUInt8)  # of voxels of 4 mm
    field = Grid.of(mask).sample(found)
    error = evaluate.field_error(field, pair.transform, mask)
    return {
        "mean error (mm)": error.mean,
        "95th percentile (mm)": error.percentile_95,
        "folding (%)": 100 * evaluate.folding(field, mask),
        "CPU (s)": spent,
    }


def overlap(method: Method, one: str, other: str) -> dict[str, float]:
    """One method on two people: the mean Dice coefficient of ventricles, grey matter, white matter and nuclei."""
    (fixed, fixed_labels), (moving, moving_labels) = (heads.anatomy(data.load(name), seed=1) for name in (one, other))
    centres = sitk.CenteredTransformInitializer(
        fixed_labels, moving_labels, sitk.Euler3DTransform(), sitk.CenteredTransformInitializerFilter.MOMENTS
    )
    grid = Grid.of(fixed)
    fixed, fixed_labels = (sitk.ConstantPad(image, [10] * 3, [10] * 3, 0) for image in (fixed, fixed_labels))
    grid = Grid.of(fixed)
    moving, moving_labels = (
        sitk.Resample(image, fixed, centres, kind)
        for image, kind in ((moving, sitk.sitkLinear), (moving_labels, sitk.sitkNearestNeighbor))
    )
    began = time.process_time()
    found = method(fixed, moving)
    spent = time.process_time() - began
    warped = sitk.Resample(moving_labels, fixed_labels, found, sitk.sitkNearestNeighbor)
    filter_ = sitk.LabelOverlapMeasuresImageFilter()
    filter_.Execute(fixed_labels, warped)
    return {
        "mean Dice": float(np.mean([filter_.GetDiceCoefficient(label) for label in (1, 2, 3, 4)])),
        "folding (%)": 100 * evaluate.folding(grid.sample(found), sitk.Cast(fixed_labels > 0, sitk.sitkUInt8)),
        "CPU (s)": spent,
    }


def jobs(rows: list[Row], count: int, slow: int) -> Iterator[tuple[Row, int, dict[str, Method]]]:
    """All rows at once, pair after pair, so that they are equally long whenever the bench is stopped."""
    for methods, number in ((FAST, count), (SLOW, min(slow, count))):
        for index in range(number):
            for row in rows:
                yield row, index, methods


def file_of(row: Row, index: int, method: str) -> Path:
    return FOLDER / row.name.replace(" ", "-") / f"{index:02d}-{method.replace(' ', '-')}.json"


def measure(names: list[str], count: int, slow: int) -> None:
    """Do what is not there yet."""
    rows = [row for row in (*ROWS, TWO_HEADS) if row.name in names]
    for row, index, methods in jobs(rows, count, slow):
        todo = {name: method for name, method in methods.items() if not file_of(row, index, name).exists()}
        if not todo:
            continue
        one, other = (PEOPLE[(index + step) % len(PEOPLE)] for step in (0, 1 + index // len(PEOPLE)))
        pair = None if row is TWO_HEADS else make_pair(row, index)
        for name, method in todo.items():
            found = figures(method, pair) if pair else overlap(method, one, other)
            target = file_of(row, index, name)
            target.parent.mkdir(parents=True, exist_ok=True)
            replace_file(target, json.dumps(found).encode())
            said = ", ".join(f"{what} {value:.3g}" for what, value in found.items())
            print(f"{row.name}, pair {index}, {name}: {said}", file=sys.stderr)


def collect() -> None:
    """Write the results: of each method in each row the pairs that it has done, and how many those were."""
    cases: dict[str, dict[str, dict[str, float | list[float]]]] = {}
    for row in (*ROWS, TWO_HEADS):
        for name in (*FAST, *SLOW):
            files = [file_of(row, index, name) for index in range(100)]
            found = [json.loads(file.read_text(encoding="utf-8")) for file in files if file.exists()]
            if not found:
                continue
            figure: dict[str, float | list[float]] = {"pairs": float(len(found))}
            if "mean error (mm)" in found[0]:
                errors = [each["mean error (mm)"] for each in found]
                figure |= {"median error (mm)": median(errors), "above 2 mm": float(sum(e > 2 for e in errors))}
            figure |= {what: [float(f"{each[what]:.4g}") for each in found] for what in found[0]}
            cases.setdefault(row.name, {})[name] = figure
    print(write_results("learned", cases))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--pairs", type=int, default=20, help="in each row")
    parser.add_argument("--slow", type=int, default=0, help="of them also by the methods that take minutes")
    names = [row.name for row in (*ROWS, TWO_HEADS)]
    parser.add_argument("--rows", nargs="+", choices=names, default=names, metavar="ROW", help=", ".join(names))
    given = parser.parse_args()
    # All in one process: to load the libraries takes as long as a pair.
    alone(measure, given.rows, given.pairs, given.slow)
    collect()


if __name__ == "__main__":
    main()
