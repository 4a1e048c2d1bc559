"""Points and meshes carried through a transform, and the command `regseg map-points`.

A transform of a registration maps points of the fixed image to points of the moving one; with `inverse` they come back.
Where it is a displacement field in chunks, larger than memory perhaps, `Displacements` carries them.
"""

from regseg.points.carrying import carry, invert
from regseg.points.fields import Displacements
from regseg.points.tables import carry_file

__all__ = ["Displacements", "carry", "carry_file", "invert"]
