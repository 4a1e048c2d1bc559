"""One picture: a plane of an image, with what lies on it, its letters and its scale bar, drawn into axes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product

import numpy as np
import SimpleITK as sitk
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap, to_rgb
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke

from regseg.grid import Grid
from regseg.show import appearance, geometry
from regseg.show.geometry import Plane

Position = Sequence[float]
Window = tuple[float, float]
Points = np.ndarray | Mapping[str, np.ndarray]

_OUTLINE = [withStroke(linewidth=2.2, foreground="black")]
_POINT_SIGNS = "o+xs^dv"


@dataclass(frozen=True)
class Room:
    """The axes' size, and the scale bar's length if pictures share one, all in mm."""

    width: float
    height: float
    bar: float | None = None


@dataclass
class Picture:
    """An image, seen at one position, with what lies on it. Everything is checked when it is made."""

    image: sitk.Image
    at: Position | None = None
    overlay: sitk.Image | None = None
    labels: sitk.Image | None = None
    points: Points | None = None
    window: Window | None = None
    opacity: float = 0.5
    label_names: Mapping[int, str] | None = None
    point_reach: float = 3.0
    numbered: bool = False  # number the points, from 1
    keys: dict[str, Artist] = field(default_factory=dict, init=False)  # the legend of what has been drawn

    def __post_init__(self) -> None:
        appearance.check_drawable(self.image)
        for what, extra in (("overlay", self.overlay), ("labels", self.labels)):
            if extra is not None:
                appearance.check_drawable(extra)
                geometry.require_same_grid(self.image, extra, what)
        if self.labels is not None:
            appearance.check_labels(self.labels)
        self.marked = self.at is not None
        self.at = tuple(self.at) if self.marked else geometry.centre(self.image)
        self.index = geometry.index_at(self.image, self.at)  # None: this position is outside
        self.window = (
            appearance.default_window(self.image) if self.window is None else appearance.check_window(self.window)
        )
        self.points = _named_points(self.points, self.image.GetDimension())
        self.volume = geometry.as_volume(self.image)
        self.planes = geometry.planes(self.image)

    def plane(self, name: str) -> Plane:
        """The plane of this name; an image with only one plane gives that one."""
        if name not in geometry.PLANES:
            raise ValueError(f"Unknown plane {name!r}; the planes are {', '.join(geometry.PLANES)}.")
        return next((plane for plane in self.planes if plane.name == name), self.planes[0])

    def require_inside(self) -> None:
        """Raise ValueError, with the span of the image, when the position lies outside."""
        if self.index is not None:
            return
        corners = product(*((-0.5, size - 0.5) for size in self.image.GetSize()))
        ends = Grid.of(self.image).points(list(corners))
        spans = zip("xyz", ends.min(axis=0), ends.max(axis=0), strict=False)
        raise ValueError(
            f"The position {tuple(map(float, self.at))} mm lies outside the image, which spans "
            + ", ".join(f"{axis} {low:.4g} to {high:.4g}" for axis, low, high in spans)
            + " mm. Is it in the order x, y, z, and in mm rather than voxels?"
        )

    def slice_number(self, plane: Plane) -> int:
        """Index, along the plane's normal, of the slice through the position."""
        return (*self.index, 0)[plane.normal]

    def caption(self, plane: Plane) -> str:
        """The plane's name, its slice number and, unless it is oblique, its place in the patient."""
        if not plane.name or self.index is None:
            return plane.name
        number = f"{plane.name} · {'ijk'[plane.normal]} = {self.index[plane.normal]}"
        normal = Grid.of(self.image).axes[:, plane.normal]
        axis = int(np.argmax(np.abs(normal)))
        if abs(normal[axis]) < 0.9999:
            return f"{number} · oblique"
        place = round(self.image.TransformIndexToPhysicalPoint(self.index)[axis], 1) + 0.0
        return f"{number} · {'xyz'[axis]} = {place:g} mm".replace("-", "−")

    def draw(self, ax: Axes, plane: Plane, room: Room | None = None) -> None:
        """Draw one plane into black axes, as large as the room they have (by default the plane's own size)."""
        frame(ax, plane, room or Room(*plane.size))
        if self.index is None:
            words = "this position is\noutside the image"
            ax.text(0.5, 0.5, words, transform=ax.transAxes, ha="center", va="center", color="white", fontsize=8)
            return
        number = self.slice_number(plane)
        pixels = plane.pixels(self.volume, number)
        if pixels.ndim == 3:
            pixels = appearance.unit(pixels[..., :3], self.window)
        low, high = self.window
        ax.imshow(pixels, extent=_extent(plane), cmap="gray", vmin=low, vmax=high)
        if self.overlay is not None:
            low, high = appearance.default_window(self.overlay)
            over = plane.pixels(geometry.as_volume(self.overlay), number)
            colours = appearance.overlay_colours(self.opacity)
            ax.imshow(over, extent=_extent(plane), cmap=ListedColormap(colours), vmin=low, vmax=high)
        if self.labels is not None:
            self._draw_labels(ax, plane, plane.pixels(geometry.as_volume(self.labels), number))
        self._draw_points(ax, plane, number)
        if self.marked:
            x, y = plane.place(self.volume, np.array([[*self.at, 0.0][:3]]))[0][0]
            line = {"color": "white", "linewidth": 0.8, "alpha": 0.75, "linestyle": (0, (5, 4))}
            ax.axvline(x, **line)
            ax.axhline(y, **line)

    def _draw_labels(self, ax: Axes, plane: Plane, labels: np.ndarray) -> None:
        rows, columns = labels.shape
        x = (np.arange(columns) + 0.5) * plane.size[0] / columns
        y = (np.arange(rows) + 0.5) * plane.size[1] / rows
        tint = np.zeros((rows, columns, 4))
        for value in map(int, np.unique(labels[labels != 0])):
            colour = appearance.label_colour(value)
            tint[labels == value] = (*to_rgb(colour), 0.3)
            if min(rows, columns) > 1:
                ax.contour(x, y, labels == value, levels=[0.5], colors=[colour], linewidths=0.9)
            name = (self.label_names or {}).get(value, f"label {value}")
            self.keys[f"label {value}"] = Patch(color=colour, label=name)
        ax.imshow(tint, extent=_extent(plane), interpolation="nearest")

    def _draw_points(self, ax: Axes, plane: Plane, number: int) -> None:
        thickness = self.volume.GetSpacing()[plane.normal]
        count = 0
        for n, (name, points) in enumerate(self.points.items()):
            places, depth = plane.place(self.volume, points)
            near = np.abs(depth - number) * thickness <= max(self.point_reach, thickness / 2)
            style = {"marker": _POINT_SIGNS[n % len(_POINT_SIGNS)], "markersize": 6, "markeredgewidth": 1.6}
            style |= {"color": appearance.label_colour(n + 1), "markerfacecolor": "none", "linestyle": "none"}
            ax.plot(*places[near].T, **style, path_effects=_OUTLINE)
            if self.numbered:
                bold = {"color": "white", "fontsize": 8, "fontweight": "bold", "path_effects": _OUTLINE}
                bold |= {"xytext": (4, 3), "textcoords": "offset points"}
                for point in np.flatnonzero(near):
                    ax.annotate(str(count + point + 1), places[point], **bold)
            count += len(points)
            if name:
                self.keys[f"points {name}"] = Line2D([], [], label=name, **style)


class Pair:
    """Two pictures on one grid, drawn as one: a checkerboard, their difference, or a blend."""

    def __init__(self, fixed: Picture, moving: Picture, mode: str, tile: float | None) -> None:
        if max(p.image.GetNumberOfComponentsPerPixel() for p in (fixed, moving)) > 1:
            raise ValueError(f'The mode "{mode}" needs scalar images; colour images can be drawn "side by side".')
        geometry.require_same_grid(fixed.image, moving.image, "moving")
        self.fixed, self.moving, self.mode, self.tile = fixed, moving, mode, tile
        self.caption = fixed.caption
        both = {"fixed": appearance.BLEND_FIXED, "moving": appearance.BLEND_MOVING} if mode == "blend" else {}
        self.keys = {name: Patch(color=tuple(colour), label=name) for name, colour in both.items()}

    def draw(self, ax: Axes, plane: Plane, room: Room | None = None) -> None:
        """As `Picture.draw`."""
        frame(ax, plane, room or Room(*plane.size))
        number = self.fixed.slice_number(plane)
        fixed, moving = (plane.pixels(p.volume, number).astype(float) for p in (self.fixed, self.moving))
        if self.mode == "difference":
            span = self.fixed.window[1] - self.fixed.window[0]
            colours = {"cmap": appearance.DIFFERENCE_MAP, "vmin": -span, "vmax": span}
            drawn = ax.imshow(fixed - moving, extent=_extent(plane), **colours)
            bar = ax.figure.colorbar(drawn, cax=ax.inset_axes((1.03, 0.1, 0.035, 0.8)))
            bar.set_label("fixed − moving", fontsize=8)
            bar.ax.tick_params(labelsize=7.5)
            return
        fixed, moving = (appearance.unit(a, p.window) for a, p in ((fixed, self.fixed), (moving, self.moving)))
        if self.mode == "blend":
            both = fixed[..., None] * appearance.BLEND_FIXED + moving[..., None] * appearance.BLEND_MOVING
        else:
            both = np.where(_squares(plane, fixed.shape, self.tile), fixed, moving)
        ax.imshow(both, extent=_extent(plane), cmap="gray", vmin=0, vmax=1)


def frame(ax: Axes, plane: Plane, room: Room) -> None:
    """Make the axes black, in mm from the plane's top left corner, with orientation letters and a scale bar."""
    width, height = plane.size
    ax.set(facecolor="black", xticks=[], yticks=[], aspect="equal")
    ax.set_xlim((width - room.width) / 2, (width + room.width) / 2)
    ax.set_ylim((height + room.height) / 2, (height - room.height) / 2)
    ax.autoscale(False)
    ax.spines[:].set_visible(False)
    bold = {"color": "white", "fontsize": 9, "fontweight": "bold", "path_effects": _OUTLINE, "zorder": 9}
    bold["transform"] = ax.transAxes
    left, right, top, bottom = plane.edges
    ax.text(0.015, 0.5, left, ha="left", va="center", **bold)
    ax.text(0.985, 0.5, right, ha="right", va="center", **bold)
    ax.text(0.5, 0.985, top, ha="center", va="top", **bold)
    ax.text(0.5, 0.015, bottom, ha="center", va="bottom", **bold)
    bar = room.bar or geometry.bar_length(room.width)
    ends = (0.04, 0.04 + bar / room.width)
    ax.plot(ends, (0.035, 0.035), "white", lw=2, path_effects=_OUTLINE, transform=ax.transAxes, zorder=9)
    small = bold | {"fontsize": 7.5, "fontweight": "normal"}
    ax.text(0.04, 0.05, geometry.length_text(bar), ha="left", va="bottom", **small)


def _extent(plane: Plane) -> tuple[float, float, float, float]:
    return (0, plane.size[0], plane.size[1], 0)


def _squares(plane: Plane, shape: tuple[int, int], tile: float | None) -> np.ndarray:
    """A checkerboard of `tile` mm squares: True where the fixed image shows."""
    tile = tile or max(plane.size) / 10
    rows, columns = (
        ((np.arange(n) + 0.5) * mm / n // tile).astype(int) for n, mm in zip(shape, plane.size[::-1], strict=True)
    )
    return (rows[:, None] + columns) % 2 == 0


def _named_points(points: Points | None, dimension: int) -> dict[str, np.ndarray]:
    """Points by name, each (n, 3), mm; those of a 2-D image get z = 0."""
    named = {} if points is None else points if isinstance(points, Mapping) else {"": points}
    checked = {}
    for name, some in named.items():
        some = np.asarray(some, float)
        if some.ndim != 2 or some.shape[1] != dimension:
            raise ValueError(f"points is an (n, {dimension}) array of positions in mm; got the shape {some.shape}.")
        checked[name] = np.column_stack([some, np.zeros((len(some), 3 - dimension))])
    return checked
