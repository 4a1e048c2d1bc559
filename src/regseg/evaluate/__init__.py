"""How good is a registration or a segmentation?"""

from regseg.evaluate.registration import (
    FieldError,
    field_error,
    folding,
    inverse_consistency,
    jacobian_determinant,
    tre,
)
from regseg.evaluate.segmentation import Overlap, SurfaceDistance, overlap, surface_distance

__all__ = [
    "FieldError",
    "Overlap",
    "SurfaceDistance",
    "field_error",
    "folding",
    "inverse_consistency",
    "jacobian_determinant",
    "overlap",
    "surface_distance",
    "tre",
]
