"""Real world value maps that hold for a range of stored values each -> one value per pixel (PS3.3 C.7.6.16.2.11).

A map without first and last value holds for every stored value. Ranges must not overlap with different slopes, and
every pixel must lie in one of them, padding apart: a value that no map covers has no unit. Knows nothing about units.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from netlesion.errors import DicomError

if TYPE_CHECKING:
    from pathlib import Path

    from pydicom.dataset import Dataset


#: The attribute of a frame's header in which `io.dicom.multiframe` leaves its ranges.
VALUE_RANGES = "value_ranges"
#: Rescale slope and real world value map of one unit agree within this fraction.
SAME_SLOPE = 0.01


@dataclass(frozen=True)
class ValueRange:
    """stored * slope + intercept for stored values from first to last, both included."""

    first: float
    last: float
    slope: float
    intercept: float


def value_range(item: Dataset) -> ValueRange:
    """One item of a Real World Value Mapping Sequence that has a slope."""
    first = _bound(item, "FirstValueMapped", -np.inf)
    last = _bound(item, "LastValueMapped", np.inf)
    return ValueRange(first, last, float(item.RealWorldValueSlope), float(item.get("RealWorldValueIntercept") or 0.0))


def map_by_range(path: Path, frame: np.ndarray, maps: Sequence[ValueRange], padded: np.ndarray | None) -> np.ndarray:
    """Values in the unit of the maps, float64; raises DicomError for pixels that none, or two different ones, cover."""
    values, covered = np.zeros(frame.shape), np.zeros(frame.shape, dtype=bool)
    for one in maps:
        here = (frame >= one.first) & (frame <= one.last)
        mapped = frame * one.slope + one.intercept
        if not np.allclose(values[here & covered], mapped[here & covered], rtol=1e-6):
            raise DicomError(
                f"{path}: two real world value maps (0040,9096) give one stored value two values; export it again"
            )
        values[here], covered = mapped[here], covered | here
    missed = ~covered if padded is None else ~covered & ~padded
    if missed.any():
        raise DicomError(
            f"{path}: {int(missed.sum())} pixels, the first stored as {frame[missed][0]}, lie in no range of its real "
            "world value maps (0040,9211)/(0040,9216) and have no unit; export it again"
        )
    return values


def _bound(item: Dataset, name: str, otherwise: float) -> float:
    for keyword in (f"DoubleFloatRealWorldValue{name}", f"RealWorldValue{name}"):
        if item.get(keyword) is not None:
            return float(item.get(keyword))
    return otherwise
