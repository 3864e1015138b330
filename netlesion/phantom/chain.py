"""Chains of capsules onto a grid, the fast way: ribs, bowel, vessels and long bones are nothing else.

A capsule needs no coordinates of the reference body: its two ends are taken to the grid exactly, and between them it
is a straight tapering tube in the grid's own frame of millimetres. Large ones are drawn one by one, each in its box;
small and thin ones, thousands in a body, all at once: only voxels near a tube are split, and only their shares are
kept. Pure; called by `paint` alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from netlesion.phantom.compounds import Mirrored, Offset, Within, pieces
from netlesion.phantom.solids import Capsule, Ellipsoid, flattened

if TYPE_CHECKING:
    from netlesion.phantom.solids import Solid

Box = tuple[slice, slice, slice]
ONE = np.float32(1.0)
#: A voxel is split until this many sub-voxels span a solid's half thickness, at most MOST_SPLIT per axis.
SUBVOXELS_PER_HALF_THICKNESS = 2.0
MOST_SPLIT = 4
#: Ellipsoids up to this semi-axis are drawn as capsules, when two axes differ by no more than this share.
LARGEST_SPHEROID_MM, EQUAL_AXES = 12.0, 0.02
#: A tube whose box holds more voxels than this is drawn by itself if no voxel needs to be split.
MOST_TOGETHER = 1_500
#: Voxels that are looked at, and samples that are computed, at a time.
CHUNK_VOXELS, CHUNK_SAMPLES = 100_000, 65_536


def as_capsule(solid: Solid) -> Capsule | None:
    """The capsule that a capsule, its mirror image or an offset of either is; None for anything else.

    An offset that leaves nothing of the thinner end is None, too. A small ellipsoid with two equal axes is a flattened
    capsule without length.
    """
    if isinstance(solid, Capsule):
        return solid
    if isinstance(solid, Ellipsoid) and solid.power == solid.axial_power == 2.0:
        return _spheroid(solid)
    if isinstance(solid, Mirrored):
        inner = as_capsule(solid.solid)
        if inner is None:
            return None
        (x, y, z), (u, v, w), (f, g, h) = inner.start_mm, inner.end_mm, inner.flat_axis
        return Capsule((-x, y, z), (-u, v, w), inner.start_radius_mm, inner.end_radius_mm, (-f, g, h), inner.flatten)
    if isinstance(solid, Offset):
        inner = as_capsule(solid.solid)
        # an offset of a flattened tube is no flattened tube
        if inner is None or inner.flatten != 1.0:
            return None
        first, last = inner.start_radius_mm + solid.margin_mm, inner.end_radius_mm + solid.margin_mm
        return Capsule(inner.start_mm, inner.end_mm, first, last) if min(first, last) > 0.05 else None
    return None


def _spheroid(solid: Ellipsoid) -> Capsule | None:
    axes = solid.semi_axes_mm
    if max(axes) > LARGEST_SPHEROID_MM:
        return None
    for odd in range(3):
        a, b = (axes[n] for n in range(3) if n != odd)
        if abs(a - b) <= EQUAL_AXES * max(a, b):
            radius = (a + b) / 2.0
            axis = tuple(solid.axes[:, odd].tolist())
            return Capsule(solid.centre_mm, solid.centre_mm, radius, radius, axis, axes[odd] / radius)
    return None


@dataclass(frozen=True, eq=False)
class Chain:
    """Capsules of one shape, as far as they lie inside all limits and outside all holes."""

    capsules: tuple[Capsule, ...]
    limits: tuple[Solid, ...]
    holes: tuple[Solid, ...]


@dataclass(frozen=True, eq=False)
class Apart:
    """A solid as it is drawn: chains, and other pieces, each with its box (N, 2, 3) in mm of the reference body."""

    chains: tuple[Chain, ...]
    others: tuple[Solid, ...]
    boxes_mm: np.ndarray


def apart(solid: Solid) -> Apart:
    """Takes a solid apart; all of it together is the solid."""
    chains: dict[tuple, tuple[list[Capsule], tuple, tuple]] = {}
    others = []
    for piece in pieces(solid):
        inner, limits, holes = piece, (), ()
        if isinstance(piece, Within):
            inner, limits, holes = piece.solid, piece.limits, piece.holes
        capsule = as_capsule(inner)
        if capsule is None:
            others.append(piece)
        else:
            key = (*map(id, limits), None, *map(id, holes))
            chains.setdefault(key, ([], limits, holes))[0].append(capsule)
    return Apart(
        tuple(Chain(tuple(capsules), limits, holes) for capsules, limits, holes in chains.values()),
        tuple(others),
        np.array([p.bounds_mm() for p in others]).reshape(-1, 2, 3),
    )


@dataclass(frozen=True, eq=False)
class Tubes:
    """K capsules in the frame of a grid, in its mm from the middle of voxel 0.

    start_mm, end_mm, flat_axis: (K, 3). radius_mm: (K, 2) at both ends. flatten, split: (K,). split: how often a voxel
    is split along each axis to draw this one. spacing_mm, shape: the grid's. voxel_mm: the width of the ramp.
    """

    start_mm: np.ndarray
    end_mm: np.ndarray
    radius_mm: np.ndarray
    flat_axis: np.ndarray
    flatten: np.ndarray
    split: np.ndarray
    spacing_mm: np.ndarray
    shape: tuple[int, ...]
    voxel_mm: float

    @cached_property
    def widest_mm(self) -> np.ndarray:
        """How far each reaches from its axis (K,)."""
        return self.radius_mm.max(axis=1) * np.maximum(self.flatten, 1.0)

    @cached_property
    def boxes(self) -> tuple[np.ndarray, np.ndarray]:
        """First and last-but-excluded voxel (K, 3) of what each can reach; equal where it is off the grid."""
        reach = self.widest_mm[:, None] / self.spacing_mm + 0.6
        ends = np.stack([self.start_mm, self.end_mm]) / self.spacing_mm
        first = np.clip(np.ceil(ends.min(axis=0) - reach), 0, self.shape).astype(np.int64)
        last = np.clip(np.floor(ends.max(axis=0) + reach) + 1, first, self.shape).astype(np.int64)
        return first, np.where((last > first).all(axis=1, keepdims=True), last, first)

    def shares(self, owner: np.ndarray, num_owners: int) -> Iterator[list[tuple[Box, np.ndarray]]]:
        """For each owner (K, ascending, of 0..num_owners - 1), the boxes and shares of voxels that its tubes fill.

        What several small tubes of an owner fill is one box, with the largest share of each voxel.
        """
        first, last = self.boxes
        number = (last - first).prod(axis=1)
        large = (self.split == 1) & (number > MOST_TOGETHER)
        thick, thin = np.flatnonzero(large), np.flatnonzero(~large & (number > 0))
        none = (np.zeros(0, dtype=np.int64), np.zeros((0, 3), dtype=np.int64), np.zeros(0, dtype=np.float32))
        tube, voxel, share = (np.concatenate(c) for c in zip(none, *self._thin(thin), strict=True))
        order = np.argsort(owner[tube], kind="stable")
        tube, voxel, share = tube[order], voxel[order], share[order]
        starts = np.searchsorted(owner[tube], np.arange(num_owners + 1))
        for n in range(num_owners):
            found = []
            for t in thick[slice(*np.searchsorted(owner[thick], [n, n + 1]))]:
                box = _box(first[t], last[t])
                found.append((box, self._thick(t, box)))
            part = slice(starts[n], starts[n + 1])
            if part.stop > part.start:
                low, high = voxel[part].min(axis=0), voxel[part].max(axis=0) + 1
                whole = np.zeros(high - low, dtype=np.float32)
                np.maximum.at(whole, tuple((voxel[part] - low).T), share[part])
                found.append((_box(low, high), whole))
            yield found

    def _thin(self, which: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """(n,) tube, (n, 3) voxel, (n,) share above 0, in pieces."""
        first, last = self.boxes
        number = (last - first).prod(axis=1)
        kinds = self.split * 2 + (self.flatten != 1.0)
        for kind in np.unique(kinds[which]):
            alike = which[kinds[which] == kind]
            chunk = np.cumsum(number[alike]) // CHUNK_VOXELS
            for c in np.unique(chunk):
                tube, voxel = self._near(alike[chunk == c])
                step = max(1, CHUNK_SAMPLES // int(kind // 2) ** 3)
                for start in range(0, tube.size, step):
                    part = slice(start, start + step)
                    share = self._of_voxels(tube[part], voxel[part], int(kind // 2))
                    filled = share > 0.0
                    yield tube[part][filled], voxel[part][filled], share[filled]

    def _near(self, which: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Tube (n,) and voxel (n, 3) of all voxels in these tubes' boxes that their surface may touch or hold."""
        first, last = self.boxes
        size = (last - first)[which]
        number = size.prod(axis=1)
        tube = np.repeat(which, number)
        size = np.repeat(size, number, axis=0)
        within = np.arange(tube.size) - np.repeat(np.cumsum(number) - number, number)
        within, k = np.divmod(within, size[:, 2])
        i, j = np.divmod(within, size[:, 1])
        voxel = np.stack([i, j, k], axis=1) + first[tube]
        along = self.end_mm - self.start_mm
        from_start = voxel * self.spacing_mm - self.start_mm[tube]
        t = (from_start * along[tube]).sum(axis=1) / np.maximum((along**2).sum(axis=1), 1e-6)[tube]
        t = np.clip(t, 0.0, 1.0)
        distance = np.linalg.norm(from_start - t[:, None] * along[tube], axis=1)
        reach = self.widest_mm + 0.5 * np.linalg.norm(self.spacing_mm) + 0.5 * self.voxel_mm / self.split
        near = distance < reach[tube]
        return tube[near], voxel[near]

    def _of_voxels(self, tube: np.ndarray, voxel: np.ndarray, split: int) -> np.ndarray:
        """The share (n,) of each voxel (n, 3) inside its tube (n,), by split^3 samples."""
        sub = ((np.arange(split) + 0.5) / split - 0.5)[None] * self.spacing_mm[:, None]
        from_start = (voxel * self.spacing_mm - self.start_mm[tube]).T[:, None] + sub[:, :, None]
        x, y, z = from_start.astype(np.float32)
        x, y, z = x[:, None, None], y[None, :, None], z[None, None]

        def column(values: np.ndarray) -> np.ndarray:
            return values.astype(np.float32)[tube]

        distance = _distance(
            (x, y, z),
            tuple(column(a) for a in (self.end_mm - self.start_mm).T),
            tuple(column(r) for r in self.radius_mm.T),
            tuple(column(f) for f in self.flat_axis.T) if self.flatten[tube[0]] != 1.0 else None,
            column(self.flatten),
        )
        return _ramp(distance, split, self.voxel_mm).reshape(split**3, -1).mean(axis=0)

    def _thick(self, n: int, box: Box) -> np.ndarray:
        """The share of each voxel of a box inside tube n, by one sample each."""
        at = zip(box, self.spacing_mm, self.start_mm[n], strict=True)
        points = np.ix_(*((np.arange(s.start, s.stop) * step - start).astype(np.float32) for s, step, start in at))
        distance = _distance(
            points,
            tuple(np.float32(a) for a in self.end_mm[n] - self.start_mm[n]),
            tuple(np.float32(r) for r in self.radius_mm[n]),
            tuple(np.float32(f) for f in self.flat_axis[n]) if self.flatten[n] != 1.0 else None,
            np.float32(self.flatten[n]),
        )
        return _ramp(distance, 1, self.voxel_mm)


def tubes(
    capsules: Iterable[Capsule],
    start_end_mm: np.ndarray,
    flat_axis: np.ndarray,
    spacing_mm: tuple[float, ...],
    shape: tuple[int, ...],
    voxel_mm: float,
) -> Tubes:
    """Capsules whose ends (K, 2, 3) and flat axes (K, 3) have been taken to the grid's frame."""
    facts = np.array([(c.start_radius_mm, c.end_radius_mm, c.flatten) for c in capsules])
    radius, flatten = facts[:, :2], facts[:, 2]
    thin = radius.min(axis=1) * np.minimum(flatten, 1.0)
    split = splits(thin, voxel_mm)
    spacing = np.array(spacing_mm)
    return Tubes(start_end_mm[:, 0], start_end_mm[:, 1], radius, flat_axis, flatten, split, spacing, shape, voxel_mm)


def splits(half_thickness_mm: np.ndarray | float, voxel_mm: float) -> np.ndarray:
    """How often a voxel is split along each axis for shapes of this half thickness."""
    wanted = np.ceil(SUBVOXELS_PER_HALF_THICKNESS * voxel_mm / np.maximum(half_thickness_mm, 0.1))
    return np.clip(wanted, 1, MOST_SPLIT).astype(np.int64)


def _box(low: np.ndarray, high: np.ndarray) -> Box:
    return tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))


def _ramp(distance: np.ndarray, split: int, voxel_mm: float) -> np.ndarray:
    """1 inside, 0 outside, straight in between over a sub-voxel; in place."""
    distance *= np.float32(-split / voxel_mm)
    distance += np.float32(0.5)
    return np.clip(distance, 0.0, ONE, out=distance)


def _distance(points, along, radius, flat_axis, flatten) -> np.ndarray:
    """Signed distance of points seen from a tube's start; all of it broadcasts. flat_axis None: round."""
    (x, y, z), (ax, ay, az) = points, along
    length2 = np.maximum(ax * ax + ay * ay + az * az, np.float32(1e-6))
    dot = (x * ax + y * ay) + z * az
    t = dot / length2
    np.clip(t, 0.0, ONE, out=t)
    # |p - t a|^2 = |p|^2 - t (2 p.a - t |a|^2)
    square = (x * x + y * y) + z * z
    dot *= 2
    dot -= t * length2
    dot *= t
    square = square - dot
    np.maximum(square, 0.0, out=square)
    if flat_axis is None:
        distance = np.sqrt(square, out=square)
        t *= radius[1] - radius[0]
        distance -= t
        distance -= radius[0]
        return distance
    fx, fy, fz = flat_axis
    off = (x * fx + y * fy) + z * fz
    off -= t * (ax * fx + ay * fy + az * fz)
    t *= radius[1] - radius[0]
    t += radius[0]
    return flattened(square, off * off, t, flatten)
