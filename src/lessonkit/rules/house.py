"""The rules of this house for an episode: its cells, figures and challenges."""

from __future__ import annotations

import ast
import re
import symtable
from collections.abc import Iterator
from pathlib import PurePosixPath

from lessonkit import states
from lessonkit.cells import TOLERANCE, Cell, kind
from lessonkit.divs import Div
from lessonkit.lesson import Lesson
from lessonkit.page import Finding, Page

NOT_RUN = ("bash", "yaml", "py")
RESULTS = ("output", "error")
FURTHER = "Further practice"
MEASURED = "fig/measured-"
CORE_CHALLENGES = 5
WIDEST = 88  # columns of code, which a laptop shows without a bar
NARROW = 2  # per cent that a tolerance may have without a reason
# What a caption must say of its image: where it comes from.
ORIGINS = re.compile(r"\b(real|template|synthetic|modelled|drawing)\b", re.I)


def episode(page: Page, lesson: Lesson) -> Iterator[Finding]:
    """All rules of the house, for one episode."""
    yield from extras(page, lesson)
    for rule in (results, width, figures, living, tolerances, challenges, names):
        yield from rule(page)


def extras(page: Page, lesson: Lesson) -> Iterator[Finding]:
    """What the episode needs is a group of packages in pyproject.toml."""
    groups = lesson.pyproject.get("optional-dependencies", {})
    for extra in page.extras:
        if extra not in groups:
            there = f"use one of {', '.join(sorted(groups))}" if groups else "there is none"
            yield page.line_of("extras"), f"pyproject.toml has no group of packages named '{extra}': {there}"


def results(page: Page) -> Iterator[Finding]:
    """An output or error block stands right below the code that gave it: below a cell, the next run replaces it."""
    given = {line for cell in page.cells for line in range(*cell.result_lines)}
    code = {token.map[1]: kind(token) for token in page.fences if kind(token) not in RESULTS}
    for token in page.fences:
        first = token.map[0]
        if kind(token) in RESULTS and first + 1 not in given:
            above = next((line for line in range(first, 0, -1) if page.lines[line - 1].strip()), 0)
            if above not in code:
                yield (
                    first + 1,
                    f"this {kind(token)} block stands below no code: move it right below the block it is of",
                )


def width(page: Page) -> Iterator[Finding]:
    """Code is not wider than what a page shows of it."""
    for token in page.fences:
        for line, text in enumerate(token.content.split("\n"), token.map[0] + 2):
            if kind(token) not in RESULTS and len(text) > WIDEST:
                yield line, f"this line of code has {len(text)} columns, and {WIDEST} are to be seen: break it"


def figures(page: Page) -> Iterator[Finding]:
    """A cell's figures are fig/NN-name.png, each of one cell; every caption says where its image comes from.

    A figure fig/measured-name.png was drawn by a bench, and may stand anywhere.
    """
    drawn: dict[int, str] = {figure.line: figure.path for cell in page.cells for figure in cell.figures}
    number = page.name.split("-")[0]
    seen: set[str] = set()
    for line, path in sorted(drawn.items()):
        if not re.fullmatch(rf"fig/{number}-[\w-]+\.png", path):
            yield line, f"{path} is drawn by a cell of this episode: name it fig/{number}-….png"
        if path in seen:
            yield line, f"two cells would draw {path}: give each its own name"
        seen.add(path)
    for image in page.images:
        if image.path.endswith(".png") and image.line not in drawn and not image.path.startswith(MEASURED):
            what = f"no cell draws {image.path}: put the image on one line, right below its cell"
            yield image.line, f"{what} (a diagram made by hand is an .svg)"
        if not ORIGINS.search(image.caption) and (image.caption or image.alt):
            yield image.line, "the caption must say what the image is: real, template, synthetic, modelled or a drawing"


def living(page: Page) -> Iterator[Finding]:
    """What lies in fig/ for living figures is of a figure, and of none that may show a downloaded image."""
    downloads, folder, number = states.first_download(page), page.root / "fig", page.name.split("-")[0]
    known = set()
    for cell in page.cells:
        for figure in cell.figures:
            kept = states.files(folder / PurePosixPath(figure.path).name)
            known.update(kept)
            if kept and cell.number >= downloads:
                what = "a downloaded image is named above, and none may lie in the repository"
                yield figure.line, f"fig/{kept[0].name} holds what this figure shows: {what}; run the episode"
    for path in sorted({*folder.glob(f"{number}-*.json"), *folder.glob(f"{number}-*.nii.gz")} - known):
        yield 1, f"fig/{path.name} belongs to no figure of this episode: run it, or delete the file"


def tolerances(page: Page) -> Iterator[Finding]:
    """A tolerance stands above an output block or an image line; a wide one says why."""
    used = {line for cell in page.cells for line in range(*cell.result_lines)}
    figures = {figure.line for cell in page.cells for figure in cell.figures}
    for token in page.tokens:
        line = token.map[0] + 1
        if token.type != "html_block" or not re.match(r"<!--\s*tolerance", token.content):
            continue
        below = next((at for at, text in enumerate(page.lines[line:], line + 1) if text.strip()), 0)
        if line not in used and below not in figures:
            what = "write <!-- tolerance: 5%, why --> (or any) above an output block or an image line"
            yield line, f"this tolerance serves no output and no figure: {what}"
            continue
        said = TOLERANCE.match(token.content.strip())
        if not said["reason"] and (said[1] == "any" or float(said[1].rstrip(" %")) > NARROW):
            yield line, f"a mistake can hide behind more than {NARROW} %: say after a comma why it must be so wide"


def challenges(page: Page) -> Iterator[Finding]:
    """Enough core challenges, the others apart; each with a starter, a check, a hint and a solution."""
    found = [div for div in page.divs if div.kind == "challenge"]
    further = [heading.line for heading in page.headings if heading.text.split(" {")[0] == FURTHER]
    core = [div for div in found if not further or div.line < further[0]]
    if len(core) < CORE_CHALLENGES:
        yield 1, f"the episode has {len(core)} core challenges: at least {CORE_CHALLENGES} stand before '{FURTHER}'"
    if not further:
        yield 1, f"the episode has no section '## {FURTHER}': add one, for the challenges beyond the core"
    for div in page.divs:
        outer = div.parent
        if div.kind in ("hint", "solution") and (outer is None or outer.kind != "challenge"):
            yield div.line, f"a {div.kind} stands inside its challenge: move it there"
    for div in found:
        cells = [cell for cell in page.cells if cell.challenge is div]
        yield from _challenge(page, div, cells)


def _challenge(page: Page, div: Div, cells: list[Cell]) -> Iterator[Finding]:
    first = next(line for line in range(div.line + 1, len(page.lines) + 1) if page.lines[line - 1].strip())
    if first not in [heading.line for heading in page.headings]:
        yield div.line, "a challenge opens with a heading that names it: add one"
    for part in ("hint", "solution"):
        if not any(other.kind == part and other.parent is div for other in page.divs):
            yield div.line, f"this challenge has no {part}: add one inside it"
    starters = [tree for cell in cells if not cell.folded and (tree := parse(cell))]
    if not starters:
        yield div.line, "this challenge has no starter: add a python block that ends in its check"
        return
    if not any(isinstance(node, ast.Constant) and node.value is ... for tree in starters for node in ast.walk(tree)):
        yield div.line, "the starter asks for nothing: let each answer begin as '...'"
    asked = _check(starters[-1].body[-1]) if starters[-1].body else None
    if asked is None:
        yield div.line, 'the starter must end in its check, such as check.answer("01-name", value)'
        return
    folded = [tree for cell in cells if cell.folded and (tree := parse(cell))]
    if not any(_check(statement) == asked for tree in folded for statement in tree.body):
        yield div.line, f"the solution must repeat the check ({asked}), to show that it passes"


def _check(statement: ast.stmt) -> str | None:
    """Which check the statement calls: its name and the name of the exercise; None for anything else."""
    match statement:
        case ast.Expr(ast.Call(ast.Attribute(ast.Name("check"), name), [exercise, *_])):
            return f"check.{name}({ast.unparse(exercise)}, …)"
    return None


def parse(cell: Cell) -> ast.Module | None:
    """What Python reads of a cell; None where it cannot."""
    try:
        return ast.parse(cell.source)
    except SyntaxError:
        return None


def names(page: Page) -> Iterator[Finding]:
    """Code is Python; and no cell reads a name that another challenge bound, for there it may still be '...'."""
    owner: dict[str, Cell] = {}  # for each name, the cell of a challenge that bound it last
    for cell in page.cells:
        try:
            tree = ast.parse(cell.source)
        except SyntaxError as error:
            if cell.result is None or cell.result.kind != "error":
                line = cell.line + (error.lineno or 1) - 1
                yield line, f"this is not Python ({error.msg}): mend it, or mark the block ```py"
            continue
        for statement in tree.body:
            reads, binds = _names(statement)
            for name in sorted(reads & owner.keys()):
                if owner[name].challenge is not cell.challenge:
                    where = f"in the challenge '{owner[name].challenge.title}'"
                    what = f"'{name}' was bound {where}, where a learner may have left it open: bind it anew"
                    yield cell.line + statement.lineno - 1, what
            for name in binds:
                owner.pop(name, None)
                if cell.challenge:
                    owner[name] = cell


def _names(statement: ast.stmt) -> tuple[set[str], set[str]]:
    """The names that a statement reads from outside, and those that it binds there."""
    table = symtable.symtable(ast.unparse(statement), "cell", "exec")
    reads = {symbol.get_name() for symbol in table.get_symbols() if symbol.is_referenced()} | _globals(table)
    binds = {symbol.get_name() for symbol in table.get_symbols() if symbol.is_assigned() or symbol.is_imported()}
    match statement:
        case ast.AugAssign(ast.Name(name)):
            reads |= {name}
        case ast.For() | ast.With():  # what the block itself binds is not read from outside
            reads -= binds
    return reads, binds


def _globals(table: symtable.SymbolTable) -> set[str]:
    """The names that functions, classes and comprehensions inside read from outside."""
    found = set()
    for inner in table.get_children():
        found |= {symbol.get_name() for symbol in inner.get_symbols() if symbol.is_global()} | _globals(inner)
    return found
