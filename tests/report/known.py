"""A small pair whose truth is known: an ellipsoid full of blobs, moved."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk
from scipy.ndimage import gaussian_filter

from regseg.grid import Grid

GRID = Grid((44, 52, 40), (2.0, 2.0, 2.0), (10.0, -20.0, 30.0), (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0))
SHIFT = (3.0, -2.0, 1.0)  # mm
LENGTH = float(np.linalg.norm(SHIFT))


def ellipsoid() -> np.ndarray:
    """Where there is something, (z, y, x)."""
    half = [(n - 1) / 2 for n in GRID.size[::-1]]
    z, y, x = np.ogrid[tuple(slice(n) for n in GRID.size[::-1])]
    return sum(((axis - h) / (0.75 * h)) ** 2 for axis, h in zip((z, y, x), half, strict=True)) < 1


def moving() -> sitk.Image:
    """The anatomy."""
    blobs = gaussian_filter(np.random.default_rng(0).normal(size=GRID.size[::-1]), 2)
    values = np.where(ellipsoid(), 500 + 200 * blobs / blobs.std(), 0)
    return GRID.image(np.clip(gaussian_filter(values, 0.7), 0, None).astype(np.int16))


def labels() -> sitk.Image:
    """Its left half is 1, its right half is 2."""
    halves = np.where(np.arange(GRID.size[0]) < GRID.size[0] // 2, 2, 1)
    return GRID.image((ellipsoid() * halves).astype(np.uint8))


def through(image: sitk.Image, truth: sitk.Transform, interpolator: int = sitk.sitkLinear) -> sitk.Image:
    """What the fixed scanner sees: fixed(x) = anatomy(truth(x))."""
    return sitk.Resample(image, image, truth, interpolator, 0)


def landmarks(truth: sitk.Transform) -> tuple[np.ndarray, np.ndarray]:
    """Ten pairs inside both images."""
    fixed = GRID.points(np.random.default_rng(1).uniform(12, 30, (10, 3)))
    return fixed, np.array([truth.TransformPoint(point) for point in fixed.tolist()])


def folding_field() -> sitk.Image:
    """Displacements along x that turn a slab of three voxels inside out, and nothing else."""
    vectors = np.zeros((*GRID.size[::-1], 3))
    vectors[:, :, 20:23, 0] = np.array([4.0, 0.0, -4.0])
    return GRID.image(vectors)
