"""Scans drawn at random show the anatomy that they say."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from regseg.grid import Grid
from regseg.synth import scans
from regseg.synth.scans import NAMES, Variety

STILL = Variety(
    contrasts=("T1",), degrees=0, scale=0, shear=0, shift=0, warp=0, thickness=0, bias=0, noise=0, texture=0, slices=0
)
GRID = Grid((64, 64, 64), (1.0,) * 3, (-31.5, -20.5, 4.5), (1, 0, 0, 0, 1, 0, 0, 0, 1))


def ball(radius: float) -> np.ndarray:
    k, j, i = np.ogrid[:64, :64, :64]
    return (i - 30) ** 2 + (j - 32) ** 2 + (k - 34) ** 2 < radius**2


def onion() -> sitk.Image:
    """Ventricles in white matter in cortex in fluid in bone, as balls within balls."""
    numbers = np.zeros((64, 64, 64), np.int16)
    for number, radius in ((511, 28), (24, 24), (3, 20), (2, 16), (4, 6)):
        numbers[ball(radius)] = number
    return GRID.image(numbers)


@pytest.fixture(scope="module")
def head() -> scans.Head:
    return scans.head(onion())


def fractions(truth: sitk.Image) -> dict[str, np.ndarray]:
    return dict(zip(NAMES, np.moveaxis(sitk.GetArrayFromImage(truth), -1, 0) / 240, strict=True))


def volumes(truth: sitk.Image) -> dict[str, float]:
    voxel = np.prod(truth.GetSpacing())
    return {name: float(values.sum() * voxel) for name, values in fractions(truth).items()}


def test_a_seed_repeats_a_scan_and_its_truth(head):
    grid = head.grid(2.0)
    first, second, other = (scans.draw(head, grid, seed) for seed in (5, 5, 6))
    for one, same, another in zip(first, second, other, strict=True):
        np.testing.assert_array_equal(sitk.GetArrayViewFromImage(one), sitk.GetArrayViewFromImage(same))
        assert (sitk.GetArrayViewFromImage(one) != sitk.GetArrayViewFromImage(another)).any()
        assert Grid.of(one) == grid
    assert (sitk.GetArrayViewFromImage(first[1]).sum(axis=-1) == 240).all()


@pytest.mark.parametrize("stripped", [True, False])
def test_a_still_scan_shows_each_structure_where_the_anatomy_has_it(head, stripped):
    scan, labels = scans.still(head, "T1", seed=1, stripped=stripped)
    place = Grid.of(labels)
    apart = place.points(np.argwhere(np.ones(place.size[::-1]))[:, ::-1]) - head.place.crop(head.brain).middle
    apart = np.linalg.norm(apart, axis=1).reshape(place.size[::-1])
    expected = np.select([apart < 6, apart < 16, apart < 20], [1, 4, 2], 0)
    clear = np.all([abs(apart - border) > 2 for border in (6, 16, 20)], axis=0)  # of a border within the voxel
    np.testing.assert_array_equal(sitk.GetArrayViewFromImage(labels)[clear], expected[clear])
    assert Grid.of(scan) == place
    skull = sitk.GetArrayViewFromImage(scan)[(apart > 25.5) & (apart < 27)]
    assert (np.median(skull) == 0) == stripped


def test_without_a_deformation_the_truth_is_the_anatomy(head):
    """The flip of left and right leaves balls whose middle is that of the brain as they are."""
    _, truth = scans.draw(head, GRID, 1, STILL)
    found = fractions(truth)
    assert (found["ventricles"] == ball(6)).mean() > 0.999
    assert (found["white matter"] == ball(16) & ~ball(6)).mean() > 0.998
    assert (found["cortex"] == ball(20) & ~ball(16)).mean() > 0.998
    coarse = volumes(scans.draw(head, head.grid(2.0), 1, STILL)[1])
    assert coarse["cortex"] == pytest.approx((ball(20) & ~ball(16)).sum(), rel=0.01)


def test_any_direction_is_the_same_anatomy(head):
    turned = scans.head(sitk.DICOMOrient(onion(), "PIR"))
    scan, _ = scans.draw(turned, GRID, 3)
    same = np.isclose(
        sitk.GetArrayViewFromImage(scan), sitk.GetArrayViewFromImage(scans.draw(head, GRID, 3)[0]), atol=1e-5
    )
    assert same.mean() > 0.99  # a place half-way between two voxels is rounded to either


@pytest.mark.parametrize(
    ("family", "order"),
    [
        ("T1", ("ventricles", "cortex", "white matter")),
        ("T2", ("white matter", "cortex", "ventricles")),
        ("FLAIR", ("ventricles", "white matter", "cortex")),
        ("PD", ("white matter", "cortex")),
    ],
)
def test_each_family_has_its_order_of_brightness(head, family, order):
    for seed in range(6):
        still = Variety(**{**vars(STILL), "contrasts": (family,), "stripped": 0})
        scan, truth = scans.draw(head, GRID, seed, still)
        values, found = sitk.GetArrayViewFromImage(scan), fractions(truth)
        middles = [np.median(values[found[name] == 1]) for name in order]
        assert middles == sorted(middles)


def test_a_deformation_moves_scan_and_truth_together(head):
    """In a T1 scan without noise white matter is bright, wherever the head lies."""
    places = []
    for seed in range(6):
        moved = Variety(contrasts=("T1",), bias=0, noise=0, texture=0, slices=0, stripped=1)
        scan, truth = scans.draw(head, GRID, seed, moved)
        values, found = sitk.GetArrayViewFromImage(scan), fractions(truth)
        white, cortex = (np.median(values[found[name] == 1]) for name in ("white matter", "cortex"))
        share = (np.abs(values[found["white matter"] == 1] - white) < abs(white - cortex) / 2).mean()
        assert share > 0.9
        places.append(np.argwhere(found["white matter"] == 1).mean(axis=0))
    assert np.ptp(places, axis=0).max() > 3


def test_thickness_moves_the_borders_of_the_cortex_by_less_than_it_says(head):
    thick = Variety(**{**vars(STILL), "thickness": 0.8})
    shell = [volumes(scans.draw(head, GRID, seed, thick)[1])["cortex"] for seed in range(12)]
    still = volumes(scans.draw(head, GRID, 0, STILL)[1])["cortex"]
    area = 4 * np.pi * (20**2 + 16**2)
    change = (np.array(shell) - still) / area  # mm on each border, roughly
    assert change.min() < -0.1 and change.max() > 0.1 and np.abs(change).max() < 0.9


def test_a_stripped_scan_shows_the_brain_and_a_little_more(head):
    scan, truth = scans.draw(head, GRID, 2, Variety(**{**vars(STILL), "stripped": 1}))
    seen, brain = sitk.GetArrayViewFromImage(scan) > 0, fractions(truth)["background"] < 1
    distance = sitk.GetArrayFromImage(sitk.SignedMaurerDistanceMap(GRID.image(brain.astype(np.uint8)), False, False))
    assert seen[brain].mean() > 0.99 and not seen[distance > 7].any()
    whole, _ = scans.draw(head, GRID, 2, Variety(**{**vars(STILL), "stripped": 0}))
    assert (sitk.GetArrayViewFromImage(whole) > 0).sum() > seen.sum()


def test_thick_slices_lose_detail(head):
    """One scan in three has them: among these, some voxels differ little from the mean of their neighbours."""

    def detail(slices: float) -> list[float]:
        still = Variety(**{**vars(STILL), "noise": 0.1, "slices": slices, "stripped": 0})
        drawn = (sitk.GetArrayFromImage(scans.draw(head, GRID, seed, still)[0]) for seed in range(12))
        return [min(float(np.abs(np.diff(values, axis=axis)).mean()) for axis in range(3)) for values in drawn]

    apart = np.divide(detail(6), detail(0))
    assert (apart < 0.8).any() and (apart > 0.95).any()


def test_a_map_without_a_cortex_is_told():
    with pytest.raises(ValueError, match="no head with FreeSurfer's numbers"):
        scans.head(GRID.image(ball(20).astype(np.uint8)))
