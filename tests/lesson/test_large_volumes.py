"""The page for those who come with a large volume: it can be walked as it stands, and leaves no option out."""

import argparse
import csv
import re
import shlex

import numpy as np
import pytest
import zarr

from regseg import volumes
from regseg.__main__ import main
from regseg.distributed import command

LENGTH = 10.0  # µm, of a voxel


@pytest.fixture(scope="module")
def page(root) -> str:
    return (root / "learners" / "large-volumes.md").read_text(encoding="utf-8")


def write_microscope(path, shift: float) -> None:
    """Rods of various brightness in two channels, shifted along x by so many voxels, in micrometres, with levels."""
    z, y, x = np.meshgrid(*[np.arange(n, dtype=float) for n in (64, 96, 96)], indexing="ij")
    values = 100 * (np.sin((x - shift) / 4) + np.cos(y / 5) + np.sin(z / 6)) + 400
    values[(abs(x - 48 - shift) > 36) | (abs(y - 48) > 36) | (abs(z - 32) > 24)] = 0
    values, datasets = np.stack([values, values[::-1]]), []
    group = zarr.create_group(path, zarr_format=2)
    for level in range(4):
        scale, middle = LENGTH * 2**level, LENGTH * (2**level - 1) / 2
        group.create_array(str(level), data=values.astype(np.uint16), chunks=(1, 32, 32, 32))
        steps = [
            {"type": "scale", "scale": [1] + [scale] * 3},
            {"type": "translation", "translation": [0] + [middle] * 3},
        ]
        datasets.append({"path": str(level), "coordinateTransformations": steps})
        values = sum(values[:, i::2, j::2, k::2] for i in (0, 1) for j in (0, 1) for k in (0, 1)) / 8
    axes = [{"name": "c", "type": "channel"}]
    axes += [{"name": name, "type": "space", "unit": "micrometer"} for name in "zyx"]
    group.attrs["multiscales"] = [{"version": "0.4", "axes": axes, "datasets": datasets}]


def test_the_page_can_be_walked(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_microscope("fixed.zarr", 0)
    write_microscope("moving.zarr", 2)
    (tmp_path / "cells.csv").write_text("name,x,y,z\na,400,400,300\n", encoding="utf-8")
    names, ran = {}, 0
    for kind, code in re.findall(r"```(py|bash)\n(.*?)```", page, re.S):
        if kind == "py":
            exec(code, names)
        for line in code.splitlines():
            if line.startswith("regseg") and "://" not in line:
                assert main(shlex.split(line.replace("--workers 4", "--workers 1"), comments=True)[1:]) == 0
                ran += 1
    assert ran == 5
    with (tmp_path / "moved.csv").open(encoding="utf-8") as file:
        [moved] = csv.DictReader(file)
    assert [float(moved[axis]) for axis in "xyz"] == pytest.approx([400 + 2 * LENGTH, 400, 300], abs=0.3 * LENGTH)
    other = volumes.open_volume("warped-1.zarr").array, volumes.open_volume("fixed.zarr", channel=1).array
    inside = np.s_[20:44, 24:72, 24:72]
    assert np.abs(other[0][inside].astype(float) - other[1][inside]).mean() < 10  # of a range of 700
    assert (tmp_path / "report.html").is_file()


def test_no_option_of_the_command_is_left_out(page):
    parser = argparse.ArgumentParser(add_help=False)
    command.add_arguments(parser)
    rows = set(re.findall(r"^\| `(--[\w-]+)", page, re.M))
    assert rows == set(re.findall(r"--[\w-]+", parser.format_usage()))
