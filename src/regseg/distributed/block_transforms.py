"""Block methods that register each block by itself, as one would register a small image, and vote for what they found.

Each of them is the in-memory registration that its library offers; `vote` blends the transforms of all blocks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk

from regseg.distributed.pair import BlockPair
from regseg.distributed.votes import Votes, vote


@dataclass(frozen=True)
class SimpleITKBlocks:
    """A B-spline registration of each block by SimpleITK.

    Attributes
    ----------
    knots : float
        Spacing of the spline's knots in mm.
    other_contrast : bool
        Compare the images by Mattes' mutual information, and not by their correlation.
    iterations : int
        Of the optimiser, at most.
    sampling : float
        The part of the voxels that the metric looks at.
    """

    knots: float = 16.0
    other_contrast: bool = False
    iterations: int = 30
    sampling: float = 0.2

    def __call__(self, pair: BlockPair) -> Votes:
        """The votes of one block; see BlockMethod."""
        extent = [n * step for n, step in zip(pair.fixed.GetSize(), pair.fixed.GetSpacing(), strict=True)]
        mesh = [max(round(each / self.knots), 1) for each in extent]
        transform = sitk.BSplineTransformInitializer(pair.fixed, mesh)
        method = sitk.ImageRegistrationMethod()
        if self.other_contrast:
            method.SetMetricAsMattesMutualInformation(32)
        else:
            method.SetMetricAsCorrelation()
        method.SetMetricFixedMask(pair.mask)
        method.SetMetricSamplingStrategy(method.REGULAR)
        method.SetMetricSamplingPercentage(self.sampling, seed=1)
        method.SetInterpolator(sitk.sitkLinear)
        method.SetOptimizerAsLBFGS2(solutionAccuracy=1e-7, numberOfIterations=self.iterations)
        method.SetInitialTransform(transform, inPlace=True)
        method.Execute(pair.fixed, pair.moving)
        return vote(pair, transform)


@dataclass(frozen=True)
class ElastixBlocks:
    """A B-spline registration of each block by elastix (S. Klein et al., IEEE Trans. Med. Imaging 29(1), 2010).

    Its default metric is mutual information, so the two images may differ in contrast. Needs itk-elastix: the extra
    `elastix`. One thread, because two of them crash elastix 5.2 now and then; the workers are the parallelism.

    Attributes
    ----------
    knots : float
        Spacing of the spline's knots at the finest resolution, in mm.
    resolutions : int
        Levels of elastix's own pyramid.
    iterations : int
        At each resolution.
    """

    knots: float = 10.0
    resolutions: int = 3
    iterations: int = 250

    def __call__(self, pair: BlockPair) -> Votes:
        """The votes of one block; see BlockMethod.

        Raises
        ------
        ImportError
            Itk-elastix is not installed.
        """
        try:
            import itk
        except ImportError as error:
            raise ImportError("ElastixBlocks needs itk-elastix: pip install 'regseg-course[elastix]'") from error
        wanted = itk.ParameterObject.New()
        parameters = wanted.GetDefaultParameterMap("bspline", self.resolutions, self.knots)
        # The default adds a penalty on bending that holds small warps back; here the reduction keeps the field smooth.
        parameters["Registration"] = ["MultiResolutionRegistration"]
        parameters["Metric"] = ["AdvancedMattesMutualInformation"]
        parameters["MaximumNumberOfIterations"] = [str(self.iterations)]
        parameters["RandomSeed"] = ["1"]
        wanted.AddParameterMap(parameters)
        method = itk.ElastixRegistrationMethod.New(_itk(itk, pair.fixed), _itk(itk, pair.moving))
        method.SetFixedMask(_itk(itk, pair.mask))
        method.SetParameterObject(wanted)
        method.SetNumberOfThreads(1)
        method.LogToConsoleOff()
        method.UpdateLargestPossibleRegion()
        return vote(pair, _transform(method.GetTransformParameterObject().GetParameterMap(0)))


def _itk(itk, image: sitk.Image):
    """The same image for ITK's own Python package."""
    out = itk.image_from_array(sitk.GetArrayFromImage(image))
    out.SetSpacing(image.GetSpacing())
    out.SetOrigin(image.GetOrigin())
    out.SetDirection(np.reshape(image.GetDirection(), (image.GetDimension(),) * 2))
    return out


def _transform(parameters) -> sitk.BSplineTransform:
    """elastix's cubic B-spline as SimpleITK's: the same coefficients on the same grid."""
    size, spacing, origin, direction = (
        [float(each) for each in parameters[f"Grid{name}"]] for name in ("Size", "Spacing", "Origin", "Direction")
    )
    shape = [int(n) for n in size[::-1]]
    coefficients = np.array([float(each) for each in parameters["TransformParameters"]]).reshape(len(shape), *shape)
    images = []
    for component in coefficients:
        image = sitk.GetImageFromArray(component)
        image.SetSpacing(spacing)
        image.SetOrigin(origin)
        # elastix writes the direction matrix column by column.
        image.SetDirection(np.reshape(direction, (len(shape),) * 2).T.ravel().tolist())
        images.append(image)
    return sitk.BSplineTransform(images, 3)
