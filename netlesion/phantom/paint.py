"""Solids onto a grid: which share of each voxel a part of the posed body fills.

`Stage` joins a grid with a pose and answers, for a segment and a box of voxels, where each voxel lies in the
reference body. `share_of` turns a solid's signed distance there into a share by a ramp one voxel wide, split finer
where a solid is only a few voxels thick; `paint` does so for parts in painting order. Works on any Geometry,
oblique or flipped. Pure; knows nothing about what is painted.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from scipy.interpolate import BSpline

from netlesion.phantom.chain import as_capsule, half_thickness_split, shares_of_capsules
from netlesion.phantom.compounds import Offset, pieces

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from netlesion.geometry import Geometry
    from netlesion.phantom.body.parts import Part
    from netlesion.phantom.pose import Pose
    from netlesion.phantom.solids import Capsule, Solid

Box = tuple[slice, slice, slice]
#: The trunk's displacement is sampled this often over the grid and interpolated by cubic splines in between.
LATTICE_MM = 16.0
#: A voxel is split until this many sub-voxels span a solid's half thickness, at most MOST_SPLIT per axis.
SUBVOXELS_PER_HALF_THICKNESS = 2.0
MOST_SPLIT = 4
#: Distances are computed this many voxels at a time.
SLAB_VOXELS = 16_384
#: Distances kept for the layers inside a shell.
MOST_KEPT = 40


@dataclass(frozen=True, eq=False)
class Share:
    """The part of a grid that a shape can reach: `box` slices the grid's array, `share` (that box) is 0..1, float32."""

    box: Box
    share: np.ndarray


@dataclass(frozen=True, eq=False)
class Sampling:
    """Signed distances of a solid over `box`, each voxel split^3 times; the solid meant is margin_mm larger."""

    box: Box
    split: int
    distance: np.ndarray
    widest_mm: float
    margin_mm: float = 0.0


@dataclass(frozen=True, eq=False)
class Stage:
    """A posed body seen through a grid."""

    geometry: Geometry
    pose: Pose

    def coordinates(self, segment: str, box: Box, split: int = 1) -> list[np.ndarray]:
        """x, y, z (mm, float32, broadcastable) in the reference body of every voxel of `box`, each split^3 times."""
        if segment == "trunk" and self.pose.displacement is not None:
            return [c[box] for c in self._trunk] if split == 1 else self._displaced(box, split)
        return self._rigid(segment, box, split)

    def distance(self, solid: Solid, segment: str) -> Sampling | None:
        """The solid's distances over the voxels it can touch; None when it is off the grid.

        A shell, its inside and what is inside that are Offsets of one solid: the first,
        widest one is kept for the others.
        """
        margin = 0.0
        while isinstance(solid, Offset):
            solid, margin = solid.solid, margin + solid.margin_mm
        key = (solid, segment)
        kept = self._kept.get(key)
        if kept is None or kept.widest_mm < margin:
            whole = Offset(solid, margin) if margin > 0.0 else solid
            kept = self._sampled(solid, segment, self.box_of(whole, segment), max(margin, 0.0))
            while len(self._kept) >= MOST_KEPT:
                self._kept.pop(next(iter(self._kept)))
            self._kept[key] = kept
        return None if kept.distance.size == 0 else replace(kept, margin_mm=margin)

    def _sampled(self, solid: Solid, segment: str, box: Box, widest_mm: float) -> Sampling:
        size = tuple(s.stop - s.start for s in box)
        if 0 in size:
            return Sampling(box, 1, np.zeros((0, 0, 0), dtype=np.float32), widest_mm)
        low, high = solid.bounds_mm()
        split = self._split_of(float((high - low).min()) / 2.0)
        return Sampling(
            box, split, _in_slabs(solid, self.coordinates(segment, box, split), [n * split for n in size]), widest_mm
        )

    def shares_of_capsules(self, capsules: list[Capsule], segment: str) -> list[Share]:
        """The share of every capsule that reaches the grid."""
        axes = self.geometry.affine_ras[:3, :3] / self.geometry.spacing_mm

        def to_grid(points_N3: np.ndarray) -> np.ndarray:
            return self.geometry.to_index(self.pose.to_scan(points_N3, segment))

        turn = axes.T @ self.pose.matrices[segment][:3, :3]
        found = shares_of_capsules(capsules, self.geometry, to_grid, turn, self.voxel_mm, self._split_of)
        return [Share(box, share) for box, share in found]

    def _split_of(self, half_thickness_mm: float) -> int:
        return half_thickness_split(half_thickness_mm, self.voxel_mm, SUBVOXELS_PER_HALF_THICKNESS, MOST_SPLIT)

    @cached_property
    def _kept(self) -> dict[tuple[Solid, str], Sampling]:
        return {}

    def box_of(self, solid: Solid, segment: str) -> Box:
        """The voxels a solid of this segment can touch; a box with an empty axis when it is off the grid."""
        low, high = solid.bounds_mm()
        if segment == "trunk" and self.pose.displacement is not None:
            low, high = self.pose.displacement.box_undone(low, high)
        to_index = self._to_index[segment]
        middle = to_index[:3, :3] @ ((low + high) / 2.0) + to_index[:3, 3]
        reach = np.abs(to_index[:3, :3]) @ ((high - low) / 2.0) + 0.6
        shape = self.geometry.shape
        first = [min(max(math.ceil(m - r), 0), n) for m, r, n in zip(middle, reach, shape, strict=True)]
        last = [min(max(math.floor(m + r) + 1, f), n) for m, r, f, n in zip(middle, reach, first, shape, strict=True)]
        return tuple(slice(a, b) for a, b in zip(first, last, strict=True))

    @cached_property
    def _to_index(self) -> dict[str, np.ndarray]:
        """segment -> (4, 4), posed body -> voxel index."""
        inverse = np.linalg.inv(self.geometry.affine_ras)
        return {segment: inverse @ matrix for segment, matrix in self.pose.matrices.items()}

    @cached_property
    def voxel_mm(self) -> float:
        """How far apart a voxel's sides are, over all directions: the width of the ramp at a surface."""
        return float(np.mean(self.geometry.spacing_mm)) * 1.1

    def _matrix(self, segment: str) -> np.ndarray:
        matrix = np.linalg.inv(self.pose.matrices[segment]) @ self.geometry.affine_ras
        matrix[np.abs(matrix) < 1e-9] = 0.0
        return matrix

    def _rigid(self, segment: str, box: Box, split: int) -> list[np.ndarray]:
        index = [(np.arange(s.start * split, s.stop * split, dtype=np.float32) + 0.5) / split - 0.5 for s in box]
        grids = np.ix_(*(i.astype(np.float32) for i in index))
        found = []
        for row in self._matrices[segment]:
            total = np.full((1, 1, 1), row[3], dtype=np.float32)
            for factor, grid in zip(row, grids, strict=False):
                if factor != 0.0:
                    total = total + factor * grid
            found.append(total)
        return found

    @cached_property
    def _matrices(self) -> dict[str, np.ndarray]:
        """segment -> (3, 4) float32, voxel index -> posed body."""
        return {segment: self._matrix(segment)[:3].astype(np.float32) for segment in self.pose.matrices}

    def _displaced(self, box: Box, split: int) -> list[np.ndarray]:
        """The rigid coordinates plus the displacement: one matrix product per axis from the knots around the box."""
        basis, near = [], [slice(None)]
        for axis, s in enumerate(box):
            full = self._basis(axis, split)
            rows = slice(s.start * split, s.stop * split)
            first, last = self._support(axis, s)
            basis.append(full[rows, first:last])
            near.append(slice(first, last))
        found = []
        for rigid, coarse in zip(self._rigid("trunk", box, split), self._lattice[tuple(near)], strict=True):
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

    def _basis(self, axis: int, split: int) -> np.ndarray:
        """(voxels * split, coefficients) float32 along an axis."""
        if (axis, split) not in self._bases:
            knots, n = self._knots[axis], self.geometry.shape[axis]
            index = (np.arange(n * split) + 0.5) / split - 0.5
            matrix = BSpline.design_matrix(np.clip(index, knots[3], knots[-4] - 1e-9), knots, 3)
            self._bases[axis, split] = matrix.toarray().astype(np.float32)
        return self._bases[axis, split]

    @cached_property
    def _bases(self) -> dict[tuple[int, int], np.ndarray]:
        return {}

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

    @cached_property
    def _trunk(self) -> list[np.ndarray]:
        return self._displaced(tuple(slice(0, n) for n in self.geometry.shape), 1)


def _in_slabs(solid: Solid, coordinates: list[np.ndarray], shape: list[int]) -> np.ndarray:
    """The solid's distances, float32, a slab at a time so that what is computed with stays in the cache."""
    found = np.empty(shape, dtype=np.float32)
    thick = max(1, SLAB_VOXELS // (shape[1] * shape[2]))
    for start in range(0, shape[0], thick):
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
    shares, capsules = [], []
    for part in pieces(solid):
        capsule = as_capsule(part)
        if capsule is None:
            shares.append(_share_of_piece(stage, part, segment))
        else:
            capsules.append(capsule)
    if capsules:
        shares += stage.shares_of_capsules(capsules, segment)
    return _union([s for s in shares if s.share.size])


def _union(shares: list[Share]) -> Share:
    """The largest share of each voxel, over the box that holds all."""
    if len(shares) == 1:
        return shares[0]
    if not shares:
        return Share(tuple(slice(0, 0) for _ in range(3)), np.zeros((0, 0, 0), dtype=np.float32))
    low = [min(s.box[a].start for s in shares) for a in range(3)]
    high = [max(s.box[a].stop for s in shares) for a in range(3)]
    whole = np.zeros([b - a for a, b in zip(low, high, strict=True)], dtype=np.float32)
    for s in shares:
        view = whole[tuple(slice(b.start - o, b.stop - o) for b, o in zip(s.box, low, strict=True))]
        np.maximum(view, s.share, out=view)
    return Share(tuple(slice(a, b) for a, b in zip(low, high, strict=True)), whole)


def paint(stage: Stage, parts: Iterable[Part]) -> Iterator[tuple[Part, Share]]:
    """Each part that reaches the grid, in the order given, with the share of each voxel it fills."""
    for part in parts:
        share = share_of(stage, part.solid, part.segment)
        if share.share.size:
            yield part, share


def blend(canvas: np.ndarray, share: Share, value: float | np.ndarray) -> None:
    """Paints `value` (a number, or an array of the share's box) into the canvas, in place, by share of voxel."""
    view = canvas[share.box]
    view += share.share * (value - view)


def _share_of_piece(stage: Stage, solid: Solid, segment: str) -> Share:
    sampling = stage.distance(solid, segment)
    if sampling is None:
        return Share(tuple(slice(0, 0) for _ in range(3)), np.zeros((0, 0, 0), dtype=np.float32))
    split = sampling.split
    slope = np.float32(-split / stage.voxel_mm)
    share = sampling.distance * slope
    share += np.float32(0.5) - slope * np.float32(sampling.margin_mm)
    np.clip(share, 0.0, 1.0, out=share)
    if split > 1:
        i, j, k = (n // split for n in share.shape)
        share = share.reshape(i, split, j, split, k, split).mean(axis=(1, 3, 5), dtype=np.float32)
    return Share(sampling.box, share)
