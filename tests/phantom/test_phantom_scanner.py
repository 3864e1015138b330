"""The scanner's laws: blur keeps activity, noise has the SD and the length asked for, a grid covers its box."""

import numpy as np
import pytest

from netlesion.errors import ConfigError
from netlesion.geometry import Geometry
from netlesion.phantom.scanner import blurred, ct_image, grid_around, lognormal_texture, noise_field, pet_image

GRID = Geometry(np.diag([4.0, 3.0, 5.0, 1.0]), (43, 51, 37))


def test_blur_keeps_the_total_and_spreads_by_the_fwhm():
    point = np.zeros(GRID.shape, dtype=np.float32)
    point[21, 25, 18] = 100.0
    spread = blurred(point, GRID, fwhm_mm=12.0)
    assert spread.sum() == pytest.approx(100.0, rel=1e-4)
    offsets_mm = (np.arange(51) - 25) * 3.0
    variance = (spread.sum(axis=(0, 2)) * offsets_mm**2).sum() / 100.0
    assert np.sqrt(variance) * 2.3548 == pytest.approx(12.0, rel=0.03)


def test_noise_field_is_standard_and_correlated_equally_in_mm():
    field = noise_field((61, 71, 67), (4.0, 3.0, 5.0), fwhm_mm=10.0, seed=5)
    assert abs(field.mean()) < 0.05
    assert field.std() == pytest.approx(1.0, abs=0.05)
    along_12_mm_i = (field[3:] * field[:-3]).mean()
    along_12_mm_j = (field[:, 4:] * field[:, :-4]).mean()
    assert along_12_mm_i == pytest.approx(along_12_mm_j, abs=0.05)
    assert 0.05 < along_12_mm_i < 0.4


def test_texture_has_mean_one_and_the_cov_asked_for():
    texture = lognormal_texture(noise_field((61, 71, 67), (4.0, 4.0, 4.0), 10.0, seed=6), cov=0.2)
    assert texture.mean() == pytest.approx(1.0, abs=0.01)
    assert texture.std() == pytest.approx(0.2, abs=0.01)


def test_pet_noise_grows_with_the_root_of_activity():
    def measured(suv: float) -> np.ndarray:
        truth = np.full(GRID.shape, suv, dtype=np.float32)
        knobs = {"psf_fwhm_mm": 6.0, "noise_cov": 0.1, "noise_reference_suv": 5.0, "noise_fwhm_mm": 6.0}
        return pet_image(truth, GRID, **knobs, seed=1)

    assert measured(5.0).std() == pytest.approx(0.5, rel=0.05)
    assert measured(20.0).std() == pytest.approx(1.0, rel=0.05)
    assert measured(20.0).mean() == pytest.approx(20.0, rel=0.01)
    assert measured(0.0).min() >= 0.0


def test_ct_noise_and_floor():
    image = ct_image(np.full(GRID.shape, -1020.0, dtype=np.float32), GRID, noise_hu=20.0, noise_fwhm_mm=4.0, seed=2)
    assert image.min() >= -1024.0
    image = ct_image(np.full(GRID.shape, 40.0, dtype=np.float32), GRID, noise_hu=20.0, noise_fwhm_mm=4.0, seed=2)
    assert image.std() == pytest.approx(20.0, rel=0.05)


@pytest.mark.parametrize("orientation", ["RAS", "LAS", "LPS", "LPI"])
def test_grid_covers_its_box_and_no_more_than_a_voxel_beyond(orientation):
    low, high, spacing = np.array([-50.0, -30.0, 7.0]), np.array([61.0, 33.0, 90.0]), np.array([4.2, 3.0, 5.0])
    grid = grid_around(tuple(low), tuple(high), tuple(spacing), orientation)
    corners = grid.to_world(np.array([[-0.5] * 3, np.array(grid.shape) - 0.5]))
    assert (corners.min(axis=0) <= low + 1e-9).all()
    assert (corners.max(axis=0) >= high - 1e-9).all()
    assert (np.array(grid.shape) * spacing < high - low + spacing).all()
    assert ["".join(np.where(np.diag(grid.affine_ras)[:3] > 0, list("RAS"), list("LPI")))] == [orientation]


@pytest.mark.parametrize("orientation", ["ARS", "RA", "xyz"])
def test_other_orientations_are_refused(orientation):
    with pytest.raises(ConfigError, match=orientation):
        grid_around((0, 0, 0), (9, 9, 9), (1, 1, 1), orientation)
