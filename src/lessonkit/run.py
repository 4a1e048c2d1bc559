"""Executes an episode in a fresh kernel, and writes what it printed and drew back into the lesson."""

from __future__ import annotations

import base64
import difflib
import hashlib
import io
import json
import re
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import nbformat.v4
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from PIL import Image
from tqdm import tqdm

from lessonkit import compare, kernel, states
from lessonkit.cells import DEFAULT_TOLERANCE, Cell, Result
from lessonkit.kernel import Usage
from lessonkit.lesson import Lesson, replace_file
from lessonkit.markdown import Figure
from lessonkit.page import LessonError, Page
from regseg.show import living

WIDGET_MIME = "application/vnd.jupyter.widget-view+json"


@dataclass(frozen=True)
class Drawing:
    """What one figure is: its picture and a finer one (PNG), and its state where the website can make it live."""

    png: bytes
    fine: bytes | None
    state: states.State | None


@dataclass(frozen=True)
class Outcome:
    """What one cell did: the text and the figures to record, and the seconds it took.

    `error` is "Type: message" where the cell raised; `error_line` counts from 1 in the cell.
    """

    cell: Cell
    text: str
    figures: tuple[Drawing, ...]
    seconds: float
    error: str | None
    error_line: int

    @property
    def found(self) -> str:
        """The text that belongs below the cell."""
        return self.error or self.text

    @property
    def result(self) -> Result | None:
        """The block that belongs below the cell: the recorded one for as long as it agrees."""
        old = self.cell.result
        if not self.found:
            return None
        if old and not self.differences:
            return old
        return Result("error" if self.error else "output", self.found, old.tolerance if old else DEFAULT_TOLERANCE)

    @property
    def differences(self) -> list[str]:
        """Where the recorded block disagrees, in words."""
        old = self.cell.result
        if not old:
            return ["nothing was expected, an output found"] if self.found else []
        if not self.found:
            return ["an output was expected, nothing found"]
        if self.error:
            return compare.errors(old.text, self.error)
        return compare.texts(old.text, self.text, old.tolerance)


@dataclass(frozen=True)
class Run:
    """An executed episode, and what its kernel took."""

    episode: Page
    outcomes: tuple[Outcome, ...]
    usage: Usage

    @property
    def drawn(self) -> list[tuple[Figure, Drawing]]:
        """Each image line with the figure that belongs to it."""
        return [pair for outcome in self.outcomes for pair in zip(outcome.cell.figures, outcome.figures, strict=True)]

    def __str__(self) -> str:
        slowest = max(self.outcomes, key=lambda outcome: outcome.seconds, default=None)
        total = f"{len(self.outcomes)} cells in {sum(outcome.seconds for outcome in self.outcomes):.1f} s"
        slow = f", the slowest (line {slowest.cell.line}) in {slowest.seconds:.1f} s" if slowest else ""
        return f"{total}{slow}, {self.usage.cpu_seconds:.1f} s of CPU, at most {self.usage.memory / 2**30:.2f} GiB"


def run(lesson: Lesson, names: Sequence[str] = (), *, force: bool = False) -> None:
    """Run the named episodes (all that config.yaml lists, when none is named), and record their results.

    An episode on whose result nothing changed since its last run here is left alone, unless `force`.

    Raises
    ------
    LessonError
        A cell fails or does not fail as its error block says, or its figures do not fit its image lines. Nothing
        of that episode is written then.
    """
    for path in _paths(lesson, names):
        episode = lesson.page(path, "episode")
        record = lesson.root / "build" / "run" / f"{episode.name}.json"
        last = json.loads(record.read_text(encoding="utf-8")) if record.is_file() else {}
        if not force and last.get("key") == _key(lesson, episode, last.get("modules", ())):
            print(f"{episode.name}: unchanged; its last run: {last['summary']}")
            continue
        done = execute(episode)
        _write(lesson, done)
        key, modules = _key(lesson, lesson.page(path, "episode"), done.usage.modules), done.usage.modules
        replace_file(record, json.dumps({"key": key, "summary": str(done), "modules": modules}, indent=1).encode())
        print(f"{episode.name}: {done}")


def check(lesson: Lesson, names: Sequence[str] = ()) -> list[str]:
    """Where a fresh run of the episodes disagrees with what is recorded, in words; writes nothing.

    Raises
    ------
    LessonError
        As for `run`.
    """
    found = []
    for path in _paths(lesson, names):
        done = execute(lesson.page(path, "episode"))
        print(f"{done.episode.name}: {done}")
        found += differences(lesson, done)
    return found


def differences(lesson: Lesson, done: Run) -> list[str]:
    """Where an executed episode disagrees with what is recorded, in words."""
    found = [_explain(done.episode, outcome) for outcome in done.outcomes if outcome.differences]
    for figure, drawing in done.drawn:
        target = _target(lesson, figure)
        here = [f"{target} does not exist"]
        if target.is_file():
            here = compare.figures(target.read_bytes(), drawing.png, figure.tolerance)
        here += states.differences(target, drawing.state, figure.tolerance)
        found += [f"{done.episode.path.name}:{figure.line}: {difference}" for difference in here]
    return found


def _paths(lesson: Lesson, names: Sequence[str]) -> list[Path]:
    if not names:
        return [page.path for page in lesson.episodes]
    paths = [lesson.root / "episodes" / f"{Path(name).stem}.md" for name in names]
    for path in paths:
        if not path.is_file():
            written = ", ".join(sorted(found.stem for found in path.parent.glob("*.md")))
            raise LessonError(f"There is no episode {path.stem}; there are: {written}")
    return paths


def execute(episode: Page) -> Run:
    """Run an episode's cells in a fresh kernel.

    Raises
    ------
    LessonError
        As for `run`; the message names episode, line and cell.
    """
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell.source) for cell in episode.cells])
    outcomes, downloads = [], states.first_download(episode)
    with kernel.fresh_kernel(notebook) as client:
        progress = tqdm(episode.cells, desc=episode.name, unit="cell", leave=False, disable=None)
        for cell, notebook_cell in zip(progress, notebook.cells, strict=True):
            began = time.perf_counter()
            try:
                client.execute_cell(notebook_cell, cell.number - 1)
            except DeadKernelError:
                raise _failure(episode, cell, "killed its kernel: most likely it asks for too much memory") from None
            except CellTimeoutError:
                raise _failure(episode, cell, f"is still running after {kernel.CELL_LIMIT} s") from None
            embedded = cell.number < downloads
            outcomes.append(_outcome(cell, notebook_cell.outputs, time.perf_counter() - began, embedded))
            _demand_pictures_of_widgets(episode, cell, notebook_cell.outputs)
            _demand_little_text(episode, outcomes[-1])
            _demand_expected_error(episode, outcomes[-1])
            _demand_lasting_text(episode, outcomes[-1])
        done = Run(episode, tuple(outcomes), kernel.usage(client))
    _demand_fitting_figures(done)
    return done


def _failure(episode: Page, cell: Cell, what: str, line: int = 1) -> LessonError:
    """An error that points to a line (from 1) of a cell."""
    source = cell.source.split("\n")[line - 1].strip()
    return LessonError(f"{episode.path.name}:{cell.line + line - 1}: cell {cell.number} {what}\n    {source}")


def _outcome(cell: Cell, outputs: list, seconds: float, embedded: bool) -> Outcome:
    """Sort a cell's outputs. What went to stderr (progress, warnings) is not recorded.

    `embedded` says that its figures show no downloaded image, and so may have a state.
    """
    texts, figures, error, error_line = [], [], None, 1
    for output in outputs:
        data = output.get("data", {})
        if output.output_type == "stream" and output.name == "stdout":
            texts.append(output.text)
        elif output.output_type == "error":
            error = f"{output.ename}: {output.evalue}".rstrip(": \n")
            frame = re.search(r"Cell In\[\d+\], line (\d+)", re.sub(r"\x1b\[[\d;]*m", "", "\n".join(output.traceback)))
            error_line = int(frame[1]) if frame else 1
        elif "image/png" in data:
            state = data.get(living.MIME) if embedded else None
            fine = base64.b64decode(data[living.FINE_MIME]) if living.FINE_MIME in data else None
            figures.append(Drawing(_plain_png(base64.b64decode(data["image/png"])), fine, state))
        elif output.output_type == "execute_result":
            texts.append(data["text/plain"])
    lines = "\n".join(text.removesuffix("\n") for text in texts).split("\n")
    text = "\n".join(line.rstrip() for line in lines).strip("\n")
    return Outcome(cell, text, tuple(figures), seconds, error, error_line)


def _plain_png(png: bytes) -> bytes:
    """The same picture without metadata (dates, versions), so that equal pixels are equal files."""
    image = Image.open(io.BytesIO(png)).convert("RGBA")
    if image.getextrema()[3] == (255, 255):
        image = image.convert("RGB")
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def _webp(png: bytes) -> bytes:
    """The picture for the website: flat drawings are smaller without loss, and in a scan this fine no eye sees it."""
    image, contents = Image.open(io.BytesIO(png)).convert("RGB"), []
    for encoding in ({"lossless": True, "quality": 50, "method": 4}, {"quality": 82, "method": 6}):
        buffer = io.BytesIO()
        image.save(buffer, "WEBP", **encoding)
        contents.append(buffer.getvalue())
    return min(contents, key=len)


def _demand_pictures_of_widgets(episode: Page, cell: Cell, outputs: list) -> None:
    """Progress bars are widgets, too, and come and go; what a cell ends with is meant to be seen."""
    for output in outputs:
        data = output.get("data", {})
        if output.output_type == "execute_result" and WIDGET_MIME in data and "image/png" not in data:
            raise _failure(episode, cell, "ends with a widget without a picture: a page has no kernel, so draw it")


def _demand_expected_error(episode: Page, outcome: Outcome) -> None:
    cell = outcome.cell
    expected = cell.result.text if cell.result and cell.result.kind == "error" else None
    if expected is None and outcome.error:
        raise _failure(episode, cell, f"raised {outcome.error}", outcome.error_line)
    if expected is not None and not outcome.error:
        raise _failure(episode, cell, "raised nothing, but an error block follows it")
    if expected and expected.split(":")[0] != outcome.error.split(":")[0]:
        what = f"raised {outcome.error}, where the error block says {expected.split(':')[0]}"
        raise _failure(episode, cell, what, outcome.error_line)


def _demand_little_text(episode: Page, outcome: Outcome) -> None:
    if len(outcome.text) > kernel.PRINT_LIMIT:
        what = f"prints more than {kernel.PRINT_LIMIT:,} characters: print what a learner will read"
        raise _failure(episode, outcome.cell, what)


def _demand_lasting_text(episode: Page, outcome: Outcome) -> None:
    """No object's address in memory, which no second run would print."""
    tolerance = outcome.cell.result.tolerance if outcome.cell.result else DEFAULT_TOLERANCE
    if tolerance is not None and (address := re.search(r"<[^<>]* at 0x[0-9a-fA-F]+>", outcome.text)):
        what = f"prints {address[0]}, another address in every run: end the line with ; or print what matters"
        raise _failure(episode, outcome.cell, what, len(outcome.cell.source.split("\n")))


def _demand_fitting_figures(done: Run) -> None:
    """Every figure has its image line, every image line its figure, and every file one figure."""
    name, wrong, seen = done.episode.path.name, [], {}
    for outcome in done.outcomes:
        cell, drawn = outcome.cell, len(outcome.figures)
        if drawn > len(cell.figures):
            wrong.append(
                f"{name}:{cell.line}: cell {cell.number} draws {drawn} figures, {len(cell.figures)} image lines follow "
                "it: add ![caption](fig/NN-name.png){alt='…'} for each"
            )
        for figure in cell.figures[drawn:]:
            wrong.append(f"{name}:{figure.line}: cell {cell.number} draws no figure for this image line")
        for figure in cell.figures:
            if figure.path in seen:
                wrong.append(f"{name}:{figure.line}: {figure.path} belongs to line {seen[figure.path]} already")
            seen[figure.path] = figure.line
    if wrong:
        raise LessonError("\n".join(wrong))


def _explain(episode: Page, outcome: Outcome) -> str:
    """A colleague's account of a difference: where, what in words, then the two texts."""
    cell = outcome.cell
    old = cell.result.text if cell.result else ""
    diff = difflib.unified_diff(old.split("\n"), outcome.found.split("\n"), "recorded", "fresh run", lineterm="")
    where = f"{episode.path.name}:{cell.result_lines[0]}: the result of cell {cell.number} differs"
    return "\n".join([where, *(f"  {difference}" for difference in outcome.differences), *diff])


def _target(lesson: Lesson, figure: Figure) -> Path:
    return lesson.root / "fig" / PurePosixPath(figure.path).name


def _write(lesson: Lesson, done: Run) -> None:
    path, before = done.episode.path, done.episode.content
    if path.read_bytes() != before:
        raise LessonError(f"{path.name} was edited while it ran: nothing is written; run it again")
    for figure, drawing in done.drawn:
        target = _target(lesson, figure)
        fine = states.finer(target)
        if not target.is_file() or compare.figures(target.read_bytes(), drawing.png, figure.tolerance):
            replace_file(target, drawing.png)
            fine.unlink(missing_ok=True)
        if drawing.fine and not fine.is_file():
            replace_file(fine, _webp(drawing.fine))
        states.write(target, drawing.state, figure.tolerance)
    states.prune(lesson.root / "fig", [_target(lesson, figure) for figure, _ in done.drawn])
    after = done.episode.with_results({outcome.cell.number: outcome.result for outcome in done.outcomes}).encode()
    if after != before:
        replace_file(path, after)


def _key(lesson: Lesson, episode: Page, modules: Sequence[str]) -> str:
    """A hash of all that an episode's recorded results depend on, themselves included; prose is not part of it.

    Of our package only the `modules` that the episode's kernel imported count, and the data files beside them.
    """
    folders = {Path(module).parent for module in modules}
    beside = {path for folder in folders for path in folder.glob("*") if path.is_file() and path.suffix != ".py"}
    sources = sorted(beside.union(map(Path, modules)))
    figures = [_target(lesson, figure) for cell in episode.cells for figure in cell.figures]
    registry, ours = (
        lesson.root / "data" / "registry.json",
        [*map(Path, (__file__, kernel.__file__, states.__file__)), kernel.STYLE],
    )
    cells = [
        (cell.source, cell.result, [(each.path, each.tolerance) for each in cell.figures]) for cell in episode.cells
    ]
    digest = hashlib.sha256(repr([sys.version, _pins(lesson), cells]).encode())
    kept = [path for figure in figures for path in [figure, states.finer(figure), *states.files(figure)]]
    for path in [*sources, *ours, registry, *kept]:
        digest.update(hashlib.sha256(path.read_bytes() if path.is_file() else b"").digest())
    return digest.hexdigest()


def _pins(lesson: Lesson) -> bytes:
    path = lesson.root / "requirements-course.lock"
    return path.read_bytes() if path.is_file() else b""
