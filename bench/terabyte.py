"""What registration of terabytes takes: images that a formula answers, of which two hundred blocks are run.

Nobody here has a terabyte of disk. `formula` serves images of 12,000 voxels along each axis as OME-Zarr over HTTP, each
chunk computed when it is asked for. They are planned whole, and registered where they hold something, in voxels of
16 µm: once a ball of about fifty blocks, and once one of about two hundred. The server computes in another process, so
the CPU-seconds are those of the registration, reading included. If cost is linear and memory flat, a block costs the
same in both, and the peak memory is the same.

The projection takes the CPU-seconds a voxel from there, and all else from `distributed.needs`: for images without
background, of 16 bits, cubes, both together so many terabytes, in the recipe's blocks of 64 voxels. "Every 4th voxel"
means that the stages look at voxels four times as wide, with blocks, knots and lattice in proportion. The CPU-time is
that of the three iterations at the finest voxels: what is coarser adds about a fifth.
"""

from __future__ import annotations

import sys
import tempfile
import time
from dataclasses import replace
from math import prod
from pathlib import Path

from formula import served
from measure import Cases, Figures, alone, peak_memory, write_results

SPACING = 0.016  # mm: the finest voxels looked at, 16 of the image's own
BLOCK = 0.512  # mm: 32 voxels, so that a laptop does two hundred of them
RADII = {"fifty blocks": 0.9, "two hundred blocks": 1.45}  # mm, of the ball
ITERATIONS = 2  # of the recipe's last stage
LARGEST = 1_000_000  # blocks that dask's scheduler holds, about
HOLDS = 512  # GB of memory that a large computer has
WORKERS = 16  # on such a computer


def run(address: tuple[str, str], solve: bool) -> dict[str, float]:
    """Register the two images, in one iteration of the recipe's last stage; with the solve, or with the votes alone."""
    from regseg import distributed

    (stage,) = distributed.streamed_solve(SPACING, BLOCK)[-1:]
    stage = replace(stage, iterations=1)
    if not solve:
        stage = replace(stage, reduction=distributed.MockReduction())
    plan = distributed.plan(*address, [stage], lattice_spacing=4 * SPACING)
    before = peak_memory()["peak memory (MiB)"]
    began, clock = time.process_time(), time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        result = distributed.run(plan, workdir=folder, progress=False)
    spent, seconds = time.process_time() - began, time.perf_counter() - clock
    done = [each.cpu_seconds for each in result.report if each.status == "done"]
    grid = plan.fixed.grids[plan.levels(stage)[0]]
    factors = plan.lattice.factors(grid)
    voxels = sum(
        prod(block.padded.scale(factors).clip(grid.box).size) for block, wanted in plan.blocks(stage) if wanted
    )
    return {
        "blocks planned": float(len(result.report)),
        "blocks done": float(len(done)),
        "blocks a second": len(done) / seconds,
        "CPU of a block (s)": sum(done) / len(done),
        "CPU of a voxel (µs)": 1e6 * sum(done) / voxels,
        "CPU of the client (s)": spent - sum(done),
        "before the run (MiB)": before,
    } | peak_memory()


def projected(terabytes: float, skip: int, seconds: float) -> dict[str, float]:
    """What two images of so many terabytes take, if every `skip`-th voxel is looked at, and one takes these seconds."""
    from regseg.distributed.needs import A_PROCESS, A_VOXEL
    from regseg.distributed.planning import A_CELL

    side = round((terabytes * 1e12 / 2 / 2) ** (1 / 3) / skip)  # voxels that are looked at
    blocks, cells = (side / 64) ** 3, (side / 4) ** 3
    return {
        "blocks of the last stage": blocks,
        "CPU of the last stage (days)": ITERATIONS * blocks * 80**3 * seconds / 86400,
        "client (GB)": (A_PROCESS + A_CELL * cells) / 1e9,
        "each worker (GB)": (A_PROCESS + A_VOXEL * 80**3) / 1e9,
    }


def breaks_first(needed: dict[str, float]) -> str:
    """What is too much, and by how many times: the memory of the client, that of the workers, or the blocks."""
    reasons = {
        "the lattice in the client's memory": needed["client (GB)"] / HOLDS,
        "the blocks in the workers' memory": needed["each worker (GB)"] / HOLDS * WORKERS,
        "the blocks in dask's scheduler": needed["blocks of the last stage"] / LARGEST,
    }
    worst = max(reasons, key=lambda name: reasons[name])
    times = reasons[worst]
    return f"{worst}, {times:.{0 if times > 10 else 1}f} times what there is" if times > 1 else "nothing"


def projection(seconds: float) -> dict[str, Figures]:
    """What 1, 10 and 100 terabytes take, and what breaks first, if a voxel takes so many seconds."""
    rows: dict[str, Figures] = {}
    for terabytes in 1, 10, 100:
        for skip, name in (1, "every voxel"), (4, "every 4th voxel"):
            needed = projected(terabytes, skip, seconds)
            rows[f"{terabytes} TB, {name}"] = {**rounded(needed), "breaks first": breaks_first(needed)}
    return rows


def rounded(figures: dict[str, float]) -> Figures:
    """The figures with four digits."""
    return {what: float(f"{value:.4g}") for what, value in figures.items()}


def measured() -> Cases:
    """All figures."""
    runs: dict[str, Figures] = {}
    for name, radius in RADII.items():
        with served(radius) as formula:
            runs[name] = rounded(alone(run, formula.pair, False))
        print(name, runs[name], file=sys.stderr, flush=True)
    with served(RADII["fifty blocks"]) as formula:
        runs["fifty blocks and the solve"] = rounded(alone(run, formula.pair, True))
    return {"run": runs, "projection": projection(seconds_of_a_voxel(runs))}


def seconds_of_a_voxel(runs: dict[str, Figures]) -> float:
    """CPU-seconds of a voxel in the longer run."""
    return runs["two hundred blocks"]["CPU of a voxel (µs)"] / 1e6


def main() -> Path:
    """Measure, and write the results."""
    return write_results("terabyte", measured())


if __name__ == "__main__":
    print(main())
