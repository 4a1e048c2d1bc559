"""The command `regseg register-large`, and the picture of its blocks, on a small pair with a known answer."""

import csv
import json
import re
import subprocess
import sys

import matplotlib.pyplot as plt
import numpy as np
import pytest
import SimpleITK as sitk
import zarr

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
    forward, inverse = volumes.open_displacements(output / "displacements.zarr")
    assert forward.array[:] == pytest.approx(field.array[:], abs=1e-5)
    assert inverse.read()[middle] == pytest.approx((-2, 0, 0), abs=0.15)
    fixed, warped = sitk.ReadImage(f"{pair}/fixed.mha"), volumes.open_volume(output / "warped.zarr").read()
    inside = np.s_[16:48, 16:48, 16:48]
    difference = sitk.GetArrayFromImage(fixed)[inside] - sitk.GetArrayFromImage(warped)[inside]
    assert np.abs(difference).mean() < 5  # of a range of 700; 40 before
    with (output / "report.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {row["status"] for row in rows} <= {"done", "skipped"}
    assert max(int(row["stage"]) for row in rows) == 3
    assert not (output / "work").exists()  # what is done needs no folder to go on from


def test_a_result_that_is_none_is_no_success(pair, tmp_path, capsys):
    """The initial transform the wrong way round: blocks find something all the same."""
    far = sitk.ReadImage(f"{pair}/moving.mha")
    far.SetOrigin((20.0, 0.0, 0.0))
    sitk.WriteImage(far, str(tmp_path / "far.mha"))
    start = sitk.TranslationTransform(3, (20.0, 0.0, 0.0))
    for name, each, status in ("right", start, 0), ("wrong", start.GetInverse(), 4):
        sitk.WriteTransform(each, str(tmp_path / f"{name}.tfm"))
        call = ["register-large", f"{pair}/fixed.mha", str(tmp_path / "far.mha"), "--output", str(tmp_path / name)]
        assert main([*call, "--initial", str(tmp_path / f"{name}.tfm")]) == status
    said = capsys.readouterr().err
    assert "regseg: with the inverse of the initial transform the images are more alike" in said
    assert (tmp_path / "wrong" / "warped.zarr").is_dir()  # to be looked at


@pytest.mark.parametrize("width", [0.01, 25.0])
def test_the_recipe_follows_the_voxels(pair, tmp_path, capsys, width):
    """Of an atlas in micrometres as of a microscope's image: the same blocks as of voxels of 1 mm."""
    plans = []
    for spacing in 1.0, width:
        for name in "fixed", "moving":
            image = sitk.ReadImage(f"{pair}/{name}.mha")
            image.SetSpacing([spacing] * 3)
            sitk.WriteImage(image, str(tmp_path / f"{name}.mha"))
        assert main([*quick(tmp_path, tmp_path / "out")[:5], "--plan"]) == 0
        plans.append([line.split()[-8:] for line in capsys.readouterr().out.splitlines()[1:5]])
    assert plans[0] == plans[1]
    assert len(plans[0]) == 4


@pytest.mark.parametrize("value", [1, 255])
def test_a_mask_of_one_slice_is_not_empty(pair, tmp_path, value):
    values = np.zeros((64, 64, 64), np.uint8)
    values[32, 12:52, 14:50] = value
    mask = sitk.GetImageFromArray(values)
    sitk.WriteImage(mask, str(tmp_path / "mask.mha"))
    volumes.save(mask, tmp_path / "mask.zarr")
    for name in "mask.mha", "mask.zarr":
        assert main(quick(pair, tmp_path / f"out-{name}", "--mask", str(tmp_path / name))) == 0


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("nothing", [np.nan, np.inf])
def test_what_is_unknown_outside_does_no_harm(pair, tmp_path, masked, nothing):
    for name in "fixed", "moving":
        values = sitk.GetArrayFromImage(sitk.ReadImage(f"{pair}/{name}.mha"))
        values[values == 0] = nothing
        sitk.WriteImage(sitk.GetImageFromArray(values), str(tmp_path / f"{name}.mha"))
    mask = np.zeros((64, 64, 64), np.uint8)
    mask[16:48, 16:48, 18:46] = 1
    sitk.WriteImage(sitk.GetImageFromArray(mask), str(tmp_path / "mask.mha"))
    more = ["--mask", str(tmp_path / "mask.mha")] * masked
    assert main(arguments(tmp_path, tmp_path / "out", *more)) == 0
    moved = sitk.ReadTransform(str(tmp_path / "out" / "transform.h5")).TransformPoint((32.0, 30.0, 30.0))
    assert moved == pytest.approx((34, 30, 30), abs=0.25)


def test_one_channel_of_a_microscope_is_registered(pair, tmp_path, capsys):
    """Micrometres, two channels of which the second one is looked at, and levels of another program's making."""
    for name, length in ("fixed", 10.0), ("moving", 10.0):
        values = sitk.GetArrayFromImage(sitk.ReadImage(f"{pair}/{name}.mha")).astype(np.uint16)
        group = zarr.create_group(tmp_path / f"{name}.zarr", zarr_format=2)
        group.create_array("0", data=np.stack([values * 0 + 5, values])[None], chunks=(1, 1, 32, 32, 32))
        axes = [{"name": "t", "type": "time"}, {"name": "c", "type": "channel"}]
        axes += [{"name": each, "type": "space", "unit": "micrometer"} for each in "zyx"]
        steps = [{"type": "scale", "scale": [1, 1, length, length, length]}]
        datasets = [{"path": "0", "coordinateTransformations": steps}]
        group.attrs["multiscales"] = [{"version": "0.4", "axes": axes, "datasets": datasets}]
    call = ["register-large", str(tmp_path / "fixed.zarr"), str(tmp_path / "moving.zarr")]
    call += ["--output", str(tmp_path / "out")]
    assert main([*call, "--plan"]) == 1
    assert "with 2 steps along the axis c: choose one" in capsys.readouterr().err
    assert main([*call, "--channel", "0", "--plan"]) == 1
    assert "shows one grey value only" in capsys.readouterr().err
    assert main([*call, "--channel", "1,1"]) == 0
    moved = sitk.ReadTransform(str(tmp_path / "out" / "transform.h5")).TransformPoint((0.3, 0.3, 0.3))
    assert moved == pytest.approx((0.32, 0.3, 0.3), abs=0.001)
    assert volumes.open_volume(tmp_path / "out" / "warped.zarr").grid.spacing == pytest.approx((0.01,) * 3)


@pytest.mark.parametrize("text", ["first", "1,2,3", "-1", "1,"])
def test_a_channel_is_a_number_or_two(pair, tmp_path, capsys, text):
    with pytest.raises(SystemExit):
        main(arguments(pair, tmp_path / "out", f"--channel={text}"))
    assert f"{text} is not a number, nor two such as 0,1" in capsys.readouterr().err


def foreign(folder) -> dict[str, str]:
    """What other programs write as a transform, each with what is said of it."""
    sitk.WriteImage(sitk.Image([8, 8, 8], sitk.sitkVectorFloat64), str(folder / "1Warp.nii.gz"))
    (folder / "TransformParameters.0.txt").write_text(
        '(Transform "EulerTransform")\n(TransformParameters 0 0 0 3 0 0)\n'
    )
    np.savetxt(folder / "fsl.mat", np.eye(4))
    one, two = (sitk.TranslationTransform(3, (x, 0.0, 0.0)) for x in (1.0, 2.0))
    for name, each in ("one", one), ("two", two):
        sitk.WriteTransform(each, str(folder / f"{name}.tfm"))
    second = (folder / "two.tfm").read_text().split("\n", 1)[1].replace("#Transform 0", "#Transform 1")
    (folder / "both.tfm").write_text((folder / "one.tfm").read_text() + second)
    return {
        "1Warp.nii.gz": "is an image, such as the warp of ANTs, and an initial transform is linear",
        "TransformParameters.0.txt": "is a parameter file of elastix",
        "fsl.mat": "is a matrix of 4 x 4 numbers, as FSL writes it",
        "both.tfm": "holds 2 transforms, and SimpleITK would take the first alone",
    }


def test_the_transforms_of_other_programs_are_named(pair, tmp_path, capsys):
    for name, why in foreign(tmp_path).items():
        assert main(arguments(pair, tmp_path / "out", "--initial", str(tmp_path / name), "--plan")) == 1
        said = capsys.readouterr().err
        assert f"{name} {why}" in said
        assert said.count("\n") == 1


def test_what_fills_the_outside_is_said(pair, tmp_path, capsys):
    assert main(quick(pair, tmp_path / "own")) == 0
    assert "voxels outside the moving image get the value 0 (--fill)" in capsys.readouterr().out
    assert main(quick(pair, tmp_path / "given", "--fill", "-7")) == 0
    assert "voxels outside the moving image get the value -7\n" in capsys.readouterr().out


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


def test_a_full_disk_at_the_end_loses_nothing(pair, tmp_path, capsys, monkeypatch):
    def full(*_):
        raise RuntimeError("HDF5: (0x7f): 14 lines of it")

    with monkeypatch.context() as disk:
        disk.setattr(sitk, "WriteTransform", full)
        assert main(quick(pair, tmp_path / "out")) == 1
    said = capsys.readouterr().err
    assert "transform.h5 could not be written. Is the disk full? Make room, and go on with --resume." in said
    assert "HDF5" not in said
    assert not (tmp_path / "out" / "transform.h5").exists()
    assert main(quick(pair, tmp_path / "out", "--resume")) == 0
    assert "by an earlier run" in capsys.readouterr().out
    assert sitk.ReadTransform(str(tmp_path / "out" / "transform.h5")).GetDimension() == 3


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


@pytest.mark.parametrize("value", [0, 37])
def test_what_is_missing_in_a_file_is_noticed(chunked, tmp_path, capsys, value):
    """And what was read in its place, which is for the file to say."""
    header = chunked[1] / "0" / "zarr.json"
    header.write_text(json.dumps(json.loads(header.read_text()) | {"fill_value": value}))
    (chunked[1] / "0" / "c" / "0" / "0" / "0").unlink()
    assert main(["register-large", *map(str, chunked), "--output", str(tmp_path / "out")]) == 0
    said = capsys.readouterr().out
    assert re.search(rf"1 of 64 chunks of .*moving.zarr, level 0, are not there and were read as {value}$", said, re.M)


def test_what_is_missing_in_a_file_without_our_levels_is_noticed(chunked, tmp_path, capsys):
    """And in a mask, which is never looked at as it is."""
    group = zarr.open_group(chunked[1], mode="a")
    ome = group.attrs["ome"]
    del ome["multiscales"][0]["datasets"][1:]
    group.attrs["ome"] = ome
    volumes.save_mask(volumes.open_volume(chunked[0]), tmp_path / "mask.zarr", chunk=16)
    for name in "moving", "mask":
        (tmp_path / f"{name}.zarr" / "0" / "c" / "0" / "0" / "0").unlink()
    call = ["register-large", *map(str, chunked), "--output", str(tmp_path / "out"), "--spacing", "4"]
    assert main([*call, "--mask", str(tmp_path / "mask.zarr")]) == 0
    said = capsys.readouterr().out
    for name in "moving", "mask":
        assert re.search(rf"1 of 64 chunks of .*{name}.zarr, level 0, are not there and were read as 0", said)


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
        (["--output", "s3://images/out"], "s3://images/out is an address, and votes need a folder that all workers"),
        (["--work", "s3://images/work"], "s3://images/work is an address, and the work folder must be one that all"),
        (["--initial", "out/field.zarr"], "out/field.zarr is OME-Zarr: displacements in chunks carry points"),
        (["--initial", "s3://images/transform.h5"], "is an address: only files on this computer are read here"),
        (["--memory", "50MB"], "A worker with 50MB could not even start: give at least 300 MB"),
        (["--initial", "no.tfm"], "There is no transform at no.tfm"),
        (["--initial", __file__], "cannot be read as a transform: give one that SimpleITK or ANTs has written"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(pair, tmp_path, capsys, more, why):
    assert main(arguments(pair, tmp_path / "out", *more)) == 1
    error = capsys.readouterr().err
    assert why in error
    assert error.count("\n") == 1


def test_a_scheduler_without_a_port_is_refused_at_once(pair, tmp_path):
    """In a process of its own: what dask leaves behind of a client shows when it ends."""
    call = [sys.executable, "-m", "regseg", *quick(pair, tmp_path / "out", "--scheduler", "nonsense")]
    said = subprocess.run(call, capture_output=True, text=True, check=False, timeout=50)
    assert said.returncode == 1
    assert "No dask scheduler answers at nonsense (missing port" in said.stderr
    assert said.stderr.count("\n") == 1


@pytest.mark.parametrize("count", ["0", "-1", "two"])
def test_workers_are_counted_from_one(pair, tmp_path, capsys, count):
    with pytest.raises(SystemExit):
        main(arguments(pair, tmp_path / "out", "--workers", count))
    assert f"{count} workers cannot be: give 1 or more" in capsys.readouterr().err


def test_no_overlap_is_none_and_not_the_usual_one(pair, tmp_path, capsys):
    assert main(arguments(pair, tmp_path / "out", "--plan", "--block-size", "32", "--overlap", "0")) == 0
    assert " 32 x 32 x 32 " in capsys.readouterr().out.splitlines()[4]


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
