"""The fenced divs of a page: which kinds there are, what each is called, and where they begin and end."""

from __future__ import annotations

import re
from dataclasses import dataclass

from lessonkit.markdown import CODE_SPAN, blank

# One word, or braces, and nothing else on the line.
OPEN = re.compile(r"^\s*:{3,}\s*(?=[\w-]+\s*:*\s*$|\{[^}]*\}\s*:*\s*$)\{?\.?([\w-]+)")
CLOSE = re.compile(r"^\s*:{3,}\s*$")
# Typing slips that every reader of Markdown takes for text, so that a heading or a box is lost without a word.
SLIPS = {
    re.compile(r"^\s*:{1,2}\s*#"): "a colon stands before this heading, which makes it plain text: take it out",
    re.compile(r"^\s*#{2,6}[^\s#]"): "there is no blank after these #, which makes the heading plain text: put one",
    re.compile(r"^\s*::\s*[\w-]*\s*$"): "a div has three colons or more: these two are plain text",
    re.compile(r"\S.*:::"): "this ::: stands behind other text, and opens and closes nothing: give it its own line",
}
ATTRIBUTES = re.compile(r"\s*\{[^}]*\}\s*$")


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

    `line` and `end` are the lines of its two fences, from 1; `end` is 0 where it is never closed. `step` is "1 of 3" in
    the first of three hints of one exercise, and nothing elsewhere.
    """

    kind: str
    title: str
    line: int
    parent: Div | None
    end: int = 0
    step: str = ""

    def holds(self, line: int) -> bool:
        return self.line < line < self.end

    @property
    def shown(self) -> str:
        """As `Kind.shown`; a box where the kind is not known."""
        return DIVS[self.kind].shown if self.kind in DIVS else "box"

    @property
    def label(self) -> str:
        return " ".join(filter(None, [DIVS[self.kind].label if self.kind in DIVS else self.kind, self.step]))


def read(lines: list[str], apart: set[int]) -> tuple[list[Div], list[tuple[int, str]]]:
    """The divs, and what is to be said of fence lines that open or close nothing, and of slips that swallow a heading.

    Parameters
    ----------
    apart : set of int
        Lines (from 1) that hold no fences: of code, of the front matter.
    """
    divs, open_, faults = [], [], []
    for line, text in enumerate(lines, start=1):
        if line in apart:
            continue
        if not text.lstrip().startswith(":::"):
            prose = CODE_SPAN.sub(blank, text)
            faults += [(line, what) for slip, what in SLIPS.items() if slip.search(prose)]
        elif opened := OPEN.match(text):
            heading = next((below for below in lines[line:] if below.strip()), "")
            title = ATTRIBUTES.sub("", heading.lstrip("#")).strip() if heading.startswith("#") else ""
            open_.append(Div(opened[1], title, line, open_[-1] if open_ else None))
            divs.append(open_[-1])
        elif not CLOSE.match(text):
            faults.append((line, "these colons cannot be read: open a div by '::: kind', and close it by ':::'"))
        elif open_:
            open_.pop().end = line
        else:
            faults.append((line, "this ::: closes a div that was never opened: take it out"))
    faults += [(div.line, f"this '{div.kind}' div is never closed: end it by ':::'") for div in open_]
    for outer in divs:
        hints = [div for div in divs if div.parent is outer and div.kind == "hint"]
        for number, hint in enumerate(hints if len(hints) > 1 else (), start=1):
            hint.step = f"{number} of {len(hints)}"
    return divs, faults
