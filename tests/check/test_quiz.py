"""The quizzes: one for each episode, each wrong choice explained, and the page of them is made from the same source."""

from regseg.check import catalogue, quiz
from regseg.check.engine import judge


def test_the_page_is_up_to_date(root):
    """`make kit` makes it anew."""
    assert (root / "learners" / "quiz.md").read_text(encoding="utf-8") == quiz.page()


def test_each_episode_has_its_questions_and_leads_to_them(root):
    episodes = sorted((root / "episodes").glob("*.md"))
    asked = [question.episode for question in quiz.questions()]
    assert list(dict.fromkeys(asked)) == [episode.stem for episode in episodes]
    for episode in episodes:
        assert 4 <= asked.count(episode.stem) <= 6
        assert f"(../learners/quiz.md#{episode.stem[3:]})" in episode.read_text(encoding="utf-8")


def test_each_question_has_one_right_choice_and_a_sentence_of_its_own_on_each():
    for question in quiz.questions():
        verdicts = [judge(question.name, letter) for letter in question.choices]
        assert [verdict.right for verdict in verdicts].count(True) == 1, question.name
        assert len({verdict.sentence for verdict in verdicts}) == len(question.choices) >= 3, question.name
        assert len({choice.words for choice in question.choices.values()}) == len(question.choices), question.name


def test_no_letter_is_right_more_often_than_chance_lets_expect():
    """Who always says the same letter learns nothing, and should not be told otherwise."""
    right = [question.right for question in quiz.questions()]
    assert max(map(right.count, quiz.LETTERS)) < len(right) / 2


def test_a_mistake_that_comes_from_an_idea_names_one_that_the_catalogue_knows():
    beliefs = {choice.belief for question in quiz.questions() for choice in question.choices.values()} - {""}
    assert beliefs and beliefs <= {idea.belief for idea in catalogue.ideas()}
    assert not any(question.choices[question.right].belief for question in quiz.questions())
