"""Blocks: every voxel once, and means of them."""

import numpy as np
import pytest
import SimpleITK as sitk

from regseg.blocks import pool, split
from regseg.grid import Box

# --- blocks ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(10, 7, 5), (8, 8), (1, 1, 1)])
def test_the_cores_cover_every_voxel_once_and_halos_stay_inside(size):
    count = np.zeros(size[::-1], int)
    for block in split(size, (4,) * len(size), (2,) * len(size)):
        count[block.core.slices] += 1
        assert block.padded.clip(Box((0,) * len(size), size)) == block.padded
        assert block.core.clip(block.padded) == block.core
    assert (count == 1).all()


def test_the_inner_box_finds_the_core_in_the_padded_piece():
    array = np.random.default_rng(0).random((9, 10, 11))
    for block in split((11, 10, 9), (4, 5, 6), (1, 2, 3)):
        assert np.array_equal(array[block.padded.slices][block.inner.slices], array[block.core.slices])


def test_blocks_come_with_x_fastest():
    assert [block.index for block in split((4, 4), (2, 2), (0, 0))] == [(0, 0), (1, 0), (0, 1), (1, 1)]


@pytest.mark.parametrize(("block", "halo"), [((0, 4), (1, 1)), ((4, 4), (-1, 0))])
def test_impossible_blocks_are_refused(block, halo):
    with pytest.raises(ValueError, match="a block needs a voxel"):
        list(split((8, 8), block, halo))


# --- pooling ---------------------------------------------------------------------------------------------------------


def test_pooling_is_the_mean_that_binshrink_takes():
    array = np.random.default_rng(0).random((4, 6, 8), np.float32)
    shrunk = sitk.GetArrayFromImage(sitk.BinShrink(sitk.GetImageFromArray(array), [2, 3, 1]))
    assert np.allclose(pool(array, (2, 3, 1)), shrunk)


def test_pooling_repeats_the_last_voxel_at_the_border():
    assert pool(np.array([[1, 3, 8]], np.int16), (2, 1)).tolist() == [[2.0, 8.0]]
    assert pool(np.array([[1, 3, 8]], np.int16), (2, 1)).dtype == np.float32


def test_pooling_changes_no_input():
    array = np.arange(8.0, dtype=np.float32)
    pool(array, (1,))[0] = 5  # a factor of one may return a view
    assert pool(np.arange(8.0), (2,)).tolist() == [0.5, 2.5, 4.5, 6.5]
