"""What every answer takes: a patient's visits, their PETs by tracer, and the lesions of each with their facts.

Plain records, made from files by `answers.gather` and by hand in tests. What is not known is None, never a default.
Points are RAS+ mm; those called `placed` lie in the patient's frame, which is that of the first PET of the first visit,
or, where no transform leads there from a later visit, in that visit's own frame (`Pet.frame` tells which).
Knows nothing about files or what a question asks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from netlesion.image.geometry import Geometry
from netlesion.image.transform import Transform
from netlesion.image.visit import Acquisition
from netlesion.image.volume import Volume
from netlesion.quantify.organ_map import OrganMap
from netlesion.quantify.references import ReferenceOrgans

#: How a tracer is called in sentences.
TRACER_WORDS: Mapping[str, str] = {"sstr": "DOTATATE", "fdg": "FDG", "psma": "PSMA"}
Fact = float | int | str | bool | None


@dataclass(frozen=True, eq=False)
class Lesion:
    """One lesion of one PET.

    Attributes:
        case: The PET it was found on (patient, session, tracer); with `lesion_id` this is its name everywhere.
        lesion_id: Label in that PET's label map.
        tracer: sstr, fdg or psma.
        visit: Name of the visit.
        volume_ml: Of its voxels.
        suvmax: SUVbw, g/ml; so are suvmean and suvpeak (1 ml sphere).
        points_mm: (N, 3) centres of its voxels in its own PET's frame.
        voxel_ml: Volume of one voxel.
        score: Probability of being a lesion; None without a probability map.
        placed_mm: (N, 3) the same voxels in the patient's frame; None where no transform leads there.
        region: One of `quantify.region.REGIONS`; None without an organ map.
        region_confidence: Fraction of the lesion in its region less that in the next.
        runner_up: The next region, None where there is none.
        station: Of a node: mesenteric, retroperitoneal, ...; None where unknown.
        bone: Of a bone lesion: the bone's label name.
        p_primary: The network's probability that it is a primary; None where no network says so.
        facts: Further columns of lesions.tsv by name, None where n/a.
    """

    case: str
    lesion_id: int
    tracer: str
    visit: str
    volume_ml: float
    suvmax: float
    suvmean: float
    suvpeak: float
    points_mm: np.ndarray
    voxel_ml: float
    score: float | None = None
    placed_mm: np.ndarray | None = None
    region: str | None = None
    region_confidence: float | None = None
    runner_up: str | None = None
    station: str | None = None
    bone: str | None = None
    p_primary: float | None = None
    facts: Mapping[str, Fact] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """Its name in answers.json and in tables."""
        return f"{self.case}/{self.lesion_id}"

    @property
    def centroid_mm(self) -> np.ndarray:
        """(3,) in its own PET's frame."""
        return self.points_mm.mean(axis=0)

    @property
    def total_uptake_g(self) -> float:
        """TLSRE or TLG: SUVmean times volume (clinical.md 2.2)."""
        return self.suvmean * self.volume_ml


@dataclass(frozen=True, eq=False)
class Pet:
    """One PET and the lesions found on it.

    Attributes:
        case: Patient, session and tracer.
        tracer: sstr, fdg or psma.
        session: `ses-01`, or empty.
        visit: Name of the visit.
        geometry: Its grid, which is its field of view.
        lesions: Those found on it.
        references: liver, spleen and blood_pool as far as they could be had, and why the others could not.
        acquisition: Facts of the scan; None without a cohort.
        modality: PET/CT or PET/MR; None where neither CT nor MR is there.
        reconstruction: As the side-car says.
        sul_per_suv: LBM / weight (Janmahasatian), so that SUL = SUVbw times it; None without weight, height and sex.
        frame: Session whose frame it is placed in; two PETs can be compared point by point where it is the same.
        from_patient: Takes points of that frame to this PET's; None where both are one frame.
        placed: Whether from_patient is known (or not needed); False: no transform leads to its visit's first PET.
        residual_mm: How well the transform fits; None where not known or not needed.
        days: Since the first session, by acq_time of sessions.tsv; None where it does not tell.
        read_organs: Reads the organ map in this PET's own frame; None without one.
        read_suv: Reads the PET in SUVbw; None without a cohort.
        read_anatomy: channel (ct, mr_t1, mr_t2) -> reads that image in its own frame.
    """

    case: str
    tracer: str
    session: str
    visit: str
    geometry: Geometry
    lesions: tuple[Lesion, ...] = ()
    references: ReferenceOrgans = field(default_factory=ReferenceOrgans)
    acquisition: Acquisition | None = None
    modality: Literal["PET/CT", "PET/MR"] | None = None
    reconstruction: str | None = None
    sul_per_suv: float | None = None
    frame: str = ""
    from_patient: Transform | None = None
    placed: bool = True
    residual_mm: float | None = None
    days: float | None = None
    read_organs: Callable[[], OrganMap] | None = None
    read_suv: Callable[[], Volume] | None = None
    read_anatomy: Mapping[str, Callable[[], Volume]] = field(default_factory=dict)

    def to_patient(self, points_N3: np.ndarray) -> np.ndarray:
        """Points (N, 3) of this PET's frame in the patient's frame."""
        return points_N3 if self.from_patient is None else self.from_patient.undo(points_N3)

    def of_patient(self, points_N3: np.ndarray) -> np.ndarray:
        """Points (N, 3) of the patient's frame in this PET's frame."""
        return points_N3 if self.from_patient is None else self.from_patient.apply(points_N3)

    def sees(self, points_N3: np.ndarray) -> np.ndarray:
        """(N,) whether points of the patient's frame lie in this PET's field of view."""
        index = self.geometry.to_index(self.of_patient(points_N3))
        return np.asarray(((index >= -0.5) & (index <= np.array(self.geometry.shape) - 0.5)).all(axis=1))


@dataclass(frozen=True, eq=False)
class Visit:
    """One clinical time point. pets: one or several, of one or two tracers, in order of their sessions.

    therapy: what was given since the visit before; cycles_completed: of it; days: since the first visit; all from
    sessions.tsv, None where absent. surgery_days: days from the first visit to an operation, likewise.
    """

    name: str
    pets: tuple[Pet, ...]
    therapy: str | None = None
    cycles_completed: int | None = None
    days: float | None = None
    surgery_days: float | None = None

    def pet(self, tracer: str) -> Pet | None:
        """The first PET of a tracer."""
        return next((p for p in self.pets if p.tracer == tracer), None)

    def lesions(self, tracer: str | None = None) -> tuple[Lesion, ...]:
        """Lesions of the first PET of each tracer, or of one tracer."""
        tracers = dict.fromkeys(p.tracer for p in self.pets) if tracer is None else (tracer,)
        found = [self.pet(t) for t in tracers]
        return tuple(lesion for pet in found if pet is not None for lesion in pet.lesions)


@dataclass(frozen=True)
class Diameters:
    """What a reader measured of a lesion on diagnostic CT or MR, mm (clinical.md 4.3); never derived from PET."""

    long_axis_mm: float
    short_axis_mm: float | None = None


@dataclass(frozen=True, eq=False)
class Patient:
    """One patient.

    primary_site: from participants.tsv, None where absent. disease: net or tio, likewise. diameters: lesion key ->
    what a reader measured. bed_mm: (N, 3) voxels or points of a resection bed in the patient's frame, None without one.
    """

    patient_id: str
    visits: tuple[Visit, ...]
    primary_site: str | None = None
    disease: str | None = None
    diameters: Mapping[str, Diameters] = field(default_factory=dict)
    bed_mm: np.ndarray | None = None

    @property
    def pets(self) -> Iterator[Pet]:
        return (pet for visit in self.visits for pet in visit.pets)
