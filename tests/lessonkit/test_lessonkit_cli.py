"""The commands of an author, as they are typed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest
from site_lesson import write_lesson

from lessonkit import rules
from lessonkit.__main__ import main
from lessonkit.lesson import Lesson


@pytest.fixture
def lesson(tmp_path):
    (tmp_path / "config.yaml").write_text(
        "title: 'T'\nsource: 'https://example.org/t'\nepisodes: [01-a.md]\n", encoding="utf-8"
    )
    (tmp_path / "episodes").mkdir()
    (tmp_path / "episodes" / "01-a.md").write_text('---\ntitle: "A"\n---\n\n```python\n6 * 7\n```\n', encoding="utf-8")
    return tmp_path


def command(lesson, *arguments: str) -> int:
    return main(["-C", str(lesson), *arguments])


def test_run_writes_and_check_agrees(lesson, capsys):
    assert command(lesson, "run", "--check") == 1
    assert "01-a.md:8: the result of cell 1 differs\n  nothing was expected, an output found" in capsys.readouterr().out
    assert command(lesson, "run") == 0
    assert (lesson / "episodes" / "01-a.md").read_text(encoding="utf-8").endswith("\n\n```output\n42\n```\n")
    assert command(lesson, "run", "01-a", "--check") == 0
    capsys.readouterr()
    assert command(lesson, "run", "01-a") == 0
    assert capsys.readouterr().out.startswith("01-a: unchanged")


def test_notebooks(lesson, capsys):
    path = lesson / "notebooks" / "01-a.ipynb"
    assert command(lesson, "notebooks", "--check") == 1
    assert f"{path} does not agree with its episode" in capsys.readouterr().out
    assert command(lesson, "notebooks") == 0
    assert command(lesson, "notebooks", "--check") == 0
    path.write_text(path.read_text(encoding="utf-8").replace("6 * 7", "6 * 8"), encoding="utf-8")
    capsys.readouterr()
    assert command(lesson, "notebooks") == 0
    assert f"{path} holds someone's work" in capsys.readouterr().out


def test_a_mistake_of_the_author_is_one_message_and_no_traceback(lesson):
    (lesson / "episodes" / "01-a.md").write_text("::: callout\n", encoding="utf-8")
    done = subprocess.run([sys.executable, "-m", "lessonkit", "run"], cwd=lesson, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "episodes/01-a.md:1: this 'callout' div is never closed: end it by ':::'\n"


@pytest.mark.skipif(os.name == "nt", reason="on Windows Ctrl-C goes to all programs of a terminal")
def test_ctrl_c_is_one_line_and_changes_nothing(lesson):
    page, started = lesson / "episodes" / "01-a.md", lesson / "started"
    endless = f"open({str(started)!r}, 'w').close()\nwhile True: pass"
    page.write_text(page.read_text(encoding="utf-8").replace("6 * 7", endless), encoding="utf-8")
    before = page.read_bytes()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a suite in the background of a shell ignores Ctrl-C
    process = subprocess.Popen(
        [sys.executable, "-m", "lessonkit", "run"], cwd=lesson, stderr=subprocess.PIPE, text=True
    )
    while not started.exists():
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=60)[1].strip() == "Interrupted."
    assert process.returncode == 130 and page.read_bytes() == before


@pytest.mark.parametrize("command", ["run", "notebooks", "site", "check"])
@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"---\n- a list\n---\n", "2: the front matter must be lines of 'key: value'"),
        (b"---\ntitle: 'A' and: more\n---\n", "2: the front matter is not valid YAML"),
        (b"---\ntitle: 'A'\nteaching: ten\n---\n", "3: 'teaching' must say how long that takes, in whole minutes"),
        (b"---\ntitle: 'Caf\xe9'\n---\n", "2: this file is not UTF-8"),
        (b"\xff\xfea\x00", "1: this file is not UTF-8"),
        (b"\xef\xbb\xbf---\ntitle: 'A'\n---\n", "1: this file begins with a byte order mark"),
    ],
)
def test_a_page_that_cannot_be_read_is_one_sentence_in_every_command(tmp_path, capsys, command, content, sentence):
    lesson = write_lesson(tmp_path)
    (lesson / "episodes" / "01-images.md").write_bytes(content)
    assert main(["-C", str(lesson), command]) == 1
    said = [line for line in "".join(capsys.readouterr()).split("\n") if "01-images.md" in line]
    assert f"episodes/01-images.md:{sentence}" in said[0]


def test_a_broken_config_is_one_sentence(lesson, capsys):
    (lesson / "config.yaml").write_text("title: 'A' and: more\n", encoding="utf-8")
    for name in ("run", "notebooks", "site", "check"):
        assert command(lesson, name) == 1
        assert "config.yaml:1: this file is not valid YAML" in "".join(capsys.readouterr())


@pytest.mark.parametrize(("key", "name"), [("title", "notebooks"), ("source", "notebooks"), ("license", "site")])
def test_what_config_lacks_is_one_sentence(tmp_path, capsys, key, name):
    lesson = write_lesson(tmp_path)
    config = lesson / "config.yaml"
    lines = config.read_text(encoding="utf-8").split("\n")
    config.write_text("\n".join(line for line in lines if not line.startswith(key)), encoding="utf-8")
    assert command(lesson, name) == 1
    assert f"config.yaml:1: '{key}' is missing: give it a value" in capsys.readouterr().err


@pytest.mark.parametrize("listed", ["01-images.md", "3", "[1]", "[{a: b}]", "[null]", "[../index.md]"])
def test_a_list_of_pages_that_is_none_is_one_sentence(tmp_path, capsys, listed):
    lesson = write_lesson(tmp_path)
    config = lesson / "config.yaml"
    text = config.read_text(encoding="utf-8")
    config.write_text(text.partition("episodes:")[0] + f"episodes: {listed}\n", encoding="utf-8")
    for name in ("run", "notebooks", "site", "check"):
        assert command(lesson, name) == 1
        assert "'episodes' must be a list" in "".join(capsys.readouterr())


def test_a_file_that_is_in_the_way_or_missing_is_one_sentence(tmp_path, capsys):
    lesson = write_lesson(tmp_path)
    (lesson / "build").write_text("not a folder", encoding="utf-8")
    assert command(lesson, "site") == 1
    assert f"{lesson / 'build'}: File exists\n" in capsys.readouterr().err
    (lesson / "build").unlink()
    (lesson / "index.md").unlink()
    assert command(lesson, "site") == 1
    assert f"{lesson / 'index.md'}: No such file or directory\n" in capsys.readouterr().err


def test_a_broken_pyproject_is_one_sentence(tmp_path, capsys):
    lesson = write_lesson(tmp_path)
    (lesson / "pyproject.toml").write_text("[project\n", encoding="utf-8")
    for name in ("notebooks", "site"):
        assert command(lesson, name) == 1
        assert "pyproject.toml:1: this file cannot be read (Expected ']'" in capsys.readouterr().err


def test_reference_links_that_are_not_utf_8_are_one_sentence(tmp_path, capsys):
    lesson = write_lesson(tmp_path)
    (lesson / "links.md").write_bytes(b"[caf\xe9]: https://example.org\n")
    for name in ("run", "notebooks", "site", "check"):
        assert command(lesson, name) == 1
        assert "links.md:1: this file is not UTF-8" in capsys.readouterr().err


def test_outside_a_lesson_it_says_where_to_go(tmp_path, capsys):
    assert command(tmp_path, "run") == 1
    assert "config.yaml is missing: run this in the folder of the lesson" in capsys.readouterr().err


def test_site_builds_the_website(tmp_path):
    lesson = write_lesson(tmp_path)
    assert command(lesson, "site") == 0
    assert "<h1>" in (lesson / "build" / "site" / "index.html").read_text(encoding="utf-8")


def test_check_prints_each_problem(lesson, root, capsys):
    assert command(lesson, "check") == 1
    printed = capsys.readouterr().out.splitlines()
    assert printed == [str(problem) for problem in rules.check(Lesson(lesson))]
    assert printed[0].startswith("config.yaml:1: ")
    assert command(root, "check") == 0
