"""Solids made of solids: union (hard or smooth), intersection, difference, offset, roughness, turns and mirrors.

Takes shapes that offer what `solids.Solid` asks for, and offers the same. A tube is a union of capsules. `pieces` takes
unions apart, so that `paint` can draw each member in its own small box. Frozen and pure; knows nothing about grids.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from netlesion.phantom.solids import Capsule, own_coordinates, point, rotation

if TYPE_CHECKING:
    from netlesion.phantom.solids import Point, Solid


@dataclass(frozen=True)
class Union:
    """Everything in any of the solids. `paint` draws each in its own box, so many small ones cost little."""

    solids: tuple[Solid, ...]

    def bounds_mm(self) -> np.ndarray:
        return _hull([s.bounds_mm() for s in self.solids])

    def distance(self, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        found = self.solids[0].distance(x, y, z)
        for solid in self.solids[1:]:
            found = np.minimum(found, solid.distance(x, y, z))
        return found


@dataclass(frozen=True)
class Blend:
    """A union whose seams are filled and rounded over about `round_mm` (polynomial smooth minimum)."""

    solids: tuple[Solid, ...]
    round_mm: float

    def bounds_mm(self) -> np.ndarray:
        return _hull([s.bounds_mm() for s in self.solids]) + [[-self.round_mm / 4], [self.round_mm / 4]]

    def distance(self, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        k = np.float32(self.round_mm)
        found = self.solids[0].distance(x, y, z)
        for solid in self.solids[1:]:
            other = solid.distance(x, y, z)
            near = np.maximum(k - np.abs(found - other), 0) / k
            found = np.minimum(found, other) - near * near * (k / 4)
        return found


@dataclass(frozen=True)
class Within:
    """The part of `solid` inside every one of `limits` and outside every one of `holes`."""

    solid: Solid
    limits: tuple[Solid, ...] = ()
    holes: tuple[Solid, ...] = ()

    def bounds_mm(self) -> np.ndarray:
        boxes = [self.solid.bounds_mm(), *(s.bounds_mm() for s in self.limits)]
        low = np.max([b[0] for b in boxes], axis=0)
        return np.array([low, np.maximum(low, np.min([b[1] for b in boxes], axis=0))])

    def distance(self, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        found = self.solid.distance(x, y, z)
        for limit in self.limits:
            found = np.maximum(found, limit.distance(x, y, z))
        for hole in self.holes:
            found = np.maximum(found, -hole.distance(x, y, z))
        return found


@dataclass(frozen=True)
class Offset:
    """The solid grown by margin_mm (shrunk when negative)."""

    solid: Solid
    margin_mm: float

    def bounds_mm(self) -> np.ndarray:
        return self.solid.bounds_mm() + [[-max(self.margin_mm, 0.0)], [max(self.margin_mm, 0.0)]]

    def distance(self, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        return self.solid.distance(x, y, z) - np.float32(self.margin_mm)


@dataclass(frozen=True)
class Rough:
    """The solid with an irregular surface: waves of about wavelength_mm that move it by amplitude_mm (SD) at most.

    phases: twelve numbers drawn by the caller, 0..2 pi; the same phases give the same surface.
    """

    solid: Solid
    amplitude_mm: float
    wavelength_mm: float
    phases: tuple[float, ...]

    @cached_property
    def _waves(self) -> tuple[tuple[np.ndarray, np.float32], ...]:
        """Four wave vectors in directions that the phases choose, and their phases."""
        waves = []
        for n in range(4):
            a, b, c = self.phases[3 * n : 3 * n + 3]
            direction = np.array([np.cos(a) * np.sin(b / 2), np.sin(a) * np.sin(b / 2), np.cos(b / 2)])
            number = 2 * np.pi / self.wavelength_mm * (0.8 + 0.15 * n)
            waves.append(((direction * number).astype(np.float32), np.float32(c)))
        return tuple(waves)

    def bounds_mm(self) -> np.ndarray:
        return self.solid.bounds_mm() + [[-2 * self.amplitude_mm], [2 * self.amplitude_mm]]

    def distance(self, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        wave = sum(np.sin(x * k[0] + y * k[1] + z * k[2] + phase) for k, phase in self._waves)
        return self.solid.distance(x, y, z) + np.float32(self.amplitude_mm * np.sqrt(0.5)) * wave


@dataclass(frozen=True)
class Turned:
    """The solid rotated about `pivot_mm` and shifted: a point p of it lies at turn @ (p - pivot) + pivot + shift."""

    solid: Solid
    turn_deg: Point = (0.0, 0.0, 0.0)
    pivot_mm: Point = (0.0, 0.0, 0.0)
    shift_mm: Point = (0.0, 0.0, 0.0)

    @cached_property
    def axes(self) -> np.ndarray:
        return rotation(self.turn_deg)

    def bounds_mm(self) -> np.ndarray:
        box = self.solid.bounds_mm()
        corners = np.array(np.meshgrid(*box.T, indexing="ij")).reshape(3, -1).T - self.pivot_mm
        corners = corners @ self.axes.T + self.pivot_mm + self.shift_mm
        return np.array([corners.min(axis=0), corners.max(axis=0)])

    def distance(self, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        u, v, w = own_coordinates(x, y, z, np.add(self.pivot_mm, self.shift_mm), self.axes)
        px, py, pz = (np.float32(p) for p in self.pivot_mm)
        return self.solid.distance(u + px, v + py, w + pz)


@dataclass(frozen=True)
class Mirrored:
    """The solid on the other side of the body: x becomes -x."""

    solid: Solid

    def bounds_mm(self) -> np.ndarray:
        low, high = self.solid.bounds_mm()
        return np.array([[-high[0], low[1], low[2]], [-low[0], high[1], high[2]]])

    def distance(self, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        return self.solid.distance(-x, y, z)


def tube(points_mm: np.ndarray, radii_mm: np.ndarray | float, flat_axis: Point = (0.0, 1.0, 0.0), flatten: float = 1.0):
    """A tube along a polyline (N, 3) with a radius at every point (or one for all): a Union of N - 1 capsules."""
    points = np.asarray(points_mm, dtype=np.float64)
    radii = np.broadcast_to(np.asarray(radii_mm, dtype=np.float64), len(points))
    ends = [point(p) for p in points]
    return Union(
        tuple(
            Capsule(a, b, float(ra), float(rb), flat_axis, flatten)
            for a, b, ra, rb in zip(ends, ends[1:], radii, radii[1:], strict=False)
        )
    )


def pieces(solid: Solid) -> tuple[Solid, ...]:
    """The solids of a union, each to be drawn in its own small box; also of a union with limits, holes or a mirror."""
    if isinstance(solid, Union):
        return tuple(p for s in solid.solids for p in pieces(s))
    if isinstance(solid, Within):
        return tuple(Within(p, solid.limits, solid.holes) for p in pieces(solid.solid))
    if isinstance(solid, Mirrored):
        return tuple(Mirrored(p) for p in pieces(solid.solid))
    if isinstance(solid, Offset):
        return tuple(Offset(p, solid.margin_mm) for p in pieces(solid.solid))
    return (solid,)


def _hull(boxes: list[np.ndarray]) -> np.ndarray:
    return np.array([np.min([b[0] for b in boxes], axis=0), np.max([b[1] for b in boxes], axis=0)])
