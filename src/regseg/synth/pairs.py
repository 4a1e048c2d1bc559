"""Pairs of images with a known truth.

The fixed image of every pair is the anatomy resampled through the truth: fixed(x) = anatomy(truth(x)). So the truth
maps a fixed point to its moving point exactly, with no numerical inverse.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from regseg.synth import looks


@dataclass(frozen=True)
class Pair:
    """Two images and how they correspond.

    `transform` maps a fixed point to its moving point (mm, LPS), which is also what `sitk.Resample`
    needs to bring the moving image onto the fixed one. The points are (n, 3) arrays in mm, columns
    x y z; `mask` is the brain in the fixed image (uint8).
    """

    fixed: sitk.Image
    moving: sitk.Image
    transform: sitk.Transform
    fixed_points: np.ndarray
    moving_points: np.ndarray
    mask: sitk.Image


def make(
    anatomy: sitk.Image,
    mask: sitk.Image,
    truth: sitk.Transform,
    *,
    seed: int,
    moving: sitk.Image | None = None,
    shrink: int = 2,
    sigma: tuple[float, float] = (4.0, 4.0),
    stripped: bool = True,
    interpolator: int = sitk.sitkLinear,
) -> Pair:
    """Make a pair of one anatomy: bent by the truth, and as it was.

    Parameters
    ----------
    anatomy, mask : sitk.Image
        What both images show, and what counts in it: 1, else 0, on the same grid.
    truth : sitk.Transform
        Maps a fixed point to its moving point.
    seed : int
        Of the 200 points, spread over the mask; the noise of the images has `seed` + 100 and + 200.
    moving : sitk.Image, optional
        The anatomy as the scanner of the moving image shows it, on the same grid; else both show the same.
    shrink : int
        Each voxel of the pair is the mean of so many of the anatomy's along each axis.
    sigma : (float, float)
        Of the Rician noise in the fixed and in the moving image, in grey levels.
    stripped : bool
        Whether all is 0 outside the mask, noise too, as after skull stripping.
    interpolator : int
        One of SimpleITK's, for the fixed image.

    Returns
    -------
    Pair
        Its images are int16.
    """
    anatomy, full = (sitk.Cast(image, sitk.sitkFloat32) for image in (anatomy, mask))
    moving = anatomy if moving is None else sitk.Cast(moving, sitk.sitkFloat32)

    def coarse(image: sitk.Image) -> sitk.Image:
        return sitk.BinShrink(image, [shrink] * image.GetDimension())

    def seen(image: sitk.Image, sigma: float, inside: sitk.Image, seed: int) -> sitk.Image:
        return looks.noise(coarse(sitk.Maximum(image, 0.0)), sigma, seed, inside if stripped else None)

    fixed_mask = coarse(sitk.Resample(full, full, truth, sitk.sitkLinear, 0.0)) >= 0.5
    points = spread_points(fixed_mask, 200, seed)
    return Pair(
        fixed=seen(sitk.Resample(anatomy, anatomy, truth, interpolator, 0.0), sigma[0], fixed_mask, seed + 100),
        moving=seen(moving, sigma[1], coarse(full) >= 0.5, seed + 200),
        transform=truth,
        fixed_points=points,
        moving_points=np.array([truth.TransformPoint(point) for point in points.tolist()]),
        mask=fixed_mask,
    )


def save(pair: Pair, folder: Path) -> None:
    """Write the pair into a new folder; HDF5 keeps every bit of the transform."""
    folder.mkdir()
    for name in ("fixed", "moving", "mask"):
        sitk.WriteImage(getattr(pair, name), folder / f"{name}.mha", useCompression=True)
    sitk.WriteTransform(pair.transform, folder / "transform.h5")
    points = np.hstack([pair.fixed_points, pair.moving_points])
    header = "fixed x,fixed y,fixed z,moving x,moving y,moving z (mm; LPS)"
    np.savetxt(folder / "points.csv", points, fmt="%.9f", delimiter=",", header=header, encoding="utf-8")


def read(folder: Path) -> Pair:
    """Read what `save` wrote."""
    images = {name: sitk.ReadImage(folder / f"{name}.mha") for name in ("fixed", "moving", "mask")}
    points = np.loadtxt(folder / "points.csv", delimiter=",", encoding="utf-8")
    transform = sitk.ReadTransform(folder / "transform.h5")
    fixed_points, moving_points = np.hsplit(points, 2)
    return Pair(transform=transform, fixed_points=fixed_points, moving_points=moving_points, **images)


def spread_points(mask: sitk.Image, count: int, seed: int) -> np.ndarray:
    """Voxel centres (count, d) in mm, two voxels or more inside the mask, each far from those before it."""
    voxels = np.argwhere(sitk.GetArrayFromImage(sitk.BinaryErode(mask, [2] * mask.GetDimension())))
    random = np.random.default_rng(seed)
    indices = random.choice(voxels, min(4000, len(voxels)), replace=False)[:, ::-1].tolist()
    candidates = np.array([mask.TransformIndexToPhysicalPoint(index) for index in indices])
    chosen, gap = [0], np.full(len(candidates), np.inf)
    while len(chosen) < count:
        gap = np.minimum(gap, np.linalg.norm(candidates - candidates[chosen[-1]], axis=1))
        chosen.append(int(gap.argmax()))
    return candidates[chosen]
