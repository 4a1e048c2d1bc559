"""Points carried by displacements that need not fit in memory: of a field in chunks those near the points are read.

Between its voxels a field is linear, as it is for SimpleITK's DisplacementFieldTransform, and it ends half a voxel
beyond the outermost ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import map_coordinates

from regseg.grid import Box
from regseg.points.carrying import invert, known

if TYPE_CHECKING:
    from regseg.volumes import Volume

_KEPT = 32  # chunks, which points beside each other ask for again


class Displacements:
    """The way there and back by displacement fields in chunks.

    Parameters
    ----------
    forward : Volume
        The displacements from points of the fixed image to points of the moving one: components x, y, z, in mm (LPS).
    inverse : Volume, optional
        Those back. Without them the way back is looked for by `invert`, from chunk to chunk, which takes longer.
    """

    def __init__(self, forward: Volume, inverse: Volume | None = None) -> None:
        self._there = _Field(forward)
        self._back = None if inverse is None else _Field(inverse)
        self.dimension = forward.grid.dimension

    def carry(self, points: np.ndarray, *, inverse: bool = False) -> np.ndarray:
        """Where points (n, dimension) in mm, LPS, come to; NaN beyond the field, where it is NaN or folds."""
        if not inverse:
            return known(self._there, points)
        return known(self._there.back if self._back is None else self._back, points)


class _Field:
    def __init__(self, volume: Volume) -> None:
        self._grid, self._chunk = volume.grid, np.array(volume.chunk)

        @lru_cache(_KEPT)
        def piece(chunk: tuple[int, ...]) -> tuple[tuple[int, ...], np.ndarray]:
            """A chunk with the next voxels along each axis: which one is the first, and the values."""
            start, stop = (self._chunk * np.add(chunk, more) for more in (0, 1))
            box = Box(tuple(start.tolist()), tuple((stop + 1).tolist())).clip(volume.grid.box)
            try:
                return box.start, np.asarray(volume.array[(..., *box.slices)], float)
            except (RuntimeError, ValueError) as error:
                raise OSError(f"{volume.path} is damaged: its chunk {chunk} cannot be read ({error}).") from error

        self._piece = piece

    def __call__(self, points: np.ndarray) -> np.ndarray:
        moved = np.full(points.shape, np.nan)
        indices = self._grid.indices(points)
        for chunk, some in self._by_chunk(indices):
            first, values = self._piece(chunk)
            where = (indices[some] - first).T[::-1]
            moves = [map_coordinates(each, where, order=1, mode="nearest") for each in values]
            moved[some] = points[some] + np.stack(moves, axis=-1)
        return moved

    def back(self, points: np.ndarray) -> np.ndarray:
        """The points that come to these, those of one chunk at a time."""
        found = np.full(points.shape, np.nan)
        for _, some in self._by_chunk(np.clip(self._grid.indices(points), 0, np.array(self._grid.size) - 1)):
            found[some] = invert(points[some], self)
        return found

    def _by_chunk(self, indices: np.ndarray) -> Iterator[tuple[tuple[int, ...], np.ndarray]]:
        """Each chunk in which points lie, with the numbers of these points."""
        inside = ((indices >= -0.5) & (indices <= np.array(self._grid.size) - 0.5)).all(axis=1)
        first = np.clip(np.floor(indices), 0, np.array(self._grid.size) - 1)  # of the two voxels on both sides
        chunks = np.where(inside[:, None], first // self._chunk, -1).astype(int)
        order = np.lexsort(chunks.T)
        changes = np.flatnonzero((np.diff(chunks[order], axis=0) != 0).any(axis=1)) + 1
        for start, stop in pairwise([0, *changes.tolist(), len(order)]):
            some = order[start:stop]
            if some.size and chunks[some[0], 0] >= 0:
                yield tuple(chunks[some[0]].tolist()), some
