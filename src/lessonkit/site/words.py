"""What the search and the glossary of the site know: the text of each section, and what each word means.

Both are scripts, not JSON: a page that is opened from the disk may load a script, and nothing else.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from html import unescape
from itertools import chain

from lessonkit.site.pages import Body

# What a reader does not look for: what stands on a frame or a button, and the TeX that MathML repeats.
APART = re.compile(
    r'<annotation.*?</annotation>|<figure class="code [^>]*><figcaption>.*?</figcaption>|<(\w+) class="kind">.*?</\1>'
    r"|<button.*?</button>",
    re.S,
)
# Where a part begins: a heading, a word of the glossary, something that folds and has a title.
HEADING = re.compile(
    r'<h[2-6] id="([^"]*)"[^>]*>(.*?)</h[2-6]>|<dt><span id="([^"]*)">(.*?)</span></dt>'
    r'|<details class="box \w+" id="([^"]*)"[^>]*><summary><span [^>]*>[^<]*</span><span class="title">(.*?)</span>',
    re.S,
)
ENTRY = re.compile(r'<dt><span id="([^"]*)">(.*?)</span></dt>\s*((?:<dd>.*?</dd>\s*)+)', re.S)
# What teaches comes before what tells of it.
WEIGHTS = {"episode": 1.0, "instructor": 0.9}
EMPHASIS = re.compile(r"<em>([^<]*)</em>")


def text(html: str) -> str:
    """What a reader reads of HTML, with spaces where one element ends and another begins."""
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", APART.sub(" ", html))).split())


def sections(body: Body, url: str) -> Iterator[dict[str, str | float]]:
    """The parts of a page from heading to heading, and the entries of a glossary: address, titles, text, weight."""
    page = body.page
    title = f"{page.number}. {page.title}" if page.number else page.title
    weight = WEIGHTS.get(page.kind, 0.7) if page.name != "setup" else 1

    def part(at: str, heading: str, words: str) -> dict[str, str | float]:
        return {"url": url + at, "page": title, "title": heading, "text": words, "weight": weight}

    start, at, heading = 0, "", ""
    for found in [*HEADING.finditer(body.html), None]:
        end = found.start() if found else len(body.html)
        yield part(at, heading, text(body.html[start:end]))
        if found:
            anchor, name = filter(None, found.groups())
            start, at, heading = found.end(), f"#{anchor}", text(name)
    for name in ("questions", "objectives", "keypoints"):
        if html := getattr(body, name):
            yield part("", "", text(html))


def index(pages: Iterable[Iterable[dict[str, str | float]]]) -> str:
    """The script that the page of the search loads, from the `sections` of all pages."""
    return f"const SECTIONS = {json.dumps(list(chain.from_iterable(pages)), ensure_ascii=False)};\n"


def linked(html: str) -> str:
    """A glossary whose words in italics lead to their entries, wherever they have one."""
    entries = {}
    for anchor, title, _ in ENTRY.findall(html):
        # "Axial, coronal, sagittal" are three words; "Dice coefficient (DSC)" is found without what it adds.
        for name in [text(title), *re.split(r", | \(", text(title).rstrip(")"))]:
            entries.setdefault(_singular(name), anchor)

    def link(found: re.Match) -> str:
        anchor = entries.get(_singular(unescape(found[1])))
        return f'<a href="#{anchor}">{found[0]}</a>' if anchor else found[0]

    return ENTRY.sub(lambda entry: EMPHASIS.sub(link, entry[0]), html)


def _singular(name: str) -> str:
    return re.sub(r"s$", "", name.lower().replace("\u00ad", ""))


def glossary(html: str) -> str:
    """The script with which a page explains a word where it stands: title and meaning of each entry, by its anchor."""
    words = {
        anchor: {"title": text(title), "html": " ".join(re.findall(r"<dd>(.*?)</dd>", meaning, re.S))}
        for anchor, title, meaning in ENTRY.findall(html)
    }
    return f"const GLOSSARY = {json.dumps(words, ensure_ascii=False)};\n"
