"""Where a predicted lesion points to: the voxel of its highest value, or the one nearest its centroid.

Takes a label map, a grid and optionally an image to rank voxels by; returns voxel indices. A plateau (a
saturated probability) has no single highest voxel: of those tied, the ones nearest the centroid are returned,
all of them if they tie again, so that flipping the image changes nothing. Knows nothing about references.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from netlesion.errors import GeometryError
from netlesion.evaluate.case.foreground import Foreground, foreground
from netlesion.image.geometry import Geometry

#: Distances to the centroid that differ by less than this fraction of the finest spacing are a tie.
TIE_TOLERANCE = 1e-4


@dataclass(frozen=True, eq=False)
class Peaks:
    """The peak voxels of all lesions: labels_N (N,) and index_N3 (N, 3), at least one for each label."""

    labels_N: np.ndarray
    index_N3: np.ndarray


def peak_voxels(labels: np.ndarray, geometry: Geometry, values: np.ndarray | None = None) -> Peaks:
    """The peak of each label of (I, J, K) `labels`, by `values` (I, J, K) if given; no label, no peak.

    Raises GeometryError when the shapes differ.
    """
    for name, array in (("label map", labels), ("image of values", values)):
        if array is not None and array.shape != geometry.shape:
            raise GeometryError(f"the {name} has shape {array.shape} on a grid of {geometry.shape}; they must be equal")
    return peaks_of(foreground(labels), geometry, values)


def peaks_of(voxels: Foreground, geometry: Geometry, values: np.ndarray | None = None) -> Peaks:
    """The same of a map whose foreground is listed already."""
    owner, ids, index = voxels.owner_N, voxels.ids_L, voxels.index_N3
    position = index * np.asarray(geometry.spacing_mm)
    centroid = voxels.centroid_L3 * geometry.spacing_mm
    distance = np.linalg.norm(position - centroid[owner], axis=1)
    if values is not None:
        value = voxels.at(values)
        top = np.full(len(ids), -np.inf)
        np.maximum.at(top, owner, value)
        distance = np.where(value >= top[owner], distance, np.inf)
    nearest = np.full(len(ids), np.inf)
    np.minimum.at(nearest, owner, distance)
    kept = distance <= nearest[owner] + TIE_TOLERANCE * min(geometry.spacing_mm)
    return Peaks(labels_N=voxels.label_N[kept], index_N3=index[kept])
