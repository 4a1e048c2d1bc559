"""The loop of annotation: strategies, alignment, keeping, learning, and all of it in a row."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import SimpleITK as sitk
import torch
from torch import nn

from regseg import data
from regseg.grid import Grid
from regseg.learn import annotation, segment
from regseg.synth import warps

STRUCTURES = len(segment.NAMES)


def sure(*volumes: int, doubt: float = 0.0, air: int = 100) -> np.ndarray:
    """An answer (structure, z, y, x) that gives each structure so many voxels, with so much doubt in each."""
    labels = np.repeat(np.arange(len(volumes) + 1), [air, *volumes])
    answer = np.full((STRUCTURES, len(labels)), doubt * (labels > 0) / (STRUCTURES - 1))
    answer[labels, np.arange(len(labels))] = 1 - doubt * (labels > 0)
    return answer.reshape(STRUCTURES, 1, 1, -1)


def test_active_takes_the_scan_with_the_most_doubt_in_each_voxel_of_the_foreground():
    answers = {"small": sure(50, doubt=0.1), "doubtful": sure(50, doubt=0.3), "large": sure(5000, doubt=0.1, air=9000)}
    assert annotation.active(list(answers), answers.get, np.random.default_rng(1)) == "doubtful"


def test_active_is_most_in_doubt_where_it_finds_nothing():
    answers = {"seen": sure(50, doubt=0.3), "nothing": sure(air=150) * 0.98 + 0.02 / STRUCTURES}
    assert annotation.active(list(answers), answers.get, np.random.default_rng(1)) == "nothing"


def test_random_does_not_look_at_the_scans():
    lots = Counter(annotation.any_scan(["a", "b", "c"], None, np.random.default_rng(n)) for n in range(300))
    assert all(70 < lots[name] < 130 for name in "abc")


def test_foreground_random_gives_each_structure_the_same_chance_and_then_each_of_its_voxels():
    # The rare structure 2 lies in one scan only: that scan is drawn for it, and for its share of structure 1.
    answers = {"most": sure(900), "rare": sure(100, 10), "empty": sure()}
    lots = Counter(
        annotation.foreground_random(list(answers), answers.get, np.random.default_rng(n)) for n in range(400)
    )
    assert lots["empty"] == 0
    assert 0.45 < lots["rare"] / 400 < 0.65  # half, and a tenth of the other half


def test_foreground_random_takes_any_scan_where_there_is_no_foreground():
    assert annotation.foreground_random(["a"], lambda _: sure(), np.random.default_rng(1)) == "a"


class Halves(nn.Module):
    """Stands for a network that knows one position of a head: label 1 on its left, 2 on its right."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        logits = torch.zeros(1, STRUCTURES, *image.shape[2:])
        middle = image.shape[-1] // 2
        logits[:, 2, ..., :middle] = logits[:, 1, ..., middle:] = 9
        return logits


def test_an_aligned_scan_gets_its_labels_where_the_turned_head_has_them():
    reference = sitk.BinShrink(sitk.Cast(data.load("brain_t1_2mm"), sitk.sitkFloat32), [2, 2, 2])
    lies = warps.rigid(Grid.of(reference), (0, 0, 35), (6, -4, 0))
    turned = sitk.Resample(reference, reference, lies)
    known = sitk.Resample(annotation.segmented(reference, Halves()), turned, lies, sitk.sitkNearestNeighbor)
    brain = sitk.GetArrayViewFromImage(turned) > 0

    def agreement(labels: sitk.Image) -> float:
        assert Grid.of(labels) == Grid.of(turned)
        return np.mean((sitk.GetArrayViewFromImage(labels) == sitk.GetArrayViewFromImage(known))[brain])

    assert agreement(annotation.segmented(turned, Halves())) < 0.9
    assert agreement(annotation.segmented(turned, Halves(), align_to=reference)) > 0.98


@pytest.fixture
def scan() -> sitk.Image:
    """A bright ball in noise, on an oblique grid."""
    z, y, x = np.mgrid[:20, :24, :22]
    ball = 100 * ((z - 10) ** 2 + (y - 12) ** 2 + (x - 11) ** 2 < 64)
    noise = np.random.default_rng(3).normal(0, 5, ball.shape)
    grid = Grid(
        (22, 24, 20), (3.0, 3.0, 4.0), (-30.0, 5.0, 7.0), sitk.Euler3DTransform((0, 0, 0), 0.2, 0, 0.1).GetMatrix()
    )
    return grid.image((ball + noise).astype(np.float32))


@pytest.fixture
def labels(scan) -> sitk.Image:
    return sitk.Cast(scan > 50, sitk.sitkUInt8)


def test_an_annotation_is_kept_and_so_is_the_one_before(scan, labels, tmp_path):
    file = tmp_path / "scan_1.nii.gz"
    for times in (1, 2, 3):
        annotation.keep(labels * times, scan, file)
    assert Grid.of(sitk.ReadImage(file)).matches(Grid.of(scan))
    kept = [sitk.ReadImage(each) for each in (*sorted((tmp_path / "earlier").iterdir()), file)]
    assert [sitk.GetArrayViewFromImage(each).max() for each in kept] == [1, 2, 3]


@pytest.mark.parametrize(
    ("spoilt", "said"),
    [
        (lambda labels: sitk.GetImageFromArray(sitk.GetArrayFromImage(labels)), "another grid"),
        (lambda labels: sitk.Flip(labels, [True, False, False]), "another grid"),
        (lambda labels: sitk.Cast(labels, sitk.sitkFloat32) * 0.5, "whole number"),
        (lambda labels: sitk.Cast(labels, sitk.sitkInt16) * -1, "whole number"),
    ],
)
def test_labels_that_are_none_of_the_scan_are_refused_and_what_was_there_stays(scan, labels, tmp_path, spoilt, said):
    file = annotation.keep(labels, scan, tmp_path / "scan_1.nii.gz")
    before = file.read_bytes()
    with pytest.raises(ValueError, match=said):
        annotation.keep(spoilt(labels), scan, file)
    assert [each.name for each in tmp_path.iterdir()] == ["scan_1.nii.gz"] and file.read_bytes() == before


def test_the_truth_of_a_box_follows_its_scan(scan, labels):
    draw = annotation.boxes([(scan, labels)])
    for seed in range(4):
        batch = draw(np.random.default_rng(seed))
        image, truth = batch["image"][0, 0], batch["truth"][0]
        assert image.shape == truth.shape[1:] == segment.BRAIN[::-1]
        assert (truth.sum(axis=0) == 240).all()
        inside = truth[1] > 0
        assert inside.sum() > 500 and np.corrcoef(image.ravel(), inside.ravel())[0, 1] > 0.9


def test_boxes_differ_from_seed_to_seed_and_repeat_for_one(scan, labels):
    draw = annotation.boxes([(scan, labels)])
    one, again, other = (draw(np.random.default_rng(seed))["image"] for seed in (1, 1, 2))
    assert np.array_equal(one, again) and not np.array_equal(one, other)


@pytest.mark.parametrize(
    ("spoilt", "said"),
    [
        (lambda _scan, _labels: [], "no annotation yet"),
        (lambda scan, labels: [(scan, labels * 0)], "labels from 1 to"),
        (lambda scan, labels: [(scan, labels * 9)], "labels from 1 to"),
        (lambda scan, labels: [(scan, labels[1:, :, :])], "another grid"),
    ],
)
def test_what_cannot_be_learned_from_is_said_before_the_training(scan, labels, spoilt, said):
    with pytest.raises(ValueError, match=said):
        annotation.train_more(segment.UNet(), spoilt(scan, labels), steps=1, seed=1)


def test_a_rehearsal_corrects_each_scan_once_and_counts_the_voxels(scan, labels):
    torch.manual_seed(1)
    network = segment.UNet((4, 4, 4, 4, 4))
    names = ["a", "b", "c"]
    before = annotation.effort(annotation.segmented(scan, network), labels)
    rounds = list(
        annotation.rehearse(
            network,
            dict.fromkeys(names, scan),
            dict.fromkeys(names, labels),
            annotation.any_scan,
            scans_a_round=2,
            steps=1,
            seed=4,
        )
    )
    assert sorted(name for each in rounds for name in each.chosen) == names
    assert [len(each.chosen) for each in rounds] == [2, 1]
    assert rounds[0].effort == 2 * before
