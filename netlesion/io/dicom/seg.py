"""A DICOM segmentation -> the mask of one segment on the grid of its image.

BINARY, FRACTIONAL and LABELMAP. Every frame is placed by its own position and orientation, never by its
number: its pixels must fall on voxels of the image, in whichever order and direction they are stored. A
segmentation on another lattice is refused, not interpolated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from netlesion.errors import DicomError
from netlesion.image.volume import Quantity, Volume
from netlesion.io.dicom.file import floats_of, integer_of, text_of
from netlesion.io.dicom.multiframe import frame_headers
from netlesion.io.dicom.pixels import frames_of
from netlesion.io.dicom.slices import LPS_TO_RAS

if TYPE_CHECKING:
    from pathlib import Path

    from pydicom.dataset import Dataset

    from netlesion.image.geometry import Geometry

#: A fractional segment holds the voxels of at least this fraction of its largest value [P].
FRACTION = 0.5
#: A pixel may lie this fraction of a voxel away from the voxel it falls on.
LATTICE_TOLERANCE = 0.05


def segment_mask(path: Path, dataset: Dataset, number: int, geometry: Geometry) -> Volume:
    """A 0/1 LABEL volume of one segment of a segmentation that was read from `path`.

    Raises DicomError when a frame has no place, lies on another lattice, or the segment reaches out of the image.
    """
    kind = text_of(dataset, "SegmentationType")
    if kind not in ("BINARY", "FRACTIONAL", "LABELMAP"):
        raise DicomError(f"{path}: Segmentation Type (0062,0001) is not BINARY, FRACTIONAL or LABELMAP")
    headers = frame_headers(path, dataset)
    wanted = [
        n for n, h in enumerate(headers) if kind == "LABELMAP" or integer_of(h, "ReferencedSegmentNumber") == number
    ]
    largest = integer_of(dataset, "MaximumFractionalValue") or 0
    if kind == "FRACTIONAL" and not largest:
        raise DicomError(f"{path}: a fractional segmentation without Maximum Fractional Value (0062,000E)")
    mask = np.zeros(geometry.shape, dtype=bool)
    for n, frame in zip(wanted, frames_of(path, dataset, wanted), strict=True):
        inside = {
            "BINARY": lambda f: f > 0,
            "FRACTIONAL": lambda f: f >= FRACTION * largest,
            "LABELMAP": lambda f: f == number,
        }[kind](frame)
        if inside.any():
            _place(path, n, headers[n], inside, geometry, mask)
    return Volume(mask, geometry, Quantity.LABEL)


def _place(path: Path, n: int, header: Dataset, inside: np.ndarray, geometry: Geometry, mask: np.ndarray) -> None:
    """Sets the voxels on which a frame's pixels (rows, columns) fall."""
    cosines, spacing = floats_of(header, "ImageOrientationPatient", 6), floats_of(header, "PixelSpacing", 2)
    position = floats_of(header, "ImagePositionPatient", 3)
    if cosines is None or spacing is None or position is None:
        raise DicomError(f"{path}: frame {n + 1} has no position, orientation or spacing; it cannot be placed")
    along_column, along_row = np.array(cosines[:3]) * spacing[1], np.array(cosines[3:]) * spacing[0]
    corners_rc = np.array([(r, c) for r in (0, inside.shape[0] - 1) for c in (0, inside.shape[1] - 1)], dtype=float)
    corners = np.array(position) + corners_rc[:, :1] * along_row + corners_rc[:, 1:] * along_column
    index = geometry.to_index(corners @ LPS_TO_RAS[:3, :3].T)
    origin = np.rint(index[0]).astype(int)
    steps = (
        np.linalg.inv(geometry.affine_ras[:3, :3]) @ LPS_TO_RAS[:3, :3] @ np.stack([along_row, along_column], axis=1)
    )
    whole = np.rint(steps).astype(int)
    expected = origin + corners_rc.astype(int) @ whole.T
    one_voxel_each = (np.abs(whole).sum(axis=0) == 1).all() and (whole[:, 0] @ whole[:, 1]) == 0
    if not one_voxel_each or np.abs(index - expected).max() > LATTICE_TOLERANCE:
        raise DicomError(
            f"{path}: frame {n + 1} does not lie on the voxels of its image ({geometry.describe()}); "
            "it was made on another grid, resample it at its source"
        )
    places = origin + np.argwhere(inside) @ whole.T
    if (places < 0).any() or (places >= geometry.shape).any():
        raise DicomError(f"{path}: frame {n + 1} has segmented pixels outside of its image; it was made on another")
    mask[tuple(places.T)] = True
