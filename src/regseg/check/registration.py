"""Checks of episode 04, rigid registration."""

from __future__ import annotations

from itertools import product

import numpy as np
import SimpleITK as sitk

from regseg import data, evaluate
from regseg.check.boxes import Rule, lettered, listed, near, numeric, otherwise
from regseg.check.engine import (
    CannotRead,
    Verdict,
    call,
    choice,
    close,
    correlation,
    exercise,
    image,
    numbers,
    right,
    same_grid,
    together,
    transform,
    wrong,
)
from regseg.grid import Grid

METRICS = ("mean squares", "correlation", "local correlation", "joint histogram MI", "Mattes MI")


@listed("04-metric", METRICS)
def metric_for_t1_and_ct(given) -> Verdict:
    answer = choice(given, *METRICS)
    if answer == "Mattes MI":
        return right("Its valley is at 0°, although no grey value of one scan equals that of the other.")
    if answer == "local correlation":
        return wrong("Its valley is at 0° too, but it looks at a neighbourhood for each voxel: another one is faster.")
    if answer == "mean squares":
        return wrong("It expects equal grey values in both scans; here it is smallest as far from 0° as you can turn.")
    if answer == "correlation":
        return wrong("Without a mask the skull, bright in CT only, moves its valley: it expects values on one line.")
    return wrong("A good idea for two modalities, but look at its curve: on this pair it is not smallest at 0°.")


def lying_on_the_side() -> tuple[data.Pair, sitk.Transform]:
    """The pair of the episode, and how its moving image was laid on the side (moving point → new moving point)."""
    pair = data.load_pair("pair_multimodal")
    centre = Grid.of(pair.moving).middle
    return pair, sitk.Euler3DTransform(centre, 0, 0, np.deg2rad(170), (10, 0, 0))


def error_on_the_side(answer: sitk.Transform) -> float:
    """Mean TRE in mm of a transform from the fixed image to the moving image on its side."""
    pair, lying = lying_on_the_side()
    partners = [lying.TransformPoint(point) for point in pair.moving_points.tolist()]
    return float(evaluate.tre(answer, pair.fixed_points, partners).mean())


def _axes(given: sitk.Transform) -> np.ndarray:
    """Where a linear transform takes the three axes, as columns."""
    origin = given.TransformPoint((0.0, 0.0, 0.0))
    return np.column_stack([np.subtract(given.TransformPoint(end), origin) for end in np.eye(3).tolist()])


def turn_left(answer: sitk.Transform) -> float:
    """The rotation, in degrees, that still separates an answer from the true transform."""
    pair, lying = lying_on_the_side()
    cosine = (np.trace(_axes(answer).T @ _axes(sitk.CompositeTransform([lying, pair.transform]))) - 1) / 2
    return float(np.rad2deg(np.arccos(np.clip(cosine, -1, 1))))


@exercise("04-rescue")
def start_on_the_side(given) -> Verdict:
    answer = transform(given)
    error, turn = error_on_the_side(answer), turn_left(answer)
    if turn < 29 and error < 40:
        return right(f"{turn:.0f}° and {error:.0f} mm are left: close enough to roll into the right valley.")
    if hasattr(answer, "GetAngleZ"):
        if abs(answer.GetAngleZ()) > 2 * np.pi:
            return wrong("The angle seems to be in degrees: SetRotation wants radians.")
        if close(answer.GetParameters()[:3], 0):
            return wrong("Middle lies on middle, but nothing is turned: try turns about z, and keep the best.")
        turned_back = sitk.Euler3DTransform(answer)
        turned_back.SetRotation(0, 0, -answer.GetAngleZ())
        if turn_left(turned_back) < 29:
            return wrong("The size of the angle is right and its sign is not.")
    if answer.IsLinear() and turn_left(answer.GetInverse()) < 29 and error_on_the_side(answer.GetInverse()) < 40:
        return wrong("That is the inverse: the transform takes points of the fixed image to `turned_head`.")
    if not hasattr(answer, "GetAngleZ"):
        return wrong("Give an Euler3DTransform, the one with which the registration shall begin.")
    return wrong(f"This start is still {turn:.0f}° and {error:.0f} mm away: did you keep the smallest metric?")


@listed("04-stop", "ABCD")
def more_iterations_help(given) -> Verdict:
    answer = choice(given, "A", "B", "C", "D")
    if answer == "B":
        return right("It ran out of iterations on its way downhill, and the others would make no use of more.")
    if answer == "A":
        return wrong("A jumps to and fro over its valley, and would do so for ever: its steps are too long.")
    if answer == "C":
        return wrong("C has stopped of its own accord, for it calls half a unit a small step: it would ignore them.")
    return wrong("D has stopped of its own accord, for the ground is level where it stands: it would ignore them.")


@lettered("04-parts", map("".join, product("ABC", "DEF", "GH", "IJ")))
def parts_for_t1_and_ct(given) -> Verdict:
    word = "".join(given) if isinstance(given, tuple | list) and all(isinstance(part, str) for part in given) else given
    chosen = "".join(filter(str.isalpha, word)).upper() if isinstance(word, str) else ""
    if [sum(letter in row for letter in chosen) for row in ("ABC", "DEF", "GH", "IJ")] != [1] * 4 or len(chosen) != 4:
        raise CannotRead("I expected four letters in one text, one of each row, such as 'ADGI'.")
    mistakes = {
        "B": wrong(
            "An affine transform may stretch a skull, and no skull does that within a week: six numbers are enough."
        ),
        "C": wrong("Whoever lies down again lies a little turned, and a translation cannot turn."),
        "D": wrong("Mean squares wants equal grey values in both scans: bone is bright in CT and dark in T1."),
        "E": wrong("Correlation wants the grey values of both scans on one line: bone, water and air lie on none."),
        "G": wrong(
            "With the nearest neighbour the metric jumps, and it shows the optimiser no slope between the jumps."
        ),
        "I": wrong("With equal scales a step of one radian counts like one of a millimetre, and the head flies away."),
    }
    for letter in sorted(chosen):
        if letter in mistakes:
            return mistakes[letter]
    return right("Each part says what you know: a rigid head, other contrasts, a smooth metric, steps that compare.")


@listed("04-report", "ABCD")
def line_for_the_report(given) -> Verdict:
    answer = choice(given, "A", "B", "C", "D")
    if answer == "C":
        return right("It says how often, how well, and how to get the same again.")
    if answer == "A":
        return wrong("No start has ended near 2.3 mm: the mean hides that eight are exact and two have failed.")
    if answer == "B":
        return wrong("Somebody always has a best start: a reader learns nothing of how often it fails.")
    return wrong("The median says nothing of the two that failed, and nobody can repeat a random start.")


@exercise("04-mask")
def mask_without_the_plate(given) -> Verdict:
    answer = image(given)
    pair = data.load_pair("pair_rigid")
    grid = sitk.BinShrink(sitk.Cast(pair.fixed, sitk.sitkFloat32), [2, 2, 2])
    if not same_grid(answer, grid):
        return wrong("The mask lies on another grid than `plate`: begin from that image.")
    mask = sitk.GetArrayFromImage(answer) != 0
    plate = np.zeros(mask.shape, bool)
    plate[8:40, 44:56, 5:45] = True
    brain = (sitk.GetArrayFromImage(grid) > 20) & ~plate
    if not mask.any():
        return wrong("The mask is empty: the metric would have nothing to look at.")
    if mask.all():
        return wrong("The mask covers everything, the plate too.")
    if mask[plate].mean() > 0.5 and mask[brain].mean() < 0.5:
        return wrong("It is turned round: it keeps the plate and drops the head. A metric looks where the mask is 1.")
    if mask[plate].mean() > 0.01:
        return wrong(f"{mask[plate].mean():.0%} of the plate is still inside the mask.")
    if mask[brain].mean() < 0.5:
        return wrong(f"The plate is out, but only {mask[brain].mean():.0%} of the rest of the head is left: keep more.")
    return right("The plate is out, and the head is in.")


@numeric("04-verify", 2)
def copied_margin() -> list[Rule]:
    still = wrong("Move it both down and sideways, by 1 to 20. What is not moved at all cancels itself everywhere.")
    return [
        near(
            (15, 12), 0, right("Four in ten differences are exactly 0 there, and one in ten at most everywhere else.")
        ),
        near((12, 15), 0, wrong("These are the columns, and then the rows. An array counts rows first.")),
        near(
            (1, 23),
            0,
            wrong("So the strip below the head was copied. The margin on the right was copied in another step."),
        ),
        near((0, 0), (0, np.inf), still),
        near((0, 0), (np.inf, 0), still),
        otherwise(
            wrong("That many zeros are chance. Try all moves from 1 to 20, and keep the one with the most zeros.")
        ),
    ]


@listed("04-best", "ABC")
def best_of_three(given) -> Verdict:
    answer = choice(given, "A", "B", "C")
    if answer == "B":
        return right("Its landmarks have the smallest mean error of the three.")
    if answer == "A":
        return wrong("Most of the error of A runs along z, at a right angle to the picture, which hardly shows it.")
    return wrong("C is off in the plane that you see, too; its landmarks have the largest mean error of all.")


# --- the reply --------------------------------------------------------------------------------------------------------

MARK = (-30.0, 28.0, 38.0)  # mm; a place in the T2, the moving scan of pair_multimodal
CLOSE = 1.0  # mm: half a voxel


@exercise("04-reply")
def reply_to_the_colleague(given) -> Verdict:
    parts = together(given, 3, "three things together: (in_t1, millimetres, sure)")
    place, way, sure = numbers(parts[0], 3), numbers(parts[1], 1)[0], choice(parts[2], *"ABC")
    pair = data.load_pair("pair_multimodal")
    true = np.array(pair.transform.GetInverse().TransformPoint(MARK))
    distance = np.linalg.norm(true - MARK)
    if not close(place, true, CLOSE):
        if close(place, pair.transform.TransformPoint(MARK), CLOSE):
            return wrong("The opposite way: `found` takes points of the T1 to the T2, and this one comes from the T2.")
        if close(place, MARK, CLOSE):
            return wrong("That is the place in the T2: where is it in the T1?")
        if close(place[::-1], true, CLOSE):
            return wrong("The place is turned round: a point is (x, y, z).")
        if close(place, true * (-1, -1, 1), CLOSE):
            return wrong("The signs of x and y are those of RAS: SimpleITK counts in LPS.")
        if close(place, true - MARK, CLOSE):
            return wrong("That is the way from the one place to the other: the place itself is asked for.")
        if close(place, pair.fixed.TransformPhysicalPointToContinuousIndex(true.tolist()), 1):
            return wrong("That is an index of the T1: a position in mm is asked for.")
        return wrong("That is not where the place lies in the T1: send it through the inverse of `found`.")
    if not close(way, distance, CLOSE):
        if close(way, -distance, CLOSE):
            return wrong("The number is right, its sign is not: a distance is never negative.")
        if close(way, distance / 10, CLOSE / 10):
            return wrong("The distance is right in centimetres: millimetres are asked for.")
        if abs(way) < CLOSE:
            return wrong("That is the error which is left: how far from each other are the two places?")
        if close(way, np.abs(true - MARK).sum(), 2 * CLOSE):
            return wrong("You added the ways along x, y and z: a distance is the root of the sum of their squares.")
        if close(way, evaluate.tre(sitk.Transform(), pair.fixed_points, pair.moving_points).mean(), 0.1):
            return wrong("That is the mean over all landmarks: a head that turns moves in each place by another way.")
        return wrong("The place is right, the distance is not: how far is it from (-30, 28, 38)?")
    if sure == "A":
        return wrong("The metric is what was pushed down, and one plane is one plane: both look well in wrong places.")
    if sure == "C":
        return wrong("That is an FRE: the four points agree with each other, and the rest of the head was not asked.")
    return right("A place, a distance, and how you know: the colleague can build on that.")


# --- further practice ------------------------------------------------------------------------------------------------


def _alike(one: sitk.Image, other: sitk.Image) -> bool:
    """True when two images show the same in the same place, whatever the interpolator."""
    inside = sitk.GetArrayFromImage(other) > 0
    return correlation(*(sitk.GetArrayFromImage(image)[inside] for image in (one, other))) > 0.7


@exercise("04-inverse")
def image_and_points(given) -> Verdict:
    for name in ("pair_rigid", "pair_multimodal"):
        pair = data.load_pair(name)
        fixed = pair.fixed[5:-3, 4:-6, 7:-2]  # another grid than that of the moving image
        result = call(given, fixed, pair.moving, pair.moving_points[:9], pair.transform)
        if not (isinstance(result, tuple | list) and len(result) == 2):
            return wrong("Return two things: the image and the points.")
        if isinstance(result[1], sitk.Image):
            return wrong("The order: first the image, then the points.")
        brought, points, back = image(result[0]), np.asarray(result[1], float), pair.transform.GetInverse()
        if not same_grid(brought, fixed):
            return wrong("The image is not on the grid of the fixed image.")
        if points.shape != (9, 3):
            return wrong("The points should be an array with one row of x, y, z for each point.")
        image_fits = _alike(brought, sitk.Resample(pair.moving, fixed, pair.transform))
        points_fit = close(points, pair.fixed_points[:9], 0.01)
        forward = close(points, [pair.transform.TransformPoint(p) for p in pair.moving_points[:9].tolist()], 0.01)
        image_backwards = not image_fits and _alike(brought, sitk.Resample(pair.moving, fixed, back))
        if points_fit and image_backwards:
            return wrong("The points are right; the image now goes the wrong way: resample with the transform itself.")
        if points_fit and not image_fits:
            return wrong(
                "The points are right; the image is another one: use what the function is given, by its names."
            )
        if image_fits and forward:
            return wrong("The image is right; the points still go from fixed to moving, so they need the inverse.")
        if forward and image_backwards:
            return wrong("Both go the wrong way: only the points need the inverse.")
        if not (image_fits and points_fit):
            return wrong("They do not fit yet: the image with the transform, the points with its inverse.")
    return right("The image with the transform, the points with its inverse.")


def _is_rigid(given: sitk.Transform) -> bool:
    """True when a transform keeps lengths and angles, whatever its type."""
    axes = _axes(given)
    return given.IsLinear() and close(axes.T @ axes, np.eye(3), 1e-4)


@exercise("04-clicks")
def start_from_clicks(given) -> Verdict:
    answer = transform(given)
    if not _is_rigid(answer):
        return wrong("This one also scales, shears or bends: begin from a VersorRigid3DTransform.")
    if error_on_the_side(answer) < 1:
        return right("Four exact clicks are a good start; yours at home will be a little less exact.")
    if error_on_the_side(answer.GetInverse()) < 1:
        return wrong("That is the inverse: the fixed points come first, then the moving ones.")
    return wrong("The four pairs do not meet: is each set one long list x, y, z, x, y, z, in the same order?")
