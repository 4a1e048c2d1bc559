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
        middle = (factor - 1) / 2  # of the voxels of the finest level that one of these replaces
        shape = [n // factor for n in size]
        array = group.create_array(str(level), shape=(2, *shape), dtype="uint16", chunks=(1, *[_CHUNK] * 3))
        y, x = (np.arange(n) * factor + middle for n in shape[1:])
        for first in range(0, shape[0], _CHUNK):
            up = np.arange(first, min(first + _CHUNK, shape[0])) * factor + middle
            for channel, z in enumerate((up, size[0] - 1 - up)):
                waves = np.sin(z / 6)[:, None, None] + np.cos(y / 5)[:, None] + np.sin((x - shift) / 4)
                places = (z, size[0] / 2), (y, size[1] / 2), (x, size[2] / 2 + shift)
                deep, high, wide = (np.abs(each - centre) <= 0.75 * centre for each, centre in places)
                inside = deep[:, None, None] & high[:, None] & wide
                array[channel, first : first + len(z)] = np.where(inside, 100 * waves + 400, 0).astype(np.uint16)
        steps = [
            {"type": "scale", "scale": [1] + [LENGTH * factor] * 3},
            {"type": "translation", "translation": [0] + [LENGTH * middle] * 3},
        ]
        datasets.append({"path": str(level), "coordinateTransformations": steps})
    axes = [{"name": "c", "type": "channel"}]
    axes += [{"name": name, "type": "space", "unit": "micrometer"} for name in "zyx"]
    group.attrs["multiscales"] = [{"version": "0.4", "axes": axes, "datasets": datasets}]


if __name__ == "__main__":
    folder, side = Path(sys.argv[1]), int(sys.argv[2])
    for name, shift in ("fixed", 0.0), ("moving", 2.0):
        write_microscope(folder / f"{name}.zarr", shift, (side, side, side))
