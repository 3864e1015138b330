"""A solid as it is drawn: chains of capsules, and whatever is none.

Ribs, bowel, vessels and long bones are capsules and nothing else; these need no distances but can be drawn as straight
tubes (`tubes`). Takes a solid apart, once for all grids. Pure; knows nothing about grids.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from netlesion.phantom.compounds import Mirrored, Offset, Within, pieces
from netlesion.phantom.solids import Capsule, Ellipsoid

if TYPE_CHECKING:
    from netlesion.phantom.solids import Solid

#: Ellipsoids up to this semi-axis are drawn as capsules, when two axes differ by no more than this share.
LARGEST_SPHEROID_MM, EQUAL_AXES = 12.0, 0.02


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

    @cached_property
    def ends_mm(self) -> np.ndarray:
        """(K, 2, 3)"""
        return np.array([(c.start_mm, c.end_mm) for c in self.capsules], dtype=np.float64)

    @cached_property
    def facts(self) -> np.ndarray:
        """(K, 6): radius in mm at the start and at the end, flatten, flat axis."""
        found = [(c.start_radius_mm, c.end_radius_mm, c.flatten, *c.flat_axis) for c in self.capsules]
        return np.array(found, dtype=np.float64)


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
