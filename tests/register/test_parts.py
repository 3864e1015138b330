"""A body whose leg and head lie otherwise on another day: each is found by a motion of its own, and so is the trunk."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from netlesion.image.geometry import Geometry
from netlesion.image.transform import DisplacementField, RigidTransform, grid_points
from netlesion.image.volume import Quantity, Volume
from netlesion.register.pair import register_pair
from netlesion.register.parts import find_parts, fit_parts
from netlesion.register.rigid import prepare
from tests.register.test_pair import IDENTITY, ellipse, motion

HIP, NECK = np.array([80.0, 0.0, -250.0]), np.array([0.0, 0.0, 250.0])
LEG = np.array([[80.0, 0.0, -330.0], [80.0, 5.0, -400.0], [75.0, 0.0, -480.0]])
HEAD = np.array([[0.0, 0.0, 320.0], [20.0, 10.0, 350.0]])
TRUNK = np.array([[0.0, 0.0, 0.0], [90.0, 20.0, -100.0], [-90.0, 20.0, 100.0]])


def about(turn_deg, centre):
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_euler("xyz", turn_deg, degrees=True).as_matrix()
    matrix[:3, 3] = centre - matrix[:3, :3] @ centre
    return RigidTransform(matrix)


def person(where=IDENTITY, leg=IDENTITY, head=IDENTITY, seed=0):
    """A CT of trunk, head and legs with bones; `where` takes the body to the scan, after leg and head have turned."""
    spacing, shape = np.array([9.0, 8.5, 9.5]), (51, 35, 115)
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = -spacing * (np.array(shape) - 1) / 2 - [0.0, 0.0, 80.0]
    grid = Geometry(affine, shape)
    p = where.inverse().apply(grid_points(grid))
    array = np.full(len(p), -1000.0)
    array[ellipse(p, [0, 0, 0], [165, 110, 255], 8)] = 30.0
    for x in (-75, 75):
        array[ellipse(p, [x, 5, 130], [62, 75, 95])] = -800.0
    array[ellipse(p, [60, 15, 20], [85, 70, 55])] = 110.0
    array[ellipse(p, [0, -75, 0], [18, 18, 245], 8)] = 500.0
    for x, turn in ((80, leg), (-80, IDENTITY)):
        q = turn.inverse().apply(p)
        array[ellipse(q, [x, 0, -390], [52, 52, 170], 6)] = 30.0
        array[ellipse(q, [x, 8, -390], [20, 20, 165], 6)] = 700.0
        array[ellipse(q, [x, 40, -400], [30, 25, 40])] = 250.0
    q = head.inverse().apply(p)
    array[ellipse(q, [0, 0, 330], [70, 90, 95], 3)] = 40.0
    for x in (-30, 30):
        array[ellipse(q, [x, 50, 340], [22, 25, 22])] = 900.0
    array += np.random.default_rng(seed).normal(size=array.shape) * 12.0
    return Volume(array.reshape(shape), grid, Quantity.HU)


@pytest.fixture(scope="module")
def fixed():
    return prepare(person())


def test_head_and_legs_are_told_apart_by_where_they_are(fixed):
    parts = {p.name: p for p in find_parts(fixed)}
    assert set(parts) == {"head", "leg right 1", "leg right 2", "leg left 1", "leg left 2"}
    assert parts["leg right 2"].parent == "leg right 1"
    at = fixed.image.geometry.to_index(np.vstack([HEAD[:1], LEG[:1], LEG[:1] * [-1, 1, 1]])).round().astype(int)
    for name, place in zip(("head", "leg right 1", "leg left 1"), at, strict=True):
        assert parts[name].mask[tuple(place)]
        assert not parts[name].mask[fixed.mask].any()


def test_a_turned_leg_and_head_are_found_and_the_trunk_keeps_its_motion(fixed):
    where = motion((0.0, 0.0, 2.0), (8.0, -6.0, 12.0))
    leg, head = about((8.0, 5.0, 0.0), HIP), about((0.0, 6.0, 12.0), NECK)
    field = fit_parts(fixed, prepare(person(where, leg, head, seed=1)), where)
    for places, truth in ((LEG, leg), (HEAD, head)):
        goal = where.apply(truth.apply(places))
        left, before = (np.median(np.linalg.norm(t.apply(places) - goal, axis=1)) for t in (field, where))
        assert left < min(4.5, 0.5 * before)  # half a voxel
    for places in (TRUNK, LEG * [-1, 1, 1]):
        assert np.median(np.linalg.norm(field.apply(places) - where.apply(places), axis=1)) < 1.5


def test_where_only_the_trunk_moved_no_part_makes_it_worse(fixed):
    where = motion((0.0, 0.0, 2.0), (8.0, -6.0, 12.0))
    found = register_pair(fixed, prepare(person(where, seed=1)), same_frame=False)
    places = np.vstack([LEG, HEAD, TRUNK])
    assert np.linalg.norm(found.transform.apply(places) - where.apply(places), axis=1).max() < 4.5
    assert isinstance(found.transform, RigidTransform | DisplacementField)
