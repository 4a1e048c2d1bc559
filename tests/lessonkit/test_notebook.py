"""The learner's notebook: what it shows, what it folds away, and that nobody's work is lost."""

from __future__ import annotations

import base64

import nbformat
import pytest

from lessonkit.kernel import fresh_kernel
from lessonkit.lesson import Lesson
from lessonkit.notebook import outdated, text, write
from lessonkit.page import LessonError

CONFIG = """\
title: 'Images in space'
source: 'https://github.com/someone/images'
branch: 'trunk'
episodes:
- 01-voxels.md
"""
EPISODE = """\
---
title: "Voxels"
---

::: questions
- What is a voxel?
:::

## A voxel {#voxel}

<!-- For authors only. -->
An index $i$ has a [place](../learners/reference.md#place), see [setup](setup.html), [above](#voxel),
[the web](https://example.org/a_b) and [SimpleITK].

![Two frames](fig/frames.svg){alt='Axes of two frames'}

```python
print(2)
```

```output
2
```

![A template: T1](fig/01-t1.png){alt='A brain'}

::: callout
### zyx or xyz?

First:

```bash
a[0](1)  # [code](stays.md)
```
:::

```python
raise KeyError("x")
```

```error
KeyError: 'x'
```

:::::: challenge
### Count <them>

How many?

```python
n = ...
print("not yet")
```

::: hint
Use `len`.
:::

::: solution
### Of `n` & more

Three:

```python
n = 3
```

```output
right
```

![A template: solved](fig/01-solved.png){alt='A brain'}

Done.
:::
::::::

::: instructor
Ask first.

```python
secret = 1
```
:::

::: group-tab
### Linux

One.

### Windows

Two.
:::

[SimpleITK]: https://simpleitk.org
"""
SVG = '<svg xmlns="http://www.w3.org/2000/svg"/>'


@pytest.fixture
def lesson(tmp_path):
    for folder in ("episodes", "learners", "fig"):
        (tmp_path / folder).mkdir()
    (tmp_path / "config.yaml").write_text(CONFIG, encoding="utf-8")
    (tmp_path / "learners" / "setup.md").write_text("Install.", encoding="utf-8")
    (tmp_path / "learners" / "reference.md").write_text("[Place]{#place}\n:   Where.\n", encoding="utf-8")
    (tmp_path / "fig" / "frames.svg").write_text(SVG, encoding="utf-8")
    (tmp_path / "episodes" / "01-voxels.md").write_text(EPISODE, encoding="utf-8")
    return Lesson(tmp_path)


def made(lesson: Lesson) -> nbformat.NotebookNode:
    return nbformat.reads(text(lesson, lesson.episodes[0]), as_version=4)


def rewrite(lesson: Lesson, old: str, new: str) -> Lesson:
    path = lesson.root / "episodes" / "01-voxels.md"
    path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    return Lesson(lesson.root)


def test_the_notebook_of_an_episode(lesson):
    """The whole notebook, cell by cell; a change of style shows here."""
    pages = "https://someone.github.io/images"
    picture = base64.b64encode(SVG.encode()).decode()
    cells = [(cell.cell_type, cell.source) for cell in made(lesson).cells[2:]]
    assert cells == [
        ("markdown", "> **Questions**\n>\n> - What is a voxel?"),
        (
            "markdown",
            "## A voxel\n\n"
            f'An index $i$ has a [place]({pages}/reference.html#place "Where."), see [setup]({pages}/setup.html), '
            f"[above]({pages}/01-voxels.html#voxel),\n[the web](https://example.org/a_b) and [SimpleITK].\n\n"
            "![Axes of two frames][frames.svg]\n\n*Two frames*\n\n"
            f"[SimpleITK]: https://simpleitk.org\n[frames.svg]: data:image/svg+xml;base64,{picture}",
        ),
        ("code", "print(2)"),
        ("markdown", "*A template: T1*"),
        (
            "markdown",
            "> **Note: zyx or xyz?**\n>\n> First:\n>\n> ```bash\n> a[0](1)  # [code](stays.md)\n> ```",
        ),
        ("code", 'raise KeyError("x")'),
        ("markdown", "> ### Exercise: Count <them>\n>\n> How many?"),
        ("code", 'n = ...\nprint("not yet")'),
        ("markdown", "<details>\n<summary>Hint</summary>\n\nUse `len`.\n\n</details>"),
        (
            "markdown",
            "<details>\n<summary>Solution: Of <code>n</code> &amp; more</summary>\n\n"
            "Three:\n\n```python\nn = 3\n```\n\nDone.\n\n</details>",
        ),
        ("markdown", "### Linux\n\nOne.\n\n### Windows\n\nTwo."),
    ]


def test_the_first_cells_name_the_lesson_and_find_the_course(lesson):
    title, first = made(lesson).cells[:2]
    assert title.source.startswith(
        "# Voxels\n\nThis notebook goes with [Images in space](https://github.com/someone/images)"
    )
    assert '%pip install --quiet "regseg-course @ git+https://github.com/someone/images@trunk"\n' in first.source
    assert '"https://someone.github.io/images/setup.html"' in first.source
    assert first.metadata == {"cellView": "form", "jupyter": {"source_hidden": True}}


def test_the_first_cell_installs_what_the_episode_declares(lesson):
    lesson = rewrite(lesson, 'title: "Voxels"', 'title: "Voxels"\nextras: [bigdata, elastix]')
    assert '"regseg-course[bigdata,elastix] @ git+https://' in made(lesson).cells[1].source


@pytest.mark.parametrize(
    ("there", "answer"),
    [
        ({"COLAB_RELEASE_TAG": "x"}, "pip install --quiet"),
        ({"BINDER_LAUNCH_HOST": "x"}, "pip install --quiet"),
        ({}, "ImportError: This kernel does not have the course."),
    ],
)
def test_the_first_cell_without_the_course(lesson, there, answer):
    """Colab and Binder install it, anywhere else a sentence says how."""
    assert first_cell_says(lesson, there, PRETEND).startswith(answer)


PRETEND = """\
import importlib.util
importlib.util.find_spec = lambda name: None
get_ipython().run_line_magic = lambda name, line, *_, **__: print(name, line)"""
# A package of one module, and an installation that brings the next version of it.
REPLACE = """\
import pathlib, sys
folder = pathlib.Path("lies here"); folder.mkdir(); sys.path.insert(0, str(folder)); (folder / "olden.py").touch()
def install(number):
    info = folder / "olden.dist-info"; info.mkdir(exist_ok=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\\nName: olden\\nVersion: {number}\\n")
    (info / "top_level.txt").write_text("olden\\n")
install(1)
get_ipython().run_line_magic = lambda *_, **__: install(2)"""


@pytest.mark.parametrize(
    ("used", "answer"),
    [
        (
            "import olden",
            "ImportError: The course is installed, with a newer olden than the one that runs: restart the session "
            "(menu Runtime), and begin again with this cell.",
        ),
        ("pass", ""),
    ],
)
def test_only_a_package_that_runs_and_is_replaced_asks_for_a_restart(lesson, used, answer):
    assert first_cell_says(lesson, {"COLAB_RELEASE_TAG": "x"}, PRETEND, REPLACE, used) == answer


def first_cell_says(lesson, there: dict[str, str], *before: str) -> str:
    """What the first cell prints or raises in a kernel with these variables of the environment, behind other cells."""
    sources = [f"import os\nos.environ |= {there!r}", *before, made(lesson).cells[1].source]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    with fresh_kernel(notebook) as client:
        for at, cell in enumerate(notebook.cells):
            client.execute_cell(cell, at)
    for output in notebook.cells[-1].outputs:
        return output.text if output.output_type == "stream" else f"{output.ename}: {output.evalue}"
    return ""


def test_tags_outputs_and_format(lesson):
    notebook = made(lesson)
    nbformat.validate(notebook)
    assert (notebook.nbformat, notebook.nbformat_minor) == (4, 5)
    assert notebook.metadata.kernelspec.name == "python3"
    assert [cell.metadata.get("tags") for cell in notebook.cells if cell.cell_type == "code"] == [
        None,
        None,
        ["raises-exception"],
        ["exercise"],
    ]
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in notebook.cells)
    assert text(lesson, lesson.episodes[0]).endswith("}\n")


PREDICTION = """\
::: discussion

### Predict: which `way`?

It is moved.

- left
- to the *right*

:::

It is a
test.

```python
move(1)
```

![A template: moved](fig/01-moved.png){alt='A brain'}

So it goes.

```python
move(2)
```

Away.

::: spoiler

### Compare: which `way`?

- **left**: right.
- **to the *right***: wrong.

:::

## A voxel"""


def test_a_prediction_has_buttons_above_the_cell_that_answers_and_folds_what_is_said_of_it(lesson):
    lesson = rewrite(lesson, "## A voxel", PREDICTION)
    cells = made(lesson).cells[3:9]
    assert [(cell.cell_type, cell.source) for cell in cells] == [
        ("markdown", "> **Predict: which `way`?**\n>\n> It is moved."),
        ("code", 'from regseg import show\n\nshow.predict("Which way?", [\n    "left",\n    "to the right",\n])'),
        ("markdown", "It is a\ntest."),
        ("code", "move(1)"),
        (
            "markdown",
            "<details>\n<summary>Answer</summary>\n\n*A template: moved*\n\nSo it goes.\n\n</details>",
        ),
        ("code", "move(2)"),
    ]
    assert made(lesson).cells[9].source == (
        "<details>\n<summary>What happened, and why</summary>\n\nAway.\n\n"
        "- **left**: right.\n- **to the *right***: wrong.\n\n</details>"
    )
    assert cells[1].metadata.tags == ["prediction"]


def test_ids_are_unique_and_survive_edits_elsewhere(lesson):
    before = [cell.id for cell in made(lesson).cells]
    assert len(set(before)) == len(before)
    lesson = rewrite(lesson, "::: callout", "A new sentence.\n\n```python\nprint(2)\n```\n\n::: callout")
    after = [cell.id for cell in made(lesson).cells]
    assert len(set(after)) == len(after) == len(before) + 2
    assert [identity for identity in after if identity in before] == before
    assert [cell.id for cell in made(lesson).cells] == after


def test_prose_around_a_cell_in_a_callout_is_headed_once(lesson):
    lesson = rewrite(lesson, "First:", "First:\n\n```python\nx = 1\n```\n\nThen:")
    firsts = [cell.source.split("\n")[0] for cell in made(lesson).cells[6:9]]
    assert firsts == ["> **Note: zyx or xyz?**", "x = 1", "> Then:"]


def test_a_heading_without_attributes_leaves_what_follows_alone(lesson):
    lesson = rewrite(lesson, "## A voxel {#voxel}", "## A voxel")
    text = made(lesson).cells[3].source
    assert text.startswith("## A voxel\n\nAn index $i$ has a [place](https://someone.github.io/")
    assert "\n\n![Axes of two frames][frames.svg]\n\n*Two frames*\n\n" in text


def test_a_picture_that_is_missing_is_named(lesson):
    (lesson.root / "fig" / "frames.svg").unlink()
    with pytest.raises(LessonError, match=r"01-voxels.md:1: fig/frames.svg is not a picture in fig/"):
        made(lesson)


def test_pictures_of_other_kinds_and_from_elsewhere_are_shown(lesson):
    (lesson.root / "fig" / "knee.jpeg").write_bytes(b"a knee")
    lesson = rewrite(lesson, "fig/frames.svg", "fig/knee.jpeg")
    assert f"[knee.jpeg]: data:image/jpeg;base64,{base64.b64encode(b'a knee').decode()}" in made(lesson).cells[3].source
    lesson = rewrite(lesson, "fig/knee.jpeg", "https://example.org/knee.gif")
    assert "[knee.gif]: https://example.org/knee.gif" in made(lesson).cells[3].source


def test_a_notebook_to_type_in_names_the_calls_of_demonstrations_and_keeps_all_the_rest(lesson):
    shown = "import SimpleITK as sitk\n\nsizes = [len(a) for a in images]\nprint(sitk.Cast(a).GetSize(), len(b))"
    lesson = rewrite(lesson, "print(2)", shown)
    complete = made(lesson).cells
    along = nbformat.reads(text(lesson, lesson.episodes[0], code_along=True), as_version=4).cells
    assert [cell.cell_type for cell in along] == [cell.cell_type for cell in complete]
    assert along[0].source.startswith(complete[0].source) and "**together**" in along[0].source
    changed = {old.source: new for old, new in zip(complete[1:], along[1:], strict=True) if old.source != new.source}
    assert {old: new.source for old, new in changed.items()} == {
        shown: "import SimpleITK as sitk\n# Together: len, print, sitk.Cast",
        'raise KeyError("x")': "# Together: KeyError",
    }


def test_a_notebook_to_type_in_names_what_later_cells_need_and_fills_what_nobody_types(lesson):
    long = "\n".join(f"n{number} = {number}" for number in range(13))
    function = "def half(a):\n    return a / 2"
    cells = "".join(
        f"```python\n{each}\n```\n\n" for each in ("a, spare = pair()\nb = 1", long, function, "half(a + b)")
    )
    lesson = rewrite(lesson, "## A voxel {#voxel}", f"## A voxel {{#voxel}}\n\n{cells}")
    along = nbformat.reads(text(lesson, lesson.episodes[0], code_along=True), as_version=4).cells
    typed = [cell.source for cell in along if cell.cell_type == "code"]
    assert typed[1:5] == ["# Together: pair\n# Makes: a, b", long, function, "# Together: half"]


QUIZ = """---
title: "Quizzes"
---

All of them.

## Grids

::: challenge
### Another episode's

Not here.
:::

## Voxels

About [this one](../episodes/01-voxels.md).

::: challenge
### How many?

- **A** one
- **B** two

```python
check.answer("01-quiz-1", ...)
```

:::: solution
**B** is right. See the [place](reference.md#place).
::::
:::
"""


def test_the_quiz_of_the_episode_stands_at_the_end_of_its_notebook(lesson):
    before = made(lesson).cells
    (lesson.root / "learners" / "quiz.md").write_text(QUIZ, encoding="utf-8")
    cells = made(Lesson(lesson.root)).cells
    assert [cell.source for cell in cells[: len(before)]] == [cell.source for cell in before]
    asked, answered, folded, line = cells[len(before) :]
    assert asked.source.startswith("> ### Exercise: How many?") and "**B** two" in asked.source
    assert answered.source == 'check.answer("01-quiz-1", ...)' and answered.metadata.tags == ["exercise"]
    assert (
        folded.source.startswith("<details>")
        and "https://someone.github.io/images/reference.html#place" in folded.source
    )
    assert "`01: 1B 2A`" in line.source  # which the site writes for its reader


def test_notebooks_to_type_in_go_where_they_are_asked_for_and_nowhere_else(lesson):
    folder = lesson.root / "together"
    theirs = folder / "own.ipynb"
    folder.mkdir()
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1")]), theirs)
    assert write(lesson, folder) == [theirs]
    assert sorted(path.name for path in folder.iterdir()) == ["01-voxels.ipynb", "own.ipynb"]
    assert not (lesson.root / "notebooks").exists()
    with pytest.raises(LessonError, match="choose another folder"):
        write(lesson, lesson.root / "notebooks")


def test_notebooks_follow_the_config(lesson):
    folder = lesson.root / "notebooks"
    assert outdated(lesson) == [folder / "01-voxels.ipynb"]
    assert write(lesson) == []
    assert (folder / "01-voxels.ipynb").read_text(encoding="utf-8") == text(lesson, lesson.episodes[0])
    assert outdated(lesson) == []

    lesson = rewrite(lesson, "How many?", "How many are there?")
    assert outdated(lesson) == [folder / "01-voxels.ipynb"]
    write(lesson)
    assert outdated(lesson) == []

    (lesson.root / "config.yaml").write_text(CONFIG.replace("- 01-voxels.md", ""), encoding="utf-8")
    lesson = Lesson(lesson.root)
    assert outdated(lesson) == [folder / "01-voxels.ipynb"]
    write(lesson)
    assert list(folder.iterdir()) == []


def answered(notebook):
    next(cell for cell in notebook.cells if "n = ..." in cell.source).source = "n = 3"


def executed(notebook):
    notebook.cells[1].execution_count = 1


def noted(notebook):
    notebook.cells.append(nbformat.v4.new_markdown_cell("Mine."))


@pytest.mark.parametrize("work", [answered, executed, noted])
def test_nobodys_work_is_overwritten_or_removed(lesson, work):
    write(lesson)
    path = lesson.root / "notebooks" / "01-voxels.ipynb"
    notebook = nbformat.read(path, as_version=4)
    work(notebook)
    nbformat.write(notebook, path)
    before = path.read_bytes()
    assert write(rewrite(lesson, "How many?", "How many are there?")) == [path]
    (lesson.root / "config.yaml").write_text(CONFIG.replace("- 01-voxels.md", ""), encoding="utf-8")
    assert write(Lesson(lesson.root)) == [path]
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", [b"", b'{"cells": [', b"caf\xe9", b"[]", b"{}", b'{"nbformat": 4, "cells": 3}'])
def test_a_damaged_notebook_is_someones_work(lesson, content):
    write(lesson)
    path = lesson.root / "notebooks" / "01-voxels.ipynb"
    path.write_bytes(content)
    assert write(lesson) == [path]
    assert path.read_bytes() == content
    assert outdated(lesson) == [path]


def test_a_folder_in_the_place_of_a_notebook_is_someones_work(lesson):
    path = lesson.root / "notebooks" / "01-voxels.ipynb"
    path.mkdir(parents=True)
    assert write(lesson) == [path]
    assert path.is_dir()
    assert outdated(lesson) == [path]


def test_an_address_of_the_source_that_ends_in_git_is_an_address(lesson):
    plain = text(lesson, lesson.episodes[0])
    ending = CONFIG.replace("someone/images'", "someone/images.git'")
    (lesson.root / "config.yaml").write_text(ending, encoding="utf-8")
    lesson = Lesson(lesson.root)
    assert text(lesson, lesson.episodes[0]) == plain


def test_a_copy_under_another_name_is_someones_work(lesson):
    write(lesson)
    folder = lesson.root / "notebooks"
    copy = folder / "01-voxels-Copy1.ipynb"
    copy.write_bytes((folder / "01-voxels.ipynb").read_bytes())
    assert write(lesson) == [copy]


def test_the_committed_notebooks_agree_with_their_episodes(root):
    assert outdated(Lesson(root)) == []
