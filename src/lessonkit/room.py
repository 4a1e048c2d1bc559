"""Counts what a room has answered: lines that learners paste, of the quizzes and of the test before and after."""

from __future__ import annotations

import re
from collections import Counter, defaultdict

from lessonkit.lesson import Lesson
from lessonkit.page import LessonError
from regseg.check import quiz

TEST = "pre-post-test"
CHOICE = re.compile(r"(\d{1,2})\s*[-.):]?\s*([A-Da-d])")  # "1B", and "1-B" or "1. B"
CHOICES = re.compile(rf"(?<!\w)(?:{CHOICE.pattern}[-\s,;./]*)+(?!\w)")  # "1B2A" too, and nothing within a word
EPISODE = re.compile(rf"(?<!\w)(\d{{1,2}})\s*:\s*(?={CHOICES.pattern})")  # "04: 1B" is of its quiz, "1B" of the test
IDEA = re.compile(r"^\| ([^|]+) \| ((?:\d+[A-D] ?)+) \|$", re.M)  # as the page of the test lists them


def report(lesson: Lesson, text: str) -> str:
    """How often each choice was taken, with a sentence on each wrong one, and which ideas are alive in the room.

    Parameters
    ----------
    text : str
        One line for each person, such as `04: 1B 2A` for a quiz and `1B 2A` for the test. What else a line says,
        such as a code word, is passed by. Lines without a choice are repeated at the end.

    Raises
    ------
    LessonError
        No line can be read.
    """
    lines = [line for line in text.splitlines() if line.strip()]
    read, refused = [], []
    for line in lines:
        # A question that stands twice in a line counts once, with the first letter.
        chosen = CHOICE.findall(" ".join(match[0] for match in CHOICES.finditer(line)))
        first = {int(number): letter.upper() for number, letter in reversed(chosen)}
        if first:
            episode = EPISODE.search(line)
            read.append((episode[1].zfill(2) if episode else TEST, first))
        else:
            refused.append(line.strip())
    if not read:
        raise LessonError(
            "no line can be read: write one for each person, such as 04: 1B 2A for the quiz of episode 04"
        )
    taken: dict[str, Counter[str]] = defaultdict(Counter)
    for key, first in read:
        taken[key].update(f"{number}{letter}" for number, letter in first.items())
    people = Counter(key for key, _ in read)
    parts = [_quiz(key, people[key], taken[key]) for key in sorted(taken) if key != TEST]
    parts += [_test(people[TEST], taken[TEST])] if TEST in taken else []
    parts += _ideas(lesson, taken)
    if refused:
        parts.append("\n  ".join([f"{len(refused)} of {len(lines)} lines could not be read:", *refused]))
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
