"""A CT image: noise that follows paths and streaks across the long ones, HU kept, the FOV, metal, the floor."""

import numpy as np
import pytest

from netlesion.errors import ConfigError, QuantityError
from netlesion.image.geometry import Geometry
from netlesion.phantom.ct_physics import Metal, ct_image

SPACING = (2.0, 2.0, 4.0)


def water(half_x, half_y, shape=(270, 151, 21), spacing=SPACING):
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = -np.array(spacing) * (np.array(shape) - 1) / 2
    x, y = (np.arange(n) * h - (n - 1) * h / 2 for n, h in zip(shape[:2], spacing[:2], strict=True))
    inside = (x[:, None] / half_x) ** 2 + (y[None] / half_y) ** 2 < 1
    hu = np.where(inside, np.float32(0.0), np.float32(-1000.0))
    return Geometry(affine, shape), np.repeat(hu[..., None], shape[2], axis=2).astype(np.float32)


def noise(half_x, half_y, seed=1):
    grid, hu = water(half_x, half_y)
    image = ct_image(hu, grid, noise_hu=10.0, kernel_fwhm_mm=4.0, seed=seed)
    return image[120:150, 65:86]


def test_noise_is_as_asked_behind_300_mm_of_water_and_the_mean_is_kept():
    region = noise(149.0, 149.0)
    assert region.std() == pytest.approx(10.0, rel=0.12)
    assert region.mean() == pytest.approx(0.0, abs=1.0)


def test_wider_bodies_are_noisier():
    thin, thick = noise(120.0, 100.0).std(), noise(240.0, 100.0).std()
    assert thick > 1.4 * thin


def test_streaks_run_along_the_long_paths():
    region = noise(240.0, 90.0)
    along_x = (region[2:] * region[:-2]).mean() / (region**2).mean()
    along_y = (region[:, 2:] * region[:, :-2]).mean() / (region**2).mean()
    assert along_x > along_y + 0.15


def test_the_field_of_view_ends_at_500_mm():
    grid, hu = water(400.0, 400.0)
    image = ct_image(hu, grid, noise_hu=0.0, kernel_fwhm_mm=0.1, seed=0)
    x, y = (np.arange(n) * 2.0 - (n - 1) for n in image.shape[:2])
    outside = x[:, None] ** 2 + y[None] ** 2 > 250.0**2
    assert (image[outside] == -1024.0).all()
    assert (image[~outside] == 0.0).all()


def test_nothing_is_below_the_floor_and_a_seed_gives_the_same_bytes():
    grid, hu = water(180.0, 110.0)
    first, again = (ct_image(hu, grid, noise_hu=60.0, kernel_fwhm_mm=3.0, seed=5) for _ in range(2))
    assert first.min() >= -1024.0
    assert first.dtype == np.float32
    assert np.array_equal(first, again)
    assert not np.array_equal(first, ct_image(hu, grid, noise_hu=60.0, kernel_fwhm_mm=3.0, seed=6))


def test_metal_is_bright_and_streaks_in_its_own_slices_only():
    grid, hu = water(180.0, 110.0)
    plain = ct_image(hu, grid, noise_hu=0.0, kernel_fwhm_mm=2.0, seed=0)
    image = ct_image(hu, grid, noise_hu=0.0, kernel_fwhm_mm=2.0, seed=0, metal=(Metal((40.0, -20.0, 0.0), 12.0),))
    at = np.rint(grid.to_index(np.array([[40.0, -20.0, 0.0]]))[0]).astype(int)
    assert image[tuple(at)] == 3071.0
    ring = (image - plain)[at[0] + 15 : at[0] + 20, at[1] - 20 : at[1] + 20, at[2]]
    assert ring.min() < -10.0 < 10.0 < ring.max()
    assert np.array_equal(image[..., :5], plain[..., :5])
    assert np.abs((image - plain)[..., at[2]][:3]).max() < 100.0


def test_a_permuted_flipped_grid_gives_the_same_field_of_view():
    grid, hu = water(180.0, 110.0, shape=(90, 61, 7), spacing=(6.0, 6.0, 4.0))
    affine = grid.affine_ras[:, [2, 0, 1, 3]].copy()
    affine[:3, 3] += affine[:3, 1] * 89
    affine[:3, 1] *= -1
    turned = Geometry(affine, (7, 90, 61))
    plain = ct_image(hu, grid, noise_hu=0.0, kernel_fwhm_mm=8.0, seed=0)
    image = ct_image(hu.transpose(2, 0, 1)[:, ::-1], turned, noise_hu=0.0, kernel_fwhm_mm=8.0, seed=0)
    assert np.abs(image - plain.transpose(2, 0, 1)[:, ::-1]).max() < 1e-2


def test_air_one_voxel_and_nonsense():
    one = Geometry(np.eye(4), (1, 1, 1))
    facts = {"noise_hu": 10.0, "kernel_fwhm_mm": 2.0, "seed": 0}
    assert ct_image(np.full((1, 1, 1), -1000.0), one, **facts)[0, 0, 0] == -1000.0
    assert np.isfinite(ct_image(np.zeros((1, 1, 1)), one, **facts)).all()
    with pytest.raises(QuantityError, match="finite"):
        ct_image(np.full((1, 1, 1), np.nan), one, **facts)
    with pytest.raises(QuantityError, match="agree"):
        ct_image(np.zeros((2, 1, 1)), one, **facts)
    with pytest.raises(ConfigError, match="kernel"):
        ct_image(np.zeros((1, 1, 1)), one, noise_hu=1.0, kernel_fwhm_mm=0.0, seed=0)
    with pytest.raises(ConfigError, match="metal"):
        Metal((0.0, 0.0, 0.0), 0.0)
