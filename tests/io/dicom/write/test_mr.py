"""MR series: values within half a grey level, and every contrast told apart by its tags alone."""

import numpy as np
import pydicom
import pytest

from netlesion.errors import QuantityError
from netlesion.image.volume import Quantity, Volume
from netlesion.io.dicom.series import index_folder, read_image
from netlesion.io.dicom.write.mr import MrContrast, write_mr_series
from tests.io.dicom.write.conftest import SHAPE, grids

ARRAY = np.random.default_rng(0).gamma(2.0, 300.0, SHAPE)


def told_from_tags(header) -> str:
    """A small importer of our own: physics first, image type last, names never."""
    kind = set(header.ImageType)
    if "EP" in header.ScanningSequence:
        return f"DWI_B{header.DiffusionBValue:.0f}"
    if "DIXON" in kind:
        short = {"IN_PHASE": "IN", "OPP_PHASE": "OPP", "WATER": "WATER", "FAT": "FAT"}
        return "DIXON_" + next(short[k] for k in kind if k in short)
    return "T2" if header.EchoTime > 60 else "T1"


@pytest.mark.parametrize("contrast", MrContrast)
def test_values_come_back_and_tags_tell_the_contrast(tmp_path, exam, contrast):
    volume = Volume(ARRAY, grids()["oblique"], Quantity.MR)
    written = write_mr_series(volume, exam, tmp_path / "mr", contrast=contrast)
    read = read_image(index_folder(tmp_path)[0])
    assert np.abs(read.array - ARRAY).max() <= ARRAY.max() / 32767 * 0.5 + 1e-3
    assert told_from_tags(pydicom.dcmread(written.files[0])) == contrast.name


def test_contrasts_of_one_exam_are_series_of_their_own(tmp_path, exam):
    volume = Volume(ARRAY, grids()["RAS"], Quantity.MR)
    for contrast in MrContrast:
        write_mr_series(volume, exam, tmp_path / contrast.name, contrast=contrast)
    assert len(index_folder(tmp_path)) == len(MrContrast)


def test_another_quantity_is_refused(tmp_path, exam):
    with pytest.raises(QuantityError, match="holds MR, not HU"):
        write_mr_series(Volume(ARRAY, grids()["RAS"], Quantity.HU), exam, tmp_path / "mr", contrast=MrContrast.T2)
