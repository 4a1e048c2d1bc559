"""The network that labels a brain: it learns, and its labels lie where the scan lies."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
import torch
from torch import nn

from regseg import data
from regseg.grid import Grid
from regseg.learn import segment, train
from regseg.synth import scans
from regseg.synth.scans import NAMES

T1 = scans.Variety(contrasts=("T1",))
SMALL = (64, 80, 64)


@pytest.fixture(scope="module")
def template() -> scans.Head:
    """The anatomy that needs no download; it has no deep nuclei and no cerebellum of its own."""
    return scans.head(data.load("brain_structures"))


def untrained() -> segment.UNet:
    torch.manual_seed(1)
    return segment.UNet()


def test_a_batch_repeats_from_its_seed(template):
    draw = segment.batches([template], T1, size=SMALL)
    first, second, other = (draw(np.random.default_rng((7, step))) for step in (3, 3, 4))
    assert first["image"].shape == (1, 1, *SMALL[::-1])
    assert first["truth"].shape == (1, len(NAMES), *SMALL[::-1])
    for name in first:
        np.testing.assert_array_equal(first[name], second[name])
        assert (first[name] != other[name]).any()


def test_a_box_around_the_brain_shows_nearly_all_of_it_and_a_wide_one_more_air(template):
    brain, wide = (
        segment.batches([template], T1, wide=share)(np.random.default_rng(5))["truth"] > 120 for share in (0.0, 1.0)
    )
    assert brain.shape[2:] == segment.BRAIN[::-1] and wide.shape[2:] == tuple(n + 16 for n in segment.BRAIN[::-1])
    assert np.count_nonzero(brain[:, 1:]) == pytest.approx(np.count_nonzero(wide[:, 1:]), rel=0.05)


def test_a_short_training_lowers_the_loss_and_beats_the_untrained_network(template):
    draw = segment.batches([template], scans.Variety(contrasts=("T1",), noise=0.02, slices=0), size=SMALL)
    network = untrained()
    losses = train.train(network, draw, segment.loss, steps=24, seed=1, learning_rate=1e-2)
    assert np.mean(losses[-6:]) < 0.8 * np.mean(losses[:3])
    batch = {name: torch.from_numpy(values) for name, values in draw(np.random.default_rng(99)).items()}
    with torch.no_grad():
        assert segment.loss(network, batch) < 0.9 * segment.loss(untrained(), batch)


def test_a_killed_training_of_the_network_goes_on_to_the_same_weights(template, tmp_path):
    run = {"steps": 5, "seed": 2, "learning_rate": 1e-3}
    draw, whole, killed, resumed = segment.batches([template], T1, size=SMALL), untrained(), untrained(), untrained()
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
    assert seen.mean() == pytest.approx(2 / 3, abs=0.01)  # of evenly spread values the level is 3/4 of the largest
    assert segment.normalised(torch.full((1, 1, 8, 8, 8), 3.0)).eq(0).all()


def test_neither_is_the_air_around_a_head():
    head = torch.rand(1, 1, 16, 16, 16, generator=torch.Generator().manual_seed(0)) + 0.5
    little, much = (nn.functional.pad(head, [width] * 6) for width in (4, 24))
    torch.testing.assert_close(
        segment.normalised(much)[..., 24:-24, 24:-24, 24:-24], segment.normalised(little)[..., 4:-4, 4:-4, 4:-4]
    )


def test_in_training_a_scan_is_normalised_as_it_is_later():
    values = 5 + 3 * torch.randn(1, 4, 6, 7, 8, generator=torch.Generator().manual_seed(0))
    layer = segment.InstanceNorm(4, affine=True)
    torch.testing.assert_close(layer.train()(values), layer.eval()(values))
    two = torch.cat([values, 2 * values])
    torch.testing.assert_close(layer.train()(two), layer.eval()(two))


class Bright(nn.Module):
    """Stands for a network: white matter is what is bright."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes: list[tuple[int, ...]] = []
        self.weight = nn.Parameter(torch.ones(1))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        self.sizes.append(tuple(image.shape[:1:-1]))
        logits = torch.zeros(1, len(NAMES), *image.shape[2:])
        logits[:, 4] = 50 * (image[:, 0] - 0.5)
        return logits


def test_the_network_looks_again_at_a_box_around_the_brain():
    """A ball of 30 mm, far from the middle of a large field of view."""
    grid = Grid.around((0, 0, 0), (150, 140, 130), (2, 2, 2), (1, 0, 0, 0, 1, 0, 0, 0, 1))
    places = grid.points(np.moveaxis(np.indices(grid.size[::-1])[::-1], 0, -1))
    ball = np.linalg.norm(places - (60, -50, 40), axis=-1) < 30
    network = Bright()
    likely, place = segment.probabilities(grid.image(ball.astype(np.float32)), network)
    assert network.sizes == [(160, 144, 144), segment.BRAIN] and place.size == segment.BRAIN
    np.testing.assert_allclose(place.middle, (60, -50, 40), atol=2)
    index = np.array(Grid.of(segment.coarse(grid.image(ball.astype(np.float32)))).indices(place.origin))
    np.testing.assert_allclose(index, np.rint(index), atol=1e-6)  # the voxels of both looks are the same
    np.testing.assert_allclose(likely.sum(axis=0), 1, rtol=1e-5)
    labels = sitk.GetArrayFromImage(segment.segment(grid.image(ball.astype(np.float32)), network))
    assert set(np.unique(labels)) == {0, 4} and ((labels == 4) == ball).mean() > 0.999


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
    train.save_weights(file, segment.UNet((4, 4, 4, 4, 4)))
    with pytest.raises(ValueError, match="weights of another network than UNet"):
        segment.load(file)


def test_labels_come_on_the_grid_of_the_scan():
    turn = sitk.Euler3DTransform((0, 0, 0), 0.2, 0.1, -0.15)
    grid = Grid.around((5, -20, 8), (40, 50, 12), (1.1, 1.3, 4.5), turn.GetMatrix())
    scan = grid.image(np.random.default_rng(0).random(grid.size[::-1], np.float32))
    labels = segment.segment(scan, untrained())
    assert Grid.of(labels) == Grid.of(scan) and labels.GetPixelID() == sitk.sitkUInt8
