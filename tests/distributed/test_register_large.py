"""The command `regseg register-large`, and the picture of its blocks, on a small pair with a known answer."""

import csv

import matplotlib.pyplot as plt
import numpy as np
import pytest
import SimpleITK as sitk

from regseg import distributed, volumes
from regseg.__main__ import main


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """Two files of 64 voxels of 1 mm a side: rods of various brightness, the moving ones 2 mm further along x."""
    folder = tmp_path_factory.mktemp("pair")
    grid = sitk.Image([64, 64, 64], sitk.sitkFloat32)
    z, y, x = np.meshgrid(*[np.arange(64.0)] * 3, indexing="ij")
    for name, shift in ("fixed", 0), ("moving", 2):
        values = 100 * (np.sin((x - shift) / 4) + np.cos(y / 5) + np.sin(z / 6)) + 400
        values[(abs(x - 32 - shift) > 24) | (abs(y - 32) > 24) | (abs(z - 32) > 24)] = 0
        image = sitk.GetImageFromArray(values.astype(np.float32))
        image.CopyInformation(grid)
        sitk.WriteImage(image, str(folder / f"{name}.mha"))
    return folder


def test_one_command_from_two_files_to_a_warped_volume(pair, tmp_path, capsys):
    output = tmp_path / "out"
    assert main(["register-large", f"{pair}/fixed.mha", f"{pair}/moving.mha", "--output", str(output)]) == 0
    assert "0 failed" in capsys.readouterr().out
    transform = sitk.ReadTransform(str(output / "transform.h5"))
    moved = transform.TransformPoint((30.0, 30.0, 30.0))
    assert moved == pytest.approx((32, 30, 30), abs=0.1)
    field = volumes.open_volume(output / "field.zarr")
    middle = [n // 2 for n in field.grid.size]
    assert field.read()[middle] == pytest.approx((2, 0, 0), abs=0.15)
    fixed, warped = sitk.ReadImage(f"{pair}/fixed.mha"), volumes.open_volume(output / "warped.zarr").read()
    inside = np.s_[16:48, 16:48, 16:48]
    difference = sitk.GetArrayFromImage(fixed)[inside] - sitk.GetArrayFromImage(warped)[inside]
    assert np.abs(difference).mean() < 5  # of a range of 700; 40 before
    with (output / "report.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {row["status"] for row in rows} <= {"done", "skipped"}
    assert max(int(row["stage"]) for row in rows) == 3


def test_a_plan_registers_nothing(pair, tmp_path, capsys):
    output = tmp_path / "out"
    arguments = ["register-large", f"{pair}/fixed.mha", f"{pair}/moving.mha", "--output", str(output), "--plan"]
    assert main([*arguments, "--block-size", "32"]) == 0
    assert "blocks" in capsys.readouterr().out
    assert not (output / "warped.zarr").exists()


def test_a_second_run_with_other_settings_is_refused(pair, tmp_path, capsys):
    images = [f"{pair}/fixed.mha", f"{pair}/moving.mha"]
    arguments = ["register-large", *images, "--output", str(tmp_path), "--spacing", "2"]
    assert main(arguments) == 0
    assert main([*arguments, "--block-size", "32"]) == 1
    assert "holds another registration" in capsys.readouterr().err


def test_a_missing_image_is_named(pair, tmp_path, capsys):
    assert main(["register-large", f"{pair}/no.mha", f"{pair}/moving.mha", "--output", str(tmp_path)]) == 1
    assert "no.mha cannot be read" in capsys.readouterr().err


def test_the_picture_tells_what_became_of_each_block(pair, tmp_path):
    method = distributed.MockMethod(fail=frozenset({(0, 0, 1)}))
    stage = distributed.Stage(method, distributed.Solve(8), spacing=2, block_size=32)
    schedule = distributed.register(pair / "fixed.mha", pair / "moving.mha", [stage], workdir=tmp_path)
    ax = distributed.draw_blocks(schedule, result=schedule.compute(progress=False))
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == ["done", "failed", "one block with its halo"]
    assert len(ax.patches) == 5  # the four blocks of the middle slice, and one halo
    plt.close(ax.figure)
