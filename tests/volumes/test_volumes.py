"""OME-Zarr volumes written here: what is written is what is read, in its place."""

import json
import os
import pickle
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest
import SimpleITK as sitk
import zarr

from regseg import volumes
from regseg.blocks import split
from regseg.grid import Box, Grid


def scan(size=(70, 50, 40), *, kind=np.int16) -> sitk.Image:
    """An oblique image with noise in it."""
    array = np.random.default_rng(0).integers(0, 1000, size[::-1]).astype(kind)
    image = sitk.GetImageFromArray(array)
    image.SetSpacing((0.75,) * (len(size) - 1) + (1.5,))
    image.SetOrigin((-20.0, 12.0, 31.0)[: len(size)])
    if len(size) == 3:
        image.SetDirection(sitk.Euler3DTransform((0, 0, 0), 0.3, -0.2, 0.5).GetMatrix())
    return image


def same(one: sitk.Image, other: sitk.Image) -> bool:
    return (
        np.array_equal(sitk.GetArrayFromImage(one), sitk.GetArrayFromImage(other))
        and one.GetPixelID() == other.GetPixelID()
        and np.allclose(one.GetOrigin(), other.GetOrigin())
        and np.allclose(one.GetSpacing(), other.GetSpacing())
        and np.allclose(one.GetDirection(), other.GetDirection())
    )


# --- saving and reading ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(70, 50, 40), (90, 33)])
@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.float32])
def test_an_image_comes_back_as_it_was(tmp_path, size, kind):
    image = scan(size, kind=kind)
    volume = volumes.save(image, tmp_path / "scan.zarr", chunk=32)
    assert same(volume.read(), image)
    assert volume.chunk == tuple(min(32, n) for n in size)
    assert volume.nbytes == image.GetNumberOfPixels() * np.dtype(kind).itemsize


def test_a_region_lies_where_it_lay(tmp_path):
    image, box = scan(), Box((10, 30, 5), (45, 50, 37))
    volume = volumes.save(image, tmp_path / "scan.zarr", chunk=16)
    assert same(volume.read(box), sitk.RegionOfInterest(image, box.size, box.start))


@pytest.mark.parametrize("ending", [".mha", ".nii.gz", ".nrrd"])
def test_a_file_is_saved_without_going_through_memory_by_hand(tmp_path, ending):
    sitk.WriteImage(scan(), tmp_path / f"scan{ending}")
    volume = volumes.save(tmp_path / f"scan{ending}", tmp_path / "scan.zarr", chunk=16)
    assert np.array_equal(sitk.GetArrayFromImage(volume.read()), sitk.GetArrayFromImage(scan()))
    assert np.allclose(volume.grid.points((5, 6, 7)), scan().TransformIndexToPhysicalPoint((5, 6, 7)), atol=1e-4)


def test_a_volume_can_be_saved_again_in_other_chunks(tmp_path):
    volumes.save(scan(), tmp_path / "one.zarr", chunk=32)
    again = volumes.save(tmp_path / "one.zarr", tmp_path / "two.zarr", chunk=16)
    assert same(again.read(), scan())
    assert again.chunk == (16, 16, 16)


# --- levels ----------------------------------------------------------------------------------------------------------


def test_levels_halve_the_finest_axes_until_the_image_is_small(tmp_path):
    volumes.save(scan(), tmp_path / "scan.zarr", chunk=16, coarsest=20)
    levels = volumes.levels(tmp_path / "scan.zarr")
    assert [level.grid.size for level in levels] == [(70, 50, 40), (35, 25, 40), (18, 13, 20)]
    assert [level.level for level in levels] == [0, 1, 2]


def test_a_level_holds_the_means_and_lies_over_them(tmp_path):
    image = scan((64, 48, 40), kind=np.float32)
    volumes.save(image, tmp_path / "scan.zarr", chunk=16, coarsest=40)
    coarse = volumes.levels(tmp_path / "scan.zarr")[1].read()
    expected = sitk.BinShrink(image, [2, 2, 1])
    assert np.allclose(sitk.GetArrayFromImage(coarse), sitk.GetArrayFromImage(expected), rtol=1e-5)
    assert np.allclose(coarse.GetOrigin(), expected.GetOrigin())


def test_many_chunks_lie_in_few_files(tmp_path):
    """A result of a terabyte would be two million files; every level is cut for itself."""
    grid = Grid((32, 33), (1.0, 1.0), (0.0, 0.0), (1.0, 0.0, 0.0, 1.0))
    with volumes.create(tmp_path / "large.zarr", volumes.pyramid(grid), "uint8", chunk=1, sharded=True) as levels:
        for level in levels:
            for block in split(level.grid.size, level.shard, (0, 0)):
                level.fill(block.core, lambda box: np.uint8(sum(np.ogrid[box.slices])))
    fine, coarse = volumes.levels(tmp_path / "large.zarr")[:2]
    assert (fine.chunk, fine.shard) == ((1, 1), (4, 4))
    assert coarse.shard == coarse.chunk == (1, 1)
    files = [file for file in (tmp_path / "large.zarr" / "0" / "c").rglob("*") if file.is_file()]
    assert len(files) == 8 * 9
    assert fine.missing() == (0, 8 * 9)
    assert np.array_equal(fine.array[:], np.indices((33, 32)).sum(axis=0))
    files[0].unlink()
    assert fine.missing() == (1, 8 * 9)


def test_missing_chunks_are_counted_in_an_image_of_any_size(tmp_path):
    """A terabyte has more chunks than anybody can look for one by one."""
    group, side = zarr.create_group(tmp_path / "scan.zarr", zarr_format=2), 2**19
    array = group.create_array("0", shape=(side,) * 3, chunks=(2,) * 3, dtype="uint8")
    array[:2, :2, :4] = 7
    axes = [{"name": name, "type": "space", "unit": "millimeter"} for name in "zyx"]
    datasets = [{"path": "0", "coordinateTransformations": [{"type": "scale", "scale": [1, 1, 1]}]}]
    group.attrs["multiscales"] = [{"version": "0.4", "axes": axes, "datasets": datasets}]
    chunks = (side // 2) ** 3
    assert volumes.open_volume(tmp_path / "scan.zarr").missing() == (chunks - 2, chunks)


@pytest.mark.parametrize("value", [None, 0, -1000, np.nan])
def test_what_is_read_where_a_chunk_is_not_there_is_known(tmp_path, value):
    """Zarr 2 may leave it open; a CT may say air."""
    group = zarr.create_group(tmp_path / "scan.zarr", zarr_format=2)
    group.create_array("0", shape=(4, 4), chunks=(2, 2), dtype="float32", fill_value=value)[:2] = 7
    axes = [{"name": name, "type": "space", "unit": "millimeter"} for name in "yx"]
    datasets = [{"path": "0", "coordinateTransformations": [{"type": "scale", "scale": [1, 1]}]}]
    group.attrs["multiscales"] = [{"version": "0.4", "axes": axes, "datasets": datasets}]
    volume = volumes.open_volume(tmp_path / "scan.zarr")
    assert volume.missing() == (2, 4)
    np.testing.assert_array_equal(volume.array[2:], np.full((2, 4), volume.empty))


def test_means_of_integers_are_rounded(tmp_path):
    image = sitk.GetImageFromArray(np.array([[0, 3], [4, 4]], np.uint8))
    volumes.save(image, tmp_path / "small.zarr", coarsest=1)
    assert volumes.levels(tmp_path / "small.zarr")[1].array[...].tolist() == [[3]]


@pytest.mark.parametrize("kind", ["int32", "uint32", "int64", "uint64"])
def test_means_of_large_integers_do_not_wrap(tmp_path, kind):
    limits = np.iinfo(kind)
    values = np.array([[limits.max, limits.max, 2**24 + 1, 2**24 + 1, limits.min, limits.min]], kind)
    volumes.save(sitk.GetImageFromArray(np.repeat(values, 2, axis=0)), tmp_path / "large.zarr", coarsest=3)
    wanted = [[limits.max, 2**24 + 1, limits.min]]
    assert volumes.levels(tmp_path / "large.zarr")[1].array[...].tolist() == wanted


# --- writing by blocks -----------------------------------------------------------------------------------------------


def test_vectors_are_written_and_read_by_blocks(tmp_path):
    grid = Grid.of(scan((12, 10, 8)))
    field = np.random.default_rng(0).random((8, 10, 12, 3)).astype(np.float32)
    left, right = Box((0, 0, 0), (6, 10, 8)), Box((6, 0, 0), (12, 10, 8))
    with volumes.create(tmp_path / "field.zarr", [grid], "float32", chunk=6, components=3) as (volume,):
        for box in (left, right):
            volume.write(grid.image(field[box.slices], box), box)
    volume = volumes.open_volume(tmp_path / "field.zarr")
    assert volume.components == 3
    assert volume.chunk == (6, 6, 6)
    assert same(volume.read(), grid.image(field))
    assert same(volume.read(right), grid.image(field[right.slices], right))


def test_a_failure_leaves_what_was_there(tmp_path):
    path = tmp_path / "scan.zarr"
    volumes.save(scan(), path)
    with (
        pytest.raises(ZeroDivisionError),
        volumes.create(path, [Grid.of(scan())], "int16") as (volume,),
    ):
        volume.write(scan() * 0, volume.grid.box)
        1 / 0  # noqa: B018
    assert same(volumes.open_volume(path).read(), scan())
    assert [entry.name for entry in tmp_path.iterdir()] == ["scan.zarr"]


def test_a_success_replaces_what_was_there(tmp_path):
    path = tmp_path / "scan.zarr"
    volumes.save(scan(), path)
    volumes.save(scan() + 1, path)
    assert same(volumes.open_volume(path).read(), scan() + 1)
    assert [entry.name for entry in tmp_path.iterdir()] == ["scan.zarr"]


def test_two_writers_of_one_file_do_not_mix(tmp_path):
    """The one that ends last stays, whole."""
    path, grid = tmp_path / "scan.zarr", Grid.of(scan())
    with volumes.create(path, [grid], "int16") as (slow,):
        slow.write(scan() + 1, Box((0, 0, 0), (70, 50, 20)))
        volumes.save(scan(), path)
        assert same(volumes.open_volume(path).read(), scan())
        slow.write((scan() + 1)[:, :, 20:], Box((0, 0, 20), (70, 50, 40)))
    assert same(volumes.open_volume(path).read(), scan() + 1)
    assert [entry.name for entry in tmp_path.iterdir()] == ["scan.zarr"]


KILLED_WRITER = """
import os, shutil, signal, sys
from regseg import volumes
from regseg.blocks import split
def removed(event, arguments):
    if event == "shutil.rmtree":
        os.kill(os.getpid(), signal.SIGKILL)
before = volumes.open_volume(sys.argv[1]).read()
sys.addaudithook(removed)
volumes.save(before + 1, sys.argv[1])
"""


def test_a_writer_killed_while_it_replaces_leaves_no_half(tmp_path):
    """Killed when it removes the old file: which has another name by then, and the new one is whole."""
    path = volumes.save(scan(), tmp_path / "scan.zarr").path
    call = [sys.executable, "-c", KILLED_WRITER, str(path)]
    assert subprocess.run(call, check=False).returncode == -signal.SIGKILL
    assert same(volumes.open_volume(path).read(), scan() + 1)


@pytest.fixture
def heedful():
    """Ctrl-C as a terminal has it: a suite in the background of a shell ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("heedful")
@pytest.mark.skipif(os.name == "nt", reason="on Windows Ctrl-C goes to all programs of a terminal")
def test_ctrl_c_while_chunks_are_written_leaves_nothing_half(tmp_path, capfd):
    noise = np.random.default_rng(0).integers(0, 2**16, (256, 256, 256), np.uint16)
    volumes.save(scan(), tmp_path / "scan.zarr")

    def press() -> None:
        while not list(tmp_path.glob("scan.partial-*/0/c/*/*/*")):
            assert writer.is_alive()
        os.kill(os.getpid(), signal.SIGINT)

    writer, presser = threading.current_thread(), threading.Thread(target=press)
    image = sitk.GetImageFromArray(noise)
    grid = volumes.header(image)[0]
    with (
        pytest.raises(KeyboardInterrupt),
        volumes.create(tmp_path / "scan.zarr", [grid], "uint16", chunk=32) as [level],
    ):
        presser.start()
        level.write(image, grid.box)
        presser.join()
    assert [file.name for file in tmp_path.iterdir()] == ["scan.zarr"]
    assert same(volumes.open_volume(tmp_path / "scan.zarr").read(), scan())
    assert capfd.readouterr().err == ""


def test_every_chunk_is_written_so_that_a_lost_one_shows(tmp_path):
    volume = volumes.save(scan() * 0, tmp_path / "empty.zarr", chunk=16)
    assert volume.array.nchunks_initialized == volume.array.nchunks


def test_a_level_can_be_read_before_it_is_written(tmp_path):
    for image in scan((70, 50, 41)), scan((33, 47, 150), kind=np.float32), scan((90, 33), kind=np.uint8):
        sitk.WriteImage(image, tmp_path / "scan.mha")
        volumes.save(image, tmp_path / "scan.zarr")
        for level in volumes.levels(tmp_path / "scan.zarr"):
            read = volumes.read_level(tmp_path / "scan.mha", level.level, slab=16)
            np.testing.assert_array_equal(read, level.array[:])
            assert read.dtype == level.array.dtype


# --- what is refused -------------------------------------------------------------------------------------------------


def test_what_is_not_there_is_said(tmp_path):
    with pytest.raises(volumes.VolumeError, match="There is no OME-Zarr volume"):
        volumes.open_volume(tmp_path / "nothing.zarr")
    volumes.save(scan((8, 8, 8)), tmp_path / "small.zarr")
    with pytest.raises(volumes.VolumeError, match="has no level 3"):
        volumes.open_volume(tmp_path / "small.zarr", level=3)


def test_zarr_without_an_image_is_refused(tmp_path):
    volumes.save(scan((8, 8, 8)), tmp_path / "small.zarr")
    (tmp_path / "small.zarr" / "zarr.json").write_text('{"zarr_format": 3, "node_type": "group"}')
    with pytest.raises(volumes.VolumeError, match="holds no OME-Zarr image"):
        volumes.open_volume(tmp_path / "small.zarr")


def test_only_a_zarr_file_is_replaced(tmp_path):
    with pytest.raises(volumes.VolumeError, match=r"ends in \.zarr"):
        volumes.save(scan((8, 8, 8)), tmp_path / "small.mha")
    (tmp_path / "mine.zarr").mkdir()
    (tmp_path / "mine.zarr" / "thesis.txt").write_text("years of work")
    with pytest.raises(volumes.VolumeError, match="left alone"):
        volumes.save(scan((8, 8, 8)), tmp_path / "mine.zarr")
    assert (tmp_path / "mine.zarr" / "thesis.txt").is_file()


def test_colours_and_what_is_no_image_are_refused(tmp_path):
    with pytest.raises(volumes.VolumeError, match="one component at a time"):
        volumes.save(sitk.Image([4, 4, 4], sitk.sitkVectorUInt8, 3), tmp_path / "colour.zarr")
    (tmp_path / "notes.mha").write_text("not an image")
    with pytest.raises(volumes.VolumeError, match="cannot be read"):
        volumes.save(tmp_path / "notes.mha", tmp_path / "notes.zarr")
    assert not (tmp_path / "notes.zarr").exists()


def test_a_damaged_label_is_named(tmp_path):
    volumes.save(scan((8, 8, 8)), tmp_path / "small.zarr")
    label = tmp_path / "small.zarr" / "zarr.json"
    label.write_text(label.read_text()[:100])
    with pytest.raises(volumes.VolumeError, match="small.zarr is damaged: its metadata cannot be read"):
        volumes.open_volume(tmp_path / "small.zarr")


# --- other readers ---------------------------------------------------------------------------------------------------


def test_the_metadata_are_those_of_the_standard(tmp_path):
    volumes.save(scan(), tmp_path / "scan.zarr", coarsest=40)
    label = json.loads((tmp_path / "scan.zarr" / "zarr.json").read_text())["attributes"]
    image = label["ome"]["multiscales"][0]
    assert label["ome"]["version"] == "0.5"
    assert [axis["name"] for axis in image["axes"]] == ["z", "y", "x"]
    assert [step["type"] for step in image["datasets"][0]["coordinateTransformations"]] == ["scale", "translation"]
    assert image["datasets"][0]["coordinateTransformations"][0]["scale"] == [1.5, 0.75, 0.75]
    assert np.allclose(label["regseg"]["direction"], scan().GetDirection())


def test_a_file_without_a_direction_is_straight(tmp_path):
    volumes.save(scan((8, 8, 8)), tmp_path / "small.zarr")
    label = tmp_path / "small.zarr" / "zarr.json"
    content = json.loads(label.read_text())
    del content["attributes"]["regseg"]
    label.write_text(json.dumps(content))
    assert volumes.open_volume(tmp_path / "small.zarr").grid.direction == tuple(np.eye(3).ravel())


def test_another_reader_finds_the_same_voxels_in_the_same_places(tmp_path):
    ngff_zarr = pytest.importorskip("ngff_zarr")
    volumes.save(scan(), tmp_path / "scan.zarr", coarsest=40)
    read = ngff_zarr.from_ngff_zarr(tmp_path / "scan.zarr", validate=False)
    ours = volumes.levels(tmp_path / "scan.zarr")
    assert len(read.images) == len(ours)
    for image, volume in zip(read.images, ours, strict=True):
        assert image.dims == ("z", "y", "x")
        assert np.array_equal(np.asarray(image.data), volume.array[...])
        assert tuple(image.scale[axis] for axis in "xyz") == volume.grid.spacing
        assert tuple(image.translation[axis] for axis in "xyz") == volume.grid.origin


def test_a_volume_travels_to_another_process(tmp_path):
    volume = volumes.save(scan(), tmp_path / "scan.zarr")
    assert same(pickle.loads(pickle.dumps(volume)).read(), scan())
