"""A folder of DICOM -> its series: found by UID in any nesting, without reading a pixel.

`scan` reads the few header fields that tell series apart, in worker processes when there are many files, and
keeps a small record of each file. What is broken becomes an issue of one line and does not stop the rest; what
is no DICOM is passed over. Links are never followed. Knows nothing about patients' visits or about values.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from pydicom.datadict import tag_for_keyword
from pydicom.tag import Tag

from netlesion.errors import DicomError
from netlesion.io import dicom_file
from netlesion.io.dicom_file import (
    IMAGES,
    MULTIFRAME_IMAGES,
    NotDicomError,
    floats_of,
    integer_of,
    read_checked_header,
    text_of,
    uid_of,
)
from netlesion.io.multiframe import FRAME_GROUPS, frame_headers
from netlesion.io.slice_stack import SAME_POSITION_MM, Plane, Slice, offsets_mm

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

#: Files given to a worker at once, and the number from which workers are started at all.
CHUNK = 64
WORTH_WORKERS = 512

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
_TAGS = [Tag(tag_for_keyword(name)) for name in (*_FIELDS.split(), *FRAME_GROUPS)]
_TAGS += [tag for _, *pair in _PRIVATE_B_VALUES for tag in pair]
_NO_PLANE = Plane(None, None, None, None)


@dataclass(frozen=True)
class SliceKind:
    """What may tell apart images that lie at one position of one series."""

    image_type: tuple[str, ...] = ()
    echo_ms: float | None = None
    b_value: float | None = None
    acquisition: int | None = None
    temporal: int | None = None


#: In which order differences of kind are tried when slices of one series lie at the same position.
SPLIT_BY = ("image_type", "echo_ms", "b_value", "acquisition", "temporal")


@dataclass(frozen=True, eq=False)
class Series:
    """One DICOM series, or one image stack of it: what it is, and its slices in path order; no pixels yet.

    part: 0 for a whole series, else the number of the stack; split_by: the difference that made it one.
    broken: one line for each file of the series that could not be read, which makes the series incomplete.
    """

    uid: str
    modality: str
    sop_class: str
    root: Path
    slices: tuple[Slice, ...] = field(repr=False)
    study_uid: str = ""
    patient_id: str = ""
    birth_date: str = ""
    part: int = 0
    split_by: str = ""
    broken: tuple[str, ...] = ()
    num_duplicates: int = 0

    @cached_property
    def files(self) -> tuple[Path, ...]:
        """Every file once, in path order."""
        return tuple(self.root / name for name in dict.fromkeys(one.file for one in self.slices))

    @cached_property
    def header(self) -> Dataset:
        """The header of the first slice, as a classic one, without pixels."""
        header = dicom_file.read_header(self.files[0])
        frame = self.slices[0].frame
        return header if frame is None else frame_headers(self.files[0], header)[frame]

    @property
    def kind(self) -> SliceKind:
        return self.slices[0].kind

    @property
    def folder(self) -> str:
        """Where its first file lies below the folder that was scanned."""
        return str(Path(self.slices[0].file).parent)

    @property
    def label(self) -> str:
        """What to call the series in a message: modality, last digits of its UID, and where it lies."""
        part = f" (part {self.part})" if self.part else ""
        return f"{self.modality} series ...{self.uid[-8:]}{part} in {self.folder}"

    @property
    def frame_of_reference_uid(self) -> str | None:
        value = self.header.get("FrameOfReferenceUID")
        return None if value is None or str(value) == "" else str(value)


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


@dataclass(frozen=True)
class Index:
    """Everything under a folder: series by patient and date, broken files, and files passed over."""

    root: Path
    series: tuple[Series, ...]
    issues: tuple[Issue, ...]
    passed: tuple[Passed, ...]
    num_files: int


@dataclass(frozen=True, slots=True)
class _Entry:
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


def scan(root: str | Path, workers: int | None = None) -> Index:
    """Indexes every file under `root`; raises DicomError for a missing folder only.

    workers: processes that read headers; by default one per core available, and none for a few files.
    """
    root = Path(root)
    if not root.is_dir():
        raise DicomError(f"{root}: no such folder")
    passed: list[Passed] = []
    issues: list[Issue] = []
    groups: dict[str, list[_Entry]] = {}
    shared: dict[object, object] = {}
    files, count = _walk(root, passed), 0
    for result in _read_all(str(root), files, workers):
        count += 1
        if isinstance(result, Passed):
            passed.append(result)
        elif isinstance(result, Issue):
            issues.append(result)
        else:
            groups.setdefault(result.series, []).append(_interned(result, shared))
    series: list[tuple[tuple, Series]] = []
    for uid in sorted(groups):
        entries = sorted(groups.pop(uid), key=lambda e: e.file)
        issues += [Issue(e.file, e.problem) for e in entries if e.problem]
        order = (entries[0].patient, entries[0].date, entries[0].time, uid)
        series += [(order, one) for one in _series_of(root, uid, entries, issues)]
    series.sort(key=lambda pair: (pair[0], pair[1].part))
    return Index(root, tuple(one for _, one in series), tuple(issues), tuple(passed), count)


def one_line(error: Exception, root: Path) -> str:
    """An error as one line without control characters, its files named below `root`."""
    line = str(error).replace(f"{root}{os.sep}", "")
    return "".join(c if c.isprintable() else "?" for c in line)


def _walk(root: Path, passed: list[Passed]) -> Iterator[str]:
    """Regular files below root by path, hidden ones left out; links and special files are noted as passed over."""
    folders = deque([""])
    while folders:
        folder = folders.popleft()
        try:
            with os.scandir(root / folder) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
        except OSError as error:
            passed.append(Passed(folder, f"a folder that cannot be opened ({error.strerror})"))
            continue
        for entry in entries:
            name = os.path.join(folder, entry.name)
            if entry.name.startswith("."):
                continue
            if entry.is_symlink():
                passed.append(
                    Passed(name, "a symbolic link, not followed; copy its target if it is part of the export")
                )
            elif entry.is_dir(follow_symlinks=False):
                folders.append(name)
            elif entry.is_file(follow_symlinks=False):
                yield name
            else:
                passed.append(Passed(name, "not a regular file"))


def _read_all(root: str, files: Iterator[str], workers: int | None) -> Iterator[_Entry | Issue | Passed]:
    """The record of every file, in the order of the files; memory holds a few chunks at a time."""
    workers = available_cores() if workers is None else workers
    first = list(islice(files, WORTH_WORKERS))
    if workers <= 1 or len(first) < WORTH_WORKERS:
        for name in _chain(first, files):
            yield _read_entry(root, name)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        waiting: deque[Future] = deque()
        for chunk in _chunks(_chain(first, files)):
            waiting.append(pool.submit(_read_entries, root, chunk))
            if len(waiting) > 4 * workers:
                yield from waiting.popleft().result()
        while waiting:
            yield from waiting.popleft().result()


def available_cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _chain(first: list[str], rest: Iterator[str]) -> Iterator[str]:
    yield from first
    yield from rest


def _chunks(names: Iterable[str]) -> Iterator[list[str]]:
    names = iter(names)
    while chunk := list(islice(names, CHUNK)):
        yield chunk


def _read_entries(root: str, names: list[str]) -> list[_Entry | Issue | Passed]:
    return [_read_entry(root, name) for name in names]


def _read_entry(root: str, name: str) -> _Entry | Issue | Passed:
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


def _of_known_series(path: Path, name: str, line: str) -> _Entry | Issue:
    """The record of a broken file: under its series when the header still tells which, so that it counts as missing."""
    try:
        header = dicom_file.read_salvaged_header(path, _TAGS)
        series, rows = uid_of(header, "SeriesInstanceUID"), integer_of(header, "Rows")
    except Exception:
        return Issue(name, line)
    if series is None or rows is None:  # a header cut inside a UID still parses; one that reaches Rows is past it
        return Issue(name, line)
    return _entry(path, name, header, None, line)


def _entry(path: Path, name: str, header: Dataset, extent: tuple[int, int] | None, problem: str = "") -> _Entry:
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
    return _Entry(
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
    uid = text_of(header, "SOPInstanceUID")
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


def _interned(entry: _Entry, shared: dict) -> _Entry:
    """The same record with planes, kinds and texts shared between files, so that a file costs few bytes."""
    slices = tuple(
        Slice(
            one.file,
            shared.setdefault(one.plane, one.plane),
            one.position,
            one.frame,
            one.instance,
            shared.setdefault(one.kind, one.kind),
        )
        for one in entry.slices
    )
    names = ("series", "study", "sop_class", "modality", "patient", "birth", "date", "time")
    texts = {name: shared.setdefault(getattr(entry, name), getattr(entry, name)) for name in names}
    return _Entry(file=entry.file, slices=slices, extent=entry.extent, problem=entry.problem, **texts)


def _series_of(root: Path, uid: str, entries: list[_Entry], issues: list[Issue]) -> list[Series]:
    """The stacks of one series; none, and an issue, when its files contradict each other."""
    broken = tuple(e.problem for e in entries if e.problem)
    first = entries[0]
    for other in entries[1:]:
        for what, name in (("patient", "patient"), ("study", "study"), ("kind of object", "sop_class")):
            if getattr(other, name) != getattr(first, name):
                line = (
                    f"{other.file}: another {what} than {first.file}, under one Series Instance UID (...{uid[-8:]}); "
                    "one series holds one, correct the UID"
                )
                issues.append(Issue(other.file, line))
                return []
    entries, num_duplicates, clash = _without_duplicates(root, [e for e in entries if not e.problem])
    if clash:
        issues.append(Issue(clash.partition(":")[0], clash))
        return []
    slices = [one for entry in entries for one in entry.slices]
    if not slices:
        return []
    facts = {
        "uid": uid, "modality": first.modality, "sop_class": first.sop_class, "root": root, "study_uid": first.study,
        "patient_id": first.patient, "birth_date": first.birth, "broken": broken, "num_duplicates": num_duplicates,
    }  # fmt: skip
    parts = _localisers_apart(slices) if first.sop_class in IMAGES else [(slices, "")]
    if len(parts) == 1:
        return [Series(slices=tuple(parts[0][0]), split_by=parts[0][1], **facts)]
    return [Series(slices=tuple(part), split_by=why, part=n, **facts) for n, (part, why) in enumerate(parts, start=1)]


def _without_duplicates(root: Path, entries: list[_Entry]) -> tuple[list[_Entry], int, str]:
    """Files under one SOP Instance UID kept once when their content is the same; else a line that says it is not."""
    kept: dict[object, _Entry] = {}
    for entry in entries:
        instance = entry.slices[0].instance or entry.file
        known = kept.setdefault(instance, entry)
        if known is not entry and not _same_content(root, known, entry):
            line = f"{entry.file}: differs from {known.file} but has the same SOP Instance UID; keep the true one"
            return [], 0, line
    return list(kept.values()), len(entries) - len(kept), ""


def _same_content(root: Path, one: _Entry, other: _Entry) -> bool:
    if [(s.position, s.plane) for s in one.slices] != [(s.position, s.plane) for s in other.slices]:
        return False
    spans = [
        (root / e.file, *(e.extent if e.extent is not None else (0, (root / e.file).stat().st_size)))
        for e in (one, other)
    ]
    (path, start, length), (other_path, other_start, other_length) = spans
    if length != other_length:
        return False
    with path.open("rb") as a, other_path.open("rb") as b:
        a.seek(start)
        b.seek(other_start)
        while length > 0:
            piece = a.read(min(length, 2**20))
            if piece != b.read(len(piece)) or not piece:
                return False
            length -= len(piece)
    return True


def _localisers_apart(slices: list[Slice]) -> list[tuple[list[Slice], str]]:
    scouts = [one for one in slices if "LOCALIZER" in one.kind.image_type]
    rest = [one for one in slices if "LOCALIZER" not in one.kind.image_type]
    parts = _split(rest, SPLIT_BY) if rest else []
    return [*parts, (scouts, "image_type")] if scouts else parts


def _split(slices: list[Slice], names: tuple[str, ...], why: str = "") -> list[tuple[list[Slice], str]]:
    """Slices at one position told apart by the first difference of kind; unsplit where none tells."""
    if not names or not _overlap(slices):
        return [(slices, why)]
    groups: dict[object, list[Slice]] = {}
    for one in slices:
        groups.setdefault(getattr(one.kind, names[0]), []).append(one)
    if len(groups) == 1:
        return _split(slices, names[1:], why)
    return [part for group in groups.values() for part in _split(group, names[1:], names[0])]


def _overlap(slices: list[Slice]) -> bool:
    offsets = offsets_mm(slices)
    return offsets is not None and len(slices) > 1 and bool((np.diff(np.sort(offsets)) < SAME_POSITION_MM).any())
