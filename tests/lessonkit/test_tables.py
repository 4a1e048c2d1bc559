"""Tables of measured numbers agree with the results they come from."""

import json

import pytest

from lessonkit import tables
from lessonkit.lesson import Lesson, LessonError

TEXT = "Before.\n\n<!-- bench: speed -->\nstale\n<!-- /bench -->\n\nAfter.\n"


@pytest.fixture
def results(tmp_path):
    figures = {"ours_time_ms": 20.5, "peer_over_ours_ratio": 3, "folding_percent": 0.0, "machine": "a machine"}
    (tmp_path / "speed.json").write_text(json.dumps(figures), encoding="utf-8")
    return tmp_path


def test_a_table_holds_the_figures_with_their_units(results):
    text = tables.filled(TEXT, results)
    assert "| `ours time` | 20.5 ms |\n| `peer over ours` | 3 × |\n| `folding` | 0 % |\n" in text
    assert "*Measured on a machine.*" in text
    assert text.startswith("Before.\n") and text.endswith("After.\n") and "stale" not in text


def test_filling_twice_changes_nothing(results):
    once = tables.filled(TEXT, results)
    assert tables.filled(once, results) == once


def test_a_table_without_results_says_how_to_get_them(tmp_path):
    with pytest.raises(LessonError, match="make bench NAME=speed"):
        tables.filled(TEXT, tmp_path)


def test_the_tables_of_this_lesson_are_up_to_date(root):
    assert tables.outdated(Lesson(root)) == {}
