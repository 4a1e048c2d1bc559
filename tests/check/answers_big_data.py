"""Right answers and known mistakes for the exercises of episode 03."""

from __future__ import annotations

import math

import dask
import dask.array as da
import numpy as np
import SimpleITK as sitk

from regseg import data, volumes
from regseg.blocks import split
from regseg.check.big_data import HALO, VARIANCE
from regseg.check.scenes import NOTE, SCAN_SIZE
from regseg.grid import Grid

# --- what the answers below are made of ------------------------------------------------------------------------------


def voxels() -> int:
    return math.prod(SCAN_SIZE)


def cut(file) -> sitk.Image:
    """Only the cube is read."""
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(file))
    reader.ReadImageInformation()
    reader.SetExtractIndex([int(i) - 20 for i in Grid.of(reader).indices(NOTE).round()])
    reader.SetExtractSize([41, 41, 41])
    return reader.Execute()


def cut_late(file) -> sitk.Image:
    """All is read, and the cube is cut out."""
    scan = sitk.ReadImage(file)
    return sitk.RegionOfInterest(scan, [41] * 3, [i - 20 for i in scan.TransformPhysicalPointToIndex(NOTE)])


def cube(*, before=20, turned=False, size=41, placed=True, brighter=0) -> sitk.Image:
    scan = data.load("lesion_flair") + brighter
    index = scan.TransformPhysicalPointToIndex(NOTE)
    start = [i - before for i in (index[::-1] if turned else index)]
    part = sitk.RegionOfInterest(scan, [size] * 3, start)
    return part if placed else sitk.GetImageFromArray(sitk.GetArrayFromImage(part))


def crop(
    scan,
    mask,
    margin,
    *,
    in_voxels=False,
    last=1,
    clip=True,
    placed=True,
    sides=(1, 1),
    rounded=math.ceil,
    turned=False,
):
    """The part of a scan in the box of a mask; the words are for the mistakes."""
    places = np.argwhere(sitk.GetArrayFromImage(mask))[:, ::-1]
    spacing = scan.GetSpacing()[::-1] if turned else scan.GetSpacing()
    steps = [int(margin) if in_voxels else rounded(margin / step) for step in spacing]
    start = [int(n) - more * sides[0] for n, more in zip(places.min(0), steps, strict=True)]
    stop = [int(n) + last + more * sides[1] for n, more in zip(places.max(0), steps, strict=True)]
    if clip:
        start = [max(n, 0) for n in start]
        stop = [min(n, most) for n, most in zip(stop, scan.GetSize(), strict=True)]
    part = sitk.RegionOfInterest(scan, [b - a for a, b in zip(start, stop, strict=True)], start)
    return part if placed else sitk.GetImageFromArray(sitk.GetArrayFromImage(part))


def crop_by_statistics(scan, mask, margin):
    statistics = sitk.LabelShapeStatisticsImageFilter()
    statistics.Execute(mask)
    x, y, z, *size = statistics.GetBoundingBox(1)
    steps = [-int(-margin // step) for step in scan.GetSpacing()]
    start = [max(first - more, 0) for first, more in zip((x, y, z), steps, strict=True)]
    stop = [
        min(first + n + more, most) for first, n, more, most in zip((x, y, z), size, steps, scan.GetSize(), strict=True)
    ]
    return scan[start[0] : stop[0], start[1] : stop[1], start[2] : stop[2]]


def shifted(scan, mask, margin):
    """A box of the right size that has all of its margin behind the mask."""
    right = crop(scan, mask, margin)
    start = [n - 1 for n in Grid.of(scan).indices(right.GetOrigin()).round().astype(int).tolist()]
    return sitk.RegionOfInterest(scan, right.GetSize(), [n if n >= 0 else n + 2 for n in start])


def along(box, chunk) -> list[int]:
    return [(stop - 1) // n - start // n + 1 for start, stop, n in zip(box.start, box.stop, chunk, strict=True)]


def ceiled(box, chunk) -> list[int]:
    return [-(-n // c) for n, c in zip(box.size, chunk, strict=True)]


def smooth(one: sitk.Image) -> sitk.Image:
    return sitk.DiscreteGaussian(one, VARIANCE)


def part(one: sitk.Image, box) -> sitk.Image:
    return sitk.RegionOfInterest(one, box.size, box.start)


def smoothed(scan, block) -> sitk.Image:
    return part(smooth(part(scan, block.padded)), block.inner)


def without_place(one: sitk.Image) -> sitk.Image:
    return sitk.GetImageFromArray(sitk.GetArrayFromImage(one))


def from_padded_start(scan, block) -> sitk.Image:
    """The right size, counted from the wrong voxel."""
    padded = smooth(part(scan, block.padded))
    return sitk.RegionOfInterest(padded, block.core.size, [0, 0, 0])


def planned(path, threshold, blocks, *, box="core"):
    """The count of each block, and their sum, nothing of it computed."""

    def count(block) -> int:
        piece = volumes.open_volume(path).read(getattr(block, box))
        return int((sitk.GetArrayViewFromImage(piece) > threshold).sum())

    return dask.delayed(sum)([dask.delayed(count)(block) for block in blocks])


def by_an_array(path, threshold, _blocks):
    """dask's own arrays: a task for each chunk."""
    return (da.from_zarr(volumes.open_volume(path).array) > threshold).sum()


def in_pairs(path, threshold, blocks):
    """The sum of sums of two."""
    pairs = [planned(path, threshold, blocks[i : i + 2]) for i in range(0, len(blocks), 2)]
    return dask.delayed(sum)(pairs)


def blocks(box: str) -> list[bool]:
    array = sitk.GetArrayFromImage(data.load("lesion_flair"))
    return [bool(array[getattr(b, box).slices].any()) for b in split(array.shape[::-1], (32,) * 3, (HALO,) * 3)]


def half(labels, interpolator=sitk.sitkNearestNeighbor, offset=0.0) -> sitk.Image:
    grid = Grid.of(labels).shrink((2, 2, 2))
    origin = (grid.origin[0] + offset, *grid.origin[1:])
    return sitk.Resample(labels, grid.size, sitk.Transform(), interpolator, origin, grid.spacing, grid.direction)


def half_by_array(labels) -> sitk.Image:
    return sitk.GetImageFromArray(sitk.GetArrayFromImage(labels)[::2, ::2, ::2])


def in_eights(labels) -> np.ndarray:
    """The eight labels that each large voxel replaces, along the last axis."""
    array = sitk.GetArrayFromImage(labels)
    z, y, x = (np.array(array.shape) + 1) // 2
    array = np.pad(array, [(0, n % 2) for n in array.shape], mode="edge")
    return array.reshape(z, 2, y, 2, x, 2).transpose(0, 2, 4, 1, 3, 5).reshape(z, y, x, 8)


def largest_of_eight(labels) -> sitk.Image:
    return Grid.of(labels).shrink((2, 2, 2)).image(in_eights(labels).max(axis=-1))


def majority(labels) -> sitk.Image:
    eights, names = in_eights(labels), np.unique(sitk.GetArrayViewFromImage(labels))
    votes = np.stack([(eights == name).sum(axis=-1) for name in names])
    return Grid.of(labels).shrink((2, 2, 2)).image(names[votes.argmax(axis=0)])


def half_moved(labels) -> sitk.Image:
    moved = half(labels)
    moved.SetOrigin(np.add(moved.GetOrigin(), (12.0, 0, 0)))
    return moved


# --- the right routes: exercise → answers, each made when it is needed -----------------------------------------------

RIGHT = {
    "03-dask": [lambda: planned, lambda: in_pairs, lambda: by_an_array],
    "03-memory": [lambda: voxels() * 24 / 1e9, lambda: voxels() * 24 / 2**30, lambda: 13.3, lambda: 13],
    "03-region": [lambda: cut],
    "03-crop": [lambda: crop, lambda: crop_by_statistics],
    "03-chunks": [lambda: lambda box, chunk: math.prod(along(box, chunk))],
    "03-halo": [lambda: 8, lambda: [8], lambda: (8, 8, 8)],
    "03-block": [
        lambda: smoothed,
        lambda: (
            lambda scan, block: smooth(part(scan, block.padded))[
                tuple(slice(*ends) for ends in zip(block.inner.start, block.inner.stop, strict=True))
            ]
        ),
    ],
    "03-skip": [lambda: sum(blocks("padded"))],
    "03-pyramid": [
        lambda: half,
        lambda: lambda labels: half(labels, sitk.sitkLabelGaussian),
        lambda: lambda labels: sitk.Shrink(labels, [2, 2, 2]),
        lambda: majority,
    ],
}

# --- the known mistakes: exercise → (part of the sentence, answer) ---------------------------------------------------

WRONG = {
    "03-dask": [
        ("no plan any more", lambda: lambda *given: planned(*given).compute(scheduler="synchronous")),
        ("one by one", lambda: lambda *given: [planned(*given)]),
        ("counted twice", lambda: lambda *given: planned(*given, box="padded")),
        ("in a single task", lambda: lambda *given: dask.delayed(lambda: planned(*given).compute(scheduler="sync"))()),
        ("your plan gives", lambda: lambda path, threshold, blocks: planned(path, threshold + 100, blocks)),
    ],
    "03-memory": [
        ("one number for each voxel", lambda: voxels() * 8 / 1e9),
        ("arrows of 32-bit floats", lambda: voxels() * 12 / 1e9),
        ("counted bits", lambda: voxels() * 24 * 8 / 1e9),
        ("in another unit", lambda: voxels() * 24),
        ("in another unit", lambda: voxels() * 24 / 1e6),
        ("Multiply", lambda: 5),
    ],
    "03-region": [
        ("was in memory", lambda: cut_late),
        ("the whole scan", lambda: lambda file: sitk.ReadImage(file)),
        ("make 41 each way", lambda: lambda _file: cube(size=40)),
        ("not the scan's", lambda: lambda _file: cube(brighter=1)),
        ("begins at the note's voxel", lambda: lambda _file: cube(before=0)),
        ("turned round", lambda: lambda _file: cube(turned=True)),
        ("without their place", lambda: lambda _file: cube(placed=False)),
        ("lie elsewhere", lambda: lambda _file: cube(before=21)),
    ],
    "03-crop": [
        ("their place is lost", lambda: lambda *given: crop(*given, placed=False)),
        ("margin is missing", lambda: lambda scan, mask, _margin: crop(scan, mask, 0)),
        ("counts voxels", lambda: lambda *given: crop(*given, in_voxels=True)),
        ("out of the mask", lambda: lambda _scan, mask, margin: crop(mask, mask, margin)),
        ("last − first + 1", lambda: lambda *given: crop(*given, last=0)),
        ("lies elsewhere", lambda: shifted),
        ("order x, y, z", lambda: lambda scan, _mask, _margin: scan),
        ("less than asked", lambda: lambda *given: crop(*given, rounded=math.floor)),
        ("less than asked", lambda: lambda *given: crop(*given, rounded=round)),
        ("on one side only", lambda: lambda *given: crop(*given, sides=(0, 1))),
        ("on one side only", lambda: lambda *given: crop(*given, sides=(1, 0))),
        ("spacing of another axis", lambda: lambda *given: crop(*given, turned=True)),
    ],
    "03-chunks": [
        ("added the three axes", lambda: lambda box, chunk: sum(along(box, chunk))),
        ("not where it begins", lambda: lambda box, chunk: math.prod(ceiled(box, chunk))),
        (
            "does not touch it",
            lambda: (
                lambda box, chunk: math.prod(
                    stop // n - start // n + 1 for start, stop, n in zip(box.start, box.stop, chunk, strict=True)
                )
            ),
        ),
        ("I count 16", lambda: lambda _box, _chunk: 7),
    ],
    "03-halo": [
        ("enough for the largest", lambda: 4),
        ("both sides", lambda: 16),
        ("reaches add up: a step", lambda: 12),
        ("more than is needed", lambda: 9),
        ("equally far along", lambda: (8, 8, 4)),
        ("furthest voxel", lambda: 1),
    ],
    "03-block": [
        ("halo is still there", lambda: lambda scan, block: smooth(part(scan, block.padded))),
        ("not the core's", lambda: lambda scan, _block: smooth(scan)),
        ("in the wrong place", lambda: lambda scan, block: without_place(smoothed(scan, block))),
        ("core as it was", lambda: lambda scan, block: part(scan, block.core)),
        ("smoothed alone", lambda: lambda scan, block: smooth(part(scan, block.core))),
        ("of another place", lambda: from_padded_start),
        ("values of `smooth`", lambda: lambda scan, block: smooth(smoothed(scan, block))),
    ],
    "03-skip": [
        ("looked at the cores", lambda: sum(blocks("core"))),
        ("all blocks", lambda: len(blocks("core"))),
        ("the empty ones", lambda: len(blocks("core")) - sum(blocks("padded"))),
        ("Go through split", lambda: 3),
    ],
    "03-pyramid": [
        ("size has not changed", lambda: lambda labels: labels),
        ("half the size", lambda: lambda labels: sitk.Shrink(labels, [4, 4, 4])),
        ("spacing does not say so", lambda: half_by_array),
        ("no name", lambda: lambda labels: sitk.BinShrink(labels, [2, 2, 2])),
        ("no name", lambda: lambda labels: half(labels, sitk.sitkLinear, offset=-0.5)),
        ("largest number", lambda: largest_of_eight),
        ("have moved", lambda: half_moved),
    ],
}
