"""The interactive viewer: linked planes on a canvas of the page, so that a key press never waits for the kernel.

Python sends the images once. The page slices, colours and draws them (explore.js), and has the controls (controls.js).
A static picture follows, for pages without a kernel. Before a large image comes a sketch of it, so that there is
something to see at once.
"""

from __future__ import annotations

import base64
import io
import zlib
from collections.abc import Mapping
from dataclasses import replace
from html import escape

import anywidget
import ipywidgets
import numpy as np
import SimpleITK as sitk
import traitlets
from matplotlib.figure import Figure

from regseg.show import appearance, geometry, living
from regseg.show._still import Still
from regseg.show.figures import lay_out
from regseg.show.geometry import Plane
from regseg.show.picture import Picture, Points, Position, Window

_LARGEST = 400_000_000  # bytes that a page can hold and a slow line can carry
_AT_ONCE = 50_000_000  # bytes that a page gets before it draws; of more it gets a sketch first
_SKETCH = 1_000_000  # voxels of a sketch, at most
_PROBE = 1_000_000  # bytes that tell whether compression pays


class Canvas(anywidget.AnyWidget):
    """The planes. `layers` and `scene` say what is drawn; the other traits may be linked to controls in the page."""

    _esm = living.script("explore")
    _css = living.style("explore")

    scene = traitlets.Dict().tag(sync=True)  # geometry, planes, range of values, names: constant
    layers = traitlets.Dict().tag(sync=True)  # image, overlay, labels: type, components, window, compressed voxels
    # What the page moves is not echoed: a late echo would move it back under the learner's hands.
    position = traitlets.List(traitlets.Float()).tag(sync=True, echo_update=False)  # x, y, z in mm, LPS
    window = traitlets.List(traitlets.Float()).tag(sync=True)
    opacity = traitlets.Float(0.5).tag(sync=True)
    labels_opacity = traitlets.Float(0.3).tag(sync=True)
    view = traitlets.Int(0).tag(sync=True)  # index into living.VIEWS
    # What pointer and keys do beside moving the crosshair: "look", "fixed", "moving", "seed", "box" or "brush".
    mode = traitlets.Unicode("look").tag(sync=True)
    # Landmarks, x, y, z in mm: fixed, moving, fixed, moving, …; or seeds.
    marks = traitlets.List().tag(sync=True, echo_update=False)
    box = traitlets.List(traitlets.Int()).tag(sync=True, echo_update=False)  # first i, j, k, then those after the last
    brush = traitlets.Dict().tag(sync=True)  # labels, sizes, file, key: constant
    # What was painted, an array that is changed in place: no stroke sends it back, a page that is opened again gets it.
    painted = traitlets.Any().tag(
        sync=True, to_json=lambda array, _: None if array is None else {"labels": packed(array)}
    )


class Explorer(ipywidgets.VBox):
    """The canvas with its controls. Made by `explore`."""

    def __init__(self, picture: Picture, mode: str = "look", **state) -> None:
        self.picture = picture
        amount = _bytes(picture)
        # Where one paints or clicks, each voxel counts from the beginning.
        first = _sketch(picture) if amount > _AT_ONCE and mode == "look" else picture
        self._all_sent = first is picture
        self.canvas = Canvas(
            scene=living.scene(first) | ({} if self._all_sent else {"sketch": f"a sketch of {amount / 1e6:.0f} MB"}),
            layers=_layers(first),
            position=[*picture.at, 0.0][:3],
            window=list(picture.window),
            opacity=picture.opacity,
            mode=mode,
            **state,
        )
        self._still = Still()
        super().__init__([self.canvas, self._still.alive])

    @property
    def labels(self) -> sitk.Image | None:
        """The labels that are shown."""
        return self.picture.labels

    @property
    def position(self) -> tuple[float, ...]:
        """Physical position of the crosshair, mm, LPS. Setting it moves the crosshair."""
        return tuple(self.canvas.position[: self.picture.image.GetDimension()])

    @position.setter
    def position(self, at: Position) -> None:
        if geometry.index_at(self.picture.image, at) is None:
            raise ValueError(f"The position {tuple(at)} mm lies outside the image.")
        self.canvas.position = [*map(float, at), 0.0][:3]

    def follow(self, other: Explorer) -> None:
        """From now on both crosshairs are at one position, in mm, whichever of them is moved.

        Raises
        ------
        ValueError
            One image has two dimensions and the other three.
        """
        dimensions = [explorer.picture.image.GetDimension() for explorer in (self, other)]
        if len(set(dimensions)) > 1:
            raise ValueError(
                f"One image has {dimensions[0]} dimensions, the other {dimensions[1]}: no place is in both."
            )
        ipywidgets.jslink((other.canvas, "position"), (self.canvas, "position"))

    def __repr__(self) -> str:
        size = " × ".join(map(str, self.picture.image.GetSize()))
        place = ", ".join(f"{p:.4g}" for p in self.position)
        return f"{type(self).__name__}: image of {size} voxels, at ({place}) mm"

    def row(self, points: Points | None = None) -> list[tuple[Picture, Plane]]:
        """The planes as they stand now, with numbered points on them: a row for `lay_out`."""
        now = Picture(
            self.picture.image,
            self.position,
            self.picture.overlay,
            self.labels,
            points,
            tuple(self.canvas.window),
            self.canvas.opacity,
            self.picture.label_names,
            np.inf,
            numbered=True,
        )
        return [(now, plane) for plane in now.planes]

    def _ipython_display_(self) -> None:
        extras = {"overlay": self.picture.overlay, "labels": self.labels}
        parts = [repr(self).partition(": ")[2], *(plane.name for plane in self.picture.planes if plane.name)]
        words = "; ".join([*parts, *(f"with {name}" for name, extra in extras.items() if extra is not None)])
        state = living.bundle("explore", [self.view()]) if living.recording() and self.lives_alone else {}
        self._still.show(self, still_picture([self.row()], words, repr(self)) | state, words)
        if not self._all_sent:
            layers = _layers(self.picture)
            with self.canvas.hold_sync():
                self.canvas.scene, self.canvas.layers = living.scene(self.picture), layers
            self._all_sent = True

    @property
    def lives_alone(self) -> bool:
        """Whether the page needs no kernel for all that it does."""
        return self.canvas.mode in ("look", "seed")

    def view(self, title: str = "") -> dict:
        """The canvas as it stands now, for a page without a kernel (see `living.state`)."""
        now = replace(self.picture, at=self.position, window=tuple(self.canvas.window), opacity=self.canvas.opacity)
        return living.view(now, title, view=self.canvas.view, mode=self.canvas.mode, marks=self.canvas.marks)


def still_picture(rows: list[list[tuple[Picture, Plane]]], alt: str, text: str, **words) -> dict[str, str]:
    """What `lay_out` draws with these words, as a bundle for `Still.show`: a picture, its text alternative, a line."""
    figure, png = Figure(), io.BytesIO()
    lay_out(figure, rows, **words)
    figure.savefig(png, format="png", bbox_inches="tight", pad_inches=0.05)
    pixels = base64.b64encode(png.getvalue()).decode("ascii")
    page = f'<img src="data:image/png;base64,{pixels}" alt="{escape(alt)}" style="max-width: 100%">'
    finer = living.fine(figure, pad_inches=0.05) if living.recording() else {}
    return {"text/html": page, "text/plain": text, "image/png": pixels} | finer


def explore(
    image: sitk.Image,
    overlay: sitk.Image | None = None,
    labels: sitk.Image | None = None,
    window: Window | None = None,
    *,
    at: Position | None = None,
    label_names: Mapping[int, str] | None = None,
) -> Explorer:
    """Explore an image in a notebook: linked planes, an overlay, labels, the position and value under the cursor.

    Click moves the crosshair. In the plane clicked last: arrows move the crosshair, Page Up and Page Down (or ] and [)
    and the wheel change the slice, Z enlarges around the crosshair, and with Shift the other way. A drag with the right
    button sets the window, one with Shift moves the picture. A voxel without a value (NaN) is striped.
    `explorer.position` is the crosshair's place in mm, LPS, and `explorer.follow(other)` keeps two viewers in step.

    Parameters are those of `slices`. Raises ValueError for an overlay or labels on another grid, a position outside
    the image, or images that are too large for a page (400 MB).
    """
    picture = Picture(image, at, overlay, labels, window=window, label_names=label_names)
    picture.require_inside()
    if overlay is not None and max(i.GetNumberOfComponentsPerPixel() for i in (image, overlay)) > 1:
        raise ValueError("An overlay needs scalar images: take one component, sitk.VectorIndexSelectionCast(image, 0).")
    return Explorer(picture)


def _bytes(picture: Picture) -> int:
    """How much the page gets; ValueError where that is more than it can hold."""
    total = sum(sitk.GetArrayViewFromImage(image).nbytes for image in living.layers(picture).values())
    if total > _LARGEST:
        raise ValueError(
            f"These images take {total / 1e6:.0f} MB, more than a page can hold ({_LARGEST / 1e6:.0f} MB). "
            "Shrink them, for example sitk.Shrink(image, (2, 2, 2)), or cut out a region."
        )
    return total


def _sketch(picture: Picture) -> Picture:
    """The picture of every second, third, … voxel: quickly made, and quickly sent."""
    step = int(np.ceil((picture.image.GetNumberOfPixels() / _SKETCH) ** (1 / 3)))
    every = tuple(slice(None, None, min(step, size)) for size in picture.image.GetSize())
    images = {name: image[every] for name, image in living.layers(picture).items()}
    return Picture(at=picture.at, window=picture.window, label_names=picture.label_names, **images)


def _layers(picture: Picture) -> dict:
    layers = {}
    for name, image in living.layers(picture).items():
        values = sitk.GetArrayViewFromImage(image)
        if values.dtype.itemsize == 8:
            values = values.astype(np.float64)  # the widest numbers that a page computes with
        more = {"components": image.GetNumberOfComponentsPerPixel(), "window": appearance.default_window(image)}
        layers[name] = packed(values) | more
    return layers


def packed(values: np.ndarray) -> dict:
    """An array as a page takes it: its type, and its bytes in one piece, compressed where that makes them fewer."""
    content = values.tobytes()
    probe = content[len(content) // 2 :][:_PROBE]
    pays = len(zlib.compress(probe, 1)) < 0.7 * len(probe)
    return {"type": values.dtype.name, "voxels": zlib.compress(content, 1 if pays else 0)}
