"""Right answers and known mistakes for the exercises of episode 11, registration at scale."""

from __future__ import annotations

import numpy as np

from regseg.check.registration_at_scale import HALO, PYTHON, VOXEL, WORKER
from regseg.check.scenes import SCAN_SIZE, SCAN_SPACING

# --- what the answers below are made of ------------------------------------------------------------------------------

PLACE, INDEX = (-29.0, -1.8, 25.9), (63, 68, 49)  # of the spot, in the moving scan


def block_of(point, lattice, blocks, *, to_cell=np.round, box="core", turned=False):
    cell = to_cell(lattice.indices(point)).astype(int)
    for block in blocks:
        inside = getattr(block, box)
        if all(a <= i < b for a, i, b in zip(inside.start, cell, inside.stop, strict=True)):
            return block.index[::-1] if turned else block.index
    return None


def share(result, *, over=("done", "failed"), failed=("failed",), percent=1) -> float:
    count = {kind: sum(each.status == kind for each in result.report) for kind in ("done", "skipped", "failed")}
    return percent * sum(count[kind] for kind in failed) / sum(count[kind] for kind in over)


def share_at_the_end(result) -> float:
    last = [each.status for each in result.report if each.iteration == max(one.iteration for one in result.report)]
    return last.count("failed") / (last.count("failed") + last.count("done"))


def share_of_places(result) -> float:
    """Each block once: failed, if it ever failed."""
    failed = {each.index for each in result.report if each.status == "failed"}
    seen = {each.index for each in result.report if each.status != "skipped"}
    return len(failed) / len(seen)


def cells() -> int:
    return int(np.prod([np.ceil(n * SCAN_SPACING / 4) for n in SCAN_SIZE]))


def wide(memory=WORKER - PYTHON, voxel=VOXEL) -> float:
    """How many mm a block with its halo may be wide."""
    return (memory / voxel) ** (1 / 3) * SCAN_SPACING


# --- the right routes: exercise → answers, each made when it is needed -----------------------------------------------

RIGHT = {
    "11-block": [
        lambda: block_of,
        lambda: lambda *given: next(block for block in given[2] if block.index == block_of(*given)),
    ],
    "11-report": [lambda: share],
    "11-travel": [lambda: cells() * 9 * 4 / 1e6, lambda: 788 * 932 * 756 * 0.25**3 / 64 * 36 / 2**20],
    "11-worker": [lambda: wide() - 2 * HALO, lambda: 41],
    "11-order": [lambda: "GCAEBDF", lambda: list("gcaebdf")],
    "11-resume": [lambda: "WGRR", lambda: list("wgrr")],
    "11-choose": [lambda: "BADEC"],
    "11-reply": [lambda: (PLACE, INDEX, "C"), lambda: [np.array(PLACE), [63, 67, 49], "c"]],
}

# --- the known mistakes: exercise → (part of the sentence, answer) ---------------------------------------------------

WRONG = {
    "11-block": [
        ("turned round", lambda: lambda *given: block_of(*given, turned=True)),
        ("cut the fraction off", lambda: lambda *given: block_of(*given, to_cell=np.floor)),
        ("You round up", lambda: lambda *given: block_of(*given, to_cell=np.ceil)),
        ("sees the point in its halo", lambda: lambda *given: block_of(*given, box="padded")),
        ("belongs to block", lambda: lambda _point, lattice, _blocks: (7,) * lattice.dimension),
    ],
    "11-report": [
        ("last iteration alone", lambda: share_at_the_end),
        ("each block once", lambda: share_of_places),
        ("per cent", lambda: lambda result: share(result, percent=100)),
        ("not meant to be registered", lambda: lambda result: share(result, over=("done", "skipped", "failed"))),
        (
            "skipped block has not failed",
            lambda: lambda result: share(result, over=("done", "skipped", "failed"), failed=("skipped", "failed")),
        ),
        ("how many have failed", lambda: lambda result: sum(each.status == "failed" for each in result.report)),
        ("divide by the blocks that are done", lambda: lambda result: share(result, over=("done",))),
        ("your function says", lambda: lambda _result: 0.5),
    ],
    "11-travel": [
        ("six are enough", lambda: cells() * 12 * 4 / 1e6),
        ("b alone", lambda: cells() * 3 * 4 / 1e6),
        ("A alone", lambda: cells() * 6 * 4 / 1e6),
        ("Twice too much", lambda: cells() * 9 * 8 / 1e6),
        ("counted voxels", lambda: np.prod(SCAN_SIZE) * 36 / 1e6),
        ("right in bytes", lambda: cells() * 36),
        ("Multiply", lambda: 1),
    ],
    "11-worker": [
        ("counts without it", lambda: wide()),
        ("both sides", lambda: wide() - HALO),
        ("in voxels", lambda: wide() * 4 - 16),
        ("Python and its libraries", lambda: wide(memory=WORKER) - 2 * HALO),
        ("for the image alone", lambda: wide(voxel=4) - 2 * HALO),
        ("How many voxels", lambda: 500),
    ],
    "11-order": [
        ("levels first", lambda: "CGAEBDF"),
        ("where the registration begins", lambda: "GACEBDF"),
        ("before you compute", lambda: "GCEABDF"),
        ("when there is a result", lambda: "GCABEDF"),
        ("whether blocks have failed", lambda: "GCAEDBF"),
        ("before you write", lambda: "GCAEBFD"),
    ],
    "11-resume": [
        ("each one of G, R, W", lambda: "WGRX"),
        ("4 letters in one text", lambda: "WG"),
        ("nothing has to be refused", lambda: "WRRR"),
        ("whoever casts them", lambda: "WWRR"),
        ("those of the first run", lambda: "WGGR"),
        ("those of another registration", lambda: "WGRG"),
        ("not its code", lambda: "RGRR"),
        ("mixed now", lambda: "GGRR"),
    ],
    "11-choose": [
        ("Project 1", lambda: "ABDEC"),
        ("Project 2", lambda: "BCDEA"),
        ("Project 3", lambda: "BAEDC"),
        ("Project 4", lambda: "BADCE"),
    ],
    "11-reply": [
        ("three things together", lambda: (PLACE, INDEX)),
        ("place in the first scan", lambda: ((-30, -10, 30), INDEX, "C")),
        ("The opposite way", lambda: ((-31, -18.2, 34), INDEX, "C")),
        ("place is turned round", lambda: (PLACE[::-1], INDEX, "C")),
        ("rigid step alone", lambda: ((-28.4, -2.8, 24.0), INDEX, "C")),
        ("not where the spot lies", lambda: ((5, 5, 5), INDEX, "C")),
        ("index is turned round", lambda: (PLACE, INDEX[::-1], "C")),
        ("spot in the first scan", lambda: (PLACE, (64, 72, 51), "C")),
        ("the index is not", lambda: (PLACE, (1, 2, 3), "C")),
        ("Nobody has voted in the air", lambda: (PLACE, INDEX, "A")),
        ("nothing tells you how wrong", lambda: (PLACE, INDEX, "B")),
    ],
}
