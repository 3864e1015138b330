"""Where the patient is on a working grid: the box that inference needs to compute.

Every channel has its say, on a grid of about 8 mm: what any of them shows as body counts, but for specks. A box rather
than a mask, generous rather than tight: what lies outside is never looked at.
"""

from __future__ import annotations

import numpy as np

from netlesion.image.volume import Quantity, Volume
from netlesion.preprocess.harmonise import Harmonised

#: Body against air, in means over COARSE_MM [P]: CT number; SUV; fraction of the 99th percentile of an MR.
BODY_HU, BODY_SUV, BODY_MR_SHARE = -500.0, 0.2, 0.08
COARSE_MM = 8.0
#: A piece smaller than this fraction of the largest is noise or a table's edge [P].
SPECK_SHARE = 0.01
#: Added on every side [P].
MARGIN_MM = 8.0


def body_box(grid: Harmonised) -> tuple[tuple[int, int, int], tuple[int, int, int]] | None:
    """(low, high) with low <= index < high along each axis, or None where no channel shows a body."""
    import cc3d

    step = [max(1, round(COARSE_MM / s)) for s in grid.geometry.spacing_mm]
    inside = np.zeros([-(-n // s) for n, s in zip(grid.geometry.shape, step, strict=True)], dtype=bool)
    for volume in grid.volumes.values():
        inside |= _shows_body(volume, step)
    pieces, count = cc3d.connected_components(inside, connectivity=26, return_N=True)
    if count == 0:
        return None
    sizes = np.bincount(pieces.ravel())
    sizes[0] = 0
    patient = (sizes >= SPECK_SHARE * sizes.max())[pieces] & inside
    low, high = [], []
    for axis, (s, n, mm) in enumerate(zip(step, grid.geometry.shape, grid.geometry.spacing_mm, strict=True)):
        at = np.flatnonzero(patient.any(axis=tuple(a for a in range(3) if a != axis)))
        margin = int(np.ceil(MARGIN_MM / mm))
        low.append(max(0, int(at[0]) * s - margin))
        high.append(min(n, (int(at[-1]) + 1) * s + margin))
    return tuple(low), tuple(high)


def _shows_body(volume: Volume, step: list[int]) -> np.ndarray:
    coarse = block_means(volume.array, step)
    if volume.quantity is Quantity.HU:
        return coarse > BODY_HU
    if volume.quantity is Quantity.MR:
        return coarse > BODY_MR_SHARE * max(float(np.percentile(coarse, 99)), 1e-6)
    return coarse > BODY_SUV


def block_means(array: np.ndarray, step: list[int]) -> np.ndarray:
    """Means over blocks of `step` voxels, the last of an axis over what is left."""
    coarse = array
    for axis, s in enumerate(step):
        along = np.moveaxis(coarse, axis, 0)
        total = along[::s].copy(order="K")
        for offset in range(1, s):
            later = along[offset::s]
            total[: len(later)] += later
        total /= np.diff([*range(0, len(along), s), len(along)]).astype(np.float32)[:, None, None]
        coarse = np.moveaxis(total, 0, axis)
    return coarse
