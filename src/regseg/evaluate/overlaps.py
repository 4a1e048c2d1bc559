"""How much do two segmentations share?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from regseg.evaluate.inputs import both_with_label


@dataclass(frozen=True)
class Overlap:
    """How much two segmentations share.

    Attributes
    ----------
    dice : float
        Twice the common volume over the sum of the volumes, 0 to 1.
    jaccard : float
        The common volume over the volume of the union, 0 to 1.
    volume_ratio : float
        Volume of the segmentation over that of the reference; 1 is the same volume, anywhere.
    sensitivity : float
        The common volume over that of the reference, 0 to 1: how much of what is there was found. Also called recall.
    precision : float
        The common volume over that of the segmentation, 0 to 1: how much of what was found is there. Also called
        positive predictive value.
    """

    dice: float
    jaccard: float
    volume_ratio: float
    sensitivity: float
    precision: float


def overlap(reference: sitk.Image, segmentation: sitk.Image, label: int = 1) -> Overlap:
    """Volume overlap of one label in two label images.

    Parameters
    ----------
    reference, segmentation : sitk.Image
        Label images on the same grid, 2-D or 3-D.
    label : int
        The label to look at; everything else counts as background.

    Returns
    -------
    Overlap
        Numbers without a unit.

    Raises
    ------
    TypeError
        One of the two is no SimpleITK image.
    ValueError
        One of the two does not contain the label: without a reference Dice is 0/0 or says nothing, and a mean over
        cases that holds such values says what their convention says. `detection` counts these cases. Also when the
        images lie on different grids, or hold NaN, fractions of a label or several numbers per voxel.

    References
    ----------
    Taha, Hanbury: Metrics for evaluating 3D medical image segmentation. BMC Medical Imaging 15:29, 2015.
    """
    ours, theirs = both_with_label(reference, segmentation, label)
    common, one, other = (int(np.count_nonzero(part)) for part in (ours & theirs, ours, theirs))
    return Overlap(
        2 * common / (one + other), common / (one + other - common), other / one, common / one, common / other
    )


def centreline_dice(reference: sitk.Image, segmentation: sitk.Image, label: int = 1) -> float:
    """How much two tubes share of their centre lines (clDice): a vessel that is cut in two loses little volume.

    The harmonic mean of two fractions: of the reference's centre line, what lies in the segmentation; and of the
    segmentation's centre line, what lies in the reference. The lines are thin chains of voxels, found by thinning,
    and each voxel counts alike: in long voxels a vessel along the long side counts less. scikit-image may lose a
    straight stretch of even width; a piece that it loses whole is made narrower by a voxel and thinned again.

    Parameters
    ----------
    reference, segmentation : sitk.Image
        Label images on the same grid, 2-D or 3-D.
    label : int
        The label to look at; everything else counts as background.

    Returns
    -------
    float
        From 0 (no line lies in the other object) to 1.

    Raises
    ------
    ValueError
        As `overlap` does; an empty mask has no centre line.

    References
    ----------
    Shit et al.: clDice – a novel topology-preserving loss function for tubular structure segmentation. CVPR 2021.
    Lee, Kashyap, Chu: Building skeleton models via 3-D medial surface/axis thinning algorithms. CVGIP 56(6), 1994.
    """
    ours, theirs = both_with_label(reference, segmentation, label)
    (objects,) = ndimage.find_objects((ours | theirs).view(np.uint8))  # thinning takes its time over empty space, too
    ours, theirs = (np.pad(mask[objects], 1) for mask in (ours, theirs))  # beyond the edge nothing is inside
    found, right = (float(np.mean(other[_skeleton(one)])) for one, other in ((ours, theirs), (theirs, ours)))
    return 2 * found * right / (found + right) if found + right else 0.0


def _skeleton(mask: np.ndarray) -> np.ndarray:
    """The centre lines of a binary array, at least one voxel in each of its pieces."""
    from skimage.morphology import skeletonize  # takes a second to import, and no other measure needs it

    skeleton = skeletonize(mask, method="lee")
    pieces, count = ndimage.label(mask, np.ones((3,) * mask.ndim))
    lost = np.setdiff1d(np.arange(1, count + 1), pieces[skeleton])
    if lost.size:  # nothing is left of straight tubes of even width (scikit-image's issue 3757): one less is odd
        thinner = ndimage.binary_erosion(np.isin(pieces, lost), np.ones((2,) * mask.ndim))
        skeleton |= skeletonize(thinner, method="lee")
        lost = np.setdiff1d(lost, pieces[skeleton])
    for middle in ndimage.maximum_position(ndimage.distance_transform_edt(mask), pieces, lost) if lost.size else ():
        skeleton[middle] = True
    return skeleton
