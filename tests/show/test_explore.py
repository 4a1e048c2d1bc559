"""The viewer: its static picture, its errors, and how it behaves in a real JupyterLab."""

import base64
import json
import re
import zlib

import numpy as np
import pytest
import SimpleITK as sitk
from axe_playwright_python.sync_playwright import Axe
from nbconvert import HTMLExporter
from PIL import Image
from playwright.sync_api import expect
from viewer_page import IMAGE, drag, executed, mount_state, press, settled, spot

from lessonkit import testing
from regseg import show
from regseg.show import living

EXPLORE = "explorer = show.explore(image, overlay=image * 2, labels=mask)\nexplorer"


def test_the_page_gets_the_true_voxels(image):
    layer = show.explore(image, overlay=sitk.Cast(image, sitk.sitkInt64)).canvas.layers
    values = np.frombuffer(zlib.decompress(layer["image"]["voxels"]), layer["image"]["type"])
    assert np.array_equal(values, sitk.GetArrayViewFromImage(image).ravel())
    assert layer["overlay"]["type"] == "float64"  # pages have no 64-bit whole numbers in their arrays


LARGE = """
import SimpleITK as sitk, numpy as np
from regseg import show
large = sitk.GetImageFromArray(np.zeros((300, 300, 320), np.uint16))
large.SetSpacing((0.5, 0.5, 1))
large[40:60, 40:60, 40:60] = 700
"""


def test_of_a_large_image_the_page_gets_a_sketch_of_the_same_place_and_then_every_voxel():
    names: dict = {}
    exec(LARGE, names)
    explorer = show.explore(names["large"], labels=names["large"] > 0, at=(24.0, 25.0, 50.0))
    scene, layers = explorer.canvas.scene, explorer.canvas.layers
    assert np.prod(scene["size"]) <= 1_000_000 and layers.keys() == {"image", "labels"}
    assert np.all(np.multiply(scene["size"], scene["spacing"]) >= (160, 150, 300))
    explorer._ipython_display_()  # what a notebook calls
    scene, layers = explorer.canvas.scene, explorer.canvas.layers
    assert scene["size"] == (320, 300, 300) and "sketch" not in scene
    values = np.frombuffer(zlib.decompress(layers["image"]["voxels"]), layers["image"]["type"])
    assert np.array_equal(values, sitk.GetArrayViewFromImage(names["large"]).ravel())


def test_noise_that_no_compression_makes_smaller_is_sent_as_it_is():
    noise = sitk.GetImageFromArray(np.random.default_rng(0).random((60, 60, 60)).astype(np.float32))
    (layer,) = show.explore(noise).canvas.layers.values()
    assert zlib.decompress(layer["voxels"]) == sitk.GetArrayFromImage(noise).tobytes()
    assert len(layer["voxels"]) == pytest.approx(4 * 60**3, rel=0.001)


def test_a_large_image_is_all_there_in_a_notebook_in_the_end(run):
    page = run(LARGE, "show.explore(large, at=(24.0, 25.0, 50.0))")
    viewer = page.locator(".regseg-explore")
    readout, caption = viewer.locator(".readout"), viewer.locator(".caption").first
    expect(readout).to_have_text("x 24.0, y 25.0, z 50.0 mm · voxel (48, 50, 50) · value 700", timeout=testing.PATIENCE)
    expect(caption).to_have_text("axial · k = 50 · z = 50 mm")
    viewer.locator("canvas").first.press("ArrowLeft")
    expect(readout).to_contain_text("voxel (47, 50, 50)")


def test_position_is_physical(image):
    explorer = show.explore(image)
    assert np.allclose(explorer.position, image.TransformIndexToPhysicalPoint((10, 8, 3)))
    explorer.position = image.TransformIndexToPhysicalPoint((1, 2, 3))
    assert np.allclose(explorer.canvas.position, explorer.position)
    with pytest.raises(ValueError, match="outside"):
        explorer.position = (500, 0, 0)
    flat = show.explore(image[:, :, 2])
    assert len(flat.position) == 2


def test_it_carries_a_picture_of_the_current_position():
    moved = "explorer.position = image.TransformIndexToPhysicalPoint((1, 2, 0))\nexplorer"
    first, second = (cell.outputs for cell in executed(IMAGE, EXPLORE, moved).cells[1:])
    pictures = [[output.data["image/png"] for output in some if "image/png" in output.data] for some in (first, second)]
    assert [len(some) for some in pictures] == [1, 1] and pictures[0] != pictures[1]
    assert base64.b64decode(pictures[0][0]).startswith(b"\x89PNG")
    assert "application/vnd.jupyter.widget-view+json" in first[0].data
    words = (
        "image of 20 × 16 × 6 voxels, at (34.26, 36, -23.97) mm; axial; coronal; sagittal; with overlay; with labels"
    )
    assert first[1].metadata["image/png"]["alt"] == words


def test_infinity_and_nan_leave_the_sliders_their_ends(image):
    odd = sitk.GetArrayFromImage(image).astype(np.float32)
    odd[0, 0, :3] = np.inf, -np.inf, np.nan
    of_odd = sitk.GetImageFromArray(odd)
    of_odd.CopyInformation(image)
    scene = show.explore(of_odd, overlay=of_odd).canvas.scene
    json.dumps(scene, allow_nan=False)
    assert scene["range"][1] == image[19, 15, 5]


def test_a_cell_under_a_microscope_is_as_wide_as_a_head_and_has_a_place(page):
    cell = sitk.GetImageFromArray(np.arange(16**3, dtype=np.uint16).reshape(16, 16, 16))
    cell.SetSpacing((3e-4, 3e-4, 3e-4))
    mount_state(page, living.state("explore", [show.explore(cell, at=(3e-4, 6e-4, 9e-4)).view()]))
    assert page.locator("canvas").first.bounding_box()["width"] > 150
    assert page.locator(".readout").inner_text().startswith("x 0.0003, y 0.0006, z 0.0009 mm")


def test_bad_input_says_what_to_do(image):
    with pytest.raises(ValueError, match="different grids.*sitk.Resample"):
        show.explore(image, overlay=sitk.Shrink(image, (2, 2, 1)))
    with pytest.raises(ValueError, match="scalar images"):
        show.explore(sitk.Compose(*[sitk.Cast(image, sitk.sitkUInt8)] * 3), overlay=image)
    with pytest.raises(ValueError, match=r"list of objects.*sitk\.LabelMapToLabel"):
        show.explore(image, labels=sitk.LabelImageToLabelMap(sitk.Cast(image > 9, sitk.sitkUInt8)))


def test_a_page_without_a_kernel_shows_the_picture_and_says_what_it_is():
    page, _ = HTMLExporter().from_notebook_node(executed(IMAGE, EXPLORE))
    (picture,) = re.findall(r"<img[^>]*>", page)
    assert 'alt="image of 20 × 16 × 6 voxels' in picture and 'src="data:image/png;base64,' in picture
    assert "model not found" not in page


def test_the_viewer_answers_while_the_kernel_is_busy(run, image):
    busy = "import time\nfor _ in range(600): time.sleep(0.1)"  # so that nothing the page does can have come from it
    page = run(IMAGE, EXPLORE, busy)
    outside: list[str] = []
    ours = ("http://127.0.0.1", "ws://127.0.0.1", "data:", "blob:")
    page.on("request", lambda r: None if r.url.startswith(ours) else outside.append(r.url))
    viewer = page.locator(".regseg-explore")
    canvases, readout = viewer.locator("canvas"), viewer.locator(".readout")
    expect(page.locator(".jp-InputPrompt").filter(has_text="[*]")).to_have_count(1)  # the busy one, the last
    expect(canvases).to_have_count(3)

    def said() -> tuple[list[float], list[int], int]:
        """Position, voxel and value in the text under the planes."""
        numbers = re.findall(r"-?\d+(?:\.\d+)?", readout.inner_text().replace("−", "-"))
        return [float(n) for n in numbers[:3]], [int(n) for n in numbers[3:6]], int(numbers[6])

    # Proportions are physical: axial 40 mm across; the planes are as tall as the tallest, 32 mm.
    box = canvases.nth(0).bounding_box()
    assert box["width"] / box["height"] == pytest.approx(40 / 32, rel=0.02)
    assert viewer.locator(".caption").nth(0).inner_text() == "axial · k = 3 · oblique"

    canvases.nth(0).click(position={"x": box["width"] * (4.5 / 20), "y": box["height"] * (6.5 / 16)})
    expect(readout).to_contain_text("voxel (4, 6, 3)")
    position, voxel, value = said()
    assert voxel == [4, 6, 3] and value == image[4, 6, 3]
    assert position == pytest.approx(image.TransformIndexToPhysicalPoint(voxel), abs=0.051)

    def drawn() -> str:
        return canvases.nth(0).evaluate("canvas => canvas.toDataURL()")

    before = drawn()
    page.keyboard.press("PageUp")
    expect(readout).to_contain_text(f"voxel (4, 6, 4) · value {image[4, 6, 4]} ")
    assert drawn() != before
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    expect(readout).to_contain_text(f"voxel (5, 7, 4) · value {image[5, 7, 4]} ")

    # A control reaches the canvas without the kernel too.
    before = drawn()
    page.get_by_role("button", name="Checkerboard").click()
    page.wait_for_function(
        "before => document.querySelector('.regseg-explore canvas').toDataURL() !== before", arg=before
    )
    expect(page.locator(".jp-InputPrompt").filter(has_text="[*]")).to_have_count(1)
    assert not outside
    report = Axe().run(page, context=".jp-OutputArea-output .widget-vbox")
    assert report.violations_count == 0, report.generate_report()


def test_letters_do_not_touch_the_notebook_but_the_usual_keys_run_its_cells(run):
    page = run(IMAGE, EXPLORE, "1 + 1", "2 + 2")
    cells, viewer = page.locator(".jp-Notebook .jp-Cell"), page.locator(".regseg-explore")
    coronal = viewer.locator("canvas").nth(1)
    for part in (coronal, page.get_by_role("button", name="Difference"), page.get_by_role("slider").first):
        part.focus()
        for key in "rmxbadd":
            page.keyboard.press(key)
    coronal.focus()
    page.keyboard.press("PageUp")
    expect(viewer.locator(".readout")).to_contain_text("voxel (10, 9, 3)")  # the keys before have been heard
    expect(cells).to_have_count(4)
    expect(page.locator(".jp-Notebook .jp-CodeCell")).to_have_count(4)
    expect(viewer).to_have_count(1)
    coronal.click()
    page.keyboard.press("Shift+Enter")
    expect(page.locator(".jp-InputPrompt").filter(has_text="[5]")).to_be_visible()


def test_a_drag_stays_in_its_plane_and_a_small_turn_of_the_wheel_is_no_slice(run):
    page = run(IMAGE, EXPLORE)
    readout, axial = page.locator(".regseg-explore .readout"), page.locator(".regseg-explore canvas").nth(0)
    box = axial.bounding_box()
    page.mouse.move(box["x"] + 9, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.99, box["y"] + box["height"] / 2, steps=5)
    page.mouse.move(box["x"] + box["width"] * 1.5, box["y"] + box["height"] * 0.9, steps=9)
    page.mouse.up()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] - 40)  # from here the crosshair is read
    expect(readout).to_contain_text("voxel (19, 8, 3)")
    page.mouse.move(box["x"] + 9, box["y"] + box["height"] / 2)
    for _ in range(3):
        page.mouse.wheel(0, -12)
    expect(readout).to_contain_text("voxel (0, 8, 3)")
    page.mouse.wheel(0, -12)
    expect(readout).to_contain_text("voxel (19, 8, 4)")
    page.mouse.wheel(0, 120)  # one notch of a mouse
    expect(readout).to_contain_text("voxel (19, 8, 3)")


def test_enlarged_planes_keep_the_crosshair_in_sight(run, image):
    page = run(IMAGE, EXPLORE)
    viewer = page.locator(".regseg-explore")
    readout = viewer.locator(".readout")

    def click(right: int, down: int) -> None:
        """Click so many enlarged voxels from the middle of the axial plane."""
        box = viewer.locator("canvas").nth(0).bounding_box()
        voxel = 2 * box["width"] / image.GetSize()[0]
        page.mouse.click(box["x"] + box["width"] / 2 + right * voxel, box["y"] + box["height"] / 2 + down * voxel)

    page.mouse.click(*spot(viewer, image, 0, (14, 6, 3)))
    press(page, "z", "z")  # twice as large
    click(3, -2)
    expect(readout).to_contain_text("voxel (17, 4, 3)")
    click(0, 0)
    expect(readout).to_contain_text("voxel (14, 6, 3)")
    press(page, "Shift+ArrowLeft")  # out of sight, if it did not follow
    expect(readout).to_contain_text("voxel (4, 6, 3)")
    click(1, 1)
    expect(readout).to_contain_text("voxel (5, 7, 3)")
    press(page, "Shift+Z", "Shift+Z", "Shift+Z")  # no smaller than the whole image
    page.mouse.click(*spot(viewer, image, 0, (19, 15, 3)))
    expect(readout).to_contain_text("voxel (19, 15, 3)")


def test_values_that_are_not_finite_hide_nothing_and_what_has_no_value_is_striped(run):
    """From left to right: the image alone where the overlay is NaN, both, stripes for NaN, black for infinity."""
    page = run(
        IMAGE,
        """
values = np.full((2, 12, 30), 100, np.float32)
over = np.full_like(values, 5)
over[..., :10] = np.nan
over[..., 10:12] = 0, 1
values[..., 20:25] = over[..., 20:25] = np.nan
values[..., 25:] = over[..., 25:] = np.inf
odd = sitk.GetImageFromArray(values)
show.explore(odd, overlay=sitk.GetImageFromArray(over), window=(0, 200))""",
    )
    read = """canvas => [4, 15.5, 22, 28].map(i => [...canvas.getContext("2d").getImageData(
        canvas.width * (i + 0.5) / 30, canvas.height * 0.4, 1, 1).data.slice(0, 3)])"""
    alone, both, unknown, infinite = page.locator(".regseg-explore canvas").nth(0).evaluate(read)
    assert alone == pytest.approx([127.5] * 3, abs=1) and infinite == [0, 0, 0]
    assert unknown in ([70, 60, 100], [35, 30, 50])
    red, _, blue = both
    assert red > blue
    page.get_by_role("button", name="Difference").click()
    page.wait_for_function(f"({read})(document.querySelector('.regseg-explore canvas'))[0].join() === '0,0,0'")
    expect(page.get_by_text("javascript error")).to_have_count(0)


def test_the_morning_after_the_pictures_are_there(run, jupyter):
    page = run(IMAGE, EXPLORE, 'show.pick(image, image[:, :, 2:], "pairs.csv")')
    still = page.get_by_role("img", name=re.compile("20 × 16 × 6 voxels"), include_hidden=True)
    pair = page.get_by_role("img", name=re.compile("The fixed image above"), include_hidden=True)
    expect(page.locator(".regseg-explore .planes")).to_have_count(3)
    for picture in (still, pair):
        expect(picture).to_be_attached()
        expect(picture).to_be_hidden()
    testing.save(page)

    testing.end_kernels(jupyter[1])
    testing.open_notebook(page, jupyter[1], "viewer.ipynb")
    expect(page.get_by_text("model not found")).to_have_count(2)
    for error in page.get_by_text("model not found").all():
        expect(error).to_be_hidden()
    for picture in (still, pair):
        expect(picture).to_be_visible()
        assert picture.evaluate("image => image.naturalWidth") > 400
    expect(page.locator(".regseg-explore")).to_have_count(0)


@pytest.fixture
def viewer(page, image):
    """The viewer on a page without a kernel, and its picture of the image of the tests."""
    mount_state(page, living.state("explore", [show.explore(image).view()]))
    return page


def drawn(page) -> str:
    settled(page)
    return page.locator("canvas").first.evaluate("canvas => canvas.toDataURL()")


def windows(page) -> list[float]:
    return [float(page.get_by_role("slider", name=name).input_value()) for name in ("Black at", "White at")]


def test_the_right_button_drags_the_window_and_reset_gives_it_back(viewer, image):
    before, low_high = drawn(viewer), windows(viewer)
    x, y = spot(viewer.locator(".regseg-explore"), image, 0, (10, 8, 3))
    viewer.mouse.move(x, y)
    viewer.mouse.down(button="right")
    viewer.mouse.move(x - 60, y)
    viewer.mouse.up(button="right")
    assert drawn(viewer) != before
    narrow = windows(viewer)
    assert low_high[0] < narrow[0] < narrow[1] < low_high[1]
    viewer.get_by_role("button", name="Reset").click()
    assert drawn(viewer) == before and windows(viewer) == low_high


def test_shift_drags_an_enlarged_picture_and_leaves_the_crosshair_where_it_was(viewer, image):
    place = spot(viewer.locator(".regseg-explore"), image, 0, (10, 8, 3))
    viewer.mouse.click(*place)
    press(viewer, "z", "z")
    before, words = drawn(viewer), viewer.locator(".readout").inner_text()
    viewer.keyboard.down("Shift")
    drag(viewer, place, (place[0] + 25, place[1] + 10))
    viewer.keyboard.up("Shift")
    viewer.mouse.move(0, 0)
    assert drawn(viewer) != before
    assert viewer.locator(".readout").inner_text() == words


def test_two_fingers_enlarge_and_move_the_picture_with_what_is_between_them(browser, image):
    with browser.new_context(viewport={"width": 600, "height": 900}, has_touch=True) as context:
        page = context.new_page()
        mount_state(page, living.state("explore", [show.explore(image).view()]))
        before = drawn(page)
        x, y = spot(page.locator(".regseg-explore"), image, 0, (10, 8, 3))
        touch = context.new_cdp_session(page)
        for kind, moved, apart in (("touchStart", 0, 20), ("touchMove", 10, 30), ("touchMove", 30, 60)):
            points = [{"x": x + moved + side * apart, "y": y + moved, "id": side + 2} for side in (-1, 1)]
            touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
        enlarged = drawn(page)
        touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        assert enlarged != before and drawn(page) == enlarged and page.evaluate("scrollY") == 0
        page.mouse.move(x + 30, y + 30)
        assert "voxel (10, 8, " in page.locator(".readout").inner_text()


def test_the_picture_can_be_saved(viewer):
    with viewer.expect_download() as download:
        viewer.get_by_role("button", name="Save picture").click()
    assert download.value.suggested_filename == "planes.png"
    saved = Image.open(download.value.path())
    sizes = viewer.locator("canvas").evaluate_all("all => all.map(one => [one.width, one.height])")
    assert saved.size == (sum(width for width, _ in sizes) + 12, max(height for _, height in sizes))


def test_the_axial_plane_of_a_whole_body_is_no_stamp(page):
    body = sitk.Image(64, 64, 225, sitk.sitkInt16)
    body.SetSpacing((8, 8, 8))
    mount_state(page, living.state("explore", [show.explore(body).view()]))
    widths = page.locator("canvas").evaluate_all("all => all.map(one => one.clientWidth)")
    assert min(widths) > 180


def test_two_viewers_are_in_step_at_one_position_in_mm(run, image):
    page = run(
        IMAGE,
        "fixed = show.explore(image)\nfixed",
        "moving = show.explore(image[::2, ::2, :])\nmoving.follow(fixed)\nmoving",
    )
    first, second = (page.locator(".regseg-explore").nth(n) for n in range(2))
    second.locator(".readout").wait_for()
    page.mouse.click(*spot(first, image, 0, (4, 6, 3)))
    expect(second.locator(".readout")).to_contain_text("voxel (2, 3, 3)")
    with pytest.raises(ValueError, match="no place is in both"):
        show.explore(image).follow(show.explore(image[:, :, 0]))
