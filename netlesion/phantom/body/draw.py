"""How an organ's plan becomes one person's organ: a shift and a size of its own, and a wavy surface.

`Organ` is drawn once per organ and then places everything of it: points, lengths, tubes. All chance of the body's
plans goes through here, a fixed number of draws each. Knows no organ by name.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial.transform import Rotation

from netlesion.phantom.compounds import Blend, Rough, Union, tube
from netlesion.phantom.curve import smooth_curve
from netlesion.phantom.solids import Ellipsoid, point

if TYPE_CHECKING:
    from netlesion.phantom.body.shape import BodyShape
    from netlesion.phantom.solids import Point, Solid


@dataclass(frozen=True)
class Organ:
    """One organ of one person: everything of it is moved by shift_mm and scaled by size about its anchor."""

    shape: BodyShape
    anchor_mm: Point
    shift_mm: Point
    size: float
    phases: tuple[float, ...]

    def at(self, nominal_mm: Point) -> Point:
        """A nominal place of this organ -> this person's RAS+ mm."""
        place, anchor = (np.array(self.shape.at(p)) for p in (nominal_mm, self.anchor_mm))
        return point((anchor + self.size * (place - anchor) + self.shift_mm).tolist())

    def length(self, nominal_mm: float) -> float:
        """A nominal length across this organ -> this person's."""
        return nominal_mm * self.size * math.prod(self.shape.scale) ** (1.0 / 3.0)

    def ellipsoid(self, centre: Point, axes: Point, turn: Point = (0.0, 0.0, 0.0), power: float = 2.0) -> Ellipsoid:
        own = point(self.size * a for a in self.shape.size(axes))
        return Ellipsoid(self.at(centre), own, power, power, turn)

    def path(self, points: tuple[Point, ...], step_mm: float = 10.0) -> np.ndarray:
        """Nominal control points -> a smooth curve (M, 3)."""
        return smooth_curve(np.array([self.at(p) for p in points]), step_mm)

    def tube(
        self, points: tuple[Point, ...], radii: tuple[float, ...] | float, flatten: float = 1.0, step_mm: float = 16.0
    ) -> Union:
        """A tube along nominal control points with a nominal radius at each (or one for all), round in section."""
        curve = self.path(points, step_mm)
        own = np.broadcast_to(np.asarray(radii, dtype=float), len(points))
        along = np.linspace(0.0, 1.0, len(curve))
        widths = self.length(1.0) * np.interp(along, _parameter(points), own)
        return tube(self.shape.cleared(curve, widths), widths, flatten=flatten)

    def rough(self, solid: Solid, amplitude_mm: float, wavelength_mm: float) -> Rough:
        return Rough(solid, amplitude_mm, wavelength_mm, self.phases)


def draw_organ(
    rng: np.random.Generator, shape: BodyShape, anchor_mm: Point, *, shift_sd_mm: float = 3.0, size_sd: float = 0.06
) -> Organ:
    """A new organ's shift (SD per axis), size (lognormal, never beyond 2.5 SD) and surface; 16 draws."""
    shift = np.clip(rng.normal(size=3), -2.0, 2.0) * shift_sd_mm
    size = math.exp(size_sd * float(np.clip(rng.normal(), -2.5, 2.5)))
    phases = tuple(float(p) for p in rng.uniform(0.0, 2.0 * math.pi, 12))
    return Organ(shape, anchor_mm, tuple(shift.tolist()), size, phases)


def factor(rng: np.random.Generator, sigma: float) -> float:
    """A lognormal factor of mean 1."""
    return math.exp(sigma * float(np.clip(rng.normal(), -2.5, 2.5)) - sigma**2 / 2.0)


def toward(direction: Point) -> Point:
    """turn_deg that takes the z axis to this direction."""
    target = np.array(direction) / np.linalg.norm(direction)
    cross, dot = np.cross((0.0, 0.0, 1.0), target), float(target[2])
    angle = math.acos(max(-1.0, min(1.0, dot)))
    norm = float(np.linalg.norm(cross))
    turn = Rotation.from_rotvec(cross / norm * angle if norm > 1e-9 else (angle, 0.0, 0.0))
    return tuple(turn.as_euler("xyz", degrees=True).tolist())


def fused(*solids: Solid, round_mm: float = 12.0) -> Blend:
    """One organ grown together from several solids."""
    return Blend(tuple(solids), round_mm)


def _parameter(points: tuple[Point, ...]) -> np.ndarray:
    """Share of the polyline's length at each control point, 0..1."""
    steps = np.linalg.norm(np.diff(np.array(points), axis=0), axis=1)
    return np.concatenate([[0.0], np.cumsum(steps)]) / max(float(steps.sum()), 1e-9)
