"""Which part of each voxel a shape fills, over the box of a grid that it can reach; and painting with it.

A Share is a box and an array of 0..1. Shares are joined, cut to another box, and blended into an image. Pure but for
`blend`, which paints in place. Knows nothing about solids or bodies.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

Box = tuple[slice, slice, slice]


def box_of(ends: Iterable[tuple[int, int]]) -> Box:
    """The first and the end voxel along each axis as slices."""
    i, j, k = (slice(first, end) for first, end in ends)
    return i, j, k


#: Voxels are blended this many at a time, so that what is computed with stays in the cache.
SLAB_VOXELS = 32_768


@dataclass(frozen=True, eq=False)
class Share:
    """The part of a grid that a shape can reach: `box` slices the grid's array, `share` (that box) is 0..1, float32."""

    box: Box
    share: np.ndarray


NOTHING = Share((slice(0, 0), slice(0, 0), slice(0, 0)), np.zeros((0, 0, 0), dtype=np.float32))


def size_of(box: Box) -> tuple[int, int, int]:
    """How many voxels a box holds along each axis."""
    i, j, k = (s.stop - s.start for s in box)
    return i, j, k


def hull(boxes: Iterable[Box]) -> Box:
    """The box that holds all."""
    return box_of((min(s.start for s in along), max(s.stop for s in along)) for along in zip(*boxes, strict=True))


def common(a: Box, b: Box) -> Box:
    """What two boxes share; empty (start equal to stop) along an axis where they do not meet."""
    low = [max(s.start, t.start) for s, t in zip(a, b, strict=True)]
    return box_of((n, max(n, min(s.stop, t.stop))) for n, s, t in zip(low, a, b, strict=True))


def within(box: Box, outer: Box) -> Box:
    """A box of the grid as slices into the array of an outer box."""
    return box_of((s.start - o.start, s.stop - o.start) for s, o in zip(box, outer, strict=True))


def cut(share: Share, box: Box) -> np.ndarray:
    """The share over another box: a view where its own box holds that, else a copy with 0 beyond."""
    both = common(share.box, box)
    if both == box:
        return share.share[within(box, share.box)]
    found = np.zeros(size_of(box), dtype=np.float32)
    if 0 not in size_of(both):
        found[within(both, box)] = share.share[within(both, share.box)]
    return found


def union(shares: list[Share]) -> Share:
    """The largest share of each voxel, over the box that holds all."""
    if len(shares) <= 1:
        return shares[0] if shares else NOTHING
    box = hull(s.box for s in shares)
    whole = np.zeros(size_of(box), dtype=np.float32)
    for s in shares:
        view = whole[within(s.box, box)]
        np.maximum(view, s.share, out=view)
    return Share(box, whole)


def blend(canvas: np.ndarray, share: Share, value: float | np.ndarray) -> None:
    """Paints `value` (a number, or an array of the share's box) into the canvas, in place, by share of voxel."""
    view, size = canvas[share.box], share.share.shape
    thick = max(1, SLAB_VOXELS // max(1, size[1] * size[2]))
    for start in range(0, size[0], thick):
        slab = slice(start, start + thick)
        more = (value[slab] if isinstance(value, np.ndarray) else np.float32(value)) - view[slab]
        more *= share.share[slab]
        view[slab] += more
