"""The lesson's viewer inside the page: its scripts and its images as addresses, and all of it small."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from regseg.show import living
from regseg.show.picture import Pair, Picture

_LARGEST = 700_000  # bytes of a volume; there are three or four
# What one view is set to, the others are too.
_SHARED = ("position", "window", "opacity", "labels_opacity", "view")


@dataclass(frozen=True)
class Viewer:
    """What a page needs to mount the viewer.

    Attributes
    ----------
    words : str
        What can be seen in it.
    names : list of str
        Of its views, of which one is shown at a time.
    state : dict
        As `regseg.show.living` has it.
    scripts : list of str
        Addresses of two modules: what mounts, and what is mounted.
    style : str
        Their style sheets.
    """

    words: str
    names: list[str]
    state: dict[str, Any]
    scripts: list[str]
    style: str

    @classmethod
    def of(cls, words: str, pictures: Mapping[str, Picture | Pair], opacity: float) -> Viewer:
        """A viewer of these pictures, by their names, with labels of this opacity."""
        faint = {"largest": _LARGEST, "labels_opacity": opacity}
        views = [living.view(each, name, **faint) for name, each in pictures.items()]
        files = living.page_files()
        return cls(
            words,
            list(pictures),
            living.state("explore", views, _SHARED),
            [_address(files[name]) for name in ("mount.js", "explore.js")],
            files["mount.css"] + files["explore.css"],
        )


def _address(script: str) -> str:
    return f"data:text/javascript;base64,{base64.b64encode(script.encode()).decode('ascii')}"
