"""The rooms of the source import each other as CONTRIBUTING.md says, and never in a circle."""

from __future__ import annotations

import ast
import re
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

NAMES = re.compile(r"`(\w+)`")


def modules(src: Path) -> dict[str, Path]:
    """Each module of the source by its name; a package by that of its folder."""
    found = {}
    for path in src.rglob("*.py"):
        *folders, name = path.relative_to(src).with_suffix("").parts
        found[".".join(folders if name == "__init__" else [*folders, name])] = path
    return found


def imports(path: Path, known: dict[str, Path]) -> set[str]:
    """The modules of ours that a file names in an import, wherever it stands in the file."""
    named = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            named |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            # `from package import x` is an import of the module x where there is one, else of the package.
            whole = {f"{node.module}.{alias.name}" for alias in node.names}
            named |= {name if name in known else node.module for name in whole}
    return named & known.keys()


def room(module: str) -> str:
    package, *rest = module.split(".")
    return rest[0] if package == "regseg" and rest else package


@pytest.fixture(scope="module")
def graph(root) -> dict[str, set[str]]:
    known = modules(root / "src")
    return {name: imports(path, known) - {name} for name, path in known.items()}


@pytest.fixture(scope="module")
def rooms(root) -> dict[str, set[str]]:
    """What each room may import, in the order of the table."""
    text = (root / "CONTRIBUTING.md").read_text(encoding="utf-8")
    table = text[text.index("| room |") :]
    rows = [line.split("|")[1:4] for line in table[: table.index("\n\n")].splitlines()[2:]]
    return {NAMES.search(name)[1]: set(NAMES.findall(allowed)) for name, _, allowed in rows}


def test_the_table_goes_from_the_ground_up(rooms):
    above: set[str] = set()
    for name, allowed in rooms.items():
        assert allowed <= above, f"`{name}` may import a room that stands below it"
        above.add(name)


def test_rooms_import_only_what_they_may(graph, rooms):
    broken = [
        f"{module} imports {other}"
        for module, others in graph.items()
        for other in others
        if room(other) not in {room(module)} | rooms.get(room(module), set())
    ]
    assert broken == []


def test_every_room_stands_in_the_table(graph, rooms):
    assert {room(module) for module in graph} - {"regseg"} <= rooms.keys()


def test_no_module_imports_itself_in_a_circle(graph):
    TopologicalSorter(graph).prepare()
