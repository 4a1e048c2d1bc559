"""Turns one Markdown page of the lesson into HTML, by pandoc (structure, maths) and Pygments (colours of code)."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import unescape
from pathlib import Path

import pypandoc
from pygments import highlight
from pygments.filter import simplefilter
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name
from pygments.styles import get_style_by_name
from pygments.token import STANDARD_TYPES, Keyword, Name, Number, Operator, String, Text
from pygments.util import ClassNotFound

from lessonkit.divs import DIVS
from lessonkit.page import LessonError, Page
from lessonkit.predictions import COMPARE, PREDICT

WRITER = Path(__file__).with_name("page.lua")
CODE = re.compile(r'<code data-language="([^"]*)">(.*?)</code>', re.S)
# The colours of code by day and by night; both are safe for colour-blind readers.
DAY, NIGHT = (dict(get_style_by_name(f"github-{theme}-colorblind")) for theme in ("light", "dark"))


@dataclass(frozen=True)
class Body:
    """A page as HTML. Links are still those of the source; `page.lua` says what each part is."""

    page: Page
    html: str
    questions: str = ""
    objectives: str = ""
    keypoints: str = ""
    summary: str = ""
    contents: list[dict] = field(default_factory=list)
    figures: list[dict] = field(default_factory=list)


def read(page: Page) -> Body:
    """Convert a page, with the lesson's links.md at its end.

    Raises
    ------
    LessonError
        The page has a fault, or pandoc cannot read it.
    """
    page.demand()
    # pandoc would read the front matter as Markdown; the page has read it as YAML already.
    text = "\n".join([*page.lines[page.front_matter :], "", "", page.links_md])
    command = [pypandoc.get_pandoc_path(), "--from=markdown-implicit_figures-yaml_metadata_block", f"--to={WRITER}"]
    command.append(f"--metadata=divs:{json.dumps({kind: vars(div) for kind, div in DIVS.items()})}")
    command.append(f"--metadata=predict:{json.dumps({'asks': PREDICT, 'compares': COMPARE, 'page': page.name})}")
    done = subprocess.run(command, input=text.encode(), capture_output=True, check=False)
    if done.returncode:
        raise LessonError(f"pandoc cannot read this page: {done.stderr.decode(errors='replace').strip()}", page.file)
    parts = json.loads(done.stdout)
    parts["html"] = CODE.sub(colour, parts["html"])
    return Body(page, **parts)


def colour(code: re.Match) -> str:
    """A code element with Pygments' spans; unchanged where no language is known."""
    try:
        lexer = get_lexer_by_name(code[1], stripnl=False)
    except ClassNotFound:
        return f"<code>{code[2]}</code>"
    lexer.add_filter(by_look())
    return f"<code>{highlight(unescape(code[2]), lexer, HtmlFormatter(nowrap=True)).rstrip()}</code>"


@simplefilter
def by_look(_filter: object, _lexer: object, stream: Iterator[tuple], _options: object) -> Iterator[tuple]:
    """Code of one look as one kind, and plain code as text, which needs no span: these were two fifths of a page."""
    for kind, text in stream:
        while kind not in KINDS:
            kind = kind.parent
        yield Text if (kind, text) == (Operator, ".") else KINDS[kind], text


def _kinds() -> dict:
    """For each kind of code the first one of the same colours; plain names, most of any code, are text."""
    first = {(None, None): Text} | {_colours(kind): kind for kind in (Text, Keyword, String, Number)}
    return {kind: first.setdefault(_colours(kind), kind) for kind in DAY if kind is not Name} | {Name: Text}


def _colours(kind: object) -> tuple[str | None, str | None]:
    return DAY[kind]["color"], NIGHT[kind]["color"]


KINDS = _kinds()


def code_css() -> str:
    """The rules that colour code, light and dark at once."""
    rules = []
    for kind in dict.fromkeys(KINDS.values()):
        if kind is not Text:
            day, night = _colours(kind)
            rules.append(f"code .{STANDARD_TYPES[kind]}{{color:light-dark(#{day},#{night})}}\n")
    return "".join(rules)
