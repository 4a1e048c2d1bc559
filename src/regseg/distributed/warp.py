"""What a registration gives, written chunk by chunk: the warped image, and the displacement field."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from regseg import volumes
from regseg.blocks import Block, split
from regseg.distributed import cluster
from regseg.distributed.field import Field
from regseg.distributed.pair import Linear, displacements, linear, pull
from regseg.distributed.plan import Plan, nearest
from regseg.distributed.result import RegistrationError, Result
from regseg.distributed.store import load_field, save_field
from regseg.grid import Grid
from regseg.volumes import Volume


def write_warped(
    schedule: Plan, result: Result, path: str | Path, *, labels: bool = False, progress: bool = True
) -> Volume:
    """Write the moving image, resampled onto the fixed image's grid, as OME-Zarr.

    The file is written chunk by chunk, on the schedule's client, and nobody ever holds a whole image.

    Parameters
    ----------
    schedule : Plan
        The registration.
    result : Result
        What it gave.
    path : str or Path
        Where to write, ending in .zarr. What stands there is replaced once the new file is whole.
    labels : bool
        Take the nearest voxel, as a label map needs, instead of interpolating linearly.
    progress : bool
        Show a bar.

    Raises
    ------
    RegistrationError
        A chunk could not be written. What stood at the path before is still there.
    """
    moving = schedule.moving[0]
    task = partial(_warp, moving=moving, order=0 if labels else 1)
    return _write(schedule, result, path, schedule.fixed[0].grid, moving.array.dtype.name, 1, task, progress)


def write_field(
    schedule: Plan, result: Result, path: str | Path, *, spacing: float = 4.0, progress: bool = True
) -> Volume:
    """Write the displacement from points of the fixed image to points of the moving one, as OME-Zarr of vectors.

    The initial transform is in it, so that the field alone carries a point over: components x, y, z, in mm (LPS).
    Linear interpolation between its voxels, as SimpleITK's DisplacementFieldTransform does it, is right to the extent
    that `spacing` is small; `result.transform` is right everywhere.

    Parameters
    ----------
    schedule, result, path, progress
        As for `write_warped`.
    spacing : float
        In mm; the field gets the voxels of the fixed image's level nearest to it.

    Raises
    ------
    RegistrationError
        A chunk could not be written. What stood at the path before is still there.
    """
    grid = nearest(schedule.fixed, spacing).grid
    return _write(schedule, result, path, grid, "float32", grid.dimension, _displace, progress)


def _write(
    schedule: Plan,
    result: Result,
    path: str | Path,
    grid: Grid,
    dtype: str,
    components: int,
    task: Callable[[Volume, Block, Field, Linear], None],
    progress: bool,
) -> Volume:
    # The field travels by file, as it does between the iterations, and not with each task.
    file = schedule.workdir / "result.npy"
    save_field(result.field, file)
    with (
        volumes.create(path, [grid], dtype, components=components) as [out],
        cluster.connected(schedule.client) as client,
    ):
        # Blocks are chunks, so that no two workers write into the same file.
        blocks = split(grid.size, out.chunk, (0,) * grid.dimension)
        common = (task, out, schedule.lattice, file, linear(result.initial))
        tasks = {block.index: (block, *common) for block in blocks}
        for index, outcome in cluster.run(_with_field, tasks, client, label=Path(path).name, progress=progress):
            if isinstance(outcome, BaseException):
                raise RegistrationError(f"Chunk {index} of {path} could not be written: {outcome}") from outcome
    return volumes.open_volume(path)


def _with_field(block: Block, task: Callable, out: Volume, lattice: Grid, file: Path, initial: Linear) -> None:
    task(out, block, load_field(lattice, file), initial)


def _warp(out: Volume, block: Block, field: Field, initial: Linear, moving: Volume, order: int) -> None:
    values, _ = pull(moving, out.grid, block.core, field, initial, order)
    out.array[block.core.slices] = np.rint(values) if np.issubdtype(out.array.dtype, np.integer) else values


def _displace(out: Volume, block: Block, field: Field, initial: Linear) -> None:
    # y - x for y = M (x + u) + s is M u + (M - 1) x + s: the second part is linear, so it takes one line for each axis.
    matrix, shift = initial
    grid, box = out.grid, block.core
    values = np.tensordot(matrix, displacements(field, grid, box), axes=1)
    change = matrix - np.eye(grid.dimension)
    steps = change @ grid.matrix
    first = change @ grid.points(box.start) + shift
    for component in range(grid.dimension):
        values[component] += first[component]
        for axis, size in enumerate(box.size):
            values[component] += (steps[component, axis] * np.arange(size)).reshape([-1] + [1] * axis)
    out.array[(slice(None), *box.slices)] = values
