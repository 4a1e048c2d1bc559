"""Timetables of workshops, computed from the minutes of the episodes.

The workshops that `config.yaml` names are laid out with breaks and a clock: nobody sits longer than an hour and a half.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from lessonkit.lesson import Lesson
from lessonkit.page import LessonError, Page

BEGIN, NOON, END = 9 * 60, 11 * 60 + 40, 17 * 60  # minutes since midnight; lunch is the first break from NOON on
SITTING, BREAK, LUNCH = 90, 15, 60  # minutes
WELCOME, AGAIN, LOOK_BACK = 15, 10, 15  # on the first day, on the others, at the end of each

PAGE = """\
---
title: "Timetables"
---

<!-- Made by `python -m lessonkit schedule` from the minutes of the episodes, and from the workshops in config.yaml. -->

These timetables are computed from the minutes that stand at the head of each episode. So they leave no time for a
computer that does not start, or for a good question. When you fall behind, the [notes](instructor-notes.md) of each
episode say what to skip.

An episode that takes longer than an hour and a half is cut in two: make the break where you are, after an exercise.
"""


@dataclass(frozen=True)
class Row:
    """A line of a timetable: from and to in minutes since midnight."""

    begin: int
    end: int
    what: str


def page(lesson: Lesson) -> str:
    """The page instructors/schedule.md.

    Raises
    ------
    LessonError
        `config.yaml` names no workshops, or an episode that is not there, or too much for the days of a workshop.
    """
    lines = [PAGE]
    for workshop in lesson.config.get("workshops") or ():
        lines.append(f"## {workshop['name']}\n")
        if "before" in workshop:
            lines.append(f"{workshop['before']}\n")
        days = _days(_episodes(lesson, workshop), workshop)
        for number, rows in enumerate(days, start=1):
            if len(days) > 1:
                lines.append(f"### Day {number}\n")
            lines += ["| from | to | what |", "|---|---|---|"]
            lines += [f"| {clock(row.begin)} | {clock(row.end)} | {row.what} |" for row in rows]
            lines.append("")
    if len(lines) == 1:
        raise LessonError("'workshops' is missing: a list of workshops, each with name, days, episodes", "config.yaml")
    return "\n".join(lines).rstrip("\n") + "\n"


def _episodes(lesson: Lesson, workshop: dict) -> list[Page]:
    known = {episode.name: episode for episode in lesson.episodes}
    for name in workshop["episodes"]:
        if name not in known:
            raise LessonError(
                f"the workshop '{workshop['name']}' has an episode {name}, which is not there", "config.yaml"
            )
    return [known[name] for name in workshop["episodes"]]


def _days(episodes: list[Page], workshop: dict) -> list[list[Row]]:
    """The rows of each day; the last day may be half a one, which ends at one o'clock."""
    whole, half = divmod(workshop["days"], 1)
    ends = [END] * int(whole) + [13 * 60] * bool(half)
    sittings = list(_sittings(episodes))
    days = []
    for number, end in enumerate(ends):
        opening = ("Welcome, code of conduct, does every computer work?", WELCOME)
        rows = _add([], *opening) if number == 0 else _add([], "What did we do? Questions from the night", AGAIN)
        while sittings:
            what, minutes = sittings[0]
            last = rows[-1].end
            pause = 0 if len(rows) == 1 else LUNCH if last >= NOON and not _eaten(rows) else BREAK
            if last + pause + minutes + LOOK_BACK > end:
                break
            if pause:
                rows = _add(rows, "Lunch" if pause == LUNCH else "Break", pause)
            rows = _add(rows, what, minutes)
            sittings.pop(0)
        days.append(_add(rows, "Looking back, minute cards", LOOK_BACK))
    if sittings:
        left = ", ".join(what for what, _ in sittings)
        raise LessonError(f"the workshop '{workshop['name']}' has more than fits into its days: {left}", "config.yaml")
    return days


def _sittings(episodes: list[Page]) -> Iterator[tuple[str, int]]:
    """What is taught without a break, and its minutes, rounded up to five."""
    for episode in episodes:
        minutes = episode.teaching + episode.exercises
        parts = math.ceil(minutes / SITTING)
        title = f"[{episode.name[:2]} {episode.title}](../episodes/{episode.name}.md)"
        for part in range(parts):
            yield title if part == 0 else f"{title}, continued", 5 * math.ceil(minutes / parts / 5)


def _eaten(rows: list[Row]) -> bool:
    return any(row.what == "Lunch" for row in rows)


def _add(rows: list[Row], what: str, minutes: int) -> list[Row]:
    begin = rows[-1].end if rows else BEGIN
    return [*rows, Row(begin, begin + minutes, what)]


def clock(minutes: int) -> str:
    """The time of the day, of minutes since midnight."""
    return f"{minutes // 60}:{minutes % 60:02}"
