"""Reads a page of the lesson, once, for everybody: front matter, divs, headings, links, images, cells, predictions.

What cannot be read is a *fault*, and knows its line. The checker lists the faults of all pages; everybody else stops
at the first one, with a `LessonError`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import yaml
from markdown_it.token import Token

from lessonkit import cells, divs, markdown, predictions
from lessonkit.cells import Blocks, Cell, Prose, Result
from lessonkit.divs import Div
from lessonkit.markdown import Markdown
from lessonkit.predictions import Prediction

# What is to be said of a line (from 1).
Finding = tuple[int, str]


class LessonError(Exception):
    """Something that an author can mend: what is wrong and how to mend it; and where, when it stands in a file.

    `file` is a path inside the lesson, `line` counts from 1.
    """

    def __init__(self, what: str, file: str = "", line: int = 1):
        super().__init__(f"{file}:{line}: {what}" if file else what)
        self.what, self.file, self.line = what, file, line


@dataclass(frozen=True)
class Page(Markdown):
    """One Markdown file of a lesson. All lines count from 1.

    Attributes
    ----------
    path : Path
        The file.
    kind : str
        "home", "episode", "learner", "instructor", "profile", "extra" (a page at the top level) or "repository"
        (Markdown that is no page of the site).
    root : Path
        The lesson's folder.
    links_md : str
        Reference links that serve every page.
    """

    path: Path
    kind: str
    root: Path
    links_md: str = ""

    @property
    def name(self) -> str:
        return self.path.stem

    @property
    def number(self) -> str:
        """The number that an episode's file begins with, without leading zeros; empty where there is none."""
        found = re.match(r"0*(\d+)-", self.name)
        return found[1] if found and self.kind == "episode" else ""

    @property
    def file(self) -> str:
        """The path inside the lesson."""
        return self.path.relative_to(self.root).as_posix()

    @cached_property
    def content(self) -> bytes:
        return self.path.read_bytes()

    @cached_property
    def text(self) -> str:
        """The whole text; LessonError where it is not UTF-8."""
        try:
            text = self.content.decode("utf-8")
        except UnicodeDecodeError as error:
            line = self.content.count(b"\n", 0, error.start) + 1
            raise LessonError(
                f"this file is not UTF-8 (byte {error.start}): save it as UTF-8", self.file, line
            ) from None
        if text.startswith("\ufeff"):
            what = "this file begins with a byte order mark, which hides its front matter: save it as UTF-8 without BOM"
            raise LessonError(what, self.file)
        return text

    @cached_property
    def lines(self) -> list[str]:
        """The lines without their ends."""
        return [line.removesuffix("\r").replace("\r", " ") for line in self.text.split("\n")]

    @cached_property
    def faults(self) -> list[Finding]:
        """All that makes the page unreadable."""
        try:
            self.text  # noqa: B018  (reads the file)
        except LessonError as error:
            return [(error.line, error.what)]
        return sorted([*self._front[2], *self._div_scan[1], *self._fence_faults])

    def demand(self) -> None:
        """Raise a LessonError for the first fault, where there is one."""
        for line, what in self.faults:
            raise LessonError(what, self.file, line)

    # The front matter

    @cached_property
    def _front(self) -> tuple[int, dict, list[Finding]]:
        """How many lines the front matter takes, its two fences counted; its values; its faults."""
        lines = [line.rstrip() for line in self.lines]
        if lines[0] != "---":
            return 0, {}, []
        if "---" not in lines[1:]:
            return 0, {}, [(1, "the front matter is not closed by a line of ---")]
        end = lines.index("---", 1) + 1
        values, faults = mapping("\n".join(self.lines[1 : end - 1]))
        faults = [(line + 1, f"the front matter {what}") for line, what in faults]
        for key in ("teaching", "exercises"):
            if type(values.get(key, 0)) is not int:
                faults.append((self.line_of(key), f"'{key}' must say how long that takes, in whole minutes"))
        extras = values.get("extras", [])
        if not isinstance(extras, list) or not all(isinstance(extra, str) for extra in extras):
            faults.append((self.line_of("extras"), "'extras' must be a list of names, such as [bigdata]"))
        return end, values, faults

    def line_of(self, key: str) -> int:
        """The line of a key of the front matter; 1 where it is missing."""
        for number, text in enumerate(self.lines[1:], start=2):
            if text.startswith(f"{key}:"):
                return number
            if text.rstrip() == "---":
                break
        return 1

    @property
    def front_matter(self) -> int:
        """How many lines the front matter takes, its two fences counted; 0 where there is none."""
        return self._front[0]

    @property
    def meta(self) -> dict:
        """The front matter; empty when there is none. LessonError where it cannot be read."""
        for line, what in self._front[2]:
            raise LessonError(what, self.file, line)
        return self._front[1]

    @property
    def title(self) -> str:
        return str(self.meta.get("title") or self.name.replace("-", " ").replace("_", " ").capitalize())

    @property
    def teaching(self) -> int:
        """Minutes of teaching."""
        return self.meta.get("teaching", 0)

    @property
    def exercises(self) -> int:
        """Minutes of exercises."""
        return self.meta.get("exercises", 0)

    @property
    def extras(self) -> list[str]:
        """The groups of packages (in pyproject.toml) that an episode needs beside the base."""
        return self.meta.get("extras", [])

    # Markdown

    @cached_property
    def tokens(self) -> list[Token]:
        """The block tokens, on the lines of the file. links.md serves the reference links, and adds no token."""
        body = [""] * self.front_matter + self.lines[self.front_matter :]
        tokens = markdown.parse("\n".join(body) + "\n\n" + self.links_md)
        return [token for token in tokens if token.map[0] < len(body)]

    @cached_property
    def terms(self) -> dict[str, str]:
        """The entries of a glossary by their anchors."""
        return markdown.terms("\n".join(self.lines))

    # Divs, cells, predictions

    @cached_property
    def _div_scan(self) -> tuple[list[Div], list[Finding]]:
        code = {line + 1 for token in self.fences for line in range(*token.map)}
        return divs.read(self.lines, code.union(range(1, self.front_matter + 1)))

    @property
    def divs(self) -> list[Div]:
        return self._div_scan[0]

    @cached_property
    def predictions(self) -> tuple[Prediction, ...]:
        return predictions.read(self.divs, self.lists)

    @cached_property
    def _fence_faults(self) -> list[Finding]:
        found = []
        for token in self.fences:
            first, end = token.map
            if token.level == 0 and not _closed(self.lines[first + 1 : end], token.markup):
                found.append((first + 1, "this code block is never closed"))
        return found

    @cached_property
    def blocks(self) -> tuple[Prose | Cell, ...]:
        """Prose and cells in order; LessonError where the page has a fault."""
        self.demand()
        return tuple(Blocks(self.lines, self.front_matter, self.fences, self.divs, self.images).read())

    @property
    def cells(self) -> list[Cell]:
        return [block for block in self.blocks if isinstance(block, Cell)]

    def with_results(self, results: dict[int, Result | None]) -> str:
        """The text with the given results (by cell number) in the place of the old ones; all else stays as it is."""
        lines = self.text.split("\n")
        end = "\r" if lines[0].endswith("\r") else ""
        for cell in reversed(self.cells):
            if cell.number in results:
                first, last = cell.result_lines
                comment = [line for line in self.lines[first - 1 : last - 1] if cells.TOLERANCE.match(line)][:1]
                block = cells.result_block(results[cell.number], comment)
                lines[first - 1 : last - 1] = [line + end for line in block]
        return "\n".join(lines)


def mapping(text: str) -> tuple[dict, list[Finding]]:
    """The keys and values of a YAML text; and, by line of that text, why it cannot be read as such."""
    try:
        values = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
        return {}, [(mark.line + 1 if mark else 1, f"is not valid YAML ({problem or error}): is all text in quotes?")]
    except ValueError as error:  # a date that no calendar has
        return {}, [(1, f"is not valid YAML ({error})")]
    if values is not None and not isinstance(values, dict):
        return {}, [(1, "must be lines of 'key: value', such as title: \"Images\"")]
    return values or {}, []


def _closed(below: list[str], markup: str) -> bool:
    """Whether the last line below an opening fence closes it."""
    last = below[-1].strip() if below else ""
    return last.startswith(markup) and not last.strip(markup[0])
