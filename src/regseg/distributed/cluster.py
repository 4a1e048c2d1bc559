"""Many independent tasks, here or on a dask cluster, with a progress bar."""

from __future__ import annotations

import sys
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import SimpleITK as sitk
from dask.distributed import Client, as_completed
from tqdm.auto import tqdm


@contextmanager
def connected(client: Client | str | None) -> Iterator[Client | None]:
    """A client for an address, which is closed at the end; a client, or None (no cluster), as it is."""
    if not isinstance(client, str):
        yield client
        return
    with Client(client, timeout="10s") as own:
        yield own


def tell_dashboard(client: Client | None) -> None:
    """Say where dask shows its work in a browser, if it does."""
    if client is not None and "dashboard" in client.scheduler_info(n_workers=0)["services"]:
        tqdm.write(f"Dask's dashboard: {client.dashboard_link}", file=sys.stderr)


def run(
    function: Callable[..., Any],
    tasks: Mapping[Hashable, tuple],
    client: Client | None,
    *,
    label: str,
    retries: int = 2,
    progress: bool = True,
) -> Iterator[tuple[Hashable, Any]]:
    """Call `function(*arguments)` for each task; yield the keys with the results, in the order in which they are done.

    Without a client the tasks run here, one after the other. With one, dask repeats a task whose worker was lost, and
    one that raised an OSError, as a file system over a network may. A task that cannot be done at all gives its
    exception in place of a result, so that the others are not lost.
    """
    shown = {"total": len(tasks), "desc": label, "disable": not progress, "file": sys.stderr, "leave": False}
    if client is None:
        for key, arguments in tqdm(tasks.items(), **shown):
            yield key, _quiet(function, *arguments)
        return
    futures = {
        client.submit(_single_thread, function, *arguments, retries=retries, pure=False): key
        for key, arguments in tasks.items()
    }
    try:
        for future in tqdm(as_completed(futures), **shown):
            error = future.exception()
            yield futures[future], future.result() if error is None else error
            future.release()
    finally:
        client.cancel(list(futures))


def _quiet(function: Callable[..., Any], *arguments: Any) -> Any:
    try:
        return function(*arguments)
    except Exception as error:
        return error


def _single_thread(function: Callable[..., Any], *arguments: Any) -> Any:
    # The workers are the parallelism: threads of SimpleITK's own would only stand in each other's way.
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    return function(*arguments)
