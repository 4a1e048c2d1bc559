"""What is to become small: the error of the field where the truth is known, and its twin that needs no truth."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from regseg.learn.regnet.arithmetic import described, places, resized, sampled
from regseg.learn.regnet.network import RegNet


def loss(network: RegNet, batch: dict[str, Tensor]) -> Tensor:
    """How wrong one pass is: Huber's loss of the field, its bending energy, and how unlikely it finds the truth.

    The last is the cross-entropy of the likeness alone, a tenth of it: so the features learn to tell places apart. The
    pass goes on from where those before it have arrived, and is judged by all that is found then.
    """
    name, before = "far" if batch["far"].item() else "near", int(batch["before"])
    stage, fixed, moving = getattr(network, name), batch["fixed"], batch["moving"]
    known = network(fixed, moving, [name] * before).detach()
    likeness, found = network.further(fixed, moving, known, name, before)
    steps = 2 / stage.voxels  # in a cell
    weight = batch["weight"] / batch["weight"].sum()
    huber = functional.huber_loss(found * steps, batch["field"] * steps, reduction="none", delta=0.5)
    huber = huber.sum(dim=1, keepdim=True)
    missing = (batch["field"] - known) * steps
    # The number of the step that is nearest to the truth; x is the fastest.
    nearest = (missing.round().clamp(-stage.reach, stage.reach) + stage.reach).long()
    powers = [(2 * stage.reach + 1) ** axis for axis in range(stage.dimension)]
    number = sum(nearest[:, axis] * power for axis, power in enumerate(powers))
    surprise = functional.cross_entropy(likeness, number, reduction="none")[:, None]
    return ((huber + 0.1 * surprise) * weight).sum() + 0.02 * bending(found * steps)


def bending(field: Tensor) -> Tensor:
    """How much a field bends: the mean square of its second differences."""
    return sum(field.diff(n=2, dim=axis).square().mean() for axis in range(2, field.ndim))


def unsupervised_loss(network: RegNet, batch: dict[str, Tensor]) -> Tensor:
    """The twin that needs no truth: how unlike the fixed image the warped moving one is, and how much the field bends.

    It is the idea of VoxelMorph (G. Balakrishnan et al., IEEE TMI 38(8), 2019).
    """
    stage = network.far if batch["far"].item() else network.near
    _, found = stage(batch["fixed"], batch["moving"])
    shift = resized(found * stage.voxels, batch["fixed"].shape[2:])
    warped = sampled(batch["moving"], places(shift) + stage.margin + shift)
    unlike = torch.cat(described(batch["fixed"]), dim=1) - torch.cat(described(warped), dim=1)
    weight = resized(batch["weight"], shift.shape[2:])
    return (unlike.square() * weight).sum() / weight.sum() + 0.02 * bending(found)
