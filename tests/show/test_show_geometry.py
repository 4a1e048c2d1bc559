"""Planes, flips and letters on grids whose answer is known by construction."""

from itertools import permutations, product

import numpy as np
import pytest
import SimpleITK as sitk

from regseg.show import geometry


def grid(direction: np.ndarray, size=(4, 5, 6), spacing=(1.0, 2.0, 3.0)) -> sitk.Image:
    """A grid in which every voxel has a value of its own."""
    image = sitk.GetImageFromArray(np.arange(np.prod(size), dtype=np.int16).reshape(size[::-1]))
    image.SetSpacing(spacing)
    image.SetOrigin((10, -20, 30))
    image.SetDirection(np.asarray(direction, float).ravel())
    return image


def signed_permutations() -> list[np.ndarray]:
    """All 48 ways to lay the voxel axes along the patient's axes."""
    return [np.diag(s)[:, list(p)] for p in permutations(range(3)) for s in product((1, -1), repeat=3)]


@pytest.mark.parametrize("direction", signed_permutations(), ids=lambda d: str(d.astype(int).tolist()))
def test_pictures_are_radiological_for_every_direction(direction):
    image = grid(direction)
    # Per plane: LPS steps of one picture column to the right and one row down.
    left, back, below = (1, 0, 0), (0, 1, 0), (0, 0, -1)
    expected = {"axial": (left, back), "coronal": (left, below), "sagittal": (back, below)}
    letters = {"axial": ("R", "L", "A", "P"), "coronal": ("R", "L", "S", "I"), "sagittal": ("A", "P", "S", "I")}
    values = sitk.GetArrayFromImage(image)
    for plane in geometry.planes(image):
        assert plane.edges == letters[plane.name]
        pixels = plane.pixels(image, 2)
        right, down = expected[plane.name]
        ((k, j, i),) = np.argwhere(values == pixels[0, 0]).tolist()
        corner = np.array(image.TransformIndexToPhysicalPoint((i, j, k)))
        for row, column in ((0, 1), (1, 0), (1, 2)):
            step = np.multiply(right, column * image.GetSpacing()[plane.right])
            step = step + np.multiply(down, row * image.GetSpacing()[plane.down])
            index = image.TransformPhysicalPointToIndex((corner + step).tolist())
            assert image[index] == pixels[row, column]


def test_size_is_physical():
    axial, coronal, sagittal = geometry.planes(grid(np.eye(3)))
    assert (axial.size, coronal.size, sagittal.size) == ((4, 10), (4, 18), (10, 18))


def test_a_point_is_placed_on_its_voxel():
    for direction in signed_permutations()[::7]:
        image = grid(direction)
        point = image.TransformIndexToPhysicalPoint((1, 3, 4))
        for plane in geometry.planes(image):
            (x, y), depth = (a[0] for a in plane.place(image, np.array([point])))
            pixels = plane.pixels(image, round(depth))
            row, column = int(y / image.GetSpacing()[plane.down]), int(x / image.GetSpacing()[plane.right])
            assert pixels[row, column] == image[1, 3, 4]


@pytest.mark.parametrize(
    ("vector", "text"),
    [
        ((1, 0, 0), "L"),
        ((-1, 0, 0), "R"),
        ((0, 1, 0), "P"),
        ((0, 0, 1), "S"),
        ((0, -0.9, 0.1), "A"),
        ((np.cos(0.3), -np.sin(0.3), 0), "LA"),
        ((0.1, 0.6, -0.7), "IP"),
    ],
)
def test_letters(vector, text):
    assert geometry.letters(vector) == text


def test_a_flat_image_names_its_axes_only():
    (plane,) = geometry.planes(sitk.Image(4, 5, sitk.sitkUInt8))
    assert plane.name == "" and plane.edges == ("−x", "+x", "−y", "+y") and plane.size == (4, 5)


def test_a_slice_whose_file_does_not_say_how_it_lies_gets_no_letters():
    radiograph = sitk.Image((4, 5, 1), sitk.sitkUInt8)
    (plane,) = geometry.planes(radiograph)
    assert plane.name == "" and plane.edges == ("−x", "+x", "−y", "+y") and plane.size == (4, 5)
    (across,) = geometry.planes(sitk.Image((1, 5, 6), sitk.sitkUInt8))
    assert across.name == "" and across.edges == ("−y", "+y", "+z", "−z")
    radiograph.SetOrigin((0, 0, 12))  # somebody knew
    assert geometry.planes(radiograph)[0].edges == ("R", "L", "A", "P")


def test_a_single_coronal_slice_has_one_plane():
    image = grid(np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0]]), size=(4, 5, 1))
    assert [plane.name for plane in geometry.planes(image)] == ["coronal"]


def test_index_at_knows_outside():
    image = grid(np.eye(3))
    assert geometry.index_at(image, geometry.centre(image)) == (2, 2, 3)
    assert geometry.index_at(image, (9.4, -20, 30)) is None
    with pytest.raises(ValueError, match=r"\(x, y, z\) in mm; got 2"):
        geometry.index_at(image, (1, 2))


def test_another_grid_is_refused_with_the_way_out():
    image = grid(np.eye(3))
    other = sitk.Image(image)
    geometry.require_same_grid(image, other, "overlay")
    other.SetOrigin((10, -20, 31))
    with pytest.raises(ValueError, match=r"sitk\.Resample\(overlay, image, transform, sitk\.sitkLinear, 0\)"):
        geometry.require_same_grid(image, other, "overlay")
    with pytest.raises(ValueError, match="sitkNearestNeighbor"):
        geometry.require_same_grid(image, other[:, :, 1:], "labels")


def test_grids_of_a_microscope_differ_as_those_of_a_scanner_do():
    image, other = grid(np.eye(3), spacing=(3e-4,) * 3), grid(np.eye(3), spacing=(3.9e-4,) * 3)
    with pytest.raises(ValueError, match="different grids"):
        geometry.require_same_grid(image, other, "overlay")


@pytest.mark.parametrize(
    ("width", "text"), [(200, "50 mm"), (66, "10 mm"), (0.3, "50 µm"), (4e-6, "1 nm"), (2000, "500 mm")]
)
def test_scale_bar_is_round(width, text):
    assert geometry.length_text(geometry.bar_length(width)) == text
