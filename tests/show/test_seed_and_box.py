"""Seeds and boxes: what they begin with, what they give back, their picture, and how they are set in a real browser."""

import json

import pytest
import SimpleITK as sitk
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect
from viewer_page import IMAGE, drag, executed, press, spot

from regseg import show
from regseg.grid import Box

HALF = Box((2, 3, 1), (12, 13, 5))
SHOWN = (
    "from regseg.grid import Box\nseeder = show.seed(image, [(5, 6, 3)])\nseeder",
    f"cropper = show.box(image, {HALF})\ncropper",
)


def test_seeds_are_indices_that_region_growing_takes(image):
    grown = sitk.ConnectedThreshold(image, seedList=show.seed(image, [(5, 6, 3), (1, 2, 0)]).seeds, lower=0, upper=9999)
    assert sitk.GetArrayViewFromImage(grown).all()
    assert show.seed(image).seeds == []
    assert show.seed(image[:, :, 2], [(4, 3)]).seeds == [(4, 3)]


def test_a_box_cuts_its_voxels_out(image):
    box = show.box(image, HALF).box
    assert box == HALF
    piece = sitk.RegionOfInterest(image, box.size, box.start)
    assert piece.GetSize() == (10, 10, 4) and piece[0, 0, 0] == image[2, 3, 1]
    assert show.box(image).box.size == image.GetSize()
    assert show.box(image[:, :, 2], Box((1, 2), (3, 4))).box == Box((1, 2), (3, 4))


@pytest.mark.parametrize("index", [(20, 0, 0), (-1, 0, 0), (1, 2), (1.7, 2, 3), 5, "abc"])
def test_a_seed_outside_is_refused(image, index):
    with pytest.raises(ValueError, match=r"no voxel of this image, whose size is \(20, 16, 6\)"):
        show.seed(image, [index])


@pytest.mark.parametrize("box", [Box((0, 0, 0), (21, 1, 1)), Box((3, 3, 3), (3, 4, 4)), Box((0, 0), (1, 1))])
def test_a_box_that_is_empty_or_reaches_out_is_refused(image, box):
    with pytest.raises(ValueError, match="does not lie in this image"):
        show.box(image, box)


def test_they_leave_a_picture_that_says_what_it_is():
    seeds, box = (cell.outputs[1] for cell in executed(IMAGE, *SHOWN).cells[1:])
    assert "seeds [(5, 6, 3)]" in seeds.metadata["image/png"]["alt"]
    assert "Box(start=(2, 3, 1), stop=(12, 13, 5))" in box.metadata["image/png"]["alt"]
    assert seeds.data["image/png"] != box.data["image/png"]


def test_seeds_and_a_box_are_set_in_jupyterlab(run, jupyter, image):
    told = """
from pathlib import Path
import json
Path("told.json").write_text(json.dumps([seeder.seeds, cropper.box.start, cropper.box.stop]))"""
    page = run(IMAGE, *SHOWN, told)
    seeds, box = (page.locator(".regseg-explore").nth(n) for n in (0, 1))
    seeded, boxed = seeds.locator(".task"), box.locator(".task")

    page.mouse.click(*spot(seeds, image, 0, (9, 9, 3)))  # a look
    page.mouse.dblclick(*spot(seeds, image, 0, (15, 12, 3)))
    expect(seeded).to_contain_text("2 seeds.")
    page.keyboard.press("PageUp")
    page.keyboard.press("Enter")
    page.mouse.dblclick(*spot(seeds, image, 0, (1, 1, 4)))
    expect(seeded).to_contain_text("4 seeds.")
    page.keyboard.press("Backspace")
    expect(seeded).to_contain_text("3 seeds.")

    # A rectangle in the axial plane, and then the two other edges, in the sagittal one.
    drag(page, spot(box, image, 0, (6, 4, 3)), spot(box, image, 0, (10, 11, 3)))
    expect(boxed).to_have_text("Box of 5 × 8 × 4 voxels, 10 × 16 × 20 mm, from voxel (6, 4, 1).")
    (x, low), (_, high) = (spot(box, image, 2, (6, 8, k)) for k in (1, 4))
    half = (low - high) / 6  # of a slice
    drag(page, (x, high - half), spot(box, image, 2, (6, 8, 5)))
    expect(boxed).to_contain_text("5 × 8 × 5 voxels")
    drag(page, (x, low + half), spot(box, image, 2, (6, 8, 2)))
    expect(boxed).to_have_text("Box of 5 × 8 × 4 voxels, 10 × 16 × 20 mm, from voxel (6, 4, 2).")
    # By keyboard, from corner to corner; the second time it is given up.
    page.mouse.click(*spot(box, image, 0, (8, 7, 3)))
    press(page, "Enter", "ArrowRight", "ArrowRight", "ArrowDown", "PageDown")
    expect(boxed).to_contain_text("3 × 2 × 2 voxels, 6 × 4 × 10 mm, from voxel (8, 7, 2): move the crosshair")
    press(page, "Enter", "PageUp", "ArrowLeft")
    expect(boxed).to_have_text("Box of 3 × 2 × 2 voxels, 6 × 4 × 10 mm, from voxel (8, 7, 2).")
    press(page, "Enter", "ArrowUp")
    expect(boxed).to_contain_text("Box of 1 × 2 × 1 voxels")
    press(page, "Escape")
    expect(boxed).to_have_text("Box of 3 × 2 × 2 voxels, 6 × 4 × 10 mm, from voxel (8, 7, 2).")

    report = Axe().run(page, context=".jp-OutputArea-output .widget-vbox")
    assert report.violations_count == 0, report.generate_report()

    page.locator(".jp-CodeCell").last.locator(".cm-content").click()
    page.keyboard.press("Shift+Enter")
    expect(page.locator(".jp-InputPrompt").filter(has_text="[5]")).to_be_visible()
    assert json.loads((jupyter[0] / "told.json").read_text()) == [
        [[5, 6, 3], [15, 12, 3], [15, 12, 4]],
        [8, 7, 2],
        [11, 9, 4],
    ]
