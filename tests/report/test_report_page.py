"""The page in a real browser: accessible, quiet, by keyboard, on a phone, on paper and without a script."""

import re

import pytest
import SimpleITK as sitk
from axe_playwright_python.sync_playwright import Axe
from known import SHIFT, labels, landmarks, through
from playwright.sync_api import expect

from regseg import report

SHIFTED = sitk.TranslationTransform(3, SHIFT)


@pytest.fixture(scope="module")
def page_file(tmp_path_factory, pair, truth):
    maps = through(labels(), truth, 1), labels()
    judged = report.registration(*pair, truth, inverse=truth, labels=maps, points=landmarks(truth))
    return judged.write(tmp_path_factory.mktemp("page") / "report.html")


@pytest.fixture
def opened(browser, page_file):
    """Open the page in a context of these options; collects what is wrong."""
    contexts, wrong = [], []

    def opened(path=page_file, **options):
        contexts.append(browser.new_context(**options))
        page = contexts[-1].new_page()
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda said: wrong.append(said.text) if said.type in ("error", "warning") else None)
        page.on(
            "request",
            lambda asked: None if asked.url.startswith(("file:", "data:", "blob:")) else wrong.append(asked.url),
        )
        page.goto(path.as_uri())
        return page

    yield opened
    for context in contexts:
        context.close()
    assert wrong == []


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_it_is_accessible_and_fits(opened, theme, width):
    page = opened(viewport={"width": width, "height": 900}, color_scheme=theme)
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_page_of_a_segmentation_is_accessible_too(opened, pair, tmp_path):
    page = opened(report.segmentation(pair[1], labels(), labels()).write(tmp_path / "segmentation.html"))
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


def test_the_verdict_comes_first_and_leads_to_its_evidence(opened):
    page = opened()
    expect(page.get_by_role("heading", level=1)).to_have_text("One thing looks wrong")
    doubt = page.locator(".doubt li")
    expect(doubt).to_contain_text("The inverse does not undo the transform")
    doubt.get_by_role("link").click()
    expect(page.get_by_role("heading", name="There and back")).to_be_in_viewport()


def test_the_handle_is_moved_by_keys_and_by_the_mouse(opened):
    page = opened(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    handle = page.get_by_role("slider", name="axial").first
    wipe = page.locator(".wipe").first
    handle.focus()
    page.keyboard.press("ArrowRight")
    expect(handle).to_have_attribute("aria-valuetext", "41 % fixed, 59 % moving, after")
    assert wipe.evaluate("e => e.style.getPropertyValue('--cut')") == "41%"
    page.keyboard.press("Home")
    expect(handle).to_have_value("0")
    box = wipe.bounding_box()
    page.mouse.move(box["x"] + 0.2 * box["width"], box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.75 * box["width"], box["y"] + 60, steps=4)
    page.mouse.up()
    assert 74 <= int(handle.input_value()) <= 76


def test_one_way_to_look_at_a_time_chosen_by_keys(opened):
    page = opened()
    page.get_by_role("radio", name="Curtain").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator(".way:visible")).to_have_count(1)
    expect(page.locator(".way:visible")).to_have_attribute("data-way", "checkerboard")


def test_the_viewer_shows_the_voxels_and_goes_by_keys(opened, pair):
    page = opened(viewport={"width": 1280, "height": 900})
    view = page.locator(".viewer .regseg-explore:visible")
    expect(view).to_have_count(1)
    view.locator("canvas").first.focus()
    page.keyboard.press("PageUp")
    page.keyboard.press("ArrowLeft")
    readout = view.locator(".readout")
    expect(readout).to_contain_text("voxel (19, 26, 20)")
    for image, word in zip(pair, ("value", "overlay"), strict=True):
        shown = float(re.search(rf"{word} ([\d.]+)", readout.inner_text())[1])
        moved = through(image, SHIFTED) if word == "overlay" else image
        assert shown == pytest.approx(moved[19, 26, 20], abs=10)  # the viewer rounds to 64 greys or more
    page.get_by_role("radio", name="before registration").check()
    expect(readout).to_contain_text("voxel (19, 26, 20)")
    shown = float(re.search(r"overlay ([\d.]+)", readout.inner_text())[1])
    assert shown == pytest.approx(pair[1][19, 26, 20], abs=10)


@pytest.mark.parametrize("how", ["without a script", "on paper"])
def test_all_pictures_stand_side_by_side(opened, how):
    page = opened(java_script_enabled=how == "on paper")
    if how == "on paper":
        page.emulate_media(media="print")
    pictures = page.locator("img")
    for n in range(pictures.count()):
        expect(pictures.nth(n)).to_be_visible()
        assert pictures.nth(n).get_attribute("alt")
    one, other = (page.locator(".wipe").first.locator("img").nth(n).bounding_box() for n in (0, 1))
    assert one["y"] + one["height"] <= other["y"] or one["x"] + one["width"] <= other["x"]
