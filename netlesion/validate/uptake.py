"""Is the SUV that of a body and of a liver? A wrong dose, weight, time or unit scales the whole image.

Body mean 0.3-1.2 and the liver's mean within 4 SD are clinical.md 1.5; the liver's ranges are the lognormal
distributions of clinical.md 7.2. Beyond BODY_MEAN_ERROR no patient explains the number. In a crop the mean of what is
seen says little, and only CROP_MEAN is asked.

Activity is conserved: SUV summed over the image, times voxel volume, is the body weight times the share of the injected
activity that the image holds. More than all of it is impossible, however hot a patient is. The weight cancels, so this
finds wrong doses, times and units; the body's mean finds a wrong weight as well. Returns findings' contents.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from netlesion.image.volume import Volume
from netlesion.validate.body import Outline

BODY_MEAN = {"fdg": (0.3, 1.2), "psma": (0.3, 1.6), "sstr": (0.3, 1.6)}
#: [P]: about four times below and three times above. SSTR and PSMA ligands spare the legs, so that a field of view from
#: head to thigh, some 0.62 of the body's mass, may hold all of the activity: 1 / 0.62 = 1.6.
BODY_MEAN_ERROR = (0.08, 4.8)
#: Share of the injected activity in an image of a body; patients and digital patients have 0.38 to 0.75 [P].
ACTIVITY_SHARE = (0.15, 1.0)
CROP_MEAN = (0.05, 20.0)
#: Mean and SD of liver SUVmean by channel (clinical.md 7.2).
LIVER_MOMENTS = {"sstr": (5.0, 1.6), "fdg": (2.2, 0.4)}
LIVER_SDS = 4.0
#: The liver is measured this far inside its surface, and not at all in less than that volume (clinical.md 2.5).
LIVER_MARGIN_MM = 10.0
LEAST_LIVER_ML = 14.0


@dataclass(frozen=True)
class Range:
    """What was measured, between which limits it should be, and whether it is beyond any explanation."""

    value: float
    low: float
    high: float
    impossible: bool = False

    @property
    def ok(self) -> bool:
        return self.low <= self.value <= self.high


def activity_share(suv: Volume, weight_kg: float, body: Outline) -> Range:
    """Share of the injected activity that the image holds; in a crop any share up to 1 will do."""
    total_g = float(suv.array.sum(dtype=np.float64)) * suv.geometry.voxel_volume_ml
    low, high = (0.0, ACTIVITY_SHARE[1]) if body.is_crop else ACTIVITY_SHARE
    share = total_g / (weight_kg * 1000.0)
    return Range(share, low, high, impossible=share > high)


def body_uptake(body: Outline, channel: str) -> Range:
    """Mean SUV within the PET's outline."""
    if body.is_crop:
        low, high = CROP_MEAN
        return Range(body.mean, low, high, impossible=not low <= body.mean <= high)
    low, high = BODY_MEAN[channel]
    return Range(body.mean, low, high, impossible=not BODY_MEAN_ERROR[0] <= body.mean <= BODY_MEAN_ERROR[1])


def liver_range(channel: str) -> tuple[float, float] | None:
    """4 SD of the lognormal liver SUVmean of a tracer channel; None where no source gives one."""
    if channel not in LIVER_MOMENTS:
        return None
    mean, sd = LIVER_MOMENTS[channel]
    sigma = math.sqrt(math.log1p((sd / mean) ** 2))
    mu = math.log(mean) - sigma**2 / 2
    return math.exp(mu - LIVER_SDS * sigma), math.exp(mu + LIVER_SDS * sigma)


def liver_mean(suv: Volume, liver: np.ndarray, lesions: np.ndarray | None) -> float | None:
    """Mean SUV of an organ map's liver, without its rim and lesions; None where less than LEAST_LIVER_ML is left."""
    if not liver.any():
        return None
    box = ndimage.find_objects(liver.astype(np.uint8))[0]
    depth = ndimage.distance_transform_edt(np.pad(liver[box], 1), sampling=suv.geometry.spacing_mm)[1:-1, 1:-1, 1:-1]
    core = depth > LIVER_MARGIN_MM
    if lesions is not None:
        core &= ~ndimage.binary_dilation(lesions[box], iterations=2)
    if core.sum() * suv.geometry.voxel_volume_ml < LEAST_LIVER_ML:
        return None
    return float(suv.array[box][core].mean())
