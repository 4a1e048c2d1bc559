"""Image pairs with a known transform, and their files.

In every pair the moving image is the template in some contrast, and the fixed image is the 1 mm
template resampled through the truth: fixed(x) = template(truth(x)). So the truth maps a fixed point to
its moving point exactly, with no numerical inverse. Both are then averaged to 2 mm and get noise of their own.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from regseg.data.brains import T2_MEANS, add_bias, add_noise, as_image, half_resolution, mr_contrast, tissue_fractions
from regseg.grid import Grid


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


def pair_rigid(t1: sitk.Image, mask: sitk.Image) -> Pair:
    """Return T1 and T1, 12 degrees and 13 mm apart, the moving one with another contrast and noise."""
    return _pair(t1, mask, _rigid(t1, (8, -6, 7), (9, -8, 5)), moving=_other_t1(t1), seed=71)


def pair_multimodal(t1: sitk.Image, mask: sitk.Image) -> Pair:
    """Return T1 and synthetic T2, rigidly misaligned."""
    t2 = add_bias(mr_contrast(tissue_fractions(), T2_MEANS, t1), 0.1, seed=72)
    return _pair(t1, mask, _rigid(t1, (-5, 9, -10), (-7, 10, 6)), moving=t2, seed=73)


def pair_bspline(t1: sitk.Image, mask: sitk.Image) -> Pair:
    """Return T1 and T1 related by a cubic B-spline: a free-form deformation can recover it."""
    bspline = sitk.BSplineTransformInitializer(t1, [10, 10, 10])
    coefficients = np.random.Generator(np.random.PCG64(74)).normal(0, 6.0, (3, 13, 13, 13))
    for axis in (1, 2, 3):  # nothing moves at the border of the image
        np.moveaxis(coefficients, axis, 0)[[0, 1, 2, -3, -2, -1]] = 0
    bspline.SetParameters(coefficients.ravel())
    return _pair(t1, mask, bspline, moving=_other_t1(t1), seed=75)


def pair_composite(t1: sitk.Image, mask: sitk.Image) -> Pair:
    """Return T1 and T1 related by a rigid motion after an exponentiated smooth velocity: no B-spline."""
    warp = sitk.DisplacementFieldTransform(_exponential(_velocity(t1, seed=76)))
    truth = sitk.CompositeTransform([_rigid(t1, (5, 4, -6), (4, 6, -5)), warp])  # the last acts first
    return _pair(t1, mask, truth, moving=_other_t1(t1), seed=77)


def save(pair: Pair, folder: Path) -> None:
    """Write the pair into a folder; HDF5 keeps every bit of the transform."""
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
    return Pair(transform=transform, fixed_points=points[:, :3], moving_points=points[:, 3:], **images)


def _pair(t1: sitk.Image, mask: sitk.Image, truth: sitk.Transform, moving: sitk.Image, seed: int) -> Pair:
    def finish(image: sitk.Image, brain: sitk.Image, seed: int) -> sitk.Image:
        return add_noise(half_resolution(sitk.Cast(image, sitk.sitkFloat32)), brain, 4, seed)

    def brain(full: sitk.Image) -> sitk.Image:
        return half_resolution(sitk.Cast(full, sitk.sitkFloat32)) >= 0.5

    warped = sitk.Resample(sitk.Cast(t1, sitk.sitkFloat32), t1, truth, sitk.sitkLinear, 0.0)
    fixed_mask = brain(sitk.Resample(sitk.Cast(mask, sitk.sitkFloat32), mask, truth, sitk.sitkLinear, 0.0))
    points = _spread_points(fixed_mask, 200, seed)
    return Pair(
        fixed=finish(warped, fixed_mask, seed + 100),
        moving=finish(moving, brain(mask), seed + 200),
        transform=truth,
        fixed_points=points,
        moving_points=np.array([truth.TransformPoint(point) for point in points]),
        mask=fixed_mask,
    )


def _rigid(image: sitk.Image, degrees: tuple[float, ...], shift: tuple[float, ...]) -> sitk.Transform:
    """Return a rotation about the image centre followed by a shift in mm."""
    centre = Grid.of(image).middle
    return sitk.Euler3DTransform(centre, *np.deg2rad(degrees), shift)


def _other_t1(t1: sitk.Image) -> sitk.Image:
    """Return the T1 as another scanner might show it: other grey levels and a weak bias field."""
    values = sitk.GetArrayFromImage(t1).astype(np.float32)
    return add_bias(as_image(180 * (values / 255) ** np.float32(1.2), t1), 0.08, seed=78)


def _velocity(image: sitk.Image, seed: int) -> sitk.Image:
    """Return a smooth random velocity (mm, float64) on a 4 mm grid over the image, 0 at its border."""
    grid = sitk.BinShrink(image, [4, 4, 4])
    shape = grid.GetSize()[::-1]
    rng = np.random.Generator(np.random.PCG64(seed))
    window = 1.0
    for axis, n in enumerate(shape):
        taper = np.clip(np.minimum(np.arange(n), np.arange(n)[::-1]) / 8, 0, 1)
        window = window * (taper**2 * (3 - 2 * taper)).reshape([-1 if a == axis else 1 for a in range(3)])
    components = []
    for _ in range(3):
        noise = as_image(rng.standard_normal(shape), grid)
        smooth = sitk.GetArrayFromImage(sitk.DiscreteGaussian(noise, variance=16.0**2, maximumKernelWidth=64))
        components.append(3.0 * window * smooth / smooth.std())
    return as_image(np.stack(components, axis=-1), grid)


def _exponential(velocity: sitk.Image) -> sitk.Image:
    """Return the displacement reached by following the velocity for unit time (scaling and squaring).

    Arsigny et al., A Log-Euclidean framework for statistics on diffeomorphisms, MICCAI 2006.
    """
    squarings = 6
    field = as_image(sitk.GetArrayViewFromImage(velocity) / 2**squarings, velocity)
    for _ in range(squarings):
        step = sitk.DisplacementFieldTransform(sitk.Image(field))
        twice = sitk.CompositeTransform([step, step])
        field = sitk.TransformToDisplacementField(
            twice, sitk.sitkVectorFloat64, field.GetSize(), field.GetOrigin(), field.GetSpacing(), field.GetDirection()
        )
    return field


def _spread_points(mask: sitk.Image, count: int, seed: int) -> np.ndarray:
    """Return voxel centres (count, 3) in mm inside the mask, each far from those before it."""
    voxels = np.argwhere(sitk.GetArrayFromImage(sitk.BinaryErode(mask, [2, 2, 2])))
    rng = np.random.Generator(np.random.PCG64(seed))
    indices = rng.choice(voxels, 4000, replace=False)[:, ::-1].tolist()
    candidates = np.array([mask.TransformIndexToPhysicalPoint(index) for index in indices])
    chosen, gap = [0], np.full(len(candidates), np.inf)
    while len(chosen) < count:
        gap = np.minimum(gap, np.linalg.norm(candidates - candidates[chosen[-1]], axis=1))
        chosen.append(int(gap.argmax()))
    return candidates[chosen]
