"""Checks of episode 02, transforms and resampling."""

from __future__ import annotations

from functools import cache
from itertools import product

import numpy as np
import SimpleITK as sitk

from regseg import data
from regseg.check.boxes import Rule, near, numeric, otherwise
from regseg.check.engine import (
    Verdict,
    call,
    choice,
    close,
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

MARK = (38.0, -12.5, 41.0)  # mm; a place in the moving scan of pair_rigid
# mm; places in the fixed scan: A has nearly the numbers of the mark, and B is its place
NOTED = {"A": (38.0, -12.0, 41.0), "B": (27.5, -5.5, 36.5)}
PROBES = ((0.0, 0.0, 0.0), (40.0, -25.0, 10.0), (-15.0, 60.0, -35.0))  # mm; three points tell two rigid maps apart


def _maps_like(one: sitk.Transform, other: sitk.Transform, within: float = 0.01) -> bool:
    """True when both map the probes to the same places, within so many mm."""
    return all(close(one.TransformPoint(point), other.TransformPoint(point), within) for point in PROBES)


@exercise("02-shift")
def shift_to_the_left(given) -> Verdict:
    answer = transform(given)
    moves = [np.subtract(answer.TransformPoint(point), point) for point in PROBES]
    if not all(close(move, moves[0]) for move in moves):
        return wrong("A shift moves every point by the same amount: take a TranslationTransform.")
    x, y, z = moves[0]
    if close(moves[0], (-20, 0, 0)):
        return right("Each new voxel reads further right, so the picture moves to the left.")
    if close(moves[0], (20, 0, 0)):
        return wrong("That moves points to the left, and the picture to the right: resampling asks backwards.")
    if close(moves[0], (-10, 0, 0)) or close(moves[0], (10, 0, 0)):
        return wrong("You counted voxels of 2 mm: a transform is given in mm, whatever the voxels measure.")
    if close(x, 0) and (y or z):
        return wrong("Left and right is the x axis in LPS: you moved along another one.")
    if close(moves[0], (0, 0, 0)):
        return wrong("This transform moves nothing: give it an offset in mm.")
    return wrong("The direction is along x: look again at the amount and at the other axes.")


@numeric("02-mark", 3)
def mark_in_the_fixed_scan() -> list[Rule]:
    pair = data.load_pair("pair_rigid")
    marked, truth = np.array(MARK), np.array(pair.transform.GetInverse().TransformPoint(MARK))
    forward = np.array(pair.transform.TransformPoint(MARK))
    index = pair.fixed.TransformPhysicalPointToIndex(truth)
    noted = wrong("That place stands in the note: carry the mark of the second scan over, and compare then.")
    rounded = wrong("You rounded to whole millimetres: a point may lie anywhere, so keep the decimals.")
    return [
        near(truth, 0.1, right("Points of the moving scan go to the fixed scan through the inverse.")),
        near(
            forward,
            0.1,
            wrong("You applied the transform itself, which takes fixed points to moving ones, and that leads away."),
        ),
        near(marked, 0.1, wrong("That is the mark in the moving scan: the head has moved since.")),
        near(
            2 * marked - forward,
            0.1,
            wrong("Turning the displacement round is right for a shift only: this head has turned as well."),
        ),
        *(near(place, 0.1, noted) for place in NOTED.values()),
        near(truth[::-1], 0.1, wrong("The numbers are turned round: a point is (x, y, z).")),
        near(truth * (-1, -1, 1), 0.1, wrong("The signs of x and y are those of RAS: SimpleITK counts in LPS.")),
        near(index, 1e-3, wrong("That is the index of the right voxel: give the place in mm.")),
        *(near(whole, 1e-3, rounded) for whole in product(*zip(np.floor(truth), np.ceil(truth), strict=True))),
        near(
            pair.fixed.TransformIndexToPhysicalPoint(index),
            0.1,
            wrong("That is the centre of the right voxel: points may lie between the voxels, so do not round."),
        ),
        otherwise(wrong("Which direction does the true transform have, and which one do you need?")),
    ]


@exercise("02-centre")
def nod_in_place(given) -> Verdict:
    answer, head = transform(given), data.load("head_ct")
    head.SetOrigin(np.add(head.GetOrigin(), (0, 0, -1200)))
    middle = Grid.of(head).middle

    def nod(centre, angle: float = np.deg2rad(15)) -> sitk.Transform:
        return sitk.Euler3DTransform([float(x) for x in centre], angle, 0, 0)

    # Half a voxel more or less is a matter of taste.
    if _maps_like(answer, nod(middle), within=1.0):
        return right("The centre is a place in the room, in millimetres.")
    if _maps_like(answer, nod((0, 0, 0))):
        return wrong("It still turns about (0, 0, 0), more than a metre away from the head.")
    if _maps_like(answer, nod([n / 2 for n in head.GetSize()]), within=1.0):
        return wrong("The centre is given as an index: turn it into a position in mm.")
    if _maps_like(answer, nod(head.GetOrigin())):
        return wrong("It turns about the origin, which is a corner of the image and not its middle.")
    if _maps_like(answer, nod(middle, 15.0), within=1.0):
        return wrong("The centre is right, and the angle is given in degrees: it is wanted in radians.")
    if _maps_like(answer, nod(middle, -np.deg2rad(15)), within=1.0):
        return wrong("The centre is right, and the head nods the other way: keep the angle of the first attempt.")
    if close(answer.TransformPoint(middle), middle, 1.0):
        return wrong("The middle stays in place, so the centre is right: look at the angle, 15° about x.")
    return wrong("The middle of the head should be mapped onto itself.")


@exercise("02-isotropic")
def makes_cubes(given) -> Verdict:
    for name, spacing in (("brain_thick", 2.0), ("brain_oblique", 3.0)):
        scan = data.load(name)
        result = image(call(given, scan, spacing))
        lengths, wanted = (np.multiply(i.GetSize(), i.GetSpacing()) for i in (result, scan))
        voxel = np.maximum(spacing, scan.GetSpacing())  # counting first to last voxel is right as well
        if not close(result.GetSpacing(), [spacing] * 3):
            return wrong(f"The voxels measure {np.round(result.GetSpacing(), 2)} mm, not {spacing} mm on every side.")
        if result.GetSize() == scan.GetSize():
            return wrong("The number of voxels is as before, so the box is not: compute a new size.")
        if not close(result.GetDirection(), scan.GetDirection()):
            return wrong("The direction is lost: on a scan that is tilted or turned the head ends up elsewhere.")
        if not close(result.GetOrigin(), scan.GetOrigin(), 3 * spacing):
            return wrong("The origin is lost: the new grid begins at another corner of the room.")
        if np.any(np.abs(lengths - wanted) > voxel):
            if np.all(np.abs(lengths[::-1] - wanted) <= voxel):
                return wrong("The sizes are in the order k, j, i: SimpleITK counts i, j, k.")
            return wrong("The box has another length than before: size times spacing should stay the same.")
        expected = sitk.Resample(scan, result, sitk.Transform(), sitk.sitkLinear)
        if not np.allclose(*map(sitk.GetArrayFromImage, (expected, result)), atol=1):
            return wrong("The grid is right and the values are not: linear interpolation, and the identity transform.")
    return right("It keeps the place and the lengths, also for a scan that is tilted.")


TILTED = sitk.Euler3DTransform((0, 0, 0), 0, np.deg2rad(12), 0)


@cache
def tilted_ct(interpolator: int, turned_round: bool = False) -> np.ndarray:
    """The head in the tilted grid (HU), which each attempt at 02-ct is compared with."""
    way = TILTED.GetInverse() if turned_round else TILTED
    grid = data.load("brain_oblique")
    return sitk.GetArrayFromImage(sitk.Resample(data.load("head_ct"), grid, way, interpolator, -1000))


@cache
def beyond_the_ct() -> np.ndarray:
    """Where the tilted grid reaches beyond the scan."""
    inside = data.load("head_ct") * 0 + 1
    return sitk.GetArrayFromImage(sitk.Resample(inside, data.load("brain_oblique"), TILTED)) == 0


@exercise("02-ct")
def ct_in_a_tilted_grid(given) -> Verdict:
    answer, outside = image(given), beyond_the_ct()
    if not same_grid(answer, data.load("brain_oblique")):
        return wrong("The result lies on another grid: name the grid as the second argument of Resample.")
    values = sitk.GetArrayFromImage(answer)

    def resampled_like(interpolator: int, turned_round: bool = False) -> bool:
        return np.allclose(values[~outside], tilted_ct(interpolator, turned_round)[~outside], atol=1)

    if values.min() >= 0:
        return wrong("Nothing is below zero: this pixel type cannot hold the −1000 of air, so keep that of the scan.")
    if not resampled_like(sitk.sitkLinear):
        if resampled_like(sitk.sitkBSpline):
            return wrong("B-spline interpolation overshoots at the skull: some values lie outside the original range.")
        if resampled_like(sitk.sitkNearestNeighbor):
            return wrong(
                "Nearest neighbour is for labels: it makes stairs of the smooth borders of an intensity image."
            )
        if resampled_like(sitk.sitkLinear, turned_round=True):
            return wrong("The choices are right, and the transform is turned round: use it as it is.")
        return wrong("Resample `ct` into `grid` with `tilted` and an interpolator that mixes neighbours.")
    if np.all(values[outside] == 0):
        return wrong("What lies outside the image became 0, which is water: give air as the default value.")
    if np.all(values[outside] == data.load("head_ct").GetPixelIDValue()):
        return wrong("GetPixelIDValue is the number of the pixel type, not an intensity: air is −1000 HU.")
    if np.any(values[outside] < -1024):
        return wrong("The default value lies below the range of the original: nothing is thinner than air.")
    if np.any(values[outside] > -950):
        return wrong("What lies outside is denser than air: air is −1000 HU.")
    return right("Air stays air, inside the picture and around it.")


# --- the reply --------------------------------------------------------------------------------------------------------


@exercise("02-reply")
def reply_to_the_second_note(given) -> Verdict:
    parts = together(given, 3, "three things together: (same, other, index)")
    same, other, index = choice(parts[0], "A", "B", "neither"), numbers(parts[1], 3), numbers(parts[2], 3)
    if same == "A":
        return wrong(
            "The numbers are those of A, in another scan: carry the mark to the first scan before you compare."
        )
    if same == "neither":
        return wrong(
            "Carried to the first scan, the mark lies within a millimetre of one of the two: nobody clicks better."
        )
    pair, a = data.load_pair("pair_rigid"), NOTED["A"]
    back = pair.transform.GetInverse()
    moved = np.array(pair.transform.TransformPoint(a))
    if not close(other, moved, 0.6):  # to whole millimetres will do
        if close(other, MARK, 0.25) or close(other, back.TransformPoint(MARK), 0.4):
            return wrong("That is the spot that the colleague has found: the reply says where the other one must be.")
        if close(other, a, 0.1):
            return wrong("That is the place in the first scan: where does it lie in the second?")
        if close(other, back.TransformPoint(a), 0.45):
            return wrong("The opposite way: the transform takes points of the fixed image to points of the moving one.")
        if close(other[::-1], moved, 0.6):
            return wrong("The place is turned round: a point is (x, y, z).")
        if close(other, moved * (-1, -1, 1), 0.6):
            return wrong("The place has the signs of RAS: SimpleITK counts in LPS.")
        if close(other, pair.moving.TransformPhysicalPointToContinuousIndex(moved.tolist()), 1):
            return wrong("That is an index: the place is asked for in mm, and its voxel comes third.")
        return wrong("That is not where the other spot lies: truth takes a point of the first scan to the second.")
    voxel = np.array(pair.moving.TransformPhysicalPointToIndex(moved.tolist()))
    if close(index, voxel):
        return right("Which spot it is, and where to look for the other: one transform, used in both directions.")
    if close(index, voxel[::-1]):
        return wrong("The index is turned round: it is i, j, k, the order of SimpleITK and not of NumPy.")
    if close(index, pair.fixed.TransformPhysicalPointToIndex(a)):
        return wrong("That is the index of the spot in the first scan: the second one was asked for.")
    if close(index, moved, 0.6):
        return wrong("Those are millimetres: an index counts voxels.")
    if close(index, voxel + 1):
        return wrong("You count from one: the first voxel has the index 0.")
    if close(index, voxel, 1):
        return wrong("The index is one voxel away: a position belongs to the nearest voxel centre, so round it.")
    return wrong("The place is right, the index is not: ask the moving scan, TransformPhysicalPointToIndex.")


# --- further practice ------------------------------------------------------------------------------------------------


@exercise("02-once")
def resampled_once(given) -> Verdict:
    answer, pair, template = image(given), data.load_pair("pair_rigid"), data.load("brain_t1_2mm")
    steps = [
        pair.transform,
        sitk.TranslationTransform(3, (4, -6, 2)),
        sitk.Euler3DTransform((0, 0, 0), 0, 0, np.deg2rad(6)),
    ]
    if not same_grid(answer, template):
        return wrong("The result lies on another grid: it should have the grid of the template.")
    in_turn = pair.moving
    for one in steps:
        in_turn = sitk.Resample(in_turn, template, one, sitk.sitkLinear)
    at_once, reversed_order = (
        sitk.Resample(pair.moving, template, sitk.CompositeTransform(chain), sitk.sitkLinear)
        for chain in (steps, steps[::-1])
    )

    def apart(candidate: sitk.Image) -> float:
        """Mean difference from the answer, in grey levels."""
        arrays = (sitk.GetArrayFromImage(one).astype(float) for one in (candidate, answer))
        return float(np.abs(np.subtract(*arrays)).mean())

    steps_of_stairs = sitk.Resample(pair.moving, template, sitk.CompositeTransform(steps), sitk.sitkNearestNeighbor)
    nearest = min((at_once, in_turn, reversed_order, steps_of_stairs), key=apart)
    if apart(nearest) > 1:
        return wrong("Follow one point from the template through the three transforms, in their order.")
    if nearest is reversed_order:
        return wrong("The order is reversed: a point of the template meets `to_template` first, so it comes last.")
    if nearest is steps_of_stairs:
        return wrong("The place is right, and the values make stairs: let the interpolator mix neighbours.")
    if nearest is in_turn:
        return wrong("The place is right, but the image was interpolated three times: compose, then resample once.")
    return right("One interpolation, the least possible blur.")


@exercise("02-order")
def first_down_then_tilt(given) -> Verdict:
    answer = transform(given)
    down, tilt = sitk.TranslationTransform(3, (0, 0, -15)), sitk.Euler3DTransform()
    tilt.SetRotation(np.deg2rad(20), 0, 0)
    if _maps_like(answer, sitk.CompositeTransform([tilt, down])):
        return right("The last transform of the list acts first.")
    if _maps_like(answer, sitk.CompositeTransform([down, tilt])):
        return wrong("This one tilts first and moves down afterwards: the last transform of the list acts first.")
    if _maps_like(answer, down) or _maps_like(answer, tilt):
        return wrong("Only one of the two acts: put both into a CompositeTransform.")
    if _maps_like(answer, sitk.CompositeTransform([down.GetInverse(), tilt.GetInverse()])):
        return wrong("That is the inverse of the right answer: it undoes what you want to do.")
    return wrong("Put the two transforms as they are into one CompositeTransform.")


@cache
def carried_labels() -> dict[str, np.ndarray]:
    """The labels on the fixed grid by each way that an answer to 02-labels is compared with."""
    pair, labels = data.load_pair("pair_composite"), data.load("brain_labels")

    def carried(
        interpolator: int, pixel_type: int = sitk.sitkUInt8, way: sitk.Transform = pair.transform
    ) -> np.ndarray:
        return np.rint(sitk.GetArrayFromImage(sitk.Resample(labels, pair.fixed, way, interpolator, 0, pixel_type)))

    return {
        "nearest": carried(sitk.sitkNearestNeighbor),
        "gaussian": carried(sitk.sitkLabelGaussian),
        "label linear": carried(sitk.sitkLabelLinear),
        "linear": carried(sitk.sitkLinear),
        "linear, rounded": carried(sitk.sitkLinear, sitk.sitkFloat32),
        "B-spline": carried(sitk.sitkBSpline),
        "B-spline, rounded": carried(sitk.sitkBSpline, sitk.sitkFloat32),
        "unmoved": carried(sitk.sitkNearestNeighbor, way=sitk.Transform(3, sitk.sitkIdentity)),
    }


@exercise("02-labels")
def labels_on_the_fixed_grid(given) -> Verdict:
    answer, pair, labels = image(given), data.load_pair("pair_composite"), data.load("brain_labels")
    if not same_grid(answer, pair.fixed):
        return wrong("The result lies on another grid: the labels should lie on the fixed image of the pair.")
    values = np.rint(sitk.GetArrayFromImage(answer))
    if values.max() > 10:
        return wrong("These are grey values: carry `brain_labels`, whose 1, 2 and 3 are names of tissues.")
    outside = sitk.GetArrayFromImage(sitk.Resample(labels * 0 + 1, pair.fixed, pair.transform)) == 0
    if values[outside].all():
        return wrong("What lies outside the labels has become a tissue: their default value is 0, no label.")
    agreement = {way: np.mean(carried == values) for way, carried in carried_labels().items()}
    likeliest = max(agreement, key=agreement.get)
    kind = likeliest.split(",")[0]
    if kind in ("linear", "B-spline") and agreement[likeliest] > 0.999:
        return wrong(f"They are in the right place, but {kind} interpolation invented labels at the borders.")
    if likeliest == "unmoved" and agreement[likeliest] > 0.999:
        return wrong("The labels were not moved at all: give the transform of the pair.")
    # There are more good ways, such as one probability map per label; they agree but for thin structures.
    both = [(values == n, carried_labels()["nearest"] == n) for n in (1, 2, 3)]
    dice = [2 * np.sum(a & b) / (np.sum(a) + np.sum(b)) for a, b in both]
    if min(dice) > 0.8:
        return right("These are labels that exist, where they belong.")
    return wrong("The labels do not follow the brain: resample them as you would resample the moving image.")


@exercise("02-empty")
def share_inside(given) -> Verdict:
    head, grid = data.load("brain_t1_2mm"), data.load("brain_t1")
    half = sitk.TranslationTransform(3, (head.GetSize()[0] * head.GetSpacing()[0] / 2, 0, 0))
    corner, core = head[:20, :20, :20], head[40:60, 40:60, 40:60]
    to_the_head = sitk.TranslationTransform(3, np.subtract(Grid.of(head).middle, Grid.of(corner).middle).tolist())
    cases = (
        (head, head, sitk.TranslationTransform(3, (0, 0, 900))),
        (core, head, sitk.TranslationTransform(3)),
        (head, head, half),
        (grid, head, half.GetInverse()),
        (corner, head, to_the_head),
        (core, head, sitk.TranslationTransform(3, (50, 0, 0))),
    )
    answers = np.array([numbers(call(given, *case), 1)[0] for case in cases])
    truth = np.array([0, 1, 0.5, 0.5, 1, 1])
    if close(answers, 100 * truth, 10):
        return wrong("That is in per cent: the answer should be a number from 0 to 1.")
    if close(answers, 1 - truth, 0.1):
        return wrong("You counted the points that look outside: count those that look inside.")
    if close(answers, 1):
        return wrong("Every point seems to be inside: map it with the transform before you look for it.")
    known = (  # a mistake, and what it answers for the six cases
        (
            wrong("One bound is missing: an index inside is at least 0, and smaller than the size."),
            (0, 1, 1, 0.5, 1, 1),
            (1, 1, 0.5, 1, 1, 1),
        ),
        (
            wrong("You looked from the moving image to the fixed one: map points of the fixed grid, do not invert."),
            (0, 1, 0.5, 0.5, 0, 1),
            (0, 0, 0.5, 0.5, 0, 0),
        ),
        (
            wrong("The mapped point is looked up in `fixed`: it is a place in the moving image, so ask `moving`."),
            (0, 1, 0.5, 0.5, 0, 0),
            (0, 1, 0.5, 0, 1, 0),
        ),
        (
            wrong("You compare an index of `moving` with the size of `fixed`: take that of `moving`."),
            (0, 0, 0.5, 1, 0, 0),
        ),
    )
    for verdict, *rows in known:
        if any(close(answers, row, 0.13) for row in rows):
            return verdict
    for answer, share in zip(answers, truth, strict=True):
        if not close(answer, share, 0.13):  # a coarse set of points is what the exercise asks for
            return wrong(f"For one of the pairs tried, {share:.0%} lie inside, and your function says {answer:.2f}.")
    return right("A quick look before a long computation.")
