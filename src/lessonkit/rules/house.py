"""The rules of this house for an episode: its cells, figures and challenges."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator

from lessonkit.episode import Cell, Episode
from lessonkit.lesson import LessonError
from lessonkit.rules.document import Document, Finding, Span

NOT_RUN = ("bash", "yaml", "py")
FURTHER = "Further practice"
CORE_CHALLENGES = 5
# What a caption must say of its image: where it comes from.
ORIGINS = re.compile(r"\b(real|template|synthetic|modelled|drawing)\b", re.I)


def episode(document: Document) -> Iterator[Finding]:
    """All rules of the house, for one episode."""
    try:
        read = Episode.read(document.page.path)
    except LessonError as error:
        _, line, message = str(error).split(":", 2)
        yield int(line), f"{message.strip()}: mend this first"
        return
    yield from figures(document, read)
    yield from tolerances(document, read)
    yield from challenges(document, read)
    yield from names(read)


def figures(document: Document, read: Episode) -> Iterator[Finding]:
    """A cell's figures are fig/NN-name.png, each of one cell; every caption says where its image comes from."""
    drawn: dict[int, str] = {figure.line: figure.path for cell in read.cells for figure in cell.figures}
    number = read.name.split("-")[0]
    seen: set[str] = set()
    for line, path in sorted(drawn.items()):
        if not re.fullmatch(rf"fig/{number}-[\w-]+\.png", path):
            yield line, f"{path} is drawn by a cell of this episode: name it fig/{number}-….png"
        if path in seen:
            yield line, f"two cells would draw {path}: give each its own name"
        seen.add(path)
    for image in document.images:
        if image.source.endswith(".png") and image.line not in drawn:
            what = f"no cell draws {image.source}: put the image on one line, right below its cell"
            yield image.line, f"{what} (a diagram made by hand is an .svg)"
        if not ORIGINS.search(image.caption) and (image.caption or image.alt):
            yield image.line, "the caption must say what the image is: real, template, synthetic, modelled or a drawing"


def tolerances(document: Document, read: Episode) -> Iterator[Finding]:
    """A tolerance stands above an output block or an image line."""
    used = {line for cell in read.cells for line in range(*cell.result_lines)}
    figures = {figure.line for cell in read.cells for figure in cell.figures}
    for token in document.tokens:
        line = token.map[0] + 1
        if token.type != "html_block" or not re.match(r"<!--\s*tolerance", token.content):
            continue
        below = next((at for at, text in enumerate(read.lines[line:], line + 1) if text.strip()), 0)
        if line not in used and below not in figures:
            what = "write <!-- tolerance: 5%, why --> (or any) above an output block or an image line"
            yield line, f"this tolerance serves no output and no figure: {what}"


def challenges(document: Document, read: Episode) -> Iterator[Finding]:
    """Enough core challenges, the others apart; each with a starter, a check, a hint and a solution."""
    spans = [span for span in document.divs if span.kind == "challenge"]
    further = [heading.line for heading in document.headings if heading.text.split(" {")[0] == FURTHER]
    core = [span for span in spans if not further or span.line < further[0]]
    if len(core) < CORE_CHALLENGES:
        yield 1, f"the episode has {len(core)} core challenges: at least {CORE_CHALLENGES} stand before '{FURTHER}'"
    if not further:
        yield 1, f"the episode has no section '## {FURTHER}': add one, for the challenges beyond the core"
    for span in document.divs:
        outer = span.parent
        if span.kind in ("hint", "solution") and (outer is None or outer.kind != "challenge"):
            yield span.line, f"a {span.kind} stands inside its challenge: move it there"
    for span in spans:
        cells = [cell for cell in read.cells if cell.challenge and cell.challenge.line == span.line]
        yield from _challenge(document, span, cells)


def _challenge(document: Document, span: Span, cells: list[Cell]) -> Iterator[Finding]:
    first = next(line for line in range(span.line + 1, len(document.lines) + 1) if document.lines[line - 1].strip())
    if first not in [heading.line for heading in document.headings]:
        yield span.line, "a challenge opens with a heading that names it: add one"
    for kind in ("hint", "solution"):
        if not any(other.kind == kind and other.parent is span for other in document.divs):
            yield span.line, f"this challenge has no {kind}: add one inside it"
    starters = [tree for cell in cells if not cell.folded and (tree := _parse(cell))]
    if not starters:
        yield span.line, "this challenge has no starter: add a python block that ends in its check"
        return
    if not any(isinstance(node, ast.Constant) and node.value is ... for tree in starters for node in ast.walk(tree)):
        yield span.line, "the starter asks for nothing: let each answer begin as '...'"
    asked = _check(starters[-1].body[-1]) if starters[-1].body else None
    if asked is None:
        yield span.line, 'the starter must end in its check, such as check.answer("01-name", value)'
        return
    folded = [tree for cell in cells if cell.folded and (tree := _parse(cell))]
    if not any(_check(statement) == asked for tree in folded for statement in tree.body):
        yield span.line, f"the solution must repeat the check ({asked}), to show that it passes"


def _check(statement: ast.stmt) -> str | None:
    """Which check the statement calls: its name and the name of the exercise; None for anything else."""
    match statement:
        case ast.Expr(ast.Call(ast.Attribute(ast.Name("check"), name), [exercise, *_])):
            return f"check.{name}({ast.unparse(exercise)}, …)"
    return None


def _parse(cell: Cell) -> ast.Module | None:
    try:
        return ast.parse(cell.source)
    except SyntaxError:
        return None


def names(read: Episode) -> Iterator[Finding]:
    """Code is Python; and no cell reads a name that another challenge bound, for there it may still be '...'."""
    owner: dict[str, Cell] = {}  # for each name, the cell of a challenge that bound it last
    for cell in read.cells:
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
                if owner[name].challenge != cell.challenge:
                    where = f"in the challenge '{owner[name].challenge.title}'"
                    what = f"'{name}' was bound {where}, where a learner may have left it open: bind it anew"
                    yield cell.line + statement.lineno - 1, what
            for name in binds:
                owner.pop(name, None)
                if cell.challenge:
                    owner[name] = cell


def _names(node: ast.AST) -> tuple[set[str], set[str]]:
    """The names that a piece of code reads from outside, and those that it binds there."""
    match node:
        case ast.Name(name, ast.Load()):
            return {name}, set()
        case ast.Name(name):
            return set(), {name}
        case ast.arg(name) | ast.ExceptHandler(name=str(name)):
            reads, binds = _of_all(ast.iter_child_nodes(node))
            return reads, binds | {name}
        case ast.alias(name, other):
            return set(), {other or name.split(".")[0]}
        case ast.AugAssign(ast.Name(name)):
            reads, binds = _of_all(ast.iter_child_nodes(node))
            return reads | {name}, binds
        case ast.For() | ast.With():  # what the block itself binds is not read from outside
            reads, binds = _of_all(ast.iter_child_nodes(node))
            return reads - binds, binds
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            reads, local = _of_all(ast.iter_child_nodes(node))
            return reads - local, {node.name}
        case ast.Lambda() | ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
            reads, local = _of_all(ast.iter_child_nodes(node))
            return reads - local, set()
    return _of_all(ast.iter_child_nodes(node))


def _of_all(nodes: Iterable[ast.AST]) -> tuple[set[str], set[str]]:
    reads: set[str] = set()
    binds: set[str] = set()
    for node in nodes:
        more_reads, more_binds = _names(node)
        reads |= more_reads
        binds |= more_binds
    return reads, binds
