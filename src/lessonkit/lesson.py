"""A lesson as it lies on the disk: its configuration and its pages."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import yaml

FOLDERS = {"episodes": "episode", "learners": "learner", "instructors": "instructor", "profiles": "profile"}


class LessonError(Exception):
    """Something in the lesson that its author can mend; the message says where and how."""


def replace_file(path: Path, content: bytes) -> None:
    """Write a file whole or not at all; folders that are missing are made.

    Raises
    ------
    LessonError
        The file cannot be written: the disk is full, or it is not ours.
    """
    partial = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(content)
        os.replace(partial, path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise LessonError(f"{path} could not be written, and stays as it was: {error.strerror}") from None


@dataclass(frozen=True)
class Page:
    """One Markdown file of the lesson.

    Attributes
    ----------
    path : Path
        The file.
    kind : str
        "home", "episode", "learner", "instructor", "profile" or "extra" (a page at the top level).
    """

    path: Path
    kind: str

    @cached_property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def meta(self) -> dict:
        """The front matter; empty when there is none."""
        found = re.match(r"---\n(.*?\n)---\n", self.text, re.S)
        return (yaml.safe_load(found[1]) or {}) if found else {}

    @property
    def name(self) -> str:
        return self.path.stem

    @property
    def title(self) -> str:
        return str(self.meta.get("title") or self.name.replace("-", " ").replace("_", " ").capitalize())

    @property
    def teaching(self) -> int:
        """Minutes of teaching."""
        return int(self.meta.get("teaching", 0))

    @property
    def exercises(self) -> int:
        """Minutes of exercises."""
        return int(self.meta.get("exercises", 0))


@dataclass(frozen=True)
class Lesson:
    """The lesson that lies in the folder `root`."""

    root: Path

    @cached_property
    def config(self) -> dict:
        path = self.root / "config.yaml"
        if not path.is_file():
            raise LessonError(f"{path} is missing: run this in the folder of the lesson, where config.yaml lies")
        return yaml.safe_load(path.read_text(encoding="utf-8"))

    def pages(self, folder: str) -> list[Page]:
        """The pages of one of `FOLDERS`, in the order of config.yaml; for episodes, only the listed ones."""
        here, kind = self.root / folder, FOLDERS[folder]
        listed = [here / name for name in self.config.get(folder) or []]
        for path in listed:
            if not path.is_file():
                name = f"{folder}/{path.name}"
                raise LessonError(f"config.yaml lists {name}, which does not exist: write it or take it out")
        others = [] if kind == "episode" else sorted(set(here.glob("*.md")) - set(listed))
        return [Page(path, kind) for path in [*listed, *others]]

    @property
    def episodes(self) -> list[Page]:
        return self.pages("episodes")

    @property
    def home(self) -> Page:
        return Page(self.root / "index.md", "home")

    @property
    def extras(self) -> list[Page]:
        """The pages at the top level that the Workbench shows: licence, code of conduct."""
        apart = {"index.md", "README.md", "CONTRIBUTING.md", "links.md"}
        return [Page(path, "extra") for path in sorted(self.root.glob("*.md")) if path.name not in apart]

    def all_pages(self) -> list[Page]:
        return [self.home, *(page for folder in FOLDERS for page in self.pages(folder)), *self.extras]

    @property
    def links(self) -> str:
        """links.md: reference links that the Workbench appends to every page."""
        path = self.root / "links.md"
        return path.read_text(encoding="utf-8") if path.is_file() else ""
