"""RTSTRUCT contours -> a mask on the grid of the image they were drawn on.

A voxel belongs to a structure when its centre lies inside an odd number of the contours of its slice, so
that inner contours are holes, and a keyhole contour is one too. Contours off the slice planes are refused;
points and open lines enclose nothing and are left out. No message repeats a structure's name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from pydicom.dataelem import RawDataElement

from netlesion.errors import DicomError
from netlesion.io.dicom_file import RTSTRUCT, read_whole, text_of
from netlesion.io.slice_stack import LPS_TO_RAS
from netlesion.volume import Quantity, Volume

if TYPE_CHECKING:
    from pathlib import Path

    from netlesion.geometry import Geometry
    from netlesion.io.dicom_index import Series

#: A contour point may lie this share of a slice step away from its slice.
PLANE_TOLERANCE = 0.2
CLOSED = ("CLOSED_PLANAR", "CLOSEDPLANAR_XOR")
OPEN = ("POINT", "OPEN_PLANAR", "OPEN_NONPLANAR")
#: No patient is larger (mm); a coordinate beyond it is broken.
LARGEST_COORDINATE_MM = 1e5


@dataclass(frozen=True, eq=False)
class Structure:
    """One ROI: its name and number, the image series it was drawn on, and its closed contours in RAS+ mm (N, 3).

    num_open: points and open lines that were left out.
    """

    name: str
    series_uid: str | None
    frame_of_reference_uid: str | None
    contours_mm: tuple[np.ndarray, ...]
    number: int = 0
    num_open: int = 0


def read_structures(series: Series) -> tuple[Structure, ...]:
    """Every ROI with closed contours in the RTSTRUCT files of a series; raises DicomError for the first broken one."""
    if series.sop_class != RTSTRUCT:
        raise DicomError(f"{series.label}: not an RTSTRUCT")
    structures = []
    for path in series.files:
        dataset = read_whole(path)
        rois = dataset.get("StructureSetROISequence") or ()
        structures += [read_structure(path, dataset, int(roi.ROINumber)) for roi in rois]
    return tuple(s for s in structures if s.contours_mm)


def read_structure(path: Path, dataset, number: int) -> Structure:
    """One ROI of an RTSTRUCT that was read from `path`; raises DicomError when its contours are broken."""
    try:
        (roi,) = [r for r in dataset.get("StructureSetROISequence") or () if int(r.ROINumber) == number]
        items = [c for c in dataset.get("ROIContourSequence") or () if int(c.ReferencedROINumber) == number]
        contours = [c for item in items for c in item.get("ContourSequence") or ()]
    except Exception as error:  # pydicom raises many kinds for broken sequences
        raise DicomError(
            f"{path}: ROI {number} is broken or there twice ({type(error).__name__}); restore it"
        ) from error
    kinds = [text_of(contour, "ContourGeometricType") for contour in contours]
    for kind in kinds:
        if kind not in (*CLOSED, *OPEN):
            raise DicomError(f"{path}: ROI {number} has a contour of no known type; expected CLOSED_PLANAR")
    closed = [c for c, kind in zip(contours, kinds, strict=True) if kind in CLOSED]
    return Structure(
        name=text_of(roi, "ROIName") or "",
        series_uid=_referenced_series(dataset),
        frame_of_reference_uid=text_of(roi, "ReferencedFrameOfReferenceUID"),
        contours_mm=tuple(_points(path, number, contour) for contour in closed),
        number=number,
        num_open=len(contours) - len(closed),
    )


def structure_mask(structure: Structure, geometry: Geometry) -> Volume:
    """A 0/1 LABEL volume of one structure; raises DicomError when a contour is off plane or outside."""
    mask = np.zeros(geometry.shape, dtype=bool)
    for contour in structure.contours_mm:
        index = geometry.to_index(contour)
        k = int(np.rint(index[:, 2].mean()))
        off = float(np.abs(index[:, 2] - k).max())
        if off > PLANE_TOLERANCE:
            raise DicomError(
                f"a contour of ROI {structure.number} lies {off:.2f} slices off the image's slice {k}; "
                "it was drawn on another image or another orientation"
            )
        if not 0 <= k < geometry.shape[2]:
            raise DicomError(
                f"a contour of ROI {structure.number} lies on slice {k} of an image with {geometry.shape[2]}"
            )
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
        if j0 > j1:  # an edge is cut at the same places whichever way it is walked: a keyhole's bridge cancels exactly
            i0, j0, i1, j1 = i1, j1, i0, j0
        spans = (j0 <= j) != (j1 <= j)
        inside ^= spans & (i < i0 + (j - j0) * (i1 - i0) / (j1 - j0))
    plane[low[0] : high[0] + 1, low[1] : high[1] + 1] ^= inside


def _points(path: Path, number: int, contour) -> np.ndarray:
    """Contour Data as RAS+ mm, parsed from the stored text: pydicom's own numbers would take thirty times its size."""
    item = contour.get_item("ContourData")
    try:
        if isinstance(item, RawDataElement):
            lps = np.array((item.value or b"").split(b"\\"), dtype=np.float64).reshape(-1, 3)
        else:
            lps = np.array([float(v) for v in (item.value if item is not None else ())]).reshape(-1, 3)
    except (TypeError, ValueError) as error:
        raise DicomError(
            f"{path}: contour data of ROI {number} are not triples of numbers; restore the file from its source"
        ) from error
    if len(lps) < 3 or not (np.abs(lps) < LARGEST_COORDINATE_MM).all():
        raise DicomError(f"{path}: ROI {number} has a closed contour of {len(lps)} points, or points beyond reason")
    return lps @ LPS_TO_RAS[:3, :3].T


def _referenced_series(dataset) -> str | None:
    for frame in dataset.get("ReferencedFrameOfReferenceSequence") or ():
        for study in frame.get("RTReferencedStudySequence") or ():
            for series in study.get("RTReferencedSeriesSequence") or ():
                return str(series.SeriesInstanceUID)
    return None
