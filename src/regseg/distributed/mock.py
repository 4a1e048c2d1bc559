"""Stand-ins for tests and for debugging: a block method and a reduction whose answers are known beforehand."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk

from regseg.distributed.field import Field
from regseg.distributed.pair import BlockError, BlockPair
from regseg.distributed.votes import Votes, vote


@dataclass(frozen=True)
class MockMethod:
    """Votes for one and the same transform in every block, whatever the images show.

    Attributes
    ----------
    transform : Transform, optional
        What every block says. None: that nothing moves.
    fail : frozenset[tuple[int, ...]]
        Indices (x, y, z) of blocks that fail instead.
    seconds : float
        How long each block pretends to work.
    before : Callable[[tuple[int, ...]], None], optional
        Called with the index of the block first; what it raises is the block's own affair.
    """

    transform: sitk.Transform | None = None
    fail: frozenset[tuple[int, ...]] = frozenset()
    seconds: float = 0.0
    before: Callable[[tuple[int, ...]], None] | None = None

    def __call__(self, pair: BlockPair) -> Votes:
        """The votes of one block; see BlockMethod."""
        time.sleep(self.seconds)
        if self.before:
            self.before(pair.cells.index)
        if pair.cells.index in self.fail:
            raise BlockError("told to fail")
        return vote(pair, self.transform or sitk.Transform(pair.fixed.GetDimension(), sitk.sitkIdentity))


@dataclass(frozen=True)
class MockReduction:
    """Leaves the field as it is, whatever the votes say."""

    def __call__(self, votes: Votes, field: Field) -> np.ndarray:
        """The values of the field; see Reduction."""
        del votes
        return field.values
