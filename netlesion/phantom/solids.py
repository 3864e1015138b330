"""Closed shapes as implicit surfaces: a signed distance in millimetres, negative inside.

A solid answers two questions: which box can it reach (`bounds_mm`), and how far from its surface is a point
(`distance`, first order: exact near the surface, only its sign is right far away). Coordinates come as three float32
arrays that broadcast against each other, in the frame the solid is written in. `compounds` makes solids of solids.
Everything is frozen and pure. Knows nothing about grids, tissues, patients or poses; `distances` turns one into the
share of a voxel.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from scipy.ndimage import map_coordinates
from scipy.spatial.transform import Rotation

from netlesion.phantom.curve import through

Point = tuple[float, float, float]


def point(values: Iterable[float]) -> Point:
    """Three numbers as a Point of Python floats."""
    x, y, z = (float(v) for v in values)
    return x, y, z


#: Step of the tables in which a Loft keeps its sections.
LOFT_STEP_MM = 1.0
FAR_MM = np.float32(1e3)


class Solid(Protocol):
    """What every shape offers."""

    def bounds_mm(self) -> np.ndarray:
        """(2, 3): lowest and highest corner of a box that holds the shape."""
        ...

    def distance(self, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        """Signed distance in mm (negative inside) at every point of the broadcast of x, y, z; float32."""
        ...


@dataclass(frozen=True)
class Ellipsoid:
    """|x/a|^power + |y/b|^power + |z/c|^axial_power <= 1 around centre_mm; powers of 2 make an ellipsoid.

    turn_deg: rotations about the fixed x, then y, then z axis.
    """

    centre_mm: Point
    semi_axes_mm: Point
    power: float = 2.0
    axial_power: float = 2.0
    turn_deg: Point = (0.0, 0.0, 0.0)

    @cached_property
    def axes(self) -> np.ndarray:
        """(3, 3): its columns are the unit vectors of the shape's own axes."""
        return rotation(self.turn_deg)

    def bounds_mm(self) -> np.ndarray:
        reach = np.abs(self.axes) @ np.array(self.semi_axes_mm)
        return np.array([self.centre_mm - reach, self.centre_mm + reach])

    def distance(self, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        u, v, w = own_coordinates(x, y, z, self.centre_mm, self.axes)
        a, b, c = (np.float32(s) for s in self.semi_axes_mm)
        if self.power == 2.0 and self.axial_power == 2.0:
            u, v, w = u / a, v / b, w / c
            radius = np.sqrt(u * u + v * v + w * w)
            slope = np.sqrt((u / a) ** 2 + (v / b) ** 2 + (w / c) ** 2)
            return radius * (radius - 1) / np.maximum(slope, np.float32(1e-6))
        p, q = np.float32(self.power), np.float32(self.axial_power)
        u, v, w = np.abs(u) / a, np.abs(v) / b, np.abs(w) / c
        up, vp, wp = u ** (p - 1), v ** (p - 1), w ** (q - 1)
        level = up * u + vp * v + wp * w - 1
        slope = np.sqrt((p * up / a) ** 2 + (p * vp / b) ** 2 + (q * wp / c) ** 2)
        return level / np.maximum(slope, np.float32(1e-3))


def sphere(centre_mm: Point, radius_mm: float) -> Ellipsoid:
    """The ball of this radius."""
    return Ellipsoid(centre_mm, (radius_mm, radius_mm, radius_mm))


@dataclass(frozen=True)
class Half:
    """The side of a plane that its normal points away from: (p - point) . normal <= 0. No box of its own."""

    point_mm: Point
    normal: Point

    def bounds_mm(self) -> np.ndarray:
        return np.array([[-1e4] * 3, [1e4] * 3])

    def distance(self, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        n = np.array(self.normal) / np.linalg.norm(self.normal)
        terms = [(c - np.float32(p)) * np.float32(f) for c, p, f in zip((x, y, z), self.point_mm, n, strict=True)]
        return terms[0] + terms[1] + terms[2]


@dataclass(frozen=True)
class Capsule:
    """A straight piece of tube from start_mm to end_mm with round ends; its radius goes linearly from one to the other.

    flatten: the tube's thickness along `flat_axis` (a unit vector) over its width; 1 is round.
    """

    start_mm: Point
    end_mm: Point
    start_radius_mm: float
    end_radius_mm: float
    flat_axis: Point = (0.0, 1.0, 0.0)
    flatten: float = 1.0

    def bounds_mm(self) -> np.ndarray:
        reach = max(self.start_radius_mm, self.end_radius_mm)
        ends = np.array([self.start_mm, self.end_mm])
        return np.array([ends.min(axis=0) - reach, ends.max(axis=0) + reach])

    def distance(self, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        along = np.subtract(self.end_mm, self.start_mm)
        length2 = max(float(along @ along), 1e-6)
        dx, dy, dz = (c - np.float32(s) for c, s in zip((x, y, z), self.start_mm, strict=True))
        ax, ay, az = (np.float32(a) for a in along)
        t = np.clip((dx * ax + dy * ay + dz * az) / np.float32(length2), np.float32(0), np.float32(1))
        dx, dy, dz = dx - t * ax, dy - t * ay, dz - t * az
        square = dx * dx + dy * dy + dz * dz
        radius = np.float32(self.start_radius_mm) + t * np.float32(self.end_radius_mm - self.start_radius_mm)
        if self.flatten == 1.0:
            return np.sqrt(square) - radius
        fx, fy, fz = (np.float32(f) for f in self.flat_axis)
        off = dx * fx + dy * fy + dz * fz
        return flattened(square, off * off, radius, self.flatten)


def flattened(square: np.ndarray, off2: np.ndarray, radius: np.ndarray | np.float32, flatten: float) -> np.ndarray:
    """First-order distance to an elliptic tube: square and off2 are the squared distance from its axis, whole and along
    the flattened direction, in which the tube is `flatten` times as thick as its radius."""
    inverse = np.float32(1.0 / flatten**2)
    stretched = np.sqrt(np.maximum(square + off2 * (inverse - 1), np.float32(1e-8)))
    slope = np.sqrt(np.maximum(square + off2 * (inverse * inverse - 1), np.float32(1e-8))) / stretched
    return (stretched - radius) / slope


@dataclass(frozen=True)
class Plate:
    """A flat or bent bone: everything within radius_mm of a triangle; several of them make a curved blade."""

    corners_mm: tuple[Point, Point, Point]
    radius_mm: float

    def bounds_mm(self) -> np.ndarray:
        corners = np.array(self.corners_mm)
        return np.array([corners.min(axis=0) - self.radius_mm, corners.max(axis=0) + self.radius_mm])

    @cached_property
    def _frame(self) -> tuple[Point, np.ndarray, np.ndarray]:
        """The first corner, the triangle's own axes (3, 3), and its corners in its plane (3, 2) float32."""
        corners = np.array(self.corners_mm, dtype=np.float64)
        normal = np.cross(corners[1] - corners[0], corners[2] - corners[0])
        normal /= max(float(np.linalg.norm(normal)), 1e-9)
        axes = np.stack([corners[1] - corners[0], np.zeros(3), normal], axis=1)
        axes[:, 0] /= max(float(np.linalg.norm(axes[:, 0])), 1e-9)
        axes[:, 1] = np.cross(normal, axes[:, 0])
        return tuple(corners[0]), axes, ((corners - corners[0]) @ axes)[:, :2].astype(np.float32)

    def distance(self, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        origin, axes, flat = self._frame
        u, v, w = own_coordinates(x, y, z, origin, axes)
        inside: np.ndarray | None = None
        nearest: np.ndarray | None = None
        for a, b in zip(flat, np.roll(flat, -1, axis=0), strict=True):
            along = b - a
            du, dv = u - a[0], v - a[1]
            t = np.clip((du * along[0] + dv * along[1]) / max(float(along @ along), 1e-6), 0, 1).astype(np.float32)
            left = along[0] * dv - along[1] * du
            square = (du - t * along[0]) ** 2 + (dv - t * along[1]) ** 2
            nearest = square if nearest is None else np.minimum(nearest, square)
            inside = left >= 0 if inside is None else inside & (left >= 0)
        assert inside is not None, "a polygon has edges"
        assert nearest is not None
        return np.sqrt(np.where(inside, np.float32(0), nearest) + w * w) - np.float32(self.radius_mm)


@dataclass(frozen=True)
class Section:
    """A cross-section of a Loft at height z_mm: an outline around (x, y), half as wide as half_width_mm.

    front_mm and back_mm: half depths towards +y and -y; power: 2 an ellipse, above 2 boxier, below 2 pointed.
    """

    z_mm: float
    half_width_mm: float
    front_mm: float
    back_mm: float
    x_mm: float = 0.0
    y_mm: float = 0.0
    power: float = 2.0


@dataclass(frozen=True)
class Loft:
    """A solid stretched smoothly over cross-sections, from the lowest to the highest, with flat ends.

    The sections are given in the loft's own frame, whose z axis is turned by turn_deg and starts at origin_mm.
    """

    sections: tuple[Section, ...]
    origin_mm: Point = (0.0, 0.0, 0.0)
    turn_deg: Point = (0.0, 0.0, 0.0)

    @cached_property
    def axes(self) -> np.ndarray:
        return rotation(self.turn_deg)

    @cached_property
    def _ends(self) -> tuple[float, float]:
        return self.sections[0].z_mm, self.sections[-1].z_mm

    @cached_property
    def _table(self) -> np.ndarray:
        """(6, n) float32: width, front, back, x, y, power every LOFT_STEP_MM along z."""
        z = np.array([s.z_mm for s in self.sections])
        rows = np.array([[s.half_width_mm, s.front_mm, s.back_mm, s.x_mm, s.y_mm, s.power] for s in self.sections])
        low, high = self._ends
        count = int(np.ceil((high - low) / LOFT_STEP_MM)) + 1
        return through(z, rows, np.linspace(low, high, count)).T.astype(np.float32)

    def bounds_mm(self) -> np.ndarray:
        return self._bounds

    @cached_property
    def _bounds(self) -> np.ndarray:
        width, front, back, x, y, _ = self._table.astype(np.float64)
        low, high = self._ends
        own = np.array([[(x - width).min(), (y - back).min(), low], [(x + width).max(), (y + front).max(), high]])
        corners = np.array(np.meshgrid(*own.T, indexing="ij")).reshape(3, -1).T @ self.axes.T + self.origin_mm
        return np.array([corners.min(axis=0), corners.max(axis=0)])

    def distance(self, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        u, v, w = own_coordinates(x, y, z, self.origin_mm, self.axes)
        low, high = self._ends
        table = self._table
        where = np.clip((w - np.float32(low)) * np.float32((table.shape[1] - 1) / (high - low)), 0, table.shape[1] - 1)
        where = where.astype(np.int32)
        width, front, back, cx, cy, power = (row[0] if (row == row[0]).all() else row[where] for row in table)
        u = np.abs(u - cx) / width
        v = v - cy
        depth = front if front is back else np.where(v >= 0, front, back)
        v = np.abs(v) / depth
        if np.ndim(power) == 0 and power == 2.0:
            radius = np.sqrt(u * u + v * v)
            slope = np.sqrt((u / width) ** 2 + (v / depth) ** 2)
            side = radius * (radius - 1) / np.maximum(slope, np.float32(1e-6))
        else:
            if np.ndim(power) == 0 and power == 2.5:
                up, vp = u * np.sqrt(u), v * np.sqrt(v)
            else:
                up, vp = u ** (power - 1), v ** (power - 1)
            slope = power * np.sqrt((up / width) ** 2 + (vp / depth) ** 2)
            side = (up * u + vp * v - 1) / np.maximum(slope, np.float32(1e-3))
        return np.maximum(side, np.maximum(np.float32(low) - w, w - np.float32(high)))


@dataclass(frozen=True, eq=False)
class Sampled:
    """A solid given as signed distances on a grid: values_IJK float32 mm at affine_ras @ (i, j, k, 1); outside: far."""

    values_IJK: np.ndarray
    affine_ras: np.ndarray

    @cached_property
    def _to_index(self) -> np.ndarray:
        return np.linalg.inv(self.affine_ras)

    def bounds_mm(self) -> np.ndarray:
        ends = np.array([np.zeros(3), np.array(self.values_IJK.shape) - 1.0])
        corners = np.array(np.meshgrid(*ends.T, indexing="ij")).reshape(3, -1).T
        corners = corners @ self.affine_ras[:3, :3].T + self.affine_ras[:3, 3]
        return np.array([corners.min(axis=0), corners.max(axis=0)])

    def distance(self, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        m = self._to_index.astype(np.float32)
        index = np.stack(np.broadcast_arrays(*(m[r, 0] * x + m[r, 1] * y + m[r, 2] * z + m[r, 3] for r in range(3))))
        return map_coordinates(self.values_IJK, index, order=1, mode="constant", cval=float(FAR_MM), output=np.float32)


def rotation(turn_deg: Point) -> np.ndarray:
    """(3, 3) for rotations about the fixed x, then y, then z axis, in degrees."""
    if tuple(turn_deg) == (0.0, 0.0, 0.0):
        return np.eye(3)
    return Rotation.from_euler("xyz", turn_deg, degrees=True).as_matrix()


def contains(solid: Solid, points_N3: np.ndarray) -> np.ndarray:
    """Which points (N, 3) mm lie inside: bool (N,)."""
    x, y, z = np.asarray(points_N3, dtype=np.float32).reshape(-1, 3).T
    return np.broadcast_to(solid.distance(x, y, z) <= 0, x.shape)


def own_coordinates(
    x: np.ndarray, y: np.ndarray, z: np.ndarray, origin: Sequence[float] | np.ndarray, axes: np.ndarray
) -> list[np.ndarray]:
    """The coordinates seen from `origin` along the columns of `axes`; zero factors keep arrays small."""
    shifted = [c - np.float32(o) if o else c for c, o in zip((x, y, z), origin, strict=True)]
    own = []
    for column in axes.T:
        terms = [c if f == 1.0 else c * np.float32(f) for c, f in zip(shifted, column, strict=True) if abs(f) > 1e-9]
        total = terms[0]
        for term in terms[1:]:
            total = total + term
        own.append(total)
    return own
