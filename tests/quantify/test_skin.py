import numpy as np
import pytest

from netlesion.image.geometry import Geometry
from netlesion.image.volume import Quantity, Volume
from netlesion.quantify.skin import Skin

GEOMETRY = Geometry(np.array([[-2.0, 0, 0, 160], [0, 2.0, 0, -120], [0, 0, 3.0, -90], [0, 0, 0, 1]]), (161, 121, 61))


def cylinder(inside, outside, hole=None):
    """A trunk along z of 100 x 70 mm half axes, cut off at both ends, with a lung, on a table of 4 mm."""
    world = GEOMETRY.to_world(np.argwhere(np.ones(GEOMETRY.shape, bool))).reshape(*GEOMETRY.shape, 3)
    image = np.full(GEOMETRY.shape, outside)
    image[(world[..., 0] / 100) ** 2 + (world[..., 1] / 70) ** 2 <= 1] = inside
    if hole is not None:
        image[((world - (40, 0, 0)) ** 2).sum(-1) <= 20**2] = hole
    image[np.abs(world[..., 1] + 100) <= 2] = inside
    return image


@pytest.mark.parametrize(
    "image",
    [
        Volume(cylinder(40.0, -1000.0, hole=-800.0), GEOMETRY, Quantity.HU),
        Volume(cylinder(1.0, 0.0, hole=0.05), GEOMETRY, Quantity.SUVBW),
    ],
    ids=["CT", "PET"],
)
def test_depth_is_the_distance_to_the_skin_and_neither_lung_nor_table_nor_the_scans_end_is_skin(image):
    places = np.array([[0.0, 0, 0], [-80.0, 0, 0], [40.0, 0, 0], [0.0, -60, 0], [0.0, 0, 88]])
    assert Skin(image).depth_mm(places) == pytest.approx([70, 20, 58, 10, 70], abs=4.0)


def test_an_image_without_a_body_has_no_skin():
    assert Skin(Volume(np.zeros(GEOMETRY.shape), GEOMETRY, Quantity.SUVBW)).depth_mm(np.zeros((1, 3))) is None
