"""`regseg doctor` names what is missing, and the line that mends it, also where little else runs."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from regseg import data

SOURCE = Path(__file__).parents[1] / "src"


def doctor(*options: str, **variables: str) -> subprocess.CompletedProcess:
    """Run the command with more variables; `-S` takes all installed packages away."""
    call = [sys.executable, *options, "-m", "regseg", "doctor"]
    # A terminal may know few letters; what is read here has them all.
    env = os.environ | {"PYTHONUTF8": "1"} | variables
    return subprocess.run(call, capture_output=True, encoding="utf-8", check=False, env=env)


@pytest.fixture
def course(tmp_path):
    """A folder that pretends to be an installation of the course, with other needs."""

    def pretend(*needs: str) -> str:
        folder = tmp_path / "regseg_course-9.dist-info"
        folder.mkdir()
        lines = [
            "Metadata-Version: 2.1",
            "Name: regseg-course",
            "Version: 9",
            *(f"Requires-Dist: {each}" for each in needs),
        ]
        (folder / "METADATA").write_text("\n".join(lines))
        return os.pathsep.join([str(tmp_path), str(SOURCE)])

    return pretend


def test_it_runs_where_no_package_is_installed():
    found = doctor("-S", PYTHONPATH=str(SOURCE))
    assert (found.returncode, found.stderr) == (1, "")
    assert "the course   is not installed in this Python\n" in found.stdout
    assert "→ make course" in found.stdout


def test_a_package_that_is_missing_and_one_of_another_version_are_named_with_the_line_that_mends_them(course):
    path = course("numpy<1", "surely-missing", 'absent>=2; extra == "learning"', 'ipykernel; extra == "learner"')
    found = doctor(PYTHONPATH=path)
    assert found.returncode == 1
    lines = found.stdout.splitlines()
    packages = next(n for n, line in enumerate(lines) if "packages" in line)
    assert lines[packages].startswith("MISSING")
    assert "numpy is " in lines[packages] and "should be <1; surely-missing is missing" in lines[packages]
    assert lines[packages + 1].strip() == '→ python -m pip install --editable ".[course]"'
    assert any(line.startswith("later    learning     absent is missing") for line in lines)
    assert any(line.startswith("fine     learner") for line in lines)


def test_images_that_are_not_made_yet_are_counted(course, tmp_path):
    found = doctor(PYTHONPATH=course("numpy"), REGSEG_CACHE=str(tmp_path / "cache"))
    assert "MISSING  images       0 of " in found.stdout
    assert "→ regseg data fetch --embedded" in found.stdout
    assert not (tmp_path / "cache").exists()  # it looks only


def test_where_nothing_is_missing_it_says_so():
    data.prepare(progress=False)
    found = doctor()
    assert (found.returncode, found.stderr) == (0, "")
    assert "MISSING" not in found.stdout
    assert found.stdout.endswith("This computer is ready for the lesson.\n")


def test_a_terminal_that_lacks_a_letter_gets_another_in_its_place():
    found = doctor("-S", PYTHONPATH=str(SOURCE), PYTHONUTF8="0", PYTHONIOENCODING="ascii")
    assert (found.returncode, found.stderr) == (1, "")
    assert "? make course" in found.stdout
