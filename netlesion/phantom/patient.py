"""Everything that chance decides about one patient: body, uptake, lesions over time, and every examination.

Takes an index, a seed and PhantomSettings; returns a frozen PatientDraw. All randomness of the cohort is here and in
the `draw_*` functions called from here; noise and texture are kept as seeds. Patient i is the same however many others
are made and whoever makes them. Knows nothing about grids or images.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from netlesion.errors import ConfigError
from netlesion.image.geometry import Geometry
from netlesion.image.visit import Acquisition
from netlesion.phantom.biodistribution import CHANNELS, FDG, NUM_DEVIATES, SSTR, Uptake, draw_uptake
from netlesion.phantom.body.build import draw_body
from netlesion.phantom.body.parts import Body
from netlesion.phantom.evolution import Link, evolve
from netlesion.phantom.focus import Focus, sstr_burden_ml
from netlesion.phantom.lesions import draw_net_lesions
from netlesion.phantom.mimics import draw_mimics
from netlesion.phantom.paint import paint
from netlesion.phantom.pose import Pose
from netlesion.phantom.posture import Posture, draw_day, draw_other_scan, draw_own_field
from netlesion.phantom.settings import Modality, PhantomSettings
from netlesion.phantom.stage import Stage
from netlesion.phantom.stratified import normal_deviates
from netlesion.phantom.tio import draw_tio_culprit
from netlesion.phantom.tissues import TISSUE_LABELS, TISSUES
from netlesion.suv import HALF_LIFE_S

NUCLIDE: Mapping[str, str] = {SSTR: "68Ga", FDG: "18F"}
#: Lesions keep this far from the foot and head end of the field of view.
LESION_FREE_END_MM = 25.0
#: Days between the tracers, between two scanners, and between visits.
TRACER_DAYS, SCANNER_DAYS, VISIT_DAYS = (2, 14), 1, (90, 240)
#: Grid on which the body's mass and retained activity are added up.
MASS_SPACING_MM = 9.0
#: At most this share of the injected activity is in the body; the rest was voided or is in the vein [P].
MOST_RETAINED = 0.95


@dataclass(frozen=True, eq=False)
class Exam:
    """One examination day. channels: the PETs of that day, in order. anatomical: posture of the CT or MR.

    foci and links are those of its visit (links: from the visit before; empty at baseline).
    """

    session: str
    visit: int
    day: int
    channels: tuple[str, ...]
    modality: Modality
    scanner: str
    posture: Posture
    anatomical: Posture
    breathing_mm: float
    uptake: Uptake
    acquisitions: Mapping[str, Acquisition]
    seconds_per_bed: float
    foci: tuple[Focus, ...]
    seeds: Mapping[str, int]


@dataclass(frozen=True, eq=False)
class PatientDraw:
    """One patient: body in the reference posture, mimics, exams in order, and the true links between visits."""

    index: int
    body: Body
    weight_kg: float
    mimics: tuple[Focus, ...]
    exams: tuple[Exam, ...]
    links: Mapping[int, tuple[Link, ...]]
    courses: Mapping[int, str]


def draw_patient(index: int, *, seed: int, settings: PhantomSettings, body: Body | None = None) -> PatientDraw:
    """All chance of one patient, without rendering. body: takes the place of a drawn one.

    Raises ConfigError for a negative index or seed.
    """
    if index < 0 or seed < 0:
        raise ConfigError(f"a patient needs an index and a seed of 0 or more, got index {index} and seed {seed}")
    # one stream per subject of chance, so that a new draw in one does not change the others
    body_rng, uptake_rng, lesion_rng, exam_rng = (np.random.default_rng([seed, index, n]) for n in range(4))
    drawn = draw_body(body_rng, settings.body) if body is None else body
    own_field = draw_own_field(body_rng, settings.posture)
    uptake = draw_uptake(uptake_rng, settings.uptake, normal_deviates(seed, index, NUM_DEVIATES))
    mimics = draw_mimics(lesion_rng, drawn, settings.mimics)
    visits, links, courses = _draw_visits(lesion_rng, drawn, settings)
    budget = _Budget.of(drawn)
    exams = _draw_exams(exam_rng, drawn, own_field, uptake, budget, visits, settings)
    return PatientDraw(index, drawn, budget.weight_kg, mimics, exams, links, courses)


def z_range_mm(body: Body, ends: tuple[str, str]) -> tuple[float, float]:
    """Foot and head end of a scan in the reference body, mm."""
    return body.landmarks[ends[0]][2], body.landmarks[ends[1]][2]


def _draw_visits(
    rng: np.random.Generator, body: Body, settings: PhantomSettings
) -> tuple[list[tuple[Focus, ...]], dict[int, tuple[Link, ...]], dict[int, str]]:
    """The lesions of every visit, 0 the baseline, and what links each to the one before."""
    if settings.disease == "tio":
        return [draw_tio_culprit(rng, body, settings.tio)] * (1 + settings.followups), {}, {}
    foot, head = z_range_mm(body, settings.ends)
    limits = (foot + LESION_FREE_END_MM, head - LESION_FREE_END_MM)
    visits = [draw_net_lesions(rng, body, settings.lesions, limits)]
    links: dict[int, tuple[Link, ...]] = {}
    courses: dict[int, str] = {}
    free = 1 + max((f.lesion_id for f in visits[0]), default=0)
    for visit in range(1, settings.followups + 1):

        def draw_new(count: int, there: tuple[Focus, ...]) -> tuple[Focus, ...]:
            fresh = replace(
                settings.lesions, negative_share=0.0, primary_share=0.0, max_count=max(count, 1), extra_mean=50.0
            )
            new = draw_net_lesions(rng, body, fresh, limits) if count else ()
            return tuple(
                n for n in new[:count]
                if all(math.dist(n.centre_mm, t.centre_mm) > 0.5 * (n.diameter_mm + t.diameter_mm) + 4.0 for t in there)
            )  # fmt: skip

        evolved = evolve(rng, visits[-1], settings.evolution, draw_new, free)
        visits.append(evolved.foci)
        links[visit + 1], courses[visit + 1] = evolved.links, evolved.course
        free = 1 + max((k.to_id for k in evolved.links), default=free - 1)
        free = max(free, 1 + max((f.lesion_id for v in visits for f in v), default=0))
    return visits, links, courses


def _draw_exams(
    rng: np.random.Generator,
    body: Body,
    own_field: np.ndarray,
    uptake: Uptake,
    budget: _Budget,
    visits: list[tuple[Focus, ...]],
    settings: PhantomSettings,
) -> tuple[Exam, ...]:
    """Every examination day of every visit, in order."""
    exams: list[Exam] = []
    day = 0
    for number, foci in enumerate(visits, start=1):
        together: tuple[tuple[str, ...], ...] = ((SSTR,), (FDG,)) if settings.tracers_apart else (CHANNELS,)
        plan: list[tuple[tuple[str, ...], Modality]] = [
            (channels, modality) for modality in settings.modalities for channels in together
        ]
        for n, (channels, modality) in enumerate(plan):
            if n:
                day += SCANNER_DAYS if channels == plan[n - 1][0] else int(rng.integers(*TRACER_DAYS))
            posture = draw_day(rng, body, own_field, settings.posture)
            kind = "ct" if modality == "PET/CT" else "mr"
            names = settings.petct_scanners if kind == "ct" else settings.petmr_scanners
            beds = settings.seconds_per_bed if kind == "ct" else settings.petmr_seconds_per_bed
            today = uptake.on_a_day(rng).with_burden(sstr_burden_ml(foci))
            kept = {c: budget.share_kept(today, foci, c) for c in CHANNELS}
            exams.append(
                Exam(
                    session=f"{len(exams) + 1:02d}",
                    visit=number,
                    day=day,
                    channels=channels,
                    modality=modality,
                    scanner=names[int(rng.integers(len(names)))],
                    posture=posture,
                    anatomical=draw_other_scan(rng, posture, settings.posture, kind),
                    breathing_mm=float(rng.uniform(*settings.posture.breathing_mm)),
                    uptake=today.times(kept),
                    acquisitions={c: _draw_acquisition(rng, c, body, budget.weight_kg, settings) for c in channels},
                    seconds_per_bed=float(round(rng.uniform(*beds))),
                    foci=tuple(replace(f, suv={c: v * kept[c] for c, v in f.suv.items()}) for f in foci),
                    seeds={
                        name: int(rng.integers(2**62)) for name in ("texture", "noise", "ct_noise", "mr_noise", "misc")
                    },
                )
            )
        day += int(rng.integers(*VISIT_DAYS))
    return tuple(exams)


def _draw_acquisition(
    rng: np.random.Generator, channel: str, body: Body, weight_kg: float, settings: PhantomSettings
) -> Acquisition:
    """Plausible facts of one PET; suv_factor turns Bq/ml, decay-corrected to the start of the scan, into SUVbw."""
    half_life_s = HALF_LIFE_S[NUCLIDE[channel]]
    per_kg = settings.ga68_mbq_per_kg if channel == SSTR else float(rng.uniform(*settings.fdg_mbq_per_kg))
    dose_bq = per_kg * 1e6 * weight_kg * float(rng.uniform(0.92, 1.08))
    dose_bq = round(min(dose_bq, settings.ga68_most_mbq * 1e6) if channel == SSTR else dose_bq)
    mean, sd = settings.uptake_minutes
    uptake_s = float(round(60.0 * np.clip(rng.normal(mean, sd), 45.0, 90.0)))
    return Acquisition(
        weight_kg=weight_kg,
        height_cm=body.height_cm,
        dose_bq=float(dose_bq),
        half_life_s=half_life_s,
        uptake_s=uptake_s,
        suv_factor=weight_kg * 1000.0 / (dose_bq * 2.0 ** (-uptake_s / half_life_s)),
        ref_time_source="phantom",
    )


def weight_of(body: Body) -> float:
    """What a body weighs, kg."""
    return _Budget.of(body).weight_kg


def known(fact: float | None) -> float:
    """A fact of acquisition, which of a digital patient is never missing."""
    assert fact is not None
    return fact


@dataclass(frozen=True, eq=False)
class _Budget:
    """What the whole body weighs, and how much of each tissue it has (before any lesion)."""

    weight_kg: float
    volume_ml: Mapping[str, float]

    @classmethod
    def of(cls, body: Body) -> _Budget:
        """Over the whole body in the reference posture, each voxel the tissue at its middle."""
        boxes = np.array([p.solid.bounds_mm() for p in body.parts if p.tissue == "skin"])
        low, high = boxes[:, 0].min(axis=0) - 10.0, boxes[:, 1].max(axis=0) + 10.0
        i, j, k = (int(n) for n in np.ceil((high - low) / MASS_SPACING_MM))
        shape = i, j, k
        affine = np.diag([MASS_SPACING_MM] * 3 + [1.0])
        affine[:3, 3] = low
        stage = Stage(Geometry(affine, shape), Pose(body.joints, {}), ramp_mm=1e-3)
        tissue = np.zeros(shape, dtype=np.uint8)
        for part, share in paint(stage, body.parts):
            tissue[share.box][share.share >= 0.5] = TISSUE_LABELS[part.tissue]
        counts = np.bincount(tissue.ravel(), minlength=len(TISSUE_LABELS) + 1)
        volume_ml = {t: float(counts[n]) * MASS_SPACING_MM**3 / 1000.0 for t, n in TISSUE_LABELS.items()}
        weight_kg = round(sum(v * TISSUES[t].density for t, v in volume_ml.items()) / 1000.0, 1)
        return cls(weight_kg, volume_ml)

    def share_kept(self, uptake: Uptake, foci: tuple[Focus, ...], channel: str) -> float:
        """What every SUV of this tracer is multiplied by, at most 1: no more is in the body than was injected."""
        organs = sum(v * uptake.suv[channel][t] for t, v in self.volume_ml.items())
        lesions = sum(f.volume_ml * f.mean_suv(channel) for f in foci)
        return min(1.0, MOST_RETAINED * self.weight_kg * 1000.0 / (organs + lesions))
