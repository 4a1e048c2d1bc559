"""Known deformations are as far, as smooth and as invertible as they say."""

from itertools import product

import numpy as np
import pytest
import SimpleITK as sitk

from regseg import evaluate
from regseg.grid import Grid
from regseg.synth import warps

TURN = sitk.Euler3DTransform((0, 0, 0), 0.3, -0.2, 0.5).GetMatrix()
OBLIQUE = Grid((48, 44, 40), (1.0, 1.0, 1.5), (-30.0, 20.0, 10.0), TURN)
FLAT = Grid((64, 56), (1.0, 1.0), (5.0, -8.0), (0.8, -0.6, 0.6, 0.8))


def square(grid: Grid) -> sitk.Image:
    """Bright where the first axis begins, dark in its other two thirds."""
    values = np.zeros(grid.size[::-1], np.float32)
    values[..., : grid.size[0] // 3] = 100
    return grid.image(values)


RANDOM = {
    "rigid": lambda grid, seed: warps.random_rigid(grid, seed, degrees=7, reach=5),
    "bspline": lambda grid, seed: warps.bspline(grid, seed, reach=5, mesh=(4,) * grid.dimension),
    "waves": lambda grid, seed: warps.waves(grid, seed, reach=3, smooth=8),
    "velocity": lambda grid, seed: warps.exponential(warps.velocity(grid, seed)),
    "gaussians": lambda grid, seed: warps.gaussians(grid, seed, reach=4),
    "single frequency": lambda grid, seed: warps.single_frequency(grid, seed, reach=4, knots=20),
    "mixed frequency": lambda grid, seed: warps.mixed_frequency(square(grid), seed, reach=4, knots=20),
    "respiratory": lambda grid, seed: warps.respiratory(grid, seed, reach=4),
}


def displacements(grid: Grid, transform: sitk.Transform) -> np.ndarray:
    return sitk.GetArrayFromImage(grid.sample(transform))


@pytest.mark.parametrize(("name", "grid"), [*product(RANDOM, [OBLIQUE]), *product(list(RANDOM)[1:], [FLAT])])
def test_a_seed_gives_one_warp_and_another_seed_another(name, grid):
    first, again, other = (displacements(grid, RANDOM[name](grid, seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0.5  # mm


def test_a_generator_goes_on_where_it_was():
    random = np.random.default_rng(1)
    first, second = (warps.waves(FLAT, random, reach=3, smooth=8) for _ in range(2))
    np.testing.assert_array_equal(displacements(FLAT, first), displacements(FLAT, RANDOM["waves"](FLAT, 1)))
    assert np.abs(displacements(FLAT, first) - displacements(FLAT, second)).max() > 0.5


def test_a_rigid_motion_turns_about_the_middle_and_keeps_distances():
    motion = warps.rigid(OBLIQUE, (8, -6, 7), (9, -8, 5))
    np.testing.assert_allclose(motion.TransformPoint(OBLIQUE.middle), np.add(OBLIQUE.middle, (9, -8, 5)))
    one, other = (np.array(motion.TransformPoint(point)) for point in ((1.0, 2, 3), (20.0, -7, 11)))
    assert np.linalg.norm(one - other) == pytest.approx(np.linalg.norm((19, -9, 8)))


def test_random_motions_stay_within_their_reach():
    for seed in range(20):
        motion = warps.random_rigid(OBLIQUE, seed, degrees=7, reach=5)
        *angles, x, y, z = motion.GetParameters()
        assert np.abs(np.rad2deg(angles)).max() <= 7 and np.abs((x, y, z)).max() <= 5


def test_a_spline_whose_border_is_still_moves_nothing_there():
    still = warps.bspline(OBLIQUE, 1, reach=6, mesh=(8, 8, 8), still=3)
    field = displacements(OBLIQUE, still)
    for axis in range(3):
        assert np.abs(field.take([0, -1], axis=axis)).max() < 0.02  # mm
    assert np.abs(field).max() > 1
    free = displacements(OBLIQUE, warps.bspline(OBLIQUE, 1, reach=6, mesh=(8, 8, 8)))
    assert np.abs(free[0]).max() > 1


@pytest.mark.parametrize("grid", [OBLIQUE, FLAT], ids=["3-D", "2-D"])
def test_waves_move_points_as_far_as_asked(grid):
    field = displacements(grid, warps.waves(grid, 1, reach=2.5, smooth=10))
    np.testing.assert_allclose(field.std(axis=tuple(range(grid.dimension))), 2.5)


def test_following_a_constant_velocity_is_a_shift():
    grid = Grid((12, 12, 12), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0), tuple(np.eye(3).ravel()))
    velocity = grid.image(np.zeros((12, 12, 12, 3)) + (0.5, -0.25, 0.75))
    moved = warps.exponential(velocity).TransformPoint((5.0, 6.0, 5.0))
    np.testing.assert_allclose(moved, (5.5, 5.75, 5.75))


def test_the_opposite_velocity_leads_back():
    velocity = warps.velocity(Grid((200, 200, 200), (1.0,) * 3, (0.0,) * 3, TURN), 3)
    opposite = Grid.of(velocity).image(-sitk.GetArrayFromImage(velocity))
    there, back = warps.exponential(velocity), warps.exponential(opposite)
    round_trip = Grid.of(velocity).sample(sitk.CompositeTransform([back, there]))
    away = np.linalg.norm(sitk.GetArrayFromImage(Grid.of(velocity).sample(there)), axis=-1).max()
    left = np.linalg.norm(sitk.GetArrayFromImage(round_trip), axis=-1).max()
    assert away > 3 and left < 0.05 * away


def test_a_velocity_fades_to_nothing_at_the_border():
    velocity = sitk.GetArrayFromImage(warps.velocity(OBLIQUE, 1))
    for axis in range(3):
        assert not velocity.take([0, -1], axis=axis).any()


def test_the_longest_vector_is_scaled_to_the_reach():
    longest = np.linalg.norm(sitk.GetArrayFromImage(warps.scaled(warps.velocity(OBLIQUE, 1), 7.0)), axis=-1).max()
    assert longest == pytest.approx(7)
    pushes = warps.gaussians(OBLIQUE, 1, reach=4)
    field = sitk.GetArrayFromImage(sitk.DisplacementFieldTransform(pushes).GetDisplacementField())
    assert np.linalg.norm(field, axis=-1).max() == pytest.approx(4)


def test_a_breath_moves_the_diaphragm_down_and_the_front_forward_and_nothing_else():
    grid = Grid((30, 30, 40), (8.0, 8.0, 8.0), (-120.0, -150.0, -300.0), (1.0, 0, 0, 0, 1.0, 0, 0, 0, 1.0))
    breath = warps.breath(grid, top=-40.0, spine=35.0)

    def moved(x: float, y: float, z: float) -> np.ndarray:
        return np.subtract(breath.TransformPoint((x, y, z)), (x, y, z))

    assert np.abs(moved(80, -60, -20)).max() < 1e-6  # above the top
    assert np.abs(moved(0, 34, -250)).max() < 0.1  # at the spine
    side, behind = moved(100, -100, -250), moved(100, 60, -250)
    np.testing.assert_allclose(side, (0, -6, -20), atol=0.2)  # to the front is -y, down is -z
    np.testing.assert_allclose(behind, (0, 0, -20), atol=0.5)


HEAD = Grid((22, 26, 24), (8.0, 8.0, 8.0), (-80.0, 90.0, -70.0), TURN)
SLICE = Grid((44, 52), (4.0, 4.0), (5.0, -8.0), (0.8, -0.6, 0.6, 0.8))
REGNET = {
    "single frequency": lambda grid, reach: warps.single_frequency(grid, 3, reach, knots=45),
    "mixed frequency": lambda grid, reach: warps.mixed_frequency(square(grid), 3, reach, knots=45),
    "respiratory": lambda grid, reach: warps.respiratory(grid, 3, reach),
}


@pytest.mark.parametrize(("name", "grid", "reach"), [*product(REGNET, [HEAD, SLICE], [7, 20, 45])])
def test_the_farthest_point_goes_as_far_as_asked_and_nothing_folds(name, grid, reach):
    field = REGNET[name](grid, reach).GetDisplacementField()
    assert np.linalg.norm(sitk.GetArrayFromImage(field), axis=-1).max() == pytest.approx(reach, rel=0.01)
    assert evaluate.folding(field) == 0


def test_a_displacement_that_is_only_scaled_would_fold():
    spline = HEAD.sample(warps.bspline(HEAD, 3, 1.0, (4, 5, 4)))
    assert evaluate.folding(warps.scaled(spline, 45)) > 0
    assert evaluate.folding(warps.until(spline, 45).GetDisplacementField()) == 0


def test_nothing_moves_at_zero_frequency_nor_over_no_way():
    for still in (warps.zero(HEAD), warps.single_frequency(HEAD, 1, reach=0, knots=45)):
        assert not displacements(HEAD, still).any()


def test_the_farther_the_knots_the_smoother_the_field():
    def steepest(knots: float) -> float:
        return np.abs(np.diff(displacements(HEAD, warps.single_frequency(HEAD, 1, 10, knots)), axis=2)).max()

    assert steepest(80) < 0.7 * steepest(40)


def test_mixed_frequencies_move_what_is_near_an_edge_and_leave_the_rest_still():
    field = np.linalg.norm(displacements(HEAD, warps.mixed_frequency(square(HEAD), 1, reach=20, knots=45)), axis=-1)
    assert field[..., HEAD.size[0] // 3].max() > 15 and field[..., -4:].max() < 0.2


def test_an_image_without_an_edge_has_no_mixed_frequencies():
    with pytest.raises(ValueError, match="no edge"):
        warps.mixed_frequency(HEAD.image(np.ones(HEAD.size[::-1], np.float32)), 1, reach=20, knots=45)


def test_a_breath_by_lot_moves_the_end_of_the_last_axis_along_it():
    signs = set()
    for seed in range(4):
        along = displacements(HEAD, warps.respiratory(HEAD, seed, reach=20)) @ HEAD.axes
        begin, end = along[0], along[-1].mean(axis=(0, 1))
        assert np.linalg.norm(begin, axis=-1).mean() < 6
        assert abs(end[2]) > 8 and abs(end[2]) > 2 * abs(end[0])
        signs.add(np.sign(end[2]))
    assert signs == {-1, 1}
