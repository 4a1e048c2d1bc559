"""Registration of images that do not fit in memory: map over blocks, reduce to one displacement field.

    plan = distributed.plan("fixed.zarr", "moving.zarr", distributed.streamed_solve(), initial=affine)
    print(plan)                                            # what would be done
    result = distributed.run(plan)
    distributed.write_warped(plan, result, "warped.zarr")

With `client=` the last two run on a dask cluster: on this computer, on a batch system, in the cloud.
"""

from regseg.distributed.block_transforms import ElastixBlocks, SimpleITKBlocks
from regseg.distributed.draw import draw_blocks
from regseg.distributed.engine import run
from regseg.distributed.field import Field
from regseg.distributed.gauss_newton import GaussNewton
from regseg.distributed.mock import MockMethod, MockReduction
from regseg.distributed.needs import Needs, needs
from regseg.distributed.pair import BlockError, BlockPair
from regseg.distributed.planning import Plan, plan
from regseg.distributed.recipes import RECIPES, elastix_blocks, simpleitk_blocks, streamed_solve
from regseg.distributed.result import BlockReport, RegistrationError, Result
from regseg.distributed.solve import Solve
from regseg.distributed.stages import BlockMethod, Reduction, Stage
from regseg.distributed.votes import Votes, vote
from regseg.distributed.warp import write_displacements, write_field, write_warped

__all__ = [
    "RECIPES",
    "BlockError",
    "BlockMethod",
    "BlockPair",
    "BlockReport",
    "ElastixBlocks",
    "Field",
    "GaussNewton",
    "MockMethod",
    "MockReduction",
    "Needs",
    "Plan",
    "Reduction",
    "RegistrationError",
    "Result",
    "SimpleITKBlocks",
    "Solve",
    "Stage",
    "Votes",
    "draw_blocks",
    "elastix_blocks",
    "needs",
    "plan",
    "run",
    "simpleitk_blocks",
    "streamed_solve",
    "vote",
    "write_displacements",
    "write_field",
    "write_warped",
]
