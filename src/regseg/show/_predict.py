"""A prediction: the learner decides between a few answers before a cell shows which one holds."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import ipywidgets

from regseg.show._still import Still

_STYLE = """<style>
.regseg-predict button { height: auto; max-width: 100%; padding: 4px 12px; border: 1px solid transparent;
  margin: 2px 4px 2px 0; line-height: 1.4; text-align: left; white-space: normal; }
.regseg-predict strong { font-weight: 600; }
.regseg-predict button.mod-active { border-color: currentColor; font-weight: 600; }
.regseg-predict button.mod-active::before { content: "✓ "; }
</style>"""
_chosen: dict[str, str] = {}  # by question, so that a cell that is run again shows what was taken
_NOTED = '<span role="status">Noted. Now run the next cell.</span>'


def predict(question: str, choices: Sequence[str]) -> None:
    """Ask for a prediction, in a notebook: one button for each choice, above the cell that answers.

    Nothing is judged, and nothing waits for an answer. The chosen one stays marked, also when the cell is run again;
    another can be taken instead. A notebook that is opened again shows question, choices and the one that was taken as
    text; plain Python shows nothing.

    Parameters
    ----------
    question : str
        One sentence.
    choices : sequence of str
        Two to four answers, each in a few words.

    Raises
    ------
    ValueError
        There are fewer or more choices, two are the same, or one is empty.

    Examples
    --------
    >>> show.predict("Which way does the head move?", ["to the right", "to the left", "not at all"])
    """
    if isinstance(choices, str) or not 2 <= len(choices) <= 4 or len({*choices, ""}) <= len(choices):
        raise ValueError(f"A prediction has two to four different choices, such as ['left', 'right']; got {choices!r}.")
    still = Still()
    asked = ipywidgets.HTML(f"{_STYLE}<strong>{escape(question)}</strong>")
    before = _chosen.get(question)
    before = before if before in choices else None  # the choices may have been edited
    buttons = ipywidgets.ToggleButtons(options=list(choices), value=before, style={"button_width": "auto"})
    noted = ipywidgets.HTML(_NOTED if before else "")

    def note(_change: dict) -> None:
        noted.value = _NOTED
        _chosen[question] = buttons.value
        still.update(_text(question, choices, buttons.value))

    buttons.observe(note, "value")
    box = ipywidgets.VBox([asked, buttons, noted, still.alive])
    box.add_class("regseg-predict")
    still.show(box, _text(question, choices, before))


def _text(question: str, choices: Sequence[str], chosen: str | None) -> dict[str, str]:
    """Question and choices as they are read without buttons."""
    marked = [f"{choice} (your prediction)" if choice == chosen else choice for choice in choices]
    items = "".join(f"<li>{escape(choice)}</li>" for choice in marked)
    return {
        "text/plain": "\n".join([question, *(f"- {choice}" for choice in marked)]),
        "text/html": f"<p><strong>{escape(question)}</strong></p><ul>{items}</ul>",
    }
