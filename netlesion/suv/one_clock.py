"""Dates of one series that were shifted apart -> one clock, on which every moment keeps its time of day.

Archives shift the dates of standard elements and leave private ones, or the reverse. The first acquisition is the
clock of the scan: a moment that lies whole days away from it is brought to it, and that is said. Times of day are
never changed. Knows nothing about decay.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from netlesion.errors import SuvError
from netlesion.suv.facts import PetFacts

DAY = timedelta(days=1)


def on_one_clock(facts: PetFacts, warnings: list[str]) -> PetFacts:
    """The facts with series and vendor DateTimes on the day of the first acquisition; warns of each that was moved.

    A Series Date after the acquisition stays: a series may be reconstructed days later. Raises SuvError where the
    slices themselves were acquired days apart.
    """
    starts = [f.acquisition_datetime for f in facts.frames if f.acquisition_datetime is not None]
    if not starts:
        return facts
    scan = min(starts)
    if days_apart(max(starts), scan):
        raise SuvError(
            f"Acquisition Dates (0008,0022) of its slices lie {days_apart(max(starts), scan)} days apart; one series "
            "has one scan, correct the dates at their source"
        )
    moved = {}
    for name, what, stated in (
        ("series_datetime", "Series Date (0008,0021)", facts.series_datetime),
        ("ge_scan_datetime", "the date of GE scan DateTime (0009,xx0d)", facts.ge_scan_datetime),
        ("siemens_decay_datetime", "the date of Siemens decay DateTime (0071,xx22)", facts.siemens_decay_datetime),
    ):
        days = 0 if stated is None else days_apart(scan, stated.replace(tzinfo=None))
        if stated is None or days == 0 or (name == "series_datetime" and days < 0):
            continue
        moved[name] = stated + days * DAY
        warnings.append(
            f"{what} lies {abs(days)} days {'before' if days > 0 else 'after'} Acquisition Date (0008,0022): dates "
            "were shifted apart, the times of day were taken"
        )
    return replace(facts, **moved)


def days_apart(moment: datetime, other: datetime) -> int:
    """Whole days from `other` to `moment`, to the nearest."""
    return round((moment - other) / DAY)
