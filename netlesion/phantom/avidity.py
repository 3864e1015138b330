"""In which tracer a lesion stands out, and how much tracer all of them take from the organs.

Takes lesions with an Anatomy and an Uptake; returns lesions with `avid` filled, or millilitres. True contrast only:
blur and noise may still hide an avid lesion. Pure; knows nothing about grids or images.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from netlesion.phantom.anatomy import parts_at
from netlesion.phantom.lesions import ALL_ROUND, Lesion, LesionPriors
from netlesion.phantom.uptake import CHANNELS, SSTR

if TYPE_CHECKING:
    from netlesion.phantom.anatomy import Anatomy
    from netlesion.phantom.uptake import Uptake

#: Where the surroundings of a lesion are looked up, outside its surface.
SURROUNDINGS_MM = 4.0
#: Lesions below this true SUV take no tracer worth counting away from the organs.
SINK_MIN_SUV = 4.0


def with_avidity(
    lesions: tuple[Lesion, ...], anatomy: Anatomy, uptake: Uptake, priors: LesionPriors
) -> tuple[Lesion, ...]:
    """The lesions with `avid` filled from their true contrast to what surrounds them, SURROUNDINGS_MM outside."""
    if not lesions:
        return ()
    points = np.concatenate([lesion.shape.grown(SURROUNDINGS_MM).at_surface(ALL_ROUND) for lesion in lesions])
    parts = parts_at(anatomy, points)
    avid: list[list[str]] = [[] for _ in lesions]
    for channel in CHANNELS:
        at_points = [0.0 if p is None else uptake.suv[channel][p.tissue] * p.uptake_factor for p in parts]
        around = np.median(np.reshape(at_points, (len(lesions), -1)), axis=1)
        for lesion, seen_in, surroundings in zip(lesions, avid, around.tolist(), strict=True):
            if lesion.suv[channel] >= max(priors.avid_min_suv, priors.avid_min_contrast * surroundings):
                seen_in.append(channel)
    return tuple(replace(lesion, avid=tuple(seen_in)) for lesion, seen_in in zip(lesions, avid, strict=True))


def sstr_burden_ml(lesions: tuple[Lesion, ...]) -> float:
    """Volume of all lesions that bind the SSTR tracer (above SINK_MIN_SUV), for the sink effect; 0.0 without any."""
    return sum((lesion.volume_ml for lesion in lesions if lesion.suv[SSTR] > SINK_MIN_SUV), 0.0)
