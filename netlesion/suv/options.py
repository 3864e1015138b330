"""What a user states about a series: facts instead of the header's, and the words of the command line for them."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import time
from enum import Enum
from typing import TypeVar

from netlesion.errors import ConfigError, SuvError
from netlesion.suv.facts import PetFacts

#: Relative difference up to which an override repeats the header's value rather than contradicting it.
SAME_VALUE = 0.005
Choice = TypeVar("Choice", bound=Enum)


def named(option: str, kind: type[Choice], text: str) -> Choice:
    """The member of an Enum with this value; raises ConfigError that lists them."""
    try:
        return kind(text.lower())
    except ValueError as error:
        raise ConfigError(f"{option} is {text!r}, expected one of {', '.join(m.value for m in kind)}") from error


def time_of_day(option: str, text: str) -> time:
    """HH:MM or HH:MM:SS without a zone; raises ConfigError for anything else."""
    try:
        clock = time.fromisoformat(text)
    except ValueError:
        clock = None
    if clock is None or clock.tzinfo is not None or ":" not in text:
        raise ConfigError(f"{option} is {text!r}, expected HH:MM or HH:MM:SS on the scanner's clock")
    return clock


@dataclass(frozen=True)
class Overrides:
    """Facts that the user states instead of the header's: kg, cm, M/F/O, MBq, and clock times of the scanner.

    reference_time: the moment to which a START-corrected image is decay-corrected. allow_uncorrected: take an image
    that was not corrected for attenuation.
    """

    weight_kg: float | None = None
    height_cm: float | None = None
    sex: str | None = None
    dose_mbq: float | None = None
    injection_time: time | None = None
    reference_time: time | None = None
    allow_uncorrected: bool = False

    def __post_init__(self) -> None:
        for option, value, low, high in (
            ("--weight-kg", self.weight_kg, 1.0, 400.0),
            ("--height-cm", self.height_cm, 30.0, 250.0),
            ("--dose-mbq", self.dose_mbq, 1.0, 10_000.0),
        ):
            if value is not None and not low <= value <= high:
                raise ConfigError(f"{option} is {value:g}, expected {low:g} to {high:g}")
        if self.sex not in (None, "M", "F", "O"):
            raise ConfigError(f"--sex is {self.sex!r}, expected M, F or O")

    @property
    def given(self) -> dict[str, float | str]:
        """What was stated, for the log."""
        stated = {k: v for k, v in asdict(self).items() if v is not None and v is not False}
        return {k: f"{v:%H:%M:%S}" if isinstance(v, time) else v for k, v in stated.items()}

    def apply(self, facts: PetFacts) -> PetFacts:
        """The facts with what the user states in place of the header's.

        Where the voxels are SUV already, the scanner has used its own weight, dose and clock: a missing value
        may be supplied, one that contradicts the header raises SuvError, since no factor could make it true.
        """
        stated = {
            "weight_kg": self.weight_kg,
            "patient_size": None if self.height_cm is None else self.height_cm / 100.0,
            "sex": self.sex,
            "dose_bq": None if self.dose_mbq is None else self.dose_mbq * 1e6,
            "injection_time": self.injection_time,
            "reference_clock": self.reference_time,
            "allow_uncorrected": self.allow_uncorrected or None,
        }
        changes = {name: value for name, value in stated.items() if value is not None}
        if facts.units in ("GML", "CM2ML") or (facts.units == "CNTS" and facts.philips_suv_factor not in (None, 0)):
            self._require_no_contradiction(facts, changes)
        if self.injection_time is not None:
            changes["injection_datetime"] = None
        return replace(facts, **changes)

    def _require_no_contradiction(self, facts: PetFacts, changes: dict) -> None:
        options = {"weight_kg": "--weight-kg", "dose_bq": "--dose-mbq", "injection_time": "--injection-time"}
        if facts.suv_type not in (None, "BW") or facts.units == "CM2ML":
            options |= {"patient_size": "--height-cm", "sex": "--sex"}
        for name in changes.keys() & options.keys():
            stated, found = changes[name], getattr(facts, name)
            if name == "injection_time":
                found = facts.injection_time or facts.injection_datetime
            if found is not None and not _same(stated, found):
                raise SuvError(
                    f"Units (0054,1001) is {facts.units}: the scanner made this SUV with its own {name} {found}, "
                    f"{options[name]} cannot change that; leave it out, or reconstruct in Bq/ml"
                )


def _same(stated, found) -> bool:
    if isinstance(stated, float) and isinstance(found, float):
        return abs(stated - found) <= SAME_VALUE * abs(found)
    return stated == found
