"""What a figure tells a page without a kernel: only while an episode runs, and the truth."""

from __future__ import annotations

import base64
import gzip
import json

import matplotlib.pyplot as plt
import numpy as np
import pytest
import SimpleITK as sitk
from viewer_page import IMAGE, executed

from regseg import show
from regseg.grid import Grid
from regseg.show import living


@pytest.fixture
def episode(monkeypatch):
    monkeypatch.setenv(living.RECORDING, "1")


@pytest.fixture
def head() -> sitk.Image:
    """A head of 160 mm in an oblique grid of 1 x 1 x 2 mm, with noise that does not compress."""
    grid = Grid(
        (160, 160, 80), (1.0, 1.0, 2.0), (5.0, -20.0, 30.0), sitk.Euler3DTransform((0, 0, 0), 0.1, 0.2, 0.3).GetMatrix()
    )
    noise = np.random.default_rng(1).normal(400, 100, grid.size[::-1])
    return grid.image(noise.astype(np.int16))


def states(figure: plt.Figure) -> dict:
    return figure._repr_mimebundle_()[living.MIME]


def volumes(state: dict, folder) -> dict[str, sitk.Image]:
    """The files of a state, as another program reads them."""
    found = {}
    for name, address in state["files"].items():
        (folder / name).write_bytes(base64.b64decode(address.partition(",")[2]))
        found[name] = sitk.ReadImage(folder / name)
    return found


def test_a_figure_of_a_notebook_carries_nothing(image):
    show.slices(image)
    assert not hasattr(plt.gcf(), "_repr_mimebundle_")


def test_a_volume_holds_the_values_and_the_place_of_the_image(image, tmp_path):
    (tmp_path / "small.nii.gz").write_bytes(living.volume(image, (0, 600)))
    read = sitk.ReadImage(tmp_path / "small.nii.gz")
    assert Grid.of(read).matches(Grid.of(image))
    assert np.abs(sitk.GetArrayViewFromImage(read) - sitk.GetArrayViewFromImage(image)).max() <= 2.5  # in steps of 5
    assert living.volume(image, (0, 600)) == living.volume(image + 0, (0, 600))


def test_labels_keep_every_value(image, tmp_path):
    labels = sitk.Cast(sitk.Modulus(sitk.Cast(image, sitk.sitkUInt16), 7), sitk.sitkUInt16) * 300
    (tmp_path / "labels.nii.gz").write_bytes(living.volume(labels))
    assert np.array_equal(
        sitk.GetArrayFromImage(sitk.ReadImage(tmp_path / "labels.nii.gz")), sitk.GetArrayFromImage(labels)
    )


def test_no_value_is_lost_in_numbers_that_are_not_finite(image, tmp_path):
    values = sitk.GetArrayFromImage(image).astype(np.float32)
    values[0, 0, :3] = np.nan, np.inf, -np.inf
    (tmp_path / "odd.nii.gz").write_bytes(living.volume(Grid.of(image).image(values), (0, 2000)))
    read = sitk.GetArrayFromImage(sitk.ReadImage(tmp_path / "odd.nii.gz"))
    assert np.abs(read - values)[np.isfinite(values)].max() <= 10
    assert (read[0, 0, :3] == read.min()).all()


@pytest.mark.usefixtures("episode")
def test_a_large_image_becomes_coarse_and_lies_where_it_lay(head, tmp_path):
    mask = np.zeros(head.GetSize()[::-1], np.uint8)
    mask[20:60, 30:90, 40:120] = 1
    box = Grid.of(head).image(mask)
    show.slices(head, labels=box, at=head.TransformIndexToPhysicalPoint((80, 70, 40)), window=(0, 800))
    state = states(plt.gcf())
    assert max(map(len, state["files"].values())) < 300_000 * 4 / 3 + 100
    (view,) = state["views"]
    assert view["title"].startswith("in voxels of ")
    image, labels = volumes(state, tmp_path).values()
    spacing = view["traits"]["scene"]["spacing"]
    assert np.allclose(image.GetSpacing(), spacing) and max(spacing) <= 1.5 * min(spacing)
    assert Grid.of(labels).matches(Grid.of(image))
    factors = np.rint(np.divide(spacing, head.GetSpacing())).astype(int).tolist()
    mean = sitk.GetArrayFromImage(sitk.BinShrink(sitk.Cast(head, sitk.sitkFloat32), factors))
    assert np.abs(sitk.GetArrayFromImage(image) - mean).max() <= 5.01  # in steps of 10
    for index in ((3, 4, 5), (30, 20, 15), (25, 25, 20)):
        assert labels[index] == box[box.TransformPhysicalPointToIndex(image.TransformIndexToPhysicalPoint(index))]


@pytest.mark.parametrize("mode", ["checkerboard", "difference", "blend"])
@pytest.mark.usefixtures("episode")
def test_a_comparison_opens_as_it_was_drawn(image, mode):
    show.compare(image, image + 50, mode=mode, window=(0, 999))
    (view,) = states(plt.gcf())["views"]
    assert living.VIEWS[view["traits"]["view"]].lower() == mode
    assert view["traits"]["layers"]["overlay"]["window"] == view["traits"]["window"] == [0, 999]


@pytest.mark.usefixtures("episode")
def test_images_in_rows_or_axes_are_views_in_step(image):
    show.slices([image, image + 1], title=["fixed", "moving"])
    state = states(plt.gcf())
    assert [view["title"] for view in state["views"]] == ["fixed", "moving"]
    assert state["shared"] == ["position"] and len(state["files"]) == 2
    _, axes = plt.subplots(1, 3)
    for ax, name in zip(axes, "abc", strict=True):
        show.slice(image, ax=ax, title=name, plane="coronal")
    state = states(plt.gcf())
    assert [plane["name"] for view in state["views"] for plane in view["traits"]["scene"]["planes"]] == ["coronal"] * 3
    assert list(state["files"]) == ["image.nii.gz"]


@pytest.mark.usefixtures("episode")
def test_a_montage_stays_a_picture(image):
    _, axes = plt.subplots(1, 7)
    for ax in axes:
        show.slice(image, ax=ax)
    assert plt.gcf()._repr_mimebundle_() == {}


def test_each_widget_that_needs_no_kernel_is_alive_on_the_page():
    cells = ["explorer = show.explore(image, labels=mask)"]
    cells += [
        "explorer",
        "show.seed(image, [(4, 5, 1)])",
        'show.pick(image, image + 1, "pairs.csv")',
        "show.box(image)",
    ]
    found = [
        [output.data[living.MIME] for output in cell.outputs if living.MIME in output.get("data", {})]
        for cell in executed(IMAGE, *cells).cells[2:]
    ]
    (explored,), (seeded,), (picked,), boxed = found
    assert boxed == []  # a box is in voxels of the image, and the page may have larger ones
    assert list(explored["files"]) == ["image.nii.gz", "labels.nii.gz"]
    assert len(seeded["views"][0]["traits"]["marks"]) == 1
    assert picked["shared"] == ["marks"] and [view["title"] for view in picked["views"]] == ["fixed", "moving"]


def test_the_state_is_json_and_equal_files_are_one(image):
    content = living.volume(image)
    views = [{"title": "", "traits": {"layers": {name: {"file": content}}, "n": (1, 2)}} for name in ("a", "b", "a")]
    state = living.state("explore", views, ["n"])
    assert json.loads(json.dumps(state)) == state
    assert list(state["files"]) == ["a.nii.gz", "b.nii.gz"]
    assert gzip.decompress(base64.b64decode(state["files"]["a.nii.gz"].partition(",")[2])) == gzip.decompress(content)
