"""Images and displacement fields on other grids than their own."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk

from regseg.grid import Grid


def resampled(image: sitk.Image, grid: Grid, transform: sitk.Transform, outside: float = 0.0) -> np.ndarray:
    """The values of an image at the points that a transform takes those of a grid to, and one for all outside of it."""
    where = (grid.size, transform, sitk.sitkLinear, grid.origin, grid.spacing, grid.direction)
    return sitk.GetArrayFromImage(sitk.Resample(image, *where, outside))


def spread(field: sitk.Image, grid: Grid) -> sitk.Image:
    """A displacement field on another grid; beyond its border it goes on as it is there."""
    where = (grid.size, sitk.Transform(), sitk.sitkLinear, grid.origin, grid.spacing, grid.direction)
    return sitk.Resample(field, *where, 0.0, sitk.sitkVectorFloat64, True)
