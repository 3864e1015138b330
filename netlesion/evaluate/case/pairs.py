"""Which predictions point to which reference lesions of one case: every pair that could be matched.

Takes label maps on one box, or a label map and a reader's points; returns frozen `Pairs`. Knows nothing about the
matching that is made of them, nor about cases, patients or files.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scipy.spatial import KDTree

from netlesion.errors import GeometryError
from netlesion.evaluate.case.foreground import Foreground
from netlesion.evaluate.case.outcome import Confidence, Criterion, MatchSettings
from netlesion.evaluate.case.overlap import LabelOverlap, overlap_of
from netlesion.evaluate.case.peak_voxel import Peaks, peaks_of
from netlesion.image.geometry import Geometry

#: A volume this close to the limit is at the limit: the determinant of an affine is off in its last digit.
_ROUNDING = 1e-9

Pair = tuple[int, int]


@dataclass(frozen=True, eq=False)
class Pairs:
    """All that decides a case. Lesions are addressed by their position (row, column) in the lists of ids.

    iou: every pair that shares a voxel. affinity: every pair that meets the criterion, and how well (a higher one
    is matched first). counted: whether a reference lesion is large enough to count. scores: None without any.
    """

    reference_ids: tuple[int, ...]
    reference_voxels: tuple[int, ...]
    prediction_ids: tuple[int, ...]
    prediction_voxels: tuple[int, ...]
    iou: Mapping[Pair, float]
    affinity: Mapping[Pair, float]
    counted: tuple[bool, ...]
    scores: tuple[float, ...] | None


def mask_pairs(
    reference: Foreground,
    prediction: Foreground,
    geometry: Geometry,
    probability: np.ndarray | None,
    ranking: np.ndarray | None,
    settings: MatchSettings,
) -> Pairs:
    """The pairs of two label maps. ranking (I, J, K): the image whose highest voxel is the peak, None: centroid."""
    overlap = overlap_of(reference, prediction)
    iou = dict(zip(map(tuple, overlap.pairs_N2.tolist()), overlap.iou_N.tolist(), strict=True))
    return Pairs(
        reference_ids=tuple(overlap.reference_ids.tolist()),
        reference_voxels=tuple(overlap.reference_voxels.tolist()),
        prediction_ids=tuple(overlap.prediction_ids.tolist()),
        prediction_voxels=tuple(overlap.prediction_voxels.tolist()),
        iou=iou,
        affinity=_affinity(reference, prediction, geometry, overlap, iou, ranking, settings),
        counted=tuple((overlap.reference_voxels >= settings.min_reference_voxels).tolist()),
        scores=None if probability is None else lesion_scores(prediction, probability, settings.confidence),
    )


def point_pairs(
    reference: Foreground, geometry: Geometry, points_mm: np.ndarray, scores: tuple[float, ...], settings: MatchSettings
) -> Pairs:
    """The pairs of a label map and a reader's points (P, 3) in RAS+ mm, numbered from 1 in the order given.

    A point meets every lesion with a voxel centre within point_tolerance_mm; the nearest is matched first. A
    point inside a lesion is at distance 0 of it.
    """
    ids, owner, sizes = reference.ids_L, reference.owner_N, reference.sizes_L
    affinity: dict[Pair, float] = {}
    world = geometry.to_world(reference.index_N3)
    label_at = reference.labels_at(geometry.to_index(points_mm))
    for row in range(len(ids)):
        distance = KDTree(world[owner == row]).query(points_mm)[0] if len(points_mm) else np.zeros(0)
        for column, mm in enumerate(np.where(label_at == ids[row], 0.0, distance).tolist()):
            if mm <= settings.point_tolerance_mm:
                affinity[row, column] = 1.0 / (1.0 + mm)
    return Pairs(
        reference_ids=tuple(ids.tolist()),
        reference_voxels=tuple(sizes.tolist()),
        prediction_ids=tuple(range(1, len(points_mm) + 1)),
        prediction_voxels=(0,) * len(points_mm),
        iou={},
        affinity=affinity,
        counted=tuple((sizes >= settings.min_reference_voxels).tolist()),
        scores=scores,
    )


def require_inside(what: str, points_mm: np.ndarray, image: Geometry, where: str) -> None:
    """Raises GeometryError, naming what and where, for the first of the points (N, 3) that lies outside the image."""
    index = image.to_index(points_mm)
    outside = ((index < -0.5) | (index > np.array(image.shape) - 0.5)).any(axis=1)
    if outside.any():
        x, y, z = points_mm[outside][0].tolist()
        raise GeometryError(
            f"{what} {x:g}, {y:g}, {z:g} mm lies outside {where}; expected RAS+ mm (of LPS, x and y change their sign)"
        )


def pairs_against_points(
    distance_PG: np.ndarray,
    limit_mm: float,
    ids: tuple[int, ...],
    voxels: tuple[int, ...],
    scores: tuple[float, ...] | None,
) -> Pairs:
    """The pairs of P predictions and a reference of G points, numbered from 1 in the order given.

    distance_PG: mm between each two, 0 where the prediction holds the point. Every point counts, and has no voxels.
    """
    near = np.argwhere(distance_PG <= limit_mm).tolist()
    num_points = distance_PG.shape[1]
    return Pairs(
        reference_ids=tuple(range(1, num_points + 1)),
        reference_voxels=(0,) * num_points,
        prediction_ids=ids,
        prediction_voxels=voxels,
        iou={},
        affinity={(row, column): 1.0 / (1.0 + float(distance_PG[column, row])) for column, row in near},
        counted=(True,) * num_points,
        scores=scores,
    )


def _affinity(
    reference: Foreground,
    prediction: Foreground,
    geometry: Geometry,
    overlap: LabelOverlap,
    iou: Mapping[Pair, float],
    ranking: np.ndarray | None,
    settings: MatchSettings,
) -> dict[Pair, float]:
    """The pairs that meet the criterion; their affinity is the IoU, or the nearness for the criterion "distance"."""
    enough = {pair for pair, value in iou.items() if value >= settings.min_iou}
    match settings.criterion:
        case Criterion.IOU:
            meets = enough
        case Criterion.OVERLAP:
            meets = set(iou)
        case Criterion.IOU_OR_PEAK | Criterion.PEAK:
            peaks = peaks_of(prediction, geometry, ranking)
            meets = _pointed(reference.labels, peaks, overlap, settings.peak_dilation_voxels)
            if settings.criterion is Criterion.IOU_OR_PEAK:
                limit_ml = settings.peak_max_volume_ml * (1 - _ROUNDING)
                small = overlap.reference_voxels * geometry.voxel_volume_ml < limit_ml
                meets = enough | {pair for pair in meets if small[pair[0]]}
        case Criterion.CENTRE:
            at = reference.labels_at(prediction.centroid_L3)
            meets = {
                (int(np.searchsorted(overlap.reference_ids, label)), column)
                for column, label in enumerate(at.tolist())
                if label > 0
            }
        case Criterion.DISTANCE:
            return _near(reference, prediction, geometry, settings.max_distance_mm)
    return {pair: iou.get(pair, 0.0) for pair in meets}


def _pointed(labels_g: np.ndarray, peaks: Peaks, overlap: LabelOverlap, steps: int) -> set[Pair]:
    """Pairs where a peak of the prediction lies in the reference lesion dilated by `steps`.

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


def _near(reference: Foreground, prediction: Foreground, geometry: Geometry, limit_mm: float) -> dict[Pair, float]:
    """Pairs of centroids at most limit_mm apart, with 1 / (1 + mm)."""
    at_g, at_p = (geometry.to_world(side.centroid_L3) for side in (reference, prediction))
    if not len(at_g) or not len(at_p):
        return {}
    found = KDTree(at_g).sparse_distance_matrix(KDTree(at_p), limit_mm, output_type="ndarray")
    return {(int(i), int(j)): 1.0 / (1.0 + float(mm)) for i, j, mm in found.tolist()}


def lesion_scores(prediction: Foreground, probability: np.ndarray, confidence: Confidence) -> tuple[float, ...]:
    """One number per label, by rising label: the highest probability, or its 95th percentile (linear)."""
    sizes = prediction.sizes_L
    values = prediction.at(probability).astype(np.float64)
    values = values[np.lexsort((values, prediction.owner_N))]
    last = np.cumsum(sizes) - 1
    if confidence is Confidence.MAX:
        return tuple(values[last].tolist())
    place = (last - sizes + 1) + 0.95 * (sizes - 1)
    low = np.floor(place).astype(int)
    high = np.minimum(low + 1, last)
    return tuple((values[low] + (place - low) * (values[high] - values[low])).tolist()) if len(sizes) else ()
