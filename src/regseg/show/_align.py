"""Registering by hand: three sliders move one slice over another, and the overlay and the numbers follow."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from html import escape

import ipywidgets
import numpy as np
import SimpleITK as sitk

from regseg.grid import Grid
from regseg.show._explore import still_picture
from regseg.show._still import Still
from regseg.show.picture import Pair, Picture

Measures = Mapping[str, Callable[[sitk.Euler2DTransform], float]]


class Aligner(ipywidgets.VBox):
    """The overlay with its sliders. Made by `align`."""

    def __init__(self, fixed: sitk.Image, moving: sitk.Image, measures: Measures, reach: float) -> None:
        self.fixed, self.moving, self.measures = Picture(fixed), moving, measures
        self._window = Picture(moving).window
        span = {"continuous_update": True, "style": {"description_width": "7em"}}
        self.turn = ipywidgets.FloatSlider(0, min=-45, max=45, step=1, description="turn (degrees)", **span)
        self.x, self.y = (
            ipywidgets.FloatSlider(0, min=-reach, max=reach, step=1, description=f"{axis} (mm)", **span)
            for axis in "xy"
        )
        self._page, self._still = ipywidgets.HTML(), Still()
        for slider in (self.turn, self.x, self.y):
            slider.observe(lambda _change: self._look_again(), "value")
        super().__init__([self._page, self.turn, self.x, self.y, self._still.alive])
        self.add_class("regseg-align")
        self._look_again()

    @property
    def transform(self) -> sitk.Euler2DTransform:
        """What the sliders say: it takes points of the fixed image to points of the moving one, in mm."""
        shift = (self.x.value, self.y.value)
        return sitk.Euler2DTransform(Grid.of(self.fixed.image).middle, np.deg2rad(self.turn.value), shift)

    def __repr__(self) -> str:
        numbers = [f"{name} {measure(self.transform):.2f}" for name, measure in self.measures.items()]
        moved = f"turned by {self.turn.value:g} degrees, moved by ({self.x.value:g}, {self.y.value:g}) mm"
        return "; ".join([f"Aligner: {moved}", *numbers])

    def _look_again(self) -> None:
        words = repr(self)  # the measures may take long: once for each move
        bundle, said = self._picture(words), escape(words.removeprefix("Aligner: "))
        self._page.value = f'{bundle["text/html"]}<p role="status">{said}</p>'
        self._still.update(bundle)

    def _picture(self, words: str) -> dict[str, str]:
        seen = sitk.Resample(self.moving, self.fixed.image, self.transform)
        pair = Pair(self.fixed, Picture(seen, window=self._window), "blend", None)
        alt = f"Fixed image, orange, and moving image, blue: {words.removeprefix('Aligner: ')}"
        return still_picture([[(pair, self.fixed.planes[0])]], alt, words)

    def _ipython_display_(self) -> None:
        words = repr(self)
        self._still.show(self, self._picture(words), words)


def align(fixed: sitk.Image, moving: sitk.Image, measures: Measures | None = None, *, reach: float = 40) -> Aligner:
    """Register two slices by hand, in a notebook: be the optimiser.

    Three sliders turn the moving image about the middle of the fixed one, and move it along x and y. The overlay shows
    the fixed image orange and the moving one blue, and grey where they agree.

    Parameters
    ----------
    fixed, moving : sitk.Image
        Two-dimensional and scalar, each on its own grid.
    measures : mapping of str to function, optional
        What is computed at each place of the sliders, by name: each function takes the transform from fixed to moving
        points and returns a number.
    reach : float
        How far the sliders move the image, in mm.

    Returns
    -------
    Aligner
        `aligner.transform` is what the sliders say, a `sitk.Euler2DTransform`.

    Raises
    ------
    ValueError
        An image has three dimensions: take a slice, such as image[:, :, 90].

    Examples
    --------
    >>> hands = show.align(fixed, moving, {"error (mm)": lambda found: evaluate.tre(found, points, partners).mean()})
    >>> hands.transform
    """
    for name, image in (("fixed", fixed), ("moving", moving)):
        if image.GetDimension() != 2:
            raise ValueError(
                f"{name} has {image.GetDimension()} dimensions: take a slice of it, such as image[:, :, 90]."
            )
    return Aligner(fixed, moving, measures or {}, reach)
