"""Volumes larger than memory: chunked OME-Zarr files that know where they lie, read and written a region at a time.

What is written follows OME-Zarr 0.5 (https://ngff.openmicroscopy.org/0.5): axes z, y, x in mm, a scale and a
translation for each level of resolution. That version has no direction matrix, so it stands beside them, under
"regseg". What words can say of it, the orientation of straight axes in the patient, they say (RFC-4 of OME-NGFF); an
oblique image is seen straight by a reader that does not know of "regseg". OME-Zarr 0.6 has rotations, and is written
where it is asked for. A file appears whole or not at all.

What other programs have written is read as well, in the versions 0.4, 0.5 and 0.6; `metadata` says what of it. Where a
file says something that is not read here it is refused, and not guessed.
"""

from regseg.readers import VolumeError, is_address, is_zarr, local
from regseg.volumes.files import Readable, header
from regseg.volumes.neuroglancer import neuroglancer_address
from regseg.volumes.reading import Volume, joined, levels, open_displacements, open_volume
from regseg.volumes.remote import RemoteError, fetch, put
from regseg.volumes.resolution import COARSEST, pyramid, read_level
from regseg.volumes.voxels import Pooling, as_voxels, exact, means, medians
from regseg.volumes.writing import (
    along_axes,
    coarsen,
    create,
    create_displacements,
    demand_writable,
    holds,
    save,
    save_mask,
)

__all__ = [
    "COARSEST",
    "Pooling",
    "Readable",
    "RemoteError",
    "Volume",
    "VolumeError",
    "along_axes",
    "as_voxels",
    "coarsen",
    "create",
    "create_displacements",
    "demand_writable",
    "exact",
    "fetch",
    "header",
    "holds",
    "is_address",
    "is_zarr",
    "joined",
    "levels",
    "local",
    "means",
    "medians",
    "neuroglancer_address",
    "open_displacements",
    "open_volume",
    "put",
    "pyramid",
    "read_level",
    "save",
    "save_mask",
]
