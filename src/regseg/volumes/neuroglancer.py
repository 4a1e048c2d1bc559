"""The address at which a viewer in the browser shows OME-Zarr images that are served somewhere."""

from __future__ import annotations

import json
from urllib.parse import quote

from regseg.volumes.remote import checked

_VIEWER = "https://neuroglancer-demo.appspot.com/#!"  # what follows stays in the browser


def neuroglancer_address(*addresses: str) -> str:
    """The address at which Neuroglancer shows OME-Zarr images over each other.

    It is only text: nobody is asked anything here. Whoever opens it must be allowed to read the images, by the store as
    well as by the browser (CORS). Neuroglancer knows no direction matrix, and shows an oblique image straight.

    Parameters
    ----------
    addresses : str
        Of the images, such as s3://bucket/out/warped.zarr or https://server/scan.zarr.

    Raises
    ------
    VolumeError
        One is of another kind, or holds a password.
    """
    images = [checked(address) for address in addresses]
    layers = [{"name": each.rpartition("/")[2], "type": "auto", "source": f"{each}/|zarr:"} for each in images]
    return _VIEWER + quote(json.dumps({"layers": layers, "layout": "4panel-alt"}, separators=(",", ":")), safe="")
