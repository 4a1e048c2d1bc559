"""The cache: each dataset is whole or not there.

A dataset is written into a temporary folder beside its place, then renamed in one step, so that neither
a crash nor a second process can leave half of it. Embedded datasets lie under a key made of the
source code that makes them: when that changes they are made again.
"""

import errno
import hashlib
import json
import os
import shutil
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from importlib.metadata import version
from pathlib import Path
from urllib.parse import urlsplit

import pooch
import requests

from regseg import grid, synth
from regseg.data import dicom, recipes
from regseg.data.cards import Card, DataError, card

pooch.get_logger().setLevel("WARNING")  # the progress bar says enough
SUMS = "sums.json"  # SHA-256 of each file of a dataset, written last


def folder() -> Path:
    """Return the cache folder: REGSEG_CACHE, or the usual place of this system."""
    return Path(os.environ.get("REGSEG_CACHE") or pooch.os_cache("regseg")).expanduser().absolute()


def find(known: Card) -> Path:
    """Return the file of a dataset (or the folder of a series or pair), making or fetching it first if need be."""
    if known.embedded:
        place = folder() / f"made-{_makers_key()}" / known.name
        return _whole(place, lambda place: _make(known, place)) / _file(known)
    if known.member:
        return _whole(folder() / "unpacked" / known.name, lambda place: _unpack(known, place)) / known.member
    return _fetch(known)


@cache
def _makers_key() -> str:
    digest = hashlib.sha256()
    makers = [Path(module.__file__) for module in (grid, dicom, recipes)]
    for source in (*makers, *sorted(Path(synth.__file__).parent.glob("*.py"))):
        digest.update(source.read_bytes())
    for package in ("nilearn", "numpy", "SimpleITK"):
        digest.update(version(package).encode())
    return digest.hexdigest()[:12]


def _file(known: Card) -> str:
    return known.name + known.holds.suffix


def _make(known: Card, place: Path) -> None:
    made = known.make(*(one.holds.read(find(one)) for one in map(card, known.inputs)))
    known.holds.write(made, place / _file(known))
    (place / "NOTICE.txt").write_text(known.notice, encoding="utf-8")


def _unpack(known: Card, place: Path) -> None:
    archive = _fetch(known)
    with tarfile.open(archive) as tar:
        tar.extractall(place, filter="data")
    archive.unlink()
    if not (place / known.member).is_file():
        raise DataError(f"{known.urls[0]} does not hold {known.member}, although its hash is right: please report it.")


def _whole(target: Path, fill: Callable[[Path], None]) -> Path:
    """Return a folder that `fill` has filled completely, now or earlier."""
    if _is_whole(target):
        return target
    with _writing_into(target.parent):
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".partial-", dir=target.parent) as temporary:
            place = Path(temporary) / target.name
            place.mkdir()
            fill(place)
            sums = {path.relative_to(place).as_posix(): _sha256(path) for path in place.rglob("*") if path.is_file()}
            (place / SUMS).write_text(json.dumps(sums), encoding="utf-8")
            if target.exists():  # damaged, or another process was faster
                if _is_whole(target):
                    return target
                os.replace(target, Path(temporary) / "damaged")
            try:
                os.replace(place, target)
            except OSError:
                if not _is_whole(target):  # not another process that was faster
                    raise
    return target


def _is_whole(target: Path) -> bool:
    try:
        sums = json.loads((target / SUMS).read_text(encoding="utf-8"))
        return all(_sha256(target / name) == digest for name, digest in sums.items())
    except (OSError, ValueError):
        return False


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def _writing_into(place: Path) -> Iterator[None]:
    """Turn what goes wrong while writing into one sentence that says what to do."""
    try:
        yield
    except DataError:
        raise
    except (OSError, RuntimeError) as error:  # SimpleITK raises RuntimeError when it cannot write
        existing = next(parent for parent in (place, *place.parents) if parent.exists())
        if getattr(error, "errno", None) == errno.ENOSPC or shutil.disk_usage(existing).free < 2**24:
            problem = f"No space is left for the image cache {place}. Free some,"
        elif isinstance(error, OSError):
            problem = f"The image cache {place} cannot be written ({error.strerror or error}). Mend that,"
        else:
            raise
        raise DataError(f"{problem} or set REGSEG_CACHE to a folder with room, which you may write to.") from error


def _fetch(known: Card) -> Path:
    """Return the registered file, fetched and verified unless the cache holds it already."""
    mirror = os.environ.get("REGSEG_DATA_MIRROR")
    sources = [f"{mirror.rstrip('/')}/{known.file}"] if mirror else known.urls
    target = folder() / "public" / Path(known.file).name
    failures = []
    with _writing_into(target.parent):
        target.parent.mkdir(parents=True, exist_ok=True)
        for source in sources:
            try:
                pooch.retrieve(source, known.hash, target.name, target.parent, downloader=_downloader(source))
                return target
            except (OSError, ValueError) as error:
                if isinstance(error, PermissionError) or getattr(error, "errno", None) == errno.ENOSPC:
                    raise
                failures.append(f"  {mirror or urlsplit(source).hostname}: {_reason(error)}")
    raise DataError(
        "\n".join([f"Cannot fetch {known.name} ({known.title}):", *failures])
        + f"\nTry again with a network, or set REGSEG_DATA_MIRROR to a folder or server that holds {known.file}, "
        f"or put that file at {target}."
    )


def _reason(error: OSError | ValueError) -> str:
    """Return why a fetch failed, in a few words."""
    if isinstance(error, ValueError):  # pooch compares the hashes, and removes the file
        found = str(error).partition("but got ")[2].partition(". ")[0]
        return f"sent a file with the wrong hash ({found}), which was removed"
    if isinstance(error, FileNotFoundError):
        return "there is no such file"
    if isinstance(error, requests.HTTPError):
        return f"the server answered {error.response.status_code}"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "the download broke off"
    return f"no answer ({type(error).__name__})"


def _downloader(source: str) -> Callable:
    if source.startswith(("http://", "https://")):
        return pooch.HTTPDownloader(progressbar=True, timeout=30)  # the bar goes to stderr

    def copy(source: str, target: str, _pooch: object) -> None:
        shutil.copyfile(Path(source).expanduser(), target)

    return copy
