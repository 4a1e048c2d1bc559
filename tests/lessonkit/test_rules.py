"""The checker finds each fault where it stands, finds nothing in a sound lesson, and finds nothing in ours."""

from __future__ import annotations

from pathlib import Path

import pytest
from site_lesson import png

from lessonkit.lesson import Lesson
from lessonkit.rules import check, not_run
from lessonkit.rules.repository import IGNORED

CHALLENGE = """\
::: challenge

## Challenge {number}

*1 minute*

Find the answer.

```python
answer = ...
check.answer("01-{number}", answer)
```

::: hint

Think twice.

:::

::: solution

```python
answer = {number}
check.answer("01-{number}", answer)
```

:::

:::

"""

PREDICTION = """\
::: discussion

### Predict: what is printed?

Think.

- the number one
- nothing

:::

"""

COMPARISON = """\

::: spoiler

### Compare: what is printed?

- **the number one**: it is the last value.
- **nothing**: the last value of a cell is shown.

:::

"""

EPISODE = (
    """\
---
title: "Images"
teaching: 1
exercises: 5
---

::: questions

- What is an image?

:::

::: objectives

- [Read an image](#challenge-1).

:::

## Reading an image

A [picture element](../learners/reference.md#voxel) has a colour: see [how to begin](setup.html), [the notes][notes],
[this section](#reading-an-image) and the [first step](../learners/setup.md#first-steps). It costs `` `speling` ``
and $\\speling$ at <https://example.org/speling>.

"""
    + PREDICTION
    + """\
```python
from regseg import check

image = 1
image
```

<!-- tolerance: 20%, an example -->

```output
1
```

<!-- tolerance: 1%, drawn by lot -->
![Synthetic MR image of a head.](fig/01-head.png){alt='A head, seen from the front.'}

"""
    + COMPARISON
    + """\
![A drawing of the axes.](fig/axes.svg){alt='Three arrows that meet in
a corner.'}

"""
    + "".join(CHALLENGE.format(number=number) for number in range(1, 6))
    + """\
## Further practice

"""
    + CHALLENGE.format(number=6)
    + """\
```bash
regseg data list
```

::: keypoints

- Images are physical objects.

:::
"""
)

SOUND = {
    "config.yaml": """\
carpentry: 'incubator'
title: 'A lesson'
license: 'CC-BY 4.0'
source: 'https://example.org/lesson'
created: 2026-01-01
keywords: 'lesson'
life_cycle: 'alpha'
branch: 'main'
contact: 'team@example.org'
house_rules: true
episodes:
- 01-images.md
learners:
- setup.md
- reference.md
instructors:
- instructor-notes.md
profiles:
""",
    "pyproject.toml": "[project]\nname = 'lesson'\noptional-dependencies = {bigdata = ['zarr']}\n",
    "index.md": "---\nsite: sandpaper::sandpaper_site\n---\n\nStart with [the first episode](episodes/01-images.md).\n",
    ".gitignore": "\n".join(IGNORED),
    "CITATION.cff": "authors:\n- {family-names: Doe}\n- {name: The others}\n",
    "CONTRIBUTING.md": "## Contributing\n\nThank you.\n",
    ".github/workflows/check.yml": "run: |\n  said <- validate_lesson()\n  quit(status = 1)\n",
    "links.md": "[notes]: https://example.org/notes\n",
    "README.md": "See [how to set up](learners/setup.md) and [the settings](config.yaml).\n",
    "episodes/01-images.md": EPISODE,
    "learners/setup.md": """\
---
title: "Setup"
---

## First steps

::: group-tab

### Linux

Open a terminal.

### Windows

Open the Start menu.

:::

```mermaid
accTitle: Steps
accDescr: Install, then start.
graph LR
```
""",
    "learners/reference.md": '---\ntitle: "Words"\n---\n\n## Glossary\n\n[Voxel]{#voxel}\n:   An element of it.\n',
    "instructors/instructor-notes.md": '---\ntitle: "Notes"\n---\n\nBe kind.\n',
    "profiles/people.md": '---\ntitle: "People"\n---\n\nAnna is a physicist.\n',
    "fig/01-head.png": png(),
    "fig/head.png": png(),
    "fig/axes.svg": "",
}


def lesson(folder: Path, **changes: str | bytes | None) -> Lesson:
    """The sound lesson in `folder`, with some files changed, or left out (None)."""
    for name, text in ({**SOUND, **changes}).items():
        if text is not None:
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return Lesson(folder)


def test_a_sound_lesson_has_no_problem(tmp_path):
    assert check(lesson(tmp_path)) == []


E01 = "episodes/01-images.md"
SETUP = "learners/setup.md"
PEOPLE = "profiles/people.md"
FOURTH = EPISODE[: EPISODE.index(CHALLENGE.format(number=4))].count("\n") + 1
ARROWS = "alt='Three arrows that meet in\na corner.'"
DRAWN = "<!-- tolerance: 1%, drawn by lot -->\n"
HEAD = "![Synthetic MR image of a head.](fig/01-head.png){alt='A head, seen from the front.'}\n"
KEYPOINTS = "::: keypoints\n\n- Images are physical objects.\n\n:::\n"
NEW_CELL = "```python\n{}\n```\n\n```bash\n"

ANSWERED = EPISODE[: EPISODE.index("```bash")].count("\n") + 1

# A file; what is replaced in it, by what; the line to blame (its number, or what is first found on it); what is said.
BROKEN = [
    # config.yaml
    ("config.yaml", SOUND["config.yaml"], "- a list\n", 1, "'key: value'"),
    ("config.yaml", "'A lesson'", "'A lesson' of: two", 2, "not valid YAML"),
    ("config.yaml", "license: 'CC-BY 4.0'\n", "", 1, "'license' is missing"),
    ("config.yaml", "keywords: 'lesson'", "keywords:", "keywords", "'keywords' is missing"),
    ("config.yaml", "'https://example.org/lesson'", "'http://example.org'", "source", "https://"),
    ("config.yaml", "- reference.md", "- glossary.md", "glossary", "learners/glossary.md does not exist"),
    ("config.yaml", "profiles:", "profiles: people.md", "profiles", "must be a list"),
    # front matter
    (E01, 'title: "Images"', "title: Images", "title", "quotes"),
    (E01, 'title: "Images"', 'title: "Images" and more', "title", "not valid YAML"),
    (E01, 'title: "Images"\n', "", 1, "no title"),
    (E01, "teaching: 1\n", "teaching: 90\n", "teaching", "from 1 to 60"),
    (E01, "exercises: 5", "exercises: half", "exercises", "whole minutes"),
    (E01, "exercises: 5\n", "", 1, "'exercises'"),
    (E01, "exercises: 5\n", "exercises: 5\nextras: [bigdata, cuda]\n", "extras", "no group of packages named 'cuda'"),
    (E01, "exercises: 5\n", "exercises: 5\nextras: bigdata\n", "extras", "must be a list of names"),
    (PEOPLE, 'title: "People"', "- a list", 2, "must be lines of 'key: value'"),
    (PEOPLE, 'title: "People"', "date: 2026-13-45", 2, "not valid YAML"),
    (PEOPLE, 'title: "People"\n---', 'title: "People"', 1, "not closed by a line of ---"),
    (PEOPLE, "---\ntitle", "\ufeff---\ntitle", 1, "byte order mark"),
    (PEOPLE, '---\ntitle: "People"\n---\n', "", 1, "no title"),
    # divs
    (SETUP, "Open a terminal.", "Open a terminal.\n\n:::\n\n::: spoilers", "spoilers", "no 'spoilers' div"),
    (SETUP, "menu.\n\n:::\n", "menu.\n\n:::\n\n:::: \n", "::::", "never opened"),
    (SETUP, "menu.\n\n:::\n", "menu.\n", "group-tab", "never closed"),
    (SETUP, "::: group-tab", "::: tip: this\n\n::: group-tab", "tip", "cannot be read"),
    (SETUP, "## First steps", ":## First steps", ":## F", "plain text: take it out"),
    (SETUP, "## First steps", ":: ## First steps", ":: ## F", "plain text: take it out"),
    (SETUP, "## First steps", "##First steps", "##F", "no blank after these #"),
    (SETUP, "menu.\n\n:::\n", "menu.\n\n:::## More\n\n:::\n", ":::##", "cannot be read"),
    (SETUP, "menu.\n\n:::\n", "menu.\n\n:::\n\n::: callout ### More\n", "callout", "cannot be read"),
    (SETUP, "menu.\n\n:::\n", "menu.\n\n:::\n\n## More ::: callout\n", "## More", "its own line"),
    (SETUP, "menu.\n\n:::\n", "menu. :::\n\n:::\n", "menu.", "its own line"),
    (SETUP, "menu.\n\n:::\n", "menu.\n\n:::\n\n:: callout\n", ":: callout", "two are plain text"),
    (SETUP, "steps\n\n::: group-tab", "steps\n\nText.\n::: group-tab", "group-tab", "blank line before this div"),
    (SETUP, "Open a terminal.", "<div>Open a terminal.</div>", "<div>", "raw <div>"),
    (SETUP, "group-tab\n\n###", "group-tab\n###", "### Linux", "blank line before a tab's heading"),
    (SETUP, "Open a terminal.", "| a | b |\n|---|---|\n| c | d |", "| a | b |", "a table does not work"),
    (SETUP, "Open a terminal.", "::: callout\n\nOpen it.\n\n:::", "callout", "'callout' div does not work"),
    (SETUP, "Open a terminal.", '<iframe src="https://example.org"></iframe>', "<iframe", "an iframe does not work"),
    (E01, KEYPOINTS, "", 1, "no 'keypoints' div"),
    (E01, KEYPOINTS, KEYPOINTS + "\n" + KEYPOINTS.replace("::: k", ":::: k"), ":::: k", "more than one 'keypoints'"),
    (E01, "- [Read", "[Read", "::: objectives", "must hold a list"),
    # headings
    (SETUP, "graph LR\n```", "graph LR\n```\n\n# Last", "# Last", "level 1"),
    (SETUP, "menu.", "menu.\n\n##### More", "##### More", "jumps from level 3 to level 5"),
    (SETUP, "### Windows", "###", 13, "is empty"),
    (SETUP, "### Windows", "### Linux", 13, "already stands in this section"),
    (E01, "## Challenge 4", "## Challenge 3", FOURTH + 2, "already stands in this section"),
    (PEOPLE, "physicist.", "physicist.\n## Her work", "## Her work", "blank line before this heading"),
    # code blocks
    (SETUP, "```mermaid", "```", 19, "says nothing"),
    (E01, "```bash", "```bash exec", "```bash", "says bash exec"),
    (SETUP, "accTitle: Steps\n", "", "```mermaid", "accTitle:"),
    (SETUP, "accDescr: Install, then start.\n", "", "```mermaid", "accDescr:"),
    (E01, "```bash", "```output\nalone\n```\n\n```bash", "```output\nalone", "stands below no code"),
    # links
    (PEOPLE, "Anna", "See [Here](https://example.org). Anna", "Anna", 'text is "Here"'),
    (PEOPLE, "Anna", "A `b\nc` and\n[x](https://example.org) Anna", "Anna", 'text is "x"'),
    (PEOPLE, "Anna", "See [the site](http://example.org). Anna", "Anna", "not secure"),
    (PEOPLE, "Anna", "See <http://example.org>. Anna", "Anna", "not secure"),
    (PEOPLE, "Anna", 'See <a href="http://example.org">it</a>. Anna', "Anna", "not secure"),
    (PEOPLE, "Anna", "See [the end](#the-end). Anna", "Anna", "anchor #the-end"),
    (PEOPLE, "Anna", "So\nsee [the notes][unknown]. Anna", "Anna", "leads nowhere"),
    (PEOPLE, "Anna", "See [the end](end.md). Anna", "Anna", "does not exist"),
    (PEOPLE, "Anna", "See [how to begin](setup.md). Anna", "Anna", "write ../learners/setup.md"),
    (PEOPLE, "Anna", "See [all pages](aio.md). Anna", "Anna", "does not exist"),
    (PEOPLE, "Anna", "See [how to begin](../learners/setup.html). Anna", "Anna", "does not exist"),
    (PEOPLE, "Anna", "See [all pages](aio.html). Anna", "Anna", "does not exist"),
    (PEOPLE, "Anna", "See [the settings](../config.yaml). Anna", "Anna", "no page of the site"),
    (PEOPLE, "Anna", "<video src='fig/a.mp4'></video>\n\nAnna", "<video", "instructor pages"),
    (E01, "#voxel", "#pixel", "#pixel", "no place named {#pixel}"),
    ("README.md", "learners/setup.md", "learners/install.md", 1, "does not exist"),
    # the repository
    (".gitignore", "site/*\n", "", 1, "add site/*"),
    ("CITATION.cff", "family-names: Doe", "name: Doe", 1, "'family-names' only"),
    ("CITATION.cff", "authors:", "authors: [", 2, "not valid YAML"),
    ("CONTRIBUTING.md", "## Contributing", "# Contributing", 1, "level"),
    ("learners/reference.md", "## Glossary", "## Words", 1, "add the heading '## Glossary'"),
    (".github/workflows/check.yml", "  quit(status = 1)\n", "", 2, "validate_lesson() fails at nothing"),
    # images
    (E01, "](fig/axes.svg)", "](fig/axis.svg)", "axis.svg", "does not exist"),
    (E01, "](fig/axes.svg)", "](../fig/axes.svg)", "axes.svg", "does not find"),
    (E01, "](fig/axes.svg)", "](https://example.org/axes.svg)", "axes.svg", "from the network"),
    (E01, "{" + ARROWS + "}", "", "axes.svg", "no alternative text"),
    (E01, ARROWS, "alt=''", "axes.svg", "for decoration"),
    (E01, ARROWS, "alt='A drawing of the axes'", "axes.svg", "repeats the caption"),
    (E01, ARROWS, "alt='An image of arrows in a corner'", "axes.svg", "begins with"),
    (E01, ARROWS, "alt='Three arrows'", "axes.svg", "too little"),
    (PEOPLE, "Anna", "<img src='../episodes/fig/axes.svg'> Anna", "<img", "no alternative text"),
    # the house: figures and outputs
    (E01, "A drawing of the axes.", "The axes.", "axes.svg", "the caption must say"),
    (E01, DRAWN + "![Synthetic", "Text.\n\n![Synthetic", "01-head.png", "no cell draws"),
    (E01, "(fig/01-head.png)", "(fig/head.png)", "Synthetic", "name it fig/01-….png"),
    (E01, HEAD, HEAD + HEAD.replace("of a head", "of it"), "of it", "two cells"),
    (E01, "## Further practice\n", "## Further practice\n\n<!-- tolerance: any -->\n", "tolerance: any", "no output"),
    (E01, "![A drawing of", "<!-- tolerance: any -->\n![A drawing of", "tolerance: any", "no figure"),
    (E01, "20%, an example", "20%", "tolerance: 20%", "say after a comma why"),
    (E01, "1%, drawn by lot", "any", "tolerance: any", "say after a comma why"),
    # the house: challenges
    (E01, CHALLENGE.format(number=5), "", 1, "4 core challenges"),
    (E01, "## Further practice", "## More practice", 1, "no section '## Further practice'"),
    (E01, "## Challenge 4\n\n", "", FOURTH, "opens with a heading"),
    (E01, CHALLENGE.format(number=4), CHALLENGE.format(number=4).replace("::: hint", "::: callout"), FOURTH, "no hint"),
    (E01, "## Further practice\n", "## Further practice\n\n:::: hint\n\nThink.\n\n:::\n", ":::: hint", "inside"),
    (E01, 'answer = ...\ncheck.answer("01-4", answer)', "answer = 4\ncheck.answer('01-4', answer)", FOURTH, "'...'"),
    (E01, 'answer = ...\ncheck.answer("01-4", answer)', "answer = ...", FOURTH, "must end in its check"),
    (E01, 'answer = 4\ncheck.answer("01-4", answer)', "answer = 4", FOURTH, "must repeat the check"),
    # the house: time, objectives, width
    (E01, "teaching: 1\n", "teaching: 20\n", "teaching", "'teaching' takes 1 minutes"),
    (E01, "exercises: 5\n", "exercises: 20\n", "exercises", "'exercises' takes 5 minutes"),
    (E01, "exercises: 5\n", "exercises: 3\n", "exercises", "'exercises' takes 5 minutes"),
    (E01, "## Challenge 4\n\n*1 minute*", "## Challenge 4", FOURTH + 2, "how long does this exercise take"),
    (E01, "## Challenge 4\n\n*1 minute*", "## Challenge 4\n\n*45 minutes*", "exercises", "45 are the most"),
    (E01, "[Read an image](#challenge-1)", "Read an image", "- Read", "which core exercise tests this"),
    (E01, "(#challenge-1)", "(#challenge-6)", "- [Read", "which core exercise tests this"),
    (E01, "image = 1\n", "image = (1" + " + 0" * 20 + ")\n", "image = (1", "has 91 columns, and 88"),
    # the house: predictions
    (E01, COMPARISON, "", "::: discussion", "never compared"),
    (E01, PREDICTION, "", "::: spoiler", "before this has its title"),
    (E01, "::: spoiler", "::: callout", "::: callout", "is a '::: spoiler'"),
    (E01, "- nothing\n", "", "::: discussion", "two to four different choices"),
    (E01, "- nothing\n", "- nothing\n- two\n- three\n- four\n", "::: discussion", "two to four different choices"),
    (E01, "- nothing\n", "- the number one\n", "::: discussion", "two to four different choices"),
    (E01, "- **nothing**: the last value of a cell is shown.\n", "", "::: spoiler", "'nothing' has no sentence"),
    (E01, "- nothing\n", "- nothing\n- an error\n", "::: spoiler", "'an error' has no sentence"),
    (E01, "is shown.\n", "is shown.\n- **two**: no.\n", "::: spoiler", "'two' is none of the choices"),
    (E01, "::: spoiler", "## The answer\n\n::: spoiler", "## The answer", "a heading hides with the answer"),
    (E01, "Think.\n", "Think.\n\n```python\n1 + 1\n```\n", "```python", "no cell of the notebook"),
    (
        E01,
        "```bash\n",
        (PREDICTION + COMPARISON).replace("is printed", "is run") + "```bash\n",
        ANSWERED,
        "nothing answers",
    ),
    # the house: names and code
    (E01, "```bash\n", NEW_CELL.format("def f():\n    return answer"), "def f", "in the challenge 'Challenge 6'"),
    (E01, "```bash\n", NEW_CELL.format("a = 1\na += ("), "a += (", "not Python"),
    # the house: code that is wrong without a word
    (
        E01,
        "```bash\n",
        NEW_CELL.format("m.SetMetricSamplingPercentage(0.1)"),
        "m.Set",
        "the time of day: give it a seed",
    ),
    (E01, "```bash\n", NEW_CELL.format("np.random.default_rng()"), "np.random", "differ in each run"),
    (E01, "```bash\n", NEW_CELL.format("\nnp.random.normal(3)"), "np.random", "differ in each run"),
    (
        E01,
        "```bash\n",
        NEW_CELL.format("r.SetDefaultPixelValue(i.GetPixelIDValue())"),
        "r.Set",
        "the code of a pixel type",
    ),
    (
        E01,
        "```bash\n",
        NEW_CELL.format("sitk.Resample(a, b, t, n, b.GetPixelID())"),
        "sitk.Re",
        "the code of a pixel type",
    ),
    (E01, "```bash\n", NEW_CELL.format("Resample(a, defaultPixelValue=a.GetPixelID())"), "Resample", "of a pixel type"),
    (E01, "```bash\n", NEW_CELL.format('folder = Path("scans")'), "folder", "name it output-01"),
    (E01, "```bash\n", NEW_CELL.format("def judge(check):\n    pass"), "def judge", "'check' is imported"),
    (E01, "```bash\n", NEW_CELL.format("for check in (1, 2):\n    pass"), "for check", "'check' is imported"),
    (E01, "```bash\n", NEW_CELL.format("sitk.ImageRegistrationMethod()"), "sitk.Im", "call regseg.evaluate"),
    # spelling
    (PEOPLE, "Anna is a physicist.", "Anna is\na physisist.", "physisist", "is it 'physicist'"),
    (E01, "seen from", "seen frmo", "frmo", "'frmo'"),
]


@pytest.mark.parametrize(("file", "old", "new", "where", "says"), BROKEN, ids=[f"{b[0]}-{b[4]}" for b in BROKEN])
def test_each_fault_is_found_where_it_stands_and_alone(tmp_path, file, old, new, where, says):
    assert old in SOUND[file]
    text = SOUND[file].replace(old, new, 1)
    line = where if isinstance(where, int) else 1 + text[: text.index(where)].count("\n")
    problems = check(lesson(tmp_path, **{file: text}))
    assert [(problem.file, problem.line) for problem in problems] == [(file, line)], problems
    assert says in problems[0].message


# Changes that are no faults.
FINE = [
    (PEOPLE, "Anna is a physicist.", "Anna's colour, Anna’s color, MNI152, SimpleITK and 2D `xzzq` $\\xzzq_1$."),
    (E01, "exercises: 5\n", "exercises: 5\nextras: [bigdata]\n"),
    (PEOPLE, "Anna", "A `::: callout` opens a box, {.callout} names it, and #2 is a number. Anna"),
    (PEOPLE, "Anna is a physicist.", "::: {.callout #box} :::\n\nAnna.\n\n:::"),
    (PEOPLE, "Anna", "![](../episodes/fig/axes.svg){alt=''} Anna"),
    (PEOPLE, "Anna", "See [Voxel](../learners/reference.md), <https://a.b/xzzq>. Anna"),
    (PEOPLE, "Anna", "See [Setup](setup.html#first-steps) and [how to write](mailto:anna@example.org). Anna"),
    (E01, "```bash\n", NEW_CELL.format("answer = 1\nprint(answer, [answer for answer in range(3)])")),
    (E01, "```bash\n", NEW_CELL.format("for answer in (1, 2):\n    print(answer)")),
    (E01, "```bash\n", "```python\nanswer = (\n```\n\n```error\nSyntaxError: '(' was never closed\n```\n\n```bash\n"),
    (E01, 'answer = 4\ncheck.answer("01-4", answer)', 'check.answer("01-4", 4)'),
    (E01, "```bash\n", NEW_CELL.format("m.SetMetricSamplingPercentage(0.1, seed=1)\nrandom.normal(3)")),
    (E01, "```bash\n", NEW_CELL.format("sitk.Resample(a, b, t, n, -1000, a.GetPixelID())")),
    (E01, "```bash\n", NEW_CELL.format('Path("output-01").mkdir()\nPath("scan.mha")')),
    (E01, "```bash\n", NEW_CELL.format("evaluate.tre(sitk.ImageRegistrationMethod())")),
]


@pytest.mark.parametrize(("file", "old", "new"), FINE)
def test_what_is_no_fault_is_not_reported(tmp_path, file, old, new):
    assert old in SOUND[file]
    assert check(lesson(tmp_path, **{file: SOUND[file].replace(old, new, 1)})) == []


def test_a_long_stretch_without_something_to_do_is_found_where_it_begins(tmp_path):
    stretch = "Further practice\n\n" + "word " * 701
    longer = EPISODE.replace("teaching: 1\n", "teaching: 6\n")
    further = longer.replace("## Further practice\n", f"## {stretch}\n")
    assert check(lesson(tmp_path / "apart", **{E01: further.replace("teaching: 6", "teaching: 1")})) == []
    core = longer.replace("## Further practice\n", f"## Further reading\n\n{stretch}\n\n## Further practice\n")
    (problem,) = check(lesson(tmp_path / "core", **{E01: core}))
    assert problem.line == 1 + core[: core.index("## Further reading")].count("\n")
    assert "there are 705 words and nothing to do" in problem.message


def test_an_episode_that_is_too_long_shall_be_shorter_whatever_it_says(tmp_path):
    text = EPISODE.replace("teaching: 1\n", "teaching: 60\n")
    text = text.replace("## Further practice", "word " * 130 * 61 + "\n\n## Further practice")
    messages = [problem.message for problem in check(lesson(tmp_path, **{E01: text}))]
    assert any("takes 62 minutes" in message and "60 are the most" in message for message in messages), messages


def test_a_broken_statement_takes_no_longer_than_a_whole_one(tmp_path):
    whole = "value = [" + ", ".join(["1"] * 20) + "]"
    broken = "value = [\n" + "    1,\n" * 20 + "]"
    for number, code in enumerate((whole, broken)):
        text = EPISODE.replace("image = 1\n", "image = 1\n" + f"{code}\n" * 5)
        assert check(lesson(tmp_path / str(number), **{E01: text})) == []


def test_the_rules_of_the_house_are_for_a_lesson_that_wants_them(tmp_path):
    config = SOUND["config.yaml"].replace("house_rules: true\n", "")
    text = EPISODE.replace("*1 minute*", "").replace("[Read an image](#challenge-1)", "Read an image")
    assert check(lesson(tmp_path, **{E01: text, "config.yaml": config})) == []


# A file that is there and should not be, or the reverse (None); what is said of it.
MISPLACED = [
    ("config.yaml", None, "is missing"),
    (".gitignore", None, "sandpaper::reset_site() stops without these lines: add episodes/*html, site/*"),
    (".github/workflows/ci.yaml", "on: push\n", "deletes every .yaml here: name it .yml"),
    ("index.md", None, "missing or empty"),
    ("learners/setup.md", "\n", "missing or empty"),
    ("notes.md", "", "make a page"),
    ("src/notes.md", "", "make a page"),
    ("learners/instructor-notes.md", '---\ntitle: "Notes"\n---\n', "already taken"),
    ("learners/aio.md", '---\ntitle: "All"\n---\n', "already taken by a page that the site makes"),
    ("learners/search.md", '---\ntitle: "Search"\n---\n', "already taken by a page that the site makes"),
    ("learners/exercises.md", '---\ntitle: "More"\n---\n', "already taken by a page that the site makes"),
    ("profiles/people.md", "caf\xe9".encode("latin-1"), "not UTF-8"),
]


@pytest.mark.parametrize(("file", "content", "says"), MISPLACED)
def test_missing_and_stray_files(tmp_path, file, content, says):
    problems = check(lesson(tmp_path, **{file: content}))
    assert any(says in problem.message for problem in problems), problems


@pytest.mark.parametrize(("name", "said"), [("measured-reach.png", []), ("01-reach.png", ["no cell draws it"])])
def test_a_figure_of_a_bench_needs_no_cell_and_any_other_does(tmp_path, name, said):
    figure = f"![Curves of synthetic pairs.](fig/{name}){{alt='Two curves that rise.'}}\n\n"
    text = EPISODE.replace("```bash", figure + "```bash")
    problems = check(lesson(tmp_path, **{E01: text, f"fig/{name}": png()}))
    assert [problem.message.partition(":")[0].replace(f"fig/{name}", "it") for problem in problems] == said


def test_an_image_without_content_is_named(tmp_path):
    problems = check(lesson(tmp_path, **{"fig/01-head.png": b""}))
    assert [(problem.file, problem.message) for problem in problems] == [
        (E01, "fig/01-head.png: this image is empty or damaged: draw it again (python -m lessonkit run)")
    ]


def test_a_link_to_a_file_outside_the_lesson_is_named(tmp_path):
    (tmp_path / "secret.txt").write_text("mine", encoding="utf-8")
    sound = lesson(tmp_path / "lesson")
    (sound.root / "fig" / "secret.png").symlink_to(tmp_path / "secret.txt")
    (problem,) = check(Lesson(sound.root))
    assert (problem.file, problem.line) == ("fig/secret.png", 1)
    assert "symbolic link to something outside the lesson" in problem.message


def test_a_problem_reads_like_a_colleague(tmp_path):
    text = SOUND[PEOPLE].replace("Anna", "See [here](https://example.org). Anna")
    assert [str(problem) for problem in check(lesson(tmp_path, **{PEOPLE: text}))] == [
        'profiles/people.md:5: this link\'s text is "here", which says nothing when read alone: name what it leads to'
    ]


def test_a_checkout_without_symbolic_links_is_sound(tmp_path):
    """There episodes/fig is a small text file, and the images lie in fig/ only."""
    assert check(lesson(tmp_path, **{"episodes/fig": "../fig"})) == []


def test_code_that_is_not_run_is_listed(tmp_path):
    line = 1 + EPISODE[: EPISODE.index("```bash")].count("\n")
    assert not_run(lesson(tmp_path)) == [f"episodes/01-images.md shows code that is not run: bash (line {line})"]


def test_our_lesson_has_no_problem(root):
    problems = check(Lesson(root))
    assert not problems, "\n".join(map(str, problems))
