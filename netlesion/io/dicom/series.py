"""A folder of DICOM -> series -> Volume. What a PET header says of dose and time is read by `io.dicom.pet_header`.

Series are found by UID in any mixture of folders (`io.dicom.index`); slices are ordered by position, never by
name or number (`io.dicom.slices`). What is not understood is refused by name. DICOM's LPS frame ends here:
everything returned is RAS+.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from pydicom.uid import UID

from netlesion.errors import DicomError, GeometryError, QuantityError, say
from netlesion.image.volume import Quantity, Volume
from netlesion.io.dicom.file import IMAGES, RTSTRUCT, integer_of, read_whole, text_of
from netlesion.io.dicom.index import Series, scan
from netlesion.io.dicom.multiframe import frame_headers, is_multiframe
from netlesion.io.dicom.pixels import frames_of, rescaled
from netlesion.io.dicom.slices import LPS_TO_RAS, stack_slices
from netlesion.io.dicom.wrapped_values import looks_wrapped
from netlesion.io.hounsfield import is_hu, require_negative_hu

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydicom.dataset import Dataset

    from netlesion.io.dicom.slices import Slice, Stack

#: What padding (0028,0120) becomes: no activity and no signal; in a CT what no tissue has, until its HU are checked.
OUTSIDE = {Quantity.BQML: 0.0, Quantity.PET_VOXEL: 0.0, Quantity.HU: -32768.0, Quantity.MR: 0.0}
#: The padding of a CT in the end: the least that 12 bits can hold.
PADDED_HU = -1024.0
QUANTITY_OF_MODALITY = {"PT": Quantity.BQML, "CT": Quantity.HU, "MR": Quantity.MR}

__all__ = [
    "LPS_TO_RAS",
    "RTSTRUCT",
    "Series",
    "index_folder",
    "number",
    "read_image",
    "read_whole",
    "require_one",
    "stack_of",
]


def index_folder(root: str | Path) -> tuple[Series, ...]:
    """Every DICOM series under a folder, ordered by patient, date, time and UID.

    Files that are not DICOM are passed over, unless their name says that they should be (.dcm, .ima).
    Raises DicomError for a missing folder, a folder without DICOM, and the first broken file.
    """
    index = scan(root)
    if index.issues:
        raise DicomError(f"{Path(root)}/{index.issues[0].line}")
    if not index.series:
        raise DicomError(f"{root}: holds no DICOM series; expected files of a PET, CT or MR export")
    return index.series


def stack_of(series: Series) -> Stack:
    """The order of a series' slices and their grid, from headers alone; refuses what is not one even stack."""
    if series.sop_class not in IMAGES:
        raise DicomError(f"{series.label}: {UID(series.sop_class).name} is not an image series")
    return stack_slices(series.slices, series.label)


def read_image(series: Series) -> Volume:
    """The series' slices as one Volume: HU for CT, MR for MR, BQML for PET in Bq/ml.

    PET in other units comes as PET_VOXEL; `io.dicom.pet_image` makes Bq/ml or SUVbw of either.

    Raises DicomError, naming the file, for slices that are duplicated, missing, turned, of another size
    or truncated, and for pixel data that cannot be decoded.
    """
    stack = stack_of(series)
    if stack.note:
        say(f"{series.label}: {stack.note}")
    declared = number(series, series.header, "NumberOfSlices") if series.modality == "PT" else None
    if declared is not None and int(declared) != len(stack.slices):
        raise DicomError(
            f"{series.label}: {len(stack.slices)} slices, but Number of Slices (0054,0081) is {int(declared)}; "
            "slices are missing, export the series again"
        )
    quantity = QUANTITY_OF_MODALITY[IMAGES[series.sop_class]]
    if quantity is Quantity.BQML and series.header.get("Units") != "BQML":
        quantity = Quantity.PET_VOXEL
    array = np.empty(stack.geometry.shape, dtype=np.float32)
    place = {(one.file, one.frame): k for k, one in enumerate(stack.slices)}
    for name in dict.fromkeys(one.file for one in stack.slices):
        for frame, plane in _planes(series, series.root / name, quantity):
            k = place.pop((name, frame), None)
            if k is not None:
                array[:, :, k] = plane.T
    for name, _ in place:
        raise DicomError(f"{series.root / name}: holds fewer frames than its header says; restore it from its source")
    if series.modality == "PT" and integer_of(series.header, "PixelRepresentation") == 1 and looks_wrapped(array):
        raise DicomError(
            f"{series.label}: Pixel Representation (0028,0103) is 1, signed, but negative voxels lie among the highest "
            f"(lowest {array.min():.4g}, highest {array.max():.4g}): unsigned values were declared signed, set it to 0"
        )
    try:
        volume = Volume(array, stack.geometry, quantity)
    except (GeometryError, QuantityError) as error:
        raise type(error)(f"{series.label}: {error}") from error
    if quantity is Quantity.HU:
        require_negative_hu(volume, series.label)
        array[array == OUTSIDE[Quantity.HU]] = PADDED_HU
        volume = Volume(array, stack.geometry, quantity)
    return volume


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


def number(series: Series, dataset: Dataset, name: str) -> float | None:
    """A numeric field, None where it is missing or empty; raises DicomError for what is no finite number."""
    try:
        value = dataset.get(name)
        if value is None or str(value).strip() == "":
            return None
        parsed = float(value)
    except Exception as error:  # pydicom raises many kinds for a value that does not fit its type
        raise DicomError(f"{series.label}: {name} is not a number; correct it at its source") from error
    if not np.isfinite(parsed):
        raise DicomError(f"{series.label}: {name} is {parsed}, expected a finite number")
    return parsed


def _planes(series: Series, path: Path, quantity: Quantity):
    """(frame number or None, rescaled pixels (rows, columns)) of one file."""
    dataset = read_whole(path)
    multi = is_multiframe(dataset)
    headers: list[Dataset] = frame_headers(path, dataset) if multi else [dataset]
    one: Slice = series.slices[0]
    for n, frame in enumerate(frames_of(path, dataset)):
        if n >= len(headers):
            raise DicomError(f"{path}: more than one frame in a single-frame image; restore it from its source")
        if frame.shape != (one.plane.rows, one.plane.columns):
            raise DicomError(f"{path}: a frame of {frame.shape[0]}x{frame.shape[1]}, expected {one.plane.rows}x"
                             f"{one.plane.columns}")  # fmt: skip
        if quantity is Quantity.HU and not is_hu(text_of(headers[n], "RescaleType")):
            raise DicomError(f"{path}: Rescale Type (0028,1054) is not HU; export the CT in HU")
        outside = OUTSIDE[quantity]
        yield (n if multi else None), rescaled(path, frame, headers[n], quantity is not Quantity.MR, outside)
