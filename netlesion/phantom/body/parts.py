"""What a body is made of: parts (a solid of one tissue, in one organ, on one segment), joints, stations, landmarks.

All in the body's own frame, RAS+ mm, in the reference posture (supine, legs straight, arms beside the trunk, palms
towards the thighs). Origin: midline, mid-depth of the trunk, at the middle of the first lumbar vertebra; x to the
patient's right, y to the front, z to the head. Parts are in painting order: a later part replaces what an earlier
one put there. Frozen data; knows nothing about postures, uptake values, lesions or grids.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from netlesion.phantom.chain import Apart, apart

if TYPE_CHECKING:
    from netlesion.phantom.solids import Point, Solid

SIDES = ("right", "left")
#: segment -> (its parent, the joint that holds it); the trunk has none.
SEGMENTS: Mapping[str, tuple[str, str] | None] = {
    "trunk": None,
    "head": ("trunk", "neck"),
    **{f"upper_arm_{s}": ("trunk", f"shoulder_{s}") for s in SIDES},
    **{f"forearm_{s}": (f"upper_arm_{s}", f"elbow_{s}") for s in SIDES},
    **{f"hand_{s}": (f"forearm_{s}", f"wrist_{s}") for s in SIDES},
    **{f"thigh_{s}": ("trunk", f"hip_{s}") for s in SIDES},
    **{f"shank_{s}": (f"thigh_{s}", f"knee_{s}") for s in SIDES},
    **{f"foot_{s}": (f"shank_{s}", f"ankle_{s}") for s in SIDES},
}
LANDMARKS = ("vertex", "skull_base", "diaphragm_dome", "pubis", "mid_thigh", "knee", "sole")


@dataclass(frozen=True)
class Part:
    """One shape of one tissue. `organ` is the label (TotalSegmentator's name where there is one), `tissue` the row of
    the uptake table, `factor` multiplies the tissue's SUV here (1 but for bowel segments, ureter pieces)."""

    organ: str
    tissue: str
    solid: Solid
    segment: str = "trunk"
    factor: float = 1.0

    @cached_property
    def apart(self) -> Apart:
        """The solid as it is drawn, worked out once for all grids."""
        return apart(self.solid)


@dataclass(frozen=True)
class Station:
    """A place, not a tissue: where lymph nodes, peritoneal deposits or other lesions without an organ lie."""

    name: str
    solid: Solid
    segment: str = "trunk"


@dataclass(frozen=True)
class Body:
    """One person in the reference posture. joints and landmarks: name -> RAS+ mm; all of LANDMARKS are there."""

    sex: str
    height_cm: float
    parts: tuple[Part, ...]
    stations: tuple[Station, ...]
    joints: Mapping[str, Point]
    landmarks: Mapping[str, Point]

    def parts_of(self, *, organ: str | None = None, tissue: str | None = None) -> tuple[Part, ...]:
        """The parts of this organ and tissue (None: any), in painting order; empty when there is none."""
        return tuple(
            p for p in self.parts if (organ is None or p.organ == organ) and (tissue is None or p.tissue == tissue)
        )
