"""A PET's BIDS side-car -> the facts of activity and time, so that one set of rules makes every SUV.

Seconds after Time Zero become moments of one clock. What the rules of `netlesion.suv` say in words of DICOM is said
in words of the side-car here. Knows nothing about images.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path

from netlesion.errors import CohortError, NetlesionError
from netlesion.io.dicom.tracer import NUCLIDES, nuclide_of_words
from netlesion.suv import LONGEST_DECAY_HALF_LIVES, Frame, PetFacts, SuvConversion, suv_conversion

#: Side-car fields that a SUV needs; PatientWeight (kg) and RadionuclideHalfLife (s) are this project's additions, the
#: latter may be missing where the nuclide is known.
SIDECAR_NUMBERS = ("InjectedRadioactivity", "PatientWeight", "InjectionStart", "ImageDecayCorrectionTime", "ScanStart")
#: Any moment; a side-car's times are relative.
TIME_ZERO = datetime(2000, 1, 1)
#: What the rules name, and what it is called in a side-car.
WORDS = {
    "Patient's Weight (0010,1030)": "PatientWeight",
    "Radionuclide Total Dose (0018,1074)": "InjectedRadioactivity in Bq",
    "Radionuclide Half Life (0018,1075)": "RadionuclideHalfLife",
    "Radionuclide Code Sequence (0054,0300)": "TracerRadionuclide",
    "Attenuation Correction Method (0054,1101)": "AttenuationCorrection",
    "Actual Frame Duration (0018,1242)": "FrameDuration",
    "Decay Correction (0054,1102) is NONE": "ImageDecayCorrected is false",
    "Acquisition Time (0008,0032)": "ScanStart",
    "the scan (0008,0032)": "ScanStart",
    "Radiopharmaceutical Start DateTime (0018,1078)": "InjectionStart",
    "the injection (0018,1078)": "InjectionStart",
    "injection time (0018,1078)": "InjectionStart",
    "time zone and summer time": "the clocks behind both",
    ", or ask with --allow-uncorrected": "",
    "give the true one with --weight-kg": "correct it",
    "give the true one with --dose-mbq": "correct it",
    "the wrong protocol was chosen at the scanner; correct the header": "correct the one that is wrong",
    "correct the header's clock, or give the true one with --injection-time": "correct the wrong one",
    "correct the header's dates, or give --injection-time": "correct the wrong one",
    "correct the header": "correct it",
}


def sidecar_conversion(path: Path, sidecar: Mapping) -> tuple[PetFacts, SuvConversion]:
    """Facts and conversion of a PET in Bq/ml; raises CohortError, naming field and value, for what cannot be true."""
    facts = sidecar_facts(path, sidecar)
    try:
        conversion = suv_conversion(facts)
    except NetlesionError as error:
        raise CohortError(f"{path}: {in_words_of_bids(str(error))} (side-car)") from error
    return facts, conversion


def sidecar_facts(path: Path, sidecar: Mapping) -> PetFacts:
    """The facts as stated; raises CohortError for fields that are missing, of another unit, or in contradiction."""
    values = {name: _number(path, sidecar, name) for name in SIDECAR_NUMBERS}
    unit = str(sidecar.get("InjectedRadioactivityUnits", ""))
    if unit not in ("MBq", "Bq"):
        raise CohortError(f"{path}: InjectedRadioactivityUnits is {unit!r}, expected MBq or Bq")
    dose_bq = values["InjectedRadioactivity"] * (1e6 if unit == "MBq" else 1.0)
    _require_stated_dose(path, values["InjectedRadioactivity"], unit)
    nuclide = nuclide_of_words(str(sidecar.get("TracerRadionuclide", "")))
    _require_made_with(path, sidecar, nuclide)
    corrected = _decay_corrected(path, sidecar)
    injected, reference, start = (
        TIME_ZERO + timedelta(seconds=values[name])
        for name in ("InjectionStart", "ImageDecayCorrectionTime", "ScanStart")
    )
    to_injection = reference == injected
    return PetFacts(
        units="BQML",
        decay_correction="NONE" if not corrected else "ADMIN" if to_injection else "START",
        corrected_image=("ATTN", "DECY") if corrected else ("ATTN",),
        weight_kg=values["PatientWeight"],
        dose_bq=dose_bq,
        half_life_s=_half_life_s(path, sidecar, values, corrected),
        nuclide=nuclide,
        injection_datetime=injected,
        injection_time=None,
        series_datetime=None,
        frames=(Frame(start, None if corrected else _one_duration_s(path, sidecar)),),
        manufacturer=sidecar.get("Manufacturer"),
        attenuation_method=_text(sidecar.get("AttenuationCorrection")),
        reference_datetime=None if to_injection or not corrected else reference,
    )


def in_words_of_bids(text: str) -> str:
    """A line of the SUV rules with the side-car's names for what it speaks of."""
    for word, ours in WORDS.items():
        text = text.replace(word, ours)
    return re.sub(r" \([0-9a-f]{4},[0-9a-fx]{4}\)", "", text)


def _require_stated_dose(path: Path, value: float, unit: str) -> None:
    """A side-car names its unit, so that a bare number is not guessed at."""
    low, high = (1.0, 1e4) if unit == "MBq" else (1e6, 1e10)
    if not low <= value <= high:
        raise CohortError(
            f"{path}: InjectedRadioactivity is {value:g} {unit} in its side-car, expected {low:g} to {high:g}; correct "
            "it or its unit"
        )


def _require_made_with(path: Path, sidecar: Mapping, nuclide: str | None) -> None:
    label = next((part.removeprefix("trc-") for part in path.name.split("_") if part.startswith("trc-")), None)
    label = str(sidecar.get("TracerName", "")).lower() if label is None else label
    made_with = NUCLIDES.get(label)
    if made_with is not None and nuclide is not None and nuclide not in made_with:
        raise CohortError(
            f"{path}: TracerRadionuclide is {nuclide} in its side-car, but {label} is made with "
            f"{' or '.join(made_with)}; correct the one that is wrong"
        )


def _decay_corrected(path: Path, sidecar: Mapping) -> bool:
    """What the side-car says; one that names a time of correction only is corrected."""
    value = sidecar.get("ImageDecayCorrected", True)
    if not isinstance(value, bool):
        raise CohortError(f"{path}: ImageDecayCorrected is {value!r} in its side-car, expected true or false")
    return value


def _half_life_s(path: Path, sidecar: Mapping, values: Mapping[str, float], corrected: bool) -> float | None:
    """The half-life, None where it is not stated; the time of decay correction must lie within ten of it."""
    if sidecar.get("RadionuclideHalfLife") in (None, "n/a"):
        return None
    half_life_s = _number(path, sidecar, "RadionuclideHalfLife")
    decay_s = values["ImageDecayCorrectionTime"] - values["InjectionStart"]
    if corrected and half_life_s > 0 and not 0 <= decay_s <= LONGEST_DECAY_HALF_LIVES * half_life_s:
        raise CohortError(
            f"{path}: ImageDecayCorrectionTime is {values['ImageDecayCorrectionTime']:g} in its side-car, expected "
            f"within {LONGEST_DECAY_HALF_LIVES:g} half-lives after InjectionStart; correct it"
        )
    uptake_s = values["ScanStart"] - values["InjectionStart"]
    if half_life_s > 0 and uptake_s > LONGEST_DECAY_HALF_LIVES * half_life_s:
        raise CohortError(
            f"{path}: ScanStart is {values['ScanStart']:g} in its side-car, expected within "
            f"{LONGEST_DECAY_HALF_LIVES:g} half-lives after InjectionStart; correct it, or import the series again"
        )
    return half_life_s


def _one_duration_s(path: Path, sidecar: Mapping) -> float | None:
    """The duration of the only frame, s; None where it is not stated."""
    value = sidecar.get("FrameDuration")
    if isinstance(value, list) and len(value) > 1:
        raise CohortError(
            f"{path}: ImageDecayCorrected is false and FrameDuration has {len(value)} frames in its side-car, expected "
            "one; sum the frames after decay correction"
        )
    value = value[0] if isinstance(value, list) and value else value
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _number(path: Path, sidecar: Mapping, name: str) -> float:
    value = sidecar.get(name)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise CohortError(f"{path}: {name} is {value!r} in its side-car, expected a number; no SUV without it")
    return float(value)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value.strip().lower() not in ("", "n/a") else None
