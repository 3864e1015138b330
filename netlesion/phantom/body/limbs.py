"""Bones of arms and legs and the muscles that have names of their own, in nominal mm; left limbs mirror right ones.

Shafts hold yellow marrow, their upper ends red. Takes a generator and a BodyShape; returns parts in painting order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from netlesion.phantom.body.draw import draw_organ, fused
from netlesion.phantom.body.parts import SIDES, Part
from netlesion.phantom.compounds import Mirrored, Offset, Union
from netlesion.phantom.solids import Plate

if TYPE_CHECKING:
    import numpy as np

    from netlesion.phantom.body.draw import Organ
    from netlesion.phantom.body.shape import BodyShape
    from netlesion.phantom.solids import Solid


#: Fat around a muscle that has a name.
SHEATH_MM = 1.3
#: Sheets of fat between muscles, right side, by four corners: near the bone above and below, outside below and above.
SHEETS_THIGH = (
    ((118, -14, -350), (106, -8, -620), (132, -36, -620), (158, -40, -350)),
    ((100, 12, -340), (100, 10, -640), (92, 44, -640), (84, 62, -340)),
    ((96, -2, -350), (96, -4, -640), (46, 10, -640), (26, 14, -350)),
    ((98, -16, -360), (96, -18, -650), (58, -44, -650), (36, -66, -370)),
    ((64, 34, -320), (74, 22, -520), (56, 40, -520), (46, 56, -320)),
)  # fmt: skip
SHEETS_SHANK = (
    ((58, -34, -770), (62, -40, -950), (122, -44, -950), (128, -38, -770)),
    ((66, -20, -780), (78, -26, -1040), (112, -30, -1040), (118, -22, -780)),
    ((118, -14, -780), (112, -22, -1000), (124, -2, -1000), (132, 8, -780)),
)  # fmt: skip
SHEETS_ARM = (
    ((150, -6, 170), (168, -6, -10), (190, -10, -10), (176, -10, 170)),
    ((190, -12, 150), (206, -12, -10), (228, -10, -10), (214, -12, 150)),
)  # fmt: skip
SHEETS_SEAT = (
    ((76, -66, -196), (96, -52, -262), (140, -52, -270), (132, -42, -196)),
    ((100, -40, -170), (108, -24, -250), (136, 2, -250), (140, 4, -190)),
)  # fmt: skip
#: Pads of fat: centre and semi-axes.
PADS_THIGH = (((72, 50, -318), (18, 12, 34)), ((93, -44, -700), (16, 13, 36)))
PADS_TRUNK = (
    ((140, 4, 226), (13, 24, 34)), ((128, -34, 224), (9, 16, 30)), ((36, -42, -336), (15, 24, 22)),
    ((40, -34, 348), (8, 11, 30)),
    ((60, 6, 292), (18, 12, 9)), ((70, -40, -226), (9, 12, 22)),
)  # fmt: skip


def draw_limbs(rng: np.random.Generator, shape: BodyShape) -> list[Part]:
    """Muscles first, bones over them."""
    parts: list[Part] = []
    for side in SIDES:
        o = draw_organ(rng, shape, (90, 0, -500), shift_sd_mm=0.5, size_sd=0.008)
        for part in (*_muscles(o, side), *_fat_planes(o, side), *_vessels(o, side), *_leg(o, side), *_arm(o, side)):
            solid = Mirrored(part.solid) if side == "left" else part.solid
            parts.append(Part(part.organ, part.tissue, solid, part.segment, part.factor))
    return parts


def _bone(organ: str, solid: Solid, cortex_mm: float, segment: str, marrow: str = "yellow_marrow") -> list[Part]:
    return [Part(organ, "cortical_bone", solid, segment), Part(organ, marrow, Offset(solid, -cortex_mm), segment)]


def _muscles(o: Organ, side: str) -> list[Part]:
    """Psoas and the long muscles of the back in a thin sheath of fat, and the gluteal muscles."""
    loin = o.tube(((36, -46, 20), (42, -38, -60), (54, -22, -140), (74, 2, -220), (92, 6, -300)), (9, 16, 19, 15, 8))
    back = o.tube(((26, -78, -190), (32, -66, -110), (32, -68, -20), (30, -86, 80), (26, -94, 180), (20, -82, 260)),
                  (15, 18, 17, 14, 11, 9))  # fmt: skip
    named = (
        (f"iliopsoas_{side}", loin),
        (f"autochthon_{side}", back),
        (f"gluteus_maximus_{side}", o.ellipsoid((68, -84, -270), (56, 34, 66), (16, 0, 0))),
        (f"gluteus_medius_{side}", o.ellipsoid((118, -26, -206), (14, 38, 48), (0, 8, 0))),
        (f"gluteus_minimus_{side}", o.ellipsoid((106, -8, -224), (9, 28, 32), (0, 8, 0))),
    )
    sheaths = [Part("fat", "fat", Offset(solid, SHEATH_MM)) for solid in (loin, back)]
    return [*sheaths, *(Part(organ, "muscle", solid) for organ, solid in named)]


def _fat_planes(o: Organ, side: str) -> list[Part]:
    """Fat between the muscles: sheets along the limbs, pads in armpit, groin, hollow of the knee and neck."""
    thigh, shank, upper = f"thigh_{side}", f"shank_{side}", f"upper_arm_{side}"
    parts = []
    for segment, radius, rims in (
        (thigh, 1.1, SHEETS_THIGH), (shank, 1.0, SHEETS_SHANK), (upper, 0.9, SHEETS_ARM), ("trunk", 1.2, SHEETS_SEAT),
    ):  # fmt: skip
        plates = []
        for a, b, c, d in rims:
            a, b, c, d = (o.at(p) for p in (a, b, c, d))
            plates += [Plate((a, b, c), o.length(radius)), Plate((a, c, d), o.length(radius))]
        parts.append(Part("fat", "fat", Union(tuple(plates)), segment))
    for segment, pads in ((thigh, PADS_THIGH), ("trunk", PADS_TRUNK)):
        parts += [Part("fat", "fat", o.rough(o.ellipsoid(centre, axes), 2.0, 30.0), segment) for centre, axes in pads]
    return parts


def _vessels(o: Organ, side: str) -> list[Part]:
    """Femoral, popliteal and brachial artery and vein side by side; they have no label of their own."""
    parts = []
    for segment, way, radii, apart in (
        (f"thigh_{side}", ((60, 44, -292), (70, 40, -350), (78, 24, -430), (80, 2, -540), (88, -30, -640),
        (92, -36, -706)),
         (4.2, 3.8, 3.5, 3.2, 3, 3), (-8, -3, 0)),
        (f"shank_{side}", ((92, -36, -700), (94, -34, -770), (90, -34, -900), (80, -38, -1060)), (3, 2.4, 1.8, 1.6),
        (6, -3, 0)),
        (f"upper_arm_{side}", ((150, -2, 232), (168, 4, 180), (178, 6, 90), (192, 8, -20)), (3.6, 2.8, 2.2, 2.2),
        (-5, 3, 0)),
    ):  # fmt: skip
        parts.append(Part("", "blood", o.tube(way, radii), segment))
        beside = tuple((p[0] + apart[0], p[1] + apart[1], p[2] + apart[2]) for p in way)
        parts.append(Part("", "blood", o.tube(beside, radii), segment))
    return parts


def _leg(o: Organ, side: str) -> list[Part]:
    thigh, shank, foot = f"thigh_{side}", f"shank_{side}", f"foot_{side}"
    femur = fused(
        o.ellipsoid((93, -6, -288), (23, 23, 23)),
        o.tube(((95, -6, -290), (124, -10, -316)), (14, 15)),
        o.ellipsoid((130, -12, -318), (14, 17, 22)),
        o.tube(
            ((124, -10, -326), (116, -4, -400), (106, 0, -500), (98, -4, -600), (94, -8, -660)),
            (17, 14.5, 13.5, 14.5, 18),
        ),
        o.ellipsoid((74, -14, -688), (18, 28, 18)),
        o.ellipsoid((110, -14, -688), (18, 28, 18)),
        round_mm=10.0,
    )
    red = fused(
        o.ellipsoid((93, -6, -288), (20, 20, 20)),
        o.tube(((95, -6, -290), (124, -10, -318), (120, -8, -345)), (10, 11, 9)),
        round_mm=6.0,
    )
    tibia = fused(
        o.ellipsoid((90, -14, -722), (38, 26, 14), power=2.6),
        o.tube(
            ((90, -8, -730), (88, -6, -800), (88, -14, -940), (86, -22, -1060), (84, -24, -1086)), (22, 15, 12, 12, 17)
        ),
        round_mm=10.0,
    )
    fibula = o.tube(
        ((122, -26, -738), (124, -26, -800), (116, -32, -960), (112, -34, -1070), (112, -36, -1104)), (9, 6.5, 6, 7, 9)
    )
    tarsal = fused(
        o.tube(((93, -72, -1118), (95, -30, -1114)), (16, 16)), o.ellipsoid((92, -22, -1102), (19, 24, 14)),
        o.tube(((94, 0, -1112), (96, 26, -1114)), (17, 15)), round_mm=6.0,
    )  # fmt: skip
    rays = [
        o.tube(
            ((84 + 7 * n, 30, -1116 + n), (80 + 10 * n, 96, -1130 + n)), (6.5 if n == 0 else 5, 5.5 if n == 0 else 4.2)
        )
        for n in range(5)
    ]
    toes = [
        o.tube(
            ((80 + 10 * n, 102, -1132), (80 + 10.5 * n, 142 - 4 * n, -1137)),
            (5.5 if n == 0 else 4, 4.5 if n == 0 else 3),
        )
        for n in range(5)
    ]
    return [
        *_bone(f"femur_{side}", femur, 5.0, thigh),
        Part(f"femur_{side}", "bone_marrow", red, thigh),
        *_bone(f"patella_{side}", o.ellipsoid((92, 34, -694), (20, 9, 20)), 2.0, thigh),
        *_bone(f"tibia_{side}", tibia, 4.5, shank),
        *_bone(f"fibula_{side}", fibula, 2.6, shank),
        *_bone(f"tarsal_{side}", tarsal, 1.8, foot),
        Part(f"metatarsal_{side}", "cortical_bone", _joined(rays), foot),
        Part(f"metatarsal_{side}", "yellow_marrow", Offset(_joined(rays), -2.0), foot),
        Part(f"toes_{side}", "cortical_bone", _joined(toes), foot),
    ]


def _arm(o: Organ, side: str) -> list[Part]:
    upper, fore, hand = f"upper_arm_{side}", f"forearm_{side}", f"hand_{side}"
    humerus = fused(
        o.ellipsoid((168, -12, 262), (24, 24, 24)),
        o.tube(((174, -10, 246), (184, -8, 180), (194, -10, 80), (202, -12, -10)), (17, 12, 11, 12)),
        o.ellipsoid((203, -12, -26), (28, 13, 13)),
        round_mm=9.0,
    )
    red = o.ellipsoid((168, -12, 261), (21, 21, 21))
    ulna = o.tube(((198, -32, -26), (200, -28, -60), (208, -14, -160), (214, -8, -268)), (11, 8.5, 6.5, 5))
    radius = o.tube(((214, -6, -48), (216, -4, -120), (216, 6, -200), (212, 12, -274)), (9, 7, 7, 10))
    carpal = fused(*(o.ellipsoid((217, y, -296), (9, 9, 11)) for y in (-8, 6, 18)), round_mm=5.0)
    rays = [o.tube(((218, 22 - 9 * n, -310), (222, 28 - 13 * n, -364)), (4.6, 4.2)) for n in range(4)]
    rays.append(o.tube(((214, 26, -304), (210, 46, -340)), (4.6, 4.4)))
    fingers = [
        o.tube(((222, 28 - 13 * n, -372), (224, 30 - 13.5 * n, -452 + 6 * abs(n - 1))), (4.4, 3.0)) for n in range(4)
    ]
    fingers.append(o.tube(((210, 48, -344), (208, 60, -382)), (4.2, 3.0)))
    return [
        *_bone(f"humerus_{side}", humerus, 4.0, upper),
        Part(f"humerus_{side}", "bone_marrow", red, upper),
        *_bone(f"ulna_{side}", ulna, 2.8, fore),
        *_bone(f"radius_{side}", radius, 2.8, fore),
        *_bone(f"carpal_{side}", carpal, 1.6, hand),
        Part(f"metacarpal_{side}", "cortical_bone", _joined(rays), hand),
        Part(f"metacarpal_{side}", "yellow_marrow", Offset(_joined(rays), -1.8), hand),
        Part(f"fingers_{side}", "cortical_bone", _joined(fingers), hand),
    ]


def _joined(solids: list[Union]) -> Union:
    return Union(tuple(p for s in solids for p in s.solids))
