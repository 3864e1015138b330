"""Lesions and numbers as a physician reads them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from netlesion.answers.patient import TRACER_WORDS, Lesion

#: What a category that is a code means, in words.
MEANING: Mapping[str, str] = {
    "M0": "M0, no metastasis",
    "M1a": "M1a, metastases in the liver alone",
    "M1b": "M1b, metastases outside the liver alone",
    "M1c": "M1c, metastases in and outside the liver",
    "CMR": "complete metabolic response (CMR)",
    "PMR": "partial metabolic response (PMR)",
    "SMD": "stable metabolic disease (SMD)",
    "PMD": "progressive metabolic disease (PMD)",
    "NE": "not evaluable (NE)",
    "sstr_only": "positive on DOTATATE alone",
    "concordant": "positive on both tracers",
    "discordant": "disease that is positive on FDG alone",
    "increase": "more DOTATATE-positive disease",
    "decrease": "less DOTATATE-positive disease",
    "stable": "DOTATATE-positive disease of the same volume",
    "mixed": "less DOTATATE-positive disease, but new lesions",
}


def meaning(category: str) -> str:
    """A category as a physician reads it."""
    return MEANING.get(category, spoken(category))


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
