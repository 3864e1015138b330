"""Which region of the body a lesion lies in, by a map of the organs.

Takes a lesion's voxels in RAS+ mm and an organ label map with names (TotalSegmentator's, clinical.md 5.4) on any grid;
returns a region's name and how clearly it won. Knows nothing about PET, masks on disk, or what a region means for a
stage.

Rule [P] (clinical.md 5.3), each organ grown by 3 mm: liver, if half of the lesion lies there, or a fifth of it and its
centroid above the liver's dome (breathing); bone, if three tenths; lung, if half; else the other organ that holds most,
if three tenths. Else a node, if it is at most 50 ml and within 25 mm of a great vessel, the bowel or the mediastinum's
organs; else head_neck above the lungs, abdominal_other among the organs of the trunk, or soft_tissue.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.ndimage import distance_transform_edt

from netlesion.image.geometry import Geometry

DILATION_MM = 3.0
DOME_MM = 15.0
NODE_REACH_MM = 25.0
NODE_MAX_ML = 50.0
LIVER_SHARE, DOME_SHARE, BONE_SHARE, LUNG_SHARE, ORGAN_SHARE = 0.5, 0.2, 0.3, 0.5, 0.3

#: Start of a label's name -> region. Vessels, muscle, fat and skin are no region; sides and levels are dropped.
_BONES = (
    "sacrum", "vertebra", "humerus", "scapula", "clavicula", "clavicle", "femur", "hip_", "skull", "rib_", "sternum",
    "costal_cartilages", "radius_", "ulna_", "carpal", "metacarpal", "fingers", "tibia", "fibula", "patella", "tarsal",
    "metatarsal", "toes", "mandible", "bone",
)  # fmt: skip
_ORGANS = (
    "spleen", "kidney", "gallbladder", "stomach", "pancreas", "adrenal_gland", "esophagus", "thyroid_gland",
    "small_bowel", "duodenum", "colon", "urinary_bladder", "prostate", "brain", "heart", "pituitary", "thymus",
    "breast", "ovary", "uterus", "testis",
)  # fmt: skip
_SALIVARY = ("parotid_gland", "submandibular_gland", "sublingual_gland")
REGIONS = (
    "liver", "bone", "lung", *_ORGANS, "salivary_gland", "node", "head_neck", "abdominal_other", "soft_tissue",
)  # fmt: skip
#: What a lymph node lies beside.
_BESIDE_NODES = (
    "aorta", "inferior_vena_cava", "superior_vena_cava", "iliac_", "portal_vein", "subclavian_artery",
    "brachiocephalic", "common_carotid", "pulmonary_", "mediastinum", "trachea", "small_bowel",
)  # fmt: skip
_TRUNK = ("liver", "spleen", "kidney", "stomach", "pancreas", "small_bowel", "colon", "urinary_bladder")


def region_of_label(name: str) -> str | None:
    """The region that an organ of this name is, or None (a vessel, muscle, fat)."""
    if name == "liver":
        return "liver"
    if name.startswith("lung"):
        return "lung"
    if name.startswith("cerebellum"):
        return "brain"
    if name.startswith("accessory_spleen"):
        return "spleen"
    if name.startswith(_SALIVARY):
        return "salivary_gland"
    if name.startswith(_BONES):
        return "bone"
    return next((organ for organ in _ORGANS if re.match(rf"{organ}(_|$)", name)), None)


@dataclass(frozen=True)
class LesionRegion:
    """One of REGIONS. confidence: share of the lesion in it less that in the next; 0 where no organ holds it."""

    name: str
    confidence: float


@dataclass(frozen=True, eq=False)
class OrganMap:
    """labels (I, J, K) of organs on a grid of their own; names: label -> name."""

    labels: np.ndarray
    geometry: Geometry
    names: Mapping[int, str]

    def region_of(self, points_mm: np.ndarray, volume_ml: float) -> LesionRegion:
        """The region of the lesion whose voxels (N, 3) are at these places; one point will do (a reader's mark)."""
        shares, beside = self._shares(points_mm)
        centroid = points_mm.mean(axis=0)
        order = sorted(shares.values(), reverse=True) + [0.0, 0.0]

        def won(region: str) -> LesionRegion:
            return LesionRegion(region, max(order[0] - order[1], 0.0) if shares.get(region, 0.0) == order[0] else 0.0)

        if shares.get("liver", 0.0) >= LIVER_SHARE:
            return won("liver")
        if shares.get("liver", 0.0) >= DOME_SHARE and self._is_at_dome(centroid):
            return won("liver")
        if shares.get("bone", 0.0) >= BONE_SHARE:
            return won("bone")
        if shares.get("lung", 0.0) >= LUNG_SHARE:
            return won("lung")
        others = {name: share for name, share in shares.items() if name not in ("liver", "bone", "lung")}
        best = max(others, key=lambda name: others[name], default="")
        if others.get(best, 0.0) >= ORGAN_SHARE:
            return won(best)
        if volume_ml <= NODE_MAX_ML and beside <= NODE_REACH_MM:
            return LesionRegion("node", 0.0)
        return LesionRegion(self._elsewhere(centroid), 0.0)

    def _shares(self, points_mm: np.ndarray) -> tuple[dict[str, float], float]:
        """Share of the points within 3 mm of each region, and how near they come to what nodes lie beside, in mm."""
        index = np.rint(self.geometry.to_index(points_mm)).astype(int)
        spacing = np.asarray(self.geometry.spacing_mm)
        margin = np.ceil((NODE_REACH_MM + spacing) / spacing).astype(int)
        start = np.clip(index.min(axis=0) - margin, 0, None)
        stop = np.minimum(index.max(axis=0) + margin + 1, self.labels.shape)
        if (start >= stop).any():
            return {}, np.inf
        box = self.labels[tuple(slice(a, b) for a, b in zip(start, stop, strict=True))]
        inside = ((index >= start) & (index < stop)).all(axis=1)
        places = tuple((index[inside] - start).T)
        present = np.unique(box).tolist()
        groups: dict[str, list[int]] = {}
        for label in present:
            if (region := self._region_of_label.get(label)) is not None:
                groups.setdefault(region, []).append(label)
        shares = {}
        for region, labels in groups.items():
            near = distance_transform_edt(~np.isin(box, labels), sampling=spacing)[places] <= DILATION_MM
            if near.any():
                shares[region] = float(near.sum() / len(points_mm))
        stations = [n for n in present if self.names.get(n, "").startswith(_BESIDE_NODES)]
        if not stations or not inside.any():
            return shares, np.inf
        return shares, float(distance_transform_edt(~np.isin(box, stations), sampling=spacing)[places].min())

    @cached_property
    def _region_of_label(self) -> dict[int, str | None]:
        return {label: region_of_label(name) for label, name in self.names.items()}

    @cached_property
    def _trunk_mm(self) -> np.ndarray | None:
        """(2, 3) corners of the box of the trunk's organs."""
        return self._box_mm(_TRUNK)

    @cached_property
    def _lungs_mm(self) -> np.ndarray | None:
        return self._box_mm(("lung",))

    @cached_property
    def _liver_mm(self) -> np.ndarray | None:
        return self._box_mm(("liver",))

    def _box_mm(self, starts: tuple[str, ...]) -> np.ndarray | None:
        labels = [n for n, name in self.names.items() if name.startswith(starts)]
        found = np.isin(self.labels, labels)
        if not found.any():
            return None
        ends = [np.flatnonzero(found.any(axis=tuple(x for x in range(3) if x != axis)))[[0, -1]] for axis in range(3)]
        corners = self.geometry.to_world(np.stack(np.meshgrid(*ends, indexing="ij"), axis=-1).reshape(-1, 3))
        return np.array([corners.min(axis=0), corners.max(axis=0)])

    def _is_at_dome(self, centroid_mm: np.ndarray) -> bool:
        return self._liver_mm is not None and bool(abs(centroid_mm[2] - self._liver_mm[1, 2]) <= DOME_MM)

    def _elsewhere(self, centroid_mm: np.ndarray) -> str:
        if self._lungs_mm is not None and centroid_mm[2] > self._lungs_mm[1, 2]:
            return "head_neck"
        box = self._trunk_mm
        among = box is not None and ((centroid_mm >= box[0]) & (centroid_mm <= box[1])).all()
        return "abdominal_other" if among else "soft_tissue"
