"""A mask of voxels -> a smooth solid: signed distances, cut into small boxes, in a frame of the caller's.

The distance to the mask's surface is smoothed over somewhat less than a voxel, so that voxel stairs do not show, and
then shifted by the constant that gives back the volume the mask had (smoothing alone shrinks what is curved). A winding
organ fills little of its box; it becomes a Union of boxes that each hold some of it, cheap to draw and fair to sample.
Pure; knows no organ by name.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import distance_transform_edt, gaussian_filter, zoom

from netlesion.phantom.compounds import Union
from netlesion.phantom.solids import Sampled

#: Gaussian smoothing of the distances, in voxels along each axis.
SMOOTH_VOXELS = 0.75
#: How far beyond the mask distances are kept: half a coarse voxel's ramp, and some.
MARGIN_MM = 6.0
#: Boxes are halved until the mask fills this share of them, or they are this short.
LEAST_FILL, SHORTEST_MM = 0.2, 36.0
#: Smaller arrays are refined twofold: between its samples a distance is straight, which would shrink what is thin.
MOST_REFINED = 30_000
#: Halvings of the interval in which the constant is sought.
BISECTIONS = 24


@dataclass(frozen=True, eq=False)
class MaskSolid:
    """Signed distances (IJK, float32, mm) on affine_ras, and the boxes that together hold the inside.

    depth_mm: how deep its deepest point lies.
    """

    distance_IJK: np.ndarray
    affine_ras: np.ndarray
    boxes: tuple[tuple[slice, slice, slice], ...]

    @property
    def depth_mm(self) -> float:
        return float(-self.distance_IJK.min())

    def solid(self, to_frame: np.ndarray) -> Union | Sampled:
        """The shape after the (4, 4) matrix `to_frame`; distances are scaled by its mean stretch."""
        stretch = np.float32(abs(np.linalg.det(to_frame[:3, :3])) ** (1.0 / 3.0))
        pieces = []
        for box in self.boxes:
            affine = self.affine_ras.copy()
            affine[:3, 3] += affine[:3, :3] @ [s.start for s in box]
            pieces.append(Sampled(np.ascontiguousarray(self.distance_IJK[box]) * stretch, to_frame @ affine))
        return pieces[0] if len(pieces) == 1 else Union(tuple(pieces))


def solid_of_mask(mask_IJK: np.ndarray, affine_ras: np.ndarray, margin_mm: float = MARGIN_MM) -> MaskSolid:
    """The smooth shape of a mask (bool IJK, not empty, outside its array nothing). affine_ras: voxel index -> mm."""
    spacing = np.linalg.norm(affine_ras[:3, :3], axis=0)
    margin = np.ceil(margin_mm / spacing).astype(int) + 1
    (low, high) = _tight(mask_IJK, np.zeros(3, int), np.array(mask_IJK.shape))
    mask = np.pad(mask_IJK[tuple(slice(a, b) for a, b in zip(low, high, strict=True))], [(m, m) for m in margin])
    affine = np.array(affine_ras, dtype=np.float64)
    affine[:3, 3] += affine[:3, :3] @ (low - margin)
    outside = distance_transform_edt(~mask, sampling=spacing)
    inside = distance_transform_edt(mask, sampling=spacing)
    half = 0.5 * spacing.min()
    distance = np.where(mask, half - inside, outside - half).astype(np.float32)
    distance = gaussian_filter(distance, SMOOTH_VOXELS, mode="nearest")
    fine = 1 if distance.size > MOST_REFINED else 2
    if fine > 1:
        distance = zoom(distance, fine, order=3, mode="nearest", grid_mode=True)
        affine[:3, 3] -= affine[:3, :3] @ np.full(3, 0.5 - 0.5 / fine)
        affine[:3, :3] /= fine
    distance -= _level_of_volume(distance, int(mask.sum()) * fine**3, float(spacing.mean()) / fine)
    boxes = []
    for first, last in _boxes(mask, *_tight(mask, np.zeros(3, int), np.array(mask.shape)), spacing):
        boxes.append(tuple(slice((a - m) * fine, (b + m) * fine) for a, b, m in zip(first, last, margin, strict=True)))
    return MaskSolid(distance, affine, tuple(boxes))


def _level_of_volume(distance: np.ndarray, num_voxels: int, ramp_mm: float) -> np.float32:
    """The c for which `distance < c` holds as many voxels, edges counted by their share."""
    near = distance[np.abs(distance) < 6.0 * ramp_mm]
    deep = int((distance <= -6.0 * ramp_mm).sum())
    low, high = -4.0 * ramp_mm, 4.0 * ramp_mm
    for _ in range(BISECTIONS):
        middle = 0.5 * (low + high)
        count = deep + float(np.clip(0.5 - (near - middle) / ramp_mm, 0.0, 1.0).sum(dtype=np.float64))
        low, high = (middle, high) if count < num_voxels else (low, middle)
    return np.float32(0.5 * (low + high))


def _tight(mask: np.ndarray, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The box of what the mask has between low and high (voxels, high excluded)."""
    view = mask[tuple(slice(a, b) for a, b in zip(low, high, strict=True))]
    first, last = [], []
    for axis in range(3):
        there = np.flatnonzero(view.any(axis=tuple(a for a in range(3) if a != axis)))
        first.append(there[0])
        last.append(there[-1] + 1)
    return low + first, low + last


def _boxes(
    mask: np.ndarray, low: np.ndarray, high: np.ndarray, spacing: np.ndarray
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Tight boxes that together hold the mask, halved along their longest side while mostly empty."""
    size = (high - low) * spacing
    view = mask[tuple(slice(a, b) for a, b in zip(low, high, strict=True))]
    axis = int(np.argmax(size))
    if view.mean() >= LEAST_FILL or size[axis] <= SHORTEST_MM or high[axis] - low[axis] < 2:
        return [(low, high)]
    found = []
    middle = (low[axis] + high[axis]) // 2
    for a, b in ((low[axis], middle), (middle, high[axis])):
        first, last = low.copy(), high.copy()
        first[axis], last[axis] = a, b
        if mask[tuple(slice(p, q) for p, q in zip(first, last, strict=True))].any():
            found += _boxes(mask, *_tight(mask, first, last), spacing)
    return found
