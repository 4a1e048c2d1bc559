"""The page for those who come with a large volume: it can be walked as it stands, and leaves no option out."""

import argparse
import csv
import re
import shlex

import numpy as np
import pytest
from microscope import LENGTH, write_microscope

from regseg import volumes
from regseg.__main__ import main
from regseg.distributed import command


@pytest.fixture(scope="module")
def page(root) -> str:
    return (root / "learners" / "large-volumes.md").read_text(encoding="utf-8")


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
