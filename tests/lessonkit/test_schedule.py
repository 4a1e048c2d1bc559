"""Timetables: nothing is lost, nobody sits too long or misses lunch, and what does not fit is refused."""

import re

import pytest

from lessonkit import schedule
from lessonkit.lesson import Lesson
from lessonkit.page import LessonError

LINE = re.compile(r"^\| (\d+):(\d\d) \| (\d+):(\d\d) \| (.+) \|$", re.M)


def lesson(folder, episodes: dict[str, int], workshops: str) -> Lesson:
    """A lesson whose episodes teach so many minutes."""
    (folder / "episodes").mkdir()
    for name, minutes in episodes.items():
        head = f"---\ntitle: T{name}\nteaching: {minutes}\nexercises: 0\n---\n"
        (folder / "episodes" / f"{name}.md").write_text(head, encoding="utf-8")
    listed = "".join(f"- {name}.md\n" for name in episodes)
    (folder / "config.yaml").write_text(f"title: Lesson\nepisodes:\n{listed}workshops:\n{workshops}", encoding="utf-8")
    return Lesson(folder)


def rows(page: str) -> list[tuple[int, int, str]]:
    return [(60 * int(a) + int(b), 60 * int(c) + int(d), what) for a, b, c, d, what in LINE.findall(page)]


def test_a_day_by_hand(tmp_path):
    page = schedule.page(lesson(tmp_path, {"01-a": 85, "02-b": 100}, "- {name: W, days: 1, episodes: [01-a, 02-b]}\n"))
    a, b = "[01 T01-a](../episodes/01-a.md)", "[02 T02-b](../episodes/02-b.md)"
    assert [(schedule.clock(begin), what) for begin, _, what in rows(page)] == [
        ("9:00", "Welcome, code of conduct, does every computer work?"),
        ("9:15", a),
        ("10:40", "Break"),
        ("10:55", b),
        ("11:45", "Lunch"),
        ("12:45", f"{b}, continued"),
        ("13:35", "Looking back, minute cards"),
    ]
    assert rows(page)[-1][1] == 13 * 60 + 50


def test_what_a_workshop_rests_on_stands_above_its_table(tmp_path):
    workshop = "- {name: W, before: It begins later., days: 1, episodes: [01-a]}\n"
    page = schedule.page(lesson(tmp_path, {"01-a": 30}, workshop))
    assert "## W\n\nIt begins later.\n\n| from | to | what |" in page


def test_the_page_of_the_lesson_is_up_to_date_and_lets_everybody_eat(root):
    page = schedule.page(Lesson(root))
    assert (root / "instructors" / "schedule.md").read_text(encoding="utf-8") == page
    for day in re.split(r"^\|---.*$", page, flags=re.M)[1:]:
        found = rows(day)
        assert all(before[1] == after[0] for before, after in zip(found, found[1:], strict=False))
        assert all(end - begin <= 90 for begin, end, _ in found)
        assert found[-1][1] <= 17 * 60
        assert found[-1][1] <= 13 * 60 or any(what == "Lunch" for _, _, what in found)


def test_every_episode_has_its_place_in_a_timetable_of_the_lesson(root):
    page = schedule.page(Lesson(root))
    assert set(re.findall(r"\(\.\./episodes/([\w-]+)\.md\)", page)) == {each.name for each in Lesson(root).episodes}


@pytest.mark.parametrize(
    ("workshops", "says"),
    [
        ("- {name: W, days: 0.5, episodes: [01-a, 02-b, 03-c]}\n", "W' has more than fits into its days: .*T03-c"),
        ("- {name: W, days: 1, episodes: [04-d]}\n", "W' has an episode 04-d, which is not there"),
        ("", "'workshops' is missing"),
    ],
)
def test_what_cannot_be_laid_out_is_refused(tmp_path, workshops, says):
    with pytest.raises(LessonError, match=says):
        schedule.page(lesson(tmp_path, {"01-a": 80, "02-b": 80, "03-c": 80}, workshops))
