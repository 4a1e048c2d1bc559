"""Right and wrong answers to the exercises of episode 06; test_check.py tells their form."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import SimpleITK as sitk

from regseg import data
from regseg.check import segmentation  # noqa: F401 - it registers the exercises


def table(scan: sitk.Image, labels: sitk.Image, *, how=sitk.sitkNearestNeighbor, unit="ml", mean=True) -> dict:
    there = sitk.GetArrayFromImage(sitk.Resample(labels, scan, sitk.Transform(), how))
    values, voxel = sitk.GetArrayFromImage(scan), np.prod(scan.GetSpacing())
    size = {"ml": voxel / 1000, "mm3": voxel, "voxels": 1, "thousand voxels": 1 / 1000, "litres": voxel / 1e6}[unit]
    return {n: ((there == n).sum() * size, values[there == n].mean() if mean else n) for n in np.unique(there) if n}


def each_row(change):
    """A table whose pairs are changed."""
    return lambda scan, labels: {n: change(*row) for n, row in table(scan, labels).items()}


def field() -> sitk.Image:
    """Stands for the field that N4 finds."""
    return sitk.Maximum(data.load("shaded_field"), 0.5) * 1.7


def scan() -> sitk.Image:
    return sitk.Cast(data.load("shaded_flair"), sitk.sitkFloat32)


def blurred(image: sitk.Image) -> sitk.Image:
    """Through voxels of 4 mm and back."""
    return sitk.Resample(sitk.BinShrink(image, [4] * 3), image)


def specks(mask, smallest, *, corners=True, voxels=False, keep="large", limit=True) -> sitk.Image:
    pieces = sitk.ConnectedComponent(mask, corners)
    count = smallest if voxels else smallest / np.prod(mask.GetSpacing())
    sizes = np.bincount(sitk.GetArrayViewFromImage(pieces).ravel())[1:]
    large = [n for n, size in enumerate(sizes, 1) if not limit or size >= count]
    if keep == "small":
        large = [n for n in range(1, len(sizes) + 1) if n not in large]
    kept = np.isin(sitk.GetArrayViewFromImage(pieces), large).astype(np.uint8)
    result = sitk.GetImageFromArray(kept)
    result.CopyInformation(mask)
    return result


def opened(mask, radius, *, radii=None, kernel=sitk.sitkBall, how=sitk.BinaryMorphologicalOpening) -> sitk.Image:
    steps = [radius / step for step in mask.GetSpacing()]
    return how(mask, [int(r) for r in (radii(steps) if radii else np.round(steps))], kernel)


@cache
def spots() -> sitk.Image:
    return sitk.Cast(data.load("shaded_labels"), sitk.sitkUInt8)


def every_pair(one, other) -> set:
    return {(a, b) for a in np.unique(one) if a for b in np.unique(other) if b}


def touching(one, other, *, reach=("face", "edge", "corner"), roll=False) -> set:
    """The pairs of labels that touch; `reach` says over what."""
    pairs, rimmed = set(), np.pad(other, 1, mode="wrap" if roll else "constant")
    for row, column in np.ndindex(3, 3):
        if ("face", "edge", "corner")[abs(row - 1) + abs(column - 1)] in reach:
            near = rimmed[row : row + one.shape[0], column : column + one.shape[1]]
            pairs |= {(a, b) for a, b in zip(one.ravel(), near.ravel(), strict=True) if a and b}
    return pairs


@cache
def dark(limit: int) -> sitk.Image:
    return data.load("chest_ct") < limit


@cache
def pieces(limit: int) -> sitk.Image:
    return sitk.RelabelComponent(sitk.ConnectedComponent(dark(limit)), sortByObjectSize=True)


def recipe(scan, mask, *, correct=True, level=None, smallest=16) -> sitk.Image:
    scan, small = sitk.Cast(scan, sitk.sitkFloat32), sitk.BinShrink(sitk.Cast(scan, sitk.sitkFloat32), [3] * 3)
    if correct:
        small_mask = sitk.Resample(mask, small, sitk.Transform(), sitk.sitkNearestNeighbor)
        n4 = sitk.N4BiasFieldCorrectionImageFilter()
        n4.SetMaximumNumberOfIterations([20] * 3)
        n4.Execute(small, small_mask)
        scan = scan / sitk.Exp(sitk.Cast(n4.GetLogBiasFieldAsImage(scan), sitk.sitkFloat32))
    scan = sitk.Mask(scan, mask)
    values = sitk.GetArrayViewFromImage(scan)
    inside = values[sitk.GetArrayViewFromImage(mask) > 0]
    low, high = np.median(inside), np.sort(inside)[-300:].mean()
    found = scan > float(level or (low + high) / 2)
    return sitk.RelabelComponent(sitk.ConnectedComponent(found, True), minimumObjectSize=smallest) > 0


def handed_over(mask, smallest, whole=lambda number: number) -> sitk.Image:
    """The limit in voxels, as `whole` makes it of a number of NumPy's, straight to SimpleITK."""
    least = whole(smallest / np.prod(mask.GetSpacing()))
    return sitk.RelabelComponent(sitk.ConnectedComponent(mask, True), minimumObjectSize=least) > 0


def balls(radius, *, kind=np.float32, variance=1.44, level=0.5, of=lambda left, ball: left / ball) -> float:
    x, y, z = np.mgrid[-15:16, -15:16, -15:16]
    ball = (x**2 + y**2 + z**2 <= radius**2).astype(kind)
    smooth = sitk.GetArrayFromImage(sitk.DiscreteGaussian(sitk.GetImageFromArray(ball), variance))
    return of(np.count_nonzero(smooth > level), np.count_nonzero(ball))


def level(point, turned=False) -> float:
    scan = data.load("brain_t2")
    index = scan.TransformPhysicalPointToIndex(point)
    near = tuple(slice(i - 1, i + 2) for i in (index if turned else index[::-1]))
    return float(sitk.GetArrayViewFromImage(scan)[near].mean())


def fluid(turned=False) -> float:
    return level((-12.0, 14.0, 22.0), turned)


def white(turned=False) -> float:
    return level((-28.0, 11.0, 29.0), turned)


def surface(propagation, curvature, advection, steps=150) -> sitk.Image:
    """The surface of the episode, moved in the speed image of the cyst with a hole."""
    z, y, x = np.mgrid[:44, :44, :44] - 22
    from_middle = np.sqrt(x**2 + y**2 + z**2)
    wall = (abs(from_middle - 11) < 1.5) & ~((x > 0) & (np.hypot(y, z) < 3))
    cyst = sitk.SmoothingRecursiveGaussian(sitk.GetImageFromArray(np.where(wall, 180, 100).astype(np.float32)), 0.7)
    level_set = sitk.GeodesicActiveContourLevelSetImageFilter()
    level_set.SetPropagationScaling(propagation)
    level_set.SetCurvatureScaling(curvature)
    level_set.SetAdvectionScaling(advection)
    level_set.SetMaximumRMSError(0.0)
    level_set.SetNumberOfIterations(steps)
    speed = sitk.Sigmoid(sitk.GradientMagnitudeRecursiveGaussian(cyst, 1.0), -4, 15, 1.0, 0.0)
    return level_set.Execute(sitk.GetImageFromArray((from_middle - 4).astype(np.float32)), speed) < 0


def rooms(walls, *, level=1.0, hills=-1, parted=True, masked=True, whole=True) -> sitk.Image:
    depth = sitk.SignedMaurerDistanceMap(walls, insideIsPositive=False, squaredDistance=False)
    valleys = sitk.MorphologicalWatershed(depth * hills, level=level, markWatershedLine=False)
    if not parted:
        valleys = sitk.Cast(sitk.ConnectedComponent(walls == 0), valleys.GetPixelID())
    parts = sitk.GetArrayFromImage(sitk.Mask(valleys, walls == 0) if masked else valleys)
    if whole:
        parts[np.isin(parts, np.concatenate([parts[0], parts[-1], parts[:, 0], parts[:, -1]]))] = 0
    result = sitk.GetImageFromArray(parts)
    result.CopyInformation(walls)
    return result


def joined(walls) -> sitk.Image:
    """The whole rooms, all with one name."""
    return sitk.Cast(rooms(walls) > 0, sitk.sitkUInt8)


def ventricles(*names: int) -> np.ndarray:
    """The millilitres that some of FreeSurfer's labels have in the three people."""
    maps = [sitk.GetArrayFromImage(data.load(f"head_labels_{number:02d}")) for number in segmentation.PEOPLE]
    return np.array([np.isin(labels, names).sum() / 1000 for labels in maps])


def all_ventricles() -> np.ndarray:
    return ventricles(*segmentation.VENTRICLES)


RIGHT = {
    "06-table": [
        lambda: table,
        lambda: each_row(lambda *row: list(row)),
        lambda: each_row(lambda *row: np.round(row, 2)),
    ],
    "06-n4": [lambda: scan() / field(), lambda: sitk.Cast(scan() / field() * 3, sitk.sitkInt16)],
    "06-level": [lambda: (fluid() + white()) / 2, lambda: [round((fluid() + white()) / 2)]],
    "06-report": [lambda: "C", lambda: "c"],
    "06-order": [lambda: "BDACE", lambda: "D, B, A, C, E", lambda: list("bdace")],
    "06-specks": [lambda: specks, lambda: lambda *both: handed_over(*both, whole=math.ceil)],
    "06-ball": [lambda: opened],
    "06-seed": [lambda: spots() == 4],
    "06-join": [lambda: touching, lambda: lambda one, other: [list(pair) for pair in touching(one, other)]],
    "06-lung": [
        lambda: pieces(-400) == 1,
        lambda: sitk.BinaryMorphologicalClosing(pieces(-400) == 1, [5, 5, 3]),
    ],
    "06-unseen": [lambda: recipe],
    "06-balls": [lambda: balls],
    "06-cyst": [lambda: surface(1, 1, 1), lambda: surface(1, 1, 3), lambda: surface(1, 1, 3, steps=300)],
    "06-spaces": [lambda: rooms, lambda: lambda walls: rooms(walls, level=2.0)],
    "06-ventricles": [all_ventricles, lambda: list(all_ventricles() * (0.88, 1.05, 1.1))],
}

WRONG = {
    "06-report": [
        ("another careful person", lambda: "A"),
        ("One voxel is not the error", lambda: "B"),
        ("out of the drawer", lambda: "D"),
        ("expected one of", lambda: "E"),
    ],
    "06-table": [
        ("Return a dictionary", lambda: lambda scan, labels: list(table(scan, labels).values())),
        ("Label 0", lambda: lambda scan, labels: {0: (1, 1)} | table(scan, labels)),
        ("not those of the image", lambda: lambda scan, labels: {1: table(scan, labels)[1]}),
        ("not those of the image", lambda: lambda *both: {n: table(*both).get(n, (0, 0)) for n in range(1, 9)}),
        ("needs two numbers", lambda: each_row(lambda volume, _: volume)),
        ("turned round", lambda: each_row(lambda *row: row[::-1])),
        ("LabelGaussian", lambda: lambda scan, labels: table(scan, labels, how=sitk.sitkLabelGaussian)),
        ("litres", lambda: lambda scan, labels: table(scan, labels, unit="litres")),
        ("linear interpolation", lambda: lambda scan, labels: table(scan, labels, how=sitk.sitkLinear)),
        ("cubic millimetres", lambda: lambda scan, labels: table(scan, labels, unit="mm3")),
        ("for 1 mm³", lambda: lambda scan, labels: table(scan, labels, unit="voxels")),
        ("for 1 mm³", lambda: lambda scan, labels: table(scan, labels, unit="thousand voxels")),
        ("volumes are right", lambda: lambda scan, labels: table(scan, labels, mean=False)),
        ("onto the grid of the scan", lambda: lambda *_: {n: (n, n) for n in range(1, 9)}),
    ],
    "06-n4": [
        ("on the grid of the scan", lambda: sitk.BinShrink(scan(), [4] * 3)),
        ("nothing left", lambda: scan() * 0),
        ("as it was", scan),
        ("as it was", lambda: scan() * 0.8),
        ("multiplied", lambda: scan() * field()),
        ("logarithm", lambda: scan() / sitk.Log(sitk.Maximum(data.load("shaded_field"), 0.5) * 1.03)),
        ("subtraction", lambda: scan() - field() * 100),
        ("subtraction", lambda: scan() - field()),
        ("subtraction", lambda: scan() - sitk.Log(field())),
        ("field itself", field),
        ("power of ten", lambda: scan() / sitk.Exp(sitk.Log(field()) * np.log(10))),
        ("Eight bits", lambda: sitk.Cast(scan() / field(), sitk.sitkUInt8)),
        ("the detail too", lambda: blurred(scan() / field())),
        ("the detail too", lambda: sitk.DiscreteGaussian(scan(), 0.64) / field()),
        ("still there", lambda: scan() * sitk.Sqrt(field())),
    ],
    "06-level": [
        ("had none", lambda: fluid() / 2),
        ("begin it at", lambda: (fluid() - white()) / 2),
        ("the sum", lambda: fluid() + white()),
        ("one of the two", fluid),
        ("one of the two", white),
        ("arrays count z, y, x", lambda: (fluid(turned=True) + white(turned=True)) / 2),
        ("Measure the level", lambda: 542),  # halfway in the scan of the episode
        ("Measure the level", lambda: 12),
    ],
    "06-order": [
        ("each of the letters", lambda: "ABC"),
        ("each of the letters", lambda: 7),
        ("before the bias correction", lambda: "DABCE"),
        ("smooth after", lambda: "BADCE"),
        ("before there are any", lambda: "BDCAE"),
        ("before the specks", lambda: "BDAEC"),
    ],
    "06-specks": [
        ("on the grid", lambda: lambda mask, smallest: specks(mask, smallest)[1:]),
        ("kept as it is", lambda: lambda mask, _: sitk.BinaryDilate(mask)),
        ("common faces", lambda: lambda mask, smallest: specks(mask, smallest, corners=False)),
        ("what should go", lambda: lambda mask, smallest: specks(mask, smallest, keep="small")),
        ("one voxel is still there", lambda: lambda mask, _: mask),
        ("too much away", lambda: lambda mask, smallest: specks(mask, smallest, voxels=True)),
        ("round the number of voxels up", lambda: lambda *both: handed_over(*both, whole=int)),
        ("lets it stay", lambda: lambda *both: handed_over(*both, whole=lambda count: int(count) + 1)),
        ("Python's own numbers", lambda: handed_over),
        ("Python's own numbers", lambda: lambda *both: handed_over(*both, whole=np.ceil)),
    ],
    "06-ball": [
        ("on the grid", lambda: lambda mask, radius: opened(mask, radius)[1:]),
        ("radius in voxels", lambda: lambda mask, radius: opened(mask, radius, radii=lambda _: [radius] * 3)),
        ("for all axes", lambda: lambda mask, radius: opened(mask, radius, radii=lambda steps: [steps[0]] * 3)),
        ("cut off", lambda: lambda mask, radius: opened(mask, radius, radii=np.floor)),
        ("rounded up", lambda: lambda mask, radius: opened(mask, radius, radii=np.ceil)),
        ("kernel is a box", lambda: lambda mask, radius: opened(mask, radius, kernel=sitk.sitkBox)),
        ("closing", lambda: lambda mask, radius: opened(mask, radius, how=sitk.BinaryMorphologicalClosing)),
        ("radius over the spacing", lambda: lambda mask, _: mask),
    ],
    "06-seed": [
        ("on the grid", lambda: spots()[1:] == 4),
        ("is empty", lambda: spots() == 77),
        ("leaked", lambda: data.load("brain_mask")),
        ("another place", lambda: spots() == 2),
        ("several spots", lambda: spots() > 0),
        ("too little or too much", lambda: sitk.BinaryErode(spots() == 4, [2] * 3)),
    ],
    "06-join": [
        ("expected a set of pairs", lambda: lambda *_: 7),
        ("pairs with 0", lambda: lambda one, other: set(zip(one.ravel(), other.ravel(), strict=True))),
        ("turned round", lambda: lambda one, other: {(b, a) for a, b in touching(one, other)}),
        ("only common faces", lambda: lambda one, other: touching(one, other, reach=("face",))),
        ("corners do not", lambda: lambda one, other: touching(one, other, reach=("face", "edge"))),
        ("np.roll", lambda: lambda one, other: touching(one, other, roll=True)),
        ("do not touch", lambda: every_pair),
        ("look at nine", lambda: lambda *_: {(3, 7)}),
    ],
    "06-lung": [
        ("on the grid", lambda: dark(-400)[1:]),
        ("is empty", lambda: dark(-4000)),
        ("not lung", lambda: pieces(-400) == 2),
        ("largest component", lambda: dark(-400)),
        ("missing", lambda: pieces(-700) == 1),
        ("too much of it", lambda: sitk.BinaryDilate(pieces(-300) == 1, [2, 2, 1])),
    ],
    "06-unseen": [
        ("on the grid", lambda: lambda scan, _: scan[1:] > 1),
        ("finds nothing", lambda: lambda scan, _: scan > 1e6),
        ("far apart", lambda: lambda scan, mask: recipe(scan, mask, level=560)),
        ("before the threshold", lambda: lambda scan, mask: recipe(scan, mask, correct=False)),
        ("within reach", lambda: lambda scan, mask: sitk.BinaryDilate(recipe(scan, mask))),
    ],
    "06-balls": [
        ("how many voxels", lambda: lambda radius: balls(radius, of=lambda left, _: left)),
        ("that is lost", lambda: lambda radius: balls(radius, of=lambda left, ball: 1 - left / ball)),
        ("as its variance", lambda: lambda radius: balls(radius, variance=1.2)),
        ("not zero", lambda: lambda radius: balls(radius, level=0)),
        ("make it float32", lambda: lambda radius: balls(radius, kind=np.uint8)),
        ("per cent", lambda: lambda radius: 100 * balls(radius)),
        ("Count the voxels", lambda: lambda radius: radius),
    ],
    "06-cyst": [
        ("on the grid", lambda: surface(1, 1, 1)[:40]),
        ("vanished", lambda: surface(0, 1, 1)),
        ("vanished", lambda: surface(1, 2, 1)),
        ("through the hole", lambda: surface(1, 0, 1)),
        ("through the hole", lambda: surface(1, 1, 1, steps=600)),
        ("not reach the wall", lambda: surface(1, 1, 1, steps=20)),
    ],
    "06-spaces": [
        ("grid of the walls", lambda: lambda walls: rooms(walls)[1:]),
        ("border of the image cuts", lambda: lambda walls: rooms(walls, whole=False)),
        ("no label", lambda: lambda walls: rooms(walls, parted=False)),
        ("one label", lambda: joined),
        ("on the walls", lambda: lambda walls: rooms(walls, masked=False)),
        ("every dent", lambda: lambda walls: rooms(walls, level=0)),
    ],
    "06-ventricles": [
        ("turned round", lambda: all_ventricles()[::-1]),
        ("cubic millimetres", lambda: all_ventricles() * 1000),
        ("counted voxels", lambda: all_ventricles() * 1000 / 8),
        ("whole lake", lambda: np.array([136.0, 204, 287])),
        ("Much is missing", lambda: ventricles(4, 5)),
        ("Not all three", lambda: all_ventricles() * (1, 1, 1.4)),
    ],
}
