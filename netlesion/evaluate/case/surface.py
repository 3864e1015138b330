"""Distances between the surfaces of two masks: computed once, read many times.

The surface of a mask is its voxels with a face neighbour outside of it; beyond the array is outside. Distances
run in mm from voxel centre to the nearest voxel centre of the other surface, every surface voxel weighing the
same: the definition of MONAI and of Metrics Reloaded. `surface_distance` weighs by surface area and measures
half a voxel further out; both are compared in docs/evaluation.md. A k-d tree finds the nearest voxel, so cost
and memory follow the surfaces and not the image. Knows nothing about lesions, cases or files.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import KDTree

from netlesion.evaluate.case.foreground import Foreground

#: A distance this much above a tolerance, in mm, is within it: voxel sizes in a file are float32.
SLACK_MM = 1e-4


@dataclass(frozen=True, eq=False)
class SurfaceVoxels:
    """Voxels of a label map (I, J, K) that touch another label: index_N3 and label_N.

    of_mask_N: touches background (or the end of the array), so it belongs to the surface of the whole mask.
    inside_N: touches background within the array: a contour in the sense of ITK, which draws none at the border.
    """

    index_N3: np.ndarray
    label_N: np.ndarray
    of_mask_N: np.ndarray
    inside_N: np.ndarray


@dataclass(frozen=True, eq=False)
class SurfaceDistances:
    """Sorted distances in mm, from each surface voxel of one mask to the other; both empty if either mask is."""

    from_reference_mm: np.ndarray
    from_prediction_mm: np.ndarray


def surface_voxels(voxels: Foreground) -> SurfaceVoxels:
    """The surface voxels of every label; none for an empty map."""
    labels, own, index = voxels.labels, voxels.label_N, voxels.index_N3
    padded = np.pad(labels, 1)
    flat_padded = padded.ravel()
    at = np.asarray(np.ravel_multi_index(tuple(index.T + 1), padded.shape))
    other, open_, inside = (np.zeros(len(at), dtype=bool) for _ in range(3))
    strides = (padded.shape[1] * padded.shape[2], padded.shape[2], 1)
    for axis, stride in enumerate(strides):
        for step, edge in ((-stride, 0), (stride, labels.shape[axis] - 1)):
            neighbour = flat_padded[at + step]
            other |= neighbour != own
            open_ |= neighbour == 0
            inside |= (neighbour == 0) & (index[:, axis] != edge)
    return SurfaceVoxels(index[other], own[other], open_[other], inside[other])


def surface_distances(reference_mm: np.ndarray, prediction_mm: np.ndarray) -> SurfaceDistances:
    """Distances between two sets of surface points (N, 3) and (M, 3) in mm."""
    if not len(reference_mm) or not len(prediction_mm):
        return SurfaceDistances(np.zeros(0), np.zeros(0))
    return SurfaceDistances(
        from_reference_mm=np.sort(KDTree(prediction_mm).query(reference_mm)[0]),
        from_prediction_mm=np.sort(KDTree(reference_mm).query(prediction_mm)[0]),
    )


def normalised_surface_dice(distances: SurfaceDistances, tolerance_mm: float) -> float:
    """Share of both surfaces that lies within tolerance_mm of the other; NaN when either is empty.

    The caller says what two empty masks, or one, are worth (see `score`).
    """
    both = (distances.from_reference_mm, distances.from_prediction_mm)
    total = sum(len(d) for d in both)
    within = sum(int(np.searchsorted(d, tolerance_mm + SLACK_MM, side="right")) for d in both)
    return within / total if total else float("nan")


def hausdorff_mm(distances: SurfaceDistances, percentile: float = 95.0) -> float:
    """The larger of both directed percentiles (linear interpolation), in mm; NaN when either mask is empty."""
    if not len(distances.from_reference_mm):
        return float("nan")
    both = (distances.from_reference_mm, distances.from_prediction_mm)
    return float(max(np.percentile(d, percentile) for d in both))


def mean_surface_distance_mm(distances: SurfaceDistances) -> float:
    """Mean of all distances of both surfaces (ASSD), in mm; NaN when either mask is empty."""
    if not len(distances.from_reference_mm):
        return float("nan")
    return float(np.concatenate([distances.from_reference_mm, distances.from_prediction_mm]).mean())
