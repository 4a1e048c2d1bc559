"""Do the episodes print and draw the same on another computer? Runs them as other processors would.

    python tests/lesson/portability.py [--row ROW …] [EPISODE …]

Each row of the table is a computer: the kernels of OpenBLAS are chosen by the processor and add in another order, with
another number of threads once more; NumPy's own loops round otherwise without AVX-512 or AVX2. Each row makes its own
images, in a fresh cache, since their last digits differ too, which is enough to send an optimiser another way.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from numpy._core._multiarray_umath import __cpu_dispatch__, __cpu_features__

from lessonkit.lesson import Lesson
from regseg.data import store

ROOT = Path(__file__).resolve().parents[2]
THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS")


def _rows() -> dict[str, dict[str, str]]:
    """The environment of each row. A processor can play another that knows less than it, and none that knows more."""
    rows: dict[str, dict[str, str]] = {"plain": {}}
    for kernel, needed in (("Haswell", "AVX2"), ("SkylakeX", "AVX512F"), ("Nehalem", "SSE42")):
        if __cpu_features__.get(needed):
            for count in "12":
                rows[f"{kernel}-{count}"] = {"OPENBLAS_CORETYPE": kernel} | dict.fromkeys(THREADS, count)
    known = [name for name in __cpu_dispatch__ if __cpu_features__.get(name)]
    wide = [name for name in known if name.startswith(("AVX512", "X86_V4"))]
    for name, without in (("no-AVX512", wide), ("no-AVX2", known)):
        if without:
            rows[name] = {"NPY_DISABLE_CPU_FEATURES": " ".join(without)}
    return rows


ROWS = _rows()


def differences(lesson: Path, episode: str, row: str, cache: Path) -> str:
    """What a fresh run of an episode on the computer `row` says otherwise than the record, in words; empty: nothing."""
    environment = os.environ | ROWS[row] | {"REGSEG_CACHE": str(cache)}
    if (fetched := store.folder() / "public").is_dir():
        shutil.copytree(fetched, cache / "public", dirs_exist_ok=True)
    command = [sys.executable, "-m", "lessonkit", "-C", str(lesson), "run", "--check", episode]
    done = subprocess.run(command, env=environment, capture_output=True, encoding="utf-8")
    return (done.stdout + done.stderr).strip() if done.returncode else ""


def main(arguments: list[str] | None = None) -> int:
    """Print the table, then each difference in words; 1 where there is one."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("episodes", nargs="*", metavar="EPISODE", help="such as 01-images (default: all)")
    parser.add_argument("-C", dest="lesson", metavar="DIR", type=Path, default=ROOT, help="the folder of the lesson")
    parser.add_argument("--row", action="append", choices=ROWS, help="one row only; may be given again (default: all)")
    options = parser.parse_args(arguments)
    episodes = options.episodes or [page.name for page in Lesson(options.lesson).episodes]
    found = []
    print(" " * 12, *episodes, sep="  ")
    for row in options.row or ROWS:
        print(f"{row:12}", end="", flush=True)
        with tempfile.TemporaryDirectory() as cache:
            for episode in episodes:
                words = differences(options.lesson, episode, row, Path(cache))
                print(f"  {'differs' if words else 'agrees':{len(episode)}}", end="", flush=True)
                found += [(row, episode, words)] * bool(words)
        print()
    for row, episode, words in found:
        print(f"\n## {row} · {episode}\n{words}")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
