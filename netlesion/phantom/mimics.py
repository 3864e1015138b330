"""False friends of both tracers: foci that a reader may take for lesions (clinical.md 6.2, 7.1).

Takes a random generator, a Body and settings; returns Foci of other kinds than lesions, without ids. An accessory
spleen is an organ of the body, not here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from netlesion.phantom.biodistribution import FDG, SSTR
from netlesion.phantom.focus import Focus
from netlesion.phantom.lesion_shape import draw_shape_of_lesion, sphere_volume_ml
from netlesion.phantom.placement import Host, bone_hosts, place, station_hosts

if TYPE_CHECKING:
    import numpy as np

    from netlesion.phantom.body.parts import Body

TRIES = 6


@dataclass(frozen=True)
class MimicSettings:
    """False friends of both tracers, mean numbers or shares of patients, all [P]."""

    mean_fractures: float = 0.3
    mean_degenerative: float = 2.0
    inflamed_node_share: float = 0.2
    brown_fat_share: float = 0.06
    uncinate_share: float = 0.3


def draw_mimics(rng: np.random.Generator, body: Body, settings: MimicSettings) -> tuple[Focus, ...]:
    """What a reader may take for a lesion: fractures, Looser zones, degenerative joints, nodes, brown fat, uncinate."""
    found: list[Focus] = []

    def add(kind: str, hosts: list[Host], diameter: float, sstr: float, fdg: float, flat: float = 0.6) -> None:
        shape = draw_shape_of_lesion(rng, axis_ratio_min=flat, lobulated_share=0.3)
        spot = place(rng, hosts, diameter, found, 2.0, (-1e4, 1e4), TRIES)
        if spot is not None:
            host, volume = spot.host, sphere_volume_ml(spot.diameter_mm)
            site = "node" if kind == "inflamed_node" else "bone" if kind in ("fracture", "degenerative") else "other"
            suv = {SSTR: sstr, FDG: fdg}
            found.append(Focus(0, kind, site, host.region, host.segment, spot.centre_mm, volume, shape, suv))

    fragile = (
        "rib_left_6", "rib_right_7", "rib_left_8", "rib_right_4", "hip_left", "hip_right", "scapula_left",
        "femur_left", "femur_right", "metatarsal_left", "metatarsal_right", "sacrum",
    )  # fmt: skip
    for _ in range(int(rng.poisson(settings.mean_fractures))):
        organ = fragile[int(rng.integers(len(fragile)))]
        add(
            "fracture",
            bone_hosts(body, (organ,)),
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
            bone_hosts(body, (organ,)),
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
                station_hosts(body, (name,)),
                float(rng.uniform(7, 13)),
                float(rng.uniform(1.5, 3.0)),
                float(rng.uniform(3, 6)),
            )
    if rng.random() < settings.brown_fat_share:
        strong = float(rng.uniform(3, 10))
        for name in ("supraclavicular_left", "supraclavicular_right", "cervical_left", "cervical_right"):
            add("brown_fat", station_hosts(body, (name,)), float(rng.uniform(12, 22)), 0.5, strong)
    if rng.random() < settings.uncinate_share:
        heads = [Host("pancreas", p.segment, p.solid, 0.5, 22.0) for p in body.parts_of(tissue="pancreas_head")]
        add("uncinate", heads, float(rng.uniform(12, 20)), float(rng.uniform(4.5, 9.0)), 1.4)
    return tuple(found)
