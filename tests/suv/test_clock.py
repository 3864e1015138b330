"""Injection times: midnight, time zones and their laws, against arithmetic on an absolute clock."""

from dataclasses import replace
from datetime import datetime, time, timedelta, timezone

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from netlesion.errors import SuvError
from netlesion.suv import suv_conversion
from tests.suv.cases import DAY, FLUORINE, FRAME, GALLIUM, with_frame

SECONDS = st.integers(-3 * 86400, 3 * 86400)
UPTAKE = st.integers(60, 10 * 3600)
ZONE = st.integers(-48, 56).map(lambda quarters: timedelta(minutes=15 * quarters))


def shifted(facts, by: timedelta):
    """Every moment of the facts moved together."""

    def move(moment):
        return None if moment is None else moment + by

    return replace(
        facts,
        injection_datetime=move(facts.injection_datetime),
        series_datetime=move(facts.series_datetime),
        frames=tuple(replace(f, acquisition_datetime=move(f.acquisition_datetime)) for f in facts.frames),
        ge_scan_datetime=move(facts.ge_scan_datetime),
        siemens_decay_datetime=move(facts.siemens_decay_datetime),
    )


def factors(facts):
    return suv_conversion(facts).suvbw_factors


ROADS = [
    {},
    {"decay_correction": "ADMIN"},
    {"decay_correction": "NONE", "corrected_image": ("ATTN",)},
    {"ge_scan_datetime": datetime(*DAY, 10, 58)},
    {"siemens_decay_datetime": datetime(*DAY, 10, 58)},
    {"series_datetime": datetime(*DAY, 12, 0)},
]


@pytest.mark.parametrize("road", ROADS, ids=lambda road: "-".join(road) or "series")
@settings(deadline=None)
@given(seconds=SECONDS)
def test_suv_does_not_change_when_all_times_move_together(road, seconds):
    facts = replace(GALLIUM, injection_datetime=datetime(*DAY, 10, 0), injection_time=None, **road)
    assert factors(shifted(facts, timedelta(seconds=seconds))) == factors(facts)


@settings(deadline=None)
@given(seconds=SECONDS, uptake=UPTAKE)
def test_a_bare_time_says_what_the_datetime_says_across_any_midnight(seconds, uptake):
    scan = datetime(*DAY, 11, 0) + timedelta(seconds=seconds)
    injected = scan - timedelta(seconds=uptake)
    facts = replace(with_frame(FLUORINE, acquisition_datetime=scan), series_datetime=scan)
    full = replace(facts, injection_datetime=injected, injection_time=None)
    bare = replace(facts, injection_time=injected.time())
    assert factors(bare) == factors(full)
    assert suv_conversion(bare).activity.elapsed_s == uptake
    crossed = suv_conversion(bare).activity.injection_source == "time_day_before"
    assert crossed == (injected.date() != scan.date())


@settings(deadline=None)
@given(scanner=ZONE, elsewhere=ZONE, uptake=UPTAKE)
def test_the_zone_in_which_an_injection_is_written_does_not_matter(scanner, elsewhere, uptake):
    local = datetime(*DAY, 11, 0) - timedelta(seconds=uptake)
    written = local.replace(tzinfo=timezone(scanner)).astimezone(timezone(elsewhere))
    facts = replace(FLUORINE, injection_time=None, injection_datetime=written, utc_offset=scanner)
    assert suv_conversion(facts).activity.elapsed_s == uptake


@settings(deadline=None)
@given(offset=ZONE)
def test_an_offset_without_the_scanners_zone_keeps_its_clock_reading_and_says_so(offset):
    written = datetime(*DAY, 10, 0, tzinfo=timezone(offset))
    conversion = suv_conversion(replace(GALLIUM, injection_time=None, injection_datetime=written))
    assert conversion.activity.elapsed_s == 3600.0
    assert "no Timezone Offset From UTC (0008,0201)" in conversion.warnings[0]


@settings(deadline=None)
@given(offset=ZONE)
def test_the_bare_time_settles_an_unknown_zone(offset):
    """It is always the scanner's clock: 09:00+0000 beside 10:00 says that the scanner is at +0100."""
    written = datetime(*DAY, 10, 0, tzinfo=timezone(timedelta(hours=1))).astimezone(timezone(offset))
    apart = abs(written.replace(tzinfo=None) - datetime(*DAY, 10, 0))
    assume(apart < timedelta(hours=12))  # a wider zone leaves the date in doubt: see the next test
    conversion = suv_conversion(replace(GALLIUM, injection_datetime=written, injection_time=time(10, 0)))
    assert conversion.activity.elapsed_s == 3600.0
    assert bool(conversion.warnings) == bool(apart)


def test_a_zone_that_leaves_the_date_in_doubt_is_refused():
    written = datetime(2024, 3, 14, 23, 0, tzinfo=timezone(timedelta(hours=14)))
    with pytest.raises(SuvError, match="0018,1078"):
        suv_conversion(replace(GALLIUM, injection_datetime=written, injection_time=time(10, 0)))


def test_ibsi_4_2_a_bare_time_across_midnight_belongs_to_the_day_before():
    scan = datetime(2024, 3, 15, 0, 30)
    facts = replace(with_frame(GALLIUM, acquisition_datetime=scan), series_datetime=scan, injection_time=time(23, 30))
    conversion = suv_conversion(facts)
    assert conversion.activity.elapsed_s == 3600.0
    assert "evening before" in conversion.warnings[0]


def test_a_full_datetime_after_the_scan_is_an_error():
    with pytest.raises(SuvError, match=r"0018,1078.*--injection-time"):
        suv_conversion(replace(GALLIUM, injection_datetime=datetime(*DAY, 12, 0)))


def test_a_datetime_of_another_day_is_an_error_and_not_a_tiny_dose():
    with pytest.raises(SuvError, match="25.0 h after the injection"):
        suv_conversion(replace(GALLIUM, injection_datetime=datetime(2024, 3, 13, 10, 0)))


def test_copper_may_be_scanned_the_day_after():
    facts = replace(GALLIUM, nuclide="64Cu", half_life_s=45724.0, injection_datetime=datetime(2024, 3, 13, 10, 0))
    conversion = suv_conversion(facts)
    assert conversion.activity.elapsed_s == 25 * 3600.0
    assert "long for 64Cu" in conversion.warnings[0]


def test_a_datetime_and_a_time_that_disagree_are_said():
    facts = replace(GALLIUM, injection_datetime=datetime(*DAY, 10, 0), injection_time=time(10, 1, 30))
    conversion = suv_conversion(facts)
    assert conversion.activity.elapsed_s == 3600.0
    assert "10:01:30" in conversion.warnings[0]


@pytest.mark.parametrize("decay_correction", ["START", "ADMIN"])
def test_a_short_and_a_long_uptake_are_said(decay_correction):
    facts = replace(GALLIUM, decay_correction=decay_correction)
    assert "short" in suv_conversion(replace(facts, injection_time=time(10, 50))).warnings[0]
    assert "long" in suv_conversion(replace(facts, injection_time=time(7, 30))).warnings[0]
    early = replace(facts, injection_datetime=FRAME.acquisition_datetime - timedelta(minutes=30, seconds=1))
    assert len(suv_conversion(replace(early, injection_time=None)).warnings) == 0


def test_a_nuclide_that_outlives_a_day_needs_the_day_of_its_injection():
    copper = replace(GALLIUM, nuclide="64Cu", half_life_s=45724.0)
    (warning,) = suv_conversion(copper).warnings
    assert "not its day" in warning
    assert "3.7 times as high" in warning
    assert suv_conversion(replace(copper, injection_datetime=datetime(*DAY, 10, 0))).warnings == ()
    assert suv_conversion(GALLIUM).warnings == ()
