"""One file of a DICOM export -> the small record that tells which series it belongs to, without reading a pixel.

A file that is broken becomes one line, under its series where the header still tells which; what is no DICOM is passed
over. Knows nothing about other files.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING

from pydicom.tag import Tag

from netlesion.errors import DicomError
from netlesion.io.dicom import file as dicom_file
from netlesion.io.dicom.file import (
    IMAGES,
    MULTIFRAME_IMAGES,
    NotDicomError,
    floats_of,
    integer_of,
    read_checked_header,
    text_of,
    uid_of,
)
from netlesion.io.dicom.multiframe import FRAME_GROUPS, frame_headers
from netlesion.io.dicom.slices import Plane, Slice, SliceKind

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_FIELDS = (
    "ImageType SOPClassUID SOPInstanceUID StudyDate SeriesTime Modality PatientID PatientBirthDate SliceThickness "
    "SequenceName EchoTime DiffusionBValue StudyInstanceUID SeriesInstanceUID AcquisitionNumber InstanceNumber "
    "ImagePositionPatient ImageOrientationPatient TemporalPositionIdentifier SamplesPerPixel NumberOfFrames Rows "
    "Columns PixelSpacing BitsAllocated"
)
#: b-values in the private fields of Siemens, GE and Philips: block creator, its element, the value's element.
_PRIVATE_B_VALUES = (
    ("SIEMENS MR HEADER", Tag(0x0019, 0x0010), Tag(0x0019, 0x100C)),
    ("GEMS_PARM_01", Tag(0x0043, 0x0010), Tag(0x0043, 0x1039)),
    ("Philips Imaging DD 001", Tag(0x2001, 0x0010), Tag(0x2001, 0x1003)),
)
_TAGS = [Tag(name) for name in (*_FIELDS.split(), *FRAME_GROUPS)]
_TAGS += [tag for _, *pair in _PRIVATE_B_VALUES for tag in pair]
_NO_PLANE = Plane(None, None, None, None)


@dataclass(frozen=True)
class Issue:
    """A file that could not be read: one line that names it."""

    file: str
    line: str


@dataclass(frozen=True)
class Passed:
    """A file that is not part of any series, and what it is instead."""

    file: str
    why: str
    is_link: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """What is kept of one file; `problem` says why it may not be used although its series is known."""

    file: str
    series: str
    study: str
    sop_class: str
    modality: str
    patient: str
    birth: str
    date: str
    time: str
    slices: tuple[Slice, ...]
    extent: tuple[int, int] | None
    problem: str = ""


def one_line(error: Exception, root: Path) -> str:
    """An error as one line without control characters, its files named below `root`."""
    line = str(error).replace(f"{root}{os.sep}", "")
    return "".join(c if c.isprintable() else "?" for c in line)


def read_entry(root: str, name: str) -> Entry | Issue | Passed:
    """The record of the file `name` below `root`; what is wrong with it is in the record, never raised."""
    path = Path(root, name)
    try:
        header, extent = read_checked_header(path, _TAGS)
        return _entry(path, name, header, None if extent is None else (extent.offset, extent.length))
    except NotDicomError as error:
        return Passed(name, one_line(error, Path(root)).removeprefix(f"{name}: "))
    except DicomError as error:
        return _of_known_series(path, name, one_line(error, Path(root)))
    except Exception as error:  # a header so broken that its fields cannot be reached
        return Issue(name, f"{name}: broken DICOM header ({type(error).__name__}); restore it from its source")


def _of_known_series(path: Path, name: str, line: str) -> Entry | Issue:
    """The record of a broken file: under its series when the header still tells which, so that it counts as missing."""
    try:
        header = dicom_file.read_salvaged_header(path, _TAGS)
        series, rows = uid_of(header, "SeriesInstanceUID"), integer_of(header, "Rows")
    except Exception:
        return Issue(name, line)
    if series is None or rows is None:  # a header cut inside a UID still parses; one that reaches Rows is past it
        return Issue(name, line)
    return _entry(path, name, header, None, line)


def _entry(path: Path, name: str, header: Dataset, extent: tuple[int, int] | None, problem: str = "") -> Entry:
    sop_class = uid_of(header, "SOPClassUID") or ""
    slices: tuple[Slice, ...]
    if problem:
        slices = ()
    elif sop_class in MULTIFRAME_IMAGES:
        slices = tuple(_slice(name, frame, number) for number, frame in enumerate(frame_headers(path, header)))
    elif sop_class in IMAGES:
        slices = (_slice(name, header, None),)
    else:
        slices = (Slice(name, _NO_PLANE, None, None, _instance(header), SliceKind()),)
    return Entry(
        file=name,
        series=uid_of(header, "SeriesInstanceUID") or "",
        study=uid_of(header, "StudyInstanceUID") or "",
        sop_class=sop_class,
        modality=IMAGES.get(sop_class) or (text_of(header, "Modality") or "unknown")[:16],
        patient=" ".join((text_of(header, "PatientID") or "").split()),
        birth=text_of(header, "PatientBirthDate") or "",
        date=text_of(header, "StudyDate") or "",
        time=text_of(header, "SeriesTime") or "",
        slices=slices,
        extent=extent,
        problem=problem,
    )


def _slice(name: str, header: Dataset, frame: int | None) -> Slice:
    thickness = floats_of(header, "SliceThickness", 1)
    echo = floats_of(header, "EchoTime", 1)
    plane = Plane(
        rows=integer_of(header, "Rows"),
        columns=integer_of(header, "Columns"),
        spacing_mm=floats_of(header, "PixelSpacing", 2),
        orientation=floats_of(header, "ImageOrientationPatient", 6),
        thickness_mm=None if thickness is None else thickness[0],
    )
    kind = SliceKind(
        image_type=tuple((text_of(header, "ImageType") or "").upper().split("\\")),
        echo_ms=None if echo is None else echo[0],
        b_value=_b_value(header),
        acquisition=integer_of(header, "AcquisitionNumber"),
        temporal=integer_of(header, "TemporalPositionIdentifier"),
    )
    return Slice(name, plane, floats_of(header, "ImagePositionPatient", 3), frame, _instance(header), kind)


def _instance(header: Dataset) -> bytes:
    """Sixteen bytes that stand for the SOP Instance UID; empty where it is missing."""
    return instance_digest(text_of(header, "SOPInstanceUID"))


def instance_digest(uid: str | None) -> bytes:
    """What stands for a SOP Instance UID in a `Slice`."""
    return b"" if uid is None else blake2b(uid.encode(), digest_size=16).digest()


def _b_value(header: Dataset) -> float | None:
    """s/mm2, from the standard field, the vendor's private field, or a Siemens sequence name (`ep_b800t`)."""
    standard = header.get("DiffusionBValue")
    if standard is not None:
        return float(standard)
    for creator, block, element in _PRIVATE_B_VALUES:
        if block in header and element in header and text_of(header, block) == creator:
            value = header[element].value
            first = value[0] if isinstance(value, (list, tuple)) or type(value).__name__ == "MultiValue" else value
            if isinstance(first, bytes):
                first = first.decode("latin-1").split("\\")[0].strip()
            return float(first) % 1e6
    name = text_of(header, "SequenceName") or ""
    digits = "".join(c for c in name.partition("ep_b")[2].split("#")[0] if c.isdigit())
    return float(digits) if digits else None
