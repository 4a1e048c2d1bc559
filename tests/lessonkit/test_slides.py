"""How an episode is cut into slides: nothing of it is lost, and no answer stands before its question."""

from __future__ import annotations

from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from site_lesson import write_lesson

from lessonkit.lesson import Lesson
from lessonkit.site import slides
from lessonkit.site.pages import read

EPISODE = """---
title: "Short"
---

## Why *heads* move

A head moves. More is said of it.

```python
print("TYPED")
```

```output
TYPED
```

![A head.](fig/01-square.png){alt='a square'}

::: instructor

ASK-THE-ROOM

:::

::: discussion

### Predict: which way?

- left
- right

:::

```python
show()
```

```output
PRINTED-ANSWER
```

![It moved.](fig/01-square.png){alt='a square further left'}

PROSE-ANSWER

::: spoiler

### Compare: which way?

- **left**: SENTENCE.
- **right**: no.

:::

Then the text goes on.

![Later.](fig/01-square.png){alt='a square'}

::: challenge

### Do it

*7 minutes*

Move it.

```python
moved = ...
```

```output
Not yet. Replace the three dots with your answer, then run this cell again.
```

::: hint

HINTED

:::

::: solution

```python
{code}
```

```output
Right.
```

EXPLAINED

:::

:::

## Further practice

NOT-ON-SLIDES

::: keypoints

- Heads move.

:::
"""


@pytest.fixture
def cut(tmp_path):
    """The stacks of an episode of the small lesson."""

    def stacks(text: str | None = None, name: str = "01-images") -> list[list[slides.Slide]]:
        root = write_lesson(tmp_path / "lesson")
        if text:
            Path(root, "episodes", f"{name}.md").write_text(text, encoding="utf-8")
        return slides.cut(read(next(page for page in Lesson(root).episodes if page.name == name)))

    return stacks


@pytest.fixture
def short(cut) -> list[list[slides.Slide]]:
    return cut(EPISODE.replace("{code}", "moved = 1"))


def kinds(stacks: list[list[slides.Slide]]) -> list[list[str]]:
    return [[slide.kind for slide in stack] for stack in stacks]


def words(html: str) -> str:
    return " ".join(BeautifulSoup(html, "html.parser").get_text(" ").split())


def test_a_question_and_what_answers_it_are_a_stack_of_their_own(short):
    assert kinds(short) == [
        ["aims"],
        ["heading", "picture"],
        ["discussion", "picture", "discussion compare"],
        ["picture"],
        ["challenge", "solution"],
        ["keypoints"],
    ]
    asks, moved, compares = short[2]
    assert "PRINTED-ANSWER" not in asks.html and "SENTENCE" not in asks.html
    assert "further left" in moved.html
    assert "PRINTED-ANSWER" in compares.html and "SENTENCE" in compares.html


def test_an_exercise_says_what_to_do_and_not_that_it_waits(short):
    assert words(short[4][0].html) == "Move it. moved = ..."


def test_a_section_shows_its_title_and_its_first_sentence(short):
    heading = short[1][0]
    assert (heading.title, words(heading.html)) == ("Why <em>heads</em> move", "A head moves.")


def test_a_section_that_begins_with_a_list_shows_the_first_sentence_of_each_point(cut):
    heading = cut(EPISODE.replace("A head moves. More is said of it.", "- **One.** More.\n- Two: yes. More.\n"))[1][0]
    assert heading.html == "<ul><li><strong>One.</strong></li><li>Two: yes.</li></ul>"


def test_all_that_is_on_no_slide_stands_in_the_notes_but_further_practice(short):
    seen = {id(slide): words(slide.html) for stack in short for slide in stack}
    notes = [[words(" ".join(slide.notes)) for slide in stack] for stack in short]
    assert notes[1][0] == 'A head moves. More is said of it. print ( "TYPED" ) TYPED'
    assert notes[2] == ["show()", "", "PROSE-ANSWER Then the text goes on."]
    assert notes[4] == ["Hint HINTED", "EXPLAINED"]
    assert "NOT-ON-SLIDES" not in str(notes) + str(seen)


def test_a_note_to_instructors_above_a_question_belongs_to_the_question(short):
    told = {slide.kind: words(" ".join(slide.instructor)) for stack in short for slide in stack if slide.instructor}
    assert told == {"discussion": "For instructors ASK-THE-ROOM"}


def test_notes_to_instructors_are_on_no_slide(cut):
    all_slides = [slide for stack in cut() for slide in stack]
    assert not any("SECRET-OF-INSTRUCTORS" in slide.html for slide in all_slides)
    assert ["SECRET-OF-INSTRUCTORS" in str(slide.instructor) for slide in all_slides].count(True) == 1


def test_an_exercise_has_its_minutes_and_no_answer(short):
    exercise, solution = short[4]
    assert (exercise.label, exercise.minutes, words(exercise.html)) == (
        "Exercise · 7 minutes",
        7,
        "Move it. moved = ...",
    )
    assert solution.html.startswith('<div class="fragment">') and words(solution.html) == "moved = 1 Right."


def test_what_long_code_prints_gives_its_place_to_the_code(cut):
    code = "\n".join(f"moved = {number}" for number in range(slides.LONG + 1))
    solution = cut(EPISODE.replace("{code}", code))[4][1]
    assert "Right." not in solution.html and "Right." in words(" ".join(solution.notes))


@pytest.mark.parametrize(
    ("paragraph", "sentence"),
    [
        ("One sentence. Another.", "One sentence."),
        ("It is 2.5 mm <em>wide</em>, a < b. Then more.", "It is 2.5 mm <em>wide</em>, a &lt; b."),
        ("<strong>It bends.</strong> More.", "<strong>It bends.</strong>"),
        ("Call <code>a. b</code> first! More.", "Call <code>a. b</code> first!"),
        ("It has no end", "It has no end"),
    ],
)
def test_the_first_sentence_of_a_paragraph(paragraph, sentence):
    assert slides.first_sentence(BeautifulSoup(f"<p>{paragraph}</p>", "html.parser").p) == sentence
