"""Writes the links and images of a page for the site, in the learner view and in the instructor view."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cached_property
from html import escape, unescape
from urllib.parse import quote

from lessonkit.addresses import Addresses, Place
from lessonkit.page import Page
from lessonkit.site import pictures

TAG = re.compile(r"<(?:a|img|iframe|video|audio|source)\b[^>]*>")
LOOK = re.compile(r'<look src="([^"]*)">')  # page.lua's
TARGET = re.compile(r"""\b(href|src)=(["'])(.*?)\2""")


@dataclass(frozen=True)
class View:
    """One of the two views: the folder that it lies in, and the way back from there."""

    name: str
    folder: str
    up: str


LEARNER = View("learner", "", "")
INSTRUCTOR = View("instructor", "instructor/", "../")


@dataclass(frozen=True)
class Links:
    """The links of one lesson's site."""

    addresses: Addresses

    @cached_property
    def instructor_only(self) -> set[str]:
        return {"exercises", *(page.name for page in self.addresses.lesson.pages("instructors"))}

    def url(self, name: str, view: View) -> str:
        """The address of a page, seen from a page of `view`."""
        apart = view is LEARNER and name in self.instructor_only
        return f"{INSTRUCTOR.folder if apart else ''}{name}.html"

    def resolve(self, href: str, page: Page, view: View) -> str:
        """The address in the site of what a page's source calls `href`.

        Raises
        ------
        LessonError
            Nothing of that name is in the lesson.
        """
        return self._address(self.addresses.where(page, href), href, page, view)

    def _address(self, place: Place, href: str, page: Page, view: View) -> str:
        if place.kind == "outside" or href.startswith("#"):
            return href
        match place.kind:
            case "page" | "made":
                return self.url(place.name, view) + place.fragment
            case "asset":
                return view.up + quote(place.name)
            case "repository":
                return self.addresses.in_repository(place.name) + place.fragment
        raise self.addresses.missing(page, href)

    def rewrite(self, html: str, page: Page, view: View) -> str:
        """HTML with every link and image pointing to its place in the site; images get their size."""

        def attribute(found: re.Match) -> str:
            name, quotes, href = found[1], found[2], unescape(found[3])
            place = self.addresses.where(page, href)
            size = self.addresses.size(place.name) if name == "src" and place.kind == "asset" else None
            if name == "src" and place.kind == "asset":
                place = replace(place, name=pictures.sent(place.name, self.addresses.assets))
            # The page does not jump while it loads, and on a phone the style keeps letters large enough to read.
            sides = ' width="{0}" height="{1}" style="--wide:{0}px"'.format(*size) if size else ""
            return f"{name}={quotes}{escape(self._address(place, href, page, view))}{quotes}{sides}"

        html = TAG.sub(lambda tag: TARGET.sub(attribute, tag[0]), html)
        return LOOK.sub(lambda found: self._look(self.addresses.where(page, unescape(found[1])), view), html)

    def _look(self, place: Place, view: View) -> str:
        """The button below a picture that makes it live; nothing where the figure has no state."""
        state = self.addresses.state(place.name) if place.kind == "asset" else None
        if state is None:
            return ""
        address = escape(view.up + quote(state))
        return f'<button type="button" class="look" data-state="{address}">Look around</button>'
