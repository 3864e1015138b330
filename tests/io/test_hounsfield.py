"""A CT that is no image in HU is not written as one, whatever tells: its Rescale Type or its values."""

import numpy as np
import pytest

from netlesion.datasets.dicom.importer import import_dicom, prepare_import
from netlesion.errors import QuantityError
from netlesion.image.geometry import Geometry
from netlesion.image.volume import Quantity, Volume
from netlesion.io.hounsfield import require_negative_hu
from tests.synthetic_dicom import write_series

STORED = np.arange(5 * 3 * 7, dtype=np.int16).reshape(5, 3, 7) * 20


@pytest.mark.parametrize(
    ("rescale_type", "decision", "words"),
    [
        ("HU", "write", ""),
        ("hu", "write", ""),
        ("", "write", ""),
        ("ED", "skip", "a map of electron density (Rescale Type), not HU"),
        ("Z_EFF", "skip", "a map of effective atomic number (Rescale Type), not HU"),
        ("MGML", "skip", "a map of a material in mg/ml (Rescale Type), not HU"),
        ("US", "refuse", "Rescale Type (0028,1054) is not HU"),
        ("SMITH^JOHN", "refuse", "Rescale Type (0028,1054) is not HU"),
    ],
)
def test_the_plan_tells_what_a_ct_shows(tmp_path, rescale_type, decision, words):
    write_series(tmp_path / "e", STORED, "CT", changes={"RescaleType": rescale_type})
    (planned,) = prepare_import(tmp_path / "e", tmp_path / "c").images
    assert planned.decision.value == decision
    assert planned.why.endswith(words) or words in planned.why
    assert "SMITH" not in planned.why


def test_padding_that_a_header_names_is_no_air(tmp_path):
    stored = STORED.copy()
    stored[0, 0] = -2000
    write_series(tmp_path / "e", stored, "CT", intercept=0, changes={"PixelPaddingValue": -2000})
    result = import_dicom(tmp_path / "e", tmp_path / "c")
    assert result.written == ()
    assert "no value lies between -1000 and 0" in result.failures[0]


@pytest.mark.parametrize(
    ("intercept", "padding", "good"),
    [
        (0, None, False),
        (-1000, None, True),
        (0, -2000, False),
        (0, -3024, False),
        (-1000, -2000, True),
        (200, None, False),
    ],
)
def test_stored_values_that_nobody_made_hu_are_refused(tmp_path, intercept, padding, good):
    stored = STORED.copy()
    if padding is not None:
        stored[0, 0] = padding - intercept
    write_series(tmp_path / "e", stored, "CT", intercept=intercept)
    result = import_dicom(tmp_path / "e", tmp_path / "c")
    assert [path.name for path in result.written] == (["sub-001_ses-01_ct.nii.gz"] if good else [])
    assert good or ("no value lies between -1000 and 0" in result.failures[0] and len(result.failures) == 1)


def test_one_slice_of_another_kind_refuses_the_series(tmp_path):
    paths = write_series(tmp_path / "e", STORED, "CT", changes={"RescaleType": "HU"})
    import pydicom

    last = pydicom.dcmread(paths[-1])
    last.RescaleType = "ED"
    last.save_as(paths[-1])
    result = import_dicom(tmp_path / "e", tmp_path / "c")
    assert result.written == ()
    assert "006.dcm: Rescale Type (0028,1054) is not HU" in result.failures[0]


def test_a_volume_of_soft_tissue_alone_is_refused():
    grid = Geometry(np.eye(4), (3, 5, 7))
    require_negative_hu(Volume(np.full(grid.shape, -90.0), grid, Quantity.HU), "here")
    with pytest.raises(QuantityError, match="here: no value lies between"):
        require_negative_hu(Volume(np.full(grid.shape, 40.0), grid, Quantity.HU), "here")
