"""From two images and some stages to a plan, which can be looked at before anything is registered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite, prod
from pathlib import Path

import numpy as np
import psutil
import SimpleITK as sitk

from regseg.blocks import Block, split
from regseg.distributed import cluster
from regseg.distributed.field import Field
from regseg.distributed.images import Source, at_least, nearest
from regseg.distributed.pair import Ranges, linear
from regseg.distributed.recipes import streamed_solve
from regseg.distributed.stages import Stage
from regseg.grid import Grid
from regseg.start import FEW_GREYS, Look
from regseg.start import linear as linear_start

A_CELL = 150  # bytes of the client: votes, fields before and after, and what the solve computes with
_MOST = 1_000_000  # blocks of a stage
_LEAST = 0.05  # of a block must be its core, where there are many
_FEW = 2_000_000  # voxels in which an initial transform is looked for
_UNLIKE = 1.03  # a start below it is a guess: noise had 1.01, and a head in another contrast 1.10


@dataclass(repr=False)
class Plan:
    """A registration that is planned, to be looked at, and to be done by `run`. Made by `plan`.

    Attributes
    ----------
    fixed, moving, mask : Source
        The images; no mask is None.
    initial : AffineTransform
        From points of the fixed image to points of the moving one, where the registration starts.
    stages : tuple[Stage, ...]
        What is done, in order.
    start : Field
        The field at the start; its lattice is the one of the whole registration.
    coarse : array
        The fixed image at the resolution of the lattice: a voxel for each cell, shape (z, y, x).
    foreground : array
        Where there is something to register, for each cell, shape (z, y, x).
    ranges : Ranges
        The grey ranges of the fixed and of the moving image, without the outermost thousandths.
    started : tuple[str, ...]
        How the initial transform was found, one sentence each; empty where it was given.
    """

    fixed: Source
    moving: Source
    mask: Source | None
    initial: sitk.AffineTransform
    stages: tuple[Stage, ...]
    start: Field
    coarse: np.ndarray
    foreground: np.ndarray
    ranges: Ranges
    started: tuple[str, ...] = ()

    @property
    def lattice(self) -> Grid:
        """The lattice of the votes and of the field."""
        return self.start.lattice

    def levels(self, stage: Stage) -> tuple[int, int]:
        """The levels of the fixed image (and of the mask) and of the moving image that a stage looks at."""
        as_fine_as_the_lattice = self.fixed.grids[: self.fixed.grids.index(self.lattice) + 1]
        return at_least(as_fine_as_the_lattice, stage.spacing), at_least(self.moving.grids, stage.spacing)

    def blocks(self, stage: Stage) -> list[tuple[Block, bool]]:
        """The blocks of a stage, counted in cells of the lattice, each with whether there is anything to register."""
        found = split(self.lattice.size, *_cells(self.lattice, stage))
        return [(block, bool(self.foreground[block.core.slices].mean() > 0.01)) for block in found]

    def __str__(self) -> str:
        """How it starts, if that was found out, and a table of the stages."""
        lines = [*self.started, "stage  voxels (mm)         blocks  skipped  largest block (voxels)  iterations"]
        for number, stage in enumerate(self.stages):
            grid, blocks = self.fixed.grids[self.levels(stage)[0]], self.blocks(stage)
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


def plan(
    fixed: str | Path,
    moving: str | Path,
    stages: Sequence[Stage] | None = None,
    *,
    initial: sitk.Transform | str | None = None,
    mask: str | Path | None = None,
    start: Field | None = None,
    lattice_spacing: float | None = None,
    channel: int | tuple[int, int] | None = None,
    time: int | tuple[int, int] | None = None,
) -> Plan:
    """Plan the registration of two images that need not fit in memory. Nothing is written, and nothing registered.

    To see where there is anything to register, the images are looked at in the resolution of the lattice. OME-Zarr with
    the levels of `volumes.save` has that at hand; any other file is read once from end to end, a slab at a time.

    Parameters
    ----------
    fixed : str or Path
        Path of the fixed image: OME-Zarr, or any file that SimpleITK reads. 2-D or 3-D.
    moving : str or Path
        Path of the moving image.
    stages : Sequence[Stage], optional
        What to do, coarse to fine; `recipes` has some ready. Without them the streamed solve, in the voxels of the
        fixed image: whether these are 0.01 mm wide, 1 mm, or 25.
    initial : Transform or "auto", optional
        A linear transform from fixed to moving, in mm; a composite of linear ones is welcome. Without it, the identity.
        With "auto" an affine one is looked for, for images of the same thing that lie anywhere and turned in any way,
        in a coarse level of both: `regseg.start.linear` says how.
    mask : str or Path, optional
        Path of an image on the fixed image's grid, above 0.5 where voxels count.
    start : Field, optional
        The field of an earlier result, to go on from.
    lattice_spacing : float, optional
        Width of a cell of the lattice in mm, rounded to a level of resolution of the fixed image. Without it 4 mm, or 4
        voxels of the fixed image where the stages are not given either.
    channel, time : int or tuple[int, int], optional
        Which ones of OME-Zarr images that have several, counted from 0: of both images, or of the fixed and the moving.

    Raises
    ------
    ValueError
        Dimensions differ, the mask has another grid, the initial transform is not linear or is singular, or none was
        found, a length cannot be, there is no stage, or there are absurdly many blocks. VolumeError, a ValueError too:
        an image cannot be read.
    """
    channels, times = (each if isinstance(each, tuple) else (each, each) for each in (channel, time))
    fixed = Source.of(fixed, channel=channels[0], time=times[0])
    voxel = min(fixed.grids[0].spacing) if stages is None else 1.0
    stages = streamed_solve(voxel) if stages is None else stages
    lattice_spacing = 4 * voxel if lattice_spacing is None else lattice_spacing
    if not isinstance(stages, Sequence) or not stages:
        raise ValueError("Give a list of stages, even of one; distributed.streamed_solve() returns some.")
    if not (initial is None or initial == "auto" or isinstance(initial, sitk.Transform)):
        raise ValueError(
            'The initial transform must be a SimpleITK transform, or "auto"; sitk.ReadTransform reads one from a file.'
        )
    if not (isfinite(lattice_spacing) and lattice_spacing > 0):
        raise ValueError(f"A lattice of {lattice_spacing} mm cannot be: give a width above 0.")
    moving = Source.of(moving, channel=channels[1], time=times[1])
    mask = Source.of(mask, mask=True) if mask else None
    dimension = fixed.grids[0].dimension
    auto = initial == "auto"
    initial = sitk.Transform(dimension, sitk.sitkIdentity) if auto or initial is None else initial
    for name, found in ("moving image", moving.grids[0].dimension), ("initial transform", initial.GetDimension()):
        if found != dimension:
            raise ValueError(f"The fixed image has {dimension} dimensions and the {name} has {found}.")
    _demand_size(stages, fixed.grids)
    if mask and not mask.grids[0].matches(fixed.grids[0]):
        raise ValueError("The mask lies on another grid than the fixed image: resample it onto that grid first.")
    linear(initial)  # before anything is read
    level = nearest(fixed.grids, lattice_spacing)
    lattice = fixed.grids[level]
    if min(lattice.size) < 2:
        raise ValueError(
            f"A lattice of {lattice.size} cells is too coarse for an image of {fixed.grids[0].size} voxels: give a "
            "smaller lattice_spacing (--lattice). An image that has one slice only is registered as a picture, in 2-D."
        )
    _demand_blocks(stages, lattice)
    if prod(lattice.size) * A_CELL > psutil.virtual_memory().total:
        raise ValueError(
            f"A lattice of {' x '.join(map(str, lattice.size))} cells is more than this computer can hold: give larger "
            "cells (lattice_spacing, --lattice), and larger voxels with them (spacing, --spacing)."
        )
    if start is not None and start.lattice != lattice:
        raise ValueError("The field to start from lies on another lattice: give the lattice_spacing it was made with.")
    coarse = fixed.values(level)
    ranges = (
        _grey_range(coarse, fixed.path),
        _grey_range(moving.values(at_least(moving.grids, lattice_spacing)), moving.path),
    )
    started: tuple[str, ...] = ()
    if auto:
        initial, started = _auto(fixed, moving)
    matrix, shift = linear(initial)
    return Plan(
        fixed,
        moving,
        mask,
        sitk.AffineTransform(matrix.ravel().tolist(), shift.tolist()),
        tuple(stages),
        start or Field.zero(lattice),
        coarse,
        mask.values(level) > 0 if mask else _foreground(coarse),
        ranges,
        started,
    )


@cluster.one_thread()
def _auto(fixed: Source, moving: Source) -> tuple[sitk.Transform, tuple[str, ...]]:
    """A linear transform that was looked for, and how; ValueError where none makes the images alike."""
    found = linear_start(Look(_small(fixed), _small(moving), bins=FEW_GREYS), "affine")
    if found.likeness < _UNLIKE:
        raise ValueError(
            f"No shift and no turn was found that makes the two images alike (mutual information {found.likeness:.3f}, "
            "and 1 is none). Do they show the same thing? If so, lay them on each other by hand, in 3D Slicer for "
            "instance, and give that transform (initial, --initial FILE)."
        )
    return found.transform, found.steps


def _small(source: Source) -> sitk.Image:
    """The image in its finest level of few voxels."""
    level = next((n for n, grid in enumerate(source.grids) if prod(grid.size) <= _FEW), len(source.grids) - 1)
    return source.grids[level].image(_finite(source.values(level)))


def _cells(lattice: Grid, stage: Stage) -> tuple[list[int], list[int]]:
    """How wide the blocks of a stage are, and their halos, in cells of a lattice."""
    # As many blocks as come closest to the size, and all of the same: a sliver at the border would be mostly halo.
    counts = [max(round(n * step / stage.block_size), 1) for n, step in zip(lattice.size, lattice.spacing, strict=True)]
    size = [-(-n // count) for n, count in zip(lattice.size, counts, strict=True)]
    return size, [int(np.ceil(stage.overlap / step)) for step in lattice.spacing]


def _demand_blocks(stages: Sequence[Stage], lattice: Grid) -> None:
    """Raise ValueError where a stage has more blocks than anybody can do, or many that are nearly all halo."""
    for number, stage in enumerate(stages):
        size, halo = _cells(lattice, stage)
        count = prod(-(-n // width) for n, width in zip(lattice.size, size, strict=True))
        share = prod(width / (width + 2 * more) for width, more in zip(size, halo, strict=True))
        if count > _MOST:
            raise ValueError(
                f"Stage {number} would have {count:,} blocks, and dask's scheduler holds about {_MOST:,}: give larger "
                "blocks (block_size, --block-size), or larger voxels (spacing, --spacing)."
            )
        if count > 1000 and share < _LEAST:
            raise ValueError(
                f"Each of the {count:,} blocks of stage {number} would be {1 - share:.0%} halo, which its neighbours "
                "read again: give larger blocks (block_size, --block-size), or a smaller overlap (overlap, --overlap)."
            )


def _demand_size(stages: Sequence[Stage], grids: Sequence[Grid]) -> None:
    """Raise ValueError where the stages are made for quite another size of voxels: such blocks are absurd."""
    wanted = min(stage.spacing for stage in stages)
    finest, coarsest = min(grids[0].spacing), min(grids[-1].spacing)
    if not finest / 8 <= wanted <= 4 * coarsest:
        raise ValueError(
            f"The stages look at voxels of {wanted:g} mm, and those of the fixed image are {finest:g} mm wide. Are the "
            f"lengths of its file in mm? If so, give stages of its size (spacing={finest:g}, --spacing {finest:g})."
        )


def _foreground(values: np.ndarray) -> np.ndarray:
    """Which voxels are brighter than Otsu's threshold between background and object; of NaN and infinite ones none."""
    known = np.isfinite(values)
    if not known.any():
        return known
    image = sitk.GetImageFromArray(_finite(values))
    return (sitk.GetArrayFromImage(sitk.OtsuThreshold(image, 0, 1)) > 0) & known


def _finite(values: np.ndarray) -> np.ndarray:
    """The values as float32, with the darkest one in place of NaN and infinite ones, of which not all may be."""
    known = np.isfinite(values)
    return np.where(known, values, values[known].min()).astype(np.float32)


def _grey_range(values: np.ndarray, path: Path) -> tuple[float, float]:
    values = values[np.isfinite(values)]
    low, high = np.percentile(values, [0.1, 99.9]) if values.size else (0.0, 0.0)
    if not high > low:
        raise ValueError(f"{path} shows one grey value only, or NaN: there is nothing to register.")
    return float(low), float(high)
