"""Registration larger than memory: `regseg.distributed`, elastix in memory, itk-dreg and BigStream.

Each pair is made from one anatomy, and the fixed image is it resampled (cubic) through the truth, so the truth maps
each fixed point to its moving point exactly; noise, grey levels and often more differ. The families of warps: cubic
B-splines, exponentiated velocities, sums of Gaussians, and plane waves of one short length, which go to the edge of
folding. The anatomies: the MNI152 template (T1-weighted MR, 1 mm) and real label maps of whole heads, which become
images by a random grey level for each label. The pair "anatomies" relates two different heads: no truth is known, and
it is judged by the labels that the transform carries over. Parameters of the course's method were fixed on DEVELOPMENT,
whose seeds are others; only REPORTING and SHORT_WAVES are reported.

All methods start from the same affine: the one that fits the truth best, after a motion of up to half a degree about
each axis and half a millimetre along it. Each runs alone in a fresh process, with one thread, from files: chunked ones
for the course, plain ones for the others. CPU-seconds are user and system, reading included and libraries' loading not;
the peak memory is that of the whole process, the libraries included. Errors are at 20,000 random points of the brain.

itk-dreg is compared where it is installed (`pip install itk-dreg==0.0.1 scipy`: it does not ask for the scipy that it
needs); `itk_dreg` says how it is patched, in its process, to run at all. What a method has found on a pair is kept
under build/large, and not measured again: remove that folder after a change.

    python bench/large.py                 # all but BigStream, which takes hours
    python bench/large.py large_waves     # one file of results

BigStream ("large_bigstream") is compared on one pair, given whole, and on one block of it, by the Python that
BIGSTREAM_PYTHON names; `peer_bigstream` says what that must have. It comes from light-sheet microscopy, and has what
the course has not:

- feature points with RANSAC, and a random affine search, of the whole images and of each block: `--initial auto` does
  what they are for by turns and mutual information, which needs no spots. Not taken over.
- rigid, affine and deformable steps nested from large blocks to small ones: the stages of a plan are that.
- the inverse field, and points carried, by blocks: taken over, by `regseg.volumes` and `regseg map-points`.
- stitching of tiles, motion correction of videos, clusters of its institute (LSF): other tasks. Not taken over; a dask
  cluster of any kind serves the course.

What it has not: a solve over all blocks, so that seams are blended; object stores and OME-Zarr with levels; a resume;
failures that are told but in a log, for a block that fails moves nothing.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from threading import Timer
from typing import Any

import numpy as np
import SimpleITK as sitk

import terabyte
from lessonkit.lesson import replace_file
from measure import ROOT, Cases, alone, by_measure, peak_memory, write_results
from regseg import data, evaluate, memory, volumes
from regseg import elastix as door
from regseg.data.recipes import tissue_fractions
from regseg.grid import Grid
from regseg.synth import heads, looks, pairs, warps

POINTS = 20_000  # where errors are measured


@dataclass(frozen=True)
class Recipe:
    """What a pair is made of.

    `warp` is one of WARPS and `reach` its strength in mm: the longest velocity or displacement, or the spread of a
    B-spline's coefficients; of waves it is their length. `bias` is the logarithm of the moving image's shading (0.1 is
    about 20 %). A `poor` moving image is blurred by 1 mm, and has more noise and a gamma below 1. `spacing` is that of
    both images in mm.
    """

    name: str
    seed: int
    warp: str = "velocity"
    reach: float = 7.0
    contrast: str = "t1"
    bias: float = 0.0
    poor: bool = False
    head: str = ""  # a label map, in place of the template
    spacing: float = 1.0


DEVELOPMENT = (
    Recipe("dev1", 100, bias=0.1),
    Recipe("dev2", 200, "bspline", 6.0, bias=0.1),
    Recipe("dev3", 300, contrast="t2", bias=0.1),
    Recipe("dev4", 400, contrast="inverted", bias=0.1),
)
DEVELOPMENT_WAVES = Recipe("dev_waves", 9035, "waves", 35.0)
SAME_CONTRAST = (
    Recipe("bspline", 1100, "bspline", 5.0),
    Recipe("velocity_1", 1200),
    Recipe("velocity_2", 1300),
    Recipe("velocity_poor", 1300, bias=0.1, poor=True),
    Recipe("gaussians", 1400, "gaussians", 10.0),
    Recipe("gaussians_shaded", 1500, "gaussians", 10.0, bias=0.1),
    Recipe("head", 1600, head="head_labels_05"),
)
OTHER_CONTRAST = (Recipe("t2", 1700, contrast="t2", bias=0.1), Recipe("inverted", 1800, contrast="inverted"))
LARGE_WARP = Recipe("large_warp", 1900, reach=15.0)
WAVES = tuple(Recipe(f"waves_{mm}", 2000 + mm, "waves", float(mm)) for mm in (35, 60, 90))
HEADS = (
    Recipe("head_35", 2100, "waves", 35.0, head="head_labels_09"),
    Recipe("head_60", 2200, "waves", 60.0, head="head_labels_10"),
    Recipe("head_90", 2300, "waves", 90.0, head="head_labels_11"),
)
SHORT_WAVES = {"short waves": WAVES, "short waves, heads": HEADS}
FINE = Recipe("fine", 1200, spacing=0.5)  # velocity_1 again, in eight times the voxels
ANATOMIES = ("head_labels_03", "head_labels_12")
REPORTING = {
    "same contrast": SAME_CONTRAST,
    "other contrast": OTHER_CONTRAST,
    "large warp": (LARGE_WARP,),
}
AMONG_PEERS = ("same contrast", *SHORT_WAVES)  # where itk-dreg runs too
PARTS = ("terabyte", "large_own", "large", "large_waves", "large_bigstream")  # each a file of results
FOLDER = ROOT / "build" / "large"


# Pairs: fixed and moving (.mha, int16, and .zarr), mask.mha (the brain in the fixed image), initial.tfm, and truth.npz:
# points x in the fixed image and their partners y in the moving one, (n, 3) in mm, LPS.


def write_pair(recipe: Recipe, folder: Path) -> None:
    """Make a pair with a known truth and write it into a new folder."""
    anatomy, mask = head(recipe.head, recipe.seed) if recipe.head else (data.load("brain_t1"), data.load("brain_mask"))
    grid = Grid.of(anatomy)
    motion = warps.random_rigid(grid, recipe.seed + 1, degrees=6, reach=6)
    warp = WARPS[recipe.warp](grid, recipe.seed, recipe.reach)
    truth = sitk.CompositeTransform([motion, warp])  # the last acts first
    moving = recoloured(anatomy, recipe)
    if recipe.bias:
        moving = looks.bias(moving, recipe.bias, recipe.seed + 2)
    finer = [round(1 / recipe.spacing)] * 3
    pair = pairs.make(
        4 * sitk.Expand(sitk.Cast(anatomy, sitk.sitkFloat32), finer, sitk.sitkBSpline),
        sitk.Expand(mask, finer, sitk.sitkNearestNeighbor),
        truth,
        moving=sitk.Expand(moving, finer, sitk.sitkBSpline),
        seed=recipe.seed + 3,
        shrink=1,
        sigma=(20, 35 if recipe.poor else 25),
        stripped=False,
        interpolator=sitk.sitkBSpline,
    )
    x = random_points(pair.mask, recipe.seed + 5)
    y = mapped(truth, x)
    nudge = warps.random_rigid(grid, recipe.seed + 6, degrees=0.5, reach=0.5)
    start = sitk.CompositeTransform([fit_affine(x, y), nudge])

    write_images(folder, pair.fixed, pair.moving)
    sitk.WriteImage(pair.mask, folder / "mask.mha")
    np.savez(folder / "truth.npz", x=x, y=y)
    sitk.WriteTransform(fit_affine(x, mapped(start, x)), folder / "initial.tfm")  # the same, as one matrix


def write_anatomies(folder: Path) -> None:
    """Write two real heads of different people, and their labels; an affine fits the centres of the brain's labels."""
    both = [labels_of(name) for name in ANATOMIES]
    images = [looks.noise(4 * heads.grey(labels, seed=2000), 20, seed=2001 + n) for n, labels in enumerate(both)]
    write_images(folder, *images)
    shapes = [sitk.LabelShapeStatisticsImageFilter() for _ in both]
    for labels, shape, name in zip(both, shapes, ("fixed", "moving"), strict=True):
        sitk.WriteImage(labels, folder / f"{name}_labels.mha")
        shape.Execute(labels)
    centres = [[shape.GetCentroid(label) for label in heads.BRAIN] for shape in shapes]
    sitk.WriteTransform(fit_affine(*map(np.array, centres)), folder / "initial.tfm")


def write_images(folder: Path, fixed: sitk.Image, moving: sitk.Image) -> None:
    """Write both images, whole for the peers and chunked for the course."""
    folder.mkdir(parents=True)
    for name, image in (("fixed", fixed), ("moving", moving)):
        sitk.WriteImage(image, folder / f"{name}.mha")
        volumes.save(image, folder / f"{name}.zarr")


def bspline(grid: Grid, seed: int, reach: float) -> sitk.Transform:
    """A cubic B-spline of about 17 mm spacing."""
    return warps.bspline(grid, seed, reach, mesh=tuple(round(n / 17) for n in grid.size))


def velocity(grid: Grid, seed: int, reach: float) -> sitk.Transform:
    """The exponential of a smooth velocity: invertible, and no B-spline."""
    return warps.exponential(warps.scaled(warps.velocity(grid, seed), reach))


def waves(grid: Grid, seed: int, length: float) -> sitk.Transform:
    """Plane waves of one length in mm, three along each axis; nowhere is a volume made smaller than a quarter."""
    rng, coarse = np.random.default_rng(seed), volumes.pyramid(grid)[1]
    indices = np.indices(coarse.size, dtype=float)
    places = np.tensordot(coarse.matrix, indices, axes=1)  # of x, y, z; where they begin does not matter
    field, slopes = np.zeros_like(places), np.zeros((3, *places.shape))
    for axis in np.repeat(range(3), 3):
        direction = rng.normal(size=3)
        direction *= 2 * np.pi / length / np.linalg.norm(direction)
        phase = np.tensordot(direction, places, axes=1) + rng.uniform(0, 2 * np.pi)
        field[axis] += np.sin(phase)
        slopes[axis] += direction[:, None, None, None] * np.cos(phase)
    slopes = np.moveaxis(slopes, (0, 1), (-2, -1)).reshape(-1, 3, 3)
    strength, step = 0.0, 8.0
    while step > 0.01:  # mm
        if np.linalg.det(np.eye(3) + (strength + step) * slopes).min() > 0.25:
            strength += step
        else:
            step /= 2
    return sitk.DisplacementFieldTransform(coarse.image(strength * field.T))


WARPS = {"bspline": bspline, "velocity": velocity, "gaussians": warps.gaussians, "waves": waves}


def recoloured(anatomy: sitk.Image, recipe: Recipe) -> sitk.Image:
    """What another scanner shows of the anatomy, without noise; float32."""
    if recipe.contrast == "t2":
        return looks.contrast(tissue_fractions(), looks.T2_MEANS, Grid.of(anatomy))
    if recipe.poor:
        anatomy = sitk.SmoothingRecursiveGaussian(anatomy, 1.0)
    return looks.grey_levels(anatomy, 0.7 if recipe.poor else 1.2, 720, inverted=recipe.contrast == "inverted")


def labels_of(name: str) -> sitk.Image:
    """A label map, cut to the head and 8 mm more."""
    labels = sitk.Cast(data.load(name), sitk.sitkUInt16)
    shape = sitk.LabelShapeStatisticsImageFilter()
    shape.Execute(labels > 0)
    box = shape.GetBoundingBox(1)
    begin = [max(0, i - 8) for i in box[:3]]
    end = [min(n, i + m + 8) for n, i, m in zip(labels.GetSize(), box[:3], box[3:], strict=True)]
    return labels[tuple(slice(b, e) for b, e in zip(begin, end, strict=True))]


def head(name: str, seed: int) -> tuple[sitk.Image, sitk.Image]:
    """A whole head made from a label map, and its brain."""
    labels = labels_of(name)
    return heads.grey(labels, seed), heads.brain(labels)


def random_points(mask: sitk.Image, seed: int) -> np.ndarray:
    """Points (n, 3) anywhere in the voxels of a mask, in mm."""
    rng = np.random.default_rng(seed)
    voxels = rng.choice(np.argwhere(sitk.GetArrayFromImage(mask)), POINTS, replace=False)[:, ::-1]
    indices = voxels + rng.uniform(-0.5, 0.5, voxels.shape)
    return np.array([mask.TransformContinuousIndexToPhysicalPoint(index) for index in indices.tolist()])


def fit_affine(x: np.ndarray, y: np.ndarray) -> sitk.AffineTransform:
    """The affine transform that brings points x closest to y."""
    *matrix, shift = np.linalg.lstsq(np.column_stack([x, np.ones(len(x))]), y, rcond=None)[0]
    return sitk.AffineTransform(np.transpose(matrix).ravel().tolist(), shift.tolist())


def mapped(transform: sitk.Transform, points: np.ndarray) -> np.ndarray:
    """Where the transform brings points (n, 3)."""
    return np.array([transform.TransformPoint(point) for point in points.tolist()])


# Methods: each takes the folder of a pair and returns the whole transform, from fixed to moving points, and more
# figures if it has any.


def streamed_solve(folder: Path) -> tuple[sitk.Transform, dict[str, float]]:
    """The course's own, block after block."""
    result = registered(folder)
    return result.transform, {"failed blocks": float(len(result.failed))}


def registered(folder: Path, stages: Any = None, client: Any = None) -> Any:
    """What the course finds for a pair, by the streamed solve if no other stages are wanted."""
    from regseg import distributed

    plan = distributed.plan(
        folder / "fixed.zarr",
        folder / "moving.zarr",
        stages or distributed.streamed_solve(),
        initial=sitk.ReadTransform(folder / "initial.tfm"),
    )
    return distributed.run(plan, client=client, progress=False)


def more_iterations(folder: Path) -> tuple[sitk.Transform, dict[str, float]]:
    """The streamed solve with twice the iterations in its last two stages."""
    return registered(folder, changed(lambda each: replace(each, iterations=2 * each.iterations))).transform, {}


def softer(folder: Path) -> tuple[sitk.Transform, dict[str, float]]:
    """The streamed solve with a fifth of the price on bending in its last two stages."""

    def change(stage: Any) -> Any:
        return replace(stage, reduction=replace(stage.reduction, bending=stage.reduction.bending / 5))

    return registered(folder, changed(change)).transform, {}


def changed(change: Callable) -> list[Any]:
    """The stages of the streamed solve, with a change of the last two."""
    from regseg import distributed

    *coarse, third, fourth = distributed.streamed_solve()
    return [*coarse, change(third), change(fourth)]


def elastix(folder: Path) -> tuple[sitk.Transform, dict[str, float]]:
    """elastix in native code on the whole images, with `elastix_parameters`."""
    fixed, moving = (sitk.ReadImage(folder / f"{name}.mha") for name in ("fixed", "moving"))
    initial = sitk.ReadTransform(folder / "initial.tfm")
    found = door.register(fixed, moving, elastix_parameters(), initial=initial, engine="native")
    return found.transform, {}


def elastix_parameters() -> door.Map:
    """elastix's default: B-spline of 10 mm, mutual information, four resolutions of 256 iterations of 2048 samples.

    Its bending energy is left out. itk-dreg cannot have it, as elastix has no second derivatives of the start that
    itk-dreg gives it; and without it elastix in memory needs half the time. On the pairs of DEVELOPMENT it was as good
    without it where the contrast is the same, and about 5 % worse where it differs.
    """
    return door.default_map(
        "bspline",
        Registration="MultiResolutionRegistration",
        Metric="AdvancedMattesMutualInformation",
    )


def itk_dreg(folder: Path) -> tuple[sitk.Transform, dict[str, float]]:
    """itk-dreg 0.0.1: twelve blocks with a quarter of overlap, registered by elastix; a field of 10 mm.

    To run at all, it needs here: `np.product`, which NumPy 2 has no more; `itk.PyVnl`, touched before dask runs, for
    `itk` loads it late and there without its types; and dask's synchronous scheduler, since the result of a block holds
    an elastix object that cannot be pickled, so that it never leaves a worker process. Its loop over the points of the
    field is wrapped, to be timed.
    """
    import dask
    import itk
    from itk_dreg.elastix.register import ElastixDRegBlockPairRegistrationMethod
    from itk_dreg.itk import make_reader
    from itk_dreg.reduce_dfield import dreg
    from itk_dreg.register import register_images

    spent = []
    sample = dreg.collection_to_deformation_field_transform

    def timed(*arguments: Any) -> Any:
        began = time.process_time()
        field = sample(*arguments)
        spent.append(time.process_time() - began)
        return field

    np.product = np.prod
    itk.PyVnl  # noqa: B018
    dreg.collection_to_deformation_field_transform = timed

    schedule = register_images(
        fixed_reader_ctor=lambda: make_reader(str(folder / "fixed.mha")),
        moving_reader_ctor=lambda: make_reader(str(folder / "moving.mha")),
        block_registration_method=ElastixDRegBlockPairRegistrationMethod(),
        reduce_method=dreg.ReduceToDisplacementFieldMethod(),
        initial_transform=itk.transformread(folder / "initial.tfm")[0],
        fixed_chunk_size=[-(-n // count) for n, count in zip(size_of(folder)[::-1], (2, 3, 2), strict=True)],
        overlap_factors=[0.25] * 3,
        elx_parameter_object_serial=[{name: tuple(words) for name, words in elastix_parameters().items()}],
        itk_transform_types=[itk.BSplineTransform[itk.D, 3, 3]],
        displacement_grid_scale_factors=[10.0] * 3,
    )
    with dask.config.set(scheduler="synchronous"):
        result = schedule.registration_result.compute()

    field = result.transforms.transform.GetDisplacementField()
    vectors = sitk.GetImageFromArray(itk.array_from_image(field), isVector=True)
    vectors.SetOrigin(tuple(field.GetOrigin()))
    vectors.SetSpacing(tuple(field.GetSpacing()))
    vectors.SetDirection(itk.array_from_matrix(field.GetDirection()).ravel().tolist())
    figures = {
        "failed blocks": float((result.status != 0).sum()),
        "reduction (µs per point)": 1e6 * spent[0] / vectors.GetNumberOfPixels(),
    }
    affine = sitk.ReadTransform(folder / "initial.tfm")
    return sitk.CompositeTransform([sitk.DisplacementFieldTransform(vectors), affine]), figures


def bigstream(folder: Path) -> tuple[sitk.Transform, dict[str, float]]:
    """BigStream, given the pair whole; it counts its time and memory itself."""
    field, figures = by_bigstream(folder)
    affine = sitk.ReadTransform(folder / "initial.tfm")
    return sitk.CompositeTransform([affine, sitk.DisplacementFieldTransform(field)]), figures


def by_bigstream(folder: Path, *part: str) -> tuple[sitk.Image, dict[str, float]]:
    """The field that BigStream leaves, and what it counted, from a process in its own environment."""
    call = [os.environ["BIGSTREAM_PYTHON"], Path(__file__).with_name("peer_bigstream.py"), folder, *part]
    done = subprocess.run(call, stdout=subprocess.PIPE, text=True, check=True)
    field = sitk.ReadImage(folder / "bigstream.mha", sitk.sitkVectorFloat64)
    return field, json.loads(done.stdout.splitlines()[-1])


def size_of(folder: Path) -> tuple[int, ...]:
    reader = sitk.ImageFileReader()
    reader.SetFileName(folder / "fixed.mha")
    reader.ReadImageInformation()
    return reader.GetSize()


OF_BLOCKS = ("failed blocks", "reduction (µs per point)")  # a table of their own
METHODS = {"streamed solve": streamed_solve, "elastix": elastix, "itk-dreg": itk_dreg, "BigStream": bigstream}
VARIANTS = {"twice the iterations": more_iterations, "a fifth of the price on bending": softer}


def measure(name: str, folder: Path) -> dict[str, float]:
    """Run one method on one pair, in a process of its own, or judge the start of all."""
    if name == "affine start":
        return judge(sitk.ReadTransform(folder / "initial.tfm"), folder)
    load(name)
    began = time.process_time()
    transform, more = (METHODS | VARIANTS)[name](folder)
    return {"CPU (s)": time.process_time() - began} | peak_memory() | more | judge(transform, folder)


def on_workers(folder: Path, count: int, kill: bool = False) -> tuple[dict[str, float], np.ndarray]:
    """The streamed solve on a dask cluster of processes: its figures, those of all processes, and the carried points.

    The workers' own start is not counted; the import of what they need, in the first block, is.
    """
    from dask.distributed import Client, LocalCluster

    cluster = LocalCluster(n_workers=count, threads_per_worker=1, host="127.0.0.1", dashboard_address=None)
    with cluster, Client(cluster) as client:
        before = sum(client.run(time.process_time).values()) + time.process_time()
        if kill:
            victim = next(iter(client.run(os.getpid).values()))
            Timer(4, os.kill, (victim, signal.SIGTERM)).start()
        began = time.perf_counter()
        result = registered(folder, client=client)
        seconds = time.perf_counter() - began
        spent = sum(client.run(time.process_time).values()) + time.process_time() - before
        peak = sum(client.run(memory.peak).values()) + memory.peak()
    figures = {"wall (s)": seconds, "CPU (s)": spent, "peak memory (MiB)": peak / 2**20}
    return figures, carried(result.transform, folder)


def with_blocks(folder: Path, width: float) -> np.ndarray:
    """Where the points of the truth go with blocks of this width in mm."""
    from regseg import distributed

    stages = distributed.streamed_solve(block_size=width)
    return carried(registered(folder, stages).transform, folder)


def carried(transform: sitk.Transform, folder: Path) -> np.ndarray:
    """Where the points of the truth go, (n, 3) in mm."""
    return mapped(transform, np.load(folder / "truth.npz")["x"])


def chunked_warp(folder: Path) -> dict[str, float]:
    """The moving image, warped chunk by chunk, against SimpleITK in memory; as floats, so that nothing is rounded."""
    from regseg import distributed

    moving = sitk.ReadImage(folder / "moving.mha", sitk.sitkFloat32)
    volumes.save(moving, folder / "moving_float.zarr")
    initial = sitk.ReadTransform(folder / "initial.tfm")
    stages = distributed.streamed_solve()[:3]
    plan = distributed.plan(folder / "fixed.zarr", folder / "moving_float.zarr", stages, initial=initial)
    result = distributed.run(plan, progress=False)
    began = time.process_time()
    warped = distributed.write_warped(plan, result, folder / "warped.zarr", fill=0, progress=False)
    spent = time.process_time() - began
    fixed = sitk.ReadImage(folder / "fixed.mha")
    whole = sitk.GetArrayFromImage(sitk.Resample(moving, fixed, result.transform, sitk.sitkLinear, 0.0))
    found = warped.array[:]
    # A position on the very border of the moving image is inside or outside, as the last digit decides.
    border = (whole == 0) != (found == 0)
    return {
        "CPU (µs per voxel)": 1e6 * spent / whole.size,
        "largest difference (of the range)": float(np.abs(whole - found)[~border].max() / np.ptp(whole)),
        "border voxels that differ": float(border.sum()),
    }


def memory_of(folder: Path, finest: float) -> int:
    """The peak memory of a solve that looks at every voxel of this size in mm, in bytes."""
    from regseg import distributed

    stages = distributed.streamed_solve()
    if finest < 1:  # one more stage, with blocks of as many voxels
        stages += (replace(stages[-1], spacing=finest, block_size=24.0, iterations=1),)
    registered(folder, stages)
    return memory.peak()


def reduction(folder: Path) -> dict[str, float]:
    """CPU-time a point of the lattice to sample, blend and smooth the transforms of blocks that elastix registered.

    elastix stops after 16 iterations, for its transforms cost the same to reduce however good they are.
    """
    from regseg import distributed
    from regseg.distributed import block_transforms

    spent = []

    def timed(function: Callable) -> Callable:
        def call(*arguments: Any) -> Any:
            began = time.process_time()
            result = function(*arguments)
            spent.append(time.process_time() - began)
            return result

        return call

    block_transforms.vote = timed(block_transforms.vote)
    solve = timed(distributed.Solve(8, 0.01, 200))
    stage = distributed.Stage(distributed.ElastixBlocks(iterations=16), solve, spacing=1, block_size=96, overlap=24)
    result = registered(folder, [stage])
    return {"CPU (µs per point)": 1e6 * sum(spent) / int(np.prod(result.field.lattice.size))}


def load(name: str) -> None:
    """Import what a method needs, so that it does not count as its time."""
    if name not in ("elastix", "itk-dreg"):
        import regseg.distributed  # noqa: F401

        return
    import itk

    itk.ElastixRegistrationMethod  # noqa: B018
    if name == "itk-dreg":
        import itk_dreg.elastix.register
        import itk_dreg.reduce_dfield.dreg
        import itk_dreg.register  # noqa: F401


def judge(transform: sitk.Transform, folder: Path) -> dict[str, float]:
    """Distance from the truth in mm; for two anatomies, the mean Dice coefficient of the brain's labels."""
    if (folder / "truth.npz").is_file():
        truth = np.load(folder / "truth.npz")
        distance = evaluate.tre(transform, truth["x"], truth["y"])
        return {"mean error (mm)": float(distance.mean()), "95th percentile (mm)": float(np.percentile(distance, 95))}
    fixed, moving = (sitk.ReadImage(folder / f"{name}_labels.mha") for name in ("fixed", "moving"))
    carried = sitk.Resample(moving, fixed, transform, sitk.sitkNearestNeighbor, 0)
    overlap = sitk.LabelOverlapMeasuresImageFilter()
    overlap.Execute(fixed, carried)
    return {"Dice coefficient": float(np.mean([overlap.GetDiceCoefficient(label) for label in heads.BRAIN]))}


def run(names: list[str], title: str, make: Callable, *arguments: Any) -> dict[str, dict[str, float]]:
    """All figures of a pair, by method; what is kept in FOLDER is not measured again."""
    kept = {name: FOLDER / title / f"{name.replace(' ', '-')}.json" for name in ("affine start", *names)}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / title
        for name, file in kept.items():
            if file.exists():
                continue
            if not folder.exists():
                alone(make, *arguments, folder)
            figures = alone(measure, name, folder)
            file.parent.mkdir(parents=True, exist_ok=True)
            replace_file(file, json.dumps(figures).encode())
            said = ", ".join(f"{what} {value:.3g}" for what, value in figures.items())
            print(f"{title}, {name}: {said}", file=sys.stderr, flush=True)
    return {name: json.loads(file.read_text(encoding="utf-8")) for name, file in kept.items()}


def own(place: Path) -> Cases:
    """What only the course's own method is asked, on the first pair of velocities."""
    folder, fine = place / "own", place / FINE.name
    alone(write_pair, SAME_CONTRAST[1], folder)
    alone(write_pair, FINE, fine)
    one, _ = alone(on_workers, folder, 1)
    two, points = alone(on_workers, folder, 2)
    _, killed = alone(on_workers, folder, 2, True)
    wide, narrow = alone(with_blocks, folder, 64.0), alone(with_blocks, folder, 32.0)
    less, more = (alone(memory_of, *pair) for pair in ((folder, 1.0), (fine, 0.5)))

    def apart(a: np.ndarray, b: np.ndarray) -> dict[str, float]:
        return {"mean distance (mm)": float(np.linalg.norm(a - b, axis=1).mean())}

    found = {
        "points move": {
            "one of two workers killed": apart(points, killed),
            "blocks of half the width": apart(wide, narrow),
        },
        "eight times the voxels": {"streamed solve": {"peak memory (×)": more / less}},
        "two workers": {"one worker and the client": one, "two workers and the client": two},
        "warp": {"write_warped": alone(chunked_warp, folder)},
        "reduction": {"transforms of elastix, blended": alone(reduction, folder)},
    }
    return {
        case: {row: {what: float(f"{value:.4g}") for what, value in figures.items()} for row, figures in rows.items()}
        for case, rows in found.items()
    }


def one_block(folder: Path) -> Cases:
    """What BigStream finds in the block in the middle of a pair, and what the others, which take it whole, find there.

    A pair has so many of these blocks, those of the background among them, that "CPU of all blocks" takes hours.
    """
    field, figures = by_bigstream(folder, "block")
    affine, found = sitk.ReadTransform(folder / "initial.tfm"), {}
    width = np.array(field.GetSize())
    truth = np.load(folder / "truth.npz")
    indices = Grid.of(field).indices(truth["x"])
    inside = (np.abs(indices - (width - 1) / 2) < width / 3).all(axis=1)  # in the block without its halo

    def judged(transform: sitk.Transform) -> dict[str, float]:
        distance = evaluate.tre(transform, truth["x"][inside], truth["y"][inside])
        return {"mean error (mm)": float(distance.mean()), "95th percentile (mm)": float(np.percentile(distance, 95))}

    found["affine start"] = judged(affine)
    for name in "streamed solve", "elastix":
        load(name)
        began = time.process_time()
        transform, _ = METHODS[name](folder)
        spent = time.process_time() - began
        found[name] = judged(transform) | {"CPU of the whole pair (s)": spent}
    blocks = int(np.prod([-(-n // 64) for n in size_of(folder)]))
    spent = figures.pop("CPU (s)")
    figures |= {
        "CPU of the block (s)": spent,
        "blocks of the pair": float(blocks),
        "CPU of all blocks (s)": blocks * spent,
    }
    bent = sitk.CompositeTransform([affine, sitk.DisplacementFieldTransform(field)])
    found["BigStream"] = judged(bent) | figures
    return {
        "one block": {name: {what: float(f"{value:.4g}") for what, value in row.items()} for name, row in found.items()}
    }


def collected(found: dict[str, dict[str, dict[str, dict[str, float]]]]) -> Cases:
    """By case and method, the figures of all pairs; and those of the blocks, in a case of their own."""
    cases: Cases = {
        case: {name: by_measure([row[name] for row in pairs.values()]) for name in next(iter(pairs.values()))}
        for case, pairs in found.items()
    }
    blocks: dict[str, dict[str, list[float]]] = {}
    for methods in list(cases.values()):
        for name, figures in methods.items():
            for what in [measure for measure in OF_BLOCKS if measure in figures]:
                blocks.setdefault(name, {}).setdefault(what, []).extend(figures.pop(what))
    cases["blocks"] = blocks
    return cases


def shares(found: dict[str, dict[str, dict[str, dict[str, float]]]]) -> dict[str, dict[str, float]]:
    """What share of each peer's mean error the streamed solve has: the smallest, the middle and the largest one."""
    rows = {}
    for peer in "elastix", "itk-dreg":
        ratios = [
            pair["streamed solve"]["mean error (mm)"] / pair[peer]["mean error (mm)"]
            for pairs in found.values()
            for pair in pairs.values()
            if peer in pair
        ]
        if ratios:
            each = {"smallest (×)": min(ratios), "median (×)": median(ratios), "largest (×)": max(ratios)}
            rows[f"of {peer}"] = {"pairs": float(len(ratios))} | {k: float(f"{v:.4g}") for k, v in each.items()}
    return rows


def main(wanted: list[str]) -> None:
    wanted = wanted or [part for part in PARTS if part != "large_bigstream"]
    if unknown := set(wanted) - set(PARTS):
        sys.exit(f"There is no {', '.join(sorted(unknown))}: the parts are {', '.join(PARTS)}.")
    peers = ["streamed solve", "elastix", "itk-dreg"]
    if find_spec("itk_dreg") is None:
        peers.remove("itk-dreg")
        print("itk-dreg is not installed, so its rows are left out.", file=sys.stderr)
    if "terabyte" in wanted:
        print(terabyte.main())
    if "large_own" in wanted:
        with tempfile.TemporaryDirectory() as place:
            print(write_results("large_own", own(Path(place))))
    if "large_bigstream" in wanted:
        pair = SAME_CONTRAST[1]
        row = run([*peers[:2], "BigStream"], pair.name, write_pair, pair)
        found = collected({"one pair": {pair.name: row}})
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place) / "pair"
            alone(write_pair, pair, folder)
            found |= alone(one_block, folder)
        print(write_results("large_bigstream", found))
    for name, families in (("large", REPORTING), ("large_waves", SHORT_WAVES)):
        if name not in wanted:
            continue
        found = {}
        for case, recipes in families.items():
            methods = peers if case in AMONG_PEERS else peers[:2]
            found[case] = {recipe.name: run(methods, recipe.name, write_pair, recipe) for recipe in recipes}
        share = shares(found)
        if name == "large_waves":
            variants = run(["streamed solve", *VARIANTS], DEVELOPMENT_WAVES.name, write_pair, DEVELOPMENT_WAVES)
            found["what limits the solve"] = {DEVELOPMENT_WAVES.name: variants}
        if name == "large":
            found["two heads"] = {"anatomies": run(peers[:2], "anatomies", write_anatomies)}
        cases = collected(found) | {"share of a peer's error": share}
        print(write_results(name, cases, {case: list(pairs) for case, pairs in found.items()}))


if __name__ == "__main__":
    main(sys.argv[1:])
