"""From true HU to the CT a scanner would write: kernel, noise that follows the paths through the body, metal, the FOV.

Takes an IJK array of HU on a Geometry, returns float32 HU on the same grid, within -1024 and 3071. Pure: the only
randomness is `seed`. Noise of a line grows as exp(L / 2) with its attenuation L; tube current modulation gives half
of that back [P]. Filtered backprojection puts the noise of a line into the frequencies across it, so behind long
lateral paths (shoulders, pelvis, arms down) noise is strong and streaks from left to right. Knows nothing about PET.

Confessed: no beam hardening, no scatter, no dose settings; voxels further than 30 mm from the body are noise-free;
metal is a bright ball with a fan of streaks, not a simulation.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from netlesion.errors import ConfigError, QuantityError
from netlesion.image.geometry import Geometry
from netlesion.phantom.blur import blur_gaussian
from netlesion.phantom.noise_texture import Lengths, room_around, texture_chunks
from netlesion.phantom.projection import block_mean, coarse_factors, parallel_beam, refine
from netlesion.phantom.scan_axes import ScanAxes, scan_axes

#: Attenuation of water at the effective energy of 120 kV, 1/mm.
MU_WATER_PER_MM = 0.0193
#: noise_hu is the SD where every path runs through this much water.
REFERENCE_WATER_MM = 300.0
#: The share of log-variance that tube current modulation gives back [P].
MODULATION = 0.5
#: Streaks are this many times as long as the noise kernel is wide.
STREAK_LENGTH = 4.0
#: Paths are followed through voxels about this large.
COARSE_MM = 12.0
#: The reconstructed field of view, and what is written outside of it.
FOV_MM = 500.0
LOWEST_HU, HIGHEST_HU = -1024.0, 3071.0
#: HU above which there is a body, and the air around it that gets noise.
BODY_HU, MARGIN_MM = -900.0, 30.0


@dataclass(frozen=True)
class Metal:
    """A ball of metal: RAS+ mm, and the HU of its streaks at its rim. They fall with 1 / distance."""

    centre_mm: tuple[float, float, float]
    radius_mm: float
    streak_hu: float = 300.0

    def __post_init__(self) -> None:
        if not self.radius_mm > 0.0 or not self.streak_hu >= 0.0:
            raise ConfigError(
                f"metal of {self.radius_mm} mm with streaks of {self.streak_hu} HU is not understood; the radius "
                "must be above 0, streaks at least 0"
            )


def ct_image(
    hu_IJK: np.ndarray,
    geometry: Geometry,
    *,
    noise_hu: float,
    kernel_fwhm_mm: float,
    seed: int,
    metal: tuple[Metal, ...] = (),
    fov_mm: float = FOV_MM,
) -> np.ndarray:
    """Measured HU, float32. Raises QuantityError for an array off the grid or not finite.

    noise_hu: SD behind 300 mm of water on every side. kernel_fwhm_mm: of the in-plane kernel, for image and noise.
    fov_mm: the diameter around the middle of the grid outside of which -1024 is written.
    """
    if hu_IJK.shape != geometry.shape:
        raise QuantityError(f"HU have shape {hu_IJK.shape}, their grid {geometry.shape}; they must agree")
    if not (np.isfinite(hu_IJK.min()) and np.isfinite(hu_IJK.max())):
        raise QuantityError("HU hold values that are not finite; expected finite values in every voxel")
    if not noise_hu >= 0.0 or not kernel_fwhm_mm > 0.0:
        raise ConfigError(f"noise of {noise_hu} HU, kernel {kernel_fwhm_mm} mm: expected at least 0 and above 0")
    axes = scan_axes(geometry)
    image = np.array(hu_IJK, dtype=np.float32)
    view = axes.view(image)
    box = _body_box(view, axes)
    if box is not None:
        body = np.ascontiguousarray(view[box])
        blur_gaussian(body, axes.spacing_mm, (kernel_fwhm_mm, kernel_fwhm_mm, 0.0))
        if noise_hu > 0.0:
            _add_noise(body, axes.spacing_mm, noise_hu, kernel_fwhm_mm, seed)
        view[box] = body
    for number, ball in enumerate(metal):
        _add_metal(view, axes, geometry, ball, np.random.default_rng([seed, number]))
    np.clip(image, LOWEST_HU, HIGHEST_HU, out=image)
    outside = axes.x_mm[:, None] ** 2 + axes.y_mm[None] ** 2 > (fov_mm / 2.0) ** 2
    view[outside] = LOWEST_HU
    return image


def relative_variance(hu_XYZ: np.ndarray, spacing_mm: tuple[float, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Variance over the reference's, coarse (X, Y, Z): carried by frequencies along x, and by those along y."""
    factors = coarse_factors(spacing_mm, COARSE_MM)
    water = block_mean(hu_XYZ, factors)
    water /= 1000.0
    water += 1.0
    np.maximum(water, 0.0, out=water)
    pixel_mm = [f * h for f, h in zip(factors, spacing_mm, strict=True)]
    beam = parallel_beam(water.shape[:2], (pixel_mm[0], pixel_mm[1]))
    paths = beam.line_integrals(water)
    paths -= np.float32(REFERENCE_WATER_MM)
    paths *= np.float32(MU_WATER_PER_MM * (1.0 - MODULATION))
    np.exp(paths, out=paths)
    return beam.angle_mean(paths, np.cos(beam.angles) ** 2), beam.angle_mean(paths, np.sin(beam.angles) ** 2)


def _add_noise(
    hu_XYZ: np.ndarray, spacing_mm: tuple[float, ...], noise_hu: float, kernel_fwhm_mm: float, seed: int
) -> None:
    along_x, along_y = relative_variance(hu_XYZ, spacing_mm)
    sd = np.float32(noise_hu) * np.sqrt(along_x + along_y)
    more_y = (along_y - along_x) / (along_y + along_x)
    factors = coarse_factors(spacing_mm, COARSE_MM)
    lengths = Lengths(kernel_fwhm_mm, STREAK_LENGTH * kernel_fwhm_mm, kernel_fwhm_mm)
    room = room_around(hu_XYZ > BODY_HU, spacing_mm, MARGIN_MM)
    shares: tuple[np.ndarray, ...] = ()
    for texture in texture_chunks(hu_XYZ.shape, spacing_mm, lengths, seed, room):
        if not shares:
            # paths differ from place to place so gently that weights may be taken where paths are known
            is_x, weights = texture.weights(np.maximum(more_y, 0.0), np.maximum(-more_y, 0.0))
            shares = sd * weights.fine, sd * weights.streak * is_x, sd * weights.streak * ~is_x
        places = [np.arange(s.start, s.stop) for s in texture.box]
        for share, field in zip(shares, (texture.ff, texture.cf, texture.fc), strict=True):
            for axis in (2, 0, 1):
                share = refine(share, axis, factors[axis], places[axis])
            share *= field
            hu_XYZ[texture.box] += share


def _body_box(hu_XYZ: np.ndarray, axes: ScanAxes) -> tuple[slice, slice, slice] | None:
    """Where the body is, with some air; None without one."""
    body, slices = hu_XYZ > BODY_HU, []
    for axis in range(3):
        present = np.flatnonzero(body.any(axis=tuple(a for a in range(3) if a != axis)))
        if present.size == 0:
            return None
        margin = int(np.ceil(MARGIN_MM / axes.spacing_mm[axis]))
        slices.append(slice(max(0, present[0] - margin), present[-1] + 1 + margin))
    return slices[0], slices[1], slices[2]


def _add_metal(hu_XYZ: np.ndarray, axes: ScanAxes, geometry: Geometry, metal: Metal, rng: np.random.Generator) -> None:
    """A bright ball and, in its slices, streaks that keep their direction and are both dark and bright."""
    at = geometry.to_index(np.array([metal.centre_mm]))[0][list(axes.order)]
    x, y, z = ((np.arange(n) - c) * h for n, c, h in zip(hu_XYZ.shape, at, axes.spacing_mm, strict=True))
    distance, direction = np.hypot(x[:, None], y[None]), np.arctan2(y[None], x[:, None])
    orders = np.arange(1, 13)
    phases, sizes = rng.uniform(0, 2 * np.pi, orders.size), rng.standard_normal(orders.size)
    fan = (sizes * np.cos(2 * orders * direction[..., None] + phases)).sum(axis=-1) / np.sqrt(orders.size / 2)
    fan *= metal.streak_hu * metal.radius_mm / np.maximum(distance, metal.radius_mm)
    for k in np.flatnonzero(np.abs(z) <= metal.radius_mm):
        inside = distance <= np.sqrt(metal.radius_mm**2 - z[k] ** 2)
        hu_XYZ[:, :, k] += fan.astype(np.float32)
        hu_XYZ[:, :, k][inside] = HIGHEST_HU
