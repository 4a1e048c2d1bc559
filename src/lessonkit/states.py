"""What the website has of a figure beside its picture: a finer one, NN-name.webp, and the state that makes it live.

The state is NN-name.json, and the files it names. What it says is the business of `regseg.show.living`; here it is JSON
with files. Only images that the course makes itself are kept. Nobody can tell of a volume where its voxels come from,
so the rule goes by time: from the first cell on that names a downloaded image, no figure of the episode has a state.
"""

from __future__ import annotations

import ast
import base64
import gzip
import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from lessonkit import compare
from lessonkit.cells import DEFAULT_TOLERANCE
from lessonkit.lesson import replace_file
from lessonkit.page import Page
from regseg import data

State = dict[str, Any]

_HEADER, _HEADER_AT = struct.Struct("<h36xfff"), 70  # of NIfTI: type, first byte of the voxels, slope, intercept
_TYPES = {2: "<u1", 512: "<u2"}
_CHANGED = 1 / 64  # of the range of values: so far apart are two voxels that are not the same
_CHANGED_SHARE = 0.0005  # of the voxels


def beside(picture: Path) -> Path:
    """Where the state of a figure is kept."""
    return picture.with_suffix(".json")


def finer(picture: Path) -> Path:
    """Where the finer picture of a figure is kept."""
    return picture.with_suffix(".webp")


def first_download(episode: Page) -> float:
    """The number of the first cell that names a downloaded image; infinity where none does."""
    downloaded = [name for name in data.names() if not data.card(name).embedded]
    for cell in episode.cells:
        for text in _texts(cell.source):
            # The names of a series may be put together: f"em_section_{number:02}".
            start = text.partition("{")[0]
            if text in downloaded or (start.endswith("_") and any(name.startswith(start) for name in downloaded)):
                return cell.number
    return float("inf")


def _texts(source: str) -> Iterator[str]:
    try:
        tree = ast.parse(source)
    except SyntaxError:  # a cell that shows an error
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def write(picture: Path, state: State | None, tolerance: float | None) -> None:
    """Keep a figure's state, unless the one that is kept agrees. What another figure of the episode has is shared."""
    path = beside(picture)
    if state is None:
        path.unlink(missing_ok=True)
        return
    if not differences(picture, state, tolerance):
        return
    others = {other.read_bytes(): other.name for other in sorted(picture.parent.glob(f"{_number(picture)}-*.nii.gz"))}
    names = {}
    for name, address in state["files"].items():
        content = _content(address)
        names[name] = others.setdefault(content, f"{picture.stem}-{name}")
        if names[name] == f"{picture.stem}-{name}":
            replace_file(picture.with_name(names[name]), content)
    replace_file(path, (json.dumps(state | {"files": names}, indent=1, ensure_ascii=False) + "\n").encode())


def prune(folder: Path, pictures: list[Path]) -> None:
    """Delete what belongs to none of these figures of an episode: states, finer pictures, files that no state names."""
    kept = {each(picture) for picture in pictures for each in (beside, finer)}
    for number in {_number(picture) for picture in pictures}:
        for path in {*folder.glob(f"{number}-*.json"), *folder.glob(f"{number}-*.webp")} - kept:
            path.unlink()
        named = {path for picture in pictures for path in files(picture)[1:]}
        for path in set(folder.glob(f"{number}-*.nii.gz")) - named:
            path.unlink()


def read(path: Path) -> State:
    """A state as it is kept."""
    return json.loads(path.read_text(encoding="utf-8"))


def files(picture: Path) -> list[Path]:
    """All that is kept of a figure's state."""
    path = beside(picture)
    return [path, *map(path.with_name, read(path)["files"].values())] if path.is_file() else []


def differences(picture: Path, state: State | None, tolerance: float | None) -> list[str]:
    """Where the state of a fresh run disagrees with the one that is kept, in words.

    Parameters
    ----------
    tolerance : float or None
        That of the figure: the share of the voxels that may be others; None accepts any values.
    """
    path = beside(picture)
    if state is None:
        return [f"{path} exists, and the figure has no state"] if path.is_file() else []
    if not path.is_file():
        return [f"{path} does not exist"]
    old = read(path)
    texts = [json.dumps(one | {"files": sorted(one["files"])}, indent=1) for one in (old, state)]
    numbers = None if tolerance is None else max(DEFAULT_TOLERANCE, tolerance)
    found = [f"{path}: {difference}" for difference in compare.texts(*texts, numbers)]
    if found or tolerance is None:
        return found
    for name, address in state["files"].items():
        kept = path.with_name(old["files"][name])
        if not kept.is_file():
            found.append(f"{kept} does not exist")
        elif (share := _changed(kept.read_bytes(), _content(address))) > max(_CHANGED_SHARE, tolerance):
            found.append(f"{kept}: {share:.2%} of the voxels changed")
    return found


def _content(address: str) -> bytes:
    """What a "data:" address holds."""
    return base64.b64decode(address.partition(",")[2])


def _changed(old: bytes, new: bytes) -> float:
    """The share of the voxels that are not the same in two volumes."""
    (before, step), (after, other_step) = map(_values, (old, new))
    if before.shape != after.shape:
        return 1.0
    apart = _CHANGED * max(np.ptp(before), np.ptp(after))
    if step != 1:  # no labels, so that the rounding of a value may go the other way
        apart = max(apart, 1.01 * step, 1.01 * other_step)
    return float(np.mean(np.abs(before - after) > apart))


def _values(volume: bytes) -> tuple[np.ndarray, float]:
    """The values of a volume, and the steps that they are rounded to."""
    content = gzip.decompress(volume)
    kind, start, step, lowest = _HEADER.unpack_from(content, _HEADER_AT)
    return np.frombuffer(content, _TYPES[kind], offset=int(start)) * step + lowest, step


def _number(picture: Path) -> str:
    return picture.name.partition("-")[0]
