"""The rules of this house against code that is wrong without a word: it runs, and prints something that looks well."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import PurePath

from lessonkit.page import Finding, Page
from lessonkit.rules.house import parse

TYPE_CODES = ("GetPixelID", "GetPixelIDValue")
# Where a call takes the value for what lies outside: Resample has two orders of arguments.
DEFAULTS = {"SetDefaultPixelValue": (0,), "Resample": (4, 7)}
SAMPLING = ("SetMetricSamplingPercentage", "SetMetricSamplingPercentagePerLevel")


def silent(page: Page) -> Iterator[Finding]:
    """Chance without a seed, a code of a type as a grey value, a folder of somebody else, a name taken, no judge."""
    trees = [(cell.line, tree) for cell in page.cells if (tree := parse(cell))]
    nodes = [
        (line + node.lineno - 1, node) for line, tree in trees for node in ast.walk(tree) if hasattr(node, "lineno")
    ]
    for line, node in nodes:
        if isinstance(node, ast.Call):
            yield from ((line, says) for says in _call(node, page.name.split("-")[0]))
    yield from _taken(nodes)
    yield from _unjudged(nodes)


def _call(call: ast.Call, number: str) -> Iterator[str]:
    called, given = _name(call.func), [*call.args, *(word.value for word in call.keywords)]
    if called in SAMPLING and len(given) < 2:
        yield f"{called} draws by the time of day: give it a seed, too"
    shared = isinstance(call.func, ast.Attribute) and ast.unparse(call.func.value) in ("np.random", "numpy.random")
    if not given if called == "default_rng" else shared:
        yield "these random numbers differ in each run: take them from np.random.default_rng(a seed)"
    places = [call.args[at] for at in DEFAULTS.get(called, ()) if at < len(call.args)]
    places += [word.value for word in call.keywords if word.arg == "defaultPixelValue"]
    if any(_name(node) in TYPE_CODES for place in places for node in ast.walk(place)):
        yield "this is the code of a pixel type, where a grey value belongs: say which value lies outside the image"
    match call:
        case ast.Call(ast.Name("Path"), [ast.Constant(str(folder))]) if not PurePath(folder).suffix:
            if not re.match(rf"output-{number}\b", folder):
                yield f"an episode writes into a folder of its own, not beside its inputs: name it output-{number}"


def _taken(nodes: list[tuple[int, ast.AST]]) -> Iterator[Finding]:
    """A parameter or a variable with the name of something imported hides it from all that follows."""
    aliases = [alias for _, node in nodes if isinstance(node, (ast.Import, ast.ImportFrom)) for alias in node.names]
    imported = {(alias.asname or alias.name).split(".")[0] for alias in aliases}
    for line, node in nodes:
        match node:
            case ast.arg(name) | ast.Name(name, ast.Store()) if name in imported:
                yield line, f"'{name}' is imported in this episode, and hidden here: choose another name"


def _unjudged(nodes: list[tuple[int, ast.AST]]) -> Iterator[Finding]:
    """That two images lie on one grid is so by construction, and says nothing of a registration."""
    registers = [line for line, node in nodes if _name(node) == "ImageRegistrationMethod"]
    if registers and not any(isinstance(node, ast.Name) and node.id == "evaluate" for _, node in nodes):
        yield min(registers), "nothing here measures what the registration has found: call regseg.evaluate"


def _name(node: ast.AST) -> str:
    """The last part of a dotted name; empty for anything else."""
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
