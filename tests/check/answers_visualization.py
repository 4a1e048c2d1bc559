"""Answers to the exercises of episode 08."""

from functools import cache

import matplotlib.pyplot as plt
import numpy as np
import SimpleITK as sitk
from skimage import color

from regseg import data
from regseg.check import visualization  # noqa: F401 - it registers the exercises


def grey(image, level, width, *, half=2, cast=True, scale=255) -> sitk.Image:
    low, high = level - width / half, level + width / half
    window = sitk.IntensityWindowing(sitk.Cast(image, sitk.sitkFloat32), low, high, 0, scale)
    return sitk.Cast(window, sitk.sitkUInt8) if cast else window


def only_cast_at_the_end(image, level, width) -> sitk.Image:
    low, high = level - width / 2, level + width / 2
    return sitk.Cast(sitk.IntensityWindowing(image, low, high, 0, 255), sitk.sitkUInt8)


def low_to_high(image, low, high) -> sitk.Image:
    low, high = sorted((low, high))
    return sitk.Cast(sitk.IntensityWindowing(image, low, high, 0, 255), sitk.sitkUInt8)


def only_clamped(image, level, width, kind=sitk.sitkUInt8) -> sitk.Image:
    inside = sitk.Clamp(sitk.Cast(image, sitk.sitkFloat32), sitk.sitkFloat32, level - width / 2, level + width / 2)
    return sitk.Cast(inside, kind)


def wraps_round(image, level, width) -> sitk.Image:
    values = (sitk.GetArrayFromImage(image).astype(float) - level + width / 2) / width * 255
    result = sitk.GetImageFromArray(np.mod(values.astype(int), 256).astype(np.uint8))
    result.CopyInformation(image)
    return result


def arrow(transform, point) -> tuple:
    return transform.TransformPoint(point), point


def the_other_way(transform, point) -> tuple:
    return point, 2 * np.array(point) - transform.TransformPoint(point)


@cache
def place(reference="rater_truth", within="rater_4", *, sign=1, order="ijk", mm=True) -> tuple:
    """The place within a mask that is the furthest outside another one."""
    whole = data.load(reference)
    i, j, k = first = (30, 66, 62)  # a box around all that anybody has drawn
    reference, within = (data.load(name)[i:168, j:180, k:154] for name in (reference, within))
    away = sitk.SignedMaurerDistanceMap(reference, False, False, True)
    distance = np.where(sitk.GetArrayFromImage(within) > 0, sign * sitk.GetArrayFromImage(away), -np.inf)
    found = np.add(np.unravel_index(distance.argmax(), distance.shape), first[::-1])
    index = tuple(map(int, found[::-1] if order == "ijk" else found))
    return whole.TransformIndexToPhysicalPoint(index) if mm else index


def in_mm(image, vertices, *, order=slice(None, None, -1), spacing=True, direction=True, origin=True) -> np.ndarray:
    points = np.asarray(vertices)[:, order]
    points = points * image.GetSpacing() if spacing else points
    points = points @ np.reshape(image.GetDirection(), (3, 3)).T if direction else points
    return points + image.GetOrigin() if origin else points


def one_by_one(image, vertices) -> list:
    return [image.TransformContinuousIndexToPhysicalPoint(vertex[::-1].tolist()) for vertex in vertices]


def rounded(image, vertices) -> list:
    return [image.TransformIndexToPhysicalPoint([round(n) for n in vertex[::-1]]) for vertex in vertices.tolist()]


def cut_off(image, vertices) -> list:
    return [image.TransformIndexToPhysicalPoint([int(n) for n in vertex[::-1]]) for vertex in vertices.tolist()]


def direction_first(image, vertices) -> np.ndarray:
    direction = np.reshape(image.GetDirection(), (3, 3))
    return image.GetOrigin() + (vertices[:, ::-1] @ direction.T) * image.GetSpacing()


def turned_back(image, vertices) -> np.ndarray:
    direction = np.reshape(image.GetDirection(), (3, 3))
    return image.GetOrigin() + (vertices[:, ::-1] * image.GetSpacing()) @ direction


def mended(
    before,
    after,
    *,
    rows=slice(None, None, -1),
    columns=slice(None),
    kind=float,
    unit=1,
    maps=("gray", "gray"),
    windows=((0, 255), (0, 255)),
    limits=(-100, 100),
    cmap="PuOr",
    in_mm=True,
    change=np.subtract,
    origin="upper",
    j=None,
    count=3,
):
    """The three pictures, with one lie or another."""
    j = before.GetHeight() // 2 if j is None else j
    one, other = (sitk.GetArrayFromImage(scan)[rows, j, columns].astype(kind) * kind(unit) for scan in (before, after))
    width, _, height = np.multiply(before.GetSize(), before.GetSpacing())
    extent = {"extent": (0, width, height, 0) if origin == "upper" else (0, width, 0, height)} if in_mm else {}
    figure, axes = plt.subplots(1, 3)
    with np.errstate(over="ignore"):
        third = change(other, one)
    low, high = limits
    ways = [{"vmin": low, "vmax": high, "cmap": name} for (low, high), name in zip(windows, maps, strict=True)] + [
        {"vmin": low, "vmax": high, "cmap": cmap}
    ]
    for ax, picture, way in list(zip(axes, (one, other, third), ways, strict=True))[:count]:
        ax.imshow(picture, **way, **extent, origin=origin)
    return figure


def as_colours(before, after):
    """Pictures that were coloured before: no number is left to judge."""
    figure = mended(before, after)
    for ax in figure.axes:
        (picture,) = ax.images
        colours, extent = picture.cmap(picture.norm(picture.get_array())), picture.get_extent()
        picture.remove()
        ax.imshow(colours, extent=extent)
    return figure


def by_aspect(before, after):
    """Squares that are stretched by the aspect of the axes, and no extent."""
    figure = mended(before, after, in_mm=False)
    for ax in figure.axes:
        ax.set_aspect(before.GetSpacing()[2] / before.GetSpacing()[0])
    return figure


def with_colour_bars(before, after):
    figure = mended(before, after)
    for ax in list(figure.axes):
        figure.colorbar(ax.images[0], ax=ax)
    return figure


def like(value):
    return (value, value)


def even(cmap, *, of=lambda rgb: color.rgb2lab(rgb)[:, 0], either=True, count=64) -> bool:
    steps = np.diff(of(cmap(np.linspace(0, 1, count))[:, :3]))
    return bool((steps > 0).all() or (either and (steps < 0).all()))


def mostly(cmap, *, least=0.9) -> bool:
    steps = np.diff(color.rgb2lab(cmap(np.linspace(0, 1, 64))[:, :3])[:, 0])
    return bool(max((steps > 0).mean(), (steps < 0).mean()) > least)


def stands_still(cmap) -> bool:
    steps = np.diff(color.rgb2lab(cmap(np.linspace(0, 1, 64))[:, :3])[:, 0])
    return bool((steps >= 0).all() or (steps <= 0).all())


def ends_differ(cmap) -> bool:
    first, last = color.rgb2lab(cmap([0.0, 1.0])[:, :3])[:, 0]
    return bool(abs(last - first) > 5)


def change(determinant, *, folds=np.nan, log=np.log2) -> np.ndarray:
    result = np.full(determinant.shape, folds, float)
    space = determinant > 0
    result[space] = log(determinant[space])
    return result


def spoils(determinant) -> np.ndarray:
    determinant[determinant <= 0] = np.nan
    return np.log2(determinant)


def zero_is_no_fold(determinant) -> np.ndarray:
    with np.errstate(divide="ignore"):
        return np.log2(np.where(determinant >= 0, determinant, np.nan))


SHRUNK = 85 / 254

RIGHT = {
    "08-window": [lambda: grey],
    "08-palette": [
        lambda: ["navy", "firebrick", "deepskyblue", "gold"],
        lambda: plt.colormaps["viridis"]([0.1, 0.4, 0.7, 1.0]),
        lambda: ("#000000", "#0072B2", "#56B4E9", "white"),
    ],
    "08-arrow": [lambda: arrow, lambda: lambda t, p: np.array([t.TransformPoint(p), p])],
    "08-worst": [place, lambda: np.add(place(), 0.4)],
    "08-mesh": [lambda: in_mm, lambda: one_by_one],
    "08-mend": [
        lambda: mended,
        lambda: by_aspect,
        lambda: with_colour_bars,
        lambda: lambda a, b: mended(a, b, rows=slice(None), origin="lower", cmap="RdBu"),
        lambda: lambda a, b: mended(a, b, unit=0.01, windows=like((0, 2)), limits=(-1, 1)),
        lambda: lambda a, b: mended(a, b, unit=0.01, windows=like((0, 2)), change=lambda *two: 100 * np.subtract(*two)),
        lambda: lambda a, b: mended(a, b, kind=np.int16, windows=like((20, 220)), cmap="coolwarm"),
    ],
    "08-rise": [lambda: even, lambda: lambda cmap: np.bool_(even(cmap, count=256))],
    "08-change": [lambda: change],
    "08-print": [lambda: (10 * SHRUNK, 100 / SHRUNK), lambda: [3.3, 299], lambda: (3, 300)],
}

WRONG = {
    "08-window": [
        ("lost its place", lambda: lambda i, a, b: sitk.GetImageFromArray(sitk.GetArrayFromImage(grey(i, a, b)))),
        ("for low and high", lambda: low_to_high),
        ("twice as wide", lambda: lambda image, level, width: grey(image, level, width, half=1)),
        ("begins at the level", lambda: lambda image, level, width: grey(image, level + width / 2, width)),
        ("automatic window", lambda: lambda image, *_: sitk.Cast(sitk.RescaleIntensity(image, 0, 255), sitk.sitkUInt8)),
        ("changed places", lambda: lambda *given: 255 - grey(*given)),
        ("White is 1", lambda: lambda *given: grey(*given, cast=False, scale=1)),
        ("not wrap round", lambda: wraps_round),
        ("spread from 0 to 255", lambda: only_clamped),
        ("spread from 0 to 255", lambda: lambda *given: only_clamped(*given, kind=sitk.sitkFloat32)),
        ("to 8 bits", lambda: lambda *given: grey(*given, cast=False)),
        ("has no sign", lambda: only_cast_at_the_end),
        ("grow evenly", lambda: lambda image, *_: sitk.Cast(image * 0, sitk.sitkUInt8)),
        ("grow evenly", lambda: lambda image, *given: grey(sitk.Cast(image, sitk.sitkUInt8), *given)),
    ],
    "08-palette": [
        ("no colour that matplotlib", lambda: ["navy", "reddish", "gold", "white"]),
        ("each a name or", lambda: "navy"),
        ("got 3", lambda: ["navy", "gold", "white"]),
        ("For most people the colours number 1 and 2", lambda: ["navy", "navy", "gold", "white"]),
        ("For deuteranopes the colours number 3 and 4", lambda: ["tab:blue", "tab:orange", "tab:green", "tab:red"]),
        ("For protanopes", lambda: ["black", "darkred", "cyan", "white"]),
        ("without colour", lambda: ["#0072B2", "#56B4E9", "#F0E442", "#D55E00"]),
    ],
    "08-arrow": [
        ("two points", lambda: lambda t, p: np.subtract(p, t.TransformPoint(p))),
        ("arrow of the transform", lambda: lambda t, p: (p, t.TransformPoint(p))),
        ("begins where the tissue is now", lambda: the_other_way),
        ("inverse", lambda: lambda t, p: (p, t.GetInverse().TransformPoint(p))),
        ("a difference", lambda: lambda t, p: (p, np.subtract(t.TransformPoint(p), p))),
        ("a difference", lambda: lambda t, p: (t.TransformPoint(p), np.subtract(p, t.TransformPoint(p)))),
        ("where the transform takes", lambda: lambda t, p: (t.GetInverse().TransformPoint(p), p)),
    ],
    "08-worst": [
        ("the index", lambda: place(mm=False)),
        ("the index", lambda: place(mm=False, order="kji")),
        ("z, y, x", lambda: place()[::-1]),
        ("k, j, i for i, j, k", lambda: place(order="kji")),
        ("RAS", lambda: np.multiply(place(), (-1, -1, 1))),
        ("misses most", lambda: place("rater_4", "rater_truth")),
        ("deepest", lambda: place("rater_truth", "rater_truth", sign=-1)),
        ("outside the image", lambda: (0, 0, 900)),
        ("drawn nothing", lambda: (0, 0, 0)),
        ("in another place", lambda: (-25, 11, 29)),
        ("3 numbers", lambda: 5.4),
    ],
    "08-mesh": [
        ("for i, j, k", lambda: lambda i, v: in_mm(i, v, order=slice(None))),
        ("are z, y, x", lambda: lambda i, v: in_mm(i, v)[:, ::-1]),
        ("left out the direction", lambda: lambda i, v: in_mm(i, v, direction=False)),
        ("origin and direction", lambda: lambda i, v: in_mm(i, v, direction=False, origin=False)),
        ("origin and direction", lambda: lambda i, v: v * i.GetSpacing()[::-1]),
        ("left out the origin", lambda: lambda i, v: in_mm(i, v, origin=False)),
        ("left out the spacing", lambda: lambda i, v: in_mm(i, v, spacing=False)),
        ("First the spacing", lambda: direction_first),
        ("turns the other way", lambda: turned_back),
        ("RAS", lambda: lambda i, v: in_mm(i, v) * (-1, -1, 1)),
        ("whole voxels", lambda: rounded),
        ("whole voxels", lambda: cut_off),
        ("origin + direction", lambda: lambda _, v: v),
        ("array of positions", lambda: lambda i, v: in_mm(i, v)[0]),
    ],
    "08-mend": [
        ("the figure that", lambda: lambda *given: mended(*given).axes),
        ("three pictures", lambda: lambda *given: mended(*given, count=2)),
        ("coronal slices of", lambda: as_colours),
        ("coronal slices of", lambda: lambda *given: mended(*given, rows=slice(1, None))),
        ("upside down", lambda: lambda *given: mended(*given, rows=slice(None))),
        ("Right and left", lambda: lambda *given: mended(*given, columns=slice(None, None, -1))),
        (
            "turned both axes",
            lambda: lambda *given: mended(*given, rows=slice(None), columns=slice(None, None, -1)),
        ),
        ("first picture does not", lambda: lambda a, b: mended(a * 0 + 7, b)),
        ("second picture does not", lambda: lambda a, b: mended(a, sitk.Flip(b, (True, False, False)))),
        ("as the scans have them", lambda: lambda a, b: mended(sitk.Expand(a, [1, 1, 3]), sitk.Expand(b, [1, 1, 3]))),
        ("from the size and the spacing", lambda: lambda *given: mended(*given, in_mm=False)),
        ("two greys", lambda: lambda *given: mended(*given, windows=((60, 110), (40, 200)))),
        ("two colours", lambda: lambda *given: mended(*given, maps=("gray", "gray_r"))),
        ("have one grey", lambda: lambda *given: mended(*given, windows=like((-9e3, 9e3)))),
        ("have one grey", lambda: lambda *given: mended(*given, windows=like((59, 61)))),
        ("before minus after", lambda: lambda *given: mended(*given, change=lambda other, one: one - other)),
        ("lost its sign", lambda: lambda *given: mended(*given, change=lambda other, one: abs(other - one))),
        ("wraps round", lambda: lambda *given: mended(*given, kind=np.uint8)),
        ("second scan minus", lambda: lambda *given: mended(*given, change=np.add)),
        ("not in the middle", lambda: lambda *given: mended(*given, limits=(-20, 140))),
        ("no change can be seen", lambda: lambda *given: mended(*given, limits=(-9e3, 9e3))),
        ("noise stay pale", lambda: lambda *given: mended(*given, limits=(-1, 1))),
        ("no neutral middle", lambda: lambda *given: mended(*given, cmap="jet")),
        ("no neutral middle", lambda: lambda *given: mended(*given, cmap="gray")),
        ("no neutral middle", lambda: lambda *given: mended(*given, cmap="viridis")),
        ("one for some eyes", lambda: lambda *given: mended(*given, cmap=red_to_green())),
    ],
    "08-rise": [
        ("True or False", lambda: lambda cmap: 1.0 * even(cmap)),
        ("'gray_r' is as good", lambda: lambda cmap: even(cmap, either=False)),
        ("other way round", lambda: lambda cmap: not even(cmap)),
        ("turns round in the middle", lambda: lambda cmap: cmap.name == "RdBu" or even(cmap)),
        ("says it is not", lambda: lambda _: False),
        ("passes, and its lightness", lambda: ends_differ),
        ("dips a little", lambda: lambda cmap: mostly(cmap, least=0.6) and cmap.name != "turbo"),
        ("stands still", lambda: stands_still),
        ("something else than lightness", lambda: lambda cmap: even(cmap, of=lambda rgb: rgb.mean(axis=1))),
    ],
    "08-change": [
        ("array of the shape", lambda: lambda d: change(d)[0]),
        ("have changed the array", lambda: spoils),
        ("minus infinity", lambda: zero_is_no_fold),
        ("no such number", lambda: lambda d: change(d, folds=0.0)),
        ("natural logarithm", lambda: lambda d: change(d, log=np.log)),
        ("base 10", lambda: lambda d: change(d, log=np.log10)),
        ("Subtracting 1", lambda: lambda d: change(d, log=lambda v: v - 1)),
        ("changed their signs", lambda: lambda d: -change(d)),
        ("Without a sign", lambda: lambda d: abs(change(d))),
        ("gives 0 for 1", lambda: lambda d: change(d, log=np.sqrt)),
    ],
    "08-print": [
        ("changed places", lambda: (100 / SHRUNK, 10 * SHRUNK)),
        ("had 10 points before", lambda: (10, 300)),
        ("yours have grown", lambda: (29.9, 299)),
        ("so do its letters", lambda: (5, 299)),
        ("more of them to an inch", lambda: (10 * SHRUNK, 100)),
        ("not fewer", lambda: (10 * SHRUNK, 100 * SHRUNK)),
        ("How many pixels", lambda: (10 * SHRUNK, 600)),
    ],
}


def red_to_green():
    """A diverging map whose two sides are equally light, and alike for who sees red and green alike."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("red to green", ["#9e5a2b", "#f7f7f7", "#6e7a1e"])
