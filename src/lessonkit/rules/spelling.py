"""Spelling of prose, against an English dictionary and the project's own words. Code is codespell's: `make lint`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from importlib.resources import files

from spellchecker import SpellChecker

from lessonkit.markdown import ALT, CODE_SPAN, blank
from lessonkit.page import Finding, Page

WORD = re.compile(r"[^\W\d_²³]+(?:['’][^\W\d_]+)*")
# A word with a digit, an underscore or an inner capital is the name of something: T1, SimpleITK, LPS.
NAME = re.compile(r"\w*(?:[\d_]|[^\W\d_][A-Z])\w*")
MATHS = re.compile(r"\$\$.+?\$\$|\$[^$\n]+\$", re.S)
ADDRESS = re.compile(r"\]\([^)]*\)|\]\[[^\]]*\]|https?://[^\s>]+|<[^>]*>", re.S)
DIV_FENCE = re.compile(r"^:{3,}.*$", re.M)
ATTRIBUTES = re.compile(r"\{[^{}]*\}", re.S)


def prose(page: Page) -> Iterator[Finding]:
    """Words of prose, captions and alternative texts that no dictionary has. British and American are both right."""
    for token in page.inlines:
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


def _only_alt(found: re.Match) -> str:
    """Attributes in braces, of which only the alternative text is prose."""
    alt = ALT.search(found[0])
    start, end = alt.span(2) if alt else (0, 0)
    return "".join(char if start <= at < end or char == "\n" else " " for at, char in enumerate(found[0]))


@cache
def _dictionary() -> SpellChecker:
    dictionary = SpellChecker(language="en", distance=1)  # American English
    british = (files("codespell_lib") / "data" / "dictionary_en-GB_to_en-US.txt").read_text(encoding="utf-8")
    ours = (files("lessonkit.rules") / "words.txt").read_text(encoding="utf-8")
    dictionary.word_frequency.load_words([line.partition("->")[0] for line in british.splitlines()] + ours.split())
    return dictionary
