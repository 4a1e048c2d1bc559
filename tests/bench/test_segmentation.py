"""What the bench of segmentation computes, on objects of known size and place."""

import numpy as np
import pytest
import SimpleITK as sitk

import segmentation
from regseg import evaluate
from regseg.grid import Grid

RADIUS = 9.0


@pytest.fixture(scope="module")
def scan():
    """A bright ball (600) in a brain (300) without shading, and a bit of noise."""
    grid = Grid((64, 64, 64), (1.0,) * 3, (0.0,) * 3, tuple(np.eye(3).ravel()))
    distance = np.linalg.norm(grid.points(np.moveaxis(np.indices((64,) * 3)[::-1], 0, -1)) - 32, axis=-1)
    brain, ball = distance < 30, np.clip(RADIUS - distance + 0.5, 0, 1)
    noise = np.random.default_rng(1).normal(0, 20, distance.shape)
    image = grid.image(((300 + 300 * ball + noise) * brain).astype(np.int16))
    return segmentation.Scan(image, grid.image(brain.astype(np.uint8)), grid.image((ball > 0.5).astype(np.uint8)))


@pytest.mark.parametrize("method", segmentation.LESIONS.values(), ids=segmentation.LESIONS)
def test_each_method_finds_a_bright_ball_where_nothing_is_shaded(scan, method):
    assert evaluate.overlap(scan.truth, method(scan)).dice > 0.9


def test_what_finds_nothing_has_a_dice_of_0(scan, monkeypatch):
    nothing = sitk.Image(scan.image.GetSize(), sitk.sitkUInt8)
    monkeypatch.setitem(segmentation.LESIONS, "nothing", lambda _: nothing)
    assert segmentation.measure_lesions("nothing", scan)["Dice coefficient"] == 0


def test_counting_loses_a_part_of_a_ball_and_filling_does_not(scan):
    truth = 4 / 3 * np.pi * RADIUS**3 / 1000
    counted, filled = segmentation.counted_and_filled(segmentation.lesson(scan.image, scan.brain, (32, 32, 32)))
    assert 0.9 * truth < counted < 0.995 * truth
    assert filled == pytest.approx(truth, rel=0.03)


def test_an_interval_holds_the_truth_or_not():
    assert segmentation.stated(9.0, 11.0, 10.5) == {
        "holds the truth (share of scans)": 1.0,
        "half width (%)": pytest.approx(10.0),
    }
    assert segmentation.stated(9.0, 11.0, 11.5)["holds the truth (share of scans)"] == 0.0


def test_the_shading_has_the_reach_that_is_asked_for(scan):
    field = sitk.GetArrayFromImage(segmentation.shading(scan.brain, 0.4, seed=3))
    inside = field[sitk.GetArrayFromImage(scan.brain) > 0]
    low, high = np.percentile(inside, [2.5, 97.5])
    assert high / low == pytest.approx(1.4**2, rel=1e-3)


def test_a_registration_that_shifts_carries_the_labels(scan):
    """Two balls in one head, the second 4 mm further along x in it: only the bend brings the one onto the other."""
    fixed = sitk.Cast(scan.image, sitk.sitkFloat32)
    place = np.moveaxis(np.indices((64,) * 3)[::-1], 0, -1) - 32
    push = np.zeros(place.shape)
    push[..., 0] = 4 * np.exp(-(place**2).sum(axis=-1) / (2 * 10**2))
    bend = sitk.DisplacementFieldTransform(Grid.of(fixed).image(push))
    other, labels = (sitk.Resample(image, image, bend) for image in (fixed, scan.labels))
    dice = [
        evaluate.overlap(scan.labels, sitk.Resample(labels, fixed, found, sitk.sitkNearestNeighbor)).dice
        for found in segmentation.register(fixed, other)
    ]
    assert dice[1] > max(dice[0], 0.93)


def test_the_worst_difference_is_told_in_per_cent_of_the_reference():
    found, reference = [[1.0, 2.0, 2.0], [2.0, 4.4, 5.0]], [[1.0, 2.0, 2.0], [2.5, 4.0, 4.0]]
    assert list(segmentation.worst(found, reference).values()) == pytest.approx([20.0, 25.0])


@pytest.mark.filterwarnings("ignore:Please import:DeprecationWarning")  # how surface-distance imports SciPy
@pytest.mark.parametrize("package", segmentation.SURFACES.values(), ids=segmentation.SURFACES)
def test_every_package_says_how_far_two_slabs_are_apart(package):
    """Slabs of 60 mm in thick slices, one raised by a slice: nearly all of their surface is 5 mm from the other's."""
    slabs = []
    for first in (4, 5):
        array = np.zeros((14, 80, 80), np.uint8)
        array[first : first + 6, 10:70, 10:70] = 1
        slabs.append(sitk.GetImageFromArray(array))
        slabs[-1].SetSpacing((1.0, 1.0, 5.0))
    mean, there, back = package(*slabs)
    assert 0 < mean < 5
    assert [there, back] == pytest.approx([5.0, 5.0], abs=0.5)


def test_nothing_that_is_reported_was_used_in_writing():
    seeds = {seed + n for seed in segmentation.REPORTING for n in range(4)}
    assert not seeds & {seed + n for seed in segmentation.DEVELOPMENT for n in range(4)}
    assert len(segmentation.REPORTING) == 12 == len(set(segmentation.PAIRS))
    assert all(target != atlas for target, atlas in segmentation.PAIRS)
    assert not set(segmentation.HEADS) & {1, 3, 4, 5, 8, 10}  # of episode 07
