"""A mask that is moved and grown against a reference: three measures follow, and disagree."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk

from regseg.grid import Grid
from regseg.show.geometry import Plane
from regseg.show.picture import Picture
from regseg.show.play.playground import Playground, require_slice

_FINE = 0.01  # mm: the page may read the distances from a file, which rounds them


class OverlapPlayground(Playground):
    """A reference, and a drawing of it that errs. Made by `overlap`."""

    def __init__(self, reference: sitk.Image) -> None:
        self.reference = reference
        # Growing by so many mm is a threshold on the distance to the outermost pixels of the reference.
        self._distance = sitk.SignedMaurerDistanceMap(reference > 0, squaredDistance=False, useImageSpacing=True)
        moves = [(-20 * mm, 20 * mm, mm) for mm in reference.GetSpacing()]
        super().__init__(
            "overlap",
            {"reference": reference, "distance": self._distance},
            {"reach": (*moves, (-10, 10, 0.5), (0, 10, 0.5))},
            {"x": 0, "y": 0, "grow": 0, "tolerance": 2},
        )

    @property
    def drawing(self) -> sitk.Image:
        """The mask that the controls say, on the grid of the reference."""
        state = self.page.state
        grown = sitk.Cast(self._distance <= state["grow"] + _FINE, sitk.sitkUInt8)
        back = sitk.TranslationTransform(2, (-state["x"], -state["y"]))
        return sitk.Resample(grown, self.reference, back, sitk.sitkNearestNeighbor, 0)

    def words(self) -> str:
        state = self.page.state
        moved = f"moved by ({state['x']:g}, {state['y']:g}) mm and grown by {state['grow']:g} mm"
        return f"a reference, orange, and a drawing of it, blue: {moved}"

    def row(self) -> list[tuple[Picture, Plane]]:
        labels = sitk.Cast(self.reference > 0, sitk.sitkUInt8) + 4 * self.drawing
        names = {1: "reference only", 4: "drawing only", 5: "both"}
        picture = Picture(self.reference * 0, labels=labels, label_names=names)
        return [(picture, picture.planes[0])]


def overlap(reference: sitk.Image) -> OverlapPlayground:
    """Move and grow a mask against the true one, in a notebook, and see what three measures say.

    Dice, the 95th percentile of the distances of the two surfaces (HD95), and the share of both surfaces that lies
    within a tolerance (NSD) are those of `evaluate.overlap`, `evaluate.surface_distance` and `evaluate.surface_dice`.

    Parameters
    ----------
    reference : sitk.Image
        A two-dimensional mask, whose pixels are no more than 1.5 times as long as they are wide.

    Returns
    -------
    OverlapPlayground
        `playground.drawing` is the other mask, a `sitk.Image`.

    Raises
    ------
    ValueError
        The mask has three dimensions, is empty, or has longer pixels.

    Examples
    --------
    >>> hands = show.play.overlap(data.load("rater_truth")[:, :, 100])
    >>> evaluate.overlap(hands.reference, hands.drawing).dice
    """
    require_slice(reference, "reference")
    if not np.any(sitk.GetArrayViewFromImage(reference)):
        raise ValueError("The reference is empty: take a slice in which there is something to draw.")
    spacing = Grid.of(reference).spacing
    if max(spacing) >= 1.5 * min(spacing):
        raise ValueError(f"The pixels are {spacing} mm, too long for their width: resample the mask to square ones.")
    return OverlapPlayground(reference)
