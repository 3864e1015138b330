"""A label map drawn on another image's grid -> the PET's grid, by majority of volume.

Contours drawn on a fine CT become labels of the voxels of a coarser PET of which they fill at least half, as in the
digital phantom; nearest neighbour would decide by one point and lose small lesions by chance. Only the surroundings
of the labels are computed. Knows nothing about files.
"""

from __future__ import annotations

import math
from itertools import product

import numpy as np

from netlesion.image.geometry import Geometry
from netlesion.image.volume import Quantity, Volume


def label_on_grid(labels: Volume, grid: Geometry) -> Volume:
    """For each voxel of the grid the label that fills most of it, if at least half; else 0.

    A voxel is sampled at n points per axis, n the number of source voxels along it, at least 1 and at most 8.
    """
    if labels.geometry.same_grid(grid):
        return Volume(labels.array, grid, Quantity.LABEL)
    out = np.zeros(grid.shape, dtype=labels.array.dtype)
    inside = np.argwhere(labels.array)
    if not len(inside):
        return Volume(out, grid, Quantity.LABEL)
    to_source = labels.geometry.index_from(grid)
    box = _box_on(grid, labels.geometry, inside.min(axis=0), inside.max(axis=0))
    if any(s.stop <= s.start for s in box):
        return Volume(out, grid, Quantity.LABEL)
    steps = np.abs(to_source[:3, :3]).sum(axis=0)
    counts = [min(max(math.ceil(step), 1), 8) for step in steps]
    offsets = [(np.arange(n) + 0.5) / n - 0.5 for n in counts]
    i, j, k = (np.arange(s.start, s.stop, dtype=np.float64) for s in box)
    values = [int(v) for v in np.unique(labels.array) if v]
    hits = np.zeros((len(values), len(i), len(j), len(k)), dtype=np.uint16)
    for di, dj, dk in product(*offsets):
        sampled = _sample(labels.array, to_source, (i + di, j + dj, k + dk))
        for n, value in enumerate(values):
            hits[n] += sampled == value
    best = hits.argmax(axis=0)
    enough = 2 * hits.max(axis=0) >= math.prod(counts)
    out[box] = np.where(enough, np.array(values, dtype=out.dtype)[best], 0)
    return Volume(out, grid, Quantity.LABEL)


def _box_on(grid: Geometry, source: Geometry, low: np.ndarray, high: np.ndarray) -> tuple[slice, slice, slice]:
    """The voxels of the grid that the source's box of labels can touch."""
    corners = np.array(list(product(*zip(low - 0.5, high + 0.5, strict=True))))
    at = grid.to_index(source.to_world(corners))
    first = np.maximum(np.floor(at.min(axis=0)).astype(int) - 1, 0)
    last = np.minimum(np.ceil(at.max(axis=0)).astype(int) + 2, grid.shape)
    i, j, k = (slice(int(a), int(b)) for a, b in zip(first, last, strict=True))
    return i, j, k


def _sample(array: np.ndarray, matrix: np.ndarray, points: tuple[np.ndarray, np.ndarray, np.ndarray]) -> np.ndarray:
    """The source's value at each point of a product grid, 0 outside."""
    i, j, k = np.ix_(*points)
    index, valid = [], True
    for axis in range(3):
        at = matrix[axis, 0] * i + matrix[axis, 1] * j + matrix[axis, 2] * k + matrix[axis, 3]
        nearest = np.floor(at + 0.5).astype(np.int64)
        valid = valid & (nearest >= 0) & (nearest < array.shape[axis])
        index.append(np.clip(nearest, 0, array.shape[axis] - 1))
    return np.where(valid, array[tuple(index)], 0)
