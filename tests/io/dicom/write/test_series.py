"""Grid -> files -> grid: exact in every orientation, by our reader and by SimpleITK; the same seed, the same bytes."""

import re
from dataclasses import replace
from datetime import datetime

import numpy as np
import pydicom
import pytest

from netlesion.errors import DicomError, OutputError
from netlesion.image.volume import Quantity, Volume
from netlesion.io.dicom.series import index_folder, read_image
from netlesion.io.dicom.write.ct import write_ct_series
from netlesion.io.dicom.write.series import right_handed
from tests.io.dicom.write.conftest import SHAPE, grids

HU = np.arange(np.prod(SHAPE), dtype=np.float32).reshape(SHAPE) * 13 - 1000


@pytest.mark.parametrize("name", grids())
def test_every_voxel_comes_back_at_its_place(tmp_path, exam, name):
    sitk = pytest.importorskip("SimpleITK")
    volume = Volume(HU, grids()[name], Quantity.HU)
    written = write_ct_series(volume, exam, tmp_path / "ct")
    read = read_image(index_folder(tmp_path)[0])
    theirs = sitk.ReadImage([str(path) for path in written.files])
    affine, expected = read.geometry.affine_ras, right_handed(volume)
    assert np.abs(affine - expected.geometry.affine_ras).max() < 1e-9
    assert np.array_equal(read.array, expected.array)
    for index in np.ndindex(SHAPE):
        place = volume.geometry.to_world([index])[0]
        ours = np.rint(read.geometry.to_index([place])[0]).astype(int)
        lps = tuple(place * (-1, -1, 1))
        assert read.array[tuple(ours)] == HU[index] == theirs[theirs.TransformPhysicalPointToIndex(lps)]
    assert np.abs(np.array(theirs.TransformIndexToPhysicalPoint((6, 4, 2))) * (-1, -1, 1)
                  - read.geometry.to_world([[6, 4, 2]])[0]).max() < 1e-9  # fmt: skip


def test_the_same_seed_gives_the_same_bytes_and_another_seed_other_uids(tmp_path, exam):
    volume = Volume(HU, grids()["LPS"], Quantity.HU)
    first = write_ct_series(volume, exam, tmp_path / "a")
    again = write_ct_series(volume, exam, tmp_path / "b")
    other = write_ct_series(volume, replace(exam, seed=12), tmp_path / "c")
    assert [p.read_bytes() for p in first.files] == [p.read_bytes() for p in again.files]
    assert not {*first.instance_uids, first.series_uid} & {*other.instance_uids, other.series_uid}


def test_a_compressed_series_holds_the_same_values_and_identifiers(tmp_path, exam):
    volume = Volume(HU, grids()["RAS"], Quantity.HU)
    plain = write_ct_series(volume, exam, tmp_path / "plain")
    packed = write_ct_series(volume, exam, tmp_path / "rle", compress=True)
    assert pydicom.dcmread(packed.files[0]).file_meta.TransferSyntaxUID.name == "RLE Lossless"
    assert np.array_equal(read_image(index_folder(tmp_path / "rle")[0]).array, HU)
    assert [pydicom.dcmread(p).SOPInstanceUID for p in packed.files] == list(plain.instance_uids)


def test_every_header_says_synthetic_and_knows_no_other_date(tmp_path, exam):
    for path in write_ct_series(Volume(HU, grids()["RAS"], Quantity.HU), exam, tmp_path / "ct").files:
        header = pydicom.dcmread(path)
        assert str(header.PatientName) == "SYNTHETIC^D-007"
        assert "phantom" in header.ImageComments
        assert (header.SyntheticData, header.ContentQualification) == ("YES", "RESEARCH")
        assert header.Manufacturer == "netlesion"
        assert {str(e.value) for e in header.iterall() if e.VR == "DA" and e.value} == {"20200228"}
        assert all(re.fullmatch(r"[0-9.]{1,64}", str(e.value)) for e in header.iterall() if e.VR == "UI")


def test_a_folder_that_exists_is_refused_and_a_failure_leaves_nothing(tmp_path, exam, monkeypatch):
    volume = Volume(HU, grids()["RAS"], Quantity.HU)
    write_ct_series(volume, exam, tmp_path / "ct")
    with pytest.raises(OutputError, match="exists already"):
        write_ct_series(volume, exam, tmp_path / "ct")

    def full(*args, **kwargs):
        raise OSError(28, "No space left on device", str(args[1]))

    monkeypatch.setattr(pydicom.Dataset, "save_as", full)
    with pytest.raises(OutputError, match="No space left"):
        write_ct_series(volume, exam, tmp_path / "other")
    assert [p.name for p in tmp_path.iterdir()] == ["ct"]


def test_an_exam_that_dicom_cannot_hold_is_refused(exam):
    with pytest.raises(DicomError, match="Müller"):
        replace(exam, patient_id="Müller^Eva")
    with pytest.raises(DicomError, match="expected F, M or O"):
        replace(exam, sex="W")
    with pytest.raises(DicomError, match="time zone"):
        replace(exam, start=datetime.fromisoformat("2020-01-01T10:00+01:00"))
