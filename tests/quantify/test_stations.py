"""Stations in a body of boxes: trunk 0 to 600 mm high, spine in the middle, left is negative."""

import numpy as np
import pytest

from netlesion.image.geometry import Geometry
from netlesion.quantify.organ_map import OrganMap
from netlesion.quantify.stations import STATIONS, station_of

BOXES = {
    "vertebrae_T8": ((-15, -40, 300), (15, -10, 500)),
    "lung_upper_lobe_left": ((-120, -60, 330), (-50, 60, 500)),
    "lung_upper_lobe_right": ((50, -60, 330), (120, 60, 500)),
    "aorta": ((-20, 0, 180), (0, 15, 480)),
    "inferior_vena_cava": ((15, 0, 120), (30, 15, 330)),
    "portal_vein_and_splenic_vein": ((50, 20, 290), (60, 30, 310)),
    "small_bowel": ((-60, 50, 130), (60, 90, 200)),
    "iliac_artery_left": ((-50, 0, 60), (-40, 10, 110)),
    "hip_left": ((-120, -60, 0), (-80, 20, 120)),
    "femur_left": ((-120, -20, -200), (-80, 10, 0)),
    "scapula_left": ((-150, -80, 400), (-130, -60, 490)),
    "humerus_left": ((-190, -10, 300), (-170, 10, 500)),
    "clavicula_right": ((20, 40, 505), (120, 50, 515)),
    "common_carotid_artery_left": ((-35, 20, 500), (-25, 30, 590)),
}


@pytest.fixture(scope="module")
def organs():
    geometry = Geometry(
        np.array([[-5.0, 0, 0, 200], [0, 5.0, 0, -100], [0, 0, 5.0, -200], [0, 0, 0, 1]]), (81, 43, 161)
    )
    world = geometry.to_world(np.argwhere(np.ones(geometry.shape, bool))).reshape(*geometry.shape, 3)
    labels = np.zeros(geometry.shape, np.uint8)
    for n, (low, high) in enumerate(BOXES.values(), start=1):
        labels[((world >= low) & (world <= high)).all(-1)] = n
    return OrganMap(labels, geometry, dict(enumerate(BOXES, start=1)))


@pytest.mark.parametrize(
    ("place", "station"),
    [
        ((-10, 25, 250), "retroperitoneal"),  # 10 mm before the abdominal aorta
        ((20, 40, 160), "mesenteric"),  # 10 mm beside the bowel, 30 mm from the aorta
        ((55, 40, 300), "hilar_hepatic"),  # 10 mm before the portal vein
        ((-10, 25, 420), "mediastinal"),  # before the aorta, between the lungs
        ((-55, 5, 80), "iliac_left"),  # 5 mm beside the artery
        ((60, 35, 510), "supraclavicular_right"),  # behind the clavicle
        ((-40, 25, 570), "cervical_left"),  # 5 mm beside the carotid, far above the lungs
        ((-145, -20, 450), "axillary_left"),  # between scapula and humerus, beside the chest
        ((-100, 40, -20), "inguinal_left"),  # 30 mm before the top of the femur
        ((150, 80, 50), None),  # far from everything
    ],
)
def test_a_place_has_the_station_of_what_it_lies_beside(organs, place, station):
    found = station_of(np.array([place], float), organs)
    assert (None if found is None else found.name) == station
    assert station is None or station in STATIONS


def test_beside_the_aorta_a_place_near_the_bowel_is_not_mesenteric(organs):
    found = station_of(np.array([[-10.0, 32.0, 190.0]]), organs)  # 17 mm before the aorta, 18 mm behind the bowel
    assert found.name == "retroperitoneal"
    assert found.distance_mm == pytest.approx(17.0, abs=3.0)
