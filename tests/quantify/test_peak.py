import numpy as np
import pytest
from scipy import ndimage

from netlesion.quantify.peak import sphere_kernel, suv_peak


def test_agrees_with_scipy_correlate():
    suv = np.random.default_rng(0).gamma(2.0, 2.0, size=(13, 11, 9)).astype(np.float32)
    mask = np.zeros(suv.shape, bool)
    mask[1:7, 2:9, 0:5] = True
    spacing = (2.0, 3.0, 4.0)
    means = ndimage.correlate(suv.astype(np.float64), sphere_kernel(spacing), mode="nearest")
    assert suv_peak(suv, np.argwhere(mask), spacing) == pytest.approx(means[mask].max(), rel=1e-9)


@pytest.mark.parametrize("spacing", [(2.0, 2.0, 2.0), (2.87, 2.87, 3.27), (4.0, 4.0, 4.0), (1.6, 5.0, 2.5)])
def test_the_fractional_sphere_holds_one_ml(spacing):
    from netlesion.quantify.peak import PEAK_RADIUS_MM

    kernel = sphere_kernel(spacing)
    assert kernel.sum() == pytest.approx(1.0)
    assert all(n % 2 == 1 for n in kernel.shape)
    assert 1.0 / kernel.max() * np.prod(spacing) / 1000 == pytest.approx(
        4 / 3 * np.pi * PEAK_RADIUS_MM**3 / 1000, rel=0.05
    )


@pytest.mark.parametrize(("spacing", "voxels"), [(2.0, 123), (2.87, 33), (4.0, 19)])
def test_the_centre_rule_counts_the_voxels_of_clinical_md(spacing, voxels):
    assert (sphere_kernel((spacing,) * 3, "ibsi_centre") > 0).sum() == voxels


def test_one_voxel_lesion_at_the_border():
    suv = np.full((3, 3, 3), 2.0, np.float32)
    assert suv_peak(suv, np.array([[0, 0, 0]]), (4.0, 4.0, 4.0)) == pytest.approx(2.0)


@pytest.mark.realdata
def test_ibsi_digital_phantom(shared_data):
    """Consensus values: local intensity peak 2.6, global intensity peak 3.1."""
    from netlesion.image.volume import Quantity
    from netlesion.io.nifti import read_volume

    folder = shared_data / "ibsi_digital_phantom" / "nifti"
    image = read_volume(folder / "image" / "phantom.nii.gz", Quantity.MR)
    voxels = np.argwhere(read_volume(folder / "mask" / "mask.nii.gz", Quantity.LABEL).array > 0)
    spacing = image.geometry.spacing_mm
    assert suv_peak(image.array, voxels, spacing, "ibsi_centre", "local") == pytest.approx(2.6, abs=0.005)
    assert suv_peak(image.array, voxels, spacing, "ibsi_centre", "global") == pytest.approx(3.1, abs=0.005)
