"""The Workbench's rules for the lesson as a whole: config.yaml, and which files lie where."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from lessonkit.addresses import MADE
from lessonkit.lesson import FOLDERS, REPOSITORY, Lesson
from lessonkit.page import mapping

CONFIG_KEYS = (
    *("carpentry", "title", "license", "source", "created", "keywords", "life_cycle", "branch", "contact"),
    *FOLDERS,
)
NEEDED = ("index.md", "learners/setup.md", "learners/reference.md")
# Markdown at the top level that is a page on purpose, or that the Workbench leaves alone.
TOP_LEVEL = {"index.md", "links.md", "LICENSE.md", "CODE_OF_CONDUCT.md", "CHANGELOG.md", *REPOSITORY}
BUILT = {"build", "renv", "site"}


@dataclass(frozen=True, order=True)
class Problem:
    """What is wrong in `file` (its path inside the lesson), on which line (from 1), and how to mend it."""

    file: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}"


def config(lesson: Lesson) -> Iterator[Problem]:
    """config.yaml: can be read, is complete, and lists only what exists."""
    path = lesson.root / "config.yaml"
    text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""

    def problem(pattern: str, message: str) -> Problem:
        found = re.search(pattern, text, re.M)
        return Problem("config.yaml", text.count("\n", 0, found.start()) + 1 if found else 1, message)

    values, faults = mapping(text)
    if faults:
        yield from (Problem("config.yaml", line, f"this file {what}") for line, what in faults)
        return
    if not values:
        yield problem(
            "", "this file is missing or empty: it holds lines of 'key: value', such as 'carpentry: incubator'"
        )
        return
    for key in CONFIG_KEYS:
        if key not in values or (values[key] is None and key != "profiles"):
            yield problem(f"^{key}:", f"'{key}' is missing: give it a value")
    if not str(values.get("source", "https://")).startswith("https://"):
        yield problem("^source:", "'source' must be the https:// address of the repository")
    for folder in FOLDERS:
        names = values.get(folder) or []
        if not isinstance(names, list):
            yield problem(f"^{folder}:", f"'{folder}' must be a list: one '- file.md' a line")
            continue
        for name in map(str, names):
            if not (lesson.root / folder / name).is_file():
                listed = rf"^\s*-\s*['\"]?{re.escape(name)}"
                yield problem(listed, f"{folder}/{name} does not exist: write it, or take it out of the list")
        if folder == "instructors" and names and "instructor-notes.md" not in names:
            yield problem("^instructors:", "'instructors' lists files, and so must list instructor-notes.md too")


def files(lesson: Lesson) -> Iterator[Problem]:
    """The files that every lesson has, and Markdown of which the Workbench would make an unwanted page."""
    root = lesson.root
    for name in NEEDED:
        if not (root / name).is_file() or not (root / name).read_bytes().strip():
            yield Problem(name, 1, "every lesson needs this page, and it is missing or empty: write it")
    for folder in FOLDERS:
        if not any((root / folder).glob("*.md")):
            yield Problem(folder, 1, "the Workbench needs at least one .md file in this folder: write one")
    stray = [path for path in root.glob("*.md") if path.name not in TOP_LEVEL]
    for path in root.glob("*/*.md"):
        folder = path.parent.name
        if folder not in FOLDERS and folder not in BUILT and not folder.startswith("."):
            stray.append(path)
    for path in stray:
        where = path.relative_to(root).as_posix()
        yield Problem(where, 1, "the Workbench would make a page of this file: move it into learners/, or take it out")
    taken = dict.fromkeys(MADE, "a page that the site makes itself")
    for page in lesson.all_pages():
        if page.kind == "home":
            continue
        if page.name in taken:
            yield Problem(page.file, 1, f"{page.name}.html is already taken by {taken[page.name]}: rename this file")
        taken[page.name] = page.file
