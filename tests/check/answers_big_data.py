"""Right answers and known mistakes for the exercises of episode 03."""

from __future__ import annotations

import math

import numpy as np
import SimpleITK as sitk

from regseg import data
from regseg.blocks import split
from regseg.check.big_data import HALO, VARIANCE
from regseg.check.scenes import NOTE, SCAN_SIZE
from regseg.grid import Grid

# --- what the answers below are made of ------------------------------------------------------------------------------


def voxels() -> int:
    return math.prod(SCAN_SIZE)


def cube(*, before=20, turned=False, size=41, placed=True, brighter=0) -> sitk.Image:
    scan = data.load("lesion_flair") + brighter
    index = scan.TransformPhysicalPointToIndex(NOTE)
    start = [i - before for i in (index[::-1] if turned else index)]
    part = sitk.RegionOfInterest(scan, [size] * 3, start)
    return part if placed else sitk.GetImageFromArray(sitk.GetArrayFromImage(part))


def crop(scan, mask, margin, *, in_voxels=False, last=1, clip=True, placed=True, sides=(1, 1), rounded=math.ceil):
    """The part of a scan in the box of a mask; the words are for the mistakes."""
    places = np.argwhere(sitk.GetArrayFromImage(mask))[:, ::-1]
    steps = [int(margin) if in_voxels else rounded(margin / step) for step in scan.GetSpacing()]
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
    steps = [round(margin / step) for step in scan.GetSpacing()]
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


def blocks(box: str) -> list[bool]:
    array = sitk.GetArrayFromImage(data.load("lesion_flair"))
    return [bool(array[getattr(b, box).slices].any()) for b in split(array.shape[::-1], (32,) * 3, (HALO,) * 3)]


def half(labels, interpolator=sitk.sitkNearestNeighbor, offset=0.0) -> sitk.Image:
    grid = Grid.of(labels).shrink((2, 2, 2))
    origin = (grid.origin[0] + offset, *grid.origin[1:])
    return sitk.Resample(labels, grid.size, sitk.Transform(), interpolator, origin, grid.spacing, grid.direction)


def half_by_array(labels) -> sitk.Image:
    return sitk.GetImageFromArray(sitk.GetArrayFromImage(labels)[::2, ::2, ::2])


def half_moved(labels) -> sitk.Image:
    moved = half(labels)
    moved.SetOrigin(np.add(moved.GetOrigin(), (12.0, 0, 0)))
    return moved


# --- the right routes: exercise → answers, each made when it is needed -----------------------------------------------

RIGHT = {
    "03-memory": [lambda: voxels() * 24 / 1e9, lambda: voxels() * 24 / 2**30, lambda: 13.3, lambda: 13],
    "03-region": [cube],
    "03-crop": [
        lambda: crop,
        lambda: crop_by_statistics,
        lambda: lambda scan, mask, margin: crop(scan, mask, margin, rounded=math.floor),
    ],
    "03-chunks": [lambda: lambda box, chunk: math.prod(along(box, chunk))],
    "03-halo": [lambda: 8, lambda: [8]],
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
    ],
}

# --- the known mistakes: exercise → (part of the sentence, answer) ---------------------------------------------------

WRONG = {
    "03-memory": [
        ("one number for each voxel", lambda: voxels() * 8 / 1e9),
        ("arrows of 32-bit floats", lambda: voxels() * 12 / 1e9),
        ("counted bits", lambda: voxels() * 24 * 8 / 1e9),
        ("in another unit", lambda: voxels() * 24),
        ("in another unit", lambda: voxels() * 24 / 1e6),
        ("Multiply", lambda: 5),
    ],
    "03-region": [
        ("the whole scan", lambda: data.load("lesion_flair")),
        ("make 41 each way", lambda: cube(size=40)),
        ("not the scan's", lambda: cube(brighter=1)),
        ("begins at the note's voxel", lambda: cube(before=0)),
        ("turned round", lambda: cube(turned=True)),
        ("without their place", lambda: cube(placed=False)),
        ("lie elsewhere", lambda: cube(before=21)),
    ],
    "03-crop": [
        ("their place is lost", lambda: lambda *given: crop(*given, placed=False)),
        ("margin is missing", lambda: lambda scan, mask, _margin: crop(scan, mask, 0)),
        ("counts voxels", lambda: lambda *given: crop(*given, in_voxels=True)),
        ("out of the mask", lambda: lambda _scan, mask, margin: crop(mask, mask, margin)),
        ("last − first + 1", lambda: lambda *given: crop(*given, last=0)),
        ("lies elsewhere", lambda: shifted),
        ("order x, y, z", lambda: lambda scan, _mask, _margin: scan),
        ("order x, y, z", lambda: lambda *given: crop(*given, sides=(0, 1))),
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
        ("furthest voxel", lambda: 1),
    ],
    "03-block": [
        ("halo is still there", lambda: lambda scan, block: smooth(part(scan, block.padded))),
        ("not the core's", lambda: lambda scan, _block: smooth(scan)),
        ("in the wrong place", lambda: lambda scan, block: without_place(smoothed(scan, block))),
        ("core as it was", lambda: lambda scan, block: part(scan, block.core)),
        ("smoothed alone", lambda: lambda scan, block: smooth(part(scan, block.core))),
        ("of another place", lambda: from_padded_start),
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
        ("have moved", lambda: half_moved),
    ],
}
