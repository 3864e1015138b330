import json
import sys
from dataclasses import fields

import numpy as np
import pytest

from netlesion.errors import GeometryError, QuantityError
from netlesion.image.geometry import Geometry
from netlesion.image.volume import Quantity, Volume
from netlesion.quantify.measure import measure
from netlesion.quantify.row import COLUMNS, LesionRow
from netlesion.quantify.table import LesionTable, read_lesions, write_lesions

AFFINE = np.array([[0, -4.0, 0, 9], [3.0, 0, 0, -5], [0, 0, -2.0, 1], [0, 0, 0, 1]])
GRID = Geometry(AFFINE, (11, 7, 5))


def two_lesions():
    suv = np.ones(GRID.shape)
    labels = np.zeros(GRID.shape, np.uint8)
    labels[0, 0, 0], suv[0, 0, 0] = 3, 8.0
    labels[5:7, 3, 2], suv[5, 3, 2], suv[6, 3, 2] = 1, 4.0, 6.0
    return Volume(suv, GRID, Quantity.SUVBW), Volume(labels, GRID, Quantity.LABEL)


def test_hand_counted_lesions():
    suv, labels = two_lesions()
    first, third = measure(suv, labels)
    assert (first.lesion_id, first.num_voxels, first.suvmax_g_per_ml, first.suvmean_g_per_ml) == (1, 2, 6.0, 5.0)
    assert first.volume_ml == pytest.approx(2 * 0.024)
    assert (first.centroid_x_mm, first.centroid_y_mm, first.centroid_z_mm) == pytest.approx((-3.0, 11.5, -3.0))
    assert (third.lesion_id, third.num_voxels, third.suvmax_g_per_ml) == (3, 1, 8.0)
    assert first.score is None


def test_the_score_is_the_highest_probability():
    suv, labels = two_lesions()
    probability = np.zeros(GRID.shape)
    probability[5, 3, 2], probability[6, 3, 2] = 0.6, 0.9
    first, third = measure(suv, labels, Volume(probability, GRID, Quantity.PROBABILITY))
    assert first.score == pytest.approx(0.9)
    assert third.score == 0.0


def test_an_empty_mask_has_no_row():
    suv, labels = two_lesions()
    assert measure(suv, labels.with_array(np.zeros(GRID.shape, np.uint8))) == ()


def test_another_grid_and_another_quantity_are_refused():
    suv, labels = two_lesions()
    shifted = AFFINE.copy()
    shifted[0, 3] += 0.5
    moved = Volume(labels.array, Geometry(shifted, GRID.shape), Quantity.LABEL)
    with pytest.raises(GeometryError, match="the PET and the lesion mask"):
        measure(suv, moved)
    with pytest.raises(QuantityError, match="BQML"):
        measure(suv.with_array(suv.array, Quantity.BQML), labels)


def test_a_table_can_be_read_again_and_has_a_dictionary(tmp_path):
    rows = measure(*two_lesions())
    write_lesions(tmp_path / "lesions.tsv", {"case-1": rows, "case-2": ()})
    again = read_lesions(tmp_path / "lesions.tsv")["case-1"]
    assert [r.lesion_id for r in again] == [1, 3]
    assert again[0].volume_ml == pytest.approx(rows[0].volume_ml)
    header = (tmp_path / "lesions.tsv").read_text().splitlines()[0].split("\t")
    assert header[:7] == [
        "lesion_id",
        "num_voxels",
        "volume_ml",
        "suvmax_g_per_ml",
        "suvmean_g_per_ml",
        "suvpeak_g_per_ml",
        "score",
    ]
    assert set(header) == set(json.loads((tmp_path / "lesions.json").read_text())) == set(COLUMNS)


def test_a_table_is_a_data_frame_where_pandas_is_installed_and_rows_elsewhere(monkeypatch):
    rows = LesionTable([LesionRow(1, 2, 0.096, 9.0, 8.0, 7.5, None, 1.0, 2.0, 3.0)])
    pandas = pytest.importorskip("pandas")
    frame = rows.frame()
    assert isinstance(frame, pandas.DataFrame)
    assert list(frame.columns) == [f.name for f in fields(LesionRow)]
    assert frame["volume_ml"].tolist() == [0.096]
    assert list(LesionTable().frame().columns) == list(frame.columns)
    monkeypatch.setitem(sys.modules, "pandas", None)
    assert rows.frame() is rows
    assert "<td>n/a</td>" in rows._repr_html_()
