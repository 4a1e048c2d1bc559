"""What a bench writes, and how it is started."""

import json
import os
import shutil
import subprocess

import pytest

import measure


def test_results_say_where_they_come_from(tmp_path):
    cases = {"one pair": {"ours": {"time (ms)": 1.5}}}
    target = measure.write_results("speed", cases, {"one pair": ["a"]}, folder=tmp_path / "results")
    written = json.loads(target.read_text(encoding="utf-8"))
    assert written["cases"] == cases and written["pairs"] == {"one pair": ["a"]}
    assert set(written) == {"cases", "pairs", "machine", "versions", "commit"}
    assert "SimpleITK" in written["versions"]
    assert [path.name for path in target.parent.iterdir()] == ["speed.json"]


def test_the_figures_of_each_pair_become_a_list_for_each_measure():
    rows = [{"error (mm)": 0.123456, "CPU (s)": 2.0}, {"error (mm)": 0.5, "CPU (s)": 3.0}]
    assert measure.by_measure(rows) == {"error (mm)": [0.1235, 0.5], "CPU (s)": [2.0, 3.0]}


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_an_unknown_bench_is_one_sentence(root):
    # As typed by somebody, and not as a part of the `make test` that may be running us: that one announces folders.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    done = subprocess.run(
        ["make", "bench", "NAME=viewr"], cwd=root, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2 and done.stdout == ""
    assert "bench/viewr.py" in done.stderr and len(done.stderr.splitlines()) == 1
