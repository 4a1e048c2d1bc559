"""Pictures of images as they lie in the patient: static figures, and a viewer to explore them."""

from regseg.show.explore import explore
from regseg.show.figures import compare, slice, slices

__all__ = ["compare", "explore", "slice", "slices"]
