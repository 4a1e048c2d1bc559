"""Which differences between two results count, and how they are told."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from lessonkit import compare

PERMILLE = 0.001


@pytest.mark.parametrize(
    ("expected", "found"),
    [
        ("Dice 0.9500", "Dice 0.9505"),
        ("1e-3", "0.001"),
        ("-0.0", "0.0"),
        ("residue 3e-16", "residue -1.2e-15"),
        ("20000 voxels", "20010 voxels"),
        ("[ 1.   -0.5 ]", "[1. -0.5]"),
        ("spacing (1.0, 2.0)", "spacing (1.0,  2.0)"),
        ("brain_t1 of 3", "brain_t1 of 3"),
        ("nan inf", "nan inf"),
        ("line  \n", "line"),
    ],
)
def test_agreeing_texts(expected, found):
    assert compare.texts(expected, found, PERMILLE) == []


@pytest.mark.parametrize(
    ("expected", "found"),
    [
        ("Dice 0.9500", "Dice 0.9520"),
        ("-1.5", "1.5"),
        ("(256, 256)", "(256, 255)"),
        ("0", "1e-6"),
        ("brain_t1", "brain_t2"),
        ("1.2.840.10008.1", "1.2.840.10008.2"),
        ("1 mm", "1 cm"),
        ("[1 2]", "[1 2 2]"),
        ("nan", "1.0"),
        ("a b", "ab"),
        ("one\ntwo", "one"),
    ],
)
def test_differing_texts(expected, found):
    assert len(compare.texts(expected, found, PERMILLE)) == 1


def test_names_stay_names_under_a_wide_tolerance():
    assert compare.texts("sitkFloat64 5", "sitkFloat32 5", 0.9)
    assert not compare.texts("sitkFloat64 5", "sitkFloat64 9", 0.9)


def test_tolerance_any_accepts_everything():
    assert compare.texts("took 3 s", "something else\naltogether", None) == []


def test_a_difference_says_line_numbers_and_how_far_apart():
    assert compare.texts("size 4\nmean 10.0 mm", "size 4\nmean 12.5 mm", PERMILLE) == [
        "line 2: expected 10.0, found 12.5: 20 % apart, 0.1 % is allowed"
    ]


def test_errors_may_leave_text_out():
    found = "RuntimeError: Exception in ReadImage: /build/x.cxx:97:\nThe file does not exist."
    assert not compare.errors("RuntimeError: Exception in ReadImage: ...\nThe file does not exist.", found)
    assert compare.errors("RuntimeError: Exception in ReadImage: ...\nNo such pixel type.", found)
    assert compare.errors("RuntimeError: Exception", found)


def png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def test_figures_agree_up_to_anti_aliasing():
    old = np.full((100, 200, 3), 200.0)
    soft = old.copy()
    soft[50, :20] += 12
    letter = old.copy()
    letter[50:56, 50:56] = 0
    assert compare.figures(png(old), png(soft)) == []
    assert "strongly" in compare.figures(png(old), png(letter))[0]
    assert "strongly" in compare.figures(png(old), png(old - 3))[0]
    assert "strongly" in compare.figures(png(old), png(letter), 0.001)[0]
    assert compare.figures(png(old), png(letter), 0.002) == []
    assert "strongly" in compare.figures(png(old), png(old - 100), 0.3)[0]
    assert compare.figures(png(old), png(old - 100), None) == []
    assert compare.figures(png(old), png(old[:-1]), None) == compare.figures(png(old), png(old[:-1]))
    assert compare.figures(png(old), png(old[:-1])) == ["a figure of 200 × 100 pixels was expected, 200 × 99 found"]
