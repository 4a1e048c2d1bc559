"""Measures of a transform against answers worked out by hand."""

import numpy as np
import pytest
import SimpleITK as sitk

from regseg import evaluate
from regseg.grid import Grid

TURN = sitk.Euler3DTransform((0, 0, 0), 0.3, -0.2, 0.5).GetMatrix()
SHEAR = (1.0, 0.4, 0.0, 0.0, 0.9, 0.2, 0.0, 0.0, 1.0)  # axes that are not perpendicular, as some files have


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
    assert evaluate.folding(field_of(lambda x: -2.0 * x)) == 1  # the slope of x + u is -1, at the edge too
    half = field_of(lambda x: np.where(x < 5, 0.0, -2.0 * (x - 5)))
    assert 0.3 < evaluate.folding(half) < 0.6
    front = sitk.GetImageFromArray(np.ones((10, 10, 10), np.uint8))
    front[4:, :, :] = 0
    assert evaluate.folding(half, front) == 0


@pytest.mark.parametrize("direction", [np.eye(3), np.diag([-1.0, -1, 1]), np.roll(np.eye(3), 1, axis=0)])
@pytest.mark.parametrize("determinant", [0.5, -0.5])
def test_folding_is_the_same_however_the_image_is_stored(direction, determinant):
    """x → determinant · x: folds everywhere or nowhere, whichever way the index axes run."""
    grid = Grid((9, 9, 9), (1.0, 2.0, 3.0), (5.0, 6.0, 7.0), tuple(direction.ravel()))
    field = grid.sample(sitk.AffineTransform(np.diag([determinant, 1, 1]).ravel(), (0, 0, 0)))
    assert evaluate.folding(field) == (determinant < 0)
    found = sitk.GetArrayFromImage(evaluate.jacobian_determinant(field))
    np.testing.assert_allclose(found, determinant, atol=1e-6)


@pytest.mark.parametrize("direction", [np.eye(3), TURN, SHEAR])
def test_the_determinant_of_an_affine_map_is_its_own_at_every_voxel(direction):
    matrix = np.array([[1.1, 0.2, -0.1], [0.05, 0.9, 0.15], [-0.2, 0.1, 1.05]])
    grid = Grid((7, 6, 5), (1.0, 2.0, 3.0), (5.0, 6.0, 7.0), tuple(np.ravel(direction)))
    field = grid.sample(sitk.AffineTransform(matrix.ravel(), (1, 2, 3)))
    found = evaluate.jacobian_determinant(field)
    assert Grid.of(found) == grid
    np.testing.assert_allclose(sitk.GetArrayFromImage(found), np.linalg.det(matrix), atol=1e-6)


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e200])
def test_a_field_that_is_not_known_everywhere_is_not_called_smooth(bad):
    values = np.zeros((8, 8, 8, 3))
    values[2:4] = bad
    field = sitk.GetImageFromArray(values, isVector=True)
    for measure in (evaluate.folding, evaluate.jacobian_determinant):
        with pytest.raises(ValueError, match="NaN, infinite or overflowing values in 128 voxels"):
            measure(field)


def test_a_field_of_32_bits_folds_as_one_of_64_does():
    field = field_of(lambda x: np.where(x < 5, 0.0, -2.0 * (x - 5)))
    assert evaluate.folding(sitk.Cast(field, sitk.sitkVectorFloat32)) == evaluate.folding(field) > 0


def test_the_error_of_a_field_is_the_length_of_the_difference():
    grid = Grid((6, 5, 4), (1.0, 2.0, 3.0), (5.0, 6.0, 7.0), tuple(np.ravel(TURN)))
    mask = grid.image(np.ones((4, 5, 6), np.uint8))
    found, truth = sitk.TranslationTransform(3, (3.0, 0, 4.0)), sitk.TranslationTransform(3, (0.0, 0, 4.0))
    for given in (found, grid.sample(found)):
        error = evaluate.field_error(given, truth, mask)
        np.testing.assert_allclose((error.mean, error.percentile_95, error.maximum), 3)
    away = np.zeros((4, 5, 6, 3))
    away[0, 0, 0] = (0, 40, 0)
    error = evaluate.field_error(grid.image(away), sitk.Transform(3, sitk.sitkIdentity), mask)
    assert (error.mean, error.percentile_95, error.maximum) == (pytest.approx(40 / 120), 0, 40)
    mask[0, 0, 0] = 0
    assert evaluate.field_error(grid.image(away), sitk.Transform(3, sitk.sitkIdentity), mask).maximum == 0


def test_what_a_field_error_cannot_be_measured_on_is_explained():
    identity, mask = sitk.Transform(3, sitk.sitkIdentity), sitk.Image(10, 10, 10, sitk.sitkUInt8) + 1
    with pytest.raises(ValueError, match="mask is empty"):
        evaluate.field_error(identity, identity, mask * 0)
    with pytest.raises(ValueError, match="the found field has 1: make one"):
        evaluate.field_error(mask, identity, mask)
    with pytest.raises(ValueError, match="the true field and the mask do not lie on the same grid"):
        evaluate.field_error(identity, field_of(lambda x: x)[1:, :, :], mask)
    with pytest.raises(ValueError, match="the found field takes 1000 voxels of the mask to places that are not finite"):
        evaluate.field_error(field_of(lambda x: x * np.nan), identity, mask)


def test_there_and_back_ends_at_home_when_one_is_the_inverse_of_the_other():
    mask = sitk.Image(10, 10, 10, sitk.sitkUInt8) + 1
    there = sitk.Euler3DTransform((5.0, 5, 5), 0.1, -0.2, 0.3, (4.0, 5.0, 6.0))
    assert evaluate.inverse_consistency(there, there.GetInverse(), mask).maximum < 1e-9
    back = sitk.CompositeTransform([sitk.TranslationTransform(3, (0.0, 3, 4)), there.GetInverse()])
    assert evaluate.inverse_consistency(there, back, mask).mean == pytest.approx(5)
    # The way there comes first: turned about and shifted, the other order ends elsewhere.
    turn, shift = sitk.Euler3DTransform((0.0, 0, 0), 0, 0, np.pi / 2), sitk.TranslationTransform(3, (1.0, 0, 0))
    assert evaluate.inverse_consistency(shift, turn, mask).mean != evaluate.inverse_consistency(turn, shift, mask).mean


def test_bad_landmarks_and_fields_are_explained():
    identity, points = sitk.Transform(3, sitk.sitkIdentity), np.zeros((4, 3))
    with pytest.raises(ValueError, match="in pairs"):
        evaluate.tre(identity, points, points[:2])
    with pytest.raises(ValueError, match="2-D and the transform is 3-D"):
        evaluate.tre(identity, points[:, :2], points[:, :2])
    with pytest.raises(ValueError, match="finite"):
        evaluate.tre(identity, points, points + np.nan)
    with pytest.raises(TypeError, match=r"tre wants a transform, not Image: .* sitk.Image\(field\)"):
        evaluate.tre(field_of(lambda x: 0 * x), points, points)
    with pytest.raises(ValueError, match="TransformToDisplacementField"):
        evaluate.folding(sitk.Image(10, 10, 10, sitk.sitkUInt8))
    with pytest.raises(ValueError, match="mask is empty"):
        evaluate.folding(field_of(lambda x: 0 * x), sitk.Image(10, 10, 10, sitk.sitkUInt8))


def test_masks_that_are_label_maps_or_vector_images_are_refused():
    mask = sitk.GetImageFromArray(np.ones((10, 10, 10), np.uint8))
    still = sitk.Transform(3, sitk.sitkIdentity)
    for other in (sitk.LabelImageToLabelMap(mask), sitk.Compose(mask, mask)):
        with pytest.raises(ValueError, match="the mask must have one number per voxel"):
            evaluate.field_error(still, still, other)
        with pytest.raises(ValueError, match="the mask must have one number per voxel"):
            evaluate.folding(field_of(lambda x: 0 * x), other)


def test_a_mask_that_is_an_array_or_holds_nan_is_refused():
    still, unknown = sitk.Transform(3, sitk.sitkIdentity), sitk.Image(10, 10, 10, sitk.sitkFloat32) + 1
    unknown[0, 0, 0] = np.nan
    for bad, kind, sentence in (
        (unknown, ValueError, "the mask holds NaN or infinite values in 1 voxels"),
        (np.ones((10, 10, 10)), TypeError, "the mask must be a SimpleITK image, not ndarray"),
    ):
        with pytest.raises(kind, match=sentence):
            evaluate.field_error(still, still, bad)
        with pytest.raises(kind, match=sentence):
            evaluate.inverse_consistency(still, still, bad)
        with pytest.raises(kind, match=sentence):
            evaluate.folding(field_of(lambda x: 0 * x), bad)
    with pytest.raises(TypeError, match="the field must be a SimpleITK image, not ndarray"):
        evaluate.folding(np.zeros((10, 10, 10, 3)))


def test_a_transform_that_leads_nowhere_has_no_error():
    """A registration that failed leaves NaN in its parameters; a mean of NaN is printed, compared and believed."""
    lost, still = sitk.TranslationTransform(3, (np.nan, 0, 0)), sitk.Transform(3, sitk.sitkIdentity)
    mask, points = sitk.Image(10, 10, 10, sitk.sitkUInt8) + 1, np.zeros((4, 3))
    with pytest.raises(ValueError, match="the transform takes a landmark to no finite place"):
        evaluate.tre(lost, points, points)
    for found, truth, name in ((lost, still, "found"), (still, lost, "true")):
        with pytest.raises(
            ValueError, match=f"the {name} transform takes 1000 voxels of the mask to places that are not"
        ):
            evaluate.field_error(found, truth, mask)
    for there, back in ((lost, still), (still, lost)):
        with pytest.raises(ValueError, match="the round trip's transform takes 1000 voxels"):
            evaluate.inverse_consistency(there, back, mask)


def test_ways_of_other_dimensions_are_refused():
    flat, still = sitk.Transform(2, sitk.sitkIdentity), sitk.Transform(3, sitk.sitkIdentity)
    mask = sitk.Image(10, 10, 10, sitk.sitkUInt8) + 1
    with pytest.raises(ValueError, match="the way there is 2-D, and the way back 3-D"):
        evaluate.inverse_consistency(flat, still, mask)
    with pytest.raises(ValueError, match="a 2-D transform has no place on a 3-D grid"):
        evaluate.inverse_consistency(flat, flat, mask)
