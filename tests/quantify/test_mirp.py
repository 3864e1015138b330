"""mirp, an implementation of IBSI that was not written here, agrees on every feature that both define.

An optional oracle (pip install mirp; it brings itk and changes no other package): without it the test is skipped.
"""

import numpy as np
import pytest

from netlesion.image.geometry import Geometry
from netlesion.image.volume import Quantity, Volume
from netlesion.io.nifti import write_volume
from netlesion.quantify.measure import measure

SPACING = (4.0, 4.0, 3.0)


@pytest.mark.filterwarnings("ignore")  # what mirp and itk have to say of their own business
@pytest.mark.parametrize("seed", [0, 1])
def test_statistics_volume_and_peaks_are_those_of_mirp(tmp_path, seed):
    mirp = pytest.importorskip("mirp", reason="an optional oracle: mirp is not installed")
    rng = np.random.default_rng(seed)
    geometry = Geometry(np.diag([*SPACING, 1.0]), (29, 27, 31))
    grid = (np.stack(np.meshgrid(*(np.arange(n) for n in geometry.shape), indexing="ij"), -1) - 14) * SPACING
    away = np.linalg.norm(grid / rng.uniform(0.8, 1.3, 3), axis=-1)
    suv = Volume(1 + 12 * np.exp(-((away / 14) ** 2)) * rng.uniform(0.7, 1.3, geometry.shape), geometry, Quantity.SUVBW)
    lesion = Volume(away < 18, geometry, Quantity.LABEL)
    write_volume(tmp_path / "image.nii.gz", suv)
    write_volume(tmp_path / "mask.nii.gz", lesion)
    table = mirp.extract_features(
        image=str(tmp_path / "image.nii.gz"),
        mask=str(tmp_path / "mask.nii.gz"),
        image_modality="pet",
        base_feature_families=["morphology", "local_intensity", "statistics"],
    )[0]
    theirs = {name: float(table[name].iloc[0]) for name in table.columns if name.startswith(("stat", "loc", "morph"))}
    (row,) = measure(suv, lesion)
    expected = {
        "stat_mean": row.suvmean_g_per_ml,
        "stat_max": row.suvmax_g_per_ml,
        "stat_var": row.suvsd_g_per_ml**2,
        "stat_cov": row.cov,
        "stat_skew": row.skewness,
        "stat_kurt": row.excess_kurtosis,
        "morph_vol_approx": row.volume_ml * 1000,
        "loc_peak_glob": row.suvpeak_ibsi_g_per_ml,
    }
    assert {name: theirs[name] for name in expected} == pytest.approx(expected, rel=1e-4)
