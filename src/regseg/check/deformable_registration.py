"""Checks of episode 05, deformable registration."""

from __future__ import annotations

import time
from functools import cache
from itertools import combinations
from typing import NamedTuple

import numpy as np
import SimpleITK as sitk

from regseg import data, evaluate
from regseg.check.boxes import Rule, lettered, near, numeric, orders, otherwise
from regseg.check.engine import (
    CannotRead,
    Verdict,
    call,
    choice,
    close,
    correlation,
    exercise,
    image,
    letters,
    numbers,
    progress,
    right,
    same_grid,
    together,
    transform,
    wrong,
)
from regseg.grid import Grid
from regseg.synth import pairs, warps
from regseg.synth.pairs import Pair

MARK = (30.0, -20.0, 25.0)  # mm; a place in the moving scan of pair_composite
FAR = (107, 109)  # seeds of pairs that lie too far apart for a single level
BUDGET = 0.5  # of the processor time that `pyramid` takes


def wild() -> sitk.Transform:
    """The B-spline transform of the exercise on folds."""
    return warps.bspline(Grid.of(data.load_pair("pair_composite").fixed), 5, reach=18.0, mesh=(8, 8, 8))


class Extremes(NamedTuple):
    """Indices (x, y, z) of voxels of the wild field that stand out."""

    lowest: tuple[int, ...]  # determinant
    highest: tuple[int, ...]
    lowest_without_direction: tuple[int, ...]
    longest: tuple[int, ...]  # arrow


@cache
def wild_field() -> tuple[sitk.Image, Extremes]:
    """The determinant of the wild transform on the fixed image, and the voxels that stand out."""
    field = Grid.of(data.load_pair("pair_composite").fixed).sample(wild())
    determinant, naive = evaluate.jacobian_determinant(field), sitk.DisplacementFieldJacobianDeterminant(field)

    def index(pick, values: sitk.Image) -> tuple[int, ...]:
        array = sitk.GetArrayViewFromImage(values)
        return tuple(int(i) for i in np.unravel_index(pick(array), array.shape)[::-1])

    lowest, highest = index(np.argmin, determinant), index(np.argmax, determinant)
    longest = index(np.argmax, sitk.VectorMagnitude(field))
    return determinant, Extremes(lowest, highest, index(np.argmin, naive), longest)


@cache
def small_pair(seed: int, reach: float = 7) -> Pair:
    """A bent template, turned by up to `reach` degrees and moved by so many mm on each axis, and the template with
    other grey levels; voxels of 4 mm."""
    template = sitk.BinShrink(sitk.Cast(data.load("brain_t1_2mm"), sitk.sitkFloat32), [2, 2, 2])
    brain = sitk.Resample(data.load("brain_mask"), template, sitk.Transform(), sitk.sitkNearestNeighbor)
    grid, random = Grid.of(template), np.random.default_rng(seed)
    bend = warps.waves(grid, random, reach=2.5, smooth=16.0)
    motion = warps.random_rigid(grid, random, degrees=reach, reach=reach)
    truth = sitk.CompositeTransform([motion, bend])  # the last acts first
    return pairs.make(template, brain, truth, moving=template * 0.7, shrink=1, stripped=False, seed=seed)


@cache
def candidates() -> tuple[sitk.Image, sitk.Image, tuple[sitk.Transform, ...]]:
    """A 2-D pair with three results for it: nothing, a good one, and one that tears the image to fit it."""
    slice_of_brain = data.load("brain_t1_2mm")[:, :, 50]
    bend = warps.waves(Grid.of(slice_of_brain), 3, reach=2.0, smooth=18.0)
    pair = pairs.make(slice_of_brain, slice_of_brain > 0, bend, shrink=1, sigma=(15.0, 15.0), stripped=False, seed=1)
    fixed, moving = (sitk.Cast(image, sitk.sitkFloat32) for image in (pair.fixed, pair.moving))
    tearing = sitk.FastSymmetricForcesDemonsRegistrationFilter()
    tearing.SetNumberOfIterations(60)
    tearing.SetStandardDeviations(0.6)
    torn = tearing.Execute(fixed, moving, Grid.of(fixed).sample(bend))
    return fixed, moving, (sitk.Transform(2, sitk.sitkIdentity), bend, sitk.DisplacementFieldTransform(torn))


@numeric("05-determinant", 1)
def volume_of_the_lesion() -> list[Rule]:
    other_unit = wrong("The number is right in another unit: millilitres are asked for.")
    return [
        near(6, 0.01, right("From fixed to moving, volumes are multiplied by the determinant.")),
        near(8 / 0.75, 0.04, wrong("You divided: that is the way from the moving image to the fixed one.")),
        near(
            8 * 0.75**3,
            0.03,
            wrong("The determinant already is a ratio of volumes: do not raise it to the third power."),
        ),
        near(2, 0.01, wrong("That is how much is lost: the question is how much is left.")),
        near(6000, 10, other_unit),
        near(0.006, 1e-5, other_unit),
        otherwise(wrong("Multiply or divide the volume by the determinant: which one follows the transform?")),
    ]


@lettered("05-stages", orders("ABCDE"))
def order_of_the_stages(given) -> Verdict:
    order = letters(given, "ABCDE")
    before = set(combinations(order, 2))
    if ("E", "B") in before:
        return wrong(
            "A stretch before the turn: the head would stretch where it only has to turn, so turn and shift first."
        )
    if before & {("A", "B"), ("D", "B"), ("A", "E"), ("D", "E")}:
        return wrong("It bends too early: what has to carry a head across the room bends it on the way.")
    if ("A", "D") in before:
        return wrong("The fine lattice before the coarse one: it begins where the coarse one has ended.")
    if order[-1] != "C":
        return wrong("You look for folds before the last stage has run: judge what you will use.")
    return right("From few numbers to many, and the judgement last.")


@exercise("05-fold")
def place_of_a_fold(given) -> Verdict:
    answer, fixed = numbers(given, 3), data.load_pair("pair_composite").fixed
    determinant, extremes = wild_field()
    index = fixed.TransformPhysicalPointToIndex(answer.tolist())
    lowest, place = np.array(extremes.lowest), fixed.TransformIndexToPhysicalPoint
    if all(0 <= i < n for i, n in zip(index, fixed.GetSize(), strict=True)) and determinant[index] <= 0:
        return right("Space is turned inside out there.")
    if close(answer, lowest) or close(answer, lowest[::-1]):
        return wrong("That is an index: turn it into a position in mm.")
    if close(answer, place(lowest[::-1].tolist()), 1.0):
        return wrong("The index is in the order z, y, x of the array: SimpleITK counts x, y, z.")
    if close(answer, place(extremes.longest), 2.0):
        return wrong("The longest arrow is there: a neighbourhood that moves far together does not fold.")
    if close(answer, place(extremes.highest), 2.0):
        return wrong("There the determinant is highest: space expands. Look for the lowest one.")
    if close(answer, place(extremes.lowest_without_direction), 2.0):
        return wrong("There SimpleITK's own filter has its minimum, which does not look at the direction of the image.")
    return wrong("The determinant is above zero there. Look for the place where it is lowest.")


@exercise("05-consistency")
def way_from_home(given) -> Verdict:
    points = np.array([(10.0, -20.0, 5.0), (-35.0, 15.0, 20.0), (0.0, 40.0, -30.0)])
    there = sitk.Euler3DTransform((20.0, 0.0, 0.0), 0.0, 0.0, 0.5, (4.0, 0.0, -3.0))
    back = sitk.AffineTransform([0.9, 0.4, 0, -0.4, 0.9, 0, 0, 0, 1.1], (3.0, 1.0, 2.0))

    def moved(one: sitk.Transform, them: np.ndarray) -> np.ndarray:
        return np.array([one.TransformPoint(point) for point in them.tolist()])

    def mean(differences: np.ndarray) -> float:
        return float(np.linalg.norm(differences, axis=1).mean())

    away = moved(back, moved(there, points)) - points
    answer = numbers(call(given, there, back, points), 1)[0]
    if close(answer, mean(away)):
        return right("There, back, and then the distance from home.")
    if close(answer, mean(moved(there, moved(back, points)) - points)):
        return wrong("You went back first: the way starts with `there`.")
    if close(answer, mean(moved(there, points) + moved(back, points) - 2 * points)):
        return wrong("Both displacements are read at the same place: the way back starts where the way there ended.")
    if close(answer, mean(moved(there, points) - points)):
        return wrong("That is the way there alone: it must come back, too.")
    if close(answer, np.sqrt((away**2).sum(axis=1).mean())):
        return wrong("That is the root of the mean square, which counts far points more: take the plain mean.")
    if close(answer, np.linalg.norm(away.mean(axis=0))):
        return wrong(
            "You took the mean of the arrows, where opposite ones cancel: take the length of each arrow first."
        )
    if close(answer, np.linalg.norm(away)):
        return wrong("You took one length of all differences together: with axis=1 each point has its own.")
    if close(answer, np.abs(away).mean()) or close(answer, away.mean()):
        return wrong("That is the mean over coordinates: take the length of each difference first.")
    if close(answer, np.linalg.norm(away, axis=1).max()):
        return wrong("That is the point furthest from home: the mean is wanted.")
    return wrong("Send each point there and back, and take the mean of its distances from home, in mm.")


@exercise("05-prepare")
def grey_levels_of_the_fixed_image(given) -> Verdict:
    pair = data.load_pair("pair_rigid")
    fixed, moving = (sitk.Cast(one, sitk.sitkFloat32) for one in (pair.fixed, pair.moving))
    brightest = float(sitk.GetArrayViewFromImage(moving).max())
    moving = sitk.Cast(sitk.Pow(moving / brightest, 0.4) * 150 + 40, sitk.sitkFloat32)  # a curve, and no line
    answer = image(call(given, fixed, moving))
    if answer.GetNumberOfComponentsPerPixel() > 1:
        raise CannotRead("I expected one grey level at each voxel, and this image has several numbers there.")
    answer = sitk.Cast(answer, sitk.sitkFloat32)
    inside = sitk.GetArrayFromImage(pair.mask) > 0

    def apart(one: sitk.Image) -> float:
        """Mean difference in the brain, in grey levels of the fixed image, after the true alignment."""
        aligned = sitk.Resample(one, fixed, pair.transform)
        return float(np.abs(sitk.GetArrayFromImage(aligned - fixed))[inside].mean())

    if not same_grid(answer, moving):
        return wrong("The result lies on another grid: grey levels should change, the place should not.")
    values, grey = sitk.GetArrayFromImage(answer), sitk.GetArrayFromImage(moving)
    if np.allclose(values, grey, atol=0.5):
        return wrong("The moving image is as before: its grey levels should become those of the fixed one.")
    if values.max() <= 1.5:
        return wrong("The values are scaled to about 0 to 1, and the fixed image is not: take it as the model.")
    if np.ptp(values) == 0:
        return wrong("One grey level everywhere: nothing of the moving image is left.")
    if correlation(values, grey) < 0:
        return wrong("Bright has become dark: the order of the tissues is the same in both images, so keep it.")
    if correlation(values, sitk.GetArrayFromImage(fixed)) > correlation(values, grey):
        return wrong("That shows the fixed image: the moving one should change, and the fixed one is the model.")
    if apart(answer) > 0.45 * apart(moving):
        return wrong(
            "The same tissue still has other grey levels: they go by a curve; no scaling does, nor one match point."
        )
    return right("The same tissue now has about the same grey level in both.")


@lettered("05-failure", orders("ABCDEF"))
def failure_of_each_story(given) -> Verdict:
    order = letters(given, "ABCDEF")
    stories = {
        "D": wrong("The first one got a message: no point of the fixed image met the moving one."),
        "C": wrong("The second one is further away than at the start: which way was the transform applied?"),
        "F": wrong("The third one changed nothing but the seed: what does the seed choose?"),
        "E": wrong("The fourth one has overlap, and a long lever: around which point does the transform turn?"),
        "A": wrong("The fifth one fits what it saw, and nothing else."),
    }
    for letter, (wanted, verdict) in zip(order, stories.items(), strict=False):  # the sixth is what is left
        if letter != wanted:
            return verdict
    return right("Four of the six came without any message.")


@exercise("05-trust")
def which_result_to_trust(given) -> Verdict:
    fixed, moving, (nothing, good, torn) = candidates()
    orders = ([nothing, good, torn], [good, torn, nothing], [torn, nothing, good])
    answers = [numbers(call(given, fixed, moving, order), 1)[0] for order in orders]

    def always(one: sitk.Transform) -> bool:
        return close(answers, [order.index(one) for order in orders])

    if always(good):
        return right("It does not fold, and of those it agrees best.")
    if always(torn):
        return wrong("Your rule trusts a result that folds, because its metric is the lowest.")
    if always(nothing):
        return wrong("Your rule trusts the result that does nothing: never to fold is not enough.")
    if close(answers, [order.index(good) + 1 for order in orders]):
        return wrong("Count from 0, as Python does.")
    return wrong("Your rule depends on the order of the results: look at each of them.")


# --- the reply --------------------------------------------------------------------------------------------------------

CLOSE = 1.0  # mm: half a voxel; what the registration of the episode finds is half as far off
LANDS = 1.5  # mm: the answer may also be rounded to whole millimetres; the first round of the loop lands beyond


@exercise("05-reply")
def reply_to_the_colleague(given) -> Verdict:
    parts = together(given, 2, "the place and the letter together: (in_fixed, folds)")
    place, folds = numbers(parts[0], 3), choice(parts[1], *"ABC")
    pair, marked = data.load_pair("pair_composite"), np.array(MARK)
    forward = np.array(pair.transform.TransformPoint(MARK))
    if np.linalg.norm(pair.transform.TransformPoint(place.tolist()) - marked) > LANDS:
        true = _back_through(pair.transform, marked)
        if close(place, forward, CLOSE):
            return wrong("You applied the transform itself, which takes fixed points: it leads away.")
        if close(place[::-1], true, CLOSE):
            return wrong("The numbers are turned round: a position is x, y, z.")
        if close(place, true * (-1, -1, 1), CLOSE):
            return wrong("The signs of x and y are those of RAS: SimpleITK counts in LPS.")
        if close(place, pair.fixed.TransformPhysicalPointToContinuousIndex(true.tolist()), CLOSE):
            return wrong("That is an index of the fixed image: a position in mm is asked for.")
        if close(place, marked, CLOSE):
            return wrong("That is the mark in the moving scan: it has moved since.")
        if close(place, 2 * marked - forward, CLOSE):
            return wrong("That is the first round of the loop: repeat it, until nothing changes.")
        if close(place, true, 4.0):
            return wrong(
                "Near, and not near enough: is it rounded too far, or the affine step alone, without the bend?"
            )
        if np.abs(place).max() > 1000:
            return wrong("The loop runs away: add what the guess misses, which is the mark minus where it lands.")
        return wrong("Send your answer through the transform: it should land within a millimetre of the mark.")
    if folds == "A":
        return wrong("To do nothing folds nowhere, either: no fold is no proof that the place is right.")
    if folds == "C":
        return wrong("That was the careless registration: of the FFD `report` printed 0.0 % folded.")
    return right("It lands on the mark, and you say what a missing fold proves: little.")


def _back_through(bend: sitk.Transform, marked: np.ndarray) -> np.ndarray:
    """The point that a bend takes to the mark, by the loop of the episode."""
    guess = marked
    for _ in range(20):
        guess = guess + marked - bend.TransformPoint(guess.tolist())
    return guess


# --- further practice ------------------------------------------------------------------------------------------------


def _registered(register, pair: Pair) -> tuple[sitk.Transform, float]:
    """What a function finds for a pair, and the seconds of processor time that this takes."""
    start = time.process_time()
    found = transform(call(register, *(sitk.Cast(one, sitk.sitkFloat32) for one in (pair.fixed, pair.moving))))
    return found, time.process_time() - start


def _error(found: sitk.Transform, pair: Pair) -> float:
    """Mean error in the brain, in mm."""
    return evaluate.field_error(found, pair.transform, pair.mask).mean


def _folded(found: sitk.Transform, pair: Pair) -> float:
    """The fraction of the brain that folds."""
    return evaluate.folding(Grid.of(pair.mask).sample(found), pair.mask)


NOTHING = sitk.Transform(3, sitk.sitkIdentity)


@exercise("05-pyramid")
def demons_from_nothing(given) -> Verdict:
    for number, seed in enumerate(FAR, start=1):
        progress(f"registering pair {number} of {len(FAR)} …")
        pair = small_pair(seed, 12)
        found, _ = _registered(given, pair)
        before, after = _error(NOTHING, pair), _error(found, pair)
        if close(after, before, 0.01):
            return wrong("It moves nothing: does your function return what it has found?")
        if after > 1.5 * before:
            return wrong("It is further away than before: are fixed and moving exchanged, or the transform inverted?")
        if after > 2.5:
            return wrong(f"A mean error of {after:.1f} mm is left ({before:.1f} mm before), and 2.5 mm is wanted.")
        if (folded := _folded(found, pair)) > 0:
            return wrong(f"It is near enough, and folds in {folded:.2%} of the brain: smooth the arrows more.")
    return right("The coarse levels catch the motion, the fine ones the bend.")


def pyramid(fixed: sitk.Image, moving: sitk.Image) -> sitk.Transform:
    """Demons on three levels, from nothing: the yardstick of the exercise on a budget."""
    moving, field = sitk.HistogramMatching(moving, fixed, 256, 16, True), None
    for shrink, iterations in ((4, 60), (2, 60), (1, 30)):
        small_fixed, small_moving = (sitk.BinShrink(one, [shrink] * 3) for one in (fixed, moving))
        level = sitk.FastSymmetricForcesDemonsRegistrationFilter()
        level.SetNumberOfIterations(iterations)
        level.SetSmoothUpdateField(True)
        level.SetUpdateFieldStandardDeviations(4.0)
        level.SetSmoothDisplacementField(True)
        level.SetStandardDeviations(0.8)
        level.SetMaximumUpdateStepLength(2.0)
        start = Grid.of(small_fixed).sample(NOTHING) if field is None else sitk.Resample(field, small_fixed)
        field = level.Execute(small_fixed, small_moving, start)
    return sitk.DisplacementFieldTransform(field)


@exercise("05-budget")
def registered_in_time(given) -> Verdict:
    pair = small_pair(103)
    progress("registering one pair by your function, and then by the pyramid …")
    (found, seconds), (_, yardstick) = _registered(given, pair), _registered(pyramid, pair)
    before, after, share = _error(NOTHING, pair), _error(found, pair), seconds / yardstick
    if after > 1.5:
        return wrong(f"A mean error of {after:.1f} mm is left ({before:.1f} mm before), and 1.5 mm is wanted.")
    if (folded := _folded(found, pair)) > 0:
        return wrong(f"It is exact, and it folds in {folded:.2%} of the brain: smooth more.")
    if share > BUDGET:
        return wrong(f"It is exact enough, and takes {share:.0%} of the time of the pyramid: {BUDGET:.0%} are allowed.")
    return right("Exact enough, and within the budget.")
