"""What stands beside the episodes is true: the cheat sheet runs, the version is one, the paper cites what it lists."""

import json
import re

import numpy as np
import pytest
import SimpleITK as sitk
import yaml

from lessonkit.lesson import Lesson
from lessonkit.rules.pace import Core
from regseg import data, evaluate
from regseg.check import catalogue
from regseg.synth import pairs


@pytest.fixture(scope="module")
def sheet(root) -> str:
    return (root / "learners" / "cheat-sheet.md").read_text(encoding="utf-8")


def test_every_name_of_the_cheat_sheet_is_there(sheet):
    for module, owner in (("sitk", sitk), ("evaluate", evaluate), ("method", sitk.ImageRegistrationMethod())):
        names = set(re.findall(rf"\b{module}\.(\w+)", sheet))
        assert names and {name for name in names if not hasattr(owner, name)} == set(), module


def test_the_registration_of_the_cheat_sheet_finds_a_shift(sheet):
    (recipe,) = (code for code in re.findall(r"```py\n(.*?)```", sheet, re.S) if "ImageRegistrationMethod" in code)
    fixed = sitk.Cast(data.load("brain_t1_2mm"), sitk.sitkFloat32)
    moving = sitk.Image(fixed)
    truth = sitk.Euler3DTransform(fixed.TransformIndexToPhysicalPoint((49, 58, 47)), 0.1, -0.1, 0.05, (6, -4, 3))
    moving = sitk.Resample(fixed, truth)  # which carries points of the moving image into the fixed one
    names = {"sitk": sitk, "fixed": fixed, "moving": moving}
    exec(recipe, names)
    for index in ((30, 40, 30), (70, 80, 60)):
        point = fixed.TransformIndexToPhysicalPoint(index)
        np.testing.assert_allclose(truth.TransformPoint(names["found"].TransformPoint(point)), point, atol=0.5)


def test_the_version_is_the_same_wherever_it_stands(root):
    citation = yaml.safe_load((root / "CITATION.cff").read_text(encoding="utf-8"))
    archive = json.loads((root / ".zenodo.json").read_text(encoding="utf-8"))
    project = re.search(r'^version = "(.+)"', (root / "pyproject.toml").read_text(encoding="utf-8"), re.M)[1]
    newest = re.search(r"^## (\S+)", (root / "CHANGELOG.md").read_text(encoding="utf-8"), re.M)[1]
    assert citation["version"] == archive["version"] == newest == project


def test_the_citation_names_the_repository_from_which_the_site_links_its_source(root):
    citation = yaml.safe_load((root / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["repository-code"] == Lesson(root).config["source"]


def test_the_paper_cites_what_it_lists_and_lists_what_it_cites(root):
    cited = set(re.findall(r"@(\w+\d{4})", (root / "instructors" / "jose" / "paper.md").read_text(encoding="utf-8")))
    listed = set(
        re.findall(r"^@\w+\{(\w+),", (root / "instructors" / "jose" / "paper.bib").read_text(encoding="utf-8"), re.M)
    )
    assert cited == listed


def test_each_wrong_choice_of_the_test_shows_an_idea_and_the_table_counts_it(root):
    page = (root / "instructors" / "pre-post-test.md").read_text(encoding="utf-8")
    items = re.findall(r"^## (\d+)\..*?^::: solution$(.*?)^:::$", page, re.M | re.S)
    assert [int(number) for number, _ in items] == list(range(1, 16))
    shown = {}
    for number, answer in items:
        choices = re.findall(rf"^## {number}\..*?^::: solution$", page, re.M | re.S)[0]
        assert re.findall(r"^- \*\*(\w)\*\*", choices, re.M) == list("ABCD"), number
        wrong = dict(re.findall(r"^- (\w): “(.*)”$", answer, re.M))
        (right,) = re.findall(r"^\*\*(\w)\*\* is right", answer, re.M)
        assert sorted([right, *wrong]) == list("ABCD"), number
        for letter, idea in wrong.items():
            shown.setdefault(idea, []).append(f"{number}{letter}")
    assert shown.keys() == {idea.belief for idea in catalogue.ideas()}
    assert dict(re.findall(r"^\| ([^|]+) \| ((?:\d+\w ?)+) \|$", page, re.M)) == {
        idea: " ".join(choices) for idea, choices in shown.items()
    }


def test_the_test_asks_about_every_episode(root):
    page = (root / "instructors" / "pre-post-test.md").read_text(encoding="utf-8")
    asked = set(re.findall(r"is right\. Episode \[\d+\]\(\.\./episodes/([\w-]+)\.md\)", page))
    assert asked == {episode.stem for episode in (root / "episodes").glob("*.md")}


def test_the_minutes_in_the_notes_add_up_to_those_of_the_episode_and_name_its_exercises(root):
    notes = (root / "instructors" / "instructor-notes.md").read_text(encoding="utf-8")
    episodes = {page.number: page for page in Lesson(root).episodes}
    planned = {"1", "2"}  # the half day with both of them, whose table counts the hours
    for number, section in re.findall(r"^## Episode 0*(\d+)\b.*?$(.*?)(?=^## |\Z)", notes, re.M | re.S):
        rows = re.findall(r"^\| (\d+) \| (.+) \|$", section, re.M)
        if rows:
            planned.add(number)
            page = episodes[number]
            assert abs(sum(int(minutes) for minutes, _ in rows) - page.teaching - page.exercises) <= 5, page.name
            named = {name for _, what in rows for name in re.findall(r"\*(.+?)\*", what)}
            assert named <= {heading.text.split(" {")[0] for heading in page.headings}, page.name
    assert planned == episodes.keys()


def test_the_half_day_of_the_notes_has_the_clock_of_the_timetable(root):
    notes, timetables = (
        (root / "instructors" / name).read_text(encoding="utf-8") for name in ("instructor-notes.md", "schedule.md")
    )
    plan = re.findall(r"^\| (\d+):(\d\d) \| (\d+):(\d\d) \|", notes, re.M)
    half = re.findall(r"^\| (\d+):(\d\d) \| (\d+):(\d\d) \|", timetables.split("\n## ")[1], re.M)
    planned, computed = ([(60 * int(a) + int(b), 60 * int(c) + int(d)) for a, b, c, d in rows] for rows in (plan, half))
    assert all(before[1] == after[0] for before, after in zip(planned, planned[1:], strict=False))
    nine = 9 * 60
    assert {begin - nine for begin, _ in computed} <= {begin for begin, _ in planned}
    assert planned[-1][1] == computed[-1][1] - nine


def test_the_notes_fetch_what_the_core_of_each_episode_names(root):
    notes = (root / "instructors" / "instructor-notes.md").read_text(encoding="utf-8")
    fetched = {
        number: set(names.split()) for names, number in re.findall(r"^regseg data fetch (.+?) +# (\d\d)$", notes, re.M)
    }
    public = {name for name in data.names() if not data.card(name).embedded}
    assert set().union(*fetched.values()) <= public
    for core in map(Core, Lesson(root).episodes):
        named = {word for cell in core.page.cells if core.holds(cell.line) for word in re.findall(r"\w+", cell.source)}
        assert named & public <= fetched.get(core.page.name[:2], set()), core.page.name


def test_the_cell_of_the_notes_writes_three_scans_for_the_label_server(root, tmp_path, monkeypatch):
    notes = (root / "instructors" / "instructor-notes.md").read_text(encoding="utf-8")
    (cell,) = re.findall(r"```py\n(.*?)```", notes, re.S)
    monkeypatch.chdir(tmp_path)
    exec(cell, {})
    written = [sitk.ReadImage(path) for path in sorted((tmp_path / "studies").glob("*.nii.gz"))]
    assert len(written) == 3 and all(np.ptp(sitk.GetArrayViewFromImage(scan)) > 0 for scan in written)


def test_the_riddle_of_the_project_hides_a_motion_without_a_fold(root, tmp_path, monkeypatch):
    page = (root / "learners" / "capstone.md").read_text(encoding="utf-8")
    (recipe,) = re.findall(r"```py\n(.*?)```", page, re.S)
    monkeypatch.chdir(tmp_path)
    exec(recipe, {})
    riddle = pairs.read(tmp_path / "riddle")
    field = sitk.TransformToDisplacementField(
        riddle.transform,
        sitk.sitkVectorFloat64,
        riddle.mask.GetSize(),
        riddle.mask.GetOrigin(),
        riddle.mask.GetSpacing(),
        riddle.mask.GetDirection(),
    )
    assert evaluate.folding(field, riddle.mask) == 0
    assert evaluate.tre(sitk.Transform(3, sitk.sitkIdentity), riddle.fixed_points, riddle.moving_points).mean() > 3


def test_each_test_that_the_page_of_topics_names_is_there(root):
    page = (root / "instructors" / "topics.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(test_\w+)`", page))
    written = {
        name
        for path in (root / "tests").rglob("test_*.py")
        for name in re.findall(r"^def (test_\w+)\(", path.read_text(encoding="utf-8"), re.M)
    }
    assert named and named - written == set()
