"""show.surface: what faces the viewer is painted, the patient's sides are named, and the scale is right."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.collections import PolyCollection

from regseg import show

CORNERS = np.array([(x, y, z) for x in (0, 20) for y in (0, 40) for z in (0, 10)], float)  # a box, in mm
SIDES = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]  # R L A P I S
BOX = np.array([three for a, b, c, d in SIDES for three in ((a, b, c), (a, c, d))])


@pytest.fixture
def ax():
    figure, made = plt.subplots()
    yield made
    plt.close(figure)


def painted(ax) -> list[np.ndarray]:
    """The triangles of each surface as drawn, in mm from the upper left corner."""
    found = [one for one in ax.collections if isinstance(one, PolyCollection)]
    return [np.array([path.vertices[:3] for path in one.get_paths()]) for one in found]


def words(ax) -> list[str]:
    return [text.get_text() for text in ax.texts]


@pytest.mark.parametrize(
    ("side", "edges", "size"),
    [
        ("A", "RLSI", (20, 10)),
        ("P", "LRSI", (20, 10)),
        ("R", "PASI", (40, 10)),
        ("L", "APSI", (40, 10)),
        ("I", "RLAP", (20, 40)),
        ("S", "LRAP", (20, 40)),
    ],
)
def test_from_each_side_one_face_of_a_box_is_seen_with_its_sides_named(ax, side, edges, size):
    show.surface([(CORNERS, BOX, "white")], seen_from=side, ax=ax)
    (triangles,) = painted(ax)
    assert len(triangles) == 2
    assert np.ptp(triangles.reshape(-1, 2), axis=0) == pytest.approx(size)
    assert words(ax)[:4] == list(edges)  # left, right, top, bottom


def test_what_lies_to_the_right_of_the_patient_is_drawn_on_the_side_of_that_letter(ax):
    show.surface([(CORNERS, BOX, "white"), (CORNERS - (60, 0, 0), BOX, "white")], seen_from="A", ax=ax)
    left_one, right_one = painted(ax)
    assert right_one[..., 0].max() < left_one[..., 0].min()  # x is lower, so nearer to R, which is on the left


def test_the_head_end_is_on_top(ax):
    show.surface([(CORNERS, BOX, "white"), (CORNERS + (0, 0, 60), BOX, "white")], seen_from="A", ax=ax)
    low, high = painted(ax)
    assert high[..., 1].max() < low[..., 1].min() and ax.get_ylim()[0] > ax.get_ylim()[1]


def test_the_nearer_of_two_boxes_is_painted_last(ax):
    both = np.concatenate([CORNERS, CORNERS * (0.5, 1, 0.5) - (0, 100, 0)])  # the second one is further in front
    show.surface([(both, np.concatenate([BOX + 8, BOX]), "white")], seen_from="A", ax=ax)
    (triangles,) = painted(ax)
    assert np.ptp(triangles[-1][:, 0]) == pytest.approx(10)


def test_a_colour_for_each_point_reaches_the_picture(ax):
    colours = np.tile((1.0, 0.0, 0.0), (8, 1))
    colours[CORNERS[:, 0] > 0] = (0.0, 0.0, 1.0)
    show.surface([(CORNERS, BOX, colours)], seen_from="R", ax=ax)  # the side at x = 0
    red, green, blue = ax.collections[0].get_facecolor()[:, :3].T
    assert red.min() > 0.2 and green.max() == blue.max() == 0


def test_a_figure_of_its_own_has_the_proportions_of_what_is_in_it():
    show.surface([(CORNERS, BOX, "white")], seen_from="S")
    figure = plt.gcf()
    assert figure.get_figheight() / figure.get_figwidth() == pytest.approx(2)
    plt.close(figure)


@pytest.mark.parametrize(
    ("surfaces", "words", "said"),
    [
        ([(CORNERS, BOX, "white")], {"seen_from": "top"}, "seen_from is one of R, L, A, P, S, I"),
        ([], {}, "at least one surface"),
        ([(CORNERS[:, :2], BOX, "white")], {}, r"\(n, 3\) and \(m, 3\)"),
        ([(CORNERS, BOX[:0], "white")], {}, "is its mask empty"),
        ([(CORNERS, BOX + 1, "white")], {}, "counted from 0"),
        ([(CORNERS, BOX, np.zeros((5, 3)))], {}, "for each of 8 points"),
    ],
)
def test_what_cannot_be_drawn_is_refused_in_a_sentence(surfaces, words, said):
    with pytest.raises(ValueError, match=said):
        show.surface(surfaces, **words)
