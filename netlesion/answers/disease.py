"""Which candidates are disease for the questions that ask about disease: not those that answer 1 explains otherwise.

A candidate of a network (it has a score) that is called physiologic or a pitfall takes no part in primary, stage,
receptor expression, discordance, response, biopsy and treatment, and each of those answers names it as left out. What a
reader drew, without a score, is disease whatever it is called.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from netlesion.answers.answer import Answer, Reason
from netlesion.answers.differential import findings
from netlesion.answers.patient import TRACER_WORDS, Lesion, Patient
from netlesion.answers.settings import DifferentialSettings


def disease_of(patient: Patient, settings: DifferentialSettings) -> tuple[Patient, Mapping[str, tuple[Lesion, ...]]]:
    """The patient without candidates that are explained, and visit -> those that were left out."""
    if not settings.leave_out_explained:
        return patient, {}
    visits, left_out = [], {}
    for visit in patient.visits:
        called = findings(patient, visit, settings)
        gone = {f.lesion.key: f.lesion for f in called if f.explained and f.lesion.score is not None}
        pets = tuple(replace(p, lesions=tuple(x for x in p.lesions if x.key not in gone)) for p in visit.pets)
        visits.append(replace(visit, pets=pets))
        if gone:
            left_out[visit.name] = tuple(gone.values())
    return replace(patient, visits=tuple(visits)), left_out


def with_left_out(answer: Answer, left_out: Mapping[str, tuple[Lesion, ...]]) -> Answer:
    """The answer with a sentence on the candidates of its visit, or of all visits, that took no part."""
    lesions = [x for name, gone in left_out.items() if answer.visit in (None, name) for x in gone]
    if not lesions:
        return answer
    names = ", ".join(f"{TRACER_WORDS[x.tracer]} lesion {x.lesion_id}" for x in lesions)
    text = f"Left out as physiologic or a pitfall by the first question: {names}."
    return replace(answer, reasons=(*answer.reasons, Reason(text, tuple(x.key for x in lesions))))
