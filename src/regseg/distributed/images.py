"""An image to be registered: where it lies, and its levels of resolution, which may have to be made first."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import takewhile
from math import prod
from pathlib import Path

import numpy as np

from regseg import volumes
from regseg.grid import Grid
from regseg.volumes import Volume


@dataclass(frozen=True)
class Source:
    """An image of which only the header has been read.

    Attributes
    ----------
    path : Path or str
        OME-Zarr, or a file that SimpleITK reads. Absolute, as a worker may run in another folder; or an address.
    at : dict[str, int | None]
        The "channel" and the "time" of an OME-Zarr image that has several.
    mask : bool
        Whether it is a mask, of which a coarse voxel is 1 where any of its voxels is.
    dtype : str
        Numpy's name for the type of its voxels.
    grids : tuple[Grid, ...]
        Those of its levels of resolution, the finest first.
    own : int
        How many of them, from the finest, the file itself has: some may have to be made of its coarsest one, or, where
        it is 0, all of a chunked copy.
    """

    path: Path | str
    at: dict[str, int | None]
    mask: bool
    dtype: str
    grids: tuple[Grid, ...]
    own: int

    @classmethod
    def of(cls, path: str | Path, *, channel: int | None = None, time: int | None = None, mask: bool = False) -> Source:
        """What the header tells; VolumeError, a ValueError, where it cannot be read."""
        at, found = {"channel": channel, "time": time}, []
        path = str(path) if volumes.is_address(path) else volumes.local(path)
        if volumes.is_zarr(path):
            found = volumes.levels(path, **at)
        elif channel or time:
            raise volumes.VolumeError(f"{path} is no OME-Zarr: a channel or a time is chosen of that alone.")
        grid, dtype = volumes.header(found[0] if found else path)
        wanted, grids = volumes.pyramid(grid), [level.grid for level in found]
        # The levels of a mask may be means, rounded, in which what is thin is lost.
        suits = not mask or bool(found and found[0].mask)
        matching = [
            grid for grid, *_ in takewhile(lambda pair: pair[0].matches(pair[1]), zip(grids, wanted, strict=False))
        ]
        # A level alone may be cut in slices, or in one piece: then a copy in small chunks is worth its place.
        own = len(matching) if suits and len(matching) > min(1, len(wanted) - 1) else 0
        return cls(path, at, mask, dtype, (*matching[:own], *wanted[own:]), own)

    @property
    def chunked(self) -> bool:
        """Whether the file itself has all levels."""
        return self.own == len(self.grids)

    @property
    def made(self) -> int:
        """How many bytes must be written before the image can be read at every level, before compression."""
        first = self.own - 1 if self.own else 0
        voxels = 0 if self.chunked else sum(prod(grid.size) for grid in self.grids[first:])
        return voxels * np.dtype(self.dtype).itemsize

    @property
    def _coarsest(self) -> Path | Volume:
        """What `volumes` makes the levels from that the file has not."""
        level = max(self.own - 1, 0)
        return volumes.open_volume(self.path, level, **self.at) if volumes.is_zarr(self.path) else self.path

    def values(self, level: int) -> np.ndarray:
        """The voxels (z, y, x) of a coarse level, whole; a file without levels is read once, and nothing is written."""
        if level < self.own:
            return volumes.open_volume(self.path, level, **self.at).array[:]
        return volumes.read_level(self._coarsest, level - max(self.own - 1, 0), mask=self.mask)

    def open(self, folder: Path) -> list[Volume]:
        """The levels: those of the file, and what it lacks of a chunked copy in a folder, made where it is not yet."""
        found = volumes.levels(self.path, **self.at)[: self.own] if self.own else []
        if self.chunked:
            return found
        chosen = "".join(f"-{kind}-{number}" for kind, number in self.at.items() if number is not None)
        copy = folder / f"{Path(self.path).stem}{chosen}-{'mask-' * self.mask}{self.stamp[:12]}.zarr"
        if not copy.exists():
            (volumes.save_mask if self.mask else volumes.save)(self._coarsest, copy)
        return [*found[:-1], *volumes.levels(copy)]

    def stored(self, levels: Iterable[int]) -> list[Volume]:
        """What these levels are read from in the image's own file, where that is OME-Zarr; else nothing."""
        if not volumes.is_zarr(self.path):
            return []
        own = sorted({min(level, max(self.own - 1, 0)) for level in levels})
        return [volumes.open_volume(self.path, level, **self.at) for level in own]

    @property
    def stamp(self) -> str:
        """A word that changes when a file of the image is written again, or is another one.

        Behind an address it is known of the metadata alone, which whoever writes an image there writes last.
        """
        state = hashlib.sha256()
        if isinstance(self.path, str):
            for name in "zarr.json", ".zattrs", "0/zarr.json", "0/.zarray":
                state.update(volumes.fetch(self.path, name) or b"")
            return state.hexdigest()
        for file in self._files():
            now = file.stat()
            state.update(f"{file} {now.st_size} {now.st_mtime_ns} {now.st_ctime_ns}".encode())
        return state.hexdigest()

    def _files(self) -> list[Path]:
        """All files that the image is made of."""
        if self.path.is_dir():
            return sorted(file for file in self.path.rglob("*") if file.is_file())
        # The voxels of some formats lie beside the header, in files that it names, or in one named like it.
        beside = [self.path.with_suffix(".img")] if self.path.suffix == ".hdr" else []
        if self.path.suffix in (".mhd", ".nhdr"):
            text = self.path.read_bytes()
            beside = sorted(file for file in self.path.parent.iterdir() if file.name.encode() in text)
        return [self.path, *(file for file in beside if file.is_file())]


def at_least(grids: Sequence[Grid], spacing: float) -> int:
    """The coarsest level whose smallest spacing is at most this, in mm; the finest if none is."""
    return next((n for n in range(len(grids))[::-1] if min(grids[n].spacing) <= 1.01 * spacing), 0)


def nearest(grids: Sequence[Grid], spacing: float) -> int:
    """The level whose smallest spacing is nearest to this, in mm, as a ratio."""
    return min(range(len(grids)), key=lambda n: abs(np.log(min(grids[n].spacing) / spacing)))
