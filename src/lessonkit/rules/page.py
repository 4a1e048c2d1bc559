"""The Workbench's rules for one page: front matter, divs, headings and code blocks."""

from __future__ import annotations

import re
from collections.abc import Iterator

from lessonkit.divs import DIVS, Div
from lessonkit.markdown import Heading
from lessonkit.page import Finding, Page

ONCE = ("questions", "objectives", "keypoints")
LONGEST = 60  # minutes


def front_matter(page: Page) -> Iterator[Finding]:
    """A quoted title; an episode's minutes."""
    if not page.meta.get("title"):
        if page.kind != "home":
            yield page.line_of("title"), 'the page has no title: open it with front matter (---, title: "…", ---)'
    elif not re.match(r"title:\s*(['\"]).*\1\s*$", page.lines[page.line_of("title") - 1]):
        yield page.line_of("title"), "put the title in quotes: a colon in it would break the front matter"
    for key in ("teaching", "exercises") if page.kind == "episode" else ():
        if not 0 <= page.meta.get(key, -1) <= LONGEST:
            yield page.line_of(key), f"'{key}' must say how long that takes, in whole minutes from 1 to {LONGEST}"


def divs(page: Page) -> Iterator[Finding]:
    """Fenced divs: known, closed, set apart; an episode's questions, objectives and key points; tabs."""
    for div in page.divs:
        if div.kind not in DIVS:
            yield div.line, f"the Workbench knows no '{div.kind}' div: use one of {', '.join(sorted(DIVS))}"
        if _text_above(page, div.line):
            yield div.line, "put a blank line before this div, or it becomes part of the text above"
        if div.kind in ("tab", "group-tab"):
            yield from _tab(page, div)
    for tag in page.tags:
        if tag.name == "div":
            yield tag.line, "a raw <div> can crash the Workbench: write a fenced div (::: kind, and ::: at its end)"
    for kind in ONCE if page.kind == "episode" else ():
        yield from _once(page, kind)


def _tab(page: Page, tab: Div) -> Iterator[Finding]:
    for heading in page.headings:
        if tab.holds(heading.line) and page.lines[heading.line - 2].strip():
            yield heading.line, "put a blank line before a tab's heading, or the tab is not made"
    inside = [(token.map[0] + 1, "a table") for token in page.tokens if token.type == "table_open"]
    inside += [(tag.line, "an iframe") for tag in page.tags if tag.name == "iframe"]
    inside += [(div.line, f"a '{div.kind}' div") for div in page.divs]
    for line, what in inside:
        if tab.holds(line):
            yield line, f"{what} does not work inside a {tab.kind}: move it out"


def _once(page: Page, kind: str) -> Iterator[Finding]:
    found = [div for div in page.divs if div.kind == kind]
    if not found:
        yield 1, f"the episode has no '{kind}' div: add one, with a list in it"
    for div in found[1:]:
        yield div.line, f"the episode has more than one '{kind}' div: keep one"
    for div in found[:1]:
        if not any(token.type == "bullet_list_open" and div.holds(token.map[0] + 1) for token in page.tokens):
            yield div.line, f"'{kind}' must hold a list: begin each point with '- '"


def headings(page: Page) -> Iterator[Finding]:
    """Headings: from level 2, without jumps, none empty, none twice among siblings. Those inside divs count."""
    above: list[Heading] = []
    seen: set[tuple[str, ...]] = set()
    level = 1
    for heading in page.headings:
        line = heading.line
        if heading.level == 1:
            yield line, "level 1 is the page's title: begin this heading with ##"
        elif heading.level > level + 1:
            yield line, f"this heading jumps from level {level} to level {heading.level}: use {'#' * (level + 1)}"
        if not heading.text.strip():
            yield line, "this heading is empty: name it, or take it out"
        elif _text_above(page, line):
            yield line, "put a blank line before this heading, or it becomes part of the text above"
        level = heading.level
        above = [*(other for other in above if other.level < level), heading]
        trail = tuple(other.text.strip().lower() for other in above)
        if trail in seen and trail[-1]:
            yield line, f'"{heading.text}" already stands in this section: give each its own name'
        seen.add(trail)


def fences(page: Page) -> Iterator[Finding]:
    """Code blocks that the site can label; diagrams that say what they show."""
    for token in page.fences:
        line, words = token.map[0] + 1, token.info.split()
        if len(words) != 1 or not words[0].isalnum():
            says = token.info.strip() or "nothing"
            yield line, f"this code block says {says} after its backticks: write one word, such as python, bash or text"
        if words[:1] == ["mermaid"]:
            for key in ("accTitle:", "accDescr:"):
                if key not in token.content:
                    yield line, f"this diagram needs a line '{key} …' for those who do not see it"


def _text_above(page: Page, line: int) -> bool:
    """True where text that is no fence of a div stands on the line before."""
    before = page.lines[line - 2].strip() if line > 1 else ""
    return bool(before) and not before.startswith(":::")
