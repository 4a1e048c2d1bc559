"""What the Workbench's own tools want of the repository around a lesson."""

from __future__ import annotations

import re
from collections.abc import Iterator

from lessonkit.lesson import Lesson
from lessonkit.page import mapping
from lessonkit.rules.files import Problem

# The lines of the template. sandpaper's create_episode() and reset_site() stop where one is missing.
IGNORED = (
    *("episodes/*html", "site/*", "!site/README.md", ".Rhistory", ".Rapp.history", ".RData", ".Ruserdata", "*-Ex.R"),
    *("/*.tar.gz", "/*.Rcheck/", ".Rproj.user/", "vignettes/*.html", "vignettes/*.pdf", ".httr-oauth", "*_cache/"),
    *("/cache/", "*.utf8.md", "*.knit.md", ".Renviron", "docs/", "po/*~"),
)
WORKFLOWS = ".github/workflows"


def repository(lesson: Lesson) -> Iterator[Problem]:
    """.gitignore, CITATION.cff, the target of the menu's Glossary, and the workflows."""
    there = set(_text(lesson, ".gitignore").splitlines())
    if missing := [line for line in IGNORED if line not in there]:
        yield Problem(".gitignore", 1, f"sandpaper::reset_site() stops without these lines: add {', '.join(missing)}")
    yield from _citation(lesson)
    for page in lesson.pages("learners"):
        if page.name == "reference" and not re.search(r"^## Glossary\s*$", page.text, re.M):
            yield Problem(page.file, 1, "the Workbench's menu leads to #glossary here: add the heading '## Glossary'")
    for path in sorted((lesson.root / WORKFLOWS).glob("*.y*ml")):
        where = path.relative_to(lesson.root).as_posix()
        if path.suffix == ".yaml":
            yield Problem(where, 1, "the Workbench's update of workflows deletes every .yaml here: name it .yml")
        text = path.read_text(encoding="utf-8", errors="replace")
        if (found := re.search(r"validate_lesson\(", text)) and "quit(status" not in text:
            line = text.count("\n", 0, found.start()) + 1
            yield Problem(where, line, "validate_lesson() fails at nothing: read what it says, and quit(status = 1)")


def _citation(lesson: Lesson) -> Iterator[Problem]:
    """CITATION.cff, where there is one: can be read, and names somebody whom the Workbench can print."""
    text = _text(lesson, "CITATION.cff")
    if not text:
        return
    values, faults = mapping(text)
    yield from (Problem("CITATION.cff", line, f"this file {what}") for line, what in faults)
    authors = values.get("authors") or []
    if not faults and not any(isinstance(author, dict) and author.get("family-names") for author in authors):
        yield Problem(
            "CITATION.cff", 1, "the Workbench prints authors with 'family-names' only: give it to one at least"
        )


def _text(lesson: Lesson, name: str) -> str:
    path = lesson.root / name
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
