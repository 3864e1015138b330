"""The nominal adult, one row per shape: tissue, centre and semi-axes in mm, in painting order. Data, no code.

Read by `anatomy` alone. Origin and axes as there: x right, y front, z head, zero at the first lumbar vertebra.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One nominal shape; `rigid` rows follow the body's size but have no place or size of their own."""

    tissue: str
    centre_mm: tuple[float, float, float]
    semi_axes_mm: tuple[float, float, float]
    power: float = 2.0
    axial_power: float = 2.0
    turn_deg: tuple[float, float, float] = (0.0, 0.0, 0.0)
    rigid: bool = False
    size_spread: float = 1.0


@dataclass(frozen=True)
class LoopRegion:
    """Where `count` loops of one bowel lie."""

    tissue: str
    region: Row
    count: int


#: Muscle outline; the skin lies one fat thickness outside.
BODY = (
    Row("body", (0, 0, 130), (150, 95, 185), 2.3, 5),
    Row("body", (0, 0, -60), (142, 97, 210), 2.3, 4),
    Row("body", (0, -4, -215), (158, 98, 130), 2.3, 4),
    Row("body", (0, -6, 258), (172, 62, 52), 2.5, 2),
    Row("body", (0, -6, 345), (52, 52, 90), 2.0, 6),
    Row("body", (0, 10, 470), (70, 90, 112)),
    Row("body", (82, -6, -430), (72, 76, 170), 2.0, 8),
    Row("body", (-82, -6, -430), (72, 76, 170), 2.0, 8),
)

ORGANS = (
    # cavities, skeleton: rigid, so that marrow stays inside cortex and brain inside skull
    Row("visceral_fat", (0, 14, -80), (124, 68, 195), 2.5, 3, rigid=True),
    Row("bone_marrow", (0, -56, 60), (19, 18, 325), 2.5, 12, rigid=True),
    Row("cortical_bone", (0, -85, 60), (8, 13, 320), 2.0, 12, rigid=True),
    Row("bone_marrow", (0, -76, -215), (42, 17, 50), turn_deg=(20, 0, 0), rigid=True),
    Row("bone_marrow", (84, -42, -180), (14, 48, 60), turn_deg=(0, 12, -25), rigid=True),
    Row("bone_marrow", (-84, -42, -180), (14, 48, 60), turn_deg=(0, -12, 25), rigid=True),
    Row("bone_marrow", (82, -6, -275), (20, 26, 44), rigid=True),
    Row("bone_marrow", (-82, -6, -275), (20, 26, 44), rigid=True),
    Row("cortical_bone", (26, 52, -305), (36, 10, 12), turn_deg=(0, 20, -20), rigid=True),
    Row("cortical_bone", (-26, 52, -305), (36, 10, 12), turn_deg=(0, -20, 20), rigid=True),
    Row("bone_marrow", (94, -4, -285), (23, 23, 23), rigid=True),
    Row("bone_marrow", (-94, -4, -285), (23, 23, 23), rigid=True),
    Row("cortical_bone", (96, -4, -455), (15, 15, 165), 2.0, 8, rigid=True),
    Row("cortical_bone", (-96, -4, -455), (15, 15, 165), 2.0, 8, rigid=True),
    Row("bone_marrow", (96, -4, -455), (8, 8, 160), 2.0, 8, rigid=True),
    Row("bone_marrow", (-96, -4, -455), (8, 8, 160), 2.0, 8, rigid=True),
    Row("bone_marrow", (148, -8, 262), (22, 22, 26), rigid=True),
    Row("bone_marrow", (-148, -8, 262), (22, 22, 26), rigid=True),
    Row("bone_marrow", (0, 84, 165), (19, 7, 78), 3, 6, turn_deg=(-5, 0, 0), rigid=True),
    Row("cortical_bone", (0, 10, 488), (67, 86, 96), rigid=True),
    Row("brain", (0, 10, 489), (61, 80, 89), rigid=True),
    Row("white_matter", (24, 10, 496), (22, 54, 60), rigid=True),
    Row("white_matter", (-24, 10, 496), (22, 54, 60), rigid=True),
    Row("cerebellum", (0, -36, 424), (46, 28, 22), rigid=True),
    Row("pituitary", (0, 26, 397), (5, 5, 4)),
    # head and neck
    Row("air", (0, 66, 400), (14, 20, 22)),
    Row("parotid", (50, -2, 392), (11, 16, 20)),
    Row("parotid", (-50, -2, 392), (11, 16, 20)),
    Row("submandibular", (30, 26, 364), (9, 12, 11)),
    Row("submandibular", (-30, 26, 364), (9, 12, 11)),
    Row("tonsil", (15, 26, 386), (6, 8, 10)),
    Row("tonsil", (-15, 26, 386), (6, 8, 10)),
    Row("thyroid", (17, 20, 318), (8, 9, 20)),
    Row("thyroid", (-17, 20, 318), (8, 9, 20)),
    # chest
    Row("lung", (76, 0, 160), (58, 76, 118), 2.5, 2.5, rigid=True),
    Row("lung", (-76, 0, 160), (56, 76, 118), 2.5, 2.5, rigid=True),
    Row("air", (0, 6, 285), (8, 8, 85), 2, 8, rigid=True),
    Row("blood", (-20, 30, 172), (36, 40, 52)),
    Row("blood", (-14, -26, 60), (11, 11, 175), 2, 8, rigid=True),
    Row("blood", (20, -22, 20), (10, 10, 130), 2, 8, rigid=True),
    Row("myocardium", (-46, 34, 138), (33, 30, 42), turn_deg=(0, 40, 0), rigid=True),
    Row("blood", (-44, 34, 141), (21, 18, 30), turn_deg=(0, 40, 0), rigid=True),
    # abdomen
    Row("colon", (98, 14, -95), (19, 19, 62)),
    Row("colon", (0, 58, -38), (82, 16, 17)),
    Row("colon", (-98, 4, -85), (16, 16, 80)),
    Row("colon", (-46, 10, -212), (36, 16, 16), turn_deg=(0, 25, 0)),
    Row("colon", (0, -38, -268), (17, 17, 36)),
    Row("liver", (67, 4, 46), (57, 70, 76), 2.2, turn_deg=(0, 12, 0), rigid=True),
    Row("liver", (2, 40, 74), (58, 34, 36), rigid=True),
    Row("gallbladder", (52, 58, 0), (14, 16, 20)),
    Row("stomach", (-58, 34, 48), (34, 32, 48), turn_deg=(0, 20, 0), rigid=True),
    Row("stomach_content", (-58, 34, 50), (25, 23, 39), turn_deg=(0, 20, 0), rigid=True),
    Row("spleen", (-102, -38, 56), (26, 40, 47), size_spread=2.0),
    Row("adrenal", (31, -46, 38), (5, 10, 15)),
    Row("adrenal", (-40, -36, 44), (5, 10, 15)),
    Row("kidney", (62, -50, -22), (28, 26, 53), turn_deg=(0, -10, 0), rigid=True),
    Row("kidney", (-62, -50, -12), (28, 26, 53), turn_deg=(0, 10, 0), rigid=True),
    Row("renal_pelvis", (52, -46, -22), (8, 8, 17), rigid=True),
    Row("renal_pelvis", (-52, -46, -12), (8, 8, 17), rigid=True),
    Row("duodenum", (44, 18, -30), (14, 14, 34)),
    Row("pancreas_head", (24, 12, -8), (20, 16, 23)),
    Row("pancreas_body", (-28, 12, 12), (50, 13, 14), turn_deg=(0, 20, 0)),
    # pelvis
    Row("bladder", (0, 26, -272), (36, 30, 28), size_spread=3.0),
)
PROSTATE = Row("prostate", (0, 12, -315), (21, 17, 15))
UTERUS = Row("uterus", (0, 2, -235), (22, 22, 28))

BOWEL_LOOPS = (
    LoopRegion("jejunum", Row("region", (-40, 34, -75), (58, 34, 55)), 8),
    LoopRegion("ileum", Row("region", (20, 30, -150), (62, 34, 60)), 9),
)

#: Places where node metastases lie: mesenteric, para-aortic, left supraclavicular, mediastinal, iliac.
NODE_STATIONS = (
    Row("mesenteric", (0, 28, -95), (50, 20, 50)),
    Row("mesenteric", (30, 26, -125), (45, 20, 45)),
    Row("retroperitoneal", (-26, -24, -60), (12, 14, 70)),
    Row("retroperitoneal", (34, -24, -75), (12, 14, 60)),
    Row("supraclavicular", (-42, 4, 300), (18, 14, 16)),
    Row("mediastinal", (10, 16, 215), (22, 22, 34)),
    Row("iliac", (48, -4, -205), (14, 16, 40)),
    Row("iliac", (-48, -4, -205), (14, 16, 40)),
)
