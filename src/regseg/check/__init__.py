"""Exercise checks: `check.answer("01-note", point)` says whether it is right or which known mistake it is."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from regseg.check.engine import judge

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
    "10": "distributed_registration",
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
    episode = str(name)[:2]
    for module in [MODULES[episode]] if episode in MODULES else MODULES.values():
        import_module(f"regseg.check.{module}")
    print(judge(name, given))
