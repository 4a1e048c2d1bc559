"""Widgets that leave something to see where they cannot live, and that keep a notebook's keys to themselves.

A notebook keeps no widgets: opened again, or exported, it has only outputs. So each widget is followed by a still, an
output of its own, and the page shows one of the two. Style rules see to that, for a saved notebook has nothing else to
do it with; JupyterLab by itself would write "model not found".
"""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import anywidget
import ipywidgets
import traitlets
from IPython import get_ipython
from IPython.display import DisplayHandle, display

_OUTPUT = ".jp-OutputArea-child"  # JupyterLab's


class _Alive(anywidget.AnyWidget):
    """What a page has of a widget only while the widget is there: it hides the still, and guards the keys."""

    _esm = Path(__file__).parent / "alive.js"

    still = traitlets.Unicode().tag(sync=True)  # the still's class in the page


class Still:
    """The output that follows a widget, for a page in which the widget does not live.

    `alive` must be among the children of the widget, which is an `ipywidgets.VBox`.
    """

    def __init__(self) -> None:
        self._name = f"regseg-{uuid4().hex}"
        self._shown: DisplayHandle | None = None
        self.alive = _Alive(still=self._name, layout={"display": "none"})
        self.alive.add_class(f"{self._name}-alive")

    def show(self, widget: ipywidgets.VBox, bundle: dict[str, str], alt: str = "") -> None:
        """Display the widget and its still, in IPython and Jupyter; plain Python shows nothing.

        Parameters
        ----------
        widget : ipywidgets.VBox
            It has `alive` among its children.
        bundle : dict of str
            The still by MIME type: "text/html" for pages, "text/plain" for terminals, "image/png" (Base64) for print.
        alt : str
            What "image/png" shows, in words.
        """
        if get_ipython() is None:
            return
        view = {"model_id": widget.model_id, "version_major": 2, "version_minor": 0}
        # The empty text keeps nbconvert from warning that it cannot show a widget.
        display({"application/vnd.jupyter.widget-view+json": view, "text/plain": ""}, raw=True)
        metadata = {"image/png": {"alt": alt}} if alt else {}
        self._shown = display(self._marked(bundle), metadata=metadata, raw=True, display_id=True)

    def update(self, bundle: dict[str, str]) -> None:
        """Change the still where it was displayed last."""
        if self._shown:
            self._shown.update(self._marked(bundle), raw=True)

    def _marked(self, bundle: dict[str, str]) -> dict[str, str]:
        """The still's page hides the widget's output, its neighbour, unless the widget is there and alive."""
        dead = f"{_OUTPUT}:has(+ {_OUTPUT} .{self._name}):not(:has(.{self._name}-alive))"
        html = f'<style>{dead} {{ display: none }}</style><div class="{self._name}">{bundle["text/html"]}</div>'
        return bundle | {"text/html": html}
