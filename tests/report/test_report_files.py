"""Reports of files, by the command: any kind that SimpleITK reads, OME-Zarr by level, and a page that appears whole."""

import subprocess
import sys

import numpy as np
import pytest
import SimpleITK as sitk
from known import GRID, LENGTH, labels, landmarks, moving
from test_registration_report import said, words

from regseg import report, volumes
from regseg.__main__ import main
from regseg.report import inputs


def test_the_command_judges_files_and_says_how_to_do_it_again(files, monkeypatch, capsys):
    monkeypatch.chdir(files)
    call = ["report", "fixed.nii.gz", "moving.nii.gz", "truth.tfm"]
    call += ["--inverse", "inverse.tfm", "--points", "points.csv"]
    maps = ["--labels", "fixed-labels.nii.gz", "moving-labels.nii.gz"]
    assert main([*call, *maps, "--output", "judged.html"]) == 0
    told = capsys.readouterr().out
    assert told.startswith("Nothing that was measured looks wrong.")
    assert f"The landmarks come closer: {LENGTH:.2f} mm before, 0.00 mm after" in told
    assert told.endswith("Written to judged.html.\n")
    page = (files / "judged.html").read_text(encoding="utf-8")
    again = page.partition("<code>regseg report ")[2].partition("</code>")[0]
    assert sorted(again.split()) == sorted([*call[1:], *maps])
    assert main(["report", "moving.nii.gz", "moving-labels.nii.gz", "--output", "judged.html"]) == 0
    assert "no reference was given" in capsys.readouterr().out


def test_what_the_command_does_not_understand_is_one_line(files, capsys):
    image = str(files / "fixed.nii.gz")
    for call, why in {
        (image,): "Give FIXED MOVING TRANSFORM, or IMAGE LABELS: these are 1 files",
        (image, image, "--points", image): "the transform is missing",
        (image, image, str(files / "truth.tfm"), "--reference", image): "--reference belongs to a segmentation",
        (image, image, str(files / "none.tfm")): "There is no transform at",
        (str(files / "truth.tfm"), image, str(files / "truth.tfm")): "cannot be read as an image",
        (image, image, str(files / "truth.tfm"), "--output", str(files / "none" / "a.html")): "there is no folder",
        (image, image, str(files / "truth.tfm"), "--points", image): "must have 6 numbers in each row",
    }.items():
        assert main(["report", *call]) == 1
        told = capsys.readouterr().err
        assert why in told and told.count("\n") == 1


def test_the_warp_of_ants_is_a_transform(pair, truth, tmp_path):
    sitk.WriteImage(sitk.Cast(GRID.sample(truth), sitk.sitkVectorFloat32), tmp_path / "1Warp.nii.gz")
    judged = report.registration(*pair, tmp_path / "1Warp.nii.gz", points=landmarks(truth))
    assert f"{LENGTH:.2f} mm before, 0.00 mm after" in said(judged.verdict.sounds)


def test_landmarks_may_lie_in_two_files(pair, truth, tmp_path):
    for name, points in zip(("fixed.txt", "moving.txt"), landmarks(truth), strict=True):
        np.savetxt(tmp_path / name, points)
    judged = report.registration(*pair, truth, points=(tmp_path / "fixed.txt", tmp_path / "moving.txt"))
    assert "0.00 mm after, on average of 10" in said(judged.verdict.sounds)


def test_of_ome_zarr_the_level_is_judged_that_is_small_enough(pair, truth, tmp_path, monkeypatch):
    for name, image in zip(("fixed.zarr", "moving.zarr"), pair, strict=True):
        volumes.save(image, tmp_path / name)
    monkeypatch.setattr(inputs, "LARGEST", moving().GetNumberOfPixels() // 4)
    judged = report.registration(tmp_path / "fixed.zarr", tmp_path / "moving.zarr", truth, points=landmarks(truth))
    assert "level 1 of 3, counted from 0" in words(judged)
    assert "44 × 52 × 40 voxels" in words(judged)
    assert f"{LENGTH:.2f} mm before, 0.00 mm after" in said(judged.verdict.sounds)


def test_a_large_file_is_judged_by_means_over_boxes(pair, truth, monkeypatch):
    monkeypatch.setattr(inputs, "LARGEST", moving().GetNumberOfPixels() // 4)
    judged = report.registration(*pair, truth, labels=(labels(), labels()))
    assert "means over boxes of" in words(judged)


WITHOUT_ZARR = """
import sys
sys.modules["zarr"] = sys.modules["dask"] = None
from regseg.__main__ import main
sys.exit(main(["report", *sys.argv[1:]]))
"""


def test_it_needs_no_extra(files, tmp_path):
    """Only OME-Zarr does, and says so."""
    names = [str(files / name) for name in ("fixed.nii.gz", "fixed-labels.nii.gz")]
    call = [sys.executable, "-c", WITHOUT_ZARR]
    done = subprocess.run([*call, *names, "--output", str(tmp_path / "a.html")], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    done = subprocess.run([*call, "scan.zarr", names[1]], capture_output=True, text=True)
    assert done.returncode == 1 and "scan.zarr is OME-Zarr, and that is read with the extra `bigdata`" in done.stderr


def test_a_page_that_cannot_be_written_leaves_what_was_there(tmp_path):
    judged = report.segmentation(moving(), labels())
    with pytest.raises(OSError):
        judged.write(tmp_path / "none" / "report.html")
    (tmp_path / "report.html").mkdir()
    with pytest.raises(OSError):
        judged.write(tmp_path / "report.html")
    assert [file.name for file in tmp_path.iterdir()] == ["report.html"]


def test_a_name_is_no_markup(tmp_path, files):
    name = tmp_path / "<img src=x onerror=alert(1)>.nii.gz"
    name.write_bytes((files / "moving.nii.gz").read_bytes())
    page = report.segmentation(name, labels()).html
    assert "<img src=x" not in page and "&lt;img src=x" in page
