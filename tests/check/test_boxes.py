"""The answer boxes of the website say what the checks say, to right answers and to each known mistake."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from test_check import RIGHT, WRONG

from lessonkit import site
from lessonkit.lesson import Lesson
from regseg import check
from regseg.check.boxes import BOXES
from regseg.check.engine import judge

CHALLENGE = """
::: challenge

## {name}

What is it?

```python
answer = ...
check.answer("{name}", answer)
```

```output
Not yet. Replace the three dots with your answer, then run this cell again.
```

:::: hint

Think.

::::

:::

"""
# One that asks for a function: no page can judge it.
NO_BOX = "01-geometry"
CONFIG = "title: 'Boxes'\nlicense: 'CC-BY 4.0'\nsource: 'https://example.org/boxes'\nepisodes: [01-boxes.md]\n"
# Gives each answer as a reader does, and returns what the page says to it.
SAY = """([name, answers]) => {
  const place = document.querySelector(`[data-exercise="${name}"]`), input = place.querySelector("input");
  return answers.map((answer) => {
    if (input) { input.value = answer; input.form.requestSubmit(); }
    else [...place.querySelectorAll("button")].find((button) => button.textContent === answer).click();
    return place.querySelector("[role=status]").textContent;
  });
}"""


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    """A website with every exercise that has a box, and one that has none."""
    folder = tmp_path_factory.mktemp("boxes")
    episode = "".join(CHALLENGE.format(name=name) for name in [*BOXES, NO_BOX])
    files = {
        "config.yaml": CONFIG,
        "index.md": "---\ntitle: 'Home'\n---\n\nHome.\n",
        "links.md": "",
        "episodes/01-boxes.md": f'---\ntitle: "Boxes"\nteaching: 1\nexercises: 1\n---\n\n{episode}',
        "learners/setup.md": "---\ntitle: 'Setup'\n---\n\nNothing.\n",
        "learners/reference.md": "---\ntitle: 'Glossary'\n---\n\nNothing.\n",
    }
    for name, text in files.items():
        (folder / "lesson" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "lesson" / name).write_text(text, encoding="utf-8")
    site.build(Lesson(folder / "lesson"), folder / "site")
    return folder / "site"


@pytest.fixture(scope="module")
def page(browser, built):
    """The page of the boxes, opened from the disk."""
    with browser.new_context() as context:
        page = context.new_page()
        page.goto((built / "01-boxes.html").as_uri())
        page.locator("[data-exercise] [role=status]").last.wait_for(state="attached")
        yield page


def typed(name: str, answer: Any) -> str | None:
    """An answer as somebody types it; None where nobody can."""
    ask = BOXES[name].ask
    if ask == "choice":
        options = [option for option in BOXES[name].answers() if option == answer]
        return options[0] if options else None
    if isinstance(answer, str):
        return answer
    if isinstance(answer, list | tuple) and all(isinstance(part, str) for part in answer):
        return ", ".join(answer)
    if BOXES[name].ask == "letters":
        return None
    try:
        return ", ".join(format(value, ".17g") for value in np.asarray(answer, float).ravel())
    except (TypeError, ValueError):
        return None


@pytest.mark.parametrize("name", BOXES)
def test_a_page_says_of_each_known_answer_what_the_check_says(page, name):
    known = [make() for make in RIGHT[name]] + [make() for _, make in WRONG[name]]
    answers = {text: answer for answer in known if (text := typed(name, answer))}
    expected = [str(judge(name, answer)) for answer in answers.values()]
    said = page.evaluate(SAY, [name, list(answers)])
    # What cannot be read is repeated, and Python and the page write it in different ways.
    assert [one.split(", and got")[0] for one in said] == [one.split(", and got")[0] for one in expected]
    assert any(one.startswith("Right.") for one in said) and any(one.startswith("Not quite.") for one in said)
    for part, make in WRONG[name]:
        if (text := typed(name, make())) in answers:
            assert part in said[list(answers).index(text)]


def test_what_is_said_of_an_episode_is_a_script_of_its_own(built):
    for script in (built / "static" / "answers").iterdir():
        said = [name for name in BOXES if f'"{name}":' in script.read_text(encoding="utf-8")]
        assert said == [name for name in BOXES if name.startswith(script.stem)] != []


def test_at_least_fifteen_exercises_have_a_box_and_one_that_asks_for_a_function_has_none(page):
    assert page.locator("[data-exercise]").count() == len(BOXES) >= 15
    assert page.locator(f'[data-exercise="{NO_BOX}"]').count() == 0
    assert check.box(NO_BOX) is None


def test_a_box_is_answered_by_keys_alone_and_what_it_says_is_announced(page):
    place = page.locator('[data-exercise="05-determinant"]')
    place.get_by_label("Your answer (a number)").focus()
    page.keyboard.press("Control+A")
    page.keyboard.type("2")
    page.keyboard.press("Enter")
    assert "how much is lost" in place.get_by_role("status").inner_text()
    page.keyboard.press("Control+A")
    page.keyboard.type("6,")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert place.get_by_role("status").inner_text().startswith("Right.")
    place = page.locator('[data-exercise="01-side"]')
    place.get_by_role("group", name="Your answer").get_by_role("button", name="right").focus()
    page.keyboard.press("Enter")
    assert place.get_by_role("button", name="right").get_attribute("aria-pressed") == "true"
    assert "where is the midline" in place.get_by_role("status").inner_text()
    assert Axe().run(page).response["violations"] == []


def test_the_first_answers_of_a_quiz_stand_below_its_last_question_as_a_line_for_the_room(page):
    page.reload()
    page.locator("[data-exercise] [role=status]").last.wait_for(state="attached")
    line = page.locator(".line code")
    page.evaluate(SAY, ["03-quiz-4", ["C", "A"]])  # who corrects an answer has still given the first one
    page.evaluate(SAY, ["03-quiz-2", ["B"]])
    places = page.locator('[data-exercise^="03-quiz-"]')
    assert places.last.locator(".line code").inner_text() == "03: 2B 4C"
    assert line.filter(has_text="03:").count() == 1


@pytest.mark.parametrize("answer", ["six", "6 7", "6 ml"])
def test_what_is_no_number_is_asked_for_again(page, answer):
    (said,) = page.evaluate(SAY, ["05-determinant", [answer]])
    assert said == f"Not quite. I expected a number, and got '{answer}'."


def test_without_a_script_the_exercise_is_as_it_was(browser, built):
    with browser.new_context(java_script_enabled=False) as context:
        plain = context.new_page()
        plain.goto((built / "01-boxes.html").as_uri())
        assert plain.locator("[data-exercise]").first.inner_text() == ""
        assert plain.locator("[data-exercise] *").count() == 0
