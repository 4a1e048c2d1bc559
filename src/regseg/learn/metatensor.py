"""From SimpleITK to MONAI and back, so that each voxel stays where it lies.

MONAI keeps an image as a MetaTensor: a tensor (channel, x, y, z), and a matrix from an index to a position in mm. Its
readers leave that matrix in RAS, its bridge to ITK in LPS; the entry "space" of the tensor says which. SimpleITK's
positions are LPS, and its arrays are (z, y, x). Whoever forgets one of these turns or mirrors the head.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import SimpleITK as sitk
import torch

from regseg.grid import Grid

if TYPE_CHECKING:
    from monai.data import MetaTensor

_LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


def to_metatensor(image: sitk.Image) -> MetaTensor:
    """The image as a MetaTensor (1, x, y, z), float32, with its affine matrix (4, 4) in RAS.

    Raises
    ------
    ImportError
        MONAI is not installed.
    ValueError
        The image is not 3-D, or has several numbers a voxel.
    """
    try:
        from monai.data import MetaTensor
    except ImportError as error:
        raise ImportError("a MetaTensor needs MONAI: pip install 'regseg-course[learning]'") from error
    if image.GetDimension() != 3 or image.GetNumberOfComponentsPerPixel() != 1:
        raise ValueError("the image must be 3-D, with one number in each voxel")
    grid = Grid.of(image)
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = grid.matrix, grid.origin
    values = np.ascontiguousarray(sitk.GetArrayFromImage(image).T, np.float32)
    return MetaTensor(torch.from_numpy(values)[None], torch.from_numpy(_LPS_TO_RAS @ affine), {"space": "RAS"})


def to_image(tensor: MetaTensor) -> sitk.Image:
    """The image (float32) of a MetaTensor (1, x, y, z), whose matrix is taken for RAS unless it says that it is LPS.

    Raises
    ------
    ValueError
        It has several channels, or its axes are not perpendicular, as after a shearing.
    """
    if tensor.ndim != 4 or tensor.shape[0] != 1:
        raise ValueError(f"a MetaTensor of shape (1, x, y, z) becomes an image, and not one of {tuple(tensor.shape)}")
    is_lps = tensor.meta.get("space") == "LPS"
    affine = (np.eye(4) if is_lps else _LPS_TO_RAS) @ np.asarray(tensor.affine, float)
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    axes = affine[:3, :3] / spacing
    if not np.allclose(axes.T @ axes, np.eye(3), atol=1e-4):
        raise ValueError("the axes of the tensor are not perpendicular: resample it with MONAI's Spacing first")
    size = tuple(tensor.shape[1:])
    grid = Grid(size, tuple(spacing.tolist()), tuple(affine[:3, 3].tolist()), tuple(axes.ravel().tolist()))
    return grid.image(np.ascontiguousarray(tensor[0].numpy().T, np.float32))
