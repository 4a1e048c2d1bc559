"""How a network learns: draw a batch, measure the loss, go a small step downhill, again.

    network = segment.UNet()
    losses = train.train(network, draw, segment.loss, steps=200, seed=1, learning_rate=4e-3)
    train.save_weights(Path("weights.safetensors"), network, seed=1, steps=200)

`draw` makes training images while the network learns from those before. The numbers of step n come from (seed, n)
alone, so a run repeats on the same computer, and one that was killed goes on to the same weights.
"""

from __future__ import annotations

import json
from collections import defaultdict, deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn
from tqdm import tqdm

from regseg.files import written_whole

Draw = Callable[[np.random.Generator], dict[str, np.ndarray]]
Loss = Callable[[nn.Module, dict[str, Tensor]], Tensor]

VERSION = "1"  # of what a file of weights holds
AHEAD = 2  # batches drawn before they are needed
_FORMATS = defaultdict(lambda: torch.contiguous_format, {4: torch.channels_last, 5: torch.channels_last_3d})


def train(
    network: nn.Module,
    draw: Draw,
    loss: Loss,
    *,
    steps: int,
    seed: int,
    learning_rate: float,
    checkpoint: Path | None = None,
    watch: Callable[[list[float]], None] | None = None,
) -> list[float]:
    """Train a network in place, on a GPU if there is one, and return the loss of each step.

    The steps are those of AdamW (I. Loshchilov and F. Hutter, Decoupled weight decay regularization, ICLR 2019). Their
    length grows over the first 30 steps, stays until half of the training is over, and shrinks to nothing at its end.
    Where the processor can, it calculates with numbers of 16 bits (bfloat16), which halves the time.

    Parameters
    ----------
    network : torch.nn.Module
        Its weights when the training begins are those that it has now. Seed them: `torch.manual_seed`.
    draw : callable
        Makes one batch, a dict of arrays, from a `numpy.random.Generator`. It runs in a thread of its own.
    loss : callable
        What is to become small: it takes the network and a batch of tensors, and returns one number as a tensor.
    steps : int
        How many batches are drawn.
    seed : int
        Of the batches: that of step n is drawn from (seed, n).
    learning_rate : float
        The length of the longest steps.
    checkpoint : Path, optional
        A file that keeps the state of the training, written whole about fifty times. Where it is there already, the
        training goes on from it; where it tells of the last step, there is nothing left to do.
    watch : callable, optional
        Is given the losses so far after each step, to draw their curve.

    Returns
    -------
    list of float
        The loss of each step, those before a checkpoint included.

    Raises
    ------
    ValueError
        The checkpoint is broken, or belongs to another training.
    FloatingPointError
        The loss is no number any more.
    """
    device, home = torch.device("cuda" if torch.cuda.is_available() else "cpu"), next(network.parameters()).device
    network.to(device, memory_format=_FORMATS[max(weight.ndim for weight in network.parameters())]).train()
    optimizer = torch.optim.AdamW(network.parameters(), betas=(0.9, 0.99), weight_decay=1e-4)
    run = {"seed": seed, "steps": steps, "learning_rate": learning_rate}
    losses = _go_on(checkpoint, network, optimizer, run) if checkpoint and checkpoint.exists() else []

    def drawn(step: int) -> dict[str, np.ndarray]:
        return draw(np.random.default_rng((seed, step)))

    todo = range(len(losses), steps)
    bar = tqdm(todo, desc="training", unit="step", initial=len(losses), total=steps)
    with ThreadPoolExecutor(1) as painter, bar:
        ahead = deque(painter.submit(drawn, step) for step in todo[:AHEAD])
        for step in bar:
            batch = {name: _tensor(array, device) for name, array in ahead.popleft().result().items()}
            if step + AHEAD < steps:
                ahead.append(painter.submit(drawn, step + AHEAD))

            with torch.autocast(device.type, torch.bfloat16, enabled=_has_bfloat16(device)):
                value = loss(network, batch)
            optimizer.zero_grad()
            value.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            for group in optimizer.param_groups:
                group["lr"] = learning_rate * _pace(step, steps)
            optimizer.step()

            losses.append(value.item())
            if not np.isfinite(losses[-1]):
                raise FloatingPointError(f"the loss of step {step} is {losses[-1]}: take a smaller learning rate")
            bar.set_postfix(loss=f"{np.mean(losses[-20:]):.3f}", refresh=False)
            if checkpoint and ((step + 1) % max(1, steps // 50) == 0 or step + 1 == steps):
                _keep(checkpoint, network, optimizer, run, losses)
            if watch:
                watch(losses)
    network.to(home).eval()
    return losses


def _pace(step: int, steps: int) -> float:
    """How long a step is, as a part of the longest."""
    return min(1.0, (step + 1) / 30, 2 * (1 - step / steps))


def _tensor(array: np.ndarray, device: torch.device) -> Tensor:
    tensor = torch.from_numpy(np.ascontiguousarray(array)).to(device)
    return tensor.contiguous(memory_format=_FORMATS[tensor.ndim])


def _has_bfloat16(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported()
    return any(torch.cpu.get_capabilities().get(name) for name in ("avx512_bf16", "amx_bf16"))


# --- files ------------------------------------------------------------------------------------------------------------


def save_weights(path: Path, network: nn.Module, *, half: bool = False, **about: Any) -> None:
    """Write the weights of a network as safetensors, whole or not at all.

    Parameters
    ----------
    path : Path
        Where they will be.
    network : torch.nn.Module
        Whose they are.
    half : bool
        Whether they are rounded to 16 bits, which halves the file.
    **about
        What the file says of them, such as the seed and the steps; `about` reads it.
    """
    weights = {name: w.half() if half and w.is_floating_point() else w for name, w in network.state_dict().items()}
    _write(path, weights, {"version": VERSION, "about": json.dumps(about)})


def load_weights(path: Path, network: nn.Module) -> dict[str, Any]:
    """Give a network the weights of a file, and return what the file says of them.

    Raises
    ------
    ValueError
        The file is broken, of another version, or has the weights of another network.
    """
    weights, known = _read(path)
    if known.get("version") != VERSION:
        raise ValueError(f"{path} has version {known.get('version')} and {VERSION} is read: train again, or update")
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        raise ValueError(f"{path} has the weights of another network than {type(network).__name__}") from error
    return json.loads(known["about"])


def _keep(path: Path, network: nn.Module, optimizer: torch.optim.Optimizer, run: dict, losses: list[float]) -> None:
    """Write all that the rest of a training depends on."""
    state = {f"network.{name}": weights for name, weights in network.state_dict().items()}
    for index, kept in optimizer.state_dict()["state"].items():
        state |= {f"optimizer.{index}.{name}": value for name, value in kept.items()}
    _write(path, state | {"losses": torch.tensor(losses, dtype=torch.float64)}, {"run": json.dumps(run)})


def _go_on(path: Path, network: nn.Module, optimizer: torch.optim.Optimizer, run: dict) -> list[float]:
    """Bring network and optimizer to where a checkpoint left them, and return the losses until there."""
    state, known = _read(path)
    if known.get("run") != json.dumps(run):
        raise ValueError(f"{path} belongs to another training ({known.get('run')}): remove it, or name another file")
    try:
        network.load_state_dict({name[8:]: state[name] for name in state if name.startswith("network.")})
    except RuntimeError as error:
        raise ValueError(f"{path} belongs to the training of another network: name another file") from error
    kept: dict[int, dict[str, Tensor]] = {}
    for index, parameter in enumerate(network.parameters()):
        start = f"optimizer.{index}."
        kept[index] = {name[len(start) :]: state[name] for name in state if name.startswith(start)}
        for name in ("exp_avg", "exp_avg_sq"):  # in memory they lie as the weights do
            kept[index][name] = torch.empty_like(parameter).copy_(kept[index][name])
    optimizer.load_state_dict(optimizer.state_dict() | {"state": kept})
    return state["losses"].tolist()


def _write(path: Path, tensors: dict[str, Tensor], known: dict[str, str]) -> None:
    content = safetensors.torch.save({name: tensor.cpu().contiguous() for name, tensor in tensors.items()}, known)
    with written_whole(path) as file:
        file.write(content)


def _read(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    try:
        with safetensors.safe_open(path, "pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except safetensors.SafetensorError as error:
        raise ValueError(f"{path} is broken, or no file of weights ({error}): fetch or train it again") from error
