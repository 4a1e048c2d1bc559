"""The cache and the downloads: whole or not there, whatever goes wrong; and a message that says what to do."""

import contextlib
import dataclasses
import errno
import gzip
import hashlib
import http.server
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
from itertools import repeat
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from regseg import data
from regseg.data import store
from regseg.data.cards import Card, by_name


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch) -> Path:
    """An empty cache whose path has spaces and letters outside ASCII."""
    place = tmp_path / "mes données – 画像"
    monkeypatch.setenv("REGSEG_CACHE", str(place))
    monkeypatch.delenv("REGSEG_DATA_MIRROR", raising=False)
    return place


@pytest.fixture
def toy(tmp_path, monkeypatch) -> tuple[Card, Path]:
    """A registered image, and its file in a local mirror. Nobody answers at its own address."""
    file = tmp_path / "mirror" / "some where" / "toy.mha"
    file.parent.mkdir(parents=True)
    sitk.WriteImage(sitk.GaussianSource(size=[8, 9, 10]), file)
    card = Card(
        "toy",
        "real",
        "CT",
        "Toy",
        "A toy.",
        file="some where/toy.mha",
        urls=("http://127.0.0.1:9/toy.mha",),
        hash="sha256:" + hashlib.sha256(file.read_bytes()).hexdigest(),
        bytes=file.stat().st_size,
    )
    monkeypatch.setitem(by_name(), "toy", card)
    return card, file


def leftovers(cache: Path) -> list[Path]:
    return [path for path in cache.rglob("*") if "partial" in path.name or path.name.startswith("tmp")]


def regseg(*arguments: str, cache: Path) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "regseg", "data", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "REGSEG_CACHE": str(cache)},
    )


# Embedded


@pytest.mark.parametrize("name", ["brain_thick", "pair_rigid", "dicom_head", "radiograph"])
def test_any_letters_in_the_path(name, cache):
    place = data.path(name)
    assert cache in place.parents
    if name == "pair_rigid":
        assert data.load_pair(name).transform.GetName() == "Euler3DTransform"
    elif name == "dicom_head":
        assert len(sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(place))) == 63
    else:
        assert data.load(name).GetDimension() == 3
    assert not leftovers(cache)


def test_notice_goes_with_every_derivative():
    assert "Louis Collins" in (data.path("brain_mask").parent / "NOTICE.txt").read_text(encoding="utf-8")


def test_only_what_is_asked_for_is_made(cache):
    data.load("brain_thick")
    assert {path.name for path in next(cache.glob("made-*")).iterdir()} == {"brain_t1", "brain_thick"}


def test_damaged_file_is_made_again():
    before = data.load("brain_mask")
    file = data.path("brain_mask")
    file.write_bytes(file.read_bytes()[:1000])
    np.testing.assert_array_equal(sitk.GetArrayFromImage(data.load("brain_mask")), sitk.GetArrayFromImage(before))


def test_missing_slice_of_a_series_is_noticed():
    next(data.path("dicom_head").iterdir()).unlink()
    assert len(list(data.path("dicom_head").iterdir())) == 63


def test_images_are_made_anew_when_their_makers_change_and_not_for_a_sentence(root, tmp_path):
    shutil.copytree(root / "src" / "regseg", tmp_path / "src" / "regseg")
    shutil.copytree(root / "data", tmp_path / "data")

    def made(changed: str) -> bytes:
        with (tmp_path / "src" / "regseg" / changed).open("a", encoding="utf-8") as source:
            source.write("# changed\n")
        where = [sys.executable, "-m", "regseg", "data", "where", "brain_t1"]
        environment = {**os.environ, "PYTHONPATH": str(tmp_path / "src")}
        return subprocess.run(where, env=environment, capture_output=True, check=True).stdout

    assert made("data/cards.py") == made("data/page.py")
    keys = [made(changed) for changed in ("data/page.py", "data/recipes.py", "synth/looks.py", "grid.py")]
    assert len(set(keys)) == 4


def test_killed_in_the_middle_leaves_nothing_that_is_read(cache):
    killed = subprocess.run(
        [
            sys.executable,
            "-c",
            (
                "import os, SimpleITK as sitk\n"
                "write = sitk.WriteImage\n"
                "def die(image, path, **options):\n"
                "    write(image, path, **options)\n"
                "    os._exit(9)\n"
                "sitk.WriteImage = die\n"
                "from regseg import data\n"
                "data.load('brain_t1')\n"
            ),
        ],
        env=os.environ,
        check=False,
    )
    assert killed.returncode == 9
    assert not list(cache.glob("made-*/brain_t1"))
    assert data.load("brain_t1").GetSize() == (197, 233, 189)


def test_two_processes_at_once(cache):
    both = [regseg("fetch", "brain_mask", "brain_thick", "rater_1", cache=cache) for _ in range(2)]
    assert [process.communicate()[1] for process in both] == [b"", b""]
    assert [process.returncode for process in both] == [0, 0]
    assert not leftovers(cache)
    assert data.load("rater_1").GetSize() == (197, 233, 189)


def test_another_process_that_finishes_first_wins(cache):
    def slow(place: Path) -> None:
        store.whole(target, lambda other: (other / "file").write_text("first", encoding="utf-8"))
        (place / "file").write_text("second", encoding="utf-8")

    target = cache / "dataset"
    assert (store.whole(target, slow) / "file").read_text(encoding="utf-8") == "first"


@pytest.mark.parametrize(
    "problem",
    [
        OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)),
        RuntimeError("sitk::ERROR: Error writing the file"),
    ],
    ids=["from Python", "from SimpleITK"],
)
def test_no_space_left(cache, monkeypatch, problem):
    def write(*_, **__):
        raise problem

    monkeypatch.setattr(sitk, "WriteImage", write)
    full = shutil.disk_usage(cache.parent)._replace(free=0)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: full)
    with pytest.raises(data.DataError, match="No space is left .* REGSEG_CACHE"):
        data.load("brain_t1")
    monkeypatch.undo()
    assert not leftovers(cache) and not list(cache.glob("made-*/brain_t1"))


def test_cache_that_may_not_be_written(monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    data.load("brain_t1")
    monkeypatch.setattr(tempfile, "mkdtemp", refuse)
    assert data.load("brain_t1").GetSize() == (197, 233, 189)  # reading what is there needs no writing
    with pytest.raises(data.DataError, match="cannot be written .* REGSEG_CACHE"):
        data.load("brain_mask")


def test_cache_below_a_file(cache):
    cache.write_text("not a folder", encoding="utf-8")
    with pytest.raises(data.DataError, match="cannot be written .* REGSEG_CACHE"):
        data.load("brain_t1")


def test_cache_of_somebody_else(cache):
    data.load("brain_t1")
    cache.chmod(0)
    cache.parent.chmod(0)
    root = hasattr(os, "geteuid") and os.geteuid() == 0  # whom no folder stops
    try:
        if root:
            os.seteuid(65534)
        with pytest.raises(data.DataError, match="cannot be written .* REGSEG_CACHE"):
            data.load("brain_t1")
    finally:
        if root:
            os.seteuid(0)
        cache.parent.chmod(0o700)
        cache.chmod(0o700)


def test_cache_in_a_place_where_no_folder_can_be_made(monkeypatch, tmp_path):
    """A disk of size 0, as some systems have: it is not full, nothing can be written there at all."""
    monkeypatch.setenv("REGSEG_CACHE", "/proc/self/nothing" if Path("/proc/self").exists() else str(tmp_path / "\0"))
    with pytest.raises(data.DataError, match="cannot be written .* REGSEG_CACHE"):
        data.load("brain_t1")


@pytest.mark.parametrize("sums", ["[]", "{}", "3", '"text"', "{", "null"])
def test_damaged_list_of_sums_is_no_list(sums):
    before = data.path("brain_t1")
    (before.parent / "sums.json").write_text(sums, encoding="utf-8")
    before.write_bytes(b"")
    assert data.load("brain_t1").GetSize() == (197, 233, 189)


def test_what_nobody_needs_any_more_is_removed(cache):
    """What another version made goes after a month without use, what a killed process left unfinished after a day."""

    def put(name: str, days: float) -> Path:
        place = cache / name
        place.mkdir(parents=True)
        os.utime(place, (time.time() - days * 86400,) * 2)
        return place

    gone = [put("made-old", 31), put("unpacked/.partial-1", 2), put("public/tmp1", 2)]
    kept = [put("made-other", 29), put("public/tmp2", 0.5), put("unpacked/.partial-2", 0.5)]
    data.load("brain_t1")
    assert not any(place.exists() for place in gone) and all(place.exists() for place in kept)


def test_a_version_that_is_still_used_keeps_its_images():
    made = data.path("brain_t1").parents[1]
    os.utime(made, (0, 0))
    data.load("brain_t1")
    assert time.time() - made.stat().st_mtime < 3600


# Registered


def test_local_mirror(toy, monkeypatch):
    card, file = toy
    monkeypatch.setenv("REGSEG_DATA_MIRROR", str(file.parents[1]))
    assert data.load("toy").GetSize() == (8, 9, 10)
    file.unlink()
    assert data.load("toy").GetSize() == (8, 9, 10)  # from the cache


@pytest.mark.usefixtures("toy")
def test_mirror_without_the_file(monkeypatch, tmp_path):
    monkeypatch.setenv("REGSEG_DATA_MIRROR", str(tmp_path))
    with pytest.raises(data.DataError, match="there is no such file(.|\n)*some where/toy.mha"):
        data.load("toy")


def test_no_network_says_what_to_do(toy):
    with pytest.raises(data.DataError, match="127.0.0.1: no answer") as caught:
        data.load("toy")
    message = str(caught.value)
    assert "REGSEG_DATA_MIRROR" in message
    by_hand = Path(message.partition("or put that file at ")[2].removesuffix("."))
    shutil.copy(toy[1], by_hand)  # the advice works
    assert data.load("toy").GetSize() == (8, 9, 10)


def test_wrong_hash(cache, toy, monkeypatch):
    file = toy[1]
    file.write_bytes(file.read_bytes()[:-1] + b"!")
    monkeypatch.setenv("REGSEG_DATA_MIRROR", str(file.parents[1]))
    with pytest.raises(data.DataError, match=f"wrong hash .*{hashlib.sha256(file.read_bytes()).hexdigest()}.* removed"):
        data.load("toy")
    assert not list((cache / "public").iterdir())


def test_half_a_file_is_fetched_again(cache, toy, monkeypatch):
    card, file = toy
    (cache / "public").mkdir(parents=True)
    (cache / "public" / "toy.mha").write_bytes(file.read_bytes()[:500])
    monkeypatch.setenv("REGSEG_DATA_MIRROR", str(file.parents[1]))
    assert data.load("toy").GetSize() == (8, 9, 10)


@pytest.fixture
def server(toy):
    """An HTTP mirror with the toy; what lies under /short/ breaks off half-way, and there is worse."""

    gone = threading.Event()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def do_GET(self):
            if self.path.startswith("/short/"):
                self.send(200, {"Content-Length": "4000"}, [b"x" * 100])
            elif self.path.startswith("/endless/"):
                self.send(200, {}, repeat(b"x" * 2**16))
            elif self.path.startswith("/packed/"):
                self.send(200, {"Content-Encoding": "gzip"}, [gzip.compress(b"x" * 2**24)])
            elif self.path.startswith("/dripping/"):
                self.send(200, {"Content-Length": "4000"}, map(self.drop, repeat(b"x")))
            else:
                super().do_GET()

        def send(self, status, headers, pieces):
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            with contextlib.suppress(OSError):  # nobody listens any more
                for piece in pieces:
                    self.wfile.write(piece)

        def drop(self, piece):
            gone.wait(0.05)
            return piece

        def translate_path(self, path):
            return str(toy[1].parents[1] / super().translate_path(path).removeprefix(os.getcwd()).lstrip("/\\"))

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        gone.set()
        running.shutdown()


@pytest.mark.usefixtures("toy")
def test_server_as_mirror(server, monkeypatch, capsys):
    monkeypatch.setenv("REGSEG_DATA_MIRROR", server + "/")
    assert data.load("toy").GetSize() == (8, 9, 10)
    shown = capsys.readouterr()
    assert "100%" in shown.err and not shown.out  # the progress bar


@pytest.mark.parametrize(
    ("folder", "reason"),
    [
        ("short", "broke off"),
        ("nowhere", "answered 404"),
        ("endless", "sent more than the .* bytes that the file has"),
        ("packed", "sent more than the .* bytes"),
        ("dripping", "sent only .* bytes in"),
    ],
)
@pytest.mark.usefixtures("toy")
def test_server_that_fails(cache, server, monkeypatch, folder, reason):
    monkeypatch.setattr(store, "PATIENCE", 1)
    monkeypatch.setenv("REGSEG_DATA_MIRROR", f"{server}/{folder}")
    with pytest.raises(data.DataError, match=reason):
        data.load("toy")
    assert not list((cache / "public").iterdir())


@pytest.mark.usefixtures("toy")
def test_the_password_of_a_mirror_is_not_printed(server, monkeypatch):
    secret = server.replace("://", "://me:p@ss/w0rd@") + "/nowhere"
    for mirror in (secret, secret.replace("http", "https"), "http://me:w0rd@127.0.0.1:9", "ftp://me:w0rd@host/place"):
        monkeypatch.setenv("REGSEG_DATA_MIRROR", mirror)
        with pytest.raises(data.DataError) as caught:
            data.load("toy")
        assert "w0rd" not in str(caught.value) and "me:" not in str(caught.value)
        assert caught.value.__cause__ is None and caught.value.__context__ is None


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="only where the system has an endless file")
def test_an_endless_file_in_a_folder_is_not_followed(toy, monkeypatch):
    toy[1].unlink()
    toy[1].symlink_to("/dev/zero")
    monkeypatch.setenv("REGSEG_DATA_MIRROR", str(toy[1].parents[1]))
    with pytest.raises(data.DataError, match="there is no such file"):
        data.load("toy")


@pytest.mark.usefixtures("toy")
def test_an_address_of_another_kind_is_no_folder(monkeypatch):
    monkeypatch.setenv("REGSEG_DATA_MIRROR", "s3://bucket/images")
    with pytest.raises(data.DataError, match="s3://bucket/images: an address begins with https:// or http://"):
        data.load("toy")


def test_servers_are_tried_in_order(toy, server, monkeypatch):
    card = dataclasses.replace(toy[0], urls=(*toy[0].urls, f"{server}/nowhere", f"{server}/some%20where/toy.mha"))
    monkeypatch.setitem(by_name(), "toy", card)
    assert data.load("toy").GetSize() == (8, 9, 10)


def test_image_inside_an_archive(toy, monkeypatch, tmp_path):
    mirror = tmp_path / "archives"
    mirror.mkdir()
    image = sitk.ReadImage(toy[1])
    sitk.WriteImage(image, tmp_path / "toy.mhd")
    with tarfile.open(mirror / "toy.tar", "w") as tar:
        tar.add(tmp_path / "toy.mhd", "toy.mhd")
        tar.add(tmp_path / "toy.raw", "toy.raw")
    digest = hashlib.sha512((mirror / "toy.tar").read_bytes()).hexdigest()
    card = dataclasses.replace(toy[0], file="toy.tar", hash=f"sha512:{digest}", bytes=None, member="toy.mhd")
    monkeypatch.setitem(by_name(), "toy", card)
    monkeypatch.setenv("REGSEG_DATA_MIRROR", str(mirror))
    assert data.load("toy").GetSize() == (8, 9, 10)
    data.path("toy").with_suffix(".raw").write_bytes(b"")  # damaged: unpacked again
    np.testing.assert_array_equal(sitk.GetArrayFromImage(data.load("toy")), sitk.GetArrayFromImage(image))
