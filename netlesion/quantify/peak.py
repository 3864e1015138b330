"""SUVpeak: the highest mean of SUV in a 1 ml sphere centred in the lesion (clinical.md 2.3).

IBSI calls it global intensity peak (0F91); the mean around the hottest voxel is the local one (VJGA).
"""

from __future__ import annotations

from typing import Literal

import numpy as np

#: Radius of a sphere of 1 ml, mm.
PEAK_RADIUS_MM = 6.2035
#: IBSI's centre rule counts voxels whose centre lies within this many mm.
IBSI_RADIUS_MM = 6.2
SUBSAMPLES = 5
#: Spheres whose voxels are gathered together.
SPHERES = 1024

Weighting = Literal["fractional", "ibsi_centre"]


def sphere_kernel(spacing_mm: tuple[float, float, float], weighting: Weighting = "fractional") -> np.ndarray:
    """Weights (odd I, J, K) that sum to one: the fraction of each voxel inside the sphere, by 5x5x5 samples.

    "ibsi_centre" gives every voxel whose centre lies within 6.2 mm the same weight.
    """
    spacing = np.asarray(spacing_mm, dtype=np.float64)
    radius = PEAK_RADIUS_MM if weighting == "fractional" else IBSI_RADIUS_MM
    half = np.floor(radius / spacing + 0.5).astype(int)
    samples = (np.arange(SUBSAMPLES) + 0.5) / SUBSAMPLES - 0.5 if weighting == "fractional" else np.zeros(1)
    squares = []
    for axis in range(3):
        centres = np.arange(-half[axis], half[axis] + 1)[:, None] + samples
        squares.append((centres * spacing[axis]) ** 2)
    i, j, k = squares
    distance2 = i[:, None, None, :, None, None] + j[None, :, None, None, :, None] + k[None, None, :, None, None, :]
    kernel = (distance2 <= radius**2).mean(axis=(3, 4, 5))
    return kernel / kernel.sum()


def sphere_means(
    suv: np.ndarray, centres_N3: np.ndarray, kernel: np.ndarray, edge: Literal["repeat", "leave_out"] = "repeat"
) -> np.ndarray:
    """Weighted mean of SUV (I, J, K) around each centre voxel (N, 3).

    Where the sphere leaves the image its edge voxels are repeated (clinical.md 2.3), or left out (IBSI).
    """
    half = np.array(kernel.shape) // 2
    first, last = centres_N3.min(axis=0) - half, centres_N3.max(axis=0) + half
    reach = [np.arange(low, high + 1) for low, high in zip(first, last, strict=True)]
    inside = [np.clip(index, 0, n - 1) for index, n in zip(reach, suv.shape, strict=True)]
    counted = np.ones([len(index) for index in inside])
    if edge == "leave_out":
        i, j, k = (a == b for a, b in zip(reach, inside, strict=True))
        counted *= i[:, None, None] & j[:, None] & k
    around = np.multiply(suv[np.ix_(*inside)], counted, order="C")
    corner = np.asarray(np.ravel_multi_index(tuple((centres_N3 - half - first).T), around.shape))
    offsets, weights = np.ravel_multi_index(np.nonzero(kernel), around.shape), kernel[kernel > 0]
    means = np.empty(len(corner), dtype=np.float64)
    for start in range(0, len(corner), SPHERES):
        at = corner[start : start + SPHERES, None] + offsets
        means[start : start + SPHERES] = (around.take(at) @ weights) / (counted.take(at) @ weights)
    return means


def suv_peak(
    suv: np.ndarray,
    voxels_N3: np.ndarray,
    spacing_mm: tuple[float, float, float],
    weighting: Weighting = "fractional",
    mode: Literal["global", "local"] = "global",
) -> float:
    """SUVpeak of the lesion made of these voxels (N, 3), N at least 1; the sphere may leave the lesion.

    "global" takes the best sphere centred in the lesion, "local" the one on its
    hottest voxel (the best one where several are equally hot, as IBSI does).
    """
    if mode == "local":
        values = suv[tuple(voxels_N3.T)]
        voxels_N3 = voxels_N3[values == values.max()]
    edge = "repeat" if weighting == "fractional" else "leave_out"
    return float(sphere_means(suv, voxels_N3, sphere_kernel(spacing_mm, weighting), edge).max())
