"""Do the intensities of two images that lie on each other go together?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk

from regseg.evaluate.inputs import inside, require_same_grid, values_of

Range = tuple[float, float]


@dataclass(frozen=True)
class Agreement:
    """How well the intensities of two images go together; neither number says that the anatomy does.

    Attributes
    ----------
    mutual_information : float
        Normalised mutual information, 1 (one image tells nothing of the other) to 2 (each tells all of the other).
    correlation : float
        Pearson's, −1 to 1; NaN where an image is constant. It means something where both have the same contrast.
    counts : array (bins, bins)
        The joint histogram: along the first axis the fixed image, along the second the moving one, from dark to bright.
    """

    mutual_information: float
    correlation: float
    counts: np.ndarray


def agreement(
    fixed: sitk.Image, moved: sitk.Image, mask: sitk.Image, ranges: tuple[Range, Range], *, bins: int = 64
) -> Agreement:
    """How well the intensities of two images go together.

    Parameters
    ----------
    fixed, moved : sitk.Image
        Scalar images on the same grid: the moving image has been resampled.
    mask : sitk.Image
        Where to look: wherever it is not zero; on the same grid.
    ranges : ((low, high), (low, high))
        The intensities of the fixed and of the moving image that the joint histogram spans; what is beyond them counts
        as the nearest end.
    bins : int
        Along each axis of the joint histogram.

    Returns
    -------
    Agreement
        Numbers without a unit.

    Raises
    ------
    ValueError
        The mask is empty, the images lie on different grids, or hold NaN or infinite values.
    """
    require_same_grid(fixed, moved, "the fixed image", "the moving image")
    require_same_grid(fixed, mask, "the fixed image", "the mask")
    places = inside(mask)
    one, other = (
        np.clip(values_of(image, name)[places].astype(float), *limits)
        for image, name, limits in zip((fixed, moved), ("the fixed image", "the moving image"), ranges, strict=True)
    )
    counts, *_ = np.histogram2d(one, other, bins, ranges)
    varies = min(one.std(), other.std()) > 0
    return Agreement(
        normalised_mutual_information(counts), float(np.corrcoef(one, other)[0, 1]) if varies else np.nan, counts
    )


def normalised_mutual_information(counts: np.ndarray) -> float:
    """How much two images tell of each other, from their joint histogram: 1 is nothing, 2 is all.

    References
    ----------
    Studholme, Hill, Hawkes: An overlap invariant entropy measure of 3D medical image alignment. Pattern
    Recognition 32(1), 1999.
    """

    def entropy(counts: np.ndarray) -> float:
        share = counts[counts > 0] / counts.sum()
        return float(-(share * np.log(share)).sum())

    together = entropy(counts)
    return (entropy(counts.sum(axis=0)) + entropy(counts.sum(axis=1))) / together if together else 1.0
