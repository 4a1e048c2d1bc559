"""Images of any kind, read a piece at a time: in memory, in OME-Zarr, or in a file that SimpleITK reads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import SimpleITK as sitk

from regseg.blocks import split
from regseg.grid import Box, Grid
from regseg.readers import (
    VolumeError,
    demand_file,
    demand_scalar,
    demand_whole,
    is_zarr,
    local,
    read_header,
    read_series,
    readable,
)
from regseg.volumes.reading import Volume, open_volume

# Formats of which SimpleITK reads a region without the rest (measured in episode 03). A NIfTI file of vectors is not
# among them: asked for a region, its reader crashes.
_STREAMED = (".mha", ".mhd", ".nii", ".nii.gz", ".vtk", ".mrc", ".h5", ".hdf5")

Readable = sitk.Image | Volume | str | Path


def opened(source: Readable) -> sitk.Image | Volume | Path:
    """The source, with an OME-Zarr file opened and a DICOM series read; of any other file the path, once it is there.

    Raises
    ------
    VolumeError
        There is none, or it is a folder of something else.
    """
    if not isinstance(source, (str, Path)):
        return source
    if is_zarr(source):
        return open_volume(source)
    path = local(source)
    if path.is_dir():
        return read_series(path)
    demand_file(path)
    return path


def header(source: Readable) -> tuple[Grid, str]:
    """Where the voxels of an image lie, and numpy's name for their type. Of a file only the header is read.

    Raises
    ------
    VolumeError
        The file cannot be read; the image is neither 2-D nor 3-D, its axes are not perpendicular, or a voxel is not
        one real number.
    """
    source = opened(source)
    if isinstance(source, Volume):
        if source.components > 1:
            raise VolumeError(
                f"A voxel of {source.path} holds {source.components} numbers; save one component at a time."
            )
        return source.grid, source.array.dtype.name
    if isinstance(source, Path):
        _, grid, dtype = read_header(source)
        return grid, dtype
    return Grid.of(source), demand_scalar(source, "this image")


def pieces(source: Readable, grid: Grid, size: Sequence[int]) -> Iterator[tuple[Box, sitk.Image]]:
    """The image, piece by piece: boxes of this size of an OME-Zarr file, and of others slabs as thick as such a box.

    Of a file no more is read at once than a piece, where its format allows.

    Raises
    ------
    VolumeError
        The file cannot be read, or a part of it is missing.
    """
    source = opened(source)
    size = size if isinstance(source, Volume) else (*grid.size[:-1], size[-1])
    boxes = (block.core for block in split(grid.size, size, (0,) * grid.dimension))
    if isinstance(source, Volume):
        yield from ((box, source.read(box)) for box in boxes)
    elif isinstance(source, Path) and source.name.endswith(_STREAMED):
        demand_whole(source)
        reader = sitk.ImageFileReader()
        reader.SetFileName(str(source))
        for box in boxes:
            reader.SetExtractIndex(box.start)
            reader.SetExtractSize(box.size)
            with readable(source):
                image = reader.Execute()
            yield box, image
    else:
        with readable(source):
            image = source if isinstance(source, sitk.Image) else sitk.ReadImage(str(source))
        yield from ((box, sitk.RegionOfInterest(image, box.size, box.start)) for box in boxes)
