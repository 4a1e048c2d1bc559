"""The one entry point: two images and some stages become a schedule, and a schedule becomes a result."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from dask.distributed import Client

from regseg import volumes
from regseg.distributed.engine import Run
from regseg.distributed.field import Field
from regseg.distributed.pair import linear
from regseg.distributed.plan import Plan, Stage, at_least, nearest
from regseg.distributed.result import Result
from regseg.distributed.store import stamp
from regseg.volumes import Volume


class Schedule(Plan):
    """A plan that can be carried out. Made by `register`."""

    def compute(self, progress: bool = True) -> Result:
        """Do it. A run that was killed goes on from the blocks it has, if it gets the same work folder again.

        Raises
        ------
        RegistrationError
            No block could be registered, or the work folder belongs to another registration.
        """
        return Run(self, progress).compute()


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
        A folder that all workers can reach. Without it, a temporary one, which goes with the schedule. A second run
        goes on from what it finds there; it notices another method or reduction, but not another value of a global
        name that they use.
    client : Client or str, optional
        A dask client, the address of a scheduler, or None to work here, one block after the other.

    Raises
    ------
    ValueError
        Dimensions differ, the mask has another grid, the initial transform is not linear or is singular,
        or there is no stage. VolumeError, a ValueError too: An image cannot be read.
    """
    if not isinstance(stages, Sequence) or not stages:
        raise ValueError("Give a list of stages, even of one; distributed.streamed_solve() returns some.")
    if initial is not None and not isinstance(initial, sitk.Transform):
        raise ValueError(
            "The initial transform must be a SimpleITK transform; sitk.ReadTransform reads one from a file."
        )
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
    lattice = nearest(fixed_levels, lattice_spacing)
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
        (_grey_range(lattice), _grey_range(at_least(moving_levels, lattice_spacing))),
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
