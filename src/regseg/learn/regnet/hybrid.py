"""The network where the motion is large, and the streamed solve of `regseg.distributed` after it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import SimpleITK as sitk
import torch

from regseg.learn.regnet.arithmetic import halved
from regseg.learn.regnet.grids import spread
from regseg.learn.regnet.network import VOXEL, RegNet, load
from regseg.learn.regnet.prediction import Pair, displacements

FAR = ("far",) * 4  # what is left after them the solve finds, sooner than more passes do


@dataclass(frozen=True)
class Found:
    """What `register` found.

    Attributes
    ----------
    transform : sitk.CompositeTransform
        From points of the fixed image to points of the moving one, in mm.
    motion : float
        How far the network saw points move at first sight, in mm: 19 of 20 less. As it is cautious, they move more.
    passes : tuple of str
        The passes of the network that came before the streamed solve; none where the motion is small.
    notes : tuple of str
        What else a reader should know, one sentence each.
    """

    transform: sitk.CompositeTransform
    motion: float
    passes: tuple[str, ...]
    notes: tuple[str, ...]


def register(
    fixed: sitk.Image,
    moving: sitk.Image,
    *,
    initial: sitk.Transform | None = None,
    network: RegNet | None = None,
    passes: Sequence[str] = FAR,
    voxel: float = VOXEL,
) -> Found:
    """Register two images: the network where the motion is large, and then the streamed solve of `regseg.distributed`.

    The network looks once at voxels of twice the width, which costs little, to see how large the motion is. The solve
    finds the way by itself as long as that is at most two and a half voxels, 10 mm for a head. Beyond, it starts where
    the passes of the network have arrived. They leave an error of a voxel or two, so a stage that looks farther around,
    many times, takes the place of all but the last one of `regseg.distributed.streamed_solve`. It needs the extra
    `bigdata`.

    Parameters
    ----------
    fixed, moving : sitk.Image
        2-D or 3-D, of any size, spacing and direction, of the same contrast or of different ones.
    initial : sitk.Transform, optional
        A linear transform from fixed to moving, where the registration starts. Without it, the identity.
    network : RegNet, optional
        Another one than that of the course.
    passes : sequence of str
        Of the network, where the motion is large; see `predict`.
    voxel : float
        Width in mm of the voxels that the network sees, 4 for a head. The solve looks at voxels half as wide at last.

    Returns
    -------
    Found
        The transform, and how it was found.

    Raises
    ------
    TypeError, ValueError
        As `predict`; and where the initial transform is not linear.
    RuntimeError
        The solve could not register any part of the images.
    """
    from regseg import distributed

    network = network or load(fixed.GetDimension())
    motion = _motion(network, Pair.of(fixed, moving, initial, 2 * voxel))
    large = motion > 2.5 * voxel
    stages = distributed.streamed_solve(spacing=voxel / 2)
    with TemporaryDirectory(prefix="regseg-") as folder:
        files = [Path(folder) / name for name in ("fixed.mha", "moving.mha")]
        for image, file in zip((fixed, moving), files, strict=True):
            sitk.WriteImage(sitk.Cast(image, sitk.sitkFloat32), file)
        plan = distributed.plan(*files, stages, initial=initial, lattice_spacing=2 * voxel)
        if large:
            pair = Pair.of(fixed, moving, initial, voxel)
            network_field = pair.transform(displacements(network, pair, passes)).GetDisplacementField()
            values = np.moveaxis(sitk.GetArrayFromImage(spread(network_field, plan.lattice)), -1, 0)
            start = distributed.Field(plan.lattice, values.astype(np.float32))
            method, reduction = distributed.GaussNewton(window=2 * voxel), distributed.Solve(knots=5 * voxel)
            nearer = distributed.Stage(method, reduction, voxel, float("inf"), overlap=6 * voxel, iterations=24)
            plan = replace(plan, start=start, stages=(nearer, stages[-1]))
        result = distributed.run(plan, progress=False)
    return Found(result.transform, motion, tuple(passes) if large else (), (*result.notes, *result.doubts))


def _motion(network: RegNet, pair: Pair) -> float:
    """How far one pass sees points move, in mm: 19 of 20 of those less that lie in the brighter half of the image."""
    moved = np.linalg.norm(displacements(network, pair, ("far",)), axis=0) * 2 * pair.grid.spacing[0]
    bright = halved(torch.from_numpy(pair.fixed)[None, None])[0, 0].numpy()
    return float(np.percentile(moved[bright >= np.median(bright)], 95))
