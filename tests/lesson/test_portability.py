"""The table that `make check-run` prints: that its rows are other computers, and that it tells what differs there."""

from __future__ import annotations

import portability
import pytest

OLD, NEW = "Nehalem-1", "Haswell-1"
pytestmark = pytest.mark.skipif(not {OLD, NEW} <= set(portability.ROWS), reason="this processor cannot play two others")


def test_the_table_tells_what_differs_on_which_processor(tmp_path, capsys):
    (tmp_path / "config.yaml").write_text("episodes: [01-same.md, 02-other.md]\n", encoding="utf-8")
    (tmp_path / "episodes").mkdir()
    kernel = "import numpy, threadpoolctl\nthreadpoolctl.threadpool_info()[0]['architecture']"
    for name, code, output in (("01-same", "6 * 7", "42"), ("02-other", kernel, "'Haswell'")):
        text = f"---\ntitle: 'T'\n---\n\n```python\n{code}\n```\n\n```output\n{output}\n```\n"
        (tmp_path / "episodes" / f"{name}.md").write_text(text, encoding="utf-8")
    assert portability.main(["-C", str(tmp_path), "--row", OLD, "--row", NEW]) == 1
    _, old, new, _, where, *words = capsys.readouterr().out.splitlines()
    assert old.split() == [OLD, "agrees", "differs"]
    assert new.split() == [NEW, "agrees", "agrees"]
    assert where == f"## {OLD} · 02-other"
    assert "  line 1: expected \"'Haswell'\", found \"'Nehalem'\"" in words


@pytest.mark.usefixtures("public_images")
def test_the_first_episode_agrees_on_an_old_processor(root, tmp_path):
    """The cheapest cell of the table; the others are asked by `make check-run`."""
    assert portability.differences(root, "01-images", OLD, tmp_path) == ""
