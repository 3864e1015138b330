import numpy as np
import pytest

from netlesion.image.geometry import Geometry
from netlesion.image.transform import DisplacementField, RigidTransform
from netlesion.quantify.organ_map import OrganMap

GEOMETRY = Geometry(np.array([[-2.0, 0, 0, 20], [0, 3.0, 0, -6], [0, 0, 4.0, 0], [0, 0, 0, 1]]), (11, 9, 7))


@pytest.fixture
def organs():
    labels = np.zeros(GEOMETRY.shape, np.uint8)
    labels[2:5, 3:6, 1:4], labels[8, 7, 6], labels[0, 0, 0] = 4, 9, 1
    return OrganMap(labels, GEOMETRY, {4: "vertebra_L1", 9: "bladder", 1: "an_organ_that_nobody_has", 2: "liver"})


def test_organs_go_by_the_names_of_this_package(organs):
    assert organs.organ_of_label == {4: "vertebrae_L1", 9: "urinary_bladder", 2: "liver"}
    assert organs.unknown_names == ("an_organ_that_nobody_has",)
    assert organs.labels_of(("vertebrae_",)) == [4]
    assert organs.labels_of(("liver",)) == []  # it has a name and no voxel


def test_an_organ_has_a_box_in_voxels_and_in_mm(organs):
    assert organs.box_of(("vertebrae_",)) == (slice(2, 5), slice(3, 6), slice(1, 4))
    assert organs.corners_mm(("vertebrae_",)).tolist() == [[12.0, 3.0, 4.0], [16.0, 9.0, 12.0]]
    assert organs.corners_mm(("liver",)) is None
    mask, box = organs.mask_of(("vertebrae_", "urinary_"))
    assert mask.sum() == 28
    assert box == (slice(2, 9), slice(3, 8), slice(1, 7))


def test_the_distance_is_to_the_nearest_voxel(organs):
    place = GEOMETRY.to_world(np.array([[2, 3, 6], [10, 0, 0]]))
    assert organs.distance_mm(place, ("vertebrae_",)) == pytest.approx(12.0)
    assert organs.distance_mm(place, ("spleen",)) == np.inf


def test_labels_near_a_place_are_those_within_the_distance(organs):
    place = GEOMETRY.to_world(np.array([[1.2, 3.1, 1.0]]))  # in voxel (1, 3, 1), 2 mm beside the vertebra
    assert set(organs.labels_near(place, 1.9)[0].tolist()) == {0}
    assert set(organs.labels_near(place, 2.0)[0].tolist()) == {0, 4}
    assert organs.labels_near(np.array([[500.0, 0, 0]]), 3.0).max() == 0


def test_a_moved_map_lies_where_the_transform_takes_it(organs):
    turn = np.array([[0, -1.0, 0, 5], [1.0, 0, 0, -7], [0, 0, 1.0, 3], [0, 0, 0, 1]])
    transform = RigidTransform(turn)
    points = GEOMETRY.to_world(np.argwhere(np.ones(GEOMETRY.shape, bool)))
    moved = organs.moved(transform)
    assert np.array_equal(moved.labels_near(transform.apply(points), 0.0), organs.labels_near(points, 0.0))


def test_a_field_moves_a_map_by_the_nearest_voxel(organs):
    shift = DisplacementField(np.broadcast_to([4.0, 0.0, 0.0], (*GEOMETRY.shape, 3)).copy(), GEOMETRY)
    moved = organs.moved(shift)
    assert np.array_equal(moved.labels[:-2], organs.labels[2:])  # +4 mm is two voxels against the first axis
