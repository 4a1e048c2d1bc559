"""Images that no segmentation can be judged by: one sentence each, which says what to do."""

import re

import numpy as np
import pytest
import SimpleITK as sitk
from shapes import TURN, box

from regseg import evaluate

MASK = box((2, 2, 2), (5, 5, 5))
FULL = ["overlap", "surface_distance", "surface_dice", "margin", "centreline_dice"]  # they need both masks
ALL = [*FULL, "detection"]


def measure(name: str, reference, segmentation, **more):
    more |= {"tolerance": 1.0} if name == "surface_dice" else {}
    return getattr(evaluate, name)(reference, segmentation, **more)


def refusal(name: str, reference, segmentation, kind=ValueError, **more) -> str:
    with pytest.raises(kind) as caught:
        measure(name, reference, segmentation, **more)
    sentence = str(caught.value)
    assert "\n" not in sentence and len(sentence) < 300
    return sentence


@pytest.mark.parametrize("name", ALL)
def test_another_grid_is_explained(name):
    moved = box((2, 2, 2), (5, 5, 5))
    moved.SetOrigin((0, 0, 50))
    assert "resample one onto the other first, labels with sitk.sitkNearestNeighbor" in refusal(name, MASK, moved)
    assert "do not lie on the same grid" in refusal(name, MASK, MASK[:, :, 1:])
    assert "the reference is 3-D and the segmentation is 2-D" in refusal(name, MASK, MASK[:, :, 3])


@pytest.mark.parametrize("name", FULL)
def test_nothing_has_no_measure(name):
    assert "the segmentation has no voxel of label 1 (it holds 0)" in refusal(name, MASK, MASK * 0)
    assert "the reference has no voxel of label 1 (it holds 0)" in refusal(name, MASK * 0, MASK)
    assert "0/0 or a distance to nothing. regseg.evaluate.detection counts" in refusal(name, MASK * 0, MASK * 0)
    assert "no voxel of label 1 (it holds 0, 255)" in refusal(name, MASK * 255, MASK)


@pytest.mark.parametrize("name", FULL)
@pytest.mark.parametrize("label", [257, 1.5, -255])
def test_a_label_that_the_image_cannot_hold_is_not_another_one(name, label):
    assert f"the reference has no voxel of label {label}" in refusal(name, MASK, MASK, label=label)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize(
    ("make", "way_out"),
    [
        (sitk.LabelImageToLabelMap, "sitk.LabelMapToLabel"),
        (lambda mask: sitk.Compose(mask, mask), "sitk.VectorIndexSelectionCast"),
        (
            lambda mask: sitk.RealAndImaginaryToComplex(*[sitk.Cast(mask, sitk.sitkFloat32)] * 2),
            "sitk.ComplexToModulus",
        ),
    ],
    ids=["label map", "vectors", "complex"],
)
def test_voxels_that_are_not_one_number_are_refused(name, make, way_out):
    for images, role in (((MASK, make(MASK)), "segmentation"), ((make(MASK), MASK), "reference")):
        sentence = refusal(name, *images)
        assert f"the {role} must have one number per voxel" in sentence and way_out in sentence


@pytest.mark.parametrize("name", ALL)
def test_an_array_and_a_series_are_no_image(name):
    array = sitk.GetArrayFromImage(MASK) > 0
    for images in ((MASK, array), (array, MASK)):
        assert "not ndarray: an array has no spacing" in refusal(name, *images, TypeError)
    series = sitk.JoinSeries([MASK, MASK])
    assert "the reference is 4-D: take one volume out of it" in refusal(name, series, series)


@pytest.mark.parametrize("name", ALL)
def test_probabilities_and_blurred_labels_are_no_labels(name):
    labels = sitk.Cast(MASK * 3, sitk.sitkFloat32)
    blurred = sitk.Resample(labels, sitk.TranslationTransform(3, (0.5, 0, 0)))
    sentence = refusal(name, labels, blurred, label=3)
    assert re.search(r"the segmentation holds [0-9.]+, and labels are whole numbers", sentence)
    assert "image > 0.5" in sentence and "sitk.sitkNearestNeighbor" in sentence


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nan_is_neither_inside_nor_outside(name, bad):
    unknown = sitk.Cast(MASK, sitk.sitkFloat64)
    unknown[0, 0, 0] = bad
    assert "the segmentation holds NaN or infinite values in 1 voxels" in refusal(name, MASK, unknown)
    assert "the reference holds NaN or infinite values in 1 voxels" in refusal(name, unknown, MASK)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("kind", [sitk.sitkInt8, sitk.sitkInt64, sitk.sitkFloat32, sitk.sitkFloat64])
def test_negative_labels_and_whole_numbers_in_floats_are_labels(name, kind):
    other = box((2, 3, 2), (6, 6, 5))
    labels = [sitk.Cast(mask, kind) * -3 for mask in (MASK, other)]
    assert measure(name, *labels, label=-3) == measure(name, MASK, other)


@pytest.mark.parametrize("name", ALL)
def test_an_oblique_image_is_the_same_after_it_went_through_nifti(name, tmp_path):
    """NIfTI keeps 32-bit numbers: the origin is off by a few millionths of a millimetre."""
    here = box((2, 2, 2), (5, 5, 5))
    here.SetOrigin((-91.3, 127.7, -72.1))
    here.SetDirection(TURN)
    sitk.WriteImage(here, tmp_path / "image.nii")
    there = sitk.ReadImage(tmp_path / "image.nii")
    assert not here.IsSameImageGeometryAs(there)
    assert measure(name, here, there) == measure(name, here, here)


@pytest.mark.parametrize("name", ALL)
def test_a_flat_image_and_a_full_one_are_measured(name):
    flat = MASK[:, :, 3]
    assert measure(name, flat, flat) == measure(name, MASK, MASK)
    full = MASK * 0 + 1
    assert measure(name, full, full) == measure(name, MASK, MASK)
