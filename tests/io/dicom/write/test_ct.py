"""HU -> CT series: rounded to whole HU, and what does not fit is refused."""

import numpy as np
import pydicom
import pytest

from netlesion.errors import QuantityError
from netlesion.image.volume import Quantity, Volume
from netlesion.io.dicom.series import index_folder, read_image
from netlesion.io.dicom.write.ct import write_ct_series
from tests.io.dicom.write.conftest import SHAPE, grids


def test_hu_come_back_rounded(tmp_path, exam):
    hu = np.random.default_rng(0).uniform(-1100, 31000, SHAPE)
    written = write_ct_series(Volume(hu, grids()["LAS"], Quantity.HU), exam, tmp_path / "ct")
    read = read_image(index_folder(tmp_path)[0])
    assert np.abs(read.array[:, :, ::-1] - hu).max() <= 0.5 + 1e-2  # LAS is left-handed; float32 of 31000 is coarse
    header = pydicom.dcmread(written.files[0])
    assert (header.PixelRepresentation, header.BitsStored, header.RescaleType) == (1, 16, "HU")


def test_what_does_not_fit_is_refused(tmp_path, exam):
    with pytest.raises(QuantityError, match="do not fit 16 bit"):
        write_ct_series(Volume(np.full(SHAPE, 32000.0), grids()["RAS"], Quantity.HU), exam, tmp_path / "ct")
    with pytest.raises(QuantityError, match="holds HU, not MR"):
        write_ct_series(Volume(np.zeros(SHAPE), grids()["RAS"], Quantity.MR), exam, tmp_path / "ct")
