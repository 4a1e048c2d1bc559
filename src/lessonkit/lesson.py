"""A lesson as it lies on the disk: its configuration and its pages, each read once."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from lessonkit.page import LessonError, Page, mapping
from regseg.files import written_whole

FOLDERS = {"episodes": "episode", "learners": "learner", "instructors": "instructor", "profiles": "profile"}
# Read on the host of the repository; no pages of the site.
REPOSITORY = ("README.md", "CONTRIBUTING.md")


def replace_file(path: Path, content: bytes) -> None:
    """Write a file whole or not at all; folders that are missing are made.

    Raises
    ------
    LessonError
        The file cannot be written: the disk is full, or it is not ours.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with written_whole(path) as file:
            file.write(content)
    except OSError as error:
        raise LessonError(f"{path} could not be written, and stays as it was: {error.strerror}") from None


@dataclass(frozen=True)
class Lesson:
    """The lesson that lies in the folder `root`."""

    root: Path

    @cached_property
    def config(self) -> dict:
        """What config.yaml says; LessonError where it cannot be read."""
        path = self.root / "config.yaml"
        if not path.is_file():
            raise LessonError(f"{path} is missing: run this in the folder of the lesson, where config.yaml lies")
        values, faults = mapping(path.read_text(encoding="utf-8", errors="replace"))
        for line, what in faults:
            raise LessonError(f"this file {what}", "config.yaml", line)
        return values

    def setting(self, key: str) -> str:
        """A value that config.yaml cannot do without."""
        if not self.config.get(key):
            raise LessonError(f"'{key}' is missing: give it a value", "config.yaml")
        return str(self.config[key])

    @cached_property
    def pyproject(self) -> dict:
        """The table [project] of pyproject.toml; empty where there is none."""
        path = self.root / "pyproject.toml"
        try:
            return tomllib.loads(path.read_text(encoding="utf-8")).get("project", {}) if path.is_file() else {}
        except ValueError as error:
            raise LessonError(f"this file cannot be read ({error}): mend it", "pyproject.toml") from None

    @cached_property
    def _folders(self) -> dict[str, list[Page]]:
        folders = {}
        for folder, kind in FOLDERS.items():
            here = self.root / folder
            names = self.config.get(folder) or []
            if not isinstance(names, list) or any(Path(str(name)).name != name for name in names):
                raise LessonError(
                    f"'{folder}' must be a list of files in that folder: one '- file.md' a line", "config.yaml"
                )
            listed = [here / name for name in names]
            for path in listed:
                if not path.is_file():
                    name = f"{folder}/{path.name}"
                    raise LessonError(f"config.yaml lists {name}, which does not exist: write it or take it out")
            others = [] if kind == "episode" else sorted(set(here.glob("*.md")) - set(listed))
            folders[folder] = [self.page(path, kind) for path in [*listed, *others]]
        return folders

    def page(self, path: Path, kind: str) -> Page:
        """A page of the lesson, as its file is now."""
        return Page(path, kind, self.root, self.links)

    def pages(self, folder: str) -> list[Page]:
        """The pages of one of `FOLDERS`, in the order of config.yaml; for episodes, only the listed ones."""
        return self._folders[folder]

    @property
    def episodes(self) -> list[Page]:
        return self.pages("episodes")

    @cached_property
    def home(self) -> Page:
        return self.page(self.root / "index.md", "home")

    @cached_property
    def extras(self) -> list[Page]:
        """The pages at the top level that the Workbench shows: licence, code of conduct."""
        apart = {"index.md", "links.md", *REPOSITORY}
        return [self.page(path, "extra") for path in sorted(self.root.glob("*.md")) if path.name not in apart]

    @cached_property
    def repository(self) -> list[Page]:
        """Markdown that is checked with the lesson, and is no page of it."""
        paths = [self.root / name for name in REPOSITORY]
        return [self.page(path, "repository") for path in paths if path.is_file()]

    def all_pages(self) -> list[Page]:
        return [self.home, *(page for folder in FOLDERS for page in self.pages(folder)), *self.extras]

    @cached_property
    def links(self) -> str:
        """links.md: reference links that the Workbench appends to every page."""
        page = Page(self.root / "links.md", "repository", self.root)
        return page.text if page.path.is_file() else ""
