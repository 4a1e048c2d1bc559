"""The playground of registering by hand: its numbers are SimpleITK's, and its rings move what they seem to move."""

import re

import numpy as np
import pytest
import SimpleITK as sitk
from axe_playwright_python.sync_playwright import Axe
from playing import THEMES, mount, pixels, setting, settled
from playwright.sync_api import expect
from viewer_page import drag

from regseg import evaluate, show
from regseg.grid import Grid
from regseg.show import appearance

# Two grids, one of them oblique; the second image has other grey values than the first.
FIXED = Grid((44, 36), (2.0, 2.5), (40.0, 50.0), (-1.0, 0.0, 0.0, -1.0))
MOVING = Grid((50, 50), (2.0, 2.0), (-45.0, -35.0), (0.96, -0.28, 0.28, 0.96))


def blobs(grid: Grid) -> np.ndarray:
    x, y = np.moveaxis(grid.points(np.argwhere(np.ones(grid.size))).reshape(*grid.size, 2), -1, 0)
    return (np.exp(-((x - 6) ** 2 + y**2) / 200) + 0.6 * np.exp(-((x + 9) ** 2 + (y - 14) ** 2) / 120)).T


fixed = FIXED.image((100 * blobs(FIXED)).astype(np.float32))
moving = MOVING.image((80 * np.sin(3 * blobs(MOVING))).astype(np.float32))
PLACES = [{"turn": 0, "x": 0, "y": 0}, {"turn": 17, "x": -6, "y": 9}, {"turn": -40, "x": 21, "y": -3}]
METRICS = {
    "mutual": lambda method: method.SetMetricAsMattesMutualInformation(32),
    "squares": lambda method: method.SetMetricAsMeanSquares(),
    "correlation": lambda method: method.SetMetricAsCorrelation(),
}


def numbers(playground) -> list[float]:
    words = playground.locator(".words").inner_text().replace("−", "-")
    return [float(n) for n in re.findall(r"-?\d+(?:\.\d+)?", words)]


def test_metric_and_error_are_those_that_simpleitk_and_evaluate_give(page):
    marks, partners = np.array([(0, 0), (10, -20), (-30, 5)]), np.array([(2, 1), (14, -17), (-25, 8)])
    hands = show.play.align(fixed, moving, marks, partners)
    playground = mount(page, hands)
    for place in PLACES:
        for metric, choose in METRICS.items():
            hands.page.state = setting(page, **place, metric=metric)
            method = sitk.ImageRegistrationMethod()
            choose(method)
            method.SetInterpolator(sitk.sitkLinear)
            method.SetInitialTransform(hands.transform)
            value, error = numbers(playground)
            assert value == pytest.approx(method.MetricEvaluate(fixed, moving), rel=1e-3), (place, metric)
            assert error == pytest.approx(evaluate.tre(hands.transform, marks, partners).mean(), abs=0.0501)


def test_the_overlay_and_the_joint_histogram_are_those_of_the_transform(page):
    hands = show.play.align(fixed, moving)
    playground = mount(page, hands)
    hands.page.state = setting(page, **PLACES[1])
    seen = sitk.GetArrayFromImage(sitk.Resample(moving, fixed, hands.transform))
    ours, theirs = (
        appearance.unit(array, appearance.default_window(image))[::-1, ::-1, None]
        for array, image in ((sitk.GetArrayFromImage(fixed), fixed), (seen, moving))
    )
    blend = 255 * (ours * appearance.BLEND_FIXED + theirs * appearance.BLEND_MOVING)
    assert np.quantile(np.abs(pixels(playground.locator("canvas").nth(0)) - blend), 0.99) <= 1

    # Mattes: 28 bins over the range of each image; along the moving one a cubic B-spline spreads each value over four.
    inside = sitk.GetArrayFromImage(sitk.Resample(sitk.Image(moving) * 0 + 1, fixed, hands.transform)) > 0.5
    at = [
        (values[inside] - whole.min()) / (whole.max() - whole.min()) * 28 + 2
        for values, whole in ((sitk.GetArrayFromImage(fixed),) * 2, (seen, sitk.GetArrayFromImage(moving)))
    ]
    row = np.clip(np.floor(at[0]), 2, 29)
    away = np.abs(np.arange(32) - at[1][:, None])
    share = np.where(away < 1, 2 / 3 - away**2 + away**3 / 2, np.where(away < 2, (2 - away) ** 3 / 6, 0))
    table = np.array([share[row == n].sum(axis=0) for n in range(32)]) / len(row)
    drawn = 255 * (1 - (table / table.max()) ** 0.3).T[::-1]
    assert np.abs(pixels(playground.locator("canvas").nth(1))[..., 0] - drawn).max() <= 4


def test_the_curve_is_lowest_where_the_images_agree(page):
    truth = {"turn": 20, "x": 6, "y": -4}
    turned = sitk.Resample(fixed, fixed, sitk.Euler2DTransform(FIXED.middle, np.deg2rad(20), (6.0, -4.0)))
    playground = mount(page, show.play.align(turned, fixed))
    setting(page, **truth, metric="squares")
    dot = playground.locator(".here")
    assert float(dot.get_attribute("cy")) == pytest.approx(62, abs=0.5)  # the bottom of the plot
    assert float(dot.get_attribute("cx")) == pytest.approx(100 * (20 + 45) / 90)
    setting(page, turn=-10)
    assert float(dot.get_attribute("cy")) < 50


def test_a_ring_takes_the_moving_image_along_and_keys_move_the_sliders(page):
    playground = mount(page, show.play.align(fixed, moving))
    box = playground.locator(".picture").bounding_box()
    mm, x, y = box["width"] / 88, box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    drag(page, (x, y), (x + 8 * mm, y + 6 * mm))
    expect(playground.get_by_role("slider", name="shift x")).to_have_value("-8")  # the picture goes the other way
    expect(playground.get_by_role("slider", name="shift y")).to_have_value("-6")
    playground.get_by_role("slider", name="turn").press("ArrowRight")
    settled(page)
    assert setting(page)["turn"] == 1
    expect(playground.get_by_role("status")).to_contain_text("mutual information")


@pytest.mark.parametrize("theme", THEMES)
def test_all_can_use_it_and_it_fits_a_telephone(page, theme):
    page.set_viewport_size({"width": 390, "height": 800})
    mount(page, show.play.align(fixed, moving), theme)
    report = Axe().run(page)
    assert report.violations_count == 0, report.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_bad_input_says_what_to_do():
    with pytest.raises(ValueError, match=r"moving has 3 dimensions: take a slice"):
        show.play.align(fixed, sitk.Image((4, 4, 4), sitk.sitkFloat32))
    with pytest.raises(ValueError, match="landmarks come in pairs"):
        show.play.align(fixed, moving, [(0, 0)])
