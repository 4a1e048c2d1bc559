"""Distances between surfaces as two other packages measure them, on random bodies in voxels of several shapes."""

from functools import cache

import numpy as np
import pytest
import SimpleITK as sitk
from meshmetrics import DistanceMetrics
from shapes import TURN
from surface_distance import metrics as corners

from regseg import evaluate

SPACINGS = [(1.0, 1.0, 1.0), (1.0, 1.0, 5.0), (2.0, 1.0, 0.5), (0.8, 1.3, 3.0)]
SEEDS = range(5)

pytestmark = pytest.mark.filterwarnings("ignore:.*scipy.ndimage.* namespace is deprecated:DeprecationWarning")


@cache
def bodies(spacing: tuple[float, ...], seed: int) -> tuple[sitk.Image, sitk.Image]:
    """Two bodies that share four fifths of the noise that they are made of."""
    random = np.random.default_rng(seed)
    noise = []
    for _ in range(2):
        image = sitk.GetImageFromArray(random.standard_normal([round(24 / step) for step in spacing[::-1]]))
        image.SetSpacing(spacing)
        image = sitk.DiscreteGaussian(image, 9.0)
        noise.append(image / float(sitk.GetArrayViewFromImage(image).std()))
    return noise[0] > 0.3, noise[0] * 0.8 + noise[1] * 0.6 > 0.3


@pytest.mark.parametrize("spacing", SPACINGS)
def test_a_mesh_has_the_same_distances(spacing):
    """MeshMetrics: triangles through the middles between voxel centres, distances from the centre of each triangle."""
    half = np.linalg.norm(spacing) / 2
    for seed in SEEDS:
        pair = bodies(spacing, seed)
        mesh, ours = DistanceMetrics(), evaluate.surface_distance(*pair)
        mesh.set_input(*pair)
        assert ours.mean == pytest.approx(mesh.assd(), rel=0.15 if spacing == (1, 1, 1) else 0.1)
        assert ours.percentile_95 == pytest.approx(mesh.hd(95), rel=0.15)
        assert ours.hausdorff == pytest.approx(mesh.hd(), abs=half)
        assert evaluate.surface_dice(*pair, tolerance=1.0) == pytest.approx(mesh.nsd(1.0), abs=0.05)


@pytest.mark.parametrize("spacing", SPACINGS)
def test_distances_between_corners_are_smaller_by_less_than_half_a_voxel(spacing):
    """DeepMind's package: pieces lie on the corners of voxels, and surfaces that share one are 0 mm apart there."""
    half = np.linalg.norm(spacing) / 2
    for seed in SEEDS:
        pair = bodies(spacing, seed)
        masks = (sitk.GetArrayFromImage(mask) == 1 for mask in pair)
        theirs, ours = corners.compute_surface_distances(*masks, spacing[::-1]), evaluate.surface_distance(*pair)
        means = corners.compute_average_surface_distance(theirs)
        for one, mean in zip((ours.from_reference, ours.from_segmentation), means, strict=True):
            assert mean < one.mean < mean + min(spacing) / 2
        assert ours.percentile_95 == pytest.approx(corners.compute_robust_hausdorff(theirs, 95), abs=half)
        assert ours.hausdorff == pytest.approx(corners.compute_robust_hausdorff(theirs, 100), abs=half)
        dice = evaluate.surface_dice(*pair, tolerance=1.0)
        assert dice < corners.compute_surface_dice_at_tolerance(theirs, 1.0) < dice + 0.25


@pytest.mark.parametrize("spacing", SPACINGS)
def test_an_oblique_grid_changes_nothing(spacing):
    pair = bodies(spacing, 0)
    turned = [sitk.Image(mask) for mask in pair]
    for mask in turned:
        mask.SetDirection(TURN)
        mask.SetOrigin((-120, 80, 33))
    here, there = evaluate.surface_distance(*pair), evaluate.surface_distance(*turned)
    for name in ("mean", "percentile_95", "hausdorff"):
        assert getattr(there, name) == pytest.approx(getattr(here, name), rel=1e-9)
    assert evaluate.surface_dice(*turned, tolerance=2.0) == pytest.approx(evaluate.surface_dice(*pair, tolerance=2.0))
    assert evaluate.margin(*turned).mean == pytest.approx(evaluate.margin(*pair).mean, rel=1e-9)
