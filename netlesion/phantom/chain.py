"""Chains of capsules onto a grid, the fast way: ribs, bowel, vessels and long bones are nothing else.

A capsule needs no coordinates of the reference body: its two ends are taken to the grid exactly, and between them it
is a straight tapering tube in the grid's own frame of millimetres. Many small ones then cost little. Pure; called by
`paint` alone.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from netlesion.phantom.compounds import Mirrored, Offset
from netlesion.phantom.solids import Capsule, flattened

if TYPE_CHECKING:
    from collections.abc import Callable

    from netlesion.geometry import Geometry
    from netlesion.phantom.solids import Solid

ONE = np.float32(1.0)


def as_capsule(solid: Solid) -> Capsule | None:
    """The capsule that a capsule, its mirror image or an offset of either is; None for anything else.

    An offset that leaves nothing of the thinner end is None, too.
    """
    if isinstance(solid, Capsule):
        return solid
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


def shares_of_capsules(
    capsules: list[Capsule],
    geometry: Geometry,
    to_grid: Callable[[np.ndarray], np.ndarray],
    turn: np.ndarray,
    voxel_mm: float,
    split_of: Callable[[float], int],
) -> list[tuple[tuple[slice, slice, slice], np.ndarray]]:
    """The box and the share of voxels of every capsule that reaches the grid.

    to_grid: points (N, 3) of the reference body -> voxel indices. turn (3, 3): directions of the body in the grid's
    axes. split_of: half thickness in mm -> how often a voxel is split along each axis.
    """
    spacing = np.array(geometry.spacing_mm)
    ends = np.array([(c.start_mm, c.end_mm) for c in capsules])
    index = to_grid(ends.reshape(-1, 3)).reshape(-1, 2, 3)
    reach = np.array([max(c.start_radius_mm, c.end_radius_mm) for c in capsules])[:, None] / spacing + 0.6
    shape = np.array(geometry.shape)
    first = np.clip(np.ceil(index.min(axis=1) - reach), 0, shape).astype(int)
    last = np.clip(np.floor(index.max(axis=1) + reach) + 1, first, shape).astype(int)
    found = []
    for capsule, (start, end), low, high in zip(capsules, index * spacing, first, last, strict=True):
        if (high > low).all():
            box = tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
            found.append((box, _share(capsule, start, end, box, spacing, turn, voxel_mm, split_of)))
    return found


def _share(
    capsule: Capsule,
    start: np.ndarray,
    end: np.ndarray,
    box: tuple[slice, slice, slice],
    spacing: np.ndarray,
    turn: np.ndarray,
    voxel_mm: float,
    split_of: Callable[[float], int],
) -> np.ndarray:
    thin = min(capsule.start_radius_mm, capsule.end_radius_mm) * min(capsule.flatten, 1.0)
    split = split_of(thin)
    along = end - start
    length2 = max(float(along @ along), 1e-6)
    x, y, z = np.ix_(
        *(
            (((np.arange(s.start * split, s.stop * split) + 0.5) / split - 0.5) * step - at).astype(np.float32)
            for s, step, at in zip(box, spacing, start, strict=True)
        )
    )
    ax, ay, az = (np.float32(a) for a in along)
    dot = (x * ax + y * ay) + z * az
    t = dot * np.float32(1.0 / length2)
    np.clip(t, 0.0, ONE, out=t)
    # |p - t a|^2 = |p|^2 - t (2 p.a - t |a|^2)
    square = (x * x + y * y) + z * z
    dot *= 2
    dot -= t * np.float32(length2)
    dot *= t
    square = square - dot
    nearest = t.copy() if capsule.flatten != 1.0 else t
    np.maximum(square, 0.0, out=square)
    t *= np.float32(capsule.end_radius_mm - capsule.start_radius_mm)
    if capsule.flatten != 1.0:
        fx, fy, fz = (np.float32(f) for f in turn @ np.array(capsule.flat_axis))
        off = (x * fx + y * fy) + z * fz
        off -= nearest * np.float32(ax * fx + ay * fy + az * fz)
        t += np.float32(capsule.start_radius_mm)
        distance = flattened(square, off * off, t, capsule.flatten)
    else:
        distance = np.sqrt(square, out=square)
        distance -= t
        distance -= np.float32(capsule.start_radius_mm)
    distance *= np.float32(-split / voxel_mm)
    distance += np.float32(0.5)
    share = np.clip(distance, 0.0, ONE, out=distance)
    if split > 1:
        i, j, k = (n // split for n in share.shape)
        share = share.reshape(i, split, j, split, k * split).sum(axis=(1, 3)).reshape(i, j, k, split).sum(axis=3)
        share *= np.float32(1.0 / split**3)
    return share


def half_thickness_split(half_thickness_mm: float, voxel_mm: float, per_half: float, most: int) -> int:
    """How often a voxel is split so that `per_half` sub-voxels span the half thickness, at most `most` times."""
    return min(max(math.ceil(per_half * voxel_mm / max(half_thickness_mm, 0.1)), 1), most)
