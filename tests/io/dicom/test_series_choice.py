"""Which of several series is meant is asked with what a person knows them by; links are not passed over in silence."""

import os

import numpy as np
import pytest

from netlesion.datasets.dicom.importer import import_dicom
from netlesion.errors import ConfigError, DicomError
from netlesion.io.dicom.series_choice import one_series
from netlesion.io.dicom.to_nifti import series_to_suv
from netlesion.io.vocabulary import description
from tests.synthetic_dicom import write_series

STORED = np.arange(5 * 3 * 7, dtype=np.int16).reshape(5, 3, 7) * 50


@pytest.fixture
def export(tmp_path):
    """Two PETs in one folder, as an archive hands them out, and a CT."""
    for name, words, slices in (("a", "WB 3D AC Doe", 7), ("b", "PET WB NAC", 5)):
        facts = {"SeriesDescription": words} | ({"AttenuationCorrectionMethod": "None"} if "NAC" in words else {})
        paths = write_series(tmp_path / name, STORED[:, :, :slices], changes=facts)
        (tmp_path / "export").mkdir(exist_ok=True)
        for path in paths:
            path.rename(tmp_path / "export" / f"{name}{path.name}")
    write_series(tmp_path / "export" / "ct", STORED, "CT", intercept=-1000)
    return tmp_path / "export"


def test_several_series_are_listed_by_description_images_and_folder(export):
    with pytest.raises(DicomError) as refused:
        one_series(export, "PT")
    line = str(refused.value)
    assert line.startswith(f"{export}: holds 2 PT series, take one with --series N (")
    assert sorted(one[3:] for one in line.partition("--series N (")[2][:-1].split(", ")) == [
        "PET WB NAC without attenuation correction (5 images in export)",
        "WB 3D AC (7 images in export)",
    ]
    assert "Doe" not in line


def test_a_number_takes_one_and_a_wrong_one_lists_them_again(export, tmp_path):
    counts = {len(one_series(export, "PT", number)[0].slices) for number in (1, 2)}
    assert counts == {5, 7}
    number = next(n for n in (1, 2) if len(one_series(export, "PT", n)[0].slices) == 7)
    assert series_to_suv(export, tmp_path / "suv.nii.gz", number=number)["shape"] == [5, 3, 7]
    for number in (0, 3):
        with pytest.raises(ConfigError, match=rf"--series is {number}, expected 1 to 2 \(1: "):
            one_series(export, "PT", number)


def test_links_are_named_where_a_series_is_taken_and_where_none_is_found(tmp_path):
    write_series(tmp_path / "real", STORED)
    linked, mixed = tmp_path / "linked", tmp_path / "mixed"
    linked.mkdir()
    write_series(mixed, STORED)
    for folder in (linked, mixed):
        for path in (tmp_path / "real").iterdir():
            os.symlink(path, folder / f"link {path.name}")
    with pytest.raises(DicomError, match=r"holds no DICOM series; .*7 symbolic links are not followed"):
        one_series(linked, "PT")
    with pytest.raises(DicomError, match=r"holds no DICOM series; .*7 symbolic links are not followed"):
        import_dicom(linked, tmp_path / "cohort")
    assert "7 symbolic links" in series_to_suv(mixed, tmp_path / "suv.nii.gz")["warnings"][0]


def test_a_description_keeps_known_words_only():
    assert description("PET WB 3D MAC Mueller") == "PET WB 3D"
    assert description("Mueller") == description(None) == "no known words"
