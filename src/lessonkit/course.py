"""What a learner starts: the website and JupyterLab, both on this machine only."""

from __future__ import annotations

import hashlib
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
from pathlib import Path

from lessonkit import notebook, site
from lessonkit.lab import HOST, free_port, jupyterlab
from lessonkit.lesson import FOLDERS, Lesson, replace_file
from lessonkit.page import LessonError

HERE = Path(__file__).parent


def serve(lesson: Lesson, *, open_browser: bool, port: int, lab_port: int) -> None:
    """Prepare what the lesson needs, then serve it until Ctrl-C or SIGTERM.

    A notebook that someone has worked in stays as it is. A port that is taken is replaced by a free one.

    Raises
    ------
    LessonError
        The website cannot be built, or JupyterLab does not start.
    """
    from regseg import data

    _stop_in_order()
    try:
        data.prepare(progress=True)
        for path in notebook.write(lesson):
            print(f"Kept with your changes: {path}. For a fresh copy, rename or delete it and start again.")
        folder = up_to_date_site(lesson)
        for wanted in (port, lab_port):
            if free_port(wanted) != wanted:
                print(f"Port {wanted} is taken, perhaps because the course is running already; another one is used.")
        print("Starting JupyterLab …", file=sys.stderr)
        with website(folder, port) as pages, jupyterlab(lesson.root / "notebooks", lab_port) as (lab, process):
            print(f"\n  The lesson:     {pages}\n  The notebooks:  {lab}\n\nCtrl-C stops both.", flush=True)
            if open_browser and _has_display():
                webbrowser.open(pages)
                webbrowser.open(lab)
            process.wait()
            raise LessonError("JupyterLab has stopped; start it again with `make course`")
    except KeyboardInterrupt:
        print("\nStopped.")


def up_to_date_site(lesson: Lesson) -> Path:
    """The folder of the website, built again only when something that it is made of has changed."""
    folder = lesson.root / "build" / "site"
    key, record = _key(lesson), folder.with_suffix(".sha256")
    if not (folder.is_dir() and record.is_file() and record.read_text(encoding="utf-8") == key):
        site.build(lesson, folder)
        replace_file(record, key.encode())
    return folder


def _key(lesson: Lesson) -> str:
    """A hash of everything that the website is made of: the lesson's files, the pinned versions, lessonkit."""
    root, digest = lesson.root, hashlib.sha256()
    folders = [HERE, *(root / name for name in (*FOLDERS, "fig"))]
    files = [root / "config.yaml", root / "requirements-course.lock", *root.glob("*.md")]
    files += [path for folder in folders for path in folder.rglob("*")]
    for path in sorted(files):
        if path.is_file() and path.suffix != ".pyc":
            digest.update(f"{path}\0{path.stat().st_size}\0".encode() + path.read_bytes())
    return digest.hexdigest()


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


def _has_display() -> bool:
    if os.environ.get("REGSEG_NO_BROWSER"):
        return False
    return sys.platform in ("win32", "darwin") or bool({"DISPLAY", "WAYLAND_DISPLAY"} & os.environ.keys())
