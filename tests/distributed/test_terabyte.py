"""Images of three terabytes, which a server on loopback answers from a formula, are planned and registered."""

import numpy as np
import pytest

import terabyte
from formula import CHUNK, LEVELS, served
from regseg import distributed


@pytest.fixture
def formula():
    """The two images."""
    with served() as found:
        yield found


def test_three_terabytes_are_planned_from_their_coarse_levels(formula):
    """In voxels of 16 µm, and blocks of 64 of them, of which few hold something."""
    plan = distributed.plan(*formula.pair, distributed.streamed_solve(0.016), lattice_spacing=0.064)
    blocks = plan.blocks(plan.stages[3])
    assert len(blocks) == 12**3
    assert 8 <= sum(wanted for _, wanted in blocks) <= 27
    found = distributed.needs(plan, trial=False)
    assert found.blocks < 100
    assert found.client < 3e9
    assert found.worker < 1e9
    assert {level for _, level, _ in formula.asked} == {6}
    assert len(set(formula.asked)) * CHUNK**3 * 2 < 1e-4 * np.prod(LEVELS[0].size) * 2


@pytest.mark.parametrize(
    ("block_size", "why"), [(None, "1,953,125 blocks.*--block-size"), (0.256, "3000 x 3000 x 3000 cells.*--lattice")]
)
def test_what_nobody_can_do_is_refused_before_a_voxel_is_read(formula, block_size, why):
    stages = distributed.streamed_solve(0.001, block_size=block_size)
    with pytest.raises(ValueError, match=why):
        distributed.plan(*formula.pair, stages, lattice_spacing=0.004)
    assert not formula.asked


def test_the_projection_says_what_breaks_first():
    """A terabyte in every voxel has 250 billion of them, in two images of uint16, and a 64th as many cells."""
    dense, sparse = (terabyte.projected(1, skip, 4e-6) for skip in (1, 4))
    assert dense["blocks of the last stage"] == pytest.approx(2.5e11 / 64**3, rel=0.02)
    assert dense["client (GB)"] == pytest.approx(64 * sparse["client (GB)"], rel=0.1)
    assert dense["CPU of the last stage (days)"] == pytest.approx(64 * sparse["CPU of the last stage (days)"], rel=0.05)
