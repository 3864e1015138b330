"""How far lesions lie from each other, and what they hold of each other. Points are RAS+ mm.

Dilation by r is physical: a point belongs to it when a voxel's centre lies within r. Two lesions dilated by r overlap
when the gap between their nearest voxel centres is at most 2 r.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.spatial import cKDTree


@dataclass(frozen=True, eq=False)
class Place:
    """The voxels of a lesion or of several (N, 3), in one frame; voxel_ml: of one of them."""

    points_mm: np.ndarray
    voxel_ml: float

    @cached_property
    def tree(self) -> cKDTree:
        return cKDTree(self.points_mm)

    @cached_property
    def centroid_mm(self) -> np.ndarray:
        return self.points_mm.mean(axis=0)

    @cached_property
    def box_mm(self) -> tuple[np.ndarray, np.ndarray]:
        return self.points_mm.min(axis=0), self.points_mm.max(axis=0)

    @property
    def volume_ml(self) -> float:
        return len(self.points_mm) * self.voxel_ml

    @property
    def edge_mm(self) -> float:
        """Edge of a cube of one voxel's volume."""
        return (1000.0 * self.voxel_ml) ** (1.0 / 3.0)


def gap_mm(a: Place, b: Place, reach_mm: float) -> float:
    """Distance of the nearest two voxel centres; infinite beyond reach_mm."""
    (low_a, high_a), (low_b, high_b) = a.box_mm, b.box_mm
    if (np.maximum(low_a - high_b, low_b - high_a) > reach_mm).any():
        return np.inf
    small, large = (a, b) if len(a.points_mm) <= len(b.points_mm) else (b, a)
    distances, _ = large.tree.query(small.points_mm, distance_upper_bound=reach_mm + 1e-6)
    return float(distances.min())


def share_within(small: Place, large: Place, reach_mm: float) -> float:
    """Fraction of the voxels of `small` that have a voxel centre of `large` within reach_mm."""
    distances, _ = large.tree.query(small.points_mm, distance_upper_bound=reach_mm + 1e-6)
    return float(np.isfinite(distances).mean())


def shared(a: Place, b: Place) -> float:
    """Fraction of the smaller one's volume that lies in the other: its voxels with a centre of the other within 0.62
    of a voxel's edge, the radius of the sphere that holds as much as a voxel.
    """
    small, large = (a, b) if a.volume_ml <= b.volume_ml else (b, a)
    return share_within(small, large, 0.62 * max(a.edge_mm, b.edge_mm))
