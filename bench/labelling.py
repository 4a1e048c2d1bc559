"""Structures of a brain in scans of four contrasts: an atlas carried over, and the networks of `regseg.learn`.

The scans are drawn from the label maps of the four testing anatomies, which no network has learned from, in voxels of
2 mm: each anatomy as it is, two with their skull and two without, in a contrast, a shading and a noise of its own. So
they are synthetic scans of real anatomies. "Inverted" is a T1-weighted scan with the grey levels of the head turned
round; the air around it stays dark.

The atlas is a scan and the labels of one training anatomy, T1-weighted, with or without its skull as the scan is. It is
carried over by an affine transform (mutual information), and by the course's streamed solve after it. Two networks come
with the course: that of the first stage of `python -m regseg.learn segment`, and that of the last. The third is trained
here: it goes on from the first for five minutes, as long as a lesson can wait, and sees all contrasts. CPU-seconds are
those of one scan, on one thread; CPU-minutes those of all training until there, on a computer that had other work.

The case "labels carried" is of `carrying.py`. In "rounds" the loop of annotation is played with known labels: the
network of the first stage meets T2-weighted scans of the correcting anatomies, two of which are corrected in each
round, and is measured on the testing anatomies. What is corrected next is chosen by one of three strategies. What takes
minutes is kept under build/labelling, so that a run which was stopped goes on: remove the folder after a change.

    python bench/labelling.py                       # all
    python bench/labelling.py networks rounds       # only these; the other rows stay
"""

from __future__ import annotations

import json
import sys
import time
from itertools import islice
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from carrying import carried, solved
from lessonkit.lesson import replace_file
from measure import RESULTS, ROOT, Cases, alone, by_measure, write_results
from registration import start
from regseg import data, evaluate
from regseg.grid import Grid
from regseg.synth import scans

CONTRASTS = {"T1": "T1", "T2": "T2", "inverted": "T1", "PD": "PD"}  # what is drawn for each
GROUPS = {"ventricles": (1,), "grey matter": (2, 3), "white matter": (4,)}  # of regseg.synth.scans.NAMES
ATLAS = "head_labels_01"
WEIGHTS = ROOT / "src/regseg/learn/weights"
FOLDER = ROOT / "build" / "labelling"
NETWORKS = {
    "trained on T1": WEIGHTS / "segment-t1.safetensors",
    "then for five minutes on all contrasts": FOLDER / "broadened.safetensors",
    "shipped, all contrasts": WEIGHTS / "segment.safetensors",
}
CARRIED, LOOP = "labels carried to a T2", "rounds of annotation"


def make_scan(head: scans.Head, contrast: str, stripped: bool, seed: int) -> tuple[sitk.Image, sitk.Image]:
    """A scan of an anatomy, neither moved nor bent, and its labels."""
    scan, truth = scans.still(head, CONTRASTS[contrast], seed, stripped=stripped)
    if contrast == "inverted":
        values = sitk.GetArrayFromImage(scan)
        bright = sitk.BinaryMorphologicalClosing(sitk.OtsuThreshold(scan, 0, 1), (4, 4, 4))  # over the dark bone
        inside = scan > 0.05 if stripped else sitk.BinaryFillhole(bright)  # the noisy air is no part of it
        turned = sitk.GetArrayViewFromImage(inside) > 0
        top = np.quantile(values[turned], 0.99)
        scan = Grid.of(scan).image(np.where(turned, np.maximum(1.05 * top - values, 0), values))
    return scan, truth


def shares(truth: sitk.Image, labels: sitk.Image) -> dict[str, float]:
    """The Dice coefficient of each group of structures; 0 where nothing was labelled so, which `overlap` refuses."""

    def share(numbers: tuple[int, ...]) -> float:
        there, found = (np.isin(sitk.GetArrayViewFromImage(image), numbers) for image in (truth, labels))
        if not found.any():
            return 0.0
        grid = Grid.of(truth)
        return evaluate.overlap(grid.image(there.astype(np.uint8)), grid.image(found.astype(np.uint8))).dice

    return {f"Dice, {group}": share(numbers) for group, numbers in GROUPS.items()}


def carry_atlas(scan: sitk.Image, atlas: sitk.Image, labels: sitk.Image) -> dict[str, tuple[sitk.Image, float]]:
    """The labels of the atlas on the scan's grid, by either transform, and the CPU-seconds until there."""
    # The registration of the course is made for grey levels from 0 to some hundreds.
    fixed, moving = (sitk.Cast(sitk.Clamp(200 * image, upperBound=400), sitk.sitkFloat32) for image in (scan, atlas))
    began = time.process_time()
    affine = start(fixed, moving)
    done = {"atlas, affine": (affine, time.process_time() - began)}
    bent = solved(fixed, moving, affine)
    done["atlas, streamed solve"] = (bent, time.process_time() - began)
    nearest = sitk.sitkNearestNeighbor
    return {name: (sitk.Resample(labels, scan, each, nearest), spent) for name, (each, spent) in done.items()}


def broaden() -> None:
    """Train the network that knows T1 for five minutes more, on all contrasts, unless this was done."""
    import torch

    from regseg.learn import segment, train

    kept = NETWORKS["then for five minutes on all contrasts"]
    if kept.is_file():
        return
    torch.set_num_threads(1)
    network = segment.UNet()
    before = train.load_weights(NETWORKS["trained on T1"], network)["minutes"]
    heads = [scans.head(data.load(name)) for name in data.anatomies("training")]
    began = time.process_time()
    draw = segment.batches(heads, scans.Variety(("T1", "T2", "T2", "any"), gap=0.2), pieces=0.95)
    train.train(network, draw, segment.loss, steps=1600, seed=2, learning_rate=3e-3)
    kept.parent.mkdir(parents=True, exist_ok=True)
    train.save_weights(kept, network, half=True, minutes=before + (time.process_time() - began) / 60)


def by_networks(scan: sitk.Image) -> dict[str, tuple[sitk.Image, float]]:
    """The labels of each network, and its CPU-seconds."""
    from regseg.learn import segment

    done = {}
    for name, path in NETWORKS.items():
        network = segment.load(path)
        began = time.process_time()
        done[name] = (segment.segment(scan, network), time.process_time() - began)
    return done


def measure(what: str, name: str, number: int) -> dict[str, dict[str, dict[str, float]]]:
    """The figures of "atlas" or "networks" on one anatomy in each contrast; the even ones have their skull."""
    stripped = bool(number % 2)
    head = scans.head(data.load(name))
    if what == "atlas":
        atlas = make_scan(scans.head(data.load(ATLAS)), "T1", stripped, seed=0)
    found = {}
    for each, contrast in enumerate(CONTRASTS):
        scan, truth = make_scan(head, contrast, stripped, seed=9000 + 10 * number + each)
        done = carry_atlas(scan, *atlas) if what == "atlas" else by_networks(scan)
        found[contrast] = {how: shares(truth, labels) | {"CPU (s)": spent} for how, (labels, spent) in done.items()}
        for how, figures in found[contrast].items():
            said = ", ".join(f"{what} {value:.3g}" for what, value in figures.items())
            print(f"{name}, {contrast}, {how}: {said}", file=sys.stderr, flush=True)
    return found


def training() -> dict[str, dict[str, float]]:
    """How long each network has learned, as its file says."""
    from regseg.learn import segment, train

    about = {name: train.load_weights(path, segment.UNet()) for name, path in NETWORKS.items()}
    return {name: {"training (CPU-minutes)": float(f"{known['minutes']:.3g}")} for name, known in about.items()}


SEEDS, ROUNDS, SCANS, STEPS = 5, 3, 2, 30  # of the loop of annotation


def rounds(strategy: str) -> dict[str, list[float]]:
    """The mean Dice coefficient before the first round and after each, and the voxels changed; one of each seed."""
    files = {seed: FOLDER / f"rounds-{strategy}-{seed}.json" for seed in range(1, SEEDS + 1)}
    if todo := {seed: file for seed, file in files.items() if not file.is_file()}:
        alone(play, strategy, todo)
    return by_measure([json.loads(file.read_text(encoding="utf-8")) for file in files.values()])


def play(strategy: str, files: dict[int, Path]) -> None:
    """Play the rounds once with each seed, and write what came out into its file."""
    import torch

    from regseg.learn import annotation, segment

    torch.set_num_threads(1)

    def drawn(part: str, looks: int) -> dict[str, tuple[sitk.Image, sitk.Image]]:
        found = {}
        for number, name in enumerate(data.anatomies(part)):
            head = scans.head(data.load(name))
            for look in range(looks):
                odd = bool((number + look) % 2)
                found[f"{name}, {look}"] = make_scan(head, "T2", odd, seed=8000 + 10 * number + look)
        return found

    pool, unseen = drawn("correcting", 3), drawn("testing", 1)

    def score(network: segment.UNet) -> float:
        dice = [shares(truth, segment.segment(scan, network)).values() for scan, truth in unseen.values()]
        return float(np.mean([list(each) for each in dice]))

    before = score(segment.load(NETWORKS["trained on T1"]))
    for seed, file in files.items():
        network = segment.load(NETWORKS["trained on T1"])
        row, changed = {"Dice, round 0": before}, 0
        loop = annotation.rehearse(
            network,
            {name: scan for name, (scan, _) in pool.items()},
            {name: truth for name, (_, truth) in pool.items()},
            annotation.STRATEGIES[strategy],
            scans_a_round=SCANS,
            steps=STEPS,
            seed=seed,
        )
        for number, each in enumerate(islice(loop, ROUNDS), start=1):
            changed += each.effort
            row[f"Dice, round {number}"] = score(network)
        row["voxels changed (thousands)"] = changed / 1000
        replace_file(file, json.dumps(row).encode())
        print(f"rounds, {strategy}, seed {seed}: {row}", file=sys.stderr, flush=True)


def main(wanted: list[str]) -> None:
    names = data.anatomies("testing")
    cases: Cases = {case: {} for case in (*CONTRASTS, CARRIED, LOOP)}
    if "networks" in wanted:
        alone(broaden)
    for what in [each for each in ("atlas", "networks") if each in wanted]:
        rows = [alone(measure, what, name, number) for number, name in enumerate(names)]
        for contrast in CONTRASTS:
            cases[contrast] |= {how: by_measure([row[contrast][how] for row in rows]) for how in rows[0][contrast]}
    for how, figures in alone(training).items() if "networks" in wanted else ():
        for contrast in CONTRASTS:
            cases[contrast][how] |= figures
    if "carried" in wanted:
        rows = [alone(carried, "native", name, 700 + number) for number, name in enumerate(names)]
        cases[CARRIED] = {how: by_measure([row[how] for row in rows]) for how in rows[0]}
    if "rounds" in wanted:
        strategies = "random", "foreground_random", "active"
        cases[LOOP] = {strategy.replace("_", " "): rounds(strategy) for strategy in strategies}
    kept = RESULTS / "labelling.json"  # read now: what another run has found meanwhile stays
    before = json.loads(kept.read_text(encoding="utf-8"))["cases"] if kept.is_file() else {}
    cases = {case: merged for case in cases if (merged := before.get(case, {}) | cases[case])}
    pairs = {case: [f"seed {n}" for n in range(1, SEEDS + 1)] if case == LOOP else names for case in cases}
    print(write_results("labelling", cases, pairs))


if __name__ == "__main__":
    main(sys.argv[1:] or ["atlas", "networks", "carried", "rounds"])
