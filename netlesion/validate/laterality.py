"""On which side the liver lies, from CT by density and from PET by uptake, and how sure that is.

CT: lungs are what is thinner than LUNG_HU inside the body. Around the lower end of the lungs the liver fills the
right upper abdomen, while on the left lie lung base, gas and fat: the volume of soft tissue (SOFT_HU) right and left of
the spine is compared, score = (right - left) / (right + left). PET: of the connected regions that take up clearly more
than the body, not as much as brain, bladder or kidney, the liver is the largest that lies off the midline; score = its
distance from the midline in half body widths. A score above zero says that the liver is where it should be.
Confidence is |score| / SURE, at most 1. A mirrored image, or the rare situs inversus, gives a score below zero; the
images cannot tell the two apart. All thresholds are [P]. World x grows towards the patient's right (geometry).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage

from netlesion.validate.body import Outline

LUNG_HU = -500.0
SOFT_HU = (0.0, 200.0)
BONE_HU = 200.0
#: Less lung than this is no chest, and nothing is concluded.
LEAST_LUNG_ML = 800.0
#: Above and below the lower end of the lungs, mm.
ZONE_MM = (-120.0, 40.0)
#: Uptake of a liver in means of the body: FDG and DOTATATE livers lie between.
LIVER_UPTAKE = (1.6, 12.0)
LEAST_CORE_ML = 60.0
#: Eroded by this many coarse voxels only thick organs are left: liver, brain, a full bladder; no bowel, no kidney.
THICK_VOXELS = 3
#: The score at which one image alone is taken as certain.
SURE_CT = 0.12
SURE_PET = 0.30


@dataclass(frozen=True)
class Side:
    """A score above zero: liver on the right; confidence 0 to 1; uptake: mean of what was taken for the liver (PET)."""

    score: float
    confidence: float
    uptake: float | None = None


def side_by_ct(body: Outline) -> Side | None:
    """From a coarse CT; None where there is no chest, or its lower end is not in the field of view."""
    lung = ndimage.binary_opening((body.values < LUNG_HU) & body.inside)
    voxel_ml = body.geometry.voxel_volume_ml
    if lung.sum() * voxel_ml < LEAST_LUNG_ML:
        return None
    step_mm = body.geometry.spacing_mm[2]
    area_ml = lung.sum(axis=(0, 1)) * voxel_ml
    bottom = int(np.flatnonzero(np.cumsum(area_ml) >= 0.03 * area_ml.sum())[0])
    low, high = (bottom + round(mm / step_mm) for mm in ZONE_MM)
    if low < 0 or high >= len(area_ml):
        return None
    zone = np.zeros(body.inside.shape, dtype=bool)
    zone[:, :, low : high + 1] = True
    x_mm = _x_mm(body)
    bone = zone & body.inside & (body.values > BONE_HU)
    midline = float(np.median(x_mm[bone if bone.sum() > 30 else zone & body.inside]))
    soft = zone & body.inside & (body.values > SOFT_HU[0]) & (body.values < SOFT_HU[1])
    right, left = (soft & (x_mm > midline)).sum(), (soft & (x_mm < midline)).sum()
    return _side((right - left) / max(right + left, 1), SURE_CT)


def side_by_pet(body: Outline) -> Side | None:
    """From a coarse PET; None where no region could be a liver."""
    if not body.inside.any():
        return None
    smooth = ndimage.gaussian_filter(body.values, 1.0) / body.mean
    region = body.inside & (smooth > LIVER_UPTAKE[0]) & (smooth < LIVER_UPTAKE[1])
    labels, count = ndimage.label(ndimage.binary_erosion(region, iterations=THICK_VOXELS))
    volumes_ml = np.bincount(labels.ravel(), minlength=count + 1) * body.geometry.voxel_volume_ml
    x_mm = _x_mm(body)
    best, found = 0.0, None
    for n in range(1, count + 1):
        if volumes_ml[n] < LEAST_CORE_ML:
            continue
        here = labels == n
        slices = here.any(axis=(0, 1))
        trunk = body.inside & slices[None, None, :]
        midline = float(np.median(x_mm[trunk]))
        half = float(np.percentile(np.abs(x_mm[trunk] - midline), 95))
        offset = (float(x_mm[here].mean()) - midline) / max(half, 1.0)
        if volumes_ml[n] * abs(offset) > best:
            best = volumes_ml[n] * abs(offset)
            found = replace(_side(offset, SURE_PET), uptake=float(body.values[here].mean()))
    return found


def _x_mm(body: Outline) -> np.ndarray:
    """World x of every voxel, as a broadcast view."""
    affine, (i, j, k) = body.geometry.affine_ras, np.ogrid[tuple(slice(n) for n in body.inside.shape)]
    return np.broadcast_to(affine[0, 0] * i + affine[0, 1] * j + affine[0, 2] * k + affine[0, 3], body.inside.shape)


def _side(score: float, sure: float) -> Side:
    return Side(float(score), min(1.0, abs(float(score)) / sure))
