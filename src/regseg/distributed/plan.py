"""The plan of a registration: its stages, coarse to fine, and their blocks.

An iteration of a stage has two steps:

- **map**: each block reads its part of the fixed image and what belongs to it of the moving image, and a *block method*
  turns the two into votes (see `votes`). Blocks know nothing of each other, so they may run anywhere, in any order.
- **reduce**: the votes are added up, and a *reduction* finds the field. Votes are sums on a coarse lattice, so they fit
  in memory, however many voxels the images have.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import SimpleITK as sitk
from dask.distributed import Client

from regseg.blocks import Block, split
from regseg.distributed.field import Field
from regseg.distributed.pair import BlockPair, Ranges
from regseg.distributed.votes import Votes
from regseg.grid import Grid
from regseg.volumes import Volume


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
        Width of a block without its halo, in mm, about: the blocks of a stage are equal.
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
        if not (self.spacing > 0 and self.block_size > 0 and self.overlap >= 0 and self.iterations >= 1):
            raise ValueError(
                f"A stage with voxels of {self.spacing} mm, blocks of {self.block_size} mm, an overlap of "
                f"{self.overlap} mm and {self.iterations} iterations cannot be: only the overlap may be 0, and nothing "
                "less."
            )


@dataclass(repr=False)
class Plan:
    """A registration that is planned, to be looked at.

    Attributes
    ----------
    fixed, moving, mask
        Their levels of resolution, the finest first; no mask is None.
    initial : Transform
        From points of the fixed image to points of the moving one, where the registration starts.
    stages : tuple[Stage, ...]
        What is done, in order.
    start : Field
        The field at the start; its lattice is the one of the whole registration.
    foreground : array
        Where there is something to register, for each cell, shape (z, y, x).
    ranges : Ranges
        The grey ranges of the fixed and of the moving image, without the outermost thousandths.
    workdir : Path
        Where the votes and the fields are kept while it runs, and from where a killed run goes on.
    client : Client or str, optional
        The dask client, its scheduler's address, or None to work here, one block after the other.
    """

    fixed: list[Volume]
    moving: list[Volume]
    mask: list[Volume] | None
    initial: sitk.Transform
    stages: tuple[Stage, ...]
    start: Field
    foreground: np.ndarray
    ranges: Ranges
    workdir: Path
    client: Client | str | None

    @property
    def lattice(self) -> Grid:
        """The lattice of the votes and of the field."""
        return self.start.lattice

    @property
    def coarse(self) -> Volume:
        """The fixed image at the resolution of the lattice: a voxel for each cell."""
        return next(each for each in self.fixed if each.grid == self.lattice)

    def levels(self, stage: Stage) -> tuple[Volume, Volume, Volume | None]:
        """The levels of the fixed image, the moving image and the mask that a stage looks at."""
        fixed = at_least(self.fixed[: self.coarse.level + 1], stage.spacing)
        return fixed, at_least(self.moving, stage.spacing), self.mask[fixed.level] if self.mask else None

    def blocks(self, stage: Stage) -> list[tuple[Block, bool]]:
        """The blocks of a stage, counted in cells of the lattice, each with whether there is anything to register."""
        # As many blocks as come closest to the size, and all of the same: a sliver at the border would be mostly halo.
        counts = [
            max(round(n * step / stage.block_size), 1)
            for n, step in zip(self.lattice.size, self.lattice.spacing, strict=True)
        ]
        size = [-(-n // count) for n, count in zip(self.lattice.size, counts, strict=True)]
        halo = [int(np.ceil(stage.overlap / step)) for step in self.lattice.spacing]
        found = split(self.lattice.size, size, halo)
        return [(block, bool(self.foreground[block.core.slices].mean() > 0.01)) for block in found]

    def __str__(self) -> str:
        """A table of the stages."""
        lines = ["stage  voxels (mm)         blocks  skipped  largest block (voxels)  iterations"]
        for number, stage in enumerate(self.stages):
            grid, blocks = self.levels(stage)[0].grid, self.blocks(stage)
            factors = self.lattice.factors(grid)
            largest = max((b.padded.scale(factors).clip(grid.box).size for b, _ in blocks), key=np.prod)
            cells = [
                f"{number:5}",
                f"{' x '.join(f'{step:.3g}' for step in grid.spacing):18}",
                f"{len(blocks):6}",
                f"{sum(not wanted for _, wanted in blocks):7}",
                f"{' x '.join(map(str, largest)):22}",
                f"{stage.iterations:10}",
            ]
            lines.append("  ".join(cells))
        return "\n".join(lines)

    __repr__ = __str__


def at_least(levels: list[Volume], spacing: float) -> Volume:
    """The coarsest level whose smallest spacing is at most this, in mm; the finest if none is."""
    return next((each for each in levels[::-1] if min(each.grid.spacing) <= 1.01 * spacing), levels[0])


def nearest(levels: list[Volume], spacing: float) -> Volume:
    """The level whose smallest spacing is nearest to this, in mm, as a ratio."""
    return min(levels, key=lambda each: abs(np.log(min(each.grid.spacing) / spacing)))
