"""RTSTRUCT contours -> a mask on the grid of the image they were drawn on.

A voxel belongs to a structure when its centre lies inside an odd number of the contours of its slice, so
that inner contours are holes. Contours off the slice planes are refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from netlesion.errors import DicomError
from netlesion.io.dicom import LPS_TO_RAS, RTSTRUCT, Series, read_whole
from netlesion.volume import Quantity, Volume

if TYPE_CHECKING:
    from netlesion.geometry import Geometry

#: A contour point may lie this share of a slice step away from its slice.
PLANE_TOLERANCE = 0.2


@dataclass(frozen=True, eq=False)
class Structure:
    """One ROI: its name, the UID of the image series it was drawn on, and its contours in RAS+ mm (N, 3)."""

    name: str
    series_uid: str | None
    frame_of_reference_uid: str | None
    contours_mm: tuple[np.ndarray, ...]


def read_structures(series: Series) -> tuple[Structure, ...]:
    """Every ROI with closed planar contours in the RTSTRUCT files of a series."""
    if series.sop_class != RTSTRUCT:
        raise DicomError(f"{series.label}: not an RTSTRUCT")
    structures = []
    for path in series.files:
        dataset = read_whole(path)
        contours = {int(item.ReferencedROINumber): item for item in dataset.get("ROIContourSequence") or ()}
        for roi in dataset.get("StructureSetROISequence") or ():
            item = contours.get(int(roi.ROINumber))
            points = [_points(path, c) for c in (item.get("ContourSequence") or () if item is not None else ())]
            if points:
                structures.append(
                    Structure(
                        name=str(roi.ROIName),
                        series_uid=_referenced_series(dataset),
                        frame_of_reference_uid=str(roi.get("ReferencedFrameOfReferenceUID", "")) or None,
                        contours_mm=tuple(points),
                    )
                )
    return tuple(structures)


def structure_mask(structure: Structure, geometry: Geometry) -> Volume:
    """A 0/1 LABEL volume of one structure; raises DicomError when a contour is off plane or outside."""
    mask = np.zeros(geometry.shape, dtype=bool)
    for contour in structure.contours_mm:
        index = geometry.to_index(contour)
        k = int(np.rint(index[:, 2].mean()))
        off = float(np.abs(index[:, 2] - k).max())
        if off > PLANE_TOLERANCE:
            raise DicomError(
                f"contour of {structure.name!r} lies {off:.2f} slices off the image's slice {k}; "
                "it was drawn on another image or another orientation"
            )
        if not 0 <= k < geometry.shape[2]:
            raise DicomError(f"contour of {structure.name!r} lies on slice {k} of an image with {geometry.shape[2]}")
        _toggle_polygon(mask[:, :, k], index[:, :2])
    return Volume(mask, geometry, Quantity.LABEL)


def _toggle_polygon(plane: np.ndarray, polygon: np.ndarray) -> None:
    """Flips, in place, the voxels (i, j) whose centre lies inside the polygon (N, 2), by the even-odd rule."""
    low = np.maximum(0, np.ceil(polygon.min(axis=0))).astype(int)
    high = np.minimum(np.array(plane.shape) - 1, np.floor(polygon.max(axis=0))).astype(int)
    if (high < low).any():
        return
    i = np.arange(low[0], high[0] + 1)[:, None]
    j = np.arange(low[1], high[1] + 1)[None, :]
    inside = np.zeros((i.size, j.size), dtype=bool)
    for (i0, j0), (i1, j1) in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
        if j0 == j1:
            continue
        spans = (j0 <= j) != (j1 <= j)
        inside ^= spans & (i < i0 + (j - j0) * (i1 - i0) / (j1 - j0))
    plane[low[0] : high[0] + 1, low[1] : high[1] + 1] ^= inside


def _points(path, contour) -> np.ndarray:
    kind = str(contour.get("ContourGeometricType", ""))
    if kind != "CLOSED_PLANAR":
        raise DicomError(f"{path}: contour of type {kind or 'missing'}; only CLOSED_PLANAR is handled so far")
    try:
        lps = np.array([float(v) for v in contour.get("ContourData") or ()]).reshape(-1, 3)
    except (TypeError, ValueError) as error:
        raise DicomError(
            f"{path}: contour data are not triples of numbers; restore the file from its source"
        ) from error
    if len(lps) < 3 or not np.isfinite(lps).all():
        raise DicomError(f"{path}: a closed contour of {len(lps)} points, or points that are not finite")
    return lps @ LPS_TO_RAS[:3, :3].T


def _referenced_series(dataset) -> str | None:
    for frame in dataset.get("ReferencedFrameOfReferenceSequence") or ():
        for study in frame.get("RTReferencedStudySequence") or ():
            for series in study.get("RTReferencedSeriesSequence") or ():
                return str(series.SeriesInstanceUID)
    return None
