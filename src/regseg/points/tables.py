"""Files of points and of meshes, read and written a part at a time: all in them but the positions stays as it is."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import IO

import numpy as np

from regseg.files import written_whole

_PART = 100_000  # points at once
_SHORT = {"char": "int8", "uchar": "uint8", "short": "int16", "ushort": "uint16", "int": "int32", "uint": "uint32"}
_LONG = {name: name for name in (*_SHORT.values(), "float32", "float64")}
_TYPES = _SHORT | {"float": "float32", "double": "float64"} | _LONG  # from PLY's names of types to NumPy's
_NORMALS = ("nx", "ny", "nz")  # of the mesh as it was: whoever shows the new one makes them anew

Move = Callable[[np.ndarray], np.ndarray]  # of points (n, dimension)


def carry_file(source: str | Path, target: str | Path, move: Move, *, dimension: int = 3) -> tuple[int, int]:
    """Write a file of points or a mesh with its positions moved, no more than a part of it in memory.

    Of a table (.csv) the columns x, y and z are moved, or the first ones where it has no header. Of a mesh (.obj, .ply)
    the vertices are moved, and normals left out.

    Parameters
    ----------
    source, target : str or Path
        The file, and where to write; it appears whole or not at all.
    move : Callable
        From points (n, dimension) to others; NaN where there is no place for one.
    dimension : int
        How many numbers a position has; a mesh has 3.

    Returns
    -------
    tuple[int, int]
        How many points there were, and how many of them became NaN.

    Raises
    ------
    ValueError
        There is no such file, it is of another kind, or damaged.
    """
    source, target, counts = Path(source), Path(target), [0, 0]
    writers = {".csv": _table, ".obj": _obj, ".ply": _ply}
    if source.suffix.lower() not in writers:
        raise ValueError(f"{source} is no table (.csv) and no mesh (.obj, .ply): save it as one of these.")
    if target.suffix.lower() != source.suffix.lower():
        raise ValueError(f"{target} must end in {source.suffix}, as {source.name} does: kinds are not converted.")
    if not source.is_file():
        raise ValueError(f"There are no points at {source}.")

    def counted(points: np.ndarray) -> np.ndarray:
        moved = move(points)
        counts[0] += len(moved)
        counts[1] += int(np.isnan(moved).any(axis=1).sum())
        return moved

    try:
        with source.open("rb") as file, written_whole(target) as out:
            writers[source.suffix.lower()](file, out, counted, dimension)
    except (UnicodeDecodeError, IndexError, KeyError) as error:
        raise ValueError(f"{source} is damaged, or of another kind than its name says ({error}).") from None
    except ValueError as error:
        raise ValueError(f"{source}: {error}") from None
    return counts[0], counts[1]


def _parts(lines: Iterator) -> Iterator[list]:
    while part := list(islice(lines, _PART)):
        yield part


def _table(file: IO[bytes], out: IO[bytes], move: Move, dimension: int) -> None:
    with io.TextIOWrapper(file, encoding="utf-8-sig", newline="") as text:
        first = next(csv.reader(text), [])
        names = [re.sub(r"[\s(\[].*", "", name.strip().lower()) for name in first]
        wanted = list("xyz"[:dimension])
        written = io.TextIOWrapper(out, encoding="utf-8", newline="", write_through=True)
        writer = csv.writer(written, lineterminator="\n")
        if set(wanted) <= set(names):
            columns = [names.index(name) for name in wanted]
            writer.writerow(first)
        elif len(first) >= dimension and all(map(_is_number, first[:dimension])):
            columns = list(range(dimension))
            text.seek(0)
        else:
            raise ValueError(
                f"a table has the columns {', '.join(wanted)}, or begins with {dimension} numbers in each row."
            )
        for part in _parts(row for row in csv.reader(text) if row):
            points = np.array([[float(row[column]) for column in columns] for row in part])
            for row, moved in zip(part, move(points), strict=True):
                for column, number in zip(columns, moved.tolist(), strict=True):
                    row[column] = _word(number)
            writer.writerows(part)
        written.detach()


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _obj(file: IO[bytes], out: IO[bytes], move: Move, dimension: int) -> None:
    if dimension != 3:
        raise ValueError("a mesh has three dimensions, and the transform two.")
    for part in _parts(line for line in file if not line.startswith(b"vn ")):
        words = [line.split() if line.startswith(b"v ") else [] for line in part]
        moved = iter(move(np.array([[float(word) for word in each[1:4]] for each in words if each]).reshape(-1, 3)))
        for line, each in zip(part, words, strict=True):
            if each:
                line = (
                    " ".join(["v", *map(_word, next(moved).tolist()), *(word.decode() for word in each[4:])]).encode()
                    + b"\n"
                )
            elif line.startswith((b"f ", b"l ")):
                line = re.sub(rb"(\d+/\d*)/\d+", lambda found: found[1].rstrip(b"/"), line)  # without the normal
            out.write(line)


def _ply(file: IO[bytes], out: IO[bytes], move: Move, dimension: int) -> None:
    if dimension != 3:
        raise ValueError("a mesh has three dimensions, and the transform two.")
    head = [file.readline()]
    while head[-1].strip() != b"end_header":
        head.append(file.readline())
        if not head[-1] or head[0].strip() != b"ply":
            raise ValueError("this is no PLY file.")
    words = [line.split() for line in head]
    kind = next(each[1].decode() for each in words if each[0] == b"format")
    elements = [n for n, each in enumerate(words) if each[0] == b"element"]
    if words[elements[0]][1] != b"vertex":
        raise ValueError("vertices come first in a PLY file that is read here.")
    count, first = int(words[elements[0]][2]), elements[0] + 1
    last = elements[1] if len(elements) > 1 else len(words) - 1
    properties = [(each[2].decode(), each[1].decode()) for each in words[first:last] if each[0] == b"property"]
    kept = [name for name, _ in properties if name not in _NORMALS]
    out.writelines(line for line, each in zip(head, words, strict=True) if each[-1].decode() not in _NORMALS)
    order = ">" if kind == "binary_big_endian" else "<"
    dtype = np.dtype([(name, np.dtype(_TYPES[each]).newbyteorder(order)) for name, each in properties])
    for start in range(0, count, _PART):
        rows = min(_PART, count - start)
        if kind == "ascii":
            values = [tuple(map(float, file.readline().split())) for _ in range(rows)]
            vertices = np.array(values, dtype)
        else:
            vertices = np.frombuffer(file.read(rows * dtype.itemsize), dtype).copy()
        if len(vertices) != rows:
            raise ValueError("a part of the file is missing.")
        moved = move(np.stack([vertices[name].astype(float) for name in "xyz"], axis=1))
        for name, each in zip("xyz", moved.T, strict=True):
            vertices[name] = each
        if kind == "ascii":
            out.writelines((" ".join(map(_word, vertex)) + "\n").encode() for vertex in vertices[kept].tolist())
        else:
            out.write(np.array(vertices[kept].tolist(), [(name, dtype[name]) for name in kept]).tobytes())
    for piece in iter(lambda: file.read(1 << 20), b""):
        out.write(piece)


def _word(number: float) -> str:
    return f"{number:.9g}" if isinstance(number, float) else str(number)
