"""The work folder: what a registration keeps on disk while it runs, so that a killed run can go on.

Each iteration has a folder with the field that it starts from and the votes of each block. A worker writes the votes of
its block itself, whole or not at all, and the client only hears how it went. So a file that is there is a block that is
done, and nothing large passes through dask's scheduler.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import IO

import numpy as np

from regseg.blocks import Block
from regseg.distributed.field import Field
from regseg.distributed.votes import Votes
from regseg.grid import Box, Grid


def write_whole(file: Path, write: Callable[[IO[bytes]], None]) -> None:
    """Write a file that appears whole or not at all."""
    # Two workers may do the same block, when one was believed dead: each writes under a name of its own.
    partial = file.with_name(f".{file.name}.{os.getpid()}")
    with partial.open("wb") as out:
        write(out)
    partial.replace(file)


def stamp(path: Path) -> str:
    """A word that stands for a file as it is: it changes when the file is written again, or is another one."""
    file = path / "zarr.json" if path.is_dir() else path
    written = file.stat().st_mtime_ns if file.exists() else None
    return hashlib.sha256(f"{path} {written}".encode()).hexdigest()[:12]


def save_field(field: Field, file: Path) -> None:
    """Write the values of a field."""
    write_whole(file, lambda out: np.save(out, field.values))


def load_field(lattice: Grid, file: Path) -> Field:
    """Read a field; once for all tasks of a worker that need it."""
    return _load_field(lattice, file, file.stat().st_mtime_ns)


@lru_cache(maxsize=1)
def _load_field(lattice: Grid, file: Path, written: int) -> Field:
    del written  # only part of the key: a file that was written again is another one
    return Field(lattice, np.load(file))


def votes_file(folder: Path, block: Block) -> Path:
    """Where an iteration keeps the votes of a block."""
    return folder / f"block-{'-'.join(map(str, block.index))}.npz"


def save_votes(votes: Votes, file: Path) -> None:
    """Write the votes of a block."""
    cost = np.nan if votes.cost is None else votes.cost
    arrays = {"matrix": votes.matrix.astype(np.float32), "vector": votes.vector.astype(np.float32), "cost": cost}
    if votes.shared is not None:
        arrays["shared"] = votes.shared
    write_whole(file, lambda out: np.savez(out, start=votes.box.start, stop=votes.box.stop, **arrays))


def load_votes(file: Path) -> Votes:
    """Read the votes of a block."""
    with np.load(file) as content:
        box = Box(tuple(content["start"].tolist()), tuple(content["stop"].tolist()))
        cost = float(content["cost"])
        shared = content.get("shared", None)
        return Votes(box, content["matrix"], content["vector"], None if np.isnan(cost) else cost, shared)
