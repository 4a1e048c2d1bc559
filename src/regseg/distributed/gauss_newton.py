"""The streamed solve: blocks look at every voxel, and vote with the sums of a Gauss-Newton step.

For images f and m that show the same place in the same grey, a displacement that is still missing, u, shows as a
difference: f - m ≈ uᵀ∇g, with g the mean of the two. Gauss and Newton minimise Σ w (f - m - uᵀ∇g)², so a cell's votes
are sums over its voxels,

    A = Σ w ∇g ∇gᵀ,     b = Σ w ∇g (f - m).

A grey difference says nothing along an edge, only across it; A knows, and the reduction fills the rest in from the
neighbours. Two things make this work on real images. Both are normalised locally, to mean 0 and standard deviation 1 in
a small window (P. Cachier, X. Pennec, "3D non-rigid registration by gradient descent on a Gaussian-windowed similarity
measure", MMBIA 2000), so that another scanner's brightness, contrast and shading drop out; and voxels that disagree
for other reasons than a displacement weigh little, w = 1 / (1 + (f - m)²) (S. Geman, D. McClure, 1985).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from scipy.ndimage import gaussian_filter

from regseg.blocks import pool
from regseg.distributed.pair import BlockPair
from regseg.distributed.votes import Votes, pairs_of


@dataclass(frozen=True)
class GaussNewton:
    """A block method for two images of the same contrast; the votes suit `Solve`.

    Attributes:
        window: Standard deviation in mm of the window of the local normalisation. The overlap should be three times
            as much.
        noise: Differences below this part of the grey range are not stretched by the normalisation.
        smoothing: Standard deviation in voxels of the Gaussian that both images get first.
    """

    window: float = 2.5
    noise: float = 0.045
    smoothing: float = 0.5

    def __call__(self, pair: BlockPair) -> Votes:
        """The votes of one block; see BlockMethod."""
        f = self._normalised(pair.fixed, pair.ranges[0], pair.factors)
        m = self._normalised(pair.moving, pair.ranges[1], pair.factors)
        residual = (f - m)[pair.core]
        f += m
        f *= 0.5
        slopes = self._gradient(f, pair)
        weight = sitk.GetArrayViewFromImage(pair.mask)[pair.core] / (1 + residual**2)
        volume = np.prod(pair.field.lattice.spacing)
        elements, vector = [], []
        cells = pair.cells.core
        for i, j in pairs_of(len(slopes)):
            if i == j:  # pairs come as (0, 0), (0, 1), (0, 2), (1, 1), ...
                weighted = weight * slopes[i]
                vector.append(_sum(weighted * residual, pair.factors) * volume)
            elements.append(_sum(weighted * slopes[j], pair.factors) * volume)
        cost = float((weight * residual**2).sum(dtype=np.float64) / max(weight.sum(dtype=np.float64), 1))
        return Votes(cells, np.stack(elements), np.stack(vector), cost)

    def _normalised(self, image: sitk.Image, grey_range: float, factors: tuple[int, ...]) -> np.ndarray:
        """The image with local mean 0 and local standard deviation 1, where there is more than noise.

        The local moments are smooth, so they are computed on the cells of the lattice and interpolated.
        """
        values = gaussian_filter(sitk.GetArrayViewFromImage(image), self.smoothing, mode="nearest", truncate=2.5)
        sigma = [self.window / (s * k) for s, k in zip(image.GetSpacing()[::-1], factors[::-1], strict=True)]
        mean, square = (
            gaussian_filter(pool(each, factors), sigma, mode="nearest", truncate=2.5) for each in (values, values**2)
        )
        deviation = np.sqrt(np.maximum(square - mean**2, 0) + (self.noise * grey_range) ** 2)
        values -= _spread(mean, values.shape, factors)
        values *= _spread(1 / deviation, values.shape, factors)
        return values

    def _gradient(self, g: np.ndarray, pair: BlockPair) -> list[np.ndarray]:
        """The gradient in the core, components x, y, z (LPS), in grey values a mm."""
        spacing = pair.fixed.GetSpacing()
        along = [np.gradient(g, spacing[axis], axis=g.ndim - 1 - axis)[pair.core] for axis in range(g.ndim)]
        axes = np.reshape(pair.fixed.GetDirection(), (g.ndim, g.ndim))
        if np.array_equal(axes, np.eye(g.ndim)):
            return along
        return [sum(np.float32(axes[i, k]) * along[k] for k in range(g.ndim)) for i in range(g.ndim)]


def _sum(values: np.ndarray, factors: tuple[int, ...]) -> np.ndarray:
    """The mean over cells; voxels beyond the border of the image count as zero."""
    missing = [(0, -n % k) for n, k in zip(values.shape, factors[::-1], strict=True)]
    return pool(np.pad(values, missing) if any(after for _, after in missing) else values, factors)


def _spread(cells: np.ndarray, shape: tuple[int, ...], factors: tuple[int, ...]) -> np.ndarray:
    """Values at cell centres, interpolated linearly to the voxels."""
    for axis, (size, factor) in enumerate(zip(shape, factors[::-1], strict=True)):
        where = np.clip((np.arange(size) + 0.5) / factor - 0.5, 0, cells.shape[axis] - 1)
        low = np.minimum(where.astype(int), max(cells.shape[axis] - 2, 0))
        weights = np.zeros((size, cells.shape[axis]), np.float32)
        weights[np.arange(size), low] = 1 - (where - low)
        weights[np.arange(size), np.minimum(low + 1, cells.shape[axis] - 1)] += where - low
        cells = np.moveaxis(np.tensordot(weights, cells, axes=(1, axis)), 0, axis)
    return cells
