"""Mixed DICOM -> a BIDS cohort, and what it must not contain."""

import json
from datetime import datetime

import numpy as np
import pydicom
import pytest

from netlesion.datasets.dicom.importer import import_dicom
from netlesion.errors import NetlesionError
from netlesion.io.bids.cohort import open_cohort
from netlesion.io.bids.pet import read_suv_image
from netlesion.io.bids.visit_files import load_visit
from tests.synthetic_dicom import write_series

STORED = np.arange(5 * 3 * 7, dtype=np.int16).reshape(5, 3, 7) * 50


@pytest.fixture
def export(tmp_path):
    source = tmp_path / "export"
    write_series(source / "x" / "1", STORED)
    write_series(source / "x" / "2", STORED, modality="CT", intercept=-1000)
    write_series(source / "y", STORED, modality="MR", changes={"SeriesDescription": "ax T1 vibe Doe"})
    write_series(source / "z", STORED, modality="MR", changes={"SeriesDescription": "something"})
    return source


def test_pet_ct_and_mr_become_one_session(tmp_path, export):
    result = import_dicom(export, tmp_path / "cohort")
    names = sorted(p.name for p in result.written)
    assert names == [
        "sub-001_ses-01_T1w.nii.gz",
        "sub-001_ses-01_ct.nii.gz",
        "sub-001_ses-01_trc-dotatate_pet.nii.gz",
    ]
    assert "unknown contrast" in result.skipped[0]
    visit = open_cohort(tmp_path / "cohort").visits[0]
    assert set(visit.images) == {"sstr"}, "the other series have frames of reference of their own"
    scan = load_visit(visit, ["sstr"], ["sstr"]).scans["sstr"]
    assert scan.volume.array.max() == pytest.approx(STORED.max() * scan.acquisition.suv_factor, rel=1e-5)
    assert scan.acquisition.suv_factor == pytest.approx(70000 / (150e6 * 2 ** (-3600 / 4062.6)))


def test_no_identity_is_in_the_cohort_and_the_key_lies_beside_it(tmp_path, export):
    import_dicom(export, tmp_path / "cohort")
    for path in (tmp_path / "cohort").rglob("*"):
        content = path.read_bytes() if path.is_file() else b""
        for secret in (b"4711", b"Doe", b"20240314", b"2024-03-14", b"19500102"):
            assert secret not in content, path
            assert secret.decode() not in str(path.relative_to(tmp_path))
    key = (tmp_path / "cohort.key.tsv").read_text()
    assert "HOSPITAL-4711\t20240314\t001\t01" in key


def test_a_second_import_adds_only_what_is_new(tmp_path, export):
    import_dicom(export, tmp_path / "cohort")
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "cohort").rglob("*.nii.gz")}
    other = tmp_path / "later"
    write_series(other, STORED, changes={"StudyDate": "20240601", "PatientWeight": 68.0})
    result = import_dicom(other, tmp_path / "cohort")
    assert [p.name for p in result.written] == ["sub-001_ses-02_trc-dotatate_pet.nii.gz"]
    assert all(p.stat().st_mtime_ns == t for p, t in before.items())
    table = (tmp_path / "cohort" / "sub-001" / "sub-001_sessions.tsv").read_text()
    rows = [line.split("\t") for line in table.splitlines()[1:]]
    assert [row[:4] for row in rows] == [["ses-01", "visit-1", "70", "175"], ["ses-02", "visit-2", "68", "175"]]
    dates = [datetime.fromisoformat(row[4]) for row in rows]
    assert (dates[1] - dates[0]).days == 79, "shifted dates keep their distance"
    assert all(d.year < 1925 for d in dates)


def test_a_bad_series_is_reported_and_the_good_one_comes_through(tmp_path, export):
    write_series(export / "bad", STORED, changes={"PatientID": "OTHER", "PatientWeight": None})
    result = import_dicom(export, tmp_path / "cohort")
    assert len(result.failures) == 1
    assert "Weight" in result.failures[0]
    assert len(result.written) == 3


def test_nothing_but_bad_series_leaves_nothing(tmp_path):
    write_series(tmp_path / "bad", STORED, changes={"PatientWeight": None})
    result = import_dicom(tmp_path / "bad", tmp_path / "cohort")
    assert "Weight" in result.failures[0]
    assert [p.name for p in tmp_path.iterdir()] == ["bad"]


def test_the_suv_of_a_pet_lies_beside_its_masks_and_comes_back_when_it_is_lost(tmp_path, export):
    (pet,) = [p for p in import_dicom(export, tmp_path / "cohort").written if p.name.endswith("_pet.nii.gz")]
    (derived,) = (tmp_path / "cohort" / "derivatives").rglob("*_pet.nii.gz")
    assert derived.name == "sub-001_ses-01_trc-dotatate_desc-suvbw_pet.nii.gz"
    assert np.array_equal(read_suv_image(derived).array, read_suv_image(pet).array)
    sidecar = json.loads(derived.with_name(derived.name.replace(".nii.gz", ".json")).read_text())
    assert sidecar["Units"] == "g/mL"
    assert sidecar["SUVFactor"] == pytest.approx(70000 / (150e6 * 2 ** (-3600 / 4062.6)))
    assert (sidecar["RadionuclideHalfLife"], sidecar["SUVReferenceTimeSource"]) == (4062.6, "series")
    assert sidecar["Sources"] == ["bids::sub-001/ses-01/pet/sub-001_ses-01_trc-dotatate_pet.nii.gz"]
    derived.unlink()
    assert not import_dicom(export, tmp_path / "cohort").written
    assert derived.is_file()


def test_the_updates_of_a_reconstruction_are_read_from_its_name(tmp_path):
    write_series(
        tmp_path / "e", STORED, changes={"ReconstructionMethod": "PSF+TOF 2i21s", "ConvolutionKernel": "GAUSS 5"}
    )
    (pet,) = import_dicom(tmp_path / "e", tmp_path / "cohort").written
    sidecar = json.loads(pet.with_name(pet.name.replace(".nii.gz", ".json")).read_text())
    assert sidecar["ReconMethodParameterValues"] == [2, 21]
    assert sidecar["ReconFilterSize"] == 5.0


def test_two_weights_of_one_day_are_refused_not_averaged(tmp_path, export):
    write_series(export / "y2", STORED, changes={"PatientWeight": 71.0})
    result = import_dicom(export, tmp_path / "cohort")
    (line,) = result.failures
    assert "Weight (0010,1030)" in line
    assert "another PET of the same day" in line
    assert sum(p.name.endswith("_pet.nii.gz") for p in result.written) == 1


def test_a_pet_that_was_deleted_comes_back_with_a_corrected_weight(tmp_path):
    write_series(tmp_path / "e", STORED)
    (pet,) = import_dicom(tmp_path / "e", tmp_path / "cohort").written
    pet.unlink()
    for path in (tmp_path / "e").iterdir():
        dataset = pydicom.dcmread(path)
        dataset.PatientWeight = 72.0
        dataset.save_as(path)
    result = import_dicom(tmp_path / "e", tmp_path / "cohort")
    assert (result.failures, result.written) == ((), (pet,))
    assert load_visit(open_cohort(tmp_path / "cohort").visits[0], ["sstr"]).scans["sstr"].acquisition.weight_kg == 72.0


@pytest.mark.parametrize(
    ("changes", "refused"),
    [
        ({}, ""),
        ({"RetrieveAETitle": "ELSEWHERE"}, ""),
        ({"RescaleSlope": 2.0}, "(0028,1053)"),
        ({"PatientWeight": 71.0}, "(0010,1030)"),
        ({"AcquisitionTime": "111500"}, "(0008,0032)"),
    ],
)
def test_a_copy_is_left_out_and_a_corrected_copy_is_refused(tmp_path, changes, refused):
    for path in write_series(tmp_path / "export" / "a", STORED):
        dataset = pydicom.dcmread(path)
        for name, value in changes.items():
            setattr(dataset, name, value)
        dataset.save_as(tmp_path / "export" / f"again {path.name}")
    result = import_dicom(tmp_path / "export", tmp_path / "cohort")
    assert len(result.written) == (0 if refused else 1)
    assert refused in "".join(result.failures)
    assert len(result.failures) == bool(refused)


@pytest.mark.realdata
def test_the_real_export_with_its_contours(tmp_path, shared_data):
    """Known answers, not computed by this project: 5095 voxels, SUVmax 7.91067, SUVmean 2.5551."""
    result = import_dicom(shared_data / "sts_001", tmp_path / "cohort")
    assert not result.failures
    names = {str(p.relative_to(tmp_path / "cohort")) for p in result.written}
    stem = "derivatives/netlesion/sub-001/ses-0"
    assert f"{stem}2/pet/sub-001_ses-02_trc-fdg_desc-GTVMass_mask.nii.gz" in names
    assert f"{stem}1/anat/sub-001_ses-01_mod-T2w_desc-GTVMass_mask.nii.gz" in names
    (files,) = [v for v in open_cohort(tmp_path / "cohort").visits if "fdg" in v.images]
    visit = load_visit(files, ["fdg"], ["fdg"], "GTVMass")
    values = visit.scans["fdg"].volume.array[visit.masks["fdg"].array > 0]
    assert len(values) == pytest.approx(5095, rel=0.005)
    assert values.max() == pytest.approx(7.9107, abs=0.001)
    assert values.mean() == pytest.approx(2.555, abs=0.01)
    sidecar = json.loads(files.image("fdg").path.with_name("sub-001_ses-02_trc-fdg_pet.json").read_text())
    assert sidecar["Units"] == "Bq/mL"


def test_a_cohort_whose_key_is_lost_takes_no_other_patient(tmp_path, export):
    import_dicom(export, tmp_path / "cohort")
    (tmp_path / "cohort.key.tsv").unlink()
    write_series(tmp_path / "other", STORED, changes={"PatientID": "OTHER"})
    with pytest.raises(NetlesionError, match="sub-001, which"):
        import_dicom(tmp_path / "other", tmp_path / "cohort")
