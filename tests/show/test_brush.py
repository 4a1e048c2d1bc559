"""The brush: what it starts from and gives back, the filling between slices, and painting in a real browser."""

import json
import os
import re
import resource
import signal

import numpy as np
import pytest
import SimpleITK as sitk
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect
from viewer_page import IMAGE, drag, executed, press, spot

from lessonkit import testing
from regseg import show
from regseg.grid import Grid

PAINT = 'painter = show.brush(image, file="{}", label_names={{1: "lesion", 300: "vessel"}})\npainter'


@pytest.fixture
def labels(image) -> sitk.Image:
    """Two labels, on the grid of the image."""
    return sitk.Cast(image > 300, sitk.sitkUInt8) + 2 * sitk.Cast(image > 1500, sitk.sitkUInt8)


def same(one: sitk.Image, other: sitk.Image) -> bool:
    """Whether two label images hold the same, on the same grid."""
    arrays = map(sitk.GetArrayViewFromImage, (one, other))
    return Grid.of(one).matches(Grid.of(other)) and np.array_equal(*arrays)


def hear(painter, **content) -> None:
    """Tell a painter what a page would."""
    painter.canvas.comm.handle_msg({"content": {"data": {"method": "custom", "content": content}}, "buffers": []})


def within(grid: Grid, index: tuple[int, ...], mm: float) -> np.ndarray:
    """The voxels whose centres lie within a diameter of mm around that of a voxel, as an array z, y, x."""
    indices = np.moveaxis(np.indices(grid.size), 0, -1)
    far = np.linalg.norm(grid.points(indices) - grid.points(index), axis=-1)
    return (far <= mm / 2 + 1e-6).T


# ---- what it starts from, and what it gives back


@pytest.mark.parametrize("suffix", [".nii.gz", ".nii", ".nrrd", ".mha"])
def test_the_file_keeps_labels_and_geometry_and_is_taken_up_again(image, labels, tmp_path, suffix):
    file = tmp_path / f"labels{suffix}"
    painter = show.brush(image, labels, file)
    assert not file.exists() and same(painter.labels, labels)
    assert painter.save() == file and same(sitk.ReadImage(file), labels)
    assert [path.name for path in tmp_path.iterdir()] == [file.name]
    again = show.brush(image, file=file)
    assert same(again.labels, labels) and Grid.of(again.labels) == Grid.of(image)
    assert again.labels.GetPixelID() == sitk.sitkUInt8


def test_a_file_goes_before_the_labels_to_begin_with(image, labels, tmp_path):
    file = show.brush(image, labels, tmp_path / "labels.nrrd").save()
    assert same(show.brush(image, labels * 0, file).labels, labels)


def test_a_painter_does_not_write_over_what_another_one_saved(image, labels, tmp_path):
    first = show.brush(image, labels, tmp_path / "labels.nrrd")
    first.save()
    second = show.brush(image, file=first.file)
    assert same(sitk.ReadImage(second.save()), labels)
    sitk.WriteImage(labels * 0, first.file)
    for painter in (first, second):
        with pytest.raises(FileExistsError, match="labels.nrrd was changed elsewhere: run the cell again"):
            painter.save()
    assert same(sitk.ReadImage(first.file), labels * 0)
    first.file.unlink()
    assert same(sitk.ReadImage(first.save()), labels)


def test_a_label_above_255_takes_16_bits(image, tmp_path):
    painter = show.brush(image, file=tmp_path / "labels.nrrd", label_names={300: "vessel"})
    assert painter.labels.GetPixelID() == sitk.sitkUInt16


def test_flat_images_are_painted_too(image, labels, tmp_path):
    painter = show.brush(image[:, :, 3], labels[:, :, 3], tmp_path / "flat.nrrd")
    assert same(sitk.ReadImage(painter.save()), labels[:, :, 3])


def test_a_full_disk_is_said_and_leaves_no_half_file(image, labels, tmp_path):
    """ITK itself takes a NIfTI file that it could not write for written."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    for suffix in (".nii.gz", ".nii", ".nrrd", ".mha"):
        painter = show.brush(image, labels, tmp_path / f"labels{suffix}")
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
        try:
            with pytest.raises((OSError, RuntimeError)):
                painter.save()
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert not list(tmp_path.iterdir())


def test_a_file_that_may_only_be_read_stays(image, labels, tmp_path):
    file = show.brush(image, labels, tmp_path / "truth.nrrd").save()
    file.chmod(0o444)
    painter = show.brush(image, file=file)
    hear(painter, edit="1", runs=[0, 5, 1])
    assert same(sitk.ReadImage(file), labels)
    with pytest.raises(PermissionError, match="truth.nrrd may only be read: give another name"):
        painter.save()


def test_files_beside_it_stay_and_a_link_stays_a_link(image, labels, tmp_path):
    (tmp_path / "far").mkdir()
    target = show.brush(image, labels * 0, tmp_path / "far" / "target.nrrd").save()
    beside = show.brush(image, labels, tmp_path / "part-labels.nrrd").save()
    link = tmp_path / "labels.nrrd"
    link.symlink_to(target)
    painter = show.brush(image, file=link)
    hear(painter, edit="1", runs=[0, 5, 1])
    assert link.is_symlink() and same(sitk.ReadImage(target), painter.labels)
    assert same(sitk.ReadImage(beside), labels)


def test_it_saves_where_it_began_when_a_cell_changes_the_folder(image, labels, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    painter = show.brush(image, labels, "labels.nrrd")
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "other")
    painter.save()
    assert same(sitk.ReadImage(tmp_path / "labels.nrrd"), labels) and not list((tmp_path / "other").iterdir())


def test_what_a_browser_kept_comes_back_with_its_label_though_the_cell_no_longer_names_it(image, tmp_path):
    painter = show.brush(image, file=tmp_path / "labels.nrrd", label_names={1: "lesion"})
    hear(painter, edit="1", runs=[0, 5, 300])
    assert np.unique(sitk.GetArrayFromImage(sitk.ReadImage(painter.file))).tolist() == [0, 300]
    assert same(show.brush(image, file=painter.file).labels, painter.labels)


def test_names_may_have_numbers_of_numpy(image, labels, tmp_path):
    names = {value: f"part {value}" for value in np.unique(sitk.GetArrayViewFromImage(labels))}
    painter = show.brush(image, labels, tmp_path / "labels.nrrd", label_names=names)
    assert json.loads(json.dumps(painter.canvas.brush))["labels"] == [1, 3]
    assert "part 1 " in repr(painter)


def test_bad_input_says_what_to_do(image, labels, tmp_path):
    file = tmp_path / "labels.nrrd"
    with pytest.raises(ValueError, match="keeps the geometry: take one of .nii.gz"):
        show.brush(image, file=tmp_path / "labels.png")
    with pytest.raises(FileNotFoundError, match="no folder .*nowhere.*make it first"):
        show.brush(image, file=tmp_path / "nowhere" / "labels.nrrd")
    with pytest.raises(ValueError, match="labels and image lie on different grids"):
        show.brush(image, labels[1:, :, :], file)
    for wrong in (sitk.Cast(labels, sitk.sitkFloat32) / 2, sitk.Cast(labels, sitk.sitkInt16) - 1, image * 70):
        with pytest.raises(ValueError, match="whole number from 1 to 65535"):
            show.brush(image, sitk.Cast(wrong, sitk.sitkFloat32), file)
    for names in ({-1: "air"}, {"1": "lesion"}):
        with pytest.raises(ValueError, match="whole number from 1 to 65535"):
            show.brush(image, file=file, label_names=names)
    for unknown in (np.nan, np.inf):
        holed = sitk.Cast(labels, sitk.sitkFloat32)
        holed[0, 0, 0] = unknown
        with pytest.raises(ValueError, match=f"hold {unknown}: a label is a whole number from 1 to 65535"):
            show.brush(image, holed, file)
    with pytest.raises(ValueError, match="a colour"):
        show.brush(image, sitk.Compose(labels, labels, labels), file)
    with pytest.raises(TypeError, match="an array has no spacing"):
        show.brush(image, sitk.GetArrayFromImage(labels), file)
    with pytest.raises(ValueError, match="sitk.LabelMapToLabel"):
        show.brush(image, sitk.Cast(labels, sitk.sitkLabelUInt8), file)
    sheared = sitk.Image(image)
    sheared.SetDirection((1.0, 0.4, 0.0, 0.0, 0.9, 0.0, 0.0, 0.0, 1.0))
    with pytest.raises(ValueError, match="not perpendicular, which labels.nii.gz cannot keep: take .nrrd"):
        show.brush(sheared, file=tmp_path / "labels.nii.gz")
    file.write_text("no image")
    with pytest.raises(ValueError, match="labels.nrrd is no image that can be read: give another name"):
        show.brush(image, file=file)
    assert file.read_text() == "no image"
    sitk.WriteImage(labels[1:, :, :], file)
    with pytest.raises(ValueError, match="the labels in .*labels.nrrd and image lie on different grids"):
        show.brush(image, file=file)


def test_it_leaves_a_picture_that_says_what_is_painted():
    cell = 'show.brush(image, mask, "unpainted.nrrd", label_names={1: "bright"})'
    (output,) = (some for some in executed(IMAGE, cell).cells[1].outputs if "image/png" in some.data)
    assert "painted: bright 1019" in output.metadata["image/png"]["alt"]


# ---- filling between slices


def ball(size: tuple[int, ...], spacing: tuple[float, ...], mm: float) -> sitk.Image:
    """A ball in the middle of an oblique grid."""
    direction = sitk.Euler3DTransform((0, 0, 0), 0.2, 0.1, 0.3).GetMatrix()
    grid = Grid(size, spacing, (5.0, -7.0, 11.0), direction)
    return grid.image(within(grid, tuple((n - 1) / 2 for n in size), mm).astype(np.uint8))


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_the_slices_of_a_ball_give_the_ball_back(axis):
    whole = ball((41, 31, 25), (1.0, 1.5, 2.0), 34.0)
    array = sitk.GetArrayFromImage(whole)
    slices = np.moveaxis(array, 2 - axis, 0)
    held = np.flatnonzero(slices.any(axis=(1, 2)))
    kept = np.zeros(len(slices), bool)
    kept[[*held[::3], held[-1]]] = True
    slices[~kept] = 0
    sparse = Grid.of(whole).image(array)
    filled = show.fill_between(sparse, 1, axis)
    truth, found = (sitk.GetArrayViewFromImage(i).astype(bool) for i in (whole, filled))
    assert 2 * (truth & found).sum() / (truth.sum() + found.sum()) > 0.96
    assert 2 * (truth & array.astype(bool)).sum() / (truth.sum() + (array > 0).sum()) < 0.6  # before it was filled
    assert Grid.of(filled) == Grid.of(whole)
    beyond = np.moveaxis(found, 2 - axis, 0)
    assert not beyond[: held[0]].any() and not beyond[held[-1] + 1 :].any()


def test_halfway_between_two_discs_lies_the_disc_of_the_mean_size_in_mm():
    grid = Grid((81, 21, 3), (0.5, 2.0, 3.0), (0.0, 0.0, 0.0), tuple(np.eye(3).ravel()))
    array = np.zeros(grid.size[::-1], np.uint16)
    for k, mm in ((0, 10.0), (2, 26.0)):
        array[k] = 400 * within(grid, (40, 10, k), mm)[k]
    middle = sitk.GetArrayFromImage(show.fill_between(grid.image(array), 400, 2))[1]
    expected = within(grid, (40, 10, 1), 18.0)[1]
    assert set(np.unique(middle)) == {0, 400}
    assert 2 * (expected & (middle > 0)).sum() / (expected.sum() + (middle > 0).sum()) > 0.95


def test_from_a_full_slice_to_a_small_disc_all_sides_shrink_alike():
    array = np.zeros((5, 21, 21), np.uint8)
    array[0] = 1
    array[4, 8:13, 8:13] = 1
    filled = sitk.GetArrayFromImage(show.fill_between(sitk.GetImageFromArray(array), 1, 2))
    assert np.array_equal(filled, filled[:, ::-1]) and np.array_equal(filled, filled[:, :, ::-1])
    sizes = filled.sum(axis=(1, 2)).tolist()
    assert sizes == sorted(sizes, reverse=True) and 21 * 21 > sizes[2] > 25


@pytest.mark.parametrize("axis", [-1, 3, "z"])
def test_an_axis_that_an_image_has_not_is_refused(image, axis):
    with pytest.raises(ValueError, match="axis is 0, 1 or 2, for x, y or z"):
        show.fill_between(image, 1, axis)


def test_other_labels_and_slices_that_touch_stay_as_they_are():
    array = np.zeros((6, 5, 5), np.uint8)
    array[[0, 3, 4], 1:4, 1:4] = 1
    array[1, 2, 2] = 2
    filled = sitk.GetArrayFromImage(show.fill_between(sitk.GetImageFromArray(array), 1, 2))
    expected = array.copy()
    expected[1:3, 1:4, 1:4] = 1
    expected[1, 2, 2] = 2
    assert np.array_equal(filled, expected)
    assert same(show.fill_between(sitk.GetImageFromArray(array), 3, 2), sitk.GetImageFromArray(array))


# ---- in a browser


def status(page: Page):
    """The line that says what is saved."""
    return page.locator(".regseg-explore .task")


def expect_saved(page: Page, file: str, changes: int) -> None:
    expect(status(page)).to_contain_text(f"Changes saved in {file}: {changes}.")


def run_last_cell(page: Page) -> None:
    page.locator(".jp-CodeCell").last.locator(".cm-content").click()
    page.keyboard.press("Shift+Enter")


def test_painting_erasing_undo_and_redo_give_known_labels(run, jupyter, image):
    grid, file = Grid.of(image), jupyter[0] / "known.nrrd"
    page = run(IMAGE, PAINT.format(file.name), 'sitk.WriteImage(painter.labels, "given.nrrd")\nprint(painter)')
    viewer = page.locator(".regseg-explore")
    changes = 0
    expected = [np.zeros(grid.size[::-1], np.uint16)]  # after each change

    def changed(labels: np.ndarray) -> None:
        """What the file holds now."""
        nonlocal changes
        changes += 1
        expect_saved(page, file.name, changes)
        assert same(sitk.ReadImage(file), grid.image(labels))

    def change(where: np.ndarray, value: int) -> None:
        expected.append(np.where(where, np.uint16(value), expected[-1]))
        changed(expected[-1])

    # A ball of 8 mm, by a click; its line, by a drag.
    page.mouse.click(*spot(viewer, image, 0, (5, 6, 3)))
    change(within(grid, (5, 6, 3), 8.0), 1)
    drag(page, spot(viewer, image, 0, (12, 4, 3)), spot(viewer, image, 0, (12, 9, 3)))
    change(np.any([within(grid, (12, j, 3), 8.0) for j in range(4, 10)], axis=0), 1)
    # By keyboard: a ball of 12 mm, which reaches three slices, and a disc in one, of the other label.
    press(page, "PageUp", "+", "+", "Enter")
    reaches = within(grid, (12, 9, 4), 12.0)
    assert reaches.any(axis=(1, 2)).sum() == 3
    change(reaches, 1)
    press(page, "2", "b", "ArrowLeft", "Enter")
    in_slice = within(grid, (11, 9, 4), 12.0)
    in_slice[[3, 5]] = False
    change(in_slice, 300)
    # In the sagittal plane the disc is another one; it erases what it meets.
    page.mouse.move(*spot(viewer, image, 2, (11, 9, 4)))
    viewer.locator("canvas").nth(2).focus()
    press(page, "0", "ArrowUp", "Enter")
    across = within(grid, (11, 9, 5), 12.0)
    across[:, :, :11] = across[:, :, 12:] = False
    change(across, 0)
    # To look paints nothing.
    press(page, "l", "ArrowUp", "Enter")
    page.mouse.click(*spot(viewer, image, 0, (2, 2, 5)))
    expect(viewer.locator(".readout")).to_contain_text("voxel (2, 2, 5)")

    # Back to the beginning, forward again, and from the middle on another way.
    for labels in expected[-2::-1]:
        press(page, "Control+z")
        changed(labels)
    press(page, "Control+z")  # there is no more
    for labels in expected[1:]:
        press(page, "Control+Shift+z")
        changed(labels)
    page.get_by_role("button", name="Undo").click()
    changed(expected[-2])
    del expected[-1]
    page.get_by_role("button", name="lesion").click()
    page.mouse.click(*spot(viewer, image, 0, (2, 2, 5)))
    disc = within(grid, (2, 2, 5), 12.0)
    disc[:5] = False
    change(disc, 1)
    page.get_by_role("button", name="Redo").click()  # what would come back is gone
    expect_saved(page, file.name, changes)

    report = Axe().run(page, context=".jp-OutputArea-output .widget-vbox")
    assert report.violations_count == 0, report.generate_report()
    run_last_cell(page)
    counts = ", ".join(f"{name} {(expected[-1] == n).sum()}" for n, name in ((1, "lesion"), (300, "vessel")))
    expect(page.get_by_text(f"painted: {counts}")).to_be_visible()
    assert same(sitk.ReadImage(jupyter[0] / "given.nrrd"), grid.image(expected[-1]))

    # The page is opened again while the kernel lives.
    testing.save(page)
    page.reload()
    page.mouse.move(*spot(viewer, image, 0, (2, 2, 5)))
    expect(viewer.locator(".readout")).to_contain_text("label 1 lesion")


def test_slices_are_filled_by_keyboard_and_can_be_undone(run, jupyter, image):
    grid, file = Grid.of(image), jupyter[0] / "filled.nii.gz"
    page = run(IMAGE, PAINT.format(file.name))
    viewer = page.locator(".regseg-explore")
    viewer.locator("canvas").nth(0).focus()
    press(page, "f")
    expect(status(page)).to_contain_text("Nothing to fill: paint lesion in two slices")
    press(page, "b", "PageDown", "PageDown", "Enter", "PageUp", "PageUp", "PageUp", "+", "Enter")
    expect_saved(page, file.name, 2)
    sparse = sitk.ReadImage(file)
    held = sitk.GetArrayViewFromImage(sparse).any(axis=(1, 2))
    assert np.flatnonzero(held).tolist() == [1, 4]
    press(page, "f")
    expect_saved(page, file.name, 3)
    filled = sitk.ReadImage(file)
    assert same(filled, show.fill_between(sparse, 1, 2)) and not same(filled, sparse)
    assert Grid.of(filled).matches(grid)
    expect(status(page)).to_contain_text(re.compile(r"^Filled between slices: \d+ voxels of lesion\."))
    press(page, "Control+z")
    expect_saved(page, file.name, 4)
    assert same(sitk.ReadImage(file), sparse)


def test_a_filling_that_comes_late_does_not_paint_over_a_stroke(run, jupyter):
    """The kernel fills what it knew of; what was painted while it did so is newer."""
    answer = (
        "if 300 in sitk.GetArrayViewFromImage(painter.labels):\n"
        "    painter.canvas.send({'runs': [0, painter.labels.GetNumberOfPixels(), 1]})"
    )
    page, file = run(IMAGE, PAINT.format("late.nrrd"), answer), jupyter[0] / "late.nrrd"
    page.locator(".regseg-explore canvas").nth(0).focus()
    press(page, "2", "Enter")
    expect_saved(page, file.name, 1)
    stroke = sitk.ReadImage(file) == 300
    run_last_cell(page)
    expect_saved(page, file.name, 2)
    filled = sitk.ReadImage(file)
    assert same(filled == 300, stroke) and same(filled == 1, stroke == 0)


def test_nothing_is_lost_when_the_kernel_dies(run, jupyter, image):
    """One change is saved, one waits for a busy kernel which dies, one is made after that."""
    grid, file, pid = Grid.of(image), jupyter[0] / "dies.nrrd", jupyter[0] / "pid"
    # A hopeless search, which keeps all of Python waiting: a kernel that only sleeps still hears the page.
    hangs = f'import os, re\nopen("{pid.name}", "w").write(str(os.getpid()))\nre.match("(a+)+b", "a" * 99)'
    cells = IMAGE, PAINT.format(file.name)
    page = run(*cells, "1 + 1")
    places = (5, 6, 3), (14, 6, 3), (5, 12, 3)
    painted = [within(grid, place, 8.0) for place in places]
    viewer = page.locator(".regseg-explore")

    def paint(place: tuple[int, int, int]) -> None:
        page.mouse.click(*spot(viewer, image, 0, place))

    paint(places[0])
    expect_saved(page, file.name, 1)
    page.locator(".jp-CodeCell").last.locator(".cm-content").fill(hangs)
    run_last_cell(page)
    expect(page.locator(".jp-InputPrompt").filter(has_text="[*]")).to_have_count(1)
    paint(places[1])
    expect(status(page)).to_have_text(
        "Changes that wait for the kernel, which is busy or gone: 1; this browser keeps them."
    )
    os.kill(int(pid.read_text()), signal.SIGTERM)
    page.get_by_role("dialog").get_by_role("button", name="Ok").click()  # "The kernel appears to have died."
    expect(status(page)).to_contain_text("The kernel is gone, and nothing is lost")
    paint(places[2])
    page.mouse.move(0, 0)
    expect(viewer.locator(".readout")).to_contain_text("voxel (5, 12, 3)")
    expect(viewer.locator(".readout")).to_contain_text("label 1 lesion")
    assert same(sitk.ReadImage(file), grid.image(painted[0].astype(np.uint16)))
    page.close()

    page = run(*cells)  # the next morning
    viewer = page.locator(".regseg-explore")
    expect_saved(page, file.name, 2)
    expect(status(page)).to_contain_text("Changes that no kernel had saved are back: 2.")
    assert same(sitk.ReadImage(file), grid.image(np.any(painted, axis=0).astype(np.uint16)))
    viewer.locator("canvas").nth(0).focus()
    press(page, "Control+z")  # what came back can be undone
    expect_saved(page, file.name, 3)
    assert same(sitk.ReadImage(file), grid.image(np.any(painted[:2], axis=0).astype(np.uint16)))
    testing.save(page)
    page.reload()
    expect(status(page)).to_contain_text(f"Each change is saved in {file.name}.")  # nothing comes back twice


def test_what_cannot_be_saved_waits_and_is_saved_later(run, jupyter, image):
    grid, folder = Grid.of(image), jupyter[0] / "there"
    folder.mkdir()
    page = run(IMAGE, PAINT.format("there/later.nrrd"))
    viewer = page.locator(".regseg-explore")
    folder.rmdir()
    page.mouse.click(*spot(viewer, image, 0, (5, 6, 3)))
    expect(status(page)).to_contain_text("Not saved: ")
    expect(status(page)).to_contain_text("Changes that wait: 1; this browser keeps them.")
    folder.mkdir()
    page.mouse.click(*spot(viewer, image, 0, (14, 6, 3)))
    expect_saved(page, "later.nrrd", 2)
    both = within(grid, (5, 6, 3), 8.0) | within(grid, (14, 6, 3), 8.0)
    assert same(sitk.ReadImage(folder / "later.nrrd"), grid.image(both.astype(np.uint16)))
