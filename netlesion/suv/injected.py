"""The dose that a Bq/ml image is to be compared with: how much was injected, when, and what was left of it.

    SUVbw [g/ml] = C [Bq/ml] * W [kg] * 1000 / D_ref [Bq],   D_ref = D * exp(-ln2 / T * (t_ref - t_inj))

Decay Correction (0054,1102) says which moment t_ref is (clinical.md 1.1, 1.3).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from netlesion.errors import SuvError
from netlesion.suv.body_size import checked_weight_kg
from netlesion.suv.clock import check_uptake, injection
from netlesion.suv.decay_factor import require_decay_factors_of
from netlesion.suv.facts import PetFacts
from netlesion.suv.nuclide import checked_half_life_s, mean_count_rate_offset_s
from netlesion.suv.reference_time import ReferenceTime, reference_time, require_one_start

#: What a rule of the reference time is called in a message.
RULES = {
    "ge_private": "GE scan DateTime (0009,xx0d)",
    "siemens_private": "Siemens decay DateTime (0071,xx22)",
    "series": "Series Time (0008,0031)",
    "backcomputed": "the time that Frame Reference Time (0054,1300) points to,",
    "earliest_acq": "the first Acquisition Time (0008,0032)",
}
#: What the dose is called in a DICOM header, and how a user corrects it.
DOSE, DOSE_REMEDY = "Radionuclide Total Dose (0018,1074)", "give the true one with --dose-mbq"
#: A dose of at least this many Bq is one in Bq, up to the largest that a patient is given (clinical.md 1.5).
SMALLEST_DOSE_BQ, LARGEST_DOSE_BQ = 1e6, 1e10
#: A bare number in this range can only be MBq; below it may be mCi, above kBq (clinical.md 1.5).
BARE_MBQ = (30.0, 1000.0)
BQ_PER_MCI = 37e6
#: What patients are given, in MBq [P].
PLAUSIBLE_DOSE_MBQ = (10.0, 1000.0)


@dataclass(frozen=True)
class Activity:
    """What turns Bq/ml into SUVbw: patient, dose, and the two moments between which it decayed.

    bqml_factors turn the header's voxels, once in Bq/ml, into Bq/ml at the reference time: one for all slices or
    one for each (only an image without decay correction has others than 1). ref_time_source in {ge_private,
    siemens_private, series, backcomputed, earliest_acq, admin, stated}.
    """

    weight_kg: float
    dose_bq: float
    half_life_s: float
    injection: datetime
    injection_source: str
    reference: datetime
    ref_time_source: str
    bqml_factors: tuple[float, ...] = (1.0,)

    @property
    def elapsed_s(self) -> float:
        """Seconds of decay between injection and the reference time; 0 where the image refers to the injection."""
        return (self.reference - self.injection).total_seconds()

    @property
    def decayed_dose_bq(self) -> float:
        """The dose left at the reference time, Bq."""
        return self.dose_bq * 2.0 ** (-self.elapsed_s / self.half_life_s)

    @property
    def factor(self) -> float:
        """SUVbw per Bq/ml at the reference time."""
        return suvbw_factor(self.weight_kg, self.dose_bq, self.half_life_s, self.elapsed_s)


def suvbw_factor(weight_kg: float, dose_bq: float, half_life_s: float, decay_s: float) -> float:
    """g/ml per Bq/ml, for voxels decay-corrected to `decay_s` seconds after the injection of `dose_bq`."""
    return weight_kg * 1000.0 / (dose_bq * 2.0 ** (-decay_s / half_life_s))


def activity(facts: PetFacts, warnings: list[str]) -> Activity:
    """The injected activity as Decay Correction START, ADMIN or NONE wants it.

    Raises SuvError, naming tag, value and remedy, for what is missing or cannot be true.
    """
    weight_kg = checked_weight_kg(facts.weight_kg)
    dose_bq = checked_dose_bq(facts.dose_bq, warnings)
    half_life_s = checked_half_life_s(facts, warnings)
    stated = facts.reference_clock is not None
    if stated and facts.decay_correction == "NONE":
        raise SuvError("Decay Correction (0054,1102) is NONE, but --reference-time says to which time; leave it out")
    if facts.decay_correction == "START" or (stated and facts.decay_correction == "ADMIN"):
        reference = reference_time(facts, half_life_s, warnings)
        if reference.source != "stated":
            rule = RULES[reference.source]
            require_decay_factors_of(reference.moment, rule, facts, half_life_s)
        injected = injection(facts, reference.moment, half_life_s, warnings)
        check_uptake((reference.moment - injected.moment).total_seconds(), half_life_s, facts, warnings)
        factors = (1.0,)
    elif facts.decay_correction in ("ADMIN", "NONE"):
        injected = injection(facts, None, half_life_s, warnings)
        reference = ReferenceTime(injected.moment, "admin")
        start = facts.acquisition_datetime or facts.series_datetime
        if start is not None:
            check_uptake((start - injected.moment).total_seconds(), half_life_s, facts, warnings)
        factors = (1.0,)
        if facts.decay_correction == "NONE":
            factors = _undecay(facts, injected.moment, half_life_s)
        else:
            require_decay_factors_of(injected.moment, "the injection", facts, half_life_s)
    else:
        raise SuvError(
            f"Decay Correction (0054,1102) is {facts.decay_correction or 'missing'}, expected START, ADMIN or NONE; "
            "export the series with it"
        )
    return Activity(
        weight_kg=weight_kg,
        dose_bq=dose_bq,
        half_life_s=half_life_s,
        injection=injected.moment,
        injection_source=injected.source,
        reference=reference.moment,
        ref_time_source=reference.source,
        bqml_factors=factors,
    )


def checked_dose_bq(dose: float | None, warnings: list[str], name: str = DOSE, remedy: str = DOSE_REMEDY) -> float:
    """The dose in Bq; a number that can only be MBq is taken as such, with a warning.

    name: what the dose is called where it stands, for messages. Raises SuvError for none, for a number that may be in
    mCi or kBq, and for one that nobody is given.
    """
    if dose is None or dose <= 0:
        raise SuvError(f"{name} is {'missing' if dose is None else f'{dose:g}'}, expected Bq above 0; {remedy}")
    low, high = BARE_MBQ
    if low <= dose <= high:
        warnings.append(f"{name} of {dose:g} taken as MBq, not Bq; check it")
        return dose * 1e6
    if not SMALLEST_DOSE_BQ <= dose <= LARGEST_DOSE_BQ:
        raise SuvError(f"{name} is {dose:g}, which is no dose in Bq{_perhaps(dose)}; {remedy}")
    low, high = PLAUSIBLE_DOSE_MBQ
    if not low * 1e6 <= dose <= high * 1e6:
        found = f"{name} of {dose / 1e6:g} MBq is unusual (expected {low:g} to {high:g})"
        warnings.append(f"{found}; check it, or {remedy}")
    return dose


def _perhaps(dose: float) -> str:
    """In which other unit a number that is no dose in Bq would be one."""
    if 1.0 <= dose < BARE_MBQ[0]:
        return f": possibly mCi ({dose * BQ_PER_MCI / 1e6:.0f} MBq)"
    if BARE_MBQ[1] < dose < SMALLEST_DOSE_BQ:
        return f": possibly kBq ({dose / 1e3:g} MBq)"
    return ""


def _undecay(facts: PetFacts, injected: datetime, half_life_s: float) -> tuple[float, ...]:
    """For each slice, the factor from its frame's mean activity to the activity at the injection (NONE)."""
    factors = []
    for frame in facts.frames:
        if frame.acquisition_datetime is None:
            raise SuvError(
                "Decay Correction (0054,1102) is NONE and a slice has no Acquisition Date and Time "
                "(0008,0022)/(0008,0032), so its decay cannot be corrected; export the series with its dates"
            )
        if frame.duration_s is None or frame.duration_s <= 0:
            raise SuvError(
                f"Decay Correction (0054,1102) is NONE and Actual Frame Duration (0018,1242) is "
                f"{'missing' if frame.duration_s is None else f'{frame.duration_s:g} s'}, so the decay within a frame "
                "cannot be corrected; export the series with it"
            )
        require_one_start(frame, half_life_s)
        mean_s = mean_count_rate_offset_s(half_life_s, frame.duration_s)
        since = (frame.acquisition_datetime - injected).total_seconds() + mean_s
        factors.append(2.0 ** (since / half_life_s))
    return tuple(factors)
