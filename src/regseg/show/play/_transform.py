"""A transform in the learner's hands: the picture, a point, and the lines of SimpleITK follow."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk

from regseg.grid import Grid
from regseg.show.geometry import Plane
from regseg.show.picture import Picture
from regseg.show.play.playground import Playground, lattice, pictures, require_slice

KINDS = ("shift", "turn", "shear", "bend", "both")

_CELLS = 4  # of the bend along each axis; its middle knot is (3, 3)


class TransformPlayground(Playground):
    """The image, and the controls of a transform. Made by `transform`."""

    def __init__(self, image: sitk.Image, state: dict) -> None:
        self.image = image
        centre = Grid.of(image).middle
        self._centre = [round(number, 1) for number in centre]
        extent = np.multiply(image.GetSize(), image.GetSpacing())
        far = 5 * round(max(extent) / 20)
        reach = {"shift": (-far, far, 1), "turn": (-180, 180, 1), "shear": (-1, 1, 0.05), "knot": (-far, far, 1)}
        start = np.rint(np.subtract(centre, extent / 6)).astype(int).tolist()  # clear of the rings
        super().__init__(
            "transform",
            {"image": image},
            {"centre": self._centre, "lattice": lattice(image, _CELLS), "reach": reach},
            state | {"inverse": False, "swapped": False, "point_x": start[0], "point_y": start[1]},
        )

    @property
    def transform(self) -> sitk.Transform:
        """What the controls say: it takes points of the new grid to points of the image, in mm."""
        state = self.page.state
        kind, inverse = state["kind"], state["inverse"]
        if kind == "bend":
            bend = sitk.BSplineTransformInitializer(self.image, (_CELLS, _CELLS))
            knots = np.zeros((2, 7, 7))
            knots[:, 3, 3] = state["knot_x"], state["knot_y"]
            bend.SetParameters(knots.ravel())
            return bend
        shift = sitk.TranslationTransform(2, (state["x"], state["y"]))
        turn = sitk.Euler2DTransform(self._centre, np.deg2rad(state["turn"]))
        shear = sitk.AffineTransform((1, state["shear"], 0, 1), (0, 0), self._centre)
        both = sitk.CompositeTransform([turn, shift] if state["swapped"] else [shift, turn])
        chosen = {"shift": shift, "turn": turn, "shear": shear, "both": both}[kind]
        return chosen.GetInverse() if inverse else chosen

    def words(self) -> str:
        state = self.page.state
        names = {
            "shift": f"a shift by ({state['x']:g}, {state['y']:g}) mm",
            "turn": f"a turn by {state['turn']:g} degrees",
            "shear": f"a shear by {state['shear']:g}",
            "bend": f"a bend, its middle knot moved by ({state['knot_x']:g}, {state['knot_y']:g}) mm",
        }
        first, second = ("shift", "turn") if state["swapped"] else ("turn", "shift")
        said = names.get(state["kind"]) or f"{names[first]}, then {names[second]}"
        back = "the inverse of " if state["inverse"] and state["kind"] != "bend" else ""
        return f"an image, and the same resampled with {back}{said}"

    def row(self) -> list[tuple[Picture, Plane]]:
        return pictures(self.image, sitk.Resample(self.image, self.image, self.transform))


def transform(
    image: sitk.Image,
    kind: str = "shift",
    *,
    x: float = 0,
    y: float = 0,
    turn: float = 0,
    shear: float = 0,
    knot: tuple[float, float] = (0, 0),
) -> TransformPlayground:
    """Take a transform into your hands, in a notebook.

    On the left lies the image with the net of the new grid, after the transform: that is where the new grid reads. On
    the right is what it finds there, the resampled image. Rings on the left can be dragged, and each has a slider. A
    point goes with the transform, and the picture the other way. Below stand the lines of SimpleITK that give the same.

    Parameters
    ----------
    image : sitk.Image
        Two-dimensional and scalar.
    kind : str
        Which transform is in your hands at first: "shift", "turn", "shear", "bend" (one knot of a B-spline), or "both",
        a turn and a shift.
    x, y, turn, shear, knot : float, and (x, y)
        What the controls say at first: mm, degrees, no unit, mm.

    Returns
    -------
    TransformPlayground
        `playground.transform` is what the controls say, a `sitk.Transform`.

    Raises
    ------
    ValueError
        The image has three dimensions or colours, or there is no such kind.

    Examples
    --------
    >>> hands = show.play.transform(data.load("brain_t1_2mm")[:, :, 47])
    >>> hands.transform.TransformPoint((10, 20))
    """
    require_slice(image, "image")
    if kind not in KINDS:
        raise ValueError(f"kind is one of {', '.join(KINDS)}; got {kind!r}.")
    state = {"kind": kind, "x": x, "y": y, "turn": turn, "shear": shear, "knot_x": knot[0], "knot_y": knot[1]}
    return TransformPlayground(image, state)
