"""The ONNX file labels as the network does, at any size."""

from __future__ import annotations

import sys

import numpy as np
import onnxruntime
import pytest
import torch

from regseg.learn import __main__ as command
from regseg.learn import export, segment, train
from regseg.synth.scans import NAMES


@pytest.fixture(scope="module")
def network() -> segment.UNet:
    """A network whose weights are numbers of 16 bits, as the file's are."""
    torch.manual_seed(5)
    network = segment.UNet().eval()
    network.load_state_dict({name: weights.half().float() for name, weights in network.state_dict().items()})
    return network


@pytest.fixture(scope="module")
def session(network, tmp_path_factory) -> onnxruntime.InferenceSession:
    folder = tmp_path_factory.mktemp("onnx")
    train.save_weights(folder / "weights.safetensors", network, half=True)
    command.main(["onnx", str(folder / "segment.onnx"), "--weights", str(folder / "weights.safetensors")])
    assert (folder / "segment.onnx").stat().st_size < 2**21
    return onnxruntime.InferenceSession(folder / "segment.onnx")


@pytest.mark.parametrize("shape", [(48, 64, 32), (64, 16, 80)])
def test_it_labels_as_the_network_does(network, session, shape):
    image = 300 * torch.rand(1, 1, *shape, generator=torch.Generator().manual_seed(3)) - 20
    (labels,) = session.run(["labels"], {"image": image.numpy()})
    assert labels.shape == image.shape and labels.dtype == np.int32
    with torch.no_grad():
        expected = export.Labels(network)(image).numpy()
    assert len(np.unique(expected)) > 1 and (labels == expected).mean() > 0.999


def test_it_tells_the_names_of_its_labels_and_takes_any_size(session):
    assert tuple(session.get_modelmeta().custom_metadata_map["labels"].split(",")) == NAMES
    (given,) = session.get_inputs()
    assert given.name == "image" and given.shape[:2] == [1, 1]
    assert not any(isinstance(side, int) for side in given.shape[2:])


def test_without_its_packages_the_command_says_what_to_install(network, tmp_path, monkeypatch):
    train.save_weights(tmp_path / "weights.safetensors", network)
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(SystemExit, match=r"pip install 'regseg-course\[onnx\]'"):
        command.main(["onnx", str(tmp_path / "a.onnx"), "--weights", str(tmp_path / "weights.safetensors")])


def test_the_command_tells_a_broken_file_of_weights(tmp_path):
    (tmp_path / "weights.safetensors").write_bytes(b"nothing")
    with pytest.raises(SystemExit, match="is broken"):
        command.main(["onnx", str(tmp_path / "a.onnx"), "--weights", str(tmp_path / "weights.safetensors")])


def test_the_shipped_file_is_that_of_the_shipped_weights():
    session = onnxruntime.InferenceSession(segment.SHIPPED.with_suffix(".onnx"))
    image = 300 * torch.rand(1, 1, 32, 48, 32, generator=torch.Generator().manual_seed(4))
    (labels,) = session.run(["labels"], {"image": image.numpy()})
    with torch.no_grad():
        expected = export.Labels(segment.load())(image).numpy()
    assert (labels == expected).mean() > 0.999
