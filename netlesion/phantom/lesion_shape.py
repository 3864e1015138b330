"""Lesions that are no ellipsoids: a few lobes grown together, with a wavy surface and perhaps a necrotic core.

A LesionShape is what chance decided in units of the lesion's own radius; `solid` places it at a centre with a given
volume, so the same lesion can grow, shrink or move and still be itself. Knows nothing about organs or uptake.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from netlesion.phantom.compounds import Blend, Rough
from netlesion.phantom.solids import Ellipsoid, point

if TYPE_CHECKING:
    from netlesion.phantom.solids import Point, Solid

MOST_LOBES = 4
#: Points per axis at which a shape's unit volume is integrated; the error is below 0.5 %.
INTEGRATION_POINTS = 40


@dataclass(frozen=True)
class LesionShape:
    """lobes: (centre, semi-axes, turn_deg) each, in units of the radius; roughness: SD of the surface, same units."""

    lobes: tuple[tuple[Point, Point, Point], ...]
    roughness: float
    phases: tuple[float, ...]

    def solid(self, centre_mm: Point, volume_ml: float) -> Solid:
        """The shape around centre_mm with this volume."""
        radius = (volume_ml * 1000.0 / self.unit_volume) ** (1.0 / 3.0)
        return self._scaled(centre_mm, radius)

    def core(self, centre_mm: Point, volume_ml: float) -> Solid:
        """The inner part that may be necrotic: the same shape at half the size."""
        return self.solid(centre_mm, volume_ml / 8.0)

    @cached_property
    def unit_volume(self) -> float:
        """Volume at radius 1, by midpoint integration of a one-cell ramp."""
        solid = self._scaled((0.0, 0.0, 0.0), 1.0)
        low, high = solid.bounds_mm()
        step = (high - low) / INTEGRATION_POINTS
        axes = [a + s * (np.arange(INTEGRATION_POINTS) + 0.5) for a, s in zip(low, step, strict=True)]
        distance = solid.distance(*np.ix_(*(a.astype(np.float32) for a in axes)))
        return float(np.clip(0.5 - distance / step.mean(), 0.0, 1.0).sum() * step.prod())

    def _scaled(self, centre_mm: Point, radius: float) -> Solid:
        lobes = tuple(
            Ellipsoid(
                point(m + radius * c for m, c in zip(centre_mm, centre, strict=True)),
                point(radius * a for a in axes),
                turn_deg=turn,
            )
            for centre, axes, turn in self.lobes
        )
        whole = lobes[0] if len(lobes) == 1 else Blend(lobes, 0.5 * radius)
        return Rough(whole, self.roughness * radius, 2.2 * radius, self.phases)


def draw_shape_of_lesion(rng: np.random.Generator, *, axis_ratio_min: float, lobulated_share: float) -> LesionShape:
    """One lesion's shape; a fixed number of draws. Lobulated ones have up to MOST_LOBES lobes, others one."""
    count = int(rng.integers(2, MOST_LOBES + 1))
    lobulated = rng.random() < lobulated_share
    lobes = []
    for n in range(MOST_LOBES):
        direction, ratios = rng.normal(size=3), np.array([1.0, *rng.uniform(axis_ratio_min, 1.0, 2)])
        reach, size = rng.uniform(0.35, 0.75), rng.uniform(0.45, 0.8)
        turn = tuple(float(t) for t in rng.uniform(-180.0, 180.0, 3))
        axes = ratios / np.cbrt(ratios.prod()) * (1.0 if n == 0 else size)
        centre = np.zeros(3) if n == 0 else direction / np.linalg.norm(direction) * reach
        lobes.append((tuple(centre.tolist()), tuple(axes.tolist()), turn))
    phases = tuple(float(p) for p in rng.uniform(0.0, 2.0 * math.pi, 12))
    return LesionShape(tuple(lobes[: count if lobulated else 1]), float(rng.uniform(0.02, 0.07)), phases)


def sphere_volume_ml(diameter_mm: float) -> float:
    """Volume of the ball of this diameter."""
    return math.pi / 6.0 * diameter_mm**3 / 1000.0


def sphere_diameter_mm(volume_ml: float) -> float:
    """Diameter of the ball of this volume."""
    return (6.0 * volume_ml * 1000.0 / math.pi) ** (1.0 / 3.0)
