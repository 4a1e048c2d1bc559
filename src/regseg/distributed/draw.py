"""A picture of the blocks, planned or done."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Patch, Rectangle

from regseg.distributed.planning import Plan
from regseg.distributed.result import Result

# Colours of Okabe and Ito; each status has a hatching too, for eyes and printers without colour.
_LOOK = {
    "planned": {"edgecolor": "#56B4E9", "hatch": ""},
    "done": {"edgecolor": "#56B4E9", "hatch": ""},
    "skipped": {"edgecolor": "#999999", "hatch": "//"},
    "failed": {"edgecolor": "#E69F00", "hatch": "xx"},
}


def draw_blocks(plan: Plan, stage: int = -1, result: Result | None = None, ax: Axes | None = None) -> Axes:
    """Draw the blocks of a stage on the middle slice of the fixed image, and the halo of one of them, dashed.

    Parameters
    ----------
    plan : Plan
        The registration.
    stage : int
        Which one; the last without it.
    result : Result, optional
        With it, what became of the blocks in the stage's first iteration; without it, what is planned.
    ax : Axes, optional
        Where to draw; without it a new figure.
    """
    stage = range(len(plan.stages))[stage]
    values = plan.coarse
    middle = values.shape[0] // 2
    picture = values[middle] if values.ndim == 3 else values
    ax = ax or plt.subplots(figsize=(6, 6 * picture.shape[0] / picture.shape[1]), layout="constrained")[1]
    step = plan.lattice.spacing
    extent = (0, picture.shape[1] * step[0], picture.shape[0] * step[1], 0)
    ax.imshow(picture, cmap="gray", extent=extent, interpolation="nearest")
    became = {}
    if result:
        became = {each.index: each.status for each in result.report if (each.stage, each.iteration) == (stage, 0)}
    used, example = set(), None
    for block, wanted in plan.blocks(plan.stages[stage]):
        if values.ndim == 3 and not block.core.start[2] <= middle < block.core.stop[2]:
            continue
        status = became.get(block.index, "planned" if wanted else "skipped")
        used.add(status)
        ax.add_patch(_rectangle(block.core, step, **_LOOK[status], linewidth=1.5))
        if wanted and (example is None or np.prod(block.padded.size) > np.prod(example.padded.size)):
            example = block
    if example:
        ax.add_patch(_rectangle(example.padded, step, edgecolor="#F0E442", linestyle="--", linewidth=1.5))
    handles = [Patch(facecolor="none", label=status, **_LOOK[status]) for status in _LOOK if status in used]
    handles += [Patch(facecolor="none", edgecolor="#F0E442", linestyle="--", label="one block with its halo")]
    ax.legend(handles=handles, loc="upper center", bbox_to_anchor=(0.5, -0.1), ncols=4, frameon=False)
    ax.set(xlabel="along x (mm)", ylabel="along y (mm)", title=f"Blocks of stage {stage}")
    return ax


def _rectangle(box, step: tuple[float, ...], **look) -> Rectangle:
    width, height = box.size[0] * step[0], box.size[1] * step[1]
    return Rectangle((box.start[0] * step[0], box.start[1] * step[1]), width, height, facecolor="none", **look)
