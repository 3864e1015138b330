"""Counting noise of an iteratively reconstructed PET, in image space: how strong, how correlated, never negative.

Takes a blurred SUV array and the 511 keV attenuation (both XYZ), works in place. From coarse projections of every
slice come the expected prompts of each line, y = exp(-L) A + scatter + randoms, and from these, per voxel, the Fisher
information F = mean over angles of exp(-2L) / y and the sensitivity s = mean of exp(-L). For EM stopped early the
noise is that of one step, x sqrt(F) / s (Barrett, Wilson and Tsui, Phys Med Biol 1994;39:833), for EM run to the end it
is 1 / sqrt(F) (Fessler, IEEE TIP 1996;5:493); the two meet in

    SD = k / sqrt(N F) * u / (1 + u),    u = rho x F / s

with N the counts per SUV and mm, k the noise of the reconstruction and rho (mm) how far it has converged. Noise is
log-normal with mean 1 (as Barrett found), so cold regions are quiet and the mean of the image is kept. Where u is
small, the image has not converged at high frequencies and noise is coarser: two lengths of correlation are blended.
`bench/phantom_noise.py` compares all this with a real OSEM, and the figures are in docs/benchmarks.md.

Confessed: two-dimensional; no time of flight in F (a scanner's gain from it is part of its sensitivity); the
correlation is isotropic in plane, where OSEM's stretches along lines of low attenuation; noise of scatter and
attenuation correction is left out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from netlesion.phantom.blur import FWHM_PER_SIGMA, TRUNCATE
from netlesion.phantom.projection import block_mean, coarse_factors, parallel_beam, refine

#: FWHM of the noise kernel where the image has converged and where it has not, in units of the post filter's.
#: OSEM of 2 to 4 iterations with a filter of 5 mm has autocorrelations of 5.4 to 11.5 mm, 0.77 to 1.63 of the filter's.
CONVERGED_LENGTH, EARLY_LENGTH = 0.75, 1.7
#: u at which both lengths have an equal share.
EQUAL_LENGTHS_AT = 0.5
#: Scatter spreads along a projection by this FWHM.
SCATTER_FWHM_MM = 140.0
#: Below this y is not believed: lines that miss the body (SUV mm).
LEAST_PROMPTS = 0.5
#: Air near the body reads about this much SUV, times the share of lines through the body; gone above AIR_ENDS_SUV [P].
AIR_SUV, AIR_ENDS_SUV = 0.006, 0.06


@dataclass(frozen=True)
class Reconstruction:
    """What the noise depends on. counts: true coincidences per SUV and mm of line before attenuation, relative.

    gain: k above, for counts of 1. convergence_mm: rho above. filter_mm: FWHM of the post filter in plane and
    axially. scatter_fraction: scatter over trues and scatter. randoms_per_true: over the whole slice.
    """

    counts: float
    gain: float
    convergence_mm: float
    filter_mm: tuple[float, float]
    scatter_fraction: float
    randoms_per_true: float


@dataclass(frozen=True, eq=False)
class NoiseMaps:
    """Coarse maps (X, Y, Z): relative SD = early / (1 + slope * SUV), u = slope * SUV; air is what air reads."""

    early: np.ndarray
    slope: np.ndarray
    air: np.ndarray
    factors: tuple[int, ...]

    def slab(self, x: np.ndarray, shape: tuple[int, ...]) -> NoiseMaps:
        """The maps at the fine indices x of the first axis, and all of the others."""

        def fine(coarse: np.ndarray) -> np.ndarray:
            for axis, indices in enumerate((x, np.arange(shape[1]), np.arange(shape[2]))):
                coarse = refine(coarse, axis, self.factors[axis], indices)
            return coarse

        return NoiseMaps(fine(self.early), fine(self.slope), fine(self.air), (1, 1, 1))


def noise_maps(
    suv_XYZ: np.ndarray,
    mu_XYZ: np.ndarray,
    spacing_mm: tuple[float, ...],
    *,
    reconstruction: Reconstruction,
    sensitivity_Z: np.ndarray,
) -> NoiseMaps:
    """Where noise is strong. mu_XYZ: 1/cm at 511 keV. sensitivity_Z: of each slice relative to the middle of a bed."""
    factors = coarse_factors(spacing_mm)
    suv, mu = block_mean(suv_XYZ, factors), block_mean(mu_XYZ, factors)
    pixel_mm = tuple(f * h for f, h in zip(factors, spacing_mm, strict=True))
    beam = parallel_beam(suv.shape[:2], pixel_mm[:2])
    survival = np.exp(-beam.line_integrals(mu * np.float32(0.1)))
    trues = beam.line_integrals(suv)
    trues *= survival
    total = trues.sum(axis=0)
    inside = np.count_nonzero(trues > 1e-3 * trues.max(axis=0, initial=0.0), axis=0)
    prompts = trues + _scatter(trues, beam.num_angles, max(pixel_mm[:2]), reconstruction.scatter_fraction)
    prompts += total * np.float32(reconstruction.randoms_per_true) / np.maximum(inside, 1)
    np.maximum(prompts, np.float32(LEAST_PROMPTS), out=prompts)
    air = beam.angle_mean((trues > LEAST_PROMPTS).astype(np.float32))
    sensitivity = beam.angle_mean(survival)
    survival *= survival
    survival /= prompts
    fisher = beam.angle_mean(survival)
    slope = fisher / sensitivity * np.float32(reconstruction.convergence_mm)
    counts = reconstruction.counts * block_mean(sensitivity_Z.astype(np.float32), factors[2:])
    early = reconstruction.gain * slope / np.sqrt(fisher * counts)
    return NoiseMaps(early.astype(np.float32), slope, air * np.float32(AIR_SUV), factors)


def add_noise(
    suv_XYZ: np.ndarray,
    maps: NoiseMaps,
    spacing_mm: tuple[float, float, float],
    *,
    filter_mm: tuple[float, float],
    seed: int,
) -> None:
    """Make the image noisy in place, with the same mean; above 0 wherever there is activity, or body near."""
    fine_FIELD, coarse_FIELD, likeness = correlated_fields(suv_XYZ.shape, spacing_mm, filter_mm, seed)
    thickness = max(1, int(2e6 // max(1, suv_XYZ[0].size)))
    for start in range(0, suv_XYZ.shape[0], thickness):
        rows = slice(start, min(start + thickness, suv_XYZ.shape[0]))
        local = maps.slab(np.arange(rows.start, rows.stop), suv_XYZ.shape)
        suv = suv_XYZ[rows]
        u = local.slope
        u *= suv
        early_share = 1.0 / (1.0 + u / np.float32(EQUAL_LENGTHS_AT))
        variance = local.early
        variance /= 1.0 + u
        variance *= variance
        np.log1p(variance, out=variance)
        field = _blend(fine_FIELD[rows], coarse_FIELD[rows], early_share, likeness)
        field *= np.sqrt(variance)
        variance *= 0.5
        field -= variance
        suv += local.air * np.maximum(1.0 - suv / np.float32(AIR_ENDS_SUV), 0.0)
        suv *= np.exp(field, out=field)


def correlated_fields(
    shape: tuple[int, ...], spacing_mm: tuple[float, ...], filter_mm: tuple[float, float], seed: int
) -> tuple[np.ndarray, np.ndarray, float]:
    """Two Gaussian fields of mean 0 and SD 1 from one seed, the second smoother, and how alike they are (0 to 1).

    In plane the first has CONVERGED_LENGTH and the second EARLY_LENGTH; axially both have that of the filter.
    """
    in_plane, axial = filter_mm
    narrow_mm = (CONVERGED_LENGTH * in_plane, CONVERGED_LENGTH * in_plane, axial)
    more_mm = ((EARLY_LENGTH**2 - CONVERGED_LENGTH**2) ** 0.5 * in_plane,) * 2 + (0.0,)
    fine = np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)
    _smooth(fine, spacing_mm, narrow_mm)
    coarse = fine.copy()
    _smooth(coarse, spacing_mm, more_mm)
    fine_variance = coarse_variance = shared = 1.0
    for length, spacing, first_mm, second_mm in zip(shape, spacing_mm, narrow_mm, more_mm, strict=True):
        impulse = np.zeros((length, 1, 1), dtype=np.float64)
        impulse[length // 2] = 1.0
        _smooth(impulse, (spacing, 1.0, 1.0), (first_mm, 0.0, 0.0))
        wider = impulse.copy()
        _smooth(wider, (spacing, 1.0, 1.0), (second_mm, 0.0, 0.0))
        fine_variance *= float((impulse**2).sum())
        coarse_variance *= float((wider**2).sum())
        shared *= float((impulse * wider).sum())
    fine *= np.float32(fine_variance**-0.5)
    coarse *= np.float32(coarse_variance**-0.5)
    return fine, coarse, shared / (fine_variance * coarse_variance) ** 0.5


def _smooth(field: np.ndarray, spacing_mm: tuple[float, ...], fwhm_mm: tuple[float, ...]) -> None:
    """A Gaussian per axis in place, around the border, so that the variance is the same everywhere."""
    for axis, (spacing, fwhm) in enumerate(zip(spacing_mm, fwhm_mm, strict=True)):
        sigma = fwhm / FWHM_PER_SIGMA / spacing
        if sigma > 0.0 and field.shape[axis] > 1:
            ndimage.gaussian_filter1d(field, sigma, axis=axis, output=field, mode="wrap", truncate=TRUNCATE)


def _blend(fine: np.ndarray, coarse: np.ndarray, coarse_share: np.ndarray, likeness: float) -> np.ndarray:
    """A field of SD 1 whose variance is `coarse_share` the coarse one's; the shares are used up."""
    of_fine = np.sqrt(1.0 - coarse_share)
    of_coarse = np.sqrt(coarse_share, out=coarse_share)
    norm = of_fine * of_coarse
    norm *= np.float32(2.0 * likeness)
    norm += 1.0
    of_fine *= fine
    of_coarse *= coarse
    of_fine += of_coarse
    of_fine /= np.sqrt(norm, out=norm)
    return of_fine


def _scatter(trues: np.ndarray, num_angles: int, bin_mm: float, fraction: float) -> np.ndarray:
    """Scatter as a broad copy of each projection."""
    broad = trues.reshape(num_angles, -1, trues.shape[1])
    sigma = SCATTER_FWHM_MM / FWHM_PER_SIGMA / bin_mm
    broad = ndimage.gaussian_filter1d(broad, sigma, axis=1, mode="nearest", truncate=2.0)
    broad *= np.float32(fraction / (1.0 - fraction))
    return broad.reshape(trues.shape)
