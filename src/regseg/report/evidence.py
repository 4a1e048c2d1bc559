"""What can be measured of a registration; what cannot is noted with its reason, and nothing stops for it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import SimpleITK as sitk

from regseg import evaluate
from regseg.evaluate import Agreement, FieldError
from regseg.report.deformation import Deformation, round_trip, turned
from regseg.report.inputs import Scan
from regseg.show.geometry import index_at


@dataclass(frozen=True)
class Landmarks:
    """Target registration errors in mm: without the transform, with it, and with it turned round.

    `outside` points lie outside their image.
    """

    before: np.ndarray
    after: np.ndarray
    turned: np.ndarray
    outside: int


@dataclass(frozen=True)
class Overlap:
    """The Dice coefficient of one label, before and after."""

    label: int
    before: float
    after: float


@dataclass
class Evidence:
    """What was measured of a registration.

    Attributes
    ----------
    fixed, moving : Scan
        The images.
    way, back : sitk.Transform
        From the fixed to the moving image, and from the moving to the fixed one where that was given.
    maps : list of sitk.Image
        The label maps, where they were given.
    foreground : sitk.Image
        Where the fixed image is brighter than Otsu's threshold; all of it where it is constant.
    levels : tuple of float
        Intensities of the fixed image along which contours are drawn.
    before, after : sitk.Image
        The moving image on the voxels of the fixed one.
    outside : float
        The fraction of the foreground that lands outside the moving image.
    agreements : list of Agreement
        Before, after, and with the transform turned round, where that is known.
    missed : dict
        Why something could not be measured, by the section of the page.
    """

    fixed: Scan
    moving: Scan
    way: sitk.Transform
    back: sitk.Transform | None
    maps: list[sitk.Image] | None
    foreground: sitk.Image
    levels: tuple[float, ...]
    before: sitk.Image
    after: sitk.Image
    outside: float
    agreements: list[Agreement]
    deformation: Deformation | None = None
    trip: FieldError | None = None
    landmarks: Landmarks | None = None
    overlaps: list[Overlap] = field(default_factory=list)
    missed: dict[str, str] = field(default_factory=dict)

    @property
    def scans(self) -> dict[str, Scan]:
        """Both images by what they are."""
        return {"fixed": self.fixed, "moving": self.moving}


def gather(
    fixed: Scan,
    moving: Scan,
    way: sitk.Transform,
    back: sitk.Transform | None,
    maps: list[sitk.Image] | None,
    marks: tuple[np.ndarray, np.ndarray] | None,
) -> Evidence:
    """Measure all that can be; ValueError where the transform takes nothing into the moving image."""
    missed: dict[str, str] = {}
    foreground, levels = _foreground(fixed.image)
    deformation = None
    try:
        deformation = Deformation.of(way, foreground)
    except ValueError as error:
        missed["deformation"] = str(error)
    quick = way if deformation is None or way.IsLinear() else deformation.transform
    outside = _outside(fixed.image, moving.image, quick, foreground)
    backwards = None if deformation is None else turned(way, deformation)
    darkest = float(sitk.GetArrayViewFromImage(moving.image).min())
    identity = sitk.Transform(way.GetDimension(), sitk.sitkIdentity)
    seen = [
        sitk.Resample(moving.image, fixed.image, each, sitk.sitkLinear, darkest)
        for each in (identity, quick, backwards)
        if each is not None
    ]
    ranges = (_range(fixed.image), _range(moving.image))
    found = Evidence(
        fixed,
        moving,
        way,
        back,
        maps,
        foreground,
        levels,
        *seen[:2],
        outside,
        [evaluate.agreement(fixed.image, each, foreground, ranges) for each in seen],
        deformation,
        missed=missed,
    )
    if back is not None:
        try:
            found.trip = round_trip(way, back, foreground)
        except ValueError as error:
            missed["inverse"] = str(error)
    if marks is not None:
        try:
            found.landmarks = _landmarks(found, backwards, *marks)
        except ValueError as error:
            missed["landmarks"] = str(error)
    if maps is not None:
        found.overlaps = _overlaps(*maps, way)
    return found


def _foreground(image: sitk.Image) -> tuple[sitk.Image, tuple[float, ...]]:
    values = sitk.GetArrayViewFromImage(image)
    if values.min() == values.max():
        return sitk.Cast(image * 0 + 1, sitk.sitkUInt8), ()
    coarse = sitk.Shrink(image, [max(1, n // 64) for n in image.GetSize()])
    thresholds = sitk.OtsuMultipleThresholdsImageFilter()
    thresholds.SetNumberOfThresholds(2)
    thresholds.Execute(sitk.Cast(coarse, sitk.sitkFloat32))
    return sitk.OtsuThreshold(image, 0, 1, 128), tuple(thresholds.GetThresholds())


def _range(image: sitk.Image) -> tuple[float, float]:
    """What a histogram spans: from the lowest value to all but the highest thousandth."""
    values = sitk.GetArrayViewFromImage(image)
    low, high = float(values.min()), float(np.percentile(values.ravel()[::7], 99.9))
    return (low, high) if high > low else (low, low + 1.0)


def _outside(fixed: sitk.Image, moving: sitk.Image, way: sitk.Transform, foreground: sitk.Image) -> float:
    whole = sitk.Cast(moving * 0 + 1, sitk.sitkUInt8)
    inside = sitk.GetArrayFromImage(sitk.Resample(whole, fixed, way, sitk.sitkNearestNeighbor, 0)) > 0
    if not inside.any():
        raise ValueError(
            "The transform takes no voxel of the fixed image into the moving image. Does it belong to this pair, does "
            "it map from fixed to moving, and are both in mm, LPS?"
        )
    return float(np.mean(~inside[sitk.GetArrayViewFromImage(foreground) > 0]))


def _landmarks(found: Evidence, backwards: sitk.Transform | None, fixed: np.ndarray, moving: np.ndarray) -> Landmarks:
    identity = sitk.Transform(found.way.GetDimension(), sitk.sitkIdentity)
    before, after = (evaluate.tre(each, fixed, moving) for each in (identity, found.way))
    outside = sum(
        index_at(scan.image, tuple(point)) is None
        for scan, points in ((found.fixed, fixed), (found.moving, moving))
        for point in points.tolist()
    )
    other = np.full(len(after), np.inf) if backwards is None else evaluate.tre(backwards, fixed, moving)
    return Landmarks(before, after, other, outside)


def _overlaps(fixed: sitk.Image, moving: sitk.Image, way: sitk.Transform) -> list[Overlap]:
    """Of the labels that both maps have."""
    both = sorted(held(fixed) & held(moving))
    found = []
    for each in sitk.Transform(way.GetDimension(), sitk.sitkIdentity), way:
        moved = sitk.Resample(moving, fixed, each, sitk.sitkNearestNeighbor, 0, fixed.GetPixelID())
        measure = sitk.LabelOverlapMeasuresImageFilter()  # all labels at once
        measure.Execute(fixed, moved)
        found.append([measure.GetDiceCoefficient(label) for label in both])
    return [Overlap(*each) for each in zip(both, *found, strict=True)]


def held(labels: sitk.Image) -> set[int]:
    """The labels that a map holds, without the background."""
    return {int(value) for value in np.unique(sitk.GetArrayViewFromImage(labels))} - {0}
