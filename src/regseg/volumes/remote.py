"""OME-Zarr behind an address: https:// to be read, s3:// and gs:// to be read and written.

zarr has two doors to object stores, obstore and fsspec. Here it is obstore (extra `cloud`): one package of Rust for S3,
Google and HTTP, without the pinned chains of aiobotocore; it repeats what a server refuses for a moment, with a limit;
and when a store travels to a worker, its keys do not. Each process takes them from its own surroundings, such as
AWS_ACCESS_KEY_ID, GOOGLE_APPLICATION_CREDENTIALS, or the role of its machine, so that no address, message, plan or
report ever has them.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import contextmanager
from datetime import timedelta
from time import monotonic
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from zarr.storage import ObjectStore

from regseg.readers import VolumeError

if TYPE_CHECKING:
    from zarr.core.buffer import Buffer, BufferPrototype

_READ, _WRITTEN = ("https", "http", "s3", "gs"), ("s3", "gs")
_LOST = 3  # connections that may break while one object comes
_HERE = ("127.0.0.1", "localhost", "::1")


class RemoteError(OSError):
    """A store that cannot be reached, or refuses; the message says which and why, and holds no key."""


class _Broken(RemoteError):
    """A connection that was lost in the middle of an answer, which obstore does not ask for again."""


class Remote(ObjectStore):
    """obstore's store for zarr, whose failures are an OSError of one line: so a task that meets one is repeated."""

    async def get(self, key: str, prototype: BufferPrototype, byte_range: Any = None) -> Buffer | None:
        left = _LOST
        while True:
            began = monotonic()
            try:
                with _told(self.store, key):
                    return await super().get(key, prototype, byte_range)
            except _Broken:
                left -= 1
                if left < 0 or monotonic() - began > _patience():
                    raise

    async def get_partial_values(self, prototype: BufferPrototype, key_ranges: Iterable[Any]) -> list[Buffer | None]:
        with _told(self.store, "chunks"):
            return await super().get_partial_values(prototype, key_ranges)

    async def set(self, key: str, value: Buffer) -> None:
        with _told(self.store, key):
            await super().set(key, value)


@contextmanager
def _told(store: Any, what: str):
    """What obstore raises in this block becomes a RemoteError."""
    from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError

    try:
        yield
    except (PermissionDeniedError, UnauthenticatedError):
        raise RemoteError(f"{_named(store)} refuses {what}: has this process the keys, and may it?") from None
    except BaseError as error:
        # The first line ends with the reason; below it stand obstore's own structures.
        reason = str(error).partition("\n")[0].rpartition(" - ")[2].partition(": <")[0]
        kind = _Broken if "body error" in reason else RemoteError
        raise kind(f"{_named(store)} does not give or take {what}: {reason[:200]}") from None


def _named(store: Any) -> str:
    """What a store is, without any of its settings."""
    config = getattr(store, "config", {})
    return f"The store {config['bucket']}" if "bucket" in config else "The server"


def checked(address: str, *, written: bool = False) -> str:
    """The address, without a / at its end.

    Raises
    ------
    VolumeError
        It is of another kind, or holds a password or a signature: these would stand in every report.
    """
    parts = urlsplit(address)
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise VolumeError(
            f"An address of {parts.hostname} holds a password or a signature, which would stand in every message: "
            "leave it out, and give the keys in the environment, such as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
        )
    kinds = _WRITTEN if written else _READ
    if parts.scheme not in kinds or not parts.netloc:
        names = ", ".join(f"{kind}://" for kind in kinds if kind != "http")
        raise VolumeError(f"{address} is an address of a kind that is not {'written' if written else 'read'}: {names}.")
    if parts.scheme == "http" and parts.hostname not in _HERE:
        raise VolumeError(f"{address} would be read unencrypted, and anybody between could change it: give https://.")
    return address.rstrip("/")


def open_store(address: str, *, written: bool = False) -> Remote:
    """The store behind an address; nothing is asked of it yet.

    Raises
    ------
    VolumeError
        As for `checked`, or the extra `cloud` is not installed.
    """
    address = checked(address, written=written)
    try:
        from obstore.store import from_url
    except ImportError:
        raise VolumeError(f"{address} is an address: install obstore to read it, the extra `cloud`.") from None
    patience = _patience()
    client: dict[str, Any] = {
        "connect_timeout": timedelta(seconds=min(patience, 10)),
        "read_timeout": timedelta(seconds=patience),  # between two pieces: slow is not silent
        "timeout": timedelta(seconds=10 * patience),  # of one object
    }
    if address.startswith("http://") or os.environ.get("AWS_ALLOW_HTTP", "").lower() == "true":
        client["allow_http"] = True
    again = {"max_retries": 4, "retry_timeout": timedelta(seconds=patience)}
    return Remote(from_url(address, client_options=client, retry_config=again), read_only=not written)


def _patience() -> float:
    """For how many seconds a store may say nothing: REGSEG_PATIENCE, or a minute."""
    given = os.environ.get("REGSEG_PATIENCE", "60")
    try:
        seconds = float(given)
    except ValueError:
        seconds = 0
    if not 0 < seconds < 1e6:
        raise VolumeError(
            f"REGSEG_PATIENCE is {given}: give the seconds for which a store may say nothing, such as 60."
        )
    return seconds


def put(address: str, name: str, content: bytes) -> None:
    """Write one object below an address, whole or not at all."""
    import obstore

    store = open_store(address, written=True).store
    with _told(store, name):
        obstore.put(store, name, content)


def fetch(address: str, name: str) -> bytes | None:
    """Read one object below an address; None where there is none."""
    import obstore

    store = open_store(address).store
    try:
        with _told(store, name):
            return bytes(obstore.get(store, name).bytes())
    except FileNotFoundError:
        return None


def remove(address: str, below: str) -> None:
    """Delete all objects of a folder below an address."""
    import obstore

    store = open_store(address, written=True).store
    with _told(store, below):
        for some in obstore.list(store, prefix=below + "/"):
            obstore.delete(store, [each["path"] for each in some])
