"""Distances between surfaces against answers worked out by hand, and against another way to compute them."""

import numpy as np
import pytest
import SimpleITK as sitk
from shapes import EYE, SHEAR, TURN, ball, box

from regseg import evaluate
from regseg.grid import Grid


def test_surface_distance_is_in_mm_and_sees_the_spacing():
    along_x = evaluate.surface_distance(box((2, 2, 2), (5, 5, 5)), box((5, 2, 2), (8, 5, 5)))
    along_y = evaluate.surface_distance(box((2, 2, 2), (5, 5, 5)), box((2, 5, 2), (5, 8, 5)))
    assert along_x.hausdorff == pytest.approx(6)  # three voxels of 2 mm
    assert along_y.hausdorff == pytest.approx(3)
    assert 0 < along_x.mean < along_x.percentile_95 <= along_x.hausdorff


def test_the_two_directions_are_told_apart():
    """A segmentation with a second piece 9 mm away: the reference is found everywhere, and something was invented."""
    reference, stray = box((2, 2, 2), (5, 5, 5)), box((2, 15, 2), (5, 18, 5))
    found = evaluate.surface_distance(reference, reference + stray)
    assert found.from_reference == evaluate.DirectedDistance(0, 0, 0)
    assert 9 < found.from_segmentation.percentile_95 <= found.from_segmentation.maximum == pytest.approx(13)
    assert found.percentile_95 == found.from_segmentation.percentile_95
    assert found.hausdorff == found.from_segmentation.maximum
    assert found.mean == pytest.approx(found.from_segmentation.mean * 2 / 3)  # 160, and 320, of 480 mm²
    back = evaluate.surface_distance(reference + stray, reference)
    assert (back.from_reference, back.mean) == (found.from_segmentation, pytest.approx(found.mean))


def test_the_surfaces_that_a_shift_leaves_together_are_their_area():
    """A box of 8 × 4 × 4 mm, moved by one voxel of 2 mm along x: of 160 mm² of each surface 96 stay where they are."""
    reference, moved = box((2, 2, 2), (5, 5, 5)), box((3, 2, 2), (6, 5, 5))
    assert evaluate.surface_dice(reference, moved, tolerance=0) == pytest.approx(0.6)
    assert evaluate.surface_dice(reference, moved, tolerance=2) == 1
    assert 0.6 < evaluate.surface_dice(reference, moved, tolerance=1.1) < 1


def test_a_tolerance_is_kept_on_an_oblique_grid():
    inner, outer = box((5, 5, 5), (8, 8, 8)), box((4, 3, 3), (9, 10, 10))  # 2 mm all around
    for image in (inner, outer):
        image.SetDirection(TURN)
    assert evaluate.surface_distance(inner, outer).from_reference.maximum == pytest.approx(2)
    assert evaluate.surface_dice(inner, outer, tolerance=2) > evaluate.surface_dice(inner, outer, tolerance=1.99) == 0


@pytest.mark.parametrize("tolerance", [-1, np.nan, np.inf])
def test_a_tolerance_is_a_distance(tolerance):
    with pytest.raises(ValueError, match="a tolerance is a distance in mm, 0 or more"):
        evaluate.surface_dice(box((2, 2, 2), (5, 5, 5)), box((2, 2, 2), (5, 5, 5)), tolerance=tolerance)


def test_a_margin_is_above_0_where_the_segmentation_sticks_out():
    inner, outer = box((5, 5, 5), (8, 8, 8)), box((4, 3, 3), (9, 10, 10))  # 2 mm all around
    wide = evaluate.margin(inner, outer)
    for value in (wide.mean, wide.percentile_5, wide.median, wide.percentile_95):
        assert value == pytest.approx(2)
    narrow = evaluate.margin(outer, inner)
    assert narrow.mean < narrow.percentile_95 == pytest.approx(-2)  # the corners are further


def test_a_shift_has_no_margin_on_average_and_both_signs():
    shifted = evaluate.margin(box((2, 2, 2), (9, 9, 9)), box((3, 2, 2), (10, 9, 9)))
    assert shifted.percentile_5 == pytest.approx(-2)  # it left a whole side
    assert shifted.median == 0 < 1.5 < shifted.percentile_95
    here = evaluate.margin(box((2, 2, 2), (5, 5, 5)), box((2, 2, 2), (5, 5, 5)))
    assert here == evaluate.Margin(0, 0, 0, 0)


def test_equal_segmentations_have_no_surface_distance():
    result = evaluate.surface_distance(box((2, 2, 2), (5, 5, 5)), box((2, 2, 2), (5, 5, 5)))
    assert (result.mean, result.percentile_95, result.hausdorff) == (0, 0, 0)


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


def test_a_header_that_makes_voxels_endless_does_not_fill_the_memory():
    here, moved = (box((2, y, 2), (5, y + 3, 5), spacing=(1.0, 1.0, 1e12)) for y in (2, 5))
    assert evaluate.surface_distance(here, moved).hausdorff == pytest.approx(3)


def test_flat_images_have_contours():
    square, moved = (sitk.Image(20, 20, sitk.sitkUInt8) for _ in range(2))
    square[4:9, 4:9], moved[7:12, 4:9] = 1, 1
    assert evaluate.surface_distance(square, moved).hausdorff == pytest.approx(3)
