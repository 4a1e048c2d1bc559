"""Volumes larger than memory: chunked OME-Zarr files that know where they lie, read and written a region at a time.

The files follow OME-Zarr 0.5 (https://ngff.openmicroscopy.org/0.5): axes z, y, x in mm, a scale and a translation for
each level of resolution. That version has no direction matrix, so it stands beside them, under "regseg"; a reader
that does not know of it sees an oblique image straight. A file appears whole or not at all.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
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
        There is no such file, no such level, or it holds no image.
    """
    path = Path(path).absolute()  # for workers in other folders
    try:
        group = zarr.open_group(path, mode="r")
        image = group.attrs["ome"]["multiscales"][0]
        dataset = image["datasets"][level]
        array = group[dataset["path"]]
    except FileNotFoundError:
        raise VolumeError(f"There is no OME-Zarr volume at {path}.") from None
    except IndexError:
        raise VolumeError(f"{path} has no level {level}.") from None
    except (KeyError, TypeError):
        raise VolumeError(f"{path} is Zarr, but holds no OME-Zarr image (version 0.5).") from None
    space = [i for i, axis in enumerate(image["axes"]) if axis["type"] == "space"]
    steps = {step["type"]: step[step["type"]] for step in dataset["coordinateTransformations"]}
    spacing = tuple(float(steps["scale"][i]) for i in space[::-1])
    origin = tuple(float(steps.get("translation", [0.0] * array.ndim)[i]) for i in space[::-1])
    straight = np.eye(len(space)).ravel().tolist()
    direction = tuple(group.attrs.get("regseg", {}).get("direction", straight))
    return Volume(path, level, Grid(array.shape[::-1][: len(space)], spacing, origin, direction), array)


def levels(path: str | Path) -> list[Volume]:
    """All levels of resolution of an OME-Zarr file, the finest first."""
    first = open_volume(path)
    count = len(zarr.open_group(first.path, mode="r").attrs["ome"]["multiscales"][0]["datasets"])
    return [first, *(open_volume(path, level) for level in range(1, count))]


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
    path = Path(path).absolute()
    if path.suffix != ".zarr":
        raise VolumeError(f"The name of an OME-Zarr volume ends in .zarr, not like {path.name}.")
    if path.exists() and not (path / "zarr.json").is_file():
        raise VolumeError(f"{path} exists and is not Zarr; it is left alone. Choose another name.")
    partial = path.with_name(f"{path.stem}.partial.zarr")
    shutil.rmtree(partial, ignore_errors=True)
    vector = components > 1
    group = zarr.create_group(partial)
    datasets = []
    for level, grid in enumerate(grids):
        group.create_array(
            str(level),
            shape=(components,) * vector + grid.size[::-1],
            chunks=(components,) * vector + tuple(min(chunk, n) for n in grid.size[::-1]),
            dtype=dtype,
        )
        steps = [
            {"type": "scale", "scale": [1.0] * vector + list(grid.spacing[::-1])},
            {"type": "translation", "translation": [0.0] * vector + list(grid.origin[::-1])},
        ]
        datasets.append({"path": str(level), "coordinateTransformations": steps})
    names = "zyx"[-grids[0].dimension :]
    axes = [{"name": "c", "type": "channel"}] * vector
    axes += [{"name": name, "type": "space", "unit": "millimeter"} for name in names]
    image = {"name": path.stem, "axes": axes, "datasets": datasets}
    group.attrs["ome"] = {"version": "0.5", "multiscales": [image]}
    group.attrs["regseg"] = {"direction": list(grids[0].direction)}
    try:
        yield [Volume(partial, level, grid, group[str(level)]) for level, grid in enumerate(grids)]
        if path.exists():
            shutil.rmtree(path)
        partial.rename(path)
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
    grid, dtype = _header(source)
    grids, steps = [grid], []
    while max(grids[-1].size) > coarsest:
        steps.append(halving(grids[-1]))
        grids.append(grids[-1].shrink(steps[-1]))
    with create(path, grids, dtype, chunk=chunk) as written:
        for box, image in _slabs(source, grid, chunk):
            written[0].write(image, box)
        for finer, coarser, factors in zip(written, written[1:], steps, strict=False):
            for block in split(coarser.grid.size, coarser.chunk, (0,) * grid.dimension):
                fine = block.core.scale(factors).clip(finer.grid.box)
                means = pool(finer.array[fine.slices], factors)
                coarser.array[block.core.slices] = means if dtype.startswith("float") else np.rint(means)
    return open_volume(path)


def halving(grid: Grid) -> tuple[int, ...]:
    """By how much each axis shrinks from this level to the next: by 2, or by 1 where it is twice as coarse already."""
    return tuple(2 if step < 2 * min(grid.spacing) else 1 for step in grid.spacing)


@contextmanager
def _readable(source: sitk.Image | str | Path) -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        raise VolumeError(f"{source} cannot be read as an image: is it there, and whole?") from error


def _header(source: sitk.Image | str | Path) -> tuple[Grid, str]:
    """The grid, and numpy's name for the type of the numbers."""
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
