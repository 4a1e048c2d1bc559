"""How good is a registration or a segmentation?

No number is made of nothing: where a mask is empty, overlaps and distances are 0/0 or infinite, and these functions
raise ValueError with a sentence; `detection` counts such cases.
"""

from regseg.evaluate.intensities import Agreement, agreement, normalised_mutual_information
from regseg.evaluate.lesions import Detection, detection
from regseg.evaluate.overlaps import Overlap, centreline_dice, overlap
from regseg.evaluate.registration import (
    FieldError,
    field_error,
    folding,
    inverse_consistency,
    jacobian_determinant,
    tre,
)
from regseg.evaluate.surfaces import (
    DirectedDistance,
    Margin,
    SurfaceDistance,
    margin,
    surface_dice,
    surface_distance,
)

__all__ = [
    "Agreement",
    "Detection",
    "DirectedDistance",
    "FieldError",
    "Margin",
    "Overlap",
    "SurfaceDistance",
    "agreement",
    "centreline_dice",
    "detection",
    "field_error",
    "folding",
    "inverse_consistency",
    "jacobian_determinant",
    "margin",
    "normalised_mutual_information",
    "overlap",
    "surface_dice",
    "surface_distance",
    "tre",
]
