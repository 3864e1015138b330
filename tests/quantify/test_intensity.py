import numpy as np
import pytest

from netlesion.image.volume import Quantity
from netlesion.io.nifti import read_volume
from netlesion.quantify.intensity import auc_csh, moments

#: Consensus of IBSI's digital phantom for whatever both define, with half of the last digit (its tolerance is 0).
IBSI = {
    "mean": (2.15, 0.005),
    "variance": (3.05, 0.005),
    "skewness": (1.08, 0.005),
    "excess_kurtosis": (-0.355, 0.0005),
    "cov": (0.812, 0.0005),
    "max": (6.0, 0.0),
    "volume_mm3": (592.0, 4.0),
}


@pytest.mark.realdata
def test_the_digital_phantom_has_the_figures_of_ibsi(shared_data):
    folder = shared_data / "ibsi_digital_phantom" / "nifti"
    image = read_volume(folder / "image" / "phantom.nii.gz", Quantity.MR)
    inside = read_volume(folder / "mask" / "mask.nii.gz", Quantity.LABEL).array > 0
    values = image.array[inside]
    found = vars(moments(values)) | {
        "variance": moments(values).sd ** 2,
        "max": values.max(),
        "volume_mm3": inside.sum() * image.geometry.voxel_volume_ml * 1000,
    }
    wrong = {n: found[n] for n, (value, tolerance) in IBSI.items() if abs(found[n] - value) > tolerance + 1e-9}
    assert wrong == {}


def test_moments_agree_with_scipy():
    stats = pytest.importorskip("scipy.stats")
    values = np.random.default_rng(0).gamma(2, 3, 57)
    found = moments(values)
    assert (found.mean, found.sd) == pytest.approx((values.mean(), values.std()))
    assert found.cov == pytest.approx(stats.variation(values))
    assert found.skewness == pytest.approx(stats.skew(values))
    assert found.excess_kurtosis == pytest.approx(stats.kurtosis(values))


@pytest.mark.parametrize("values", [[3.0], [0.1, 0.1, 0.1]])
def test_equal_voxels_have_no_skewness(values):
    found = moments(np.array(values, np.float32))
    assert (found.cov, found.skewness, found.excess_kurtosis) == (pytest.approx(0.0), None, None)


def test_nothing_but_zero_has_no_coefficient_of_variation():
    assert moments(np.zeros(4)).cov is None


def test_the_area_under_the_histogram_is_that_of_its_steps():
    """Ten voxels: five of 10, three of 5, two of 1. y is 1 up to 0.1, 0.8 up to 0.5, 0.5 up to 1: 0.1 + 0.32 + 0.25."""
    values = np.array([10.0] * 5 + [5.0] * 3 + [1.0] * 2)
    assert auc_csh(values) == pytest.approx(0.67)
    x = np.linspace(0, 1, 100_001)
    assert auc_csh(values) == pytest.approx(np.trapezoid([(values / 10 >= t).mean() for t in x], x), abs=1e-4)


def test_an_even_lesion_has_the_whole_area_and_fewer_than_ten_voxels_have_none():
    assert auc_csh(np.full(10, 2.0)) == 1.0
    assert auc_csh(np.arange(1.0, 10.0)) is None
    assert auc_csh(np.zeros(12)) is None
