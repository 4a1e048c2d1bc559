"""Images of 12,000 voxels along each axis, three terabytes each, which a server on loopback answers from a formula."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import numpy as np

from regseg.grid import Grid
from regseg.volumes import pyramid
from regseg.volumes.description import describe

SIDE, VOXEL = 12_000, 0.001  # voxels, and mm
LEVELS = pyramid(Grid((SIDE,) * 3, (VOXEL,) * 3, (0.0,) * 3, tuple(np.eye(3).ravel().tolist())))
CHUNK = 64


@dataclass
class Formula:
    """Where fixed.zarr and moving.zarr are, and which chunks were asked for: (image, level, "z/y/x")."""

    address: str
    asked: list[tuple[str, int, str]] = field(default_factory=list)

    @property
    def pair(self) -> tuple[str, str]:
        """The addresses of the fixed and of the moving image."""
        return f"{self.address}/fixed.zarr", f"{self.address}/moving.zarr"


@contextmanager
def served(radius: float = 1.0) -> Iterator[Formula]:
    """Serve two images, alike, of a ball of this radius in mm, full of waves, with nothing around it."""
    found = Formula("")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Answers, radius, found.asked))
    found.address = f"http://127.0.0.1:{server.server_port}"
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()


def values(level: int, index: tuple[int, ...], radius: float) -> np.ndarray:
    """A chunk (z, y, x)."""
    grid, middle = LEVELS[level], SIDE * VOXEL / 2
    z, y, x = np.ogrid[tuple(slice(n * CHUNK, (n + 1) * CHUNK) for n in index)]
    x, y, z = (n * step + first - middle for n, step, first in zip((x, y, z), grid.spacing, grid.origin, strict=True))
    waves = 300 * (np.sin(40 * x + 2) + np.sin(45 * y + 1) + np.sin(50 * z)) + 2000
    return np.where(x**2 + y**2 + z**2 < radius**2, waves, 0).astype("<u2")


class _Answers(BaseHTTPRequestHandler):
    """Answers the metadata and the chunks."""

    def __init__(self, radius: float, asked: list[tuple[str, int, str]], *arguments) -> None:
        self.radius, self.asked = radius, asked
        super().__init__(*arguments)

    def do_GET(self) -> None:
        """The name is the one that http.server wants."""
        name, *inside = self.path.strip("/").split("/")
        name, content = name.removesuffix(".zarr"), None
        if inside == ["zarr.json"]:
            attributes = describe(name, LEVELS, False, "0.5", False)
            content = json.dumps({"zarr_format": 3, "node_type": "group", "attributes": attributes}).encode()
        elif inside[1:] == ["zarr.json"]:
            content = json.dumps(
                {
                    "zarr_format": 3,
                    "node_type": "array",
                    "shape": LEVELS[int(inside[0])].size[::-1],
                    "data_type": "uint16",
                    "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [CHUNK] * 3}},
                    "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
                    "fill_value": 0,
                    "codecs": [{"name": "bytes", "configuration": {"endian": "little"}}],
                }
            ).encode()
        elif len(inside) == 5:
            self.asked.append((name, int(inside[0]), "/".join(inside[2:])))
            content = values(int(inside[0]), tuple(map(int, inside[2:])), self.radius).tobytes()
        self.send_response(404 if content is None else 200)
        self.send_header("Content-Length", str(len(content or b"")))
        self.end_headers()
        self.wfile.write(content or b"")

    def log_message(self, *words) -> None:
        """Say nothing."""
