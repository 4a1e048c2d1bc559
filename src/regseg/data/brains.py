"""Brain images made from the MNI152 template that the nilearn package carries.

Every maker is a pure function: the same inputs and seed give the same image. Arrays are indexed
(z, y, x), as SimpleITK gives them to numpy; lengths are in mm and the template has 1 mm voxels.
"""

from importlib import resources

import numpy as np
import SimpleITK as sitk

from regseg.grid import Grid

# Mean intensity of (CSF, grey, white, lesion) in each synthetic MR contrast.
T2_MEANS = (900, 480, 330, 640)
FLAIR_MEANS = (90, 420, 350, 640)


def template(tissue: str) -> sitk.Image:
    """Return the template's "t1", "gm" or "wm" map: uint8, 197 x 233 x 189 voxels of 1 mm, skull-stripped.

    Its own direction matrix, diag(-1, -1, 1), is kept: indices run to the patient's right, front and
    head while LPS coordinates grow to the left, back and head, so a learner meets it on the first image.
    """
    file = f"mni_icbm152_{tissue}_tal_nlin_sym_09a_converted.nii.gz"
    with resources.as_file(resources.files("nilearn.datasets.data") / file) as path:
        image = sitk.ReadImage(path)
    return as_image(sitk.GetArrayViewFromImage(image), image)  # without the NIfTI header's other entries


def brain_t1() -> sitk.Image:
    """Return the T1 template itself."""
    return template("t1")


def brain_mask() -> sitk.Image:
    """Return the brain as 1: the template's non-zero voxels, holes filled, one connected piece."""
    filled = sitk.BinaryFillhole(template("t1") > 0)
    return sitk.Cast(sitk.RelabelComponent(sitk.ConnectedComponent(filled)) == 1, sitk.sitkUInt8)


def tissue_fractions() -> np.ndarray:
    """Return how much of each voxel is CSF, grey and white matter: float32 (3, z, y, x), sum 1 in the brain."""
    inside = sitk.GetArrayFromImage(brain_mask()) > 0
    grey, white = (sitk.GetArrayFromImage(template(t)).astype(np.float32) / 255 * inside for t in ("gm", "wm"))
    total = np.maximum(grey + white, 1)  # the two maps overlap a little
    grey, white = grey / total, white / total
    return np.stack([inside - grey - white, grey, white])


def brain_labels(mask: sitk.Image) -> sitk.Image:
    """Return the most probable tissue: 1 CSF, 2 grey matter, 3 white matter, 0 outside the mask."""
    labels = (tissue_fractions().argmax(axis=0) + 1) * sitk.GetArrayViewFromImage(mask)
    return as_image(labels.astype(np.uint8), mask)


def brain_t2(mask: sitk.Image) -> sitk.Image:
    """Return a synthetic T2 image: CSF brightest, grey above white matter, bias field and noise."""
    return add_noise(add_bias(mr_contrast(tissue_fractions(), T2_MEANS, mask), 0.15, seed=21), mask, 15, seed=22)


def brain_flair(mask: sitk.Image) -> sitk.Image:
    """Return a synthetic FLAIR image: CSF dark, grey a little above white matter, bias field and noise."""
    clean = mr_contrast(tissue_fractions(), FLAIR_MEANS, mask)
    return add_noise(add_bias(clean, 0.15, seed=31), mask, 15, seed=32)


def brain_thick(t1: sitk.Image) -> sitk.Image:
    """Return the T1 in 1 x 1 x 5 mm voxels, each the mean of five slices, so nothing is aliased.

    It begins 12 mm lower than the template: no slice number of one is that of the other divided by five.
    """
    return sitk.BinShrink(sitk.ConstantPad(t1, [0, 0, 12], [0, 0, 4], 0), [1, 1, 5])


def half_resolution(image: sitk.Image) -> sitk.Image:
    """Return the image in voxels of twice the size, each the mean of the eight that it covers."""
    return sitk.BinShrink(image, [2, 2, 2])


def brain_oblique(t1: sitk.Image) -> sitk.Image:
    """Return the T1 sampled on a 1 mm grid turned by 20 degrees about x, then 10 about z (LPS axes)."""
    rotation = sitk.Euler3DTransform()
    rotation.SetRotation(np.deg2rad(20), 0, np.deg2rad(10))
    grid = sitk.Image([192, 232, 216], t1.GetPixelID())
    grid.SetDirection(rotation.GetMatrix())
    grid.SetOrigin(np.subtract(Grid.of(t1).middle, Grid.of(grid).middle))
    return sitk.Resample(t1, grid, sitk.Transform(), sitk.sitkLinear, 0)


def head_ct(mask: sitk.Image) -> sitk.Image:
    """Return a CT-like head in HU (int16): the template's tissues inside a modelled skull and scalp.

    Skull and scalp follow the distance from the brain's surface, its clefts closed: inner table, diploe, outer
    table, fat and skin. Below the brain's widest slice the outline narrows slowly and muscle fills it.
    """
    reach = 15  # mm; going out and back in closes the clefts of the brain's surface
    grown = sitk.SignedMaurerDistanceMap(mask, squaredDistance=False, useImageSpacing=True) < reach
    surface = sitk.SignedMaurerDistanceMap(grown, squaredDistance=False, useImageSpacing=True) + reach
    distance = sitk.GetArrayFromImage(sitk.SmoothingRecursiveGaussian(surface, 1.5)) - 1
    thickness = 6.5 + 0.8 * smooth_noise(distance.shape, wavelength=90, seed=41)

    outline = distance.copy()
    widest = int((distance < 0).sum(axis=(1, 2)).argmax())
    for z in range(widest - 1, -1, -1):
        outline[z] = np.minimum(outline[z], outline[z + 1] + 0.35)

    bone = np.interp(
        distance / thickness, [0, 0.12, 0.25, 0.4, 0.65, 0.78, 0.95, 1.05], [8, 1100, 1100, 550, 550, 1200, 1200, 50]
    )
    scalp = np.interp(outline - thickness, [0, 0.8, 3.5, 4.2, 5.4, 6.0], [50, -80, -80, 45, 45, -1000])
    brain = np.tensordot([8, 37, 30], tissue_fractions(), axes=1)
    in_brain = sitk.GetArrayViewFromImage(mask) > 0
    brain[~in_brain] = 8  # CSF between brain and skull
    head = np.where(in_brain | (distance < 0), brain, np.where(distance < 1.05 * thickness, bone, scalp))
    noise = np.random.Generator(np.random.PCG64(42)).standard_normal(head.shape, dtype=np.float32)
    return as_image(np.rint(np.maximum(head + 5 * noise, -1024)).astype(np.int16), mask)


def mr_contrast(fractions: np.ndarray, means: tuple[float, ...], like: sitk.Image) -> sitk.Image:
    """Return the noise-free float32 image in which each tissue, in order, has its mean intensity."""
    return as_image(np.tensordot(np.float32(means[: len(fractions)]), fractions, axes=1), like)


def add_bias(image: sitk.Image, strength: float, seed: int) -> sitk.Image:
    """Return the image times a smooth field exp(strength * wave), as a receive coil shades an MR image."""
    values = sitk.GetArrayViewFromImage(image)
    field = np.exp(strength * smooth_noise(values.shape, wavelength=260, seed=seed))
    return as_image((values * field).astype(np.float32), image)


def add_noise(image: sitk.Image, mask: sitk.Image, sigma: float, seed: int) -> sitk.Image:
    """Return the image as int16 with Rician noise: the magnitude of a signal with Gaussian noise on both channels.

    Outside the mask the result stays 0, as after skull stripping.
    """
    rng = np.random.Generator(np.random.PCG64(seed))
    values = sitk.GetArrayViewFromImage(image)
    real, imaginary = (sigma * rng.standard_normal(values.shape, dtype=np.float32) for _ in range(2))
    noisy = np.hypot(values + real, imaginary) * sitk.GetArrayViewFromImage(mask)
    return as_image(np.rint(noisy).astype(np.int16), image)


def smooth_noise(shape: tuple[int, ...], wavelength: float, seed: int, waves: int = 12) -> np.ndarray:
    """Return a random smooth field, float32 of this shape, mean about 0 and variance about 1.

    It is a sum of plane waves in random directions; `wavelength` (voxels) is their shortest.
    """
    rng = np.random.Generator(np.random.PCG64(seed))
    field = np.zeros(shape, np.float32)
    for _ in range(waves):
        direction = rng.standard_normal(3)
        frequency = direction / np.linalg.norm(direction) * 2 * np.pi / wavelength * rng.uniform(0.4, 1)
        z, y, x = (np.exp(1j * f * np.arange(n)).astype(np.complex64) for f, n in zip(frequency, shape, strict=True))
        start = np.complex64(np.exp(2j * np.pi * rng.random()))
        field += (start * z[:, None, None] * (y[:, None] * x)).real
    return field * np.float32(np.sqrt(2 / waves))


def as_image(values: np.ndarray, like: sitk.Image) -> sitk.Image:
    """Return a (z, y, x) array, or one of vectors (z, y, x, 3), as an image with the geometry of `like`."""
    image = sitk.GetImageFromArray(values, isVector=values.ndim == 4)
    image.CopyInformation(like)
    return image
