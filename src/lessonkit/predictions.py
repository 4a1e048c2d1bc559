"""Predictions: questions with named choices, decided before what answers them is seen."""

from __future__ import annotations

from dataclasses import dataclass

from lessonkit.divs import Div
from lessonkit.markdown import List

# The titles of a prediction's two divs begin so, and go on alike; and the kind of each.
PREDICT, COMPARE = "Predict:", "Compare:"
KINDS = {PREDICT: "discussion", COMPARE: "spoiler"}


@dataclass(frozen=True)
class Prediction:
    """A discussion "Predict: …" that ends with its choices, and a spoiler "Compare: …" with a sentence on each.

    What stands between the two answers. `choices` is empty where the question holds no list.
    """

    title: str
    asks: Div
    compares: Div
    choices: List
    sentences: List

    def answers(self, line: int) -> bool:
        """Whether a line stands between question and comparison."""
        return self.asks.end < line < self.compares.line


def read(divs: list[Div], lists: list[List]) -> tuple[Prediction, ...]:
    """The predictions that have their comparison, in order."""
    found = []
    for asks in titled(divs, PREDICT):
        title = asks.title.removeprefix(PREDICT).strip()
        for compares in titled(divs, COMPARE):
            named = compares.title.removeprefix(COMPARE).strip() == title
            if named and compares.line > asks.end and compares.parent is asks.parent:
                found.append(Prediction(title, asks, compares, _last(lists, asks), _last(lists, compares)))
                break
    return tuple(found)


def titled(divs: list[Div], word: str) -> list[Div]:
    """The divs of a word's kind whose title begins with it."""
    return [div for div in divs if div.kind == KINDS[word] and div.title.startswith(word)]


def _last(lists: list[List], div: Div) -> List:
    return next((each for each in reversed(lists) if div.holds(each.line)), List(div.end, div.end, []))
