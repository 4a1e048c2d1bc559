"""Checks of episode 10, blocks that vote.

They import regseg.distributed where they need it: it brings dask, which few other checks need.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from itertools import combinations_with_replacement
from typing import TYPE_CHECKING

import numpy as np
import SimpleITK as sitk

from regseg import data
from regseg.blocks import Block
from regseg.check.boxes import Rule, lettered, near, numeric, orders, otherwise
from regseg.check.engine import (
    CannotRead,
    Verdict,
    call,
    close,
    exercise,
    letters,
    numbers,
    picks,
    right,
    together,
    wrong,
)
from regseg.grid import Grid
from regseg.synth import warps

if TYPE_CHECKING:
    from regseg.distributed import BlockPair, Field, Votes

CELL = 4.0  # mm
PAIRS = list(combinations_with_replacement(range(2), 2))  # the elements of A that votes keep, in 2-D
# A and b of two blocks.
FIRM, FAINT = (np.array([[4.0, 0.0], [0.0, 0.0]]), np.array([8.0, 0.0])), (np.eye(2), np.array([5.0, 3.0]))


# What four blocks on a line pay for shifts of 0 to 4 voxels.
COSTS = np.array([[3, 4, 3, 2, 3], [40, 10, 2, 14, 44], [6, 5, 5, 4, 5], [22, 1, 9, 30, 50]])


@numeric("10-line", 1)
def four_blocks_on_a_line() -> list[Rule]:
    favourites, exact = COSTS.argmin(axis=1), 1e-3
    most = wrong("That is the favourite of most, and they hardly care: add the costs, and choose then.")
    mean = wrong("That is the mean of the favourites: it forgets how much each block cares.")
    cheapest = right("Cheapest for all four together, though only one of them has it as its favourite.")
    return [
        near(COSTS.sum(axis=0).argmin(), exact, cheapest),
        near(COSTS.sum(axis=0).min(), exact, wrong("That is what the best shift costs: which shift is it?")),
        near(np.bincount(favourites).argmax(), exact, most),
        near(favourites.mean(), exact, mean),
        near(
            COSTS.sum(axis=1).argmin(),
            exact,
            wrong("You added up each row, and that is a block: a shift is a column of the table."),
        ),
        near(
            COSTS.min(axis=0).argmin(),
            exact,
            wrong("You looked for the smallest number of all: add each column first."),
        ),
        otherwise(wrong("Add up each column of the table: the shift with the smallest sum is the answer.")),
    ]


@lettered("10-windows", orders("ABCDE"))
def matrix_of_each_window(given) -> Verdict:
    order = letters(given, "ABCDE")
    if order == "DBEAC":
        return right("An edge is firm across itself and says nothing along itself; a spot is firm all round.")
    if order == "BDEAC":
        return wrong("The first two are exchanged: an edge is sure across itself, in the direction of the rise.")
    if order == "DBAEC":
        return wrong("The oblique ones are exchanged: y runs downwards, so in window 3 the grey rises along (1, 1).")
    if order[4] != "C":
        return wrong("The spot in window 5 is as sure along x as along y: which matrix says that?")
    return wrong("In which direction does the grey rise? Multiply that direction by itself, as a column by a row.")


@numeric("10-vote", 2)
def two_blocks_agree() -> list[Rule]:
    (a1, b1), (a2, b2) = FIRM, FAINT
    alone = np.linalg.pinv(a1) @ b1, np.linalg.solve(a2, b2)
    both = right("Along x the firm vote counts four times as much, and along y only one block has a say.")
    one = wrong("That is what one of the blocks wants alone: the cheapest for both lies between.")
    mean = wrong("That is the mean of the two wishes: a vote of weight 0 along y is no vote for 0.")
    answer = np.linalg.solve(a1 + a2, b1 + b2)
    return [
        near(answer, 0.05, both),
        near(answer[::-1], 0.05, wrong("x and y are exchanged: a displacement is (x, y).")),
        near((3.5, 3), 0.05, wrong("Along x you took the mean of 2 and 5: the first block is four times as sure.")),
        near(np.mean(alone, axis=0), 0.05, mean),
        near(b1 + b2, 0.05, wrong("That is the sum of the two b: solve (A₁ + A₂) d = b₁ + b₂ for d.")),
        near(
            np.sum(alone, axis=0), 0.05, wrong("You added the two wishes: add the costs, which means the A and the b.")
        ),
        *(near(each, 0.05, one) for each in alone),
        otherwise(wrong("Add the two A, add the two b, and solve the system of two equations.")),
    ]


# --- map: a block method ----------------------------------------------------------------------------------------------


@cache
def _picture() -> sitk.Image:
    slab = sitk.DICOMOrient(data.load("brain_t1"), "LPS")[:, :, 85]
    return sitk.SmoothingRecursiveGaussian(sitk.Cast(slab, sitk.sitkFloat32), 1.0)


def _same(grey: np.ndarray) -> np.ndarray:
    return grey


def _other(grey: np.ndarray) -> np.ndarray:
    """A T2-like contrast: dark what was bright, but for the background."""
    return np.where(grey > 30, 280 - grey, grey)


def shifted_pair(shift, spacing, direction=(1.0, 0.0, 0.0, 1.0), contrast: Callable = _same) -> BlockPair:
    """A block of a brain slice, and the same slice moved by a shift in mm, with noise in both.

    The point x of the fixed image shows what the moving one shows at x + shift, in another contrast if wanted.
    """
    from regseg import distributed

    size = tuple(int(112 // step) // 4 * 4 for step in spacing)
    grid = Grid.around((-20.0, 10.0), size, spacing, direction)
    images = []
    for seed, look, change in ((1, shift, _same), (2, (0.0, 0.0), contrast)):
        place = grid.size, sitk.TranslationTransform(2, look), sitk.sitkLinear
        seen = change(sitk.GetArrayFromImage(sitk.Resample(_picture(), *place, grid.origin, grid.spacing, direction)))
        noise = np.random.default_rng(seed).normal(0, 3, seen.shape)
        images.append(grid.image((seen + noise).astype(np.float32)))
    lattice = grid.shrink((4, 4))
    core = lattice.box.grow([-(n // 5) for n in lattice.size])
    mask = grid.image(np.ones(grid.size[::-1], np.uint8))
    ranges = (0.0, 255.0), (0.0, 255.0)
    cells = Block((1, 1), core, lattice.box)
    return distributed.BlockPair(*images, mask, cells, (4, 4), ranges, distributed.Field.zero(lattice), None)


def _further(answer) -> np.ndarray:
    """The shift in mm that votes want, all cells of the block together."""
    from regseg.distributed import Votes

    if not isinstance(answer, Votes):
        kind = type(answer).__name__
        raise CannotRead(f"A block method returns votes, as distributed.vote(pair, transform) makes them; got {kind}.")
    a = np.zeros((2, 2))
    for k, (i, j) in enumerate(PAIRS):
        a[i, j] = a[j, i] = answer.matrix[k].sum()
    return np.linalg.pinv(a) @ answer.vector.sum(axis=(1, 2))


CASES = (
    ((4.0, -6.0), (1.0, 1.0), (1.0, 0.0, 0.0, 1.0)),
    ((-3.0, 5.0), (0.8, 1.6), (1.0, 0.0, 0.0, 1.0)),
    ((5.0, 3.0), (1.0, 1.0), (-1.0, 0.0, 0.0, 1.0)),
)
NEAR = 0.7  # mm: half a voxel, or a little more


def _shifts(method, contrast: Callable = _same) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]:
    """What a block method finds and what is true, in mm, with the spacing and the direction matrix of the image."""
    for shift, spacing, direction in CASES:
        found = _further(call(method, shifted_pair(shift, spacing, direction, contrast)))
        yield found, np.array(shift), np.array(spacing), np.reshape(direction, (2, 2))


@exercise("10-method")
def a_block_method(given) -> Verdict:
    for found, wanted, spacing, axes in _shifts(given):
        if close(found, wanted, NEAR):
            continue
        if close(found, 0, NEAR):
            return wrong("Your votes move nothing, and the images are several millimetres apart.")
        if close(found, -wanted, NEAR):
            return wrong("The opposite: the transform takes points of the fixed image to points of the moving one.")
        if close(found, wanted[::-1], NEAR) or close(found, -wanted[::-1], NEAR):
            return wrong("x and y are exchanged: an array counts y first, and a transform x first.")
        if close(found, wanted / spacing, NEAR):
            return wrong("You count voxels: on an image with other voxels than 1 mm the shift comes out wrong.")
        if close(found, axes.T @ wanted, NEAR):
            return wrong("Your shift runs along the axes of the array: the direction matrix turns it into mm.")
        true, away = (", ".join(f"{value:.1f}" for value in each) for each in (wanted, found))
        return wrong(f"The shift is ({true}) mm, and your votes want ({away}) mm.")
    return right("The right shift, in mm, whatever the voxels and the axes are.")


@exercise("10-contrast")
def a_block_method_for_two_contrasts(given) -> Verdict:
    for found, wanted, _, _ in _shifts(given, _other):
        if close(found, wanted, NEAR):
            continue
        if close(found, -wanted, NEAR):
            return wrong("The opposite: the transform takes points of the fixed image to points of the moving one.")
        return wrong("It misses the shift here: does it compare greys that are not meant to be equal?")
    return right("It does not ask whether greys are equal, so it finds the shift in spite of the contrast.")


# --- reduce -----------------------------------------------------------------------------------------------------------

SHAPE = (26, 22)  # of the lattice (y, x)
# What the votes want, in mm, shape (2, y, x): it changes slowly along y.
FURTHER = np.reshape((4.0, -1.0), (2, 1, 1)) + np.linspace(-2, 2, SHAPE[0])[:, None] + np.zeros(SHAPE)
HOLE = (slice(8, 12), slice(9, 13))  # cells in which nobody has voted
STRAY = (slice(16, 19), slice(4, 8))  # cells with a weak vote for something else


def known_votes() -> tuple[Votes, Field]:
    """Votes for a smooth displacement, but for noise, a hole and a few stray votes; and the field so far."""
    from regseg import distributed

    lattice = Grid(SHAPE[::-1], (CELL, CELL), (0.0, 0.0), (1.0, 0.0, 0.0, 1.0))
    weight = np.full(SHAPE, 16.0)
    weight[:, 14:] *= 3
    wish = FURTHER + np.random.default_rng(5).normal(0, 0.6, FURTHER.shape)
    wish[(slice(None), *STRAY)] = 15.0
    weight[STRAY] = 0.1
    weight[HOLE] = 0.0
    matrix = np.stack([weight if i == j else np.zeros(SHAPE) for i, j in PAIRS])
    now = np.stack([np.full(SHAPE, 1.5), np.full(SHAPE, 4.0)]).astype(np.float32)
    return distributed.Votes(lattice.box, matrix, wish * weight), distributed.Field(lattice, now)


@exercise("10-reduction")
def a_reduction(given) -> Verdict:
    votes, field = known_votes()
    before = field.values.copy()
    with np.errstate(all="ignore"):
        values = call(given, votes, field)
    try:
        values = np.asarray(values, float)
    except (TypeError, ValueError):
        values = np.zeros(0)
    if values.shape != before.shape:
        return wrong(f"I expected an array of shape {before.shape}: the components x and y, each (y, x).")
    if not np.isfinite(values).all():
        return wrong("There are NaN in it: where nobody has voted, you divide 0 by 0.")
    further = values - before
    error = np.abs(further - FURTHER).max(axis=0)

    def about(found: np.ndarray, wanted: np.ndarray | float) -> bool:
        return bool(np.abs((found - wanted).mean(axis=(1, 2))).max() < 0.5)

    def rise(field: np.ndarray) -> float:
        return float((field[:, -3:] - field[:, :3]).mean())

    light, firm = (slice(None), slice(1, 7), slice(1, 13)), (slice(None), slice(1, 25), slice(16, 21))
    hole = (slice(None), *HOLE)
    if error.max() < 0.9 and (further - FURTHER)[firm].std(axis=(1, 2)).max() < 0.45:
        return right("Firm votes count more, noise is smoothed, and the hole is bridged from its neighbours.")
    if about(values[light], FURTHER[light]):
        return wrong("You return the further displacement alone: add it to the field as it stands.")
    if about(further[firm], 0.0):
        return wrong("The field is as before: add what the votes want.")
    if about(further[firm], FURTHER[firm].mean(axis=0)):
        return wrong("x and y are mixed: your filter runs over the first axis too, so smooth each component by itself.")
    if about(further[firm], -FURTHER[firm]):
        return wrong("The sign is turned: what the votes want is added to the field, and not taken away.")
    if not about(further[firm], FURTHER[firm]):
        return wrong("Sums of votes are no displacement yet: divide the sum of w d by the sum of w.")
    if rise(further) < 0.6 * rise(FURTHER):
        return wrong("That is nearly one shift for all, and the votes change from place to place: smooth less.")
    if np.abs(further[hole]).min() < 0.2:
        return wrong("A silent zero: where nobody has voted the displacement stops, and that tears the image.")
    if error[HOLE].max() > 0.9 and (further * FURTHER)[hole].sum() < 0.8 * (FURTHER**2)[hole].sum():
        return wrong("The hole pulls to zero: smooth b and the weights first, both alike, and divide then.")
    if error[STRAY].max() > 0.9:
        return wrong("A few votes that weigh next to nothing bend the field: smooth b and the weights, then divide.")
    return wrong("Neighbours still disagree as much as the votes do: smooth more.")


# --- the reply --------------------------------------------------------------------------------------------------------

PLACE = (0.0, 12.0)  # mm, in the fixed slice


@exercise("10-reply")
def reply_to_the_colleague(given) -> Verdict:
    parts = together(given, 2, "the place and the three letters together: (place, sure)")
    place = numbers(parts[0], 2)
    sure = picks(parts[1], 3, "ABCD")
    grid = Grid.of(sitk.DICOMOrient(data.load("brain_t1"), "LPS")[:, :, 85])
    moved = np.array(warps.waves(grid, seed=4, reach=5.0, smooth=30.0).TransformPoint(PLACE))
    if not close(place, moved, NEAR):
        if close(place, moved - PLACE, NEAR):
            return wrong("That is how far it moves: the place is where it arrives.")
        if close(place, 2 * np.array(PLACE) - moved, NEAR):
            return wrong("The opposite way: the transform takes points of the fixed image to points of the moving one.")
        if close(place, PLACE, NEAR):
            return wrong("That is the place in the fixed slice: where does it lie in the moving one?")
        if close(place, moved[::-1], NEAR):
            return wrong("x and y are exchanged: a point is (x, y).")
        return wrong("That is not where the place lies in the moving slice: ask one_field.TransformPoint.")
    if sure[2] != "D":
        return wrong("In the air nobody has voted: what stands there is a guess, however smooth.")
    if sure[1] == "C":
        return wrong("Turned round: at the second place the firm direction is x, across the wall of the ventricle.")
    if sure[1] != "B":
        return wrong("At the second place x is firm and y is not: the wall of the ventricle is a straight edge.")
    if sure[0] != "A":
        return wrong("At the first place both numbers are large: there are edges in several directions.")
    return right("How far, how sure, and where you do not know: that is a reply to build on.")
