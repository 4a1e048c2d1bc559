"""The stages of a registration, coarse to fine, and the two functions that each of them is made of.

An iteration of a stage has two steps:

- **map**: each block reads its part of the fixed image and what belongs to it of the moving image, and a *block method*
  turns the two into votes (see `votes`). Blocks know nothing of each other, so they may run anywhere, in any order.
- **reduce**: the votes are added up, and a *reduction* finds the field. Votes are sums on a coarse lattice, so they fit
  in memory, however many voxels the images have.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import Protocol

import numpy as np

from regseg.distributed.field import Field
from regseg.distributed.pair import BlockPair
from regseg.distributed.votes import Votes


class BlockMethod(Protocol):
    """What maps a block to votes: any function, or object that can be called, that pickle can send to a worker."""

    def __call__(self, pair: BlockPair) -> Votes:
        """The votes of one block; BlockError, or any other exception, where it has none."""


class Reduction(Protocol):
    """What turns the votes of all blocks into the field."""

    def __call__(self, votes: Votes, field: Field) -> np.ndarray:
        """The new values of the field, shape (dimension, z, y, x) in mm, from all votes and the field as it stands."""


@dataclass(frozen=True)
class Stage:
    """One step of the pyramid.

    Attributes
    ----------
    method : BlockMethod
        What each block does.
    reduction : Reduction
        What is made of the votes.
    spacing : float
        The voxel size in mm at which the images are looked at: the coarsest level that is at least so fine.
    block_size : float
        Width of a block without its halo, in mm, about: the blocks of a stage are equal. May be infinite.
    overlap : float
        Width of the halo, in mm.
    iterations : int
        How often map and reduce are repeated.
    """

    method: BlockMethod
    reduction: Reduction
    spacing: float
    block_size: float = 64.0
    overlap: float = 8.0
    iterations: int = 1

    def __post_init__(self) -> None:
        """Raise ValueError for a length or a number that cannot be."""
        finite = isfinite(self.spacing) and isfinite(self.overlap)
        if not (finite and self.spacing > 0 and self.block_size > 0 and self.overlap >= 0 and self.iterations >= 1):
            raise ValueError(
                f"A stage with voxels of {self.spacing} mm, blocks of {self.block_size} mm, an overlap of "
                f"{self.overlap} mm and {self.iterations} iterations cannot be: only the overlap may be 0, and nothing "
                "less."
            )
