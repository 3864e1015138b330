"""The header of a PET series -> the facts of activity and time, and its nuclide (its tracer: `io.dicom.tracer`).

Values as stored, nothing assumed and nothing computed: what follows from them is decided by `netlesion.suv`.
"""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta, timezone
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset
from pydicom.valuerep import DA, TM

from netlesion.errors import DicomError, NetlesionError
from netlesion.io.dicom.file import MULTIFRAME_IMAGES, read_header
from netlesion.io.dicom.multiframe import frame_headers, is_multiframe
from netlesion.io.dicom.private import (
    GE_SCAN_DATETIME,
    PHILIPS_BQML_FACTOR,
    PHILIPS_SUV_FACTOR,
    PRIVATE,
    SIEMENS_DECAY_DATETIME,
    parse_datetime,
    private_datetime,
    private_number,
    private_text,
)
from netlesion.io.dicom.series import Series, number
from netlesion.io.dicom.tracer import NUCLIDES, Tracer, nuclide_of_words, tracer_of
from netlesion.suv import Frame, PetFacts
from netlesion.suv.injected import BARE_MBQ, SMALLEST_DOSE_BQ

#: Header fields on which every slice of one PET series must agree (clinical.md 1.5).
ONE_PER_SERIES = (
    *("Units", "SUVType", "DecayCorrection", "CorrectedImage", "AttenuationCorrectionMethod"),
    *("SeriesDate", "SeriesTime", "PatientWeight", "PatientSize", "PatientSex"),
)
ONE_PER_DOSE = (
    *("RadionuclideTotalDose", "RadionuclideHalfLife"),
    *("RadiopharmaceuticalStartTime", "RadiopharmaceuticalStartDateTime"),
)
ENHANCED_PET = "1.2.840.10008.5.1.4.1.1.130"


def pet_facts(series: Series) -> PetFacts:
    """The facts of activity and time of a PET series, classic or multi-frame (values as stored, nothing assumed).

    Raises DicomError when slices disagree on what belongs to the series, or when a value cannot be parsed.
    """
    headers = _headers(series)
    _require_agreement(series, headers)
    header, dose, notes = series.header, _dose_item(series), []
    if _text(header, "AcquisitionTime") is None and "TimezoneOffsetFromUTC" not in header:
        stated = _datetime(series, header, "AcquisitionDateTime")
        if stated is not None and stated.tzinfo is not None:
            notes.append(
                f"Acquisition DateTime (0008,002A) names the time zone {stated:%z}, but the header has no Timezone "
                "Offset From UTC (0008,0201); its clock reading was taken as the scanner's. Check it: an hour of zone "
                "is an hour of decay"
            )
    return PetFacts(
        units=_text(header, "Units"),
        suv_type=_text(header, "SUVType"),
        decay_correction=_text(header, "DecayCorrection"),
        corrected_image=_multi(header, "CorrectedImage"),
        weight_kg=number(series, header, "PatientWeight"),
        patient_size=number(series, header, "PatientSize"),
        sex=_text(header, "PatientSex"),
        dose_bq=_dose_bq(series, dose, notes),
        half_life_s=number(series, dose, "RadionuclideHalfLife"),
        nuclide=_nuclide(series, dose, notes),
        injection_datetime=_datetime(series, dose, "RadiopharmaceuticalStartDateTime"),
        injection_time=_time(series, dose, "RadiopharmaceuticalStartTime"),
        series_datetime=_date_and_time(series, header, "Series"),
        frames=tuple(_frame(series, h) for h in _along_the_stack([h for _, h in headers])),
        utc_offset=_utc_offset(series),
        manufacturer=_text(header, "Manufacturer"),
        attenuation_method=_text(header, "AttenuationCorrectionMethod"),
        ge_scan_datetime=private_datetime(header, GE_SCAN_DATETIME, notes),
        siemens_decay_datetime=private_datetime(header, SIEMENS_DECAY_DATETIME, notes),
        philips_suv_factor=private_number(header, PHILIPS_SUV_FACTOR, notes),
        philips_bqml_factor=private_number(header, PHILIPS_BQML_FACTOR, notes),
        notes=tuple(notes),
    )


#: Radionuclide codes of DICOM CID 4020, in SRT and in SNOMED CT.
NUCLIDE_OF_CODE = {
    **{"C-111A1": "18F", "77004003": "18F"},
    **{"C-131A3": "68Ga", "35337001": "68Ga"},
    **{"C-127A2": "64Cu", "3932008": "64Cu"},
}


def nuclide(dose: Dataset) -> str | None:
    """18F, 68Ga or 64Cu from the radionuclide code of a radiopharmaceutical item, else None."""
    for item in dose.get("RadionuclideCodeSequence") or ():
        value = str(item.get("CodeValue", ""))
        found = NUCLIDE_OF_CODE.get(value) or nuclide_of_words(str(item.get("CodeMeaning", "")))
        if found is not None:
            return found
    return None


def _nuclide(series: Series, dose: Dataset, notes: list[str]) -> str | None:
    """The coded radionuclide, or with a note the one that the tracer is made with, so that a half-life is checked."""
    coded = nuclide(dose)
    if coded is not None:
        return coded
    try:
        tracer = tracer_of(dose, None)
    except NetlesionError as error:
        raise type(error)(f"{series.label}: {error}") from error
    made_with = () if tracer is None else NUCLIDES[tracer.label]
    if tracer is None or len(made_with) != 1:
        return None
    notes.append(
        f"Radionuclide Code Sequence (0054,0300) tells no radionuclide; {made_with[0]} was taken, for the tracer is "
        f"{tracer.label}"
    )
    return made_with[0]


def tracer_of_series(series: Series) -> Tracer | None:
    """What its own radiopharmaceutical item says, None when it does not; DicomError where it contradicts itself."""
    dose = _dose_item(series)
    return tracer_of(dose, nuclide(dose))


def _headers(series: Series) -> list[tuple[Path, Dataset]]:
    """One classic header for each slice, with its file: each frame of a multi-frame image has its own times."""
    frames: dict[Path, list[int | None]] = {}
    for one in series.slices:
        frames.setdefault(series.root / one.file, []).append(one.frame)
    found = []
    for path, numbers in frames.items():
        stored = read_header(path)
        of_file = frame_headers(path, stored) if is_multiframe(stored) else [stored]
        found += [(path, of_file[n or 0]) for n in numbers]
    return found


def _dose_bq(series: Series, dose: Dataset, notes: list[str]) -> float | None:
    """The injected activity in Bq. An Enhanced PET states it in MBq (PS3.3 C.8.22.4), every other PET in Bq.

    A number that is no dose in MBq stays as it is, for `suv` to say what it may be.
    """
    stated = number(series, dose, "RadionuclideTotalDose")
    if stated is None or series.sop_class != ENHANCED_PET:
        return stated
    if stated >= SMALLEST_DOSE_BQ:
        notes.append(
            f"Radionuclide Total Dose (0018,1074) of {stated:g} taken as Bq, but an Enhanced PET states MBq; check it"
        )
    return stated * 1e6 if BARE_MBQ[0] <= stated <= BARE_MBQ[1] else stated


def _require_agreement(series: Series, headers) -> None:
    expected = _of_the_series(series.header)
    for path, header in headers:
        for name, found in _of_the_series(header).items():
            if found != expected[name]:
                raise DicomError(
                    f"{path}: {name} is {found}, but {expected[name]} in {series.files[0].name}; "
                    "slices that disagree are not one series"
                )


def _of_the_series(header: Dataset) -> dict[str, object]:
    """What every slice must repeat, by name."""
    items = header.get("RadiopharmaceuticalInformationSequence") or [{}]
    return {
        **{name: header.get(name) for name in ONE_PER_SERIES},
        **{name: items[0].get(name) for name in ONE_PER_DOSE},
        **{private.name: private_text(header, private, []) for private in PRIVATE},
    }


def _dose_item(series: Series) -> Dataset:
    """The one radiopharmaceutical; an empty one where there is none, which only an image in SUV can do without."""
    items = series.header.get("RadiopharmaceuticalInformationSequence") or ()
    if len(items) > 1:
        raise DicomError(
            f"{series.label}: {len(items)} items in Radiopharmaceutical Information (0054,0016), expected 1; "
            "which of them this image shows cannot be known"
        )
    return items[0] if items else Dataset()


def _along_the_stack(headers: list[Dataset]) -> list[Dataset]:
    """Headers in the order of the image's last axis: along the slice normal, as `read_image` stacks them."""
    try:
        cosines = np.array([float(v) for v in headers[0].ImageOrientationPatient])
        normal = np.cross(cosines[:3], cosines[3:])
        depths = [float(np.dot([float(v) for v in h.ImagePositionPatient], normal)) for h in headers]
    except (AttributeError, TypeError, ValueError):
        return headers  # reading the image says which slice lacks its place
    return [headers[i] for i in np.argsort(depths, kind="stable")]


def _frame(series: Series, header: Dataset) -> Frame:
    duration = number(series, header, "ActualFrameDuration")
    reference = number(series, header, "FrameReferenceTime")
    moment, stated = _date_and_time(series, header, "Acquisition"), _on_scanner_clock(series, header)
    return Frame(
        acquisition_datetime=stated if moment is None else moment,
        duration_s=None if duration is None else duration / 1000.0,
        reference_time_s=None if reference is None else reference / 1000.0,
        decay_factor=number(series, header, "DecayFactor"),
        second_start=None if moment is None or series.sop_class in MULTIFRAME_IMAGES else stated,
    )


def _on_scanner_clock(series: Series, header: Dataset) -> datetime | None:
    """Acquisition DateTime as the scanner's clock showed it: moved where both it and the scanner name a time zone."""
    stated, offset = _datetime(series, header, "AcquisitionDateTime"), _utc_offset(series)
    if stated is None or stated.tzinfo is None:
        return stated
    return (stated if offset is None else stated.astimezone(timezone(offset))).replace(tzinfo=None)


def _text(dataset: Dataset, name: str) -> str | None:
    value = dataset.get(name)
    return None if value is None or str(value).strip() == "" else str(value).strip()


def shown(text: str) -> str:
    """A value as a message may repeat it: digits and signs; anything else could be a name."""
    return repr(text) if re.fullmatch(r"[0-9.:+\-/ ]{1,30}", text) else "a text"


def _multi(dataset: Dataset, name: str) -> tuple[str, ...]:
    value = dataset.get(name)
    if value is None:
        return ()
    return (str(value),) if isinstance(value, str) else tuple(str(v) for v in value)


def _date_and_time(series: Series, dataset: Dataset, what: str) -> datetime | None:
    """`<what>Date` and `<what>Time` together, on the scanner's clock; None unless both are there."""
    day, clock = _text(dataset, f"{what}Date"), _time(series, dataset, f"{what}Time")
    if day is None or clock is None:
        return None
    try:
        d = DA(day)
    except ValueError as error:
        raise DicomError(f"{series.label}: {what}Date is {shown(day)}, not a DICOM date") from error
    return None if d is None else datetime.combine(date(d.year, d.month, d.day), clock)


def _time(series: Series, dataset: Dataset, name: str) -> time | None:
    value = _text(dataset, name)
    if value is None:
        return None
    try:
        t = TM(value)
    except ValueError as error:
        raise DicomError(f"{series.label}: {name} is {shown(value)}, not a DICOM time") from error
    return None if t is None else time(t.hour, t.minute, t.second, t.microsecond)


def _datetime(series: Series, dataset: Dataset, name: str) -> datetime | None:
    """A DateTime with the UTC offset it names, if any."""
    value = _text(dataset, name)
    if value is None:
        return None
    parsed = parse_datetime(value)
    if parsed is None:
        raise DicomError(f"{series.label}: {name} is {shown(value)}; expected date and clock time, not a day alone")
    return parsed


def _utc_offset(series: Series) -> timedelta | None:
    value = _text(series.header, "TimezoneOffsetFromUTC")
    if value is None:
        return None
    if not re.fullmatch(r"[+-](0\d|1[0-4])[0-5]\d", value):
        raise DicomError(
            f"{series.label}: Timezone Offset From UTC (0008,0201) is {shown(value)}, expected such as +0100"
        )
    minutes = int(value[1:3]) * 60 + int(value[3:])
    return timedelta(minutes=-minutes if value[0] == "-" else minutes)
