"""Rules (a) to (e) of clinical.md 1.3, in their order, and what is said where two accounts disagree."""

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest

from netlesion.suv import Frame, suv_conversion
from netlesion.suv.nuclide import mean_count_rate_offset_s
from netlesion.suv.reference_time import is_vendor
from tests.suv.cases import DAY, FLUORINE, GALLIUM, with_frame

#: IBSI DRO 3_2: series 11:30, acquisition 11:05, frame reference 600 s, frame 603 s; the truth is 11:00.
LATE_SERIES = replace(
    with_frame(FLUORINE, acquisition_datetime=datetime(*DAY, 11, 5), reference_time_s=600.0, duration_s=603.0),
    series_datetime=datetime(*DAY, 11, 30),
)


def source_and_elapsed(facts):
    found = suv_conversion(facts).activity
    return found.ref_time_source, found.elapsed_s


def test_a_private_time_comes_before_everything():
    at = datetime(*DAY, 10, 55)
    assert source_and_elapsed(replace(LATE_SERIES, ge_scan_datetime=at)) == ("ge_private", 3300.0)
    assert source_and_elapsed(replace(LATE_SERIES, siemens_decay_datetime=at)) == ("siemens_private", 3300.0)
    abroad = at.replace(tzinfo=timezone(timedelta(hours=2)))
    facts = replace(LATE_SERIES, siemens_decay_datetime=abroad, utc_offset=timedelta(hours=3))
    assert source_and_elapsed(facts) == ("siemens_private", 6900.0)


def test_a_private_time_after_the_scan_began_is_said():
    """De-identification shifts the clock of standard fields and leaves private ones."""
    late = replace(GALLIUM, ge_scan_datetime=datetime(*DAY, 12, 0))
    assert "(0009,xx0d) 12:00:00 was taken" in suv_conversion(late).warnings[0]
    assert suv_conversion(replace(GALLIUM, ge_scan_datetime=datetime(*DAY, 11, 0))).warnings == ()


def test_the_series_time_is_the_reference_unless_it_is_later_than_the_acquisition():
    assert source_and_elapsed(GALLIUM) == ("series", 3600.0)


def test_a_later_series_time_is_computed_back_from_the_frame():
    source, elapsed = source_and_elapsed(LATE_SERIES)
    assert source == "backcomputed"
    assert elapsed == pytest.approx(3600.0, abs=5.0)


def test_on_ge_the_frame_reference_time_counts_to_the_start_of_the_frame():
    """As the first bed of a real GE series shows: reference time 0, yet a Decay Factor of exp(lam * t_av)."""
    ge = replace(LATE_SERIES, manufacturer="GE MEDICAL SYSTEMS")
    assert source_and_elapsed(with_frame(ge, reference_time_s=300.0)) == ("backcomputed", 3600.0)
    first_bed = with_frame(ge, reference_time_s=0.0, duration_s=240.0, decay_factor=1.01268)
    assert source_and_elapsed(first_bed) == ("backcomputed", 3900.0)
    assert not suv_conversion(first_bed).warnings


def test_without_frame_facts_the_earliest_acquisition_is_taken_with_a_warning():
    conversion = suv_conversion(with_frame(LATE_SERIES, duration_s=None))
    assert (conversion.activity.ref_time_source, conversion.activity.elapsed_s) == ("earliest_acq", 3900.0)
    assert "earliest acquisition" in conversion.warnings[0]


def test_the_earliest_frame_is_the_one_that_counts():
    later = Frame(datetime(*DAY, 11, 15, 3), 603.0, 1203.0)
    facts = replace(LATE_SERIES, frames=(later, *LATE_SERIES.frames))
    assert source_and_elapsed(facts) == source_and_elapsed(LATE_SERIES)
    assert not suv_conversion(facts).warnings
    astray = replace(facts, frames=(replace(later, reference_time_s=600.0), *LATE_SERIES.frames))
    assert "603 s apart" in suv_conversion(astray).warnings[0]


def test_a_decay_factor_of_another_time_is_said():
    assert "Decay Factor (0054,1321) is 1," in suv_conversion(with_frame(LATE_SERIES, decay_factor=1.0)).warnings[0]
    assert not suv_conversion(with_frame(LATE_SERIES, decay_factor=1.0652)).warnings


def test_a_series_time_that_the_frames_contradict_is_said():
    facts = with_frame(GALLIUM, reference_time_s=690.0)
    assert "Series Time (0008,0031) 11:00:00" in suv_conversion(facts).warnings[0]
    assert suv_conversion(facts).activity.ref_time_source == "series"


def test_the_mean_count_rate_lies_just_before_the_middle_of_a_frame():
    assert 0 < 90.0 - mean_count_rate_offset_s(4062.6, 180.0) < 1.0
    assert mean_count_rate_offset_s(4062.6, 1e-3) == pytest.approx(0.5e-3, rel=1e-6)


def test_vendors_are_told_by_their_first_word():
    assert is_vendor("GE MEDICAL SYSTEMS", "GE", "GEMS")
    assert is_vendor("GEMS", "GE", "GEMS")
    assert is_vendor("Siemens Healthineers", "SIEMENS")
    assert not is_vendor("Gernot Imaging", "GE", "GEMS")
    assert not is_vendor(None, "GE")
