"""Voxels of every type: computed with, and made fewer, without a number that the type has not."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from regseg.blocks import pool

Pooling = Callable[[np.ndarray, Sequence[int]], np.ndarray]  # of an array (z, y, x), by factors in the order x, y, z


def exact(dtype: np.dtype) -> np.dtype:
    """The floating type to compute in with voxels of a type: float32 has too few digits for integers of 32 bits."""
    return np.result_type(dtype, np.float32)


def as_voxels(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Computed values in the type of the voxels: the nearest number that an integer type has."""
    if not np.issubdtype(dtype, np.integer):
        return values.astype(dtype, copy=False)
    limits = np.iinfo(dtype)
    # The largest int64 is no floating number; the next one is beyond it, so that clipping before the cast would wrap.
    with np.errstate(invalid="ignore"):
        voxels = np.rint(values).astype(dtype)
    voxels[values >= limits.max] = limits.max
    voxels[values <= limits.min] = limits.min
    return voxels


def means(values: np.ndarray, factors: Sequence[int]) -> np.ndarray:
    """The means over boxes of so many voxels, in the type of the voxels."""
    return as_voxels(pool(values, factors, exact(values.dtype)), values.dtype)


def medians(values: np.ndarray, factors: Sequence[int]) -> np.ndarray:
    """The middle value of each box: of labels one that is there, and that of most of its voxels where there is such."""
    boxes = _boxes(values, factors)
    middle = boxes.shape[-1] // 2
    return np.partition(boxes, middle, axis=-1)[..., middle]


def anywhere(values: np.ndarray, factors: Sequence[int]) -> np.ndarray:
    """The largest value of each box: of a mask 1 where any voxel is."""
    return _boxes(values, factors).max(axis=-1)


def _boxes(values: np.ndarray, factors: Sequence[int]) -> np.ndarray:
    """The voxels of each box along a last axis of their own; a box at the border repeats the last voxel."""
    values = np.pad(values, [(0, -n % k) for n, k in zip(values.shape, factors[::-1], strict=True)], mode="edge")
    counts = [n // k for n, k in zip(values.shape, factors[::-1], strict=True)]
    parts = [each for pair in zip(counts, factors[::-1], strict=True) for each in pair]
    order = [*range(0, len(parts), 2), *range(1, len(parts), 2)]
    return values.reshape(parts).transpose(order).reshape(*counts, -1)
