"""Votes: what a block says about the displacement, as sums that can be added over blocks.

In each cell of the lattice a block prefers some further displacement d, more firmly in some directions than in others:
it says what any other displacement u would cost,

    ½ (u - d)ᵀ A (u - d),

with a symmetric matrix A. Expanded, that is ½ uᵀ A u - bᵀ u with b = A d, up to a number that does not matter. A and
b are all that is sent. The costs of several blocks add up, and so do their A and b: this is what makes registration
a map (each block casts its votes) and a reduce (the votes are added, and the cheapest smooth field is found).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations_with_replacement

import numpy as np
import SimpleITK as sitk

from regseg.blocks import Block
from regseg.distributed.pair import BlockError, BlockPair
from regseg.grid import Box, Grid


@dataclass
class Votes:
    """The votes for the cells in `box` of the lattice.

    Attributes
    ----------
    box : Box
        The cells.
    matrix : array
        A, shape (6 or 3, z, y, x): the elements xx, xy, xz, yy, yz, zz, or xx, xy, yy, see `pairs_of`.
    vector : array
        b, shape (dimension, z, y, x), components x, y, z.
    cost : float, optional
        How unlike the images are in the block, added up; None where a method does not say. Where it grows
        from one iteration to the next, the registration diverges.
    shared : array, optional
        What all blocks should know in the next iteration, an array that is added up over blocks too, of any
        shape; None where a method has nothing of this sort.
    """

    box: Box
    matrix: np.ndarray
    vector: np.ndarray
    cost: float | None = None
    shared: np.ndarray | None = None

    @classmethod
    def none(cls, box: Box) -> Votes:
        """No votes yet, in a box."""
        dimension, shape = len(box.size), box.size[::-1]
        return cls(
            box, np.zeros((len(pairs_of(dimension)), *shape), np.float32), np.zeros((dimension, *shape), np.float32)
        )

    def add(self, other: Votes) -> None:
        """Add other votes, whose box lies inside this one: their sums, costs and shared arrays."""
        where = (slice(None), *other.box.move(self.box.start).slices)
        self.matrix[where] += other.matrix
        self.vector[where] += other.vector
        self.cost = _plus(self.cost, other.cost)
        self.shared = _plus(self.shared, other.shared)

    @property
    def weight(self) -> np.ndarray:
        """How firm the votes are, shape (z, y, x): the mean of A's diagonal."""
        dimension = len(self.vector)
        return sum(self.matrix[k] for k, (i, j) in enumerate(pairs_of(dimension)) if i == j) / dimension


def _plus(a, b):
    return b if a is None else a if b is None else a + b


def pairs_of(dimension: int) -> list[tuple[int, int]]:
    """Which elements of a symmetric matrix are kept, in order: (0, 0), (0, 1), and so on."""
    return list(combinations_with_replacement(range(dimension), 2))


def vote(pair: BlockPair, transform: sitk.Transform) -> Votes:
    """The votes of a block for a transform that registers its moving image to its fixed image.

    They say the same in all directions, and fade smoothly to nothing towards the end of the halo: added over blocks and
    divided by the sum of the weights, they are the block transforms blended by a partition of unity.

    Raises
    ------
    BlockError
        The transform diverged: it moves a point by more than half the block, or to infinity.
    """
    lattice = pair.field.lattice
    place = lattice.crop(pair.cells.padded)
    # The transform moves the fixed point first and the field, as it stands, moves it on.
    both = sitk.CompositeTransform([pair.field.transform, transform])
    total = _displacements(both, place)
    further = total - pair.field.values[(slice(None), *pair.cells.padded.slices)]
    length = np.sqrt((further**2).sum(axis=0)).max()
    extent = min(n * s for n, s in zip(pair.fixed.GetSize(), pair.fixed.GetSpacing(), strict=True))
    if not length < extent / 2:
        raise BlockError(f"diverged: it moves a point by {length:.1f} mm, in a block {extent:.0f} mm wide")
    weight = window(pair.cells) * np.prod(lattice.spacing)
    dimension = lattice.dimension
    matrix = np.zeros((len(pairs_of(dimension)), *weight.shape))
    for k, (i, j) in enumerate(pairs_of(dimension)):
        matrix[k] = weight if i == j else 0
    return Votes(pair.cells.padded, matrix, weight * further)


def window(cells: Block) -> np.ndarray:
    """The weight of a block in each of its cells, shape (z, y, x): 1 inside, smoothly to 0 at the end of the halo.

    Between two neighbours the weights are ½(1 ± cos), so that they add up to 1 across the halo. A side without a halo,
    at the border of the image, keeps 1.
    """
    out = np.ones(())
    for axis in range(len(cells.index)):
        start, stop = cells.padded.start[axis], cells.padded.stop[axis]
        before, after = cells.core.start[axis] - start, stop - cells.core.stop[axis]
        centres = np.arange(start, stop) + 0.5
        ramp = np.ones(stop - start)
        if before:
            ramp *= _rise((centres - start) / (2 * before))
        if after:
            ramp *= _rise((stop - centres) / (2 * after))
        out = ramp.reshape([-1] + [1] * axis) * out
    return out


def _rise(x: np.ndarray) -> np.ndarray:
    return 0.5 - 0.5 * np.cos(np.pi * np.clip(x, 0, 1))


def _displacements(transform: sitk.Transform, place: Grid) -> np.ndarray:
    return np.moveaxis(sitk.GetArrayFromImage(place.sample(transform)), -1, 0)
