"""The first screen of a patient's page: how many lesions, where the largest is, how hot, what one tracer alone shows.

About the last visit. Each fact is a question, its answer, and the lesion that it leads to. Takes what the page already
has; where an answer is missing it says what is needed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from netlesion.report.answer_view import answered
from netlesion.report.lesion_table import TO_LIVER, LesionView, spoken
from netlesion.report.results_folder import PatientResult

NO_ANSWER = "Not assessed: these results hold no answers (netlesion answer)."


@dataclass(frozen=True)
class Glance:
    """question, answer; lesions: rows that the answer leads to; detail: a second line."""

    question: str
    answer: str
    lesions: tuple[LesionView, ...] = ()
    detail: str = ""


def glance_facts(patient: PatientResult, lesions: Sequence[LesionView], pairs: Mapping[str, str]) -> list[Glance]:
    """The facts in order; none where no visit is finished."""
    if not patient.visits:
        return []
    last = patient.visits[-1]
    of = {pet.tracer: [v for v in lesions if v.pet is pet] for pet in last.pets}
    now = [v for found in of.values() for v in found]
    facts = [_how_many(of), *_largest(patient, now), _discordant(patient, now, pairs, list(of))]
    if len(patient.visits) > 1:
        facts.append(_changed(patient))
    return facts


def _how_many(of: Mapping[str, Sequence[LesionView]]) -> Glance:
    detail = "; ".join(f"{tracer} {sum(v.volume_ml for v in found):.1f} ml in all" for tracer, found in of.items())
    counts = " and ".join(f"{len(found)} on {tracer}" for tracer, found in of.items())
    return Glance("How many lesions?", counts, (), detail)


def _largest(patient: PatientResult, now: Sequence[LesionView]) -> list[Glance]:
    """Where the largest lesion is, and how hot against the liver."""
    if not now:
        return [Glance("Where is the largest?", "No lesion was found.")]
    largest = max(now, key=lambda v: (v.volume_ml, -v.number))
    where = largest.region or "region not known"
    place = f"{largest.volume_ml:.1f} ml, on {largest.name}" + ("" if largest.region else "; there is no organ map")
    peak = largest.cells["suvpeak_g_per_ml"].text
    ratio = largest.cells[TO_LIVER]
    liver = next(
        (r for r in patient.references if r.cells["case"] == largest.pet.case and r.cells["organ"] == "liver"), None
    )
    if ratio.sort is not None and liver is not None:
        hot = f"{ratio.text} times the liver"
        detail = f"SUVpeak {peak} g/ml, liver SUVpeak {liver.number('peak_g_per_ml'):.1f} g/ml ({liver.text('source')})"
    else:
        reason = "the liver was not measured" if liver is None else liver.text("missing") or "no liver SUVpeak"
        hot, detail = f"SUVpeak {peak} g/ml", f"Against the liver: not assessable, {reason}."
    return [
        Glance("Where is the largest?", where[:1].upper() + where[1:], (largest,), place),
        Glance("How hot is it?", hot, (largest,), detail),
    ]


def _discordant(
    patient: PatientResult, now: Sequence[LesionView], pairs: Mapping[str, str], tracers: Sequence[str]
) -> Glance:
    question = "Which are FDG only?"
    if len(tracers) < 2:
        return Glance(question, "Not assessable", (), f"One tracer was imaged ({', '.join(tracers)}).")
    if not answered(patient.answers, "discordance"):
        refused = next((a for a in patient.answers if a.get("question") == "discordance"), None)
        reason = NO_ANSWER if refused is None else str(refused["reasons"][0]["text"])
        return Glance(question, "Not assessed", (), reason)
    only = tuple(v for v in now if pairs.get(v.key) == "FDG only")
    counts = {word: sum(pairs.get(v.key) == word for v in now) for word in ("DOTATATE only", "indeterminate")}
    detail = ", ".join(f"{number} {word}" for word, number in counts.items())
    return Glance(question, f"{len(only)} of FDG" if only else "None", only, detail)


def _changed(patient: PatientResult) -> Glance:
    question = "What changed?"
    found = answered(patient.answers, "response")
    if not found:
        refused = next((a for a in patient.answers if a.get("question") == "response"), None)
        return Glance(
            question, "Not assessed", (), NO_ANSWER if refused is None else str(refused["reasons"][0]["text"])
        )
    category = spoken(str(found[-1].get("category") or "see the answer")) or ""
    reasons = found[-1].get("reasons", ())
    return Glance(question, category, (), str(reasons[0]["text"]) if reasons else "")
