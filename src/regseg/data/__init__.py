"""Named images for the lesson: embedded ones, made on this machine, and public ones, fetched and verified.

>>> from regseg import data
>>> image = data.load("brain_t1")
"""

from pathlib import Path

import numpy as np
import SimpleITK as sitk
from tqdm import tqdm

from regseg.data import pairs, store
from regseg.data.cards import Card, DataError, by_name, card, names
from regseg.data.pairs import Pair

__all__ = ["Card", "DataError", "Pair", "card", "load", "load_pair", "load_points", "names", "path", "prepare"]


def load(name: str) -> sitk.Image:
    """Return an image.

    Parameters
    ----------
    name
        One of `names()`.

    Raises
    ------
    DataError
        If there is no such image, or it cannot be made or fetched; the message says what to do.
    """
    return sitk.ReadImage(_find(name, "image"))


def load_points(name: str) -> np.ndarray:
    """Return points as an (n, 3) float array in mm, LPS, columns x y z.

    The files are text of several kinds; rows with as many numbers as the format asks are points.
    """
    file, columns = _find(name, "points"), card(name).columns
    rows = []
    for line in file.read_text(encoding="utf-8").splitlines():
        try:
            numbers = [float(word) for word in line.replace(",", " ").split()]
        except ValueError:
            continue  # a line of the header
        if len(numbers) > max(columns):
            rows.append([numbers[column] for column in columns])
    return np.array(rows)


def load_pair(name: str) -> Pair:
    """Return a pair of images with its true transform and landmarks (see `Pair`)."""
    return pairs.read(_find(name, "pair"))


def path(name: str) -> Path:
    """Return where a dataset lies on disk: a file, or the folder of a DICOM series or of a pair."""
    return store.find(name)


def prepare(progress: bool = True) -> None:
    """Make every embedded dataset that the cache does not hold yet; `progress` shows a bar on stderr."""
    embedded = [name for name, card in by_name().items() if card.embedded]
    with tqdm(embedded, desc="Preparing images", unit="dataset", disable=not progress) as bar:
        for name in bar:
            bar.set_postfix_str(name)
            store.find(name)


def _find(name: str, holds: str) -> Path:
    """Return the path of a dataset after a check that it holds what the caller reads."""
    ways = {
        "image": "an image: read it with data.load",
        "points": "points: read them with data.load_points",
        "pair": "a pair of images: read it with data.load_pair",
        "series": "a DICOM series: give its folder to SimpleITK's series reader with data.path",
    }
    found = card(name).holds
    if found != holds:
        raise DataError(f"{name!r} is {ways[found]}({name!r}).")
    return store.find(name)
