"""What the answers say of single lesions, for the table of a patient's page, and the course of matched ones.

Takes answers as read from answers.json. Decides nothing: where an answer is not there, or not assessable, there is no
fact.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from netlesion.report.answer_view import answered, keys_in
from netlesion.report.lesion_table import BOTH, FDG_ONLY, SSTR_ONLY, UNCERTAIN, LesionFacts, LesionView, spoken

#: Classes of the answer on discordance (clinical.md 3.6) -> words.
PAIR_WORDS = {"concordant": BOTH, "sstr_only": SSTR_ONLY, "fdg_only": FDG_ONLY, "indeterminate": UNCERTAIN}


@dataclass(frozen=True)
class Course:
    """One lesion over the visits.

    status: its class in the last row that names it, and why. steps: for each visit the lesions that are it.
    """

    tracer: str
    status: str
    why: str
    steps: tuple[tuple[LesionView, ...], ...]


def lesion_facts(answers: Sequence[Mapping[str, Any]]) -> dict[str, LesionFacts]:
    """Lesion key -> what the answers on differential diagnosis, discordance and expression say of it."""
    found: dict[str, dict[str, Any]] = {}
    for answer in answered(answers, "differential"):
        for row in answer["rows"]:
            said = {"region": row.get("region"), "call": spoken(row.get("call"))}
            found.setdefault(str(row.get("lesion")), {}).update(said)
    for answer in answered(answers, "discordance"):
        for row in answer["rows"]:
            for key in keys_in({name: row.get(name) for name in ("sstr_lesions", "fdg_lesions")}):
                found.setdefault(key, {})["pair"] = PAIR_WORDS.get(str(row.get("class")))
    for answer in answered(answers, "expression"):
        for row in answer["rows"]:
            score, measured = row.get("qkrenning"), row.get("qkrenning_as_measured")
            words = _score_words(score, measured)
            found.setdefault(str(row.get("lesion")), {})["qkrenning"] = words
    return {key: LesionFacts(**facts) for key, facts in found.items()}


def visit_names(answers: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Case -> the name that the answers give its visit."""
    names: dict[str, str] = {}
    for answer in answers:
        if answer.get("visit") is None or answer.get("question") == "response":
            continue
        for row in answer.get("rows", ()):
            names |= {key.rpartition("/")[0]: str(answer["visit"]) for key in keys_in(row)}
    return names


def time_courses(
    answers: Sequence[Mapping[str, Any]], lesions: Sequence[LesionView], visits: Sequence[Collection[str]]
) -> list[Course]:
    """Every lesion that the answers on response follow, in order of its first lesion; visits: the cases of each."""
    by_key = {v.key: v for v in lesions}
    chains: list[dict[str, Any]] = []
    for answer in answered(answers, "response"):
        for row in answer["rows"]:
            named = {"before": row.get("lesions_before"), "after": row.get("lesions_after")}
            keys = {key for key in keys_in(named) if key in by_key}
            joined = [c for c in chains if c["keys"] & keys]
            chains = [c for c in chains if c not in joined]
            if keys:
                said = {"status": spoken(str(row.get("class"))) or "", "why": str(row.get("why") or "")}
                chains.append({"keys": keys.union(*(c["keys"] for c in joined)), **said})
    courses = []
    for chain in chains:
        ours = [v for v in lesions if v.key in chain["keys"]]
        steps = tuple(tuple(v for v in ours if v.pet.case in cases) for cases in visits)
        courses.append((ours[0].number, Course(ours[0].pet.tracer, chain["status"], chain["why"], steps)))
    return [course for _, course in sorted(courses, key=lambda found: found[0])]


def _score_words(score: Any, measured: Any) -> str | None:
    if score is not None:
        return str(score)
    return None if measured is None else f"{measured}, indeterminate"
