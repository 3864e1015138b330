"""Which foci a patient has: NET primaries and metastases, a TIO culprit, and the false friends beside them.

Takes a random generator, a Body and settings; returns frozen tuples of Focus in the body's reference frame. Numbers,
sites, sizes and uptake follow clinical.md 7.3 (NET) and 6.1-6.2 (TIO), all [P]. A focus is dealt a site, then a host
(an organ's part or a station) and a centre in it; one that finds no place in `placement_tries` is not a focus of this
patient. Its SUVs are true ones, before any blur. Knows nothing about grids, images or postures.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from netlesion.phantom.biodistribution import FDG, SSTR, Lognormal
from netlesion.phantom.lesion_shape import LesionShape, draw_shape_of_lesion, sphere_diameter_mm, sphere_volume_ml
from netlesion.phantom.solids import pieces

if TYPE_CHECKING:
    from netlesion.phantom.body.parts import Body
    from netlesion.phantom.solids import Point, Solid

LESION_KINDS = ("primary", "metastasis")
MIMIC_KINDS = ("fracture", "degenerative", "inflamed_node", "brown_fat", "uncinate")
#: Node-bearing stations of NET with their weight; peritoneal ones.
NODE_WEIGHTS: Mapping[str, float] = {
    "mesenteric": 0.34, "retroperitoneal": 0.26, "hilar_hepatic": 0.10, "coeliac": 0.06, "mediastinal": 0.08,
    "supraclavicular_left": 0.05, "iliac_left": 0.04, "iliac_right": 0.04, "axillary_left": 0.015,
    "inguinal_right": 0.015,
}  # fmt: skip
PERITONEAL = ("mesentery_root", "omentum", "paracolic_left", "paracolic_right", "pelvic_peritoneum", "liver_capsule")
#: CT number of a focus by site, and how bright on T2 and in diffusion (relative water signal, T2 ms, ADC).
HU_OF_SITE: Mapping[str, float] = {
    "liver": 78.0, "node": 60.0, "bone": 420.0, "pancreas": 135.0, "small_bowel": 110.0, "peritoneum": 55.0,
    "lung": 35.0, "other": 60.0, "soft_tissue": 60.0,
}  # fmt: skip
#: TIO: share of sites, and the organs (bone) or segments (soft tissue) behind each.
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
    primary_sites: Mapping[str, float] = None  # type: ignore[assignment]
    site_shares: Mapping[str, float] = None  # type: ignore[assignment]
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
    suv_medians: Mapping[str, float] = None  # type: ignore[assignment]
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

    def __post_init__(self) -> None:
        defaults = {
            "primary_sites": {"pancreas": 0.5, "small_bowel": 0.4, "other": 0.1},
            "site_shares": {"liver": 0.54, "node": 0.24, "bone": 0.14, "peritoneum": 0.055, "lung": 0.025},
            "suv_medians": {"liver": 23, "node": 10, "bone": 12, "pancreas": 20, "small_bowel": 12, "peritoneum": 10,
                            "lung": 8, "other": 12},
        }  # fmt: skip
        for name, value in defaults.items():
            if getattr(self, name) is None:
                object.__setattr__(self, name, value)


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
    mean_fractures: float = 3.0


@dataclass(frozen=True)
class MimicSettings:
    """False friends of both tracers, mean numbers or shares of patients, all [P]."""

    mean_degenerative: float = 2.0
    inflamed_node_share: float = 0.2
    brown_fat_share: float = 0.06
    uncinate_share: float = 0.3


@dataclass(frozen=True)
class Focus:
    """One lesion or mimic. suv: true SUV by channel, of the rim when there is a core (core_ratio below 1).

    site: liver, node, bone, ...; region: the organ's or station's name; centre_mm in the body's reference frame.
    A lesion's id is unique within the patient and stays with it at every time point.
    """

    lesion_id: int
    kind: str
    site: str
    region: str
    segment: str
    centre_mm: Point
    volume_ml: float
    shape: LesionShape
    suv: Mapping[str, float]
    core_ratio: float = 1.0

    @property
    def solid(self) -> Solid:
        return self.shape.solid(self.centre_mm, self.volume_ml)

    @property
    def core(self) -> Solid | None:
        return None if self.core_ratio == 1.0 else self.shape.core(self.centre_mm, self.volume_ml)

    @property
    def diameter_mm(self) -> float:
        return sphere_diameter_mm(self.volume_ml)

    def mean_suv(self, channel: str) -> float:
        """True mean over the lesion; a necrotic core is an eighth of the volume."""
        return self.suv[channel] * (1.0 + (self.core_ratio - 1.0) / 8.0)


@dataclass(frozen=True)
class Host:
    """Where a focus may lie: its centre inside `solid`, depth_share of its radius deep (less in thin solids).

    weight: how often it is tried; None: by the volume of its box.
    """

    region: str
    segment: str
    solid: Solid
    depth_share: float
    largest_mm: float
    weight: float | None = None


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
        sites[0], kinds[0] = _chosen(rng, settings.primary_sites), "primary"
    placed: list[Focus] = []
    hosts = {site: _net_hosts(body, site) for site in {*sites}}
    for kind, site in zip(kinds, sites, strict=True):
        diameter = _lognormal(rng, settings.diameter_median_mm, settings.diameter_sigma)
        diameter = min(max(diameter, settings.diameter_min_mm), settings.diameter_max_mm)
        shape = draw_shape_of_lesion(
            rng, axis_ratio_min=settings.axis_ratio_min, lobulated_share=settings.lobulated_share
        )
        suv = _net_suv(rng, site, deviate, low_clone, fdg_positive, settings)
        necrotic, ratio = rng.random() < settings.necrotic_share, float(rng.uniform(*settings.core_ratio))
        spot = _place(
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


def draw_tio_culprit(rng: np.random.Generator, body: Body, settings: TioSettings) -> tuple[Focus, ...]:
    """At most one culprit, anywhere from skull to toe; its kind is `primary`."""
    present = rng.random() >= settings.no_tumour_share
    name = _chosen(rng, {site: row[0] for site, row in TIO_SITES.items()})
    in_bone = rng.random() < settings.bone_share
    diameter = _lognormal(rng, settings.diameter_median_mm, settings.diameter_sigma)
    diameter = min(max(diameter, settings.diameter_min_mm), settings.diameter_max_mm)
    shape = draw_shape_of_lesion(rng, axis_ratio_min=0.6, lobulated_share=0.5)
    sstr = float(np.clip(_lognormal(rng, settings.suv_median, settings.suv_sigma), *settings.suv_range))
    fdg = _lognormal(rng, settings.fdg_suv_median, settings.fdg_suv_sigma)
    hosts = _bone_hosts(body, TIO_SITES[name][1]) if in_bone else _soft_hosts(body, TIO_SITES[name][2])
    spot = _place(rng, hosts, diameter, [], 0.0, (-1e4, 1e4), 40)
    if not present or spot is None:
        return ()
    site, host = "bone" if in_bone else "soft_tissue", spot.host
    volume, suv = sphere_volume_ml(spot.diameter_mm), {SSTR: sstr, FDG: fdg}
    return (Focus(1, "primary", site, host.region, host.segment, spot.centre_mm, volume, shape, suv),)


def draw_mimics(
    rng: np.random.Generator, body: Body, settings: MimicSettings, mean_fractures: float
) -> tuple[Focus, ...]:
    """What a reader may take for a lesion: fractures, Looser zones, degenerative joints, nodes, brown fat, uncinate."""
    found: list[Focus] = []

    def add(kind: str, hosts: list[Host], diameter: float, sstr: float, fdg: float, flat: float = 0.6) -> None:
        shape = draw_shape_of_lesion(rng, axis_ratio_min=flat, lobulated_share=0.3)
        spot = _place(rng, hosts, diameter, found, 2.0, (-1e4, 1e4), 6)
        if spot is not None:
            host, volume = spot.host, sphere_volume_ml(spot.diameter_mm)
            site = "node" if kind == "inflamed_node" else "bone" if kind in ("fracture", "degenerative") else "other"
            suv = {SSTR: sstr, FDG: fdg}
            found.append(Focus(0, kind, site, host.region, host.segment, spot.centre_mm, volume, shape, suv))

    fragile = (
        "rib_left_6", "rib_right_7", "rib_left_8", "rib_right_4", "hip_left", "hip_right", "scapula_left",
        "femur_left", "femur_right", "metatarsal_left", "metatarsal_right", "sacrum",
    )  # fmt: skip
    for _ in range(int(rng.poisson(mean_fractures))):
        organ = fragile[int(rng.integers(len(fragile)))]
        add(
            "fracture",
            _bone_hosts(body, (organ,)),
            float(rng.uniform(7, 14)),
            float(rng.uniform(2, 5)),
            float(rng.uniform(1.5, 3.5)),
            0.4,
        )
    levels = ("vertebrae_L4", "vertebrae_L5", "vertebrae_C6", "vertebrae_T11", "humerus_left", "humerus_right")
    for _ in range(int(rng.poisson(settings.mean_degenerative))):
        organ = levels[int(rng.integers(len(levels)))]
        add(
            "degenerative",
            _bone_hosts(body, (organ,)),
            float(rng.uniform(6, 12)),
            float(rng.uniform(1.5, 3.0)),
            float(rng.uniform(1.8, 3.5)),
        )
    inflamed = rng.random() < settings.inflamed_node_share
    for n in range(2):
        name = ("hilar_pulmonary_right", "axillary_left", "cervical_left", "inguinal_right")[int(rng.integers(4))]
        if inflamed and (n == 0 or rng.random() < 0.5):
            add(
                "inflamed_node",
                _station_hosts(body, (name,)),
                float(rng.uniform(7, 13)),
                float(rng.uniform(1.5, 3.0)),
                float(rng.uniform(3, 6)),
            )
    if rng.random() < settings.brown_fat_share:
        strong = float(rng.uniform(3, 10))
        for name in ("supraclavicular_left", "supraclavicular_right", "cervical_left", "cervical_right"):
            add("brown_fat", _station_hosts(body, (name,)), float(rng.uniform(12, 22)), 0.5, strong)
    if rng.random() < settings.uncinate_share:
        heads = [Host("pancreas", p.segment, p.solid, 0.5, 22.0) for p in body.parts_of(tissue="pancreas_head")]
        add("uncinate", heads, float(rng.uniform(12, 20)), float(rng.uniform(4.5, 9.0)), 1.4)
    return tuple(found)


def sstr_burden_ml(foci: tuple[Focus, ...], least_suv: float = 4.0) -> float:
    """Volume of all lesions that bind the SSTR tracer, for the sink effect; 0.0 without any."""
    return sum((f.volume_ml for f in foci if f.kind in LESION_KINDS and f.suv[SSTR] > least_suv), 0.0)


def with_ids_from(foci: tuple[Focus, ...], first: int) -> tuple[Focus, ...]:
    """The same foci numbered first, first + 1, ..."""
    return tuple(replace(f, lesion_id=first + n) for n, f in enumerate(foci))


def _net_hosts(body: Body, site: str) -> list[Host]:
    """The places a lesion of this site may lie in; never empty."""
    if site == "liver":
        return [Host("liver", p.segment, p.solid, 0.75, 110.0) for p in body.parts_of(organ="liver", tissue="liver")]
    if site == "node":
        return _station_hosts(body, tuple(NODE_WEIGHTS))
    if site == "peritoneum":
        return _station_hosts(body, PERITONEAL)
    if site == "bone":
        spine = tuple({p.organ for p in body.parts_of(tissue="bone_marrow")})
        return _bone_hosts(body, tuple(sorted(spine)))
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


def _bone_hosts(body: Body, organs: tuple[str, ...]) -> list[Host]:
    """Marrow of these bones, or the bone itself where it has none of its own."""
    hosts = []
    for organ in organs:
        parts = [p for p in body.parts if p.organ == organ]
        marrow = [p for p in parts if p.tissue in ("bone_marrow", "yellow_marrow")] or parts
        hosts += [Host(organ, p.segment, p.solid, 0.35, 45.0) for p in marrow]
    return hosts


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


def _station_hosts(body: Body, names: tuple[str, ...]) -> list[Host]:
    return [
        Host(s.name, s.segment, s.solid, 0.0, 40.0, NODE_WEIGHTS.get(s.name, 0.1))
        for s in body.stations
        if s.name in names
    ]


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


@dataclass(frozen=True)
class _Spot:
    """Where a focus found room, and how large it may be there."""

    host: Host
    centre_mm: Point
    diameter_mm: float


def _place(
    rng: np.random.Generator,
    hosts: list[Host],
    diameter_mm: float,
    others: list[Focus],
    gap_mm: float,
    z_range_mm: tuple[float, float],
    tries: int,
) -> _Spot | None:
    """A centre in one of the hosts, gap_mm clear of the others; None when no try found room. Draws vary with tries."""
    if not hosts:
        return None
    places = [_Piece.of(host, solid) for host in hosts for solid in pieces(host.solid)]
    weights = np.array([p.weight for p in places])
    for _ in range(tries):
        piece = places[int(rng.choice(len(places), p=weights / weights.sum()))]
        size = min(diameter_mm, piece.host.largest_mm)
        points = rng.uniform(piece.low, piece.high, (64, 3))
        depth = piece.solid.distance(*points.T.astype(np.float32))
        fits = depth < -min(piece.host.depth_share * size / 2.0, 0.35 * float((piece.high - piece.low).min()))
        fits &= (points[:, 2] > z_range_mm[0]) & (points[:, 2] < z_range_mm[1])
        for other in others:
            if other.segment == piece.host.segment:
                apart = np.linalg.norm(points - other.centre_mm, axis=1)
                fits &= apart >= 0.5 * (size + other.diameter_mm) + gap_mm
        if fits.any():
            return _Spot(piece.host, tuple(points[int(np.argmax(fits))].tolist()), size)
    return None


@dataclass(frozen=True)
class _Piece:
    """One solid of a host, its box, and how often it is tried (by its box's volume)."""

    host: Host
    solid: Solid
    low: np.ndarray
    high: np.ndarray
    weight: float

    @classmethod
    def of(cls, host: Host, solid: Solid) -> _Piece:
        low, high = solid.bounds_mm()
        return cls(host, solid, low, high, max(float(np.prod(high - low)), 1.0) if host.weight is None else host.weight)


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


def _chosen(rng: np.random.Generator, shares: Mapping[str, float]) -> str:
    weights = np.array(list(shares.values()), dtype=float)
    return list(shares)[int(rng.choice(len(weights), p=weights / weights.sum()))]


def _lognormal(rng: np.random.Generator, median: float, sigma: float) -> float:
    return float(median * np.exp(sigma * rng.normal()))
