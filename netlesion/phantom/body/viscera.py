"""The solid organs of the upper abdomen and the stomach, in nominal mm, one function each.

Sizes are adult averages: liver 1500 ml, spleen 190, pancreas 85, kidneys 150 each, adrenals 4-5 each. Takes a
generator and a BodyShape; returns parts in painting order. Knows nothing about uptake, poses or grids.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from netlesion.phantom.body.cavities import abdominal_cavity
from netlesion.phantom.body.draw import draw_organ, factor, fused
from netlesion.phantom.body.parts import Part
from netlesion.phantom.compounds import Mirrored, Union, Within
from netlesion.phantom.solids import Capsule, Ellipsoid, point, sphere

if TYPE_CHECKING:
    from netlesion.phantom.body.shape import BodyShape

SPLEEN_SIZE_SD = 0.09
#: The plan of the kidneys is drawn larger than the average adult's.
KIDNEY_SIZE = 0.92
ACCESSORY_SPLEEN_SHARE = 0.12


def draw_viscera(rng: np.random.Generator, shape: BodyShape) -> list[Part]:
    """Stomach, pancreas, spleen, liver, gallbladder, adrenals, kidneys, in painting order."""
    return [
        *_kidneys(rng, shape),
        *_stomach(rng, shape),
        *_duodenum_and_pancreas(rng, shape),
        *_spleen(rng, shape),
        *_liver(rng, shape),
        *_adrenals(rng, shape),
    ]


def _liver(rng: np.random.Generator, shape: BodyShape) -> list[Part]:
    """A right lobe filling the dome, a left lobe tapering across the midline, an oblique lower edge, a gallbladder."""
    o = draw_organ(rng, shape, (60, 0, 50), shift_sd_mm=2.0)
    left_reach = float(rng.uniform(0.85, 1.2))
    riedel = float(rng.uniform(-14.0, 12.0))
    lobes = fused(
        o.ellipsoid((62, -2, 58), (60, 68, 56), (0, 8, 0), power=2.2),
        o.ellipsoid((88, -6, 10 - riedel / 2), (36, 54, 58 + riedel / 2), (0, 10, 0)),
        o.ellipsoid((8, 36, 72), (60 * left_reach, 33, 32), (0, -14, 10)),
        o.ellipsoid((-42 * left_reach, 42, 80), (32, 24, 20), (0, -10, 0)),
        round_mm=28.0,
    )
    under = o.ellipsoid((4, -4, -22), (62, 58, 66), (0, 18, 0))
    hilum = o.ellipsoid((30, 0, 22), (16, 24, 14))
    fissure = o.ellipsoid((4, 62, 36), (4, 24, 34), (14, 0, 8))
    inside = abdominal_cavity(shape)
    liver = Within(o.rough(lobes, 1.8, 55.0), limits=(inside,), holes=(under, hilum, fissure))
    fill = float(np.exp(0.3 * np.clip(rng.normal(), -2, 2)))
    r = 15.0 * fill ** (1 / 3)
    bladder = o.tube(((42, 34, 14), (46, 44, -4), (50, 52, -18), (54, 58, -32)), (4.5, 0.8 * r, r, 0.9 * r))
    return [Part("liver", "liver", liver), Part("gallbladder", "gallbladder", Within(bladder, (inside,)))]


def _spleen(rng: np.random.Generator, shape: BodyShape) -> list[Part]:
    """A curved, posterolateral organ under the left dome, of very varied size; sometimes an accessory one beside it."""
    o = draw_organ(rng, shape, (-104, -40, 56), shift_sd_mm=3.0, size_sd=SPLEEN_SIZE_SD)
    body = fused(
        o.ellipsoid((-102, -42, 62), (27, 40, 44), (14, -12, 0)),
        o.ellipsoid((-106, -26, 30), (20, 28, 32), (10, -8, 0)),
        round_mm=18.0,
    )
    hilum = o.ellipsoid((-70, -20, 46), (28, 24, 40), (10, -10, 20))
    spleen = Within(o.rough(body, 1.2, 45.0), limits=(abdominal_cavity(shape),), holes=(hilum,))
    parts = [Part("spleen", "spleen", spleen)]
    present, radius = rng.random() < ACCESSORY_SPLEEN_SHARE, float(rng.uniform(5.0, 9.0))
    place = o.at(tuple((np.array((-76.0, -8.0, 30.0)) + rng.uniform(-12, 12, 3)).tolist()))
    if present:
        parts.append(Part("accessory_spleen", "spleen", sphere(place, radius)))
    return parts


def _stomach(rng: np.random.Generator, shape: BodyShape) -> list[Part]:
    """A J from the left dome to the pylorus: wall, content, and a bubble of gas at the front of the fundus."""
    o = draw_organ(rng, shape, (-56, 20, 40), shift_sd_mm=4.0)
    full = float(np.clip(np.exp(rng.normal(0.0, 0.25)), 0.65, 1.6))
    points = ((-58, -10, 92), (-70, 2, 66), (-70, 22, 34), (-56, 38, 2), (-30, 46, -20), (-4, 46, -18), (16, 38, -8))
    radii = np.array([25.0, 31.0, 29.0, 25.0, 20.0, 16.0, 10.0]) * full ** (1 / 3)
    inside = abdominal_cavity(shape)
    wall = float(rng.uniform(5.0, 7.0))
    outer = Within(fused(*o.tube(points, tuple(radii)).solids, round_mm=8.0), (inside,))
    inner = Within(fused(*o.tube(points[:6], tuple(np.maximum(radii[:6] - wall, 5.0))).solids, round_mm=6.0), (inside,))
    gas = Within(o.ellipsoid((-62, 14, 84), (17, 15, 14)), (inside,))
    return [
        Part("stomach", "stomach_wall", outer),
        Part("stomach", "stomach_content", inner),
        Part("stomach", "bowel_gas", Within(gas, (inner,))),
    ]


def _duodenum_and_pancreas(rng: np.random.Generator, shape: BodyShape) -> list[Part]:
    """The C of the duodenum around the head; uncinate process, neck, body and tail rising towards the spleen."""
    o = draw_organ(rng, shape, (10, 10, -20), shift_sd_mm=3.0)
    c = (
        (16, 38, -8),
        (40, 24, -4),
        (52, 8, -22),
        (52, 2, -50),
        (40, -2, -76),
        (14, -2, -86),
        (-14, 0, -82),
        (-32, 8, -64),
    )
    lift = float(rng.uniform(-8.0, 10.0))
    tail = ((16, 18, -20), (2, 25, -8), (-22, 20, 4 + lift / 2), (-52, 0, 18 + lift), (-78, -20, 32 + lift))
    head = fused(
        o.ellipsoid((32, 10, -36), (16, 15, 27)),
        o.ellipsoid((20, 2, -56), (16, 10, 13), (0, 0, -10)),
        o.ellipsoid((20, 15, -24), (11, 9, 10)),
        round_mm=10.0,
    )
    body = fused(*o.tube(tail, (9.5, 11.0, 11.5, 12.0, 8.5), flatten=1.0).solids, round_mm=5.0)
    return [
        Part("duodenum", "duodenum", o.tube(c, (12, 13, 12.5, 12, 12, 12, 12, 12)), factor=factor(rng, 0.1)),
        Part("pancreas", "pancreas_body", o.rough(body, 0.8, 22.0), factor=factor(rng, 0.05)),
        Part("pancreas", "pancreas_head", o.rough(head, 0.8, 24.0)),
    ]


def _adrenals(rng: np.random.Generator, shape: BodyShape) -> list[Part]:
    """Two thin limbs each, an inverted Y above the kidney."""
    parts = []
    for side, top, medial, lateral in (
        ("right", (26, -44, 62), (24, -54, 34), (36, -52, 36)),
        ("left", (-38, -34, 52), (-30, -46, 24), (-46, -44, 26)),
    ):
        o = draw_organ(rng, shape, top, shift_sd_mm=1.5, size_sd=0.08)
        middle = o.at(tuple((0.55 * np.array(top) + 0.45 * (np.array(medial) + lateral) / 2).tolist()))
        thick = o.length(4.3)
        middle, *ends = shape.cleared(np.array([middle, *(o.at(end) for end in (top, medial, lateral))]), thick)
        limbs = [Capsule(point(middle), point(end), thick * 1.15, thick * 0.85, (1.0, 0.0, 0.0), 1.0) for end in ends]
        parts.append(Part(f"adrenal_gland_{side}", "adrenal", Union(tuple(limbs)), factor=factor(rng, 0.1)))
    return parts


def _kidneys(rng: np.random.Generator, shape: BodyShape) -> list[Part]:
    """Cortex around pyramids around a fatty sinus with the pelvis in it; the left one higher."""
    parts = []
    for side, z in (("right", -26.0), ("left", -12.0)):
        o = draw_organ(rng, shape, (60, -48, z), shift_sd_mm=3.0, size_sd=0.05)
        o = replace(o, size=KIDNEY_SIZE * o.size)
        turn = (-8.0 + float(rng.normal(0, 3)), -11.0 + float(rng.normal(0, 4)), -28.0)
        cortex = o.ellipsoid((61, -48, z), (28, 30, 58), turn, power=2.1)
        sinus = o.ellipsoid((50, -42, z), (13, 12, 26), turn)
        dent = o.ellipsoid((36, -34, z), (12, 11, 21), turn)
        axes = cortex.axes
        pyramids = []
        for k, height in enumerate(np.linspace(-0.72, 0.72, 6)):
            for angle in (-60.0, 0.0, 60.0) if 0 < k < 5 else (0.0,):
                a = np.radians(angle)
                reach = 15.0 * np.sqrt(1.0 - 0.8 * height**2)
                own = np.array([reach * np.cos(a), reach * np.sin(a), 50.0 * height])
                centre = np.array(cortex.centre_mm) + axes @ (own * o.length(1.0))
                pyramids.append(Ellipsoid(point(centre), point(o.length(v) for v in (7.5, 6.5, 7.5))))
        pelvis = Union(
            tuple(
                Capsule(o.at((46, -41, z - 2)), o.at(end), o.length(5.0), o.length(r))
                for end, r in (
                    ((54, -44, z + 24), 3.0),
                    ((55, -45, z), 3.2),
                    ((54, -44, z - 24), 3.0),
                    ((42, -38, z - 10), 3.5),
                )
            )
        )
        kidney = Within(o.rough(cortex, 0.8, 30.0), holes=(dent,))
        shapes = [
            (f"kidney_{side}", "kidney_cortex", kidney, 1.0),
            (f"kidney_{side}", "kidney_medulla", Union(tuple(pyramids)), 1.0),
            ("fat", "visceral_fat", sinus, 1.0),
            (f"renal_pelvis_{side}", "renal_pelvis", pelvis, factor(rng, 0.3)),
        ]
        for organ, tissue, solid, times in shapes:
            parts.append(Part(organ, tissue, Mirrored(solid) if side == "left" else solid, factor=times))
    return parts
