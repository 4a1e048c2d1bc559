"""A file is written whole or not at all."""

import errno
import os
import subprocess
import sys

import numpy as np
import pytest
import SimpleITK as sitk

from regseg.files import written_whole


def contents(folder) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_reader_finds_the_old_file_until_the_new_one_is_whole(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_bytes(b"old")
    with written_whole(path) as file:
        file.write(b"new")
        assert path.read_bytes() == b"old"
    assert contents(tmp_path) == {"notes.txt": b"new"}


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no groups that may write")
def test_who_may_write_into_a_file_still_may_when_it_is_written_anew(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_bytes(b"old")
    path.chmod(0o664)
    with written_whole(path) as file:
        file.write(b"new")
    assert path.stat().st_mode & 0o777 == 0o664


def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_bytes(b"old")
    with pytest.raises(ZeroDivisionError), written_whole(path) as file:
        file.write(b"half of the")
        raise ZeroDivisionError
    assert contents(tmp_path) == {"notes.txt": b"old"}


def test_a_process_that_is_killed_leaves_the_old_file(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_bytes(b"old")
    code = (
        "import os, pathlib, sys\nfrom regseg.files import written_whole\n"
        "with written_whole(pathlib.Path(sys.argv[1])) as file:\n    file.write(b'half of the')\n    os._exit(9)"
    )
    assert subprocess.run([sys.executable, "-c", code, path]).returncode == 9
    assert path.read_bytes() == b"old"


def test_two_writers_of_one_file_do_not_mix_their_words(tmp_path):
    path = tmp_path / "notes.txt"
    with written_whole(path) as one, written_whole(path) as two:
        one.write(b"one")
        two.write(b"two")
    assert contents(tmp_path) == {"notes.txt": b"one"}  # its block ended last


def test_a_library_that_wants_a_name_gets_one_with_the_right_ending(tmp_path):
    path = tmp_path / "mask.nii.gz"
    mask = sitk.GetImageFromArray(np.eye(5, dtype=np.uint8))
    with written_whole(path) as file:
        sitk.WriteImage(mask, file.name)
    assert [each.name for each in tmp_path.iterdir()] == ["mask.nii.gz"]
    assert np.array_equal(sitk.GetArrayFromImage(sitk.ReadImage(path)), np.eye(5))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot limit the size of files")
def test_a_full_disk_leaves_the_old_file(tmp_path):
    import resource

    path, limits = tmp_path / "notes.txt", resource.getrlimit(resource.RLIMIT_FSIZE)
    path.write_bytes(b"old")
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(OSError, match=os.strerror(errno.EFBIG)), written_whole(path) as file:
            file.write(bytes(2000))
        with pytest.raises(OSError, match=f"{os.strerror(errno.ENOSPC)}: .*notes.txt"), written_whole(path) as file:
            np.save(file, np.zeros(2000))  # whose own error does not say why
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert contents(tmp_path) == {"notes.txt": b"old"}


def test_an_error_of_another_file_is_no_full_disk(tmp_path):
    with pytest.raises(OSError, match=r"^the server is gone$"), written_whole(tmp_path / "notes.txt"):
        raise OSError("the server is gone")
