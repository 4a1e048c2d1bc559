"""The file of an initial transform: one that SimpleITK reads whole, or a sentence that names what it is instead."""

from __future__ import annotations

import re
from pathlib import Path

import SimpleITK as sitk

_IMAGES = (".nii", ".nii.gz", ".mha", ".mhd", ".nrrd", ".nhdr", ".img", ".hdr")
_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_MATRIX = re.compile(rf"\s*(?:{_NUMBER}\s+){{15}}{_NUMBER}\s*")


def read_transform(file: str | Path) -> sitk.Transform:
    """Read a transform that SimpleITK, or another program with ITK in it, has written.

    Raises
    ------
    ValueError
        There is none, it is of another kind, or it holds several, of which SimpleITK would take the first alone.
    """
    path = Path(file)
    if not path.is_file():
        raise ValueError(f"There is no transform at {file}.")
    if path.name.endswith(_IMAGES):
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
