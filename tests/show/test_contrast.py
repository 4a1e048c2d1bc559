"""What is written in a figure can be read: 4.5 to 1 against what lies around its letters, as WCAG 2 asks of small text.

It is measured on the drawn picture, so that an outline or a box counts for what it does.
"""

from __future__ import annotations

import ast

import matplotlib

matplotlib.use("agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest
import SimpleITK as sitk
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.text import Text
from scipy import ndimage

from lessonkit.lesson import Lesson
from regseg import show
from regseg.show._watch import History
from regseg.show.figures import lay_out
from regseg.show.picture import Picture

ENOUGH = 4.5
DPI = 300  # so that a letter is some pixels wide


@pytest.fixture(autouse=True)
def no_figure_left():
    plt.close("all")
    yield
    plt.close("all")


def luminance(rgb: np.ndarray) -> np.ndarray:
    """The relative luminance of WCAG 2, of colours from 0 to 1 in the last axis."""
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return linear @ (0.2126, 0.7152, 0.0722)


def drawn(figure: Figure) -> np.ndarray:
    figure.canvas.draw()
    return np.asarray(figure.canvas.buffer_rgba())[::-1, :, :3] / 255  # rows from the bottom, as matplotlib counts


def faint(figure: Figure) -> dict[str, float]:
    """The texts of a figure with too little contrast: that of all but a twentieth of what lies around their letters."""
    figure.set_dpi(DPI)
    figure.set_facecolor("white")
    texts = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()]
    with_texts = drawn(figure)
    boxes = [text.get_window_extent().padded(6) for text in texts]
    colours = [np.array(to_rgb(text.get_color())) for text in texts]
    for text, colour in zip(texts, colours, strict=True):
        text.set_color(np.round(1 - colour))
    changed = np.abs(with_texts - drawn(figure)).max(axis=-1) > 0.02
    found = {}
    for text, colour, box in zip(texts, colours, boxes, strict=True):
        (left, bottom), (right, top) = np.maximum(np.rint(box.get_points()), 0).astype(int)
        part = np.s_[bottom:top, left:right]
        if not changed[part].size:  # beside the canvas, which grows when the figure is written
            assert luminance(colour) < 0.18, text.get_text()
            continue
        letters = (np.abs(with_texts[part] - colour).max(axis=-1) < 0.1) & changed[part]
        around = ndimage.binary_dilation(letters, iterations=4) & ~ndimage.binary_dilation(letters, iterations=2)
        high, low = luminance(colour), luminance(with_texts[part][around])
        ratio = (np.maximum(high, low) + 0.05) / (np.minimum(high, low) + 0.05)
        contrast = np.quantile(ratio, 0.05) if ratio.size else 1.0
        if contrast < ENOUGH:
            found[text.get_text()] = round(float(contrast), 1)
    return found


def image(value: float, pixel: int = sitk.sitkFloat32) -> sitk.Image:
    """A cube of one value: with the window (0, 1), white is 1 and black 0."""
    made = sitk.Image([40, 40, 40], pixel)
    return sitk.Cast(sitk.Add(made, value), pixel)


def half_labelled(value: int) -> sitk.Image:
    return (
        sitk.Cast(sitk.GridSource(sitk.sitkFloat32, [40, 40, 40], sigma=[9] * 3, gridSpacing=[20] * 3) > 0.5, 1) * value
    )


@pytest.mark.parametrize(("value", "label"), [(0.0, 0), (0.5, 0), *((1.0, label) for label in range(9))])
def test_letters_scale_and_captions_can_be_read_on_any_image_and_label(value, label):
    points = {"landmarks": np.array([[9.0, 9, 20], [30, 30, 20]])}
    show.slice(
        image(value), window=(0, 1), labels=half_labelled(label), points=points, title="Synthetic", at=(20, 20, 20)
    )
    assert faint(plt.gcf()) == {}


def test_numbers_of_landmarks_can_be_read_on_white():
    picture = Picture(image(1), (20, 20, 20), window=(0, 1), points=np.array([[9.0, 9, 20]]), numbered=True)
    figure = plt.figure()
    lay_out(figure, [[(picture, picture.plane("axial"))]])
    assert "1" in {text.get_text() for text in figure.findobj(Text)} and faint(figure) == {}


@pytest.mark.parametrize("mode", ["checkerboard", "difference", "blend", "side by side"])
def test_two_images_together_can_be_labelled(mode):
    show.compare(image(1), image(0), mode=mode, window=(0, 1), title="Synthetic")
    assert faint(plt.gcf()) == {}


def test_rows_and_a_place_outside_an_image_can_be_read():
    beside = image(1)
    beside.SetOrigin((100, 0, 0))
    show.slices([image(1), beside], title=["first", "second"], at=(20, 20, 20), window=(0, 1))
    assert faint(plt.gcf()) == {}


def test_what_stands_over_a_watched_registration_can_be_read():
    steps = np.linspace(1, 0.1, 40)
    History(steps, steps, steps, np.repeat([0, 1], 20), []).plot()
    assert faint(plt.gcf()) == {}


def test_a_surface_can_be_read():
    points = np.array([[0.0, 0, 0], [9, 0, 0], [0, 9, 0], [0, 0, 9]])
    show.surface([(points, np.array([[0, 2, 1], [0, 1, 3], [1, 2, 3], [0, 3, 2]]), "#0072B2")], title="Synthetic")
    assert faint(plt.gcf()) == {}


@pytest.mark.parametrize(
    ("colour", "ground", "contrast"),
    [("black", "white", None), ("#767676", "white", None), ("#777777", "white", 4.5), ("white", "0.9", 1.2)],
)
def test_the_measure_knows_what_the_rule_says(colour, ground, contrast):
    """#767676 is the lightest grey that WCAG allows on white."""
    figure = plt.figure(figsize=(3, 1))
    figure.add_axes((0, 0, 1, 1)).set(facecolor=ground, xticks=[], yticks=[])
    figure.text(0.5, 0.5, "HILL", ha="center", va="center", color=colour, fontsize=20)
    found = faint(figure)
    assert found == ({} if contrast is None else {"HILL": pytest.approx(contrast, abs=0.06)})


# What writes into a picture, and the keywords by which letters get another colour than black.
WRITES = {"text", "annotate", "figtext", "clabel", "bar_label"}
LABELS = {"set_title", "set_xlabel", "set_ylabel", "suptitle", "title", "xlabel", "ylabel", "legend", "tick_params"}
COLOURS = {"color", "c", "labelcolor", "colors", "facecolor"}


def test_no_cell_colours_letters_or_writes_into_a_picture(root):
    """There black stands on white. What lies over an image is drawn by `show`, as above."""
    for page in Lesson(root).episodes:
        for cell in page.cells:
            for call in (node for node in ast.walk(ast.parse(cell.source)) if isinstance(node, ast.Call)):
                name = getattr(call.func, "attr", "")
                coloured = name in LABELS and {word.arg for word in call.keywords} & COLOURS
                assert name not in WRITES and not coloured, f"{page.name}, line {cell.line}: {ast.unparse(call)}"
