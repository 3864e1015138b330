"""Matching of lesions: every class of component once, told in words (clinical.md 4.5)."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from netlesion.answers.match import match
from netlesion.answers.settings import MatchSettings
from tests.answers.patients import lesion

S = MatchSettings()


def before(number, x, radius_mm=8.0, **more):
    return lesion(number, at=(x, 0, 0), radius_mm=radius_mm, **more)


def after(number, x, radius_mm=8.0, **more):
    return lesion(number, at=(x, 0, 0), radius_mm=radius_mm, visit="visit-2", **more)


def shape(links):
    """Numbers of each component, as ((1,), (1, 2)) for a split."""
    return sorted((tuple(x.lesion_id for x in k.first), tuple(x.lesion_id for x in k.second)) for k in links)


@pytest.mark.parametrize(
    ("told", "one", "two", "expected"),
    [
        ("nothing at both visits", [], [], []),
        ("one lesion stays", [(1, 0, 8)], [(1, 0, 8)], [((1,), (1,))]),
        ("one lesion stays and shrinks", [(1, 0, 12)], [(1, 3, 4)], [((1,), (1,))]),
        ("one goes, another comes far away", [(1, 0, 8)], [(1, 100, 8)], [((), (1,)), ((1,), ())]),
        ("one splits into two pieces inside it", [(1, 0, 14)], [(1, -8, 5), (2, 8, 5)], [((1,), (1, 2))]),
        ("two grow into one", [(1, -9, 6), (2, 9, 6)], [(1, 0, 16)], [((1, 2), (1,))]),
        ("misregistered by 14 mm, gap below 10 mm", [(1, 0, 4)], [(1, 14, 4)], [((1,), (1,))]),
        ("misregistered by 22 mm, gap above 10 mm", [(1, 0, 4)], [(1, 22, 4)], [((), (1,)), ((1,), ())]),
        (
            "a neighbour that goes is no part of the one that stays",
            [(1, 0, 6), (2, 18, 6)],
            [(1, 0, 6)],
            [((1,), (1,)), ((2,), ())],
        ),
        (
            "two neighbours stay, each itself",
            [(1, 0, 6), (2, 18, 6)],
            [(1, 1, 6), (2, 19, 6)],
            [((1,), (1,)), ((2,), (2,))],
        ),
    ],
)
def test_components(told, one, two, expected):
    found = match([before(*x) for x in one], [after(*x) for x in two], S)
    assert shape(found) == sorted(expected), told


def test_a_complex_component_is_paired_one_to_one_and_what_is_left_stands_alone():
    one = [before(1, -10, 12), before(2, 10, 12)]
    two = [after(1, -9, 12), after(2, 11, 12), after(3, 0, 4)]
    found = match(one, two, S)
    assert shape(found) == [((), (3,)), ((1,), (1,)), ((2,), (2,))]
    assert all(k.from_complex for k in found)


def test_lesions_reach_farther_near_diaphragm_and_bowel():
    one, two = [before(1, 0, 4)], [after(1, 24, 4)]
    assert len(match(one, two, S)) == 2
    assert len(match(one, two, S, is_near=lambda x: True)) == 1


def test_centroids_decide_where_there_is_one_candidate_in_the_region():
    small = MatchSettings(reach_mm=1.0, reach_near_mm=1.0)
    one, two = before(1, 0, 4), after(1, 14, 4)
    assert shape(match([one], [two], small)) == [((1,), (1,))]
    elsewhere = after(1, 14, 4, region="bone")
    assert len(match([one], [elsewhere], small)) == 2
    rival = after(2, -14, 4)
    assert len(match([one], [two, rival], small)) == 3


@pytest.mark.parametrize("seed", range(5))
def test_order_and_mirror_image_change_nothing(seed):
    rng = np.random.default_rng(seed)
    one = [before(n, float(rng.uniform(-60, 60)), float(rng.uniform(3, 9))) for n in range(1, 8)]
    two = [after(n, float(rng.uniform(-60, 60)), float(rng.uniform(3, 9))) for n in range(1, 8)]
    expected = shape(match(one, two, S))
    shuffled = match([one[n] for n in rng.permutation(7)], [two[n] for n in rng.permutation(7)], S)
    assert shape(shuffled) == expected
    for x in (*one, *two):
        x.placed_mm[:, 0] *= -1
    assert shape(match(one, two, S)) == expected
    assert sorted((b, a) for a, b in shape(match(two, one, S))) == expected


def test_five_hundred_lesions_are_matched_with_themselves():
    places = list(product(range(-150, 151, 40), range(-150, 151, 40), range(-350, 351, 80)))[:500]
    one = [lesion(n, at=p, radius_mm=4.0) for n, p in enumerate(places, 1)]
    two = [lesion(n, at=p, radius_mm=4.0, visit="visit-2") for n, p in enumerate(places, 1)]
    assert all(len(k.first) == len(k.second) == 1 for k in match(one, two, S))
