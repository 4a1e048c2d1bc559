"""One pair, registered from the start to the end, with a record of what was assumed on the way."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import SimpleITK as sitk

from regseg import report
from regseg.report.inputs import ImageSource, PointsSource, Scan, TransformSource
from regseg.start import Look, linear

_SIDE = 128  # voxels along the longest side, about, that the solve looks at, unless it is told more


@dataclass(repr=False)
class Registered:
    """What `pair` found. Printed, it says what was assumed and done.

    Attributes
    ----------
    transform : sitk.Transform
        From points of the fixed image to points of the moving one, in mm, LPS.
    linear : sitk.Transform
        The linear part of it, with which it started.
    warped : sitk.Image
        The moving image on the voxels of the fixed one.
    steps : list[str]
        What was assumed and done, one sentence each.
    """

    fixed: ImageSource
    moving: ImageSource
    transform: sitk.Transform
    linear: sitk.Transform
    warped: sitk.Image
    steps: list[str]

    def __str__(self) -> str:
        return "\n".join(self.steps)

    __repr__ = __str__

    def report(
        self,
        *,
        transform: TransformSource | None = None,
        inverse: TransformSource | None = None,
        labels: tuple[ImageSource, ImageSource] | None = None,
        points: PointsSource | tuple[PointsSource, PointsSource] | None = None,
    ) -> report.Report:
        """The page that judges it, as `report.registration`; `transform` is the file that holds it, if there is one."""
        return report.registration(
            self.fixed,
            self.moving,
            self.transform if transform is None else transform,
            inverse=inverse,
            labels=labels,
            points=points,
            assumed=self.steps,
        )


def pair(
    fixed: ImageSource,
    moving: ImageSource,
    *,
    start: str = "affine",
    deform: bool = True,
    spacing: float | None = None,
    network: bool = True,
) -> Registered:
    """Register two images of your own that fit in memory.

    Laid on each other, a rigid and an affine transform make them alike, by mutual information; then comes the streamed
    solve of `regseg.distributed`. Where PyTorch is installed and the motion is large, it is tried once more with the
    network of `regseg.learn.regnet` before it. What makes the images most alike is kept. They may differ in contrast.

    Parameters
    ----------
    fixed, moving : sitk.Image, str or Path
        Scalar images of 2 or 3 dimensions: in memory, in a file that SimpleITK reads, or in OME-Zarr.
    start : str
        "affine", "rigid", or "none" where the headers already lay the images on each other.
    deform : bool
        Whether anything but a linear transform is wanted: not for two scans of one head.
    spacing : float, optional
        The finest voxels that the solve looks at, in mm. By default those of the fixed image, or twice, four times …
        as large, so that its longest side has at most 128.
    network : bool
        Whether the network may be used.

    Returns
    -------
    Registered
        The transform, the moving image through it, and what was assumed.

    Raises
    ------
    ValueError
        An image cannot be read, is constant, the dimensions differ, or a length or a start cannot be.
    ImportError
        The extra `bigdata` is not installed, which the solve needs.
    RuntimeError
        The solve could register no part of the images.

    Examples
    --------
    >>> found = register.pair("fixed.nii.gz", "moving.nii.gz", start="rigid")
    >>> sitk.WriteTransform(found.transform, "transform.h5")
    """
    scans = [Scan.of(fixed, "fixed"), Scan.of(moving, "moving")]
    one, other = (scan.image for scan in scans)
    if one.GetDimension() != other.GetDimension():
        raise ValueError(
            f"The fixed image has {one.GetDimension()} dimensions, and the moving one {other.GetDimension()}: take a "
            "slice of one, or a stack of the other."
        )
    if spacing is not None and not (np.isfinite(spacing) and spacing > 0):
        raise ValueError(f"the spacing is a length in mm above 0, and not {spacing:g}")
    steps = ["Lengths are taken for millimetres, and positions for LPS, as SimpleITK reads the headers."]
    for what, scan in zip(("fixed", "moving"), scans, strict=True):
        if scan.taken:
            steps.append(f"Of the {what} image, {scan.taken} was looked at.")
        if scan.unknown:
            steps.append(f"{scan.unknown} voxels of the {what} image are no finite numbers: they count as its darkest.")
    look = Look(one, other)
    begun = linear(look, start)
    steps += begun.steps
    found = begun.transform
    if deform:
        finest = _finest(one) if spacing is None else spacing
        found = _deformed(look, one, other, begun.transform, finest, network, steps)
    darkest = float(sitk.GetArrayViewFromImage(other).min())
    steps.append(f"Voxels that lie outside the moving image get its lowest value, {darkest:g}.")
    warped = sitk.Resample(other, one, found, sitk.sitkLinear, darkest)
    return Registered(fixed, moving, found, begun.transform, warped, steps)


def _finest(image: sitk.Image) -> float:
    spacing = min(image.GetSpacing())
    longest = max(np.multiply(image.GetSize(), image.GetSpacing()))
    while longest / spacing > _SIDE:
        spacing *= 2
    return spacing


def _deformed(
    look: Look,
    fixed: sitk.Image,
    moving: sitk.Image,
    initial: sitk.Transform,
    spacing: float,
    network: bool,
    steps: list[str],
) -> sitk.Transform:
    """Of the linear transform, and of what solve and network add to it, the one that makes the images most alike.

    What was done is appended to the steps.
    """
    found = {"the linear transform alone": initial, "the solve": _solved(fixed, moving, initial, spacing, steps)}
    if network and (missing := _missing(fixed.GetDimension())):
        steps.append(
            f"{missing}, so no network looks for large motion: where points of a head move by more than about 12 mm "
            "beyond the linear transform, the solve may miss them."
        )
    elif network:
        from regseg.learn import regnet

        seen = regnet.register(fixed, moving, initial=initial, voxel=2 * spacing)
        words = f"A network saw 95 of 100 points move by less than {seen.motion:.1f} mm beyond the linear transform"
        if seen.passes:
            found["the network with the solve after it"] = seen.transform
            steps.append(f"{words}, so it went first once more, and the solve came after it.")
        else:
            steps.append(f"{words}: that is little, and the solve finds it by itself.")
    best = max(found, key=lambda name: look.alike(found[name]))
    told = "; ".join(f"{name} {look.alike(each):.3f}" for name, each in found.items())
    steps.append(f"What makes the images most alike was kept, {best} (mutual information: {told}).")
    return found[best]


def _solved(
    fixed: sitk.Image, moving: sitk.Image, initial: sitk.Transform, spacing: float, steps: list[str]
) -> sitk.Transform:
    from regseg import distributed

    with TemporaryDirectory(prefix="regseg-") as folder:
        files = [Path(folder) / name for name in ("fixed.mha", "moving.mha")]
        for image, file in zip((fixed, moving), files, strict=True):
            sitk.WriteImage(sitk.Cast(image, sitk.sitkFloat32), file)
        stages = distributed.streamed_solve(spacing=spacing)
        plan = distributed.plan(*files, stages, initial=initial, lattice_spacing=4 * spacing)
        result = distributed.run(plan, progress=False)
    steps.append(f"Then came the streamed solve, down to voxels of {spacing:.3g} mm.")
    if result.failed:
        steps.append(f"In {len(result.failed)} blocks the solve failed, and there the field is a guess.")
    return result.transform


def _missing(dimension: int) -> str:
    """Why there is no network, or nothing."""
    try:
        from regseg.learn import regnet
    except ImportError:
        return "PyTorch is not installed (the extra `learning`)"
    return "" if regnet.shipped(dimension).is_file() else f"The course has no network for {dimension} dimensions"
