"""Answers to the exercises of episode 12."""

from functools import cache

import numpy as np
import SimpleITK as sitk

from regseg import data, evaluate
from regseg.check import learned_registration  # noqa: F401 - it registers the exercises
from regseg.grid import Grid
from regseg.synth import warps


def spline(grid, seed, knots=60) -> sitk.Image:
    mesh = tuple(max(1, round(n * mm / knots)) for n, mm in zip(grid.size, grid.spacing, strict=True))
    return grid.sample(warps.bspline(grid, seed, 1.0, mesh))


def times(field, factor) -> sitk.DisplacementFieldTransform:
    return sitk.DisplacementFieldTransform(Grid.of(field).image(sitk.GetArrayFromImage(field) * factor))


def by_component(grid, seed, reach) -> sitk.Transform:
    field = spline(grid, seed)
    return times(field, reach / np.abs(sitk.GetArrayViewFromImage(field)).max())


@cache
def straight() -> sitk.Image:
    template = sitk.DICOMOrient(data.load("brain_t1"), "LPS")[:, :, 95]
    grid = Grid.of(template).shrink((4, 4))
    return warps.scaled(grid.sample(warps.bspline(grid, 3, 1.0, (5, 6))), 45)


def place(values, *, largest=True, mm=True, order=1) -> tuple:
    found = values.argmax() if largest else values.argmin()
    index = tuple(map(int, np.unravel_index(found, values.shape)))[::-1]
    return (straight().TransformIndexToPhysicalPoint(index) if mm else index)[::order]


def determinant() -> np.ndarray:
    return sitk.GetArrayFromImage(evaluate.jacobian_determinant(straight()))


def huber(errors, delta, *, of=np.mean, size=np.abs, half=2.0, jump=2.0) -> float:
    size = size(errors)
    return of(np.where(size <= delta, size**2 / half, (delta * size - delta**2 / jump) * 2 / half))


def composite(*transforms) -> sitk.CompositeTransform:
    return sitk.CompositeTransform(list(transforms))


def swirl(grid, reach, *, mm=True, follow=True, turn=((0, -1), (1, 0))) -> sitk.Transform:
    index = np.moveaxis(np.indices(grid.size[::-1])[::-1], 0, -1)
    places = grid.points(index) - grid.middle if mm else index - (np.array(grid.size) - 1) / 2
    velocity = grid.image(places @ np.array(turn, float).T)
    return warps.until(velocity, reach) if follow else sitk.DisplacementFieldTransform(warps.scaled(velocity, reach))


RIGHT = {
    "12-reach": [
        lambda: lambda grid, seed, reach: warps.single_frequency(grid, seed, reach, knots=60),
        lambda: lambda grid, seed, reach: warps.until(spline(grid, seed, 80), reach),
    ],
    "12-fold": [
        lambda: place(determinant(), largest=False),
        lambda: np.round(place(determinant(), largest=False)),
    ],
    "12-huber": [lambda: huber, lambda: lambda errors, delta: float(huber(errors, delta))],
    "12-compose": [
        lambda: lambda affine, field: composite(affine, field),
        lambda: lambda affine, field: composite(composite(affine), field),
    ],
    "12-leak": [lambda: "BCE", lambda: ["e", "b", "c"], lambda: "B, C and E".replace("and ", "")],
    "12-judge": [
        lambda: lambda determinants: np.count_nonzero(determinants <= 0),
        lambda: lambda determinants: int((determinants <= 0).sum()),
    ],
    "12-choose": [lambda: ["solve", "hybrid", "solve"], lambda: ("Solve", "hybrid ", "SOLVE")],
    "12-swirl": [lambda: swirl, lambda: lambda grid, reach: swirl(grid, reach, turn=((0, 2), (-2, 0)))],
}

WRONG = {
    "12-reach": [
        ("Nothing moves", lambda: lambda *_: sitk.Transform(2, sitk.sitkIdentity)),
        ("counted pixels", lambda: lambda grid, seed, reach: warps.single_frequency(grid, seed, 4 * reach, 60)),
        ("largest component", lambda: by_component),
        ("standard deviation", lambda: lambda grid, seed, reach: warps.waves(grid, seed, reach, 20)),
        ("coefficients", lambda: lambda grid, seed, reach: warps.bspline(grid, seed, reach, (3, 3))),
        (
            "folds",  # long waves fold as well, if they are multiplied often enough
            lambda: lambda *given: sitk.DisplacementFieldTransform(warps.scaled(spline(*given[:2]), given[2])),
        ),
        (
            "folds",
            lambda: lambda *given: sitk.DisplacementFieldTransform(warps.scaled(spline(*given[:2], 45), given[2])),
        ),
        ("gave another field", lambda: lambda grid, _, reach: warps.single_frequency(grid, _fresh(), reach, 120)),
        ("gave the same field", lambda: lambda grid, _, reach: warps.single_frequency(grid, 1, reach, 60)),
        ("SimpleITK transform", lambda: lambda *given: spline(*given[:2])),
    ],
    "12-fold": [
        ("an index", lambda: place(determinant(), largest=False, mm=False)),
        ("an index", lambda: place(determinant(), largest=False, mm=False, order=-1)),
        ("changed places", lambda: place(determinant(), largest=False, order=-1)),
        ("stretched most", lambda: place(determinant())),
        ("go farthest", lambda: place(np.linalg.norm(sitk.GetArrayFromImage(straight()), axis=-1))),
        ("smallest value", lambda: (500, 500)),
    ],
    "12-huber": [
        ("one number for each", lambda: lambda errors, delta: huber(errors, delta, of=lambda each: each)),
        ("the sum", lambda: lambda errors, delta: huber(errors, delta, of=np.sum)),
        ("Twice as much", lambda: lambda errors, delta: huber(errors, delta, half=1.0)),
        ("squared everywhere", lambda: lambda errors, _: np.mean(errors**2) / 2),
        ("squared everywhere", lambda: lambda errors, _: np.mean(errors**2)),
        ("plain distance", lambda: lambda errors, _: np.mean(np.abs(errors))),
        ("jumps", lambda: lambda errors, delta: huber(errors, delta, jump=np.inf)),
        ("large negative", lambda: lambda errors, delta: huber(errors, delta, size=np.positive)),
        ("Half the square", lambda: lambda *_: 77.0),
    ],
    "12-compose": [
        ("The other way round", lambda: lambda affine, field: composite(field, affine)),
        ("field alone", lambda: lambda _, field: field),
        ("affine start alone", lambda: lambda affine, _: affine),
        ("is inverted", lambda: lambda affine, field: composite(affine.GetInverse(), field)),
        ("as they are", lambda: lambda *_: sitk.TranslationTransform(2, (90.0, 0.0))),
    ],
    "12-leak": [
        ("letters of some rows", lambda: "none"),
        ("Row A", lambda: "ABCE"),
        ("Row D", lambda: "BCDE"),
        ("Row B", lambda: "CE"),
        ("Row C", lambda: "BE"),
        ("Row E", lambda: "BC"),
    ],
    "12-judge": [
        ("You found none", lambda: lambda given: np.count_nonzero(np.clip(given + 3, 1e-9, 1e9) <= 0)),
        ("Only the one", lambda: lambda given: np.count_nonzero(given + 3 <= 0)),
        ("exactly 0", lambda: lambda given: np.count_nonzero(given < 0)),
        ("the fraction", lambda: lambda given: np.mean(given <= 0)),
        ("shrinks", lambda: lambda given: np.count_nonzero(given < 1)),
        ("0 or less", lambda: lambda given: given.size),
    ],
    "12-choose": [
        ("three words", lambda: "solve"),
        ("network alone", lambda: ["network", "hybrid", "solve"]),
        ("Pair 1", lambda: ["hybrid", "hybrid", "solve"]),
        ("Pair 2", lambda: ["solve", "solve", "solve"]),
        ("Pair 3", lambda: ["solve", "hybrid", "hybrid"]),
    ],
    "12-swirl": [
        ("farthest point", lambda: lambda grid, reach: swirl(grid, 2 * reach)),
        ("Nothing turns", lambda: lambda grid, reach: swirl(grid, reach, turn=((1, 0), (0, 1)))),
        ("gone straight", lambda: lambda grid, reach: swirl(grid, reach, follow=False)),
        ("nearer to the middle", lambda: lambda grid, reach: swirl(grid, reach, mm=False)),
    ],
}


def _fresh() -> np.random.Generator:
    return np.random.default_rng()
