"""Picking landmark pairs: the points, the file, the static picture, and a real browser."""

from pathlib import Path

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect
from viewer_page import drag, spot

from lessonkit import lab, testing
from regseg import show

# Two oblique, anisotropic images on different grids.
IMAGES = """
import SimpleITK as sitk, numpy as np
from regseg import show
def volume(size, spacing, origin, angles):
    image = sitk.GetImageFromArray(np.arange(np.prod(size), dtype=np.int16).reshape(size[::-1]))
    image.SetSpacing(spacing)
    image.SetOrigin(origin)
    image.SetDirection(sitk.Euler3DTransform((0, 0, 0), *angles).GetMatrix())
    return image
fixed = volume((20, 16, 6), (2, 2, 5), (10, 20, -30), (0.0, 0.4, 0.0))
moving = volume((12, 14, 10), (3, 2.5, 3), (-40, 5, 8), (0.2, 0.0, 0.3))
"""
NAMES: dict = {}
exec(IMAGES, NAMES)
fixed, moving = NAMES["fixed"], NAMES["moving"]


@pytest.fixture
def picker(tmp_path):
    return show.pick(fixed, moving, tmp_path / "landmarks.csv")


def mark(picker, *indices) -> np.ndarray:
    """Set landmarks as the page does, in the fixed and the moving image by turns."""
    places = [(fixed, moving)[n % 2].TransformIndexToPhysicalPoint(index) for n, index in enumerate(indices)]
    picker.fixed.canvas.marks = [list(place) for place in places]
    return np.array(places)


def test_only_complete_pairs_count(picker):
    assert picker.fixed_points.shape == picker.moving_points.shape == (0, 3)
    places = mark(picker, (1, 2, 3), (4, 5, 6), (7, 8, 2))
    assert np.array_equal(picker.fixed_points, places[:1]) and np.array_equal(picker.moving_points, places[1:2])
    assert repr(picker) == "Picker: 1 pair of landmarks, and a landmark without its partner"
    picker.undo()
    picker.undo()
    assert len(picker.moving_points) == 0 and "without its partner" in repr(picker)


def test_the_file_is_written_whole_and_taken_up_again(picker, monkeypatch):
    places = mark(picker, (1, 2, 3), (4, 5, 6), (7, 8, 2), (1, 1, 1), (0, 0, 0))
    file = picker.save()
    header = "# fixed x,fixed y,fixed z,moving x,moving y,moving z (mm; LPS)\n"
    assert file.read_text(encoding="utf-8").startswith(header)
    assert np.allclose(np.loadtxt(file, delimiter=","), places[:4].reshape(2, 6), atol=1e-8)
    again = show.pick(fixed, moving, file)
    assert np.allclose(again.fixed_points, picker.fixed_points, atol=1e-8)
    before = file.read_bytes()
    mark(picker, (1, 2, 3), (4, 5, 6))

    def full(*_, **__):
        raise OSError("48 requested and 12 written")  # as NumPy says it

    monkeypatch.setattr(np, "savetxt", full)
    with pytest.raises(OSError, match="No space left"):
        picker.save()
    assert file.read_bytes() == before and [path.name for path in file.parent.iterdir()] == [file.name]


def test_flat_images(tmp_path):
    flat = fixed[:, :, 2], moving[:, :, 1]
    places = [image.TransformIndexToPhysicalPoint((3, 4)) for image in flat]
    picker = show.pick(*flat, tmp_path / "flat.csv")
    picker.fixed.canvas.marks = [[*place, 0.0] for place in places]
    assert np.array_equal(picker.fixed_points, places[:1])
    assert np.allclose(np.loadtxt(picker.save(), delimiter=","), np.ravel(places), atol=1e-8)
    assert np.allclose(show.pick(*flat, picker.file).moving_points, places[1:], atol=1e-8)


def test_bad_input_says_what_to_do(picker, tmp_path):
    with pytest.raises(ValueError, match="3 dimensions and moving 2"):
        show.pick(fixed, moving[:, :, 1])
    mark(picker, (1, 2, 3), (4, 5, 6))
    with pytest.raises(ValueError, match="give another name"):
        show.pick(moving, fixed, picker.save())
    other = tmp_path / "notes.csv"
    other.write_text("a,b\n1,2\n", encoding="utf-8")
    with pytest.raises(ValueError, match="notes.csv holds no pairs"):
        show.pick(fixed, moving, other)


def test_picking_in_jupyterlab(browser, tmp_path):
    cell = f"{IMAGES}\npicker = show.pick(fixed, moving)\npicker"
    testing.write_notebook(tmp_path / "pick.ipynb", cell)
    with lab.jupyterlab(tmp_path) as (address, _):
        page = browser.new_page(viewport={"width": 1280, "height": 1400})
        testing.run_all(page, address, "pick.ipynb")
        viewers = page.locator(".regseg-explore")
        expect(viewers).to_have_count(2)
        task = viewers.nth(0).locator(".task")
        expect(task).to_have_text("0 pairs. Next: double-click landmark 1 in the fixed image.")
        axial = [viewers.nth(n).locator("canvas").nth(0) for n in (0, 1)]

        def at(n: int, i: int, j: int) -> tuple[float, float]:
            return spot(viewers.nth(n), (fixed, moving)[n], 0, (i, j, (3, 5)[n]))

        def set_mark(n: int, i: int, j: int) -> None:
            page.mouse.dblclick(*at(n, i, j))

        # To look around, by click, drag and key, sets nothing.
        page.mouse.click(*at(0, 2, 3))
        drag(page, at(0, 2, 3), at(0, 9, 9), at(0, 3, 3))
        page.keyboard.press("ArrowLeft")
        expect(viewers.nth(0).locator(".readout")).to_contain_text("voxel (2, 3, 3)")
        expect(task).to_contain_text("0 pairs")

        set_mark(1, 2, 3)  # too early: the moving image waits
        expect(task).to_contain_text("0 pairs")
        set_mark(0, 1, 1)  # half a pair can still be set elsewhere
        set_mark(0, 4, 6)
        expect(task).to_have_text("Landmark 1: now double-click the same place in the moving image.")
        set_mark(1, 8, 4)
        drag(page, at(1, 8, 4), at(1, 5, 5), at(1, 3, 9))  # a landmark is moved
        set_mark(0, 11, 12)
        set_mark(1, 8, 2)
        page.mouse.click(*at(0, 15, 12))
        page.keyboard.press("m")  # by keyboard: the nearest one comes to the crosshair
        expect(task).to_have_text("2 pairs. Next: double-click landmark 3 in the fixed image.")
        # By keyboard: from the crosshairs' places.
        axial[0].focus()
        page.keyboard.press("PageUp")
        page.keyboard.press("ArrowLeft")
        page.keyboard.press("Enter")
        axial[1].focus()
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
        expect(task).to_contain_text("3 pairs")
        page.keyboard.press("Control+z")
        expect(task).to_contain_text("Landmark 3: now")
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
        expect(task).to_contain_text("3 pairs")
        set_mark(0, 0, 0)
        page.get_by_role("button", name="Undo").click()
        expect(task).to_contain_text("3 pairs")
        set_mark(0, 9, 9)  # a half pair is not saved
        page.get_by_role("button", name="Save", exact=True).click()
        expect(page.get_by_text("3 pairs saved in landmarks.csv.")).to_be_visible()

        report = Axe().run(page, context=".jp-OutputArea-output .widget-vbox")
        assert report.violations_count == 0, report.generate_report()
        page.screenshot(path=tmp_path / "page.png")
        page.close()
    saved = np.loadtxt(Path(tmp_path, "landmarks.csv"), delimiter=",")
    voxels = [((4, 6, 3), (3, 9, 5)), ((15, 12, 3), (8, 2, 5)), ((14, 12, 4), (8, 4, 5))]
    for line, (in_fixed, in_moving) in zip(saved, voxels, strict=True):
        assert fixed.TransformPhysicalPointToIndex(line[:3].tolist()) == in_fixed
        assert moving.TransformPhysicalPointToIndex(line[3:].tolist()) == in_moving
        assert np.allclose(line[:3], fixed.TransformIndexToPhysicalPoint(in_fixed), atol=1e-6)
