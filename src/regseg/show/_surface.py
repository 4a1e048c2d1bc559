"""Surfaces, as they look from one side of the patient."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_rgb

from regseg.show.geometry import Plane, letters
from regseg.show.picture import Room, frame

# Where the viewer stands, and which way is up in the picture, in LPS.
_SIDES = {
    "R": ((-1, 0, 0), (0, 0, 1)),
    "L": ((1, 0, 0), (0, 0, 1)),
    "A": ((0, -1, 0), (0, 0, 1)),
    "P": ((0, 1, 0), (0, 0, 1)),
    "S": ((0, 0, 1), (0, -1, 0)),
    "I": ((0, 0, -1), (0, -1, 0)),
}
_SHADOW = 0.3  # how bright a face is that the light does not reach
_MARGIN = 1.12  # the picture is so much larger than what is in it, for the letters

Surface = tuple[np.ndarray, np.ndarray, str | np.ndarray]


def surface(
    surfaces: Sequence[Surface], *, seen_from: str = "A", title: str | None = None, ax: Axes | None = None
) -> None:
    """Draw closed surfaces without perspective, in one scale, with the patient's sides named.

    Each surface hides what lies behind it in itself, and lies over the surfaces before it in the list, wherever they
    are: a body, and then what is inside of it, as if the body were of glass.

    Parameters
    ----------
    surfaces : list of (points, triangles, colour)
        points (n, 3) in mm, LPS; triangles (m, 3), the numbers of their corners, which run anticlockwise when seen from
        outside; colour of matplotlib, or (n, 3) red, green and blue from 0 to 1, one for each point.
    seen_from : str
        "R", "L", "A", "P", "S" or "I": the side of the patient on which you stand.
    title : str, optional
        Above the picture.
    ax : matplotlib axes, optional
        Draw into these axes of your own figure.

    Raises
    ------
    ValueError
        An unknown side, no surface or an empty one, or points, triangles or colours of another shape.
    """
    if seen_from not in _SIDES:
        raise ValueError(f"seen_from is one of {', '.join(_SIDES)}; got {seen_from!r}.")
    if not surfaces:
        raise ValueError("Give at least one surface: (points, triangles, colour).")
    checked = [_checked(*one) for one in surfaces]
    viewer, up = map(np.array, _SIDES[seen_from])
    right = np.cross(-viewer, up)
    screen = np.stack([right, -up])  # to the right and down, as all pictures here

    corners = np.concatenate([points for points, _, _ in checked]) @ screen.T
    low, high = corners.min(axis=0), corners.max(axis=0)
    size = tuple(map(float, (high - low) * _MARGIN))
    corner = (low + high) / 2 - np.divide(size, 2)
    edges = tuple(map(letters, (-right, right, up, -up)))
    if ax is None:
        ax = plt.figure(figsize=(3.6, 3.6 * size[1] / size[0])).add_axes((0, 0, 1, 0.93))
    frame(ax, Plane("", 0, 0, 0, False, False, edges, size), Room(*size))
    light = viewer + 0.5 * up - 0.4 * right
    for points, triangles, colours in checked:
        _draw(ax, points, triangles, colours, screen, viewer, light / np.linalg.norm(light), corner)
    ax.set_title(title or f"seen from {seen_from}", fontsize=8.5)


def _draw(ax: Axes, points, triangles, colours, screen, viewer, light, corner) -> None:
    """Paint the triangles that face the viewer, from far to near."""
    places = points[triangles]
    across = np.cross(places[:, 1] - places[:, 0], places[:, 2] - places[:, 0])  # as long as the triangle is large
    normals = np.zeros_like(points)
    for column in triangles.T:
        np.add.at(normals, column, across)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True) + 1e-12
    bright = _SHADOW + (1 - _SHADOW) * np.clip(normals @ light, 0, 1)
    shaded = (colours * bright[:, None])[triangles].mean(axis=1)

    seen = np.flatnonzero(across @ viewer > 0)
    seen = seen[np.argsort((places[seen] @ viewer).mean(axis=1), kind="stable")]
    ax.add_collection(
        PolyCollection(
            (places @ screen.T - corner)[seen],
            facecolors=shaded[seen],
            edgecolors=shaded[seen],
            linewidths=0.5,
            rasterized=True,  # ten thousand triangles would make a slow PDF
        )
    )


def _checked(points, triangles, colour) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    points, triangles = np.asarray(points, float), np.asarray(triangles)
    if points.ndim != 2 or points.shape[1] != 3 or triangles.ndim != 2 or triangles.shape[1] != 3:
        raise ValueError(f"points and triangles are (n, 3) and (m, 3); got {points.shape} and {triangles.shape}.")
    if not len(triangles):
        raise ValueError("A surface has no triangles: is its mask empty?")
    if triangles.min() < 0 or triangles.max() >= len(points):
        raise ValueError(
            f"triangles name points {triangles.min()} to {triangles.max()}; there are {len(points)}, counted from 0."
        )
    colours = np.broadcast_to(to_rgb(colour), points.shape) if isinstance(colour, str) else np.asarray(colour, float)
    if colours.shape != points.shape:
        raise ValueError(
            f"colour is a name, or red, green, blue for each of {len(points)} points; got {colours.shape}."
        )
    return points, triangles, colours
