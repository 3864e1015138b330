"""A 3D array that knows where it is and what its numbers mean, and refuses nonsense at birth."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import cached_property

import numpy as np

from netlesion.errors import GeometryError, QuantityError
from netlesion.image.geometry import Geometry
from netlesion.output.html import fact_table

#: A label that was stored as a scaled integer comes back within the rounding of a float32 slope.
LABEL_ROUNDING = 1e-6


class Quantity(Enum):
    """What a voxel's number means; the value is its unit as written in side-cars.

    Example:
        >>> nl.Quantity.SUVBW.value
        'g/mL'
    """

    BQML = "Bq/mL"
    SUVBW = "g/mL"
    SUL = "g/mL (lean body mass)"
    SUVBSA = "cm2/mL"
    SUVIBW = "g/mL (ideal body weight)"
    PET_VOXEL = "as rescaled by the header"
    HU = "HU"
    MR = "arbitrary"
    PROBABILITY = "1"
    LABEL = "label"


@dataclass(frozen=True, eq=False)
class Volume:
    """One image: its voxels, where they are, and what their numbers mean.

    Args:
        array: Voxels (I, J, K). They are kept as float32, labels as the smallest unsigned integer type that holds
            them, and are made read-only.
        geometry: The grid, in RAS+ mm.
        quantity: What a voxel's number means.

    Raises:
        GeometryError: if array and geometry disagree in shape.
        QuantityError: for a value that is not finite, a probability outside 0 to 1, or a label that is negative or
            not whole.

    Example:
        >>> grid = nl.Geometry(np.diag([2.0, 2.0, 3.0, 1.0]), (4, 5, 6))
        >>> nl.Volume(np.zeros((4, 5, 6)), grid, nl.Quantity.SUVBW)
        <Volume SUVBW, 4x5x6 voxels of 2x2x3 mm from (0.0, 0.0, 0.0)>
    """

    array: np.ndarray
    geometry: Geometry
    quantity: Quantity

    def __post_init__(self) -> None:
        array = np.asarray(self.array)
        if array.shape != self.geometry.shape:
            raise GeometryError(
                f"array of shape {array.shape} on a grid of shape {self.geometry.shape}; they must be equal"
            )
        label = self.quantity is Quantity.LABEL
        array = (_as_label(array) if label else array.astype(np.float32, copy=False)).view()
        array.setflags(write=False)
        object.__setattr__(self, "array", array)
        if label:
            return
        low, high = self.range
        if not np.isfinite(high - low):  # a NaN is lowest and highest
            bad = np.argwhere(~np.isfinite(array))
            raise QuantityError(
                f"{len(bad)} voxels are not finite, the first at index {tuple(bad[0].tolist())}; "
                f"a {self.quantity.name} image must hold numbers only (repair it at its source)"
            )
        if self.quantity is Quantity.PROBABILITY and (low < -1e-6 or high > 1 + 1e-6):
            raise QuantityError(f"probabilities run from {low:g} to {high:g}, expected 0 to 1")

    @cached_property
    def range(self) -> tuple[float, float]:
        """The lowest and the highest value."""
        return float(self.array.min()), float(self.array.max())

    def with_array(self, array: np.ndarray, quantity: Quantity | None = None) -> Volume:
        """The same grid with other values, of the same quantity unless another is named."""
        return Volume(array, self.geometry, self.quantity if quantity is None else quantity)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.quantity.name}, {self.geometry.describe()}>"

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        return fact_table(f"{type(self).__name__} {self.quantity.name}", self._facts())

    def _facts(self) -> dict[str, object]:
        low, high = self.range
        return {
            "shape": "x".join(map(str, self.geometry.shape)),
            "spacing": "x".join(f"{s:.4g}" for s in self.geometry.spacing_mm) + " mm",
            "orientation": self.geometry.orientation,
            "unit": self.quantity.value,
            "range": f"{low:g} to {high:g}",
        }

    def __add__(self, other: object) -> Volume:
        return self.with_array(self.array + self._operand(other, "add"))

    def __sub__(self, other: object) -> Volume:
        return self.with_array(self.array - self._operand(other, "subtract"))

    def _operand(self, other: object, verb: str) -> np.ndarray:
        if not isinstance(other, Volume):
            raise QuantityError(f"cannot {verb} a {type(other).__name__} and a Volume; use with_array for scalars")
        if other.quantity is not self.quantity:
            raise QuantityError(
                f"cannot {verb} {other.quantity.name} and {self.quantity.name}: they are different quantities"
            )
        if self.quantity is Quantity.LABEL:
            raise QuantityError(f"cannot {verb} label maps: labels are names, not numbers")
        self.geometry.require_same_grid(other.geometry, "the first volume", "the second")
        return other.array


def _as_label(array: np.ndarray) -> np.ndarray:
    if array.dtype == bool:
        return array.view(np.uint8)
    if array.dtype.kind == "f":
        if not np.isfinite(array).all():
            raise QuantityError("a label map holds values that are not finite; expected whole numbers from 0")
        whole = np.rint(array)
        off = np.abs(array - whole) > LABEL_ROUNDING * np.maximum(1, np.abs(whole))
        if off.any():
            bad = float(array[off][0])
            raise QuantityError(f"a label map holds {bad:g}; expected whole numbers from 0 (threshold it first)")
        array = whole
    low, high = (int(array.min()), int(array.max())) if array.size else (0, 0)
    if low < 0:
        raise QuantityError(f"a label map holds {low}; expected whole numbers from 0")
    if high >= 2**32:
        raise QuantityError(f"a label map holds {high}; at most {2**32 - 1} fits")
    return array.astype(np.uint8 if high < 2**8 else np.uint16 if high < 2**16 else np.uint32, copy=False)
