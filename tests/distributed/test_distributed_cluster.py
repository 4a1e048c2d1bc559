"""Registration by blocks on clusters of real processes: the same answer as here, whatever happens to the workers."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import dask
import numpy as np
import pytest
import SimpleITK as sitk
from dask.distributed import Client, KilledWorker, LocalCluster, default_client
from known_warp import Diary, Pattern, errors, grid_around_zero, swirl, write_pair

from regseg import volumes
from regseg.distributed import (
    BlockPair,
    GaussNewton,
    MockMethod,
    MockReduction,
    Plan,
    RegistrationError,
    Result,
    Solve,
    Stage,
    Votes,
    cluster,
    plan,
    run,
    write_warped,
)
from regseg.grid import Box, Grid

GRID = grid_around_zero((96, 96), (1.0, 1.0))
PATTERN = Pattern(2, 44)


def planned(folder: Path, method) -> Plan:
    """16 blocks of a small image and two iterations; relative to the folder where this runs, if the folder is."""
    paths = folder / "fixed.mha", folder / "moving.mha"
    if not paths[0].exists():
        write_pair(folder, GRID, GRID, PATTERN, swirl)
    return plan(*paths, [Stage(method, Solve(20), spacing=2, block_size=24, iterations=2)])


@pytest.fixture(scope="module")
def alone(tmp_path_factory) -> Result:
    """What comes out without a cluster."""
    result = run(planned(tmp_path_factory.mktemp("alone"), GaussNewton()), progress=False)
    assert errors(result, swirl, GRID, PATTERN).mean() < 0.5  # of 2.9 mm
    return result


@pytest.fixture(scope="module")
def client():
    """Two worker processes of one thread each; the nanny of one that dies starts another."""
    options = {"n_workers": 2, "threads_per_worker": 1, "processes": True, "host": "127.0.0.1"}
    with LocalCluster(**options, dashboard_address="127.0.0.1:0") as cluster, Client(cluster) as client:
        yield client


def count(result: Result, status: str) -> int:
    """How many blocks of all iterations became that."""
    return sum(each.status == status for each in result.report)


def same(one: Result, other: Result) -> bool:
    """Whether two results have the same field, to the last bit."""
    return np.array_equal(one.field.values, other.field.values)


# --- processes on this computer --------------------------------------------------------------------------------------


def test_two_processes_find_what_one_finds(tmp_path, client, alone):
    wanted = planned(tmp_path, GaussNewton())
    result = run(wanted, client=client, progress=False)
    assert same(result, alone)
    assert [each.status for each in result.report] == [each.status for each in alone.report]
    there = write_warped(wanted, result, tmp_path / "there.zarr", client=client, progress=False).array[:]
    here = write_warped(wanted, result, tmp_path / "here.zarr", progress=False).array[:]
    np.testing.assert_array_equal(there, here)


def test_a_worker_killed_in_the_middle_changes_nothing(tmp_path, client, alone):
    method = Diary(GaussNewton(), tmp_path / "diary", kill_after=7)
    result = run(planned(tmp_path, method), client=client, progress=False)
    assert (tmp_path / "diary.killed").exists()
    assert same(result, alone)
    assert count(result, "failed") == 0
    assert count(result, "done") == count(alone, "done")


def kill_in_the_middle(index: tuple[int, ...]) -> None:
    """What a block does that needs more memory than any worker has."""
    if index == (1, 1):
        os.kill(os.getpid(), signal.SIGKILL)


def test_a_block_that_always_kills_its_worker_is_reported_and_bridged(tmp_path, client):
    stretch = sitk.AffineTransform(2)
    stretch.SetMatrix((1.04, 0.02, -0.03, 0.97))
    stretch.SetTranslation((2.0, 1.0))
    fixed, moving = write_pair(tmp_path, GRID, GRID, PATTERN, np.zeros_like)
    stage = Stage(MockMethod(stretch, before=kill_in_the_middle), Solve(16), spacing=4, block_size=32, overlap=4)
    result = run(plan(fixed, moving, [stage]), client=client, progress=False)
    [failed] = [each for each in result.report if each.status == "failed"]
    assert failed.index == (1, 1)
    assert "its worker died again and again" in failed.message
    assert "use smaller blocks, or larger workers" in failed.message
    assert count(result, "done") == 8
    middle = (1.0, -2.0)
    wanted = stretch.TransformPoint(middle)
    assert np.linalg.norm(np.subtract(wanted, middle)) > 2
    np.testing.assert_allclose(result.transform.TransformPoint(middle), wanted, atol=0.02)


def kill_or_work(kills: bool) -> str:
    """A task that needs too much memory, or one that takes a while."""
    if kills:
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(1)
    return "done"


def test_who_works_beside_a_killer_is_not_blamed():
    """Two threads of one worker: it dies under both tasks, as often as dask tries."""
    options = {"n_workers": 1, "threads_per_worker": 2, "host": "127.0.0.1", "dashboard_address": "127.0.0.1:0"}
    tasks = {"killer": (True,), "neighbour": (False,)}
    with LocalCluster(**options) as local, Client(local) as client:
        outcomes = dict(cluster.run(kill_or_work, tasks, client, label="blocks", progress=False))
    assert isinstance(outcomes["killer"], KilledWorker)
    assert outcomes["neighbour"] == "done"


@dataclass(frozen=True)
class Stumble:
    """A method that fails once in each process with the error of a network's file system."""

    folder: Path

    def __call__(self, pair: BlockPair) -> Votes:
        """No votes to speak of, the second time."""
        tried = self.folder / f"tried-{'-'.join(map(str, pair.cells.index))}"
        if not tried.exists():
            tried.touch()
            raise OSError("stale file handle")
        return MockMethod()(pair)


def test_a_file_system_that_stumbles_is_tried_again(tmp_path, client):
    fixed, moving = write_pair(tmp_path, GRID, GRID, PATTERN, np.zeros_like)
    stage = Stage(Stumble(tmp_path), MockReduction(), spacing=4, block_size=48)
    result = run(plan(fixed, moving, [stage]), client=client, progress=False)
    assert [each.status for each in result.report] == ["done"] * 4


def test_a_chunk_that_fails_leaves_the_old_file_alone(tmp_path, client):
    wanted = planned(tmp_path, GaussNewton())
    result = run(wanted, client=client, progress=False)
    before = write_warped(wanted, result, tmp_path / "warped.zarr", client=client, progress=False).array[:]
    for chunk in result.workdir.glob("moving-*.zarr/0/c/**/*"):
        if chunk.is_file():
            chunk.write_bytes(b"not what a codec wrote")
    with pytest.raises(RegistrationError, match="could not be written"):
        write_warped(wanted, result, tmp_path / "warped.zarr", client=client, progress=False)
    np.testing.assert_array_equal(volumes.open_volume(tmp_path / "warped.zarr").array[:], before)
    assert not list(tmp_path.glob("*.partial-*"))


# --- a cluster that others have started ------------------------------------------------------------------------------


@pytest.fixture
def address(tmp_path):
    """The address of a `dask scheduler` with two `dask worker` in another folder; nothing brings a dead worker back."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    file = elsewhere / "scheduler.json"
    # The workers import the tests' own module beside what this process was told to find.
    found = filter(None, (str(Path(__file__).parent), os.environ.get("PYTHONPATH")))
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(found)}
    scheduler = ["scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(file)]
    worker = ["worker", "--scheduler-file", str(file), "--no-nanny", "--nthreads", "1", "--no-dashboard"]
    worker += ["--host", "127.0.0.1", "--local-directory", str(elsewhere)]
    processes = []
    try:
        for arguments in scheduler, worker, worker:
            with (elsewhere / f"log-{len(processes)}").open("wb") as log:
                call = [sys.executable, "-m", "dask", *arguments]
                processes.append(
                    subprocess.Popen(call, cwd=elsewhere, env=environment, stdout=log, stderr=subprocess.STDOUT)
                )
        deadline = time.monotonic() + 60
        while not file.exists():
            assert time.monotonic() < deadline, (elsewhere / "log-0").read_text()
            time.sleep(0.1)
        found = json.loads(file.read_text())["address"]
        with Client(found, timeout="60s") as client:
            client.wait_for_workers(2, timeout=60)
        yield found, processes
    finally:
        for process in processes[::-1]:
            process.kill()
            process.wait()


def test_an_address_is_enough_and_a_lost_worker_no_harm(tmp_path, address, alone, monkeypatch):
    """Paths are given from the folder where this runs, which is not the one where the workers run."""
    monkeypatch.chdir(tmp_path)
    found, processes = address
    method = Diary(GaussNewton(), tmp_path / "diary", kill_after=7)
    wanted = planned(Path("."), method)
    result = run(wanted, client=found, progress=False)
    assert sorted(process.poll() is None for process in processes) == [False, True, True]  # one worker is dead
    assert same(result, alone)
    assert count(result, "failed") == 0
    write_warped(wanted, result, "warped.zarr", client=found, progress=False)
    assert volumes.open_volume("warped.zarr").array[:].max() > 100


# --- clusters that cannot work ---------------------------------------------------------------------------------------


@pytest.fixture
def impatient():
    """A time limit that a test can wait for."""
    with dask.config.set({"distributed.comm.timeouts.connect": "5s"}):
        yield


@pytest.fixture
def scheduler():
    """One without workers, and with a dashboard."""
    options = {"n_workers": 0, "host": "127.0.0.1", "dashboard_address": "127.0.0.1:0"}
    with LocalCluster(**options) as cluster:
        yield cluster


def default() -> Client | None:
    """The client that dask takes where none is given."""
    try:
        return default_client()
    except ValueError:
        return None


def refused(folder: Path, client, why: str) -> None:
    """The run ends with this reason, and leaves no work behind."""
    with pytest.raises(RegistrationError, match=why):
        run(planned(folder, MockMethod()), workdir=folder / "work", client=client, progress=False)
    assert not (folder / "work" / "registration.json").exists()


@pytest.mark.usefixtures("impatient")
def test_an_address_of_something_else_is_not_waited_for(tmp_path, scheduler):
    port, before = urlsplit(scheduler.dashboard_link).port, default()
    refused(tmp_path, f"tcp://127.0.0.1:{port}", "No dask scheduler answers at .*the dashboard has another port")
    refused(tmp_path, "tcp://127.0.0.1:1", "No dask scheduler answers at tcp://127.0.0.1:1")
    assert default() is before  # for what was tried in vain would hang whoever asks it next


@pytest.mark.usefixtures("impatient")
def test_a_scheduler_without_workers_is_not_waited_for(tmp_path, scheduler):
    refused(tmp_path, scheduler.scheduler_address, r"No worker has come to the scheduler within 5 s. Start some")


WITHOUT_REGSEG = """
import sys
class Without:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "regseg":
            raise ModuleNotFoundError("No module named 'regseg'")
sys.meta_path.insert(0, Without())
from distributed.cli.dask_worker import main
main()
"""


def test_workers_without_this_package_are_told(tmp_path, scheduler):
    call = [sys.executable, "-c", WITHOUT_REGSEG, scheduler.scheduler_address, "--no-nanny", "--no-dashboard"]
    with (tmp_path / "log").open("wb") as log:
        worker = subprocess.Popen(call, cwd=tmp_path, stdout=log, stderr=log)
    try:
        refused(tmp_path, scheduler.scheduler_address, "workers cannot load regseg.distributed .*the same software")
    finally:
        worker.kill()
        worker.wait()


# --- volumes larger than a worker ------------------------------------------------------------------------------------

LARGE = grid_around_zero((1024, 1024, 512), (0.25, 0.25, 0.25))
OBJECT = ((-24.0, -16.0, -16.0), (24.0, 16.0, 16.0))  # mm; the rest of the volume is zero
MASK = ((-15.5, 0.5, 0.5), (15.5, 15.5, 15.5))  # two blocks of 16 mm
SHIFT = np.array([0.6, -0.4, 0.3])


def save_large(path: Path, values, corners) -> None:
    """Write a function of the place in a box, at all levels; nobody holds more than that box, and the rest is empty."""
    with volumes.create(path, volumes.pyramid(LARGE), "uint16", chunk=64) as levels:
        for level in levels:
            first, last = np.round(level.grid.indices(corners)).astype(int)
            box = Box(tuple(first.tolist()), tuple((last + 1).tolist())).clip(level.grid.box)
            part: Grid = level.grid.crop(box)
            x, y, z = (part.origin[axis] + part.spacing[axis] * np.arange(part.size[axis]) for axis in range(3))
            level.array[box.slices] = values(x, y[:, None], z[:, None, None])


def waves(x, y, z):
    """A pattern that tells where one is."""
    return 500 + 120 * (np.cos(x / 1.1) * np.cos(y / 1.4) + np.cos(z / 1.2 + y / 2) + np.cos((x + z) / 1.6))


@dataclass(frozen=True)
class Greedy:
    """A method that reads the whole moving image, and holds it until it is stopped for that."""

    path: Path

    def __call__(self, pair: BlockPair) -> Votes:
        """No votes to speak of."""
        whole = volumes.open_volume(self.path).read()
        time.sleep(600)
        del whole
        return MockMethod()(pair)


def test_workers_smaller_than_a_volume_are_large_enough(tmp_path):
    """A worker that holds more than 0.9 GB, Python included, is stopped; a volume has 1.07 GB, or 2.15 GB as an image.

    One death is the end of a block here, so the first run shows that no worker came near its limit, and the second
    one, by a method that reads a whole volume, that the limit holds.
    """
    dx, dy, dz = SHIFT
    save_large(tmp_path / "moving.zarr", waves, OBJECT)
    save_large(tmp_path / "fixed.zarr", lambda x, y, z: waves(x + dx, y + dy, z + dz), OBJECT)
    save_large(tmp_path / "mask.zarr", lambda x, y, z: np.ones(np.broadcast_shapes(x.shape, y.shape, z.shape)), MASK)
    limit = 900_000_000
    assert limit < 0.9 * volumes.open_volume(tmp_path / "fixed.zarr").nbytes
    options = {"threads_per_worker": 1, "processes": True, "host": "127.0.0.1", "dashboard_address": "127.0.0.1:0"}

    def registered(method) -> Result:
        stage = Stage(method, Solve(8), spacing=0.25, block_size=16, overlap=3, iterations=2)
        paths = tmp_path / "fixed.zarr", tmp_path / "moving.zarr"
        return run(plan(*paths, [stage], mask=tmp_path / "mask.zarr"), client=client, progress=False)

    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 0}),
        LocalCluster(n_workers=1, memory_limit=limit, **options) as cluster,
        Client(cluster) as client,
    ):
        result = registered(GaussNewton(window=1))
        assert (count(result, "done"), count(result, "failed")) == (4, 0)
        for point in (-8.0, 8.0, 8.0), (8.0, 8.0, 8.0):
            found = np.subtract(result.transform.TransformPoint(point), point)
            np.testing.assert_allclose(found, SHIFT, atol=0.1)
        with pytest.raises(RegistrationError, match="The first one said: out of memory, or its worker died"):
            registered(Greedy(tmp_path / "moving.zarr"))
