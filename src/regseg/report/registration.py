"""A report of a registration: is the transform right, as far as what is there can tell?"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import SimpleITK as sitk

from regseg.report import document, judgement
from regseg.report.document import Report
from regseg.report.evidence import Evidence, gather
from regseg.report.inputs import (
    ImageSource,
    PointsSource,
    Scan,
    TransformSource,
    as_transform,
    read_labels,
    read_points,
)
from regseg.report.looks import Looks, middle
from regseg.report.pictures import joint_histogram
from regseg.report.verdict import Verdict

_ALIKE = 0.5  # correlation from which intensities may be subtracted


def registration(
    fixed: ImageSource,
    moving: ImageSource,
    transform: TransformSource,
    *,
    inverse: TransformSource | None = None,
    labels: tuple[ImageSource, ImageSource] | None = None,
    points: PointsSource | tuple[PointsSource, PointsSource] | None = None,
    assumed: Sequence[str] = (),
) -> Report:
    """Judge a registration of your own.

    Parameters
    ----------
    fixed, moving : sitk.Image, str or Path
        Scalar images of 2 or 3 dimensions: in memory, in a file that SimpleITK reads, or in OME-Zarr.
    transform : sitk.Transform, sitk.Image, str or Path
        Maps points of the fixed image to points of the moving one, in mm, LPS, as registration returns it: a transform,
        a displacement field in mm, or the file of one.
    inverse : the same, optional
        From the moving image to the fixed one, registered by itself.
    labels : (fixed, moving), optional
        Label maps on the voxels of their images: what has the same number is the same structure.
    points : array, path, or two of them, optional
        Landmarks in mm, LPS: rows of fixed x, y, z, moving x, y, z, as `show.pick` saves them; or (fixed, moving), each
        with rows of x, y, z.
    assumed : sequence of str
        What the registration assumed and did, in sentences for the page.

    Returns
    -------
    Report
        Printed, it says the verdict; `Report.write` writes the page.

    Raises
    ------
    ValueError
        Something cannot be read, the dimensions differ, label maps lie elsewhere than their images, or the transform
        takes no voxel of the fixed image into the moving one. What merely cannot be measured is said in the report.
    ImportError
        A file is OME-Zarr, and the extra `bigdata` is not installed.

    Examples
    --------
    >>> judged = report.registration(fixed, moving, transform, points=(fixed_points, moving_points))
    >>> judged.write("report.html")
    """
    scans = [Scan.of(fixed, "fixed"), Scan.of(moving, "moving")]
    dimension, other = (scan.whole.dimension for scan in scans)
    if dimension != other:
        raise ValueError(
            f"The fixed image has {dimension} dimensions, and the moving one {other}: take a slice of one, or a stack "
            "of the other."
        )
    way = as_transform(transform, dimension, "the transform")
    back = None if inverse is None else as_transform(inverse, dimension, "the inverse transform")
    maps = None
    if labels is not None:
        maps = [read_labels(*each) for each in zip(labels, scans, ("fixed", "moving"), strict=True)]
    marks = None
    if points is not None:
        marks = read_points(points if isinstance(points, tuple) else (points,), dimension)
    found = gather(*scans, way, back, maps, marks)
    command = _command(fixed, moving, transform, inverse, labels, points)
    return Report(judgement.judge(found), partial(_page, found, command, tuple(assumed)))


def _command(fixed, moving, transform, inverse, labels, points) -> str | None:
    """The line of a shell, where everything is a file."""
    several = [*(labels or ()), *(points if isinstance(points, tuple) else (points,))]
    if not document.names(fixed, moving, transform, inverse, *several):
        return None
    words = [fixed, moving, transform]
    words += ["--inverse", inverse] if inverse is not None else []
    words += ["--labels", *labels] if labels is not None else []
    words += ["--points", *several[2 * (labels is not None) :]] if points is not None else []
    return document.command(*words)


def _page(found: Evidence, command: str | None, assumed: tuple[str, ...], verdict: Verdict) -> str:
    fixed, after = found.fixed.image, found.agreements[1]
    looks = Looks.of(fixed, found.moving.image, found.levels, middle(found.foreground))
    seen = [found.before, found.after]
    alike = after.correlation > _ALIKE
    return document.render(
        verdict,
        "registration.html",
        found=found,
        alike=alike,
        views=looks.registrations(seen, _matched(fixed, seen) if alike else seen),
        viewer=looks.together(seen, found.maps[0] if found.maps else None),
        volumes=looks.volumes(found.deformation) if found.deformation else [],
        outlines=looks.outlines(found.maps, found.way) if found.overlaps else [],
        histograms=[
            joint_histogram(each.counts, f"Joint histogram {when} registration.")
            for each, when in zip(found.agreements[:2], ("before", "after"), strict=True)
        ],
        scans=found.scans,
        command=command,
        assumed=assumed,
    )


def _matched(fixed: sitk.Image, seen: list[sitk.Image]) -> list[sitk.Image]:
    """The moving images, in intensities of the fixed one: by a straight line, fitted after registration.

    It is fitted to all voxels: of the foreground alone it might lift the background, which most of a picture is.
    """
    one, other = (sitk.GetArrayViewFromImage(each).ravel()[::5].astype(float) for each in (fixed, seen[1]))
    slope, shift = np.polyfit(other, one, 1)
    return [sitk.Cast(each, sitk.sitkFloat32) * float(slope) + float(shift) for each in seen]
