"""Tables of measured numbers: made from bench/results/, never typed.

In README.md or any page of the lesson, the lines between ``<!-- bench: NAME -->`` and ``<!-- /bench -->`` are a table
of `bench/results/NAME.json`.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from lessonkit.lesson import Lesson, LessonError, replace_file

PLACE = re.compile(r"(<!-- bench: ([\w-]+) -->\n).*?(<!-- /bench -->)", re.S)
UNITS = {"percent": "%", "ratio": "×", "count": ""}


def table(results: dict) -> str:
    """A Markdown table of a bench's figures; the last word of a figure's name is its unit."""
    rows = ["| measured | figure |", "|---|---:|"]
    for name, value in results.items():
        if isinstance(value, int | float):
            words, _, unit = name.replace("_", " ").rpartition(" ")
            rows.append(f"| `{words}` | {value:g} {UNITS.get(unit, unit)}".rstrip() + " |")
    return "\n".join([*rows, "", f"*Measured on {results['machine']}.*"])


def filled(text: str, results: Path) -> str:
    """The text with each table made anew from the folder of results.

    Raises
    ------
    LessonError
        A table names a bench that has no results.
    """

    def place(found: re.Match) -> str:
        file = results / f"{found[2]}.json"
        if not file.is_file():
            raise LessonError(f"{file} does not exist: run `make bench NAME={found[2]}`")
        return f"{found[1]}\n{table(json.loads(file.read_text(encoding='utf-8')))}\n\n{found[3]}"

    return PLACE.sub(place, text)


def outdated(lesson: Lesson) -> dict[Path, str]:
    """The files whose tables do not agree with the results, each with the text that it should have."""
    files = [lesson.root / "README.md", *(page.path for page in lesson.all_pages())]
    texts = {path: path.read_text(encoding="utf-8") for path in files if path.is_file()}
    fresh = {path: filled(text, lesson.root / "bench" / "results") for path, text in texts.items()}
    return {path: text for path, text in fresh.items() if text != texts[path]}


def write(lesson: Lesson) -> None:
    """Bring all tables up to date."""
    for path, text in outdated(lesson).items():
        replace_file(path, text.encode())
