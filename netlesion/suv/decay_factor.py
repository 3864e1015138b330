"""Whether the Decay Factors (0054,1321) of a PET fit the moment to which it is taken to be decay-corrected.

A scanner multiplies a frame by 2^((t - t_ref) / T), with t the start of the frame or the moment of its mean count
rate. A factor of 1 says nothing: it is also what a writer puts where it does not know. Knows nothing about dose.
"""

from __future__ import annotations

from datetime import datetime

from netlesion.errors import SuvError
from netlesion.suv.facts import Frame, PetFacts
from netlesion.suv.nuclide import CONTRADICTION, mean_count_rate_offset_s


def require_decay_factors_of(reference: datetime, rule: str, facts: PetFacts, half_life_s: float) -> None:
    """Raises SuvError for the first frame whose Decay Factor belongs to another moment than `reference`.

    rule: what `reference` is, for the message. A frame without factor or start, or with a factor of 1, passes.
    """
    first = facts.earliest
    for frame in dict.fromkeys((first, *facts.frames)):
        factor, start = frame.decay_factor, frame.acquisition_datetime
        if factor is None or factor == 1.0 or start is None:
            continue
        expected = [2.0 ** (s / half_life_s) for s in _elapsed_s(frame, first, reference, half_life_s)]
        if any(abs(factor / e - 1.0) <= CONTRADICTION for e in expected):
            continue
        also = ""
        if frame.reference_time_s and abs(factor / 2.0 ** (frame.reference_time_s / half_life_s) - 1.0) < CONTRADICTION:
            also = f", as does Frame Reference Time (0054,1300) of {frame.reference_time_s:g} s"
        raise SuvError(
            f"Decay Factor (0054,1321) {factor:g} belongs to another time of decay correction{also}: from {rule} "
            f"{reference:%H:%M:%S} to the frame at {start:%H:%M:%S} it is {expected[0]:.4g}; correct the wrong one, or "
            "give the time of decay correction with --reference-time"
        )


def _elapsed_s(frame: Frame, first: Frame, reference: datetime, half_life_s: float) -> list[float]:
    """Seconds of decay that a frame's factor may stand for: to its start, and to its mean count rate.

    A scanner may give every bed the start of the scan; the Frame Reference Time then tells the beds apart.
    """
    began, first_began = frame.acquisition_datetime, first.acquisition_datetime
    assert began is not None, "a frame without a start was left out"
    starts = [(began - reference).total_seconds()]
    if first_began is not None and frame.reference_time_s is not None and first.reference_time_s is not None:
        bed_s = frame.reference_time_s - first.reference_time_s
        starts.append((first_began - reference).total_seconds() + bed_s)
    mean_s = mean_count_rate_offset_s(half_life_s, frame.duration_s) if frame.duration_s else 0.0
    return starts + [start + mean_s for start in starts]
