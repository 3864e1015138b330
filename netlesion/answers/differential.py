"""Answer 1: is this uptake disease? Physiologic, pitfall or lesion for every candidate, with reasons.

Known explanations (`patterns`) come first. Where one fits and nothing speaks against it, the candidate is physiologic
or a pitfall; where something does, it is not decidable from images. Without an explanation a candidate is a lesion if
it is intense (DOTATATE above the liver, FDG well above it) or a reader measured it on CT or MR; weak uptake without an
explanation is equivocal (SSTR-RADS 3A, 3B) and so not decidable.

`sstr_rads_suggested` is the set of SSTR-RADS categories that the uptake level allows (clinical.md 3.3), never one final
category: 1A, 1B and 3C need a benign or atypical explanation that a reader gives, 3D lesions that CT or MR shows.
Takes a Patient, knows no files.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from netlesion.answers.answer import Answer, Question, Reason, not_assessable, settings_dict
from netlesion.answers.context import companion, middle_x_mm, mirror_of, uptake_level
from netlesion.answers.patient import Lesion, Patient, Pet, Visit
from netlesion.answers.patterns import PHYSIOLOGIC, PITFALL, TYPICAL, URINE, Pattern, Scene, matching
from netlesion.answers.settings import DifferentialSettings
from netlesion.answers.words import listed, named, spoken
from netlesion.quantify.organ_map import OrganMap

NAME = "differential"
LESION, NOT_DECIDABLE = "lesion", "not_decidable"
#: Why the hottest candidate of a suspected osteomalacia is not dismissed as a pitfall: its tumour may be as weak.
SUSPECT = "it takes up most of all candidates outside normal organs, and one weak tumour is looked for"
CALLS = (PHYSIOLOGIC, PITFALL, LESION, NOT_DECIDABLE)
NEEDED = (
    "lesions (candidates) of at least one PET",
    "an organ map, for the region of each candidate",
    "reference organs (liver, blood pool), for its uptake level",
)
READER = (
    "whether history, CT or MR explain a candidate otherwise: surgery, therapy, infection, an adenoma",
    "SSTR-RADS 1A, 1B, 3C and 3D, which need that explanation or a lesion that only CT or MR shows",
    "every candidate that is not decidable from images",
)
COLUMNS: Mapping[str, Mapping[str, str]] = {
    f"num_{call}": {"Description": f"Candidates called {spoken(call)}", "Units": "1"} for call in CALLS
}
ROW_COLUMNS: Mapping[str, Mapping[str, str]] = {
    "lesion": {"Description": "Case and lesion_id"},
    "call": {"Description": "physiologic, pitfall, lesion or not_decidable (from images)"},
    "kind": {"Description": "Which organ's uptake or which pitfall; n/a where no explanation fits"},
    "region": {"Description": "Region of the body"},
    "uptake_level": {"Description": "SSTR-RADS' level: 1 to blood pool, 2 to liver, 3 above liver; n/a for FDG"},
    "sstr_rads_suggested": {"Description": "SSTR-RADS categories that the uptake level allows, separated by |"},
    "reasons": {"Description": "Why, in words"},
}


@dataclass(frozen=True)
class Finding:
    """What one candidate was called, and why: clauses for, and what speaks against the explanation that fits."""

    lesion: Lesion
    call: str
    kind: str | None
    level: int | None
    for_: tuple[str, ...]
    against: tuple[str, ...] = ()

    @property
    def explained(self) -> bool:
        """Whether it is called physiologic or a pitfall."""
        return self.call in (PHYSIOLOGIC, PITFALL)


def answer(patient: Patient, settings: DifferentialSettings) -> tuple[Answer, ...]:
    """The call of every candidate of every visit."""
    return tuple(_at(patient, visit, settings) for visit in patient.visits)


def findings(patient: Patient, visit: Visit, settings: DifferentialSettings) -> tuple[Finding, ...]:
    """Every lesion of the visit's first PET of each tracer, called; for answers that build on this one."""
    found = []
    for tracer in dict.fromkeys(p.tracer for p in visit.pets):
        pet = visit.pet(tracer)
        if pet is not None:
            organs = None if pet.read_organs is None or not pet.lesions else pet.read_organs()
            found += [_finding(patient, visit, pet, lesion, organs, settings) for lesion in pet.lesions]
    return tuple(found)


def suggested(lesion: Lesion, level: int | None, measured: bool) -> str | None:
    """The set of SSTR-RADS categories at an uptake level; measured: a reader measured it on CT or MR."""
    if level is None or lesion.tracer != "sstr":
        return None
    if level == 3:
        return "5" if measured else "4|5"
    return "2|3B" if lesion.region == "bone" else "2|3A"


def _finding(
    patient: Patient,
    visit: Visit,
    pet: Pet,
    lesion: Lesion,
    organs: OrganMap | None,
    settings: DifferentialSettings,
) -> Finding:
    def gap(organ: str) -> float | None:
        found = math.inf if organs is None else organs.distance_mm(lesion.points_mm, (organ,))
        return found if math.isfinite(found) else None

    other = "fdg" if lesion.tracer == "sstr" else "sstr"
    scene = Scene(
        lesion=lesion,
        pet=pet,
        companion=companion(lesion, visit, other),
        mirror=mirror_of(lesion, pet.lesions, middle_x_mm(organs)),
        intense_bones=_intense_bones(lesion, visit),
        near_spleen_mm=gap("spleen"),
        near_duodenum_mm=gap("duodenum"),
        level=uptake_level(lesion, pet) if lesion.tracer == "sstr" else None,
    )
    if lesion.key in patient.diameters:
        return Finding(lesion, LESION, None, scene.level, ("a reader measured it on CT or MR",))
    if lesion.region is None:
        return Finding(lesion, NOT_DECIDABLE, None, scene.level, ("its region is not known",))
    patterns = matching(scene, settings)
    if patient.disease == "tio" and _is_hottest(lesion, pet):
        patterns = tuple(replace(p, against=(*p.against, SUSPECT)) if p.call == PITFALL else p for p in patterns)
    clear = [p for p in patterns if not p.against]
    if clear or patterns:
        best: Pattern = (clear or list(patterns))[0]
        return Finding(
            lesion, NOT_DECIDABLE if best.against else best.call, best.kind, scene.level, best.for_, best.against
        )
    return _unexplained(scene, settings)


def _unexplained(scene: Scene, settings: DifferentialSettings) -> Finding:
    """A lesion if it is intense, by its own tracer or by the other one; else equivocal."""
    lesion, weak, peak = scene.lesion, scene.is_weak(settings), scene.companion.suvpeak
    where = "no normal organ or pitfall explains it"
    if weak is None:
        return Finding(lesion, NOT_DECIDABLE, None, scene.level, ("the liver's uptake is not known",))
    if not weak:
        return Finding(lesion, LESION, None, scene.level, (f"it is intense ({scene.uptake})", where))
    limit = settings.fdg_avid_suv if lesion.tracer == "sstr" else settings.sstr_avid_suv
    if peak is not None and peak > limit:
        word = "FDG" if lesion.tracer == "sstr" else "DOTATATE"
        clause = f"{word} is taken up there (SUVpeak {peak:.1f} g/ml)"
        return Finding(lesion, LESION, None, scene.level, (clause, where))
    return Finding(lesion, NOT_DECIDABLE, None, scene.level, (f"it is weak ({scene.uptake})", where))


def _at(patient: Patient, visit: Visit, settings: DifferentialSettings) -> Answer:
    lesions = visit.lesions()
    refusal = None
    if not visit.pets:
        refusal = "The visit has no PET."
    elif lesions and all(x.region is None for x in lesions):
        refusal = "No organ map is there, so that the region of no candidate is known."
    if refusal is not None:
        return not_assessable(
            NAME, patient.patient_id, visit.name, refusal, needed=NEEDED, settings=settings, reader_decides=READER
        )
    found = findings(patient, visit, settings)
    missing = [f"{organ} of {pet.case} ({why})" for pet in visit.pets for organ, why in pet.references.missing.items()
               if organ in ("liver", "blood_pool")]  # fmt: skip
    return Answer(
        question=NAME,
        patient=patient.patient_id,
        visit=visit.name,
        status="answered",
        values={f"num_{call}": sum(f.call == call for f in found) for call in CALLS},
        rows=tuple(_row(patient, f) for f in found),
        reasons=tuple(_sentence(f) for f in found) or (Reason("No candidate was found."),),
        needed=NEEDED,
        missing=tuple(missing),
        reader_decides=READER,
        settings=settings_dict(settings),
    )


def _row(patient: Patient, finding: Finding) -> Mapping[str, str | int | None]:
    lesion = finding.lesion
    return {
        "lesion": lesion.key,
        "call": finding.call,
        "kind": finding.kind,
        "region": lesion.region,
        "uptake_level": finding.level,
        "sstr_rads_suggested": suggested(lesion, finding.level, lesion.key in patient.diameters),
        "reasons": "; ".join((*finding.for_, *(f"but {a}" for a in finding.against))),
    }


def _sentence(finding: Finding) -> Reason:
    name = named([finding.lesion])
    kind = "" if finding.kind is None else f" ({spoken(finding.kind)})"
    fits = f"; {spoken(finding.kind)} would fit" if finding.kind else ""
    said = {
        PHYSIOLOGIC: f"{name} is called physiologic{kind}",
        PITFALL: f"{name} is called a pitfall{kind}",
        LESION: f"{name} is called a lesion",
        NOT_DECIDABLE: f"{name} is not decidable from images{fits}",
    }[finding.call]
    against = f"; but {listed(finding.against)}" if finding.against else ""
    return Reason(f"{said}: {listed(finding.for_)}{against}.", (finding.lesion.key,))


def _is_hottest(lesion: Lesion, pet: Pet) -> bool:
    """Whether no other lesion of the PET outside organs with normal uptake takes up more."""
    usual = TYPICAL.get(pet.tracer, {})
    return all(x.suvpeak <= lesion.suvpeak for x in pet.lesions if x.region not in usual and x.region not in URINE)


def _intense_bones(lesion: Lesion, visit: Visit) -> int:
    """How many other bone lesions of the visit's DOTATATE PET take up more than the liver."""
    pet = visit.pet("sstr")
    lesions = () if pet is None else pet.lesions
    return sum(x is not lesion and x.region == "bone" and uptake_level(x, pet) == 3 for x in lesions if pet is not None)


QUESTION = Question(1, NAME, "Is this uptake disease?", answer, COLUMNS, ROW_COLUMNS, "candidate")
