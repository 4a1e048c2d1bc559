"""Where a transform brings points, there and back."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import SimpleITK as sitk
from numpy.typing import ArrayLike

_STEPS = 30  # of Newton's method: a smooth transform takes about four
_NEAR = 1e-7  # of the largest coordinate: a hundredth of a micrometre in a head


def carry(transform: sitk.Transform, points: ArrayLike, *, inverse: bool = False) -> np.ndarray:
    """Where a transform brings points.

    Parameters
    ----------
    transform : Transform
        From points of the fixed image to points of the moving one.
    points : array
        Shape (n, dimension), in mm, LPS.
    inverse : bool
        The points are those of the moving image: find the points of the fixed one which the transform brings there,
        by `invert`.

    Returns
    -------
    array
        Shape (n, dimension), in mm, LPS; NaN where there is no such point, or the transform folds.

    Raises
    ------
    ValueError
        The points have another shape.
    """
    points = np.asarray(points, float)
    dimension = transform.GetDimension()
    if points.ndim != 2 or points.shape[1] != dimension:
        raise ValueError(f"Points of shape {points.shape} for a {dimension}-D transform: (n, {dimension}) are wanted.")

    def there(points: np.ndarray) -> np.ndarray:
        return np.reshape([transform.TransformPoint(point) for point in points.tolist()], (-1, dimension))

    return known(invert, points, there) if inverse else known(there, points)


def invert(wanted: np.ndarray, there: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """The points that a map brings to other points, by Newton's method with differences for derivatives.

    Parameters
    ----------
    wanted : array
        Where the map is to lead, shape (n, dimension); it starts there, too.
    there : Callable
        The map, from points (n, dimension) to others; NaN where it leads nowhere.

    Returns
    -------
    array
        Shape (n, dimension); NaN where there is no such point, or the map folds.
    """
    scale = np.abs(wanted).max(initial=1e-6)
    found = wanted.copy()
    missing = wanted - there(found)
    for _ in range(_STEPS):
        far = np.flatnonzero(np.linalg.norm(missing, axis=1) > _NEAR * scale)  # NaN is never far
        if not far.size:
            break
        slopes = _slopes(there, found[far], 1e-5 * scale)
        step = np.einsum("nij,nj->ni", np.linalg.pinv(slopes), missing[far])
        for _ in range(6):  # a step that leads away is halved
            tried = found[far] + step
            left = wanted[far] - there(tried)
            worse = np.linalg.norm(left, axis=1) > np.linalg.norm(missing[far], axis=1)
            if not worse.any():
                break
            step[worse] /= 2
        found[far], missing[far] = tried, left
    found[~(np.linalg.norm(missing, axis=1) <= _NEAR * scale)] = np.nan
    return found


def known(function: Callable[..., np.ndarray], points: np.ndarray, *more: object) -> np.ndarray:
    """What a function gives for those points that are finite; NaN for the others."""
    moved = np.full(points.shape, np.nan)
    finite = np.isfinite(points).all(axis=1)
    moved[finite] = function(points[finite], *more)
    return moved


def _slopes(there: Callable[[np.ndarray], np.ndarray], points: np.ndarray, width: float) -> np.ndarray:
    """The matrices of derivatives at points, shape (n, dimension, dimension)."""
    axes = np.eye(points.shape[1]) * width
    return np.stack([(there(points + axis) - there(points - axis)) / (2 * width) for axis in axes], axis=-1)
