"""The streamed solve: blocks look at every voxel, and vote with the sums of a Gauss-Newton step.

**One contrast.** For images f and m that show the same place in the same grey, a displacement u that is still missing
shows as a difference: f - m ≈ uᵀ∇g, with g the mean of the two. Gauss and Newton minimise Σ w (f - m - uᵀ∇g)², so
a cell's votes are sums over its voxels,

    A = Σ w ∇g ∇gᵀ,     b = Σ w ∇g (f - m).

A grey difference says nothing along an edge, only across it; A knows, and the reduction fills the rest in from the
neighbours. Two things make this work on real images. Both are normalised to mean 0 and standard deviation 1 in a small
window around each voxel (P. Cachier, X. Pennec, "3D non-rigid registration by gradient descent on a Gaussian-windowed
similarity measure using convolutions", MMBIA 2000), so that brightness, contrast and shading drop out. And voxels that
disagree for other reasons than a displacement weigh little: w = ρ / (1 + (f - m)²), with ρ the images' correlation in
the window, or 0 where it is negative.

**Two contrasts.** Other tissues are bright in the other image, but the same ones everywhere. So the moving image's grey
is first translated into the fixed one's: to the mean of f over all voxels where m has that grey, as the joint histogram
tells (A. Roche et al., "The correlation ratio as a new similarity measure", MICCAI 1998). Two tissues may share a grey
in one image and not in the other, so the votes of both directions are added: f with m translated, and f translated with
m. The histogram is a sum over all blocks, too; each iteration uses the one that the iteration before has counted.
Where the contrast is the same, the translation is next to none, and the method is the one above.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from scipy.ndimage import gaussian_filter, gaussian_filter1d

from regseg.blocks import pool
from regseg.distributed.pair import BlockPair
from regseg.distributed.votes import Votes, pairs_of

_BINS = 48  # of the joint histogram, along each axis
_BLUR = 1.5  # bins: the table of translations is smooth


@dataclass(frozen=True)
class GaussNewton:
    """A block method for images of the same contrast or of different ones; the votes suit `Solve`.

    Attributes
    ----------
    window : float
        Standard deviation in mm of the window of the local normalisation. The overlap should be three times
        as much.
    noise : float
        Differences below this part of the grey range are not stretched by the normalisation.
    smoothing : float
        Standard deviation in voxels of the Gaussian that both images get first.
    """

    window: float = 2.5
    noise: float = 0.04
    smoothing: float = 0.5

    def __call__(self, pair: BlockPair) -> Votes:
        """The votes of one block; see BlockMethod."""
        f = self._grey(pair.fixed, pair.ranges[0])
        m = self._grey(pair.moving, pair.ranges[1])
        counted = _histogram(f[pair.core], m[pair.core], sitk.GetArrayViewFromImage(pair.mask)[pair.core])
        known = counted if pair.shared is None else pair.shared
        votes = sums(pair, *self._normalised(pair, f, _translate(m, known)))
        votes.add(sums(pair, *self._normalised(pair, _translate(f, known.T), m)))
        return Votes(votes.box, votes.matrix, votes.vector, votes.cost, shared=counted)

    def _grey(self, image: sitk.Image, grey_range: tuple[float, float]) -> np.ndarray:
        """The image, a little smoothed, with its grey range stretched to 0 .. 1."""
        low, high = grey_range
        values = gaussian_filter(sitk.GetArrayViewFromImage(image), self.smoothing, mode="nearest", truncate=2.5)
        values -= low
        values /= high - low
        return values

    def _normalised(self, pair: BlockPair, f: np.ndarray, m: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Both images with local mean 0 and local standard deviation 1, and their local correlation, 0 at least.

        The local moments are smooth, so they are computed on the cells of the lattice and interpolated.
        """
        widths = zip(pair.fixed.GetSpacing()[::-1], pair.factors[::-1], strict=True)
        sigma = [self.window / (voxel * factor) for voxel, factor in widths]

        def local(values: np.ndarray) -> np.ndarray:
            return gaussian_filter(pool(values, pair.factors), sigma, mode="nearest", truncate=2.5)

        def spread(cells: np.ndarray) -> np.ndarray:
            return _interpolate(cells, f.shape, pair.factors)

        mean_f, mean_m = local(f), local(m)
        deviation_f = np.sqrt(np.maximum(local(f * f) - mean_f**2, 0) + self.noise**2)
        deviation_m = np.sqrt(np.maximum(local(m * m) - mean_m**2, 0) + self.noise**2)
        correlation = np.maximum(local(f * m) - mean_f * mean_m, 0) / (deviation_f * deviation_m)
        f = (f - spread(mean_f)) * spread(1 / deviation_f)
        m = (m - spread(mean_m)) * spread(1 / deviation_m)
        return f, m, spread(correlation)


def sums(pair: BlockPair, f: np.ndarray, m: np.ndarray, correlation: np.ndarray) -> Votes:
    """The votes for two normalised images (z, y, x) of the block, and their local correlation: A and b of each cell."""
    residual = (f - m)[pair.core]
    weight = correlation[pair.core] * sitk.GetArrayViewFromImage(pair.mask)[pair.core] / (1 + residual**2)
    slopes = _gradient((f + m) / 2, pair)
    volume = np.prod(pair.field.lattice.spacing)
    elements, vector = [], []
    for i, j in pairs_of(len(slopes)):
        if i == j:  # the pairs come as (0, 0), (0, 1), (0, 2), (1, 1) and so on
            weighted = weight * slopes[i]
            vector.append(_mean(weighted * residual, pair.factors) * volume)
        elements.append(_mean(weighted * slopes[j], pair.factors) * volume)
    cost = float((weight * residual**2).sum(dtype=float) / max(weight.sum(dtype=float), 1.0))
    return Votes(pair.cells.core, np.stack(elements), np.stack(vector), cost)


def _histogram(f: np.ndarray, m: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """How many voxels of the mask have this grey in f and that grey in m, shape (bins of f, bins of m)."""
    inside = mask > 0
    bins = [np.clip(values[inside] * (_BINS - 1) + 0.5, 0, _BINS - 1).astype(np.intp) for values in (f, m)]
    return np.bincount(bins[0] * _BINS + bins[1], minlength=_BINS**2).reshape(_BINS, _BINS).astype(float)


def _translate(m: np.ndarray, histogram: np.ndarray) -> np.ndarray:
    """The grey of m, each value replaced by the mean grey that the other image has where m has this one."""
    greys = np.arange(_BINS) / (_BINS - 1)
    total = gaussian_filter1d(greys @ histogram, _BLUR, mode="constant")
    count = gaussian_filter1d(histogram.sum(axis=0), _BLUR, mode="constant")
    return np.interp(m, greys, total / np.maximum(count, 1e-9)).astype(np.float32)


def _gradient(g: np.ndarray, pair: BlockPair) -> list[np.ndarray]:
    """The gradient in the core, components x, y, z (LPS), in grey values a mm."""
    spacing = pair.fixed.GetSpacing()
    along = [np.gradient(g, spacing[axis], axis=g.ndim - 1 - axis)[pair.core] for axis in range(g.ndim)]
    axes = np.reshape(pair.fixed.GetDirection(), (g.ndim, g.ndim)).astype(np.float32)
    if np.array_equal(axes, np.eye(g.ndim)):
        return along
    return [sum(axes[i, k] * along[k] for k in range(g.ndim)) for i in range(g.ndim)]


def _mean(values: np.ndarray, factors: tuple[int, ...]) -> np.ndarray:
    """The mean over cells; voxels beyond the border of the image count as zero."""
    missing = [(0, -n % factor) for n, factor in zip(values.shape, factors[::-1], strict=True)]
    return pool(np.pad(values, missing) if any(after for _, after in missing) else values, factors)


def _interpolate(cells: np.ndarray, shape: tuple[int, ...], factors: tuple[int, ...]) -> np.ndarray:
    """Values at the centres of cells, interpolated linearly to the voxels."""
    for axis, (size, factor) in enumerate(zip(shape, factors[::-1], strict=True)):
        if factor == 1:
            continue
        last = cells.shape[axis] - 1
        where = np.clip((np.arange(size) + 0.5) / factor - 0.5, 0, last)
        # A row of weights for each voxel: a hat around each cell's centre.
        weights = np.maximum(1 - np.abs(where[:, None] - np.arange(last + 1)), 0).astype(np.float32)
        cells = np.moveaxis(np.tensordot(weights, cells, axes=(1, axis)), 0, axis)
    return cells
