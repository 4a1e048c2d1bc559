"""What the metadata of an OME-Zarr image say: which axes it has, how they are measured, and where its voxels lie.

Versions 0.4, 0.5 and 0.6 say it in different words, and all of them come down to one affine map for each level, from
an index of the array to a position. Lengths are brought to mm. Axes go by their names, in whatever order. Of what is
said beyond that, orientations in the patient (RFC-4 of OME-NGFF) become the direction matrix, and the rest is refused
by name.

An orientation has two readings. Here the translation of the finest level is the position of its first voxel in LPS, the
orientations are the columns of the direction matrix, and the first voxels of other levels lie along these axes. So does
ngff-zarr write an ITK image.

Why not ngff-zarr's own reader: without a word it leaves out what moves the whole image, the coordinateTransformations
of a multiscale (in its version 0.50), and to read some JSON it brings a second Zarr library, 90 MB. It judges this
module in the tests.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from regseg.grid import Grid, perpendicular
from regseg.readers import VolumeError

_VERSIONS = re.compile(r"0\.[456](\D.*)?")
_METRES = {"kilo": 1e6, "hecto": 1e5, "": 1e3, "deci": 1e2, "centi": 10.0, "milli": 1.0, "micro": 1e-3, "nano": 1e-6}
_METRES |= {"pico": 1e-9, "femto": 1e-12}
_SYMBOLS = {
    "m": 1e3,
    "cm": 10.0,
    "mm": 1.0,
    "um": 1e-3,
    "µm": 1e-3,
    "μm": 1e-3,
    "nm": 1e-6,
    "pm": 1e-9,
}  # two signs for µ
_MILLIMETRES = {
    **{f"{prefix}met{end}": length for prefix, length in _METRES.items() for end in ("er", "re")},
    **_SYMBOLS,
    "micron": 1e-3,
    "angstrom": 1e-7,
    "Å": 1e-7,
    "inch": 25.4,
    "foot": 304.8,
    "yard": 914.4,
}
_KINDS = {"x": "space", "y": "space", "z": "space", "t": "time", "c": "channel"}  # where an axis does not say
_TOWARDS = {  # the six words for the axes of LPS, each with its axis and sign
    "right-to-left": (0, 1.0),
    "left-to-right": (0, -1.0),
    "anterior-to-posterior": (1, 1.0),
    "posterior-to-anterior": (1, -1.0),
    "inferior-to-superior": (2, 1.0),
    "superior-to-inferior": (2, -1.0),
}
_WARPS = ("displacements", "coordinates", "bijection")  # they lead to another image, and do not say where this one lies


@dataclass(frozen=True)
class Multiscale:
    """One image of an OME-Zarr group, as its metadata describe it.

    Attributes
    ----------
    axes : tuple[dict, ...]
        The axes of the arrays, in their order, each with "name" and "type".
    paths : tuple[str, ...]
        Of the arrays of all levels, the finest first, from the group.
    """

    axes: tuple[dict[str, Any], ...]
    paths: tuple[str, ...]
    _affines: tuple[np.ndarray, ...]  # from an index of the array to a position
    _out: tuple[dict[str, Any], ...]  # the axes of that position
    _direction: tuple[float, ...] | None  # as this package writes it

    @classmethod
    def of(cls, attributes: Mapping[str, Any]) -> Multiscale:
        """What the attributes of a group say of its first image.

        Raises
        ------
        VolumeError
            They say something that is not read here; the message is the end of a sentence about the file.
        KeyError, TypeError, AttributeError, ValueError
            They are not those of an OME-Zarr image.
        """
        ome = attributes.get("ome", attributes)
        [image, *_] = ome["multiscales"]
        version = ome.get("version") or image.get("version")
        if version is not None and not _VERSIONS.fullmatch(str(version)):
            raise VolumeError(f"of version {version}: only 0.4, 0.5 and 0.6 are read here. Convert it, with ngff-zarr.")
        [_, *_] = datasets = image["datasets"]  # ValueError where there is none
        if "coordinateSystems" in image:
            axes, out, whole = _systems(image)
        else:
            axes = out = _described(image["axes"])
            whole = _sequence(image.get("coordinateTransformations", []), len(axes))
        affines = tuple(whole @ _level(each["coordinateTransformations"], len(axes)) for each in datasets)
        sizes = [np.abs(np.linalg.det(affine)) for affine in affines]
        if not all(fine <= 1.001 * coarse for fine, coarse in pairwise(sizes)):
            raise VolumeError("whose levels do not go from fine to coarse: correct their order in its metadata.")
        direction = attributes.get("regseg", {}).get("direction")
        return cls(axes, tuple(each["path"] for each in datasets), affines, out, direction)

    def spatial(self) -> tuple[int, ...]:
        """Which axes of the arrays are z, y and x, or y and x, in this order."""
        return _spatial(self.axes)

    def grid(self, level: int, shape: Sequence[int]) -> Grid:
        """Where the voxels of a level lie, whose array has this shape; VolumeError as for `of`."""
        affine, spatial = self._affines[level], self.spatial()
        if len(shape) != len(self.axes):
            raise VolumeError(f"whose metadata name {len(self.axes)} axes for an array of {len(shape)}: correct them.")
        rows, inward = _spatial(self._out)[::-1], spatial[::-1]  # x, y, z from here on
        factors = np.array([_millimetres(self._out[row]) for row in rows])
        others = [column for column in range(len(shape)) if column not in inward]
        if np.any(affine[np.ix_(rows, others)]):
            raise VolumeError("in which positions change with time or channel: that is not read here.")
        matrix = affine[np.ix_(rows, inward)] * factors[:, None]
        origin, first = affine[rows, -1] * factors, self._affines[0][rows, -1] * factors
        spacing = np.sqrt((matrix**2).sum(axis=0))
        if spacing.min() == 0:
            raise VolumeError("whose voxels have no width along an axis: correct it in its metadata.")
        size = tuple(shape[axis] for axis in inward)
        direction = self._given_direction(len(size))
        if direction is None:
            turn = _anatomical([self._out[row] for row in rows])
            direction, origin = turn @ (matrix / spacing), first + turn @ (origin - first)
        if not perpendicular(direction):
            raise VolumeError("whose axes are not perpendicular: resample it onto a grid whose axes are.")
        numbers = (tuple(each.ravel().tolist()) for each in (spacing, origin, direction))
        return Grid(size, *numbers)

    def vectors(self, grid: Grid) -> tuple[int, np.ndarray] | None:
        """Which axis of the arrays counts the components of displacements, and what turns these into x, y, z in mm.

        Version 0.6 gives them in the order and the directions of the axes; None where voxels are no displacements.
        """
        found = [number for number, axis in enumerate(self.axes) if axis["type"] == "displacement"]
        if not found:
            return None
        rows = _spatial(self._out)
        if rows != tuple(sorted(rows)):
            raise VolumeError(
                "of displacements whose axes of space are not in the order z, y, x: that is not read here."
            )
        factors = [_millimetres(self._out[row]) for row in rows[::-1]]
        return found[0], (grid.axes * factors)[:, ::-1]

    def _given_direction(self, dimension: int) -> np.ndarray | None:
        if self._direction is None:
            return None
        try:
            return np.array(self._direction, float).reshape(dimension, dimension)
        except (TypeError, ValueError):
            raise VolumeError(
                f"whose direction, under regseg, is no matrix of {dimension} rows: correct it in its zarr.json."
            ) from None


def _spatial(axes: Sequence[Mapping[str, Any]]) -> tuple[int, ...]:
    """Which axes are z, y and x, or y and x, in this order."""
    names = [axis["name"] for axis in axes]
    space = {axis["name"] for axis in axes if axis["type"] == "space"}
    if not {"x", "y"} <= space <= {"x", "y", "z"}:
        raise VolumeError(f"with the axes {', '.join(map(str, names))}: those of space must be x and y, or x, y and z.")
    return tuple(names.index(name) for name in "zyx" if name in space)


def _anatomical(axes: Sequence[Mapping[str, Any]]) -> np.ndarray:
    """The direction matrix that the orientations of x, y and z make; the identity without any."""
    words = [_orientation(axis) for axis in axes]
    matrix = np.eye(len(axes))
    if not any(words):
        return matrix
    unknown = [str(word) for word in words if word not in _TOWARDS]
    if unknown:
        raise VolumeError(
            f"with the orientation {unknown[0]} of an axis: read are {', '.join(_TOWARDS)}, for all axes or none."
        )
    for column, word in enumerate(words):
        row, sign = _TOWARDS[word]
        matrix[:, column] = sign * (np.arange(len(axes)) == row)
    return matrix


def orientations(direction: np.ndarray) -> list[str] | None:
    """The words for the ways that x, y and z run in the patient; None for an oblique image, which has none."""
    found = {(axis, sign): word for word, (axis, sign) in _TOWARDS.items()}
    row = np.abs(direction).argmax(axis=0)
    signs = direction[row, range(len(row))]
    if not np.allclose(np.abs(signs), 1, rtol=0, atol=1e-6):
        return None
    return [found[axis, sign] for axis, sign in zip(row.tolist(), signs.round().tolist(), strict=True)]


def _orientation(axis: Mapping[str, Any]) -> str | None:
    """The word for the way that an axis runs in the patient."""
    orientation = axis.get("orientation")
    return orientation.get("value") if isinstance(orientation, Mapping) else orientation


def _millimetres(axis: Mapping[str, Any]) -> float:
    """How many mm the unit of an axis is long."""
    unit = axis.get("unit")
    if unit is None and _orientation(axis):
        return 1.0  # an image of a patient, as ngff-zarr writes it: ITK's unit is the mm
    if unit not in _MILLIMETRES:
        found = "without a unit of length" if not unit else f"with lengths in {unit}, which is not known here"
        raise VolumeError(f'{found}: say it in its metadata, such as "unit": "micrometer" for each axis of space.')
    return _MILLIMETRES[unit]


def _described(axes: Sequence[Mapping[str, Any]]) -> tuple[dict[str, Any], ...]:
    """The axes, each with a type, which the standard only recommends."""
    return tuple({**axis, "type": axis.get("type") or _KINDS.get(axis["name"], "unknown")} for axis in axes)


def _systems(image: Mapping[str, Any]) -> tuple[tuple[dict[str, Any], ...], tuple[dict[str, Any], ...], np.ndarray]:
    """The axes of the arrays and of the positions in version 0.6, and the map that leads from the former to the latter.

    An image lies where the one further coordinate system says to which a linear map leads, such as that of a patient
    who lies oblique in the scanner; without one, in its own system.
    """
    systems = {system["name"]: _described(system["axes"]) for system in image["coordinateSystems"]}
    placed = image["datasets"][0]["coordinateTransformations"]
    own = _name(placed[0].get("output") if placed else None) or next(iter(systems))
    further = [step for step in image.get("coordinateTransformations", []) if step["type"] not in _WARPS]
    if len(further) > 1:
        names = ", ".join(str(_name(step.get("output"))) for step in further)
        raise VolumeError(f"that lies in {len(further)} coordinate systems ({names}): keep one in its metadata.")
    axes = systems[own]
    if not further:
        return axes, axes, np.eye(len(axes) + 1)
    return axes, systems[_name(further[0].get("output"))], linear_map(further[0], len(axes))


def _name(end: Mapping[str, str] | str | None) -> str | None:
    """The coordinate system at one end of a transformation: drafts of version 0.6 gave its name alone."""
    return end.get("name") if isinstance(end, Mapping) else end


def _level(steps: Sequence[Mapping[str, Any]], dimension: int) -> np.ndarray:
    """The map of a level: a scale, and a translation at most, in order."""
    flat = [inner for step in steps for inner in (step["transformations"] if step["type"] == "sequence" else [step])]
    kinds = [step["type"] for step in flat]
    if kinds not in (["identity"], ["scale"], ["scale", "translation"], ["identity", "translation"]):
        raise VolumeError(
            "whose levels are not placed by one scale, or by one scale and one translation: correct its "
            f"coordinateTransformations ({', '.join(kinds) or 'none'})."
        )
    return _sequence(flat, dimension)


def _sequence(steps: Sequence[Mapping[str, Any]], dimension: int) -> np.ndarray:
    """The maps one after the other."""
    whole = np.eye(dimension + 1)
    for step in steps:
        whole = linear_map(step, dimension) @ whole
    return whole


def linear_map(step: Mapping[str, Any], dimension: int) -> np.ndarray:
    """One coordinateTransformation as a matrix of one row and one column more than there are axes."""
    kind = step["type"]
    if kind == "sequence":
        return _sequence(step["transformations"], dimension)
    affine = np.eye(dimension + 1)
    if kind == "identity":
        return affine
    try:
        if kind == "byDimension":
            _by_dimension(affine, step["transformations"])
        elif kind not in _LINEAR:
            raise VolumeError(
                f"with a coordinateTransformation of type {kind}: read are identity, {', '.join(_LINEAR)}."
            )
        elif kind not in step:
            raise VolumeError(f"whose {kind} stands in a file of its own: write its numbers into its metadata.")
        else:
            numbers = np.array(step[kind], float)
            if not np.isfinite(numbers).all():
                raise VolumeError(f"whose {kind} is not finite: correct it in its metadata.")
            _LINEAR[kind](affine, numbers)
    except VolumeError:
        raise
    except (TypeError, ValueError, IndexError):
        raise VolumeError(
            f"whose {kind} has not the numbers for {dimension} axes: correct it in its metadata."
        ) from None
    return affine


def _scale(affine: np.ndarray, numbers: np.ndarray) -> None:
    if numbers.shape != affine[:-1, -1].shape:
        raise ValueError(numbers.shape)
    if not (numbers > 0).all():
        raise VolumeError("whose scale is not positive: correct it in its metadata.")
    np.fill_diagonal(affine[:-1, :-1], numbers)


def _translation(affine: np.ndarray, numbers: np.ndarray) -> None:
    if numbers.shape != affine[:-1, -1].shape:
        raise ValueError(numbers.shape)
    affine[:-1, -1] = numbers


def _rotation(affine: np.ndarray, numbers: np.ndarray) -> None:
    affine[:-1, :-1] = numbers.reshape(affine[:-1, :-1].shape)


def _whole(affine: np.ndarray, numbers: np.ndarray) -> None:
    affine[:-1] = numbers.reshape(affine[:-1].shape)


def _map_axis(affine: np.ndarray, numbers: np.ndarray) -> None:
    if sorted(numbers) != list(range(len(affine) - 1)):
        raise ValueError(numbers)
    affine[:-1, :-1] = np.eye(len(numbers))[numbers.astype(int)]


def _by_dimension(affine: np.ndarray, parts: Sequence[Mapping[str, Any]]) -> None:
    affine[:-1] = 0
    for part in parts:
        # Drafts of version 0.6 had the names with underscores.
        inward, outward = (part.get(f"{end}Axes", part.get(f"{end}_axes")) for end in ("input", "output"))
        inner = linear_map(part["transformation"], len(inward))
        affine[np.ix_(outward, inward)] = inner[:-1, :-1]
        affine[outward, -1] = inner[:-1, -1]


_LINEAR: dict[str, Callable[[np.ndarray, np.ndarray], None]] = {
    "scale": _scale,
    "translation": _translation,
    "rotation": _rotation,
    "affine": _whole,
    "mapAxis": _map_axis,
}
