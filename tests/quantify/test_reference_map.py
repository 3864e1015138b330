"""Reference organs of a body of boxes whose uptake is known, on the organ map's own grid and on the PET's."""

from functools import cache

import numpy as np
import pytest

from netlesion.image.geometry import Geometry
from netlesion.image.volume import Quantity, Volume
from netlesion.quantify.organ_map import OrganMap
from netlesion.quantify.reference_map import references_by_map

PET = Geometry(np.array([[-4.0, 0, 0, 140], [0, 4.0, 0, -100], [0, 0, 5.0, -200], [0, 0, 0, 1]]), (70, 43, 90))
MAP = Geometry(np.array([[5.0, 0, 0, -140], [0, 4.0, 0, -95], [0, 0, 5.0, -197], [0, 0, 0, 1]]), (56, 41, 90))
ORGANS = {
    "liver": ((0, -60, 0), (120, 60, 110), 5.0),
    "spleen": ((-120, -60, 20), (-70, -10, 90), 20.0),
    "aorta": ((-30, -50, -150), (-4, -24, 240), 1.5),
    "vertebrae_T9": ((-10, -80, 120), (40, -54, 200), 1.0),
    "vertebrae_L2": ((-10, -80, -100), (40, -54, -70), 1.2),
    "gluteus_maximus_left": ((-120, -90, -190), (-60, -50, -120), 0.7),
}


@cache
def world_of(geometry):
    return geometry.to_world(np.argwhere(np.ones(geometry.shape, bool))).reshape(*geometry.shape, 3)


def inside(geometry, low, high):
    world = world_of(geometry)
    return ((world >= low) & (world < high)).all(-1)


def drawn(absent=()):
    suv, labels = np.full(PET.shape, 0.3), np.zeros(MAP.shape, np.uint8)
    for n, (name, (low, high, uptake)) in enumerate(ORGANS.items(), start=1):
        if name not in absent:
            suv[inside(PET, low, high)] = uptake
            labels[inside(MAP, low, high)] = n
    names = {n: name for n, name in enumerate(ORGANS, start=1) if name not in absent}
    return suv, OrganMap(labels, MAP, names)


def references(suv, organs, lesions=None):
    mask = np.zeros(PET.shape, np.uint8) if lesions is None else lesions
    return references_by_map(Volume(suv, PET, Quantity.SUVBW), Volume(mask, PET, Quantity.LABEL), organs)


@pytest.fixture(scope="module")
def whole():
    return references(*drawn())


@pytest.mark.parametrize(
    ("organ", "uptake"), [("liver", 5.0), ("spleen", 20.0), ("blood_pool", 1.5), ("marrow", 1.2), ("muscle", 0.7)]
)
def test_every_organ_has_its_own_uptake(whole, organ, uptake):
    found = whole.found[organ]
    assert (found.mean, found.sd) == (pytest.approx(uptake, rel=1e-6), pytest.approx(0.0, abs=1e-6))
    assert found.source == "organ map"
    assert found.flags == ()


def test_the_liver_is_a_sphere_of_3_cm_deep_in_the_right_lobe(whole):
    assert whole.liver.volume_ml == pytest.approx(14.1, abs=2.0)
    assert whole.liver.centre_mm == pytest.approx((75.0, 0.0, 55.0), abs=20.0)
    assert whole.liver.centre_mm[0] >= 60.0
    assert whole.liver.peak == pytest.approx(5.0)


def test_the_spleen_is_a_sphere_of_2_cm(whole):
    assert whole.spleen.volume_ml == pytest.approx(4.2, abs=1.2)


def test_the_blood_pool_is_a_cylinder_of_1_cm_at_the_level_of_the_chest(whole):
    """The map has T9 alone of T6 to T12: 80 mm high, 0.79 cm2 wide."""
    assert whole.blood_pool.volume_ml == pytest.approx(80 * 0.785 / 10, rel=0.4)
    assert whole.blood_pool.centre_mm == pytest.approx((-17.0, -37.0, 160.0), abs=4.0)


def test_without_vertebrae_the_level_comes_from_the_arch_and_is_flagged():
    found = references(*drawn(absent=("vertebrae_T9", "vertebrae_L2")))
    assert found.blood_pool.mean == pytest.approx(1.5)
    assert "arch" in found.blood_pool.flags[0]
    assert 40 < found.blood_pool.centre_mm[2] < 170
    assert (
        found.why_not("marrow")
        == "the organ map has no vertebrae_L1 or vertebrae_L2 or vertebrae_L3 in the PET's field of view"
    )


def test_an_absent_spleen_is_missing_and_never_another_organ():
    found = references(*drawn(absent=("spleen",)))
    assert found.spleen is None
    assert found.why_not("spleen") == "the organ map has no spleen in the PET's field of view"


def test_lesions_and_10_mm_around_them_are_left_out():
    suv, organs = drawn()
    hot, lesions = inside(PET, (40, -20, 30), (110, 20, 90)), np.zeros(PET.shape, np.uint8)
    suv[hot], lesions[hot] = 50.0, 1
    assert references(suv, organs, lesions).liver.mean == pytest.approx(5.0)
    assert references(suv, organs).liver.mean > 20  # the sphere lies in the lesion


def test_of_a_liver_full_of_lesions_what_is_left_is_flagged_or_missing():
    suv, organs = drawn()
    lesions = np.zeros(PET.shape, np.uint8)
    lesions[inside(PET, (-10, -70, -10), (130, 70, 80))] = (
        1  # a slab of 10 mm high stays 10 mm away from them and the edge
    )
    found = references(suv, organs, lesions).liver
    assert "of the sphere" in found.flags[0]
    assert found.mean == pytest.approx(5.0)
    lesions[inside(PET, (-10, -70, -10), (130, 70, 98))] = 1
    missing = references(suv, organs, lesions)
    assert missing.liver is None
    assert "5 ml are needed" in missing.why_not("liver")


def test_an_organ_outside_the_field_of_view_is_missing():
    suv, organs = drawn()
    high = Geometry(
        PET.affine_ras @ np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 80], [0, 0, 0, 1.0]]), (80, 50, 10)
    )
    pet = Volume(np.ones(high.shape), high, Quantity.SUVBW)
    found = references_by_map(pet, Volume(np.zeros(high.shape), high, Quantity.LABEL), organs)
    assert found.found == {}
    assert set(found.missing) == {"liver", "spleen", "blood_pool", "marrow", "muscle"}
