"""Answer 10: what does PET/MR add to PET/CT, and DOTATATE to FDG? Paired tables, ready for paired statistics.

For each pair of PETs of one visit a row for the patient, for each region and for each matched finding: found by A,
found by B. Lesions are matched as two tracers are (`answers.match`, clinical.md 3.6). What lies outside the other
scan is no pair: both are n/a, and `why_not` says so. Each row says what it rests on: a standard that the table
of lesions names (histology, followup, consensus_multimodality, same_modality_reader), or none. Without a standard, the
union of both scans stands in for disease, so that shares are no sensitivities: a finding that both miss is in no table
(clinical.md 8.4). `netlesion plan-study` reads the rows of lesions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from netlesion.answers.answer import Answer, Question, Reason, keys, not_assessable, settings_dict
from netlesion.answers.match import match
from netlesion.answers.patient import Fact, Lesion, Patient, Pet, Visit
from netlesion.answers.settings import ModalitySettings
from netlesion.answers.words import listed

NAME = "modality"
SSTR_FDG, MR_CT = "sstr_fdg", "petmr_petct"
#: Comparison -> what A and B are.
COMPARISONS: Mapping[str, tuple[str, str]] = {
    SSTR_FDG: ("DOTATATE", "FDG"),
    f"{MR_CT}_sstr": ("PET/MR with DOTATATE", "PET/CT with DOTATATE"),
    f"{MR_CT}_fdg": ("PET/MR with FDG", "PET/CT with FDG"),
}
NO_STANDARD = "none_union_of_both"
NEEDED = (
    "two PETs of one visit: both tracers, or one tracer on PET/MR and on PET/CT",
    "a transform between them (netlesion register)",
    "an organ map, for the rows of regions",
)
READER = (
    "what is disease: without histology, follow-up or a consensus that saw both scans, shares are no sensitivities",
    "whether time, therapy or the order of injections between the scans explains a difference",
)
COLUMNS: Mapping[str, Mapping[str, str]] = {
    f"{name}_{cell}": {"Description": f"Findings {words.format(*both)}", "Units": "1"}
    for name, both in COMPARISONS.items()
    for cell, words in (("both", "of {} and {}"), ("only_a", "of {} and not of {}"), ("only_b", "of {1}, not of {0}"))
}  # fmt: skip
COLUMNS = COLUMNS | {"reference_standard": {"Description": "What rows rest on; none_union_of_both: on both scans"}}
ROW_COLUMNS: Mapping[str, Mapping[str, str]] = {
    "comparison": {"Description": "sstr_fdg (A DOTATATE, B FDG) or petmr_petct_<tracer> (A PET/MR, B PET/CT)"},
    "level": {"Description": "patient, region or lesion"},
    "unit": {"Description": "Research id, region, or number of the finding"},
    "found_a": {"Description": "1 if A shows a lesion there, else 0; n/a: no pair", "Units": "1"},
    "found_b": {"Description": "1 if B shows a lesion there, else 0; n/a: no pair", "Units": "1"},
    "region": {"Description": "Region of the body"},
    "lesions_a": {"Description": "Case and lesion_id on A, separated by commas"},
    "lesions_b": {"Description": "Case and lesion_id on B, separated by commas"},
    "suvpeak_a_g_per_ml": {"Description": "Highest SUVpeak of its lesions on A", "Units": "g/ml"},
    "suvpeak_b_g_per_ml": {"Description": "Highest SUVpeak of its lesions on B", "Units": "g/ml"},
    "volume_a_ml": {"Description": "Volume of its lesions on A", "Units": "ml"},
    "volume_b_ml": {"Description": "Volume of its lesions on B", "Units": "ml"},
    "why_not": {"Description": "Why it is no pair"},
    "reference_standard": {"Description": "What the row rests on"},
}


@dataclass(frozen=True, eq=False)
class Pair:
    """Lesions of one finding on both PETs of a comparison; outside: it lies outside of the other's field of view."""

    a: tuple[Lesion, ...]
    b: tuple[Lesion, ...]
    outside: bool

    @property
    def region(self) -> str | None:
        return next((x.region for x in (*self.a, *self.b) if x.region is not None), None)

    @property
    def standard(self) -> str:
        """The reference standard that the table of lesions names for it."""
        told = dict.fromkeys(str(x.facts["reference_standard"]) for x in (*self.a, *self.b)
                             if x.facts.get("reference_standard") not in (None, "", "n/a"))  # fmt: skip
        return ",".join(told) or NO_STANDARD


def answer(patient: Patient, settings: ModalitySettings) -> tuple[Answer, ...]:
    """Paired tables of every visit."""
    return tuple(_at(patient, visit, settings) for visit in patient.visits)


def comparisons(visit: Visit) -> dict[str, tuple[Pet, Pet]]:
    """The pairs of PETs that a visit offers, A first."""
    found: dict[str, tuple[Pet, Pet]] = {}
    sstr, fdg = visit.pet("sstr"), visit.pet("fdg")
    if sstr is not None and fdg is not None:
        found[SSTR_FDG] = sstr, fdg
    for tracer in ("sstr", "fdg"):
        of_tracer = [p for p in visit.pets if p.tracer == tracer]
        mr, ct = (next((p for p in of_tracer if p.modality == m), None) for m in ("PET/MR", "PET/CT"))
        if mr is not None and ct is not None:
            found[f"{MR_CT}_{tracer}"] = mr, ct
    return found


def pairs(a: Pet, b: Pet, settings: ModalitySettings) -> tuple[Pair, ...]:
    """Findings of two PETs that are placed in one frame."""
    links = match(a.lesions, b.lesions, settings)
    return tuple(Pair(x.first, x.second, _is_outside(x.first, b) or _is_outside(x.second, a)) for x in links)


def _is_outside(lesions: Sequence[Lesion], other: Pet) -> bool:
    return any(x.placed_mm is not None and not other.sees(x.placed_mm).any() for x in lesions)


def _why_not(a: Pet, b: Pet) -> str | None:
    """Why two PETs cannot be compared point by point."""
    if a.placed and b.placed and a.frame == b.frame:
        return None
    return f"no transform leads from {b.session} to {a.session} (netlesion register)"


def _at(patient: Patient, visit: Visit, settings: ModalitySettings) -> Answer:
    offered = comparisons(visit)
    refused = {name: why for name, (a, b) in offered.items() if (why := _why_not(a, b)) is not None}
    usable = {name: pairs(a, b, settings) for name, (a, b) in offered.items() if name not in refused}
    if not usable:
        why = listed(tuple(dict.fromkeys(refused.values())))
        text = (
            f"The PETs of the visit cannot be compared: {why}."
            if refused
            else "The visit has neither both tracers nor one tracer on PET/MR and PET/CT."
        )
        return not_assessable(
            NAME, patient.patient_id, visit.name, text, needed=NEEDED, settings=settings, reader_decides=READER
        )
    values: dict[str, Fact] = dict.fromkeys(COLUMNS)
    rows: list[Mapping[str, Fact]] = []
    for name, found in usable.items():
        inside = [p for p in found if not p.outside]
        values[f"{name}_both"] = sum(bool(p.a and p.b) for p in inside)
        values[f"{name}_only_a"] = sum(bool(p.a and not p.b) for p in inside)
        values[f"{name}_only_b"] = sum(bool(p.b and not p.a) for p in inside)
        rows += _rows(patient, name, found)
    standards = dict.fromkeys(str(row["reference_standard"]) for row in rows)
    values["reference_standard"] = ",".join(standards)
    return Answer(
        question=NAME,
        patient=patient.patient_id,
        visit=visit.name,
        status="answered",
        values=values,
        rows=tuple(rows),
        reasons=tuple(r for name, found in usable.items() for r in _reasons(name, found)),
        needed=NEEDED,
        missing=tuple(f"{name}: {why}" for name, why in refused.items())
        + (("a reference standard that is neither of the scans",) if NO_STANDARD in standards else ()),
        reader_decides=READER,
        settings=settings_dict(settings),
    )


def _rows(patient: Patient, name: str, found: Sequence[Pair]) -> list[Mapping[str, Fact]]:
    inside = [p for p in found if not p.outside]
    by_region: dict[str, list[Pair]] = {}
    for pair in inside:
        by_region.setdefault(pair.region or "unknown", []).append(pair)
    rows = [_row(name, "patient", patient.patient_id, inside)]
    rows += [_row(name, "region", region, of_region) for region, of_region in sorted(by_region.items())]
    rows += [_row(name, "lesion", str(n), [pair]) for n, pair in enumerate(found, start=1)]
    return rows


def _row(name: str, level: str, unit: str, of_unit: Sequence[Pair]) -> Mapping[str, Fact]:
    a, b = [x for p in of_unit for x in p.a], [x for p in of_unit for x in p.b]
    outside = any(p.outside for p in of_unit)
    regions = dict.fromkeys(p.region for p in of_unit if p.region is not None)
    standards = dict.fromkeys(p.standard for p in of_unit) or {NO_STANDARD: None}
    return {
        "comparison": name,
        "level": level,
        "unit": unit,
        "found_a": None if outside else int(bool(a)),
        "found_b": None if outside else int(bool(b)),
        "region": next(iter(regions)) if len(regions) == 1 else None,
        "lesions_a": ",".join(keys(a)) or None,
        "lesions_b": ",".join(keys(b)) or None,
        "suvpeak_a_g_per_ml": max((x.suvpeak for x in a), default=None),
        "suvpeak_b_g_per_ml": max((x.suvpeak for x in b), default=None),
        "volume_a_ml": sum(x.volume_ml for x in a) if a else None,
        "volume_b_ml": sum(x.volume_ml for x in b) if b else None,
        "why_not": "outside the field of view of the other scan" if outside else None,
        "reference_standard": ",".join(standards),
    }


def _reasons(name: str, found: Sequence[Pair]) -> tuple[Reason, ...]:
    word_a, word_b = COMPARISONS[name]
    if not found:
        return (Reason(f"Neither {word_a} nor {word_b} shows a lesion."),)
    inside = [p for p in found if not p.outside]
    both = [p for p in inside if p.a and p.b]
    only_a, only_b = [p for p in inside if not p.b], [p for p in inside if not p.a]
    lesions = keys([x for p in inside for x in (*p.a, *p.b)])
    texts = [
        Reason(
            f"{len(both)} of {len(inside)} findings are seen by {word_a} and by {word_b}, {len(only_a)} by {word_a} "
            f"alone and {len(only_b)} by {word_b} alone.",
            lesions,
        )
    ]
    for alone, word in ((only_a, word_a), (only_b, word_b)):
        if alone:
            which = [x for p in alone for x in (*p.a, *p.b)]
            regions = dict.fromkeys(str(p.region or "an unknown region").replace("_", " ") for p in alone)
            texts.append(Reason(f"Those of {word} alone lie in {listed(tuple(regions))}.", keys(which)))
    outside = [x for p in found if p.outside for x in (*p.a, *p.b)]
    if outside:
        count = sum(p.outside for p in found)
        texts.append(
            Reason(f"{count} lie outside the field of view of the other scan and are not counted.", keys(outside))
        )
    return tuple(texts)


QUESTION = Question(
    10, NAME, "What does one modality or tracer add to the other?", answer, COLUMNS, ROW_COLUMNS, "pair"
)
