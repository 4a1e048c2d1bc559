"""The rules of this house for a prediction: named choices, and behind what answers it a sentence on each."""

from __future__ import annotations

import re
from collections.abc import Iterator

from lessonkit.page import Finding, Page
from lessonkit.predictions import COMPARE, PREDICT, Prediction, titled

SENTENCE = re.compile(r"\*\*(?P<choice>.+?)\*\*:\s+\S")


def predictions(page: Page) -> Iterator[Finding]:
    """Each question has its comparison and the reverse; choices and sentences agree; between them stands the answer."""
    kinds = {PREDICT: "discussion", COMPARE: "spoiler"}
    other = [
        (div, word) for div in page.divs for word in kinds if div.title.startswith(word) and div.kind != kinds[word]
    ]
    if other:
        yield from ((div.line, f"a div titled '{word} …' is a '::: {kinds[word]}': write it so") for div, word in other)
        return
    asked = {prediction.asks for prediction in page.predictions}
    compared = {prediction.compares for prediction in page.predictions}
    for div in titled(page.divs, PREDICT):
        if div not in asked:
            title = div.title.removeprefix(PREDICT).strip()
            what = f"add '::: spoiler' with the heading '{COMPARE} {title}' behind what answers it"
            yield div.line, f"this prediction is never compared: {what}"
    for div in titled(page.divs, COMPARE):
        if div not in compared:
            yield (
                div.line,
                f"no prediction before this has its title: make both '{PREDICT} …' and '{COMPARE} …' the same",
            )
    for prediction in page.predictions:
        yield from _choices(prediction)
        yield from _between(page, prediction)


def _choices(prediction: Prediction) -> Iterator[Finding]:
    choices, points = prediction.choices.points, prediction.sentences.points
    if not 2 <= len(choices) <= 4 or len(set(choices)) < len(choices):
        what = "a prediction has two to four different choices: end it with a list of them, one '- ' each"
        yield prediction.asks.line, what
        return
    sentences = [found["choice"] if (found := SENTENCE.match(point)) else point for point in points]
    for choice in choices:
        if sentences.count(choice) != 1:
            yield prediction.compares.line, f"the choice '{choice}' has no sentence: add one '- **{choice}**: …'"
    for sentence in sentences:
        if sentence not in choices:
            yield prediction.compares.line, f"'{sentence}' is none of the choices: begin with one, '- **choice**: …'"


def _between(page: Page, prediction: Prediction) -> Iterator[Finding]:
    if not any(page.lines[line - 1].strip() for line in range(prediction.asks.end + 1, prediction.compares.line)):
        yield (
            prediction.asks.line,
            "nothing answers this prediction: put the cell that does between question and comparison",
        )
    for heading in page.headings:
        if prediction.answers(heading.line):
            yield (
                heading.line,
                "a heading does not belong to an answer, which is veiled: close the prediction before it",
            )
    for cell in page.cells:
        if prediction.asks in cell.divs or prediction.compares in cell.divs:
            yield cell.line - 1, "code does not run inside a prediction: put it between question and comparison"
