"""Where a registration starts: the two images laid on each other, and turned, then a rigid and an affine transform."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from heapq import nlargest

import numpy as np
import SimpleITK as sitk
from scipy.spatial.transform import Rotation

from regseg import evaluate
from regseg.blocks import shrunk
from regseg.grid import Grid

KINDS = ("none", "rigid", "affine")

_VOXELS = 150_000  # of an image that the linear registration looks at: a head in about 4 mm
_FEW = 10_000  # of one that is turned this way and that: a head in about 9 mm
FEW_GREYS = 16  # bins for so few: with more they look alike by chance
_ALIKE = 1.1  # what is less alike may lie in a wrong valley: there heads had up to 1.05, and in the right one 1.10
_GREYS = 32  # bins along each axis of the joint histogram
_FOLLOWED = 12  # of all turns that are tried: the right one was often not among the first six


@dataclass(frozen=True)
class Start:
    """A linear transform from the fixed to the moving image, and how it was found.

    Attributes
    ----------
    transform : sitk.Transform
        From points of the fixed image to points of the moving one, in mm, LPS.
    steps : tuple[str, ...]
        What was done, one sentence each.
    likeness : float
        How much the two images tell of each other through it, made coarse: their normalised mutual information in the
        foreground of the fixed image. 1 is nothing; 2 is all.
    """

    transform: sitk.Transform
    steps: tuple[str, ...]
    likeness: float


def linear(look: Look, kind: str) -> Start:
    """Find a linear transform.

    The images are laid on each other without a turn, and registered from there. Where that leaves them hardly alike,
    the search is exhaustive: turns all around, of which the most promising ones are followed (M. Jenkinson and
    S. Smith, "A global optimisation method for robust affine registration of brain images", Medical Image Analysis
    5(2), 2001, find a start in this way). It is kept where it makes the images clearly alike.

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
        steps = ("It starts where the headers lay the two images (--start none).",)
        return Start(identity, steps, look.alike(identity))
    candidates = _laid(look, identity)
    best = max(candidates, key=lambda name: look.alike(candidates[name]))
    told = "; ".join(f"{name} {look.alike(each):.3f}" for name, each in candidates.items())
    laid = f"It starts with the images {best}, where they agree best (mutual information, 1 is none: {told})."
    found = _registered(look, candidates[best], kind, laid)
    if found.likeness >= _ALIKE:
        return found
    trials = f"{len(_turns(look))} turns in each of these places were tried"
    other = _registered(look, _turned(look, candidates.values()), kind, "It goes on from the best of them, turned.")
    if other.likeness >= _ALIKE:  # among so many turns some are a little better by chance, where images are bent
        why = f"From there the images became hardly alike ({found.likeness:.3f}), so {trials}."
        return replace(other, steps=(laid, why, *other.steps))
    return replace(
        found, steps=(*found.steps, f"As the images are hardly alike, {trials} too: none was clearly better.")
    )


def _registered(look: Look, start: sitk.Transform, kind: str, told: str) -> Start:
    """What a rigid, and then an affine registration makes of a start, as far as the images become more alike."""
    found, steps = start, [told]
    for name in KINDS[1 : KINDS.index(kind) + 1]:
        better = look.registered(found, name)
        if look.alike(better) > look.alike(found):
            found = better
            steps.append(f"Then {_article(name)} {name} transform: {look.described(found)}.")
        else:
            steps.append(f"No {name} transform was found that makes the images more alike.")
    return Start(found, tuple(steps), look.alike(found))


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


def _turned(look: Look, places: Iterable[sitk.Transform]) -> sitk.Transform:
    """Of all turns in all places the best, after the most promising ones were registered, on few voxels."""
    rough = Look(look.fixed, look.moving, _FEW, FEW_GREYS)
    trials = [rough.moved(place, turn) for place in places for turn in _turns(look)]
    followed = nlargest(_FOLLOWED, trials, key=rough.alike)
    return max((rough.registered(each, "rigid") for each in followed), key=rough.alike)


def _turns(look: Look) -> np.ndarray:
    """Matrices of turns all around: in 3-D the 60 of an icosahedron, so that one is within 45 degrees of any turn."""
    if look.fixed.GetDimension() == 3:
        return Rotation.create_group("I").as_matrix()
    return Rotation.from_euler("z", np.arange(0, 360, 30)[:, None], degrees=True).as_matrix()[:, :2, :2]


class Look:
    """Two images (scalar, finite, both 2-D or both 3-D), made coarse, and how alike they are under a transform.

    ValueError where one is constant.
    """

    def __init__(self, fixed: sitk.Image, moving: sitk.Image, voxels: int = _VOXELS, bins: int = _GREYS) -> None:
        fixed, moving = (sitk.Cast(shrunk(image, voxels), sitk.sitkFloat32) for image in (fixed, moving))
        for name, image in (("fixed", fixed), ("moving", moving)):
            values = sitk.GetArrayViewFromImage(image)
            if values.min() == values.max():
                raise ValueError(f"The {name} image is constant: there is nothing to register.")
        self.fixed, self.moving, self._bins = fixed, moving, bins
        self.middle = Grid.of(fixed).middle
        self._foreground = sitk.OtsuThreshold(fixed, 0, 1, 128)
        self._darkest = float(sitk.GetArrayViewFromImage(moving).min())
        self._ranges = tuple(
            tuple(np.percentile(sitk.GetArrayViewFromImage(image), (0, 99.9)) + [0, 1e-6]) for image in (fixed, moving)
        )

    def alike(self, transform: sitk.Transform) -> float:
        """Normalised mutual information in the foreground; outside the moving image is background."""
        moved = sitk.Resample(self.moving, self.fixed, transform, sitk.sitkLinear, self._darkest)
        return evaluate.agreement(self.fixed, moved, self._foreground, self._ranges, bins=self._bins).mutual_information

    def moved(self, start: sitk.Transform, turn: np.ndarray | None = None, affine: bool = False) -> sitk.Transform:
        """A start about the middle, with parameters to be optimised; with another turn, where one is given."""
        dimension = self.fixed.GetDimension()
        rigid = sitk.Euler2DTransform if dimension == 2 else sitk.VersorRigid3DTransform
        moved = sitk.AffineTransform(dimension) if affine else rigid()
        moved.SetCenter(self.middle)
        moved.SetMatrix((_matrix(start)[0] if turn is None else turn).ravel().tolist())
        moved.SetTranslation(np.subtract(start.TransformPoint(self.middle), self.middle).tolist())
        return moved

    def registered(self, start: sitk.Transform, name: str) -> sitk.Transform:
        """The rigid or affine transform that makes the images most alike, nearby."""
        moved = self.moved(start, affine=name == "affine")
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
