"""What an author runs: ``python -m lessonkit COMMAND``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from lessonkit.lesson import Lesson, replace_file
from lessonkit.page import LessonError


def main(arguments: list[str] | None = None) -> int:
    """Run one command; 0 when all is well, 1 when there is something to mend, 130 when it was interrupted."""
    if arguments is None:  # a terminal that lacks a letter, as some of Windows do, gets a question mark for it
        sys.stdout.reconfigure(errors="replace")
    options = _parser().parse_args(arguments)
    try:
        return options.command(Lesson(options.lesson.resolve()), options) or 0
    except LessonError as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:  # a file that is missing or not ours, a disk that is full
        print(f"{error.filename or 'lessonkit'}: {error.strerror or error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted.", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m lessonkit", description="Builds the lesson from its episodes.")
    parser.add_argument(
        "-C", dest="lesson", metavar="DIR", type=Path, default=Path(), help="the lesson's folder (default: this one)"
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    run = commands.add_parser("run", help="execute the episodes, and write their outputs and figures")
    run.add_argument("episodes", nargs="*", metavar="EPISODE", help="such as 01-images (default: all of config.yaml)")
    run.add_argument("--force", action="store_true", help="run unchanged episodes too")
    run.add_argument("--check", action="store_true", help="write nothing; say where a fresh run differs")
    run.set_defaults(command=_run)

    notebooks = commands.add_parser("notebooks", help="make the notebooks from the episodes")
    other = notebooks.add_mutually_exclusive_group()
    other.add_argument("--check", action="store_true", help="write nothing; say which are out of date")
    other.add_argument(
        "--code-along",
        metavar="FOLDER",
        type=Path,
        help="make notebooks to type in together there: demonstrations are empty",
    )
    notebooks.set_defaults(command=_notebooks)

    site = commands.add_parser("site", help="build the website into build/site")
    site.set_defaults(command=_site)

    schedule = commands.add_parser("schedule", help="lay out the workshops of config.yaml, with breaks and a clock")
    schedule.set_defaults(command=_schedule)

    count = commands.add_parser("count", help="count what a room has answered in a quiz or in the test")
    count.add_argument("lines", metavar="FILE", type=Path, help="one line for each person, such as 04: 1B 2A")
    count.set_defaults(command=_count)

    check = commands.add_parser("check", help="check the lesson against the rules of the Workbench and of the house")
    check.set_defaults(command=_check)

    paper = commands.add_parser("paper", help="print episodes as PDFs, with hints and solutions and without")
    paper.add_argument("folder", metavar="FOLDER", type=Path, help="where the PDFs go")
    paper.add_argument("episodes", nargs="*", metavar="EPISODE", help="such as 01-images (default: the whole lesson)")
    paper.set_defaults(command=_paper)

    bundle = commands.add_parser("bundle", help="write all that a learner without a network needs into one folder")
    bundle.add_argument("folder", metavar="FOLDER", type=Path, help="a new one, of half a gigabyte")
    bundle.set_defaults(command=_bundle)

    course = commands.add_parser("course", help="build everything, then serve the website and JupyterLab")
    course.set_defaults(command=_course)

    opened = commands.add_parser("open", help="serve the folder that `bundle` has written")
    opened.add_argument("folder", nargs="?", metavar="FOLDER", type=Path, default=Path(), help="(default: this one)")
    opened.set_defaults(command=_open)

    for served in (course, opened):
        served.add_argument("--no-browser", action="store_true", help="print the addresses only")
        served.add_argument("--port", type=int, default=8000, help="of the website (default: %(default)s)")
        served.add_argument("--lab-port", type=int, default=8888, help="of JupyterLab (default: %(default)s)")
    return parser


# Each command imports what it needs, so that one starts without the others' packages.


def _run(lesson: Lesson, options: argparse.Namespace) -> int:
    from lessonkit.run import check, run

    if not options.check:
        run(lesson, options.episodes, force=options.force)
        return 0
    differences = check(lesson, options.episodes)
    for difference in differences:
        print(f"\n{difference}")
    return bool(differences)


def _notebooks(lesson: Lesson, options: argparse.Namespace) -> int:
    from lessonkit.notebook import outdated, write

    if not options.check:
        for path in write(lesson, options.code_along):
            print(f"{path} holds someone's work and stays as it is; rename or delete it to get a fresh one")
        return 0
    old = outdated(lesson)
    for path in old:
        print(f"{path} does not agree with its episode: run `python -m lessonkit notebooks`")
    return bool(old)


def _site(lesson: Lesson, _: argparse.Namespace) -> None:
    from lessonkit.site import build

    build(lesson, lesson.root / "build" / "site")


def _schedule(lesson: Lesson, _: argparse.Namespace) -> None:
    from lessonkit.schedule import page

    replace_file(lesson.root / "instructors" / "schedule.md", page(lesson).encode())


def _count(lesson: Lesson, options: argparse.Namespace) -> None:
    from lessonkit.room import report

    print(report(lesson, options.lines.read_text(encoding="utf-8-sig", errors="replace")))


def _check(lesson: Lesson, _: argparse.Namespace) -> int:
    from lessonkit.rules import check, not_run

    problems = check(lesson)
    for line in [*problems, *not_run(lesson)]:
        print(line)
    return bool(problems)


def _course(lesson: Lesson, options: argparse.Namespace) -> None:
    from lessonkit.course import serve

    serve(lesson, open_browser=not options.no_browser, port=options.port, lab_port=options.lab_port)


def _paper(lesson: Lesson, options: argparse.Namespace) -> None:
    from lessonkit.paper import write

    write(lesson, options.folder, options.episodes)


def _bundle(lesson: Lesson, options: argparse.Namespace) -> None:
    from lessonkit.offline import write

    write(lesson, options.folder)


def _open(_: Lesson, options: argparse.Namespace) -> None:
    from lessonkit.course import serve_bundle

    serve_bundle(options.folder, open_browser=not options.no_browser, port=options.port, lab_port=options.lab_port)


if __name__ == "__main__":
    sys.exit(main())
