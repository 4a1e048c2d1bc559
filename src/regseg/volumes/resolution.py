"""Levels of resolution: which ones an image has, and what stands in their voxels."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import SimpleITK as sitk

from regseg.grid import Box, Grid
from regseg.volumes.files import Readable, header, pieces
from regseg.volumes.voxels import Pooling, anywhere, means

COARSEST = 16  # voxels along the longest axis of the coarsest level


def pyramid(grid: Grid, coarsest: int = COARSEST) -> list[Grid]:
    """The grids of all levels that `save` makes of an image on this grid, the finest first.

    An axis shrinks by 2 from a level to the next, or by 1 where it is twice as coarse as the finest one already.
    """
    grids = [grid]
    while max(grids[-1].size) > coarsest:
        finest = min(grids[-1].spacing)
        grids.append(grids[-1].shrink([2 if step < 2 * finest else 1 for step in grids[-1].spacing]))
    return grids


def read_level(source: Readable, level: int, *, slab: int = 64, mask: bool = False) -> np.ndarray:
    """The voxels (z, y, x) of a level as `save` would make it, of a file that has none. Nothing is written.

    Parameters
    ----------
    source : Image, Volume, str or Path
        As for `save`.
    level : int
        Which level; 0 is the image itself.
    slab : int
        How wide the pieces are that are read at once, about.
    mask : bool
        As `save_mask` would make it, and not `save`.

    Raises
    ------
    VolumeError
        The file cannot be read, or a voxel holds more than one number.
    """
    grid, dtype = header(source)
    grids = pyramid(grid)[: level + 1]
    pooling: Pooling = anywhere if mask else means
    # Pieces of whole coarse voxels, so that each of them shrinks for itself.
    factors = grids[-1].factors(grid)
    size = [max(slab // factor, 1) * factor for factor in factors]
    found = np.empty(grids[-1].size[::-1], "uint8" if mask else dtype)
    for box, image in pieces(source, grid, size):
        image = image > 0.5 if mask else image
        values = sitk.GetArrayViewFromImage(image)
        for finer, coarser in pairwise(grids):
            values = pooling(values, coarser.factors(finer))
        start = [first // factor for first, factor in zip(box.start, factors, strict=True)]
        found[Box(tuple(start), tuple(np.add(start, values.shape[::-1]).tolist())).slices] = values
    return found
