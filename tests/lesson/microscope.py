"""A pair of volumes as a light-sheet microscope leaves them, of any size: python tests/lesson/microscope.py FOLDER 256.

OME-Zarr 0.4 of two channels, in micrometres, with levels, written a slab at a time. Of 1088 voxels a side each volume
has five gigabytes before compression.
"""

import sys
from pathlib import Path

import numpy as np
import zarr

LENGTH = 10.0  # µm, of a voxel
_CHUNK = 32


def write_microscope(path: str | Path, shift: float, size: tuple[int, int, int] = (64, 96, 96)) -> None:
    """Rods of various brightness, shifted along x by so many voxels; size in z, y, x. Channel 1 is mirrored."""
    group, datasets = zarr.create_group(path, zarr_format=2), []
    for level in range(4):
        factor = 2**level
        shape = [n // factor for n in size]
        array = group.create_array(str(level), shape=(2, *shape), dtype="uint16", chunks=(1, *[_CHUNK] * 3))
        waves = zip(size, (np.sin, np.cos, np.sin), (6, 5, 4), (0, 0, shift), strict=True)
        z, y, x = (_along(*each, factor) for each in waves)
        for channel, (deep, bright) in enumerate((z, (z[0][::-1], z[1][::-1]))):
            for first in range(0, shape[0], _CHUNK):
                some = np.s_[first : first + _CHUNK, None, None]
                # What is inside is a box, and what is in it a sum: so the mean over a larger voxel is that of lines.
                mean = 400 * deep[some] * y[0][:, None] * x[0] + 100 * bright[some] * y[0][:, None] * x[0]
                mean += 100 * deep[some] * (y[1][:, None] * x[0] + y[0][:, None] * x[1])
                array[channel, first : first + _CHUNK] = mean.astype(np.uint16)
        middle = (factor - 1) / 2  # of the voxels of the finest level that one of these replaces
        steps = [
            {"type": "scale", "scale": [1] + [LENGTH * factor] * 3},
            {"type": "translation", "translation": [0] + [LENGTH * middle] * 3},
        ]
        datasets.append({"path": str(level), "coordinateTransformations": steps})
    axes = [{"name": "c", "type": "channel"}]
    axes += [{"name": name, "type": "space", "unit": "micrometer"} for name in "zyx"]
    group.attrs["multiscales"] = [{"version": "0.4", "axes": axes, "datasets": datasets}]


def _along(count: int, wave: np.ufunc, width: float, shift: float, factor: int) -> tuple[np.ndarray, np.ndarray]:
    """Along one axis, in means over so many voxels: what is inside, and the waves in it."""
    place = np.arange(count - count % factor) - shift
    inside = np.abs(place - count / 2) <= 0.375 * count
    return tuple(
        (inside * each).reshape(-1, factor).mean(axis=1) for each in (np.ones_like(place), wave(place / width))
    )


if __name__ == "__main__":
    folder, side = Path(sys.argv[1]), int(sys.argv[2])
    for name, shift in ("fixed", 0.0), ("moving", 2.0):
        write_microscope(folder / f"{name}.zarr", shift, (side, side, side))
