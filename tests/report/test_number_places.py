"""Numbers beside outlines: near their own, off each other, inside the picture."""

import numpy as np

from netlesion.report.number_places import DIGIT_HEIGHT, DIGIT_WIDTH, box_of, place_numbers


def overlap(a, b, texts):
    half = [np.array([DIGIT_WIDTH * len(t), DIGIT_HEIGHT]) / 2 for t in texts]
    return all(abs(a[k] - b[k]) < half[0][k] + half[1][k] for k in (0, 1))


def test_the_box_of_a_path_of_two_loops():
    assert box_of("M10 20l4 0 0 6 -4 0zM30 2l1 1z") == (10.0, 2.0, 31.0, 26.0)
    assert box_of("") is None


def test_a_lone_number_stands_right_of_its_outline_and_needs_no_line():
    ((x, y),) = place_numbers([(50, 50, 60, 60)], ["1"], (200, 200))
    assert 60 < x < 80
    assert y == 55


def test_crowded_numbers_do_not_cover_each_other_and_far_ones_have_a_line():
    boxes = [(90 + 5 * n, 90 + 3 * n, 100 + 5 * n, 100 + 3 * n) for n in range(8)]
    texts = [str(n) for n in range(8)]
    places = place_numbers(boxes, texts, (200, 200))
    for i in range(8):
        assert not any(overlap(places[i], places[j], (texts[i], texts[j])) for j in range(i))
    far = [p for p in places if len(p) == 4]
    assert far
    assert {p[2:] for p in far} <= {(95 + 5 * n, 95 + 3 * n) for n in range(8)}


def test_at_the_border_a_number_stays_inside_and_without_an_outline_there_is_none():
    place, none = place_numbers([(190, 192, 199, 199), None], ["12", "3"], (200, 200))
    assert none is None
    assert DIGIT_WIDTH <= place[0] <= 200 - DIGIT_WIDTH
    assert DIGIT_HEIGHT / 2 <= place[1] <= 200.5 - DIGIT_HEIGHT / 2
