"""Block methods that register each block by itself, as one would register a small image, and vote for what they found.

Each of them is the in-memory registration that its library offers; `vote` blends the transforms of all blocks.
"""

from __future__ import annotations

from dataclasses import dataclass

import SimpleITK as sitk

from regseg import elastix
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
        Of the optimiser, at most; ITK's LBFGS2 runs as many once more from where it has stopped.
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

    Its metric is mutual information, so the two images may differ in contrast. Each block has a mask, so this
    needs the extra `elastix-native`.

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
            elastix is not installed.
        ElastixError
            It came to nothing.
        """
        # The default adds a penalty on bending that holds small warps back; here the reduction keeps the field smooth.
        wanted = elastix.default_map(
            "bspline",
            self.resolutions,
            self.knots,
            Registration="MultiResolutionRegistration",
            Metric="AdvancedMattesMutualInformation",
            MaximumNumberOfIterations=self.iterations,
        )
        return vote(pair, elastix.register(pair.fixed, pair.moving, wanted, fixed_mask=pair.mask).transform)
