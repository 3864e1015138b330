"""Enhanced PET (PS3.3 A.56): its SUV is that of the classic series, from what the standard lets it say and no more.

Seven slices of 68Ga in shuffled frames, 150 MBq injected at 10:00, 70 kg. Expected values are written out here.
"""

import json
import math

import numpy as np
import pytest
from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset

from netlesion.datasets.dicom.importer import import_dicom
from netlesion.errors import DicomError, NetlesionError
from netlesion.io.bids.cohort import open_cohort
from netlesion.io.bids.visit_files import load_visit
from netlesion.io.dicom.pet_header import pet_facts
from netlesion.io.dicom.pet_image import read_suvbw, series_facts
from netlesion.io.dicom.series import index_folder, require_one
from netlesion.io.dicom.to_nifti import series_to_suv
from netlesion.suv import suv_conversion
from tests.io.dicom.dicom_objects import write_enhanced
from tests.synthetic_dicom import write_series

STORED = np.arange(5 * 3 * 7, dtype=np.int16).reshape(5, 3, 7) * 50
ORDER = [3, 0, 6, 1, 5, 2, 4]
SLOPES = np.linspace(0.5, 2.0, 7)
RATE = math.log(2.0) / 4062.6
START = {"DecayCorrected": "YES", "DecayCorrectionDateTime": "20240314105000"}


def enhanced(root, edit=lambda group, index: None, order=ORDER, **fields):
    """One Enhanced PET; Patient... and dose... fields go into its classic source."""
    changes = {"dose.RadiopharmaceuticalStartTime": None, "dose.RadiopharmaceuticalStartDateTime": "20240314100000"}
    changes |= {n: fields.pop(n) for n in list(fields) if n.startswith(("dose.", "Patient"))}
    changes = {n: v for n, v in changes.items() if v is not None or n != "dose.RadiopharmaceuticalStartDateTime"}
    paths = write_series(root / "classic", STORED, slopes=SLOPES, changes=changes)
    corrected = {"AttenuationCorrected": "YES", "ScatterCorrected": "YES"} | START | fields
    write_enhanced(root / "export" / "IM1", paths, "PT", order, edit, **{k: v for k, v in corrected.items() if v})
    return root / "export"


def suv_of(export):
    series = require_one(index_folder(export), "PT", export)
    _, conversion = series_facts(series)
    return read_suvbw(series, conversion).array, conversion


def mapped(*maps, rescale="US"):
    """Puts real world value maps (UCUM code, slope) into a frame whose rescaled values have no unit."""

    def edit(group, index):
        group.PixelValueTransformationSequence[0].RescaleType = rescale
        group.RealWorldValueMappingSequence = []
        for code, slope in maps:
            item, unit = Dataset(), Dataset()
            setattr(unit, "CodeValue" if len(code) <= 16 else "LongCodeValue", code)
            unit.CodingSchemeDesignator, unit.CodeMeaning = "UCUM", code
            item.MeasurementUnitsCodeSequence = [unit]
            item.RealWorldValueSlope, item.RealWorldValueIntercept = slope * (1 + index), 0.0
            group.RealWorldValueMappingSequence.append(item)

    return edit


def test_it_has_the_suv_of_its_bqml_and_its_own_decay_reference(tmp_path):
    suv, conversion = suv_of(enhanced(tmp_path))
    assert np.allclose(suv, STORED * SLOPES * 70_000 / (150e6 * math.exp(-RATE * 3000)), rtol=1e-5)
    assert conversion.path == "BQML START"
    assert conversion.warnings == ()


def test_netlesion_suv_takes_it(tmp_path):
    facts = series_to_suv(enhanced(tmp_path), tmp_path / "suv.nii.gz")
    assert facts["suvmax_g_per_ml"] == pytest.approx(
        (STORED * SLOPES).max() * 70_000 / (150e6 * math.exp(-RATE * 3000)), abs=0.01
    )
    assert facts["elapsed_s"] == 3000.0


def test_corrected_to_the_injection(tmp_path):
    suv, conversion = suv_of(enhanced(tmp_path, DecayCorrectionDateTime="20240314100000"))
    assert np.allclose(suv, STORED * SLOPES * 70_000 / 150e6, rtol=1e-5)
    assert conversion.activity.ref_time_source == "admin"


def test_without_decay_correction_every_frame_has_its_own_time(tmp_path):
    """Beds of 3 minutes, the slices of each 10 minutes after those below."""

    def bed(group, index):
        group.FrameContentSequence[0].FrameAcquisitionDateTime = f"20240314{110000 + 1000 * (index // 2)}"

    start = {"AcquisitionDateTime": "20240314110000"}  # of the scan: no second account of when a bed began
    suv, conversion = suv_of(enhanced(tmp_path, bed, DecayCorrected="NO", DecayCorrectionDateTime=None, **start))
    assert conversion.path == "BQML NONE"
    starts = np.array([3600 + 600 * (k // 2) for k in range(7)])
    left = np.exp(-RATE * starts) * (1 - math.exp(-RATE * 180)) / (RATE * 180)
    assert np.allclose(suv, STORED * SLOPES * 70_000 / (150e6 * left), rtol=1e-5)


def test_the_map_to_bqml_is_taken_among_several(tmp_path):
    suv, _ = suv_of(enhanced(tmp_path, mapped(("{propcounts}", 3.0), ("g/ml{SUVbw}", 9.0), ("Bq/ml", 2.0))))
    values = STORED * 2.0 * (1 + np.arange(7))
    assert np.allclose(suv, values * 70_000 / (150e6 * math.exp(-RATE * 3000)), rtol=1e-5)


@pytest.mark.parametrize(
    ("code", "path", "suvbw"),
    [
        ("g/ml{SUVbw}", "GML BW", 1.0),
        ("{SUVbw}g/ml", "GML BW", 1.0),
        ("g/ml{SUVlbm(Janma)}", "GML LBMJANMA", 70 / (9270 * 70 / (8780 + 244 * 70 / 1.75**2))),
        ("cm2/ml{SUVbsa}", "CM2ML BSA", 70_000 / (0.007184 * 70**0.425 * 175**0.725 * 1e4)),
    ],
)
def test_a_map_to_suv_is_converted_as_that_of_a_scanner(tmp_path, code, path, suvbw):
    suv, conversion = suv_of(enhanced(tmp_path, mapped((code, 0.01)), PatientSex="F"))
    assert conversion.path == path
    assert np.allclose(suv, STORED * 0.01 * (1 + np.arange(7)) * suvbw, rtol=1e-5)


def test_a_moment_in_another_time_zone_is_moved_to_the_scanners(tmp_path):
    fields = {"DecayCorrectionDateTime": "20240314115000+0200", "TimezoneOffsetFromUTC": "+0100"}
    _, conversion = suv_of(enhanced(tmp_path, **fields))
    assert conversion.activity.elapsed_s == 3000


def test_a_dose_in_bq_is_taken_with_a_warning_for_the_standard_says_mbq(tmp_path):
    suv, conversion = suv_of(enhanced(tmp_path, **{"dose.RadionuclideTotalDose": 150e12}))
    assert np.allclose(suv, STORED * SLOPES * 70_000 / (150e6 * math.exp(-RATE * 3000)), rtol=1e-5)
    assert "an Enhanced PET states MBq" in conversion.warnings[0]


def ranges(*maps, code="Bq/ml", double=False):
    """Puts maps of one unit, each for its range of stored values (first, last, slope), into every frame."""

    def edit(group, index):
        mapped(*((code, 1.0) for _ in maps))(group, 0)
        for item, (first, last, slope) in zip(group.RealWorldValueMappingSequence, maps, strict=True):
            item.RealWorldValueSlope = slope
            for name, value in (("FirstValueMapped", first), ("LastValueMapped", last)):
                if value is not None and double:
                    setattr(item, f"DoubleFloatRealWorldValue{name}", float(value))
                elif value is not None:
                    item.add_new(tag_for_keyword(f"RealWorldValue{name}"), "US", value)

    return edit


SPLIT = np.where(STORED < 2000, STORED, 2.0 * STORED)


@pytest.mark.parametrize(
    ("edit", "values"),
    [
        (ranges((0, 1999, 1.0), (2000, 65535, 2.0)), SPLIT),
        (ranges((2000, 65535, 2.0), (0, 1999, 1.0), double=True), SPLIT),
        (ranges((0, 65535, 3.0)), 3.0 * STORED),
        (ranges((None, None, 3.0)), 3.0 * STORED),
        (ranges((0, 3000, 3.0), (1000, 65535, 3.0)), 3.0 * STORED),
    ],
)
def test_every_range_of_stored_values_has_its_own_slope(tmp_path, edit, values):
    suv, conversion = suv_of(enhanced(tmp_path, edit))
    assert conversion.path == "BQML START"
    assert np.allclose(suv, values * 70_000 / (150e6 * math.exp(-RATE * 3000)), rtol=1e-5)


def _rescaled_otherwise(group, index):
    mapped(("Bq/ml", 7.0), rescale="BQML")(group, index)


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (ranges((0, 1999, 1.0)), "lie in no range"),
        (ranges((0, 1999, 1.0), (2500, 65535, 2.0)), "first stored as 2"),
        (ranges((0, 2500, 1.0), (2000, 65535, 2.0)), "one stored value two values"),
        (ranges((None, None, 1.0), (None, None, 2.0)), "one stored value two values"),
        (_rescaled_otherwise, r"\(0040,9225\) [0-9.]+; export"),
    ],
)
def test_ranges_that_leave_a_value_open_are_refused(tmp_path, edit, words):
    with pytest.raises(NetlesionError, match=words):
        suv_of(enhanced(tmp_path, edit))


def _without_time(group, index):
    del group.FrameContentSequence[0].FrameAcquisitionDateTime


def _one_in_other_units(group, index):
    if index == 4:
        mapped(("g/ml{SUVbw}", 1.0))(group, index)


@pytest.mark.parametrize(
    ("edit", "fields", "words"),
    [
        (mapped(("{propcounts}", 1.0)), {}, r"Units \(0054,1001\) is missing"),
        (mapped(), {}, r"Units \(0054,1001\) is missing"),
        (_one_in_other_units, {}, "Units is "),
        (None, {"DecayCorrectionDateTime": None}, r"\(0018,9701\) is missing, but Decay Corrected"),
        (None, {"DecayCorrectionDateTime": "20240314110130"}, r"\(0018,9701\) lies after the start of the frame"),
        (None, {"DecayCorrectionDateTime": "20240314"}, "has no clock"),
        (None, {"DecayCorrected": None}, "without DECY"),
        (None, {"AttenuationCorrected": "NO"}, "without ATTN"),
        (_without_time, {}, r"Frame Acquisition DateTime \(0018,9074\) is missing"),
        (None, {"dose.RadionuclideTotalDose": None}, r"Total Dose \(0018,1074\) is missing"),
        (None, {"dose.RadiopharmaceuticalStartDateTime": None}, "Start"),
        (None, {"PatientWeight": None}, "Weight"),
    ],
)
def test_what_the_standard_does_not_let_it_leave_open_is_refused_by_name(tmp_path, edit, fields, words):
    export = enhanced(tmp_path, edit or (lambda group, index: None), **fields)
    with pytest.raises(NetlesionError, match=words) as refused:
        suv_conversion(pet_facts(require_one(index_folder(export), "PT", export)))
    assert "\n" not in str(refused.value)


def test_two_radiopharmaceuticals_are_refused(tmp_path):
    export = enhanced(tmp_path)
    dose = Dataset()
    paths = list((tmp_path / "classic").iterdir())
    write_enhanced(export / "IM1", sorted(paths), "PT", RadiopharmaceuticalInformationSequence=[dose, dose], **START)
    with pytest.raises(DicomError, match="2 items in Radiopharmaceutical Information"):
        pet_facts(require_one(index_folder(export), "PT", export))


def test_an_import_gives_the_same_suv_and_says_how(tmp_path):
    result = import_dicom(enhanced(tmp_path), tmp_path / "cohort")
    assert result.failures == ()
    assert ["tracer" in line for line in result.warnings] == [True], "no warning of its dose, units or times"
    (files,) = open_cohort(tmp_path / "cohort").visits
    suv = load_visit(files, ["sstr"], ["sstr"]).scans["sstr"].volume.array
    sidecar = json.loads(next((tmp_path / "cohort").rglob("*trc-dotatate_pet.json")).read_text())
    assert sidecar["InjectedRadioactivity"] == 150.0
    assert sidecar["ImageDecayCorrectionTime"] == 3000.0
    assert sidecar["SUVPath"] == "BQML START"
    assert suv.max() == pytest.approx((STORED * SLOPES).max() * 70_000 / (150e6 * math.exp(-RATE * 3000)), rel=1e-5)


def _dynamic(group, index):
    kind = Dataset()
    kind.FrameType = ["ORIGINAL", "PRIMARY", "DYNAMIC", "NONE"]
    group.PETFrameTypeSequence = [kind]


@pytest.mark.parametrize("how", ["said", "seen"])
def test_a_dynamic_one_is_skipped_be_it_said_or_seen(tmp_path, how):
    count = iter(range(14))

    def moments(group, index):
        group.FrameContentSequence[0].TemporalPositionIndex = 1 + next(count) // 7

    export = enhanced(tmp_path, _dynamic) if how == "said" else enhanced(tmp_path, moments, ORDER * 2)
    result = import_dicom(export, tmp_path / "cohort")
    assert result.written == ()
    assert "dynamic or gated" in result.skipped[0]
