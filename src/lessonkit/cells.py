"""The cells of an episode: its python blocks, each with its output and its figures, and the prose between them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

from markdown_it.token import Token

from lessonkit.divs import Div
from lessonkit.markdown import Figure

IMAGE_LINE = re.compile(r"!\[.*\]\([^)\s]+\.png\)(\{.*\})?")
# What a fresh run may change in the block below, and why: <!-- tolerance: 5%, the seed 0 is the time of day -->
TOLERANCE = re.compile(r"^<!--\s*tolerance:\s*(any|[\d.]+\s*%)(?:,\s*(?P<reason>.*?))?\s*-->\s*$")
DEFAULT_TOLERANCE = 0.001


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
    """Markdown between cells, without the fence lines of its divs (the outermost first)."""

    text: str
    line: int
    divs: tuple[Div, ...] = ()


@dataclass(frozen=True)
class Cell:
    """A ```python block with what follows it.

    Lines count from 1: `line` is the first line of the code, `result_lines` the half-open range of lines that holds the
    result block (empty when there is none). `figures` are the image lines below, where what the cell draws belongs.
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
        return any(div.shown == "fold" for div in self.divs)


@dataclass(frozen=True)
class Blocks:
    """Reads the blocks of a page from its lines, where its front matter (so many lines) is passed over."""

    lines: list[str]
    front_matter: int
    fences: list[Token]
    divs: list[Div]
    images: list[Figure]

    def read(self) -> Iterator[Prose | Cell]:
        """Prose and cells in order."""
        edges = {line for div in self.divs for line in (div.line, div.end)}
        start = at = self.front_matter  # lines from 0: what lies between the two is prose that was not given out yet
        number = 0
        while at < len(self.lines):
            fence = self._fence_at.get(at)
            if fence is not None and kind(fence) == "python":
                yield from self._prose(start, at)
                number += 1
                cell, at = self._cell(number, fence)
                yield cell
                start = at
            elif at + 1 in edges:
                yield from self._prose(start, at)
                start = at = at + 1
            else:
                at = fence.map[1] if fence is not None else at + 1
        yield from self._prose(start, at)

    @cached_property
    def _fence_at(self) -> dict[int, Token]:
        return {fence.map[0]: fence for fence in self.fences}

    def _prose(self, start: int, end: int) -> Iterator[Prose]:
        start = self._skip_blank(start)
        if start < end:
            yield Prose("\n".join(self.lines[start:end]).rstrip("\n"), start + 1, self._around(start + 1))

    def _around(self, line: int) -> tuple[Div, ...]:
        return tuple(div for div in self.divs if div.holds(line))

    def _cell(self, number: int, fence: Token) -> tuple[Cell, int]:
        """A python block with its result block and its image lines; and the line (from 0) behind them."""
        first, end = fence.map
        start, tolerance = self._tolerance(end, DEFAULT_TOLERANCE)
        below, result, last = self._fence_at.get(start), None, end
        if below is not None and kind(below) in ("output", "error"):
            result, last = Result(kind(below), below.content.removesuffix("\n"), tolerance), below.map[1]
        figures, rest = self._figures(last)
        source, divs = fence.content.removesuffix("\n"), self._around(first + 1)
        return Cell(number, source, first + 2, divs, result, figures, (end + 1, last + 1)), rest

    def _figures(self, at: int) -> tuple[tuple[Figure, ...], int]:
        images = {image.line: image for image in self.images}
        found, rest = [], at
        while True:
            at, tolerance = self._tolerance(at, 0)
            if at + 1 not in images or not IMAGE_LINE.fullmatch(self.lines[at].rstrip()):
                return tuple(found), rest
            at = rest = at + 1
            found.append(replace(images[at], tolerance=tolerance))

    def _tolerance(self, at: int, default: float) -> tuple[int, float | None]:
        """The line (from 0) of the next block; and what a tolerance comment above it says, else `default`."""
        at = self._skip_blank(at)
        if at >= len(self.lines) or not (found := TOLERANCE.match(self.lines[at])):
            return at, default
        return self._skip_blank(at + 1), None if found[1] == "any" else float(found[1].rstrip(" %")) / 100

    def _skip_blank(self, at: int) -> int:
        while at < len(self.lines) and not self.lines[at].strip():
            at += 1
        return at


def kind(fence: Token) -> str:
    """What stands behind the backticks."""
    return fence.info.strip()


def result_block(result: Result | None, comment: list[str]) -> list[str]:
    """The lines below a cell that hold its result, below the comment on its tolerance."""
    if result is None:
        return []
    # A fence is longer than any that the text holds: printed text stays text.
    fence = "`" * max([3, *(len(run) + 1 for run in re.findall("`{3,}", result.text))])
    above = [*comment, ""] if comment else []
    return ["", *above, f"{fence}{result.kind}", *re.split(r"\r\n?|\n", result.text), fence]
