"""elastix by its one door: transforms handed over exactly, known motions found, and what is said when it refuses."""

from __future__ import annotations

import sys

import itkwasm
import itkwasm_elastix
import numpy as np
import pytest
import SimpleITK as sitk

from regseg import elastix
from regseg.grid import Grid

SIZE, SPACING, ORIGIN = (40, 46, 30), (1.3, 0.9, 2.1), (-31.7, 12.4, 55.1)
OBLIQUE = {
    2: sitk.Euler2DTransform((0, 0), 0.4).GetMatrix(),
    3: sitk.Euler3DTransform((0, 0, 0), 0.3, -0.4, 0.5).GetMatrix(),
}
SHORT = {"MaximumNumberOfIterations": 30, "NumberOfSpatialSamples": 500}


def blobs(dimension: int, size=SIZE, seed: int = 0) -> sitk.Image:
    """Smooth random blobs on an oblique grid with voxels of unequal sides."""
    grid = Grid(size[:dimension], SPACING[:dimension], ORIGIN[:dimension], OBLIQUE[dimension])
    noise = np.random.default_rng(seed).normal(size=grid.size[::-1])
    return 1000 * sitk.SmoothingRecursiveGaussian(grid.image(noise.astype(np.float32)), 4.0)


def some_points(image: sitk.Image) -> np.ndarray:
    """Points anywhere in an image, in mm."""
    grid = Grid.of(image)
    return grid.points(np.random.default_rng(1).uniform(0, np.array(grid.size) - 1, (200, grid.dimension)))


def carried(transform: sitk.Transform, points: np.ndarray) -> np.ndarray:
    """Where points go."""
    return np.array([transform.TransformPoint(point) for point in points.tolist()])


def small_motion(image: sitk.Image) -> sitk.AffineTransform:
    """About two millimetres: a turn, a stretch and a shift."""
    dimension = image.GetDimension()
    motion = sitk.AffineTransform(dimension)
    motion.SetCenter(Grid.of(image).middle)
    motion.SetMatrix(
        (np.eye(dimension) + 0.03 * np.random.default_rng(2).normal(size=(dimension,) * 2)).ravel().tolist()
    )
    motion.SetTranslation([1.5, -1.0, 0.5][:dimension])
    return motion


def waves(image: sitk.Image, order: int = 3) -> sitk.BSplineTransform:
    """A B-spline that moves points by a millimetre or two."""
    spline = sitk.BSplineTransformInitializer(image, [3] * image.GetDimension(), order)
    spline.SetParameters(np.random.default_rng(3).normal(0, 1.5, spline.GetNumberOfParameters()))
    return spline


def itk_says(transforms, points: np.ndarray) -> np.ndarray:
    """Where ITK's own transforms bring points, from elastix's conversion in C++."""
    parts = []
    for each in transforms:
        kind, dimension = each.transformType.transformParameterization, each.transformType.inputDimension
        if kind == "Composite":
            continue
        general = {"BSpline": sitk.BSplineTransform, "Affine": sitk.AffineTransform}
        general["Translation"] = sitk.TranslationTransform
        part = general[kind](dimension) if kind in general else getattr(sitk, f"{kind}Transform")()
        if each.numberOfFixedParameters:
            part.SetFixedParameters(each.fixedParameters.tolist())
        part.SetParameters(each.parameters.tolist())
        parts.append(part)
    return carried(sitk.CompositeTransform(parts), points)


def for_itkwasm(image: sitk.Image) -> itkwasm.Image:
    """The image as itkwasm has it."""
    out = itkwasm.image_from_array(sitk.GetArrayFromImage(image))
    out.origin, out.spacing, out.direction = list(image.GetOrigin()), list(image.GetSpacing()), Grid.of(image).axes
    return out


KINDS = ["TranslationTransform", "EulerTransform", "SimilarityTransform", "AffineTransform", "BSplineTransform"]


@pytest.mark.parametrize("dimension", [2, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_what_elastix_finds_is_handed_over_exactly(kind, dimension):
    """On oblique, anisotropic grids and after a start, against elastix's own conversion and its own resampled image."""
    fixed = blobs(dimension)
    moving = sitk.Resample(blobs(dimension, seed=1), fixed, sitk.Transform(dimension, sitk.sitkIdentity))
    moving.SetOrigin(np.add(moving.GetOrigin(), 0.7).tolist())
    base = elastix.default_map("bspline" if kind == "BSplineTransform" else "affine", 2, 12.0, **SHORT)
    wanted = base | {"Transform": [kind], "Registration": ["MultiResolutionRegistration"], "Metric": base["Metric"][:1]}
    start = elastix.to_maps(small_motion(fixed))
    image, transforms, found = itkwasm_elastix.elastix(
        [wanted], for_itkwasm(fixed), for_itkwasm(moving), initial_transform_parameter_object=start
    )
    ours, points = elastix.to_transform(found), some_points(fixed)
    assert np.abs(carried(ours, points) - points).max() > 0.5
    assert np.abs(carried(ours, points) - itk_says(transforms, points)).max() < 1e-6
    resampled = sitk.GetArrayFromImage(sitk.Resample(moving, fixed, ours, sitk.sitkBSpline, 0.0))
    np.testing.assert_allclose(resampled, image.data, atol=1e-3 * np.ptp(image.data))


@pytest.mark.parametrize("dimension", [2, 3])
def test_a_transform_survives_elastixs_words(dimension):
    image = blobs(dimension)
    points = some_points(image)
    rigid = OBLIQUE_MOTION[dimension]
    for each in (
        rigid,
        sitk.TranslationTransform(dimension, [1.0, 2.0, 3.0][:dimension]),
        small_motion(image),
        waves(image),
        waves(image, order=2),
        sitk.CompositeTransform([waves(image), sitk.CompositeTransform([small_motion(image), rigid])]),
    ):
        again = elastix.to_transform(elastix.to_maps(each))
        assert np.abs(carried(again, points) - carried(each, points)).max() < 1e-9


OBLIQUE_MOTION = {
    2: sitk.Euler2DTransform((3, 4), 0.3, (5, -2)),
    3: sitk.Euler3DTransform((3, 4, 5), 0.1, 0.2, -0.3, (5, -2, 1)),
}


def test_euler_angles_in_the_other_order_are_read():
    turned = sitk.Euler3DTransform((3, 4, 5), 0.1, 0.2, -0.3, (5, -2, 1))
    turned.SetComputeZYX(True)
    written = {
        "Transform": ["EulerTransform"],
        "FixedImageDimension": ["3"],
        "ComputeZYX": ["true"],
        "CenterOfRotationPoint": ["3", "4", "5"],
        "TransformParameters": ["0.1", "0.2", "-0.3", "5", "-2", "1"],
    }
    points = np.random.default_rng(0).normal(0, 50, (20, 3))
    assert np.abs(carried(elastix.to_transform([written]), points) - carried(turned, points)).max() < 1e-9
    with pytest.raises(ValueError, match="HowToCombineTransforms Compose"):
        elastix.to_transform([written | {"HowToCombineTransforms": ["Add"]}])
    with pytest.raises(ValueError, match="SimpleITK has no SplineKernelTransform"):
        elastix.to_transform([written | {"Transform": ["SplineKernelTransform"]}])


def test_a_displacement_field_is_no_start():
    field = sitk.DisplacementFieldTransform(Grid.of(blobs(2)).sample(small_motion(blobs(2))))
    with pytest.raises(ValueError, match="cannot start from a DisplacementFieldTransform. Start from"):
        elastix.register(blobs(2), blobs(2), elastix.default_map("rigid"), initial=field)


# --- registration ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def scene() -> tuple[sitk.Image, sitk.Image, sitk.AffineTransform]:
    """Fixed and moving image, and the motion between them: about two millimetres."""
    wide = blobs(3, size=(60, 66, 50))
    motion = small_motion(wide)
    fixed = sitk.Resample(wide, wide, motion, sitk.sitkBSpline, 0.0)[8:-8, 8:-8, 8:-8]
    return fixed, wide, motion


def error(result: elastix.Registration, motion: sitk.Transform, image: sitk.Image) -> float:
    """Mean distance from the truth in mm."""
    points = some_points(image)
    return float(np.linalg.norm(result.points(points) - carried(motion, points), axis=1).mean())


def test_a_known_motion_is_found_alike_by_both_engines_and_in_each_run(scene):
    fixed, moving, motion = scene
    maps = [elastix.default_map("rigid", 2, **SHORT), elastix.default_map("affine", 2, MaximumNumberOfIterations=200)]
    first, again = (elastix.register(fixed, moving, maps) for _ in range(2))
    native = elastix.register(fixed, moving, maps, engine="native")
    assert error(first, motion, fixed) < 0.1 < 1.5 < error(elastix.register(fixed, moving, [FROZEN]), motion, fixed)
    assert first.maps == again.maps
    points = some_points(fixed)
    assert np.abs(native.points(points) - first.points(points)).max() < 0.01
    assert (first.report.engine, first.report.iterations, first.report.metric) == ("wasm", None, None)
    assert (native.report.engine, native.report.iterations) == ("native", 2 * 30 + 2 * 200)
    assert native.report.metric < -0.5
    assert "AdaptiveStochasticGradientDescent" in native.report.log


FROZEN = {
    "Transform": "TranslationTransform",
    "Registration": "MultiResolutionRegistration",
    "FixedImagePyramid": "FixedSmoothingImagePyramid",
    "MovingImagePyramid": "MovingSmoothingImagePyramid",
    "ImageSampler": "RandomCoordinate",
    "Interpolator": "LinearInterpolator",
    "ResampleInterpolator": "FinalLinearInterpolator",
    "Resampler": "DefaultResampler",
    "Metric": "AdvancedMeanSquares",
    "Optimizer": "RegularStepGradientDescent",
    "NumberOfResolutions": 1,
    "MaximumNumberOfIterations": 1,
    "MaximumStepLength": 1e-9,
    "AutomaticScalesEstimation": True,
}  # every value as one writes it in Python; one step of a billionth of a millimetre


def test_maps_one_after_the_other_are_elastixs_own_chain(scene):
    fixed, moving, _ = scene
    maps = [elastix.default_map("rigid", 1, **SHORT), elastix.default_map("bspline", 1, 20.0, **SHORT)]
    *_, chain = itkwasm_elastix.elastix(maps, for_itkwasm(fixed), for_itkwasm(moving))
    ours, points = elastix.register(fixed, moving, maps), some_points(fixed)
    assert np.abs(ours.points(points) - carried(elastix.to_transform(chain), points)).max() < 1e-6


@pytest.mark.parametrize("engine", ["wasm", "native"])
def test_a_start_is_part_of_the_result(scene, engine):
    fixed, moving, motion = scene
    start = sitk.CompositeTransform([motion, waves(fixed)])
    result = elastix.register(fixed, moving, FROZEN, initial=start, engine=engine)
    points = some_points(fixed)
    assert np.abs(result.points(points) - carried(start, points)).max() < 1e-6
    assert len(result.maps) == 3


def test_labels_are_carried_by_the_nearest_voxel_onto_the_fixed_grid(scene):
    fixed, moving, motion = scene
    labels = 300 * sitk.Cast(moving > 0, sitk.sitkUInt16)
    result = elastix.register(fixed, moving, FROZEN, initial=motion)
    there = result.labels(labels)
    assert Grid.of(there) == Grid.of(fixed)
    assert set(np.unique(sitk.GetArrayViewFromImage(there))) == {0, 300}
    expected = sitk.Resample(labels, fixed, motion, sitk.sitkNearestNeighbor)
    assert (sitk.GetArrayViewFromImage(there) != sitk.GetArrayViewFromImage(expected)).mean() < 1e-3


def test_a_mask_hides_what_would_mislead():
    """One half of the fixed image moved one way, the other half, which is brighter, the other way."""
    moving, there = blobs(3, size=(60, 66, 50)), sitk.TranslationTransform(3, [2.0, 1.0, -1.0])
    fixed, other = (sitk.Resample(moving, moving, each)[8:-8, 8:-8, 8:-8] for each in (there, there.GetInverse()))
    half = sitk.Cast(0 * fixed, sitk.sitkUInt8)
    half[: fixed.GetWidth() // 2, :, :] = 1
    mixed = sitk.Mask(fixed, half) + 2 * sitk.Mask(other, 1 - half)
    metric = "AdvancedNormalizedCorrelation"
    wanted = elastix.default_map("translation", 1, Metric=metric, MaximumNumberOfIterations=200)
    masked = elastix.register(mixed, moving, wanted, fixed_mask=half)
    assert masked.report.engine == "native"
    assert error(masked, there, mixed) < 0.1
    assert error(elastix.register(mixed, moving, wanted), there, mixed) > 1


def with_points(*metrics: str) -> elastix.Map:
    """A rigid map that heeds corresponding points."""
    both = [*metrics, "CorrespondingPointsEuclideanDistanceMetric"]
    return elastix.default_map("affine", 1, Registration="MultiMetricMultiResolutionRegistration", Metric=both, **SHORT)


def test_corresponding_points_lead_where_the_images_cannot(scene):
    fixed, _, motion = scene
    unrelated, points = blobs(3, seed=7), some_points(fixed)
    wanted = with_points("AdvancedMattesMutualInformation") | {"Metric1Weight": [1.0]}
    led = elastix.register(fixed, unrelated, wanted, fixed_points=points, moving_points=carried(motion, points))
    assert error(led, motion, fixed) < 0.5


# --- what goes wrong, and what is said about it ----------------------------------------------------------------------


def far(image: sitk.Image) -> sitk.Image:
    """The same image, a metre away."""
    moved = sitk.Image(image)
    moved.SetOrigin(np.add(image.GetOrigin(), 1000).tolist())
    return moved


@pytest.mark.parametrize(("engine", "reason"), [("wasm", "stops without a word"), ("native", "map outside moving")])
def test_images_that_do_not_meet(scene, engine, reason):
    fixed, moving, _ = scene
    maps = [elastix.default_map("rigid", 1, **SHORT)]
    with pytest.raises(elastix.ElastixError, match=rf"map 1 of 1, EulerTransform.*{reason}.*0% of the fixed image"):
        elastix.register(fixed, far(moving), maps, engine=engine)


@pytest.mark.parametrize(("engine", "reason"), [("wasm", "misspelt name"), ("native", "not be created: Mutual")])
def test_a_misspelt_component(scene, engine, reason):
    fixed, moving, _ = scene
    wanted = elastix.default_map("rigid", 1, Metric="Mutual")
    with pytest.raises(elastix.ElastixError, match=reason):
        elastix.register(fixed, moving, wanted, engine=engine)


def test_a_mask_of_nothing(scene):
    fixed, moving, _ = scene
    empty = sitk.Cast(0 * fixed, sitk.sitkUInt8)
    with pytest.raises(elastix.ElastixError, match="bounding box of the mask"):
        elastix.register(fixed, moving, elastix.default_map("rigid", 1), fixed_mask=empty)


def broken(image: sitk.Image) -> sitk.Image:
    """The image with one voxel that is not a number."""
    values = sitk.GetArrayFromImage(image)
    values[0, 0] = np.nan
    return Grid.of(image).image(values)


FLAT, POINTS = blobs(2), np.zeros((4, 2))
RIGID = {"Transform": "EulerTransform"}
POINTED = RIGID | {"Metric": "CorrespondingPointsEuclideanDistanceMetric"}


@pytest.mark.parametrize(
    ("arguments", "more", "kind", "message"),
    [
        ((np.zeros((4, 4)), FLAT, RIGID), {}, TypeError, "the fixed image is a ndarray"),
        ((FLAT, sitk.Compose(FLAT, FLAT), RIGID), {}, ValueError, "the moving image must be .* one number a voxel"),
        ((FLAT, blobs(3), RIGID), {}, ValueError, "the fixed image is 2-D and the moving one 3-D"),
        ((broken(FLAT), FLAT, RIGID), {}, ValueError, "the fixed image has NaN"),
        ((FLAT, 0 * FLAT, RIGID), {}, ValueError, "the moving image shows one grey value only: there is nothing"),
        ((0 * FLAT + 3, FLAT, RIGID), {}, ValueError, "the fixed image shows one grey value only"),
        ((FLAT, FLAT, RIGID), {"initial": waves(blobs(3))}, ValueError, "`initial` is 3-D, and the images are 2-D"),
        ((FLAT, FLAT, RIGID), {"fixed_mask": blobs(3)}, ValueError, "`fixed_mask` is 3-D"),
        ((FLAT, FLAT, []), {}, ValueError, "begin with elastix.default_map"),
        ((FLAT, FLAT, {}), {}, ValueError, "a map's Transform is nothing; choose one of TranslationTransform"),
        ((FLAT, FLAT, {"Transform": "SplineKernelTransform"}), {}, ValueError, "Transform is SplineKernelTransform"),
        ((FLAT, FLAT, RIGID | {"HowToCombineTransforms": "Add"}), {}, ValueError, "must be Compose"),
        ((FLAT, FLAT, POINTED), {"fixed_points": POINTS}, ValueError, "one of them is missing"),
        ((FLAT, FLAT, RIGID), {"fixed_points": POINTS, "moving_points": POINTS}, ValueError, "one of them is missing"),
        ((FLAT, FLAT, POINTED), {"fixed_points": POINTS, "moving_points": POINTS[1:]}, ValueError, r"arrays \(n, 2\)"),
        ((FLAT, FLAT, RIGID), {"fixed_mask": FLAT, "engine": "wasm"}, ValueError, "takes neither masks nor points"),
    ],
)
def test_what_cannot_be_registered_is_refused_at_once(arguments, more, kind, message):
    with pytest.raises(kind, match=message):
        elastix.register(*arguments, **more)


def test_a_default_map_has_elastixs_names_and_ones_own_values():
    wanted = elastix.default_map("bspline", 3, 12.5, MaximumNumberOfIterations=[100, 200, 400], WriteResultImage=False)
    assert wanted["Transform"] == ["BSplineTransform"]
    assert wanted["NumberOfResolutions"] == ["3"]
    assert float(wanted["FinalGridSpacingInPhysicalUnits"][0]) == 12.5
    assert wanted["MaximumNumberOfIterations"] == ["100", "200", "400"]
    assert wanted["WriteResultImage"] == ["false"]
    with pytest.raises(ValueError, match='"elastic" has no default map; choose one of translation, rigid'):
        elastix.default_map("elastic")


def test_what_is_not_installed_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "itk", None)
    with pytest.raises(ImportError, match=r"pip install 'regseg-course\[elastix-native\]'"):
        elastix.register(FLAT, FLAT, RIGID, fixed_mask=FLAT)
    monkeypatch.setitem(sys.modules, "itkwasm_elastix", None)
    with pytest.raises(ImportError, match=r"pip install 'regseg-course\[elastix\]'"):
        elastix.register(FLAT, FLAT, RIGID)
