"""Blocks: an image larger than memory, cut into pieces that fit. Everything counts in SimpleITK's order, x, y, z."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod

import numpy as np
import SimpleITK as sitk

from regseg.grid import Box


@dataclass(frozen=True)
class Block:
    """One piece of the work: the core it answers for, and the core with its halo, which it looks at.

    The cores of all blocks touch without overlapping; the halos end at the border of the image.
    """

    index: tuple[int, ...]
    core: Box
    padded: Box

    @property
    def inner(self) -> Box:
        """The core, counted from the first voxel of the padded box."""
        return self.core.move(self.padded.start)


def split(size: Sequence[int], block_size: Sequence[int], halo: Sequence[int]) -> Iterator[Block]:
    """Cut an image of this size into blocks, the x axis fastest.

    Raises ValueError when a block is not at least one voxel wide, or a halo is negative.
    """
    if min(block_size) < 1 or min(halo) < 0:
        raise ValueError(f"Blocks of {tuple(block_size)} voxels with a halo of {tuple(halo)}: a block needs a voxel.")
    whole = Box((0,) * len(size), tuple(size))
    counts = [range(-(-n // b)) for n, b in zip(size, block_size, strict=True)]
    for reverse in product(*counts[::-1]):
        index = reverse[::-1]
        core = Box(index, tuple(i + 1 for i in index)).scale(block_size).clip(whole)
        yield Block(index, core, core.grow(halo).clip(whole))


def pool(array: np.ndarray, factors: Sequence[int], dtype: np.dtype | type = np.float32) -> np.ndarray:
    """The means over boxes of so many voxels (factors in the order x, y, z), as `dtype`, of an array (z, y, x).

    A box that reaches over the border repeats the last voxel.
    """
    for axis, factor in enumerate(factors[::-1]):
        if factor > 1:
            size = array.shape[axis]
            if size % factor:
                array = np.concatenate([array, np.repeat(array.take([-1], axis), -size % factor, axis)], axis)
            parts = (*array.shape[:axis], -1, factor, *array.shape[axis + 1 :])
            array = array.reshape(parts).mean(axis=axis + 1, dtype=dtype)
    return array.astype(dtype, copy=False)


def shrunk(image: sitk.Image, most: int) -> sitk.Image:
    """The image in so many voxels at most: means over boxes, as nearly cubes as can be."""
    factors = [1] * image.GetDimension()
    while image.GetNumberOfPixels() / prod(factors) > most:
        factors[int(np.argmin(np.multiply(image.GetSpacing(), factors)))] += 1
    return image if max(factors) == 1 else sitk.BinShrink(image, factors)
