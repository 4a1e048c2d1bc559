"""Living figures in a real browser: the page says what Python says, by keyboard, in every look; and the still stays."""

from __future__ import annotations

import gzip
import io
import re
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Error, Page, expect
from site_lesson import write_lesson
from test_site_browser import THEMES, WIDTHS, listen

from lessonkit import course, site, states
from lessonkit.lesson import Lesson
from regseg.grid import Grid
from regseg.show import living
from regseg.show.picture import Pair, Picture

# The first of these flags lets a computer without a graphics card draw in three dimensions.
WITHOUT_GPU = ["--enable-unsafe-swiftshader", "--use-gl=angle", "--use-angle=swiftshader", "--ignore-gpu-blocklist"]
PAGE = "01-images.html"
DRAWN = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"  # what was asked is to be seen


@pytest.fixture(scope="module")
def image() -> sitk.Image:
    """Each voxel has its own value, up to 959, and the axes run to the right, the back and the feet."""
    grid = Grid((8, 10, 12), (2.0, 2.0, 3.0), (10.0, 20.0, -30.0), (-1.0, 0, 0, 0, 1.0, 0, 0, 0, -1.0))
    return grid.image(np.arange(960, dtype=np.int16).reshape(12, 10, 8))


@pytest.fixture(scope="module")
def built(image, tmp_path_factory) -> Path:
    """The website of the small lesson, whose figure is alive: two views, one with labels and one of a pair."""
    folder = tmp_path_factory.mktemp("living")
    lesson = Lesson(write_lesson(folder / "lesson"))
    at = image.TransformIndexToPhysicalPoint((3, 4, 5))
    labelled = Picture(image, at, labels=image > 800, label_names={1: "bright"}, window=(0, 60))
    pair = Pair(Picture(image, at, window=(0, 60)), Picture(image + 7, at, window=(0, 60)), "checkerboard", None)
    views = [living.view(labelled, "labelled"), living.view(pair, "pair")]
    states.write(lesson.root / "fig" / "01-square.png", living.state("explore", views, ["position"]), 0)
    site.build(lesson, folder / "site")
    return folder / "site"


@pytest.fixture(scope="module")
def address(built):
    with course.website(built, 0) as address:
        yield address


def look(page: Page, address: str):
    """Open the figure by keyboard; its views."""
    page.goto(address + PAGE)
    page.get_by_role("button", name="Look around").first.focus()
    page.keyboard.press("Enter")
    views = page.locator(".stage .regseg-explore")
    expect(views.locator(".readout")).to_have_count(2)
    return views


def told(view) -> tuple[list[float], list[int], list[int]]:
    """Position, voxel, and the values that the text below the planes tells."""
    numbers = re.findall(r"-?\d+(?:\.\d+)?", view.locator(".readout").inner_text().replace("−", "-"))
    return [float(n) for n in numbers[:3]], [int(n) for n in numbers[3:6]], [int(n) for n in numbers[6:]]


def test_the_page_tells_what_python_tells_and_obeys_the_keys(page, address, image):
    heard = listen(page, address)
    labelled, pair = look(page, address).all()
    expect(labelled.locator(".readout")).to_contain_text("voxel (3, 4, 5)")
    for key, index in (
        ("", (3, 4, 5)),
        ("PageUp", (3, 4, 6)),
        ("ArrowRight", (2, 4, 6)),  # the patient's left is on the right, and i runs to the right side
        ("ArrowDown", (2, 5, 6)),
        ("Shift+PageUp", (2, 5, 11)),
    ):
        if key:
            page.keyboard.press(key)  # the planes have the focus, for the figure was opened by a key
        expect(labelled.locator(".readout")).to_contain_text(f"voxel {index}")
        position, voxel, (value, label, *_) = told(labelled)
        assert position == pytest.approx(image.TransformIndexToPhysicalPoint(index), abs=0.051)
        assert (tuple(voxel), value, label) == (index, image[index], int(image[index] > 800))
        assert told(pair)[2] == [image[index], image[index] + 7]  # the views are in step
    assert labelled.locator(".readout").inner_text().endswith("bright")
    expect(pair.get_by_role("button", name="Checkerboard")).to_have_attribute("aria-pressed", "true")
    assert heard == []


def test_the_controls_change_what_is_drawn(page, address):
    labelled, pair = look(page, address).all()
    drawn = "view => [...view.querySelectorAll('canvas')].map(canvas => canvas.toDataURL()).join()"
    for control, key in (
        (pair.get_by_role("button", name="Blend"), "Enter"),
        (pair.get_by_role("slider", name="White at"), "ArrowRight"),
        (labelled.get_by_role("slider", name="Label opacity"), "ArrowRight"),
    ):
        view = labelled if key == "ArrowRight" and control.get_attribute("step") == "0.05" else pair
        before = view.evaluate(drawn)
        control.press(key)
        page.wait_for_function(f"([view, before]) => ({drawn})(view) !== before", arg=[view.element_handle(), before])


def test_the_picture_comes_back_and_paper_never_lost_it(page, address):
    look(page, address)
    figure = page.locator("figure.live")
    picture, stage = figure.locator("> a > img"), figure.locator(".stage")
    expect(picture).to_be_hidden()
    page.emulate_media(media="print")
    assert picture.is_visible() and stage.is_hidden() and figure.locator(".look").is_hidden()
    page.emulate_media(media="screen")
    page.get_by_role("button", name="Back to the picture").press("Enter")
    expect(page.locator(".stage, figure.live")).to_have_count(0)
    expect(page.locator("figure > a > img").first).to_be_visible()
    expect(page.get_by_role("button", name="Look around").first).to_be_focused()


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("width", WIDTHS)
def test_a_living_figure_is_accessible_and_fits(browser, address, width, theme):
    size = dict(zip(("width", "height"), WIDTHS[width], strict=True))
    with browser.new_context(viewport=size, color_scheme=theme, reduced_motion="reduce") as context:
        page = context.new_page()
        heard = listen(page, address)
        look(page, address)
        report = Axe().run(page)
        assert report.violations_count == 0, report.generate_report()
        assert not page.evaluate("document.documentElement.scrollWidth > innerWidth")
        assert heard == []


def test_without_a_script_or_a_server_the_picture_stays(browser, built, page, address):
    with browser.new_context(java_script_enabled=False) as context:
        plain = context.new_page()
        plain.goto(address + PAGE)
        assert plain.locator("figure > a > img").first.is_visible()
        assert plain.get_by_role("button", name="Look around").count() == 0
    heard = listen(page, built.as_uri())
    page.goto((built / PAGE).as_uri())
    page.get_by_role("button", name="Look around").first.click()
    expect(page.locator("figure [role=status]").first).to_contain_text("start the lesson's server")
    assert page.locator("figure > a > img").first.is_visible() and heard == []


@pytest.mark.parametrize("missing", ["**/*.nii.gz", "**/show/explore.js"])
def test_what_cannot_be_loaded_is_said_in_words_and_the_picture_stays(page, address, missing):
    page.route(missing, lambda route: route.abort())
    page.goto(address + PAGE)
    page.get_by_role("button", name="Look around").first.click()
    expect(page.locator("figure [role=status]").first).to_have_text(
        "This cannot be loaded now. Reload the page, and try again."
    )
    assert page.locator("figure > a > img").first.is_visible() and page.locator(".stage").count() == 0


def test_the_first_view_is_small_and_nothing_in_it_moves(page, built, address):
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url.removeprefix(address)))
    page.goto(address + PAGE, wait_until="networkidle")
    shift = """new Promise(done => new PerformanceObserver(list => done(list.getEntries().map(
        entry => [entry.value, ...entry.sources.map(source => source.node?.outerHTML?.slice(0, 90))]))).observe(
        {type: "layout-shift", buffered: true}) || setTimeout(() => done([]), 300))"""
    assert page.evaluate(shift) == []
    assert not [name for name in asked if "static/show" in name or name.endswith((".json", ".gz"))]
    texts = [name for name in asked if name.endswith((".html", ".css", ".js"))]
    assert sum(len(gzip.compress((built / name).read_bytes())) for name in texts) < 80_000
    assert page.locator("head script[src]:not([defer]):not([type=module])").count() == 0


@pytest.fixture(scope="module")
def three_d(browser, browser_path, built):
    """A browser that can draw in three dimensions."""
    if not (built / "static" / "bundles").exists():
        pytest.skip("NiiVue could not be fetched, so the site lacks it")
    try:
        instance = browser.browser_type.launch(executable_path=browser_path, args=["--no-sandbox", *WITHOUT_GPU])
    except Error as error:
        pytest.skip(f"no browser draws in three dimensions here: {error.message}")
    yield instance
    instance.close()


def test_a_view_turns_in_three_dimensions(three_d, address):
    with three_d.new_context() as context:
        page = context.new_page()
        heard = listen(page, address)
        look(page, address)
        page.get_by_role("button", name="In 3-D").first.click()
        page.get_by_role("button", name="Close 3-D").wait_for()
        canvas = page.locator(".space canvas")
        before = canvas.screenshot()
        page.get_by_role("slider", name="Turn").press("PageUp")
        page.evaluate(DRAWN)
        assert canvas.screenshot() != before
        report = Axe().run(page, context=".stage")
        assert report.violations_count == 0, report.generate_report()
        page.get_by_role("button", name="Close 3-D").click()
        expect(canvas).to_have_count(0)
        assert heard == []


COUNT_CONTEXTS = """
    window.contexts = new Set();
    const ask = HTMLCanvasElement.prototype.getContext;
    HTMLCanvasElement.prototype.getContext = function (...how) {
        const context = ask.apply(this, how);
        if (how[0] === "webgl2" && context) contexts.add(context);
        return context;
    };
"""  # a browser has about 16 of them, and takes one away for each one more


def test_what_is_closed_in_three_dimensions_holds_no_context_of_webgl(three_d, address):
    with three_d.new_context() as context:
        page = context.new_page()
        page.add_init_script(COUNT_CONTEXTS)
        heard = listen(page, address)
        look(page, address)
        for end in ("Close 3-D", "Back to the picture"):
            page.get_by_role("button", name="In 3-D").first.click()
            page.get_by_role("button", name="Close 3-D").wait_for()
            page.get_by_role("button", name=end).first.click()
            page.wait_for_function("[...contexts].every(context => context.isContextLost())")
        assert page.evaluate("contexts.size") >= 2 and heard == []


def test_a_file_of_the_readers_own_is_shown_whole_or_not_at_all(three_d, address, tmp_path):
    image = sitk.Image(10, 10, 10, sitk.sitkInt16)
    image.SetSpacing((2000, 2000, 3000))
    sitk.WriteImage(image, tmp_path / "cut.nii")
    content = bytearray((tmp_path / "cut.nii").read_bytes())
    content[123] = 3  # micrometres
    (tmp_path / "small.nii").write_bytes(content)
    (tmp_path / "cut.nii").write_bytes(content[:900])
    (tmp_path / "note.nii").write_bytes(b"no image" * 100)
    with three_d.new_context() as context:
        page = context.new_page()
        page.goto(address + "own-image.html")
        for name, sentence in {
            "cut.nii": "could not be opened: it breaks off",
            "note.nii": "could not be opened: it is damaged",
            "small.nii": "10 × 10 × 10 voxels of 2 × 2 × 3 mm",
        }.items():
            page.get_by_label("Choose a file").set_input_files(tmp_path / name)
            expect(page.locator("#own-said")).to_contain_text(sentence)


def test_a_file_of_the_readers_own_lies_as_in_the_lesson_and_goes_nowhere(three_d, address, tmp_path):
    """A bright cube reaches from the middle to the patient's left, front and top; the first axis runs to the right."""
    grid = Grid((40, 40, 40), (4.0, 4.0, 4.0), (80.0, -80.0, -80.0), (-1.0, 0, 0, 0, 1.0, 0, 0, 0, 1.0))
    values = np.full((40, 40, 40), 100, np.int16)
    values[18:38, 2:22, 2:22] = 1000
    sitk.WriteImage(grid.image(values), tmp_path / "mine.nii.gz")
    with three_d.new_context() as context:
        page = context.new_page()
        page.goto(address + "own-image.html")
        heard = listen(page, address)
        sent: list[str] = []
        page.on("request", lambda request: sent.append(request.method) if request.method != "GET" else None)
        page.get_by_label("Choose a file").set_input_files(tmp_path / "mine.nii.gz")
        expect(page.locator("#own-said")).to_have_text(
            "mine.nii.gz: 40 × 40 × 40 voxels of 4 × 4 × 4 mm; "
            "i runs to the right, j runs to the back, k runs to the head."
        )
        canvas = page.locator(".space canvas")
        found = {}
        for name, across, down in (("Axial", 1, -1), ("Coronal", 1, -1), ("Sagittal", -1, -1)):
            page.get_by_role("button", name=name).click()
            found[name] = (across, down), _bright(page, canvas)
        assert sent == heard == []
    assert {name: tuple(np.sign(middle)) for name, (_, middle) in found.items()} == {
        name: expected for name, (expected, _) in found.items()
    }


def test_a_file_that_is_chosen_before_the_script_is_there_is_opened(page, address, tmp_path):
    (tmp_path / "note.nii").write_bytes(b"no image")
    held = []
    page.route("**/own-image.js", lambda route: held.append(route))
    with page.expect_request("**/own-image.js"):
        page.goto(address + "own-image.html")
    page.get_by_label("Choose a file").set_input_files(tmp_path / "note.nii")
    held[0].continue_()
    expect(page.locator("#own-said")).to_contain_text("note.nii could not be opened")


def _bright(page: Page, canvas) -> tuple[float, float]:
    """The middle of what is bright in a canvas, to the right of and below its own middle."""
    page.evaluate(DRAWN)
    grey = np.asarray(Image.open(io.BytesIO(canvas.screenshot())).convert("L"), float)
    rows, columns = np.nonzero(grey > 200)
    return float(columns.mean() - grey.shape[1] / 2), float(rows.mean() - grey.shape[0] / 2)
