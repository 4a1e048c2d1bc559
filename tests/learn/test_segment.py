"""The network that labels a brain: it learns, and its labels lie where the scan lies."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
import torch

from regseg import data
from regseg.grid import Grid
from regseg.learn import segment, train
from regseg.synth import scans
from regseg.synth.scans import NAMES

T1 = scans.Variety(contrasts=("T1",))


@pytest.fixture(scope="module")
def template() -> scans.Head:
    """The anatomy that needs no download; it has no deep nuclei and no cerebellum of its own."""
    return scans.head(data.load("brain_structures"))


def untrained() -> segment.UNet:
    torch.manual_seed(1)
    return segment.UNet()


def test_a_batch_repeats_from_its_seed(template):
    draw = segment.batches([template], T1, whole=0)
    first, second, other = (draw(np.random.default_rng((7, step))) for step in (3, 3, 4))
    assert first["image"].shape == (1, 1, *segment.PIECE[::-1])
    assert first["truth"].shape == (1, len(NAMES), *segment.PIECE[::-1])
    for name in first:
        np.testing.assert_array_equal(first[name], second[name])
        assert (first[name] != other[name]).any()


def test_a_short_training_lowers_the_loss_and_beats_the_untrained_network(template):
    draw = segment.batches([template], scans.Variety(contrasts=("T1",), noise=0.02, slices=0), whole=0)
    network = untrained()
    losses = train.train(network, draw, segment.loss, steps=24, seed=1, learning_rate=1e-2)
    assert np.mean(losses[-6:]) < 0.8 * np.mean(losses[:3])
    batch = {name: torch.from_numpy(values) for name, values in draw(np.random.default_rng(99)).items()}
    with torch.no_grad():
        assert segment.loss(network, batch) < 0.9 * segment.loss(untrained(), batch)


def test_a_killed_training_of_the_network_goes_on_to_the_same_weights(template, tmp_path):
    run = {"steps": 5, "seed": 2, "learning_rate": 1e-3}
    draw, whole, killed, resumed = segment.batches([template], T1, whole=0), untrained(), untrained(), untrained()
    losses = train.train(whole, draw, segment.loss, **run)

    def kill(losses: list[float]) -> None:
        if len(losses) == 3:
            raise KeyboardInterrupt

    file = tmp_path / "state.safetensors"
    with pytest.raises(KeyboardInterrupt):
        train.train(killed, draw, segment.loss, **run, checkpoint=file, watch=kill)
    assert train.train(resumed, draw, segment.loss, **run, checkpoint=file) == losses
    for name, values in whole.state_dict().items():
        assert torch.equal(resumed.state_dict()[name], values), name


def test_the_brightness_of_a_scan_is_of_no_account():
    image = torch.rand(2, 1, 16, 16, 16, generator=torch.Generator().manual_seed(0))
    seen = segment.normalised(image)
    torch.testing.assert_close(segment.normalised(40 * image - 1000), seen, rtol=1e-3, atol=1e-3)
    assert seen[0][image[0] > image[0].mean()].mean() == pytest.approx(1, abs=0.01)
    assert segment.normalised(torch.full((1, 1, 8, 8, 8), 3.0)).eq(0).all()


def test_what_the_network_sees_lies_where_the_scan_lies():
    """A ball of 10 mm, on an oblique grid of unequal steps."""
    turn = sitk.Euler3DTransform((0, 0, 0), 0.4, -0.3, 0.5)
    grid = Grid.around((12, -30, 44), (50, 90, 20), (1.2, 0.7, 4.0), turn.GetMatrix())
    places = grid.points(np.moveaxis(np.indices(grid.size[::-1])[::-1], 0, -1))
    scan = grid.image((np.linalg.norm(places - (12, -30, 44), axis=-1) < 10).astype(np.float32))
    seen = segment.coarse(scan)
    assert seen.GetSpacing() == (2, 2, 2) and all(n % segment.MULTIPLE == 0 for n in seen.GetSize())
    values = sitk.GetArrayFromImage(seen)
    middle = [
        np.average(np.arange(n), weights=values.sum(axis=others))
        for n, others in zip(values.shape, ((1, 2), (0, 2), (0, 1)), strict=True)
    ]
    assert seen.TransformContinuousIndexToPhysicalPoint(middle[::-1]) == pytest.approx((12, -30, 44), abs=0.3)
    assert values.sum() * 8 == pytest.approx(4 / 3 * np.pi * 1000, rel=0.05)


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (sitk.Image(20, 20, sitk.sitkFloat32), "has 2 and 1: take one volume"),
        (sitk.Image((8, 8, 8, 8), sitk.sitkFloat32), "has 4 and 1: take one volume"),
        (sitk.Image((20, 20, 20), sitk.sitkVectorFloat32, 3), "has 3 and 3: take one volume"),
        (sitk.Image(20, 20, 20, sitk.sitkFloat32) + float("nan"), "no number"),
        (sitk.Image(20, 20, 20, sitk.sitkInt16) + 7, "all voxels of the scan are 7"),
    ],
    ids=["flat", "4-D", "colours", "NaN", "constant"],
)
def test_what_is_no_scan_is_told_in_one_sentence(image, message):
    with pytest.raises(ValueError, match=message) as told:
        segment.segment(image, untrained())
    assert "\n" not in str(told.value)


def test_weights_of_another_network_are_told(tmp_path):
    file = tmp_path / "weights.safetensors"
    train.save_weights(file, segment.UNet((4, 4, 4, 4)))
    with pytest.raises(ValueError, match="weights of another network than UNet"):
        segment.load(file)


def test_labels_come_on_the_grid_of_the_scan():
    turn = sitk.Euler3DTransform((0, 0, 0), 0.2, 0.1, -0.15)
    grid = Grid.around((5, -20, 8), (40, 50, 12), (1.1, 1.3, 4.5), turn.GetMatrix())
    scan = grid.image(np.random.default_rng(0).random(grid.size[::-1], np.float32))
    labels = segment.segment(scan, untrained())
    assert Grid.of(labels) == Grid.of(scan) and labels.GetPixelID() == sitk.sitkUInt8
