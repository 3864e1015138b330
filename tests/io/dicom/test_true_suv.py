"""Tiny PETs whose true SUVmax is 8.0: a header either gives it, or is refused by name; never another number.

68Ga, 150 MBq in 70 kg at 10:00, scanned at 11:00; a body of SUV 1 with one voxel of 8 in the middle slice.
"""

import json
import math

import numpy as np
import pydicom
import pytest

from netlesion.datasets.dicom.importer import import_dicom
from netlesion.errors import NetlesionError
from netlesion.image.volume import Quantity
from netlesion.io.dicom.series import index_folder, read_image
from netlesion.io.dicom.to_nifti import series_to_suv
from netlesion.io.dicom.wrapped_values import looks_wrapped
from netlesion.io.nifti import read_volume
from netlesion.suv import Overrides
from tests.io.dicom.pet_headers import private
from tests.synthetic_dicom import write_series

PER_SUV = 150e6 * math.exp(-math.log(2.0) * 3600 / 4062.6) / 70_000.0
BODY = np.full((5, 3, 3), 1000, np.int16)
BODY[2, 1, 1] = 8000


def pet(folder, changes=None, each=lambda dataset, k: None, stored=BODY, scale=1000.0):
    slopes = [float(f"{PER_SUV / scale:.9g}")] * stored.shape[2]
    for k, path in enumerate(write_series(folder, stored, slopes=slopes, changes=changes)):
        dataset = pydicom.dcmread(path)
        each(dataset, k)
        dataset.save_as(path)
    return folder


def suvmax(folder, out, **overrides):
    return series_to_suv(folder, out / "suv.nii.gz", overrides=Overrides(**overrides))["suvmax_g_per_ml"]


STUDY = {"StudyInstanceUID": "1.2.3", "FrameOfReferenceUID": "1.2.4"}
DATES = ("1960", "0050", "2399")
UTC_ACQUISITION = {
    "AcquisitionTime": None, "AcquisitionDate": None, "AcquisitionDateTime": "20240314090000+0000",
    "TimezoneOffsetFromUTC": "+0200", "SeriesTime": "150000", "FrameReferenceTime": None,
}  # fmt: skip
TRUE = {
    "as it is": {},
    "dose in MBq": {"dose.RadionuclideTotalDose": 150.0},
    "acquisition in another zone": UTC_ACQUISITION,
    "zone and injection after its UTC clock": UTC_ACQUISITION | {"dose.RadiopharmaceuticalStartTime": "100000.5"},
    **{f"{year}": dict.fromkeys(("StudyDate", "SeriesDate", "AcquisitionDate"), f"{year}0314") for year in DATES},
    "injection 22 days on": {"dose.RadiopharmaceuticalStartDateTime": "20240405100000"},
    "decay factor of the frame": {"DecayFactor": 1.0155},
}


@pytest.mark.parametrize("name", TRUE)
def test_a_header_that_can_be_read_gives_the_true_suv(tmp_path, name):
    folder = pet(tmp_path / "dicom", TRUE[name])
    assert suvmax(folder, tmp_path) == pytest.approx(8.0, rel=2e-3)
    result = import_dicom(folder, tmp_path / "cohort")
    assert result.failures == ()
    sidecar = json.loads(next((tmp_path / "cohort" / "sub-001").rglob("*_pet.json")).read_text())
    assert sidecar["ScanStart"] == pytest.approx(3600.0, abs=1.0)


REFUSED = {
    "dose in mCi": ({"dose.RadionuclideTotalDose": 4.05}, {"dose_mbq": 150.0}, "possibly mCi"),
    "dose in kBq": ({"dose.RadionuclideTotalDose": 150000.0}, {"dose_mbq": 150.0}, "possibly kBq"),
    "dose twice in MBq": ({"dose.RadionuclideTotalDose": 150e12}, {"dose_mbq": 150.0}, "which is no dose"),
    "weight in grams": ({"PatientWeight": 70000.0}, {"weight_kg": 70.0}, "Weight"),
    "units of kBq": ({"RescaleSlope": PER_SUV * 1000}, {}, "SUVbw reaches"),
    "decay factor": ({"DecayFactor": 1.46, "SeriesTime": "113000", "FrameReferenceTime": None}, {}, "0054,1321"),
    "start datetime": ({"dose.RadiopharmaceuticalStartDateTime": "20240314080000"}, {}, "0018,1078"),
    "no attenuation correction": ({"AttenuationCorrectionMethod": "None"}, {"allow_uncorrected": True}, "0054,1101"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_header_that_cannot_be_true_is_refused_until_the_user_settles_it(tmp_path, name):
    changes, overrides, words = REFUSED[name]
    folder = pet(tmp_path / "dicom", changes)
    with pytest.raises(NetlesionError, match=words) as refused:
        suvmax(folder, tmp_path)
    assert "\n" not in str(refused.value)
    assert not list(tmp_path.glob("*.nii.gz"))
    result = import_dicom(folder, tmp_path / "cohort")
    assert (result.written, list(tmp_path.glob("cohort/**/*.nii.gz"))) == ((), [])
    if overrides:
        assert suvmax(folder, tmp_path, **overrides) == pytest.approx(8.0, rel=1e-3)


@pytest.mark.parametrize("days", [-23, 1, 400])
def test_private_dates_shifted_apart_from_the_standard_ones_leave_one_clock(tmp_path, days):
    day = np.datetime64("2024-03-14") + days
    change = private(0x0009, "GEMS_PETD_01", 0x0D, "DT", f"{str(day).replace('-', '')}110000.00")
    folder = pet(tmp_path / "dicom", {"Manufacturer": "GE MEDICAL SYSTEMS", "SeriesTime": "150000"}, change)
    assert suvmax(folder, tmp_path) == pytest.approx(8.0, rel=1e-3)
    result = import_dicom(folder, tmp_path / "cohort")
    assert any(f"{abs(days)} days" in line for line in result.warnings)
    sidecar = json.loads(next((tmp_path / "cohort" / "sub-001").rglob("*_pet.json")).read_text())
    assert sidecar["ScanStart"] == 3600.0


def test_the_dates_of_one_study_must_agree(tmp_path):
    for name, day in (("pet", "19600314"), ("ct", "19600401")):
        write_series(tmp_path / name, BODY, "PT" if name == "pet" else "CT", changes={"StudyDate": day} | STUDY)
    result = import_dicom(tmp_path, tmp_path / "cohort")
    assert result.written == ()
    assert ["two Study Dates (0008,0020)" in line for line in result.failures] == [True, True]


def stored(values=BODY, bits=16, **fields):
    """Puts other stored values, bits and padding into each slice."""

    def change(dataset, k):
        dataset.PixelData = values[:, :, k].T.astype("<u2").tobytes()
        dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = bits, bits - 1, 0
        for name, value in fields.items():
            if name.startswith("PixelPadding"):
                dataset.add_new(name, "SS" if value < 0 else "US", value)
            else:
                setattr(dataset, name, value)

    return change


def outside(value: int, further: int | None = None) -> np.ndarray:
    values = BODY.astype(np.int64)
    values[0], values[4, 0] = value, value if further is None else further
    return values


PIXELS = {
    "padding below": stored(outside(-32768), PixelRepresentation=1, PixelPaddingValue=-32768),
    "padding above": stored(outside(65535), PixelPaddingValue=65535),
    "padding declared unsigned beside signed pixels": stored(
        outside(-2000), PixelRepresentation=1, PixelPaddingValue=63536
    ),
    "a range of padding": stored(outside(65535, 60000), PixelPaddingValue=60000, PixelPaddingRangeLimit=65535),
    "padding told from above": stored(outside(60007, 60000), PixelPaddingValue=60010, PixelPaddingRangeLimit=60000),
    "a padding value that does not occur": stored(PixelPaddingValue=65535),
    "bits above those stored are clear": stored(bits=14),
    "12 bits with a sign": stored(np.where(BODY == 8000, 2000, np.where(BODY == 1000, 250, 0)), 12, RescaleSlope=4.0),
}


@pytest.mark.parametrize("name", PIXELS)
def test_padding_is_no_uptake_and_unused_bits_are_no_value(tmp_path, name):
    def each(dataset, k):
        PIXELS[name](dataset, k)
        dataset.RescaleSlope = PER_SUV / 1000.0 * (4.0 if name == "12 bits with a sign" else 1.0)

    folder = pet(tmp_path / "dicom", each=each)
    report = series_to_suv(folder, tmp_path / "suv.nii.gz")
    assert report["suvmax_g_per_ml"] == pytest.approx(8.0, rel=1e-3)
    array = read_volume(tmp_path / "suv.nii.gz", Quantity.SUVBW).array
    assert array.min() == pytest.approx(0.0 if "padding" in name and "occur" not in name else 1.0, abs=1e-4)


LESION = np.where(BODY == 8000, 65535, 8192).astype(np.int64)
BROKEN_PIXELS = {
    "high bit": (stored(HighBit=14), r"High Bit \(0028,0102\) is 14"),
    "high bit of 12": (stored(np.minimum(BODY, 4000), 12, HighBit=15), r"High Bit \(0028,0102\) is 15"),
    "more bits than stored": (stored(bits=12), r"12 Bits Stored \(0028,0101\) reach from 0 to 4095"),
    "unsigned declared signed, just negative": (stored(LESION, PixelRepresentation=1), "declared signed"),
    "unsigned declared signed, far below": (stored(BODY * 5, PixelRepresentation=1), "declared signed"),
}


@pytest.mark.parametrize("name", BROKEN_PIXELS)
def test_pixels_that_their_header_misreads_are_refused(tmp_path, name):
    change, words = BROKEN_PIXELS[name]
    folder = pet(tmp_path / "dicom", each=change)
    with pytest.raises(NetlesionError, match=words):
        suvmax(folder, tmp_path)


def test_the_padding_of_a_ct_is_air_and_its_values_stay(tmp_path):
    hu = np.full((5, 3, 3), 40, np.int16)
    hu[0], hu[1, 0, 0], hu[1, 1, 0] = -2000, 3071, 950
    for path in write_series(tmp_path, hu, "CT"):
        dataset = pydicom.dcmread(path)
        dataset.add_new("PixelPaddingValue", "US", 63536)
        dataset.save_as(path)
    import_dicom(tmp_path, tmp_path / "cohort")
    assert json.loads(next((tmp_path / "cohort").rglob("*_ct.json")).read_text())["PaddingHU"] == -1024.0
    values = read_image(index_folder(tmp_path)[0]).array
    assert sorted(np.unique(values)) == [-1024.0, -960.0, -50.0, 2071.0]


def test_noise_below_zero_in_cold_places_is_no_wrapped_value():
    values = np.random.default_rng(0).normal(0.0, 0.05, (9, 8, 7))
    values[3:6, 3:6, 2:5] = 8.0
    assert not looks_wrapped(values)
    values[4, 4, 3] = -1e-4
    assert looks_wrapped(values)
