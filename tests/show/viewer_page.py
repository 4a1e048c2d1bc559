"""What the tests of the viewer share: an image, a notebook that was run, and where a voxel is on the page."""

import nbformat
import SimpleITK as sitk
from playwright.sync_api import Locator, Page

from lessonkit import kernel
from regseg.show import geometry, living

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


ALIVE = """async ({ state, mount, script }) => {
  const load = text => import(URL.createObjectURL(new Blob([text], { type: "text/javascript" })));
  const [{ mount: start }, { default: widget }] = await Promise.all([mount, script].map(load));
  await start(document.querySelector("main"), state, widget);
}"""


def executed(*cells: str) -> nbformat.NotebookNode:
    """A notebook of these cells, with the outputs that a page without a front end of its own would be given."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    with kernel.fresh_kernel(notebook) as client:
        for n, cell in enumerate(notebook.cells):
            client.execute_cell(cell, n)
    return notebook


def spot(viewer: Locator, image: sitk.Image, plane: int, index: tuple[int, int, int]) -> tuple[float, float]:
    """Where the middle of a voxel lies on the page, in the axial (0), coronal (1) or sagittal (2) plane of a viewer."""
    shown = geometry.planes(image)[plane]
    canvas = viewer.locator("canvas").nth(plane)
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    ((x, y),) = shown.place(image, [image.TransformIndexToPhysicalPoint(index)])[0]
    scale = box["width"] / shown.size[0]
    top = (box["height"] - shown.size[1] * scale) / 2  # the planes are as tall as the tallest
    return box["x"] + x * scale, box["y"] + top + y * scale


def drag(page: Page, *places: tuple[float, float]) -> None:
    """Press the mouse at the first place, and let it go at the last."""
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=3)
    page.mouse.up()


def press(page: Page, *keys: str) -> None:
    """Press these keys, one after the other."""
    for key in keys:
        page.keyboard.press(key)


def mount_state(page: Page, state: dict) -> None:
    """A widget in a page as the website has it: from the state that a run keeps, by mount.js, without Python."""
    widget, mount = state["widget"], living.page_files()["mount.js"]
    page.set_content(f"<style>{living.style(widget)}</style><main></main>")
    page.evaluate(ALIVE, {"state": state, "mount": mount, "script": living.script(widget)})
    settled(page)


def settled(page: Page) -> None:
    """Wait until what was changed is drawn."""
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
