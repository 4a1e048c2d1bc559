"""What a computation takes: a function runs in a process of its own, which is watched, and stopped above a limit.

A process that is stopped from outside is what happens on a cluster as well, and it works in the same way on every
system. The limit counts all that the process holds, Python and its libraries included. What this process itself has
held at most is asked by `peak`.
"""

from __future__ import annotations

import os
import re
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cloudpickle
import psutil

_LOOK = 0.002  # seconds between two looks at the process


class Crash(RuntimeError):
    """The process died without a Python error, as a fault in compiled code makes it."""


@dataclass(frozen=True)
class Usage:
    """What a function returned, and what that took.

    Attributes
    ----------
    result : object
        What the function returned.
    peak : int
        The most memory that its process held, in bytes, Python and all its libraries included.
    growth : int
        How much of it came with the call of the function, in bytes.
    seconds : float
        How long the call lasted.
    """

    result: Any
    peak: int
    growth: int
    seconds: float


def measure(function: Callable, *arguments: Any, limit: float | None = None) -> Usage:
    """Call a function in a fresh process, and tell how much memory it took.

    Parameters
    ----------
    function, arguments
        What is called; a function of the notebook is sent along, with the names that it uses.
    limit : float, optional
        The most memory that the process may hold, in bytes; one that holds more is stopped.

    Raises
    ------
    MemoryError
        The process held more than the limit.
    Crash
        The process died. An error that the function raises is raised here as well.
    """
    with tempfile.TemporaryDirectory() as folder:
        task, answer, number = Path(folder, "task"), Path(folder, "answer"), Path(folder, "number")
        # The places of modules go first, so that the process finds what the function is made of.
        task.write_bytes(cloudpickle.dumps((sys.path, cloudpickle.dumps((function, arguments)))))
        process = psutil.Popen([sys.executable, "-m", "regseg.memory", str(task), str(answer), str(number)])
        try:
            peak = _watch(process, number, limit)
        finally:
            with suppress(psutil.NoSuchProcess):
                _python(process, number).kill()
            process.wait()
        if not answer.is_file():
            raise Crash(f"The process died without a word: {_cause(process.returncode)}.")
        result, error, before, after, seconds = cloudpickle.loads(answer.read_bytes())
    if error is not None:
        raise error
    peak = max(peak, after)
    return Usage(result, peak, peak - before, seconds)


def peak() -> int:
    """The most memory that this process has held so far, in bytes, Python and all its libraries included."""
    if sys.platform == "win32":
        return psutil.Process().memory_info().peak_wset
    # Linux's `ru_maxrss` begins with what the process has held that started this one.
    status = Path("/proc/self/status")
    if status.is_file() and (found := re.search(r"^VmHWM:\s*(\d+) kB", status.read_text(), re.M)):
        return int(found[1]) * 1024
    import resource  # Windows has none

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _watch(process: psutil.Popen, number: Path, limit: float | None) -> int:
    """The most memory that the Python of a process held until it ended, in bytes."""
    peak, watched = 0, process
    while process.poll() is None:
        try:
            if watched is process:
                watched = _python(process, number)
            peak = max(peak, watched.memory_info().rss)
        except psutil.NoSuchProcess:
            break
        if limit is not None and peak > limit:
            raise MemoryError(f"The process was stopped: it held more than the limit of {limit / 1e9:g} GB.")
        time.sleep(_LOOK)
    process.wait()
    return peak


def _python(process: psutil.Popen, number: Path) -> psutil.Process:
    """The process in which Python works, once it has written its number.

    In a virtual environment on Windows it is not the one that was started: `python.exe` there is a launcher, which
    starts the real Python and waits.
    """
    return psutil.Process(int(number.read_text())) if number.is_file() else process


def _cause(code: int) -> str:
    """Why a process ended, as its exit code tells."""
    faults = {-signal.SIGSEGV: "segmentation fault", 0xC0000005: "segmentation fault"}  # POSIX, Windows
    return faults.get(code, f"exit code {code}")


def _child(task: Path, answer: Path, number: Path) -> None:
    """What the fresh process does."""
    partial = number.with_suffix(".part")
    partial.write_text(str(os.getpid()))
    partial.replace(number)  # whoever finds it can read it
    sys.path, call = cloudpickle.loads(task.read_bytes())
    function, arguments = cloudpickle.loads(call)
    result, error, before, start = None, None, psutil.Process().memory_info().rss, time.perf_counter()
    try:
        result = function(*arguments)
    except Exception as problem:
        error = problem
    seconds, after = time.perf_counter() - start, psutil.Process().memory_info().rss
    try:
        content = cloudpickle.dumps((result, error, before, after, seconds))
    except Exception as problem:
        error = TypeError(f"What the function returned, {type(result).__name__}, cannot be sent back: {problem}")
        content = cloudpickle.dumps((None, error, before, after, seconds))
    answer.write_bytes(content)


if __name__ == "__main__":
    _child(*map(Path, sys.argv[1:]))
