"""The one door to elastix: parameter maps as plain dicts go in, a SimpleITK transform comes out.

    maps = [elastix.default_map("rigid"), elastix.default_map("bspline", resolutions=3)]
    result = elastix.register(fixed, moving, maps)
    warped = sitk.Resample(moving, fixed, result.transform)

elastix (S. Klein, M. Staring et al., IEEE Trans. Med. Imaging 29(1), 196-205, 2010) comes as two packages, both made by
the project ITKElastix from the same sources. They find nearly the same transform.

- `itkwasm-elastix`, compiled to WebAssembly, is the default: 75 MB on disk with all it needs, on any NumPy, a third of
  the other's memory (420 MiB for a head at 2 mm), but two to three times its CPU-seconds. It takes no mask and no
  points, runs on one thread, holds 4 GB at most, and tells neither its metric nor its iterations. Where it fails it
  only stops; what may be checked is checked here before. Its first run on a computer compiles for some seconds, and
  keeps the result in the user's cache folder.
- `itk-elastix`, native code on top of the package `itk`, 1.6 GB on disk, is asked for masks and corresponding points,
  or where `engine="native"` says so.

Both write what they find as parameter maps, in numbers that lose no digit. `to_transform` reads them, and `to_maps`
writes a SimpleITK transform as such: elastix knows the derivatives of such a start, which its penalty on bending needs.
"""

from __future__ import annotations

import re
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import SimpleITK as sitk
from tqdm.auto import tqdm

from regseg.grid import Grid

Map = dict[str, list[str]]  # elastix's own: every value a list of words

_RIGID = {2: sitk.Euler2DTransform, 3: sitk.Euler3DTransform}
_SIMILARITY = {2: sitk.Similarity2DTransform, 3: sitk.Similarity3DTransform}
_LINEAR: dict[str, Callable[[int], sitk.Transform]] = {
    "TranslationTransform": sitk.TranslationTransform,
    "EulerTransform": lambda dimension: _RIGID[dimension](),
    "SimilarityTransform": lambda dimension: _SIMILARITY[dimension](),
    "AffineTransform": sitk.AffineTransform,
}
_BSPLINES = ("BSplineTransform", "RecursiveBSplineTransform")  # two codes for one transform


class ElastixError(RuntimeError):
    """elastix could not register; the message says why, as far as is known."""


@dataclass(frozen=True)
class Report:
    """What is known of a run.

    Attributes
    ----------
    engine : str
        "wasm" or "native".
    seconds : float
        Wall time.
    iterations : int or None
        Over all maps and resolutions; None from the engine "wasm", which does not tell.
    metric : float or None
        The metric's last value, smaller is better; None likewise.
    log : str
        What elastix wrote while it ran; empty likewise.
    """

    engine: str
    seconds: float
    iterations: int | None = None
    metric: float | None = None
    log: str = field(default="", repr=False)


@dataclass(frozen=True)
class Registration:
    """What elastix found.

    Attributes
    ----------
    transform : sitk.CompositeTransform
        Points of the fixed image to points of the moving image, in mm; the start, where one was given, included.
    maps : tuple of Map
        The same as elastix writes it, first applied first: what its program `transformix` reads.
    grid : Grid
        That of the fixed image.
    report : Report
        How the run went.
    """

    transform: sitk.CompositeTransform
    maps: tuple[Map, ...] = field(repr=False)
    grid: Grid
    report: Report

    def points(self, points: np.ndarray) -> np.ndarray:
        """Where points (n, d) of the fixed image, in mm, lie in the moving image, in mm."""
        return _carried(self.transform, points)

    def labels(self, labels: sitk.Image) -> sitk.Image:
        """Labels of the moving image on the fixed image's grid: the nearest voxel's, and 0 beyond the moving image."""
        grid = self.grid
        return sitk.Resample(
            labels, grid.size, self.transform, sitk.sitkNearestNeighbor, grid.origin, grid.spacing, grid.direction, 0
        )


def default_map(transform: str, resolutions: int = 4, knots: float = 10.0, **more: Any) -> Map:
    """elastix's own parameters for a kind of transform, and what is to be different.

    Parameters
    ----------
    transform : str
        "translation", "rigid", "affine" or "bspline".
    resolutions : int
        Levels of the image pyramid.
    knots : float
        Spacing of a B-spline's knots at the finest level, in mm; other transforms have none.
    **more
        Further parameters by elastix's names, such as MaximumNumberOfIterations=500; see `register`.

    Raises
    ------
    ImportError
        itkwasm-elastix is not installed.
    ValueError
        There is no such kind of transform.
    """
    kinds = ("translation", "rigid", "affine", "bspline")
    if transform not in kinds:
        raise ValueError(f'"{transform}" has no default map; choose one of {", ".join(kinds)}')
    return _wasm().default_parameter_map(transform, resolutions, knots) | _words(more)


def register(
    fixed: sitk.Image,
    moving: sitk.Image,
    maps: Mapping[str, Any] | Sequence[Mapping[str, Any]],
    *,
    initial: sitk.Transform | None = None,
    fixed_mask: sitk.Image | None = None,
    moving_mask: sitk.Image | None = None,
    fixed_points: np.ndarray | None = None,
    moving_points: np.ndarray | None = None,
    engine: Literal["wasm", "native"] | None = None,
    progress: bool = False,
) -> Registration:
    """Register by elastix, one parameter map after the other.

    Parameters
    ----------
    fixed, moving : sitk.Image
        Two scalar images, 2-D or 3-D; elastix computes with 32-bit floats.
    maps : dict or sequence of dict
        Parameter maps, by elastix's names. A value is a word, a number, True or False, or a list of them with one for
        each resolution or metric. A map without a RandomSeed has elastix's own, the same in each run.
    initial : sitk.Transform, optional
        Where to start: fixed to moving points, linear or a B-spline, or a composite of such.
    fixed_mask, moving_mask : sitk.Image, optional
        Not zero where the metric may look.
    fixed_points, moving_points : array (n, d), optional
        Corresponding points in mm, for maps that have the metric CorrespondingPointsEuclideanDistanceMetric.
    engine : {"wasm", "native"}, optional
        Without it, "native" for masks and points, and otherwise "wasm".
    progress : bool
        Show a bar, one step a map.

    Raises
    ------
    ImportError
        The engine is not installed.
    TypeError, ValueError
        Images, maps, masks, points or the start do not suit elastix or each other.
    ElastixError
        elastix refused, or came to nothing.
    """
    maps = [maps] if isinstance(maps, Mapping) else maps
    maps = [_words(each | {"WriteResultImage": False}) for each in maps]  # SimpleITK resamples, if anybody wants it
    _check_images(fixed, moving)
    for name, each in {"initial": initial, "fixed_mask": fixed_mask, "moving_mask": moving_mask}.items():
        if each is not None and each.GetDimension() != fixed.GetDimension():
            raise ValueError(f"`{name}` is {each.GetDimension()}-D, and the images are {fixed.GetDimension()}-D")
    _check_maps(maps, fixed_points, moving_points, fixed.GetDimension())
    for name, image in (("fixed", fixed), ("moving", moving)):
        # elastix would return the identity, and call it a success.
        if fixed_points is None and np.ptp(sitk.GetArrayViewFromImage(image)) == 0:
            raise ValueError(f"the {name} image shows one grey value only: there is nothing to register")
    masks = (fixed_mask, moving_mask)
    special = any(each is not None for each in (*masks, fixed_points, moving_points))
    if special and engine == "wasm":
        raise ValueError("the WebAssembly engine takes neither masks nor points: leave `engine` out")
    engine = engine or ("native" if special else "wasm")
    call = _Native(fixed, moving, masks, (fixed_points, moving_points)) if engine == "native" else _Wasm(fixed, moving)

    began, log = time.perf_counter(), []
    found = [] if initial is None else to_maps(initial)
    for number, each in enumerate(tqdm(maps, "elastix", disable=not progress, leave=False), 1):
        try:
            latest, said = call(each, found)
        except ElastixError as error:
            so_far = to_transform(found) if found else sitk.Transform(fixed.GetDimension(), sitk.sitkIdentity)
            where = f"map {number} of {len(maps)}, {each['Transform'][0]}"
            raise ElastixError(f"elastix failed ({where}): {error}{_overlap(fixed, moving, so_far)}") from error
        found.append(latest)
        log.append(said)
    return Registration(
        to_transform(found), tuple(found), Grid.of(fixed), _report(engine, time.perf_counter() - began, "".join(log))
    )


def to_transform(maps: Iterable[Mapping[str, Sequence[str]]]) -> sitk.CompositeTransform:
    """The transform that elastix's transform parameter maps describe, the first map applied first.

    Raises
    ------
    ValueError
        A map is of a kind that SimpleITK has no transform for, or adds its displacement to another map's.
    """
    parts = [_to_part(each) for each in maps]
    return sitk.CompositeTransform(parts[::-1])  # SimpleITK applies the last one first


def _to_part(found: Mapping[str, Sequence[str]]) -> sitk.Transform:
    kind, dimension = found["Transform"][0], int(found["FixedImageDimension"][0])

    def numbers(name: str) -> list[float]:
        return [float(word) for word in found[name]]

    if list(found.get("HowToCombineTransforms", ["Compose"])) != ["Compose"]:
        raise ValueError("only maps that say HowToCombineTransforms Compose become SimpleITK transforms")
    if kind in _BSPLINES:
        part = sitk.BSplineTransform(dimension, int(found.get("BSplineTransformSplineOrder", ["3"])[0]))
        # elastix writes the direction matrix column by column, ITK reads it row by row.
        direction = np.reshape(numbers("GridDirection"), (dimension, dimension)).T.ravel().tolist()
        grid = [*numbers("GridSize"), *numbers("GridOrigin"), *numbers("GridSpacing"), *direction]
        part.SetFixedParameters(grid)
    elif kind in _LINEAR:
        part = _LINEAR[kind](dimension)
        if "CenterOfRotationPoint" in found:
            part.SetCenter(numbers("CenterOfRotationPoint"))
        if found.get("ComputeZYX", ["false"])[0] == "true":
            part.SetComputeZYX(True)
    else:
        raise ValueError(f"SimpleITK has no {kind}")
    part.SetParameters(numbers("TransformParameters"))
    return part


def to_maps(transform: sitk.Transform) -> list[Map]:
    """A transform as elastix's transform parameter maps, the first one to be applied first.

    Raises
    ------
    ValueError
        It is neither linear nor a B-spline, nor a composite of such.
    """
    transform = transform.Downcast()
    dimension = transform.GetDimension()
    if isinstance(transform, sitk.CompositeTransform):
        parts = [transform.GetNthTransform(n) for n in range(transform.GetNumberOfTransforms())]
        return [each for part in parts[::-1] for each in to_maps(part)]
    if isinstance(transform, sitk.BSplineTransform):
        size, origin, spacing, direction = np.split(
            np.array(transform.GetFixedParameters()), [dimension, 2 * dimension, 3 * dimension]
        )
        own = {
            "Transform": "BSplineTransform",
            "BSplineTransformSplineOrder": transform.GetOrder(),
            "UseCyclicTransform": False,
            "GridSize": size.astype(int).tolist(),
            "GridIndex": [0] * dimension,
            "GridOrigin": origin.tolist(),
            "GridSpacing": spacing.tolist(),
            "GridDirection": direction.reshape(dimension, dimension).T.ravel().tolist(),
        }
        parameters = transform.GetParameters()
    elif transform.IsLinear():
        shift = np.array(transform.TransformPoint([0.0] * dimension))
        columns = [np.array(transform.TransformPoint(unit)) - shift for unit in np.eye(dimension).tolist()]
        own = {"Transform": "AffineTransform", "CenterOfRotationPoint": [0.0] * dimension}
        parameters = [*np.stack(columns, axis=1).ravel().tolist(), *shift.tolist()]
    else:
        raise ValueError(
            f"elastix cannot start from a {transform.GetName()}. Start from a linear one or a B-spline; "
            "or resample the moving image through this one, register that, and put both into a composite."
        )
    return [
        _words(
            own
            | {
                "NumberOfParameters": len(parameters),
                "TransformParameters": parameters,
                "FixedImageDimension": dimension,
                "MovingImageDimension": dimension,
                "InitialTransformParameterFileName": "NoInitialTransform",
                "HowToCombineTransforms": "Compose",
            }
        )
    ]


def _carried(transform: sitk.Transform, points: np.ndarray) -> np.ndarray:
    return np.array([transform.TransformPoint(point) for point in np.asarray(points, float).tolist()])


def _words(parameters: Mapping[str, Any]) -> Map:
    """Parameters as elastix has them, from what one writes in Python."""

    def word(value: Any) -> str:
        if isinstance(value, str):
            return value
        return str(value).lower() if isinstance(value, bool) else repr(getattr(value, "item", lambda: value)())

    return {
        name: [word(each) for each in value] if isinstance(value, (list, tuple)) else [word(value)]
        for name, value in parameters.items()
    }


def _check_images(fixed: sitk.Image, moving: sitk.Image) -> None:
    for name, image in (("fixed", fixed), ("moving", moving)):
        if not isinstance(image, sitk.Image):
            raise TypeError(f"the {name} image is a {type(image).__name__}; elastix.register wants SimpleITK images")
        if image.GetNumberOfComponentsPerPixel() > 1 or image.GetDimension() not in (2, 3):
            raise ValueError(f"the {name} image must be 2-D or 3-D, with one number a voxel")
        if not np.isfinite(sitk.GetArrayViewFromImage(image)).all():
            raise ValueError(f"the {name} image has NaN or infinite voxels; replace them first")
    if fixed.GetDimension() != moving.GetDimension():
        raise ValueError(f"the fixed image is {fixed.GetDimension()}-D and the moving one {moving.GetDimension()}-D")


def _check_maps(
    maps: list[Map], fixed_points: np.ndarray | None, moving_points: np.ndarray | None, dimension: int
) -> None:
    if not maps:
        raise ValueError("no parameter map: begin with elastix.default_map")
    for each in maps:
        kind = each.get("Transform", ["nothing"])[0]
        if kind not in (*_LINEAR, *_BSPLINES):
            raise ValueError(f"a map's Transform is {kind}; choose one of {', '.join((*_LINEAR, *_BSPLINES))}")
        if each.get("HowToCombineTransforms", ["Compose"]) != ["Compose"]:
            raise ValueError("HowToCombineTransforms must be Compose, or SimpleITK has no such transform")
    wanted = any("CorrespondingPointsEuclideanDistanceMetric" in each.get("Metric", []) for each in maps)
    shapes = [None if points is None else np.shape(points) for points in (fixed_points, moving_points)]
    if wanted != (fixed_points is not None) or wanted != (moving_points is not None):
        raise ValueError(
            "corresponding points are three things: fixed_points, moving_points, and a map whose Metric has "
            "CorrespondingPointsEuclideanDistanceMetric; one of them is missing"
        )
    if wanted and not (shapes[0] == shapes[1] and len(shapes[0]) == 2 and shapes[0][1] == dimension):
        raise ValueError(f"both sets of points must be arrays (n, {dimension}) in mm, not {shapes[0]} and {shapes[1]}")


def _overlap(fixed: sitk.Image, moving: sitk.Image, start: sitk.Transform) -> str:
    """Whether too little overlap may have been the reason: elastix wants a quarter of its samples inside."""
    grid, target = Grid.of(fixed), Grid.of(moving)
    fractions = np.moveaxis(np.indices((9,) * grid.dimension), 0, -1).reshape(-1, grid.dimension) / 8
    there = target.indices(_carried(start, grid.points(fractions * (np.array(grid.size) - 1))))
    share = np.mean(((there >= 0) & (there <= np.array(target.size) - 1)).all(axis=1))
    if share >= 0.25:
        return ""
    return f" At its start {share:.0%} of the fixed image lies in the moving one, too little: give another `initial`."


def _report(engine: str, seconds: float, log: str) -> Report:
    metrics = re.findall(r"^Final metric value\s*=\s*(\S+)", log, re.M)
    if not metrics:
        return Report(engine, seconds, log=log)
    return Report(engine, seconds, len(re.findall(r"^\d+\s+\S+", log, re.M)), float(metrics[-1]), log)


def _wasm() -> Any:
    try:
        import itkwasm_elastix
    except ImportError as error:
        raise ImportError("elastix needs the package itkwasm-elastix: pip install 'regseg-course[elastix]'") from error
    return itkwasm_elastix


class _Wasm:
    """A call of itkwasm-elastix: one map, from where the maps before it led."""

    def __init__(self, fixed: sitk.Image, moving: sitk.Image):
        self.package = _wasm()
        self.fixed, self.moving = (self._image(each) for each in (fixed, moving))

    def __call__(self, wanted: Map, start: list[Map]) -> tuple[Map, str]:
        from wasmtime import Trap, WasmtimeError

        try:
            *_, found = self.package.elastix(
                [wanted], self.fixed, self.moving, initial_transform_parameter_object=start or None
            )
        except (Trap, WasmtimeError) as error:
            raise ElastixError(
                "its WebAssembly stops without a word. Look for a misspelt name in the map, for images that barely "
                "overlap, or are too small or too large; engine='native' tells more."
            ) from error
        return found[-1], ""

    def _image(self, image: sitk.Image) -> Any:
        import itkwasm

        out = itkwasm.image_from_array(sitk.GetArrayFromImage(sitk.Cast(image, sitk.sitkFloat32)))
        out.origin, out.spacing = list(image.GetOrigin()), list(image.GetSpacing())
        out.direction = Grid.of(image).axes
        return out


class _Native:
    """A call of itk-elastix, likewise, on one thread: two of them crash it now and then."""

    def __init__(
        self,
        fixed: sitk.Image,
        moving: sitk.Image,
        masks: tuple[sitk.Image | None, sitk.Image | None],
        points: tuple[np.ndarray | None, np.ndarray | None],
    ):
        try:
            import itk

            itk.ElastixRegistrationMethod  # noqa: B018  it loads when it is asked for
        except (ImportError, AttributeError) as error:
            raise ImportError(
                "masks and corresponding points need the native elastix: pip install 'regseg-course[elastix-native]'"
            ) from error
        self.itk, self.points = itk, points
        self.fixed, self.moving = (self._image(sitk.Cast(each, sitk.sitkFloat32)) for each in (fixed, moving))
        self.masks = [None if each is None else self._image(sitk.Cast(each != 0, sitk.sitkUInt8)) for each in masks]

    def __call__(self, wanted: Map, start: list[Map]) -> tuple[Map, str]:
        method = self.itk.ElastixRegistrationMethod.New(self.fixed, self.moving)
        method.SetParameterObject(self._maps([wanted]))
        if start:
            method.SetInitialTransformParameterObject(self._maps(start))
        for name, mask in zip(("Fixed", "Moving"), self.masks, strict=True):
            if mask is not None:
                getattr(method, f"Set{name}Mask")(mask)
        method.SetNumberOfThreads(1)
        with tempfile.TemporaryDirectory() as folder:
            for name, points in zip(("Fixed", "Moving"), self.points, strict=True):
                if points is not None:
                    path = Path(folder, f"{name}.txt")
                    np.savetxt(path, points, "%.17g", header=f"point\n{len(points)}", comments="")
                    getattr(method, f"Set{name}PointSetFileName")(str(path))
            method.SetOutputDirectory(folder)
            method.SetLogFileName("elastix.log")
            method.LogToFileOn()
            method.LogToConsoleOff()
            log = Path(folder, "elastix.log")
            try:
                method.UpdateLargestPossibleRegion()
            except RuntimeError as error:
                reasons = re.findall(r"^Description: (?:ITK ERROR: )?(?:\w+\(\w+\): )?(.*)", log.read_text(), re.M)
                raise ElastixError(f"{reasons[-1]}." if reasons else str(error)) from error
            found = method.GetTransformParameterObject()
            latest = dict(found.GetParameterMap(found.GetNumberOfParameterMaps() - 1))
            return {name: list(words) for name, words in latest.items()}, log.read_text()

    def _maps(self, maps: list[Map]) -> Any:
        out = self.itk.ParameterObject.New()
        for each in maps:
            out.AddParameterMap(each)
        return out

    def _image(self, image: sitk.Image) -> Any:
        out = self.itk.image_from_array(sitk.GetArrayFromImage(image))
        out.SetOrigin(image.GetOrigin())
        out.SetSpacing(image.GetSpacing())
        out.SetDirection(Grid.of(image).axes)
        return out
