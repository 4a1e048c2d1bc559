"""Measures against answers worked out by hand."""

import numpy as np
import pytest
import SimpleITK as sitk

from regseg import evaluate


def box(first, last, size=(20, 20, 20), spacing=(2.0, 1.0, 1.0)) -> sitk.Image:
    """A binary image, 1 in the voxels first … last (inclusive; x, y, z)."""
    array = np.zeros(size[::-1], np.uint8)
    array[first[2] : last[2] + 1, first[1] : last[1] + 1, first[0] : last[0] + 1] = 1
    image = sitk.GetImageFromArray(array)
    image.SetSpacing(spacing)
    return image


def test_overlap_of_two_boxes_that_share_half():
    result = evaluate.overlap(box((2, 2, 2), (5, 5, 5)), box((4, 2, 2), (7, 5, 5)))
    # 64 voxels each, 32 in common.
    assert result.dice == pytest.approx(0.5)
    assert result.jaccard == pytest.approx(32 / 96)
    assert result.volume_ratio == 1


def test_volume_ratio_says_how_much_larger():
    assert evaluate.overlap(box((2, 2, 2), (3, 3, 3)), box((2, 2, 2), (3, 3, 5))).volume_ratio == 2


def test_surface_distance_is_in_mm_and_sees_the_spacing():
    along_x = evaluate.surface_distance(box((2, 2, 2), (5, 5, 5)), box((5, 2, 2), (8, 5, 5)))
    along_y = evaluate.surface_distance(box((2, 2, 2), (5, 5, 5)), box((2, 5, 2), (5, 8, 5)))
    assert along_x.hausdorff == pytest.approx(6)  # three voxels of 2 mm
    assert along_y.hausdorff == pytest.approx(3)
    assert 0 < along_x.mean < along_x.percentile_95 <= along_x.hausdorff


def test_equal_segmentations_have_no_surface_distance():
    result = evaluate.surface_distance(box((2, 2, 2), (5, 5, 5)), box((2, 2, 2), (5, 5, 5)))
    assert (result.mean, result.percentile_95, result.hausdorff) == (0, 0, 0)


def test_tre_of_a_known_translation():
    points = np.array([[0.0, 0, 0], [10, 20, 30]])
    error = evaluate.tre(sitk.TranslationTransform(3, (3.0, 0, 4.0)), points, points)
    np.testing.assert_allclose(error, [5, 5])
    partner = points + (3, 0, 4)
    np.testing.assert_allclose(evaluate.tre(sitk.TranslationTransform(3, (3.0, 0, 4.0)), points, partner), 0)


def field_of(displacement) -> sitk.Image:
    """A 1 mm displacement field on 10 x 10 x 10 voxels from a function of the x index."""
    array = np.zeros((10, 10, 10, 3))
    array[..., 0] = displacement(np.arange(10.0))
    return sitk.GetImageFromArray(array, isVector=True)


def test_folding_counts_where_space_turns_over():
    assert evaluate.folding(field_of(lambda x: 0.5 * x)) == 0
    # The slope of x + u is -1 everywhere inside; the filter mirrors the field at its border.
    folded = field_of(lambda x: -2.0 * x)
    inside = sitk.GetImageFromArray(np.pad(np.ones((8, 8, 8), np.uint8), 1))
    assert evaluate.folding(folded, inside) == 1


@pytest.mark.parametrize("direction", [np.eye(3), np.diag([-1.0, -1, 1]), np.roll(np.eye(3), 1, axis=0)])
@pytest.mark.parametrize("determinant", [0.5, -0.5])
def test_folding_is_the_same_however_the_image_is_stored(direction, determinant):
    """x → determinant · x: folds everywhere or nowhere, whichever way the index axes run."""
    grid = sitk.Image([9, 9, 9], sitk.sitkUInt8)
    grid.SetSpacing((1.0, 2.0, 3.0))
    grid.SetDirection(direction.ravel())
    scale = sitk.AffineTransform(np.diag([determinant, 1, 1]).ravel(), (0, 0, 0))
    field = sitk.TransformToDisplacementField(
        scale, sitk.sitkVectorFloat64, grid.GetSize(), (5, 6, 7), grid.GetSpacing(), grid.GetDirection()
    )
    inside = sitk.GetImageFromArray(np.pad(np.ones((7, 7, 7), np.uint8), 1))
    inside.CopyInformation(field)
    assert evaluate.folding(field, inside) == (determinant < 0)
    found = sitk.GetArrayFromImage(evaluate.jacobian_determinant(field))[1:-1, 1:-1, 1:-1]
    np.testing.assert_allclose(found, determinant, atol=1e-6)


@pytest.mark.parametrize("measure", [evaluate.overlap, evaluate.surface_distance])
def test_other_spaces_and_missing_labels_are_explained(measure):
    here, moved = box((2, 2, 2), (5, 5, 5)), box((2, 2, 2), (5, 5, 5))
    moved.SetOrigin((0, 0, 50))
    with pytest.raises(ValueError, match="resample one onto the other"):
        measure(here, moved)
    with pytest.raises(ValueError, match="segmentation has no voxel of label 1"):
        measure(here, here * 0)


@pytest.mark.parametrize("measure", [evaluate.overlap, evaluate.surface_distance])
def test_an_oblique_image_is_the_same_after_it_went_through_nifti(measure, tmp_path):
    """NIfTI keeps 32-bit numbers: the origin is off by a few millionths of a millimetre."""
    here = box((2, 2, 2), (5, 5, 5))
    here.SetOrigin((-91.3, 127.7, -72.1))
    here.SetDirection(sitk.Euler3DTransform((0, 0, 0), 0.3, -0.2, 0.5).GetMatrix())
    sitk.WriteImage(here, tmp_path / "image.nii")
    there = sitk.ReadImage(tmp_path / "image.nii")
    assert not here.IsSameImageGeometryAs(there)
    assert measure(here, there) == measure(here, here)


def test_bad_landmarks_and_fields_are_explained():
    identity, points = sitk.Transform(3, sitk.sitkIdentity), np.zeros((4, 3))
    with pytest.raises(ValueError, match="in pairs"):
        evaluate.tre(identity, points, points[:2])
    with pytest.raises(ValueError, match="2-D and the transform is 3-D"):
        evaluate.tre(identity, points[:, :2], points[:, :2])
    with pytest.raises(ValueError, match="finite"):
        evaluate.tre(identity, points, points + np.nan)
    with pytest.raises(ValueError, match="TransformToDisplacementField"):
        evaluate.folding(box((1, 1, 1), (2, 2, 2)))
    with pytest.raises(ValueError, match="mask is empty"):
        evaluate.folding(field_of(lambda x: 0 * x), sitk.Image(10, 10, 10, sitk.sitkUInt8))
