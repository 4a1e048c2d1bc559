"""Points and meshes carried through a transform, and the command `regseg map-points`.

A transform of a registration maps points of the fixed image to points of the moving one; with `inverse` they come back.
"""

from regseg.points.carrying import carry
from regseg.points.tables import carry_file

__all__ = ["carry", "carry_file"]
