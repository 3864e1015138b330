"""Files -> the record that answers take: results (or a cohort's own masks) and, where it is given, the cohort.

Results alone give lesions and what was measured of them. The cohort adds the PETs, organ maps, transforms, facts of
acquisition, and what images cannot give (`io.bids.clinical`). Images are read when an answer asks for them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache, partial
from pathlib import Path

import numpy as np

from netlesion.answers.frames import Frames
from netlesion.answers.patient import Diameters, Lesion, Patient, Pet, Visit
from netlesion.errors import CohortError
from netlesion.image.transform import compose, inverse_over
from netlesion.image.visit import TRACER_OF_LABEL, Acquisition, Tracer
from netlesion.image.volume import Quantity, Volume
from netlesion.io.bids.clinical import (
    Participant,
    SessionFacts,
    read_bed_points,
    read_diameters,
    read_participants,
    read_session_facts,
)
from netlesion.io.bids.cohort import DERIVATIVES, bids_sessions
from netlesion.io.bids.label_maps import ORGANS_DESC, read_named_map
from netlesion.io.bids.masks import MaskFile, open_masks
from netlesion.io.bids.pet import entity, read_suv_image, sidecar_of
from netlesion.io.bids.visit_files import VisitFiles
from netlesion.io.files import is_there, visible
from netlesion.io.nifti import read_volume
from netlesion.quantify.case import measure_case
from netlesion.quantify.instances import instances, voxels_by_label
from netlesion.quantify.organ_map import OrganMap
from netlesion.quantify.reference_map import references_by_map
from netlesion.quantify.references import ReferenceOrgans, read_references
from netlesion.quantify.region import LesionRegion, region_of
from netlesion.quantify.row import LesionRow
from netlesion.quantify.table import read_lesions
from netlesion.suv.body_size import BodySize, SulFormula

BED_DESC = "bed"
#: PETs, and organ maps, of one patient that are in memory at a time: both tracers of two visits.
KEPT_IMAGES = 4
LESIONS, REFERENCES, DIAMETERS = "lesions.tsv", "reference_organs.tsv", "diameters.tsv"
#: Columns of lesions.tsv that are fields of a Lesion by another name, or by the same.
RENAMED = {"suvmax_g_per_ml": "suvmax", "suvmean_g_per_ml": "suvmean", "suvpeak_g_per_ml": "suvpeak"}
TAKEN = ("region", "region_confidence", "runner_up", "station", "bone", "p_primary")


@dataclass(frozen=True)
class Source:
    """The tables of results and of a cohort, read once; patients are made one at a time.

    Raises CohortError for folders that hold no masks or no sessions, and tables that are broken.
    """

    masks: Mapping[str, MaskFile]
    rows: Mapping[str, tuple[LesionRow, ...]] | None
    references: Mapping[str, ReferenceOrgans]
    diameters: Mapping[tuple[str, int], tuple[float, float | None]]
    participants: Mapping[str, Participant] = field(default_factory=dict)
    cohort: Path | None = None

    @classmethod
    def open(cls, results: str | Path, cohort: str | Path | None = None) -> Source:
        """results: of `infer.py`, or a cohort, whose own reference masks are then taken and measured."""
        results = Path(results)
        folder = open_masks(results)
        root = Path(cohort) if cohort is not None else results if folder.kind == "cohort" else None
        if root is not None and not any(root.glob("sub-*")):
            raise CohortError(f"{root}: no sub-* folder; expected the BIDS cohort that the results were made of")
        table, references = results / LESIONS, results / REFERENCES
        return cls(
            folder.masks,
            read_lesions(table) if is_there(table) else None,
            read_references(references) if is_there(references) else {},
            read_diameters(results / DIAMETERS),
            {} if root is None else read_participants(root),
            root,
        )

    @property
    def patient_ids(self) -> tuple[str, ...]:
        return tuple(sorted({mask.patient for mask in self.masks.values()}))

    def patients(self) -> Iterator[Patient]:
        """Every patient, one at a time."""
        return map(self.patient, self.patient_ids)

    def patient(self, patient_id: str) -> Patient:
        """One patient with the masks that the results hold of him; raises CohortError for what does not fit."""
        masks = {case: mask for case, mask in sorted(self.masks.items()) if mask.patient == patient_id}
        return _Gatherer(self, patient_id, masks).patient()


class _Gatherer:
    """Reads one patient; images that answers ask for stay in memory as long as the patient, up to KEPT_IMAGES of
    them."""

    def __init__(self, source: Source, patient_id: str, masks: Mapping[str, MaskFile]) -> None:
        self.source, self.patient_id, self.masks = source, patient_id, masks
        self.sessions: dict[str, VisitFiles] = {}
        self.facts: Mapping[str, SessionFacts] = {}
        if source.cohort is not None:
            subject = source.cohort / f"sub-{patient_id}"
            found = bids_sessions(source.cohort, subject)
            self.sessions = {s.visit_id.partition("_")[2]: s for s in found}
            self.facts = read_session_facts(subject)
        self.read_suv = lru_cache(maxsize=KEPT_IMAGES)(read_suv_image)
        self.read_organs = lru_cache(maxsize=KEPT_IMAGES)(_read_organs)

    def patient(self) -> Patient:
        order = sorted(self.masks, key=lambda case: (_session(case), case))
        by_visit: dict[str, list[str]] = {}
        for case in order:
            by_visit.setdefault(self._visit_name(case), []).append(case)
        first = next(iter(next(iter(by_visit.values()))))
        self.frames = Frames(self.source.cohort, self.patient_id, _session(first))
        for cases in by_visit.values():
            self.frames.by_visit.append([_session(c) for c in cases])
        visits = tuple(self._visit(name, cases) for name, cases in by_visit.items())
        who = self.source.participants.get(self.patient_id, Participant())
        diameters = {
            f"{case}/{lesion}": Diameters(*axes)
            for (case, lesion), axes in self.source.diameters.items()
            if case in self.masks
        }
        return Patient(self.patient_id, visits, who.primary_site, who.disease, diameters, self._bed(visits))

    def _visit_name(self, case: str) -> str:
        session = _session(case)
        told = self.facts.get(session, SessionFacts()).visit
        return told or session or "visit-1"

    def _visit(self, name: str, cases: list[str]) -> Visit:
        pets = tuple(self._pet(case, name) for case in cases)
        facts = [self.facts[s] for s in dict.fromkeys(map(_session, cases)) if s in self.facts]
        start = self.facts.get(self.frames.first, SessionFacts()).acq_time
        days = [d for d in map(self._days, dict.fromkeys(map(_session, cases))) if d is not None]
        surgery = [(f.surgery_date - start).total_seconds() / 86400 for f in facts if f.surgery_date and start]
        return Visit(
            name,
            pets,
            next((f.therapy for f in facts if f.therapy is not None), None),
            next((f.cycles_completed for f in facts if f.cycles_completed is not None), None),
            min(days, default=None),
            max(surgery, default=None),
        )

    def _days(self, session: str) -> float | None:
        """Since the patient's first session."""
        start, moment = (self.facts.get(s, SessionFacts()).acq_time for s in (self.frames.first, session))
        return None if start is None or moment is None else (moment - start).total_seconds() / 86400

    def _pet(self, case: str, visit: str) -> Pet:
        session, tracer = _session(case), _tracer(case)
        mask = instances(read_volume(self.masks[case].path, Quantity.LABEL))
        place = self.frames.of(session)
        pet = Pet(
            case=case,
            tracer=tracer,
            session=session,
            visit=visit,
            geometry=mask.geometry,
            references=self.source.references.get(case, ReferenceOrgans()),
            frame=place.frame,
            from_patient=place.transform,
            placed=place.placed,
            residual_mm=place.residual_mm,
            days=self._days(session),
        )
        files = self.sessions.get(session)
        if files is not None and tracer in files.images:
            pet = self._with_cohort(pet, files)
        elif self.source.cohort is not None:
            raise CohortError(f"{self.source.cohort}: has no PET of case {case}; give the cohort of these results")
        if pet.read_organs is None:
            pet = replace(pet, read_organs=self._organs_of_results(pet))
        rows, references = self._measured(pet, mask)
        pet = replace(pet, references=references)
        return replace(pet, lesions=tuple(self._lesions(pet, mask, rows)))

    def _organs_of_results(self, pet: Pet) -> Callable[[], OrganMap] | None:
        """The organ map that the network made of the visit, beside its first PET; None where there is none."""
        found = visible(self.masks[pet.case].path.parent, f"*_desc-{ORGANS_DESC}_dseg.nii.gz")
        if not found or not pet.placed:
            return None
        session = _session(found[0].name)
        mapped = self.frames.of(session)
        if not mapped.placed or mapped.frame != pet.frame:
            return None

        def read() -> OrganMap:
            organs = self.read_organs(found[0])
            if session == pet.session:
                return organs
            back = None if mapped.transform is None else inverse_over(mapped.transform, organs.geometry)
            between = compose([t for t in (back, pet.from_patient) if t is not None])
            return organs if between is None else organs.moved(between)

        return lru_cache(maxsize=1)(read)

    def _with_cohort(self, pet: Pet, files: VisitFiles) -> Pet:
        image, facts = files.image(pet.tracer), self.facts.get(pet.session, SessionFacts())
        sidecar = sidecar_of(image.path) or {}
        organs = files.masks.get(pet.tracer, {}).get(ORGANS_DESC)
        acquisition = _acquisition(sidecar, facts)
        anatomy = {c: partial(_read, files, c) for c in ("ct", "mr_t1", "mr_t2") if c in files.images}
        sex = self.source.participants.get(self.patient_id, Participant()).sex
        return replace(
            pet,
            acquisition=acquisition,
            modality="PET/CT" if "ct" in anatomy else "PET/MR" if anatomy else None,
            reconstruction=_text(sidecar.get("ReconMethodName")),
            sul_per_suv=_sul_per_suv(acquisition, sex),
            read_suv=partial(self.read_suv, image.path),
            read_organs=None if organs is None else partial(self.read_organs, organs),
            read_anatomy=anatomy,
        )

    def _lesions(self, pet: Pet, mask: Volume, rows: Mapping[int, LesionRow]) -> Iterator[Lesion]:
        geometry = mask.geometry
        for label, voxels_N3 in voxels_by_label(mask.array):
            if label not in rows:
                raise CohortError(f"{pet.case}: lesion {label} of the mask is not in {LESIONS}; measure it again")
            values = asdict(rows[label])
            points = geometry.to_world(voxels_N3)
            lesion = Lesion(
                case=pet.case,
                lesion_id=label,
                tracer=pet.tracer,
                visit=pet.visit,
                volume_ml=values["volume_ml"],
                points_mm=points,
                voxel_ml=geometry.voxel_volume_ml,
                score=values["score"],
                placed_mm=pet.to_patient(points) if pet.placed else None,
                facts={k: v for k, v in values.items() if k not in RENAMED},
                **{ours: values[theirs] for theirs, ours in RENAMED.items()},
                **{name: values[name] for name in TAKEN if name in values},
            )
            if lesion.region is None and pet.read_organs is not None:
                lesion = _with_region(lesion, region_of(pet.read_organs(), points, lesion.volume_ml))
            yield lesion

    def _measured(self, pet: Pet, mask: Volume) -> tuple[Mapping[int, LesionRow], ReferenceOrgans]:
        """What was measured of each lesion and of the reference organs: of the results' tables, else measured here."""
        references = self.source.references.get(pet.case)
        if self.source.rows is not None:
            rows = {row.lesion_id: row for row in self.source.rows.get(pet.case, ())}
            if references is None and pet.read_suv is not None and pet.read_organs is not None:
                references = references_by_map(pet.read_suv(), mask, pet.read_organs())
            return rows, references or ReferenceOrgans()
        if pet.read_suv is None:
            raise CohortError(
                f"{pet.case}: there is neither {LESIONS} nor a cohort to measure lesions on; give --cohort"
            )
        probability = self.masks[pet.case].probability
        scores = None if probability is None else read_volume(probability, Quantity.PROBABILITY)
        organs = None if pet.read_organs is None else pet.read_organs()
        found = measure_case(pet.read_suv(), mask, scores, Tracer(pet.tracer), organs)
        return {row.lesion_id: row for row in found.rows}, references or found.references

    def _bed(self, visits: tuple[Visit, ...]) -> np.ndarray | None:
        """Voxels of a mask desc-bed of any PET, else the table of points, in the patient's frame."""
        if self.source.cohort is None:
            return None
        for pet in (p for v in visits for p in v.pets if p.placed):
            files = self.sessions.get(pet.session)
            path = None if files is None else files.masks.get(pet.tracer, {}).get(BED_DESC)
            if path is not None:
                bed = read_volume(path, Quantity.LABEL)
                return pet.to_patient(bed.geometry.to_world(np.argwhere(bed.array != 0)))
        name = f"sub-{self.patient_id}"
        return read_bed_points(self.source.cohort / DERIVATIVES / name / f"{name}_desc-bed_points.tsv")


def _with_region(lesion: Lesion, found: LesionRegion) -> Lesion:
    return replace(
        lesion,
        region=found.name,
        region_confidence=found.confidence,
        runner_up=found.runner_up,
        station=found.station,
        bone=found.organ if found.name == "bone" else None,
    )


def _session(case: str) -> str:
    found = entity(case, "ses")
    return "" if found is None else f"ses-{found}"


def _tracer(case: str) -> str:
    label = entity(case, "trc")
    if label is None or label not in TRACER_OF_LABEL:
        raise CohortError(
            f"{case}: its name tells no known tracer (trc-{label}); expected one of {', '.join(TRACER_OF_LABEL)}"
        )
    return TRACER_OF_LABEL[label].value


def _acquisition(sidecar: Mapping, facts: SessionFacts) -> Acquisition:
    numbers = {k: float(v) for k, v in sidecar.items() if isinstance(v, (int, float)) and not isinstance(v, bool)}
    start, injection = numbers.get("ScanStart"), numbers.get("InjectionStart")
    unit = {"MBq": 1e6, "Bq": 1.0}.get(str(sidecar.get("InjectedRadioactivityUnits")))
    dose = numbers.get("InjectedRadioactivity")
    return Acquisition(
        manufacturer=_text(sidecar.get("Manufacturer")),
        model=_text(sidecar.get("ManufacturersModelName")),
        weight_kg=numbers.get("PatientWeight", facts.weight_kg),
        height_cm=facts.height_cm,
        dose_bq=None if dose is None or unit is None else dose * unit,
        half_life_s=numbers.get("RadionuclideHalfLife"),
        uptake_s=None if start is None or injection is None else start - injection,
    )


def _sul_per_suv(facts: Acquisition, sex: str | None) -> float | None:
    """LBM / weight (Janmahasatian, clinical.md 1.1); None where weight, height or sex is not known."""
    if facts.weight_kg is None or facts.height_cm is None or sex is None:
        return None
    body = BodySize(facts.weight_kg, facts.height_cm, sex)
    return body.lean_mass_kg(SulFormula.JANMAHASATIAN) / facts.weight_kg


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value.strip().lower() not in ("", "n/a") else None


def _read_organs(path: Path) -> OrganMap:
    found = read_named_map(path)
    return OrganMap(found.volume.array, found.volume.geometry, found.names)


def _read(files: VisitFiles, channel: str) -> Volume:
    return files.load((channel,), None).scans[channel].volume
