"""What every exercise check is made of: reading an answer kindly, and a verdict in one sentence."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from typing import Any, NamedTuple

import numpy as np
import SimpleITK as sitk

from regseg.data import DataError
from regseg.grid import Grid


class Verdict(NamedTuple):
    """What a check says. `right` is None as long as there is no answer to judge."""

    right: bool | None
    sentence: str

    def __str__(self) -> str:
        return f"{ {True: 'Right.', False: 'Not quite.', None: 'Not yet.'}[self.right] } {self.sentence}"


class CannotRead(Exception):
    """The answer is not of the kind that the exercise asks for; the message says what to give instead."""


NOT_YET = Verdict(None, "Replace the three dots with your answer, then run this cell again.")
EXERCISES: dict[str, Callable[[Any], Verdict]] = {}


def exercise(name: str) -> Callable:
    """Register a function that judges the answers to the exercise `name`."""

    def register(judge: Callable[[Any], Verdict]) -> Callable[[Any], Verdict]:
        EXERCISES[name] = judge
        return judge

    return register


def right(sentence: str) -> Verdict:
    return Verdict(True, sentence)


def wrong(sentence: str) -> Verdict:
    return Verdict(False, sentence)


def judge(name: str, given: Any) -> Verdict:
    """The verdict on an answer. Never raises: an answer that cannot be judged gets a sentence as well."""
    if name not in EXERCISES:
        near = get_close_matches(name, EXERCISES, n=1)
        return wrong(f"There is no exercise called {name!r}" + (f"; did you mean {near[0]!r}?" if near else "."))
    if _is_open(given):
        return NOT_YET
    try:
        return EXERCISES[name](given)
    except CannotRead as problem:
        return wrong(str(problem))
    except _StillOpen:
        return NOT_YET
    except DataError as problem:
        return wrong(f"I cannot check this without an image that is not here. {problem}")
    except Exception as problem:  # a learner must never meet a traceback of ours
        return wrong(f"I cannot judge this answer ({type(problem).__name__}): is it of the kind the exercise asks for?")


def progress(sentence: str) -> None:
    """Say what a check does that takes more than a few seconds, where no episode records it."""
    print(sentence, file=sys.stderr, flush=True)


# --- reading answers -------------------------------------------------------------------------------------------------


class _StillOpen(Exception):
    """A function that still returns its three dots."""


def _is_open(given: Any) -> bool:
    return given is Ellipsis or (isinstance(given, tuple | list) and any(item is Ellipsis for item in given))


def numbers(given: Any, count: int) -> np.ndarray:
    """Read `count` numbers from a list, tuple, array, or (for one) a plain number."""
    try:  # NumPy would walk through an image voxel by voxel, which takes half a minute
        values = np.array([]) if _holds_image(given) else np.asarray(given, float).ravel()
    except (TypeError, ValueError):
        values = np.array([])
    if values.size != count or not np.isfinite(values).all():
        wanted = "a number" if count == 1 else f"{count} numbers, such as ({', '.join('123456789'[:count])})"
        raise CannotRead(f"I expected {wanted}, and got {_name(given)}.{_how_to_write(given, count)}")
    return values


def _how_to_write(given: Any, count: int) -> str:
    """What to tell somebody who has typed the numbers, and not as Python wants them."""
    text = given if isinstance(given, str) else ""
    twice = isinstance(given, tuple | list) and len(given) == 2 * count and all(isinstance(n, int) for n in given)
    if twice or re.search(r"\d,\d", text):
        return " Python writes decimals with a point: 3,2 is two numbers to it."
    return " Write it without quotes and units." if re.search(r"\d", text) else ""


def together(given: Any, count: int, wanted: str) -> Sequence[Any]:
    """The parts of an answer that consists of so many, in a tuple or a list; `wanted` names them."""
    if not isinstance(given, tuple | list) or len(given) != count:
        raise CannotRead(f"I expected {wanted}.")
    return given


def choice(given: Any, *options: str) -> str:
    """Read one of the options, whatever its case, and the blanks and stops around it; its first letters are enough."""
    word = given.strip(" .,;:()\n").casefold() if isinstance(given, str) else ""
    found = [option for option in options if word and option.casefold().startswith(word)]
    if len(found) != 1:
        raise CannotRead(f"I expected one of {', '.join(map(repr, options))}, and got {_name(given)}.")
    return found[0]


def letters(given: Any, of: str) -> str:
    """Read an order of the letters `of`, each once, from a text or a list; in capitals."""
    text = "".join(map(str, given)) if isinstance(given, tuple | list) else given
    order = "".join(filter(str.isalpha, text)).upper() if isinstance(text, str) else ""
    if sorted(order) != sorted(of):
        raise CannotRead(f"I expected each of the letters {', '.join(of)} once, in one text, and got {_name(given)}.")
    return order


def picks(given: Any, count: int, of: str) -> str:
    """Read `count` letters, each one of `of`, from a text or a list; in capitals."""
    text = "".join(map(str, given)) if isinstance(given, tuple | list) else given
    found = "".join(filter(str.isalpha, text)).upper() if isinstance(text, str) else ""
    if len(found) != count or set(found) - set(of):
        raise CannotRead(
            f"I expected {count} letters in one text, each one of {', '.join(of)}, and got {_name(given)}."
        )
    return found


def image(given: Any, dimension: int | None = 3) -> sitk.Image:
    """Read a SimpleITK image of voxels, of the given dimension or of any."""
    if not isinstance(given, sitk.Image):
        raise CannotRead(f"I expected a SimpleITK image, and got {_name(given)}.")
    if given.GetPixelIDTypeAsString().startswith("label"):  # SimpleITK, asked for its voxels, ends Python itself
        raise CannotRead("A label map is a list of objects, not of voxels: hand over sitk.LabelMapToLabel(answer).")
    if dimension is not None and given.GetDimension() != dimension:
        raise CannotRead(f"I expected a {dimension}-D image, and this one is {given.GetDimension()}-D.")
    return given


def transform(given: Any, dimension: int = 3) -> sitk.Transform:
    """Read a SimpleITK transform of the given dimension."""
    if not isinstance(given, sitk.Transform):
        raise CannotRead(f"I expected a SimpleITK transform, and got {_name(given)}.")
    if given.GetDimension() != dimension:
        raise CannotRead(f"I expected a {dimension}-D transform, and this one is {given.GetDimension()}-D.")
    return given


def call(function: Any, *arguments: Any) -> Any:
    """Call a learner's function; what goes wrong inside it is told in a sentence."""
    if not callable(function):
        raise CannotRead(f"Hand over the function itself, without calling it: I got {_name(function)}.")
    try:
        result = function(*arguments)
    except (Exception, SystemExit) as problem:  # exit() in a function must not end the lesson
        reason = _reason(str(problem))
        raise CannotRead(f"Your function stopped with {type(problem).__name__}: {reason}") from None
    if result is None:
        raise CannotRead("Your function returned nothing (None) here: did it pass a return statement on its way?")
    if _is_open(result):
        raise _StillOpen
    return result


# What is in a message of SimpleITK's or NumPy's, and what a learner can do about it.
_CAUSES = (
    (
        # The wrapper names C++ types; it nearly always met a number of NumPy's, or one that is not whole.
        r"std::vector|of type 'uint",
        "SimpleITK wants Python's own numbers here: a size or an index is a whole number, so round it or int() it; a "
        "length or an angle is a float().",
    ),
    (
        r"(size|dimension|dimensionality|information) .*does not match|same (physical space|dimensionality)"
        r"|not be broadcast|boolean index did not match",
        "two of its images, or arrays, differ in size or place. The check calls it with scans of its own, so let it "
        "use the scans that it is given and no other, and leave the order of the axes as it is.",
    ),
)


def _reason(message: str) -> str:
    """What a learner can make of the message of an error."""
    for pattern, cause in _CAUSES:
        if re.search(pattern, message):
            return cause
    return re.sub(r"^.*ERROR: (\w+\(0x\w+\): )?", "", message.strip().split("\n")[-1])  # ITK's names and addresses


def _holds_image(given: Any) -> bool:
    return isinstance(given, sitk.Image) or (isinstance(given, tuple | list) and any(map(_holds_image, given)))


def _name(given: Any) -> str:
    if isinstance(given, sitk.Image):
        return f"a {given.GetDimension()}-D image"
    if callable(given) and hasattr(given, "__name__"):
        return f"the function {given.__name__} (call it)"
    text = repr(given)
    return text if len(text) <= 60 else f"a {type(given).__name__}"


# --- comparing -------------------------------------------------------------------------------------------------------


def close(one: Any, other: Any, within: float = 1e-3) -> bool:
    """True when all numbers agree with the others, or with one number, within an absolute tolerance."""
    one, other = np.asarray(one, float), np.asarray(other, float)
    return other.shape in (one.shape, ()) and bool(np.all(np.abs(one - other) <= within))


def correlation(one: Any, other: Any) -> float:
    """The correlation of two sets of numbers, flattened; 0 where one of them is constant."""
    one, other = np.ravel(one).astype(float), np.ravel(other).astype(float)
    return float(np.corrcoef(one, other)[0, 1]) if np.ptp(one) > 0 and np.ptp(other) > 0 else 0.0


def same_grid(one: sitk.Image, other: sitk.Image) -> bool:
    """True when the voxels of two images lie at the same places."""
    return Grid.of(one).matches(Grid.of(other))
