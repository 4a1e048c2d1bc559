"""Files of images and of transforms that SimpleITK reads: whole, or refused in a sentence that names what they are."""

from __future__ import annotations

import gzip
import re
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from math import prod
from pathlib import Path

import SimpleITK as sitk

from regseg.grid import Grid, perpendicular

_PIECE = 1 << 20  # bytes of a compressed file at once
_ZIPPED = (".zarr.zip", ".ozx")
_MARKS = ("zarr.json", ".zgroup", ".zattrs", ".zarray")  # one of them lies in every folder of a Zarr file
_IMAGES = (".nii", ".nii.gz", ".mha", ".mhd", ".nrrd", ".nhdr", ".img", ".hdr")
_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_MATRIX = re.compile(rf"\s*(?:{_NUMBER}\s+){{15}}{_NUMBER}\s*")


class VolumeError(ValueError):
    """An image that cannot be read or written; the message says what to do."""


# ---- images


def local(path: str | Path) -> Path:
    """The absolute path of a file on this computer, for workers in other folders; VolumeError for an address."""
    if "://" in str(path):
        raise VolumeError(f"{path} is an address: only files on this computer are read. Download it first.")
    return Path(path).absolute()


def is_zarr(path: str | Path) -> bool:
    """Whether a path is one of Zarr, or of a part of it, such as scan.zarr/0."""
    path = Path(path)
    return path.suffix == ".zarr" or path.name.endswith(_ZIPPED) or any((path / mark).is_file() for mark in _MARKS)


def demand_file(path: Path) -> None:
    """Raise VolumeError where there is no file, or a folder."""
    if path.is_dir():
        raise VolumeError(
            f"{path} is a folder. If it holds the slices of a DICOM series, read them with SimpleITK's "
            "ImageSeriesReader, and save what it returns as one file."
        )
    if not path.exists():
        raise VolumeError(f"{path} cannot be read as an image: there is no such file.")


def demand_scalar(told: sitk.Image | sitk.ImageFileReader, name: str) -> str:
    """Numpy's name for the type of the voxels of an image, or of a file whose header a reader has read.

    Raises
    ------
    VolumeError
        The image is neither 2-D nor 3-D, its axes are not perpendicular, or a voxel is not one real number.
    """
    dimension, pixel = told.GetDimension(), sitk.GetPixelIDValueAsString(told.GetPixelIDValue())
    if dimension not in (2, 3):
        raise VolumeError(f"{name} has {dimension} dimensions: take one image of 2 or 3 out of it, and save that.")
    if pixel.startswith("vector"):
        raise VolumeError(f"A voxel of {name} holds several numbers; save one component at a time.")
    if pixel.startswith(("complex", "label")):
        raise VolumeError(f"The voxels of {name} are of type {pixel}: convert them to real numbers.")
    if not perpendicular(Grid.of(told).axes):
        raise VolumeError(f"The axes of {name} are not perpendicular: resample it onto a grid whose axes are.")
    return sitk.GetArrayFromImage(sitk.Image([1] * dimension, told.GetPixelIDValue())).dtype.name


@contextmanager
def readable(source: sitk.Image | Path) -> Iterator[None]:
    """What SimpleITK raises in this block becomes a VolumeError, one sentence about the source."""
    try:
        yield
    except RuntimeError as error:
        # ITK's reason comes last, after the places in its code where it was found.
        reason = re.sub(r"^\w+\(0x\w+\): ", "", str(error).rpartition("ERROR: ")[2])
        reason = reason.partition("\nReason: ")[0]  # the system's last error, whatever that was about
        raise VolumeError(f"{source} cannot be read as an image: {' '.join(reason.split())}") from error


def demand_whole(path: Path) -> None:
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


def read_image(path: str | Path) -> sitk.Image:
    """Read a scalar image of 2 or 3 dimensions from a file that SimpleITK reads.

    Raises
    ------
    VolumeError
        There is no such file, a part of it is missing, or it holds something else; the message says what.
    """
    path, reader = local(path), sitk.ImageFileReader()
    demand_file(path)
    reader.SetFileName(str(path))
    with readable(path):
        reader.ReadImageInformation()
    demand_scalar(reader, str(path))
    demand_whole(path)
    with readable(path):
        return reader.Execute()


# ---- transforms


def read_transform(file: str | Path, *, fields: bool = False) -> sitk.Transform:
    """Read a transform that SimpleITK, or another program with ITK in it, has written.

    Parameters
    ----------
    file : str or Path
        A file of SimpleITK's transforms.
    fields : bool
        Whether the image of a displacement field in mm, such as the warp of ANTs, is a transform too.

    Raises
    ------
    ValueError
        There is none, it is of another kind, or it holds several, of which SimpleITK would take the first alone.
    """
    path = Path(file)
    if not path.is_file():
        raise ValueError(f"There is no transform at {file}.")
    if path.name.endswith(_IMAGES):
        if fields:
            return _read_field(path)
        raise ValueError(
            f"{file} is an image, such as the warp of ANTs, and an initial transform is linear: give the linear part "
            "alone, such as 0GenericAffine.mat."
        )
    text = path.read_bytes()[:100_000].decode("ascii", errors="replace")
    if re.search(r"^\(Transform ", text, re.MULTILINE):
        raise ValueError(
            f"{file} is a parameter file of elastix: write the transform with SimpleITK's WriteTransform, as "
            "regseg.elastix.register returns it."
        )
    if _MATRIX.fullmatch(text):
        raise ValueError(
            f"{file} is a matrix of 4 x 4 numbers, as FSL writes it, which does not say in which space. Convert it to "
            "a transform of ITK, with c3d_affine_tool -fsl2ras for example."
        )
    kinds = re.findall(r"^Transform: (\w+)", text, re.MULTILINE)
    if len(kinds) > 1 and not kinds[0].startswith("Composite"):
        raise ValueError(
            f"{file} holds {len(kinds)} transforms, and SimpleITK would take the first alone: put them into one "
            "CompositeTransform, and write that."
        )
    try:
        return sitk.ReadTransform(str(file))
    except RuntimeError:
        raise ValueError(
            f"{file} cannot be read as a transform: give one that SimpleITK or ANTs has written."
        ) from None


def _read_field(path: Path) -> sitk.Transform:
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    with readable(path):
        reader.ReadImageInformation()
    if reader.GetNumberOfComponents() != reader.GetDimension():
        raise ValueError(
            f"{path} is an image of {reader.GetNumberOfComponents()} number(s) per voxel: a displacement field of "
            f"{reader.GetDimension()} dimensions has {reader.GetDimension()}, in mm. Give the transform that the "
            "registration has written."
        )
    demand_whole(path)
    with readable(path):
        return sitk.DisplacementFieldTransform(sitk.ReadImage(str(path), sitk.sitkVectorFloat64))
