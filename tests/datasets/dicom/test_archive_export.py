"""What a public archive hands out: shifted dates, an uncorrected PET beside the corrected one, others' SUV factors."""

import json
import math

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

from netlesion.datasets.dicom.importer import import_dicom, prepare_import
from netlesion.datasets.dicom.plan_table import plan_rows
from tests.io.dicom.dicom_objects import write_seg
from tests.synthetic_dicom import write_series

STORED = np.arange(5 * 3 * 7, dtype=np.int16).reshape(5, 3, 7) * 50
ONE = {
    **dict.fromkeys(("StudyDate", "SeriesDate", "AcquisitionDate"), "19600314"),
    **{"StudyInstanceUID": "1.2.3", "FrameOfReferenceUID": "1.2.4", "Manufacturer": "GE MEDICAL SYSTEMS"},
}
NAC = {"Units": "PROPCNTS", "AttenuationCorrectionMethod": "None", "SeriesDescription": "PET WB NAC"}
PER_BQML = 70_000.0 / (150e6 * math.exp(-math.log(2.0) * 3600 / 4062.6))
SURFACE = 0.007184 * 70**0.425 * 175**0.725


def rwv(path, image, code: str, slope: float, by_image: bool = False):
    """A Real World Value Mapping object for the series of `image`, as public tools write it."""
    source = pydicom.dcmread(image, stop_before_pixels=True)
    dataset = pydicom.dcmread(image, stop_before_pixels=True)
    for name in ("PixelSpacing", "Rows", "Columns", "RescaleSlope", "RadiopharmaceuticalInformationSequence"):
        delattr(dataset, name)
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.67"
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    dataset.Modality, dataset.SeriesInstanceUID = "RWV", generate_uid()
    unit, item, group, referred = Dataset(), Dataset(), Dataset(), Dataset()
    unit.CodeValue, unit.CodingSchemeDesignator, unit.CodeMeaning = code, "UCUM", code
    item.MeasurementUnitsCodeSequence, item.RealWorldValueSlope, item.RealWorldValueIntercept = [unit], slope, 0.0
    group.RealWorldValueMappingSequence = [item]
    if by_image:
        one = Dataset()
        one.ReferencedSOPClassUID, one.ReferencedSOPInstanceUID = source.SOPClassUID, source.SOPInstanceUID
        group.ReferencedImageSequence = [one]
    else:
        referred.SeriesInstanceUID = source.SeriesInstanceUID
        dataset.ReferencedSeriesSequence = [referred]
    dataset.ReferencedImageRealWorldValueMappingSequence = [group]
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset.save_as(path)


def lesion_on(path, image):
    source = pydicom.dcmread(image)
    frame = {"pixels": np.ones((3, 5)), "segment": 1, "position": source.ImagePositionPatient}
    frame |= {"orientation": source.ImageOrientationPatient, "spacing": source.PixelSpacing}
    write_seg(path, image, [frame])


@pytest.fixture
def export(tmp_path):
    folder = tmp_path / "export"
    nac = write_series(folder / "a nac", STORED, changes=ONE | NAC)
    pet = write_series(folder / "pet", STORED, changes=ONE)
    write_series(folder / "ct", STORED, "CT", intercept=-1000, changes=ONE)
    lesion_on(folder / "seg" / "nac.dcm", nac[0])
    rwv(folder / "rwv" / "bw.dcm", pet[0], "{SUVbw}g/ml", PER_BQML * 1.0001)
    rwv(folder / "rwv" / "ibw.dcm", pet[2], "g/ml{SUVibw}", PER_BQML * (45.5 + 0.91 * 23) / 70, by_image=True)
    rwv(folder / "rwv" / "bsa.dcm", pet[0], "{SUVbsa}cm2/ml", PER_BQML * SURFACE * 10 / 70 / 1000)
    for path in (*pet, *nac, *(folder / "ct").iterdir()):
        dataset = pydicom.dcmread(path)
        dataset.PatientSex = "F"
        dataset.save_as(path)
    return folder


def test_the_uncorrected_pet_is_skipped_in_the_plan_and_takes_no_name(tmp_path, export):
    rows = {row["source"].split("/")[0]: row for row in plan_rows(prepare_import(export, tmp_path / "cohort"))}
    assert rows["a nac"]["decision"] == "skip"
    assert "(0054,1101) is none, Units (0054,1001) is PROPCNTS" in rows["a nac"]["why"]
    assert rows["pet"]["target"].endswith("/sub-001_ses-01_trc-dotatate_pet.nii.gz")
    assert rows["seg"]["why"].endswith("was drawn on a nac/000.dcm, which was skipped")
    result = import_dicom(export, tmp_path / "cohort")
    assert result.failures == ()
    assert [p.name for p in result.written] == ["sub-001_ses-01_trc-dotatate_pet.nii.gz", "sub-001_ses-01_ct.nii.gz"]
    sidecar = json.loads(next((tmp_path / "cohort").rglob("*_ct.json")).read_text())
    assert sidecar["IntendedFor"] == ["bids::sub-001/ses-01/pet/sub-001_ses-01_trc-dotatate_pet.nii.gz"]


def test_factors_of_somebody_else_are_compared_and_a_wrong_one_is_told(tmp_path, export):
    result = import_dicom(export, tmp_path / "cohort")
    told = sorted(line.partition("comparison: ")[2] for line in result.skipped if "rwv" in line)
    assert told == ["SUV BSA not as ours", "SUV BW as ours", "SUV IBW as ours"]
    (line,) = [line for line in result.warnings if "rwv" in line]
    assert line.startswith("rwv/bsa.dcm: its factor to SUV BSA is ")
    assert "0.001 times as large" in line


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"PatientWeight": None}, "Weight (0010,1030)"),
        ({"Units": "CPS"}, "Units (0054,1001)"),
        ({"DecayFactor": 1.46}, "Decay Factor (0054,1321)"),
    ],
)
def test_a_pet_without_a_suv_is_refused_in_the_plan_and_nothing_is_intended_for_it(tmp_path, changes, words):
    folder = tmp_path / "export"
    pet = write_series(folder / "pet", STORED, changes=ONE | changes)
    write_series(folder / "ct", STORED, "CT", intercept=-1000, changes=ONE)
    lesion_on(folder / "seg.dcm", pet[0])
    plan = prepare_import(folder, tmp_path / "cohort")
    (line,) = plan.refusals
    assert words in line
    assert plan.rois[0].why == "seg.dcm: ROI 1 was drawn on pet/000.dcm, which was refused"
    result = import_dicom(folder, tmp_path / "cohort")
    assert (len(result.failures), [p.name for p in result.written]) == (1, ["sub-001_ses-01_ct.nii.gz"])
    assert "IntendedFor" not in json.loads(next((tmp_path / "cohort").rglob("*_ct.json")).read_text())


def test_nothing_is_intended_for_a_pet_whose_pixels_turn_out_unreadable(tmp_path):
    folder = tmp_path / "export"
    pet = write_series(folder / "pet", STORED, changes=ONE | {"HighBit": 14})
    write_series(folder / "ct", STORED, "CT", intercept=-1000, changes=ONE)
    result = import_dicom(folder, tmp_path / "cohort")
    assert len(pet) == 7
    assert "High Bit" in result.failures[0]
    assert "IntendedFor" not in json.loads(next((tmp_path / "cohort").rglob("*_ct.json")).read_text())
