"""Measures of a segmentation against answers worked out by hand, and against another way to compute them."""

import numpy as np
import pytest
import SimpleITK as sitk

from regseg import evaluate
from regseg.grid import Grid

EYE = tuple(np.eye(3).ravel())
TURN = sitk.Euler3DTransform((0, 0, 0), 0.3, -0.2, 0.5).GetMatrix()
SHEAR = (1.0, 0.4, 0.0, 0.0, 0.9, 0.2, 0.0, 0.0, 1.0)  # axes that are not perpendicular, as some files have


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


# --- surfaces at the edge of the image, and voxels of any shape ------------------------------------------------------


def test_an_object_that_the_edge_of_the_image_cuts_has_a_surface_there():
    """A column from edge to edge, and one that ends 1 mm before it on either side."""
    whole = box((4, 4, 0), (15, 15, 19), spacing=(1.0, 1.0, 1.0))
    shorter = box((4, 4, 1), (15, 15, 18), spacing=(1.0, 1.0, 1.0))
    assert evaluate.surface_distance(whole, shorter).hausdorff == pytest.approx(1)


def test_a_segmentation_that_fills_the_image_is_as_far_as_its_edge():
    full, inner = box((0, 0, 0), (19, 19, 19)), box((3, 3, 3), (16, 16, 16))
    assert evaluate.surface_distance(full, full).hausdorff == 0
    corner = np.linalg.norm([3 * 2.0, 3, 3])
    assert 0.8 * corner < evaluate.surface_distance(full, inner).hausdorff <= corner


def ball(radius: float, spacing: tuple[float, ...], shift: float = 0.0) -> sitk.Image:
    """A ball in the middle of its image, moved along x (mm)."""
    size = [int(44 / step) for step in spacing]
    grid = Grid(tuple(size), spacing, (0.0,) * 3, EYE)
    places = grid.points(np.moveaxis(np.indices(size[::-1])[::-1], 0, -1)) - grid.middle - (shift, 0, 0)
    return grid.image((np.linalg.norm(places, axis=-1) <= radius).astype(np.uint8))


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (1.0, 1.0, 5.0), (5.0, 1.0, 1.0)])
def test_thick_slices_do_not_halve_a_distance(spacing):
    """Two balls about one centre, 2 mm apart everywhere; when voxels counted alike thick slices gave 1.06 mm."""
    found = evaluate.surface_distance(ball(15, spacing), ball(17, spacing)).mean
    assert 1.5 < found < 2.1


def faces(image: sitk.Image) -> np.ndarray:
    """The faces of the voxels of an object, (n, corner and two edges, 3) in mm, found voxel by voxel."""
    grid, inside = Grid.of(image), sitk.GetArrayFromImage(image).T > 0  # x, y, z
    found = []
    for voxel in np.argwhere(inside):
        for axis in range(3):
            for side in (-1, 1):
                beside = voxel + side * np.eye(3, dtype=int)[axis]
                if (beside >= 0).all() and (beside < inside.shape).all() and inside[tuple(beside)]:
                    continue
                corner = voxel - 0.5
                corner[axis] += max(side, 0)
                others = [other for other in range(3) if other != axis]
                found.append([grid.points(corner), *(grid.matrix[:, other] for other in others)])
    return np.array(found)


def by_chance(one: np.ndarray, other: np.ndarray, count: int = 1500) -> np.ndarray:
    """Distances (count,) from points anywhere on one surface to the nearest point of the other, face by face."""
    random = np.random.default_rng(1)
    area = np.linalg.norm(np.cross(one[:, 1], one[:, 2]), axis=1)
    at = one[random.choice(len(one), count, p=area / area.sum())]
    points = at[:, 0] + random.uniform(size=(count, 1)) * at[:, 1] + random.uniform(size=(count, 1)) * at[:, 2]
    nearest = np.full(count, np.inf)
    for corner, along, across in other:
        edges = np.stack([along, across], axis=1)
        inside = np.clip((points - corner) @ np.linalg.pinv(edges).T, 0, 1)
        nearest = np.minimum(nearest, np.linalg.norm(points - corner - inside @ edges.T, axis=1))
    return nearest


@pytest.mark.parametrize(
    ("spacing", "direction"),
    [((1.0, 1.0, 5.0), EYE), ((1.0, 1.0, 5.0), TURN), ((2.0, 1.0, 0.5), TURN), ((1.0, 1.2, 3.0), SHEAR)],
    ids=["thick slices", "oblique thick slices", "three spacings", "sheared"],
)
def test_distances_are_those_between_points_anywhere_on_the_faces(spacing, direction):
    """Bodies that the edge of the image cuts, against points by chance: no map, no tree, every face by itself."""
    random = np.random.default_rng(3)
    size = [round(16 / step) for step in spacing]
    bodies = []
    for _ in range(2):
        noise = sitk.GetImageFromArray(random.standard_normal(size[::-1]))
        noise.SetSpacing(spacing)
        noise.SetDirection(direction)
        bodies.append(sitk.DiscreteGaussian(noise, 9.0) > 0)
    ours, theirs = map(faces, bodies)
    expected = np.concatenate([by_chance(ours, theirs), by_chance(theirs, ours)])
    found = evaluate.surface_distance(*bodies)
    assert found.mean == pytest.approx(expected.mean(), abs=0.25 * max(min(spacing), 0.8))
    assert found.hausdorff == pytest.approx(expected.max(), abs=1.0)


def test_flat_images_have_contours():
    square, moved = (sitk.Image(20, 20, sitk.sitkUInt8) for _ in range(2))
    square[4:9, 4:9], moved[7:12, 4:9] = 1, 1
    assert evaluate.surface_distance(square, moved).hausdorff == pytest.approx(3)


@pytest.mark.parametrize("measure", [evaluate.overlap, evaluate.surface_distance])
@pytest.mark.parametrize("label", [257, 1.5, -255])
def test_a_label_that_the_image_cannot_hold_is_not_another_one(measure, label):
    with pytest.raises(ValueError, match=f"the reference has no voxel of label {label}"):
        measure(box((2, 2, 2), (5, 5, 5)), box((2, 2, 2), (5, 5, 5)), label=label)


@pytest.mark.parametrize("measure", [evaluate.overlap, evaluate.surface_distance])
def test_label_maps_and_vector_images_are_refused(measure):
    mask = box((2, 2, 2), (5, 5, 5))
    for other in (sitk.LabelImageToLabelMap(mask), sitk.Compose(mask, mask)):
        with pytest.raises(ValueError, match="the segmentation must have one number per voxel"):
            measure(mask, other)
        with pytest.raises(ValueError, match="the reference must have one number per voxel"):
            measure(other, mask)
