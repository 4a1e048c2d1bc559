"""Where a link of a page leads, and what that place is called in the repository and on the published site."""

from __future__ import annotations

import os
import re
import struct
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from urllib.parse import quote, unquote

from lessonkit.lesson import FOLDERS, Lesson
from lessonkit.page import LessonError, Page

EXTERNAL = re.compile(r"[a-z][a-z0-9+.-]*:|//", re.I)
GITHUB = re.compile(r"https://github\.com/([^/]+)/([^/]+)$")
VIEW_BOX = re.compile(r'viewBox="\S+ \S+ (\S+) (\S+)"')
# The pages that the site makes itself, whose names no other page can have.
MADE = ("404", "aio", "exercises", "images", "index", "key-points", "own-image", "profiles", "search")
# Folders of which the site has a copy, within each of `FOLDERS`; fig/ lies at the top of the lesson.
COPIED = ("fig", "files", "data")


@dataclass(frozen=True)
class Place:
    """Where a link leads.

    Attributes
    ----------
    kind : str
        "outside" (another site), "page", "made" (a page that the site makes itself), "asset" (a file that is copied
        into the site), "repository" (any other file or folder of the lesson) or "nothing".
    name : str
        The page's name on the site, the asset's path in the site, or the path in the repository; for what is outside,
        the address as it was written.
    fragment : str
        The anchor, with its "#"; or nothing.
    page : Page or None
        The page, for a "page".
    """

    kind: str
    name: str
    fragment: str = ""
    page: Page | None = None


@dataclass(frozen=True)
class Addresses:
    """The addresses of one lesson."""

    lesson: Lesson

    @cached_property
    def source(self) -> str:
        """The address of the repository."""
        return self.lesson.setting("source").rstrip("/").removesuffix(".git")

    @cached_property
    def branch(self) -> str:
        return str(self.lesson.config.get("branch", "main"))

    @cached_property
    def base(self) -> str | None:
        """The address of the published site, which GitHub derives from the repository's; None elsewhere."""
        found = GITHUB.match(self.source)
        return f"https://{found[1].lower()}.github.io/{found[2]}/" if found else None

    def in_repository(self, path: str) -> str:
        """The address at which a file or folder of the repository is read."""
        sort = "tree" if (self.lesson.root / path).is_dir() else "blob"
        return f"{self.source}/{sort}/{self.branch}/{quote(path)}"

    def published(self, name: str, file: str) -> str:
        """The address of a page on the published site; of its source, where the site's address is not known."""
        return f"{self.base}{name}.html" if self.base else self.in_repository(file)

    def services(self, path: str) -> dict[str, str]:
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

    @cached_property
    def pages(self) -> dict[Path, Page]:
        """The pages of the site by their files."""
        return {page.path: page for page in self.lesson.all_pages()}

    @cached_property
    def _by_name(self) -> dict[str, Page]:
        return {page.name: page for page in self.pages.values() if page.kind != "profile"}

    def where(self, page: Page, href: str) -> Place:
        """Where a page's link or image leads: a page by its file or its name on the site, or a file."""
        path, mark, anchor = href.partition("#")
        fragment = mark + anchor
        if EXTERNAL.match(href):
            return Place("outside", href)
        if not path:
            return Place("page", site_name(page), fragment, page)
        # A symbolic link stays one: episodes/fig is not resolved.
        target = Path(os.path.normpath(page.path.parent / unquote(path)))
        # The Workbench lays all pages in one folder, and finds them there by their names.
        name, suffix = os.path.splitext(path)
        on_site = name if suffix in (".html", ".md") else ""
        if other := self.pages.get(target) or self._by_name.get(on_site):
            return Place("page", site_name(other), fragment, other)
        if on_site in MADE and suffix == ".html":
            return Place("made", on_site, fragment)
        if asset := self._asset(target):
            return Place("asset", asset)
        if target.exists() and target.is_relative_to(self.lesson.root):
            return Place("repository", target.relative_to(self.lesson.root).as_posix(), fragment)
        return Place("nothing", href)

    def _asset(self, target: Path) -> str | None:
        """The path in the site of a file that is copied there; fig/ means the root's, symbolic link or not."""
        if not target.is_relative_to(self.lesson.root):
            return None
        parts = target.relative_to(self.lesson.root).parts
        if "fig" in parts:
            name = "/".join(parts[parts.index("fig") :])
        else:
            name = "/".join(parts[1:]) if parts[0] in FOLDERS and parts[1:2] and parts[1] in COPIED else ""
        return name if name in self.assets else None

    def missing(self, page: Page, href: str) -> LessonError:
        """What to say of a link or image that leads to nothing."""
        places = [*((link.target, link.line) for link in page.links), *((one.path, one.line) for one in page.images)]
        href = unquote(href)
        line = next((line for target, line in places if unquote(target) == href), 1)
        return LessonError(f"{href} is not there: mend the link, or add the file", page.file, line)

    @cached_property
    def assets(self) -> dict[str, Path]:
        """The files that are copied into the site, by their paths there.

        Raises
        ------
        LessonError
            One is a symbolic link to something outside the lesson, which nobody meant to publish.
        """
        root = self.lesson.root
        folders = [root / "fig", *(root / folder / name for folder in FOLDERS for name in COPIED)]
        found = {}
        for folder in folders:
            for path in sorted(folder.rglob("*")) if folder.is_dir() and not folder.is_symlink() else ():
                if not path.resolve().is_relative_to(root.resolve()):
                    what = "this is a symbolic link to something outside the lesson: put a copy here, or take it out"
                    raise LessonError(what, path.relative_to(root).as_posix())
                if path.is_file():
                    found[f"{folder.name}/{path.relative_to(folder).as_posix()}"] = path
        return found

    def state(self, name: str) -> str | None:
        """The asset that is the state of a figure (`lessonkit.states`), itself an asset; None where it has none."""
        state = name.removesuffix(".png") + ".json"
        return state if name.endswith(".png") and state in self.assets else None

    def size(self, name: str) -> tuple[int, int] | None:
        """Width and height of an asset that is a PNG or SVG image; None for all else.

        Raises
        ------
        LessonError
            It is called .png, and cannot be one.
        """
        path = self.assets[name]
        if path.suffix == ".png":
            header = path.read_bytes()[:24]
            if len(header) < 24 or not header.startswith(b"\x89PNG"):
                raise LessonError("this image is empty or damaged: draw it again (python -m lessonkit run)", name)
            return struct.unpack(">II", header[16:])
        if path.suffix == ".svg" and (box := VIEW_BOX.search(path.read_text(encoding="utf-8"))):
            return round(float(box[1])), round(float(box[2]))
        return None


def site_name(page: Page) -> str:
    """What a page is called on the site; all profiles share one page."""
    return "profiles" if page.kind == "profile" else page.name
