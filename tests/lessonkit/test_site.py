"""The website of a small lesson that holds every construct, and of this course."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import numpy as np
import pytest
from PIL import Image
from site_lesson import write_lesson

from lessonkit import site
from lessonkit.addresses import Addresses
from lessonkit.lesson import Lesson
from lessonkit.page import LessonError, Page
from lessonkit.site import pages
from lessonkit.site.links import INSTRUCTOR, LEARNER, Links
from lessonkit.site.pages import code_css
from regseg.check.engine import NOT_YET

SOURCE = "https://github.com/Somebody/small-lesson"
VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}


class Reader(HTMLParser):
    """A page's anchors, its addresses, its headings; and a check that every tag is closed."""

    def __init__(self, path: Path):
        super().__init__()
        self.ids, self.hrefs, self.loads, self.headings, self.open = [], [], [], [], []
        self.images = []
        self.feed(path.read_text(encoding="utf-8"))
        assert self.open == [], f"{path.name} leaves {self.open} open"

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        if tag not in VOID:
            self.open.append(tag)
        if "id" in given:
            self.ids.append(given["id"])
        if tag == "a":
            self.hrefs.append(given["href"])
        elif tag == "form" and "action" in given:
            self.hrefs.append(given["action"])
        elif tag in ("img", "script", "iframe", "link") and given.get("rel") != "canonical":
            self.loads += [given[name] for name in ("src", "href") if name in given]
        if tag == "img":
            self.images.append(given)
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        if self.open[-1:] == [tag]:
            self.open.pop()
        else:
            raise AssertionError(f"</{tag}> closes {self.open[-1:]}")


@pytest.fixture(scope="module")
def lesson(tmp_path_factory) -> Lesson:
    return Lesson(write_lesson(tmp_path_factory.mktemp("lesson")))


@pytest.fixture(scope="module")
def built(lesson) -> Path:
    out = lesson.root / "build" / "site"
    site.build(lesson, out)
    return out


@pytest.fixture(scope="module")
def course(root, tmp_path_factory) -> Path:
    """The website of this course."""
    out = tmp_path_factory.mktemp("course") / "site"
    site.build(Lesson(root), out)
    return out


def text(built: Path, name: str) -> str:
    return (built / name).read_text(encoding="utf-8")


def complaints(out: Path) -> list[str]:
    """Everything in a built site that points nowhere, loads from a network, or breaks the order of headings."""
    pages = {path: Reader(path) for path in sorted(out.rglob("*.html"))}
    found = []
    for path, page in pages.items():
        name = path.relative_to(out).as_posix()
        twice = {one for one in page.ids if page.ids.count(one) > 1}
        found += [f"{name}: two elements are called {one}" for one in sorted(twice)]
        found += [f"{name}: loads {load}" for load in page.loads if re.match("https?:|//", load)]
        if page.headings.count(1) != 1 or page.headings[0] != 1:
            found.append(f"{name}: wants one level-1 heading, and first")
        steps = zip(page.headings, page.headings[1:], strict=False)
        found += [f"{name}: heading level {up} is followed by {down}" for up, down in steps if down > up + 1]
        for href in [*page.hrefs, *page.loads]:
            parts = urlsplit(href)
            if parts.scheme:
                continue
            target = Path(path.parent, unquote(parts.path)).resolve() if parts.path else path
            if not target.is_file():
                found.append(f"{name}: {href} is not there")
            elif parts.fragment and unquote(parts.fragment) not in pages[target].ids:
                found.append(f"{name}: {href} has no such anchor")
    return found


def test_everything_points_somewhere(built):
    assert complaints(built) == []


def test_the_courses_own_site_is_whole(course, root):
    assert complaints(course) == []
    for page in Lesson(root).episodes:
        assert (course / f"{page.name}.html").is_file()
        assert (course / "notebooks" / f"{page.name}.ipynb").is_file()
        assert "<!--" not in text(course, f"{page.name}.html")


def test_both_views_hold_the_pages_of_the_workbench(built):
    both = {"index", "01-images", "02-transforms", "setup", "reference", "LICENSE"}
    both |= {"key-points", "profiles", "images", "aio", "search", "own-image"}
    assert {path.stem for path in built.glob("*.html")} == both | {"404"}
    theirs = {"exercises", "instructor-notes", "01-images-slides", "02-transforms-slides"}
    assert {path.stem for path in built.glob("instructor/*.html")} == both | theirs


def test_only_instructors_see_what_is_for_them(built):
    for name in ("01-images.html", "aio.html"):
        assert "SECRET-OF-INSTRUCTORS" not in text(built, name)
        assert "SECRET-OF-INSTRUCTORS" in text(built, f"instructor/{name}")
    assert "Starts at 1 h 15 min" in text(built, "instructor/02-transforms.html")
    assert 'href="instructor/instructor-notes.html"' in text(built, "02-transforms.html")
    assert 'href="instructor-notes.html"' in text(built, "instructor/02-transforms.html")


def test_the_schedule_adds_up(lesson, built):
    slots, total = site.schedule(lesson)
    assert [slot.start for slot in slots] == [0, 75]
    assert total == 105
    times = re.findall(r'<p class="time">(.*?)</p>', text(built, "index.html"))
    assert times == ["0 h 00 min", "1 h 15 min", "1 h 45 min"]


def test_an_episode_opens_with_its_overview_and_ends_with_its_key_points(built):
    page = text(built, "01-images.html")
    parts = "<h1>", "What is the <em>spacing", "Say where a voxel is", '<h2 id="where">', "A voxel has a place."
    places = [page.index(part) for part in parts]
    assert places == sorted(places)
    assert page.count("Say where a voxel is") == 1
    assert 'rel="next" href="02-transforms.html"' in page
    assert 'rel="prev"' not in page
    assert 'rel="prev" href="01-images.html"' in text(built, "02-transforms.html")


def test_solutions_and_hints_are_closed_and_instructors_notes_open(built):
    tags = re.findall(r"<details[^>]*>", text(built, "instructor/01-images.html"))
    opened = {re.search(r'class="box (\w+)"', tag)[1]: " open" in tag for tag in tags}
    assert opened == {"hint": False, "solution": False, "spoiler": False, "instructor": True}


def test_every_page_with_solutions_can_be_printed_without_them(tmp_path):
    root = write_lesson(tmp_path / "lesson")
    sheet = root / "instructors" / "instructor-notes.md"
    sheet.write_text(sheet.read_text(encoding="utf-8") + "\n::: solution\n\nB is right.\n\n:::\n", encoding="utf-8")
    site.build(Lesson(root), tmp_path / "site")
    choice = '<button type="button" data-paper="plain">without them</button>'
    assert choice in text(tmp_path / "site", "instructor/instructor-notes.html")
    assert choice not in text(tmp_path / "site", "instructor/reference.html")


def test_boxes_say_their_kind_in_words(built):
    page = text(built, "01-images.html")
    kinds = re.findall(r'<(?:p|span) class="kind">(.*?)<', page)
    assert [kind.partition(" · ")[0] for kind in kinds[:3]] == ["Exercise", "Hint", "Solution"]
    assert kinds[3:] == ["Note", "Caution", "Discussion", "Testimonial", "Checklist", "More"]


def test_several_hints_of_an_exercise_say_which_step_they_are(tmp_path):
    hints = {"alone": "::: hint\nThink.\n:::\n", "steps": "::: hint\nThink.\n:::\n\n::: hint\nCall it.\n:::\n"}
    challenge = ":::: challenge\n### {0}\n\nFind it.\n\n{1}::::\n\n"
    source = tmp_path / "01-hints.md"
    front = '---\ntitle: "Hints"\nteaching: 1\nexercises: 1\n---\n\n'
    source.write_text(front + "".join(challenge.format(*each) for each in hints.items()), encoding="utf-8")
    page = Page(source, "episode", tmp_path)
    said = ["Hint", "Hint 1 of 2", "Hint 2 of 2"]
    assert re.findall(r'<span class="kind">(.*?)</span>', pages.read(page).html) == said
    assert [div.label for div in page.divs if div.kind == "hint"] == said  # as a notebook folds them


def test_images_become_figures_with_their_size(built):
    (square, diagram) = Reader(built / "01-images.html").images
    assert (square["src"], square["width"], square["height"]) == ("fig/01-square.png.webp", "320", "200")
    assert (square["alt"], square["loading"]) == ("a grey square on black", "lazy")
    assert (diagram["width"], diagram["height"]) == ("40", "30")
    assert "<figcaption>A <em>synthetic</em> square.</figcaption>" in text(built, "01-images.html")
    for name in ("instructor/01-images.html", "instructor/setup.html", "instructor/images.html"):
        assert Reader(built / name).images[0]["src"] == "../fig/01-square.png.webp"
    assert "a grey square on black</span>" in text(built, "images.html")


def test_code_and_what_it_printed_are_told_apart(built):
    page = text(built, "01-images.html")
    assert re.findall(r'<figure class="code \w+"><figcaption>(\w+)', page) == [
        "Python", "Output", "Python", "Error", "Warning", "Python", "Python", "Output"
    ]  # fmt: skip
    assert '<span class="k">import</span>' in page
    assert "ValueError: invalid literal for int() with base 10: 'x'" in page


def test_what_a_check_says_to_three_dots_is_a_quiet_line(tmp_path):
    source = tmp_path / "01-check.md"
    front = '---\ntitle: "Check"\nteaching: 1\nexercises: 1\n---\n\n'
    source.write_text(f"{front}```output\n{NOT_YET}\n```\n\n```output\n7\n{NOT_YET}\n```\n", encoding="utf-8")
    html = pages.read(Page(source, "episode", tmp_path)).html
    assert html.count('<p class="unchecked">') == 1
    assert html.count(str(NOT_YET)) == html.count("<figcaption>Output") == 1  # beside a number it stays an output


def test_maths_needs_no_network(built):
    assert '<math display="block"' in text(built, "01-images.html")


def test_comments_of_the_author_stay_at_home(built):
    assert not [path for path in built.rglob("*.html") if "<!--" in path.read_text(encoding="utf-8")]


def test_the_exercises_page_has_every_challenge_with_its_solution_and_the_way_back(built):
    page = text(built, "instructor/exercises.html")
    assert page.count('<div class="box challenge">') == 2
    assert '<p class="kind">Exercise · 5 minutes</p>' in page and "<em>5 minutes" not in page
    assert page.count('<details class="box solution"') == 2
    assert 'href="01-images.html#find-the-voxel"' in page
    assert 'href="02-transforms.html#find-the-voxel"' in page
    assert not (built / "exercises.html").exists()


def test_addresses_of_a_notebook_and_of_the_source(built):
    page = text(built, "instructor/01-images.html")
    assert 'href="../notebooks/01-images.ipynb" download' in page
    assert "https://colab.research.google.com/github/Somebody/small-lesson/blob/main/notebooks/01-images.ipynb" in page
    assert "https://mybinder.org/v2/gh/Somebody/small-lesson/main?labpath=notebooks%2F01-images.ipynb" in page
    assert "https://github.com/Somebody/small-lesson/edit/main/episodes/01-images.md" in page
    assert 'href="https://github.com/Somebody/small-lesson/blob/main/data/registry.json"' in text(built, "index.html")


@pytest.mark.parametrize(
    ("href", "learner", "instructor"),
    [
        ("02-transforms.md", "02-transforms.html", "02-transforms.html"),
        ("02-transforms.md#order", "02-transforms.html#order", "02-transforms.html#order"),
        ("setup.html", "setup.html", "setup.html"),
        ("setup.md", "setup.html", "setup.html"),
        ("../learners/setup.md", "setup.html", "setup.html"),
        ("../index.md", "index.html", "index.html"),
        ("../profiles/learner-profiles.md", "profiles.html", "profiles.html"),
        ("../instructors/instructor-notes.md", "instructor/instructor-notes.html", "instructor-notes.html"),
        ("fig/01-square.png", "fig/01-square.png", "../fig/01-square.png"),
        ("#where", "#where", "#where"),
        ("https://simpleitk.org/#a", "https://simpleitk.org/#a", "https://simpleitk.org/#a"),
        ("../data", f"{SOURCE}/tree/main/data", f"{SOURCE}/tree/main/data"),
        ("../data/registry.json", f"{SOURCE}/blob/main/data/registry.json", f"{SOURCE}/blob/main/data/registry.json"),
    ],
)
def test_a_link_finds_its_place_in_both_views(lesson, href, learner, instructor):
    links = Links(Addresses(lesson))
    page = lesson.episodes[0]
    assert links.resolve(href, page, LEARNER) == learner
    assert links.resolve(href, page, INSTRUCTOR) == instructor


def test_a_link_to_nothing_says_where_and_leaves_the_old_site(tmp_path):
    lesson = Lesson(write_lesson(tmp_path / "lesson"))
    out = tmp_path / "out" / "site"
    out.mkdir(parents=True)
    (out / "old.html").write_text("old", encoding="utf-8")
    episode = tmp_path / "lesson" / "episodes" / "02-transforms.md"
    episode.write_text(episode.read_text(encoding="utf-8").replace("01-images.md", "01-image.md"), encoding="utf-8")
    with pytest.raises(LessonError, match=r"^episodes/02-transforms.md:21: 01-image.md is not there"):
        site.build(lesson, out)
    assert [path.name for path in out.parent.iterdir()] == ["site"]
    assert [path.name for path in out.iterdir()] == ["old.html"]


def test_a_link_in_fig_to_a_file_outside_the_lesson_is_never_published(tmp_path):
    root = write_lesson(tmp_path / "lesson")
    (tmp_path / "secret.txt").write_text("mine", encoding="utf-8")
    (root / "fig" / "secret.png").symlink_to(tmp_path / "secret.txt")
    with pytest.raises(LessonError, match=r"^fig/secret.png:1: this is a symbolic link to something outside"):
        site.build(Lesson(root), tmp_path / "site")
    assert not (tmp_path / "site").exists()


def test_an_image_without_content_is_one_sentence(tmp_path):
    root = write_lesson(tmp_path / "lesson")
    (root / "fig" / "01-square.png").write_bytes(b"")
    with pytest.raises(LessonError, match=r"^fig/01-square.png:1: this image is empty or damaged: draw it again"):
        site.build(Lesson(root), tmp_path / "site")


def test_an_episode_bears_the_number_of_its_file(tmp_path):
    root = write_lesson(tmp_path / "lesson")
    for path in (root / "config.yaml", root / "index.md", root / "episodes" / "01-images.md"):
        path.write_text(path.read_text(encoding="utf-8").replace("02-transforms", "10-transforms"), encoding="utf-8")
    (root / "episodes" / "02-transforms.md").rename(root / "episodes" / "10-transforms.md")
    site.build(Lesson(root), tmp_path / "site")
    assert '<p class="eyebrow">Episode 10</p>' in text(tmp_path / "site", "10-transforms.html")
    assert '<span class="number">10 </span><span class="name">Transforms' in text(tmp_path / "site", "setup.html")
    for name in ("index.html", "key-points.html", "aio.html", "instructor/exercises.html"):
        assert "10. Transforms" in text(tmp_path / "site", name)


def test_a_rebuild_replaces_the_whole_site(lesson, built):
    (built / "stale.html").write_text("stale", encoding="utf-8")
    site.build(lesson, built)
    assert not (built / "stale.html").exists()
    assert [path.name for path in built.parent.iterdir()] == ["site"]


def test_the_sitemap_lists_the_learners_pages(built):
    tree = ET.parse(built / "sitemap.xml")
    places = [element.text for element in tree.iter("{http://www.sitemaps.org/schemas/sitemap/0.9}loc")]
    assert "https://somebody.github.io/small-lesson/01-images.html" in places
    assert all((built / Path(urlsplit(place).path).name).is_file() for place in places)


def test_a_link_to_a_page_has_a_picture_elsewhere_and_programs_read_what_the_lesson_is(built):
    base = "https://somebody.github.io/small-lesson/"
    for page in ("index.html", "01-images.html", "instructor/01-images.html"):
        assert f'<meta property="og:image" content="{base}fig/01-square.png">' in text(built, page)
    told = json.loads(re.search(r'<script type="application/ld\+json">(.*?)</script>', text(built, "index.html"))[1])
    assert told["@type"] == "LearningResource" and told["url"] == base and told["timeRequired"] == "PT105M"
    assert "ld+json" not in text(built, "01-images.html")


def test_without_a_github_address_there_are_no_links_derived_from_it(tmp_path):
    root = write_lesson(tmp_path)
    config = root / "config.yaml"
    elsewhere = config.read_text(encoding="utf-8").replace("github.com/Somebody", "example.org/git")
    config.write_text(elsewhere, encoding="utf-8")
    site.build(Lesson(root), tmp_path / "site")
    page = text(tmp_path / "site", "01-images.html")
    assert "og:image" not in page and "colab" not in page and "mybinder" not in page and "Improve this page" not in page
    assert not (tmp_path / "site" / "sitemap.xml").exists()


def test_a_wrong_address_at_any_depth_finds_the_way_home(built):
    page = text(built, "404.html")
    assert '<base href="/small-lesson/">' in page
    assert Reader(built / "404.html").loads == ["data:,"]


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_only_code_with_a_colour_of_its_own_costs_bytes():
    code = 'sitk.Cast(image, "a")  # why'
    page = pages.colour(pages.CODE.match(f'<code data-language="python">{code}</code>'))
    assert page == '<code>sitk.Cast(image, <span class="s">"a"</span>)  <span class="c"># why</span></code>'


def test_every_colour_of_code_can_be_read(built):
    """WCAG AA on the card that code stands on, by day and by night."""
    css = text(built, "static/site.css")
    card = re.search(r"--card: light-dark\((#\w+), (#\w+)\)", css).groups()
    colours = re.findall(r"color:light-dark\(([^,]+),([^)]+)\)", code_css())
    assert len(colours) > 4
    for pair in colours:
        for ink, paper in zip(pair, card, strict=True):
            light, dark = sorted((luminance(ink), luminance(paper)), reverse=True)
            assert (light + 0.05) / (dark + 0.05) >= 4.5, (ink, paper)


def test_a_finer_picture_is_sent_where_one_was_drawn(tmp_path):
    lesson = Lesson(write_lesson(tmp_path / "lesson"))
    Image.new("RGB", (640, 400)).save(lesson.root / "fig" / "01-square.webp")
    site.build(lesson, tmp_path / "site")
    (square, _) = Reader(tmp_path / "site" / "01-images.html").images
    assert (square["src"], square["width"], square["height"]) == ("fig/01-square.webp", "320", "200")
    assert not (tmp_path / "site" / "fig" / "01-square.png.webp").exists()


def test_a_picture_is_sent_in_a_smaller_file_that_is_the_same_and_leads_to_the_whole(built):
    small, whole = (
        Image.open(built / "fig" / name).convert("RGBA") for name in ("01-square.png.webp", "01-square.png")
    )
    assert np.array_equal(small, whole)
    page = text(built, "01-images.html")
    assert re.search(r'<a class="enlarge" href="fig/01-square.png"><img src="fig/01-square.png.webp"', page)
