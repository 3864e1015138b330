"""The header of a PET series -> the facts of activity and time, its nuclide and its tracer.

Values as stored, nothing assumed and nothing computed: what follows from them is decided by `netlesion.suv`.
"""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta, timezone
from typing import TYPE_CHECKING

from pydicom.valuerep import DA, DT, TM

from netlesion.errors import DicomError
from netlesion.io.dicom import Series, number, read_header
from netlesion.suv import PetFacts

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

#: Header fields on which every slice of one PET series must agree (clinical.md 1.5).
ONE_PER_SERIES = ("Units", "DecayCorrection", "PatientWeight", "SeriesDate", "SeriesTime")
ONE_PER_DOSE = ("RadionuclideTotalDose", "RadionuclideHalfLife", "RadiopharmaceuticalStartTime")


def pet_facts(series: Series) -> PetFacts:
    """The facts of activity and time of a classic PET series (values as stored, nothing assumed).

    Raises DicomError when slices disagree on what belongs to the series, or a value cannot be parsed.
    """
    headers = [(path, read_header(path)) for path in series.files]
    _require_agreement(series, headers)
    earliest = min((h for _, h in headers), key=lambda h: _datetime(h, "Acquisition") or datetime.max)
    header = series.header
    dose = _dose_item(series)
    injection = _parse(series, dose, "RadiopharmaceuticalStartDateTime", DT)
    injection_time = _parse(series, dose, "RadiopharmaceuticalStartTime", TM)
    duration = number(series, earliest, "ActualFrameDuration")
    frame_reference = number(series, earliest, "FrameReferenceTime")
    return PetFacts(
        units=_text(header, "Units"),
        decay_correction=_text(header, "DecayCorrection"),
        corrected_image=_multi(header, "CorrectedImage"),
        weight_kg=number(series, header, "PatientWeight"),
        dose_bq=number(series, dose, "RadionuclideTotalDose"),
        half_life_s=number(series, dose, "RadionuclideHalfLife"),
        nuclide=nuclide(dose),
        injection_datetime=_local(header, injection),
        injection_time=injection_time,
        series_datetime=_datetime(header, "Series"),
        acquisition_datetime=_datetime(earliest, "Acquisition"),
        frame_duration_s=None if duration is None else duration / 1000.0,
        frame_reference_time_s=None if frame_reference is None else frame_reference / 1000.0,
        ge_scan_datetime=_private_datetime(header, 0x0009, "GEMS_PETD_01", 0x0D),
        siemens_decay_datetime=_private_datetime(header, 0x0071, "SIEMENS MED PT", 0x22),
    )


def nuclide(dose: Dataset) -> str | None:
    """18F, 68Ga or 64Cu from the radionuclide code of a radiopharmaceutical item, else None."""
    codes = {"C-111A1": "18F", "77004003": "18F", "C-131A3": "68Ga", "35337001": "68Ga", "3932008": "64Cu"}
    for item in dose.get("RadionuclideCodeSequence") or ():
        value, meaning = str(item.get("CodeValue", "")), str(item.get("CodeMeaning", "")).lower()
        if value in codes:
            return codes[value]
        for name, needles in (
            ("18F", ("f-18", "18f", "^18^f", "f^18", "fluorine")),
            ("68Ga", ("ga", "gallium")),
            ("64Cu", ("cu", "copper")),
        ):
            if any(needle in meaning for needle in needles):
                return name
    return None


def tracer_label(series: Series) -> str | None:
    """The BIDS `trc-` label of a PET series (dotatate, dotatoc, dotanoc, fdg), or None when it cannot be told."""
    codes = {"35321007": "fdg", "C-B1031": "fdg", "724025002": "dotatate", "C2713594": "dotatoc"}
    words = {
        "dotatate": "dotatate",
        "dotatoc": "dotatoc",
        "edotreotide": "dotatoc",
        "dotanoc": "dotanoc",
        "fdg": "fdg",
        "fluorodeoxyglucose": "fdg",
        "fludeoxyglucose": "fdg",
    }
    dose = _dose_item(series)
    coded = [str(item.get("CodeValue", "")) for item in dose.get("RadiopharmaceuticalCodeSequence") or ()]
    for value in coded:
        if value in codes:
            return codes[value]
    texts = [str(dose.get("Radiopharmaceutical", ""))]
    texts += [str(item.get("CodeMeaning", "")) for item in dose.get("RadiopharmaceuticalCodeSequence") or ()]
    return next((label for text in texts for word, label in words.items() if word in text.lower()), None)


def _require_agreement(series: Series, headers) -> None:
    dose = _dose_item(series)
    for path, header in headers:
        pairs = [(name, series.header.get(name), header.get(name)) for name in ONE_PER_SERIES]
        items = header.get("RadiopharmaceuticalInformationSequence") or [{}]
        pairs += [(name, dose.get(name), items[0].get(name)) for name in ONE_PER_DOSE]
        for name, expected, found in pairs:
            if expected != found:
                raise DicomError(
                    f"{path}: {name} is {found}, but {expected} in {series.files[0].name}; "
                    "slices that disagree are not one series"
                )


def _dose_item(series: Series) -> Dataset:
    items = series.header.get("RadiopharmaceuticalInformationSequence") or ()
    if len(items) != 1:
        raise DicomError(
            f"{series.label}: {len(items)} items in Radiopharmaceutical Information (0054,0016), expected 1"
        )
    return items[0]


def _text(dataset: Dataset, name: str) -> str | None:
    value = dataset.get(name)
    return None if value is None or str(value).strip() == "" else str(value).strip()


def _multi(dataset: Dataset, name: str) -> tuple[str, ...]:
    value = dataset.get(name)
    if value is None:
        return ()
    return (str(value),) if isinstance(value, str) else tuple(str(v) for v in value)


def _parse(series: Series, dataset: Dataset, name: str, kind):
    value = _text(dataset, name)
    if value is None:
        return None
    if kind is DT and not re.match(r"\d{12}", value):
        raise DicomError(f"{series.label}: {name} is {value!r}; expected date and clock time, not a day alone")
    try:
        parsed = kind(value)
    except ValueError as error:
        raise DicomError(f"{series.label}: {name} is {value!r}, not a DICOM {kind.__name__}") from error
    if kind is TM:
        return time(parsed.hour, parsed.minute, parsed.second, parsed.microsecond)
    return parsed


def _local(header: Dataset, moment: datetime | None) -> datetime | None:
    """A DICOM DateTime on the clock of the scan: moved to the header's time zone where both name one."""
    if moment is None or moment.tzinfo is None:
        return moment
    zone = _text(header, "TimezoneOffsetFromUTC")
    if zone is not None and re.fullmatch(r"[+-]\d{4}", zone):
        minutes = int(zone[1:3]) * 60 + int(zone[3:])
        moment = moment.astimezone(timezone(timedelta(minutes=-minutes if zone[0] == "-" else minutes)))
    return moment.replace(tzinfo=None)


def _datetime(dataset: Dataset, what: str) -> datetime | None:
    """`<what>Date` and `<what>Time` together, without time zone; None unless both are there and parse."""
    day, clock = _text(dataset, f"{what}Date"), _text(dataset, f"{what}Time")
    if day is None or clock is None:
        return None
    try:
        d, t = DA(day), TM(clock)
    except ValueError:
        return None
    return datetime.combine(date(d.year, d.month, d.day), time(t.hour, t.minute, t.second, t.microsecond))


def _private_datetime(dataset: Dataset, group: int, creator: str, element: int) -> datetime | None:
    """A vendor's date and time, found by its private creator; None when it was stripped."""
    try:
        value = dataset.private_block(group, creator)[element].value
    except KeyError:
        return None
    text = value.decode("ascii", "ignore") if isinstance(value, bytes) else str(value)
    try:
        return DT(text.strip().rstrip("\0")).replace(tzinfo=None)
    except (ValueError, AttributeError):
        return None
