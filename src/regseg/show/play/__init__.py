"""Playgrounds: what an episode explains, under the learner's own hands. Each computes everything in the page."""

from regseg.show.play._align import align
from regseg.show.play._bending import bending
from regseg.show.play._fold import fold
from regseg.show.play._overlap import overlap
from regseg.show.play._threshold import threshold
from regseg.show.play._transform import transform

__all__ = ["align", "bending", "fold", "overlap", "threshold", "transform"]
