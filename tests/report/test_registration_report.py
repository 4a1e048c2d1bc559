"""A report of a registration says what is known of it, and names what is wrong."""

import re

import numpy as np
import pytest
import SimpleITK as sitk
from known import GRID, LENGTH, SHIFT, folding_field, labels, landmarks, moving, through

from regseg import evaluate, report


def said(findings) -> str:
    return "\n".join(finding.text for finding in findings)


def words(judged: report.Report) -> str:
    """What the page says, without its pictures and tags."""
    text = re.sub(r"<(style|script)>.*?</\1>|<[^>]*>", " ", judged.html, flags=re.S)
    return " ".join(text.split())


def test_the_truth_leaves_nothing_wrong_and_its_numbers_stand_in_the_page(pair, truth):
    maps = through(labels(), truth, sitk.sitkNearestNeighbor), labels()
    judged = report.registration(*pair, truth, inverse=truth.GetInverse(), labels=maps, points=landmarks(truth))
    assert judged.verdict.doubts == [] and judged.verdict.headline == "Nothing that was measured looks wrong"
    page = words(judged)
    assert f"Error at landmarks 0.00 mm {LENGTH:.2f} mm before" in page
    assert "Folding 0 % 0 % of the whole image" in page
    assert f"Motion, on average {LENGTH:.2f} mm {LENGTH:.2f} mm at most" in page
    assert "There and back 0.00 mm 0.00 mm at most" in page
    assert "Dice, mean of labels 1.000" in page
    assert said(judged.verdict.unjudged) == ""


def test_an_error_of_one_millimetre_is_one_millimetre(pair, truth):
    wrong = sitk.TranslationTransform(3, (SHIFT[0] + 1, *SHIFT[1:]))
    judged = report.registration(*pair, wrong, points=landmarks(truth))
    assert f"{LENGTH:.2f} mm before, 1.00 mm after, on average of 10" in said(judged.verdict.sounds)


def test_dice_is_that_of_evaluate(pair, truth):
    fixed_labels = through(labels(), truth, sitk.sitkNearestNeighbor)
    half_way = sitk.TranslationTransform(3, tuple(step / 2 for step in SHIFT))
    judged = report.registration(*pair, half_way, labels=(fixed_labels, labels()))
    moved = through(labels(), half_way, sitk.sitkNearestNeighbor)
    for label in 1, 2:
        before, after = (evaluate.overlap(fixed_labels, each, label).dice for each in (labels(), moved))
        assert f"{label} {before:.3f} {after:.3f}" in words(judged)


def test_folding_is_named_with_its_share(pair):
    judged = report.registration(*pair, folding_field())
    foreground = sitk.OtsuThreshold(pair[0], 0, 1, 128)
    share = 100 * evaluate.folding(folding_field(), foreground)
    assert share > 1
    assert f"folds space onto itself in {share:.2f} % of the foreground" in said(judged.verdict.doubts)


def test_a_fold_outside_the_foreground_is_said_to_be_there(pair):
    vectors = np.zeros((*GRID.size[::-1], 3))
    vectors[:, :, 1:4, 0] = np.array([4.0, 0.0, -4.0])
    doubts = said(report.registration(*pair, GRID.image(vectors)).verdict.doubts)
    assert "all of it outside the foreground" in doubts


def test_tissue_that_is_squeezed_to_nothing_is_doubted_though_nothing_folds(pair):
    squeeze = sitk.ScaleTransform(3, (0.5, 0.5, 0.5))
    squeeze.SetCenter(GRID.middle)
    assert "volumes change to below 0.12" in said(report.registration(*pair, squeeze).verdict.doubts)
    mirror = sitk.ScaleTransform(3, (-1.0, 1.0, 1.0))
    mirror.SetCenter(GRID.middle)
    assert "mirrors most of the image" in said(report.registration(*pair, mirror).verdict.doubts)


def test_a_wrong_inverse_is_noticed(pair, truth):
    doubts = said(report.registration(*pair, truth, inverse=truth).verdict.doubts)
    assert f"The inverse does not undo the transform: there and back leaves {2 * LENGTH:.2f} mm" in doubts
    assert "does not undo" not in said(report.registration(*pair, truth, inverse=truth.GetInverse()).verdict.doubts)


def test_two_directions_that_disagree_a_little_are_doubted_where_it_is_more_than_two_voxels(pair):
    there = sitk.TranslationTransform(3, (20.0, 0.0, 0.0))
    back = sitk.TranslationTransform(3, (-15.5, 0.0, 0.0))
    assert "disagree by more than 2 voxels" in said(report.registration(*pair, there, inverse=back).verdict.doubts)


@pytest.mark.parametrize("kind", ["linear", "field"])
def test_a_transform_that_is_the_wrong_way_round_is_asked_about(pair, truth, kind):
    wrong = truth.GetInverse() if kind == "linear" else GRID.sample(truth.GetInverse())
    doubts = said(report.registration(*pair, wrong, points=landmarks(truth)).verdict.doubts)
    assert "With the transform turned round, the images agree better" in doubts
    assert "With the transform turned round, the landmarks come closer (0.00 mm)" in doubts


def test_what_was_not_given_is_said_to_be_unjudged(pair, truth):
    unjudged = said(report.registration(*pair, truth).verdict.unjudged)
    assert "no landmarks and no labels were given" in unjudged
    assert "only one direction was given" in unjudged


def test_what_cannot_be_measured_is_said_and_the_rest_is_there(pair, truth):
    """NaN, empty labels, a label that one map lacks, points outside, a transform to nowhere: each alone."""
    values = sitk.GetArrayFromImage(pair[0]).astype(np.float32)
    values[3:6] = np.nan
    judged = report.registration(GRID.image(values), pair[1], truth)
    count = 3 * values[0].size
    assert f"{count} voxels of the fixed image are NaN or infinite" in said(judged.verdict.unjudged)

    judged = report.registration(*pair, truth, labels=(labels() * 0, labels()))
    assert "the label map of the fixed image is empty" in said(judged.verdict.unjudged)
    judged = report.registration(*pair, truth, labels=(labels(), labels() * (labels() == 1)))
    assert "Labels that only the fixed image has: 2" in said(judged.verdict.unjudged)

    fixed, partners = landmarks(truth)
    judged = report.registration(*pair, truth, points=(fixed + [500, 0, 0], partners))
    assert "10 of 20 points lie outside their image" in said(judged.verdict.doubts)

    field = sitk.GetArrayFromImage(GRID.sample(truth))
    field[20, 25, 22] = np.nan
    judged = report.registration(*pair, GRID.image(field))
    assert "Whether the transform folds: the displacement field holds NaN" in said(judged.verdict.unjudged)


def test_that_a_transform_has_brought_nothing_is_no_praise(pair):
    verdict = report.registration(*pair, sitk.Transform(3, sitk.sitkIdentity)).verdict
    assert "Whether the transform has brought anything" in said(verdict.unjudged)
    assert verdict.headline == "Nothing tells whether this is right"
    assert "intensities" not in said(verdict.sounds)


def test_little_overlap_is_named(pair):
    far = sitk.TranslationTransform(3, (50.0, 0.0, 0.0))
    assert re.search(
        r"\d\d\.\d % of the foreground .* has no partner", said(report.registration(*pair, far).verdict.doubts)
    )


def test_a_constant_image_has_a_report(pair, truth):
    judged = report.registration(pair[0] * 0 + 7, pair[1], truth)
    assert "correlation not known" in words(judged)


def test_slices_have_a_report():
    shift = sitk.TranslationTransform(2, SHIFT[:2])
    flat = moving()[:, :, 20]
    judged = report.registration(through(flat, shift), flat, shift)
    assert judged.verdict.doubts == []
    assert f"Motion, on average {np.linalg.norm(SHIFT[:2]):.2f} mm" in words(judged)


def test_a_header_that_may_have_been_lost_is_named(pair, truth):
    bare = sitk.GetImageFromArray(sitk.GetArrayFromImage(pair[0]))
    unjudged = said(report.registration(bare, bare, sitk.TranslationTransform(3, SHIFT)).verdict.unjudged)
    assert "header of the fixed image says spacing 1, origin 0" in unjudged
    assert "header" not in said(report.registration(*pair, truth).verdict.unjudged)


SLICE = moving()[:, :, 20]
ELSEWHERE = sitk.Shrink(labels(), (2, 2, 2))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"moving": SLICE}, "The fixed image has 3 dimensions, and the moving one 2"),
        ({"transform": sitk.TranslationTransform(2)}, "the transform has 2 dimensions, and the images have 3"),
        ({"inverse": sitk.TranslationTransform(2)}, "the inverse transform has 2 dimensions"),
        ({"transform": sitk.TranslationTransform(3, (9e3, 0, 0))}, "takes no voxel of the fixed image into the moving"),
        ({"fixed": sitk.GetArrayFromImage(moving())}, "The fixed image is a ndarray: give an image of SimpleITK"),
        ({"transform": moving()}, "the transform is an image of 1 number.* has 3, in mm"),
        ({"labels": (ELSEWHERE, labels())}, "lie on different grids .* resample the labels"),
        ({"labels": (sitk.Cast(labels(), sitk.sitkFloat32) * 0.5, labels())}, "labels are whole numbers"),
        ({"points": np.zeros((4, 5))}, "the landmarks must have 6 numbers in each row"),
        ({"points": (np.zeros((4, 3)), np.zeros((5, 3)))}, "4 landmarks of the fixed image and 5 of the moving"),
        ({"fixed": sitk.Cast(moving(), sitk.sitkFloat32) / 0 * 0}, "holds not one finite number"),
        ({"fixed": sitk.Compose(moving(), moving())}, "A voxel of the fixed image holds several numbers"),
    ],
)
def test_what_cannot_be_judged_at_all_is_refused_in_a_sentence(pair, truth, change, why):
    given = {"fixed": pair[0], "moving": pair[1], "transform": truth} | change
    with pytest.raises(ValueError, match=why):
        report.registration(given.pop("fixed"), given.pop("moving"), given.pop("transform"), **given)
