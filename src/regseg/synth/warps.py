"""Known deformations: a grid, a seed and how far points move, in mm, become a transform.

A transform maps the points of the fixed image to the points of the moving one, as registration returns it. `seed` may
also be a generator, from which the numbers are then drawn.
"""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk

from regseg.grid import Box, Grid

Seed = int | np.random.Generator


def rigid(grid: Grid, degrees: tuple[float, ...], shift: tuple[float, ...]) -> sitk.Euler3DTransform:
    """A rotation about the middle of a 3-D grid, in degrees about x, y and z, followed by a shift in mm."""
    return sitk.Euler3DTransform(grid.middle, *np.deg2rad(degrees).tolist(), shift)


def random_rigid(grid: Grid, seed: Seed, degrees: float, reach: float) -> sitk.Euler3DTransform:
    """A rotation of up to so many degrees about each axis, and a shift of up to `reach` mm along it."""
    random = np.random.default_rng(seed)
    return rigid(grid, random.uniform(-degrees, degrees, 3).tolist(), random.uniform(-reach, reach, 3).tolist())


def bspline(grid: Grid, seed: Seed, reach: float, mesh: tuple[int, ...], still: int = 0) -> sitk.BSplineTransform:
    """A cubic B-spline with random coefficients.

    Parameters
    ----------
    grid : Grid
        What it covers; beyond, nothing moves.
    seed : int or numpy.random.Generator
        Where the coefficients come from.
    reach : float
        Their standard deviation in mm. Points move less, as each averages over 4 coefficients along each axis.
    mesh : tuple of int
        Number of spans along x, y(, z); there are 3 more coefficients.
    still : int
        So many layers of coefficients at each border are zero; with 3 nothing moves at the border of the grid.
    """
    warp = sitk.BSplineTransformInitializer(grid.image(np.zeros(grid.size[::-1], np.uint8)), mesh)
    shape = [spans + 3 for spans in mesh[::-1]]
    coefficients = np.random.default_rng(seed).normal(0, reach, (grid.dimension, *shape))
    inside = tuple(slice(still, count - still) for count in shape)
    kept = np.zeros_like(coefficients)
    kept[:, *inside] = coefficients[:, *inside]
    warp.SetParameters(kept.ravel())
    return warp


def waves(grid: Grid, seed: Seed, reach: float, smooth: float) -> sitk.DisplacementFieldTransform:
    """White noise, smoothed by a Gaussian of `smooth` mm; `reach` is the standard deviation on each axis, in mm."""
    random = np.random.default_rng(seed)
    components = []
    for _ in range(grid.dimension):
        wave = sitk.SmoothingRecursiveGaussian(
            grid.image(random.standard_normal(grid.size[::-1])), [smooth] * grid.dimension
        )
        components.append(wave * (reach / float(sitk.GetArrayViewFromImage(wave).std())))
    return sitk.DisplacementFieldTransform(sitk.Cast(sitk.Compose(components), sitk.sitkVectorFloat64))


def velocity(grid: Grid, seed: Seed, reach: float = 3.0) -> sitk.Image:
    """A smooth random velocity on voxels four times as wide, which fades to 0 over the 8 outermost of them.

    Each component is noise, smoothed by a Gaussian of 16 mm, with a standard deviation of `reach` mm per unit of time
    before it fades. `exponential` makes a transform of it.
    """
    coarse = _coarser(grid, 4)
    shape = coarse.size[::-1]
    random = np.random.default_rng(seed)
    window = np.ones(())
    for axis, n in enumerate(shape):
        taper = np.clip(np.minimum(np.arange(n), np.arange(n)[::-1]) / 8, 0, 1)
        along = [-1 if other == axis else 1 for other in range(len(shape))]
        window = window * (taper**2 * (3 - 2 * taper)).reshape(along)
    components = []
    for _ in shape:
        noise = coarse.image(random.standard_normal(shape))
        smooth = sitk.GetArrayFromImage(
            sitk.DiscreteGaussian(noise, variance=[16.0**2] * grid.dimension, maximumKernelWidth=64)
        )
        components.append(reach * window * smooth / smooth.std())
    return coarse.image(np.stack(components, axis=-1))


def exponential(velocity: sitk.Image) -> sitk.DisplacementFieldTransform:
    """Where points come to that follow a velocity (mm) for unit time: an invertible map, and no B-spline.

    By scaling and squaring: Arsigny et al., A Log-Euclidean framework for statistics on diffeomorphisms, MICCAI 2006.
    """
    squarings, grid = 6, Grid.of(velocity)
    field = grid.image(sitk.GetArrayViewFromImage(velocity) / 2**squarings)
    for _ in range(squarings):
        step = sitk.DisplacementFieldTransform(field)
        field = grid.sample(sitk.CompositeTransform([step, step]))
    return sitk.DisplacementFieldTransform(field)


def gaussians(grid: Grid, seed: Seed, reach: float) -> sitk.DisplacementFieldTransform:
    """The sum of 200 pushes, each a Gaussian of 10 to 20 mm about its centre; the longest displacement is `reach` mm.

    It may fold, where pushes meet.
    """
    random = np.random.default_rng(seed)
    coarse = _coarser(grid, 2)
    axes = [np.arange(n) * step for n, step in zip(coarse.size, coarse.spacing, strict=True)]
    field = np.zeros((*coarse.size[::-1], grid.dimension))
    for _ in range(200):
        sigma, push = random.uniform(10, 20), random.standard_normal(grid.dimension)
        bump = np.ones(())
        for axis in axes:
            bump = np.multiply.outer(np.exp(-(((axis - random.uniform(0, axis[-1])) / sigma) ** 2) / 2), bump)
        field += bump[..., None] * push
    return sitk.DisplacementFieldTransform(scaled(coarse.image(field), reach))


def breath(grid: Grid, top: float, spine: float) -> sitk.DisplacementFieldTransform:
    """From breathing out to breathing in: the diaphragm goes down by 20 mm, the front of the chest forward by 6 mm.

    The motion grows from zero at `top` (z, mm) over 200 mm downwards, and is zero along the line x = 0, y = `spine`.
    """

    def ramp(t: np.ndarray) -> np.ndarray:
        t = np.clip(t, 0, 1)
        return t * t * (3 - 2 * t)

    places = np.moveaxis(np.indices(grid.size[::-1])[::-1], 0, -1)
    x, y, z = np.moveaxis(grid.points(places), -1, 0)
    depth = ramp((top - z) / 200)
    off_spine = 1 - np.exp(-(x**2 + (y - spine) ** 2) / (2 * 35**2))
    arrows = [0 * x, -6 * depth * off_spine * ramp((spine + 5 - y) / 120), -20 * depth * off_spine]
    return sitk.DisplacementFieldTransform(grid.image(np.stack(arrows, axis=-1)))


# The four categories of motion that RegNet learns from: H. Sokooti et al., 3D convolutional neural networks image
# registration based on efficient supervised learning from artificial deformations, arXiv 1908.10235. Theirs are sums of
# displacements; here each is the way along a velocity, so that none of them folds. They are smooth: voxels of 4 to 8 mm
# are fine enough for them, such as `Grid.shrink` has.


def zero(grid: Grid) -> sitk.DisplacementFieldTransform:
    """Nothing moves."""
    return sitk.DisplacementFieldTransform(grid.image(np.zeros((*grid.size[::-1], grid.dimension))))


def single_frequency(grid: Grid, seed: Seed, reach: float, knots: float) -> sitk.DisplacementFieldTransform:
    """Waves of one length: along a random B-spline with knots every `knots` mm, until a point has gone `reach` mm."""
    return until(_spline(grid, seed, knots), reach)


def mixed_frequency(image: sitk.Image, seed: Seed, reach: float, knots: float) -> sitk.DisplacementFieldTransform:
    """Still places close to moving ones: the motion of a single frequency, but only about some of an image's edges.

    The strongest edges are dilated by a sixth of `knots` (mm), filled with the motion in random blocks, and smoothed by
    as much. The grid is the image's, and the farthest point goes `reach` mm.

    Raises
    ------
    ValueError
        The image is constant.
    """
    random, grid = np.random.default_rng(seed), Grid.of(image)
    slopes = sitk.GetArrayFromImage(sitk.GradientMagnitude(sitk.Cast(image, sitk.sitkFloat32)))
    if not slopes.any():
        raise ValueError("the image is constant: there is no edge that could move")
    sides = np.multiply(grid.size, grid.spacing)[::-1]
    blocks = random.random([max(2, round(side / knots)) for side in sides]) < 0.7
    blocks.flat[0] = True  # one at least is filled
    block = np.ix_(*(np.arange(n) * count // n for n, count in zip(slopes.shape, blocks.shape, strict=True)))
    edges = (slopes >= max(np.quantile(slopes, 0.85), 1e-6 * slopes.max())).astype(np.uint8)
    radius = [max(1, round(knots / 6 / step)) for step in grid.spacing]
    filled = sitk.GetArrayFromImage(sitk.BinaryDilate(grid.image(edges), radius)) * blocks[block]
    motion = sitk.GetArrayFromImage(_spline(grid, random, knots)) * (filled if filled.any() else edges)[..., None]
    smooth = sitk.SmoothingRecursiveGaussian(grid.image(motion), [knots / 6] * grid.dimension)
    return until(sitk.Cast(smooth, sitk.sitkVectorFloat64), reach)


def respiratory(grid: Grid, seed: Seed, reach: float) -> sitk.DisplacementFieldTransform:
    """A breath: towards the end of the grid's last axis all moves along it, more and more, and half as far in front.

    In front is where the axis before it begins. Whether in or out, and where the motion begins, falls by lot; a random
    B-spline a third as strong is added. The farthest point goes `reach` mm.
    """
    random = np.random.default_rng(seed)
    places = np.moveaxis(np.indices(grid.size[::-1])[::-1], 0, -1) / (np.array(grid.size) - 1)
    depth = np.clip((places[..., -1] - random.uniform(0.1, 0.4)) / 0.6, 0, 1)
    along = np.zeros(places.shape)
    along[..., -1] = depth * depth * (3 - 2 * depth)
    along[..., -2] = -along[..., -1] / 2 * (1 - places[..., -2])
    rest = sitk.GetArrayFromImage(scaled(_spline(grid, random, 60.0), 1 / 3))
    return until(grid.image(random.choice((-1, 1)) * along @ grid.axes.T + rest), reach)


def until(velocity: sitk.Image, reach: float) -> sitk.DisplacementFieldTransform:
    """Follow a velocity for the time after which the farthest point has gone `reach` mm, to a hundredth.

    Beyond the border the velocity goes on as it is there, so that points may leave the grid, and others come in.
    """
    grid = Grid.of(velocity)
    margin = [int(np.ceil(reach / step)) for step in grid.spacing]
    way = sitk.ZeroFluxNeumannPad(velocity, margin, margin)
    length = reach
    for _ in range(20):
        found = sitk.RegionOfInterest(exponential(scaled(way, length)).GetDisplacementField(), grid.size, margin)
        gone = float(np.linalg.norm(sitk.GetArrayViewFromImage(found), axis=-1).max())
        if abs(gone - reach) <= 0.01 * reach:
            break
        length *= reach / gone
    return sitk.DisplacementFieldTransform(found)


def _spline(grid: Grid, seed: Seed, knots: float) -> sitk.Image:
    """A random B-spline with knots about every `knots` mm, at the voxels of a grid."""
    mesh = [max(1, round(n * step / knots)) for n, step in zip(grid.size, grid.spacing, strict=True)]
    return grid.sample(bspline(grid, seed, 1.0, tuple(mesh)))


def scaled(field: sitk.Image, reach: float) -> sitk.Image:
    """A velocity or displacement times a number, so that its longest vector has `reach` mm."""
    vectors = sitk.GetArrayFromImage(field)
    return Grid.of(field).image(vectors * (reach / np.linalg.norm(vectors, axis=-1).max()))


def _coarser(grid: Grid, factor: int) -> Grid:
    """Voxels so many times as wide, as many as fit."""
    whole = Box((0,) * grid.dimension, tuple(n // factor for n in grid.size))
    return grid.shrink((factor,) * grid.dimension).crop(whole)
