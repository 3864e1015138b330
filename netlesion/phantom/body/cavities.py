"""The cavities of the trunk as solids: thorax above the diaphragm's domes, abdomen and pelvis below, in nominal mm.

Organs are clipped by them. Takes a BodyShape; draws nothing. The rib cage follows `CAGE`, the chest's inner outline.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from netlesion.phantom.body.spine_curve import CENTRES
from netlesion.phantom.compounds import Blend, Within, tube
from netlesion.phantom.solids import Ellipsoid, Half, Loft, Section, point

if TYPE_CHECKING:
    from netlesion.phantom.body.shape import BodyShape
    from netlesion.phantom.solids import Solid

#: z, half width, front, back of the inner chest wall around (0, CAGE_Y).
CAGE = (
    (10, 118, 74, 64), (60, 128, 80, 74), (110, 131, 83, 80), (160, 127, 80, 83), (205, 113, 69, 80), (240, 92, 53, 72),
    (266, 68, 36, 60), (284, 46, 22, 46), (294, 26, 12, 34),
)  # fmt: skip
CAGE_Y, CAGE_POWER = -4.0, 2.5
ABDOMEN = (
    (-342, 12, 14, 16), (-328, 32, 34, 36), (-308, 48, 54, 50), (-275, 62, 62, 60), (-235, 86, 70, 64),
    (-185, 113, 74, 64), (-120, 118, 75, 62),
    (-50, 118, 76, 68), (20, 120, 80, 74), (50, 121, 81, 74),
)  # fmt: skip
#: Domes: centre and semi-axes; the right one is the highest.
DOMES = (((64, 0, 36), (72, 86, 78)), ((-66, -4, 26), (68, 84, 76)), ((0, 14, 22), (56, 70, 78)))
DOME_TOP_MM = 114.0


@lru_cache(maxsize=4)
def thoracic_cavity(shape: BodyShape) -> Solid:
    """Inside of the chest wall above the diaphragm; its lower edge rises from behind to the front."""
    edge = Half(shape.at((0.0, -70.0, 14.0)), (0.0, 0.42, -1.0))
    return Within(_loft(shape, CAGE), limits=(edge,), holes=tuple(_domes(shape)))


@lru_cache(maxsize=4)
def abdominal_cavity(shape: BodyShape) -> Solid:
    """Under the diaphragm down to the pelvic floor, in front of the spine and between the hip bones."""
    belly = tuple((z, w, f * (shape.belly if -200 < z < 40 else 1.0), b) for z, w, f, b in ABDOMEN)
    inside = Blend((_loft(shape, belly), *(_grown(d, -2.0) for d in _domes(shape))), 16.0)
    bends = ("T8", "T11", "L2", "L4")
    column = [shape.at((0.0, CENTRES[v][0] - 4.0, CENTRES[v][1])) for v in bends] + [shape.at((0, -86, -225))]
    return Within(inside, holes=(tube(np.array(column), 26.0),))


def _loft(shape: BodyShape, rows: tuple[tuple[float, ...], ...]) -> Loft:
    sections = []
    for z, w, f, b in rows:
        _, y, height = shape.at((0.0, CAGE_Y, z))
        (wide, front, _), (_, back, _) = shape.size_at((w, f, 0.0), z), shape.size_at((0.0, b, 0.0), z)
        sections.append(Section(height, wide, front, back, 0.0, y, CAGE_POWER))
    return Loft(tuple(sections))


def _domes(shape: BodyShape) -> list[Ellipsoid]:
    return [Ellipsoid(shape.at(centre), shape.size(axes)) for centre, axes in DOMES]


def _grown(solid: Ellipsoid, margin_mm: float) -> Ellipsoid:
    return Ellipsoid(solid.centre_mm, point(a + margin_mm for a in solid.semi_axes_mm))
