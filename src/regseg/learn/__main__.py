"""How the weights of the course are made: `python -m regseg.learn segment`, `… regnet`, and `… onnx`."""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from regseg import data
from regseg.learn import export, regnet, segment, train
from regseg.synth import scans


@dataclass(frozen=True)
class Stage:
    """A part of a curriculum: one call of `train`."""

    contrasts: tuple[str, ...]
    pieces: float  # the share of scans of a part of the brain
    wide: float  # and of more than a box around it
    steps: int
    seed: int
    learning_rate: float
    gap: float = 0.2  # by how much fluid, grey and white matter differ in brightness at least


# One contrast first, then all: a network that starts with all of them learns little more than where things lie. The
# second stage is as short as the first, so that both can be watched, and half of its scans are still of the first
# contrast; the other three are the patience that good weights take. The last has more of PD, and contrasts as faint as
# `Variety` has them by default.
MIX = ("T1", "T1", "T1", "T2", "T2", "T2", "FLAIR", "PD", "PD", "any")
CURRICULUM = (
    Stage(("T1",), pieces=0.0, wide=0.0, steps=400, seed=1, learning_rate=4e-3),
    Stage(("T1", "T1", "T1", "T1", "T2", "T2", "FLAIR", "PD"), 0.75, 0.1, steps=900, seed=2, learning_rate=3e-3),
    Stage(MIX, 0.75, 0.1, steps=5000, seed=3, learning_rate=3e-3),
    Stage(MIX, 0.5, 0.15, steps=3000, seed=4, learning_rate=2e-3),
    Stage((*MIX, "PD"), 0.6, 0.15, steps=4000, seed=5, learning_rate=2e-3, gap=0.12),
)


def learn_to_segment(weights: Path, folder: Path, curriculum: tuple[Stage, ...] = CURRICULUM) -> None:
    """Train the network of `segment` on the training anatomies, and write its weights.

    Those of the first stage, which knows one contrast, are written beside them, with "-t1" at the end of the name. The
    folder keeps the weights after each stage, and the checkpoints from which a run that was killed goes on. Another
    processor rounds in another way, so its weights differ.
    """
    folder.mkdir(parents=True, exist_ok=True)
    heads = [scans.head(data.load(name)) for name in data.anatomies("training")]
    torch.manual_seed(curriculum[0].seed)
    network = segment.UNet()
    began = time.process_time()
    for number, stage in enumerate(curriculum, start=1):
        losses = train.train(
            network,
            segment.batches(
                heads,
                scans.Variety(contrasts=stage.contrasts, gap=stage.gap),
                pieces=stage.pieces,
                wide=stage.wide,
            ),
            segment.loss,
            steps=stage.steps,
            seed=stage.seed,
            learning_rate=stage.learning_rate,
            checkpoint=folder / f"checkpoint-{number}-seed-{stage.seed}.safetensors",
        )
        about = {
            "curriculum": [vars(each) for each in curriculum[:number]],
            "loss": sum(losses[-100:]) / len(losses[-100:]),
            "minutes": (time.process_time() - began) / 60,  # of this process; those before a kill are not known
        }
        print(f"stage {number}: loss {about['loss']:.3f}, {about['minutes']:.1f} CPU-minutes")
        kept = [folder / f"stage-{number}-seed-{stage.seed}.safetensors"]
        if number == 1:
            kept.append(weights.with_stem(f"{weights.stem}-t1"))
        if number == len(curriculum):
            kept.append(weights)
        for file in kept:
            train.save_weights(file, network, half=True, **about)
    print(weights)


REGNET = {3: {"steps": 1600, "learning_rate": 1.5e-3}, 2: {"steps": 2000, "learning_rate": 1.5e-3}}


def learn_to_register(weights: Path, folder: Path, dimension: int, seed: int) -> None:
    """Train the network of `regnet` on six of the training anatomies, and write its weights.

    For pictures the anatomies are cut into slices across all three axes. A run that was killed goes on from the
    checkpoint in the folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    anatomies = [regnet.Anatomy.of(data.load(name)) for name in data.anatomies("training")[:6]]
    if dimension == 2:
        anatomies = [
            each.slice(axis, round(share * each.labels.GetSize()[axis]))
            for each in anatomies
            for axis in range(3)
            for share in (0.4, 0.47, 0.53, 0.6)
        ]
    run = REGNET[dimension] | {"seed": seed}
    torch.manual_seed(seed)
    network = regnet.RegNet(dimension)
    began = time.process_time()
    checkpoint = folder / f"regnet-{dimension}d-seed-{seed}.safetensors"
    losses = train.train(network, regnet.pairs(anatomies), regnet.loss, **run, checkpoint=checkpoint)
    minutes = (time.process_time() - began) / 60
    print(f"loss {sum(losses[-100:]) / 100:.3f}, {minutes:.1f} CPU-minutes of this run")
    train.save_weights(weights, network, half=True, **run)
    print(weights)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m regseg.learn", description="Make the weights of the course.")
    commands = parser.add_subparsers(dest="command", required=True)
    training = commands.add_parser("segment", help="train the network that labels a brain: 90 minutes on one core")
    training.add_argument("weights", type=Path, nargs="?", default=segment.SHIPPED, help="where they are written")
    training.add_argument("--folder", type=Path, default=Path("build/learn"), help="of the checkpoints")
    training.add_argument("--seed", type=int, default=1, help="of the first stage; each later one has the next number")
    moving = commands.add_parser("regnet", help="train the network that predicts a displacement field: 25 minutes")
    moving.add_argument("weights", type=Path, nargs="?", help="where they are written")
    moving.add_argument("--folder", type=Path, default=Path("build/learn"), help="of the checkpoint")
    moving.add_argument("--dimension", type=int, choices=(2, 3), default=3, help="of the images")
    moving.add_argument("--seed", type=int, default=1, help="of the first weights, and of the pairs")
    writing = commands.add_parser("onnx", help="write the network as an ONNX file, for the website")
    writing.add_argument("file", type=Path)
    writing.add_argument("--weights", type=Path, default=segment.SHIPPED)
    given = parser.parse_args(arguments)
    try:
        if given.command == "segment":
            curriculum = tuple(replace(stage, seed=stage.seed + given.seed - 1) for stage in CURRICULUM)
            learn_to_segment(given.weights, given.folder, curriculum)
        elif given.command == "regnet":
            weights = given.weights or regnet.shipped(given.dimension)
            learn_to_register(weights, given.folder, given.dimension, given.seed)
        else:
            export.to_onnx(segment.load(given.weights), given.file)
    except (data.DataError, ImportError, OSError, ValueError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
