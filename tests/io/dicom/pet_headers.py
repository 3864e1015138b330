"""Tiny PET headers, one for each vendor case, and the voxel value that must come out as SUVbw 1.

The patient: 70 kg, 1.75 m; 368.08 MBq of 18F injected at 10:00, scanned at 11:00 (as in IBSI's reference objects,
clinical.md 1.4). `suv1` is the header's value (after rescale) of SUVbw 1, written out with exp, not taken from
the code. `change` edits one slice's header.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pydicom
from pydicom.dataset import Dataset

from tests.synthetic_dicom import write_series

DOSE_BQ, WEIGHT_KG, HALF_LIFE_S = 368.08e6, 70.0, 6586.2
#: SUV of the three rows of every slice, in thousandths as stored.
STORED_SUV = (200, 1000, 4000)
FLUORINE = {
    "TimezoneOffsetFromUTC": "+0000",
    "PatientSex": "O",
    "ActualFrameDuration": 300000,
    "FrameReferenceTime": 150000.0,
    "dose.Radiopharmaceutical": "FDG",
    "dose.RadionuclideTotalDose": DOSE_BQ,
    "dose.RadionuclideHalfLife": HALF_LIFE_S,
}


def bqml(elapsed_s: float) -> float:
    """Bq/ml of SUVbw 1 when the dose has decayed for so long."""
    return DOSE_BQ * math.exp(-math.log(2.0) * elapsed_s / HALF_LIFE_S) / (WEIGHT_KG * 1000.0)


@dataclass(frozen=True)
class Case:
    """Header fields; the voxel of SUV 1, or one for each slice; and the path and warnings that must be recorded."""

    changes: dict
    suv1: float | tuple[float, ...]
    path: str
    source: str | None
    change: Callable[[Dataset, int], None] = lambda dataset, k: None
    warnings: tuple[str, ...] = ()


def private(group: int, creator: str | None, element: int, vr: str, value, block: int = 0x10):
    """Adds a private element in any block; creator None leaves it an orphan in that block."""

    def add(dataset: Dataset, k: int) -> None:
        if creator is None:
            dataset.add_new((group, (block << 8) | element), vr, value)
            return
        dataset.add_new((group, block), "LO", creator)
        dataset.add_new((group, (block << 8) | element), vr, value)

    return add


def in_turn(*changes):
    def add(dataset: Dataset, k: int) -> None:
        for change in changes:
            change(dataset, k)

    return add


def beds(dataset: Dataset, k: int) -> None:
    """Slice k was acquired 10 k minutes after 11:00."""
    dataset.AcquisitionTime = f"11{10 * k:02d}00"


def mean_of_frame(start_s: float, duration_s: float = 300.0) -> float:
    """Bq/ml of SUVbw 1 averaged over a frame, without any decay correction."""
    rate = math.log(2.0) / HALF_LIFE_S
    return bqml(start_s) * (1.0 - math.exp(-rate * duration_s)) / (rate * duration_s)


PHILIPS_GROUP = "Philips PET Private Group"
LATE_SERIES = {"SeriesTime": "113000"}
PHILIPS = {"Manufacturer": "Philips Medical Systems", "Units": "CNTS"}
GE = {"Manufacturer": "GE MEDICAL SYSTEMS"}
SIEMENS = {"Manufacturer": "SIEMENS"}
BMI = 70.0 / 1.75**2
IBW = (48.0 + 1.06 * 23.0 + 45.5 + 0.91 * 23.0) / 2.0

CASES = {
    "ibsi_0_0_bqml_start": Case({}, bqml(3600), "BQML START", "series"),
    "ibsi_2_0_gml": Case({"Units": "GML"}, 1.0, "GML BW", "series"),
    "ibsi_2_2_gml_ibw_sex_o": Case({"Units": "GML", "SUVType": "IBW"}, IBW / 70.0, "GML IBW", "series"),
    "gml_lbm_female": Case(
        {"Units": "GML", "SUVType": "LBM", "PatientSex": "F"}, 1.07 - 148 * 70 / 175**2, "GML LBM", "series"
    ),
    "gml_lbmjames128_male": Case(
        {"Units": "GML", "SUVType": "LBMJAMES128", "PatientSex": "M"},
        1.10 - 128 * 70 / 175**2,
        "GML LBMJAMES128",
        "series",
    ),
    "gml_lbmjanma_male_size_in_cm": Case(
        {"Units": "GML", "SUVType": "LBMJANMA", "PatientSex": "M", "PatientSize": 175.0},
        9270.0 / (6680.0 + 216.0 * BMI),
        "GML LBMJANMA",
        "series",
    ),
    "ibsi_2_3_cm2ml": Case({"Units": "CM2ML"}, 0.007184 * 70**0.425 * 175**0.725 * 10 / 70, "CM2ML BSA", "series"),
    "ibsi_2_4_philips_suv_factor": Case(
        PHILIPS, 2000.0, "CNTS SUV factor", "series", private(0x7053, PHILIPS_GROUP, 0x00, "DS", "0.0005")
    ),
    "ibsi_2_4_philips_orphan_suv_factor": Case(
        PHILIPS,
        2000.0,
        "CNTS SUV factor",
        "series",
        private(0x7053, None, 0x00, "DS", "0.0005"),
        ("lost its private creator",),
    ),
    "ibsi_2_5_philips_activity_factor": Case(
        PHILIPS,
        bqml(3600) / 2.5,
        "CNTS activity factor, START",
        "series",
        private(0x7053, PHILIPS_GROUP, 0x09, "DS", "2.5", block=0x11),
    ),
    "ibsi_2_5_philips_orphan_activity_factor": Case(
        PHILIPS,
        bqml(3600) / 2.5,
        "CNTS activity factor, START",
        "series",
        private(0x7053, None, 0x09, "UN", b"2.5 "),
        ("lost its private creator",),
    ),
    "philips_both_factors": Case(
        PHILIPS,
        2000.0,
        "CNTS SUV factor",
        "series",
        in_turn(
            private(0x7053, PHILIPS_GROUP, 0x00, "DS", "0.0005"),
            private(0x7053, PHILIPS_GROUP, 0x09, "DS", f"{bqml(3600) / 2000.0:.8g}"),
        ),
    ),
    "philips_none": Case(
        PHILIPS | {"DecayCorrection": "NONE", "CorrectedImage": ["ATTN"]},
        tuple(mean_of_frame(3600 + 600 * k) / 2.5 for k in range(3)),
        "CNTS activity factor, NONE",
        "admin",
        in_turn(beds, private(0x7053, PHILIPS_GROUP, 0x09, "DS", "2.5")),
    ),
    "ibsi_3_0_dose_in_mbq": Case(
        {"dose.RadionuclideTotalDose": 368.08}, bqml(3600), "BQML START", "series", warnings=("taken as MBq",)
    ),
    "ibsi_3_1_admin": Case({"DecayCorrection": "ADMIN"}, bqml(0), "BQML ADMIN", "admin", beds),
    "ibsi_3_2_series_time_after_acquisition": Case(
        LATE_SERIES | {"AcquisitionTime": "110500", "ActualFrameDuration": 603000, "FrameReferenceTime": 600000.0},
        bqml(3600 + 300.0 + 301.5 - 600.0 - 603.0**2 * math.log(2) / 24 / HALF_LIFE_S),
        "BQML START",
        "backcomputed",
    ),
    "ge_series_time_after_acquisition": Case(
        GE | LATE_SERIES | {"AcquisitionTime": "110500", "FrameReferenceTime": 300000.0},
        bqml(3600),
        "BQML START",
        "backcomputed",
    ),
    "ibsi_3_3_ge_private_time": Case(
        GE | {"SeriesTime": "113000", "AcquisitionTime": "113000"},
        bqml(3600),
        "BQML START",
        "ge_private",
        private(0x0009, "GEMS_PETD_01", 0x0D, "DT", "20240314110000.00", block=0x12),
    ),
    "ibsi_3_3_ge_orphan_private_time": Case(
        GE | {"SeriesTime": "113000", "AcquisitionTime": "113000"},
        bqml(3600),
        "BQML START",
        "ge_private",
        private(0x0009, None, 0x0D, "DT", "20240314110000.00"),
        ("lost its private creator",),
    ),
    "siemens_private_time": Case(
        SIEMENS | {"SeriesTime": "113000", "AcquisitionTime": "113000"},
        bqml(3600),
        "BQML START",
        "siemens_private",
        private(0x0071, "SIEMENS MED PT", 0x22, "UN", b"20240314110000.000000 "),
    ),
    "ibsi_3_4_none": Case(
        {"DecayCorrection": "NONE"},
        tuple(mean_of_frame(3600 + 600 * k) for k in range(3)),
        "BQML NONE",
        "admin",
        beds,
        ("decay was corrected here",),
    ),
    "earliest_acquisition": Case(
        LATE_SERIES | {"FrameReferenceTime": None},
        bqml(3600),
        "BQML START",
        "earliest_acq",
        warnings=("earliest acquisition",),
    ),
    "ibsi_4_0_datetime_only": Case(
        {"dose.RadiopharmaceuticalStartTime": None, "dose.RadiopharmaceuticalStartDateTime": "20240314100000.00"},
        bqml(3600),
        "BQML START",
        "series",
    ),
    "ibsi_4_1_time_only": Case({}, bqml(3600), "BQML START", "series"),
    "ibsi_4_2_time_only_across_midnight": Case(
        {
            "dose.RadiopharmaceuticalStartTime": "233000",
            "SeriesDate": "20240315",
            "AcquisitionDate": "20240315",
            "SeriesTime": "003000",
            "AcquisitionTime": "003000",
        },
        bqml(3600),
        "BQML START",
        "series",
        warnings=("evening before",),
    ),
    "datetime_in_another_zone": Case(
        {
            "TimezoneOffsetFromUTC": "+0200",
            "dose.RadiopharmaceuticalStartTime": None,
            "dose.RadiopharmaceuticalStartDateTime": "20240314090000+0100",
        },
        bqml(3600),
        "BQML START",
        "series",
    ),
    "datetime_with_an_offset_and_a_scanner_without": Case(
        {
            "TimezoneOffsetFromUTC": None,
            "dose.RadiopharmaceuticalStartTime": None,
            "dose.RadiopharmaceuticalStartDateTime": "20240314100000+0100",
        },
        bqml(3600),
        "BQML START",
        "series",
        warnings=("no Timezone Offset From UTC",),
    ),
}


def write_case(folder, case: Case):
    """Three slices of rows 0.2, 1 and 4 SUV; returns the paths."""
    stored = np.broadcast_to(np.array(STORED_SUV, np.int16)[None, :, None], (5, 3, 3))
    suv1 = case.suv1 if isinstance(case.suv1, tuple) else (case.suv1,) * 3
    slopes = [float(f"{value / 1000.0:.9g}") for value in suv1]
    fields = FLUORINE | case.changes
    paths = write_series(folder, stored, slopes=slopes, changes={k: v for k, v in fields.items() if v is not None})
    for k, path in enumerate(paths):
        dataset = pydicom.dcmread(path)
        _as_fluorine(dataset)
        for name in (n for n, v in fields.items() if v is None):
            _remove(dataset, name)
        case.change(dataset, k)
        dataset.save_as(path)
    return paths


def _as_fluorine(dataset: Dataset) -> None:
    code = dataset.RadiopharmaceuticalInformationSequence[0].RadionuclideCodeSequence[0]
    code.CodeValue, code.CodeMeaning = "C-111A1", "^18^Fluorine"


def _remove(dataset: Dataset, name: str) -> None:
    if name.startswith("dose."):
        dataset, name = dataset.RadiopharmaceuticalInformationSequence[0], name.removeprefix("dose.")
    if name in dataset:
        delattr(dataset, name)
