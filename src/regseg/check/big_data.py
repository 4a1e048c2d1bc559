"""Checks of episode 03, images that do not fit into memory."""

from __future__ import annotations

import math
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import SimpleITK as sitk

from regseg import data
from regseg.blocks import split
from regseg.check.boxes import Rule, near, numeric, otherwise
from regseg.check.engine import Verdict, call, close, exercise, image, numbers, right, same_grid, wrong
from regseg.check.scenes import NOTE, SCAN_SIZE
from regseg.grid import Box

VARIANCE = 1.44  # mm², of the episode's smoothing; at 1 mm its kernel reaches three voxels
HALO = 3


@numeric("03-memory", 1)
def memory_of_a_field() -> list[Rule]:
    voxels = math.prod(SCAN_SIZE)
    field = voxels * 3 * 8

    def about(verdict: Verdict, *sizes: float) -> list[Rule]:
        """GB and GiB are both in use, and so are whole numbers of them."""
        in_units = [size / unit for size in sizes for unit in (1e9, 2**30)]
        return [near(size, 0.03 * size, verdict) for size in in_units]

    other_unit = wrong("The number is right in another unit: a gigabyte is a billion bytes.")
    return [
        *about(right("Three numbers of eight bytes at every voxel: an arrow is dearer than a grey value."), field),
        *about(wrong("That is one number for each voxel: an arrow has three."), voxels * 8),
        *about(
            wrong("Those are arrows of 32-bit floats: SimpleITK's displacement fields are 64-bit, eight bytes each."),
            voxels * 3 * 4,
        ),
        *about(wrong("You counted bits: a byte has eight of them, so a 64-bit number takes eight bytes."), field * 8),
        near(field, 0.01 * field, other_unit),
        *about(other_unit, field / 1000, field * 1000),
        otherwise(wrong("Multiply: the voxels, the numbers at each voxel, and the bytes of each number.")),
    ]


@exercise("03-region")
def cube_around_the_note(given) -> Verdict:
    from regseg import memory  # it needs packages that only the episodes on large data do

    scan = sitk.Cast(data.load("lesion_flair"), sitk.sitkFloat64)  # four times as large as the episode's file
    with TemporaryDirectory() as folder:
        file = Path(folder, "scan.mha")
        sitk.WriteImage(scan, file)
        verdict = _judge_cube(image(call(given, file)), scan)
        if verdict.right and call(lambda: memory.measure(given, file)).growth > file.stat().st_size / 2:
            return wrong("The right cube, and the whole scan was in memory on the way: let the reader cut.")
    return verdict


def _judge_cube(answer: sitk.Image, scan: sitk.Image) -> Verdict:
    middle = np.array(scan.TransformPhysicalPointToIndex(NOTE))

    def cube(start) -> sitk.Image:
        return sitk.RegionOfInterest(scan, [41] * 3, [int(i) for i in start])

    if answer.GetSize() == scan.GetSize():
        return wrong("That is the whole scan: tell the reader where to begin, and how many voxels to read.")
    if answer.GetSize() != (41, 41, 41):
        return wrong(f"Your image has {answer.GetSize()} voxels: 20, one in the middle and 20 more make 41 each way.")
    if same_grid(answer, cube(middle - 20)):
        same = np.array_equal(sitk.GetArrayViewFromImage(answer), sitk.GetArrayFromImage(cube(middle - 20)))
        return right("A piece of the scan, at its own place.") if same else wrong("The values are not the scan's.")
    if same_grid(answer, cube(middle)):
        return wrong("Your cube begins at the note's voxel: begin 20 voxels before it along each axis.")
    if same_grid(answer, cube(middle[::-1] - 20)):
        return wrong("The numbers of the index are turned round: SimpleITK's reader counts x, y, z.")
    if np.array_equal(sitk.GetArrayViewFromImage(answer), sitk.GetArrayFromImage(cube(middle - 20))):
        return wrong("The right voxels, without their place: let the reader cut, it moves the origin along.")
    return wrong("These voxels lie elsewhere: which index does the header give for the note's position?")


@exercise("03-crop")
def crop_to_a_mask(given) -> Verdict:
    thin, thick = data.load("lesion_flair"), data.load("brain_thick")
    cases = [(thin, sitk.Cast(data.load("brain_mask") > 0, sitk.sitkUInt8), 5.0), (thick, thick > 100, 12.0)]
    for scan, mask, margin in cases:
        result = image(call(given, sitk.Image(scan), sitk.Image(mask), margin))
        whole, tight = Box((0, 0, 0), scan.GetSize()), _box_of(mask)
        in_voxels = np.array(margin) / scan.GetSpacing()
        steps = np.ceil(in_voxels).astype(int)

        grown = partial(_grown, tight, whole)
        wanted, size = grown(steps), result.GetSize()
        if _is_part(result, scan, wanted):
            continue
        if size == wanted.size and close(result.GetOrigin(), (0, 0, 0)):
            return wrong("The right voxels, and their place is lost: cut the image itself, not its array.")
        if _is_part(result, mask, wanted):
            return wrong("The box is right, and you cut it out of the mask: the scan is what should be cropped.")
        if size == wanted.size:
            return wrong("The box has the right size and lies elsewhere: does its margin begin before the mask, too?")
        if _is_part(result, scan, tight):
            return wrong("That is the tightest box: the margin is missing.")
        if _is_part(result, scan, grown(np.floor(in_voxels))):
            return wrong(
                "On thick slices your margin is less than asked: it ends within a voxel, so take that voxel in."
            )
        if size == grown([margin] * 3).size:
            return wrong("Your margin counts voxels: on the scan with thick slices that is far more than asked in z.")
        if any(_is_part(result, scan, box) for box in (Box(tight.start, wanted.stop), Box(wanted.start, tight.stop))):
            return wrong("The margin is on one side only: it belongs before the mask and behind it.")
        if _is_part(result, scan, grown(np.ceil(np.divide(margin, scan.GetSpacing()[::-1])))):
            return wrong("You divided by the spacing of another axis: keep the order x, y, z.")
        if np.isin(np.subtract(size, wanted.size), (-1, 0)).all():
            return wrong("One voxel is missing at the end: from first to last there are last − first + 1 voxels.")
        return wrong("That is not the mask's box with its margin: check the order x, y, z, and stop at the border.")
    return right("Nothing of interest is lost, and what is left knows where it lies.")


def _box_of(mask: sitk.Image) -> Box:
    places = np.argwhere(sitk.GetArrayViewFromImage(mask))[:, ::-1]
    return Box(tuple(places.min(0).tolist()), tuple((places.max(0) + 1).tolist()))


def _grown(tight: Box, whole: Box, more) -> Box:
    return tight.grow([int(n) for n in more]).clip(whole)


def _is_part(result: sitk.Image, scan: sitk.Image, box: Box) -> bool:
    """Whether an image is that part of the scan, at its place."""
    part = sitk.RegionOfInterest(scan, box.size, box.start)
    return same_grid(result, part) and np.array_equal(*(sitk.GetArrayFromImage(one) for one in (result, part)))


@exercise("03-halo")
def halo_of_a_chain(given) -> Verdict:
    for_each_axis = isinstance(given, tuple | list | np.ndarray) and np.iterable(given) and len(given) == 3
    widths, radii = numbers(given, 3 if for_each_axis else 1), (4, HALO, 1)
    answer = widths[0]
    if not close(widths, answer):
        return wrong("All three filters look equally far along x, y and z, so the halo is as wide along each.")
    if close(answer, sum(radii)):
        return right("Each filter eats its own reach from the halo, so the reaches add up.")
    if close(answer, max(radii)):
        return wrong("That is enough for the largest filter, and the others find the halo already spoilt.")
    if close(answer, 2 * sum(radii)):
        return wrong("You counted both sides: the halo is the margin on one side.")
    if sum(radii) < answer < math.prod(radii):
        return wrong("That is enough, and more than is needed: each voxel of halo is read and smoothed for nothing.")
    if close(answer, math.prod(radii)):
        return wrong("The reaches add up: a step of 4, one of 3 and one of 1 lead 8 voxels away.")
    return wrong("How far away is the furthest voxel that can change a result, through all three filters?")


@exercise("03-block")
def smoothed_core(given) -> Verdict:
    scan = sitk.Cast(data.load("lesion_flair"), sitk.sitkFloat32)
    scan = sitk.RegionOfInterest(scan, [50, 44, 40], [80, 90, 90])
    whole = sitk.DiscreteGaussian(scan, VARIANCE)
    for block in split(scan.GetSize(), (32, 32, 32), (HALO,) * 3):
        result = image(call(given, sitk.Image(scan), block))
        expected, untouched, alone = (
            sitk.RegionOfInterest(one, block.core.size, block.core.start) for one in (whole, scan, scan)
        )
        alone = sitk.DiscreteGaussian(alone, VARIANCE)
        if result.GetSize() == block.padded.size != block.core.size:
            return wrong("The halo is still there: cut it off, or two blocks write the same voxels.")
        if result.GetSize() != block.core.size:
            return wrong("The size is not the core's: inside the padded piece, the core begins at inner.start.")
        values, truth = sitk.GetArrayViewFromImage(result), sitk.GetArrayViewFromImage(expected)
        if np.array_equal(values, truth) and same_grid(result, expected):
            continue
        if np.array_equal(values, truth):
            return wrong("The values are right, and they lie in the wrong place: cut the image, not its array.")
        if np.array_equal(values, sitk.GetArrayViewFromImage(untouched)):
            return wrong("This is the core as it was: smooth the padded piece first.")
        if np.array_equal(values, sitk.GetArrayViewFromImage(alone)):
            return wrong("The core was smoothed alone, so it has seams: cut the halo off after smoothing, not before.")
        padded = sitk.RegionOfInterest(scan, block.padded.size, block.padded.start)
        elsewhere = sitk.RegionOfInterest(sitk.DiscreteGaussian(padded, VARIANCE), block.core.size)
        if np.array_equal(values, sitk.GetArrayViewFromImage(elsewhere)):
            return wrong("The values are those of another place: in the padded piece the core begins at inner.start.")
        return wrong("These are not the values of `smooth`: apply it once to the padded piece, and keep block.inner.")
    return right("Bit for bit what smoothing the whole image gives.")


@exercise("03-dask")
def count_by_dask(given) -> Verdict:
    import dask

    from regseg import volumes

    scan = sitk.RegionOfInterest(data.load("lesion_flair"), [70, 60, 50], [90, 90, 90])
    threshold = 700
    with TemporaryDirectory() as folder:
        path = Path(folder, "scan.zarr")
        volumes.save(scan, path, chunk=32)
        blocks = list(split(scan.GetSize(), (32, 32, 32), (HALO,) * 3))
        planned = call(given, path, threshold, blocks)
        if isinstance(planned, list | tuple):
            return wrong("Those are the counts of the blocks, one by one: plan their sum, with dask.delayed(sum).")
        if not dask.is_dask_collection(planned):
            return wrong("That is no plan any more: return what dask.delayed gives, and leave `compute` to the caller.")
        answer = numbers(call(lambda: planned.compute(scheduler="synchronous")), 1)[0]
        tasks = len(planned.__dask_graph__())
    bright = sitk.GetArrayFromImage(scan) > threshold
    if close(answer, sum(np.count_nonzero(bright[block.padded.slices]) for block in blocks)):
        return wrong("You counted the padded boxes, so the voxels near each border are counted twice: take the cores.")
    if not close(answer, np.count_nonzero(bright)):
        return wrong(f"I count {np.count_nonzero(bright)} voxels above {threshold}, and your plan gives {answer:g}.")
    if tasks < len(blocks):
        return wrong("The number is right, in a single task: with a task for each block, dask can share them out.")
    return right("One task for each block, one for the sum, and nothing is read before somebody asks.")


# --- further practice ------------------------------------------------------------------------------------------------


@exercise("03-chunks")
def chunks_of_a_box(given) -> Verdict:
    cases = [
        (Box((0, 0, 94), (197, 233, 95)), (64, 64, 64)),
        (Box((60, 60, 60), (70, 70, 70)), (64, 64, 64)),
        (Box((64, 0, 64), (128, 64, 192)), (64, 64, 64)),
        (Box((98, 0, 0), (99, 233, 189)), (197, 233, 1)),
    ]
    for box, chunk in cases:
        answer = numbers(call(given, box, chunk), 1)[0]
        axes = list(zip(box.start, box.stop, chunk, strict=True))
        along = [(stop - 1) // n - start // n + 1 for start, stop, n in axes]
        if close(answer, math.prod(along)):
            continue
        if close(answer, sum(along)):
            return wrong("You added the three axes: the chunks of a box are a product.")
        if close(answer, math.prod(-(-(stop - start) // n) for start, stop, n in axes)):
            return wrong("You asked how large the box is, not where it begins: a small box can lie across a border.")
        if close(answer, math.prod(stop // n - start // n + 1 for start, stop, n in axes)):
            return wrong("A box that ends where a chunk begins does not touch it: its last voxel is stop − 1.")
        return wrong(f"For the box from {box.start} to {box.stop} and chunks of {chunk} I count {math.prod(along)}.")
    return right("The first and the last chunk along each axis, and all between them.")


@cache
def busy_blocks() -> tuple[int, int, int]:
    """How many blocks the scan has, and in how many the padded box, and the core, hold anything."""
    array = sitk.GetArrayFromImage(data.load("lesion_flair"))
    blocks = list(split(array.shape[::-1], (32, 32, 32), (HALO,) * 3))
    padded, core = (sum(array[getattr(b, box).slices].any() for b in blocks) for box in ("padded", "core"))
    return len(blocks), padded, core


@numeric("03-skip", 1)
def blocks_with_something_in_them() -> list[Rule]:
    blocks, padded, core = busy_blocks()
    return [
        near(padded, 1e-3, right("All other blocks are background through and through, and smoothing leaves them so.")),
        near(core, 1e-3, wrong("You looked at the cores: what lies in the halo is smoothed into the core.")),
        near(blocks, 1e-3, wrong("Those are all blocks: leave out those that hold nothing but zeros.")),
        near(blocks - padded, 1e-3, wrong("Those are the empty ones: the question is how many are left.")),
        otherwise(
            wrong(
                "Go through split(size, (32, 32, 32), (3, 3, 3)), and count the padded boxes with a voxel above zero."
            )
        ),
    ]


@exercise("03-pyramid")
def half_the_labels(given) -> Verdict:
    labels = sitk.ChangeLabel(data.load("brain_labels"), {1: 9, 2: 4, 3: 6})  # no mean of two is a third one
    result = image(call(given, sitk.Image(labels)))
    if result.GetSize() == labels.GetSize():
        return wrong("The size has not changed: a level of the pyramid has half the voxels along each axis.")
    if not close(result.GetSize(), np.array(labels.GetSize()) / 2, 1):
        return wrong("I expected half the size along each axis.")
    if not close(result.GetSpacing(), np.multiply(labels.GetSpacing(), 2), 0.05):
        return wrong("The voxels are twice as large now, and the spacing does not say so: resample the image itself.")
    values = sitk.GetArrayFromImage(result)
    if not np.isin(values, (0, 4, 6, 9)).all():
        return wrong("I gave you the labels 0, 4, 6 and 9, and others came back: a mean of names is no name.")
    expected = sitk.GetArrayFromImage(sitk.Resample(labels, result, sitk.Transform(), sitk.sitkNearestNeighbor))
    changed = values != expected
    if changed.mean() > 0.01 and np.all(values[changed] > expected[changed]):
        return wrong(
            "Of the labels in a large voxel yours keeps the one with the largest number, and a name has no size."
        )
    if changed.mean() > 0.06:
        return wrong("The labels have moved: is the first large voxel in the middle of those that it replaces?")
    return right("Every label is one that was there, and the picture still lies in its place.")
