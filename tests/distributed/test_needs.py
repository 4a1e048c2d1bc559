"""What a plan says before anything is spent, and the plans that are refused."""

import re
import time
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk
import zarr

from regseg import distributed, volumes
from regseg.__main__ import main
from regseg.distributed import Field, MockMethod, MockReduction, RegistrationError, Solve, Stage, Votes, store
from regseg.distributed.images import Source
from regseg.distributed.needs import demand_memory
from regseg.distributed.planning import A_CELL
from regseg.grid import Grid


def stored(folder, spacing=1.0, size=(96, 80, 64)):
    """Two OME-Zarr images of bright noise everywhere."""
    values = np.random.default_rng(0).normal(1000, 100, size[::-1]).astype(np.int16)
    image = sitk.GetImageFromArray(values)
    image.SetSpacing([spacing] * 3)
    for name in "fixed", "moving":
        volumes.save(image, folder / f"{name}.zarr", chunk=32)
    return folder / "fixed.zarr", folder / "moving.zarr"


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    return stored(tmp_path_factory.mktemp("pair"))


def test_a_plan_counts_what_its_blocks_will_read(pair):
    """Blocks of 32 voxels without a halo cover the image once for each iteration."""
    stage = Stage(MockMethod(), MockReduction(), 1, block_size=32, overlap=0, iterations=3)
    plan = distributed.plan(*pair, [stage])
    assert plan.foreground.all() or plan.foreground.mean() > 0.3
    found = distributed.needs(plan, trial=False)
    wanted = [block for block, is_wanted in plan.blocks(stage) if is_wanted]
    assert found.blocks == 3 * len(wanted)
    voxels = sum(np.prod(block.core.scale((4, 4, 4)).clip(plan.fixed.grids[0].box).size) for block in wanted)
    assert found.read == 3 * voxels * (2 + 2)
    assert found.kept == np.prod(plan.lattice.size) * (9 + 3 + 3) * 4 * 3
    assert (found.copied, found.seconds) == (0, None)
    wider = distributed.needs(distributed.plan(*pair, [Stage(MockMethod(), MockReduction(), 1, 32, 8, 3)]), trial=False)
    assert wider.read > 1.5 * found.read
    assert wider.worker > found.worker > 300e6


def test_the_time_is_that_of_a_block_for_each_of_them(pair):
    one = distributed.plan(*pair, [Stage(MockMethod(), MockReduction(), 1, block_size=32, overlap=0)])
    ten = distributed.plan(*pair, [Stage(MockMethod(), MockReduction(), 1, 32, 0, iterations=10)])
    seconds = [distributed.needs(plan).seconds for plan in (one, ten)]
    assert 0 < seconds[0] < seconds[1]


class SlowToBegin(MockMethod):
    """It takes half a second of CPU-time when it is called first, as what loads a library does."""

    began = False

    def __call__(self, pair):
        if not SlowToBegin.began:
            until, SlowToBegin.began = time.process_time() + 0.5, True
            while time.process_time() < until:
                pass
        return super().__call__(pair)


def test_what_takes_its_time_but_once_is_not_counted_for_each_block(pair):
    plan = distributed.plan(*pair, [Stage(SlowToBegin(), MockReduction(), 1, 32, 0, iterations=100)])
    found = distributed.needs(plan)
    assert SlowToBegin.began
    assert found.seconds < 0.5 * found.blocks / 2


def test_a_plan_of_files_says_that_copies_are_made(tmp_path):
    image = sitk.GetImageFromArray(np.random.default_rng(0).normal(1000, 100, (32, 32, 32)).astype(np.float32))
    for name in "fixed", "moving":
        sitk.WriteImage(image, str(tmp_path / f"{name}.mha"))
    found = distributed.needs(distributed.plan(tmp_path / "fixed.mha", tmp_path / "moving.mha"))
    assert found.copied > 2 * 4 * 32**3
    assert found.seconds is None
    assert "of copies, as an image has no levels of ours" in str(found)


@pytest.mark.parametrize("spacing", [0.01, 25.0])
def test_without_stages_a_plan_counts_in_the_voxels_of_the_image(pair, tmp_path, spacing):
    usual, other = distributed.plan(*pair), distributed.plan(*stored(tmp_path, spacing))
    assert other.lattice.size == usual.lattice.size
    assert [block for stage in other.stages for block in other.blocks(stage)] == [
        block for stage in usual.stages for block in usual.blocks(stage)
    ]
    assert distributed.needs(other, trial=False) == distributed.needs(usual, trial=False)


def test_the_command_says_what_its_plan_takes(pair, tmp_path, capsys):
    assert main(["register-large", *map(str, pair), "--output", str(tmp_path / "out"), "--plan"]) == 0
    said = capsys.readouterr().out
    assert re.search(r"^blocks that vote, counting each iteration: \d+, which read [\d.]+ [kMG]B$", said, re.MULTILINE)
    assert re.search(r"^memory: \d+ MB for each worker, \d+ MB for this process$", said, re.MULTILINE)
    assert re.search(r"^CPU-time: about [\d.]+ \w+, as the first blocks tell", said, re.MULTILINE)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("more", "why"),
    [
        (
            ["--memory", "301MB"],
            r"A worker would need \d+ MB for its largest block, and has 301 MB: .*--block-size",
        ),
        (
            ["--block-size", "1", "--lattice", "1"],
            r"Each of the .* blocks of stage 2 would be 100% halo, .*--block-size",
        ),
    ],
)
def test_a_plan_that_does_not_fit_is_refused_before_the_work(pair, tmp_path, capsys, more, why):
    assert main(["register-large", *map(str, pair), "--output", str(tmp_path / "out"), *more]) == 1
    assert re.search(why, capsys.readouterr().err)
    assert not (tmp_path / "out").exists()


def test_more_blocks_than_anybody_can_do_are_not_even_listed(tmp_path):
    grid = Grid((40_000, 40_000), (1.0, 1.0), (0.0, 0.0), (1.0, 0.0, 0.0, 1.0))
    with volumes.create(tmp_path / "wide.zarr", volumes.pyramid(grid), "uint8", chunk=4096):
        pass  # nobody looks into it
    with pytest.raises(ValueError, match="Stage 2 would have 2,778,889 blocks, and dask's scheduler holds about 1,0"):
        distributed.plan(*[tmp_path / "wide.zarr"] * 2, distributed.streamed_solve(block_size=16))


def test_a_lattice_larger_than_memory_is_refused_before_a_voxel_is_read(tmp_path, capsys):
    """Nothing lies in this image of a terabyte, which would be seen if anybody looked into it."""
    grid = Grid((10_000,) * 3, (1.0,) * 3, (0.0,) * 3, tuple(np.eye(3).ravel().tolist()))
    with volumes.create(tmp_path / "wide.zarr", volumes.pyramid(grid), "uint8", chunk=512):
        pass
    call = ["register-large", *[str(tmp_path / "wide.zarr")] * 2, "--output", str(tmp_path / "out"), "--plan"]
    assert main([*call, "--lattice", "1", "--block-size", "256"]) == 1
    said = capsys.readouterr()
    assert "A lattice of 10000 x 10000 x 10000 cells is more than this computer can hold" in said.err
    assert "(lattice_spacing, --lattice), and larger voxels with them (spacing, --spacing)" in said.err
    assert (said.out, (tmp_path / "out").exists()) == ("", False)


def test_votes_that_do_not_fit_in_what_is_free_are_refused(pair):
    found = distributed.needs(distributed.plan(*pair), trial=False)
    demand_memory(found)
    with pytest.raises(RegistrationError, match=r"need 100 PB for votes and field.*--lattice.*--spacing"):
        demand_memory(replace(found, client=10**17))


@pytest.mark.parametrize(("kept", "known"), [(2, False), (3, True)])
def test_the_time_is_told_where_a_pyramid_has_all_levels_that_blocks_look_at(tmp_path, kept, known):
    """A microscope's ends before ours does. The lattice is its third level, and blocks look at no coarser one."""
    paths = stored(tmp_path)
    for path in paths:
        group = zarr.open_group(path, mode="a")
        ome = group.attrs["ome"]
        del ome["multiscales"][0]["datasets"][kept:]
        group.attrs["ome"] = ome
    found = distributed.needs(distributed.plan(*paths))
    assert found.copied > 0
    assert (found.seconds is not None) == known


@pytest.mark.parametrize("kept", [1, 2, 3])
def test_a_pyramid_of_others_is_used_as_far_as_it_goes(tmp_path, kept):
    """Most end at a few hundred voxels: what is missing is made of the coarsest level, and no copy of the image."""
    stored(tmp_path)
    whole = [level.array[:] for level in volumes.levels(tmp_path / "fixed.zarr")]
    group = zarr.open_group(tmp_path / "fixed.zarr", mode="a")
    ome = group.attrs["ome"]
    del ome["multiscales"][0]["datasets"][kept:]
    group.attrs["ome"] = ome
    source = Source.of(tmp_path / "fixed.zarr")
    assert len(source.grids) == len(whole) > 3
    for level, values in enumerate(whole):
        np.testing.assert_array_equal(source.values(level), values)
    work = tmp_path / "work"
    work.mkdir()
    for volume, values, grid in zip(source.open(work), whole, source.grids, strict=True):
        np.testing.assert_array_equal(volume.array[:], values)
        assert volume.grid.matches(grid)
    [copy] = work.iterdir()
    assert len(volumes.levels(copy)) == len(whole) - max(kept - 1, 0)
    assert source.made == sum(level.nbytes for level in volumes.levels(copy))


def test_a_worker_reads_a_corner_of_the_field_and_no_more(tmp_path):
    """Of 100 MB of field it takes less than 1 MB, and what it finds is the same to the last bit."""
    lattice = Grid((160, 160, 160), (4.0,) * 3, (0.0,) * 3, tuple(np.eye(3).ravel().tolist()))
    whole = Field(lattice, np.random.default_rng(0).standard_normal((3, 160, 160, 160), np.float32))
    store.save_field(whole, tmp_path / "field.npy")
    corner = [np.arange(80, 90, 0.5)] * 3
    tracemalloc.start()
    found = store.load_field(lattice, tmp_path / "field.npy").sample(corner)
    assert tracemalloc.get_traced_memory()[1] < 1e6
    tracemalloc.stop()
    np.testing.assert_array_equal(found, whole.sample(corner))


def test_the_client_takes_no_more_than_the_plan_says():
    """The votes of a lattice of many tiles are added and solved: with all that the client holds, and counts."""
    lattice = Grid((80, 80, 80), (4.0, 4.0, 4.0), (0.0, 0.0, 0.0), tuple(np.eye(3).ravel().tolist()))
    rng = np.random.default_rng(0)
    tracemalloc.start()
    votes, field = Votes.none(lattice.box), Field.zero(lattice)
    votes.vector[:] = rng.standard_normal(votes.vector.shape, np.float32)
    votes.matrix[[0, 3, 5]] = 1
    assert field.coefficients.any() == 0  # as they are when the field has been saved
    after = Field(lattice, Solve(knots=8, iterations=2)(votes, field))
    assert after.coefficients.shape == (3, 84, 84, 84)
    assert 60 < tracemalloc.get_traced_memory()[1] / 80**3 < A_CELL
    tracemalloc.stop()
