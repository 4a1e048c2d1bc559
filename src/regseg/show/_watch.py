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
from numpy.typing import ArrayLike
from tqdm import tqdm

from regseg.evaluate import tre

_PAUSE = 0.25  # seconds between two live pictures
_LIVE_POINTS = 400  # a live curve has at most about this many
_NO_OVERLAP = np.finfo(float).max  # ITK's metric where no sample of the fixed image falls into the moving one
# These optimisers keep their limit elsewhere: the number that ITK prints for them is not the one that counts.
_OTHER_LIMIT = re.compile("LBFGS2Optimizer|PowellOptimizer|OnePlusOneEvolutionaryOptimizer")

_Record = tuple[float, float, float, int]  # metric, step, mean TRE, level


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
    tre : float array (n,)
        The mean target registration error in mm over the landmarks of `watch`'s `truth`, where the iteration's step has
        led to; nan without a truth.
    level : int array (n,)
        The level of the pyramid, from 0, the coarsest, as SimpleITK counts; what is drawn counts from 1.
    stops : list of str
        Why each level stopped, in the optimiser's words.
    """

    metric: np.ndarray = field(default_factory=lambda: np.empty(0))
    step: np.ndarray = field(default_factory=lambda: np.empty(0))
    tre: np.ndarray = field(default_factory=lambda: np.empty(0))
    level: np.ndarray = field(default_factory=lambda: np.empty(0, int))
    stops: list[str] = field(default_factory=list)

    def plot(self) -> None:
        """Draw metric, mean TRE (if the truth is known) and step against the iteration, and mark the pyramid's levels.

        Raises
        ------
        ValueError
            No iteration was watched.
        """
        if not len(self.metric):
            raise ValueError("Nothing was watched: execute the registration inside `with show.watch(registration)`.")
        known = bool(np.isfinite(self.tre).any())
        figure = plt.figure(figsize=(7.2, 5.4 if known else 3.9), dpi=110, layout="constrained")
        axes = figure.subplots(3 if known else 2, sharex=True, height_ratios=(2.4, 1.6, 1) if known else (2.4, 1))
        above, below = axes[0], axes[-1]
        iteration = np.arange(1, len(self.metric) + 1)
        above.plot(iteration, self.metric, ".-", color="#0072B2", markersize=4, linewidth=1.4)
        below.plot(iteration, np.where(self.step > 0, self.step, np.nan), ".-", color="#D55E00", markersize=3.5)
        if known:
            axes[1].plot(iteration, self.tre, ".-", color="#009E73", markersize=4, linewidth=1.4)
            axes[1].set(ylabel="mean TRE [mm]", ylim=(0, None))
        above.set_ylabel("metric")
        below.set(ylabel="step", xlabel="iteration", yscale="log")
        for ax in axes:
            ax.spines[["top", "right"]].set_visible(False)
            for first in _level_starts(self.level)[1:]:
                ax.axvline(first + 0.5, color="#666666", linewidth=0.9, linestyle=(0, (4, 3)))
        for first in _level_starts(self.level):
            place = {"xy": (first + 0.5, 1), "xycoords": ("data", "axes fraction"), "xytext": (3, 2)}
            words = f"level {self.level[first] + 1}"
            above.annotate(words, **place, textcoords="offset points", fontsize=8.5, color="#444444")

    def __repr__(self) -> str:
        if not len(self.metric):
            return "History: no iteration yet"
        levels = len(np.unique(self.level))
        words = f"{len(self.metric)} iterations on {levels} level{'s' if levels > 1 else ''}"
        stop = f". {self.stops[-1]}" if self.stops else ""
        return f"History: {words}, {_values(self.metric[-1], self.tre[-1])}{stop}"


@contextmanager
def watch(
    registration: sitk.ImageRegistrationMethod, truth: tuple[ArrayLike, ArrayLike] | None = None
) -> Iterator[History]:
    """Draw metric and level live, with a progress bar, while a registration is executed; keep its history.

    In a notebook the picture is text of the page, never a figure, and gives way to one line at the end; in a terminal
    there is a progress bar on stderr. Executing again within the same `with` starts the history anew. Interrupting
    (Ctrl+C, or the notebook's stop button) ends the registration at its next iteration with KeyboardInterrupt; the
    history so far is kept.

    Parameters
    ----------
    registration : sitk.ImageRegistrationMethod
        With all its components; nothing of it is changed.
    truth : (fixed_points, moving_points), optional
        Matching landmarks as for `evaluate.tre`: two arrays (n, d) in mm, columns x, y(, z), in LPS. The registration
        does not see them; their mean error is drawn under the metric. B-splines that get finer from level to level are
        known from outside only with `inPlace=True`.

    Yields
    ------
    History

    Raises
    ------
    TypeError
        `truth` is not two things.
    ValueError
        The two sets of landmarks do not match, hold no point or a NaN, or have another dimension than the transform.

    Warns
    -----
    UserWarning
        Some iteration could not be kept, or its error is not known; the registration itself is as ever.

    Examples
    --------
    >>> with show.watch(registration) as history:
    ...     transform = registration.Execute(fixed, moving)
    >>> history.plot()

    A metric may fall while the error does not. With landmarks, both are seen:

    >>> with show.watch(registration, truth=(pair.fixed_points, pair.moving_points)) as history:
    ...     transform = registration.Execute(fixed, moving)
    """
    observer = _Observer(registration, truth)
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

    def __init__(self, registration: sitk.ImageRegistrationMethod, truth: tuple[ArrayLike, ArrayLike] | None) -> None:
        self.registration: sitk.ImageRegistrationMethod | None = registration
        self.truth = truth
        if truth is not None:
            if not isinstance(truth, tuple | list) or len(truth) != 2:
                raise TypeError(
                    "truth is two arrays as evaluate.tre takes them, truth=(fixed_points, moving_points), "
                    f"not {type(truth).__name__}"
                )
            tre(self._whole_way(registration.GetInitialTransform()), *truth)  # refuses what are no pairs of landmarks
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
        self._records: list[_Record] = []
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
        metric = np.nan if metric >= _NO_OVERLAP else metric
        self._records.append((metric, step, self._mean_tre(position), level))
        self._last, self._before, self._position = (level, now), before, position
        if time.monotonic() - self._shown >= _PAUSE:
            self._show(level, now + 1)
            self._shown = time.monotonic()

    def _mean_tre(self, position: np.ndarray) -> float:
        if self.truth is None:
            return np.nan
        transform = sitk.Transform(self.registration.GetInitialTransform())  # a copy of its own, once it is set
        try:
            if len(position) != transform.GetNumberOfParameters():
                raise ValueError("the error of B-splines on a finer grid is known only with inPlace=True")
            transform.SetParameters(position)
            return float(tre(self._whole_way(transform), *self.truth).mean())
        except (RuntimeError, ValueError) as error:
            self.trouble = self.trouble or error
            return np.nan

    def _whole_way(self, transform: sitk.Transform) -> sitk.Transform:
        """From the fixed image to the moving one: there may be fixed transforms before and after the one sought."""
        before, after = self.registration.GetFixedInitialTransform(), self.registration.GetMovingInitialTransform()
        dimension = transform.GetDimension()  # those that nobody set are 3-D
        parts = [after, transform, before.GetInverse()]  # the last is applied first
        return sitk.CompositeTransform([part for part in parts if part.GetDimension() == dimension])

    def _end(self) -> None:
        self._note_stop()
        self._running = False
        self._keep()

    def _note_stop(self) -> None:
        why = "interrupted" if self.interrupted else self.registration.GetOptimizerStopConditionDescription()
        self.history.stops.append(why.strip())

    def _keep(self) -> None:
        metric, step, error, level = zip(*self._records, strict=True) if self._records else ((), (), (), ())
        self.history.metric, self.history.step = np.array(metric, float), np.array(step, float)
        self.history.tre, self.history.level = np.array(error, float), np.array(level, int)

    def _show(self, level: int, iteration: int) -> None:
        levels = f" of {self._levels}" if self._levels else ""
        limit = f" of at most {self._limit}" if self._limit else ""
        metric, _, error, _ = self._records[-1]
        words = f"level {level + 1}{levels}, iteration {iteration}{limit}, {_values(metric, error)}"
        self._bar.total, self._bar.n = self._limit, iteration
        self._bar.set_description_str(words)
        if self._picture:
            share = f'value="{iteration}" max="{self._limit}"' if self._limit else ""
            bar = f'<progress {share} aria-label="iterations of this level" style="width: 420px"></progress>'
            metric, _, error, level = np.array(self._records[:: -(-len(self._records) // _LIVE_POINTS)]).T
            curves = _curve(metric, level, "the metric so far") + _curve(error, level, "the mean TRE so far")
            self._picture.update(HTML(f"<div>{words}</div>{bar}{curves}"))


def _values(metric: float, error: float) -> str:
    return f"metric {metric:.6g}" + (f", mean TRE {error:.3g} mm" if np.isfinite(error) else "")


def _number(name: str, text: str) -> int | None:
    found = re.search(rf"\b{name}: (\d+)", text)
    return int(found[1]) if found else None


def _level_starts(level: np.ndarray) -> np.ndarray:
    """Indices (from 0) at which a level begins."""
    return np.flatnonzero(np.diff(level, prepend=-1))


def _curve(values: np.ndarray, level: np.ndarray, label: str, width: int = 420, height: int = 110) -> str:
    """Values as an SVG drawing in the colour of the page's text; the levels are dashed lines."""
    finite = values[np.isfinite(values)]
    if not finite.size:
        return ""
    x = np.arange(len(values)) * width / max(1, len(values) - 1)
    y = height - (values - finite.min()) * height / (np.ptp(finite) or 1)
    points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True) if np.isfinite(b))
    borders = "".join(f'<path d="M{a:.1f} 0V{height}" stroke-dasharray="4 3"/>' for a in x[_level_starts(level)[1:]])
    return (
        f'<svg viewBox="-4 -4 {width + 8} {height + 8}" width="{width + 8}" style="display: block" role="img" '
        f'aria-label="{label}" fill="none" stroke="currentColor">{borders}'
        f'<polyline points="{points}" stroke-width="1.6"/></svg>'
    )
