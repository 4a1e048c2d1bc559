"""Checks of episode 09, align, annotate, learn."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from regseg import data, elastix, evaluate
from regseg.check.engine import (
    CannotRead,
    Verdict,
    call,
    choice,
    close,
    exercise,
    image,
    right,
    same_grid,
    wrong,
)
from regseg.grid import Grid
from regseg.synth import scans, warps

LEFT_OVER = 1.0  # mm of mean TRE that 09-map allows
LEARNED = 0.65  # mean Dice of grey and white matter that 09-train wants of both contrasts
WITHIN = 2.0  # mm between the surfaces in 09-brush
FOR_LABELS = (sitk.sitkNearestNeighbor, sitk.sitkLabelLinear, sitk.sitkLabelGaussian)


@cache
def small(name: str) -> sitk.Image:
    """An embedded image in voxels of 4 mm, float32."""
    return sitk.BinShrink(sitk.Cast(data.load(name), sitk.sitkFloat32), [4] * 3)


# --- geometry ---------------------------------------------------------------------------------------------------------


def through_monai(scan: sitk.Image) -> np.ndarray:
    """What the episode's `numbers` holds: labels of a scan as MONAI keeps them, an array (1, x, y, z)."""
    values = sitk.GetArrayFromImage(scan)
    return ((values > 60).astype(np.uint8) + (values > 120)).T[None]


@exercise("09-place")
def labels_with_their_place(given) -> Verdict:
    answer, scan = image(given), data.load("brain_oblique")
    truth = through_monai(scan)[0].T
    values = sitk.GetArrayFromImage(answer)
    if values.shape != truth.shape:
        if values.shape == truth.shape[::-1]:
            return wrong(
                "The axes are in MONAI's order, x, y, z: SimpleITK's arrays are z, y, x, so transpose it first."
            )
        return wrong("It has another size than the scan: take the first and only channel, and transpose it.")
    if not np.array_equal(values, truth):
        return wrong(
            "The labels are not in the order of the scan's voxels: `.T` turns all axes round, and nothing else."
        )
    if same_grid(answer, scan):
        return right("Voxel by voxel they lie where they were found.")
    if Grid.of(answer).origin == (0, 0, 0):
        return wrong("The labels lie at the origin, unturned, with voxels of 1 mm: the scan knows where they belong.")
    mirrored = np.array([-1, -1, 1]) * scan.GetOrigin()
    if np.allclose(answer.GetOrigin(), mirrored, atol=1e-3):
        return wrong("MONAI's matrix is in RAS, and SimpleITK's positions are LPS: x and y change their sign.")
    return wrong("The values are right and their place is not: origin, spacing and direction are those of the scan.")


# --- registration -----------------------------------------------------------------------------------------------------


@exercise("09-map")
def map_for_two_contrasts(given) -> Verdict:
    maps = [given] if isinstance(given, dict) else given
    if not (isinstance(maps, list | tuple) and maps and all(isinstance(each, dict) for each in maps)):
        raise CannotRead("I expected a parameter map, or a list of them: begin with elastix.default_map.")
    pair = data.load_pair("pair_multimodal")
    fixed, moving = (sitk.BinShrink(sitk.Cast(each, sitk.sitkFloat32), [2] * 3) for each in (pair.fixed, pair.moving))
    # elastix has its values as lists of words; a learner may have written plain ones.
    last = {name: str(value[0] if isinstance(value, list | tuple) else value) for name, value in maps[-1].items()}
    disagree = wrong("This metric expects that what is bright in one scan is bright in the other: T1 and T2 disagree.")
    deceived = last.get("Metric") in ("AdvancedMeanSquares", "AdvancedNormalizedCorrelation")
    try:
        found = elastix.register(fixed, moving, maps)
    except (ValueError, elastix.ElastixError) as problem:  # such a metric may lead the head out of the picture
        return disagree if deceived else wrong(f"elastix does not take it: {problem}")
    error = float(evaluate.tre(found.transform, pair.fixed_points, pair.moving_points).mean())
    if error < LEFT_OVER:
        return right(f"A mean TRE below {LEFT_OVER:.0f} mm, in voxels of 4 mm.")
    if deceived:
        return disagree
    if last.get("Transform") == "TranslationTransform":
        return wrong("A translation cannot turn the head, and this one is turned.")
    if float(last.get("MaximumNumberOfIterations", 256)) < 50:
        return wrong("It stops while it is still on its way: allow more iterations.")
    return wrong(f"A mean TRE of {error:.1f} mm: look at metric, transform and iterations, one after the other.")


def carrying() -> tuple[sitk.Image, sitk.Image, sitk.Transform]:
    """Labels, the scan that wants them, and where each of its points lies in the labels' image."""
    labels = data.load("brain_labels")
    grid = Grid.of(small("brain_t2"))
    return labels, small("brain_t2"), warps.rigid(grid, (6, -5, 20), (12, -5, 4))


@exercise("09-carry")
def labels_carried(given) -> Verdict:
    labels, scan, lies = carrying()
    answer = image(call(given, labels, scan, lies))
    if not same_grid(answer, scan):
        return wrong("The result is not on the grid of the scan that wants the labels: name that scan in Resample.")
    values = sitk.GetArrayFromImage(answer)

    def carried(transform: sitk.Transform, how: int) -> np.ndarray:
        return sitk.GetArrayFromImage(sitk.Resample(labels, scan, transform, how))

    if any(np.mean(values == carried(lies, how)) > 0.999 for how in FOR_LABELS):
        return right("Names stay names, and each voxel of the scan asks where it lies in the labels.")
    if np.mean(values == carried(lies.GetInverse(), sitk.sitkNearestNeighbor)) > 0.999:
        return wrong("That is the inverse: Resample wants the way from the scan's points to those of the labels.")
    if np.mean(values == carried(sitk.Transform(3, sitk.sitkIdentity), sitk.sitkNearestNeighbor)) > 0.999:
        return wrong("The transform is not used: the labels are where they were.")
    for how, name in ((sitk.sitkLinear, "linear interpolation"), (sitk.sitkBSpline, "a B-spline")):
        if np.mean(np.abs(values - carried(lies, how).astype(float)) < 0.51) > 0.999:
            return wrong(
                f"The labels went through {name}: between fluid, 1, and white matter, 3, it invents grey matter."
            )
    return wrong("Something else moved: sitk.Resample with the labels, the scan, the transform and an interpolator.")


@exercise("09-points")
def points_pushed_to_the_scan(given) -> Verdict:
    _, scan, lies = carrying()
    there = Grid.of(scan).points(np.array([[10, 12, 9], [30, 20, 15], [22, 40, 28], [35, 31, 20]]))
    marked = np.array([lies.TransformPoint(point) for point in there.tolist()])
    try:
        found = np.asarray(call(given, marked.copy(), lies), float)
    except (TypeError, ValueError):
        found = np.array(0.0)
    if found.shape != marked.shape:
        return wrong(f"Return an array of shape {marked.shape}: a row for each point, with x, y and z in mm.")
    if close(found, there, within=0.01):
        return right("Labels are pulled and points are pushed, so one of the two needs the inverse.")
    if close(found, [lies.TransformPoint(point) for point in marked.tolist()], within=0.01):
        return wrong("`lies` leads from the scan to the T1, and these points are in the T1 already: take the inverse.")
    if close(found, marked, within=0.01):
        return wrong("The points are where they were in the T1: the transform is not used.")
    if close(found, Grid.of(scan).indices(there), within=0.1):
        return wrong("These are indices of voxels: points are in mm, in the T1 as in the scan.")
    return wrong("They lie elsewhere: take each point through the inverse of `lies`, as x, y and z in mm.")


# --- learning ---------------------------------------------------------------------------------------------------------


@exercise("09-randomise")
def what_an_unseen_contrast_needs(given) -> Verdict:
    answer = choice(given, "A", "B", "C", "D")
    if answer == "C":
        return right("What differs between the contrasts is the order, so the order has to differ in the training.")
    if answer == "A":
        return wrong("More heads of the same contrast teach more shapes: in all of them fluid is dark.")
    if answer == "B":
        return wrong("Noise makes a network sturdy against noise. The order of brightness stays that of T1.")
    return wrong("A turned T1 is still a T1: fluid dark, white matter bright.")


def answers_of_networks() -> list[tuple[str, np.ndarray]]:
    """Answers (structure, z, y, x) of six structures, whose order of doubt is known: the first is the least sure."""

    def answer(doubt: float, wide: int, air: int) -> np.ndarray:
        p = np.zeros((6, 1, 1, wide + air))
        p[0, ..., wide:] = 1
        p[1, ..., :wide], p[2, ..., :wide] = 1 - doubt, doubt
        return p

    return [
        ("small and doubtful", answer(0.4, 40, 400)),
        ("large and surer", answer(0.2, 4000, 400)),
        ("small, sure, with much air", answer(0.05, 40, 9000)),
    ]


@exercise("09-doubt")
def doubt_of_a_network(given) -> Verdict:
    names, answers = zip(*answers_of_networks(), strict=True)
    scores = [call(given, each) for each in answers]
    try:
        found = np.array([float(each) for each in scores])
    except (TypeError, ValueError):
        return wrong("Return one number for each scan: sum or average over its voxels.")
    if not np.isfinite(found).all():
        return wrong(
            "It is no number where a probability is 0, for its logarithm is none: clip the probabilities first."
        )
    if np.unique(found).size < found.size:
        return wrong("Different answers of the network get the same number: a score has to look at the probabilities.")
    order = np.argsort(-found).tolist()
    if order == [0, 1, 2]:
        return right("The scan with the most doubt in its foreground comes first, whatever its size.")
    if order == [2, 1, 0]:
        return wrong("It is turned round: the surest scan comes first. Entropy has a minus in front of its sum.")
    if order[0] == 1:
        return wrong(
            "A large head wins because it is large: divide by how much foreground there is, and not by all voxels."
        )
    return wrong(f"The order should be: {', '.join(names)}.")


@cache
def unseen() -> dict[str, tuple[sitk.Image, sitk.Image]]:
    """A T1 and a T2 of a head that nobody may train on, each with its labels."""
    head = scans.head(data.load(data.anatomies("testing")[0]))
    return {contrast: scans.still(head, contrast, seed=5) for contrast in ("T1", "T2")}


def matter(truth: sitk.Image, found: sitk.Image) -> list[float]:
    """The Dice of grey matter, the deep one included, and of white matter; 0 where nothing of it is found."""
    truth, found = (sitk.ChangeLabel(each, {3: 2}) for each in (truth, found))
    there = set(np.unique(sitk.GetArrayViewFromImage(found)).tolist())
    return [evaluate.overlap(truth, found, label).dice if label in there else 0.0 for label in (2, 4)]


@exercise("09-train")
def trained_on_many_heads(given) -> Verdict:
    from regseg.learn import segment  # torch is an extra

    try:
        network = segment.load(Path(given)) if isinstance(given, str | Path) else given
    except (OSError, ValueError):
        network = None
    if not isinstance(network, segment.UNet):
        raise CannotRead("I expected the network, or the file with its weights that train.save_weights wrote.")
    dice = {contrast: matter(truth, segment.segment(scan, network)) for contrast, (scan, truth) in unseen().items()}
    said = ", ".join(f"{contrast} {grey:.2f} and {white:.2f}" for contrast, (grey, white) in dice.items())
    table = f"Dice of grey and white matter on a testing head: {said}."
    t1, t2 = (np.mean(each) for each in dice.values())
    if t1 < LEARNED:
        return wrong(
            f"{table} On the T1 it hardly beats the affine atlas: train it on all the heads that may teach, and go on "
            "to show that contrast when others come."
        )
    if t2 < LEARNED:
        return wrong(f"{table} It knows T1 only: the second training, on every contrast, is still to come.")
    return right(table)


@exercise("09-leak")
def table_with_leakage(given) -> Verdict:
    answer = choice(given, "A", "B", "C", "D")
    if answer == "B":
        return right("Its test heads were in none of the trainings, and the atlas stands beside it.")
    if answer == "A":
        return wrong("Other scans of the heads that it was trained on: it knows their shape by heart.")
    if answer == "C":
        return wrong("Its best step was chosen on the test heads, so they took part in the training.")
    return wrong("The annotators corrected the network's own labels of the test heads, and were led by what they saw.")


# --- annotation -------------------------------------------------------------------------------------------------------

NOISE = {"T2-1": 4.0, "T2-2": 24.0, "T2-3": 12.0}  # of the scans that wait in 09-round
STEPS = 4


@cache
def volunteers() -> tuple[dict[str, sitk.Image], sitk.Image, tuple[sitk.Image, sitk.Image]]:
    """Small T2 scans that wait, the labels of each, and a scan that nobody corrects with its own."""
    t2 = small("brain_t2")[8:40, 12:44, 12:44]
    labels = sitk.Resample(data.load("brain_labels"), t2, sitk.Transform(), sitk.sitkNearestNeighbor)
    waiting = {name: sitk.AdditiveGaussianNoise(t2, noise, 0.0, 3) for name, noise in NOISE.items()}
    other = sitk.AdditiveGaussianNoise(t2, 8.0, 0.0, 4)
    return waiting, labels, tuple(sitk.Flip(each, [True, False, False]) for each in (other, labels))


def beginner():
    """A network of six numbers, how bright each structure is, so that it learns in a moment; it knows T1."""
    import torch  # an extra
    from torch import nn

    from regseg.learn import segment

    class Levels(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            levels = torch.tensor([0.0, 0.35, 0.6, 0.95, 3.0, 3.0])
            self.levels = nn.Parameter(levels.view(1, -1, 1, 1, 1) / 50)  # one step moves such a number far

        def forward(self, image: torch.Tensor) -> torch.Tensor:
            return -40 * (segment.normalised(image) - 50 * self.levels) ** 2

    return Levels().eval()


@cache
def played() -> tuple[str, sitk.Image, dict[str, np.ndarray]]:
    """A round as it should be: the scan that comes first, its labels by the network, and what it learns from what."""
    from regseg.learn import annotation

    waiting, labels, unseen = volunteers()
    name = annotation.active(list(waiting), lambda name: annotation.likely(waiting[name], beginner()), None)
    found = annotation.segmented(waiting[name], beginner())
    learned = {}
    for source, pair in {"person": (waiting[name], labels), "itself": (waiting[name], found), "unseen": unseen}.items():
        network = beginner()
        annotation.train_more(network, [pair], steps=STEPS, seed=1)
        learned[source] = network.levels.detach().numpy()
    return name, found, learned


@exercise("09-round")
def round_of_annotation(given) -> Verdict:
    from regseg.learn import annotation

    waiting, labels, unseen = volunteers()
    first, found, learned = played()
    learner, asked = beginner(), []

    def person(name: str, shown: sitk.Image) -> sitk.Image:
        asked.append((name, shown))
        return labels

    answer = call(given, learner, dict(waiting), person, unseen, STEPS)
    if not asked:
        return wrong("Nobody has corrected anything: ask `person`, with the name of the scan and what was found in it.")
    name, shown = asked[0]
    if name != first:
        return wrong("The person got another scan than the one of which the network is least sure: its name is `name`.")
    if not (isinstance(shown, sitk.Image) and same_grid(shown, found) and annotation.effort(shown, found) == 0):
        return wrong("Show the person what the network has found in that scan: `annotation.segmented` says it.")
    now = learner.levels.detach().numpy()
    if close(now, beginner().levels.detach().numpy(), within=1e-7):
        return wrong(
            "The network is as it was: hand the scan and its labels to `annotation.train_more`, with `learner`."
        )
    if close(now, learned["itself"], within=1e-7):
        return wrong("It has learned its own mistakes: hand in what the person has made of the labels.")
    if close(now, learned["unseen"], within=1e-7):
        return wrong("It has learned from the unseen scan, on which you judge it: that is leakage.")
    if not close(now, learned["person"], within=1e-7):
        return wrong("It has learned something else: from one scan and its corrected labels, with `steps` and seed=1.")
    try:
        share = float(answer)
    except (TypeError, ValueError):
        share = np.nan

    def dice(network, scan: sitk.Image, truth: sitk.Image) -> float:
        return evaluate.overlap(truth, annotation.segmented(scan, network), 2).dice

    if close(share, dice(learner, *unseen), within=1e-6):
        return right("Chosen, segmented, corrected, learned, and judged on a scan that nobody has corrected.")
    if close(share, dice(beginner(), *unseen), within=1e-6):
        return wrong("This Dice is from before the training: segment the unseen scan after it.")
    if close(share, dice(learner, waiting[first], labels), within=1e-6):
        return wrong("This is a training score, on the scan that it has just learned from: take the unseen one.")
    return wrong("The network has learned the right thing. Now return the Dice of label 2 on the unseen scan.")


@cache
def broken() -> tuple[sitk.Image, sitk.Image]:
    """The ball of the episode's piece, and what a network made of it: without a bite, and with a stray piece."""
    z, y, x = np.mgrid[:40, :48, :44]

    def ball(x0, y0, z0, radius):
        return (x - x0) ** 2 + (y - y0) ** 2 + (z - z0) ** 2 <= radius**2

    truth = ball(22, 24, 20, 11)
    found = (truth & ~ball(22, 34, 20, 5)) | ball(36, 8, 8, 3)
    return tuple(sitk.GetImageFromArray(each.astype(np.uint8)) for each in (truth, found))


@exercise("09-brush")
def corrected_by_hand(given) -> Verdict:
    answer = image(given)
    truth, found = broken()
    if not same_grid(answer, truth):
        return wrong("The labels lie on another grid than the piece: take `painter.labels` as they are.")
    values = sitk.GetArrayFromImage(answer) > 0
    if not values.any():
        return wrong("There is nothing left: erase the stray piece only.")
    if np.array_equal(values, sitk.GetArrayFromImage(found) > 0):
        return wrong(
            "These are the labels as the network left them. Each stroke is saved; run the cell of the check again."
        )
    distance = evaluate.surface_distance(truth, sitk.GetImageFromArray(values.astype(np.uint8)))
    if distance.hausdorff <= WITHIN:
        return right(f"No point of the surface is further away than {WITHIN:.0f} mm.")
    if values[8, 8, 36]:
        return wrong("The stray piece is still there, in front on the left: erase it, with a large brush.")
    if not values[20, 31, 22]:
        return wrong("The bite behind is still empty: paint it in some slices, then press Fill between slices.")
    return wrong(f"The worst place is {distance.hausdorff:.1f} mm away: look through all three planes.")
