"""Pictures of images as they lie in the patient: static figures, and a viewer to explore them."""

from regseg.show.figures import compare, slice, slices

__all__ = ["compare", "slice", "slices"]
