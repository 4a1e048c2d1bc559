"""Where the figures of a bench go."""

import json

import pytest

from lessonkit import bench


def test_results_are_flat_and_say_where_they_come_from(tmp_path, monkeypatch):
    monkeypatch.setattr(bench, "RESULTS", tmp_path / "results")
    target = bench.write_results("speed", {"ours_ms": 1.5})
    written = json.loads(target.read_text(encoding="utf-8"))
    assert written["ours_ms"] == 1.5 and set(written) == {"ours_ms", "machine", "versions", "commit"}
    assert "SimpleITK" in written["versions"]
    assert [path.name for path in target.parent.iterdir()] == ["speed.json"]


def test_an_unknown_bench_names_the_known_ones():
    with pytest.raises(ValueError, match="viewer"):
        bench.run("viewr")
