"""Reads one episode: prose and cells in order, each knowing the fenced divs that it stands in."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from markdown_it import MarkdownIt

from lessonkit.lesson import LessonError

DIV_OPEN = re.compile(r"^\s*:{3,}\s*\{?\.?([\w-]+)[^:]*:*\s*$")
DIV_CLOSE = re.compile(r"^\s*:{3,}\s*$")
IMAGE = re.compile(r"^!\[(?P<caption>.*)\]\((?P<path>[^)\s]+\.png)\)\{(?P<attributes>.*)\}\s*$")
ALT = re.compile(r"alt=(['\"])(.*?)\1", re.S)
# What a fresh run may change in the block below, and why: <!-- tolerance: 5%, the seed 0 is the time of day -->
TOLERANCE = re.compile(r"^<!--\s*tolerance:\s*(any|[\d.]+\s*%)(?:,\s*(?P<reason>.*?))?\s*-->\s*$")
DEFAULT_TOLERANCE = 0.001


@dataclass(frozen=True)
class Div:
    """A fenced div (``::: kind``). Its title is the heading that it opens with, or nothing."""

    kind: str
    title: str
    line: int


@dataclass(frozen=True)
class Figure:
    """A line of a PNG image below a cell: where the figure that the cell draws belongs.

    `tolerance` is the share of its pixels that may change (0.02 is 2 %; 0: none that an eye would see); None means
    that only its size counts.
    """

    path: str
    caption: str
    alt: str
    line: int
    tolerance: float | None = 0


@dataclass(frozen=True)
class Result:
    """The output or error block below a cell.

    `tolerance` is relative (0.001 is 0.1 %); None means that any text is accepted.
    """

    kind: str
    text: str
    tolerance: float | None = DEFAULT_TOLERANCE


@dataclass(frozen=True)
class Prose:
    """Markdown between cells, without the fence lines of its divs. Lines count from 1."""

    text: str
    line: int
    divs: tuple[Div, ...] = ()


@dataclass(frozen=True)
class Cell:
    """A ```python block with what follows it.

    Lines count from 1: `line` is the first line of the code, `result_lines` the half-open range of lines that
    holds the result block (empty when there is none).
    """

    number: int
    source: str
    line: int
    divs: tuple[Div, ...]
    result: Result | None
    figures: tuple[Figure, ...]
    result_lines: tuple[int, int]

    @property
    def challenge(self) -> Div | None:
        return next((div for div in self.divs if div.kind == "challenge"), None)

    @property
    def folded(self) -> bool:
        """True in a solution or hint, which the notebook folds away."""
        return any(div.kind in ("solution", "hint") for div in self.divs)


@dataclass
class Episode:
    """An episode's blocks in order. `lines` are the file's own, so that a rewrite changes nothing else."""

    path: Path
    lines: list[str]
    blocks: list[Prose | Cell] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.path.stem

    @property
    def cells(self) -> list[Cell]:
        return [block for block in self.blocks if isinstance(block, Cell)]

    @classmethod
    def read(cls, path: Path) -> Episode:
        """Read an episode.

        Raises
        ------
        LessonError
            A div or a fence that is not closed, or an output block that no python block precedes.
        """
        episode = cls(path, path.read_text(encoding="utf-8").split("\n"))
        _Reader(episode).read()
        return episode

    def with_results(self, results: dict[int, Result | None]) -> str:
        """The episode's text with the given results (by cell number) in the place of the old ones."""
        lines = list(self.lines)
        for cell in reversed(self.cells):
            if cell.number in results:
                first, last = cell.result_lines
                comment = [line for line in lines[first - 1 : last - 1] if TOLERANCE.match(line)][:1]
                lines[first - 1 : last - 1] = _result_block(results[cell.number], comment)
        return "\n".join(lines)


def _result_block(result: Result | None, comment: list[str]) -> list[str]:
    if result is None:
        return []
    # A fence is longer than any that the text holds: printed text stays text.
    fence = "`" * max([3, *(len(run) + 1 for run in re.findall("`{3,}", result.text))])
    above = [*comment, ""] if comment else []
    return ["", *above, f"{fence}{result.kind}", *result.text.split("\n"), fence]


class _Reader:
    """One pass over the lines; fences come from markdown-it, divs from their own lines."""

    def __init__(self, episode: Episode):
        self.episode, self.lines = episode, episode.lines
        tokens = MarkdownIt().parse("\n".join(self.lines))
        self.fences = {token.map[0]: token for token in tokens if token.type == "fence"}
        self.divs: list[Div] = []
        self.prose: list[str] = []
        self.prose_line = 1

    def fail(self, line: int, message: str) -> LessonError:
        return LessonError(f"{self.episode.path.name}:{line + 1}: {message}")

    def read(self) -> None:
        at = self.after_front_matter()
        self.prose_line = at + 1
        while at < len(self.lines):
            at = self.step(at)
        self.flush(at)
        if self.divs:
            raise self.fail(self.divs[-1].line - 1, f"this '{self.divs[-1].kind}' div is never closed")

    def after_front_matter(self) -> int:
        if self.lines[0] != "---":
            return 0
        if "---" not in self.lines[1:]:
            raise self.fail(0, "the front matter is not closed by a line of ---")
        return self.lines.index("---", 1) + 1

    def step(self, at: int) -> int:
        line, fence = self.lines[at], self.fences.get(at)
        if fence is None:
            if DIV_CLOSE.match(line):
                return self.close(at)
            if opened := DIV_OPEN.match(line):
                return self.open(at, opened[1])
            self.prose.append(line)
            return at + 1
        end = fence.map[1]
        if self.lines[end - 1].strip()[:3] != fence.markup[:3] or end - 1 == at:
            raise self.fail(at, "this code block is never closed")
        if fence.info.strip() == "python":
            return self.cell(at, end, fence.content)
        if fence.info.strip() in ("output", "error"):
            raise self.fail(at, f"this {fence.info.strip()} block stands below no python block")
        self.prose += self.lines[at:end]
        return end

    def open(self, at: int, kind: str) -> int:
        self.flush(at + 1)
        heading = next((line for line in self.lines[at + 1 :] if line.strip()), "")
        title = heading.lstrip("#").strip() if heading.startswith("#") else ""
        self.divs.append(Div(kind, title, at + 1))
        return at + 1

    def close(self, at: int) -> int:
        if not self.divs:
            raise self.fail(at, "this ::: closes a div that was never opened")
        self.flush(at + 1)
        self.divs.pop()
        return at + 1

    def flush(self, next_line: int) -> None:
        """Store the prose gathered so far; what follows starts on the line after `next_line`."""
        text = "\n".join(self.prose)
        if text.strip():
            skipped = len(text) - len(text.lstrip("\n"))
            self.episode.blocks.append(Prose(text.strip("\n"), self.prose_line + skipped, tuple(self.divs)))
        self.prose, self.prose_line = [], next_line + 1

    def cell(self, at: int, end: int, source: str) -> int:
        """Read a python block that covers lines at … end, then its result block, then its image lines."""
        self.flush(at)
        start, tolerance = self.tolerance(self.skip_blank(end), DEFAULT_TOLERANCE)
        result, last, fence = None, end, self.fences.get(start)
        if fence is not None and fence.info.strip() in ("output", "error"):
            result, last = Result(fence.info.strip(), fence.content.removesuffix("\n"), tolerance), fence.map[1]
        figures, rest = self.figures(last)
        number = len(self.episode.cells) + 1
        self.episode.blocks.append(
            Cell(number, source.removesuffix("\n"), at + 2, tuple(self.divs), result, figures, (end + 1, last + 1))
        )
        self.prose_line = rest + 1
        return rest

    def figures(self, at: int) -> tuple[tuple[Figure, ...], int]:
        found, rest = [], at
        while True:
            at, tolerance = self.tolerance(self.skip_blank(at), 0)
            if at == len(self.lines) or not (image := IMAGE.match(self.lines[at])):
                return tuple(found), rest
            alt = ALT.search(image["attributes"])
            found.append(Figure(image["path"], image["caption"], alt[2] if alt else "", at + 1, tolerance))
            at = rest = at + 1

    def tolerance(self, at: int, default: float) -> tuple[int, float | None]:
        """The line of the block that a tolerance comment at this line speaks of, and what it says, else `default`."""
        if at == len(self.lines) or not (found := TOLERANCE.match(self.lines[at])):
            return at, default
        return self.skip_blank(at + 1), None if found[1] == "any" else float(found[1].rstrip(" %")) / 100

    def skip_blank(self, at: int) -> int:
        while at < len(self.lines) and not self.lines[at].strip():
            at += 1
        return at
