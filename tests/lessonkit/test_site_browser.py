"""The website in a real browser: accessible, whole, quiet, and on its own."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect
from site_lesson import write_lesson

from lessonkit import course, site
from lessonkit.lesson import Lesson

WIDTHS = {"desk": (1280, 900), "phone": (390, 844)}
THEMES = ("light", "dark")


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> Path:
    """The website of the small lesson."""
    folder = tmp_path_factory.mktemp("small")
    site.build(Lesson(write_lesson(folder / "lesson")), folder / "site")
    return folder / "site"


@pytest.fixture(scope="module")
def whole(root, tmp_path_factory) -> Path:
    """The website of this course."""
    folder = tmp_path_factory.mktemp("course")
    site.build(Lesson(root), folder / "site")
    return folder / "site"


@pytest.fixture(params=["small", "whole"])
def built(request) -> Path:
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="module")
def address(small):
    with course.website(small, 0) as address:
        yield address


def failed(request) -> bool:
    """Whether a request failed by itself, and not because the test went on to the next page."""
    return "ERR_ABORTED" not in request.failure


def listen(page, own: str | tuple[str, ...]) -> list[str]:
    """What goes wrong on a page from now on: errors, failed requests, requests to elsewhere."""
    heard = []
    page.on("pageerror", lambda error: heard.append(f"error: {error}"))
    page.on("console", lambda said: heard.append(said.text) if said.type in ("error", "warning") else None)
    page.on("requestfailed", lambda request: heard.append(f"failed: {request.url}") if failed(request) else None)
    page.on(
        "request",
        lambda asked: (
            None
            if asked.url.startswith((*([own] if isinstance(own, str) else own), "data:"))
            else heard.append(asked.url)
        ),
    )
    return heard


def falls_to(page: str) -> tuple[str, str]:
    """The width and the theme in which a page of the course is judged, by a lot that falls the same each time."""
    return random.Random(page).choice([(width, theme) for width in WIDTHS for theme in THEMES])


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("width", WIDTHS)
def test_every_page_is_accessible_and_fits(browser, built, small, width, theme):
    """The small lesson has each look on all pages; the course has many pages of a kind, and each in one look."""
    size = dict(zip(("width", "height"), WIDTHS[width], strict=True))
    wrong = []
    with (
        course.website(built, 0) as address,
        browser.new_context(viewport=size, color_scheme=theme, reduced_motion="reduce") as context,
    ):
        page = context.new_page()
        heard = listen(page, address)
        for path in sorted(built.rglob("*.html")):
            name = path.relative_to(built).as_posix()
            page.goto(address + name)
            page.evaluate("document.querySelectorAll('main details').forEach((details) => { details.open = true; })")
            page.evaluate("document.querySelectorAll('.give').forEach((button) => { button.click(); })")
            if built == small or falls_to(name) == (width, theme):
                found = Axe().run(page).response["violations"]
                wrong += [f"{name}: {one['id']} at {[node['target'] for node in one['nodes']]}" for one in found]
            if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
                wrong.append(f"{name} is wider than the screen")
        assert wrong + heard == []


def test_every_page_opens_from_the_disk(browser, built):
    with browser.new_context() as context:
        page = context.new_page()
        heard = listen(page, built.as_uri())
        for path in sorted(built.rglob("*.html")):
            if path.name != "404.html":  # its links start at the root of a server
                page.goto(path.as_uri())
        assert heard == []
        page.goto((built / "search.html").as_uri() + "?q=voxel")
        assert page.locator("#results > li").count() > 0
        page.locator(".theme").click()
        page.goto((built / "index.html").as_uri())
        assert page.locator("html").get_attribute("data-theme") == "dark"


def test_the_search_finds_a_word_in_its_own_view(page, address):
    for view in ("", "instructor/"):
        heard = listen(page, address)
        page.goto(f"{address}{view}index.html")
        page.get_by_role("combobox", name="Search the lesson").fill("platypus")
        page.keyboard.press("Enter")
        page.locator("#results > li").first.wait_for()
        links = page.locator("#results > li > a")
        assert [link.get_attribute("href") for link in links.all()] == ["01-images.html"]
        assert page.locator("#found").inner_text() == "1 page for “platypus”."
        page.locator("#query").fill("platypus word")
        expect(page).to_have_url(f"{address}{view}search.html?q=platypus%20word")
        links.first.click()
        assert page.locator("h1").inner_text() == "Images & their space"
        assert heard == []
    page.goto(f"{address}search.html?q=SECRET")
    assert page.locator("#found").inner_text() == "No pages for “SECRET”."


def test_the_end_of_the_page_is_out_of_sight_when_the_results_push_it_down(page, address):
    page.route("**/search-index.js", lambda route: route.abort())
    page.goto(f"{address}search.html?q=voxel")
    assert page.get_by_text("are loading").is_visible()
    assert page.locator("footer").bounding_box()["y"] > page.viewport_size["height"]


# What a learner may type, and the pages of which one is to come first.
QUESTIONS = {
    "left right": "01 02",
    "nan": "04 08",
    "resample": "02",
    "Dice": "07",
    "kernel died": "setup 03",
    "elastix": "09 10 11 12",
    "dicom missing slice": "01",
    "out of memory": "03",
    "how do I install": "setup",
    "black image after resampling": "02",
    "regsitration": "04",
    "jacobain": "05",
    "resampel": "02",
    "mutual information": "reference 04",
    "Hausdorff": "07",
    "landmarks by hand": "04 05",
    "oblique CT": "02",
    "lung segmentation": "06",
    "interpolator": "02",
    "otsu": "06",
    "GetDirection": "01",
    "fiducial registration error": "reference 04",
    "staple raters": "07",
}
UNKNOWN = ("zzzzz", "xyzzyq", "blackwhite", "Fehler")


def test_the_search_answers_what_learners_ask_and_admits_what_it_does_not_know(page, whole):
    page.goto((whole / "search.html").as_uri())
    wrong = []
    for question, right in QUESTIONS.items():
        page.locator("#query").fill(question)
        first = page.locator("#results > li > a").first.get_attribute("href")
        if not first.startswith(tuple(right.split())):
            wrong.append(f"{question}: {first}")
    for question in UNKNOWN:
        page.locator("#query").fill(question)
        if page.locator("#results > li").count():
            wrong.append(f"{question}: {page.locator('#results').inner_text()[:80]}")
    assert wrong == []
    page.locator("#query").fill("dicom missing slice")
    assert page.locator("#results li li a").first.inner_text() == "Mind the gap"
    page.locator("#query").fill("regsitration")
    assert "“regsitration” was read as “registration”" in page.locator("#found").inner_text()


@pytest.mark.parametrize("width", WIDTHS)
def test_results_come_in_the_head_while_a_learner_types_also_from_the_disk(browser, small, width):
    with browser.new_context(viewport=dict(zip(("width", "height"), WIDTHS[width], strict=True))) as context:
        page = context.new_page()
        heard = listen(page, small.as_uri())
        asked = []
        page.on("request", lambda request: asked.append(request.url.rsplit("/")[-1]))
        page.goto((small / "instructor" / "02-transforms.html").as_uri())
        field, hits = page.get_by_role("combobox", name="Search the lesson"), page.get_by_role("option")
        assert "search-index.js" not in asked  # until somebody wants to find something
        page.keyboard.press("/")
        field.press_sequentially("voxe")
        expect(hits.first).to_have_accessible_name("Find the voxel 2. Transforms")
        assert field.get_attribute("aria-expanded") == "true"
        field.press("ArrowUp")
        expect(hits.last).to_have_attribute("aria-selected", "true")
        assert field.get_attribute("aria-activedescendant") == hits.last.get_attribute("id")
        pages = [hit.locator("small").inner_text() for hit in hits.all()]
        field.press("Escape")
        assert hits.count() == 0 and field.input_value() == "voxe"
        field.press_sequentially("zzz")
        expect(page.locator(".hits")).to_have_text("No pages for “voxezzz”.")
        field.fill("order")
        expect(hits.first).to_have_accessible_name("Order 2. Transforms")
        field.press("ArrowDown")
        field.press("Enter")
        expect(page).to_have_url(re.compile("instructor/02-transforms.html#order$"))
        expect(hits).to_have_count(0)
        page.keyboard.press("/")
        field.fill("voxe")
        field.press("Enter")
        expect(page).to_have_url(re.compile(r"instructor/search.html\?q=voxe$"))
        expect(page.locator("#results > li > a")).to_have_text(pages)
        assert heard == []
        page.goto((small / "index.html").as_uri())
        page.keyboard.press("/")
        field.fill("voxe")
        field.press("ArrowDown")
        expect(hits.first).to_have_attribute("aria-selected", "true")
        assert Axe().run(page).response["violations"] == []


def test_every_accordion_opens(page, address):
    page.goto(address + "01-images.html")
    accordions = page.locator("main details")
    assert accordions.count() == 3
    for accordion in accordions.all():
        assert accordion.get_attribute("open") is None
        accordion.locator("> summary").press("Enter")
        assert accordion.locator("> .inside").is_visible()
    button = page.get_by_role("button", name="Open all solutions")
    page.reload()
    button.click()
    assert page.locator("main details[open]").count() == 3
    page.get_by_role("button", name="Close all solutions").click()
    assert page.locator("main details[open]").count() == 0


def test_the_mark_beside_the_page_is_right_wherever_the_reader_goes(page, address):
    page.goto(address + "01-images.html")
    page.add_style_tag(content="h2, h3 { margin-bottom: 70vh !important }")
    links = page.locator(".toc a")
    for link in [*links.all(), *reversed(links.all())]:
        page.evaluate("id => document.getElementById(id).scrollIntoView()", link.get_attribute("href")[1:])
        expect(link).to_have_attribute("aria-current", "location")
        expect(page.locator(".toc [aria-current]")).to_have_count(1)


def test_the_browser_remembers_the_place_until_it_is_told_to_forget(page, address):
    page.goto(address + "01-images.html")
    assert page.locator(".resume").is_hidden()
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    page.wait_for_function("Object.keys(localStorage).some(key => key.startsWith('place '))")
    page.goto(address + "index.html")
    assert page.locator(".resume").inner_text().endswith("(Images & their space).")
    assert page.locator("#contents .read").inner_text() == "✓ read"
    page.locator(".resume a").click()
    assert "01-images.html#" in page.url
    page.goto(address + "index.html")
    page.get_by_role("button", name="Forget them").click()
    assert page.locator("#contents .read").count() == 0 and page.locator(".resume").is_hidden()
    assert page.evaluate("Object.keys(localStorage)") == []


def test_a_word_of_the_glossary_is_explained_where_it_stands(page, address):
    page.goto(address + "01-images.html")
    heard = listen(page, address)
    link = page.locator("main").get_by_role("link", name="glossary")
    link.press("Enter")
    card = page.locator(".word")
    expect(card).to_contain_text("A cell of a volume")
    assert Axe().run(page).response["violations"] == []
    card.get_by_role("link", name="grid").click()
    expect(card.locator(".word-title")).to_have_text("Grid")
    page.keyboard.press("Escape")
    assert card.is_hidden() and page.url == address + "01-images.html"
    link.click()
    card.get_by_role("link", name="In the glossary").click()
    assert page.url == address + "reference.html#voxel"
    assert heard == []


def test_a_figure_is_enlarged_and_the_next_one_is_a_key_away(page, address):
    page.goto(address + "01-images.html")
    link = page.locator(".enlarge").first
    link.press("Enter")
    large = page.get_by_role("dialog", name="Figure")
    assert large.get_by_role("img").get_attribute("alt") == "a grey square on black"
    assert Axe().run(page).response["violations"] == []
    page.keyboard.press("ArrowRight")
    assert large.get_by_role("img").get_attribute("alt") == "two squares, one turned"
    page.keyboard.press("Escape")
    assert large.is_hidden() and link.evaluate("link => link === document.activeElement")


def test_only_what_scrolls_is_a_stop_of_the_keyboard_and_fades_at_its_edge(browser, address):
    wide = {}
    for width in (1280, 390):
        with browser.new_context(viewport={"width": width, "height": 900}) as context:
            page = context.new_page()
            page.goto(address + "01-images.html")
            boxes = page.locator(".code pre:visible, .table:visible")
            expect(page.locator(".code pre[data-more]:visible")).to_have_count(
                page.locator(".code pre:visible").count()
            )
            told = boxes.evaluate_all(
                "all => all.map(one => [one.scrollWidth > one.clientWidth + 1, one.tabIndex === 0, one.dataset.more])"
            )
            assert all(scrolls == stop == (more == "after") for scrolls, stop, more in told)
            wide[width] = sum(scrolls for scrolls, *_ in told)
            if width == 390:
                page.locator(".code pre").first.evaluate("one => one.scrollTo(40, 0)")
                expect(page.locator(".code pre").first).to_have_attribute("data-more", "before after")
    assert wide[1280] < wide[390]


def test_on_a_phone_a_wide_figure_keeps_its_letters_readable(browser, address):
    with browser.new_context(viewport={"width": 390, "height": 844}) as context:
        page = context.new_page()
        page.goto(address + "01-images.html")
        link = page.locator(".enlarge").first
        link.evaluate("link => { link.firstElementChild.width = 800; link.firstElementChild.style = '--wide:800px' }")
        shown, seen = link.evaluate("link => [link.firstElementChild.offsetWidth, link.clientWidth]")
        assert shown == 744 and seen < 390


def test_the_other_view_opens_at_the_same_place(page, address):
    page.goto(address + "01-images.html#where")
    page.get_by_role("link", name="Instructor").click()
    assert page.url == address + "instructor/01-images.html#where"


def test_paper_has_the_solutions_or_not_as_the_reader_chooses(page, address):
    page.goto(address + "01-images.html")
    page.evaluate("window.print = () => { window.printed = document.documentElement.dataset.paper; }")
    for name, shown in (("with hints and solutions", True), ("without them", False)):
        page.get_by_role("button", name="Print").click()
        assert Axe().run(page).response["violations"] == []
        page.get_by_role("button", name=name).click()
        page.emulate_media(media="print")
        page.evaluate("dispatchEvent(new Event('beforeprint'))")
        assert page.get_by_text("Divide first").is_visible() is shown
        page.evaluate("dispatchEvent(new Event('afterprint'))")
        page.emulate_media(media="screen")
    assert page.evaluate("window.printed") == "plain"


def test_paper_shows_the_solutions(page, address):
    page.goto(address + "aio.html")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator("main details:not([open])").count() == 0
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator("main details[open]").count() == 0


def test_tabs_follow_the_keyboard_and_groups_are_remembered(page, address):
    page.goto(address + "01-images.html")
    windows = page.get_by_role("tab", name="Windows")
    page.get_by_role("tab", name="Linux").press("ArrowRight")
    assert windows.get_attribute("aria-selected") == "true"
    assert page.get_by_role("tabpanel", name="Windows").is_visible()
    assert page.get_by_text("Use apt").is_hidden()
    page.reload()
    assert windows.get_attribute("aria-selected") == "true"
    windows.press("Home")
    assert page.get_by_text("Use apt").is_visible()


ANSWERS = "ANSWER-IN-AN-OUTPUT", "ANSWER-IN-PROSE", "SENTENCE-ON-LEFT"


def seen(page) -> list[bool]:
    """Whether each part of the answer of the small lesson's prediction is to be seen."""
    return [page.locator(".prediction").get_by_text(answer, exact=False).last.is_visible() for answer in ANSWERS]


def test_an_answer_is_veiled_until_the_reader_has_chosen_and_the_choice_is_remembered(page, address):
    page.emulate_media(reduced_motion="reduce")
    page.goto(address + "02-transforms.html")
    heard = listen(page, address)
    assert seen(page) == [False, False, False]
    assert page.locator(".prediction .answer .python").is_visible()
    assert Axe().run(page).response["violations"] == []
    page.get_by_role("button", name="to the right").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    left = page.get_by_role("button", name="to the left")
    assert left.get_attribute("aria-pressed") == "true"
    assert seen(page) == [True, True, True]
    assert page.locator(".sentences li").first.inner_text().endswith("SENTENCE-ON-LEFT.")
    assert "your choice stands first" in page.locator(".prediction [role=status]").inner_text()
    assert Axe().run(page).response["violations"] == []
    page.reload()
    assert left.get_attribute("aria-pressed") == "true"
    assert seen(page) == [True, True, True]
    page.goto(address + "aio.html")
    assert seen(page) == [True, True, True]
    page.get_by_role("button", name="Ask me again").click()
    assert seen(page) == [False, False, False]
    page.goto(address + "02-transforms.html")
    assert seen(page) == [False, False, False]
    assert heard == []


def test_a_reader_may_ask_to_see_without_choosing(page, address):
    page.goto(address + "02-transforms.html")
    page.get_by_role("button", name="Show me").click()
    assert seen(page) == [True, True, True]
    assert page.locator(".choices [aria-pressed=true]").count() == 0
    page.reload()
    assert seen(page) == [True, True, True]


def test_nothing_is_veiled_on_paper_for_instructors_or_without_a_script(browser, page, address):
    page.goto(address + "02-transforms.html")
    page.emulate_media(media="print")
    assert seen(page) == [True, True, True]
    page.emulate_media(media="screen")
    page.goto(address + "instructor/02-transforms.html")
    assert seen(page) == [True, True, True]
    assert page.locator(".choices button").count() == 0
    page.route("**/site.js", lambda route: route.abort())
    page.goto(address + "02-transforms.html")
    assert seen(page) == [True, True, True]
    with browser.new_context(java_script_enabled=False) as context:
        plain = context.new_page()
        plain.goto(address + "02-transforms.html")
        assert seen(plain) == [True, True, True]


def test_the_theme_is_kept(page, address):
    page.goto(address)
    button = page.get_by_role("button", name="Dark theme")
    button.click()
    assert button.get_attribute("aria-pressed") == "true"
    page.goto(address + "setup.html")
    assert button.get_attribute("aria-pressed") == "true"
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(17, 22, 27)"


def test_the_timer_of_an_exercise_runs_on_wherever_the_reader_goes_and_is_announced_politely(page, address):
    page.clock.install(time=0)
    page.goto(address + "01-images.html")
    page.clock.pause_at(60)
    timer = page.get_by_role("region", name="Timer")
    assert timer.is_hidden()
    page.get_by_role("button", name="Start timer").press("Enter")
    clock, said = timer.get_by_role("timer"), page.locator(".unseen")
    expect(clock).to_have_text("5:00")
    expect(said).to_have_text("Timer started: 5 minutes.")
    assert said.get_attribute("role") == "status"  # waits until a screen reader has finished its sentence
    page.clock.fast_forward(61_000)
    expect(clock).to_have_text("3:59")
    timer.get_by_role("button", name="Pause").press("Enter")
    page.clock.fast_forward(600_000)
    expect(clock).to_have_text("3:59")
    page.goto(address + "reference.html")  # without an exercise
    expect(clock).to_have_text("3:59")
    timer.get_by_role("button", name="Go on").press("Enter")
    page.clock.fast_forward(179_500)
    expect(said).to_have_text("One minute left.")
    timer.get_by_role("button", name="1 minute more").press("Enter")
    page.clock.fast_forward(60_000)
    expect(clock).to_have_text("1:00")
    page.clock.fast_forward(60_500)
    expect(clock).to_have_text("Time is up")
    expect(said).to_have_text("Time is up: Find the voxel.")
    page.clock.resume()
    timer.get_by_role("button", name="Large").press("Enter")
    assert Axe().run(page).response["violations"] == []
    timer.get_by_role("link", name="Find the voxel").press("Enter")
    assert page.url.endswith("01-images.html#find-the-voxel")
    page.get_by_role("button", name="Stop timer").press("Enter")
    assert timer.is_hidden()
    page.reload()
    expect(page.get_by_role("button", name="Start timer")).to_be_visible()
    assert timer.is_hidden()


def test_on_a_phone_the_name_of_a_long_section_makes_no_page_wider(browser, address):
    with browser.new_context(viewport={"width": 390, "height": 844}) as context:
        page = context.new_page()
        page.goto(address + "01-images.html")
        section = page.locator(".section")
        section.evaluate("name => { name.textContent = 'A section with a name that no phone can show'; }")
        assert page.evaluate("document.documentElement.scrollWidth") == 390


def test_the_phone_has_a_menu(browser, address):
    with browser.new_context(viewport={"width": 390, "height": 844}) as context:
        page = context.new_page()
        page.goto(address + "01-images.html")
        menu = page.get_by_role("navigation", name="Lesson")
        assert menu.is_hidden()
        page.get_by_role("button", name="Contents").click()
        assert Axe().run(page).response["violations"] == []
        menu.get_by_role("link", name="Which system").click()
        assert menu.is_hidden()
        menu_button = page.get_by_role("button", name="Contents")
        menu_button.click()
        menu.get_by_role("link", name="Transforms").click()
        assert page.locator("h1").inner_text() == "Transforms"


def test_without_scripts_everything_is_there(browser, address):
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(address + "01-images.html")
        assert page.get_by_text("Use apt").is_visible() and page.get_by_text("Use winget").is_visible()
        page.locator("details.solution > summary").click()
        assert page.get_by_text("Divide first").is_visible()
        page.goto(address + "search.html")
        assert page.get_by_text("The search needs JavaScript").is_visible()


SLIDE = {"width": 1280, "height": 720}


def start_slides(page, path: Path, query: str = "") -> list[str]:
    """Open slides from the disk, and wait until reveal.js shows them; what goes wrong from now on."""
    heard = listen(page, path.parents[1].as_uri())
    page.goto(path.as_uri() + query)
    page.locator(".pdf-page" if query else ".reveal.ready").first.wait_for(state="attached")
    return heard


# What is wrong with each slide: letters below 16 pixels, text beyond an edge, a small picture.
MISFITS = """slides => slides.flatMap(slide => {
  const body = slide.querySelector(".body"), inside = (what) => [...(body?.querySelectorAll(what) ?? [])];
  const wrong = {
    small: inside("pre, p, li, td").some(one => parseFloat(getComputedStyle(one).fontSize) < 16),
    high: [slide, body].some(one => one && one.scrollHeight > one.clientHeight + 1),
    wide: inside("pre, .table").some(one => one.scrollWidth > one.clientWidth + 1),
    picture: inside("img").some(one => one.offsetHeight < 300),
  };
  const names = Object.keys(wrong).filter(name => wrong[name]);
  return names.length ? [`${slide.querySelector("h2").textContent}: ${names}`] : [];
})"""


def test_every_slide_of_the_course_fits_and_can_be_read(browser, whole):
    wrong = []
    with browser.new_context(viewport=SLIDE, reduced_motion="reduce") as context:
        page = context.new_page()
        for path in sorted(whole.rglob("*-slides.html")):
            heard = start_slides(page, path)
            page.add_style_tag(content=".slides section { display: flex !important }")  # all at once
            page.wait_for_function("[...document.images].every(image => image.complete)")
            slides = page.locator(".slides section:not(.stack)")
            wrong += [f"{path.name}: {one}" for one in [*slides.evaluate_all(MISFITS), *heard]]
            assert 30 < slides.count() < 80
    assert wrong == []


def test_slides_on_paper_are_one_page_each(page, small):
    assert start_slides(page, small / "instructor" / "01-images-slides.html", "?view=print") == []
    pages = page.locator(".pdf-page")
    assert pages.evaluate_all("all => Math.max(...all.map(one => one.offsetHeight))") <= 720
    assert page.locator("html").get_attribute("data-theme") == "light"
    page.emulate_media(media="print")
    assert page.locator(".solution .code").first.is_visible()
    for title, body in [(slide.locator("header"), slide.locator(".body")) for slide in page.locator("section").all()]:
        if title.count() and body.count():
            above, below = title.bounding_box(), body.bounding_box()
            assert above["x"] >= 0 and above["y"] + above["height"] <= below["y"]


# Where the lines of a piece of code begin, in pixels, but for those that begin with a space.
BEGINNINGS = """pre => {
  const range = document.createRange(), texts = document.createTreeWalker(pre, NodeFilter.SHOW_TEXT), lefts = [];
  for (let fresh = true, node; (node = texts.nextNode()); )
    for (let i = 0; i < node.length; i++) {
      if (fresh && !/\\s/.test(node.data[i])) {
        range.setStart(node, i);
        range.setEnd(node, i + 1);
        lefts.push(range.getBoundingClientRect().left);
      }
      fresh = node.data[i] === "\\n";
    }
  return lefts;
}"""


def test_on_paper_the_lines_of_a_piece_of_code_begin_below_each_other(page, small):
    page.goto((small / "01-images.html").as_uri())
    page.emulate_media(media="print")
    lines = page.locator("pre").evaluate_all(f"all => all.map({BEGINNINGS})")
    assert any(len(lefts) > 1 for lefts in lines)
    assert all(max(lefts) - min(lefts) < 1 for lefts in lines if lefts)


def test_keys_go_through_slides_and_a_solution_waits_until_it_is_asked_for(browser, small):
    with browser.new_context(viewport=SLIDE, reduced_motion="reduce") as context:
        page = context.new_page()
        heard = start_slides(page, small / "instructor" / "01-images-slides.html")
        assert "none" in page.locator(".reveal").get_attribute("class").split()  # nothing moves by itself
        now = page.locator(".slides section.present:not(.stack)")
        while "challenge" not in now.get_attribute("class").split():
            page.keyboard.press("ArrowRight")
        assert now.get_by_role("heading").inner_text() == "Find the voxel" and now.get_by_text("5 minutes").is_visible()
        page.keyboard.press("ArrowDown")
        answer = now.locator(".fragment .code").first
        assert "solution" in now.get_attribute("class") and answer.is_hidden()
        page.keyboard.press("ArrowDown")
        expect(answer).to_be_visible()
        assert heard == []
        page.keyboard.press("Home")
        seen = set()
        while (title := (page.url, now.inner_text())) not in seen:
            seen.add(title)
            found = Axe().run(page).response["violations"]
            assert [f"{one['id']} at {title}: {[node['target'] for node in one['nodes']]}" for one in found] == []
            page.keyboard.press("Space")
        assert len(seen) > 10


def test_the_window_of_the_speaker_has_the_notes_to_instructors_also_from_the_disk(page, small):
    start_slides(page, small / "instructor" / "01-images-slides.html")
    told = page.locator(".slides section.present:not(.stack) > .notes", has_text="SECRET-OF-INSTRUCTORS")
    while told.count() == 0:
        page.keyboard.press("Space")
    assert page.get_by_text("SECRET-OF-INSTRUCTORS").is_hidden()
    with page.expect_popup() as opened:
        page.keyboard.press("s")
    expect(opened.value.locator(".speaker-controls-notes")).to_contain_text("SECRET-OF-INSTRUCTORS")


def test_a_wrong_address_leads_home(page, address):
    assert page.goto(address + "no/such/page.html").status == 404
    page.get_by_role("link", name="Home and schedule").click()
    assert page.url == address + "index.html"
