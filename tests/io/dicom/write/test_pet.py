"""Every header flavour gives the SUV back: by our reader, and by a formula written here from the bare tags."""

import math
from dataclasses import replace
from datetime import datetime

import numpy as np
import pydicom
import pytest

from netlesion.errors import DicomError, QuantityError, SuvError
from netlesion.image.geometry import Geometry
from netlesion.image.visit import Acquisition
from netlesion.image.volume import Quantity, Volume
from netlesion.io.dicom.pet_header import nuclide
from netlesion.io.dicom.pet_image import read_suvbw, series_facts
from netlesion.io.dicom.series import index_folder
from netlesion.io.dicom.tracer import tracer_of
from netlesion.io.dicom.write.pet import PetFlavour, PetScan, write_pet_series
from netlesion.suv import SuvConversion, suvbw_factor

GRID = Geometry(np.array([[-3.0, 0, 0, 40], [0, -4.0, 0, -20], [0, 0, 50.0, 7], [0, 0, 0, 1]]), (7, 5, 11))
SCAN = PetScan("dotatate", dose_bq=151e6, half_life_s=4062.6, uptake_s=3725.5, start=datetime(2020, 2, 28, 11, 5, 7))


def image(seed=0) -> Volume:
    """Uptake over five decades, a negative voxel and a slice of zeros."""
    suv = np.random.default_rng(seed).lognormal(0, 2.5, GRID.shape)
    suv[0, 0, 3], suv[:, :, 4] = -0.25, 0.0
    return Volume(suv, GRID, Quantity.SUVBW)


def our_reading(folder) -> tuple[np.ndarray, SuvConversion]:
    """SUVbw (I, J, K) of the one series in a folder by the project's own reader, and how it came to it."""
    (series,) = index_folder(folder)
    _, conversion = series_facts(series)
    return read_suvbw(series, conversion).array, conversion


def half_grey_level(suv: np.ndarray) -> np.ndarray:
    """The largest rounding error allowed in each slice, in SUV: half a step of 16 bit."""
    return np.abs(suv).max(axis=(0, 1)) / 32767 * 0.5 * (1 + 1e-4) + 1e-9


def seconds(day, clock) -> float:
    return datetime.strptime(f"{day}{clock}", "%Y%m%d%H%M%S.%f").timestamp()


def suv_by_hand(path) -> np.ndarray:
    """SUVbw (I, J) of one file from its tags alone, as clinical.md 1.3 has it; shares nothing with the writer."""
    h = pydicom.dcmread(path)
    value = h.pixel_array.T * float(h.RescaleSlope) + float(h.RescaleIntercept)
    if h.Units == "CNTS":
        return value * float(h[0x7053, 0x1000].value)
    item = h.RadiopharmaceuticalInformationSequence[0]
    injected = datetime.strptime(str(item.RadiopharmaceuticalStartDateTime), "%Y%m%d%H%M%S.%f").timestamp()
    reference = seconds(h.SeriesDate, h.SeriesTime)
    if (0x0009, 0x0010) in h:
        reference = datetime.strptime(str(h[0x0009, 0x100D].value), "%Y%m%d%H%M%S.%f").timestamp()
    if (0x0071, 0x0010) in h:
        reference = datetime.strptime(str(h[0x0071, 0x1022].value), "%Y%m%d%H%M%S.%f").timestamp()
    elapsed = 0.0 if h.DecayCorrection == "ADMIN" else reference - injected
    left = float(item.RadionuclideTotalDose) * math.exp(-math.log(2) * elapsed / float(item.RadionuclideHalfLife))
    return value * float(h.PatientWeight) * 1000 / left


@pytest.mark.parametrize("flavour", PetFlavour)
def test_suv_comes_back_within_half_a_grey_level_by_hand(tmp_path, exam, flavour):
    suv = image()
    written = write_pet_series(suv, SCAN, exam, tmp_path / "pet", flavour=flavour)
    found = np.stack([suv_by_hand(path) for path in written.files], axis=2)
    assert (np.abs(found - suv.array) <= half_grey_level(suv.array)).all()


@pytest.mark.parametrize("flavour", PetFlavour)
def test_suv_comes_back_within_half_a_grey_level_by_our_reader(tmp_path, exam, flavour):
    suv = image()
    write_pet_series(suv, SCAN, exam, tmp_path / "pet", flavour=flavour)
    found, conversion = our_reading(tmp_path)
    assert (np.abs(found - suv.array) <= half_grey_level(suv.array)).all()
    assert conversion.warnings == ()
    assert conversion.activity.ref_time_source == {
        "GE": "ge_private",
        "SIEMENS": "siemens_private",
        "BQML_ADMIN": "admin",
    }.get(flavour.name, "series")


def test_bqml_at_the_start_of_the_scan_is_taken_as_it_is(tmp_path, exam):
    """Read by SimpleITK, which applies each slice's own slope."""
    sitk = pytest.importorskip("SimpleITK")
    bqml = Volume(image().array * 9000, GRID, Quantity.BQML)
    written = write_pet_series(bqml, SCAN, exam, tmp_path / "pet")
    theirs = sitk.GetArrayFromImage(sitk.ReadImage([str(p) for p in written.files])).T
    assert (np.abs(theirs - bqml.array) <= half_grey_level(bqml.array) * 1.01).all()


def test_both_philips_factors_agree(tmp_path, exam):
    header = pydicom.dcmread(
        write_pet_series(image(), SCAN, exam, tmp_path / "pet", flavour=PetFlavour.PHILIPS_CNTS).files[0]
    )
    block = header.private_block(0x7053, "Philips PET Private Group")
    per_bqml = suvbw_factor(exam.weight_kg, SCAN.dose_bq, SCAN.half_life_s, SCAN.uptake_s)
    assert float(block[0x00].value) == pytest.approx(float(block[0x09].value) * per_bqml, rel=1e-9)


def without_private(folder) -> float:
    for path in folder.iterdir():
        header = pydicom.dcmread(path)
        header.remove_private_tags()
        header.save_as(path)
    return our_reading(folder)[1].activity.factor


def test_without_its_private_time_a_ge_series_is_refused_and_a_siemens_one_reads_right(tmp_path, exam):
    truth = suvbw_factor(exam.weight_kg, SCAN.dose_bq, SCAN.half_life_s, SCAN.uptake_s)
    write_pet_series(image(), SCAN, exam, tmp_path / "ge", flavour=PetFlavour.GE)
    write_pet_series(image(), SCAN, exam, tmp_path / "siemens", flavour=PetFlavour.SIEMENS)
    with pytest.raises(SuvError, match=r"Decay Factor \(0054,1321\) 1\.0"):
        without_private(tmp_path / "ge")
    assert without_private(tmp_path / "siemens") == pytest.approx(truth, rel=1e-6)


@pytest.mark.parametrize("flavour", PetFlavour)
def test_beds_go_from_the_feet_and_decay_factors_follow_the_clock(tmp_path, exam, flavour):
    down = Geometry(GRID.affine_ras @ np.diag([1, -1, -1, 1]), GRID.shape)  # right-handed, slices towards the feet
    volume = Volume(image().array, GRID if flavour is PetFlavour.BQML_START else down, Quantity.SUVBW)
    written = write_pet_series(volume, SCAN, exam, tmp_path / "pet", flavour=flavour)
    headers = sorted((pydicom.dcmread(p) for p in written.files), key=lambda h: h.ImagePositionPatient[2])
    acquired = np.array([seconds(h.AcquisitionDate, h.AcquisitionTime) for h in headers])
    beds = np.arange(11) * 50 // 200
    assert np.allclose(acquired - acquired[0], beds * 180.0)
    reference = SCAN.injection if flavour is PetFlavour.BQML_ADMIN else SCAN.start
    decay = math.log(2) / SCAN.half_life_s
    for header, start in zip(headers, acquired, strict=True):
        moment = np.linspace(0, 180, 10001) + start - reference.timestamp()
        mean_activity = np.exp(-decay * moment).mean()
        assert float(header.DecayFactor) == pytest.approx(1 / mean_activity, rel=1e-6)
        if flavour not in (PetFlavour.GE, PetFlavour.BQML_ADMIN):
            assert float(header.DecayFactor) == pytest.approx(math.exp(decay * header.FrameReferenceTime / 1e3))


def test_a_scan_after_midnight_keeps_its_injection_of_the_day_before(tmp_path, exam):
    scan = replace(SCAN, start=datetime(2020, 3, 1, 0, 20))
    write_pet_series(image(), scan, exam, tmp_path / "pet")
    _, conversion = our_reading(tmp_path)
    assert conversion.activity.injection.date().isoformat() == "2020-02-29"
    assert conversion.activity.elapsed_s == pytest.approx(3725.5)


@pytest.mark.parametrize(("label", "isotope"), [("dotatate", "68Ga"), ("dotatoc", "68Ga"), ("fdg", "18F")])
def test_the_tracer_is_coded(tmp_path, exam, label, isotope):
    half_life_s = 6586.2 if isotope == "18F" else 4062.6
    write_pet_series(image(), replace(SCAN, tracer_label=label, half_life_s=half_life_s), exam, tmp_path / "pet")
    series = index_folder(tmp_path)[0]
    item = series.header.RadiopharmaceuticalInformationSequence[0]
    assert (tracer_of(item, isotope).label, nuclide(item)) == (label, isotope)
    item.Radiopharmaceutical = ""
    assert tracer_of(item, isotope).source == "code"


def test_what_cannot_be_written_is_refused(tmp_path, exam):
    with pytest.raises(SuvError, match="no weight"):
        write_pet_series(image(), SCAN, replace(exam, weight_kg=None), tmp_path / "pet")
    with pytest.raises(QuantityError, match="HU"):
        write_pet_series(Volume(image().array, GRID, Quantity.HU), SCAN, exam, tmp_path / "pet")
    with pytest.raises(DicomError, match="tracer 'psma'"):
        replace(SCAN, tracer_label="psma")
    with pytest.raises(SuvError, match="dose_bq .* 0"):
        replace(SCAN, dose_bq=0)
    with pytest.raises(SuvError, match="has no half_life_s, uptake_s"):
        PetScan.of(Acquisition(dose_bq=1e8), "fdg", SCAN.start)
    assert list(tmp_path.iterdir()) == []
