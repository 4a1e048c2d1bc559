"""From two images to the displacement field between them, on any grid: what the network sees, and what comes of it."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
import torch
from scipy.ndimage import map_coordinates

from regseg.grid import Grid
from regseg.learn.regnet.grids import resampled
from regseg.learn.regnet.network import PASSES, VOXEL, RegNet

MARGIN = 12  # voxels around the fixed image in which the moving image is looked at


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
    pair = Pair.of(fixed, moving, initial, voxel)
    return pair.transform(displacements(network, pair, passes, patch))


@dataclass(frozen=True)
class Pair:
    """Two images as the network sees them: values about 0 to 1 on one grid, of which the moving one has more."""

    grid: Grid
    fixed: np.ndarray
    moving: np.ndarray

    @classmethod
    def of(cls, fixed: sitk.Image, moving: sitk.Image, initial: sitk.Transform | None, voxel: float) -> Pair:
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
        if not resampled(inside, wider, initial).any():
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
    return ((resampled(image, grid, transform, low) - low) / (high - low)).astype(np.float32)


def displacements(network: RegNet, pair: Pair, passes: Sequence[str], patch: int | None = None) -> np.ndarray:
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
