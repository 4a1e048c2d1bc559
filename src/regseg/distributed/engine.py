"""Running a schedule: map, reduce, map, reduce, to the last stage."""

from __future__ import annotations

import hashlib
import json
import re
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from dask.distributed import Client

from regseg.blocks import Block, Grid
from regseg.distributed import cluster
from regseg.distributed.pair import BlockError, Linear, Ranges, cut, linear
from regseg.distributed.result import BlockReport, RegistrationError, Result
from regseg.distributed.store import load_field, load_votes, save_field, save_votes, stamp, votes_file, write_whole
from regseg.distributed.votes import Votes
from regseg.volumes import Volume

if TYPE_CHECKING:
    from regseg.distributed.schedule import BlockMethod, Schedule, Stage

_GROWTH = 1.2  # a cost that grows by more than this from one iteration to the next: the step went the wrong way


def compute(schedule: Schedule, progress: bool) -> Result:
    """Compute a schedule; see `Schedule.compute`."""
    _claim(schedule)
    result = Result(schedule.start, schedule.initial)
    shared = None
    with cluster.connected(schedule.client) as client:
        if progress:
            cluster.tell_dashboard(client)
        for number, stage in enumerate(schedule.stages):
            if number and stage.method != schedule.stages[number - 1].method:
                shared = None  # what one method shares means nothing to another
            shared = _stage(schedule, number, result, shared, client, progress)
    return result


def _stage(
    schedule: Schedule,
    number: int,
    result: Result,
    shared: np.ndarray | None,
    client: Client | None,
    progress: bool,
) -> np.ndarray | None:
    """Do the iterations of a stage, on the field of the result; return what its blocks have shared in the last one."""
    stage, before = schedule.stages[number], None
    for iteration in range(stage.iterations):
        votes = _map(schedule, number, iteration, result, shared, client, progress)
        shared = votes.shared
        if votes.cost is not None:
            result.costs.append((number, iteration, votes.cost))
            if before is not None and votes.cost > _GROWTH * before[0]:
                result.field = before[1]
                result.notes.append(
                    f"stage {number} stopped early: iteration {iteration - 1} made the images less alike and was undone"
                )
                return shared
            before = votes.cost, result.field
        values = stage.reduction(votes, result.field)
        if values.shape != result.field.values.shape or not np.isfinite(values).all():
            raise RegistrationError(
                f"The reduction of stage {number} gave values of shape {values.shape}, or NaN among them: wanted "
                f"are finite ones of shape {result.field.values.shape}."
            )
        result.field = replace(result.field, values=np.asarray(values, np.float32))
    return shared


def _map(
    schedule: Schedule,
    number: int,
    iteration: int,
    result: Result,
    shared: np.ndarray | None,
    client: Client | None,
    progress: bool,
) -> Votes:
    """Let all blocks vote; return the sum of their votes, with the mean of their costs."""
    stage = schedule.stages[number]
    folder = schedule.workdir / f"stage-{number}" / f"iteration-{iteration}"
    folder.mkdir(parents=True, exist_ok=True)
    save_field(result.field, folder / "field.npy")
    images = schedule.levels(stage)
    job = Job(stage.method, *images, schedule.lattice, linear(schedule.initial), schedule.ranges, shared, folder)
    blocks, tasks, outcomes = schedule.blocks(stage), {}, {}
    for block, wanted in blocks:
        if not wanted:
            outcomes[block.index] = ("skipped", "background")
        elif votes_file(folder, block).is_file():
            outcomes[block.index] = ("done", "by an earlier run")
        else:
            tasks[block.index] = (job, block)
    label = f"stage {number}, iteration {iteration}"
    for index, outcome in cluster.run(vote_in, tasks, client, label=label, progress=progress):
        outcomes[index] = ("failed", _explain(outcome)) if isinstance(outcome, BaseException) else outcome
    total, done = Votes.none(schedule.lattice.box), 0
    for block, _ in blocks:  # in their order, so that the sums round alike however the run went
        result.report.append(BlockReport(number, iteration, block.index, *outcomes[block.index]))
        if outcomes[block.index][0] == "done":
            total.add(load_votes(votes_file(folder, block)))
            done += 1
    if not done:
        failed = [message for status, message, *_ in outcomes.values() if status == "failed"]
        why = f"The first one said: {failed[0]}." if failed else "All are background: is the mask empty?"
        raise RegistrationError(f"No block of stage {number} could be registered. {why}")
    if total.cost is not None:
        total.cost /= done
    return total


@dataclass(frozen=True)
class Job:
    """What the blocks of one iteration have in common, small enough to be sent with each of them."""

    method: BlockMethod
    fixed: Volume
    moving: Volume
    mask: Volume | None
    lattice: Grid
    initial: Linear
    ranges: Ranges
    shared: np.ndarray | None
    folder: Path


def vote_in(job: Job, block: Block) -> tuple[str, str, float]:
    """The task of a worker: let one block vote, write its votes, and tell how it went and how many CPU-seconds it took.

    Whatever the method raises is this block's failure, and no other's; only an OSError goes on, to be tried again.
    """
    began = time.process_time()
    try:
        field = load_field(job.lattice, job.folder / "field.npy")
        pair = cut(job.fixed, job.moving, job.mask, block, field, job.initial, job.ranges, job.shared)
        votes = job.method(pair)
        if not (np.isfinite(votes.matrix).all() and np.isfinite(votes.vector).all()):
            raise BlockError("diverged: its votes are NaN or infinite")
        save_votes(votes, votes_file(job.folder, block))
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


def _claim(schedule: Schedule) -> None:
    """Make sure that what lies in the work folder belongs to this registration."""
    images = (schedule.fixed, schedule.moving, schedule.mask or [])
    known = {
        "images": [[str(levels[0].path), stamp(levels[0].path)] for levels in images if levels],
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
    write_whole(file, lambda out: out.write(text.encode()))


def _describe(stage: Stage) -> dict[str, Any]:
    """A stage in words that are the same in the next process: a function by its name, an object by its values."""
    words = {name: getattr(each, "__qualname__", repr(each)) for name, each in vars(stage).items()}
    return {name: re.sub(r"0x[0-9a-fA-F]+", "…", each) for name, each in words.items()}  # no addresses in memory
