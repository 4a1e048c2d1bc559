"""Exercise checks: `check.answer("01-note", point)` says whether it is right or which known mistake it is."""

from __future__ import annotations

from typing import Any

from regseg.check import (  # noqa: F401  (importing them registers their exercises)
    big_data,
    deformable_registration,
    distributed_registration,
    images,
    registration,
    transforms,
)
from regseg.check.engine import judge


def answer(name: str, given: Any) -> None:
    """Print one sentence on an answer to an exercise.

    Parameters
    ----------
    name : str
        The exercise, as its starter cell calls it.
    given : object
        The answer: a number, some numbers, a word, an image, a transform or a function, as the exercise asks.
        As long as it is, or contains, three dots (``...``), the sentence is "Not yet".
    """
    print(judge(name, given))
