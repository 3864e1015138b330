"""The culprit of a tumour-induced osteomalacia: at most one, small, anywhere from skull to toe.

Takes a random generator, a Body and settings; numbers, sites, sizes and uptake follow clinical.md 6.1, all [P].
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from netlesion.phantom.biodistribution import FDG, SSTR
from netlesion.phantom.focus import Focus
from netlesion.phantom.lesion_shape import draw_shape_of_lesion, sphere_volume_ml
from netlesion.phantom.placement import Host, bone_hosts, chosen, lognormal, place

if TYPE_CHECKING:
    from netlesion.phantom.body.parts import Body
    from netlesion.phantom.solids import Solid

#: A culprit that found no place in so many tries is not there.
TRIES = 40
#: Share of sites, and the organs (bone) or segments (soft tissue) behind each.
TIO_SITES: Mapping[str, tuple[float, tuple[str, ...], tuple[str, ...]]] = {
    "thigh": (0.20, ("femur_left", "femur_right"), ("thigh_left", "thigh_right")),
    "knee_leg": (0.10, ("tibia_left", "tibia_right", "fibula_left", "patella_right"), ("shank_left", "shank_right")),
    "foot": (0.15, ("tarsal_left", "tarsal_right", "metatarsal_left", "metatarsal_right"), ("foot_left", "foot_right")),
    "head_neck": (0.22, ("skull",), ("head",)),
    "pelvis_hip": (0.15, ("hip_left", "hip_right", "sacrum"), ("trunk:-320:-170",)),
    "trunk_spine": (0.12, ("vertebrae_L3", "vertebrae_T8", "vertebrae_L1", "rib_left_7", "sternum"),
                    ("trunk:-100:250",)),
    "upper_limb": (0.06, ("humerus_left", "humerus_right", "radius_right", "carpal_left"),
                   ("upper_arm_left", "forearm_right", "hand_left")),
}  # fmt: skip


@dataclass(frozen=True)
class TioSettings:
    """Every knob of the TIO draw, all [P] from clinical.md 6.1: none in no_tumour_share, else one culprit."""

    no_tumour_share: float = 0.25
    bone_share: float = 0.5
    diameter_median_mm: float = 18.0
    diameter_sigma: float = 0.55
    diameter_min_mm: float = 5.0
    diameter_max_mm: float = 70.0
    suv_median: float = 10.0
    suv_sigma: float = 0.8
    suv_range: tuple[float, float] = (1.5, 60.0)
    fdg_suv_median: float = 2.5
    fdg_suv_sigma: float = 0.5


def draw_tio_culprit(rng: np.random.Generator, body: Body, settings: TioSettings) -> tuple[Focus, ...]:
    """At most one culprit, anywhere from skull to toe; its kind is `primary`."""
    present = rng.random() >= settings.no_tumour_share
    name = chosen(rng, {site: row[0] for site, row in TIO_SITES.items()})
    in_bone = rng.random() < settings.bone_share
    diameter = lognormal(rng, settings.diameter_median_mm, settings.diameter_sigma)
    diameter = min(max(diameter, settings.diameter_min_mm), settings.diameter_max_mm)
    shape = draw_shape_of_lesion(rng, axis_ratio_min=0.6, lobulated_share=0.5)
    sstr = float(np.clip(lognormal(rng, settings.suv_median, settings.suv_sigma), *settings.suv_range))
    fdg = lognormal(rng, settings.fdg_suv_median, settings.fdg_suv_sigma)
    hosts = bone_hosts(body, TIO_SITES[name][1]) if in_bone else _soft_hosts(body, TIO_SITES[name][2])
    spot = place(rng, hosts, diameter, [], 0.0, (-1e4, 1e4), TRIES)
    if not present or spot is None:
        return ()
    site, host = "bone" if in_bone else "soft_tissue", spot.host
    volume, suv = sphere_volume_ml(spot.diameter_mm), {SSTR: sstr, FDG: fdg}
    return (Focus(1, "primary", site, host.region, host.segment, spot.centre_mm, volume, shape, suv),)


def _soft_hosts(body: Body, segments: tuple[str, ...]) -> list[Host]:
    """Muscle of these segments; `trunk:low:high` limits the heights (mm)."""
    hosts = []
    for name in segments:
        segment, *limits = name.split(":")
        for p in body.parts:
            if p.segment == segment and p.tissue == "muscle":
                solid = p.solid
                if limits:
                    solid = _Slab(solid, float(limits[0]), float(limits[1]))
                hosts.append(Host(f"soft_tissue_{segment}", segment, solid, 0.8, 70.0))
    return hosts


@dataclass(frozen=True)
class _Slab:
    """The part of a solid between two heights."""

    solid: Solid
    low_mm: float
    high_mm: float

    def bounds_mm(self) -> np.ndarray:
        box = self.solid.bounds_mm().copy()
        box[0, 2], box[1, 2] = max(box[0, 2], self.low_mm), min(box[1, 2], self.high_mm)
        return box

    def distance(self, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        return self.solid.distance(x, y, z)
