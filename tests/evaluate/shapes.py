"""Objects of known size and place."""

import numpy as np
import SimpleITK as sitk

from regseg.grid import Grid

EYE = tuple(np.eye(3).ravel())
TURN = sitk.Euler3DTransform((0, 0, 0), 0.3, -0.2, 0.5).GetMatrix()
SHEAR = (1.0, 0.4, 0.0, 0.0, 0.9, 0.2, 0.0, 0.0, 1.0)  # axes that are not perpendicular, as some files have


def box(first, last, size=(20, 20, 20), spacing=(2.0, 1.0, 1.0)) -> sitk.Image:
    """A binary image, 1 in the voxels first … last (inclusive; x, y, z)."""
    array = np.zeros(size[::-1], np.uint8)
    array[first[2] : last[2] + 1, first[1] : last[1] + 1, first[0] : last[0] + 1] = 1
    image = sitk.GetImageFromArray(array)
    image.SetSpacing(spacing)
    return image


def ball(radius: float, spacing: tuple[float, ...], shift: float = 0.0) -> sitk.Image:
    """A ball in the middle of its image, moved along x (mm)."""
    size = [int(44 / step) for step in spacing]
    grid = Grid(tuple(size), spacing, (0.0,) * 3, EYE)
    places = grid.points(np.moveaxis(np.indices(size[::-1])[::-1], 0, -1)) - grid.middle - (shift, 0, 0)
    return grid.image((np.linalg.norm(places, axis=-1) <= radius).astype(np.uint8))
