"""Runs that are interrupted, killed, or robbed of a file: what goes on from them ends where a clean run ends."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from known_warp import Diary, Pattern, grid_around_zero, image_of, swirl, write_pair

from regseg import volumes
from regseg.distributed import (
    BlockPair,
    GaussNewton,
    MockMethod,
    Plan,
    RegistrationError,
    Result,
    Solve,
    Stage,
    Votes,
    plan,
    run,
    write_warped,
)

TESTS = Path(__file__).parent
GRID = grid_around_zero((96, 90), (1.0, 1.0))


def planned(folder: Path, method=None, **stage) -> Plan:
    """16 blocks of a small image, 12 of them not background, and two iterations."""
    if not (folder / "fixed.mha").exists():
        write_pair(folder, GRID, GRID, Pattern(2, 38), swirl)
    stage = Stage(method or GaussNewton(), Solve(20), **{"spacing": 2, "block_size": 24, "iterations": 2, **stage})
    return plan(folder / "fixed.mha", folder / "moving.mha", [stage])


def resumed(wanted: Plan, folder: Path) -> Result:
    """The result of a run that goes on from what lies in the folder."""
    return run(wanted, workdir=folder, resume=True, progress=False)


class Interrupt:
    """Interrupts the run at one block, once, as Ctrl-C does."""

    def __init__(self, method, number: int):
        self.method, self.left, self.seen = method, number, []

    def __call__(self, pair: BlockPair) -> Votes:
        """The votes of the method."""
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt
        self.seen.append(pair.cells.index)
        return self.method(pair)


def test_an_interrupted_run_goes_on_from_the_blocks_it_has(tmp_path):
    undisturbed = run(planned(tmp_path), progress=False)
    wanted = sum(each.status == "done" for each in undisturbed.report)
    method = Interrupt(GaussNewton(), number=wanted // 2 + 3)  # in the second iteration
    with pytest.raises(KeyboardInterrupt):
        run(planned(tmp_path, method), workdir=tmp_path / "work", progress=False)
    result = resumed(planned(tmp_path, method), tmp_path / "work")
    assert len(method.seen) == wanted  # each block of each iteration once
    np.testing.assert_array_equal(result.field.values, undisturbed.field.values)
    earlier = [each for each in result.report if each.message == "by an earlier run"]
    assert len(earlier) == wanted // 2 + 2
    assert f"{wanted} done ({len(earlier)} of them by an earlier run), " in str(result)
    assert "earlier" not in str(undisturbed)
    # A third run has nothing left to do.
    again = resumed(planned(tmp_path, method), tmp_path / "work")
    np.testing.assert_array_equal(again.field.values, result.field.values)
    assert len(method.seen) == wanted


KILLED_RUN = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import test_resume as tests
folder = Path(sys.argv[2])
method = tests.Diary(tests.GaussNewton(), folder / "diary", kill_after=15)
tests.run(tests.planned(folder, method), workdir=folder / "work", progress=False)
"""


def test_a_killed_process_goes_on_from_the_blocks_it_has(tmp_path):
    undisturbed = run(planned(tmp_path), progress=False)
    wanted = sum(each.status == "done" for each in undisturbed.report)
    call = [sys.executable, "-c", KILLED_RUN, str(TESTS), str(tmp_path)]
    assert subprocess.run(call, check=False).returncode == -signal.SIGKILL
    method = Diary(GaussNewton(), tmp_path / "diary", kill_after=15)
    assert 15 == len(method.lines) < wanted
    result = resumed(planned(tmp_path, method), tmp_path / "work")
    assert len(method.lines) == wanted
    np.testing.assert_array_equal(result.field.values, undisturbed.field.values)


# --- a file that cannot be written -----------------------------------------------------------------------------------


class FullDisk:
    """Lets one file of a folder, the n-th that is opened for writing there, fail however often it is tried."""

    def __init__(self) -> None:
        self.folder, self.number, self.seen = None, 0, []
        sys.addaudithook(self._look)

    def _look(self, event: str, arguments: tuple) -> None:
        if self.folder is None or event != "open" or "w" not in str(arguments[1]):
            return
        if not str(arguments[0]).startswith(str(self.folder)):
            return
        name = re.sub(r"/\.[0-9a-f]{8}\.", "/", str(arguments[0]))  # an unfinished file has another name each time
        if name not in self.seen:
            self.seen.append(name)
        if self.seen.index(name) == self.number:
            raise OSError(28, "No space left on device")

    def attempt(self, wanted: Plan, folder: Path, number: int) -> int:
        """Run with a disk that has no place for one file; return how many files were tried."""
        self.folder, self.number, self.seen = folder, number, []
        try:
            run(wanted, workdir=folder, progress=False)
        except (OSError, RegistrationError):
            pass
        finally:
            self.folder = None
        return len(self.seen)


@pytest.fixture(scope="session")
def full_disk() -> FullDisk:
    """An audit hook stays for as long as the process lives, so there is one of it."""
    return FullDisk()


def test_whichever_write_fails_the_resumed_field_is_that_of_a_clean_run(tmp_path, full_disk):
    """A block that fails changes the field, and votes that were cast for the changed one must not stay."""
    stages = replace(planned(tmp_path).stages[0], block_size=40, iterations=3), Stage(GaussNewton(), Solve(10), 1, 40)
    images = [volumes.save(tmp_path / f"{name}.mha", tmp_path / f"{name}.zarr") for name in ("fixed", "moving")]
    wanted = plan(*(image.path for image in images), stages)
    clean = run(wanted, progress=False)
    number, wrong = 0, {}
    while True:
        folder = tmp_path / "work"
        if full_disk.attempt(wanted, folder, number) <= number:
            break
        away = np.abs(resumed(wanted, folder).field.values - clean.field.values).max()
        if away:
            wrong[number] = float(away)
        shutil.rmtree(folder)
        number += 1
    assert number > 20  # the blocks' votes, the fields, and what says whose they are
    assert not wrong


def test_votes_that_cannot_be_read_are_cast_again(tmp_path):
    """As a power cut may leave them: empty, cut short, or full of something else."""
    clean = run(planned(tmp_path), workdir=tmp_path / "work", progress=False)
    votes = sorted((tmp_path / "work").glob("stage-*/iteration-*/block-*.npz"))
    votes[0].write_bytes(b"")
    votes[1].write_bytes(votes[1].read_bytes()[:500])
    votes[2].write_bytes(b"not a zip file")
    votes[3].unlink()
    result = resumed(planned(tmp_path), tmp_path / "work")
    again = [each for each in result.report if each.status == "done" and each.message != "by an earlier run"]
    assert len(again) == 4
    np.testing.assert_array_equal(result.field.values, clean.field.values)


# --- whose the work folder is ----------------------------------------------------------------------------------------


def test_going_on_is_said_by_the_caller(tmp_path):
    run(planned(tmp_path), workdir=tmp_path / "work", progress=False)
    with pytest.raises(RegistrationError, match=r"holds a run that was begun earlier: go on from it with resume=True"):
        run(planned(tmp_path), workdir=tmp_path / "work", progress=False)
    with pytest.raises(ValueError, match="give its workdir"):
        run(planned(tmp_path), resume=True)


def test_a_folder_with_other_files_is_left_alone(tmp_path):
    with pytest.raises(RegistrationError, match="is not empty, and holds no registration"):
        run(planned(tmp_path), workdir=tmp_path, progress=False)


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(RegistrationError, match=r"file cannot be written \(File exists\): choose another folder"):
        run(planned(tmp_path), workdir=tmp_path / "file", progress=False)


def test_the_work_of_another_registration_is_refused(tmp_path):
    work = tmp_path / "work"
    run(planned(tmp_path, MockMethod()), workdir=work, progress=False)

    def refused(other: Plan, why: str) -> None:
        with pytest.raises(RegistrationError, match=f"with other settings; what differs: {why}. Give another"):
            resumed(other, work)

    refused(planned(tmp_path, GaussNewton()), "stages")
    refused(planned(tmp_path, MockMethod(), block_size=48), "stages")
    other = tmp_path / "other.mha"
    sitk.WriteImage(image_of(Pattern(2, 30), GRID), str(other))
    stages = planned(tmp_path, MockMethod()).stages
    refused(plan(other, tmp_path / "moving.mha", stages), "images")
    turned = sitk.Euler2DTransform((0, 0), 0.01)
    refused(plan(tmp_path / "fixed.mha", tmp_path / "moving.mha", stages, initial=turned), "initial transform")
    # The same file, written again; even one that claims to be as old.
    times = (tmp_path / "fixed.mha").stat()
    shutil.copy(other, tmp_path / "fixed.mha")
    os.utime(tmp_path / "fixed.mha", ns=(times.st_atime_ns, times.st_mtime_ns))
    refused(planned(tmp_path, MockMethod()), "images")


@pytest.mark.parametrize("kind", ["mhd", "zarr"])
def test_voxels_that_changed_behind_their_header_are_noticed(tmp_path, kind):
    write_pair(tmp_path, GRID, GRID, Pattern(2, 38), swirl)
    image, path = sitk.ReadImage(str(tmp_path / "fixed.mha")), tmp_path / f"header.{kind}"
    if kind == "zarr":
        volumes.save(image, path)
    else:
        sitk.WriteImage(image, str(path))
    wanted = plan(path, tmp_path / "moving.mha", [Stage(MockMethod(), Solve(20), spacing=2)])
    run(wanted, workdir=tmp_path / "work", progress=False)
    voxels = path / "0" / "c" / "0" / "0" if kind == "zarr" else tmp_path / "header.raw"
    voxels.write_bytes(voxels.read_bytes())
    with pytest.raises(RegistrationError, match="what differs: images"):
        resumed(wanted, tmp_path / "work")


def test_another_version_of_the_code_does_not_go_on(tmp_path):
    """Told from the work folder of another one, which a test cannot have otherwise."""
    run(planned(tmp_path), workdir=tmp_path / "work", progress=False)
    file = tmp_path / "work" / "registration.json"
    text = file.read_text()
    assert '"version of regseg.distributed": "' in text
    file.write_text(text.replace('"version of regseg.distributed": "', '"version of regseg.distributed": "0'))
    with pytest.raises(RegistrationError, match="what differs: version of regseg.distributed"):
        resumed(planned(tmp_path), tmp_path / "work")
    file.write_text("{")
    with pytest.raises(RegistrationError, match="registration.json is damaged: delete the folder"):
        resumed(planned(tmp_path), tmp_path / "work")


def test_two_runs_do_not_share_a_work_folder(tmp_path):
    work, entered, leave = tmp_path / "work", threading.Event(), threading.Event()

    def hold(_: tuple[int, ...]) -> None:
        entered.set()
        leave.wait(60)

    results = []
    wanted = planned(tmp_path, MockMethod(before=hold))
    first = threading.Thread(target=lambda: results.append(run(wanted, workdir=work, progress=False)))
    first.start()
    try:
        assert entered.wait(60)
        for resume in False, True:
            with pytest.raises(RegistrationError, match=r"Another run works in .*work: wait until it has ended"):
                run(planned(tmp_path), workdir=work, resume=resume, progress=False)
    finally:
        leave.set()
        first.join()
    assert len(results) == 1


def test_a_temporary_folder_goes_with_its_result(tmp_path):
    wanted = planned(tmp_path)
    result = run(wanted, progress=False)
    folder = result.workdir
    write_warped(wanted, result, tmp_path / "warped.zarr", progress=False)
    assert folder.is_dir()
    del result
    assert not folder.exists()
