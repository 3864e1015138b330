"""One case -> one row of numbers, and a row for each of its lesions.

Takes reference and predicted label volumes on the native PET grid, or a reader's points; returns a frozen row.
Everything is cut to the box of both masks, and lesions and surfaces are found once and read many times. Knows
nothing about files, cohorts, models or how a prediction was made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from scipy.spatial import KDTree

from netlesion.errors import NetlesionError
from netlesion.evaluate.case.challenge import AUTOPET_CONNECTIVITY, challenge_components, contour_dice, untouched_voxels
from netlesion.evaluate.case.detection import detection, panoptic_quality
from netlesion.evaluate.case.detections import case_detections
from netlesion.evaluate.case.facts import NO_FACTS, CaseFacts
from netlesion.evaluate.case.foreground import Foreground, foreground
from netlesion.evaluate.case.lesion_rows import lesion_rows, point_rows
from netlesion.evaluate.case.localise import HIT_TOLERANCE_MM, CaseCandidates, reciprocal_rank
from netlesion.evaluate.case.match import CroppedCase, crop_case, cropped_pairs, match_pairs
from netlesion.evaluate.case.outcome import DEFAULT_SETTINGS, Matching, MatchSettings
from netlesion.evaluate.case.overlap import overlap_dice
from netlesion.evaluate.case.pairs import point_pairs, require_inside
from netlesion.evaluate.case.result import TASKS, CaseResult, blank_columns
from netlesion.evaluate.case.surface import (
    SurfaceDistances,
    SurfaceVoxels,
    hausdorff_mm,
    normalised_surface_dice,
    surface_distances,
    surface_voxels,
)
from netlesion.image.volume import Volume
from netlesion.quantify.organ_map import OrganMap

NAN = float("nan")


def evaluate_case(
    case_id: str,
    patient_id: str,
    reference: Volume,
    prediction: Volume,
    probability: Volume | None = None,
    suv: Volume | None = None,
    settings: MatchSettings = DEFAULT_SETTINGS,
    facts: CaseFacts = NO_FACTS,
    tasks: Sequence[str] = TASKS,
    organs: OrganMap | None = None,
) -> CaseResult:
    """Compares one predicted mask with its reference, both LABEL on one grid; either may be empty.

    probability (else suv) says where a predicted lesion points. Columns of tasks not asked for are NaN. organs, on any
    grid: give a region to lesions for which `facts` have none.
    Raises QuantityError for another quantity and GeometryError for another grid; the message names the case.
    """
    try:
        crop = crop_case(reference, prediction, probability, suv, settings)
        matching = match_pairs(cropped_pairs(crop, settings), crop.geometry.voxel_volume_ml, settings)
    except NetlesionError as error:
        raise type(error)(f"case {case_id}: {error}") from error
    columns = blank_columns(TASKS)
    surfaces = _surfaces(crop, reference.array.shape)
    if "segmentation" in tasks:
        columns |= _segmentation(crop, surfaces)
    if "challenge" in tasks:
        columns |= _challenge(crop, surfaces, settings.connectivity)
    candidates = _candidates(case_id, patient_id, crop, matching)
    columns |= detection_columns(matching, candidates)
    return CaseResult(
        case=case_id,
        patient=patient_id,
        tracer=facts.tracer,
        scanner=facts.scanner,
        **columns,
        lesions=lesion_rows(case_id, patient_id, crop, matching, surfaces, facts, organs),
        detections=case_detections(case_id, patient_id, matching),
        candidates=candidates,
        panoptic=matching.panoptic,
        remarks=_remarks(crop),
        settings=settings,
    )


def evaluate_points(
    case_id: str,
    patient_id: str,
    reference: Volume,
    points_mm: np.ndarray,
    scores: Sequence[float],
    settings: MatchSettings = DEFAULT_SETTINGS,
    facts: CaseFacts = NO_FACTS,
    organs: OrganMap | None = None,
) -> CaseResult:
    """Compares a reader's points (P, 3) in RAS+ mm, one rating each, with a reference mask.

    A point has no extent: everything of segmentation and challenges is NaN but the reference's own volume. Raises
    GeometryError for one outside the image.
    """
    points = np.asarray(points_mm, dtype=np.float64).reshape(-1, 3)
    ratings = tuple(float(s) for s in scores)
    try:
        require_inside("a mark at", points, reference.geometry, "the reference image")
        crop = crop_case(reference, reference, None, None, settings)
        pairs = point_pairs(crop.reference, crop.geometry, points, ratings, settings)
    except NetlesionError as error:
        raise type(error)(f"case {case_id}: {error}") from error
    matching = match_pairs(pairs, crop.geometry.voxel_volume_ml, settings)
    index = crop.reference.index_N3
    hits = np.zeros(len(points), dtype=bool)
    if len(index) and len(points):
        hits = KDTree(crop.geometry.to_world(index)).query(points)[0] <= HIT_TOLERANCE_MM
    candidates = CaseCandidates(case_id, patient_id, bool(len(index)), ratings, tuple(hits.tolist()))
    columns = blank_columns(TASKS) | detection_columns(matching, candidates)
    columns["panoptic_quality"] = NAN
    columns["volume_reference_ml"] = len(index) * crop.geometry.voxel_volume_ml
    return CaseResult(
        case=case_id,
        patient=patient_id,
        tracer=facts.tracer,
        scanner=facts.scanner,
        **columns,
        lesions=point_rows(case_id, patient_id, crop, matching, points, facts, organs),
        detections=case_detections(case_id, patient_id, matching),
        candidates=candidates,
        panoptic=None,
        remarks=(),
        settings=settings,
    )


def _surfaces(crop: CroppedCase, shape: tuple[int, ...]) -> tuple[SurfaceVoxels, SurfaceVoxels]:
    """The surfaces of both label maps; where the box ends before the image does, there is background behind."""
    found = []
    for side in (crop.reference, crop.prediction):
        surface = surface_voxels(side)
        inside = surface.inside_N.copy()
        for axis, cut in enumerate(crop.box):
            if cut.start > 0:
                inside |= surface.index_N3[:, axis] == 0
            if cut.stop < shape[axis]:
                inside |= surface.index_N3[:, axis] == side.labels.shape[axis] - 1
        found.append(replace(surface, inside_N=inside))
    return found[0], found[1]


def _segmentation(crop: CroppedCase, surfaces: tuple[SurfaceVoxels, SurfaceVoxels]) -> dict[str, float]:
    voxel_ml = crop.geometry.voxel_volume_ml
    num_g, num_p, shared = _voxel_counts(crop)
    distances = surface_distances(*(crop.geometry.to_world(s.index_N3[s.of_mask_N]) for s in surfaces))
    return {
        "dice": overlap_dice(num_g, num_p, shared),
        "nsd_2mm": _surface_score(distances, 2.0, num_g, num_p),
        "nsd_4mm": _surface_score(distances, 4.0, num_g, num_p),
        "hd95_mm": hausdorff_mm(distances),
        "volume_reference_ml": num_g * voxel_ml,
        "volume_prediction_ml": num_p * voxel_ml,
        "volume_shared_ml": shared * voxel_ml,
        "tlsre_reference_g": _suv_times_ml(crop.suv, crop.reference, voxel_ml),
        "tlsre_prediction_g": _suv_times_ml(crop.suv, crop.prediction, voxel_ml),
    }


def _surface_score(distances: SurfaceDistances, tolerance_mm: float, num_g: int, num_p: int) -> float:
    """NSD with the rule of this project for empty masks: 1 when both are empty, 0 when one is."""
    if num_g == 0 or num_p == 0:
        return float(num_g == num_p)
    return normalised_surface_dice(distances, tolerance_mm)


def _voxel_counts(crop: CroppedCase) -> tuple[int, int, int]:
    """Voxels of the reference, of the prediction, and of both."""
    shared = int(np.count_nonzero(crop.reference.at(crop.prediction.labels)))
    return len(crop.reference.flat_N), len(crop.prediction.flat_N), shared


def _suv_times_ml(suv: np.ndarray | None, side: Foreground, voxel_ml: float) -> float:
    return NAN if suv is None else float(side.at(suv).sum(dtype=np.float64) * voxel_ml)


def _challenge(crop: CroppedCase, surfaces: tuple[SurfaceVoxels, SurfaceVoxels], connectivity: int) -> dict[str, float]:
    """The numbers of `challenge`, from lesions and surfaces that are there already."""
    voxel_ml = crop.geometry.voxel_volume_ml
    num_g, num_p, shared = _voxel_counts(crop)
    components_g, components_p = (
        side
        if was_mask and connectivity == AUTOPET_CONNECTIVITY
        else foreground(challenge_components(side.labels != 0))
        for side, was_mask in ((crop.reference, crop.was_mask_g), (crop.prediction, crop.was_mask_p))
    )
    false_positive_ml = untouched_voxels(components_p, crop.reference.labels) * voxel_ml
    false_negative_ml = untouched_voxels(components_g, crop.prediction.labels) * voxel_ml
    overlap = overlap_dice(num_g, num_p, shared) if num_g + num_p else NAN
    suv_ratio = NAN
    if crop.suv is not None and num_g and num_p:
        above, below = (float(s.at(crop.suv).mean(dtype=np.float64)) for s in (crop.prediction, crop.reference))
        suv_ratio = above / below if below > 0 else NAN
    return {
        "autopet_dice": overlap if num_g else NAN,
        "autopet_fpv_ml": false_positive_ml,
        "autopet_fnv_ml": false_negative_ml if num_g else NAN,
        "autopet1_dice": overlap,
        "autopet1_fpv_ml": false_positive_ml,
        "autopet1_fnv_ml": false_negative_ml,
        "deep_psma_surface_dice": contour_dice(*surfaces),
        "deep_psma_suv_mean_ratio": suv_ratio,
        "deep_psma_volume_ratio": num_p / num_g if num_g else NAN,
        "num_voxels_reference": num_g,
        "num_voxels_prediction": num_p,
        "num_voxels_shared": shared,
    }


def detection_columns(matching: Matching, candidates: CaseCandidates | None) -> dict[str, Any]:
    """The columns of detection, read from one matching and the ranking of its predictions."""
    rates = detection(matching)
    scores = [p.score for p in matching.prediction if p.score is not None]
    return {
        "lesion_sensitivity": rates.sensitivity,
        "lesion_ppv": rates.ppv,
        "lesion_f1": rates.f1,
        "panoptic_quality": panoptic_quality(matching.panoptic),
        "num_lesions_reference": matching.num_reference,
        "num_lesions_prediction": matching.num_prediction,
        "num_true_positives": matching.num_true_positives,
        "num_false_positives": matching.num_false_positives,
        "num_false_negatives": matching.num_false_negatives,
        "num_splits": matching.num_splits,
        "num_merges": matching.num_merges,
        "num_dont_care": len(matching.reference) - matching.num_reference,
        "max_score": max(scores, default=NAN),
        "top_candidate_hit": candidates.top_hit if candidates is not None and candidates.has_culprit else NAN,
        "culprit_reciprocal_rank": NAN if candidates is None else reciprocal_rank(candidates),
    }


def _candidates(case_id: str, patient_id: str, crop: CroppedCase, matching: Matching) -> CaseCandidates | None:
    """Every prediction with its score, and whether it overlaps the reference or its centroid lies near it."""
    if matching.ranked is None:
        return None
    overlapping = set(crop.prediction.label_N[crop.prediction.at(crop.reference.labels) != 0].tolist())
    index = crop.reference.index_N3
    near = np.zeros(len(matching.prediction), dtype=bool)
    if len(index) and len(near):
        world = crop.geometry.to_world(crop.prediction.centroid_L3)
        near = KDTree(crop.geometry.to_world(index)).query(world)[0] <= HIT_TOLERANCE_MM
    return CaseCandidates(
        case=case_id,
        patient=patient_id,
        has_culprit=bool(len(index)),
        scores=tuple(NAN if p.score is None else p.score for p in matching.prediction),
        hits=tuple(bool(n) or p.lesion_id in overlapping for n, p in zip(near, matching.prediction, strict=True)),
    )


def _remarks(crop: CroppedCase) -> tuple[str, ...]:
    """What looks wrong and cannot be told for certain: class maps taken for lesion instances."""
    found = []
    for name, side, was_mask in (
        ("reference", crop.reference, crop.was_mask_g),
        ("prediction", crop.prediction, crop.was_mask_p),
    ):
        if was_mask:
            continue
        ids, parts = len(side.ids_L), int(challenge_components(side.labels != 0).max(initial=0))
        if parts > 2 * ids or (parts > ids and side.ids_L.max() > ids):
            found.append(
                f"the {name} holds {ids} labels in {parts} separate places; each label is one lesion here, "
                "if they are tissue classes give a lesion mask instead"
            )
    return tuple(found)
