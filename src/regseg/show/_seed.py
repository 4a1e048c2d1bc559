"""Setting seeds in an image: a mode of the viewer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import SimpleITK as sitk

from regseg.grid import Grid
from regseg.show._explore import Explorer
from regseg.show.geometry import Plane
from regseg.show.picture import Picture, Window


class Seeder(Explorer):
    """The viewer, in which seeds are set. Made by `seed`."""

    def __init__(self, picture: Picture, seeds: Sequence[Sequence[int]]) -> None:
        marks = [[*picture.image.TransformIndexToPhysicalPoint(index), 0.0][:3] for index in seeds]
        super().__init__(picture, "seed", marks=marks)

    @property
    def seeds(self) -> list[tuple[int, ...]]:
        """The indices of their voxels, x, y, z, in the order in which they were set."""
        image = self.picture.image
        return [image.TransformPhysicalPointToIndex(at[: image.GetDimension()]) for at in self.canvas.marks]

    def __repr__(self) -> str:
        return f"{super().__repr__()}; seeds {self.seeds}"

    def row(self) -> list[tuple[Picture, Plane]]:
        """The planes with all seeds, projected onto them."""
        return super().row(Grid.of(self.picture.image).points(self.seeds) if self.seeds else None)


def seed(
    image: sitk.Image,
    seeds: Sequence[Sequence[int]] = (),
    *,
    at: Sequence[float] | None = None,
    window: Window | None = None,
) -> Seeder:
    """Set seeds in an image, by hand, in a notebook.

    Look around as in `explore`. A double click, or Enter, sets a seed at the crosshair. The mouse drags a seed, M moves
    the nearest one to the crosshair, Backspace or Ctrl+Z takes the last one back. The picture in a saved notebook shows
    all seeds, projected onto its planes.

    Parameters
    ----------
    image : sitk.Image
        Scalar or RGB, 2-D or 3-D.
    seeds : sequence of index
        Those to begin with, each (x, y, z) in voxels.
    at : (x, y, z), optional
        Where the crosshair begins, in mm, LPS; by default in the middle.
    window : (low, high), optional
        Drawn black and white, as in `explore`.

    Returns
    -------
    Seeder
        `seeder.seeds` is a list of indices: what SimpleITK's region growing takes.

    Raises
    ------
    ValueError
        A seed or the position lies outside the image.

    Examples
    --------
    >>> seeder = show.seed(image, [(90, 108, 90)])
    >>> region = sitk.ConnectedThreshold(image, seedList=seeder.seeds, lower=100, upper=200)
    """
    picture = Picture(image, at, window=window)
    picture.require_inside()
    for index in seeds:
        if np.shape(index) != (image.GetDimension(),) or any(
            i not in range(n) for i, n in zip(index, image.GetSize(), strict=True)
        ):
            raise ValueError(
                f"The seed {index} is no voxel of this image, whose size is {image.GetSize()}: seeds is a list of "
                "indices, such as [(90, 108, 90)]."
            )
    return Seeder(picture, [tuple(map(int, index)) for index in seeds])
