"""Registering by hand: what the sliders say, what is measured, and what is left of it without them."""

import base64

import nbformat
import numpy as np
import pytest
import SimpleITK as sitk
from nbconvert import HTMLExporter

from lessonkit import kernel, run
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
