"""How long a lesion's mask is: its longest axis in the body, and the long and short axis in an axial slice.

They are measured on the PET mask, with half a voxel beyond the centres at either end, and are no diameters of RECIST,
which are read on diagnostic CT or MR (clinical.md 4.3). Takes voxels and a grid; knows nothing about uptake.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from netlesion.image.geometry import Geometry

#: Directions in which an extent is looked for: 5 degrees apart in a plane, which falls short by 0.1 % at most.
IN_PLANE = 36
#: Directions in space (half a sphere).
IN_SPACE = 256


@dataclass(frozen=True)
class PetAxes:
    """mm. long_mm: longest extent in any axial slice; short_mm: across it there; longest_mm: in any direction."""

    long_mm: float
    short_mm: float
    longest_mm: float


def pet_axes(voxels_N3: np.ndarray, geometry: Geometry) -> PetAxes:
    """The axes of the lesion made of these voxels (N, 3), N at least 1."""
    axes, _ = geometry.nearest_ras()
    upright, spacing = axes[2], np.asarray(geometry.spacing_mm)
    plane = [a for a in range(3) if a != upright]
    edge = voxels_N3[_ends_of_lines(voxels_N3, plane, upright)]
    angles = np.arange(IN_PLANE) * np.pi / IN_PLANE
    directions = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    through = np.array([_through(direction, spacing[plane]) for direction in directions])
    order = np.argsort(edge[:, upright], kind="stable")
    along = (edge[order][:, plane] * spacing[plane]) @ directions.T
    starts = np.flatnonzero(np.diff(edge[order][:, upright], prepend=-1))
    extent = np.maximum.reduceat(along, starts) - np.minimum.reduceat(along, starts) + through
    at_slice, at_angle = np.unravel_index(int(extent.argmax()), extent.shape)
    return PetAxes(
        long_mm=float(extent[at_slice, at_angle]),
        short_mm=float(extent[at_slice, (at_angle + IN_PLANE // 2) % IN_PLANE]),
        longest_mm=_longest_mm(edge * spacing, spacing),
    )


def _ends_of_lines(voxels_N3: np.ndarray, plane: list[int], upright: int) -> np.ndarray:
    """Which voxels are the first or last of a line along the second axis of the plane: no extent ends elsewhere."""
    first, second = plane
    order = np.lexsort((voxels_N3[:, second], voxels_N3[:, first], voxels_N3[:, upright]))
    key = voxels_N3[order][:, [upright, first]]
    new = np.any(np.diff(key, axis=0) != 0, axis=1)
    return np.unique(order[np.r_[True, new] | np.r_[new, True]])


def _longest_mm(points_N3: np.ndarray, spacing_mm: np.ndarray) -> float:
    """The largest distance of two voxels' centres, and half a voxel's extent along that line at either end."""
    n = np.arange(IN_SPACE) + 0.5
    z = n / IN_SPACE
    turn = np.pi * (1 + 5**0.5) * n
    directions = np.stack([np.sqrt(1 - z**2) * np.cos(turn), np.sqrt(1 - z**2) * np.sin(turn), z], axis=1)
    along = points_N3 @ np.concatenate([directions, np.eye(3)]).T
    ends = points_N3[along.argmax(axis=0)] - points_N3[along.argmin(axis=0)]
    lengths = np.linalg.norm(ends, axis=1)
    best = int(lengths.argmax())
    if lengths[best] == 0:
        return float(spacing_mm.max())
    return float(lengths[best] + _through(ends[best] / lengths[best], spacing_mm))


def _through(unit: np.ndarray, spacing_mm: np.ndarray) -> float:
    """The extent along a unit vector of the ellipsoid that a voxel holds: its edge where the vector is an axis."""
    return float(np.linalg.norm(spacing_mm * unit))
