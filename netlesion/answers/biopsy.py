"""Answer 7: which lesion should be biopsied? Candidates ranked by a stated utility, with where they are and why.

    utility = sum of weight * term,  each term 0 to 1 [P]
      uptake      log2 of SUVpeak over the liver's, from half of it (0) to four times (1)
      fdg_clone   1 if FDG is taken up more than by the liver: the part that decides the grade
      size        equal-sphere diameter from 8 mm (0) to 20 mm (1)
      depth       way through the body from 120 mm (0) to 20 mm (1)
      path        1 if the best straight way crosses no organ, less for organ, lung, bowel, bone, 0 for a vessel
      confidence  the network's score, where it gives one; without one the other weights share its weight

A lesion seen with both tracers is one candidate, measured with the tracer that it was found on first. What the
differential calls physiologic or a pitfall is no candidate. Places are RAS+ mm of the PET's frame (z is DICOM's, x and
y have the other sign there), with the PET's slice counted from the feet and the nearest vertebra. Takes a Patient,
knows no files. A project-made score.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from netlesion.answers.answer import Answer, Question, Reason, not_assessable, settings_dict
from netlesion.answers.context import companion, uptake_ratio
from netlesion.answers.differential import NOT_DECIDABLE, Finding, findings
from netlesion.answers.needle import Way, best_way, can_end
from netlesion.answers.patient import Lesion, Patient, Pet, Visit
from netlesion.answers.settings import BiopsySettings, Settings
from netlesion.answers.words import listed, named, number, spoken
from netlesion.quantify.organ_map import OrganMap

NAME = "biopsy"
NEEDED = (
    "lesions of at least one PET",
    "an organ map, for what a straight way crosses",
    "where the skin is: an organ map that reaches to it, or a CT",
)
READER = (
    "whether a biopsy is wanted at all, and what it should answer",
    "clotting, access through a window between ribs, breathing, and vessels too small for an organ map",
    "whether ultrasound, endoscopy or surgery reaches the lesion better than a straight way through the skin",
)
COLUMNS: Mapping[str, Mapping[str, str]] = {
    "num_candidates": {"Description": "Lesions that could be a target", "Units": "1"},
    "target": {"Description": "Case and lesion_id of the first in rank"},
    "utility": {"Description": "Its utility, 0 to 1, made by this project", "Units": "1"},
}
TERMS = ("uptake", "fdg_clone", "size", "depth", "path", "confidence")
ROW_COLUMNS: Mapping[str, Mapping[str, str]] = {
    "rank": {"Description": "1 for the first", "Units": "1"},
    "lesion": {"Description": "Case and lesion_id"},
    "utility": {"Description": "Weighted sum of the terms, made by this project", "Units": "1"},
    **{f"term_{t}": {"Description": f"Term {t} of the utility, 0 to 1; n/a: not known", "Units": "1"} for t in TERMS},
    "x_mm": {"Description": "Target in the PET's frame, RAS+ x (to the right; in DICOM negated)", "Units": "mm"},
    "y_mm": {"Description": "RAS+ y (to the front; in DICOM negated)", "Units": "mm"},
    "z_mm": {"Description": "RAS+ z (to the head), as in DICOM", "Units": "mm"},
    "pet_slice": {"Description": "Nearest transverse slice of the PET, counted from the feet, from 1", "Units": "1"},
    "vertebral_level": {"Description": "Vertebra at that height; n/a beyond the spine, or if no map names it"},
    "depth_mm": {"Description": "Length of the best straight way from the skin to the target", "Units": "mm"},
    "entry_x_mm": {"Description": "Where that way meets the skin, RAS+ x", "Units": "mm"},
    "entry_y_mm": {"Description": "Where that way meets the skin, RAS+ y", "Units": "mm"},
    "entry_z_mm": {"Description": "Where that way meets the skin, RAS+ z", "Units": "mm"},
    "path": {"Description": "clear, or the worst that it crosses: organ, lung, bowel, bone, nerve_tissue, vessel"},
    "path_organs": {"Description": "Organs that it goes through, separated by commas"},
    "diameter_mm": {"Description": "Diameter of the sphere of the lesion's PET volume", "Units": "mm"},
    "call": {"Description": "What the differential diagnosis calls it"},
}  # fmt: skip
#: The term `path` by the worst group that a way crosses [P].
PATH_TERM = {"clear": 1.0, "organ": 0.7, "lung": 0.5, "bowel": 0.3, "bone": 0.2, "nerve_tissue": 0.0, "vessel": 0.0}
#: A level is named if a vertebra's middle is this near in height.
LEVEL_MM = 30.0


@dataclass(frozen=True, eq=False)
class Candidate:
    """One possible target. way: None where no straight way is known; terms: None where one is not known."""

    lesion: Lesion
    finding: Finding
    fdg_peak: float | None
    target_mm: np.ndarray
    terms: Mapping[str, float | None]
    way: Way | None = None

    def utility(self, settings: BiopsySettings) -> float:
        """The weighted mean of the terms that are known."""
        weights = {t: getattr(settings, f"weight_{t}") for t in TERMS if self.terms[t] is not None}
        total = sum(weights.values())
        return 0.0 if total <= 0 else sum(w * (self.terms[t] or 0.0) for t, w in weights.items()) / total

    @property
    def path(self) -> str | None:
        """The worst group that the way crosses, or clear."""
        if self.way is None:
            return None
        order = ("vessel", "nerve_tissue", "bone", "bowel", "lung", "organ")
        return next((g for g in order if g in self.way.crosses), "clear")


def answer(patient: Patient, settings: Settings) -> tuple[Answer, ...]:
    """Ranked targets at every visit; takes all settings, for it builds on the differential diagnosis."""
    return tuple(_at(patient, visit, settings) for visit in patient.visits)


def candidates(patient: Patient, visit: Visit, every: Settings) -> tuple[Candidate, ...]:
    """The most useful targets of a visit, the best first; ways are sought for `most_candidates` of them only."""
    settings = every.biopsy
    called = findings(patient, visit, every.differential)
    found = []
    for finding in called:
        lesion = finding.lesion
        pet = visit.pet(lesion.tracer)
        if pet is None or finding.explained:
            continue
        beside = companion(lesion, visit, "sstr" if lesion.tracer == "fdg" else "fdg")
        if lesion.tracer == "fdg" and beside.status == "seen":
            continue  # the DOTATATE lesion stands for both
        fdg = lesion.suvpeak if lesion.tracer == "fdg" else beside.suvpeak
        found.append(_candidate(lesion, finding, pet, visit, fdg))
    found.sort(key=lambda c: (-c.utility(settings), c.lesion.key))
    with_ways = [_with_way(c, visit, settings) for c in found[: settings.most_candidates]]
    return tuple(sorted(with_ways, key=lambda c: (-c.utility(settings), c.lesion.key)))


def _candidate(lesion: Lesion, finding: Finding, pet: Pet, visit: Visit, fdg: float | None) -> Candidate:
    ratio = uptake_ratio(lesion, pet, "liver")
    fdg_pet = visit.pet("fdg")
    liver = None if fdg_pet is None else fdg_pet.references.liver
    clone = None if liver is None else float(fdg is not None and fdg > liver.peak)
    terms = {
        "uptake": None if ratio is None or ratio <= 0 else _ramp(math.log2(ratio), -1.0, 2.0),
        "fdg_clone": clone,
        "size": _ramp(diameter_mm(lesion), 8.0, 20.0),
        "depth": None,
        "path": None,
        "confidence": lesion.score,
    }
    return Candidate(lesion, finding, fdg, _target(lesion), terms)


def _with_way(one: Candidate, visit: Visit, settings: BiopsySettings) -> Candidate:
    pet = visit.pet(one.lesion.tracer)
    if pet is None or pet.read_organs is None:
        return one
    organs = pet.read_organs()
    ct = pet.read_anatomy["ct"]() if "ct" in pet.read_anatomy and not can_end(organs, None) else None
    if not can_end(organs, ct):
        return one
    way = best_way(one.target_mm, one.lesion.points_mm, organs, ct, settings.vessel_margin_mm)
    if way is None:
        return one
    found = replace(one, way=way)
    terms = {"depth": 1.0 - _ramp(way.length_mm, 20.0, 120.0), "path": PATH_TERM[found.path or "clear"]}
    return replace(found, terms={**one.terms, **terms})


def diameter_mm(lesion: Lesion) -> float:
    """Of the sphere of its PET volume: no diameter in the sense of RECIST."""
    return 2.0 * (3.0 * lesion.volume_ml * 1000.0 / (4.0 * math.pi)) ** (1 / 3)


def vertebral_level(z_mm: float, organs: OrganMap | None) -> str | None:
    """The vertebra at this height, such as L3; None beyond the spine, or without a map that names single vertebrae."""
    if organs is None:
        return None
    levels = {o: organs.corners_mm((o,)) for o in organs.organ_of_label.values() if o.startswith("vertebrae_")}
    gaps = {o: abs(float(c[:, 2].mean()) - z_mm) for o, c in levels.items() if c is not None}
    nearest = min(gaps, key=lambda o: gaps[o], default=None)
    return None if nearest is None or gaps[nearest] > LEVEL_MM else nearest.removeprefix("vertebrae_")


def slice_from_feet(point_mm: np.ndarray, pet: Pet) -> int:
    """The PET's transverse slice nearest to a point, counted from the feet, from 1."""
    axis = int(np.argmax(np.abs(pet.geometry.affine_ras[2, :3])))
    at = round(float(pet.geometry.to_index(point_mm[None])[0, axis]))
    count = pet.geometry.shape[axis]
    return at + 1 if pet.geometry.affine_ras[2, axis] > 0 else count - at


def _target(lesion: Lesion) -> np.ndarray:
    """(3,) the hottest voxel where it is known, else the voxel nearest to the centroid."""
    hottest = [lesion.facts.get(f"hottest_{axis}_mm") for axis in "xyz"]
    if all(isinstance(v, (int, float)) for v in hottest):
        return np.array(hottest, dtype=float)
    return lesion.points_mm[np.linalg.norm(lesion.points_mm - lesion.centroid_mm, axis=1).argmin()]


def _at(patient: Patient, visit: Visit, every: Settings) -> Answer:
    settings = every.biopsy
    lesions = visit.lesions()
    refusal = None
    if not visit.pets:
        refusal = "The visit has no PET."
    elif lesions and all(pet.read_organs is None for pet in visit.pets):
        refusal = "No organ map is there, so that no way to a lesion can be judged."
    if refusal is not None:
        return not_assessable(
            NAME, patient.patient_id, visit.name, refusal, needed=NEEDED, settings=settings, reader_decides=READER
        )
    ranked = candidates(patient, visit, every)
    first = ranked[0] if ranked else None
    missing = []
    if any(c.way is None for c in ranked):
        missing.append("where the skin is, for " + named([c.lesion for c in ranked if c.way is None]))
    if visit.pet("fdg") is None:
        missing.append("an FDG PET, for the part of the tumour that decides the grade")
    return Answer(
        question=NAME,
        patient=patient.patient_id,
        visit=visit.name,
        status="answered",
        category=_category(first),
        values={
            "num_candidates": len(ranked),
            "target": None if first is None else first.lesion.key,
            "utility": None if first is None else first.utility(settings),
        },
        rows=tuple(_row(n, c, visit, settings) for n, c in enumerate(ranked, start=1)),
        reasons=_reasons(ranked, visit, settings),
        needed=NEEDED,
        missing=tuple(missing),
        reader_decides=READER,
        settings=settings_dict(settings),
    )


def _category(first: Candidate | None) -> str:
    if first is None:
        return "no_target"
    if first.way is None:
        return "path_not_known"
    if not first.way.is_safe:
        return "no_path_clear_of_vessels"
    return "clear_path" if first.path == "clear" else f"path_through_{first.path}"


def _row(rank: int, one: Candidate, visit: Visit, settings: BiopsySettings) -> Mapping[str, str | float | None]:
    pet = visit.pet(one.lesion.tracer)
    assert pet is not None, "a candidate lies on a PET of the visit"
    organs = None if pet.read_organs is None else pet.read_organs()
    x, y, z = (float(v) for v in one.target_mm)
    entry = (None, None, None) if one.way is None else one.way.entry_mm
    return {
        "rank": rank,
        "lesion": one.lesion.key,
        "utility": one.utility(settings),
        **{f"term_{t}": one.terms[t] for t in TERMS},
        "x_mm": x,
        "y_mm": y,
        "z_mm": z,
        "pet_slice": slice_from_feet(one.target_mm, pet),
        "vertebral_level": vertebral_level(z, organs),
        "depth_mm": None if one.way is None else one.way.length_mm,
        **dict(zip(("entry_x_mm", "entry_y_mm", "entry_z_mm"), entry, strict=True)),
        "path": one.path,
        "path_organs": None if one.way is None else ",".join(one.way.organs) or None,
        "diameter_mm": diameter_mm(one.lesion),
        "call": one.finding.call,
    }


def _reasons(ranked: Sequence[Candidate], visit: Visit, settings: BiopsySettings) -> tuple[Reason, ...]:
    if not ranked:
        return (
            Reason("No lesion could be a target: none was found, or all are explained as physiologic or a pitfall."),
        )
    return tuple(
        Reason(_sentence(rank, one, visit, settings), (one.lesion.key,))
        for rank, one in enumerate(ranked[: settings.most_reasons], start=1)
    )


def _sentence(rank: int, one: Candidate, visit: Visit, settings: BiopsySettings) -> str:
    lesion, pet = one.lesion, visit.pet(one.lesion.tracer)
    assert pet is not None, "a candidate lies on a PET of the visit"
    organs = None if pet.read_organs is None else pet.read_organs()
    level = vertebral_level(float(one.target_mm[2]), organs)
    place = spoken(lesion.station or lesion.bone or lesion.region or "an unknown region")
    parts = [
        f"SUVpeak {number(lesion.suvpeak, 'g/ml')}",
        f"{number(diameter_mm(lesion), 'mm', 0)} across by its PET volume",
    ]
    if one.terms["fdg_clone"]:
        parts.append(f"FDG above the liver (SUVpeak {number(one.fdg_peak, 'g/ml')})")
    if one.finding.call == NOT_DECIDABLE:
        parts.append("not decidable from images")
    where = f"at the height of {level}, " if level else ""
    if one.way is None:
        way = "no straight way to it is known"
    else:
        through = [spoken(o) for o in one.way.organs]
        what = f"goes through {listed(through)}" if through else "goes through no organ"
        what += "" if one.way.is_safe else "; no straight way keeps clear of vessels, heart, brain and spinal cord"
        way = f"the best straight way is {one.way.length_mm:.0f} mm long and {what}"
    return (
        f"Rank {rank} (utility {one.utility(settings):.2f}): {named([lesion])} in {place}, {where}PET slice "
        f"{slice_from_feet(one.target_mm, pet)} from the feet: {listed(parts)}; {way}."
    )


def _ramp(value: float, low: float, high: float) -> float:
    return min(max((value - low) / (high - low), 0.0), 1.0)


QUESTION = Question(
    7, NAME, "Which lesion should be biopsied?", answer, COLUMNS, ROW_COLUMNS, "candidate", True, of_disease=True
)
