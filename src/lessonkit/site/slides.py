"""An episode as slides: what the room looks at, and in the notes of each slide what its teacher says and types.

Nobody writes slides. They are cut from the page of the episode, by these rules:

- A `##` begins a stack: its title, and the first sentence below it; of a list, that of each point.
- A figure, a table, a formula, and a box such as a callout are a slide each, further down in the stack.
- A prediction and an exercise begin a stack of their own, and what answers them lies below. So the key to the right
  goes on without the answer, and the key down asks for it.
- A solution appears at one more press: its code, and up to 14 lines of it with what they print; its text where it has
  no code.
- The last slide of all has the key points. "Further practice" is not on slides.
- All else stands in the notes of the slide before it: the prose, the code to type and what it prints, the hints. A note
  to instructors comes first there; right above a prediction or an exercise it belongs to that.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from html import escape

from bs4 import BeautifulSoup, NavigableString, Tag

from lessonkit.rules.house import FURTHER
from lessonkit.site.pages import Body

HEADINGS = ["h2", "h3", "h4", "h5", "h6"]
MINUTES = re.compile(r"(\d+) minutes?")
SENTENCE = re.compile(r"[.!?][\"”’)]*(?=\s|$)")
PRINTED = ("output", "error", "warning")
LONG = 14  # lines of code, of which a slide holds no more than these and what they print


@dataclass
class Slide:
    """One slide.

    Attributes
    ----------
    kind : str
        "heading", "picture", or the kind of div that it shows: "challenge", "solution", "discussion", …
    title, label, html : str
        The title, as HTML; the word for its kind, or nothing; what stands below.
    anchor : str
        The anchor of what it shows on the page of the episode; or nothing.
    minutes : int
        How long the room works on it; 0 where it only looks.
    instructor, notes : list of str
        What is said to instructors here, and what else the episode says, as HTML.
    """

    kind: str
    title: str
    html: str = ""
    label: str = ""
    anchor: str = ""
    minutes: int = 0
    instructor: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def cut(body: Body) -> list[list[Slide]]:
    """The stacks of an episode: from left to right, and each from its top down.

    Parameters
    ----------
    body : Body
        The page as instructors see it, its links in place.
    """
    soup = BeautifulSoup(body.html, "html.parser")
    for node in soup.select("[data-exercise], .code > figcaption"):
        node.decompose()
    for link in soup.find_all("a"):
        link.unwrap()
    for picture in soup.find_all("img"):
        del picture["loading"]  # a slide that comes up, or goes to paper, has its picture
    for section in soup.find_all("section"):
        section.name = "div"  # reveal.js takes every section for a slide
    for heading in soup.find_all(HEADINGS[2:]):
        heading.name = "h3"  # whatever lies between it and the title of its slide is not there
    cutter = _Cutter(body)
    for node in soup.find_all(recursive=False):
        if node.name == "h2" and node.get_text() == FURTHER:
            break
        cutter.take(node)
    if body.keypoints:
        cutter.begin(Slide("keypoints", "Key points", body.keypoints))
    return cutter.stacks


class _Cutter:
    """The stacks so far, while the parts of a page come in order."""

    def __init__(self, body: Body):
        halves = [f"<div><h3>{name}</h3>{html}</div>" for name, html in _aims(body) if html]
        self.stacks = [[Slide("aims", "What this is about", "".join(halves))]]
        self.title = escape(body.page.title)
        self.asked = False  # the last stack is of a question and its answer, and takes nothing more
        self.waits = False  # the last heading has no sentence yet
        self.ahead: list[str] = []  # what is said to instructors of the question that comes next

    @property
    def last(self) -> Slide:
        return self.stacks[-1][-1]

    def begin(self, slide: Slide, asked: bool = False) -> None:
        """Put a slide to the right of all others."""
        self.stacks.append([slide])
        self.asked = asked

    def add(self, slide: Slide) -> None:
        """Put a slide below the last one, or to the right of it where that belongs to a question."""
        if self.asked:
            self.begin(slide)
        else:
            self.stacks[-1].append(slide)

    def take(self, node: Tag) -> None:
        """Bring one part of the page to its place."""
        kinds = node.get("class", [])
        if node.name in HEADINGS:
            self.title = node.decode_contents()
            if node.name == "h2":
                self.begin(Slide("heading", self.title, anchor=node.get("id", "")))
                self.waits = True
        elif "prediction" in kinds:
            self.predict(node)
        elif "challenge" in kinds:
            self.exercise(node)
        elif "instructor" in kinds:
            following = node.find_next_sibling()
            ahead = following and {"prediction", "challenge"}.intersection(following.get("class", []))
            (self.ahead if ahead else self.last.instructor).append(_folded(node))
        elif "box" in kinds and node.name == "div":
            label, title, anchor = _opening(node)
            self.add(Slide(kinds[1], title or self.title, _inside(node), label, anchor))
        elif _is_seen(node):
            self.add(Slide("picture", self.title, _bare(node)))
        else:
            if self.waits and node.name in ("p", "ul", "ol"):
                self.last.html, self.waits = _opening_words(node), False
            self.last.notes.append(_bare(node))

    def predict(self, node: Tag) -> None:
        """A question with its choices; below it what is seen, and what was printed with a sentence on each choice."""
        asks, answer, compares = node.find_all("div", recursive=False)
        label, title, anchor = _opening(asks)
        self.begin(Slide("discussion", title, _inside(asks), label, anchor, instructor=self.ahead), asked=True)
        self.ahead = []
        printed, notes = "", []
        for part in answer.find_all(recursive=False):
            if _is_seen(part):
                self.stacks[-1].append(Slide("picture", title, _bare(part)))
            elif _is_code(part, PRINTED):
                printed += _bare(part)
            else:
                (self.last.notes if _is_code(part) else notes).append(_bare(part))
        label, *_ = _opening(compares)
        self.stacks[-1].append(Slide("discussion compare", title, printed + _inside(compares), label, notes=notes))

    def exercise(self, node: Tag) -> None:
        """What is to be done, its pictures and its solution below; the hints in the notes."""
        folded = [fold.extract() for fold in node.find_all("details", recursive=False)]
        label, title, anchor = _opening(node)
        minutes = MINUTES.search(label)
        slide = Slide("challenge", title, label=label, anchor=anchor, instructor=self.ahead)
        slide.minutes = int(minutes[1]) if minutes else 0
        self.begin(slide, asked=True)
        self.ahead = []
        seen = [part.extract() for part in node.find_all(_is_seen, recursive=False)]
        asked = [part for part in _parts(node) if not (_is_code(part, PRINTED) or "unchecked" in part.get("class", []))]
        slide.html = "".join(map(_bare, asked))
        self.stacks[-1] += [Slide("picture", title, _bare(part)) for part in seen]
        for fold in folded:
            kind = fold["class"][1]
            if kind == "solution":
                self.solution(title, fold)
            else:
                (slide.instructor if kind == "instructor" else slide.notes).append(_folded(fold))

    def solution(self, title: str, fold: Tag) -> None:
        """The code and, where there is room, what it prints; the text where there is none. What it draws lies below."""
        parts = _parts(fold.find("div", class_="inside"))
        code = [part for part in parts if _is_code(part) and not _is_code(part, PRINTED)]
        if sum(len(part.get_text().splitlines()) for part in code) <= LONG:
            code = [part for part in parts if _is_code(part)]
        seen = [part for part in parts if _is_seen(part)]
        others = [part for part in parts if part not in code and part not in seen]
        shown, notes = (code, [_bare(part) for part in others]) if code else (others, [])
        html = f'<div class="fragment">{_all(shown)}</div>'
        self.stacks[-1].append(Slide("solution", title, html, "Solution", notes=notes))
        self.stacks[-1] += [Slide("picture", title, _bare(part)) for part in seen]


def _opening_words(node: Tag) -> str:
    """The first sentence of a paragraph, or of each point of a list."""
    if node.name == "p":
        return f"<p>{first_sentence(node)}</p>"
    points = node.find_all("li", recursive=False)
    return f"<{node.name}>{''.join(f'<li>{first_sentence(point.p or point)}</li>' for point in points)}</{node.name}>"


def first_sentence(paragraph: Tag) -> str:
    """The HTML of a paragraph, or of a point of a list, up to the end of its first sentence."""
    said = ""
    for part in paragraph.children:
        if isinstance(part, NavigableString):
            end = SENTENCE.search(part)
            said += escape(part[: end.end()] if end else part, quote=False)
        else:
            end = part.name in ("strong", "em") and SENTENCE.search(part.get_text().rstrip()[-2:])
            said += str(part)
        if end:
            break
    return said


def _aims(body: Body) -> list[tuple[str, str]]:
    """The questions and the objectives, whose links lead nowhere on slides."""
    plain = [re.sub(r"</?a\b[^>]*>", "", html) for html in (body.questions, body.objectives)]
    return list(zip(("Questions", "Objectives"), plain, strict=True))


def _is_code(node: Tag, languages: Iterable[str] = ()) -> bool:
    """Whether a part is a block of code, in one of the languages where some are named."""
    kinds = node.get("class", [])
    return "code" in kinds and (not languages or kinds[1] in languages)


def _is_seen(node: Tag) -> bool:
    """Whether a part is looked at and not read: a figure, a table, a formula on a line of its own."""
    if node.name == "figure":
        return not _is_code(node)
    return "table" in node.get("class", []) or (node.name == "p" and bool(node.select(":scope > math[display=block]")))


def _opening(node: Tag) -> tuple[str, str, str]:
    """The label, the title and the anchor with which a box begins; all leave it."""
    label = node.find(class_="kind").extract().get_text()
    heading = node.find(HEADINGS, recursive=False)
    return label, heading.extract().decode_contents() if heading else "", heading.get("id", "") if heading else ""


def _folded(fold: Tag) -> str:
    """What folds on the page, open: its label and title in a line, and what it holds."""
    line = " · ".join(part.get_text() for part in fold.summary.find_all("span"))
    return f"<p><strong>{escape(line, quote=False)}</strong></p>{_inside(fold.find('div', class_='inside'))}"


def _parts(node: Tag) -> list[Tag]:
    return node.find_all(recursive=False)


def _inside(node: Tag) -> str:
    return _all(_parts(node))


def _all(nodes: Iterable[Tag]) -> str:
    return "".join(map(_bare, nodes))


def _bare(node: Tag) -> str:
    """The HTML of a part without anchors: those of the page are the slides'."""
    for each in [node, *node.find_all(id=True)]:
        del each["id"]
    return str(node)
