"""The rules of this house for a prediction: named choices, and behind what answers it a sentence on each."""

from __future__ import annotations

import re
from collections.abc import Iterator

from lessonkit.page import Finding, Page
from lessonkit.predictions import COMPARE, KINDS, PREDICT, Prediction, titled

SENTENCE = re.compile(r"\*\*(?P<choice>.+?)\*\*:\s+\S")


def predictions(page: Page) -> Iterator[Finding]:
    """Each question has its comparison and the reverse; choices and sentences agree; between them stands the answer."""
    for div in page.divs:
        for word, kind in KINDS.items():
            if div.title.startswith(word) and div.kind != kind:
                yield div.line, f"a div titled '{word} …' is a '::: {kind}': write it so, and its other half below"
                return
    whole = {div for each in page.predictions for div in (each.asks, each.compares)}
    for div in titled(page.divs, PREDICT):
        if div not in whole:
            title = div.title.replace(PREDICT, COMPARE)
            yield div.line, f"this is never compared: add '::: spoiler' headed '{title}' behind what answers it"
    for div in titled(page.divs, COMPARE):
        if div not in whole:
            yield div.line, f"no '{PREDICT} …' before this has its title: use the same words in both"
    for prediction in page.predictions:
        yield from _choices(prediction)
        yield from _between(page, prediction)


def _choices(prediction: Prediction) -> Iterator[Finding]:
    choices, points = prediction.choices.points, prediction.sentences.points
    if not 2 <= len(choices) <= 4 or len(set(choices)) < len(choices):
        yield prediction.asks.line, "a prediction ends with two to four different choices: a list, one '- ' for each"
        return
    sentences = [found["choice"] if (found := SENTENCE.match(point)) else point for point in points]
    for choice in choices:
        if sentences.count(choice) != 1:
            yield prediction.compares.line, f"the choice '{choice}' has no sentence: add one '- **{choice}**: …'"
    for sentence in sentences:
        if sentence not in choices:
            yield prediction.compares.line, f"'{sentence}' is none of the choices: begin with one, '- **choice**: …'"


def _between(page: Page, prediction: Prediction) -> Iterator[Finding]:
    asks, compares = prediction.asks, prediction.compares
    if not any(page.lines[line - 1].strip() for line in range(asks.end + 1, compares.line)):
        yield asks.line, "nothing answers this: put the cell that does between 'Predict' and 'Compare'"
    for heading in page.headings:
        if prediction.answers(heading.line):
            yield heading.line, "a heading hides with the answer that it stands in: end the prediction before it"
    for cell in page.cells:
        if asks in cell.divs or compares in cell.divs:
            yield cell.line - 1, "this cell would be no cell of the notebook: put it between 'Predict' and 'Compare'"
