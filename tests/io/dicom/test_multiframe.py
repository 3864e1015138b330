"""A multi-frame image is the same image as its classic slices, whatever the order of its frames."""

import numpy as np
import pydicom
import pytest

from netlesion.errors import DicomError
from netlesion.io.dicom.pet_header import pet_facts
from netlesion.io.dicom.series import index_folder, read_image, require_one
from netlesion.suv import suv_conversion
from tests.io.dicom.dicom_objects import write_enhanced
from tests.synthetic_dicom import write_series

STORED = np.arange(5 * 3 * 7, dtype=np.int16).reshape(5, 3, 7)
ORDER = [3, 0, 6, 1, 5, 2, 4]


@pytest.mark.parametrize("modality", ["CT", "MR", "PT"])
def test_an_enhanced_image_equals_its_classic_slices(tmp_path, modality):
    rotation, _ = np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))
    slopes = np.linspace(0.5, 2.0, 7)
    paths = write_series(
        tmp_path / "a", STORED, modality, row=rotation[0], column=rotation[1], slopes=slopes, intercept=-3.0
    )
    write_enhanced(tmp_path / "b" / "IM1", paths, modality, ORDER)
    classic, enhanced = (read_image(require_one(index_folder(tmp_path / f), modality, f)) for f in "ab")
    assert enhanced.quantity is classic.quantity
    assert np.allclose(enhanced.geometry.affine_ras, classic.geometry.affine_ras)
    assert np.array_equal(enhanced.array, classic.array)


def pet(tmp_path, **fields):
    paths = write_series(tmp_path / "a", STORED, changes={"dose.RadiopharmaceuticalStartDateTime": "20240314100000"})
    corrected = {"DecayCorrected": "YES", "AttenuationCorrected": "YES", "ScatterCorrected": "YES"}
    write_enhanced(tmp_path / "b" / "IM1", paths, "PT", ORDER, **(corrected | fields))
    return require_one(index_folder(tmp_path / "b"), "PT", tmp_path)


def test_an_enhanced_pet_names_its_decay_reference(tmp_path):
    conversion = suv_conversion(pet_facts(pet(tmp_path, DecayCorrectionDateTime="20240314105000")))
    assert conversion.activity.elapsed_s == 3000.0


def test_an_enhanced_pet_corrected_to_its_injection_needs_no_decay_of_the_dose(tmp_path):
    conversion = suv_conversion(pet_facts(pet(tmp_path, DecayCorrectionDateTime="20240314100000")))
    assert conversion.activity.ref_time_source == "admin"
    assert conversion.activity.factor == pytest.approx(70_000 / 150e6)


def test_an_enhanced_pet_corrected_to_a_later_moment_is_refused(tmp_path):
    with pytest.raises(DicomError, match="Decay Correction DateTime"):
        pet_facts(pet(tmp_path, DecayCorrectionDateTime="20240314113000"))


@pytest.mark.parametrize("frames", [6, 8, 0, 2**31 - 1])
def test_frames_that_do_not_fit_their_groups_are_refused(tmp_path, frames):
    paths = write_series(tmp_path / "a", STORED, "CT")
    path = write_enhanced(tmp_path / "b" / "IM1", paths, "CT", NumberOfFrames=7)
    dataset = pydicom.dcmread(path)
    dataset.NumberOfFrames = frames
    dataset.save_as(path)
    with pytest.raises(DicomError, match="IM1"):
        index_folder(tmp_path / "b")


@pytest.mark.parametrize("modality", ["CT", "PT", "MR"])
def test_a_legacy_converted_image_of_highdicom_equals_its_classic_slices(tmp_path, modality):
    highdicom = pytest.importorskip("highdicom")
    name = {"CT": "CT", "PT": "PET", "MR": "MR"}[modality]
    convert = getattr(highdicom.legacy, f"LegacyConvertedEnhanced{name}Image")
    paths = write_series(tmp_path / "a", STORED, modality, slopes=np.full(7, 1.5), intercept=-2.0)
    sources = [pydicom.dcmread(p) for p in paths]
    for source in sources:
        source.AccessionNumber, source.StudyID, source.PatientSex, source.SeriesNumber = "", "", "F", 1
        source.Manufacturer, source.ImageType = "x", ["ORIGINAL", "PRIMARY", "AXIAL"]
    (tmp_path / "b").mkdir()
    uid = pydicom.uid.generate_uid
    convert(sources, uid(), 1, uid(), 1).save_as(tmp_path / "b" / "IM1")
    classic, legacy = (require_one(index_folder(tmp_path / f), modality, f) for f in "ab")
    assert np.allclose(read_image(legacy).geometry.affine_ras, read_image(classic).geometry.affine_ras)
    assert np.array_equal(read_image(legacy).array, read_image(classic).array)
    if modality == "PT":
        assert suv_conversion(pet_facts(legacy)).suvbw_factors == suv_conversion(pet_facts(classic)).suvbw_factors
