"""Capsules onto a grid, the fast way: thousands at a time, in the grid's own frame of millimetres.

A capsule needs no coordinates of the reference body: its two ends are taken to the grid exactly, and between them it
is a straight tapering tube. Large ones are drawn one by one, each in its box; small and thin ones all at once: only
voxels near a tube are split, and only their shares are kept. Pure; knows nothing about bodies or poses.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from netlesion.phantom.shares import Share, box_of
from netlesion.phantom.solids import flattened

ONE = np.float32(1.0)
#: A voxel is split until this many sub-voxels span a solid's half thickness, at most MOST_SPLIT per axis.
SUBVOXELS_PER_HALF_THICKNESS = 2.0
MOST_SPLIT = 4
#: A tube whose box holds more voxels than this is drawn by itself if no voxel needs to be split.
MOST_TOGETHER = 1_500
#: Voxels that are looked at, and samples that are computed, at a time.
CHUNK_VOXELS, CHUNK_SAMPLES = 65_536, 32_768


@dataclass(frozen=True, eq=False)
class Tubes:
    """K capsules in the frame of a grid, in its mm from the middle of voxel 0.

    start_mm, end_mm, flat_axis: (K, 3). radius_mm: (K, 2) at both ends. flatten: (K,). spacing_mm, shape: the grid's.
    voxel_mm: the width of the ramp.
    """

    start_mm: np.ndarray
    end_mm: np.ndarray
    radius_mm: np.ndarray
    flat_axis: np.ndarray
    flatten: np.ndarray
    spacing_mm: np.ndarray
    shape: tuple[int, ...]
    voxel_mm: float

    @cached_property
    def split(self) -> np.ndarray:
        """How often a voxel is split along each axis to draw each tube (K,)."""
        return splits(self.radius_mm.min(axis=1) * np.minimum(self.flatten, 1.0), self.voxel_mm)

    @cached_property
    def boxes(self) -> tuple[np.ndarray, np.ndarray]:
        """First and last-but-excluded voxel (K, 3) of what each can reach; equal where it is off the grid."""
        widest_mm = self.radius_mm.max(axis=1) * np.maximum(self.flatten, 1.0)
        reach = widest_mm[:, None] / self.spacing_mm + 0.6
        ends = np.stack([self.start_mm, self.end_mm]) / self.spacing_mm
        first = np.clip(np.ceil(ends.min(axis=0) - reach), 0, self.shape).astype(np.int64)
        last = np.clip(np.floor(ends.max(axis=0) + reach) + 1, first, self.shape).astype(np.int64)
        return first, np.where((last > first).all(axis=1, keepdims=True), last, first)

    def shares(self, owner: np.ndarray, num_owners: int) -> Iterator[list[Share]]:
        """For each owner (K, ascending, of 0..num_owners - 1), the shares of voxels that its tubes fill.

        What several small tubes of an owner fill is one share, the largest of each voxel.
        """
        first, last = self.boxes
        number = (last - first).prod(axis=1)
        large = (self.split == 1) & (number > MOST_TOGETHER)
        thick, thin = np.flatnonzero(large), np.flatnonzero(~large & (number > 0))
        nothing = (np.zeros(0, dtype=np.intp), *[np.zeros(0, dtype=np.int32)] * 3, np.zeros(0, dtype=np.float32))
        tube, i, j, k, share = (np.concatenate(c) for c in zip(nothing, *self._thin(thin), strict=True))
        own = owner[tube]
        order = np.argsort(own, kind="stable")
        own, index, share = own[order], [n[order] for n in (i, j, k)], share[order]
        starts = np.searchsorted(own, np.arange(num_owners + 1))
        # one row for each owner that has any
        firsts = np.unique(starts[:-1][starts[1:] > starts[:-1]])
        low, high = (np.array([of.reduceat(n, firsts) for n in index]).T for of in (np.minimum, np.maximum))
        of_thick = np.searchsorted(owner[thick], np.arange(num_owners + 1))
        for n in range(num_owners):
            found = [self._thick(t) for t in thick[of_thick[n] : of_thick[n + 1]]]
            part = slice(starts[n], starts[n + 1])
            if part.stop > part.start:
                row = np.searchsorted(firsts, part.start)
                found.append(_gathered([n[part] for n in index], share[part], low[row].tolist(), high[row].tolist()))
            yield found

    def _thin(self, which: np.ndarray) -> Iterator[tuple[np.ndarray, ...]]:
        """Tube (n,), voxel (n,) along each axis, and its share above 0 (n,), in pieces."""
        first, last = self.boxes
        number = (last - first).prod(axis=1)
        kinds = self.split * 2 + (self.flatten != 1.0)
        for kind in np.unique(kinds[which]):
            alike, split = which[kinds[which] == kind], int(kind // 2)
            chunk = np.cumsum(number[alike]) // CHUNK_VOXELS
            for c in np.unique(chunk):
                tube, *voxel = self._candidates(alike[chunk == c], split)
                step = max(1, CHUNK_SAMPLES // split**3)
                for start in range(0, tube.size, step):
                    part = slice(start, start + step)
                    share = self._of_voxels(tube[part], [v[part] for v in voxel], split)
                    filled = np.flatnonzero(share)
                    yield tube[part][filled], *(v[part][filled] for v in voxel), share[filled]

    def _candidates(self, which: np.ndarray, split: int) -> tuple[np.ndarray, ...]:
        """Tube (n,) and voxel (n,) along each axis of all in these tubes' boxes that are worth `split`^3 samples."""
        first, last = self.boxes
        tube, index = which, []
        for axis in range(3):
            count = (last - first)[tube, axis]
            before = np.cumsum(count) - count
            own = np.arange(count.sum(), dtype=np.int32) - np.repeat(
                (before - first[tube, axis]).astype(np.int32), count
            )
            index = [*(np.repeat(n, count) for n in index), own]
            tube = np.repeat(tube, count)
        if split == 1:
            return tube, *index
        x, y, z = self._from_start(tube, index)
        distance = _distance(
            (x.astype(np.float32), y.astype(np.float32), z.astype(np.float32)),
            [a[tube] for a in self._along],
            [(r * np.maximum(self._flatten, ONE))[tube] for r in self._radius],
            None,
            None,
        )
        near = np.flatnonzero(distance < 0.52 * np.linalg.norm(self.spacing_mm) + 0.52 * self.voxel_mm / split)
        return tube[near], *(n[near] for n in index)

    def _from_start(self, tube: np.ndarray, index: list[np.ndarray]) -> list[np.ndarray]:
        """x, y, z (n,) in mm, float64, of voxels seen from their tubes' starts."""
        return [n * h - s[tube] for n, h, s in zip(index, self.spacing_mm, self.start_mm.T, strict=True)]

    @cached_property
    def _along(self) -> np.ndarray:
        """(3, K) float32, from start to end; the next three likewise by rows."""
        return np.ascontiguousarray((self.end_mm - self.start_mm).T, dtype=np.float32)

    @cached_property
    def _radius(self) -> np.ndarray:
        return np.ascontiguousarray(self.radius_mm.T, dtype=np.float32)

    @cached_property
    def _flat_axis(self) -> np.ndarray:
        return np.ascontiguousarray(self.flat_axis.T, dtype=np.float32)

    @cached_property
    def _flatten(self) -> np.ndarray:
        return self.flatten.astype(np.float32)

    def _of_voxels(self, tube: np.ndarray, voxel: list[np.ndarray], split: int) -> np.ndarray:
        """The share (n,) of each voxel inside its tube (n,), by split^3 samples."""
        sub = ((np.arange(split) + 0.5) / split - 0.5)[None] * self.spacing_mm[:, None]
        x, y, z = ((c + s[:, None]).astype(np.float32) for c, s in zip(self._from_start(tube, voxel), sub, strict=True))
        is_flat = tube.size and self.flatten[tube[0]] != 1.0
        distance = _distance(
            (x[:, None, None], y[None, :, None], z[None, None]),
            [a[tube] for a in self._along],
            [r[tube] for r in self._radius],
            [f[tube] for f in self._flat_axis] if is_flat else None,
            self._flatten[tube] if is_flat else None,
        )
        share = _ramp(distance, split, self.voxel_mm).reshape(split**3, -1)
        return share[0] if split == 1 else share.mean(axis=0)

    def _thick(self, n: int) -> Share:
        """The share of each voxel of its box inside tube n, by one sample each."""
        first, last = self.boxes
        box = box_of((int(a), int(b)) for a, b in zip(first[n], last[n], strict=True))
        at = zip(box, self.spacing_mm, self.start_mm[n], strict=True)
        points = np.ix_(*((np.arange(s.start, s.stop) * step - start).astype(np.float32) for s, step, start in at))
        flat_axis = self._flat_axis[:, n] if self.flatten[n] != 1.0 else None
        distance = _distance(points, self._along[:, n], self._radius[:, n], flat_axis, self._flatten[n])
        return Share(box, _ramp(distance, 1, self.voxel_mm))


def _gathered(index: list[np.ndarray], share: np.ndarray, low: list[int], high: list[int]) -> Share:
    """Single voxels (n,) as one share, the largest of each; low and high: the first and last voxel along each axis."""
    a, b, c = (last + 1 - first for first, last in zip(low, high, strict=True))
    i, j, k = (n - first for n, first in zip(index, low, strict=True))
    whole = np.zeros(a * b * c, dtype=np.float32)
    np.maximum.at(whole, (i * b + j) * c + k, share)
    return Share(box_of((f, t + 1) for f, t in zip(low, high, strict=True)), whole.reshape(a, b, c))


def splits(half_thickness_mm: np.ndarray, voxel_mm: float) -> np.ndarray:
    """How often a voxel is split along each axis for shapes of this half thickness."""
    wanted = np.ceil(SUBVOXELS_PER_HALF_THICKNESS * voxel_mm / np.maximum(half_thickness_mm, 0.1))
    return np.clip(wanted, 1, MOST_SPLIT).astype(np.int64)


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
