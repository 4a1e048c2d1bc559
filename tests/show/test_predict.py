"""A prediction: what it accepts, that nothing of it is recorded, and how it behaves in a real JupyterLab."""

import nbformat
import pytest
from axe_playwright_python.sync_playwright import Axe
from nbconvert import HTMLExporter, MarkdownExporter
from playwright.sync_api import expect

from lessonkit import kernel, lab, run, testing
from lessonkit.page import Page
from regseg import show

CELL = """from regseg import show
show.predict("Is 1 < 2?", ["yes", "no", "only where <b>1</b> and 2 are the same kind of thing"])"""


@pytest.mark.parametrize("choices", [["yes"], list("abcde"), ["yes", "yes"], ["yes", ""], "yes"])
def test_two_to_four_different_choices_are_asked_for(choices):
    with pytest.raises(ValueError, match="two to four different choices"):
        show.predict("Is it so?", choices)


def test_plain_python_shows_nothing(capfd):
    show.predict("Is it so?", ["yes", "no"])
    assert capfd.readouterr() == ("", "")


def test_an_episode_records_nothing_of_it(tmp_path):
    episode = tmp_path / "01-predict.md"
    episode.write_text(f'---\ntitle: "P"\nteaching: 1\nexercises: 0\n---\n\n```python\n{CELL}\n```\n', encoding="utf-8")
    (outcome,) = run.execute(Page(episode, "episode", episode.parent)).outcomes
    assert outcome.text == "" and not outcome.figures


def test_without_buttons_it_is_text():
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CELL)])
    with kernel.fresh_kernel(notebook) as client:
        client.execute_cell(notebook.cells[0], 0)
    page, _ = HTMLExporter().from_notebook_node(notebook)
    assert "<li>only where &lt;b&gt;1&lt;/b&gt; and 2" in page
    text, _ = MarkdownExporter().from_notebook_node(notebook)
    assert "Is 1 &lt; 2?" in text and "model" not in text  # "model not found"


def test_a_cell_that_is_run_again_shows_what_was_taken():
    taken = "import gc, ipywidgets\nfor each in gc.get_objects():\n    if isinstance(each, ipywidgets.ToggleButtons):\n"
    taken += "        each.value = 'no'"
    edited = CELL.replace('"no"', '"never"')
    sources = [CELL, taken, CELL, edited]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    with kernel.fresh_kernel(notebook) as client:
        for number, cell in enumerate(notebook.cells):
            client.execute_cell(cell, number)
    again, other = (cell.outputs[-1].data["text/plain"] for cell in notebook.cells[2:])
    assert "- no (your prediction)" in again
    assert "never" in other and "your prediction" not in other


def test_a_prediction_in_jupyterlab_and_the_morning_after(browser, tmp_path):
    testing.write_notebook(tmp_path / "predict.ipynb", CELL)
    with lab.jupyterlab(tmp_path) as (address, _), browser.new_context() as context:
        page = context.new_page()
        testing.run_all(page, address, "predict.ipynb")
        asked, noted = page.locator(".regseg-predict"), page.get_by_text("Noted. Now run the next cell.")
        yes, no = (asked.get_by_role("button", name=name) for name in ("yes", "no"))
        expect(asked.get_by_role("button")).to_have_count(3)
        expect(page.get_by_text("Is 1 < 2?", exact=True)).to_have_count(2)
        expect(page.get_by_role("listitem").filter(has_text="only where")).to_be_hidden()
        expect(noted).to_have_count(0)

        yes.focus()
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect(noted).to_be_visible()
        expect(asked.get_by_role("button", name="✓ no")).to_be_focused()
        page.keyboard.press("Shift+Tab")
        page.keyboard.press("Space")  # another one can be taken instead
        expect(asked.get_by_role("button", name="✓ yes")).to_be_focused()
        expect(asked.get_by_role("button", name="✓")).to_have_count(1)
        report = Axe().run(page, context=".regseg-predict")
        assert report.violations_count == 0, report.generate_report()

        testing.save(page)
        testing.end_kernels(address)
        page = context.new_page()
        testing.open_notebook(page, address, "predict.ipynb")
        expect(page.get_by_text("yes (your prediction)")).to_be_visible()
        expect(page.get_by_text("model not found")).to_be_attached()
        expect(page.get_by_text("model not found")).to_be_hidden()
