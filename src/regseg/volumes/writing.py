"""OME-Zarr written: whole or not at all, and with levels of resolution."""

from __future__ import annotations

import json
import shutil
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from itertools import pairwise
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
import zarr

from regseg.blocks import split
from regseg.grid import Box, Grid
from regseg.readers import VolumeError, is_address
from regseg.volumes.description import describe, describe_displacements
from regseg.volumes.files import Readable, header, pieces
from regseg.volumes.reading import Volume, joined, open_volume
from regseg.volumes.remote import Remote, checked, fetch, open_store, put, remove
from regseg.volumes.resolution import COARSEST, pyramid
from regseg.volumes.voxels import Pooling, anywhere, means, medians

_MANY = 1000  # chunks of a level, each in a file of its own
_ACROSS = 4  # chunks along each axis of a shard: 256 voxels, up to 128 MB, which a worker holds once


def demand_writable(path: str | Path) -> None:
    """Raise VolumeError where `create` would write no OME-Zarr file, so that it is known before the work is done."""
    address = checked(str(path), written=True) if is_address(path) else None
    path = Path(path)
    if path.suffix != ".zarr":
        raise VolumeError(f"The name of an OME-Zarr volume ends in .zarr, not like {path.name}.")
    if address:
        return
    if path.is_symlink() or path.exists() and not (path / "zarr.json").is_file():
        raise VolumeError(f"{path} exists and is not Zarr; it is left alone. Choose another name.")


def holds(place: str | Path, path: str | Path) -> bool:
    """Whether a path or an address is that of a place, or lies in it."""
    if is_address(place) or is_address(path):
        place, path = (str(each).rstrip("/") for each in (place, path))
        return path == place or path.startswith(place + "/")
    place, path = Path(place).resolve(), Path(path).resolve()
    return place in (path, *path.parents)


@contextmanager
def create(
    path: str | Path,
    grids: Sequence[Grid],
    dtype: str,
    *,
    chunk: int = 64,
    components: int = 1,
    version: str = "0.5",
    mask: bool = False,
    sharded: bool = False,
) -> Iterator[list[Volume]]:
    """Create an empty OME-Zarr file to be filled, one level for each grid, the finest first.

    What stood at `path` is replaced when the block ends well; when it ends with an error, nothing has changed. In an
    object store, where nothing can be renamed, the levels get a folder of their own each time, and the metadata that
    name it are written last.

    With `sharded`, the chunks of a level that has many lie in shards: a file system is slow with a million files. A
    shard is written at once, or slowly.

    Raises
    ------
    VolumeError
        The path is not one of a Zarr file, or something else stands there; or the version is not written here.
    """
    vector = components > 1
    kinds = {"dtype": dtype, "vector": vector, "components": components, "chunk": chunk, "sharded": sharded}
    with _whole(path, partial(describe, Path(path).stem, grids, vector, version, mask)) as (store, place, below):
        yield _arrays(store, place, below, grids, **kinds)


@contextmanager
def create_displacements(
    path: str | Path, fields: Mapping[str, Sequence[Grid]], *, chunk: int = 64
) -> Iterator[dict[str, list[Volume]]]:
    """Create a registration to be filled: displacement fields as OME-Zarr 0.6 has them, in shards.

    Their vectors are those of `along_axes`. As for `create`, the file appears whole or not at all.

    Parameters
    ----------
    path : str or Path
        Where to write, ending in .zarr; or an address.
    fields : Mapping[str, Sequence[Grid]]
        The levels of "forward", on the fixed image, and of "inverse", on the moving one.
    chunk : int
        Width of a chunk, in voxels.

    Raises
    ------
    VolumeError
        As for `create`.
    """
    finest = {name: grids[0] for name, grids in fields.items()}
    with _whole(path, partial(describe_displacements, finest)) as (store, place, below):
        created = {}
        for name, grids in fields.items():
            kinds = {"dtype": "float32", "vector": True, "components": grids[0].dimension, "chunk": chunk}
            attributes = describe(name, grids, True, "0.6", False)
            zarr.create_group(store, path=f"{below}{name}", attributes=attributes)
            created[name] = _arrays(store, joined(place, name), f"{below}{name}/", grids, **kinds, sharded=True)
        yield created


def along_axes(vectors: np.ndarray, grid: Grid) -> np.ndarray:
    """Vectors x, y, z of the patient, shape (component, z, y, x), as OME-Zarr 0.6 counts them: z, y, x of the grid."""
    return np.tensordot(np.linalg.inv(grid.axes)[::-1], vectors, axes=1)


@contextmanager
def _whole(path: str | Path, attributes: Callable[..., dict[str, Any]]) -> Iterator[tuple[Any, Path | str, str]]:
    """A place to fill, which becomes the file when the block ends well: a store, its path, and the folder in it."""
    demand_writable(path)
    tag = uuid.uuid4().hex[:8]  # two writers of one file write beside each other, and the last one to end stays
    if is_address(path):
        yield from _whole_remotely(checked(str(path), written=True), tag, attributes)
        return
    path = Path(path).absolute()
    unfinished, old = (path.with_name(f"{path.stem}.{what}-{tag}.zarr") for what in ("partial", "old"))
    zarr.create_group(unfinished, attributes=attributes())
    try:
        yield unfinished, unfinished, ""
        # The old file is removed under another name: whenever we are killed, no half of a file has the name of a whole.
        with suppress(FileNotFoundError):
            path.rename(old)
        unfinished.rename(path)
        shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _whole_remotely(
    address: str, tag: str, attributes: Callable[..., dict[str, Any]]
) -> Iterator[tuple[Any, Path | str, str]]:
    """The same in an object store: the metadata, one object, are the manifest that makes a file of what they name."""
    manifest = {"zarr_format": 3, "node_type": "group", "attributes": attributes(below=f"{tag}/")}
    before = json.loads(fetch(address, "zarr.json") or b"{}").get("attributes", {}).get("ome", {})
    whole = False
    try:
        yield open_store(address, written=True), address, f"{tag}/"
        put(address, "zarr.json", json.dumps(manifest).encode())
        whole = True
    finally:
        lost = {path.partition("/")[0] for path in _paths(before)} if whole else {tag}
        for folder in lost - ({tag} if whole else set()):
            remove(address, folder)


def _paths(metadata: Any) -> Iterator[str]:
    """All that metadata name: the levels of an image, or the fields of a registration."""
    if isinstance(metadata, dict):
        if isinstance(metadata.get("path"), str):
            yield metadata["path"]
        metadata = list(metadata.values())
    if isinstance(metadata, list):
        for each in metadata:
            yield from _paths(each)


def _arrays(
    store: Path | Remote,
    path: Path | str,
    below: str,
    grids: Sequence[Grid],
    *,
    dtype: str,
    vector: bool,
    components: int,
    chunk: int,
    sharded: bool,
) -> list[Volume]:
    """An empty array in a store for each level."""
    names = ["c"] * vector + list("zyx")[-grids[0].dimension :]
    return [
        Volume(
            path,
            level,
            grid,
            zarr.create_array(
                store,
                name=f"{below}{level}",
                shape=(components,) * vector + grid.size[::-1],
                **_layout(grid, (components,) * vector, chunk, sharded),
                dtype=dtype,
                dimension_names=names,
                config={"write_empty_chunks": True},  # so that a chunk that is not there is one that was lost
            ),
        )
        for level, grid in enumerate(grids)
    ]


def _layout(grid: Grid, lead: tuple[int, ...], chunk: int, sharded: bool) -> dict[str, tuple[int, ...]]:
    """The shapes of the chunks of a level, and of its shards where it has them."""
    chunks = tuple(min(chunk, n) for n in grid.size[::-1])
    counts = [-(-n // each) for n, each in zip(grid.size[::-1], chunks, strict=True)]
    if not sharded or prod(counts) <= _MANY:
        return {"chunks": lead + chunks}
    shards = tuple(each * min(_ACROSS, count) for each, count in zip(chunks, counts, strict=True))
    return {"chunks": lead + chunks, "shards": lead + shards}


def coarsen(coarser: Volume, box: Box, finer: Volume, pooling: Pooling) -> None:
    """Fill a box of a level from the next finer one."""
    factors = coarser.grid.factors(finer.grid)
    lead = (1,) * (finer.array.ndim - finer.grid.dimension)

    def pooled(piece: Box) -> np.ndarray:
        fine = piece.scale(factors).clip(finer.grid.box)
        return pooling(finer.array[(..., *fine.slices)], (*factors, *lead))

    # A chunk of the finer level at a time.
    coarser.fill(box, pooled, [max(n // factor, 1) for n, factor in zip(finer.chunk, factors, strict=True)])


def save(
    source: Readable,
    path: str | Path,
    *,
    chunk: int = 64,
    coarsest: int = COARSEST,
    labels: bool = False,
    version: str = "0.5",
) -> Volume:
    """Write an image, or a file, as OME-Zarr with levels of resolution; return its finest level.

    Each level halves the axes along which it is finest, until no axis is longer than `coarsest` voxels. A file is read
    a slab of `chunk` slices at a time, where its format allows.

    Parameters
    ----------
    source : Image, Volume, str or Path
        An image; an OME-Zarr file, or a channel of one as `open_volume` returns it, whose levels are to be made anew;
        or a file that SimpleITK reads.
    path : str or Path
        Where to write, ending in .zarr. What stands there is replaced once the new file is whole.
    chunk : int
        Width of a chunk, in voxels.
    coarsest : int
        How long the longest axis of the last level may be, in voxels.
    labels : bool
        The image is a map of labels: a voxel of a coarser level holds one of the labels that it replaces, where
        there is one that of most of its voxels, and not their mean.

    version : str
        Of OME-Zarr: "0.5", or "0.6", which has rotations, and which fewer programs read today.

    Raises
    ------
    VolumeError
        The file cannot be read, or a voxel holds more than one number; or the file cannot be written.
    """
    _, dtype = header(source)
    return _save(source, path, chunk, coarsest, dtype, lambda image: image, medians if labels else means, version)


def save_mask(source: Readable, path: str | Path, *, chunk: int = 64, coarsest: int = COARSEST) -> Volume:
    """Write a mask as `save` writes an image: 1 where it is above 0.5, else 0.

    A voxel of a coarser level is 1 where any of those that it replaces is, so that what is thin is not lost.
    `distributed` takes these levels as they are, and of any other mask makes such ones first.
    """
    return _save(source, path, chunk, coarsest, "uint8", lambda image: image > 0.5, anywhere, mask=True)


def _save(
    source: Readable,
    path: str | Path,
    chunk: int,
    coarsest: int,
    dtype: str,
    change: Callable[[sitk.Image], sitk.Image],
    pooling: Pooling,
    version: str = "0.5",
    mask: bool = False,
) -> Volume:
    grid, _ = header(source)
    with create(path, pyramid(grid, coarsest), dtype, chunk=chunk, version=version, mask=mask) as written:
        for box, image in pieces(source, grid, (chunk,) * grid.dimension):
            written[0].write(change(image), box)
        for finer, coarser in pairwise(written):
            for block in split(coarser.grid.size, coarser.shard, (0,) * grid.dimension):
                coarsen(coarser, block.core, finer, pooling)
    return open_volume(path)
