"""Blur keeps activity exactly, has the width asked for, and is wider in lung and off axis."""

import numpy as np
import pytest
from scipy import ndimage

from netlesion.phantom import blur
from netlesion.phantom.blur import FWHM_PER_SIGMA, blur_gaussian, off_axis_variance, spread_activity

SPACING = (2.0, 3.0, 2.5)
SHAPE = (51, 37, 43)
NONE = np.zeros(SHAPE[:2], dtype=np.float32)


def point(at=(25, 18, 21)):
    image = np.zeros(SHAPE, dtype=np.float32)
    image[at] = 100.0
    return image


def fwhm_mm(image, axis):
    profile = image.sum(axis=tuple(a for a in range(3) if a != axis)).astype(np.float64)
    mm = np.arange(profile.size) * SPACING[axis]
    mean = (profile * mm).sum() / profile.sum()
    return 2.3548 * np.sqrt((profile * (mm - mean) ** 2).sum() / profile.sum())


def test_a_point_keeps_its_activity_and_gets_the_fwhm_of_each_axis():
    image = point()
    blur_gaussian(image, SPACING, (9.0, 9.0, 7.0))
    assert image.sum() == pytest.approx(100.0, rel=1e-5)
    assert [fwhm_mm(image, a) for a in range(3)] == pytest.approx([9.0, 9.0, 7.0], rel=0.03)


def test_lung_adds_in_quadrature_and_activity_stays():
    image = point()
    lung = np.ones(SHAPE, dtype=np.float32)
    spread_activity(
        image, SPACING, fwhm_mm=(6.0, 6.0, 6.0), added_XY=NONE, lung_share_XYZ=lung, lung_added=36.0 - 2.8**2
    )
    assert image.sum() == pytest.approx(100.0, rel=1e-5)
    assert fwhm_mm(image, 1) == pytest.approx(np.sqrt(36.0 + 36.0 - 2.8**2), rel=0.04)


def test_half_lung_is_half_of_the_added_variance():
    image = point()
    lung = np.full(SHAPE, 0.5, dtype=np.float32)
    spread_activity(image, SPACING, fwhm_mm=(6.0,) * 3, added_XY=NONE, lung_share_XYZ=lung, lung_added=30.0)
    assert fwhm_mm(image, 0) == pytest.approx(np.sqrt(36.0 + 15.0), rel=0.04)


def test_without_lung_nothing_is_added():
    image, plain = point(), point()
    spread_activity(image, SPACING, fwhm_mm=(6.0,) * 3, added_XY=NONE, lung_share_XYZ=None, lung_added=30.0)
    blur_gaussian(plain, SPACING, (6.0,) * 3)
    assert np.array_equal(image, plain)


def test_off_axis_growth_is_as_asked_at_ten_cm_and_ends():
    added = off_axis_variance(np.array([0.0, 100.0, 400.0]), np.array([0.0]), growth_mm=3.0)[:, 0]
    assert added == pytest.approx([0.0, 9.0, 9.0 * 6.25])


def test_one_voxel_stays_as_it_is():
    image = np.full((1, 1, 1), 3.0, dtype=np.float32)
    blur_gaussian(image, SPACING, (6.0,) * 3)
    assert image[0, 0, 0] == 3.0


@pytest.mark.parametrize("shape", [(31, 22, 17), (3, 40, 5), (40, 2, 9), (1, 7, 1)])
@pytest.mark.parametrize("slab", [50, 65_536])
def test_a_gaussian_is_scipys_on_any_shape(shape, slab, monkeypatch):
    monkeypatch.setattr(blur, "SLAB_VOXELS", slab)
    image = np.random.default_rng(2).random(shape, dtype=np.float32)
    spacing, fwhm = (2.0, 3.0, 2.5), (9.0, 6.0, 8.0)
    sigma = [f / FWHM_PER_SIGMA / h if n > 1 else 0.0 for f, h, n in zip(fwhm, spacing, shape, strict=True)]
    expected = ndimage.gaussian_filter(image.astype(np.float64), sigma, mode="nearest", truncate=3.0)
    for own in (image.copy(order="C"), image.copy(order="F")):
        blur_gaussian(own, spacing, fwhm)
        np.testing.assert_allclose(own, expected, atol=1e-5)
