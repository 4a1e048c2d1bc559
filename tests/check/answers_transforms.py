"""Right and wrong answers to the exercises of episode 02; test_check.py tells their form."""

from __future__ import annotations

from itertools import product

import numpy as np
import SimpleITK as sitk

from regseg import data
from regseg.check.transforms import MARK, NOTED
from regseg.grid import Grid


def shift(*offset: float) -> sitk.Transform:
    return sitk.TranslationTransform(3, offset)


def turn(centre=(0.0, 0, 0), x=0.0, y=0.0, z=0.0) -> sitk.Euler3DTransform:
    return sitk.Euler3DTransform([float(c) for c in centre], *np.deg2rad([x, y, z]))


def tabled_head() -> sitk.Image:
    head = data.load("head_ct")
    head.SetOrigin(np.add(head.GetOrigin(), (0, 0, -1200)))
    return head


def middle() -> tuple[float, ...]:
    return Grid.of(tabled_head()).middle


def isotropic(scan, spacing, *, size=None, origin=None, direction=None, empty=False) -> sitk.Image:
    lengths = np.multiply(scan.GetSize(), scan.GetSpacing())
    return sitk.Resample(
        scan,
        size(scan, spacing) if size else [round(length / spacing) for length in lengths],
        shift(0, 0, 5000) if empty else sitk.Transform(),
        sitk.sitkLinear,
        origin or scan.GetOrigin(),
        [float(spacing)] * 3,
        direction or scan.GetDirection(),
    )


def old_size(scan, _spacing) -> list[int]:
    return list(scan.GetSize())


def turned_size(scan, spacing) -> list[int]:
    return [round(n * s / spacing) for n, s in zip(scan.GetSize(), scan.GetSpacing(), strict=True)][::-1]


def first_to_last(scan, spacing) -> list[int]:
    return [round((n - 1) * s / spacing) + 1 for n, s in zip(scan.GetSize(), scan.GetSpacing(), strict=True)]


def half_size(scan, spacing) -> list[int]:
    return [round(n * s / spacing / 2) for n, s in zip(scan.GetSize(), scan.GetSpacing(), strict=True)]


def ct(interpolator=sitk.sitkLinear, default=-1000.0, inverse=False) -> sitk.Image:
    tilted = turn(y=12)
    transform = tilted.GetInverse() if inverse else tilted
    return sitk.Resample(data.load("head_ct"), data.load("brain_oblique"), transform, interpolator, default)


def chain(order=(0, 1, 2), *, in_turn=False, interpolator=sitk.sitkLinear) -> sitk.Image:
    pair, template = data.load_pair("pair_rigid"), data.load("brain_t1_2mm")
    steps = [pair.transform, shift(4, -6, 2), turn(z=6)]
    if in_turn:
        result = pair.moving
        for step in steps:
            result = sitk.Resample(result, template, step, sitk.sitkLinear)
        return result
    return sitk.Resample(pair.moving, template, sitk.CompositeTransform([steps[i] for i in order]), interpolator)


def carried(interpolator=sitk.sitkNearestNeighbor, direction=None, pixel_type=sitk.sitkUInt8, default=0) -> sitk.Image:
    pair, labels = data.load_pair("pair_composite"), data.load("brain_labels")
    return sitk.Resample(labels, pair.fixed, direction or pair.transform, interpolator, default, pixel_type)


def inside(fixed, moving, transform, *, map_it=True, look_in=None, size_of=None, least=0, beyond=0) -> float:
    hits = []
    for index in product(*(range(0, n, 10) for n in fixed.GetSize())):
        point = fixed.TransformIndexToPhysicalPoint(index)
        point = transform.TransformPoint(point) if map_it else point
        landed = (look_in or moving).TransformPhysicalPointToIndex(point)
        hits.append(all(least <= i < n + beyond for i, n in zip(landed, (size_of or moving).GetSize(), strict=True)))
    return float(np.mean(hits))


def inside_by_eight(fixed, moving, transform) -> float:
    """As `inside`, at eight points along each axis, from the first voxel to the last."""
    hits = []
    for index in product(*(np.linspace(0, n - 1, 8) for n in fixed.GetSize())):
        point = transform.TransformPoint(fixed.TransformContinuousIndexToPhysicalPoint(index))
        landed = moving.TransformPhysicalPointToIndex(point)
        hits.append(all(0 <= i < n for i, n in zip(landed, moving.GetSize(), strict=True)))
    return float(np.mean(hits))


def right_voxel() -> tuple[int, ...]:
    """The index of the voxel of the fixed scan that holds the mark."""
    return data.load_pair("pair_rigid").fixed.TransformPhysicalPointToIndex(
        motion().GetInverse().TransformPoint(mark())
    )


def mark() -> np.ndarray:
    return np.array(MARK)


def motion() -> sitk.Transform:
    return data.load_pair("pair_rigid").transform


def across(place=NOTED["A"], inverse=False) -> tuple[float, ...]:
    way = data.load_pair("pair_rigid").transform
    return (way.GetInverse() if inverse else way).TransformPoint(place)


VOXEL = (24, 76, 58)  # of the spot A, in the second scan


def reply(same="B", other=None, index=VOXEL) -> tuple:
    return same, across() if other is None else other, index


RIGHT = {
    "02-reply": [reply, lambda: ["b", np.round(across()), np.array(VOXEL)]],
    "02-shift": [lambda: shift(-20, 0, 0), lambda: sitk.Euler3DTransform((0, 0, 0), 0, 0, 0, (-20, 0, 0))],
    "02-mark": [
        lambda: motion().GetInverse().TransformPoint(mark()),
        lambda: np.round(motion().GetInverse().TransformPoint(mark()), 1),
    ],
    "02-order": [lambda: sitk.CompositeTransform([turn(x=20), shift(0, 0, -15)])],
    "02-centre": [
        lambda: turn(middle(), x=15),
        lambda: turn(tabled_head().TransformIndexToPhysicalPoint([n // 2 for n in tabled_head().GetSize()]), x=15),
    ],
    "02-isotropic": [lambda: isotropic, lambda: lambda *given: isotropic(*given, size=first_to_last)],
    "02-ct": [ct, lambda: ct(default=-1024), lambda: ct(default=-1010)],
    "02-once": [chain],
    "02-labels": [carried, lambda: carried(sitk.sitkLabelGaussian), lambda: carried(sitk.sitkLabelLinear)],
    "02-empty": [lambda: inside, lambda: inside_by_eight],
}

WRONG = {
    "02-reply": [
        ("three things together", lambda: reply()[:2]),
        ("expected one of", lambda: reply("both")),
        ("numbers are those of A", lambda: reply("A")),
        ("nobody clicks better", lambda: reply("neither")),
        ("place in the first scan", lambda: reply(other=NOTED["A"])),
        ("The opposite way", lambda: reply(other=across(inverse=True))),
        ("colleague has found", lambda: reply(other=MARK)),
        ("colleague has found", lambda: reply(other=NOTED["B"])),
        ("colleague has found", lambda: reply(other=across(NOTED["B"]))),
        ("place is turned round", lambda: reply(other=across()[::-1])),
        ("signs of RAS", lambda: reply(other=np.multiply(across(), (-1, -1, 1)))),
        ("its voxel comes third", lambda: reply(other=VOXEL)),
        ("not where the other spot lies", lambda: reply(other=(5, 5, 5))),
        ("index is turned round", lambda: reply(index=VOXEL[::-1])),
        ("spot in the first scan", lambda: reply(index=(30, 73, 56))),
        ("Those are millimetres", lambda: reply(index=np.round(across()))),
        ("one voxel away", lambda: reply(index=(24, 75, 58))),
        ("count from one", lambda: reply(index=np.add(VOXEL, 1))),
        ("the index is not", lambda: reply(index=(1, 2, 3))),
    ],
    "02-shift": [
        ("every point by the same", lambda: turn(z=20)),
        ("asks backwards", lambda: shift(20, 0, 0)),
        ("another one", lambda: shift(0, -20, 0)),
        ("counted voxels", lambda: shift(-10, 0, 0)),
        ("counted voxels", lambda: shift(10, 0, 0)),
        ("moves nothing", lambda: shift(0, 0, 0)),
        ("the amount", lambda: shift(-2, 0, 0)),
    ],
    "02-mark": [
        ("stands in the note", lambda: NOTED["A"]),
        ("stands in the note", lambda: NOTED["B"]),
        ("applied the transform itself", lambda: motion().TransformPoint(mark())),
        ("in the moving scan", mark),
        ("for a shift only", lambda: 2 * mark() - motion().TransformPoint(mark())),
        ("index of the right voxel", right_voxel),
        (
            "centre of the right voxel",
            lambda: data.load_pair("pair_rigid").fixed.TransformIndexToPhysicalPoint(right_voxel()),
        ),
        ("whole millimetres", lambda: np.rint(motion().GetInverse().TransformPoint(mark()))),
        ("whole millimetres", lambda: np.trunc(motion().GetInverse().TransformPoint(mark()))),
        ("turned round", lambda: motion().GetInverse().TransformPoint(mark())[::-1]),
        ("those of RAS", lambda: np.multiply(motion().GetInverse().TransformPoint(mark()), (-1, -1, 1))),
        ("Which direction", lambda: (0, 0, 0)),
    ],
    "02-order": [
        ("tilts first", lambda: sitk.CompositeTransform([shift(0, 0, -15), turn(x=20)])),
        ("Only one of the two", lambda: turn(x=20)),
        ("That is the inverse", lambda: sitk.CompositeTransform([shift(0, 0, 15), turn(x=-20)])),
        ("as they are", lambda: shift(1, 2, 3)),
    ],
    "02-centre": [
        ("about (0, 0, 0)", lambda: turn(x=15)),
        ("as an index", lambda: turn([n / 2 for n in tabled_head().GetSize()], x=15)),
        ("corner of the image", lambda: turn(tabled_head().GetOrigin(), x=15)),
        ("in degrees", lambda: sitk.Euler3DTransform(middle(), 15.0, 0, 0)),
        ("the other way", lambda: turn(middle(), x=-15)),
        ("look at the angle", lambda: turn(middle(), z=15)),
        ("mapped onto itself", lambda: shift(5, 0, 0)),
    ],
    "02-isotropic": [
        ("not 2.0 mm", lambda: lambda scan, _spacing: scan),
        ("compute a new size", lambda: lambda *given: isotropic(*given, size=old_size)),
        (
            "direction is lost",
            lambda: lambda scan, spacing: isotropic(scan, spacing, direction=np.eye(3).ravel().tolist()),
        ),
        ("origin is lost", lambda: lambda *given: isotropic(*given, origin=(0.0, 0.0, 0.0))),
        ("order k, j, i", lambda: lambda *given: isotropic(*given, size=turned_size)),
        ("another length", lambda: lambda *given: isotropic(*given, size=half_size)),
        ("the values are not", lambda: lambda *given: isotropic(*given, empty=True)),
    ],
    "02-ct": [
        ("another grid", lambda: data.load("head_ct")),
        ("which is water", lambda: ct(default=0)),
        ("number of the pixel type", lambda: ct(default=data.load("head_ct").GetPixelIDValue())),
        ("nothing is thinner than air", lambda: ct(default=-3000)),
        ("denser than air", lambda: ct(default=-500)),
        ("turned round", lambda: ct(inverse=True)),
        ("overshoots", lambda: ct(sitk.sitkBSpline)),
        ("is for labels", lambda: ct(sitk.sitkNearestNeighbor)),
        ("cannot hold the −1000", lambda: sitk.Cast(sitk.Clamp(ct(), lowerBound=0), sitk.sitkUInt16)),
        ("that mixes neighbours", lambda: ct() * 0 - 1),
    ],
    "02-once": [
        ("another grid", lambda: data.load("brain_t1")),
        ("order is reversed", lambda: chain((2, 1, 0))),
        ("make stairs", lambda: chain(interpolator=sitk.sitkNearestNeighbor)),
        ("interpolated three times", lambda: chain(in_turn=True)),
        ("Follow one point", lambda: chain((0, 1))),
    ],
    "02-labels": [
        ("another grid", lambda: data.load("brain_labels")),
        ("invented labels", lambda: carried(sitk.sitkLinear)),
        ("invented labels", lambda: sitk.Round(carried(sitk.sitkLinear, pixel_type=sitk.sitkFloat32))),
        ("B-spline interpolation invented", lambda: carried(sitk.sitkBSpline)),
        ("B-spline interpolation invented", lambda: sitk.Round(carried(sitk.sitkBSpline, pixel_type=sitk.sitkFloat32))),
        ("outside the labels", lambda: carried(default=3)),
        ("grey values", lambda: data.load_pair("pair_composite").fixed),
        ("not moved at all", lambda: carried(direction=shift(0, 0, 0))),
        ("do not follow", lambda: carried(direction=shift(20, 0, 0))),
    ],
    "02-empty": [
        ("per cent", lambda: lambda *given: 100 * inside(*given)),
        ("look outside", lambda: lambda *given: 1 - inside(*given)),
        ("do not invert", lambda: lambda fixed, moving, motion: inside(fixed, moving, motion.GetInverse())),
        ("do not invert", lambda: lambda fixed, moving, motion: inside(moving, fixed, motion)),
        ("Every point", lambda: lambda *given: inside(*given, map_it=False)),
        ("One bound", lambda: lambda *given: inside(*given, least=-np.inf)),
        ("One bound", lambda: lambda *given: inside(*given, beyond=np.inf)),
        ("looked up in `fixed`", lambda: lambda *given: inside(*given, look_in=given[0])),
        ("looked up in `fixed`", lambda: lambda *given: inside(*given, look_in=given[0], size_of=given[0])),
        ("the size of `fixed`", lambda: lambda *given: inside(*given, size_of=given[0])),
        ("50% lie inside", lambda: lambda *given: round(inside(*given) - 0.1)),
    ],
}
