"""One page as the rules see it: headings, links, images and divs that know their lines; and what a rule says."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property
from html.parser import HTMLParser

from markdown_it import MarkdownIt
from markdown_it.rules_inline import autolink, image, link
from markdown_it.token import Token

from lessonkit.episode import ALT, DIV_CLOSE, DIV_OPEN
from lessonkit.lesson import Lesson, Page

# What a rule of a page finds: a line, and what to say of it.
Finding = tuple[int, str]
CODE_SPAN = re.compile(r"(?<!`)(`+)(?!`).+?(?<!`)\1(?!`)", re.S)


@dataclass(frozen=True, order=True)
class Problem:
    """What is wrong in `file` (its path inside the lesson), on which line (from 1), and how to mend it."""

    file: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}"


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
class Image:
    """`alt` is None where none is given."""

    source: str
    caption: str
    alt: str | None
    line: int


@dataclass(frozen=True)
class Tag:
    """A raw HTML element."""

    name: str
    attributes: dict[str, str | None]
    line: int


@dataclass
class Span:
    """A fenced div: the lines of its two fences (`end` is 0 while it is open), and the div around it."""

    kind: str
    line: int
    parent: Span | None
    end: int = 0

    def holds(self, line: int) -> bool:
        return self.line < line < self.end


@dataclass(frozen=True)
class Document:
    """A page, parsed. `siblings` are all pages of the lesson, this one too, by their path inside it."""

    lesson: Lesson
    page: Page
    siblings: dict[str, Document] = field(default_factory=dict, compare=False, repr=False)

    @cached_property
    def file(self) -> str:
        return self.page.path.relative_to(self.lesson.root).as_posix()

    @cached_property
    def lines(self) -> list[str]:
        return self.page.text.split("\n")

    @cached_property
    def front_matter(self) -> int:
        """How many lines the front matter takes, its two fences counted; 0 where there is none."""
        closed = self.lines[0] == "---" and "---" in self.lines[1:]
        return self.lines.index("---", 1) + 1 if closed else 0

    @cached_property
    def tokens(self) -> list[Token]:
        """The block tokens, on the lines of the file. links.md serves the reference links, and adds no token."""
        body = [""] * self.front_matter + self.lines[self.front_matter :]
        tokens = _parser().parse("\n".join(body) + "\n\n" + self.lesson.links)
        return [token for token in tokens if token.map and token.map[0] < len(body)]

    @cached_property
    def inlines(self) -> list[Token]:
        """The tokens that hold text: of paragraphs, headings, list items and table cells."""
        return [token for token in self.tokens if token.type == "inline"]

    @cached_property
    def fences(self) -> list[Token]:
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
    def images(self) -> list[Image]:
        tags = [tag for tag in self.tags if tag.name == "img"]
        found = [Image(tag.attributes.get("src") or "", "", tag.attributes.get("alt"), tag.line) for tag in tags]
        for inline in self.inlines:
            for token in inline.children:
                if token.type == "image":
                    attributes = re.match(r"\{[^}]*\}", token.meta["after"])
                    alt = ALT.search(attributes[0]) if attributes else None
                    line = inline.map[0] + 1 + token.meta["line"]
                    found.append(Image(str(token.attrs["src"]), token.content, alt[2] if alt else None, line))
        return found

    @cached_property
    def tags(self) -> list[Tag]:
        return [
            tag
            for token in self.tokens
            if token.type in ("html_block", "inline") and "<" in token.content
            for tag in _tags(CODE_SPAN.sub(blank, token.content), token.map[0])
        ]

    @property
    def divs(self) -> list[Span]:
        return self._divs[0]

    @property
    def div_problems(self) -> list[Finding]:
        """Fence lines that open or close nothing."""
        return self._divs[1]

    @cached_property
    def _divs(self) -> tuple[list[Span], list[Finding]]:
        code = {line for token in self.fences for line in range(*token.map)}
        spans, open_, problems = [], [], []
        for line, text in enumerate(self.lines, start=1):
            if line - 1 in code or not text.lstrip().startswith(":::"):
                continue
            if opened := DIV_OPEN.match(text):
                open_.append(Span(opened[1], line, open_[-1] if open_ else None))
                spans.append(open_[-1])
            elif not DIV_CLOSE.match(text):
                problems.append((line, "these colons cannot be read: open a div by '::: kind', and close it by ':::'"))
            elif open_:
                open_.pop().end = line
            else:
                problems.append((line, "this ::: closes a div that was never opened: take it out"))
        problems += [(span.line, f"this '{span.kind}' div is never closed: end it by ':::'") for span in open_]
        return spans, problems


def blank(found: re.Match) -> str:
    """Spaces for what was found, so that everything else stays on its line."""
    return re.sub(r"\S", " ", found[0])


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
