"""Compounds: sets of points behave as sets, turns and mirrors move points, pieces make up the whole."""

import numpy as np

from netlesion.phantom.compounds import Blend, Mirrored, Offset, Turned, Union, Within, pieces, tube
from netlesion.phantom.solids import Ellipsoid, Half, contains, sphere

BENT = Ellipsoid((3.0, -5.0, 7.0), (20.0, 12.0, 9.0), 2.5, 4.0, (20.0, -35.0, 50.0))


def box_points(solid, number=4000):
    low, high = solid.bounds_mm()
    return np.random.default_rng(1).uniform(low - 6.0, high + 6.0, (number, 3))


def test_set_operations_are_those_of_sets():
    a, b = sphere((0, 0, 0), 10.0), sphere((9, 2, 0), 7.0)
    points = box_points(Union((a, b)))
    in_a, in_b = contains(a, points), contains(b, points)
    np.testing.assert_array_equal(contains(Union((a, b)), points), in_a | in_b)
    np.testing.assert_array_equal(contains(Within(a, (b,)), points), in_a & in_b)
    np.testing.assert_array_equal(contains(Within(a, (), (b,)), points), in_a & ~in_b)
    assert (contains(Blend((a, b), 6.0), points) >= (in_a | in_b)).all()


def test_mirror_and_turn_move_points_and_nothing_else():
    points = box_points(BENT)
    np.testing.assert_array_equal(contains(Mirrored(BENT), points * [-1, 1, 1]), contains(BENT, points))
    turned = Turned(BENT, (10, 20, 30), (1, 2, 3), (4, 5, 6))
    moved = (points - (1, 2, 3)) @ turned.axes.T + (1, 2, 3) + (4, 5, 6)
    assert (contains(turned, moved) != contains(BENT, points)).mean() < 1e-3


def test_offset_of_a_ball_is_a_ball():
    points = box_points(sphere((0, 0, 0), 14.0))
    np.testing.assert_array_equal(
        contains(Offset(sphere((0, 0, 0), 10.0), 4.0), points), contains(sphere((0, 0, 0), 14.0), points)
    )


def test_pieces_of_a_union_with_limits_are_its_members_with_limits():
    limit = Half((0, 0, 0), (0.0, 0.0, 1.0))
    whole = Mirrored(Within(tube(np.array([[0, 0, -9], [5, 5, 0], [9, 0, 9.0]]), 4.0), (limit,)))
    points = box_points(whole)
    together = np.any([contains(p, points) for p in pieces(whole)], axis=0)
    assert len(pieces(whole)) == 2
    np.testing.assert_array_equal(together, contains(whole, points))
