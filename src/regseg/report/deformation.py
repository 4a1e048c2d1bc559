"""What a transform does to space: how far it moves, where it squeezes and folds, and whether another one undoes it."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np
import SimpleITK as sitk

from regseg import evaluate
from regseg.evaluate import FieldError
from regseg.grid import Grid

_SAMPLES = 400_000  # voxels at which a round trip is walked


@dataclass(frozen=True)
class Deformation:
    """What a transform does in the foreground of the fixed image.

    Attributes
    ----------
    field : sitk.Image
        Displacements in mm on the voxels of the fixed image.
    motion : FieldError
        How far it moves the foreground, in mm.
    determinant : sitk.Image
        Of the Jacobian: how much small volumes grow.
    percentiles : (float, float, float)
        The 1st, 50th and 99th of the determinant in the foreground.
    folded, folded_anywhere : float
        The fraction of the foreground, and of all voxels, at which the determinant is not above 0.
    """

    field: sitk.Image
    motion: FieldError
    determinant: sitk.Image
    percentiles: tuple[float, float, float]
    folded: float
    folded_anywhere: float

    @classmethod
    def of(cls, transform: sitk.Transform, foreground: sitk.Image) -> Deformation:
        """Look at a transform; ValueError where it takes a voxel to no finite place."""
        grid = Grid.of(foreground)
        field = grid.sample(transform)
        determinant = evaluate.jacobian_determinant(field)
        values, inside = sitk.GetArrayViewFromImage(determinant), sitk.GetArrayViewFromImage(foreground) > 0
        here = values[inside]
        distances = np.linalg.norm(sitk.GetArrayViewFromImage(field)[inside], axis=-1)
        return cls(
            field,
            FieldError(float(distances.mean()), float(np.percentile(distances, 95)), float(distances.max())),
            determinant,
            tuple(map(float, np.percentile(here, (1, 50, 99)))),
            float(np.mean(here <= 0)),
            float(np.mean(values <= 0)),
        )

    @property
    def transform(self) -> sitk.Transform:
        """The field as a transform: quicker than many that it may have come from."""
        return sitk.DisplacementFieldTransform(sitk.Image(self.field))


def round_trip(there: sitk.Transform, back: sitk.Transform, foreground: sitk.Image) -> FieldError:
    """How far from home the foreground ends that goes there and back, in mm; looked at in so many voxels at most."""
    step = int(np.ceil((prod(foreground.GetSize()) / _SAMPLES) ** (1 / foreground.GetDimension())))
    thinned = foreground[(slice(step // 2, None, step),) * foreground.GetDimension()]
    mask = thinned if sitk.GetArrayViewFromImage(thinned).any() else foreground
    return evaluate.inverse_consistency(there, back, mask)


def turned(transform: sitk.Transform, deformation: Deformation) -> sitk.Transform:
    """The inverse of a transform where it is linear, and else nearly: the field, backwards."""
    if transform.IsLinear():
        try:
            return transform.GetInverse()
        except RuntimeError:  # singular
            pass
    field = deformation.field
    return sitk.DisplacementFieldTransform(Grid.of(field).image(-sitk.GetArrayViewFromImage(field)))
