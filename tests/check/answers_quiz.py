"""Answers to the quizzes: each question is judged by its letters alone."""

from regseg.check import quiz

RIGHT = {each.name: [lambda right=each.right: right] for each in quiz.questions()}
WRONG = {
    each.name: [
        (choice.sentence, lambda letter=letter: letter)
        for letter, choice in each.choices.items()
        if letter != each.right
    ]
    for each in quiz.questions()
}
