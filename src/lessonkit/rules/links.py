"""The Workbench's rules for links and images, and what makes them good ones."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from posixpath import dirname, join, normpath
from urllib.parse import unquote, urlsplit

from lessonkit.lesson import FOLDERS, Lesson
from lessonkit.rules.document import Document, Finding

SAYS_NOTHING = {"here", "this", "link", "a link", "this link", "click here", "read more", "more"}
ALT_OPENING = re.compile(r"(an? |the )?(image|picture|photo|photograph|graphic|figure) (of|showing) ", re.I)
UNDEFINED = re.compile(r"\[[^\[\]]+\]\[([^\[\]]*)\]")


def links(document: Document) -> Iterator[Finding]:
    """Links: secure, said in words, and leading to something."""
    for link in document.links:
        words = re.sub(r"\W+", " ", link.text).strip().lower()
        if len(link.text.strip()) < 2 or words in SAYS_NOTHING:
            says = f'this link\'s text is "{link.text}", which says nothing when read alone'
            yield link.line, f"{says}: name what it leads to"
        if dead := _dead(document, link.target):
            yield link.line, dead
    for token in document.inlines:
        for found in [found for child in token.children if (found := UNDEFINED.search(child.content))]:
            line = token.map[0] + 1 + token.content[: token.content.find(found[0])].count("\n")
            yield line, f"{found[0]} leads nowhere: define [{found[1]}] in links.md, or mend the name"
    for tag in document.tags:
        if tag.name in ("iframe", "video", "source", "script") and not urlsplit(tag.attributes.get("src") or "").scheme:
            yield tag.line, f"a relative source of <{tag.name}> breaks on the instructor pages: use an image, or a link"


def _dead(document: Document, target: str) -> str | None:
    """Why the link leads nowhere; None when all is well."""
    address, root = urlsplit(target), document.lesson.root
    if address.scheme == "http":
        return f"{target} is not secure: write https://"
    if address.scheme or address.netloc:
        return None
    path, anchor = unquote(address.path), unquote(address.fragment)
    if not path:
        # The Workbench finds the anchors of headings only.
        there = anchor in _anchors(document)
        return None if there else f"no heading makes the anchor #{anchor}: add {{#{anchor}}} to one, or mend the link"
    place = normpath(join(dirname(document.file), path))
    as_html = {f"{other.page.name}.html": other for other in document.siblings.values()}
    if other := document.siblings.get(place) or as_html.get(path):
        there = not anchor or anchor in _anchors(other) or f"{{#{anchor}}}" in other.page.text
        return None if there else f"{other.file} has no place named {{#{anchor}}}: name it there, or mend the link"
    if _exists(document.lesson, place) and _shipped(place):
        return None
    if not (root / place).exists():
        return f"{target} does not exist: mend the link, or write the page"
    if document.page.kind == "repository":
        return None
    return f"{target} exists, but is no page of the site: link to a page, or to its https:// address"


def _shipped(place: str) -> bool:
    """True for what the Workbench copies into the site beside the pages."""
    folder, *rest = PurePosixPath(place).parts
    return folder in FOLDERS and (len(rest) == 1 or rest[0] in ("data", "files", "fig"))


def _exists(lesson: Lesson, place: str) -> bool:
    """True for a file, also where a checkout without symbolic links has no episodes/fig."""
    return (lesson.root / place).is_file() or (lesson.root / place.removeprefix("episodes/")).is_file()


def _anchors(document: Document) -> set[str]:
    """The anchors of headings on which pandoc, who makes them, and the Workbench's validator agree."""
    found = set()
    for heading in document.headings:
        if named := re.search(r"\{#([^\s}]+)", heading.text):
            found.add(named[1])
        else:
            text = re.sub(r"[`*]", "", heading.text).lower()
            pandoc = re.sub(r"\s+", "-", re.sub(r"[^\w\s.-]", "", text).strip())
            validator = re.sub(r"[\W_]+", "-", text).strip("-")
            found |= {re.sub(r"^[\W\d_]+", "", pandoc)} & {validator}
    return found


def images(document: Document) -> Iterator[Finding]:
    """Images: there, where the site finds them, and described for those who do not see them."""
    for image in document.images:
        place = normpath(join(dirname(document.file), unquote(image.source)))
        if urlsplit(image.source).scheme or image.source.startswith("//"):
            yield image.line, "this image comes from the network: keep a copy in fig/ and show that"
        elif not place.startswith("episodes/fig/"):
            yield image.line, f"the site does not find {image.source}: images lie in fig/, reached as episodes/fig/"
        elif not _exists(document.lesson, place):
            yield image.line, f"{image.source} does not exist: draw it (python -m lessonkit run), or mend the name"
        if says := _bad_alt(image.caption, image.alt):
            yield image.line, says


def _bad_alt(caption: str, alt: str | None) -> str | None:
    """Why the alternative text says nothing; None when it does."""
    if alt is None:
        return "this image has no alternative text: write {alt='what there is to see'} right after it"
    if not alt.strip():
        return "an empty alt is for decoration, and this image has a caption: describe it" if caption else None
    if opening := ALT_OPENING.match(alt):
        return f'the alt begins with "{opening[0].strip()}", which a screen reader says anyway: begin with what is seen'
    words = re.findall(r"\w+", alt.lower())
    if words == re.findall(r"\w+", caption.lower()):
        return "the alt repeats the caption: tell what is seen in the image instead"
    if len(words) < 4:
        return f'the alt "{alt}" says too little: tell in a sentence what is seen in the image'
    return None
