"""Which predicted lesion found which reference lesion: one to one, with splits, merges and don't-cares.

Takes label volumes on one grid (a 0/1 mask is split into components, larger labels are kept as instances, so
they must be lesions and not tissue classes), and a probability or SUV to say where a prediction points.
Returns a frozen `Matching`: a row for each lesion, and counts read from the rows. Knows nothing about rates,
cases, patients or files.

Definition [P] (clinical.md 8.2), every number a field of `MatchSettings`:
  meets    IoU(G, P) >= 0.1, or the peak of P lies in G dilated by one voxel while G is smaller than 1 ml
  match    one to one among pairs that meet, of highest summed IoU (Hungarian), then of most pairs
  split    an unmatched P that shares a voxel with, or meets, a detected G: neither true nor false positive
  merge    a matched P that also shares a voxel with counted G that nobody found: these are missed
  ignored  G below 3 voxels is don't-care, and so is an unmatched P that meets one
Two matchings of equal summed IoU and equal number of pairs are interchangeable; label order then decides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage, optimize

from netlesion.errors import QuantityError
from netlesion.evaluate.outcome import (
    DEFAULT_SETTINGS,
    Matching,
    MatchSettings,
    Outcome,
    PredictedLesion,
    ReferenceLesion,
)
from netlesion.evaluate.overlap import LabelOverlap, foreground_box, label_overlap
from netlesion.evaluate.peak import Peaks, peak_voxels
from netlesion.geometry import Geometry
from netlesion.lesions import instances
from netlesion.volume import Quantity, Volume

#: Added to the IoU of a pair that meets the criterion, so that a peak without overlap can still be matched.
_PAIR_BONUS = 1e-9
#: A volume this close to the limit is at the limit: the determinant of an affine is off in its last digit.
_ROUNDING = 1e-9


@dataclass(frozen=True, eq=False)
class _Pairs:
    """All that decides a case: which pairs overlap, meet the criterion, and were matched (as rows, columns)."""

    overlap: LabelOverlap
    iou: Mapping[tuple[int, int], float]
    meets: set[tuple[int, int]]
    counted: list[bool]
    column_of: Mapping[int, int]


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
    quantity and GeometryError unless all share one grid.
    """
    _require_inputs(reference, prediction, probability, suv)
    box = foreground_box(reference.array, prediction.array)
    geometry = _box_geometry(reference.geometry, box)
    labels_g, labels_p = (
        instances(Volume(v.array[box], geometry, Quantity.LABEL), settings.connectivity).array
        for v in (reference, prediction)
    )
    ranking = probability if probability is not None else suv
    peaks = peak_voxels(labels_p, geometry, None if ranking is None else ranking.array[box])
    scores = None
    if probability is not None:
        highest = probability.array[box][tuple(peaks.index_N3.T)]
        scores = dict(zip(peaks.labels_N.tolist(), highest.tolist(), strict=True))
    pairs = _pairs(label_overlap(labels_g, labels_p), labels_g, peaks, geometry.voxel_volume_ml, settings)
    rows_of: dict[int, list[int]] = {}
    for row, column in sorted(pairs.iou.keys() | pairs.meets, key=lambda pair: (-pairs.iou.get(pair, 0.0), pair)):
        rows_of.setdefault(column, []).append(row)
    return Matching(
        reference=tuple(_reference_lesion(row, pairs, geometry.voxel_volume_ml) for row in range(len(pairs.counted))),
        prediction=tuple(
            _predicted_lesion(column, rows_of.get(column, ()), pairs, geometry.voxel_volume_ml, scores)
            for column in range(len(pairs.overlap.prediction_ids))
        ),
        settings=settings,
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


def _box_geometry(geometry: Geometry, box: tuple[slice, slice, slice]) -> Geometry:
    affine = geometry.affine_ras.copy()
    affine[:3, 3] = geometry.to_world(np.array([[s.start for s in box]]))[0]
    i, j, k = (s.stop - s.start for s in box)
    return Geometry(affine, (i, j, k))


def _pairs(
    overlap: LabelOverlap, labels_g: np.ndarray, peaks: Peaks, voxel_ml: float, settings: MatchSettings
) -> _Pairs:
    """Which pairs meet the criterion, and which of them are matched."""
    iou = dict(zip(map(tuple, overlap.pairs_N2.tolist()), overlap.iou_N.tolist(), strict=True))
    small = overlap.reference_voxels * voxel_ml < settings.peak_max_volume_ml * (1 - _ROUNDING)
    pointed = _pointed_pairs(labels_g, peaks, overlap, settings.peak_dilation_voxels)
    meets = {pair for pair, value in iou.items() if value >= settings.min_iou} | {p for p in pointed if small[p[0]]}
    counted = (overlap.reference_voxels >= settings.min_reference_voxels).tolist()
    column_of = _assign({pair for pair in meets if counted[pair[0]]}, iou)
    return _Pairs(overlap=overlap, iou=iou, meets=meets, counted=counted, column_of=column_of)


def _pointed_pairs(labels_g: np.ndarray, peaks: Peaks, overlap: LabelOverlap, steps: int) -> set[tuple[int, int]]:
    """Pairs (row, column) where a peak of the prediction lies in the reference lesion dilated by `steps`.

    Looks at the neighbours of the few peaks instead of dilating every lesion.
    """
    ball = np.ones((1, 1, 1), dtype=bool)
    if steps > 0:
        ball = ndimage.iterate_structure(ndimage.generate_binary_structure(3, 2), steps)
    offsets = np.argwhere(ball) - steps
    around = (peaks.index_N3[:, None] + offsets).reshape(-1, 3)
    column = np.repeat(np.searchsorted(overlap.prediction_ids, peaks.labels_N), len(offsets))
    inside = ((around >= 0) & (around < labels_g.shape)).all(axis=1)
    hit = labels_g[tuple(around[inside].T)]
    row = np.searchsorted(overlap.reference_ids, hit[hit > 0])
    return set(zip(row.tolist(), column[inside][hit > 0].tolist(), strict=True))


def _assign(meets: set[tuple[int, int]], iou: Mapping[tuple[int, int], float]) -> dict[int, int]:
    """Row -> column of the one-to-one matching with the highest summed IoU; only lesions in `meets` enter."""
    rows, columns = sorted({r for r, _ in meets}), sorted({c for _, c in meets})
    row_at, column_at = {r: n for n, r in enumerate(rows)}, {c: n for n, c in enumerate(columns)}
    gain = np.zeros((len(rows), len(columns)))
    for row, column in meets:
        gain[row_at[row], column_at[column]] = iou.get((row, column), 0.0) + _PAIR_BONUS
    chosen = zip(*optimize.linear_sum_assignment(gain, maximize=True), strict=True)
    return {rows[r]: columns[c] for r, c in chosen if gain[r, c] > 0}


def _reference_lesion(row: int, pairs: _Pairs, voxel_ml: float) -> ReferenceLesion:
    voxels = int(pairs.overlap.reference_voxels[row])
    column = pairs.column_of.get(row)
    outcome = Outcome.TRUE_POSITIVE if column is not None else Outcome.FALSE_NEGATIVE
    return ReferenceLesion(
        lesion_id=int(pairs.overlap.reference_ids[row]),
        num_voxels=voxels,
        volume_ml=voxels * voxel_ml,
        outcome=outcome if pairs.counted[row] else Outcome.DONT_CARE,
        prediction_id=None if column is None else int(pairs.overlap.prediction_ids[column]),
        iou=None if column is None else pairs.iou.get((row, column), 0.0),
    )


def _predicted_lesion(
    column: int, rows: Sequence[int], pairs: _Pairs, voxel_ml: float, scores: Mapping[int, float] | None
) -> PredictedLesion:
    """`rows`: the reference lesions that this prediction overlaps or meets, the highest IoU first."""
    lesion, voxels = int(pairs.overlap.prediction_ids[column]), int(pairs.overlap.prediction_voxels[column])
    found = [r for r in rows if pairs.column_of.get(r) == column]
    split_from = [r for r in rows if r in pairs.column_of]
    ignored_with = [r for r in rows if not pairs.counted[r] and (r, column) in pairs.meets]
    merged: list[int] = []
    if found:
        outcome, row = Outcome.TRUE_POSITIVE, found[0]
        merged = [r for r in rows if pairs.counted[r] and r not in pairs.column_of and (r, column) in pairs.iou]
    elif split_from:
        outcome, row = Outcome.SPLIT, split_from[0]
    elif ignored_with:
        outcome, row = Outcome.DONT_CARE, ignored_with[0]
    else:
        outcome, row = Outcome.FALSE_POSITIVE, None
    return PredictedLesion(
        lesion_id=lesion,
        num_voxels=voxels,
        volume_ml=voxels * voxel_ml,
        outcome=outcome,
        reference_id=None if row is None else int(pairs.overlap.reference_ids[row]),
        iou=None if row is None else pairs.iou.get((row, column), 0.0),
        merged_ids=tuple(sorted(int(pairs.overlap.reference_ids[r]) for r in merged)),
        score=None if scores is None else scores[lesion],
    )
