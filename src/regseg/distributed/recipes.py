"""Stages that are ready to use."""

from __future__ import annotations

from regseg.distributed.gauss_newton import GaussNewton
from regseg.distributed.schedule import Stage
from regseg.distributed.solve import Solve


def streamed_solve(bending: float = 0.5) -> tuple[Stage, ...]:
    """The streamed Gauss-Newton solve, from 4 mm to 1 mm, for two images of the same contrast.

    The distances suit a head that an affine registration has brought within about 10 mm.
    """
    method = GaussNewton()
    return (
        Stage(method, Solve(40, bending), spacing=4, block_size=4000, iterations=2),
        Stage(method, Solve(20, bending), spacing=4, block_size=4000, iterations=2),
        Stage(method, Solve(10, bending), spacing=2, block_size=96, iterations=3),
        Stage(method, Solve(8, bending), spacing=1, block_size=64, iterations=3),
    )
