"""Images of any kind, read a piece at a time: in memory, in OME-Zarr, or in a file that SimpleITK reads."""

from __future__ import annotations

import gzip
import re
import struct
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from math import prod
from pathlib import Path

import SimpleITK as sitk

from regseg.blocks import split
from regseg.grid import Box, Grid
from regseg.volumes.metadata import VolumeError, perpendicular
from regseg.volumes.reading import Volume, is_zarr, local, open_volume

# Formats of which SimpleITK reads a region without the rest (measured in episode 03). A NIfTI file of vectors is not
# among them: asked for a region, its reader crashes.
_STREAMED = (".mha", ".mhd", ".nii", ".nii.gz", ".vtk", ".mrc", ".h5", ".hdf5")
_PIECE = 1 << 20  # bytes of a compressed file at once

Readable = sitk.Image | Volume | str | Path


def opened(source: Readable) -> sitk.Image | Volume | Path:
    """The source, with an OME-Zarr file opened; of any other file the path, once it is sure that there is a file.

    Raises
    ------
    VolumeError
        There is none, or it is a folder of something else.
    """
    if not isinstance(source, (str, Path)):
        return source
    path = local(source)
    if is_zarr(path):
        return open_volume(path)
    if path.is_dir():
        raise VolumeError(
            f"{path} is a folder. If it holds the slices of a DICOM series, read them with SimpleITK's "
            "ImageSeriesReader, and save what it returns as one file."
        )
    if not path.exists():
        raise VolumeError(f"{path} cannot be read as an image: there is no such file.")
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
    name, told = "this image", source
    if isinstance(source, Path):
        name, told = str(source), sitk.ImageFileReader()
        told.SetFileName(str(source))
        with _readable(source):
            told.ReadImageInformation()
    dimension, pixel = told.GetDimension(), sitk.GetPixelIDValueAsString(told.GetPixelIDValue())
    if dimension not in (2, 3):
        raise VolumeError(f"{name} has {dimension} dimensions: take one image of 2 or 3 out of it, and save that.")
    if pixel.startswith("vector"):
        raise VolumeError(f"A voxel of {name} holds several numbers; save one component at a time.")
    if pixel.startswith(("complex", "label")):
        raise VolumeError(f"The voxels of {name} are of type {pixel}: convert them to real numbers.")
    grid = Grid.of(told)
    if not perpendicular(grid.axes):
        raise VolumeError(f"The axes of {name} are not perpendicular: resample it onto a grid whose axes are.")
    return grid, sitk.GetArrayFromImage(sitk.Image([1] * dimension, told.GetPixelIDValue())).dtype.name


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
        _demand_whole(source)
        reader = sitk.ImageFileReader()
        reader.SetFileName(str(source))
        for box in boxes:
            reader.SetExtractIndex(box.start)
            reader.SetExtractSize(box.size)
            with _readable(source):
                image = reader.Execute()
            yield box, image
    else:
        with _readable(source):
            image = source if isinstance(source, sitk.Image) else sitk.ReadImage(str(source))
        yield from ((box, sitk.RegionOfInterest(image, box.size, box.start)) for box in boxes)


@contextmanager
def _readable(source: sitk.Image | Path) -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        # ITK's reason comes last, after the places in its code where it was found.
        reason = re.sub(r"^\w+\(0x\w+\): ", "", str(error).rpartition("ERROR: ")[2])
        reason = reason.partition("\nReason: ")[0]  # the system's last error, whatever that was about
        raise VolumeError(f"{source} cannot be read as an image: {' '.join(reason.split())}") from error


def _demand_whole(path: Path) -> None:
    """Raise VolumeError where a NIfTI file was cut off: ITK reads what is left, and takes the rest for 0."""
    if not path.name.endswith((".nii", ".nii.gz")):
        return
    try:
        with (gzip.open if path.suffix == ".gz" else open)(path, "rb") as file:
            start = file.read(348)
            found = len(start) + sum(len(piece) for piece in iter(lambda: file.read(_PIECE), b""))
            whole = found >= _nifti_bytes(start)
    except (EOFError, zlib.error, gzip.BadGzipFile, struct.error):
        whole = False
    if not whole:
        raise VolumeError(f"{path} cannot be read as an image: a part of the file is missing. Fetch it again.")


def _nifti_bytes(start: bytes) -> int:
    """How many bytes a NIfTI-1 file should have, as its header says; ITK reads no other version."""
    order = "<" if start[0] else ">"  # the last byte of the header's own size, 348, comes first or at the end
    count, *sizes = struct.unpack_from(f"{order}8h", start, 40)
    (bits,), (first,) = struct.unpack_from(f"{order}h", start, 72), struct.unpack_from(f"{order}f", start, 108)
    return int(first) + prod(sizes[:count]) * bits // 8
