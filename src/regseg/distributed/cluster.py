"""Many independent tasks, here or on a dask cluster, with a progress bar."""

from __future__ import annotations

import sys
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from importlib import import_module
from threading import Thread
from typing import Any

import dask
import SimpleITK as sitk
from dask.distributed import Client, Future, KilledWorker, as_completed
from dask.utils import parse_timedelta
from distributed.comm import parse_address, parse_host_port
from threadpoolctl import threadpool_limits
from tqdm.auto import tqdm

from regseg.distributed.result import RegistrationError


def patience() -> float:
    """For how many seconds a scheduler, a first worker and its first answer are waited for: dask's own time limit."""
    return parse_timedelta(dask.config.get("distributed.comm.timeouts.connect"))


@contextmanager
def one_thread() -> Iterator[None]:
    """One thread for BLAS and for SimpleITK, as every worker has it; the numbers from before come back at the end.

    Several threads cut a sum in pieces and round it in another way, and iterations make more of the last digit. With
    one thread the same computer finds the same field to the last bit, whichever process computes it.
    """
    before = sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    try:
        with threadpool_limits(1, user_api="blas"):
            yield
    finally:
        sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(before)


@contextmanager
def connected(client: Client | str | None) -> Iterator[Client | None]:
    """A client for an address, which is closed at the end; a client, or None (no cluster), as it is.

    Raises
    ------
    RegistrationError
        There is no scheduler at the address, or no worker that can work.
    """
    with ExitStack() as stack:
        if isinstance(client, str):
            client = stack.enter_context(_connect(client))
        if client is not None:
            _demand_workers(client)
        yield client


def _connect(address: str) -> Client:
    """A client of the scheduler at an address; one that answers in another language is not waited for."""
    found = []
    try:
        parse_host_port(parse_address(address)[1])
    except ValueError as error:
        raise _no_scheduler(address, error) from None  # of such a client dask could not be rid again

    def try_it() -> None:
        try:
            found.append(Client(address, timeout=patience(), set_as_default=False))
        except Exception as error:
            found.append(error)

    # In a thread, as dask's own time limit does not cover what an HTTP server, such as its dashboard, answers.
    attempt = Thread(target=try_it, daemon=True)
    attempt.start()
    attempt.join(patience() + 5)
    if found and isinstance(found[0], Client):
        return found[0]
    raise _no_scheduler(address, found[0] if found else None)


def _no_scheduler(address: str, error: Exception | None) -> RegistrationError:
    why = f" ({error})" if error else ""
    return RegistrationError(
        f"No dask scheduler answers at {address}{why}. Its address is printed where it was started, such as "
        "tcp://127.0.0.1:8786; the dashboard has another port."
    )


def _demand_workers(client: Client) -> None:
    """Raise RegistrationError where no worker comes, or the first one cannot load this package."""
    try:
        client.wait_for_workers(1, timeout=patience())
    except TimeoutError:
        raise RegistrationError(
            f"No worker has come to the scheduler within {patience():g} s. Start some (dask worker ADDRESS); one that "
            "ends at once may have too little memory: Python and its libraries alone take about 300 MB."
        ) from None
    loaded = client.submit(import_module, "regseg.distributed", pure=False)
    try:
        error = loaded.exception(timeout=patience())
    except TimeoutError:
        error = f"none has answered within {patience():g} s"
    if error:
        raise RegistrationError(
            f"The workers cannot load regseg.distributed ({error}): they need the same software as this computer, and "
            "at least 300 MB of memory each."
        )


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

    Without a client the tasks run here, one after the other. With one, dask repeats a task whose worker was lost. In
    both cases one that raised an OSError is repeated, as a file system over a network may stumble. A task that cannot
    be done at all gives its exception in place of a result, so that the others are not lost.

    When a worker dies dask blames all tasks that it had, and gives up those that it has blamed too often. Where these
    are several, each is tried again at the end, alone.
    """
    shown = {"total": len(tasks), "desc": label, "disable": not progress, "file": sys.stderr, "leave": False}
    if client is None:
        for key, arguments in tqdm(tasks.items(), **shown):
            yield key, _patiently(function, arguments, retries)
        return

    def submit(key: Hashable) -> Future:
        return client.submit(_single_thread, function, *tasks[key], retries=retries, pure=False)

    futures = {submit(key): key for key in tasks}
    blamed: dict[Hashable, BaseException] = {}
    try:
        for future in tqdm(as_completed(futures, loop=client.loop), **shown):
            error = future.exception()
            if isinstance(error, KilledWorker):
                blamed[futures[future]] = error
            else:
                yield futures[future], future.result() if error is None else error
            future.release()
        for key, error in blamed.items():
            if len(blamed) > 1:
                future = submit(key)
                futures[future] = key
                error = future.exception()
            yield key, future.result() if error is None else error
    finally:
        client.cancel(list(futures))


def _patiently(function: Callable[..., Any], arguments: tuple, retries: int) -> Any:
    try:
        return function(*arguments)
    except OSError as error:
        return _patiently(function, arguments, retries - 1) if retries else error
    except Exception as error:
        return error


def _single_thread(function: Callable[..., Any], *arguments: Any) -> Any:
    # For good, unlike `one_thread`: another task of this worker may still be at work when this one ends.
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    threadpool_limits(1, user_api="blas")
    return function(*arguments)
