"""Answers to the exercises of episode 07."""

import math
from functools import cache

import numpy as np
import SimpleITK as sitk
from scipy import stats

from regseg import data, evaluate
from regseg.check import evaluation  # noqa: F401 - it registers the exercises
from regseg.synth import heads


def inside(mask) -> np.ndarray:
    return sitk.GetArrayFromImage(mask) > 0


def overlap(one, other) -> float:
    total = np.count_nonzero(one) + np.count_nonzero(other)
    return float(2 * np.count_nonzero(one & other) / total) if total else float("nan")


def dice(reference, mask, *, onto="reference", of=overlap) -> float:
    if onto == "reference":
        mask = sitk.Resample(mask, reference, sitk.Transform(), sitk.sitkNearestNeighbor)
    elif onto == "mask":
        reference = sitk.Resample(reference, mask, sitk.Transform(), sitk.sitkNearestNeighbor)
    return of(inside(reference), inside(mask))


def dice_of_arrays(reference, mask) -> float:
    """The arrays as they are, unless their shapes forbid it."""
    return dice(reference, mask, onto="reference" if mask.GetSize() != reference.GetSize() else "nothing")


def to_borders(one, other, *, spacing=True, squared=False, how=np.abs) -> list[np.ndarray]:
    found = []
    for here, there in ((one, other), (other, one)):
        away = sitk.SignedMaurerDistanceMap(there, squaredDistance=squared, useImageSpacing=spacing)
        found.append(how(sitk.GetArrayFromImage(away))[inside(sitk.LabelContour(here))])
    return found


def mean_distance(one, other, **words) -> float:
    return float(np.concatenate(to_borders(one, other, **words)).mean())


def hausdorff(one, other):
    measured = sitk.HausdorffDistanceImageFilter()
    measured.Execute(one, other)
    return measured


def votes(masks) -> sitk.Image:
    return sitk.NaryAdd([sitk.Cast(mask, sitk.sitkUInt16) for mask in masks])


def report(references, masks, *, missed=0.0, healthy=None, of=np.mean, second="invented") -> tuple[float, int]:
    values, counts = [], {"invented": 0, "silent": 0}
    for reference, mask in zip(references, masks, strict=True):
        there, drawn = inside(reference).any(), inside(mask).any()
        if there and (drawn or missed is not None):
            values.append(overlap(inside(reference), inside(mask)) if drawn else missed)
        if not there:
            counts["invented" if drawn else "silent"] += 1
            if healthy is not None:
                values.append(0.0 if drawn else healthy)
    return of(values), counts[second]


def pieces(references, masks) -> int:
    return sum(evaluate.detection(*pair).invented for pair in zip(references, masks, strict=True))


def pooled(references, masks) -> tuple[float, int]:
    one, other = (np.concatenate([inside(mask) for mask in row]) for row in (references, masks))
    return overlap(one, other), 1


def interval(first, second, *, level=0.95) -> tuple[float, float]:
    found = stats.bootstrap((np.subtract(first, second),), np.mean, confidence_level=level, rng=3)
    return tuple(found.confidence_interval)


def of_one(values) -> tuple[float, float]:
    return tuple(stats.bootstrap((values,), np.mean, rng=3).confidence_interval)


def unpaired(first, second) -> tuple[float, float]:
    found = stats.bootstrap((first, second), lambda a, b, axis: a.mean(axis=axis) - b.mean(axis=axis), rng=3)
    return tuple(found.confidence_interval)


@cache
def anatomy(number) -> tuple[sitk.Image, sitk.Image]:
    return heads.anatomy(data.load(f"head_labels_{number:02d}"), seed=number)


@cache
def registered(fixed=4, moving=3) -> tuple[sitk.Transform, sitk.Transform]:
    """Affine, and bent further by Demons: by default the second atlas (person 3) on the head (person 4)."""
    (fixed, _), (moving, _) = anatomy(fixed), anatomy(moving)
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsCorrelation()
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsRegularStepGradientDescent(2.0, 0.01, 60)
    method.SetOptimizerScalesFromPhysicalShift()
    moments = sitk.CenteredTransformInitializerFilter.MOMENTS
    method.SetInitialTransform(
        sitk.CenteredTransformInitializer(fixed, moving, sitk.AffineTransform(3), moments), False
    )
    affine = method.Execute(*(sitk.BinShrink(one, [3] * 3) for one in (fixed, moving)))
    moving = sitk.Resample(sitk.HistogramMatching(moving, fixed, 256, 15, True), fixed, affine)
    demons = sitk.FastSymmetricForcesDemonsRegistrationFilter()
    demons.SetStandardDeviations(1.0)
    field = sitk.Image(fixed.GetSize(), sitk.sitkVectorFloat64)
    field.CopyInformation(fixed)
    for shrink, iterations in ((4, 60), (2, 60), (1, 20)):
        pair = [sitk.BinShrink(one, [shrink] * 3) for one in (fixed, moving)]
        demons.SetNumberOfIterations(iterations)
        field = demons.Execute(*pair, sitk.Resample(field, pair[0]))
    return affine, sitk.CompositeTransform([affine, sitk.DisplacementFieldTransform(field)])


def carried(transform, how=sitk.sitkNearestNeighbor, person=3) -> sitk.Image:
    return sitk.Resample(anatomy(person)[1], anatomy(4)[1], transform, how)


def ball(radius) -> np.ndarray:
    z, y, x = np.mgrid[-15:16, -15:16, -15:16]
    return x**2 + y**2 + z**2 <= radius**2


def sides(of=lambda dice: dice) -> list[float]:
    return [of(overlap(ball(10), ball(radius))) for radius in (12, 8)]


def jaccard(dice) -> float:
    return dice / (2 - dice)


def longest(mask, *, of=lambda shapes: shapes.GetFeretDiameter(1)) -> float:
    shapes = sitk.LabelShapeStatisticsImageFilter()
    shapes.ComputeFeretDiameterOn()
    shapes.Execute(mask)
    return of(shapes)


def in_voxels(mask) -> float:
    plain = sitk.GetImageFromArray(sitk.GetArrayFromImage(mask))
    return longest(plain)


def longest_side(mask) -> float:
    size = longest(mask, of=lambda shapes: shapes.GetBoundingBox(1))[3:]
    return max(np.multiply(size, mask.GetSpacing()))


def coarse(mask, width, *, first=0.0, back=True, of=lambda found: found.dice) -> float:
    size = [math.ceil(n * spacing / width) for n, spacing in zip(mask.GetSize(), mask.GetSpacing(), strict=True)]
    nearest, stay = sitk.sitkNearestNeighbor, sitk.Transform()
    large = sitk.Resample(mask, size, stay, nearest, (first,) * 3, [width] * 3, mask.GetDirection())
    if not back:
        mask = large
    return of(evaluate.overlap(mask, sitk.Resample(large, mask, stay, nearest)))


RIGHT = {
    "07-dice": [lambda: dice],
    "07-distance": [
        lambda: mean_distance,
        lambda: lambda one, other: evaluate.surface_distance(one, other).mean,
        lambda: lambda one, other: np.mean([away.mean() for away in to_borders(one, other)]),
    ],
    "07-consensus": [
        lambda: lambda masks: votes(masks) > len(masks) // 2,
        lambda: lambda masks: sitk.LabelVoting(masks) == 1,
    ],
    "07-report": [lambda: report, lambda: lambda a, b: np.round(report(a, b), 2)],
    "07-interval": [
        lambda: interval,
        lambda: lambda a, b: stats.bootstrap((a - b,), np.mean, method="percentile", rng=5).confidence_interval,
    ],
    "07-choose": [lambda: "CAEDFB", lambda: "c a e d f b", lambda: list("CAEDFB")],
    "07-atlas": [lambda: carried(registered()[1])],
    "07-sides": [sides, lambda: (0.733, 0.677)],
    "07-diameter": [lambda: longest],
    "07-cases": [lambda: 246, lambda: 245.9, lambda: [256]],
    "07-coarse": [lambda: coarse, lambda: lambda mask, width: coarse(mask, width, first=(width - 1) / 2)],
}

WRONG = {
    "07-dice": [
        ("Jaccard", lambda: lambda one, other: dice(one, other, of=lambda a, b: (a & b).sum() / (a | b).sum())),
        ("half of Dice", lambda: lambda one, other: dice(one, other) / 2),
        ("On one grid already", lambda: lambda *_: 0.123),
        ("left and right are swapped", lambda: dice_of_arrays),
        ("on the grid of the mask", lambda: lambda one, other: dice(one, other, onto="mask")),
        ("On different grids", lambda: lambda one, other: dice_of_arrays(one, other) if is_plain(other) else 0.5),
        ("Only two empty masks", lambda: lambda a, b: dice(a, b) if inside(a).any() and inside(b).any() else np.nan),
        ("Only two empty masks", lambda: lambda a, b: dice(a, b) if inside(a).any() else np.nan),
        ("One empty mask", lambda: lambda a, b: dice(a, b) if inside(b).any() else 1.0),
        ("Two empty masks", lambda: lambda one, other: np.nan_to_num(dice(one, other), nan=1.0)),
        ("Two empty masks", lambda: lambda one, other: float(np.nan_to_num(dice(one, other)))),
    ],
    "07-distance": [
        ("average Hausdorff", lambda: lambda one, other: hausdorff(one, other).GetAverageHausdorffDistance()),
        ("the largest", lambda: lambda one, other: hausdorff(one, other).GetHausdorffDistance()),
        ("counted voxels", lambda: lambda one, other: mean_distance(one, other, spacing=False)),
        ("counted voxels", lambda: lambda a, b: mean_distance(a, b, spacing=False) * a.GetSpacing()[0]),
        ("counted voxels", lambda: lambda a, b: mean_distance(a, b, spacing=False) * a.GetSpacing()[2]),
        ("median", lambda: lambda one, other: np.median(np.concatenate(to_borders(one, other)))),
        ("be it the larger", lambda: lambda one, other: max(away.mean() for away in to_borders(one, other))),
        ("sum of the two", lambda: lambda one, other: sum(away.mean() for away in to_borders(one, other))),
        ("signed margin", lambda: lambda one, other: evaluate.margin(one, other).mean),
        ("signed margin", lambda: lambda one, other: evaluate.margin(one, other).median),
        ("squared", lambda: lambda one, other: mean_distance(one, other, squared=True)),
        ("cancel", lambda: lambda one, other: mean_distance(one, other, how=np.positive)),
        ("one way only", lambda: lambda one, other: to_borders(one, other)[0].mean()),
        ("one way only", lambda: lambda one, other: to_borders(one, other)[1].mean()),
        ("border voxels", lambda: lambda *_: 77.0),
    ],
    "07-consensus": [
        ("on the grid", lambda: lambda masks: votes(masks)[1:] > len(masks) // 2),
        (
            "on the grid",
            lambda: lambda masks: sitk.GetImageFromArray(inside(votes(masks) > len(masks) // 2).astype(np.uint8)),
        ),
        ("more than a half", lambda: lambda masks: sitk.Cast(votes(masks), sitk.sitkFloat64) / len(masks)),
        ("ties", lambda: lambda masks: sitk.LabelVoting(masks)),
        ("no mask", lambda: votes),
        ("not more than it", lambda: lambda masks: votes(masks) * 2 >= len(masks)),
        ("union", lambda: lambda masks: votes(masks) > 0),
        ("intersection", lambda: lambda masks: votes(masks) == len(masks)),
        ("three votes", lambda: lambda masks: votes(masks) >= 3),
        ("half of their number", lambda: lambda masks: masks[-1]),
    ],
    "07-report": [
        ("dropped the patient", lambda: lambda a, b: report(a, b, missed=None)),
        ("Dice of 1", lambda: lambda a, b: report(a, b, healthy=1.0)),
        ("with a 0", lambda: lambda a, b: report(a, b, healthy=0.0)),
        ("pooled", lambda: pooled),
        ("mean is another", lambda: lambda a, b: report(a, b, of=np.median)),
        ("count the others", lambda: lambda a, b: report(a, b, second="silent")),
        ("counted pieces", lambda: lambda a, b: (report(a, b)[0], pieces(a, b))),
        ("counted pieces", lambda: lambda a, b: (report(a, b)[0], pieces(a[3:], b[3:]))),
        ("mean is nan", lambda: lambda a, b: report(a, b, healthy=np.nan)),
        ("mean is right", lambda: lambda a, b: (report(a, b)[0], 2)),
        ("stopped with ValueError", lambda: lambda a, b: [evaluate.overlap(*pair) for pair in zip(a, b, strict=True)]),
    ],
    "07-interval": [
        ("turned round", lambda: lambda a, b: interval(a, b)[::-1]),
        ("second minus first", lambda: lambda a, b: interval(b, a)),
        ("where the patients lie", lambda: lambda a, b: np.percentile(a - b, (2.5, 97.5))),
        ("one of the methods", lambda: lambda a, _: of_one(a)),
        ("Too wide", lambda: unpaired),
        ("after rounding", lambda: lambda a, b: np.round(interval(a, b), 2)),
        ("Student", lambda: lambda a, b: stats.t.interval(0.95, len(a) - 1, np.mean(a - b), stats.sem(a - b))),
        ("confidence level", lambda: lambda a, b: interval(a, b, level=0.9)),
        ("confidence level", lambda: lambda a, b: interval(a, b, level=0.99)),
        ("patient by patient", lambda: lambda *_: (0.3, 0.4)),
    ],
    "07-choose": [
        ("each of the letters", lambda: "ABC"),
        ("each of the letters", lambda: 7),
        ("Question 1", lambda: "ACEDFB"),
        ("Question 2", lambda: "CEADFB"),
        ("Question 3", lambda: "CADEFB"),
        ("Question 4", lambda: "CAEFDB"),
        ("Question 5", lambda: "CAEDBF"),
    ],
    "07-atlas": [
        ("grid of their own", lambda: anatomy(3)[1]),
        ("of head itself", lambda: anatomy(4)[1]),
        ("linear interpolation", lambda: carried(registered()[1], sitk.sitkLinear)),
        ("as after an affine", lambda: carried(registered()[0])),
        ("lie elsewhere", lambda: carried(registered(fixed=3, moving=4)[1])),
        ("second atlas", lambda: carried(registered(moving=1)[1], person=1)),
        ("second atlas", lambda: sitk.LabelVoting([carried(registered(moving=n)[1], person=n) for n in (1, 3, 10)], 0)),
    ],
    "07-sides": [
        ("comes first", lambda: sides()[::-1]),
        ("Jaccard", lambda: sides(jaccard)),
        ("ball of 10 mm", lambda: (0.9, 0.8)),
    ],
    "07-diameter": [
        ("in voxels", lambda: in_voxels),
        ("ball of this volume", lambda: lambda m: longest(m, of=lambda s: 2 * s.GetEquivalentSphericalRadius(1))),
        ("longest side", lambda: longest_side),
        ("a radius", lambda: lambda mask: longest(mask) / 2),
        ("longest way", lambda: lambda *_: 500),
    ],
    "07-cases": [
        ("whole interval", lambda: 62),
        ("one standard error", lambda: 64),
        ("must be squared", lambda: 16),
        ("1.645", lambda: 174),
        ("Solve", lambda: 1000),
    ],
    "07-coarse": [
        ("carry the coarse mask back", lambda: lambda mask, width: coarse(mask, width, back=False)),
        ("Jaccard", lambda: lambda mask, width: coarse(mask, width, of=lambda found: found.jaccard)),
        ("at most 1", lambda: lambda *_: 1.07),
        ("onto voxels of this width", lambda: lambda *_: 0.2),
    ],
}


def is_plain(mask) -> bool:
    return mask.GetDirection()[0] == 1 and mask.GetSpacing() == (1, 1, 1)
