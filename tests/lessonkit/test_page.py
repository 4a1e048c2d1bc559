"""An episode is read into prose, cells and divs that know their lines, and written back unchanged."""

from __future__ import annotations

from pathlib import Path

import pytest

from lessonkit.cells import DEFAULT_TOLERANCE, Cell, Prose, Result
from lessonkit.page import LessonError, Page

TEXT = """\
---
title: "Voxels"
---

## A voxel

```python
print(2)
```

<!-- tolerance: 20%, two is a guess -->

```output
2
```

![One](fig/01-one.png){alt='First'}

<!-- tolerance: 3%, its dots fall by lot -->
![Two](fig/01-two.png){alt="Second"}

![A diagram](fig/frames.svg){alt='Frames'}

:::::: challenge
### Count

```python
n = ...
```

::: solution
```python
n = 3
```

```error
KeyError
```
:::
::::::

```bash
ls
```
"""


def read(path: Path) -> Page:
    return Page(path, "episode", path.parent)


@pytest.fixture
def episode(tmp_path):
    path = tmp_path / "01-voxels.md"
    path.write_text(TEXT, encoding="utf-8")
    return read(path)


def line_of(text: str) -> int:
    return TEXT.split("\n").index(text) + 1


def test_cells_know_their_lines_results_and_figures(episode):
    first, starter, solution = episode.cells
    assert (first.source, first.line) == ("print(2)", line_of("print(2)"))
    assert first.result == Result("output", "2", 0.2)
    assert [(figure.path, figure.alt, figure.tolerance, figure.line) for figure in first.figures] == [
        ("fig/01-one.png", "First", 0, line_of("![One](fig/01-one.png){alt='First'}")),
        ("fig/01-two.png", "Second", 0.03, line_of('![Two](fig/01-two.png){alt="Second"}')),
    ]
    assert (starter.result, starter.figures) == (None, ())
    assert solution.result == Result("error", "KeyError", DEFAULT_TOLERANCE)


def test_divs_are_known_to_what_stands_in_them(episode):
    first, starter, solution = episode.cells
    assert first.challenge is None
    assert (starter.challenge.title, starter.folded) == ("Count", False)
    assert ([div.kind for div in solution.divs], solution.folded) == (["challenge", "solution"], True)


def test_a_diagram_and_code_of_other_languages_are_prose(episode):
    prose = [block for block in episode.blocks if isinstance(block, Prose)]
    texts = ["## A voxel", "![A diagram](fig/frames.svg){alt='Frames'}", "### Count", "```bash\nls\n```"]
    assert [block.text for block in prose] == texts
    assert [block.line for block in prose] == [line_of(text.split("\n")[0]) for text in texts]
    assert [type(block) for block in episode.blocks] == [Prose, Cell, Prose, Prose, Cell, Cell, Prose]


def test_its_own_results_change_nothing(episode):
    assert episode.with_results({cell.number: cell.result for cell in episode.cells}) == TEXT


def test_results_are_put_in_and_taken_out(episode):
    text = episode.with_results({1: None, 2: Result("output", "not yet"), 3: Result("error", "KeyError: 'n'")})
    assert "tolerance: 20%" not in text
    assert "n = ...\n```\n\n```output\nnot yet\n```\n" in text
    assert "n = 3\n```\n\n```error\nKeyError: 'n'\n```\n:::" in text


def test_a_new_result_keeps_the_tolerance_and_its_reason(episode):
    text = episode.with_results({1: Result("output", "3", 0.2)})
    assert text == TEXT.replace("```output\n2\n", "```output\n3\n")


def test_a_printed_fence_stays_text(tmp_path):
    """Its own fence is longer: else the page could not be read, and a printed python block would be run."""
    path, printed = tmp_path / "01-x.md", "````python\nimport os\n````\n```\n:::"
    path.write_text("```python\nprint(text)\n```\n\nProse.\n", encoding="utf-8")
    path.write_text(read(path).with_results({1: Result("output", printed)}), encoding="utf-8")
    (cell,) = read(path).cells
    assert cell.result == Result("output", printed)
    assert read(path).blocks[-1].text == "Prose."


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("::: callout\ntext\n", "01-x.md:1: this 'callout' div is never closed: end it by ':::'"),
        ("text\n:::\n", "01-x.md:2: this ::: closes a div that was never opened: take it out"),
        ("text\n\n```python\n2\n", "01-x.md:3: this code block is never closed"),
        ("---\ntitle: x\n", "01-x.md:1: the front matter is not closed by a line of ---"),
    ],
)
def test_what_cannot_be_read_is_named_with_its_line(tmp_path, text, message):
    path = tmp_path / "01-x.md"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(LessonError) as error:
        read(path).blocks  # noqa: B018
    assert str(error.value) == message


def test_a_file_keeps_its_line_ends(tmp_path):
    path = tmp_path / "01-x.md"
    path.write_bytes(b"One\r\n\r\n```python\r\nprint(2)\r\n```\r\n\r\nTwo\nThree\r\n")
    text = read(path).with_results({1: Result("output", "2")})
    assert text.encode() == (
        b"One\r\n\r\n```python\r\nprint(2)\r\n```\r\n\r\n```output\r\n2\r\n```\r\n\r\nTwo\nThree\r\n"
    )
    assert read(path).cells[0].source == "print(2)"


PREDICTION = """\
::: discussion

### Predict: does it move? {#move}

It may.

- yes, it
  does
- `no`

:::

```python
move()
```

Because.

::: spoiler

### Compare: does it move?

- **yes, it does**: right.
- **`no`**: wrong.

:::
"""


def test_a_prediction_knows_its_choices_and_what_answers_it(tmp_path):
    path = tmp_path / "01-x.md"
    path.write_text(PREDICTION, encoding="utf-8")
    page = read(path)
    (prediction,) = page.predictions
    assert prediction.title == "does it move?"
    assert prediction.choices.points == ["yes, it does", "`no`"]
    choices = page.lines[prediction.choices.line - 1 : prediction.choices.end - 1]
    assert [line for line in choices if line] == ["- yes, it", "  does", "- `no`"]
    answer = [line for number, line in enumerate(page.lines, start=1) if prediction.answers(number) and line]
    assert answer == ["```python", "move()", "```", "Because."]


def test_a_question_without_its_comparison_is_no_prediction(tmp_path):
    path = tmp_path / "01-x.md"
    path.write_text(PREDICTION.replace("### Compare: does", "### Compare: did"), encoding="utf-8")
    assert read(path).predictions == ()


def test_a_glossary_tells_its_terms_in_plain_sentences(tmp_path):
    path = tmp_path / "reference.md"
    path.write_text(
        "## Terms\n\n[Voxel]{#voxel}\n:   One *sample*\n    of `an image`.\n\n[Index]{#index}\n:   A number.\n",
        encoding="utf-8",
    )
    assert read(path).terms == {"voxel": "One sample of an image.", "index": "A number."}


def test_an_output_that_no_cell_printed_is_prose(tmp_path):
    """Lessons on the shell show what a command answers; only below a Python block does a run replace it."""
    path = tmp_path / "01-x.md"
    path.write_text("```bash\nls\n```\n\n```output\na.txt\n```\n\n```output\nalone\n```\n", encoding="utf-8")
    (prose,) = read(path).blocks
    assert prose.text.endswith("```output\nalone\n```")
