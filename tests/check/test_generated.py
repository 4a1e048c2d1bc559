"""Answers made from the right ones: in another form they stay right, and when they are altered they are never accepted.

Each answer is changed in the ways of a person who is nearly there: another unit, sign, order of axes or type,
an inverse, a function that prints instead of returning, or that changes what it is given. Each exercise gets thirty, or
more.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from test_check import RIGHT

from regseg.check.engine import judge

# Exercises whose checks take seconds: of the changes that ask the right answer itself they get two.
SLOW = {"01-brightest", "02-ct", "02-labels", "02-once", "03-region", "04-inverse", "05-fold", "05-prepare", "05-trust"}
SLOW |= {"05-pyramid", "05-budget", "06-join", "06-n4", "06-seed", "06-unseen", "09-round"}
RANKED = {"09-doubt"}  # only the order of the numbers counts, and those far away have the same
ROUNDS = 12  # of random numbers beside a number
# What ITK says to its programmers: no learner can use it.
MACHINE = re.compile(r"ERROR|\(0x\w+\)|sitk::|\.[ch]xx|Tolerance")
LEAST = 30  # generated answers for each exercise


def is_numbers(answer: Any) -> bool:
    try:
        return not isinstance(answer, str | sitk.Image | sitk.Transform) and np.asarray(answer, float).size > 0
    except (TypeError, ValueError):
        return False


# --- the same answer in another form ---------------------------------------------------------------------------------


def same(answer: Any) -> Iterator[tuple[str, Any]]:
    """The same answer as somebody else would write it."""
    if isinstance(answer, str):
        yield "capitals", answer.upper()
        yield "blanks", f"  {answer} "
    elif isinstance(answer, sitk.Image):
        yield "copy", sitk.Image(answer)
        yield "through an array", through_an_array(answer)
    elif isinstance(answer, sitk.Transform):
        yield "general", sitk.Transform(answer)
    elif callable(answer):
        yield "copy of the input", lambda *given: answer(*copied(given))
    elif is_numbers(answer):
        values = np.asarray(answer, float)
        yield "array", values
        yield "list", values.ravel().tolist()
        yield "tuple", tuple(values.ravel().tolist())
        yield "NumPy's numbers", [np.float64(value) for value in values.ravel()]


def through_an_array(image: sitk.Image) -> sitk.Image:
    result = sitk.GetImageFromArray(sitk.GetArrayFromImage(image), isVector=image.GetNumberOfComponentsPerPixel() > 1)
    result.CopyInformation(image)
    return result


def copied(given: tuple) -> list:
    return [sitk.Image(one) if isinstance(one, sitk.Image) else copy.copy(one) for one in given]


# --- an answer that is not the same ----------------------------------------------------------------------------------


def altered_numbers(values: np.ndarray) -> Iterator[tuple[str, Any]]:
    for name, change in {
        "sign": lambda v: -v,
        "metres": lambda v: v / 1000,
        "thousandths": lambda v: v * 1000,
        "degrees": np.rad2deg,
        "radians": np.deg2rad,
        "double": lambda v: v * 2,
        "square": np.square,
        "cube": lambda v: v**3,
        "reversed": lambda v: v[::-1],
        "rolled": lambda v: np.roll(v, 1),
        "first sign": lambda v: np.concatenate([-v[:1], v[1:]]),
        "RAS": lambda v: np.concatenate([-v[:2], v[2:]]),
        "far away": lambda v: v + 1e4,
        "one more": lambda v: np.append(v, v[-1]),
        "none": lambda v: v[:0],
        "not a number": lambda v: v * np.nan,
        "endless": lambda v: v + np.inf,
    }.items():
        changed = change(values)
        if changed.shape != values.shape or not np.allclose(changed, values, rtol=0.2, atol=0.6):
            yield name, changed if changed.size != 1 else changed[0]
    for seed in range(ROUNDS):
        yield f"noise {seed}", values + np.random.default_rng(seed).uniform(20, 90, values.shape) * (1 + np.abs(values))


def of_no_use() -> Iterator[tuple[str, Any]]:
    """What is no answer to anything, of each type that a learner has in the hand."""
    yield from {
        "None": None,
        "no text": "",
        "a word": "blue",
        "a sentence": "I do not know",
        "bytes": b"blue",
        "true": True,
        "a huge number": 1e30,
        "a negative one": -98765.4321,
        "a complex one": 3 + 4j,
        "an integer of NumPy's": np.int16(-31000),
        "an empty list": [],
        "an empty dictionary": {},
        "a dictionary": {"answer": "blue"},
        "a set": {1.5, -7.5},
        "a range": range(7),
        "lists in lists": [[1, 2], [3]],
        "words": ["blue", "green", "red"],
        "many numbers": np.linspace(-1e6, 1e6, 101),
        "a table": np.full((5, 7), -12345.6),
        "not numbers": np.full(3, np.nan),
        "an endless one": np.inf,
        "an object": object(),
        "a type": sitk.Image,
        "a module": np,
        "a 2-D image": sitk.Image([3, 4], sitk.sitkFloat32),
        "a 4-D image": sitk.Image([2, 2, 2, 2], sitk.sitkUInt8),
        "an image of arrows": sitk.Image([3, 3, 3], sitk.sitkVectorFloat64),
        "a label map": sitk.LabelImageToLabelMap(sitk.Image([3, 3, 3], sitk.sitkUInt8)),
        "a filter": sitk.ResampleImageFilter(),
        "a 2-D transform": sitk.TranslationTransform(2, (1234.0, -5678.0)),
        "a far transform": sitk.TranslationTransform(3, (1234.0, -5678.0, 987.0)),
    }.items()


def altered_image(image: sitk.Image) -> Iterator[tuple[str, sitk.Image]]:
    def elsewhere(change: Callable[[sitk.Image], None]) -> sitk.Image:
        result = sitk.Image(image)
        change(result)
        return result

    dimension = image.GetDimension()
    yield "origin", elsewhere(lambda one: one.SetOrigin([x + 40.0 for x in one.GetOrigin()]))
    yield "spacing", elsewhere(lambda one: one.SetSpacing([3.0 * x for x in one.GetSpacing()]))
    yield "smaller", image[tuple(slice(0, max(n // 3, 1)) for n in image.GetSize())]
    yield "one slice", image[(slice(None),) * (dimension - 1) + (0,)] if dimension == 3 else image[:1, :1]


def altered_transform(one: sitk.Transform) -> Iterator[tuple[str, sitk.Transform]]:
    dimension = one.GetDimension()
    for name, step in (("far", 150.0), ("far the other way", -150.0)):
        yield name, sitk.CompositeTransform([sitk.TranslationTransform(dimension, [step] * dimension), one])
        yield (
            f"{name}, before",
            sitk.CompositeTransform([one, sitk.TranslationTransform(dimension, [step] * dimension)]),
        )
    yield "identity", sitk.Transform(dimension, sitk.sitkIdentity)


def altered(answer: Any) -> Iterator[tuple[str, Any]]:
    """Answers that are wrong because this one is right."""
    if isinstance(answer, str):
        for word in ("", "blue", "None", answer + answer, answer[::-1] + "x", f"{answer} or not", "0"):
            yield f"word {word!r}", word
    elif isinstance(answer, sitk.Image):
        yield from altered_image(answer)
    elif isinstance(answer, sitk.Transform):
        yield from altered_transform(answer)
    elif callable(answer):
        yield from altered_function(answer)
    elif is_numbers(answer):
        yield from altered_numbers(np.asarray(answer, float).ravel())


def altered_function(function: Callable) -> Iterator[tuple[str, Callable]]:
    yield "prints", lambda *given: print(function(*given))
    yield "far away", lambda *given: result_far_away(function(*given))
    yield "in a list", lambda *given: [[function(*given)], None, "x"]


def no_function() -> Iterator[tuple[str, Callable]]:
    """Functions that do not even try."""
    yield "returns its input", lambda *given: given[0]
    yield "returns itself", lambda *_: no_function
    yield "raises", lambda *_: 1 / 0
    yield "wants a name", lambda *, name: name
    yield "adds another image", lambda *given: given[0] + sitk.Image([3, 4, 5], sitk.sitkFloat64)
    yield "takes over another place", lambda *given: given[0].CopyInformation(sitk.Image([3, 4], sitk.sitkUInt8))
    yield "a type", lambda *given: type(given)
    for name, thing in of_no_use():
        yield f"returns {name}", lambda *_, thing=thing: thing


def result_far_away(result: Any) -> Any:
    if isinstance(result, sitk.Image):
        return next(altered_image(result))[1]
    if isinstance(result, sitk.Transform):
        return next(altered_transform(result))[1]
    if is_numbers(result):
        return np.asarray(result, float) * 50 + 1e4
    return None


def spoiling(function: Callable) -> Callable:
    """The right function, which afterwards changes what it was given."""

    def spoils(*given: Any) -> Any:
        result = function(*copied(given))
        for one in given:
            if isinstance(one, np.ndarray) and one.flags.writeable:
                one[...] = 0
            elif isinstance(one, sitk.Image) and one.GetNumberOfComponentsPerPixel() == 1:
                one[(0,) * one.GetDimension()] = 1
                one.SetOrigin([77.0] * one.GetDimension())
        return result

    return spoils


# --- the claims ------------------------------------------------------------------------------------------------------


def some(name: str, changes: Iterator[tuple[str, Any]]) -> list[tuple[str, Any]]:
    return list(changes)[:2] if name in SLOW else list(changes)


def refused(name: str, answer: Any) -> list[tuple[str, Any]]:
    """Answers to an exercise that cannot be right."""
    return [*some(name, altered(answer)), *(no_function() if callable(answer) else of_no_use())]


@pytest.fixture(autouse=True)
def _downloaded_image(request):
    if any(name in request.node.name for name in ("01-lung", "01-padding", "06-lung", "06-ventricles", "07-atlas")):
        request.getfixturevalue("public_images")


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize("name", sorted(RIGHT))
def test_a_right_answer_in_another_form_is_right(name):
    answer = RIGHT[name][0]()
    for form, other in () if name in SLOW and callable(answer) else same(answer):
        verdict = judge(name, other)
        assert verdict.right, (form, verdict.sentence)


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize("name", sorted(set(RIGHT) - {"01-radiograph"}))  # of which only the values are asked
def test_an_altered_answer_is_not_accepted_and_gets_a_sentence(name):
    answers = refused(name, RIGHT[name][0]())
    assert len(answers) >= LEAST
    for change, answer in answers:
        if name in RANKED and change == "far away":
            continue
        verdict = judge(name, answer)
        assert verdict.right is False, (change, verdict)
        assert "cannot judge" not in verdict.sentence, (change, verdict)
        assert not MACHINE.search(verdict.sentence), (change, verdict)


@pytest.mark.parametrize("name", sorted(set(RIGHT) - SLOW))
def test_a_function_that_changes_its_input_is_judged_all_the_same(name):
    answer = RIGHT[name][0]()
    if callable(answer):
        verdict = judge(name, spoiling(answer))
        assert "cannot judge" not in verdict.sentence and verdict.right is not None, verdict
