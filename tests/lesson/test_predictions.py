"""Nobody can tell the right choice of a prediction by where it stands, or by how long it is."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from lessonkit.lesson import Lesson
from lessonkit.predictions import Prediction

LESSON = Lesson(Path(__file__).resolve().parents[2])
PREDICTIONS = [prediction for episode in LESSON.episodes for prediction in episode.predictions]


def right(prediction: Prediction) -> list[int]:
    """The places of the choices of which the comparison says yes."""
    said = [re.match(r"\*\*(.+?)\*\*(.*)", sentence).groups() for sentence in prediction.sentences.points]
    yes = {choice for choice, sentence in said if re.search(r"\byes\b", sentence, re.I)}
    return [place for place, choice in enumerate(prediction.choices.points) if choice in yes]


@pytest.mark.parametrize("prediction", PREDICTIONS, ids=lambda each: each.title)
def test_a_comparison_says_yes_of_one_choice(prediction):
    assert len(right(prediction)) == 1


def test_the_right_one_of_three_stands_in_each_place_as_often_and_is_of_any_length():
    three = [each for each in PREDICTIONS if len(each.choices.points) == 3]
    places = Counter(right(each)[0] for each in three)
    assert all(places[place] > len(three) / 4 for place in range(3)), places
    lengths = Counter(sorted(each.choices.points, key=len).index(each.choices.points[right(each)[0]]) for each in three)
    assert all(lengths[rank] > len(three) / 5 for rank in range(3)), lengths
