"""Stages that are ready to use. Lengths are in mm and suit a head that an affine transform has brought within 10 mm."""

from __future__ import annotations

from collections.abc import Callable

from regseg.distributed.block_transforms import ElastixBlocks, SimpleITKBlocks
from regseg.distributed.gauss_newton import GaussNewton
from regseg.distributed.solve import Solve
from regseg.distributed.stages import BlockMethod, Stage


def streamed_solve(
    spacing: float = 1.0, block_size: float | None = None, overlap: float | None = None
) -> tuple[Stage, ...]:
    """The streamed Gauss-Newton solve, for images of the same contrast or of different ones.

    Parameters
    ----------
    spacing : float
        The finest voxels looked at. Knots, windows and coarser voxels are in proportion to it, and so should be the
        lattice_spacing of `plan`, 4 times as large: smaller for something finer than a head, larger for a head in
        larger voxels.
    block_size : float, optional
        Width of a block at the finest level; half as much more at the level before it. Without it, 64 voxels.
    overlap : float, optional
        Width of the halo; at least three windows of the method, 7.5 voxels. Without it, 8 voxels.
    """
    block_size, overlap = _chosen(block_size, 64 * spacing), _chosen(overlap, 8 * spacing)
    method = GaussNewton(window=2.5 * spacing)

    def stage(knots: float, voxels: float, size: float, iterations: int) -> Stage:
        return Stage(method, Solve(knots * spacing), voxels * spacing, size, overlap, iterations)

    whole = 256 * spacing  # 64 voxels of these stages: a head is one small block
    return stage(40, 4, whole, 2), stage(20, 4, whole, 2), stage(10, 2, 1.5 * block_size, 3), stage(8, 1, block_size, 2)


def elastix_blocks(
    spacing: float = 1.0, block_size: float | None = None, overlap: float | None = None
) -> tuple[Stage, ...]:
    """Blocks registered by elastix with mutual information, and blended. Needs the extra `elastix-native`.

    Without other sizes, blocks are 64 voxels wide and their halo 16.
    """
    block_size, overlap = _chosen(block_size, 64 * spacing), _chosen(overlap, 16 * spacing)
    return _blended(ElastixBlocks(knots=10 * spacing), spacing, block_size, overlap)


def simpleitk_blocks(
    spacing: float = 2.0, block_size: float | None = None, overlap: float | None = None, other_contrast: bool = False
) -> tuple[Stage, ...]:
    """Blocks registered by SimpleITK, and blended; by mutual information where the contrast differs.

    Without other sizes, blocks are 48 voxels wide and their halo 8.
    """
    method = SimpleITKBlocks(8 * spacing, other_contrast)
    return _blended(method, spacing, _chosen(block_size, 48 * spacing), _chosen(overlap, 8 * spacing))


def _chosen(length: float | None, default: float) -> float:
    return default if length is None else length  # 0 is a length too, which Stage takes or refuses


def _blended(method: BlockMethod, spacing: float, block_size: float, overlap: float) -> tuple[Stage, ...]:
    # So cheap a bending leaves the blend as it is, and still bridges the blocks that failed.
    reduction = Solve(knots=8 * spacing, bending=0.01, iterations=200)
    return (Stage(method, reduction, spacing, block_size, overlap),)


RECIPES: dict[str, Callable[..., tuple[Stage, ...]]] = {
    "solve": streamed_solve,
    "elastix": elastix_blocks,
    "simpleitk": simpleitk_blocks,
}
