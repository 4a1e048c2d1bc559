"""Right answers and known mistakes for the exercises of episode 05."""

from __future__ import annotations

from functools import cache

import numpy as np
import SimpleITK as sitk

from regseg import data, evaluate
from regseg.check.deformable_registration import FAR, MARK, pyramid, small_pair, wild
from regseg.grid import Grid

# --- what the answers below are made of ------------------------------------------------------------------------------


def extreme(pick=np.argmin, of=evaluate.jacobian_determinant) -> tuple[int, ...]:
    """Index z, y, x of an extreme value of the determinant, or of the length, of the wild field."""
    values = sitk.GetArrayFromImage(of(Grid.of(data.load_pair("pair_composite").fixed).sample(wild())))
    return tuple(int(i) for i in np.unravel_index(pick(values), values.shape))


def position(index) -> tuple[float, ...]:
    return data.load_pair("pair_composite").fixed.TransformIndexToPhysicalPoint([int(i) for i in index])


def moved(one: sitk.Transform, points: np.ndarray) -> np.ndarray:
    return np.array([one.TransformPoint(point) for point in points.tolist()])


def lengths(differences: np.ndarray) -> np.ndarray:
    return np.linalg.norm(differences, axis=1)


def astray(there, back, points) -> np.ndarray:
    return moved(back, moved(there, points)) - points


def matched(fixed, moving, *, levels=256) -> sitk.Image:
    return sitk.HistogramMatching(moving, fixed, levels, 16, True)


def by_quantiles(fixed, moving) -> sitk.Image:
    """Scale linearly so that the median and the spread of what is bright agree."""

    def bright(image):
        values = sitk.GetArrayFromImage(image)
        return values[values > values.mean()]

    one, other = bright(fixed), bright(moving)
    scale = one.std() / other.std()
    return (moving - float(np.median(other))) * float(scale) + float(np.median(one))


def to_the_same_range(fixed, moving) -> sitk.Image:
    values = sitk.GetArrayViewFromImage(fixed)
    return sitk.RescaleIntensity(moving, float(values.min()), float(values.max()))


def bend() -> sitk.Transform:
    return data.load_pair("pair_composite").transform


def back_through(rounds: int) -> np.ndarray:
    guess = np.array(MARK)
    for _ in range(rounds):
        guess = guess + np.array(MARK) - bend().TransformPoint(guess.tolist())
    return guess


# mm; where the affine step of the episode takes the mark, and where its affine and B-spline transforms together do
WITHOUT_BEND = (29.3, -20.8, 35.9)
FOUND = (27.7, -18.7, 34.2)


def index_of(point) -> tuple[int, ...]:
    return data.load_pair("pair_composite").fixed.TransformPhysicalPointToIndex(np.asarray(point).tolist())


def metric(fixed, moving, one) -> float:
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsCorrelation()
    method.SetInterpolator(sitk.sitkLinear)
    method.SetInitialTransform(one)
    return method.MetricEvaluate(fixed, moving)


def folded(fixed, one) -> float:
    return evaluate.folding(Grid.of(fixed).sample(one))


def trusted(fixed, moving, transforms, *, fold_matters=True) -> int:
    metrics = [np.inf if fold_matters and folded(fixed, one) else metric(fixed, moving, one) for one in transforms]
    return int(np.argmin(metrics))


def demons(fixed, moving, levels=((4, 60), (2, 60), (1, 30)), smooth=0.8, start=None) -> sitk.Transform:
    moving, field = matched(fixed, moving), None
    for shrink, iterations in levels:
        small_fixed, small_moving = (sitk.BinShrink(image, [shrink] * 3) for image in (fixed, moving))
        nothing = sitk.Transform(3, sitk.sitkIdentity)
        field = sitk.Resample(field, small_fixed) if field else Grid.of(small_fixed).sample(start or nothing)
        level = sitk.FastSymmetricForcesDemonsRegistrationFilter()
        level.SetNumberOfIterations(iterations)
        level.SetSmoothUpdateField(smooth > 0)
        level.SetUpdateFieldStandardDeviations(4.0)
        level.SetSmoothDisplacementField(smooth > 0)
        level.SetStandardDeviations(smooth or 1.0)
        level.SetMaximumUpdateStepLength(2.0)
        field = level.Execute(small_fixed, small_moving, field)
    return sitk.DisplacementFieldTransform(field)


@cache
def truths() -> tuple:
    """Fixed images of the practice exercises, each with its true transform."""
    return tuple(
        (sitk.GetArrayFromImage(one.fixed), one.transform)
        for one in [small_pair(103), *(small_pair(seed, 12) for seed in FAR)]
    )


def truth_of(fixed, _moving) -> sitk.Transform:
    return next(truth for array, truth in truths() if np.array_equal(array, sitk.GetArrayViewFromImage(fixed)))


def torn(fixed, moving) -> sitk.Transform:
    """The truth, but for one voxel that jumps."""
    field = Grid.of(fixed).sample(truth_of(fixed, moving))
    middle = [n // 2 for n in field.GetSize()]
    field[middle] = [value + 30.0 for value in field[middle]]
    return sitk.DisplacementFieldTransform(field)


def scaled(fixed, moving, factor) -> sitk.Transform:
    field = Grid.of(fixed).sample(truth_of(fixed, moving))
    result = sitk.GetImageFromArray(sitk.GetArrayFromImage(field) * factor, isVector=True)
    result.CopyInformation(field)
    return sitk.DisplacementFieldTransform(result)


def away(fixed, moving) -> sitk.Transform:
    return scaled(fixed, moving, -1.0)


def half_way(fixed, moving) -> sitk.Transform:
    return scaled(fixed, moving, 0.5)


def stillest(fixed, _moving, transforms) -> int:
    return int(np.argmin([abs(sitk.GetArrayFromImage(Grid.of(fixed).sample(one))).max() for one in transforms]))


def nothing(_fixed, _moving) -> sitk.Transform:
    return sitk.Transform(3, sitk.sitkIdentity)


def slowly(fixed, moving) -> sitk.Transform:
    return [pyramid(fixed, moving), truth_of(fixed, moving)][1]


def rigid_and_demons(fixed, moving) -> sitk.Transform:
    """A rigid step on few voxels, and a few rounds of Demons on the finest level."""
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(32)
    method.SetMetricSamplingStrategy(method.RANDOM)
    method.SetMetricSamplingPercentage(0.03, seed=1)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsRegularStepGradientDescent(4.0, 1e-3, 60, gradientMagnitudeTolerance=1e-8)
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetInitialTransform(sitk.Euler3DTransform(Grid.of(fixed).middle), inPlace=False)
    return demons(fixed, moving, [(1, 10)], start=method.Execute(fixed, moving))


# --- the right routes: exercise → answers, each made when it is needed -----------------------------------------------

RIGHT = {
    "05-stages": [lambda: "BEDAC", lambda: "b, e, d, a, c", lambda: list("BEDAC")],
    "05-failure": [lambda: "DCFEAB", lambda: "D C F E A B"],
    "05-determinant": [lambda: 6, lambda: 8 * 0.75, lambda: np.float64(6.0), lambda: [6.0]],
    "05-fold": [lambda: position(extreme()[::-1]), lambda: np.add(position(extreme()[::-1]), 0.5)],
    "05-consistency": [
        lambda: lambda there, back, points: lengths(astray(there, back, points)).mean(),
        lambda: lambda there, back, points: evaluate.tre(sitk.CompositeTransform([back, there]), points, points).mean(),
    ],
    "05-prepare": [lambda: matched, lambda: by_quantiles, lambda: lambda f, m: matched(f, m, levels=128)],
    "05-reply": [
        lambda: (back_through(20), "B"),
        lambda: [back_through(8).tolist(), " b"],
        lambda: (FOUND, "B"),
        lambda: ((28, -19, 35), "B"),
    ],
    "05-trust": [lambda: trusted],
    "05-pyramid": [lambda: demons, lambda: pyramid],
    "05-budget": [lambda: truth_of, lambda: rigid_and_demons],
}

# --- the known mistakes: exercise → (part of the expected sentence, answer) ------------------------------------------

WRONG = {
    "05-stages": [
        ("each of the letters", lambda: "BED"),
        ("so turn and shift first", lambda: "EBDAC"),
        ("bends too early", lambda: "DBEAC"),
        ("bends too early", lambda: "BDEAC"),
        ("The fine lattice before", lambda: "BEADC"),
        ("judge what you will use", lambda: "BEDCA"),
    ],
    "05-failure": [
        ("each of the letters", lambda: "DCFEA"),
        ("The first one", lambda: "BCFEAD"),
        ("The second one", lambda: "DFCEAB"),
        ("The third one", lambda: "DCEFAB"),
        ("The fourth one", lambda: "DCFAEB"),
        ("The fifth one", lambda: "DCFEBA"),
    ],
    "05-determinant": [
        ("You divided", lambda: 8 / 0.75),
        ("third power", lambda: 8 * 0.75**3),
        ("how much is lost", lambda: 2),
        ("in another unit", lambda: 6000),
        ("in another unit", lambda: 0.006),
        ("Multiply or divide", lambda: 8),
    ],
    "05-fold": [
        ("That is an index", lambda: extreme()),
        ("That is an index", lambda: extreme()[::-1]),
        ("order z, y, x", lambda: position(extreme())),
        ("longest arrow", lambda: position(extreme(np.argmax, sitk.VectorMagnitude)[::-1])),
        ("space expands", lambda: position(extreme(np.argmax)[::-1])),
        ("above zero there", lambda: (0, 0, 0)),
        (
            "does not look at the direction",
            lambda: position(extreme(of=sitk.DisplacementFieldJacobianDeterminant)[::-1]),
        ),
    ],
    "05-consistency": [
        ("You went back first", lambda: lambda there, back, points: lengths(astray(back, there, points)).mean()),
        (
            "read at the same place",
            lambda: lambda there, back, points: lengths(moved(there, points) + moved(back, points) - 2 * points).mean(),
        ),
        ("the way there alone", lambda: lambda there, _, points: lengths(moved(there, points) - points).mean()),
        ("mean over coordinates", lambda: lambda *given: np.abs(astray(*given)).mean()),
        ("mean over coordinates", lambda: lambda *given: astray(*given).mean()),
        ("with axis=1", lambda: lambda *given: np.linalg.norm(astray(*given))),
        ("root of the mean square", lambda: lambda *given: np.sqrt((lengths(astray(*given)) ** 2).mean())),
        ("mean of the arrows", lambda: lambda *given: np.linalg.norm(astray(*given).mean(axis=0))),
        ("furthest from home", lambda: lambda *given: lengths(astray(*given)).max()),
        ("Send each point", lambda: lambda *_: 0.0),
    ],
    "05-prepare": [
        ("one grey level at each voxel", lambda: lambda _, moving: sitk.Compose(moving, moving)),
        ("another grid", lambda: lambda _, moving: sitk.BinShrink(moving, [2, 2, 2])),
        ("as before", lambda: lambda _, moving: moving),
        ("0 to 1", lambda: lambda _, moving: sitk.RescaleIntensity(moving, 0, 1)),
        ("shows the fixed image", lambda: lambda fixed, moving: matched(moving, fixed)),
        ("shows the fixed image", lambda: lambda fixed, _: fixed),
        ("still has other grey levels", lambda: lambda _, moving: moving + 20),
        ("nor one match point", lambda: lambda fixed, moving: sitk.HistogramMatching(moving, fixed)),
        ("still has other grey levels", lambda: lambda fixed, moving: matched(fixed, moving, levels=4)),
        ("still has other grey levels", lambda: to_the_same_range),
        ("Bright has become dark", lambda: lambda _, moving: sitk.InvertIntensity(moving)),
        ("One grey level everywhere", lambda: lambda _, moving: moving * 0 + 7),
    ],
    "05-reply": [
        ("the letter together", lambda: back_through(20)),
        ("expected 3 numbers", lambda: ("B", back_through(20))),
        ("expected one of", lambda: (back_through(20), "nothing")),
        ("You applied the transform itself", lambda: (bend().TransformPoint(MARK), "B")),
        ("in the moving scan", lambda: (MARK, "B")),
        ("first round", lambda: (back_through(1), "B")),
        ("turned round", lambda: (back_through(20)[::-1], "B")),
        ("those of RAS", lambda: (back_through(20) * (-1, -1, 1), "B")),
        ("That is an index", lambda: (index_of(back_through(20)), "B")),
        ("without the bend", lambda: (WITHOUT_BEND, "B")),
        ("rounded too far", lambda: ((30, -20, 35), "B")),
        ("runs away", lambda: ((-961370, 8196141, -7021069), "B")),
        ("within a millimetre", lambda: ((0, 0, 0), "B")),
        ("To do nothing folds nowhere", lambda: (back_through(20), "A")),
        ("the careless registration", lambda: (back_through(20), "c")),
    ],
    "05-trust": [
        ("result that folds", lambda: lambda *given: trusted(*given, fold_matters=False)),
        ("does nothing", lambda: stillest),
        ("Count from 0", lambda: lambda *given: trusted(*given) + 1),
        ("order of the results", lambda: lambda *_: 0),
    ],
    "05-pyramid": [
        ("It moves nothing", lambda: nothing),
        ("further away than before", lambda: away),
        ("folds in", lambda: torn),
        ("is wanted", lambda: half_way),
        ("is wanted", lambda: lambda fixed, moving: demons(fixed, moving, [(1, 60)])),
    ],
    "05-budget": [
        ("is wanted", lambda: half_way),
        ("it folds in", lambda: torn),
        ("of the time of the pyramid", lambda: slowly),
    ],
}
