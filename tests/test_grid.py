"""Boxes and grids: counting voxels and placing them."""

import numpy as np
import pytest
import SimpleITK as sitk

from regseg.grid import Box, Grid

TURNED = (0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, -1.0, 0.0)  # axes that run along y, −z and x


def oblique() -> sitk.Image:
    """A small image whose grid has nothing simple about it."""
    image = sitk.GetImageFromArray(np.arange(5 * 4 * 6, dtype=np.float32).reshape(5, 4, 6))
    image.SetSpacing((0.5, 1.5, 2.0))
    image.SetOrigin((-3.0, 7.0, 11.0))
    image.SetDirection(sitk.Euler3DTransform((0, 0, 0), 0.3, -0.2, 0.5).GetMatrix())
    return image


# --- boxes -----------------------------------------------------------------------------------------------------------


def test_a_box_counts_from_its_start_to_before_its_stop():
    box = Box((1, 2, 3), (4, 4, 4))
    assert box.size == (3, 2, 1)
    assert not box.empty
    assert Box((1, 2, 3), (4, 2, 4)).empty


def test_a_boxs_slices_are_in_the_order_of_numpy():
    array = np.arange(5 * 6 * 7).reshape(5, 6, 7)
    assert array[Box((1, 2, 3), (3, 5, 4)).slices].shape == (1, 3, 2)
    assert array[Box((1, 2, 3), (2, 3, 4)).slices].item() == array[3, 2, 1]


def test_growing_clipping_moving_and_scaling():
    box = Box((1, 2), (4, 4))
    assert box.grow((1, 2)) == Box((0, 0), (5, 6))
    assert box.grow((3, 3)).clip(Box((0, 0), (5, 5))) == Box((0, 0), (5, 5))
    assert box.move((1, 2)) == Box((0, 0), (3, 2))
    assert box.scale((4, 2)) == Box((4, 4), (16, 8))


def test_boxes_that_do_not_meet_share_an_empty_one():
    shared = Box((0, 0, 0), (2, 2, 2)).clip(Box((5, 5, 5), (6, 6, 6)))
    assert shared.empty
    assert shared.size == (0, 0, 0)


# --- grids -----------------------------------------------------------------------------------------------------------


def test_a_grid_places_voxels_as_simpleitk_does():
    image = oblique()
    grid = Grid.of(image)
    indices = np.array([(0, 0, 0), (5, 3, 4), (2, 1, 3)])
    expected = [image.TransformIndexToPhysicalPoint(index) for index in indices.tolist()]
    assert np.allclose(grid.points(indices), expected)
    assert np.allclose(grid.indices(expected), indices)
    assert np.allclose(grid.points([1.5, 0.25, 2]), image.TransformContinuousIndexToPhysicalPoint((1.5, 0.25, 2)))


def test_the_grid_of_a_file_is_that_of_its_image(tmp_path):
    sitk.WriteImage(oblique(), tmp_path / "image.mha")
    reader = sitk.ImageFileReader()
    reader.SetFileName(tmp_path / "image.mha")
    reader.ReadImageInformation()
    assert np.allclose(Grid.of(reader).points((5, 3, 4)), Grid.of(oblique()).points((5, 3, 4)))


def test_a_cropped_grid_is_that_of_the_cropped_image():
    image, box = oblique(), Box((1, 0, 2), (5, 3, 4))
    cropped = Grid.of(sitk.RegionOfInterest(image, box.size, box.start))
    grid = Grid.of(image).crop(box)
    assert grid.size == cropped.size
    assert np.allclose(grid.origin, cropped.origin)


def test_a_shrunk_grid_is_that_of_binshrink():
    image = oblique()[:6, :4, :4]
    shrunk = Grid.of(sitk.BinShrink(image, [2, 2, 1]))
    grid = Grid.of(image).shrink((2, 2, 1))
    assert (grid.size, grid.spacing) == (shrunk.size, shrunk.spacing)
    assert np.allclose(grid.origin, shrunk.origin)


def test_a_shrunk_grid_rounds_its_size_up():
    assert Grid((5, 4), (1.0, 1.0), (0.0, 0.0), (1.0, 0.0, 0.0, 1.0)).shrink((2, 2)).size == (3, 2)


def test_an_array_becomes_an_image_in_its_place():
    image = oblique()
    grid, array = Grid.of(image), sitk.GetArrayFromImage(image)
    box = Box((2, 1, 0), (6, 4, 3))
    piece = grid.image(array[box.slices], box)
    assert np.array_equal(sitk.GetArrayFromImage(piece), array[box.slices])
    assert np.allclose(piece.TransformIndexToPhysicalPoint((0, 0, 0)), image.TransformIndexToPhysicalPoint((2, 1, 0)))
    vectors = grid.image(np.stack([array, array], axis=-1))
    assert vectors.GetNumberOfComponentsPerPixel() == 2


@pytest.mark.parametrize("direction", [tuple(np.eye(3).ravel()), TURNED])
def test_the_matrix_holds_one_column_for_each_axis(direction):
    grid = Grid((3, 3, 3), (1.0, 2.0, 3.0), (0.0, 0.0, 0.0), direction)
    for axis in range(3):
        step = grid.points(np.eye(3)[axis]) - grid.points((0, 0, 0))
        assert np.allclose(step, grid.matrix[:, axis])
        assert np.isclose(np.linalg.norm(step), grid.spacing[axis])


def test_grids_match_where_a_file_has_rounded_them_and_nowhere_else():
    grid = Grid((30, 20, 10), (1.0, 1.0, 2.5), (-40.1, 12.7, 3.3), TURNED)
    rounded = Grid(grid.size, grid.spacing, tuple(np.float32(grid.origin).tolist()), tuple(np.float32(TURNED).tolist()))
    assert grid.matches(rounded)
    assert not grid.matches(Grid((30, 20, 11), grid.spacing, grid.origin, grid.direction))
    assert not grid.matches(Grid(grid.size, grid.spacing, (-40.1, 12.8, 3.3), grid.direction))
    assert not grid.matches(Grid(grid.size, (1.001, 1.0, 2.5), grid.origin, grid.direction))


@pytest.mark.parametrize("size", [(5, 4, 6), (8, 7, 3)])
def test_the_middle_is_half_way_between_the_first_and_the_last_voxel(size):
    image = sitk.Resample(oblique(), sitk.Image(size, sitk.sitkUInt8))
    image.SetSpacing(oblique().GetSpacing())
    image.SetDirection(oblique().GetDirection())
    first, last = (image.TransformIndexToPhysicalPoint(index) for index in ((0, 0, 0), [n - 1 for n in size]))
    assert np.allclose(Grid.of(image).middle, np.add(first, last) / 2)


def test_a_grid_around_a_point_has_its_middle_there():
    grid = Grid.around((5.0, -7.0, 11.0), (6, 4, 5), (0.5, 1.5, 2.0), oblique().GetDirection())
    assert (grid.size, grid.spacing, grid.direction) == ((6, 4, 5), (0.5, 1.5, 2.0), oblique().GetDirection())
    assert np.allclose(grid.middle, (5, -7, 11))


def test_a_sampled_transform_gives_the_way_that_each_voxel_goes():
    grid = Grid.of(oblique())
    turn = sitk.Euler3DTransform(grid.middle, 0.1, -0.2, 0.3, (4.0, 5.0, 6.0))
    field = grid.sample(turn)
    assert Grid.of(field) == grid
    assert field.GetPixelID() == sitk.sitkVectorFloat64
    for index in ((0, 0, 0), (5, 3, 4), (2, 1, 3)):
        point = field.TransformIndexToPhysicalPoint(index)
        assert np.allclose(field[index], np.subtract(turn.TransformPoint(point), point))


def test_a_transform_of_another_dimension_is_refused():
    with pytest.raises(ValueError, match="a 2-D transform has no place on a 3-D grid"):
        Grid.of(oblique()).sample(sitk.Euler2DTransform())
