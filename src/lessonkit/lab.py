"""JupyterLab on this machine only: for the course, and driven by a browser for tests and benches."""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import nbformat

from lessonkit.lesson import LessonError

HOST = "127.0.0.1"
HERE = Path(__file__).parent


@contextmanager
def jupyterlab(folder: Path, port: int = 0, patience: float = 120.0) -> Iterator[tuple[str, subprocess.Popen]]:
    """Serve a folder of notebooks with JupyterLab while the context lasts.

    Yields
    ------
    str
        The address, with the secret token without which nobody else on this machine can use it.
    subprocess.Popen
        JupyterLab itself.

    Raises
    ------
    LessonError
        It does not answer within `patience` seconds.
    """
    port, token = free_port(port), secrets.token_hex(16)
    command = [sys.executable, "-m", "jupyterlab", f"--ServerApp.port={port}", f"--ServerApp.root_dir={folder}"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")
    # Its settings keep it from asking the network for news and updates. The token is not for the list of processes.
    environment = os.environ | {"JUPYTER_CONFIG_PATH": str(HERE / "jupyter"), "JUPYTER_TOKEN": token}
    quiet = subprocess.DEVNULL
    # In a session of its own, so that Ctrl-C in the terminal reaches us only and we stop it in order.
    process = subprocess.Popen(
        command, env=environment, stdin=quiet, stdout=quiet, stderr=quiet, start_new_session=True
    )
    try:
        _await_answer(process, f"http://{HOST}:{port}/api", patience)
        yield f"http://{HOST}:{port}/lab?token={token}", process
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _await_answer(process: subprocess.Popen, address: str, patience: float) -> None:
    deadline = time.monotonic() + patience
    while True:
        try:
            urlopen(address, timeout=5).close()
            return
        except (URLError, OSError):
            if process.poll() is not None or time.monotonic() > deadline:
                message = "JupyterLab does not start. See why with: python -m jupyterlab notebooks"
                raise LessonError(message) from None
            time.sleep(0.2)


def free_port(wanted: int) -> int:
    """The port itself where it is free, else another one."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            if os.name != "nt":
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a port just left counts as free
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return probe.getsockname()[1]
    raise LessonError(f"No free port on {HOST}: close a program that serves there")


def write_notebook(path: Path, *cells: str) -> Path:
    """A notebook of these code cells."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, path)
    return path


def run_all(page, address: str, name: str) -> None:
    """Open a notebook of the JupyterLab at this address in the browser's page, and start all its cells."""
    page.goto(address.replace("/lab?", f"/lab/tree/{name}?") + "&reset")
    page.locator(".jp-Notebook").wait_for(timeout=60_000)
    page.locator("#jp-main-statusbar").get_by_text("| Idle").wait_for(timeout=60_000)
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
