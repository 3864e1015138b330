"""Lean mass, ideal mass and surface against the published values of clinical.md 1.1."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netlesion.errors import SuvError
from netlesion.suv import BodySize, SulFormula, SuvType
from netlesion.suv.body_size import PatientBody, suvbw_ratio

MAN, WOMAN = BodySize(70.0, 175.0, "M"), BodySize(60.0, 162.0, "F")
JANMA, JAMES, JAMES128 = SulFormula.JANMAHASATIAN, SulFormula.JAMES, SulFormula.JAMES128


@pytest.mark.parametrize(
    ("body", "formula", "mass_kg"),
    [
        (MAN, JAMES, 57.80),
        (MAN, JAMES128, 56.52),
        (MAN, JANMA, 55.857),
        (WOMAN, JAMES, 43.898),
        (WOMAN, JAMES128, 43.898),
        (WOMAN, JANMA, 38.737),
        (BodySize(100.0, 160.0, "F"), JAMES, 49.2),
        (BodySize(120.0, 160.0, "F"), JAMES, 45.2),
        (BodySize(140.0, 160.0, "F"), JAMES, 36.5),
        (BodySize(160.0, 160.0, "F"), JAMES, 23.2),
    ],
)
def test_lean_mass(body, formula, mass_kg):
    digits = 0.05 if mass_kg * 10 == int(mass_kg * 10) and body.weight_kg >= 100 else 5e-4
    assert body.lean_mass_kg(formula) == pytest.approx(mass_kg, abs=digits)


def test_surface_and_ideal_mass():
    assert MAN.surface_m2 == pytest.approx(1.84814, abs=5e-6)
    assert WOMAN.surface_m2 == pytest.approx(1.63674, abs=5e-6)
    assert MAN.ideal_mass_kg == pytest.approx(48.0 + 1.06 * 23)
    assert WOMAN.ideal_mass_kg == pytest.approx(45.5 + 0.91 * 10)


@settings(deadline=None)
@given(weight=st.floats(40, 120), height=st.floats(140, 200), formula=st.sampled_from(SulFormula))
def test_other_is_the_mean_of_man_and_woman(weight, height, formula):
    man, woman, other = (BodySize(weight, height, sex) for sex in "MFO")
    assert other.lean_mass_kg(formula) == pytest.approx((man.lean_mass_kg(formula) + woman.lean_mass_kg(formula)) / 2)
    assert other.ideal_mass_kg == pytest.approx((man.ideal_mass_kg + woman.ideal_mass_kg) / 2)


@settings(deadline=None)
@given(height=st.floats(140, 200), sex=st.sampled_from("MF"), formula=st.sampled_from([JAMES, JAMES128]))
def test_james_turns_where_it_says(height, sex, formula):
    turning = BodySize(70.0, height, sex).turning_weight_kg(formula)
    peak, *sides = (BodySize(turning + d, height, sex).lean_mass_kg(formula) for d in (0, -2, 2))
    assert peak > max(sides)
    assert BodySize(70.0, height, sex).turning_weight_kg(JANMA) is None


def test_the_turning_weights_of_the_definition():
    assert BodySize(70, 160, "F").turning_weight_kg(JAMES) == pytest.approx(92.5, abs=0.05)
    assert BodySize(70, 170, "M").turning_weight_kg(JAMES) == pytest.approx(132, abs=0.5)


def ratio(suv_type, weight=70.0, size=1.75, sex="M", formula=JANMA):
    return suvbw_ratio(suv_type, formula, weight, size, sex, [])


def test_height_in_centimetres_is_seen():
    assert ratio(SuvType.SUL, size=175.0) == ratio(SuvType.SUL, size=1.75)


def test_only_what_is_needed_is_asked_for():
    assert ratio(SuvType.SUVBW, None, None, None) == 1.0
    assert ratio(SuvType.SUVBSA, sex=None) == ratio(SuvType.SUVBSA)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"suv_type": SuvType.SUL, "sex": None}, "0010,0040.*--sex"),
        ({"suv_type": SuvType.SUL, "size": None}, "0010,1020.*--height-cm"),
        ({"suv_type": SuvType.SUVBSA, "size": 0.0}, "0010,1020"),
        ({"suv_type": SuvType.SUVBSA, "size": 900.0}, "0010,1020.*900"),
        ({"suv_type": SuvType.SUVIBW, "size": 1.0}, "by this formula"),
        ({"suv_type": SuvType.SUL, "weight": 300.0, "sex": "F", "formula": JAMES}, "by this formula"),
    ],
)
def test_a_lean_mass_is_never_guessed(changes, match):
    with pytest.raises(SuvError, match=match):
        ratio(**changes)


def test_a_patient_without_weight_height_or_sex_has_no_lean_share():
    assert PatientBody(70.0, 175.0, "M").sul_per_suv == pytest.approx(55.857 / 70, rel=1e-4)  # clinical.md 1.1
    assert [PatientBody(70.0, 175.0).sul_per_suv, PatientBody(None, 175.0, "M").sul_per_suv] == [None, None]
    assert PatientBody(70.0, None, "M").sul_per_suv is None
