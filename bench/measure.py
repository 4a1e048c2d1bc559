"""What all benches share: a process of its own for each run, and results that say where they were measured."""

from __future__ import annotations

import json
import multiprocessing
import os
import platform
import re
import subprocess
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from lessonkit.lesson import replace_file
from regseg import memory

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "bench" / "results"

# What a bench found: case, method, measure, and its value. The name of a measure ends in its unit, as in
# "mean error (mm)". Its value is a number, a list with one number for each pair of images (or scan, or seed), or what a
# program says.
Figures = dict[str, Any]
Cases = dict[str, dict[str, Figures]]


def alone(function: Callable, *arguments: Any) -> Any:
    """Call the function in a fresh process with one thread."""
    os.environ |= {"ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def peak_memory() -> dict[str, float]:
    """The largest memory of this process so far."""
    return {"peak memory (MiB)": memory.peak() / 2**20}


def by_measure(rows: list[dict[str, float]]) -> dict[str, list[float]]:
    """The figures of one method on each pair, as one list for each measure, with four digits."""
    return {measure: [float(f"{row[measure]:.4g}") for row in rows] for measure in rows[0]}


def write_results(name: str, cases: Cases, pairs: dict[str, list[str]] | None = None, folder: Path = RESULTS) -> Path:
    """Write `NAME.json`, and return its path.

    Beside the cases stand the names of the pairs (or scans, or seeds) in each, in the order of the lists; "machine";
    "versions" of all that pyproject.toml asks for; and "commit", which says "modified" where the checkout had changes.
    """
    content = {
        "cases": cases, "pairs": pairs or {}, "machine": _machine(), "versions": _versions(), "commit": _commit()
    }  # fmt: skip
    target = folder / f"{name}.json"
    replace_file(target, f"{json.dumps(content, indent=2, ensure_ascii=False)}\n".encode())
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
