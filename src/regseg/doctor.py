"""What this computer has of all that the lesson needs, and the line that mends what is missing.

    regseg doctor

It looks only, and changes nothing. It imports nothing that may be missing, so that it runs where little else does.
"""

from __future__ import annotations

import os
import platform
import shutil
import sys
import webbrowser
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

PACKAGE = "regseg-course"
INSTALL = 'python -m pip install --editable ".[{}]"'
EXTRAS = {  # those that a learner may want, and what for
    "bigdata": "episodes 03, 06, 10, 11 and 12",
    "learner": "JupyterLab, for all notebooks",
    "elastix": "elastix beside SimpleITK, from episode 09 on",
    "learning": "networks, episodes 09 and 12",
}
NEEDED = ("bigdata", "learner")  # the others come late, or stand in further practice
MEMORY, DISK = 4e9, 3e9  # bytes: what episode 03 and the images want
GIGA = 1e9


@dataclass(frozen=True)
class Finding:
    """What was looked at.

    Attributes
    ----------
    what : str
        The thing, in a word or two.
    fine : bool
        Whether a learner can work with it as it is.
    says : str
        What was found.
    cure : str
        The line that mends it, to be given in the folder of the lesson; empty where nothing is to be done.
    needed : bool
        Whether the lesson stops without it.
    """

    what: str
    fine: bool
    says: str
    cure: str = ""
    needed: bool = True

    def __str__(self) -> str:
        mark = "fine   " if self.fine else "MISSING" if self.needed else "later  "
        return f"{mark}  {self.what:<12} {self.says}" + (f"\n{'':22} → {self.cure}" if self.cure else "")


def examine() -> Iterator[Finding]:
    """Look at one thing after the other: the packages come first, since all others rest on them."""
    yield _python()
    try:
        wanted = metadata.requires(PACKAGE) or []
    except metadata.PackageNotFoundError:
        yield Finding("the course", False, "is not installed in this Python", "make course")
        return
    yield (packages := _packages("packages", "", wanted, "all episodes", needed=True))
    for extra, purpose in EXTRAS.items():
        yield _packages(extra, extra, wanted, purpose, needed=extra in NEEDED)
    yield _memory()
    if packages.fine:
        yield from _images()
    yield _widgets()
    yield _browser()


def _python() -> Finding:
    found = platform.python_version()
    says = f"{found}, {sys.executable}"
    if (3, 11, 4) <= sys.version_info[:3] < (3, 15):
        return Finding("Python", True, says)
    return Finding("Python", False, f"{says}: the lesson needs 3.11.4 to 3.14", "make course PYTHON=python3.13")


def _packages(what: str, extra: str, wanted: list[str], purpose: str, *, needed: bool) -> Finding:
    """Whether the packages of a group are there, in versions that the lesson works with."""
    try:
        from packaging.requirements import Requirement
    except ImportError:
        return Finding(
            what, False, "packaging is missing, so nothing can be compared", INSTALL.format(extra or "course")
        )
    wrong = []
    for each in map(Requirement, wanted):
        applies = each.marker is None or each.marker.evaluate({"extra": extra})
        always = each.marker is None or each.marker.evaluate({"extra": ""})
        if not applies or (extra and always) or each.name == PACKAGE:
            continue
        try:
            version = metadata.version(each.name)
        except metadata.PackageNotFoundError:
            wrong.append(f"{each.name} is missing")
        else:
            if not each.specifier.contains(version, prereleases=True):
                wrong.append(f"{each.name} is {version} and should be {each.specifier}")
    if wrong:
        return Finding(what, False, f"{'; '.join(wrong)} ({purpose})", INSTALL.format(extra or "course"), needed)
    return Finding(what, True, f"all there ({purpose})", needed=needed)


def _memory() -> Finding:
    if not find_spec("psutil"):
        return Finding("memory", False, "psutil, which asks for it, is missing", INSTALL.format("bigdata"))
    import psutil

    memory = psutil.virtual_memory()
    says = f"{memory.available / GIGA:.0f} of {memory.total / GIGA:.0f} GB are free"
    if memory.available >= MEMORY:
        return Finding("memory", True, says)
    return Finding("memory", False, says, f"close other programs until {MEMORY / GIGA:.0f} GB are free", needed=False)


def _images() -> Iterator[Finding]:
    """The cache: whether it can be written, has room, and which images it holds."""
    from regseg import data
    from regseg.data import store

    folder = store.folder()
    there = next(each for each in (folder, *folder.parents) if each.is_dir())
    if not os.access(there, os.W_OK):
        cure = "set the variable REGSEG_CACHE to a folder of yours"
        yield Finding("disk", False, f"the folder of the images cannot be written: {folder}", cure)
        return
    free = shutil.disk_usage(there).free
    says = f"{free / GIGA:.0f} GB are free for the images, in {folder}"
    yield Finding("disk", free >= DISK, says, "" if free >= DISK else f"free {DISK / GIGA:.0f} GB, or set REGSEG_CACHE")

    own = [name for name in data.names() if data.card(name).embedded]
    made = sum(store.is_there(data.card(name)) for name in own)
    says = f"{made} of {len(own)} that are made here are ready"
    yield Finding("images", made == len(own), says, "" if made == len(own) else "regseg data fetch --embedded")


def _widgets() -> Finding:
    """JupyterLab shows a widget only where the half of ipywidgets that lives in the browser is among its extensions."""
    if not find_spec("jupyter_core"):
        return Finding("widgets", False, "Jupyter is missing", INSTALL.format("learner"))
    from jupyter_core.paths import jupyter_path

    places = [Path(each, "@jupyter-widgets", "jupyterlab-manager") for each in jupyter_path("labextensions")]
    if any(place.is_dir() for place in places) and find_spec("anywidget"):
        return Finding("widgets", True, "JupyterLab can show the viewers")
    says = "JupyterLab would leave the viewers blank"
    return Finding("widgets", False, says, "python -m pip install --force-reinstall jupyterlab_widgets anywidget")


def _browser() -> Finding:
    try:
        return Finding("browser", True, f"{webbrowser.get().name} opens the notebooks")
    except webbrowser.Error:
        return Finding("browser", False, "none found", "copy the addresses that `make course` prints", needed=False)
