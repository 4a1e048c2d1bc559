"""Says, in words, where a fresh result differs from the recorded one."""

from __future__ import annotations

import doctest
import io
import math
import re

import numpy as np
from PIL import Image

# A number that is not part of a name (the 1 of brain_t1) or of a dotted code (a DICOM UID).
NUMBER = re.compile(r"(?<![\w.])([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)(?![\d.])")
# Round-off of zero: in a course whose units are mm, HU and s, nothing this small means anything.
ZERO = 1e-9
# Two drawings of one figure may differ by the last bit of their anti-aliasing, not by a line or a letter.
MEAN_GREY_LEVELS, STRONG_GREY_LEVELS, STRONG_SHARE = 0.5, 40, 0.0005


def texts(expected: str, found: str, tolerance: float | None) -> list[str]:
    """The differences between two outputs; an empty list when they agree.

    Parameters
    ----------
    tolerance : float or None
        Relative difference that two numbers may have (0.001 is 0.1 %); None accepts any text.
    """
    if tolerance is None:
        return []
    old, new = expected.rstrip().split("\n"), found.rstrip().split("\n")
    if len(old) != len(new):
        return [f"{len(old)} lines were expected, {len(new)} found"]
    return [
        f"line {number}: {difference}"
        for number, pair in enumerate(zip(old, new, strict=True), start=1)
        for difference in _lines(*pair, tolerance)
    ]


def _lines(old: str, new: str, tolerance: float) -> list[str]:
    # Splitting at the numbers gives words, number, words, number, …, words.
    old_parts, new_parts = NUMBER.split(old), NUMBER.split(new)
    if [_words(part) for part in old_parts[::2]] != [_words(part) for part in new_parts[::2]]:
        return [f"expected {old.strip()!r}, found {new.strip()!r}"]
    return [
        f"expected {a}, found {b}: {_apart(float(a), float(b)):.3g} % apart, {tolerance * 100:g} % is allowed"
        for a, b in zip(old_parts[1::2], new_parts[1::2], strict=True)
        if not math.isclose(float(a), float(b), rel_tol=tolerance, abs_tol=ZERO)
    ]


def _words(part: str) -> str:
    """The text between two numbers, without the spaces by which NumPy aligns its columns."""
    return " ".join(part.split())


def _apart(a: float, b: float) -> float:
    return 100 * abs(a - b) / max(abs(a), abs(b))


def errors(expected: str, found: str) -> list[str]:
    """The differences between two error messages, where `...` in the expected one stands for any text."""
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    agree = doctest.OutputChecker().check_output(expected + "\n", found + "\n", flags)
    return [] if agree else [f"expected {expected!r}, found {found!r}"]


def figures(expected: bytes, found: bytes, tolerance: float | None = 0) -> list[str]:
    """The differences between two PNG figures; an empty list when no eye would tell them apart.

    Parameters
    ----------
    tolerance : float or None
        Share of the pixels that may be others (0.02 is 2 %); None accepts any figure of the same size.
    """
    old, new = (Image.open(io.BytesIO(png)).convert("RGBA") for png in (expected, found))
    if old.size != new.size:
        sizes = [f"{width} × {height}" for width, height in (old.size, new.size)]
        return [f"a figure of {sizes[0]} pixels was expected, {sizes[1]} found"]
    if tolerance is None:
        return []
    apart = np.abs(np.asarray(old, dtype=float) - np.asarray(new, dtype=float)).max(axis=-1)
    strong = np.mean(apart > STRONG_GREY_LEVELS)
    if apart.mean() <= max(MEAN_GREY_LEVELS, 255 * tolerance) and strong <= max(STRONG_SHARE, tolerance):
        return []
    return [f"the figure changed: {strong:.2%} of its pixels strongly, {apart.mean():.2g} grey levels on average"]
