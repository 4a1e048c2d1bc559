"""Right answers and known mistakes for the exercises of episode 10, blocks that vote."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk
from scipy.ndimage import gaussian_filter

from regseg import distributed
from regseg.check.votes import FAINT, FIRM

# --- what the answers below are made of ------------------------------------------------------------------------------


def together(*, a=None, b=None) -> np.ndarray:
    (a1, b1), (a2, b2) = FIRM, FAINT
    return np.linalg.solve(a1 + a2 if a is None else a, b1 + b2 if b is None else b)


def best_shift(pair, metric="correlation") -> np.ndarray:
    """The shift that SimpleITK's registration finds."""
    method = sitk.ImageRegistrationMethod()
    if metric == "correlation":
        method.SetMetricAsCorrelation()
    else:
        method.SetMetricAsMattesMutualInformation(32)
    method.SetOptimizerAsRegularStepGradientDescent(2.0, 0.01, 100)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetShrinkFactorsPerLevel([4, 1])
    method.SetSmoothingSigmasPerLevel([4, 0])
    method.SetInitialTransform(sitk.TranslationTransform(2), inPlace=False)
    return np.array(method.Execute(pair.fixed, pair.moving).GetParameters())


def by_phase(pair) -> np.ndarray:
    """The shift in voxels, in the order of the array, that phase correlation finds."""
    fixed, moving = (sitk.GetArrayFromImage(each) for each in (pair.fixed, pair.moving))
    window = np.multiply.outer(*(np.hanning(n) for n in fixed.shape))
    cross = np.conj(np.fft.fft2(fixed * window)) * np.fft.fft2(moving * window)
    cross /= np.maximum(np.abs(cross), 1e-9)
    peak = gaussian_filter(np.fft.ifft2(cross).real, 1.0, mode="wrap")
    found = np.array(np.unravel_index(peak.argmax(), peak.shape))
    return np.where(found > np.array(peak.shape) // 2, found - peak.shape, found)


def in_mm(pair) -> np.ndarray:
    step = by_phase(pair)[::-1] * pair.fixed.GetSpacing()
    return np.reshape(pair.fixed.GetDirection(), (2, 2)) @ step


def voting(shift):
    """A block method that votes for the shift that a function finds in a pair."""
    return lambda pair: distributed.vote(pair, sitk.TranslationTransform(2, np.asarray(shift(pair), float).tolist()))


def own_votes(pair):
    """Votes without `vote`: the same weight in each cell of the core."""
    box = pair.cells.core
    shape = box.size[::-1]
    matrix = np.stack([np.ones(shape), np.zeros(shape), np.ones(shape)])
    return distributed.Votes(box, matrix, np.stack([np.full(shape, each) for each in best_shift(pair)]))


def normalised(votes, field, sigma=2.0) -> np.ndarray:
    weight = gaussian_filter(votes.weight, sigma)
    return field.values + np.stack([gaussian_filter(each, sigma) for each in votes.vector]) / np.maximum(weight, 1e-9)


def elementwise(votes, field) -> np.ndarray:
    """Smooth A and b, and solve in each cell."""
    xx, xy, yy = (gaussian_filter(each, 2.0) for each in votes.matrix)
    x, y = (gaussian_filter(each, 2.0) for each in votes.vector)
    return field.values + np.stack([yy * x - xy * y, xx * y - xy * x]) / (xx * yy - xy * xy)


def quotient(votes, hole=0.0) -> np.ndarray:
    return np.where(votes.weight > 0, votes.vector / np.maximum(votes.weight, 1e-9), hole)


def smoothed(values, sigma=2.0) -> np.ndarray:
    return np.stack([gaussian_filter(each, sigma) for each in values])


def unweighted(votes, field) -> np.ndarray:
    """A normalised convolution in which each cell with a vote counts alike."""
    counted = (votes.weight > 0).astype(float)
    return field.values + smoothed(quotient(votes)) / gaussian_filter(counted, 2.0)


def only_holes(votes, field) -> np.ndarray:
    """Bridges the hole and the stray votes, and leaves the rest as rough as it is."""
    bridged = normalised(votes, field) - field.values
    return field.values + np.where(votes.weight > 1, quotient(votes), bridged)


def mixed(votes, field) -> np.ndarray:
    """A Gaussian that runs over the components too."""
    return field.values + gaussian_filter(votes.vector, 2.0) / np.maximum(gaussian_filter(votes.weight, 2.0), 1e-9)


def one_shift(votes, field) -> np.ndarray:
    return field.values + votes.vector.sum(axis=(1, 2), keepdims=True) / votes.weight.sum()


# --- the right routes: exercise → answers, each made when it is needed -----------------------------------------------

MOVED = (1.0, 14.2)  # mm, in the moving slice: where the second place of the reply lies

RIGHT = {
    "10-line": [lambda: 2],
    "10-windows": [lambda: "DBEAC", lambda: list("DBEAC"), lambda: "d b e a c"],
    "10-reply": [lambda: (MOVED, "ABD"), lambda: [np.array([1.1, 14.4]), ["a", "b", "d"]]],
    "10-vote": [together, lambda: (2.6, 3)],
    "10-method": [lambda: voting(best_shift), lambda: voting(in_mm), lambda: own_votes],
    "10-contrast": [lambda: voting(lambda pair: best_shift(pair, "information"))],
    "10-reduction": [
        lambda: normalised,
        lambda: lambda votes, field: normalised(votes, field, 3.0),
        lambda: elementwise,
        lambda: distributed.Solve(knots=24),
    ],
}

# --- the known mistakes: exercise → (part of the sentence, answer) ---------------------------------------------------

WRONG = {
    "10-line": [
        ("what the best shift costs", lambda: 19),
        ("favourite of most", lambda: 3),
        ("mean of the favourites", lambda: 2.25),
        ("smallest number of all", lambda: 1),
        ("a shift is a column", lambda: 0),
        ("Add up each column", lambda: 4),
    ],
    "10-windows": [
        ("first two are exchanged", lambda: "BDEAC"),
        ("oblique ones are exchanged", lambda: "DBAEC"),
        ("The spot", lambda: "CBEAD"),
        ("In which direction", lambda: "EADBC"),
    ],
    "10-reply": [
        ("the place and the three letters", lambda: (MOVED,)),
        ("3 letters in one text", lambda: (MOVED, "AB")),
        ("how far it moves", lambda: ((1.0, 2.2), "ABD")),
        ("The opposite way", lambda: ((-1.0, 9.8), "ABD")),
        ("place in the fixed slice", lambda: ((0, 12), "ABD")),
        ("exchanged", lambda: (MOVED[::-1], "ABD")),
        ("ask one_field", lambda: ((9, 9), "ABD")),
        ("nobody has voted", lambda: (MOVED, "ABA")),
        ("Turned round", lambda: (MOVED, "ACD")),
        ("second place x is firm", lambda: (MOVED, "AAD")),
        ("both numbers are large", lambda: (MOVED, "BBD")),
    ],
    "10-vote": [
        ("no vote for 0", lambda: (3.5, 1.5)),
        ("sum of the two b", lambda: together(a=np.eye(2))),
        ("added the two wishes", lambda: (7, 3)),
        ("wants alone", lambda: (2, 0)),
        ("wants alone", lambda: together(a=FAINT[0], b=FAINT[1])),
        ("four times as sure", lambda: (3.5, 3)),
        ("exchanged", lambda: (3, 2.6)),
        ("Add the two A", lambda: (1, 1)),
    ],
    "10-method": [
        ("A block method returns votes", lambda: best_shift),
        ("move nothing", lambda: voting(lambda _pair: (0, 0))),
        ("The opposite", lambda: voting(lambda pair: -best_shift(pair))),
        ("exchanged", lambda: voting(by_phase)),
        ("exchanged", lambda: voting(lambda pair: -by_phase(pair))),
        ("count voxels", lambda: voting(lambda pair: by_phase(pair)[::-1])),
        ("axes of the array", lambda: voting(lambda pair: by_phase(pair)[::-1] * pair.fixed.GetSpacing())),
        ("your votes want", lambda: voting(lambda _pair: (9, 9))),
    ],
    "10-contrast": [
        ("The opposite", lambda: voting(lambda pair: -best_shift(pair, "information"))),
        ("misses the shift", lambda: voting(best_shift)),
    ],
    "10-reduction": [
        ("array of shape", lambda: lambda votes, field: np.moveaxis(normalised(votes, field), 0, -1)),
        ("array of shape", lambda: lambda _votes, _field: [[1, 2], [3]]),
        ("NaN", lambda: lambda votes, field: field.values + votes.vector / votes.weight),
        ("add it to the field", lambda: lambda votes, field: normalised(votes, field) - field.values),
        ("as before", lambda: distributed.MockReduction()),
        ("sign is turned", lambda: lambda votes, field: 2 * field.values - normalised(votes, field)),
        ("no displacement yet", lambda: lambda votes, field: field.values + smoothed(votes.vector)),
        ("x and y are mixed", lambda: mixed),
        ("smooth less", lambda: lambda votes, field: normalised(votes, field, 12.0)),
        ("smooth less", lambda: one_shift),
        ("silent zero", lambda: lambda votes, field: field.values + quotient(votes)),
        ("pulls to zero", lambda: lambda votes, field: field.values + smoothed(quotient(votes))),
        ("weigh next to nothing", lambda: unweighted),
        ("smooth more", lambda: only_holes),
    ],
}
