"""A reference given as points: where the culprit lies, without its outline.

A table has one row for each lesion: case and x_mm, y_mm, z_mm (RAS+ mm); a row without coordinates says that the case
has no lesion. A prediction finds a point that lies inside it, or that its centroid (or a reader's mark) is near to.
Points have no extent: sensitivity, curves and the rank of the culprit are asked, overlap and volume are not.

Source: clinical.md 6.5, 8.2.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from netlesion.errors import CohortError, NetlesionError
from netlesion.evaluate.case.detections import case_detections
from netlesion.evaluate.case.facts import NO_FACTS, CaseFacts
from netlesion.evaluate.case.lesion_rows import rows_against_points
from netlesion.evaluate.case.localise import HIT_TOLERANCE_MM, CaseCandidates
from netlesion.evaluate.case.marks import COORDINATES, Marks, marks_table
from netlesion.evaluate.case.match import CroppedCase, crop_case, match_pairs
from netlesion.evaluate.case.outcome import DEFAULT_SETTINGS, MatchSettings
from netlesion.evaluate.case.pairs import lesion_scores, pairs_against_points, require_inside
from netlesion.evaluate.case.result import TASKS, CaseResult, blank_columns
from netlesion.evaluate.case.score import detection_columns
from netlesion.image.volume import Volume

NAN = float("nan")


def read_reference_points(path: str | Path) -> Mapping[str, np.ndarray]:
    """Case -> (G, 3) points in RAS+ mm, G = 0 for a case without a lesion. Raises as `marks.read_marks`."""
    found: dict[str, list[tuple[float, float, float]]] = {}
    for row in marks_table(path, ("case", *COORDINATES)):
        points = found.setdefault(row.case, [])
        if row.point_mm is not None:
            if row.point_mm in points:
                raise CohortError(f"{row.row.where}: the same point of case {row.case} is there twice")
            points.append(row.point_mm)
    return {case: np.array(points, dtype=np.float64).reshape(-1, 3) for case, points in sorted(found.items())}


@dataclass(frozen=True, eq=False)
class _Candidates:
    """What was predicted in one case: places (P, 3) in RAS+ mm, which points each holds (P, G), scores or None."""

    ids: tuple[int, ...]
    voxels: tuple[int, ...]
    place_mm: np.ndarray
    holds: np.ndarray
    scores: tuple[float, ...] | None


def evaluate_masks_against_points(
    case_id: str,
    patient_id: str,
    points_mm: np.ndarray,
    prediction: Volume,
    probability: Volume | None = None,
    suv: Volume | None = None,
    settings: MatchSettings = DEFAULT_SETTINGS,
    facts: CaseFacts = NO_FACTS,
) -> CaseResult:
    """Compares a predicted LABEL mask with points (G, 3); settings.max_distance_mm is how far a centroid may lie.

    Raises GeometryError for a point outside the image, which is most often one in LPS; QuantityError for another
    quantity. The message names the case.
    """
    require_inside(f"case {case_id}: the reference point", points_mm, prediction.geometry, "the predicted image")
    try:
        crop = crop_case(prediction, prediction, probability, suv, settings)
    except NetlesionError as error:
        raise type(error)(f"case {case_id}: {error}") from error
    side = crop.prediction
    label_at = side.labels_at(crop.geometry.to_index(points_mm))
    found = _Candidates(
        ids=tuple(side.ids_L.tolist()),
        voxels=tuple(side.sizes_L.tolist()),
        place_mm=crop.geometry.to_world(side.centroid_L3),
        holds=side.ids_L[:, np.newaxis] == label_at[np.newaxis],
        scores=None if crop.probability is None else lesion_scores(side, crop.probability, settings.confidence),
    )
    return _result(case_id, patient_id, points_mm, found, settings.max_distance_mm, crop, settings, facts)


def evaluate_marks_against_points(
    case_id: str,
    patient_id: str,
    points_mm: np.ndarray,
    marks: Marks,
    settings: MatchSettings = DEFAULT_SETTINGS,
    facts: CaseFacts = NO_FACTS,
) -> CaseResult:
    """Compares a reader's marks with points (G, 3); settings.point_tolerance_mm is how far a mark may lie."""
    place = np.array(marks.points_mm, dtype=np.float64).reshape(-1, 3)
    found = _Candidates(
        ids=tuple(range(1, len(place) + 1)),
        voxels=(0,) * len(place),
        place_mm=place,
        holds=np.zeros((len(place), len(points_mm)), dtype=bool),
        scores=tuple(marks.ratings),
    )
    return _result(case_id, patient_id, points_mm, found, settings.point_tolerance_mm, None, settings, facts)


def _result(
    case_id: str,
    patient_id: str,
    points_mm: np.ndarray,
    found: _Candidates,
    limit_mm: float,
    crop: CroppedCase | None,
    settings: MatchSettings,
    facts: CaseFacts,
) -> CaseResult:
    distance = np.linalg.norm(found.place_mm[:, np.newaxis] - points_mm[np.newaxis], axis=-1)
    distance = np.where(found.holds, 0.0, distance)
    pairs = pairs_against_points(distance, limit_mm, found.ids, found.voxels, found.scores)
    voxel_ml = 0.0 if crop is None else crop.geometry.voxel_volume_ml
    matching = match_pairs(pairs, voxel_ml, settings)
    candidates = None
    if found.scores is not None:
        hits = np.asarray((distance <= HIT_TOLERANCE_MM).any(axis=1))
        candidates = CaseCandidates(case_id, patient_id, len(points_mm) > 0, found.scores, tuple(hits.tolist()))
    columns = blank_columns(TASKS) | detection_columns(matching, candidates)
    columns["panoptic_quality"] = NAN
    return CaseResult(
        case=case_id,
        patient=patient_id,
        tracer=facts.tracer,
        scanner=facts.scanner,
        **columns,
        lesions=rows_against_points(case_id, patient_id, points_mm, found.place_mm, crop, matching, facts),
        detections=case_detections(case_id, patient_id, matching),
        candidates=candidates,
        panoptic=None,
        remarks=(),
        settings=settings,
    )
