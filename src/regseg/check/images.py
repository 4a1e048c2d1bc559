"""Checks of episode 01, images as physical objects."""

from __future__ import annotations

import re
from itertools import product

import numpy as np
import SimpleITK as sitk

from regseg import data
from regseg.check.boxes import Rule, lettered, listed, near, numeric, otherwise
from regseg.check.engine import (
    Verdict,
    call,
    choice,
    close,
    exercise,
    image,
    numbers,
    right,
    same_grid,
    together,
    wrong,
)
from regseg.check.scenes import NOTE


@numeric("01-index", 3)
def index_of_the_note() -> list[Rule]:
    scan = data.load("brain_thick")
    truth = np.array(scan.TransformPhysicalPointToIndex(NOTE))
    origin, spacing = np.array(scan.GetOrigin()), np.array(scan.GetSpacing())
    in_new = data.load("lesion_flair").TransformPhysicalPointToIndex(NOTE)
    from_zero, without_direction = np.rint(np.array(NOTE) / spacing), np.rint((np.array(NOTE) - origin) / spacing)
    return [
        near(
            truth,
            1e-3,
            right(
                "The same place has another index in each of the two, and the same millimetres: both count from one "
                "zero."
            ),
        ),
        near(
            truth[::-1],
            1e-3,
            wrong("Those are the right numbers in the order of NumPy, k, j, i: SimpleITK wants i, j, k."),
        ),
        near(in_new, 1e-3, wrong("That is the index in the new scan: ask the older one itself.")),
        near(NOTE, 0.5, wrong("Those are millimetres: an index counts the voxels of the older scan.")),
        near(truth + 1, 1e-3, wrong("You count from one: the first voxel has the index 0.")),
        near(
            (*truth[:2], in_new[2] / spacing[2]),
            (1e-3, 1e-3, 0.5),
            wrong("You divided the slice number by five: the two scans do not begin at the same height."),
        ),
        near(
            (*truth[:2], NOTE[2] / spacing[2]),
            (1e-3, 1e-3, 1),
            wrong("You divided the height by five: slice 0 does not lie at z = 0, but at the origin."),
        ),
        near(
            from_zero,
            1.5,
            wrong("You divided by the spacing, but counted from (0, 0, 0): voxel (0, 0, 0) lies at the origin."),
        ),
        near(
            without_direction,
            1.5,
            wrong("You took origin and spacing into account, and left out the direction: its signs matter here."),
        ),
        near(truth, 0.5, wrong("That is a continuous index, between the voxels: round it to the nearest one.")),
        near(truth, 1, wrong("You are one voxel away: a position belongs to the nearest voxel centre, so round it.")),
        otherwise(wrong("Let the scan itself compute it: which method goes from a physical point to an index?")),
    ]


@listed("01-side", ("left", "right", "unknown"))
def side_in_the_third_scan(given) -> Verdict:
    side = choice(given, "left", "right", "unknown")
    if side == "left":
        return right("It lies 29 mm from the midline, which is at x = −100 here, in the direction of L.")
    if side == "right":
        return wrong("A negative x is on the right only where zero lies on the midline: where is the midline here?")
    return wrong("The number alone does not tell, but you have the scan: at which x does its middle voxel lie?")


@lettered("01-letters", ("".join(three) for three in product("RLAPSI", repeat=3)))
def letters_of_the_axes(given) -> Verdict:
    if not (isinstance(given, str | tuple | list | np.ndarray) and all(isinstance(letter, str) for letter in given)):
        return wrong("Give three letters in one text, one for each index axis.")
    words = re.findall("[A-Z]+", (given if isinstance(given, str) else " ".join(given)).upper())
    answer = "".join(word[0] for word in words) if len(words) == 3 else "".join(words)
    if answer == "PIL":
        return right("i runs to the back, j to the feet, k to the left: this scan was taken in sagittal slices.")
    if answer == "ASR":
        return wrong("Those are the sides that the axes come from: name the side that each axis runs towards.")
    if answer == "LIP":
        return wrong("Right letters, backwards: the first letter belongs to the first index, the first column.")
    if answer == "SLA":
        return wrong("You read the rows of the matrix: the direction of an index axis is a column.")
    if answer == "LPS":
        return wrong("LPS is the frame that the millimetres are counted in; where do this image's index axes run?")
    column = next((n for n, (one, other) in enumerate(zip(answer, "PIL", strict=False), 1) if one != other), 3)
    return wrong(f"Look at column {column}: which of its numbers is not zero, and what does its sign say in LPS?")


@exercise("01-geometry")
def keeps_its_geometry(given) -> Verdict:
    for name in ("lesion_flair", "brain_thick"):
        scan = data.load(name)
        handed_in = sitk.Image(scan)
        result = image(call(given, handed_in))
        if result.GetSize() == scan.GetSize()[::-1] != scan.GetSize():
            return wrong("The axes are swapped: GetImageFromArray turns z, y, x round by itself, so do not transpose.")
        if result.GetSize() != scan.GetSize():
            return wrong("The size has changed: the function should keep every voxel.")
        if not same_grid(result, scan):
            if close(result.GetDirection(), np.eye(3).ravel()) and close(result.GetOrigin(), (0, 0, 0)):
                return wrong("The numbers are there, but origin and direction are lost: an array does not carry them.")
            return wrong("Only a part of the geometry is back: copy origin, spacing and direction, or all in one call.")
        values, expected = sitk.GetArrayViewFromImage(result), sitk.GetArrayViewFromImage(scan)
        top = np.percentile(expected, 99)
        if values.max() > top * 1.001 + 1:
            return wrong("The geometry is right, but the bright voxels are no longer clipped: return the new image.")
        if not np.allclose(values, np.minimum(expected, top), atol=1):
            return wrong("The geometry is right; the intensities below the limit should stay as they were.")
        if not np.array_equal(sitk.GetArrayViewFromImage(handed_in), expected):
            return wrong("The result is right, but the scan that was handed in has changed too: work on a copy of it.")
    return right("The values are new, the place is the old one: the result still lies in the same patient.")


@exercise("01-brightest")
def brightest_voxel(given) -> Verdict:
    oblique = data.load("brain_oblique")
    for scan in (data.load("lesion_flair"), data.load("brain_thick"), oblique, oblique[:, :, 2::5]):
        answer = numbers(call(given, sitk.Image(scan)), 3)
        array = sitk.GetArrayViewFromImage(scan)
        index = np.array(np.unravel_index(np.argmax(array), array.shape))[::-1]
        truth = scan.TransformIndexToPhysicalPoint(index.tolist())
        tied = scan[scan.TransformPhysicalPointToIndex(answer)] == array.max() if _inside(scan, answer) else False
        if close(answer, truth, 0.01) or tied:
            continue
        if close(answer, index) or close(answer, index[::-1]):
            return wrong("That is the index of the voxel: turn it into a physical point in mm.")
        swapped = index[::-1].tolist()
        if close(answer, scan.TransformContinuousIndexToPhysicalPoint(swapped), 0.01):
            return wrong("The index came from NumPy as k, j, i: turn it round before SimpleITK sees it.")
        if close(answer, truth[::-1], 0.01):
            return wrong("Those are the right millimetres in the order z, y, x: a point is x, y, z, so leave it so.")
        origin, spacing = np.array(scan.GetOrigin()), np.array(scan.GetSpacing())
        if close(answer, origin + spacing * index, 0.01):
            return wrong("You left out the direction matrix: TransformIndexToPhysicalPoint does the whole computation.")
        if close(answer, origin + spacing * (np.reshape(scan.GetDirection(), (3, 3)) @ index), 0.01):
            return wrong("You turned the index before you scaled it: the spacing belongs to the index axes.")
        return wrong("The point is not the brightest one on every scan: use the geometry of the scan itself.")
    return right("It also holds on scans with thick and with tilted slices, which you had not seen.")


def _inside(scan: sitk.Image, point: np.ndarray) -> bool:
    index = scan.TransformPhysicalPointToIndex(point.tolist())
    return all(0 <= i < n for i, n in zip(index, scan.GetSize(), strict=True))


@numeric("01-gap", 1)
def missing_slice() -> list[Rule]:
    heights = slice_positions("dicom_head_gap")
    before = int(np.argmax(np.diff(heights)))
    truth = (heights[before] + heights[before + 1]) / 2
    number = wrong("That is the number of a slice: give its height in mm, from the position that its file states.")
    beside = wrong("There is a slice at this height, beside the gap: the missing one lies between two neighbours.")
    return [
        near(truth, 0.01, right("Its two neighbours lie 6 mm apart, and all others 3 mm.")),
        near(before + 1, 1e-3, number),
        near(before, 1e-3, number),
        near(heights[before], 0.01, beside),
        near(heights[before + 1], 0.01, beside),
        near(
            np.diff(heights).max(),
            0.01,
            wrong("That is how wide the gap is: the question is at which height the missing slice lay."),
        ),
        near(-truth, 0.01, wrong("The sign is turned round.")),
        otherwise(
            wrong("Sort the heights, take their differences, and look for the one twice as large as the others.")
        ),
    ]


def slice_positions(name: str) -> np.ndarray:
    """The heights (mm) at which the slices of a DICOM series lie, in rising order."""
    reader = sitk.ImageFileReader()
    heights = []
    for file in sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(data.path(name))):
        reader.SetFileName(file)
        reader.ReadImageInformation()
        heights.append(reader.GetOrigin()[2])
    return np.sort(heights)


# --- the reply --------------------------------------------------------------------------------------------------------


@exercise("01-reply")
def reply_to_the_note(given) -> Verdict:
    parts = together(given, 4, "four things together: (position, side, index, volume)")
    position, side = numbers(parts[0], 3), choice(parts[1], "left", "right")
    index, volume = numbers(parts[2], 3), numbers(parts[3], 1)[0]
    for mistake in (_position(position), _side(side), _index(index), _volume(volume)):
        if mistake:
            return mistake
    return right("Place, side, voxel and size, each with what it is counted in: nobody can take it for another spot.")


def _position(answer: np.ndarray) -> Verdict | None:
    x, y, z = NOTE
    if close(answer, (-x, -y, z), 0.5):
        return None
    if close(answer, NOTE, 0.5):
        return wrong("That is the position in LPS: 3D Slicer shows RAS, which has other signs in x and y.")
    if close(answer, (-x, y, z), 0.5) or close(answer, (x, -y, z), 0.5):
        return wrong("Only one axis is turned: left–right and front–back both differ.")
    if close(answer, (-x, -y, -z), 0.5):
        return wrong("Superior stays superior: the third number keeps its sign.")
    if close(np.abs(answer[::-1]), np.abs(NOTE), 0.5):
        return wrong("The position is turned round: a point is x, y, z, in RAS as well.")
    if any(
        close(answer, data.load(name).TransformPhysicalPointToIndex(NOTE)) for name in ("lesion_flair", "brain_thick")
    ):
        return wrong("That is an index, and other programs have other voxels: give the position in mm.")
    return wrong("That is not the place of the note: turn its position (−29, 20, 39) from LPS into RAS.")


def _side(answer: str) -> Verdict | None:
    if answer == "right":
        return None
    return wrong("The other side: from the midline, at x = 0 in this scan, −29 in LPS leads away from L.")


def _index(answer: np.ndarray) -> Verdict | None:
    older, (x, y, z) = data.load("brain_thick"), NOTE
    truth = np.array(older.TransformPhysicalPointToIndex(NOTE))
    if close(answer, truth):
        return None
    if close(answer, truth[::-1]):
        return wrong("The index is turned round: it is i, j, k, the order of SimpleITK and not of NumPy.")
    if close(answer, data.load("lesion_flair").TransformPhysicalPointToIndex(NOTE)):
        return wrong("That is the index in the new scan: ask the older one itself.")
    if close(answer, older.TransformPhysicalPointToIndex((-x, -y, z))):
        return wrong("You asked the scan with the position in RAS, and got another place: SimpleITK counts in LPS.")
    if close(np.abs(answer), np.abs(NOTE), 0.5):
        return wrong("Those are millimetres: an index counts the voxels of the older scan.")
    if close(answer, truth + 1):
        return wrong("You count from one: the first voxel has the index 0.")
    if close(answer, truth, 1):
        return wrong("The index is one voxel away: the method of the scan that ends in PointToIndex rounds for you.")
    return wrong("The index does not lead to the spot: which method of the older scan takes the position of the note?")


def _volume(answer: float) -> Verdict | None:
    lesions = data.load("lesion_labels")
    array, voxel = sitk.GetArrayViewFromImage(lesions), float(np.prod(lesions.GetSpacing()))
    spot, every = (
        np.count_nonzero(those) * voxel / 1000
        for those in (array == lesions[lesions.TransformPhysicalPointToIndex(NOTE)], array)
    )
    if close(answer, spot, 0.05):
        return None
    if close(answer, spot * 1000, 50):
        return wrong("The volume is in cubic millimetres, or voxels: a millilitre is a thousand of the former.")
    if close(answer, spot / 1000, 5e-5):
        return wrong("The volume is in litres: one millilitre is a thousandth of one.")
    if close(answer, every, 0.05):
        return wrong("That is the volume of all the lesions together: the note asks for one spot.")
    if close(answer, spot / voxel * np.prod(data.load("brain_thick").GetSpacing()), 0.05):
        return wrong("The spacings are those of the older scan, and the voxels that you counted are not.")
    if close(answer, spot, 0.5):
        return wrong("Nearly, and rounded too far: give the millilitres with one decimal.")
    return wrong("The volume is not that of the spot: count the voxels of its mask, times the volume of one of them.")


# --- further practice ------------------------------------------------------------------------------------------------


@exercise("01-difference")
def signed_difference(given) -> Verdict:
    cases = np.array([(60, 100), (250, 3)])  # after, before
    results = []
    for values in cases.tolist():
        after, before = (data.load("brain_t1_2mm") * 0 + value for value in values)
        result = image(call(given, after, before))
        if not same_grid(result, after):
            return wrong("The place is lost: the difference should lie on the grid of the two scans.")
        results.append(result[0, 0, 0])
    truth = cases[:, 0] - cases[:, 1]
    if close(results, truth % 256):
        return wrong("60 − 100 came out as 216: eight bits cannot hold −40, so cast before you subtract.")
    if any(close(results, truth % 2**bits) for bits in (16, 32)):
        return wrong(f"60 − 100 came out as {results[0]:g}: you have bits enough, and the type has no sign for −40.")
    if close(results, (truth + 128) % 256 - 128):
        return wrong("250 − 3 came out as −9: the type has a sign now, and its eight bits end at 127.")
    if close(results, -truth):
        return wrong("The sign is turned round: what grew brighter should come out positive, after minus before.")
    if close(results, abs(truth)):
        return wrong("The size is right and the sign is lost: darker and brighter now look the same.")
    if not close(results, truth):
        return wrong(f"60 − 100 came out as {results[0]:g}, and 250 − 3 as {results[1]:g}.")
    return right("A type with a sign and enough bits holds every difference.")


@exercise("01-volume")
def volume_of_a_label(given) -> Verdict:
    coarse = sitk.Resample(
        data.load("lesion_labels"), [60, 70, 40], sitk.Transform(), sitk.sitkNearestNeighbor,
        data.load("lesion_labels").GetOrigin(), [3.0, 3.0, 4.0], data.load("lesion_labels").GetDirection(),
    )  # fmt: skip
    for labels in (data.load("lesion_labels"), coarse):
        count = int(np.count_nonzero(sitk.GetArrayViewFromImage(labels)))
        answer, volume = numbers(call(given, labels), 1)[0], count * float(np.prod(labels.GetSpacing()))
        if close(answer, volume / 1000, 1e-3 * volume / 1000):
            continue
        if close(answer, volume, 1e-3 * volume):
            return wrong("That is in cubic millimetres: one millilitre holds a thousand of them.")
        if close(answer, volume / 1e6, 1e-3 * volume / 1e6):
            return wrong("That is in litres: one millilitre is a thousandth of one.")
        if close(answer, count) or close(answer, count / 1000, 1e-6 * count):
            return wrong("You counted voxels: on the second scan they are not 1 mm³ each, so use the spacing.")
        if close(answer, int(sitk.GetArrayViewFromImage(labels).sum()) / count * volume / 1000, 1e-3 * volume / 1000):
            return wrong("You added the labels up: a label is a name, so count the voxels that have one.")
        return wrong("Count the voxels above zero, and multiply by the volume of one of them.")
    return right("It holds for any spacing, because it asks the image for it.")


@exercise("01-ras")
def ras_to_lps(given) -> Verdict:
    for point in ((12.0, -30.0, 45.0), (-7.0, 21.0, -18.0)):
        answer, (x, y, z) = numbers(call(given, point), 3), point
        if close(answer, (-x, -y, z)):
            continue
        if close(answer, point):
            return wrong("Nothing has changed: RAS counts to the right and to the front, LPS to the left and the back.")
        if close(answer, (-x, -y, -z)):
            return wrong("Superior stays superior: the third number keeps its sign.")
        if close(answer, (-x, y, z)) or close(answer, (x, -y, z)):
            return wrong("Only one axis is turned: left–right and front–back both differ.")
        return wrong("Which of the three letters differ between RAS and LPS? Those numbers change their sign.")
    return right("The same two signs lead back from LPS to RAS.")


@exercise("01-radiograph")
def bright_bones(given) -> Verdict:
    given = image(given, dimension=None)
    read, answer = (sitk.GetArrayFromImage(one).astype(float).ravel() for one in (data.load("radiograph"), given))
    if answer.size != read.size:
        return wrong("The size has changed: the question is only about the intensities.")
    if np.ptp(answer) == 0:
        return wrong("All voxels have one value now: the head is gone.")
    if close(answer, (255 - read) % 65536):
        return wrong("Without maximum=65535, InvertIntensity runs over the end of the scale; and was it needed at all?")
    agreement = np.corrcoef(answer, read)[0, 1]
    if agreement > 0.999:
        return right("SimpleITK inverted the intensities while reading; the tag tells how the file stores them.")
    if agreement > -0.999:
        return wrong("The intensities are neither those of the file nor their mirror image: keep them as they are.")
    if answer.min() < 0:
        return wrong("Now the bones are dark, and the values are below zero: look at the picture before you change it.")
    return wrong("Now the bones are dark: SimpleITK had done it already when it read the file, whatever the tag says.")


@exercise("01-padding")
def pad_of_the_chest(given) -> Verdict:
    if not (isinstance(given, tuple | list) and len(given) == 3):
        return wrong("Give three answers in this order: the value, the side, and who put it there.")
    value = numbers(given[0], 1)[0]
    side = choice(given[1], "right", "left", "anterior", "posterior", "superior", "inferior")[0].upper()
    maker = choice(given[2], "body", "scanner", "program")
    kinds, counts = np.unique(sitk.GetArrayFromImage(data.load("chest_ct")), return_counts=True)
    if value in (counts.max(), np.argmax(counts)):
        return wrong("That is how often it occurs, or where it stands in the list: which value is it?")
    if value != kinds[np.argmax(counts)]:
        often = counts[kinds == value].sum()
        return wrong(
            f"The value {value:g} occurs {often} times, and another one more often: look at the largest count."
        )
    if side == "R":
        return wrong("That edge is on the right of the picture, and the letter there says L.")
    if side != "L":
        return wrong(f"On the side {side} there is less of it than on another one: look at all three pictures again.")
    if maker == "body":
        return wrong("No tissue has one value to the last digit, and the band follows the box, not the body.")
    if maker == "scanner":
        return wrong("The box was cut out after the scanner had done its work: what does the card say happened since?")
    return right("It is a pad: a program had nothing to read there, and wrote its default value.")


@exercise("01-lung")
def lung_volume(given) -> Verdict:
    mask = data.load("chest_ct_mask")
    count = int(np.count_nonzero(sitk.GetArrayViewFromImage(mask)))
    answer, litres = numbers(given, 1)[0], count * float(np.prod(mask.GetSpacing())) / 1e6
    if close(answer, litres, 0.02 * litres):
        return right("A volume that a right lung can have: the mask, the spacing and the unit agree.")
    if close(answer, litres * 1e3, 20 * litres) or close(answer, litres * 1e6, 2e4 * litres):
        return wrong("The number is right in another unit: a litre is a million cubic millimetres.")
    if close(answer, count, 1) or close(answer, count / 1e6, 1e-3):
        return wrong("You counted voxels as if each were 1 mm³: these are larger.")
    return wrong("Count the voxels of the mask, multiply by the volume of one voxel, and turn mm³ into litres.")
