"""What a registration gives, written chunk by chunk: the warped image, and the displacement field."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
from dask.distributed import Client

from regseg import volumes
from regseg.blocks import split
from regseg.distributed import cluster
from regseg.distributed.field import Field
from regseg.distributed.images import nearest
from regseg.distributed.pair import Linear, displacements, linear, pull
from regseg.distributed.planning import Plan
from regseg.distributed.result import RegistrationError, Result
from regseg.distributed.store import load_field, save_field
from regseg.grid import Box, Grid
from regseg.points import invert
from regseg.volumes import Volume, as_voxels


def demand_writable(plan: Plan, path: str | Path) -> None:
    """Raise ValueError where nothing can be written at a path, or where an input of the registration would be lost."""
    volumes.demand_writable(path)
    for each in filter(None, (plan.fixed, plan.moving, plan.mask)):
        if volumes.holds(path, each.path):
            raise ValueError(f"{path} is an image that is registered here: choose another place for what is written.")


def demand_fill(plan: Plan, fill: float | None) -> None:
    """Raise ValueError where the moving image's type has no such number."""
    kind = plan.moving.dtype
    if fill is None:
        return
    if np.issubdtype(kind, np.integer):
        held = float(fill).is_integer() and np.iinfo(kind).min <= fill <= np.iinfo(kind).max
    else:
        held = not np.isfinite(fill) or abs(fill) <= float(np.finfo(kind).max)
    if not held:
        raise ValueError(f"The moving image's voxels are of type {kind}, which has no {fill} to fill with.")


def background(plan: Plan) -> float:
    """The low end of the moving image's grey range: air in a CT, where 0 HU would be water, and black in an MR."""
    return as_voxels(np.array(plan.ranges[1]), np.dtype(plan.moving.dtype))[0].item()


def write_warped(
    plan: Plan,
    result: Result,
    path: str | Path,
    *,
    fill: float | None = None,
    labels: bool = False,
    client: Client | str | None = None,
    progress: bool = True,
) -> Volume:
    """Write the moving image, resampled onto the fixed image's grid, as OME-Zarr.

    The file is written chunk by chunk, with all levels of resolution, here or on a cluster, and nobody ever holds a
    whole image.

    Parameters
    ----------
    plan : Plan
        The registration.
    result : Result
        What it gave.
    path : str or Path
        Where to write, ending in .zarr. What stands there is replaced once the new file is whole.
    fill : float, optional
        The value of voxels that lie outside the moving image. Without it, the low end of that image's grey range: its
        background, which is air in a CT (0 HU would be water) and black in an MR. For labels, 0.
    labels : bool
        Take the nearest voxel, as a label map needs, instead of interpolating linearly.
    client : Client or str, optional
        As for `run`.
    progress : bool
        Show a bar.

    Raises
    ------
    RegistrationError
        A chunk could not be written. What stood at the path before is still there.
    ValueError
        The path cannot be written, or is that of an image which is registered; or the image's type has no such fill.
    """
    demand_fill(plan, fill)
    if fill is None:
        fill = 0 if labels else background(plan)
    task = partial(_warp, moving=plan.moving.open(result.workdir)[0], order=0 if labels else 1, fill=fill)
    pooling = volumes.medians if labels else volumes.means
    return _write(plan, result, path, plan.fixed.grids[0], plan.moving.dtype, 1, task, pooling, client, progress)


def write_field(
    plan: Plan,
    result: Result,
    path: str | Path,
    *,
    spacing: float = 4.0,
    client: Client | str | None = None,
    progress: bool = True,
) -> Volume:
    """Write the displacement from points of the fixed image to points of the moving one, as OME-Zarr of vectors.

    The initial transform is in it, so that the field alone carries a point over: components x, y, z, in mm (LPS).
    Linear interpolation between its voxels, as SimpleITK's DisplacementFieldTransform does it, is right to the extent
    that `spacing` is small; `result.transform` is right everywhere.

    Parameters
    ----------
    plan, result, path, client, progress
        As for `write_warped`.
    spacing : float
        In mm; the field gets the voxels of the fixed image's level nearest to it.

    Raises
    ------
    RegistrationError
        A chunk could not be written. What stood at the path before is still there.
    ValueError
        The path cannot be written, or is that of an image which is registered.
    """
    grid = plan.fixed.grids[nearest(plan.fixed.grids, spacing)]
    return _write(plan, result, path, grid, "float32", grid.dimension, _displace, volumes.means, client, progress)


def write_displacements(
    plan: Plan,
    result: Result,
    path: str | Path,
    *,
    spacing: float = 4.0,
    client: Client | str | None = None,
    progress: bool = True,
) -> tuple[Volume, Volume | None]:
    """Write the displacements of both ways as OME-Zarr 0.6 has them, a file that other programs can follow.

    "forward", on the fixed image's grid, leads from points of the fixed image to points of the moving one, as
    `write_field` has it; "inverse", on the moving image's grid, leads back. It is NaN where the registration folds, so
    that no point leads there. From beyond the fixed image it leads back by what the field is at its border.

    Parameters
    ----------
    plan, result, path, spacing, client, progress
        As for `write_field`.

    Returns
    -------
    tuple[Volume, Volume | None]
        The two fields, as `volumes.open_displacements` opens them.

    Raises
    ------
    RegistrationError
        A chunk could not be written. What stood at the path before is still there.
    ValueError
        The path cannot be written, or is that of an image which is registered.
    """
    demand_writable(plan, path)
    ways = {"forward": (plan.fixed, _displace), "inverse": (plan.moving, _displace_back)}
    fields = {name: volumes.pyramid(source.grids[nearest(source.grids, spacing)]) for name, (source, _) in ways.items()}
    with volumes.create_displacements(path, fields) as created:
        for name, (_, task) in ways.items():
            label = f"{Path(path).name}, {name}"
            _fill(plan, result, created[name], partial(_in_axes, task), volumes.means, label, client, progress)
    return volumes.open_displacements(path)


def _write(
    plan: Plan,
    result: Result,
    path: str | Path,
    grid: Grid,
    dtype: str,
    components: int,
    task: Callable[[Box, Grid, Field, Linear], np.ndarray],
    pooling: volumes.Pooling,
    client: Client | str | None,
    progress: bool,
) -> Volume:
    demand_writable(plan, path)
    grids = volumes.pyramid(grid)
    with volumes.create(path, grids, dtype, components=components, sharded=True) as levels:
        _fill(plan, result, levels, task, pooling, Path(path).name, client, progress)
    return volumes.open_volume(path)


@cluster.one_thread()
def _fill(
    plan: Plan,
    result: Result,
    levels: Sequence[Volume],
    task: Callable[[Box, Grid, Field, Linear], np.ndarray],
    pooling: volumes.Pooling,
    label: str,
    client: Client | str | None,
    progress: bool,
) -> None:
    """Fill the finest level by a task, and each other one from the one before."""
    lattice = result.field.lattice
    if not any(lattice.matches(grid) for grid in plan.fixed.grids):
        raise ValueError(f"The result was found for another fixed image than {plan.fixed.path}: plan with that one.")
    # The field travels by file, as it does between the iterations, and not with each task.
    file = result.workdir / "result.npy"
    save_field(result.field, file)
    with cluster.connected(client) as client:
        common = (task, levels[0], lattice, file, linear(result.initial))
        _each_file(levels[0], partial(_with_field, *common), label, client, progress)
        for number, (finer, coarser) in enumerate(pairwise(levels), 1):
            make = partial(volumes.coarsen, coarser, finer=finer, pooling=pooling)
            _each_file(coarser, make, f"{label}, level {number}", client, progress)


def _each_file(out: Volume, write: Callable[[Box], None], label: str, client: Client | None, progress: bool) -> None:
    """Let each file of a level be written; so no two workers write into the same one."""
    blocks = split(out.grid.size, out.shard, (0,) * out.grid.dimension)
    tasks = {block.index: (block.core,) for block in blocks}
    for index, outcome in cluster.run(write, tasks, client, label=label, progress=progress):
        if isinstance(outcome, BaseException):
            raise RegistrationError(f"Chunk {index} of {label} could not be written: {outcome}") from outcome


def _with_field(task: Callable, out: Volume, lattice: Grid, file: Path, initial: Linear, box: Box) -> None:
    field = load_field(lattice, file)
    out.fill(box, lambda piece: task(piece, out.grid, field, initial))


def _warp(box: Box, grid: Grid, field: Field, initial: Linear, moving: Volume, order: int, fill: float) -> np.ndarray:
    values, inside = pull(moving, grid, box, field, initial, order)
    voxels = as_voxels(values, moving.array.dtype)
    voxels[~inside] = fill  # last, for the floating numbers may have no equal of it
    return voxels


def _displace(box: Box, grid: Grid, field: Field, initial: Linear) -> np.ndarray:
    # y - x for y = M (x + u) + s is M u + (M - 1) x + s: the second part is linear, so it takes one line for each axis.
    matrix, shift = initial
    values = np.tensordot(matrix, displacements(field, grid, box), axes=1)
    change = matrix - np.eye(grid.dimension)
    steps = change @ grid.matrix
    first = change @ grid.points(box.start) + shift
    for component in range(grid.dimension):
        values[component] += first[component]
        for axis, size in enumerate(box.size):
            values[component] += (steps[component, axis] * np.arange(size)).reshape([-1] + [1] * axis)
    return values


def _displace_back(box: Box, grid: Grid, field: Field, initial: Linear) -> np.ndarray:
    # A point y of the moving image comes from x = z - u(x), where the linear part alone brings z to y.
    matrix, shift = initial
    corner = np.indices(box.size).reshape(grid.dimension, -1).T + box.start
    points = grid.points(corner)
    before = (points - shift) @ np.linalg.inv(matrix).T
    found = invert(before, lambda each: each + field.at(each))
    return (found - points).T.reshape(-1, *box.size).transpose(0, *range(grid.dimension, 0, -1))


def _in_axes(task: Callable, box: Box, grid: Grid, field: Field, initial: Linear) -> np.ndarray:
    return volumes.along_axes(task(box, grid, field, initial), grid)
