"""Tables and the plot of measured numbers agree with the results they come from."""

import json

import pytest

import measure
import report
import terabyte
from lessonkit import compare

TEXT = "Before.\n\n<!-- bench: speed, small images -->\nstale\n<!-- /bench -->\n\nAfter.\n"
RESULTS = {
    "cases": {
        "small images": {
            "ours": {"error (mm)": [1.0, 2.0, 3.0], "CPU (µs per voxel)": 0.17672},
            "a peer": {"error (mm)": [2.0, 2.0, 2.0], "memory (MiB)": 1234.5},
        }
    },
    "pairs": {"small images": ["a", "b", "c"]},
    "machine": "a machine",
}


@pytest.fixture
def results(tmp_path):
    (tmp_path / "speed.json").write_text(json.dumps(RESULTS), encoding="utf-8")
    return tmp_path


def test_a_table_has_methods_as_rows_and_measures_with_their_units_as_columns(results):
    text = report.filled(TEXT, results)
    assert "| method | error (mm) | CPU (µs per voxel) | memory (MiB) |\n" in text
    assert "| ours | 2 ± 2.5 | 0.177 |  |\n| a peer | 2 |  | 1234 |\n" in text
    assert "\n*Mean of 3 pairs, with its 95 % confidence interval.*\n" in text
    assert text.startswith("Before.\n") and text.endswith("After.\n") and "stale" not in text


def test_a_mean_over_seeds_is_not_called_one_of_pairs(tmp_path):
    case = "rounds of annotation"
    loop = {"cases": {case: {"active": {"Dice": [0.1, 0.2, 0.3]}}}, "pairs": {case: ["seed 1", "seed 2", "seed 3"]}}
    (tmp_path / "speed.json").write_text(json.dumps(loop), encoding="utf-8")
    text = report.filled(TEXT.replace("small images", case), tmp_path)
    assert "*Mean of 3 seeds, with its 95 % confidence interval.*" in text


def test_the_capture_range_has_the_median_of_each_motion_and_an_empty_place_where_there_is_none(tmp_path):
    mark = TEXT.replace("small images", "capture range")
    with pytest.raises(LookupError, match="no results of speed, capture range"):
        report.filled(mark, tmp_path)
    medians = {"start": (3.97, 7.9), "RegNet": (1.26,), "RegNet, one shot": (2.0, 3.0)}
    rows = {name: [{"median error (mm)": each, "CPU (s)": 9} for each in found] for name, found in medians.items()}
    cases = {f"{mm} mm": {name: row[n] for name, row in rows.items() if n < len(row)} for n, mm in enumerate((4, 8))}
    cases["inverted, 8 mm"] = cases["8 mm"]
    (tmp_path / "speed.json").write_text(json.dumps({"cases": cases, "pairs": {}}), encoding="utf-8")
    text = report.filled(mark, tmp_path)
    assert "| method | 4 mm | 8 mm |\n| --- | ---: | ---: |\n| start | 3.97 | 7.9 |\n" in text
    assert "\n| RegNet | 1.26 |  |\n" in text and "one shot" not in text


def test_without_a_case_the_computer_is_named(results):
    text = report.filled("<!-- bench: speed -->\n<!-- /bench -->", results)
    assert text == "<!-- bench: speed -->\n\n*Measured on a machine.*\n\n<!-- /bench -->"


def test_the_interval_is_that_of_students_t():
    # Three values: t = 4.303 with two degrees of freedom, spread 1, so 4.303 / sqrt(3).
    assert report.interval([1.0, 2.0, 3.0]) == pytest.approx(2.484, abs=1e-3)


def test_two_pairs_have_a_mean_and_no_interval():
    assert report.cell([1.0, 2.0]) == "1.5"


def test_filling_twice_changes_nothing(results):
    once = report.filled(TEXT, results)
    assert report.filled(once, results) == once


@pytest.mark.parametrize("mark", ["speed, large images", "sped, small images"])
def test_a_table_without_results_says_how_to_get_them(results, mark):
    with pytest.raises(LookupError, match=f"no results of {mark}: run `make bench NAME="):
        report.filled(TEXT.replace("speed, small images", mark), results)


def test_the_tables_of_this_lesson_are_up_to_date():
    assert report.outdated() == {}


def test_the_plots_of_this_lesson_are_up_to_date():
    for path, drawn in report.plots().items():
        assert compare.figures(path.read_bytes(), drawn) == [], path.name


def test_the_projected_terabytes_follow_from_the_run_that_is_recorded():
    cases = json.loads((measure.RESULTS / "terabyte.json").read_text(encoding="utf-8"))["cases"]
    assert cases["projection"] == terabyte.projection(terabyte.seconds_of_a_voxel(cases["run"]))
    assert {row["breaks first"] == "nothing" for row in cases["projection"].values()} == {True, False}


def test_what_a_program_says_is_a_cell_as_it_is():
    assert report.cell("nothing") == "nothing"
