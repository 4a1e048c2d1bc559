"""Registering by hand: the overlay, the joint histogram, the metric and the error follow."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk

from regseg.grid import Grid
from regseg.show.geometry import Plane
from regseg.show.picture import Pair, Picture
from regseg.show.play.playground import Playground


class AlignPlayground(Playground):
    """Two slices, one over the other. Made by `align`."""

    def __init__(self, fixed: sitk.Image, moving: sitk.Image, landmarks: np.ndarray, reach: float) -> None:
        self.fixed, self.moving = fixed, moving
        reach = {"turn": (-45, 45, 1), "shift": (-reach, reach, 1)}
        super().__init__(
            "align",
            {"fixed": fixed, "moving": moving},
            {"centre": Grid.of(fixed).middle, "reach": reach, "landmarks": landmarks.tolist()},
            {"turn": 0, "x": 0, "y": 0, "metric": "mutual", "along": "turn"},
        )

    @property
    def transform(self) -> sitk.Euler2DTransform:
        """What the controls say: it takes points of the fixed image to points of the moving one, in mm."""
        state = self.page.state
        return sitk.Euler2DTransform(Grid.of(self.fixed).middle, np.deg2rad(state["turn"]), (state["x"], state["y"]))

    def words(self) -> str:
        state = self.page.state
        moved = f"turned by {state['turn']:g} degrees, moved by ({state['x']:g}, {state['y']:g}) mm"
        return f"fixed image, orange, and moving image, blue: {moved}"

    def row(self) -> list[tuple[Pair, Plane]]:
        fixed, window = Picture(self.fixed), Picture(self.moving).window
        seen = Picture(sitk.Resample(self.moving, self.fixed, self.transform), window=window)
        return [(Pair(fixed, seen, "blend", None), fixed.planes[0])]


def align(
    fixed: sitk.Image,
    moving: sitk.Image,
    fixed_points: np.ndarray | None = None,
    moving_points: np.ndarray | None = None,
    *,
    reach: float = 40,
) -> AlignPlayground:
    """Register two slices by hand, in a notebook: be the optimiser.

    The overlay shows the fixed image orange and the moving one blue, and grey where they agree. One ring moves the
    moving image, the other turns it, and both have sliders, which say the transform: it turns about the middle of the
    fixed image. Beside the overlay stand the joint histogram of the two, and how a metric changes along one number of
    the transform while the others stay. The metrics are SimpleITK's, over all pixels, and smaller is better: mutual
    information after Mattes with 32 bins, mean squares, and correlation.

    Parameters
    ----------
    fixed, moving : sitk.Image
        Two-dimensional and scalar, each on its own grid.
    fixed_points, moving_points : array (n, 2), optional
        Matching landmarks in mm: with them the mean target registration error is shown.
    reach : float
        How far the sliders move the image, in mm.

    Returns
    -------
    AlignPlayground
        `playground.transform` is what the controls say, a `sitk.Euler2DTransform`.

    Raises
    ------
    ValueError
        An image has three dimensions or colours, or the landmarks do not come in pairs.

    Examples
    --------
    >>> hands = show.play.align(fixed, moving, fixed_points, moving_points)
    >>> hands.transform
    """
    points = [np.empty((0, 2)) if some is None else np.asarray(some, float) for some in (fixed_points, moving_points)]
    if any(some.ndim != 2 or some.shape[1] != 2 for some in points) or len(points[0]) != len(points[1]):
        raise ValueError(
            f"landmarks come in pairs, as two arrays (n, 2) in mm; these are {points[0].shape} and {points[1].shape}."
        )
    return AlignPlayground(fixed, moving, np.stack(points, axis=1), reach)
