"""Who and when of a synthetic examination, and every identifier that follows from it.

A SyntheticExam holds the patient's and the study's facts; UIDs are derived from seed, patient and start, so that the
same exam gives the same bytes. Nothing here reads a clock. Knows nothing about pixels.
"""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass
from datetime import datetime

from pydicom.dataset import Dataset

from netlesion.errors import DicomError
from netlesion.output.version import __version__

#: Root of every identifier of this project; a UID is `2.25.` and the number of a version 5 UUID (PS3.5 annex B.2).
UID_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "netlesion.synthetic-dicom")
#: Stands in every header, so that nobody takes the image for one of a patient or a device.
COMMENT = "Synthetic: computed from a digital phantom. No patient, no scanner. Research only, not for diagnosis."


@dataclass(frozen=True)
class SyntheticExam:
    """One study of one synthetic patient, everything in one frame of reference.

    start: local date and clock time of the study, given by the caller. Raises DicomError for an id that DICOM
    cannot hold, or a sex other than F, M, O.
    """

    patient_id: str
    start: datetime
    seed: int
    weight_kg: float | None = None
    height_cm: float | None = None
    sex: str = "O"

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z0-9._-]{1,48}", self.patient_id):
            raise DicomError(
                f"synthetic patient id {self.patient_id!r} cannot be written; "
                "expected 1 to 48 letters, digits, dots, dashes or underscores"
            )
        if self.sex not in ("F", "M", "O"):
            raise DicomError(f"sex {self.sex!r} of patient {self.patient_id}; expected F, M or O")
        if self.start.tzinfo is not None:
            raise DicomError(f"start {self.start} of patient {self.patient_id} names a time zone; give a local time")

    def uid(self, *what: object) -> str:
        """The UID of something in this study: a series and a slice, the frame of reference, a contour set."""
        return _uid(self.seed, self.patient_id, self.start.isoformat(), *what)

    def tracking_uid(self, lesion_id: int) -> str:
        """The UID of a lesion, the same in every study and tracer of the patient (clinical.md 9.1)."""
        return _uid(self.seed, self.patient_id, "lesion", lesion_id)

    def series_header(self, sop_class: str, modality: str, name: str, number: int, when: datetime) -> Dataset:
        """The modules that every object of the study shares; `name` is its series' and must be unique in the study."""
        header = Dataset()
        header.SpecificCharacterSet = "ISO_IR 100"
        header.SyntheticData, header.ContentQualification = "YES", "RESEARCH"
        header.SOPClassUID, header.Modality = sop_class, modality
        header.PatientName, header.PatientID = f"SYNTHETIC^{self.patient_id}", self.patient_id
        header.PatientBirthDate, header.PatientSex, header.QualityControlSubject = "", self.sex, "YES"
        if self.weight_kg is not None:
            header.PatientWeight = f"{self.weight_kg:.6g}"
        if self.height_cm is not None:
            header.PatientSize = f"{self.height_cm / 100.0:.6g}"
        header.StudyInstanceUID, header.StudyID = self.uid("study"), "1"
        header.StudyDate, header.StudyTime = da(self.start), tm(self.start)
        header.ReferringPhysicianName, header.AccessionNumber = "", ""
        header.StudyDescription = "Synthetic PET study"
        header.SeriesInstanceUID, header.SeriesNumber = self.uid("series", name), number
        header.SeriesDescription = name
        header.SeriesDate, header.SeriesTime = da(when), tm(when)
        header.FrameOfReferenceUID, header.PositionReferenceIndicator = self.uid("frame"), ""
        header.Manufacturer, header.ManufacturerModelName = "netlesion", "digital phantom"
        header.DeviceSerialNumber, header.SoftwareVersions = "0", __version__
        return header


def code_item(value: str, scheme: str, meaning: str) -> Dataset:
    """One item of a code sequence."""
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def da(moment: datetime) -> str:
    return moment.strftime("%Y%m%d")


def tm(moment: datetime) -> str:
    return moment.strftime("%H%M%S.%f")


def dt(moment: datetime) -> str:
    return moment.strftime("%Y%m%d%H%M%S.%f")


def _uid(*parts: object) -> str:
    return f"2.25.{uuid.uuid5(UID_NAMESPACE, '|'.join(map(str, parts))).int}"
