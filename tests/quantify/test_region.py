"""Regions of a small body of boxes: who wins, how near is near, and on which grid does not matter."""

import numpy as np
import pytest

from netlesion.image.geometry import Geometry
from netlesion.quantify.organ_map import OrganMap
from netlesion.quantify.region import region_of, region_of_label, regions

NAMES = {
    1: "liver",
    2: "lung_lower_lobe_right",
    3: "vertebrae_L3",
    4: "aorta",
    5: "kidney_left",
    6: "small_bowel",
    7: "fat",
}
SPACING = np.array([2.0, 3.0, 4.0])
SHAPE = (61, 41, 57)


def body(flip=(1, 1, 1), spacing=SPACING):
    """Organs as boxes in mm, drawn on a grid of any spacing and direction."""
    shape = tuple(np.ceil(SPACING * SHAPE / spacing).astype(int))
    flips = np.array(flip)
    origin = np.where(flips < 0, (np.array(shape) - 1) * spacing, 0.0)
    affine = np.diag([*(spacing * flips), 1.0])
    affine[:3, 3] = origin
    geometry = Geometry(affine, shape)
    world = geometry.to_world(np.argwhere(np.ones(shape, bool))).reshape(*shape, 3)
    labels = np.full(shape, 7, np.uint8)
    boxes = {
        1: ((60, 30, 60), (110, 90, 120)),
        2: ((60, 30, 124), (110, 90, 180)),
        3: ((20, 20, 40), (40, 40, 60)),
        4: ((20, 50, 20), (30, 60, 200)),
        5: ((4, 4, 90), (30, 30, 120)),
        6: ((40, 60, 12), (90, 100, 50)),
    }
    for label, (low, high) in boxes.items():
        labels[((world >= low) & (world <= high)).all(-1)] = label
    return OrganMap(labels, geometry, NAMES)


def ball(centre, radius=5.0):
    grid = np.stack(np.meshgrid(*[np.arange(-radius, radius + 1)] * 3, indexing="ij"), -1).reshape(-1, 3)
    return np.asarray(centre) + grid[(grid**2).sum(1) <= radius**2]


CASES = [
    ((85, 60, 90), 1.0, "liver"),
    ((85, 60, 150), 1.0, "lung"),
    ((30, 30, 50), 1.0, "bone"),
    ((15, 15, 105), 1.0, "kidney"),
    ((65, 80, 30), 1.0, "small_bowel"),
    ((40, 55, 160), 1.0, "node"),  # 10 mm beside the aorta
    ((45, 40, 100), 60.0, "abdominal_other"),  # too large for a node
    ((118, 115, 160), 1.0, "soft_tissue"),  # far from everything
    ((25, 15, 196), 1.0, "head_neck"),  # above the lungs, 35 mm from the aorta
]


@pytest.mark.parametrize(("centre", "volume_ml", "expected"), CASES)
def test_a_lesion_lies_where_it_lies(centre, volume_ml, expected):
    assert region_of(body(), ball(centre), volume_ml).name == expected


@pytest.mark.parametrize("flip", [(-1, -1, 1), (1, -1, -1)])
@pytest.mark.parametrize(("centre", "volume_ml", "expected"), CASES[:6])
def test_the_grid_of_the_map_does_not_matter(centre, volume_ml, expected, flip):
    assert region_of(body(flip, np.array([3.0, 2.5, 2.0])), ball(centre), volume_ml).name == expected


def test_an_organ_reaches_three_millimetres_further():
    organs = body()
    touching, apart = (region_of(organs, ball((x, 15, 105), 1.0), 0.1) for x in (33, 37))
    assert (touching.name, apart.name) == ("kidney", "abdominal_other")


def test_a_lesion_at_the_dome_is_the_livers_by_a_fifth():
    """Half of it seems to lie in the lung, for the liver moves up by a breath and back."""
    organs = body()
    points = np.array([[85.0, 60.0, z] for z in (115, 119, 136, 140, 144, 146, 150)])
    assert region_of(organs, points[:5], 1.0).name == "liver"
    assert region_of(organs, points + [0, 0, 60], 1.0).name != "liver"


def test_confidence_is_the_lead_over_the_next():
    organs = body()
    assert region_of(organs, ball((85, 60, 90)), 1.0).confidence == 1.0
    shared = np.array([[85.0, 60.0, 90.0]] * 3 + [[85.0, 60.0, 150.0]])
    assert region_of(organs, shared, 1.0).confidence == pytest.approx(3 / 4 - 1 / 4)


def test_outside_every_organ_confidence_is_what_no_organ_claims():
    organs = body()
    assert region_of(organs, ball((118, 115, 160)), 1.0).confidence == 1.0
    touched = np.array([[45.0, 115.0, 100.0]] * 3 + [[15.0, 15.0, 105.0]])  # a quarter of it in the kidney
    found = region_of(organs, touched, 60.0)
    assert (found.name, found.confidence, found.runner_up) == ("abdominal_other", 0.5, "kidney")


def test_what_came_second_and_the_organ_are_named():
    shared = np.array([[85.0, 60.0, 90.0]] * 3 + [[85.0, 60.0, 150.0]])
    found = region_of(body(), shared, 1.0)
    assert (found.name, found.runner_up, found.organ) == ("liver", "lung", "liver")
    assert region_of(body(), ball((30, 30, 50)), 1.0).organ == "vertebrae_L3"
    assert region_of(body(), ball((40, 55, 160)), 1.0).organ is None


def test_the_base_of_a_lung_within_15_mm_of_the_liver_is_flagged():
    low, high = (region_of(body(), ball((85, 60, z), 2.0), 0.1) for z in (130, 160))
    assert (low.name, low.flag, low.runner_up, low.confidence) == ("lung", "liver_dome_or_lung", "liver", 0.0)
    assert (high.name, high.flag, high.confidence) == ("lung", None, 1.0)


def test_a_point_outside_the_map_has_a_region_all_the_same():
    assert region_of(body(), np.array([[500.0, 0.0, 0.0]]), 0.0).name == "soft_tissue"


def test_names_of_organs():
    expected = {
        "vertebrae_T12": "bone", "rib_left_3": "bone", "hip_right": "bone", "tibia_left": "bone", "skull": "bone",
        "lung_left": "lung", "kidney_cyst_left": "kidney", "adrenal_gland_right": "adrenal_gland", "brain": "brain",
        "cerebellum": "brain", "parotid_gland_left": "salivary_gland", "duodenum": "duodenum", "colon": "colon",
        "aorta": None, "gluteus_maximus_left": None, "visceral_fat": None, "brachiocephalic_trunk": None,
        "humerus_left": "bone", "radius_left": "bone", "breast_left": "breast", "renal_pelvis_left": "urinary_tract",
    }  # fmt: skip
    assert {name: region_of_label(name) for name in expected} == expected
    assert {region for region in expected.values() if region} <= set(regions())
