"""Tells left from right, and lung lobes, where a label map names the pair by one label: lungs, kidneys, head glands.

Takes codes (uint8 IJK) on an affine in RAS+ mm and writes the single organs' codes in place of the pairs'. Lungs are
told apart where an opening separates them, else at their middle; lobes by the planes of the built-in body's fissures.
Pure; knows nothing about names' files, tissues or persons.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import binary_erosion, distance_transform_edt, label

from netlesion.phantom.body.labels import LABELS

#: Names of pairs -> a code that no organ has.
PAIR_CODES = {"lungs": 251, "kidneys": 252, "head_glands": 253}
#: Lungs are opened on a grid of about this spacing by so many voxels; a lung holds at least this share of both.
COARSE_MM, EROSIONS, LEAST_SHARE = 4.0, 2, 0.15
#: Fissures over the lungs' heights: oblique through this share of the height, horizontal; normals (y, z).
FISSURE_SHARE, OBLIQUE, HORIZONTAL, HORIZONTAL_Y = 0.54, (0.78, 0.62), (-0.1, 1.0), 40.0
#: Below this length along their axis (parotid above and behind, submandibular below and in front) glands are parotids.
LEAST_GLANDS_MM, GLAND_WAY = 34.0, np.array([0.45, -0.62, 0.64])


def tell_apart(organ_IJK: np.ndarray, affine_ras: np.ndarray) -> None:
    """Writes the codes of single organs over those of PAIR_CODES, in place; a map without pairs is left as it is."""
    lungs = organ_IJK == PAIR_CODES["lungs"]
    middle = None
    if lungs.any():
        middle = _lobes(organ_IJK, lungs, affine_ras)
    for pair in ("kidneys", "head_glands"):
        index = np.nonzero(organ_IJK == PAIR_CODES[pair])
        if not index[0].size:
            continue
        points = np.stack(index, axis=1) @ affine_ras[:3, :3].T + affine_ras[:3, 3]
        right = points[:, 0] > (_middle(organ_IJK, affine_ras) if middle is None else middle)
        if pair == "kidneys":
            organ_IJK[index] = np.where(right, LABELS["kidney_right"], LABELS["kidney_left"])
            continue
        for side, own in (("right", right), ("left", ~right)):
            codes = np.full(int(own.sum()), LABELS[f"parotid_gland_{side}"], dtype=np.uint8)
            codes[_lower_gland(points[own], side)] = LABELS[f"submandibular_gland_{side}"]
            organ_IJK[tuple(n[own] for n in index)] = codes


def _lobes(organ: np.ndarray, lungs: np.ndarray, affine: np.ndarray) -> float:
    """Writes the five lobes; returns the x (mm) midway between the lungs."""
    steps = tuple(max(1, round(COARSE_MM / s)) for s in np.linalg.norm(affine[:3, :3], axis=0))
    right_coarse = _right_lung(lungs[tuple(slice(None, None, n) for n in steps)], affine[0, :3] * steps)
    index = np.nonzero(lungs)
    x, y, z = (np.stack(index, axis=1) @ affine[:3, :3].T + affine[:3, 3]).T
    right = right_coarse[tuple(n // s for n, s in zip(index, steps, strict=True))]
    codes = np.zeros(x.size, dtype=np.uint8)
    for side, own in (("right", right), ("left", ~right)):
        if not own.any():
            continue
        low, high = np.percentile(z[own], (0.5, 99.5))
        over = z[own] - (low + FISSURE_SHARE * (high - low))
        forth = y[own] - np.percentile(y[own], (1.0, 99.0)).mean()
        lobe = np.full(int(own.sum()), LABELS[f"lung_upper_lobe_{side}"], dtype=np.uint8)
        if side == "right":
            lobe[HORIZONTAL[0] * (forth - HORIZONTAL_Y) + HORIZONTAL[1] * over <= 0] = LABELS["lung_middle_lobe_right"]
        lobe[OBLIQUE[0] * forth + OBLIQUE[1] * over <= 0] = LABELS[f"lung_lower_lobe_{side}"]
        codes[own] = lobe
    organ[index] = codes
    sides = [x[s].mean() for s in (right, ~right) if s.any()]
    return float(np.mean(sides))


def _right_lung(lungs: np.ndarray, x_step: np.ndarray) -> np.ndarray:
    """bool IJK over a coarse grid: nearer to the right lung's core than to the left's. x_step: mm along I, J, K."""
    index = np.indices(lungs.shape, dtype=np.float32)
    x = np.tensordot(np.asarray(x_step, dtype=np.float32), index, axes=1)
    cores, _ = label(binary_erosion(np.pad(lungs, 1), iterations=EROSIONS)[1:-1, 1:-1, 1:-1])
    sizes = np.bincount(cores.ravel())
    sizes[0] = 0
    two = np.argsort(sizes)[-2:]
    if len(sizes) < 3 or sizes[two].min() < LEAST_SHARE * sizes.sum():
        return x > (x[lungs].min() + x[lungs].max()) / 2.0
    nearest = distance_transform_edt(~np.isin(cores, two), return_distances=False, return_indices=True)
    first, second = (x[cores == n].mean() for n in two)
    return cores[tuple(nearest)] == (two[0] if first > second else two[1])


def _lower_gland(points: np.ndarray, side: str) -> np.ndarray:
    """bool (N,): the cluster further down and forwards of two along their axis."""
    way = GLAND_WAY * [1.0 if side == "right" else -1.0, 1.0, 1.0]
    along = points @ way
    if not along.size or np.ptp(along) < LEAST_GLANDS_MM:
        return np.zeros(along.size, dtype=bool)
    low, high = float(along.min()), float(along.max())
    for _ in range(8):
        below = along < (low + high) / 2.0
        low, high = float(along[below].mean()), float(along[~below].mean())
    return along < (low + high) / 2.0


def _middle(organ: np.ndarray, affine: np.ndarray) -> float:
    index = np.argwhere(organ > 0)[::50]
    return float(np.median(index @ affine[0, :3] + affine[0, 3]))
