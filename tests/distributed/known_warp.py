"""Pairs of images whose displacement is known everywhere: one continuous pattern, looked at from two grids."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from regseg import evaluate
from regseg.distributed import BlockMethod, BlockPair, Result, Votes
from regseg.grid import Grid

Displacement = Callable[[np.ndarray], np.ndarray]  # from points (..., dimension) in mm to displacements in mm

OBLIQUE = {
    2: (0.8, -0.6, 0.6, 0.8),
    3: (0.36, 0.48, -0.8, -0.8, 0.6, 0.0, 0.48, 0.64, 0.6),
}


def grid_around_zero(size, spacing, direction=None) -> Grid:
    """A grid whose middle is the point 0, with straight axes unless told otherwise."""
    dimension = len(size)
    direction = tuple(direction or np.eye(dimension).ravel().tolist())
    return Grid.around((0.0,) * dimension, size, tuple(map(float, spacing)), direction)


def points_of(grid: Grid) -> np.ndarray:
    """The positions of all voxels, shape (z, y, x, dimension)."""
    indices = np.stack(np.meshgrid(*map(np.arange, grid.size[::-1]), indexing="ij")[::-1], axis=-1)
    return grid.points(indices)


@dataclass(frozen=True)
class Pattern:
    """A ball (or disc) of waves of many directions and lengths, dark outside; a function of the place in mm."""

    dimension: int
    radius: float
    seed: int = 0
    waves: int = 40

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """The grey values, about 0 to 200, at points of shape (..., dimension)."""
        generator = np.random.default_rng(self.seed)
        out = np.full(points.shape[:-1], 100.0)
        for _ in range(self.waves):
            direction = generator.normal(size=self.dimension)
            direction *= 2 * np.pi / generator.uniform(14, 40) / np.linalg.norm(direction)
            out += 160 / self.waves**0.5 * 0.5 * np.cos(points @ direction + generator.uniform(0, 2 * np.pi))
        return out * self.inside(points)

    def inside(self, points: np.ndarray) -> np.ndarray:
        """1 in the ball, 0 outside, about 3 mm wide in between."""
        return 1 / (1 + np.exp(np.linalg.norm(points, axis=-1) - self.radius))


def swirl(points: np.ndarray, amplitude: float = 3.0, length: float = 90.0) -> np.ndarray:
    """A smooth displacement: each component is a wave along another axis."""
    return amplitude * np.sin(2 * np.pi * np.roll(points, -1, axis=-1) / length + 1.0)


def image_of(values: Callable[[np.ndarray], np.ndarray], grid: Grid) -> sitk.Image:
    """A function of the place, looked at on a grid, float32."""
    return grid.image(values(points_of(grid)).astype(np.float32))


def write_pair(
    folder: Path,
    fixed: Grid,
    moving: Grid,
    pattern: Pattern,
    truth: Displacement,
    *,
    initial: sitk.Transform | None = None,
    grey: Callable[[Pattern, np.ndarray], np.ndarray] = lambda pattern, points: pattern(points),
) -> tuple[Path, Path]:
    """Write the fixed and the moving image: the point x of the fixed one shows what initial(x + truth(x)) shows.

    `grey` is what the moving image makes of the pattern at points.
    """

    def at_its_partner(points: np.ndarray) -> np.ndarray:
        points = points + truth(points)
        if initial is None:
            return pattern(points)
        flat = [initial.TransformPoint(point) for point in points.reshape(-1, fixed.dimension).tolist()]
        return pattern(np.reshape(flat, points.shape))

    paths = folder / "fixed.mha", folder / "moving.mha"
    for path, values, grid in zip(paths, (at_its_partner, partial(grey, pattern)), (fixed, moving), strict=True):
        sitk.WriteImage(image_of(values, grid), str(path))
    return paths


def errors(result: Result, truth: Displacement, grid: Grid, pattern: Pattern, step: int = 3) -> np.ndarray:
    """By how many mm the field is wrong, in every so many-th voxel of the fixed image that lies in the object."""
    points = points_of(grid)[(slice(None, None, step),) * grid.dimension].reshape(-1, grid.dimension)
    points = points[pattern.inside(points) > 0.9]
    return evaluate.tre(result.field.transform, points, points + truth(points))


@dataclass(frozen=True)
class Diary:
    """A method that writes down each block it is asked for, so that a test can count them; it may kill its process.

    `kill_after`: once so many blocks are in the diary, the next one kills the process that works on it, once only.
    """

    method: BlockMethod
    file: Path
    kill_after: int | None = None

    def __call__(self, pair: BlockPair) -> Votes:
        """The votes of the method."""
        killed = self.file.with_suffix(".killed")
        if self.kill_after is not None and len(self.lines) >= self.kill_after and not killed.exists():
            killed.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        with self.file.open("a") as out:
            out.write(f"{pair.cells.index}\n")
        return self.method(pair)

    @property
    def lines(self) -> list[str]:
        """The indices of the blocks, in the order in which they were asked for."""
        return self.file.read_text().splitlines() if self.file.exists() else []
