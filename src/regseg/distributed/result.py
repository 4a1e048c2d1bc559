"""What a registration found, and what became of its blocks."""

from __future__ import annotations

from dataclasses import dataclass, field

import SimpleITK as sitk

from regseg.distributed.field import Field


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
    initial : Transform
        The initial transform.
    report : list[BlockReport]
        What became of each block, in each iteration.
    costs : list[tuple[int, int, float]]
        (stage, iteration, how unlike the images were before it) where the method says so.
    notes : list[str]
        What else a reader should know, one sentence each.
    """

    field: Field
    initial: sitk.Transform
    report: list[BlockReport] = field(default_factory=list)
    costs: list[tuple[int, int, float]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def transform(self) -> sitk.CompositeTransform:
        """From points of the fixed image to points of the moving one: first the field, then the initial transform."""
        return sitk.CompositeTransform([self.initial, self.field.transform])

    def __str__(self) -> str:
        """A few lines: how many blocks did what, and why blocks failed."""
        count = {status: sum(each.status == status for each in self.report) for status in ("done", "skipped", "failed")}
        failed = [
            f"stage {each.stage}, iteration {each.iteration}, block {each.index} failed: {each.message}"
            for each in self.report
            if each.status == "failed"
        ]
        return "\n".join([", ".join(f"{n} {status}" for status, n in count.items()), *failed, *self.notes])

    __repr__ = __str__
