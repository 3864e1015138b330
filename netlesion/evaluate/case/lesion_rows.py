"""The rows of lesions.tsv: one for each reference lesion, and one for each prediction that found none.

Takes one cropped case, its matching and its surfaces; returns frozen rows. A matched prediction has no row of its
own: its numbers stand beside those of the lesion it found, as pairs for agreement statistics.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np

from netlesion.evaluate.case.facts import CaseFacts
from netlesion.evaluate.case.foreground import Foreground
from netlesion.evaluate.case.lesion_table import UNKNOWN_LESION
from netlesion.evaluate.case.match import CroppedCase
from netlesion.evaluate.case.outcome import Matching, Outcome, PredictedLesion, ReferenceLesion
from netlesion.evaluate.case.surface import SurfaceVoxels, hausdorff_mm, normalised_surface_dice, surface_distances
from netlesion.quantify.organ_map import OrganMap
from netlesion.quantify.region import region_of

NAN = float("nan")
#: Upper limits in ml of the size bins, each excluded (clinical.md 8.2).
SIZE_LIMITS_ML = (0.5, 1.0, 5.0, 20.0)
SIZE_BINS = ("<0.5", "0.5-1", "1-5", "5-20", ">=20")


def size_bin(volume_ml: float) -> str:
    """The bin that a volume falls into; a volume on a limit belongs to the larger bin."""
    return SIZE_BINS[int(np.searchsorted(SIZE_LIMITS_ML, volume_ml * (1 + 1e-9), side="right"))]


def _column(unit: str, description: str) -> Any:
    return field(metadata={"Description": description, "Units": unit})


@dataclass(frozen=True)
class LesionResult:
    """One lesion; NaN, None or an empty text (all written n/a) where something is not known."""

    case: str = _column("n/a", "The PET: patient, session and tracer")
    patient: str = _column("n/a", "Research id")
    tracer: str = _column("n/a", "BIDS trc- label of the PET")
    source: str = _column("n/a", "reference, or prediction for one that found no lesion")
    lesion_id: int = _column("1", "Label in its mask; of a 0/1 mask its rank in size; of a reader's points their order")
    outcome: str = _column("n/a", "true_positive, false_negative, false_positive, split or dont_care (clinical.md 8.2)")
    partner_id: int | None = _column(
        "1", "The prediction that found it; for a split or don't-care the reference lesion it belongs to"
    )
    region: str = _column(
        "n/a", "Region, from the table of lesions, else by the cohort's organ map (clinical.md 5.3); n/a without either"
    )
    lesion_type: str = _column("n/a", "Type, from the table of lesions")
    reference_standard: str = _column(
        "n/a", "What its truth rests on, from the table of lesions, else as declared for all"
    )
    reference_source: str = _column("n/a", "The test, reader or model that its truth comes from, from the same table")
    size_bin: str = _column("ml", "Bin of the lesion's volume")
    num_voxels: int = _column("1", "Voxels of the lesion, 0 for a point")
    volume_ml: float = _column("ml", "Voxels times the volume of one")
    volume_partner_ml: float = _column("ml", "Volume of the prediction that found it")
    score: float = _column("1", "Confidence of the prediction: its own, or that of the one that found the lesion")
    iou: float = _column("1", "Intersection over union with the partner")
    dice: float = _column("1", "Dice with the partner")
    nsd_2mm: float = _column("1", "Share of both surfaces within 2 mm of the other, with the partner")
    nsd_4mm: float = _column("1", "The same within 4 mm")
    hd95_mm: float = _column("mm", "Larger 95th percentile of both surface distances, with the partner")
    centroid_x_mm: float = _column("mm", "Mean position of its voxels, RAS+ x (to the right)")
    centroid_y_mm: float = _column("mm", "Mean position of its voxels, RAS+ y (anterior)")
    centroid_z_mm: float = _column("mm", "Mean position of its voxels, RAS+ z (superior)")
    suvmax_g_per_ml: float = _column("g/ml", "Highest SUV in the lesion; n/a without PET")
    tlsre_g: float = _column("g", "SUV times volume, summed (TLSRE; TLG for FDG); n/a without PET")
    tlsre_partner_g: float = _column("g", "The same over the prediction that found it")


#: The data dictionary of lesions.tsv; its keys are the columns, in order.
LESION_COLUMNS: Mapping[str, Mapping[str, str]] = {f.name: dict(f.metadata) for f in fields(LesionResult)}


@dataclass(frozen=True, eq=False)
class _Side:
    """One label map's lesions by id: where they are, what they take up, their surfaces and regions."""

    centroid_mm: Mapping[int, np.ndarray]
    suvmax: Mapping[int, float]
    suv_sum: Mapping[int, float]
    surface_mm: Mapping[int, np.ndarray]
    region_of: Callable[[int], str] = lambda _: ""


def lesion_rows(
    case_id: str,
    patient_id: str,
    crop: CroppedCase,
    matching: Matching,
    surfaces: tuple[SurfaceVoxels, SurfaceVoxels],
    facts: CaseFacts,
    organs: OrganMap | None = None,
) -> tuple[LesionResult, ...]:
    """All rows of one case: the reference lesions by id, then the predictions without a lesion by id."""
    side_g = _side(crop.reference, crop, surfaces[0], organs)
    side_p = _side(crop.prediction, crop, surfaces[1], organs)
    voxel_ml = crop.geometry.voxel_volume_ml
    rows = [
        LesionResult(
            **_reference_columns(case_id, patient_id, lesion, facts, side_g, voxel_ml),
            **_partner_columns(lesion, _found_by(lesion, matching), side_g, side_p, voxel_ml),
        )
        for lesion in matching.reference
    ]
    alone = [p for p in matching.prediction if p.outcome is not Outcome.TRUE_POSITIVE]
    return (*rows, *(_prediction_row(case_id, patient_id, p, facts, side_p, voxel_ml) for p in alone))


def point_rows(
    case_id: str,
    patient_id: str,
    crop: CroppedCase,
    matching: Matching,
    points_mm: np.ndarray,
    facts: CaseFacts,
    organs: OrganMap | None = None,
) -> tuple[LesionResult, ...]:
    """The same for a reader's points, which have a place and a rating but no extent."""
    nothing = SurfaceVoxels(np.zeros((0, 3), int), np.zeros(0, int), np.zeros(0, bool), np.zeros(0, bool))
    side_g = _side(crop.reference, crop, nothing, organs)
    places = {p.lesion_id: points_mm[n] for n, p in enumerate(matching.prediction)}
    points = _Side(places, {}, {}, {}, lambda n: "" if organs is None else region_of(organs, places[n][None], 0.0).name)
    voxel_ml = crop.geometry.voxel_volume_ml
    rows = []
    for lesion in matching.reference:
        partner = _found_by(lesion, matching)
        blank: dict[str, Any] = dict.fromkeys(_PARTNER_NUMBERS, NAN)
        if partner is not None:
            blank["score"] = partner.score
        rows.append(LesionResult(**_reference_columns(case_id, patient_id, lesion, facts, side_g, voxel_ml), **blank))
    alone = [p for p in matching.prediction if p.outcome is not Outcome.TRUE_POSITIVE]
    return (*rows, *(_prediction_row(case_id, patient_id, p, facts, points, voxel_ml) for p in alone))


def rows_against_points(
    case_id: str,
    patient_id: str,
    reference_mm: np.ndarray,
    prediction_mm: np.ndarray,
    crop: CroppedCase | None,
    matching: Matching,
    facts: CaseFacts,
) -> tuple[LesionResult, ...]:
    """The same for a reference of points (G, 3); crop: of the predicted mask, None for a reader's marks (P, 3)."""
    voxel_ml = NAN if crop is None else crop.geometry.voxel_volume_ml
    side_g = _Side({g.lesion_id: reference_mm[n] for n, g in enumerate(matching.reference)}, {}, {}, {})
    places = {p.lesion_id: prediction_mm[n] for n, p in enumerate(matching.prediction)}
    nothing = SurfaceVoxels(np.zeros((0, 3), int), np.zeros(0, int), np.zeros(0, bool), np.zeros(0, bool))
    side_p = _Side(places, {}, {}, {}) if crop is None else _side(crop.prediction, crop, nothing)
    rows = []
    for lesion in matching.reference:
        numbers: dict[str, Any] = dict.fromkeys(_PARTNER_NUMBERS, NAN)
        if (partner := _found_by(lesion, matching)) is not None:
            numbers["score"] = NAN if partner.score is None else partner.score
            if partner.num_voxels:
                numbers["volume_partner_ml"] = partner.volume_ml
                numbers["tlsre_partner_g"] = side_p.suv_sum.get(partner.lesion_id, NAN) * voxel_ml
        columns = _reference_columns(case_id, patient_id, lesion, facts, side_g, voxel_ml)
        rows.append(LesionResult(**(columns | {"size_bin": "", "volume_ml": NAN}), **numbers))
    alone = [p for p in matching.prediction if p.outcome is not Outcome.TRUE_POSITIVE]
    return (*rows, *(_prediction_row(case_id, patient_id, p, facts, side_p, voxel_ml) for p in alone))


_PARTNER_NUMBERS = (
    "volume_partner_ml",
    "score",
    "iou",
    "dice",
    "nsd_2mm",
    "nsd_4mm",
    "hd95_mm",
    "tlsre_partner_g",
)


def _found_by(lesion: ReferenceLesion, matching: Matching) -> PredictedLesion | None:
    """The prediction that found a reference lesion, None where none did."""
    return next((p for p in matching.prediction if p.lesion_id == lesion.prediction_id), None)


def _reference_columns(
    case_id: str, patient_id: str, lesion: ReferenceLesion, facts: CaseFacts, side: _Side, voxel_ml: float
) -> dict[str, Any]:
    known = facts.lesions.get(lesion.lesion_id, facts.unlisted)
    return {
        "case": case_id,
        "patient": patient_id,
        "tracer": facts.tracer,
        "source": "reference",
        "lesion_id": lesion.lesion_id,
        "outcome": lesion.outcome.value,
        "partner_id": lesion.prediction_id,
        **vars(known),
        "region": known.region or side.region_of(lesion.lesion_id),
        "size_bin": size_bin(lesion.volume_ml),
        "num_voxels": lesion.num_voxels,
        "volume_ml": lesion.volume_ml,
        **_own_numbers(lesion.lesion_id, side, voxel_ml),
    }


def _partner_columns(
    lesion: ReferenceLesion, partner: PredictedLesion | None, side_g: _Side, side_p: _Side, voxel_ml: float
) -> dict[str, Any]:
    """How well the prediction that found the lesion agrees with it."""
    if partner is None or lesion.iou is None:
        return dict.fromkeys(_PARTNER_NUMBERS, NAN)
    distances = surface_distances(side_g.surface_mm[lesion.lesion_id], side_p.surface_mm[partner.lesion_id])
    return {
        "volume_partner_ml": partner.volume_ml,
        "score": NAN if partner.score is None else partner.score,
        "iou": lesion.iou,
        "dice": 2 * lesion.iou / (1 + lesion.iou),
        "nsd_2mm": normalised_surface_dice(distances, 2.0),
        "nsd_4mm": normalised_surface_dice(distances, 4.0),
        "hd95_mm": hausdorff_mm(distances),
        "tlsre_partner_g": side_p.suv_sum.get(partner.lesion_id, NAN) * voxel_ml,
    }


def _prediction_row(
    case_id: str, patient_id: str, lesion: PredictedLesion, facts: CaseFacts, side: _Side, voxel_ml: float
) -> LesionResult:
    numbers: dict[str, Any] = dict.fromkeys(_PARTNER_NUMBERS, NAN)
    numbers |= {"score": NAN if lesion.score is None else lesion.score}
    if lesion.iou is not None and lesion.num_voxels:
        numbers |= {"iou": lesion.iou, "dice": 2 * lesion.iou / (1 + lesion.iou)}
    return LesionResult(
        case=case_id,
        patient=patient_id,
        tracer=facts.tracer,
        source="prediction",
        lesion_id=lesion.lesion_id,
        outcome=lesion.outcome.value,
        partner_id=lesion.reference_id,
        **vars(replace(UNKNOWN_LESION, region=side.region_of(lesion.lesion_id))),
        size_bin=size_bin(lesion.volume_ml) if lesion.num_voxels else "",
        num_voxels=lesion.num_voxels,
        volume_ml=lesion.volume_ml if lesion.num_voxels else NAN,
        **_own_numbers(lesion.lesion_id, side, voxel_ml),
        **numbers,
    )


def _own_numbers(lesion_id: int, side: _Side, voxel_ml: float) -> dict[str, float]:
    x, y, z = side.centroid_mm[lesion_id].tolist()
    return {
        "centroid_x_mm": x,
        "centroid_y_mm": y,
        "centroid_z_mm": z,
        "suvmax_g_per_ml": side.suvmax.get(lesion_id, NAN),
        "tlsre_g": side.suv_sum.get(lesion_id, NAN) * voxel_ml,
    }


def _side(voxels: Foreground, crop: CroppedCase, surface: SurfaceVoxels, organs: OrganMap | None = None) -> _Side:
    ids, owner = voxels.ids_L, voxels.owner_N
    places = crop.geometry.to_world(voxels.centroid_L3)
    names = ids.tolist()
    suvmax, suv_sum = {}, {}
    if crop.suv is not None:
        values = voxels.at(crop.suv).astype(np.float64)
        top = np.full(len(ids), -np.inf)
        np.maximum.at(top, owner, values)
        suvmax = dict(zip(names, top.tolist(), strict=True))
        suv_sum = dict(zip(names, np.bincount(owner, values, minlength=len(ids)).tolist(), strict=True))
    order = np.argsort(surface.label_N, kind="stable")
    world = crop.geometry.to_world(surface.index_N3[order])
    cuts = np.searchsorted(surface.label_N[order], ids, side="left")
    parts = dict(zip(names, np.split(world, cuts[1:]), strict=True)) if len(ids) else {}

    def region_name(lesion: int) -> str:
        if organs is None:
            return ""
        points = crop.geometry.to_world(voxels.index_N3[voxels.label_N == lesion])
        return region_of(organs, points, len(points) * crop.geometry.voxel_volume_ml).name

    return _Side(dict(zip(names, places, strict=True)), suvmax, suv_sum, parts, region_name)
