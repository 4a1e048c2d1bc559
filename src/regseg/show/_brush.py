"""Painting labels: a mode of the viewer, with a file in which each stroke is saved."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Mapping, Sequence
from itertools import pairwise
from numbers import Real
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from regseg.files import written_whole
from regseg.grid import Grid
from regseg.show import appearance, geometry
from regseg.show._explore import Explorer
from regseg.show.picture import Picture, Window

_SIZES = (1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 25, 32, 40)  # of the brush, times the smallest side of a voxel
_FORMATS = (".nii.gz", ".nii", ".nrrd", ".mha")  # which keep an image's place in space


class Painter(Explorer):
    """The viewer, in which labels are painted. Made by `brush`.

    Attributes
    ----------
    file : Path
        Where each stroke is saved.
    """

    def __init__(self, picture: Picture, painted: np.ndarray, values: Sequence[int], file: Path) -> None:
        self.file = file
        self._place = file.resolve()  # the same when a cell changes the folder; a link stays a link
        self._grid = Grid.of(picture.image)
        self._array = painted  # of 16 bits: what a browser kept may have a label that this painter was not told of
        self._highest = values[-1]
        self._writing = threading.Lock()  # a kernel may hear the page in one thread while a cell runs in another
        self._known = _version(self._place)  # what it wrote or read last
        self._unsaved: list[str] = []  # the names of the edits that are not in the file yet
        place = f"{self._place} {self._grid}"
        brush = {
            "labels": values,
            "sizes": [times * min(self._grid.spacing) for times in _SIZES],
            "file": file.name,
            "key": hashlib.sha256(place.encode()).hexdigest()[:32],  # under which a browser keeps what is not saved
        }
        super().__init__(picture, "brush", painted=painted, brush=brush)
        self.canvas.on_msg(self._hear)

    @property
    def labels(self) -> sitk.Image:
        """A copy of what is painted: a label image of unsigned whole numbers on the grid of the image."""
        highest = max(self._highest, self._array.max())
        return self._grid.image(self._array.astype(np.uint8 if highest < 256 else np.uint16))

    def save(self) -> Path:
        """Write the labels into the file, whole or not at all. Each change on the page does so by itself.

        Raises
        ------
        FileExistsError
            Another painter or program has written into the file since this one did; what it wrote is not touched.
        OSError, RuntimeError
            The file cannot be written, or may only be read; it is what it was.
        """
        with self._writing:
            if _version(self._place) not in (None, self._known):
                raise FileExistsError(
                    f"{self.file.name} was changed elsewhere: run the cell again to go on from there."
                )
            if self._place.exists() and not _may_be_written(self._place):
                raise PermissionError(f"{self.file.name} may only be read: give another name, brush(…, file=…).")
            with written_whole(self._place) as out:
                labels = self.labels
                sitk.WriteImage(labels, out.name, useCompression=True)
                # ITK says nothing when the disk is full and the format is NIfTI.
                written = sitk.GetArrayFromImage(sitk.ReadImage(out.name))
                if not np.array_equal(written, sitk.GetArrayViewFromImage(labels)):
                    raise OSError(f"What {self.file.name} holds is not what was written.")
            self._known = _version(self._place)
        return self.file

    def __repr__(self) -> str:
        names = self.picture.label_names or {}
        values, sizes = np.unique(self._array[self._array > 0], return_counts=True)
        counts = [f"{names.get(v, f'label {v}')} {n}" for v, n in zip(values.tolist(), sizes, strict=True)]
        return f"{super().__repr__()}; painted: {', '.join(counts) or 'nothing'}"

    def _hear(self, _canvas: object, message: dict, _buffers: object) -> None:
        """What the page tells: an edit to be saved, or the wish to fill between slices, which answers with an edit."""
        if "fill" in message:
            self.canvas.send(self._filling(message["fill"], message["axis"]))
            return
        runs = np.reshape(message["runs"], (-1, 3))
        flat = self._array.reshape(-1)
        for first, count, value in runs:
            flat[first : first + count] = value
        self._unsaved.append(message["edit"])
        try:
            self.save()
        except (OSError, RuntimeError) as error:  # SimpleITK's own are RuntimeErrors
            self.canvas.send({"trouble": f"{error}".strip().splitlines()[-1]})
        else:
            self.canvas.send({"saved": self._unsaved})
            self._unsaved = []

    def _filling(self, value: int, axis: int) -> dict:
        filled = sitk.GetArrayFromImage(fill_between(self.labels, value, axis)).reshape(-1)
        new = np.flatnonzero(filled != self._array.reshape(-1))
        name = (self.picture.label_names or {}).get(value, f"label {value}")
        if not len(new):
            return {
                "note": f"Nothing to fill: paint {name} in two slices of one plane, and leave some between them empty."
            }
        starts = np.flatnonzero(np.diff(new, prepend=-2) > 1)
        counts = np.diff(starts, append=len(new))
        runs = np.column_stack([new[starts], counts, np.full(len(starts), value)])
        return {"runs": runs.ravel().tolist(), "note": f"Filled between slices: {len(new)} voxels of {name}."}


def brush(
    image: sitk.Image,
    labels: sitk.Image | None = None,
    file: str | Path = "labels.nii.gz",
    *,
    label_names: Mapping[int, str] | None = None,
    at: Sequence[float] | None = None,
    window: Window | None = None,
) -> Painter:
    """Paint labels onto an image, by hand, in a notebook.

    The brush is a ball, or a disc in the plane, and its size is a diameter in mm, on voxels of any shape. Press and
    move to paint, with *Erase* to erase, with *Look* to move the crosshair only; the line below the planes names the
    keys. *Fill between slices* fills what lies between the slices in which the chosen label is painted, in the plane
    clicked last, see `fill_between`.

    Nothing is lost when the kernel stops. Each change is written into the file at once, whole or not at all. Until it
    is, the browser keeps it as well, for this notebook server, beyond the end of the kernel and of the page. Run the
    cell again: it takes up the file, and what the browser kept is painted and saved.

    Parameters
    ----------
    image : sitk.Image
        Scalar or RGB, 2-D or 3-D.
    labels : sitk.Image, optional
        What to begin with, while there is no file: whole numbers from 0, which is background, to 65535, on the grid of
        the image.
    file : str or Path
        Where the strokes are saved, as .nii.gz, .nii, .nrrd or .mha. What it holds already is taken up.
    label_names : dict of int to str, optional
        The labels to paint with, and their names; those that `labels` or the file hold are added. By default label 1.
    at : (x, y, z), optional
        Where the crosshair begins, in mm, LPS; by default in the middle.
    window : (low, high), optional
        Drawn black and white, as in `explore`.

    Returns
    -------
    Painter
        `painter.labels` is what is painted: an image of 8-bit numbers (of 16-bit ones, where a label is above 255) with
        the geometry of the image.

    Raises
    ------
    ValueError
        The labels, or those in the file, lie on another grid or are no whole numbers from 0 to 65535; the file is no
        image; another format, or one that cannot keep the axes of the image; a position outside the image.
    FileNotFoundError
        There is no such folder for the file.

    Examples
    --------
    >>> painter = show.brush(flair, file="lesions.nii.gz", label_names={1: "lesion"})
    >>> evaluate.overlap(truth, painter.labels)
    """
    file = Path(file)
    if not file.name.endswith(_FORMATS):
        raise ValueError(f"{file.name} says no format that keeps the geometry: take one of {', '.join(_FORMATS)}.")
    if not file.absolute().parent.is_dir():
        raise FileNotFoundError(f"There is no folder {file.parent} for {file.name}: make it first.")
    picture = Picture(image, at, window=window, label_names=label_names)
    picture.require_inside()
    what = "labels"
    axes = Grid.of(image).axes
    if file.name.endswith((".nii", ".nii.gz")) and not np.allclose(axes.T @ axes, np.eye(len(axes)), atol=1e-4):
        raise ValueError(f"The image's axes are not perpendicular, which {file.name} cannot keep: take .nrrd or .mha.")
    if file.exists():
        labels, what = _read(file), f"the labels in {file}"
    values = set(label_names or ())
    array = np.zeros(image.GetSize()[::-1], np.uint16)
    if labels is not None:
        appearance.check_drawable(labels)
        geometry.require_same_grid(image, labels, what)
        array = sitk.GetArrayFromImage(labels)
        values |= set(np.unique(array).tolist())
    wrong = [v for v in values if not (isinstance(v, Real) and float(v).is_integer() and 0 <= v <= 65535)]
    if array.ndim != image.GetDimension() or wrong:
        raise ValueError(
            f"{what} or their names hold {wrong[0] if wrong else 'a colour'!r}: a label is a whole number from 1 to "
            "65535, and 0 is background."
        )
    return Painter(picture, array.astype(np.uint16), sorted({int(v) for v in values} - {0}) or [1], file)


def fill_between(labels: sitk.Image, value: int, axis: int) -> sitk.Image:
    """Fill a label between the slices that hold it, along one axis.

    Between two such slices the signed distance to the label's border, in mm, is taken as linear, and what lies inside
    is filled: shape-based interpolation (Raya and Udupa, IEEE Transactions on Medical Imaging 9, 1990). Only background
    is filled. Where two slices show shapes that do not overlap, the space between them may stay empty.

    Parameters
    ----------
    labels : sitk.Image
        A label image, 2-D or 3-D.
    value : int
        The label.
    axis : int
        0, 1 or 2, for x, y or z: the slices are perpendicular to it.

    Returns
    -------
    sitk.Image
        The labels, filled, as a new image.

    Raises
    ------
    ValueError
        The image has no such axis.
    """
    if axis not in range(labels.GetDimension()):
        raise ValueError(
            f"axis is 0, 1 or 2, for x, y or z, and here it is {axis!r}; the image is {labels.GetDimension()}-D."
        )
    array = sitk.GetArrayFromImage(labels)
    slices = np.moveaxis(array, labels.GetDimension() - 1 - axis, 0)
    sampling = [mm for n, mm in enumerate(labels.GetSpacing()) if n != axis][::-1]
    held = np.flatnonzero((slices == value).any(axis=tuple(range(1, slices.ndim))))
    for below, above in pairwise(held):
        if above - below == 1:
            continue
        first, last = (_signed_distance(slices[n] == value, sampling) for n in (below, above))
        for n in range(below + 1, above):
            part = (n - below) / (above - below)
            slices[n][((1 - part) * first + part * last > 0) & (slices[n] == 0)] = value
    return Grid.of(labels).image(array)


def _read(file: Path) -> sitk.Image:
    try:
        return sitk.ReadImage(file)
    except RuntimeError as error:
        raise ValueError(f"{file} is no image that can be read: give another name, brush(…, file=…).") from error


def _may_be_written(file: Path) -> bool:
    """Whether somebody may write into a file; root always could, also into one that was locked on purpose."""
    return bool(file.stat().st_mode & 0o222) and os.access(file, os.W_OK)


def _version(file: Path) -> tuple[int, int, int] | None:
    """What tells two states of a file apart; None where there is none."""
    if not file.exists():
        return None
    state = file.stat()
    return state.st_ino, state.st_mtime_ns, state.st_size


def _signed_distance(mask: np.ndarray, sampling: Sequence[float]) -> np.ndarray:
    """How far it is to the border of a mask, in mm, positive inside; beyond the edge of the image nothing is inside."""
    mask = np.pad(mask, 1)
    far = ndimage.distance_transform_edt(mask, sampling) - ndimage.distance_transform_edt(~mask, sampling)
    return far[(slice(1, -1),) * mask.ndim]
