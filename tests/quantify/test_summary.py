from dataclasses import replace

import pytest

from netlesion.quantify.row import LesionRow
from netlesion.quantify.summary import PatientSummary, read_summaries, summarise, write_summaries

ROW = LesionRow(1, 10, 2.0, 9.0, 4.0, 7.0, None, 0.0, 0.0, 0.0)
THREE = (
    ROW,
    replace(ROW, lesion_id=2, suvmean_g_per_ml=3.0, volume_ml=1.0, centroid_x_mm=30.0, centroid_y_mm=40.0),
    replace(ROW, lesion_id=3, suvmax_g_per_ml=12.0, centroid_z_mm=10.0),
)


def test_three_lesions_add_up():
    """Volumes of 2, 1 and 2 ml with means of 4, 3 and 4; the first two lie 50 mm apart, the last two 51 mm."""
    found = summarise(THREE, weight_kg=70.0, height_cm=175.0)
    assert (found.num_lesions, found.volume_ml, found.total_uptake_g) == (3, 5.0, 19.0)
    assert (found.suvmax_g_per_ml, found.min_suvmean_g_per_ml) == (12.0, 3.0)
    assert found.dmax_mm == pytest.approx((30**2 + 40**2 + 10**2) ** 0.5)
    assert found.sdmax_per_m == pytest.approx(found.dmax_mm / 1000 / 1.84814, rel=1e-5)  # BSA of clinical.md 1.1


def test_one_lesion_has_no_distance_and_none_has_no_number():
    assert summarise(THREE[:1]).dmax_mm == 0.0
    assert summarise(THREE[:1]).sdmax_per_m is None
    assert summarise(()) == PatientSummary(0, 0, 0, None, None, None, None)


def test_a_table_gives_back_its_summaries(tmp_path):
    by_case = {"case-1": summarise(THREE[:1]), "case-2": summarise(())}
    write_summaries(tmp_path / "patients.tsv", by_case)
    assert read_summaries(tmp_path / "patients.tsv") == by_case
