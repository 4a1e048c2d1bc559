"""Spelling: prose against an English dictionary and the project's own words; code against known typing errors."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from importlib.resources import files

from spellchecker import SpellChecker

from lessonkit.episode import ALT
from lessonkit.lesson import Lesson
from lessonkit.rules.document import CODE_SPAN, Document, Finding, Problem, blank

WORD = re.compile(r"[^\W\d_²³]+(?:['’][^\W\d_]+)*")
# A word with a digit, an underscore or an inner capital is the name of something: T1, SimpleITK, LPS.
NAME = re.compile(r"\w*(?:[\d_]|[^\W\d_][A-Z])\w*")
MATHS = re.compile(r"\$\$.+?\$\$|\$[^$\n]+\$", re.S)
ADDRESS = re.compile(r"\]\([^)]*\)|\]\[[^\]]*\]|https?://[^\s>]+|<[^>]*>", re.S)
DIV_FENCE = re.compile(r"^:{3,}.*$", re.M)
ATTRIBUTES = re.compile(r"\{[^{}]*\}", re.S)
SOURCES = ("src", "bench")


def prose(document: Document) -> Iterator[Finding]:
    """Words of prose, captions and alternative texts that no dictionary has. British and American are both right."""
    for token in document.inlines:
        text = token.content.replace("*", "")
        for noise in (CODE_SPAN, MATHS, ADDRESS, DIV_FENCE):
            text = noise.sub(blank, text)
        text = NAME.sub(blank, ATTRIBUTES.sub(_only_alt, text))
        for found in WORD.finditer(text):
            word = re.sub(r"'s?$", "", found[0].replace("’", "'").lower())
            if len(word) > 1 and word not in _dictionary():
                near = sorted(_dictionary().candidates(word) or ())[:1]
                mend = f" (is it '{near[0]}'?)" if near else ""
                what = f"no dictionary has '{found[0]}'{mend}: mend it, or add it to src/lessonkit/rules/words.txt"
                yield token.map[0] + 1 + text.count("\n", 0, found.start()), what


def code(document: Document) -> Iterator[Finding]:
    """Known typing errors in the code and the comments of a page."""
    for token in document.fences:
        for line, what in _typos(token.content):
            yield token.map[0] + 1 + line, what


def sources(lesson: Lesson) -> Iterator[Problem]:
    """Known typing errors in the Python files of the project."""
    for folder in SOURCES:
        for path in sorted((lesson.root / folder).rglob("*.py")):
            for line, what in _typos(path.read_text(encoding="utf-8")):
                yield Problem(path.relative_to(lesson.root).as_posix(), line, what)


def _typos(text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text.split("\n"), start=1):
        for word in re.findall(r"[\w'-]+", line):
            if (mended := _known_typos().get(word.lower())) and word.lower() not in _words():
                yield number, f"'{word}' looks like a typing error: write {mended}"


def _only_alt(found: re.Match) -> str:
    """Attributes in braces, of which only the alternative text is prose."""
    alt = ALT.search(found[0])
    start, end = alt.span(2) if alt else (0, 0)
    return "".join(char if start <= at < end or char == "\n" else " " for at, char in enumerate(found[0]))


@cache
def _words() -> frozenset[str]:
    return frozenset((files("lessonkit.rules") / "words.txt").read_text(encoding="utf-8").split())


@cache
def _dictionary() -> SpellChecker:
    dictionary = SpellChecker(language="en", distance=1)  # American English
    dictionary.word_frequency.load_words([*_codespell("dictionary_en-GB_to_en-US.txt"), *_words()])
    return dictionary


@cache
def _known_typos() -> dict[str, str]:
    return _codespell("dictionary.txt")


def _codespell(name: str) -> dict[str, str]:
    """A dictionary that the codespell package carries: from each word to what is to be written for it."""
    lines = (files("codespell_lib") / "data" / name).read_text(encoding="utf-8").splitlines()
    return {wrong: right.rstrip(",") for wrong, right in (line.split("->") for line in lines if "->" in line)}
