"""What the network computes without having learned anything: tensors as (batch 1, channel, z, y, x) or (…, y, x)."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional


def described(image: Tensor) -> tuple[Tensor, Tensor]:
    """Local contrast, and how unlike each voxel is to each of its neighbours, which no contrast changes much.

    The latter is MIND (M. Heinrich et al., MIND: Modality independent neighbourhood descriptor for multi-modal
    deformable registration, Medical Image Analysis 16(7), 2012).
    """
    mean = smoothed(image, 7)
    contrast = (image - mean) / ((smoothed(image * image, 7) - mean**2).clamp_min(1e-8).sqrt() + 0.03)
    unlike = [smoothed((image - image.roll(step, axis)) ** 2) for axis in range(2, image.ndim) for step in (-1, 1)]
    unlike = torch.cat(unlike, dim=1)
    spread = unlike.mean(dim=1, keepdim=True) + 1e-4
    return contrast, torch.exp((unlike.amin(dim=1, keepdim=True) - unlike) / spread)


def correlations(fixed: Tensor, moving: Tensor, reach: int) -> Tensor:
    """The dot product of each fixed vector with each moving one within reach: (1, step, ...), the last axis fastest.

    A line of the fixed image is multiplied with a line of the moving one by one product of matrices, of which only the
    band within reach is kept.
    """
    *lines, n = fixed.shape[2:]
    width = 2 * reach + 1
    fixed = fixed[0].movedim(0, -1).reshape(-1, n, fixed.shape[1])
    bands = []
    for start in itertools.product(range(width), repeat=len(lines)):
        there = moving[(0, slice(None), *(slice(a, a + size) for a, size in zip(start, lines, strict=True)))]
        products = fixed @ there.movedim(0, -2).reshape(len(fixed), -1, n + width - 1)
        skewed = functional.pad(products.flatten(1), (0, n)).view(-1, n, n + width)
        bands.append(skewed[..., :width])
    return torch.stack(bands).permute(0, 3, 1, 2).reshape(1, -1, *lines, n).float()


def smoothed(values: Tensor, width: int = 3) -> Tensor:
    """The mean over so many voxels along each axis, in which the outermost ones are repeated beyond the border."""
    for axis in range(2, values.ndim):
        n = values.shape[axis]
        first, last = (values.narrow(axis, at, 1) for at in (0, n - 1))
        wider = torch.cat([first] * (width // 2) + [values] + [last] * (width // 2), dim=axis)
        values = sum(wider.narrow(axis, start, n) for start in range(width)) / width
    return values


def halved(values: Tensor) -> Tensor:
    """The mean of each cell of two voxels along each axis."""
    return {4: functional.avg_pool2d, 5: functional.avg_pool3d}[values.ndim](values, 2)


def resized(values: Tensor, size: Sequence[int]) -> Tensor:
    """The values at the voxels of another size that fill the same space."""
    return functional.interpolate(values, tuple(size), mode={4: "bilinear", 5: "trilinear"}[values.ndim])


def inner(values: Tensor, margin: int) -> Tensor:
    """The values without a margin."""
    return values[(..., *(slice(margin, n - margin) for n in values.shape[2:]))]


def places(values: Tensor) -> Tensor:
    """The index of each voxel, as (1, component, ...), components x, y(, z)."""
    axes = [torch.arange(n, dtype=torch.float32, device=values.device) for n in values.shape[2:]]
    return torch.stack(torch.meshgrid(*axes, indexing="ij")[::-1])[None]


def sampled(values: Tensor, where: Tensor) -> Tensor:
    """The values at places (1, component, ...), which are counted in their voxels; at the border beyond it."""
    size = torch.tensor(values.shape[:1:-1], dtype=where.dtype, device=where.device)
    places = where.movedim(1, -1) * (2 / (size - 1)) - 1
    return functional.grid_sample(values, places, padding_mode="border", align_corners=True)
