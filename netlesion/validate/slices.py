"""Slices that are missing, empty or repeated, told from the voxels alone: headers do not say.

Slices are taken along the array axis nearest to head-foot, on the native grid. Constant: one value throughout, between
slices that are not. Repeated: equal to its neighbour, and not constant. Jump: neighbours differ far more than slices
around them do, as where a slab was left out and the rest pushed together; compared as the share of the mean difference
to the local median of the slices around. Knows nothing about findings.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from netlesion.image.volume import Quantity, Volume

#: Slices on each side whose differences say what is usual.
AROUND = 6


@dataclass(frozen=True)
class Slices:
    """Indices along the axis: constant ones in the interior, those equal to the one before, and the largest jump."""

    num: int
    spacing_mm: float
    constant: tuple[int, ...]
    repeated: tuple[int, ...]
    jump_ratio: float
    jump_at: int


def look_at_slices(volume: Volume) -> Slices:
    """One pass over the slices; jump_ratio is 0 where there are too few to say."""
    axis = int(np.argmax(np.abs(volume.geometry.affine_ras[2, :3]) / volume.geometry.spacing_mm))
    stack = np.moveaxis(_without_hot_spots(volume), axis, 0)
    flat = np.array([s.max() == s.min() for s in stack])
    lively = np.flatnonzero(~flat)
    constant = [int(k) for k in np.flatnonzero(flat) if lively.size and lively[0] < k < lively[-1]]
    change = np.array([_difference(a, b) for a, b in zip(stack[:-1], stack[1:], strict=True)])
    equal = [k + 1 for k, c in enumerate(change) if c == 0.0 and not flat[k] and not flat[k + 1]]
    change[flat[:-1] | flat[1:]] = 0.0  # where an image begins or ends is no jump
    ratio, at = _largest_jump(change)
    return Slices(len(stack), volume.geometry.spacing_mm[axis], tuple(constant), tuple(equal), ratio, at)


def _without_hot_spots(volume: Volume) -> np.ndarray:
    """Uptake beyond that of most of the body is cut off: a full bladder ends more suddenly than a lost slab."""
    if volume.quantity is not Quantity.SUVBW:
        return volume.array
    sample = volume.array[::2, ::2, ::2]
    some = sample[sample > 0.05 * np.percentile(sample, 99)]
    return np.minimum(volume.array, 1.5 * np.median(some)) if some.size else volume.array


def _difference(a: np.ndarray, b: np.ndarray) -> float:
    """Mean absolute difference of two slices after a blur over 4x4 voxels, so that noise counts for little."""
    i, j = (n - n % 4 for n in a.shape)
    if min(i, j) < 4:
        return float(np.abs(a - b).mean())
    if np.array_equal(a, b):
        return 0.0
    blocks = (a[:i, :j] - b[:i, :j]).reshape(i // 4, 4, j // 4, 4).mean(axis=(1, 3))
    return float(np.abs(blocks).mean()) or float(np.abs(a - b).mean())


def _largest_jump(change: np.ndarray) -> tuple[float, int]:
    best, at = 0.0, -1
    for k, value in enumerate(change):
        around = np.concatenate([change[max(k - AROUND, 0) : k], change[k + 1 : k + 1 + AROUND]])
        if len(around) < AROUND or np.median(around) <= 0:
            continue
        ratio = float(value / np.median(around))
        if ratio > best:
            best, at = ratio, k + 1
    return best, at
