"""Running a schedule: map, reduce, map, reduce, to the last stage."""

from __future__ import annotations

import hashlib
import json
import re
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from dask.distributed import Client

from regseg.blocks import Block
from regseg.distributed import cluster
from regseg.distributed.pair import BlockError, Linear, Ranges, cut, linear
from regseg.distributed.plan import BlockMethod, Plan, Stage
from regseg.distributed.result import BlockReport, RegistrationError, Result
from regseg.distributed.store import load_field, load_votes, save_field, save_votes, stamp, votes_file, write_whole
from regseg.distributed.votes import Votes
from regseg.grid import Grid
from regseg.volumes import Volume

_GROWTH = 1.2  # a cost that grows by more than this from one iteration to the next: the step went the wrong way


class Run:
    """One computation of a plan, as far as it has got: the result so far, and what the blocks have shared last."""

    def __init__(self, plan: Plan, progress: bool) -> None:
        self.plan = plan
        self.progress = progress
        self.result = Result(plan.start, plan.initial)
        self.shared: np.ndarray | None = None

    def compute(self) -> Result:
        """Do all stages; see `Schedule.compute`."""
        _claim(self.plan)
        with cluster.connected(self.plan.client) as client:
            if self.progress:
                cluster.tell_dashboard(client)
            for number, stage in enumerate(self.plan.stages):
                if number and stage.method != self.plan.stages[number - 1].method:
                    self.shared = None  # what one method shares means nothing to another
                self._stage(number, stage, client)
        return self.result

    def _stage(self, number: int, stage: Stage, client: Client | None) -> None:
        """Repeat map and reduce, and take a step back where one made things worse."""
        result, before = self.result, None
        for iteration in range(stage.iterations):
            votes = self._map(number, stage, iteration, client)
            self.shared = votes.shared
            if votes.cost is not None:
                result.costs.append((number, iteration, votes.cost))
                if before is not None and votes.cost > _GROWTH * before[0]:
                    result.field = before[1]
                    result.notes.append(
                        f"stage {number} stopped early: iteration {iteration - 1} made the images less alike and was "
                        "undone"
                    )
                    return
                before = votes.cost, result.field
            values = stage.reduction(votes, result.field)
            wanted = result.field.values.shape
            if not (isinstance(values, np.ndarray) and values.shape == wanted and np.isfinite(values).all()):
                raise RegistrationError(
                    f"The reduction of stage {number} gave {type(values).__name__} of shape "
                    f"{getattr(values, 'shape', 'none')}, or NaN in it: wanted are finite ones of shape {wanted}."
                )
            result.field = replace(result.field, values=np.asarray(values, np.float32))

    def _map(self, number: int, stage: Stage, iteration: int, client: Client | None) -> Votes:
        """Let all blocks vote; return the sum of their votes, with the mean of their costs."""
        plan = self.plan
        folder = plan.workdir / f"stage-{number}" / f"iteration-{iteration}"
        folder.mkdir(parents=True, exist_ok=True)
        save_field(self.result.field, folder / "field.npy")
        images = plan.levels(stage)
        job = Job(stage.method, *images, plan.lattice, linear(plan.initial), plan.ranges, self.shared, folder)
        blocks, tasks, outcomes = plan.blocks(stage), {}, {}
        for block, wanted in blocks:
            if not wanted:
                outcomes[block.index] = ("skipped", "background")
            elif votes_file(folder, block).is_file():
                outcomes[block.index] = ("done", "by an earlier run")
            else:
                tasks[block.index] = (job, block)
        label = f"stage {number}, iteration {iteration}"
        for index, outcome in cluster.run(vote_in, tasks, client, label=label, progress=self.progress):
            outcomes[index] = ("failed", _explain(outcome)) if isinstance(outcome, BaseException) else outcome
        total, done = Votes.none(plan.lattice.box), 0
        for block, _ in blocks:  # in their order, so that the sums round alike however the run went
            self.result.report.append(BlockReport(number, iteration, block.index, *outcomes[block.index]))
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
        if not isinstance(votes, Votes):
            raise BlockError(
                f"the method returned {type(votes).__name__} in place of Votes: distributed.vote(pair, transform) "
                "makes them of a transform"
            )
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


def _claim(plan: Plan) -> None:
    """Make sure that what lies in the work folder belongs to this registration."""
    images = (plan.fixed, plan.moving, plan.mask or [])
    known = {
        "images": [[str(levels[0].path), stamp(levels[0].path)] for levels in images if levels],
        "initial": [each.tolist() for each in linear(plan.initial)],
        "start": hashlib.sha256(plan.start.values.tobytes()).hexdigest(),
        "lattice": repr(plan.lattice),
        "stages": [_describe(stage) for stage in plan.stages],
    }
    file = plan.workdir / "registration.json"
    text = json.dumps(known, indent=2)
    if file.is_file() and file.read_text(encoding="utf-8") != text:
        raise RegistrationError(
            f"The work folder {plan.workdir} holds another registration, or this one with other settings. Give "
            "another folder, or delete this one."
        )
    write_whole(file, lambda out: out.write(text.encode()))


def _describe(stage: Stage) -> dict[str, Any]:
    """A stage in words that are the same in the next process: a function by its code, an object by its values."""

    def words_of(each: Any) -> str:
        code = getattr(each, "__code__", None)
        if code is None:
            return repr(each)
        plain = [value for value in code.co_consts if not hasattr(value, "co_code")]
        return f"{each.__qualname__} {code.co_code.hex()} {plain}"

    words = {name: words_of(each) for name, each in vars(stage).items()}
    return {name: re.sub(r"0x[0-9a-fA-F]+", "…", each) for name, each in words.items()}  # no addresses in memory
