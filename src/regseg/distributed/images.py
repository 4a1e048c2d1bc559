"""An image to be registered: where it lies, and its levels of resolution, which may have to be made first."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
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
    path : Path
        OME-Zarr, or a file that SimpleITK reads. Absolute, as a worker may run in another folder.
    dtype : str
        Numpy's name for the type of its voxels.
    grids : tuple[Grid, ...]
        Those of its levels of resolution, the finest first.
    chunked : bool
        Whether the file itself has these levels, as `volumes.save` makes them. Otherwise a copy must be made.
    """

    path: Path
    dtype: str
    grids: tuple[Grid, ...]
    chunked: bool

    @classmethod
    def of(cls, path: str | Path) -> Source:
        """What the header tells; VolumeError, a ValueError, where it cannot be read."""
        path = Path(path).absolute()
        grid, dtype = volumes.header(path)
        wanted = volumes.pyramid(grid)
        found = [level.grid for level in volumes.levels(path)] if path.suffix == ".zarr" else []
        chunked = len(found) >= len(wanted) and all(a.matches(b) for a, b in zip(found, wanted, strict=False))
        return cls(path, dtype, tuple(found[: len(wanted)] if chunked else wanted), chunked)

    def values(self, level: int) -> np.ndarray:
        """The voxels (z, y, x) of a coarse level, whole; a file without levels is read once, and nothing is written."""
        if self.chunked:
            return volumes.open_volume(self.path, level).array[:]
        return volumes.read_level(self.path, level)

    def open(self, folder: Path) -> list[Volume]:
        """The levels: those of the file, or of a chunked copy in a folder, which is made where it is not there yet."""
        path = self.path
        if not self.chunked:
            path = folder / f"{path.stem}-{self.stamp[:12]}.zarr"
            if not path.exists():
                volumes.save(self.path, path)
        return volumes.levels(path)[: len(self.grids)]

    @property
    def stamp(self) -> str:
        """A word that changes when a file of the image is written again, or is another one."""
        state = hashlib.sha256()
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
