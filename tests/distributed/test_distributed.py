"""Registration by blocks, here and one after the other: each part against an answer that is known."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
import zarr
from known_warp import OBLIQUE, Pattern, errors, grid_around_zero, image_of, points_of, swirl, write_pair
from threadpoolctl import threadpool_info, threadpool_limits

from regseg import volumes
from regseg.blocks import Block, split
from regseg.distributed import (
    BlockPair,
    ElastixBlocks,
    Field,
    GaussNewton,
    MockMethod,
    MockReduction,
    RegistrationError,
    Result,
    SimpleITKBlocks,
    Solve,
    Stage,
    Votes,
    gauss_newton,
    plan,
    run,
    votes,
    write_displacements,
    write_field,
    write_warped,
)
from regseg.grid import Grid

pytestmark = pytest.mark.filterwarnings("ignore:builtin type")  # those of itk

TESTS = Path(__file__).parent
IDLE = Stage(MockMethod(), MockReduction(), spacing=4)

# The grids of the tests: flat or not, straight or not, with voxels of all shapes.
GRIDS = {
    "2-D": grid_around_zero((96, 90), (1.0, 1.0)),
    "2-D, oblique, 1 x 1.5 mm": grid_around_zero((96, 60), (1.0, 1.5), OBLIQUE[2]),
    "3-D, oblique": grid_around_zero((48, 44, 40), (2.0, 2.0, 2.0), OBLIQUE[3]),
    "3-D, oblique, 1 x 1 x 3 mm": grid_around_zero((72, 72, 24), (1.0, 1.0, 3.0), OBLIQUE[3]),
}


def some_field(lattice: Grid, amplitude: float = 3.0, seed: int = 0) -> Field:
    """A field of noise, as wild as its lattice allows."""
    shape = (lattice.dimension, *lattice.size[::-1])
    return Field(lattice, np.random.default_rng(seed).normal(0, amplitude, shape).astype(np.float32))


def follow(transform: sitk.Transform, points: np.ndarray) -> np.ndarray:
    """Where a transform carries points of shape (..., dimension)."""
    flat = points.reshape(-1, points.shape[-1]).tolist()
    return np.reshape([transform.TransformPoint(point) for point in flat], points.shape)


def components_last(values: np.ndarray) -> np.ndarray:
    """From (component, z, y, x) to (z, y, x, component)."""
    return np.moveaxis(values, 0, -1)


# --- the field -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", GRIDS)
def test_a_field_is_its_simpleitk_transform(name):
    lattice = GRIDS[name].shrink((8,) * GRIDS[name].dimension)
    field = some_field(lattice)
    positions = [np.sort(np.random.default_rng(n).uniform(-0.5, n - 0.5, 5)) for n in lattice.size[::-1]]
    indices = np.stack(np.meshgrid(*positions, indexing="ij")[::-1], axis=-1)
    points = lattice.points(indices)
    found = components_last(field.sample(positions))
    np.testing.assert_allclose(found, follow(field.transform, points) - points, atol=2e-5)


@pytest.mark.parametrize("name", GRIDS)
def test_a_field_comes_back_from_its_simpleitk_transform(name):
    lattice = GRIDS[name].shrink((8,) * GRIDS[name].dimension)
    field = some_field(lattice)
    again = Field.of(field.transform)
    assert again.lattice.matches(lattice)
    np.testing.assert_allclose(again.values, field.values, atol=2e-5)
    np.testing.assert_array_equal(again.coefficients, field.coefficients)


def test_a_field_goes_through_its_values_and_moves_nothing_beyond():
    field = some_field(GRIDS["3-D, oblique"].shrink((4, 4, 4)))
    at_centres = field.sample([np.arange(n) for n in field.lattice.size[::-1]])
    np.testing.assert_allclose(at_centres, field.values, atol=2e-5)
    outside = field.lattice.points([[-3, 5, 5], [5, 5, field.lattice.size[2] + 2]])
    np.testing.assert_array_equal(follow(field.transform, outside), outside)


# --- the warp --------------------------------------------------------------------------------------------------------

FIXED = grid_around_zero((80, 66, 20), (1.0, 1.0, 3.0), OBLIQUE[3])  # four chunks
MOVING = replace(
    grid_around_zero((60, 50, 40), (1.5, 1.2, 2.0), sitk.Euler3DTransform((0, 0, 0), 0.2, -0.3, 0.4).GetMatrix()),
    origin=(-30.0, -40.0, -35.0),
)
AFFINE = sitk.AffineTransform(3)
AFFINE.SetMatrix((1.05, 0.1, 0, -0.1, 0.95, 0.05, 0, 0.02, 1.0))
AFFINE.SetTranslation((3.0, -2.0, 1.5))


def ready_to_warp(folder: Path, moving: sitk.Image):
    """A plan and a result with a wild field, between two grids that have nothing in common."""
    fixed, moving_file = folder / "fixed.mha", folder / "moving.mha"
    sitk.WriteImage(image_of(Pattern(3, 25), FIXED), str(fixed))
    sitk.WriteImage(moving, str(moving_file))
    planned = plan(fixed, moving_file, [IDLE], initial=AFFINE)
    result = run(planned, progress=False)
    result.field = some_field(planned.lattice, 1.5)
    return planned, result


def resampled(moving: sitk.Image, result: Result, interpolator: int) -> np.ndarray:
    """What SimpleITK makes of it in memory."""
    fixed = FIXED.image(np.zeros(FIXED.size[::-1], np.float32))
    return sitk.GetArrayFromImage(sitk.Resample(moving, fixed, result.transform, interpolator, 0.0))


def test_what_was_found_is_read_again_to_warp_more(tmp_path):
    planned, result = ready_to_warp(tmp_path, image_of(Pattern(3, 200), MOVING))
    sitk.WriteTransform(result.transform, str(tmp_path / "transform.h5"))
    again = Result.read(tmp_path / "transform.h5")
    points = FIXED.points(np.random.default_rng(0).uniform(0, 1, (50, 3)) * np.array(FIXED.size))
    np.testing.assert_allclose(follow(again.transform, points), follow(result.transform, points), atol=1e-5)
    first = write_warped(planned, result, tmp_path / "first.zarr", fill=0, progress=False)
    planned = plan(planned.fixed.path, planned.moving.path, [IDLE], lattice_spacing=12)  # whatever it is made for now
    assert planned.lattice != again.field.lattice
    second = write_warped(planned, again, tmp_path / "second.zarr", fill=0, progress=False)
    np.testing.assert_array_equal(second.array[:], first.array[:])


def test_a_result_of_another_image_is_refused(tmp_path):
    planned, result = ready_to_warp(tmp_path, image_of(Pattern(3, 200), MOVING))
    backwards = plan(planned.moving.path, planned.fixed.path, [IDLE])
    for write in write_warped, write_field, write_displacements:
        with pytest.raises(ValueError, match=r"found for another fixed image than .*moving.mha: plan with that one"):
            write(backwards, result, tmp_path / "out.zarr", progress=False)
        assert not (tmp_path / "out.zarr").exists()


def test_a_transform_that_no_registration_by_blocks_has_found_is_refused(tmp_path):
    for name, each in ("affine", AFFINE), ("bent", some_field(GRIDS["3-D, oblique"].shrink((8, 8, 8))).transform):
        sitk.WriteTransform(each, str(tmp_path / f"{name}.h5"))
        with pytest.raises(ValueError, match=f"{name}.h5 is not what a registration by blocks has found, an affine"):
            Result.read(tmp_path / f"{name}.h5")


def test_the_warp_by_chunks_is_that_of_simpleitk(tmp_path):
    moving = image_of(lambda points: Pattern(3, 200)(points) + 50, MOVING)
    planned, result = ready_to_warp(tmp_path, moving)
    written = write_warped(planned, result, tmp_path / "warped.zarr", fill=0, progress=False)
    wanted = resampled(moving, result, sitk.sitkLinear)
    assert len(list(split(FIXED.size, written.chunk, (0, 0, 0)))) == 4
    assert 0.2 < (wanted == 0).mean() < 0.8  # the border of the moving image runs through the fixed one
    np.testing.assert_allclose(sitk.GetArrayFromImage(written.read()), wanted, atol=1e-4 * np.ptp(wanted))
    assert Grid.of(written.read()) == FIXED
    again = volumes.save(written.read(), tmp_path / "again.zarr")
    for one, other in zip(*(volumes.levels(each.path) for each in (written, again)), strict=True):
        np.testing.assert_array_equal(one.array[:], other.array[:])


@pytest.mark.parametrize("kind", ["uint8", "int16", "uint32"])
def test_a_warped_label_map_has_only_its_own_labels(tmp_path, kind):
    # The largest has no equal among the float32 numbers, and atlases use such numbers.
    labels = np.array([0, 3, 7, min(np.iinfo(kind).max, 614_454_277)], kind)
    array = labels[np.random.default_rng(0).integers(0, 4, [n // 5 for n in MOVING.size[::-1]])]
    moving = MOVING.image(np.kron(array, np.ones((5, 5, 5), kind)))
    planned, result = ready_to_warp(tmp_path, moving)
    written = write_warped(planned, result, tmp_path / "labels.zarr", labels=True, progress=False).array[:]
    assert written.dtype == kind
    assert set(np.unique(written)) == set(labels)
    # A point halfway between two voxels may go to either.
    assert (written != resampled(moving, result, sitk.sitkNearestNeighbor)).mean() < 1e-3
    assert all(set(np.unique(level.array[:])) <= set(labels) for level in volumes.levels(tmp_path / "labels.zarr"))


def test_the_written_field_is_the_transform(tmp_path):
    planned, result = ready_to_warp(tmp_path, image_of(Pattern(3, 25), MOVING))
    written = write_field(planned, result, tmp_path / "field.zarr", spacing=4, progress=False)
    assert min(written.grid.spacing) == 4
    points = points_of(written.grid)
    found = sitk.GetArrayFromImage(written.read())
    np.testing.assert_allclose(found, follow(result.transform, points) - points, atol=1e-4)
    coarse = volumes.levels(written.path)[1]
    np.testing.assert_allclose(coarse.array[:, 2, 1, 3], found[4:6, 2:4, 6:8].mean(axis=(0, 1, 2)), atol=1e-4)


def test_displacements_lead_there_and_back(tmp_path):
    """Between oblique grids, and OME-Zarr 0.6 counts along the axes of each."""
    planned, result = ready_to_warp(tmp_path, image_of(Pattern(3, 25), MOVING))
    result.field = some_field(planned.lattice, 0.5)
    forward, inverse = write_displacements(planned, result, tmp_path / "both.zarr", spacing=4, progress=False)
    points = points_of(forward.grid)
    found = sitk.GetArrayFromImage(forward.read())
    np.testing.assert_allclose(found, follow(result.transform, points) - points, atol=1e-4)
    assert any(map(inverse.grid.matches, planned.moving.grids))
    points = points_of(inverse.grid)
    back = points + sitk.GetArrayFromImage(inverse.read())
    inside = ((FIXED.indices(back) > 0) & (FIXED.indices(back) < np.array(FIXED.size) - 1)).all(axis=-1)
    assert inside.mean() > 0.3
    np.testing.assert_allclose(follow(result.transform, back[inside]), points[inside], atol=1e-3)
    assert not np.isnan(back).any()


def test_where_a_registration_folds_nothing_leads_back(tmp_path):
    planned, result = ready_to_warp(tmp_path, image_of(Pattern(3, 25), MOVING))
    result.field = some_field(planned.lattice, 4)
    _, inverse = write_displacements(planned, result, tmp_path / "both.zarr", spacing=4, progress=False)
    assert 0 < np.isnan(inverse.array[...]).mean() < 0.9


def test_a_chunk_that_fails_leaves_the_old_file_alone(tmp_path):
    planned, result = ready_to_warp(tmp_path, image_of(Pattern(3, 25), MOVING))
    before = write_warped(planned, result, tmp_path / "warped.zarr", progress=False).array[:]
    files = sorted(each.name for each in tmp_path.iterdir())
    for chunk in result.workdir.glob("moving-*.zarr/0/c/**/*"):
        if chunk.is_file():
            chunk.write_bytes(b"not what a codec wrote")
    for path in "warped.zarr", "new.zarr":
        with pytest.raises(RegistrationError, match=r"Chunk \(0, 0, 0\) of .* could not be written"):
            write_warped(planned, result, tmp_path / path, progress=False)
    np.testing.assert_array_equal(volumes.open_volume(tmp_path / "warped.zarr").array[:], before)
    assert sorted(each.name for each in tmp_path.iterdir()) == files


@pytest.mark.parametrize(("fill", "wanted"), [(None, -1000), (-2000, -2000)])
def test_air_is_around_a_ct_and_not_water(tmp_path, fill, wanted):
    """Where the moving image ends, for 0 HU would be tissue; and the caller may name another value."""
    ct = sitk.Cast(image_of(lambda points: 1040 * Pattern(3, 25).inside(points) - 1000, MOVING), sitk.sitkInt16)
    planned, result = ready_to_warp(tmp_path, ct)
    written = write_warped(planned, result, tmp_path / "warped.zarr", fill=fill, progress=False).array[:]
    outside = resampled(ct + 2000, result, sitk.sitkLinear) == 0
    assert 0.2 < outside.mean() < 0.8
    np.testing.assert_allclose(written[outside], wanted, atol=1)


@pytest.mark.parametrize("kind", ["int32", "uint32", "int64"])
def test_large_grey_values_and_the_fill_are_warped_as_they_are(tmp_path, kind):
    """Float32 has too few digits for them, and the largest ones would wrap."""
    top = np.iinfo(kind).max
    array = np.full(MOVING.size[::-1], top, kind)
    array[: len(array) // 2] = 2**24 + 1
    planned, result = ready_to_warp(tmp_path, MOVING.image(array))
    written = write_warped(planned, result, tmp_path / "warped.zarr", fill=top - 1, progress=False).array[:]
    for value in top, top - 1, 2**24 + 1:
        assert (written == value).mean() > 0.05
    assert written.min() == 2**24 + 1


def test_a_value_that_float32_has_not_is_no_fill(tmp_path):
    planned, result = ready_to_warp(tmp_path, image_of(Pattern(3, 25), MOVING))
    with pytest.raises(ValueError, match="of type float32, which has no .* to fill with"):
        write_warped(planned, result, tmp_path / "warped.zarr", fill=1e300, progress=False)


def test_a_value_that_the_type_has_not_is_no_fill(tmp_path):
    planned, result = ready_to_warp(tmp_path, sitk.Cast(image_of(Pattern(3, 25), MOVING), sitk.sitkUInt8))
    for wrong in -1000, 0.5, np.nan:
        with pytest.raises(ValueError, match="of type uint8, which has no .* to fill with"):
            write_warped(planned, result, tmp_path / "warped.zarr", fill=wrong, progress=False)


def test_no_output_takes_the_place_of_an_input(tmp_path):
    moving = volumes.save(image_of(Pattern(3, 25), MOVING), tmp_path / "warped.zarr")
    sitk.WriteImage(image_of(Pattern(3, 25), FIXED), str(tmp_path / "fixed.mha"))
    planned = plan(tmp_path / "fixed.mha", moving.path, [IDLE])
    result = run(planned, progress=False)
    (tmp_path / "link").symlink_to(tmp_path)
    for path in tmp_path / "warped.zarr", tmp_path / "link" / "warped.zarr":
        for write in write_warped, write_field:
            with pytest.raises(ValueError, match="is an image that is registered here"):
                write(planned, result, path, progress=False)
    assert volumes.open_volume(moving.path).grid.matches(MOVING)


# --- votes and their reduction ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("size", "halo"), [((16, 16), 2), ((21, 24), 3), ((24, 17, 20), 4)])
def test_the_windows_of_all_blocks_add_up_to_one(size, halo):
    total = np.zeros(size[::-1])
    for block in split(size, (8,) * len(size), (halo,) * len(size)):
        total[block.padded.slices] += votes.window(block)
    # Complete halos: a block at the end that is narrower than its neighbour's halo has only a part of one.
    complete = all(n % 8 == 0 or n % 8 >= halo for n in size)
    assert complete == (size != (24, 17, 20))
    np.testing.assert_allclose(total[:, :16] if complete else total[:, :12], 1)


def mock_run(folder: Path, grid: Grid, method, reduction, **stage) -> tuple[Result, list[Block]]:
    """The result of one stage of a method that does not look at the images, and its blocks."""
    image = image_of(lambda points: 100 + np.cos(points).sum(-1), grid)
    for name in "fixed.mha", "moving.mha", "mask.mha":
        sitk.WriteImage(image if name != "mask.mha" else image > 0, str(folder / name))
    paths = folder / "fixed.mha", folder / "moving.mha"
    stage = Stage(method, reduction, spacing=4, **{"block_size": 32, "overlap": 8, **stage})
    planned = plan(*paths, [stage], mask=folder / "mask.mha")
    return run(planned, progress=False), [block for block, _ in planned.blocks(stage)]


@pytest.mark.parametrize("name", GRIDS)
def test_one_translation_everywhere_is_that_translation(tmp_path, name):
    grid = GRIDS[name]
    shift = (2.5, -1.25, 0.75)[: grid.dimension]
    result, blocks = mock_run(
        tmp_path, grid, MockMethod(sitk.TranslationTransform(grid.dimension, shift)), Solve(10, 0.5, 200)
    )
    assert len(blocks) > 3
    np.testing.assert_allclose(components_last(result.field.values) - shift, 0, atol=1e-3)


def test_votes_are_for_what_is_still_missing(tmp_path):
    """The second iteration starts from the translation, finds it again and adds it: the field moves first."""
    shift = sitk.TranslationTransform(2, (1.0, 2.0))
    result, _ = mock_run(tmp_path, GRIDS["2-D"], MockMethod(shift), Solve(20, 0.5, 200), iterations=2)
    # Away from the border, where a step beyond the lattice leaves the field and is moved by it no more.
    inside = components_last(result.field.values)[2:-2, 2:-2]
    np.testing.assert_allclose(inside - (2.0, 4.0), 0, atol=0.01)


STRETCH = sitk.AffineTransform(2)
STRETCH.SetMatrix((1.04, 0.02, -0.03, 0.97))
STRETCH.SetTranslation((2.0, 1.0))


def quadratic(points: np.ndarray) -> np.ndarray:
    """A displacement with bending: 3 mm at 48 mm from the middle."""
    x, y = points[..., 0] / 48, points[..., 1] / 48
    return np.stack([3 * x**2 + y + 1, 2 * x * y - x - 1], axis=-1)


def some_quadratic() -> sitk.Transform:
    """`quadratic` as a transform."""
    grid = grid_around_zero((160, 160), (1.0, 1.0))
    return sitk.DisplacementFieldTransform(grid.image(quadratic(points_of(grid))))


@pytest.mark.parametrize(("truth", "allowed"), [("linear", 0.01), ("quadratic", 0.1)])
def test_a_failed_block_is_bridged_by_its_neighbours(tmp_path, truth, allowed):
    """The hole gets what its neighbours' displacement goes on to be, and the report says that it is a hole."""
    grid = grid_around_zero((96, 96), (1.0, 1.0))
    transform = STRETCH if truth == "linear" else some_quadratic()
    method = MockMethod(transform, fail=frozenset({(1, 1)}))
    result, blocks = mock_run(tmp_path, grid, method, Solve(12, 0.01, 500), block_size=32, overlap=4)
    status = {each.index: (each.status, each.message) for each in result.report}
    assert status.pop((1, 1)) == ("failed", "told to fail")
    assert set(status.values()) == {("done", "")}
    assert "8 done, 0 skipped, 1 failed" in str(result)
    assert "block (1, 1) failed: told to fail" in str(result)
    points = points_of(result.field.lattice)
    error = np.linalg.norm(components_last(result.field.values) - (follow(transform, points) - points), axis=-1)
    hole = blocks[4].core.slices
    assert np.linalg.norm(follow(transform, points) - points, axis=-1)[hole].mean() > 0.5  # a zero would show
    assert error[hole].max() < allowed


def test_a_block_that_diverges_does_not_vote(tmp_path):
    with pytest.raises(RegistrationError, match="diverged: it moves a point by 40.0 mm, in a block"):
        mock_run(tmp_path, GRIDS["2-D"], MockMethod(sitk.TranslationTransform(2, (40.0, 0))), Solve(20))


def test_the_solve_minimises_the_energy_that_it_states():
    """Against a dense solve of the same sum, written down once more from the docstring."""
    lattice = Grid((9, 7), (4.0, 3.0), (0.0, 0.0), (1.0, 0.0, 0.0, 1.0))
    knots, bending = 10.0, 3.0
    generator = np.random.default_rng(1)
    slopes = generator.normal(size=(2, 7, 9))
    seen = np.zeros((7, 9))
    seen[1:5, 2:8] = 12  # elsewhere nobody has voted
    matrix = np.stack([seen * (slopes[0] ** 2 + 0.1), seen * slopes[0] * slopes[1], seen * (slopes[1] ** 2 + 0.1)])
    cast = Votes(lattice.box, matrix, seen * generator.normal(size=(2, 7, 9)))

    def basis(cells: int, width: float) -> np.ndarray:
        """A row for each cell, a column for each knot; the first knot lies one before the image begins."""
        centres = (np.arange(cells) + 0.5) * width / knots
        count = int(np.ceil(cells * width / knots)) + 3
        d = np.abs(centres[:, None] - (np.arange(count) - 1))
        return np.where(d < 1, (4 - 6 * d**2 + 3 * d**3) / 6, np.where(d < 2, (2 - d) ** 3 / 6, 0))

    by, bx = basis(7, 3.0), basis(9, 4.0)
    both = np.kron(by, bx)  # from the coefficients of one component to its values in all cells
    ny, nx = by.shape[1], bx.shape[1]
    first_y, first_x = np.diff(np.eye(ny), axis=0), np.diff(np.eye(nx), axis=0)
    second_y, second_x = np.diff(np.eye(ny), 2, axis=0), np.diff(np.eye(nx), 2, axis=0)
    # Second derivatives are second differences over knots², and a knot stands for knots² of area.
    bends = [np.kron(np.eye(ny), second_x), np.kron(second_y, np.eye(nx))]
    bends += [np.kron(first_y, first_x)] * 2
    bend = sum(each.T @ each for each in bends)
    # A slope costs a tenth of what a bend costs, for knots 1 mm apart.
    bend += 0.1 * sum(each.T @ each for each in (np.kron(np.eye(ny), first_x), np.kron(first_y, np.eye(nx))))
    bend *= knots**2 / knots**4
    xx, xy, yy = (both.T @ (element.reshape(-1, 1) * both) for element in matrix)
    system = np.block([[xx + bending * bend, xy], [xy, yy + bending * bend]])
    force = np.concatenate([both.T @ each.ravel() for each in cast.vector])
    # The field as it stands is one that the spline can take, so that nothing is lost by writing it with coefficients.
    now = generator.normal(size=2 * ny * nx)
    field = Field(lattice, np.stack([(both @ each).reshape(7, 9) for each in np.split(now, 2)]).astype(np.float32))
    bend_of_both = np.kron(np.eye(2), bend)

    def energy(c: np.ndarray) -> float:
        """Of further coefficients c; the votes' part of the system is the system without its bending."""
        votes_part = system - bending * bend_of_both
        whole = c + now
        return c @ votes_part @ c / 2 - force @ c + bending / 2 * whole @ bend_of_both @ whole

    wanted = np.linalg.solve(system, force - bending * bend_of_both @ now)
    found = Solve(knots, bending, iterations=2000)(cast, field)
    dense = np.stack([(both @ each).reshape(7, 9) for each in np.split(wanted + now, 2)])
    np.testing.assert_allclose(found, dense, atol=1e-3 * np.abs(dense).max())
    for _ in range(20):
        assert energy(wanted + 0.1 * generator.normal(size=wanted.size)) > energy(wanted)


def test_the_field_levels_off_beyond_the_last_vote():
    """A slope among the votes does not run on for ever where nobody has voted."""
    lattice = Grid((60, 60), (4.0, 4.0), (0.0, 0.0), (1.0, 0.0, 0.0, 1.0))
    slope = np.zeros((2, 60, 60))
    slope[0] = 0.2 * 4 * (np.arange(60) - 10)  # along x, 0 in the middle of the votes
    seen = np.zeros((60, 60))
    seen[5:16, 5:16] = 16
    cast = Votes(lattice.box, np.stack([seen, 0 * seen, seen]), seen * slope)
    found = Solve(8, 0.5, 2000)(cast, Field.zero(lattice))
    np.testing.assert_allclose(found[0, 8:13, 8:13], slope[0, 8:13, 8:13], atol=0.1)
    assert 4 < found[0].max() < 12  # the last vote says 4 mm, and running straight on would reach 39 mm


def threads() -> set[int]:
    """How many threads BLAS and SimpleITK may use now."""
    of_blas = {each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"}
    return of_blas | {sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()}


def test_methods_and_reductions_have_one_thread_and_others_keep_theirs(tmp_path):
    """For a sum that several threads cut in pieces is another one in the last digit."""
    seen = []

    def method(pair):
        seen.append(threads())
        return MockMethod()(pair)

    def reduction(votes, field):
        seen.append(threads())
        return MockReduction()(votes, field)

    before = sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(3)
    try:
        with threadpool_limits(2, user_api="blas"):
            mock_run(tmp_path, GRIDS["2-D"], method, reduction)
            assert threads() == {2, 3}
    finally:
        sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(before)
    assert len(seen) > 2
    assert set().union(*seen) == {1}


def test_a_stage_must_be_possible():
    wrong_ones = {"spacing": 0}, {"block_size": 0}, {"overlap": -1}, {"iterations": 0}
    for wrong in *wrong_ones, {"spacing": np.nan}, {"block_size": np.nan}, {"overlap": np.nan}:
        with pytest.raises(ValueError, match="only the overlap may be 0"):
            Stage(MockMethod(), Solve(8), **{"spacing": 1, **wrong})


def test_a_method_that_forgets_to_vote_is_told_how(tmp_path):
    with pytest.raises(RegistrationError, match="returned NoneType in place of Votes: distributed.vote"):
        mock_run(tmp_path, GRIDS["2-D"], lambda pair: None, Solve(8))  # noqa: ARG005


@pytest.mark.parametrize(
    "wrong",
    [
        lambda *_: None,
        lambda _, field: field,
        lambda _, field: field.values[:, 1:],
        lambda _, field: field.values * np.nan,
    ],
)
def test_a_reduction_must_give_a_field(tmp_path, wrong):
    with pytest.raises(RegistrationError, match="wanted are finite ones of shape"):
        mock_run(tmp_path, GRIDS["2-D"], MockMethod(), wrong)


# --- the Gauss-Newton method -----------------------------------------------------------------------------------------


def whole_pair(fixed: sitk.Image, moving: sitk.Image, factors: tuple[int, ...], mask: np.ndarray | None = None):
    """Two images as one block without a halo, on a lattice of so many voxels a cell."""
    grid = Grid.of(fixed)
    lattice = grid.shrink(factors)
    ones = np.ones(grid.size[::-1], np.uint8) if mask is None else mask
    greys = tuple((float(each.min()), float(each.max())) for each in map(sitk.GetArrayFromImage, (fixed, moving)))
    cells = Block((0,) * grid.dimension, lattice.box, lattice.box)
    return BlockPair(fixed, moving, grid.image(ones), cells, factors, greys, Field.zero(lattice), None)


def test_the_sums_of_a_cell_are_those_of_its_voxels():
    """A and b of the docstring, added up by hand over a cell of 2 x 2 voxels of 1 x 2 mm."""
    f, m = np.random.default_rng(0).uniform(0, 1, (2, 4, 6)).astype(np.float32)
    grid = Grid((6, 4), (1.0, 2.0), (0.0, 0.0), (1.0, 0.0, 0.0, 1.0))
    mask = np.ones((4, 6), np.uint8)
    mask[0, 2] = 0
    found = gauss_newton.sums(whole_pair(grid.image(f), grid.image(m), (2, 2), mask), f, m, np.full_like(f, 0.5))
    g = (f + m) / 2
    matrix, vector = np.zeros((2, 2)), np.zeros(2)
    for y, x in (0, 2), (0, 3), (1, 2), (1, 3):  # the cell of index 1, 0
        along_y = (g[y + 1, x] - g[y - 1, x]) / 4 if y else (g[1, x] - g[0, x]) / 2
        slope = np.array([(g[y, x + 1] - g[y, x - 1]) / 2, along_y])
        residual = f[y, x] - m[y, x]
        weight = mask[y, x] * 0.5 / (1 + residual**2)
        matrix += weight * np.outer(slope, slope) * 2  # a voxel is 2 mm² large
        vector += weight * slope * residual * 2
    np.testing.assert_allclose(found.matrix[:, 0, 1], matrix[[0, 0, 1], [0, 1, 1]], rtol=1e-5)
    np.testing.assert_allclose(found.vector[:, 0, 1], vector, rtol=1e-5)


@pytest.mark.parametrize("name", GRIDS)
def test_stripes_are_seen_across_and_not_along(name):
    """A votes for what lies across the stripes, wherever the axes of the image point, and b for the way still to go."""
    grid = GRIDS[name]
    across = np.array([3.0, -2.0, 6.0][: grid.dimension])
    across /= np.linalg.norm(across)
    along = np.cross([*across, 0.0][:3], [0, 0, 1])[: grid.dimension]
    missing = 0.4 * across + 5 * along  # in mm; 5 mm along the stripes change nothing

    def stripes(points: np.ndarray) -> np.ndarray:
        return 100 + 50 * np.cos(2 * np.pi * points @ across / 16)

    fixed, moving = image_of(lambda points: stripes(points + missing), grid), image_of(stripes, grid)
    factors = tuple(max(round(4 / step), 1) for step in grid.spacing)
    found = GaussNewton()(whole_pair(fixed, moving, factors))
    inner = (slice(None), *(slice(2, -2),) * grid.dimension)
    cells = tuple(range(1, 1 + grid.dimension))
    matrix, vector = found.matrix[inner].sum(axis=cells), found.vector[inner].sum(axis=cells)
    full = np.zeros((grid.dimension,) * 2)
    for element, (i, j) in zip(matrix, votes.pairs_of(grid.dimension), strict=True):
        full[i, j] = full[j, i] = element
    firm = np.trace(full)
    np.testing.assert_allclose(full / firm, np.outer(across, across), atol=0.02)
    np.testing.assert_allclose(vector / firm, 0.4 * across, atol=0.03)


def two_stages(method=None, block_size: float = 40) -> tuple[Stage, ...]:
    """From 4 mm to 2 mm."""
    method = method or GaussNewton()
    return (
        Stage(method, Solve(20), spacing=4, block_size=block_size, iterations=3),
        Stage(method, Solve(10), spacing=2, block_size=block_size, iterations=3),
    )


def scene(folder: Path, name: str, truth=swirl, grey=Pattern.__call__, **options):
    """A pair of images with a known warp, a plan for it, and what errors() needs to judge the result."""
    grid = GRIDS[name]
    pattern = Pattern(grid.dimension, 0.42 * min(n * step for n, step in zip(grid.size, grid.spacing, strict=True)))
    fixed, moving = folder / "fixed.mha", folder / "moving.mha"
    if not fixed.exists():
        write_pair(folder, grid, grid, pattern, truth, grey=grey)
    stages = options.pop("stages", two_stages())
    return plan(fixed, moving, stages, **options), (truth, grid, pattern)


@pytest.mark.parametrize("name", GRIDS)
def test_a_smooth_warp_is_found(tmp_path, name):
    """Of 3 to 4 mm, to less than a tenth of a millimetre."""
    planned, known = scene(tmp_path, name)
    result = run(planned, progress=False)
    assert errors(Result(planned.start, planned.initial, tmp_path), *known).mean() > 2.5
    found = errors(result, *known)
    assert found.mean() < 0.1
    assert np.percentile(found, 95) < 0.25
    costs = [cost for _, _, cost in result.costs]
    assert costs[-1] < 0.25 * costs[0]
    before, after = result.similarity
    assert 1 < before < after - 0.05


def test_a_translation_is_found(tmp_path):
    planned, known = scene(tmp_path, "3-D, oblique", truth=lambda points: np.broadcast_to((3.0, -2, 1), points.shape))
    assert errors(run(planned, progress=False), *known).mean() < 0.05


def shaded(pattern, points):
    """Another gain, another offset, and a coil that shines from one side."""
    return 300 + 2.5 * pattern(points) * (1 + points[..., 0] / 150)


def inverted(pattern, points):
    """A photographic negative: bright is dark."""
    return 250 - pattern(points)


@pytest.mark.parametrize(("grey", "allowed"), [(shaded, 0.2), (inverted, 0.5)])
def test_another_scanner_and_another_contrast_do_no_harm(tmp_path, grey, allowed):
    planned, known = scene(tmp_path, "3-D, oblique", grey=grey)
    assert errors(run(planned, progress=False), *known).mean() < allowed


def test_what_a_mask_leaves_out_does_not_count(tmp_path):
    """Half of the moving image is nonsense, and the mask says so."""

    def half_nonsense(pattern, points):
        return np.where(points[..., 0] > 8, 100 + 80 * np.sin(points.sum(-1)), pattern(points))

    grid = GRIDS["3-D, oblique"]
    mask = image_of(lambda points: points[..., 0] < 0, grid)
    sitk.WriteImage(sitk.Cast(mask, sitk.sitkUInt8), str(tmp_path / "mask.nii.gz"))  # which rounds the grid to float32
    found = []
    for options in {"mask": tmp_path / "mask.nii.gz"}, {}:
        folder = tmp_path / str(len(options))
        folder.mkdir()
        planned, (truth, _, pattern) = scene(folder, "3-D, oblique", grey=half_nonsense, **options)
        result = run(planned, progress=False)
        points = points_of(grid)[::3, ::3, ::3].reshape(-1, 3)
        points = points[(pattern.inside(points) > 0.9) & (points[:, 0] < -8)]
        wrong = follow(result.field.transform, points) - points - truth(points)
        found.append(np.linalg.norm(wrong, axis=-1).mean())
    assert found[0] < 0.15
    assert found[0] < found[1]


def test_an_initial_transform_is_taken_into_account(tmp_path):
    """The field comes first, then the initial transform; the moving image lies on a grid of its own."""
    pattern = Pattern(3, 35)
    grid = GRIDS["3-D, oblique"]
    paths = write_pair(tmp_path, grid, grid_around_zero((64, 60, 40), (1.5, 1.5, 2.5)), pattern, swirl, initial=AFFINE)
    result = run(plan(*paths, two_stages(), initial=AFFINE), progress=False)
    assert errors(result, swirl, grid, pattern).mean() < 0.15
    point = (5.0, -7.0, 3.0)
    np.testing.assert_allclose(
        result.transform.TransformPoint(point), AFFINE.TransformPoint(result.field.transform.TransformPoint(point))
    )


def test_a_result_can_be_gone_on_from(tmp_path):
    """Two runs of one stage each are one run of both."""
    whole, _ = scene(tmp_path, "2-D")
    coarse, _ = scene(tmp_path, "2-D", stages=two_stages()[:1])
    first = run(coarse, progress=False)
    fine, _ = scene(tmp_path, "2-D", stages=two_stages()[1:], start=first.field)
    wanted = run(whole, progress=False).field.values
    found = run(fine, progress=False).field.values
    # All but the joint histogram goes from one run to the next, and it is counted anew.
    assert np.abs(found - wanted).mean() < 0.02


def test_an_initial_transform_of_several_parts_is_one(tmp_path):
    """As `ImageRegistrationMethod.Execute` returns it; and what is found can be written, which a nest could not."""
    scene(tmp_path, "3-D, oblique")
    turn, shift = sitk.Euler3DTransform((5, 5, 5), 0.01, 0.02, 0.03), sitk.TranslationTransform(3, (0.3, 0.2, 0.1))
    nest = sitk.CompositeTransform([sitk.CompositeTransform([turn]), shift])
    planned, _ = scene(tmp_path, "3-D, oblique", stages=[IDLE], initial=nest)
    result = run(planned, progress=False)
    point = (3.0, -4.0, 5.0)
    np.testing.assert_allclose(result.transform.TransformPoint(point), nest.TransformPoint(point), atol=1e-9)
    sitk.WriteTransform(result.transform, str(tmp_path / "found.h5"))
    read = sitk.ReadTransform(str(tmp_path / "found.h5"))
    np.testing.assert_allclose(read.TransformPoint(point), nest.TransformPoint(point), atol=1e-9)


def test_half_as_large_blocks_give_the_same_field(tmp_path):
    fields = []
    for size in 48, 24:
        stages = two_stages(block_size=size)
        planned, (_, _, pattern) = scene(tmp_path, "3-D, oblique", stages=stages)
        fields.append(run(planned, progress=False).field.values)
    inside = pattern.inside(points_of(planned.lattice)) > 0.5
    assert np.linalg.norm(fields[0] - fields[1], axis=0)[inside].mean() < 0.02


# --- block transforms ------------------------------------------------------------------------------------------------

LONG = grid_around_zero((48, 28, 28), (2.0, 2.0, 2.0), OBLIQUE[3])


def two_blocks(folder: Path, method, truth, grey=Pattern.__call__) -> tuple[float, str]:
    """The mean error of a method in two blocks, after blending, and the report."""
    pattern = Pattern(3, 60)  # fills the image
    wider = grid_around_zero((56, 36, 36), (2.0, 2.0, 2.0), OBLIQUE[3])
    paths = write_pair(folder, LONG, wider, pattern, truth, grey=grey)
    stage = Stage(method, Solve(16, 0.01, 200), spacing=2, block_size=56, overlap=12)
    planned = plan(*paths, [stage])
    assert len(planned.blocks(stage)) == 2
    result = run(planned, progress=False)
    return errors(result, truth, LONG, pattern).mean(), str(result)


def shift_of(points: np.ndarray) -> np.ndarray:
    """A translation."""
    return np.broadcast_to((2.0, -1.5, 1.0), points.shape)


def wave(points: np.ndarray) -> np.ndarray:
    """A warp of 2 mm, 1.9 mm of it on average."""
    return swirl(points, 1.5, 120)


@pytest.mark.parametrize(("truth", "allowed"), [(shift_of, 0.25), (wave, 0.4)])
def test_blocks_registered_by_simpleitk(tmp_path, truth, allowed):
    error, report = two_blocks(tmp_path, SimpleITKBlocks(knots=28, iterations=15, sampling=0.1), truth)
    assert report.startswith("2 done, 0 skipped, 0 failed")
    assert error < allowed


def test_blocks_registered_by_elastix(tmp_path):
    """Mutual information does not mind that bright is dark."""
    method = ElastixBlocks(knots=20, resolutions=1, iterations=100)
    error, report = two_blocks(tmp_path, method, wave, grey=inverted)
    assert report.startswith("2 done, 0 skipped, 0 failed")
    assert error < 0.5


# --- what goes wrong, and what is said about it ----------------------------------------------------------------------


def test_background_is_skipped_and_reported(tmp_path):
    planned, _ = scene(tmp_path, "2-D", stages=two_stages(block_size=12)[:1])
    result = run(planned, progress=False)
    corner = [each for each in result.report if each.index == (0, 0)]
    assert {(each.status, each.message) for each in corner} == {("skipped", "background")}
    assert {each.status for each in result.report} == {"done", "skipped"}
    table = str(planned)
    skipped = sum(not wanted for _, wanted in planned.blocks(planned.stages[0]))
    assert table.splitlines()[1].split()[4:6] == ["64", str(skipped)]


def some_files(folder: Path) -> dict[str, Path]:
    """Small images that are fine, and one of each kind that is not."""
    grid, flat = grid_around_zero((24, 20, 22), (4.0, 4.0, 4.0)), grid_around_zero((40, 40), (4.0, 4.0))
    pattern = Pattern(3, 30)
    fine = image_of(pattern, grid)
    far = image_of(pattern, grid)
    far.SetOrigin((900, 900, 900))
    broken = sitk.GetArrayFromImage(fine)
    broken[:] = np.nan
    images = {
        "fine": fine,
        "flat": image_of(Pattern(2, 30), flat),
        "far": far,
        "thin": image_of(pattern, grid_around_zero((40, 40, 1), (4.0, 4.0, 4.0))),
        "constant": fine * 0 + 7,
        "nan": grid.image(broken),
        "empty": fine * 0,
        "shifted": image_of(pattern, replace(grid, origin=(0.0, 0.0, 0.0))),
    }
    paths = {name: folder / f"{name}.mha" for name in (*images, "missing", "truncated")}
    for name, image in images.items():
        sitk.WriteImage(image, str(paths[name]))
    paths["truncated"].write_bytes(paths["fine"].read_bytes()[:2000])
    paths["other zarr"] = folder / "other.zarr"
    zarr.create_group(paths["other zarr"])
    paths["no zarr"] = folder / "folder.zarr"
    paths["no zarr"].mkdir()
    return paths


BSPLINE = sitk.BSplineTransformInitializer(sitk.Image([8, 8, 8], sitk.sitkUInt8), [2, 2, 2])
FLATTENS = sitk.AffineTransform(3)
FLATTENS.SetMatrix((1, 0, 0, 0, 1, 0, 0, 0, 0))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"moving": "missing"}, "missing.mha cannot be read as an image: there is no such file"),
        ({"moving": "truncated"}, "truncated.mha cannot be read as an image: "),
        ({"moving": "no zarr"}, "no OME-Zarr volume at .*folder.zarr"),
        ({"moving": "other zarr"}, "other.zarr is Zarr, but holds no OME-Zarr image"),
        ({"moving": "flat"}, "The fixed image has 3 dimensions and the moving image has 2"),
        ({"moving": "constant"}, "shows one grey value only, or NaN: there is nothing to register"),
        ({"moving": "nan"}, "one grey value only, or NaN"),
        ({"mask": "shifted"}, "The mask lies on another grid than the fixed image: resample it"),
        ({"mask": "flat"}, "The mask lies on another grid than the fixed image: resample it"),
        ({"initial": sitk.TranslationTransform(2, (1, 2))}, "has 3 dimensions and the initial transform has 2"),
        ({"initial": BSPLINE}, "must be linear, and BSplineTransform is not: give its linear part alone, such as"),
        ({"initial": FLATTENS}, "singular: it flattens the image"),
        ({"stages": []}, "Give a list of stages, even of one"),
        ({"lattice_spacing": 0}, "A lattice of 0 mm cannot be"),
        ({"lattice_spacing": float("nan")}, "A lattice of nan mm cannot be"),
        (
            {"fixed": "thin"},
            r"A lattice of .* cells is too coarse for an image of \(40, 40, 1\) voxels: give a smaller",
        ),
        ({"fixed": "thin"}, "An image that has one slice only is registered as a picture, in 2-D"),
        ({"stages": [Stage(MockMethod(), MockReduction(), 0.01)]}, "look at voxels of 0.01 mm, and those of the fixed"),
        ({"stages": [Stage(MockMethod(), MockReduction(), 500)]}, r"Are the lengths .* in mm\? If so, .*--spacing"),
    ],
)
def test_a_plan_that_cannot_work_is_explained(tmp_path, change, message):
    files = some_files(tmp_path)
    change = {name: files.get(value, value) if isinstance(value, str) else value for name, value in change.items()}
    options = {"fixed": files["fine"], "moving": files["fine"], "stages": [IDLE]}
    with pytest.raises(ValueError, match=message):
        plan(**options | change)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mask": "empty"}, "No block of stage 0 could be registered. All are background: is the mask empty"),
        ({"moving": "far"}, "could be registered. The first one said: no overlap: the block lies outside the moving"),
    ],
)
def test_a_run_without_a_single_block_is_explained(tmp_path, change, message):
    files = some_files(tmp_path)
    options = {"fixed": "fine", "moving": "fine", **change}
    options = {name: files[value] for name, value in options.items()}
    with pytest.raises(RegistrationError, match=message):
        run(plan(**options, stages=[IDLE]), progress=False)


def test_a_field_from_another_lattice_is_refused(tmp_path):
    fine = some_files(tmp_path)["fine"]
    start = Field.zero(GRIDS["3-D, oblique"])
    with pytest.raises(ValueError, match="lies on another lattice: give the lattice_spacing it was made with"):
        plan(fine, fine, [IDLE], start=start)


@pytest.mark.parametrize(
    ("spoil", "status", "message"),
    [
        (np.nan, "skipped", "background"),
        (120.0, "failed", "the fixed image is constant here"),
    ],
)
def test_a_spoiled_region_costs_its_blocks_and_no_more(tmp_path, spoil, status, message):
    grid = grid_around_zero((96, 96), (1.0, 1.0))
    pattern = Pattern(2, 44)
    fixed, moving = write_pair(tmp_path, grid, grid, pattern, swirl)
    image = sitk.ReadImage(str(fixed))
    array = sitk.GetArrayFromImage(image)
    array[32:64, 32:64] = spoil  # the block (1, 1), which has no halo
    sitk.WriteImage(grid.image(array), str(fixed))
    method = GaussNewton()
    stages = [Stage(method, Solve(20), 4, 32, 0, 3), Stage(method, Solve(12), 1, 32, 0, 3)]
    result = run(plan(fixed, moving, stages), progress=False)
    assert ((1, 1), status, message) in {(each.index, each.status, each.message) for each in result.report}
    assert (f"block (1, 1) failed: {message}" in str(result)) == (status == "failed")
    # Bridged in the middle, and right all around it.
    points = points_of(result.field.lattice)
    wrong = np.linalg.norm(components_last(result.field.values) - swirl(points), axis=-1)
    assert np.median(wrong[pattern.inside(points) > 0.9]) < 0.3
    assert wrong[8:16, 8:16].mean() < 0.5 * np.linalg.norm(swirl(points), axis=-1)[8:16, 8:16].mean()


@dataclass(frozen=True)
class Backwards:
    """A reduction that goes the right way in the wrong direction."""

    solve: Solve

    def __call__(self, votes: Votes, field: Field) -> np.ndarray:
        """The field, less the step that it should have been given."""
        return 2 * field.values - self.solve(votes, field)


def test_a_step_in_the_wrong_direction_is_undone_and_noted(tmp_path):
    stages = [Stage(GaussNewton(), Backwards(Solve(20)), spacing=4, iterations=4), *two_stages()]
    planned, known = scene(tmp_path, "2-D", stages=stages[:1])
    result = run(planned, progress=False)
    np.testing.assert_array_equal(result.field.values, 0)
    assert result.notes == ["stage 0 stopped early: iteration 0 made the images less alike and was undone"]
    assert result.notes[0] in str(result)
    (_, _, before), (_, _, after) = result.costs
    assert after > 1.05 * before
    # The stages after it go on from the field before the wrong step.
    planned, known = scene(tmp_path, "2-D", stages=stages)
    assert errors(run(planned, progress=False), *known).mean() < 0.1


# --- no task reads a whole volume ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Greedy:
    """A method that reads the whole moving image, which the test below must notice."""

    path: Path

    def __call__(self, pair: BlockPair) -> Votes:
        """No votes to speak of."""
        volumes.open_volume(self.path).read()
        return MockMethod()(pair)


@pytest.fixture
def largest_read(monkeypatch):
    """Tells the largest part of a volume that was read at once, of those with at least a million voxels."""
    parts = [0.0]
    original = zarr.Array.__getitem__

    def watched(array, selection):
        values = original(array, selection)
        if array.size > 1e6:
            parts.append(np.size(values) / array.size)
        return values

    monkeypatch.setattr(zarr.Array, "__getitem__", watched)

    def since_the_last_call() -> float:
        found, parts[:] = max(parts), [0.0]
        return found

    return since_the_last_call


def test_no_task_reads_a_whole_volume(tmp_path, largest_read):
    grid = grid_around_zero((192, 128, 48), (1.0, 1.0, 1.0))
    x, y, z = (np.cos(np.arange(n) / (n / 12)) for n in grid.size)
    image = grid.image((100 + 30 * (z[:, None, None] + y[:, None] + x)).astype(np.uint8))
    for name in "fixed", "moving":
        volumes.save(image, tmp_path / f"{name}.zarr", chunk=32)
    volumes.save_mask(image, tmp_path / "mask.zarr", chunk=32)
    largest_read()  # that was the making of the files
    paths = tmp_path / "fixed.zarr", tmp_path / "moving.zarr"
    turned = sitk.Euler3DTransform((0, 0, 0), 0, 0, 0.1)

    def largest_part(method) -> float:
        stage = Stage(method, MockReduction(), spacing=1, block_size=32)
        planned = plan(*paths, [stage], initial=turned, mask=tmp_path / "mask.zarr")
        result = run(planned, progress=False)
        write_warped(planned, result, tmp_path / "warped.zarr", progress=False)
        write_field(planned, result, tmp_path / "field.zarr", spacing=4, progress=False)
        return largest_read()

    assert largest_part(MockMethod()) < 0.3  # the largest is for a chunk of 64 x 64 x 48 of the warped image, turned
    assert largest_part(Greedy(paths[1])) == 1
