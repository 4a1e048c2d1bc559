"""Reads a page of the lesson, once, for everybody: front matter, divs, headings, links, images, and an episode's cells.

What cannot be read is a *fault*, and knows its line. The checker lists the faults of all pages; everybody else stops
at the first one, with a `LessonError`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from html.parser import HTMLParser
from pathlib import Path

import yaml
from markdown_it import MarkdownIt
from markdown_it.rules_inline import autolink, image, link
from markdown_it.token import Token

# What is to be said of a line (from 1).
Finding = tuple[int, str]

DIV_OPEN = re.compile(r"^\s*:{3,}\s*\{?\.?([\w-]+)[^:]*:*\s*$")
DIV_CLOSE = re.compile(r"^\s*:{3,}\s*$")
IMAGE_LINE = re.compile(r"!\[.*\]\([^)\s]+\.png\)(\{.*\})?")
ALT = re.compile(r"alt=(['\"])(.*?)\1", re.S)
# What a fresh run may change in the block below, and why: <!-- tolerance: 5%, the seed 0 is the time of day -->
TOLERANCE = re.compile(r"^<!--\s*tolerance:\s*(any|[\d.]+\s*%)(?:,\s*(?P<reason>.*?))?\s*-->\s*$")
DEFAULT_TOLERANCE = 0.001
# The titles of the two divs of a prediction begin so.
PREDICT, COMPARE = "Predict:", "Compare:"
# An entry of a glossary: a named term, and what it means on the lines from the colon on.
TERM = re.compile(r"^\[[^\]]+\]\{#([^\s}]+)\}\n+:[ ]+(.+(?:\n[ ]+\S.*)*)", re.M)
CODE_SPAN = re.compile(r"(?<!`)(`+)(?!`).+?(?<!`)\1(?!`)", re.S)


class LessonError(Exception):
    """Something that an author can mend: what is wrong and how to mend it; and where, when it stands in a file.

    `file` is a path inside the lesson, `line` counts from 1.
    """

    def __init__(self, what: str, file: str = "", line: int = 1):
        super().__init__(f"{file}:{line}: {what}" if file else what)
        self.what, self.file, self.line = what, file, line


@dataclass(frozen=True)
class Kind:
    """A kind of fenced div: what a reader sees it called, and how it is shown.

    `shown` is "box", "fold" (closed until asked for), "apart" (in a place of its own on the website) or "tabs".
    """

    label: str
    shown: str = "box"


# The divs that the Workbench knows; the only list of them.
DIVS = {
    "callout": Kind("Note"),
    "caution": Kind("Caution"),
    "challenge": Kind("Exercise"),
    "checklist": Kind("Checklist"),
    "discussion": Kind("Discussion"),
    "prereq": Kind("Prerequisites"),
    "testimonial": Kind("Testimonial"),
    "hint": Kind("Hint", "fold"),
    "instructor": Kind("For instructors", "fold"),
    "solution": Kind("Solution", "fold"),
    "spoiler": Kind("More", "fold"),
    "keypoints": Kind("Key points", "apart"),
    "objectives": Kind("Objectives", "apart"),
    "questions": Kind("Questions", "apart"),
    "group-tab": Kind("", "tabs"),
    "tab": Kind("", "tabs"),
}


@dataclass(eq=False)
class Div:
    """A fenced div (``::: kind``): its title (the heading that it opens with, or nothing) and its place.

    `line` and `end` are the lines of its two fences; `end` is 0 where it is never closed.
    """

    kind: str
    title: str
    line: int
    parent: Div | None
    end: int = 0

    def holds(self, line: int) -> bool:
        return self.line < line < self.end


@dataclass(frozen=True)
class Heading:
    level: int
    text: str
    line: int


@dataclass(frozen=True)
class Link:
    text: str
    target: str
    line: int


@dataclass(frozen=True)
class Figure:
    """An image of the page, whose caption is Markdown; `alt` is None where none is given.

    `tolerance` is for one that a cell draws: the share of its pixels that may change (0.02 is 2 %; 0: none that an eye
    would see); None means that only its size counts.
    """

    path: str
    caption: str
    alt: str | None
    line: int
    tolerance: float | None = 0


@dataclass(frozen=True)
class Tag:
    """A raw HTML element."""

    name: str
    attributes: dict[str, str | None]
    line: int


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

    `line` is the first line of the code, `result_lines` the half-open range of lines that holds the result block
    (empty when there is none). `figures` are the image lines below, where what the cell draws belongs.
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
        return any(DIVS[div.kind].shown == "fold" for div in self.divs if div.kind in DIVS)


@dataclass(frozen=True)
class Prediction:
    """A question with named choices, decided before what answers it is seen.

    `asks` is the discussion "Predict: …", `compares` the spoiler "Compare: …" of the same title, with a sentence on
    each choice. What stands between the two answers. `choice_lines` is the half-open range of lines of the choices.
    """

    title: str
    asks: Div
    compares: Div
    choices: tuple[str, ...]
    choice_lines: tuple[int, int]

    def answers(self, line: int) -> bool:
        """Whether a line stands between question and comparison."""
        return self.asks.end < line < self.compares.line


@dataclass(frozen=True)
class Page:
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
        tokens = _parser().parse("\n".join(body) + "\n\n" + self.links_md)
        return [token for token in tokens if token.map and token.map[0] < len(body)]

    @cached_property
    def inlines(self) -> list[Token]:
        """The tokens that hold text: of paragraphs, headings, list items and table cells."""
        return [token for token in self.tokens if token.type == "inline"]

    @cached_property
    def fences(self) -> list[Token]:
        """The blocks of code."""
        return [token for token in self.tokens if token.type == "fence"]

    @cached_property
    def headings(self) -> list[Heading]:
        pairs = zip(self.tokens, self.tokens[1:], strict=False)
        return [
            Heading(int(opening.tag[1]), inline.content, opening.map[0] + 1)
            for opening, inline in pairs
            if opening.type == "heading_open"
        ]

    @cached_property
    def links(self) -> list[Link]:
        found = [Link(href, href, tag.line) for tag in self.tags if (href := tag.attributes.get("href")) is not None]
        for inline in self.inlines:
            for at, token in enumerate(inline.children):
                if token.type == "link_open":
                    kinds = [child.type for child in inline.children[at:]]
                    inside = inline.children[at : at + kinds.index("link_close")]
                    text = "".join(child.content for child in inside)
                    found.append(Link(text, str(token.attrs["href"]), inline.map[0] + 1 + token.meta["line"]))
        return found

    @cached_property
    def images(self) -> list[Figure]:
        tags = [tag for tag in self.tags if tag.name == "img"]
        found = [Figure(tag.attributes.get("src") or "", "", tag.attributes.get("alt"), tag.line) for tag in tags]
        for inline in self.inlines:
            for token in inline.children:
                if token.type == "image":
                    attributes = re.match(r"\{[^}]*\}", token.meta["after"])
                    alt = ALT.search(attributes[0]) if attributes else None
                    line = inline.map[0] + 1 + token.meta["line"]
                    found.append(Figure(str(token.attrs["src"]), token.content, alt[2] if alt else None, line))
        return found

    @cached_property
    def terms(self) -> dict[str, str]:
        """The entries of a glossary by their anchors, as plain sentences."""
        found = TERM.findall("\n".join(self.lines))
        return {anchor: " ".join(re.sub(r"[*`]", "", meaning).split()) for anchor, meaning in found}

    @cached_property
    def tags(self) -> list[Tag]:
        return [
            tag
            for token in self.tokens
            if token.type in ("html_block", "inline") and "<" in token.content
            for tag in _tags(CODE_SPAN.sub(blank, token.content), token.map[0])
        ]

    # Divs

    @property
    def divs(self) -> list[Div]:
        return self._div_scan[0]

    @cached_property
    def _div_scan(self) -> tuple[list[Div], list[Finding]]:
        """The divs, and the fence lines that open or close nothing."""
        code = {line for token in self.fences for line in range(*token.map)}
        divs, open_, faults = [], [], []
        for line, text in enumerate(self.lines, start=1):
            if line - 1 in code or line <= self.front_matter or not text.lstrip().startswith(":::"):
                continue
            if opened := DIV_OPEN.match(text):
                heading = next((below for below in self.lines[line:] if below.strip()), "")
                title = re.sub(r"\s*\{[^}]*\}\s*$", "", heading.lstrip("#")).strip() if heading.startswith("#") else ""
                open_.append(Div(opened[1], title, line, open_[-1] if open_ else None))
                divs.append(open_[-1])
            elif not DIV_CLOSE.match(text):
                faults.append((line, "these colons cannot be read: open a div by '::: kind', and close it by ':::'"))
            elif open_:
                open_.pop().end = line
            else:
                faults.append((line, "this ::: closes a div that was never opened: take it out"))
        faults += [(div.line, f"this '{div.kind}' div is never closed: end it by ':::'") for div in open_]
        return divs, faults

    def around(self, line: int) -> tuple[Div, ...]:
        """The divs that a line stands in, the outermost first."""
        return tuple(div for div in self.divs if div.holds(line))

    def lists(self, div: Div) -> list[tuple[tuple[int, int], list[str]]]:
        """The lists of a div: the half-open range of lines of each, and its points."""
        found = []
        for token, paragraph, inline in zip(self.tokens, self.tokens[1:], self.tokens[2:], strict=False):
            if token.type == "bullet_list_open" and token.level == 0 and div.holds(token.map[0] + 1):
                lines = self.lines[: token.map[1]]
                end = next(at for at in range(len(lines), 0, -1) if lines[at - 1].strip() and at < div.end)
                found.append(((token.map[0] + 1, end + 1), []))
            if token.type == "list_item_open" and token.level == 1 and found and div.holds(token.map[0] + 1):
                text = inline.content if paragraph.type == "paragraph_open" else ""
                found[-1][1].append(" ".join(text.split("\n:::")[0].split()))
        return found

    @cached_property
    def predictions(self) -> tuple[Prediction, ...]:
        """The predictions of an episode that have their comparison, in order."""
        found = []
        for asks in self.titled("discussion", PREDICT):
            title = asks.title.removeprefix(PREDICT).strip()
            for compares in self.titled("spoiler", COMPARE):
                named = compares.title.removeprefix(COMPARE).strip() == title
                if named and compares.line > asks.end and compares.parent is asks.parent:
                    lines, choices = (self.lists(asks) or [((asks.end, asks.end), [])])[-1]
                    found.append(Prediction(title, asks, compares, tuple(choices), lines))
                    break
        return tuple(found)

    def titled(self, kind: str, word: str) -> list[Div]:
        """The divs of a kind whose title begins with a word."""
        return [div for div in self.divs if div.kind == kind and div.title.startswith(word)]

    # Cells

    @cached_property
    def _fence_faults(self) -> list[Finding]:
        faults, below = [], set()
        for token in self.fences:
            first, end = token.map
            info = token.info.strip()
            if token.level == 0 and not _closed(self.lines[first + 1 : end], token.markup):
                faults.append((first + 1, "this code block is never closed"))
            if info == "python":
                below.add(self._tolerance(end, DEFAULT_TOLERANCE)[0])
            elif self.kind == "episode" and info in ("output", "error") and first not in below:
                faults.append((first + 1, f"this {info} block stands below no python block"))
        return faults

    @cached_property
    def blocks(self) -> tuple[Prose | Cell, ...]:
        """Prose and cells in order; LessonError where the page has a fault."""
        self.demand()
        return tuple(self._blocks())

    @property
    def cells(self) -> list[Cell]:
        return [block for block in self.blocks if isinstance(block, Cell)]

    def _blocks(self) -> Iterator[Prose | Cell]:
        edges = {line for div in self.divs for line in (div.line, div.end)}
        start = at = self.front_matter  # lines from 0: what lies between is prose that was not given out yet
        number = 0
        while at < len(self.lines):
            fence = self._fence_at.get(at)
            if fence is not None and fence.info.strip() == "python":
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
        return {token.map[0]: token for token in self.fences}

    def _prose(self, start: int, end: int) -> Iterator[Prose]:
        start = self._skip_blank(start)
        if start < end:
            yield Prose("\n".join(self.lines[start:end]).rstrip("\n"), start + 1, self.around(start + 1))

    def _cell(self, number: int, fence: Token) -> tuple[Cell, int]:
        """A python block with its result block and its image lines; and the line (from 0) behind them."""
        first, end = fence.map
        start, tolerance = self._tolerance(end, DEFAULT_TOLERANCE)
        below, result, last = self._fence_at.get(start), None, end
        if below is not None and below.info.strip() in ("output", "error"):
            result, last = Result(below.info.strip(), below.content.removesuffix("\n"), tolerance), below.map[1]
        figures, rest = self._figures(last)
        source, divs = fence.content.removesuffix("\n"), self.around(first + 1)
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
        """The line (from 0) of the next block; what a tolerance comment above it says, else `default`."""
        at = self._skip_blank(at)
        if at >= len(self.lines) or not (found := TOLERANCE.match(self.lines[at])):
            return at, default
        return self._skip_blank(at + 1), None if found[1] == "any" else float(found[1].rstrip(" %")) / 100

    def _skip_blank(self, at: int) -> int:
        while at < len(self.lines) and not self.lines[at].strip():
            at += 1
        return at

    def with_results(self, results: dict[int, Result | None]) -> str:
        """The text with the given results (by cell number) in the place of the old ones; all else stays as it is."""
        lines = self.text.split("\n")
        end = "\r" if lines[0].endswith("\r") else ""
        for cell in reversed(self.cells):
            if cell.number in results:
                first, last = cell.result_lines
                comment = [line for line in self.lines[first - 1 : last - 1] if TOLERANCE.match(line)][:1]
                block = _result_block(results[cell.number], comment)
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


def blank(found: re.Match) -> str:
    """Spaces for what was found, so that everything else stays on its line."""
    return re.sub(r"\S", " ", found[0])


def _result_block(result: Result | None, comment: list[str]) -> list[str]:
    if result is None:
        return []
    # A fence is longer than any that the text holds: printed text stays text.
    fence = "`" * max([3, *(len(run) + 1 for run in re.findall("`{3,}", result.text))])
    above = [*comment, ""] if comment else []
    return ["", *above, f"{fence}{result.kind}", *re.split(r"\r\n?|\n", result.text), fence]


def _closed(below: list[str], markup: str) -> bool:
    """Whether the last line below an opening fence closes it."""
    last = below[-1].strip() if below else ""
    return last.startswith(markup) and not last.strip(markup[0])


def _parser() -> MarkdownIt:
    parser = MarkdownIt().enable("table")
    for rule in (link, image, autolink):
        parser.inline.ruler.at(rule.__name__, _locating(rule))
    return parser


def _locating(rule):
    """The markdown-it rule, which now notes on its tokens their line in the paragraph and the text after them."""

    def located(state, silent):
        start, count = state.pos, len(state.tokens)
        found = rule(state, silent)
        if found and not silent:
            for token in state.tokens[count:]:
                token.meta.setdefault("line", state.src.count("\n", 0, start))
                token.meta.setdefault("after", state.src[state.pos :])
        return found

    return located


def _tags(html: str, line: int) -> list[Tag]:
    found = []
    parser = HTMLParser()
    parser.handle_starttag = lambda name, pairs: found.append(Tag(name, dict(pairs), line + parser.getpos()[0]))
    parser.feed(html)
    return found
