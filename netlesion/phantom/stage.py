"""A posed body seen through a grid: where each voxel, or block of voxels, lies in the reference body.

Takes any Geometry, oblique or flipped, and a Pose. Coordinates come as three float32 arrays that broadcast, in the
frame that solids are written in. Pure; knows nothing about what is drawn.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from netlesion.phantom.shares import Box, box_of, hull
from netlesion.phantom.trunk import TrunkCoordinates

if TYPE_CHECKING:
    from netlesion.image.geometry import Geometry
    from netlesion.phantom.pose import Pose

Coordinates = tuple[np.ndarray, np.ndarray, np.ndarray]


@dataclass(frozen=True, eq=False)
class Stage:
    """A grid and a pose.

    ramp_mm: the width of the ramp at a surface; None: how far apart a voxel's sides are, over all directions. Next to
    nothing gives each voxel to what lies at its middle.
    """

    geometry: Geometry
    pose: Pose
    ramp_mm: float | None = None

    @cached_property
    def voxel_mm(self) -> float:
        return float(np.mean(self.geometry.spacing_mm)) * 1.1 if self.ramp_mm is None else self.ramp_mm

    @cached_property
    def diagonal_mm(self) -> float:
        """From corner to corner of a voxel."""
        return float(np.linalg.norm(self.geometry.spacing_mm))

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
        return [box_of(zip(f, b, strict=True)) for f, b in zip(first.tolist(), last.tolist(), strict=True)]

    def keep(self, boxes: list[Box], segment: str) -> None:
        """These boxes will be asked for: where the trunk is displaced, their coordinates are worked out together."""
        if boxes and self._is_displaced(segment):
            self._trunk.keep(hull(boxes))

    def middles(self, segment: str, box: Box, block: int = 1) -> Coordinates:
        """Of blocks of `block` voxels an edge (1, 2, 4). box: in blocks of the grid, the last may reach beyond it."""
        if self._is_displaced(segment):
            self._trunk.keep(box_of((s.start * block, s.stop * block) for s in box))
            region = self._trunk.region(block)
            inside = tuple(slice(s.start - f, s.stop - f) for s, f in zip(box, region.first, strict=True))
            x, y, z = region.xyz
            return x[inside], y[inside], z[inside]
        index = np.ix_(*(np.arange(s.start, s.stop) for s in box))
        return self._rigid(segment, [(i * block + (block - 1) / 2).astype(np.float32) for i in index])

    def middles_at(self, segment: str, index: Coordinates) -> Coordinates:
        """Of single voxels. index: whole numbers along each axis, (N,); in the trunk within what is kept."""
        if self._is_displaced(segment):
            return self._trunk.region(1).take(index)
        return self._rigid(segment, [i.astype(np.float32) for i in index])

    def eighths(self, segment: str, index: Coordinates, block: int) -> Coordinates:
        """Of the eight blocks of `block` voxels an edge (1, 2) in each larger one; they broadcast to (N, 2, 2, 2).

        index: of the larger blocks, whole numbers along each axis, (N,).
        """
        if self._is_displaced(segment):
            return self._trunk.region(block).take([2 * i for i in index], eighths=True)
        places = [
            2 * block * i.astype(np.float32).reshape(-1, 1, 1, 1) + (block * n + np.float32((block - 1) / 2))
            for i, n in zip(index, np.ix_(*[np.arange(2, dtype=np.float32)] * 3), strict=True)
        ]
        return self._rigid(segment, places)

    def sub_offsets(self, segment: str, split: int) -> np.ndarray:
        """(3, split^3) float32: from a voxel's middle to its sub-voxels', mm in the reference body.

        The trunk's displacement bends too gently to matter within a voxel.
        """
        own = (np.arange(split) + 0.5) / split - 0.5
        grid = np.stack(np.meshgrid(own, own, own, indexing="ij")).reshape(3, -1)
        return (self._matrices[segment][:, :3] @ grid).astype(np.float32)

    def _is_displaced(self, segment: str) -> bool:
        return segment == "trunk" and self.pose.displacement is not None

    @cached_property
    def _trunk(self) -> TrunkCoordinates:
        assert self.pose.displacement is not None, "asked for where the trunk is displaced"
        return TrunkCoordinates(self.geometry, self._matrix("trunk"), self.pose.displacement)

    @cached_property
    def _to_index(self) -> dict[str, np.ndarray]:
        """segment -> (4, 4), posed body -> voxel index."""
        inverse = np.linalg.inv(self.geometry.affine_ras)
        return {segment: inverse @ matrix for segment, matrix in self.pose.matrices.items()}

    def _matrix(self, segment: str) -> np.ndarray:
        matrix = np.linalg.inv(self.pose.matrices[segment]) @ self.geometry.affine_ras
        matrix[np.abs(matrix) < 1e-9] = 0.0
        return matrix[:3]

    @cached_property
    def _matrices(self) -> dict[str, np.ndarray]:
        """segment -> (3, 4) float32, voxel index -> posed body."""
        return {segment: self._matrix(segment).astype(np.float32) for segment in self.pose.matrices}

    def _rigid(self, segment: str, index: list[np.ndarray]) -> Coordinates:
        """At places of the grid, float32 voxels that broadcast, as if nothing were displaced."""
        found = []
        for row in self._matrices[segment]:
            total = np.full((1,) * index[0].ndim, row[3], dtype=np.float32)
            for factor, along in zip(row, index, strict=False):
                if factor != 0.0:
                    total = total + factor * along
            found.append(total)
        x, y, z = found
        return x, y, z
