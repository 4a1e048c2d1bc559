"""The loop of annotation, as plain functions: which scan next, segment it, correct it, train a bit more, again.

    name = annotation.active(names, predict, random)
    labels = annotation.segmented(scans[name], network)
    annotation.keep(corrected, scans[name], file)
    annotation.train_more(network, annotated, steps=60, seed=1)

No server is needed for it. `src/labelserver` hands these functions to MONAI Label, whose viewers then play the loop
with a person; `rehearse` plays it with known labels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from torch import nn

from regseg import elastix
from regseg.files import written_whole
from regseg.grid import Grid
from regseg.learn import segment, train
from regseg.synth import looks, warps

Predict = Callable[[str], np.ndarray]  # the name of a scan to the `likely` of it
Strategy = Callable[[Sequence[str], Predict, np.random.Generator], str]


# --- what the network says --------------------------------------------------------------------------------------------


def likely(scan: sitk.Image, network: nn.Module) -> np.ndarray:
    """How likely each voxel around the brain belongs to each structure: (structure, z, y, x), background first."""
    return segment.probabilities(scan, network)[0]


def segmented(scan: sitk.Image, network: nn.Module, align_to: sitk.Image | None = None) -> sitk.Image:
    """The labels that a network gives to a scan, on the scan's grid (uint8).

    Parameters
    ----------
    scan : sitk.Image
        3-D, of any grid.
    network : torch.nn.Module
        One that `segment` takes.
    align_to : sitk.Image, optional
        A scan of a head that lies as the network knows it. elastix then turns the scan to it first, rigidly and by
        mutual information, and the labels go back the same way.

    Raises
    ------
    ElastixError
        The two scans cannot be aligned.
    """
    if align_to is None:
        return segment.segment(scan, network)
    there = elastix.register(align_to, scan, elastix.default_map("rigid", resolutions=3)).transform
    turned = sitk.Resample(scan, align_to, there, sitk.sitkLinear, 0.0, sitk.sitkFloat32)
    return sitk.Resample(segment.segment(turned, network), scan, there.GetInverse(), sitk.sitkNearestNeighbor, 0)


# --- which scan next --------------------------------------------------------------------------------------------------


def active(names: Sequence[str], predict: Predict, random: np.random.Generator) -> str:  # noqa: ARG001 - it draws no lot
    """The scan of which the network is least sure.

    Its doubt is the entropy of its answer, summed over the scan, for each voxel that it gives to a structure: so much
    air around a head does not count. The first of equals is taken.
    """

    def doubt(name: str) -> float:
        p = predict(name)
        return float(-(p * np.log(np.maximum(p, 1e-6))).sum() / max(float(p[1:].sum()), 1e-6))

    return max(names, key=doubt)


def any_scan(names: Sequence[str], predict: Predict, random: np.random.Generator) -> str:  # noqa: ARG001 - nor does it look
    """Any scan, each with the same chance."""
    return str(random.choice(list(names)))


def foreground_random(names: Sequence[str], predict: Predict, random: np.random.Generator) -> str:
    """The scan of a voxel drawn by lot: first its structure, then one of all the voxels that this has in all scans.

    It knows where the foreground is, and nothing of doubt. Many methods of active learning beat only the choice that
    does not look, and not this one (C. Lüth et al., nnActive, arXiv 2511.19183).
    """
    volumes = np.array([predict(name).sum(axis=(1, 2, 3))[1:] for name in names], float)  # (scan, structure)
    there = np.flatnonzero(volumes.sum(axis=0))
    if not len(there):
        return any_scan(names, predict, random)
    of_one = volumes[:, random.choice(there)]
    return str(random.choice(list(names), p=of_one / of_one.sum()))


STRATEGIES: dict[str, Strategy] = {"active": active, "random": any_scan, "foreground_random": foreground_random}


# --- what a person says -----------------------------------------------------------------------------------------------


def require_annotation(labels: sitk.Image, scan: sitk.Image) -> None:
    """Raise ValueError, with what to do, unless the labels are whole numbers on the grid of their scan."""
    if not Grid.of(labels).matches(Grid.of(scan)):
        raise ValueError(
            "the labels lie on another grid than their scan: carry them over with sitk.Resample(labels, scan, "
            "sitk.Transform(), sitk.sitkNearestNeighbor), or give them the scan's place with CopyInformation"
        )
    values = sitk.GetArrayViewFromImage(labels)
    if values.dtype.kind == "f" and not np.array_equal(values, np.rint(values)) or values.min() < 0:
        raise ValueError("a label is a whole number from 0, background, on: these were interpolated, or are none")


def keep(labels: sitk.Image, scan: sitk.Image, file: Path) -> Path:
    """Write an annotation, whole or not at all; one that was there before moves to the folder `earlier` beside it.

    Raises
    ------
    ValueError
        The labels are none of this scan (see `require_annotation`). Nothing is written then.
    OSError
        The file cannot be written; what was there before still is.
    """
    require_annotation(labels, scan)
    if file.exists():
        (file.parent / "earlier").mkdir(exist_ok=True)
        numbered = (file.parent / "earlier" / f"{number}-{file.name}" for number in count(1))
        with written_whole(next(each for each in numbered if not each.exists())) as out:
            out.write(file.read_bytes())
    with written_whole(file) as out:
        sitk.WriteImage(labels, out.name, useCompression=True)
    return file


def effort(before: sitk.Image, after: sitk.Image) -> int:
    """How many voxels a correction changed."""
    return int(np.count_nonzero(sitk.GetArrayViewFromImage(before) != sitk.GetArrayViewFromImage(after)))


# --- learn from it ----------------------------------------------------------------------------------------------------

Annotated = Sequence[tuple[sitk.Image, sitk.Image]]  # scans, each with its labels


def boxes(annotated: Annotated) -> train.Draw:
    """What `train` draws batches with: boxes around annotated brains, each time turned, scaled, shaded and noised."""
    coarse = [segment.coarse(scan) for scan, _ in annotated]
    nearest = sitk.Transform(), sitk.sitkNearestNeighbor
    seen = [(scan, sitk.Resample(labels, scan, *nearest)) for scan, (_, labels) in zip(coarse, annotated, strict=True)]
    inside = [np.median(np.argwhere(sitk.GetArrayViewFromImage(labels)), axis=0)[::-1] for _, labels in seen]

    def draw(random: np.random.Generator) -> dict[str, np.ndarray]:
        number = int(random.integers(len(seen)))
        scan, labels = seen[number]
        place = Grid.of(scan)
        middle = place.points(inside[number]) + random.uniform(-10, 10, 3)
        box = Grid.around(middle, segment.BRAIN, place.spacing, place.direction)
        turn = warps.random_rigid(box, random, degrees=15, reach=0)
        bent = sitk.AffineTransform(3)
        bent.SetCenter(box.middle)
        sizes = random.uniform(0.9, 1.1, 3) * [random.choice([-1, 1]), 1, 1]  # left becomes right, or not
        bent.SetMatrix((np.reshape(turn.GetMatrix(), (3, 3)) * sizes).ravel().tolist())

        def cut(image: sitk.Image, how: int, beyond: float) -> sitk.Image:
            return sitk.Resample(image, box.size, bent, how, box.origin, box.spacing, box.direction, beyond)

        values = cut(scan, sitk.sitkLinear, float(sitk.GetArrayViewFromImage(scan).min()))
        values = sitk.GetArrayFromImage(looks.bias(values, random.uniform(0, 0.3), int(random.integers(2**31))))
        values += random.uniform(0, 0.05) * values.std() * random.standard_normal(values.shape, np.float32)
        names = np.arange(len(segment.NAMES)).reshape(-1, 1, 1, 1)
        truth = 240 * (sitk.GetArrayFromImage(cut(labels, sitk.sitkNearestNeighbor, 0)) == names).astype(np.uint8)
        return {"image": values[None, None], "truth": truth[None]}

    return draw


def train_more(network: nn.Module, annotated: Annotated, *, steps: int, seed: int, **more: Any) -> list[float]:
    """Train a network further, in place, on annotated scans; return the loss of each step.

    Parameters
    ----------
    network : torch.nn.Module
        One of `segment`.
    annotated : sequence of (scan, labels)
        Images; a label is the number of a structure in `segment.NAMES`.
    steps, seed, **more
        For `train.train`; the learning rate is 1e-3 where none is given.

    Raises
    ------
    ValueError
        There is no step or no annotation, or an annotation is none of its scan, has other labels, or is empty.
    """
    if steps < 1:
        raise ValueError(f"a training has one step or more, and not {steps}")
    if not annotated:
        raise ValueError("there is no annotation yet: annotate one scan and submit it, then train")
    for scan, labels in annotated:
        require_annotation(labels, scan)
        if not 0 < sitk.GetArrayViewFromImage(labels).max() < len(segment.NAMES):
            raise ValueError(f"an annotation must have labels from 1 to {len(segment.NAMES) - 1}: {segment.NAMES[1:]}")
    more = {"learning_rate": 1e-3} | more
    return train.train(network, boxes(annotated), segment.loss, steps=steps, seed=seed, **more)


# --- all of it, with known labels -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Round:
    """One round of a rehearsal.

    Attributes
    ----------
    chosen : tuple of str
        The scans that were corrected.
    effort : int
        How many voxels the corrections changed.
    """

    chosen: tuple[str, ...]
    effort: int


def rehearse(
    network: nn.Module,
    scans: Mapping[str, sitk.Image],
    truths: Mapping[str, sitk.Image],
    strategy: Strategy,
    *,
    scans_a_round: int,
    steps: int,
    seed: int,
) -> Iterator[Round]:
    """Play the loop with known labels in the place of a person, a round at a time, until every scan is corrected.

    Parameters
    ----------
    network : torch.nn.Module
        Trained further in each round, in place: measure it between two rounds.
    scans, truths : mapping of str to sitk.Image
        The scans by their names, and what a person would correct the network's labels to.
    strategy : callable
        One of `STRATEGIES`.
    scans_a_round, steps : int
        How many scans are corrected in a round, and how many steps the network is trained after it, on all that have
        been corrected.
    seed : int
        Of the lots and of the training.
    """
    random, corrected = np.random.default_rng(seed), dict[str, sitk.Image]()
    while left := sorted(scans.keys() - corrected.keys()):
        chosen, changed = [], 0
        predict = cache(lambda name: likely(scans[name], network))  # until it learns again, the network says the same
        for _ in range(min(scans_a_round, len(left))):
            name = strategy(sorted(set(left) - set(chosen)), predict, random)
            changed += effort(segmented(scans[name], network), truths[name])
            chosen.append(name)
        corrected |= {name: truths[name] for name in chosen}
        annotated = [(scans[name], labels) for name, labels in corrected.items()]
        train_more(network, annotated, steps=steps, seed=int(random.integers(2**31)))
        yield Round(tuple(chosen), changed)
