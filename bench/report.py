"""Brings the tables and the plots of what was measured up to date: python bench/report.py

On the pages below, what stands between ``<!-- bench: NAME, CASE -->`` and ``<!-- /bench -->`` is a table of one case of
bench/results/NAME.json, methods as rows and measures as columns. Nobody types a number there. Without a case it is the
computer on which the bench ran. "learned, capture range" is no case of its own: it has the medians of all motions.
"""

from __future__ import annotations

import io
import json
import re
import sys
from math import sqrt
from pathlib import Path
from statistics import fmean, stdev

import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from scipy.stats import t

from lessonkit.lesson import replace_file
from measure import RESULTS, ROOT

PAGES = (ROOT / "README.md", ROOT / "learners" / "measured.md", ROOT / "episodes" / "12-learned-registration.md")
PLACE = re.compile(r"(<!-- bench: ([\w-]+)(?:, ([^>]+))? -->\n).*?(<!-- /bench -->)", re.S)
LOOKS = {"affine start": ("|", "#555555"), "streamed solve": ("o", "#0072b2"), "elastix": ("s", "#d55e00"),
         "itk-dreg": ("^", "#009e73"), "BigStream": ("D", "#cc79a7"),
         "the lesson's recipe": ("o", "#0072b2"), "the same without N4": ("|", "#555555"),
         "SimpleITK's notebook 30": ("s", "#d55e00"), "SimpleITK's notebook 33": ("^", "#009e73"),
         "start": ("|", "#555555"), "untrained network": ("^", "#e69f00"), "RegNet": ("v", "#d55e00"),
         "RegNet, then the solve": ("D", "#cc79a7"), "greedy": ("s", "#009e73"),
         "that solve, no network": ("P", "#56b4e9"),
         "untrained network, then the solve": ("X", "#999933")}  # fmt: skip

# Of the bench `learned`: the curves of its plot, and the rows of the table of the capture range.
CURVES = ("start", "untrained network", "RegNet", "greedy", "streamed solve", "that solve, no network",
          "untrained network, then the solve", "RegNet, then the solve")  # fmt: skip

# What a case has several of, where these are no pairs of images.
COUNTED = dict.fromkeys(("T1", "T2", "inverted", "PD"), "scans") | {"rounds of annotation": "seeds"}


def interval(values: list[float]) -> float:
    """Half of the 95 % confidence interval of the mean, by Student's t."""
    return float(t.ppf(0.975, len(values) - 1)) * stdev(values) / sqrt(len(values))


def number(value: float) -> str:
    """A number with three digits, or all of those before the point."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def cell(value: float | str | list[float] | None) -> str:
    """What a table shows of a value: of a list the mean, from three pairs on with its interval."""
    if value is None or isinstance(value, str):
        return value or ""
    if not isinstance(value, list):
        return number(value)
    around = f" ± {interval(value):.2g}" if len(value) > 2 and stdev(value) else ""
    return number(fmean(value)) + around


def table(results: dict, case: str) -> str:
    """A Markdown table of one case: a row for each method, a column for each measure."""
    methods = results["cases"][case]
    measures = list(dict.fromkeys(measure for row in methods.values() for measure in row))
    rows = [["method", *measures], ["---", *["---:"] * len(measures)]]
    rows += [[name, *(cell(row.get(measure)) for measure in measures)] for name, row in methods.items()]
    count, word = len(results["pairs"].get(case, [])), COUNTED.get(case, "pairs")
    lines = [f"| {' | '.join(row)} |" for row in rows]
    if count > 1:
        lines += ["", f"*Mean of {count} {word}{', with its 95 % confidence interval' if count > 2 else ''}.*"]
    return "\n".join(lines)


def by_motion(results: dict) -> dict[str, dict]:
    """Of the bench `learned` the cases that differ in nothing but how far points move, such as "8 mm"."""
    return {case: methods for case, methods in results["cases"].items() if case[0].isdigit()}


def capture_range(results: dict) -> dict[str, dict[str, float]]:
    """The median error of each curve, in mm, with the motions as its measures; empty where it was not measured."""
    found = by_motion(results)
    return {
        method: {motion: methods[method]["median error (mm)"] for motion, methods in found.items() if method in methods}
        for method in CURVES
    }


def filled(text: str, folder: Path = RESULTS) -> str:
    """The text with each table made anew from the folder of results.

    Raises
    ------
    LookupError
        A table asks for a bench or a case that has no results.
    """

    def place(found: re.Match) -> str:
        mark, name, case, end = found.groups()
        file = folder / f"{name}.json"
        results = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {"cases": {}}
        if case == "capture range" and by_motion(results):
            results["cases"] |= {case: capture_range(results)}
        if case not in results["cases"] and (case or "machine" not in results):
            raise LookupError(f"there are no results of {name}, {case}: run `make bench NAME={name}`")
        made = table(results, case) if case else f"*Measured on {results['machine']}.*"
        return f"{mark}\n{made}\n\n{end}"

    return PLACE.sub(place, text)


def outdated() -> dict[Path, str]:
    """The pages whose tables do not agree with the results, each with the text that it should have."""
    texts = {path: path.read_text(encoding="utf-8") for path in PAGES}
    fresh = {path: filled(text) for path, text in texts.items()}
    return {path: text for path, text in fresh.items() if text != texts[path]}


def plot_large(results: dict) -> bytes:
    """The mean error of each method on each pair of the bench `large`, as PNG."""
    figure, axes = plt.subplots(figsize=(8, 4.2), dpi=120, layout="constrained")
    labels: list[str] = []
    for case, names in results["pairs"].items():
        for method, figures in results["cases"][case].items():
            if errors := figures.get("mean error (mm)"):
                marker, colour = LOOKS[method]
                rows = range(len(labels), len(labels) + len(errors))
                known = method in axes.get_legend_handles_labels()[1]
                axes.plot(errors, rows, marker, color=colour, markersize=8, label=None if known else method)
        if "mean error (mm)" in next(iter(results["cases"][case].values())):
            words = [name.replace("_", " ") for name in names]
            labels += [name if name == case else f"{name} ({case})" for name in words]
    axes.set(xscale="log", xlabel="mean error (mm)", yticks=range(len(labels)), yticklabels=labels)
    ticks = [0.1, 0.2, 0.5, 1, 2, 5]
    axes.set_xticks(ticks, labels=map(str, ticks))
    return finished(figure)


def plot_segmentation(results: dict) -> bytes:
    """The Dice coefficient of each method on each scan of the bench `segmentation`, as PNG."""
    figure, axes = plt.subplots(figsize=(8, 4.2), dpi=120, layout="constrained")
    methods = results["cases"]["lesions"]
    for method, figures in methods.items():
        marker, colour = LOOKS[method]
        dice = figures["Dice coefficient"]
        axes.plot(dice, range(len(dice)), marker, color=colour, markersize=8, label=method)
    rows = range(len(dice))
    axes.set(xlabel="Dice coefficient", yticks=rows, yticklabels=[f"scan {row + 1}" for row in rows])
    return finished(figure)


def plot_learned(results: dict) -> bytes:
    """The error of each method of the bench `learned` by how far points moved, as PNG: all pairs, and their medians."""
    figure, axes = plt.subplots(figsize=(8, 4.6), dpi=120, layout="constrained")
    rows = {float(motion.split()[0]): methods for motion, methods in by_motion(results).items()}
    for method in CURVES:
        marker, colour = LOOKS[method]
        found = {mean: methods[method] for mean, methods in rows.items() if method in methods}
        errors = {mean: figures["mean error (mm)"] for mean, figures in found.items()}
        medians = [figures["median error (mm)"] for figures in found.values()]
        axes.plot(list(errors), medians, marker=marker, color=colour, markersize=8, linewidth=2, label=method)
        for mean, values in errors.items():
            axes.plot([mean] * len(values), values, marker, color=colour, markersize=4, alpha=0.5)
    axes.set(yscale="log", xlabel="mean displacement (mm)", ylabel="mean error (mm)", xticks=list(rows))
    ticks = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20]
    axes.set_yticks(ticks, labels=map(str, ticks))
    axes.grid(axis="y", color="#dddddd")
    return saved(figure)


def finished(figure: Figure) -> bytes:
    """A plot with a row for each pair or scan, from the top, with its grid, as PNG."""
    (axes,) = figure.axes
    axes.invert_yaxis()
    axes.grid(axis="y", color="#dddddd")
    return saved(figure)


def saved(figure: Figure) -> bytes:
    """A plot with its legend, as PNG."""
    figure.legend(loc="outside upper center", ncols=4, frameon=False, fontsize="small")
    drawn = io.BytesIO()
    figure.savefig(drawn, metadata={"Software": None})
    plt.close(figure)
    return drawn.getvalue()


PLOTS = {"large": plot_large, "segmentation": plot_segmentation, "learned": plot_learned}


def plots() -> dict[Path, bytes]:
    """The plots of measured.md, by the file that each goes to."""
    found = {}
    for name, draw in PLOTS.items():
        results = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
        found[ROOT / "fig" / f"measured-{name}.png"] = draw(results)
    return found


def main() -> None:
    try:
        for path, text in outdated().items():
            replace_file(path, text.encode())
    except LookupError as error:
        sys.exit(str(error))
    for path, drawn in plots().items():
        replace_file(path, drawn)


if __name__ == "__main__":
    main()
