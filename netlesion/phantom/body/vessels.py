"""The great vessels as tubes, in nominal mm: aorta and its branches, caval, portal, pulmonary and iliac veins.

Takes a generator and a BodyShape; returns parts in painting order (veins first, arteries over them).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from netlesion.phantom.body.draw import draw_organ
from netlesion.phantom.body.parts import Part

if TYPE_CHECKING:
    import numpy as np

    from netlesion.phantom.body.shape import BodyShape

#: organ -> nominal points and radii; the paired ones are given for the right side and mirrored.
COURSES = (
    ("inferior_vena_cava", ((20, -22, -118), (20, -20, -50), (22, -14, 20), (26, -4, 80), (28, 16, 132)), (9, 10, 11, 11, 11)),
    ("superior_vena_cava", ((24, 8, 236), (28, 12, 200), (29, 18, 160)), (8, 9, 9)),
    ("portal_vein_and_splenic_vein", ((-82, -18, 44), (-44, 0, 16), (0, 10, -2), (16, 6, 4), (34, 4, 34), (52, 2, 44)), (4, 4.5, 5, 6.5, 6, 4)),
    ("pulmonary_artery", ((-14, 40, 172), (-16, 26, 200), (-6, 4, 206), (26, -4, 198), (46, -10, 188)), (13, 13, 11, 10, 6)),
    ("pulmonary_artery", ((-16, 26, 200), (-28, 2, 206), (-46, -12, 194)), (12, 10, 6)),
    ("pulmonary_vein", ((-40, -14, 166), (-10, -10, 164), (36, -14, 162)), (6, 8, 6)),
    ("brachiocephalic_trunk", ((4, 6, 240), (14, 6, 262), (24, 2, 284)), (6.5, 6, 5.5)),
    ("aorta", ((-2, 18, 162), (12, 24, 196), (10, 14, 226), (-2, -2, 238), (-16, -20, 228), (-24, -34, 200), (-24, -38, 140),
               (-20, -38, 80), (-10, -33, 30), (-4, -26, -20), (-4, -25, -70), (-4, -28, -112)),
     (15, 15, 14, 13, 12, 12, 12, 11.5, 11, 10, 9, 9)),
)  # fmt: skip
PAIRED = (
    ("iliac_vena", ((20, -24, -116), (30, -32, -160), (42, -22, -205), (54, 6, -250), (58, 30, -295)), (8, 6.5, 6.5, 6, 5.5)),
    ("iliac_artery", ((-4, -27, -110), (24, -24, -150), (44, -14, -200), (58, 14, -250), (62, 36, -295)), (6.5, 6, 5.5, 5, 4.5)),
    ("subclavian_artery", ((20, 2, 276), (36, -6, 300), (66, -2, 302), (110, -6, 288)), (5, 4.5, 4.5, 4)),
    ("brachiocephalic_vein", ((20, 12, 238), (32, 10, 266), (44, 4, 290), (30, 6, 330), (30, 2, 372)), (7, 6.5, 6, 5, 4.5)),
    ("common_carotid_artery", ((14, 4, 264), (20, 2, 300), (24, -2, 350), (27, -6, 385)), (4, 3.5, 3.5, 3.2)),
)  # fmt: skip


def draw_vessels(rng: np.random.Generator, shape: BodyShape) -> list[Part]:
    """All courses, each shifted and sized a little of its own."""
    parts = []
    for organ, points, radii in PAIRED:
        for side, sign in (("right", 1.0), ("left", -1.0)):
            mirrored = tuple((_off_midline(x, sign), y, z) for x, y, z in points)
            o = draw_organ(rng, shape, mirrored[0], shift_sd_mm=0.8, size_sd=0.02)
            parts.append(Part(f"{organ}_{side}", "blood", o.tube(mirrored, radii)))
    for organ, points, radii in COURSES:
        o = draw_organ(rng, shape, points[0], shift_sd_mm=0.8, size_sd=0.02)
        parts.append(Part(organ, "blood", o.tube(points, radii)))
    return parts


def _off_midline(x: float, sign: float) -> float:
    """A right-sided x on the side of `sign`; what lies left of the midline already starts at the aorta and stays."""
    return x if x < 0 else sign * x
