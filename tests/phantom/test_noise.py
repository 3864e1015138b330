"""Counting noise: against a real OSEM, against counts, against attenuation; positive, and the mean is kept."""

from functools import cache

import numpy as np
import pytest
from scipy import ndimage

from bench.osem import Osem, Slice2D, ellipse, realisations, system_matrix
from bench.phantom_noise import acf_fwhm_mm
from netlesion.phantom.noise import Reconstruction, add_noise, noise_maps

SPACING = (4.0, 4.0, 4.0)
WATER = 0.096


def reconstruction(counts=3.0, convergence_mm=158.0, gain=0.0093):
    return Reconstruction(counts, gain, convergence_mm, (5.0, 5.0), scatter_fraction=0.35, randoms_per_true=0.5)


def cylinder(diameter_mm, slices=1, size=112, value=1.0):
    x = (np.arange(size) - (size - 1) / 2) * 4.0
    inside = (x[:, None] ** 2 + x[None] ** 2 < (diameter_mm / 2) ** 2).astype(np.float32)
    return np.repeat(inside[..., None], slices, axis=2) * np.float32(value)


def cov_map(suv, mu, **facts):
    slices = suv.shape[2]
    maps = noise_maps(suv, mu, SPACING, reconstruction=reconstruction(**facts), sensitivity_Z=np.ones(slices))
    return np.sqrt(maps.fine((*(slice(0, n) for n in suv.shape[:2]), slice(0, slices))).squared_cov(suv))


def centre(array):
    middle = array.shape[0] // 2
    return float(array[middle - 5 : middle + 5, middle - 5 : middle + 5].mean())


def noisy(suv, mu, seed=1, **facts):
    maps = noise_maps(suv, mu, SPACING, reconstruction=reconstruction(**facts), sensitivity_Z=np.ones(suv.shape[2]))
    image = suv.copy()
    add_noise(image, maps, SPACING, filter_mm=(5.0, 5.0), seed=seed)
    return image


@cache
def reference_matrix():
    return system_matrix()


def osem_sd(diameter_mm, mu, trues_per_mm=3.0):
    body = ellipse((0, 0), (diameter_mm / 2, diameter_mm / 2))
    matrix = reference_matrix()
    survival = np.exp(-(matrix @ (body * np.float32(mu)).ravel()))
    trues = float((survival * (matrix @ body.ravel())).sum()) * trues_per_mm
    stack = realisations(matrix, Slice2D("", body, body * np.float32(mu)), Osem(2, 14), trues, 20, seed=3)[:-1]
    return float(np.sqrt(stack[:, 56:72, 56:72].var(axis=0, ddof=1).mean()))


def test_noise_of_three_cylinders_is_that_of_osem():
    """One gain, fitted to the first; size and attenuation are predicted (bench/phantom_noise.py has many more)."""
    ours, osem = [], []
    for diameter, mu in ((200.0, 0.0096), (400.0, 0.0096), (400.0, 0.0)):
        body = cylinder(diameter)
        clean = ndimage.gaussian_filter(body, (0.7, 0.7, 0.0))
        ours.append(centre(cov_map(clean, body * np.float32(10 * mu))))
        osem.append(osem_sd(diameter, mu))
    assert np.array(ours[1:]) / ours[0] == pytest.approx(np.array(osem[1:]) / osem[0], rel=0.12)
    assert osem[1] / osem[2] > 4.0


@pytest.mark.parametrize("factor", [0.25, 4.0, 9.0])
def test_noise_falls_with_the_root_of_counts(factor):
    body = cylinder(300.0)
    few, many = cov_map(body, body * WATER), cov_map(body, body * WATER, counts=3.0 * factor)
    inside = body > 0
    assert np.abs(few[inside] / many[inside] / np.sqrt(factor) - 1.0).max() < 1e-4


def test_more_attenuation_means_more_noise_and_most_of_it_in_the_middle():
    body = cylinder(300.0)
    none, water = cov_map(body, body * 0.0), cov_map(body, body * WATER)
    assert centre(water) > 3.0 * centre(none)
    edge = float(water[56 + 34, 51:61].mean())
    assert centre(water) > 1.2 * edge


def test_activity_elsewhere_on_the_lines_adds_noise_once_the_image_has_converged():
    body = cylinder(300.0)
    hot = body.copy()
    hot[75:85, 51:61] = 40.0
    late, early = ({"convergence_mm": rho} for rho in (1e5, 1.0))
    assert centre(cov_map(hot, body * WATER, **late)) > 1.15 * centre(cov_map(body, body * WATER, **late))
    assert centre(cov_map(hot, body * WATER, **early)) < centre(cov_map(body, body * WATER, **early))


def test_cold_regions_are_quiet():
    suv = cylinder(300.0)
    suv[70:80, 50:62] = 0.1
    sd = suv * cov_map(suv, cylinder(300.0) * WATER)
    assert sd[73:77, 53:59].mean() < 0.25 * sd[35:40, 53:59].mean()


def test_the_mean_is_kept_and_the_sd_is_that_of_the_map():
    suv = cylinder(300.0, slices=41)
    image, expected = noisy(suv, suv * WATER), cov_map(suv, suv * WATER)
    inside = ndimage.binary_erosion(suv[..., 0] > 0, iterations=3)
    assert image[inside].mean() == pytest.approx(1.0, abs=0.01)
    assert image[inside].std() == pytest.approx(np.sqrt((expected[inside] ** 2).mean()), rel=0.03)
    assert image.min() >= 0.0
    assert image[inside].min() > 0.0


def test_noise_is_skewed_like_a_log_normal():
    image = noisy(cylinder(300.0, slices=21), cylinder(300.0, slices=21) * WATER, counts=0.5)
    values = np.log(image[46:66, 46:66].ravel())
    skew = ((values - values.mean()) ** 3).mean() / values.std() ** 3
    assert abs(skew) < 0.2


def test_noise_is_coarser_where_osem_has_not_converged():
    """Autocorrelation of OSEM 2x14 at 8 mm: 0.26 in a cylinder of 40 cm, 0.15 in one of 20 cm."""

    def at_8_mm(diameter):
        body = cylinder(diameter, slices=41)
        noise = (noisy(body, body * WATER) - body)[41:71, 41:71]
        return float((noise[2:] * noise[:-2]).mean() / (noise**2).mean())

    small, large = at_8_mm(200.0), at_8_mm(400.0)
    assert small == pytest.approx(0.15, abs=0.08)
    assert large == pytest.approx(0.26, abs=0.08)
    assert small < large


def test_noise_is_finer_across_the_short_way_through_the_body():
    """An ellipse of 36 x 18 cm: the autocorrelation of OSEM 2x14 is 6.8 mm wide along x and 12.8 mm along y."""
    x = (np.arange(112) - 55.5) * 4.0
    body = np.repeat(((x[:, None] / 180) ** 2 + (x[None] / 90) ** 2 < 1).astype(np.float32)[..., None], 31, axis=2)
    noise = np.moveaxis(noisy(body, body * WATER) - body, 2, 0)
    assert acf_fwhm_mm(noise, (56, 56), 12) == pytest.approx([6.8, 12.8], rel=0.15)


def test_air_near_the_body_reads_faintly_and_air_far_away_nothing():
    body = cylinder(200.0, slices=3)
    image = noisy(body, body * WATER)
    near, far = image[56 + 30, 50:62], image[:3, :3]
    assert 0.0 < near.mean() < 0.02
    assert far.mean() < near.mean()


def test_less_sensitive_slices_are_noisier():
    body = cylinder(200.0, slices=8)
    sensitivity = np.repeat([1.0, 0.25], 4)
    maps = noise_maps(body, body * WATER, SPACING, reconstruction=reconstruction(), sensitivity_Z=sensitivity)
    scale = maps.scale[14, 14]
    assert scale[-1] / scale[0] == pytest.approx(4.0)


@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 1, 5), (2, 7, 1)])
def test_small_volumes_and_empty_ones_stay_finite(shape):
    for value in (0.0, 2.0):
        image = noisy(np.full(shape, value, dtype=np.float32), np.full(shape, value * 0.05, dtype=np.float32))
        assert np.isfinite(image).all()
        assert image.min() >= 0.0
