"""Right answers and known mistakes for the exercises of episode 04."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk

from regseg import data
from regseg.check.registration import MARK, lying_on_the_side
from regseg.grid import Grid


def start(degrees: float = 0.0, radians: float | None = None) -> sitk.Euler3DTransform:
    """Middle onto middle for the head on its side, turned about z."""
    pair, lying = lying_on_the_side()
    centre = Grid.of(pair.fixed).middle
    shift = np.subtract(lying.TransformPoint(lying.GetCenter()), centre)
    return sitk.Euler3DTransform(centre, 0, 0, np.deg2rad(degrees) if radians is None else radians, shift.tolist())


def clicks(*, exchanged=False, reversed_order=False) -> sitk.Transform:
    pair, lying = lying_on_the_side()
    fixed = pair.fixed_points[:4]
    moving = np.array([lying.TransformPoint(point) for point in pair.moving_points[:4].tolist()])
    if reversed_order:
        moving = moving[::-1]
    if exchanged:
        fixed, moving = moving, fixed
    return sitk.LandmarkBasedTransformInitializer(sitk.VersorRigid3DTransform(), fixed.ravel(), moving.ravel())


def affine_from_clicks(*, stretch=1.0) -> sitk.AffineTransform:
    """The rigid start from the clicks, written as an affine transform; or one that also stretches."""
    rigid = clicks()
    start = sitk.AffineTransform(3)
    start.SetMatrix((stretch * np.array(rigid.GetMatrix())).tolist())
    start.SetCenter(rigid.GetCenter())
    start.SetTranslation(rigid.GetTranslation())
    return start


def plate() -> sitk.Image:
    image = sitk.BinShrink(sitk.Cast(data.load_pair("pair_rigid").fixed, sitk.sitkFloat32), [2, 2, 2])
    array = sitk.GetArrayFromImage(image)
    array[8:40, 44:56, 5:45] = 500
    result = sitk.GetImageFromArray(array)
    result.CopyInformation(image)
    return result


def small_mask() -> sitk.Image:
    """Without the plate, and nearly without the head."""
    mask = plate() * 0
    mask[20:30, 20:30, 20:30] = 1
    return mask


def bring_over(fixed, moving, points, transform, *, image_inverse=False, points_inverse=True):
    back = transform.GetInverse()
    image = sitk.Resample(moving, fixed, back if image_inverse else transform)
    return image, np.array([(back if points_inverse else transform).TransformPoint(p) for p in points.tolist()])


def with_splines(fixed, moving, points, transform):
    image = sitk.Resample(moving, fixed, transform, sitk.sitkBSpline, -1000)
    return image, bring_over(fixed, moving, points, transform)[1]


def with_an_image_of_the_notebook(fixed, moving, points, transform):
    other = sitk.Resample(data.load("brain_labels"), fixed, sitk.Transform(), sitk.sitkNearestNeighbor)
    return other, bring_over(fixed, moving, points, transform)[1]


def in_t1(*, backwards=False) -> np.ndarray:
    """The colleague's place of the T2 in the T1, or the other way."""
    truth = data.load_pair("pair_multimodal").transform
    return np.array((truth if backwards else truth.GetInverse()).TransformPoint(MARK))


def moved_by() -> float:
    return float(np.linalg.norm(in_t1() - MARK))


RIGHT = {
    "04-parts": [lambda: "AFHJ", lambda: "j, h, f, a", lambda: list("AFHJ")],
    "04-report": [lambda: "C", lambda: " c "],
    "04-metric": [lambda: "Mattes MI", lambda: " mattes mi "],
    "04-rescue": [lambda: start(150), lambda: start(170), clicks],
    "04-stop": [lambda: "B", lambda: "b"],
    "04-mask": [
        lambda: plate() != 500,
        lambda: plate() < 400,
        lambda: sitk.And(plate() > 20, plate() < 400),
    ],
    "04-best": [lambda: "B"],
    "04-verify": [lambda: (15, 12), lambda: [15.0, 12.0]],
    "04-reply": [
        lambda: (in_t1(), moved_by(), "B"),
        lambda: [in_t1().round().tolist(), round(moved_by()), " b"],
    ],
    "04-inverse": [lambda: bring_over, lambda: with_splines],
    "04-clicks": [clicks, affine_from_clicks],
}

WRONG = {
    "04-parts": [
        ("one of each row", lambda: "ABFH"),
        ("one of each row", lambda: 4),
        ("one of each row", lambda: ("A", 5)),
        ("stretch a skull", lambda: "BFHJ"),
        ("cannot turn", lambda: "CFHJ"),
        ("equal grey values", lambda: "ADHJ"),
        ("on one line", lambda: "AEHJ"),
        ("jumps", lambda: "AFGJ"),
        ("the head flies away", lambda: "AFHI"),
    ],
    "04-report": [
        ("the mean hides", lambda: "A"),
        ("always has a best start", lambda: "B"),
        ("nobody can repeat", lambda: "D"),
        ("expected one of", lambda: "E"),
    ],
    "04-metric": [
        ("expects equal grey values", lambda: "mean squares"),
        ("Without a mask", lambda: "correlation"),
        ("another one is faster", lambda: "local correlation"),
        ("A good idea", lambda: "joint histogram MI"),
    ],
    "04-rescue": [
        ("nothing is turned", start),
        ("in degrees", lambda: start(radians=150.0)),
        ("its sign is not", lambda: start(-150)),
        ("This start is still", lambda: start(60)),
        ("This start is still", lambda: start(130)),
        ("That is the inverse", lambda: clicks().GetInverse()),
        ("Give an Euler3DTransform", lambda: sitk.BSplineTransformInitializer(plate(), [2, 2, 2])),
    ],
    "04-stop": [
        ("to and fro", lambda: "A"),
        ("half a unit", lambda: "C"),
        ("ground is level", lambda: "D"),
    ],
    "04-mask": [
        ("another grid", lambda: data.load("brain_mask")),
        ("mask is empty", lambda: plate() * 0),
        ("covers everything", lambda: plate() * 0 + 1),
        ("turned round", lambda: plate() == 500),
        ("still inside the mask", lambda: plate() > 20),
        ("keep more", small_mask),
    ],
    "04-best": [("runs along z", lambda: "A"), ("off in the plane", lambda: "C")],
    "04-verify": [
        ("counts rows first", lambda: (12, 15)),
        ("strip below the head", lambda: (1, 23)),
        ("cancels itself", lambda: (0, 0)),
        ("are chance", lambda: (10, 8)),
    ],
    "04-reply": [
        ("three things together", lambda: (in_t1(), "B")),
        ("expected 3 numbers", lambda: (moved_by(), in_t1(), "B")),
        ("expected a number", lambda: (in_t1(), in_t1() - MARK, "B")),
        ("expected one of", lambda: (in_t1(), moved_by(), "D")),
        ("The opposite way", lambda: (in_t1(backwards=True), moved_by(), "B")),
        ("the place in the T2", lambda: (MARK, moved_by(), "B")),
        ("turned round", lambda: (in_t1()[::-1], moved_by(), "B")),
        ("those of RAS", lambda: (in_t1() * (-1, -1, 1), moved_by(), "B")),
        ("the way from the one place", lambda: (in_t1() - MARK, moved_by(), "B")),
        ("an index of the T1", lambda: ((61, 60, 50), moved_by(), "B")),
        ("inverse of `found`", lambda: (in_t1() + 3, moved_by(), "B")),
        ("never negative", lambda: (in_t1(), -moved_by(), "B")),
        ("in centimetres", lambda: (in_t1(), moved_by() / 10, "B")),
        ("error which is left", lambda: (in_t1(), 0.3, "B")),
        ("You added the ways", lambda: (in_t1(), np.abs(in_t1() - MARK).sum(), "B")),
        ("mean over all landmarks", lambda: (in_t1(), 16.8, "B")),
        ("the distance is not", lambda: (in_t1(), moved_by() / 2, "B")),
        ("The metric is what was pushed down", lambda: (in_t1(), moved_by(), "A")),
        ("That is an FRE", lambda: (in_t1(), moved_by(), "c")),
    ],
    "04-inverse": [
        ("The order", lambda: lambda *given: bring_over(*given)[::-1]),
        ("is another one", lambda: with_an_image_of_the_notebook),
        ("Return two things", lambda: lambda *given: bring_over(*given)[0]),
        ("one row of x, y, z", lambda: lambda *given: (bring_over(*given)[0], bring_over(*given)[1].ravel())),
        ("image now goes the wrong way", lambda: lambda *given: bring_over(*given, image_inverse=True)),
        ("so they need the inverse", lambda: lambda *given: bring_over(*given, points_inverse=False)),
        (
            "Both go the wrong way",
            lambda: lambda *given: bring_over(*given, image_inverse=True, points_inverse=False),
        ),
        ("They do not fit yet", lambda: lambda fixed, _moving, points, _transform: (fixed, points * 0)),
        ("not on the grid", lambda: lambda _fixed, moving, *rest: bring_over(moving, moving, *rest)),
    ],
    "04-clicks": [
        ("That is the inverse", lambda: clicks(exchanged=True)),
        ("do not meet", lambda: clicks(reversed_order=True)),
        ("do not meet", lambda: sitk.AffineTransform(3)),
        ("scales, shears or bends", lambda: affine_from_clicks(stretch=1.1)),
        ("scales, shears or bends", lambda: sitk.BSplineTransformInitializer(plate(), [2, 2, 2])),
    ],
}
