"""A knot of a B-spline in the learner's hands: how far it goes until the net folds."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk

from regseg.evaluate import jacobian_determinant
from regseg.grid import Grid
from regseg.show.geometry import Plane
from regseg.show.picture import Picture
from regseg.show.play.playground import Playground, lattice, pictures, require_slice

_CELLS = (4, 6, 8)  # even numbers: a knot stands in the middle


class FoldPlayground(Playground):
    """The image, its net and the determinant. Made by `fold`."""

    def __init__(self, image: sitk.Image, state: dict) -> None:
        self.image = image
        lattices = {str(cells): lattice(image, cells) for cells in _CELLS}
        far = 5 * round(max(np.multiply(image.GetSize(), image.GetSpacing())) / 10)
        super().__init__("fold", {"image": image}, {"lattices": lattices, "reach": (-far, far, 1)}, state)

    @property
    def transform(self) -> sitk.BSplineTransform:
        """What the controls say: it takes points of the new grid to points of the image, in mm."""
        state, cells = self.page.state, int(self.page.state["cells"])
        bend, middle = sitk.BSplineTransformInitializer(self.image, (cells, cells)), cells // 2 + 1
        knots = np.zeros((2, cells + 3, cells + 3))
        knots[:, middle, middle] = state["knot_x"], state["knot_y"]
        if state["against"]:
            knots[:, middle, middle + 1] = -knots[:, middle, middle]
        bend.SetParameters(knots.ravel())
        return bend

    def words(self) -> str:
        state = self.page.state
        too = ", and the next one the other way" if state["against"] else ""
        moved = f"the middle knot of {state['cells']} cells moved by ({state['knot_x']:g}, {state['knot_y']:g}) mm{too}"
        return f"an image resampled with a bend, and its determinant, orange where it folds: {moved}"

    def row(self) -> list[tuple[Picture, Plane]]:
        determinant = jacobian_determinant(Grid.of(self.image).sample(self.transform))
        folded = Picture(determinant, labels=determinant <= 0, window=(0, 2), label_names={1: "folded"})
        return [*pictures(sitk.Resample(self.image, self.image, self.transform)), (folded, folded.planes[0])]


def fold(image: sitk.Image, *, cells: int = 4, knot: tuple[float, float] = (0, 0)) -> FoldPlayground:
    """Drag a knot of a B-spline until the net folds, in a notebook.

    On the left lies the image with the net of the new grid, after the transform. On the right is the Jacobian
    determinant of the transform, by differences of neighbours as in `evaluate.jacobian_determinant`, and orange where
    it is 0 or less. All other knots rest, except the next one where it is told to move the other way.

    Parameters
    ----------
    image : sitk.Image
        Two-dimensional and scalar.
    cells : int
        Of the lattice along each axis at first: 4, 6 or 8.
    knot : (x, y)
        How far the middle knot is moved at first, in mm.

    Returns
    -------
    FoldPlayground
        `playground.transform` is what the controls say, a `sitk.BSplineTransform`.

    Raises
    ------
    ValueError
        The image has three dimensions or colours, or `cells` is another number.

    Examples
    --------
    >>> hands = show.play.fold(data.load("brain_t1_2mm")[:, :, 47], knot=(40, 0))
    >>> evaluate.folding(Grid.of(image).sample(hands.transform))
    """
    require_slice(image, "image")
    if cells not in _CELLS:
        raise ValueError(f"cells is one of {', '.join(map(str, _CELLS))}; got {cells!r}.")
    state = {"cells": str(cells), "knot_x": knot[0], "knot_y": knot[1], "against": False}
    return FoldPlayground(image, state)
