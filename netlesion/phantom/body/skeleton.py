"""The bones of the trunk: spine, sacrum, hip bones, ribs, sternum, shoulder girdle; marrow in cortex, nominal mm.

Vertebrae follow `spine_curve`, ribs the chest wall of `cavities.CAGE`. Takes a generator and a BodyShape; returns parts
in painting order, cortex before marrow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from netlesion.phantom.body.cavities import CAGE, CAGE_POWER, CAGE_Y
from netlesion.phantom.body.draw import Organ, draw_organ, fused
from netlesion.phantom.body.parts import SIDES, Part
from netlesion.phantom.body.spine_curve import CENTRES
from netlesion.phantom.compounds import Mirrored, Offset, Union, Within, tube
from netlesion.phantom.solids import Capsule, Plate

if TYPE_CHECKING:
    from netlesion.phantom.body.shape import BodyShape
    from netlesion.phantom.solids import Solid

RIB_RADIUS_MM, RIB_CORTEX_MM = 5.6, 1.7
#: Between the hull of real organs and the ribs around it.
PLEURA_MM = 1.0
#: rib -> how far around the chest it reaches (degrees from the back), how much lower its front end lies.
RIBS = {1: (118, 34), 2: (136, 52), 3: (146, 66), 4: (150, 76), 5: (152, 84), 6: (150, 92), 7: (144, 98), 8: (132, 100),
        9: (120, 98), 10: (108, 92), 11: (82, 62), 12: (56, 36)}  # fmt: skip


#: Right iliac crest from the sacral joint over its top to the front spines.
CREST = (
    (56, -72, -200), (60, -74, -166), (78, -60, -143), (102, -30, -128), (124, 6, -129), (131, 28, -151),
    (118, 48, -180), (101, 30, -228)
)  # fmt: skip
#: Heights along the sternum and how far in front it lies.
STERNUM = ((134, 200, 238, 254), (85, 76, 64, 55))
#: Right shoulder blade: upper angle, root of its spine, lower angle, below and above the socket.
BLADE = ((84, -64, 272), (77, -80, 238), (102, -80, 150), (138, -38, 240), (132, -32, 268))


def draw_skeleton(rng: np.random.Generator, shape: BodyShape) -> list[Part]:
    """Every bone of the trunk and the spinal canal."""
    return [
        *_hips(rng, shape),
        *_sacrum(rng, shape),
        *_shoulder_girdle(rng, shape),
        *_ribs(rng, shape),
        *_spine(rng, shape),
    ]


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
            axes, spine, wing = (25.5, 17.5, 13.5), (17, -8), 36
        elif name[0] == "T":
            t = int(name[1:])
            axes, spine, wing = (15.0 + 0.8 * t, 13.5 + 0.35 * t, 8.6 + 0.28 * t), (5, -25), 28
        else:
            axes, spine, wing = (12.5, 9.0, 6.2), (18 if name == "C7" else 11, -7), 24
        a, b, c = axes
        body = o.ellipsoid((x, y, z), axes, power=4.0)
        back = y - b
        canal = 7.5 if name[0] == "C" else 8.5
        arch = Union(
            tuple(
                piece
                for s in (1.0, -1.0)
                for piece in (
                    Capsule(
                        o.at((x + s * 0.55 * a, back, z + 1)),
                        o.at((x + s * (canal + 3), back - 2 * canal, z - 3)),
                        4.8,
                        4.6,
                    ),
                    Capsule(
                        o.at((x + s * (canal + 3), back - 2 * canal, z - 3)),
                        o.at((x, back - 2 * canal - 5, z - 5)),
                        4.4,
                        4.2,
                    ),
                    Capsule(
                        o.at((x + s * (canal + 3), back - canal, z - 1)),
                        o.at((x + s * wing, back - canal - 7, z)),
                        4.6,
                        3.2,
                    ),
                )
            )
            + (
                Capsule(
                    o.at((x, back - 2 * canal - 4, z - 5)),
                    o.at((x, back - 2 * canal - spine[0], z - 5 + spine[1])),
                    4.4,
                    3.4,
                ),
            )
        )
        label = f"vertebrae_{name}"
        parts += [Part(label, "cortical_bone", arch), *shelled(label, body, 1.3, "bone_marrow")]
        parts.append(Part(label, "bone_marrow", Offset(arch, -2.6)))
    discs = []
    for (x0, y0, z0), (x1, y1, z1) in zip(column, column[1:], strict=False):
        middle = ((x0 + x1) / 2, (y0 + y1) / 2, (z0 + z1) / 2)
        wide = float(np.interp(middle[2], [-130, 0, 150, 300, 330, 420], [24, 22, 15, 13, 11, 9]))
        a, b, c = shape.size((1.06 * wide, 0.76 * wide, 2.6 if middle[2] > 60 else 4.0))
        x, y, z = shape.at(middle)
        discs.append(Capsule((x - a + b, y, z), (x + a - b, y, z), b, b, (0.0, 0.0, 1.0), c / b))
    cord = tuple(shape.at((x, y - (30 if z < 10 else 25 if z < 310 else 19), z)) for x, y, z in column if z > -20)
    low, high = tube(np.array(cord), 8.5), tube(np.array(cord), 4.6)
    return [
        Part("", "cartilage", Union(tuple(discs))),
        *parts,
        Part("spinal_cord", "csf", low),
        Part("spinal_cord", "spinal_cord", high),
    ]


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
    """Iliac wing as a fan of plates under a thick crest; pubis and ischium; a socket for the femoral head."""
    wide = 1.05 if shape.sex == "F" else 1.0
    flare = float(np.clip(rng.normal(), -2, 2)) * 3.0
    parts: list[Part] = []
    for side in SIDES:
        o = draw_organ(rng, shape, (84, -20, -250), shift_sd_mm=1.0, size_sd=0.015)
        bend = rng.normal(0.0, 1.2, (len(CREST), 3))
        rim = [
            (x * wide + flare * (x > 90) + d[0], y + d[1], z + d[2]) for (x, y, z), d in zip(CREST, bend, strict=True)
        ]
        root = (83.0 * wide, -16.0, -244.0)
        wing = [Plate((o.at(root), o.at(p), o.at(q)), o.length(3.6)) for p, q in zip(rim, rim[1:], strict=False)]
        crest = o.tube(tuple(rim), (10, 7.5, 5.5, 5.5, 7.5, 6.5, 7, 8))
        socket = o.ellipsoid((93, -5, -288), (25, 25, 25))
        cup = fused(
            o.tube((rim[0], (70 * wide, -48, -216), (84, -20, -252)), (12, 14, 17)),
            o.ellipsoid((85, -7, -284), (28, 31, 32)),
            o.tube(((74, 14, -276), (44, 38, -288), (12, 47, -304)), (12, 8, 9)),
            o.ellipsoid((8, 46, -310), (6, 10, 20), (20, 0, 0)),
            o.tube(((82, -26, -300), (68, -42, -324), (58, -36, -342)), (14, 13, 15)),
            o.tube(((57, -28, -345), (36, 10, -338), (11, 40, -322)), (8, 6.5, 7)), round_mm=6.0,
        )  # fmt: skip
        solid = Union((*wing, *crest.solids, Within(cup, holes=(socket,))))
        parts += shelled(f"hip_{side}", Mirrored(solid) if side == "left" else solid, 1.9, "bone_marrow")
    return parts


def _cage_point(o: Organ, z: float, angle: float, margin: float) -> tuple[float, float, float]:
    """A point on the chest wall, `margin` outside the inner one, nominal mm; angle from the back, towards +x."""
    rows = np.array(CAGE)
    w, f, b = (float(np.interp(z, rows[:, 0], rows[:, c])) for c in (1, 2, 3))
    a = np.radians(angle)
    s, c = np.sin(a), -np.cos(a)
    r = (abs(s) ** CAGE_POWER + abs(c) ** CAGE_POWER) ** (-1.0 / CAGE_POWER)
    depth = f if c > 0 else b
    return float((w * r + margin) * s), float(CAGE_Y + (depth * r + margin) * c), z


def _ribs(rng: np.random.Generator, shape: BodyShape) -> list[Part]:
    """Twelve pairs along the chest wall, sloping forwards and down; cartilage from ribs 1-10 to the sternum."""
    parts: list[Part] = []
    cartilages: list[Solid] = []
    for side, sign in zip(SIDES, (1.0, -1.0), strict=True):
        for n, (reach, drop) in RIBS.items():
            o = draw_organ(rng, shape, (0, 0, 150), shift_sd_mm=0.6, size_sd=0.005)
            y, z = CENTRES[f"T{n}"]
            extra = float(rng.normal(0.0, 3.0))
            start = (16.0, y - 14.0, z + 6.0)
            points = [start, (38.0, y - 28.0, z + 3.0)]
            for angle in np.linspace(38.0, reach, 11):
                share = (angle - 38.0) / (max(reach, 60) - 38.0)
                height = min(z + 2.0 - (drop + extra) * shape.rib_slope * share**1.15, 290.0)
                points.append(_cage_point(o, height, float(angle), RIB_RADIUS_MM + 0.5))
            curve = shape.on_wall(o.path(tuple(points), 20.0), sign, RIB_RADIUS_MM + PLEURA_MM)
            outer = tube(curve, o.length(RIB_RADIUS_MM))
            if side == "left":
                outer = Mirrored(outer)
            parts += [
                Part(f"rib_{side}_{n}", "cortical_bone", outer),
                Part(f"rib_{side}_{n}", "bone_marrow", Offset(outer, -RIB_CORTEX_MM)),
            ]
            if n <= 10:
                x, yy, zz = points[-1]
                end = (
                    (17.0, float(np.interp(258.0 - 20.0 * n, *STERNUM)), 258.0 - 20.0 * n)
                    if n <= 7
                    else (30.0 + 9.0 * (n - 7), 80.0 - 6.0 * (n - 7), 110.0 - 16.0 * (n - 7))
                )
                middle = ((x + end[0]) / 2, max(yy, end[1]) + 2.0, (zz + end[2]) / 2 - 6.0)
                way = o.path(((x, yy, zz), middle, end), 32.0)
                cartilage = tube(shape.on_wall(way, sign, RIB_RADIUS_MM + PLEURA_MM), o.length(1.0) * 5.0)
                cartilages.append(Mirrored(cartilage) if side == "left" else cartilage)
    o = draw_organ(rng, shape, (0, 84, 180), shift_sd_mm=1.0, size_sd=0.02)
    flat = (0.0, 0.98, 0.2)
    blade = fused(
        o.ellipsoid((0, 55, 254), (27, 7.5, 23), (24, 0, 0), power=2.6),
        Capsule(o.at((0, 64, 238)), o.at((0, 76, 200)), 13.0, 16.0, flat, 0.45),
        Capsule(o.at((0, 76, 200)), o.at((0, 86, 134)), 16.0, 18.0, flat, 0.42),
        Capsule(o.at((0, 86, 130)), o.at((0, 84, 102)), 8.0, 4.5, flat, 0.6),
        round_mm=8.0,
    )
    return [
        *parts,
        Part("costal_cartilages", "cartilage", Union(tuple(cartilages))),
        *shelled("sternum", blade, 1.4, "bone_marrow"),
    ]


def _shoulder_girdle(rng: np.random.Generator, shape: BodyShape) -> list[Part]:
    """Shoulder blades as plates with their spine, acromion, socket and coracoid; collar bones in their S."""
    parts: list[Part] = []
    for side in SIDES:
        o = draw_organ(rng, shape, (110, -70, 230), shift_sd_mm=1.5, size_sd=0.02)
        loose = rng.normal(0.0, 1.5, (len(BLADE), 3))
        top, root, tip, low, high = (o.at(tuple((np.array(p) + d).tolist())) for p, d in zip(BLADE, loose, strict=True))
        blade = Union(
            (
                *(Plate(corners, o.length(2.8)) for corners in ((top, root, high), (root, high, low),
                (root, tip, low))),
                *tube(np.array([low, tip]), o.length(4.5)).solids,
                *tube(np.array([top, root, tip]), o.length(3.2)).solids,
                *o.tube(((78, -80, 239), (112, -75, 258), (146, -48, 280), (166, -24, 288)), (3.5, 5, 7, 8)).solids,
                *o.tube(((132, -38, 252), (145, -24, 260)), (9, 16)).solids,
                *o.tube(((140, -22, 270), (144, -4, 278), (142, 16, 270)), (7, 6.5, 5.5)).solids,
            )
        )  # fmt: skip
        bow = rng.normal(0.0, 1.5, 3)
        collar = o.tube(
            (
                (20, 41, 262),
                (56 + bow[0], 36 + bow[1], 271 + bow[2]),
                (96, 8 + bow[2], 283),
                (132, -17 + bow[1], 290),
                (158, -24, 290),
            ),
            (9.5, 7, 6, 6.5, 7.5),
        )
        for organ, solid, cortex in ((f"scapula_{side}", blade, 1.3), (f"clavicula_{side}", collar, 2.0)):
            parts += shelled(organ, Mirrored(solid) if side == "left" else solid, cortex, "bone_marrow")
    return parts
