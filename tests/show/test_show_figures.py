"""Static figures: what the drawn figure holds, read back from matplotlib."""

import matplotlib

matplotlib.use("agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest
import SimpleITK as sitk

from regseg import show
from regseg.show import appearance
from regseg.show.picture import Picture


@pytest.fixture(autouse=True)
def no_figure_left():
    plt.close("all")
    yield
    plt.close("all")


def ramp(pixel=np.int16, size=(20, 30, 10)) -> sitk.Image:
    image = sitk.GetImageFromArray(np.arange(np.prod(size)).reshape(size[::-1]).astype(pixel))
    image.SetSpacing((1, 1, 5))
    return image


def test_three_panels_share_one_scale_in_physical_proportion():
    assert show.slices(ramp()) is None
    figure = plt.gcf()
    assert len(figure.axes) == 3
    scales = []
    for ax in figure.axes:
        box = ax.get_window_extent()
        (left, right), (bottom, top) = ax.get_xlim(), ax.get_ylim()
        scales += [box.width / (right - left), box.height / (bottom - top)]
    assert np.allclose(scales, scales[0], rtol=0.01)
    assert figure.axes[1].images[0].get_extent() == [0, 20, 50, 0]  # coronal: 20 mm by 10 x 5 mm


def test_letters_captions_and_scale_are_drawn():
    show.slices(ramp())
    axial = plt.gcf().axes[0]
    assert [t.get_text() for t in axial.texts] == ["R", "L", "A", "P", "5 mm"]
    assert axial.get_title() == "axial · k = 5 · z = 25 mm"


def test_the_window_is_one_for_the_whole_image():
    image = ramp()
    show.slice(image, at=(0, 0, 0))
    show.slice(image, at=(0, 0, 45))
    first, last = (plt.figure(n).axes[0].images[0].get_clim() for n in plt.get_fignums())
    assert first == last == appearance.default_window(image)
    show.slice(image, window=(7, 9))
    assert plt.gca().images[0].get_clim() == (7, 9)


@pytest.mark.parametrize(
    ("values", "window"),
    [
        (np.r_[np.full(50, -1000), np.arange(200)], (-160, 240)),
        ([0, 1, 1, 0], (0, 1)),
        ([0, 0, 0, 0], (0, 1)),
        (np.r_[np.zeros(500), np.arange(100, 201)], (101, 199)),
    ],
)
def test_default_window_rule(values, window):
    image = sitk.GetImageFromArray(np.array(values, np.int16).reshape(1, -1))
    assert appearance.default_window(image) == window


@pytest.mark.parametrize(("grey", "pixel"), [((0.25, 0.75), np.float32), ((0, 1), np.float64), ((0, 255), np.uint8)])
def test_two_grey_levels_are_black_and_white_in_every_pixel_type(grey, pixel):
    image = sitk.GetImageFromArray(np.repeat(np.array(grey, pixel), 40).reshape(8, 10))
    assert appearance.default_window(image) == grey


@pytest.mark.parametrize("value", [0.7, -1, np.nan, np.inf])
@pytest.mark.parametrize("view", [show.slice, show.slices, show.explore])
def test_labels_that_are_none_are_refused(view, value):
    """Such as those that linear interpolation leaves: drawn, they would tint the background."""
    image = sitk.Image([8, 8, 8], sitk.sitkFloat32)
    labels = sitk.Image(image)
    labels[3, 4, 5] = float(value)
    with pytest.raises(ValueError, match=f"labels are whole numbers from 0, and these hold {value:g}"):
        view(image, labels=labels)


def test_labels_keep_their_colour_and_get_a_legend():
    image = ramp()
    labels = sitk.Image(image.GetSize(), sitk.sitkUInt8)
    labels.CopyInformation(image)
    labels[5:9, 5:9, 5] = 3
    show.slice(image, labels=labels, label_names={3: "lesion"})
    (legend,) = plt.gcf().legends
    assert [t.get_text() for t in legend.get_texts()] == ["lesion"]
    drawn = np.asarray(plt.gca().images[1].get_array())
    assert np.allclose(drawn[6, 6, :3], matplotlib.colors.to_rgb(appearance.OKABE_ITO[2])) and drawn[0, 0, 3] == 0


def test_points_show_where_the_plane_passes():
    show.slice(ramp(), points=np.array([[4.0, 7.0, 25.0], [4.0, 7.0, 40.0]]))
    assert np.allclose(plt.gca().lines[-1].get_xydata(), [[4.5, 7.5]])  # voxel centres lie half a voxel in


def test_checkerboard_and_difference_show_what_they_say():
    fixed, moving = ramp(np.float32), ramp(np.float32) + 1000
    show.compare(fixed, moving, mode="difference")
    assert np.all(plt.gcf().axes[0].images[0].get_array() == -1000)
    show.compare(fixed, moving, mode="checkerboard", window=(0, 5000), tile=5)
    tiles = np.asarray(plt.gca().images[0].get_array())[:, :] * 5000
    both = sitk.GetArrayFromImage(fixed)[5], sitk.GetArrayFromImage(moving)[5]
    assert np.allclose(tiles[:5, :5], both[0][:5, :5]) and np.allclose(tiles[:5, 5:10], both[1][:5, 5:10])


def test_two_grids_are_refused_but_stand_side_by_side():
    fixed = ramp()
    moving = sitk.Shrink(fixed, (2, 2, 1))
    with pytest.raises(ValueError, match="different grids.*sitk.Resample"):
        show.compare(fixed, moving)
    with pytest.raises(ValueError, match="different grids"):
        show.slices(fixed, overlay=moving)
    show.compare(fixed, moving, mode="side by side")
    assert len(plt.gcf().axes) == 2


def test_rows_are_drawn_at_one_position_and_outside_is_said():
    fixed, far = ramp(), ramp()
    far.SetOrigin((500, 0, 0))
    show.slices([fixed, far], title=["near", "far"])
    words = [t.get_text() for t in plt.gcf().axes[3].texts]
    assert "this position is\noutside the image" in words
    with pytest.raises(ValueError, match=r"spans x -0\.5 to 19\.5, .*order x, y, z"):
        show.slices(fixed, at=(45, 0, 0))


def test_colour_and_flat_images():
    rgb = sitk.Compose(*[sitk.Image(8, 6, sitk.sitkUInt8) + n for n in (255, 0, 51)])
    show.slices(rgb)
    assert np.allclose(plt.gca().images[0].get_array(), [1, 0, 0.2])
    with pytest.raises(ValueError, match=r"sitk\.VectorMagnitude"):
        show.slice(sitk.Image([4, 4, 4], sitk.sitkVectorFloat64, 3))


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda: show.slice(np.zeros((3, 3))), TypeError),
        (lambda: show.slice(ramp(), plane="transverse"), ValueError),
        (lambda: show.slices(sitk.LabelImageToLabelMap(ramp(np.uint8))), ValueError),
        (lambda: show.slice(ramp(), window=(5, 5)), ValueError),
        (lambda: show.compare(ramp(), ramp(), mode="flicker"), ValueError),
        (lambda: show.slice(ramp(), points=np.zeros((4, 2))), ValueError),
    ],
)
def test_bad_input_leaves_no_figure(call, error):
    with pytest.raises(error):
        call()
    assert not plt.get_fignums()


@pytest.mark.parametrize("size", [(115, 157, 320), (60, 60, 900), (300, 300, 40)])
def test_captions_of_neighbours_never_touch(size):
    image = sitk.Image(size, sitk.sitkUInt8)
    image.SetOrigin((-1153.8, -1150.4, -1434.5))
    show.slices(image)
    figure = plt.gcf()
    boxes = [ax.title.get_window_extent(figure.canvas.get_renderer()) for ax in figure.axes]
    apart = [right.x0 - left.x1 for left, right in zip(boxes, boxes[1:], strict=False)]
    assert min(apart) > 0.1 * figure.dpi, apart


def test_numbered_points_count_on_through_all_groups_and_stay_in_their_planes():
    image = sitk.Image((20, 20, 20), sitk.sitkUInt8)
    points = {"": np.array([[5.0, 5, 10], [6, 6, 3]]), "others": np.array([[7.0, 7, 10]])}
    picture = Picture(image, points=points, point_reach=1.0, numbered=True)
    ax = plt.figure().add_subplot()
    picture.draw(ax, picture.plane("axial"))
    numbers = [text.get_text() for text in ax.texts if text.get_text().isdigit()]
    assert numbers == ["1", "3"] and [len(line.get_xdata()) for line in ax.lines[-2:]] == [1, 1]
