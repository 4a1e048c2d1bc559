"""Counts from a room: each person once, each wrong choice with its sentence, and the ideas behind them."""

import pytest

from lessonkit import __main__ as command
from lessonkit.lesson import Lesson
from lessonkit.page import LessonError
from lessonkit.room import report
from regseg.check import quiz


@pytest.fixture(scope="module")
def ours(root) -> Lesson:
    return Lesson(root)


def test_a_quiz_is_counted_whatever_hand_has_written_the_lines(ours):
    second = next(each for each in quiz.questions() if each.name == "04-quiz-2")
    said = report(ours, "04: 1A 2B\n04:1a,2A\n 04 : 1 B; 2a .\n\n")
    assert "Quiz of episode 04, 3 lines" in said
    assert "1. A negative metric: 2 of 3 right" in said and f"2. {second.title}: 1 of 3 right" in said
    assert f"2 × A, {second.choices['A'].words}: {second.choices['A'].sentence}" in said
    assert "3 × B" not in said and "3. " not in said  # what is right, and what nobody has answered


def test_an_idea_is_counted_over_the_quizzes_and_the_test(ours):
    said = report(ours, "04: 2A 4A\n05: 4A\n6A 7C\n7A\n")  # all of them take the best score for the best result
    assert "  6 × The best score is the best result" in said
    assert "Test before and after, 2 lines\n1 × 6A, 1 × 7A, 1 × 7C" in said


def test_a_question_that_stands_twice_in_a_line_counts_once_with_its_first_letter(ours):
    assert "1. A negative metric: 1 of 1 right" in report(ours, "04: 1A 1B 1C")


@pytest.mark.parametrize(
    "line", ["banana 1B 2A", "1B 2A, banana", "1-B 2-A", "1. B 2. A", "1) b, 2) a", "1: B 2: A", "1B2A", "01B / 2A"]
)
def test_a_line_of_the_test_may_hold_a_code_word_and_any_marks(ours, line):
    assert report(ours, line).startswith("Test before and after, one line\n1 × 1B, 1 × 2A")


def test_a_quiz_may_be_named_by_one_digit_and_after_a_name(ours):
    assert report(ours, "1: 1B\n10:12 Anna: 01: 1B").startswith("Quiz of episode 01, 2 lines")


def test_a_word_is_no_choice(ours):
    assert "1 × 3C\n" in report(ours, "m1b table2a, 4 apples 3C") + "\n"


def test_lines_that_say_something_else_are_passed_by_and_shown(ours):
    said = report(ours, "04: 1A\nI do not know\n04: 1E\n")
    assert said.endswith("2 of 3 lines could not be read:\n  I do not know\n  04: 1E")
    with pytest.raises(LessonError, match="write one for each person"):
        report(ours, "hello\n")


def test_the_command_reads_a_file(root, tmp_path, capsys):
    (tmp_path / "answers.txt").write_text("\ufeff12: 3A\r\n", encoding="utf-8")  # as an editor of Windows saves it
    assert command.main(["-C", str(root), "count", str(tmp_path / "answers.txt")]) == 0
    assert "3. What was learned?: 1 of 1 right" in capsys.readouterr().out
    assert command.main(["-C", str(root), "count", str(tmp_path / "none.txt")]) == 1
