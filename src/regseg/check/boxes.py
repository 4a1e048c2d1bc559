"""Answers that a page can judge without Python: it is told what counts as which answer, and each sentence.

An exercise whose answer is one of a list has its check called with all of them; one whose answer is numbers has rules,
which are its check here and on the page.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache, wraps
from itertools import permutations
from typing import Any, NamedTuple

import numpy as np

from regseg.check.engine import Verdict, exercise, judge, numbers

TYPED = "@@"  # stands for what somebody has typed, in the sentence on an answer that cannot be read


class Rule(NamedTuple):
    """What is said of an answer each of whose numbers is as near to the target as its tolerance wants."""

    target: np.ndarray
    within: np.ndarray
    verdict: Verdict


class Box(NamedTuple):
    """How a page asks: by a "choice", for some "letters", or for so many numbers."""

    ask: str | int
    answers: Callable[[], Iterable[Any]]


BOXES: dict[str, Box] = {}


def listed(name: str, answers: Iterable[str], ask: str = "choice") -> Callable:
    """Register a check as `exercise` does, with all answers that there are."""
    every = tuple(answers)
    BOXES[name] = Box(ask, lambda: every)
    return exercise(name)


def lettered(name: str, answers: Iterable[str]) -> Callable:
    """As `listed`, for answers that are letters in a row."""
    return listed(name, answers, "letters")


def orders(of: str) -> list[str]:
    """All orders of some letters."""
    return ["".join(order) for order in permutations(of)]


def numeric(name: str, count: int) -> Callable:
    """Register a function that returns the rules for an answer of `count` numbers; the first that fits decides."""

    def register(rules: Callable[[], list[Rule]]) -> Callable[[], list[Rule]]:
        known = cache(rules)  # what makes them may read images

        @wraps(rules)
        def check(given: Any) -> Verdict:
            answer = numbers(given, count)
            return next(rule.verdict for rule in known() if np.all(np.abs(answer - rule.target) <= rule.within))

        BOXES[name] = Box(count, known)
        exercise(name)(check)
        return rules

    return register


def near(target: Any, within: Any, verdict: Verdict) -> Rule:
    """The rule for answers near a target, each number within a tolerance, or its own; inf for any number."""
    target = np.asarray(target, float)
    return Rule(target, np.broadcast_to(np.asarray(within, float), target.shape), verdict)


def otherwise(verdict: Verdict) -> Rule:
    """The rule for all other answers."""
    return near(0.0, np.inf, verdict)


def told(name: str) -> dict:
    """All that a page needs to judge the answers to an exercise of `BOXES`, ready for JSON.

    Each answer of a list, or each rule (targets and tolerances, null for any), comes with the number of its sentence.
    """
    ask, answers = BOXES[name]
    sentences: dict[str, int] = {}

    def number(verdict: Verdict) -> int:
        return sentences.setdefault(str(verdict), len(sentences))

    if isinstance(ask, int):
        known: Any = [
            [
                np.broadcast_to(rule.target, ask).tolist(),
                [within if np.isfinite(within) else None for within in np.broadcast_to(rule.within, ask).tolist()],
                number(rule.verdict),
            ]
            for rule in answers()
        ]
    else:
        known = {answer: number(judge(name, answer)) for answer in answers()}
    return {"ask": ask, "known": known, "unread": str(judge(name, TYPED)), "sentences": list(sentences)}
