"""The weights that come with the course keep their word on an anatomy that they have never seen."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from regseg import data
from regseg.evaluate import overlap
from regseg.grid import Grid
from regseg.learn import segment
from regseg.synth.scans import NAMES


@pytest.fixture(scope="module")
def shipped() -> segment.UNet:
    return segment.load()


def dice(labels: sitk.Image) -> dict[str, float]:
    """Against what is known of the template. What the network calls cerebellum and stem is grey and white there."""
    known = sitk.GetArrayFromImage(
        sitk.Resample(data.load("brain_structures"), labels, sitk.Transform(), sitk.sitkNearestNeighbor)
    )
    found = sitk.GetArrayFromImage(labels)
    known[found == NAMES.index("cerebellum and stem")] = 0
    groups = {"ventricles": ((4,), (1,)), "grey matter": ((3,), (2, 3)), "white matter": ((2,), (4,))}
    one = Grid.of(labels).image
    return {
        name: overlap(one(np.isin(known, truth).astype(np.uint8)), one(np.isin(found, numbers).astype(np.uint8))).dice
        for name, (truth, numbers) in groups.items()
    }


def test_labels_come_on_the_grid_of_an_oblique_thick_scan(shipped):
    turn = sitk.Euler3DTransform((0, 0, 0), 0.2, 0.1, -0.15)
    t1 = data.load("brain_t1")
    grid = Grid.around(Grid.of(t1).middle, (160, 190, 36), (1.1, 1.1, 4.5), turn.GetMatrix())
    scan = sitk.Resample(t1, grid.size, sitk.Transform(), sitk.sitkLinear, grid.origin, grid.spacing, grid.direction)
    labels = segment.segment(scan, shipped)
    assert Grid.of(labels) == Grid.of(scan) and labels.GetPixelID() == sitk.sitkUInt8
    found = dice(labels)
    assert found["white matter"] > 0.6 and found["grey matter"] > 0.6 and found["ventricles"] > 0.5


def test_the_shipped_weights_label_an_anatomy_that_they_have_never_seen(shipped):
    found = dice(segment.segment(data.load("brain_t1"), shipped))
    assert found["white matter"] > 0.7 and found["grey matter"] > 0.7 and found["ventricles"] > 0.6


def test_they_label_a_t2_that_the_weights_of_the_first_stage_cannot(shipped):
    first = segment.load(segment.SHIPPED.with_name("segment-t1.safetensors"))
    t2 = data.load("brain_t2")
    assert (
        dice(segment.segment(t2, shipped))["white matter"]
        > 0.7
        > 0.4
        > dice(segment.segment(t2, first))["white matter"]
    )
