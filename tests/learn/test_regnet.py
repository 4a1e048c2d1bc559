"""The network that predicts displacements: it learns, its fields lie where the images lie, and what it cannot take."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
import torch

from regseg import data, evaluate
from regseg.grid import Grid
from regseg.learn import regnet, train
from regseg.learn.regnet import arithmetic
from regseg.synth import warps

TURN = sitk.Euler3DTransform((0, 0, 0), 0.3, -0.2, 0.5).GetMatrix()
SMALL = ("far", "near")


@pytest.fixture(scope="module")
def template() -> regnet.Anatomy:
    """The anatomy that needs no download."""
    return regnet.Anatomy.of(data.load("brain_structures"))


def untrained(dimension: int = 3) -> regnet.RegNet:
    torch.manual_seed(1)
    return regnet.RegNet(dimension).eval()


def blobs(grid: Grid, seed: int = 1) -> sitk.Image:
    """Smooth spots that look different everywhere."""
    noise = grid.image(np.random.default_rng(seed).standard_normal(grid.size[::-1]).astype(np.float32))
    return sitk.SmoothingRecursiveGaussian(noise, [5.0] * grid.dimension)


def shifted(image: sitk.Image, by: tuple[float, ...]) -> sitk.Image:
    """The same picture, moved by so many mm: a point x of the image lies at x + by in it."""
    moved = sitk.Image(image)
    moved.SetOrigin(np.add(image.GetOrigin(), by).tolist())
    return moved


def middle_shift(transform: sitk.Transform, grid: Grid) -> np.ndarray:
    """How far the network moves points in the middle half of a grid, on average, in mm."""
    field = sitk.GetArrayFromImage(grid.sample(transform))
    return np.mean(field[tuple(slice(n // 4, -(n // 4)) for n in grid.size[::-1])], axis=tuple(range(grid.dimension)))


def test_a_batch_repeats_from_its_seed_and_serves_both_stages(template):
    draw = regnet.pairs([template])
    first, second = (draw(np.random.default_rng((7, 1))) for _ in range(2))
    for name in first:
        np.testing.assert_array_equal(first[name], second[name])
    batches = [draw(np.random.default_rng((7, step))) for step in range(4)]
    assert {bool(batch["far"]) for batch in batches} == {True, False}
    for batch in batches:
        margin = regnet.RegNet().far.margin if batch["far"] else regnet.RegNet().near.margin
        assert all(np.subtract(batch["moving"].shape, batch["fixed"].shape)[2:] == 2 * margin)
        assert batch["field"].shape[2:] == tuple(n // 2 for n in batch["fixed"].shape[2:])
        assert np.isfinite(batch["fixed"]).all() and np.isfinite(batch["field"]).all()


def tensors(batch: dict[str, np.ndarray]) -> dict[str, torch.Tensor]:
    return {name: torch.from_numpy(np.asarray(values)) for name, values in batch.items()}


def test_the_field_of_a_batch_is_what_brings_its_images_together(template):
    draw, through, without = regnet.pairs([template]), 0.0, 0.0
    for step in range(4):
        batch = tensors(draw(np.random.default_rng((5, step))))
        margin = (batch["moving"].shape[2] - batch["fixed"].shape[2]) // 2
        shift = arithmetic.resized(batch["field"] * 2, batch["fixed"].shape[2:])
        weight = arithmetic.resized(batch["weight"], batch["fixed"].shape[2:])
        fixed = arithmetic.described(batch["fixed"])[1]

        def unlike(moving: torch.Tensor) -> float:
            return float(((arithmetic.described(moving)[1] - fixed).square() * weight).sum())  # noqa: B023

        through += unlike(arithmetic.sampled(batch["moving"], arithmetic.places(shift) + margin + shift))
        without += unlike(arithmetic.inner(batch["moving"], margin))
    assert through < 0.7 * without


def test_a_short_training_beats_the_untrained_network(template):
    draw, network = regnet.pairs([template.slice(2, template.labels.GetSize()[2] // 2)]), untrained(2)
    train.train(network, draw, regnet.loss, steps=60, seed=1, learning_rate=2e-3)
    batches = [tensors(draw(np.random.default_rng((99, step)))) for step in range(20)]
    with torch.no_grad():
        before, after = (sum(float(regnet.loss(each, batch)) for batch in batches) for each in (untrained(2), network))
    assert after < 0.95 * before


def test_the_unsupervised_twin_learns_without_the_truth(template):
    batch = tensors(regnet.pairs([template])(np.random.default_rng((5, 0))))
    del batch["field"]
    network = untrained()
    regnet.unsupervised_loss(network, batch).backward()
    stage = network.far if batch["far"] else network.near
    assert stage.last.weight.grad.abs().max() > 0 and stage.features[0].weight.grad.abs().max() > 0


def test_the_unsupervised_twin_has_a_gradient_where_an_image_is_flat():
    half = (np.arange(36) < 8) * np.random.default_rng(1).random((36, 36), np.float32)  # and the rest is all 0
    moving = torch.from_numpy(half.astype(np.float32))[None, None]
    batch = {"fixed": moving[..., 2:-2, 2:-2], "moving": moving, "weight": torch.ones(1, 1, 16, 16)}
    network = untrained(2)
    regnet.unsupervised_loss(network, batch | {"far": torch.tensor(False)}).backward()
    assert all(torch.isfinite(each.grad).all() for each in network.near.parameters() if each.grad is not None)


def test_correlations_are_the_dot_products_with_each_step():
    random = torch.Generator().manual_seed(1)
    fixed, moving = torch.rand(1, 3, 4, 5, 6, generator=random), torch.rand(1, 3, 8, 9, 10, generator=random)
    found = arithmetic.correlations(fixed, moving, reach=2)
    assert found.shape == (1, 125, 4, 5, 6)
    for number, (z, y, x) in enumerate(np.ndindex(5, 5, 5)):
        wanted = (fixed * moving[..., z : z + 4, y : y + 5, x : x + 6]).sum(dim=1)
        torch.testing.assert_close(found[:, number], wanted)


@pytest.mark.parametrize(
    ("grid", "by"),
    [
        (Grid((40, 44, 24), (3.0, 3.0, 5.0), (-30.0, 20.0, 10.0), TURN), (9.0, -8.0, 10.0)),
        (Grid((90, 100), (2.0, 1.6), (5.0, -8.0), (0.8, -0.6, 0.6, 0.8)), (12.0, -10.0)),
    ],
    ids=["oblique, anisotropic", "2-D"],
)
def test_a_shift_of_16_mm_is_found_in_mm_whatever_the_grid(grid, by):
    fixed = blobs(grid)
    found = regnet.predict(untrained(grid.dimension), fixed, shifted(fixed, by))
    np.testing.assert_allclose(middle_shift(found, grid), by, atol=1.0)


def test_an_initial_transform_is_where_the_network_starts():
    grid = Grid((40, 40, 40), (3.0, 3.0, 3.0), (0.0, 0.0, 0.0), (1.0, 0, 0, 0, 1.0, 0, 0, 0, 1.0))
    fixed = blobs(grid)
    moving = shifted(fixed, (60.0, 0.0, 5.0))
    initial = sitk.TranslationTransform(3, (60.0, 0.0, 0.0))
    found = regnet.predict(untrained(), fixed, moving, initial=initial, passes=SMALL)
    np.testing.assert_allclose(middle_shift(found, grid), (0, 0, 5), atol=1.0)


def test_pieces_agree_with_the_whole():
    grid = Grid((300, 280), (1.5, 1.5), (0.0, 0.0), (1.0, 0, 0, 1.0))
    fixed = blobs(grid)
    moving = sitk.Resample(fixed, warps.single_frequency(grid.shrink((4, 4)), 1, 8, 120))
    whole, pieces = (regnet.predict(untrained(2), fixed, moving, patch=patch, passes=SMALL) for patch in (None, 64))
    difference = sitk.GetArrayFromImage(grid.sample(whole)) - sitk.GetArrayFromImage(grid.sample(pieces))
    inside = np.linalg.norm(difference, axis=-1)[30:-30, 30:-30]  # at the border the images show nothing in common
    assert 0 < inside.mean() < 0.3  # mm


# --- the weights of the course, on the template, from which they have not learned ---


def moved(
    image: sitk.Image, mask: sitk.Image, seed: int, reach: float
) -> tuple[sitk.Image, sitk.Image, sitk.Transform]:
    """The image and its mask, warped, and the truth."""
    grid = Grid.of(image)
    truth = warps.single_frequency(grid.shrink([round(8 / step) for step in grid.spacing]), seed, reach, knots=80)
    return sitk.Resample(image, truth), sitk.Resample(mask, truth, sitk.sitkNearestNeighbor), truth


@pytest.fixture(scope="module")
def picture() -> tuple[sitk.Image, sitk.Image]:
    """A slice of the T1, and the brain in it."""
    t1, mask = (data.load(name)[:, :, 95] for name in ("brain_t1", "brain_mask"))
    return sitk.Cast(t1, sitk.sitkFloat32), mask


def test_in_a_volume_a_motion_of_30_mm_is_found_to_1_6_mm_without_folds():
    images = (sitk.Cast(data.load(name), sitk.sitkFloat32) for name in ("brain_t1", "brain_mask"))
    t1, mask = (sitk.BinShrink(image, [4] * 3) for image in images)
    fixed, brain, truth = moved(t1, sitk.Cast(mask >= 0.5, sitk.sitkUInt8), seed=5, reach=30)
    found = Grid.of(t1).sample(regnet.predict(regnet.load(3), fixed, t1))
    assert evaluate.field_error(sitk.Transform(3, sitk.sitkIdentity), truth, brain).mean > 15
    assert evaluate.field_error(found, truth, brain).mean < 1.6
    assert evaluate.folding(found, brain) == 0


def test_in_pictures_the_trained_network_beats_the_untrained_one(picture):
    t1, mask = picture
    errors = {True: 0.0, False: 0.0}
    for seed in (1, 2, 3):
        fixed, brain, truth = moved(t1, mask, seed, reach=30)
        for trained in errors:
            found = Grid.of(t1).sample(regnet.predict(regnet.load(2) if trained else untrained(2), fixed, t1))
            errors[trained] += evaluate.field_error(found, truth, brain).mean / 3
            assert evaluate.folding(found, brain) == 0 or not trained
    assert errors[True] < 1.5 and errors[True] < 0.75 * errors[False]


def test_a_picture_that_lies_16_mm_away_is_found(picture):
    t1, mask = picture
    field = sitk.GetArrayFromImage(Grid.of(t1).sample(regnet.predict(regnet.load(2), t1, shifted(t1, (12.0, -10.0)))))
    np.testing.assert_allclose(field[sitk.GetArrayFromImage(mask) > 0].mean(axis=0), (12, -10), atol=1)


def test_the_hybrid_asks_the_network_only_where_the_motion_is_large(picture):
    t1, mask = picture
    for reach, asked in ((6, False), (30, True)):
        fixed, brain, truth = moved(t1, mask, seed=1, reach=reach)
        found = regnet.register(fixed, t1)
        assert bool(found.passes) == asked
        assert evaluate.field_error(found.transform, truth, brain).mean < 0.2  # mm


def test_the_hybrid_goes_on_from_a_linear_start_and_refuses_another(picture):
    t1, mask = picture
    fixed, brain, truth = moved(t1, mask, seed=1, reach=6)
    start = sitk.TranslationTransform(2, (40.0, -30.0))
    found = regnet.register(fixed, shifted(t1, (40.0, -30.0)), initial=start).transform
    assert evaluate.field_error(found, sitk.CompositeTransform([start, truth]), brain).mean < 0.2
    with pytest.raises(ValueError, match="must be linear"):
        regnet.register(fixed, t1, initial=truth)


# --- what cannot be done ---


IMAGE = blobs(Grid((32, 32, 32), (4.0,) * 3, (0.0,) * 3, (1.0, 0, 0, 0, 1.0, 0, 0, 0, 1.0)))
NAN = Grid.of(IMAGE).image(np.where(np.indices((32, 32, 32))[0] == 3, np.nan, 1.0))


@pytest.mark.parametrize(
    ("fixed", "moving", "more", "words"),
    [
        (IMAGE, sitk.Image(8, 8, 8, sitk.sitkUInt8), {}, "all voxels of the moving image are 0"),
        (NAN, IMAGE, {}, "the fixed image has voxels that are no number"),
        (sitk.JoinSeries([IMAGE, IMAGE]), IMAGE, {}, "the fixed image is 4-D"),
        (IMAGE, sitk.Compose([IMAGE, IMAGE]), {}, "with 2 numbers per voxel"),
        (IMAGE, IMAGE[:, :, 5], {}, "the fixed image is 3-D and the moving image 2-D"),
        (IMAGE, IMAGE, {"initial": sitk.Euler2DTransform()}, "initial transform 2-D"),
        (IMAGE, shifted(IMAGE, (900.0, 0, 0)), {}, "do not overlap"),
        (IMAGE[:, :, 5], IMAGE[:, :, 5], {}, "the network is for 3-D images"),
        (IMAGE, IMAGE, {"passes": ("near", "middle")}, "no pass called 'middle'"),
        (IMAGE, IMAGE, {"patch": 8}, "see too little"),
    ],
)
def test_what_cannot_be_registered_is_one_sentence(fixed, moving, more, words):
    with pytest.raises(ValueError, match=words):
        regnet.predict(untrained(), fixed, moving, **more)


def test_an_array_is_no_image():
    with pytest.raises(TypeError, match="not ndarray"):
        regnet.predict(untrained(), IMAGE, sitk.GetArrayFromImage(IMAGE))


def test_weights_of_another_network_or_a_broken_file_are_refused(tmp_path):
    file = tmp_path / "weights.safetensors"
    train.save_weights(file, untrained(2))
    assert regnet.load(2, file).dimension == 2
    with pytest.raises(ValueError, match="another network"):
        regnet.load(3, file)
    file.write_bytes(file.read_bytes()[:-1000])
    with pytest.raises(ValueError, match="broken"):
        regnet.load(2, file)
    with pytest.raises(ValueError, match="none for 4"):
        regnet.load(4)
