"""Right and wrong answers to the exercises of episode 09; test_check.py tells their form."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk

from regseg import data, elastix, evaluate
from regseg.check import align_annotate_learn as episode
from regseg.grid import Grid
from regseg.learn import annotation, segment


def placed(*, values=lambda tensor: tensor[0].T, like=True, origin=None) -> sitk.Image:
    scan = data.load("brain_oblique")
    out = sitk.GetImageFromArray(np.ascontiguousarray(values(episode.through_monai(scan))))
    if like:
        out.CopyInformation(scan)
    if origin:
        out.SetOrigin(origin(scan.GetOrigin()))
    return out


def maps(**more) -> dict:
    return elastix.default_map("rigid", resolutions=2) | {name: [str(value)] for name, value in more.items()}


def carried(labels, scan, lies, how=sitk.sitkNearestNeighbor) -> sitk.Image:
    return sitk.Resample(labels, scan, lies, how)


def pushed(points, transform) -> np.ndarray:
    return np.array([transform.TransformPoint(point) for point in points.tolist()])


def indices(points, lies) -> np.ndarray:
    return Grid.of(episode.small("brain_t2")).indices(pushed(points, lies.GetInverse()))


def entropy(p, *, over=lambda p: p[1:].sum(), sign=-1, clip=1e-9) -> float:
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(sign * (p * np.log(np.maximum(p, clip))).sum() / over(p))


def annotator(*, choose=annotation.active, show=annotation.segmented, learn="person", judge="unseen", seed=1):
    """A round of annotation; what it shows, learns from and is judged on can be another thing than it should be."""

    def one_round(learner, waiting, person, unseen, steps):
        def dice(scan, truth):
            return evaluate.overlap(truth, annotation.segmented(scan, learner), 2).dice

        before = dice(*unseen)
        name = choose(list(waiting), lambda name: annotation.likely(waiting[name], learner), None)
        found = annotation.segmented(waiting[name], learner)
        corrected = person(name, show(waiting[name], learner)) if show else found
        lessons = {"person": (waiting[name], corrected), "itself": (waiting[name], found), "unseen": unseen}
        if learn:
            annotation.train_more(learner, [lessons[learn]], steps=steps, seed=seed)
        return {"unseen": dice(*unseen), "before": before, "training": dice(waiting[name], corrected)}.get(judge, found)

    return one_round


def repaired(*, stray=True, bite=True) -> sitk.Image:
    truth, found = (sitk.GetArrayFromImage(each) for each in episode.broken())
    out = found.copy()
    if stray:
        out[:16, :16, 28:] = 0
    if bite:
        out[:, 24:] = truth[:, 24:]
    return sitk.GetImageFromArray(out)


RIGHT = {
    "09-place": [placed],
    "09-map": [
        maps,
        lambda: [maps(MaximumNumberOfIterations=400)],
        lambda: elastix.default_map("affine", resolutions=2),
    ],
    "09-carry": [
        lambda: carried,
        lambda: lambda labels, scan, lies: carried(labels, scan, lies, sitk.sitkLabelLinear),
        lambda: lambda labels, scan, lies: carried(labels, scan, lies, sitk.sitkLabelGaussian),
    ],
    "09-points": [lambda: lambda points, lies: pushed(points, lies.GetInverse())],
    "09-randomise": [lambda: "C"],
    "09-doubt": [lambda: entropy, lambda: lambda p: float((p[1:].sum() - p[1:].max(axis=0).sum()) / p[1:].sum())],
    "09-train": [lambda: segment.SHIPPED, lambda: str(segment.SHIPPED), segment.load],
    "09-leak": [lambda: "b"],
    "09-round": [annotator],
    "09-brush": [repaired, lambda: episode.broken()[0]],
}

WRONG = {
    "09-place": [
        ("MONAI's order", lambda: placed(values=lambda tensor: tensor[0], like=False)),
        ("another size", lambda: placed(values=lambda tensor: tensor[0].T[1:], like=False)),
        ("not in the order", lambda: placed(values=lambda tensor: tensor[0].T[::-1])),
        ("lie at the origin", lambda: placed(like=False)),
        ("in RAS", lambda: placed(origin=lambda o: (-o[0], -o[1], o[2]))),
        ("their place is not", lambda: placed(origin=lambda o: (o[0] + 5, o[1], o[2]))),
    ],
    "09-map": [
        ("expected a parameter map", lambda: "rigid"),
        ("does not take it", lambda: {"Transform": "Wobble"}),
        ("expects that what is bright", lambda: maps(Metric="AdvancedMeanSquares")),
        (
            "expects that what is bright",
            lambda: elastix.default_map("affine", resolutions=2, Metric="AdvancedMeanSquares"),
        ),
        ("cannot turn", lambda: elastix.default_map("translation", resolutions=2)),
        ("allow more iterations", lambda: maps(MaximumNumberOfIterations=3)),
        ("look at metric, transform", lambda: maps(MaximumStepLength=0.001)),
    ],
    "09-carry": [
        ("grid of the scan", lambda: lambda labels, _scan, lies: sitk.Resample(labels, labels, lies)),
        ("the inverse", lambda: lambda labels, scan, lies: carried(labels, scan, lies.GetInverse())),
        ("not used", lambda: lambda labels, scan, _: carried(labels, scan, sitk.Transform())),
        ("linear interpolation", lambda: lambda labels, scan, lies: carried(labels, scan, lies, sitk.sitkLinear)),
        ("Something else", lambda: lambda labels, scan, lies: carried(labels, scan, lies) * 0),
    ],
    "09-points": [
        ("array of shape", lambda: lambda points, _lies: points[0]),
        ("take the inverse", lambda: pushed),
        ("not used", lambda: lambda points, _lies: points),
        ("indices of voxels", lambda: indices),
        ("lie elsewhere", lambda: lambda points, lies: pushed(points, lies.GetInverse())[:, ::-1]),
    ],
    "09-randomise": [
        ("teach more shapes", lambda: "A"),
        ("against noise", lambda: "B"),
        ("still a T1", lambda: "D"),
    ],
    "09-doubt": [
        ("get the same number", lambda: lambda _: 1.0),
        ("one number", lambda: lambda p: -(p * np.log(p + 1e-9)).sum(axis=0)),
        ("no number", lambda: lambda p: entropy(p, clip=0)),
        ("turned round", lambda: lambda p: entropy(p, sign=1)),
        ("A large head wins", lambda: lambda p: entropy(p, over=lambda _: 1)),
        ("A large head wins", lambda: lambda p: entropy(p, over=lambda p: p.sum())),
        ("The order should be", lambda: lambda p: entropy(p, over=lambda p: p[1:].sum() ** 2)),
    ],
    "09-train": [
        ("expected the network", lambda: 0.8),
        ("expected the network", lambda: "mine.safetensors"),
        ("hardly beats the affine atlas", segment.UNet),
        ("knows T1 only", lambda: segment.SHIPPED.with_stem("segment-t1")),
    ],
    "09-leak": [("shape by heart", lambda: "A"), ("best step", lambda: "C"), ("led by", lambda: "D")],
    "09-round": [
        ("Nobody has corrected", lambda: annotator(show=None)),
        ("another scan", lambda: annotator(choose=lambda names, *_: names[0])),
        ("what the network has found", lambda: annotator(show=lambda scan, _: scan)),
        ("as it was", lambda: annotator(learn=None)),
        ("its own mistakes", lambda: annotator(learn="itself")),
        ("leakage", lambda: annotator(learn="unseen")),
        ("something else", lambda: annotator(seed=2)),
        ("before the training", lambda: annotator(judge="before")),
        ("training score", lambda: annotator(judge="training")),
        ("Now return the Dice", lambda: annotator(judge="labels")),
    ],
    "09-brush": [
        ("another grid", lambda: repaired()[1:]),
        ("nothing left", lambda: repaired() * 0),
        ("as the network left them", lambda: episode.broken()[1]),
        ("stray piece", lambda: repaired(stray=False)),
        ("bite behind", lambda: repaired(bite=False)),
        ("worst place", lambda: sitk.BinaryDilate(repaired(), [4] * 3)),
    ],
}
