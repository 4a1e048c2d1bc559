"""OME-Zarr read: any level, any region, and nothing else of the file."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path
from threading import current_thread, main_thread
from typing import Any
from zipfile import BadZipFile

import numpy as np
import SimpleITK as sitk
import zarr
from zarr.core.sync import sync
from zarr.errors import ContainsArrayError
from zarr.storage import ZipStore

from regseg.blocks import split
from regseg.grid import Box, Grid
from regseg.readers import VolumeError, is_address, local
from regseg.volumes.metadata import Multiscale, linear_map
from regseg.volumes.remote import Remote, RemoteError, checked, open_store

_ABSURD = 2**60  # bytes, an exabyte: no array, and no chunk of one, is so large
_CHUNK = re.compile(r"(c[./])?\d+([./]\d+)*")  # the name of a file of an array, a chunk or a shard


@dataclass(frozen=True)
class View:
    """The axes of space of a larger array, in the order z, y, x, at one channel and one moment, to be read only.

    It stands in for the array itself: what is asked of it is read from the file, and nothing else.
    """

    whole: zarr.Array
    axes: tuple[int, ...]  # of the larger array; that of the components of vectors comes first
    at: Mapping[int, int]  # the index along each other axis
    turn: np.ndarray | None = None  # what makes the components x, y, z of the patient, in mm

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.whole.shape[axis] for axis in self.axes)

    @property
    def chunks(self) -> tuple[int, ...]:
        return tuple(self.whole.chunks[axis] for axis in self.axes)

    @property
    def ndim(self) -> int:
        return len(self.axes)

    @property
    def dtype(self) -> np.dtype:
        return self.whole.dtype.newbyteorder("=")  # SimpleITK knows the computer's own byte order alone

    @property
    def nbytes(self) -> int:
        return prod(self.shape) * self.dtype.itemsize

    def __getitem__(self, key: Any) -> np.ndarray:
        key = key if isinstance(key, tuple) else (key,)
        if any(each is Ellipsis for each in key):
            cut = next(n for n, each in enumerate(key) if each is Ellipsis)
            key = (*key[:cut], *[slice(None)] * (self.ndim - len(key) + 1), *key[cut + 1 :])
        along = dict(self.at) | dict(zip(self.axes, (*key, *[slice(None)] * (self.ndim - len(key))), strict=True))
        components: Any = ...
        if self.turn is not None:  # all components are needed for each
            components, along[self.axes[0]] = along[self.axes[0]], slice(None)
        values = np.asarray(self.whole[tuple(along[axis] for axis in range(self.whole.ndim))])
        left = [axis for axis in self.axes if isinstance(along[axis], slice)]
        values = values.transpose([sorted(left).index(axis) for axis in left])
        if self.turn is not None:
            values = np.tensordot(self.turn, values, axes=1)[components]
        return values.astype(self.dtype, copy=False)


@dataclass(frozen=True)
class Volume:
    """One level of resolution of an OME-Zarr file. Opening it reads no voxel.

    `path` is the file, or its address. `array` is the zarr array, of shape (z, y, x), or (component, z, y, x) where
    voxels are vectors; of a file with more axes, or in another order, it is a view that has this shape. `mask` tells
    whether `save_mask` has written it.
    """

    path: Path | str
    level: int
    grid: Grid
    array: zarr.Array | View
    mask: bool = False

    @property
    def components(self) -> int:
        """How many numbers a voxel holds."""
        return self.array.shape[0] if self.array.ndim > self.grid.dimension else 1

    @property
    def chunk(self) -> tuple[int, ...]:
        """The size of a chunk in voxels, in the order x, y, z."""
        return self.array.chunks[::-1][: self.grid.dimension]

    @property
    def shard(self) -> tuple[int, ...]:
        """The size in voxels, x, y, z, of what lies in one file: a chunk, or a shard of several chunks."""
        shards = getattr(self.array, "shards", None) or self.array.chunks
        return shards[::-1][: self.grid.dimension]

    def missing(self) -> tuple[int, int]:
        """How many files of this level, chunks or shards, are not there, and how many there should be.

        Zarr reads what is not there as `empty`: a file may have been written so, or may have lost it.
        """
        array = self.array.whole if isinstance(self.array, View) else self.array
        shard = array.shards or array.chunks
        wanted = prod(-(-n // width) for n, width in zip(array.shape, shard, strict=True))
        return wanted - sync(_files_of(array)), wanted

    @property
    def empty(self) -> float:
        """The value that is read where a chunk is not there."""
        array = self.array.whole if isinstance(self.array, View) else self.array
        return float(array.fill_value or 0)  # older files need not say one, and mean 0

    @property
    def nbytes(self) -> int:
        """What the whole volume needs in memory, in bytes."""
        return self.array.nbytes

    def read(self, box: Box | None = None) -> sitk.Image:
        """The voxels of a box (all, without one) as an image that lies where they lie."""
        box = box or self.grid.box
        values = self.array[(..., *box.slices)]
        return self.grid.image(np.moveaxis(values, 0, -1) if values.ndim > self.grid.dimension else values, box)

    def write(self, image: sitk.Image, box: Box) -> None:
        """Put an image into a box. Two writers of one file at the same time would spoil it: keep to shards."""
        values = sitk.GetArrayViewFromImage(image)
        with _uninterrupted():
            self.array[(..., *box.slices)] = np.moveaxis(values, -1, 0) if values.ndim > self.grid.dimension else values

    def fill(self, box: Box, values: Callable[[Box], np.ndarray], size: Sequence[int] | None = None) -> None:
        """Put into a box what a function gives for each piece of it, (z, y, x) or (component, z, y, x).

        A box of the size of a shard is written at once, and computed no more than a piece at a time: boxes of `size`,
        or chunks.
        """
        lead = self.array.shape[: -self.grid.dimension]
        found = np.empty((*lead, *box.size[::-1]), self.array.dtype)
        for piece in split(box.size, size or self.chunk, (0,) * self.grid.dimension):
            found[(..., *piece.core.slices)] = values(piece.core.move([-first for first in box.start]))
        with _uninterrupted():
            self.array[(..., *box.slices)] = found


async def _files_of(array: zarr.Array) -> int:
    """How many chunks or shards of an array are there: counted, for zarr looks for each one in a list of all."""
    inside = f"{array.path}/".lstrip("/")
    names = array.store.list_prefix(inside)
    return sum([1 async for name in names if _CHUNK.fullmatch(name.removeprefix(inside))])


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Ctrl-C waits for the end of this block, in which zarr writes.

    Its own thread would go on meanwhile: with voxels of an image that is gone, and into a folder that is cleaned up.
    """
    if current_thread() is not main_thread() or signal.getsignal(signal.SIGINT) is None:
        yield
        return
    pressed: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: pressed.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if pressed:
            signal.raise_signal(signal.SIGINT)


def open_volume(path: str | Path, level: int = 0, *, channel: int | None = None, time: int | None = None) -> Volume:
    """Open a level of an OME-Zarr image; level 0 has the full resolution.

    Parameters
    ----------
    path : str or Path
        Of a file or of an image in it, such as scan.zarr, plate.zarr/A/1/0, scan.zarr/labels/cells or scan.zarr.zip; or
        its address: https://, s3:// or gs:// (extra `cloud`; keys come from the environment).
    level : int
        Which level of resolution.
    channel, time : int, optional
        Which ones, counted from 0, of an image that has several.

    Raises
    ------
    VolumeError
        There is no such file, no such level, or it holds no image, several, or one that cannot be read as numbers on
        a grid in mm; the message says why.
    """
    return _levels(path, {"channel": channel, "time": time}, level)[0]


def levels(path: str | Path, *, channel: int | None = None, time: int | None = None) -> list[Volume]:
    """All levels of resolution of an OME-Zarr image, the finest first; as for `open_volume`."""
    return _levels(path, {"channel": channel, "time": time})


def open_displacements(path: str | Path) -> tuple[Volume, Volume | None]:
    """Open the displacements of a registration: from points of the fixed image to the moving one, and back.

    Parameters
    ----------
    path : str or Path
        Of what `create_displacements` has made, as displacements.zarr of `regseg register-large`; or of one field,
        whose way back is None.

    Raises
    ------
    VolumeError
        There is no such file, or it holds no displacements, or some that are not read here.
    """
    path, store = located(path)
    with _explained(path):
        ways = _ways(zarr.open_group(store, mode="r"))
    found = [open_volume(joined(path, inside)) for inside, _ in ways]
    for volume, (_, turns) in zip(found, ways, strict=True):
        dimension = volume.grid.dimension
        if volume.components != dimension:
            raise VolumeError(
                f"{volume.path} holds {volume.components} number(s) for each voxel: a field of displacements has "
                f"{dimension}, in mm, as field.zarr of a registration."
            )
        back, there = np.eye(dimension + 1), np.eye(dimension + 1)
        back[:-1, :-1], there[:-1, :-1] = volume.grid.axes.T[::-1, ::-1], volume.grid.axes[::-1, ::-1]
        with _explained(path):
            if turns and not all(map(np.allclose, [linear_map(each, dimension) for each in turns], (back, there))):
                raise VolumeError("whose displacements are turned otherwise than their grid: that is not read here.")
    return found[0], found[1] if len(found) > 1 else None


def _ways(group: zarr.Group) -> list[tuple[str, list[Mapping[str, Any]]]]:
    """The fields of a registration, there and back: where each lies in the group, and the turns before and after it."""
    scene = _label(group).get("scene")
    if scene is None:
        return [("", [])]
    [registration] = scene["coordinateTransformations"]
    both = registration["type"] == "bijection"
    found = []
    for way in [registration[name] for name in ("forward", "inverse")] if both else [registration]:
        steps = way["transformations"] if way["type"] == "sequence" else [way]
        kinds = [step["type"] for step in steps]
        if len(steps) not in (1, 3) or kinds[len(steps) // 2] != "displacements" or kinds.count("displacements") > 1:
            raise VolumeError(f"with a registration by {', '.join(kinds)}: read are displacements, and turned ones.")
        field = steps.pop(len(steps) // 2)
        group[field["path"]]  # KeyError where it is not in the file
        found.append((field["path"], steps))
    return found


def _levels(path: str | Path, chosen: Mapping[str, int | None], only: int | None = None) -> list[Volume]:
    path, store = located(path)
    with _explained(path, only):
        inside, group, image = _image(zarr.open_group(store, mode="r"))
        wanted, ours = range(len(image.paths)), group.attrs.get("regseg")
        wanted = wanted if only is None else [wanted[only]]
        found = []
        for level in wanted:
            whole = group.get(image.paths[level])
            if whole is None:
                raise VolumeError(f"without the array {image.paths[level]} that its metadata name: fetch it again.")
            grid, mask = image.grid(level, whole.shape), bool(ours and ours.get("mask"))
            array = _in_space(whole, image, chosen, ours is not None, image.vectors(grid))
            found.append(Volume(joined(path, inside), level, grid, array, mask))
    return found


@contextmanager
def _explained(path: Path | str, level: int | None = None) -> Iterator[None]:
    """What goes wrong in this block becomes a VolumeError, one sentence about the file."""
    try:
        yield
    except FileNotFoundError:
        raise VolumeError(f"There is no OME-Zarr volume at {path}.") from None
    except RemoteError as error:
        raise VolumeError(f"{path} cannot be read: {error}") from None
    except IndexError:
        raise VolumeError(f"{path} has no level {level}.") from None
    except (json.JSONDecodeError, BadZipFile):
        raise VolumeError(f"{path} is damaged: its metadata cannot be read.") from None
    except ContainsArrayError:
        raise VolumeError(f"{path} is one array of an OME-Zarr image: give the folder that it lies in.") from None
    except VolumeError as error:
        raise VolumeError(f"{path} is OME-Zarr {error}") from None
    except (KeyError, TypeError, AttributeError, ValueError):
        raise VolumeError(f"{path} is Zarr, but holds no OME-Zarr image.") from None


def located(path: str | Path) -> tuple[Path | str, Any]:
    """The absolute path of a file, or its address, and the store that zarr reads it from."""
    if is_address(path):
        address = checked(str(path))
        return address, open_store(address)
    path = local(path)
    return path, ZipStore(path, mode="r") if path.is_file() else path


def joined(path: Path | str, inside: str) -> Path | str:
    """The path, or the address, of what lies inside."""
    return path / inside if isinstance(path, Path) else f"{path}/{inside}".rstrip("/")


def _image(group: zarr.Group) -> tuple[str, zarr.Group, Multiscale]:
    """The image that a group is, or the only one in it, as bioformats2raw writes it; and its path in the group."""
    if "multiscales" in _label(group):
        return "", group, Multiscale.of(group.attrs.asdict())
    try:
        children = sorted(group.groups())
    except Exception:
        if not isinstance(group.store, Remote):
            raise
        raise VolumeError("whose server does not list what lies in it: give the address of an image.") from None
    inside = {name: child for name, child in children if "multiscales" in _label(child)}
    if len(inside) > 1:
        names = ", ".join(inside)
        raise VolumeError(f"with {len(inside)} images in it ({names}): add the name of one to its path.")
    if "plate" in _label(group):
        well = _label(group)["plate"]["wells"][0]["path"]
        raise VolumeError(f"of a plate of wells: add one field of a well to its path, such as {well}/0.")
    [(name, child)] = inside.items()
    return name, child, Multiscale.of(child.attrs.asdict())


def _label(group: zarr.Group) -> Mapping[str, Any]:
    return group.attrs.get("ome", group.attrs)


def _in_space(
    array: zarr.Array,
    image: Multiscale,
    chosen: Mapping[str, int | None],
    ours: bool,
    vectors: tuple[int, np.ndarray] | None,
) -> zarr.Array | View:
    """The array as one of (z, y, x), at the chosen channel and moment; vectors as (component, z, y, x)."""
    if array.dtype.kind not in "iuf" or array.dtype == np.float16:
        raise VolumeError(
            f"with voxels of type {array.dtype}: whole numbers, float32 and float64 are read here. Convert it."
        )
    for what, shape in ("whole array", array.shape), ("chunk", array.chunks):
        if prod(shape) * array.dtype.itemsize > _ABSURD:
            sizes = " x ".join(map(str, shape))
            raise VolumeError(
                f"whose metadata claim a {what} of {sizes} voxels, more than there can be: fetch the file again."
            )
    spatial, at = image.spatial(), {}
    if vectors and array.shape[vectors[0]] != len(spatial):
        raise VolumeError(f"of displacements with {array.shape[vectors[0]]} components in {len(spatial)} dimensions.")
    for number, axis in enumerate(image.axes):
        if number in spatial or vectors and number == vectors[0]:
            continue
        count, wanted = array.shape[number], chosen.get(axis["type"])
        if ours and axis["type"] == "channel" and wanted is None and number == 0:
            return array
        if wanted is None and count > 1:
            if axis["type"] not in chosen:
                raise VolumeError(
                    f"with {count} steps along the axis {axis['name']}, which is not read here: take one out."
                )
            raise VolumeError(
                f"with {count} steps along the axis {axis['name']}: choose one, from 0, with {axis['type']}= "
                f"(--{axis['type']})."
            )
        if not 0 <= (wanted or 0) < count:
            raise VolumeError(
                f"with {count} steps along the axis {axis['name']}, counted from 0: there is no {wanted}."
            )
        at[number] = wanted or 0
    for kind, wanted in chosen.items():
        if wanted and kind not in {axis["type"] for axis in image.axes}:
            raise VolumeError(f"without an axis of type {kind}: there is no {kind} {wanted}.")
    if vectors:
        return View(array, (vectors[0], *spatial), at, vectors[1])
    if not at and spatial == tuple(range(array.ndim)) and array.dtype.isnative:
        return array
    return View(array, spatial, at)
