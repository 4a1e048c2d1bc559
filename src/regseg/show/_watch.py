"""Watch a registration while it runs, and keep what it went through for a figure.

It only listens, through the commands that SimpleITK offers: the registration is configured and executed as ever.
"""

from __future__ import annotations

import re
import signal
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from html import escape

import matplotlib.pyplot as plt
import numpy as np
import SimpleITK as sitk
from IPython import get_ipython
from IPython.display import HTML, display
from tqdm import tqdm

_PAUSE = 0.25  # seconds between two live pictures
_LIVE_POINTS = 400  # a live curve has at most about this many
_NO_OVERLAP = np.finfo(float).max  # ITK's metric where no sample of the fixed image falls into the moving one
# These optimisers keep their limit elsewhere: the number that ITK prints for them is not the one that counts.
_OTHER_LIMIT = re.compile("LBFGS2Optimizer|PowellOptimizer|OnePlusOneEvolutionaryOptimizer")


@dataclass(eq=False)
class History:
    """What a registration went through; filled by `watch`, one entry for each iteration.

    Attributes
    ----------
    metric : float array (n,)
        The metric's value as the optimiser reports it; nan where the images did not overlap.
    step : float array (n,)
        How far the parameters moved since the iteration before, as a Euclidean length (radians and mm alike); nan in
        the first iteration of a level. For regular step gradient descent: its step length.
    level : int array (n,)
        The level of the pyramid, from 0, the coarsest.
    stops : list of str
        Why each level stopped, in the optimiser's words.
    """

    metric: np.ndarray = field(default_factory=lambda: np.empty(0))
    step: np.ndarray = field(default_factory=lambda: np.empty(0))
    level: np.ndarray = field(default_factory=lambda: np.empty(0, int))
    stops: list[str] = field(default_factory=list)

    def plot(self) -> None:
        """Draw metric and step against the iteration, with the levels of the pyramid marked.

        Raises
        ------
        ValueError
            No iteration was watched.
        """
        if not len(self.metric):
            raise ValueError("Nothing was watched: execute the registration inside `with show.watch(registration)`.")
        figure = plt.figure(figsize=(7.2, 3.9), dpi=110, layout="constrained")
        above, below = figure.subplots(2, sharex=True, height_ratios=(2.4, 1))
        iteration = np.arange(1, len(self.metric) + 1)
        above.plot(iteration, self.metric, ".-", color="#0072B2", markersize=4, linewidth=1.4)
        below.plot(iteration, np.where(self.step > 0, self.step, np.nan), ".-", color="#D55E00", markersize=3.5)
        above.set_ylabel("metric")
        below.set(ylabel="step", xlabel="iteration", yscale="log")
        for ax in (above, below):
            ax.spines[["top", "right"]].set_visible(False)
            for first in _level_starts(self.level)[1:]:
                ax.axvline(first + 0.5, color="#666666", linewidth=0.9, linestyle=(0, (4, 3)))
        for first in _level_starts(self.level):
            place = {"xy": (first + 0.5, 1), "xycoords": ("data", "axes fraction"), "xytext": (3, 2)}
            words = f"level {self.level[first]}"
            above.annotate(words, **place, textcoords="offset points", fontsize=8.5, color="#444444")

    def __repr__(self) -> str:
        if not len(self.metric):
            return "History: no iteration yet"
        levels = len(np.unique(self.level))
        words = f"{len(self.metric)} iterations on {levels} level{'s' if levels > 1 else ''}"
        stop = f". {self.stops[-1]}" if self.stops else ""
        return f"History: {words}, metric {self.metric[-1]:.6g}{stop}"


@contextmanager
def watch(registration: sitk.ImageRegistrationMethod) -> Iterator[History]:
    """Draw metric and level live, with a progress bar, while a registration is executed; keep its history.

    In a notebook the picture is text of the page, never a figure, and gives way to one line at the end; in a terminal
    there is a progress bar on stderr. Executing again within the same `with` starts the history anew. Interrupting
    (Ctrl+C, or the notebook's stop button) ends the registration at its next iteration with KeyboardInterrupt; the
    history so far is kept.

    Parameters
    ----------
    registration : sitk.ImageRegistrationMethod
        With all its components; nothing of it is changed.

    Yields
    ------
    History

    Examples
    --------
    >>> with show.watch(registration) as history:
    ...     transform = registration.Execute(fixed, moving)
    >>> history.plot()
    """
    observer = _Observer(registration)
    alone = not any(registration.HasCommand(event) for event in observer.commands)
    for event, command in observer.commands.items():
        registration.AddCommand(event, command)
    # A signal's handler may only be set in the main thread; elsewhere no signal arrives.
    in_main = threading.current_thread() is threading.main_thread()
    before = signal.signal(signal.SIGINT, observer.interrupt) if in_main else None
    try:
        yield observer.history
    except RuntimeError:
        if not observer.interrupted:
            raise
    finally:
        if in_main:
            signal.signal(signal.SIGINT, before)
        if alone:
            registration.RemoveAllCommands()
        observer.close()
    if observer.interrupted:
        raise KeyboardInterrupt
    if observer.trouble:
        warnings.warn(f"The history is incomplete: {observer.trouble!r}", stacklevel=3)


class _Observer:
    """Fills a history from SimpleITK's events, and shows it now and then."""

    def __init__(self, registration: sitk.ImageRegistrationMethod) -> None:
        self.registration: sitk.ImageRegistrationMethod | None = registration
        self.history = History()
        self.interrupted = False
        self.trouble: Exception | None = None
        self.commands = {
            sitk.sitkStartEvent: self._guarded(self._start),
            sitk.sitkMultiResolutionIterationEvent: self._guarded(self._next_level),
            sitk.sitkIterationEvent: self._guarded(self._iterate),
            sitk.sitkEndEvent: self._guarded(self._end),
        }
        in_notebook = hasattr(get_ipython(), "kernel")
        self._picture = display(HTML(""), display_id=True) if in_notebook else None
        self._bar = tqdm(bar_format="{desc} {bar} {elapsed}", leave=False, disable=None)
        self._start()

    def interrupt(self, _signal: int, _frame: object) -> None:
        """Handle Ctrl+C. Raising here would end in SimpleITK's "error executing the Python Callable"."""
        if self._running and not self.interrupted:
            self.interrupted = True
        else:
            raise KeyboardInterrupt

    def close(self) -> None:
        """Replace the live picture by one line, and let the registration go."""
        self.registration = None  # also makes the commands deaf that could not be removed
        self._bar.close()
        self._keep()
        if self._running and self.interrupted:
            self.history.stops.append("interrupted")
        if self._picture:
            self._picture.update(HTML(f"<div>{escape(repr(self.history))}</div>"))

    def _guarded(self, command: Callable[[], None]) -> Callable[[], None]:
        """The command, made so that no error in it ends the registration."""

        def guarded() -> None:
            if self.registration is None:
                return
            try:
                command()
            except Exception as error:
                self.trouble = self.trouble or error

        return guarded

    def _start(self) -> None:
        self._records: list[tuple[float, float, int]] = []  # metric, step, level
        self._last: tuple[int, int] | None = None  # level and iteration of the last record
        self._position: np.ndarray | None = None
        self._levels = self._limit = None
        self._shown = time.monotonic()
        self._running = False
        self.history.stops.clear()
        self._keep()

    def _next_level(self) -> None:
        if self._running:
            self._note_stop()
        self._running, self._position = True, None

    def _iterate(self) -> None:
        registration = self.registration
        if self.interrupted:
            if not registration.StopRegistration():  # some optimisers cannot be asked to stop; an exception stops each
                raise KeyboardInterrupt
            return
        level, now = registration.GetCurrentLevel(), registration.GetOptimizerIteration()
        if not self._records:  # only ITK's own description of the running registration tells these numbers
            text = str(registration)
            self._levels = _number("NumberOfLevels", text)
            self._limit = None if _OTHER_LIMIT.search(text) else _number("NumberOfIterations", text)
        position, before = np.array(registration.GetOptimizerPosition()), self._position
        if self._last == (level, now):  # LBFGSB tells of an iteration several times; the last one counts
            self._records.pop()
            before = self._before
        step = np.nan if before is None else float(np.linalg.norm(position - before))
        metric = registration.GetMetricValue()
        self._records.append((np.nan if metric >= _NO_OVERLAP else metric, step, level))
        self._last, self._before, self._position = (level, now), before, position
        if time.monotonic() - self._shown >= _PAUSE:
            self._show(level, now + 1)
            self._shown = time.monotonic()

    def _end(self) -> None:
        self._note_stop()
        self._running = False
        self._keep()

    def _note_stop(self) -> None:
        why = "interrupted" if self.interrupted else self.registration.GetOptimizerStopConditionDescription()
        self.history.stops.append(why.strip())

    def _keep(self) -> None:
        metric, step, level = zip(*self._records, strict=True) if self._records else ((), (), ())
        self.history.metric, self.history.step = np.array(metric, float), np.array(step, float)
        self.history.level = np.array(level, int)

    def _show(self, level: int, iteration: int) -> None:
        levels = f" (of {self._levels})" if self._levels else ""
        limit = f" of at most {self._limit}" if self._limit else ""
        words = f"level {level}{levels}, iteration {iteration}{limit}, metric {self._records[-1][0]:.6g}"
        self._bar.total, self._bar.n = self._limit, iteration
        self._bar.set_description_str(words)
        if self._picture:
            share = f'value="{iteration}" max="{self._limit}"' if self._limit else ""
            bar = f'<progress {share} aria-label="iterations of this level" style="width: 420px"></progress>'
            self._picture.update(HTML(f"<div>{words}</div>{bar}{_curve(self._records)}"))


def _number(name: str, text: str) -> int | None:
    found = re.search(rf"\b{name}: (\d+)", text)
    return int(found[1]) if found else None


def _level_starts(level: np.ndarray) -> np.ndarray:
    """Indices (from 0) at which a level begins."""
    return np.flatnonzero(np.diff(level, prepend=-1))


def _curve(records: list[tuple[float, float, int]], width: int = 420, height: int = 110) -> str:
    """The metric as an SVG drawing in the colour of the page's text; the levels are dashed lines."""
    metric, _, level = np.array(records[:: -(-len(records) // _LIVE_POINTS)]).T
    finite = metric[np.isfinite(metric)]
    if not finite.size:
        return ""
    x = np.arange(len(metric)) * width / max(1, len(metric) - 1)
    y = height - (metric - finite.min()) * height / (np.ptp(finite) or 1)
    points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True) if np.isfinite(b))
    borders = "".join(f'<path d="M{a:.1f} 0V{height}" stroke-dasharray="4 3"/>' for a in x[_level_starts(level)[1:]])
    return (
        f'<svg viewBox="-4 -4 {width + 8} {height + 8}" width="{width + 8}" style="display: block" role="img" '
        f'aria-label="the metric so far" fill="none" stroke="currentColor">{borders}'
        f'<polyline points="{points}" stroke-width="1.6"/></svg>'
    )
