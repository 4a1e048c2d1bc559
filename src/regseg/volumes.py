"""Volumes larger than memory: chunked OME-Zarr files that know where they lie, read and written a region at a time.

The files follow OME-Zarr 0.5 (https://ngff.openmicroscopy.org/0.5): axes z, y, x in mm, a scale and a translation for
each level of resolution. That version has no direction matrix, so it stands beside them, under "regseg"; a reader
that does not know of it sees an oblique image straight. What the format allows beyond that (other units, other axes,
more transformations) is refused, and not guessed. A file appears whole or not at all.
"""

from __future__ import annotations

import json
import math
import shutil
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import SimpleITK as sitk
import zarr

from regseg.blocks import pool, split
from regseg.grid import Box, Grid

# Formats of which SimpleITK reads a region without the rest (measured in episode 03). A NIfTI file of vectors is not
# among them: asked for a region, its reader crashes.
_STREAMED = (".mha", ".mhd", ".nii", ".nii.gz", ".vtk", ".mrc", ".h5", ".hdf5")

COARSEST = 16  # voxels along the longest axis of the coarsest level


class VolumeError(ValueError):
    """A volume that cannot be read or written; the message says what to do."""


@dataclass(frozen=True)
class Volume:
    """One level of resolution of an OME-Zarr file. Opening it reads no voxel.

    `array` is the zarr array, of shape (z, y, x), or (component, z, y, x) where voxels are vectors.
    """

    path: Path
    level: int
    grid: Grid
    array: zarr.Array

    @property
    def components(self) -> int:
        """How many numbers a voxel holds."""
        return self.array.shape[0] if self.array.ndim > self.grid.dimension else 1

    @property
    def chunk(self) -> tuple[int, ...]:
        """The size of a chunk in voxels, in the order x, y, z."""
        return self.array.chunks[::-1][: self.grid.dimension]

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
        """Put an image into a box. Two writers of one chunk at the same time would spoil it: keep to chunks."""
        values = sitk.GetArrayViewFromImage(image)
        self.array[(..., *box.slices)] = np.moveaxis(values, -1, 0) if values.ndim > self.grid.dimension else values


def open_volume(path: str | Path, level: int = 0) -> Volume:
    """Open a level of an OME-Zarr file; level 0 has the full resolution.

    Raises
    ------
    VolumeError
        There is no such file, no such level, or it holds no image; or its axes are not z, y, x in millimetres with a
        scale and a translation for each level.
    """
    path = Path(path).absolute()  # for workers in other folders
    try:
        # Only format 3 is OME-Zarr 0.5. An array of format 2 may name filters that run code from it.
        group = zarr.open_group(path, mode="r", zarr_format=3)
        image = group.attrs["ome"]["multiscales"][0]
        dataset = image["datasets"][level]
        array = group[dataset["path"]]
        grid = _grid(group, image, dataset, array.shape)
    except FileNotFoundError:
        older = ", but Zarr of format 2: write it anew as OME-Zarr 0.5" if (path / ".zattrs").is_file() else ""
        raise VolumeError(f"There is no OME-Zarr volume at {path}{older}.") from None
    except IndexError:
        raise VolumeError(f"{path} has no level {level}.") from None
    except json.JSONDecodeError:
        raise VolumeError(f"{path} is damaged: a zarr.json in it cannot be read.") from None
    except VolumeError:
        raise
    except (KeyError, TypeError, AttributeError, ValueError):
        raise VolumeError(f"{path} is Zarr, but holds no OME-Zarr image (version 0.5).") from None
    return Volume(path, level, grid, array)


def _grid(group: zarr.Group, image: dict, dataset: dict, shape: tuple[int, ...]) -> Grid:
    """Where the voxels of a level lie, as the file says it; VolumeError where it says it in a way not read here."""
    names = [axis["name"] for axis in image["axes"]]
    space = names[1:] if names[0] == "c" else names  # the component of a vector comes first
    units = [axis.get("unit") for axis in image["axes"] if axis["name"] in space]
    kinds = [step["type"] for step in dataset["coordinateTransformations"]]
    steps = {step["type"]: step.get(step["type"]) for step in dataset["coordinateTransformations"]}
    refused = f"{group.store_path.store.root} is OME-Zarr, but "
    if space not in (["z", "y", "x"], ["y", "x"]):
        raise VolumeError(f"{refused}its axes are {', '.join(names)}: only z, y, x, or y, x, are read here.")
    if set(units) != {"millimeter"}:
        raise VolumeError(
            f"{refused}its lengths are in {' and '.join(sorted({unit or 'no unit' for unit in units}))}: only "
            "millimeter is read here. Convert the scales and translations in its zarr.json, and say so there."
        )
    if image.get("coordinateTransformations") or kinds not in (["scale"], ["scale", "translation"]):
        raise VolumeError(
            f"{refused}its coordinateTransformations are not one scale, or one scale and one translation, for each "
            "level: others are not read here."
        )
    scale, translation = steps["scale"], steps.get("translation", [0.0] * len(shape))
    if not len(scale) == len(translation) == len(shape):
        raise VolumeError(
            f"{refused}its scale or its translation has not one number for each of the array's {len(shape)} axes: "
            "correct it in its zarr.json."
        )
    dimension = len(space)
    spacing = tuple(map(float, scale[: -dimension - 1 : -1]))
    origin = tuple(map(float, translation[: -dimension - 1 : -1]))
    if not (all(map(math.isfinite, spacing + origin)) and min(spacing) > 0):
        raise VolumeError(
            f"{refused}its scale is not positive and finite, or its translation is not finite: correct it in its "
            "zarr.json."
        )
    straight = np.eye(dimension).ravel().tolist()
    direction = tuple(group.attrs.get("regseg", {}).get("direction", straight))
    return Grid(shape[: -dimension - 1 : -1], spacing, origin, direction)


def levels(path: str | Path) -> list[Volume]:
    """All levels of resolution of an OME-Zarr file, the finest first."""
    first = open_volume(path)
    count = len(zarr.open_group(first.path, mode="r").attrs["ome"]["multiscales"][0]["datasets"])
    return [first, *(open_volume(path, level) for level in range(1, count))]


def demand_writable(path: str | Path) -> None:
    """Raise VolumeError where `create` would write no OME-Zarr file, so that it is known before the work is done."""
    path = Path(path)
    if path.suffix != ".zarr":
        raise VolumeError(f"The name of an OME-Zarr volume ends in .zarr, not like {path.name}.")
    if path.is_symlink() or path.exists() and not (path / "zarr.json").is_file():
        raise VolumeError(f"{path} exists and is not Zarr; it is left alone. Choose another name.")


@contextmanager
def create(
    path: str | Path, grids: Sequence[Grid], dtype: str, *, chunk: int = 64, components: int = 1
) -> Iterator[list[Volume]]:
    """Create an empty OME-Zarr file to be filled, one level for each grid, the finest first.

    What stood at `path` is replaced when the block ends well; when it ends with an error, nothing has changed.

    Raises
    ------
    VolumeError
        The path is not one of a Zarr file, or something else stands there.
    """
    demand_writable(path)
    path = Path(path).absolute()
    # Two writers of one file write beside each other, and the last one to end stays.
    partial, old = (path.with_name(f"{path.stem}.{what}-{uuid.uuid4().hex[:8]}.zarr") for what in ("partial", "old"))
    vector = components > 1
    group = zarr.create_group(partial)
    arrays, datasets = [], []
    for level, grid in enumerate(grids):
        array = group.create_array(
            str(level),
            shape=(components,) * vector + grid.size[::-1],
            chunks=(components,) * vector + tuple(min(chunk, n) for n in grid.size[::-1]),
            dtype=dtype,
            config={"write_empty_chunks": True},  # so that a chunk that is not there is one that was lost
        )
        steps = [
            {"type": "scale", "scale": [1.0] * vector + list(grid.spacing[::-1])},
            {"type": "translation", "translation": [0.0] * vector + list(grid.origin[::-1])},
        ]
        arrays.append(array)
        datasets.append({"path": str(level), "coordinateTransformations": steps})
    names = "zyx"[-grids[0].dimension :]
    axes = [{"name": "c", "type": "channel"}] * vector
    axes += [{"name": name, "type": "space", "unit": "millimeter"} for name in names]
    image = {"name": path.stem, "axes": axes, "datasets": datasets}
    group.attrs["ome"] = {"version": "0.5", "multiscales": [image]}
    group.attrs["regseg"] = {"direction": list(grids[0].direction)}
    try:
        yield [
            Volume(partial, level, grid, array) for level, (grid, array) in enumerate(zip(grids, arrays, strict=True))
        ]
        # The old file is removed under another name: whenever we are killed, no half of a file has the name of a whole.
        with suppress(FileNotFoundError):
            path.rename(old)
        partial.rename(path)
        shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def save(source: sitk.Image | str | Path, path: str | Path, *, chunk: int = 64, coarsest: int = COARSEST) -> Volume:
    """Write an image, or a file, as OME-Zarr with levels of resolution; return its finest level.

    Each level halves the axes along which it is finest, by the mean of the voxels, until no axis is longer than
    `coarsest` voxels. The source may be an image, an OME-Zarr file whose levels are to be made anew, or a file that
    SimpleITK reads: that is read a slab of `chunk` slices at a time, where its format allows.

    Raises
    ------
    VolumeError
        The file cannot be read, or a voxel holds more than one number.
    """
    grid, dtype = header(source)
    grids = pyramid(grid, coarsest)
    with create(path, grids, dtype, chunk=chunk) as written:
        for box, image in _slabs(source, grid, chunk):
            written[0].write(image, box)
        for finer, coarser in pairwise(written):
            factors = coarser.grid.factors(finer.grid)
            for block in split(coarser.grid.size, coarser.chunk, (0,) * grid.dimension):
                fine = block.core.scale(factors).clip(finer.grid.box)
                coarser.array[block.core.slices] = _means(finer.array[fine.slices], factors)
    return open_volume(path)


def pyramid(grid: Grid, coarsest: int = COARSEST) -> list[Grid]:
    """The grids of all levels that `save` makes of an image on this grid, the finest first.

    An axis shrinks by 2 from a level to the next, or by 1 where it is twice as coarse as the finest one already.
    """
    grids = [grid]
    while max(grids[-1].size) > coarsest:
        finest = min(grids[-1].spacing)
        grids.append(grids[-1].shrink([2 if step < 2 * finest else 1 for step in grids[-1].spacing]))
    return grids


def header(source: sitk.Image | str | Path) -> tuple[Grid, str]:
    """Where the voxels of an image lie, and numpy's name for their type. Of a file only the header is read.

    Raises
    ------
    VolumeError
        The file cannot be read, or a voxel holds more than one number.
    """
    if isinstance(source, sitk.Image):
        grid, components, pixel = Grid.of(source), source.GetNumberOfComponentsPerPixel(), source.GetPixelID()
    elif str(source).endswith(".zarr"):
        volume = open_volume(source)
        return volume.grid, volume.array.dtype.name
    else:
        reader = sitk.ImageFileReader()
        reader.SetFileName(str(source))
        with _readable(source):
            reader.ReadImageInformation()
        grid, components, pixel = Grid.of(reader), reader.GetNumberOfComponents(), reader.GetPixelID()
    if components != 1:
        raise VolumeError(f"A voxel of this image holds {components} numbers; save one component at a time.")
    return grid, sitk.GetArrayFromImage(sitk.Image([1] * grid.dimension, pixel)).dtype.name


def read_level(source: str | Path, level: int, *, slab: int = 64) -> np.ndarray:
    """The voxels (z, y, x) of a level as `save` would make it, of a file that has none: read by slabs, nothing written.

    Raises
    ------
    VolumeError
        The file cannot be read, or a voxel holds more than one number.
    """
    grid, _ = header(source)
    grids = pyramid(grid)[: level + 1]
    # Slabs of whole coarse voxels, so that each of them shrinks for itself.
    whole = grids[-1].factors(grid)[-1]
    parts = []
    for _, image in _slabs(source, grid, max(slab // whole, 1) * whole):
        values = sitk.GetArrayViewFromImage(image)
        for finer, coarser in pairwise(grids):
            values = _means(values, coarser.factors(finer))
        parts.append(values.copy())
    return np.concatenate(parts)


def _means(values: np.ndarray, factors: Sequence[int]) -> np.ndarray:
    """The means over boxes of so many voxels, in the type of the voxels."""
    return as_voxels(pool(values, factors, exact(values.dtype)), values.dtype)


def exact(dtype: np.dtype) -> np.dtype:
    """The floating type to compute in with voxels of a type: float32 has too few digits for integers of 32 bits."""
    return np.result_type(dtype, np.float32)


def as_voxels(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Computed values in the type of the voxels: the nearest number that an integer type has."""
    if not np.issubdtype(dtype, np.integer):
        return values.astype(dtype, copy=False)
    limits = np.iinfo(dtype)
    # The largest int64 is no floating number; the next one is beyond it, so that clipping before the cast would wrap.
    with np.errstate(invalid="ignore"):
        voxels = np.rint(values).astype(dtype)
    voxels[values >= limits.max] = limits.max
    voxels[values <= limits.min] = limits.min
    return voxels


@contextmanager
def _readable(source: sitk.Image | str | Path) -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        raise VolumeError(f"{source} cannot be read as an image: is it there, and whole?") from error


def _slabs(source: sitk.Image | str | Path, grid: Grid, chunk: int) -> Iterator[tuple[Box, sitk.Image]]:
    """The image, cut along its last axis."""
    slabs = (block.core for block in split(grid.size, (*grid.size[:-1], chunk), (0,) * grid.dimension))
    if isinstance(source, (str, Path)) and str(source).endswith(".zarr"):
        volume = open_volume(source)
        yield from ((box, volume.read(box)) for box in slabs)
    elif isinstance(source, (str, Path)) and str(source).endswith(_STREAMED):
        reader = sitk.ImageFileReader()
        reader.SetFileName(str(source))
        for box in slabs:
            reader.SetExtractIndex(box.start)
            reader.SetExtractSize(box.size)
            with _readable(source):
                image = reader.Execute()
            yield box, image
    else:
        with _readable(source):
            image = source if isinstance(source, sitk.Image) else sitk.ReadImage(str(source))
        yield from ((box, sitk.RegionOfInterest(image, box.size, box.start)) for box in slabs)
