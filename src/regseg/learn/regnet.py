"""A small network that predicts the displacement field between two images, after RegNet.

    network = regnet.load(dimension=3)
    transform = regnet.predict(network, fixed, moving)
    found = regnet.register(fixed, moving)        # the network where the motion is large, then the streamed solve

RegNet (H. Sokooti et al., Nonrigid image registration using multi-scale 3D convolutional neural networks, MICCAI 2017;
arXiv 1908.10235) learns from artificial deformations: who has made the field knows the answer, so supervision is free.
It works in stages, each for motions of a certain size. Here these are two, which look at voxels of 8 and of 4 mm, and
may be repeated. A stage is arithmetic at first and learning second:

- *features* describe each voxel, by arithmetic (MIND) and by a few learned convolutions;
- a *cost volume* holds how much the features of a fixed voxel are those of each moving voxel within its reach;
- an expected displacement is read off it, in which neighbours agree (as in M. Heinrich's convex optimisation, "Closing
  the gap between deep and conventional image registration using probabilistic dense displacement networks", MICCAI
  2019);
- a small U-Net looks at all of that, and adds what is still missing.

Untrained, the features are those of arithmetic alone and the U-Net adds next to nothing: that is the row beside which
the trained network must stand.

Tensors are (batch 1, channel, z, y, x), or (…, y, x) for pictures. Displacements have the components x, y(, z) along
the axes of the grid, and are counted in *cells*, of two voxels.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import SimpleITK as sitk
import torch
from scipy.linalg import expm
from scipy.ndimage import map_coordinates
from torch import Tensor, nn
from torch.nn import functional

from regseg.grid import Box, Grid
from regseg.learn.train import Draw, load_weights
from regseg.synth import heads, looks, warps

VOXEL = 4.0  # mm
PASSES = ("far", "far", "far", "near", "near")
MARGIN = 12  # voxels around the fixed image in which the moving image is looked at
CONVOLUTION = {2: nn.Conv2d, 3: nn.Conv3d}

# --- the network ------------------------------------------------------------------------------------------------------


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
        size = fixed.shape[2:]
        cells = [n // 2 for n in size]
        margin = (moving.shape[2] - size[0]) // 2
        found = torch.zeros(1, self.dimension, *cells, device=fixed.device)
        for number, name in enumerate(passes):
            stage = getattr(self, name)
            width = max(3, 7 - 2 * number) if name == "far" else 3
            around = [stage.margin] * (2 * self.dimension)
            shift = functional.pad(2 * resized(found, size), around, mode="replicate")
            seen = sampled(moving, places(shift) + (margin - stage.margin) + shift)
            further = stage(fixed, seen, width)[1] * (stage.voxels / 2)
            found = further + sampled(found, places(found) + further)
        return found


def described(image: Tensor) -> tuple[Tensor, Tensor]:
    """Local contrast, and how unlike each voxel is to each of its neighbours, which no contrast changes much.

    The latter is MIND (M. Heinrich et al., MIND: Modality independent neighbourhood descriptor for multi-modal
    deformable registration, Medical Image Analysis 16(7), 2012).
    """
    mean = smoothed(image, 7)
    contrast = (image - mean) / ((smoothed(image * image, 7) - mean**2).clamp_min(0).sqrt() + 0.03)
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


# --- learning ---------------------------------------------------------------------------------------------------------


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

    A batch holds "fixed" and "moving" images, the true "field" in cells, how much each cell counts ("weight"), and
    whether it is for the stage that is called "far". Grey levels fall by lot: like T1, inverted, or any.
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
        weight = 0.02 + _resampled(sitk.Cast(anatomy.brain, sitk.sitkFloat32), cells, truth)
        return {name: image[None, None] for name, image in images.items()} | {
            "field": np.moveaxis(field, -1, 0)[None].astype(np.float32),
            "weight": weight[None, None].astype(np.float32),
            "far": np.array(far),
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
    values = _resampled(image, cells, sitk.Transform(cells.dimension, sitk.sitkIdentity))
    if kind < 0.85 and values.any():
        return warps.mixed_frequency(cells.image(values), random, reach, knots)
    return warps.respiratory(cells, random, reach)


def _seen(
    image: sitk.Image, grid: Grid, transform: sitk.Transform, random: np.random.Generator, stripped: bool
) -> np.ndarray:
    """The image on a grid through a transform, with shading, noise and a bent scale of grey."""
    values = np.maximum(_resampled(image, grid, transform), 0)
    values /= max(float(np.percentile(values, 99.5)), 1.0)
    values *= np.exp(0.15 * looks.smooth_noise(values.shape, wavelength=60, seed=int(random.integers(2**31))))
    values **= np.float32(random.choice((1, random.uniform(0.7, 1.4))))
    noise = random.uniform(0.003, 0.03) * random.standard_normal(values.shape, np.float32)
    return values + (noise * (values > 0.01) if stripped else noise)


def _finer(truth: sitk.DisplacementFieldTransform, grid: Grid) -> sitk.DisplacementFieldTransform:
    """The same motion on a finer grid, where it also reaches the border."""
    return sitk.DisplacementFieldTransform(_spread(truth.GetDisplacementField(), grid))


def _spread(field: sitk.Image, grid: Grid) -> sitk.Image:
    """A displacement field on another grid; beyond its border it goes on as it is there."""
    where = (grid.size, sitk.Transform(), sitk.sitkLinear, grid.origin, grid.spacing, grid.direction)
    return sitk.Resample(field, *where, 0.0, sitk.sitkVectorFloat64, True)


def _resampled(image: sitk.Image, grid: Grid, transform: sitk.Transform) -> np.ndarray:
    where = (grid.size, transform, sitk.sitkLinear, grid.origin, grid.spacing, grid.direction)
    return sitk.GetArrayFromImage(sitk.Resample(image, *where, 0.0))


def loss(network: RegNet, batch: dict[str, Tensor]) -> Tensor:
    """How wrong one stage is: Huber's loss of the field, its bending energy, and how unlikely it finds the truth.

    The last is the cross-entropy of the likeness alone, a tenth of it: so the features learn to tell places apart.
    """
    stage = network.far if batch["far"].item() else network.near
    likeness, found = stage(batch["fixed"], batch["moving"])
    truth, weight = batch["field"] * (2 / stage.voxels), batch["weight"] / batch["weight"].sum()
    huber = functional.huber_loss(found, truth, reduction="none", delta=0.5).sum(dim=1, keepdim=True)
    # The number of the step that is nearest to the truth; x is the fastest.
    nearest = (truth.round().clamp(-stage.reach, stage.reach) + stage.reach).long()
    powers = [(2 * stage.reach + 1) ** axis for axis in range(stage.dimension)]
    number = sum(nearest[:, axis] * power for axis, power in enumerate(powers))
    surprise = functional.cross_entropy(likeness, number, reduction="none")[:, None]
    return ((huber + 0.1 * surprise) * weight).sum() + 0.02 * bending(found)


def bending(field: Tensor) -> Tensor:
    """How much a field bends: the mean square of its second differences."""
    return sum(field.diff(n=2, dim=axis).square().mean() for axis in range(2, field.ndim))


def unsupervised_loss(network: RegNet, batch: dict[str, Tensor]) -> Tensor:
    """The twin that needs no truth: how unlike the fixed image the warped moving one is, and how much the field bends.

    It is the idea of VoxelMorph (G. Balakrishnan et al., IEEE TMI 38(8), 2019).
    """
    stage = network.far if batch["far"].item() else network.near
    _, found = stage(batch["fixed"], batch["moving"])
    shift = resized(found * stage.voxels, batch["fixed"].shape[2:])
    warped = sampled(batch["moving"], places(shift) + stage.margin + shift)
    unlike = torch.cat(described(batch["fixed"]), dim=1) - torch.cat(described(warped), dim=1)
    weight = resized(batch["weight"], shift.shape[2:])
    return (unlike.square() * weight).sum() / weight.sum() + 0.02 * bending(found)


def shipped(dimension: int) -> Path:
    """Where the weights lie that come with the course."""
    return Path(__file__).with_name("weights") / f"regnet-{dimension}d.safetensors"


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


# --- prediction -------------------------------------------------------------------------------------------------------


def predict(
    network: RegNet,
    fixed: sitk.Image,
    moving: sitk.Image,
    *,
    initial: sitk.Transform | None = None,
    passes: Sequence[str] = PASSES,
    voxel: float = VOXEL,
    patch: int | None = None,
) -> sitk.DisplacementFieldTransform:
    """Predict where the points of the fixed image lie in the moving one.

    Parameters
    ----------
    network : RegNet
        What `load` returns, or one that was trained here.
    fixed, moving : sitk.Image
        2-D or 3-D, of any size, spacing and direction.
    initial : sitk.Transform, optional
        From fixed to moving, where the network starts; the result comes before it:
        `sitk.CompositeTransform([initial, result])` maps from fixed to moving.
    passes : sequence of str
        Which stages look at the images, in order: each "far" one finds up to 24 mm, each "near" one up to 8.
    voxel : float
        Width in mm of the voxels that the network sees, 4 for a head. All lengths grow and shrink with it.
    patch : int, optional
        Width in voxels of overlapping pieces, 64 or more, for images that are too large for the memory. All of the
        image without it.

    Returns
    -------
    sitk.DisplacementFieldTransform
        In mm, on voxels of this width along the axes of the fixed image; beyond them it moves nothing.

    Raises
    ------
    TypeError
        One of the two is no image.
    ValueError
        The images cannot be registered: 4-D, of different dimensions, not finite, constant, or without overlap; or the
        network is for another dimension, or has no such pass.
    """
    pair = _Pair.of(fixed, moving, initial, voxel)
    return pair.transform(_displacements(network, pair, passes, patch))


@dataclass(frozen=True)
class _Pair:
    """Two images as the network sees them: values about 0 to 1 on one grid, of which the moving one has more."""

    grid: Grid
    fixed: np.ndarray
    moving: np.ndarray

    @classmethod
    def of(cls, fixed: sitk.Image, moving: sitk.Image, initial: sitk.Transform | None, voxel: float) -> _Pair:
        for image, name in ((fixed, "the fixed image"), (moving, "the moving image")):
            _check(image, name)
        dimension = fixed.GetDimension()
        initial = initial or sitk.Transform(dimension, sitk.sitkIdentity)
        for name, other in (("moving image", moving), ("initial transform", initial)):
            if other.GetDimension() != dimension:
                raise ValueError(f"the fixed image is {dimension}-D and the {name} {other.GetDimension()}-D")
        place = Grid.of(fixed)
        sides = np.multiply(place.size, place.spacing)
        size = tuple((2 * np.maximum(np.ceil(sides / voxel / 2), 4)).astype(int).tolist())
        grid = Grid.around(place.middle, size, (voxel,) * dimension, place.direction)
        wider = grid.crop(grid.box.grow((MARGIN,) * dimension))
        inside = Grid.of(moving).image(np.ones(moving.GetSize()[::-1], np.uint8))
        if not _resampled(inside, wider, initial).any():
            raise ValueError(
                "the images do not overlap: give an initial transform, such as sitk.CenteredTransformInitializer finds"
            )
        identity = sitk.Transform(dimension, sitk.sitkIdentity)
        return cls(grid, _shown(fixed, grid, identity), _shown(moving, wider, initial))

    def transform(self, found: np.ndarray) -> sitk.DisplacementFieldTransform:
        """Displacements in cells, as (component, cells), as a transform in mm on the voxels."""
        fine = [(np.arange(n) - 0.5) / 2 for n in self.grid.size[::-1]]
        at = np.stack(np.meshgrid(*fine, indexing="ij"))
        smooth = np.stack([map_coordinates(each, at, order=3, mode="nearest") for each in found], axis=-1)
        vectors = smooth.astype(float) * 2 * np.array(self.grid.spacing) @ self.grid.axes.T
        return sitk.DisplacementFieldTransform(self.grid.image(vectors))


def _check(image: sitk.Image, name: str) -> None:
    if not isinstance(image, sitk.Image):
        raise TypeError(f"{name} must be a SimpleITK image, not {type(image).__name__}: sitk.ReadImage reads one")
    if image.GetDimension() > 3 or image.GetNumberOfComponentsPerPixel() != 1:
        raise ValueError(
            f"{name} is {image.GetDimension()}-D with {image.GetNumberOfComponentsPerPixel()} numbers per voxel: take "
            "one volume out of it, such as image[:, :, :, 0], and one component"
        )
    values = sitk.GetArrayViewFromImage(image)
    if not np.isfinite(values).all():
        raise ValueError(f"{name} has voxels that are no number (NaN or infinite): replace them, with 0 for example")
    if values.min() == values.max():
        raise ValueError(f"all voxels of {name} are {values.min()}: there is nothing to register")


def _shown(image: sitk.Image, grid: Grid, transform: sitk.Transform) -> np.ndarray:
    """The image on a coarser grid, averaged over its voxels, with the grey range stretched to 0 to 1."""
    values = sitk.GetArrayViewFromImage(image)
    low, high = np.percentile(values[(slice(None, None, 2),) * values.ndim], (0.5, 99.5)).tolist()
    if not high > low:
        low, high = float(values.min()), float(values.max())
    finer = [max(1, int(grid.spacing[0] / (2 * step))) for step in image.GetSpacing()]
    image = sitk.BinShrink(sitk.Cast(image, sitk.sitkFloat32), finer)
    sigma = [0.35 * grid.spacing[0] if step < grid.spacing[0] else 0.01 * step for step in image.GetSpacing()]
    if min(image.GetSize()) >= 4:  # what the filter needs
        image = sitk.SmoothingRecursiveGaussian(image, sigma)
    where = (grid.size, transform, sitk.sitkLinear, grid.origin, grid.spacing, grid.direction)
    shown = sitk.GetArrayFromImage(sitk.Resample(image, *where, low))
    return ((shown - low) / (high - low)).astype(np.float32)


def _displacements(network: RegNet, pair: _Pair, passes: Sequence[str], patch: int | None = None) -> np.ndarray:
    """What the network finds, (component, cells) in cells; where pieces overlap, their mean by distance to the edge."""
    if network.dimension != pair.grid.dimension:
        raise ValueError(f"the network is for {network.dimension}-D images, and these are {pair.grid.dimension}-D")
    if unknown := set(passes) - {"far", "near"}:
        raise ValueError(f'there is no pass called {sorted(unknown)[0]!r}: give some of "far" and "near"')
    if patch is not None and patch < 48:
        raise ValueError(f"pieces of {patch} voxels see too little of the image: make them 64 wide, or wider")
    size = pair.fixed.shape
    device = next(network.parameters()).device
    total = np.zeros((network.dimension, *(n // 2 for n in size)), np.float32)
    weights = np.zeros(total.shape[1:], np.float32)
    for starts in itertools.product(*(_starts(n, patch) for n in size)):
        widths = [min(patch or n, n) for n in size]
        here = tuple(slice(a, a + n) for a, n in zip(starts, widths, strict=True))
        there = tuple(slice(a, a + n + 2 * MARGIN) for a, n in zip(starts, widths, strict=True))
        images = (torch.from_numpy(each)[None, None].to(device) for each in (pair.fixed[here], pair.moving[there]))
        with torch.no_grad():
            found = network(*images, passes)[0].cpu().numpy()
        tent = np.ones(())
        for n in found.shape[1:]:
            tent = np.multiply.outer(tent, np.minimum(np.arange(n), np.arange(n)[::-1]) + 0.5)
        cells = tuple(slice(each.start // 2, each.stop // 2) for each in here)
        total[(slice(None), *cells)] += found * tent
        weights[cells] += tent
    return total / weights


def _starts(n: int, patch: int | None) -> list[int]:
    """Where pieces begin that cover n voxels: even numbers, and each overlaps the next by half at least."""
    if patch is None or patch >= n:
        return [0]
    count = -(-(n - patch) // (patch // 2)) + 1
    return sorted({2 * round(start / 2) for start in np.linspace(0, n - patch, count)})


# --- the network first, the streamed solve after it -------------------------------------------------------------------


@dataclass(frozen=True)
class Found:
    """What `register` found.

    Attributes
    ----------
    transform : sitk.CompositeTransform
        From points of the fixed image to points of the moving one, in mm.
    motion : float
        How far the first pass of the network saw points move, in mm: 19 of 20 less.
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
    passes: Sequence[str] = PASSES,
    voxel: float = VOXEL,
) -> Found:
    """Register two images: the network where the motion is large, and then the streamed solve of `regseg.distributed`.

    The first pass of the network says how large the motion is. The solve finds the way by itself as long as that is
    at most two and a half voxels of the network, 10 mm for a head, and is more accurate then; beyond, it starts where
    all passes of the network have arrived. It needs the extra `bigdata`.

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
    pair = _Pair.of(fixed, moving, initial, voxel)
    first = np.linalg.norm(_displacements(network, pair, passes[:1]), axis=0) * 2 * voxel
    bright = halved(torch.from_numpy(pair.fixed)[None, None])[0, 0].numpy()
    motion = float(np.percentile(first[bright >= np.median(bright)], 95))
    large = motion > 2.5 * voxel
    stages = distributed.streamed_solve(spacing=voxel / 2)
    with TemporaryDirectory(prefix="regseg-") as folder:
        files = [Path(folder) / name for name in ("fixed.mha", "moving.mha")]
        for image, file in zip((fixed, moving), files, strict=True):
            sitk.WriteImage(sitk.Cast(image, sitk.sitkFloat32), file)
        plan = distributed.plan(*files, stages, initial=initial, lattice_spacing=2 * voxel)
        if large:
            network_field = pair.transform(_displacements(network, pair, passes)).GetDisplacementField()
            values = np.moveaxis(sitk.GetArrayFromImage(_spread(network_field, plan.lattice)), -1, 0)
            start = distributed.Field(plan.lattice, values.astype(np.float32))
            plan = replace(plan, start=start, stages=stages[1:])
        result = distributed.run(plan, progress=False)
    return Found(result.transform, motion, tuple(passes) if large else (), (*result.notes, *result.doubts))
