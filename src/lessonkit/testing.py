"""JupyterLab as a learner uses it, driven by a browser: for tests and benches, which bring Playwright."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.request import Request, urlopen

import nbformat

if TYPE_CHECKING:
    from playwright.sync_api import Page

PATIENCE = 60_000  # milliseconds


def write_notebook(path: Path, *cells: str) -> Path:
    """A notebook of these code cells."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, path)
    return path


def open_notebook(page: Page, address: str, name: str) -> None:
    """Open a notebook of the JupyterLab at this address (`lab.jupyterlab`), and wait until its kernel is ready."""
    page.goto(address.replace("/lab?", f"/lab/tree/{name}?") + "&reset")
    page.locator(".jp-Notebook").wait_for(timeout=PATIENCE)
    page.locator("#jp-main-statusbar").get_by_text("| Idle").wait_for(timeout=PATIENCE)


def run_all(page: Page, address: str, name: str) -> None:
    """Open a notebook, and start all its cells."""
    open_notebook(page, address, name)
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()


def save(page: Page) -> None:
    """Save the open notebook, and wait until its tab says so."""
    page.keyboard.press("Control+s")
    page.locator(".jp-mod-current[role=tab]:not(.jp-mod-dirty)").wait_for(timeout=PATIENCE)


def end_kernels(address: str) -> None:
    """Shut all kernels of the JupyterLab at this address down, as an evening does."""
    host, token = address.split("/lab?token=")

    def ask(method: str, path: str) -> bytes:
        with urlopen(Request(host + path, method=method, headers={"Authorization": f"token {token}"})) as answer:
            return answer.read()

    for session in json.loads(ask("GET", "/api/sessions")):
        ask("DELETE", f"/api/sessions/{session['id']}")
