"""Solids onto a grid: which share of each voxel a part of the posed body fills.

`Stage` joins a grid with a pose and answers, for a segment and a box of voxels, where each voxel lies in the
reference body. `share_of` turns a solid's signed distance there into a share by a ramp one voxel wide, split finer
where a solid is only a few voxels thick; `paint` does so for parts in painting order. Works on any Geometry,
oblique or flipped. Pure; knows nothing about what is painted.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from scipy.interpolate import BSpline

from netlesion.phantom.solids import pieces

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from netlesion.geometry import Geometry
    from netlesion.phantom.body.parts import Part
    from netlesion.phantom.pose import Pose
    from netlesion.phantom.solids import Solid

Box = tuple[slice, slice, slice]
#: The trunk's displacement is sampled this often over the grid and interpolated by cubic splines in between.
LATTICE_MM = 16.0
#: A voxel is split until this many sub-voxels span a solid's half thickness, at most MOST_SPLIT per axis.
SUBVOXELS_PER_HALF_THICKNESS = 2.0
MOST_SPLIT = 4


@dataclass(frozen=True, eq=False)
class Share:
    """The part of a grid that a shape can reach: `box` slices the grid's array, `share` (that box) is 0..1, float32."""

    box: Box
    share: np.ndarray


@dataclass(frozen=True, eq=False)
class Stage:
    """A posed body seen through a grid."""

    geometry: Geometry
    pose: Pose

    def coordinates(self, segment: str, box: Box, split: int = 1) -> list[np.ndarray]:
        """x, y, z (mm, float32, broadcastable) in the reference body of every voxel of `box`, each split^3 times."""
        index = [(np.arange(s.start * split, s.stop * split) + 0.5) / split - 0.5 for s in box]
        displaced = segment == "trunk" and self.pose.displacement is not None
        if displaced and split == 1:
            return [c[tuple(slice(s.start - o.start, s.stop - o.start) for s, o in zip(box, self._trunk_box, strict=True))]
                    for c in self._trunk]  # fmt: skip
        return self._displaced(index) if displaced else self._rigid(segment, index)

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

    def _rigid(self, segment: str, index: list[np.ndarray]) -> list[np.ndarray]:
        grids = np.ix_(*(i.astype(np.float32) for i in index))
        found = []
        for row in self._matrix(segment)[:3].astype(np.float32):
            total = np.full((1, 1, 1), row[3], dtype=np.float32)
            for factor, grid in zip(row, grids, strict=False):
                if factor != 0.0:
                    total = total + factor * grid
            found.append(total)
        return found

    def _displaced(self, index: list[np.ndarray]) -> list[np.ndarray]:
        """The rigid coordinates plus the displacement, one matrix product per axis from the few knots around the box."""
        basis, near = [], [slice(None)]
        for knots, i in zip(self._knots, index, strict=True):
            first = int(np.searchsorted(knots, i[0], side="right")) - 1 - 3
            last = int(np.searchsorted(knots, i[-1], side="right"))
            first, last = max(first, 0), min(last, len(knots) - 4)
            full = BSpline.design_matrix(np.clip(i, knots[3], knots[-4] - 1e-9), knots, 3)
            basis.append(full[:, first:last].toarray().astype(np.float32))
            near.append(slice(first, last))
        found = []
        for rigid, coarse in zip(self._rigid("trunk", index), self._lattice[tuple(near)], strict=True):
            field = np.tensordot(basis[0], coarse, (1, 0))
            field = np.matmul(basis[1], field)
            field = field @ basis[2].T
            field += rigid
            found.append(field)
        return found

    @cached_property
    def _knots(self) -> list[np.ndarray]:
        """Knots of a cubic spline along each axis, in voxels, every LATTICE_MM or so over the grid; at least four cells."""
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
    def _trunk_box(self) -> Box:
        return tuple(slice(0, n) for n in self.geometry.shape)

    @cached_property
    def _trunk(self) -> list[np.ndarray]:
        return self._displaced([np.arange(s.start, s.stop, dtype=np.float64) for s in self._trunk_box])


def _coefficients(values: np.ndarray, axis: int) -> np.ndarray:
    """Values at the knots of a uniform cubic B-spline -> its coefficients: (-1, 8, -1) / 6, ends repeated."""
    padded = np.concatenate([values.take([0], axis), values, values.take([-1], axis)], axis)
    n = values.shape[axis]
    before, after = padded.take(range(n), axis), padded.take(range(2, n + 2), axis)
    return (8.0 * values - before - after) / 6.0


def share_of(stage: Stage, solid: Solid, segment: str) -> Share:
    """The share of each voxel inside the solid; the share is empty when the solid is off the grid."""
    parts = pieces(solid)
    if len(parts) == 1:
        return _share_of_piece(stage, parts[0], segment)
    shares = [s for s in (_share_of_piece(stage, part, segment) for part in parts) if s.share.size]
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
    box = stage.box_of(solid, segment)
    size = tuple(s.stop - s.start for s in box)
    if 0 in size:
        return Share(box, np.zeros(size, dtype=np.float32))
    low, high = solid.bounds_mm()
    half_thickness = max(float((high - low).min()) / 2.0, 0.1)
    split = int(np.clip(np.ceil(SUBVOXELS_PER_HALF_THICKNESS * stage.voxel_mm / half_thickness), 1, MOST_SPLIT))
    distance = solid.distance(*stage.coordinates(segment, box, split))
    share = np.clip(np.float32(0.5) - distance * np.float32(split / stage.voxel_mm), 0.0, 1.0)
    share = np.broadcast_to(share, [n * split for n in size])
    if split > 1:
        i, j, k = size
        share = share.reshape(i, split, j, split, k, split).mean(axis=(1, 3, 5), dtype=np.float32)
    return Share(box, share)
