"""All that a learner needs where no network is, in one folder: for a stick, or for a server in the room."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from lessonkit import notebook, site
from lessonkit.lesson import Lesson
from lessonkit.page import LessonError
from regseg.data import store
from regseg.data.cards import Card, by_name

LOCK = "requirements-course.lock"
PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]

README = """\
# {title}, without a network

This folder was made for **{system} and Python {python}**. It holds the lesson whole:

- `site`: the website. Open `site/index.html` in a browser; this needs no installation.
- `notebooks`: one for each episode.
- `images`: those that the lesson makes itself, ready for use.
- `wheels`: every package, of which `{lock}` names the version and the hash.

## Install it

Copy the folder to your own disk. Open a terminal in it, and give these three lines. The network may be off.

```
{python_command} -m venv .venv
{venv} -m pip install --no-index --find-links wheels --require-hashes --requirement {lock}
{venv} -m pip install --no-index --find-links wheels --no-deps {package}
```

## Start it

```
{venv} -m lessonkit open
```

It serves the website and the notebooks, to this computer only, and opens both in your browser. Ctrl and C together stop
them. What you write stays in `notebooks`.

## What is not in here

- Another system, or another Python than {python}, needs another such folder. Who has the lesson and a network makes it
  there, with `python -m lessonkit bundle FOLDER`.
- The groups of packages that some late episodes ask for beside the course, such as PyTorch: the set-up page names them.
{missing}"""
MISSING = """\
- {count} images, masks and sets of points that others publish. They do not say that anyone may hand these on. With a
  network the lesson fetches each one when a cell asks for it. Who has them in a cache copies its folder `public` into
  `images`.
"""


def write(lesson: Lesson, out: Path, cards: list[Card] | None = None) -> None:
    """Write the folder `out`: website, notebooks, images, packages and how to install them. All of it, or nothing.

    The packages are those for the Python and the system that this runs on. pip fetches them, so this needs a network.

    Parameters
    ----------
    cards : list of Card, optional
        The images; else all whose licence allows that they are handed on.

    Raises
    ------
    LessonError
        `out` is there already, the lesson has no lock or cannot be built, or a package cannot be had.
    DataError
        An image cannot be made.
    """
    if out.exists():
        raise LessonError(f"{out} is there already: take it away, or choose another folder")
    if not (lesson.root / LOCK).is_file():
        raise LessonError(f"{LOCK} is missing, which names the packages: run `make lock`")
    known = by_name().values()
    handed_on = [card for card in known if card.may_be_handed_on] if cards is None else cards
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}-", ignore_cleanup_errors=True) as beside:
        fresh = Path(beside, "new")
        _packages(lesson, fresh)  # first, because it is what most often fails
        site.build(lesson, fresh / "site")
        (fresh / "notebooks").mkdir()
        for page in lesson.episodes:
            made = notebook.text(lesson, page)
            (fresh / "notebooks" / f"{page.name}.ipynb").write_text(made, encoding="utf-8")
        for card in handed_on:
            _copy_from_cache(card, fresh / "images")
        missing = sum(not card.may_be_handed_on for card in known)
        (fresh / "README.md").write_text(_readme(lesson, missing), encoding="utf-8")
        fresh.rename(out)


def _packages(lesson: Lesson, out: Path) -> None:
    """The wheels of the lock, each compared with its hash, and one of the lesson's own package."""
    print("Fetching the packages …", file=sys.stderr)
    wheels = out / "wheels"
    wheels.mkdir(parents=True)
    shutil.copyfile(lesson.root / LOCK, out / LOCK)
    _pip("download", "--require-hashes", "--only-binary=:all:", "--dest", wheels, "--requirement", out / LOCK)
    _pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", wheels, lesson.root)


def _pip(*arguments: str | Path) -> None:
    done = subprocess.run(
        [*PIP, *map(str, arguments)], capture_output=True, text=True, encoding="utf-8", errors="replace"
    )
    if done.returncode:
        raise LessonError(f"pip cannot {arguments[0]} the packages, and nothing was written:\n{done.stderr.strip()}")


def _copy_from_cache(card: Card, images: Path) -> None:
    """A dataset as the cache keeps it, with its notice and its hashes."""
    file = store.find(card)
    place = Path(*file.relative_to(store.folder()).parts[:2])  # made-KEY/NAME, or public/FILE
    source, target = store.folder() / place, images / place
    target.parent.mkdir(parents=True, exist_ok=True)
    (shutil.copytree if source.is_dir() else shutil.copyfile)(source, target)


def _readme(lesson: Lesson, missing: int) -> str:
    windows, version = os.name == "nt", f"{sys.version_info.major}.{sys.version_info.minor}"
    return README.format(
        title=lesson.setting("title"),
        system=f"{platform.system()} ({platform.machine()})",
        python=version,
        lock=LOCK,
        python_command=f"py -{version}" if windows else f"python{version}",
        venv=r".venv\Scripts\python" if windows else ".venv/bin/python",
        package=lesson.pyproject["name"],
        missing=MISSING.format(count=missing) if missing else "",
    )
