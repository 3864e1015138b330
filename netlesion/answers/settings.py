"""The project choices of every answer, one dataclass for each question; each value is written into the answer.

All numbers without a mark in clinical.md are [P]. A value that cannot be meant, or two thresholds in the wrong order,
is refused when the settings are made, which is before any patient is read.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from netlesion.errors import ConfigError


def require(name: str, good: bool, value: object, expected: str) -> None:
    """Raises ConfigError that names the setting (`staging.p_lesion`) unless it is good."""
    if not good:
        raise ConfigError(f"answers.{name} is {value}, expected {expected}")


@dataclass(frozen=True)
class StagingSettings:
    """clinical.md 5.2. A lesion counts if its score is at least p_lesion; below p_certain, or where its region won by
    less than region_margin, it is uncertain and may flip.
    """

    p_lesion: float = 0.5
    p_certain: float = 0.7
    region_margin: float = 0.1

    def __post_init__(self) -> None:
        require("staging.p_lesion", 0.0 <= self.p_lesion <= 1.0, self.p_lesion, "0 to 1")
        require(
            "staging.p_certain",
            self.p_lesion <= self.p_certain <= 1.0,
            self.p_certain,
            f"p_lesion ({self.p_lesion:g}) to 1",
        )
        require("staging.region_margin", 0.0 <= self.region_margin <= 1.0, self.region_margin, "0 to 1")


@dataclass(frozen=True)
class Settings:
    """All questions' settings; a field is named after its question."""

    staging: StagingSettings = field(default_factory=StagingSettings)


def settings_of(given: Mapping[str, Mapping[str, Any]]) -> Settings:
    """Settings from plain values, question -> name -> value; what is not given keeps its default.

    Raises ConfigError for a question or a name that does not exist, a value of another type, or one that cannot be
    meant.
    """
    parts: dict[str, Any] = {}
    known = {f.name for f in fields(Settings)}
    for question, values in given.items():
        if question not in known:
            raise ConfigError(
                f"answers.{question} is no question with settings; expected one of {', '.join(sorted(known))}"
            )
        default = getattr(Settings(), question)
        names = {f.name: getattr(default, f.name) for f in fields(default)}
        for name in values:
            if name not in names:
                raise ConfigError(f"answers.{question}.{name} is no setting; expected one of {', '.join(names)}")
        parts[question] = dataclasses.replace(
            default, **{n: _as_kind(f"{question}.{n}", v, names[n]) for n, v in values.items()}
        )
    return Settings(**parts)


def _as_kind(name: str, value: Any, default: Any) -> Any:
    if isinstance(default, bool):
        if isinstance(value, bool):
            return value
        raise ConfigError(f"answers.{name} is {value!r}, expected true or false")
    if isinstance(default, (int, float)) or default is None:
        if (
            isinstance(value, bool)
            or not isinstance(value, (int, float))
            or (isinstance(default, int) and value != int(value))
        ):
            raise ConfigError(f"answers.{name} is {value!r}, expected a {'whole ' * isinstance(default, int)}number")
        return int(value) if isinstance(default, int) else float(value)
    if isinstance(default, tuple):
        if isinstance(value, str) or not hasattr(value, "__iter__"):
            raise ConfigError(f"answers.{name} is {value!r}, expected a list")
        return tuple(value)
    if not isinstance(value, str):
        raise ConfigError(f"answers.{name} is {value!r}, expected a word")
    return value
