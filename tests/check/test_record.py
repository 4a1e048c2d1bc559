"""The page on what was right: it reads saved notebooks, counts each exercise once, and says what it is worth."""

import nbformat.v4 as v4
import pytest

from lessonkit.page import Page
from regseg import check
from regseg.check import record


def notebook(path, *answers):
    """Save a notebook of exercises: the name of each, and what its check has printed (nothing where it has not run)."""
    cells = [v4.new_markdown_cell("# A & B\n\nThis notebook goes with a lesson.")]
    for name, said in answers:
        cells.append(v4.new_markdown_cell(f"> ### Exercise: The one of {name}\n>\n> *5 minutes*"))
        code = v4.new_code_cell(f'answer = 1\ncheck.answer("{name}", answer)')
        code.outputs = [v4.new_output("stream", text=said)] if said else []
        cells.append(code)
    path.write_text(v4.writes(v4.new_notebook(cells=cells)), encoding="utf-8")


def test_the_page_names_what_was_right_and_says_that_it_is_a_self_report(tmp_path, capsys):
    answers = [("01-a", "(1, 2)\nRight. So it is.\n"), ("01-b", "Not quite. Right. The sign.\n"), ("01-c", "")]
    notebook(tmp_path / "01.ipynb", *answers, ("01-quiz-1", "Right. Yes.\n"), ("01-quiz-2", "Not yet. Dots.\n"))
    check.certificate("Ada <Lovelace>", tmp_path, tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "Ada &lt;Lovelace&gt;" in page and "A &amp; B" in page
    assert "1 of 3 exercises, and 1 of 2 questions of the quiz" in page
    assert "The one of 01-a" in page and "The one of 01-b" not in page and "The one of 01-quiz-1" not in page
    assert "This is a self-report, and nothing more." in page
    assert "src=" not in page and "href=" not in page  # it needs no other file, and asks nobody for one
    assert "page.html" in capsys.readouterr().out


def test_an_exercise_that_was_tried_again_counts_once(tmp_path):
    notebook(tmp_path / "01.ipynb", ("01-a", "Not quite. No.\n"), ("01-a", "Right. Yes.\n"), ("01-a", ""))
    assert record.read(tmp_path / "01.ipynb").tasks == (record.Task("01-a", "The one of 01-a", True),)


def test_a_file_that_is_no_notebook_of_the_course_is_passed_by(tmp_path):
    notebook(tmp_path / "01.ipynb", ("01-a", "Right. Yes.\n"))
    notebook(tmp_path / "mine.ipynb")
    for name, text in {"damaged": "{", "other": "[]", "odd": '{"cells": [3]}'}.items():
        (tmp_path / f"{name}.ipynb").write_text(text, encoding="utf-8")
    check.certificate("Ada", tmp_path, tmp_path / "page.html")
    assert (tmp_path / "page.html").read_text(encoding="utf-8").count("<h2>") == 1


@pytest.mark.parametrize(
    ("name", "said", "complaint"), [(" ", "Right. Yes.", "Give a name"), ("Ada", "", "Save those")]
)
def test_without_a_name_or_an_answer_nothing_is_written(tmp_path, name, said, complaint):
    notebook(tmp_path / "01.ipynb", ("01-a", said))
    (tmp_path / "page.html").write_text("old", encoding="utf-8")
    with pytest.raises(ValueError, match=complaint):
        check.certificate(name, tmp_path, tmp_path / "page.html")
    assert (tmp_path / "page.html").read_text(encoding="utf-8") == "old"


def test_every_exercise_of_our_notebooks_is_found_under_its_title(root):
    for path in sorted((root / "notebooks").glob("*.ipynb")):
        found = record.read(path)
        episode = Page(root / "episodes" / f"{path.stem}.md", "episode", root)
        titles = [div.title for div in episode.divs if div.kind == "challenge"]
        assert found.title == episode.title
        assert [task.title for task in found.exercises] == titles
        assert len(found.quiz) >= 4 and not any(task.passed for task in found.tasks)
