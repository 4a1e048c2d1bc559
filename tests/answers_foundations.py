"""Right answers and known mistakes for the exercises of episodes 01 and 02."""

from __future__ import annotations

from itertools import product

import numpy as np
import SimpleITK as sitk

from regseg import data
from regseg.check.images import NOTE, slice_positions
from regseg.check.transforms import MARK

# --- what the answers below are made of ------------------------------------------------------------------------------


def clip(scan: sitk.Image, *, transpose=False, copy="all", limit=99, brighter=0) -> sitk.Image:
    array = sitk.GetArrayFromImage(scan)
    result = np.minimum(array, np.percentile(array, limit)) + brighter
    result = sitk.GetImageFromArray(result.T if transpose else result)
    if copy == "all":
        result.CopyInformation(scan)
    elif copy == "origin":
        result.SetOrigin(scan.GetOrigin())
    return result


def clip_in_place(scan: sitk.Image) -> sitk.Image:
    limit = np.percentile(sitk.GetArrayFromImage(scan), 99)
    scan[scan > limit] = limit
    return scan


def brightest(scan: sitk.Image) -> list[int]:
    """The index of the brightest voxel, x, y, z."""
    array = sitk.GetArrayViewFromImage(scan)
    return [int(i) for i in np.unravel_index(np.argmax(array), array.shape)][::-1]


def cast(one: sitk.Image) -> sitk.Image:
    return sitk.Cast(one, sitk.sitkInt16)


def volume(labels: sitk.Image) -> float:
    return np.count_nonzero(sitk.GetArrayViewFromImage(labels)) * np.prod(labels.GetSpacing())


def heights() -> np.ndarray:
    return slice_positions("dicom_head_gap")


def gap() -> tuple[int, float]:
    at = int(np.argmax(np.diff(heights())))
    return at, float(np.mean(heights()[at : at + 2]))


def shift(*offset: float) -> sitk.Transform:
    return sitk.TranslationTransform(3, offset)


def turn(centre=(0.0, 0, 0), x=0.0, y=0.0, z=0.0) -> sitk.Euler3DTransform:
    return sitk.Euler3DTransform([float(c) for c in centre], *np.deg2rad([x, y, z]))


def tabled_head() -> sitk.Image:
    head = data.load("head_ct")
    head.SetOrigin(np.add(head.GetOrigin(), (0, 0, -1200)))
    return head


def middle() -> tuple[float, ...]:
    head = tabled_head()
    return head.TransformContinuousIndexToPhysicalPoint([(n - 1) / 2 for n in head.GetSize()])


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


def carried(interpolator=sitk.sitkNearestNeighbor, direction=None, pixel_type=sitk.sitkUInt8) -> sitk.Image:
    pair, labels = data.load_pair("pair_composite"), data.load("brain_labels")
    return sitk.Resample(labels, pair.fixed, direction or pair.transform, interpolator, 0, pixel_type)


def inside(fixed, moving, transform, *, map_it=True) -> float:
    hits = []
    for index in product(*(range(0, n, 10) for n in fixed.GetSize())):
        point = fixed.TransformIndexToPhysicalPoint(index)
        point = transform.TransformPoint(point) if map_it else point
        landed = moving.TransformPhysicalPointToIndex(point)
        hits.append(all(0 <= i < n for i, n in zip(landed, moving.GetSize(), strict=True)))
    return float(np.mean(hits))


def radiograph(of) -> sitk.Image:
    return sitk.GetImageFromArray(of(sitk.GetArrayFromImage(data.load("radiograph")).astype(float)))


def mark() -> np.ndarray:
    return np.array(MARK)


def motion() -> sitk.Transform:
    return data.load_pair("pair_rigid").transform


thick = "brain_thick"

# --- the right routes: exercise → answers, each made when it is needed -----------------------------------------------

RIGHT = {
    "01-index": [
        lambda: data.load(thick).TransformPhysicalPointToIndex(NOTE),
        lambda: np.array(data.load(thick).TransformPhysicalPointToIndex(NOTE)),
    ],
    "01-side": [lambda: "right", lambda: " Right"],
    "01-letters": [lambda: "PIL", lambda: " pil ", lambda: ("P", "I", "L"), lambda: "P, I, L"],
    "01-geometry": [
        lambda: clip,
        lambda: lambda scan: sitk.Minimum(
            sitk.Cast(scan, sitk.sitkFloat64), float(np.percentile(sitk.GetArrayFromImage(scan), 99))
        ),
    ],
    "01-brightest": [lambda: lambda scan: scan.TransformIndexToPhysicalPoint(brightest(scan))],
    "01-difference": [
        lambda: lambda after, before: cast(after) - cast(before),
        lambda: lambda after, before: sitk.Cast(after, sitk.sitkFloat32) - sitk.Cast(before, sitk.sitkFloat32),
    ],
    "01-gap": [lambda: gap()[1]],
    "01-volume": [lambda: lambda labels: volume(labels) / 1000],
    "01-ras": [lambda: lambda point: (-point[0], -point[1], point[2])],
    "01-radiograph": [
        lambda: data.load("radiograph"),
        lambda: radiograph(lambda array: array),
        lambda: sitk.RescaleIntensity(data.load("radiograph")),
    ],
    "01-lung": [lambda: volume(data.load("chest_ct_mask")) / 1e6],
    "02-shift": [lambda: shift(-20, 0, 0), lambda: sitk.Euler3DTransform((0, 0, 0), 0, 0, 0, (-20, 0, 0))],
    "02-mark": [lambda: motion().GetInverse().TransformPoint(mark())],
    "02-order": [lambda: sitk.CompositeTransform([turn(x=20), shift(0, 0, -15)])],
    "02-centre": [
        lambda: turn(middle(), x=15),
        lambda: turn(tabled_head().TransformIndexToPhysicalPoint([n // 2 for n in tabled_head().GetSize()]), x=15),
    ],
    "02-isotropic": [lambda: isotropic],
    "02-ct": [ct, lambda: ct(default=-1024), lambda: ct(default=-1010)],
    "02-once": [chain],
    "02-labels": [carried, lambda: carried(sitk.sitkLabelGaussian), lambda: carried(sitk.sitkLabelLinear)],
    "02-empty": [lambda: inside],
}

# --- the known mistakes: exercise → (part of the sentence, answer) ---------------------------------------------------

WRONG = {
    "01-index": [
        ("order of NumPy", lambda: data.load(thick).TransformPhysicalPointToIndex(NOTE)[::-1]),
        ("in the new scan", lambda: data.load("lesion_flair").TransformPhysicalPointToIndex(NOTE)),
        ("counted from (0, 0, 0)", lambda: np.rint(np.divide(NOTE, data.load(thick).GetSpacing()))),
        (
            "left out the direction",
            lambda: np.rint(np.subtract(NOTE, data.load(thick).GetOrigin()) / data.load(thick).GetSpacing()),
        ),
        ("continuous index", lambda: data.load(thick).TransformPhysicalPointToContinuousIndex(NOTE)),
        ("one voxel away", lambda: np.add(data.load(thick).TransformPhysicalPointToIndex(NOTE), (0, 0, -1))),
        ("Let the scan itself", lambda: (1, 2, 3)),
    ],
    "01-side": [
        ("in quotation marks", lambda: -29),
        ("In RAS it would be so", lambda: "left"),
        ("one of two words", lambda: "up"),
    ],
    "01-letters": [
        ("three letters in one text", lambda: (0, 1, 2)),
        ("come from", lambda: "ASR"),
        ("backwards", lambda: "LIP"),
        ("rows of the matrix", lambda: "SLA"),
        ("frame that the millimetres", lambda: "LPS"),
        ("Look at column", lambda: "RAS"),
        ("Look at column", lambda: "PIR"),
    ],
    "01-geometry": [
        ("do not transpose", lambda: lambda scan: clip(scan, transpose=True, copy=None)),
        ("size has changed", lambda: lambda scan: clip(scan)[:50]),
        ("an array does not carry", lambda: lambda scan: clip(scan, copy=None)),
        ("Only a part", lambda: lambda scan: clip(scan, copy="origin")),
        ("no longer clipped", lambda: lambda scan: scan),
        ("work on a copy", lambda: clip_in_place),
        ("should stay as they were", lambda: lambda scan: clip(scan, limit=50)),
    ],
    "01-brightest": [
        ("index of the voxel", lambda: brightest),
        (
            "turn it round",
            lambda: lambda scan: scan.TransformContinuousIndexToPhysicalPoint(np.float64(brightest(scan)[::-1])),
        ),
        (
            "left out the direction",
            lambda: lambda scan: np.add(scan.GetOrigin(), np.multiply(scan.GetSpacing(), brightest(scan))),
        ),
        ("geometry of the scan itself", lambda: lambda _scan: (0, 0, 0)),
    ],
    "01-difference": [
        ("cannot hold −40", lambda: lambda after, before: after - before),
        ("sign is turned round", lambda: lambda after, before: cast(before) - cast(after)),
        ("sign is lost", lambda: sitk.AbsoluteValueDifference),
        (
            "place is lost",
            lambda: lambda after, before: sitk.GetImageFromArray(
                sitk.GetArrayFromImage(after).astype(float) - sitk.GetArrayFromImage(before)
            ),
        ),
        ("came out as 60", lambda: lambda after, _before: after),
    ],
    "01-gap": [
        ("number of a slice", lambda: gap()[0] + 1),
        ("beside the gap", lambda: heights()[gap()[0]]),
        ("how wide the gap is", lambda: float(np.diff(heights()).max())),
        ("sign is turned", lambda: -gap()[1]),
        ("Sort the heights", lambda: 12345.0),
    ],
    "01-volume": [
        ("cubic millimetres", lambda: volume),
        (
            "counted voxels",
            lambda: lambda labels: np.count_nonzero(sitk.GetArrayViewFromImage(labels)) / 1000,
        ),
        ("Count the voxels", lambda: lambda _labels: 3.0),
    ],
    "01-ras": [
        ("Nothing has changed", lambda: lambda point: point),
        ("Superior stays", lambda: lambda point: tuple(-c for c in point)),
        ("Only one axis", lambda: lambda point: (-point[0], point[1], point[2])),
        ("Which of the three", lambda: lambda point: point[::-1]),
    ],
    "01-radiograph": [
        ("Hand over", lambda: np.zeros((3, 3))),
        ("size has changed", lambda: sitk.Image([4, 4], sitk.sitkFloat32)),
        ("the bones are dark: ", lambda: sitk.InvertIntensity(data.load("radiograph"), 65535)),
        ("over the end of the scale", lambda: sitk.InvertIntensity(data.load("radiograph"))),
        ("below zero", lambda: radiograph(lambda array: -array)),
        ("neither", lambda: radiograph(lambda array: np.where(array > array.mean(), 0, array))),
    ],
    "01-lung": [
        ("another unit", lambda: volume(data.load("chest_ct_mask"))),
        ("another unit", lambda: volume(data.load("chest_ct_mask")) / 1000),
        ("counted voxels", lambda: np.count_nonzero(sitk.GetArrayFromImage(data.load("chest_ct_mask")))),
        ("Count the voxels", lambda: 42),
    ],
    "02-shift": [
        ("every point by the same", lambda: turn(z=20)),
        ("asks backwards", lambda: shift(20, 0, 0)),
        ("another one", lambda: shift(0, -20, 0)),
        ("moves nothing", lambda: shift(0, 0, 0)),
        ("the amount", lambda: shift(-2, 0, 0)),
    ],
    "02-mark": [
        ("applied the transform itself", lambda: motion().TransformPoint(mark())),
        ("in the moving scan", mark),
        ("for a shift only", lambda: 2 * mark() - motion().TransformPoint(mark())),
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
        ("order z, y, x", lambda: lambda *given: isotropic(*given, size=turned_size)),
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
        ("that mixes neighbours", lambda: ct() * 0),
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
        ("not moved at all", lambda: carried(direction=shift(0, 0, 0))),
        ("do not follow", lambda: carried(direction=shift(20, 0, 0))),
    ],
    "02-empty": [
        ("per cent", lambda: lambda *given: 100 * inside(*given)),
        ("look outside", lambda: lambda *given: 1 - inside(*given)),
        ("do not invert", lambda: lambda fixed, moving, motion: inside(fixed, moving, motion.GetInverse())),
        ("do not invert", lambda: lambda fixed, moving, motion: inside(moving, fixed, motion)),
        ("Every point", lambda: lambda *given: inside(*given, map_it=False)),
        ("50% lie inside", lambda: lambda *given: round(inside(*given) - 0.1)),
    ],
}
