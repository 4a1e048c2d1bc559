"""Start the app beside this file for this computer only: python serve.py STUDIES [--port 8000]

MONAI Label as it comes listens to the whole network and asks nobody who he is. Here it listens on the loopback address,
and answers no page of another site that a browser has open, so that no password is needed.
"""

from __future__ import annotations

import argparse
import os
import signal
import socket
import sys
from pathlib import Path
from urllib.parse import urlsplit

HERE = Path(__file__).resolve().parent
LOOPBACK = "127.0.0.1"


class OnlyThisComputer:
    """An ASGI application that lets in only what was meant for this computer, by a program or by a page of its own."""

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        if scope["type"] != "lifespan":
            headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
            asked, page = f"//{headers.get(b'host', '')}", headers.get(b"origin", f"//{LOOPBACK}")
            if not all(urlsplit(each).hostname in (LOOPBACK, "localhost") for each in (asked, page)):
                await send({"type": "http.response.start", "status": 403, "headers": []})
                await send({"type": "http.response.body", "body": b"This server answers its own computer only."})
                return
        await self.app(scope, receive, send)


def main() -> None:
    parser = argparse.ArgumentParser(description="MONAI Label with the app of this folder, for this computer only.")
    parser.add_argument("studies", type=Path, help="a folder of scans, as .nii.gz, .nii or .nrrd")
    parser.add_argument("--port", type=int, default=8000)
    given = parser.parse_args()
    if not given.studies.is_dir():
        sys.exit(f"There is no folder {given.studies}: make it, and put scans into it.")
    ours = socket.socket()
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, os.name == "posix")
    try:
        ours.bind((LOOPBACK, given.port))
    except OSError:
        sys.exit(f"Port {given.port} is taken, perhaps by a label server that still runs: stop it, or name another.")

    # Read by MONAI Label when it is imported, here and in the process that trains.
    os.environ |= {
        "MONAI_LABEL_APP_DIR": str(HERE),
        "MONAI_LABEL_STUDIES": str(given.studies.resolve()),
        "MONAI_LABEL_SERVER_PORT": str(given.port),
        "MONAI_LABEL_SESSIONS": "false",
        "MONAI_LABEL_TRACKING_ENABLED": "false",  # it would start MLflow
        "PYTHONPATH": os.pathsep.join(filter(None, [str(HERE.parent), os.environ.get("PYTHONPATH")])),
    }
    sys.path.insert(0, str(HERE.parent))  # where `regseg` lies
    try:
        import uvicorn
        from monailabel.app import app
        from monailabel.utils.async_tasks.task import AsyncTask
    except ImportError as error:
        sys.exit(
            f"{error}. The packages of pyproject.toml beside this file are missing: `make label-server` installs them."
        )

    signal.signal(signal.SIGTERM, lambda *_: sys.exit())  # so that what stands below is done
    try:
        uvicorn.Server(uvicorn.Config(OnlyThisComputer(app))).run([ours])
    except KeyboardInterrupt:
        pass
    finally:
        AsyncTask.stop("train")


if __name__ == "__main__":
    main()
