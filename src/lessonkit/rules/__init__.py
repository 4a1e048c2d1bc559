"""The checker: what the Workbench asks of a lesson, and what this house asks of an episode.

It says what a colleague would say: the file, the line, what is wrong, and how to mend it.
"""

from __future__ import annotations

from lessonkit.lesson import Lesson, Page
from lessonkit.rules import files, house, links, page, spelling
from lessonkit.rules.document import Document, Problem

__all__ = ["Problem", "check", "not_run"]

LINKS_AND_SPELLING = (links.links, spelling.prose, spelling.code)
PAGE = (page.front_matter, page.divs, page.headings, page.fences, links.images, *LINKS_AND_SPELLING)
RULES = {"repository": LINKS_AND_SPELLING, "episode": (*PAGE, house.episode)}
# Read on the host of the repository; no pages of the site.
REPOSITORY = ("README.md", "CONTRIBUTING.md")


def check(lesson: Lesson) -> list[Problem]:
    """Everything in the lesson that its author should mend, by file and line; empty when all is well.

    What is wrong in config.yaml comes alone: the rest cannot be judged before.
    """
    if problems := list(files.config(lesson)):
        return problems
    problems += files.files(lesson)
    documents: dict[str, Document] = {}
    for each in _pages(lesson):
        document = Document(lesson, each, documents)
        try:
            document.lines  # noqa: B018  (reads the file)
        except UnicodeDecodeError as error:
            what = f"this file is not UTF-8 (byte {error.start}): save it as UTF-8"
            problems.append(Problem(document.file, 1, what))
        else:
            documents[document.file] = document
    for document in documents.values():
        for rule in RULES.get(document.page.kind, PAGE):
            problems += [Problem(document.file, line, message) for line, message in rule(document)]
    problems += spelling.sources(lesson)
    return sorted(set(problems))


def not_run(lesson: Lesson) -> list[str]:
    """One line for each episode with code that the lesson never runs, so that nobody takes it for tested."""
    found = []
    for episode in lesson.episodes:
        document = Document(lesson, episode)
        blocks = [f"{token.info} (line {token.map[0] + 1})" for token in document.fences if token.info in house.NOT_RUN]
        if blocks:
            found.append(f"{document.file} shows code that is not run: {', '.join(blocks)}")
    return found


def _pages(lesson: Lesson) -> list[Page]:
    repository = [Page(lesson.root / name, "repository") for name in REPOSITORY]
    return [each for each in [*lesson.all_pages(), *repository] if each.path.is_file()]
