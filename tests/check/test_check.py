"""Every exercise accepts each right route, and names each known mistake.

The answers stand in answers_*.py: RIGHT maps an exercise to answers, WRONG to pairs of a part of the expected sentence
and an answer. Each answer is a function that makes it, so that images are loaded only when they are needed.
"""

from __future__ import annotations

import ast
import inspect
import sys
import time
from functools import cache

import answers_align_annotate_learn
import answers_big_data
import answers_deformable_registration
import answers_evaluation
import answers_images
import answers_learned_registration
import answers_quiz
import answers_registration
import answers_registration_at_scale
import answers_segmentation
import answers_transforms
import answers_visualization
import answers_votes
import numpy as np
import pytest
import SimpleITK as sitk

from regseg import check
from regseg.check.engine import EXERCISES, NOT_YET, Verdict, judge

ANSWERS = (
    answers_images,
    answers_transforms,
    answers_big_data,
    answers_registration,
    answers_deformable_registration,
    answers_segmentation,
    answers_evaluation,
    answers_visualization,
    answers_align_annotate_learn,
    answers_votes,
    answers_registration_at_scale,
    answers_learned_registration,
    answers_quiz,
)
RIGHT = {name: answers for module in ANSWERS for name, answers in module.RIGHT.items()}
WRONG = {name: answers for module in ANSWERS for name, answers in module.WRONG.items()}


def cases(table: dict) -> list:
    return [pytest.param(name, case, id=f"{name}-{i}") for name in table for i, case in enumerate(table[name])]


@pytest.fixture(autouse=True)
def _downloaded_image(request):
    """The exercises on a downloaded image need it."""
    exercises = ("01-lung", "01-padding", "06-lung", "06-ventricles", "07-atlas")
    real = (*exercises, "check.images", "check.segmentation", "check.evaluation")
    if any(name in request.node.name for name in real):
        request.getfixturevalue("public_images")


@pytest.mark.parametrize(("name", "make"), cases(RIGHT))
def test_every_right_route_is_accepted(name, make):
    verdict = judge(name, make())
    assert verdict.right, verdict.sentence


@cache
def mistaken(name: str) -> list[tuple[str, Verdict]]:
    """For each known mistake, a part of the expected sentence and the verdict."""
    return [(part, judge(name, make())) for part, make in WRONG[name]]


@pytest.mark.parametrize("name", WRONG)
def test_every_known_mistake_is_named(name):
    for part, verdict in mistaken(name):
        assert verdict.right is False and part in verdict.sentence, (part, verdict)


def test_every_exercise_is_tested_and_names_at_least_two_mistakes():
    assert set(RIGHT) == set(WRONG) == set(EXERCISES)
    for name, mistakes in WRONG.items():
        assert len({part for part, _ in mistakes}) >= 2, name


def sentences(module: str) -> list[str]:
    """The longest piece of text in each sentence on a mistake that a module of checks can say, wherever it says it."""
    tree = ast.parse(inspect.getsource(sys.modules[module]))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    said = [call for call in calls if getattr(call.func, "id", "") in ("wrong", "CannotRead")]
    texts = [[n.value for n in ast.walk(call) if isinstance(getattr(n, "value", None), str)] for call in said]
    return [max(pieces, key=len) for pieces in texts]


@pytest.mark.parametrize("module", sorted({check.__module__ for check in EXERCISES.values()}))
def test_every_sentence_of_a_check_is_said_in_a_test(module):
    names = [name for name, check in EXERCISES.items() if check.__module__ == module]
    said = "\n".join(verdict.sentence for name in names for _, verdict in mistaken(name))
    assert [sentence for sentence in sentences(module) if sentence not in said] == []


# --- any answer at all -----------------------------------------------------------------------------------------------

ODD = [None, "", "blue", 3, (1, 2), [1, 2, 3, 4], np.nan, float("inf"), object(), sitk.Image([2, 2], sitk.sitkUInt8)]
ODD += [sitk.Image([2, 2, 2], sitk.sitkLabelUInt8), (sitk.Image([2, 2], sitk.sitkUInt8),) * 2]


@pytest.mark.parametrize("name", EXERCISES)
def test_three_dots_are_not_yet_an_answer(name):
    assert judge(name, ...) == NOT_YET
    assert judge(name, (1, ..., 3)) == NOT_YET


@pytest.mark.parametrize("name", sorted(set(EXERCISES) - {"01-lung", "06-lung", "07-atlas"}))
def test_no_answer_raises_and_none_of_the_odd_ones_is_right(name):
    for odd in [*ODD, lambda *_: None, lambda: 1, lambda *_: 1 / 0]:
        verdict = judge(name, odd)
        assert verdict.right is False, (odd, verdict)
        assert "cannot judge" not in verdict.sentence, (odd, verdict)


def test_a_label_map_of_which_simpleitk_dies_is_refused():
    label_map = sitk.LabelImageToLabelMap(sitk.Image([2, 2, 2], sitk.sitkUInt8))
    for name, given in (("01-radiograph", label_map), ("01-geometry", lambda _scan: label_map)):
        assert "hand over sitk.LabelMapToLabel(answer)" in judge(name, given).sentence


def test_an_image_in_place_of_a_number_is_refused_at_once():
    """NumPy, asked to make numbers of an image, walks through its voxels in Python: half a minute for a head."""
    large, start = sitk.Image([400, 400, 300], sitk.sitkUInt8), time.process_time()
    assert "I expected 3 numbers" in judge("01-index", large).sentence
    assert "I expected 3 numbers" in judge("01-index", (large, large)).sentence
    assert time.process_time() - start < 5


@pytest.mark.parametrize(
    ("name", "given"), [("05-determinant", (6, 0)), ("05-determinant", "6,0"), ("01-index", (127, 0, 114, 0, 24, 2))]
)
def test_a_decimal_comma_is_told_that_python_reads_two_numbers(name, given):
    assert "decimals with a point" in judge(name, given).sentence


def test_a_number_with_its_unit_is_asked_for_without_it():
    assert "without quotes and units" in judge("05-determinant", "6 ml").sentence
    assert "without" not in judge("05-determinant", "six").sentence


def test_a_function_that_still_returns_dots_is_not_yet_an_answer():
    assert judge("01-brightest", lambda _scan: ...) == NOT_YET


def test_a_number_of_numpys_where_simpleitk_wants_pythons_is_explained():
    def isotropic_with_numpy(scan, spacing):
        size = np.array(scan.GetSize())
        return sitk.Resample(scan, size, sitk.Transform(), sitk.sitkLinear, scan.GetOrigin(), [spacing] * 3)

    assert "round it or int() it" in judge("02-isotropic", isotropic_with_numpy).sentence


def elsewhere(scan: sitk.Image) -> sitk.Image:
    moved = sitk.Image(scan)
    moved.SetOrigin([x + 1 for x in scan.GetOrigin()])
    return moved


MIXED = {
    "another size": lambda scan: sitk.Image(scan).CopyInformation(sitk.Image([3, 4, 5], scan.GetPixelID())),
    "another dimension": lambda scan: sitk.Image(scan).CopyInformation(sitk.Image([3, 4], scan.GetPixelID())),
    "two dimensions": lambda scan: scan + sitk.Image([3, 4], scan.GetPixelID()),
    "another place": lambda scan: scan + elsewhere(scan),
    "measured elsewhere": lambda scan: sitk.SimilarityIndexImageFilter().Execute(scan, elsewhere(scan)),
    "a mask of another size": lambda scan: sitk.Mask(scan, sitk.Image([3, 4, 5], sitk.sitkUInt8)),
    "arrays": lambda scan: sitk.GetArrayFromImage(scan) + np.zeros((3, 4, 5)),
    "an array as mask": lambda scan: sitk.GetArrayFromImage(scan)[np.zeros((3, 4, 5), bool)],
    "axes exchanged": lambda scan: sitk.GetImageFromArray(sitk.GetArrayFromImage(scan).T).CopyInformation(scan),
}


@pytest.mark.parametrize("function", MIXED.values(), ids=MIXED)
@pytest.mark.parametrize("name", ["01-geometry", "02-isotropic", "03-pyramid"])
def test_a_function_that_puts_unlike_images_together_is_told_so(name, function):
    sentence = judge(name, lambda scan, *_: function(scan)).sentence
    assert "differ in size or place" in sentence and "use the scans that it is given" in sentence, sentence


def test_what_itk_says_is_told_without_its_addresses():
    def of_no_label(_scan):
        shapes = sitk.LabelShapeStatisticsImageFilter()
        shapes.Execute(sitk.Image([3, 3, 3], sitk.sitkUInt8))
        return shapes.GetCentroid(7)

    sentence = judge("01-brightest", of_no_label).sentence
    assert sentence == "Your function stopped with RuntimeError: No label object with label 7."


def test_a_wrong_pixel_type_is_not_taken_for_a_wrong_place():
    sentence = judge("01-geometry", lambda scan: scan + sitk.Cast(scan, sitk.sitkFloat64)).sentence
    assert "may need casting" in sentence and "differ" not in sentence


def test_without_the_image_the_learner_is_not_blamed(monkeypatch, tmp_path):
    monkeypatch.setenv("REGSEG_CACHE", str(tmp_path))
    monkeypatch.setenv("REGSEG_DATA_MIRROR", str(tmp_path / "nothing"))
    assert "without an image that is not here" in judge("01-lung", 3.4).sentence


def test_a_function_that_fails_is_told_in_a_sentence():
    assert "ZeroDivisionError" in judge("01-ras", lambda _point: 1 / 0).sentence


def test_a_misspelt_exercise_is_answered_with_its_neighbour(capsys):
    check.answer("01-indx", 1)
    assert "did you mean '01-index'" in capsys.readouterr().out


def test_nothing_is_told_before_it_is_asked(capsys):
    check.answer("01-index", ...)
    assert capsys.readouterr().out == f"{NOT_YET}\n"


def test_a_function_that_exits_is_told_of_and_does_not_end_the_kernel():
    verdict = judge("02-empty", lambda *_: sys.exit("no"))
    assert verdict.right is False and "stopped with SystemExit: no" in verdict.sentence


def test_a_float_for_a_size_is_told_what_a_size_is():
    verdict = judge("02-empty", lambda *_: sitk.Image([4.0, 4.0], sitk.sitkUInt8))
    assert "a size or an index is a whole number" in verdict.sentence
