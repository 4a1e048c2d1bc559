"""What a scanner makes of an anatomy, in numbers that are known beforehand."""

import numpy as np
import pytest
import SimpleITK as sitk

from regseg.grid import Box, Grid
from regseg.synth import heads, lesions, looks

GRID = Grid((40, 36, 30), (1.0, 1.0, 1.0), (3.0, -4.0, 5.0), (0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, -1.0, 0.0))


def flat(value: float) -> sitk.Image:
    return GRID.image(np.full(GRID.size[::-1], value, np.float32))


def values(image: sitk.Image) -> np.ndarray:
    assert Grid.of(image) == GRID
    return sitk.GetArrayFromImage(image)


def test_a_voxel_of_two_tissues_lies_between_their_means():
    fractions = np.zeros((3, *GRID.size[::-1]), np.float32)
    fractions[0, 0], fractions[:2, 1] = 1, 0.5
    seen = values(looks.contrast(fractions, looks.T2_MEANS, GRID))
    assert (seen[0] == 900).all() and (seen[1] == 690).all() and not seen[2:].any()


def test_grey_levels_run_from_0_to_the_top_either_way():
    image = GRID.image(np.tile(np.linspace(0, 255, 40, dtype=np.float32), (30, 36, 1)))
    seen, inverted = (
        values(looks.grey_levels(image, 1.2, 180)),
        values(looks.grey_levels(image, 1.2, 180, inverted=True)),
    )
    assert seen[0, 0, [0, -1]].tolist() == [0, 180] and inverted[0, 0, [0, -1]].tolist() == [180, 0]
    assert (np.diff(seen[0, 0]) > 0).all() and (np.diff(inverted[0, 0]) < 0).all()


def test_a_bias_field_shades_smoothly_and_not_by_much():
    shade = values(looks.bias(flat(1.0), 0.15, seed=1))
    assert shade.std() > 0.01
    assert np.abs(np.diff(shade, axis=0)).max() < 0.02
    assert shade.min() > 0.5 and shade.max() < 2


def test_noise_is_gaussian_in_tissue_and_that_of_rayleigh_in_air():
    tissue, air = (values(looks.noise(flat(level), 20, seed=1)) for level in (1000, 0))
    assert abs(tissue.mean() - 1000) < 1 and abs(tissue.std() - 20) < 0.5
    assert abs(air.mean() - 20 * np.sqrt(np.pi / 2)) < 0.5 and air.min() >= 0


def test_noise_stays_inside_the_mask():
    mask = np.zeros(GRID.size[::-1], np.uint8)
    mask[5:20] = 1
    noisy = values(looks.noise(flat(100), 20, seed=1, mask=GRID.image(mask)))
    assert not noisy[mask == 0].any() and noisy[mask == 1].all()


@pytest.mark.parametrize("shape", [(50, 60, 70), (150, 160)])
def test_smooth_noise_has_a_known_strength_and_is_smooth(shape):
    noise = looks.smooth_noise(shape, wavelength=12, seed=1)
    assert noise.dtype == np.float32
    assert abs(noise.mean()) < 0.1 and abs(noise.std() - 1) < 0.15
    assert np.abs(np.diff(noise, axis=0)).std() < 2 * np.pi / 12


def test_every_label_gets_one_grey_level_and_the_background_none():
    labels = np.zeros(GRID.size[::-1], np.int16)
    labels[10:20], labels[20:] = 2, 41
    seen = values(heads.grey(GRID.image(labels), seed=3))
    middles = seen[5], seen[15], seen[26]  # away from the blurred borders
    assert all(np.ptp(one) < 0.1 for one in middles)
    assert abs(middles[0].mean()) < 0.1 and middles[1].mean() > 19 and abs(middles[1].mean() - middles[2].mean()) > 1


def test_the_brain_of_a_label_map_leaves_out_what_is_no_brain():
    labels = np.zeros(GRID.size[::-1], np.int16)
    labels[0], labels[1], labels[2], labels[3] = 2, 60, 258, 1
    brain = values(heads.brain(GRID.image(labels)))
    assert brain.dtype == np.uint8 and brain[:2].all() and not brain[2:].any()


def test_an_anatomy_is_a_t1_scan_and_its_structures_in_voxels_twice_as_wide():
    numbers = np.zeros((80, 80, 80), np.int32)
    numbers[10:70, 10:70, 10:70] = 24  # fluid round the brain
    numbers[12:68, 12:68, 12:68] = 42
    numbers[20:60, 20:60, 20:60] = 2
    numbers[30:50, 30:40, 30:40], numbers[30:50, 30:40, 40:50] = 4, 50
    scan, found = heads.anatomy(GRID.image(numbers), seed=3)
    assert Grid.of(scan).matches(Grid.of(found)) and found.GetSpacing() == (2, 2, 2)

    shapes = sitk.LabelShapeStatisticsImageFilter()
    shapes.Execute(found)
    assert shapes.GetLabels() == (1, 2, 3, 4)
    assert [shapes.GetPhysicalSize(n) for n in (1, 4)] == [2000, 2000]
    for number, structure in ((4, 1), (50, 4)):  # where it was, in mm
        middle = GRID.points(np.argwhere(numbers == number)[:, ::-1].mean(axis=0))
        np.testing.assert_allclose(shapes.GetCentroid(structure), middle, atol=1)

    grey_levels, where = sitk.GetArrayFromImage(scan), sitk.GetArrayFromImage(found)
    fluid, grey, white, nuclei = (grey_levels[where == n].mean() for n in (1, 2, 3, 4))
    assert fluid + 20 < grey < nuclei - 10 < nuclei + 20 < white


def test_a_rater_who_overlooks_a_lesion_draws_the_others():
    labels = np.zeros(GRID.size[::-1], np.uint8)
    labels[5:12, 5:12, 5:12], labels[15:25, 20:30, 20:30] = 3, 1
    drawn = values(lesions.rater(GRID.image(labels), 5))
    assert drawn[15:25, 20:30, 20:30].mean() > 0.8 and not drawn[5:12, 5:12, 5:12].any()


def test_a_magnified_brain_has_its_lesion_its_noise_and_its_air_at_their_places():
    flair, labels = np.zeros(GRID.size[::-1], np.float32), np.zeros(GRID.size[::-1], np.uint8)
    flair[4:28, 4:36, 4:36], labels[10:16, 10:16, 10:16] = 400, 5
    fine = Grid(tuple(4 * n for n in GRID.size), tuple(step / 4 for step in GRID.spacing), GRID.origin, GRID.direction)
    seen, lesion = lesions.magnified(GRID.image(flair), GRID.image(labels), fine, sigma=20, seed=(1, 2, 3))
    assert seen.shape == lesion.shape == fine.size[::-1] and seen.dtype == np.float32
    assert lesion[44:56, 44:56, 44:56].all() and lesion.sum() == lesion[36:64, 36:64, 36:64].sum()
    healthy = seen[80:100, 80:120, 80:120]
    assert abs(seen[46:54, 46:54, 46:54].mean() - 1000) < 5 and abs(healthy.mean() - 400) < 1
    assert 19 < healthy.std() < 21 and not seen[:8].any()


def test_a_part_without_a_lesion_has_none():
    flair, labels = np.full(GRID.size[::-1], 400, np.float32), np.zeros(GRID.size[::-1], np.uint8)
    labels[2:4, 2:4, 2:4] = 1
    part = GRID.crop(Box((20, 20, 20), (28, 28, 28)))
    seen, lesion = lesions.magnified(GRID.image(flair), GRID.image(labels), part, sigma=0, seed=(0, 0, 0))
    assert not lesion.any() and (seen == 400).all()
