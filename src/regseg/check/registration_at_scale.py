"""Checks of episode 11, registration at scale.

They import regseg.distributed where they need it: it brings dask, which few other checks need.
"""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import SimpleITK as sitk

from regseg import data
from regseg.blocks import Block, split
from regseg.check.boxes import Rule, lettered, near, numeric, orders, otherwise
from regseg.check.engine import Verdict, call, choice, close, exercise, letters, numbers, picks, right, together, wrong
from regseg.check.scenes import SCAN_SIZE, SCAN_SPACING
from regseg.grid import Grid

if TYPE_CHECKING:
    from regseg.distributed import Result

CELL = 4.0  # mm

# --- the plan ---------------------------------------------------------------------------------------------------------


@exercise("11-block")
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


WORKER, PYTHON, VOXEL = 1e9, 0.3e9, 120  # bytes: of memory, of Python, for each voxel of a block with its halo
HALO = 2.0  # mm


@numeric("11-worker", 1)
def widest_block_for_a_worker() -> list[Rule]:
    def wide(memory: float = WORKER - PYTHON, voxel: int = VOXEL) -> float:
        """How many mm a block with its halo may be wide."""
        return (memory / voxel) ** (1 / 3) * SCAN_SPACING

    def about(value: float, verdict: Verdict) -> Rule:
        return near(value, 0.01 * value, verdict)

    widest = right("With its halo such a block is 45 mm wide, and has nearly six million voxels.")
    in_voxels = wrong("That is in voxels: a voxel is a quarter of a millimetre wide.")
    image = wrong("That is for the image alone: with all that is computed from it a voxel takes 120 bytes.")
    python = wrong("Python and its libraries take their part of the memory first.")
    return [
        about(wide() - 2 * HALO, widest),
        about(wide(), wrong("That is the block with its halo: block_size counts without it.")),
        about(wide() - HALO, wrong("The halo lies on both sides of the block.")),
        about((wide() - 2 * HALO) / SCAN_SPACING, in_voxels),
        about(wide() / SCAN_SPACING, in_voxels),
        about(wide(memory=WORKER) - 2 * HALO, python),
        about(wide(voxel=4) - 2 * HALO, image),
        otherwise(wrong("How many voxels of 120 bytes fit into what Python leaves? Take the third root, then mm.")),
    ]


@exercise("11-order")
def order_of_the_work(given) -> Verdict:
    order = letters(given, "ABCDEFG")
    steps = {
        "GC": wrong("The rigid step reads a coarse level, so there must be levels first."),
        "CA": wrong("The plan wants the rigid transform: it is where the registration begins."),
        "AE": wrong("Look at the plan before you compute: afterwards it is too late to save the time."),
        "EB": wrong("A report can be read when there is a result."),
        "BD": wrong("First ask whether blocks have failed: a hole makes a picture that looks smooth all the same."),
        "DF": wrong("Judge the result before you write the reply."),
    }
    for (earlier, later), verdict in steps.items():
        if order.index(earlier) > order.index(later):
            return verdict
    return right("Coarse before fine, a plan before the work, and doubts before the reply.")


# --- what a registration reports ------------------------------------------------------------------------------------


def reported(*iterations: tuple[int, int, int]) -> Result:
    """A result whose blocks were done, skipped and failed so often in each iteration."""
    from regseg.distributed import BlockReport, Field, Result

    lattice = Grid((4, 4), (4.0, 4.0), (0.0, 0.0), (1.0, 0.0, 0.0, 1.0))
    report = []
    for iteration, (done, skipped, failed) in enumerate(iterations):
        kinds = ["done"] * done + ["failed"] * failed + ["skipped"] * skipped
        report += [BlockReport(0, iteration, (number, 0), kind) for number, kind in enumerate(kinds)]
    return Result(Field.zero(lattice), sitk.AffineTransform(2), Path(), report)


@exercise("11-report")
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


@lettered("11-resume", ("".join(some) for some in product("GRW", repeat=4)))
def what_resume_sees(given) -> Verdict:
    method, worker, scan, spacing = picks(given, 4, "GRW")
    if worker == "R":
        return wrong("2: how many workers there are does not change the field, so nothing has to be refused.")
    if worker == "W":
        return wrong("2: votes are added in the order of the blocks, whoever casts them: the result stays right.")
    if scan != "R":
        return wrong("3: the files must be those of the first run. It looks, so it refuses.")
    if spacing != "R":
        return wrong("4: with other voxels the votes would be those of another registration. It refuses.")
    if method == "R":
        return wrong("1: the work folder knows the name of your method, and not its code, so it cannot refuse.")
    if method == "G":
        return wrong("1: old votes and new ones are mixed now: it goes on, and nobody can say what the result is.")
    return right("Whatever it can see it compares. What your own code does is your word.")


@lettered("11-choose", orders("ABCDE"))
def method_for_each_project(given) -> Verdict:
    order = letters(given, "ABCDE")
    answers = {
        "B": wrong("Project 1 is too large, lies close after an affine step, and has edges: what is made for that?"),
        "A": wrong("Project 2 fits into memory: what would blocks give you there?"),
        "D": wrong("Project 3 has evidence of its own, points that people have set: who could make votes of them?"),
        "E": wrong("Project 4 has no partner for what was cut out, and the doctors want to know just that place."),
    }
    for letter, (wanted, verdict) in zip(order, answers.items(), strict=False):  # the fifth is what is left
        if letter != wanted:
            return verdict
    return right("The simplest one that fits, and none where there is nothing to match.")


# --- the reply --------------------------------------------------------------------------------------------------------

SPOT = (-30.0, -10.0, 30.0)  # mm, in the fixed scan
CLOSE = 0.7  # mm: the rigid step alone is farther off


@exercise("11-reply")
def reply_to_the_colleague(given) -> Verdict:
    parts = together(given, 3, "three things together: (place, index, marker)")
    place, index, marker = numbers(parts[0], 3), numbers(parts[1], 3), choice(parts[2], *"ABC")
    pair = data.load_pair("pair_composite")
    moved = np.array(pair.transform.TransformPoint(SPOT))
    if not close(place, moved, CLOSE):
        if close(place, SPOT, CLOSE):
            return wrong("That is the place in the first scan: where does it lie in the second?")
        if close(place, 2 * np.array(SPOT) - moved, 2.0):  # about: the motion changes slowly
            return wrong("The opposite way: the transform takes points of the fixed image to points of the moving one.")
        if close(place[::-1], moved, CLOSE):
            return wrong("The place is turned round: a point is (x, y, z).")
        if close(place, moved, 4.0):
            return wrong("A few millimetres off: did you ask the rigid step alone, without the field?")
        return wrong("That is not where the spot lies: result.transform takes a point of the fixed scan there.")
    voxel = np.array(pair.moving.TransformPhysicalPointToIndex(moved.tolist()))
    if not close(index, voxel, 1.0):
        if close(index[::-1], voxel, 1.0):
            return wrong("The index is turned round: it is i, j, k, the order of SimpleITK and not of NumPy.")
        if close(index, pair.fixed.TransformPhysicalPointToIndex(SPOT), 1.0):
            return wrong("That is the index of the spot in the first scan: the second one was asked for.")
        return wrong("The place is right, the index is not: ask the moving scan, TransformPhysicalPointToIndex.")
    if marker == "A":
        return wrong("Nobody has voted in the air: what is right in the brain need not be right there.")
    if marker == "B":
        return wrong("The solve was no better than the rigid step in the air, and nothing tells you how wrong that is.")
    return right("A place, a voxel, and an honest no: the colleague can work with that.")


# --- further practice -------------------------------------------------------------------------------------------------


@numeric("11-travel", 1)
def what_travels() -> list[Rule]:
    cells, voxels = np.prod([np.ceil(n * SCAN_SPACING / CELL) for n in SCAN_SIZE]), np.prod(SCAN_SIZE)

    def about(count: float, verdict: Verdict) -> list[Rule]:
        """Of so many bytes, in either kind of megabyte."""
        return [near(count / unit, 0.06 * count / unit, verdict) for unit in (1e6, 2**20)]

    twice = wrong("Twice too much: a 32-bit float has four bytes, and both images together cast one vote.")
    counted = wrong("You counted voxels: a cell is 4 mm wide, and a voxel a quarter of a millimetre.")
    in_bytes = wrong("The number is right in bytes: a megabyte has a million of them.")
    few = right("Six numbers of A and three of b in each cell: a few megabytes, for a scan of a gigabyte.")
    return [
        *about(cells * 9 * 4, few),
        *about(cells * 12 * 4, wrong("You counted all nine elements of A: it is symmetric, so six are enough.")),
        *about(cells * 3 * 4, wrong("That is b alone: A travels as well.")),
        *about(cells * 6 * 4, wrong("That is A alone: b travels as well.")),
        *about(cells * 9 * 8, twice),
        *about(voxels * 9 * 4, counted),
        *about(voxels / CELL**3 * 9 * 4, counted),
        near(cells * 9 * 4, 0.06 * cells * 9 * 4, in_bytes),
        otherwise(wrong("Multiply: the cells of the lattice, the numbers in each cell, and the bytes of each number.")),
    ]
