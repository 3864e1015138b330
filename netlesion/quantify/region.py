"""Which region of the body a lesion lies in, by a map of the organs (clinical.md 5.3).

Takes a lesion's voxels in RAS+ mm and an organ map on any grid; returns the region, how clearly it won, what came
second, the organ (of a bone its name, with level and side) and, outside every organ, the lymph-node station. Knows
nothing about PET, masks on disk, or what a region means for a stage.

Rule [P], each organ grown by 3 mm: liver, if half of the lesion lies there, or a fifth of it and its centroid within
15 mm of the liver's dome (breathing); bone, if three tenths; lung, if half; else the other organ that holds most, if
three tenths (ureter and renal pelvis: half, for nodes lie beside them; bowel: six tenths without growing it, for nodes
of the mesentery lie between its loops). Voxels inside vessels do not count where a fifth lies elsewhere: a mask spills
into them. Else a node, if it is at most 50 ml and beside what nodes lie beside (`stations`); else head_neck above the
lungs, abdominal_other among the organs of the trunk, or soft_tissue.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from netlesion.quantify.organ_map import OrganMap
from netlesion.quantify.region_map import organ_of, region_map
from netlesion.quantify.stations import station_of

DILATION_MM = 3.0
DOME_MM = 15.0
NODE_MAX_ML = 50.0
LIVER_SHARE, DOME_SHARE, BONE_SHARE, LUNG_SHARE, ORGAN_SHARE, TRACT_SHARE = 0.5, 0.2, 0.3, 0.5, 0.3, 0.5
BOWEL_SHARE, OUTSIDE_VESSELS = 0.6, 0.2
BOWEL = ("small_bowel", "duodenum", "colon")
NODE, HEAD_NECK, ABDOMINAL_OTHER, SOFT_TISSUE = "node", "head_neck", "abdominal_other", "soft_tissue"
DOME_FLAG = "liver_dome_or_lung"
_TRUNK = ("liver", "spleen", "kidney", "stomach", "pancreas", "small_bowel", "colon", "urinary_bladder")


def regions() -> tuple[str, ...]:
    """Every region that a lesion can lie in, those of organs first."""
    of_organs = sorted({organ.region for organ in region_map().values() if organ.region} - {HEAD_NECK})
    return (*of_organs, NODE, HEAD_NECK, ABDOMINAL_OTHER, SOFT_TISSUE)


def region_of_label(name: str) -> str | None:
    """The region that an organ of this name is, or None (a vessel, muscle, fat, or a name that no source has)."""
    organ = organ_of(name)
    return None if organ is None else organ.region


@dataclass(frozen=True)
class LesionRegion:
    """Where a lesion lies.

    Args:
        name: One of `regions`.
        confidence: Fraction of the lesion in it less that of the next, 0 to 1; outside every organ the fraction there.
        runner_up: The region of the next; None where there is none.
        organ: The organ that holds most of it (vertebrae_L1, kidney_left); None outside every organ.
        station: Of a node, one of `stations.STATIONS`.
        flag: liver_dome_or_lung, where breathing may have moved a lesion of one into the other.
    """

    name: str
    confidence: float
    runner_up: str | None = None
    organ: str | None = None
    station: str | None = None
    flag: str | None = None

    @property
    def bone(self) -> str | None:
        """Of a bone lesion the bone, with its level and side."""
        return self.organ if self.name == "bone" else None


def region_of(organs: OrganMap, points_mm: np.ndarray, volume_ml: float) -> LesionRegion:
    """The region of the lesion whose voxels (N, 3) are at these places; one point will do (a reader's mark)."""
    shares, organ_shares = _shares(organs, _outside_vessels(organs, points_mm))
    centroid = points_mm.mean(axis=0)
    winner = _winner(organs, shares, centroid)
    if winner is not None:
        rest = {name: share for name, share in shares.items() if name != winner}
        second = max(rest, key=lambda name: rest[name], default=None)
        lead = shares[winner] - (0.0 if second is None else rest[second])
        inside = {o: s for (region, o), s in organ_shares.items() if region == winner}
        found = LesionRegion(winner, max(lead, 0.0), second, max(inside, key=lambda o: inside[o]))
        if winner in BOWEL:  # what lies between the loops competes, too
            between = 1.0 - shares[winner]
            if between > (0.0 if second is None else rest[second]):
                found = replace(found, confidence=max(shares[winner] - between, 0.0), runner_up=NODE)
        near_dome = winner == "lung" and organs.distance_mm(points_mm, ("liver",)) <= DOME_MM
        return replace(found, flag=DOME_FLAG, runner_up="liver", confidence=0.0) if near_dome else found
    best = max(shares, key=lambda name: shares[name], default=None)
    held = 0.0 if best is None else shares[best]
    confidence = max(1.0 - 2.0 * held, 0.0) if _inside_map(organs, centroid) else 0.0
    station = station_of(points_mm, organs) if volume_ml <= NODE_MAX_ML else None
    elsewhere = _elsewhere(organs, centroid)
    if station is not None:
        return LesionRegion(NODE, confidence, best or elsewhere, None, station.name)
    return LesionRegion(elsewhere, confidence, best)


def _winner(organs: OrganMap, shares: dict[str, float], centroid_mm: np.ndarray) -> str | None:
    """The region whose organ holds enough of the lesion, by the rule's order; None where none does."""
    if shares.get("liver", 0.0) >= LIVER_SHARE:
        return "liver"
    if shares.get("liver", 0.0) >= DOME_SHARE and _is_at_dome(organs, centroid_mm):
        return "liver"
    if shares.get("bone", 0.0) >= BONE_SHARE:
        return "bone"
    if shares.get("lung", 0.0) >= LUNG_SHARE:
        return "lung"
    others = {name: share for name, share in shares.items() if name not in ("liver", "bone", "lung")}
    least = {"urinary_tract": TRACT_SHARE, **dict.fromkeys(BOWEL, ORGAN_SHARE)}
    if sum(others.get(name, 0.0) for name in BOWEL) < BOWEL_SHARE:
        others = {name: share for name, share in others.items() if name not in BOWEL}
    enough = {n: s for n, s in others.items() if s >= least.get(n, ORGAN_SHARE)}
    return max(enough, key=lambda name: enough[name], default=None)


def _shares(organs: OrganMap, points_mm: np.ndarray) -> tuple[dict[str, float], dict[tuple[str, str], float]]:
    """Fraction of the points within 3 mm of each region (in it, of bowel), and of each (region, organ)."""
    grown, own = organs.labels_near(points_mm, DILATION_MM), organs.labels_near(points_mm, 0.0)
    shares: dict[str, float] = {}
    organ_shares: dict[tuple[str, str], float] = {}
    labels_of_region: dict[str, list[int]] = {}
    for label in np.unique(grown).tolist():
        organ = organ_of(organs.names.get(label, ""))
        if organ is not None and organ.region is not None:
            near = own if organ.region in BOWEL else grown
            labels_of_region.setdefault(organ.region, []).append(label)
            key = organ.region, organ.organ
            organ_shares[key] = organ_shares.get(key, 0.0) + float((near == label).any(axis=1).mean())
    for region, labels in labels_of_region.items():
        near = own if region in BOWEL else grown
        shares[region] = float(np.isin(near, labels).any(axis=1).mean())
    return {region: share for region, share in shares.items() if share > 0}, organ_shares


def _outside_vessels(organs: OrganMap, points_mm: np.ndarray) -> np.ndarray:
    """The points that lie in no vessel, or all where hardly any does."""
    vessels = [label for label, name in organs.names.items() if (o := organ_of(name)) and o.unmapped == "vessel"]
    outside = ~np.isin(organs.labels_near(points_mm, 0.0)[:, 0], vessels)
    return points_mm[outside] if outside.mean() >= OUTSIDE_VESSELS else points_mm


def _inside_map(organs: OrganMap, centroid_mm: np.ndarray) -> bool:
    index = np.rint(organs.geometry.to_index(centroid_mm[None]))[0]
    return bool(((index >= 0) & (index < organs.labels.shape)).all())


def _is_at_dome(organs: OrganMap, centroid_mm: np.ndarray) -> bool:
    liver = organs.corners_mm(("liver",))
    return liver is not None and bool(abs(centroid_mm[2] - liver[1, 2]) <= DOME_MM)


def _elsewhere(organs: OrganMap, centroid_mm: np.ndarray) -> str:
    lungs, box = organs.corners_mm(("lung",)), organs.corners_mm(_TRUNK)
    if lungs is not None and centroid_mm[2] > lungs[1, 2]:
        return HEAD_NECK
    among = box is not None and ((centroid_mm >= box[0]) & (centroid_mm <= box[1])).all()
    return ABDOMINAL_OTHER if among else SOFT_TISSUE
