"""SimpleITK, ITK and MONAI agree about where a voxel lies, in mm."""

from __future__ import annotations

import itk
import numpy as np
import pytest
import SimpleITK as sitk
from monai.data.itk_torch_bridge import itk_image_to_metatensor, metatensor_to_itk_image
from monai.transforms import Orientation, Spacing

from regseg.grid import Grid
from regseg.learn.metatensor import to_image, to_metatensor

MARK = (3, 5, 2)  # the index of the brightest voxel


@pytest.fixture
def oblique() -> sitk.Image:
    """Noise with one bright voxel; every axis has its own length, spacing and direction, and two are mirrored."""
    axes = np.reshape(sitk.Euler3DTransform((0, 0, 0), 0.2, -0.1, 0.3).GetMatrix(), (3, 3)) @ np.diag([-1, 1, -1])
    grid = Grid((9, 8, 7), (1.0, 1.5, 2.5), (-12.0, 30.0, 5.0), tuple(axes.ravel().tolist()))
    image = grid.image(np.random.default_rng(1).random((7, 8, 9), np.float32))
    image[MARK] = 50.0
    return image


@pytest.fixture
def in_itk(oblique):
    image = itk.image_from_array(sitk.GetArrayFromImage(oblique))
    image.SetSpacing(oblique.GetSpacing())
    image.SetOrigin(oblique.GetOrigin())
    image.SetDirection(Grid.of(oblique).axes)
    return image


def mark(image: sitk.Image) -> np.ndarray:
    """Where the brightest voxel lies, in mm."""
    index = np.unravel_index(sitk.GetArrayViewFromImage(image).argmax(), image.GetSize()[::-1])[::-1]
    return np.array(image.TransformIndexToPhysicalPoint([int(n) for n in index]))


def test_an_image_comes_back_as_it_was(oblique):
    back = to_image(to_metatensor(oblique))
    assert Grid.of(back).matches(Grid.of(oblique))
    assert np.array_equal(*map(sitk.GetArrayViewFromImage, (back, oblique)))


def test_what_monai_makes_of_the_image_in_itk_comes_back_to_the_same_places(oblique, in_itk):
    bridged = itk_image_to_metatensor(in_itk, channel_dim=None)
    assert bridged.meta["space"] == "LPS"
    assert np.array_equal(bridged.numpy(), to_metatensor(oblique).numpy())
    assert Grid.of(to_image(bridged)).matches(Grid.of(oblique))


def test_a_tensor_goes_to_itk_and_each_voxel_keeps_its_place(oblique):
    there = metatensor_to_itk_image(to_metatensor(oblique), channel_dim=0)
    position = there.TransformIndexToPhysicalPoint(list(MARK))
    np.testing.assert_allclose(list(position), oblique.TransformIndexToPhysicalPoint(MARK), atol=1e-6)
    assert there.GetPixel(list(MARK)) == 50


def test_what_monai_turns_and_flips_stays_where_it_lies(oblique):
    turned = to_image(Orientation(axcodes="RAS", labels=None)(to_metatensor(oblique)))
    assert turned.GetDirection() != oblique.GetDirection()
    np.testing.assert_allclose(mark(turned), mark(oblique), atol=1e-4)


def test_what_monai_resamples_stays_where_it_lies(oblique):
    finer = to_image(Spacing(pixdim=(0.5, 0.5, 0.5))(to_metatensor(oblique)))
    assert np.allclose(finer.GetSpacing(), 0.5)
    assert np.linalg.norm(mark(finer) - mark(oblique)) < 0.5


def test_what_has_no_place_is_refused(oblique):
    with pytest.raises(ValueError, match="3-D"):
        to_metatensor(oblique[0])
    tensor = to_metatensor(oblique)
    with pytest.raises(ValueError, match=r"\(1, x, y, z\)"):
        to_image(tensor[0])
    tensor.affine[0, 1] += 1
    with pytest.raises(ValueError, match="not perpendicular"):
        to_image(tensor)
