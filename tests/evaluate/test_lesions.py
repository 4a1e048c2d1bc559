"""Lesions counted one by one, against answers that a look at the boxes gives."""

import numpy as np
import pytest
import SimpleITK as sitk
from scipy import ndimage
from scipy.optimize import linear_sum_assignment
from shapes import box

from regseg import evaluate

EMPTY = sitk.Image(20, 20, 20, sitk.sitkUInt8)
EMPTY.SetSpacing((2.0, 1.0, 1.0))
RANDOM = np.random.default_rng(5)
LARGE, SMALL, STRAY = box((1, 1, 1), (6, 6, 6)), box((12, 12, 12), (13, 13, 13)), box((17, 2, 17), (17, 2, 17))


def test_a_missed_small_lesion_and_a_stray_voxel_are_counted_like_a_large_one():
    result = evaluate.detection(LARGE + SMALL, LARGE + STRAY)
    assert result == evaluate.Detection(found=1, missed=1, invented=1)
    assert (result.sensitivity, result.precision, result.f1) == (0.5, 0.5, 0.5)
    assert evaluate.overlap(LARGE + SMALL, LARGE + STRAY).dice > 0.97


def test_one_blob_over_two_lesions_finds_one_and_two_pieces_find_one():
    left, right, both = box((1, 1, 1), (3, 4, 4)), box((5, 1, 1), (7, 4, 4)), box((1, 1, 1), (7, 4, 4))
    assert evaluate.detection(left + right, both) == evaluate.Detection(found=1, missed=1, invented=0)
    assert evaluate.detection(both, left + right) == evaluate.Detection(found=1, missed=0, invented=1)


def test_partners_are_chosen_so_that_all_find_one():
    """One piece fits the first lesion best, and is all that the second has: who pairs the best first, finds one."""
    first, second = box((1, 1, 1), (6, 4, 4)), box((8, 1, 1), (10, 4, 4))
    across, beside = box((3, 1, 1), (9, 2, 4)), box((1, 1, 1), (1, 4, 4))
    assert evaluate.detection(first + second, across + beside).found == 2


def test_from_half_on_a_partner_is_about_as_large():
    seen = box((1, 1, 1), (6, 6, 2))  # a third of it
    assert evaluate.detection(LARGE, seen).found == 1
    assert evaluate.detection(LARGE, seen, at_least=0.5) == evaluate.Detection(found=0, missed=1, invented=1)
    assert evaluate.detection(LARGE, LARGE, at_least=1).found == 1


def test_voxels_that_touch_at_a_corner_are_one_lesion():
    assert evaluate.detection(box((1, 1, 1), (2, 2, 2)) + box((3, 3, 3), (4, 4, 4)), EMPTY).missed == 1
    assert evaluate.detection(box((1, 1, 1), (2, 2, 2)) + box((4, 4, 4), (5, 5, 5)), EMPTY).missed == 2


def test_empty_images_have_counts_and_no_invented_fraction():
    assert evaluate.detection(EMPTY, LARGE + SMALL) == evaluate.Detection(found=0, missed=0, invented=2)
    assert evaluate.detection(LARGE + SMALL, EMPTY) == evaluate.Detection(found=0, missed=2, invented=0)
    nothing = evaluate.detection(EMPTY, EMPTY)
    assert nothing == evaluate.Detection(found=0, missed=0, invented=0)
    for measure, sentence in (("sensitivity", "the reference has no"), ("precision", "the seg"), ("f1", "neither")):
        with pytest.raises(ValueError, match=f"{sentence}.* 0/0"):
            getattr(nothing, measure)
    assert evaluate.detection(LARGE, EMPTY).f1 == 0


@pytest.mark.parametrize("at_least", [0, -0.1, 1.1, float("nan")])
def test_a_threshold_that_is_no_fraction_is_refused(at_least):
    with pytest.raises(ValueError, match="at_least is a fraction above 0 and up to 1"):
        evaluate.detection(LARGE, LARGE, at_least=at_least)


def test_tens_of_thousands_of_specks_take_little_memory():
    """A table of all pairs would have a thousand million numbers."""
    lattice = np.zeros((64, 64, 64), np.uint8)
    lattice[::2, ::2, ::2] = 1
    shifted = lattice.copy()
    shifted[::4] = np.roll(shifted[::4], 1, axis=1)
    count, half = int(lattice.sum()), int(lattice[::4].sum())
    reference, segmentation = (sitk.GetImageFromArray(specks) for specks in (lattice, shifted))
    assert evaluate.detection(reference, segmentation) == evaluate.Detection(count - half, half, half)
    assert evaluate.detection(reference, reference, at_least=1) == evaluate.Detection(count, 0, 0)


def test_counts_are_those_of_a_table_of_all_pairs():
    ours, theirs = (sitk.GetImageFromArray(mask.astype(np.uint8)) for mask in RANDOM.random((2, 14, 14, 14)) < 0.06)
    (one, many), (other, more) = (
        ndimage.label(sitk.GetArrayViewFromImage(i), np.ones((3, 3, 3))) for i in (ours, theirs)
    )
    table = np.zeros((many, more))
    for i, j in np.ndindex(many, more):
        first, second = one == i + 1, other == j + 1
        table[i, j] = (first & second).sum() / (first | second).sum()
    for at_least in (0.01, 0.1, 0.3, 0.5):
        kept = np.where(table >= at_least, table, 0)
        found = int((kept[linear_sum_assignment(kept, maximize=True)] > 0).sum())
        assert evaluate.detection(ours, theirs, at_least=at_least) == evaluate.Detection(
            found, many - found, more - found
        )
