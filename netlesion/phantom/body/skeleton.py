"""The bones of the trunk: spine, sacrum, hip bones, ribs, sternum, shoulder girdle; cortex with marrow inside, nominal mm.

Vertebrae follow `spine_curve`, ribs the chest wall of `cavities.CAGE`. Takes a generator and a BodyShape; returns parts
in painting order, cortex before marrow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from netlesion.phantom.body.cavities import CAGE, CAGE_Y
from netlesion.phantom.body.draw import Organ, draw_organ, fused
from netlesion.phantom.body.parts import SIDES, Part
from netlesion.phantom.body.spine_curve import CENTRES
from netlesion.phantom.solids import Capsule, Ellipsoid, Mirrored, Offset, Union, Within, tube

if TYPE_CHECKING:
    from netlesion.phantom.body.shape import BodyShape
    from netlesion.phantom.solids import Solid

RIB_RADIUS_MM, RIB_CORTEX_MM = 5.6, 1.7
#: rib -> how far around the chest it reaches (degrees from the back), how much lower its front end lies.
RIBS = {1: (118, 34), 2: (136, 52), 3: (146, 66), 4: (150, 76), 5: (152, 84), 6: (150, 92), 7: (144, 98), 8: (132, 100),
        9: (120, 98), 10: (108, 92), 11: (82, 62), 12: (56, 36)}  # fmt: skip


def draw_skeleton(rng: np.random.Generator, shape: BodyShape) -> list[Part]:
    """Every bone of the trunk and the spinal canal."""
    return [*_hips(rng, shape), *_sacrum(rng, shape), *_shoulder_girdle(rng, shape), *_ribs(rng, shape), *_spine(rng, shape)]


def shelled(organ: str, solid: Solid, cortex_mm: float, marrow: str, segment: str = "trunk") -> list[Part]:
    """A bone: its cortex, and the marrow inside."""
    return [Part(organ, "cortical_bone", solid, segment), Part(organ, marrow, Offset(solid, -cortex_mm), segment)]


def _spine(rng: np.random.Generator, shape: BodyShape) -> list[Part]:
    """Bodies with discs between them as cartilage, arches and processes, cord in its canal; a slight scoliosis."""
    bow = rng.normal(0.0, 2.5, 3)
    parts: list[Part] = []
    names = list(CENTRES)
    column = []
    for name in names:
        y, z = CENTRES[name]
        o = draw_organ(rng, shape, (0, y, z), shift_sd_mm=0.6, size_sd=0.02)
        x = float(bow[0] * np.sin(np.pi * (z + 150) / 570) + bow[1] * np.sin(2 * np.pi * (z + 150) / 570))
        column.append((x, y, z))
        if name[0] == "L":
            axes, spine, wing = (25.5, 17.5, 13.5), (26, -8), 36
        elif name[0] == "T":
            t = int(name[1:])
            axes, spine, wing = (15.0 + 0.8 * t, 13.5 + 0.35 * t, 8.6 + 0.28 * t), (24, -20), 30
        else:
            axes, spine, wing = (12.5, 9.0, 6.2), (20, -6), 24
        a, b, c = axes
        body = o.ellipsoid((x, y, z), axes, power=4.0)
        back = y - b
        canal = max(8.5, 0.4 * b)
        arch = Union(
            tuple(
                piece
                for s in (1.0, -1.0)
                for piece in (
                    Capsule(o.at((x + s * 0.55 * a, back, z + 1)), o.at((x + s * (canal + 3), back - 2 * canal, z - 3)), 4.8, 4.6),
                    Capsule(o.at((x + s * (canal + 3), back - 2 * canal, z - 3)), o.at((x, back - 2 * canal - 5, z - 5)), 4.4, 4.2),
                    Capsule(o.at((x + s * (canal + 3), back - canal, z - 1)), o.at((x + s * wing, back - canal - 7, z)), 4.6, 3.2),
                )
            )
            + (Capsule(o.at((x, back - 2 * canal - 4, z - 5)), o.at((x, back - 2 * canal - spine[0], z - 5 + spine[1])), 4.4, 3.4),)
        )
        label = f"vertebrae_{name}"
        parts += [Part(label, "cortical_bone", arch), *shelled(label, body, 1.3, "bone_marrow")]
        parts.append(Part(label, "bone_marrow", Offset(arch, -2.6)))
    discs = []
    for (x0, y0, z0), (x1, y1, z1) in zip(column, column[1:], strict=False):
        middle = ((x0 + x1) / 2, (y0 + y1) / 2, (z0 + z1) / 2)
        wide = float(np.interp(middle[2], [-130, 0, 150, 300, 330, 420], [24, 22, 15, 13, 11, 9]))
        discs.append(Ellipsoid(shape.at(middle), shape.size((wide, 0.72 * wide, 2.6 if middle[2] > 60 else 4.0)), 2.6, 2.0))
    cord = tuple(shape.at((x, y - (30 if z < 10 else 25 if z < 310 else 19), z)) for x, y, z in column if z > -20)
    low, high = tube(np.array(cord), 8.5), tube(np.array(cord), 4.6)
    return [Part("", "cartilage", Union(tuple(discs))), *parts, Part("spinal_cord", "csf", low), Part("spinal_cord", "spinal_cord", high)]


def _sacrum(rng: np.random.Generator, shape: BodyShape) -> list[Part]:
    o = draw_organ(rng, shape, (0, -70, -210), shift_sd_mm=1.0, size_sd=0.03)
    wings = fused(
        o.ellipsoid((0, -56, -178), (30, 17, 15), (18, 0, 0), power=3.0),
        o.ellipsoid((34, -66, -190), (24, 16, 22), (20, -16, 14)),
        o.ellipsoid((-34, -66, -190), (24, 16, 22), (20, 16, -14)),
        o.ellipsoid((0, -80, -214), (36, 14, 24), (28, 0, 0)),
        o.ellipsoid((0, -94, -244), (20, 9, 22), (6, 0, 0)),
        round_mm=12.0,
    )
    tail = o.tube(((0, -94, -262), (0, -90, -282), (0, -78, -300)), (8, 6, 4))
    s1 = o.ellipsoid((0, -56, -178), (29, 16, 14), (18, 0, 0), power=3.0)
    return [
        *shelled("sacrum", wings, 1.6, "bone_marrow"),
        Part("sacrum", "cortical_bone", tail),
        Part("vertebrae_S1", "bone_marrow", Offset(s1, -1.5)),
    ]


def _hips(rng: np.random.Generator, shape: BodyShape) -> list[Part]:
    """Iliac wing, socket, pubis and ischium grown together; the socket is hollowed for the femoral head."""
    wide = 1.06 if shape.sex == "F" else 1.0
    parts: list[Part] = []
    for side in SIDES:
        o = draw_organ(rng, shape, (84, -20, -250), shift_sd_mm=1.0, size_sd=0.02)
        bone = fused(
            o.ellipsoid((96 * wide, -14, -176), (6.5, 46, 46), (0, 16, -38)),
            o.ellipsoid((70 * wide, -58, -196), (9, 26, 34), (14, 4, -40)),
            o.tube(((62 * wide, -66, -160), (96 * wide, -36, -132), (118 * wide, 10, -146), (116 * wide, 34, -182)), 6.5),
            o.tube(((74 * wide, -46, -216), (84 * wide, -22, -252)), (15, 17)),
            o.ellipsoid((88, -8, -280), (27, 30, 30)),
            o.tube(((74, 14, -276), (44, 40, -288), (13, 48, -304)), (12, 8, 9)),
            o.tube(((84, -24, -296), (70, -40, -330), (58, -34, -352)), (15, 14, 15)),
            o.tube(((56, -26, -352), (36, 12, -342), (12, 42, -318)), (9, 6.5, 7)),
            round_mm=7.0,
        )
        socket = o.ellipsoid((94, -6, -288), (25, 25, 25))
        solid = Within(bone, holes=(socket,))
        parts += shelled(f"hip_{side}", Mirrored(solid) if side == "left" else solid, 2.0, "bone_marrow")
    return parts


def _cage_point(o: Organ, z: float, angle: float, margin: float) -> tuple[float, float, float]:
    """A point on the chest wall, `margin` outside the inner one, nominal mm; angle from the back, towards +x."""
    rows = np.array(CAGE)
    w, f, b = (float(np.interp(z, rows[:, 0], rows[:, c])) for c in (1, 2, 3))
    a = np.radians(angle)
    s, c = np.sin(a), -np.cos(a)
    # the inner wall is a superellipse of power 2.3
    r = (abs(s) ** 2.3 + abs(c) ** 2.3) ** (-1 / 2.3)
    depth = f if c > 0 else b
    return float((w * r + margin) * s), float(CAGE_Y + (depth * r + margin) * c), z


def _ribs(rng: np.random.Generator, shape: BodyShape) -> list[Part]:
    """Twelve pairs along the chest wall, sloping forwards and down; cartilage from ribs 1-10 to the sternum."""
    parts: list[Part] = []
    cartilages: list[Solid] = []
    for side in SIDES:
        for n, (reach, drop) in RIBS.items():
            o = draw_organ(rng, shape, (0, 0, 150), shift_sd_mm=0.6, size_sd=0.005)
            y, z = CENTRES[f"T{n}"]
            extra = float(rng.normal(0.0, 3.0))
            start = (16.0, y - 14.0, z + 6.0)
            points = [start, (38.0, y - 28.0, z + 3.0)]
            for angle in np.linspace(38.0, reach, 11):
                share = (angle - 38.0) / (max(reach, 60) - 38.0)
                height = min(z + 2.0 - (drop + extra) * share**1.15, 290.0)
                points.append(_cage_point(o, height, float(angle), RIB_RADIUS_MM + 0.5))
            curve = o.path(tuple(points), 20.0)
            outer = tube(curve, o.length(RIB_RADIUS_MM))
            if side == "left":
                outer = Mirrored(outer)
            parts += [
                Part(f"rib_{side}_{n}", "cortical_bone", outer),
                Part(f"rib_{side}_{n}", "bone_marrow", Offset(outer, -RIB_CORTEX_MM)),
            ]
            if n <= 10:
                x, yy, zz = points[-1]
                end = (17.0, 84.0, 258.0 - 20.0 * n) if n <= 7 else (30.0 + 9.0 * (n - 7), 80.0 - 6.0 * (n - 7), 110.0 - 16.0 * (n - 7))
                middle = ((x + end[0]) / 2, max(yy, end[1]) + 2.0, (zz + end[2]) / 2 - 6.0)
                cartilage = o.tube(((x, yy, zz), middle, end), 5.0)
                cartilages.append(Mirrored(cartilage) if side == "left" else cartilage)
    o = draw_organ(rng, shape, (0, 84, 180), shift_sd_mm=1.0, size_sd=0.02)
    blade = fused(
        o.ellipsoid((0, 66, 256), (26, 8, 22), (14, 0, 0), power=2.6),
        Capsule(o.at((0, 76, 236)), o.at((0, 90, 132)), 17.0, 17.0, (0.0, 1.0, 0.15), 0.42),
        Capsule(o.at((0, 90, 132)), o.at((0, 88, 102)), 9.0, 5.0, (0.0, 1.0, 0.0), 0.5),
        round_mm=8.0,
    )
    return [*parts, Part("costal_cartilages", "cartilage", Union(tuple(cartilages))), *shelled("sternum", blade, 1.4, "bone_marrow")]


def _shoulder_girdle(rng: np.random.Generator, shape: BodyShape) -> list[Part]:
    parts: list[Part] = []
    for side in SIDES:
        o = draw_organ(rng, shape, (110, -70, 230), shift_sd_mm=1.5, size_sd=0.02)
        blade = fused(
            o.ellipsoid((112, -86, 206), (34, 4.2, 62), (6, 16, -32)),
            o.tube(((84, -96, 236), (118, -92, 256), (152, -62, 280), (164, -30, 286)), (5, 6, 8, 8)),
            o.tube(((132, -58, 250), (148, -26, 262)), (10, 15)),
            o.tube(((142, -22, 268), (140, 14, 266)), (7, 5.5)),
            round_mm=7.0,
        )
        collar = o.tube(((20, 56, 268), (56, 52, 274), (96, 20, 284), (132, -16, 292), (156, -26, 290)), (9, 7, 6, 6.5, 7))
        for organ, solid, cortex in ((f"scapula_{side}", blade, 1.5), (f"clavicula_{side}", collar, 2.0)):
            own = Mirrored(solid) if side == "left" else solid
            parts += shelled(organ, own, cortex, "bone_marrow")
    return parts


