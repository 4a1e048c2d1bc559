"""Drawing a box in an image: a mode of the viewer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import SimpleITK as sitk

from regseg.grid import Box, Grid
from regseg.show._explore import Explorer
from regseg.show.geometry import Plane
from regseg.show.picture import Picture, Window


class Cropper(Explorer):
    """The viewer, in which a box is drawn. Made by `box`."""

    def __init__(self, picture: Picture, start: Box) -> None:
        missing = 3 - len(start.start)  # a 2-D image is one slice of the canvas
        super().__init__(picture, "box", box=[*start.start, *[0] * missing, *start.stop, *[1] * missing])

    @property
    def box(self) -> Box:
        """The box as it stands now."""
        dimension = self.picture.image.GetDimension()
        return Box(tuple(self.canvas.box[:dimension]), tuple(self.canvas.box[3 : 3 + dimension]))

    def __repr__(self) -> str:
        return f"{super().__repr__()}; {self.box}"

    def row(self) -> list[tuple[Picture, Plane]]:
        """The planes with the box, as a label."""
        grid, row = Grid.of(self.picture.image), super().row()
        mask = np.zeros(grid.size[::-1], np.uint8)
        mask[self.box.slices] = 1
        for picture, _ in row:
            picture.labels, picture.label_names = grid.image(mask), {1: "box"}
        return row


def box(
    image: sitk.Image,
    start: Box | None = None,
    *,
    at: Sequence[float] | None = None,
    window: Window | None = None,
) -> Cropper:
    """Draw a box in an image, by hand, in a notebook.

    Look around as in `explore`. The mouse drags the edges of the box, in every plane, or draws a new rectangle inside a
    plane; the third side of the box stays as it is, until it is dragged in another plane. By keyboard: Enter begins a
    box at the crosshair, which then reaches to wherever the crosshair goes; Enter ends it, Escape brings the old one
    back.

    Parameters
    ----------
    image : sitk.Image
        Scalar or RGB, 2-D or 3-D.
    start : Box, optional
        The box to begin with, in voxels; by default the whole image.
    at : (x, y, z), optional
        Where the crosshair begins, in mm, LPS; by default in the middle.
    window : (low, high), optional
        Drawn black and white, as in `explore`.

    Returns
    -------
    Cropper
        `cropper.box` is a `regseg.grid.Box`: its `start` is an index, its `size` a number of voxels, both x, y, z.

    Raises
    ------
    ValueError
        The box is empty or reaches out of the image, or the position lies outside.

    Examples
    --------
    >>> cropper = show.box(image, Box((40, 50, 30), (100, 120, 90)))
    >>> piece = sitk.RegionOfInterest(image, cropper.box.size, cropper.box.start)
    """
    picture = Picture(image, at, window=window)
    picture.require_inside()
    whole = Grid.of(image).box
    start = start or whole
    if len(start.start) != image.GetDimension() or start.empty or start.clip(whole) != start:
        raise ValueError(f"{start} does not lie in this image, whose size is {image.GetSize()}.")
    return Cropper(picture, start)
