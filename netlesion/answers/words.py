"""Lesions and numbers as a physician reads them."""

from __future__ import annotations

from collections.abc import Sequence

from netlesion.answers.patient import TRACER_WORDS, Lesion


def listed(parts: Sequence[str], conjunction: str = "and") -> str:
    """`a`, `a and b`, `a, b and c`."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} {conjunction} {parts[-1]}" if parts else "none"


def counted(number: int, singular: str, plural: str | None = None) -> str:
    """`1 lesion`, `2 lesions`, `no lesion`."""
    if number == 0:
        return f"no {singular}"
    return f"1 {singular}" if number == 1 else f"{number} {plural or singular + 's'}"


def named(lesions: Sequence[Lesion]) -> str:
    """`DOTATATE lesions 1 and 3 and FDG lesion 2`: every lesion by the tracer it was found with and its number."""
    parts = []
    for tracer in dict.fromkeys(lesion.tracer for lesion in lesions):
        numbers = [str(lesion.lesion_id) for lesion in lesions if lesion.tracer == tracer]
        parts.append(f"{TRACER_WORDS.get(tracer, tracer)} lesion{'s' * (len(numbers) > 1)} {listed(numbers)}")
    return listed(parts)


def number(value: float | None, unit: str = "", digits: int = 1) -> str:
    """`3.4 ml`, or `not known`."""
    return "not known" if value is None else f"{value:.{digits}f}{' ' + unit if unit else ''}"


def spoken(name: str) -> str:
    """`small_bowel` -> `small bowel`."""
    return name.replace("_", " ")
