"""Named images for the lesson: embedded ones, made on this machine, and public ones, fetched and verified.

>>> from regseg import data
>>> image = data.load("brain_t1")
"""

from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from tqdm import tqdm

from regseg.data import kinds, store
from regseg.data.cards import Card, DataError, anatomies, by_name, card, names
from regseg.synth.pairs import Pair

__all__ = [
    "Card",
    "DataError",
    "Pair",
    "anatomies",
    "card",
    "load",
    "load_pair",
    "load_points",
    "names",
    "path",
    "prepare",
]


def load(name: str) -> sitk.Image:
    """Return an image.

    Each has terms of its own, on its `card`. Those named phantom have none: they are made from formulas, under CC0.

    Parameters
    ----------
    name
        One of `names()`.

    Raises
    ------
    DataError
        If there is no such image, or it cannot be made or fetched; the message says what to do.

    Examples
    --------
    >>> t1, labels = data.load("phantom_t1"), data.load("phantom_labels")
    """
    return _read(name, kinds.Image)


def load_points(name: str) -> np.ndarray:
    """Return points as an (n, 3) float array in mm, LPS, columns x y z."""
    return _read(name, kinds.Points)


def load_pair(name: str) -> Pair:
    """Return a pair of images with its true transform and landmarks (see `Pair`)."""
    return _read(name, kinds.Pair)


def path(name: str) -> Path:
    """Return where a dataset lies on disk: a file, or the folder of a DICOM series or of a pair."""
    return store.find(card(name))


def prepare(progress: bool = True) -> None:
    """Make every embedded dataset that the cache does not hold yet; `progress` shows a bar on stderr."""
    embedded = [card for card in by_name().values() if card.embedded]
    with tqdm(embedded, desc="Preparing images", unit="dataset", disable=not progress) as bar:
        for card in bar:
            bar.set_postfix_str(card.name)
            store.find(card)


def _read(name: str, kind: type) -> Any:
    """Read a dataset, after a check that it is of the kind that the caller reads."""
    known = card(name)
    if not isinstance(known.holds, kind):
        raise DataError(f"{name!r} is {known.holds.advice}({name!r}).")
    return known.holds.read(store.find(known))
