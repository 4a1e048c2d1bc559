"""Files of images and of transforms that SimpleITK reads: whole, or refused in a sentence that names what they are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from regseg.grid import Grid, perpendicular
from regseg.readers.headers import VolumeError, demand_displacements, demand_whole, grid_of

__all__ = [
    "VolumeError",
    "demand_file",
    "demand_scalar",
    "demand_whole",
    "is_address",
    "is_zarr",
    "local",
    "read_header",
    "read_image",
    "read_series",
    "read_transform",
    "readable",
]

_ZIPPED = (".zarr.zip", ".ozx")
_MARKS = ("zarr.json", ".zgroup", ".zattrs", ".zarray")  # one of them lies in every folder of a Zarr file
_IMAGES = (".nii", ".nii.gz", ".mha", ".mhd", ".nrrd", ".nhdr", ".img", ".hdr")
_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_MATRIX = re.compile(rf"\s*(?:{_NUMBER}\s+){{15}}{_NUMBER}\s*")


# ---- images


def local(path: str | Path) -> Path:
    """The absolute path of a file on this computer, for workers in other folders; VolumeError for an address."""
    if is_address(path):
        raise VolumeError(f"{path} is an address: only files on this computer are read here. Download it first.")
    return Path(path).absolute()


def is_address(path: str | Path) -> bool:
    """Whether it is the address of something elsewhere, such as s3://bucket/scan.zarr, and no path."""
    return "://" in str(path)


def is_zarr(path: str | Path) -> bool:
    """Whether a path is one of Zarr, or of a part of it, such as scan.zarr/0; behind an address is nothing else."""
    if is_address(path):
        return True
    path = Path(path)
    return path.suffix == ".zarr" or path.name.endswith(_ZIPPED) or any((path / mark).is_file() for mark in _MARKS)


def demand_file(path: Path) -> None:
    """Raise VolumeError where there is no file."""
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


def read_header(path: Path) -> tuple[sitk.ImageFileReader, Grid, str]:
    """What the header of a scalar image says: a reader that has read it, where its voxels lie, and their type.

    The grid is in mm, also where the reader takes lengths of another unit for mm.

    Raises
    ------
    VolumeError
        It cannot be read, it holds something else, or it does not say where its voxels lie.
    """
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    with readable(path):
        reader.ReadImageInformation()
    dtype = demand_scalar(reader, str(path))
    return reader, grid_of(path, reader), dtype


def read_image(path: str | Path) -> sitk.Image:
    """Read a scalar image of 2 or 3 dimensions from a file that SimpleITK reads, or from a folder of DICOM slices.

    Raises
    ------
    VolumeError
        There is no such file, a part of it is missing, or it holds something else; the message says what. Of a folder
        as for `read_series`.
    """
    path = local(path)
    if path.is_dir():
        return read_series(path)
    demand_file(path)
    reader, grid, _ = read_header(path)
    demand_whole(path)
    with readable(path):
        image = reader.Execute()
    image.SetSpacing(grid.spacing)
    image.SetOrigin(grid.origin)
    return image


def read_series(folder: Path) -> sitk.Image:
    """Read the one DICOM series in a folder, a file for each slice, as a 3-D image.

    SimpleITK stacks slices straight, and evenly. So it puts those of a scan with a tilted gantry, or with a gap, where
    they were not; here the position that each slice itself states is compared with its place in the stack.

    Raises
    ------
    VolumeError
        The folder holds no series, several, or one that is no straight and even stack; or a voxel is not one real
        number.
    """
    reader = sitk.ImageSeriesReader()
    shown = sitk.ProcessObject.GetGlobalWarningDisplay()
    sitk.ProcessObject.GlobalWarningDisplayOff()  # where there is no series ITK warns, and we say it
    try:
        with readable(folder):
            found = reader.GetGDCMSeriesIDs(str(folder))
    finally:
        sitk.ProcessObject.SetGlobalWarningDisplay(shown)
    if not found:
        raise VolumeError(
            f"{folder} is a folder, and no DICOM slices lie in it: give a file, or the folder of a series."
        )
    if len(found) > 1:
        raise VolumeError(f"{folder} holds {len(found)} DICOM series: put the slices of one into a folder of its own.")
    files = reader.GetGDCMSeriesFileNames(str(folder), found[0])
    if len(files) == 1:
        return read_image(files[0])
    told = [_slice(file) for file in files]
    step = _step(folder, np.array([position for position, _ in told]), np.array([axes for _, axes in told]))
    reader.SetFileNames(files)
    with readable(folder):
        image = reader.Execute()
    demand_scalar(image, str(folder))
    across = np.linalg.norm(step)
    image.SetOrigin(told[0][0])
    image.SetSpacing((*image.GetSpacing()[:2], float(across)))
    image.SetDirection(np.column_stack([*np.reshape(told[0][1], (2, 3)), step / across]).ravel().tolist())
    return image


def _slice(file: str) -> tuple[list[float], list[float]]:
    """Where the first voxel of a DICOM slice lies (mm, LPS), and the directions of its rows and columns."""
    reader = sitk.ImageFileReader()
    reader.SetFileName(file)
    with readable(Path(file)):
        reader.ReadImageInformation()
    numbers = []
    for tag, count in ("0020|0032", 3), ("0020|0037", 6):
        try:
            numbers.append([float(number) for number in reader.GetMetaData(tag).split("\\")])
        except (RuntimeError, ValueError):
            numbers.append([])
        if len(numbers[-1]) != count:
            raise VolumeError(f"{file} does not say where its slice lies ({tag}): leave it out, or give another file.")
    return numbers[0], numbers[1]


def _step(folder: Path, positions: np.ndarray, axes: np.ndarray) -> np.ndarray:
    """From one slice to the next, in mm; VolumeError where the slices make no straight and even stack."""
    if np.abs(axes - axes[0]).max() > 1e-3:
        raise VolumeError(f"The slices in {folder} lie in different planes: put those of one into a folder of its own.")
    steps = np.diff(positions, axis=0)
    lengths = np.linalg.norm(steps, axis=1)
    step = np.median(steps, axis=0)
    length = np.linalg.norm(step)
    if lengths.min() < 1e-3:
        raise VolumeError(f"{folder} shows one place more than once, as phases or echoes do: keep one of each slice.")
    late = np.abs(positions - positions[0] - np.outer(np.arange(len(positions)), step)).max(axis=1) > 0.1 * length
    if late.any():
        after = int(late.argmax())
        raise VolumeError(
            f"The slices in {folder} do not follow evenly: {lengths[after - 1]:.3g} mm lie between slices {after} and "
            f"{after + 1}, and {length:.3g} mm elsewhere. Is one missing? Complete the series, or convert it with a "
            "program that fills gaps, such as dcm2niix."
        )
    step = (positions[-1] - positions[0]) / len(steps)
    upright = abs(np.dot(np.cross(*axes[0].reshape(2, 3)), step)) / np.linalg.norm(step)
    tilt = np.degrees(np.arccos(min(upright, 1.0)))
    if tilt > 0.06:  # a thousandth, as of other images whose axes are not perpendicular
        raise VolumeError(
            f"The slices in {folder} were scanned with the gantry tilted by {tilt:.1f} degrees: they make no straight "
            "stack. Resample them onto a straight grid, as dcm2niix does, which calls the result _Tilt."
        )
    return step


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
    path = local(file)
    if is_zarr(path):
        raise ValueError(
            f"{file} is OME-Zarr: displacements in chunks carry points, with regseg map-points. Give the file of a "
            "transform here, such as transform.h5 beside it."
        )
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
    except RuntimeError as error:
        if unknown := re.search(r'instance of "(Inverse\w+?Transform)_', str(error)):
            raise ValueError(
                f"{file} holds an {unknown[1]}, which Slicer alone turns round: let its module Transforms convert it "
                "to a displacement field."
            ) from None
        raise ValueError(
            f"{file} cannot be read as a transform: give one that SimpleITK or ANTs has written."
        ) from None


def _read_field(path: Path) -> sitk.Transform:
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    with readable(path):
        reader.ReadImageInformation()
    demand_displacements(path, reader)
    demand_whole(path)
    with readable(path):
        return sitk.DisplacementFieldTransform(sitk.ReadImage(str(path), sitk.sitkVectorFloat64))
