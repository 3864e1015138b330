"""The first screen of a patient's page: how many lesions, where the largest is, how hot, what one tracer alone shows.

About the last visit. Each fact is a question, its answer, and the lesion that it leads to. Takes what the page already
has; where an answer is missing it says what is needed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from netlesion.report.answer_view import answered
from netlesion.report.lesion_table import FDG_ONLY, SSTR_ONLY, TO_LIVER, UNCERTAIN, LesionView, spoken
from netlesion.report.results_folder import PatientResult

NO_ANSWER = "These results hold no answer to this question (netlesion answer)."


@dataclass(frozen=True)
class Glance:
    """question, answer; lesions: rows that the answer leads to; detail: a second line."""

    question: str
    answer: str
    lesions: tuple[LesionView, ...] = ()
    detail: str = ""


def glance_facts(patient: PatientResult, lesions: Sequence[LesionView], names: Mapping[str, str]) -> list[Glance]:
    """The facts in order; none where no visit is finished. names: case -> its visit in the answers."""
    if not patient.visits:
        return []
    last = patient.visits[-1]
    of = {pet.tracer: [v for v in lesions if v.pet is pet] for pet in last.pets}
    visit = next((names[pet.case] for pet in last.pets if pet.case in names), None)
    now = [v for found in of.values() for v in found]
    facts = [_how_many(of), *_largest(patient, now), _discordant(patient, now, list(of), visit)]
    if len(patient.visits) > 1:
        facts.append(_changed(patient))
    return facts


def _how_many(of: Mapping[str, Sequence[LesionView]]) -> Glance:
    detail = "; ".join(f"{tracer} {sum(v.volume_ml for v in found):.1f} ml in all" for tracer, found in of.items())
    counts = " and ".join(f"{len(found)} on {tracer}" for tracer, found in of.items())
    return Glance("How many lesions?", counts, (), detail)


def _largest(patient: PatientResult, now: Sequence[LesionView]) -> list[Glance]:
    """Where the largest lesion is, and its SUVpeak against the liver's."""
    if not now:
        return [Glance("Where is the largest?", "No lesion was found.")]
    largest = max(now, key=lambda v: (v.volume_ml, -v.number))
    where = largest.region or "region not known"
    place = f"{largest.volume_ml:.1f} ml" + ("" if largest.region else "; there is no organ map")
    return [Glance("Where is the largest?", where[:1].upper() + where[1:], (largest,), place), _hot(patient, largest)]


def _hot(patient: PatientResult, lesion: LesionView) -> Glance:
    question = "Its SUVpeak against the liver?"
    peak, ratio = lesion.row.number("suvpeak_g_per_ml"), lesion.cells[TO_LIVER].sort
    liver = next(
        (r for r in patient.references if r.cells["case"] == lesion.pet.case and r.cells["organ"] == "liver"), None
    )
    shown = f"SUVpeak {lesion.cells['suvpeak_g_per_ml'].text} g/ml"
    if peak is None or ratio is None:
        reason = "the liver was not measured" if liver is None else liver.text("missing") or "no liver SUVpeak"
        return Glance(question, shown, (lesion,), f"Against the liver: not assessable, {reason}.")
    source = "" if liver is None else f", {liver.text('source')}"
    flags = None if liver is None else liver.text("flags")
    doubt = f" Doubtful: {flags}." if flags else ""
    detail = f"{shown}; liver SUVpeak {peak / float(ratio):.1f} g/ml{source}.{doubt}"
    return Glance(question, f"{lesion.cells[TO_LIVER].text} times", (lesion,), detail)


def _discordant(patient: PatientResult, now: Sequence[LesionView], tracers: Sequence[str], visit: str | None) -> Glance:
    question = "Which are FDG only?"
    if len(tracers) < 2:
        return Glance(question, "Not assessable", (), f"One tracer was imaged ({', '.join(tracers)}).")
    words = [v.cells["pair"].text for v in now if v.cells["pair"].sort is not None]
    if not words:
        return Glance(question, "Not assessable", (), _refusal(patient, "discordance", visit))
    only = tuple(v for v in now if v.cells["pair"].text == FDG_ONLY)
    counts = [(words.count(word), word) for word in (SSTR_ONLY, UNCERTAIN)]
    detail = ", ".join(f"{number} {word}" for number, word in counts)
    return Glance(question, f"{len(only)} of {len(now)} lesions" if only else "None", only, f"Also {detail}.")


def _changed(patient: PatientResult) -> Glance:
    question = "What changed?"
    found = answered(patient.answers, "response")
    if not found:
        return Glance(question, "Not assessable", (), _refusal(patient, "response", None))
    category = spoken(str(found[-1].get("category") or "see the answer")) or ""
    reasons = found[-1].get("reasons", ())
    return Glance(question, category, (), str(reasons[0]["text"]) if reasons else "")


def _refusal(patient: PatientResult, question: str, visit: str | None) -> str:
    """Why there is no answer, in the words of the answer itself."""
    asked = [a for a in patient.answers if a.get("question") == question and visit in (None, a.get("visit"))]
    if not asked:
        return NO_ANSWER
    if asked[-1].get("status") == "answered":
        return "The answer is about other PETs of this visit."
    return str(asked[-1]["reasons"][0]["text"])
