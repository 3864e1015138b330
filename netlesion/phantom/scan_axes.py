"""Which array axis a scanner calls x, y and z, for a grid stored in any order and direction.

Takes a Geometry, returns a frozen ScanAxes: the order that turns an IJK array into an XYZ view, the spacings in that
order, and where every transverse slice and column lies. A turned grid is given to its nearest axes; the scanner's
axis is the middle of the grid. Knows nothing about values.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations

import numpy as np

from netlesion.image.geometry import Geometry


@dataclass(frozen=True, eq=False)
class ScanAxes:
    """order: array axes in the order x, y, z. z_mm: RAS+ height of each transverse slice, in array order.

    x_mm, y_mm: distance of each column and row from the middle of the grid.
    """

    order: tuple[int, int, int]
    spacing_mm: tuple[float, float, float]
    x_mm: np.ndarray
    y_mm: np.ndarray
    z_mm: np.ndarray

    def view(self, array: np.ndarray) -> np.ndarray:
        """An IJK array as an XYZ view."""
        return array.transpose(self.order)


def scan_axes(geometry: Geometry) -> ScanAxes:
    """The axes of a grid as its scanner sees them."""
    direction = np.abs(geometry.affine_ras[:3, :3] / geometry.spacing_mm)
    i, j, k = max(permutations(range(3)), key=lambda p: direction[0, p[0]] + direction[1, p[1]] + direction[2, p[2]])
    order = i, j, k
    spacing = np.array(geometry.spacing_mm)[list(order)]
    shape = np.array(geometry.shape)[list(order)]
    x_mm, y_mm = ((np.arange(n) - (n - 1) / 2) * h for n, h in zip(shape[:2], spacing[:2], strict=True))
    middle = geometry.to_world((np.array(geometry.shape, dtype=np.float64) - 1)[None] / 2)[0, 2]
    sign = 1.0 if geometry.affine_ras[2, order[2]] >= 0 else -1.0
    z_mm = middle + sign * (np.arange(shape[2]) - (shape[2] - 1) / 2) * spacing[2]
    return ScanAxes(order, tuple(spacing.tolist()), x_mm, y_mm, z_mm)
