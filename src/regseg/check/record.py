"""What a learner's own notebooks tell of the exercises: a page to print. It believes what they say, and says so."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import date
from importlib import metadata
from pathlib import Path

import jinja2

from regseg.files import written_whole

ASKED = re.compile(r'\bcheck\.answer\("([^"]+)"')
TITLE = re.compile(r"^# (.+)$", re.M)
EXERCISE = re.compile(r"^> ### Exercise: (.+)$", re.M)


@dataclass(frozen=True)
class Task:
    """An exercise, or a question of a quiz: what it is called, and whether its check has said that it is right."""

    name: str
    title: str
    passed: bool

    @property
    def quiz(self) -> bool:
        return "-quiz-" in self.name


@dataclass(frozen=True)
class Record:
    """The tasks of one notebook."""

    title: str
    tasks: tuple[Task, ...]

    @property
    def exercises(self) -> list[Task]:
        return [task for task in self.tasks if not task.quiz]

    @property
    def quiz(self) -> list[Task]:
        return [task for task in self.tasks if task.quiz]


def certificate(name: str, notebooks: str | Path = ".", file: str | Path = "certificate.html") -> None:
    """Write a page to print: which exercises the checks have called right, in the notebooks of a folder as saved.

    It is a self-report. It is read from the files alone, so it cannot know who has answered, or whether a solution was
    copied; the page says this. Nothing is sent anywhere.

    Parameters
    ----------
    name : str
        The name that stands on the page.
    notebooks : path
        The folder with the notebooks of the course. One that is open counts as it was last saved.
    file : path
        Where the page is written, as HTML, whole or not at all; a file that is there is replaced.

    Raises
    ------
    ValueError
        There is no name, or no notebook in the folder in which a check has called an answer right.
    """
    if not str(name).strip():
        raise ValueError('Whose page is it? Give a name, such as check.certificate("Ada Lovelace").')
    folder, file = Path(notebooks), Path(file)
    records = [record for path in sorted(folder.glob("*.ipynb")) if (record := read(path)) is not None]
    records = [record for record in records if any(task.passed for task in record.tasks)]
    if not records:
        raise ValueError(
            f"No notebook in {folder.resolve()} has an answer that a check called right. Save those that you have "
            "worked in, and name their folder: notebooks=..."
        )
    page = jinja2.Template(
        Path(__file__).with_name("certificate.html").read_text(encoding="utf-8"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
    )
    given = {"name": str(name).strip(), "records": records, "day": date.today().isoformat()}
    with written_whole(file) as out:
        out.write(page.render(given, version=metadata.version("regseg-course")).encode())
    print(f"Written: {file}. Open it in a browser, and print it from there.")


def read(path: Path) -> Record | None:
    """What a notebook tells; None where it is none of this course, or cannot be read."""
    try:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        texts = [(cell["cell_type"], "".join(cell["source"]), _said(cell)) for cell in cells]
    except (ValueError, KeyError, TypeError):
        return None
    tasks: dict[str, Task] = {}
    title, heading = "", ""
    for kind, source, said in texts:
        if kind == "markdown":
            title = title or "".join(TITLE.findall(source)[:1])
            heading = "".join(EXERCISE.findall(source)[-1:]) or heading
        for name in ASKED.findall(source) if kind == "code" else ():
            passed = said.startswith("Right.") or "\nRight." in said
            before = tasks.get(name, Task(name, heading, False))  # it may be tried again in another cell
            tasks[name] = Task(name, before.title, before.passed or passed)
    return Record(title, tuple(tasks.values())) if tasks else None


def _said(cell: dict) -> str:
    """What the cell has printed, as it was saved."""
    return "".join("".join(output.get("text", "")) for output in cell.get("outputs", ()))
