"""A slow, honest 2D PET: Poisson counts along lines with attenuation, scatter and randoms, reconstructed by OSEM.

The twin that `netlesion.phantom.noise` must agree with; it shares no code with it. Rays are sampled every half pixel
with bilinear weights (a ray-driven matrix; the noise model's coarse projector is pixel-driven). OSEM is that of
Hudson and Larkin (IEEE TMI 1994;13:601), scatter and randoms known and added in the forward model, no PSF, no TOF,
Gaussian post filter. Knows nothing about SUV, z or scanners.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage, sparse

PIXELS, PIXEL_MM, ANGLES = 128, 4.0, 168
FWHM_PER_SIGMA = 2.3548


@dataclass(frozen=True, eq=False)
class Slice2D:
    """One transverse slice: activity (any unit) and 511 keV attenuation (1/mm), both (PIXELS, PIXELS)."""

    name: str
    activity: np.ndarray
    mu_per_mm: np.ndarray


@dataclass(frozen=True)
class Osem:
    """How to reconstruct. detector_fwhm_mm blurs the data, post_fwhm_mm the image."""

    iterations: int = 3
    subsets: int = 21
    detector_fwhm_mm: float = 4.5
    post_fwhm_mm: float = 5.0
    scatter_fraction: float = 0.35
    randoms_per_true: float = 0.5


def system_matrix() -> sparse.csr_matrix:
    """(ANGLES * PIXELS, PIXELS**2): mm of every pixel along every ray, angles over 180 degrees, angle-major."""
    offsets = (np.arange(PIXELS) - (PIXELS - 1) / 2) * PIXEL_MM
    along = (np.arange(2 * PIXELS) - (2 * PIXELS - 1) / 2) * PIXEL_MM / 2
    blocks = []
    for theta in np.arange(ANGLES) * np.pi / ANGLES:
        x = (offsets[:, None] * np.cos(theta) - along[None] * np.sin(theta)) / PIXEL_MM + (PIXELS - 1) / 2
        y = (offsets[:, None] * np.sin(theta) + along[None] * np.cos(theta)) / PIXEL_MM + (PIXELS - 1) / 2
        low_x, low_y = np.floor(x).astype(int), np.floor(y).astype(int)
        rows, columns, values = [], [], []
        for dx in (0, 1):
            for dy in (0, 1):
                ix, iy = low_x + dx, low_y + dy
                weight = (1 - np.abs(x - ix)) * (1 - np.abs(y - iy)) * PIXEL_MM / 2
                inside = (ix >= 0) & (ix < PIXELS) & (iy >= 0) & (iy < PIXELS) & (weight > 0)
                rows.append(np.broadcast_to(np.arange(PIXELS)[:, None], x.shape)[inside])
                columns.append((ix * PIXELS + iy)[inside])
                values.append(weight[inside])
        entries = (np.concatenate(values).astype(np.float32), (np.concatenate(rows), np.concatenate(columns)))
        blocks.append(sparse.csr_matrix(entries, shape=(PIXELS, PIXELS**2)))
    return sparse.vstack(blocks).tocsr()


def expected_counts(matrix: sparse.csr_matrix, truth: Slice2D, osem: Osem, counts: float) -> tuple[np.ndarray, ...]:
    """Mean trues (scaled to `counts` in all), their multiplicative factor per ray, and the additive background."""
    blurred = ndimage.gaussian_filter(truth.activity, osem.detector_fwhm_mm / FWHM_PER_SIGMA / PIXEL_MM)
    survival = np.exp(-(matrix @ truth.mu_per_mm.ravel()))
    trues = survival * (matrix @ blurred.ravel())
    scale = counts / trues.sum()
    trues *= scale
    tails = ndimage.gaussian_filter1d(trues.reshape(ANGLES, PIXELS), 60.0 / PIXEL_MM, axis=1, mode="constant")
    scatter = tails / tails.sum() * counts * osem.scatter_fraction / (1 - osem.scatter_fraction)
    background = scatter.ravel() + counts * osem.randoms_per_true / trues.size
    return trues, (survival * scale).astype(np.float32), background.astype(np.float32)


def realisations(
    matrix: sparse.csr_matrix, truth: Slice2D, osem: Osem, counts: float, number: int, seed: int
) -> np.ndarray:
    """Reconstructions of `number` independent scans, (number, PIXELS, PIXELS), in the unit of the activity.

    counts: trues in the slice. The last one is of noise-free data.
    """
    trues, factor, background = expected_counts(matrix, truth, osem, counts)
    rng = np.random.default_rng(seed)
    mean = trues + background
    data = np.stack([rng.poisson(mean).astype(np.float32) for _ in range(number)] + [mean.astype(np.float32)], axis=1)
    order = [np.arange(s, ANGLES, osem.subsets) for s in range(osem.subsets)]
    parts = []
    for angles in order:
        rows = (angles[:, None] * PIXELS + np.arange(PIXELS)).ravel()
        forward = sparse.diags(factor[rows]) @ matrix[rows]
        parts.append((rows, forward.tocsr(), forward.T.tocsr(), np.asarray(forward.sum(axis=0)).ravel()[:, None]))
    image = np.ones((PIXELS**2, number + 1), dtype=np.float32) * np.float32(truth.activity.mean())
    for _ in range(osem.iterations):
        for step in np.argsort((np.arange(osem.subsets) * 8) % osem.subsets, kind="stable"):
            rows, forward, backward, sensitivity = parts[step]
            ratio = data[rows] / (forward @ image + background[rows, None])
            image *= (backward @ ratio) / np.maximum(sensitivity, 1e-12)
            image[sensitivity.ravel() <= 1e-12] = 0.0
    stack = image.T.reshape(number + 1, PIXELS, PIXELS)
    sigma = osem.post_fwhm_mm / FWHM_PER_SIGMA / PIXEL_MM
    return ndimage.gaussian_filter(stack, (0, sigma, sigma))


def positions_mm() -> tuple[np.ndarray, np.ndarray]:
    """x and y of every pixel's centre."""
    ax = (np.arange(PIXELS) - (PIXELS - 1) / 2) * PIXEL_MM
    return np.meshgrid(ax, ax, indexing="ij")


def ellipse(centre: tuple[float, float], half: tuple[float, float]) -> np.ndarray:
    """The share of every pixel inside an ellipse, its edge one pixel soft."""
    x, y = positions_mm()
    r = np.sqrt(((x - centre[0]) / half[0]) ** 2 + ((y - centre[1]) / half[1]) ** 2)
    return np.clip((1 - r) * min(half) / PIXEL_MM + 0.5, 0, 1).astype(np.float32)
