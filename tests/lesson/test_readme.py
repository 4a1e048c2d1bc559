"""The README and the setup page say what the lesson is: its episodes, their minutes, where each opens."""

from __future__ import annotations

import re
import runpy

import pytest

from lessonkit.addresses import Addresses
from lessonkit.lesson import Lesson
from lessonkit.page import Page


@pytest.fixture(scope="module")
def lesson(root) -> Lesson:
    return Lesson(root)


def table(text: str, first: str) -> list[str]:
    """The lines of the Markdown table that begins with this line, its head left out."""
    lines = text[text.index(first) :].splitlines()
    return [line for line in lines[: lines.index("")] if line][2:]


def test_the_readme_lists_the_episodes_with_their_minutes(root, lesson):
    assert table((root / "README.md").read_text(encoding="utf-8"), "| | episode |") == [
        f"| {page.name[:2]} | [{page.title}](episodes/{page.path.name}) | {page.teaching} + {page.exercises} |"
        for page in lesson.episodes
    ]


def test_the_first_page_and_its_map_call_each_episode_by_its_title(root, lesson):
    page, drawing = ((root / name).read_text(encoding="utf-8") for name in ("index.md", "fig/map.svg"))
    listed = re.findall(r"^\d+\. \[\*\*(.+?)\*\*\]\(episodes/(.+?)\.md\)", page, re.M)
    assert listed == [(page.title, page.name) for page in lesson.episodes]
    words = " ".join(re.findall(r"<text [^>]*>([^<]+)</text>", drawing))
    assert [page.name for page in lesson.episodes if f"{page.name[:2]} {page.title}" not in words] == []


def test_the_setup_page_says_where_each_notebook_opens(root, lesson):
    links = Addresses(lesson)

    def row(page: Page) -> str:
        number, path = page.name[:2], f"notebooks/{page.name}.ipynb"
        there = links.services(path)
        read = f"[notebook {number}]({links.source}/blob/{links.branch}/{path})"
        run = f"[Binder {number}]({there['binder']}) | [Colab {number}]({there['colab']})"
        return f"| {number} {page.title} | {read} | {run} | {', '.join(f'`{extra}`' for extra in page.extras)} |"

    assert table((root / "learners" / "setup.md").read_text(encoding="utf-8"), "| episode |") == [
        row(page) for page in lesson.episodes
    ]


def test_the_readme_tells_what_the_check_in_its_picture_says(root):
    strip = runpy.run_path(str(root / "fig" / "readme-strip.py"))
    sentence = strip["said"](strip["CODE"]).strip()
    assert sentence.startswith("Not quite.")
    assert sentence in (root / "README.md").read_text(encoding="utf-8"), "run `python fig/readme-strip.py`"
