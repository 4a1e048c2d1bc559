"""Training pairs whose truth is known: one anatomy, two looks, and an artificial motion between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from scipy.linalg import expm

from regseg.grid import Box, Grid
from regseg.learn.regnet.grids import resampled, spread
from regseg.learn.regnet.network import VOXEL
from regseg.learn.train import Draw
from regseg.synth import heads, looks, warps


@dataclass(frozen=True)
class Anatomy:
    """What training images are made of, in voxels of 2 mm: labels, where left and right have one number, and the brain.

    `levels` says how bright each number is in a T1 image.
    """

    labels: sitk.Image
    brain: sitk.Image
    levels: np.ndarray

    @classmethod
    def of(cls, head: sitk.Image) -> Anatomy:
        """The anatomy of a label map with FreeSurfer's numbers, in voxels of 1 mm."""
        numbers = np.arange(1000)
        numbers[41:45] -= 39  # white matter, cortex and ventricles
        numbers[[46, 47, 49, 50, 51, 52, 53, 54, 58, 60]] = [7, 8, 10, 11, 12, 13, 17, 18, 26, 28]
        levels = 30 + 60 * np.random.default_rng(0).random(256)
        for (_, same), level in zip(heads.STRUCTURES.items(), heads.T1_LEVELS[1:], strict=True):
            levels[[n for n in same if n < 256]] = level
        grid, brain = Grid.of(head), sitk.GetArrayFromImage(heads.brain(head))
        found = np.argwhere(brain)[:, ::-1]
        box = Box(tuple(found.min(axis=0).tolist()), tuple((found.max(axis=0) + 1).tolist()))
        box = box.grow((40,) * 3).clip(grid.box)
        labels = numbers[sitk.GetArrayViewFromImage(head)[box.slices].astype(int)] % 256
        coarse = (slice(None, None, 2),) * 3
        place = Grid.of(grid.image(brain[box.slices], box)[coarse])
        return cls(place.image(labels[coarse].astype(np.uint8)), place.image(brain[box.slices][coarse]), levels)

    def slice(self, axis: int, index: int) -> Anatomy:
        """A picture of it, across an axis."""
        cut = tuple(index if other == axis else slice(None) for other in range(3))
        return Anatomy(self.labels[cut], self.brain[cut], self.levels)


def pairs(anatomies: Sequence[Anatomy]) -> Draw:
    """What `train` draws batches with: two images of an anatomy, one of them deformed, for one of the two stages.

    A batch holds "fixed" and "moving" images, the true "field" in cells, how much each cell counts ("weight"), whether
    it is for the stage that is called "far", and how many passes have gone "before" the one that learns from it. Grey
    levels fall by lot: like T1, inverted, or any.
    """

    def draw(random: np.random.Generator) -> dict[str, np.ndarray]:
        anatomy = anatomies[int(random.integers(len(anatomies)))]
        dimension, far = anatomy.labels.GetDimension(), random.random() < 0.6
        inside = sitk.GetArrayViewFromImage(anatomy.brain)
        stripped = random.random() < 0.7
        first = _look(anatomy, stripped, random)
        second = first if random.random() < 0.4 else _look(anatomy, stripped, random)

        # The stage for small motions learns from pieces: it needs to see no more.
        size = (44, 52, 46)[:dimension] if far else (32,) * dimension
        voxels = np.argwhere(inside)[:, ::-1]
        middle = voxels.mean(axis=0) if far else voxels[random.integers(len(voxels))]
        middle = Grid.of(anatomy.labels).points(middle) + random.uniform(-12, 12, dimension)
        skew = random.uniform(-0.15, 0.15, (dimension, dimension))
        axes = expm(skew - skew.T) * random.choice((-1.0, 1.0), dimension)
        grid = Grid.around(middle.tolist(), size, (VOXEL,) * dimension, axes.ravel().tolist())
        cells = grid.shrink((2,) * dimension)

        truth = _motion(first, cells, random, far)
        wider = grid.crop(grid.box.grow((6 if far else 2,) * dimension))
        images = {
            "fixed": _seen(first, grid, _finer(truth, grid), random, stripped),
            "moving": _seen(second, wider, sitk.Transform(dimension, sitk.sitkIdentity), random, stripped),
        }
        field = sitk.GetArrayFromImage(truth.GetDisplacementField()) @ cells.axes / (2 * VOXEL)
        weight = 0.02 + resampled(sitk.Cast(anatomy.brain, sitk.sitkFloat32), cells, truth)
        return {name: image[None, None] for name, image in images.items()} | {
            "field": np.moveaxis(field, -1, 0)[None].astype(np.float32),
            "weight": weight[None, None].astype(np.float32),
            "far": np.array(far),
            "before": np.array(random.integers(3 if far else 2)),
        }

    return draw


def _look(anatomy: Anatomy, stripped: bool, random: np.random.Generator) -> sitk.Image:
    """How a scanner might show it, with the blur of voxels of about 4 mm."""
    kind = random.random()
    levels = anatomy.levels * random.uniform(0.85, 1.15, 256)
    levels = levels if kind < 0.35 else 200 - levels if kind < 0.5 else random.uniform(20, 220, 256)
    levels[0] = 0
    values = levels[sitk.GetArrayViewFromImage(anatomy.labels)].astype(np.float32)
    if stripped:
        values *= sitk.GetArrayViewFromImage(anatomy.brain)
    image = Grid.of(anatomy.labels).image(values)
    return sitk.SmoothingRecursiveGaussian(image, 1.4 * random.uniform(0.8, 1.3))


def _motion(image: sitk.Image, cells: Grid, random: np.random.Generator, far: bool) -> sitk.DisplacementFieldTransform:
    """One of RegNet's categories of motion: up to 50 mm for the far stage, up to 10 for the near one."""
    reach, kind = float(random.uniform(4, 50) if far else random.uniform(0, 10)), random.random()
    knots = float(random.choice((80, 60, 45) if far else (80, 60, 45, 30)))
    if kind < 0.05:
        return warps.zero(cells)
    if kind < 0.65:
        return warps.single_frequency(cells, random, reach, knots)
    values = resampled(image, cells, sitk.Transform(cells.dimension, sitk.sitkIdentity))
    if kind < 0.85 and values.any():
        return warps.mixed_frequency(cells.image(values), random, reach, knots)
    return warps.respiratory(cells, random, reach)


def _seen(
    image: sitk.Image, grid: Grid, transform: sitk.Transform, random: np.random.Generator, stripped: bool
) -> np.ndarray:
    """The image on a grid through a transform, with shading, noise and a bent scale of grey."""
    values = np.maximum(resampled(image, grid, transform), 0)
    values /= max(float(np.percentile(values, 99.5)), 1.0)
    values *= np.exp(0.15 * looks.smooth_noise(values.shape, wavelength=60, seed=int(random.integers(2**31))))
    values **= np.float32(random.choice((1, random.uniform(0.7, 1.4))))
    noise = random.uniform(0.003, 0.03) * random.standard_normal(values.shape, np.float32)
    return values + (noise * (values > 0.01) if stripped else noise)


def _finer(truth: sitk.DisplacementFieldTransform, grid: Grid) -> sitk.DisplacementFieldTransform:
    """The same motion on a finer grid, where it also reaches the border."""
    return sitk.DisplacementFieldTransform(spread(truth.GetDisplacementField(), grid))
