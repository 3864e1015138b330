"""Counting noise of an iteratively reconstructed PET, in image space: how strong, how correlated, never negative.

Takes a blurred SUV array and the 511 keV attenuation (both XYZ), works in place. From coarse projections of every
slice come the expected prompts of each line, y = exp(-L) A + scatter + randoms, and from these, per voxel, the Fisher
information F = mean over angles of exp(-2L) / y and the sensitivity s = mean of exp(-L). For EM stopped early the
noise is that of one step, x sqrt(F) / s (Barrett, Wilson and Tsui, Phys Med Biol 1994;39:833), for EM run to the end it
is 1 / sqrt(F) (Fessler, IEEE TIP 1996;5:493); the two meet in

    SD = k / sqrt(N F) * u / (1 + u),    u = rho x F / s

with N the counts per SUV and mm, k the noise of the reconstruction and rho (mm) how far it has converged. F and u are
taken for frequencies along x and along y apart, by the angles that measure them. Where u is small the image has not
converged at high frequencies, so noise is coarser there: in lung along y, in the side of the trunk along its edge.
Noise is log-normal with mean 1 (as Barrett found), so cold regions are quiet and the mean of the image is kept.
`bench/phantom_noise.py` compares all this with a real OSEM.

Confessed: two-dimensional; no time of flight in F (a scanner's gain from it is part of its sensitivity); correlation
is stretched along x or y only, never obliquely; the SD of a voxel does not fall with its size; noise of scatter and
attenuation correction is left out, and so is OSEM's bias in small cold regions, which read too high (an insert of a
quarter of the background about twice; its coefficient of variation agrees, its SD does not).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from netlesion.phantom.blur import FWHM_PER_SIGMA
from netlesion.phantom.noise_texture import Lengths, TextureChunk, room_around, texture_chunks
from netlesion.phantom.projection import block_mean, coarse_factors, parallel_beam, refine

#: FWHM of the noise kernel where the image has converged and where it has not, in units of the post filter's, and the
#: u at which both have an equal share: fitted to the autocorrelation of OSEM with 2 x 14 and 3 x 21 updates, which
#: they then give within 11 % (rms) for widths of 5 to 14 mm (bench/phantom_noise.py).
FINE_LENGTH, COARSE_LENGTH, EQUAL_LENGTHS_AT = 0.90, 2.05, 0.26
#: Scatter spreads along a projection by this FWHM.
SCATTER_FWHM_MM = 140.0
#: Below this y is not believed: lines that miss the body (SUV mm).
LEAST_PROMPTS = 0.5
#: The coefficient of variation goes no further; a few voxels alone in the air would be all noise [P].
LARGEST_COV = 2.0
#: Air near the body reads about this much SUV, times the share of lines through the body; gone above AIR_ENDS_SUV [P].
AIR_SUV, AIR_ENDS_SUV = 0.006, 0.06
#: Air further than this from what reads more than BODY_SUV in slices nearby is not simulated.
BODY_SUV, MARGIN_MM = 1e-3, 30.0


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
    """Smooth maps (X, Y, Z) of voxels `factors` times as large as the image's.

    slope_x, slope_y: u per SUV for frequencies along x and y. scale: k^2 rho / (2 N s). air: what air reads, SUV.
    """

    slope_x: np.ndarray
    slope_y: np.ndarray
    scale: np.ndarray
    air: np.ndarray
    factors: tuple[int, int, int]

    def fine(self, box: tuple[slice, slice, slice]) -> NoiseMaps:
        """The maps in a box (XYZ) of the image's voxels."""
        places = [np.arange(s.start, s.stop) for s in box]

        def fine(coarse: np.ndarray) -> np.ndarray:
            for axis in (2, 0, 1):
                coarse = refine(coarse, axis, self.factors[axis], places[axis])
            return coarse

        return NoiseMaps(fine(self.slope_x), fine(self.slope_y), fine(self.scale), fine(self.air), (1, 1, 1))

    def squared_cov(self, suv: np.ndarray) -> np.ndarray:
        """Relative variance of voxels of this SUV, for maps as fine as they are."""
        return self.squared_cov_of_u(self.slope_x * suv, self.slope_y * suv)

    def squared_cov_of_u(self, u_x: np.ndarray, u_y: np.ndarray) -> np.ndarray:
        """The same where u is known."""
        total = None
        for u, slope in ((u_x, self.slope_x), (u_y, self.slope_y)):
            part = u + np.float32(1.0)
            part *= part
            np.divide(slope, part, out=part)
            total = part if total is None else np.add(total, part, out=total)
        total *= self.scale
        return total


def noise_maps(
    suv_XYZ: np.ndarray,
    mu_XYZ: np.ndarray,
    spacing_mm: tuple[float, ...],
    *,
    reconstruction: Reconstruction,
    sensitivity_Z: np.ndarray,
) -> NoiseMaps:
    """Where noise is strong. mu_XYZ: 1/cm at 511 keV. sensitivity_Z: of each slice relative to the middle of a bed."""
    i, j, k = coarse_factors(spacing_mm)
    factors = i, j, k
    suv, mu = block_mean(suv_XYZ, factors), block_mean(mu_XYZ, factors)
    pixel_mm = tuple(f * h for f, h in zip(factors, spacing_mm, strict=True))
    beam = parallel_beam(suv.shape[:2], pixel_mm[:2])
    survival = np.exp(-beam.line_integrals(mu * np.float32(0.1)))
    trues = beam.line_integrals(suv)
    trues *= survival
    air = beam.angle_mean((trues > LEAST_PROMPTS).astype(np.float32)) * np.float32(AIR_SUV)
    prompts = trues + _scatter(trues, beam.num_angles, max(pixel_mm[:2]), reconstruction.scatter_fraction)
    seen = np.count_nonzero(trues > 1e-3 * trues.max(axis=0, initial=0.0), axis=0)
    prompts += trues.sum(axis=0) * np.float32(reconstruction.randoms_per_true) / np.maximum(seen, 1)
    np.maximum(prompts, np.float32(LEAST_PROMPTS), out=prompts)
    sensitivity = beam.angle_mean(survival)
    survival *= survival
    survival /= prompts
    slopes = []
    for share_A in (2.0 * np.cos(beam.angles) ** 2, 2.0 * np.sin(beam.angles) ** 2):
        slope = beam.angle_mean(survival, share_A)
        slope *= np.float32(reconstruction.convergence_mm)
        slope /= sensitivity
        slopes.append(slope)
    counts = reconstruction.counts * block_mean(np.asarray(sensitivity_Z, dtype=np.float32), factors[2:])
    scale = np.float32(reconstruction.gain**2 * reconstruction.convergence_mm / 2.0) / (sensitivity * counts)
    return NoiseMaps(slopes[0], slopes[1], scale.astype(np.float32), air, factors)


def add_noise(
    suv_XYZ: np.ndarray,
    maps: NoiseMaps,
    spacing_mm: tuple[float, float, float],
    *,
    filter_mm: tuple[float, float],
    seed: int,
) -> None:
    """Make the image noisy in place, with the same mean; above 0 wherever there is activity, or body near."""
    lengths = Lengths(FINE_LENGTH * filter_mm[0], COARSE_LENGTH * filter_mm[0], filter_mm[1])
    room = room_around(suv_XYZ > BODY_SUV, spacing_mm, MARGIN_MM)
    for texture in texture_chunks(suv_XYZ.shape, spacing_mm, lengths, seed, room):
        suv_XYZ[texture.box] = _noisy(suv_XYZ[texture.box], maps.fine(texture.box), texture)


def _noisy(suv: np.ndarray, maps: NoiseMaps, texture: TextureChunk) -> np.ndarray:
    """Log-normal noise of mean 1 times the image, and the air's faint reading where there is hardly any activity."""
    u_x, u_y = maps.slope_x * suv, maps.slope_y * suv
    variance = maps.squared_cov_of_u(u_x, u_y)
    np.minimum(variance, np.float32(LARGEST_COV**2), out=variance)
    np.log1p(variance, out=variance)
    field = texture.blend(_coarse_share(u_x), _coarse_share(u_y))
    field *= np.sqrt(variance)
    variance *= 0.5
    field -= variance
    noisy = np.exp(field, out=field)
    air = suv * np.float32(-1.0 / AIR_ENDS_SUV)
    air += 1.0
    np.maximum(air, 0.0, out=air)
    air *= maps.air
    air += suv
    noisy *= air
    return noisy


def _coarse_share(u: np.ndarray) -> np.ndarray:
    """1 / (1 + (u / EQUAL_LENGTHS_AT)^2), in place."""
    u *= np.float32(1.0 / EQUAL_LENGTHS_AT)
    u *= u
    u += 1.0
    return np.reciprocal(u, out=u)


def _scatter(trues: np.ndarray, num_angles: int, bin_mm: float, fraction: float) -> np.ndarray:
    """Scatter as a broad copy of each projection."""
    broad = trues.reshape(num_angles, -1, trues.shape[1])
    sigma = SCATTER_FWHM_MM / FWHM_PER_SIGMA / bin_mm
    broad = ndimage.gaussian_filter1d(broad, sigma, axis=1, mode="nearest", truncate=2.0)
    broad *= np.float32(fraction / (1.0 - fraction))
    return broad.reshape(trues.shape)
