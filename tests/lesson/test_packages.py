"""What the project imports, what pyproject.toml asks for, and what the lock fixes agree."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from pathlib import Path

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

LOCK = "requirements-course.lock"
OURS = {"regseg", "lessonkit"}  # `labelserver` has a pyproject.toml of its own


@pytest.fixture(scope="module")
def project(root) -> dict:
    return tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def locked(root) -> dict[str, list[tuple[Requirement, int]]]:
    """Each package of the lock: its lines, one for each kind of computer, with the number of hashes."""
    found: dict[str, list[tuple[Requirement, int]]] = {}
    for entry in re.split(r"\n(?=\S)", (root / LOCK).read_text(encoding="utf-8")):
        if not entry.startswith("#"):
            line = Requirement(entry.split("\\")[0])
            found.setdefault(canonicalize_name(line.name), []).append((line, entry.count("--hash=sha256:")))
    return found


def asked(project: dict, *groups: str) -> list[Requirement]:
    """What the package itself and the groups ask for, groups within groups included."""
    own, wanted = canonicalize_name(project["project"]["name"]), project["project"]["dependencies"][:]
    for group in groups:
        wanted += project["project"]["optional-dependencies"][group]
    requirements = [Requirement(line) for line in wanted]
    inner = [name for each in requirements if canonicalize_name(each.name) == own for name in each.extras]
    others = [each for each in requirements if canonicalize_name(each.name) != own]
    return others + (asked(project, *inner) if inner else [])


def imported(files: set[Path]) -> set[str]:
    """The packages that the files import anywhere, but for Python's own, ours, and files side by side."""
    found = set()
    for path in files:
        names = set()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                names.add(node.module.split(".")[0])
        found |= names - {beside.stem for beside in path.parent.glob("*.py")}
    return found - sys.stdlib_module_names - OURS


@pytest.mark.parametrize(
    ("folder", "groups"),
    [
        ("src/regseg", ["cloud", "elastix-native", "learner", "onnx"]),
        ("src/lessonkit", ["author"]),
        ("tests", ["test"]),
    ],
)
def test_what_is_imported_is_declared(root, project, folder, groups):
    declared = {canonicalize_name(each.name) for each in asked(project, *groups)}
    for_tests = {*(root / "tests").rglob("*.py"), root / "src" / "lessonkit" / "testing.py"}
    files = for_tests if folder == "tests" else {*(root / folder).rglob("*.py")} - for_tests
    sellers = packages_distributions()
    names = imported(files) - {path.stem for path in (root / "bench").glob("*.py")}
    found = {name: set(map(canonicalize_name, sellers.get(name, []))) for name in names}
    assert [name for name, packages in found.items() if not packages & declared] == []


def test_the_lock_holds_all_that_the_course_asks_for(project, locked):
    wanted = asked(project, "course") + [Requirement(line) for line in project["build-system"]["requires"]]
    for requirement in wanted:
        lines = locked.get(canonicalize_name(requirement.name), [])
        assert lines, f"{requirement} is not locked: run `make lock`"
        for line, _ in lines:
            (pin,) = line.specifier
            assert pin.operator == "==" and requirement.specifier.contains(pin.version), f"{line}: run `make lock`"


def test_the_lock_was_made_from_this_list_of_packages(root, project):
    """uv writes below each package who asked for it."""
    entries = re.split(r"\n(?=\S)", (root / LOCK).read_text(encoding="utf-8"))
    direct = {canonicalize_name(entry.split("==")[0]) for entry in entries if "regseg-course (pyproject.toml)" in entry}
    assert direct == {canonicalize_name(each.name) for each in asked(project, "course")}, "run `make lock`"


def test_every_locked_package_has_hashes_and_no_address(root, locked):
    assert "://" not in (root / LOCK).read_text(encoding="utf-8")
    for name, lines in locked.items():
        assert all(hashes for _, hashes in lines), name


@pytest.mark.parametrize("system", ["linux", "darwin", "win32"])
def test_the_lock_serves_every_system_and_python(project, locked, system):
    """One line of a package at most holds for one computer; colorama is what only Windows needs."""
    for minor in (11, 12, 13, 14):
        place = default_environment() | {
            "sys_platform": system,
            "platform_system": {"linux": "Linux", "darwin": "Darwin", "win32": "Windows"}[system],
            "os_name": "nt" if system == "win32" else "posix",
            "python_version": f"3.{minor}",
            "python_full_version": f"3.{minor}.4",
        }
        held = {
            name: [line for line, _ in lines if line.marker is None or line.marker.evaluate(place)]
            for name, lines in locked.items()
        }
        assert all(len(lines) <= 1 for lines in held.values())
        assert all(held[canonicalize_name(each.name)] for each in asked(project, "course"))
        assert bool(held["colorama"]) == (system == "win32")


def test_the_tests_run_on_the_locked_versions(locked):
    for name, lines in locked.items():
        for line, _ in lines:
            if line.marker is None or line.marker.evaluate():
                try:
                    installed = version(name)
                except PackageNotFoundError:
                    continue  # an environment made for a part of the tests only
                assert line.specifier.contains(installed), f"{name} {installed} is installed, and {line} locked"


def test_one_version_stands_everywhere(root, project):
    """The newest heading of the changelog names it, and CITATION.cff cites it; a tag needs nothing more."""
    newest = re.search(r"^## (\S+)$", (root / "CHANGELOG.md").read_text(encoding="utf-8"), re.M)[1]
    cited = re.search(r"^version: (\S+)$", (root / "CITATION.cff").read_text(encoding="utf-8"), re.M)[1]
    assert newest == cited == project["project"]["version"]


# What Colab's image held on 19 August 2026, with Python 3.13, of all that the course asks for: pip-freeze.txt of
# googlecolab/backend-info at a724079.
COLAB = {
    "anywidget": "0.9.21",
    "bokeh": "3.8.2",
    "cloudpickle": "3.1.2",
    "dask": "2026.7.1",
    "ipython": "7.34.0",
    "ipywidgets": "7.7.1",
    "jinja2": "3.1.6",
    "locket": "1.0.0",
    "matplotlib": "3.10.0",
    "numpy": "2.1.3",
    "packaging": "26.3",
    "pooch": "1.9.0",
    "psutil": "5.9.5",
    "requests": "2.32.4",
    "safetensors": "0.8.0",
    "scikit-image": "0.25.2",
    "scipy": "1.16.3",
    "threadpoolctl": "3.6.0",
    "torch": "2.11.0",
    "tqdm": "4.67.3",
    "traitlets": "5.7.1",
    "urllib3": "2.5.0",
}


def test_on_colab_what_runs_already_stays(project):
    """A kernel there begins with NumPy, IPython, traitlets, anywidget, packaging and psutil, and cannot change them.

    Two are replaced, which no kernel has loaded when it begins: nilearn, which brings the template, asks for a newer
    `requests`, and the lesson's numbers hang on the version of PyTorch.
    """
    groups = asked(project, "bigdata", "elastix", "learning")
    replaced = {
        canonicalize_name(each.name)
        for each in groups
        if not each.specifier.contains(
            COLAB.get(canonicalize_name(each.name), "") or next(iter(each.specifier)).version
        )
    }
    assert replaced == {"requests", "torch"}
