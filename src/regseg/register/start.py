"""Where a registration starts: the two images laid on each other, then a rigid and an affine transform."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk

from regseg import evaluate
from regseg.grid import Grid
from regseg.report.inputs import shrunk

KINDS = ("none", "rigid", "affine")

_VOXELS = 150_000  # of an image that the linear registration looks at: a head in about 4 mm


@dataclass(frozen=True)
class Start:
    """A linear transform from the fixed to the moving image, and how it was found, in sentences."""

    transform: sitk.Transform
    steps: tuple[str, ...]


def linear(look: Look, kind: str) -> Start:
    """Find a linear transform.

    Parameters
    ----------
    look : Look
        The two images.
    kind : str
        One of `KINDS`; "none" leaves the images where their headers lay them.

    Raises
    ------
    ValueError
        There is no such kind.
    """
    if kind not in KINDS:
        raise ValueError(f"a start is one of {', '.join(KINDS)}, and not {kind!r}")
    identity = sitk.Transform(look.fixed.GetDimension(), sitk.sitkIdentity)
    if kind == "none":
        return Start(identity, ("It starts where the headers lay the two images (--start none).",))
    candidates = _laid(look, identity)
    best = max(candidates, key=lambda name: look.alike(candidates[name]))
    told = "; ".join(f"{name} {look.alike(each):.3f}" for name, each in candidates.items())
    steps = [f"It starts with the images {best}, where they agree best (mutual information, 1 is none: {told})."]
    found = candidates[best]
    for name in KINDS[1 : KINDS.index(kind) + 1]:
        better = look.registered(found, name)
        if look.alike(better) > look.alike(found):
            found = better
            steps.append(f"Then {_article(name)} {name} transform: {look.described(found)}.")
        else:
            steps.append(f"No {name} transform was found that makes the images more alike.")
    return Start(found, tuple(steps))


def _laid(look: Look, identity: sitk.Transform) -> Mapping[str, sitk.Transform]:
    """The ways to lay two images on each other without turning them."""
    euler = sitk.Euler2DTransform() if identity.GetDimension() == 2 else sitk.Euler3DTransform()
    found = {"as the headers lay them": identity}
    initializer = sitk.CenteredTransformInitializerFilter
    ways = {"middle on middle": initializer.GEOMETRY, "centre of mass on centre of mass": initializer.MOMENTS}
    for name, mode in ways.items():
        laid = sitk.CenteredTransformInitializer(look.fixed, look.moving, euler, mode)
        shift = np.subtract(laid.TransformPoint(look.middle), look.middle)
        found[name] = sitk.TranslationTransform(identity.GetDimension(), shift.tolist())
    return found


class Look:
    """Two images (scalar, finite, both 2-D or both 3-D), made coarse, and how alike they are under a transform.

    ValueError where one is constant.
    """

    def __init__(self, fixed: sitk.Image, moving: sitk.Image) -> None:
        fixed, moving = (sitk.Cast(shrunk(image, _VOXELS), sitk.sitkFloat32) for image in (fixed, moving))
        for name, image in (("fixed", fixed), ("moving", moving)):
            values = sitk.GetArrayViewFromImage(image)
            if values.min() == values.max():
                raise ValueError(f"The {name} image is constant: there is nothing to register.")
        self.fixed, self.moving = fixed, moving
        self.middle = Grid.of(fixed).middle
        self._foreground = sitk.OtsuThreshold(fixed, 0, 1, 128)
        self._darkest = float(sitk.GetArrayViewFromImage(moving).min())
        self._ranges = tuple(
            tuple(np.percentile(sitk.GetArrayViewFromImage(image), (0, 99.9)) + [0, 1e-6]) for image in (fixed, moving)
        )

    def alike(self, transform: sitk.Transform) -> float:
        """Normalised mutual information in the foreground; outside the moving image is background."""
        moved = sitk.Resample(self.moving, self.fixed, transform, sitk.sitkLinear, self._darkest)
        return evaluate.agreement(self.fixed, moved, self._foreground, self._ranges, bins=32).mutual_information

    def registered(self, start: sitk.Transform, name: str) -> sitk.Transform:
        """The rigid or affine transform that makes the images most alike, nearby."""
        dimension = self.fixed.GetDimension()
        if name == "rigid":
            moved = sitk.Euler2DTransform() if dimension == 2 else sitk.Euler3DTransform()
            moved.SetTranslation(np.subtract(start.TransformPoint(self.middle), self.middle).tolist())
        else:
            moved = sitk.AffineTransform(dimension)
            matrix, shift = _matrix(start)
            moved.SetMatrix(matrix.ravel().tolist())
            middle = np.array(self.middle)
            moved.SetTranslation((matrix @ middle + shift - middle).tolist())
        moved.SetCenter(self.middle)
        method = sitk.ImageRegistrationMethod()
        method.SetMetricAsMattesMutualInformation(32)
        method.SetMetricSamplingStrategy(method.NONE)
        method.SetInterpolator(sitk.sitkLinear)
        method.SetOptimizerAsRegularStepGradientDescent(2.0, 1e-3, 150, 0.6)
        method.SetOptimizerScalesFromPhysicalShift()
        method.SetShrinkFactorsPerLevel([2, 1])
        method.SetSmoothingSigmasPerLevel([1, 0])
        method.SmoothingSigmasAreSpecifiedInPhysicalUnitsOff()
        method.SetInitialTransform(moved, inPlace=True)
        try:
            method.Execute(self.fixed, self.moving)
        except RuntimeError:  # the images have come apart: what was there before is kept
            return start
        return moved

    def described(self, transform: sitk.Transform) -> str:
        """How far it moves the middle, and what it does to a volume."""
        matrix, _ = _matrix(transform)
        far = np.linalg.norm(np.subtract(transform.TransformPoint(self.middle), self.middle))
        rotation, _, other = np.linalg.svd(matrix)
        trace = np.trace(rotation @ other)
        cosine = trace / 2 if len(matrix) == 2 else (trace - 1) / 2
        angle = np.degrees(np.arccos(np.clip(cosine, -1, 1)))
        return (
            f"it moves the middle by {far:.1f} mm, turns by {angle:.1f} degrees, and changes volumes by a factor of "
            f"{abs(np.linalg.det(matrix)):.2f}"
        )


def _matrix(transform: sitk.Transform) -> tuple[np.ndarray, np.ndarray]:
    """A linear transform as a matrix and a shift."""
    dimension = transform.GetDimension()
    shift = np.array(transform.TransformPoint([0.0] * dimension))
    columns = [np.array(transform.TransformPoint(row)) - shift for row in np.eye(dimension).tolist()]
    return np.stack(columns, axis=1), shift


def _article(word: str) -> str:
    return "an" if word[0] in "aeiou" else "a"
