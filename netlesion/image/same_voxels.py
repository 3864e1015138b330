"""Arrays on the same voxels under another order of axes: what another converter or program makes of one image.

Axes are permuted and reversed, nothing is interpolated. Knows nothing about values or files.
"""

from __future__ import annotations

import numpy as np

from netlesion.errors import GeometryError
from netlesion.image.geometry import Geometry


def alignment(own: Geometry, grid: Geometry) -> tuple[list[int], list[bool]] | None:
    """Which axis of `own` each axis of `grid` is, and whether it runs backwards; None where they are other voxels."""
    whole = np.rint(own.index_from(grid)[:3, :3])
    if not (np.abs(whole).sum(axis=0) == 1).all() or not (np.abs(whole).sum(axis=1) == 1).all():
        return None
    axes = [int(np.abs(whole[:, n]).argmax()) for n in range(3)]
    flips = [bool(whole[axes[n], n] < 0) for n in range(3)]
    affine = own.affine_ras[:, [*axes, 3]].copy()
    i, j, k = (own.shape[a] for a in axes)
    for n, size in enumerate((i, j, k)):
        if flips[n]:
            affine[:3, 3] += affine[:3, n] * (size - 1)
            affine[:3, n] *= -1
    return (axes, flips) if Geometry(affine, (i, j, k)).same_grid(grid) else None


def on_same_voxels(array_IJK: np.ndarray, own: Geometry, grid: Geometry) -> np.ndarray:
    """An array on `own` in the order of axes of `grid`; raises GeometryError where they are other voxels."""
    found = alignment(own, grid)
    if found is None:
        raise GeometryError(f"voxels on {own.describe()} are not those of {grid.describe()}")
    axes, flips = found
    return array_IJK.transpose(axes)[tuple(slice(None, None, -1 if back else 1) for back in flips)]
