"""Which voxels of an image are the patient's trunk: the part that moves as one from scan to scan.

Arms are up in one scan and down in the next, heads turn; a metric over them pulls a trunk out of place. Takes a CT, MR
or PET as Volume, returns a boolean array. The thresholds are choices of this project [P].
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from netlesion.image.volume import Quantity, Volume
from netlesion.preprocess.harmonise import FWHM

#: Body against air [P]: CT number; fraction of the 99th percentile of an MR; SUV of a PET smoothed over 10 mm.
BODY_HU, BODY_MR_SHARE, BODY_SUV = -350.0, 0.08, 0.12
#: An axial slice is trunk when its largest piece is at least this fraction of a large slice (90th percentile) [P].
TRUNK_SHARE = 0.5
#: Lung against soft tissue in CT [P].
LUNG_HU = -450.0
#: Breathing moves what lies within this much of the diaphragm (clinical.md 7.4: decays to 0 over 10 cm).
BREATHING_REACH_MM = 110.0


def body(volume: Volume) -> np.ndarray:
    """bool (I, J, K): the patient, holes filled slice by slice; False everywhere when there is none."""
    array = volume.array
    if volume.quantity is Quantity.HU:
        inside = array > BODY_HU
    elif volume.quantity is Quantity.MR:
        smooth = ndimage.gaussian_filter(array, [4.0 / s for s in volume.geometry.spacing_mm])
        inside = smooth > BODY_MR_SHARE * np.percentile(smooth, 99)
    else:
        smooth = ndimage.gaussian_filter(array, [10.0 / FWHM / s for s in volume.geometry.spacing_mm])
        inside = smooth > BODY_SUV
    reach = [max(1, round(6.0 / s)) for s in volume.geometry.spacing_mm[:2]]
    opened = ndimage.binary_opening(inside, np.ones((*reach, 1), dtype=bool))  # a table top is thin
    return np.stack([ndimage.binary_fill_holes(opened[:, :, k]) for k in range(opened.shape[2])], axis=2)


def trunk(inside: np.ndarray) -> np.ndarray:
    """bool (I, J, K): of a body, what lies from pelvis to shoulders, without arms that lie apart, head and legs.

    Slices are those of the third axis, which must run along the body. Where no slice stands out, the whole body.
    """
    pieces = np.zeros_like(inside)
    for k in range(inside.shape[2]):
        labels, count = ndimage.label(inside[:, :, k])
        if count:
            sizes = np.bincount(labels.ravel())[1:]
            pieces[:, :, k] = labels == 1 + int(sizes.argmax())
    areas = pieces.sum(axis=(0, 1))
    if not areas.any():
        return inside
    wide = areas >= TRUNK_SHARE * np.percentile(areas[areas > 0], 90)
    runs, count = ndimage.label(wide)
    longest = 1 + int(np.bincount(runs)[1:].argmax())
    pieces[:, :, runs != longest] = False
    return pieces


def diaphragm_z_mm(volume: Volume, trunk_IJK: np.ndarray) -> float | None:
    """Height (RAS+ mm) where the lungs give way to the abdomen, or None where no lung shows (a pelvis) or none can
    be told apart (a PET; an MR, in whose Dixon water image fat is as dark as lung).

    Going down from the slice with most air inside the trunk, the last one with at least half as much.
    """
    if volume.quantity is not Quantity.HU:
        return None
    air = volume.array < LUNG_HU
    area = (air & trunk_IJK).sum(axis=(0, 1))
    k = int(area.argmax())
    if area[k] < 0.15 * max(int(trunk_IJK[:, :, k].sum()), 1):
        return None
    while k > 0 and area[k - 1] >= 0.5 * area.max():
        k -= 1
    return float(volume.geometry.to_world(np.array([[0.0, 0.0, k]]))[0, 2])


def without_breathing(trunk_IJK: np.ndarray, z_of_slice_mm: np.ndarray, dome_z_mm: float | None) -> np.ndarray:
    """The trunk beyond the reach of breathing; all of it where less than a fifth would be left."""
    if dome_z_mm is None:
        return trunk_IJK
    still = trunk_IJK & (np.abs(z_of_slice_mm - dome_z_mm) > BREATHING_REACH_MM)[None, None, :]
    return still if still.sum() >= 0.2 * trunk_IJK.sum() else trunk_IJK
