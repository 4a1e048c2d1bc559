"""Headings, links, images, lists and raw HTML of a Markdown text, each with its line (from 1). markdown-it reads."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from html.parser import HTMLParser

from markdown_it import MarkdownIt
from markdown_it.rules_inline import autolink, image, link
from markdown_it.token import Token

ALT = re.compile(r"alt=(['\"])(.*?)\1", re.S)
CODE_SPAN = re.compile(r"(?<!`)(`+)(?!`).+?(?<!`)\1(?!`)", re.S)
# An entry of a glossary: a named term, and what it means on the lines from the colon on.
TERM = re.compile(r"^\[[^\]]+\]\{#([^\s}]+)\}\n+:[ ]+(.+(?:\n[ ]+\S.*)*)", re.M)


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
    """An image, whose caption is Markdown; `alt` is None where none is given.

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
class List:
    """A list with bullets: it stands on the lines from `line` to before `end`, blank ones below it included."""

    line: int
    end: int
    points: list[str]


class Markdown:
    """What stands in a text, read from its block `tokens`, which know their lines (`map`, from 0)."""

    tokens: list[Token]

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
    def tags(self) -> list[Tag]:
        return [
            tag
            for token in self.tokens
            if token.type in ("html_block", "inline") and "<" in token.content
            for tag in _tags(CODE_SPAN.sub(blank, token.content), token.map[0])
        ]

    @cached_property
    def lists(self) -> list[List]:
        """The outermost lists with bullets, each point in one line of text."""
        found: list[List] = []
        for token, paragraph, inline in zip(self.tokens, self.tokens[1:], self.tokens[2:], strict=False):
            if token.type == "bullet_list_open" and token.level == 0:
                found.append(List(token.map[0] + 1, token.map[1] + 1, []))
            elif token.type == "list_item_open" and token.level == 1 and found and token.map[0] + 1 < found[-1].end:
                text = inline.content if paragraph.type == "paragraph_open" else ""
                # The fence of a div right below is no text of the point.
                found[-1].points.append(" ".join(text.split("\n:::")[0].split()))
        return found


def parse(text: str) -> list[Token]:
    """The block tokens of a text."""
    parser = MarkdownIt().enable("table")
    for rule in (link, image, autolink):
        parser.inline.ruler.at(rule.__name__, _locating(rule))
    return [token for token in parser.parse(text) if token.map]


def terms(text: str) -> dict[str, str]:
    """The entries of a glossary by their anchors, as plain sentences."""
    return {anchor: " ".join(re.sub(r"[*`]", "", meaning).split()) for anchor, meaning in TERM.findall(text)}


def blank(found: re.Match) -> str:
    """Spaces for what was found, so that everything else stays on its line."""
    return re.sub(r"\S", " ", found[0])


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
