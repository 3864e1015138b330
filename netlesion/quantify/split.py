"""Confluent disease, split where the uptake has a valley: one basin for each peak that stands out (clinical.md 2.1).

Rule [P]: the basins of a watershed on SUV (steepest ascent); the lower of two neighbouring peaks is its own only where
the saddle between them is at least 25 % below it and the peaks are at least 12 mm apart. Else its basin belongs to the
neighbour over the highest saddle. Takes a crop; knows nothing about files.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from netlesion.errors import QuantityError
from netlesion.image.volume import Quantity, Volume
from netlesion.quantify.instances import numbered_by_size, voxels_by_label

MIN_CONTRAST = 0.25
MIN_DISTANCE_MM = 12.0
#: One of each pair of opposite steps to the 18 neighbours.
_STEPS = [s for s in np.argwhere(ndimage.generate_binary_structure(3, 2)) - 1 if tuple(s) > (0, 0, 0)]


def basins(
    suv: np.ndarray,
    mask: np.ndarray,
    spacing_mm: tuple[float, float, float],
    min_contrast: float = MIN_CONTRAST,
    min_distance_mm: float = MIN_DISTANCE_MM,
) -> np.ndarray:
    """(i, j, k) int32: 0 outside the mask, 1..n for the basins of its peaks, the hottest first; an empty mask has none.

    Args:
        suv: (i, j, k) of uptake.
        mask: (i, j, k) bool, one 18-connected component or several.
        spacing_mm: Of a voxel.
        min_contrast: 1 - saddle/peak that a peak needs, 0 to 1.
        min_distance_mm: Between a peak and that of the neighbour.
    """
    if not mask.any():
        return np.zeros(mask.shape, dtype=np.int32)
    regions, tops = _ascended(suv, mask)
    heights = suv[tuple(tops.T)].astype(np.float64)
    owner = _merged(heights, tops * np.asarray(spacing_mm), _saddles(suv, regions), min_contrast, min_distance_mm)
    kept = np.unique(owner)
    hottest_first = np.argsort(-heights[kept], kind="stable")
    number = np.zeros(len(heights) + 1, dtype=np.int32)
    number[1:] = (np.argsort(hottest_first) + 1)[np.searchsorted(kept, owner)]
    return number[regions]


def split_lesions(lesions: Volume, suv: Volume) -> Volume:
    """The label map with every lesion split into its basins, numbered 1..n by falling size.

    Raises QuantityError unless `lesions` is a LABEL, GeometryError unless both share a grid.
    """
    if lesions.quantity is not Quantity.LABEL:
        raise QuantityError(f"lesions are split in a LABEL, not in a {lesions.quantity.name}")
    suv.geometry.require_same_grid(lesions.geometry, "the PET", "the lesion mask")
    found = np.zeros(lesions.array.shape, dtype=np.int32)
    count = 0
    for label, voxels_N3 in voxels_by_label(lesions.array):
        part = tuple(slice(a, b + 1) for a, b in zip(voxels_N3.min(axis=0), voxels_N3.max(axis=0), strict=True))
        of_lesion = basins(suv.array[part], lesions.array[part] == label, suv.geometry.spacing_mm)
        found[part] += np.where(of_lesion > 0, of_lesion + count, 0)
        count += int(of_lesion.max())
    return lesions.with_array(numbered_by_size(found, count))


def _ascended(suv: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Basins 1..n by steepest ascent, (i, j, k), and the (n, 3) peaks; equal voxels are told apart by their order."""
    flat = np.flatnonzero(mask)
    rank = np.full(mask.size, -1, dtype=np.int64)
    rank[flat[np.argsort(suv.ravel()[flat], kind="stable")]] = np.arange(len(flat))
    rank = rank.reshape(mask.shape)
    best, above = rank.copy(), np.arange(mask.size).reshape(mask.shape)
    index = above.copy()
    for step in [*_STEPS, *(-s for s in _STEPS)]:
        here, there = _shifted(step, mask.shape)
        higher = rank[there] > best[here]
        best[here] = np.where(higher, rank[there], best[here])
        above[here] = np.where(higher, index[there], above[here])
    above = above.ravel()
    while not np.array_equal(further := above[above[flat]], above[flat]):
        above[flat] = further
    tops, number = np.unique(above[flat], return_inverse=True)
    regions = np.zeros(mask.size, dtype=np.int32)
    regions[flat] = number + 1
    return regions.reshape(mask.shape), np.stack(np.unravel_index(tops, mask.shape), axis=1)


def _shifted(step: np.ndarray, shape: tuple[int, ...]) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Where a voxel and its neighbour one step away both lie in an array of this shape: slices of both."""
    here = tuple(slice(max(0, -s), n - max(0, s)) for s, n in zip(step, shape, strict=True))
    there = tuple(slice(max(0, s), n - max(0, -s)) for s, n in zip(step, shape, strict=True))
    return here, there


def _saddles(suv: np.ndarray, regions: np.ndarray) -> dict[tuple[int, int], float]:
    """(a, b) of neighbouring basins, a < b -> the highest uptake on the way between them."""
    pairs, heights = [], []
    for step in _STEPS:
        here, there = _shifted(step, regions.shape)
        a, b = regions[here], regions[there]
        touch = (a != b) & (a > 0) & (b > 0)
        pairs.append(np.sort(np.stack([a[touch], b[touch]], axis=1), axis=1))
        heights.append(np.minimum(suv[here][touch], suv[there][touch]))
    every, height = np.concatenate(pairs), np.concatenate(heights)
    unique, inverse = np.unique(every, axis=0, return_inverse=True)
    top = np.full(len(unique), -np.inf)
    np.maximum.at(top, inverse.ravel(), height)
    return {(int(a), int(b)): float(h) for (a, b), h in zip(unique, top, strict=True)}


def _merged(
    heights: np.ndarray,
    tops_mm: np.ndarray,
    saddles: dict[tuple[int, int], float],
    min_contrast: float,
    min_distance_mm: float,
) -> np.ndarray:
    """(n,) for each basin the one that it belongs to, from 0; the lowest peaks are looked at first."""
    owner = np.arange(len(heights))
    beside: dict[int, dict[int, float]] = {n: {} for n in owner.tolist()}
    for (a, b), height in saddles.items():
        beside[a - 1][b - 1] = beside[b - 1][a - 1] = height
    for lower in np.argsort(heights, kind="stable").tolist():
        higher = {n: s for n, s in beside[lower].items() if (heights[n], -n) >= (heights[lower], -lower) and n != lower}
        if not higher:
            continue
        into = max(higher, key=lambda n: (higher[n], heights[n], -n))
        stands_out = higher[into] <= (1.0 - min_contrast) * heights[lower]
        apart = float(np.linalg.norm(tops_mm[into] - tops_mm[lower])) >= min_distance_mm
        if stands_out and apart:
            continue
        owner[owner == lower] = into
        for n, saddle in beside.pop(lower).items():
            del beside[n][lower]
            if n != into:
                beside[into][n] = beside[n][into] = max(saddle, beside[into].get(n, -np.inf))
        beside[lower] = {}
    return owner
