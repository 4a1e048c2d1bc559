"""The command `regseg map-points`: points and meshes carried by a registration, without a line of Python."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from regseg.points.carrying import carry
from regseg.points.fields import Displacements
from regseg.points.tables import carry_file
from regseg.readers import is_zarr, read_transform

_UNITS = {"mm": 1.0, "um": 1e-3, "nm": 1e-6}
_LOST = 3  # the exit status where the file is written, and some points have no place


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command's arguments."""
    parser.description = (
        "Carry points of the fixed image to the moving one, or back, by the transform of a registration. Of a table "
        "(.csv) the columns x, y and z are moved, of a mesh (.obj, .ply) the vertices; all else stays, except normals. "
        "Neither the points nor a displacement field in OME-Zarr need fit in memory. "
        "The exit status is 0, 1 where nothing was written, and 3 where points have no place and were written as nan."
    )
    parser.add_argument(
        "transform",
        metavar="TRANSFORM",
        help="such as transform.h5, what SimpleITK or ANTs has written; or OME-Zarr, displacements.zarr or field.zarr, "
        "also behind an address",
    )
    parser.add_argument("points", metavar="POINTS", help="a .csv, .obj or .ply file")
    parser.add_argument("--output", required=True, metavar="FILE", help="the moved points, in the same kind of file")
    parser.add_argument("--inverse", action="store_true", help="from the moving image to the fixed one")
    parser.add_argument("--unit", choices=_UNITS, default="mm", help="of the points, before and after; default mm")
    parser.add_argument("--ras", action="store_true", help="the points are in RAS, before and after, and not in LPS")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run the command; return its exit status. What goes wrong raises an error with a message for the user."""
    dimension, carried = _carrier(options.transform)
    if Path(options.output).resolve() in (Path(options.points).resolve(), Path(options.transform).resolve()):
        raise ValueError(f"{options.output} is an input, and would be replaced: choose another output.")
    scale = np.full(dimension, _UNITS[options.unit])
    scale[:2] *= -1 if options.ras else 1

    def move(points: np.ndarray) -> np.ndarray:
        return carried(points * scale, inverse=options.inverse) / scale

    count, lost = carry_file(options.points, options.output, move, dimension=dimension)
    print(f"{count} points, written to {options.output}.")
    if lost:
        print(f"regseg: {lost} of them have no place and are nan there: the transform folds, or ends.", file=sys.stderr)
    return _LOST if lost else 0


def _carrier(transform: str) -> tuple[int, Callable[..., np.ndarray]]:
    """How many dimensions a transform has, and what carries points by it."""
    if not is_zarr(transform):
        read = read_transform(transform, fields=True)
        return read.GetDimension(), partial(carry, read)
    try:
        from regseg import volumes
    except ImportError as error:
        raise ImportError(
            f"{transform} is OME-Zarr, and that is read with the extra `bigdata`: "
            "python -m pip install 'regseg-course[bigdata]'"
        ) from error
    fields = Displacements(*volumes.open_displacements(transform))
    return fields.dimension, fields.carry
