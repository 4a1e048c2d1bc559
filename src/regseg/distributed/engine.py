"""Running a schedule: map, reduce, and the files from which a killed run goes on.

In the work folder each iteration has a folder with the field that it starts from and the votes of each block. A worker
writes the votes of its block itself, whole or not at all; the client only hears how it went. So a file that is there
is a block that is done, and nothing large passes through the scheduler.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from dask.distributed import Client

from regseg.blocks import Block, Box, Grid
from regseg.distributed import cluster
from regseg.distributed.field import Field
from regseg.distributed.pair import BlockError, cut, linear
from regseg.distributed.result import BlockReport, RegistrationError, Result
from regseg.distributed.votes import Votes
from regseg.volumes import Volume

if TYPE_CHECKING:
    from regseg.distributed.schedule import BlockMethod, Schedule, Stage

_GROWTH = 1.05  # a cost that grows by more than this between two iterations is a step in the wrong direction


def compute(schedule: Schedule, progress: bool) -> Result:
    """Compute a schedule; see `Schedule.compute`."""
    _claim(schedule)
    result = Result(schedule.start, schedule.initial)
    with cluster.connected(schedule.client) as client:
        for number in range(len(schedule.stages)):
            _stage(schedule, number, result, client, progress)
    return result


def _stage(schedule: Schedule, number: int, result: Result, client: Client | None, progress: bool) -> None:
    stage, before = schedule.stages[number], None
    for iteration in range(stage.iterations):
        folder = schedule.workdir / f"stage-{number}" / f"iteration-{iteration}"
        votes, cost = _map(schedule, number, iteration, folder, result, client, progress)
        if cost is not None:
            result.costs.append((number, iteration, cost))
            if before is not None and cost > _GROWTH * before[0]:
                result.field = before[1]
                result.notes.append(
                    f"stage {number} stopped early: iteration {iteration - 1} made the images less alike and was undone"
                )
                return
            before = cost, result.field
        values = stage.reduction(votes, result.field)
        if values.shape != result.field.values.shape or not np.isfinite(values).all():
            raise RegistrationError(
                f"The reduction of stage {number} gave values of shape {values.shape}, or NaN among them: wanted "
                f"are finite ones of shape {result.field.values.shape}."
            )
        result.field = replace(result.field, values=np.asarray(values, np.float32))


def _map(
    schedule: Schedule, number: int, iteration: int, folder: Path, result: Result, client: Client | None, progress: bool
) -> tuple[Votes, float | None]:
    """Let all blocks vote; return the sum of their votes, and the mean of their costs."""
    stage = schedule.stages[number]
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / "field.npy", lambda file: np.save(file, result.field.values))
    job = Job(
        stage.method, *schedule.levels(stage), schedule.lattice, linear(schedule.initial), schedule.ranges, folder
    )
    blocks, tasks, reports = schedule.blocks(stage), {}, {}
    for block, wanted in blocks:
        if not wanted:
            reports[block.index] = ("skipped", "background")
        elif job.file(block).is_file():
            reports[block.index] = ("done", "by an earlier run")
        else:
            tasks[block.index] = (job, block)
    label = f"stage {number}, iteration {iteration}"
    for index, outcome in cluster.run(vote_in, tasks, client, label=label, progress=progress):
        reports[index] = ("failed", _explain(outcome)) if isinstance(outcome, BaseException) else outcome
    total, costs = Votes.none(schedule.lattice.box), []
    for block, _ in blocks:  # in their order, so that the sums round alike however the run went
        result.report.append(BlockReport(number, iteration, block.index, *reports[block.index]))
        if reports[block.index][0] == "done":
            votes = load(job.file(block))
            total.add(votes)
            costs.append(votes.cost)
    failed = [message for status, message, *_ in reports.values() if status == "failed"]
    if not costs:
        why = f"The first one said: {failed[0]}." if failed else "All are background: is the mask empty?"
        raise RegistrationError(f"No block of stage {number} could be registered. {why}")
    return total, None if None in costs else float(np.mean(costs))


@dataclass(frozen=True)
class Job:
    """What the blocks of one iteration have in common, small enough to be sent with each of them."""

    method: BlockMethod
    fixed: Volume
    moving: Volume
    mask: Volume | None
    lattice: Grid
    initial: tuple[np.ndarray, np.ndarray]
    ranges: tuple[float, float]
    folder: Path

    def file(self, block: Block) -> Path:
        """Where the votes of a block are kept."""
        return self.folder / f"block-{'-'.join(map(str, block.index))}.npz"


def vote_in(job: Job, block: Block) -> tuple[str, str, float]:
    """The task of a worker: let one block vote, write its votes, and tell how it went, in CPU-seconds too.

    Whatever the method raises is this block's failure, and no other's; only an OSError goes on, to be tried again.
    """
    began = time.process_time()
    try:
        values = job.folder / "field.npy"
        field = Field(job.lattice, _field_values(values, values.stat().st_mtime_ns))
        votes = job.method(cut(job.fixed, job.moving, job.mask, block, field, job.initial, job.ranges))
        if not (np.isfinite(votes.matrix).all() and np.isfinite(votes.vector).all()):
            raise BlockError("diverged: its votes are NaN or infinite")
        save(votes, job.file(block))
    except OSError:
        raise
    except Exception as error:
        return "failed", _explain(error), time.process_time() - began
    return "done", "", time.process_time() - began


def _explain(error: BaseException) -> str:
    if isinstance(error, BlockError):
        return str(error)
    if isinstance(error, MemoryError) or type(error).__name__ == "KilledWorker":
        return f"out of memory, or its worker died again and again ({error}): use smaller blocks, or larger workers"
    return f"{type(error).__name__}: {error}"


@lru_cache(maxsize=2)
def _field_values(file: Path, written: int) -> np.ndarray:
    del written  # part of the key: a file that was written again is another one
    return np.load(file)


def save(votes: Votes, file: Path) -> None:
    """Write the votes of a block, whole or not at all."""
    cost = np.nan if votes.cost is None else votes.cost
    arrays = {"matrix": votes.matrix.astype(np.float32), "vector": votes.vector.astype(np.float32), "cost": cost}
    _write(file, lambda out: np.savez(out, start=votes.box.start, stop=votes.box.stop, **arrays))


def load(file: Path) -> Votes:
    """Read what `save` wrote."""
    with np.load(file) as content:
        box = Box(tuple(content["start"].tolist()), tuple(content["stop"].tolist()))
        cost = float(content["cost"])
        return Votes(box, content["matrix"], content["vector"], None if np.isnan(cost) else cost)


def _write(file: Path, write: Callable[[IO[bytes]], None]) -> None:
    # Two workers may do the same block, when one was believed dead: each writes under a name of its own.
    partial = file.with_name(f".{file.name}.{os.getpid()}")
    with partial.open("wb") as out:
        write(out)
    partial.replace(file)


def _claim(schedule: Schedule) -> None:
    """Make sure that what lies in the work folder belongs to this registration."""
    volumes = (schedule.fixed, schedule.moving, schedule.mask or [])
    known = {
        "images": [[str(levels[0].path), repr(levels[0].grid)] for levels in volumes if levels],
        "initial": [each.tolist() for each in linear(schedule.initial)],
        "start": hashlib.sha256(schedule.start.values.tobytes()).hexdigest(),
        "lattice": repr(schedule.lattice),
        "stages": [_describe(stage) for stage in schedule.stages],
    }
    file = schedule.workdir / "registration.json"
    text = json.dumps(known, indent=2)
    if file.is_file() and file.read_text(encoding="utf-8") != text:
        raise RegistrationError(
            f"The work folder {schedule.workdir} holds another registration, or this one with other settings. Give "
            "another folder, or delete this one."
        )
    _write(file, lambda out: out.write(text.encode()))


def _describe(stage: Stage) -> dict[str, Any]:
    """A stage in words that are the same in the next process: a function by its name, an object by its values."""
    return {name: getattr(each, "__qualname__", repr(each)) for name, each in vars(stage).items()}
