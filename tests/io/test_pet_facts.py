"""PET header -> facts: what is read, in which clock, and what is refused."""

import numpy as np
import pytest

from netlesion.errors import DicomError, SuvError
from netlesion.io.dicom import index_folder, read_image, require_one
from netlesion.io.pet_facts import pet_facts, tracer_label
from netlesion.suv import suvbw_conversion
from netlesion.volume import Quantity
from tests.synthetic_dicom import write_series

STORED = np.arange(5 * 3 * 7, dtype=np.int16).reshape(5, 3, 7)


def test_facts_of_a_dotatate_series_give_its_suv(tmp_path):
    write_series(tmp_path, STORED)
    series = require_one(index_folder(tmp_path), "PT", tmp_path)
    facts = pet_facts(series)
    assert tracer_label(series) == "dotatate"
    assert facts.nuclide == "68Ga"
    assert suvbw_conversion(facts).elapsed_s == 3600.0


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"PatientWeight": None}, "Weight"),
        ({"Units": "CNTS"}, "CNTS"),
        ({"dose.RadionuclideTotalDose": None}, "Total Dose"),
        ({"CorrectedImage": ["DECY"]}, "attenuation"),
    ],
)
def test_missing_facts_are_refused(tmp_path, changes, match):
    write_series(tmp_path, STORED, changes=changes)
    with pytest.raises(SuvError, match=match):
        suvbw_conversion(pet_facts(require_one(index_folder(tmp_path), "PT", tmp_path)))


def test_slices_that_disagree_on_the_dose_are_not_one_series(tmp_path):
    import pydicom

    paths = write_series(tmp_path, STORED)
    dataset = pydicom.dcmread(paths[3])
    dataset.RadiopharmaceuticalInformationSequence[0].RadionuclideTotalDose = 1e6
    dataset.save_as(paths[3])
    with pytest.raises(DicomError, match=r"003\.dcm: RadionuclideTotalDose"):
        pet_facts(require_one(index_folder(tmp_path), "PT", tmp_path))


@pytest.mark.realdata
@pytest.mark.parametrize("name", ["DRO_0_0", "DRO_1_0", "DRO_3_0", "DRO_3_1", "DRO_4_0", "DRO_5_0"])
def test_ibsi_digital_reference_objects(shared_data, tmp_path, name):
    """Each must give SUVbw 0.20 / 1.00 / 4.00 within the rounding of its stored integers (clinical.md 1.4).

    The objects were stored truncated, not rounded (568.59 became 568), so the bound is one grey level.
    """
    import tarfile

    from netlesion.io.nifti import read_volume

    with tarfile.open(shared_data / "suv_dro.tar.gz") as archive:
        members = [m for m in archive.getmembers() if m.name.startswith(f"suv_dro/{name}/")]
        archive.extractall(tmp_path, members=members, filter="data")
    series = require_one(index_folder(tmp_path / "suv_dro" / name / "PT"), "PT", tmp_path)
    factor = suvbw_conversion(pet_facts(series)).factor
    suv = read_image(series).array * factor
    inside = suv[read_volume(tmp_path / "suv_dro" / name / "mask" / "DRO_mask.nii.gz", Quantity.LABEL).array > 0]
    tolerance = float(series.header.RescaleSlope) * factor + 1e-5
    assert (inside.min(), np.median(inside), inside.max()) == pytest.approx((0.2, 1.0, 4.0), abs=tolerance)


def test_an_injection_datetime_is_moved_to_the_scanners_time_zone(tmp_path):
    changes = {"TimezoneOffsetFromUTC": "+0200", "dose.RadiopharmaceuticalStartDateTime": "20240314090000+0100"}
    write_series(tmp_path, STORED, changes=changes)
    facts = pet_facts(require_one(index_folder(tmp_path), "PT", tmp_path))
    assert suvbw_conversion(facts).elapsed_s == 3600.0


def test_an_injection_without_a_clock_is_refused(tmp_path):
    write_series(tmp_path, STORED, changes={"dose.RadiopharmaceuticalStartDateTime": "20240314"})
    with pytest.raises(DicomError, match="not a day alone"):
        pet_facts(require_one(index_folder(tmp_path), "PT", tmp_path))
