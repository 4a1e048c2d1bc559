"""The playground of a transform: what it shows is what its lines of SimpleITK give, and what Python is told."""

import re

import nbformat
import numpy as np
import pytest
import SimpleITK as sitk
from axe_playwright_python.sync_playwright import Axe
from nbconvert import HTMLExporter
from playing import THEMES, mount, pixels, setting, settled
from playwright.sync_api import expect
from viewer_page import drag, executed

from lessonkit import lab, testing
from regseg import show
from regseg.grid import Grid
from regseg.show import appearance, living

# Flipped as the template is, with a frame that is no multiple of anything, and smooth, so that a shift shows.
GRID = Grid((40, 48), (2.0, 2.5), (38.5, 61.0), (-1.0, 0.0, 0.0, -1.0))
WAVES = np.add.outer(np.sin(np.arange(48) / 5), np.cos(np.arange(40) / 4))
image = GRID.image(100 + 40 * WAVES.astype(np.float32))
SETTINGS = {
    "shift": {"kind": "shift", "x": 12, "y": -7},
    "shift back": {"kind": "shift", "x": 12, "y": -7, "inverse": True},
    "turn": {"kind": "turn", "turn": 33},
    "turn back": {"kind": "turn", "turn": 33, "inverse": True},
    "shear": {"kind": "shear", "shear": 0.35},
    "shear back": {"kind": "shear", "shear": 0.35, "inverse": True},
    "bend": {"kind": "bend", "knot_x": 14, "knot_y": -18},
    "turn, then shift": {"kind": "both", "x": 9, "y": 4, "turn": -50},
    "turn, then shift, back": {"kind": "both", "x": 9, "y": 4, "turn": -50, "inverse": True},
    "shift, then turn": {"kind": "both", "x": 9, "y": 4, "turn": -50, "swapped": True},
    "shift, then turn, back": {"kind": "both", "x": 9, "y": 4, "turn": -50, "swapped": True, "inverse": True},
}


def seen(moved: sitk.Image) -> np.ndarray:
    """An image as it is drawn in the window of `image`: its rows and columns are flipped, as its axes are."""
    grey = 255 * appearance.unit(sitk.GetArrayFromImage(moved), appearance.default_window(image))
    return grey[::-1, ::-1]


def test_its_lines_run_in_simpleitk_and_give_what_is_seen(page):
    hands = show.play.transform(image)
    playground = mount(page, hands)
    for name, changes in SETTINGS.items():
        hands.page.state = setting(page, inverse=False, swapped=False, point_x=7, point_y=21) | changes
        setting(page, **hands.page.state)
        names = {"sitk": sitk, "np": np, "image": image}
        exec(playground.locator("code").inner_text(), names)
        shown = pixels(playground.locator("canvas").nth(1))[..., 0]
        away = np.abs(shown - seen(names["moved"]))
        assert np.quantile(away, 0.99) <= 1, name  # at the edge of the image a rounding decides what is outside
        landed = re.findall(r"-?\d+\.\d", playground.locator(".words").inner_text().replace("−", "-"))
        assert [float(n) for n in landed] == pytest.approx(names["point"], abs=0.0501), name
        assert hands.transform.TransformPoint((7, 21)) == pytest.approx(names["point"]), name


def test_keys_move_a_slider_and_the_point_goes_with_the_transform_while_the_picture_goes_the_other_way(page):
    playground = mount(page, show.play.transform(image))
    before = pixels(playground.locator("canvas").nth(1))
    playground.get_by_role("slider", name="shift x").focus()
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    settled(page)
    expect(playground.locator(".words")).to_contain_text("(−14, −18) mm to (−10.0, −18.0) mm")
    after = pixels(playground.locator("canvas").nth(1))
    assert np.abs(after[:, :-2] - before[:, 2:]).max() <= 1  # 4 mm are two pixels, to the left
    expect(playground.get_by_role("status")).to_contain_text("(−10.0, −18.0) mm")


def test_a_ring_is_dragged_and_its_sliders_follow(page):
    playground = mount(page, show.play.transform(image))
    box = playground.locator(".picture").first.bounding_box()
    mm = box["width"] / 80
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    drag(page, (x, y), (x + 10 * mm, y - 5 * mm))
    expect(playground.get_by_role("slider", name="shift x")).to_have_value("10")
    expect(playground.get_by_role("slider", name="shift y")).to_have_value("-5")


@pytest.mark.parametrize("theme", THEMES)
def test_all_can_use_it_and_it_fits_a_telephone(page, theme):
    page.set_viewport_size({"width": 390, "height": 800})
    mount(page, show.play.transform(image, "both"), theme)
    report = Axe().run(page)
    assert report.violations_count == 0, report.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_bad_input_says_what_to_do():
    with pytest.raises(ValueError, match=r"image has 3 dimensions: take a slice"):
        show.play.transform(sitk.Image((4, 4, 4), sitk.sitkFloat32))
    with pytest.raises(ValueError, match="kind is one of shift, turn"):
        show.play.transform(image, "scale")
    with pytest.raises(ValueError, match=r"lies on its side.*sitk\.PermuteAxes"):
        show.play.transform(
            Grid((4, 4), (1.0, 1.0), (0.0, 0.0), (0.0, 1.0, 1.0, 0.0)).image(np.zeros((4, 4), np.uint8))
        )


CELL = """import SimpleITK as sitk
from regseg import show
image = sitk.GaussianSource(sitk.sitkFloat32, (60, 50), (9, 4), (25, 30), 100)
hands = show.play.transform(image)
hands"""


def test_without_a_page_that_lives_it_is_a_picture_that_says_what_it_shows():
    page, _ = HTMLExporter().from_notebook_node(executed(CELL))
    assert 'alt="an image, and the same resampled with a shift by (0, 0) mm"' in page


def test_jupyterlab_tells_python_and_leaves_the_last_picture_behind(browser, tmp_path):
    testing.write_notebook(tmp_path / "play.ipynb", CELL, "print(hands.transform.GetParameters())")
    with lab.jupyterlab(tmp_path) as (address, _), browser.new_context() as context:
        page = context.new_page()
        testing.run_all(page, address, "play.ipynb")
        page.get_by_role("slider", name="shift x").press("ArrowLeft")
        still = page.locator("[alt*='shift by (-1, 0) mm']")
        expect(still).to_have_count(1)  # Python has heard
        testing.save(page)
        notebook = nbformat.read(tmp_path / "play.ipynb", 4)
        assert "shift by (-1, 0) mm" in str(notebook.cells[0].outputs)


def test_while_an_episode_runs_its_still_carries_what_a_page_needs_to_let_it_live():
    outputs = executed(CELL).cells[0].outputs
    (state,) = (output.data[living.MIME] for output in outputs if living.MIME in output.get("data", {}))
    assert state["widget"] == "transform" and list(state["files"]) == ["image.nii.gz"]
    traits = state["views"][0]["traits"]
    assert traits["images"]["image"]["file"] == "image.nii.gz" and traits["state"]["kind"] == "shift"
