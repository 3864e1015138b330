"""Solids: their distances, boxes and combinations, against formulas and a sampled twin."""

import numpy as np
import pytest

from netlesion.phantom.compounds import Blend, Mirrored, Rough, Turned, Within, tube
from netlesion.phantom.curve import smooth_curve
from netlesion.phantom.solids import (
    Capsule,
    Ellipsoid,
    Half,
    Loft,
    Plate,
    Sampled,
    Section,
    contains,
    sphere,
)

BENT = Ellipsoid((3.0, -5.0, 7.0), (20.0, 12.0, 9.0), 2.5, 4.0, (20.0, -35.0, 50.0))
LOFT = Loft((Section(-30, 20, 12, 8), Section(0, 25, 15, 10, 3, 2, 2.6), Section(40, 10, 6, 6)), (1, 2, 3), (15, 0, 30))
PHASES = tuple(float(p) for p in np.linspace(0.1, 6.0, 12))
SOLIDS = {
    "sphere": sphere((1.0, 2.0, 3.0), 11.0),
    "ellipsoid": BENT,
    "capsule": Capsule((0, 0, 0), (30, 10, -5), 8.0, 4.0),
    "flat capsule": Capsule((0, 0, 0), (30, 10, -5), 8.0, 8.0, (0.0, 0.0, 1.0), 0.4),
    "tube": tube(smooth_curve(np.array([[0, 0, 0], [20, 10, 5], [30, -20, 30.0]]), 6.0), 5.0),
    "loft": LOFT,
    "plate": Plate(((0, 0, 0), (30, 5, -4), (8, 24, 10)), 3.0),
    "blend": Blend((sphere((0, 0, 0), 10.0), sphere((14, 0, 0), 9.0)), 8.0),
    "rough": Rough(BENT, 1.0, 20.0, PHASES),
    "turned": Turned(LOFT, (0, 40, 10), (5, 5, 5), (2, -3, 1)),
    "mirrored": Mirrored(BENT),
    "within": Within(BENT, (Half((0, 0, 8), (0.0, 0.3, 1.0)),), (sphere((3, -5, 7), 5.0),)),
}


def box_points(solid, number=4000):
    low, high = solid.bounds_mm()
    return np.random.default_rng(1).uniform(low - 6.0, high + 6.0, (number, 3))


@pytest.mark.parametrize("name", SOLIDS)
def test_nothing_inside_lies_outside_the_box(name):
    solid = SOLIDS[name]
    points = box_points(solid)
    low, high = solid.bounds_mm()
    out = ((points < low) | (points > high)).any(axis=1)
    assert not contains(solid, points[out]).any()
    assert contains(solid, points[~out]).any()


@pytest.mark.parametrize("name", SOLIDS)
def test_distances_are_millimetres_near_the_surface(name):
    """Along its gradient a distance grows by one mm per mm, to 15 % of flattened and superelliptic shapes."""
    solid = SOLIDS[name]
    points = box_points(solid).astype(np.float32)
    d = solid.distance(*points.T)
    near = np.abs(d) < 0.8
    step = 0.05
    slope = np.stack(
        [solid.distance(*(points[near] + step * e).T) - solid.distance(*(points[near] - step * e).T) for e in np.eye(3)]
    ).astype(float) / (2 * step)
    length = np.linalg.norm(slope, axis=0)
    assert near.sum() > 20
    assert np.median(length) == pytest.approx(1.0, abs=0.15)


def test_ellipsoid_says_what_its_equation_says():
    points = box_points(BENT)
    own = (points - BENT.centre_mm) @ BENT.axes / BENT.semi_axes_mm
    inside = np.abs(own[:, 0]) ** 2.5 + np.abs(own[:, 1]) ** 2.5 + np.abs(own[:, 2]) ** 4 <= 1
    np.testing.assert_array_equal(contains(BENT, points), inside)


def test_a_sampled_solid_is_the_solid_it_was_sampled_from():
    solid = sphere((3.0, -2.0, 5.0), 12.0)
    affine = np.diag([-2.0, 1.5, 2.5, 1.0])
    affine[:3, 3] = (25.0, -22.0, -15.0)
    index = np.stack(np.meshgrid(*(np.arange(n) for n in (22, 27, 17)), indexing="ij"), axis=-1)
    x, y, z = np.moveaxis(index @ affine[:3, :3].T + affine[:3, 3], -1, 0).astype(np.float32)
    sampled = Sampled(solid.distance(x, y, z), affine)
    points = np.random.default_rng(0).uniform(-12, 15, (500, 3)).astype(np.float32)
    found, expected = sampled.distance(*points.T), solid.distance(*points.T)
    near = np.abs(expected) < 5.0  # a ball's middle is a kink that no grid can follow
    np.testing.assert_allclose(found[near], expected[near], atol=0.2)


def test_a_plate_is_as_far_as_the_nearest_point_of_its_triangle():
    """Against a dense cloud of points of the triangle: faces, edges and corners, and either order of corners."""
    corners = np.array([[2.0, -3.0, 5.0], [34.0, 4.0, 1.0], [11.0, 25.0, 14.0]])
    a, b = np.meshgrid(np.linspace(0, 1, 161), np.linspace(0, 1, 161))
    a, b = a[a + b <= 1], b[a + b <= 1]
    cloud = corners[0] + a[:, None] * (corners[1] - corners[0]) + b[:, None] * (corners[2] - corners[0])
    points = np.random.default_rng(3).uniform(corners.min(0) - 12, corners.max(0) + 12, (400, 3)).astype(np.float32)
    nearest = np.array([np.sqrt(((cloud - p) ** 2).sum(axis=1).min()) for p in points])
    for order in ((0, 1, 2), (2, 1, 0)):
        plate = Plate(tuple(tuple(corners[i]) for i in order), 2.5)
        np.testing.assert_allclose(plate.distance(*points.T), nearest - 2.5, atol=0.05)
