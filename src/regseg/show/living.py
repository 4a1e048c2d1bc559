"""What a page without a kernel is told of a figure, so that a reader can look around in it all the same.

While an episode runs, each figure also carries a finer picture for the website (see `fine`), and one that shows images
carries a *state*, under a MIME type of its own; in a learner's notebook there is neither. A page gives the state and
the widget's script to `mount.js`, which stands in for the kernel. The state is JSON:

`widget`
    The script that draws it, one of `SCRIPTS`.
`views`
    What is mounted, one below the other: each has a `title`, and the `traits` of its model.
`shared`
    The names of the traits that all views have in common: what one sets, the others get.
`files`
    Addresses of files, by the names under which the traits mention them, as ``{"file": name}``.
"""

from __future__ import annotations

import base64
import gzip
import io
import json
import os
import struct
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from IPython import get_ipython
from IPython.core.formatters import BaseFormatter
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure, FigureBase

from regseg.grid import Grid
from regseg.show import appearance
from regseg.show.geometry import Plane
from regseg.show.picture import Pair, Picture, Window

MIME = "application/vnd.regseg.figure+json"
FINE_MIME = "application/vnd.regseg.fine+png"
RECORDING = "REGSEG_RECORD_FIGURES"  # this environment variable is set while an episode runs
# The files of each widget's script, which a page gets as one, and its style sheet.
PLAYGROUNDS = ("align", "bending", "fold", "overlap", "threshold", "transform")
SCRIPTS = {
    "explore": ("page.js", "explore.js", "controls.js", "marks.js", "box.js", "brush.js"),
    **{name: ("page.js", "play/stage.js", f"play/{name}.js") for name in PLAYGROUNDS},
}
STYLES = {"explore": "explore.css"} | dict.fromkeys(PLAYGROUNDS, "play/play.css")
VIEWS = ("Overlay", "Checkerboard", "Difference", "Blend")  # what explore.js can do with two images

_FOLDER = Path(__file__).parent
_FINE = 2  # pixels of a finer picture for one of the PNG: as many as most screens have
_LARGEST = 300_000  # bytes of a volume's file
_TOGETHER = 400_000  # bytes of all volumes of a static figure, about
_MOST_VIEWS = 6  # of a figure with more, such as a montage, the picture says more than that many viewers
_MOST_VOXELS = 1_500_000  # more hardly ever fit into these bytes
_LEVELS = 64  # grey levels of a window, at least
_SCALE = struct.Struct("<ff")  # a NIfTI header's slope and intercept
_SCALE_AT = 112


def script(widget: str) -> str:
    """A widget's script: an ECMAScript module that knows our colours as COLOURS."""
    texts = [(_FOLDER / name).read_text(encoding="utf-8") for name in SCRIPTS[widget]]
    return "\n".join([f"export const COLOURS = {json.dumps(_colours())};", *texts])


def style(widget: str) -> str:
    """A widget's style sheet."""
    return (_FOLDER / STYLES[widget]).read_text(encoding="utf-8")


def recording() -> bool:
    """Whether figures carry a state: while an episode runs."""
    return RECORDING in os.environ


def page_files() -> dict[str, str]:
    """All that a page needs to mount figures, by file name: mount.js and mount.css, and those of each widget."""
    files = {name: (_FOLDER / name).read_text(encoding="utf-8") for name in ("mount.js", "mount.css")}
    files |= {f"{widget}.js": script(widget) for widget in SCRIPTS}
    return files | {f"{widget}.css": style(widget) for widget in STYLES}


def bundle(widget: str, views: Sequence[Mapping[str, Any]], shared: Sequence[str] = ()) -> dict[str, dict]:
    """A figure's state (see `state`) as an entry of its display bundle, which is only made while `recording`."""
    return {MIME: state(widget, views, shared)}


def state(widget: str, views: Sequence[Mapping[str, Any]], shared: Sequence[str] = ()) -> dict[str, Any]:
    """A figure's state.

    Parameters
    ----------
    widget : str
        One of `SCRIPTS`.
    views : sequence of mapping
        For each view its "title" and its "traits", which JSON can hold, but for the content of a file: where the traits
        of "image" are ``{"file": content}``, the bytes of a gzipped NIfTI file, the state calls it "image.nii.gz".
    shared : sequence of str
        Traits that all views have in common.

    Returns
    -------
    dict
        JSON; the files are "data:" addresses.
    """
    contents: dict[str, bytes] = {}
    found = {
        "widget": widget,
        "shared": list(shared),
        "views": [_with_names(view, "", contents) for view in views],
        "files": {
            name: f"data:application/gzip;base64,{base64.b64encode(content).decode('ascii')}"
            for name, content in contents.items()
        },
    }
    return json.loads(json.dumps(found, allow_nan=False))


def _with_names(value: Any, name: str, contents: dict[str, bytes]) -> Any:
    """The value with names in the place of contents, which are noted; equal contents have one name."""
    if isinstance(value, bytes):
        names = (f"{name}{number}.nii.gz" for number in ("", *range(2, 100)))
        return next(one for one in names if contents.setdefault(one, value) == value)
    if isinstance(value, Mapping):
        return {key: _with_names(one, name if key == "file" else key, contents) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_with_names(one, name, contents) for one in value]
    return value


# ---- pictures


def fine(figure: Figure, **saved: Any) -> dict[str, str]:
    """A figure as a PNG twice as fine as usual, as an entry of its display bundle.

    Parameters
    ----------
    figure : Figure
        Drawn with all that lies outside its frame, as a notebook does.
    **saved
        What `Figure.savefig` is told, as for the usual PNG.
    """
    png, how = io.BytesIO(), {"dpi": _FINE * figure.dpi, "bbox_inches": "tight", "pil_kwargs": {"compress_level": 1}}
    figure.savefig(png, format="png", **how, **saved)
    return {FINE_MIME: base64.b64encode(png.getvalue()).decode("ascii")}


def make_fine() -> None:
    """From now on every figure that this IPython displays carries its finer picture."""

    class Fine(BaseFormatter):
        format_type, print_method = FINE_MIME, "_repr_fine_"

    formatter = Fine()
    # Matplotlib, as soon as it is imported, takes out what is there for Figure itself.
    formatter.for_type(FigureBase, lambda figure: fine(figure)[FINE_MIME])
    get_ipython().display_formatter.formatters[FINE_MIME] = formatter


class _Views(list):
    """The views of one matplotlib figure, which gives them away when it is displayed."""

    def __call__(self, **_: object) -> dict[str, dict]:
        if len(self) > _MOST_VIEWS:
            return {}
        # Many pictures of one plane stand side by side, few show all their planes.
        many = len(self) > 2
        images = [layers(_as_picture(picture)).keys() - {"labels"} for _, picture, _ in self]
        share = min(_LARGEST, _TOGETHER // sum(map(len, images)))
        views = [view(picture, title, plane if many else None, largest=share) for title, picture, plane in self]
        return bundle("explore", views, ["position"])


def record(figure: Figure, title: str, picture: Picture | Pair, plane: Plane) -> None:
    """Note, while an episode runs, that a figure shows a picture: then its display carries a state."""
    first = _as_picture(picture)
    if recording() and first.index is not None and first.image.GetNumberOfComponentsPerPixel() == 1:
        views = figure.__dict__.setdefault("_repr_mimebundle_", _Views())
        if not any(known is picture for _, known, _ in views):
            views.append((title, picture, plane))


def _as_picture(picture: Picture | Pair) -> Picture:
    """A pair as a picture of its fixed image, over which the moving one lies."""
    return replace(picture.fixed, overlay=picture.moving.image) if isinstance(picture, Pair) else picture


def view(
    picture: Picture | Pair,
    title: str = "",
    plane: Plane | None = None,
    *,
    largest: int = _LARGEST,
    **traits: Any,
) -> dict[str, Any]:
    """A view of `explore`, with volumes in voxels so large that no file of theirs is larger than `largest` bytes.

    Parameters
    ----------
    picture : Picture or Pair
        Of scalar images. A pair is shown with the moving image as overlay.
    title : str
        What stands above it.
    plane : Plane, optional
        The only plane to show; by default all.
    largest : int
        Bytes of a volume's file; by default 300 KB.
    **traits
        Others of the canvas.
    """
    chosen, over_window = 0, None
    if isinstance(picture, Pair):
        chosen, over_window = VIEWS.index(picture.mode.capitalize()), picture.moving.window
        picture = _as_picture(picture)
    elif picture.overlay is not None:
        over_window = appearance.default_window(picture.overlay)
    windows = {"image": picture.window, "overlay": over_window, "labels": None}
    coarse, contents = _coarse(picture, windows, largest)
    planes = [each for each in coarse.planes if plane is None or each.name == plane.name]
    same = coarse.image.GetSize() == picture.image.GetSize()
    spacing = " × ".join(f"{mm:.3g}" for mm in coarse.image.GetSpacing())
    values = {
        "scene": scene(coarse) | {"planes": [vars(each) for each in planes]},
        "layers": {
            name: {"file": content, "components": 1, "window": windows[name]} for name, content in contents.items()
        },
        "position": [*picture.at, 0.0][:3],
        "window": list(picture.window),
        "opacity": picture.opacity,
        "labels_opacity": 0.3,
        "view": chosen,
        "mode": "look",
    }
    return {
        "title": ", ".join(filter(None, (title, "" if same else f"in voxels of {spacing} mm"))),
        "traits": values | traits,
    }


def layers(picture: Picture) -> dict[str, sitk.Image]:
    """The images of a picture by the names that explore.js has for them."""
    images = {"image": picture.image, "overlay": picture.overlay, "labels": picture.labels}
    return {name: image for name, image in images.items() if image is not None}


def scene(picture: Picture) -> dict[str, Any]:
    """What explore.js must know of the geometry, the values and the names."""
    volume = picture.volume
    low, high = picture.window
    values = sitk.GetArrayViewFromImage(picture.image)
    finite = np.isfinite(values)  # a slider has no place for infinity
    return {
        "dimension": picture.image.GetDimension(),
        "size": volume.GetSize(),
        "spacing": volume.GetSpacing(),
        "origin": volume.GetOrigin(),
        "direction": volume.GetDirection(),
        "planes": [vars(plane) for plane in picture.planes],
        "range": [float(values.min(where=finite, initial=low)), float(values.max(where=finite, initial=high))],
        "whole": bool(np.issubdtype(values.dtype, np.integer)),
        "label_names": {str(value): name for value, name in (picture.label_names or {}).items()},
    }


def _colours() -> dict[str, list]:
    """The colours of labels; of an overlay, RGBA, and of a difference, RGB, 256 each; of the two images of a blend."""
    difference = appearance.DIFFERENCE_MAP(np.linspace(0, 1, 256), bytes=True)
    return {
        "labels": [np.rint(np.multiply(to_rgb(colour), 255)).astype(int).tolist() for colour in appearance.OKABE_ITO],
        "overlay": np.rint(appearance.overlay_colours(1.0) * 255).astype(int).tolist(),
        "difference": difference[:, :3].tolist(),
        "blend": [appearance.BLEND_FIXED.tolist(), appearance.BLEND_MOVING.tolist()],
    }


def _coarse(picture: Picture, windows: Mapping[str, Window | None], largest: int) -> tuple[Picture, dict[str, bytes]]:
    """The picture in voxels as large as need be, and its images as files."""
    image = picture.image
    side = min(image.GetSpacing())
    side *= max(1.0, (image.GetNumberOfPixels() / _MOST_VOXELS) ** (1 / 3))
    while True:
        sizes = zip(image.GetSize(), image.GetSpacing(), strict=True)
        factors = [min(size, max(1, round(side / spacing))) for size, spacing in sizes]
        images = _shrunk(picture, factors)
        contents = {name: volume(one, windows[name]) for name, one in images.items()}
        excess = max(map(len, contents.values())) / largest
        if excess <= 1:
            break
        side *= max(1.1, excess ** (1 / 3))
    return Picture(at=picture.at, window=picture.window, label_names=picture.label_names, **images), contents


def _shrunk(picture: Picture, factors: Sequence[int]) -> dict[str, sitk.Image]:
    """The images in voxels that are larger by these factors: labels by the nearest voxel, all else by the mean."""
    images = layers(picture)
    if max(factors) == 1:
        return images
    shrunk = {
        name: sitk.BinShrink(sitk.Cast(one, sitk.sitkFloat32), factors)
        for name, one in images.items()
        if name != "labels"
    }
    if picture.labels is not None:
        shrunk["labels"] = sitk.Resample(picture.labels, shrunk["image"], sitk.Transform(), sitk.sitkNearestNeighbor, 0)
        shrunk["labels"] = sitk.Cast(shrunk["labels"], picture.labels.GetPixelID())
    return shrunk


def volume(image: sitk.Image, window: Window | None = None) -> bytes:
    """A scalar image as a small gzipped NIfTI file.

    Parameters
    ----------
    image : sitk.Image
        Scalar, 2-D or 3-D; a value that is not finite becomes the lowest one.
    window : (low, high), optional
        The values are rounded to steps of 1, 2 or 5 times a power of ten, of which the window has at least 64. Without
        a window the values are labels, and stay as they are.

    Returns
    -------
    bytes
        The same for the same image, wherever it is made. The header holds slope and intercept of the values.
    """
    values = sitk.GetArrayFromImage(image).astype(np.float64)
    values[~np.isfinite(values)] = np.min(values, where=np.isfinite(values), initial=np.inf)
    step = 1.0
    if window is not None:
        widest = (window[1] - window[0]) / _LEVELS
        power = 10.0 ** np.floor(np.log10(widest))
        step = float(max(times * power for times in (1, 2, 5) if times * power <= widest * (1 + 1e-9)))
        step = max(step, 1.0) if "float" not in image.GetPixelIDTypeAsString() else step
    lowest = np.floor(values.min() / step)
    steps = np.rint(values / step) - lowest
    whole = steps.clip(0, 65535).astype(np.uint8 if steps.max() <= 255 else np.uint16)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "volume.nii")
        sitk.WriteImage(Grid.of(image).image(whole), path)
        content = bytearray(path.read_bytes())
    _SCALE.pack_into(content, _SCALE_AT, step, lowest * step)
    return gzip.compress(content, 9, mtime=0)
