"""Deformable registration of known answers: the lesson's recipe, elastix's defaults, SimpleITK's own example.

Three pairs of the MNI152 template (T1-weighted MR at 2 mm) related by a rigid motion after an exponentiated smooth
velocity, which no B-spline equals; the moving image has other grey levels, a bias field and noise of its own. One is
the course's `pair_composite`, the others are made here. One rigid and one affine registration give the start that all
methods share; from there each runs alone in a fresh process, with one thread. Its CPU-seconds (user and system) are
those of the deformable registration, its peak memory that of the whole process, the libraries included. Errors are
against the truth, at every voxel of the brain.

The comparison is not even: only the lesson's recipe was tuned on pairs of this sort. So "elastix on the lesson's input"
is elastix's defaults once more, on what the lesson's recipe looks at: local contrast, in and around the brain.
"""

from __future__ import annotations

import sys
import time

import SimpleITK as sitk

from measure import alone, by_measure, peak_memory, write_results
from regseg import data, evaluate
from regseg import elastix as door
from regseg.data import recipes
from regseg.grid import Grid
from regseg.synth import pairs, warps

SEEDS = (1, 2)  # of the pairs made here


def make_pair(seed: int) -> pairs.Pair:
    """A pair made as the course makes `pair_composite`, with another motion, warp and noise."""
    t1, mask = data.load("brain_t1"), data.load("brain_mask")
    grid = Grid.of(t1)
    warp = warps.exponential(warps.velocity(grid, 1000 + seed))
    truth = sitk.CompositeTransform([warps.random_rigid(grid, seed, degrees=7, reach=7), warp])
    return pairs.make(t1, mask, truth, moving=recipes.other_t1(t1), seed=3000 + seed)


def start(fixed: sitk.Image, moving: sitk.Image) -> sitk.AffineTransform:
    """Rigid, then affine, from centre on centre: what every method starts from."""
    geometry = sitk.CenteredTransformInitializerFilter.GEOMETRY
    rigid = sitk.Euler3DTransform(sitk.CenteredTransformInitializer(fixed, moving, sitk.Euler3DTransform(), geometry))
    register_linear(fixed, moving, rigid)
    affine = sitk.AffineTransform(3)
    affine.SetCenter(rigid.GetCenter())
    affine.SetMatrix(rigid.GetMatrix())
    affine.SetTranslation(rigid.GetTranslation())
    register_linear(fixed, moving, affine)
    return affine


def register_linear(fixed: sitk.Image, moving: sitk.Image, transform: sitk.Transform) -> None:
    """Improve the transform in place, by mutual information."""
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(numberOfHistogramBins=32)
    method.SetMetricSamplingStrategy(method.REGULAR)
    method.SetMetricSamplingPercentage(0.1, seed=1)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsRegularStepGradientDescent(learningRate=2.0, minStep=1e-3, numberOfIterations=100)
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetShrinkFactorsPerLevel([4, 2])
    method.SetSmoothingSigmasPerLevel([4, 2])
    method.SetInitialTransform(transform, inPlace=True)
    method.Execute(fixed, moving)


def local_contrast(image: sitk.Image, sigma: float = 3.0, floor: float = 10.0) -> sitk.Image:
    """Subtract the mean and divide by the spread of the neighbourhood (sigma in mm, floor in grey levels)."""

    def mean(values: sitk.Image) -> sitk.Image:
        return sitk.SmoothingRecursiveGaussian(values, sigma)

    variance = sitk.Maximum(mean(image * image) - mean(image) ** 2, 0.0)
    return (image - mean(image)) / sitk.Sqrt(variance + floor**2)


def around(brain: sitk.Image) -> sitk.Image:
    """The mask and three voxels more, so that the edge of the brain counts."""
    return sitk.BinaryDilate(brain, [3, 3, 3])


# Each method takes the fixed and the moving image (float32), the brain in the fixed one, and the start.


def lesson_ffd(fixed: sitk.Image, moving: sitk.Image, brain: sitk.Image, affine: sitk.Transform) -> sitk.Transform:
    """The lesson's recipe: a B-spline of two meshes, by the correlation of local contrast."""
    mask = around(brain)
    shape = sitk.LabelShapeStatisticsImageFilter()
    shape.Execute(sitk.BinaryDilate(mask, [2, 2, 2]))
    x, y, z, nx, ny, nz = shape.GetBoundingBox(1)
    box = (slice(x, x + nx), slice(y, y + ny), slice(z, z + nz))

    bspline = sitk.BSplineTransformInitializer(fixed[box], [4, 5, 4])
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsCorrelation()
    method.SetMetricFixedMask(mask[box])
    method.SetMetricSamplingStrategy(method.RANDOM)
    method.SetMetricSamplingPercentage(0.3, seed=1)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsLBFGS2(solutionAccuracy=1e-9, numberOfIterations=15)
    method.SetShrinkFactorsPerLevel([4, 2])
    method.SetSmoothingSigmasPerLevel([4, 2])
    method.SetMovingInitialTransform(affine)
    method.SetInitialTransformAsBSpline(bspline, inPlace=True, scaleFactors=[1, 2])
    method.Execute(local_contrast(fixed)[box], local_contrast(moving))
    return sitk.CompositeTransform([affine, bspline])


def simpleitk_default(
    fixed: sitk.Image, moving: sitk.Image, _brain: sitk.Image, affine: sitk.Transform
) -> sitk.Transform:
    """The settings of SimpleITK's notebook "65_Registration_FFD", but mutual information (at its defaults).

    The notebook's own metric, mean squares, needs equal grey levels.
    """
    mesh = [int(n * mm / 50 + 0.5) for n, mm in zip(fixed.GetSize(), fixed.GetSpacing(), strict=True)]
    bspline = sitk.BSplineTransformInitializer(fixed, mesh)
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation()
    method.SetMetricSamplingStrategy(method.RANDOM)
    method.SetMetricSamplingPercentage(0.01, seed=1)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsLBFGSB(gradientConvergenceTolerance=1e-5, numberOfIterations=100)
    method.SetShrinkFactorsPerLevel([4, 2, 1])
    method.SetSmoothingSigmasPerLevel([2, 1, 0])
    method.SetMovingInitialTransform(affine)
    method.SetInitialTransform(bspline, inPlace=True)
    method.Execute(fixed, moving)
    return sitk.CompositeTransform([affine, bspline])


def elastix(
    fixed: sitk.Image, moving: sitk.Image, _brain: sitk.Image, affine: sitk.Transform, mask: sitk.Image | None = None
) -> sitk.Transform:
    """elastix's own default B-spline parameter map (mutual information and bending energy), in native code."""
    wanted = door.default_map("bspline")
    return door.register(fixed, moving, wanted, initial=affine, fixed_mask=mask, engine="native").transform


def elastix_lesson_input(
    fixed: sitk.Image, moving: sitk.Image, brain: sitk.Image, affine: sitk.Transform
) -> sitk.Transform:
    """The same on local contrast, with samples from the dilated mask of the lesson's recipe."""
    return elastix(local_contrast(fixed), local_contrast(moving), brain, affine, mask=around(brain))


METHODS = {
    "SimpleITK's notebook": simpleitk_default,
    "elastix": elastix,
    "the lesson's recipe": lesson_ffd,
    "elastix on the lesson's input": elastix_lesson_input,
}


def begin(pair: pairs.Pair) -> tuple[sitk.Transform, dict[str, float]]:
    """The start that all methods share, and its figures."""
    began = time.process_time()
    affine = start(sitk.Cast(pair.fixed, sitk.sitkFloat32), sitk.Cast(pair.moving, sitk.sitkFloat32))
    spent = time.process_time() - began
    return affine, errors(affine, pair) | {"CPU (s)": spent}


def measure(name: str, pair: pairs.Pair, affine: sitk.Transform) -> dict[str, float]:
    """Run one method on one pair, in a process of its own."""
    if name.startswith("elastix"):
        from itk import ElastixRegistrationMethod  # noqa: F401  loading takes seconds, which are not the method's
    fixed, moving = (sitk.Cast(image, sitk.sitkFloat32) for image in (pair.fixed, pair.moving))
    began = time.process_time()
    result = METHODS[name](fixed, moving, pair.mask, affine)
    figures = {"CPU (s)": time.process_time() - began} | peak_memory()
    return errors(result, pair) | figures


def errors(transform: sitk.Transform, pair: pairs.Pair) -> dict[str, float]:
    """Distance from the truth in mm at each voxel of the brain, and how many of them fold."""
    field = Grid.of(pair.mask).sample(transform)
    error = evaluate.field_error(field, pair.transform, pair.mask)
    return {
        "mean error (mm)": error.mean,
        "95th percentile (mm)": error.percentile_95,
        "folding (%)": 100 * evaluate.folding(field, pair.mask),
    }


def main() -> None:
    found: dict[str, list[dict[str, float]]] = {name: [] for name in ("affine start", *METHODS)}
    seeds = {"pair_composite": None} | {f"seed {seed}": seed for seed in SEEDS}
    for title, seed in seeds.items():
        pair = alone(data.load_pair, title) if seed is None else alone(make_pair, seed)
        affine, figures = alone(begin, pair)
        found["affine start"].append(figures)
        for name in METHODS:
            found[name].append(alone(measure, name, pair, affine))
            said = ", ".join(f"{what} {value:.3g}" for what, value in found[name][-1].items())
            print(f"{title}, {name}: {said}", file=sys.stderr)
    cases = {"three pairs": {name: by_measure(rows) for name, rows in found.items()}}
    print(write_results("registration", cases, {"three pairs": list(seeds)}))


if __name__ == "__main__":
    main()
