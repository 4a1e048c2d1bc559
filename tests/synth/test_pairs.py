"""A pair's truth is its truth, in two and in three dimensions, and survives its files."""

import subprocess
import sys

import numpy as np
import pytest
import SimpleITK as sitk

from regseg.grid import Grid
from regseg.synth import looks, pairs, warps

STRAIGHT = {2: (1.0, 0.0, 0.0, -1.0), 3: (-1.0, 0.0, 0.0, 0.0, -1.0, 0.0, 0.0, 0.0, 1.0)}


def anatomy(dimension: int) -> tuple[sitk.Image, sitk.Image]:
    """Waves in an ellipsoid, and the ellipsoid."""
    size = (168, 180) if dimension == 2 else (80, 88, 72)
    grid = Grid(size, (1.0,) * dimension, (10.0,) * dimension, STRAIGHT[dimension])
    where = np.moveaxis(np.indices(size[::-1], float), 0, -1) / np.array(size[::-1]) - 0.5
    mask = np.linalg.norm(where, axis=-1) < 0.4
    values = (120 + 60 * looks.smooth_noise(size[::-1], wavelength=14, seed=5)) * mask
    return grid.image(np.clip(values, 0, 255).astype(np.float32)), grid.image(mask.astype(np.uint8))


def some_pair(dimension: int, **options) -> pairs.Pair:
    image, mask = anatomy(dimension)
    return pairs.make(image, mask, warps.waves(Grid.of(image), 2, reach=4.0, smooth=15), seed=7, **options)


@pytest.mark.parametrize("dimension", [2, 3])
def test_the_truth_brings_the_moving_image_onto_the_fixed_one(dimension):
    pair = some_pair(dimension)
    inside = sitk.GetArrayFromImage(pair.mask) > 0

    def alike(transform: sitk.Transform) -> float:
        moved = sitk.GetArrayFromImage(sitk.Resample(pair.moving, pair.fixed, transform))
        return float(np.corrcoef(moved[inside], sitk.GetArrayFromImage(pair.fixed)[inside])[0, 1])

    assert alike(pair.transform) > 0.97
    assert alike(sitk.Transform(dimension, sitk.sitkIdentity)) < 0.9


@pytest.mark.parametrize("dimension", [2, 3])
def test_landmarks_lie_in_the_mask_apart_from_each_other_and_follow_the_truth(dimension):
    pair = some_pair(dimension)
    assert pair.fixed_points.shape == (200, dimension)
    mapped = [pair.transform.TransformPoint(point) for point in pair.fixed_points.tolist()]
    np.testing.assert_allclose(pair.moving_points, mapped, atol=1e-9)
    assert all(pair.mask[pair.mask.TransformPhysicalPointToIndex(point)] for point in pair.fixed_points.tolist())
    assert len(np.unique(pair.fixed_points, axis=0)) == 200


def test_voxels_are_means_of_as_many_as_asked():
    assert some_pair(2).fixed.GetSpacing() == (2, 2)
    assert some_pair(2, shrink=1).fixed.GetSpacing() == (1, 1)


def test_noise_outside_the_mask_is_left_out_on_demand():
    stripped, noisy = some_pair(2), some_pair(2, stripped=False)
    outside = sitk.GetArrayFromImage(stripped.mask) == 0
    assert not sitk.GetArrayFromImage(stripped.fixed)[outside].any()
    assert sitk.GetArrayFromImage(noisy.fixed)[outside].mean() > 3


def test_the_two_images_may_look_different_and_have_noise_of_their_own():
    image, _ = anatomy(2)
    pair = some_pair(2, moving=looks.grey_levels(image, 1.0, 1000, inverted=True), sigma=(4.0, 30.0))
    inside = sitk.GetArrayFromImage(pair.mask) > 0
    moved = sitk.GetArrayFromImage(sitk.Resample(pair.moving, pair.fixed, pair.transform))
    assert np.corrcoef(moved[inside], sitk.GetArrayFromImage(pair.fixed)[inside])[0, 1] < -0.9


@pytest.mark.parametrize("dimension", [2, 3])
def test_a_pair_that_was_saved_is_read_back_as_it_was(tmp_path, dimension):
    pair = some_pair(dimension)
    pairs.save(pair, tmp_path / "pair")
    back = pairs.read(tmp_path / "pair")
    for name in ("fixed", "moving", "mask"):
        np.testing.assert_array_equal(*(sitk.GetArrayFromImage(getattr(one, name)) for one in (back, pair)))
        assert Grid.of(getattr(back, name)) == Grid.of(getattr(pair, name))
    np.testing.assert_allclose(back.fixed_points, pair.fixed_points, atol=1e-9)
    np.testing.assert_allclose(back.moving_points, pair.moving_points, atol=1e-9)
    grid = Grid.of(pair.fixed)
    np.testing.assert_array_equal(*(sitk.GetArrayFromImage(grid.sample(one.transform)) for one in (back, pair)))


def test_what_makes_an_image_never_asks_for_one_by_name():
    code = (
        "import sys; from regseg.synth import heads, lesions, looks, pairs, warps; "
        "print([name for name in sys.modules if name.split('.')[0] in ('nilearn', 'pooch', 'requests')"
        " or name.startswith('regseg.data')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
