"""A function in a process of its own: its result, its memory, its end."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import psutil
import pytest

from regseg import memory


def fill(megabytes: int) -> int:
    """Hold so much memory for hundreds of looks of the watchman, so that a busy computer does not hide it from him."""
    array = np.ones(megabytes * 1_000_000, np.uint8)
    time.sleep(0.5)
    return array.size


def test_the_result_comes_back_from_another_process():
    used = memory.measure(lambda one, two: (one + two, os.getpid()), 2, 3)
    assert used.result[0] == 5
    assert used.result[1] != os.getpid()


def test_names_of_the_caller_are_sent_along():
    factor = 7
    assert memory.measure(lambda: factor * 6).result == 42


def test_growth_is_what_the_call_added():
    used = memory.measure(fill, 400)
    assert 390e6 < used.growth < used.peak
    assert used.seconds >= 0.5
    assert memory.measure(fill, 1).growth < used.growth / 2


def test_a_process_above_the_limit_is_stopped():
    with pytest.raises(MemoryError, match=r"more than the limit of 0\.3 GB"):
        memory.measure(fill, 1000, limit=0.3e9)
    assert memory.measure(fill, 10, limit=1e9).result == 10_000_000


@pytest.mark.skipif(sys.platform == "win32", reason="a launcher of the kind that Windows has is made here by a shell")
def test_a_python_behind_a_launcher_is_the_one_that_is_watched_and_stopped(tmp_path, monkeypatch):
    launcher = tmp_path / "python"
    launcher.write_text(f'#!/bin/sh\n"{sys.executable}" "$@"\nexit $?\n')
    launcher.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(launcher))
    used = memory.measure(fill, 400)
    assert used.growth > 390e6
    numbers = tmp_path / "numbers"
    with pytest.raises(MemoryError):
        memory.measure(lambda: numbers.write_text(str(os.getpid())) and fill(1000), limit=0.3e9)
    assert not psutil.pid_exists(int(numbers.read_text()))


def test_an_error_is_raised_here():
    with pytest.raises(ZeroDivisionError):
        memory.measure(lambda: 1 / 0)


def test_a_result_that_cannot_travel_is_told():
    with pytest.raises(TypeError, match="What the function returned, generator, cannot be sent back"):
        memory.measure(lambda: (each for each in range(3)))


@pytest.mark.parametrize(
    ("end", "cause"),
    [(lambda: os._exit(3), "exit code 3"), (lambda: os.kill(os.getpid(), signal.SIGSEGV), "segmentation fault")],
)
def test_a_crash_is_told(end, cause):
    with pytest.raises(memory.Crash, match=cause):
        memory.measure(end)


def test_the_peak_of_a_process_counts_what_it_has_given_back():
    assert memory.measure(lambda: fill(400) and memory.peak()).result > 400e6


def test_the_peak_of_a_process_is_its_own_and_not_that_of_the_one_that_started_it():
    fill(600)
    code = "from regseg import memory; print(memory.peak())"
    asked = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(asked.stdout) < 300e6
