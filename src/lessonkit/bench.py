"""Benches: each file in bench/ measures the project and its peers in one run, and writes its figures."""

from __future__ import annotations

import json
import multiprocessing
import os
import platform
import re
import runpy
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from lessonkit.lesson import replace_file

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "bench" / "results"


def run(name: str) -> None:
    """Run `bench/NAME.py` whole; ValueError with the names of the benches where there is none of this name."""
    file = ROOT / "bench" / f"{name}.py"
    if not file.is_file():
        names = ", ".join(sorted(path.stem for path in file.parent.glob("*.py")))
        raise ValueError(f"There is no bench {name!r}; the benches are: {names}.")
    runpy.run_path(str(file), run_name="__main__")


def alone(function: Callable, *arguments: Any) -> Any:
    """Call the function in a fresh process with one thread."""
    os.environ |= {"ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def peak_memory() -> dict[str, float]:
    """The largest memory of this process so far; nothing on Windows, which has no `resource`."""
    try:
        import resource
    except ImportError:
        return {}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"peak_memory_MiB": peak / 2 ** (20 if sys.platform == "darwin" else 10)}


def write_results(name: str, figures: dict[str, float]) -> Path:
    """Write `bench/results/NAME.json`: figures by a flat name that ends in its unit, and where they were measured.

    Beside the figures stand "machine", "versions" (of all that pyproject.toml asks for) and "commit", which says
    "modified" where the checkout had changes.
    """
    content = figures | {"machine": _machine(), "versions": _versions(), "commit": _commit()}
    target = RESULTS / f"{name}.json"
    replace_file(target, f"{json.dumps(content, indent=2)}\n".encode())
    return target


def _machine() -> str:
    return f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"


def _versions() -> dict[str, str]:
    wanted = re.findall(r'"([\w.-]+)(?:\[[^]]*\])?[>=]=', (ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    found = {}
    for name in sorted(set(wanted), key=str.lower):
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def _commit() -> str:
    def git(*words: str) -> str:
        return subprocess.run(["git", "-C", ROOT, *words], capture_output=True, text=True, check=True).stdout.strip()

    try:
        return git("rev-parse", "HEAD") + (" modified" if git("status", "--porcelain", "--", "src", "bench") else "")
    except (OSError, subprocess.CalledProcessError):
        return "not a git checkout"
