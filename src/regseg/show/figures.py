"""Static figures: every picture has true proportions, orientation letters, a scale bar and a fixed window."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import zip_longest

import matplotlib.pyplot as plt
import SimpleITK as sitk
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from regseg.show import geometry, living
from regseg.show.geometry import Plane
from regseg.show.picture import Pair, Picture, Points, Position, Room, Window

MODES = ("checkerboard", "difference", "blend", "side by side")

_DPI = 110
_WIDTH = 7.2  # inches of all pictures in a row: the lesson's text column
_TALLEST = 3.9  # inches, of one picture
_GAP, _CAPTION, _TITLE, _ROW_TITLE = 0.08, 0.24, 0.22, 0.28  # inches
_CAPTION_SIZE, _APART = 8.5, 0.25  # points; inches between two captions


def slices(
    image: sitk.Image | Sequence[sitk.Image],
    *,
    at: Position | None = None,
    overlay: sitk.Image | Sequence[sitk.Image | None] | None = None,
    labels: sitk.Image | Sequence[sitk.Image | None] | None = None,
    points: Points | None = None,
    window: Window | None = None,
    title: str | Sequence[str] | None = None,
    opacity: float = 0.5,
    label_names: Mapping[int, str] | None = None,
    point_reach: float = 3.0,
) -> None:
    """Draw the axial, coronal and sagittal plane through one position; of several images, one row for each.

    Parameters
    ----------
    image : scalar or RGB image, 2-D or 3-D; or a list, on any grids, drawn at one physical position and one scale.
    at : (x, y, z) in mm, LPS, marked by a crosshair; by default the middle of the (first) image.
    overlay : a second image on the same grid, drawn over the first in colour with this `opacity` (0 to 1).
    labels : a label map on the same grid, 0 is background; `label_names` names its values in the legend.
    points : (n, 3) array, mm, LPS, columns x, y, z; or a dict of them. A plane shows those within `point_reach` mm.
    window : (low, high) drawn black and white; by default one window for the whole image, see `default_window`.
    title : for the figure; a list of titles names the rows.

    Raises
    ------
    ValueError : overlay or labels on another grid, a position outside every image, an empty window.
    """
    images = [image] if isinstance(image, sitk.Image) or not isinstance(image, Sequence) else list(image)
    overlays, label_maps = _one_each(images, overlay, "overlay"), _one_each(images, labels, "labels")
    pictures = []
    for one, over, marks in zip(images, overlays, label_maps, strict=True):
        where = at if at is not None or not pictures else pictures[0].at
        pictures.append(Picture(one, where, over, marks, points, window, opacity, label_names, point_reach))
        pictures[-1].marked = at is not None
    if all(picture.index is None for picture in pictures):
        pictures[0].require_inside()
    rows = [[(picture, plane) for plane in picture.planes] for picture in pictures]
    by_row = title is not None and not isinstance(title, str)
    _show(rows, title=None if by_row else title, row_titles=_one_each(images, title, "title") if by_row else ())


def slice(
    image: sitk.Image,
    *,
    plane: str = "axial",
    at: Position | None = None,
    overlay: sitk.Image | None = None,
    labels: sitk.Image | None = None,
    points: Points | None = None,
    window: Window | None = None,
    title: str | None = None,
    opacity: float = 0.5,
    label_names: Mapping[int, str] | None = None,
    point_reach: float = 3.0,
    ax: Axes | None = None,
) -> None:
    """Draw one plane: "axial", "coronal" or "sagittal"; an image that has only one plane is drawn in that one.

    With `ax`, draw into these axes of your own figure. All else is as in `slices`.
    """
    picture = Picture(image, at, overlay, labels, points, window, opacity, label_names, point_reach)
    picture.require_inside()
    chosen = picture.plane(plane)
    if ax is None:
        _show([[(picture, chosen)]], title=title)
    else:
        picture.draw(ax, chosen)
        ax.set_title(title or picture.caption(chosen), fontsize=8.5)
        living.record(ax.get_figure(), title or "", picture, chosen)


def compare(
    fixed: sitk.Image,
    moving: sitk.Image,
    *,
    mode: str = "checkerboard",
    plane: str = "axial",
    at: Position | None = None,
    window: Window | None = None,
    tile: float | None = None,
    title: str | None = None,
) -> None:
    """Draw two images of one physical space together, in one plane.

    Parameters
    ----------
    fixed, moving : scalar images on one grid; in the mode "side by side" any images, on any grids.
    mode : "checkerboard": squares of `tile` mm (by default a tenth of the picture) from one and the other;
        "difference": fixed − moving, black where they agree; "blend": fixed orange, moving blue, grey where they
        agree; or "side by side".
    plane, at, title : as in `slice`.
    window : for both images; by default each has its own, and a difference spans the width of the fixed image's.

    Raises
    ------
    ValueError : an unknown mode, or images on two grids.
    """
    if mode not in MODES:
        raise ValueError(f"Unknown mode {mode!r}; the modes are {', '.join(MODES)}.")
    first = Picture(fixed, at, window=window)
    first.require_inside()
    second = Picture(moving, first.at, window=window)
    second.marked = first.marked
    if mode == "side by side":
        _show([[(p, p.plane(plane)) for p in (first, second)]], title=title, names=("fixed", "moving"))
    else:
        _show([[(Pair(first, second, mode, tile), first.plane(plane))]], title=title)


def _one_each(images: list[sitk.Image], given, what: str) -> list:
    """One overlay, label map or title for each image: a list as long as the images, or one for all."""
    if not isinstance(given, Sequence) or isinstance(given, sitk.Image):
        return [given] * len(images)
    if len(given) != len(images):
        raise ValueError(f"{what} has {len(given)} entries for {len(images)} images; give one for each.")
    return list(given)


def _show(
    rows: list[list[tuple[Picture | Pair, Plane]]], row_titles: Sequence[str] = (), names: Sequence[str] = (), **words
) -> None:
    figure = plt.figure()
    lay_out(figure, rows, row_titles=row_titles, names=names, **words)
    for row, row_title in zip_longest(rows, row_titles, fillvalue=""):
        for (picture, plane), name in zip_longest(row, names, fillvalue=""):
            living.record(figure, row_title or name, picture, plane)


def lay_out(
    figure: Figure,
    rows: list[list[tuple[Picture | Pair, Plane]]],
    *,
    title: str | None = None,
    row_titles: Sequence[str] = (),
    names: Sequence[str] = (),
) -> None:
    """Fill the figure with rows of pictures, all at one scale, captions above and the legend below.

    `names` (one for each column) goes before the captions.
    """
    widths = [max(row[c][1].size[0] for row in rows if c < len(row)) for c in range(max(map(len, rows)))]
    heights = [max(plane.size[1] for _, plane in row) for row in rows]
    bar = geometry.bar_length(min(widths))
    margin = _ROW_TITLE if row_titles else 0.0
    # Beside each other, pictures of a whole body are taller, so that each is as wide as its caption.
    tallest = _TALLEST * (max(1.0, max(heights) / max(widths) / 2) if len(widths) > 1 else 1.0)
    inches = min((_WIDTH - margin - _GAP * (len(widths) - 1)) / sum(widths), tallest / max(heights))
    width = margin + sum(widths) * inches + _GAP * (len(widths) - 1)
    height = bool(title) * _TITLE + sum(heights) * inches + _CAPTION * len(rows)
    figure.set(figwidth=width, figheight=height, dpi=_DPI, facecolor="white")
    if title:
        figure.text(0, 1, title, ha="left", va="top", fontsize=10.5, fontweight="bold")

    bottom = height - bool(title) * _TITLE
    keys, captions = {}, []
    for n, (row, row_height) in enumerate(zip(rows, heights, strict=True)):
        bottom -= _CAPTION + row_height * inches
        left = margin
        if row_titles:
            middle = (bottom + row_height * inches / 2) / height
            figure.text(0, middle, row_titles[n], rotation=90, ha="left", va="center", fontsize=9.5, fontweight="bold")
        for (picture, plane), column_width, name in zip(row, widths, (*names, *[""] * len(row)), strict=False):
            box = (left / width, bottom / height, column_width * inches / width, row_height * inches / height)
            ax = figure.add_axes(box)
            picture.draw(ax, plane, Room(column_width, row_height, bar))
            caption = " · ".join(filter(None, (name, picture.caption(plane))))
            ax.set_title(caption, fontsize=_CAPTION_SIZE, color="#222222", pad=4)
            if caption:
                captions.append((ax.title, column_width * inches + _GAP - _APART))
            left += column_width * inches + _GAP
            keys |= picture.keys
    if len(widths) > 1 and captions:
        fitting = min(room * figure.dpi / caption.get_window_extent().width for caption, room in captions)
        for caption, _ in captions:
            caption.set_fontsize(_CAPTION_SIZE * min(fitting, 1))
    if keys:
        figure.legend(
            handles=list(keys.values()),
            loc="upper center",
            bbox_to_anchor=(0.5, -0.02 / height),
            frameon=False,
            ncols=min(len(keys), 6),
            fontsize=8.5,
            handlelength=1.2,
            columnspacing=1.4,
        )
