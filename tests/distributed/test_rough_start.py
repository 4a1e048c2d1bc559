"""`--initial auto`: scans that do not begin close are brought together, and what cannot be is refused."""

import re

import numpy as np
import pytest
import SimpleITK as sitk

from regseg import data, distributed, evaluate
from regseg.__main__ import main
from regseg.grid import Grid


@pytest.fixture(scope="module")
def brain():
    """The template in voxels of 8 mm, wide enough to be turned."""
    image = sitk.Cast(sitk.BinShrink(data.load("brain_t1_2mm"), (4, 4, 4)), sitk.sitkInt16)
    return sitk.ConstantPad(image, (3, 3, 3), (3, 3, 3), 0)


def turned(image, axis, degrees, shift):
    """A rigid motion about the middle."""
    motion = sitk.VersorRigid3DTransform()
    motion.SetCenter(Grid.of(image).middle)
    motion.SetRotation((np.array(axis) / np.linalg.norm(axis)).tolist(), np.deg2rad(degrees))
    motion.SetTranslation(shift)
    return motion


def written(folder, fixed, moving):
    paths = folder / "fixed.mha", folder / "moving.mha"
    for image, path in zip((fixed, moving), paths, strict=True):
        sitk.WriteImage(image, path)
    return paths


@pytest.mark.parametrize(
    ("axis", "degrees", "shift", "contrast"),
    [
        ((1, 2, 3), 30, (30.0, -20.0, 17.0), "brain_t1_2mm"),
        ((1, 0, 0), 90, (0.0, 40.0, 0.0), "brain_t1_2mm"),
        ((0.1, 0, 1), 175, (-20.0, 10.0, 10.0), "brain_t2"),
    ],
)
def test_a_scan_that_is_turned_and_far_away_is_found(brain, tmp_path, axis, degrees, shift, contrast):
    """Half a turn of a T2-weighted head, too, which looks much the same the wrong way round."""
    truth = turned(brain, axis, degrees, shift)
    fixed = sitk.Resample(brain, brain, truth)
    moving = sitk.Resample(sitk.SmoothingRecursiveGaussian(data.load(contrast), 4.0), brain)
    moving.SetOrigin((np.array(moving.GetOrigin()) + 300).tolist())
    far = sitk.CompositeTransform([sitk.TranslationTransform(3, (300.0, 300.0, 300.0)), truth])
    plan = distributed.plan(*written(tmp_path, fixed, moving), initial="auto")
    assert evaluate.field_error(plan.initial, far, fixed > 20).mean < 4  # half a voxel
    assert plan.started[0] in str(plan)


def test_a_picture_that_is_turned_is_found(tmp_path):
    flat = sitk.Cast(data.load("brain_t1_2mm"), sitk.sitkInt16)[:, :, 48]
    truth = sitk.Euler2DTransform(Grid.of(flat).middle, np.deg2rad(140), (30.0, -12.0))
    fixed = sitk.Resample(flat, flat, truth)
    plan = distributed.plan(*written(tmp_path, fixed, flat), initial="auto")
    assert evaluate.field_error(plan.initial, truth, fixed > 20).mean < 1
    assert "12 turns in each of these places were tried" in str(plan)


def test_the_result_says_how_it_started_and_the_command_too(brain, tmp_path, capsys):
    truth = turned(brain, (1, 2, 3), 30, (30.0, -20.0, 17.0))
    paths = written(tmp_path, sitk.Resample(brain, brain, truth), brain)
    call = ["register-large", *map(str, paths), "--output", str(tmp_path / "out"), "--initial", "auto"]
    assert main(call) == 0
    assert re.search(r"it moves the middle by (39|40)\.\d mm, turns by (29|30)\.\d degrees", capsys.readouterr().out)
    found = sitk.ReadTransform(str(tmp_path / "out" / "transform.h5"))
    assert evaluate.field_error(found, truth, sitk.ReadImage(paths[0]) > 20).mean < 2  # a quarter of a voxel


def test_images_that_have_nothing_in_common_are_refused_in_a_sentence(brain, tmp_path, capsys):
    noise = np.random.default_rng(0).normal(size=brain.GetSize()[::-1])
    other = sitk.SmoothingRecursiveGaussian(sitk.GetImageFromArray(noise.astype(np.float32)), 1.0)
    other.SetSpacing(brain.GetSpacing())
    paths = written(tmp_path, brain, other)
    call = ["register-large", *map(str, paths), "--output", str(tmp_path / "out"), "--initial", "auto"]
    assert main(call) == 1
    said = capsys.readouterr().err
    assert "No shift and no turn was found that makes the two images alike" in said and "--initial FILE" in said
    assert not (tmp_path / "out").exists()
