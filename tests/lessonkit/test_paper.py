"""The PDFs of an episode, read by another program."""

from __future__ import annotations

import os
import unicodedata

import pytest
from pypdf import PdfReader
from site_lesson import write_lesson

from lessonkit import paper
from lessonkit.lesson import Lesson
from lessonkit.page import LessonError

SOLUTION, HINT, QUESTION = "Divide first", "Use the inverse.", "What is the index?"


@pytest.fixture(scope="module")
def printed(tmp_path_factory, browser_path) -> dict[str, PdfReader]:
    """The PDFs of one episode, by the name of their files."""
    folder = tmp_path_factory.mktemp("paper")
    if browser_path is None:
        pytest.skip("no Chromium, Chrome or Edge is installed, and none could be installed")
    paper.write(Lesson(write_lesson(folder / "lesson")), folder / "printed", ["01-images"])
    return {path.name: PdfReader(path) for path in (folder / "printed").iterdir()}


def text(pdf: PdfReader) -> str:
    """All words, with two letters where the print has one sign, as for fi."""
    words = " ".join(page.extract_text() for page in pdf.pages).split()
    return unicodedata.normalize("NFKC", " ".join(words))


def test_an_episode_is_printed_with_its_solutions_and_without(printed):
    assert sorted(printed) == ["01-images-without-solutions.pdf", "01-images.pdf"]
    whole, plain = text(printed["01-images.pdf"]), text(printed["01-images-without-solutions.pdf"])
    assert all(words in whole for words in (SOLUTION, HINT, QUESTION))
    assert QUESTION in plain and SOLUTION not in plain and HINT not in plain


def test_it_has_bookmarks_tags_and_a_language_and_says_what_its_pictures_show(printed):
    pdf = printed["01-images.pdf"]

    def titles(outline) -> list[str]:
        return [title for each in outline for title in (titles(each) if isinstance(each, list) else [each.title])]

    assert {"Images & their space", "Where a voxel is"} <= {title.strip(" #¶") for title in titles(pdf.outline)}
    root = pdf.trailer["/Root"]
    assert root["/MarkInfo"]["/Marked"] and root["/Lang"] == "en"

    def alternatives(node) -> list[str | None]:
        node = node.get_object()
        if isinstance(node, list):
            return [words for each in node for words in alternatives(each)]
        if not isinstance(node, dict):
            return []
        return [node.get("/Alt"), *(alternatives(node["/K"]) if "/K" in node else [])]

    assert "a grey square on black" in alternatives(root["/StructTreeRoot"]["/K"])


def test_an_episode_that_is_not_there_is_one_sentence(tmp_path):
    lesson = Lesson(write_lesson(tmp_path / "lesson"))
    with pytest.raises(LessonError, match="There is no episode 09-none; there are: 01-images, 02-transforms"):
        paper.write(lesson, tmp_path / "printed", ["01-images", "09-none"])
    assert not (tmp_path / "printed").exists()


@pytest.mark.skipif(os.name == "nt", reason="the browser that fails is a script of a shell")
def test_a_page_that_cannot_be_printed_leaves_no_file(tmp_path, monkeypatch):
    broken = tmp_path / "bin" / "chromium"
    broken.parent.mkdir()
    broken.write_text("#!/bin/sh\necho no display >&2\nexit 1\n", encoding="utf-8")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", f"{broken.parent}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(LessonError, match="chromium has not printed a page: no display"):
        paper.write(Lesson(write_lesson(tmp_path / "lesson")), tmp_path / "printed", ["01-images"])
    assert not (tmp_path / "printed").exists()
