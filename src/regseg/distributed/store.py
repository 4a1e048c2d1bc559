"""The work folder: what a registration keeps on disk while it runs, so that a killed run can go on.

Each iteration has a folder with the field that it starts from and the votes of each block. A worker writes the votes of
its block itself, whole or not at all, and the client only hears how it went. So nothing large passes through dask's
scheduler. Votes are about what was still missing when they were cast: they name the field that they were cast for, and
for any other one they count as not there.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import locket
import numpy as np

from regseg.blocks import Block
from regseg.distributed.field import Field
from regseg.distributed.result import RegistrationError
from regseg.distributed.votes import Votes
from regseg.files import written_whole
from regseg.grid import Box, Grid
from regseg.readers import is_address


def work_folder(place: str | Path) -> Path:
    """The path of a work folder; RegistrationError for an address.

    Votes are written whole by renaming, and a run is alone by a lock: an object store has neither. They are asked for
    again at once, too, in thousands of small files.
    """
    if is_address(place):
        raise RegistrationError(
            f"{place} is an address, and the work folder must be one that all workers see under one path: an object "
            "store renames no file and keeps no lock, so a run that is killed could not go on from it."
        )
    return Path(place)


@contextmanager
def claim(folder: Path) -> Iterator[None]:
    """Keep a folder, made if need be, for this run alone; the lock of a process that dies goes with it.

    Raises
    ------
    RegistrationError
        Another run has it, or it cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = locket.lock_file(str(folder / ".lock"), timeout=0)
        lock.acquire()
    except locket.LockError:
        raise RegistrationError(
            f"Another run works in {folder}: wait until it has ended, or choose another folder."
        ) from None
    except OSError as error:
        raise RegistrationError(f"{folder} cannot be written ({error.strerror}): choose another folder.") from error
    try:
        yield
    finally:
        lock.release()


def begin(folder: Path, facts: dict[str, Any], resume: bool) -> None:
    """Write down what is registered in a folder, or make sure that it is what an earlier run began there.

    Raises
    ------
    RegistrationError
        The folder holds another registration, or this one and nobody said to resume it, or other files.
    """
    file = folder / "registration.json"
    if file.is_file():
        if not resume:
            raise RegistrationError(
                f"{folder} holds a run that was begun earlier: go on from it with resume=True (--resume), or delete it."
            )
        try:
            before = json.loads(file.read_text(encoding="utf-8"))
        except ValueError:
            raise RegistrationError(f"{file} is damaged: delete the folder, and start anew.") from None
        other = [name for name in facts if facts[name] != before.get(name)]
        if other:
            raise RegistrationError(
                f"{folder} holds another registration, or this one with other settings; what differs: "
                f"{', '.join(other)}. Give another folder, or delete this one."
            )
    elif any(not each.name.startswith(".") for each in folder.iterdir()):
        raise RegistrationError(f"{folder} is not empty, and holds no registration: give a folder of its own.")
    with written_whole(file) as out:
        out.write(json.dumps(facts, indent=2).encode())


def state(field: Field, shared: np.ndarray | None) -> str:
    """A word for all that the blocks of an iteration are told: other votes answer another word."""
    content = hashlib.sha256(np.ascontiguousarray(field.values))
    content.update(b"" if shared is None else np.ascontiguousarray(shared))
    return content.hexdigest()


def save_field(field: Field, file: Path) -> None:
    """Write the values of a field, and beside them the coefficients of its spline, so that no worker computes them."""
    for array, target in (field.values, file), (field.coefficients, _coefficients(file)):
        with written_whole(target) as out:
            np.save(out, array)


def load_field(lattice: Grid, file: Path) -> Field:
    """A field in files, which are mapped: a block needs a corner of it, and no more than that is read."""
    return Field.known(lattice, *(np.load(each, mmap_mode="r") for each in (file, _coefficients(file))))


def _coefficients(file: Path) -> Path:
    return file.with_name(f"{file.stem}-coefficients.npy")


def votes_file(folder: Path, block: Block) -> Path:
    """Where an iteration keeps the votes of a block."""
    return folder / f"block-{'-'.join(map(str, block.index))}.npz"


def save_votes(votes: Votes, file: Path, cast_for: str) -> None:
    """Write the votes of a block, and the state that they were cast for."""
    cost = np.nan if votes.cost is None else votes.cost
    arrays = {"matrix": votes.matrix.astype(np.float32), "vector": votes.vector.astype(np.float32), "cost": cost}
    if votes.shared is not None:
        arrays["shared"] = votes.shared
    box = {"start": votes.box.start, "stop": votes.box.stop}
    with written_whole(file) as out:
        np.savez(out, cast_for=cast_for, **box, **arrays)


def load_votes(file: Path, cast_for: str) -> Votes | None:
    """Read the votes of a block; None where there are none, or cannot be read, or were cast for another state."""
    with (
        suppress(FileNotFoundError, EOFError, BadZipFile, ValueError, KeyError),
        file.open("rb") as stream,
        np.load(stream) as content,
    ):
        if content["cast_for"] == cast_for:
            box = Box(tuple(content["start"].tolist()), tuple(content["stop"].tolist()))
            cost, shared = float(content["cost"]), content.get("shared", None)
            return Votes(box, content["matrix"], content["vector"], None if np.isnan(cost) else cost, shared)
    return None
