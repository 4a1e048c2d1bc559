"""The loop that trains, on a line that it has to find."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from regseg.learn import train

RUN = {"steps": 60, "seed": 3, "learning_rate": 0.05}


def line(rng: np.random.Generator) -> dict[str, np.ndarray]:
    x = rng.uniform(-1, 1, (32, 1)).astype(np.float32)
    return {"x": x, "y": 2 * x + 1}


def loss(network: nn.Module, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    return (network(batch["x"]).float() - batch["y"]).square().mean()


def untrained() -> nn.Module:
    torch.manual_seed(0)
    return nn.Linear(1, 1)


def weights(network: nn.Module) -> list[float]:
    return [value for each in network.state_dict().values() for value in each.flatten().tolist()]


def test_a_network_finds_the_line():
    network = untrained()
    losses = train.train(network, line, loss, **RUN | {"steps": 300})
    assert len(losses) == 300 and losses[-1] < 0.01 < losses[0]
    assert weights(network) == pytest.approx([2, 1], abs=0.05)


def test_a_seed_repeats_a_training_and_another_seed_does_not():
    first, second, third = untrained(), untrained(), untrained()
    losses = train.train(first, line, loss, **RUN)
    assert train.train(second, line, loss, **RUN) == losses and weights(second) == weights(first)
    assert train.train(third, line, loss, **RUN | {"seed": 4}) != losses


def test_a_killed_training_goes_on_to_the_same_weights(tmp_path):
    whole, killed = untrained(), untrained()
    losses = train.train(whole, line, loss, **RUN)

    def kill(losses: list[float]) -> None:
        if len(losses) == 41:
            raise KeyboardInterrupt

    file = tmp_path / "state.safetensors"
    with pytest.raises(KeyboardInterrupt):
        train.train(killed, line, loss, **RUN, checkpoint=file, watch=kill)
    other = untrained()
    seen: list[int] = []
    assert (
        train.train(other, line, loss, **RUN, checkpoint=file, watch=lambda so_far: seen.append(len(so_far))) == losses
    )
    assert weights(other) == weights(whole)
    assert seen[0] == 42  # nothing was done twice
    assert train.train(untrained(), line, loss, **RUN, checkpoint=file) == losses  # nothing is left to do


def test_a_checkpoint_of_another_training_is_told(tmp_path):
    file = tmp_path / "state.safetensors"
    train.train(untrained(), line, loss, **RUN, checkpoint=file)
    with pytest.raises(ValueError, match="belongs to another training"):
        train.train(untrained(), line, loss, **RUN | {"seed": 4}, checkpoint=file)
    with pytest.raises(ValueError, match="training of another network"):
        train.train(nn.Linear(1, 1, bias=False), line, loss, **RUN, checkpoint=file)
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(ValueError, match="is broken"):
        train.train(untrained(), line, loss, **RUN, checkpoint=file)


def test_a_loss_that_is_no_number_ends_the_training_and_spares_the_checkpoint(tmp_path):
    file = tmp_path / "state.safetensors"

    def breaking(rng: np.random.Generator) -> dict[str, np.ndarray]:
        broken.append(None)
        return {name: values * (np.nan if len(broken) > 30 else 1) for name, values in line(rng).items()}

    broken: list[None] = []
    with pytest.raises(FloatingPointError, match="step 30"):
        train.train(untrained(), breaking, loss, **RUN, checkpoint=file)
    losses = train.train(untrained(), line, loss, **RUN, checkpoint=file)
    assert np.isfinite(losses).all()


def test_a_mistake_in_a_draw_reaches_the_learner():
    def draw(_: np.random.Generator) -> dict[str, np.ndarray]:
        raise ArithmeticError("no anatomy")

    with pytest.raises(ArithmeticError, match="no anatomy"):
        train.train(untrained(), draw, loss, **RUN)


@pytest.mark.parametrize(("half", "within"), [(False, 0), (True, 1e-3)])
def test_weights_come_back_with_what_is_said_of_them(tmp_path, half, within):
    network, other = untrained(), nn.Linear(1, 1)
    file = tmp_path / "weights.safetensors"
    train.save_weights(file, network, half=half, seed=3, command="python -m regseg.learn")
    assert train.load_weights(file, other) == {"seed": 3, "command": "python -m regseg.learn"}
    assert weights(other) == pytest.approx(weights(network), rel=within)


def test_weights_that_cannot_serve_are_told(tmp_path):
    file = tmp_path / "weights.safetensors"
    train.save_weights(file, untrained())
    with pytest.raises(ValueError, match="weights of another network than Conv3d"):
        train.load_weights(file, nn.Conv3d(1, 1, 3))
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match="is broken"):
        train.load_weights(file, untrained())
    file.write_bytes(whole.replace(b'"version":"1"', b'"version":"0"'))
    with pytest.raises(ValueError, match="has version 0 and 1 is read"):
        train.load_weights(file, untrained())
