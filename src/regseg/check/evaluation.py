"""Checks of episode 07, evaluation."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk
from scipy import stats

from regseg import data, evaluate
from regseg.check.boxes import Rule, lettered, near, numeric, orders, otherwise
from regseg.check.engine import Verdict, call, close, exercise, image, letters, numbers, right, same_grid, wrong
from regseg.grid import Grid
from regseg.synth import heads


def _mask(array: np.ndarray, spacing: tuple[float, ...] = (1.0, 1.0, 1.0)) -> sitk.Image:
    made = sitk.GetImageFromArray(array.astype(np.uint8))
    made.SetSpacing(spacing)
    return made


def _inside(mask: sitk.Image) -> np.ndarray:
    return sitk.GetArrayFromImage(mask) > 0


def _dice(one: np.ndarray, other: np.ndarray) -> float:
    return float(2 * np.count_nonzero(one & other) / (np.count_nonzero(one) + np.count_nonzero(other)))


def _ball(size: int, centre: tuple[float, float, float], radius: float) -> np.ndarray:
    """A ball in a cube of voxels; the centre is z, y, x."""
    grid = np.mgrid[:size, :size, :size]
    return ((grid - np.reshape(centre, (3, 1, 1, 1))) ** 2).sum(axis=0) <= radius**2


@exercise("07-dice")
def dice_on_two_grids(given) -> Verdict:
    reference = _mask(_ball(30, (15, 15, 11), 7))
    drawn = _mask(_ball(30, (15, 14, 12), 8))
    mirrored = sitk.Flip(drawn, [True, False, False])  # the same place, its first axis the other way round
    thick = sitk.Resample(drawn, (30, 30, 7), sitk.Transform(), sitk.sitkNearestNeighbor, (0.0,) * 3, (1.0, 1.0, 4.0))
    truth = _dice(_inside(reference), _inside(drawn))

    plain = float(numbers(call(given, reference, drawn), 1)[0])
    if close(plain, truth / (2 - truth), 0.002):
        return wrong("That is the Jaccard index, which divides by the union: Dice is twice the overlap over the sum.")
    if close(plain, truth / 2, 0.002):
        return wrong("That is half of Dice: the voxels in common count twice, once for each mask.")
    if not close(plain, truth, 0.002):
        return wrong("On one grid already: twice the number of common voxels, over the sum of both numbers.")

    flipped = float(numbers(call(given, reference, mirrored), 1)[0])
    if close(flipped, _dice(_inside(reference), _inside(mirrored)), 0.002):
        return wrong(
            "One mask comes with its first axis turned round, and you compared the arrays: left and right are swapped. "
            "Resample it onto the reference first."
        )
    from_thick = float(numbers(call(given, reference, thick), 1)[0])
    expected, other_way = (
        _dice(_inside(one), _inside(sitk.Resample(other, one, sitk.Transform(), sitk.sitkNearestNeighbor)))
        for one, other in ((reference, thick), (thick, reference))
    )
    if close(from_thick, other_way, 0.002):
        return wrong("You measured on the grid of the mask: carry the mask onto the reference, not the other way.")
    if not close(flipped, truth, 0.01) or not close(from_thick, expected, 0.01):
        return wrong("On different grids the number changes: resample the mask onto the reference, nearest neighbour.")

    for pair in ((reference, drawn * 0), (reference * 0, drawn)):
        missed = call(given, *pair)
        if np.isscalar(missed) and np.isnan(missed):
            return wrong(
                "Only two empty masks are 0/0: when one of them holds voxels, Dice is 0, since none is shared."
            )
        if not close(numbers(missed, 1)[0], 0):
            return wrong(f"One empty mask got {missed!r}: nothing is in common, and the sum is not 0, so Dice is 0.")
    nothing = call(given, reference * 0, drawn * 0)
    if isinstance(nothing, float) and np.isnan(nothing):
        return right("It holds on any two grids, and it makes no number of nothing.")
    return wrong(f'Two empty masks got {nothing!r}: 0/0 is no number, so return float("nan"), which everybody notices.')


def _from_border(one: sitk.Image, other: sitk.Image) -> np.ndarray:
    """The signed distance in mm of each border voxel of one mask to the border of the other."""
    away = sitk.SignedMaurerDistanceMap(other, squaredDistance=False, useImageSpacing=True)
    return sitk.GetArrayFromImage(away)[_inside(sitk.LabelContour(one))]


@exercise("07-distance")
def mean_distance_of_two_borders(given) -> Verdict:
    balls = [_mask(_ball(32, (16, 16, 16), radius), (0.6,) * 3) for radius in (13, 8)]
    lesion = _ball(40, (20, 20, 12), 7)
    two = _mask(lesion), _mask(lesion | _ball(40, (20, 20, 30), 5))
    thick = [_mask(_ball(40, (20, 20, 16), radius), (0.5, 0.5, 2.0)) for radius in (7, 12)]
    for one, other in (balls, thick, two):
        answer = float(numbers(call(given, one, other), 1)[0])
        there, back = _from_border(one, other), _from_border(other, one)
        both = np.concatenate([there, back])
        plain = _mask(_inside(one)), _mask(_inside(other))
        in_voxels = np.abs(np.concatenate([_from_border(*plain), _from_border(*plain[::-1])])).mean()
        by_area = evaluate.surface_distance(one, other).mean
        means = (np.abs(both).mean(), (np.abs(there).mean() + np.abs(back).mean()) / 2, by_area)
        if 0.93 * min(means) <= answer <= 1.07 * max(means):
            continue
        hausdorff = sitk.HausdorffDistanceImageFilter()
        hausdorff.Execute(one, other)
        if close(answer, hausdorff.GetAverageHausdorffDistance(), 0.01):
            return wrong("That is SimpleITK's average Hausdorff distance: most voxels lie inside, and count as 0.")
        if close(answer, hausdorff.GetHausdorffDistance(), 0.01):
            return wrong("That is the largest distance: take the mean over all voxels of the borders.")
        if any(close(answer, np.abs(one_way).mean(), 0.02) for one_way in (there, back)):
            return wrong("That is one way only, be it the larger: take the border voxels of both together.")
        if any(close(answer, in_voxels * width, 0.05 * answer) for width in (1, *one.GetSpacing())):
            return wrong("You counted voxels, and they may be longer along one axis: take useImageSpacing=True.")
        if close(answer, (both**2).mean(), 0.05 * answer):
            return wrong("These are squared distances: say squaredDistance=False, or take the root of each.")
        if close(answer, both.mean(), 0.05):
            return wrong("Inside a mask its distances are negative, so they cancel those outside: take sitk.Abs.")
        if close(answer, np.abs(there).mean() + np.abs(back).mean(), 0.01):
            return wrong("That is the sum of the two ways: take the mean over the border voxels of both.")
        margin = evaluate.margin(one, other)
        if any(close(answer, signed, 0.02) for signed in (margin.mean, margin.median)):
            return wrong("That is the signed margin, where too wide and too narrow cancel: distances have no sign.")
        if close(answer, np.median(np.abs(both)), 0.01):
            return wrong("That is the median: the mean was asked for.")
        return wrong("Take the border voxels of each mask, and their distances to the border of the other one.")
    return right("Both ways, in millimetres, and over the borders only.")


@exercise("07-consensus")
def more_than_half(given) -> Verdict:
    grid = Grid((24, 24, 24), (1.5, 1.0, 1.0), (7.0, -3.0, 2.0), (0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, -1.0))
    drawn = [grid.image(_ball(24, (12, 12, 8 + n), 6).astype(np.uint8)) for n in (0, 1, 2, 4, 7)]
    for count in (5, 4, 3):
        masks = drawn[:count]
        answer = image(call(given, list(masks)))
        if not same_grid(answer, masks[0]):
            return wrong("The mask that comes back should lie on the grid of the ones that were handed in.")
        votes = sum(_inside(mask).astype(int) for mask in masks)
        values = sitk.GetArrayViewFromImage(answer)
        if not np.isin(values, (0, 1)).all() and not np.array_equal(np.unique(values), (0, 255)):
            if np.allclose(values, votes / count, atol=1e-3):
                return wrong("That is the part of the raters who agree: the mask is where it is more than a half.")
            if np.any(values == 2) and np.array_equal(values == 2, votes * 2 == count):
                return wrong("With four masks there are ties, and LabelVoting gives them a label of its own, 2.")
            return wrong("That is no mask: it should hold 1 where more than half agree, and 0 elsewhere.")
        found = values > 0
        if np.array_equal(found, votes * 2 > count):
            continue
        if np.array_equal(found, votes * 2 >= count):
            return wrong("With four masks, two are a half, and not more than it.")
        if np.array_equal(found, votes > 0):
            return wrong("That is what anybody has drawn, the union: it is as large as all mistakes together.")
        if np.array_equal(found, votes >= 3):
            return wrong("You ask for three votes: with another number of masks, half of them is another number.")
        if np.array_equal(found, votes == count):
            return wrong("That is what all have drawn, the intersection: who overlooks a lesion takes it from all.")
        return wrong("Add up the masks, and compare the sum with half of their number.")
    return right("It holds for an odd number of raters, and for an even one.")


@exercise("07-report")
def nobody_is_dropped(given) -> Verdict:
    small, large = (_mask(_ball(30, (15, 15, 15), radius)) for radius in (3, 11))
    stray = [_ball(30, centre, 2) for centre in ((4, 4, 4), (4, 4, 20), (25, 4, 4), (25, 25, 4))]
    nothing, invention = small * 0, _mask(np.any(stray, axis=0))  # four pieces
    pairs = [
        (large, _mask(_ball(30, (15, 15, 16), 11) | stray[0])),
        (small, nothing),
        (small, _mask(_ball(30, (15, 15, 17), 3))),
        (nothing, nothing),
        (nothing, invention),
        (nothing, nothing),
        (nothing, nothing),
    ]
    references, masks = map(list, zip(*pairs, strict=True))
    reported = call(given, references, masks)
    if isinstance(reported, tuple | list) and len(reported) == 2 and np.isscalar(reported[0]) and np.isnan(reported[0]):
        return wrong("Your mean is nan: a Dice of two empty masks is in it, so leave the healthy patients out.")
    mean, invented = numbers(reported, 2)
    found = [_dice(*map(_inside, pair)) for pair in (pairs[0], pairs[2])]

    def like(expected: float) -> bool:
        return close(mean, expected, 0.0051)  # two decimals are enough

    if like(sum(found) / 3) and invented == 1:
        return right("A miss counts as 0, and an invention has a number of its own.")
    if like(sum(found) / 2):
        return wrong("You dropped the patient in whom nothing was found: that is a failure, and counts as 0.")
    if like((sum(found) + 3) / 7):
        return wrong("You gave healthy patients a Dice of 1 where nothing was drawn: leave them out of this mean.")
    if like(sum(found) / 7) or like(sum(found) / 4):
        return wrong("Healthy patients stand in your mean with a 0: where nothing is, Dice is no number.")
    everything = (np.concatenate([_inside(one) for one in row]) for row in (references, masks))
    together = (np.concatenate([_inside(one) for one in row[:3]]) for row in (references, masks))
    if any(like(_dice(*rows)) for rows in (everything, together)):
        return wrong("You pooled the voxels of all patients: the one with the large lesion outvotes the others.")
    if not like(sum(found) / 3):
        return wrong("The mean is another one: over all patients with spots, with a 0 where nothing was found.")
    if invented >= 4:
        return wrong("The mean is right. The second number counts healthy patients, and you counted pieces.")
    if invented == 3:
        return wrong("You counted the healthy patients in whom nothing was drawn; count the others.")
    return wrong("The mean is right. The second number counts healthy patients in whom something was drawn.")


def _bootstrap(values: np.ndarray, level: float = 0.95) -> np.ndarray:
    return np.array(stats.bootstrap((values,), np.mean, confidence_level=level, rng=1).confidence_interval)


@exercise("07-interval")
def interval_of_the_mean_difference(given) -> Verdict:
    random = np.random.default_rng(7)
    first = random.uniform(0.55, 0.95, 24)
    second = first - random.normal(0.02, 0.03, 24)
    difference = first - second
    answer = numbers(call(given, first.copy(), second.copy()), 2)

    def like(expected: np.ndarray, within: float = 0.05) -> bool:
        return close(answer, expected, within * float(np.ptp(expected)))

    truth = _bootstrap(difference)
    if like(truth):
        return right("What makes a patient hard for both methods falls out of the difference.")
    if close(answer, np.round(truth, 2), 1e-6):
        return wrong("These are the ends after rounding, which is too coarse for this interval: leave it out.")
    if close(answer, stats.t.interval(0.95, 23, difference.mean(), stats.sem(difference)), 1e-6):
        return wrong("That is Student's interval, which is near: the exercise asks for that of the bootstrap.")
    if like(truth[::-1]):
        return wrong("The ends are turned round: give the lower one first.")
    if like(-truth[::-1]) or like(-truth):
        return wrong("That is second minus first: the sign says who leads.")
    if like(np.percentile(difference, (2.5, 97.5))):
        return wrong("That is where the patients lie. The interval asks where their mean would lie in other patients.")
    if like(_bootstrap(first)) or like(_bootstrap(second)):
        return wrong("That is the interval of one of the methods: bootstrap the difference in each patient.")
    if close(answer.mean(), difference.mean(), 0.02) and np.ptp(answer) > 2 * np.ptp(truth):
        return wrong("Too wide: the same patients were scored twice, so subtract first, and bootstrap the differences.")
    if like(_bootstrap(difference, 0.9)) or like(_bootstrap(difference, 0.99)):
        return wrong("These are the ends for another confidence level: 0.95 was asked for.")
    return wrong("Subtract the scores patient by patient, and bootstrap the mean of what is left.")


@lettered("07-choose", orders("ABCDEF"))
def measure_for_each_question(given) -> Verdict:
    order = letters(given, "ABCDEF")
    answers = {
        "C": wrong("Question 1 asks about each metastasis, so something has to count them."),
        "A": wrong("Question 2 gives its own tolerance: what two doctors differ by."),
        "E": wrong("Question 3 asks for a direction: too wide, or too narrow?"),
        "D": wrong("Question 4 compares two programs in the same patients: is the difference more than luck?"),
        "F": wrong("Question 5 asks whether something thin hangs together."),
    }
    for letter, (wanted, verdict) in zip(order, answers.items(), strict=False):  # the sixth is what is left
        if letter != wanted:
            return verdict
    return right("The question comes first, and the measure follows.")


@exercise("07-atlas")
def labels_of_another_atlas(given) -> Verdict:
    _, truth = heads.anatomy(data.load("head_labels_04"), seed=4)
    answer = image(given)
    if not same_grid(answer, truth):
        return wrong("The labels still lie on a grid of their own: carry them onto that of head.")
    there, found = sitk.GetArrayViewFromImage(truth), sitk.GetArrayFromImage(answer)
    if np.array_equal(found, there):
        return wrong("These are the labels of head itself, which in life nobody has: carry those of the atlas.")
    from_ventricles = sitk.GetArrayFromImage(sitk.SignedMaurerDistanceMap(truth == 1, False, False, True))
    rim = np.count_nonzero((found == 1) & (from_ventricles > 20)) * np.prod(truth.GetSpacing()) / 1000
    if not np.isin(found, range(5)).all() or rim > 10:
        return wrong("At the rim of the brain your labels pass through 1: linear interpolation invents them.")
    mean = np.mean([_dice(there == label, found == label) for label in range(1, 5)])
    if mean > 0.69 and np.count_nonzero(found == 1) * np.prod(truth.GetSpacing()) > 17500:
        return wrong("They fit, but the second atlas has narrower ventricles: carry the labels of atlases[1] alone.")
    if mean > 0.69:
        return right("Registration did the work, and nearest neighbour has kept the names.")
    if mean > 0.5:
        return wrong("They lie about right, as after an affine transform: take the second one, which bends.")
    return wrong("They lie elsewhere: head is the fixed image, since its grid is the one that is filled.")


@numeric("07-sides", 2)
def too_wide_and_too_narrow() -> list[Rule]:
    size, middle = 34, (16.0, 16.0, 16.0)
    truth = np.array([_dice(_ball(size, middle, 10), _ball(size, middle, radius)) for radius in (12, 8)])
    return [
        near(truth, 0.012, right("The same millimetres, and too much costs less than too little.")),
        near(truth[::-1], 0.012, wrong("The wide one comes first.")),
        near(truth / (2 - truth), 0.012, wrong("These are Jaccard indices, over the union.")),
        otherwise(wrong("Compare the ball of 10 mm with one of 12 mm, and with one of 8 mm.")),
    ]


@exercise("07-diameter")
def longest_diameter(given) -> Verdict:
    # A rod that rises through thick slices, and one in fine voxels.
    for spacing, size, along in (
        ((2.0, 2.0, 5.0), (24, 24, 12), (1, 0, 1)),
        ((0.5, 0.5, 1.0), (64, 64, 40), (1, 1, 0)),
    ):
        grid = Grid(size, spacing, (7.0, -3.0, 2.0), (0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, -1.0))
        places = np.stack(np.meshgrid(*map(np.arange, size), indexing="ij"), axis=-1) * spacing
        away = places - np.multiply(np.array(size) - 1, spacing) / 2
        axis = np.array(along) / np.linalg.norm(along)
        ahead = away @ axis
        rod = (abs(ahead) <= 14) & (np.linalg.norm(away - ahead[..., None] * axis, axis=-1) <= 5)
        mask = grid.image(rod.transpose(2, 1, 0).astype(np.uint8))

        answer = float(numbers(call(given, mask), 1)[0])
        corners = np.argwhere(rod)
        corners = corners[:: max(1, len(corners) // 1500)].astype(float)

        def span(points: np.ndarray) -> float:
            return float(np.linalg.norm(points[:, None] - points, axis=-1).max())

        truth, in_voxels = span(corners * spacing), span(corners)
        if -0.06 * truth <= answer - truth <= np.linalg.norm(spacing):
            continue
        if close(answer, in_voxels, 0.06 * in_voxels):
            return wrong("You measured in voxels: along z one of them is 5 mm in the first mask.")
        ball = 2 * (rod.sum() * np.prod(spacing) * 3 / 4 / np.pi) ** (1 / 3)
        if close(answer, ball, 0.05 * ball):
            return wrong("That is the diameter of a ball of this volume: a long lesion is longer than that.")
        extent = (np.ptp(np.argwhere(rod), axis=0) + 1) * spacing
        if any(close(answer, side, 0.02 * side) for side in (extent.max(), np.max(extent / spacing))):
            return wrong("That is the longest side of its box: this one lies aslant in it.")
        if close(answer, truth / 2, 0.06 * truth):
            return wrong("That is half of it: a radius.")
        return wrong("The longest way from one voxel of the mask to another, in mm.")
    return right("In millimetres, and from end to end, however it lies.")


@exercise("07-cases")
def patients_for_a_claim(given) -> Verdict:
    answer = float(numbers(given, 1)[0])
    if 245 <= answer <= 257:
        return right("About two hundred and fifty, for one hundredth.")
    if 60 <= answer <= 62:
        return wrong("You took 0.01 for the width of the whole interval: ± 0.01 is half of it.")
    if close(answer, 64, 0.5):
        return wrong("You asked for one standard error, which holds 68 %: 95 % need 1.96 of them.")
    if 15 <= answer <= 16:
        return wrong("The interval shrinks with the root of the number, so your ratio must be squared.")
    if 173 <= answer <= 174:
        return wrong("1.645 belongs to 90 %: for 95 % it is 1.96.")
    return wrong("Solve 0.01 = 1.96 × 0.08 / √n for n.")


@exercise("07-coarse")
def best_against_a_coarse_reference(given) -> Verdict:
    mask = _mask(_ball(30, (15, 15, 15), 5) | _ball(30, (8, 22, 8), 3))
    for width in (2.0, 3.0):
        answer = float(numbers(call(given, mask, width), 1)[0])
        size = [int(np.ceil(30 / width))] * 3

        def carried(one: sitk.Image, *where, how: int = sitk.sitkNearestNeighbor) -> sitk.Image:
            return sitk.Resample(one, *where[:1], sitk.Transform(), how, *where[1:])

        # A careful learner may also let the large voxels begin where the small ones begin.
        allowed = []
        for first in (0.0, (width - 1) / 2):
            coarse = carried(mask, size, (first,) * 3, (width,) * 3)
            allowed.append(_dice(_inside(mask), _inside(carried(coarse, mask))))
        if min(allowed) - 0.03 <= answer <= max(allowed) + 0.03:
            continue
        if close(answer, 1, 1e-6):
            return wrong("Both were compared in the large voxels, where they are the same: carry the coarse mask back.")
        if any(close(answer, one / (2 - one), 0.02) for one in allowed):
            return wrong("That is the Jaccard index: evaluate.overlap has Dice as well.")
        if answer > 1:
            return wrong("A Dice is at most 1: which number of the overlap is this?")
        return wrong("Carry the mask onto voxels of this width and back, both by nearest neighbour, and compare.")
    return right("Even a perfect program gets no more, when the reference is coarse.")
