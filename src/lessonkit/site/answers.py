"""The answer boxes: exercises that a reader answers on the page, with the sentences of `regseg.check`."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable
from itertools import groupby
from pathlib import Path

from lessonkit.page import Page
from regseg import check

ASKED = re.compile(r'\bcheck\.answer\("([^"]+)"')
PLACE = re.compile(r'<div data-exercise="([^"]*)"></div>')  # page.lua's


def write(pages: Iterable[Page], folder: Path) -> Collection[str]:
    """Write what is said of each answer, for those exercises of some pages that have a box: a script for each episode.

    Returns
    -------
    collection of str
        The names of these exercises.
    """
    cells = [cell for page in pages for cell in page.cells if cell.challenge]
    names = sorted({name for cell in cells for name in ASKED.findall(cell.source)})
    answers = {name: box for name in names if (box := check.box(name))}
    folder.mkdir()
    for episode, of_one in groupby(answers, lambda name: name[:2]):
        told = json.dumps({name: answers[name] for name in of_one}, ensure_ascii=False, separators=(",", ":"))
        (folder / f"{episode}.js").write_text(f"Object.assign(ANSWERS, {told});\n", encoding="utf-8")
    return answers


def places(html: str, boxes: Collection[str]) -> str:
    """HTML in which only exercises that have a box keep the place for it."""
    return PLACE.sub(lambda place: place[0] if place[1] in boxes else "", html)
