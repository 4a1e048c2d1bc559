"""Each episode runs once in a session of tests; what must be true of it is asked of that one run."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest

from lessonkit.lesson import Lesson
from lessonkit.run import Run, differences, execute
from regseg import data

LESSON = Lesson(Path(__file__).resolve().parents[2])
EPISODES = [page.path for page in LESSON.episodes]
# CONTRIBUTING allows 150 seconds and 3 GB. A busy computer, or a small one, may take twice the processor's time.
CPU_SECONDS, BYTES = 2 * 150, 3e9


@pytest.fixture(scope="session", params=EPISODES, ids=lambda path: path.stem)
def executed(request) -> Run:
    """A fresh run of an episode. The tests that ask for it follow one another, so each episode runs once."""
    episode = LESSON.page(request.param, "episode")
    code = "\n".join(cell.source for cell in episode.cells)
    if any(re.sub(r"\d+$", "", name) in code for name in data.names() if not data.card(name).embedded):
        request.getfixturevalue("public_images")
    return execute(episode)


def test_a_fresh_run_agrees_with_what_is_recorded(executed):
    assert differences(LESSON, executed) == []


def test_every_starter_waits_for_its_answer(executed):
    starters = [
        outcome
        for outcome in executed.outcomes
        if outcome.cell.challenge and not outcome.cell.folded and "check.answer" in outcome.cell.source
    ]
    assert starters
    for starter in starters:
        assert "not yet" in starter.text.lower(), starter.cell.source


def test_an_episode_keeps_to_the_seconds_and_the_memory_of_the_house(executed):
    assert executed.usage.cpu_seconds < CPU_SECONDS
    assert executed.usage.memory < BYTES


@pytest.mark.parametrize("path", EPISODES, ids=lambda path: path.stem)
def test_the_notebook_holds_the_cells_of_the_episode(path):
    """All but those that it folds away, and but instructors' own; so what runs here runs there. A quiz follows."""
    cells = [
        (cell.source, cell.result is not None and cell.result.kind == "error")
        for cell in LESSON.page(path, "episode").cells
        if not cell.folded and not any(div.kind == "instructor" for div in cell.divs)
    ]
    notebook = nbformat.read(LESSON.root / "notebooks" / f"{path.stem}.ipynb", as_version=4)
    asked = [cell for cell in notebook.cells if "prediction" in cell.metadata.get("tags", [])]
    _, *code = [cell for cell in notebook.cells if cell.cell_type == "code" and cell not in asked]  # nor the first one
    found = [(cell.source, "raises-exception" in cell.metadata.get("tags", [])) for cell in code]
    assert found[: len(cells)] == cells
    assert found[len(cells) :] and all("-quiz-" in source for source, _ in found[len(cells) :])
