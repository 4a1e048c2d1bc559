"""Carrying out a plan: map, reduce, map, reduce, to the last stage."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import time
import weakref
from collections import deque
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from dask.distributed import Client

from regseg.blocks import Block
from regseg.distributed import cluster, store
from regseg.distributed.field import Field
from regseg.distributed.images import at_least
from regseg.distributed.pair import BlockError, Linear, Ranges, cut, linear, pull
from regseg.distributed.planning import Plan
from regseg.distributed.result import EARLIER, BlockReport, RegistrationError, Result
from regseg.distributed.stages import BlockMethod, Stage
from regseg.distributed.votes import Votes
from regseg.evaluate import normalised_mutual_information
from regseg.grid import Grid
from regseg.volumes import Volume

_GROWTH = 1.2  # a cost that grows by more than this from one iteration to the next: the step went the wrong way
_LESS_ALIKE = 0.01  # a part of the likeness that may be lost without a word, where there is little to gain
_GREYS = 16  # bins along each axis of the histogram for the similarity: at the lattice there are few voxels to count


def run(
    plan: Plan,
    *,
    workdir: str | Path | None = None,
    resume: bool = False,
    client: Client | str | None = None,
    progress: bool = True,
) -> Result:
    """Carry out a plan: register its images, here or on a cluster.

    On one computer the field is the same to the last bit wherever its blocks were done, as every process counts with
    one thread. Processors of another kind round in another way, and find nearly the same field.

    Images that are not OME-Zarr with the levels of `volumes.save` are copied to the work folder first, in chunks.

    Parameters
    ----------
    plan : Plan
        What to do.
    workdir : str or Path, optional
        A folder that all workers see under the same path, for this run alone. Without it, a temporary one.
    resume : bool
        Go on from what an earlier run has left in the work folder. It must have been a run of the same plan: other
        images, another initial transform, other stages or another version of this package are refused. That a method
        or a reduction of your own still does the same is your word.
    client : Client or str, optional
        A dask client, the address of a scheduler, or None to work here, one block after the other. A first worker must
        come within dask's time limit for connections, half a minute; `client.wait_for_workers(1)` waits for longer.
    progress : bool
        Show a bar.

    Raises
    ------
    RegistrationError
        No block could be registered, the cluster cannot be used, or the work folder belongs to another run or is an
        address.
    ValueError
        There is nothing to resume without a work folder.
    """
    if resume and workdir is None:
        raise ValueError("To go on from an earlier run, give its workdir.")
    folder = store.work_folder(workdir or tempfile.mkdtemp(prefix="regseg-")).absolute()
    result = Result(plan.start, plan.initial, folder)
    if workdir is None:
        weakref.finalize(result, shutil.rmtree, folder, ignore_errors=True)
    with ExitStack() as stack:
        stack.enter_context(store.claim(folder))
        client = stack.enter_context(cluster.connected(client))
        stack.enter_context(cluster.one_thread())
        store.begin(folder, _facts(plan), resume)
        if progress:
            cluster.tell_dashboard(client)
        _Run(plan, result, client, progress).compute()
    return result


def _facts(plan: Plan) -> dict[str, Any]:
    """All by which a registration can be told from another one, in words that are the same in the next process."""

    def name(function: object) -> str:
        return getattr(function, "__qualname__", type(function).__qualname__)

    code = hashlib.sha256()
    for file in sorted(Path(__file__).parent.glob("*.py")):
        code.update(file.read_bytes())
    return {
        "images": [[str(each.path), each.at, each.stamp] for each in (plan.fixed, plan.moving, plan.mask) if each],
        "initial transform": [each.tolist() for each in linear(plan.initial)],
        "start": store.state(plan.start, None),
        "lattice": repr(plan.lattice),
        "stages": [
            [name(each.method), name(each.reduction), each.spacing, each.block_size, each.overlap, each.iterations]
            for each in plan.stages
        ],
        "version of regseg.distributed": code.hexdigest(),
    }


class _Run:
    """A run as far as it has got: the result so far, and what the blocks have shared last."""

    def __init__(self, plan: Plan, result: Result, client: Client | None, progress: bool) -> None:
        self.plan = plan
        self.result = result
        self.client = client
        self.progress = progress
        self.shared: np.ndarray | None = None
        self.fixed, self.moving, self.mask = (
            each.open(result.workdir) if each else None for each in (plan.fixed, plan.moving, plan.mask)
        )

    def compute(self) -> None:
        """Do all stages; the result is what it was given."""
        stages = self.plan.stages
        self.result.notes.extend(self.plan.started)
        self._note_missing_chunks()
        for number, stage in enumerate(stages):
            if number and stage.method != stages[number - 1].method:
                self.shared = None  # what one method shares means nothing to another
            self._stage(number, stage)
        self._judge()

    def _stage(self, number: int, stage: Stage) -> None:
        """Repeat map and reduce, and take a step back where one made things worse."""
        result, before = self.result, None
        for iteration in range(stage.iterations):
            votes = self._map(number, stage, iteration)
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

    def _map(self, number: int, stage: Stage, iteration: int) -> Votes:
        """Let all blocks vote; return the sum of their votes, with the mean of their costs."""
        plan, field = self.plan, self.result.field
        folder = self.result.workdir / f"stage-{number}" / f"iteration-{iteration}"
        folder.mkdir(parents=True, exist_ok=True)
        store.save_field(field, folder / "field.npy")
        fine, fine_of_moving = plan.levels(stage)
        job = Job(
            stage.method,
            self.fixed[fine],
            self.moving[fine_of_moving],
            self.mask[fine] if self.mask else None,
            plan.lattice,
            linear(plan.initial),
            plan.ranges,
            self.shared,
            folder,
            store.state(field, self.shared),
        )
        blocks, tasks, outcomes = plan.blocks(stage), {}, {}
        for block, wanted in blocks:
            if not wanted:
                outcomes[block.index] = ("skipped", "background")
            elif job.votes_of(block):
                outcomes[block.index] = ("done", EARLIER)
            else:
                tasks[block.index] = (job, block)
        total, done, left = Votes.none(plan.lattice.box), 0, deque(block for block, _ in blocks)

        def add_those_at_hand() -> int:
            # In their order, so that the sums round alike however the run went; and while other blocks are at work.
            added = 0
            while left and left[0].index in outcomes:
                block = left.popleft()
                self.result.report.append(BlockReport(number, iteration, block.index, *outcomes[block.index]))
                if outcomes[block.index][0] == "done":
                    votes = job.votes_of(block)
                    if votes is None:
                        raise RegistrationError(
                            f"The votes of block {block.index} are gone from {folder}: start again."
                        )
                    total.add(votes)
                    added += 1
            return added

        label = f"stage {number}, iteration {iteration}"
        for index, outcome in cluster.run(vote_in, tasks, self.client, label=label, progress=self.progress):
            outcomes[index] = ("failed", _explain(outcome)) if isinstance(outcome, BaseException) else outcome
            done += add_those_at_hand()
        done += add_those_at_hand()
        if not done:
            failed = [message for status, message, *_ in outcomes.values() if status == "failed"]
            why = (
                f"The first one said: {failed[0]}."
                if failed
                else "All are background: is the mask empty, or has an image infinite values?"
            )
            raise RegistrationError(f"No block of stage {number} could be registered. {why}")
        if total.cost is not None:
            total.cost /= done
        return total

    def _note_missing_chunks(self) -> None:
        """Say what is not there: it may be empty, or lost."""
        plan = self.plan
        fixed, moving = map(min, zip(*map(plan.levels, plan.stages), strict=True))
        # The stages may look at a coarser level only; `write_warped` reads the finest one.
        for source, levels in (plan.fixed, {fixed}), (plan.moving, {0, moving}), (plan.mask, {0}):
            for volume in source.stored(levels) if source else []:
                if isinstance(volume.path, str):
                    self.result.notes.append(f"whether chunks are missing at {volume.path} was not looked at")
                    continue
                missing, wanted = volume.missing()
                if missing:
                    self.result.notes.append(
                        f"{missing} of {wanted} chunks of {volume.path}, level {volume.level}, are not there and were "
                        f"read as {volume.empty:g}"
                    )

    def _judge(self) -> None:
        """How alike the images are, before and after, and whether that speaks against the result."""
        plan, result = self.plan, self.result
        matrix, shift = linear(plan.initial)
        backwards = np.linalg.inv(matrix), -np.linalg.inv(matrix) @ shift
        before, after = (self._similarity(field, (matrix, shift)) for field in (plan.start, result.field))
        result.similarity = before, after
        turned = self._similarity(plan.start, backwards)
        if turned > max(before, after):
            result.doubts.append(
                f"with the inverse of the initial transform the images are more alike ({turned:.3f}) than with what "
                "was found: it maps from the fixed image to the moving one. Is it the wrong way round?"
            )
        if after - 1 < (1 - _LESS_ALIKE) * (before - 1):
            result.doubts.append("the images are less alike now than they were before: look at them before you go on")

    def _similarity(self, field: Field, initial: Linear) -> float:
        """See `Result.similarity`."""
        plan = self.plan
        moving = self.moving[at_least(plan.moving.grids, min(plan.lattice.spacing))]
        values, inside = pull(moving, plan.lattice, plan.lattice.box, field, initial, 1)
        # Outside the moving image is background: else the images would be the more alike, the less they overlap.
        values[~inside] = plan.ranges[1][0]
        seen = plan.foreground & np.isfinite(plan.coarse) & np.isfinite(values)
        counts, *_ = np.histogram2d(plan.coarse[seen], values[seen], _GREYS, plan.ranges)
        return normalised_mutual_information(counts)


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
    state: str

    def votes_of(self, block: Block) -> Votes | None:
        """What lies in the folder for this iteration, if there is anything."""
        return store.load_votes(store.votes_file(self.folder, block), self.state)


def vote_in(job: Job, block: Block) -> tuple[str, str, float]:
    """The task of a worker: let one block vote, write its votes, and tell how it went and how many CPU-seconds it took.

    Whatever the method raises is this block's failure, and no other's; only an OSError goes on, to be tried again.
    """
    began = time.process_time()
    try:
        if not job.folder.is_dir():
            raise BlockError(f"its worker does not see {job.folder}: all must see all files under the same path")
        field = store.load_field(job.lattice, job.folder / "field.npy")
        pair = cut(job.fixed, job.moving, job.mask, block, field, job.initial, job.ranges, job.shared)
        votes = job.method(pair)
        if not isinstance(votes, Votes):
            raise BlockError(
                f"the method returned {type(votes).__name__} in place of Votes: distributed.vote(pair, transform) "
                "makes them of a transform"
            )
        if not (np.isfinite(votes.matrix).all() and np.isfinite(votes.vector).all()):
            raise BlockError("diverged: its votes are NaN or infinite")
        store.save_votes(votes, store.votes_file(job.folder, block), job.state)
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
