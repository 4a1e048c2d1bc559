"""Makes the learner's notebook of an episode: exercises open, solutions folded away, nothing recorded."""

from __future__ import annotations

import ast
import base64
import hashlib
import html
import json
import mimetypes
import posixpath
import re
import textwrap
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby
from pathlib import Path

import nbformat.v4
from nbformat import NotebookNode

from lessonkit.addresses import Addresses
from lessonkit.cells import Cell, Prose
from lessonkit.divs import Div
from lessonkit.lesson import Lesson, replace_file
from lessonkit.page import LessonError, Page
from lessonkit.predictions import COMPARE, PREDICT, Prediction
from lessonkit.rules.links import anchors

WELCOME = """# {title}

This notebook goes with [{lesson}]({source}). Run its cells from top to bottom. The first one is folded: it finds the
package of the course.
Where you meet an **exercise**, write your answer in the place of `...`; the last line of its cell checks it."""
TOGETHER = """
A cell with the comment *Together* is typed **together**: it names the functions that we shall call, and *Makes* names
what later cells need. Long cells are filled. What we have typed stands in the complete notebook of this episode."""
COUNTED = """\
Does your room count its answers? Then paste a line with the number of the episode, and with the number and the letter
of each of your first answers: `{episode}: 1B 2A` says B to the first question and A to the second."""
LONG = 12  # lines of a cell that nobody types: it is there to be read
FIRST_CELL = """\
# @title Find the package of the course
# On Colab and Binder it is installed first. What runs there already stays, as far as it suits the course.
import importlib.util
import os
import sys
from importlib.metadata import distributions, packages_distributions

if importlib.util.find_spec("regseg") is None:
    if not {{"COLAB_RELEASE_TAG", "BINDER_LAUNCH_HOST"}} & os.environ.keys():
        raise ImportError("This kernel does not have the course. How to set it up: "
                          "{setup}")
    before = {{each.name: each.version for each in distributions()}}
    owners = packages_distributions()
    running = {{name for module in set(sys.modules) for name in owners.get(module, [])}}
    %pip install --quiet "{package} @ git+{source}@{branch}"
    after = {{each.name: each.version for each in distributions()}}
    replaced = sorted(name for name in running if before.get(name) != after.get(name))
    if replaced:
        raise ImportError(f"The course is installed, with a newer {{', '.join(replaced)}} than the one that runs: "
                          "restart the session (menu Runtime), and begin again with this cell.")"""

EXPLAINED = "What happened, and why"
FOLDED = {"cellView": "form", "jupyter": {"source_hidden": True}}  # in Colab, and in JupyterLab
DEFINITION = re.compile(r"^\[([^\]^]+)\]:\s*(\S+).*$", re.M)
# Code comes first, so that what looks like a link or a comment inside it is left alone.
MARKUP = re.compile(
    r"(?P<code>^(?P<fence>`{3,}|~{3,}).*?^(?P=fence)[ ]*$|`[^`\n]+`)"
    r"|(?P<comment><!--.*?-->\n?)"
    r"|!\[(?P<caption>[^\]]*)\]\((?P<image>[^)\s]+)\)(?:\{[^}]*?alt=(?P<quote>['\"])(?P<alt>.*?)(?P=quote)[^}]*\})?"
    r"|\]\((?P<href>[^)\s]+)(?=(?P<bare>\))|\s)"
    r"|(?P<heading>^\#+[ ][^\n]*?)[ ]*\{[^}]*\}[ ]*$",
    re.M | re.S,
)


def write(lesson: Lesson, code_along: Path | None = None) -> list[Path]:
    """Make the notebooks of all episodes in config.yaml, and remove those whose episode is gone.

    Parameters
    ----------
    code_along : Path, optional
        The folder for notebooks without the code of demonstrations, to type in together; else the complete ones.

    Returns
    -------
    list of Path
        Notebooks that were left as they are, because someone has worked in them.

    Raises
    ------
    LessonError
        The folder is that of the complete notebooks, or cannot be written to.
    """
    kept = []
    complete = lesson.root / "notebooks"
    if code_along and code_along.resolve() == complete.resolve():
        raise LessonError(f"{code_along} holds the complete notebooks: choose another folder for those to type in")
    folder = code_along or complete
    wanted = {folder / f"{page.name}.ipynb": page for page in lesson.episodes}
    for path in sorted({*wanted, *folder.glob("*.ipynb")}):
        if path.exists() and _worked_in(path):
            kept.append(path)
        elif path not in wanted:
            path.unlink()
        else:
            fresh = text(lesson, wanted[path], code_along=bool(code_along)).encode()
            if not path.exists() or path.read_bytes() != fresh:  # an open one need not be loaded again
                replace_file(path, fresh)
    return kept


def outdated(lesson: Lesson) -> list[Path]:
    """The notebooks that do not agree with their episode, or have none."""
    folder = lesson.root / "notebooks"
    wanted = {folder / f"{page.name}.ipynb": text(lesson, page).encode() for page in lesson.episodes}
    found = {path: path.read_bytes() for path in folder.glob("*.ipynb") if path.is_file()}
    return sorted(path for path in {*wanted, *found} if wanted.get(path) != found.get(path))


def text(lesson: Lesson, page: Page, *, code_along: bool = False) -> str:
    """The .ipynb file of an episode, complete or to type in: the same text for the same episode, on every machine."""
    metadata = {
        "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    made = nbformat.v4.new_notebook(cells=_cells(lesson, page, code_along), metadata=metadata, nbformat_minor=5)
    for cell, identity in zip(made.cells, _identities(page.name, made.cells), strict=True):
        cell.id = identity
    nbformat.validate(made)
    return nbformat.writes(made) + "\n"


def _identities(name: str, cells: list[NotebookNode]) -> list[str]:
    """An id for each cell, made of the episode's name and the cell's content: an edit elsewhere does not change it."""
    seen, identities = Counter(), []
    for cell in cells:
        content = json.dumps([name, cell.cell_type, cell.source])
        seen[content] += 1
        identities.append(hashlib.sha256(f"{seen[content]} {content}".encode()).hexdigest()[:8])
    return identities


def _worked_in(path: Path) -> bool:
    """Whether someone has run, changed or copied a notebook since it was made; what cannot be read may be theirs."""
    try:
        cells = nbformat.read(path, as_version=4).cells
        ran = any(cell.get("outputs") or cell.get("execution_count") for cell in cells)
        return ran or [cell.get("id") for cell in cells] != _identities(path.stem, cells)
    except Exception:  # for a damaged file, nbformat has many kinds of error
        return True


def _cells(lesson: Lesson, page: Page, code_along: bool) -> list[NotebookNode]:
    addresses = Addresses(lesson)
    links = _Links(addresses, page)
    welcome = WELCOME.format(title=page.title, lesson=lesson.setting("title"), source=addresses.source)
    welcome += TOGETHER if code_along else ""
    setup = addresses.published("setup", "learners/setup.md")
    package = lesson.pyproject.get("name", "regseg-course") + (f"[{','.join(page.extras)}]" if page.extras else "")
    first = FIRST_CELL.format(package=package, source=addresses.source, branch=addresses.branch, setup=setup)
    cells = [nbformat.v4.new_markdown_cell(welcome), nbformat.v4.new_code_cell(first, metadata=FOLDED)]

    return [*cells, *_told(page, list(_blocks(page, links)), code_along), *_quiz(lesson, addresses, page)]


def _quiz(lesson: Lesson, addresses: Addresses, page: Page) -> list[NotebookNode]:
    """The questions on the page "quiz" below the heading with the name of the episode's file; or none."""
    quiz = next((each for each in lesson.pages("learners") if each.name == "quiz"), None)
    sections = [heading for heading in quiz.headings if heading.level == 2] if quiz else []
    for at, heading in enumerate(sections):
        if page.name.split("-", 1)[-1] in anchors(heading):
            end = sections[at + 1].line if sections[at + 1 :] else len(quiz.lines) + 1
            blocks = [each for each in _blocks(quiz, _Links(addresses, quiz)) if heading.line < each.line < end]
            blocks = [each for each in blocks if each.divs]  # without the heading: the episode has its own
            line = nbformat.v4.new_markdown_cell(COUNTED.format(episode=page.name[:2]))
            return [*_told(quiz, blocks, code_along=False), line]
    return []


def _told(page: Page, blocks: list[Prose | Cell | Prediction], code_along: bool) -> list[NotebookNode]:
    """The cells of some blocks of a page."""
    cells = []
    headed: set[Div] = set()
    for fold, group in groupby(blocks, lambda block: _fold(page, block)):
        if fold:
            cells.append(nbformat.v4.new_markdown_cell(_details(fold, list(group), headed)))
            continue
        for block in group:
            match block:
                case Prediction():
                    cells.append(_buttons(block))
                case Cell():
                    typed = code_along and not block.challenge
                    later = [each.source for each in blocks if isinstance(each, Cell) and each.line > block.line]
                    announced = replace(block, source=_announced(block.source, later)) if typed else block
                    cells.append(_code(announced))
                case Prose():
                    cells.append(nbformat.v4.new_markdown_cell(_prose(block, headed)))
    return cells


def _blocks(page: Page, links: _Links) -> Iterator[Prose | Cell | Prediction]:
    """What of an episode is for the learner, with its links mended; behind the question of a prediction, itself."""
    for block in page.blocks:
        asked = next((each for each in page.predictions if each.asks in block.divs), None)
        if any(div.kind == "instructor" for div in block.divs):
            continue
        if isinstance(block, Cell):
            captions = [f"*{links.anywhere(figure.caption)}*" for figure in block.figures if figure.caption]
            yield block
            if captions and not block.folded:  # they say whether a picture is real, template or synthetic
                yield Prose("\n\n".join(captions), block.line)
        elif text := links.anywhere(_without_choices(block, asked)):
            yield replace(block, text=text)
        if asked:
            yield asked


def _without_choices(block: Prose, asked: Prediction | None) -> str:
    """The text of a block; of a prediction's question without the choices, which become buttons."""
    if asked is None:
        return block.text
    first, end = (line - block.line for line in (asked.choices.line, asked.choices.end))
    lines = block.text.split("\n")
    return "\n".join(lines[:first] + lines[end:]).rstrip()


def _fold(page: Page, block: Prose | Cell | Prediction) -> Div | None:
    """The outermost div around a block that is closed until asked for; what is said of an answer is folded too."""
    if isinstance(block, Prediction):
        return None
    for each in page.predictions:
        if isinstance(block, Prose) and each.answers(block.line) and _answered(page, each, block):
            return each.compares
    return next((div for div in block.divs if div.shown == "fold"), None)


def _answered(page: Page, prediction: Prediction, block: Prose) -> bool:
    """Whether a cell that answers stands before this block; what stands before the first one leads to it."""
    cells = [cell.line for cell in page.cells if prediction.answers(cell.line)]
    return not cells or cells[0] <= block.line


def _name(div: Div) -> str:
    """What a div is called: its label and its title."""
    if div.title.startswith(PREDICT):
        return div.title
    if div.title.startswith(COMPARE):  # the explanation is folded with the comparison, and a learner should open it
        return EXPLAINED
    return ": ".join(filter(None, [div.label, div.title]))


def _code(cell: Cell) -> NotebookNode:
    tags = ["exercise"] if cell.challenge else []
    if cell.result and cell.result.kind == "error":
        tags.append("raises-exception")  # Run All goes on behind it
    return nbformat.v4.new_code_cell(cell.source, metadata={"tags": tags} if tags else {})


def _announced(source: str, later: list[str]) -> str:
    """What a cell imports; and in comments what it calls, in the order of the lines, and what later cells use of it.

    A long cell, and one that defines a function, is left as it is.
    """
    code = ast.parse(source)
    defines = any(isinstance(each, ast.FunctionDef | ast.ClassDef) for each in code.body)
    if defines or len([line for line in source.splitlines() if line.strip()]) > LONG:
        return source
    imports = [ast.unparse(each) for each in code.body if isinstance(each, ast.Import | ast.ImportFrom)]
    calls = [node for node in ast.walk(code) if isinstance(node, ast.Call)]
    names = [ast.unparse(call.func) for call in sorted(calls, key=lambda call: (call.lineno, call.col_offset))]
    plain = ", ".join(dict.fromkeys(name for name in names if re.fullmatch(r"[\w.]+", name)))
    targets = [each for node in ast.walk(code) if isinstance(node, ast.Assign) for each in node.targets]
    bound = [each.id for target in targets for each in ast.walk(target) if isinstance(each, ast.Name)]
    used = {word for each in later for word in re.findall(r"\w+", each)}
    made = ", ".join(name for name in dict.fromkeys(bound) if name in used)
    says = [f"Together: {plain}"] * bool(plain) + [f"Makes: {made}"] * bool(made) or ["Together"]
    comments = [textwrap.fill(each, 88, initial_indent="# ", subsequent_indent="# ") for each in says]
    return "\n".join([*imports, *comments])


def _buttons(prediction: Prediction) -> NotebookNode:
    """The cell that asks for a prediction."""
    question, *choices = (re.sub(r"[`*]", "", text) for text in (prediction.title, *prediction.choices.points))
    if not prediction.title.startswith("`"):
        question = question[:1].upper() + question[1:]
    choices = "".join(f"    {json.dumps(choice, ensure_ascii=False)},\n" for choice in choices)
    question = json.dumps(question, ensure_ascii=False)
    source = f"from regseg import show\n\nshow.predict({question}, [\n{choices}])"
    return nbformat.v4.new_code_cell(source, metadata={"tags": ["prediction"]})


def _prose(block: Prose, headed: set[Div]) -> str:
    """A block's Markdown: text in a div is quoted, and where the div begins, headed by what it is."""
    div = next((div for div in reversed(block.divs) if div.shown != "tabs"), None)
    if div is None:
        return block.text
    text, name = block.text, _name(div)
    if div not in headed:
        headed.add(div)
        body = text.partition("\n")[2].strip("\n") if div.title else text
        if div.shown == "fold":  # its name is the summary above
            return body
        # An exercise is looked for in the table of contents, a callout is not.
        text = f"### {name}\n\n{body}" if div.kind == "challenge" else f"**{name}**\n\n{body}"
    return text if div.shown == "fold" else "\n".join(f"> {line}".rstrip() for line in text.strip("\n").split("\n"))


def _details(fold: Div, blocks: list[Prose | Cell], headed: set[Div]) -> str:
    """A hint, a solution or an answer, folded; its code is there to be read and copied, Run All passes it by."""
    name = _name(fold) if any(fold in block.divs for block in blocks) else "Answer"
    summary = re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(name, quote=False))
    parts = [
        f"```python\n{block.source}\n```" if isinstance(block, Cell) else _prose(block, headed) for block in blocks
    ]
    return "\n\n".join([f"<details>\n<summary>{summary}</summary>", *filter(None, parts), "</details>"])


class _Links:
    """Where the pages of the lesson are found from anywhere, and its pictures without a network."""

    def __init__(self, addresses: Addresses, page: Page):
        self.addresses, self.page = addresses, page
        self.definitions = dict(DEFINITION.findall(f"{page.links_md}\n{page.text}"))

    def of(self, href: str) -> str:
        """The absolute address of what the episode calls `href`."""
        place = self.addresses.where(self.page, href)
        match place.kind:
            case "outside":
                return href
            case "page":
                return self.addresses.published(place.name, place.page.file) + place.fragment
            case "asset" | "repository":
                return self.addresses.in_repository(place.name) + place.fragment
        raise self.addresses.missing(self.page, href)

    def meaning(self, href: str) -> str:
        """The definition of a term that a link leads to, as the link's title: it shows without a network."""
        place = self.addresses.where(self.page, href)
        meaning = place.page.terms.get(place.fragment[1:], "") if place.page else ""
        return f" {json.dumps(meaning, ensure_ascii=False)}" if meaning else ""

    def embedded(self, href: str) -> str:
        """A picture of fig/ as a data address, so that a notebook shows it wherever it is opened."""
        place = self.addresses.where(self.page, href)
        if place.kind == "outside":
            return href
        path, kind = self.addresses.assets.get(place.name), mimetypes.guess_type(place.name)[0] or ""
        if path is None or not kind.startswith("image/"):
            what = f"{href} is not a picture in fig/ (.svg, .png, .jpg and the like): add it there"
            raise LessonError(what, self.page.file)
        return f"data:{kind};base64,{base64.b64encode(path.read_bytes()).decode()}"

    def anywhere(self, text: str) -> str:
        """Markdown that Jupyter shows the same anywhere: without the Workbench's attributes, without comments."""
        pictures: dict[str, str] = {}

        def rewrite(found: re.Match) -> str:
            if found["code"]:
                return found["code"]
            if found["image"]:
                name = posixpath.basename(found["image"])
                pictures[name] = self.embedded(found["image"])
                shown = f"![{found['alt'] or found['caption']}][{name}]"
                return f"{shown}\n\n*{found['caption']}*" if found["alt"] and found["caption"] else shown
            if found["href"]:
                return f"]({self.of(found['href'])}{self.meaning(found['href']) if found['bare'] else ''}"
            return found["heading"] or ""

        text = MARKUP.sub(rewrite, DEFINITION.sub("", text)).strip("\n")
        links = {label: self.of(href) for label, href in self.definitions.items() if f"[{label}]" in text}
        # Long addresses stand below the text, where they are in nobody's way.
        below = [f"[{label}]: {address}" for label, address in (links | pictures).items()]
        return "\n\n".join(filter(None, [text, "\n".join(below)]))
