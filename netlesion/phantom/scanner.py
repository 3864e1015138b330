"""What a scanner makes of the truth: a grid around the body, blur, noise.

Takes arrays and a Geometry, returns arrays. The only randomness is a field seed given as an argument, so every
function is pure. Blur is a Gaussian normalised to keep activity; PET noise has an SD that grows with the square root
of the local activity and is correlated over neighbouring voxels; negative values are cut to 0, as OSEM gives none.
Knows nothing about organs or lesions.

Confessed: no sinograms, no scatter, no attenuation error, no motion, one blur everywhere.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from netlesion.errors import ConfigError
from netlesion.geometry import Geometry

#: FWHM of a Gaussian over its SD.
FWHM_PER_SIGMA = 2.3548
#: Where PET noise stops falling with activity, so that the air around the body is not perfectly still.
NOISE_FLOOR_SUV = 0.02


def grid_around(
    low_mm: tuple[float, float, float],
    high_mm: tuple[float, float, float],
    spacing_mm: tuple[float, float, float],
    orientation: str,
) -> Geometry:
    """The smallest grid of this spacing whose voxels cover the RAS+ box, centred on it.

    orientation: towards where I, J and K grow, e.g. "LAS"; I must run along L-R, J along P-A, K along I-S.
    Raises ConfigError for any other string.
    """
    if len(orientation) != 3 or any(o not in pair for o, pair in zip(orientation, ("RL", "AP", "SI"), strict=True)):
        raise ConfigError(f"orientation {orientation!r} is not understood; expected one of R/L, A/P, S/I, e.g. 'LAS'")
    low, high, spacing = (np.array(v, dtype=np.float64) for v in (low_mm, high_mm, spacing_mm))
    shape = np.maximum(1, np.ceil((high - low) / spacing - 1e-9)).astype(int)
    signs = np.array([1.0 if o in "RAS" else -1.0 for o in orientation])
    affine = np.diag([*(spacing * signs), 1.0])
    affine[:3, 3] = (low + high) / 2.0 - signs * spacing * (shape - 1) / 2.0
    return Geometry(affine, tuple(shape.tolist()))


def blurred(array: np.ndarray, geometry: Geometry, fwhm_mm: float) -> np.ndarray:
    """The array after a Gaussian of this FWHM along every axis; the sum is kept away from the borders."""
    sigma = [fwhm_mm / FWHM_PER_SIGMA / spacing for spacing in geometry.spacing_mm]
    return ndimage.gaussian_filter(array, sigma, mode="nearest", truncate=3.0, output=np.float32)


def noise_field(
    shape: tuple[int, ...], spacing_mm: tuple[float, float, float], fwhm_mm: float, seed: int
) -> np.ndarray:
    """A Gaussian field of mean 0 and SD 1, correlated over fwhm_mm, float32; empty for an empty shape."""
    if 0 in shape:
        return np.zeros(shape, dtype=np.float32)
    white = np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)
    gain = 1.0
    for axis, spacing in enumerate(spacing_mm):
        sigma = fwhm_mm / FWHM_PER_SIGMA / spacing
        white = ndimage.gaussian_filter1d(white, sigma, axis=axis, mode="wrap", truncate=3.0)
        gain *= _kernel_energy(sigma, shape[axis])
    return white / np.float32(np.sqrt(gain))


def lognormal_texture(field: np.ndarray, cov: float) -> np.ndarray:
    """A Gaussian field of mean 0 and SD 1 -> a positive one of mean 1 and coefficient of variation `cov`."""
    sigma = np.float32(np.sqrt(np.log1p(cov**2)))
    return np.exp(sigma * field - sigma**2 / 2)


def pet_image(
    truth_suv: np.ndarray,
    geometry: Geometry,
    *,
    psf_fwhm_mm: float,
    noise_cov: float,
    noise_reference_suv: float,
    noise_fwhm_mm: float,
    seed: int,
) -> np.ndarray:
    """True SUV -> measured SUV. Noise SD is noise_cov * noise_reference_suv at that SUV, else scales as its root."""
    clean = blurred(truth_suv, geometry, psf_fwhm_mm)
    sd = noise_cov * np.sqrt(noise_reference_suv * np.maximum(clean, NOISE_FLOOR_SUV))
    noise = noise_field(clean.shape, geometry.spacing_mm, noise_fwhm_mm, seed)
    return np.maximum(clean + sd.astype(np.float32) * noise, 0.0)


def ct_image(
    truth_hu: np.ndarray, geometry: Geometry, *, noise_hu: float, noise_fwhm_mm: float, seed: int
) -> np.ndarray:
    """True HU -> measured HU: added noise of one SD everywhere, not below -1024."""
    noise = noise_field(truth_hu.shape, geometry.spacing_mm, noise_fwhm_mm, seed)
    return np.maximum(truth_hu + np.float32(noise_hu) * noise, -1024.0)


def _kernel_energy(sigma: float, length: int) -> float:
    """Variance that white noise keeps after gaussian_filter1d(mode="wrap") along an axis of this length."""
    impulse = np.zeros(length, dtype=np.float64)
    impulse[length // 2] = 1.0
    return float((ndimage.gaussian_filter1d(impulse, sigma, mode="wrap", truncate=3.0) ** 2).sum())
