"""The named mistakes of all exercises, gathered under the ideas behind them: a page for those who teach.

    python -m regseg.check.catalogue > instructors/misconceptions.md

The sentences are read from the source of the checks, so that none can be forgotten; give the command in the lesson's
folder, from whose episodes come the titles of the exercises.
"""

from __future__ import annotations

import ast
import re
import tomllib
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

ASKS = re.compile(
    r'^### (?P<title>.+)|^check\.answer\("(?P<key>[^"]+)"', re.M
)  # an exercise begins, and ends in its check
REGISTER = ("exercise", "listed", "lettered", "numeric")  # the decorators that name an exercise


class Mistake(NamedTuple):
    """A wrong answer that a check knows by name: what it says, and of which exercises."""

    sentence: str
    exercises: tuple[str, ...]


@dataclass(frozen=True)
class Idea:
    """What people believe, how it shows, why, what to say to them, and the words by which its sentences are known.

    `name` is the anchor of its place on the page, and stays when the belief is said in other words.
    """

    name: str
    belief: str
    shows: str
    why: str
    say: str
    words: tuple[str, ...]


INTRODUCTION = """\
---
title: "What learners believe"
---

<!-- Made by `python -m regseg.check.catalogue` from the sentences of the checks. -->

The checks of the exercises know {count} wrong answers by name. Behind most of them stand a few ideas, which are
reasonable, and wrong. They return in another episode in other clothes: who has met one of them twice recognises
it the third time. Use this page to prepare, and when you hear a sentence in the room that you have read here.

Each idea has four parts: what makes it tempting, how it shows in the room, what to say, and which exercises find it,
with the sentence that their check says then. The number before an exercise is that of its episode. {rest} further
sentences belong to one exercise only, and stand in its check.

## A map

Which ideas meet in which episode. Each leads to its place below:

{table}
"""


PART = """\
## “{idea.belief}” {{#{idea.name}}}

**Why it tempts.** {idea.why}

**How it shows.** {idea.shows}

**What to say.** {idea.say}

**What finds it:**

{found}
"""


def mistakes() -> list[Mistake]:
    """All named mistakes, in the order of the episodes; where a sentence holds a number it has three dots."""
    found: dict[str, set[str]] = defaultdict(set)
    for path in sorted(Path(__file__).parent.glob("*.py")):
        functions = {each.name: each for each in ast.parse(path.read_text(encoding="utf-8")).body if _is_function(each)}
        for function in functions.values():
            for key in _keys(function):
                for sentence in _sentences(function, functions, set()):
                    found[sentence].add(key)
    known = [Mistake(sentence, tuple(sorted(keys))) for sentence, keys in found.items()]
    return sorted(known, key=lambda mistake: mistake.exercises[0])


def _is_function(node: ast.stmt) -> bool:
    return isinstance(node, ast.FunctionDef)


def _keys(function: ast.FunctionDef) -> list[str]:
    """The names of the exercises that a function judges."""
    return [
        each.args[0].value
        for each in function.decorator_list
        if isinstance(each, ast.Call) and getattr(each.func, "id", "") in REGISTER
    ]


def _sentences(function: ast.FunctionDef, functions: dict[str, ast.FunctionDef], seen: set[str]) -> list[str]:
    """What a function calls wrong, and what the functions of its module call wrong that it uses."""
    seen.add(function.name)
    found = []
    for node in ast.walk(function):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "wrong" and node.args:
            found.append(_text(node.args[0]))
        elif isinstance(node, ast.Name) and node.id in functions and node.id not in seen:
            found += _sentences(functions[node.id], functions, seen)
    return [sentence for sentence in found if len(sentence) > 10]


def _text(node: ast.expr) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(part.value if isinstance(part, ast.Constant) else "…" for part in node.values)
    return ""


def ideas() -> list[Idea]:
    """The ideas of `ideas.toml`; where a sentence fits two of them, the first one has it."""
    known = tomllib.loads(Path(__file__).with_name("ideas.toml").read_text(encoding="utf-8"))["idea"]
    return [Idea(**each | {"words": tuple(each["words"])}) for each in known]


def sorted_by_idea() -> dict[Idea | None, list[Mistake]]:
    """The mistakes of each idea, in the order of the ideas; under None those of one exercise only."""
    known = ideas()
    found: dict[Idea | None, list[Mistake]] = {idea: [] for idea in known} | {None: []}
    for mistake in mistakes():
        fitting = (idea for idea in known if re.search("|".join(idea.words), mistake.sentence, re.I))
        found[next(fitting, None)].append(mistake)
    return found


def exercises(episodes: Path) -> dict[str, str]:
    """For each exercise of a folder of episodes the number of its episode, and a link to it."""
    found: dict[str, str] = {}
    for path in sorted(episodes.glob("*.md")):
        title = ""
        for line in ASKS.finditer(path.read_text(encoding="utf-8")):
            if line["title"]:
                title = line["title"]
            else:
                anchor = re.sub(r"[^\w\s-]", "", title).lower().replace(" ", "-")
                found.setdefault(line["key"], f"{path.name[:2]} [{title}](../episodes/{path.name}#{anchor})")
    return found


def page(episodes: Path) -> str:
    """The page instructors/misconceptions.md, of the lesson with these episodes."""
    asked = exercises(episodes)
    by_idea = sorted_by_idea()
    rest = by_idea.pop(None)
    episodes = sorted({key[:2] for known in by_idea.values() for mistake in known for key in mistake.exercises})
    table = [f"| idea | {' | '.join(episodes)} |", "|---|" + "---|" * len(episodes)]
    for idea, known in by_idea.items():
        met = {key[:2] for mistake in known for key in mistake.exercises}
        table.append(
            f"| [{idea.belief}](#{idea.name}) | {' | '.join('•' if each in met else '' for each in episodes)} |"
        )
    count = len(rest) + sum(map(len, by_idea.values()))
    parts = [INTRODUCTION.format(count=count, rest=len(rest), table="\n".join(table))]
    for idea, known in by_idea.items():
        found = "\n".join(
            f"- {mistake.sentence} *({', '.join(map(asked.__getitem__, mistake.exercises))})*" for mistake in known
        )
        parts.append(PART.format(idea=idea, found=found))
    return "\n".join(parts)


if __name__ == "__main__":
    print(page(Path("episodes")), end="")
