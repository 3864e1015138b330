"""Overrides are taken where they can make a number true, and refused where they cannot."""

from dataclasses import replace
from datetime import datetime, time

import pytest

from netlesion.errors import ConfigError, SuvError
from netlesion.suv import Overrides, SuvType, suv_conversion
from netlesion.suv.options import named, time_of_day
from tests.suv.cases import DAY, GALLIUM


def test_what_the_user_states_replaces_the_header_and_is_logged():
    overrides = Overrides(80.0, 180.0, "F", 120.0, time(10, 30))
    facts = overrides.apply(replace(GALLIUM, injection_datetime=datetime(*DAY, 9, 0)))
    activity = suv_conversion(facts).activity
    assert (activity.weight_kg, activity.dose_bq, activity.elapsed_s) == (80.0, 120e6, 1800.0)
    assert (facts.patient_size, facts.sex) == (1.80, "F")
    logged = {"weight_kg": 80.0, "height_cm": 180.0, "sex": "F", "dose_mbq": 120.0, "injection_time": "10:30:00"}
    assert overrides.given == logged
    assert Overrides().given == {}
    assert Overrides().apply(GALLIUM) == GALLIUM


@pytest.mark.parametrize(
    ("overrides", "match"),
    [
        (Overrides(weight_kg=80.0), "--weight-kg"),
        (Overrides(dose_mbq=100.0), "--dose-mbq"),
        (Overrides(injection_time=time(9, 0)), "--injection-time"),
    ],
)
@pytest.mark.parametrize(
    "suv",
    [{"units": "GML"}, {"units": "CM2ML"}, {"units": "CNTS", "philips_suv_factor": 0.1}],
    ids=lambda s: s["units"],
)
def test_a_suv_of_the_scanner_cannot_be_corrected_by_an_option(overrides, match, suv):
    with pytest.raises(SuvError, match=match):
        overrides.apply(replace(GALLIUM, **suv))


def test_a_missing_fact_of_a_scanners_suv_can_be_supplied():
    facts = replace(GALLIUM, units="GML", weight_kg=None, sex=None)
    given = Overrides(weight_kg=70.0, sex="F", height_cm=160.0).apply(facts)
    assert (given.weight_kg, given.sex, given.patient_size) == (70.0, "F", 1.60)
    assert Overrides(weight_kg=70.1).apply(replace(GALLIUM, units="GML")).weight_kg == 70.1, "the same, rounded"
    with pytest.raises(SuvError, match="--sex"):
        Overrides(sex="F").apply(replace(GALLIUM, units="GML", suv_type="LBM"))


@pytest.mark.parametrize(
    "nonsense", [{"weight_kg": 0.0}, {"height_cm": 1.75}, {"dose_mbq": 150e6}, {"sex": "female"}], ids=str
)
def test_an_option_that_is_no_patients_is_refused(nonsense):
    (name,) = nonsense
    with pytest.raises(ConfigError, match="--" + name.replace("_", "-")):
        Overrides(**nonsense)


def test_the_words_of_the_command_line():
    assert named("--type", SuvType, "SUL") is SuvType.SUL
    with pytest.raises(ConfigError, match="suvbw, sul, suvbsa, suvibw"):
        named("--type", SuvType, "suvlbm")
    assert time_of_day("--injection-time", "09:05") == time(9, 5)
    for text in ("0905", "25:00", "09:05+01:00", "2024-03-14T09:05"):
        with pytest.raises(ConfigError, match="HH:MM"):
            time_of_day("--injection-time", text)
