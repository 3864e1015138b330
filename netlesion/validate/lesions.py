"""Does each lesion of a mask lie in the body, and take up more than it?

A mask that was flipped, shifted or drawn on another patient puts lesions into air or into cold tissue. Takes a mask
with its PET and the outline on a coarse grid; the outline is widened by one voxel, for skin lesions are lesions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from netlesion.image.geometry import Geometry
from netlesion.image.volume import Volume

#: A lesion with less of itself in the body than this is outside of it [P].
INSIDE_SHARE = 0.5
#: A lesion whose hottest voxel does not reach the body's mean takes up nothing [P].
LEAST_UPTAKE = 1.0


@dataclass(frozen=True)
class LesionPlace:
    """One lesion: its id, volume, share inside the body, and highest SUV."""

    lesion_id: int
    volume_ml: float
    inside_share: float
    suvmax: float


def places(lesions: Volume, suv: Volume, body: np.ndarray, grid: Geometry) -> tuple[LesionPlace, ...]:
    """Every lesion of a label map on the PET's grid; body (I, J, K) bool lies on `grid`. Empty for no lesion."""
    index = np.argwhere(lesions.array)
    if not len(index):
        return ()
    ids = lesions.array[tuple(index.T)]
    at = np.rint(grid.to_index(lesions.geometry.to_world(index))).astype(int)
    near = np.clip(at, 0, np.array(grid.shape) - 1)
    inside = ndimage.binary_dilation(body)[tuple(near.T)] & (np.abs(at - near).max(axis=1) <= 1)
    values = suv.array[tuple(index.T)]
    found = []
    for lesion_id in np.unique(ids).tolist():
        here = ids == lesion_id
        volume_ml = float(here.sum() * lesions.geometry.voxel_volume_ml)
        found.append(LesionPlace(lesion_id, volume_ml, float(inside[here].mean()), float(values[here].max())))
    return tuple(found)
