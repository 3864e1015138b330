"""From the facts of a PET acquisition to the factor that turns Bq/ml into SUVbw; pure, and it refuses.

    SUVbw [g/ml] = C [Bq/ml] * W [kg] * 1000 / D_ref [Bq],   D_ref = D * exp(-ln2 / T * (t_ref - t_inj))

Rules: the decision table of clinical.md 1.3 (QIBA vendor-neutral pseudocode and the IBSI SUV digital
reference objects). Handled here: Units BQML with Decay Correction START or ADMIN. Everything else is
refused by name. Knows nothing about files or voxels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from netlesion.errors import SuvError

#: Half-lives in seconds (clinical.md 1.2) by nuclide; a header that disagrees by more than 1 % is refused.
HALF_LIFE_S = {"18F": 6586.2, "68Ga": 4062.6, "64Cu": 45724.0}
HALF_LIFE_TOLERANCE = 0.01
#: Latest plausible uptake in minutes before a warning (clinical.md 1.5) [P].
LONGEST_UPTAKE_MIN = {"18F": 240.0, "68Ga": 180.0}


@dataclass(frozen=True)
class PetFacts:
    """What a PET header says about activity and time. None is "the header does not say".

    Times are local clock times of the scanner; injection is a full `injection_datetime` or, failing that,
    an `injection_time` of day. acquisition/frame fields belong to the earliest slice.
    """

    units: str | None
    decay_correction: str | None
    corrected_image: tuple[str, ...]
    weight_kg: float | None
    dose_bq: float | None
    half_life_s: float | None
    nuclide: str | None
    injection_datetime: datetime | None
    injection_time: time | None
    series_datetime: datetime | None
    acquisition_datetime: datetime | None
    frame_duration_s: float | None = None
    frame_reference_time_s: float | None = None
    ge_scan_datetime: datetime | None = None
    siemens_decay_datetime: datetime | None = None


@dataclass(frozen=True)
class SuvConversion:
    """How one series becomes SUVbw: `suvbw = bqml * factor`, and every choice on the way.

    factor in g/ml per Bq/ml; ref_time_source in {ge_private, siemens_private, series, backcomputed,
    earliest_acq, admin}; seconds are between injection and the reference time.
    """

    factor: float
    weight_kg: float
    dose_bq: float
    decayed_dose_bq: float
    half_life_s: float
    injection: datetime
    reference: datetime
    ref_time_source: str
    warnings: tuple[str, ...]

    @property
    def elapsed_s(self) -> float:
        return (self.reference - self.injection).total_seconds()


def suvbw_conversion(facts: PetFacts) -> SuvConversion:
    """The SUVbw factor of one series; raises SuvError, naming tag, value and remedy, rather than guess."""
    warnings: list[str] = []
    _require_quantitative(facts)
    weight_kg = _weight(facts)
    dose_bq = _dose(facts, warnings)
    half_life_s = _half_life(facts, warnings)
    if facts.decay_correction == "ADMIN":
        injection = _injection(facts, None)
        reference, source = injection, "admin"
        start = facts.acquisition_datetime or facts.series_datetime
        uptake_s = (start - injection).total_seconds() if start is not None else None
    else:
        reference, source = _reference_time(facts, half_life_s, warnings)
        injection = _injection(facts, reference)
        uptake_s = (reference - injection).total_seconds()
    if uptake_s is not None:
        _check_uptake(uptake_s, facts, warnings)
    decay_s = (reference - injection).total_seconds()
    decayed = dose_bq * 2.0 ** (-decay_s / half_life_s)
    return SuvConversion(
        factor=suvbw_factor(weight_kg, dose_bq, half_life_s, decay_s),
        weight_kg=weight_kg,
        dose_bq=dose_bq,
        decayed_dose_bq=decayed,
        half_life_s=half_life_s,
        injection=injection,
        reference=reference,
        ref_time_source=source,
        warnings=tuple(warnings),
    )


def suvbw_factor(weight_kg: float, dose_bq: float, half_life_s: float, decay_s: float) -> float:
    """g/ml per Bq/ml, for voxels decay-corrected to `decay_s` seconds after the injection of `dose_bq`."""
    return weight_kg * 1000.0 / (dose_bq * 2.0 ** (-decay_s / half_life_s))


def mean_count_rate_offset_s(half_life_s: float, frame_duration_s: float) -> float:
    """Seconds from the start of a frame to the moment at which the activity equals the frame's mean.

    t_av = (1/lam) ln(lam Tf / (1 - exp(-lam Tf))), clinical.md 1.3.
    """
    decay = math.log(2.0) / half_life_s * frame_duration_s
    return frame_duration_s / decay * math.log(decay / -math.expm1(-decay))


def _require_quantitative(facts: PetFacts) -> None:
    if facts.units != "BQML":
        raise SuvError(
            f"Units (0054,1001) is {facts.units or 'missing'}; only BQML is handled so far: "
            "reconstruct or export the series in Bq/ml"
        )
    if facts.decay_correction not in ("START", "ADMIN"):
        raise SuvError(
            f"Decay Correction (0054,1102) is {facts.decay_correction or 'missing'}; "
            "only START and ADMIN are handled so far"
        )
    for flag, meaning in (("ATTN", "attenuation"), ("DECY", "decay")):
        if flag not in facts.corrected_image:
            raise SuvError(
                f"Corrected Image (0028,0051) is {'/'.join(facts.corrected_image) or 'missing'}, without {flag}: "
                f"not corrected for {meaning}, so it carries no SUV; choose the corrected series"
            )


def _weight(facts: PetFacts) -> float:
    weight = facts.weight_kg
    if weight is None or not 1.0 <= weight <= 400.0:
        raise SuvError(
            f"Patient's Weight (0010,1030) is {'missing' if weight is None else f'{weight:g} kg'}, "
            "expected 1 to 400 kg; give the true one with --weight-kg"
        )
    return weight


def _dose(facts: PetFacts, warnings: list[str]) -> float:
    dose = facts.dose_bq
    if dose is None or dose <= 0:
        raise SuvError(
            f"Radionuclide Total Dose (0018,1074) is {'missing' if dose is None else f'{dose:g}'}, expected Bq above 0"
        )
    if dose < 1e4:
        warnings.append(f"dose {dose:g} taken as MBq, not Bq")
        dose *= 1e6
        if not 10e6 <= dose <= 1000e6:
            raise SuvError(f"Radionuclide Total Dose (0018,1074) is {dose / 1e6:g}, neither Bq nor 10 to 1000 MBq")
    return dose


def _half_life(facts: PetFacts, warnings: list[str]) -> float:
    expected = HALF_LIFE_S.get(facts.nuclide or "")
    found = facts.half_life_s
    if found is None:
        if expected is None:
            raise SuvError(
                f"Radionuclide Half Life (0018,1075) is missing and the nuclide is {facts.nuclide or 'unknown'}; "
                f"known are {', '.join(HALF_LIFE_S)}"
            )
        warnings.append(f"half-life missing, {expected:g} s of {facts.nuclide} taken")
        return expected
    if expected is not None and abs(found / expected - 1.0) > HALF_LIFE_TOLERANCE:
        raise SuvError(
            f"Radionuclide Half Life (0018,1075) is {found:g} s, but {facts.nuclide} has {expected:g} s: "
            "the wrong protocol was chosen at the scanner; correct the header"
        )
    if found <= 0:
        raise SuvError(f"Radionuclide Half Life (0018,1075) is {found:g} s, expected above 0")
    return found


def _reference_time(facts: PetFacts, half_life_s: float, warnings: list[str]) -> tuple[datetime, str]:
    """The moment to which START-corrected voxels are decay-corrected, in the order of clinical.md 1.3 (a)-(e)."""
    if facts.ge_scan_datetime is not None:
        return facts.ge_scan_datetime, "ge_private"
    if facts.siemens_decay_datetime is not None:
        return facts.siemens_decay_datetime, "siemens_private"
    series, acquired = facts.series_datetime, facts.acquisition_datetime
    if series is not None and acquired is not None and series <= acquired:
        return series, "series"
    if acquired is None:
        raise SuvError(
            "Acquisition Date and Time (0008,0022)/(0008,0032) are missing: the reference time cannot be known"
        )
    if facts.frame_duration_s and facts.frame_reference_time_s is not None:
        offset = mean_count_rate_offset_s(half_life_s, facts.frame_duration_s) - facts.frame_reference_time_s
        return acquired + timedelta(seconds=offset), "backcomputed"
    warnings.append("series time is later than the first acquisition; the earliest acquisition was taken as reference")
    return acquired, "earliest_acq"


def _injection(facts: PetFacts, reference: datetime | None) -> datetime:
    """The injection; a bare time of day is placed on the day of the scan, or the day before across midnight."""
    scan = facts.acquisition_datetime or facts.series_datetime
    if facts.injection_datetime is not None:
        latest = reference or scan
        if latest is not None and facts.injection_datetime > latest:
            raise SuvError(
                f"Radiopharmaceutical Start DateTime (0018,1078) lies {facts.injection_datetime - latest} after the "
                "scan's reference time; correct the header's clock"
            )
        return facts.injection_datetime
    if facts.injection_time is None:
        raise SuvError("Radiopharmaceutical Start Time (0018,1072) and DateTime (0018,1078) are missing")
    anchor = reference or scan
    if anchor is None:
        raise SuvError("Series and Acquisition Date (0008,0021)/(0008,0022) are missing: the injection has no day")
    injection = datetime.combine(anchor.date(), facts.injection_time)
    return injection - timedelta(days=1) if injection > anchor else injection


def _check_uptake(uptake_s: float, facts: PetFacts, warnings: list[str]) -> None:
    minutes = uptake_s / 60.0
    if minutes < 0:
        raise SuvError(f"the scan starts {-minutes:.1f} min before the injection; correct the header's clock")
    if minutes > 24 * 60:
        raise SuvError(f"the scan starts {minutes / 60:.1f} h after the injection; correct the header's dates")
    if minutes < 30:
        warnings.append(f"uptake of {minutes:.0f} min is short; check clock and time zone")
    longest = LONGEST_UPTAKE_MIN.get(facts.nuclide or "")
    if longest is not None and minutes > longest:
        warnings.append(f"uptake of {minutes:.0f} min is long for {facts.nuclide}; check clock and time zone")
