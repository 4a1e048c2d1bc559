"""The command `regseg register-large`, and the picture of its blocks, on a small pair with a known answer."""

import csv
import re

import matplotlib.pyplot as plt
import numpy as np
import pytest
import SimpleITK as sitk

from regseg import distributed, volumes
from regseg.__main__ import main
from regseg.distributed import store


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


def arguments(pair, output, *more: str) -> list[str]:
    """Those of the command for the two files."""
    return ["register-large", f"{pair}/fixed.mha", f"{pair}/moving.mha", "--output", str(output), *more]


def quick(pair, output, *more: str) -> list[str]:
    """The same with large voxels, which is enough where the field does not matter."""
    return arguments(pair, output, "--spacing", "4", "--block-size", "32", *more)


def test_one_command_from_two_files_to_a_warped_volume(pair, tmp_path, capsys):
    output = tmp_path / "out"
    assert main(arguments(pair, output)) == 0
    said = capsys.readouterr().out
    assert "0 failed" in said
    quality = re.search(r"mutual information of the two images: (\S+) before, (\S+) now", said)
    assert 1 < float(quality[1]) < float(quality[2]) < 2
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
    assert not (output / "work").exists()  # what is done needs no folder to go on from


def test_two_workers_find_what_one_process_finds(pair, tmp_path):
    for name, more in ("one", []), ("two", ["--workers", "2"]):
        assert main(quick(pair, tmp_path / name, *more)) == 0
    one, two = (sitk.ReadTransform(str(tmp_path / name / "transform.h5")) for name in ("one", "two"))
    for point in (30.0, 30.0, 30.0), (12.0, 40.0, 25.0):
        assert one.TransformPoint(point) == two.TransformPoint(point) != point


def test_a_plan_writes_nothing(pair, tmp_path, capsys):
    files = {path: path.stat().st_mtime_ns for path in pair.iterdir()}
    assert main(arguments(pair, tmp_path / "out", "--plan", "--block-size", "32")) == 0
    assert "blocks" in capsys.readouterr().out
    assert not (tmp_path / "out").exists()
    assert {path: path.stat().st_mtime_ns for path in pair.iterdir()} == files


def test_an_initial_transform_as_a_registration_returns_it(pair, tmp_path):
    """A composite; what is found ends with it, and can be read again."""
    several = sitk.CompositeTransform([sitk.Euler3DTransform(), sitk.TranslationTransform(3, (1.0, 0, 0))])
    sitk.WriteTransform(several, str(tmp_path / "initial.tfm"))
    assert main(quick(pair, tmp_path / "out", "--initial", str(tmp_path / "initial.tfm"))) == 0
    moved = sitk.ReadTransform(str(tmp_path / "out" / "transform.h5")).TransformPoint((30.0, 30.0, 30.0))
    assert moved == pytest.approx((32, 30, 30), abs=0.3)


@pytest.fixture
def chunked(pair, tmp_path):
    """The two files as OME-Zarr."""
    return [
        volumes.save(pair / f"{name}.mha", tmp_path / f"{name}.zarr", chunk=16).path for name in ("fixed", "moving")
    ]


def test_a_run_with_failed_blocks_says_so(chunked, tmp_path, capsys):
    """Of an image with an unreadable chunk: by its exit status, on stderr, and with what to do."""
    output = tmp_path / "out"
    call = ["register-large", *map(str, chunked), "--output", str(output), "--block-size", "32"]
    chunk = chunked[0] / "0" / "c" / "0" / "0" / "0"
    whole = chunk.read_bytes()
    chunk.write_bytes(b"not what a codec wrote")
    assert main(call) == 3
    said = capsys.readouterr().err
    assert re.search(r"regseg: 2 of 23 blocks failed, and there the field is a guess; report.csv says why", said)
    assert (output / "warped.zarr").is_dir()
    assert "zstd" in (output / "report.csv").read_text().lower()
    chunk.write_bytes(whole)
    assert main(call) == 1
    assert "holds a run that was begun earlier: go on from it with resume=True (--resume)" in capsys.readouterr().err
    assert main([*call, "--resume"]) == 1  # for nobody knows what else has changed in the image
    assert "what differs: images" in capsys.readouterr().err
    (output / "work").rename(tmp_path / "kept")
    assert main(call) == 0


def test_what_is_missing_in_a_file_is_noticed(chunked, tmp_path, capsys):
    (chunked[1] / "0" / "c" / "0" / "0" / "0").unlink()
    assert main(["register-large", *map(str, chunked), "--output", str(tmp_path / "out")]) == 0
    said = capsys.readouterr().out
    assert re.search(r"1 of 64 chunks of .*moving.zarr, level 0, are not there and were read as 0", said)


def test_what_is_missing_in_the_level_that_is_only_warped_is_noticed(chunked, tmp_path, capsys):
    (chunked[1] / "0" / "c" / "0" / "0" / "0").unlink()
    call = ["register-large", *map(str, chunked), "--output", str(tmp_path / "out"), "--spacing", "4"]
    assert main(call) == 0
    said = capsys.readouterr().out
    assert re.search(r"1 of 64 chunks of .*moving.zarr, level 0, are not there and were read as 0", said)


def test_no_input_is_overwritten_and_no_output_found_out_late(pair, tmp_path, capsys):
    output = tmp_path / "out"
    output.mkdir()

    def refused(call: list[str], why: str) -> None:
        before = sorted(tmp_path.rglob("*"))
        assert main(call) == 1
        assert re.search(why, capsys.readouterr().err)
        assert sorted(tmp_path.rglob("*")) == before

    moving = volumes.save(f"{pair}/moving.mha", output / "warped.zarr").path
    refused([*quick(pair, output)[:2], str(moving), "--output", str(output)], "warped.zarr is an image that is regist")
    linear = output / "transform.h5"
    sitk.WriteTransform(sitk.Euler3DTransform(), str(linear))
    refused(quick(pair, output, "--initial", str(linear)), "transform.h5 is, or holds, an input")
    linear.unlink()
    linear.mkdir()
    refused(quick(pair, output), "transform.h5 is a folder")
    linear.rmdir()
    moving.rename(output / "other.zarr")
    (output / "warped.zarr").mkdir()
    refused(quick(pair, output), "warped.zarr exists and is not Zarr")
    (output / "warped.zarr").rmdir()
    (output / "warped.zarr").symlink_to(tmp_path)
    refused(quick(pair, output), "warped.zarr exists and is not Zarr")
    (tmp_path / "file").touch()
    refused(quick(pair, tmp_path / "file"), r"file cannot be written \(File exists\): choose another folder")


def test_two_commands_do_not_share_an_output(pair, tmp_path, capsys):
    with store.claim(tmp_path / "out"):
        assert main(quick(pair, tmp_path / "out")) == 1
    assert "Another run works in" in capsys.readouterr().err
    assert main(quick(pair, tmp_path / "out")) == 0


@pytest.mark.parametrize(
    ("more", "why"),
    [
        (["--block-size", "0"], "only the overlap may be 0"),
        (["--spacing", "nan"], "only the overlap may be 0"),
        (["--overlap", "-1"], "only the overlap may be 0"),
        (["--lattice", "0"], "A lattice of 0.0 mm cannot be"),
        (["--lattice", "inf"], "A lattice of inf mm cannot be"),
        (["--memory", "50MB"], "A worker with 50MB could not even start: give at least 300 MB"),
        (["--initial", "no.tfm"], "There is no transform at no.tfm"),
        (["--initial", __file__], "cannot be read as a transform: give one that SimpleITK has written"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(pair, tmp_path, capsys, more, why):
    assert main(arguments(pair, tmp_path / "out", *more)) == 1
    error = capsys.readouterr().err
    assert why in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("count", ["0", "-1", "two"])
def test_workers_are_counted_from_one(pair, tmp_path, capsys, count):
    with pytest.raises(SystemExit):
        main(arguments(pair, tmp_path / "out", "--workers", count))
    assert f"{count} workers cannot be: give 1 or more" in capsys.readouterr().err


def test_no_overlap_is_none_and_not_the_usual_one(pair, tmp_path, capsys):
    assert main(arguments(pair, tmp_path / "out", "--plan", "--block-size", "32", "--overlap", "0")) == 0
    assert " 32 x 32 x 32 " in capsys.readouterr().out.splitlines()[-1]


def test_a_missing_image_is_named(pair, tmp_path, capsys):
    assert main(["register-large", f"{pair}/no.mha", f"{pair}/moving.mha", "--output", str(tmp_path)]) == 1
    assert "no.mha cannot be read" in capsys.readouterr().err


def test_the_picture_tells_what_became_of_each_block(pair):
    method = distributed.MockMethod(fail=frozenset({(0, 0, 1)}))
    stage = distributed.Stage(method, distributed.Solve(8), spacing=2, block_size=32)
    plan = distributed.plan(pair / "fixed.mha", pair / "moving.mha", [stage])
    ax = distributed.draw_blocks(plan, result=distributed.run(plan, progress=False))
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == ["done", "failed", "one block with its halo"]
    assert len(ax.patches) == 5  # the four blocks of the middle slice, and one halo
    plt.close(ax.figure)
