"""A folder of DICOM -> series -> Volume. What a PET header says of dose and time is read by `io.pet_facts`.

Series are found by UID in any mixture of folders; slices are ordered by position, never by name or number.
What is not understood is refused by name. DICOM's LPS frame ends here: everything returned is RAS+.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pydicom
from pydicom.errors import InvalidDicomError

from netlesion.errors import DicomError, GeometryError, QuantityError
from netlesion.geometry import Geometry
from netlesion.volume import Quantity, Volume

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pydicom.dataset import Dataset

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
#: A slice may lie this share of the slice step away from its even position before it is a gap.
POSITION_TOLERANCE = 0.05
#: Largest difference of a direction cosine between slices of one series.
ORIENTATION_TOLERANCE = 1e-4

CLASSIC_IMAGES = {
    "1.2.840.10008.5.1.4.1.1.128": "PT",
    "1.2.840.10008.5.1.4.1.1.2": "CT",
    "1.2.840.10008.5.1.4.1.1.4": "MR",
}
REFUSED_IMAGES = {
    "1.2.840.10008.5.1.4.1.1.130": "Enhanced PET",
    "1.2.840.10008.5.1.4.1.1.128.1": "Legacy Converted Enhanced PET",
    "1.2.840.10008.5.1.4.1.1.2.1": "Enhanced CT",
    "1.2.840.10008.5.1.4.1.1.2.2": "Legacy Converted Enhanced CT",
    "1.2.840.10008.5.1.4.1.1.4.1": "Enhanced MR",
    "1.2.840.10008.5.1.4.1.1.4.4": "Legacy Converted Enhanced MR",
}
RTSTRUCT = "1.2.840.10008.5.1.4.1.1.481.3"


@dataclass(frozen=True)
class Series:
    """One DICOM series: its UID, what it is, and its files in path order. Pixel data is not read yet."""

    uid: str
    modality: str
    sop_class: str
    files: tuple[Path, ...]
    header: Dataset = field(repr=False, compare=False)

    @property
    def label(self) -> str:
        """What to call the series in a message: modality, last digits of its UID, and where it lies."""
        return f"{self.modality} series ...{self.uid[-8:]} in {self.files[0].parent}"

    @property
    def frame_of_reference_uid(self) -> str | None:
        value = self.header.get("FrameOfReferenceUID")
        return None if value is None else str(value)


def index_folder(root: str | Path) -> tuple[Series, ...]:
    """Every DICOM series under a folder, ordered by patient, date, time and UID.

    Files that are not DICOM are passed over, unless their name says that they should be (.dcm, .ima).
    Raises DicomError for a missing folder, a folder without DICOM, and a broken file.
    """
    root = Path(root)
    if not root.is_dir():
        raise DicomError(f"{root}: no such folder")
    groups: dict[str, list[tuple[Path, Dataset]]] = {}
    for path in _files(root):
        header = read_header(path)
        if header is not None:
            groups.setdefault(str(header.SeriesInstanceUID), []).append((path, header))
    if not groups:
        raise DicomError(f"{root}: holds no DICOM series; expected files of a PET, CT or MR export")
    series = [_series(uid, members) for uid, members in groups.items()]
    return tuple(sorted(series, key=_series_order))


def read_image(series: Series) -> Volume:
    """The series' slices as one Volume: BQML for PET in Bq/ml, HU for CT, MR for MR.

    Raises DicomError, naming the file, for slices that are duplicated, missing, turned, of another size
    or truncated, and for pixel data that cannot be decoded.
    """
    if series.sop_class in REFUSED_IMAGES:
        raise DicomError(
            f"{series.label}: {REFUSED_IMAGES[series.sop_class]} (multi-frame) is not handled yet; "
            "export it as classic single-frame images"
        )
    if series.sop_class not in CLASSIC_IMAGES:
        raise DicomError(f"{series.label}: {pydicom.uid.UID(series.sop_class).name} is not an image series")
    declared = number(series, series.header, "NumberOfSlices") if series.modality == "PT" else None
    if declared is not None and int(declared) != len(series.files):
        raise DicomError(
            f"{series.label}: {len(series.files)} files, but Number of Slices (0054,0081) is {int(declared)}; "
            "slices are missing, export the series again"
        )
    slices = [(path, read_whole(path)) for path in series.files]
    ordered, geometry = _stack(series, slices)
    array = np.empty(geometry.shape, dtype=np.float32)
    for k, (path, dataset) in enumerate(ordered):
        array[:, :, k] = _rescaled_pixels(path, dataset).T
    quantity = {"PT": Quantity.BQML, "CT": Quantity.HU, "MR": Quantity.MR}[CLASSIC_IMAGES[series.sop_class]]
    if quantity is Quantity.BQML:
        units = str(series.header.get("Units", "missing"))
        if units != "BQML":
            raise DicomError(f"{series.label}: Units (0054,1001) is {units}; only BQML is handled so far")
    try:
        return Volume(array, geometry, quantity)
    except (GeometryError, QuantityError) as error:
        raise type(error)(f"{series.label}: {error}") from error


def require_one(all_series: Sequence[Series], modality: str, where: str | Path) -> Series:
    """The single series of a modality (PT, CT, MR) in an index; raises DicomError that lists what is there."""
    found = [s for s in all_series if s.modality == modality]
    if len(found) == 1:
        return found[0]
    others = ", ".join(f"{s.modality} x {len(s.files)} files" for s in all_series)
    if not found:
        raise DicomError(f"{where}: expected one {modality} series, found none (it holds {others})")
    raise DicomError(
        f"{where}: expected one {modality} series, found {len(found)} "
        f"({', '.join('...' + s.uid[-8:] for s in found)}); name the folder of one of them"
    )


def _files(root: Path) -> Iterator[Path]:
    for folder, folders, names in os.walk(root):
        folders.sort()
        yield from (Path(folder, name) for name in sorted(names) if not name.startswith("."))


def read_header(path: Path) -> Dataset | None:
    """The header, pixels left in the file; None for what is not DICOM and does not claim to be."""
    try:
        header = pydicom.dcmread(path, defer_size=4096)
    except InvalidDicomError as error:
        if path.suffix.lower() in (".dcm", ".ima"):
            raise DicomError(
                f"{path}: not a readable DICOM file (no DICM marker); restore it from its source"
            ) from error
        return None
    except Exception as error:  # pydicom raises many kinds for a broken file; each means the same here
        raise DicomError(f"{path}: broken DICOM header ({_first_line(error)}); restore it from its source") from error
    if "DICOMDIR" in path.name.upper() or header.get("DirectoryRecordSequence") is not None:
        return None
    for name in ("SOPClassUID", "SeriesInstanceUID"):
        if name not in header:
            raise DicomError(
                f"{path}: the DICOM header holds no {name}, the file is truncated; restore it from its source"
            )
    if str(header.SOPClassUID) in CLASSIC_IMAGES:
        _require_whole(path, header)
    return header


def _require_whole(path: Path, header: Dataset) -> None:
    """Raises DicomError when the file ends before its pixel data does; a cut header may still parse, with cut UIDs."""
    pixels = header.get_item("PixelData") if "PixelData" in header else None
    if pixels is None:
        raise DicomError(f"{path}: an image without pixel data, the file is truncated; restore it from its source")
    end = getattr(pixels, "value_tell", 0) + (pixels.length if getattr(pixels, "length", None) else 0)
    if getattr(pixels, "length", None) != 0xFFFFFFFF and end > path.stat().st_size:
        raise DicomError(f"{path}: ends {end - path.stat().st_size} bytes before its pixel data does; restore it")


def read_whole(path: Path) -> Dataset:
    """One DICOM file with everything in it; raises DicomError, naming it, when it is broken."""
    try:
        return pydicom.dcmread(path)
    except Exception as error:  # as above
        raise DicomError(f"{path}: broken DICOM file ({_first_line(error)}); restore it from its source") from error


def _series(uid: str, members: list[tuple[Path, Dataset]]) -> Series:
    header = members[0][1]
    for path, other in members[1:]:
        if other.SOPClassUID != header.SOPClassUID:
            raise DicomError(
                f"{path}: {other.SOPClassUID.name} inside a series of {header.SOPClassUID.name} (...{uid[-8:]}); "
                "one series holds one kind of object"
            )
    sop_class = str(header.SOPClassUID)
    modality = CLASSIC_IMAGES.get(sop_class) or str(header.get("Modality", "unknown"))
    return Series(uid, modality, sop_class, tuple(path for path, _ in members), header)


def _series_order(series: Series) -> tuple[str, str, str, str]:
    h = series.header
    return str(h.get("PatientID", "")), str(h.get("StudyDate", "")), str(h.get("SeriesTime", "")), series.uid


def _stack(series: Series, slices: list[tuple[Path, Dataset]]) -> tuple[list[tuple[Path, Dataset]], Geometry]:
    """Slices ordered along their normal, and the grid they form; refuses what is not one even stack."""
    first_path, first = slices[0]
    row, column = _orientation(first_path, first)
    for path, dataset in slices:
        other_row, other_column = _orientation(path, dataset)
        if max(np.abs(row - other_row).max(), np.abs(column - other_column).max()) > ORIENTATION_TOLERANCE:
            raise DicomError(f"{path}: slice is turned against {first_path.name}; a series must have one orientation")
        for name in ("Rows", "Columns", "PixelSpacing"):
            if dataset.get(name) != first.get(name):
                raise DicomError(f"{path}: {name} is {dataset.get(name)}, but {first.get(name)} in {first_path.name}")
    normal = np.cross(row, column)
    positions = np.array([_vector(path, dataset, "ImagePositionPatient", 3) for path, dataset in slices])
    order = np.argsort(positions @ normal, kind="stable")
    positions, ordered = positions[order], [slices[i] for i in order]
    step = _slice_step(series, ordered, positions, normal)
    spacing = _vector(first_path, first, "PixelSpacing", 2)
    affine_lps = np.eye(4)
    affine_lps[:3, 0] = row * spacing[1]
    affine_lps[:3, 1] = column * spacing[0]
    affine_lps[:3, 2] = step
    affine_lps[:3, 3] = positions[0]
    try:
        return ordered, Geometry(LPS_TO_RAS @ affine_lps, (int(first.Columns), int(first.Rows), len(ordered)))
    except GeometryError as error:
        raise GeometryError(f"{series.label}: {error}") from error


def _slice_step(series, ordered, positions: np.ndarray, normal: np.ndarray) -> np.ndarray:
    """The vector from one slice to the next; raises DicomError at the first duplicate or gap."""
    if len(ordered) == 1:
        thickness = number(series, ordered[0][1], "SliceThickness")
        if not thickness or thickness <= 0:
            raise DicomError(f"{ordered[0][0]}: a single slice without Slice Thickness has no volume")
        return normal * thickness
    steps = np.diff(positions @ normal)
    typical = float(np.median(steps))
    for i in np.flatnonzero(steps < 1e-3):
        raise DicomError(
            f"{ordered[i + 1][0]}: lies at the same position as {ordered[i][0].name}; "
            "duplicate slices or a dynamic series, keep one of them"
        )
    for i in np.flatnonzero(np.abs(steps - typical) > POSITION_TOLERANCE * typical):
        raise DicomError(
            f"{ordered[i + 1][0]}: lies {steps[i]:.3f} mm after {ordered[i][0].name}, "
            f"the series' step is {typical:.3f} mm; slices are missing or uneven, export the series again"
        )
    step = (positions[-1] - positions[0]) / (len(positions) - 1)
    drift = np.abs(positions - positions[0] - np.arange(len(positions))[:, None] * step).max(axis=1)
    worst = int(drift.argmax())
    if drift[worst] > POSITION_TOLERANCE * typical + 1e-3:
        raise DicomError(
            f"{ordered[worst][0]}: lies {drift[worst]:.3f} mm off the line through the series' slices; "
            "the stack is not straight"
        )
    return step


def _orientation(path: Path, dataset: Dataset) -> tuple[np.ndarray, np.ndarray]:
    cosines = _vector(path, dataset, "ImageOrientationPatient", 6)
    row, column = cosines[:3], cosines[3:]
    if abs(np.linalg.norm(row) - 1) > 1e-3 or abs(np.linalg.norm(column) - 1) > 1e-3 or abs(row @ column) > 1e-3:
        raise DicomError(
            f"{path}: Image Orientation (0020,0037) {cosines.tolist()} is not two unit vectors at 90 degrees"
        )
    return row, column


def _rescaled_pixels(path: Path, dataset: Dataset) -> np.ndarray:
    """One slice (rows, columns) with its own rescale slope and intercept, float32."""
    expected = int(dataset.Rows) * int(dataset.Columns) * int(dataset.get("BitsAllocated", 16)) // 8
    compressed = dataset.file_meta.TransferSyntaxUID.is_compressed
    found = len(dataset.PixelData) if "PixelData" in dataset else 0
    if found == 0 or (not compressed and found < expected):
        raise DicomError(f"{path}: {found} bytes of pixel data, expected {expected}; the file is truncated, restore it")
    if int(dataset.get("SamplesPerPixel", 1)) != 1 or int(dataset.get("NumberOfFrames", 1) or 1) != 1:
        raise DicomError(f"{path}: a colour or multi-frame image; expected one grey frame per file")
    try:
        pixels = dataset.pixel_array
    except Exception as error:  # pydicom raises many kinds here too
        raise DicomError(f"{path}: pixel data cannot be decoded ({_first_line(error)})") from error
    slope, intercept = dataset.get("RescaleSlope"), dataset.get("RescaleIntercept")
    slope = 1.0 if slope is None else float(slope)
    intercept = 0.0 if intercept is None else float(intercept)
    return (pixels.astype(np.float64) * slope + intercept).astype(np.float32)


def _vector(path: Path, dataset: Dataset, name: str, length: int) -> np.ndarray:
    try:
        vector = np.array([float(v) for v in dataset.get(name) or ()])
    except (TypeError, ValueError):
        vector = np.empty(0)
    if vector.size != length or not np.isfinite(vector).all():
        raise DicomError(f"{path}: {name} is {dataset.get(name)!r}, expected {length} numbers")
    return vector


def number(series: Series, dataset: Dataset, name: str) -> float | None:
    """A numeric field, None where it is missing or empty; raises DicomError for what is no finite number."""
    value = dataset.get(name)
    if value is None or str(value).strip() == "":
        return None
    try:
        parsed = float(value)
    except (TypeError, ValueError) as error:
        raise DicomError(f"{series.label}: {name} is {value!r}, expected a number") from error
    if not np.isfinite(parsed):
        raise DicomError(f"{series.label}: {name} is {parsed}, expected a finite number")
    return parsed


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:120]
