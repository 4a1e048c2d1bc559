"""Watching a registration: what is kept, for each of SimpleITK's optimisers, and that watching changes nothing."""

import gc
import signal
import weakref

import matplotlib

matplotlib.use("agg")

import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pytest
import SimpleITK as sitk

from lessonkit import kernel, run
from lessonkit.page import Page
from regseg import evaluate, show

# Two blobs, and the same 3 mm to the right and 2 mm up.
SETUP = """
import SimpleITK as sitk
from regseg import show
def blobs(x, y):
    return sum(sitk.GaussianSource(sitk.sitkFloat32, (48, 48), sigma, mean, 100) for sigma, mean in
               (((7, 5), (x, y)), ((3, 3), (x + 8, y - 9))))
fixed, moving = blobs(22, 25), blobs(25, 23)
def method():
    registration = sitk.ImageRegistrationMethod()
    registration.SetMetricAsMeanSquares()
    registration.SetInterpolator(sitk.sitkLinear)
    registration.SetInitialTransform(sitk.TranslationTransform(2))
    registration.SetShrinkFactorsPerLevel((2, 1))
    registration.SetSmoothingSigmasPerLevel((0, 0))
    registration.SetOptimizerAsRegularStepGradientDescent(1.0, 0.01, 50)
    return registration
"""
NAMES: dict = {}
exec(SETUP, NAMES)
fixed, moving, method = (NAMES[name] for name in ("fixed", "moving", "method"))

OPTIMISERS = {
    "GradientDescent": lambda r: r.SetOptimizerAsGradientDescent(0.05, 9, estimateLearningRate=r.EachIteration),
    "GradientDescentLineSearch": lambda r: r.SetOptimizerAsGradientDescentLineSearch(0.05, 9),
    "ConjugateGradientLineSearch": lambda r: r.SetOptimizerAsConjugateGradientLineSearch(0.05, 9),
    "RegularStepGradientDescent": lambda r: r.SetOptimizerAsRegularStepGradientDescent(1.0, 0.01, 9),
    "LBFGSB": lambda r: r.SetOptimizerAsLBFGSB(1e-5, 9),
    "LBFGS2": lambda r: r.SetOptimizerAsLBFGS2(1e-5, numberOfIterations=9),
    "Powell": lambda r: r.SetOptimizerAsPowell(9),
    "Amoeba": lambda r: r.SetOptimizerAsAmoeba(1.0, 9),
    "OnePlusOneEvolutionary": lambda r: r.SetOptimizerAsOnePlusOneEvolutionary(9, seed=1),
    "Exhaustive": lambda r: r.SetOptimizerAsExhaustive([2, 2], 1.0),
}


MARKS = np.array([(10.0, 12), (30, 15), (22, 40)])
TRUTH = (MARKS, MARKS + (3, -2))  # of which the registration sees nothing


def error_of(transform):
    return evaluate.tre(transform, *TRUTH).mean()


@pytest.fixture(autouse=True)
def closed_figures():
    yield
    plt.close("all")


@pytest.mark.parametrize("name", OPTIMISERS)
def test_every_optimiser_is_watched_and_not_disturbed(name):
    registration, alone = method(), method()
    OPTIMISERS[name](registration)
    OPTIMISERS[name](alone)
    with show.watch(registration) as history:
        found = registration.Execute(fixed, moving)
    assert found.GetParameters() == alone.Execute(fixed, moving).GetParameters()
    assert len(history.metric) == len(history.step) == len(history.level) > 0
    assert len(history.stops) == 2 and history.stops[-1] == registration.GetOptimizerStopConditionDescription().strip()
    assert np.all(np.diff(history.level) >= 0) and set(history.level) <= {0, 1}
    if name == "Exhaustive":
        assert np.array_equal(np.bincount(history.level), [25, 25])
        assert history.metric[history.level == 1].min() == pytest.approx(registration.GetMetricValue())
    elif name != "GradientDescent":  # whose steps are too long at the end
        assert history.metric[-1] == pytest.approx(registration.GetMetricValue(), abs=1e-3)
    if name == "LBFGSB":  # which tells of an iteration two times
        assert np.bincount(history.level)[-1] == registration.GetOptimizerIteration()


def test_the_history_is_what_the_optimiser_did():
    registration, seen = method(), []
    command = lambda: seen.append((registration.GetMetricValue(), registration.GetCurrentLevel()))  # noqa: E731
    registration.AddCommand(sitk.sitkIterationEvent, command)
    with show.watch(registration) as history:
        registration.Execute(fixed, moving)
    assert list(zip(history.metric, history.level, strict=True)) == seen
    assert registration.HasCommand(sitk.sitkIterationEvent)  # the learner's own command stays
    # A step of 1 mm that halves whenever the direction turns round; the first of a level is not known.
    first = np.flatnonzero(np.diff(history.level, prepend=-1))
    assert np.isnan(history.step[first]).all()
    steps = np.delete(history.step, first)
    assert np.allclose(np.log2(steps), np.rint(np.log2(steps)), atol=1e-6) and steps.max() == pytest.approx(1)
    assert "Step too small" in history.stops[0] and "Step too small" in repr(history)


def test_the_error_of_a_translation_is_what_is_missing_of_it():
    registration, missing = method(), []

    def look() -> None:
        missing.append(np.linalg.norm(np.subtract(registration.GetOptimizerPosition(), (3, -2))))

    registration.AddCommand(sitk.sitkIterationEvent, look)
    with show.watch(registration, truth=TRUTH) as history:
        found = registration.Execute(fixed, moving)
    assert history.tre == pytest.approx(missing) and history.tre[0] == pytest.approx(np.sqrt(13) - 1, abs=0.1)
    assert history.tre[-1] == pytest.approx(error_of(found)) and history.tre[-1] < 0.05
    assert f"mean TRE {error_of(found):.3g} mm" in repr(history)


@pytest.mark.parametrize("name", OPTIMISERS)
def test_the_error_is_known_for_every_optimiser_and_disturbs_none(name):
    registration, alone = method(), method()
    OPTIMISERS[name](registration)
    OPTIMISERS[name](alone)
    with show.watch(registration, truth=TRUTH) as history:
        found = registration.Execute(fixed, moving)
    assert found.GetParameters() == alone.Execute(fixed, moving).GetParameters()
    assert len(history.tre) == len(history.metric) and np.isfinite(history.tre).all()
    # Not all end where they were last: the search on a grid and gradient descent return their best, for example.
    assert np.abs(history.tre - error_of(found)).min() < 0.02


def test_the_metric_falls_and_the_error_need_not():
    registration = method()
    wrong = (MARKS, MARKS - (30, 0))  # landmarks of another motion: the better the images agree, the farther off
    with show.watch(registration, truth=wrong) as history:
        registration.Execute(fixed, moving)
    assert history.metric[-1] < history.metric[0] and history.tre[-1] > history.tre[0] > 30


def test_without_a_truth_there_is_no_error():
    registration = method()
    with show.watch(registration) as history:
        registration.Execute(fixed, moving)
    assert len(history.tre) == len(history.metric) and np.isnan(history.tre).all()
    assert "TRE" not in repr(history)
    history.plot()
    assert [ax.get_ylabel() for ax in plt.gcf().axes] == ["metric", "step"]


def test_transforms_before_and_after_the_one_sought_belong_to_the_way():
    registration = method()
    half = sitk.TranslationTransform(2, (1.5, -1))
    registration.SetMovingInitialTransform(half)
    registration.SetFixedInitialTransform(half.GetInverse())
    with show.watch(registration, truth=TRUTH) as history:
        found = registration.Execute(fixed, moving)
    assert found.GetParameters() == pytest.approx((0, 0), abs=0.05)
    assert history.tre[-1] == pytest.approx(np.linalg.norm(found.GetParameters()))


@pytest.mark.parametrize(
    ("truth", "error", "words"),
    [
        ((MARKS, MARKS[:2]), ValueError, r"in pairs, as two arrays \(n, 2\).* \(3, 2\) and \(2, 2\)"),
        ((np.zeros((3, 3)), np.zeros((3, 3))), ValueError, "landmarks are 3-D and the transform is 2-D"),
        ((MARKS, MARKS * np.nan), ValueError, "not a finite number"),
        ((MARKS[:0], MARKS[:0]), ValueError, "n ≥ 1"),
        (MARKS, TypeError, r"truth=\(fixed_points, moving_points\), not ndarray"),
        (sitk.TranslationTransform(2), TypeError, "not TranslationTransform"),
    ],
)
def test_a_truth_that_is_no_pairs_of_landmarks_is_refused_before_anything_runs(truth, error, words):
    registration = method()
    handler = signal.getsignal(signal.SIGINT)
    with pytest.raises(error, match=words), show.watch(registration, truth=truth):
        pytest.fail("the registration would have run")
    assert signal.getsignal(signal.SIGINT) is handler and not registration.HasCommand(sitk.sitkIterationEvent)


def b_splines(in_place):
    registration = method()
    transform = sitk.BSplineTransformInitializer(fixed, [2, 2])
    registration.SetInitialTransformAsBSpline(transform, inPlace=in_place, scaleFactors=[1, 2])
    registration.SetOptimizerAsGradientDescent(1.0, 4, convergenceWindowSize=9)
    return registration


def test_b_splines_on_several_grids():
    registration = b_splines(in_place=True)
    with show.watch(registration, truth=TRUTH) as history:
        found = registration.Execute(fixed, moving)
    assert np.bincount(history.level).tolist() == [4, 4]
    assert found.GetParameters() == b_splines(in_place=True).Execute(fixed, moving).GetParameters()
    assert np.abs(history.tre[4:] - error_of(found)).min() < 1e-6  # gradient descent returns its best


def test_the_error_on_a_grid_that_nobody_can_see_is_said_to_be_unknown():
    registration = b_splines(in_place=False)
    with pytest.warns(UserWarning, match="inPlace=True"), show.watch(registration, truth=TRUTH) as history:
        registration.Execute(fixed, moving)
    assert np.isfinite(history.metric).all() and np.isnan(history.tre[4:]).all()


def test_one_registration_after_another():
    registration = method()
    with show.watch(registration) as both:
        registration.Execute(fixed, moving)
        registration.SetOptimizerAsExhaustive([1, 1], 1.0)
        registration.Execute(fixed, moving)
    assert len(both.metric) == 2 * 9 and len(both.stops) == 2
    with show.watch(registration) as second:
        registration.SetOptimizerAsExhaustive([2, 2], 1.0)
        registration.Execute(fixed, moving)
    assert len(both.metric) == 2 * 9 and len(second.metric) == 2 * 25


def test_nothing_is_left_behind():
    registration = method()
    with show.watch(registration) as history:
        registration.Execute(fixed, moving)
    assert not registration.HasCommand(sitk.sitkIterationEvent)
    gone = weakref.ref(registration)
    del registration
    gc.collect()
    assert gone() is None and len(history.metric)


def test_a_failure_of_the_watcher_is_no_failure_of_the_registration(monkeypatch):
    registration = method()
    monkeypatch.setattr(registration, "GetOptimizerPosition", lambda: 1 / 0)
    with pytest.warns(UserWarning, match="incomplete.*division by zero"), show.watch(registration):
        found = registration.Execute(fixed, moving)
    assert found.GetParameters() == pytest.approx((3, -2), abs=0.05)


def test_a_failure_of_the_registration_stays_what_it_is():
    registration = method()
    with pytest.raises(RuntimeError, match="All samples map outside"), show.watch(registration) as history:
        registration.SetMetricAsMattesMutualInformation()
        registration.SetInitialTransform(sitk.TranslationTransform(2, (500, 0)))
        registration.Execute(fixed, moving)
    with pytest.raises(ValueError, match="with show.watch"):
        history.plot()


@pytest.mark.parametrize("name", OPTIMISERS)
def test_an_interruption_ends_it(name):
    registration = method()
    OPTIMISERS[name](registration)
    count = iter(range(1000))

    def press_ctrl_c() -> None:
        if next(count) == 2:
            signal.raise_signal(signal.SIGINT)

    registration.AddCommand(sitk.sitkIterationEvent, press_ctrl_c)
    handler = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), show.watch(registration) as history:
        registration.Execute(fixed, moving)
    assert 1 <= len(history.metric) <= 3 and next(count) < 8 and set(history.stops) == {"interrupted"}
    assert signal.getsignal(signal.SIGINT) is handler


def test_the_figure():
    registration = method()
    with show.watch(registration) as history:
        registration.Execute(fixed, moving)
    assert not plt.get_fignums()
    assert history.plot() is None
    above, below = plt.gcf().axes
    assert np.array_equal(above.lines[0].get_ydata(), history.metric)
    assert [text.get_text() for text in above.texts] == ["level 1", "level 2"]
    border = np.bincount(history.level)[0] + 0.5
    assert above.lines[1].get_xdata()[0] == below.lines[1].get_xdata()[0] == border


def test_the_figure_has_the_error_under_the_metric():
    registration = method()
    with show.watch(registration, truth=TRUTH) as history:
        registration.Execute(fixed, moving)
    history.plot()
    above, middle, below = plt.gcf().axes
    assert np.array_equal(middle.lines[0].get_ydata(), history.tre) and middle.get_ylim()[0] == 0
    assert "mm" in middle.get_ylabel() and [ax.get_xlabel() for ax in (above, middle, below)] == ["", "", "iteration"]


def test_in_an_episode_only_the_figure_is_recorded(tmp_path):
    episode = tmp_path / "01-watch.md"
    watched = "with show.watch(registration) as history:\n    registration.Execute(fixed, moving)\nhistory.plot()"
    cell = f"```python\n{SETUP}\nregistration = method()\n{watched}\n```\n\n![Metric](fig/01-metric.png){{alt='falls'}}"
    episode.write_text(f'---\ntitle: "Watch"\nteaching: 1\nexercises: 0\n---\n\n{cell}\n', encoding="utf-8")
    done = run.execute(Page(episode, "episode", episode.parent))
    assert done.outcomes[0].text == "" and len(done.drawn) == 1


def test_the_notebook_shows_it_live_and_can_be_interrupted():
    # What the notebook's stop button sends, at the metric's first live curve. None comes while nothing overlaps: the
    # search begins far outside, where the metric is no number, and comes back there at the end of each row.
    stop_button = """
import signal
pictures = []
def look(message):
    if "the metric so far" in (html := message["content"]["data"]["text/html"]):
        pictures.append(html)
        signal.raise_signal(signal.SIGINT)
    return message
get_ipython().display_pub.register_hook(look)
"""
    slow = (
        "registration = method()\n"
        "registration.SetOptimizerAsExhaustive([400, 40], 1.4)\n"
        "marks = [(10.0, 12.0)]\n"
        "with show.watch(registration, truth=(marks, marks)) as history:\n    registration.Execute(fixed, moving)"
    )
    after = "assert len(history.metric) > 1\nprint(pictures[0])"
    cells = [nbformat.v4.new_code_cell(cell) for cell in (SETUP + stop_button, slow, after)]
    with kernel.fresh_kernel(nbformat.v4.new_notebook(cells=cells)) as client:
        for n, cell in enumerate(cells):
            client.execute_cell(cell, n)
    assert not cells[0].outputs
    live, error = cells[1].outputs
    assert error.ename == "KeyboardInterrupt"
    last = live.data["text/html"]
    assert "<svg" not in last and "iterations on 1 level" in last and "interrupted" in last
    (picture,) = cells[2].outputs
    assert (
        "level 1 of 2, iteration" in picture.text
        and "of at most 64881" in picture.text
        and "<progress value=" in picture.text
    )
    assert "the mean TRE so far" in picture.text and " mm<" in picture.text
    for curve in picture.text.split("<polyline")[1:]:
        assert curve.count(",") > 1 and "nan" not in curve
