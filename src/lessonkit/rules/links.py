"""The Workbench's rules for links and images, and what makes them good ones."""

from __future__ import annotations

import re
from collections.abc import Iterator
from os.path import relpath
from posixpath import dirname, join, normpath
from urllib.parse import unquote, urlsplit

from lessonkit.addresses import Addresses
from lessonkit.lesson import FOLDERS
from lessonkit.markdown import Heading
from lessonkit.page import Finding, LessonError, Page

SAYS_NOTHING = {"here", "this", "link", "a link", "this link", "click here", "read more", "more"}
ALT_OPENING = re.compile(r"(an? |the )?(image|picture|photo|photograph|graphic|figure) (of|showing) ", re.I)
UNDEFINED = re.compile(r"\[[^\[\]]+\]\[([^\[\]]*)\]")


def links(page: Page, addresses: Addresses) -> Iterator[Finding]:
    """Links: secure, said in words, and leading to something."""
    for link in page.links:
        words = re.sub(r"\W+", " ", link.text).strip().lower()
        if len(link.text.strip()) < 2 or words in SAYS_NOTHING:
            says = f'this link\'s text is "{link.text}", which says nothing when read alone'
            yield link.line, f"{says}: name what it leads to"
        if dead := _dead(page, link.target, addresses):
            yield link.line, dead
    for token in page.inlines:
        for found in [found for child in token.children if (found := UNDEFINED.search(child.content))]:
            line = token.map[0] + 1 + token.content[: token.content.find(found[0])].count("\n")
            yield line, f"{found[0]} leads nowhere: define [{found[1]}] in links.md, or mend the name"
    for tag in page.tags:
        if tag.name in ("iframe", "video", "source", "script") and not urlsplit(tag.attributes.get("src") or "").scheme:
            yield tag.line, f"a relative source of <{tag.name}> breaks on the instructor pages: use an image, or a link"


def _dead(page: Page, target: str, addresses: Addresses) -> str | None:
    """Why the link leads nowhere; None when all is well."""
    if target.startswith("http:"):
        return f"{target} is not secure: write https://"
    place = addresses.where(page, target)
    anchor = unquote(place.fragment.removeprefix("#"))
    if target.startswith("#"):
        # The Workbench finds the anchors of headings only.
        there = anchor in _anchors(page)
        return None if there else f"no heading makes the anchor #{anchor}: add {{#{anchor}}} to one, or mend the link"
    match place.kind:
        case "page":
            here = target.partition("#")[0]
            if here.endswith(".md") and not (page.path.parent / unquote(here)).is_file():
                where = relpath(place.page.path, page.path.parent)
                return f"{here} does not lie beside this page: write {where}"
            there = not anchor or place.page.faults or anchor in _anchors(place.page)
            if there or f"{{#{anchor}}}" in place.page.text:
                return None
            return f"{place.page.file} has no place named {{#{anchor}}}: name it there, or mend the link"
        case "made":
            return f"{target} does not exist for the Workbench: link to a page that somebody wrote"
        case "nothing":
            return f"{target} does not exist: mend the link, or write the page"
        case "repository":
            folder, *rest = place.name.split("/")
            if page.kind != "repository" and not (folder in FOLDERS and len(rest) == 1):  # a loose file is copied
                return f"{target} exists, but is no page of the site: link to a page, or to its https:// address"
    return None


def anchors(heading: Heading) -> set[str]:
    """The anchor of a heading on which pandoc, who makes it, and the Workbench's validator agree; none where not."""
    if named := re.search(r"\{#([^\s}]+)", heading.text):
        return {named[1]}
    text = re.sub(r"[`*]", "", heading.text).lower()
    pandoc = re.sub(r"\s+", "-", re.sub(r"[^\w\s.-]", "", text).strip())
    validator = re.sub(r"[\W_]+", "-", text).strip("-")
    return {re.sub(r"^[\W\d_]+", "", pandoc)} & {validator}


def _anchors(page: Page) -> set[str]:
    return set().union(*map(anchors, page.headings))


def images(page: Page, addresses: Addresses) -> Iterator[Finding]:
    """Images: there, where the site finds them, whole, and described for those who do not see them."""
    for image in page.images:
        place = addresses.where(page, image.path)
        found = normpath(join(dirname(page.file), unquote(image.path)))
        if place.kind == "outside":
            yield image.line, "this image comes from the network: keep a copy in fig/ and show that"
        elif not found.startswith("episodes/fig/"):
            yield image.line, f"the site does not find {image.path}: images lie in fig/, reached as episodes/fig/"
        elif place.kind != "asset":
            yield image.line, f"{image.path} does not exist: draw it (python -m lessonkit run), or mend the name"
        else:
            try:
                addresses.size(place.name)
            except LessonError as error:
                yield image.line, f"{place.name}: {error.what}"
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
