"""The plan of a registration: its stages, coarse to fine, and their blocks.

An iteration of a stage has two steps:

- **map**: each block reads its part of the fixed image and what belongs to it of the moving image, and a *block method*
  turns the two into votes (see `votes`). Blocks know nothing of each other, so they may run anywhere, in any order.
- **reduce**: the votes are added up, and a *reduction* finds the field. Votes are sums on a coarse lattice, so they fit
  in memory, however many voxels the images have.
"""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import SimpleITK as sitk
from dask.distributed import Client

from regseg import volumes
from regseg.blocks import Block, Grid, split
from regseg.distributed import engine
from regseg.distributed.field import Field
from regseg.distributed.pair import BlockPair, Ranges, linear
from regseg.distributed.result import Result
from regseg.distributed.store import stamp
from regseg.distributed.votes import Votes
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


@dataclass
class Schedule:
    """A registration that is planned, to be looked at and then computed. Made by `register`.

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

    def levels(self, stage: Stage) -> tuple[Volume, Volume, Volume | None]:
        """The levels of the fixed image, the moving image and the mask that a stage looks at."""
        fixed = [each for each in self.fixed if each.level <= self._coarsest]
        fixed = _at_least(fixed, stage.spacing)
        return fixed, _at_least(self.moving, stage.spacing), self.mask[fixed.level] if self.mask else None

    @property
    def _coarsest(self) -> int:
        return next(each.level for each in self.fixed if each.grid == self.lattice)

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
            factors = [round(c / v) for c, v in zip(self.lattice.spacing, grid.spacing, strict=True)]
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

    def compute(self, progress: bool = True) -> Result:
        """Do it. A run that was killed goes on from the blocks it has, if it gets the same work folder again.

        Raises
        ------
        RegistrationError
            No block could be registered, or the work folder belongs to another registration.
        """
        return engine.compute(self, progress)


def register(
    fixed: str | Path,
    moving: str | Path,
    stages: Sequence[Stage],
    *,
    initial: sitk.Transform | None = None,
    mask: str | Path | None = None,
    start: Field | None = None,
    lattice_spacing: float = 4.0,
    workdir: str | Path | None = None,
    client: Client | str | None = None,
) -> Schedule:
    """Plan the registration of two images that need not fit in memory.

    Images that are not OME-Zarr, or that lack the levels of resolution of `volumes.save`, are first written to the work
    folder, a slab at a time. Nothing is registered before `Schedule.compute`.

    Parameters
    ----------
    fixed : str or Path
        Path of the fixed image: OME-Zarr, or any file that SimpleITK reads. 2-D or 3-D.
    moving : str or Path
        Path of the moving image.
    stages : Sequence[Stage]
        What to do, coarse to fine; `recipes` has some ready.
    initial : Transform, optional
        A linear transform from fixed to moving, in mm. Without it, the identity.
    mask : str or Path, optional
        Path of an image on the fixed image's grid, above 0.5 where voxels count.
    start : Field, optional
        The field of an earlier result, to go on from.
    lattice_spacing : float
        Width of a cell of the lattice in mm, rounded to a level of resolution of the fixed image.
    workdir : str or Path, optional
        A folder that all workers can reach. Without it, a temporary one, which goes with the schedule.
    client : Client or str, optional
        A dask client, the address of a scheduler, or None to work here, one block after the other.

    Raises
    ------
    ValueError
        Dimensions differ, the mask has another grid, the initial transform is not linear or is singular,
        or there is no stage. VolumeError, a ValueError too: An image cannot be read.
    """
    if not stages:
        raise ValueError("There is nothing to do without a stage; recipes.streamed_solve() has some.")
    temporary = workdir is None
    # Absolute, as all paths here: a worker may run in another folder.
    workdir = Path(tempfile.mkdtemp(prefix="regseg-") if temporary else workdir).absolute()
    workdir.mkdir(parents=True, exist_ok=True)
    fixed_levels = _prepare(fixed, workdir)
    moving_levels = _prepare(moving, workdir)
    mask_levels = _prepare(mask, workdir) if mask else None
    dimension = fixed_levels[0].grid.dimension
    initial = initial or sitk.Transform(dimension, sitk.sitkIdentity)
    for name, found in ("moving image", moving_levels[0].grid.dimension), ("initial transform", initial.GetDimension()):
        if found != dimension:
            raise ValueError(f"The fixed image has {dimension} dimensions and the {name} has {found}.")
    if mask_levels and not mask_levels[0].grid.matches(fixed_levels[0].grid):
        raise ValueError("The mask lies on another grid than the fixed image: resample it onto that grid first.")
    linear(initial)  # says so now if it is not linear
    lattice = min(fixed_levels, key=lambda each: abs(np.log(min(each.grid.spacing) / lattice_spacing)))
    if min(lattice.grid.size) < 2:
        raise ValueError(
            f"A lattice of {lattice.grid.size} cells is too coarse for this image: "
            "give a lattice_spacing of a tenth of its size."
        )
    if start is not None and start.lattice != lattice.grid:
        raise ValueError("The field to start from lies on another lattice: give the lattice_spacing it was made with.")
    schedule = Schedule(
        fixed_levels,
        moving_levels,
        mask_levels,
        initial,
        tuple(stages),
        start or Field.zero(lattice.grid),
        (mask_levels[lattice.level].array[:] > 0) if mask_levels else _foreground(lattice),
        (_grey_range(lattice), _grey_range(_at_least(moving_levels, lattice_spacing))),
        workdir,
        client,
    )
    if temporary:
        weakref.finalize(schedule, shutil.rmtree, workdir, ignore_errors=True)
    return schedule


def _prepare(path: str | Path, workdir: Path) -> list[Volume]:
    """The levels of an image: its own, if they are as `volumes.save` makes them, or those of a copy."""
    path = Path(path).absolute()
    if path.suffix == ".zarr":
        levels = volumes.levels(path)
        if max(levels[-1].grid.size) <= volumes.COARSEST and all(
            coarse.grid == fine.grid.shrink(volumes.halving(fine.grid))
            for fine, coarse in zip(levels, levels[1:], strict=False)
        ):
            return levels
    target = workdir / f"{path.stem}-{stamp(path)}.zarr"
    if not target.exists():
        volumes.save(path, target)
    return volumes.levels(target)


def _at_least(levels: list[Volume], spacing: float) -> Volume:
    """The coarsest level whose smallest spacing is at most this, in mm; the finest if none is."""
    return next((each for each in levels[::-1] if min(each.grid.spacing) <= 1.01 * spacing), levels[0])


def _foreground(volume: Volume) -> np.ndarray:
    """Which voxels are brighter than Otsu's threshold between background and object."""
    image = sitk.Cast(volume.read(), sitk.sitkFloat32)
    return sitk.GetArrayFromImage(sitk.OtsuThreshold(image, 0, 1)) > 0


def _grey_range(volume: Volume) -> tuple[float, float]:
    values = volume.array[:]
    values = values[np.isfinite(values)]
    low, high = np.percentile(values, [0.1, 99.9]) if values.size else (0.0, 0.0)
    if not high > low:
        raise ValueError(f"{volume.path} shows one grey value only, or NaN: there is nothing to register.")
    return float(low), float(high)
