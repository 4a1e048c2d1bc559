"""The checker: what the Workbench asks of a lesson; and where config.yaml wants it, what this house asks of an episode.

It says what a colleague would say: the file, the line, what is wrong, and how to mend it.
"""

from __future__ import annotations

from collections.abc import Iterator

from lessonkit.addresses import Addresses
from lessonkit.lesson import Lesson
from lessonkit.page import Finding, LessonError, Page
from lessonkit.rules import files, house, links, pace, page, predictions, repository, silent, spelling
from lessonkit.rules.files import Problem

__all__ = ["Problem", "check", "not_run"]


def check(lesson: Lesson) -> list[Problem]:
    """Everything in the lesson that its author should mend, by file and line; empty when all is well.

    What is wrong in config.yaml comes alone: the rest cannot be judged before. Likewise, what makes a page unreadable.
    """
    if problems := list(files.config(lesson)):
        return problems
    problems += files.files(lesson)
    problems += repository.repository(lesson)
    addresses = Addresses(lesson)
    try:
        addresses.assets  # noqa: B018  (looks at every file)
    except LessonError as error:
        return sorted({*problems, Problem(error.file, error.line, error.what)})
    for each in [*lesson.all_pages(), *lesson.repository]:
        if each.path.is_file():
            problems += [Problem(each.file, line, message) for line, message in _findings(each, addresses)]
    return sorted(set(problems))


def _findings(each: Page, addresses: Addresses) -> Iterator[Finding]:
    if each.faults:
        yield from each.faults
        return
    yield from links.links(each, addresses)
    yield from spelling.prose(each)
    if each.kind == "repository":
        if each.path.name == "CONTRIBUTING.md":  # whose headings the Workbench judges as those of a page
            yield from page.headings(each)
        return
    for rule in (page.front_matter, page.divs, page.headings, page.fences):
        yield from rule(each)
    yield from links.images(each, addresses)
    if each.kind == "episode" and addresses.lesson.config.get("house_rules"):
        yield from house.episode(each, addresses.lesson)
        yield from predictions.predictions(each)
        yield from pace.pace(each)
        yield from silent.silent(each)


def not_run(lesson: Lesson) -> list[str]:
    """One line for each episode with code that the lesson never runs, so that nobody takes it for tested."""
    found = []
    for each in lesson.episodes:
        if each.faults:
            continue
        blocks = [f"{token.info} (line {token.map[0] + 1})" for token in each.fences if token.info in house.NOT_RUN]
        if blocks:
            found.append(f"{each.file} shows code that is not run: {', '.join(blocks)}")
    return found
