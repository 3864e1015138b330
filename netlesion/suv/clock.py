"""When the tracer was injected, on the scanner's own clock: time zones, midnight, and a bare time of day.

DICOM gives dates and times of series and frames on the clock of the scanner, but an injection DateTime may name
a UTC offset of its own. Here every moment becomes one of the scanner's clock (clinical.md 1.3, injection time).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta, timezone

from netlesion.errors import SuvError
from netlesion.suv.facts import PetFacts
from netlesion.suv.nuclide import CONTRADICTION, LONGEST_DECAY_HALF_LIVES, percent_of_suv, share_of_suv
from netlesion.suv.one_clock import DAY, days_apart

#: Shortest plausible uptake, and the longest by nuclide, in minutes; beyond them a warning (clinical.md 1.5).
SHORTEST_UPTAKE_MIN = 30.0
LONGEST_UPTAKE_MIN = {"18F": 240.0, "68Ga": 180.0}
#: With a longer half-life (s) a scan of the next day is still worth reading, so a bare time of day leaves the day open
#: (IBSI SUV manual, version 3: no date is made up for such nuclides).
LONGEST_HALF_LIFE_OF_ONE_DAY_S = 41_400.0
#: Two records of one injection may lie this far apart in seconds before it is said.
SAME_MOMENT_S = 60.0
#: Time zones differ by multiples of this.
ZONE_STEP = timedelta(minutes=15)


@dataclass(frozen=True)
class Injection:
    """The moment of injection on the scanner's clock, and where it was found (`source`)."""

    moment: datetime
    source: str


def on_scanner_clock(moment: datetime, facts: PetFacts, tag: str, warnings: list[str]) -> datetime:
    """A DateTime without zone on the scanner's clock.

    With an offset and a scanner whose zone is known (0008,0201) it is moved. Where the scanner's zone is not
    known its clock reading is kept, and a warning says how much hangs on that.
    """
    if moment.tzinfo is None:
        return moment
    if facts.utc_offset is not None:
        return moment.astimezone(timezone(facts.utc_offset)).replace(tzinfo=None)
    warnings.append(
        f"{tag} is {moment:%H:%M:%S%z}, but the header has no Timezone Offset From UTC (0008,0201); its clock reading "
        f"{moment:%H:%M:%S} was taken as the scanner's. Check it: an hour of zone is an hour of decay"
    )
    return moment.replace(tzinfo=None)


def injection(facts: PetFacts, reference: datetime | None, half_life_s: float, warnings: list[str]) -> Injection:
    """The injection before `reference` (the moment the dose decays to), or before the scan where there is none.

    A DateTime (0018,1078) is believed, but for a date that was shifted apart from the scan's; a bare time (0018,1072)
    is placed on the day of the reference, or the day before where it would be later. Raises SuvError where neither is
    there, where the two contradict each other, or where a DateTime lies after the reference.
    """
    anchor = reference or facts.acquisition_datetime or facts.series_datetime
    if facts.injection_datetime is not None:
        moment = _of_datetime(facts, half_life_s, warnings)
        if anchor is not None:
            moment = _on_the_scans_day(moment, anchor, half_life_s, warnings)
        if anchor is not None and moment > anchor:
            raise SuvError(
                f"Radiopharmaceutical Start DateTime (0018,1078) lies {moment - anchor} after the "
                "scan's reference time; correct the header's clock, or give the true one with --injection-time"
            )
        return Injection(moment, "datetime")
    if facts.injection_time is None:
        raise SuvError(
            "Radiopharmaceutical Start Time (0018,1072) and DateTime (0018,1078) are missing; "
            "give the injection's with --injection-time"
        )
    if anchor is None:
        raise SuvError("Series and Acquisition Date (0008,0021)/(0008,0022) are missing: the injection has no day")
    moment = last_before(facts.injection_time, anchor)
    if moment.date() == anchor.date():
        return Injection(moment, "time")
    warnings.append(
        f"Radiopharmaceutical Start Time (0018,1072) {facts.injection_time:%H:%M:%S} is later than the scan at "
        f"{anchor:%H:%M:%S}; taken as the evening before"
    )
    return Injection(moment, "time_day_before")


def last_before(clock: time, anchor: datetime) -> datetime:
    """The last moment not after `anchor` at which a clock shows this time of day."""
    moment = datetime.combine(anchor.date(), clock)
    return moment if moment <= anchor else moment - DAY


def _on_the_scans_day(moment: datetime, anchor: datetime, half_life_s: float, warnings: list[str]) -> datetime:
    """The injection, or its time of day before the scan where its date alone is impossible by two days or more."""
    days = days_apart(anchor, moment)
    too_early = (anchor - moment).total_seconds() > LONGEST_DECAY_HALF_LIVES * half_life_s
    if abs(days) < 2 or not (days < 0 or too_early) or half_life_s > LONGEST_HALF_LIFE_OF_ONE_DAY_S:
        return moment
    warnings.append(
        f"the date of Radiopharmaceutical Start DateTime (0018,1078) lies {abs(days)} days "
        f"{'before' if days > 0 else 'after'} the scan: dates were shifted apart, the times of day were taken"
    )
    return last_before(moment.time(), anchor)


def check_uptake(uptake_s: float, half_life_s: float, facts: PetFacts, warnings: list[str]) -> None:
    """Raises SuvError for an uptake no scan has, warns of an unusual one and of a day that is not known (1.5)."""
    minutes = uptake_s / 60.0
    if minutes < 0:
        raise SuvError(
            f"Acquisition Time (0008,0032) lies {-minutes:.1f} min before the injection (0018,1078); correct the "
            "header's clock, or give the true one with --injection-time"
        )
    if uptake_s > LONGEST_DECAY_HALF_LIVES * half_life_s:
        raise SuvError(
            f"the scan (0008,0032) lies {minutes / 60:.1f} h after the injection (0018,1078), more than "
            f"{LONGEST_DECAY_HALF_LIVES:g} half-lives; correct the header's dates, or give --injection-time"
        )
    if facts.injection_datetime is None and half_life_s > LONGEST_HALF_LIFE_OF_ONE_DAY_S:
        warnings.append(
            f"only the time of the injection (0018,1072) is known, not its day, and half of {facts.nuclide or 'it'} is "
            f"left after {half_life_s / 3600:.1f} h: the last such time before the scan was taken. If it was injected "
            f"a day earlier, SUV is {2.0 ** (86400 / half_life_s):.1f} times as high"
        )
    if minutes < SHORTEST_UPTAKE_MIN:
        warnings.append(f"uptake of {minutes:.0f} min is short; check injection time (0018,1078) and time zone")
    longest = LONGEST_UPTAKE_MIN.get(facts.nuclide or "", 24 * 60.0)
    if minutes > longest:
        warnings.append(
            f"uptake of {minutes:.0f} min is long for {facts.nuclide or 'an unknown nuclide'}; "
            "check injection time (0018,1078), time zone and summer time"
        )


def _of_datetime(facts: PetFacts, half_life_s: float, warnings: list[str]) -> datetime:
    """The injection DateTime on the scanner's clock; the bare time, which always is, settles an unknown zone.

    Raises SuvError where the two are further apart than CONTRADICTION of the SUV; an image that refers to the
    injection (ADMIN) does not depend on it, and then a warning says so.
    """
    stated, clock = facts.injection_datetime, facts.injection_time
    assert stated is not None
    if stated.tzinfo is not None and facts.utc_offset is None and clock is not None:
        apart = _apart(clock, stated.time())
        zones = round(apart / ZONE_STEP) * ZONE_STEP
        if abs(apart - zones).total_seconds() <= SAME_MOMENT_S:
            if zones:
                warnings.append(
                    f"Radiopharmaceutical Start DateTime (0018,1078) is {stated:%H:%M:%S%z}, Start Time (0018,1072) "
                    f"{clock:%H:%M:%S} and the header has no Timezone Offset From UTC (0008,0201); the Start Time was "
                    "taken as the scanner's clock, check it"
                )
            return stated.replace(tzinfo=None) + zones
    moment = on_scanner_clock(stated, facts, "Radiopharmaceutical Start DateTime (0018,1078)", warnings)
    apart = timedelta() if clock is None else abs(_apart(clock, moment.time()))
    if apart.total_seconds() > SAME_MOMENT_S:
        line = (
            f"Radiopharmaceutical Start Time (0018,1072) is {clock:%H:%M:%S}, Start DateTime (0018,1078) is "
            f"{moment:%H:%M:%S} on the scanner's clock"
        )
        if share_of_suv(apart, half_life_s) > CONTRADICTION and facts.decay_correction != "ADMIN":
            raise SuvError(
                f"{line}: {percent_of_suv(apart, half_life_s)} of SUV; correct the wrong one, or give the true one "
                "with --injection-time"
            )
        warnings.append(f"{line}; the DateTime was taken, check which is right")
    return moment


def _apart(clock: time, other: time) -> timedelta:
    """clock - other, as times of day, from -12 h to +12 h."""
    day = timedelta(days=1)
    apart = datetime.combine(datetime.min, clock) - datetime.combine(datetime.min, other)
    return (apart + day / 2) % day - day / 2
