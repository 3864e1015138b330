"""One solid on a stage: which share of each voxel it fills, from signed distances worked out near its surface only.

A coarse look says which blocks of voxels lie wholly in or out, a finer one does so for the rest, and only what is left
is looked at voxel by voxel. A share is a ramp one voxel wide, split finer where a solid is only a few voxels thick.
The distances serve every margin by which the solid is grown or shrunk: a shell, its inside and what is inside that.
Knows nothing about parts, tissues or solids made of solids.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from netlesion.phantom.shares import Box, box_of, size_of
from netlesion.phantom.solids import FAR_MM

if TYPE_CHECKING:
    from collections.abc import Iterable

    from netlesion.phantom.solids import Solid
    from netlesion.phantom.stage import Coordinates, Stage

#: A box of more samples than LARGE_BOX is looked at in blocks of 2^3 voxels first, one of more than HUGE_BOX of 4^3.
LARGE_BOX, HUGE_BOX = 4_096, 32_768
#: A displacement stretches distances by no more than this (of the scan over those of the reference body) [P].
MOST_STRETCH = 1.25
#: Distances are computed this many at a time.
SLAB_SAMPLES = 16_384


class Distances:
    """Signed distances of a solid over a box of the grid, good for these margins.

    split: how often a voxel at the surface is split along each axis.
    """

    def __init__(self, solid: Solid, segment: str, box: Box, split: int, margins_mm: Iterable[float]) -> None:
        self._solid, self._segment, self._box, self._split = solid, segment, box, split
        self._margins_mm = tuple(margins_mm)
        self._is_small = math.prod(size_of(box)) * split**3 <= LARGE_BOX
        self._values: np.ndarray | None = None

    def share(self, stage: Stage, margin_mm: float) -> np.ndarray:
        """The share (0..1, float32) of each voxel of the box inside the solid grown by margin_mm."""
        if self._is_small:
            return self._share_of_all(stage, margin_mm)
        if self._values is None:
            self._look(stage)
        assert self._values is not None
        whole = _doubled((self._blocks < margin_mm).astype(np.float32))
        flat = whole.reshape(-1)
        if self._split == 1:
            flat[self._near] = _ramp(self._values, margin_mm, stage.voxel_mm)
        else:
            flat[self._near] = self._values < margin_mm
            at_surface = np.abs(self._values - np.float32(margin_mm)) < self._reach_mm(stage, 1)
            surface = self._near[at_surface]
            index = np.unravel_index(surface, whole.shape)
            i, j, k = (i + f for i, f in zip(index, self._first, strict=True))
            flat[surface] = self._split_at(stage, stage.middles_at(self._segment, (i, j, k)), margin_mm)
        return whole[tuple(slice(s.start - f, s.stop - f) for s, f in zip(self._box, self._first, strict=True))]

    def _share_of_all(self, stage: Stage, margin_mm: float) -> np.ndarray:
        """As `share`, for boxes in which it does not pay to choose."""
        if self._values is None:
            xyz, size = stage.middles(self._segment, self._box), size_of(self._box)
            if self._split > 1:
                offsets = stage.sub_offsets(self._segment, self._split)
                x, y, z = (c[None] + o[:, None, None, None] for c, o in zip(xyz, offsets, strict=True))
                xyz = x, y, z
                size = (self._split**3, *size)
            self._values = np.broadcast_to(self._solid.distance(*xyz), size)
        share = _ramp(self._values, margin_mm, stage.voxel_mm / self._split)
        return share.mean(axis=0) if self._split > 1 else share

    def _reach_mm(self, stage: Stage, block: int) -> float:
        """How far from the surface the middle of a block is, at least, when all shares of its voxels are 0 or 1."""
        samples = block - 1 + (1 if self._split > 1 else 0)
        return 0.5 * samples * MOST_STRETCH * stage.diagonal_mm + 0.5 * stage.voxel_mm / self._split

    def _look(self, stage: Stage) -> None:
        """Blocks of 2^3 voxels by the distance at their middle, and the voxels in those that a surface may touch."""
        block = 4 if math.prod(size_of(self._box)) > HUGE_BOX else 2
        box = box_of((s.start // block, -(-s.stop // block)) for s in self._box)
        values = _in_slabs(self._solid, stage.middles(self._segment, box, block), size_of(box))
        while block > 1:
            near = np.nonzero(self._touched(values, self._reach_mm(stage, block)))
            first, block = tuple(2 * s.start for s in box), block // 2
            size = tuple(2 * n for n in values.shape)
            place, found = self._look_into(stage, near, first, size, block)
            if block > 1:
                values = _doubled(values)
                values.reshape(-1)[place] = found
                box = box_of((f, f + n) for f, n in zip(first, size, strict=True))
        self._first, self._blocks, self._near, self._values = first, values, place, found

    def _look_into(
        self, stage: Stage, blocks: tuple[np.ndarray, ...], first: tuple[int, ...], size: tuple[int, ...], block: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Some blocks as eight each: places in a flat array of this size, which starts at `first`, and distances."""
        row, plane = size[2], size[1] * size[2]
        place = 2 * ((blocks[0] * size[1] + blocks[1]) * size[2] + blocks[2])
        place = place[:, None] + np.array([0, 1, row, row + 1, plane, plane + 1, plane + row, plane + row + 1])
        index = [n + f // 2 for n, f in zip(blocks, first, strict=True)]
        found, step = np.empty((len(place), 2, 2, 2), dtype=np.float32), SLAB_SAMPLES // 8
        for start in range(0, len(place), step):
            slab = slice(start, start + step)
            i, j, k = (n[slab] for n in index)
            found[slab] = self._solid.distance(*stage.eighths(self._segment, (i, j, k), block))
        return place.ravel(), found.ravel()

    def _touched(self, values: np.ndarray, reach_mm: float) -> np.ndarray:
        """The blocks that the surface at any of the margins may touch.

        A block is left out when its middle is far from the surface and on the same side as all its neighbours': a
        distance is of the first order, right near the surface and in sign, but too large deep in a long thin shape;
        and beyond the samples of a sampled solid it is only said to be far.
        """
        touched = values >= FAR_MM
        for margin in self._margins_mm:
            touched |= np.abs(values - np.float32(margin)) < reach_mm
            inside = values < margin
            touched |= _beside(inside, np.logical_or) != _beside(inside, np.logical_and)
        return touched

    def _split_at(self, stage: Stage, middles: Coordinates, margin_mm: float) -> np.ndarray:
        """Shares (n,) of the voxels with these middles, each seen in split^3 places."""
        split = self._split
        offsets = stage.sub_offsets(self._segment, split)
        found = np.empty(max(c.size for c in middles), dtype=np.float32)
        step = max(1, SLAB_SAMPLES // split**3)
        for start in range(0, found.size, step):
            slab = slice(start, start + step)
            xyz = [c[slab] + o[:, None] for c, o in zip(middles, offsets, strict=True)]
            share = _ramp(self._solid.distance(*xyz), margin_mm, stage.voxel_mm / split)
            found[slab] = share.mean(axis=0)
        return found


def _ramp(distance: np.ndarray, margin_mm: float, width_mm: float) -> np.ndarray:
    """1 inside, 0 outside, straight in between."""
    share = np.float32(margin_mm) - distance
    share *= np.float32(1.0 / width_mm)
    share += np.float32(0.5)
    return np.clip(share, 0.0, 1.0, out=share)


def _in_slabs(solid: Solid, coordinates: Coordinates, shape: tuple[int, ...]) -> np.ndarray:
    """The solid's distances, float32, a slab at a time so that what is computed with stays in the cache."""
    found = np.empty(shape, dtype=np.float32)
    thick = max(1, SLAB_SAMPLES // max(1, math.prod(shape[1:])))
    for start in range(0, shape[0], thick):
        slab = slice(start, start + thick)
        found[slab] = solid.distance(*(c if c.shape[0] == 1 else c[slab] for c in coordinates))
    return found


def _doubled(blocks: np.ndarray) -> np.ndarray:
    """Each value eight times, twice along every axis."""
    a, b, c = blocks.shape
    found = np.empty((a, 2, b, 2, 2 * c), dtype=blocks.dtype)
    found[...] = blocks.repeat(2, axis=2)[:, None, :, None]
    return found.reshape(2 * a, 2 * b, 2 * c)


def _beside(inside: np.ndarray, either: np.ufunc) -> np.ndarray:
    """`either` of each voxel and its 26 neighbours; bool."""
    for axis in range(3):
        found = inside.copy()
        low, high = ((slice(None),) * axis + (s,) for s in (slice(None, -1), slice(1, None)))
        either(found[high], inside[low], out=found[high])
        either(found[low], inside[high], out=found[low])
        inside = found
    return inside
