"""Where each link and image of a page points to in the site, in the learner view and in the instructor view."""

from __future__ import annotations

import os
import re
import struct
from dataclasses import dataclass
from functools import cached_property
from html import escape, unescape
from pathlib import Path
from urllib.parse import quote, unquote

from lessonkit.lesson import FOLDERS, Lesson, LessonError, Page

TAG = re.compile(r"<(?:a|img|iframe|video|audio|source)\b[^>]*>")
TARGET = re.compile(r"""\b(href|src)=(["'])(.*?)\2""")
EXTERNAL = re.compile(r"[a-z][a-z0-9+.-]*:|//", re.I)
GITHUB = re.compile(r"https://github\.com/([^/]+)/([^/]+?)(?:\.git)?/?$")
MADE = ("index", "key-points", "images", "aio", "profiles", "search", "404")
VIEW_BOX = re.compile(r'viewBox="\S+ \S+ (\S+) (\S+)"')
COPIED = ("fig", "files", "data")


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
    """The addresses of one lesson."""

    lesson: Lesson

    @cached_property
    def names(self) -> dict[Path, str]:
        """Each source file and the page that it becomes; all profiles share one page."""
        pages = self.lesson.all_pages()
        return {page.path: "profiles" if page.kind == "profile" else page.name for page in pages}

    @cached_property
    def instructor_only(self) -> set[str]:
        return {"exercises", *(page.name for page in self.lesson.pages("instructors"))}

    def url(self, name: str, view: View) -> str:
        """The address of a page, seen from a page of `view`."""
        apart = view is LEARNER and name in self.instructor_only
        return f"{INSTRUCTOR.folder if apart else ''}{name}.html"

    @cached_property
    def source(self) -> str:
        return str(self.lesson.config["source"]).rstrip("/").removesuffix(".git")

    @cached_property
    def branch(self) -> str:
        return str(self.lesson.config.get("branch", "main"))

    @cached_property
    def base(self) -> str | None:
        """The address of the published site, which GitHub derives from the repository's."""
        found = GITHUB.match(self.source)
        return f"https://{found[1].lower()}.github.io/{found[2]}/" if found else None

    def outside(self, path: str) -> dict[str, str]:
        """Where a file can be edited, or a notebook run; nothing where the source is not on GitHub."""
        found = GITHUB.match(self.source)
        if not found:
            return {}
        repository, path = f"{found[1]}/{found[2]}", quote(path)
        return {
            "edit": f"{self.source}/edit/{self.branch}/{path}",
            "colab": f"https://colab.research.google.com/github/{repository}/blob/{self.branch}/{path}",
            "binder": f"https://mybinder.org/v2/gh/{repository}/{self.branch}?labpath={quote(path, safe='')}",
        }

    def resolve(self, href: str, page: Page, view: View) -> str:
        """The address in the site of what a page's source calls `href`.

        Raises
        ------
        LessonError
            Nothing of that name is in the lesson.
        """
        path, mark, fragment = href.partition("#")
        if EXTERNAL.match(href) or not path:
            return href
        root, target = self.lesson.root, _target(path, page)
        name = self.names.get(target)
        if name is None and target.suffix == ".html":
            known = target.stem in MADE or target.stem in self.instructor_only or target.stem in self.names.values()
            name = target.stem if known else None
        if name:
            return self.url(name, view) + mark + fragment
        if asset := self.asset(target):
            return view.up + quote(asset[1])
        if target.exists() and target.is_relative_to(root):
            sort = "tree" if target.is_dir() else "blob"
            return f"{self.source}/{sort}/{self.branch}/{quote(target.relative_to(root).as_posix())}{mark}{fragment}"
        where = page.path.relative_to(root).as_posix()
        raise LessonError(f"{where} points to {href}, which is not there: mend the link or add the file")

    def asset(self, target: Path) -> tuple[Path, str] | None:
        """A file that is copied into the site, and its name there; fig/ means the root's, symbolic link or not."""
        if not target.is_relative_to(self.lesson.root):
            return None
        parts = target.relative_to(self.lesson.root).parts
        if len(parts) > 2 and parts[0] in FOLDERS and parts[1] in COPIED and target.is_file():
            return target, "/".join(parts[1:])
        name = "/".join(parts[parts.index("fig") :]) if "fig" in parts else ""
        return (self.lesson.root / name, name) if name and (self.lesson.root / name).is_file() else None

    def rewrite(self, html: str, page: Page, view: View) -> str:
        """HTML with every link and image pointing to its place in the site; images get their size."""

        def attribute(found: re.Match) -> str:
            name, quotes, href = found[1], found[2], unescape(found[3])
            asset = self.asset(_target(href, page)) if name == "src" else None
            return f"{name}={quotes}{escape(self.resolve(href, page, view))}{quotes}{_size(asset[0]) if asset else ''}"

        return TAG.sub(lambda tag: TARGET.sub(attribute, tag[0]), html)


def _target(path: str, page: Page) -> Path:
    """The file that a link means. A symbolic link stays one: episodes/fig is not resolved."""
    return Path(os.path.normpath(page.path.parent / unquote(path)))


def _size(path: Path) -> str:
    """The width and height attributes of a PNG or SVG file, so that the page does not jump while it loads."""
    if path.suffix == ".png":
        width, height = struct.unpack(">II", path.read_bytes()[16:24])
    elif path.suffix == ".svg" and (box := VIEW_BOX.search(path.read_text(encoding="utf-8"))):
        width, height = (round(float(side)) for side in box.groups())
    else:
        return ""
    return f' width="{width}" height="{height}"'
