"""A threshold on the histogram: the mask, its area and its Dice coefficient follow."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk

from regseg.show import geometry
from regseg.show.geometry import Plane
from regseg.show.picture import Picture
from regseg.show.play.playground import Playground, require_slice


class ThresholdPlayground(Playground):
    """A slice with its histogram. Made by `threshold`."""

    def __init__(
        self, image: sitk.Image, reference: sitk.Image, lower: float, reach: tuple[float, float, float]
    ) -> None:
        self.image, self.reference = image, reference
        images = {"image": image, "reference": reference}
        super().__init__("threshold", images, {"reach": reach}, {"lower": lower, "upper": reach[1]})

    @property
    def mask(self) -> sitk.Image:
        """What lies between the two thresholds, both included: 1, and 0 elsewhere."""
        return sitk.BinaryThreshold(self.image, self.page.state["lower"], self.page.state["upper"])

    def words(self) -> str:
        state = self.page.state
        return f"a slice with what lies from {state['lower']:g} to {state['upper']:g}, and the reference"

    def row(self) -> list[tuple[Picture, Plane]]:
        names = {1: "reference", 2: "found", 3: "both"}
        both = sitk.Cast(self.reference > 0, sitk.sitkUInt8) + 2 * sitk.Cast(self.mask, sitk.sitkUInt8)
        picture = Picture(self.image, labels=both, label_names=names)
        return [(picture, picture.planes[0])]


def threshold(image: sitk.Image, reference: sitk.Image, lower: float | None = None) -> ThresholdPlayground:
    """Find an object by its grey values, by hand, in a notebook.

    Two handles on the histogram choose the grey values that count. The image shows what they find, and the outline of
    the reference; area and Dice coefficient are those of `sitk.BinaryThreshold` and `evaluate.overlap`. The background,
    whatever has the smallest value of the image, is left out of the histogram.

    Parameters
    ----------
    image : sitk.Image
        Two-dimensional and scalar.
    reference : sitk.Image
        What should be found: a mask on the grid of the image.
    lower : float, optional
        The threshold at first; by default in the middle of the values.

    Returns
    -------
    ThresholdPlayground
        `playground.mask` is what was found, a `sitk.Image`.

    Raises
    ------
    ValueError
        An image has three dimensions or colours, the two lie on different grids, or all values are the same.

    Examples
    --------
    >>> hands = show.play.threshold(scan[:, :, 94], truth[:, :, 94])
    >>> evaluate.overlap(truth[:, :, 94], hands.mask).dice
    """
    require_slice(image, "image")
    geometry.require_same_grid(image, reference, "labels")
    values = sitk.GetArrayViewFromImage(image)
    low, high = float(np.floor(values.min())), float(np.ceil(values.max()))
    if low == high:
        raise ValueError(f"All values of the image are {low:g}: no threshold parts them.")
    step = 10.0 ** np.floor(np.log10((high - low) / 100))
    lower = low + step * round((high - low) / 2 / step) if lower is None else lower
    return ThresholdPlayground(image, reference, lower, (low, high, float(step)))
