"""A mask -> the contour items of an RTSTRUCT, along voxel edges (clinical.md 9.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pydicom.dataset import Dataset

from netlesion.io.dicom.outline import Holes, outlines
from netlesion.io.dicom.slices import LPS_TO_RAS

if TYPE_CHECKING:
    from collections.abc import Callable

    from netlesion.image.geometry import Geometry

#: Detached Study Management: retired, and what RTSTRUCTs still name their study by.
STUDY_CLASS = "1.2.840.10008.3.1.2.3.1"


def contour_items(
    mask: np.ndarray, geometry: Geometry, reference: Callable[[int], Dataset], holes: Holes
) -> list[Dataset]:
    """The closed contours of a mask (I, J, K) along voxel edges; reference(k): the item that names slice k."""
    items: list[Dataset] = []
    for k in np.flatnonzero(mask.any(axis=(0, 1))).tolist():
        for polygon in outlines(mask[:, :, k], holes):
            item = Dataset()
            item.ContourImageSequence = [reference(k)]
            item.ContourGeometricType, item.NumberOfContourPoints = "CLOSED_PLANAR", len(polygon)
            item.ContourNumber = len(items) + 1
            item.ContourData = [f"{v:.6f}" for v in _lps(polygon, k, geometry).ravel()]
            items.append(item)
    return items


def _lps(polygon_IJ: np.ndarray, k: int, geometry: Geometry) -> np.ndarray:
    index = np.column_stack([polygon_IJ, np.full(len(polygon_IJ), float(k))])
    return np.round(geometry.to_world(index) @ LPS_TO_RAS[:3, :3].T, 6) + 0.0
