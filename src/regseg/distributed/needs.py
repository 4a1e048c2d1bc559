"""What a plan will take: blocks, bytes, memory and time, before any of it is spent.

The numbers of bytes a voxel and a cell are those of the streamed solve, measured with tracemalloc and rounded up.
Blocks that elastix or SimpleITK registers take more.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import psutil

from regseg.blocks import Block
from regseg.distributed import cluster
from regseg.distributed.pair import BlockError, cut, linear
from regseg.distributed.planning import A_CELL, Plan
from regseg.distributed.result import RegistrationError
from regseg.distributed.stages import Stage

A_PROCESS = 300_000_000  # bytes: Python and its libraries
A_VOXEL = 120  # bytes of a worker, of a block with its halo
A_CELL_OF_A_FIELD = 24  # bytes of its files: values, and the coefficients of the spline through them


@dataclass(frozen=True)
class Needs:
    """What a plan will take.

    Attributes
    ----------
    blocks : int
        How many blocks will vote, each counted once for each iteration.
    read : int
        Bytes that the blocks read, without compression.
    copied : int
        Bytes of the copies with levels of resolution that must be made first, in the work folder.
    kept : int
        Bytes of votes and fields that lie in the work folder until the end.
    worker, client : int
        Bytes of memory: of each process that does blocks, and of the one that adds them up.
    seconds : float, optional
        CPU-time of all blocks, as the first ones tell; None where there are no blocks to be tried yet.
    """

    blocks: int
    read: int
    copied: int
    kept: int
    worker: int
    client: int
    seconds: float | None

    def __str__(self) -> str:
        """A few lines."""
        lines = [
            f"blocks that vote, counting each iteration: {self.blocks}, which read {_bytes(self.read)}",
            f"memory: {_bytes(self.worker)} for each worker, {_bytes(self.client)} for this process",
            f"work folder: {_bytes(self.kept)} of votes"
            + (f", {_bytes(self.copied)} of copies, as an image has no levels of ours" if self.copied else ""),
        ]
        if self.seconds is not None:
            lines.append(
                f"CPU-time: about {_time(self.seconds)}, as the first blocks tell; the solve and the results are more"
            )
        return "\n".join(lines)


def needs(plan: Plan, *, trial: bool = True) -> Needs:
    """What a plan will take.

    Parameters
    ----------
    plan : Plan
        What to do.
    trial : bool
        Let one block of each stage vote, to tell the time; nothing is written. It needs images with the levels that
        the blocks look at.
    """
    sources = [each for each in (plan.fixed, plan.moving, plan.mask) if each]
    seconds: float | None = 0.0 if trial and _at_hand(plan) else None
    count, read, largest = 0, 0, 0
    for stage in plan.stages:
        wanted = [block for block, is_wanted in plan.blocks(stage) if is_wanted]
        if not wanted:
            continue
        voxels = _voxels(plan, stage, wanted)
        count += len(wanted) * stage.iterations
        read += sum(voxels) * stage.iterations * sum(np.dtype(each.dtype).itemsize for each in sources)
        largest = max(largest, *voxels)
        if seconds is not None:
            middle = len(wanted) // 2
            seconds += _try(plan, stage, wanted[middle]) / voxels[middle] * sum(voxels) * stage.iterations
    cells = int(np.prod(plan.lattice.size))
    a_vote = 4 * (len(plan.lattice.size) + (3 if plan.lattice.dimension == 2 else 6))
    return Needs(
        count,
        read,
        sum(each.made for each in sources),
        cells * (a_vote + A_CELL_OF_A_FIELD) * sum(stage.iterations for stage in plan.stages),
        A_PROCESS + A_VOXEL * largest,
        A_PROCESS + A_CELL * cells,
        seconds,
    )


def demand_memory(found: Needs, worker: int | None = None) -> None:
    """Raise RegistrationError where a plan does not fit: in this computer's memory, or in a worker's limit in bytes."""
    free = psutil.virtual_memory().available
    if found.client > free:
        raise RegistrationError(
            f"This process would need {_bytes(found.client)} for votes and field, and {_bytes(free)} are free: give "
            "larger cells (--lattice), and larger voxels with them (--spacing)."
        )
    limit = free if worker is None else worker
    if found.worker > limit:
        raise RegistrationError(
            f"A worker would need {_bytes(found.worker)} for its largest block, and has {_bytes(limit)}: give smaller "
            "blocks (--block-size), or larger workers (--memory)."
        )


def _at_hand(plan: Plan) -> bool:
    """Whether the files themselves have all levels that blocks look at, so that no copy must be made first."""
    fixed, moving = map(max, zip(*map(plan.levels, plan.stages), strict=True))
    wanted = (plan.fixed, fixed), (plan.moving, moving), (plan.mask, fixed)
    return all(source is None or level < source.own for source, level in wanted)


def _voxels(plan: Plan, stage: Stage, blocks: list[Block]) -> list[int]:
    """How many voxels each block has, with its halo."""
    grid = plan.fixed.grids[plan.levels(stage)[0]]
    factors = plan.lattice.factors(grid)
    return [int(np.prod(block.padded.scale(factors).clip(grid.box).size)) for block in blocks]


@cluster.one_thread()
def _try(plan: Plan, stage: Stage, block: Block) -> float:
    """The CPU-seconds of one block, whose votes are thrown away."""
    fixed, moving = plan.levels(stage)
    levels = [each.stored([level]) for each, level in ((plan.fixed, fixed), (plan.moving, moving))]
    mask = plan.mask.stored([fixed])[0] if plan.mask else None

    def once() -> float:
        began = time.process_time()
        try:
            pair = cut(levels[0][0], levels[1][0], mask, block, plan.start, linear(plan.initial), plan.ranges, None)
            stage.method(pair)
        except BlockError:
            pass  # it failed, and that took its time too
        return time.process_time() - began

    once()  # loads and computes what all blocks share: it would be counted for each of them
    return once()


def _bytes(count: float) -> str:
    power = min(max(len(f"{count:.0f}") - 1, 0) // 3, 5)
    return f"{count / 1000**power:.3g} {('bytes', 'kB', 'MB', 'GB', 'TB', 'PB')[power]}"


def _time(seconds: float) -> str:
    for unit, length in ("days", 86400), ("hours", 3600), ("minutes", 60):
        if seconds >= 2 * length:
            return f"{seconds / length:.2g} {unit}"
    return f"{max(seconds, 1):.0f} s"
