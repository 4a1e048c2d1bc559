"""A quiz for each episode: some questions of three or four choices, each wrong one with the mistake that it shows.

    python -m regseg.check.quiz > learners/quiz.md

They are written down in `quiz.toml`. A check judges each, as `check.answer("01-quiz-1", "B")`, so the website has an
answer box for it; and a page is made of them, from which each notebook takes its last part.
"""

from __future__ import annotations

import textwrap
import tomllib
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from pathlib import Path

from regseg.check.boxes import listed
from regseg.check.engine import Verdict, choice

LETTERS = "ABCD"
WIDTH = 120  # columns of the page's text

PAGE = """\
---
title: "Quizzes"
---

<!-- Made by `python -m regseg.check.quiz` from quiz.toml: write there. -->

For each episode there are a few questions, to be answered when you are through with it. They ask what you have
understood. Each answer gets a sentence, and that on a wrong one names the mistake that it shows: people who think well
make it, too. On our site you answer by a button below the code; in the notebook of the episode the same questions stand
at the end, and there you write the letter in quotes in place of the dots, as `"A"`. Nothing is sent anywhere. If your
room counts its answers, our site shows a line below the last question of each quiz, and the notebook says how to write
one: paste it where you are asked to.
"""
QUESTION = """\
::::: challenge

### {title}

{asks}

{choices}

```python
check.answer("{name}", ...)
```

::: solution

{solution}

:::

:::::
"""


@dataclass(frozen=True)
class Choice:
    """One answer: its words, the sentence on it, and the belief behind it where that is in `ideas.toml`."""

    words: str
    sentence: str
    belief: str = ""


@dataclass(frozen=True)
class Question:
    """A question about an episode, the choices by their letters, and the letter of the right one."""

    name: str
    episode: str
    title: str
    asks: str
    choices: dict[str, Choice]
    right: str

    def verdict(self, given: object) -> Verdict:
        """What is said of a letter."""
        letter = choice(given, *self.choices)
        return Verdict(letter == self.right, self.choices[letter].sentence)


@cache
def questions() -> tuple[Question, ...]:
    """All questions, in the order of the episodes."""
    found: list[Question] = []
    for each in tomllib.loads(Path(__file__).with_name("quiz.toml").read_text(encoding="utf-8"))["question"]:
        number = 1 + sum(other.episode == each["episode"] for other in found)
        choices = dict(zip(LETTERS, (Choice(*parts) for parts in each["choices"]), strict=False))
        name = f"{each['episode'][:2]}-quiz-{number}"
        found.append(Question(name, each["episode"], each["title"], each["asks"], choices, each["right"]))
    return tuple(found)


for _question in questions():
    listed(_question.name, _question.choices)(_question.verdict)


def page() -> str:
    """The page learners/quiz.md: a section for each episode, whose anchor is the name of its file."""
    parts = [PAGE]
    for episode, asked in groupby(questions(), lambda question: question.episode):
        parts.append(f"## Episode {episode[:2]} {{#{episode[3:]}}}\n")
        parts.append(f"To read it again: [episode {episode[:2]}](../episodes/{episode}.md).\n")
        parts += map(_markdown, asked)
    return "\n".join(parts)


def _markdown(question: Question) -> str:
    choices = [f"- **{letter}** {each.words}" for letter, each in question.choices.items()]
    said = [f"**{question.right}** is right. {question.choices[question.right].sentence}", ""]
    said += [f"- **{each}**: {one.sentence}" for each, one in question.choices.items() if each != question.right]
    asks, *lines = (textwrap.fill(line, WIDTH, break_long_words=False) for line in (question.asks, *choices, *said))
    choices, said = "\n".join(lines[: len(choices)]), "\n".join(lines[len(choices) :])
    return QUESTION.format(title=question.title, asks=asks, choices=choices, name=question.name, solution=said)


if __name__ == "__main__":
    print(page(), end="")
