"""Answer 9: where is the one culprit of a tumour-induced osteomalacia? Candidates ranked within the patient.

    score = intercept + sum of weight * feature                      a logit; weights fitted by bench/culprit_ranker.py
      log_suvpeak     ln SUVpeak, g/ml
      log_contrast    ln of SUVmax over the local background; 0 where it was not measured
      log_volume      ln of the volume, ml
      model_score     logit of the network's probability, within +-4; 0 without one
      fracture_site   1 in a bone that breaks under its own load (rib, pelvis, scapula, femur, metatarsal, ...)
      joint_site      1 in a bone where joints or end plates degenerate
      multiplicity    ln(1 + other bone candidates of the patient within a factor of 2 in SUVpeak), of a bone candidate
      mirrored        1 if a candidate of like uptake lies at the mirrored place
      physiologic     1 if a normal organ explains it
      mr_bright       ln of its T2 signal over its surroundings; 0 without MR

A feature that is not known is 0, and the answer says what was missing. The baseline to beat is `baseline`: SUVpeak
outside normal organs. Below tau there is no candidate; that means something only where head, limbs and feet were
scanned. An avid fracture does not argue against a tumour. Source: clinical.md 6.2, 6.4, 6.5; numbers are [P].
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from netlesion.answers.answer import Answer, Question, Reason, not_assessable, settings_dict
from netlesion.answers.context import middle_x_mm, mirror_of
from netlesion.answers.differential import Finding, findings
from netlesion.answers.patient import TRACER_WORDS, Lesion, Patient, Pet, Visit
from netlesion.answers.patterns import FRACTURES, JOINTS, PHYSIOLOGIC
from netlesion.answers.words import listed, named, spoken

if TYPE_CHECKING:
    from netlesion.answers.settings import CulpritSettings, Settings

NAME = "culprit"
FEATURES = (
    "log_suvpeak", "log_contrast", "log_volume", "model_score", "fracture_site", "joint_site", "multiplicity",
    "mirrored", "physiologic", "mr_bright",
)  # fmt: skip
#: Candidates of like uptake: within this factor of SUVpeak.
ALIKE = 2.0
CANDIDATE, NO_CANDIDATE = "candidate", "no_candidate"
#: Organs at both ends of a body; a scan from vertex to toe holds them.
HEAD, FEET = ("skull", "brain"), ("toes_", "metatarsal_", "tarsal_")
#: How much shorter than the patient a complete scan may be, mm [P].
SHORTER_MM = 50.0
NEEDED = (
    "a PET of a patient with suspected tumour-induced osteomalacia (disease tio in participants.tsv)",
    "head, limbs and feet in the field of view, to say that there is none",
    "an organ map, for normal organs, bones and symmetry",
)
READER = (
    "whether the hands were in the field of view, which they often are not",
    "whether CT or MR shows a fracture, an enchondroma, fibrous dysplasia or another benign cause of a candidate",
    "FGF23, venous sampling and a biopsy, which images do not replace",
)
COLUMNS: Mapping[str, Mapping[str, str]] = {
    "fov_complete": {"Description": "Whether the scan reaches from vertex to toe; n/a where not known"},
    "num_candidates": {"Description": "Candidates that were ranked", "Units": "1"},
    "first": {"Description": "Case and lesion_id of the first in rank"},
    "first_score": {"Description": "Its score, a logit made by this project", "Units": "1"},
    "first_by_suvpeak": {"Description": "Case and lesion_id of the hottest outside normal organs (the baseline)"},
}
ROW_COLUMNS: Mapping[str, Mapping[str, str]] = {
    "rank": {"Description": "1 for the first", "Units": "1"},
    "lesion": {"Description": "Case and lesion_id"},
    "score": {"Description": "Logit made by this project: not a probability of cancer", "Units": "1"},
    "rank_by_suvpeak": {"Description": "Rank by SUVpeak outside normal organs (the baseline)", "Units": "1"},
    **{f"feature_{name}": {"Description": f"Feature {name} of the score", "Units": "1"} for name in FEATURES},
    "region": {"Description": "Region of the body"},
    "bone": {"Description": "Of a bone candidate the bone"},
    "call": {"Description": "What the differential diagnosis calls it"},
}


@dataclass(frozen=True, eq=False)
class Ranked:
    """One candidate with its features and score."""

    finding: Finding
    features: Mapping[str, float]
    score: float

    @property
    def lesion(self) -> Lesion:
        return self.finding.lesion


def answer(patient: Patient, settings: Settings) -> tuple[Answer, ...]:
    """Ranked candidates at every visit; takes all settings, for it builds on the differential diagnosis."""
    return tuple(_at(patient, visit, settings) for visit in patient.visits)


def pet_of(visit: Visit) -> Pet | None:
    """The visit's DOTATATE PET, else its FDG PET."""
    return visit.pet("sstr") or visit.pet("fdg")


def candidates(patient: Patient, visit: Visit, settings: Settings) -> tuple[Ranked, ...]:
    """Every lesion of the visit's DOTATATE (else FDG) PET, the likeliest culprit first; ties by name."""
    pet = pet_of(visit)
    if pet is None:
        return ()
    called = [f for f in findings(patient, visit, settings.differential) if f.lesion.case == pet.case]
    middle = middle_x_mm(pet.read_organs()) if pet.read_organs is not None and called else None
    ranked = []
    for finding in called:
        features = features_of(finding, pet.lesions, middle)
        ranked.append(Ranked(finding, features, score_of(features, settings.culprit)))
    return tuple(sorted(ranked, key=lambda r: (-r.score, r.lesion.key)))


def features_of(finding: Finding, lesions: Sequence[Lesion], middle: float | None) -> dict[str, float]:
    """The features of one candidate among those of its PET."""
    lesion, bone = finding.lesion, finding.lesion.bone or ""
    contrast, bright = (_number(lesion, name) for name in ("background_ratio_max", "mr_t2_ratio"))
    alike = [
        x
        for x in lesions
        if x is not lesion and x.region == "bone" and 1 / ALIKE <= x.suvpeak / max(lesion.suvpeak, 1e-6) <= ALIKE
    ]
    return {
        "log_suvpeak": _log(lesion.suvpeak),
        "log_contrast": 0.0 if contrast is None else _log(contrast),
        "log_volume": _log(lesion.volume_ml),
        "model_score": 0.0 if lesion.score is None else _logit(lesion.score),
        "fracture_site": float(bone.startswith(FRACTURES)),
        "joint_site": float(bone.startswith(JOINTS)),
        "multiplicity": math.log(1 + len(alike)) if lesion.region == "bone" else 0.0,
        "mirrored": float(mirror_of(lesion, lesions, middle) is not None),
        "physiologic": float(finding.call == PHYSIOLOGIC),
        "mr_bright": 0.0 if bright is None else _log(bright),
    }


def score_of(features: Mapping[str, float], settings: CulpritSettings) -> float:
    """The logit of a candidate."""
    return settings.intercept + sum(getattr(settings, f"weight_{n}") * x for n, x in features.items())


def baseline(ranked: Sequence[Ranked]) -> tuple[Ranked, ...]:
    """The same candidates by SUVpeak, those that a normal organ explains last."""
    return tuple(sorted(ranked, key=lambda r: (r.features["physiologic"], -r.lesion.suvpeak, r.lesion.key)))


def is_complete(pet: Pet) -> bool | None:
    """Whether a scan reaches from vertex to toe; None where neither an organ map nor the patient's height tells.

    An organ map that names head and feet tells by both being there; else the scan must be as long as the patient.
    """
    organs = None if pet.read_organs is None else pet.read_organs()
    if organs is not None and organs.labels_of(HEAD) and organs.labels_of(FEET):
        feet = {o.rsplit("_", 1)[-1] for n, o in organs.organ_of_label.items() if n in organs.labels_of(FEET)}
        return {"left", "right"} <= feet
    height = None if pet.acquisition is None else pet.acquisition.height_cm
    if height is None:
        return None
    ends = pet.geometry.to_world(np.array([[0, 0, 0], pet.geometry.shape]) - 0.5)[:, 2]
    return bool(abs(ends[1] - ends[0]) >= 10.0 * height - SHORTER_MM)


def _at(patient: Patient, visit: Visit, settings: Settings) -> Answer:
    pet = pet_of(visit)
    refusal = _refusal(patient, pet)
    ranked = candidates(patient, visit, settings)
    likely = [r for r in ranked if r.score >= settings.culprit.tau]
    complete = None if pet is None else is_complete(pet)
    if refusal is None and not likely and complete is not True:
        cut = "does not reach from vertex to toe" if complete is False else "is not known to reach from vertex to toe"
        refusal = f"No candidate was found, but the scan {cut}, so that a culprit may lie outside of it."
    if refusal is not None or pet is None:
        return not_assessable(
            NAME,
            patient.patient_id,
            visit.name,
            str(refusal),
            needed=NEEDED,
            settings=settings.culprit,
            reader_decides=READER,
        )
    by_suv = baseline(ranked)
    return Answer(
        question=NAME,
        patient=patient.patient_id,
        visit=visit.name,
        status="answered",
        category=CANDIDATE if likely else NO_CANDIDATE,
        values={
            "fov_complete": complete,
            "num_candidates": len(ranked),
            "first": ranked[0].lesion.key if ranked else None,
            "first_score": ranked[0].score if ranked else None,
            "first_by_suvpeak": by_suv[0].lesion.key if by_suv else None,
        },
        rows=tuple(_row(n, r, by_suv) for n, r in enumerate(ranked, start=1)),
        reasons=_reasons(ranked, pet, settings),
        needed=NEEDED,
        missing=_missing(pet, complete, ranked),
        reader_decides=READER,
        settings=settings_dict(settings.culprit),
    )


def _refusal(patient: Patient, pet: Pet | None) -> str | None:
    if patient.disease is None:
        return "It is not told whether osteomalacia is suspected (disease in participants.tsv)."
    if patient.disease != "tio":
        return "The question is about tumour-induced osteomalacia, and the patient's disease is another."
    return "The visit has no PET." if pet is None else None


def _row(rank: int, one: Ranked, by_suv: Sequence[Ranked]) -> Mapping[str, str | float | None]:
    return {
        "rank": rank,
        "lesion": one.lesion.key,
        "score": one.score,
        "rank_by_suvpeak": next(n for n, r in enumerate(by_suv, start=1) if r.lesion is one.lesion),
        **{f"feature_{name}": one.features[name] for name in FEATURES},
        "region": one.lesion.region,
        "bone": one.lesion.bone,
        "call": one.finding.call,
    }


def _reasons(ranked: Sequence[Ranked], pet: Pet, settings: Settings) -> tuple[Reason, ...]:
    if not ranked:
        return (Reason(f"The {TRACER_WORDS.get(pet.tracer, pet.tracer)} PET shows no candidate from vertex to toe."),)
    told = ranked[: settings.culprit.top_k]
    reasons = [Reason(_sentence(n, r, settings.culprit), (r.lesion.key,)) for n, r in enumerate(told, start=1)]
    broken = [r.lesion for r in ranked if r.finding.kind == "fracture"]
    if broken:
        text = f"{named(broken)} may be fractures or Looser zones, which come with the disease: no argument against it."
        reasons.append(Reason(text, tuple(x.key for x in broken)))
    return tuple(reasons)


def _sentence(rank: int, one: Ranked, settings: CulpritSettings) -> str:
    lesion, f = one.lesion, one.features
    where = spoken(lesion.bone or lesion.region or "an unknown region")
    parts = [f"SUVpeak {lesion.suvpeak:.1f} g/ml", f"volume {lesion.volume_ml:.1f} ml"]
    parts += [
        words
        for name, words in (
            ("fracture_site", "in a bone that breaks under its own load"),
            ("joint_site", "in a bone where joints or end plates degenerate"),
            ("mirrored", "with a like one at the mirrored place"),
            ("physiologic", "explained by a normal organ"),
        )
        if f[name]
    ]
    if f["multiplicity"]:
        parts.append(f"with {round(math.exp(f['multiplicity'])) - 1} other bone candidates of like uptake")
    below = "" if one.score >= settings.tau else f", below {settings.tau:.2f} from which it is called a candidate"
    return f"Rank {rank} (score {one.score:.2f}{below}): {named([lesion])} in {where}: {listed(parts)}."


def _missing(pet: Pet, complete: bool | None, ranked: Sequence[Ranked]) -> tuple[str, ...]:
    missing = []
    if complete is not True:
        missing.append("a scan from vertex to toe" if complete is False else "what tells whether the scan is complete")
    if pet.read_organs is None:
        missing.append("an organ map")
    for name, column in (("the local background", "background_ratio_max"), ("T2 MR", "mr_t2_ratio")):
        if ranked and all(_number(r.lesion, column) is None for r in ranked):
            missing.append(name)
    if ranked and all(r.lesion.score is None for r in ranked):
        missing.append("the network's probability")
    return tuple(missing)


def _number(lesion: Lesion, name: str) -> float | None:
    value = lesion.facts.get(name)
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _log(value: float) -> float:
    return math.log(max(value, 1e-3))


def _logit(p: float) -> float:
    p = min(max(p, 1e-6), 1 - 1e-6)
    return min(max(math.log(p / (1 - p)), -4.0), 4.0)


QUESTION = Question(
    9, NAME, "Where is the culprit of the osteomalacia?", answer, COLUMNS, ROW_COLUMNS, "candidate", takes_all=True
)
