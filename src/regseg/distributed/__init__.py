"""Registration of images that do not fit in memory."""

from regseg.distributed.field import Field
from regseg.distributed.gauss_newton import GaussNewton
from regseg.distributed.mock import MockMethod, MockReduction
from regseg.distributed.pair import BlockError, BlockPair
from regseg.distributed.recipes import streamed_solve
from regseg.distributed.result import BlockReport, RegistrationError, Result
from regseg.distributed.schedule import BlockMethod, Reduction, Schedule, Stage, register
from regseg.distributed.solve import Solve
from regseg.distributed.votes import Votes, vote

__all__ = [
    "BlockError",
    "BlockMethod",
    "BlockPair",
    "BlockReport",
    "Field",
    "GaussNewton",
    "MockMethod",
    "MockReduction",
    "Reduction",
    "RegistrationError",
    "Result",
    "Schedule",
    "Solve",
    "Stage",
    "Votes",
    "register",
    "streamed_solve",
    "vote",
]
