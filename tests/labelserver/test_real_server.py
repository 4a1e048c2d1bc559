"""The real MONAI Label, in an environment of its own, with the app of the course: over HTTP, from start to stop."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import IO

import numpy as np
import pooch
import pytest
import requests
import SimpleITK as sitk
import torch

from regseg.grid import Grid
from regseg.label_server import LabelServer, LabelServerError
from regseg.learn import segment, train

NAMES = ["scan_a", "scan_b", "scan_c"]


def head(seed: int) -> tuple[sitk.Image, sitk.Image]:
    """A grey ball with a bright core, 1 and 2 in the labels, somewhere on an oblique grid."""
    random = np.random.default_rng(seed)
    grid = Grid(
        (40, 36, 30), (2.5, 2.5, 3.0), (-40.0, -30.0, -50.0), sitk.Euler3DTransform((0, 0, 0), 0.2, 0.1, 0).GetMatrix()
    )
    z, y, x = np.mgrid[:30, :36, :40] - random.uniform(13, 19, 3).reshape(3, 1, 1, 1)
    distance = np.sqrt((3.0 * z) ** 2 + (2.5 * y) ** 2 + (2.5 * x) ** 2)
    labels = (distance < 30).astype(np.uint8) + (distance < 15)
    return grid.image((60.0 * labels + random.normal(0, 4, labels.shape)).astype(np.float32)), grid.image(labels)


@pytest.fixture(scope="module")
def environment(root) -> Path:
    """The environment of the server, made as the Makefile makes it, and kept in the user's cache."""
    place = Path(pooch.os_cache("regseg-label-server")) / "environment"
    uv = [sys.executable, "-m", "uv", "python"]
    if subprocess.run([*uv, "find", "3.11"], capture_output=True).returncode:
        subprocess.run([*uv, "install", "3.11"], check=True)
    python = subprocess.run([*uv, "find", "3.11"], capture_output=True, text=True, check=True).stdout.strip()
    made = subprocess.run(
        ["make", f"LABEL_ENV={place}", f"LABEL_PYTHON={python}", f"{place}/ready"],
        cwd=root,
        capture_output=True,
        text=True,
    )
    assert made.returncode == 0, made.stderr
    return place


@pytest.fixture(scope="module")
def studies(tmp_path_factory) -> Path:
    """Three scans, and a network that has learned nothing."""
    folder = tmp_path_factory.mktemp("studies")
    for seed, name in enumerate(NAMES):
        sitk.WriteImage(head(seed)[0], folder / f"{name}.nii.gz")
    (folder / "model").mkdir()
    torch.manual_seed(1)
    train.save_weights(folder / "model" / "weights.safetensors", segment.UNet())
    return folder


@pytest.fixture(scope="module")
def truths(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("truths")
    for seed, name in enumerate(NAMES):
        sitk.WriteImage(head(seed)[1], folder / f"{name}.nii.gz")
    sitk.WriteImage(sitk.GetImageFromArray(sitk.GetArrayFromImage(head(0)[1])), folder / "on_another_grid.nii.gz")
    return folder


def start(environment: Path, root: Path, *arguments: str, log: int | IO[str] = subprocess.PIPE) -> subprocess.Popen:
    command = [environment / "bin" / "python", root / "src" / "labelserver" / "serve.py", *arguments]
    return subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, text=True)


@pytest.fixture(scope="module")
def address(environment, studies, root, tmp_path_factory):
    """A server that runs, and afterwards ends cleanly at Ctrl-C."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url, said = f"http://127.0.0.1:{port}", tmp_path_factory.mktemp("log") / "server.log"
    with said.open("w") as log:
        server = start(environment, root, str(studies), "--port", str(port), log=log)
        while server.poll() is None:
            try:
                requests.get(f"{url}/info/", timeout=60).raise_for_status()
                break
            except requests.ConnectionError:
                time.sleep(0.5)
        assert server.poll() is None, said.read_text()
        yield url
        server.send_signal(signal.SIGINT)
        assert server.wait(timeout=60) == 0 and "Application shutdown complete" in said.read_text()


@pytest.fixture(scope="module")
def played(environment, address, truths, root) -> dict:
    """What MONAI Label's own client saw in one round."""
    command = [environment / "bin" / "python", root / "src" / "labelserver" / "try_it.py", address, truths, "30"]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": str(root / "src")})
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_the_client_of_monai_label_finds_model_and_strategies(played):
    assert played["models"] == ["segment"]
    assert played["strategies"] == ["active", "random", "foreground_random"]
    assert set(played["next"].values()) <= set(NAMES)


def test_labels_come_back_on_the_grid_of_their_scan(played):
    assert all(played[when]["on the grid"] for when in ("before", "aligned", "after"))


def test_an_annotation_on_another_grid_is_refused_and_another_one_counted_once(played):
    assert "another grid" in played["refused"]
    assert played["datastore"] == {"total": 3, "completed": 1, "label_tags": {"final": 1}}


def test_the_network_gets_better_by_what_it_was_shown(played):
    assert played["train"] == "DONE"
    assert played["after"]["dice"] > played["before"]["dice"] + 0.1


def test_an_earlier_annotation_is_kept(played, studies):
    first = played["next"]["active"]
    assert (studies / "labels" / "final" / f"{first}.nii.gz").is_file()
    assert (studies / "labels" / "final" / "earlier" / f"1-{first}.nii.gz").is_file()


def test_a_notebook_plays_the_same_round(played, address):
    server = LabelServer(address)
    assert server.scans() == NAMES and server.scans(annotated=True) == [played["next"]["active"]]
    assert server.label_names[1] == "ventricles"
    name = server.next_scan("foreground_random", seed=1)
    scan, labels = head(NAMES.index(name))
    found = server.segment(name)
    assert Grid.of(found).matches(Grid.of(scan)) and Grid.of(server.scan(name)).matches(Grid.of(scan))
    server.submit(name, labels)
    assert np.array_equal(*map(sitk.GetArrayViewFromImage, (server.annotation(name), labels)))
    result = server.train(steps=2, progress=False)
    assert result["scans"] == 2 and result["last_loss"] > 0
    assert server.scans(annotated=False) == sorted(set(NAMES) - {name, played["next"]["active"]})


@pytest.mark.usefixtures("played")
def test_what_goes_wrong_is_told_in_one_sentence(address):
    server = LabelServer(address)
    with pytest.raises(LabelServerError, match="no scan_x of that kind; its scans are scan_a, scan_b, scan_c"):
        server.segment("scan_x")
    with pytest.raises(LabelServerError, match="choose one of active, random, foreground_random"):
        server.next_scan("boldest")
    with pytest.raises(LabelServerError, match="the training failed: a training has one step or more"):
        server.train(steps=0, progress=False)
    with pytest.raises(ValueError, match="another grid"):
        server.submit("scan_a", sitk.GetImageFromArray(sitk.GetArrayFromImage(head(0)[1])))


@pytest.mark.parametrize("foreign", [{"Host": "label.example"}, {"Origin": "http://page.example"}])
def test_another_host_or_a_page_of_another_site_gets_no_answer(address, foreign):
    answer = requests.get(f"{address}/info/", headers=foreign)
    assert (answer.status_code, answer.text) == (403, "This server answers its own computer only.")


def test_a_port_that_is_taken_is_named(environment, address, studies, root):
    port = address.rpartition(":")[2]
    second = start(environment, root, str(studies), "--port", port)
    said, _ = second.communicate(timeout=60)
    assert second.returncode == 1 and f"Port {port} is taken" in said


def test_a_folder_that_is_not_there_is_named(environment, root, tmp_path):
    server = start(environment, root, str(tmp_path / "none"))
    said, _ = server.communicate(timeout=60)
    assert server.returncode == 1 and "There is no folder" in said
