"""One person's whole body: every part in painting order, with joints, stations and landmarks.

All chance comes from the generator, a fixed number of draws. Knows nothing about uptake, postures or grids.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from netlesion.phantom.body.bowel import draw_bowel
from netlesion.phantom.body.cavities import DOME_TOP_MM, abdominal_cavity
from netlesion.phantom.body.chest import draw_chest
from netlesion.phantom.body.head import draw_head
from netlesion.phantom.body.limbs import draw_limbs
from netlesion.phantom.body.outline import SOLE, draw_outline, joints
from netlesion.phantom.body.parts import Body, Part
from netlesion.phantom.body.shape import BodySettings, draw_shape, head_shape
from netlesion.phantom.body.skeleton import draw_skeleton
from netlesion.phantom.body.stations import stations
from netlesion.phantom.body.urogenital import draw_urogenital
from netlesion.phantom.body.vessels import draw_vessels
from netlesion.phantom.body.viscera import draw_viscera

if TYPE_CHECKING:
    import numpy as np

#: name -> nominal place.
LANDMARKS = {
    "vertex": (0, 4, 577), "skull_base": (0, 8, 428), "diaphragm_dome": (64, 0, DOME_TOP_MM), "pubis": (0, 48, -305),
    "mid_thigh": (92, 0, -500), "knee": (90, 0, -706), "sole": (94, 40, SOLE),
}  # fmt: skip
OF_HEAD = ("vertex", "skull_base")


def draw_body(rng: np.random.Generator, settings: BodySettings) -> Body:
    """A new person."""
    shape = draw_shape(rng, settings)
    outline, skeleton, limbs = draw_outline(rng, shape), draw_skeleton(rng, shape), draw_limbs(rng, shape)
    head, chest = draw_head(rng, shape), draw_chest(rng, shape)
    bowel, urogenital = draw_bowel(rng, shape), draw_urogenital(rng, shape)
    viscera, vessels = draw_viscera(rng, shape), draw_vessels(rng, shape)
    soft = ("muscle", "fat", "blood")
    muscles = [p for p in limbs if p.tissue in soft]
    bones = [p for p in limbs if p.tissue not in soft]
    belly = Part("visceral_fat", "visceral_fat", abdominal_cavity(shape))
    parts = [*outline, belly, *chest, *muscles, *bowel, *urogenital, *viscera, *vessels, *skeleton, *bones, *head]
    return Body(
        sex=shape.sex,
        height_cm=shape.height_cm,
        parts=tuple(parts),
        stations=stations(shape),
        joints=joints(shape),
        landmarks={
            name: (head_shape(shape) if name in OF_HEAD else shape).at(place) for name, place in LANDMARKS.items()
        },
    )
