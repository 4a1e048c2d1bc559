"""Files that appear whole or not at all."""

from __future__ import annotations

import errno
import os
import re
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

_SHORT = re.compile(r"\d+ requested and \d+ written")  # NumPy's words for a full disk


@contextmanager
def written_whole(path: Path) -> Iterator[IO[bytes]]:
    """Open a file that takes the place of `path` at the end of the block, when all of it is on the disk.

    Who reads `path` before that, or after an error, a kill or a power failure, finds what was there before. Libraries
    that want a name may write to the file's `name`, which ends as `path` does.

    Parameters
    ----------
    path : Path
        Where the file will be, in a folder that is there.

    Yields
    ------
    file
        A binary file, open for writing.

    Raises
    ------
    OSError
        The file cannot be written; `path` is what it was.
    """
    # Two processes may write the same file, such as two workers of which one was believed dead: each has its own name.
    partial = path.with_name(f".{uuid.uuid4().hex[:8]}.{path.name}")
    try:
        with partial.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            shutil.copymode(path, partial)  # who may read and write it stays as it was
        partial.replace(path)
    except OSError as error:
        if _SHORT.search(str(error)):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path)) from error
        raise
    finally:
        partial.unlink(missing_ok=True)
