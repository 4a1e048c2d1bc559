"""Checks of episode 08, visualization."""

from __future__ import annotations

from functools import cache
from itertools import combinations

import matplotlib.pyplot as plt
import numpy as np
import SimpleITK as sitk
from matplotlib.colors import Colormap, LinearSegmentedColormap, to_rgb
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from skimage import color

from regseg import data
from regseg.check.boxes import Rule, near, numeric, otherwise
from regseg.check.engine import (
    CannotRead,
    Verdict,
    call,
    close,
    correlation,
    exercise,
    image,
    numbers,
    right,
    same_grid,
    wrong,
)
from regseg.grid import Grid

# Machado, Oliveira, Fernandes: A physiologically-based model for simulation of color vision deficiency. IEEE TVCG
# 15(6), 2009; severity 1. They act on linear red, green and blue.
EYES = {
    "most people": np.eye(3),
    "deuteranopes": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "protanopes": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
}
_TURNED = (0.0, 1.0, 0.0, -1.0, 0.0, 0.0, 0.0, 0.0, 1.0)


def _seen_by(rgb: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    light = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    light = np.clip(light @ matrix.T, 0, 1)
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)


def _lab(rgb: np.ndarray, eyes: str = "most people") -> np.ndarray:
    return color.rgb2lab(_seen_by(np.asarray(rgb, float), EYES[eyes]))


@exercise("08-window")
def grey_by_level_and_width(given) -> Verdict:
    values = np.linspace(-900, 1500, 20 * 12 * 7).reshape(7, 12, 20)
    grid = Grid((20, 12, 7), (0.8, 0.8, 3.0), (5.0, -9.0, 30.0), _TURNED)
    signed, unsigned = grid.image(values.astype(np.int16)), grid.image(np.clip(values, 0, 255).astype(np.uint8))
    for scan, level, width in (
        (signed, 40.0, 400.0),
        (signed, 400.0, 1500.0),
        (signed, 60.0, 90.0),
        (unsigned, 60.0, 200.0),
    ):
        answer = image(call(given, sitk.Image(scan), level, width))
        if not same_grid(answer, scan):
            return wrong("The grey image should lie where the scan lies: it has lost its place.")
        found = sitk.GetArrayFromImage(answer).astype(float)
        exact = sitk.GetArrayFromImage(scan).astype(float)

        def mapped(low: float, high: float, exact=exact) -> np.ndarray:
            return np.clip((exact - low) / (high - low), 0, 1) * 255

        def like(expected: np.ndarray, found=found) -> bool:
            return np.abs(found - expected).max() <= 1.01  # however it rounds

        if like(mapped(level - width / 2, level + width / 2)):
            if answer.GetPixelID() != sitk.sitkUInt8:
                return wrong("The greys are right. Cast them to 8 bits: sitk.sitkUInt8.")
            continue
        if scan is unsigned:  # all the rest went well
            return wrong(
                "Here the image has no sign, and the window begins below 0: cast the image to sitk.sitkFloat32 before "
                "the window."
            )
        if like(mapped(min(level, width), max(level, width) + (level == width))):
            return wrong("You took level and width for low and high: the level is the middle of the window.")
        if like(mapped(level - width, level + width)):
            return wrong("Your window is twice as wide: half of the width lies on each side of the level.")
        if like(mapped(level, level + width)):
            return wrong("Your window begins at the level, and the level is its middle.")
        if like(mapped(exact.min(), exact.max())):
            return wrong("That is the automatic window, from the lowest to the highest value: use level and width.")
        if like(255 - mapped(level - width / 2, level + width / 2)):
            return wrong("Black and white have changed places: the lowest value of the window is black, 0.")
        if found.max() > 0.5 and like(mapped(level - width / 2, level + width / 2) / 255):
            return wrong("White is 1 here: 8-bit grey ends at 255.")
        low, high = level - width / 2, level + width / 2
        if like(np.clip(exact, low, high)) or like(np.mod(np.trunc(np.clip(exact, low, high)), 256)):
            return wrong("You cut off what lies outside, and what lies inside must still be spread from 0 to 255.")
        outside = (exact < low - 1) | (exact > high + 1)
        if outside.any() and np.abs(found - mapped(low, high))[~outside].max() <= 1.01:
            return wrong("Inside the window all is right. Values outside must stay black or white, and not wrap round.")
        return wrong("Black should be level − width / 2, white level + width / 2, and all between grow evenly.")
    return right("One window, said in two numbers, and it holds for any image.")


@exercise("08-palette")
def four_colours_for_everybody(given) -> Verdict:
    if isinstance(given, str | sitk.Image) or not np.iterable(given):
        raise CannotRead("I expected a list of four colours, each a name or '#RRGGBB' in quotes of its own.")
    colours = list(given)
    try:
        rgb = np.array([to_rgb(one) for one in colours])
    except (TypeError, ValueError):
        raise CannotRead("One of these is no colour that matplotlib knows: give names, or '#RRGGBB'.") from None
    if len(rgb) != 4:
        return wrong(f"I expected four colours, and got {len(rgb)}.")
    for eyes in EYES:
        lab = _lab(rgb, eyes)
        apart, one, other = min((np.linalg.norm(lab[a] - lab[b]), a, b) for a, b in combinations(range(4), 2))
        if apart < 20:
            return wrong(
                f"For {eyes} the colours number {one + 1} and {other + 1} are only {apart:.0f} apart; 20 was asked for."
            )
    steps = np.diff(np.sort(_lab(rgb)[:, 0]))
    if steps.min() < 10:
        return wrong(
            f"Everybody sees them apart, in colour. In a print without colour two of them differ by "
            f"{steps.min():.0f} in lightness; 10 was asked for."
        )
    return right("They hold for three kinds of eyes, and on a printer without colour.")


@exercise("08-arrow")
def arrow_the_way_the_tissue_went(given) -> Verdict:
    turned = sitk.Euler3DTransform((3.0, -8.0, 12.0), 0.4, -0.2, 0.9, (14.0, -6.0, 9.0))
    stretched = sitk.AffineTransform((1.3, 0.1, 0.0, -0.2, 0.8, 0.1, 0.0, 0.3, 1.1), (5.0, 11.0, -7.0))
    for one, point in ((turned, (31.0, -12.0, 22.0)), (stretched, (-24.0, 40.0, 8.0))):
        moved = np.array(one.TransformPoint(point))
        given_back = call(given, one, point)
        try:
            tail, head = (np.asarray(end, float).ravel() for end in given_back)
        except (TypeError, ValueError):
            tail, head = np.empty(0), np.empty(0)
        if tail.shape != (3,) or head.shape != (3,) or not np.isfinite([tail, head]).all():
            raise CannotRead("I expected two points, the tail and the head of the arrow, each with x, y and z.")
        point = np.array(point)
        back = np.array(one.GetInverse().TransformPoint(point.tolist()))
        if close(tail, moved, 0.02) and close(head, point, 0.02):
            continue
        if close(tail, point, 0.02) and close(head, moved, 0.02):
            return wrong("That is the arrow of the transform, from the fixed image to where the tissue came from.")
        if close(tail, point, 0.02) and close(head, 2 * point - moved, 0.02):
            return wrong("It begins where the tissue is now, and goes on by as much again: it should end there.")
        if close(tail, point, 0.02) and close(head, back, 0.02):
            return wrong("The inverse takes points of the moving image, and this is one of the fixed image.")
        if close(head, point - moved, 0.02) or close(head, moved - point, 0.02):
            return wrong("One of the two is a difference: the ends of an arrow are places.")
        return wrong("In the moving image the tissue is where the transform takes the point; in the fixed one, here.")
    return right("From where the tissue was to where it is: the other way than the transform goes.")


@exercise("08-worst")
def where_rater_4_sticks_out(given) -> Verdict:
    answer = numbers(given, 3)
    truth, drawn = (data.load(name) for name in ("rater_truth", "rater_4"))
    places = _worst_places()
    index = truth.TransformPhysicalPointToIndex(places["out"])
    if close(answer, places["out"], 1.0):
        return right("Cut there, and the figure shows the worst that there is.")
    if close(answer, index, 0.6) or close(answer, index[::-1], 0.6):
        return wrong("That is the index: truth.TransformIndexToPhysicalPoint makes millimetres of it.")
    if close(answer, places["out"][::-1], 1.0):
        return wrong("That is z, y, x: give x first.")
    swapped = truth.TransformIndexToPhysicalPoint(
        [min(n, s - 1) for n, s in zip(index[::-1], truth.GetSize(), strict=True)]
    )
    if close(answer, swapped, 1.0):
        return wrong("You took k, j, i for i, j, k: an array counts the other way round than an image.")
    if close(answer, (-places["out"][0], -places["out"][1], places["out"][2]), 1.0):
        return wrong("That is the place in RAS: SimpleITK counts x to the left and y to the back.")
    if close(answer, places["missing"], 1.0):
        return wrong("That is where the drawing misses most: the furthest place of the truth outside the drawing.")
    if close(answer, places["deep"], 1.0):
        return wrong("That is the deepest place inside the truth: is your distance positive outside?")
    there = Grid.of(truth).indices(answer).round().astype(int)
    if (there < 0).any() or (there >= truth.GetSize()).any():
        return wrong("This place lies outside the image.")
    if not drawn[there.tolist()]:
        return wrong("Rater 4 has drawn nothing at this place: look at the distance only where the drawing is.")
    return wrong("Rater 4 has drawn here, and sticks out further in another place.")


@cache
def _worst_places() -> dict[str, tuple[float, ...]]:
    """Where rater 4 sticks out furthest, where the drawing misses most, and where the truth is deepest, in mm."""
    box = (slice(34, 164), slice(70, 176), slice(66, 150))  # around everything that anybody has drawn
    truth, drawn = (data.load(name)[box] for name in ("rater_truth", "rater_4"))
    found = {}
    for name, reference, within, sign in (
        ("out", truth, drawn, 1),
        ("missing", drawn, truth, 1),
        ("deep", truth, truth, -1),
    ):
        away = sitk.SignedMaurerDistanceMap(
            reference, insideIsPositive=False, squaredDistance=False, useImageSpacing=True
        )
        distance = np.where(sitk.GetArrayFromImage(within) > 0, sign * sitk.GetArrayFromImage(away), -np.inf)
        k, j, i = np.unravel_index(distance.argmax(), distance.shape)
        found[name] = reference.TransformIndexToPhysicalPoint((int(i), int(j), int(k)))
    return found


@exercise("08-mesh")
def vertices_in_millimetres(given) -> Verdict:
    lean = sitk.Euler3DTransform((0, 0, 0), 0.3, -0.5, 0.8).GetMatrix()
    vertices = np.random.default_rng(8).uniform(0, 20, (40, 3))
    for grid in (
        Grid((40, 30, 20), (0.5, 0.7, 2.0), (-60.0, 22.0, 140.0), lean),
        Grid((40, 30, 20), (1.5, 1.0, 3.0), (10.0, -5.0, 33.0), _TURNED),
    ):
        scan = grid.image(np.zeros(grid.size[::-1], np.uint8))
        try:
            answer = np.asarray(call(given, scan, vertices.copy()), float)
        except (TypeError, ValueError):
            answer = np.empty(0)
        if answer.shape != vertices.shape or not np.isfinite(answer).all():
            raise CannotRead("I expected an array of positions, one row with x, y and z for each vertex.")
        index, direction = vertices[:, ::-1], np.reshape(scan.GetDirection(), (3, 3))
        spacing, origin = np.array(scan.GetSpacing()), np.array(scan.GetOrigin())
        truth = origin + (index * spacing) @ direction.T

        def like(expected: np.ndarray, answer=answer) -> bool:
            return close(answer, expected, 0.01)

        if like(truth):
            continue
        if like(origin + (vertices * spacing) @ direction.T):
            return wrong("The vertices come as k, j, i, and you took them for i, j, k: turn their columns round.")
        if like(truth[:, ::-1]):
            return wrong("The positions are right, and their columns are z, y, x: give x first.")
        if like(origin + index * spacing):
            return wrong("You left out the direction: the axes of an image may run any way.")
        if like(index * spacing) or like(vertices * spacing[::-1]):
            return wrong("These are millimetres from the first voxel along the axes: origin and direction are missing.")
        if like((index * spacing) @ direction.T):
            return wrong("You left out the origin: the first voxel does not lie at zero.")
        if like(origin + index @ direction.T):
            return wrong("You left out the spacing: a step of the index is not one millimetre.")
        if like(origin + (index @ direction.T) * spacing):
            return wrong("First the spacing, then the direction: these voxels are no cubes.")
        if like(origin + (index * spacing) @ direction):
            return wrong("Your direction turns the other way: for rows of positions multiply by direction.T.")
        if like(truth * (-1, -1, 1)):
            return wrong("That is RAS: SimpleITK and this lesson count in LPS.")
        whole = (np.rint(index), np.floor(index))  # round() and int()
        if any(like(origin + (voxels * spacing) @ direction.T) for voxels in whole):
            return wrong("You rounded to whole voxels: a surface runs between them.")
        return wrong("The position is origin + direction · (spacing · index), with the index in the order i, j, k.")
    return right("On any grid, oblique ones too.")


@exercise("08-mend")
def mended_figure(given) -> Verdict:
    # One scan with landmarks on top and on the patient's left; then one patch darker, and another one brighter.
    before = np.full((9, 24, 30), 60, np.uint8)
    before[6:8, :, 4:26], before[2:6, :, 20:26] = 110, 90
    after = before.copy()
    after[2:4, :, 6:10], after[4:6, :, 20:23] = 200, 40
    scans = [
        Grid((30, 24, 9), (2.0, 2.0, 6.0), (0.0,) * 3, tuple(np.eye(3).ravel().tolist())).image(one)
        for one in (before, after)
    ]
    opened = set(plt.get_fignums())
    try:
        figure = call(given, *scans)
        if not isinstance(figure, Figure):
            raise CannotRead("I expected the figure that your function has drawn: let it end in return figure.")
        pictures = [axes.images[0] for axes in figure.axes if axes.images]
        if len(pictures) != 3:
            return wrong(
                f"I expected three pictures, each drawn with imshow in axes of its own, and found {len(pictures)}."
            )
        figure.canvas.draw()
        return _judge_pictures([_Shown(one) for one in pictures], before, after)
    finally:
        for number in set(plt.get_fignums()) - opened:
            plt.close(number)


class _Shown:
    """One picture as a reader sees it: the array from the top left corner, its greys, and its shape on the paper."""

    def __init__(self, picture: AxesImage) -> None:
        left, right_end, bottom, top = picture.get_extent()  # the edges of column 0, the last column, the two of rows
        first_row = top if picture.origin == "upper" else bottom
        to_screen = picture.axes.transData.transform
        corners = to_screen([(left, first_row), (right_end, top + bottom - first_row)])
        across, up = corners[1] - corners[0]
        values = np.ma.filled(np.ma.asarray(picture.get_array()).astype(float), np.nan)
        self.flat = values.ndim == 2
        self.values = values[:: -1 if up > 0 else 1, :: -1 if across < 0 else 1]
        self.ratio = abs(up / across)  # height over width
        self.picture = picture

    def greys(self) -> np.ndarray:
        """Where each value lies on its map, from 0 to 1."""
        return np.clip(np.asarray(self.picture.norm(self.values), float), 0, 1)


def _judge_pictures(shown: list[_Shown], before: np.ndarray, after: np.ndarray) -> Verdict:
    row = before.shape[1] // 2
    one, other = (array[::-1, row].astype(float) for array in (before, after))  # the head on top
    for picture, expected in zip(shown, (one, other, other - one), strict=True):
        if not picture.flat or picture.values.shape != expected.shape:
            shape = " × ".join(map(str, picture.values.shape))
            return wrong(
                f"I expected coronal slices of {expected.shape[0]} × {expected.shape[1]} values, as the scans have "
                f"them, and one has {shape}."
            )
    first, second, change = shown
    if correlation(first.values, one) < 0.9:
        if correlation(first.values, one[::-1]) > 0.9:
            return wrong("The patient is upside down: the last slice, at the head, belongs on top.")
        if correlation(first.values, one[:, ::-1]) > 0.9:
            return wrong("Right and left are mirrored: the patient's right belongs on the left of the picture.")
        if correlation(first.values, one[::-1, ::-1]) > 0.9:
            return wrong(
                "You have turned both axes, and only the rows lie upside down: these scans' i runs to the left."
            )
        return wrong("The first picture does not show the coronal slice of the first scan.")
    if correlation(second.values, other) < 0.9:
        return wrong("The second picture does not show the second scan as the first one is shown.")
    height = before.shape[0] * 6.0 / (before.shape[2] * 2.0)
    for picture in shown:
        if abs(picture.ratio / height - 1) > 0.06:
            return wrong(
                "A picture is squashed or stretched: give imshow an extent, from the size and the spacing of the scan, "
                "for every picture."
            )
    unchanged = other == one
    if np.abs(first.greys() - second.greys())[unchanged].max() > 0.02:
        return wrong("What has not changed has two greys: give both scans the same vmin and vmax.")
    shades = np.linspace(0, 1, 9)
    if np.abs(first.picture.cmap(shades) - second.picture.cmap(shades)).max() > 0.02:
        return wrong("What has not changed has two colours: give both scans the same map.")
    if len(np.unique(first.greys().round(2))) < len(np.unique(one)):
        return wrong("In this window tissues that differ have one grey: these values run from 0 to 255.")
    # Who draws the scans in parts of healthy tissue may draw their difference so, too.
    drawn_in_parts = not close(change.values, other - one, 0.51)
    unit = round(np.polyfit(one.ravel(), first.values.ravel(), 1)[0], 6) if drawn_in_parts else 1.0
    found = change.values / unit
    if close(found, one - other, 0.51):
        return wrong("That is before minus after: what has become brighter should be above zero.")
    if close(np.abs(found), np.abs(other - one), 0.51) and not close(found, other - one, 0.51):
        return wrong("Your difference has lost its sign: darker and brighter look the same.")
    if not close(found, other - one, 0.51):
        if close(np.mod(found - (other - one), 256), 0, 0.51):
            return wrong("The difference wraps round: make the arrays signed or float before you subtract.")
        return wrong("The third picture should be the second scan minus the first.")
    low, middle, high = (float(change.picture.norm(value * unit)) for value in (-40.0, 0.0, 40.0))
    if abs(middle - 0.5) > 0.02 or abs(high + low - 1) > 0.02:
        return wrong("Zero is not in the middle of the map: let vmin be −vmax.")
    if high - low < 0.1:
        return wrong("Within these limits no change can be seen: these differences stay far below 255.")
    if high - low > 8:
        return wrong("Within these limits the faintest change is as strong as the largest: let the noise stay pale.")
    return _judge_map(change.picture.cmap)


def _judge_map(cmap: Colormap) -> Verdict:
    ends, middle = cmap([0.05, 0.95])[:, :3], _lab(cmap([0.5])[:, :3])[0]
    lab = _lab(ends)
    if np.hypot(*middle[1:]) > 32 or np.ptp(lab[:, 0]) > 25 or np.abs(lab[:, 0] - middle[0]).min() < 15:
        return wrong(f"The map {cmap.name!r} has no neutral middle with two equal sides: take a diverging one.")
    if any(np.linalg.norm(np.subtract(*_lab(ends, eyes))) < 25 for eyes in EYES):
        return wrong(f"The two sides of the map {cmap.name!r} are one for some eyes: take another diverging one.")
    return right("Five lies less, and what has changed can be seen.")


@exercise("08-rise")
def lightness_that_rises(given) -> Verdict:
    steady = {name: plt.colormaps[name] for name in ("viridis", "gray", "cividis", "bone", "magma")}
    falls = {name: plt.colormaps[name] for name in ("gray_r", "viridis_r")}
    bends = {name: plt.colormaps[name] for name in ("jet", "RdBu", "hsv", "turbo", "twilight")}
    # Its lightness rises all the way, while the mean of red, green and blue falls from the blue to the green.
    bluish = LinearSegmentedColormap.from_list(
        "bluish", ["black", (0.25, 0.25, 1.0), (0.1, 0.6, 0.65), (0.05, 0.75, 0.2), "white"]
    )
    flat = LinearSegmentedColormap.from_list("flat", ["black", "0.5", "0.5", "white"])
    dip = LinearSegmentedColormap.from_list("dip", ["black", "white", (0.8, 0.8, 0.8), "white"])

    def told(cmap: Colormap) -> bool:
        answer = call(given, cmap)
        if not isinstance(answer, bool | np.bool_):
            raise CannotRead(f"I expected True or False, and got {type(answer).__name__}.")
        return bool(answer)

    rising, falling, bending = ([told(one) for one in maps.values()] for maps in (steady, falls, bends))
    if all(rising) and not any(falling) and not any(bending):
        return wrong("A map whose lightness falls all the way is even as well: 'gray_r' is as good as 'gray'.")
    if not any(rising) and all(bending):
        return wrong("It is the other way round: True for a map whose lightness never turns.")
    if all(rising) and all(falling) and bending[1] and not bending[0]:
        return wrong("'RdBu' passes, and its lightness turns round in the middle: compare all neighbours.")
    for name, answer in zip((*steady, *falls), (*rising, *falling), strict=True):
        if not answer:
            return wrong(f"{name!r} is even, and your function says it is not.")
    for name, answer in zip(bends, bending, strict=True):
        if answer:
            return wrong(f"{name!r} passes, and its lightness turns: look at each of the 63 steps.")
    if told(dip):
        return wrong("A map that rises, dips a little and rises again passes: every step must go the same way.")
    if told(flat):
        return wrong("A map that stands still for a while passes: there, two values look the same.")
    if not told(bluish):
        return wrong(
            "You measure something else than lightness: eyes weigh green more than red, and red more than blue."
        )
    return right("Even to the eye, whichever way it goes.")


@exercise("08-change")
def doubled_and_halved(given) -> Verdict:
    determinant = np.array([[1.0, 2.0, 0.5, 4.0], [0.25, -0.3, 0.0, 1.5], [0.8, -2.0, 1.1, 3.0]])
    handed = determinant.copy()
    with np.errstate(divide="ignore", invalid="ignore"):
        answer = call(given, handed)
    try:
        found = np.asarray(answer, float)
    except (TypeError, ValueError):
        found = np.empty(0)
    if found.shape != determinant.shape:
        raise CannotRead(f"I expected an array of the shape {determinant.shape}, as the one handed over.")
    folded = determinant <= 0
    if not np.array_equal(handed, determinant):
        return wrong("You have changed the array that was handed over: np.where makes a new one.")
    space, truth = found[~folded], np.log2(determinant[~folded])
    if close(space, truth):
        if np.isneginf(found[folded]).any():
            return wrong("Where the determinant is exactly 0 stands minus infinity: that is a fold too, so np.nan.")
        if not np.isnan(found[folded]).all():
            return wrong("At a fold, 0 or below, there is no such number: put np.nan there.")
        return right("Half and double are equally far from no change, and a fold is neither.")
    if close(space, np.log(determinant[~folded])):
        return wrong("That is the natural logarithm: doubled gives 0.69, and 1 was asked for. Take np.log2.")
    if close(space, np.log10(determinant[~folded])):
        return wrong("That is the logarithm to base 10: doubled gives 0.3, and 1 was asked for. Take np.log2.")
    if close(space, determinant[~folded] - 1):
        return wrong("Subtracting 1 makes half −0.5 and double +1: they should be equally far from 0.")
    if close(space, -truth):
        return wrong("Half and double have changed their signs: growth is above 0.")
    if close(space, np.abs(truth)):
        return wrong("Without a sign nobody can tell growth from shrinking.")
    return wrong("np.log2 gives 0 for 1, +1 for 2 and −1 for a half.")


@numeric("08-print", 2)
def letters_in_print() -> list[Rule]:
    shrunk, any_number = 85 / 254, np.inf
    letters = 10 * shrunk  # in points
    return [
        near((letters, 100 / shrunk), (0.4, 4), right("Three points and 300 dots: sharp, and too small to read.")),
        near(
            (100 / shrunk, letters),
            (4, 0.15),
            wrong("The two have changed places: first the letters in points, then the dots per inch."),
        ),
        near((10, 0), (0.5, any_number), wrong("The letters shrink with the figure: they had 10 points before.")),
        near((10 / shrunk, 0), (1, any_number), wrong("The letters shrink as the figure does, and yours have grown.")),
        near(
            (letters, 100),
            (0.4, 1),
            wrong("The letters are right. All 1000 pixels now lie on 85 mm, so there are more of them to an inch."),
        ),
        near(
            (letters, 100 * shrunk),
            (0.4, 2),
            wrong("The letters are right. The same pixels on less paper: more dots per inch, not fewer."),
        ),
        near(
            (letters, 0),
            (0.4, any_number),
            wrong("The letters are right. How many pixels wide is the file, and how many inches are 85 mm?"),
        ),
        otherwise(wrong("The figure shrinks to 85 of 254 mm: so do its letters.")),
    ]
