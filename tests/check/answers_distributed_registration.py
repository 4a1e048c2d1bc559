"""Right answers and known mistakes for the exercises of episode 10."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk
from scipy.ndimage import gaussian_filter

from regseg import distributed
from regseg.check.distributed_registration import FAINT, FIRM
from regseg.check.scenes import SCAN_SIZE, SCAN_SPACING

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


def block_of(point, lattice, blocks, *, to_cell=np.round, box="core", turned=False):
    cell = to_cell(lattice.indices(point)).astype(int)
    for block in blocks:
        inside = getattr(block, box)
        if all(a <= i < b for a, i, b in zip(inside.start, cell, inside.stop, strict=True)):
            return block.index[::-1] if turned else block.index
    return None


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


def share(result, *, over=("done", "failed"), failed=("failed",), percent=1) -> float:
    count = {kind: sum(each.status == kind for each in result.report) for kind in ("done", "skipped", "failed")}
    return percent * sum(count[kind] for kind in failed) / sum(count[kind] for kind in over)


def share_at_the_end(result) -> float:
    last = [each.status for each in result.report if each.iteration == max(one.iteration for one in result.report)]
    return last.count("failed") / (last.count("failed") + last.count("done"))


def share_of_places(result) -> float:
    """Each block once: failed, if it ever failed."""
    failed = {each.index for each in result.report if each.status == "failed"}
    seen = {each.index for each in result.report if each.status != "skipped"}
    return len(failed) / len(seen)


def cells() -> int:
    return int(np.prod([np.ceil(n * SCAN_SPACING / 4) for n in SCAN_SIZE]))


# --- the right routes: exercise → answers, each made when it is needed -----------------------------------------------

RIGHT = {
    "10-vote": [together, lambda: (2.6, 3)],
    "10-method": [lambda: voting(best_shift), lambda: voting(in_mm), lambda: own_votes],
    "10-contrast": [lambda: voting(lambda pair: best_shift(pair, "information"))],
    "10-block": [
        lambda: block_of,
        lambda: lambda *given: next(block for block in given[2] if block.index == block_of(*given)),
    ],
    "10-reduction": [
        lambda: normalised,
        lambda: lambda votes, field: normalised(votes, field, 3.0),
        lambda: elementwise,
        lambda: distributed.Solve(knots=24),
    ],
    "10-report": [lambda: share],
    "10-travel": [lambda: cells() * 9 * 4 / 1e6, lambda: 788 * 932 * 756 * 0.25**3 / 64 * 36 / 2**20],
}

# --- the known mistakes: exercise → (part of the sentence, answer) ---------------------------------------------------

WRONG = {
    "10-vote": [
        ("no vote for 0", lambda: (3.5, 1.5)),
        ("sum of the two b", lambda: together(a=np.eye(2))),
        ("added the two wishes", lambda: (7, 3)),
        ("wants alone", lambda: (2, 0)),
        ("wants alone", lambda: together(a=FAINT[0], b=FAINT[1])),
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
    "10-block": [
        ("turned round", lambda: lambda *given: block_of(*given, turned=True)),
        ("cut the fraction off", lambda: lambda *given: block_of(*given, to_cell=np.floor)),
        ("You round up", lambda: lambda *given: block_of(*given, to_cell=np.ceil)),
        ("sees the point in its halo", lambda: lambda *given: block_of(*given, box="padded")),
        ("belongs to block", lambda: lambda _point, lattice, _blocks: (7,) * lattice.dimension),
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
    "10-report": [
        ("last iteration alone", lambda: share_at_the_end),
        ("each block once", lambda: share_of_places),
        ("per cent", lambda: lambda result: share(result, percent=100)),
        ("not meant to be registered", lambda: lambda result: share(result, over=("done", "skipped", "failed"))),
        (
            "skipped block has not failed",
            lambda: lambda result: share(result, over=("done", "skipped", "failed"), failed=("skipped", "failed")),
        ),
        ("how many have failed", lambda: lambda result: sum(each.status == "failed" for each in result.report)),
        ("divide by the blocks that are done", lambda: lambda result: share(result, over=("done",))),
        ("your function says", lambda: lambda _result: 0.5),
    ],
    "10-travel": [
        ("six are enough", lambda: cells() * 12 * 4 / 1e6),
        ("b alone", lambda: cells() * 3 * 4 / 1e6),
        ("A alone", lambda: cells() * 6 * 4 / 1e6),
        ("Twice too much", lambda: cells() * 9 * 8 / 1e6),
        ("counted voxels", lambda: np.prod(SCAN_SIZE) * 36 / 1e6),
        ("right in bytes", lambda: cells() * 36),
        ("Multiply", lambda: 1),
    ],
}
