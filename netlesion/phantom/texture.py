"""Uneven uptake inside an organ: a smooth random field in the body's own space, the same on every grid.

Takes a seed and points of the reference body; returns lognormal factors of mean 1. One periodic block of noise is
made per width and seed and read by trilinear interpolation. Knows nothing about organs.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.ndimage import gaussian_filter, map_coordinates

from netlesion.phantom.blur import FWHM_PER_SIGMA

#: The block repeats after this many points per axis; FWHM of the field in points.
BLOCK_POINTS, FWHM_POINTS = 48, 4.0


@dataclass(frozen=True)
class Texture:
    """A Gaussian field of mean 0 and SD 1, correlated over fwhm_mm."""

    seed: int
    fwhm_mm: float

    @cached_property
    def _block(self) -> np.ndarray:
        white = np.random.default_rng(self.seed).standard_normal((BLOCK_POINTS,) * 3)
        field = gaussian_filter(white, FWHM_POINTS / FWHM_PER_SIGMA, mode="wrap")
        field = (field - field.mean()) / field.std()
        return np.pad(field, ((0, 1),) * 3, mode="wrap").astype(np.float32)

    def factors(self, x: np.ndarray, y: np.ndarray, z: np.ndarray, cov: float) -> np.ndarray:
        """Lognormal factors of mean 1 and coefficient of variation `cov` at these points (mm), float32."""
        scale = np.float32(FWHM_POINTS / self.fwhm_mm)
        index = np.stack(np.broadcast_arrays(*(np.mod(c * scale, np.float32(BLOCK_POINTS)) for c in (x, y, z))))
        field = map_coordinates(self._block, index, order=1, mode="nearest", output=np.float32)
        sigma = np.float32(np.sqrt(np.log1p(cov**2)))
        # interpolation between points takes some of the variance; 1.12 gives it back on average
        return np.exp(np.float32(1.12) * sigma * field - sigma**2 / 2)
