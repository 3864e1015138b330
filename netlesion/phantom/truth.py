"""What is true about a rendered examination, in the forms in which it is written: classes, lesion rows, transforms.

Pure; knows nothing about files.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace
from typing import TYPE_CHECKING

import numpy as np

from netlesion.image.geometry import Geometry
from netlesion.output.tables import tsv
from netlesion.phantom.compounds import Offset
from netlesion.phantom.focus import LESION_KINDS, Focus
from netlesion.phantom.paint import share_of
from netlesion.phantom.stage import Stage

if TYPE_CHECKING:
    from netlesion.phantom.patient import Exam, PatientDraw
    from netlesion.phantom.render import SeenFocus, TracerTruth
    from netlesion.phantom.scan import ExamImages

BACKGROUND, PHYSIOLOGIC, PRIMARY, METASTASIS = 0, 1, 2, 3
#: Grid of the true displacement fields.
FIELD_SPACING_MM = 8.0
#: How far outside a segment's skin a point still moves with it.
SEGMENT_REACH_MM = 30.0
#: column -> what it holds.
COLUMNS = {
    "session": "BIDS session",
    "visit": "clinical time point, 1 the baseline",
    "tracer": "sstr or fdg",
    "lesion_id": "unique within the patient, the same in every tracer and visit, as in desc-lesions",
    "kind": "primary or metastasis",
    "site": "liver, node, bone, pancreas, small_bowel, peritoneum, lung, soft_tissue, other",
    "region": "organ or lymph-node station",
    "x_mm": "centre in this examination's world, RAS+",
    "y_mm": "",
    "z_mm": "",
    "volume_ml": "true volume",
    "diameter_mm": "of the sphere of that volume",
    "suv_mean_true": "true SUVbw, mean over the lesion, before blur and noise (g/ml)",
    "suv_max_true": "true SUVbw of its hottest part",
    "contrast": "suv_mean_true over the mean of the body where it grew and 5 mm around",
    "in_map": "1 when it has voxels in desc-lesions: contrast at least 1.5, above the blood pool, in the field of view",
    "num_voxels": "of desc-lesions",
    "mask_suv_mean": "mean of the noise-free image over those voxels; n/a without any",
    "mask_suv_max": "maximum of the noise-free image over those voxels",
    "twins": "ids at the visit before, separated by commas: its own, the one it split from, those merged; n/a: new",
    "relation": "to the visit before: same, split, merge, new; n/a at baseline",
}


#: What is another in the table of mimics than in that of lesions.
MIMIC_COLUMNS = {
    "lesion_id": "number of the mimic, unique within the patient, as in desc-mimics",
    "kind": "fracture, degenerative, inflamed_node, brown_fat or uncinate",
    "in_map": "1 when it has voxels in desc-mimics: as of a lesion, and not under one",
    "num_voxels": "of desc-mimics",
    "twins": "n/a",
    "relation": "n/a",
}


@dataclass(frozen=True)
class LesionRow:
    """One lesion in one PET; the columns are those of COLUMNS."""

    session: str
    visit: int
    tracer: str
    lesion_id: int
    kind: str
    site: str
    region: str
    x_mm: float
    y_mm: float
    z_mm: float
    volume_ml: float
    diameter_mm: float
    suv_mean_true: float
    suv_max_true: float
    contrast: float
    in_map: int
    num_voxels: int
    mask_suv_mean: float
    mask_suv_max: float
    twins: str
    relation: str

    @staticmethod
    def columns() -> tuple[str, ...]:
        return tuple(f.name for f in fields(LesionRow))

    @staticmethod
    def dictionary(of_mimics: bool = False) -> dict[str, dict[str, str]]:
        """The BIDS data dictionary of lesions.tsv, or of mimics.tsv, whose columns are the same."""
        return {n: {"Description": t} for n, t in (COLUMNS | (MIMIC_COLUMNS if of_mimics else {})).items()}

    def as_row(self) -> dict[str, str]:
        """Column -> text; numbers with six digits, NaN as n/a."""
        return {k: _text(v) for k, v in asdict(self).items()}


def lesion_table(rows: list[LesionRow]) -> str:
    """lesions.tsv: a header and one line per row."""
    return tsv(LesionRow.columns(), (r.as_row().values() for r in rows))


def classes_of(truth: TracerTruth, foci: tuple[Focus, ...]) -> np.ndarray:
    """uint8 IJK: 0 background, 1 physiologic, 2 primary, 3 metastasis."""
    table = np.zeros(max((f.lesion_id for f in foci), default=0) + 1, dtype=np.uint8)
    for focus in foci:
        table[focus.lesion_id] = PRIMARY if focus.kind == "primary" else METASTASIS
    table[0] = BACKGROUND
    classes = np.where(truth.physiologic > 0, np.uint8(PHYSIOLOGIC), np.uint8(BACKGROUND))
    lesions = np.nonzero(truth.instances)
    classes[lesions] = table[truth.instances[lesions]]
    return classes


def lesion_rows(patient: PatientDraw, exam: Exam, images: ExamImages) -> list[LesionRow]:
    """One row per lesion and PET of this examination."""
    rows = []
    links = patient.links.get(exam.visit, ())
    for channel, scan in images.pets.items():
        seen = {s.lesion_id: s for s in scan.truth.seen}
        for focus in (f for f in exam.foci if f.kind in LESION_KINDS):
            own = [k for k in links if k.to_id == focus.lesion_id]
            row = _row(exam, images, channel, focus, seen[focus.lesion_id])
            twins = ",".join(str(k.from_id) for k in own if k.from_id) or "n/a"
            rows.append(replace(row, twins=twins, relation=own[0].relation if own else "n/a"))
    return rows


def mimic_rows(patient: PatientDraw, exam: Exam, images: ExamImages) -> list[LesionRow]:
    """One row per mimic and PET of this examination; mimics are numbered from 1 in the order they were drawn."""
    return [
        replace(_row(exam, images, channel, focus, seen), lesion_id=seen.lesion_id)
        for channel, scan in images.pets.items()
        for focus, seen in zip(patient.mimics, scan.truth.seen_mimics, strict=True)
    ]


def _row(exam: Exam, images: ExamImages, channel: str, focus: Focus, seen: SeenFocus) -> LesionRow:
    centre = images.pose.to_scan(np.array([focus.centre_mm]), focus.segment)[0]
    return LesionRow(
        session=exam.session,
        visit=exam.visit,
        tracer=channel,
        lesion_id=focus.lesion_id,
        kind=focus.kind,
        site=focus.site,
        region=focus.region,
        x_mm=float(centre[0]),
        y_mm=float(centre[1]),
        z_mm=float(centre[2]),
        volume_ml=focus.volume_ml,
        diameter_mm=focus.diameter_mm,
        suv_mean_true=focus.mean_suv(channel),
        suv_max_true=focus.suv[channel],
        contrast=seen.contrast,
        in_map=int(seen.num_voxels > 0),
        num_voxels=seen.num_voxels,
        mask_suv_mean=seen.mask_suv_mean,
        mask_suv_max=seen.mask_suv_max,
        twins="n/a",
        relation="n/a",
    )


def true_field(patient: PatientDraw, to: ExamImages, of: ExamImages) -> tuple[np.ndarray, Geometry]:
    """(I, J, K, 3) float32, mm RAS+, on a coarse grid over `to`'s PET: a point p there lies at p + field(p) in `of`.

    Every point moves with the segment whose skin it is in (or nearest to); seams between segments are not smoothed.
    """
    fine = next(iter(to.pets.values())).image.geometry
    grid = fine.resampled((FIELD_SPACING_MM,) * 3)
    stage = Stage(grid, to.pose)
    names = list(to.pose.matrices)
    nearest = np.zeros(grid.shape, dtype=np.uint8)
    best = np.full(grid.shape, np.float32(0.01))
    for part in patient.body.parts_of(tissue="skin"):
        share = share_of(stage, Offset(part.solid, SEGMENT_REACH_MM * (part.segment != "trunk")), part.segment)
        if share.share.size:
            view, label = best[share.box], nearest[share.box]
            take = share.share > view
            label[take] = names.index(part.segment)
            view[take] = share.share[take]
    index = np.stack(np.meshgrid(*(np.arange(n) for n in grid.shape), indexing="ij"), axis=-1).reshape(-1, 3)
    points = grid.to_world(index)
    moved = np.empty_like(points)
    for n, name in enumerate(names):
        mine = nearest.ravel() == n
        if mine.any():
            moved[mine] = of.pose.to_scan(to.pose.to_body(points[mine], name), name)
    return (moved - points).astype(np.float32).reshape(*grid.shape, 3), grid


def _text(value: object) -> str:
    if isinstance(value, float):
        return "n/a" if np.isnan(value) else f"{value:.6g}"
    return str(value)
