"""The folder for a room without a network: its own lines install it, and it is whole or not there."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from site_lesson import write_lesson
from test_course import addresses, get, stop

from lessonkit import offline
from lessonkit.lesson import Lesson
from lessonkit.page import LessonError
from regseg.data import card, names, store

PYPROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "small-lesson"
version = "1.0"
dependencies = ["needed"]

[tool.hatch.build.targets.wheel]
packages = ["small"]
"""
IMAGE = "brain_t1_2mm"


def wheel(folder: Path, name: str) -> Path:
    """A package of one empty module."""
    folder.mkdir(exist_ok=True)
    path, info = folder / f"{name}-1.0-py3-none-any.whl", f"{name}-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{name}.py", "")
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: hand\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "")
    return path


@pytest.fixture
def lesson(tmp_path, monkeypatch) -> Lesson:
    """A lesson with a package of its own, which needs one other; that lies in a folder, from which pip takes it."""
    root = write_lesson(tmp_path / "a lesson")
    (root / "pyproject.toml").write_text(PYPROJECT, encoding="utf-8")
    (root / "small").mkdir()
    (root / "small" / "__init__.py").write_text("import needed\n", encoding="utf-8")
    needed = wheel(tmp_path / "index", "needed")
    digest = hashlib.sha256(needed.read_bytes()).hexdigest()
    (root / offline.LOCK).write_text(f"needed==1.0 --hash=sha256:{digest}\n", encoding="utf-8")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(needed.parent))
    return Lesson(root)


REFUSED = {"http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"}  # where nobody listens


@pytest.fixture
def without_network() -> list[str]:
    """What stands before a command so that it meets no network at all, where the system can do that."""
    cut = ["unshare", "--map-root-user", "--net"]
    able = shutil.which("unshare") and subprocess.run([*cut, "true"], capture_output=True).returncode == 0
    return cut if able else []


@pytest.mark.skipif(os.name == "nt", reason="the lines are written for the system on which the folder is made")
def test_its_own_lines_install_and_open_it_without_a_network(lesson, tmp_path, without_network, monkeypatch):
    folder = tmp_path / "for the room"
    offline.write(lesson, folder, [card(IMAGE)])
    shutil.rmtree(tmp_path / "index")
    for name in ("PIP_NO_INDEX", "PIP_FIND_LINKS"):
        monkeypatch.delenv(name)
    readme = (folder / "README.md").read_text(encoding="utf-8")
    install, start = (block.strip().splitlines() for block in re.findall(r"^```\n(.*?)^```", readme, re.M | re.S))
    alone = {name: value for name, value in os.environ.items() if name != "REGSEG_CACHE"} | REFUSED
    for line in install:
        subprocess.run([*without_network, "sh", "-c", line], cwd=folder, env=alone, check=True, capture_output=True)
    subprocess.run([folder / ".venv" / "bin" / "python", "-c", "import small"], cwd=tmp_path, check=True)

    # The small lesson's package is not ours: what is opened is opened by the Python of the tests.
    command = [sys.executable, *start[0].split()[1:], "--no-browser"]
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=alone | {"PYTHONUNBUFFERED": "1", "PYTHONUTF8": "1"},
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )
    try:
        pages, lab, before = addresses(process)
        assert f"The images come from {folder.resolve() / 'images'}\n" in before
        assert pages.startswith("http://127.0.0.1:") and lab.startswith("http://127.0.0.1:")
        assert "<h1>A small lesson of images</h1>" in get(pages)[0]
    finally:
        assert stop(process) == 0


def test_it_holds_the_website_the_notebooks_and_images_that_need_not_be_made_again(lesson, tmp_path):
    folder = tmp_path / "new" / "folder"
    offline.write(lesson, folder, [card(IMAGE)])
    assert (folder / "site" / "index.html").is_file()
    assert sorted(path.name for path in (folder / "notebooks").iterdir()) == ["01-images.ipynb", "02-transforms.ipynb"]
    os.environ["REGSEG_CACHE"] = str(folder / "images")
    assert store.is_there(card(IMAGE)) and not store.is_there(card("brain_t2"))
    assert (store.find(card(IMAGE)).parent / "NOTICE.txt").is_file()


def test_only_images_that_anyone_may_copy_are_handed_on():
    """The lesson's own have the template's notice or CC0. No publisher of the others says it of the images."""
    assert all(card(name).may_be_handed_on == card(name).embedded for name in names())


def test_a_package_that_cannot_be_had_leaves_nothing(lesson, tmp_path):
    lock = lesson.root / offline.LOCK
    lock.write_text(lock.read_text(encoding="utf-8").replace("sha256:", "sha256:00")[:-3] + "\n", encoding="utf-8")
    with pytest.raises(LessonError, match="pip cannot download the packages, and nothing was written:\n.*hash"):
        offline.write(lesson, tmp_path / "folder", [])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a lesson", "index"]


def test_a_folder_that_is_there_is_left_alone(lesson, tmp_path):
    with pytest.raises(LessonError, match="is there already: take it away, or choose another folder"):
        offline.write(lesson, tmp_path / "index", [])
    assert [path.name for path in (tmp_path / "index").iterdir()] == ["needed-1.0-py3-none-any.whl"]


def test_a_lesson_without_a_lock_says_how_to_make_one(lesson, tmp_path):
    (lesson.root / offline.LOCK).unlink()
    with pytest.raises(LessonError, match="requirements-course.lock is missing, .*: run `make lock`"):
        offline.write(lesson, tmp_path / "folder", [])


def test_a_folder_without_a_lesson_is_not_opened(tmp_path):
    done = subprocess.run([sys.executable, "-m", "lessonkit", "open", tmp_path], capture_output=True, text=True)
    assert done.returncode == 1 and "has no folder site: give this command in the folder" in done.stderr


def test_what_is_opened_takes_the_images_of_a_cache_that_is_named(tmp_path):
    for name in ("site", "notebooks", "images", "a stick"):
        (tmp_path / name).mkdir()
    process = subprocess.Popen(
        [sys.executable, "-m", "lessonkit", "open", tmp_path, "--no-browser"],
        env=os.environ | {"REGSEG_CACHE": str(tmp_path / "a stick"), "PYTHONUNBUFFERED": "1", "PYTHONUTF8": "1"},
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )
    try:
        assert f"The images come from {tmp_path / 'a stick'}\n" in addresses(process)[2]
    finally:
        assert stop(process) == 0
