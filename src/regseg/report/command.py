"""The command `regseg report`: the page that judges a registration or a segmentation, without a line of Python."""

from __future__ import annotations

import argparse
from pathlib import Path

from regseg import report
from regseg.report.document import demand_folder


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command's arguments."""
    parser.description = (
        "Judge a registration (FIXED MOVING TRANSFORM) or a segmentation (IMAGE LABELS) of your own, and write a page "
        "that any browser shows, without a network. The exit status is 0 also where something looks wrong: read it."
    )
    parser.add_argument(
        "files",
        nargs="+",
        metavar="FILE",
        help="FIXED MOVING TRANSFORM, or IMAGE LABELS: what SimpleITK reads, or OME-Zarr",
    )
    parser.add_argument("--output", default="report.html", metavar="FILE", help="the page; default report.html")
    parser.add_argument("--inverse", metavar="FILE", help="the transform from the moving to the fixed image")
    parser.add_argument("--labels", nargs=2, metavar=("FIXED", "MOVING"), help="label maps of the two images")
    parser.add_argument(
        "--points",
        nargs="+",
        metavar="FILE",
        help="landmarks in mm, LPS: fixed x, y, z, moving x, y, z in each row; or one file for each image",
    )
    parser.add_argument("--reference", metavar="FILE", help="labels to compare LABELS with")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Run the command. What goes wrong raises an error with a message for the user."""
    output = Path(options.output)
    demand_folder(output)
    judged = _judge(options)
    print(judged)
    print(f"\nWritten to {judged.write(output)}.")


def _judge(options: argparse.Namespace) -> report.Report:
    of_registration = options.inverse or options.labels or options.points
    if len(options.files) == 3:
        if options.reference:
            raise ValueError(
                "--reference belongs to a segmentation, IMAGE LABELS: here FILE is FIXED MOVING TRANSFORM."
            )
        points = options.points and (tuple(options.points) if len(options.points) > 1 else options.points[0])
        labels = options.labels and tuple(options.labels)
        return report.registration(*options.files, inverse=options.inverse, labels=labels, points=points)
    if len(options.files) == 2:
        if of_registration:
            raise ValueError("A registration is FIXED MOVING TRANSFORM: the transform is missing.")
        return report.segmentation(*options.files, options.reference)
    raise ValueError(f"Give FIXED MOVING TRANSFORM, or IMAGE LABELS: these are {len(options.files)} files.")
