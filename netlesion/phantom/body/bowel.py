"""Colon and small bowel as long tubes, in nominal mm.

The colon frames the abdomen and is sacculated; the small bowel is one winding path that visits scattered points of
the middle of the abdomen, from the duodenum's end at the upper left to the caecum at the lower right. Both are cut
into segments that take up tracer unevenly (factors of mean 1). Takes a generator and a BodyShape; returns parts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from netlesion.phantom.body.cavities import abdominal_cavity
from netlesion.phantom.body.draw import draw_organ, factor
from netlesion.phantom.body.parts import Part
from netlesion.phantom.compounds import Union, Within, tube
from netlesion.phantom.curve import smooth_curve
from netlesion.phantom.solids import Ellipsoid, contains

if TYPE_CHECKING:
    from netlesion.phantom.body.shape import BodyShape
    from netlesion.phantom.solids import Solid

COLON_SIGMA, SMALL_BOWEL_SIGMA = 0.35, 0.2
#: (x, y, z, radius) along the colon, rectum first.
COLON = (
    (0, -44, -306, 14), (0, -48, -285, 18), (2, -44, -262, 19), (-6, -26, -236, 16), (-2, -2, -216, 15), (-30, 14, -208, 15),
    (-58, 8, -214, 15), (-80, 4, -190, 15), (-98, -2, -150, 15), (-106, -12, -100, 16), (-108, -22, -50, 17), (-106, -20, -8, 18),
    (-96, -2, 8, 19), (-80, 30, -18, 20), (-56, 50, -52, 21), (-20, 58, -76, 22), (20, 58, -80, 23), (54, 50, -66, 23),
    (82, 26, -48, 24), (94, 2, -52, 25), (98, -8, -84, 26), (96, -6, -120, 28), (88, 6, -156, 29), (80, 14, -182, 27),
)  # fmt: skip
COLON_CUTS = ("rectum", "sigmoid", "descending", "descending", "transverse", "transverse", "ascending", "caecum")
HAUSTRA_MM, HAUSTRA_DEPTH = 34.0, 0.16
LOOP_SPACING_MM, LOOP_RADIUS_MM = 27.0, 11.5
NUM_SEGMENTS = 14


def draw_bowel(rng: np.random.Generator, shape: BodyShape) -> list[Part]:
    """Small bowel first, colon over it."""
    return [*_small_bowel(rng, shape), *_colon(rng, shape)]


def _colon(rng: np.random.Generator, shape: BodyShape) -> list[Part]:
    o = draw_organ(rng, shape, (0, 10, -100), shift_sd_mm=4.0, size_sd=0.03)
    points = np.array([o.at(row[:3]) for row in COLON])
    points[4:] += rng.normal(0.0, 4.0, (len(points) - 4, 3))
    sag = float(rng.uniform(-30.0, 14.0)) * np.exp(-(((np.arange(len(points)) - 15.5) / 2.2) ** 2))
    points[:, 2] += sag
    wide = float(np.exp(0.1 * np.clip(rng.normal(), -2, 2)))
    curve = smooth_curve(points, 9.0)
    along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(curve, axis=0), axis=1))])
    knots = np.linspace(0.0, along[-1], len(points))
    radii = np.interp(along, knots, [row[3] for row in COLON]) * 0.77 * o.length(1.0) * wide
    radii *= 1.0 + HAUSTRA_DEPTH * np.sin(2 * np.pi * along / HAUSTRA_MM) * (along > 0.12 * along[-1])
    curve = shape.cleared(curve, radii)
    inside = abdominal_cavity(shape)
    parts = []
    for n in range(len(COLON_CUTS)):
        first, last = (int(round(len(curve) * f / len(COLON_CUTS))) for f in (n, n + 1))
        piece = tube(curve[first : last + 1], radii[first : last + 1])
        parts.append(Part("colon", "colon", _inside(piece, inside) if n else piece, factor=factor(rng, COLON_SIGMA)))
    for n in range(8):
        at = int(rng.uniform(0.15, 0.97) * len(curve))
        lift = radii[at] * 0.35
        centre = (float(curve[at, 0]), float(curve[at, 1] + lift), float(curve[at, 2]))
        r = float(radii[at] * rng.uniform(0.35, 0.6))
        parts.append(
            Part(
                "colon", "bowel_gas" if n % 3 else "bowel_content", _inside(Ellipsoid(centre, (r, r * 0.8, r)), inside)
            )
        )
    return parts


def _small_bowel(rng: np.random.Generator, shape: BodyShape) -> list[Part]:
    """One tube; its first two fifths are jejunum."""
    o = draw_organ(rng, shape, (0, 20, -110), shift_sd_mm=3.0, size_sd=0.03)
    region = (
        o.ellipsoid((-8, 32, -92), (84, 36, 62), (0, 0, 0), power=2.5),
        o.ellipsoid((4, 22, -178), (78, 38, 48), power=2.5),
    )
    start, end = np.array(o.at((-34, 12, -60))), np.array(o.at((62, 10, -172)))
    # a stream of its own: how many points are visited depends on the person's size
    way_rng = np.random.default_rng(int(rng.integers(2**63)))
    curve = smooth_curve(_winding(way_rng, region, start, end, o.length(LOOP_SPACING_MM)), 10.0)
    radius = o.length(LOOP_RADIUS_MM)
    curve = shape.cleared(curve, radius)
    inside = abdominal_cavity(shape)
    parts = []
    for n in range(NUM_SEGMENTS):
        first, last = (int(round((len(curve) - 1) * f / NUM_SEGMENTS)) for f in (n, n + 1))
        tissue = "jejunum" if n < 0.4 * NUM_SEGMENTS else "ileum"
        times, wide = factor(rng, SMALL_BOWEL_SIGMA), float(rng.uniform(0.9, 1.1))
        if last > first:
            piece = tube(curve[first : last + 1], radius * wide)
            parts.append(Part("small_bowel", tissue, _inside(piece, inside), factor=times))
    return parts


def _winding(
    rng: np.random.Generator, region: tuple[Ellipsoid, ...], start: np.ndarray, end: np.ndarray, spacing_mm: float
) -> np.ndarray:
    """A path (N, 3) from start to end that visits a jittered lattice of the region once, mostly by near neighbours."""
    boxes = np.array([s.bounds_mm() for s in region])
    low, high = boxes[:, 0].min(axis=0), boxes[:, 1].max(axis=0)
    ticks = [np.arange(a + spacing_mm / 2, b, spacing_mm) for a, b in zip(low, high, strict=True)]
    points = np.array(np.meshgrid(*ticks, indexing="ij")).reshape(3, -1).T
    points[:, 0] += np.where((np.round((points[:, 2] - low[2]) / spacing_mm) % 2) > 0, spacing_mm / 2, 0.0)
    points += rng.uniform(-0.28, 0.28, points.shape) * spacing_mm
    points = points[np.any([contains(s, points) for s in region], axis=0)]
    way = end - start
    progress = (points - start) @ way / float(way @ way)
    left, here, path = list(range(len(points))), start, [start]
    lean = rng.normal(0.0, 0.25, len(points))
    while left:
        rest = np.array(left)
        gap = np.linalg.norm(points[rest] - here, axis=1) / spacing_mm
        cost = gap**1.5 + 2.2 * (progress[rest] - progress[rest].min()) + lean[rest]
        best = int(rest[np.argmin(cost)])
        left.remove(best)
        here = points[best]
        path.append(here)
    return np.array([*path, end])


def _inside(solid: Union | Ellipsoid, cavity: Solid) -> Solid:
    """The solid clipped by the cavity; pieces well inside are left alone, which is faster to draw."""
    if not isinstance(solid, Union):
        return Within(solid, (cavity,))
    middles = np.array([piece.bounds_mm().mean(axis=0) for piece in solid.solids], dtype=np.float32)
    reach = np.array([np.linalg.norm(np.diff(piece.bounds_mm(), axis=0)) / 2.0 for piece in solid.solids])
    near = cavity.distance(*middles.T) > -reach
    return Union(tuple(Within(p, (cavity,)) if n else p for p, n in zip(solid.solids, near, strict=True)))
