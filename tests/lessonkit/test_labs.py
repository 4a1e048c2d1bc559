"""The labs in a real browser: their numbers are Python's, and everybody can use them."""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from axe_playwright_python.sync_playwright import Axe
from site_lesson import write_lesson
from test_site_browser import THEMES, WIDTHS, listen

from lessonkit import course, site
from lessonkit.lesson import Lesson
from lessonkit.page import LessonError
from regseg import data, elastix, evaluate
from regseg.grid import Grid
from regseg.synth import warps

FIGURE = "![A pair. Synthetic.](../episodes/fig/01-square.png){alt='a grey square on black'}"


def lab_page(lab: str) -> str:
    return f"---\ntitle: The lab\nlab: {lab}\n---\n\nBefore the lab.\n\n{FIGURE}\n\nAfter the lab.\n"


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    """The website of the small lesson, with a page for each lab."""
    folder = tmp_path_factory.mktemp("labs")
    write_lesson(folder / "lesson")
    for lab in ("register",):
        (folder / "lesson" / "learners" / f"{lab}.md").write_text(lab_page(lab), encoding="utf-8")
    site.build(Lesson(folder / "lesson"), folder / "site")
    return folder / "site"


@pytest.fixture(scope="module")
def address(built):
    with course.website(built, 0) as address:
        yield address


@pytest.fixture
def page(browser):
    with browser.new_context(viewport={"width": 1280, "height": 900}) as context:
        yield context.new_page()


@pytest.fixture
def lab(page, address):
    """The lab of registration, ready."""
    heard = listen(page, (address, f"blob:{address}"))
    page.goto(address + "register.html")
    page.locator(".lab[aria-busy=false]").wait_for()
    yield page
    assert heard == []


@pytest.fixture(scope="module")
def module(browser, address):
    """A function that calls an exported function of a module of the labs with some arguments."""
    with browser.new_context() as context:
        page = context.new_page()
        page.goto(address + "index.html")

        def call(file: str, body: str, *given):
            return page.evaluate(f"async given => {{ const m = await import('/static/labs/{file}'); {body} }}", given)

        yield call


# The geometry


def points_in(grid: Grid, count: int = 40) -> np.ndarray:
    """Points in a grid, and some around it."""
    random = np.random.default_rng(1)
    return grid.points(random.uniform(-0.2, 1.2, (count, grid.dimension)) * (np.array(grid.size) - 1))


TURNED = Grid(
    (50, 60, 40), (2.0, 1.5, 3.0), (-40.0, 30.0, 7.0), sitk.Euler3DTransform((0, 0, 0), 0.3, -0.2, 0.4).GetMatrix()
)
FLAT = Grid((50, 60), (2.0, 1.5), (-40.0, 30.0), sitk.Euler2DTransform((0, 0), 0.3).GetMatrix())


def euler(grid: Grid, zyx: bool = False) -> sitk.Transform:
    if grid.dimension == 2:
        return sitk.Euler2DTransform(grid.middle, 0.4, (3.0, -5.0))
    turn = sitk.Euler3DTransform(grid.middle, 0.3, -0.5, 0.2, (3.0, -5.0, 8.0))
    turn.SetComputeZYX(zyx)
    return turn


def euler_map(turn: sitk.Transform) -> elastix.Map:
    zyx = turn.GetDimension() == 3 and turn.GetComputeZYX()
    return {
        "Transform": ["EulerTransform"],
        "FixedImageDimension": [str(turn.GetDimension())],
        "CenterOfRotationPoint": [str(value) for value in turn.GetCenter()],
        "ComputeZYX": [str(bool(zyx)).lower()],
        "TransformParameters": [str(value) for value in turn.GetParameters()],
    }


@pytest.mark.parametrize("grid", [FLAT, TURNED], ids=["2-D", "3-D"])
def test_a_transform_of_elastix_moves_points_as_in_python(module, grid):
    bend = warps.bspline(grid, 3, reach=9.0, mesh=(6,) * grid.dimension)
    stretch = sitk.AffineTransform(grid.dimension)
    stretch.SetMatrix((np.eye(grid.dimension) + np.arange(grid.dimension**2).reshape(-1, grid.dimension) / 20).ravel())
    stretch.SetTranslation([4.0, -3.0, 2.0][: grid.dimension])
    turns = [euler_map(euler(grid)), euler_map(euler(grid, zyx=True))][: grid.dimension - 1]
    maps = [*turns, *elastix.to_maps(stretch), *elastix.to_maps(bend)]
    points = points_in(grid)
    for each in [*([one] for one in maps), maps]:
        ask = "const t = m.compose(...given[0].map(m.fromElastix)); return given[1].map(t);"
        found = module("geometry.js", ask, each, points.tolist())
        truth = elastix.to_transform(each)
        np.testing.assert_allclose(found, [truth.TransformPoint(point) for point in points.tolist()], atol=1e-4)


@pytest.mark.parametrize("grid", [FLAT, TURNED], ids=["2-D", "3-D"])
def test_what_an_image_shows_at_a_point_is_what_simpleitk_shows(module, grid):
    values = np.random.default_rng(2).uniform(0, 100, grid.size[::-1])
    given = {"size": grid.size, "spacing": grid.spacing, "origin": grid.origin, "direction": grid.direction}
    inside = grid.points(np.random.default_rng(3).uniform(0, 1, (40, grid.dimension)) * (np.array(grid.size) - 1))
    outside = grid.points([[-1.0] * grid.dimension, np.array(grid.size, float)])
    ask = "return given[1].map(m.sampler({ ...given[0], values: given[2] }));"
    found = module("geometry.js", ask, given, [*inside.tolist(), *outside.tolist()], values.ravel().tolist())
    truth = [grid.image(values).EvaluateAtPhysicalPoint(point, sitk.sitkLinear) for point in inside.tolist()]
    np.testing.assert_allclose(found, [*truth, 0, 0], atol=1e-9)


def test_the_planes_show_the_patients_right_at_the_left_and_the_nose_at_the_left(module):
    grid = Grid.of(data.load("brain_t1_2mm"))
    given = {"size": grid.size, "spacing": grid.spacing, "origin": grid.origin, "direction": grid.direction}
    ask = (
        "return m.planes(given[0]).map(p => [p.name, m.letters(p), p.point(0, 0), p.point(p.width - 1, p.height - 1)]);"
    )
    planes = {name: (letters, first, last) for name, letters, first, last in module("geometry.js", ask, given)}
    assert {name: letters for name, (letters, *_) in planes.items()} == {
        "axial": ["R", "L", "A", "P"], "coronal": ["R", "L", "H", "F"], "sagittal": ["A", "P", "H", "F"],
    }  # fmt: skip
    low, high = (np.sort([grid.points((0, 0, 0)), grid.points(np.array(grid.size) - 1)], axis=0)[at] for at in (0, 1))
    _, first, last = planes["coronal"]
    np.testing.assert_allclose([first[0], first[2]], [low[0], high[2]])
    np.testing.assert_allclose([last[0], last[2]], [high[0], low[2]])


# Registration


def mean_error(lab, name: str) -> float:
    return float(lab.locator(f"[data-of={name}]").inner_text().removesuffix(" mm"))


def choose(page, pair: str) -> None:
    page.get_by_label("Pair").select_option(label=pair)
    page.locator(".lab[aria-busy=false]").wait_for()


def press_and_wait(lab) -> None:
    lab.get_by_role("button", name="Register").press("Enter")
    lab.get_by_role("button", name="Stop").wait_for()
    lab.get_by_role("button", name="Register").wait_for()
    assert "The mean error went from" in lab.locator(".lab [role=status]").inner_text()


def in_python(lab, built: Path) -> tuple[float, float]:
    """The mean error before and after, of the lines that the lab shows."""
    lines, names = lab.locator(".lab code").text_content(), {}
    before = Path.cwd()
    os.chdir(built / "static" / "labs")
    try:
        exec(lines, names)
        pairs = lab.evaluate("fetch('/static/labs/pairs.json').then(answer => answer.json())")
    finally:
        os.chdir(before)
    pair = next(one for one in pairs if one["fixed"] in lines)
    # Where the image says that it lies has changed, and its points with it.
    came = sitk.ReadImage(built / "static" / "labs" / pair["moving"])
    moving_points = Grid.of(names["moving"]).points(Grid.of(came).indices(pair["movingPoints"]))
    still = sitk.Transform(names["fixed"].GetDimension(), sitk.sitkIdentity)
    fixed_points = np.array(pair["fixedPoints"])
    return tuple(
        evaluate.tre(transform, fixed_points, moving_points).mean() for transform in (still, names["found"].transform)
    )


@pytest.mark.parametrize(
    ("pair", "kind", "best"),
    [
        ("One slice, T1 and T2", "rigid", 0.3),
        ("One slice, bent", "B-spline", 1.0),
        ("3-D, T1 and T2, 2 mm", "affine", 0.6),
    ],
)
def test_a_spoilt_pair_is_registered_and_the_errors_are_pythons(lab, built, pair, kind, best):
    """Within 0.2 mm: the browser has elastix 1.0.1, compiled for it, and Python 2.1.0."""
    choose(lab, pair)
    plane = lab.get_by_role("application", name="axial")
    for key in ("Shift+ArrowRight", "Shift+ArrowRight", "ArrowUp", "ArrowUp", "ArrowUp", ".", ".", ".", ".", ","):
        plane.press(key)
    assert [lab.get_by_label(name).input_value() for name in ("to the left", "to the back")] == ["10", "-3"]
    lab.get_by_label("Transform").select_option(label=kind)
    press_and_wait(lab)
    before, after = in_python(lab, built)
    assert mean_error(lab, "before") == pytest.approx(before, abs=0.06)  # as many digits as it shows
    assert mean_error(lab, "after") == pytest.approx(after, abs=0.2)
    assert max(mean_error(lab, "after"), after) < best


def test_a_metric_that_does_not_suit_the_pair_is_seen_to_fail(lab):
    lab.get_by_label("to the left").fill("12")
    lab.get_by_role("slider", name="turn").fill("10")
    lab.get_by_label("Metric").select_option(label="mean squares")
    press_and_wait(lab)
    assert mean_error(lab, "after") > 3
    assert "It found the way" not in lab.locator(".lab [role=status]").inner_text()


def test_a_drag_moves_the_image_under_the_pointer_and_with_shift_turns_it(lab):
    box = lab.get_by_role("application").bounding_box()
    width_mm, x, y = 196.0, box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    lab.mouse.move(x, y)
    lab.mouse.down()
    lab.mouse.move(x + box["width"] * 20 / width_mm, y)
    lab.mouse.up()
    assert float(lab.get_by_label("to the left").input_value()) == pytest.approx(20, abs=1)
    assert float(lab.get_by_label("to the back").input_value()) == pytest.approx(0, abs=1)
    lab.keyboard.down("Shift")
    lab.mouse.down()
    lab.mouse.move(x, y)
    lab.mouse.up()
    lab.keyboard.up("Shift")
    assert abs(float(lab.get_by_role("slider", name="turn").input_value())) == pytest.approx(20, abs=1)
    lab.get_by_role("button", name="Reset").click()
    assert [lab.get_by_role("slider", name=name).input_value() for name in ("to the left", "turn")] == ["0", "0"]
    assert mean_error(lab, "now") == 0


def test_a_run_can_be_stopped_and_started_again(lab):
    lab.get_by_label("to the left").fill("8")
    lab.get_by_label("Iterations").fill("2000")
    lab.get_by_role("button", name="Register").click()
    lab.get_by_role("button", name="Stop").click()
    assert lab.locator(".lab [role=status]").inner_text() == "Stopped."
    lab.get_by_label("Iterations").fill("50")
    press_and_wait(lab)
    assert mean_error(lab, "after") < 1


# Everybody


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("width", WIDTHS)
def test_the_labs_are_accessible_and_fit(browser, address, width, theme):
    size = dict(zip(("width", "height"), WIDTHS[width], strict=True))
    with browser.new_context(viewport=size, color_scheme=theme, reduced_motion="reduce") as context:
        page = context.new_page()
        heard = listen(page, (address, f"blob:{address}"))
        page.goto(address + "register.html")
        page.locator(".lab[aria-busy=false]").wait_for()
        page.locator(".lab details").evaluate("details => { details.open = true; }")
        for pair in ("One slice, bent", "3-D, T1 and T2, 2 mm"):
            page.get_by_label("Pair").select_option(label=pair)
            page.wait_for_function(
                "pair => document.querySelector('.lab code').textContent.includes(pair)", arg=".nii.gz"
            )
            assert Axe().run(page).response["violations"] == []
            assert not page.evaluate("document.documentElement.scrollWidth > innerWidth")
        assert heard == []


def test_without_scripts_and_from_the_disk_there_is_a_picture_and_a_sentence(browser, built, address):
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(address + "register.html")
        assert page.get_by_alt_text("a grey square").is_visible()
        assert page.get_by_text("needs JavaScript").is_visible()
    with browser.new_context() as context:
        page = context.new_page()
        heard = listen(page, built.as_uri())
        page.goto((built / "register.html").as_uri())
        assert page.get_by_alt_text("a grey square").is_visible()
        assert page.get_by_text("needs the lesson's server").is_visible()
        assert heard == []


def test_an_unknown_lab_is_named(tmp_path):
    write_lesson(tmp_path / "lesson")
    (tmp_path / "lesson" / "learners" / "lab.md").write_text(lab_page("paint"), encoding="utf-8")
    with pytest.raises(LessonError, match=re.escape("learners/lab.md:3: there is no lab 'paint'")):
        site.build(Lesson(tmp_path / "lesson"), tmp_path / "site")
