"""Where a body lies in one scan: a rigid motion per segment and a smooth displacement of the trunk.

A point y of the posed body's segment belongs to the scan's world at M @ y, and to the reference body at y + v(y):
v is zero but in the trunk (breathing, bowel, the patient's own shape). `to_scan` and `to_body` go either way for
points; `stage.Stage` does it for whole grids. Pure; all chance is drawn elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import map_coordinates, spline_filter

from netlesion.phantom.body.parts import SEGMENTS
from netlesion.phantom.solids import rotation

if TYPE_CHECKING:
    from netlesion.phantom.solids import Point

#: `to_scan` inverts y + v(y) = x by this many fixed-point steps; v bends gently, so each gains a digit or so.
FIXED_POINT_STEPS = 12
CONVERGED_MM = 1e-3
#: On the lattice itself the inverse is a first guess, and the bound of a box.
GUESSED_MM = 0.05


@dataclass(frozen=True, eq=False)
class Displacement:
    """A smooth field of vectors in mm: values (3, a, b, c) on a lattice, cubic between; 0 mm beyond its rim is for the
    caller to arrange (let the values fall to 0 there, the rim's value is what continues outside)."""

    values: np.ndarray
    origin_mm: Point
    spacing_mm: float

    @cached_property
    def _coefficients(self) -> np.ndarray:
        return np.stack([spline_filter(v, order=3, mode="nearest", output=np.float64) for v in self.values])

    def at(self, points_N3: np.ndarray) -> np.ndarray:
        """Vectors (N, 3) at points (N, 3), mm."""
        index = self._index(np.asarray(points_N3, dtype=np.float64))
        return np.stack(
            [map_coordinates(c, index, order=3, mode="nearest", prefilter=False) for c in self._coefficients], axis=1
        )

    def _index(self, points: np.ndarray) -> np.ndarray:
        """Places on the lattice (3, N)."""
        index = ((points - self.origin_mm) / self.spacing_mm).T
        return np.clip(index, 0.0, np.array(self.values.shape[1:])[:, None] - 1.0)

    def __add__(self, other: Displacement) -> Displacement:
        """The sum of two fields on one lattice."""
        assert self.values.shape == other.values.shape, "fields on different lattices"
        return Displacement(self.values + other.values, self.origin_mm, self.spacing_mm)

    @cached_property
    def _inverse(self) -> np.ndarray:
        """(3, a, b, c): y - x at every lattice point x, where y + v(y) = x."""
        ticks = [o + self.spacing_mm * np.arange(n) for o, n in zip(self.origin_mm, self.values.shape[1:], strict=True)]
        points = np.stack(np.meshgrid(*ticks, indexing="ij"), axis=-1).reshape(-1, 3)
        return (self._undone(points, points, GUESSED_MM) - points).T.reshape(self.values.shape)

    def undone(self, points_N3: np.ndarray) -> np.ndarray:
        """The y (N, 3) with y + v(y) = x, for points x (N, 3); right to 0.001 mm or so."""
        points = np.asarray(points_N3, dtype=np.float64)
        index = self._index(points)
        near = [map_coordinates(c, index, order=1, mode="nearest", prefilter=False) for c in self._inverse]
        return self._undone(points, points + np.stack(near, axis=1))

    def _undone(self, points: np.ndarray, y: np.ndarray, converged_mm: float = CONVERGED_MM) -> np.ndarray:
        """From a first guess y."""
        for _ in range(FIXED_POINT_STEPS):
            before, y = y, points - self.at(y)
            if np.abs(y - before).max(initial=0.0) < converged_mm:
                break
        return y

    def boxes_undone(self, low_N3: np.ndarray, high_N3: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Boxes that hold every y whose y + v(y) lies between low and high (N, 3) mm, a few mm generous."""
        shape = np.array(self.values.shape[1:])
        first, last = (
            np.clip(np.floor((p - np.array(self.origin_mm)) / self.spacing_mm).astype(int) + add, 0, top)
            for p, add, top in ((low_N3, 0, shape - 2), (high_N3, 2, shape))
        )
        last = np.maximum(last, first + 1)
        both = np.concatenate([self._inverse, -self._inverse])
        farthest = np.array([
            both[:, a:d, b:e, c:f].max(axis=(1, 2, 3))
            for (a, b, c), (d, e, f) in zip(first.tolist(), last.tolist(), strict=True)
        ])  # fmt: skip
        return low_N3 - farthest[:, 3:] - 1.0, high_N3 + farthest[:, :3] + 1.0


@dataclass(frozen=True, eq=False)
class Pose:
    """joints: as in Body. turns_deg: rotation of a segment about its joint, in its parent's frame (absent: none).

    trunk_turn_deg and shift_mm: how the whole body lies on the table. displacement: None for a rigid trunk.
    """

    joints: Mapping[str, Point]
    turns_deg: Mapping[str, Point]
    trunk_turn_deg: Point = (0.0, 0.0, 0.0)
    shift_mm: Point = (0.0, 0.0, 0.0)
    displacement: Displacement | None = None

    @cached_property
    def matrices(self) -> Mapping[str, np.ndarray]:
        """segment -> (4, 4), posed body -> scan's world."""
        found: dict[str, np.ndarray] = {}
        for segment, hold in SEGMENTS.items():
            if hold is None:
                matrix = np.eye(4)
                matrix[:3, :3] = rotation(self.trunk_turn_deg)
                matrix[:3, 3] = self.shift_mm
            else:
                parent, joint = hold
                matrix = found[parent] @ _about(self.joints[joint], self.turns_deg.get(segment, (0.0, 0.0, 0.0)))
            found[segment] = matrix
        return found

    def to_scan(self, points_N3: np.ndarray, segment: str) -> np.ndarray:
        """Points of the reference body on this segment, (N, 3) mm -> the scan's world (N, 3)."""
        points = np.atleast_2d(np.asarray(points_N3, dtype=np.float64))
        if segment == "trunk" and self.displacement is not None:
            points = self.displacement.undone(points)
        return _apply(self.matrices[segment], points)

    def to_body(self, points_N3: np.ndarray, segment: str) -> np.ndarray:
        """Points of the scan's world on this segment, (N, 3) mm -> the reference body (N, 3)."""
        y = _apply(np.linalg.inv(self.matrices[segment]), np.atleast_2d(points_N3))
        if segment == "trunk" and self.displacement is not None:
            return y + self.displacement.at(y)
        return y


def _about(pivot: Point, turn_deg: Point) -> np.ndarray:
    matrix = np.eye(4)
    matrix[:3, :3] = rotation(turn_deg)
    matrix[:3, 3] = np.subtract(pivot, matrix[:3, :3] @ np.asarray(pivot))
    return matrix


def _apply(matrix: np.ndarray, points_N3: np.ndarray) -> np.ndarray:
    return np.asarray(points_N3, dtype=np.float64) @ matrix[:3, :3].T + matrix[:3, 3]
