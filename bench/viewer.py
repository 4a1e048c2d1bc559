"""From a key press to changed pixels: the course's viewer, ipyniivue, and a matplotlib figure drawn anew.

Each shows three planes of the 1 mm head with an overlay (template, T1-weighted MR; 197 x 233 x 189) in one JupyterLab
and one headless Chromium without a GPU. The clock starts with the browser's own time stamp of the key event. It stops
at the first frame that shows the new pictures, twice: by the browser's time stamp of that frame ("pixels"), and when
this program has received it, encoded and sent ("received", an upper bound). Nothing of the viewers is instrumented.
(Where Chromium is told to compose with a software GL, its time stamps precede the finished frame; so it is not told.)
"""

from __future__ import annotations

import base64
import io
import shutil
import statistics
import tempfile
import time
from pathlib import Path

import nbformat
import numpy as np
from PIL import Image
from playwright.sync_api import Page, sync_playwright

from lessonkit import kernel, lab, testing
from measure import write_results

PRESSES = 20

HEAD = """
from importlib.resources import files
import SimpleITK as sitk
folder = files("nilearn") / "datasets" / "data"
t1_file, grey_file = (folder / f"mni_icbm152_{n}_tal_nlin_sym_09a_converted.nii.gz" for n in ("t1", "gm"))
t1, grey = sitk.ReadImage(t1_file), sitk.ReadImage(grey_file)
"""

# What each viewer needs: its cell, where to click so that it takes the keys, the key, and what shows the pictures.
VIEWERS = {
    "show.explore": (
        "from regseg import show\nshow.explore(t1, overlay=grey)",
        ".regseg-explore canvas >> nth=0",
        "PageUp",
        ".regseg-explore canvas >> nth=0",
    ),
    "ipyniivue": (
        """
from ipyniivue import NiiVue, SliceType
viewer = NiiVue(height=300)
viewer.load_volumes([{"path": t1_file}, {"path": grey_file, "colormap": "inferno", "opacity": 0.5}])
viewer.set_slice_type(SliceType.MULTIPLANAR)
viewer""",
        ".jp-OutputArea canvas >> nth=0",
        "l",
        ".jp-OutputArea canvas >> nth=0",
    ),
    "matplotlib": (
        """
import ipywidgets
import matplotlib.pyplot as plt
a, b = sitk.GetArrayFromImage(t1), sitk.GetArrayFromImage(grey)

@ipywidgets.interact(k=ipywidgets.IntSlider(94, 0, 188))
def draw(k):
    figure, axes = plt.subplots(1, 3, figsize=(9, 3))
    for ax, at in zip(axes, ((k,), (slice(None), 116), (slice(None), slice(None), 98)), strict=True):
        ax.imshow(a[at], cmap="gray")
        ax.imshow(b[at], cmap="inferno", alpha=0.5)
        ax.axis("off")
    plt.show()""",
        ".noUi-handle",
        "ArrowRight",
        ".jp-OutputArea img",
    ),
}


def measure(page: Page, address: str, name: str) -> tuple[list[float], list[float]]:
    """Milliseconds from each of PRESSES key presses to the new pictures: composed, and received here."""
    _, target, key, pictures = VIEWERS[name]
    testing.run_all(page, address, f"{name}.ipynb")
    page.locator(pictures).first.wait_for(timeout=60_000)
    page.evaluate("addEventListener('keydown', e => { window.pressed = performance.timeOrigin + e.timeStamp }, true)")
    page.locator(target).first.click()
    box = page.locator(pictures).first.bounding_box()
    part = tuple(map(int, (box["x"] + 2, box["y"] + 2, box["x"] + box["width"] - 2, box["y"] + box["height"] - 2)))

    frames: list[tuple[float, float, bytes]] = []
    session = page.context.new_cdp_session(page)

    def keep(frame: dict) -> None:
        received = time.time() * 1000
        frames.append((frame["metadata"]["timestamp"] * 1000, received, base64.b64decode(frame["data"])))
        session.send("Page.screencastFrameAck", {"sessionId": frame["sessionId"]})

    session.on("Page.screencastFrame", keep)
    session.send("Page.startScreencast", {"format": "png", "everyNthFrame": 1})

    def press(before: np.ndarray) -> np.ndarray:
        """Press the key; the pictures once they have changed and stay: a late frame must not pass for an early one."""
        frames.clear()
        page.keyboard.press(key)
        last = before
        for _ in range(60):
            page.wait_for_timeout(500)
            now = pixels(frames[-1][2], part) if frames else before
            if np.array_equal(now, last) and not np.array_equal(now, before):
                return now
            last = now
        raise RuntimeError(f"{name}: the key {key} did not change the pictures.")

    composed, received = [], []
    before = press(press(pixels(page.screenshot(), part)))  # not counted: images travel, shaders compile
    for _ in range(PRESSES):
        after = press(before)
        new = next(frame for frame in frames if np.array_equal(pixels(frame[2], part), after))
        pressed = page.evaluate("window.pressed")
        composed.append(new[0] - pressed)
        received.append(new[1] - pressed)
        before = after
    session.send("Page.stopScreencast")
    session.detach()
    return composed, received


def static_pictures(notebook: Path) -> int:
    """How many pictures a run without a browser records: what a page without a kernel can show."""
    ran = nbformat.read(notebook, as_version=4)
    with kernel.fresh_kernel(ran) as client:
        for n, cell in enumerate(ran.cells):
            client.execute_cell(cell, n)
    return sum("image/png" in output.get("data", {}) for cell in ran.cells for output in cell.outputs)


def pixels(png: bytes, part: tuple[int, int, int, int]) -> np.ndarray:
    """The part of a screenshot that shows the pictures."""
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB").crop(part))


def main() -> None:
    figures = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, (cell, *_) in VIEWERS.items():
            testing.write_notebook(Path(folder, f"{name}.ipynb"), HEAD, cell)
        with lab.jupyterlab(Path(folder)) as (address, _), sync_playwright() as playwright:
            installed = shutil.which("chromium") or shutil.which("google-chrome")  # else Playwright's own
            browser = playwright.chromium.launch(executable_path=installed, args=["--no-sandbox"])
            for name in VIEWERS:
                page = browser.new_page(viewport={"width": 1000, "height": 700})
                composed, received = measure(page, address, name)
                page.close()
                print(name, [round(t) for t in composed], [round(t) for t in received])
                figures[name] = {
                    "until drawn, median (ms)": round(statistics.median(composed), 1),
                    "until drawn, 95th percentile (ms)": round(float(np.percentile(composed, 95)), 1),
                    "until received, median (ms)": round(statistics.median(received), 1),
                    "pictures without a kernel": static_pictures(Path(folder, f"{name}.ipynb")),
                }
            browser.close()
    print(write_results("viewer", {f"{PRESSES} key presses": figures}))


if __name__ == "__main__":
    main()
