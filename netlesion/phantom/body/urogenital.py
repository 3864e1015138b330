"""Ureters, bladder, and the genital organs, in nominal mm.

The bladder's base stays above the prostate or cervix and its filling (60-400 ml) raises the dome. Of the ureters only
the pieces that hold tracer at the time of the scan are parts. Takes a generator and a BodyShape; returns parts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from netlesion.phantom.body.draw import draw_organ, factor, fused
from netlesion.phantom.body.parts import Part
from netlesion.phantom.compounds import tube
from netlesion.phantom.solids import Ellipsoid, sphere

if TYPE_CHECKING:
    from netlesion.phantom.body.shape import BodyShape

BLADDER_ML = (150.0, 0.5, 60.0, 400.0)
URETER_SIGMA = 0.4
MOST_URETER_PIECES = 3


def draw_urogenital(rng: np.random.Generator, shape: BodyShape) -> list[Part]:
    """In painting order; both sexes take the same number of draws."""
    pelvic = _female(rng, shape), _male(rng, shape)
    return [*(pelvic[0] if shape.sex == "F" else pelvic[1]), *_bladder(rng, shape), *_ureters(rng, shape)]


def _bladder(rng: np.random.Generator, shape: BodyShape) -> list[Part]:
    o = draw_organ(rng, shape, (0, 26, -298), shift_sd_mm=2.0, size_sd=0.02)
    median, sigma, low, high = BLADDER_ML
    volume = float(np.clip(median * np.exp(sigma * rng.normal()), low, high))
    r = (volume * 1000.0 / (4.0 / 3.0 * np.pi)) ** (1.0 / 3.0)
    axes = (1.15 * r, 0.95 * r, r / (1.15 * 0.95))
    x, y, z = o.at((0, 24, -298))
    dome = Ellipsoid((x, y, z + axes[2]), axes, 2.3, 2.0, (-12.0, 0.0, 0.0))
    return [Part("urinary_bladder", "bladder", o.rough(dome, 1.0, 60.0))]


def _ureters(rng: np.random.Generator, shape: BodyShape) -> list[Part]:
    """0 to 3 filled pieces per side, 15-60 mm long and 3-5 mm wide."""
    parts = []
    for side, sign in (("right", 1.0), ("left", -1.0)):
        o = draw_organ(rng, shape, (40 * sign, -30, -150), shift_sd_mm=2.0, size_sd=0.0)
        way = (
            (46, -40, -40),
            (36, -34, -80),
            (32, -30, -130),
            (34, -20, -180),
            (46, -22, -225),
            (38, -12, -268),
            (16, 0, -290),
        )
        curve = o.path(tuple((sign * x, y, z) for x, y, z in way), 5.0)
        count = int(rng.integers(0, MOST_URETER_PIECES + 1))
        for n in range(MOST_URETER_PIECES):
            start, length = int(rng.integers(0, len(curve) - 14)), int(rng.integers(3, 13))
            radius, times = float(rng.uniform(1.5, 2.5)), factor(rng, URETER_SIGMA)
            if n < count:
                solid = tube(curve[start : start + length + 1], radius)
                parts.append(Part(f"ureter_{side}", "ureter", solid, factor=times))
    return parts


def _male(rng: np.random.Generator, shape: BodyShape) -> list[Part]:
    o = draw_organ(rng, shape, (0, 12, -316), shift_sd_mm=1.5, size_sd=0.1)
    prostate = o.ellipsoid((0, 12, -314), (23, 16, 18), power=2.2)
    t = draw_organ(rng, shape, (0, 40, -360), shift_sd_mm=2.0, size_sd=0.07)
    parts = [Part("prostate", "prostate", prostate)]
    for layer, grow in (("skin", 7.0), ("fat", 4.0)):
        parts.append(Part(layer, layer, t.ellipsoid((0, 42, -356), (28 + grow, 20 + grow, 24 + grow))))
    return [*parts, *(Part("testis", "testis", t.ellipsoid((15 * s, 42, -358), (11, 13, 19))) for s in (1.0, -1.0))]


def _female(rng: np.random.Generator, shape: BodyShape) -> list[Part]:
    o = draw_organ(rng, shape, (0, 0, -270), shift_sd_mm=3.0, size_sd=0.1)
    tilt = float(rng.uniform(-30.0, 20.0))
    rise = -18.0 - 0.3 * tilt
    uterus = fused(
        *o.tube(((0, -4, -288), (0, -6, -262), (0, rise + 14, -238), (0, rise + 20, -226)), (12, 15, 23, 20)).solids,
        round_mm=8.0,
    )
    parts = [Part("uterus", "uterus", uterus)]
    for sign in (1.0, -1.0):
        x, y, z = (float(v) for v in rng.uniform((36, -20, -246), (50, 4, -222)))
        parts.append(
            Part(f"ovary_{'right' if sign > 0 else 'left'}", "ovary", sphere(o.at((sign * x, y, z)), o.length(11.0)))
        )
    return parts
