"""What a scanner makes of an anatomy: contrast, bias field, noise."""

from __future__ import annotations

from functools import reduce

import numpy as np
import SimpleITK as sitk

from regseg.grid import Grid

# Mean intensity of (CSF, grey, white matter, lesion) in each synthetic MR contrast.
T1_MEANS = (150, 400, 600, 330)
T2_MEANS = (900, 480, 330, 640)
FLAIR_MEANS = (90, 420, 350, 640)


def contrast(fractions: np.ndarray, means: tuple[float, ...], grid: Grid) -> sitk.Image:
    """The image (float32, without noise) in which each tissue has its mean intensity.

    `fractions`, of shape (tissues, z, y, x), says how much of each voxel is which tissue, in the order of `means`.
    """
    return grid.image(np.tensordot(np.array(means[: len(fractions)], np.float32), fractions, axes=1))


def grey_levels(image: sitk.Image, exponent: float, top: float, *, inverted: bool = False) -> sitk.Image:
    """The grey levels, 0 to 255, as another scanner might show them: 0 to `top`, bent by a power; float32."""
    values = sitk.GetArrayFromImage(image).astype(np.float32) / 255
    values = np.maximum(1 - values if inverted else values, 0)
    return Grid.of(image).image(top * values ** np.float32(exponent))


def bias(image: sitk.Image, strength: float, seed: int) -> sitk.Image:
    """The image (float32) times a smooth field exp(strength * wave), as a receive coil shades an MR image."""
    values = sitk.GetArrayViewFromImage(image)
    field = np.exp(strength * smooth_noise(values.shape, wavelength=260, seed=seed))
    return Grid.of(image).image((values * field).astype(np.float32))


def noise(image: sitk.Image, sigma: float, seed: int, mask: sitk.Image | None = None) -> sitk.Image:
    """The image as int16 with Rician noise: the magnitude of a signal with Gaussian noise on both channels.

    With a mask (0 and 1) the result stays 0 outside of it, as after skull stripping.
    """
    random = np.random.default_rng(seed)
    values = sitk.GetArrayViewFromImage(image)
    real, imaginary = (sigma * random.standard_normal(values.shape, dtype=np.float32) for _ in range(2))
    noisy = np.hypot(values + real, imaginary)
    if mask is not None:
        noisy = noisy * sitk.GetArrayViewFromImage(mask)
    return Grid.of(image).image(np.rint(noisy).astype(np.int16))


def smooth_noise(shape: tuple[int, ...], wavelength: float, seed: int, waves: int = 12) -> np.ndarray:
    """A random smooth field: float32 of this shape, mean about 0 and variance about 1.

    It is a sum of plane waves in random directions; `wavelength` (voxels) is their shortest.
    """
    random = np.random.default_rng(seed)
    field = np.zeros(shape, np.float32)
    for _ in range(waves):
        direction = random.standard_normal(len(shape))
        frequency = direction / np.linalg.norm(direction) * 2 * np.pi / wavelength * random.uniform(0.4, 1)
        first, *others = (
            np.exp(1j * f * np.arange(n)).astype(np.complex64) for f, n in zip(frequency, shape, strict=True)
        )
        start = np.complex64(np.exp(2j * np.pi * random.random()))
        field += reduce(lambda rest, axis: np.multiply.outer(axis, rest), (*others[::-1], start * first)).real
    return field * np.float32(np.sqrt(2 / waves))
