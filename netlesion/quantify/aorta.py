"""The descending aorta on a CT, without an organ map: a round vessel between spine and left lung, slice after slice.

Takes the geometry of a PET and the CT that covers it; returns the vessel's middle in each slice where it was found.
Works on air, lung, soft tissue and bone alone, with contrast medium or without. All numbers are project choices [P].
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from netlesion.image.geometry import Geometry
from netlesion.quantify.anatomy import AnatomicalImage
from netlesion.quantify.reference_region import Cells

#: How finely the lungs are looked for.
COARSE_MM = 8.0
LUNG_HU, SOFT_HU, BONE_HU = -500.0, -25.0, 180.0
LUNGS_LEAST_ML = 300.0
#: The part of the lungs' height, from their base, where the aorta descends beside the spine.
LEVELS = (0.15, 0.6)
#: Around the middle of the vertebra: what is bone, and where the vessel's middle may lie (to the right, to the front).
SPINE_MM, BODY_MM = 45.0, 17.0
WINDOW_X_MM, WINDOW_Y_MM = (-50.0, -6.0), (-12.0, 45.0)
RADIUS_MM = (7.0, 20.0)
#: A slice's middle may lie so far from the median of its neighbours.
JUMP_MM, LEAST_SLICES = 7.0, 4


def descending_aorta_mm(geometry: Geometry, ct: AnatomicalImage) -> np.ndarray | None:
    """(N, 3) RAS+ mm of the aorta's middle in axial slices of a PET of this geometry; None where it was not found."""
    coarse = Cells.of_whole(geometry, COARSE_MM)
    coarse_lungs = _lungs(_hu(coarse, ct), coarse)
    if coarse_lungs is None:
        return None
    corners = coarse.to_world(np.argwhere(coarse_lungs))
    cells = Cells.between(geometry, corners.min(axis=0), corners.max(axis=0), COARSE_MM)
    hu, points = _hu(cells, ct), cells.points_mm()
    x, y, z = (points[:, a].reshape(cells.shape) for a in range(3))
    voxels = np.rint(geometry.to_index(points)).astype(int)
    lungs = coarse.holds(coarse_lungs, voxels).reshape(cells.shape)
    upright = cells.geometry.nearest_ras()[0][2]
    low, high = float(np.quantile(z[lungs], 0.01)), float(np.quantile(z[lungs], 0.99))
    middle_x = float(np.median(x[lungs]))
    found = []
    for k in range(cells.shape[upright]):
        part = tuple(k if a == upright else slice(None) for a in range(3))
        height = (float(z[part].mean()) - low) / max(high - low, 1.0)
        if LEVELS[0] <= height <= LEVELS[1] and lungs[part].any():
            plane = [a for a in range(3) if a != upright]
            at = _in_slice(hu[part], x[part], y[part], middle_x, lungs[part], cells.spacing_mm[plane])
            if at is not None:
                found.append((*at, float(z[part].mean())))
    return _smooth(np.array(found)) if len(found) >= LEAST_SLICES else None


def _hu(cells: Cells, ct: AnatomicalImage) -> np.ndarray:
    """(i, j, k) CT number at each cell, -1000 outside the CT."""
    index = ct.volume.geometry.to_index(ct.places(cells.points_mm()))
    values = ndimage.map_coordinates(ct.volume.array, index.T, np.float32, order=1, cval=-1000.0)
    return values.reshape(cells.shape)


def _lungs(hu: np.ndarray, cells: Cells) -> np.ndarray | None:
    """(i, j, k) bool: the largest air inside the body; the body's own air, for what surrounds it touches the edges."""
    pieces, count = ndimage.label(hu < LUNG_HU)
    if count == 0:
        return None
    upright = cells.geometry.nearest_ras()[0][2]
    edge = np.zeros(hu.shape, dtype=bool)
    for axis in (a for a in range(3) if a != upright):
        for end in (0, -1):
            edge[tuple(end if a == axis else slice(None) for a in range(3))] = True
    sizes = np.bincount(pieces.ravel()).astype(float)
    sizes[0] = 0
    sizes[np.unique(pieces[edge])] = 0
    large = np.flatnonzero(sizes * cells.cell_ml >= LUNGS_LEAST_ML)
    return np.isin(pieces, large) if len(large) else None


def _in_slice(
    hu: np.ndarray, x: np.ndarray, y: np.ndarray, middle_x: float, lungs: np.ndarray, spacing_mm: np.ndarray
) -> tuple[float, float] | None:
    """x and y of the vessel's middle in an axial slice: about the cell of the window deepest in soft tissue."""
    x = x - middle_x
    behind = y < float(np.quantile(y[lungs], 0.6))
    bone = (hu > BONE_HU) & (np.abs(x) < SPINE_MM) & behind & (y > float(y[lungs].min()) - 20.0)
    if bone.sum() < 10:
        return None
    spine_x, spine_y = float(np.median(x[bone])), float(np.quantile(y[bone], 0.7))
    vertebra = np.hypot(x - spine_x, y - spine_y) < BODY_MM
    soft = (hu > SOFT_HU) & ~vertebra
    depth = ndimage.distance_transform_edt(soft, sampling=spacing_mm)
    window = (
        (x - spine_x >= WINDOW_X_MM[0])
        & (x - spine_x <= WINDOW_X_MM[1])
        & (y - spine_y >= WINDOW_Y_MM[0])
        & (y - spine_y <= WINDOW_Y_MM[1])
    )
    inside = np.where(window, depth, 0.0)
    at = np.unravel_index(int(inside.argmax()), inside.shape)
    if not RADIUS_MM[0] <= inside[at] <= RADIUS_MM[1]:
        return None
    near = (np.hypot(x - x[at], y - y[at]) < RADIUS_MM[0]) & (inside >= 0.7 * inside[at])
    weights = inside[near]
    return middle_x + float(np.average(x[near], weights=weights)), float(np.average(y[near], weights=weights))


def _smooth(middles_N3: np.ndarray) -> np.ndarray | None:
    """The middles that lie on a way with the median of their neighbours."""
    middles = middles_N3[np.argsort(middles_N3[:, 2])]
    running = ndimage.median_filter(middles, (7, 1), mode="mirror")
    kept = middles[np.linalg.norm((middles - running)[:, :2], axis=1) <= JUMP_MM]
    return kept if len(kept) >= LEAST_SLICES else None
