"""A series with a file that cannot be read is not written from the rest, at its ends neither."""

import numpy as np
import pytest

from netlesion.datasets.dicom.importer import import_dicom
from netlesion.errors import DicomError
from netlesion.io.dicom.index import scan
from netlesion.io.dicom.series import index_folder
from tests.synthetic_dicom import write_series

STORED = np.arange(5 * 3 * 4, dtype=np.int16).reshape(5, 3, 4) * 50
DAMAGES = {
    "cut in the pixels": lambda b: b[:-20],
    "cut in the header": lambda b: b[: len(b) // 3],
    "cut in the file meta information": lambda b: b[:150],
    "emptied": lambda b: b"",
    "zeros": lambda b: bytes(len(b)),
    "another format": lambda b: b"%PDF-1.4" + b,
}


@pytest.mark.parametrize("name", ["{:03d}.dcm", "IM{:d}", "1.2.840.{:d}"])
@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("which", [0, 1, 3])
def test_one_file_that_cannot_be_read_refuses_its_series(tmp_path, damage, which, name):
    paths = write_series(tmp_path / "export/pet", STORED)
    paths = [path.rename(path.with_name(name.format(n))) for n, path in enumerate(paths)]
    paths[which].write_bytes(DAMAGES[damage](paths[which].read_bytes()))
    (series,) = scan(tmp_path / "export").series
    assert len(series.broken) == 1
    assert paths[which].name in series.broken[0]
    with pytest.raises(DicomError, match=paths[which].name):
        index_folder(tmp_path / "export")


def test_an_import_writes_the_series_beside_it_and_refuses_the_one_it_lies_among(tmp_path):
    paths = write_series(tmp_path / "export/pet", STORED)
    write_series(tmp_path / "export/ct", STORED, "CT")
    (tmp_path / "export/pet/README.txt").write_text("not of the series")
    paths[-1].write_bytes(b"")
    result = import_dicom(tmp_path / "export", tmp_path / "cohort")
    assert [p.name.rsplit("_", 1)[1] for p in result.written] == ["ct.nii.gz"]
    assert any("1 of the 4 files of its series are broken" in line for line in result.failures)
    assert any(line.startswith("pet/README.txt") for line in result.skipped)


@pytest.mark.parametrize(("number_of_slices", "broken"), [(4, 1), (3, 0), (None, 1)])
def test_in_a_folder_of_several_series_the_pet_that_may_lack_a_slice_is_refused(tmp_path, number_of_slices, broken):
    changes = {} if number_of_slices is None else {"NumberOfSlices": number_of_slices}
    paths = write_series(tmp_path / "a", STORED, changes=changes)
    others = write_series(tmp_path / "b", STORED, "CT")
    for n, path in enumerate((*paths[:-1], *others)):
        path.rename(tmp_path / "a" / f"x{n}.dcm")
    paths[-1].write_bytes(b"")
    found = {one.modality: len(one.broken) for one in scan(tmp_path / "a").series}
    assert found == {"PT": broken, "CT": 0}
