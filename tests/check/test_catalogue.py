"""The catalogue has all named mistakes, each under the idea behind it."""

from regseg.check import catalogue


def test_the_page_is_up_to_date(root):
    """`make kit` makes it anew."""
    assert (root / "instructors" / "misconceptions.md").read_text(encoding="utf-8") == catalogue.page(root / "episodes")


def test_each_idea_shows_in_several_exercises():
    """Or it is no idea, but a slip in one of them."""
    by_idea = catalogue.sorted_by_idea()
    by_idea.pop(None)
    for idea, known in by_idea.items():
        assert len(known) >= 4, idea.belief
        assert len({key for mistake in known for key in mistake.exercises}) >= 2, idea.belief


def test_each_idea_has_a_place_of_its_own_to_which_the_map_leads(root):
    page, known = catalogue.page(root / "episodes"), catalogue.ideas()
    assert len({idea.name for idea in known}) == len(known)
    for idea in known:
        _, _, part = page.partition(f"## “{idea.belief}” {{#{idea.name}}}\n")
        part = part.partition("\n## ")[0]
        assert all(
            f"**{what}**" in part for what in ("Why it tempts.", "How it shows.", "What to say.", "What finds it:")
        )
        assert f"[{idea.belief}](#{idea.name})" in page and idea.shows in part


def test_a_sentence_is_found_under_its_exercise_and_its_idea():
    backwards = "That moves points to the left, and the picture to the right: resampling asks backwards."
    by_sentence = {
        mistake.sentence: (idea.belief, mistake.exercises)
        for idea, known in catalogue.sorted_by_idea().items()
        for mistake in known
        if idea
    }
    assert by_sentence[backwards] == ("A transform moves the picture", ("02-shift",))
    midline = "A negative x is on the right only where zero lies on the midline: where is the midline here?"
    assert by_sentence[midline] == ("The left of the screen is the left of the patient", ("01-side",))


def test_an_exercise_is_called_by_its_title_and_leads_to_it(root):
    shift = "02 [Move the head to the left](../episodes/02-transforms.md#move-the-head-to-the-left)"
    assert catalogue.exercises(root / "episodes")["02-shift"] == shift


def test_what_a_shared_function_says_belongs_to_each_exercise_that_asks_it():
    assert any(len(mistake.exercises) > 1 for mistake in catalogue.mistakes())
