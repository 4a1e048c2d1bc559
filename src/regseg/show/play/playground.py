"""What the playgrounds share in Python: a page that gets its images once and computes everything, and a still."""

from __future__ import annotations

from collections.abc import Mapping

import anywidget
import ipywidgets
import numpy as np
import SimpleITK as sitk
import traitlets

from regseg.grid import Grid
from regseg.show import appearance, geometry, living
from regseg.show._explore import packed, still_picture
from regseg.show._still import Still
from regseg.show.geometry import Plane
from regseg.show.picture import Pair, Picture

_EXACT = 256  # times finer than a figure's grey levels: what is computed from a file agrees with what Python computes


class Page(anywidget.AnyWidget):
    """What lives in the page: a script, and what it needs to know."""

    _esm = traitlets.Unicode().tag(sync=True)
    _css = traitlets.Unicode().tag(sync=True)

    images = traitlets.Dict().tag(sync=True)  # by name: type, compressed pixels, geometry, window, letters
    constants = traitlets.Dict().tag(sync=True)  # whatever else the script must be told
    # What the controls say, by name. What the page moves is not echoed: a late echo would move it back.
    state = traitlets.Dict().tag(sync=True, echo_update=False)


class Playground(ipywidgets.VBox):
    """A page with its still.

    Parameters
    ----------
    widget : str
        The name of its script, one of `living.PLAYGROUNDS`; kept as `name`.
    images : mapping of str to sitk.Image
        What the page shows, by name.
    constants, state : dict
        What the script must be told, and what the controls say at first.

    Raises
    ------
    ValueError
        An image is not a flat one that a page can show.
    """

    def __init__(self, widget: str, images: Mapping[str, sitk.Image], constants: dict, state: dict) -> None:
        self.name, self._images, self._still = widget, images, Still()
        self._geometry = {name: _geometry(image, name) for name, image in images.items()}
        self.page = Page(
            _esm=living.script(widget),
            _css=living.style(widget),
            images={name: place | _pixels(images[name]) for name, place in self._geometry.items()},
            constants=constants,
            state=state,
        )
        super().__init__([self.page, self._still.alive])
        self.page.observe(lambda _change: self._still.update(self._picture()), "state")

    def __repr__(self) -> str:
        return f"{type(self).__name__}: {self.words()}"

    def words(self) -> str:
        """What the controls say, for a terminal and as a text for the picture."""
        raise NotImplementedError

    def row(self) -> list[tuple[Picture | Pair, Plane]]:
        """The pictures as they stand now, for `lay_out`."""
        raise NotImplementedError

    def _picture(self) -> dict[str, str]:
        return still_picture([self.row()], self.words(), repr(self))

    def _ipython_display_(self) -> None:
        state = living.bundle(self.name, [self.view()]) if living.recording() else {}
        self._still.show(self, self._picture() | state, self.words())

    def view(self) -> dict:
        """The page as it stands now, for one without a kernel (see `living.state`): each image is a file."""
        files = {}
        for name, image in self._images.items():
            low, high = self._geometry[name]["range"]
            whole = "float" not in image.GetPixelIDTypeAsString()
            files[name] = {"file": living.volume(image, None if whole else (low, low + (high - low) / _EXACT))}
        images = {name: place | files[name] for name, place in self._geometry.items()}
        traits = {"images": images, "constants": self.page.constants, "state": self.page.state}
        return {"title": "", "traits": traits}


def _geometry(image: sitk.Image, name: str) -> dict:
    """What the page must know of a scalar image of two dimensions beside its pixels."""
    require_slice(image, name)
    appearance.check_drawable(image)
    if image.GetNumberOfComponentsPerPixel() > 1:
        raise ValueError(f"{name} has colours: take one component of it, sitk.VectorIndexSelectionCast(image, 0).")
    (plane,) = geometry.planes(image)
    if plane.right != 0:
        raise ValueError(f"{name} lies on its side: exchange its axes, sitk.PermuteAxes(image, (1, 0)).")
    values, grid = sitk.GetArrayViewFromImage(image), Grid.of(image)
    return {
        "size": grid.size,
        "spacing": grid.spacing,
        "origin": grid.origin,
        "direction": grid.direction,
        "flips": (plane.flip_right, plane.flip_down),
        "edges": plane.edges,
        "window": appearance.default_window(image),
        "range": (float(values.min()), float(values.max())),
    }


def _pixels(image: sitk.Image) -> dict:
    values = sitk.GetArrayViewFromImage(image)
    return packed(values.astype(np.float64) if values.dtype.itemsize == 8 else values)


def pictures(*images: sitk.Image) -> list[tuple[Picture, Plane]]:
    """Each image in its only plane, drawn as the first one."""
    first = Picture(images[0])
    drawn = [first, *(Picture(image, window=first.window) for image in images[1:])]
    return [(picture, picture.planes[0]) for picture in drawn]


def require_slice(image: sitk.Image, name: str) -> None:
    """Raise ValueError unless the image has two dimensions."""
    if image.GetDimension() != 2:
        raise ValueError(f"{name} has {image.GetDimension()} dimensions: take a slice of it, such as image[:, :, 90].")


def lattice(image: sitk.Image, cells: int) -> dict:
    """Where the knots of a B-spline over the image lie, and which is the middle one; `cells` is even."""
    knots = sitk.BSplineTransformInitializer(image, (cells, cells)).GetCoefficientImages()[0]
    place = {"origin": knots.GetOrigin(), "spacing": knots.GetSpacing(), "direction": knots.GetDirection()}
    return place | {"knot": (cells // 2 + 1,) * 2}
