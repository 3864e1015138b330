"""Solids onto a grid: which share of each voxel a part of the posed body fills.

`Stage` joins a grid with a pose and answers, for a segment and a box of voxels, where each voxel lies in the
reference body. `share_of` turns a solid's signed distance there into a share by a ramp one voxel wide, split finer
where a solid is only a few voxels thick; `paint` does so for parts in painting order. Distances are worked out near
surfaces only: a coarse look first says which blocks of voxels lie wholly in or out. Works on any Geometry, oblique or
flipped. Pure; knows nothing about what is painted.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from scipy.interpolate import BSpline
from scipy.ndimage import maximum_filter, minimum_filter

from netlesion.phantom.chain import Apart, Chain, apart, splits, tubes
from netlesion.phantom.compounds import Offset
from netlesion.phantom.solids import FAR_MM

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from netlesion.geometry import Geometry
    from netlesion.phantom.body.parts import Part
    from netlesion.phantom.pose import Pose
    from netlesion.phantom.solids import Solid

Box = tuple[slice, slice, slice]
#: The trunk's displacement is sampled this often over the grid and interpolated by cubic splines in between.
LATTICE_MM = 16.0
#: A box of more samples than this is looked at in blocks of BLOCK^3 first, by the distance in the middle of each.
LARGE_BOX, BLOCK = 4_096, 3
#: A displacement stretches distances by no more than this (of the scan over those of the reference body) [P].
MOST_STRETCH = 1.25
#: Distances are computed this many at a time.
SLAB_VOXELS = 16_384
#: Distances kept for the layers inside a shell.
MOST_KEPT = 40


@dataclass(frozen=True, eq=False)
class Share:
    """The part of a grid that a shape can reach: `box` slices the grid's array, `share` (that box) is 0..1, float32."""

    box: Box
    share: np.ndarray


NOTHING = Share((slice(0, 0),) * 3, np.zeros((0, 0, 0), dtype=np.float32))


@dataclass(frozen=True, eq=False)
class Stage:
    """A posed body seen through a grid.

    ramp_mm: the width of the ramp at a surface; None: how far apart a voxel's sides are, over all directions. Next to
    nothing gives each voxel to what lies at its middle.
    """

    geometry: Geometry
    pose: Pose
    ramp_mm: float | None = None

    def coordinates(self, segment: str, box: Box, which: np.ndarray | tuple[np.ndarray, ...]) -> list[np.ndarray]:
        """x, y, z (mm, float32, broadcastable) in the reference body of the voxels of `box` that `which` picks.

        which: a mask of the box, or three index arrays into it as of np.ix_.
        """
        if segment != "trunk" or self.pose.displacement is None:
            index = np.nonzero(which) if isinstance(which, np.ndarray) else which
            return self._rigid(segment, [(i + s.start).astype(np.float32) for i, s in zip(index, box, strict=True)])
        self.keep_trunk(box)
        kept = self._trunk["box"]
        inside = tuple(slice(b.start - k.start, b.stop - k.start) for b, k in zip(box, kept, strict=True))
        return [c[inside][which] for c in self._trunk["xyz"]]

    def keep_trunk(self, box: Box) -> None:
        """Work out coordinates of the trunk for this box, and keep them for the boxes in it."""
        kept = self._trunk.get("box")
        if kept is None or any(b.start < k.start or b.stop > k.stop for b, k in zip(box, kept, strict=True)):
            kept = box if kept is None else _hull([box, kept])
            self._trunk.update(box=kept, xyz=self._displaced(kept))

    def share_of_piece(self, solid: Solid, segment: str, box: Box | None = None) -> Share:
        """The share of each voxel inside a solid. box: what it can reach, if that is known.

        A shell, its inside and what is inside that are Offsets of one solid, whose distances are kept for the others.
        """
        margin, whole = 0.0, solid
        while isinstance(solid, Offset):
            solid, margin = solid.solid, margin + solid.margin_mm
        key = (id(solid), segment)
        kept = self._kept.get(key)
        if kept is None or kept.widest_mm < margin:
            bounds = (whole if margin > 0.0 else solid).bounds_mm()
            box = self.boxes_of(bounds[None], segment)[0] if box is None else box
            split = int(splits(float((bounds[1] - bounds[0]).min()) / 2.0, self.voxel_mm))
            kept = Distances(solid, segment, box, split, max(margin, 0.0))
            while len(self._kept) >= MOST_KEPT:
                self._kept.pop(next(iter(self._kept)))
            self._kept[key] = kept
        return Share(kept.box, kept.share(self, margin)) if 0 not in kept.size else NOTHING

    def shares_of_chains(self, chains: list[tuple[str, Chain]]) -> Iterator[Share]:
        """For each (segment, chain), the share of each voxel its capsules fill, not yet limited by anything."""
        capsules = [c for _, chain in chains for c in chain.capsules]
        if not capsules:
            return
        owner = np.repeat(np.arange(len(chains)), [len(chain.capsules) for _, chain in chains])
        ends = np.array([(c.start_mm, c.end_mm) for c in capsules], dtype=np.float64)
        flat = np.array([c.flat_axis for c in capsules], dtype=np.float64)
        axes = self.geometry.affine_ras[:3, :3] / self.geometry.spacing_mm
        segments = np.array([segment for segment, _ in chains])[owner]
        for segment in dict.fromkeys(segment for segment, _ in chains):
            mine = segments == segment
            points, place = np.unique(ends[mine].reshape(-1, 3), axis=0, return_inverse=True)
            posed = self.geometry.to_index(self.pose.to_scan(points, segment)) * self.geometry.spacing_mm
            ends[mine] = posed[place].reshape(-1, 2, 3)
            flat[mine] = flat[mine] @ (axes.T @ self.pose.matrices[segment][:3, :3]).T
        drawn = tubes(capsules, ends, flat, self.geometry.spacing_mm, self.geometry.shape, self.voxel_mm)
        for own in drawn.shares(owner, len(chains)):
            yield _union([Share(*piece) for piece in own])

    def sub_offsets(self, segment: str, split: int) -> np.ndarray:
        """(3, split^3) float32: from a voxel's middle to its sub-voxels', mm in the reference body.

        The trunk's displacement bends too gently to matter within a voxel.
        """
        own = (np.arange(split) + 0.5) / split - 0.5
        grid = np.stack(np.meshgrid(own, own, own, indexing="ij")).reshape(3, -1)
        return (self._matrices[segment][:, :3] @ grid).astype(np.float32)

    @cached_property
    def _kept(self) -> dict[tuple[int, str], Distances]:
        return {}

    @cached_property
    def _trunk(self) -> dict:
        """`box` and `xyz`: coordinates of the trunk, as far as somebody asked for them."""
        return {}

    def boxes_of(self, boxes_mm: np.ndarray, segment: str) -> list[Box]:
        """The voxels that boxes (N, 2, 3) of the reference body on this segment can touch; empty when off the grid."""
        low, high = boxes_mm[:, 0], boxes_mm[:, 1]
        if segment == "trunk" and self.pose.displacement is not None:
            low, high = self.pose.displacement.boxes_undone(low, high)
        to_index = self._to_index[segment]
        middle = (low + high) / 2.0 @ to_index[:3, :3].T + to_index[:3, 3]
        reach = (high - low) / 2.0 @ np.abs(to_index[:3, :3]).T + 0.6
        first = np.clip(np.ceil(middle - reach), 0, self.geometry.shape).astype(int)
        last = np.clip(np.floor(middle + reach) + 1, first, self.geometry.shape).astype(int)
        return [tuple(map(slice, f, b)) for f, b in zip(first.tolist(), last.tolist(), strict=True)]

    @cached_property
    def _to_index(self) -> dict[str, np.ndarray]:
        """segment -> (4, 4), posed body -> voxel index."""
        inverse = np.linalg.inv(self.geometry.affine_ras)
        return {segment: inverse @ matrix for segment, matrix in self.pose.matrices.items()}

    @cached_property
    def voxel_mm(self) -> float:
        return float(np.mean(self.geometry.spacing_mm)) * 1.1 if self.ramp_mm is None else self.ramp_mm

    def _matrix(self, segment: str) -> np.ndarray:
        matrix = np.linalg.inv(self.pose.matrices[segment]) @ self.geometry.affine_ras
        matrix[np.abs(matrix) < 1e-9] = 0.0
        return matrix

    def _rigid(self, segment: str, index: list[np.ndarray]) -> list[np.ndarray]:
        """x, y, z at places of the grid, float32 voxels, as if nothing were displaced."""
        found = []
        for row in self._matrices[segment]:
            total = np.full((1,) * index[0].ndim, row[3], dtype=np.float32)
            for factor, along in zip(row, index, strict=False):
                if factor != 0.0:
                    total = total + factor * along
            found.append(total)
        return found

    @cached_property
    def _matrices(self) -> dict[str, np.ndarray]:
        """segment -> (3, 4) float32, voxel index -> posed body."""
        return {segment: self._matrix(segment)[:3].astype(np.float32) for segment in self.pose.matrices}

    def _displaced(self, box: Box) -> list[np.ndarray]:
        """The rigid coordinates plus the displacement: one matrix product per axis from the knots around the box."""
        basis, near = [], []
        for axis, s in enumerate(box):
            first, last = self._support(axis, s)
            basis.append(self._bases[axis][s, first:last])
            near.append(slice(first, last))
        found = []
        index = np.ix_(*(np.arange(s.start, s.stop, dtype=np.float32) for s in box))
        for rigid, coarse in zip(self._rigid("trunk", index), self._lattice[(slice(None), *near)], strict=True):
            field = np.tensordot(basis[0], coarse, (1, 0))
            field = np.matmul(basis[1], field)
            field = field @ basis[2].T
            field += rigid
            found.append(field)
        return found

    def _support(self, axis: int, s: slice) -> tuple[int, int]:
        """Which spline coefficients along an axis matter for voxels s."""
        knots = self._knots[axis]
        step = knots[1] - knots[0]
        first = int((s.start - 0.5 - knots[0]) / step) - 3
        last = int((s.stop - 0.5 - knots[0]) / step) + 1
        return max(first, 0), min(last, len(knots) - 4)

    @cached_property
    def _bases(self) -> list[np.ndarray]:
        """(voxels, coefficients) float32 along each axis."""
        found = []
        for knots, n in zip(self._knots, self.geometry.shape, strict=True):
            matrix = BSpline.design_matrix(np.clip(np.arange(n), knots[3], knots[-4] - 1e-9), knots, 3)
            found.append(matrix.toarray().astype(np.float32))
        return found

    @cached_property
    def _knots(self) -> list[np.ndarray]:
        """Knots of a cubic spline along each axis, in voxels, every LATTICE_MM or so; at least four cells."""
        knots = []
        for n, s in zip(self.geometry.shape, self.geometry.spacing_mm, strict=True):
            cells = max(4, math.ceil(n * s / LATTICE_MM))
            step = n / cells
            knots.append(-0.5 + step * np.arange(-3, cells + 4))
        return knots

    @cached_property
    def _lattice(self) -> np.ndarray:
        """(3, a, b, c) float32: spline coefficients of the displacement, from its values at the spline's own sites."""
        sites = [(k[1:-3] + k[2:-2] + k[3:-1]) / 3.0 for k in self._knots]
        index = np.stack(np.meshgrid(*sites, indexing="ij"), axis=-1).reshape(-1, 3)
        matrix = self._matrix("trunk")
        vectors = self.pose.displacement.at(index @ matrix[:3, :3].T + matrix[:3, 3]).T
        values = vectors.reshape(3, *(len(s) for s in sites))
        for axis in (1, 2, 3):
            # quasi-interpolation of cubic B-splines: exact for cubics, no system to solve
            values = _coefficients(values, axis)
        return values.astype(np.float32)


class Distances:
    """Signed distances of a solid over `box`: all of them in a small box, else in the middle of each block of voxels.

    split: how often a voxel at the surface is split. widest_mm: the largest margin that the box has room for.
    """

    def __init__(self, solid: Solid, segment: str, box: Box, split: int, widest_mm: float) -> None:
        self.box, self.widest_mm = box, widest_mm
        self.size = tuple(s.stop - s.start for s in box)
        self._solid, self._segment, self._split = solid, segment, split
        self._values: np.ndarray | None = None

    def share(self, stage: Stage, margin_mm: float) -> np.ndarray:
        """The share (0..1, float32) of each voxel inside the solid grown by margin_mm."""
        split = self._split
        if math.prod(self.size) * split**3 <= LARGE_BOX:
            return self._of_all(stage, margin_mm)
        diagonal, ramp = float(np.linalg.norm(stage.geometry.spacing_mm)), 0.5 * stage.voxel_mm / split
        within = 0.5 * MOST_STRETCH * diagonal if split > 1 else 0.0
        near, share = self._of_blocks(stage, margin_mm, MOST_STRETCH * diagonal + within + ramp)
        xyz = stage.coordinates(self._segment, self.box, near)
        distance = _in_slabs(self._solid, xyz, xyz[0].shape)
        if split == 1:
            share[near] = _ramp(distance, margin_mm, stage.voxel_mm)
            return share
        share[near] = distance < margin_mm
        at_surface = np.abs(distance - np.float32(margin_mm)) < within + ramp
        near[near] = at_surface
        share[near] = self._split_at(stage, [c[at_surface] for c in xyz], margin_mm)
        return share

    def _of_all(self, stage: Stage, margin_mm: float) -> np.ndarray:
        """As `share`, for boxes in which it does not pay to choose."""
        if self._values is None:
            xyz, size = stage.coordinates(self._segment, self.box, np.ix_(*map(np.arange, self.size))), self.size
            if self._split > 1:
                offsets = stage.sub_offsets(self._segment, self._split)
                xyz = [c[None] + o[:, None, None, None] for c, o in zip(xyz, offsets, strict=True)]
                size = (self._split**3, *size)
            self._values = np.broadcast_to(self._solid.distance(*xyz), size)
        share = _ramp(self._values, margin_mm, stage.voxel_mm / self._split)
        return share.mean(axis=0) if self._split > 1 else share

    def _of_blocks(self, stage: Stage, margin_mm: float, reach_mm: float) -> tuple[np.ndarray, np.ndarray]:
        """Which voxels the surface may touch, and 0 or 1 for those it does not.

        A block is left out when its middle is far from the surface and on the same side as all its neighbours': a
        distance is of the first order, right near the surface and in sign, but too large deep in a long thin shape;
        and beyond the samples of a sampled solid it is only said to be far.
        """
        if self._values is None:
            middles = np.ix_(*(np.minimum(np.arange(0, n, BLOCK) + BLOCK // 2, n - 1) for n in self.size))
            shape = np.broadcast_shapes(*(m.shape for m in middles))
            self._values = _in_slabs(self._solid, stage.coordinates(self._segment, self.box, middles), shape)
        inside = (self._values < margin_mm).view(np.uint8)
        near = np.abs(self._values - np.float32(margin_mm)) < reach_mm
        near |= maximum_filter(inside, 3) != minimum_filter(inside, 3)
        near |= self._values >= FAR_MM
        return self._fine(near), self._fine(inside).astype(np.float32)

    def _fine(self, blocks: np.ndarray) -> np.ndarray:
        for axis, n in enumerate(self.size):
            blocks = blocks.repeat(BLOCK, axis=axis)[(slice(None),) * axis + (slice(0, n),)]
        return np.ascontiguousarray(blocks)

    def _split_at(self, stage: Stage, middles: list[np.ndarray], margin_mm: float) -> np.ndarray:
        """Shares (n,) of the voxels with these middles, each seen in split^3 places."""
        split = self._split
        offsets = stage.sub_offsets(self._segment, split)
        found = np.empty(middles[0].size, dtype=np.float32)
        step = max(1, SLAB_VOXELS // split**3)
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


def _in_slabs(solid: Solid, coordinates: list[np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
    """The solid's distances, float32, a slab at a time so that what is computed with stays in the cache."""
    found = np.empty(shape, dtype=np.float32)
    thick = max(1, SLAB_VOXELS // max(1, math.prod(found.shape[1:])))
    for start in range(0, found.shape[0], thick):
        slab = slice(start, start + thick)
        found[slab] = solid.distance(*(c if c.shape[0] == 1 else c[slab] for c in coordinates))
    return found


def _coefficients(values: np.ndarray, axis: int) -> np.ndarray:
    """Values at the knots of a uniform cubic B-spline -> its coefficients: (-1, 8, -1) / 6, ends repeated."""
    padded = np.concatenate([values.take([0], axis), values, values.take([-1], axis)], axis)
    n = values.shape[axis]
    before, after = padded.take(range(n), axis), padded.take(range(2, n + 2), axis)
    return (8.0 * values - before - after) / 6.0


def share_of(stage: Stage, solid: Solid, segment: str) -> Share:
    """The share of each voxel inside the solid; the share is empty when the solid is off the grid."""
    return next(_shares(stage, [(apart(solid), segment)]))


def paint(stage: Stage, parts: Iterable[Part]) -> Iterator[tuple[Part, Share]]:
    """Each part that reaches the grid, in the order given, with the share of each voxel it fills."""
    parts = list(parts)
    for part, share in zip(parts, _shares(stage, [(p.apart, p.segment) for p in parts]), strict=True):
        if share.share.size:
            yield part, share


def _shares(stage: Stage, shapes: list[tuple[Apart, str]]) -> Iterator[Share]:
    """One share for each (solid, segment); the capsules of all are drawn at once."""
    in_trunk = [shape.boxes_mm for shape, segment in shapes if segment == "trunk"]
    if len(shapes) > 1 and sum(map(len, in_trunk)) and stage.pose.displacement is not None:
        boxes_mm = np.concatenate(in_trunk)
        hull = np.array([boxes_mm[:, 0].min(axis=0), boxes_mm[:, 1].max(axis=0)])
        stage.keep_trunk(stage.boxes_of(hull[None], "trunk")[0])
    drawn = stage.shares_of_chains([(segment, chain) for shape, segment in shapes for chain in shape.chains])
    limits: dict[tuple[int, str], Share] = {}

    def limited(share: Share, chain: Chain, segment: str) -> Share:
        for inside, solids in ((True, chain.limits), (False, chain.holes)):
            for solid in solids:
                limit = limits.get((id(solid), segment))
                if limit is None:
                    limit = limits[id(solid), segment] = stage.share_of_piece(solid, segment)
                within = _cut(limit, share.box)
                np.minimum(share.share, within if inside else 1.0 - within, out=share.share)
        return share

    for shape, segment in shapes:
        boxes = stage.boxes_of(shape.boxes_mm, segment) if shape.others else ()
        found = [stage.share_of_piece(p, segment, box) for p, box in zip(shape.others, boxes, strict=True)]
        for chain in shape.chains:
            share = next(drawn)
            found.append(limited(share, chain, segment) if share.share.size else share)
        yield _union([s for s in found if s.share.size])


def _cut(share: Share, box: Box) -> np.ndarray:
    """The share over another box."""
    if 0 in share.share.shape:
        return np.zeros([s.stop - s.start for s in box], dtype=np.float32)
    common = [slice(max(a.start, b.start), min(a.stop, b.stop)) for a, b in zip(share.box, box, strict=True)]
    found = np.zeros([s.stop - s.start for s in box], dtype=np.float32)
    if all(c.stop > c.start for c in common):
        of, to = (
            tuple(slice(c.start - s.start, c.stop - s.start) for c, s in zip(common, b, strict=True))
            for b in (share.box, box)
        )
        found[to] = share.share[of]
    return found


def _union(shares: list[Share]) -> Share:
    """The largest share of each voxel, over the box that holds all."""
    if len(shares) <= 1:
        return shares[0] if shares else NOTHING
    box = _hull([s.box for s in shares])
    whole = np.zeros([s.stop - s.start for s in box], dtype=np.float32)
    for s in shares:
        view = whole[tuple(slice(b.start - o.start, b.stop - o.start) for b, o in zip(s.box, box, strict=True))]
        np.maximum(view, s.share, out=view)
    return Share(box, whole)


def _hull(boxes: list[Box]) -> Box:
    """The box that holds all."""
    return tuple(slice(min(s.start for s in along), max(s.stop for s in along)) for along in zip(*boxes, strict=True))


def blend(canvas: np.ndarray, share: Share, value: float | np.ndarray) -> None:
    """Paints `value` (a number, or an array of the share's box) into the canvas, in place, by share of voxel."""
    view = canvas[share.box]
    view += share.share * (value - view)
