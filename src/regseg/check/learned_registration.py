"""Checks of episode 12, learned registration."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk

from regseg import data, evaluate
from regseg.check.engine import (
    CannotRead,
    Verdict,
    call,
    choice,
    close,
    exercise,
    numbers,
    right,
    together,
    transform,
    wrong,
)
from regseg.grid import Grid
from regseg.synth import warps

_STRAIGHT, _TURNED = (1.0, 0.0, 0.0, 1.0), (0.0, -1.0, 1.0, 0.0)


def _vectors(given: sitk.Transform, grid: Grid) -> np.ndarray:
    """The displacements in mm at the pixels of a grid, (y, x, component)."""
    return sitk.GetArrayFromImage(grid.sample(given))


@exercise("12-reach")
def field_with_a_longest_vector(given) -> Verdict:
    even = Grid((48, 40), (4.0, 4.0), (0.0, 0.0), _STRAIGHT)
    thick = Grid((60, 30), (3.0, 6.0), (20.0, -7.0), _TURNED)
    for grid, seed, reach in ((even, 1, 12.0), (even, 2, 12.0), (thick, 3, 12.0), (even, 2, 100.0)):
        field = _vectors(transform(call(given, grid, seed, reach), 2), grid)
        longest = float(np.linalg.norm(field, axis=-1).max())
        in_pixels = float(np.linalg.norm(field @ np.linalg.inv(grid.axes).T / grid.spacing, axis=-1).max())
        if longest < 0.01 * reach:
            return wrong("Nothing moves: the longest displacement should be as long as it is said to be.")
        if not close(longest, reach, 0.03 * reach):
            if close(in_pixels, reach, 0.03 * reach):
                return wrong(
                    "You counted pixels: the longest displacement is wanted in mm, and a pixel may be 4 of it."
                )
            if close(np.abs(field).max(), reach, 0.03 * reach):
                return wrong("That is the largest component: the length of a vector is the root of the sum of squares.")
            if close(field.std(axis=(0, 1)), reach, 0.1 * reach):
                return wrong("That is the standard deviation of the displacements: the longest one is wanted.")
            return wrong(
                f"The longest displacement has {longest:.1f} mm, and {reach:g} were asked for. The numbers of a "
                "B-spline are coefficients, and points move less than these."
            )
        if evaluate.folding(grid.sample(call(given, grid, seed, reach))) > 0:
            return wrong(f"At {reach:g} mm your field folds: it goes straight. Follow a velocity instead.")
    if not np.array_equal(_vectors(call(given, even, 3, 12.0), even), _vectors(call(given, even, 3, 12.0), even)):
        return wrong("The same seed gave another field: nobody could repeat your training.")
    if np.allclose(_vectors(call(given, even, 3, 12.0), even), _vectors(call(given, even, 4, 12.0), even)):
        return wrong("Another seed gave the same field: a network would learn one answer by heart.")
    return right("As long as you said, the same for the same seed, and it folds nowhere.")


@exercise("12-fold")
def place_of_the_worst_fold(given) -> Verdict:
    x, y = numbers(given, 2)
    template = sitk.DICOMOrient(data.load("brain_t1"), "LPS")[:, :, 95]
    grid = Grid.of(template).shrink((4, 4))
    field = warps.scaled(grid.sample(warps.bspline(grid, 3, 1.0, (5, 6))), 45)
    determinant = sitk.GetArrayFromImage(evaluate.jacobian_determinant(field))
    length = np.linalg.norm(sitk.GetArrayFromImage(field), axis=-1)

    def place(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        index = np.array(np.unravel_index(values.argmax(), values.shape))[::-1]
        return index, grid.points(index)

    def near(point: np.ndarray) -> bool:
        return close((x, y), point, 0.75 * max(grid.spacing))

    index, worst = place(-determinant)
    if near(worst):
        return right("There the tissue is turned inside out.")
    if close((x, y), index, 0.5) or close((x, y), index[::-1], 0.5):
        return wrong("That is an index: the place is wanted in mm, and TransformIndexToPhysicalPoint knows it.")
    if near(worst[::-1]):
        return wrong("The coordinates have changed places: an array has y first, and a point x.")
    if near(place(determinant)[1]):
        return wrong("That is where space is stretched most: it folds where the determinant is lowest.")
    if near(place(length)[1]):
        return wrong("That is where points go farthest: a long way is no fold, if the neighbours go along.")
    return wrong(
        "Look for the smallest value of evaluate.jacobian_determinant of the straight field, and say where it is."
    )


@exercise("12-huber")
def hubers_loss(given) -> Verdict:
    errors = np.array([0.0, 0.3, -0.4, 2.0, -5.0, 1.5])
    size = np.abs(errors)
    for delta in (0.5, 2.5):
        answer = call(given, errors.copy(), delta)
        if isinstance(answer, list | tuple | np.ndarray) and np.iterable(answer) and len(answer) == errors.size:
            return wrong("You return one number for each error: a loss is one number, so take their mean.")
        loss = float(numbers(answer, 1)[0])
        each = np.where(size <= delta, size**2 / 2, delta * (size - delta / 2))
        if close(loss, each.mean(), 1e-4):
            continue
        if close(loss, each.sum(), 1e-4):
            return wrong("That is the sum: take the mean, or the loss grows with the image.")
        if close(loss, 2 * each.mean(), 1e-4):
            return wrong("Twice as much: the square is halved, and so is its straight continuation.")
        if close(loss, np.mean(size**2) / 2, 1e-4) or close(loss, np.mean(size**2), 1e-4):
            return wrong("That is squared everywhere: one vector that is far off would rule the training.")
        if close(loss, size.mean(), 1e-4):
            return wrong("That is the plain distance everywhere: within delta it should be a square.")
        if close(loss, np.where(size <= delta, size**2 / 2, delta * size).mean(), 1e-4):
            return wrong("Your loss jumps at delta: take half of delta off, so that both parts meet.")
        if close(loss, np.where(errors <= delta, errors**2 / 2, delta * (errors - delta / 2)).mean(), 1e-4):
            return wrong("A large negative error is squared: ask for its size, np.abs, before you compare with delta.")
        return wrong(
            "Half the square within delta; beyond, delta times what is left of the size without half of delta."
        )
    return right("A square near zero, straight far away, and both meet with the same slope.")


@exercise("12-compose")
def field_after_an_affine_start(given) -> Verdict:
    grid = Grid((40, 50), (4.0, 4.0), (-80.0, -100.0), _STRAIGHT)
    affine = sitk.AffineTransform(2)
    affine.Rotate(0, 1, 0.5)
    affine.Translate((9.0, -14.0))
    field = warps.single_frequency(grid, 5, reach=20.0, knots=60.0)
    points = np.array([(x, y) for x in range(-60, 61, 20) for y in range(-75, 76, 25)], float)

    def moved(*steps: sitk.Transform) -> np.ndarray:
        """Where points come to that take these steps, the first one first."""
        there = points.tolist()
        for step in steps:
            there = [step.TransformPoint(point) for point in there]
        return np.array(there)

    answer = transform(call(given, sitk.AffineTransform(affine), sitk.DisplacementFieldTransform(field)), 2)
    found, truth = moved(answer), moved(field, affine)

    def off(expected: np.ndarray) -> bool:
        return float(np.linalg.norm(found - expected, axis=1).max()) < 0.2

    if off(truth):
        return right("The field acts first, where the network saw the fixed image, and the affine takes its result on.")
    if off(moved(affine, field)):
        error = np.linalg.norm(found - truth, axis=1).mean()
        return wrong(f"The other way round: points land {error:.0f} mm off. In a list the last transform acts first.")
    if off(moved(field)):
        return wrong("That is the field alone: it leads to an image that the affine start has moved already.")
    if off(moved(affine)):
        return wrong("That is the affine start alone: what the network has found is lost.")
    if off(moved(affine.GetInverse(), field)) or off(moved(field, affine.GetInverse())):
        return wrong("The affine start is inverted: it maps from fixed to moving as it is.")
    return wrong("Put both into a sitk.CompositeTransform, as they are.")


@exercise("12-leak")
def rows_that_leak(given) -> Verdict:
    text = "".join(map(str, given)) if isinstance(given, tuple | list) else given
    letters = [letter for letter in text.upper() if letter.isalpha()] if isinstance(text, str) else []
    rows = set(letters)
    if not rows or rows - set("ABCDE") or len(rows) < len(letters):
        raise CannotRead('I expected the letters of some rows in one text, each once, such as "AD".')
    if "A" in rows:
        return wrong("Row A is honest: the shipped weights have seen six heads, and the template is none of them.")
    if "D" in rows:
        return wrong("Row D is honest: head 08 was in no training, and its pairs have chosen nothing.")
    if "B" not in rows:
        return wrong("Row B leaks: another slice of the same head is no other anatomy.")
    if "C" not in rows:
        return wrong("Row C leaks: its fields are fresh, and its head is one of those of the training.")
    if "E" not in rows:
        return wrong("Row E leaks: whoever picks the best of five settings on the test pairs has trained on them.")
    return right("A slice of the same head, a head of the training, and a setting chosen on the test pairs.")


@exercise("12-judge")
def number_of_folds(given) -> Verdict:
    determinants = np.ones((4, 5, 6))
    determinants.flat[:7] = (0.4, 0.0, -0.2, -0.9, -4.0, 2.5, 0.0)
    answer = float(numbers(call(given, determinants.copy()), 1)[0])
    if answer == 5:
        return right("Zero counts as well: where a volume is lost, no inverse finds it again.")
    if answer == 0:
        return wrong("You found none, and there are some: what is clipped to a positive number is never below zero.")
    if answer == 1:
        return wrong("Only the one below −3 was counted: compare the determinant itself, without the 3.")
    if answer == 3:
        return wrong("Voxels whose determinant is exactly 0 are missing: they have no volume left.")
    if close(answer, 5 / determinants.size, 1e-6):
        return wrong("That is the fraction: the number of voxels is wanted.")
    if answer == 6:
        return wrong("A determinant of 0.4 shrinks, and does not fold: it must be 0 or less.")
    return wrong("Count the voxels whose determinant is 0 or less.")


@exercise("12-choose")
def method_for_each_pair(given) -> Verdict:
    parts = together(given, 3, 'three words in a list, each "solve", "network" or "hybrid"')
    first, second, third = (choice(each, "solve", "network", "hybrid") for each in parts)
    if "network" in (first, second, third):
        return wrong("The network alone leaves millimetres everywhere: it is a start, and no end.")
    if first == "hybrid":
        return wrong("Pair 1 moves by 4 mm: the solve finds this way alone, and the network costs time.")
    if second == "solve":
        return wrong("Pair 2 lies beyond the reach of the solve, which would stop in the wrong place.")
    if third == "hybrid":
        return wrong("Pair 3 is a matter of distance: 6 mm are no more because black is white.")
    return right("Distance decides. Another contrast shortens the reach of all of them.")


@exercise("12-swirl")
def rotation_as_a_velocity(given) -> Verdict:
    even = Grid((48, 48), (4.0, 4.0), (0.0, 0.0), _STRAIGHT)
    for grid in (even, Grid((60, 30), (3.0, 6.0), (20.0, -7.0), _TURNED)):
        field = _vectors(transform(call(given, grid, 30.0), 2), grid)
        longest = float(np.linalg.norm(field, axis=-1).max())
        if not close(longest, 30, 1):
            return wrong(f"The farthest point goes {longest:.1f} mm, and 30 were asked for: warps.until sees to it.")
        places = grid.points(np.moveaxis(np.indices(grid.size[::-1])[::-1], 0, -1)) - grid.middle
        before, after = (np.linalg.norm(each, axis=-1) for each in (places, places + field))
        near = (before > 10) & (before < 0.5 * min(np.multiply(grid.size, grid.spacing)) / 2)
        change = (after / before)[near]
        turned = (places[..., 0] * field[..., 1] - places[..., 1] * field[..., 0])[near] / before[near] ** 2
        if np.abs(turned).mean() < 0.02:
            return wrong("Nothing turns: points go straight to the middle or away from it, or all of them alike.")
        if change.min() > 0.98 and change.max() < 1.02:
            continue
        outwards = (places * field).sum(axis=-1)[near] / before[near] ** 2
        if np.abs(outwards).max() < 0.02:
            return wrong("Points have gone straight, away from the middle: follow the velocity with warps.until.")
        return wrong("Points come nearer to the middle, or leave it: x and y in mm, turned by a right angle, (−y, x).")
    return right("All distances from the middle are as they were: a field of its own kind.")
