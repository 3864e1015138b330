"""What the bits of a stored pixel mean: how many belong to its value, its sign, and which values are padding.

PS3.5 8.1.1 and PS3.3 C.7.5.1.1.2. Takes one frame of stored values; knows nothing about slope, unit or position.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from pydicom.tag import Tag

from netlesion.errors import DicomError
from netlesion.io.dicom.file import integer_of

if TYPE_CHECKING:
    from pathlib import Path

    from pydicom.dataset import Dataset


@dataclass(frozen=True)
class BitLayout:
    """Bits allocated to a pixel, bits that hold its value (from bit 0), and whether the value has a sign."""

    allocated: int
    stored: int
    signed: bool


def bit_layout(path: Path, dataset: Dataset) -> BitLayout | None:
    """None where the header does not say; raises DicomError where its numbers contradict each other."""
    allocated, stored = integer_of(dataset, "BitsAllocated"), integer_of(dataset, "BitsStored")
    if allocated is None or stored is None:
        return None
    high = integer_of(dataset, "HighBit")
    if high is not None and high != stored - 1:
        raise DicomError(
            f"{path}: High Bit (0028,0102) is {high} with {stored} Bits Stored (0028,0101), expected {stored - 1}: "
            "where the values begin is not known; export the series again"
        )
    if not 1 <= stored <= allocated:
        raise DicomError(
            f"{path}: Bits Stored (0028,0101) is {stored} of {allocated} allocated; restore the file from its source"
        )
    return BitLayout(allocated, stored, integer_of(dataset, "PixelRepresentation") == 1)


def in_stored_bits(path: Path, frame: np.ndarray, layout: BitLayout | None) -> np.ndarray:
    """The frame with the sign of its stored bits; raises DicomError for values that need more bits than are stored.

    A negative value of 12 bits may be written with its four upper bits clear.
    """
    if layout is None or layout.stored == layout.allocated or frame.dtype.kind not in "iu":
        return frame
    low, high = int(frame.min(initial=0)), int(frame.max(initial=0))
    limit = 1 << (layout.stored - 1)
    if layout.signed and low >= 0 and limit <= high < 2 * limit:
        return np.where(frame >= limit, frame.astype(np.int32) - 2 * limit, frame)
    lowest, highest = (-limit, limit - 1) if layout.signed else (0, 2 * limit - 1)
    if low < lowest or high > highest:
        raise DicomError(
            f"{path}: holds stored values from {low} to {high}, but {layout.stored} Bits Stored (0028,0101) reach from "
            f"{lowest} to {highest}; correct the header or export the series again"
        )
    return frame


def padding(frame: np.ndarray, header: Dataset) -> np.ndarray | None:
    """Where a frame holds Pixel Padding Value, or the range to its Range Limit; None without a padding value."""
    value, limit = (_stored(header, name) for name in ("PixelPaddingValue", "PixelPaddingRangeLimit"))
    if value is None:
        return None
    low, high = sorted((value, value if limit is None else limit))
    return (frame >= low) & (frame <= high)


def _stored(header: Dataset, name: str) -> int | None:
    """A padding value as the pixels hold it: one written as unsigned beside signed pixels stands for its bits."""
    item, bits = header.get_item(Tag(name)), integer_of(header, "BitsAllocated")
    value = None if item is None else item.value
    if isinstance(value, bytes):
        order = "little" if getattr(item, "is_little_endian", True) else "big"
        value = int.from_bytes(value, order) if value else None
    if bits is None or not isinstance(value, int):
        return None
    value %= 1 << bits
    signed = integer_of(header, "PixelRepresentation") == 1
    return value - (1 << bits) if signed and value >= 1 << (bits - 1) else value
