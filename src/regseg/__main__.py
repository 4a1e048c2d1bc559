"""The `regseg` command."""

import argparse
import os
import sys
from collections.abc import Sequence
from contextlib import ExitStack

from regseg.noise import kept_apart

_OF_IMAGES = ("register-large", "register", "report", "map-points")  # whose libraries have much to say


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return 0, or another number after a message that says what went wrong."""
    with ExitStack() as stack:
        if arguments is None:
            arguments = sys.argv[1:]
            # A terminal that lacks a letter, as some of Windows do, gets a question mark for it and not an error.
            sys.stdout.reconfigure(errors="replace")
            sys.stderr.reconfigure(errors="replace")
            if arguments[:1] and arguments[0] in _OF_IMAGES:
                stack.enter_context(kept_apart())
        return _guarded(arguments)


def _guarded(arguments: Sequence[str]) -> int:
    """Run the command; what goes wrong is told in a line."""
    try:
        status = _run(list(arguments))
        sys.stdout.flush()
        return status
    except BrokenPipeError:
        # Whoever read along has had enough, as `head` has. What is left to write goes nowhere, and so ends in silence.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141  # as a shell has it
    except (ValueError, RuntimeError, OSError, ImportError) as error:
        print(f"regseg: {error}", file=sys.stderr)
        return 1
    except MemoryError as error:
        print(f"regseg: out of memory. Is the image as large as its header says? {error}".strip(), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("regseg: interrupted", file=sys.stderr)
        return 130  # as a shell has it


def _run(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="regseg", description="Registration and segmentation: the course's tools.")
    subjects = parser.add_subparsers(required=True, metavar="SUBJECT")
    images = subjects.add_parser("data", help="list, fetch and find the images of the course")
    large = subjects.add_parser("register-large", help="register images larger than memory")
    pair = subjects.add_parser("register", help="register a pair of images that fits in memory, and judge the result")
    look = subjects.add_parser("doctor", help="look whether this computer has all that the lesson needs")
    look.set_defaults(run=_examine)
    judged = subjects.add_parser("report", help="judge a registration or a segmentation of your own, in a page")
    carried = subjects.add_parser("map-points", help="carry points and meshes from one image to the other")
    # Only where they are wanted: libraries take a second to import, and not everybody has all of them: `doctor` tells.
    if arguments[:1] == ["data"]:
        _add_data(images)
    if arguments[:1] == ["register-large"]:
        from regseg.distributed import command

        command.add_arguments(large)
    if arguments[:1] == ["register"]:
        from regseg.register import command

        command.add_arguments(pair)
    if arguments[:1] == ["report"]:
        from regseg.report import command

        command.add_arguments(judged)
    if arguments[:1] == ["map-points"]:
        from regseg.points import command

        command.add_arguments(carried)
    options = parser.parse_args(arguments)
    return options.run(options) or 0


def _examine(_: argparse.Namespace) -> int:
    from regseg import doctor

    findings = []
    for finding in doctor.examine():
        print(finding, flush=True)
        findings.append(finding)
    missing = sum(not each.fine and each.needed for each in findings)
    if missing:
        print(
            f"\n{missing} of {len(findings)} must be mended: give the lines behind the arrows in the lesson's folder."
        )
        return 1
    print("\nThis computer is ready for the lesson.")
    return 0


def _add_data(parser: argparse.ArgumentParser) -> None:
    # Here, and not above: who presses Ctrl-C while the libraries load shall not see a page of them.
    from regseg import data
    from regseg.data import page

    def fetch_them(options: argparse.Namespace) -> None:
        if options.embedded:
            data.prepare()
        for name in options.names:
            print(f"{name}: {data.path(name)}")

    actions = parser.add_subparsers(required=True, metavar="ACTION")

    show = actions.add_parser("list", help="list every dataset")
    show.add_argument("--long", action="store_true", help="with origin, licence, citation, consent and notices")
    show.set_defaults(run=lambda options: print(page.listing(options.long)))

    fetch = actions.add_parser("fetch", help="make or download datasets into the cache")
    which = fetch.add_mutually_exclusive_group(required=True)
    which.add_argument("names", nargs="*", default=[], metavar="NAME")
    which.add_argument("--embedded", action="store_true", help="all that need no network")
    fetch.set_defaults(run=fetch_them)

    where = actions.add_parser("where", help="print where a dataset lies, making or downloading it if need be")
    where.add_argument("name", metavar="NAME")
    where.set_defaults(run=lambda options: print(data.path(options.name)))

    card = actions.add_parser("card", help="print the page of data cards, in Markdown")
    card.set_defaults(run=lambda _: print(page.markdown(), end=""))


if __name__ == "__main__":
    sys.exit(main())
