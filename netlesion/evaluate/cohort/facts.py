"""What a cohort says of its PETs beside the images: tracer, scanner, uptake time, dose, a map of the organs.

Takes the folder of a cohort, or what a folder of masks tells; returns facts by case. Reads side-cars, no image.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from netlesion.errors import CohortError
from netlesion.image.visit import Tracer
from netlesion.io.bids.cohort import open_cohort
from netlesion.io.bids.label_maps import ORGANS_DESC
from netlesion.io.bids.masks import MaskFolder
from netlesion.io.bids.pet import sidecar_of


@dataclass(frozen=True)
class PetFacts:
    """One PET; empty or None where the source does not tell.

    organs: the map of its organs (desc-organs). suv_path: which facts its SUV was made by (clinical.md 1.3).
    """

    tracer: str = ""
    scanner: str = ""
    pet: Path | None = None
    uptake_min: float | None = None
    dose_mbq: float | None = None
    organs: Path | None = None
    suv_path: str = ""


@dataclass(frozen=True)
class CohortFacts:
    """Case -> what is known of its PET."""

    by_case: Mapping[str, PetFacts] = field(default_factory=dict)

    def of(self, case: str) -> PetFacts:
        """The facts of a case; of an unknown one, the tracer that its name tells."""
        return self.by_case.get(case, PetFacts(tracer=tracer_of(case)))


def tracer_of(case: str) -> str:
    """The BIDS trc- label in a case id, or an empty text."""
    found = re.search(r"_trc-([A-Za-z0-9]+)", case)
    return found.group(1) if found else ""


def read_cohort_facts(cohort: Path | None, references: MaskFolder) -> CohortFacts:
    """Facts of every PET of `cohort`, or of the reference where that is a cohort itself.

    Raises CohortError when a cohort is named that lacks a case of the reference.
    """
    root = cohort if cohort is not None else references.root if references.kind == "cohort" else None
    if root is None:
        return CohortFacts()
    found = {}
    for visit in open_cohort(root).visits:
        for channel in (t.value for t in Tracer if t.value in visit.images):
            image = visit.images[channel][0]
            facts = _pet_facts(image.path, image.tracer_label or "")
            organs = visit.masks.get(channel, {}).get(ORGANS_DESC)
            found[visit.case_id(channel)] = replace(facts, organs=organs)
    missing = sorted(set(references.masks) - set(found))
    if cohort is not None and missing:
        raise CohortError(
            f"{cohort}: has no PET of case {missing[0]} ({len(missing)} such cases); give the cohort of these cases"
        )
    return CohortFacts(found)


def _pet_facts(path: Path, tracer: str) -> PetFacts:
    facts = sidecar_of(path) or {}
    names = [str(facts[k]) for k in ("Manufacturer", "ManufacturersModelName") if facts.get(k)]
    start, injection, dose = (facts.get(k) for k in ("ScanStart", "InjectionStart", "InjectedRadioactivity"))
    uptake_min = None
    if isinstance(start, (int, float)) and isinstance(injection, (int, float)):
        uptake_min = (start - injection) / 60
    unit = {"MBq": 1.0, "Bq": 1e-6}.get(str(facts.get("InjectedRadioactivityUnits")))
    return PetFacts(
        tracer=tracer,
        scanner=" ".join(names),
        pet=path,
        uptake_min=uptake_min,
        dose_mbq=dose * unit if isinstance(dose, (int, float)) and unit is not None else None,
        suv_path=str(facts.get("SUVPath") or ""),
    )
