"""What an RTSTRUCT or a segmentation says of the image it was drawn on: its series, its slices, its place in space.

Takes headers, returns plain values; knows nothing about which images there are.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from netlesion.io.dicom.file import floats_of, text_of
from netlesion.io.dicom.multiframe import frame_headers
from netlesion.io.dicom.slices import LPS_TO_RAS

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

#: The slices named (as `Slice.instance`), and points in RAS+ mm (see `roi_image.on_lattice`).
Place = tuple[frozenset[bytes], np.ndarray | None]


def structures_image(header: Dataset, frame_uid: str | None) -> tuple[str | None, str | None]:
    """The one series that an RTSTRUCT names for contours of a frame of reference, and the frame that it gives it.

    None where it names none or several. Where no frame of reference is that of the contours, the first series named.
    """
    of_frame: dict[str | None, list[str]] = {}
    for frame in header.get("ReferencedFrameOfReferenceSequence") or ():
        uids = of_frame.setdefault(text_of(frame, "FrameOfReferenceUID"), [])
        for study in frame.get("RTReferencedStudySequence") or ():
            for series in study.get("RTReferencedSeriesSequence") or ():
                uid = text_of(series, "SeriesInstanceUID")
                if uid is not None and uid not in uids:
                    uids.append(uid)
    if frame_uid in of_frame:
        return (of_frame[frame_uid][0], frame_uid) if len(of_frame[frame_uid]) == 1 else (None, None)
    return next(((uid, frame) for frame, uids in of_frame.items() for uid in uids), (None, None))


def segments_image(header: Dataset) -> str | None:
    """The one series that a segmentation names; None where it names none or several."""
    uids = {text_of(series, "SeriesInstanceUID") for series in header.get("ReferencedSeriesSequence") or ()} - {None}
    return uids.pop() if len(uids) == 1 else None


def structure_place(header: Dataset, number: int) -> Place:
    """The slices that the contours of one ROI name, and one point (N, 1, 3) of each."""
    instances, points = set(), []
    for item in header.get("ROIContourSequence") or ():
        if int(item.ReferencedROINumber) != number:
            continue
        for contour in item.get("ContourSequence") or ():
            instances |= set(_instances(contour.get("ContourImageSequence") or ()))
            values = (text_of(contour, "ContourData") or "").split("\\", 3)[:3]
            if len(values) == 3:
                points.append([[float(v) for v in values]])
    return frozenset(instances), np.array(points).reshape(-1, 1, 3) @ LPS_TO_RAS[:3, :3].T


def segments_place(path: Path, header: Dataset) -> Place:
    """The slices that the frames of a segmentation were made from, and three points (N, 3, 3) of each frame."""
    instances, points = set(), []
    for group in header.get("PerFrameFunctionalGroupsSequence") or ():
        for derivation in group.get("DerivationImageSequence") or ():
            instances |= set(_instances(derivation.get("SourceImageSequence") or ()))
    for frame in frame_headers(path, header):
        names = (("ImagePositionPatient", 3), ("ImageOrientationPatient", 6), ("PixelSpacing", 2))
        position, cosines, spacing = (floats_of(frame, name, count) for name, count in names)
        if position is None or cosines is None or spacing is None:
            return frozenset(instances), None
        row, column = np.array(cosines[:3]) * spacing[1], np.array(cosines[3:]) * spacing[0]
        points.append(np.array(position) + np.array([np.zeros(3), row, column]))
    return frozenset(instances), np.array(points).reshape(-1, 3, 3) @ LPS_TO_RAS[:3, :3].T


def _instances(items) -> Iterator[bytes]:
    for item in items:
        uid = text_of(item, "ReferencedSOPInstanceUID")
        if uid is not None:
            yield blake2b(uid.encode(), digest_size=16).digest()
