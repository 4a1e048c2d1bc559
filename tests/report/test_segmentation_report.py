"""A report of a segmentation says what is known of it, and names what is wrong."""

import numpy as np
import pytest
import SimpleITK as sitk
from known import GRID, labels, moving
from test_registration_report import said, words

from regseg import evaluate, report


def test_without_a_reference_shapes_are_all_there_is():
    judged = report.segmentation(moving(), labels())
    assert judged.verdict.doubts == []
    assert "no reference was given" in said(judged.verdict.unjudged)
    volume = np.count_nonzero(sitk.GetArrayFromImage(labels()) == 1) * 8 / 1000
    assert f"1 {volume:.4g} ml 1 0" in words(judged)


def test_beside_a_reference_the_numbers_are_those_of_evaluate():
    judged_labels = labels()[2:, :, :]
    judged_labels = sitk.Resample(
        judged_labels, labels(), sitk.TranslationTransform(3, (4.0, 0, 0)), sitk.sitkNearestNeighbor
    )
    judged = report.segmentation(moving(), judged_labels, labels())
    overlap = evaluate.overlap(labels(), judged_labels, 1)
    distance = evaluate.surface_distance(labels(), judged_labels, 1)
    row = f"{overlap.dice:.3f} {overlap.volume_ratio:.2f} {distance.mean:.2f} mm {distance.percentile_95:.2f} mm"
    assert row in words(judged)


def test_specks_edges_and_what_one_side_lacks_are_named():
    values = sitk.GetArrayFromImage(labels())
    values[2, 2, 2] = 1
    values[0, 20, 20] = 3
    judged = report.segmentation(moving(), GRID.image(values), labels() * (labels() != 2))
    doubts = said(judged.verdict.doubts)
    assert "Labels with specks, pieces below a hundredth of their volume: 1 (1)" in doubts
    assert "Labels that the reference does not have: 2, 3" in doubts
    assert "beyond the edge of the image, which these labels reach: 3" in said(judged.verdict.unjudged)


def test_a_blunder_at_one_place_is_told_from_a_poor_outline():
    values = sitk.GetArrayFromImage(labels())
    values[15:22, 20:30, 22:25] = 0
    values[20:24, 6:12, 34:40] = 1
    doubts = said(report.segmentation(moving(), GRID.image(values), labels()).verdict.doubts)
    assert "in the worst twentieth of its surface" in doubts


def test_an_empty_label_map_and_an_empty_reference_are_said():
    assert "The label map is empty" in said(report.segmentation(moving(), labels() * 0).verdict.doubts)
    assert "the reference is empty" in said(report.segmentation(moving(), labels(), labels() * 0).verdict.unjudged)


def test_a_reference_that_lies_elsewhere_is_refused():
    with pytest.raises(ValueError, match="lie on different grids"):
        report.segmentation(moving(), labels(), sitk.Shrink(labels(), (2, 2, 2)))
