"""The lymph-node station that a place outside every organ belongs to, by the vessels and organs nearest to it.

Takes a lesion's places in RAS+ mm and an organ map; returns a station's name, with its side where it has one, or None
where nothing that nodes lie beside is near. A station is where a node would lie, not a claim that there is one.

Rules [P], from clinical.md 5.3: each looks at the nearest of its landmarks, at most 25 mm away, in this order.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from netlesion.quantify.organ_map import OrganMap

#: How far a node may lie from what it lies beside [P].
REACH_MM = 25.0
#: A node of the mesentery is near the small bowel and further than this from the aorta (clinical.md 5.3).
MESENTERIC_MM = 15.0
#: What lies in the muscle of the abdominal wall by this share, far from the great vessels, is no node of the mesentery
#: but a deposit of the peritoneum [P].
WALL_SHARE = 0.1
#: Axillary and inguinal nodes lie beside joints, whose bones are further away [P].
JOINT_MM = 60.0

AORTA, CAVA = ("aorta",), ("inferior_vena_cava",)
GREAT = (*AORTA, *CAVA)
CHEST = (
    "superior_vena_cava", "pulmonary_", "brachiocephalic", "trachea", "mediastinum", "esophagus", "heart",
    "atrial_appendage", "thymus", *AORTA,
)  # fmt: skip
NECK = ("common_carotid", "internal_carotid", "internal_jugular", "thyroid_gland")
SHOULDER = ("subclavian", "clavicula")
BOWEL, PORTAL, ILIAC = ("small_bowel",), ("portal_vein",), ("iliac_",)
STATIONS = (
    "mesenteric", "retroperitoneal", "hilar_hepatic", "iliac_left", "iliac_right", "mediastinal",
    "supraclavicular_left", "supraclavicular_right", "cervical_left", "cervical_right", "axillary_left",
    "axillary_right", "inguinal_left", "inguinal_right",
)  # fmt: skip


@dataclass(frozen=True)
class Station:
    """name: one of STATIONS. distance_mm: to the landmark it is named after."""

    name: str
    distance_mm: float


def station_of(points_mm: np.ndarray, organs: OrganMap) -> Station | None:
    """The station of the lesion whose voxels (N, 3) are at these places."""
    centre = points_mm.mean(axis=0)
    side = "right" if centre[0] > _midline_mm(organs, centre) else "left"

    def near(starts: tuple[str, ...]) -> float:
        return organs.distance_mm(points_mm, starts)

    lungs, pelvis = organs.corners_mm(("lung",)), organs.corners_mm(("hip_", "sacrum"))
    above_lungs = lungs is not None and centre[2] > lungs[1, 2] - 15.0
    beside_lungs = lungs is not None and lungs[0, 2] + 50.0 < centre[2] <= lungs[1, 2]
    in_pelvis = pelvis is not None and centre[2] < pelvis[1, 2] - 20.0
    if above_lungs:
        neck, shoulder = near(NECK), near(SHOULDER)
        low = lungs is not None and centre[2] < lungs[1, 2] + 30.0
        if min(neck, shoulder) <= REACH_MM:
            return Station(f"{'supraclavicular' if low else 'cervical'}_{side}", min(neck, shoulder))
    joint = _beside_joint(points_mm, organs, side)
    if joint is not None:
        return joint
    if beside_lungs or above_lungs:
        chest = near(CHEST)
        return Station("mediastinal", chest) if chest <= REACH_MM else None
    great, bowel, portal, iliac = near(GREAT), near(BOWEL), near(PORTAL), near(ILIAC)
    if min(great, portal, iliac) > REACH_MM and _in_wall(points_mm, organs):
        return None
    if in_pelvis and iliac <= REACH_MM:
        return Station(f"iliac_{side}", iliac)
    if portal <= min(great, bowel, REACH_MM):
        return Station("hilar_hepatic", portal)
    if bowel <= REACH_MM and near(AORTA) > MESENTERIC_MM and bowel <= great:
        return Station("mesenteric", bowel)
    if great <= REACH_MM:
        return Station("retroperitoneal", great)
    if iliac <= REACH_MM:
        return Station(f"iliac_{side}", iliac)
    return Station("mesenteric", bowel) if bowel <= REACH_MM else None


def _in_wall(points_mm: np.ndarray, organs: OrganMap) -> bool:
    muscle = organs.labels_of(("muscle", "autochthon", "iliopsoas", "gluteus"))
    return bool(np.isin(organs.labels_near(points_mm, 0.0)[:, 0], muscle).mean() >= WALL_SHARE)


def _beside_joint(points_mm: np.ndarray, organs: OrganMap, side: str) -> Station | None:
    """Axilla: beside scapula and humerus, lateral to the ribs. Groin: before the top of the femur, beside the hip."""
    centre = points_mm.mean(axis=0)
    scapula = organs.distance_mm(points_mm, (f"scapula_{side}",))
    humerus = organs.distance_mm(points_mm, (f"humerus_{side}",))
    lungs = organs.corners_mm(("lung",))
    if lungs is not None and max(scapula, humerus) <= JOINT_MM:
        lateral = centre[0] < lungs[0, 0] if side == "left" else centre[0] > lungs[1, 0]
        if lateral:
            return Station(f"axillary_{side}", min(scapula, humerus))
    femur = organs.corners_mm((f"femur_{side}",))
    if femur is None:
        return None
    top = femur[1, 2]
    before = centre[1] > femur[0:2, 1].mean()
    if before and top - 90.0 < centre[2] < top + 20.0:
        distance = organs.distance_mm(points_mm, (f"femur_{side}",))
        if 5.0 < distance <= JOINT_MM and organs.distance_mm(points_mm, BOWEL) > REACH_MM:
            return Station(f"inguinal_{side}", distance)
    return None


def _midline_mm(organs: OrganMap, centre_mm: np.ndarray) -> float:
    """x of the spine, else of the map's centre."""
    spine = organs.corners_mm(("vertebrae_", "vertebrae"))
    if spine is not None:
        return float(spine[:, 0].mean())
    return float(organs.geometry.to_world((np.array(organs.labels.shape) - 1)[None] / 2)[0, 0])
