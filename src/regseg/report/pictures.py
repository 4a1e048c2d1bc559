"""The still pictures of a report: planes on black, with letters and a scale bar, as small files inside the page."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from scipy.ndimage import gaussian_filter

from regseg.show import geometry
from regseg.show.geometry import Plane
from regseg.show.picture import Pair, Picture, Room, frame

FIXED_COLOUR, MOVING_COLOUR = "#E69F00", "#56B4E9"  # Okabe and Ito's orange and sky blue
FOLD_COLOUR = "#F0E442"
VOLUME_MAP = "PuOr_r"  # purple where space shrinks, orange where it grows

_WIDTH, _DPI, _TALLEST = 660, 190, 1.5  # pixels; per inch, so that letters are read at half the size; height by width
_BLUR = 0.8  # voxels, before contours are drawn: noise has many


@dataclass(frozen=True)
class Still:
    """A picture as a page holds it: its data as an address, what it shows in words, its size in pixels, and in mm."""

    src: str
    alt: str
    width: int
    height: int
    across: float = 0.0


@dataclass
class Outlined:
    """An image, or nothing, with contours drawn over it: for each its volume, the levels, a colour and a line style."""

    picture: Picture
    lines: Sequence[tuple[sitk.Image, Sequence[float], str, str]]

    def draw(self, ax: Axes, plane: Plane, room: Room | None = None) -> None:
        """As `Picture.draw`."""
        self.picture.draw(ax, plane, room)
        number = self.picture.slice_number(plane)
        for volume, levels, colour, style in self.lines:
            values = plane.pixels(geometry.as_volume(volume), number).astype(float)
            _contour(ax, plane, gaussian_filter(values, _BLUR), levels, colour, style)


@dataclass
class LabelOutlines:
    """An image with the borders of every label of several label maps."""

    picture: Picture
    maps: Sequence[tuple[sitk.Image, str, str]]

    def draw(self, ax: Axes, plane: Plane, room: Room | None = None) -> None:
        """As `Picture.draw`."""
        self.picture.draw(ax, plane, room)
        number = self.picture.slice_number(plane)
        for volume, colour, style in self.maps:
            labels = plane.pixels(geometry.as_volume(volume), number)
            for value in np.unique(labels[labels != 0])[:40]:
                _contour(ax, plane, (labels == value).astype(float), [0.5], colour, style)


@dataclass
class VolumeMap:
    """How much a transform enlarges small volumes, from a half (purple) to double (orange); folds have lines around."""

    picture: Picture
    determinant: sitk.Image
    levels: Sequence[float]  # of the fixed image, for orientation

    def draw(self, ax: Axes, plane: Plane, room: Room | None = None) -> None:
        """As `Picture.draw`."""
        frame(ax, plane, room or Room(*plane.size))
        number = self.picture.slice_number(plane)
        values = plane.pixels(geometry.as_volume(self.determinant), number)
        extent = (0, plane.size[0], plane.size[1], 0)
        folded = values <= 0
        log = np.log2(np.where(folded, 1.0, values))
        ax.imshow(log, extent=extent, cmap=VOLUME_MAP, vmin=-1, vmax=1)
        head = plane.pixels(self.picture.volume, number).astype(float)
        _contour(ax, plane, gaussian_filter(head, _BLUR), self.levels, "#303030", "solid")
        if folded.any():
            holes = np.ma.masked_where(~folded, folded)
            ax.imshow(holes, extent=extent, cmap=ListedColormap(["black"]), interpolation="nearest")
            _contour(ax, plane, folded.astype(float), [0.5], FOLD_COLOUR, "solid")


def _contour(ax: Axes, plane: Plane, values: np.ndarray, levels: Sequence[float], colour: str, style: str) -> None:
    wanted = sorted(level for level in set(levels) if values.min() < level < values.max())
    if not wanted or min(values.shape) < 2:
        return
    rows, columns = values.shape
    x = (np.arange(columns) + 0.5) * plane.size[0] / columns
    y = (np.arange(rows) + 0.5) * plane.size[1] / rows
    ax.contour(x, y, values, levels=wanted, colors=[colour], linewidths=0.9, linestyles=style)


Drawn = Picture | Pair | Outlined | LabelOutlines | VolumeMap


def still(drawn: Drawn, plane: Plane, alt: str) -> Still:
    """Draw one plane, and nothing around it."""
    width, height = plane.size
    height = min(max(height, width / 3), _TALLEST * width)
    width = max(width, plane.size[1] / _TALLEST)
    pixels = (_WIDTH, round(_WIDTH * height / width))
    figure = Figure(figsize=(pixels[0] / _DPI, pixels[1] / _DPI), dpi=_DPI, facecolor="black")
    drawn.draw(figure.add_axes((0, 0, 1, 1)), plane, Room(width, height))
    file = io.BytesIO()
    figure.savefig(file, format="webp", facecolor="black", pil_kwargs={"quality": 82, "method": 3})
    return Still(_address(file, "webp"), alt, *pixels, round(width, 1))


def joint_histogram(counts: np.ndarray, alt: str) -> Still:
    """A joint histogram: the fixed image to the right, the moving one upwards, darker where more voxels are."""
    figure = Figure(figsize=(1.6, 1.6), dpi=_DPI)
    ax = figure.add_axes((0, 0, 1, 1))
    ax.set_axis_off()
    ax.imshow(np.log1p(counts.T), origin="lower", cmap="Greys", interpolation="nearest")
    file = io.BytesIO()
    figure.savefig(file, format="webp", pil_kwargs={"quality": 80, "method": 3})
    return Still(_address(file, "webp"), alt, round(1.6 * _DPI), round(1.6 * _DPI))


def _address(file: io.BytesIO, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(file.getvalue()).decode('ascii')}"
