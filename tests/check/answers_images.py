"""Right and wrong answers to the exercises of episode 01; test_check.py tells their form."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk

from regseg import data
from regseg.check.images import slice_positions
from regseg.check.scenes import NOTE

thick = "brain_thick"


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


def turned_before_scaled(scan: sitk.Image) -> np.ndarray:
    turned = np.reshape(scan.GetDirection(), (3, 3)) @ brightest(scan)
    return np.array(scan.GetOrigin()) + scan.GetSpacing() * turned


def brightest_of_a_scan_that_it_darkens(scan: sitk.Image) -> tuple[float, ...]:
    index = brightest(scan)
    scan[index] = 0
    return scan.TransformIndexToPhysicalPoint(index)


def cast(one: sitk.Image, pixel_type: int = sitk.sitkInt16) -> sitk.Image:
    return sitk.Cast(one, pixel_type)


def volume(labels: sitk.Image) -> float:
    return np.count_nonzero(sitk.GetArrayViewFromImage(labels)) * np.prod(labels.GetSpacing())


def heights() -> np.ndarray:
    return slice_positions("dicom_head_gap")


def gap() -> tuple[int, float]:
    at = int(np.argmax(np.diff(heights())))
    return at, float(np.mean(heights()[at : at + 2]))


def radiograph(of) -> sitk.Image:
    return sitk.GetImageFromArray(of(sitk.GetArrayFromImage(data.load("radiograph")).astype(float)))


RAS, OLDER = (29, -20, 39), (127, 114, 24)


def reply(position=RAS, side="right", index=OLDER, volume=3.22) -> tuple:
    return position, side, index, volume


RIGHT = {
    "01-index": [
        lambda: data.load(thick).TransformPhysicalPointToIndex(NOTE),
        lambda: np.array(data.load(thick).TransformPhysicalPointToIndex(NOTE)),
    ],
    "01-side": [lambda: "left", lambda: " Left", lambda: "L", lambda: "left."],
    "01-letters": [
        lambda: "PIL",
        lambda: " pil ",
        lambda: ("P", "I", "L"),
        lambda: "P, I, L",
        lambda: np.array(list("PIL")),
        lambda: "posterior inferior left",
    ],
    "01-geometry": [
        lambda: clip,
        lambda: (
            lambda scan: sitk.Minimum(
                sitk.Cast(scan, sitk.sitkFloat64), float(np.percentile(sitk.GetArrayFromImage(scan), 99))
            )
        ),
    ],
    "01-brightest": [
        lambda: lambda scan: scan.TransformIndexToPhysicalPoint(brightest(scan)),
        lambda: brightest_of_a_scan_that_it_darkens,
    ],
    "01-difference": [
        lambda: lambda after, before: cast(after) - cast(before),
        lambda: lambda after, before: sitk.Cast(after, sitk.sitkFloat32) - sitk.Cast(before, sitk.sitkFloat32),
    ],
    "01-gap": [lambda: gap()[1]],
    "01-reply": [reply, lambda: [np.array(RAS), " Right", np.array(OLDER), 3.217], lambda: reply(volume=3.2)],
    "01-volume": [lambda: lambda labels: volume(labels) / 1000],
    "01-ras": [lambda: lambda point: (-point[0], -point[1], point[2])],
    "01-radiograph": [
        lambda: data.load("radiograph"),
        lambda: radiograph(lambda array: array),
        lambda: sitk.RescaleIntensity(data.load("radiograph")),
    ],
    "01-padding": [
        lambda: (0, "L", "program"),
        lambda: [np.int16(0), "left", " Program "],
    ],
    "01-lung": [lambda: volume(data.load("chest_ct_mask")) / 1e6],
}

WRONG = {
    "01-index": [
        ("order of NumPy", lambda: data.load(thick).TransformPhysicalPointToIndex(NOTE)[::-1]),
        ("in the new scan", lambda: data.load("lesion_flair").TransformPhysicalPointToIndex(NOTE)),
        ("divided the slice number", lambda: (127, 114, 111 // 5)),
        ("divided the slice number", lambda: (127, 114, 111 / 5)),
        ("divided the height", lambda: (127, 114, 39 / 5)),
        ("divided the height", lambda: (127, 114, round(39 / 5))),
        ("counted from (0, 0, 0)", lambda: np.rint(np.divide(NOTE, data.load(thick).GetSpacing()))),
        (
            "left out the direction",
            lambda: np.rint(np.subtract(NOTE, data.load(thick).GetOrigin()) / data.load(thick).GetSpacing()),
        ),
        ("continuous index", lambda: data.load(thick).TransformPhysicalPointToContinuousIndex(NOTE)),
        ("one voxel away", lambda: np.add(data.load(thick).TransformPhysicalPointToIndex(NOTE), (0, 0, -1))),
        ("count from one", lambda: np.add(data.load(thick).TransformPhysicalPointToIndex(NOTE), 1)),
        ("Those are millimetres", lambda: NOTE),
        ("Let the scan itself", lambda: (1, 2, 3)),
    ],
    "01-side": [
        ("where is the midline", lambda: "right"),
        ("you have the scan", lambda: "unknown"),
        ("expected one of", lambda: "lateral"),
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
        ("before you scaled it", lambda: turned_before_scaled),
        ("order z, y, x", lambda: lambda scan: scan.TransformIndexToPhysicalPoint(brightest(scan))[::-1]),
        ("geometry of the scan itself", lambda: lambda _scan: (0, 0, 0)),
    ],
    "01-difference": [
        ("cannot hold −40", lambda: lambda after, before: after - before),
        ("has no sign", lambda: lambda after, before: cast(after, sitk.sitkUInt16) - cast(before, sitk.sitkUInt16)),
        ("has no sign", lambda: lambda after, before: cast(after, sitk.sitkUInt32) - cast(before, sitk.sitkUInt32)),
        ("end at 127", lambda: lambda after, before: cast(after, sitk.sitkInt8) - cast(before, sitk.sitkInt8)),
        ("sign is turned round", lambda: lambda after, before: cast(before) - cast(after)),
        ("sign is lost", lambda: sitk.AbsoluteValueDifference),
        (
            "place is lost",
            lambda: (
                lambda after, before: sitk.GetImageFromArray(
                    sitk.GetArrayFromImage(after).astype(float) - sitk.GetArrayFromImage(before)
                )
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
    "01-reply": [
        ("four things together", lambda: reply()[:3]),
        ("expected one of", lambda: reply(side="R or L")),
        ("position in LPS", lambda: reply(NOTE)),
        ("Only one axis", lambda: reply((29, 20, 39))),
        ("Only one axis", lambda: reply((-29, -20, 39))),
        ("Superior stays", lambda: reply((29, -20, -39))),
        ("position is turned round", lambda: reply(RAS[::-1])),
        ("position is turned round", lambda: reply(NOTE[::-1])),
        ("That is an index", lambda: reply(OLDER)),
        ("That is an index", lambda: reply((127, 114, 111))),
        ("not the place of the note", lambda: reply((1, 2, 3))),
        ("The other side", lambda: reply(side="left")),
        ("index is turned round", lambda: reply(index=OLDER[::-1])),
        ("index in the new scan", lambda: reply(index=(127, 114, 111))),
        ("position in RAS", lambda: reply(index=data.load(thick).TransformPhysicalPointToIndex(RAS))),
        ("Those are millimetres", lambda: reply(index=NOTE)),
        ("one voxel away", lambda: reply(index=data.load(thick).TransformPhysicalPointToContinuousIndex(NOTE))),
        ("count from one", lambda: reply(index=(128, 115, 25))),
        ("does not lead to the spot", lambda: reply(index=(1, 2, 3))),
        ("cubic millimetres, or voxels", lambda: reply(volume=3217)),
        ("volume is in litres", lambda: reply(volume=0.003217)),
        ("all the lesions", lambda: reply(volume=7.52)),
        ("those of the older scan", lambda: reply(volume=16.1)),
        ("rounded too far", lambda: reply(volume=3)),
        ("not that of the spot", lambda: reply(volume=1)),
    ],
    "01-volume": [
        ("cubic millimetres", lambda: volume),
        ("in litres", lambda: lambda labels: volume(labels) / 1e6),
        (
            "a label is a name",
            lambda: lambda labels: sitk.GetArrayFromImage(labels).sum() * np.prod(labels.GetSpacing()) / 1000,
        ),
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
        ("expected a SimpleITK image", lambda: np.zeros((3, 3))),
        ("size has changed", lambda: sitk.Image([4, 4], sitk.sitkFloat32)),
        ("the head is gone", lambda: data.load("radiograph") * 0),
        ("the bones are dark: ", lambda: sitk.InvertIntensity(data.load("radiograph"), 65535)),
        ("over the end of the scale", lambda: sitk.InvertIntensity(data.load("radiograph"))),
        ("below zero", lambda: radiograph(lambda array: -array)),
        ("neither", lambda: radiograph(lambda array: np.where(array > array.mean(), 0, array))),
    ],
    "01-padding": [
        ("in this order", lambda: 0),
        ("which value is it", lambda: (119520, "L", "program")),
        ("another one more often", lambda: (-1030, "L", "program")),
        ("another one more often", lambda: (0.5, "L", "program")),
        ("the letter there says L", lambda: (0, "R", "program")),
        ("less of it", lambda: (0, "I", "program")),
        ("expected one of 'right', 'left'", lambda: (0, "LI", "program")),
        ("follows the box", lambda: (0, "L", "body")),
        ("happened since", lambda: (0, "L", "scanner")),
    ],
    "01-lung": [
        ("another unit", lambda: volume(data.load("chest_ct_mask"))),
        ("another unit", lambda: volume(data.load("chest_ct_mask")) / 1000),
        ("counted voxels", lambda: np.count_nonzero(sitk.GetArrayFromImage(data.load("chest_ct_mask")))),
        ("Count the voxels", lambda: 42),
    ],
}
