"""The page itself: a verdict, and what it rests on, laid out as one file that asks nothing of a network."""

from __future__ import annotations

import platform
import shlex
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import SimpleITK as sitk

from regseg.files import written_whole
from regseg.report.inputs import Scan
from regseg.report.verdict import Verdict, mm, number, percent
from regseg.show.appearance import default_window
from regseg.show.geometry import letters

_TEMPLATES = Path(__file__).parent / "templates"


@dataclass(repr=False)
class Report:
    """A judgement of a registration or a segmentation. Printed, it says its verdict in words.

    Attributes
    ----------
    verdict : Verdict
        What looks wrong, what could not be judged, and what does not look wrong.
    page : callable
        Draws the page for a verdict.
    """

    verdict: Verdict
    page: Callable[[Verdict], str]

    @cached_property
    def html(self) -> str:
        """The page: its pictures take longer than the verdict, so they are drawn when they are asked for."""
        return self.page(self.verdict)

    def write(self, path: str | Path) -> Path:
        """Write the page, whole or not at all; return where it lies.

        Raises
        ------
        OSError
            The folder is not there, or the file cannot be written.
        """
        path = Path(path)
        demand_folder(path)
        content = self.html.encode("utf-8")
        with written_whole(path) as file:
            file.write(content)
        return path

    def __str__(self) -> str:
        parts = [f"{self.verdict.headline}."]
        for title, findings in self.verdict.parts:
            parts += ["", f"{title}:"]
            for finding in findings:
                parts += textwrap.wrap(finding.text, 100, initial_indent="- ", subsequent_indent="  ")
        return "\n".join(parts)

    __repr__ = __str__


def demand_folder(path: Path) -> None:
    """Raise FileNotFoundError, before the work, where the folder of a file is not there."""
    folder = path.absolute().parent
    if not folder.is_dir():
        raise FileNotFoundError(f"{path} cannot be written: there is no folder {folder}.")


def render(verdict: Verdict, template: str, *, scans: Mapping[str, Scan], **content: Any) -> str:
    """The page of a verdict."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"mm": mm, "percent": percent, "number": number}
    return environment.get_template(template).render(
        verdict=verdict,
        style=(_TEMPLATES / "report.css").read_text(encoding="utf-8"),
        script=(_TEMPLATES / "report.js").read_text(encoding="utf-8"),
        made=made(),
        geometry=geometry(scans),
        scans=scans,
        **content,
    )


def made() -> dict[str, str]:
    """By what a page was made, and when."""
    try:
        ours = version("regseg-course")
    except PackageNotFoundError:  # a checkout on the path, that nobody has installed
        ours = "from a checkout"
    return {
        "regseg": ours,
        "SimpleITK": sitk.Version.VersionString(),
        "NumPy": np.__version__,
        "Python": platform.python_version(),
        "system": platform.system(),
        "when": datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z"),
    }


def command(*words: str | Path | None) -> str:
    """A line of a shell that makes the report again."""
    return shlex.join(["regseg", "report", *(str(word) for word in words if word is not None)])


def names(*sources: object) -> bool:
    """Whether all that was given can be named in a command: files, and not what lies in memory."""
    return all(isinstance(source, (str, Path)) for source in sources if source is not None)


def geometry(scans: Mapping[str, Scan]) -> list[tuple[str, Sequence[str]]]:
    """A table: what each image says of where it lies, and what it holds."""
    rows: dict[str, list[str]] = {}
    for scan in scans.values():
        grid, values = scan.whole, sitk.GetArrayViewFromImage(scan.image)
        axes = grid.axes.T
        low, high = default_window(scan.image)
        said = {
            "File": scan.name,
            "Size": " × ".join(map(str, grid.size)) + " voxels",
            "Spacing": " × ".join(f"{mm:.4g}" for mm in grid.spacing) + " mm",
            "Extent": " × ".join(f"{n * mm:.4g}" for n, mm in zip(grid.size, grid.spacing, strict=True)) + " mm",
            "Origin": "(" + ", ".join(f"{p:.4g}" for p in grid.origin) + ") mm",
            "Axes run towards": ", ".join(letters(axis) for axis in axes) if grid.dimension == 3 else "not said in 2-D",
            "Voxels": f"{scan.image.GetPixelIDTypeAsString()}, {values.min():.4g} to {values.max():.4g}",
            "Drawn black to white": f"{low:.4g} to {high:.4g}",
            "Judged": scan.taken or "all voxels",
            "Fingerprint": sitk.Hash(scan.image)[:12],
        }
        for key, value in said.items():
            rows.setdefault(key, []).append(
                value.replace("-", "−") if key in ("Origin", "Drawn black to white") else value
            )
    return list(rows.items())
