"""Counts what a room has answered: lines that learners paste, of the quizzes and of the test before and after."""

from __future__ import annotations

import re
from collections import Counter, defaultdict

from lessonkit.lesson import Lesson
from lessonkit.page import LessonError
from regseg.check import quiz

TEST = "pre-post-test"
# "04: 1B 2A" is of the quiz of episode 04, and "1B 2A" of the test.
LINE = re.compile(r"\s*(?:(?P<episode>\d\d)\s*:)?\s*(?P<choices>\d+\s*[A-Da-d](?:[\s,;]+\d+\s*[A-Da-d])*)[\s,;.]*")
CHOICE = re.compile(r"(\d+)\s*([A-Da-d])")
IDEA = re.compile(r"^\| ([^|]+) \| ((?:\d+[A-D] ?)+) \|$", re.M)  # as the page of the test lists them


def report(lesson: Lesson, text: str) -> str:
    """How often each choice was taken, with a sentence on each wrong one, and which ideas are alive in the room.

    Parameters
    ----------
    text : str
        One line for each person, such as `04: 1B 2A` for a quiz and `1B 2A` for the test. What else a line
        says is passed by, and such lines are counted.

    Raises
    ------
    LessonError
        No line can be read.
    """
    lines = [line for line in text.splitlines() if line.strip()]
    found = [read for line in lines if (read := LINE.fullmatch(line))]
    if not found:
        raise LessonError(
            "no line can be read: write one for each person, such as 04: 1B 2A for the quiz of episode 04"
        )
    taken: dict[str, Counter[str]] = defaultdict(Counter)
    for read in found:
        # A question that stands twice in a line counts once, with the first letter.
        first = {number: letter.upper() for number, letter in reversed(CHOICE.findall(read["choices"]))}
        taken[read["episode"] or TEST].update(f"{number}{letter}" for number, letter in first.items())
    people = Counter(read["episode"] or TEST for read in found)
    parts = [_quiz(key, people[key], taken[key]) for key in sorted(taken) if key != TEST]
    parts += [_test(people[TEST], taken[TEST])] if TEST in taken else []
    parts += _ideas(lesson, taken)
    if len(found) < len(lines):
        parts.append(f"{len(lines) - len(found)} of {len(lines)} lines could not be read.")
    return "\n\n".join(parts)


def _quiz(episode: str, people: int, taken: Counter[str]) -> str:
    """The questions of a quiz, each with its wrong choices that were taken."""
    lines = [f"Quiz of episode {episode}, {_lines(people)}"]
    for number, question in enumerate((each for each in quiz.questions() if each.episode[:2] == episode), start=1):
        counts = {letter: taken[f"{number}{letter}"] for letter in question.choices}
        if not any(counts.values()):
            continue
        lines.append(f"{number}. {question.title}: {counts[question.right]} of {sum(counts.values())} right")
        wrong = [letter for letter in counts if counts[letter] and letter != question.right]
        lines += [
            f"   {counts[letter]} × {letter}, {question.choices[letter].words}: {question.choices[letter].sentence}"
            for letter in sorted(wrong, key=lambda letter: -counts[letter])
        ]
    return "\n".join(lines)


def _test(people: int, taken: Counter[str]) -> str:
    choices = sorted(taken, key=lambda choice: (int(choice[:-1]), choice[-1]))
    return f"Test before and after, {_lines(people)}\n" + ", ".join(f"{taken[each]} × {each}" for each in choices)


def _ideas(lesson: Lesson, taken: dict[str, Counter[str]]) -> list[str]:
    """What people believe who took these choices, the most frequent first."""
    shows = {
        (question.episode[:2], f"{question.name.rpartition('-')[2]}{letter}"): choice.belief
        for question in quiz.questions()
        for letter, choice in question.choices.items()
        if choice.belief
    }
    for page in lesson.pages("instructors"):
        for idea, choices in IDEA.findall(page.text) if page.name == TEST else ():
            shows |= {(TEST, choice): idea for choice in choices.split()}
    alive = Counter()
    for (key, choice), idea in shows.items():
        alive[idea] += taken[key][choice] if key in taken else 0
    told = [f"{count:3} × {idea}" for idea, count in alive.most_common() if count]
    return ["Ideas behind these choices\n" + "\n".join(told)] if told else []


def _lines(people: int) -> str:
    return "one line" if people == 1 else f"{people} lines"
