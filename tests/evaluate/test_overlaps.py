"""Overlaps against answers worked out by hand."""

import numpy as np
import pytest
import SimpleITK as sitk
from shapes import box

from regseg import evaluate


def test_overlap_of_two_boxes_that_share_half():
    result = evaluate.overlap(box((2, 2, 2), (5, 5, 5)), box((4, 2, 2), (7, 5, 5)))
    # 64 voxels each, 32 in common.
    assert result == evaluate.Overlap(dice=0.5, jaccard=32 / 96, volume_ratio=1, sensitivity=0.5, precision=0.5)


def test_a_segmentation_that_is_too_small_is_precise_and_not_sensitive():
    small, large = box((2, 2, 2), (3, 3, 3)), box((2, 2, 2), (3, 3, 5))
    result = evaluate.overlap(large, small)
    assert (result.volume_ratio, result.sensitivity, result.precision) == (0.5, 0.5, 1)
    result = evaluate.overlap(small, large)
    assert (result.volume_ratio, result.sensitivity, result.precision) == (2, 1, 0.5)


def test_other_labels_are_background():
    labels = box((2, 2, 2), (5, 5, 5)) + 6 * box((6, 2, 2), (9, 5, 5))
    assert evaluate.overlap(labels, box((2, 2, 2), (9, 5, 5))).dice == pytest.approx(2 * 64 / (64 + 128))
    assert evaluate.overlap(labels, 7 * box((2, 2, 2), (9, 5, 5)) - 1, label=6).precision == 0.5


# --- centre lines ----------------------------------------------------------------------------------------------------


def test_a_gap_in_a_vessel_costs_its_part_of_the_line():
    """A line of one voxel is its own centre line: of 20 voxels 15 are found, and all that was found is right."""
    vessel, cut = box((0, 9, 9), (19, 9, 9)), box((0, 9, 9), (19, 9, 9))
    cut[8:13, 9, 9] = 0
    assert evaluate.centreline_dice(vessel, cut) == evaluate.centreline_dice(cut, vessel) == pytest.approx(1.5 / 1.75)


def test_a_thicker_vessel_has_the_same_centre_line():
    thin, thick = box((0, 8, 8), (19, 10, 10)), box((0, 7, 7), (19, 11, 11))
    assert evaluate.overlap(thin, thick).dice < 0.6
    assert evaluate.centreline_dice(thin, thick) == 1


@pytest.mark.parametrize("flat", [False, True])
def test_vessels_beside_each_other_share_no_line(flat):
    here, there = box((2, 2, 2), (17, 4, 4)), box((2, 9, 2), (17, 11, 4))
    if flat:
        here, there = here[:, :, 3], there[:, :, 3]
    assert evaluate.centreline_dice(here, there) == 0
    assert evaluate.centreline_dice(here, here) == 1


def test_a_piece_that_thinning_takes_away_whole_still_counts():
    """The thinning of scikit-image leaves nothing of a cube of two or four voxels."""
    large, small, far = box((9, 9, 9), (12, 12, 12)), box((2, 2, 2), (3, 3, 3)), box((15, 15, 15), (16, 16, 16))
    assert evaluate.centreline_dice(small + large, small + large) == 1
    assert evaluate.centreline_dice(small + far, far) == pytest.approx(2 / 3)


def test_centre_lines_are_the_same_however_the_image_is_stored():
    random = np.random.default_rng(0)
    noise = sitk.GetImageFromArray(random.standard_normal((20, 20, 20)))
    tubes = sitk.DiscreteGaussian(noise, 2.0) > 0.05
    other = sitk.Cast(tubes, sitk.sitkInt16) * -4
    other.SetDirection((0, 1, 0, 1, 0, 0, 0, 0, -1))
    again = sitk.Cast(other, sitk.sitkFloat32)
    assert evaluate.centreline_dice(other, again, label=-4) == 1


def test_the_empty_space_around_vessels_changes_no_centre_line():
    vessel, cut = box((2, 2, 2), (5, 5, 17)), box((2, 2, 2), (5, 5, 11))
    wide, wide_cut = (sitk.ConstantPad(image, (7, 0, 3), (0, 9, 30), 0) for image in (vessel, cut))
    assert evaluate.centreline_dice(wide, wide_cut) == evaluate.centreline_dice(vessel, cut)


@pytest.mark.parametrize("width", [2, 3, 4, 10])
def test_half_of_a_straight_vessel_is_half_of_its_line_whatever_its_width(width):
    vessel, half = (box((2, 2, 2), (width + 1, width + 1, end), (14, 14, 84)) for end in (81, 41))
    assert evaluate.centreline_dice(vessel, half) == pytest.approx(2 / 3, abs=0.06)
    assert evaluate.centreline_dice(half, vessel) == evaluate.centreline_dice(vessel, half)
    assert evaluate.centreline_dice(vessel, vessel) == 1
