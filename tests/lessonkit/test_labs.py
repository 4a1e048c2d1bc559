"""The labs in a real browser: their numbers are Python's, and everybody can use them."""

from __future__ import annotations

import base64
import os
import re
from pathlib import Path

import nibabel
import numpy as np
import onnx
import onnxruntime
import pytest
import SimpleITK as sitk
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect
from site_lesson import write_lesson
from test_site_browser import THEMES, WIDTHS, listen

from lessonkit import course, site
from lessonkit.lesson import Lesson
from lessonkit.page import LessonError
from lessonkit.site.labs import NETWORKS
from regseg import data, elastix, evaluate
from regseg.grid import Grid
from regseg.learn import segment
from regseg.synth import warps

LABS = "register", "segment"
FIGURE = "![A pair. Synthetic.](../episodes/fig/01-square.png){alt='a grey square on black'}"


def lab_page(lab: str) -> str:
    return f"---\ntitle: The lab\nlab: {lab}\n---\n\nBefore the lab.\n\n{FIGURE}\n\nAfter the lab.\n"


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    """The website of the small lesson, with a page for each lab."""
    folder = tmp_path_factory.mktemp("labs")
    write_lesson(folder / "lesson")
    for lab in LABS:
        (folder / "lesson" / "learners" / f"{lab}.md").write_text(lab_page(lab), encoding="utf-8")
    home = folder / "lesson" / "index.md"
    home.write_text(
        home.read_text(encoding="utf-8").replace("title: 'Home'", "title: 'Home'\nlab: register"), encoding="utf-8"
    )
    site.build(Lesson(folder / "lesson"), folder / "site")
    return folder / "site"


@pytest.fixture(scope="module")
def address(built):
    with course.website(built, 0) as address:
        yield address


def ready(page) -> None:
    """Wait until the lab does nothing more."""
    page.locator(".lab[aria-busy=false]").wait_for(timeout=60_000)


@pytest.fixture
def lab(page, address):
    """The lab of registration, ready."""
    heard = listen(page, (address, f"blob:{address}"))
    page.goto(address + "register.html")
    ready(page)
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
    inside = np.vstack(
        [inside, grid.points([[-0.4] * grid.dimension, np.array(grid.size) - 0.6])]
    )  # beyond the centres
    outside = grid.points([[-0.6] * grid.dimension, np.array(grid.size) - 0.4])
    ask = "return given[1].map(m.sampler({ ...given[0], values: given[2] }));"
    found = module("geometry.js", ask, given, [*inside.tolist(), *outside.tolist()], values.ravel().tolist())
    truth = [grid.image(values).EvaluateAtPhysicalPoint(point, sitk.sitkLinear) for point in inside.tolist()]
    np.testing.assert_allclose(found, [*truth, 0, 0], atol=1e-9)


def test_the_planes_show_the_patients_right_at_the_left_and_the_nose_at_the_left(module):
    grid = Grid.of(data.load("brain_t1_2mm"))
    given = {"size": grid.size, "spacing": grid.spacing, "origin": grid.origin, "direction": grid.direction}
    ask = "return m.planes(given[0]).map(p => [p.name, p.edges, p.point(0, 0), p.point(p.width - 1, p.height - 1)]);"
    planes = {name: (letters, first, last) for name, letters, first, last in module("geometry.js", ask, given)}
    assert {name: letters for name, (letters, *_) in planes.items()} == {
        "axial": ["R", "L", "A", "P"], "coronal": ["R", "L", "S", "I"], "sagittal": ["A", "P", "S", "I"],
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
    ready(page)


def press_and_wait(lab) -> None:
    lab.get_by_role("button", name="Register").press("Enter")
    ready(lab)
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
    """Within 0.05 mm: the browser has version 1.0.1 of the WebAssembly, and Python 2.1.0."""
    choose(lab, pair)
    plane = lab.get_by_role("application", name="axial")
    for key in ("Shift+ArrowRight", "Shift+ArrowRight", "ArrowUp", "ArrowUp", "ArrowUp", ".", ".", ".", ".", ","):
        plane.press(key)
    assert [lab.get_by_label(name).input_value() for name in ("to the left", "to the back")] == ["10", "-3"]
    lab.get_by_label("Transform").select_option(label=kind)
    press_and_wait(lab)
    before, after = in_python(lab, built)
    assert mean_error(lab, "before") == pytest.approx(before, abs=0.06)  # as many digits as it shows
    assert mean_error(lab, "after") == pytest.approx(after, abs=0.05)
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


def test_the_browsers_own_keys_stay_the_browsers(lab):
    lab.locator(".lab canvas").first.press("Alt+ArrowLeft")  # one page back
    assert lab.get_by_role("slider", name="to the left").input_value() == "0"


def test_what_cannot_be_loaded_is_said_and_the_lab_stays_as_it_was(page, address):
    page.goto(address + "register.html")
    ready(page)
    for missing in ("**/labs/*.nii.gz", "**/bundles/elastix.js"):
        page.route(missing, lambda route: route.abort())
    page.get_by_label("Pair").select_option(index=1)
    expect(page.locator(".lab [role=status]")).to_have_text("This pair cannot be loaded now.")
    ready(page)
    assert page.get_by_label("Pair").input_value() == "0"
    page.get_by_role("button", name="Register").click()
    expect(page.locator(".lab [role=status]")).to_contain_text("elastix cannot be loaded now.")
    ready(page)


@pytest.mark.parametrize("missing", ["**/labs/register.js", "**/labs/pairs.json"])
def test_a_lab_that_cannot_be_loaded_leaves_the_picture(page, address, missing):
    page.route(missing, lambda route: route.abort())
    page.goto(address + "register.html")
    expect(page.get_by_role("alert")).to_have_text("The lab could not be loaded. Reload the page to try again.")
    assert page.locator(".lab img").is_visible()


def test_the_picture_of_the_home_page_is_a_lab_that_loads_when_it_is_asked_for(page, address):
    heard, asked = listen(page, (address, f"blob:{address}")), []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(address)
    button = page.get_by_role("button", name="Try it")
    button.wait_for()
    assert [url for url in asked if "/bundles/" in url or url.endswith((".json", ".gz"))] == []
    assert Axe().run(page).response["violations"] == []
    button.press("Enter")
    ready(page)
    assert mean_error(page, "now") > 0
    page.get_by_label("to the left").evaluate(
        "slider => { slider.value = 9; slider.dispatchEvent(new Event('input')); }"
    )
    for name in ("to the back", "turn"):
        page.locator(".sliders label", has_text=name).locator("input").evaluate(
            "slider => { slider.value = 5; slider.dispatchEvent(new Event('input')); }"
        )
    assert Axe().run(page).response["violations"] == []
    press_and_wait(page)
    assert mean_error(page, "after") < 0.3
    assert heard == []


# Segmentation


def encoded(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()


READ = "const bytes = Uint8Array.from(atob(given[0]), letter => letter.charCodeAt());"


def read_in_the_page(module, path: Path) -> sitk.Image:
    """What the page's reader makes of a file."""
    ask = READ + "const image = await m.readNifti(bytes); return { ...image, values: [...image.values] };"
    found = module("nifti.js", ask, encoded(path))
    grid = Grid(*(tuple(found[name]) for name in ("size", "spacing", "origin", "direction")))
    return grid.image(np.reshape(found["values"], grid.size[::-1]))


def assert_same(found: sitk.Image, truth: sitk.Image) -> None:
    assert found.GetSize() == truth.GetSize()
    for name in ("Spacing", "Origin", "Direction"):
        np.testing.assert_allclose(getattr(found, f"Get{name}")(), getattr(truth, f"Get{name}")(), atol=1e-4)
    np.testing.assert_allclose(sitk.GetArrayViewFromImage(found), sitk.GetArrayViewFromImage(truth), rtol=1e-6)


@pytest.mark.parametrize("kind", ["uint8", "int8", "int16", "uint16", "int32", "uint32", "float32", "float64"])
def test_a_nifti_file_of_simpleitk_is_read_as_simpleitk_reads_it(module, tmp_path, kind):
    random, dtype = np.random.default_rng(5), np.dtype(kind)
    for grid, suffix in ((Grid((7, 6, 5), *vars_of(TURNED)), ".nii.gz"), (Grid((7, 6), *vars_of(FLAT)), ".nii")):
        low = -100 if dtype.kind in "if" else 0
        sitk.WriteImage(
            grid.image(random.integers(low, 100, grid.size[::-1]).astype(dtype)), tmp_path / f"scan{suffix}"
        )
        assert_same(read_in_the_page(module, tmp_path / f"scan{suffix}"), sitk.ReadImage(tmp_path / f"scan{suffix}"))


def vars_of(grid: Grid) -> tuple:
    return grid.spacing, grid.origin, grid.direction


@pytest.mark.parametrize(
    "how", ["scaled", "big-endian", "qform", "no form", "micrometres", "version 2", "one volume of four dimensions"]
)
def test_a_nifti_file_of_another_writer_is_read_as_simpleitk_reads_it(module, tmp_path, how):
    values = np.arange(7 * 6 * 5, dtype=np.int16).reshape(7, 6, 5)
    affine = np.vstack([np.column_stack([TURNED.matrix, TURNED.origin]), [0, 0, 0, 1]])
    if how == "one volume of four dimensions":
        values = values[..., None]
    header = nibabel.Nifti1Header(endianness=">" if how == "big-endian" else "<")
    header.set_data_dtype(np.int16)
    image = nibabel.Nifti1Image(values, affine, header)
    image.set_sform(affine, 0 if how in ("qform", "no form") else 1)
    image.set_qform(affine, 0 if how == "no form" else 1)
    if how == "scaled":
        image.header.set_slope_inter(0.5, -3)
    if how == "micrometres":
        image.header.set_xyzt_units("micron")
    nibabel.save(image, tmp_path / "judged.nii")
    # SimpleITK does not read version 2, so it judges the same scan in version 1.
    nibabel.save(nibabel.Nifti2Image(values, affine) if how == "version 2" else image, tmp_path / "scan.nii")
    truth = sitk.ReadImage(tmp_path / "judged.nii")
    assert_same(read_in_the_page(module, tmp_path / "scan.nii"), truth[..., 0] if truth.GetDimension() == 4 else truth)


def test_a_label_map_that_the_page_writes_is_read_by_simpleitk(module, tmp_path):
    grid = Grid((7, 6, 5), *vars_of(TURNED))
    labels = np.random.default_rng(6).integers(0, 6, grid.size[::-1]).astype(np.uint8)
    given = {"size": grid.size, "spacing": grid.spacing, "origin": grid.origin, "direction": grid.direction}
    ask = "const bytes = await m.writeNifti({ ...given[0], values: Uint8Array.from(given[1]) }); return [...bytes];"
    written = module("nifti.js", ask, given, labels.ravel().tolist())
    (tmp_path / "labels.nii.gz").write_bytes(bytes(written))
    assert_same(sitk.ReadImage(tmp_path / "labels.nii.gz"), grid.image(labels))


@pytest.fixture(scope="module")
def scan() -> sitk.Image:
    """A small synthetic head: oblique, anisotropic, with noise."""
    grid = Grid((60, 44, 20), (1.2, 1.7, 4.0), (-30.0, -50.0, -40.0), TURNED.direction)
    places = grid.points(np.moveaxis(np.indices(grid.size[::-1])[::-1], 0, -1)) - grid.middle
    far = np.linalg.norm(places / (30, 34, 36), axis=-1)
    values = np.where(far < 0.6, 900, np.where(far < 1, 500, 0)) + np.random.default_rng(8).normal(0, 20, far.shape)
    return grid.image(np.clip(values, 0, None).astype(np.int16))


def test_the_network_sees_the_scan_that_python_shows_it(module, scan, tmp_path):
    sitk.WriteImage(scan, tmp_path / "scan.nii.gz")
    ask = READ + (
        "const { readNifti } = await import('/static/labs/nifti.js');"
        "const seen = m.coarse(await readNifti(bytes)); return { ...seen, values: [...seen.values] };"
    )
    found, truth = module("scan.js", ask, encoded(tmp_path / "scan.nii.gz")), segment.coarse(scan)
    grid = Grid.of(truth)
    assert tuple(found["size"]) == grid.size and found["spacing"] == [2, 2, 2]
    np.testing.assert_allclose(found["origin"], grid.origin, atol=1e-3)
    values = sitk.GetArrayFromImage(truth)
    difference = np.abs(np.reshape(found["values"], values.shape) - values)
    # The outermost half voxel falls on either side of a rounding.
    assert np.mean(difference > 0.01 * values.max()) < 1e-3


@pytest.fixture(scope="module")
def network(tmp_path_factory) -> Path:
    """A tiny network of the agreed signature: two thresholds, at shares of the brightest voxel."""
    make, kinds, sides = onnx.helper, onnx.TensorProto, [1, 1, "z", "y", "x"]
    nodes = [make.make_node("ReduceMax", ["image"], ["top"], keepdims=1)]
    for name in ("dim", "bright"):
        nodes += [
            make.make_node("Mul", ["top", f"{name} share"], [f"{name} level"]),
            make.make_node("Greater", ["image", f"{name} level"], [f"{name} mask"]),
            make.make_node("Cast", [f"{name} mask"], [name], to=kinds.INT32),
        ]
    nodes.append(make.make_node("Add", ["dim", "bright"], ["labels"]))
    graph = make.make_graph(
        nodes,
        "thresholds",
        [make.make_tensor_value_info("image", kinds.FLOAT, sides)],
        [make.make_tensor_value_info("labels", kinds.INT32, sides)],
        [
            make.make_tensor(f"{name} share", kinds.FLOAT, [], [share])
            for name, share in (("dim", 0.3), ("bright", 0.7))
        ],
    )
    model = make.make_model(graph, opset_imports=[make.make_opsetid("", 18)], ir_version=9)
    make.set_model_props(model, {"labels": "background,dim,bright"})
    path = tmp_path_factory.mktemp("network") / "tiny.onnx"
    onnx.save(model, path)
    return path


@pytest.fixture(scope="module")
def boxed(network) -> Path:
    """The same network, whose file says that it wants a box of this size around what it has found."""
    model = onnx.load(network)
    onnx.helper.set_model_props(model, {"labels": "background,dim,bright", "box": "48,32,64"})
    path = network.with_name("boxed.onnx")
    onnx.save(model, path)
    return path


@pytest.fixture
def segmentation(page, address):
    """The lab of segmentation; it asks its own server for files, and sends nothing."""
    heard = listen(page, (address, f"blob:{address}"))
    page.on("request", lambda asked: None if asked.method == "GET" else heard.append(f"{asked.method} {asked.url}"))
    page.goto(address + "segment.html")
    ready(page)
    yield page
    assert heard == []


def said(page) -> str:
    return page.locator(".lab > [role=status]").inner_text()


def labelled(page) -> None:
    page.get_by_role("button", name="Segment").press("Enter")
    ready(page)


def test_a_scan_of_ones_own_is_labelled_as_in_python(segmentation, network, scan, tmp_path):
    sitk.WriteImage(scan, tmp_path / "mine.nii.gz")
    segmentation.get_by_label("Your own scan").set_input_files(tmp_path / "mine.nii.gz")
    if not segmentation.get_by_label("Network (.onnx)").is_visible():
        segmentation.get_by_text("Another network").click()
    segmentation.get_by_label("Network (.onnx)").set_input_files(network)
    labelled(segmentation)
    assert said(segmentation).startswith("Labelled in")
    with segmentation.expect_download() as download:
        segmentation.get_by_role("link", name="Download the labels").click()
    download.value.save_as(tmp_path / "labels.nii.gz")
    found, seen = sitk.ReadImage(tmp_path / "labels.nii.gz"), segment.coarse(scan)
    truth = answered(network, seen)
    assert found.GetSize() == seen.GetSize()
    np.testing.assert_allclose(found.GetOrigin(), seen.GetOrigin(), atol=1e-3)
    values = sitk.GetArrayViewFromImage(found)
    for label in (1, 2):
        mine, python = values == label, truth == label
        assert 2 * np.sum(mine & python) / (mine.sum() + python.sum()) > 0.99
    rows = [[cell.inner_text() for cell in row.locator("td").all()] for row in segmentation.locator("tbody tr").all()]
    volumes = [f"{np.sum(values == label) * 0.008:.1f}" for label in (1, 2)]
    assert rows == [["1", "dim", volumes[0]], ["2", "bright", volumes[1]]]
    # The result is drawn over the planes, by the course's own viewer, which says what lies under its crosshair.
    segmentation.get_by_role("application", name="axial").wait_for()
    assert "label 2 bright" in segmentation.locator(".readout").inner_text()
    assert Axe().run(segmentation).response["violations"] == []


def test_the_lessons_scan_is_labelled_after_a_file_was_dropped_and_taken_back(segmentation, network, tmp_path):
    (tmp_path / "note.nii").write_bytes(b"no image" * 100)
    hold = segmentation.evaluate_handle(
        "content => { const held = new DataTransfer(); held.items.add(new File([content], 'note.nii')); return held; }",
        "no image" * 100,
    )
    segmentation.dispatch_event(".lab", "drop", {"dataTransfer": hold})
    assert segmentation.get_by_text("Your file note.nii.").is_visible()
    segmentation.locator("[name=network]").set_input_files(network)
    labelled(segmentation)
    assert said(segmentation) == "This is no NIfTI file: choose one that ends in .nii or .nii.gz."
    segmentation.get_by_role("button", name="The lesson's scan").click()
    labelled(segmentation)
    assert said(segmentation).startswith("Labelled in")
    assert segmentation.locator("tbody tr").count() == 2


@pytest.mark.parametrize("name", ["tiny.onnx", "boxed.onnx", *(path.name for path in NETWORKS.glob("segment*.onnx"))])
def test_a_network_answers_in_the_page_as_in_python(segmentation, network, boxed, tmp_path, name):
    """Those that the course ships, and the tiny ones."""
    network = {"tiny.onnx": network, "boxed.onnx": boxed}.get(name, NETWORKS / name)
    segmentation.locator("[name=network]").set_input_files(network)
    labelled(segmentation)
    with segmentation.expect_download() as download:
        segmentation.get_by_role("link", name="Download the labels").click()
    download.value.save_as(tmp_path / "labels.nii.gz")
    found = sitk.GetArrayFromImage(sitk.ReadImage(tmp_path / "labels.nii.gz"))
    truth = answered(network, segment.coarse(data.load("brain_t1_2mm")))
    for label in set(np.unique(truth)) - {0}:
        mine, python = found == label, truth == label
        assert 2 * np.sum(mine & python) / (mine.sum() + python.sum()) > 0.99, label


def answered(network: Path, seen: sitk.Image) -> np.ndarray:
    """What a network says of a scan in Python; one whose file names a box looks a second time, at that box."""
    session = onnxruntime.InferenceSession(network, providers=["CPUExecutionProvider"])

    def look(values: np.ndarray) -> np.ndarray:
        return session.run(None, {"image": values[None, None]})[0][0, 0]

    values = sitk.GetArrayFromImage(seen)
    labels = look(values)
    if box := session.get_modelmeta().custom_metadata_map.get("box"):
        box = np.array(box.split(","), int)[::-1]
        first = np.median(np.argwhere(labels), axis=0).astype(int) - box // 2
        part = sitk.RegionOfInterest(
            sitk.ConstantPad(seen, [100] * 3, [100] * 3, float(values.min())),
            box[::-1].tolist(),
            (first[::-1] + 100).tolist(),
        )
        around = sitk.GetImageFromArray(look(sitk.GetArrayFromImage(part)))
        around.CopyInformation(part)
        labels = sitk.GetArrayFromImage(sitk.Resample(around, seen, sitk.Transform(), sitk.sitkNearestNeighbor))
    return labels


def bad_scans(folder: Path) -> dict[str, str]:
    """Files that cannot be labelled, and the beginning of the sentence on each."""
    head = np.arange(8 * 8 * 8, dtype=np.float32).reshape(8, 8, 8)
    image = sitk.GetImageFromArray(head)
    sitk.WriteImage(image, folder / "whole.nii")
    (folder / "cut.nii").write_bytes((folder / "whole.nii").read_bytes()[:900])
    sitk.WriteImage(image, folder / "packed.nii.gz")
    (folder / "cut.nii.gz").write_bytes((folder / "packed.nii.gz").read_bytes()[:300])
    sitk.WriteImage(image[:, :, 0], folder / "flat.nii")
    sitk.WriteImage(sitk.JoinSeries([image, image]), folder / "series.nii")
    sitk.WriteImage(image * 0, folder / "empty.nii")
    sitk.WriteImage(sitk.GetImageFromArray(np.where(head == 7, np.nan, head)), folder / "nan.nii")
    image.SetSpacing((100, 100, 100))
    sitk.WriteImage(image, folder / "long.nii")
    skewed = np.eye(4)
    skewed[0, 1] = 0.5
    nibabel.save(nibabel.Nifti1Image(head, skewed), folder / "skewed.nii")
    return {
        "cut.nii": "The file breaks off",
        "cut.nii.gz": "The file is packed, and breaks off",
        "flat.nii": "This is a single slice",
        "series.nii": "The file holds more than one volume",
        "empty.nii": "All voxels of the scan are 0",
        "nan.nii": "The scan has voxels that are no number",
        "long.nii": "This scan is longer than 40 cm",
        "skewed.nii": "The axes of this image are not at right angles",
    }


def test_what_cannot_be_labelled_is_refused_in_one_sentence(segmentation, network, tmp_path):
    segmentation.locator("[name=network]").set_input_files(network)
    for name, sentence in bad_scans(tmp_path).items():
        segmentation.get_by_label("Your own scan").set_input_files(tmp_path / name)
        labelled(segmentation)
        assert said(segmentation).startswith(sentence), name
        assert segmentation.locator("tbody").is_hidden()


def test_a_network_of_another_signature_is_refused(segmentation, tmp_path):
    (tmp_path / "note.onnx").write_bytes(b"no network")
    segmentation.locator("[name=network]").set_input_files(tmp_path / "note.onnx")
    labelled(segmentation)
    assert said(segmentation).startswith("This is no network that the page can run")
    make, kinds = onnx.helper, onnx.TensorProto
    ends = [make.make_tensor_value_info(name, kinds.FLOAT, [1]) for name in ("x", "y")]
    graph = make.make_graph([make.make_node("Relu", ["x"], ["y"])], "relu", ends[:1], ends[1:])
    onnx.save(make.make_model(graph, opset_imports=[make.make_opsetid("", 18)], ir_version=9), tmp_path / "relu.onnx")
    segmentation.locator("[name=network]").set_input_files(tmp_path / "relu.onnx")
    labelled(segmentation)
    assert said(segmentation).startswith('The network must take "image" and answer "labels"')


# Everybody


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("width", WIDTHS)
def test_the_labs_are_accessible_and_fit(browser, address, width, theme):
    size = dict(zip(("width", "height"), WIDTHS[width], strict=True))
    with browser.new_context(viewport=size, color_scheme=theme, reduced_motion="reduce") as context:
        page = context.new_page()
        heard = listen(page, (address, f"blob:{address}"))
        page.goto(address + "segment.html")
        ready(page)
        page.locator(".lab details").evaluate("details => { details.open = true; }")
        assert Axe().run(page).response["violations"] == []
        assert not page.evaluate("document.documentElement.scrollWidth > innerWidth")
        page.goto(address + "register.html")
        ready(page)
        page.locator(".lab details").evaluate("details => { details.open = true; }")
        for pair in ("One slice, bent", "3-D, T1 and T2, 2 mm"):
            page.get_by_label("Pair").select_option(label=pair)
            page.wait_for_function(
                "pair => document.querySelector('.lab code').textContent.includes(pair)", arg=".nii.gz"
            )
            assert Axe().run(page).response["violations"] == []
            assert not page.evaluate("document.documentElement.scrollWidth > innerWidth")
        assert heard == []


@pytest.mark.parametrize("lab", LABS)
def test_without_scripts_and_from_the_disk_there_is_a_picture_and_a_sentence(browser, built, address, lab):
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(f"{address}{lab}.html")
        assert page.get_by_alt_text("a grey square").is_visible()
        assert page.get_by_text("needs JavaScript").is_visible()
    with browser.new_context() as context:
        page = context.new_page()
        heard = listen(page, built.as_uri())
        page.goto((built / f"{lab}.html").as_uri())
        assert page.get_by_alt_text("a grey square").is_visible()
        assert page.get_by_text("start the lesson's server").is_visible()
        assert heard == []


def test_an_unknown_lab_is_named(tmp_path):
    write_lesson(tmp_path / "lesson")
    (tmp_path / "lesson" / "learners" / "lab.md").write_text(lab_page("paint"), encoding="utf-8")
    with pytest.raises(LessonError, match=re.escape("learners/lab.md:3: there is no lab 'paint'")):
        site.build(Lesson(tmp_path / "lesson"), tmp_path / "site")
