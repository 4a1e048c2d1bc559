"""Images of 12,000 voxels along each axis, three terabytes, which a server on loopback answers from a formula."""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import numpy as np
import pytest

from regseg import distributed
from regseg.grid import Grid
from regseg.volumes import pyramid
from regseg.volumes.description import describe

LEVELS = pyramid(Grid((12_000,) * 3, (0.001,) * 3, (0.0,) * 3, tuple(np.eye(3).ravel().tolist())))
CHUNK = 64


def values(level: int, index: tuple[int, ...]) -> np.ndarray:
    """A chunk (z, y, x): a ball 2 mm wide in the middle, full of waves, and nothing around it."""
    grid = LEVELS[level]
    z, y, x = np.ogrid[tuple(slice(n * CHUNK, (n + 1) * CHUNK) for n in index)]
    x, y, z = (n * step + first - 6 for n, step, first in zip((x, y, z), grid.spacing, grid.origin, strict=True))
    waves = 300 * (np.sin(40 * x + 2) + np.sin(45 * y + 1) + np.sin(50 * z)) + 2000
    return np.where(x**2 + y**2 + z**2 < 1, waves, 0).astype("<u2")


class Formula(BaseHTTPRequestHandler):
    """Answers the metadata and the chunks of fixed.zarr and moving.zarr."""

    asked: list[tuple[str, int, str]] = []

    def do_GET(self):
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
            content = values(int(inside[0]), tuple(map(int, inside[2:]))).tobytes()
        self.send_response(404 if content is None else 200)
        self.send_header("Content-Length", str(len(content or b"")))
        self.end_headers()
        self.wfile.write(content or b"")

    def log_message(self, *words):
        pass


@pytest.fixture
def formula():
    """The address of the two images."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Formula)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_three_terabytes_are_planned_from_their_coarse_levels(formula):
    """In voxels of 16 µm, and blocks of 64 of them, of which few hold something."""
    pair = f"{formula}/fixed.zarr", f"{formula}/moving.zarr"
    plan = distributed.plan(*pair, distributed.streamed_solve(0.016), lattice_spacing=0.064)
    blocks = plan.blocks(plan.stages[3])
    assert len(blocks) == 12**3
    assert 8 <= sum(wanted for _, wanted in blocks) <= 27
    found = distributed.needs(plan, trial=False)
    assert found.blocks < 100
    assert found.client < 3e9
    assert found.worker < 1e9
    assert {level for _, level, _ in Formula.asked} == {6}
    assert len(set(Formula.asked)) * CHUNK**3 * 2 < 1e-4 * np.prod(LEVELS[0].size) * 2


@pytest.mark.parametrize(
    ("block_size", "why"), [(None, "1,953,125 blocks.*--block-size"), (0.256, "3000 x 3000 x 3000 cells.*--lattice")]
)
def test_what_nobody_can_do_is_refused_before_a_voxel_is_read(formula, block_size, why):
    Formula.asked.clear()
    stages = distributed.streamed_solve(0.001, block_size=block_size)
    with pytest.raises(ValueError, match=why):
        distributed.plan(f"{formula}/fixed.zarr", f"{formula}/moving.zarr", stages, lattice_spacing=0.004)
    assert not Formula.asked
