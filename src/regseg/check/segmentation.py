"""Checks of episode 06, from grey values to objects."""

from __future__ import annotations

from functools import cache
from itertools import combinations

import numpy as np
import SimpleITK as sitk

from regseg import data, evaluate
from regseg.check.boxes import Rule, lettered, listed, near, numeric, orders, otherwise
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
    right,
    same_grid,
    wrong,
)
from regseg.data import recipes
from regseg.grid import Grid
from regseg.synth import lesions, looks

ON_UNSEEN = 0.92  # the mean Dice that 06-unseen asks for


def _on(labels: sitk.Image, scan: sitk.Image, interpolator: int = sitk.sitkNearestNeighbor) -> np.ndarray:
    return sitk.GetArrayFromImage(sitk.Resample(labels, scan, sitk.Transform(), interpolator))


def _table(labels: np.ndarray, values: np.ndarray, unit: float) -> dict[int, tuple[float, float]]:
    """For each label but 0 its volume, in units of so many voxels, and the mean value in it."""
    return {int(n): ((labels == n).sum() * unit, values[labels == n].mean()) for n in np.unique(labels) if n}


@exercise("06-table")
def volume_and_brightness(given) -> Verdict:
    fine, labels = data.load("shaded_flair"), data.load("shaded_labels")
    thick = sitk.BinShrink(fine, [1, 1, 5])
    thick_labels = sitk.Resample(labels, thick, sitk.Transform(), sitk.sitkNearestNeighbor)
    thick_labels = sitk.ChangeLabel(thick_labels, {5: 12})  # whoever counts to eight instead of looking is found out
    for scan, drawn in ((thick, labels), (fine, thick_labels)):
        answer = call(given, scan, drawn)
        if not isinstance(answer, dict):
            return wrong("Return a dictionary: each label, and with it a pair of millilitres and mean brightness.")
        voxel, values = float(np.prod(scan.GetSpacing())), sitk.GetArrayViewFromImage(scan)
        there = _on(drawn, scan)
        truth = _table(there, values, voxel / 1000)
        if 0 in answer and len(answer) == len(truth) + 1:
            return wrong("Label 0 is in your table: it is the name of nothing, the background.")
        if set(answer) != set(truth):
            return wrong("The labels of your table are not those of the image handed in: np.unique tells which it has.")
        try:
            found = np.array([answer[n] for n in truth], float).reshape(len(truth), 2)
        except (TypeError, ValueError):
            return wrong("Each label needs two numbers: its millilitres, and its mean brightness.")
        expected = np.array(list(truth.values()))
        if np.allclose(found, expected, rtol=0.03, atol=0.006):  # rounded to two decimals is good enough
            continue
        if np.allclose(found[:, ::-1], expected, rtol=0.03):
            return wrong("The pairs are turned round: first the millilitres, then the brightness.")

        def carried_by(interpolator: int, drawn=drawn, scan=scan, values=values, truth=truth, found=found) -> bool:
            other = _table(_on(drawn, scan, interpolator), values, float(np.prod(scan.GetSpacing())) / 1000)
            return np.allclose(found, [other.get(n, (0, 0)) for n in truth], rtol=0.005)

        if carried_by(sitk.sitkLinear):
            return wrong("You carried the labels with linear interpolation: between 8 and 0 it invents 7, 6, 5 …")
        if carried_by(sitk.sitkLabelGaussian):
            return wrong(
                "LabelGaussian makes borders smooth, and small lesions smaller: nearest neighbour takes nothing."
            )
        if np.allclose(found[:, 0], expected[:, 0] / 1000, rtol=0.03):
            return wrong("These are litres: one litre holds a thousand millilitres.")
        if np.allclose(found[:, 0], expected[:, 0] * 1000, rtol=0.03):
            return wrong("These are cubic millimetres: one millilitre holds a thousand of them.")
        if np.allclose(found[:, 0], expected[:, 0] * 1000 / voxel, rtol=0.03) or np.allclose(
            found[:, 0], expected[:, 0] / voxel, rtol=0.03
        ):
            return wrong("You took voxels for 1 mm³: on the grid of this scan one has 5 mm³, whatever the labels had.")
        if np.allclose(found[:, 0], expected[:, 0], rtol=0.03):
            return wrong("The volumes are right; the brightness is the mean of the scan's values where the label is.")
        return wrong("Carry the labels onto the grid of the scan first, then count there and measure there.")
    return right("It holds for any two grids, because the names stay names and the millimetres come from the scan.")


@exercise("06-n4")
def shading_removed(given) -> Verdict:
    scan, field, mask = (data.load(name) for name in ("shaded_flair", "shaded_field", "brain_mask"))
    answer = image(given)
    if not same_grid(answer, scan):
        return wrong("This is not on the grid of the scan: N4 worked on the small image, and its field fits any grid.")

    # Means over boxes deep in the brain, so that the noise does not count.
    before, after, true, inside = (
        sitk.GetArrayFromImage(sitk.BinShrink(sitk.Cast(one, sitk.sitkFloat32), [8] * 3))
        for one in (scan, answer, field, mask)
    )
    deep = inside > 0.999
    if not np.isfinite(after[deep]).all() or np.ptp(after[deep]) == 0:
        return wrong("There is nothing left of the scan, or numbers that are none: what did you divide by?")
    gain = after[deep] / before[deep]  # a correction is one over the field, times some number

    def varies(values: np.ndarray) -> float:
        return float(values.std() / abs(values.mean()))

    if varies(gain * true[deep]) < 0.06:
        if correlation(*(np.diff(sitk.GetArrayFromImage(one).astype(float)) for one in (scan, answer))) < 0.9:
            return wrong(
                "The shading is gone, and the detail too: divide the scan itself, not a small or a smoothed one."
            )
        return right("What varies with the place is gone; the scale is arbitrary, as it was before.")
    if varies(after[deep] / true[deep]) < 0.06:
        return wrong("This is the field itself: divide the scan by it.")
    if varies(gain * true[deep] ** np.log(10)) < 0.1:
        return wrong("N4 takes the natural logarithm: it is sitk.Exp that undoes it, and not a power of ten.")
    if answer.GetPixelID() in (sitk.sitkUInt8, sitk.sitkInt8):
        return wrong("Eight bits hold no number above 255, and the scan does: cast to sitk.sitkFloat32.")
    if correlation(before[deep] - after[deep], true[deep]) > 0.95:
        return wrong("You took the field away by subtraction: the coil multiplies the signal, so divide.")
    if varies(gain) < 0.01:
        return wrong("This is the scan as it was, or a multiple of it: divide it by the field.")
    if varies(gain / true[deep]) < 0.06:
        return wrong("You multiplied by the field: the coil has done so already, so divide.")
    if (gain < 0).mean() > 0.05:
        return wrong("You divided by the logarithm of the field, which is zero in places: take sitk.Exp of it first.")
    return wrong("The shading is still there, or another one: the scan over exp(log field), on the grid of the scan.")


@numeric("06-level", 1)
def halfway_from_fluid_to_white_matter() -> list[Rule]:
    scan = data.load("brain_t2")
    values = sitk.GetArrayViewFromImage(scan)
    places = [scan.TransformPhysicalPointToIndex(point) for point in ((-12.0, 14.0, 22.0), (-28.0, 11.0, 29.0))]

    def level(a: int, b: int, c: int) -> float:
        return float(values[a - 1 : a + 2, b - 1 : b + 2, c - 1 : c + 2].mean())

    fluid, white = (level(*place[::-1]) for place in places)
    one_level = wrong("That is the level of one of the two: the border lies between them.")
    return [
        near(
            (fluid + white) / 2,
            0.03 * (fluid - white),
            right("A voxel with this value is half fluid, half white matter: there lies the border."),
        ),
        near(
            sum(level(*place) for place in places) / 2,
            1,
            wrong("You asked the array for [x, y, z], and measured elsewhere: arrays count z, y, x."),
        ),
        near(
            fluid / 2,
            0.01 * fluid,
            wrong("That is half of the fluid's level, as if the tissue beside it had none."),
        ),
        near(
            (fluid - white) / 2,
            0.03 * fluid,
            wrong("That is half the way from one to the other: begin it at the level of the white matter."),
        ),
        near(fluid + white, 0.03 * fluid, wrong("That is the sum of the two levels: take half of it.")),
        near(fluid, 0.1 * fluid, one_level),
        near(white, 0.1 * white, one_level),
        otherwise(
            wrong("Measure the level at each of the two points, as the mean of 3 × 3 × 3 voxels, and go halfway.")
        ),
    ]


@lettered("06-order", orders("ABCDE"))
def order_of_the_steps(given) -> Verdict:
    order = letters(given, "ABCDE")
    before = set(combinations(order, 2))
    if ("A", "B") in before:
        return wrong("You threshold before the bias correction: one number cannot fit the bright and the dark side.")
    if ("A", "D") in before:
        return wrong("You smooth after the threshold: by then the noise has decided about each voxel.")
    if ("C", "A") in before:
        return wrong("You look for pieces before there are any: it is the threshold that makes objects of grey values.")
    if ("E", "C") in before:
        return wrong("You measure before the specks are gone, so they are in your number.")
    return right("Correct, smooth, decide, tidy up, measure. (The first two may change places.)")


@listed("06-report", "ABCD")
def line_for_the_colleague(given) -> Verdict:
    answer = choice(given, "A", "B", "C", "D")
    if answer == "C":
        return right("A number, its range, and what moves it which way: that can be defended.")
    if answer == "A":
        return wrong("One recipe gives one number: with the threshold elsewhere, another careful person gets another.")
    if answer == "B":
        return wrong("One voxel is not the error: the place of the threshold alone moved the volume by far more.")
    return wrong("That is the truth out of the drawer: how would you have come to it without one?")


def _cleaned(given, mask: sitk.Image, limit: float) -> sitk.Image:
    """What a learner's function makes of a mask, with a limit in millimetres or cubic millimetres."""
    answer = image(call(given, mask, limit))
    if not same_grid(answer, mask):
        raise CannotRead("The mask that comes back should lie on the grid of the one that was handed in.")
    return answer


def _with_specks(spacing: tuple[float, float, float]) -> tuple[sitk.Image, np.ndarray]:
    """A mask and how often each of its pieces counts: 1 large, 2 middle, 3 a chain over corners, 4 a single voxel."""
    pieces = np.zeros((9, 16, 16), np.uint8)
    pieces[2:5, 2:6, 2:6] = 1
    pieces[2, 10, 2:6] = 2
    for n in range(4):
        pieces[4 + n, 9 + n, 9 + n] = 3
    pieces[7, 3, 12] = 4
    mask = sitk.GetImageFromArray((pieces > 0).astype(np.uint8))
    mask.SetSpacing(spacing)
    return mask, pieces


@exercise("06-specks")
def only_large_pieces(given) -> Verdict:
    # Four voxels are 20 mm³ in thick slices, and half a cubic millimetre in the second mask.
    thick = (1.0, 1.0, 5.0)
    for spacing, smallest in ((thick, 10.0), ((0.5, 0.5, 0.5), 0.4), (thick, 20.0), (thick, 22.0)):
        mask, pieces = _with_specks(spacing)
        array = sitk.GetArrayFromImage(_cleaned(given, mask, smallest)) > 0
        kept = {n for n in range(1, 5) if array[pieces == n].all()}
        touched = {n for n in range(1, 5) if array[pieces == n].any()}
        if array[pieces == 0].any() or kept != touched:
            return wrong("A piece is either kept as it is or gone: nothing is added, and no piece loses a part.")
        if kept == ({1} if smallest == 22 else {1, 2, 3}):
            continue
        if kept == {1, 2, 3}:
            return wrong("22 mm³ were asked for, and a piece of 20 is still there: round the number of voxels up.")
        if kept == {1} and smallest == 20:
            return wrong("A piece of just 20 mm³ is gone where 20 were asked for: “at least” lets it stay.")
        if kept == {1, 2}:
            return wrong("You took only common faces for contact: voxels that share a corner belong together.")
        if kept == {4}:
            return wrong("You kept what should go: the specks are the small pieces.")
        if kept == {1, 2, 3, 4}:
            return wrong("A speck of one voxel is still there: how many cubic millimetres has one voxel?")
        return wrong("You threw too much away: is your limit in voxels, or did you keep the largest piece only?")
    return right("Cubic millimetres, whatever the voxels are, and corners count as contact.")


@exercise("06-seed")
def spot_from_a_poor_seed(given) -> Verdict:
    labels = data.load("shaded_labels")
    answer = image(given)
    if not same_grid(answer, labels):
        return wrong("The region should lie on the grid of the scan.")
    found, truth = sitk.GetArrayViewFromImage(answer) > 0, sitk.GetArrayViewFromImage(labels)
    counts = np.bincount(truth[found], minlength=9)
    if not found.any():
        return wrong("The region is empty, and no error told you: a seed outside of the spot grows nothing.")
    if found.sum() > 50_000:
        return wrong("The region leaked into the brain: the lower limit must lie above the tissue around the spot.")
    if counts[4] == 0:
        return wrong("That is another place: SimpleITK wants the index as x, y, z, from TransformPhysicalPointToIndex.")
    if counts[1:].sum() > 1.5 * counts[4]:
        return wrong("There are several spots in it: grow from the seeds, and do not take the whole threshold.")
    if 2 * counts[4] / (found.sum() + (truth == 4).sum()) < 0.75:
        return wrong("It is the right spot, and far too little or too much of it: halfway is a good lower limit.")
    return right("Several seeds near the place, and those that lie outside do no harm.")


@exercise("06-balls")
def what_smoothing_takes(given) -> Verdict:
    grid = np.sum(np.square(np.mgrid[-15:16, -15:16, -15:16]), axis=0)
    for radius in (3, 6):
        ball = (grid <= radius**2).astype(np.float32)
        answer = float(numbers(call(given, radius), 1)[0])

        def left(variance: float, level: float, ball=ball) -> float:
            smooth = sitk.DiscreteGaussian(sitk.GetImageFromArray(ball), variance)
            return np.count_nonzero(sitk.GetArrayFromImage(smooth) > level) / ball.sum()

        truth = left(1.44, 0.5)
        if close(answer, truth, 0.01):
            continue
        if answer == 0:
            return wrong(
                "Nothing is left: a ball of whole numbers stays whole when it is smoothed, so make it float32."
            )
        if close(answer, 100 * truth, 1):
            return wrong("That is in per cent: return it as a part, from 0 to 1.")
        if close(answer, truth * ball.sum(), 0.01 * ball.sum()):
            return wrong("That is how many voxels are left: divide by how many there were.")
        if close(answer, 1 - truth, 0.01):
            return wrong("That is the part that is lost: the question is what is left.")
        if close(answer, left(1.2, 0.5), 0.01):
            return wrong("You gave the filter 1.2 as its variance: that is the square of the standard deviation.")
        if close(answer, left(1.44, 0), 0.01):
            return wrong("You kept all that is not zero: the border lies halfway, at one half.")
        return wrong("Count the voxels above one half after the smoothing, and divide by those of the ball.")
    return right("The smaller the ball, the more is lost: its surface is bent more.")


# --- further practice ------------------------------------------------------------------------------------------------


@cache
def unseen(seed: int, scale: float) -> tuple[sitk.Image, sitk.Image, sitk.Image]:
    """A scan that no text has shown, its brain mask and its true lesions as 1, in voxels of 2 mm."""
    mask, tissue = data.load("brain_mask"), recipes.tissue_fractions()
    grid, fractions = Grid.of(mask), lesions.filled(mask, tissue, seed=seed, apart=14)
    shaded = looks.bias(lesions.flair(tissue, fractions, grid), 0.3, seed=seed + 2)
    scan = looks.noise(shaded, 40, seed=seed + 3, mask=mask)
    truth = sitk.Cast(grid.image(fractions.max(axis=0)), sitk.sitkFloat32)
    small = [sitk.BinShrink(sitk.Cast(one, sitk.sitkFloat32), [2] * 3) for one in (scan, mask, truth)]
    return small[0] * scale, small[1] > 0.5, small[2] > 0.5


@exercise("06-unseen")
def lesions_of_scans_never_seen(given) -> Verdict:
    scores = []
    for seed, scale in ((2101, 1.0), (2104, 1.3)):
        scan, mask, truth = unseen(seed, scale)
        answer = image(call(given, sitk.Image(scan), sitk.Image(mask)))
        if not same_grid(answer, scan):
            return wrong("The mask should lie on the grid of the scan that was handed in.")
        answer = answer > 0
        if not sitk.GetArrayViewFromImage(answer).any():
            return wrong("On a scan that you have not seen your function finds nothing: is there a fixed number in it?")
        scores.append(evaluate.overlap(truth, answer).dice)
    told = f"The mean Dice on two scans that you have not seen is {np.mean(scores):.2f}"
    if np.mean(scores) >= ON_UNSEEN:
        return right(f"{told}; {ON_UNSEEN:.2f} was asked for.")
    if np.ptp(scores) > 0.25:
        return wrong(f"{told}, and the two are far apart: a number that fits one scan does not fit the other.")
    if np.mean(scores) < 0.5:
        return wrong(f"{told}: have you corrected the shading before the threshold?")
    return wrong(f"{told}; {ON_UNSEEN:.2f} is within reach: smooth less, put the threshold halfway, drop the specks.")


def _ball(spacing: tuple[float, float, float]) -> sitk.Image:
    """A mask with a ball of 7 mm radius, a bridge, a pillar, and a hole."""
    size = [int(24 / step) for step in spacing]
    x, y, z = (np.arange(n) * step - 12 for n, step in zip(size, spacing, strict=True))
    x, y, z = x[None, None], y[None, :, None], z[:, None, None]
    inside = (
        (x**2 + y**2 + z**2 < 49) | ((abs(y) < 1.2) & (abs(z) < 5.2) & (x > 0)) | (abs(x + 9) + abs(y) < 3) & (z < 6)
    )
    inside &= ~((abs(x) < 0.9) & (abs(y) < 0.9))
    mask = sitk.GetImageFromArray(inside.astype(np.uint8))
    mask.SetSpacing(spacing)
    return mask


@exercise("06-ball")
def opened_in_millimetres(given) -> Verdict:
    for spacing, radius in (((0.5, 0.5, 1.0), 2.0), ((1.0, 1.0, 5.0), 2.0), ((1.0, 1.0, 3.0), 2.0)):
        mask = _ball(spacing)
        found = sitk.GetArrayFromImage(_cleaned(given, mask, radius)) > 0
        steps = [radius / step for step in spacing]
        near = [int(round(step)) for step in steps]

        def like(radii, kernel=sitk.sitkBall, how=sitk.BinaryMorphologicalOpening, mask=mask, found=found) -> bool:
            return np.array_equal(sitk.GetArrayFromImage(how(mask, [int(r) for r in radii], kernel)) > 0, found)

        if like(near):
            continue
        if like([radius] * 3):
            return wrong("You counted the radius in voxels: 2 voxels along z are 10 mm in the thick slices.")
        if like([near[0]] * 3):
            return wrong("You took one number of voxels for all axes: the slices are thicker than the pixels are wide.")
        if like(np.ceil(steps)):
            return wrong("You rounded up: along the thick slices that is a reach of 5 mm where 2 were asked for.")
        if like(np.floor(steps)):
            return wrong(
                "You cut off what follows the point: on slices of 3 mm a radius of 2 is nearer to one than to none."
            )
        if like(near, sitk.sitkBox):
            return wrong("The kernel is a box, whose corners reach further than the radius: take a ball.")
        if like(near, how=sitk.BinaryMorphologicalClosing):
            return wrong("That is a closing, which fills gaps: an opening removes what is thinner than the ball.")
        return wrong("For each axis: the radius over the spacing, rounded to a whole number of voxels.")
    return right("The same millimetres along each axis, which are different numbers of voxels.")


@exercise("06-join")
def pairs_across_a_border(given) -> Verdict:
    one = np.array([[3, 3, 0, 0, 0], [0, 0, 0, 0, 4], [5, 0, 0, 0, 0], [0, 0, 0, 6, 0], [0, 0, 0, 0, 0]])
    other = np.array([[7, 0, 0, 0, 0], [0, 0, 0, 8, 0], [9, 0, 0, 0, 0], [0, 0, 0, 0, 0], [2, 0, 0, 0, 1]])
    answer = call(given, one.copy(), other.copy())
    try:
        pairs = {(int(a), int(b)) for a, b in answer}
    except (TypeError, ValueError):
        raise CannotRead("I expected a set of pairs, such as {(3, 7), (4, 8)}.") from None
    faces, edges, corners = {(3, 7), (5, 9)}, {(4, 8)}, {(6, 1)}
    touching, round_the_end = faces | edges | corners, {(3, 2), (3, 1), (4, 7), (4, 9)}
    if pairs == touching:
        return right("Nine neighbours for each voxel, and few pairs, however large the blocks are.")
    if any(0 in pair for pair in pairs):
        return wrong("There are pairs with 0 in it: the background of one block is not joined to a piece of the other.")
    if pairs == {(b, a) for a, b in touching}:
        return wrong("The pairs are turned round: first the label of the one block, then that of the other.")
    if pairs == faces:
        return wrong("You took only common faces for contact: 4 and 8 touch over an edge, 6 and 1 over a corner.")
    if pairs == faces | edges:
        return wrong("Edges count in yours, and corners do not: 6 and 1 lie diagonally to each other.")
    if pairs - touching and pairs - touching <= round_the_end:
        return wrong("You joined the last row to the first one, as np.roll does: they are two ends of the image.")
    if pairs > touching:
        return wrong("You paired labels that do not touch: compare each voxel with its nine neighbours only.")
    return wrong("For each voxel of the one layer look at nine of the other, and keep the pairs that are above 0.")


@exercise("06-cyst")
def cavity_behind_a_wall_with_a_hole(given) -> Verdict:
    answer = image(given)
    if not same_grid(answer, sitk.Image([44] * 3, sitk.sitkUInt8)):
        return wrong("The cavity should lie on the grid of the cyst, a cube of 44 voxels.")
    found = sitk.GetArrayFromImage(answer) > 0
    cavity = np.sum(np.square(np.mgrid[:44, :44, :44] - 22), axis=0) < 9.5**2  # up to the inside of the wall
    dice = 2 * (found & cavity).sum() / (found.sum() + cavity.sum())
    if dice >= 0.9:
        return right("The rubber spans the hole, and the edges hold the rest.")
    if found.sum() < 30:
        return wrong("The surface has vanished: without air, or with too much rubber, a small ball shrinks to nothing.")
    if (found & ~cavity).sum() > 0.2 * cavity.sum():
        return wrong("It leaks through the hole: the curvature term spans it, and more advection holds at the edges.")
    return wrong("It stays inside, and does not reach the wall: take more steps, or less rubber.")


@exercise("06-lung")
def real_lung(given) -> Verdict:
    lung = data.load("chest_ct_mask")
    answer = image(given)
    if not same_grid(answer, lung):
        return wrong("The mask should lie on the grid of the scan.")
    found, truth = sitk.GetArrayViewFromImage(answer) > 0, sitk.GetArrayViewFromImage(lung) > 0
    if not found.any():
        return wrong("The mask is empty.")
    dice = 2 * (found & truth).sum() / (found.sum() + truth.sum())
    caught, extra = (found & truth).sum() / truth.sum(), (found & ~truth).sum() / found.sum()
    if dice >= 0.97:
        return right("The published mask and yours agree nearly everywhere.")
    if dice < 0.3 and caught < 0.2:
        return wrong("You have what is not lung: the lung is dark, and it is the largest dark piece in this box.")
    if extra > 0.15:
        return wrong("Other dark pieces are in it, such as the air outside: keep the largest component.")
    if caught < 0.97:
        return wrong("Parts of the lung are missing: the threshold is too low for its denser parts, or holes are open.")
    return wrong("There is too much of it: the threshold is too high, or the closing reaches too far.")


def _rooms() -> tuple[sitk.Image, list[tuple[int, int]], list[tuple[int, int]]]:
    """Walls around round spaces with doors; the middles (y, x) of the nine whole ones, and of those the border cuts."""
    y, x = np.mgrid[:156, :156]
    rows = range(2, 156, 38)
    discs = [(j, i, (12, 15, 13.5)[(j + 2 * i) // 38 % 3]) for j in rows for i in rows]
    space = np.any([np.hypot(y - j, x - i) < radius for j, i, radius in discs], axis=0)
    slant_x, slant_y = (x % 38 - 19) / 4, (y % 38 - 19) / 4  # doors that no axis follows, so that each has its dents
    space |= np.any([(abs(y - j - slant_x) < 3) | (abs(x - j + slant_y) < 3) for j in rows], axis=0)
    walls = sitk.GetImageFromArray((~space).astype(np.uint8))
    whole = [(j, i) for j, i, _ in discs if min(j, i) > 2 and max(j, i) < 154]
    return walls, whole, [(j, i) for j, i, _ in discs if (j, i) not in whole]


@exercise("06-spaces")
def spaces_that_are_whole(given) -> Verdict:
    walls, whole, cut = _rooms()
    answer = image(call(given, walls), dimension=2)
    if not same_grid(answer, walls):
        return wrong("The labels should lie on the grid of the walls.")
    found = sitk.GetArrayViewFromImage(answer)
    names, count = {int(found[middle]) for middle in whole}, len(np.unique(found[found != 0]))
    if any(found[middle] for middle in cut):
        return wrong("Spaces that the border of the image cuts are in it: nobody knows how large they are.")
    if 0 in names:
        return wrong("A whole space has no label: is it the depth that rises inside it, and do you drop cut ones only?")
    if len(names) < len(whole):
        return wrong("Two spaces have one label, for a gap in the wall joins them: a watershed parts them.")
    if (found[sitk.GetArrayViewFromImage(walls) > 0] != 0).any():
        return wrong("There are labels on the walls, too: mask the valleys with what is no wall.")
    if count > len(whole):
        return wrong(f"{count} labels for {len(whole)} whole spaces: every dent became a valley, so raise the level.")
    return right("Each whole space has its label, and none is counted that the border cuts.")


VENTRICLES, PEOPLE = (4, 5, 14, 43, 44), (4, 10, 14)  # FreeSurfer's numbers, but for the fourth; and whose label maps


@exercise("06-ventricles")
def ventricles_of_three_people(given) -> Verdict:
    answer = numbers(given, len(PEOPLE))
    maps = [sitk.GetArrayFromImage(data.load(f"head_labels_{number:02d}")).astype(int) for number in PEOPLE]
    truth = np.array([np.isin(labels, VENTRICLES).sum() / 1000 for labels in maps])
    if (abs(answer / truth - 1) < 0.2).all():
        return right("Each lies within 20 % of what the people who drew the label maps found.")
    if (abs(answer[::-1] / truth - 1) < 0.25).all():
        return wrong("The three are turned round: give them in the order of people.")
    if (abs(answer / truth / 1000 - 1) < 0.25).all():
        return wrong("These are cubic millimetres: one millilitre holds a thousand of them.")
    if (abs(answer * 8 / truth / 1000 - 1) < 0.25).all() or (abs(answer * 8 / truth - 1) < 0.25).all():
        return wrong("You counted voxels: one has 8 mm³ here.")
    if (answer > 2.5 * truth).all():
        return wrong(
            "That is the whole lake: waters that rise from the surface, too, must stop those of the ventricles."
        )
    if (answer < 0.75 * truth).all():
        return wrong(
            "Much is missing: put a marker into both ventricles, and let the other waters begin near the surface."
        )
    return wrong("Not all three are within 20 %: how deep below the surface do the other waters begin?")
