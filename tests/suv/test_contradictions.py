"""Two accounts of one moment that cannot both be true: over 2 % of SUV they are refused with both named, or settled.

68Ga loses 2 % in 116 s. In every row the true uptake is an hour, so that the true factor is that of GALLIUM.
"""

from dataclasses import replace
from datetime import datetime, time, timedelta

import pytest

from netlesion.errors import SuvError
from netlesion.suv import Frame, suv_conversion
from tests.suv.cases import DAY, FLUORINE, FRAME, GALLIUM, with_frame

TRUE = suv_conversion(GALLIUM).suvbw_factors[0]
OTHER_DAY = datetime(2024, 2, 20)
LATE = {"series_datetime": datetime(*DAY, 15, 0)}


def at(hour: int, minute: int = 0, days: int = 0) -> datetime:
    return datetime(*DAY, hour, minute) + timedelta(days=days)


REFUSED = {
    "start datetime hours from start time": ({"injection_datetime": at(8)}, {}, ("10:00:00", "08:00:00", "--inj")),
    "start datetime two minutes off": ({"injection_datetime": at(9, 58)}, {}, ("2.1 %",)),
    "decay factor of another scan start": ({}, {"decay_factor": 1.46}, ("1.46", "11:00:00", "--reference-time")),
    "decay factor beside an early series time": (
        {"series_datetime": at(10, 40)},
        {"decay_factor": 1.0155, "reference_time_s": 90.0},
        ("Series Time (0008,0031) 10:40:00", "as does Frame Reference Time", "--reference-time"),
    ),
    "decay factor without a frame reference time": (LATE, {"decay_factor": 1.46, "reference_time_s": None}, ("1.46",)),
    "decay factor of the start in an image of the injection": (
        {"decay_correction": "ADMIN"}, {"decay_factor": 1.0155}, ("the injection 10:00:00",)
    ),
    "decay factor beside a private time": ({"ge_scan_datetime": at(10, 30)}, {"decay_factor": 1.0155}, ("0009,xx0d",)),
    "a time for what was not corrected": (
        {"decay_correction": "NONE", "corrected_image": ("ATTN",), "reference_clock": time(11)}, {}, ("NONE",)
    ),
    "two acquisition times that decide": (LATE, {"second_start": at(13)}, ("(0008,002A) is 13:00:00",)),
    "slices of two days": ({"frames": (FRAME, Frame(at(11, 0, 3), 180.0, 90.0))}, {}, ("3 days apart",)),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_a_contradiction_that_moves_the_suv_is_refused_with_both_accounts(name):
    changes, frame, words = REFUSED[name]
    with pytest.raises(SuvError) as refused:
        suv_conversion(with_frame(replace(GALLIUM, **changes), **frame) if frame else replace(GALLIUM, **changes))
    assert all(word in str(refused.value) for word in words), str(refused.value)


SETTLED = {
    "decay factor to the mean of the frame": ({}, {"decay_factor": 1.0155}, ""),
    "decay factor to the start of the frame": ({"series_datetime": at(11)}, {"decay_factor": 1.001}, ""),
    "decay factor of the injection": ({"decay_correction": "ADMIN"}, {"decay_factor": 1.848}, ""),
    "decay factor of 1": ({}, {"decay_factor": 1.0}, ""),
    "a private time": ({"ge_scan_datetime": at(11), "series_datetime": at(10, 40)}, {}, ""),
    "two acquisition times that do not decide": ({}, {"second_start": at(13)}, ""),
    "what the user states": (
        LATE | {"reference_clock": time(11, 0)}, {"decay_factor": 1.46, "reference_time_s": None}, "--reference-time"
    ),
    "what the user states of an image of the injection": (
        {"decay_correction": "ADMIN", "reference_clock": time(11)}, {"decay_factor": 1.0155}, "--reference-time"
    ),
    "private dates of another day": ({"ge_scan_datetime": at(11, 0, -23)}, {}, "23 days before"),
    "private dates of a later day": ({"siemens_decay_datetime": at(11, 0, 4)}, {}, "4 days after"),
    "private dates beside a late series": (LATE | {"ge_scan_datetime": at(11, 0, -23)}, {}, "23 days before"),
    "series date shifted back": ({"series_datetime": at(11, 0, -23)}, {}, "(0008,0021) lies 23 days before"),
    "series reconstructed days later": ({"series_datetime": at(9, 0, 5)}, {}, ""),
    "injection date shifted on": (
        {"injection_datetime": at(10, 0, 22), "injection_time": None}, {}, "(0018,1078) lies 22 days after"
    ),
    "injection date shifted back": ({"injection_datetime": at(10, 0, -22)}, {}, "(0018,1078) lies 22 days before"),
}  # fmt: skip


@pytest.mark.parametrize("name", SETTLED)
def test_what_a_rule_settles_keeps_its_value_and_a_moved_date_is_said(name):
    changes, frame, words = SETTLED[name]
    facts = replace(GALLIUM, **changes)
    conversion = suv_conversion(with_frame(facts, **frame) if frame else facts)
    to_scan = facts.decay_correction == "START" or facts.reference_clock is not None
    true = TRUE if to_scan else 70_000.0 / 150e6
    assert conversion.suvbw_factors[0] == pytest.approx(true, rel=1e-3)
    assert words in "".join(conversion.warnings)
    assert all(len(line) < 400 for line in conversion.warnings)


def test_every_bed_may_have_the_start_of_the_scan_and_a_factor_of_its_own():
    """As a GE scanner writes it: six beds of four minutes, one Acquisition Time, a Frame Reference Time for each."""
    beds = tuple(Frame(at(11), 240.0, 243.0 * n, 2.0 ** ((243.0 * n + 120.0) / 6586.2)) for n in range(6))
    facts = replace(FLUORINE, manufacturer="GE MEDICAL SYSTEMS", frames=beds)
    assert suv_conversion(facts).activity.elapsed_s == 3600.0
    with pytest.raises(SuvError, match="1.9"):
        suv_conversion(replace(facts, frames=(*beds[:5], replace(beds[5], decay_factor=1.9))))
