"""What libraries in C and C++ print goes to a log, so that the messages of a command stand alone."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def kept_apart() -> Iterator[None]:
    """Let what is not Python's, such as the pages of HDF5 about a file that it cannot open, go to a log meanwhile.

    Such libraries write to the process's standard error themselves, whatever Python's is; workers that are started here
    do so, too. Where a log has anything in it, a line says at the end where it lies; else it is deleted.
    """
    shown = sys.stderr
    shown.flush()
    with tempfile.NamedTemporaryFile(prefix="regseg-", suffix=".log", delete=False) as log:
        place = Path(log.name)
        terminal = os.dup(2)
        os.dup2(log.fileno(), 2)
    sys.stderr = os.fdopen(terminal, "w", buffering=1, encoding=shown.encoding, errors=shown.errors, closefd=False)
    try:
        yield
    finally:
        sys.stderr.flush()
        sys.stderr = shown
        os.dup2(terminal, 2)
        os.close(terminal)
        if place.stat().st_size:
            print(f"regseg: what libraries have printed meanwhile lies in {place}", file=shown)
        else:
            place.unlink()
