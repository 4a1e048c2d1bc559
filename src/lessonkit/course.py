"""What a learner starts: the website and JupyterLab, both on this machine only."""

from __future__ import annotations

import http.server
import os
import re
import signal
import sys
import threading
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from html import escape
from pathlib import Path

from lessonkit import notebook, site
from lessonkit.lab import HOST, free_port, jupyterlab
from lessonkit.lesson import Lesson
from lessonkit.page import LessonError


def serve(lesson: Lesson, *, open_browser: bool, port: int, lab_port: int) -> None:
    """Prepare what the lesson needs, then serve it until Ctrl-C or SIGTERM.

    A notebook that someone has worked in stays as it is. A port that is taken is replaced by a free one.

    Raises
    ------
    LessonError
        There is no such port, the website cannot be built, or JupyterLab does not start.
    """
    from regseg import data

    build = lesson.root / "build"
    with _until_stopped(port, lab_port):
        data.prepare(progress=True)
        for path in notebook.write(lesson):
            print(f"Kept with your changes: {path}. For a fresh copy, rename or delete it and start again.")
        site.build(lesson, build / "site")
        _serve(build / "site", lesson.root / "notebooks", build, open_browser, port, lab_port)


def serve_bundle(folder: Path, *, open_browser: bool, port: int, lab_port: int) -> None:
    """Serve what `lessonkit.offline` has written, with the images that lie in it or, where it is set, of REGSEG_CACHE.

    Raises
    ------
    LessonError
        The folder holds no lesson, there is no such port, or JupyterLab does not start.
    """
    from regseg.data import store

    folder = folder.resolve()
    for name in ("site", "notebooks", "images"):
        if not (folder / name).is_dir():
            raise LessonError(f"{folder} has no folder {name}: give this command in the folder that holds the lesson")
    os.environ["REGSEG_CACHE"] = os.environ.get("REGSEG_CACHE") or str(folder / "images")
    print(f"The images come from {store.folder()}")
    with _until_stopped(port, lab_port):
        _serve(folder / "site", folder / "notebooks", folder, open_browser, port, lab_port)


@contextmanager
def _until_stopped(*ports: int) -> Iterator[None]:
    """Say which ports are taken, and end in order on Ctrl-C or SIGTERM."""
    _stop_in_order()
    try:
        for wanted, free in [(wanted, free_port(wanted)) for wanted in ports]:
            if free != wanted:
                print(f"Port {wanted} is taken, perhaps because the course is running already; another one is used.")
        yield
    except KeyboardInterrupt:
        print("\nStopped.")


def _serve(pages: Path, notebooks: Path, doors: Path, open_browser: bool, port: int, lab_port: int) -> None:
    """Serve a built website and a folder of notebooks; in the folder `doors` lies the way to the notebooks."""
    print("Starting JupyterLab …", file=sys.stderr)
    with website(pages, port) as address, jupyterlab(notebooks, lab_port) as (lab, process):
        print(f"\n  The lesson:     {address}\n  The notebooks:  {lab}\n\nCtrl-C stops both.", flush=True)
        with door(doors / "notebooks.html", lab) as way:
            if open_browser and has_display():
                webbrowser.open(address)
                webbrowser.open(way)
            process.wait()
        raise LessonError("JupyterLab has stopped; start it again with the same command")


@contextmanager
def door(page: Path, address: str) -> Iterator[str]:
    """A page that leads to an address, and that only its owner can read; give its own address.

    Everybody on this computer reads with which addresses a browser is started, the token in them too. (Jupyter's own
    page for this lies in a hidden folder, which a browser in a sandbox may not open.)
    """
    page.parent.mkdir(parents=True, exist_ok=True)
    page.unlink(missing_ok=True)
    to = escape(address)
    html = f'<!DOCTYPE html><meta charset="utf-8"><title>To the notebooks</title><a href="{to}">To the notebooks</a>'
    with open(page, "x", encoding="utf-8", opener=partial(os.open, mode=0o600)) as file:
        file.write(f'{html}<meta http-equiv="refresh" content="0; url={to}">')
    try:
        yield page.as_uri()
    finally:
        page.unlink(missing_ok=True)


class _Handler(http.server.SimpleHTTPRequestHandler):
    """Serves the site's files quietly; for a wrong address, or a folder without an index, the site's own page."""

    # Windows may have other ideas in its registry, and a module or WebAssembly file must have the right type.
    extensions_map = http.server.SimpleHTTPRequestHandler.extensions_map | {
        ".js": "text/javascript",
        ".mjs": "text/javascript",
        ".css": "text/css",
        ".svg": "image/svg+xml",
        ".wasm": "application/wasm",
        ".ipynb": "application/x-ipynb+json",
    }

    def end_headers(self) -> None:
        self.send_header("Cache-Control", "no-cache")  # a rebuilt page is seen at once
        super().end_headers()

    def translate_path(self, path: str) -> str:
        return super().translate_path(path).replace("\0", "?")  # which no file's name may hold

    def list_directory(self, _path: str) -> None:
        self.send_error(404)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        if code != 404:
            return super().send_error(code, message, explain)
        # The page is made for the published site's root; here the root is another.
        page = Path(self.directory, "404.html").read_text(encoding="utf-8")
        body = re.sub(r'<base href="[^"]*">', '<base href="/">', page).encode()
        self.send_response(404)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_arguments: object) -> None:
        pass


class _Server(http.server.ThreadingHTTPServer):
    allow_reuse_address = os.name != "nt"  # on Windows this would share a port that is taken


@contextmanager
def website(folder: Path, port: int) -> Iterator[str]:
    """Serve a built site on loopback while the context lasts; give its address."""
    handler = partial(_Handler, directory=str(folder))
    with _Server((HOST, free_port(port)), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://{HOST}:{server.server_port}/"
        finally:
            server.shutdown()


def _stop_in_order() -> None:
    """Let SIGTERM, and the closing of the terminal, stop us the way that Ctrl-C does."""
    for name in ("SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.default_int_handler)


def has_display() -> bool:
    """Whether a browser can be opened here, and may be."""
    if os.environ.get("REGSEG_NO_BROWSER"):
        return False
    return sys.platform in ("win32", "darwin") or bool({"DISPLAY", "WAYLAND_DISPLAY"} & os.environ.keys())
