"""Where a focus may lie, and a place for it there.

A Host is an organ's part, a bone or a station; `place` finds a centre in one of several, clear of what is there.
Takes a random generator, a Body and sizes in mm. Knows nothing about kinds of lesions or their uptake.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from netlesion.phantom.compounds import pieces

if TYPE_CHECKING:
    from netlesion.phantom.body.parts import Body
    from netlesion.phantom.focus import Focus
    from netlesion.phantom.solids import Point, Solid

#: How often NET spread to each node station.
NODE_WEIGHTS: Mapping[str, float] = {
    "mesenteric": 0.34, "retroperitoneal": 0.26, "hilar_hepatic": 0.10, "coeliac": 0.06, "mediastinal": 0.08,
    "supraclavicular_left": 0.05, "iliac_left": 0.04, "iliac_right": 0.04, "axillary_left": 0.015,
    "inguinal_right": 0.015,
}  # fmt: skip


@dataclass(frozen=True)
class Host:
    """Where a focus may lie: its centre inside `solid`, depth_share of its radius deep (less in thin solids).

    weight: how often it is tried; None: by the volume of its box.
    """

    region: str
    segment: str
    solid: Solid
    depth_share: float
    largest_mm: float
    weight: float | None = None


def bone_hosts(body: Body, organs: tuple[str, ...]) -> list[Host]:
    """Marrow of these bones, or the bone itself where it has none of its own."""
    hosts = []
    for organ in organs:
        parts = [p for p in body.parts if p.organ == organ]
        marrow = [p for p in parts if p.tissue in ("bone_marrow", "yellow_marrow")] or parts
        hosts += [Host(organ, p.segment, p.solid, 0.35, 45.0) for p in marrow]
    return hosts


def station_hosts(body: Body, names: tuple[str, ...]) -> list[Host]:
    return [
        Host(s.name, s.segment, s.solid, 0.0, 40.0, NODE_WEIGHTS.get(s.name, 0.1))
        for s in body.stations
        if s.name in names
    ]


@dataclass(frozen=True)
class Spot:
    """Where a focus found room, and how large it may be there."""

    host: Host
    centre_mm: Point
    diameter_mm: float


def place(
    rng: np.random.Generator,
    hosts: list[Host],
    diameter_mm: float,
    others: list[Focus],
    gap_mm: float,
    z_range_mm: tuple[float, float],
    tries: int,
) -> Spot | None:
    """A centre in one of the hosts, gap_mm clear of the others; None when no try found room. Draws vary with tries."""
    if not hosts:
        return None
    places = [_Piece.of(host, solid) for host in hosts for solid in pieces(host.solid)]
    weights = np.array([p.weight for p in places])
    for _ in range(tries):
        piece = places[int(rng.choice(len(places), p=weights / weights.sum()))]
        size = min(diameter_mm, piece.host.largest_mm)
        points = rng.uniform(piece.low, piece.high, (64, 3))
        depth = piece.solid.distance(*points.T.astype(np.float32))
        fits = depth < -min(piece.host.depth_share * size / 2.0, 0.35 * float((piece.high - piece.low).min()))
        fits &= (points[:, 2] > z_range_mm[0]) & (points[:, 2] < z_range_mm[1])
        for other in others:
            if other.segment == piece.host.segment:
                apart = np.linalg.norm(points - other.centre_mm, axis=1)
                fits &= apart >= 0.5 * (size + other.diameter_mm) + gap_mm
        if fits.any():
            return Spot(piece.host, tuple(points[int(np.argmax(fits))].tolist()), size)
    return None


@dataclass(frozen=True)
class _Piece:
    """One solid of a host, its box, and how often it is tried (by its box's volume)."""

    host: Host
    solid: Solid
    low: np.ndarray
    high: np.ndarray
    weight: float

    @classmethod
    def of(cls, host: Host, solid: Solid) -> _Piece:
        low, high = solid.bounds_mm()
        return cls(host, solid, low, high, max(float(np.prod(high - low)), 1.0) if host.weight is None else host.weight)


def chosen(rng: np.random.Generator, shares: Mapping[str, float]) -> str:
    """One of the names, by its share."""
    weights = np.array(list(shares.values()), dtype=float)
    return list(shares)[int(rng.choice(len(weights), p=weights / weights.sum()))]


def lognormal(rng: np.random.Generator, median: float, sigma: float) -> float:
    return float(median * np.exp(sigma * rng.normal()))
