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
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from urllib.parse import urlsplit

import pooch
import requests
import urllib3
from tqdm import tqdm

from regseg import grid, synth
from regseg.data import dicom, recipes
from regseg.data.cards import Card, DataError, card

pooch.get_logger().setLevel("WARNING")  # the progress bar says enough
PATIENCE, SLOWEST = 60, 10_000  # s and bytes a second: a source that is slower for so long is given up
SUMS = "sums.json"  # SHA-256 of each file of a dataset, written last


def folder() -> Path:
    """Return the cache folder: REGSEG_CACHE, or the usual place of this system."""
    return Path(os.environ.get("REGSEG_CACHE") or pooch.os_cache("regseg")).expanduser().absolute()


def find(known: Card) -> Path:
    """Return the file of a dataset (or the folder of a series or pair), making or fetching it first if need be."""
    if known.embedded:
        return whole(_made() / known.name, lambda place: _make(known, place)) / _file(known)
    if known.member:
        return whole(folder() / "unpacked" / known.name, lambda place: _unpack(known, place)) / known.member
    return _fetch(known)


def is_there(known: Card) -> bool:
    """Whether the cache holds a dataset that is made here, whole, so that it need not be made."""
    return _is_whole(_made() / known.name)


def _made() -> Path:
    return folder() / f"made-{_makers_key()}"


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


def whole(target: Path, fill: Callable[[Path], None]) -> Path:
    """Return a folder that `fill` has filled completely, now or earlier."""
    if _is_whole(target):
        with suppress(OSError):  # a cache that may only be read
            os.utime(target.parent)
        return target
    with _writing_into(target.parent):
        _tidy(target.parent.parent)
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
        if not sums or not isinstance(sums, dict):  # damaged
            return False
        return all(_sha256(target / name) == digest for name, digest in sums.items())
    except (OSError, ValueError):
        return False


def _tidy(cache: Path) -> None:
    """Remove what other versions of the course have made and nobody has used for a month, and what was left unfinished.

    A process that was killed leaves its unfinished folder or download; after a day no process is still at work on it.
    """
    for pattern, days in (("made-*", 30), ("*/.partial-*", 1), ("public/tmp*", 1)):
        for old in cache.glob(pattern):
            with suppress(OSError):  # another process was faster, or it is somebody else's
                if time.time() - old.stat().st_mtime > days * 86400:
                    old.unlink() if old.is_file() else shutil.rmtree(old)


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
        if getattr(error, "errno", None) == errno.ENOSPC or (not isinstance(error, OSError) and _full(place)):
            problem = f"No space is left for the image cache {place}. Free some,"
        elif isinstance(error, OSError):
            problem = f"The image cache {place} cannot be written ({error.strerror or error}). Mend that,"
        else:
            raise
        raise DataError(f"{problem} or set REGSEG_CACHE to a folder with room, which you may write to.") from error


def _full(place: Path) -> bool:
    existing = next(parent for parent in (place, *place.parents) if os.path.exists(parent))
    return shutil.disk_usage(existing).free < 2**24


def _fetch(known: Card) -> Path:
    """Return the registered file, fetched and verified unless the cache holds it already."""
    mirror = os.environ.get("REGSEG_DATA_MIRROR")
    sources = [f"{mirror.rstrip('/')}/{known.file}"] if mirror else known.urls
    target = folder() / "public" / Path(known.file).name
    failures = []
    with _writing_into(target.parent):
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.is_dir():
            raise IsADirectoryError(errno.EISDIR, f"{target.name} is a folder there")
        for source in sources:
            try:
                pooch.retrieve(source, known.hash, target.name, target.parent, downloader=_Downloader(known))
                return target
            except (OSError, ValueError, urllib3.exceptions.HTTPError) as error:
                if isinstance(error, PermissionError) or getattr(error, "errno", None) == errno.ENOSPC:
                    raise
                failures.append(f"  {_shown(mirror) if mirror else urlsplit(source).hostname}: {_reason(error)}")
    raise DataError(
        "\n".join([f"Cannot fetch {known.name} ({known.title}):", *failures])
        + f"\nTry again with a network, or set REGSEG_DATA_MIRROR to a folder or server that holds {known.file}, "
        f"or put that file at {target}."
    )


def _shown(address: str) -> str:
    """Return the address of a mirror without the name and the password that may stand in it."""
    before, at, after = address.rpartition("@")
    return f"{before.partition('://')[0]}://{after}" if at and "://" in before else address


def _reason(error: Exception) -> str:
    """Return why a fetch failed, in a few words."""
    if isinstance(error, _Refused):
        return str(error)
    if isinstance(error, ValueError):  # pooch compares the hashes, and removes the file
        found = str(error).partition("but got ")[2].partition(". ")[0]
        return f"sent a file with the wrong hash ({found}), which was removed"
    if isinstance(error, FileNotFoundError):
        return "there is no such file"
    if isinstance(error, requests.HTTPError):
        return f"the server answered {error.response.status_code}"
    if isinstance(error, urllib3.exceptions.ProtocolError):
        return "the download broke off"
    return f"no answer ({type(error).__name__})"


class _Refused(OSError):
    """A source that sends what cannot be the file."""


@dataclass(frozen=True)
class _Downloader:
    """What copies a registered file from an address or a folder, and does not follow a source that never ends."""

    known: Card

    def __call__(self, source: str, target: str, _pooch: object) -> None:
        """Copy it; the bar goes to stderr."""
        remote, began, done = source.startswith(("http://", "https://")), time.monotonic(), 0
        if not remote and "://" in source:
            raise _Refused("an address begins with https:// or http://")
        bar = tqdm(total=self.known.bytes, desc=self.known.name, unit="B", unit_scale=True, disable=not remote)
        with open(target, "wb") as file, bar:
            for piece in _download(source) if remote else _copy(Path(source).expanduser()):
                file.write(piece)
                bar.update(len(piece))
                done, seconds = done + len(piece), time.monotonic() - began
                if self.known.bytes and done > self.known.bytes:
                    raise _Refused(f"sent more than the {self.known.bytes} bytes that the file has, and was cut off")
                if seconds > PATIENCE and done < SLOWEST * seconds:
                    raise _Refused(f"sent only {done} bytes in {seconds:.0f} s, and was cut off")


def _download(source: str) -> Iterator[bytes]:
    # A packed answer could grow without end while it is unpacked; and each piece is taken as it comes, however small.
    plain = {"Accept-Encoding": "identity"}
    with requests.get(source, stream=True, timeout=30, headers=plain) as response:
        response.raise_for_status()
        while piece := response.raw.read1(2**18, decode_content=False):
            yield piece


def _copy(source: Path) -> Iterator[bytes]:
    if not source.is_file():
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
    with source.open("rb") as file:
        while piece := file.read(2**20):
            yield piece
