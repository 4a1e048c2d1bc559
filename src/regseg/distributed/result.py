"""What a registration found, and what became of its blocks."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from dataclasses import dataclass, field
from pathlib import Path

import SimpleITK as sitk

from regseg.distributed.field import Field
from regseg.readers import read_transform

EARLIER = "by an earlier run"  # what is said of a block whose votes were there already


class RegistrationError(RuntimeError):
    """A registration that could not be done; the message says what to do."""


@dataclass(frozen=True)
class BlockReport:
    """What became of a block in one iteration: "done", "skipped" or "failed", and why."""

    stage: int
    iteration: int
    index: tuple[int, ...]
    status: str
    message: str = ""
    cpu_seconds: float = 0.0


@dataclass(repr=False)
class Result:
    """What a registration found.

    Attributes
    ----------
    field : Field
        The displacement that comes before the initial transform.
    initial : AffineTransform
        The initial transform.
    workdir : Path
        The work folder. A temporary one goes with the result.
    report : list[BlockReport]
        What became of each block, in each iteration.
    costs : list[tuple[int, int, float]]
        (stage, iteration, how unlike the images were before it) where the method says so.
    notes : list[str]
        What else a reader should know, one sentence each.
    doubts : list[str]
        What speaks against the result, one sentence each.
    similarity : tuple[float, float]
        How much the two images tell of each other, through the initial transform alone and at the end: their
        normalised mutual information (C. Studholme et al., Pattern Recognition 32(1), 1999) in the foreground, in the
        resolution of the lattice. 1 is nothing; 2 is all.
    """

    field: Field
    initial: sitk.AffineTransform
    workdir: Path
    report: list[BlockReport] = field(default_factory=list)
    costs: list[tuple[int, int, float]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)
    similarity: tuple[float, float] | None = None

    @classmethod
    def read(cls, file: str | Path) -> Result:
        """What a registration has found, from its `transform`: so more images can be warped without another run.

        Of what became of the blocks nothing is known; the work folder is a temporary one, on this computer.

        Parameters
        ----------
        file : str or Path
            The `transform.h5` of `regseg register-large`, or the `transform` of a result, written by SimpleITK.

        Raises
        ------
        ValueError
            The file holds another kind of transform.
        """
        transform, parts = read_transform(file), []
        if isinstance(transform, sitk.CompositeTransform):
            parts = [transform.GetNthTransform(n) for n in range(transform.GetNumberOfTransforms())]
        if [type(each) for each in parts] != [sitk.AffineTransform, sitk.BSplineTransform]:
            raise ValueError(
                f"{file} is not what a registration by blocks has found, an affine transform and a B-spline: give its "
                "transform.h5."
            )
        initial, spline = parts
        found = Field.of(spline)
        folder = Path(tempfile.mkdtemp(prefix="regseg-"))
        result = cls(found, initial, folder)
        weakref.finalize(result, shutil.rmtree, folder, ignore_errors=True)
        return result

    @property
    def transform(self) -> sitk.CompositeTransform:
        """From points of the fixed image to points of the moving one: first the field, then the initial transform."""
        return sitk.CompositeTransform([self.initial, self.field.transform])

    @property
    def failed(self) -> list[BlockReport]:
        """The blocks in which something should have been registered, and was not."""
        return [each for each in self.report if each.status == "failed"]

    def __str__(self) -> str:
        """A few lines: how many blocks did what, and why blocks failed."""
        count = {status: sum(each.status == status for each in self.report) for status in ("done", "skipped", "failed")}
        failed = [
            f"stage {each.stage}, iteration {each.iteration}, block {each.index} failed: {each.message}"
            for each in self.failed
        ]
        kept = sum(each.message == EARLIER for each in self.report)
        done = f"{count.pop('done')} done" + f" ({kept} of them {EARLIER})" * (kept > 0)
        counts = ", ".join([done, *(f"{n} {status}" for status, n in count.items())])
        return "\n".join([counts, *failed, *self.notes, *self.doubts])

    __repr__ = __str__
