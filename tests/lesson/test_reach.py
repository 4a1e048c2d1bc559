"""Binder, conda and a devcontainer install what `make course` does: by the lock, on a Python that the course knows."""

from __future__ import annotations

import json
import os
import re
import subprocess

import pytest
import yaml
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from lessonkit.lesson import Lesson


@pytest.fixture
def supported(root) -> SpecifierSet:
    return SpecifierSet(Lesson(root).pyproject["requires-python"])


def newest(minor: str) -> Version:
    """The newest of the versions that a name such as 3.13 may stand for."""
    return Version(f"{minor}.99")


def test_the_environment_of_conda_and_binder_comes_from_the_lock(root, supported):
    found = yaml.safe_load((root / "environment.yml").read_text(encoding="utf-8"))["dependencies"]
    (python,) = (each for each in found if str(each).startswith("python="))
    assert newest(python.removeprefix("python=")) in supported
    assert found[-1] == {"pip": ["-r requirements-course.lock"]} and (root / "requirements-course.lock").is_file()


def test_the_environment_that_is_made_is_the_one_that_is_activated(root):
    made = yaml.safe_load((root / "environment.yml").read_text(encoding="utf-8"))["name"]
    pages = [page.text for page in [*Lesson(root).all_pages(), *Lesson(root).repository]]
    activated = [name for text in pages for name in re.findall(r"^conda activate (\S+)", text, re.M)]
    assert activated and set(activated) == {made}


@pytest.mark.skipif(os.name == "nt", reason="Windows has no bash, and no mark on files that may be run")
def test_binder_can_run_what_finishes_its_environment(root):
    script = root / "postBuild"
    assert os.access(script, os.X_OK)
    subprocess.run(["bash", "-n", script], check=True)
    line = "python -m pip install --no-build-isolation --no-deps --editable ."
    assert line in script.read_text(encoding="utf-8")
    assert line in (root / "learners" / "setup.md").read_text(encoding="utf-8")  # which conda needs as well


def test_the_devcontainer_makes_a_target_that_is_there_on_a_python_that_the_course_knows(root, supported):
    settings = json.loads((root / ".devcontainer" / "devcontainer.json").read_text(encoding="utf-8"))
    assert newest(re.fullmatch(r".*/python:([\d.]+)", settings["image"])[1]) in supported
    target = settings["postCreateCommand"].removeprefix("make ")
    makefile = (root / "Makefile").read_text(encoding="utf-8")
    assert re.search(rf"^{re.escape(target)}:", makefile, re.M)
    assert settings["customizations"]["vscode"]["settings"]["python.defaultInterpreterPath"].startswith(".venv/")
