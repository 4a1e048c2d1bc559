"""A small network that labels the parts of a brain, whatever the contrast of the scan.

    network = segment.load()
    labels = segment.segment(scan, network)

The network sees a scan in voxels of 2 mm and says of each voxel how likely it belongs to each structure of `NAMES`. It
learns from images that `regseg.synth.scans` draws:

    torch.manual_seed(1)
    network = segment.UNet()
    draw = segment.batches(heads, scans.Variety(contrasts=("T1",)))
    train.train(network, draw, segment.loss, steps=1000, seed=1, learning_rate=4e-3)
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import SimpleITK as sitk
import torch
from torch import Tensor, nn
from torch.nn import functional

from regseg.grid import Grid
from regseg.learn.train import Draw, load_weights
from regseg.synth import scans
from regseg.synth.scans import NAMES

SHIPPED = Path(__file__).with_name("weights") / "segment.safetensors"
SPACING, MULTIPLE = 2.0, 16  # mm; the sides of what the network sees, in voxels, are multiples of this


class InstanceNorm(nn.InstanceNorm3d):
    """The same in less time: for one scan it is batch normalisation, which PyTorch does without copies."""

    def forward(self, values: Tensor) -> Tensor:
        if self.training and len(values) == 1:
            return functional.batch_norm(values, None, None, self.weight, self.bias, training=True, eps=self.eps)
        return super().forward(values)


class Layers(nn.Sequential):
    """Two convolutions, or one; after each the values of a channel are normalised, and the negative ones made small."""

    def __init__(self, *channels: int, kernel: int = 3, stride: int = 1) -> None:
        super().__init__()
        for before, after in zip(channels, channels[1:], strict=False):
            padding = (kernel - stride + 1) // 2
            self.append(nn.Conv3d(before, after, kernel, stride, padding, bias=False))
            self.append(InstanceNorm(after, affine=True))
            self.append(nn.LeakyReLU(0.1, inplace=True))
            kernel, stride = 3, 1


class UNet(nn.Module):
    """A U-Net (O. Ronneberger et al., MICCAI 2015) that does most of its work on voxels of 4 mm and more, to save time.

    A few channels at 2 mm, before and after, draw the cortex and the fluid in its folds: at 4 mm these are one.

    Parameters
    ----------
    channels : sequence of int
        How many numbers describe a voxel of 2, 4, 8, 16 and 32 mm.
    """

    def __init__(self, channels: Sequence[int] = (8, 16, 32, 48, 48)) -> None:
        super().__init__()
        a, b, c, d, e = channels
        self.down2, self.down4 = Layers(1, a), Layers(a, b, b, kernel=2, stride=2)
        self.down8, self.down16, self.down32 = Layers(b, c, c), Layers(c, d, d), Layers(d, e, e)
        self.up16, self.up8, self.up4 = Layers(e + d, d), Layers(d + c, c), Layers(c + b, b)
        self.halved, self.up2 = nn.ConvTranspose3d(b, a, 2, stride=2), Layers(2 * a, 2 * a)
        self.last = nn.Conv3d(2 * a, len(NAMES), 1)

    def forward(self, image: Tensor) -> Tensor:
        """The logits (batch, structure, z, y, x) of a batch of scans (batch, 1, z, y, x)."""
        at2 = self.down2(normalised(image))
        at4 = self.down4(at2)
        at8 = self.down8(functional.max_pool3d(at4, 2))
        at16 = self.down16(functional.max_pool3d(at8, 2))
        at32 = self.down32(functional.max_pool3d(at16, 2))
        at16 = self.up16(torch.cat([_doubled(at32), at16], dim=1))
        at8 = self.up8(torch.cat([_doubled(at16), at8], dim=1))
        at4 = self.up4(torch.cat([_doubled(at8), at4], dim=1))
        return self.last(self.up2(torch.cat([self.halved(at4), at2], dim=1)))


def _doubled(values: Tensor) -> Tensor:
    return functional.interpolate(values, scale_factor=2, mode="nearest")


def normalised(image: Tensor) -> Tensor:
    """Grey values from 0 on, in which the bright parts of the scan are about 1.

    The level is the Lehmer mean of the values, the sum of their cubes by that of their squares: the dark air around a
    head has next to no weight in it, so it does not depend on how much air there is.
    """
    axes = (2, 3, 4)
    image = image - image.amin(axes, keepdim=True)
    square = image * image
    level = (square * image).sum(axes, keepdim=True) / square.sum(axes, keepdim=True).clamp(min=1e-12)
    return (image / level.clamp(min=1e-6)).clamp(max=2)


# --- learning ---------------------------------------------------------------------------------------------------------

BRAIN, PIECE = (80, 96, 80), (48, 64, 48)  # voxels of 2 mm along x, y, z: a box that holds a brain, and a part of it
ASIDE = 32  # mm; so far may the middle of a piece lie from that of the brain, along each axis
WEIGHTS = torch.tensor([0.8, 2.0, 1.0, 1.5, 1.0, 1.0])  # of the structures: more for the small ones


def batches(
    heads: Sequence[scans.Head],
    variety: scans.Variety,
    *,
    size: tuple[int, int, int] = BRAIN,
    pieces: float = 0.0,
    wide: float = 0.0,
) -> Draw:
    """What `train` draws batches with: scans of these heads, in a box around the brain.

    With one contrast whole brains teach most: in each layer the network compares a voxel with all others that it sees,
    and who has seen pieces takes scalp for cortex. With many contrasts pieces help, as more of them fit into the time,
    and each has a contrast of its own.

    Without a network to fetch the anatomies there is one, `brain_structures`. With it the loop runs, and a network
    learns to tell fluid, grey and white matter in any contrast. But it never sees another brain, so no score says what
    it would do with yours; and it knows no skull, no deep nuclei and no cerebellum.

    Parameters
    ----------
    heads : sequence of Head
        Whose scans they are.
    variety : Variety
        How much the scans differ.
    size : (int, int, int)
        Of the box along x, y and z, in voxels of 2 mm.
    pieces, wide : float
        The share of scans that show a piece of the brain, and of those that show 16 mm more on each side.

    Returns
    -------
    callable
        It makes, from a generator, "image" (1, 1, z, y, x), float32, and "truth" (1, structure, z, y, x): how much of
        each voxel is which structure, in 240 parts (uint8).
    """

    def draw(random: np.random.Generator) -> dict[str, np.ndarray]:
        head = heads[int(random.integers(len(heads)))]
        kind = random.random()
        if kind < pieces:
            middle = head.grid(SPACING).middle + random.uniform(-ASIDE, ASIDE, 3)
            grid = Grid.around(middle, PIECE, (SPACING,) * 3, head.place.direction)
        else:
            more = MULTIPLE if kind < pieces + wide else 0
            grid = head.grid(SPACING, tuple(n + more for n in size))
        scan, truth = (sitk.GetArrayFromImage(image) for image in scans.draw(head, grid, random, variety))
        return {"image": scan[None, None], "truth": np.moveaxis(truth, -1, 0)[None]}

    return draw


def loss(network: nn.Module, batch: dict[str, Tensor]) -> Tensor:
    """How far the network is from the truth: weighted cross-entropy, plus one minus the mean Dice of all structures."""
    logits, truth = network(batch["image"]).float(), batch["truth"].float() / 240
    entropy = functional.cross_entropy(logits, truth, WEIGHTS.to(logits.device))
    said, axes = logits.softmax(dim=1), (0, 2, 3, 4)
    both, each = 2 * (said * truth).sum(axes), (said.square() + truth.square()).sum(axes)
    return entropy + 1 - ((both + 1) / (each + 1))[1:].mean()


# --- prediction -------------------------------------------------------------------------------------------------------


def segment(image: sitk.Image, network: nn.Module) -> sitk.Image:
    """Label a scan of a head.

    Parameters
    ----------
    image : sitk.Image
        The scan: 3-D, of any spacing, size and direction, with or without a skull.
    network : torch.nn.Module
        What `load` returns, or one that was trained here.

    Returns
    -------
    sitk.Image
        The number of each voxel's structure in `NAMES` (uint8), on the grid of the image.

    Raises
    ------
    ValueError
        The image is no scan that could be labelled: not 3-D, with several components, not finite, or constant.
    """
    likely, place = probabilities(image, network)
    best, labels = np.zeros(0), np.zeros(0)
    for number, structure in enumerate(likely):
        there = sitk.GetArrayFromImage(sitk.Resample(place.image(structure), image, sitk.Transform()))
        if number == 0:
            best, labels = there, np.zeros(there.shape, np.uint8)
        else:
            labels[there > best] = number
            np.maximum(best, there, out=best)
    return Grid.of(image).image(labels)


def probabilities(image: sitk.Image, network: nn.Module) -> tuple[np.ndarray, Grid]:
    """How likely each voxel around the brain belongs to each structure, and where these voxels lie.

    The network looks twice: at all of the scan, to find the brain, and then at a box around it, such as it has learned
    from. How much air and neck the scan shows is thus of no account.

    Parameters
    ----------
    image, network
        As for `segment`.

    Returns
    -------
    likely : array of float32
        (structure, z, y, x), in the order of `NAMES`; the sum over the structures is 1.
    place : Grid
        Of voxels of 2 mm; what lies outside of it is background.

    Raises
    ------
    ValueError
        As for `segment`.
    """
    _check(image)
    device = next(network.parameters()).device

    def answer(seen: sitk.Image) -> np.ndarray:
        values = torch.from_numpy(sitk.GetArrayFromImage(seen))[None, None].to(device)
        with torch.no_grad():
            return network.eval()(values)[0].softmax(dim=0).cpu().numpy()

    seen = coarse(image)
    likely, place = answer(seen), Grid.of(seen)
    brain = np.argwhere(likely.argmax(axis=0))[:, ::-1]
    if not len(brain):
        return likely, place
    first = np.rint(np.median(brain, axis=0) - np.divide(BRAIN, 2))  # a whole number: the same voxels, and no new blur
    place = Grid(BRAIN, place.spacing, tuple(place.points(first).tolist()), place.direction)
    return answer(coarse(image, place)), place


def coarse(image: sitk.Image, place: Grid | None = None) -> sitk.Image:
    """The scan as the network sees it: float32 in voxels of 2 mm along L, P and S, by default around all of it."""
    grid = Grid.of(image)
    if place is None:
        corners = grid.points([np.multiply(grid.size, ends) - 0.5 for ends in np.ndindex(2, 2, 2)])
        first, last = corners.min(axis=0), corners.max(axis=0)
        size = (np.ceil((last - first) / (SPACING * MULTIPLE)) * MULTIPLE).astype(int).tolist()
        place = Grid.around((first + last) / 2, size, (SPACING,) * 3, (1, 0, 0, 0, 1, 0, 0, 0, 1))
    # What is finer is averaged over the new voxels, or noise and thin structures would alias.
    variance = [max(0.0, SPACING**2 - step**2) / 12 for step in grid.spacing]
    smooth = sitk.DiscreteGaussian(sitk.Cast(image, sitk.sitkFloat32), variance)
    where = (place.size, sitk.Transform(), sitk.sitkLinear, place.origin, place.spacing, place.direction)
    return sitk.Resample(smooth, *where, float(sitk.GetArrayViewFromImage(image).min()))


def _check(image: sitk.Image) -> None:
    if image.GetDimension() != 3 or image.GetNumberOfComponentsPerPixel() != 1:
        raise ValueError(
            f"a scan has three dimensions and one number in each voxel; this image has {image.GetDimension()} and "
            f"{image.GetNumberOfComponentsPerPixel()}: take one volume of it"
        )
    values = sitk.GetArrayViewFromImage(image)
    if not np.isfinite(values).all():
        raise ValueError("the scan has voxels that are no number (NaN or infinite): replace them, with 0 for example")
    if values.min() == values.max():
        raise ValueError(f"all voxels of the scan are {values.min()}: there is nothing to label")


def load(path: Path = SHIPPED) -> UNet:
    """The network with the weights of a file, by default those that come with the course.

    Raises
    ------
    ValueError
        The file is broken, of another version, or has the weights of another network.
    """
    network = UNet()
    load_weights(path, network)
    return network.eval()
