"""The scanners: grids and fields of view of clinical.md 7.5, widths, beds, and what is refused."""

import numpy as np
import pytest

from netlesion.errors import ConfigError
from netlesion.phantom.scanners import SCANNERS, effective_fwhm_mm, positron_range_mm, relative_sensitivity


def test_entries_are_plausible_and_named():
    assert len(SCANNERS) == 7
    for scanner in SCANNERS.values():
        assert scanner.modality in ("PET/CT", "PET/MR")
        assert 160.0 <= scanner.axial_fov_mm <= 265.0
        assert 500.0 < scanner.matrix[0] * scanner.spacing_mm[0] < 830.0
        assert 3.5 <= scanner.psf_mm[0] <= scanner.psf_mm[1] <= 9.0
        assert scanner.effective_sensitivity >= scanner.sensitivity


def test_positron_range_adds_in_quadrature():
    scanner = SCANNERS["discovery_mi"]
    gallium, fluorine = effective_fwhm_mm(scanner, "68Ga"), effective_fwhm_mm(scanner, "18F")
    assert gallium[0] ** 2 - fluorine[0] ** 2 == pytest.approx(2.8**2 - 0.6**2)
    assert fluorine[0] < gallium[0] < 7.0


def test_an_unknown_nuclide_is_refused():
    with pytest.raises(ConfigError, match="11C"):
        positron_range_mm("11C")


def test_beds_overlap_so_sensitivity_dips_between_them_and_ends():
    scanner = SCANNERS["discovery_mi"]
    z_mm = np.arange(0.0, 1000.0, 2.79)
    profile = relative_sensitivity(scanner, z_mm)
    middle = profile[50:-50]
    assert middle.max() == pytest.approx(1.0, abs=0.03)
    assert middle.min() == pytest.approx(2 * scanner.bed_overlap, abs=0.03)
    assert profile == pytest.approx(profile[::-1], abs=1e-9)
    assert relative_sensitivity(scanner, z_mm[::-1]) == pytest.approx(profile)
    assert 0.1 <= profile[0] < middle.max()


def test_half_overlap_and_continuous_motion_are_even():
    from dataclasses import replace

    z_mm = np.arange(0.0, 900.0, 3.0)
    half = relative_sensitivity(replace(SCANNERS["vereos"], bed_overlap=0.5), z_mm)
    assert half[40:-40] == pytest.approx(np.ones(z_mm.size - 80))
    assert (relative_sensitivity(SCANNERS["biograph_mct_flow"], z_mm) == 1.0).all()


def test_a_single_slice_is_in_the_middle_of_its_bed():
    assert relative_sensitivity(SCANNERS["signa_petmr"], np.array([12.0])).tolist() == [1.0]


#: NEMA FBP resolution at 1 cm, in plane (clinical.md 7.5).
NEMA_MM = {
    "discovery_mi": 4.15, "signa_petmr": 4.27, "biograph_mct_flow": 4.33, "biograph_mmr": 4.3, "vereos": 4.01,
}  # fmt: skip


@pytest.mark.parametrize("name", NEMA_MM)
def test_what_blurs_the_image_filters_its_noise(name):
    scanner = SCANNERS[name]
    assert scanner.filter_mm[0] >= 0.98 * max(scanner.psf_mm[0] ** 2 - NEMA_MM[name] ** 2, 0.0) ** 0.5


def test_a_wider_filter_takes_noise_away():
    from dataclasses import replace

    scanner = SCANNERS["biograph_mmr"]
    narrow, wide = (replace(scanner, filter_mm=(f, f)).reconstruction(1.0).gain for f in (4.0, 8.0))
    assert wide / narrow == pytest.approx(2.0**-1.3)
