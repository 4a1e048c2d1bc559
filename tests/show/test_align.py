"""Registering by hand: what the sliders say, what is measured, and what is left of it without them."""

import base64

import nbformat
import numpy as np
import pytest
import SimpleITK as sitk
from axe_playwright_python.sync_playwright import Axe
from nbconvert import HTMLExporter
from playwright.sync_api import expect

from lessonkit import kernel, lab, run, testing
from lessonkit.page import Page
from regseg import show
from regseg.grid import Grid

SETUP = """import SimpleITK as sitk
from regseg import show
moving = sitk.GaussianSource(sitk.sitkFloat32, (60, 50), (9, 4), (25, 30), 100)
"""
CELL = f'{SETUP}show.align(moving, moving, {{"shift": lambda found: sum(found.GetTranslation())}})'
GRID = Grid((60, 50), (1.0, 1.0), (-20.0, 5.0), (0.8, -0.6, 0.6, 0.8))
moving = GRID.image(sitk.GetArrayFromImage(sitk.GaussianSource(sitk.sitkFloat32, GRID.size, (9, 4), (25, 30), 100)))
truth = sitk.Euler2DTransform(GRID.middle, np.deg2rad(20), (6.0, -4.0))
fixed = sitk.Resample(moving, moving, truth)


def test_at_the_true_place_the_sliders_say_the_true_transform():
    hands = show.align(fixed, moving)
    hands.turn.value, hands.x.value, hands.y.value = 20, 6, -4
    assert hands.transform.GetParameters() == pytest.approx(truth.GetParameters())
    seen = sitk.GetArrayFromImage(sitk.Resample(moving, fixed, hands.transform))
    np.testing.assert_allclose(seen, sitk.GetArrayFromImage(fixed), atol=1e-3)


def test_each_measure_is_told_of_the_place_where_the_sliders_are():
    hands = show.align(fixed, moving, {"east": lambda found: found.GetTranslation()[0]})
    assert "east 0.00" in repr(hands)
    hands.x.value = 7
    assert "east 7.00" in repr(hands) and "(7, 0) mm" in repr(hands)


def test_the_sliders_reach_as_far_as_asked():
    hands = show.align(fixed, moving, reach=15)
    hands.y.value = 99
    assert hands.transform.GetTranslation() == (0, 15)


def test_a_volume_is_refused_with_what_to_do():
    volume = sitk.Image((4, 4, 4), sitk.sitkFloat32)
    with pytest.raises(ValueError, match="moving has 3 dimensions: take a slice"):
        show.align(fixed, volume)


def test_an_episode_records_its_picture_and_nothing_else(tmp_path):
    episode = tmp_path / "01-align.md"
    text = f'---\ntitle: "A"\nteaching: 1\nexercises: 0\n---\n\n```python\n{CELL}\n```\n\n![Synthetic.](fig/01-a.png)'
    episode.write_text(text + "{alt='Two.'}\n", encoding="utf-8")
    (outcome,) = run.execute(Page(episode, "episode", episode.parent)).outcomes
    assert len(outcome.figures) == 1


def test_without_sliders_it_is_a_picture_that_says_what_it_shows():
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CELL)])
    with kernel.fresh_kernel(notebook) as client:
        client.execute_cell(notebook.cells[0], 0)
    page, _ = HTMLExporter().from_notebook_node(notebook)
    assert 'alt="Fixed image, orange, and moving image, blue: turned by 0 degrees' in page
    png = next(out.data["image/png"] for out in notebook.cells[0].outputs if "image/png" in out.get("data", {}))
    assert base64.b64decode(png).startswith(b"\x89PNG")


def test_sliders_in_jupyterlab_move_the_picture_and_leave_one_behind(browser, tmp_path):
    testing.write_notebook(tmp_path / "align.ipynb", CELL)
    with lab.jupyterlab(tmp_path) as (address, _), browser.new_context() as context:
        page = context.new_page()
        testing.run_all(page, address, "align.ipynb")
        hands = page.locator(".regseg-align")
        expect(hands.get_by_role("slider")).to_have_count(3)
        before = hands.locator("img").get_attribute("src")
        hands.get_by_role("slider").nth(1).focus()
        for _ in range(3):
            page.keyboard.press("ArrowRight")
        expect(hands.get_by_text("moved by (3, 0) mm; shift 3.00")).to_be_visible()
        assert hands.locator("img").get_attribute("src") != before
        report = Axe().run(page, context=".regseg-align")
        assert report.violations_count == 0, report.generate_report()

        testing.save(page)
        testing.end_kernels(address)
        page = context.new_page()
        testing.open_notebook(page, address, "align.ipynb")
        expect(page.get_by_alt_text("moved by (3, 0) mm")).to_be_visible()
