"""Pictures of images as they lie in the patient: static figures, and a viewer to explore them; and of registrations."""

from regseg.show._predict import predict
from regseg.show.explore import explore
from regseg.show.figures import compare, slice, slices
from regseg.show.pick import pick
from regseg.show.watch import History, watch

__all__ = ["History", "compare", "explore", "pick", "predict", "slice", "slices", "watch"]
