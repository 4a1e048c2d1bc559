"""Pictures of images as they lie in the patient: static figures, and a viewer to explore them; and of registrations."""

from regseg.show._explore import explore
from regseg.show._pick import pick
from regseg.show._predict import predict
from regseg.show._watch import History, watch
from regseg.show.figures import compare, slice, slices

__all__ = ["History", "compare", "explore", "pick", "predict", "slice", "slices", "watch"]
