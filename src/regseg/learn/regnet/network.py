"""The network: two stages of features, cost volume, expected displacement and a small U-Net; and its weights."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from regseg.learn.regnet.arithmetic import correlations, described, halved, inner, places, resized, sampled, smoothed
from regseg.learn.train import load_weights

VOXEL = 4.0  # mm: so wide are the voxels that the network sees of a head
PASSES = ("far", "far", "far", "near", "near")
CONVOLUTION = {2: nn.Conv2d, 3: nn.Conv3d}


class Features(nn.Sequential):
    """What each voxel looks like, as a vector of length 1: that of arithmetic, and what learning appends to it."""

    def __init__(self, dimension: int, voxels: int, width: int, learned: int = 8) -> None:
        conv, known = CONVOLUTION[dimension], 2 * dimension
        super().__init__(
            conv(known + 1, width, 3, padding=1),
            nn.LeakyReLU(0.1),
            conv(width, width, 3, padding=1),
            nn.LeakyReLU(0.1),
            conv(width, learned, 3, padding=1),
        )
        nn.init.normal_(self[-1].weight, std=0.01)  # so that nothing is appended at first
        nn.init.zeros_(self[-1].bias)
        self.voxels = voxels
        self.channels = known + learned

    def forward(self, image: Tensor) -> Tensor:
        contrast, structure = described(image)
        if self.voxels == 2:
            contrast, structure = halved(contrast), halved(structure)
        learned = super().forward(torch.cat([contrast / 2, structure], dim=1)).float()
        both = torch.cat([structure - structure.mean(dim=1, keepdim=True), learned], dim=1)
        return both / (both.square().sum(dim=1, keepdim=True) + 0.01).sqrt()


class Stage(nn.Module):
    """Finds displacements of up to `reach` steps; a step is `voxels` voxels wide."""

    def __init__(self, dimension: int, voxels: int, reach: int, width: int = 32) -> None:
        super().__init__()
        conv = CONVOLUTION[dimension]

        def layer(before: int, after: int, stride: int = 1) -> nn.Sequential:
            return nn.Sequential(conv(before, after, 3, stride, padding=1), nn.LeakyReLU(0.1))

        self.dimension, self.voxels, self.reach = dimension, voxels, reach
        self.features = Features(dimension, voxels, width={1: 16, 2: 24}[voxels])
        self.sharpness = nn.Parameter(torch.tensor(20.0).log())
        self.from_costs = conv((2 * reach + 1) ** dimension, width, 1)
        self.from_rest = conv(2 * self.features.channels + dimension, width, 3, padding=1)
        self.fine = layer(width, width)
        self.middle = nn.Sequential(layer(width, 48, stride=2), layer(48, 48))
        self.coarse = nn.Sequential(layer(48, 48, stride=2), layer(48, 48))
        self.to_middle, self.join_middle = conv(48, 48, 1), layer(48, 48)
        self.to_fine, self.join_fine = conv(48, width, 1), layer(width, width)
        self.last = conv(width, dimension, 3, padding=1)
        nn.init.normal_(self.last.weight, std=1e-4)  # so that nothing is added at first
        nn.init.zeros_(self.last.bias)
        steps = np.stack(np.meshgrid(*[np.arange(-reach, reach + 1)] * dimension, indexing="ij")[::-1])
        self.register_buffer("steps", torch.from_numpy(steps.reshape(dimension, -1)).float(), persistent=False)

    @property
    def margin(self) -> int:
        """By how many voxels the moving image must be larger, on each side, than the fixed one."""
        return self.reach * self.voxels

    def forward(self, fixed: Tensor, moving: Tensor, width: int = 3) -> tuple[Tensor, Tensor]:
        """The likeness (1, step, cells) of each step, and the displacements (1, component, cells) in steps.

        Neighbours within `width` cells are asked to agree; the more, the stiffer the displacements are.
        """
        f, m = self.features(fixed), self.features(moving)
        likeness = correlations(f, m, self.reach)
        m = inner(m, self.reach)
        if self.voxels == 1:
            likeness, f, m = halved(likeness), halved(f), halved(m)
        likeness = smoothed(likeness) * self.sharpness.exp()
        found = self.expected(likeness, width)
        known = torch.cat([f, m, found / self.reach], dim=1)
        contrast = 0.05 * (likeness - likeness.mean(dim=1, keepdim=True))
        fine = self.fine(functional.leaky_relu(self.from_costs(contrast) + self.from_rest(known), 0.1))
        middle = self.middle(fine)
        middle = self.join_middle(middle + resized(self.to_middle(self.coarse(middle)), middle.shape[2:]))
        fine = self.join_fine(fine + resized(self.to_fine(middle), fine.shape[2:]))
        return likeness, found + self.last(fine).float()

    def expected(self, likeness: Tensor, width: int) -> Tensor:
        """The mean step, each weighted by how alike it makes the images, and how near it is to what neighbours say."""
        cells = likeness.shape[2:]
        likeness, squares = likeness.flatten(2)[0], self.steps.square().sum(dim=0)[:, None]

        def mean_step(near: Tensor, price: float) -> Tensor:
            far = squares - 2 * self.steps.T @ near.flatten(2)[0]
            share = torch.softmax(likeness - price * far, dim=0)
            steps = (self.steps @ share).float().view(1, self.dimension, *cells)
            return smoothed(smoothed(steps, width), width)

        found = torch.zeros(1, self.dimension, *cells, device=likeness.device)
        with torch.no_grad():
            for price in (0.0, 0.1, 0.3):
                found = mean_step(found, price)
        return mean_step(found, 0.5)


class RegNet(nn.Module):
    """Two stages, for motions of up to 24 mm and up to 8 mm in one pass, in voxels of 4 mm."""

    def __init__(self, dimension: int = 3) -> None:
        super().__init__()
        self.dimension = dimension
        self.far, self.near = Stage(dimension, voxels=2, reach=3), Stage(dimension, voxels=1, reach=2)

    def forward(self, fixed: Tensor, moving: Tensor, passes: Sequence[str] = PASSES) -> Tensor:
        """The displacements in cells, from images of which the moving one is larger by the same on each side.

        Each pass looks at the moving image as the passes before it have warped it. The first far one is stiff, with
        neighbours within 7 cells, and each further one less so.
        """
        cells = [n // 2 for n in fixed.shape[2:]]
        found = torch.zeros(1, self.dimension, *cells, device=fixed.device)
        for number, name in enumerate(passes):
            _, found = self.further(fixed, moving, found, name, number)
        return found

    def further(self, fixed: Tensor, moving: Tensor, found: Tensor, name: str, number: int) -> tuple[Tensor, Tensor]:
        """The likeness in the pass of this number, counted from 0, and the displacements after it."""
        stage, size = getattr(self, name), fixed.shape[2:]
        margin = (moving.shape[2] - size[0]) // 2
        around = [stage.margin] * (2 * self.dimension)
        shift = functional.pad(2 * resized(found, size), around, mode="replicate")
        seen = sampled(moving, places(shift) + (margin - stage.margin) + shift)
        likeness, steps = stage(fixed, seen, width=max(3, 7 - 2 * number) if name == "far" else 3)
        further = steps * (stage.voxels / 2)
        return likeness, further + sampled(found, places(found) + further)


def shipped(dimension: int) -> Path:
    """Where the weights lie that come with the course."""
    return Path(__file__).parents[1] / "weights" / f"regnet-{dimension}d.safetensors"


def load(dimension: int = 3, path: Path | None = None) -> RegNet:
    """The network with the weights that come with the course, for images of 2 or 3 dimensions, or with those of a file.

    Raises
    ------
    ValueError
        The file is broken, of another version, or has the weights of another network.
    """
    if dimension not in CONVOLUTION:
        raise ValueError(f"there are networks for images of 2 and of 3 dimensions, and none for {dimension}")
    network = RegNet(dimension)
    load_weights(path or shipped(dimension), network)
    return network.eval()
