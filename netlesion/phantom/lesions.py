"""Which lesions a patient with a neuroendocrine tumour has: how many, where, how large, how avid in each tracer.

Takes a random generator, a Body and settings; returns a frozen tuple of Focus in the body's reference frame. Numbers,
sites, sizes and uptake follow clinical.md 7.3, all [P]. A lesion is dealt a site, then a host and a centre in it; one
that finds no place in `placement_tries` is not a lesion of this patient. Knows nothing about grids, images or postures.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from netlesion.phantom.biodistribution import FDG, SSTR, Lognormal
from netlesion.phantom.focus import Focus
from netlesion.phantom.lesion_shape import draw_shape_of_lesion, sphere_volume_ml
from netlesion.phantom.placement import NODE_WEIGHTS, Host, bone_hosts, chosen, lognormal, place, station_hosts

if TYPE_CHECKING:
    from netlesion.phantom.body.parts import Body

PERITONEAL = ("mesentery_root", "omentum", "paracolic_left", "paracolic_right", "pelvic_peritoneum", "liver_capsule")


@dataclass(frozen=True)
class LesionSettings:
    """Every knob of the NET draw, all [P] from clinical.md 7.3. Shares 0..1; diameters of the sphere of equal volume.

    Number: none in negative_share of patients, else 1 + negative binomial(extra_mean, extra_size), at most max_count.
    Sites: site_shares, tilted per patient by gamma(site_concentration), so that one has liver disease, another nodes.
    SUV: lognormal by site, sigma split into one deviate per patient and one per lesion.
    confluent_share: patients whose liver lesions may touch and overlap.
    """

    negative_share: float = 0.25
    extra_mean: float = 8.5
    extra_size: float = 0.47
    max_count: int = 130
    primary_share: float = 0.6
    primary_sites: Mapping[str, float] = field(
        default_factory=lambda: {"pancreas": 0.5, "small_bowel": 0.4, "other": 0.1}
    )
    site_shares: Mapping[str, float] = field(
        default_factory=lambda: {"liver": 0.54, "node": 0.24, "bone": 0.14, "peritoneum": 0.055, "lung": 0.025}
    )
    site_concentration: float = 0.8
    diameter_median_mm: float = 15.0
    diameter_sigma: float = 0.5
    diameter_min_mm: float = 4.0
    diameter_max_mm: float = 120.0
    axis_ratio_min: float = 0.6
    lobulated_share: float = 0.6
    necrotic_share: float = 0.15
    necrotic_min_diameter_mm: float = 22.0
    core_ratio: tuple[float, float] = (0.2, 0.4)
    confluent_share: float = 0.2
    gap_mm: float = 4.0
    placement_tries: int = 12
    suv_medians: Mapping[str, float] = field(
        default_factory=lambda: {
            "liver": 23,
            "node": 10,
            "bone": 12,
            "pancreas": 20,
            "small_bowel": 12,
            "peritoneum": 10,
            "lung": 8,
            "other": 12,
        }
    )
    suv_patient_sigma: float = 0.42
    suv_lesion_sigma: float = 0.50
    sstr_low_patient_share: float = 0.12
    sstr_low_lesion_share: float = 0.4
    fdg_positive_patient_share: float = 0.35
    fdg_avid_lesion_share: float = 0.7
    fdg_suv_median: float = 5.0
    fdg_suv_sigma: float = 0.5
    quiet_suv_median: float = 1.3
    quiet_suv_sigma: float = 0.25


def draw_net_lesions(
    rng: np.random.Generator, body: Body, settings: LesionSettings, z_range_mm: tuple[float, float]
) -> tuple[Focus, ...]:
    """All lesions of one NET patient with centres in z_range_mm of the reference body; none for a negative patient."""
    if rng.random() < settings.negative_share:
        return ()
    chance = settings.extra_size / (settings.extra_size + settings.extra_mean)
    count = min(settings.max_count, 1 + int(rng.negative_binomial(settings.extra_size, chance)))
    deviate, low_clone = float(rng.normal()), bool(rng.random() < settings.sstr_low_patient_share)
    fdg_positive = bool(rng.random() < settings.fdg_positive_patient_share) or low_clone
    gap = -settings.diameter_median_mm if rng.random() < settings.confluent_share else settings.gap_mm
    names = list(settings.site_shares)
    tilted = np.array(list(settings.site_shares.values())) * rng.gamma(settings.site_concentration, size=len(names))
    sites = [names[n] for n in rng.choice(len(names), size=count, p=tilted / tilted.sum())]
    kinds = ["metastasis"] * count
    if rng.random() < settings.primary_share:
        sites[0], kinds[0] = chosen(rng, settings.primary_sites), "primary"
    placed: list[Focus] = []
    hosts = {site: _net_hosts(body, site) for site in {*sites}}
    for kind, site in zip(kinds, sites, strict=True):
        diameter = lognormal(rng, settings.diameter_median_mm, settings.diameter_sigma)
        diameter = min(max(diameter, settings.diameter_min_mm), settings.diameter_max_mm)
        shape = draw_shape_of_lesion(
            rng, axis_ratio_min=settings.axis_ratio_min, lobulated_share=settings.lobulated_share
        )
        suv = _net_suv(rng, site, deviate, low_clone, fdg_positive, settings)
        necrotic, ratio = rng.random() < settings.necrotic_share, float(rng.uniform(*settings.core_ratio))
        spot = place(
            rng,
            hosts[site],
            diameter,
            placed,
            gap if site == "liver" else settings.gap_mm,
            z_range_mm,
            settings.placement_tries,
        )
        if spot is not None:
            host, diameter = spot.host, spot.diameter_mm
            core = ratio if necrotic and diameter >= settings.necrotic_min_diameter_mm else 1.0
            volume = sphere_volume_ml(diameter)
            placed.append(
                Focus(len(placed) + 1, kind, site, host.region, host.segment, spot.centre_mm, volume, shape, suv, core)
            )
    return tuple(placed)


def _net_hosts(body: Body, site: str) -> list[Host]:
    """The places a lesion of this site may lie in; never empty."""
    if site == "liver":
        return [Host("liver", p.segment, p.solid, 0.75, 110.0) for p in body.parts_of(organ="liver", tissue="liver")]
    if site == "node":
        return station_hosts(body, tuple(NODE_WEIGHTS))
    if site == "peritoneum":
        return station_hosts(body, PERITONEAL)
    if site == "bone":
        spine = tuple({p.organ for p in body.parts_of(tissue="bone_marrow")})
        return bone_hosts(body, tuple(sorted(spine)))
    if site == "lung":
        return [Host(p.organ, p.segment, p.solid, 1.0, 40.0) for p in body.parts if p.tissue == "lung"]
    if site == "pancreas":
        return [Host("pancreas", p.segment, p.solid, 0.3, 60.0) for p in body.parts_of(organ="pancreas")]
    if site == "small_bowel":
        return [Host("small_bowel", p.segment, p.solid, 0.1, 30.0) for p in body.parts_of(tissue="ileum")]
    return [
        Host(p.organ, p.segment, p.solid, 0.2, 40.0)
        for p in body.parts
        if p.organ in ("stomach", "duodenum", "colon") and p.tissue in ("stomach_wall", "duodenum", "colon")
    ]


def _net_suv(
    rng: np.random.Generator, site: str, deviate: float, low_clone: bool, fdg_positive: bool, s: LesionSettings
) -> dict[str, float]:
    """True SUV by channel. A lesion low in SSTR (a dedifferentiated clone) is always FDG-avid."""
    own, fdg_deviate, quiet = (float(z) for z in rng.normal(size=3))
    chances = rng.random(2)
    is_low = low_clone and chances[0] < s.sstr_low_lesion_share
    is_fdg = is_low or (fdg_positive and chances[1] < s.fdg_avid_lesion_share)
    low = Lognormal(s.quiet_suv_median, s.quiet_suv_sigma).at(quiet)
    high = s.suv_medians[site] * math.exp(s.suv_patient_sigma * deviate + s.suv_lesion_sigma * own)
    return {
        SSTR: low if is_low else high,
        FDG: Lognormal(s.fdg_suv_median, s.fdg_suv_sigma).at(fdg_deviate) if is_fdg else low,
    }
