"""A report of a segmentation: are these labels what the image shows, as far as what is there can tell?"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from regseg import evaluate
from regseg.evaluate import SurfaceDistance
from regseg.report import document
from regseg.report.document import Report
from regseg.report.evidence import held
from regseg.report.inputs import ImageSource, Scan, read_labels
from regseg.report.judgement import LITTLE, judge_headers, some
from regseg.report.looks import Looks, middle
from regseg.report.verdict import Verdict, mm
from regseg.show.appearance import label_colour

# From where on something counts as a doubt; the page says so too.
SPECK = 0.01  # of the volume of a label: smaller pieces are called specks
APART = 4.0  # times the mean distance: a worst twentieth that far off is a blunder somewhere
SURFACES = 12  # labels whose surfaces are measured, those of the smallest overlap first


@dataclass(frozen=True)
class Structure:
    """One label: what it is by itself, and beside the reference."""

    label: int
    colour: str
    volume: float  # ml, or mm² in 2-D
    pieces: int
    specks: int
    touches: bool  # the edge of the image
    mean: float
    deviation: float
    dice: float | None = None  # where there is a reference that has the label
    ratio: float | None = None
    surface: SurfaceDistance | None = None


def segmentation(image: ImageSource, labels: ImageSource, reference: ImageSource | None = None) -> Report:
    """Judge a segmentation of your own.

    Parameters
    ----------
    image : sitk.Image, str or Path
        A scalar image of 2 or 3 dimensions: in memory, in a file that SimpleITK reads, or in OME-Zarr.
    labels : the same
        Whole numbers on the voxels of the image; 0 is background.
    reference : the same, optional
        Labels to compare with, by another hand for example: the same number is the same structure.

    Returns
    -------
    Report
        Printed, it says the verdict; `Report.write` writes the page.

    Raises
    ------
    ValueError
        Something cannot be read, or labels lie elsewhere than the image. What merely cannot be measured is said in the
        report.
    ImportError
        A file is OME-Zarr, and the extra `bigdata` is not installed.

    Examples
    --------
    >>> report.segmentation("scan.nii.gz", "labels.nii.gz", "by-hand.nii.gz").write("report.html")
    """
    scan = Scan.of(image, "segmented")
    given = read_labels(labels, scan, "segmented")
    truth = None if reference is None else read_labels(reference, scan, "reference")
    structures = _structures(scan, given, truth)
    verdict = Verdict()
    judge_headers(verdict, {"segmented": scan})
    _judge_alone(verdict, structures)
    if truth is None:
        verdict.unknown(
            "look",
            "Whether the outlines are right: no reference was given. What is left are pictures, and what shapes alone "
            "give away.",
        )
    else:
        _judge_beside(verdict, structures, held(truth))
    command = _command(image, labels, reference)
    return Report(verdict, partial(_page, scan, given, truth, structures, command))


def _page(
    scan: Scan,
    labels: sitk.Image,
    reference: sitk.Image | None,
    structures: list[Structure],
    command: str | None,
    verdict: Verdict,
) -> str:
    drawn = labels if structures or reference is None else reference
    on_image = sitk.Resample(drawn, scan.image, sitk.Transform(), sitk.sitkNearestNeighbor, 0) != 0
    at = middle(on_image) if sitk.GetArrayViewFromImage(on_image).any() else scan.grid.middle
    looks = Looks.of(scan.image, scan.image, (), at)
    ours, theirs = looks.labelled(labels), None if reference is None else looks.labelled(reference)
    return document.render(
        verdict,
        "segmentation.html",
        dimension=scan.grid.dimension,
        structures=structures,
        views=looks.segmentations(ours, theirs),
        viewer=looks.alone(labels, reference),
        compared=reference is not None,
        limits={"apart": APART, "surfaces": SURFACES},
        scans={"segmented": scan},
        command=command,
        assumed=(),
    )


def _command(image: ImageSource, labels: ImageSource, reference: ImageSource | None) -> str | None:
    """The line of a shell, where everything is a file."""
    if not document.names(image, labels, reference):
        return None
    more = [] if reference is None else ["--reference", reference]
    return document.command(image, labels, *more)


def _structures(scan: Scan, labels: sitk.Image, reference: sitk.Image | None) -> list[Structure]:
    values = sitk.GetArrayViewFromImage(labels)
    voxel = float(np.prod(labels.GetSpacing())) / (1000 if labels.GetDimension() == 3 else 1)
    mine, others = held(labels), set() if reference is None else held(reference)
    overlaps = {label: evaluate.overlap(reference, labels, label) for label in sorted(mine & others)}
    measured = sorted(overlaps, key=lambda label: overlaps[label].dice)[:SURFACES]
    seen = scan.image if scan.grid.matches(scan.whole) else sitk.Resample(scan.image, labels)
    intensities = sitk.GetArrayViewFromImage(seen)
    found = []
    for label in sorted(mine):
        mask = values == label
        (box,) = ndimage.find_objects(mask.astype(np.uint8))
        inside = mask[box]
        pieces, count = ndimage.label(inside, np.ones((3,) * mask.ndim))
        sizes = np.bincount(pieces.ravel())[1:]
        here = intensities[box][inside].astype(float)
        both = overlaps.get(label)
        found.append(
            Structure(
                label,
                label_colour(label),
                float(inside.sum()) * voxel,
                int(count),
                int(np.count_nonzero(sizes < SPECK * sizes.sum())),
                any(
                    side.start == 0 or side.stop == size for side, size in zip(box, mask.shape, strict=True) if size > 1
                ),
                float(here.mean()),
                float(here.std()),
                both and both.dice,
                both and both.volume_ratio,
                evaluate.surface_distance(reference, labels, label) if label in measured else None,
            )
        )
    return found


def _judge_alone(verdict: Verdict, structures: list[Structure]) -> None:
    if not structures:
        verdict.doubt("labels", "The label map is empty: not one voxel has a label.")
        return
    specked = {each.label: each.specks for each in structures if each.specks}
    if specked:
        names = ", ".join(f"{label} ({count})" for label, count in list(specked.items())[:8])
        verdict.doubt("labels", f"Labels with specks, pieces below a hundredth of their volume: {names}.")
    else:
        verdict.sound("labels", "No label has specks.")
    touching = {each.label for each in structures if each.touches}
    if touching:
        text = f"What lies beyond the edge of the image, which these labels reach: {some(touching)}."
        verdict.unknown("labels", text)


def _judge_beside(verdict: Verdict, structures: list[Structure], others: set[int]) -> None:
    mine = {each.label for each in structures}
    if not others:
        verdict.unknown("labels", "Whether the outlines are right: the reference is empty.")
        return
    for words, only in ("only the reference has", others - mine), ("the reference does not have", mine - others):
        if only:
            verdict.doubt("labels", f"Labels that {words}: {some(only)}. Nothing is measured there.")
    compared = [each for each in structures if each.dice is not None]
    if not compared:
        return
    for each in [each for each in compared if each.surface and _blunder(each.surface)][:3]:
        verdict.doubt(
            "labels",
            f"Label {each.label} lies {mm(each.surface.mean)} off on average, but {mm(each.surface.percentile_95)} in "
            "the worst twentieth of its surface: something is missing, or too much, at one place.",
        )
    worst = min(compared, key=lambda each: each.dice)
    numbers = f"Dice {np.mean([each.dice for each in compared]):.3f} on average of {len(compared)} labels"
    numbers += f", {worst.dice:.3f} for label {worst.label}, the lowest"
    if worst.dice < LITTLE:
        verdict.doubt("labels", f"Labels and reference overlap little: {numbers}.")
    else:
        text = f"{numbers}. Is that enough? A second person who outlines the same image tells how much two differ."
        verdict.sound("labels", text)


def _blunder(surface: SurfaceDistance) -> bool:
    return surface.percentile_95 > max(APART * surface.mean, 1e-6)
