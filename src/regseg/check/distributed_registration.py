"""Checks of episode 10, distributed registration.

They import regseg.distributed where they need it: it brings dask, which no other check here needs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from itertools import combinations_with_replacement
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import SimpleITK as sitk

from regseg import data
from regseg.blocks import Block, split
from regseg.check.engine import CannotRead, Verdict, call, close, exercise, numbers, right, wrong
from regseg.check.scenes import SCAN_SIZE, SCAN_SPACING
from regseg.grid import Grid

if TYPE_CHECKING:
    from regseg.distributed import BlockPair, Field, Result, Votes

CELL = 4.0  # mm
PAIRS = list(combinations_with_replacement(range(2), 2))  # the elements of A that votes keep, in 2-D
# A and b of two blocks.
FIRM, FAINT = (np.array([[4.0, 0.0], [0.0, 0.0]]), np.array([8.0, 0.0])), (np.eye(2), np.array([5.0, 3.0]))


@exercise("10-vote")
def two_blocks_agree(given) -> Verdict:
    answer = numbers(given, 2)
    (a1, b1), (a2, b2) = FIRM, FAINT
    alone = np.linalg.pinv(a1) @ b1, np.linalg.solve(a2, b2)
    if close(answer, np.linalg.solve(a1 + a2, b1 + b2), 0.05):
        return right("Along x the firm vote counts four times as much, and along y only one block has a say.")
    if close(answer, np.mean(alone, axis=0), 0.05):
        return wrong("That is the mean of the two wishes: a vote of weight 0 along y is no vote for 0.")
    if close(answer, b1 + b2, 0.05):
        return wrong("That is the sum of the two b: solve (A₁ + A₂) d = b₁ + b₂ for d.")
    if close(answer, np.sum(alone, axis=0), 0.05):
        return wrong("You added the two wishes: add the costs, which means the A and the b.")
    if close(answer, alone[0], 0.05) or close(answer, alone[1], 0.05):
        return wrong("That is what one of the blocks wants alone: the cheapest for both lies between.")
    return wrong("Add the two A, add the two b, and solve the system of two equations.")


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


@exercise("10-block")
def block_of_a_point(given) -> Verdict:
    oblique = Grid((24, 30), (4.0, 5.0), (-20.0, 40.0), (0.8, -0.6, 0.6, 0.8))
    straight = Grid((20, 24, 18), (4.0, 4.0, 4.0), (-38.0, -46.0, -34.0), (1.0, 0, 0, 0, 1.0, 0, 0, 0, 1.0))
    cases = (  # a lattice, the width of its blocks, and places counted in its cells
        (oblique, (8, 6), [(15, 24), (16, 3), (15.6, 23.6), (8.4, 5.7), (7.3, 17.2)]),
        (straight, (5, 8, 6), [(10, 7, 12), (14.7, 15.6, 5.6)]),
    )
    for lattice, width, places in cases:
        blocks = list(split(lattice.size, width, (2,) * lattice.dimension))
        for place in places:
            point = tuple(lattice.points(place).tolist())
            answer = call(given, point, lattice, blocks)
            answer = answer.index if isinstance(answer, Block) else answer
            index = tuple(numbers(answer, lattice.dimension).astype(int).tolist())
            cell = np.round(place).astype(int)
            wanted = tuple((cell // width).tolist())
            if index == wanted:
                continue
            if index == wanted[::-1]:
                return wrong("The index is turned round: blocks and lattices count x, y, z.")
            if index == tuple((np.floor(place).astype(int) // width).tolist()):
                return wrong("You cut the fraction off: a cell reaches to both sides of its centre, so round.")
            if index == tuple((np.ceil(place).astype(int) // width).tolist()):
                return wrong("You round up: a cell reaches to both sides of its centre, so round to the nearest.")
            block = next((each for each in blocks if each.index == index), None)
            if block is not None and _inside(cell, block.padded):
                return wrong("That block only sees the point in its halo: the one whose core holds it answers for it.")
            return wrong(f"In the lattice of {lattice.size} cells this point belongs to block {wanted}, not {index}.")
    return right("One point, one cell, one block: the cores cover everything once.")


def _inside(cell: np.ndarray, box) -> bool:
    return bool(np.all(cell >= box.start) and np.all(cell < box.stop))


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


# --- what a registration reports --------------------------------------------------------------------------------------


def reported(*iterations: tuple[int, int, int]) -> Result:
    """A result whose blocks were done, skipped and failed so often in each iteration."""
    from regseg.distributed import BlockReport, Field, Result

    lattice = Grid((4, 4), (4.0, 4.0), (0.0, 0.0), (1.0, 0.0, 0.0, 1.0))
    report = []
    for iteration, (done, skipped, failed) in enumerate(iterations):
        kinds = ["done"] * done + ["failed"] * failed + ["skipped"] * skipped
        report += [BlockReport(0, iteration, (number, 0), kind) for number, kind in enumerate(kinds)]
    return Result(Field.zero(lattice), sitk.AffineTransform(2), Path(), report)


@exercise("10-report")
def share_of_failed_blocks(given) -> Verdict:
    for iterations in (((12, 20, 4), (14, 20, 2)), ((9, 5, 0),), ((30, 2, 10), (38, 2, 2))):
        done, skipped, failed = np.sum(iterations, axis=0).tolist()
        answer = numbers(call(given, reported(*iterations)), 1)[0]
        last_done, _, last_failed = iterations[-1]
        if close(answer, failed / (done + failed)):
            continue
        if close(answer, 100 * failed / (done + failed), 0.1):
            return wrong("That is in per cent: a share is between 0 and 1.")
        if close(answer, failed / (done + skipped + failed)):
            return wrong("You divide by all blocks: those of the background were not meant to be registered.")
        if close(answer, (failed + skipped) / (done + skipped + failed)):
            return wrong("A skipped block has not failed: there is nothing to register in it.")
        if close(answer, failed):
            return wrong("That is how many have failed: divide by how many should have been registered.")
        if close(answer, last_failed / (last_done + last_failed)):
            return wrong("That is the last iteration alone: the report has an entry for each block of each iteration.")
        if close(answer, max(one[2] for one in iterations) / (done + failed) * len(iterations)):
            return wrong("You counted each block once: the report has an entry for each block of each iteration.")
        if close(answer, failed / max(done, 1)):
            return wrong("You divide by the blocks that are done: the failed ones should have been registered too.")
        return wrong(f"With {done} blocks done, {skipped} skipped and {failed} failed, your function says {answer:g}.")
    return right("Only blocks with something to register can fail.")


# --- further practice -------------------------------------------------------------------------------------------------


@exercise("10-travel")
def what_travels(given) -> Verdict:
    answer = numbers(given, 1)[0]
    cells = np.prod([np.ceil(n * SCAN_SPACING / CELL) for n in SCAN_SIZE])

    def is_about(value: float) -> bool:
        return any(close(answer, value / unit, 0.06 * value / unit) for unit in (1e6, 2**20))

    if is_about(cells * 9 * 4):
        return right("Six numbers of A and three of b in each cell: a few megabytes, for a scan of a gigabyte.")
    if is_about(cells * 12 * 4):
        return wrong("You counted all nine elements of A: it is symmetric, so six are enough.")
    if is_about(cells * 3 * 4):
        return wrong("That is b alone: A travels as well.")
    if is_about(cells * 6 * 4):
        return wrong("That is A alone: b travels as well.")
    if is_about(cells * 9 * 8):
        return wrong("Twice too much: a 32-bit float has four bytes, and both images together cast one vote.")
    if is_about(np.prod(SCAN_SIZE) * 9 * 4) or is_about(np.prod(SCAN_SIZE) / CELL**3 * 9 * 4):
        return wrong("You counted voxels: a cell is 4 mm wide, and a voxel a quarter of a millimetre.")
    if close(answer, cells * 9 * 4, 0.06 * cells * 9 * 4):
        return wrong("The number is right in bytes: a megabyte has a million of them.")
    return wrong("Multiply: the cells of the lattice, the numbers in each cell, and the bytes of each number.")
