"""The body's outline: skin, fat and muscle of trunk, head, arms and legs, in nominal mm.

Every segment is two shapes: its muscle, and an outer one that lies further out by the fat of that place (thick over
belly, buttocks and hips, thin over chest, neck, shins and hands); the skin is 2 mm more. Neighbouring segments overlap
in balls at the joints and agree in width there, so that no posture opens a gap or leaves a step. Takes a generator and
a BodyShape; returns parts in painting order, all skins first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from netlesion.phantom.body.draw import Organ, draw_organ
from netlesion.phantom.body.parts import SIDES, Part
from netlesion.phantom.body.shape import head_shape
from netlesion.phantom.compounds import Blend, Mirrored, Offset, Union, tube
from netlesion.phantom.solids import Capsule, Ellipsoid, Loft, Section, point, sphere

if TYPE_CHECKING:
    from netlesion.phantom.body.shape import BodyShape
    from netlesion.phantom.solids import Point, Solid

SKIN_MM = 2.0
#: z, half width, front, back, y of the middle: muscle and bone of the trunk of a lean adult. Two lofts that overlap.
TORSO = (
    (-205, 149, 83, 101, -4), (-150, 138, 82, 101, -3), (-95, 130, 81, 99, -2), (-45, 128, 82, 98, -2),
    (0, 133, 86, 102, -3),
    (60, 143, 93, 108, -4), (115, 150, 97, 115, -5), (165, 156, 98, 117, -6), (205, 162, 93, 115, -8),
    (238, 160, 82, 109, -10),
    (262, 146, 71, 98, -13), (284, 116, 60, 82, -16), (302, 84, 53, 72, -17), (318, 64, 49, 68, -16),
    (334, 52, 46, 65, -14),
)  # fmt: skip
PELVIS = (
    (-374, 44, 46, 52, -10), (-358, 116, 62, 74, -8), (-338, 146, 71, 86, -8), (-312, 159, 77, 93, -8),
    (-280, 163, 80, 99, -8),
    (-235, 157, 83, 101, -6), (-185, 145, 83, 101, -4), (-150, 138, 82, 101, -3), (-126, 134, 81, 100, -2),
)  # fmt: skip
NECK_ROWS = (
    (316, 64, 48, 70, -16),
    (334, 55, 48, 66, -14),
    (360, 51, 49, 61, -12),
    (384, 50, 49, 60, -11),
    (404, 45, 42, 55, -11),
)
#: z, and how thick the fat is at the side, in front and behind, over the belly's fat_mm.
TRUNK_FAT = (
    (-370, 0.70, 0.60, 1.10), (-305, 1.05, 0.80, 1.30), (-240, 1.25, 1.00, 1.20), (-185, 1.10, 1.15, 0.95),
    (-120, 0.95, 1.15, 0.75),
    (-60, 0.85, 1.05, 0.60), (0, 0.75, 0.90, 0.50), (60, 0.60, 0.70, 0.45), (120, 0.50, 0.55, 0.45),
    (200, 0.45, 0.45, 0.50),
    (260, 0.35, 0.35, 0.50), (300, 0.25, 0.25, 0.40), (340, 0.18, 0.20, 0.28), (400, 0.14, 0.12, 0.20),
)  # fmt: skip
#: z, half width, front, back, x and y of the middle, fat over fat_mm.
THIGH = (
    (-740, 40, 36, 38, 91, -10, 0.10), (-706, 49, 48, 46, 91, -10, 0.22), (-672, 53, 54, 51, 91, -8, 0.32),
    (-600, 61, 62, 60, 92, -5, 0.45),
    (-520, 69, 71, 67, 93, -5, 0.55), (-440, 77, 78, 76, 94, -6, 0.65), (-370, 81, 79, 84, 94, -8, 0.85),
    (-320, 76, 70, 86, 93, -10, 1.00),
    (-252, 44, 36, 58, 92, -16, 0.80),
)  # fmt: skip
SHANK = (
    (-1122, 30, 26, 33, 92, -28, 0.05), (-1092, 31, 27, 36, 92, -28, 0.08), (-1050, 29, 28, 34, 92, -26, 0.12),
    (-975, 35, 32, 42, 92, -20, 0.18),
    (-900, 47, 37, 56, 93, -18, 0.25), (-838, 55, 41, 65, 93, -18, 0.28), (-775, 52, 42, 58, 92, -14, 0.24),
    (-706, 48, 47, 46, 91, -10, 0.22),
    (-676, 42, 42, 40, 91, -9, 0.22),
)  # fmt: skip
#: Joints and ends, right side.
SHOULDER, ELBOW, WRIST, FINGERTIP = (172, -10, 258), (204, -14, -34), (216, 2, -282), (222, 14, -466)
HIP, KNEE, ANKLE, SOLE = (88, -4, -290), (90, -10, -706), (92, -26, -1096), -1146.0
NECK = (0, -20, 396)


@dataclass(frozen=True)
class _Layers:
    """A piece of the outline: its fat's outer surface and the muscle inside."""

    segment: str
    outer: Solid
    muscle: Solid


def draw_outline(rng: np.random.Generator, shape: BodyShape) -> list[Part]:
    """Skin of every segment, then fat, then muscle; a woman's breasts belong to the first two."""
    pieces = [*_trunk(rng, shape), *_head(rng, shape), *_limbs(rng, shape)]
    breasts, glands = _breasts(rng, shape)
    skin = [Part("skin", "skin", Offset(p.outer, SKIN_MM), p.segment) for p in pieces]
    fat = [Part("fat", "fat", p.outer, p.segment) for p in pieces]
    muscle = [Part("muscle", "muscle", p.muscle, p.segment) for p in pieces]
    skin += [Part("skin", "skin", Offset(b, SKIN_MM)) for b in breasts]
    fat += [Part("fat", "fat", b) for b in breasts]
    return [*skin, *fat, *glands, *muscle]


def joints(shape: BodyShape) -> dict[str, tuple[float, float, float]]:
    """Every joint of `parts.SEGMENTS`, this person's mm."""
    found = {"neck": shape.at(NECK)}
    for side, sign in zip(SIDES, (1.0, -1.0), strict=True):
        for name, (x, y, z) in (
            ("shoulder", SHOULDER),
            ("elbow", ELBOW),
            ("wrist", WRIST),
            ("hip", HIP),
            ("knee", KNEE),
            ("ankle", ANKLE),
        ):
            found[f"{name}_{side}"] = shape.at((sign * x, y, z))
    return found


def _trunk(rng: np.random.Generator, shape: BodyShape) -> list[_Layers]:
    """Torso, neck, pelvis with buttocks, and the folds that run from the chest to the arms."""
    wide, waist, chest, hips = (float(v) for v in 1.0 + np.clip(rng.normal(size=4), -2, 2) * (0.01, 0.02, 0.015, 0.015))
    waist, chest, hips = (
        (waist * 0.95, chest * 0.96, hips * 1.03) if shape.sex == "F" else (waist, chest * 1.02, hips * 0.99)
    )
    heights = (-1000.0, -250.0, -180.0, -50.0, 20.0, 110.0, 270.0, 330.0)
    girth = np.array([hips, hips, 0.5 * (hips + waist), waist, waist, chest, chest, 1.0]) * wide
    lumps = 0.10 * shape.fat_mm if shape.sex == "F" else 0.0

    def loft(rows: tuple[tuple[float, ...], ...], power: float, fat: bool) -> Loft:
        sections = []
        for z, w, f, b, y in rows:
            side, front, back = (
                float(np.interp(z, [r[0] for r in TRUNK_FAT], [r[n] for r in TRUNK_FAT])) for n in (1, 2, 3)
            )
            hip = lumps * float(np.exp(-(((z + 290.0) / 60.0) ** 2)))
            more = (
                np.array([side * shape.fat_mm + hip, front * shape.fat_mm, back * shape.fat_mm]) if fat else np.zeros(3)
            )
            belly = 1.0 + (shape.belly - 1.0) * float(np.exp(-(((z + 70.0) / 105.0) ** 4)))
            own = np.array([w * float(np.interp(z, heights, girth)), f * belly, b])
            (wide, front_mm, _), (_, back_mm, _) = (shape.size_at((own[0], d, 0.0), z) for d in own[1:])
            across, forth, back_mm = point(np.array([wide, front_mm, back_mm]) + more)
            _, middle, height = shape.at((0.0, y, z))
            sections.append(Section(height, across, forth, back_mm, 0.0, middle, power))
        return Loft(tuple(sections))

    found = [
        _Layers("trunk", loft(TORSO, 2.5, True), loft(TORSO, 2.5, False)),
        _Layers("trunk", loft(NECK_ROWS, 2.0, True), loft(NECK_ROWS, 2.0, False)),
    ]
    seat = draw_organ(rng, shape, (0, -80, -275), shift_sd_mm=1.5, size_sd=0.03)
    glutei = [seat.ellipsoid((s * 66, -72, -275), (64, 50, 72), (-8, 0, 0)) for s in (1.0, -1.0)]
    padded = [_grown(g, 1.1 * shape.fat_mm) for g in glutei]
    found.append(
        _Layers(
            "trunk", Blend((loft(PELVIS, 2.5, True), *padded), 38.0), Blend((loft(PELVIS, 2.5, False), *glutei), 32.0)
        )
    )
    girdle = draw_organ(rng, shape, (0, 0, 240), shift_sd_mm=0.0, size_sd=0.02)
    for sign in (1.0, -1.0):
        ways = (
            ((96, -22, 262), (160, -14, 262), 40, 42), ((92, 34, 216), (156, 8, 244), 30, 30),
            ((124, -54, 172), (162, -26, 236), 30, 32),
            ((40, -28, 296), (148, -18, 268), 36, 36), ((84, -72, 244), (150, -42, 264), 28, 32),
            ((96, -64, 180), (144, -40, 240), 26, 30),
        )  # fmt: skip
        inner = [_capsule(girdle, sign, *way) for way in ways]
        fold = 0.35 * shape.fat_mm
        outer = [_capsule(girdle, sign, a, b, ra, rb, fold) for a, b, ra, rb in ways]
        found.append(_Layers("trunk", Union(tuple(outer)), Union(tuple(inner))))
    return found


def _capsule(o: Organ, sign: float, a: Point, b: Point, ra: float, rb: float, more: float = 0.0) -> Capsule:
    start, end = (o.at((sign * p[0], p[1], p[2])) for p in (a, b))
    return Capsule(start, end, o.length(ra) + more, o.length(rb) + more)


def _grown(solid: Ellipsoid, margin_mm: float) -> Ellipsoid:
    return Ellipsoid(
        solid.centre_mm,
        point(a + margin_mm for a in solid.semi_axes_mm),
        solid.power,
        solid.axial_power,
        solid.turn_deg,
    )


def _head(rng: np.random.Generator, shape: BodyShape) -> list[_Layers]:
    """Scalp and face; the neck of the head fits into that of the trunk."""
    own = head_shape(shape)
    o = draw_organ(rng, own, (0, 0, 480), shift_sd_mm=0.0, size_sd=0.01)
    nose_mm, chin_mm, cheek_mm = (float(v) for v in np.clip(rng.normal(size=3), -2, 2) * (2.0, 2.5, 2.0))
    lean = 0.08 * shape.fat_mm
    head = Blend(
        (
            o.ellipsoid((0, 2, 492), (75, 95, 79)),
            o.ellipsoid((0, -38, 470), (66, 58, 62)),
            o.ellipsoid((0, 40, 440), (62 + cheek_mm, 58, 62), power=2.2),
            o.ellipsoid((0, 48, 396), (53 + cheek_mm, 50, 38), (8, 0, 0), power=2.2),
            o.ellipsoid((0, 86 + chin_mm, 372), (20, 15, 14)),
            o.ellipsoid((0, 92, 402), (24, 13, 11)),
            o.ellipsoid((0, 2, 424), (71, 40, 46), (8, 0, 0)),
            o.ellipsoid((0, 18, 376), (44, 52, 26), (12, 0, 0)),
        ),
        22.0,
    )
    nose = Blend(
        (
            Capsule(o.at((0, 92, 458)), o.at((0, 108 + nose_mm, 430)), o.length(7.0), o.length(9.5)),
            o.ellipsoid((0, 98, 426), (16, 12, 8)),
        ),
        10.0,
    )
    ears = [o.ellipsoid((s * 78, -8, 442), (7, 17, 30), (12, 0, s * 22)) for s in (1.0, -1.0)]
    neck = Capsule(own.at((0, -16, 374)), own.at((0, -16, 440)), o.length(50.0), o.length(57.0))
    whole = Blend((head, neck), 20.0)
    return [
        _Layers("head", Offset(whole, 2.5 + lean), whole),
        _Layers("head", Offset(nose, 1.0), nose),
        _Layers("head", Union(tuple(ears)), Union(tuple(_grown(e, -2.5) for e in ears))),
    ]


def _limbs(rng: np.random.Generator, shape: BodyShape) -> list[_Layers]:
    """Right limbs as written, left ones mirrored; muscle girth varies together."""
    strong = float(1.0 + 0.05 * np.clip(rng.normal(), -2, 2)) * (0.92 if shape.sex == "F" else 1.02)
    more = 1.12 if shape.sex == "F" else 1.0
    sx = shape.scale[0]
    found: list[_Layers] = []

    def leg(rows: tuple[tuple[float, ...], ...], girth: float, fat: bool) -> Loft:
        sections = []
        for z, w, f, b, x, y, share in rows:
            own = girth + (1.0 - girth) * (0.6 if z < -680 or z > -400 else 0.0)
            layer = share * more * shape.fat_mm if fat else 0.0
            (wide, front, _), (_, back, _) = (shape.size_at((w * own, d * own, 0.0), z) for d in (f, b))
            middle_x, middle_y, height = shape.at((x, y, z))
            sections.append(Section(height, wide + layer, front + layer, back + layer, middle_x, middle_y))
        return Loft(tuple(sections))

    def arm(
        points: tuple[Point, ...],
        radii: tuple[float, ...],
        fat: tuple[float, ...] | None,
        girth: float,
        flatten: float = 1.0,
    ) -> Solid:
        layer = np.zeros(len(radii)) if fat is None else np.array(fat) * more * shape.fat_mm
        return tube(
            np.array([shape.at(p) for p in points]), girth * np.array(radii) * sx + layer, (1.0, 0.0, 0.0), flatten
        )

    upper = (SHOULDER, (182, -11, 210), (188, -11, 160), (195, -10, 90), (200, -12, 20), ELBOW)
    fore = (ELBOW, (207, -10, -70), (211, -6, -120), (213, -3, -180), (215, 0, -240), WRIST)
    girths = {"upper": (50, 48, 45, 43, 39, 36), "fore": (36, 41, 40, 35, 29, 25)}
    softs = {"upper": (0.35, 0.38, 0.38, 0.36, 0.28, 0.2), "fore": (0.2, 0.18, 0.16, 0.13, 0.08, 0.05)}
    half = 0.5 * strong + 0.5
    hand = _hand(shape)
    foot = _foot(shape)
    for segment, outer, muscle in (
        ("thigh", leg(THIGH, strong, True), leg(THIGH, strong, False)),
        ("shank", leg(SHANK, strong, True), leg(SHANK, strong, False)),
        ("foot", Offset(foot, 1.5), foot),
        ("upper_arm", arm(upper, girths["upper"], softs["upper"], strong), arm(upper, girths["upper"], None, strong)),
        ("forearm", arm(fore, girths["fore"], softs["fore"], half, 0.9), arm(fore, girths["fore"], None, half, 0.9)),
        ("hand", Offset(hand, 1.0), hand),
    ):
        found.append(_Layers(f"{segment}_right", outer, muscle))
        found.append(_Layers(f"{segment}_left", Mirrored(outer), Mirrored(muscle)))
    return found


def _hand(shape: BodyShape) -> Solid:
    """Palm, four fingers and a thumb, slightly bent; the palm faces the thigh."""
    wrist = shape.at(WRIST)
    thin = (1.0, 0.0, 0.0)
    palm = Blend(
        (
            sphere(wrist, 24.0), Capsule(wrist, shape.at((218, 10, -330)), 26.0, 36.0, thin, 0.5),
            Capsule(shape.at((218, 8, -326)), shape.at((221, 12, -366)), 36.0, 39.0, thin, 0.36),
            Capsule(shape.at((215, 24, -312)), shape.at((211, 48, -346)), 14.0, 11.0),
        ),
        12.0,
    )  # fmt: skip
    fingers = [
        Capsule(shape.at((221, 39 - 18 * n, -372)), shape.at((219, 40 - 17.5 * n, tip)), 9.5, 7.5)
        for n, tip in enumerate((-446, -458, -450, -430))
    ]
    return Union((palm, *fingers, Capsule(shape.at((211, 48, -344)), shape.at((207, 62, -388)), 11.5, 8.5)))


def _foot(shape: BodyShape) -> Solid:
    """Heel, instep, ball and toes; the sole is flat."""
    heel, ball, toe = (shape.at(p) for p in ((92, -66, -1115), (98, 96, -1126), (102, 150, -1134)))
    flat = (0.0, 0.0, 1.0)
    return Blend(
        (
            Capsule(shape.at((92, -60, -1096)), heel, 25.0, 30.0),
            Capsule(shape.at((92, -34, -1102)), shape.at((96, 50, -1118)), 36.0, 34.0, flat, 0.85),
            Capsule(shape.at((96, 40, -1122)), ball, 38.0, 42.0, flat, 0.52),
            Capsule(ball, toe, 41.0, 30.0, flat, 0.38), sphere(shape.at(ANKLE), 32.0),
        ),
        20.0,
    )  # fmt: skip


def _breasts(rng: np.random.Generator, shape: BodyShape) -> tuple[list[Solid], list[Part]]:
    """A woman's breasts: fat, flattened by lying, and the glandular tissue in it; men have none of these parts."""
    full = min(float(rng.uniform(0.8, 1.2)) * (0.75 + 0.011 * shape.fat_mm), 1.2)
    o = draw_organ(rng, shape, (0, 84, 160), shift_sd_mm=2.0, size_sd=0.04)
    if shape.sex == "M":
        return [], []
    wide, y = full**0.5, 80.0 + 0.45 * shape.fat_mm
    breasts, glands = [], []
    for side, sign in zip(SIDES, (1.0, -1.0), strict=True):

        def pad(x: float, y: float, z: float, axes: Point, sign: float = sign) -> Ellipsoid:
            return o.ellipsoid((sign * x, y, z), (wide * axes[0], full * axes[1], wide * axes[2]), (0, 0, -sign * 16))

        breasts.append(Blend((pad(82, y - 13, 150, (72, 34, 64)), pad(88, y - 22, 160, (88, 30, 82))), 24.0))
        glands.append(Part(f"breast_{side}", "breast", o.rough(pad(80, y + 3, 149, (42, 18, 40)), 3.0, 24.0)))
    return breasts, glands
