"""What both tracers and all visits say of a lesion, taken from the answers on discordance and response.

Takes answers as read from answers.json; returns words by lesion, and the course of every matched lesion. Decides
nothing: where the answers are not there, or not assessable, there are no words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from netlesion.report.answer_view import answered, keys_in
from netlesion.report.lesion_table import LesionView
from netlesion.report.results_folder import PatientResult

#: Classes of the answer on discordance (clinical.md 3.6) -> words; SSTR stands for the tracer of the receptors.
PAIR_WORDS = {
    "S+F+": "both tracers",
    "concordant": "both tracers",
    "S+F-": "DOTATATE only",
    "sstr_only": "DOTATATE only",
    "S-F+": "FDG only",
    "fdg_only": "FDG only",
    "discordant": "FDG only",
    "indeterminate": "indeterminate",
}
#: Names that the class of a row may have, and the status of a matched lesion.
CLASS_NAMES = ("class", "tracer_class", "category", "class_background", "status")


@dataclass(frozen=True)
class Course:
    """A lesion over the visits. status: as the answer calls it; lesions: those that are one, in order of visits."""

    tracer: str
    status: str
    lesions: tuple[LesionView, ...]


def pair_words(answers: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Lesion key -> both tracers, FDG only, DOTATATE only or indeterminate."""
    words: dict[str, str] = {}
    for answer in answered(answers, "discordance"):
        for row in answer.get("rows", ()):
            found = next((PAIR_WORDS[row[n]] for n in CLASS_NAMES if row.get(n) in PAIR_WORDS), None)
            if found is not None:
                words |= dict.fromkeys(keys_in(row), found)
    return words


def time_courses(patient: PatientResult, lesions: Sequence[LesionView]) -> list[Course]:
    """Every lesion that the answer on response follows over visits."""
    by_key = {v.key: v for v in lesions}
    courses = []
    for answer in answered(patient.answers, "response"):
        for row in answer.get("rows", ()):
            found = tuple(by_key[key] for key in keys_in(row) if key in by_key)
            status = next((str(row[n]) for n in CLASS_NAMES if isinstance(row.get(n), str)), "")
            if found:
                courses.append(Course(found[0].pet.tracer, status.replace("_", " "), found))
    return courses
