"""How well intensities go together, on cases that can be reckoned by hand."""

import numpy as np
import pytest
import SimpleITK as sitk

from regseg import evaluate

RANGES = ((0.0, 4.0), (0.0, 4.0))
FOUR = np.arange(4.0).repeat(25).reshape(10, 10)  # each value 25 times
OTHER = np.tile(np.arange(4.0), 25).reshape(10, 10)


def agreement(one: np.ndarray, other: np.ndarray, mask: np.ndarray | None = None) -> evaluate.Agreement:
    images = [sitk.GetImageFromArray(each) for each in (one, other)]
    mask = sitk.GetImageFromArray(np.ones(one.shape, np.uint8) if mask is None else mask)
    return evaluate.agreement(*images, mask, RANGES, bins=4)


def test_an_image_tells_all_of_itself_and_of_its_inverse():
    for other, correlation in ((FOUR, 1), (3 - FOUR, -1)):
        found = agreement(FOUR, other)
        assert found.mutual_information == pytest.approx(2)
        assert found.correlation == pytest.approx(correlation)
    assert np.array_equal(agreement(FOUR, FOUR).counts, 25 * np.eye(4))


def test_what_is_independent_tells_nothing():
    one, other = (each.ravel() for each in np.meshgrid(np.arange(4.0), np.arange(4.0)))
    found = agreement(one.reshape(4, 4), other.reshape(4, 4))
    assert found.mutual_information == pytest.approx(1) and found.correlation == pytest.approx(0)


def test_half_of_what_there_is_to_know():
    """Four grey levels against two: the entropies are log 4 and log 2, together log 4, so (2 + 1) / 2."""
    assert agreement(FOUR, FOUR // 2).mutual_information == pytest.approx(1.5)


def test_only_the_mask_counts_and_a_constant_has_no_correlation():
    mask = (FOUR < 1).astype(np.uint8)
    found = agreement(FOUR, OTHER, mask)
    assert found.counts.sum() == 25 and np.isnan(found.correlation) and found.mutual_information == pytest.approx(1)
    with pytest.raises(ValueError, match="the mask is empty"):
        agreement(FOUR, OTHER, mask * 0)
