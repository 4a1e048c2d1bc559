"""The metadata that are written: those of OME-Zarr 0.5, which most programs read today, or of 0.6, which has rotations.

In both the direction stands beside them, under "regseg", as this package has always written it.

Of version 0.6 (coordinate transformations, RFC-5 of OME-NGFF) the text of 0.6rc0, of July 2026, is followed. There
vectors are displacements: their components stand in the order of the axes, z before y before x, and count along the
axes of the grid, and not along those of the patient.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from regseg.grid import Grid
from regseg.readers import VolumeError
from regseg.volumes.metadata import orientations

VERSIONS = ("0.5", "0.6")
_CHANNEL, _DISPLACEMENT = {"type": "channel"}, {"type": "displacement", "discrete": True}


def describe(
    name: str, grids: Sequence[Grid], vector: bool, version: str, mask: bool, below: str = ""
) -> dict[str, Any]:
    """The attributes of the group of an image with these levels, whose arrays are called 0, 1 and so on, in a folder.

    Of a mask it is noted that it is one, under "regseg": its levels keep what is thin.

    Raises
    ------
    VolumeError
        The version is not one that is written here.
    """
    if version not in VERSIONS:
        raise VolumeError(f"OME-Zarr {version} is not written here: choose one of {', '.join(VERSIONS)}.")
    image = {"name": name} | (_in_systems if version == "0.6" else _in_words)(grids, vector, below)
    ome = {"version": version, "multiscales": [image]}
    ours: dict[str, Any] = {"direction": list(grids[0].direction)}
    return {"ome": ome, "regseg": ours | {"mask": True} if mask else ours}


def describe_displacements(fields: Mapping[str, Grid], below: str = "") -> dict[str, Any]:
    """The attributes of the group of a registration, whose fields lie in folders of their names.

    "forward" leads from points of the fixed image to points of the moving one, and "inverse" back. Both images lie in
    the patient, so each field is turned into its own axes first, and back at the end.
    """
    [dimension] = {grid.dimension for grid in fields.values()}
    axes = _axes(dimension, False, np.eye(dimension))
    ways = {name: _way(grid, f"{below}{name}") for name, grid in fields.items()}
    ends = {"input": {"name": "fixed"}, "output": {"name": "moving"}}
    scene = {
        "coordinateSystems": [{"name": name, "axes": axes} for name in ("fixed", "moving")],
        "coordinateTransformations": [{"type": "bijection"} | ways | ends],
    }
    return {"ome": {"version": "0.6", "scene": scene}}


def _way(grid: Grid, path: str) -> dict[str, Any]:
    """Along one field: a list of steps, or the only one."""
    step = {"type": "displacements", "path": path, "interpolation": "linear"}
    if np.array_equal(grid.axes, np.eye(grid.dimension)):
        return step
    turn = grid.axes[::-1, ::-1]
    return {"type": "sequence", "transformations": [_turn(np.linalg.inv(turn)), step, _turn(turn)]}


def _turn(matrix: np.ndarray) -> dict[str, Any]:
    """A rotation; a mirrored image is not only rotated."""
    kind, columns = ("rotation", 0) if np.linalg.det(matrix) > 0 else ("affine", 1)
    return {"type": kind, kind: np.pad(matrix, [(0, 0), (0, columns)]).tolist()}


def _axes(
    dimension: int, vector: bool, direction: np.ndarray | None = None, lead: Mapping[str, Any] = _CHANNEL
) -> list[dict[str, Any]]:
    """The axes of an array or of its positions; with a direction each has the word for it, where there is one."""
    words = (None if direction is None else orientations(direction)) or [None] * dimension
    axes: list[dict[str, Any]] = [{"name": "c", **lead}] * vector
    for name, word in reversed(list(zip("xyz", words, strict=False))):
        axes.append({"name": name, "type": "space", "unit": "millimeter"})
        if word:
            axes[-1]["orientation"] = {"type": "anatomical", "value": word}
    return axes


def _place(grid: Grid, origin: np.ndarray, vector: bool) -> list[dict[str, Any]]:
    """A scale and a translation, z before y before x."""
    return [
        {"type": "scale", "scale": [1.0] * vector + list(grid.spacing[::-1])},
        {"type": "translation", "translation": [0.0] * vector + np.asarray(origin)[::-1].tolist()},
    ]


def _in_words(grids: Sequence[Grid], vector: bool, below: str) -> dict[str, Any]:
    """Version 0.5: the positions are those of the patient, and the axes tell which way they run there."""
    levels = [_place(grid, grid.origin, vector) for grid in grids]
    datasets = [{"path": f"{below}{n}", "coordinateTransformations": steps} for n, steps in enumerate(levels)]
    return {"axes": _axes(grids[0].dimension, vector, grids[0].axes), "datasets": datasets}


def _in_systems(grids: Sequence[Grid], vector: bool, below: str) -> dict[str, Any]:
    """Version 0.6: the image has a straight system of its own, which a rotation brings into that of the patient."""
    turn, dimension = grids[0].axes, grids[0].dimension
    own, patient = (_axes(dimension, vector, way, _DISPLACEMENT) for way in (None, np.eye(dimension)))
    datasets = []
    for number, grid in enumerate(grids):
        path = f"{below}{number}"
        ends = {"input": {"path": path}, "output": {"name": "image"}}
        steps = {"type": "sequence", "transformations": _place(grid, np.linalg.inv(turn) @ grid.origin, vector)}
        datasets.append({"path": path, "coordinateTransformations": [steps | ends]})
    matrix = np.eye(len(own))
    matrix[int(vector) :, int(vector) :] = turn[::-1, ::-1]
    ends = {"input": {"name": "image"}, "output": {"name": "patient"}}
    return {
        "coordinateSystems": [{"name": "image", "axes": own}, {"name": "patient", "axes": patient}],
        "datasets": datasets,
        "coordinateTransformations": [_turn(matrix) | ends],
    }
