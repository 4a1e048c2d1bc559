"""The Workbench's rules for one page: front matter, divs, headings and code blocks."""

from __future__ import annotations

import re
from collections.abc import Iterator

import yaml

from lessonkit.rules.document import Document, Finding, Heading, Span
from lessonkit.rules.files import explain

DIVS = {
    *("callout", "caution", "challenge", "checklist", "discussion", "group-tab", "hint", "instructor", "keypoints"),
    *("objectives", "prereq", "questions", "solution", "spoiler", "tab", "testimonial"),
}
ONCE = ("questions", "objectives", "keypoints")
LONGEST = 60  # minutes


def front_matter(document: Document) -> Iterator[Finding]:
    """Valid YAML from line 1; a quoted title; an episode's minutes."""
    kind, head = document.page.kind, document.lines[1 : document.front_matter - 1]
    try:
        values = yaml.safe_load("\n".join(head)) if document.front_matter else {}
    except yaml.YAMLError as error:
        line, says = explain(error)
        yield line + 1, f"the front matter is not valid YAML ({says}): is the title in quotes?"
        return
    values = values if isinstance(values, dict) else {}

    def at(key: str) -> int:
        return next((number for number, text in enumerate(head, start=2) if text.startswith(f"{key}:")), 1)

    if not values.get("title"):
        if kind != "home":
            yield at("title"), 'the page has no title: open it with front matter (---, title: "…", ---)'
    elif not re.match(r"title:\s*(['\"]).*\1\s*$", head[at("title") - 2]):
        yield at("title"), "put the title in quotes: a colon in it would break the front matter"
    for key in ("teaching", "exercises") if kind == "episode" else ():
        if type(values.get(key)) is not int or not 0 < values[key] <= LONGEST:
            yield at(key), f"'{key}' must say how long that takes, in whole minutes from 1 to {LONGEST}"


def divs(document: Document) -> Iterator[Finding]:
    """Fenced divs: known, closed, set apart; an episode's questions, objectives and key points; tabs."""
    yield from document.div_problems
    for span in document.divs:
        if span.kind not in DIVS:
            yield span.line, f"the Workbench knows no '{span.kind}' div: use one of {', '.join(sorted(DIVS))}"
        if _text_above(document, span.line):
            yield span.line, "put a blank line before this div, or it becomes part of the text above"
        if span.kind in ("tab", "group-tab"):
            yield from _tab(document, span)
    for tag in document.tags:
        if tag.name == "div":
            yield tag.line, "a raw <div> can crash the Workbench: write a fenced div (::: kind, and ::: at its end)"
    for kind in ONCE if document.page.kind == "episode" else ():
        yield from _once(document, kind)


def _tab(document: Document, span: Span) -> Iterator[Finding]:
    for heading in document.headings:
        if span.holds(heading.line) and document.lines[heading.line - 2].strip():
            yield heading.line, "put a blank line before a tab's heading, or the tab is not made"
    inside = [(token.map[0] + 1, "a table") for token in document.tokens if token.type == "table_open"]
    inside += [(tag.line, "an iframe") for tag in document.tags if tag.name == "iframe"]
    inside += [(div.line, f"a '{div.kind}' div") for div in document.divs]
    for line, what in inside:
        if span.holds(line):
            yield line, f"{what} does not work inside a {span.kind}: move it out"


def _once(document: Document, kind: str) -> Iterator[Finding]:
    spans = [span for span in document.divs if span.kind == kind]
    if not spans:
        yield 1, f"the episode has no '{kind}' div: add one, with a list in it"
    for span in spans[1:]:
        yield span.line, f"the episode has more than one '{kind}' div: keep one"
    for span in spans[:1]:
        if not any(token.type == "bullet_list_open" and span.holds(token.map[0] + 1) for token in document.tokens):
            yield span.line, f"'{kind}' must hold a list: begin each point with '- '"


def headings(document: Document) -> Iterator[Finding]:
    """Headings: from level 2, without jumps, none empty, none twice among siblings. Those inside divs count."""
    above: list[Heading] = []
    seen: set[tuple[str, ...]] = set()
    level = 1
    for heading in document.headings:
        line = heading.line
        if heading.level == 1:
            yield line, "level 1 is the page's title: begin this heading with ##"
        elif heading.level > level + 1:
            yield line, f"this heading jumps from level {level} to level {heading.level}: use {'#' * (level + 1)}"
        if not heading.text.strip():
            yield line, "this heading is empty: name it, or take it out"
        elif _text_above(document, line):
            yield line, "put a blank line before this heading, or it becomes part of the text above"
        level = heading.level
        above = [*(other for other in above if other.level < level), heading]
        trail = tuple(other.text.strip().lower() for other in above)
        if trail in seen and trail[-1]:
            yield line, f'"{heading.text}" already stands in this section: give each its own name'
        seen.add(trail)


def fences(document: Document) -> Iterator[Finding]:
    """Code blocks that the site can label; diagrams that say what they show."""
    for token in document.fences:
        line, words = token.map[0] + 1, token.info.split()
        if len(words) != 1 or not words[0].isalnum():
            says = token.info.strip() or "nothing"
            yield line, f"this code block says {says} after its backticks: write one word, such as python, bash or text"
        if words[:1] == ["mermaid"]:
            for key in ("accTitle:", "accDescr:"):
                if key not in token.content:
                    yield line, f"this diagram needs a line '{key} …' for those who do not see it"


def _text_above(document: Document, line: int) -> bool:
    """True where text that is no fence of a div stands on the line before."""
    before = document.lines[line - 2].strip() if line > 1 else ""
    return bool(before) and not before.startswith(":::")
