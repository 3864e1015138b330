"""Half-lives, and the refusal of a header that names another nuclide than it uses (clinical.md 1.2)."""

from __future__ import annotations

import math
from datetime import timedelta

from netlesion.errors import SuvError
from netlesion.suv.facts import PetFacts

#: Half-lives in seconds by nuclide; a header that disagrees by more than 1 % is refused.
HALF_LIFE_S = {"18F": 6586.2, "68Ga": 4062.6, "64Cu": 45724.0}
HALF_LIFE_TOLERANCE = 0.01
#: After so many half-lives less than a thousandth of the dose is left: the clock or the date is wrong [P].
LONGEST_DECAY_HALF_LIVES = 10.0
#: Two accounts of one moment that differ by more than this fraction of the SUV cannot both be true: refused [P].
CONTRADICTION = 0.02


def checked_half_life_s(facts: PetFacts, warnings: list[str]) -> float:
    """The header's half-life, checked against the nuclide's; the table's where it is missing, with a warning.

    Raises SuvError where the two disagree by more than 1 %, or neither is there.
    """
    expected = HALF_LIFE_S.get(facts.nuclide or "")
    found = facts.half_life_s
    if found is None:
        if expected is None:
            raise SuvError(
                f"Radionuclide Half Life (0018,1075) is missing and the nuclide is {facts.nuclide or 'unknown'}; "
                f"known are {', '.join(HALF_LIFE_S)}; correct the header"
            )
        warnings.append(f"Radionuclide Half Life (0018,1075) is missing, {expected:g} s of {facts.nuclide} taken")
        return expected
    if found <= 0:
        raise SuvError(f"Radionuclide Half Life (0018,1075) is {found:g} s, expected above 0; correct the header")
    if expected is None:
        warnings.append(
            f"Radionuclide Half Life (0018,1075) of {found:g} s could not be checked: the nuclide in "
            f"Radionuclide Code Sequence (0054,0300) is {facts.nuclide or 'unknown'}"
        )
    elif abs(found / expected - 1.0) > HALF_LIFE_TOLERANCE:
        raise SuvError(
            f"Radionuclide Half Life (0018,1075) is {found:g} s, but {facts.nuclide} has {expected:g} s: "
            "the wrong protocol was chosen at the scanner; correct the header"
        )
    return found


def share_of_suv(apart: timedelta, half_life_s: float) -> float:
    """By which share a SUV is wrong when a moment of its decay is wrong by `apart`; infinite beyond reason."""
    half_lives = abs(apart.total_seconds()) / half_life_s
    return math.expm1(math.log(2.0) * half_lives) if half_lives < LONGEST_DECAY_HALF_LIVES else math.inf


def percent_of_suv(apart: timedelta, half_life_s: float) -> str:
    """The same in words, for messages."""
    share = share_of_suv(apart, half_life_s)
    return f"{100.0 * share:.1f} %" if share <= 10.0 else "more than 1000 %"


def mean_count_rate_offset_s(half_life_s: float, frame_duration_s: float) -> float:
    """Seconds from the start of a frame to the moment at which the activity equals the frame's mean.

    t_av = (1/lam) ln(lam Tf / (1 - exp(-lam Tf))), clinical.md 1.3.
    """
    decay = math.log(2.0) / half_life_s * frame_duration_s
    return frame_duration_s / decay * math.log(decay / -math.expm1(-decay))
