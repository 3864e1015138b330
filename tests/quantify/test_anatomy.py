import numpy as np
import pytest

from netlesion.image.geometry import Geometry
from netlesion.image.transform import RigidTransform
from netlesion.image.volume import Quantity, Volume
from netlesion.quantify.anatomy import AnatomicalImage

GEOMETRY = Geometry(np.array([[-2.0, 0, 0, 20], [0, 3.0, 0, 0], [0, 0, 4.0, 0], [0, 0, 0, 1]]), (11, 9, 7))


def ramp():
    """HU = x + 10 y + 100 z, which trilinear interpolation gives exactly."""
    world = GEOMETRY.to_world(np.argwhere(np.ones(GEOMETRY.shape, bool)))
    return Volume((world @ (1.0, 10.0, 100.0)).reshape(GEOMETRY.shape), GEOMETRY, Quantity.HU)


def test_the_mean_of_a_ramp_is_that_at_the_mean_place():
    places = np.array([[5.0, 7.0, 9.0], [6.5, 8.0, 11.0]])
    assert AnatomicalImage(ramp()).mean_at(places) == pytest.approx((places @ (1.0, 10.0, 100.0)).mean(), rel=1e-5)


def test_places_are_carried_to_the_image_through_every_transform():
    shift, turn = np.eye(4), np.diag([-1.0, -1.0, 1.0, 1.0])
    shift[:3, 3] = (-4.0, -6.0, 2.0)
    image = AnatomicalImage(ramp(), (RigidTransform(turn), RigidTransform(shift)))
    # (-9, -13, 7) is turned to (9, 13, 7) and shifted to (5, 7, 9)
    assert image.mean_at(np.array([[-9.0, -13.0, 7.0]])) == pytest.approx(5 + 70 + 900, rel=1e-5)


def test_a_lesion_mostly_outside_the_field_of_view_has_no_value():
    inside, outside = [5.0, 7.0, 9.0], [500.0, 7.0, 9.0]
    image = AnatomicalImage(ramp())
    assert image.mean_at(np.array([inside, outside, outside])) is None
    assert image.mean_at(np.array([inside, inside, outside])) == pytest.approx(975.0)
    assert image.mean_at(np.zeros((0, 3))) is None
