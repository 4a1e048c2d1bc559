"""Pictures of images as they lie in the patient: static figures, and a viewer to explore them; and of registrations."""

from regseg.show import play
from regseg.show._box import box
from regseg.show._brush import brush, fill_between
from regseg.show._explore import explore
from regseg.show._pick import pick
from regseg.show._predict import predict
from regseg.show._seed import seed
from regseg.show._surface import surface
from regseg.show._watch import History, watch
from regseg.show.figures import compare, slice, slices

__all__ = [
    "History",
    "box",
    "brush",
    "compare",
    "explore",
    "fill_between",
    "pick",
    "play",
    "predict",
    "seed",
    "slice",
    "slices",
    "surface",
    "watch",
]
