"""Every vendor case from DICOM to SUVbw, and through a cohort to the same SUVbw again."""

import json
from contextlib import suppress
from dataclasses import replace

import numpy as np
import pydicom
import pytest

from netlesion.datasets.dicom.importer import import_dicom
from netlesion.errors import CohortError, NetlesionError, SuvError
from netlesion.image.volume import Quantity
from netlesion.io.bids.files import PetRecord, write_pet
from netlesion.io.bids.pet import read_suv_image
from netlesion.io.dicom.pet_image import read_bqml, read_dicom_pet, read_suvbw, series_facts
from netlesion.io.dicom.series import index_folder, require_one
from tests.io.dicom.pet_headers import CASES, write_case
from tests.synthetic_dicom import write_series


def read(folder):
    series = require_one(index_folder(folder), "PT", folder)
    facts, conversion = series_facts(series)
    return conversion, read_suvbw(series, conversion)


@pytest.mark.parametrize("name", CASES)
def test_a_vendor_case_gives_its_suv_and_its_path(tmp_path, name):
    write_case(tmp_path, CASES[name])
    conversion, suv = read(tmp_path)
    assert suv.quantity is Quantity.SUVBW
    for row, expected in enumerate((0.2, 1.0, 4.0)):
        assert np.allclose(suv.array[:, row, :], expected, rtol=2e-5), suv.array[0, row]
    assert (conversion.path, conversion.activity.ref_time_source) == (CASES[name].path, CASES[name].source)
    assert len(conversion.warnings) == len(CASES[name].warnings), conversion.warnings
    for expected, found in zip(CASES[name].warnings, conversion.warnings, strict=True):
        assert expected in found


@pytest.mark.parametrize("name", CASES)
def test_a_cohort_gives_back_the_same_suv(tmp_path, name):
    """Whatever the units: the side-car's Bq/ml, dose and times alone make the SUV that DICOM made."""
    write_case(tmp_path / "dicom", CASES[name])
    conversion, suv = read(tmp_path / "dicom")
    (pet,) = import_dicom(tmp_path / "dicom", tmp_path / "cohort").written
    again = read_suv_image(pet)
    assert np.allclose(again.array, suv.array, rtol=1e-6)
    assert np.allclose(again.geometry.affine_ras, suv.geometry.affine_ras)
    sidecar = json.loads(pet.with_name(pet.name.replace(".nii.gz", ".json")).read_text())
    assert sidecar["SUVPath"] == conversion.path
    assert sidecar["SUVReferenceTimeSource"] == conversion.activity.ref_time_source
    assert sidecar["SUVWarnings"] == list(conversion.warnings)
    assert "2024" not in json.dumps(sidecar)


def test_slices_are_corrected_where_they_lie_whatever_their_order_of_files(tmp_path):
    """Names reversed: the factors follow the positions."""
    paths = write_case(tmp_path, CASES["ibsi_3_4_none"])
    for path, new in zip(paths, ("z", "m", "a"), strict=True):
        path.rename(path.with_name(new + ".dcm"))
    _, suv = read(tmp_path)
    assert np.allclose(suv.array[:, 1, :], 1.0, rtol=2e-5)


def test_a_scanners_suv_without_dose_stays_suv_and_is_refused_for_a_cohort_by_name(tmp_path):
    write_case(tmp_path / "dicom", replace(CASES["ibsi_2_0_gml"], changes={"Units": "GML", "PatientWeight": None}))
    for path in (tmp_path / "dicom").iterdir():
        dataset = pydicom.dcmread(path)
        del dataset.RadiopharmaceuticalInformationSequence[0].RadionuclideTotalDose
        dataset.save_as(path)
    series = require_one(index_folder(tmp_path / "dicom"), "PT", tmp_path)
    _, conversion = series_facts(series)
    assert read_suvbw(series, conversion).array.max() == pytest.approx(4.0)
    with pytest.raises(SuvError, match=r"PT series .*GML BW cannot be given in Bq/ml: Patient's Weight"):
        read_bqml(series, conversion)
    with suppress(NetlesionError):
        assert not import_dicom(tmp_path / "dicom", tmp_path / "cohort").written
    assert not list(tmp_path.glob("cohort/**/*_pet.*"))


def test_a_suv_never_enters_a_cohort_as_bqml(tmp_path):
    write_case(tmp_path / "dicom", CASES["ibsi_2_0_gml"])
    _, suv = read(tmp_path / "dicom")
    record = PetRecord("fdg", "18F", 6586.2, 150e6, 70.0, 3600.0, 3600.0, "10:00:00", "series")
    with pytest.raises(CohortError, match="kept in Bq/ml, this image is SUVBW"):
        write_pet(tmp_path / "x_pet.nii.gz", suv, record)


def test_an_error_names_the_series(tmp_path):
    write_case(tmp_path, replace(CASES["ibsi_0_0_bqml_start"], changes={"Units": "PROPCPS"}))
    with pytest.raises(SuvError, match=r"PT series \.\.\.[0-9.]+ in .*Units \(0054,1001\) is PROPCPS"):
        read(tmp_path)


#: Of these values the stored integer lies more than half a level from the true one; it was cut off, not rounded.
CUT_OFF = {("DRO_2_1", 4.0), ("DRO_2_3", 4.0), ("DRO_3_1", 0.2), ("DRO_5_0", 0.2)}
#: The headers' own precision: 1e-6 for a dose to 10 kBq, 8e-6 for 68Ga's half-life to 0.1 s, doubled.
HEADER_PRECISION = 2e-5


@pytest.mark.realdata
@pytest.mark.parametrize(
    "name", [f"DRO_{n}" for n in ("0_0", "1_0", "2_0", "2_1", "2_3", "2_4", "3_0", "3_1", "4_0", "5_0")]
)
def test_ibsi_digital_reference_objects(shared_data, tmp_path, name):
    """Each must give SUVbw 0.20 / 1.00 / 4.00 (clinical.md 1.4), as nearly as its integers can.

    The integers were cut off, not rounded: in units of a grey level the true value lies above the stored one by 0.59
    (5_0, SUV 0.2: 568.59 -> 568), 0.66 (3_1, 0.2), 0.71 (2_1, 4.0) and 0.61 (2_3, 4.0), where rounding allows 0.5. So
    half a level around the stored value cannot be met; one level is, and half a level around the middle of the
    interval that was cut off to the stored value, [stored, stored + 1).
    """
    import tarfile

    from netlesion.io.nifti import read_volume

    with tarfile.open(shared_data / "suv_dro.tar.gz") as archive:
        members = [m for m in archive.getmembers() if m.name.startswith(f"suv_dro/{name}/")]
        archive.extractall(tmp_path, members=members, filter="data")
    series = require_one(index_folder(tmp_path / "suv_dro" / name / "PT"), "PT", tmp_path)
    _, conversion = series_facts(series)
    suv = read_suvbw(series, conversion).array
    mask = read_volume(tmp_path / "suv_dro" / name / "mask" / "DRO_mask.nii.gz", Quantity.LABEL).array > 0
    inside = suv[mask]
    level = max(float(pydicom.dcmread(path).RescaleSlope) for path in series.files) * conversion.suvbw_factors[0]
    for truth, found in zip((0.2, 1.0, 4.0), (inside.min(), np.median(inside), inside.max()), strict=True):
        assert abs(found - truth) <= level + HEADER_PRECISION * truth
        assert abs(found + level / 2 - truth) <= level / 2 + HEADER_PRECISION * truth
        assert (abs(found - truth) > level / 2 + HEADER_PRECISION * truth) == ((name, truth) in CUT_OFF)


@pytest.mark.parametrize("name", ["ibsi_3_4_none", next(iter(CASES))])
def test_one_call_reads_a_pet_with_its_facts_its_tracer_and_its_doubts(tmp_path, name, recwarn):
    write_case(tmp_path, CASES[name])
    conversion, suv = read(tmp_path)
    pet = read_dicom_pet(tmp_path)
    assert np.array_equal(pet.array, suv.array)
    assert pet.geometry.same_grid(suv.geometry)
    assert pet.conversion == conversion
    for line in conversion.warnings:
        assert any(line in str(warning.message) for warning in recwarn)
    assert "2024" not in pet._repr_html_() + repr(pet)


def test_a_pet_is_a_visit_of_its_tracer_and_one_without_tracer_asks_for_it(tmp_path, recwarn):
    stored = np.full((3, 5, 2), 7, dtype=np.int16)
    write_series(tmp_path / "known", stored)
    visit = read_dicom_pet(tmp_path / "known").as_visit()
    assert visit.scans["sstr"].tracer_label == "dotatate"
    assert visit.scans["sstr"].acquisition.weight_kg == 70.0
    write_series(tmp_path / "unknown", stored, changes={"dose.Radiopharmaceutical": "Solution"})
    pet = read_dicom_pet(tmp_path / "unknown")
    with pytest.raises(CohortError, match=r"not in its header, expected one of dotatate.*as_visit\(tracer_label"):
        pet.as_visit()
    assert pet.as_visit("dotatoc").tracer_channels == ("sstr",)
