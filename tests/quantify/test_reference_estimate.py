"""Reference organs of a small body without an organ map: liver, spleen, kidney and aorta with noise, on PET and CT."""

import numpy as np
import pytest

from netlesion.image.geometry import Geometry
from netlesion.image.visit import Tracer
from netlesion.image.volume import Quantity, Volume
from netlesion.quantify.anatomy import AnatomicalImage
from netlesion.quantify.reference_estimate import references_by_estimate

GRID = Geometry(np.array([[-5.0, 0, 0, 190], [0, 5.0, 0, -130], [0, 0, 5.0, 0], [0, 0, 0, 1]]), (77, 53, 90))
WORLD = GRID.to_world(np.argwhere(np.ones(GRID.shape, bool))).reshape(*GRID.shape, 3)
UPTAKE = {"liver": 5.0, "spleen": 20.0, "kidney": 12.0, "aorta": 1.5}


def ellipsoid(centre, axes):
    return (((WORLD - centre) / axes) ** 2).sum(-1) <= 1


def upright(x, y, low, high, radius):
    return (np.hypot(WORLD[..., 0] - x, WORLD[..., 1] - y) <= radius) & (WORLD[..., 2] >= low) & (WORLD[..., 2] < high)


PLACES = {
    "liver": ellipsoid((75, 5, 150), (70, 65, 75)),
    "spleen": ellipsoid((-85, -45, 160), (28, 30, 45)),
    "kidney": ellipsoid((-55, -50, 70), (22, 20, 45)),
    "aorta": upright(-24, -35, 0, 440, 13),
}
LUNGS = ellipsoid((75, 0, 330), (55, 70, 105)) | ellipsoid((-75, 0, 330), (55, 70, 105))
BODY = (WORLD[..., 0] / 165) ** 2 + (WORLD[..., 1] / 115) ** 2 <= 1


def drawn(absent=(), seed=0):
    suv, hu = np.where(BODY, 0.5, 0.0), np.where(BODY, -90.0, -1000.0)
    suv[LUNGS & BODY], hu[LUNGS] = 0.4, -800.0
    spine = upright(0, -62, 0, 450, 18)
    hu[spine & BODY], suv[spine] = 300.0, 0.8
    for name, place in PLACES.items():
        if name not in absent:
            suv[place], hu[place] = UPTAKE[name], 50.0
    rng = np.random.default_rng(seed)
    suv = suv * rng.normal(1.0, 0.08, suv.shape)
    pet = Volume(np.maximum(suv, 0), GRID, Quantity.SUVBW)
    return pet, AnatomicalImage(Volume(hu, GRID, Quantity.HU))


def estimate(absent=(), tracer=Tracer.SSTR, ct=True, lesions=None):
    pet, image = drawn(absent)
    mask = np.zeros(GRID.shape, np.uint8) if lesions is None else lesions
    return references_by_estimate(pet, Volume(mask, GRID, Quantity.LABEL), tracer, image if ct else None)


@pytest.fixture(scope="module")
def whole():
    return estimate()


@pytest.mark.parametrize(("organ", "place"), [("liver", "liver"), ("spleen", "spleen"), ("blood_pool", "aorta")])
def test_an_organ_is_found_where_it_is(whole, organ, place):
    found = whole.found[organ]
    assert found.mean == pytest.approx(UPTAKE[place], rel=0.05)
    at = tuple(np.rint(GRID.to_index(np.array([found.centre_mm])))[0].astype(int))
    assert PLACES[place][at]
    assert found.source == "estimate"
    assert found.flags == ()


def test_a_hot_kidney_is_not_taken_for_a_spleen_that_was_removed():
    found = estimate(absent=("spleen",))
    assert found.spleen is None
    assert "as a kidney does" in found.why_not("spleen")
    assert found.liver.mean == pytest.approx(5.0, rel=0.05)


def test_without_a_ct_there_is_no_blood_pool_and_the_reason_is_said():
    found = estimate(ct=False)
    assert found.blood_pool is None
    assert found.why_not("blood_pool") == "there is no organ map, and without a CT the aorta cannot be found"
    assert found.liver is not None


def test_the_spleen_of_an_fdg_pet_is_not_guessed():
    assert "cannot be told" in estimate(tracer=Tracer.FDG).why_not("spleen")


def test_without_a_liver_nothing_takes_its_place():
    found = estimate(absent=("liver",))
    assert (found.liver, found.spleen) == (None, None)
    assert "looks like a liver" in found.why_not("liver")


def test_a_pet_of_unknown_tracer_has_no_liver():
    assert "unknown tracer" in estimate(tracer=None).why_not("liver")


def test_lesions_are_left_out():
    lesions = np.zeros(GRID.shape, np.uint8)
    lesions[ellipsoid((75, 5, 150), (25, 25, 25))] = 1
    found = estimate(lesions=lesions).liver
    assert found.mean == pytest.approx(5.0, rel=0.05)
    assert np.linalg.norm(np.array(found.centre_mm) - (75, 5, 150)) > 25


def test_an_empty_pet_has_nothing():
    zero = Volume(np.zeros(GRID.shape), GRID, Quantity.SUVBW)
    found = references_by_estimate(zero, Volume(np.zeros(GRID.shape), GRID, Quantity.LABEL), Tracer.SSTR, None)
    assert found.found == {}
    assert set(found.missing) == {"liver", "spleen", "blood_pool", "marrow", "muscle"}
