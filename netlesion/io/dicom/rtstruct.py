"""RTSTRUCT contours -> a mask on the grid of the image they were drawn on.

A voxel belongs to a structure when its centre lies inside an odd number of the contours of its slice, so
that inner contours are holes, and a keyhole contour is one too. Contours off the slice planes are refused, and
contours of one slice that overlap in part, for their union may be meant; points and open lines enclose nothing and are
left out. No message repeats a structure's name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from pydicom.dataelem import RawDataElement

from netlesion.errors import DicomError
from netlesion.image.volume import Quantity, Volume
from netlesion.io.dicom.file import RTSTRUCT, integer_of, read_whole, text_of
from netlesion.io.dicom.slices import LPS_TO_RAS

if TYPE_CHECKING:
    from pathlib import Path

    from netlesion.image.geometry import Geometry
    from netlesion.io.dicom.index import Series

#: A contour point may lie this fraction of a slice step away from its slice.
PLANE_TOLERANCE = 0.2
CLOSED = ("CLOSED_PLANAR", "CLOSEDPLANAR_XOR")
OPEN = ("POINT", "OPEN_PLANAR", "OPEN_NONPLANAR")
#: No patient is larger (mm); a coordinate beyond it is broken.
LARGEST_COORDINATE_MM = 1e5


@dataclass(frozen=True, eq=False)
class Structure:
    """One ROI: its name and number, the image series it was drawn on, and its closed contours in RAS+ mm (N, 3).

    num_open: points, open lines and contours of fewer than three points, which were left out. xor: whether overlaps are
    holes by declaration.
    """

    name: str
    series_uid: str | None
    frame_of_reference_uid: str | None
    contours_mm: tuple[np.ndarray, ...]
    number: int = 0
    num_open: int = 0
    xor: bool = False


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
    closed = [_points(path, number, c) for c, kind in zip(contours, kinds, strict=True) if kind in CLOSED]
    closed = [points for points in closed if points is not None]
    return Structure(
        name=text_of(roi, "ROIName") or "",
        series_uid=_referenced_series(dataset),
        frame_of_reference_uid=text_of(roi, "ReferencedFrameOfReferenceUID"),
        contours_mm=tuple(closed),
        number=number,
        num_open=len(contours) - len(closed),
        xor="CLOSEDPLANAR_XOR" in kinds,
    )


def structure_mask(structure: Structure, geometry: Geometry) -> Volume:
    """A 0/1 LABEL volume of one structure; raises DicomError when a contour is off plane, outside, or half another's.

    What reaches beyond the edges of a slice is cut off (`beyond_mm` tells how much).
    """
    mask = np.zeros(geometry.shape, dtype=bool)
    of_slice: dict[int, list[_Filled]] = {}
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
        filled = _fill(index[:, :2], geometry.shape[:2])
        others = of_slice.setdefault(k, [])
        if not structure.xor and any(filled.overlaps_in_part(other) for other in others):
            raise DicomError(
                f"two contours of ROI {structure.number} on slice {k} overlap in part, or are one twice: whether a "
                "hole or their union is meant cannot be told; correct them in the contouring program"
            )
        others.append(filled)
        mask[:, :, k][filled.box] ^= filled.inside
    return Volume(mask, geometry, Quantity.LABEL)


def beyond_mm(structure: Structure, geometry: Geometry) -> float:
    """How far contours reach beyond the edges of their slices, mm; 0 where all of them lie inside."""
    farthest = 0.0
    for contour in structure.contours_mm:
        index = geometry.to_index(contour)[:, :2]
        beyond = np.maximum(-0.5 - index, index - (np.array(geometry.shape[:2]) - 0.5)).max(axis=0)
        farthest = max(farthest, float((beyond * np.array(geometry.spacing_mm[:2])).max()))
    return farthest


@dataclass(frozen=True, eq=False)
class _Filled:
    """The voxels of one contour: the part of its slice around it, and which voxels of that lie inside."""

    box: tuple[slice, slice]
    inside: np.ndarray

    def overlaps_in_part(self, other: _Filled) -> bool:
        """Whether the two share voxels and neither lies in the other with room to spare."""
        low = [max(a.start, b.start) for a, b in zip(self.box, other.box, strict=True)]
        high = [min(a.stop, b.stop) for a, b in zip(self.box, other.box, strict=True)]
        if low[0] >= high[0] or low[1] >= high[1]:
            return False
        common = [
            f.inside[tuple(slice(lo - b.start, hi - b.start) for lo, hi, b in zip(low, high, f.box, strict=True))]
            for f in (self, other)
        ]
        shared = int((common[0] & common[1]).sum())
        sizes = int(self.inside.sum()), int(other.inside.sum())
        return shared > 0 and (shared < min(sizes) or sizes[0] == sizes[1])


def _fill(polygon: np.ndarray, shape: tuple[int, int]) -> _Filled:
    """The voxels (i, j) whose centre lies inside the polygon (N, 2), by the even-odd rule."""
    low = np.maximum(0, np.ceil(polygon.min(axis=0))).astype(int)
    high = np.maximum(low, np.minimum(np.array(shape), np.floor(polygon.max(axis=0)) + 1).astype(int))
    i = np.arange(low[0], high[0])[:, None]
    j = np.arange(low[1], high[1])[None, :]
    inside = np.zeros((i.size, j.size), dtype=bool)
    for (i0, j0), (i1, j1) in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
        if j0 == j1:
            continue
        if j0 > j1:  # an edge is cut at the same places whichever way it is walked: a keyhole's bridge cancels exactly
            i0, j0, i1, j1 = i1, j1, i0, j0
        spans = (j0 <= j) != (j1 <= j)
        inside ^= spans & (i < i0 + (j - j0) * (i1 - i0) / (j1 - j0))
    return _Filled((slice(int(low[0]), int(high[0])), slice(int(low[1]), int(high[1]))), inside)


def _points(path: Path, number: int, contour) -> np.ndarray | None:
    """Contour Data as RAS+ mm, None for fewer than three points, which enclose nothing.

    Parsed from the stored text: pydicom's own numbers would take thirty times its size.
    """
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
    declared = integer_of(contour, "NumberOfContourPoints")
    if len(lps) < 3 and declared is not None and declared != len(lps):
        raise DicomError(f"{path}: ROI {number} has a contour of {declared} points that holds {len(lps)}; restore it")
    if not (np.abs(lps) < LARGEST_COORDINATE_MM).all():
        raise DicomError(f"{path}: ROI {number} has points beyond reason; restore the file from its source")
    if len(lps) < 3:
        return None
    return lps @ LPS_TO_RAS[:3, :3].T


def _referenced_series(dataset) -> str | None:
    for frame in dataset.get("ReferencedFrameOfReferenceSequence") or ():
        for study in frame.get("RTReferencedStudySequence") or ():
            for series in study.get("RTReferencedSeriesSequence") or ():
                return str(series.SeriesInstanceUID)
    return None
