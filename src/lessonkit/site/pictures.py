"""Pictures as the site sends them: WebP, twice as fine as the PNG or, where none was drawn, the same in every pixel."""

from __future__ import annotations

from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath

from PIL import Image, UnidentifiedImageError

# Without loss, for the thin coloured lines of a figure do not survive the other kind.
LOSSLESS = {"lossless": True, "quality": 50, "method": 2, "exact": True}


def sent(name: str, assets: Collection[str]) -> str:
    """The file that a page shows for the picture `name`, one of the `assets` of the site."""
    path = PurePosixPath(name)
    if path.suffix != ".png":
        return name
    fine = path.with_suffix(".webp").as_posix()
    return fine if fine in assets else f"{name}.webp"


def write(out: Path, assets: Collection[str]) -> None:
    """Write into the site `out` what is sent for each PNG that has nothing finer.

    A file that is no image stays alone, for who shows it says so.
    """
    coarse = [name for name in assets if name.endswith(".png") and sent(name, assets) == f"{name}.webp"]
    with ThreadPoolExecutor() as pool:
        list(pool.map(_write, [(out / name, out / sent(name, assets)) for name in coarse]))


def _write(paths: tuple[Path, Path]) -> None:
    path, webp = paths
    try:
        with Image.open(path) as picture:
            seen = picture.convert("RGBA" if picture.has_transparency_data else "RGB")
    except UnidentifiedImageError:
        return
    seen.save(webp, "WEBP", **LOSSLESS)
