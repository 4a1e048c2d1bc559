"""The playgrounds of nets, folding, thresholds and overlap say the numbers of Python; the website all of them."""

import re

import numpy as np
import pytest
import SimpleITK as sitk
from axe_playwright_python.sync_playwright import Axe
from playing import THEMES, mount, mount_alive, pixels, setting
from playwright.sync_api import expect
from viewer_page import drag

from regseg import evaluate, show
from regseg.grid import Grid

GRID = Grid((40, 36), (2.0, 2.5), (38.5, 41.0), (-1.0, 0.0, 0.0, -1.0))  # flipped as the template is
noise = np.random.default_rng(0).normal(0, 12, (36, 40))
y, x = np.mgrid[:36, :40]
disc = (x - 15) ** 2 + (y - 20) ** 2 <= 49
scan = GRID.image((100 + 40 * disc + noise).astype(np.float32))
reference = GRID.image(disc.astype(np.uint8))
odd = sitk.SmoothingRecursiveGaussian(scan, 3.0)
straight = np.array(np.meshgrid(np.arange(-30.0, 31, 10), np.arange(-30.0, 21, 10)))
nets = [straight + np.reshape((step, 0), (2, 1, 1)) for step in range(5)]  # to the left of the patient, 1 mm a step
MAKERS = {
    "transform": lambda: show.play.transform(odd, "both", x=10, turn=20),
    "align": lambda: show.play.align(odd, scan, [(0, 0)], [(3, 4)]),
    "fold": lambda: show.play.fold(scan, knot=(20, 5)),
    "threshold": lambda: show.play.threshold(scan, reference),
    "overlap": lambda: show.play.overlap(reference),
    "bending": lambda: show.play.bending(odd, nets, straight + np.reshape((4, 3), (2, 1, 1))),
}
NAMES = ("fold", "threshold", "overlap", "bending")  # the two others have tests of their own


def numbers(playground) -> list[float]:
    words = playground.locator(".words").inner_text().replace("−", "-").replace("HD95", "")
    return [float(n) for n in re.findall(r"-?\d+(?:\.\d+)?", words)]


@pytest.mark.parametrize("cells", ["4", "8"])
@pytest.mark.parametrize("against", [False, True])
def test_the_determinant_is_that_of_the_transform(page, cells, against):
    hands = show.play.fold(scan)
    playground = mount(page, hands)
    hands.page.state = setting(page, cells=cells, against=against, knot_x=40, knot_y=-12)
    field = Grid.of(scan).sample(hands.transform)
    determinant = sitk.GetArrayFromImage(evaluate.jacobian_determinant(field))
    _, smallest, folded = numbers(playground)
    assert smallest == pytest.approx(determinant.min(), abs=0.0051)
    assert folded == pytest.approx(100 * evaluate.folding(field), abs=0.051)
    shown, clear = pixels(playground.locator("canvas").nth(1))[::-1, ::-1], np.abs(determinant) > 1e-4
    orange = np.abs(shown - (230, 159, 0)).max(axis=-1) == 0
    assert np.array_equal(orange[clear], (determinant <= 0)[clear])
    grey = np.clip(255 * determinant / 2, 0, 255)
    assert np.abs(shown[..., 0] - grey)[~orange].max() <= 1


def test_a_single_knot_folds_at_nine_quarters_of_the_distance_and_not_before(page):
    hands = show.play.fold(Grid((97, 97), (1.0, 1.0), (-48.0, -48.0), (1.0, 0.0, 0.0, 1.0)).image(np.eye(97)))
    distance = hands.page.constants["lattices"]["4"]["spacing"][0]
    playground = mount(page, hands)
    setting(page, cells="4", knot_x=2.15 * distance)
    assert numbers(playground)[2] == 0
    setting(page, knot_x=2.35 * distance)
    assert numbers(playground)[2] > 0


def test_a_threshold_finds_what_simpleitk_finds(page):
    hands = show.play.threshold(scan, reference)
    playground = mount(page, hands)
    for lower, upper in ((121, 200), (95, 130)):
        hands.page.state = setting(page, lower=lower, upper=upper)
        _, _, size, whole, dice = numbers(playground)
        found = sitk.GetArrayFromImage(hands.mask)
        assert np.array_equal(found, sitk.GetArrayFromImage(sitk.BinaryThreshold(scan, lower, upper)))
        assert size == pytest.approx(found.sum() * 5 / 100, abs=0.051)
        assert whole == pytest.approx(disc.sum() * 5 / 100, abs=0.051)
        assert dice == pytest.approx(evaluate.overlap(reference, hands.mask).dice, abs=0.0051)


def test_a_threshold_is_dragged_on_the_histogram_and_moved_by_keys(page):
    playground = mount(page, show.play.threshold(scan, reference))
    slider = playground.get_by_role("slider", name="from")
    before = float(slider.input_value())
    box = playground.locator(".plot .level").first.bounding_box()
    at = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    drag(page, at, (at[0] + 40, at[1]))
    page.wait_for_function("before => model.get('state').lower > before", arg=before)
    there = setting(page)["lower"]
    slider.press("ArrowRight")
    assert setting(page)["lower"] > there
    expect(playground.get_by_role("status")).to_contain_text("Dice")


@pytest.mark.parametrize(
    "place",
    [
        {"x": 0, "y": 0, "grow": 0, "tolerance": 0},
        {"x": 6, "y": -5, "grow": 0, "tolerance": 2},
        {"x": 0, "y": 0, "grow": 4, "tolerance": 3},
        {"x": -2, "y": 2.5, "grow": -3, "tolerance": 1},
        {"x": 40, "y": 0, "grow": 0, "tolerance": 1},
    ],
)
def test_overlap_and_distances_are_those_of_evaluate(page, place):
    hands = show.play.overlap(reference)
    playground = mount(page, hands)
    hands.page.state = setting(page, **place)
    drawing = hands.drawing
    dice, distance, near, _ = numbers(playground)
    assert dice == pytest.approx(evaluate.overlap(reference, drawing).dice, abs=0.00051)
    assert distance == pytest.approx(evaluate.surface_distance(reference, drawing).percentile_95, abs=0.0051)
    assert near == pytest.approx(evaluate.surface_dice(reference, drawing, place["tolerance"]), abs=0.00051)


def test_of_nothing_there_is_no_distance(page):
    playground = mount(page, show.play.overlap(reference))
    setting(page, grow=-30)
    expect(playground.locator(".words")).to_have_text(
        "Dice 0.00 · nothing is drawn, and there is no distance to nothing."
    )


def test_the_net_bends_step_by_step_and_says_how_far_it_is_from_the_true_one(page):
    playground = mount(page, MAKERS["bending"]())
    slider, net = playground.get_by_role("slider", name="step"), playground.locator(".moment").first
    drawn = set()
    for step, apart in enumerate((5.0, 4.2, 3.6, 3.2, 3.0)):  # the lengths of (4 - step, 3)
        slider.fill(str(step))
        expect(playground.locator(".words")).to_contain_text(f"After {step} of 4 steps")
        assert numbers(playground)[-1] == apart
        drawn.add(net.get_attribute("d"))
    assert len(drawn) == 5


def test_the_net_plays_to_its_end_when_asked_and_never_by_itself(page):
    playground = mount(page, MAKERS["bending"]())
    expect(playground.locator(".words")).to_contain_text("After 0 of 4 steps")
    playground.get_by_role("button", name="Play").click()
    expect(playground.locator(".words")).to_contain_text("After 4 of 4 steps")
    expect(playground.get_by_role("button")).to_have_text("Play")


def test_the_net_has_no_button_for_those_who_want_less_motion(page):
    page.emulate_media(reduced_motion="reduce")
    playground = mount(page, MAKERS["bending"]())
    expect(playground.get_by_role("slider", name="step")).to_be_visible()
    expect(playground.get_by_role("button", include_hidden=True)).to_be_hidden()


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("name", NAMES)
def test_all_can_use_it_and_it_fits_a_telephone(page, name, theme):
    page.set_viewport_size({"width": 390, "height": 800})
    mount(page, MAKERS[name](), theme)
    report = Axe().run(page)
    assert report.violations_count == 0, report.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_bad_input_says_what_to_do():
    volume = sitk.Image((4, 4, 4), sitk.sitkUInt8)
    for make in (show.play.fold, lambda image: show.play.threshold(image, image), show.play.overlap):
        with pytest.raises(ValueError, match="3 dimensions: take a slice"):
            make(volume)
    with pytest.raises(ValueError, match="cells is one of 4, 6, 8"):
        show.play.fold(scan, cells=5)
    with pytest.raises(ValueError, match="no threshold parts them"):
        show.play.threshold(scan * 0, reference)
    with pytest.raises(ValueError, match="reference is empty"):
        show.play.overlap(reference * 0)
    with pytest.raises(ValueError, match="nets is an array .moments, 2, rows, columns"):
        show.play.bending(scan, nets, straight[:, 1:])
    with pytest.raises(ValueError, match="a point that is nowhere"):
        show.play.bending(scan, nets, straight * np.nan)
    with pytest.raises(ValueError, match="too long for their width"):
        show.play.overlap(Grid((9, 9), (1.0, 3.0), (0.0, 0.0), (1.0, 0.0, 0.0, 1.0)).image(np.ones((9, 9), np.uint8)))


@pytest.mark.parametrize("name", MAKERS)
def test_the_website_says_the_same_numbers(page, name):
    hands = MAKERS[name]()
    if name == "overlap":
        hands.page.state = hands.page.state | {"grow": 4, "x": 2}
    said = mount(page, hands).locator(".words").inner_text()
    assert mount_alive(page, hands).locator(".words").inner_text() == said
