"""What makes a figure live: kept beside its picture, compared, shared, deleted; and never a downloaded image."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from lessonkit import states
from lessonkit.lesson import Lesson
from lessonkit.rules import house
from regseg.show import living


def state(values: np.ndarray, **traits) -> states.State:
    image = sitk.GetImageFromArray(values.astype(np.uint8))
    views = [{"title": "", "traits": {"layers": {"image": {"file": living.volume(image, (0, 200))}}, **traits}}]
    return living.state("explore", views)


@pytest.fixture
def picture(tmp_path) -> Path:
    return tmp_path / "fig" / "01-a.png"


@pytest.fixture
def values() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 200, (8, 9, 10))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_state_lies_beside_its_picture_and_its_volume_opens(picture, values):
    states.write(picture, state(values, n=3), 0)
    assert names(picture.parent) == ["01-a-image.nii.gz", "01-a.json"]
    kept = json.loads((picture.parent / "01-a.json").read_text(encoding="utf-8"))
    assert kept["files"] == {"image.nii.gz": "01-a-image.nii.gz"} and kept["views"][0]["traits"]["n"] == 3
    volume = sitk.GetArrayFromImage(sitk.ReadImage(picture.parent / "01-a-image.nii.gz"))
    assert np.abs(volume - values).max() <= 1  # in steps of 2


def test_what_agrees_stays_as_it_is_and_what_differs_is_named(picture, values):
    states.write(picture, state(values, n=1.0), 0)
    written = (picture.parent / "01-a-image.nii.gz").read_bytes()
    near = values.copy()
    near[0] = np.minimum(near[0] + 1, 199)
    assert states.differences(picture, state(near, n=1.0005), 0) == []
    states.write(picture, state(near, n=1.0005), 0)
    assert (picture.parent / "01-a-image.nii.gz").read_bytes() == written
    far = values.copy()
    far[0] = 199 - far[0]
    (changed,) = states.differences(picture, state(far, n=1.0), 0.01)
    assert "% of the voxels changed" in changed
    assert states.differences(picture, state(far, n=1.0), 0.2) == []
    assert states.differences(picture, state(far, n=1.0), None) == []
    (other,) = states.differences(picture, state(values, n=2.0), 0)
    assert "expected 1.0, found 2.0" in other
    states.write(picture, state(far, n=1.0), 0)
    assert (picture.parent / "01-a-image.nii.gz").read_bytes() != written


def test_a_state_that_is_new_or_gone_is_a_difference(picture, values):
    assert states.differences(picture, None, 0) == []
    assert "does not exist" in states.differences(picture, state(values), 0)[0]
    states.write(picture, state(values), 0)
    assert "has no state" in states.differences(picture, None, 0)[0]


def test_two_figures_share_a_volume_and_the_last_one_takes_it_away(picture, values):
    second = picture.with_name("01-b.png")
    states.write(picture, state(values), 0)
    states.write(second, state(values), 0)
    states.prune(picture.parent, [picture, second])
    assert names(picture.parent) == ["01-a-image.nii.gz", "01-a.json", "01-b.json"]
    states.write(picture, None, 0)
    states.prune(picture.parent, [picture, second])
    assert names(picture.parent) == ["01-a-image.nii.gz", "01-b.json"]
    states.prune(picture.parent, [picture])
    assert names(picture.parent) == []


EPISODE = """---
title: "T"
---

```python
show.slices(data.load("brain_t1"))
```

![A template.](fig/01-a.png){{alt='a'}}

```python
{downloads}
```

```python
show.slices(image)
```

![A real one.](fig/01-b.png){{alt='b'}}
"""


@pytest.mark.parametrize(
    "downloads",
    ['image = data.load("chest_ct")', "files = [data.path(f'em_section_{n:02}') for n in (1, 2)]"],
)
def test_from_the_first_download_on_no_figure_may_be_alive(tmp_path, values, downloads):
    (tmp_path / "config.yaml").write_text("episodes: [01-try.md]\n", encoding="utf-8")
    (tmp_path / "episodes").mkdir()
    (tmp_path / "episodes" / "01-try.md").write_text(EPISODE.format(downloads=downloads), encoding="utf-8")
    (page,) = Lesson(tmp_path).episodes

    def findings() -> list[tuple[int, str]]:
        return [(line, what) for line, what in house.episode(page, Lesson(tmp_path)) if what.startswith("fig/01-")]

    assert states.first_download(page) == 2
    states.write(tmp_path / "fig" / "01-a.png", state(values), 0)
    assert findings() == []
    states.write(tmp_path / "fig" / "01-b.png", state(values // 2), 0)
    ((line, what),) = findings()
    assert line == 19 and what.startswith("fig/01-b.json holds what this figure shows: a downloaded image is named")
    (tmp_path / "fig" / "01-old-image.nii.gz").write_bytes(b"")
    assert [line for line, _ in findings()] == [19, 1]


def test_an_image_that_the_course_makes_is_no_download(tmp_path):
    (tmp_path / "config.yaml").write_text("episodes: [01-try.md]\n", encoding="utf-8")
    (tmp_path / "episodes").mkdir()
    text = EPISODE.format(downloads='image = data.load("brain_t2")  # not chest_ct')
    (tmp_path / "episodes" / "01-try.md").write_text(text, encoding="utf-8")
    assert states.first_download(Lesson(tmp_path).episodes[0]) == float("inf")


def test_what_makes_the_figures_of_the_course_alive_stays_small(root):
    sizes = {path.name: path.stat().st_size for path in (root / "fig").glob("*.nii.gz")}
    assert {name: size for name, size in sizes.items() if size > 300_000} == {}
    assert sum(sizes.values()) < 9_000_000
