"""Uneven uptake inside an organ: a smooth random field in the body's own space, the same on every grid.

Takes a seed and points of the reference body; returns lognormal factors of mean 1. One periodic block of noise is
made per width and seed, so fine that the nearest of its points will do. Knows nothing about organs.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.ndimage import gaussian_filter

from netlesion.phantom.blur import FWHM_PER_SIGMA

#: The block repeats after this many points per axis, a power of 2; FWHM of the field in points. Reading the nearest
#: point moves a place by a twelfth of the FWHM at most along each axis.
BLOCK_POINTS, FWHM_POINTS = 64, 6.0
#: Whole blocks added to every coordinate, so that a cut to whole numbers always cuts down.
BLOCKS_ADDED = 64


def cells(x: np.ndarray, y: np.ndarray, z: np.ndarray, fwhm_mm: float) -> np.ndarray:
    """Which point of a block of this width is nearest to each point (mm): an index into the flat block, int32."""
    scale, first = np.float32(FWHM_POINTS / fwhm_mm), np.float32(BLOCKS_ADDED * BLOCK_POINTS + 0.5)
    i, j, k = ((c * scale + first).astype(np.int32) & (BLOCK_POINTS - 1) for c in (x, y, z))
    return (i * BLOCK_POINTS + j) * BLOCK_POINTS + k


@dataclass(frozen=True)
class Texture:
    """A Gaussian field of mean 0 and SD 1, correlated over fwhm_mm."""

    seed: int
    fwhm_mm: float

    @cached_property
    def _block(self) -> np.ndarray:
        white = np.random.default_rng(self.seed).standard_normal((BLOCK_POINTS,) * 3, dtype=np.float32)
        field = gaussian_filter(white, FWHM_POINTS / FWHM_PER_SIGMA, mode="wrap")
        return ((field - field.mean()) / field.std()).ravel()

    @cached_property
    def _tables(self) -> dict[float, np.ndarray]:
        return {}

    def factors(self, cells: np.ndarray, cov: float) -> np.ndarray:
        """Lognormal factors of mean 1 and coefficient of variation `cov` at these cells, float32."""
        if cov not in self._tables:
            sigma = np.sqrt(np.log1p(cov**2))
            self._tables[cov] = np.exp(np.float32(sigma) * self._block - np.float32(sigma**2 / 2))
        return self._tables[cov].take(cells)
