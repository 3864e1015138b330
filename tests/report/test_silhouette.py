"""Outlines of lesions in a turning projection: where they lie, and how large they are."""

import re

import numpy as np
import pytest

from netlesion.report.silhouette import Turntable, silhouette_paths, surface_points

#: 300 mm wide and 200 high around (50, 30), 2 mm pixels.
TABLE = Turntable((50.0, 30.0), 150.0, 200.0, (100, 150), 2.0)


def corners(path):
    """Points of a path in pixels."""
    numbers = np.array([int(n) for n in re.findall(r"-?\d+", path)], dtype=float).reshape(-1, 2)
    return np.cumsum(numbers, axis=0) / 2.0


def ball(centre, radius_mm, spacing=4.0, shape=(41, 37, 53)):
    index = np.stack(np.meshgrid(*(np.arange(n) for n in shape), indexing="ij"), axis=-1) * spacing
    return (((index - centre) ** 2).sum(axis=-1) <= radius_mm**2).astype(np.uint8), np.diag([spacing] * 3 + [1.0])


@pytest.mark.parametrize(
    ("angle", "column"),
    [(0, 75 - 20), (180, 75 + 20), (90, 75 - 10), (270, 75 + 10)],
)
def test_from_the_front_right_is_left_and_from_the_left_anterior_is_left(angle, column):
    """A point 40 mm to the right of the axis and 20 mm in front of it."""
    across, row = TABLE.columns_rows(np.array([[90.0, 50.0, 120.0]]), angle)
    assert (across[0], row[0]) == (pytest.approx(column), pytest.approx(40.0))


def test_a_ball_has_the_outline_of_a_disc_in_every_view():
    labels, affine = ball((80.0, 72.0, 104.0), 22.0)
    ((label, points),) = surface_points(labels, affine, 2.0)
    assert label == 1
    for angle, path in zip(range(0, 180, 10), silhouette_paths(points, TABLE, range(0, 180, 10)), strict=True):
        assert path.count("M") == 1, angle  # one loop: no gap in it
        found = corners(path)
        x, y = found.T
        area = 0.5 * abs(x @ np.roll(y, -1) - y @ np.roll(x, -1)) * 4.0
        assert area == pytest.approx(np.pi * 24.0**2, rel=0.15)  # half a voxel wider than the ball of centres
        middle = (found.min(axis=0) + found.max(axis=0)) / 2.0
        expected = TABLE.columns_rows(np.array([[80.0, 72.0, 104.0]]), angle)
        assert middle == pytest.approx([expected[0][0], expected[1][0]], abs=1.0)


def test_a_single_voxel_has_an_outline_and_each_label_its_own():
    labels = np.zeros((9, 7, 11), dtype=np.uint8)
    labels[2, 3, 4], labels[6:8, 5, 9] = 3, 1
    found = dict(surface_points(labels, np.diag([5.0, 5.0, 5.0, 1.0]), 2.0))
    assert list(found) == [1, 3]
    low, high = found[3].min(axis=0), found[3].max(axis=0)
    assert low == pytest.approx([7.5, 12.5, 17.5], abs=1.0)
    assert high == pytest.approx([12.5, 17.5, 22.5], abs=1.0)
    assert all(silhouette_paths(found[3], TABLE, (0, 45)))


def test_what_lies_outside_of_the_frame_has_no_outline():
    assert silhouette_paths(np.array([[900.0, 0.0, 50.0]]), TABLE, (0.0,)) == [""]
