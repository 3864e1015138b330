"""The decision table of clinical.md 1.3, as far as it is handled, and every refusal around it."""

import math
from dataclasses import replace
from datetime import datetime, time

import pytest

from netlesion.errors import SuvError
from netlesion.suv import PetFacts, mean_count_rate_offset_s, suvbw_conversion

GALLIUM = PetFacts(
    units="BQML",
    decay_correction="START",
    corrected_image=("DECY", "ATTN"),
    weight_kg=70.0,
    dose_bq=150e6,
    half_life_s=4062.6,
    nuclide="68Ga",
    injection_datetime=None,
    injection_time=time(10, 0),
    series_datetime=datetime(2024, 3, 14, 11, 0),
    acquisition_datetime=datetime(2024, 3, 14, 11, 0),
    frame_duration_s=180.0,
    frame_reference_time_s=90.0,
)


def test_start_decays_the_dose_to_the_series_time():
    conversion = suvbw_conversion(GALLIUM)
    assert conversion.ref_time_source == "series"
    assert conversion.elapsed_s == 3600.0
    assert conversion.factor == pytest.approx(70_000.0 / (150e6 * math.exp(-math.log(2) * 3600 / 4062.6)))


def test_admin_does_not_decay_the_dose():
    conversion = suvbw_conversion(replace(GALLIUM, decay_correction="ADMIN"))
    assert conversion.ref_time_source == "admin"
    assert conversion.factor == pytest.approx(70_000.0 / 150e6)


def test_ten_minutes_of_clock_error_cost_10_8_percent_with_68ga():
    late = replace(
        GALLIUM, series_datetime=datetime(2024, 3, 14, 11, 10), acquisition_datetime=datetime(2024, 3, 14, 11, 10)
    )
    assert suvbw_conversion(late).factor / suvbw_conversion(GALLIUM).factor == pytest.approx(1.108, abs=5e-4)


def test_a_ge_private_time_comes_first():
    facts = replace(GALLIUM, ge_scan_datetime=datetime(2024, 3, 14, 10, 55))
    assert suvbw_conversion(facts).ref_time_source == "ge_private"
    assert suvbw_conversion(facts).elapsed_s == 3300.0


def test_a_series_time_after_the_acquisition_is_computed_back_from_the_frame():
    """IBSI DRO 3_2: series 11:30, acquisition 11:05, frame reference 600 s, frame 603 s; the truth is 11:00."""
    facts = replace(
        GALLIUM,
        nuclide="18F",
        half_life_s=6586.2,
        series_datetime=datetime(2024, 3, 14, 11, 30),
        acquisition_datetime=datetime(2024, 3, 14, 11, 5),
        frame_reference_time_s=600.0,
        frame_duration_s=603.0,
    )
    conversion = suvbw_conversion(facts)
    assert conversion.ref_time_source == "backcomputed"
    assert conversion.elapsed_s == pytest.approx(3600.0, abs=5.0)


def test_without_frame_facts_the_earliest_acquisition_is_taken_with_a_warning():
    facts = replace(GALLIUM, series_datetime=datetime(2024, 3, 14, 11, 30), frame_duration_s=None)
    conversion = suvbw_conversion(facts)
    assert conversion.ref_time_source == "earliest_acq"
    assert "earliest acquisition" in conversion.warnings[0]


def test_the_mean_count_rate_lies_just_before_the_middle_of_a_frame():
    assert 0 < 90.0 - mean_count_rate_offset_s(4062.6, 180.0) < 1.0


def test_a_bare_time_across_midnight_belongs_to_the_day_before():
    facts = replace(
        GALLIUM,
        injection_time=time(23, 30),
        series_datetime=datetime(2024, 3, 15, 0, 30),
        acquisition_datetime=datetime(2024, 3, 15, 0, 30),
    )
    assert suvbw_conversion(facts).elapsed_s == 3600.0


def test_a_full_injection_datetime_after_the_scan_is_an_error():
    with pytest.raises(SuvError, match=r"0018,1078"):
        suvbw_conversion(replace(GALLIUM, injection_datetime=datetime(2024, 3, 14, 12, 0)))


def test_a_dose_in_mbq_is_taken_as_such_with_a_warning():
    conversion = suvbw_conversion(replace(GALLIUM, dose_bq=150.0))
    assert conversion.factor == pytest.approx(suvbw_conversion(GALLIUM).factor)
    assert "MBq" in conversion.warnings[0]


def test_a_missing_half_life_comes_from_the_table():
    assert suvbw_conversion(replace(GALLIUM, half_life_s=None)).half_life_s == 4062.6


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"units": "GML"}, "GML"),
        ({"units": "PROPCPS"}, "PROPCPS"),
        ({"units": None}, "missing"),
        ({"decay_correction": "NONE"}, "NONE"),
        ({"corrected_image": ("DECY",)}, "attenuation"),
        ({"corrected_image": ("ATTN",)}, "decay"),
        ({"weight_kg": None}, "--weight-kg"),
        ({"weight_kg": 0.0}, "0 kg"),
        ({"weight_kg": 700.0}, "700 kg"),
        ({"dose_bq": 0.0}, "Total Dose"),
        ({"dose_bq": None}, "Total Dose"),
        ({"dose_bq": 5000.0}, "neither Bq nor"),
        ({"half_life_s": 6586.2}, "wrong protocol"),
        ({"half_life_s": None, "nuclide": None}, "unknown"),
        ({"injection_time": None}, "missing"),
        ({"series_datetime": None, "acquisition_datetime": None}, "reference time"),
    ],
)
def test_what_cannot_be_trusted_is_refused_by_name(changes, match):
    with pytest.raises(SuvError, match=match):
        suvbw_conversion(replace(GALLIUM, **changes))


def test_a_short_and_a_long_uptake_are_said():
    short = suvbw_conversion(replace(GALLIUM, injection_time=time(10, 50)))
    long = suvbw_conversion(replace(GALLIUM, injection_time=time(7, 30)))
    assert "short" in short.warnings[0]
    assert "long" in long.warnings[0]
