"""What an import has to know of every series to plan with: read once from one header, then plain values.

Texts of the header (descriptions, ROI names) are kept for classification only and never printed. A header that
cannot be understood becomes a `problem` in one line.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING

import numpy as np

from netlesion.datasets.dicom.drawn_on import segments_image, segments_place, structure_place, structures_image
from netlesion.datasets.dicom.person import Person, person_of
from netlesion.datasets.dicom.real_world_map import REAL_WORLD_VALUE_MAPPING, RealWorldMap, read_maps
from netlesion.errors import NetlesionError
from netlesion.io.dicom.entry import one_line
from netlesion.io.dicom.file import IMAGES, RTSTRUCT, SEGMENTATIONS, floats_of, integer_of, text_of, transfer_syntax
from netlesion.io.dicom.file import read_header as read_stored_header
from netlesion.io.dicom.pet_header import nuclide
from netlesion.io.dicom.pet_image import require_activity, series_facts
from netlesion.io.dicom.tracer import Tracer, tracer_of
from netlesion.suv.attenuation import denials

if TYPE_CHECKING:
    from netlesion.io.dicom.index import Index, Series
    from netlesion.suv import PetFacts, SuvConversion


@dataclass(frozen=True)
class Roi:
    """One contour or segment of an RTSTRUCT or SEG file: its number and name, and the image series it was drawn on.

    frame_of_image: the frame of reference under which an RTSTRUCT names that series.
    Where it names no series: instances, the slices that it names (as `Slice.instance`); lattice_mm, where it lies (see
    `roi_image.on_lattice`).
    """

    file: str
    instance: str
    number: int
    name: str
    image_series: str | None
    frame_of_reference: str | None
    instances: frozenset[bytes] = frozenset()
    lattice_mm: np.ndarray | None = None
    frame_of_image: str | None = None


@dataclass(frozen=True, eq=False)
class SeriesFacts:
    """One series with the facts to plan by; None where the header does not say."""

    series: Series
    day: str | None = None
    acquired: datetime | None = None
    study_day: str = ""
    series_number: int | None = None
    frame_of_reference: str | None = None
    transfer_syntax: str | None = None
    words: str = ""
    colour: bool = False
    tracer: Tracer | None = None
    uncorrected: tuple[str, ...] = ()
    suv: tuple[PetFacts, SuvConversion] | None = None
    suv_problem: str = ""
    maps: tuple[RealWorldMap, ...] | None = None
    series_type: tuple[str, ...] = ()
    repetition_ms: float | None = None
    rescale_type: str | None = None
    person: Person = Person()
    rois: tuple[Roi, ...] = ()
    problem: str = ""


def facts_of(index: Index) -> tuple[SeriesFacts, ...]:
    """The facts of every series of an index, in its order."""
    return tuple(_facts(series) for series in index.series)


def _facts(series: Series) -> SeriesFacts:
    try:
        return _read(series)
    except NetlesionError as error:
        return SeriesFacts(series, problem=one_line(error, series.root))
    except Exception as error:  # pydicom raises many kinds for a broken value; each means the same here
        line = f"{series.slices[0].file}: broken DICOM header ({type(error).__name__}); restore it from its source"
        return SeriesFacts(series, problem=line)


def _read(series: Series) -> SeriesFacts:
    header = series.header
    day = _day(header)
    facts = {
        "day": day,
        "person": person_of(header, day),
        "study_day": (text_of(header, "StudyDate") or "").replace(".", ""),
        "acquired": _moment(header, "Acquisition") or _moment(header, "Series") or _moment(header, "Study"),
        "series_number": integer_of(header, "SeriesNumber"),
        "frame_of_reference": text_of(header, "FrameOfReferenceUID"),
        "transfer_syntax": transfer_syntax(header),
        "words": " ".join(text_of(header, name) or "" for name in ("SeriesDescription", "ProtocolName")),
        "colour": integer_of(header, "SamplesPerPixel") not in (None, 1),
    }
    if series.modality == "PT" and series.sop_class in IMAGES:
        facts |= _pet(series, header)
    if series.sop_class == REAL_WORLD_VALUE_MAPPING:
        facts["maps"] = tuple(one for path in series.files for one in read_maps(read_stored_header(path)))
    if series.modality == "CT":
        facts["rescale_type"] = text_of(header, "RescaleType")
    if series.modality == "MR":
        repetition = floats_of(header, "RepetitionTime", 1)
        facts["repetition_ms"] = None if repetition is None else repetition[0]
    if series.sop_class == RTSTRUCT or series.sop_class in SEGMENTATIONS:
        facts["rois"] = tuple(roi for one in series.slices for roi in _rois(series, one.file))
    return SeriesFacts(series, **facts)


def _pet(series: Series, header) -> dict:
    doses = header.get("RadiopharmaceuticalInformationSequence") or ()
    texts = [text_of(header, name) or "" for name in ("SeriesDescription", "ProtocolName", "StudyDescription")]
    try:
        tracer = tracer_of(doses[0], nuclide(doses[0]), texts) if len(doses) == 1 else None
    except NetlesionError as error:
        raise type(error)(f"{series.slices[0].file}: {error}") from error
    corrected = tuple((text_of(header, "CorrectedImage") or "").upper().split("\\"))
    denied = denials(text_of(header, "Units"), text_of(header, "AttenuationCorrectionMethod"), corrected)
    series_type = tuple((text_of(header, "SeriesType") or "").upper().split("\\"))
    facts = {"tracer": tracer, "uncorrected": denied, "series_type": series_type}
    if denied or tracer is None or series_type[:1] in (("DYNAMIC",), ("GATED",)):
        return facts
    return facts | _suv(series)


def _suv(series: Series) -> dict:
    """The facts and factors of a PET, from all of its headers; or the line that says why it has none."""
    try:
        facts, conversion = series_facts(series)
        require_activity(series, conversion)
    except NetlesionError as error:
        line, where = one_line(error, series.root), series.slices[0].file
        if "--" in line:
            line += " (an option of netlesion suv; for a cohort correct the header at its source)"
        return {"suv_problem": line if any(line.startswith(one.file) for one in series.slices) else f"{where}: {line}"}
    return {"suv": (facts, conversion)}


def _rois(series: Series, file: str) -> list[Roi]:
    header = read_stored_header(series.root / file)
    instance = text_of(header, "SOPInstanceUID") or file
    found = []
    if series.sop_class == RTSTRUCT:
        for item in header.get("StructureSetROISequence") or ():
            number, frame = int(item.ROINumber), text_of(item, "ReferencedFrameOfReferenceUID")
            image, frame_of_image = structures_image(header, frame)
            place = (frozenset(), None) if image else structure_place(header, number)
            name = _words(text_of(item, "ROIName"))
            found.append(Roi(file, instance, number, name, image, frame, *place, frame_of_image))
        return found
    image, frame = segments_image(header), text_of(header, "FrameOfReferenceUID")
    place = (frozenset(), None) if image else segments_place(series.root / file, header)
    for item in header.get("SegmentSequence") or ():
        if int(item.SegmentNumber) == 0:  # the background of a label map
            continue
        label = _words(text_of(item, "SegmentLabel"))
        found.append(Roi(file, instance, int(item.SegmentNumber), label, image, frame, *place))
    return found


def _words(text: str | None) -> str:
    return " ".join((text or "").split())


def _day(header) -> str | None:
    """The first date of study, series or acquisition that is a date, YYYYMMDD; archives shift them to any year."""
    for name in ("StudyDate", "SeriesDate", "AcquisitionDate"):
        text = (text_of(header, name) or "").replace(".", "")
        if re.fullmatch(r"\d{8}", text):
            try:
                date(int(text[:4]), int(text[4:6]), int(text[6:]))
            except ValueError:
                continue
            return text
    return None


def _moment(header, what: str) -> datetime | None:
    day, clock = text_of(header, f"{what}Date"), text_of(header, f"{what}Time")
    if day is None or clock is None:
        return None
    try:
        return datetime.strptime(day + clock.partition(".")[0].ljust(6, "0"), "%Y%m%d%H%M%S")
    except ValueError:
        return None
