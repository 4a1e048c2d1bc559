"""The rules of this house for an episode's time: minutes are counted, nobody reads long, all aims are tested."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from lessonkit.divs import Div
from lessonkit.markdown import Heading
from lessonkit.page import Finding, Page
from lessonkit.rules.house import FURTHER, parse
from lessonkit.rules.links import anchors
from lessonkit.rules.page import LONGEST as HOUR

WORDS_A_MINUTE = 130  # slow enough that a look at each figure and a thought for each prediction are in it
LINES_A_MINUTE = 12  # of code, as Python reads them: a statement that is broken for the eye is one line
LONGEST = {"teaching": 60, "exercises": 45}  # minutes
SHARE = 0.1  # of the counted minutes, by which the front matter may differ; or one minute
STRETCH = 700  # words without something to do
MINUTES = re.compile(r"\*(\d+) minutes?\*")
NOT_TAUGHT = ("challenge", "instructor")


def pace(page: Page) -> Iterator[Finding]:
    """All rules of the house on time, for one episode."""
    core = Core(page)
    yield from minutes(core)
    yield from stretches(core)
    yield from objectives(core)


@dataclass(frozen=True)
class Core:
    """What of an episode everybody reads and does: all that stands before "Further practice"."""

    page: Page

    def holds(self, line: int) -> bool:
        return line < self.end

    @cached_property
    def end(self) -> int:
        """The line on which the core ends."""
        further = [heading.line for heading in self.page.headings if heading.text.split(" {")[0] == FURTHER]
        return min(further, default=len(self.page.lines) + 1)

    @cached_property
    def words(self) -> list[tuple[int, int]]:
        """Each piece of prose outside the exercises: its line, and how many words it has."""
        apart = [div for div in self.page.divs if div.kind in NOT_TAUGHT]
        pieces = [(token.map[0] + 1, token) for token in self.page.inlines]
        return [
            (line, len("".join(_read(child) for child in token.children).split()))
            for line, token in pieces
            if self.holds(line) and not any(div.holds(line) for div in apart)
        ]

    @cached_property
    def code_lines(self) -> int:
        cells = [cell for cell in self.page.cells if cell.challenge is None and self.holds(cell.line)]
        trees = filter(None, map(parse, cells))
        return sum(isinstance(node, ast.stmt) for tree in trees for node in ast.walk(tree))

    @cached_property
    def exercises(self) -> list[tuple[Div, Heading]]:
        """The challenges, each with the heading that names it."""
        found = [div for div in self.page.divs if div.kind == "challenge" and self.holds(div.line)]
        first = [next((each for each in self.page.headings if div.holds(each.line)), None) for div in found]
        return [(div, heading) for div, heading in zip(found, first, strict=True) if heading]

    @cached_property
    def tasks(self) -> list[Div]:
        """What there is to do, in order: exercises, and questions of predictions."""
        asked = [each.asks for each in self.page.predictions if self.holds(each.asks.line)]
        return sorted([*asked, *(div for div, _ in self.exercises)], key=lambda div: div.line)


def _read(child) -> str:
    """What a reader sees of a piece of text; of a picture, its caption."""
    match child.type:
        case "text" | "code_inline" | "image":
            return child.content.split("{alt=")[0]
        case "softbreak" | "hardbreak":
            return " "
    return ""


def minutes(core: Core) -> Iterator[Finding]:
    """The front matter says how long the episode takes, which is counted; and it is not too long."""
    words = sum(count for _, count in core.words)
    how = f"{words} words at {WORDS_A_MINUTE} and {core.code_lines} lines of code at {LINES_A_MINUTE} a minute"
    yield from _compared(core.page, "teaching", words / WORDS_A_MINUTE + core.code_lines / LINES_A_MINUTE, how)
    own = []
    for div, heading in core.exercises:
        below = next((text for text in core.page.lines[heading.line : div.end] if text.strip()), "")
        if said := MINUTES.fullmatch(below.strip()):
            own.append(int(said[1]))
        else:
            yield heading.line, "how long does this exercise take? Say it below the heading, such as *5 minutes*"
    if len(own) == len(core.exercises):
        yield from _compared(core.page, "exercises", sum(own), f"{len(own)} core exercises as they say themselves")


def _compared(page: Page, key: str, counted: float, how: str) -> Iterator[Finding]:
    if round(counted) > LONGEST[key]:
        what = f"'{key}' takes {counted:.0f} minutes ({how}), and {LONGEST[key]} are the most"
        yield page.line_of(key), f"{what}: move a part to '{FURTHER}'"
    elif 0 <= page.meta.get(key, -1) <= HOUR and abs(page.meta[key] - counted) > max(SHARE * counted, 1):
        yield page.line_of(key), f"'{key}' takes {counted:.0f} minutes ({how}): write {counted:.0f}"


def stretches(core: Core) -> Iterator[Finding]:
    """Nobody reads long without something to do."""
    begins = 0
    for line in [*(div.line for div in core.tasks), core.end]:
        between = [(at, count) for at, count in core.words if begins < at < line]
        if (words := sum(count for _, count in between)) > STRETCH:
            what = f"from here to line {line} there are {words} words and nothing to do"
            yield between[0][0], f"{what}: ask for a prediction or set an exercise after {STRETCH} at the latest"
        begins = next((div.end for div in core.tasks if div.line == line), line)


def objectives(core: Core) -> Iterator[Finding]:
    """Each objective is a link to the core exercise that tests it."""
    tested = {f"#{anchor}" for _, heading in core.exercises for anchor in anchors(heading)}
    leads = {link.line for link in core.page.links if link.target in tested}
    for div in core.page.divs:
        for token in core.page.tokens if div.kind == "objectives" else ():
            first, end = token.map[0] + 1, token.map[1] + 1
            if token.type == "list_item_open" and div.holds(first) and leads.isdisjoint(range(first, end)):
                yield first, "which core exercise tests this objective? Make it a link: - [what it says](#its-heading)"
