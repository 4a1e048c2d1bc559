"""From numbers to words: what looks wrong in a registration, what could not be judged, and what looks sound."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from regseg.report.evidence import Evidence, held
from regseg.report.inputs import Scan
from regseg.report.verdict import Verdict, mm, percent

# From where on something counts as a doubt; the page says so too.
SQUEEZED, STRETCHED = 1 / 3, 3.0  # the determinant, of one voxel in a hundred
OUTSIDE = 0.2  # of the foreground, without a partner in the moving image
UNDONE = 0.5  # of the motion, that is left after there and back
APART = 2.0  # voxels, in the worst twentieth of a round trip
SLIGHT = 0.02  # of the mutual information above 1: less is no change
LITTLE = 0.6  # Dice, of a label


def judge(found: Evidence) -> Verdict:
    """All that the evidence says."""
    verdict = Verdict()
    judge_headers(verdict, found.scans)
    if found.outside > OUTSIDE:
        verdict.doubt(
            "look", f"{percent(found.outside)} of the foreground of the fixed image has no partner in the moving image."
        )
    if found.landmarks is None and not found.overlaps:
        verdict.unknown(
            "look",
            "Nothing here says how far corresponding points lie apart: no landmarks and no labels were given, or none "
            "could be used. What is left are pictures, and whether the transform is one that a body can follow.",
        )
    _landmarks(verdict, found)
    _labels(verdict, found)
    _deformation(verdict, found)
    _inverse(verdict, found)
    _intensities(verdict, found)
    return verdict


def judge_headers(verdict: Verdict, scans: Mapping[str, Scan]) -> None:
    """Headers that may have been lost, and voxels that are no numbers."""
    for what, scan in scans.items():
        if scan.unplaced:
            verdict.unknown(
                "geometry",
                f"The header of the {what} image says spacing 1, origin 0 and straight axes: so does a file that has "
                "lost its geometry. If it has, every length here is wrong.",
            )
        if scan.unknown:
            verdict.unknown(
                "geometry",
                f"{scan.unknown} voxels of the {what} image are NaN or infinite. They were taken for its lowest value.",
            )


def _landmarks(verdict: Verdict, found: Evidence) -> None:
    marks = found.landmarks
    if marks is None:
        if "landmarks" in found.missed:
            verdict.unknown("landmarks", f"The error at landmarks: {found.missed['landmarks']}.")
        return
    count, before, after, turned = len(marks.after), marks.before.mean(), marks.after.mean(), marks.turned.mean()
    if marks.outside:
        verdict.doubt(
            "landmarks",
            f"{marks.outside} of {2 * count} points lie outside their image: are they in mm, LPS, and of this pair?",
        )
    numbers = f"{mm(before)} before, {mm(after)} after, on average of {count}"
    worse = int(np.count_nonzero(marks.after > marks.before))
    if turned < min(before, after):
        verdict.doubt(
            "landmarks",
            f"With the transform turned round, the landmarks come closer ({mm(turned)}) than with the transform itself "
            f"({numbers}): is it the wrong way round?",
        )
    elif after >= before:
        verdict.doubt("landmarks", f"The landmarks lie no closer than before: {numbers}.")
    else:
        verdict.sound("landmarks", f"The landmarks come closer: {numbers}.")
        if worse:
            verdict.doubt("landmarks", f"Further apart than before: {worse} of {count} landmarks.")


def _labels(verdict: Verdict, found: Evidence) -> None:
    if found.maps is None:
        return
    fixed, moving = map(held, found.maps)
    for what, mine, others in ("fixed", fixed, moving), ("moving", moving, fixed):
        if not mine:
            verdict.unknown("labels", f"The overlap of labels: the label map of the {what} image is empty.")
        elif others and mine - others:
            verdict.unknown("labels", f"Labels that only the {what} image has: {some(mine - others)}.")
    if not found.overlaps:
        return
    before, after = (np.mean([getattr(each, when) for each in found.overlaps]) for when in ("before", "after"))
    numbers = f"{before:.3f} before, {after:.3f} after, the mean of {len(found.overlaps)}"
    worse = {each.label for each in found.overlaps if each.after < each.before}
    little = {each.label for each in found.overlaps if each.after < LITTLE}
    if worse:
        verdict.doubt("labels", f"Labels that overlap less than before: {some(worse)}. Dice {numbers}.")
    else:
        verdict.sound("labels", f"Labels overlap as well as before, or better: Dice {numbers}.")
    if little:
        verdict.doubt(
            "labels",
            f"Labels with a Dice below {LITTLE:g} after registration: {some(little)}. Are they thin, or is it wrong?",
        )


def some(labels: set[int]) -> str:
    """A few of them, in words."""
    names = ", ".join(map(str, sorted(labels)[:8]))
    return names + (f" and {len(labels) - 8} more" if len(labels) > 8 else "")


def _deformation(verdict: Verdict, found: Evidence) -> None:
    if found.deformation is None:
        verdict.unknown("deformation", f"Whether the transform folds: {found.missed['deformation']}.")
        return
    low, median, high = found.deformation.percentiles
    folded, anywhere = found.deformation.folded, found.deformation.folded_anywhere
    if median <= 0:
        verdict.doubt("deformation", "The transform mirrors most of the image: the determinant is below 0.")
    elif folded:
        verdict.doubt(
            "deformation",
            f"The transform folds space onto itself in {percent(folded)} of the foreground: there it is no map that a "
            "body can follow.",
        )
    elif anywhere:
        text = f"The transform folds space in {percent(anywhere)} of the image, all of it outside the foreground."
        verdict.doubt("deformation", text)
    elif low < SQUEEZED or high > STRETCHED:
        verdict.doubt(
            "deformation",
            f"In a hundredth of the foreground, or more, volumes change to below {low:.2f} or above {high:.2f} of what "
            "they were: can this anatomy do that?",
        )
    else:
        verdict.sound(
            "deformation",
            f"The transform folds nowhere; 98 of 100 voxels of the foreground keep between {low:.2f} and {high:.2f} of "
            "their volume.",
        )


def _inverse(verdict: Verdict, found: Evidence) -> None:
    if found.back is None:
        text = "Whether registering the other way round gives the inverse: only one direction was given."
        verdict.unknown("inverse", text)
        return
    if found.trip is None:
        verdict.unknown("inverse", f"Whether the inverse undoes the transform: {found.missed['inverse']}.")
        return
    trip, spacing = found.trip, max(found.foreground.GetSpacing())
    said = f"there and back leaves {mm(trip.mean)} on average, and {mm(trip.percentile_95)} in the worst twentieth"
    motion = found.deformation.motion.mean if found.deformation else np.inf
    if trip.mean > max(UNDONE * motion, 0.1 * spacing):
        verdict.doubt(
            "inverse",
            f"The inverse does not undo the transform: {said}; the transform itself moves by {mm(motion)}. Is it of "
            "this pair, and does it map from the moving to the fixed image?",
        )
    elif trip.percentile_95 > APART * spacing:
        verdict.doubt("inverse", f"The two directions disagree by more than {APART:g} voxels: {said}.")
    else:
        verdict.sound("inverse", f"The inverse undoes the transform: {said}.")


def _intensities(verdict: Verdict, found: Evidence) -> None:
    before, after, *turned = (each.mutual_information for each in found.agreements)
    numbers = f"normalised mutual information {before:.3f} before, {after:.3f} after (1 is none)"
    if turned and turned[0] - 1 > (1 + SLIGHT) * (max(before, after) - 1):
        verdict.doubt(
            "intensities",
            "With the transform turned round, the images agree better than with the transform itself. It maps points "
            "from the fixed to the moving image: is it the wrong way round?",
        )
    if after - 1 < (1 - SLIGHT) * (before - 1):
        verdict.doubt("intensities", f"The intensities agree less than before: {numbers}.")
    elif after - 1 < (1 + SLIGHT) * (before - 1):
        verdict.unknown(
            "intensities",
            f"Whether the transform has brought anything: the intensities agree as well as before, and no better: "
            f"{numbers}.",
        )
    else:
        verdict.sound("intensities", f"The intensities agree better than before: {numbers}.")
