"""A pair of one's own, registered from the start to the page: known motions come back, and what was assumed is said."""

import subprocess
import sys

import numpy as np
import pytest
import SimpleITK as sitk

from regseg import data, evaluate, register
from regseg.__main__ import main
from regseg.grid import Grid
from regseg.synth import warps


@pytest.fixture(scope="module")
def known():
    """The template in voxels of 4 mm, and a smooth bend of it, turned by 12 degrees and moved by 30 mm."""
    brain = sitk.Cast(sitk.BinShrink(data.load("brain_t1_2mm"), (2, 2, 2)), sitk.sitkInt16)
    middle = Grid.of(brain).middle
    turn = sitk.Euler3DTransform(middle, 0.1, 0.0, 0.2, (20.0, -20.0, 8.0))
    bend = sitk.BSplineTransformInitializer(brain, [3, 3, 3])
    bend.SetParameters(np.random.default_rng(3).normal(0, 2, len(bend.GetParameters())).tolist())
    return brain, turn, bend


def seen(brain: sitk.Image, truth: sitk.Transform) -> sitk.Image:
    return sitk.Resample(brain, brain, truth, sitk.sitkLinear, 0)


def error(found: sitk.Transform, truth: sitk.Transform, fixed: sitk.Image) -> float:
    return evaluate.field_error(found, truth, fixed > 20).mean


def test_a_rigid_motion_comes_back_and_the_start_is_told(known):
    brain, turn, _ = known
    fixed = seen(brain, turn)
    found = register.pair(fixed, brain, start="rigid", deform=False)
    assert error(found.transform, turn, fixed) < 0.4  # a tenth of a voxel
    assert found.transform.IsLinear()
    assert "turns by 12." in str(found) and "Lengths are taken for millimetres" in str(found)
    assert "get its lowest value, 0" in str(found)


def test_headers_that_lay_the_images_far_apart_are_no_hindrance(known):
    brain, turn, _ = known
    fixed = seen(brain, turn)
    away = sitk.Image(brain)
    away.SetOrigin(np.add(brain.GetOrigin(), (900.0, -700.0, 300.0)).tolist())
    found = register.pair(fixed, away, start="rigid", deform=False)
    shift = sitk.TranslationTransform(3, (900.0, -700.0, 300.0))
    assert error(found.transform, sitk.CompositeTransform([shift, turn]), fixed) < 0.4


def test_a_bend_comes_back_after_the_linear_start(known):
    brain, turn, bend = known
    truth = sitk.CompositeTransform([turn, bend])
    fixed = seen(brain, truth)
    found = register.pair(fixed, brain, network=False)
    assert error(found.transform, truth, fixed) < 0.6 * error(found.linear, truth, fixed)
    assert "streamed solve, down to voxels of 4 mm" in str(found)
    assert evaluate.folding(Grid.of(fixed).sample(found.transform)) == 0


def test_contrasts_may_differ(known):
    """T1 against T2, in voxels of 2 mm: in larger ones too little is left of the cortex."""
    _, turn, bend = known
    brain = data.load("brain_t1_2mm")
    truth = sitk.CompositeTransform([turn, bend])
    fixed = seen(brain, truth)
    found = register.pair(fixed, sitk.Resample(data.load("brain_t2"), brain), network=False)
    assert error(found.transform, truth, fixed) < 0.8 * error(found.linear, truth, fixed) < 0.8


def test_a_deformation_that_makes_the_images_less_alike_is_dropped(known):
    """Where the brightest tissue is as dark as the background, the solve goes astray."""
    brain, turn, bend = known
    truth = sitk.CompositeTransform([turn, bend])
    fixed = seen(brain, truth)
    found = register.pair(fixed, (255 - brain) * sitk.Cast(brain > 0, sitk.sitkInt16), network=False)
    assert "What makes the images most alike was kept, the linear transform alone" in str(found)
    assert found.transform.IsLinear() and error(found.transform, truth, fixed) < 1


def test_large_motion_is_found_by_the_network_and_what_is_better_is_kept():
    """Two smooth motions of a slice by 40 mm: one that the solve misses, and one in which the network goes astray."""
    flat = sitk.Cast(data.load("brain_t1_2mm"), sitk.sitkFloat32)[:, :, 48]
    for seed, reach, kept in (1, 44.0, "the network with the solve after it"), (3, 34.0, "the solve"):
        truth = warps.single_frequency(Grid.of(flat), seed, reach, 60.0)
        fixed = seen(flat, truth)
        found = register.pair(fixed, flat, start="rigid")
        assert f"What makes the images most alike was kept, {kept} (" in str(found)
        assert error(found.transform, truth, fixed) < 1 < error(found.linear, truth, fixed) / 5


def test_slices_are_registered_too(known):
    brain, *_ = known
    flat = brain[:, :, 24]
    turn = sitk.Euler2DTransform(Grid.of(flat).middle, 0.15, (12.0, -8.0))
    fixed = seen(flat, turn)
    found = register.pair(fixed, flat, start="rigid", deform=False)
    assert error(found.transform, turn, fixed) < 0.4


def test_the_command_writes_all_and_judges_it(known, tmp_path, capsys):
    brain, turn, _ = known
    for name, image in ("fixed.nii.gz", seen(brain, turn)), ("moving.nii.gz", brain):
        sitk.WriteImage(image, tmp_path / name)
    call = ["register", str(tmp_path / "fixed.nii.gz"), str(tmp_path / "moving.nii.gz")]
    assert main([*call, "--output", str(tmp_path / "out"), "--start", "rigid", "--linear", "--both"]) == 0
    told = capsys.readouterr().out
    assert "It starts with the images" in told and "Nothing that was measured looks wrong." in told
    written = sorted(file.name for file in (tmp_path / "out").iterdir())
    assert written == ["inverse.h5", "report.html", "transform.h5", "warped.nii.gz"]
    found = sitk.ReadTransform(str(tmp_path / "out" / "transform.h5"))
    assert error(found, turn, seen(brain, turn)) < 0.4
    warped = sitk.ReadImage(tmp_path / "out" / "warped.nii.gz")
    assert Grid.of(warped).matches(Grid.of(brain))
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "The inverse undoes the transform" in page and "What the registration assumed and did" in page


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"moving": sitk.Image([8, 8], sitk.sitkFloat32)}, "has 3 dimensions, and the moving one 2"),
        ({"moving": sitk.Image([8, 8, 8], sitk.sitkFloat32)}, "The moving image is constant"),
        ({"start": "bspline"}, "one of none, rigid, affine, and not 'bspline'"),
        ({"spacing": 0.0}, "a length in mm above 0, and not 0"),
        ({"fixed": "none.nii.gz"}, "there is no such file"),
    ],
)
def test_what_cannot_be_registered_is_refused_in_a_sentence(known, change, why):
    given = {"fixed": known[0], "moving": known[0]} | change
    with pytest.raises(ValueError, match=why):
        register.pair(given.pop("fixed"), given.pop("moving"), **given)


def test_an_input_is_never_written_over(known, tmp_path, capsys):
    sitk.WriteImage(known[0], tmp_path / "warped.nii.gz")
    image = str(tmp_path / "warped.nii.gz")
    assert main(["register", image, image, "--output", str(tmp_path)]) == 1
    assert "warped.nii.gz is an input, and would be replaced" in capsys.readouterr().err
    assert [file.name for file in tmp_path.iterdir()] == ["warped.nii.gz"]


WITHOUT_TORCH = """
import sys
sys.modules["torch"] = None
import SimpleITK as sitk
from regseg import register
image = sitk.ReadImage(sys.argv[1])
print(register.pair(image, image, start="none"))
"""


def test_without_pytorch_it_says_what_may_be_missed(known, tmp_path):
    sitk.WriteImage(known[0], tmp_path / "brain.nii.gz")
    call = [sys.executable, "-c", WITHOUT_TORCH, str(tmp_path / "brain.nii.gz")]
    done = subprocess.run(call, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "PyTorch is not installed (the extra `learning`)" in done.stdout
