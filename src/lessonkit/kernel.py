"""A fresh kernel of this very Python, in which a notebook's cells run the same on every machine."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat.v4
from ipykernel.kernelspec import get_kernel_dict
from jupyter_client import AsyncKernelManager
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from nbclient import NotebookClient

from regseg.show import living

CELL_LIMIT = 600  # seconds after which a cell is taken to hang
PRINT_LIMIT = 100_000  # characters of one cell's output, beyond which nobody reads
STYLE = Path(__file__).with_name("matplotlibrc")
# Children that ended are in os.times, others are asked. What the lesson has imported is asked before `peak` is.
USAGE = """
import json, os, psutil, sys
alive = [sum(child.cpu_times()[:2]) for child in psutil.Process().children(recursive=True)]
course = sorted(module.__file__ for name, module in sys.modules.items()
                if name.split(".")[0] == "regseg" and getattr(module, "__file__", None))
from regseg.memory import peak
print(json.dumps({"memory": peak(), "cpu_seconds": sum(os.times()[:4]) + sum(alive), "modules": course}))
"""


@dataclass(frozen=True)
class Usage:
    """What a kernel took so far.

    Attributes
    ----------
    memory : int
        The most that the kernel itself held, in bytes.
    cpu_seconds : float
        The time that processors worked for it and its children.
    modules : tuple of str
        The files of `regseg` that it imported.
    """

    memory: int
    cpu_seconds: float
    modules: tuple[str, ...]


class _ThisPython(KernelSpecManager):
    """Knows one kernel: this Python, whatever kernels are installed for the user."""

    def get_kernel_spec(self, _kernel_name: str) -> KernelSpec:
        return KernelSpec(**get_kernel_dict())


class _Client(NotebookClient):
    """Keeps no more of a cell's prints than `PRINT_LIMIT` and a character: joining them takes time squared."""

    def output(self, outs: list, msg: dict[str, Any], *where: Any) -> nbformat.NotebookNode | None:
        if msg["msg_type"] == "stream":
            kept = sum(len(out["text"]) for out in outs if out["output_type"] == "stream")
            msg["content"]["text"] = msg["content"]["text"][: max(0, PRINT_LIMIT + 1 - kept)]
        return super().output(outs, msg, *where)


@contextmanager
def fresh_kernel(notebook: nbformat.NotebookNode) -> Iterator[NotebookClient]:
    """A client whose `execute_cell` runs the notebook's cells, in an empty temporary folder.

    Errors of a cell are outputs, as in Jupyter; figures are inline PNGs in the lesson's style, and carry a finer
    picture and their state (`regseg.show.living`); the user's own IPython settings stay out.
    """
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        work = Path(folder, "work")
        work.mkdir()
        startup = Path(folder, "ipython", "profile_default", "startup", "fine.py")
        startup.parent.mkdir(parents=True)
        startup.write_text("__import__('regseg.show.living', fromlist=['']).make_fine()\n", encoding="utf-8")
        environment = os.environ | {
            "MPLBACKEND": "module://matplotlib_inline.backend_inline",
            "MATPLOTLIBRC": str(STYLE),
            "PYTHONHASHSEED": "0",
            living.RECORDING: "1",
            "IPYTHONDIR": str(Path(folder, "ipython")),
        }
        manager = AsyncKernelManager(kernel_spec_manager=_ThisPython(), transport_encryption="auto")
        client = _Client(notebook, km=manager, timeout=CELL_LIMIT, allow_errors=True, coalesce_streams=True)
        with client.setup_kernel(cleanup_kc=True, cwd=str(work), env=environment):
            try:
                yield client
            except BaseException:
                # A cell that still runs would be interrupted, and its traceback printed here.
                client.shutdown_kernel = "immediate"
                raise


def usage(client: NotebookClient) -> Usage:
    """What the client's kernel took so far."""
    cell = nbformat.v4.new_code_cell(USAGE)
    client.nb.cells.append(cell)
    client.execute_cell(cell, len(client.nb.cells) - 1)
    told = json.loads(client.nb.cells.pop().outputs[0].text)
    return Usage(told["memory"], told["cpu_seconds"], tuple(told["modules"]))
