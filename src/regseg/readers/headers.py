"""What the header of an image file says, held against the file: is it whole, where does it lie, what does it count in?

ITK takes a missing part of some files for 0, or for what its memory happens to hold; a width of 0 for 1; lengths in
angstrom for mm; and of two places that a NIfTI file may name, one. None of it is said, so it is looked at here.
"""

from __future__ import annotations

import gzip
import re
import struct
import zlib
from dataclasses import replace
from math import prod
from pathlib import Path
from typing import IO, cast

import numpy as np
import SimpleITK as sitk

from regseg.grid import Grid

_PIECE = 1 << 20  # bytes of a compressed file at once
_NIFTI = (".nii", ".nii.gz", ".hdr", ".img", ".hdr.gz", ".img.gz")
_LENGTHS = {1: 1000.0, 2: 1.0, 3: 0.001}  # the numbers that NIfTI has for units, in mm
_ANGSTROM = 1e-7  # mm
_OTHERS = {  # what NIfTI's header calls the displacements of other programs, by its intent_name
    b"Mapping": "SPM, which holds positions and no displacements",
    b"NREG_TRANS": "NiftyReg, which counts to the right and to the front, and may hold positions",
}
_FSL = range(2006, 2019)  # NIfTI's intent_code of a field or its coefficients
_CONVERT = "Convert it to a warp of ITK, with mri_warp_convert of FreeSurfer for example."
_MILLIMETRES = {
    **dict.fromkeys(("mm", "millimeter", "millimeters", "millimetre", ""), 1.0),
    **dict.fromkeys(("um", "µm", "micron", "microns", "micrometer", "micrometers", "micrometre"), 1e-3),
    **dict.fromkeys(("nm", "nanometer", "nanometers", "nanometre"), 1e-6),
    **dict.fromkeys(("cm", "centimeter", "centimeters"), 10.0),
    **dict.fromkeys(("m", "meter", "meters", "metre"), 1000.0),
}


class VolumeError(ValueError):
    """An image that cannot be read or written; the message says what to do."""


def demand_whole(path: Path) -> None:
    """Raise VolumeError where a part of a file is missing, and ITK would not say so."""
    try:
        whole = _is_whole(path)
    except (OSError, EOFError, zlib.error, struct.error):  # of gzip, too
        whole = False
    if not whole:
        raise VolumeError(f"{path} cannot be read as an image: a part of the file is missing. Fetch it again.")


def _is_whole(path: Path) -> bool:
    if path.name.endswith(_NIFTI):
        header, voxels = _pair(path)
        with _opened(header) as file:
            start = file.read(348)
        if header == voxels and header.suffix != ".gz":
            return voxels.stat().st_size >= _nifti_bytes(start)
        with _opened(voxels) as file:
            return sum(len(piece) for piece in iter(lambda: file.read(_PIECE), b"")) >= _nifti_bytes(start)
    if path.suffix in (".tif", ".tiff"):
        return _tiff_is_whole(path)
    first = _first_voxel(path)
    if first is None:
        return True
    told = sitk.ImageFileReader()
    told.SetFileName(str(path))
    told.ReadImageInformation()
    voxel = sitk.Image([1] * told.GetDimension(), told.GetPixelID(), told.GetNumberOfComponents())
    size = prod(told.GetSize()) * told.GetNumberOfComponents() * voxel.GetSizeOfPixelComponent()
    return path.stat().st_size >= first + size


def _pair(path: Path) -> tuple[Path, Path]:
    """The file of the header and that of the voxels, which are the same one in .nii."""
    name, zipped = path.name.removesuffix(".gz"), ".gz" * path.name.endswith(".gz")
    if name.endswith(".nii"):
        return path, path
    header, voxels = (path.with_name(name[:-4] + ending + zipped) for ending in (".hdr", ".img"))
    return header, voxels


def _opened(path: Path) -> IO[bytes]:
    return cast("IO[bytes]", gzip.open(path, "rb")) if path.suffix == ".gz" else path.open("rb")


def _nifti_bytes(start: bytes) -> int:
    """How many bytes a NIfTI-1 file should have, as its header says; ITK reads no other version."""
    order = _order(start)
    count, *sizes = struct.unpack_from(f"{order}8h", start, 40)
    (bits,), (first,) = struct.unpack_from(f"{order}h", start, 72), struct.unpack_from(f"{order}f", start, 108)
    return int(first) + prod(sizes[:count]) * bits // 8


def _order(start: bytes) -> str:
    return "<" if start[0] else ">"  # the last byte of the header's own size, 348, comes first or at the end


def _first_voxel(path: Path) -> int | None:
    """Where the voxels begin in a format that has nothing behind them; None of another one."""
    with path.open("rb") as file:
        start = file.read(4096)
    if path.suffix == ".gipl":
        return 256
    if path.suffix == ".mrc":
        return 1024 + struct.unpack_from(">i" if start[212] == 0x11 else "<i", start, 92)[0]
    if path.suffix == ".vtk" and b"BINARY" in start:
        found = re.search(rb"\n(?:LOOKUP_TABLE|VECTORS|TENSORS)[^\n]*\n", start)
        return found and found.end()
    return None


def _tiff_is_whole(path: Path) -> bool:
    """Whether all pages of a TIFF file are there: each names the place of the next, and ITK stops where one is not."""
    size = path.stat().st_size
    with path.open("rb") as file:
        order = "<" if file.read(2) == b"II" else ">"
        large = struct.unpack(f"{order}H", file.read(2))[0] == 43
        count, width, place = ("Q", 20, "Q") if large else ("H", 12, "I")
        file.seek(8 if large else 4)
        (page,) = struct.unpack(f"{order}{place}", file.read(struct.calcsize(place)))
        seen: set[int] = set()
        while page and page not in seen:
            if page >= size:
                return False
            seen.add(page)
            file.seek(page)
            (entries,) = struct.unpack(f"{order}{count}", file.read(struct.calcsize(count)))
            file.seek(entries * width, 1)
            (page,) = struct.unpack(f"{order}{place}", file.read(struct.calcsize(place)))
    return True


def grid_of(path: Path, told: sitk.ImageFileReader) -> Grid:
    """Where the voxels of a file lie whose header a reader has read, in mm.

    Raises
    ------
    VolumeError
        Its header does not say it, or says two things; or it counts in a unit that is not known.
    """
    grid = Grid.of(told)
    if min(grid.spacing) <= 0 or not np.isfinite([*grid.spacing, *grid.origin]).all():
        raise _no_width(path, grid.spacing)
    if path.name.endswith(_NIFTI):
        _demand_one_place(path, grid)
    if told.HasMetaDataKey("0028|0008") and int(told.GetMetaData("0028|0008")) > 1:
        raise VolumeError(
            f"{path} is a DICOM file of {told.GetMetaData('0028|0008').strip()} frames, which ITK stacks straight and "
            "evenly without a look at the place that each states. Convert it, with dcm2niix for example, which looks."
        )
    unit = _unit(path)
    if unit == 1:
        return grid
    return replace(
        grid, spacing=tuple(unit * each for each in grid.spacing), origin=tuple(unit * each for each in grid.origin)
    )


def demand_displacements(path: Path, told: sitk.ImageFileReader) -> None:
    """Raise VolumeError where an image is no displacement field of ITK, in mm along the axes of the patient (LPS).

    ITK reads any vectors, and takes none of them for positions, or for lengths along the axes of the grid. It turns
    NIfTI's displacements (intent 1006) from RAS, and leaves vectors (1007) alone, as those of ANTs must be.
    """
    dimension, count = told.GetDimension(), told.GetNumberOfComponents()
    if path.name.endswith(_NIFTI):
        with _opened(_pair(path)[0]) as file:
            start = file.read(348)
        (code,), name = struct.unpack_from(f"{_order(start)}h", start, 68), start[328:344].rstrip(b"\0")
        if code in _FSL or (dimension == 4 and told.GetSize()[3] == 3):
            raise VolumeError(
                f"{path} is a warp of three volumes, as FSL writes it, which counts along the axes of its image. "
                + _CONVERT
            )
        if name in _OTHERS:
            raise VolumeError(f"{path} is a warp of {_OTHERS[name]}. {_CONVERT}")
    if count != dimension:
        raise VolumeError(
            f"{path} is an image of {count} number(s) per voxel: a displacement field of {dimension} dimensions has "
            f"{dimension}, in mm. Give the transform that the registration has written."
        )
    if "float" not in sitk.GetPixelIDValueAsString(told.GetPixelIDValue()):
        raise VolumeError(f"{path} holds {count} whole numbers per voxel, such as colours: that is no displacement.")
    if grid_of(path, told) != Grid.of(told):
        raise VolumeError(f"{path} has lengths in another unit than mm: write it in mm.")
    if path.suffix in (".nrrd", ".nhdr"):
        _demand_resampling(path)


def _demand_resampling(path: Path) -> None:
    """Raise VolumeError where an NRRD file says that its vectors are other ones than ITK takes them for."""
    head = _nrrd_head(path)
    told = dict(re.findall(r"^([\w ]+):=? *(.*?) *$", head, re.MULTILINE))
    if told.get("displacement field type") == "modeling":
        raise VolumeError(
            f"{path} leads from the moving image to the fixed one, as Slicer carries models: let its module Transforms "
            "convert it to a displacement field."
        )
    frame = [float(each) for each in re.findall(r"[^\s(),]+", told.get("measurement frame", ""))]
    straight = np.array_equal(frame, np.eye(round(len(frame) ** 0.5)).ravel())
    if not straight or told.get("space", "lps").lower() not in ("lps", "left-posterior-superior"):
        raise VolumeError(f"{path} does not count along the axes of the patient, LPS: write it so.")


def _no_width(path: Path, widths: tuple[float, ...]) -> VolumeError:
    told = " x ".join(f"{each:g}" for each in widths)
    return VolumeError(f"{path} has voxels of the width {told}, which cannot be: correct its header.")


def _demand_one_place(path: Path, grid: Grid) -> None:
    """Raise VolumeError where the header of a NIfTI file says another place than the one that ITK has taken."""
    with _opened(_pair(path)[0]) as file:
        start = file.read(348)
    order = _order(start)
    widths = struct.unpack_from(f"{order}3f", start, 80)[: grid.dimension]
    if not all(0 < each < np.inf for each in widths):
        raise _no_width(path, widths)
    (code,) = struct.unpack_from(f"{order}h", start, 254)
    if start[344:347] not in (b"n+1", b"ni1") or code <= 0 or grid.dimension != 3:
        return
    rows = np.reshape(struct.unpack_from(f"{order}12f", start, 280), (3, 4)) * _LENGTHS.get(start[123] & 7, 1.0)
    corners = np.vstack([np.zeros(3), np.diag(grid.size)])
    theirs = (corners @ rows[:, :3].T + rows[:, 3]) * (-1, -1, 1)  # from RAS to LPS
    if not np.abs(grid.indices(theirs) - corners).max() < 0.1:
        raise VolumeError(
            f"{path} says two things about where it lies, in its qform and in its sform: keep one of them, for example "
            "with nibabel's image.set_qform(image.affine)."
        )


def _unit(path: Path) -> float:
    """What the numbers of a file count, in mm: MRC is always in angstrom, and NRRD may say it."""
    if path.suffix == ".mrc":
        return _ANGSTROM
    if path.suffix not in (".nrrd", ".nhdr"):
        return 1.0
    found = re.search(r"^space units:(.*)$", _nrrd_head(path), re.MULTILINE)
    names = re.findall(r'"([^"]*)"', found[1]) if found else []
    units = {_MILLIMETRES.get(name.strip().lower()) for name in names} or {1.0}
    if len(units) > 1 or None in units:
        raise VolumeError(f"{path} has lengths in {', '.join(names)}, which is not read: write it in mm.")
    return float(units.pop() or 1.0)


def _nrrd_head(path: Path) -> str:
    with path.open("rb") as file:
        return file.read(1 << 16).partition(b"\n\n")[0].decode("utf-8", errors="replace")
