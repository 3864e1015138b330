"""Answer 5: where do the two tracers disagree? Findings by class, and the patient's grade by three published schemes.

A finding is concordant, sstr_only, fdg_only (discordant) or indeterminate by the background definition of NETPET and
Karfis; `class_liver` is the same by Zidan's (clinical.md 3.5, 3.6). `netpet_auto` is this project's form of NETPET [P]:
the finding that is most FDG-avid relative to SSTR sets the grade, by z = ln of FDG over SSTR, each over its liver;
P2 below -ln 1.5, P3 to ln 1.5, P4 above; a: one or two findings of that grade, b: three or more.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from netlesion.answers.answer import Answer, Question, Reason, keys, not_assessable, settings_dict
from netlesion.answers.finding import (
    CONCORDANT,
    FDG,
    FDG_ONLY,
    INDETERMINATE,
    NEITHER,
    SSTR,
    SSTR_ONLY,
    Finding,
    findings,
)
from netlesion.answers.patient import Fact, Patient, Pet, Visit
from netlesion.answers.settings import DiscordanceSettings
from netlesion.answers.words import counted, named

NAME = "discordance"
NEEDED = (
    "a DOTATATE and an FDG PET of one visit, with their images (--cohort)",
    "a transform between them (netlesion register)",
    "an organ map, to know what lies beside organs that are hot anyway",
    "the uptake of the normal liver on both PETs, and of the blood pool on FDG (reference_organs.tsv)",
)
READER = (
    "the visual NETPET grade, which the automatic one of this project does not replace",
    "whether an FDG-avid finding is another tumour or an inflammation",
)
DISCORDANT, NO_FINDING = "discordant", "no_finding"
COLUMNS: Mapping[str, Mapping[str, str]] = {
    "num_findings": {"Description": "Findings of both tracers, matched", "Units": "1"},
    "num_concordant": {"Description": "Positive on both", "Units": "1"},
    "num_sstr_only": {"Description": "Positive on DOTATATE alone", "Units": "1"},
    "num_fdg_only": {"Description": "Positive on FDG alone", "Units": "1"},
    "num_indeterminate": {"Description": "Findings whose class cannot be told", "Units": "1"},
    "volume_fdg_only_ml": {"Description": "Volume of FDG-positive, SSTR-negative disease", "Units": "ml"},
    "num_fdg_only_liver": {"Description": "The same count by the liver definition", "Units": "1"},
    "volume_fdg_only_liver_ml": {"Description": "The same volume by the liver definition", "Units": "ml"},
    "netpet_auto": {"Description": "Project-made NETPET grade: P0, P1, P2a to P5b; n/a where a liver is missing"},
    "netpet_auto_raw": {"Description": "The same with SUVpeak not divided by the liver's"},
    "netpet_auto_with_indeterminate": {"Description": "The same with indeterminate findings as they were measured"},
    "karfis": {"Description": "C1, C2 or C3; n/a where the scheme has no group"},
    "zidan": {"Description": "1 to 4; n/a where the scheme has no group or a reference organ is missing"},
    "days_between": {"Description": "Between the two scans; the original NETPET asks for at most 31", "Units": "d"},
}
ROW_COLUMNS: Mapping[str, Mapping[str, str]] = {
    "finding": {"Description": "Number of the finding, from 1", "Units": "1"},
    "sstr_lesions": {"Description": "Case and lesion_id of its DOTATATE lesions, separated by commas"},
    "fdg_lesions": {"Description": "The same of FDG"},
    "region": {"Description": "Region of the body"},
    "volume_ml": {"Description": "Volume on the tracer that shows more of it", "Units": "ml"},
    "class": {"Description": "concordant, sstr_only, fdg_only or indeterminate, by the background definition"},
    "class_liver": {"Description": "The same by the liver definition (neither: positive on none); n/a: organ missing"},
    "class_as_measured": {"Description": "By the background definition whatever makes it indeterminate"},
    "doubts": {"Description": "Why it is indeterminate"},
    "sstr_peak_g_per_ml": {"Description": "SUVpeak of DOTATATE in the union of both masks", "Units": "g/ml"},
    "fdg_peak_g_per_ml": {"Description": "SUVpeak of FDG in the union of both masks", "Units": "g/ml"},
    "sstr_background_g_per_ml": {"Description": "Above it DOTATATE is positive without a mask", "Units": "g/ml"},
    "fdg_background_g_per_ml": {"Description": "Above it FDG is positive without a mask", "Units": "g/ml"},
    "z": {"Description": "ln of FDG over SSTR, each over its liver", "Units": "1"},
}
_EMPTY: tuple[str, ...] = ()


def answer(patient: Patient, settings: DiscordanceSettings) -> tuple[Answer, ...]:
    """Classes and grades of every visit."""
    return tuple(_at(patient, visit, settings) for visit in patient.visits)


def findings_of(visit: Visit, settings: DiscordanceSettings) -> tuple[Finding, ...] | str:
    """Findings of a visit's first DOTATATE and first FDG PET, or, as a sentence, why there are none to be had."""
    sstr, fdg = visit.pet(SSTR), visit.pet(FDG)
    if sstr is None or fdg is None:
        there = "no PET" if not visit.pets else f"no {'DOTATATE' if sstr is None else 'FDG'} PET"
        return f"The visit has {there}."
    for pet in (sstr, fdg):
        if not pet.placed or pet.frame != sstr.frame:
            return f"No transform leads from {pet.session} to the visit's first PET (netlesion register)."
    if sstr.read_suv is None or fdg.read_suv is None:
        return "The PET images are not there, so that no tracer can be measured where the other has a lesion."
    return findings(sstr, fdg, {SSTR: sstr.read_suv(), FDG: fdg.read_suv()}, settings)


def netpet(found: Sequence[Finding], settings: DiscordanceSettings, raw: bool = False) -> str | None:
    """Grade of these findings (clinical.md 3.5), None where a liver that it depends on is missing."""
    classes = [f.as_measured for f in found if f.as_measured != NEITHER]
    if not classes:
        return "P0"
    if FDG_ONLY in classes:
        return "P5" + _suffix(classes.count(FDG_ONLY), settings)
    concordant = [f for f in found if f.as_measured == CONCORDANT]
    if not concordant:
        return "P1"
    ratios = [f.z_raw if raw else f.z for f in concordant]
    if any(z is None for z in ratios):
        return None
    edge = math.log(settings.equal_ratio)
    grades = ["P4" if z > edge else "P2" if z < -edge else "P3" for z in ratios if z is not None]
    return max(grades) + _suffix(grades.count(max(grades)), settings)


def karfis(classes: Sequence[str]) -> str | None:
    """C1: all SSTR+, all FDG-; C2: all SSTR+, one FDG+ or more; C3: one SSTR- that is FDG+ or more."""
    if FDG_ONLY in classes:
        return "C3"
    if not classes or NEITHER in classes:
        return None
    return "C2" if CONCORDANT in classes else "C1"


def zidan(classes: Sequence[str]) -> str | None:
    """1: all -/-; 2: all SSTR+, all FDG-; 3: all SSTR+, one FDG+ or more; 4: one SSTR- that is FDG+ or more."""
    if FDG_ONLY in classes:
        return "4"
    if not classes or set(classes) == {NEITHER}:
        return "1" if classes else None
    if NEITHER in classes:
        return None
    return "3" if CONCORDANT in classes else "2"


def _suffix(number: int, settings: DiscordanceSettings) -> str:
    return "a" if number <= settings.few else "b"


def _at(patient: Patient, visit: Visit, settings: DiscordanceSettings) -> Answer:
    found = findings_of(visit, settings)
    sstr, fdg = visit.pet(SSTR), visit.pet(FDG)
    if isinstance(found, str) or sstr is None or fdg is None:
        return not_assessable(
            NAME, patient.patient_id, visit.name, str(found), needed=NEEDED, settings=settings, reader_decides=READER
        )
    sure = [f for f in found if not f.doubts]
    category, alternatives = _category(found)
    return Answer(
        question=NAME,
        patient=patient.patient_id,
        visit=visit.name,
        status="answered",
        category=category,
        alternatives=alternatives,
        values=_values(found, sure, sstr, fdg, settings),
        rows=tuple(_row(n, f) for n, f in enumerate(found, start=1)),
        reasons=_reasons(found),
        needed=NEEDED,
        missing=_missing(sstr, fdg),
        reader_decides=READER,
        settings=settings_dict(settings),
    )


def _category(found: Sequence[Finding]) -> tuple[str, tuple[str, ...]]:
    if not found:
        return NO_FINDING, ()
    nominal, measured = _of([f.category for f in found]), _of([f.as_measured for f in found])
    return nominal, (measured,) if measured != nominal else ()


def _of(classes: Sequence[str]) -> str:
    for name, category in ((FDG_ONLY, DISCORDANT), (CONCORDANT, CONCORDANT), (SSTR_ONLY, SSTR_ONLY)):
        if name in classes:
            return category
    return INDETERMINATE


def _values(
    found: Sequence[Finding], sure: Sequence[Finding], sstr: Pet, fdg: Pet, settings: DiscordanceSettings
) -> dict[str, Fact]:
    classes = [f.category for f in found]
    of_liver = [f.liver_category for f in sure]
    by_liver = [c for c in of_liver if c is not None]
    known = len(by_liver) == len(of_liver)
    return {
        "num_findings": len(found),
        "num_concordant": classes.count(CONCORDANT),
        "num_sstr_only": classes.count(SSTR_ONLY),
        "num_fdg_only": classes.count(FDG_ONLY),
        "num_indeterminate": classes.count(INDETERMINATE),
        "volume_fdg_only_ml": sum(f.volume_ml for f in found if f.category == FDG_ONLY),
        "num_fdg_only_liver": by_liver.count(FDG_ONLY) if known else None,
        "volume_fdg_only_liver_ml": sum(f.volume_ml for f in sure if f.liver_category == FDG_ONLY) if known else None,
        "netpet_auto": netpet(sure, settings),
        "netpet_auto_raw": netpet(sure, settings, raw=True),
        "netpet_auto_with_indeterminate": netpet(found, settings),
        "karfis": karfis([f.category for f in sure]),
        "zidan": zidan(by_liver) if known else None,
        "days_between": None if sstr.days is None or fdg.days is None else abs(sstr.days - fdg.days),
    }


def _row(n: int, f: Finding) -> dict[str, Fact]:
    s, d = f.sides[SSTR], f.sides[FDG]
    return {
        "finding": n,
        "sstr_lesions": ",".join(keys(s.lesions)) or None,
        "fdg_lesions": ",".join(keys(d.lesions)) or None,
        "region": f.region,
        "volume_ml": f.volume_ml,
        "class": f.category,
        "class_liver": f.liver_category,
        "class_as_measured": f.as_measured,
        "doubts": "; ".join(f.doubts) or None,
        "sstr_peak_g_per_ml": None if s.uptake is None else s.uptake.peak,
        "fdg_peak_g_per_ml": None if d.uptake is None else d.uptake.peak,
        "sstr_background_g_per_ml": s.background,
        "fdg_background_g_per_ml": d.background,
        "z": f.z,
    }


def _reasons(found: Sequence[Finding]) -> tuple[Reason, ...]:
    if not found:
        return (Reason("Neither PET shows a lesion."),)
    words = {
        FDG_ONLY: "positive on FDG alone, without uptake of DOTATATE above its surroundings",
        CONCORDANT: "positive on both tracers",
        SSTR_ONLY: "positive on DOTATATE alone",
    }
    reasons = []
    for category, what in words.items():
        group = [f for f in found if f.category == category]
        if group:
            lesions = [x for f in group for x in f.lesions]
            volume = sum(f.volume_ml for f in group)
            head = counted(len(group), "finding is", "findings are")
            text = f"{head[0].upper()}{head[1:]} {what}, {volume:.1f} ml in all: {named(lesions)}."
            reasons.append(Reason(text, keys(lesions)))
    for f in found:
        if f.doubts:
            name = named(f.lesions)
            text = f"{name[0].upper()}{name[1:]}: the class is not certain, because {' and '.join(f.doubts)}."
            reasons.append(Reason(text, keys(f.lesions)))
    return tuple(reasons)


def _missing(sstr: Pet, fdg: Pet) -> tuple[str, ...]:
    missing = []
    for pet, organ, effect in (
        (sstr, "liver", "the automatic NETPET grade and Zidan's group have no value"),
        (fdg, "liver", "the automatic NETPET grade has no value"),
        (fdg, "blood_pool", "Zidan's group has no value"),
    ):
        why = pet.references.why_not(organ)
        if why is not None:
            missing.append(f"the {organ.replace('_', ' ')} of {pet.case} ({why}), so that {effect} where it is needed")
    for pet in (sstr, fdg):
        if pet.read_organs is None:
            missing.append(f"an organ map of {pet.case}, so that nearness to hot organs was not looked at")
    return tuple(missing)


QUESTION = Question(
    5,
    NAME,
    "Where do the two tracers disagree?",
    answer,
    COLUMNS,
    ROW_COLUMNS,
    row_name="finding",
    row_key=("sstr_lesions", "fdg_lesions"),
    of_disease=True,
)
