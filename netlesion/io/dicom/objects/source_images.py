"""The image series that lesions were found on, as the objects made of them refer to it: headers along K, no pixels.

Classic series have one header for each slice, enhanced ones one for all frames. Refused by name: slices missing, files
broken, several frames of reference, a file that holds frames of another stack. `pseudonymised` gives the same series
without anything of its patient, for objects that leave the hospital.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pydicom.dataset import Dataset

from netlesion.errors import DicomError
from netlesion.io.dicom.file import integer_of, read_header, text_of, uid_of
from netlesion.io.dicom.multiframe import is_multiframe
from netlesion.io.dicom.series import number, stack_of
from netlesion.io.dicom.slices import Stack

if TYPE_CHECKING:
    from netlesion.image.geometry import Geometry
    from netlesion.io.dicom.index import Series

#: What a pseudonymised header keeps: how the image lies and what kind of object it is. Everything else is left behind.
KEPT = (
    *("SOPClassUID", "Modality", "ImageType", "Rows", "Columns", "NumberOfFrames", "InstanceNumber"),
    *("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "SliceThickness", "SpacingBetweenSlices"),
    *("SamplesPerPixel", "PhotometricInterpretation", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation"),
)
#: Functional groups of an enhanced image that say where its frames lie.
KEPT_GROUPS = ("PlanePositionSequence", "PlaneOrientationSequence", "PixelMeasuresSequence")
#: What an object must say of its patient and study, if only that it is not known; an anonymiser may have taken it away.
EMPTY = (
    *("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyID", "StudyDate", "StudyTime"),
    *("AccessionNumber", "ReferringPhysicianName"),
)
#: The day of every pseudonymised object: no day at all, where DICOM demands one.
NO_DAY = "19000101"


@dataclass(frozen=True, eq=False)
class SourceImages:
    """One image series. headers: by file, in the order of K for a classic series, a single one for an enhanced one.

    frames: number of the frame (from 1) of each slice along K in an enhanced image; empty for a classic series.
    label: what to call the series in a message.
    """

    label: str
    geometry: Geometry
    headers: tuple[Dataset, ...]
    frames: tuple[int, ...] = ()

    @property
    def first(self) -> Dataset:
        return self.headers[0]

    @property
    def series_uid(self) -> str:
        return str(self.first.SeriesInstanceUID)

    @property
    def frame_of_reference_uid(self) -> str:
        return str(self.first.FrameOfReferenceUID)

    def reference(self, k: int) -> Dataset:
        """The item by which slice k is named."""
        item, header = Dataset(), self.headers[0 if self.frames else k]
        item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = header.SOPClassUID, header.SOPInstanceUID
        if self.frames:
            item.ReferencedFrameNumber = self.frames[k]
        return item

    def references(self) -> list[Dataset]:
        """Every object of the series, once."""
        items = []
        for header in self.headers:
            item = Dataset()
            item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = header.SOPClassUID, header.SOPInstanceUID
            items.append(item)
        return items


def stack_without_gaps(series: Series) -> Stack:
    """The grid of a series that is whole.

    Raises DicomError, naming it, when a file is broken or slices are missing, GeometryError for a tilted gantry.
    """
    if series.broken:
        raise DicomError(f"{series.label}: {series.broken[0]}; the series is not whole, export it again")
    stack = stack_of(series)
    declared = number(series, series.header, "NumberOfSlices") if series.modality == "PT" else None
    if declared is not None and int(declared) != len(stack.slices):
        raise DicomError(
            f"{series.label}: {len(stack.slices)} slices, but Number of Slices (0054,0081) is {int(declared)}; "
            "slices are missing, export the series again"
        )
    return stack


def source_images(series: Series) -> SourceImages:
    """Reads the headers of a series; raises DicomError, naming it, for one that objects cannot refer to."""
    stack = stack_without_gaps(series)
    names = list(dict.fromkeys(one.file for one in stack.slices))
    headers = [read_header(series.root / name) for name in names]
    for name, header in zip(names, headers, strict=True):
        frame = uid_of(header, "FrameOfReferenceUID")
        if frame is None or frame != uid_of(headers[0], "FrameOfReferenceUID"):
            found = "no Frame of Reference UID (0020,0052)" if frame is None else "another frame of reference"
            raise DicomError(
                f"{series.root / name}: has {found} than the other slices of its series; "
                "objects made of it would lie nowhere, correct it at its source"
            )
        header.FrameOfReferenceUID = frame
        for empty in EMPTY:
            if empty not in header:
                setattr(header, empty, "")
    if not is_multiframe(headers[0]):
        return SourceImages(series.label, stack.geometry, tuple(headers))
    if len(headers) > 1 or (integer_of(headers[0], "NumberOfFrames") or 1) != len(stack.slices):
        raise DicomError(
            f"{series.label}: its enhanced image holds other frames than this stack; export it as one stack"
        )
    frames = tuple((one.frame or 0) + 1 for one in stack.slices)
    return SourceImages(series.label, stack.geometry, tuple(headers), frames)


def pseudonymised(source: SourceImages, patient: str, session: str, uid: Callable[..., str]) -> SourceImages:
    """The same series under research names: `patient` is its id and name, `uid(*what)` gives every identifier.

    No date, no text and no UID of the source is left.
    """
    made = []
    for n, header in enumerate(source.headers):
        plain = Dataset()
        for name in KEPT:
            if name in header:
                setattr(plain, name, header[name].value)
        plain.PatientID, plain.PatientName = patient, f"{patient}^"
        plain.PatientBirthDate, plain.PatientSex = "", ""
        plain.PatientIdentityRemoved, plain.DeidentificationMethod = "YES", "netlesion: every attribute but geometry"
        plain.StudyInstanceUID, plain.StudyID = uid("study", patient, session), ""
        plain.StudyDate = plain.StudyTime = plain.AccessionNumber = plain.ReferringPhysicianName = ""
        plain.SeriesInstanceUID, plain.SOPInstanceUID = uid("source series"), uid("source", n)
        plain.FrameOfReferenceUID, plain.PositionReferenceIndicator = uid("frame"), ""
        if source.frames:
            _keep_groups(header, plain)
        plain.file_meta = header.file_meta
        made.append(plain)
    return replace(source, headers=tuple(made))


def _keep_groups(header: Dataset, plain: Dataset) -> None:
    for name in ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"):
        items = []
        for group in header.get(name) or ():
            item = Dataset()
            for kept in KEPT_GROUPS:
                if kept in group:
                    setattr(item, kept, group[kept].value)
            items.append(item)
        setattr(plain, name, items)


def day_of(source: SourceImages) -> tuple[str, str]:
    """Day and time (DA, TM) that the objects made of a series carry: its own, so that a second run gives the same."""
    for what in ("Series", "Study"):
        day = text_of(source.first, f"{what}Date")
        if day is not None and len(day) == 8:
            return day, text_of(source.first, f"{what}Time") or "000000"
    return NO_DAY, "000000"
