"""The shape of a real person: where a nominal place of the built-in body lies in the frame that his organs give.

A FittedShape is a BodyShape whose `at` follows the person: heights, widths and depths along the trunk (each slice stays
a slice and keeps its order, so nothing folds), a smooth residual towards the middles of real organs for soft tissue,
arms and legs as one piece each. The chest wall lies on the hull of the real organs; tubes of guts and vessels give way
to real organs. `fit` makes one of measured organs. Frozen and pure; draws nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import map_coordinates

from netlesion.phantom.body.outline import SHOULDER
from netlesion.phantom.body.shape import BodyShape
from netlesion.phantom.solids import Point, point

#: Nominal |x| between which a place goes over from the trunk to the arm that hangs beside it.
ARM_X_MM = (150.0, 185.0)
#: Ribs leave the spine between these angles from the back (degrees) and lie on the chest wall from there on.
ON_WALL_DEG = (12.0, 26.0)
#: Tubes are moved out of organs in so many steps, each taking this share of the way.
STEPS, SHARE_OF_STEP = 8, 0.7


@dataclass(frozen=True, eq=False)
class ChestWall:
    """Radius (heights, angles) in mm around (0, axis_y): angles in degrees from the back, right positive, -180..180."""

    z_mm: np.ndarray
    axis_y: np.ndarray
    angles_deg: np.ndarray
    radius_mm: np.ndarray

    def moved(self, curve_N3: np.ndarray, sign: float, margin_mm: float) -> np.ndarray:
        """Points of a right-sided curve onto the wall and margin_mm out; sign -1: the left wall, seen in a mirror."""
        x, y, z = np.asarray(curve_N3, dtype=np.float64).T
        dy = y - np.interp(z, self.z_mm, self.axis_y)
        angle = np.degrees(np.arctan2(x, -dy))
        index = np.stack(
            [
                np.interp(z, self.z_mm, np.arange(len(self.z_mm))),
                np.interp(sign * angle, self.angles_deg, np.arange(len(self.angles_deg))),
            ]
        )
        wanted = map_coordinates(self.radius_mm, index, order=1, mode="nearest") + margin_mm
        radius = np.hypot(x, dy)
        share = np.clip((angle - ON_WALL_DEG[0]) / (ON_WALL_DEG[1] - ON_WALL_DEG[0]), 0.0, 1.0)
        factor = 1.0 + share * (wanted / np.maximum(radius, 1.0) - 1.0)
        return np.stack([x * factor, y + dy * (factor - 1.0), z], axis=1)


@dataclass(frozen=True, eq=False)
class Clearance:
    """Signed distances (mm, negative inside) to organs that tubes go around, on a lattice of the body's frame."""

    distance: np.ndarray
    origin_mm: np.ndarray
    spacing_mm: float

    def at(self, points_N3: np.ndarray) -> np.ndarray:
        index = ((np.asarray(points_N3) - self.origin_mm) / self.spacing_mm).T
        return map_coordinates(self.distance, index, order=1, mode="nearest")

    def cleared(self, curve_N3: np.ndarray, radii_mm: np.ndarray) -> np.ndarray:
        """The curve moved until its points lie their radius away from every organ, as far as there is room."""
        points = np.array(curve_N3, dtype=np.float64)
        steps = self.spacing_mm * np.eye(3)
        for _ in range(STEPS):
            short = np.maximum(radii_mm - self.at(points), 0.0)
            if not (short > 0.5).any():
                break
            slope = np.stack([self.at(points + s) - self.at(points - s) for s in steps], axis=1)
            slope /= np.maximum(np.linalg.norm(slope, axis=1, keepdims=True), 1e-6)
            points += SHARE_OF_STEP * short[:, None] * slope
        return points


@dataclass(frozen=True, eq=False)
class Residual:
    """A sum of Gaussians: displacement (mm) = sum of weights (n, 3) * exp(-(distance to centres (n, 3) / width)^2)."""

    centres_mm: np.ndarray
    weights: np.ndarray
    width_mm: float

    def at(self, points_N3: np.ndarray) -> np.ndarray:
        square = ((points_N3[:, None, :] - self.centres_mm) ** 2).sum(axis=2)
        return np.exp(-square / self.width_mm**2) @ self.weights

    def least_stretch(self, low: np.ndarray, high: np.ndarray, spacing_mm: float = 15.0) -> float:
        """The least determinant of the Jacobian over a box: above 0, nothing folds."""
        ticks = [np.arange(a, b, spacing_mm) for a, b in zip(low, high, strict=True)]
        points = np.stack(np.meshgrid(*ticks, indexing="ij"), axis=-1)
        moved = self.at(points.reshape(-1, 3)).reshape(points.shape)
        slopes = [np.stack(list(np.gradient(moved[..., c], spacing_mm)), axis=-1) for c in range(3)]
        return float(np.linalg.det(np.stack(slopes, axis=-2) + np.eye(3)).min())


@dataclass(frozen=True, eq=False)
class FittedShape(BodyShape):
    """knots_mm: nominal heights; along (4, n) there: height, mm per nominal mm across and in depth, y of nominal 0.
    head: the head's scale; lung_height: the lungs' height over the built-in ones' (shallow breathing lifts the base)."""

    knots_mm: np.ndarray
    along: np.ndarray
    wall: ChestWall
    residual: Residual | None = None
    clearance: Clearance | None = None
    head: Point | None = None
    lung_height: float = 1.0

    __hash__ = object.__hash__
    __eq__ = object.__eq__  # pyright: ignore[reportAssignmentType]  # arrays have no one truth value

    def _at_height(self, z_mm: float) -> tuple[float, float, float, float]:
        height, across, deep, shift = (float(np.interp(z_mm, self.knots_mm, row)) for row in self.along)
        return height, across, deep, shift

    def at(self, nominal_mm: Point) -> Point:
        place = self._trunk(nominal_mm)
        beside = min(max((abs(nominal_mm[0]) - ARM_X_MM[0]) / (ARM_X_MM[1] - ARM_X_MM[0]), 0.0), 1.0)
        if beside > 0.0 and nominal_mm[2] < SHOULDER[2] + 40.0:
            shoulder = (SHOULDER[0] if nominal_mm[0] > 0 else -SHOULDER[0], *SHOULDER[1:])
            arm = self._trunk(shoulder) + np.array(self.scale) * np.subtract(nominal_mm, shoulder)
            place = place + beside * (arm - place)
        if self.residual is not None:
            place = place + self.residual.at(place[None])[0]
        return point(place)

    def _trunk(self, nominal_mm: Point) -> np.ndarray:
        x, y, z = nominal_mm
        height, across, deep, shift = self._at_height(z)
        return np.array([across * x, shift + deep * y, height])

    @property
    def head_scale(self) -> Point:
        return super().head_scale if self.head is None else self.head

    @property
    def rib_slope(self) -> float:
        return self.lung_height

    def size(self, nominal_mm: Point) -> Point:
        return point(c * s for c, s in zip(nominal_mm, self.scale, strict=True))

    def size_at(self, nominal_mm: Point, z_mm: float) -> Point:
        _, across, deep, _ = self._at_height(z_mm)
        return point((nominal_mm[0] * across, nominal_mm[1] * deep, nominal_mm[2] * self.scale[2]))

    def cleared(self, curve_N3: np.ndarray, radii_mm: np.ndarray | float) -> np.ndarray:
        if self.clearance is None:
            return curve_N3
        return self.clearance.cleared(curve_N3, np.broadcast_to(radii_mm, len(curve_N3)))

    def on_wall(self, curve_N3: np.ndarray, sign: float, margin_mm: float) -> np.ndarray:
        return self.wall.moved(curve_N3, sign, margin_mm)
