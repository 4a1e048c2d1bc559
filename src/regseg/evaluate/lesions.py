"""How many of several objects were found, however large each is?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from scipy import ndimage
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from regseg.evaluate.inputs import with_label


@dataclass(frozen=True)
class Detection:
    """How many lesions were found, each counted once, whatever its size.

    Attributes
    ----------
    found : int
        Lesions of the reference that have a partner in the segmentation.
    missed : int
        Lesions of the reference that have none.
    invented : int
        Lesions of the segmentation that have no partner in the reference.
    """

    found: int
    missed: int
    invented: int

    @property
    def sensitivity(self) -> float:
        """Found lesions over all of the reference; ValueError where the reference has none."""
        return _fraction(self.found, self.found + self.missed, "the reference has no lesion: its sensitivity is 0/0")

    @property
    def precision(self) -> float:
        """Found lesions over all of the segmentation; ValueError where the segmentation has none."""
        return _fraction(self.found, self.found + self.invented, "the segmentation has no lesion: its precision is 0/0")

    @property
    def f1(self) -> float:
        """Twice the found lesions over all of both images; ValueError where both have none."""
        everything = 2 * self.found + self.missed + self.invented
        return _fraction(2 * self.found, everything, "neither image has a lesion: their F1 is 0/0")


def detection(reference: sitk.Image, segmentation: sitk.Image, label: int = 1, at_least: float = 0.1) -> Detection:
    """Count the lesions that were found, missed and invented.

    A lesion is a connected piece of the label; voxels that touch at a corner are connected. Each lesion of the
    reference gets at most one partner in the segmentation, and each of these at most one of the reference, so that
    their common volumes, over the volume of both together (Jaccard), sum up to as much as possible. One blob over two
    lesions finds one of them, and two pieces in one lesion find it once and invent one.

    Parameters
    ----------
    reference, segmentation : sitk.Image
        Label images on the same grid, 2-D or 3-D. Either may be empty: then all is invented, or missed, or there is
        nothing to count.
    label : int
        The label to look at; everything else counts as background.
    at_least : float
        The Jaccard index from which on two lesions are partners, above 0 and up to 1. From 0.5 on a partner is also
        about as large as its lesion; a small value asks only whether something was seen there.

    Returns
    -------
    Detection
        Numbers of lesions.

    Raises
    ------
    TypeError
        One of the two is no SimpleITK image.
    ValueError
        `at_least` is not above 0 and up to 1; the images lie on different grids, or hold NaN, fractions of a label or
        several numbers per voxel.

    References
    ----------
    Maier-Hein et al.: Metrics reloaded: recommendations for image analysis validation. Nature Methods 21, 2024.
    """
    if not 0 < at_least <= 1:
        raise ValueError(
            f"at_least is a fraction above 0 and up to 1, and is {at_least}: 0 would pair what never touches"
        )
    masks = with_label(reference, segmentation, label)
    (ours, our_count), (theirs, their_count) = (ndimage.label(mask, np.ones((3,) * mask.ndim)) for mask in masks)
    our_sizes, their_sizes = np.bincount(ours.ravel()), np.bincount(theirs.ravel())
    both = (ours > 0) & (theirs > 0)
    pairs, common = np.unique(ours[both] * np.int64(their_count + 1) + theirs[both], return_counts=True)
    row, column = np.divmod(pairs, their_count + 1)
    jaccard = common / (our_sizes[row] + their_sizes[column] - common)
    row, column, jaccard = (part[jaccard >= at_least] for part in (row, column, jaccard))
    # A table of all pairs would be as large as the memory where both images have thousands of specks: only those that
    # hang together compete for partners.
    table = coo_array((jaccard, (row, our_count + column)), shape=(our_count + their_count + 1,) * 2)
    group = connected_components(table, directed=False)[1][row]
    order = np.argsort(group)
    found = 0
    for members in np.split(order, np.flatnonzero(np.diff(group[order])) + 1):
        found += _partners(row[members], column[members], jaccard[members])
    return Detection(found, our_count - found, their_count - found)


def _partners(row: np.ndarray, column: np.ndarray, jaccard: np.ndarray) -> int:
    """How many pairs there are when the sum is as large as possible, each row and each column being taken once."""
    if len(row) < 2:
        return len(row)
    (rows, i), (columns, j) = (np.unique(part, return_inverse=True) for part in (row, column))
    table = np.zeros((len(rows), len(columns)))
    table[i, j] = jaccard
    return int(np.count_nonzero(table[linear_sum_assignment(table, maximize=True)]))


def _fraction(part: int, whole: int, nothing: str) -> float:
    if not whole:
        raise ValueError(nothing)
    return part / whole
