"""Exercise checks: `check.answer("01-note", point)` says whether it is right or which known mistake it is."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from regseg.check.boxes import BOXES, told
from regseg.check.engine import judge
from regseg.check.record import certificate

__all__ = ["answer", "box", "certificate"]

# The module of each episode's exercises, which registers them when an episode first asks: so an episode depends on its
# own checks, and not on those of all others.
MODULES = {
    "01": "images",
    "02": "transforms",
    "03": "big_data",
    "04": "registration",
    "05": "deformable_registration",
    "06": "segmentation",
    "07": "evaluation",
    "08": "visualization",
    "09": "align_annotate_learn",
    "10": "votes",
    "11": "registration_at_scale",
    "12": "learned_registration",
}


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
    _import(str(name))
    print(judge(name, given))


def box(name: str) -> dict | None:
    """What a page must know to judge the answers to an exercise without Python; None where it cannot.

    Parameters
    ----------
    name : str
        The exercise.

    Returns
    -------
    dict or None
        As `regseg.check.boxes.told` gives it: all answers or rules, and the sentences on them. Ready for JSON.
    """
    _import(name)
    return told(name) if name in BOXES else None


def _import(name: str) -> None:
    """Import the checks of an exercise's episode, of all where the name tells none; and those of the quizzes."""
    episodes = [MODULES[name[:2]]] if name[:2] in MODULES else MODULES.values()
    for module in [*episodes, "quiz"]:
        import_module(f"regseg.check.{module}")
