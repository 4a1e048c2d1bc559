"""Draws fig/readme-strip.png, the three pictures of the README: python fig/readme-strip.py

The pictures are those of the episodes, as `make run` drew them, and the sentence is what the check says.
"""

import io
import textwrap
from contextlib import redirect_stdout
from pathlib import Path

import matplotlib.pyplot as plt
import SimpleITK as sitk

from regseg import check

FIG = Path(__file__).parent
CODE = """\
to_the_left = sitk.TranslationTransform(3, (20, 0, 0))
check.answer("02-shift", to_the_left)"""


def said(code: str) -> str:
    """What a cell of the lesson prints."""
    with redirect_stdout(io.StringIO()) as printed:
        exec(code, {"sitk": sitk, "check": check})
    return printed.getvalue()


def picture(name: str, axes: plt.Axes, *, top: int = 0) -> None:
    """A figure of the lesson, without the first rows of its pixels."""
    axes.imshow(plt.imread(FIG / name)[top:])
    axes.axis("off")


def main() -> None:
    figure = plt.figure(figsize=(13, 3.4), dpi=150)
    pair, cell, votes = figure.subfigures(1, 3, width_ratios=[2, 2.2, 1.3])
    pair.suptitle("Before and after a deformation", fontweight="bold")
    cell.suptitle("A check that knows the mistake", fontweight="bold")
    votes.suptitle("Blocks that vote", fontweight="bold")

    before, after = pair.subplots(1, 2)
    picture("05-after-rigid.png", before, top=64)
    picture("05-after-ffd.png", after, top=64)
    pair.subplots_adjust(left=0.02, right=0.98, top=0.88, bottom=0.02, wspace=0.05)
    picture("10-votes.png", votes.subplots(), top=26)
    votes.subplots_adjust(left=0, right=0.98, top=0.88, bottom=0.02)

    box = {"boxstyle": "square,pad=1", "facecolor": "#f4f4f4", "edgecolor": "#c8c8c8"}
    cell.text(0.06, 0.66, CODE, family="monospace", fontsize=9.5, va="center", linespacing=1.5, bbox=box)
    cell.text(0.05, 0.3, textwrap.fill(said(CODE), 46), fontsize=12, va="center", linespacing=1.5)
    figure.savefig(FIG / "readme-strip.png", metadata={"Software": None})


if __name__ == "__main__":
    main()
