"""The moment to which a START-corrected PET is decay-corrected, by the rules of clinical.md 1.3 (a) to (e).

In this order: a vendor's private time, the series time if it is not after the first acquisition, the time computed
back from a frame, and the first acquisition as a last resort. What a user states comes before all of them. Which
accounts may contradict the choice is told by `suv.decay_factor`. Knows nothing about dose or patient.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from netlesion.errors import SuvError
from netlesion.suv.clock import SAME_MOMENT_S, last_before, on_scanner_clock
from netlesion.suv.facts import Frame, PetFacts
from netlesion.suv.nuclide import CONTRADICTION, mean_count_rate_offset_s, percent_of_suv, share_of_suv

#: Shares of the activity by which two accounts of the reference time may differ before it is said [P]: Decay Factor
#: and back-computation; series time and back-computation, which scanners round to the frame.
DECAY_TOLERANCE = 0.01
SERIES_TOLERANCE = 0.03


@dataclass(frozen=True)
class ReferenceTime:
    """A moment on the scanner's clock, and the rule that found it."""

    moment: datetime
    source: str


def reference_time(facts: PetFacts, half_life_s: float, warnings: list[str]) -> ReferenceTime:
    """Raises SuvError where no rule applies; warns of the last resort, and where two accounts disagree."""
    frame = facts.earliest
    series, acquired = facts.series_datetime, frame.acquisition_datetime
    if facts.reference_clock is not None:
        return ReferenceTime(_stated(facts, warnings), "stated")
    if facts.reference_datetime is not None:
        return ReferenceTime(facts.reference_datetime, "stated")
    for private, tag, source in (
        (facts.ge_scan_datetime, "GE scan DateTime (0009,xx0d)", "ge_private"),
        (facts.siemens_decay_datetime, "Siemens decay-correction DateTime (0071,xx22)", "siemens_private"),
    ):
        if private is not None:
            moment = on_scanner_clock(private, facts, tag, warnings)
            _check_private(moment, facts, half_life_s, tag, warnings)
            return ReferenceTime(moment, source)
    computed = backcomputed(facts, frame, half_life_s)
    if series is not None and acquired is not None and series <= acquired:
        if computed is not None and share_of_suv(series - computed, half_life_s) > SERIES_TOLERANCE:
            warnings.append(
                f"Series Time (0008,0031) {series:%H:%M:%S} was taken as reference, but Frame Reference Time "
                f"(0054,1300) points to {computed:%H:%M:%S}: {percent_of_suv(series - computed, half_life_s)} of SUV. "
                "Check whether the series was reconstructed again"
            )
        return ReferenceTime(series, "series")
    if acquired is None:
        raise SuvError(
            "Acquisition Date and Time (0008,0022)/(0008,0032) are missing: the reference time cannot be known; "
            "export the series with its dates"
        )
    require_one_start(frame, half_life_s)
    if computed is not None:
        _check_frames(facts, frame, computed, half_life_s, warnings)
        return ReferenceTime(computed, "backcomputed")
    warnings.append(
        f"Series Time (0008,0031) is later than the first acquisition or missing, and Frame Reference Time (0054,1300) "
        f"or Actual Frame Duration (0018,1242) is missing; the earliest acquisition {acquired:%H:%M:%S} was taken as "
        "reference. Export the series with these fields"
    )
    return ReferenceTime(acquired, "earliest_acq")


def require_one_start(frame: Frame, half_life_s: float) -> None:
    """Raises SuvError where a frame whose start decides the SUV is said to have begun at two moments."""
    start, other = frame.acquisition_datetime, frame.second_start
    if start is None or other is None or abs(start - other).total_seconds() <= SAME_MOMENT_S:
        return
    if share_of_suv(start - other, half_life_s) > CONTRADICTION:
        raise SuvError(
            f"Acquisition Time (0008,0032) is {start:%H:%M:%S}, Acquisition DateTime (0008,002A) is {other:%H:%M:%S} "
            f"on the scanner's clock: {percent_of_suv(start - other, half_life_s)} of SUV; correct the wrong one, or "
            "give the time of decay correction with --reference-time"
        )


def _stated(facts: PetFacts, warnings: list[str]) -> datetime:
    """The last moment before the end of the first frame at which the clock shows what the user stated."""
    frame, clock = facts.earliest, facts.reference_clock
    assert clock is not None, "asked for where the user states one"
    start = frame.acquisition_datetime or facts.series_datetime
    if start is None:
        raise SuvError("Acquisition and Series Date (0008,0022)/(0008,0021) are missing: --reference-time has no day")
    warnings.append(f"--reference-time {clock:%H:%M:%S} was taken as the time of decay correction")
    return last_before(clock, start + timedelta(seconds=frame.duration_s or 0.0))


def backcomputed(facts: PetFacts, frame: Frame, half_life_s: float) -> datetime | None:
    """t_acq + t_av - FRT, or None where the frame does not tell.

    On GE the Frame Reference Time counts from the reference to the start of the frame, elsewhere to the moment of
    its mean count rate, so that t_av falls out for GE.
    """
    if frame.acquisition_datetime is None or frame.reference_time_s is None:
        return None
    if is_vendor(facts.manufacturer, "GE", "GEMS"):
        return frame.acquisition_datetime - timedelta(seconds=frame.reference_time_s)
    if frame.duration_s is None or frame.duration_s <= 0:
        return None
    offset = mean_count_rate_offset_s(half_life_s, frame.duration_s) - frame.reference_time_s
    return frame.acquisition_datetime + timedelta(seconds=offset)


def is_vendor(manufacturer: str | None, *names: str) -> bool:
    """Whether the first word of Manufacturer (0008,0070) is one of these, in any case."""
    return any(word.upper() in names for word in (manufacturer or "").replace("_", " ").split()[:1])


def _check_private(moment: datetime, facts: PetFacts, half_life_s: float, tag: str, warnings: list[str]) -> None:
    """Warns where a vendor's start of the scan lies after the scan began: one of the two clocks was changed."""
    acquired = facts.acquisition_datetime
    if acquired is not None and moment > acquired and share_of_suv(moment - acquired, half_life_s) > SERIES_TOLERANCE:
        warnings.append(
            f"{tag} {moment:%H:%M:%S} was taken as reference, but the first acquisition began at {acquired:%H:%M:%S}: "
            f"{percent_of_suv(moment - acquired, half_life_s)} of SUV. Check whether times were shifted by "
            "de-identification"
        )


def _check_frames(facts: PetFacts, frame: Frame, computed: datetime, half_life_s: float, warnings: list[str]) -> None:
    """Warns where a Decay Factor of 1 or the other frames tell another reference time than the one computed."""
    began = frame.acquisition_datetime
    if began is not None and frame.decay_factor == 1.0 and frame.duration_s:
        mean = began + timedelta(seconds=mean_count_rate_offset_s(half_life_s, frame.duration_s))
        factor = 2.0 ** ((mean - computed).total_seconds() / half_life_s)
        if abs(1.0 / factor - 1.0) > DECAY_TOLERANCE:
            warnings.append(
                f"Decay Factor (0054,1321) is 1, Frame Reference Time (0054,1300) of "
                f"{frame.reference_time_s:g} s stands for {factor:.4f}; the Frame Reference Time was taken"
            )
    others = [c for f in set(facts.frames) if (c := backcomputed(facts, f, half_life_s)) is not None]
    spread = max(others) - min(others)
    if share_of_suv(spread, half_life_s) > DECAY_TOLERANCE:
        warnings.append(
            f"Frame Reference Times (0054,1300) of the slices point to moments {spread.total_seconds():.0f} s apart "
            f"({percent_of_suv(spread, half_life_s)} of SUV); that of the first frame was taken"
        )
