"""The head made of formulas is a whole head, with unlike halves, and nobody's."""

import numpy as np
import pytest
import SimpleITK as sitk

from regseg import data
from regseg.synth import scans
from regseg.synth.heads import BRAIN


@pytest.fixture(scope="module")
def labels() -> sitk.Image:
    return data.load("phantom_labels")


def count(labels: sitk.Image, *numbers: int) -> int:
    return int(np.isin(sitk.GetArrayViewFromImage(labels), numbers).sum())


def test_every_part_of_a_brain_is_there_on_its_side(labels):
    numbers = np.unique(sitk.GetArrayViewFromImage(labels)).tolist()
    assert set(BRAIN) - {28, 60} <= set(numbers)  # all but the ventral diencephalon
    values = sitk.GetArrayViewFromImage(labels)
    for left, right in ((2, 41), (3, 42), (4, 43), (7, 46), (8, 47), (10, 49), (17, 53)):
        for number, sign in ((left, 1), (right, -1)):
            k, j, i = (float(each.mean()) for each in np.nonzero(values == number))
            x = labels.TransformContinuousIndexToPhysicalPoint((i, j, k))[0]
            assert x * sign > 5, number


def test_it_has_the_volumes_of_a_grown_up(labels):
    """In millilitres, and with much room: it is a drawing."""
    assert 1000 < count(labels, *BRAIN) / 1000 < 1700
    assert 300 < count(labels, 2, 41) / 1000 < 600
    assert 450 < count(labels, 3, 42) / 1000 < 800
    assert 10 < count(labels, 4, 43) / 1000 < 50


def test_the_cortex_is_folded(labels):
    """Its clefts make the surface of the brain much larger than that of the outline around them."""
    values = sitk.GetArrayViewFromImage(labels)
    cerebrum = np.isin(values, (2, 3, 41, 42))

    def faces(mask):
        return sum(int((np.diff(mask.astype(np.int8), axis=axis) != 0).sum()) for axis in range(3))

    assert faces(cerebrum) > 1.6 * faces(values > 0)


def test_a_flip_can_be_seen_on_it(labels):
    assert count(labels, 4) > 1.3 * count(labels, 43)


def test_its_scans_order_the_tissues_as_their_names_say(labels):
    values = sitk.GetArrayViewFromImage(labels)

    def mean(name, *numbers):
        return sitk.GetArrayFromImage(data.load(name))[np.isin(values, numbers)].mean()

    fluid, grey, white = (4, 43), (3, 42), (2, 41)
    assert mean("phantom_t1", *fluid) < mean("phantom_t1", *grey) < mean("phantom_t1", *white)
    assert mean("phantom_t2", *fluid) > mean("phantom_t2", *grey) > mean("phantom_t2", *white)
    assert 0 < mean("phantom_ct", *fluid) < mean("phantom_ct", *white) < mean("phantom_ct", *grey) < 50
    assert sitk.GetArrayFromImage(data.load("phantom_ct")).max() > 1000  # bone


def test_random_scans_can_be_drawn_of_it(labels):
    head = scans.head(labels)
    scan, truth = scans.draw(head, head.grid(4.0), seed=1, variety=scans.Variety(contrasts=("T1",)))
    assert scan.GetSize() == truth.GetSize()
    assert (sitk.GetArrayViewFromImage(truth).max(axis=(0, 1, 2)) > 0).all()
