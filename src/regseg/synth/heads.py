"""Label maps and tissue maps become images of a head."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk

from regseg.grid import Box, Grid
from regseg.synth import looks
from regseg.synth.looks import smooth_noise

# FreeSurfer's numbers for all that belongs to the brain.
BRAIN = (2, 3, 4, 7, 8, 10, 11, 12, 13, 16, 17, 18, 28, 41, 42, 43, 46, 47, 49, 50, 51, 52, 53, 54, 60)


def brain(labels: sitk.Image) -> sitk.Image:
    """The brain in a label map with FreeSurfer's numbers: 1 there, else 0 (uint8)."""
    inside = np.isin(sitk.GetArrayViewFromImage(labels), BRAIN)
    return Grid.of(labels).image(inside.astype(np.uint8))


def grey(labels: sitk.Image, seed: int) -> sitk.Image:
    """A random grey level, 20 to 250, for each label (whole numbers up to 999; 0 stays 0), float32.

    It is blurred by 0.7 mm, as the voxels of a scanner do.
    """
    levels = np.random.default_rng(seed).uniform(20, 250, 1000).astype(np.float32)
    levels[0] = 0
    return sitk.SmoothingRecursiveGaussian(Grid.of(labels).image(levels[sitk.GetArrayViewFromImage(labels)]), [0.7] * 3)


# What `anatomy` makes of FreeSurfer's numbers: 1 ventricles, 2 grey matter, 3 white matter with the brain stem,
# 4 deep nuclei, and 5 the fluid around the brain; and how bright each is in a T1 image, 0 first.
STRUCTURES = {
    1: (4, 5, 14, 15, 43, 44),
    2: (3, 8, 42, 47),
    3: (2, 7, 16, 28, 41, 46, 60),
    4: (10, 11, 12, 13, 17, 18, 26, 49, 50, 51, 52, 53, 54, 58),
    5: (24,),
}
T1_LEVELS = (0, 45, 105, 160, 125, 45)


def anatomy(labels: sitk.Image, seed: int) -> tuple[sitk.Image, sitk.Image]:
    """A T1-like scan of a brain (float32), and its structures: 1 ventricles, 2 grey and 3 white matter, 4 deep nuclei.

    Both have voxels twice as wide as the label map, and end 5 mm or more beyond the brain.

    Parameters
    ----------
    labels : sitk.Image
        A head with FreeSurfer's numbers, in voxels of 1 mm.
    seed : int
        Of the bias field and the noise.
    """
    table = np.zeros(1000, np.uint8)
    for structure, numbers in STRUCTURES.items():
        table[list(numbers)] = structure
    found = table[sitk.GetArrayViewFromImage(labels).astype(int)]
    inside = np.argwhere((found > 0) & (found < 5))
    first, last = inside.min(axis=0), inside.max(axis=0)
    box = Box(tuple(int(n) - 6 for n in first[::-1]), tuple(int(n) + 7 for n in last[::-1])).clip(Grid.of(labels).box)
    found = Grid.of(labels).image(found[box.slices], box)

    clean = Grid.of(found).image(np.array(T1_LEVELS, np.float32)[sitk.GetArrayViewFromImage(found)])
    scan = sitk.BinShrink(clean, [2] * 3)
    scan = looks.noise(looks.bias(scan, 0.1, seed), 6, seed + 1)
    structures = sitk.Resample(
        found * sitk.Cast(found < 5, sitk.sitkUInt8), scan, interpolator=sitk.sitkNearestNeighbor
    )
    return sitk.Cast(scan, sitk.sitkFloat32), structures


def ct(mask: sitk.Image, fractions: np.ndarray) -> sitk.Image:
    """A CT-like head in HU (int16): the tissues of a brain inside a modelled skull and scalp.

    Skull and scalp follow the distance from the brain's surface, its clefts closed: inner table, diploe, outer
    table, fat and skin. Below the brain's widest slice the outline narrows slowly and muscle fills it.

    Parameters
    ----------
    mask : sitk.Image
        The brain: 1, else 0, in voxels of 1 mm.
    fractions : array (3, z, y, x)
        How much of each voxel is CSF, grey and white matter.
    """
    reach = 15  # mm; going out and back in closes the clefts of the brain's surface
    grown = sitk.SignedMaurerDistanceMap(mask, squaredDistance=False, useImageSpacing=True) < reach
    surface = sitk.SignedMaurerDistanceMap(grown, squaredDistance=False, useImageSpacing=True) + reach
    distance = sitk.GetArrayFromImage(sitk.SmoothingRecursiveGaussian(surface, [1.5] * 3)) - 1
    thickness = 6.5 + 0.8 * smooth_noise(distance.shape, wavelength=90, seed=41)

    outline = distance.copy()
    widest = int((distance < 0).sum(axis=(1, 2)).argmax())
    for z in range(widest - 1, -1, -1):
        outline[z] = np.minimum(outline[z], outline[z + 1] + 0.35)

    bone = np.interp(
        distance / thickness, [0, 0.12, 0.25, 0.4, 0.65, 0.78, 0.95, 1.05], [8, 1100, 1100, 550, 550, 1200, 1200, 50]
    )
    scalp = np.interp(outline - thickness, [0, 0.8, 3.5, 4.2, 5.4, 6.0], [50, -80, -80, 45, 45, -1000])
    tissue = np.tensordot([8, 37, 30], fractions, axes=1)
    in_brain = sitk.GetArrayViewFromImage(mask) > 0
    tissue[~in_brain] = 8  # CSF between brain and skull
    head = np.where(in_brain | (distance < 0), tissue, np.where(distance < 1.05 * thickness, bone, scalp))
    noise = np.random.default_rng(42).standard_normal(head.shape, dtype=np.float32)
    return Grid.of(mask).image(np.rint(np.maximum(head + 5 * noise, -1024)).astype(np.int16))
