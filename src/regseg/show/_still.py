"""Widgets that leave something to see where they cannot live.

A notebook keeps no widgets: opened again, or exported, it has only outputs. So each widget is followed by a still, an
output of its own, and the page shows one of the two. Style rules see to that, for a saved notebook has nothing else to
do it with; JupyterLab by itself would write "model not found".
"""

from __future__ import annotations

from uuid import uuid4

import ipywidgets
from IPython import get_ipython
from IPython.display import display, update_display

_OUTPUT = ".jp-OutputArea-child"  # JupyterLab's; other pages hide only what is in it
_HIDDEN = "{display: none}"


class Still:
    """The output that follows a widget, for a page in which the widget does not live.

    `switch` must be among the widget's children: it hides the still for as long as the widget is there.
    """

    def __init__(self) -> None:
        self._name = f"regseg-{uuid4().hex}"
        # Two rules, because a browser that does not know `:has` drops the rule it stands in.
        rules = f".{self._name} {_HIDDEN} {_OUTPUT}:has(.{self._name}) {_HIDDEN}"
        self.switch = ipywidgets.HTML(f"<style>{rules}</style>", layout={"display": "none"})
        self.switch.add_class(f"{self._name}-alive")

    def show(self, widget: ipywidgets.DOMWidget, bundle: dict[str, str], alt: str = "") -> None:
        """Display the widget and its still, in IPython and Jupyter; plain Python shows nothing.

        Parameters
        ----------
        widget : ipywidgets.DOMWidget
            It has `switch` among its children.
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
        display(self._marked(bundle), metadata=metadata, raw=True, display_id=self._name)

    def update(self, bundle: dict[str, str]) -> None:
        """Change the still that is displayed already."""
        if get_ipython() is not None:
            update_display(self._marked(bundle), raw=True, display_id=self._name)

    def _marked(self, bundle: dict[str, str]) -> dict[str, str]:
        """The still's page hides the widget's output, its neighbour, unless the widget is there and alive."""
        dead = f"{_OUTPUT}:has(+ {_OUTPUT} .{self._name}):not(:has(.{self._name}-alive))"
        html = f'<style>{dead} {_HIDDEN}</style><div class="{self._name}">{bundle["text/html"]}</div>'
        return bundle | {"text/html": html}
