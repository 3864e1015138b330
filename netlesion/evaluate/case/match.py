"""Which predicted lesion found which reference lesion: one to one, with splits, merges and don't-cares.

Takes label volumes on one grid (a 0/1 mask is split into components, larger labels are kept as instances, so
they must be lesions and not tissue classes), and a probability or SUV to say where a prediction points; or a
reference and a reader's points. Returns a frozen `Matching`: a row for each lesion, and counts read from the
rows. Knows nothing about rates, cases, patients or files.

Definition [P] (clinical.md 8.2), every number and policy a field of `MatchSettings`:
  meets    IoU(G, P) >= 0.1, or the peak of P lies in G dilated by one voxel while G is smaller than 1 ml
  match    one to one among pairs that meet, of highest summed IoU (Hungarian), then of most pairs; or greedy by
           confidence, which is always the policy of `ranked`, for FROC, AFROC and AP
  split    an unmatched P that shares a voxel with, or meets, a detected G: neither true nor false positive
  merge    a matched P that also shares a voxel with counted G that nobody found: these are missed
  ignored  G below 3 voxels is don't-care, and so is an unmatched P that meets one
Two matchings of equal summed IoU and equal number of pairs are interchangeable; label order then decides.
In `ranked` a prediction is judged by the more confident ones alone, so that a curve never takes back a point.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import optimize

from netlesion.errors import ConfigError, QuantityError
from netlesion.evaluate.case.foreground import Foreground, foreground
from netlesion.evaluate.case.outcome import (
    DEFAULT_SETTINGS,
    Assignment,
    Matching,
    MatchSettings,
    Outcome,
    PanopticCounts,
    PredictedLesion,
    RankedDetection,
    ReferenceLesion,
)
from netlesion.evaluate.case.overlap import foreground_box
from netlesion.evaluate.case.pairs import Pair, Pairs, mask_pairs, point_pairs
from netlesion.image.geometry import Geometry
from netlesion.image.volume import Quantity, Volume
from netlesion.quantify.instances import instances

#: Added to the affinity of a pair that meets the criterion, so that a peak without overlap can still be matched.
_PAIR_BONUS = 1e-9
#: Panoptic quality pairs above this IoU, where a lesion can have one partner only.
PANOPTIC_IOU = 0.5


def match_lesions(
    reference: Volume,
    prediction: Volume,
    probability: Volume | None = None,
    suv: Volume | None = None,
    settings: MatchSettings = DEFAULT_SETTINGS,
) -> Matching:
    """Matches predicted to reference lesions; the ids of a 0/1 mask's lesions are their rank in size, from 1.

    The peak of a prediction is its voxel of highest probability, without one of highest SUV, without either
    the one nearest its centroid. Either mask may be empty. Raises QuantityError for a volume of another
    quantity, GeometryError unless all share one grid, ConfigError for greedy assignment without a probability.
    """
    case = crop_case(reference, prediction, probability, suv, settings)
    return match_pairs(cropped_pairs(case, settings), case.geometry.voxel_volume_ml, settings)


def match_points(
    reference: Volume, points_mm: np.ndarray, scores: Sequence[float], settings: MatchSettings = DEFAULT_SETTINGS
) -> Matching:
    """Matches a reader's points (P, 3), in RAS+ mm with one rating each, to the lesions of a LABEL volume."""
    _require_inputs(reference, reference, None, None)
    box = foreground_box(reference.array, reference.array)
    geometry = box_geometry(reference.geometry, box)
    labels = instances(Volume(reference.array[box], geometry, Quantity.LABEL), settings.connectivity).array
    points = np.asarray(points_mm, dtype=np.float64).reshape(-1, 3)
    pairs = point_pairs(foreground(labels), geometry, points, tuple(float(s) for s in scores), settings)
    return match_pairs(pairs, geometry.voxel_volume_ml, settings)


@dataclass(frozen=True, eq=False)
class CroppedCase:
    """One case on the smallest box that holds both masks: the lesions of each and, where there are, the images.

    box: where it was cut out. was_mask_*: whether the map was a 0/1 mask, its labels being components.
    """

    box: tuple[slice, slice, slice]
    geometry: Geometry
    reference: Foreground
    prediction: Foreground
    was_mask_g: bool
    was_mask_p: bool
    probability: np.ndarray | None
    suv: np.ndarray | None


def crop_case(
    reference: Volume, prediction: Volume, probability: Volume | None, suv: Volume | None, settings: MatchSettings
) -> CroppedCase:
    """Checks that all share one grid, cuts them to the box of both masks and finds the lesions."""
    _require_inputs(reference, prediction, probability, suv)
    box = foreground_box(reference.array, prediction.array)
    geometry = box_geometry(reference.geometry, box)
    cut = [Volume(np.ascontiguousarray(v.array[box]), geometry, Quantity.LABEL) for v in (reference, prediction)]
    labels_g, labels_p = (instances(v, settings.connectivity).array for v in cut)
    return CroppedCase(
        box=box,
        geometry=geometry,
        reference=foreground(labels_g),
        prediction=foreground(labels_p),
        was_mask_g=bool(cut[0].array.max(initial=0) <= 1),
        was_mask_p=bool(cut[1].array.max(initial=0) <= 1),
        probability=None if probability is None else np.ascontiguousarray(probability.array[box]),
        suv=None if suv is None else np.ascontiguousarray(suv.array[box]),
    )


def cropped_pairs(case: CroppedCase, settings: MatchSettings) -> Pairs:
    """Every pair of a cropped case; the peak goes by probability, else by SUV, else by the centroid."""
    ranking = case.probability if case.probability is not None else case.suv
    return mask_pairs(case.reference, case.prediction, case.geometry, case.probability, ranking, settings)


def match_pairs(pairs: Pairs, voxel_ml: float, settings: MatchSettings) -> Matching:
    """The matching of pairs that were found already; voxel_ml is the volume of one voxel."""
    ranked = None if pairs.scores is None else _ranked(pairs, pairs.scores)
    column_of = _assign(pairs) if settings.assignment is Assignment.HUNGARIAN else _greedy(pairs, ranked)
    rows_of: dict[int, list[int]] = {}
    for row, column in sorted(pairs.iou.keys() | pairs.affinity.keys(), key=lambda p: (-pairs.iou.get(p, 0.0), p)):
        rows_of.setdefault(column, []).append(row)
    return Matching(
        reference=tuple(_reference_lesion(row, pairs, column_of, voxel_ml) for row in range(len(pairs.reference_ids))),
        prediction=tuple(
            _predicted_lesion(column, rows_of.get(column, ()), pairs, column_of, voxel_ml)
            for column in range(len(pairs.prediction_ids))
        ),
        settings=settings,
        ranked=ranked,
        panoptic=_panoptic(pairs),
    )


def _require_inputs(reference: Volume, prediction: Volume, probability: Volume | None, suv: Volume | None) -> None:
    for name, volume, quantity in (
        ("the reference", reference, Quantity.LABEL),
        ("the prediction", prediction, Quantity.LABEL),
        ("the probability map", probability, Quantity.PROBABILITY),
        ("the PET", suv, Quantity.SUVBW),
    ):
        if volume is None:
            continue
        if volume.quantity is not quantity:
            raise QuantityError(f"{name} holds {volume.quantity.name}, expected {quantity.name}; convert it first")
        reference.geometry.require_same_grid(volume.geometry, "the reference", name)


def box_geometry(geometry: Geometry, box: tuple[slice, slice, slice]) -> Geometry:
    """The grid of a box of voxels cut out of `geometry`."""
    affine = geometry.affine_ras.copy()
    affine[:3, 3] = geometry.to_world(np.array([[s.start for s in box]]))[0]
    i, j, k = (s.stop - s.start for s in box)
    return Geometry(affine, (i, j, k))


def _assign(pairs: Pairs) -> dict[int, int]:
    """Row -> column of the one-to-one matching with the highest summed affinity; only counted lesions enter."""
    meets = [pair for pair in pairs.affinity if pairs.counted[pair[0]]]
    rows, columns = sorted({r for r, _ in meets}), sorted({c for _, c in meets})
    row_at, column_at = {r: n for n, r in enumerate(rows)}, {c: n for n, c in enumerate(columns)}
    gain = np.zeros((len(rows), len(columns)))
    for row, column in meets:
        gain[row_at[row], column_at[column]] = pairs.affinity[row, column] + _PAIR_BONUS
    chosen = zip(*optimize.linear_sum_assignment(gain, maximize=True), strict=True)
    return {rows[r]: columns[c] for r, c in chosen if gain[r, c] > 0}


def _greedy(pairs: Pairs, ranked: tuple[RankedDetection, ...] | None) -> dict[int, int]:
    if ranked is None:
        raise ConfigError(
            "greedy assignment goes by confidence, and there is no probability map; give one or use hungarian"
        )
    row_at = {lesion: n for n, lesion in enumerate(pairs.reference_ids)}
    column_at = {lesion: n for n, lesion in enumerate(pairs.prediction_ids)}
    found = [d for d in ranked if d.outcome is Outcome.TRUE_POSITIVE]
    return {row_at[d.reference_id]: column_at[d.prediction_id] for d in found if d.reference_id is not None}


def _ranked(pairs: Pairs, scores: Sequence[float]) -> tuple[RankedDetection, ...]:
    """Every prediction by falling score, ties by their best affinity, then by id; each takes what is still free."""
    meets: dict[int, list[Pair]] = {}
    for pair in sorted(pairs.affinity, key=lambda p: (-pairs.affinity[p], p)):
        meets.setdefault(pair[1], []).append(pair)
    shares: dict[int, list[int]] = {}
    for row, column in sorted(pairs.iou, key=lambda p: (-pairs.iou[p], p)):
        shares.setdefault(column, []).append(row)
    best = {column: pairs.affinity[found[0]] for column, found in meets.items()}
    order = sorted(range(len(pairs.prediction_ids)), key=lambda c: (-scores[c], -best.get(c, 0.0), c))
    taken: set[int] = set()
    found = []
    for column in order:
        rows = [row for row, _ in meets.get(column, ())]
        free = [row for row in rows if pairs.counted[row] and row not in taken]
        known = [row for row in [*shares.get(column, ()), *rows] if row in taken]
        ignored = [row for row in rows if not pairs.counted[row]]
        row = None
        if free:
            outcome, row = Outcome.TRUE_POSITIVE, free[0]
            taken.add(row)
        elif known:
            outcome, row = Outcome.SPLIT, known[0]
        elif ignored:
            outcome, row = Outcome.DONT_CARE, ignored[0]
        else:
            outcome = Outcome.FALSE_POSITIVE
        found.append(
            RankedDetection(
                prediction_id=pairs.prediction_ids[column],
                score=scores[column],
                outcome=outcome,
                reference_id=None if row is None else pairs.reference_ids[row],
            )
        )
    return tuple(found)


def _reference_lesion(row: int, pairs: Pairs, column_of: Mapping[int, int], voxel_ml: float) -> ReferenceLesion:
    column = column_of.get(row)
    outcome = Outcome.TRUE_POSITIVE if column is not None else Outcome.FALSE_NEGATIVE
    return ReferenceLesion(
        lesion_id=pairs.reference_ids[row],
        num_voxels=pairs.reference_voxels[row],
        volume_ml=pairs.reference_voxels[row] * voxel_ml,
        outcome=outcome if pairs.counted[row] else Outcome.DONT_CARE,
        prediction_id=None if column is None else pairs.prediction_ids[column],
        iou=None if column is None else pairs.iou.get((row, column), 0.0),
    )


def _predicted_lesion(
    column: int, rows: Sequence[int], pairs: Pairs, column_of: Mapping[int, int], voxel_ml: float
) -> PredictedLesion:
    """`rows`: the reference lesions that this prediction overlaps or meets, the highest IoU first."""
    found = [r for r in rows if column_of.get(r) == column]
    split_from = [r for r in rows if r in column_of]
    ignored_with = [r for r in rows if not pairs.counted[r] and (r, column) in pairs.affinity]
    merged: list[int] = []
    if found:
        outcome, row = Outcome.TRUE_POSITIVE, found[0]
        merged = [r for r in rows if pairs.counted[r] and r not in column_of and (r, column) in pairs.iou]
    elif split_from:
        outcome, row = Outcome.SPLIT, split_from[0]
    elif ignored_with:
        outcome, row = Outcome.DONT_CARE, ignored_with[0]
    else:
        outcome, row = Outcome.FALSE_POSITIVE, None
    return PredictedLesion(
        lesion_id=pairs.prediction_ids[column],
        num_voxels=pairs.prediction_voxels[column],
        volume_ml=pairs.prediction_voxels[column] * voxel_ml,
        outcome=outcome,
        reference_id=None if row is None else pairs.reference_ids[row],
        iou=None if row is None else pairs.iou.get((row, column), 0.0),
        merged_ids=tuple(sorted(pairs.reference_ids[r] for r in merged)),
        score=None if pairs.scores is None else pairs.scores[column],
    )


def _panoptic(pairs: Pairs) -> PanopticCounts:
    strict = [pair for pair, value in pairs.iou.items() if value > PANOPTIC_IOU]
    counted = [pair for pair in strict if pairs.counted[pair[0]]]
    return PanopticCounts(
        sum_iou=float(sum(pairs.iou[pair] for pair in counted)),
        num_true_positives=len(counted),
        num_false_positives=len(pairs.prediction_ids) - len(strict),
        num_false_negatives=sum(pairs.counted) - len(counted),
    )
