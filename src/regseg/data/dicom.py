"""Synthetic DICOM files with the tags that a scanner would write, through SimpleITK."""

import hashlib
from pathlib import Path

import numpy as np
import SimpleITK as sitk

STORED_ZERO = -1024  # HU that a stored value of 0 stands for


def dicom_head(ct: sitk.Image) -> dict[str, sitk.Image]:
    """Return the head CT as an axial series of 3 mm slices: file name to tagged slice.

    File names come from the unique identifiers, as in many archives, so that their alphabetical
    order is not the order of the slices.
    """
    return _series(ct, "dicom_head", "Synthetic CT head, 3 mm")


def dicom_head_gap(ct: sitk.Image) -> dict[str, sitk.Image]:
    """Return the same kind of series with one slice in the middle of the head missing."""
    return _series(ct, "dicom_head_gap", "Synthetic CT head, 3 mm, one slice missing", missing=41)


def radiograph(ct: sitk.Image) -> sitk.Image:
    """Return a lateral projection of the head CT as a MONOCHROME1 file: the lowest value is shown white.

    Each pixel is the line integral of attenuation from the patient's right to left; bone attenuates
    most, gets the lowest stored value and is shown white. SimpleITK turns the values of such a file
    round when it reads it (65535 - stored), and leaves the tag as it is.
    """
    head = sitk.DICOMOrient(ct, "LPS")
    water = np.clip(1 + sitk.GetArrayFromImage(head) / 1000.0, 0, None)  # attenuation as a multiple of water
    thickness = water.sum(axis=2) * head.GetSpacing()[0]  # mm of water, (z, y)
    stored = np.rint(65535 * (1 - thickness / thickness.max())).astype(np.uint16)[::-1]  # head up
    image = sitk.GetImageFromArray(np.ascontiguousarray(stored))
    spacing = (head.GetSpacing()[1], head.GetSpacing()[2])
    image.SetSpacing(spacing)
    _tag(image, _common("radiograph", "CR", "Synthetic lateral radiograph of the head"))
    _tag(
        image,
        {
            "0008|0016": "1.2.840.10008.5.1.4.1.1.1",  # Computed Radiography Image Storage
            "0008|0018": _uid("radiograph", "instance"),
            "0018|1164": "\\".join(f"{mm:g}" for mm in reversed(spacing)),  # Imager Pixel Spacing: row, column
            "0020|0013": "1",
            "0020|0020": "P\\F",  # columns run to the back, rows to the feet
            "0028|0004": "MONOCHROME1",
            "0028|1050": "32767",
            "0028|1051": "65535",
        },
    )
    return image


def write(image: sitk.Image, path: Path) -> None:
    """Write one tagged slice or projection."""
    writer = sitk.ImageFileWriter()
    writer.SetFileName(path)
    writer.KeepOriginalImageUIDOn()
    writer.Execute(image)
    if image.HasMetaDataKey("0028|0004"):  # GDCM writes MONOCHROME2 whatever the tag says
        wanted = image.GetMetaData("0028|0004").encode()
        path.write_bytes(path.read_bytes().replace(b"MONOCHROME2", wanted, 1))


def _series(ct: sitk.Image, name: str, description: str, missing: int | None = None) -> dict[str, sitk.Image]:
    volume = sitk.BinShrink(sitk.DICOMOrient(ct, "LPS"), [1, 1, 3])
    direction = volume.GetDirection()
    common = _common(name, "CT", description) | {
        "0008|0016": "1.2.840.10008.5.1.4.1.1.2",  # CT Image Storage
        "0018|0050": f"{volume.GetSpacing()[2]:g}",  # Slice Thickness
        "0018|0060": "120",  # kVp
        # Spacing Between Slices. GDCM writes one by itself, but only once this process has read another file.
        "0018|0088": f"{volume.GetSpacing()[2]:g}",
        "0018|5100": "HFS",  # Patient Position: head first, supine
        "0020|0052": _uid(name, "frame of reference"),
        "0020|0037": "\\".join(f"{direction[i]:g}" for i in (0, 3, 6, 1, 4, 7)),  # Image Orientation (Patient)
        "0028|1050": "40",  # Window Center
        "0028|1051": "80",  # Window Width
        "0028|1052": str(STORED_ZERO),  # Rescale Intercept
        "0028|1053": "1",  # Rescale Slope
        "0028|1054": "HU",
    }
    slices = {}
    for z in range(volume.GetSize()[2]):
        if z == missing:
            continue
        instance = _uid(name, f"slice {z}")
        image = volume[:, :, z : z + 1]  # with a third axis, for its spacing is a tag
        position = volume.TransformIndexToPhysicalPoint((0, 0, z))
        _tag(
            image,
            common
            | {
                "0008|0018": instance,
                "0020|0013": str(z + 1),  # Instance Number
                "0020|0032": "\\".join(f"{mm:g}" for mm in position),  # Image Position (Patient)
                "0020|1041": f"{position[2]:g}",  # Slice Location
            },
        )
        slices[f"{instance[-8:]}.dcm"] = image
    return slices


def _common(name: str, modality: str, description: str) -> dict[str, str]:
    return {
        "0008|0008": "DERIVED\\SECONDARY\\AXIAL" if modality == "CT" else "DERIVED\\SECONDARY",
        "0008|0020": "20260101",
        "0008|0030": "120000",
        "0008|0060": modality,
        "0008|0070": "regseg",
        "0008|103e": description,
        "0010|0010": "SYNTHETIC^HEAD",
        "0010|0020": "SYNTHETIC-1",
        "0020|000d": _uid("study"),
        "0020|000e": _uid(name, "series"),
        "0020|0010": "1",
        "0020|0011": "1",
    }


def _tag(image: sitk.Image, tags: dict[str, str]) -> None:
    for key, value in tags.items():
        image.SetMetaData(key, value)


def _uid(*parts: str) -> str:
    """Return a unique identifier that is always the same for these words, under the UUID root 2.25."""
    digest = hashlib.sha256("/".join(("regseg", *parts)).encode()).digest()
    return f"2.25.{int.from_bytes(digest[:16], 'big')}"
