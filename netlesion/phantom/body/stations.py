"""Places where lesions lie that are no organ: lymph-node groups, peritoneum, mesentery root, in nominal mm.

Takes a BodyShape; returns Station solids. Draws nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from netlesion.phantom.body.parts import Station
from netlesion.phantom.solids import Ellipsoid, point

if TYPE_CHECKING:
    from netlesion.phantom.body.shape import BodyShape

#: name -> centre, semi-axes of an ellipsoid.
PLACES = (
    ("mesenteric", (8, 22, -92), (40, 16, 40)), ("mesenteric", (34, 20, -130), (30, 16, 34)),
    ("mesentery_root", (4, 12, -70), (18, 12, 30)),
    ("retroperitoneal", (-24, -24, -60), (10, 10, 60)), ("retroperitoneal", (34, -24, -70), (9, 10, 50)),
    ("hilar_hepatic", (28, 6, 22), (12, 12, 14)), ("coeliac", (-6, -6, 20), (14, 10, 14)),
    ("mediastinal", (6, -2, 232), (18, 10, 20)), ("mediastinal", (4, -16, 198), (16, 8, 16)),
    ("hilar_pulmonary_right", (42, -8, 186), (10, 10, 14)), ("hilar_pulmonary_left", (-42, -10, 190), (10, 10, 14)),
    ("supraclavicular_left", (-48, 4, 306), (14, 12, 10)), ("supraclavicular_right", (48, 4, 306), (14, 12, 10)),
    ("cervical_left", (-36, -2, 345), (8, 10, 26)), ("cervical_right", (36, -2, 345), (8, 10, 26)),
    ("axillary_left", (-138, 6, 236), (14, 18, 26)), ("axillary_right", (138, 6, 236), (14, 18, 26)),
    ("iliac_left", (-52, -8, -205), (12, 14, 38)), ("iliac_right", (52, -8, -205), (12, 14, 38)),
    ("inguinal_left", (-66, 44, -305), (14, 10, 20)), ("inguinal_right", (66, 44, -305), (14, 10, 20)),
    ("paracolic_left", (-118, 2, -80), (8, 16, 60)), ("paracolic_right", (118, 6, -80), (8, 16, 50)),
    ("omentum", (0, 76, -90), (70, 8, 50)), ("pelvic_peritoneum", (0, -14, -240), (44, 10, 18)),
    ("liver_capsule", (118, 0, 30), (8, 40, 40)),
)  # fmt: skip
PERITONEUM = frozenset(
    {"paracolic_left", "paracolic_right", "omentum", "pelvic_peritoneum", "liver_capsule", "mesentery_root"}
)
#: A station's middle lies at least this share of its thickness outside organs that stay where they are.
CLEAR_SHARE = 0.8
NODES_NEAR_GUT = frozenset({"mesenteric", "retroperitoneal", "hilar_hepatic", "coeliac", "iliac_left", "iliac_right"})


def stations(shape: BodyShape) -> tuple[Station, ...]:
    """All of them, scaled to this person."""
    found = []
    for name, centre, axes in PLACES:
        size = shape.size(axes)
        (place,) = shape.cleared(np.array([shape.at(centre)]), CLEAR_SHARE * min(size))
        found.append(Station(name, Ellipsoid(point(place), size)))
    return tuple(found)
