"""OME-Zarr behind an address: an object store (moto's server) and a web server on loopback, well and ill."""

import json
import os
import pickle
import re
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from urllib.parse import unquote
from urllib.request import Request, urlopen

import numpy as np
import obstore
import pytest
import SimpleITK as sitk
from obstore.store import from_url

from regseg import distributed, volumes
from regseg.__main__ import main

KEY, SECRET = "AKIANOTAREALKEY", "not-a-real-secret-9f2c"


@pytest.fixture(scope="module")
def server():
    """The address of an object store: moto's server, in an environment of its own, as it asks for other versions."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    call = [sys.executable, "-m", "uv", "tool", "run", "--quiet", "--with", "flask", "--with", "flask-cors"]
    call += ["--from", "moto[s3]==5.2.5", "moto_server", "--host", "127.0.0.1", "--port", str(port)]
    with subprocess.Popen(call, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            while not answers(port):
                if process.poll() is not None:
                    pytest.skip("moto's server could not be installed or started: is there a network?")
                time.sleep(0.2)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def bucket(server, monkeypatch, request):
    """The address of an empty bucket, whose keys are in the environment."""
    for name, value in {
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_ENDPOINT_URL": server,
        "AWS_REGION": "us-east-1",
        "AWS_ALLOW_HTTP": "true",
    }.items():
        monkeypatch.setenv(name, value)
    name = re.sub(r"[^a-z]+", "-", request.node.name.lower())[:60].strip("-")
    urlopen(Request(f"{server}/{name}", method="PUT")).close()
    return f"s3://{name}"


def keys(bucket) -> list[str]:
    """The names of all objects in a bucket."""
    return sorted(each["path"] for some in obstore.list(from_url(bucket)) for each in some)


def scan(size=(40, 30, 20), seed=0) -> sitk.Image:
    """Noise on an oblique grid."""
    image = sitk.GetImageFromArray(np.random.default_rng(seed).integers(0, 1000, size[::-1]).astype(np.int16))
    image.SetSpacing((0.5, 0.5, 2.0))
    image.SetDirection(sitk.Euler3DTransform((0, 0, 0), 0.3, -0.2, 0.5).GetMatrix())
    return image


def voxels(image: sitk.Image) -> np.ndarray:
    return sitk.GetArrayFromImage(image)


def test_an_image_in_an_object_store_comes_back_as_it_was(bucket):
    saved = volumes.save(scan(), f"{bucket}/scan.zarr", chunk=32)
    assert np.array_equal(voxels(saved.read()), voxels(scan()))
    assert saved.grid.matches(volumes.header(scan())[0])
    assert len(volumes.levels(f"{bucket}/scan.zarr")) == len(volumes.pyramid(saved.grid)) > 1
    again = pickle.loads(pickle.dumps(saved))
    assert np.array_equal(again.array[3:5, :, 7], saved.array[3:5, :, 7])


def test_the_metadata_make_a_file_of_the_levels(bucket):
    """Nothing can be renamed there: until they name the new levels, the old file stands."""
    volumes.save(scan(), f"{bucket}/scan.zarr", chunk=32)
    before = keys(bucket)
    with (
        pytest.raises(RuntimeError, match="the power fails"),
        volumes.create(f"{bucket}/scan.zarr", [volumes.header(scan())[0]], "int16") as [level],
    ):
        level.array[:] = 7
        assert len(keys(bucket)) > len(before)
        assert np.array_equal(voxels(volumes.open_volume(f"{bucket}/scan.zarr").read()), voxels(scan()))
        raise RuntimeError("the power fails")
    assert keys(bucket) == before
    volumes.save(scan(seed=1), f"{bucket}/scan.zarr", chunk=32)
    assert np.array_equal(voxels(volumes.open_volume(f"{bucket}/scan.zarr").read()), voxels(scan(seed=1)))
    assert len(keys(bucket)) == len(before)  # the old levels are gone


def test_a_registration_from_store_to_store(bucket, tmp_path, capsys):
    """The keys are told to nobody: not to a plan, a report, a message, or a worker's task."""
    z, y, x = np.meshgrid(*[np.arange(48.0)] * 3, indexing="ij")
    for name, shift in ("fixed", 0), ("moving", 2):
        values = 100 * (np.sin((x - shift) / 4) + np.cos(y / 5) + np.sin(z / 6)) + 400
        values[(abs(x - 24 - shift) > 17) | (abs(y - 24) > 17) | (abs(z - 24) > 17)] = 0
        volumes.save(sitk.GetImageFromArray(values.astype(np.float32)), f"{bucket}/{name}.zarr", chunk=32)
    call = ["register-large", f"{bucket}/fixed.zarr", f"{bucket}/moving.zarr", "--output", f"{bucket}/out"]
    assert main(call) == 1
    assert "give --work FOLDER" in capsys.readouterr().err
    assert main([*call, "--work", str(tmp_path / "work"), "--spacing", "2"]) == 0
    said = "".join(capsys.readouterr())
    content = volumes.fetch(f"{bucket}/out", "transform.h5")
    (tmp_path / "transform.h5").write_bytes(content)
    moved = sitk.ReadTransform(str(tmp_path / "transform.h5")).TransformPoint((24.0, 24.0, 24.0))
    assert moved == pytest.approx((26, 24, 24), abs=0.5)
    warped, fixed = (volumes.open_volume(f"{bucket}/{name}.zarr") for name in ("out/warped", "fixed"))
    assert np.abs(warped.array[14:34, 14:34, 14:34] - fixed.array[14:34, 14:34, 14:34]).mean() < 25
    planned = distributed.plan(fixed.path, warped.path)
    told = [
        said,
        str(planned),
        repr(planned.fixed),
        repr(warped),
        volumes.fetch(f"{bucket}/out", "report.csv").decode(),
    ]
    told += [json.dumps(distributed.engine._facts(planned)), str(pickle.dumps(warped))]
    assert not any(word in text for word in (KEY, SECRET) for text in told)
    assert volumes.neuroglancer_address(f"{bucket}/fixed.zarr", f"{bucket}/out/warped.zarr") in said


def test_an_address_of_neuroglancer_holds_what_it_is_to_show():
    address = volumes.neuroglancer_address("https://a.org/my scan.zarr/", "s3://bucket/out/warped.zarr")
    viewer, _, state = address.partition("#!")
    assert viewer.startswith("https://")
    assert re.fullmatch(r"[\w.%-]+", state)  # may stand in a mail as it is
    assert [(each["name"], each["source"]) for each in json.loads(unquote(state))["layers"]] == [
        ("my scan.zarr", "https://a.org/my scan.zarr/|zarr:"),
        ("warped.zarr", "s3://bucket/out/warped.zarr/|zarr:"),
    ]
    with pytest.raises(volumes.VolumeError, match="holds a password"):
        volumes.neuroglancer_address("https://me:secret@a.org/scan.zarr")


def test_what_a_store_refuses_is_said_in_a_line(bucket, monkeypatch):
    with pytest.raises(volumes.VolumeError, match="There is no OME-Zarr volume at s3://"):
        volumes.open_volume(f"{bucket}/nothing.zarr")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(volumes.VolumeError, match="scan.zarr cannot be read: The store .* does not give") as error:
        volumes.open_volume(f"{bucket}/scan.zarr")
    assert SECRET not in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("address", "why"),
    [
        (f"s3://{KEY}:{SECRET}@bucket/scan.zarr", "holds a password or a signature, which would stand in every"),
        (f"https://example.org/scan.zarr?X-Amz-Signature={SECRET}", "An address of example.org holds a password"),
        ("ftp://example.org/scan.zarr", "is an address of a kind that is not read: https://, s3://, gs://"),
        ("http://example.org/scan.zarr", "would be read unencrypted"),
    ],
)
def test_addresses_that_are_not_read_are_named(address, why):
    with pytest.raises(volumes.VolumeError, match=re.escape(why)) as error:
        volumes.open_volume(address)
    assert SECRET not in str(error.value)


def test_what_is_read_by_https_is_not_written_there():
    with pytest.raises(volumes.VolumeError, match="a kind that is not written: s3://, gs://"):
        volumes.demand_writable("https://example.org/scan.zarr")


# --- a web server that may be ill


class Ill(SimpleHTTPRequestHandler):
    """Serves a folder; each of the `faults`, used up one by one, spoils an answer."""

    faults: list[str] = []
    taken: dict[str, bytes] = {}
    over = Event()  # when the tests are: until then nothing comes from who is silent
    mute = False  # no chunk comes
    asked = Event()  # for a chunk

    def do_GET(self):
        if self.mute and "/c/" in self.path:
            self.asked.set()
            self.faults.append("silent")
        fault = self.faults.pop() if self.faults else "none"
        if fault == "busy":
            self.send_error(503)
        elif fault == "silent":
            self.over.wait()
            self.close_connection = True
        elif fault == "slow":
            self.wfile = Slow(self.wfile)
            super().do_GET()
        elif fault == "endless":
            self.send_response(200)
            self.send_header("Content-Length", "1000000")
            self.end_headers()
            with suppress(ConnectionError):  # who asked has gone
                while not self.over.wait(0.1):
                    self.wfile.write(b" ")
        elif fault == "forbidden":
            self.send_error(403)
        elif fault == "lost":
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b"{")  # and no more: the connection ends
            self.close_connection = True
        else:
            super().do_GET()

    def do_PUT(self):
        content = self.rfile.read(int(self.headers["Content-Length"]))
        fault = self.faults.pop() if self.faults else "none"
        if fault == "none":
            self.taken[self.path] = content
            self.send_response(200)
            self.send_header("ETag", '"1"')
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif fault == "lost":
            self.close_connection = True
        else:
            self.faults.append(fault)
            self.do_GET()

    def log_message(self, *words):
        pass


class Slow:
    """A connection on which each piece of an answer takes a while."""

    def __init__(self, file):
        self.file = file

    def write(self, content):
        for start in range(0, len(content), 2000):
            Ill.over.wait(0.1)
            self.file.write(content[start : start + 2000])
        return len(content)

    def __getattr__(self, name):
        return getattr(self.file, name)


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    """A folder with an image, and the address that serves it."""
    folder = tmp_path_factory.mktemp("shelf")
    volumes.save(scan(), folder / "scan.zarr", chunk=32)
    with volumes.create(folder / "field.zarr", [volumes.header(scan())[0]], "float32", components=3) as [field]:
        field.array[...] = 0
    web = ThreadingHTTPServer(("127.0.0.1", 0), partial(Ill, directory=str(folder)))
    Thread(target=web.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{web.server_port}"
    Ill.over.set()
    web.shutdown()
    web.server_close()


@pytest.mark.parametrize("faults", [[], ["busy"], ["busy", "busy"], ["lost"], ["none", "none", "lost", "busy"]])
def test_a_server_that_stumbles_is_asked_again(shelf, monkeypatch, faults):
    monkeypatch.setattr(Ill, "faults", [*faults])
    volume = volumes.open_volume(f"{shelf}/scan.zarr")
    assert np.array_equal(voxels(volume.read()), voxels(scan()))
    assert not Ill.faults


@pytest.mark.parametrize(("fault", "why"), [("busy", "503"), ("forbidden", "has this process the keys")])
def test_a_server_that_refuses_for_good_is_said(shelf, monkeypatch, fault, why):
    monkeypatch.setattr(Ill, "faults", [fault] * 40)
    with pytest.raises(volumes.VolumeError, match=f"scan.zarr cannot be read: .*{why}") as error:
        volumes.open_volume(f"{shelf}/scan.zarr")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("fault", ["silent", "endless"])
def test_a_server_that_is_silent_or_never_ends_is_not_waited_for(shelf, monkeypatch, capsys, tmp_path, fault):
    monkeypatch.setenv("REGSEG_PATIENCE", "0.3")
    monkeypatch.setattr(Ill, "faults", [fault] * 40)
    (tmp_path / "points.csv").write_text("1,2,3\n")
    call = ["map-points", f"{shelf}/scan.zarr", str(tmp_path / "points.csv"), "--output", str(tmp_path / "out.csv")]
    began = time.monotonic()
    assert main(call) == 1
    assert time.monotonic() - began < 60
    said = capsys.readouterr().err
    assert re.fullmatch(r"regseg: http://127\S+scan.zarr cannot be read: The server does not give .*\n", said)
    assert not (tmp_path / "out.csv").exists()


def test_a_slow_server_is_waited_for(shelf, monkeypatch):
    """Longer than it may be silent, for it is not."""
    monkeypatch.setenv("REGSEG_PATIENCE", "0.5")
    monkeypatch.setattr(Ill, "faults", ["slow"] * 40)
    volume = volumes.open_volume(f"{shelf}/scan.zarr")
    began = time.monotonic()
    assert np.array_equal(voxels(volume.read()), voxels(scan()))
    assert time.monotonic() - began > 0.5


@pytest.mark.skipif(os.name == "nt", reason="on Windows Ctrl-C goes to all programs of a terminal")
def test_ctrl_c_while_a_chunk_is_waited_for_is_a_line(shelf, monkeypatch, tmp_path):
    monkeypatch.setattr(Ill, "faults", [])
    monkeypatch.setattr(Ill, "mute", True)
    (tmp_path / "points.csv").write_text("1,2,3\n")
    call = [sys.executable, "-m", "regseg", "map-points", f"{shelf}/field.zarr", str(tmp_path / "points.csv")]
    call += ["--output", str(tmp_path / "out.csv")]
    # As a terminal starts it: a suite in the background of a shell hands down that Ctrl-C is ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        process = subprocess.Popen(call, stderr=subprocess.PIPE, text=True)
    finally:
        signal.signal(signal.SIGINT, before)
    with process:
        assert Ill.asked.wait(100)
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=50)[1] == "regseg: interrupted\n"
    assert process.returncode == 130
    assert [file.name for file in tmp_path.iterdir()] == ["points.csv"]


@pytest.mark.parametrize("patience", ["soon", "0", "-1", "nan", "inf"])
def test_a_patience_that_is_no_time_is_named(monkeypatch, patience):
    monkeypatch.setenv("REGSEG_PATIENCE", patience)
    with pytest.raises(volumes.VolumeError, match=f"REGSEG_PATIENCE is {patience}: give the seconds"):
        volumes.open_volume("https://example.org/scan.zarr")


@pytest.fixture
def ill_bucket(shelf, monkeypatch):
    """The address of a bucket in the ill server, which takes objects, and whose keys are in the environment."""
    for name, value in {
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_ENDPOINT_URL": shelf,
        "AWS_REGION": "us-east-1",
        "AWS_ALLOW_HTTP": "true",
        "REGSEG_PATIENCE": "2",
    }.items():
        monkeypatch.setenv(name, value)
    return "s3://bucket"


@pytest.mark.parametrize("faults", [["busy"], ["busy", "busy"], ["lost"], ["lost", "busy"]])
def test_a_store_that_stumbles_while_it_takes_gets_it_again(ill_bucket, monkeypatch, faults):
    monkeypatch.setattr(Ill, "faults", [*faults])
    monkeypatch.setattr(Ill, "taken", {})
    volumes.put(f"{ill_bucket}/out", "report.csv", b"stage,block")
    assert Ill.taken == {"/bucket/out/report.csv": b"stage,block"}
    assert not Ill.faults


@pytest.mark.parametrize(
    ("fault", "why"), [("busy", "503"), ("forbidden", "has this process the keys"), ("silent", "")]
)
def test_a_store_that_takes_nothing_is_told_in_a_line(ill_bucket, monkeypatch, fault, why):
    monkeypatch.setattr(Ill, "faults", [fault] * 40)
    with pytest.raises(volumes.RemoteError, match=f"The store bucket .*{why}") as error:
        volumes.put(f"{ill_bucket}/out", "report.csv", b"stage,block")
    assert "\n" not in str(error.value)
    assert SECRET not in str(error.value)


def test_a_chunk_that_does_not_come_is_an_error_and_no_zeros(shelf, monkeypatch):
    volume = volumes.open_volume(f"{shelf}/scan.zarr")
    monkeypatch.setattr(Ill, "faults", ["busy"] * 200)
    with pytest.raises(volumes.RemoteError, match="does not give or take .*503"):
        volume.array[:16, :16, :16]


def test_a_server_that_lists_nothing_wants_the_image_itself(shelf, monkeypatch):
    monkeypatch.setattr(Ill, "faults", [])
    with pytest.raises(volumes.VolumeError, match="There is no OME-Zarr volume at|does not list what lies in it"):
        volumes.open_volume(f"{shelf}/")
