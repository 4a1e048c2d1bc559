"""How each embedded image is made: from the MNI152 template that the nilearn package carries, or from formulas.

Both have voxels of 1 mm. What is more than a few lines long is done in `regseg.synth`. The images that a recipe needs
are handed to it by the store.
"""

from importlib import resources

import numpy as np
import SimpleITK as sitk

from regseg.grid import Grid
from regseg.synth import heads, lesions, looks, pairs, phantom, warps
from regseg.synth.pairs import Pair


def template(tissue: str) -> sitk.Image:
    """Return the template's "t1", "gm" or "wm" map: uint8, 197 x 233 x 189 voxels of 1 mm, skull-stripped.

    Its own direction matrix, diag(-1, -1, 1), is kept: indices run to the patient's right, front and
    head while LPS coordinates grow to the left, back and head, so a learner meets it on the first image.
    """
    file = f"mni_icbm152_{tissue}_tal_nlin_sym_09a_converted.nii.gz"
    with resources.as_file(resources.files("nilearn.datasets.data") / file) as path:
        image = sitk.ReadImage(path)
    return Grid.of(image).image(sitk.GetArrayViewFromImage(image))  # without the NIfTI header's other entries


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
    return Grid.of(mask).image(labels.astype(np.uint8))


def brain_structures(mask: sitk.Image, labels: sitk.Image) -> sitk.Image:
    """Return FreeSurfer's numbers, as far as the template tells: 2 white, 3 grey matter, 4 ventricles, 24 other fluid.

    The ventricles are the largest pool of fluid that lies 25 mm or more below the surface of the brain.
    """
    depth = sitk.SignedMaurerDistanceMap(mask, insideIsPositive=True, squaredDistance=False, useImageSpacing=True)
    pools = sitk.RelabelComponent(sitk.ConnectedComponent((labels == 1) & (depth > 25)))
    values = np.array([0, 24, 3, 2], np.uint8)[sitk.GetArrayViewFromImage(labels)]
    values[sitk.GetArrayViewFromImage(pools) == 1] = 4
    return Grid.of(mask).image(values)


def brain_t2(mask: sitk.Image) -> sitk.Image:
    """Return a synthetic T2 image: CSF brightest, grey above white matter, bias field and noise."""
    clean = looks.contrast(tissue_fractions(), looks.T2_MEANS, Grid.of(mask))
    return looks.noise(looks.bias(clean, 0.15, seed=21), 15, seed=22, mask=mask)


def brain_flair(mask: sitk.Image) -> sitk.Image:
    """Return a synthetic FLAIR image: CSF dark, grey a little above white matter, bias field and noise."""
    clean = looks.contrast(tissue_fractions(), looks.FLAIR_MEANS, Grid.of(mask))
    return looks.noise(looks.bias(clean, 0.15, seed=31), 15, seed=32, mask=mask)


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
    grid = Grid.around(Grid.of(t1).middle, (192, 232, 216), (1.0, 1.0, 1.0), rotation.GetMatrix())
    return sitk.Resample(t1, grid.size, sitk.Transform(), sitk.sitkLinear, grid.origin, grid.spacing, grid.direction, 0)


def head_ct(mask: sitk.Image) -> sitk.Image:
    """Return a CT-like head in HU (int16): the template's tissues inside a modelled skull and scalp."""
    return heads.ct(mask, tissue_fractions())


def lesion_labels(mask: sitk.Image) -> sitk.Image:
    """Return the lesions as labels 1 to 8 (uint8), 1 the largest."""
    return lesions.labels(lesions.filled(mask, tissue_fractions()), Grid.of(mask))


def lesion_flair(mask: sitk.Image) -> sitk.Image:
    """Return a synthetic FLAIR image with bright white-matter lesions: brain_flair's bias field, other noise."""
    tissue = tissue_fractions()
    clean = lesions.flair(tissue, lesions.filled(mask, tissue), Grid.of(mask))
    return looks.noise(looks.bias(clean, 0.15, seed=31), 15, seed=54, mask=mask)


def shaded_labels(mask: sitk.Image) -> sitk.Image:
    """Return the lesions of shaded_flair as labels 1 to 8 (uint8), 1 the largest; two of them touch."""
    return lesions.labels(_shaded_lesions(mask), Grid.of(mask))


def shaded_field(mask: sitk.Image) -> sitk.Image:
    """Return what the coil multiplies the signal of shaded_flair by: about 0.7 to 1.4, and 0 outside the brain."""
    return looks.bias(mask, 0.3, seed=267)


def shaded_flair(mask: sitk.Image, field: sitk.Image) -> sitk.Image:
    """Return a synthetic FLAIR image with bright lesions, as a scanner with a strong bias field and noise shows it."""
    clean = lesions.flair(tissue_fractions(), _shaded_lesions(mask), Grid.of(mask))
    return looks.noise(clean * field, 40, seed=378, mask=mask)


def _shaded_lesions(mask: sitk.Image) -> np.ndarray:
    return lesions.filled(mask, tissue_fractions(), seed=376, apart=11.5)


def rater_truth(labels: sitk.Image) -> sitk.Image:
    """Return all lesions as 1: what the raters tried to draw."""
    return sitk.Cast(labels > 0, sitk.sitkUInt8)


def other_t1(t1: sitk.Image) -> sitk.Image:
    """Return the T1 as another scanner might show it: other grey levels and a weak bias field."""
    return looks.bias(looks.grey_levels(t1, 1.2, 180), 0.08, seed=78)


def pair_rigid(t1: sitk.Image, mask: sitk.Image) -> Pair:
    """Return T1 and T1, 12 degrees and 13 mm apart, the moving one with another contrast and noise."""
    truth = warps.rigid(Grid.of(t1), (8, -6, 7), (9, -8, 5))
    return pairs.make(t1, mask, truth, moving=other_t1(t1), seed=71)


def pair_multimodal(t1: sitk.Image, mask: sitk.Image) -> Pair:
    """Return T1 and synthetic T2, rigidly misaligned."""
    truth = warps.rigid(Grid.of(t1), (-5, 9, -10), (-7, 10, 6))
    t2 = looks.bias(looks.contrast(tissue_fractions(), looks.T2_MEANS, Grid.of(t1)), 0.1, seed=72)
    return pairs.make(t1, mask, truth, moving=t2, seed=73)


def pair_bspline(t1: sitk.Image, mask: sitk.Image) -> Pair:
    """Return T1 and T1 related by a cubic B-spline: a free-form deformation can recover it."""
    truth = warps.bspline(Grid.of(t1), 74, reach=6.0, mesh=(10, 10, 10), still=3)
    return pairs.make(t1, mask, truth, moving=other_t1(t1), seed=75)


def pair_composite(t1: sitk.Image, mask: sitk.Image) -> Pair:
    """Return T1 and T1 related by a rigid motion after an exponentiated smooth velocity: no B-spline."""
    warp = warps.exponential(warps.velocity(Grid.of(t1), 76))
    truth = sitk.CompositeTransform([warps.rigid(Grid.of(t1), (5, 4, -6), (4, 6, -5)), warp])  # the last acts first
    return pairs.make(t1, mask, truth, moving=other_t1(t1), seed=77)


def phantom_t1(labels: sitk.Image) -> sitk.Image:
    """Return the phantom as a T1 image shows it: fluid dark, white matter brightest."""
    return _scan_of_phantom(labels, looks.T1_MEANS, seed=81)


def phantom_t2(labels: sitk.Image) -> sitk.Image:
    """Return the phantom as a T2 image shows it: fluid brightest."""
    return _scan_of_phantom(labels, looks.T2_MEANS, seed=83)


def phantom_ct(labels: sitk.Image) -> sitk.Image:
    """Return the phantom in HU (int16), inside a modelled skull and scalp."""
    return heads.ct(sitk.Cast(labels > 0, sitk.sitkUInt8), phantom.fractions(labels))


def _scan_of_phantom(labels: sitk.Image, means: tuple[float, ...], seed: int) -> sitk.Image:
    clean = looks.contrast(phantom.fractions(labels), means, Grid.of(labels))
    return looks.noise(looks.bias(clean, 0.15, seed), 15, seed + 1)
