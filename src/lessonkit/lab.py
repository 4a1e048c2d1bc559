"""JupyterLab on this machine only."""

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
from urllib.request import ProxyHandler, build_opener

from lessonkit.kernel import STYLE
from lessonkit.page import LessonError
from lessonkit.testing import run_all, write_notebook

__all__ = ["free_port", "jupyterlab", "run_all", "write_notebook"]  # the last two for scripts from when they lived here

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
        There is no such port, or it does not answer within `patience` seconds.
    """
    port, token = free_port(port), secrets.token_hex(16)
    command = [sys.executable, "-m", "jupyterlab", f"--ServerApp.port={port}", f"--ServerApp.root_dir={folder}"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")
    environment = os.environ | {
        "JUPYTER_CONFIG_PATH": str(HERE / "jupyter"),  # which asks the network for no news and updates
        "JUPYTER_TOKEN": token,  # which is not for the list of processes
        "MATPLOTLIBRC": str(STYLE),  # so that a learner's figures are the lesson's
    }
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
    here = build_opener(ProxyHandler({}))  # the proxy of a hospital does not know this computer's own addresses
    while True:
        try:
            here.open(address, timeout=5).close()
            return
        except (URLError, OSError):
            if process.poll() is not None or time.monotonic() > deadline:
                message = "JupyterLab does not start. See why with: python -m jupyterlab notebooks"
                raise LessonError(message) from None
            time.sleep(0.2)


def free_port(wanted: int) -> int:
    """The port itself where it is free, else another one; LessonError for a number that is no port's."""
    if not 0 <= wanted <= 65535:
        raise LessonError(f"There is no port {wanted}: choose a number from 1024 to 65535, or leave it out")
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
