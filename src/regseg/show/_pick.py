"""Picking the same landmarks in two images: a mode of the viewer, with a file that keeps the pairs."""

from __future__ import annotations

from html import escape
from pathlib import Path

import ipywidgets
import numpy as np
import SimpleITK as sitk

from regseg.files import written_whole
from regseg.show import geometry, living
from regseg.show._explore import Explorer, still_picture
from regseg.show._still import Still
from regseg.show.picture import Picture, Window


class Picker(ipywidgets.VBox):
    """Two viewers, one above the other, in which pairs of landmarks are set. Made by `pick`."""

    def __init__(self, fixed: Picture, moving: Picture, file: Path) -> None:
        self.file = file
        self.fixed, self.moving = Explorer(fixed, mode="fixed"), Explorer(moving, mode="moving")
        self.fixed.canvas.marks = _read(file, fixed.image, moving.image) if file.exists() else []
        ipywidgets.jslink((self.fixed.canvas, "marks"), (self.moving.canvas, "marks"))
        undo = ipywidgets.Button(description="Undo", tooltip="Take the last landmark back")
        undo.on_click(lambda _: self.undo())
        save = ipywidgets.Button(description="Save", tooltip=f"Write the pairs into {file}")
        save.on_click(lambda _: self._save_and_say())
        self._said = ipywidgets.HTML()
        heads = [ipywidgets.HTML(f"<b>{name} image</b>") for name in ("Fixed", "Moving")]
        buttons = ipywidgets.HBox([undo, save, self._said])
        self._still = Still()
        super().__init__([heads[0], self.fixed, heads[1], self.moving, buttons, self._still.alive])

    @property
    def fixed_points(self) -> np.ndarray:
        """Landmarks of the complete pairs in the fixed image, (n, 3) or (n, 2), mm, LPS."""
        return self._points(0)[: len(self.moving_points)]

    @property
    def moving_points(self) -> np.ndarray:
        """Their partners in the moving image, (n, 3) or (n, 2), mm, LPS."""
        return self._points(1)

    def undo(self) -> None:
        """Take back the landmark that was set last."""
        self.fixed.canvas.marks = self.fixed.canvas.marks[:-1]

    def save(self) -> Path:
        """Write the complete pairs into the file, whole or not at all.

        One pair a line: fixed x, y, z, moving x, y, z in mm, LPS. `np.loadtxt(file, delimiter=",")` reads it.
        """
        pairs = np.hstack([self.fixed_points, self.moving_points])
        axes = "xyz"[: pairs.shape[1] // 2]
        header = ",".join(f"{name} {axis}" for name in ("fixed", "moving") for axis in axes) + " (mm; LPS)"
        with written_whole(self.file) as out:
            np.savetxt(out, pairs, fmt="%.9f", delimiter=",", header=header, encoding="utf-8")
        return self.file

    def _save_and_say(self) -> None:
        try:
            said = f"{_count(len(self.moving_points))} saved in {self.save()}."
        except OSError as error:
            said = f"Not saved: {error}"
        self._said.value = f'<span role="status">{escape(said)}</span>'

    def _points(self, part: int) -> np.ndarray:
        dimension = self.fixed.picture.image.GetDimension()
        return np.array(self.fixed.canvas.marks[part::2], float).reshape(-1, 3)[:, :dimension]

    def __repr__(self) -> str:
        half = ", and a landmark without its partner" if len(self.fixed.canvas.marks) % 2 else ""
        return f"Picker: {_count(len(self.moving_points))} of landmarks{half}"

    def _ipython_display_(self) -> None:
        """The widget, and a still of both images; all landmarks are projected onto its planes."""
        paired = len(self.moving_points)
        half = self._points(0)[paired:]
        points = {"": self.fixed_points} | ({"without its partner": half} if len(half) else {})
        rows = [self.fixed.row(points), self.moving.row(self.moving_points)]
        title = "Landmarks, projected onto these planes" if self.fixed.canvas.marks else None
        alt = f"The fixed image above the moving one. {repr(self).removeprefix('Picker: ')}."
        still = still_picture(rows, alt, repr(self), title=title, row_titles=("fixed", "moving"))
        if living.recording():
            still |= living.bundle("explore", [self.fixed.view("fixed"), self.moving.view("moving")], ["marks"])
        self._still.show(self, still, alt)


def pick(
    fixed: sitk.Image,
    moving: sitk.Image,
    file: str | Path = "landmarks.csv",
    *,
    fixed_window: Window | None = None,
    moving_window: Window | None = None,
) -> Picker:
    """Pick the same landmarks in two images, by hand, in a notebook.

    Look around as in `explore`. A double click in the fixed image, or Enter, sets a landmark at the crosshair, the next
    one in the moving image its partner. The mouse drags a landmark, M moves the nearest one to the crosshair, and
    Backspace, Ctrl+Z or the button take the last one back. Landmarks lie at the centres of voxels.
    `picker.fixed_points` and `picker.moving_points` are (n, 3) arrays in mm, LPS.

    Parameters
    ----------
    fixed, moving : scalar or RGB images, both 2-D or both 3-D, each on its own grid.
    file : where the button writes the pairs, see `Picker.save`; those that it holds already are taken up.
    fixed_window, moving_window : (low, high) drawn black and white, as in `explore`.

    Raises
    ------
    ValueError : images of different dimensions, or a file whose content is not pairs of points in these images.
    """
    pictures = [Picture(fixed, window=fixed_window), Picture(moving, window=moving_window)]
    if fixed.GetDimension() != moving.GetDimension():
        raise ValueError(f"fixed has {fixed.GetDimension()} dimensions and moving {moving.GetDimension()}.")
    return Picker(*pictures, Path(file))


def _count(pairs: int) -> str:
    return f"{pairs} pair" + ("s" if pairs != 1 else "")


def _read(file: Path, fixed: sitk.Image, moving: sitk.Image) -> list[list[float]]:
    """The file's landmarks as the canvas keeps them."""
    dimension = fixed.GetDimension()
    try:
        lines = [line for line in file.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
        pairs = np.array([line.split(",") for line in lines], float).reshape(len(lines), 2 * dimension)
        marks = pairs.reshape(-1, dimension).tolist()
        inside = [geometry.index_at((fixed, moving)[n % 2], at) is not None for n, at in enumerate(marks)]
    except ValueError:
        inside = [False]
    if not all(inside):
        raise ValueError(f"{file} holds no pairs of landmarks of these images: give another name, pick(…, file=…).")
    return [[*at, 0.0][:3] for at in marks]
