"""Volumes of a lesion by a threshold on its uptake: what other papers report beside the mask (clinical.md 2.4).

The primary volume is the mask's. Relative thresholds are taken of the highest SUV of each basin (`split`), or cold
lesions of confluent disease would vanish. Takes a crop; knows nothing about files.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from netlesion.quantify.box import LesionBox
from netlesion.quantify.split import basins

#: Thresholds [P] (clinical.md 2.4).
FIXED_G_PER_ML = 4.0
RELATIVE_FDG, RELATIVE_SSTR = 0.41, 0.45
#: Share between the background and SUVmax where the adaptive threshold lies.
ADAPTIVE = 0.5
_NEIGHBOURS = ndimage.generate_binary_structure(3, 2)


@dataclass(frozen=True)
class SecondaryVolumes:
    """Volumes in ml. rel45_suvmean: mean SUVbw of that mask. adaptive_ml: None where there is no background."""

    fixed4_ml: float
    rel41_ml: float
    rel45_grown_ml: float
    rel45_suvmean: float
    adaptive_ml: float | None
    num_basins: int


def secondary_volumes(box: LesionBox, background_mean: float | None) -> SecondaryVolumes:
    """The secondary volumes of a lesion; background_mean: SUVbw of its local shell, None where there is none."""
    box, voxel_ml = box.tight(), box.geometry.voxel_volume_ml
    found = basins(box.suv, box.mask, box.geometry.spacing_mm)
    tops = ndimage.maximum(box.suv, found, np.arange(found.max() + 1)) if found.max() > 1 else None
    inside = box.suv[box.mask].astype(np.float64)
    top = np.full(len(inside), inside.max()) if tops is None else np.asarray(tops, np.float64)[found[box.mask]]
    grown = _grown(box, found)
    adaptive = None
    if background_mean is not None:
        above = inside >= ADAPTIVE * (top - background_mean) + background_mean
        adaptive = float(above.sum() * voxel_ml)
    return SecondaryVolumes(
        fixed4_ml=float((inside >= FIXED_G_PER_ML).sum() * voxel_ml),
        rel41_ml=float((inside >= RELATIVE_FDG * top).sum() * voxel_ml),
        rel45_grown_ml=float(grown.sum() * voxel_ml),
        rel45_suvmean=float(box.suv[grown].mean(dtype=np.float64)),
        adaptive_ml=adaptive,
        num_basins=int(found.max()),
    )


def _grown(box: LesionBox, found: np.ndarray) -> np.ndarray:
    """(i, j, k) bool: from each basin's peak over voxels of at least 45 % of it, in the mask grown by one voxel."""
    allowed = ndimage.binary_dilation(box.mask, _NEIGHBOURS) & ((box.labels == 0) | box.mask)
    grown = np.zeros(box.mask.shape, dtype=bool)
    for basin in range(1, int(found.max()) + 1):
        of_basin = found == basin
        suv = np.where(of_basin, box.suv, -np.inf)
        peak = np.unravel_index(int(suv.argmax()), suv.shape)
        others = (found > 0) & ~of_basin
        parts, _ = ndimage.label(allowed & ~others & (box.suv >= RELATIVE_SSTR * box.suv[peak]), _NEIGHBOURS)
        grown |= parts == parts[peak]
    return grown
