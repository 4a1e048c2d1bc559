"""Pictures as the site sends them: a PNG goes out as WebP too, a third smaller and the same in every pixel."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from PIL import Image, UnidentifiedImageError

# Without loss, for the thin coloured lines of a figure do not survive the other kind.
LOSSLESS = {"lossless": True, "quality": 50, "method": 2, "exact": True}


def sent(name: str) -> str:
    """The file that a page shows for the picture `name`."""
    return f"{name}.webp" if name.endswith(".png") else name


def write(pictures: Iterable[Path]) -> None:
    """Write beside each PNG what is sent for it; one that is no image stays alone, for who shows it says so."""
    with ThreadPoolExecutor() as pool:
        list(pool.map(_write, [path for path in pictures if path.suffix == ".png"]))


def _write(path: Path) -> None:
    try:
        with Image.open(path) as picture:
            seen = picture.convert("RGBA" if picture.has_transparency_data else "RGB")
    except UnidentifiedImageError:
        return
    seen.save(sent(str(path)), "WEBP", **LOSSLESS)
