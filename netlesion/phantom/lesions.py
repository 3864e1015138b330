"""Which lesions a patient has: how many, where, how large, and how avid in each tracer.

Takes a random generator, an Anatomy and LesionPriors; returns a frozen tuple of Lesion. Priors follow clinical.md
7.3 [P], reduced to primaries of pancreas and small bowel and to metastases of liver, nodes and bone. A lesion
lies inside the organ shape it was dealt (a node: its centre inside a station) and keeps a gap to the others; one
that finds no place in `placement_tries` is not a lesion of this patient, so crowded livers hold fewer than drawn.
Knows nothing about grids or images.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from netlesion.phantom.superellipsoid import Superellipsoid
from netlesion.phantom.uptake import FDG, SSTR, Lognormal

if TYPE_CHECKING:
    from netlesion.phantom.anatomy import Anatomy

#: Tissues that may host a lesion, by region; nodes lie in the anatomy's stations instead.
HOST_TISSUES: Mapping[str, tuple[str, ...]] = {
    "liver": ("liver",),
    "bone": ("bone_marrow",),
    "pancreas": ("pancreas_head", "pancreas_body"),
    "small_bowel": ("duodenum", "jejunum", "ileum"),
}
#: HU that a lesion has on CT, by region [P]: liver metastases faintly dark, bone metastases sclerotic.
HU_OF_LESION: Mapping[str, float] = {
    "liver": 42.0, "node": 45.0, "bone": 420.0, "pancreas": 62.0, "small_bowel": 55.0,
}  # fmt: skip
#: A lesion's longest semi-axis is at most this share of its host's smallest.
LARGEST_SHARE_OF_HOST = 0.85
#: 26 unit vectors, towards the faces, edges and corners of a cube.
ALL_ROUND = np.array([v for v in product((-1.0, 0.0, 1.0), repeat=3) if any(v)])
ALL_ROUND /= np.linalg.norm(ALL_ROUND, axis=1, keepdims=True)
ALL_ROUND.setflags(write=False)
#: How far inside its host a lesion's surface stays, in the 26 directions that are tested.
INSIDE_BY_MM = 0.5
#: Node stations are places in loose fat; a node may fill more of one than a lesion may of an organ. Longest axis.
LARGEST_NODE_MM = 32.0


@dataclass(frozen=True)
class LesionPriors:
    """Every knob of the lesion draw. Shares are 0..1, SUVs are true SUVbw before blur, all [P]. A diameter
    is that of the sphere of equal volume.

    Number: none in negative_share of patients, else 1 + negative binomial (extra_mean, extra_size), at most max_count.
    SUV: lognormal by region; the sigma is split into one deviate per patient (grade) and one per lesion.
    Avid: true SUV at least avid_min_suv, and at least avid_min_contrast times the median of the surroundings.
    """

    negative_share: float = 0.22
    extra_mean: float = 8.0
    extra_size: float = 0.5
    max_count: int = 40
    primary_share: float = 0.6
    pancreas_primary_share: float = 0.55
    liver_share: float = 0.58
    node_share: float = 0.26
    bone_share: float = 0.16
    diameter_median_mm: float = 16.0
    diameter_sigma: float = 0.45
    diameter_min_mm: float = 8.0
    diameter_max_mm: float = 60.0
    axis_ratio_min: float = 0.6
    necrotic_share: float = 0.15
    necrotic_min_diameter_mm: float = 25.0
    core_ratio: tuple[float, float] = (0.2, 0.4)
    gap_mm: float = 4.0
    placement_tries: int = 60
    liver_suv_median: float = 23.0
    node_suv_median: float = 10.0
    bone_suv_median: float = 12.0
    pancreas_suv_median: float = 20.0
    small_bowel_suv_median: float = 12.0
    suv_patient_sigma: float = 0.40
    suv_lesion_sigma: float = 0.50
    sstr_low_patient_share: float = 0.12
    sstr_low_lesion_share: float = 0.5
    fdg_positive_patient_share: float = 0.35
    fdg_avid_lesion_share: float = 0.7
    fdg_suv_median: float = 5.0
    fdg_suv_sigma: float = 0.5
    quiet_suv_median: float = 1.2
    quiet_suv_sigma: float = 0.25
    avid_min_contrast: float = 1.8
    avid_min_suv: float = 2.0


@dataclass(frozen=True)
class Lesion:
    """One lesion: an ellipsoid, perhaps with a necrotic core, its true SUV by channel and where it can be seen.

    core_ratio: the core's SUV as a share of the rim's; 1.0 without necrosis. avid: channels with true contrast.
    """

    lesion_id: int
    kind: str
    region: str
    shape: Superellipsoid
    suv: Mapping[str, float]
    core_ratio: float = 1.0
    avid: tuple[str, ...] = ()

    @property
    def core(self) -> Superellipsoid:
        """The inner half (in each semi-axis) that is necrotic when core_ratio is below 1."""
        return replace(self.shape, semi_axes_mm=tuple(a / 2.0 for a in self.shape.semi_axes_mm))

    @property
    def volume_ml(self) -> float:
        return self.shape.volume_ml


@dataclass(frozen=True)
class _Patient:
    """What all lesions of one patient share."""

    sstr_deviate: float
    has_sstr_low_clone: bool
    is_fdg_positive: bool


def draw_lesions(
    rng: np.random.Generator, anatomy: Anatomy, priors: LesionPriors, z_range_mm: tuple[float, float]
) -> tuple[Lesion, ...]:
    """All lesions of one patient with centres in z_range_mm, ids from 1; none for a negative patient.

    `avid` is still empty, see `avidity.with_avidity`.
    """
    if rng.random() < priors.negative_share:
        return ()
    chance = priors.extra_size / (priors.extra_size + priors.extra_mean)
    count = min(priors.max_count, 1 + int(rng.negative_binomial(priors.extra_size, chance)))
    low_clone = bool(rng.random() < priors.sstr_low_patient_share)
    patient = _Patient(
        sstr_deviate=float(rng.normal()),
        has_sstr_low_clone=low_clone,
        is_fdg_positive=bool(rng.random() < priors.fdg_positive_patient_share) or low_clone,
    )
    regions = [_draw_primary_region(rng, priors)] if rng.random() < priors.primary_share else []
    kinds = ["primary"] * len(regions) + ["metastasis"] * (count - len(regions))
    regions += [_draw_metastasis_region(rng, priors) for _ in range(count - len(regions))]
    lesions: list[Lesion] = []
    for kind, region in zip(kinds, regions, strict=True):
        others = [lesion.shape for lesion in lesions]
        shape = _draw_place(rng, region, _hosts(anatomy, region), others, z_range_mm, priors)
        suv, core_ratio = _draw_suv(rng, region, patient, priors), _draw_core_ratio(rng, shape, priors)
        if shape is not None:
            lesions.append(Lesion(len(lesions) + 1, kind, region, shape, suv, core_ratio))
    return tuple(lesions)


def _draw_primary_region(rng: np.random.Generator, priors: LesionPriors) -> str:
    return "pancreas" if rng.random() < priors.pancreas_primary_share else "small_bowel"


def _draw_metastasis_region(rng: np.random.Generator, priors: LesionPriors) -> str:
    shares = np.array([priors.liver_share, priors.node_share, priors.bone_share])
    return ("liver", "node", "bone")[int(rng.choice(3, p=shares / shares.sum()))]


def _hosts(anatomy: Anatomy, region: str) -> tuple[Superellipsoid, ...]:
    """The shapes that a lesion of this region may lie in; never empty."""
    return anatomy.node_stations if region == "node" else anatomy.shapes_of(*HOST_TISSUES[region])


def _draw_place(
    rng: np.random.Generator,
    region: str,
    hosts: tuple[Superellipsoid, ...],
    others: list[Superellipsoid],
    z_range_mm: tuple[float, float],
    priors: LesionPriors,
) -> Superellipsoid | None:
    """An ellipsoid inside one host of the region, `gap_mm` clear of the others; None when no try found room."""
    weights = np.array([host.volume_ml for host in hosts])
    drawn = float(np.exp(rng.normal(math.log(priors.diameter_median_mm), priors.diameter_sigma)))
    diameter_mm = float(np.clip(drawn, priors.diameter_min_mm, priors.diameter_max_mm))
    ratios = np.array([1.0, *rng.uniform(priors.axis_ratio_min, 1.0, 2)])
    unit = ratios / np.cbrt(ratios.prod())
    turn_deg = tuple(float(a) for a in rng.uniform(-180.0, 180.0, 3))
    for _ in range(priors.placement_tries):
        host = hosts[int(rng.choice(len(hosts), p=weights / weights.sum()))]
        direction = rng.normal(size=3)
        direction *= rng.random() ** (1.0 / 3.0) / np.linalg.norm(direction)
        largest_mm = LARGEST_NODE_MM / 2.0 if region == "node" else LARGEST_SHARE_OF_HOST * min(host.semi_axes_mm)
        semi_axes = unit * min(diameter_mm / 2.0, largest_mm / unit[0])
        centre = host.grown(0.0 if region == "node" else -semi_axes[0]).at_surface(direction[None])[0]
        shape = Superellipsoid(tuple(centre.tolist()), tuple(semi_axes.tolist()), turn_deg=turn_deg)
        inside = region == "node" or host.contains(shape.grown(INSIDE_BY_MM).at_surface(ALL_ROUND)).all()
        inside &= z_range_mm[0] < centre[2] < z_range_mm[1]
        if inside and _is_clear(shape, others, priors.gap_mm):
            return shape
    return None


def _is_clear(shape: Superellipsoid, others: list[Superellipsoid], gap_mm: float) -> bool:
    """Whether the bounding spheres of the shape and of every other are at least gap_mm apart."""
    return all(
        math.dist(shape.centre_mm, other.centre_mm) >= max(shape.semi_axes_mm) + max(other.semi_axes_mm) + gap_mm
        for other in others
    )


def _draw_suv(rng: np.random.Generator, region: str, patient: _Patient, priors: LesionPriors) -> dict[str, float]:
    """True SUV by channel. A lesion low in SSTR (a dedifferentiated clone) is always FDG-avid."""
    own, fdg_deviate, quiet = (float(z) for z in rng.normal(size=3))
    is_low = patient.has_sstr_low_clone and rng.random() < priors.sstr_low_lesion_share
    is_fdg = is_low or (patient.is_fdg_positive and rng.random() < priors.fdg_avid_lesion_share)
    low = Lognormal(priors.quiet_suv_median, priors.quiet_suv_sigma).at(quiet)
    median = getattr(priors, f"{region}_suv_median")
    spread = priors.suv_patient_sigma * patient.sstr_deviate + priors.suv_lesion_sigma * own
    return {
        SSTR: low if is_low else median * math.exp(spread),
        FDG: Lognormal(priors.fdg_suv_median, priors.fdg_suv_sigma).at(fdg_deviate) if is_fdg else low,
    }


def _draw_core_ratio(rng: np.random.Generator, shape: Superellipsoid | None, priors: LesionPriors) -> float:
    """Below 1 for the few lesions large enough to be necrotic."""
    is_necrotic, ratio = rng.random() < priors.necrotic_share, float(rng.uniform(*priors.core_ratio))
    large = shape is not None and 2.0 * max(shape.semi_axes_mm) >= priors.necrotic_min_diameter_mm
    return ratio if is_necrotic and large else 1.0
