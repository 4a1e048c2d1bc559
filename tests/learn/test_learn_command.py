"""The command that makes the weights of the course."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from regseg import data
from regseg.learn import __main__ as command
from regseg.learn import regnet, segment, train

SHORT = (
    command.Stage(("T1",), pieces=1, wide=0, steps=2, seed=1, learning_rate=1e-3),
    command.Stage(("T1", "T2"), pieces=1, wide=0, steps=2, seed=2, learning_rate=1e-3),
)


@pytest.fixture
def one_anatomy(monkeypatch) -> None:
    """The template stands for the anatomies that would have to be fetched."""
    monkeypatch.setattr(data, "anatomies", {"training": ["brain_structures"]}.get)


@pytest.mark.usefixtures("one_anatomy")
def test_it_writes_weights_and_what_is_known_of_them(tmp_path, capsys):
    weights, folder = tmp_path / "weights.safetensors", tmp_path / "kept"
    command.learn_to_segment(weights, folder, SHORT)
    network, first = segment.UNet(), segment.UNet()
    about = train.load_weights(weights, network)
    assert [stage["contrasts"] for stage in about["curriculum"]] == [["T1"], ["T1", "T2"]]
    assert about["minutes"] > 0 and str(weights) in capsys.readouterr().out
    assert len(train.load_weights(tmp_path / "weights-t1.safetensors", first)["curriculum"]) == 1
    assert not torch.equal(first.last.weight, network.last.weight)
    # Again, and there is nothing left to do: the same weights.
    command.learn_to_segment(tmp_path / "again.safetensors", folder, SHORT)
    again = segment.load(tmp_path / "again.safetensors")
    assert all(torch.equal(values, network.state_dict()[name]) for name, values in again.state_dict().items())


@pytest.mark.usefixtures("one_anatomy")
def test_another_seed_makes_other_weights_beside_the_first_and_the_same_seed_the_same(tmp_path, monkeypatch):
    monkeypatch.setitem(command.REGNET, 2, {"steps": 2, "learning_rate": 1e-3})
    found = []
    for seed, folder in (("2", "kept"), ("7", "kept"), ("2", "again")):
        file = tmp_path / f"{folder}-{seed}.safetensors"
        command.main(["regnet", str(file), "--dimension", "2", "--seed", seed, "--folder", str(tmp_path / folder)])
        network = regnet.RegNet(2)
        assert train.load_weights(file, network)["seed"] == int(seed)
        found.append(torch.cat([weights.flatten() for weights in network.state_dict().values()]))
    assert torch.equal(found[0], found[2]) and not torch.equal(found[0], found[1])


@pytest.mark.usefixtures("one_anatomy")
def test_a_seed_moves_that_of_each_stage(tmp_path, monkeypatch):
    monkeypatch.setattr(command, "CURRICULUM", (replace(SHORT[1], steps=1),))
    file = tmp_path / "weights.safetensors"
    command.main(["segment", str(file), "--seed", "7", "--folder", str(tmp_path / "kept")])
    assert train.load_weights(file, segment.UNet())["curriculum"][0]["seed"] == SHORT[1].seed + 6


def test_without_a_network_it_says_what_is_missing(tmp_path, monkeypatch):
    monkeypatch.setenv("REGSEG_DATA_MIRROR", str(tmp_path))
    monkeypatch.setenv("REGSEG_CACHE", str(tmp_path / "cache"))
    with pytest.raises(SystemExit, match="Cannot fetch head_labels_01"):
        command.main(["segment", str(tmp_path / "weights.safetensors"), "--folder", str(tmp_path / "kept")])
    assert not (tmp_path / "weights.safetensors").exists()


def test_the_shipped_weights_come_from_the_curriculum_of_the_command():
    stages = [{**vars(stage), "contrasts": list(stage.contrasts)} for stage in command.CURRICULUM]
    for name in ("segment", "segment-t1"):
        file = segment.SHIPPED.with_stem(name)
        found = train.load_weights(file, segment.UNet())["curriculum"]
        assert found == stages[: 1 if name == "segment-t1" else len(found)]
        assert file.stat().st_size <= 1_100_000
