"""A fresh kernel of this very Python, in which a notebook's cells run the same on every machine."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nbformat.v4
from ipykernel.kernelspec import get_kernel_dict
from jupyter_client import AsyncKernelManager
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from nbclient import NotebookClient

CELL_LIMIT = 600  # seconds after which a cell is taken to hang
STYLE = Path(__file__).with_name("matplotlibrc")
# In bytes; Windows has no `resource`, and tells nothing.
PEAK_MEMORY = """
try:
    import resource, sys
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024))
except ImportError:
    print(0)
"""


class _ThisPython(KernelSpecManager):
    """Knows one kernel: this Python, whatever kernels are installed for the user."""

    def get_kernel_spec(self, _kernel_name: str) -> KernelSpec:
        return KernelSpec(**get_kernel_dict())


@contextmanager
def fresh_kernel(notebook: nbformat.NotebookNode) -> Iterator[NotebookClient]:
    """A client whose `execute_cell` runs the notebook's cells, in an empty temporary folder.

    Errors of a cell are outputs, as in Jupyter; figures are inline PNGs in the lesson's style; the user's own IPython
    settings stay out.
    """
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        work = Path(folder, "work")
        work.mkdir()
        environment = os.environ | {
            "MPLBACKEND": "module://matplotlib_inline.backend_inline",
            "MATPLOTLIBRC": str(STYLE),
            "PYTHONHASHSEED": "0",
            "IPYTHONDIR": str(Path(folder, "ipython")),
        }
        manager = AsyncKernelManager(kernel_spec_manager=_ThisPython(), transport_encryption="auto")
        client = NotebookClient(notebook, km=manager, timeout=CELL_LIMIT, allow_errors=True, coalesce_streams=True)
        with client.setup_kernel(cleanup_kc=True, cwd=str(work), env=environment):
            yield client


def peak_memory(client: NotebookClient) -> int:
    """The largest memory that the client's kernel held so far, in bytes; 0 where the system does not tell."""
    cell = nbformat.v4.new_code_cell(PEAK_MEMORY)
    client.nb.cells.append(cell)
    client.execute_cell(cell, len(client.nb.cells) - 1)
    return int(client.nb.cells.pop().outputs[0].text)
