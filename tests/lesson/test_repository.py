"""From a fresh clone in an empty home to a running course, with the commands that our pages give."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import pytest


@pytest.fixture(scope="module")
def clone(root, tmp_path_factory) -> Path:
    """A clone of what is committed, in a folder with a space and a letter that is not ASCII."""
    if not (root / ".git").exists() or shutil.which("git") is None:
        pytest.skip("a fresh clone needs git and a checkout made with it")
    folder = tmp_path_factory.mktemp("fresh") / "mein Gerät" / "course"
    subprocess.run(["git", "clone", "--quiet", root, folder], check=True)
    return folder


@pytest.fixture(scope="module")
def environment(tmp_path_factory) -> dict[str, str]:
    """An empty home, and nothing of ours in the environment."""
    ours = {name for name in os.environ if name.startswith(("REGSEG", "VIRTUAL_ENV", "PYTHON", "JUPYTER", "XDG"))}
    kept = {name: value for name, value in os.environ.items() if name not in ours}
    return kept | {"HOME": str(tmp_path_factory.mktemp("home")), "REGSEG_NO_BROWSER": "1", "PYTHONUNBUFFERED": "1"}


def windows_lines(root: Path) -> list[list[str]]:
    """The commands for Windows, of the setup page and then of CONTRIBUTING.md, as this system spells them."""
    text = "\n".join((root / name).read_text(encoding="utf-8") for name in ("learners/setup.md", "CONTRIBUTING.md"))
    programs = ".venv/Scripts/" if sys.platform == "win32" else ".venv/bin/"
    lines = re.findall(r"^(?:py |\.venv\\Scripts\\).*", text, re.M)
    lines = [
        line.replace(".venv\\Scripts\\", programs)
        for line in lines
        if not {"--version", ".venv-label", "bundle"} & set(line.split())  # other tests try these
    ]
    return [[sys.executable if word == "py" else word.strip('"') for word in line.split()] for line in lines]


@contextmanager
def running(command: list[str], folder: Path, environment: dict[str, str], patience: float):
    """Start a course; give the two addresses that it prints."""
    process = subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, encoding="utf-8", start_new_session=True,
    )  # fmt: skip
    try:
        printed, deadline = "", time.monotonic() + patience
        while "The notebooks:" not in printed:
            line = process.stdout.readline()
            assert line and time.monotonic() < deadline, f"the course did not start:\n{printed}"
            printed += line
        yield re.findall(r"http://127\.0\.0\.1:\S+", printed)
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(60)
        process.stdout.close()


def assert_both_answer(addresses: list[str]) -> None:
    lesson, notebooks = addresses
    with urlopen(f"{lesson}01-images.html", timeout=30) as page, urlopen(notebooks, timeout=30) as lab:
        assert b"Images are physical objects" in page.read()
        assert lab.status == 200


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="stops a whole group of processes, which Windows does not have")
def test_the_commands_for_windows_do_their_work(root, clone, environment):
    make_venv, install_packages, install_course, course, doctor, install_tests, test, *_ = windows_lines(root)
    for command in (make_venv, install_packages, install_course):
        subprocess.run(command, cwd=clone, env=environment, check=True, timeout=1200)
    with running(course, clone, environment, patience=900) as addresses:
        assert_both_answer(addresses)
    subprocess.run(doctor, cwd=clone, env=environment, check=True, timeout=60)
    subprocess.run(install_tests, cwd=clone, env=environment, check=True, timeout=1200)
    subprocess.run([*test, "tests/evaluate"], cwd=clone, env=environment, check=True, timeout=300)


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_make_course_starts_and_starts_again(clone, environment):
    for _ in range(2):
        with running(["make", "course"], clone, environment, patience=900) as addresses:
            assert_both_answer(addresses)
    changed = subprocess.run(["git", "-C", clone, "status", "--porcelain"], capture_output=True, text=True, check=True)
    assert changed.stdout == "", "the course changed its own files"


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
@pytest.mark.parametrize("version", ["3.10.2", "3.11.3", "3.15.0"])
def test_a_python_that_is_too_old_or_too_new_is_one_sentence(root, tmp_path, version):
    for name in ("Makefile", "pyproject.toml", "requirements-course.lock"):
        shutil.copy(root / name, tmp_path)
    other = (
        f"import sys; sys.version, sys.version_info = {version!r}, ({version.replace('.', ', ')}); exec(sys.argv[2])"
    )
    (tmp_path / "python").write_text(f'#!/bin/sh\nexec {sys.executable} -c "{other}" "$@"\n', encoding="utf-8")
    (tmp_path / "python").chmod(0o755)
    done = subprocess.run(["make", "course", "PYTHON=./python"], cwd=tmp_path, capture_output=True, text=True)
    assert done.stderr.startswith(
        f"The course needs Python 3.11.4 to 3.14, and this is {version}: try make course PYTHON="
    )
    assert done.returncode == 2 and not (tmp_path / ".venv").exists()


@pytest.mark.parametrize("command", [["check"], ["format", "--check"]])
def test_the_code_passes_the_linter_and_is_formatted(root, command):
    found = subprocess.run([sys.executable, "-m", "ruff", *command, root], capture_output=True, text=True)
    assert found.returncode == 0, found.stdout


def test_the_carpentries_updater_leaves_our_workflows_alone(root):
    """It removes every .yaml of that folder."""
    assert [path.name for path in (root / ".github" / "workflows").iterdir() if path.suffix != ".yml"] == []
