"""The body's outline: skin, fat and muscle of trunk, head, arms and legs, in nominal mm.

One shell per segment: muscle as the inner solid, fat outside it (thicker over belly, hips and thighs, thin on hands
and head), skin as its outermost 2 mm. Balls at the joints keep segments closed in every posture. Takes a generator and
a BodyShape; returns parts in painting order, all skins first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from netlesion.phantom.body.draw import draw_organ
from netlesion.phantom.body.parts import SIDES, Part
from netlesion.phantom.solids import Blend, Capsule, Loft, Mirrored, Offset, Section, Union, sphere, tube

if TYPE_CHECKING:
    from netlesion.phantom.body.shape import BodyShape
    from netlesion.phantom.solids import Solid

SKIN_MM = 2.0
#: z, half width, front, back, y of the middle, power: muscle and bone of the trunk of a lean adult.
TRUNK = (
    (-352, 150, 62, 78, -6, 2.6), (-318, 160, 74, 96, -8, 2.6), (-280, 163, 80, 102, -8, 2.5), (-235, 158, 84, 98, -6, 2.4),
    (-185, 146, 86, 84, -4, 2.3), (-120, 133, 86, 74, -2, 2.3), (-60, 130, 86, 74, -2, 2.3), (0, 136, 90, 78, -3, 2.3),
    (60, 143, 93, 86, -4, 2.3), (120, 149, 97, 94, -5, 2.3), (170, 155, 96, 98, -6, 2.3), (210, 164, 86, 98, -8, 2.3),
    (242, 168, 70, 92, -10, 2.3), (268, 160, 56, 78, -12, 2.2), (288, 122, 48, 62, -14, 2.1), (306, 84, 46, 56, -12, 2.0),
    (326, 62, 50, 54, -10, 2.0), (352, 56, 54, 54, -6, 2.0), (384, 56, 56, 56, 0, 2.0),
)  # fmt: skip
#: Joints and ends, right side.
SHOULDER, ELBOW, WRIST, FINGERTIP = (172, -10, 258), (204, -14, -34), (216, 2, -282), (222, 14, -466)
HIP, KNEE, ANKLE, SOLE = (88, -4, -290), (90, -10, -706), (92, -26, -1096), -1146.0
NECK = (0, -20, 396)


def draw_outline(rng: np.random.Generator, shape: BodyShape) -> list[Part]:
    """Skin of every segment, then fat, then muscle."""
    layers: dict[str, list[Part]] = {"skin": [], "fat": [], "muscle": []}
    for segment, solid, fat_mm in (*_trunk(rng, shape), *_head(rng, shape), *_limbs(rng, shape)):
        layers["skin"].append(Part("skin", "skin", Offset(solid, fat_mm + SKIN_MM), segment))
        layers["fat"].append(Part("fat", "fat", Offset(solid, fat_mm), segment))
        layers["muscle"].append(Part("muscle", "muscle", solid, segment))
    return [*layers["skin"], *layers["fat"], *_breasts(rng, shape), *layers["muscle"]]


def joints(shape: BodyShape) -> dict[str, tuple[float, float, float]]:
    """Every joint of `parts.SEGMENTS`, this person's mm."""
    found = {"neck": shape.at(NECK)}
    for side, sign in zip(SIDES, (1.0, -1.0), strict=True):
        for name, (x, y, z) in (("shoulder", SHOULDER), ("elbow", ELBOW), ("wrist", WRIST), ("hip", HIP), ("knee", KNEE), ("ankle", ANKLE)):
            found[f"{name}_{side}"] = shape.at((sign * x, y, z))
    return found


def _trunk(rng: np.random.Generator, shape: BodyShape) -> list[tuple[str, Solid, float]]:
    sx, sy, sz = shape.scale
    hips, chest = (1.04, 0.96) if shape.sex == "F" else (0.99, 1.02)
    waist = float(rng.normal(1.0, 0.02))
    sections = []
    for z, w, f, b, y, p in TRUNK:
        wide = hips if z < -150 else waist if z < 0 else chest if z < 300 else 1.0
        front = f * (shape.belly if -220 < z < 40 else 1.0)
        sections.append(Section(z * sz, w * wide * sx, front * sy, b * sy, 0.0, y * sy, p))
    o = draw_organ(rng, shape, (0, 0, 0), shift_sd_mm=0.0, size_sd=0.0)
    body = o.rough(Loft(tuple(sections)), 0.8, 90.0)
    found: list[tuple[str, Solid, float]] = [("trunk", body, shape.fat_mm)]
    for sign in (1.0, -1.0):
        buttock = o.ellipsoid((sign * 66, -84, -268), (62, 40, 62))
        found.append(("trunk", buttock, shape.fat_mm))
    return found


def _head(rng: np.random.Generator, shape: BodyShape) -> list[tuple[str, Solid, float]]:
    o = draw_organ(rng, shape, (0, 0, 480), shift_sd_mm=0.0, size_sd=0.02)
    skull = o.ellipsoid((0, 4, 494), (77, 97, 92))
    face = o.ellipsoid((0, 52, 424), (56, 50, 66), (8, 0, 0), power=2.3)
    jaw = o.ellipsoid((0, 50, 386), (44, 46, 26))
    nose = o.ellipsoid((0, 106, 436), (12, 14, 18))
    neck = Capsule(shape.at((0, -8, 372)), shape.at((0, -6, 440)), o.length(55.0), o.length(58.0))
    return [("head", Blend((skull, face, jaw, nose, neck), 24.0), 3.0 + 0.1 * shape.fat_mm)]


def _limbs(rng: np.random.Generator, shape: BodyShape) -> list[tuple[str, Solid, float]]:
    """Right limbs as written, left ones mirrored; muscle girth varies together."""
    strong = float(rng.normal(1.0, 0.05)) * (0.93 if shape.sex == "F" else 1.03)
    sx, sy, sz = shape.scale
    found: list[tuple[str, Solid, float]] = []

    def leg(rows: tuple[tuple[float, ...], ...], girth: float) -> Loft:
        return Loft(
            tuple(
                Section(z * sz, w * girth * sx, f * girth * sy, b * girth * sy, x * sx, y * sy, 2.1)
                for z, w, f, b, x, y in rows
            )
        )

    thigh = leg(
        (
            (-724, 46, 46, 44, 91, -10), (-680, 52, 52, 52, 91, -8), (-610, 60, 60, 60, 91, -6), (-520, 68, 70, 66, 92, -6),
            (-430, 77, 78, 76, 93, -6), (-360, 80, 80, 84, 92, -8), (-312, 76, 74, 86, 92, -10), (-270, 62, 56, 70, 96, -12),
        ),
        strong,
    )  # fmt: skip
    shank = leg(
        (
            (-1112, 32, 28, 34, 92, -28), (-1060, 30, 28, 32, 92, -26), (-980, 34, 30, 38, 92, -20), (-900, 45, 36, 52, 92, -18),
            (-830, 54, 40, 62, 92, -18), (-770, 52, 40, 56, 91, -14), (-706, 47, 44, 44, 91, -10), (-684, 40, 36, 36, 91, -10),
        ),
        0.5 * strong + 0.5,
    )  # fmt: skip
    heel, ball, toe = (shape.at(p) for p in ((92, -58, -1122), (98, 96, -1128), (102, 152, -1134)))
    foot = Blend(
        (
            sphere(heel, 25.0), Capsule(shape.at((92, -40, -1104)), ball, 32.0, 22.0, (0.0, 0.0, 1.0), 0.9),
            Capsule(ball, toe, 36.0, 26.0, (0.0, 0.0, 1.0), 0.45), sphere(shape.at(ANKLE), 33.0),
        ),
        20.0,
    )  # fmt: skip
    shoulder, elbow, wrist = (shape.at(p) for p in (SHOULDER, ELBOW, WRIST))
    upper_arm = Union(
        (*tube(np.linspace(shoulder, elbow, 6), strong * np.array((50, 47, 43, 41, 39, 36))).solids, sphere(shoulder, 52.0 * strong))
    )
    forearm = tube(np.linspace(elbow, wrist, 6), (0.5 * strong + 0.5) * np.array((37, 40, 38, 33, 28, 25)), (0.0, 1.0, 0.0), 0.92)
    palm, tip = shape.at((219, 8, -372)), shape.at(FINGERTIP)
    hand = Blend(
        (
            sphere(wrist, 25.0), Capsule(wrist, palm, 30.0, 42.0, (1.0, 0.0, 0.0), 0.42),
            Capsule(palm, tip, 40.0, 30.0, (1.0, 0.0, 0.0), 0.32),
            Capsule(shape.at((216, 24, -322)), shape.at((212, 58, -376)), 13.0, 10.0),
        ),
        12.0,
    )  # fmt: skip
    fat = shape.fat_mm
    for segment, solid, thickness in (
        ("thigh", thigh, 0.55 * fat), ("shank", shank, 0.3 * fat), ("foot", foot, 2.0), ("upper_arm", upper_arm, 0.3 * fat),
        ("forearm", forearm, 0.15 * fat), ("hand", hand, 1.5),
    ):  # fmt: skip
        found.append((f"{segment}_right", solid, thickness))
        found.append((f"{segment}_left", Mirrored(solid), thickness))
    return found


def _breasts(rng: np.random.Generator, shape: BodyShape) -> list[Part]:
    """Glandular tissue in fat, both in a skin of their own; small flat ones in men are fat only."""
    full = float(rng.uniform(0.75, 1.25)) * (0.8 + 0.01 * shape.fat_mm)
    o = draw_organ(rng, shape, (0, 90, 168), shift_sd_mm=2.0, size_sd=0.05)
    if shape.sex == "M":
        return []
    parts = []
    for side, sign in zip(SIDES, (1.0, -1.0), strict=True):
        centre = (sign * 74, 84 + 0.5 * shape.fat_mm, 160)
        for organ, tissue, axes in (
            ("skin", "skin", (58, 46, 56)), ("fat", "fat", (56, 44, 54)), (f"breast_{side}", "breast", (38, 30, 36)),
        ):  # fmt: skip
            parts.append(Part(organ, tissue, o.ellipsoid(centre, tuple(full * a for a in axes))))
    return parts
