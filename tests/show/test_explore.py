"""The viewer: its static picture, its errors, and how it behaves in a real JupyterLab."""

import base64
import re
import zlib
from pathlib import Path

import nbformat
import numpy as np
import pytest
import SimpleITK as sitk
from axe_playwright_python.sync_playwright import Axe
from nbclient import execute
from nbconvert import HTMLExporter
from playwright.sync_api import expect

from lessonkit import lab, testing
from regseg import show

# An oblique, anisotropic image in which every voxel has a value of its own, and a mask on the same grid.
IMAGE = """
import SimpleITK as sitk, numpy as np
from regseg import show
image = sitk.GetImageFromArray(np.arange(20 * 16 * 6, dtype=np.int16).reshape(6, 16, 20))
image.SetSpacing((2, 2, 5))
image.SetOrigin((10, 20, -30))
turn = sitk.Euler3DTransform((0, 0, 0), 0.0, 0.4, 0.0)
image.SetDirection(turn.GetMatrix())
mask = sitk.Cast(image > 900, sitk.sitkUInt8)
"""
EXPLORE = "explorer = show.explore(image, overlay=image * 2, labels=mask)\nexplorer"


@pytest.fixture
def image() -> sitk.Image:
    names: dict = {}
    exec(IMAGE, names)
    return names["image"]


def test_the_page_gets_the_true_voxels(image):
    layer = show.explore(image, overlay=sitk.Cast(image, sitk.sitkInt64)).canvas.layers
    values = np.frombuffer(zlib.decompress(layer["image"]["voxels"]), layer["image"]["type"])
    assert np.array_equal(values, sitk.GetArrayViewFromImage(image).ravel())
    assert layer["overlay"]["type"] == "float64"  # pages have no 64-bit whole numbers in their arrays


def test_position_is_physical(image):
    explorer = show.explore(image)
    assert np.allclose(explorer.position, image.TransformIndexToPhysicalPoint((10, 8, 3)))
    explorer.position = image.TransformIndexToPhysicalPoint((1, 2, 3))
    assert np.allclose(explorer.canvas.position, explorer.position)
    with pytest.raises(ValueError, match="outside"):
        explorer.position = (500, 0, 0)
    flat = show.explore(image[:, :, 2])
    assert len(flat.position) == 2


def test_it_carries_a_picture_of_the_current_position(image):
    explorer = show.explore(image)
    first = explorer._repr_mimebundle_()
    assert base64.b64decode(first["image/png"]).startswith(b"\x89PNG")
    assert "application/vnd.jupyter.widget-view+json" in first and len(first["text/plain"]) < 100
    explorer.position = image.TransformIndexToPhysicalPoint((1, 2, 0))
    assert explorer._repr_mimebundle_()["image/png"] != first["image/png"]


def test_bad_input_says_what_to_do(image):
    with pytest.raises(ValueError, match="different grids.*sitk.Resample"):
        show.explore(image, overlay=sitk.Shrink(image, (2, 2, 1)))
    with pytest.raises(ValueError, match="scalar images"):
        show.explore(sitk.Compose(*[sitk.Cast(image, sitk.sitkUInt8)] * 3), overlay=image)


def test_a_page_without_a_kernel_shows_the_picture():
    cells = [nbformat.v4.new_code_cell(source) for source in (IMAGE, EXPLORE)]
    notebook = execute(nbformat.v4.new_notebook(cells=cells), store_widget_state=False)
    page, _ = HTMLExporter().from_notebook_node(notebook)
    assert re.search(r'<img[^>]*src="data:image/png;base64', page)


@pytest.fixture(scope="module")
def jupyter(tmp_path_factory):
    folder: Path = tmp_path_factory.mktemp("notebooks")
    # The last cell keeps the kernel busy, so that nothing the page does can have come from it.
    busy = "import time\nfor _ in range(600): time.sleep(0.1)"
    testing.write_notebook(folder / "viewer.ipynb", IMAGE, EXPLORE, busy)
    with lab.jupyterlab(folder) as (address, _):
        yield address


def test_the_viewer_in_jupyterlab_while_the_kernel_is_busy(browser, jupyter, image):
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    outside: list[str] = []
    ours = ("http://127.0.0.1", "ws://127.0.0.1", "data:", "blob:")
    page.on("request", lambda r: None if r.url.startswith(ours) else outside.append(r.url))
    testing.run_all(page, jupyter, "viewer.ipynb")
    viewer = page.locator(".regseg-explore")
    canvases, readout = viewer.locator("canvas"), viewer.locator(".readout")
    readout.wait_for(timeout=60_000)
    page.locator(".jp-InputPrompt").filter(has_text="[*]").wait_for()
    assert canvases.count() == 3

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

    before = canvases.nth(0).screenshot()
    page.keyboard.press("PageUp")
    expect(readout).to_contain_text(f"voxel (4, 6, 4) · value {image[4, 6, 4]} ")
    assert canvases.nth(0).screenshot() != before
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    expect(readout).to_contain_text(f"voxel (5, 7, 4) · value {image[5, 7, 4]} ")

    # A control reaches the canvas without the kernel too.
    before = canvases.nth(0).screenshot()
    page.get_by_role("button", name="Checkerboard").click()
    page.wait_for_timeout(300)
    assert canvases.nth(0).screenshot() != before
    assert page.locator(".jp-InputPrompt").filter(has_text="[*]").count() == 1
    assert not outside
    report = Axe().run(page, context=".jp-OutputArea-output .widget-vbox")
    assert report.violations_count == 0, report.generate_report()
    page.close()
